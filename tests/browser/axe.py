"""axe-core on a page of JupyterLab: what it finds in the texts and outputs of a notebook, in both themes."""

from pathlib import Path

import axe_playwright_python

from tests.browser.lab import wait_until

SCRIPT = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
THEMES = {"JupyterLab Dark": "false", "JupyterLab Light": "true"}  # and whether it calls itself light


def use_theme(lab, theme):
    """Choose a theme in the menu, and wait until its colours are there."""
    light = THEMES[theme]
    lab.menu("Settings", "Theme", theme)
    lab.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
    lab.page.wait_for_selector("#jupyterlab-splash", state="detached")
    paper = 'getComputedStyle(document.querySelector(".jp-Notebook")).backgroundColor.match(/\\d+/)[0] > 128'
    wait_until(lambda: str(lab.page.evaluate(paper)).lower() == light, 20, "the theme's colours")


def violations(lab):
    """What breaks WCAG's rules of levels A and AA in texts and outputs: pairs (rule, HTML)."""
    if not lab.page.evaluate("'axe' in window"):
        lab.page.evaluate(SCRIPT)
    found = lab.page.evaluate("""() => axe.run({include: [['.jp-OutputArea'], ['.jp-RenderedMarkdown']]},
        {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})""")
    return [(rule["id"], node["html"][:200]) for rule in found["violations"] for node in rule["nodes"]]


def check_access(lab):
    """Nothing to complain of, neither in the dark nor in the light."""
    for theme in THEMES:
        use_theme(lab, theme)
        found = violations(lab)
        assert not found, (theme, found)
