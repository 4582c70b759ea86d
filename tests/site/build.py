"""Make the site: pages for Sphinx from the notebooks and documents, then HTML. Runs no notebook, asks no other host."""

import re
import shutil
import tomllib
import warnings

from sphinx.cmd.build import build_main

from tests import notebooks
from tests.claims.table import TABLE
from tests.links import LESSONS, ROOT
from tests.site import api, glossary, home, launch, lessons, slides

SITE = ROOT / "site"
BUILT = SITE / "_build"
ICONS = re.compile(r"<script [^>]*fontawesome\.js[^>]*></script>\n?")


def build(folder=BUILT):
    """Make all pages anew, in `folder`/html. Returns Sphinx's exit code: 0 if there was nothing to warn of."""
    source, html = folder / "source", folder / "html"
    for old in (source, html, folder / "doctrees"):
        shutil.rmtree(old, ignore_errors=True)
    pictures = html / "pictures"
    pictures.mkdir(parents=True)
    write_source(source, pictures)
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html", "--conf-dir", str(SITE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sphinx's advice to those who write its extensions
        code = build_main([*options, "--doctree-dir", str(folder / "doctrees"), str(source), str(html)])
    make_lighter(html)
    return code


def make_lighter(html):
    """Take out what the theme brings and no reader needs: its icons a second time, as a script of 1.5 MB beside the
    fonts, and the maps for those who mend its scripts and styles."""
    for page in html.glob("*.html"):
        page.write_text(ICONS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    for left in {*html.rglob("*.map"), *html.rglob("fontawesome.js*")}:
        left.unlink()


def write_source(source, pictures):
    """What Sphinx makes pages of, in the folder `source`; the pictures of the notebooks go to `pictures`."""
    source.mkdir(parents=True)
    for page in SITE.glob("*.md"):
        shutil.copy(page, source)
    aids = notebooks.read(ROOT / "notebooks" / "study_aids.ipynb")
    table = next(cell for cell in aids.cells if cell.id == "glossary")
    (source / "glossary.md").write_text(glossary.page(table.source), encoding="utf-8")
    terms = glossary.terms(table.source)
    table.source = "## Glossary\n\nAll words are in the [glossary](glossary.md)."
    recorded = tomllib.loads((SITE / "recordings.toml").read_text(encoding="utf-8"))
    pages = {"study_aids": ("study_aids", aids)}  # name of the page: (name of its lesson, notebook)
    for name in LESSONS:
        lesson = notebooks.read(ROOT / "notebooks" / f"{name}.ipynb")
        pages |= {slides.name_of(name): (name, slides.chosen(lesson)), name: (name, lesson)}
    for page, (name, notebook) in pages.items():
        text = lessons.page(notebook, name, recorded.get(name, ()), terms, pictures)
        (source / f"{page}.ipynb").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "notebooks" / "images" / "panel.png", pictures)  # for a home page without scripts
    (source / "index.md").write_text(home.page(), encoding="utf-8")
    instructors = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    (source / "instructors.md").write_text(launch.to_pages(instructors), encoding="utf-8")
    (source / "api.md").write_text(api.page(), encoding="utf-8")
    shutil.copy(TABLE, source / "claims.md")
