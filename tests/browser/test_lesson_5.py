"""Lesson 5 in a real JupyterLab, with the keyboard alone: the microscope, the panel, the small multiples, the
ribbon."""

import json

import numpy as np
import pytest

from tests.browser.lab import check_control, check_curves, wait_until

pytestmark = pytest.mark.slow

NOTEBOOK = "05_dropout_vs_batchnorm"
MICROSCOPE, PANEL, FOUR, MOMENTUM, RATES, RIBBON = PARTS = range(6)  # its live parts, from top to bottom
MULTIPLES = {FOUR: "four", MOMENTUM: "slow", RATES: "large"}


@pytest.mark.parametrize(
    "keyword, key",
    [
        ("rate", "ArrowRight"),
        ("batch_size", "Home"),
        ("step", "End"),
        ("momentum", "ArrowRight"),
        ("Another draw", "Enter"),
        ("rate", "Home"),
    ],
)
def test_every_control_of_the_microscope_shows_other_numbers(lesson, keyword, key):
    before = lesson.panel(MICROSCOPE)
    lesson.tab_to(keyword, MICROSCOPE)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("ready", panel=MICROSCOPE, after_run=int(before["run"]))
    assert json.loads(after["settings"]) == lesson.ask("look.settings") != json.loads(before["settings"])
    assert after["words"] != before["words"] or keyword in ("Another draw", "rate")
    dropped = lesson.ask("float(look.dropped)")
    assert abs(dropped - lesson.ask("look.settings['rate']")) < 0.02
    assert (f"{100 * dropped:.1f} %" if dropped else "no unit is dropped") in after["words"]


@pytest.mark.parametrize(
    "keyword, key",
    [
        ("dropout", "End"),
        ("batch_norm", "Space"),
        ("momentum", "ArrowRight"),
        ("dropout_first", "Space"),
        ("learning_rate", "ArrowRight"),
        ("epochs", "ArrowLeft"),
    ],
)
def test_every_control_of_the_panel_moves_its_curves(lesson, keyword, key):
    check_control(lesson, keyword, key, PANEL)
    epochs = int(lesson.panel(PANEL)["epochs"])
    logs = lesson.ask("panel.history.history")
    check_curves(lesson, {name: values[:epochs] for name, values in logs.items()}, PANEL)


@pytest.mark.parametrize(
    "panel, keyword, key",
    [
        (FOUR, "epochs", "ArrowLeft"),
        (FOUR, "seed", "ArrowRight"),
        (FOUR, "Train again with the next seed", "Enter"),
        (MOMENTUM, "epochs", "PageDown"),
        (MOMENTUM, "seed", "ArrowRight"),
        (RATES, "learning_rate", "ArrowLeft"),
        (RATES, "epochs", "ArrowLeft"),
        (RATES, "seed", "ArrowRight"),
    ],
)
def test_every_control_of_the_small_multiples_trains_all_of_them(lesson, panel, keyword, key):
    before = lesson.panel(panel)
    lesson.tab_to(keyword, panel)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("done", panel=panel, after_run=int(before["run"]), seconds=120)
    settings = json.loads(after["settings"])
    assert settings != json.loads(before["settings"]) and after["epoch"] == after["epochs"]
    name = MULTIPLES[panel]
    runs = lesson.ask(f"{{variant: history.history['val_loss'] for variant, history in {name}.histories.items()}}")
    assert int(after["epochs"]) == len(runs) * settings["epochs"]
    for variant, values in runs.items():  # each variant's lowest validation loss, where its chart marks it
        best = 1 + int(np.argmin(values[: settings["epochs"]]))
        assert f"(epoch {best})" in after["words"] or f"({best})" in after["words"], (variant, best, after["words"])


def test_a_control_of_the_ribbon_moves_it(lesson):
    lesson.tab_to("seeds", RIBBON)
    lesson.page.keyboard.press("Home")
    lesson.tab_to("dropout_first", RIBBON)
    lesson.page.keyboard.press("Space")

    def both_are_trained():  # in one run or in two, as the first may be overtaken before it begins
        settings = json.loads(lesson.panel(RIBBON)["settings"])
        trained = lesson.panel(RIBBON)["state"] == "done"
        return trained and settings["seeds"] == 2 and settings["B"]["dropout_first"] is True

    wait_until(both_are_trained, 200, "the ribbon of the new settings")
    assert lesson.ask("{side: len(runs) for side, runs in together.histories.items()}") == {"A": 2, "B": 2}


@pytest.mark.parametrize("keyword, key", [("epochs", "Home"), ("dropout", "ArrowLeft")])
def test_its_other_controls_move_it_too(lesson, keyword, key):
    before = lesson.panel(RIBBON)
    lesson.tab_to(keyword, RIBBON)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("done", panel=RIBBON, after_run=int(before["run"]), seconds=200)
    assert json.loads(after["settings"]) != json.loads(before["settings"]) and after["epoch"] == after["epochs"]
