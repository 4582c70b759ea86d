"""While the first run of a part keeps its cell busy: Stop and every control answer, on this part and on the others."""

import time

import pytest

from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

SETUP = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from helpers import *
import keras
from keras import layers
clothes = data.clothing(n_train=2000, n_validation=300, one_hot=True)
def build(dropout=0.2, rate=0.001):
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Dropout(dropout),
                              layers.BatchNormalization(), layers.Flatten(), layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model"""
# Every part whose cell waits for its first run; each trains for minutes, if nobody stops it.
WAITING = {
    "explore": "part = explore(build, clothes, epochs=(1, 900, 900), dropout=(0.0, 0.8, 0.2))",
    "explore_gap": "part = explore_gap(build, clothes, epochs=(1, 900, 900), dropout=(0.0, 0.8, 0.2))",
    "ribbon": "part = ribbon(build, clothes, {'rate': 0.01}, seeds=5, epochs=(1, 900, 900), dropout=(0.0, 0.8, 0.2))",
    "multiples": "part = multiples(build, clothes, {'slow': {'rate': 0.001}, 'fast': {'rate': 0.01}},"
    " epochs=(1, 900, 900), dropout=(0.0, 0.8, 0.2))",
    "winners_curse": "part = winners_curse(build, clothes, {'rate': [0.001, 0.01]}, tries=(1, 800, 700),"
    " seed=(0, 9, 0), epochs=20)",
}
ENDLESS = """def endless(dropout=0.2):
    while True:
        pass"""


@pytest.fixture
def open_notebook(server, browser, request):
    opened = []

    def open_(*cells):
        name = request.node.name.replace("[", "_").strip("]")
        opened.append(Notebook(server, browser, f"{name}.ipynb", [SETUP, *cells]))
        return opened[-1]

    yield open_
    for notebook in opened:
        notebook.close()


def prompt(lab, number):
    return lab.page.locator(".jp-CodeCell .jp-InputArea-prompt").nth(number).text_content().strip()


def under_way(lab, cell, panel=0):
    """Wait until the first run of a panel draws, in a cell that is still running."""
    wait_until(lambda: lab.panel(panel) and int(lab.panel(panel)["epoch"]) >= 1, 120, "the first run to be under way")
    assert prompt(lab, cell) == "[*]:" and lab.panel(panel)["run"] == "1"


def press_stop(lab, panel=0):
    lab.focus("Stop", panel)
    lab.page.keyboard.press("Enter")


def answered(record_property, what, condition, seconds=30):
    """Wait for the answer, and note how long it took."""
    begin = time.perf_counter()
    found = wait_until(condition, seconds, what)
    record_property(what, round(time.perf_counter() - begin, 2))
    print(f"{what}: {time.perf_counter() - begin:.2f} s")
    return found


@pytest.mark.parametrize("kind", WAITING)
def test_a_control_and_stop_answer_while_the_cell_is_running(open_notebook, record_property, kind):
    lab = open_notebook(WAITING[kind], "after = part.state")
    lab.run_all()
    under_way(lab, 1)
    lab.press("seed" if kind == "winners_curse" else "dropout", "ArrowRight")
    answered(record_property, f"{kind}, a control", lambda: int(lab.panel()["run"]) > 1)
    wait_until(lambda: lab.panel()["state"] == "training" and int(lab.panel()["epoch"]) >= 1, 60, "the new run to draw")
    assert prompt(lab, 1) == "[*]:" and "■" not in lab.panel()["words"]
    press_stop(lab)
    answered(record_property, f"{kind}, Stop", lambda: lab.panel()["state"] == "stopped")
    wait_until(lambda: prompt(lab, 2) == "[3]:", 30, "the next cell to run")
    assert lab.ask("after") == "stopped" and lab.tracebacks() == [] and lab.errors == []
    run = int(lab.panel()["run"])
    lab.press("tries" if kind == "winners_curse" else "epochs", "Home")
    assert lab.wait_for_state("done", after_run=run)["epoch"] == lab.panel()["epochs"]  # and afterwards, too
    lab.wait_for_kernel()


def test_the_other_parts_answer_while_a_cell_is_running(open_notebook, record_property):
    cells = [
        "looking = microscope(build(), clothes.x_train[:128])",
        "rule = replay({'loss': [3.0, 2.0, 1.0, 0.9], 'val_loss': [3.0, 2.0, 2.5, 2.8]}, patience=(0, 3, 1))",
        "kept = explore(build, clothes, save_in=new_folder('first-run'), epochs=(1, 9, 3), n_train=200)",
        "travel = time_machine(kept, clothes)",
        "guess = sketch(build, clothes, epochs=20)",
        "ward = clinic(build, clothes)",
        WAITING["explore"],
    ]
    lab = open_notebook(*cells)
    looking, rule, kept, travel, guess, ward, busy = range(7)
    lab.run_all()
    under_way(lab, 7, busy)
    for panel, name, key in ((looking, "rate", "ArrowRight"), (rule, "patience", "End"), (travel, "epoch", "Home")):
        before = lab.panel(panel)["settings"]
        lab.press(name, key, panel=panel)
        answered(record_property, f"{name} of another part", lambda b=before, p=panel: lab.panel(p)["settings"] != b)
    lab.press("epoch 1", "ArrowRight", panel=guess)
    assert lab.panel(guess)["state"] == "ready"
    before = lab.panel(travel)["settings"]
    lab.focus("Last epoch", travel)
    lab.page.keyboard.press("Enter")
    answered(record_property, "a button of another part", lambda: lab.panel(travel)["settings"] != before)
    lab.focus("Commit", guess)
    lab.page.keyboard.press("Enter")
    answered(record_property, "that it waits", lambda: "Waiting" in lab.panel(guess)["words"])
    assert "explore(…) in cell [8]" in lab.panel(guess)["words"] and "Stop" in lab.panel(guess)["words"]
    assert prompt(lab, 7) == "[*]:"
    press_stop(lab, busy)
    answered(record_property, "Stop", lambda: lab.panel(busy)["state"] == "stopped")
    lab.wait_for_state("done", panel=guess, seconds=120)
    assert lab.tracebacks() == [] and lab.errors == []


@pytest.mark.parametrize("how", ["Stop", "Interrupt"])
def test_an_endless_builder_is_given_up_and_the_panels_work_again(open_notebook, record_property, how):
    hangs = "part = explore(endless, clothes, epochs=(1, 9, 3), dropout=(0.0, 0.8, 0.2))"
    works = "other = explore(build, clothes, epochs=(1, 9, 3), n_train=200)"
    lab = open_notebook(ENDLESS, hangs, works)
    lab.run_all()
    wait_until(lambda: lab.panel() and lab.panel()["state"] == "building" and lab.panel()["run"] == "1", 60, "the run")
    if how == "Stop":
        press_stop(lab)
    else:
        lab.page.locator(".jp-Notebook").first.focus()
        lab.menu("Kernel", "Interrupt Kernel")
    told = answered(record_property, f"given up after {how}", lambda: lab.panel()["state"] == "error" and lab.panel())
    lines = ("line 2 of the cell with your network: while True:", "line 3 of the cell with your network: pass")
    assert any(line in told["words"] for line in lines), told["words"]
    lab.wait_for_kernel()
    text = " ".join(lab.page.locator(".jp-OutputArea-output").all_text_contents())
    assert "has let go of it" in text and "Traceback" not in text
    lab.run_cell(3)
    lab.wait_for_state("done", panel=1)
    assert lab.ask("[t.name for t in __import__('threading').enumerate()].count('live panels')") == 1


def test_the_first_cell_says_at_once_that_tensorflow_is_loading(open_notebook):
    lab = open_notebook("late = 1")
    output = lab.page.locator(".jp-CodeCell").nth(0).locator(".jp-OutputArea")
    lab.run_all()
    wait_until(lambda: "Loading TensorFlow" in output.inner_text(), 30, "a word about the wait")
    assert prompt(lab, 0) == "[*]:" and prompt(lab, 1) == "[*]:"
    wait_until(lambda: "is loaded" in output.inner_text() and prompt(lab, 1) == "[2]:", 120, "both cells to have run")
    assert "Loading" not in output.inner_text() and lab.tracebacks() == []
