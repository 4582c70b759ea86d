"""A long, rough use of the live parts in a real JupyterLab, by lot: moves, stops, interrupts, cells run again, the page
loaded anew, two tabs, the cable pulled out. Afterwards nothing on the page may be older than what the kernel knows.

A run of all tests takes a small part of it. All of it, with the figures: `pytest tests/browser/test_soak.py --full -s`.
"""

import json
import random
import time

import pytest

from tests.browser.cable import Cable
from tests.browser.lab import ROOT, Notebook, check_curves, wait_until

pytestmark = pytest.mark.slow

CELLS = [
    f"""import sys; sys.path.insert(0, {str(ROOT)!r})
import keras
from keras import layers
from helpers import data, explore, explore_gap
digits = data.digits(one_hot=True)
def build(width=16, dropout=0.2):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(width, activation="relu"), layers.Dropout(dropout),
                              layers.Dense(10, activation="softmax")])
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model""",
    "panel = explore(build, digits, epochs=(1, 30), dropout=(0.0, 0.8), width=[8, 16], n_train=400)",
    "gaps = explore_gap(build, digits, epochs=(1, 20), dropout=(0.0, 0.8), n_train=400)",
    "small = explore(build, digits, epochs=(1, 60, 40), width=[4, 32], batch_size=[8, 32], n_train=200)",
]
PARTS = {"panel": 0, "gaps": 1, "small": 2}
KEYS = ("ArrowRight", "ArrowLeft", "PageUp", "PageDown", "Home", "End")
OFTEN = {"move": 70, "stop": 10, "interrupt": 4, "run the cell again": 6, "load the page anew": 2, "other tab": 6}
CUT = 10  # seconds
KNOWN = 200  # moves after which every structure has been compiled, and memory may no longer grow


class Soak:
    """The pages, and what was done on them."""

    def __init__(self, lab, server, browser, cable, seed):
        self.lab, self.server, self.browser, self.cable = lab, server, browser, cable
        self.lot, self.done, self.memory = random.Random(seed), [], []

    def step(self):
        """One thing more, drawn by lot. A cell that runs again takes its part off the page for a moment."""
        self.mend()
        what = self.lot.choices(list(OFTEN), list(OFTEN.values()))[0]
        part = self.lot.choice(list(PARTS))
        {
            "move": lambda: self.move(part),
            "stop": lambda: self.press(part, "Stop", "Enter"),
            "interrupt": self.interrupt,
            "run the cell again": lambda: self.lab.run_cell(1 + PARTS[part]),
            "load the page anew": self.load_again,
            "other tab": lambda: self.in_another_tab(part),
        }[what]()
        self.done.append(what)
        time.sleep(self.lot.choice((0, 0.05, 0.3)))  # as a hand pauses: in the midst of a run, or not at all

    def move(self, part, lab=None):
        shown = (lab or self.lab).panel(PARTS[part])
        names = sorted(json.loads(shown["settings"])) if shown else ["epochs"]
        self.press(part, self.lot.choice(names), self.lot.choice(KEYS), lab)

    def press(self, part, control, key, lab=None):
        """Nothing happens where the control is not there just now, as with a hand that comes too late."""
        page = (lab or self.lab).page
        found = page.evaluate(
            """([name, panel]) => { try { const wanted = window.control(name, panel);
                wanted.focus(); return document.activeElement === wanted; } catch { return false; } }""",
            [control, PARTS[part]],
        )
        if found:
            page.keyboard.press(key)

    def interrupt(self):
        self.lab.server.post(f"api/kernels/{self.lab.kernel_id()}/interrupt")

    def load_again(self):
        self.settle()
        self.lab.page.keyboard.press("Control+s")
        self.lab.open()
        self.settle()

    def in_another_tab(self, part):
        """The same notebook opened a second time, and moved there."""
        self.settle()
        self.lab.page.keyboard.press("Control+s")
        other = Notebook(self.server, self.browser, self.lab.name, port=self.cable.port)
        try:
            wait_until(lambda: all(other.panel(number) for number in PARTS.values()), 60, "the parts in the other tab")
            self.move(part, other)
            self.settle()
            for name, number in PARTS.items():
                wait_until(
                    lambda number=number: self.seen(other, number) == self.seen(self.lab, number), 30, f"{name} there"
                )
            assert other.errors == []
        finally:
            other.page.close()

    def pull_the_cable(self):
        self.settle()
        part = self.lot.choice(list(PARTS))
        self.move(part)
        self.cable.pull_out()
        self.move(part)
        time.sleep(CUT)
        self.cable.plug_in()
        self.lab.wait_for_kernel()
        self.settle()

    @staticmethod
    def seen(lab, number):
        found = lab.panel(number)
        return found and {name: found[name] for name in ("state", "run", "epoch", "settings", "words")}

    def mend(self):
        """What somebody does whose interrupt has hit a cell before it had its part: run that cell again."""
        wait_until(lambda: self.lab.panel(len(PARTS) - 1) or self.is_idle(), 90, "all parts to be on the page")
        for name, number in PARTS.items():
            cell = self.lab.page.locator(".jp-Notebook .jp-CodeCell").nth(1 + number)
            if self.is_idle() and (not cell.locator(".live-panel").count() or self.lab.ask(f"{name}._closed")):
                self.lab.run_cell(1 + number)
                wait_until(lambda cell=cell: cell.locator(".live-panel").count(), 60, f"{name} to be there again")

    def is_idle(self):
        return self.server.get(f"api/kernels/{self.lab.kernel_id()}")["execution_state"] == "idle"

    def settle(self):
        """Wait until nothing trains, in the kernel and on the page."""
        wait_until(self.is_idle, 90, "the kernel to be idle")
        self.mend()
        for name, number in PARTS.items():

            def at_rest(name=name, number=number):
                state, idle = self.lab.ask(f"[{name}.state, {name}.idle.is_set()]")
                shown = self.lab.panel(number)
                return idle and state not in ("building", "training") and shown and shown["state"] == state

            try:
                wait_until(at_rest, 90, f"{name} to come to rest")
            except AssertionError as late:
                known = self.lab.ask(f"[{name}.state, {name}.idle.is_set(), {name}._closed, {name}._run_number]")
                raise AssertionError(f"{late}: {known}, {self.lab.panel(number)}, after {self.done[-12:]}") from None

    def check(self):
        """Nothing on the page is stale: no curve, no word, no setting."""
        self.settle()
        for name, number in PARTS.items():
            shown = self.lab.panel(number)
            known = self.lab.ask(
                f"[{name}.state, {name}._marks()['epoch'], {{k: c.value for k, c in {name}._controls.items()}}]"
            )
            state, epoch, values = known
            assert (shown["state"], int(shown["epoch"])) == (state, epoch), (name, shown, known)
            settings = json.loads(shown["settings"])
            assert {key: settings[key] for key in values} == pytest.approx(values), (name, shown, known)
            for key, value in values.items():
                assert float(self.lab.readout(key, number)) == pytest.approx(value), (name, key)
            assert state in ("done", "stopped"), shown
            if state == "done":
                assert shown["epoch"] == shown["epochs"] and "Stopped" not in shown["words"], shown
        history = self.lab.ask("panel.history.history")
        epochs = int(self.lab.panel(0)["epoch"])
        check_curves(self.lab, {key: values[:epochs] for key, values in history.items()}, 0)
        assert self.lab.tracebacks() == []
        self.memory.append((len(self.done), self.lab.ask("__import__('psutil').Process().memory_info().rss") / 2**20))


def test_after_a_long_rough_use_nothing_on_the_page_is_stale(server, browser, pytestconfig):
    moves, seed = pytestconfig.option.moves, pytestconfig.option.lot
    print(f"{moves} moves with --lot {seed}")
    cable = Cable(server.port)
    lab = Notebook(server, browser, "soak.ipynb", CELLS, port=cable.port)
    try:
        lab.run_all()
        lab.wait_for_state("done", panel=PARTS["small"], seconds=120)
        soak = Soak(lab, server, browser, cable, seed)
        for number in range(1, moves + 1):
            soak.step()
            if number % 20 == 0 or number == moves:
                soak.check()
                print(f"  after {number:4}: {soak.memory[-1][1]:.0f} MB")
        soak.pull_the_cable()
        soak.check()
        late = [size for after, size in soak.memory if after >= KNOWN]
        if len(late) > 10:  # the whole of it, not a part
            assert late[-1] - late[0] < 0.1 * (moves - KNOWN) + 30, soak.memory  # MB: less than a tenth for each move
    finally:
        lab.close()
        cable.close()
