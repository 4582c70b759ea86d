"""Lesson 1 from its first cell to its last without a mouse: cells, panels and folds."""

import json
import shutil

import pytest

from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

ACTIVE = "[...document.querySelectorAll('.jp-Cell')].findIndex(cell => cell.matches('.jp-mod-active'))"
PROMPT = "number => document.querySelectorAll('.jp-Cell')[number].querySelector('.jp-InputPrompt')?.textContent.trim()"
IS_CODE = "number => document.querySelectorAll('.jp-Cell')[number].matches('.jp-CodeCell')"
HAS_PANEL = "number => !!document.querySelectorAll('.jp-Cell')[number].querySelector('.live-panel')"


def tab_to(lab, selector, most=40):
    """Press Tab until what has the focus matches `selector`."""
    for _ in range(most):
        lab.page.keyboard.press("Tab")
        if lab.page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{most} times Tab do not lead to {selector}")


def test_lesson_1_can_be_worked_through_by_keyboard_alone(server, browser):
    shutil.copytree(ROOT / "notebooks", server.folder / "notebooks", ignore=shutil.ignore_patterns("saved"))
    name = "notebooks/01_training_with_fit.ipynb"
    sources = ["".join(cell["source"]) for cell in json.loads((ROOT / name).read_text("utf-8"))["cells"]]
    lab = Notebook(server, browser, name)
    keys, panels, opened = lab.page.keyboard, 0, 0
    try:
        for number, source in enumerate(sources):
            wait_until(lambda cell=number: lab.page.evaluate(ACTIVE) == cell, 20, f"cell {number} to be chosen")
            keys.press("Shift+Enter")
            wait_until(lambda cell=number: lab.page.evaluate(PROMPT, cell) not in ("[*]:", "[ ]:"), 120, "its end")
            if "explore(" in source and lab.page.evaluate(IS_CODE, number):
                # The cell's end is told before the page has drawn its output.
                wait_until(lambda cell=number: lab.page.evaluate(HAS_PANEL, cell), 60, f"the panel of cell {number}")
                lab.wait_for_state("done", panel=panels)
                keys.press("k")  # back to the cell of the panel
                tab_to(lab, ".live-part .noUi-handle")
                run = int(lab.panel(panels)["run"])
                keys.press("ArrowRight")
                lab.wait_for_state("done", panel=panels, after_run=run)
                keys.press("j")  # and on
                panels += 1
            elif "<summary>" in lab.page.locator(".jp-Cell").nth(number).inner_html() and not opened:
                keys.press("k")
                tab_to(lab, "summary")
                keys.press("Enter")
                assert lab.page.evaluate("document.activeElement.closest('details').open")
                keys.press("j")
                opened += 1
        assert panels == 3 and opened == 1
        assert lab.errors == [] and lab.tracebacks() == []
    finally:
        lab.close()
