"""The panel in Notebook 7, the other front end of Jupyter: alive from the first second, readable, and kept."""

import json

import pytest

from tests.browser.axe import violations
from tests.browser.lab import ROOT, Notebook, check_curves, wait_until
from tests.browser.test_lesson_1 import SLOW_BUILD

pytestmark = pytest.mark.slow

SETUP = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from helpers import *
import keras
from keras import layers"""
PANEL = "panel = explore(build, clothes, epochs=(1, 900, 900), dropout=(0.0, 0.8, 0.2))"


class Notebook7(Notebook):
    """A notebook open in Notebook 7, which shows no state of the kernel but in its cells."""

    PAGE = "notebooks/{name}"
    IDLE = ".jp-Notebook"


@pytest.fixture(scope="module")
def lab(server, browser):
    """A panel whose first run was stopped by the keyboard, while its cell was still running."""
    lab = Notebook7(server, browser, "seven.ipynb", [SETUP, SLOW_BUILD, PANEL])
    lab.run_all()
    wait_until(lambda: lab.panel() and int(lab.panel()["epoch"]) >= 2, 120, "the first run to be under way")
    prompt = lab.page.locator(".jp-CodeCell .jp-InputArea-prompt").nth(2)
    assert prompt.text_content().strip() == "[*]:" and lab.panel()["state"] == "training"
    lab.tab_to("Stop")
    lab.page.keyboard.press("Enter")
    lab.wait_for_state("stopped", seconds=20)
    wait_until(lambda: prompt.text_content().strip() == "[3]:", 20, "the cell to end")
    yield lab
    lab.close()


def test_stop_ends_the_first_run_while_its_cell_is_running(lab):
    assert 2 <= int(lab.panel()["epoch"]) < 900 and lab.tracebacks() == []


def test_a_control_trains_the_network_again_and_the_curve_is_the_kernels(lab):
    run = int(lab.panel()["run"])
    lab.press("epochs", "Home")
    now = lab.wait_for_state("done", after_run=run)
    assert json.loads(now["settings"])["epochs"] == 1
    lab.press("dropout", "ArrowRight")
    lab.wait_for_state("done", after_run=int(now["run"]))
    check_curves(lab, lab.ask("panel.history.history"))


def test_axe_finds_nothing(lab):
    assert violations(lab) == []


def test_the_last_picture_stays_in_the_file_and_is_seen_without_a_kernel(lab, server, browser):
    wait_until(lambda: lab.page.locator(".live-kept img").count() == 1, 20, "the picture to be kept")
    assert not lab.page.locator(".live-kept img").is_visible()
    lab.menu("File", "Save Notebook")

    def outputs():
        cells = server.get(f"api/contents/{lab.name}")["content"]["cells"]
        return "live-kept" in json.dumps(cells[-1].get("outputs", []))

    wait_until(outputs, 20, "the file to be saved")
    saved = server.get(f"api/contents/{lab.name}")["content"]
    (server.folder / "again.ipynb").write_text(json.dumps(saved))
    server.trust("again.ipynb")
    again = Notebook7(server, browser, "again.ipynb")
    try:
        again.page.locator(".live-kept img").wait_for(timeout=30000)
        assert "dropout 0.25" in again.page.locator(".live-kept").inner_text()
        assert "model not found" not in again.page.locator(".jp-Notebook").inner_text()
    finally:
        again.close()
