"""How Sphinx makes the site. Its pages are put together by tests/site/build.py."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["learning-curves-lab"]

project = "Learning Curves Lab"
author = "Learning Curves Lab"
html_title = project
language = "en-GB"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # the notebooks are shown with the outputs that they are committed with
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"
nb_mime_priority_overrides = [("html", "text/html", 0)]  # it brings the alt text
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_heading_slug_func = "tests.site.slugs.slug"
templates_path = ["_templates"]
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["chart.css", "site.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("chart.js", "explorer.js", "print.js")]
html_copy_source = False
html_show_copyright = False
html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_theme_options = {
    "navbar_persistent": [],  # the side bar has the search
    "repository_url": f"https://github.com/{HOME['repository']}",
    "repository_branch": HOME["branch"],
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "show_toc_level": 2,
}


def template_of(app, pagename, *_):
    """The home page and slides have templates of their own: the theme weighs several times what they show."""
    return {"index": "home.html", "slides": "slides.html"}.get(pagename.partition("_")[0])


def setup(app):
    app.connect("html-page-context", template_of)
