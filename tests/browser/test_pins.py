"""Runs that are pinned in a real JupyterLab, with the keyboard: named, read off, kept in files, taken off."""

import pytest

from tests.browser.axe import violations
from tests.browser.lab import Notebook, check_calm, wait_until
from tests.browser.test_lesson_1 import BUILD, EXPLORE, SETUP

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pinned(server, browser):
    """A panel with two pinned runs, and a third that is not pinned."""
    lab = Notebook(server, browser, "pins.ipynb", [SETUP, BUILD, EXPLORE])
    lab.run_all()
    lab.wait_for_state("done")
    lab.wait_for_kernel()
    press(lab, "Pin this run")
    wait_until(lambda: names(lab) == ["first settings"], 20, "the first run to be pinned")
    move(lab)
    press(lab, "Pin this run")
    wait_until(lambda: names(lab) == ["first settings", "dropout 0.25"], 20, "the second run to be pinned")
    move(lab)
    yield lab
    lab.close()


def press(lab, button):
    lab.tab_to(button)
    lab.page.keyboard.press("Enter")


def move(lab):
    run = int(lab.panel()["run"])
    lab.press("dropout", "ArrowRight")
    lab.wait_for_state("done", after_run=run)


def names(lab):
    return lab.page.evaluate("[...document.querySelectorAll('.live-pin input')].map(field => field.value)")


def in_legend(lab):
    return lab.page.evaluate("""() => [...document.querySelectorAll('.live-panel [data-pane=loss] [class^=pin] .name')]
        .map(words => words.textContent)""")


def test_a_pinned_run_keeps_its_line_while_others_come_and_go(pinned):
    colours = pinned.page.evaluate("""() => [...document.querySelectorAll('.live-panel [data-pane=loss] [class^=pin]')]
        .map(part => getComputedStyle(part.querySelector('.line')).stroke)""")
    assert in_legend(pinned) == ["first settings", "dropout 0.25"] and len(set(colours)) == 2
    pinned.forget_frames()
    move(pinned)
    assert in_legend(pinned) == ["first settings", "dropout 0.25"]
    check_calm(pinned, "pins", [0])
    known = pinned.ask("panel.pinned['first settings']['val_loss']")
    pinned.page.locator(".epochs label").nth(4).hover()
    assert f"{known[4]:.4g}" in pinned.page.locator(".epochs label").nth(4).inner_text()


def test_a_name_that_is_typed_stands_in_the_legend(pinned):
    pinned.page.locator(".live-pin input").nth(1).focus()
    pinned.page.keyboard.press("Control+a")
    pinned.page.keyboard.type("a quarter off")
    pinned.page.keyboard.press("Enter")
    wait_until(lambda: in_legend(pinned)[1:] == ["a quarter off"], 20, "the new name in the legend")


def test_the_runs_are_saved_beside_the_notebook_and_shown_as_code(pinned):
    press(pinned, "Save the runs")
    folder = pinned.server.folder / "saved" / "curves-1"
    wait_until(lambda: (folder / "curves.png").exists(), 20, "the picture to be saved")
    assert (folder / "curves.csv").read_text().count("this run,") == 15
    pinned.page.locator(".lab-code summary").focus()
    pinned.page.keyboard.press("Enter")
    assert 'model = build(**run["network"])' in pinned.page.locator(".lab-code pre").inner_text()
    pinned.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pinned.page.locator(".lab-code button").click()
    wait_until(lambda: pinned.page.locator(".lab-code button").inner_text() == "Copied", 20, "the code to be copied")
    assert pinned.page.evaluate("navigator.clipboard.readText()").startswith("# These runs again")


def test_assistive_technology_finds_nothing_to_complain_of(pinned):
    assert violations(pinned) == []


@pytest.mark.parametrize("width", [700, 1280])
def test_no_row_sticks_out(pinned, width):
    pinned.page.set_viewport_size({"width": width, "height": 1000})
    over = "[...document.querySelectorAll('.live-part')].map(part => part.scrollWidth - part.clientWidth)"
    wait_until(lambda: max(pinned.page.evaluate(over)) <= 1, 20, "all to have room")
    pinned.page.set_viewport_size({"width": 1280, "height": 1000})


def test_a_run_that_is_taken_off_leaves_the_picture(pinned):
    press(pinned, "Take off")
    wait_until(lambda: in_legend(pinned) == ["a quarter off"], 20, "the first pin to be gone")
    assert names(pinned) == ["a quarter off"]


def test_what_is_pinned_outlives_the_panel_when_its_cell_is_run_again(pinned):
    before = names(pinned)
    pinned.run_cell(2)
    wait_until(lambda: (pinned.panel() or {}).get("run") == "1", 60, "the panel of the cell that ran again")
    pinned.wait_for_state("done")
    assert names(pinned) == before == in_legend(pinned) and before
