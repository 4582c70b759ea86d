"""Lesson 4 in a real JupyterLab, with the keyboard alone: the time machines, the panel that feeds one, the crash
drill."""

import json

import pytest

from tests.browser.lab import ROOT, check_control, check_curves, wait_until

pytestmark = pytest.mark.slow

NOTEBOOK = "04_checkpointing"
MACHINE, PANEL, TRAVEL, DRILL = PARTS = range(4)  # its live parts, from top to bottom
IN_PLAIN_KERAS = """(lambda model, epoch: (model.load_weights({part}._run.folder / f"epoch_{{epoch:03d}}.weights.h5"),
    __import__("sklearn.metrics")
    .metrics.confusion_matrix(truth, model.predict(clothes.x_test, verbose=0).argmax(axis=1)).tolist())[1])({model},
        {part}.epoch)"""


def counts(lesson, panel):
    """The confusion matrix on the page, as a screen reader tells it."""
    cells = lesson.page.evaluate(
        """panel => [...document.querySelectorAll('.live-panel')[panel].querySelectorAll('[aria-label^="is "]')]
        .map(cell => +cell.getAttribute('aria-label').split(': ').pop())""",
        panel,
    )
    assert len(cells) == 9
    return [cells[:3], cells[3:6], cells[6:]]


def check_machine(lesson, panel, part, model="build()"):
    """What a time machine shows is what plain Keras says with the file of its epoch."""
    now = lesson.panel(panel)
    epoch = int(now["epoch"])
    assert lesson.ask(f"{part}.epoch") == epoch == int(lesson.readout("epoch", panel))
    expected = lesson.ask(IN_PLAIN_KERAS.format(part=part, model=model))
    assert counts(lesson, panel) == expected
    right = sum(expected[kind][kind] for kind in range(3))
    assert now["words"].startswith(f"Epoch {epoch} of {now['epochs']}") and f"{right} of 510" in now["words"]


@pytest.mark.parametrize(
    "key, move",
    [
        ("Home", lambda epoch: 1),
        ("ArrowRight", lambda epoch: epoch + 1),
        ("ArrowLeft", lambda epoch: epoch - 1),
        ("End", lambda epoch: 40),
        ("PageDown", None),
    ],
)
def test_a_key_travels_to_another_epoch(lesson, key, move):
    before = lesson.panel(MACHINE)
    lesson.tab_to("epoch", MACHINE)
    lesson.page.keyboard.press(key)
    after = lesson.wait_for_state("ready", panel=MACHINE, after_run=int(before["run"]))
    assert int(after["epoch"]) != int(before["epoch"]) and after["epochs"] == "40"
    if move:
        assert int(after["epoch"]) == move(int(before["epoch"]))
    check_machine(lesson, MACHINE, "machine")


@pytest.mark.parametrize(
    "panel, part, model", [(MACHINE, "machine", "build()"), (TRAVEL, "travel", "build(**panel.recording.settings)")]
)
@pytest.mark.parametrize("words, where", [("Best epoch", "best"), ("Last epoch", "epochs")])
def test_a_button_travels_there(lesson, panel, part, model, words, where):
    lesson.press("epoch", "Home", 1, panel)
    lesson.press("epoch", "ArrowRight", 1, panel)
    # The page sends a slider's last position only when the kernel has heard the one before; a button it sends at once.
    wait_until(lambda: lesson.panel(panel)["epoch"] == "2", 20, "the second epoch")
    before = lesson.panel(panel)
    lesson.tab_to(words, panel)
    lesson.page.keyboard.press("Enter")
    wait_until(lambda: int(lesson.panel(panel)["epoch"]) == lesson.ask(f"{part}.{where}"), 20, "the machine to arrive")
    assert int(lesson.panel(panel)["run"]) > int(before["run"])
    check_machine(lesson, panel, part, model)


def test_a_held_key_ends_at_the_right_answers(lesson):
    lesson.press("epoch", "Home", 1, MACHINE)
    lesson.press("epoch", "ArrowRight", 25, MACHINE)
    wait_until(lambda: lesson.panel(MACHINE)["epoch"] == "26", 30, "the last of 25 steps")
    check_machine(lesson, MACHINE, "machine")


@pytest.mark.parametrize(
    "keyword, key",
    [
        ("dropout", "End"),
        ("epochs", "ArrowRight"),
        ("learning_rate", "ArrowLeft"),
        ("seed", "ArrowRight"),
        ("epochs", "Home"),
    ],
)
def test_what_the_panel_trains_can_be_travelled_at_once(lesson, keyword, key):
    before = int(lesson.panel(TRAVEL)["run"])
    check_control(lesson, keyword, key, PANEL)
    settings = json.loads(lesson.panel(PANEL)["settings"])
    check_curves(
        lesson,
        lesson.ask(f"{{name: values[:{settings['epochs']}] for name, values in panel.history.history.items()}}"),
        PANEL,
    )
    now = lesson.wait_for_state("ready", panel=TRAVEL, after_run=before)
    assert now["epochs"] == str(settings["epochs"])
    assert (
        json.loads(now["settings"])["best"]
        == int(now["epoch"])
        == lesson.ask("1 + panel.history.history['val_loss'].index(min(panel.history.history['val_loss']))")
    )
    check_machine(lesson, TRAVEL, "travel", "build(**panel.recording.settings)")
    lesson.press("epoch", "Home", 1, TRAVEL)
    wait_until(lambda: lesson.panel(TRAVEL)["epoch"] == "1", 20, "the first epoch")
    check_machine(lesson, TRAVEL, "travel", "build(**panel.recording.settings)")


def test_the_drill_s_slider_kills_another_process_in_another_epoch(lesson):
    before = lesson.panel(DRILL)
    lesson.tab_to("kill_in", DRILL)
    lesson.page.keyboard.press("ArrowLeft")
    after = lesson.wait_for_state("done", panel=DRILL, after_run=int(before["run"]), seconds=120)
    kill_in = json.loads(after["settings"])["kill_in"]
    assert kill_in == json.loads(before["settings"])["kill_in"] - 1 and f"Killed in epoch {kill_in}" in after["words"]
    assert "whole.keras" in after["words"] and lesson.ask("drill.done") == kill_in - 1
    check_curves(lesson, lesson.ask("drill.history"), DRILL)
    assert lesson.ask("int(keras.models.load_model(drill.files / 'whole.keras').optimizer.iterations)") == 19 * (
        kill_in - 1
    )


def test_the_button_kills_it_now(lesson):
    before = lesson.panel(DRILL)
    lesson.tab_to("kill_in", DRILL)
    lesson.page.keyboard.press("End")
    lesson.wait_for_state("training", panel=DRILL, after_run=int(before["run"]), seconds=120)
    wait_until(lambda: int(lesson.panel(DRILL)["epoch"]) >= 2, 60, "two epochs")
    lesson.tab_to("Kill it now", DRILL)
    lesson.page.keyboard.press("Enter")
    after = lesson.wait_for_state("done", panel=DRILL, after_run=int(before["run"]), seconds=30)
    assert 2 <= lesson.ask("drill.done") < 12 and f"Killed in epoch {lesson.ask('drill.done') + 1}" in after["words"]


def test_nothing_is_written_but_into_folders_that_the_lesson_has_made(lesson):
    before = {path.name for path in (ROOT / "notebooks").iterdir()}
    names = {path.name for path in (lesson.server.folder / "notebooks").iterdir()}
    assert names - before - {".ipynb_checkpoints"} <= {"saved"}
    assert sorted(path.name for path in (lesson.server.folder / "notebooks" / "saved").iterdir()) == [
        "checkpoints-1",
        "panel-1",
    ]
