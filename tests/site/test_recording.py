"""What the site has of the engine: recordings that can be read, that training gives again, and that fit the panels."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import notebooks
from tests.site import panels, record
from tests.site.recording import decoded, encoded, runs_of, settings_of

LESSONS = record.wanted()
CELLS = [(lesson, cell) for lesson, cells in LESSONS.items() for cell in cells]
LARGEST = 300 * 1024  # bytes of a lesson's file
RETRAINED = 3  # settings, drawn by lot
ALIKE = 3  # epochs of lesson 1 in which another processor's rounding makes less than a step


@given(st.lists(st.integers(-(10**12), 10**12)))
def test_numbers_are_read_as_they_were_written(numbers):
    assert decoded(encoded(numbers)) == numbers


def test_source_maps_write_them_the_same_way():
    """Letters from the format's own examples: 0 is A, 1 is C, -1 is D, 16 needs a second one."""
    assert encoded([0, 1, -1, 16, 511]) == "ACDgB+f"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_file_is_small_and_complete(lesson):
    assert record.path_of(lesson).stat().st_size < LARGEST
    recordings = record.read(lesson)
    assert list(recordings) == list(LESSONS[lesson])
    for recording in recordings.values():
        runs = runs_of(recording)
        assert len(runs) == len(settings_of(recording)) == math.prod(len(c["values"]) for c in recording["controls"])
        for run in runs:
            lengths = {len(values) for values in run.history.values()} | {len(run.words)}
            assert len(lengths) == 1 and 1 <= lengths.pop() <= recording["epochs"]["high"]
            # A run may end before its last epoch only because its loss is no number any more.
            whole = len(run.words) == recording["epochs"]["high"]
            assert whole or not math.isfinite(run.history["loss"][-1])
            assert all(word.endswith(".") for word in run.words)


@pytest.mark.slow
@pytest.mark.parametrize("lesson, cell", CELLS)
def test_a_recording_has_the_controls_of_its_panel(lesson, cell):
    recording, panel = record.read(lesson)[cell], panels.panel(lesson, cell)
    controls = panels.controls(panel)
    wanted = record.chosen_values(controls, LESSONS[lesson][cell])
    assert {control["name"]: control["values"] for control in recording["controls"]} == wanted
    for control in recording["controls"]:
        values, start = controls[control["name"]]
        assert control["start"] == start and start in control["values"]
        assert set(control["values"]) <= set(values), "places that the panel's own control has"
        assert control["said"] == [str(value) for value in control["values"]]
    epochs = controls["epochs"][0] if "epochs" in controls else [panel.settings["epochs"]]
    assert recording["epochs"] == {"low": epochs[0], "high": epochs[-1], "start": panel.settings["epochs"]}
    rest = {name for name in panel.settings if name not in ("epochs", *wanted)}
    assert recording["fixed"] == {name: panel.settings[name] for name in rest}


@pytest.mark.slow
def test_trained_again_a_setting_gives_its_recording(request):
    drawn = random.Random(request.config.option.lot)
    history, (_, run, recording) = again(*CELLS[0], 0), recorded(*CELLS[0], 0)
    assert agrees(history, run, recording, ALIKE)
    # Later epochs agree to the last step where this machine computes as the one that recorded: then all must.
    is_same_kind = agrees(history, run, recording)
    for lesson, cell in drawn.sample(CELLS, RETRAINED):
        number = drawn.randrange(len(record.read(lesson)[cell]["runs"]))
        history, (runs, run, recording) = again(lesson, cell, number), recorded(lesson, cell, number)
        which = f"{lesson}, {cell}, run {number}, --lot {request.config.option.lot}"
        assert agrees(history, run, recording) or not is_same_kind, which
        # On any machine no other setting's recording is nearer; those that are as near are the same run.
        distances = [distance(history, other.history) for other in runs]
        assert distances[number] <= min(distances) + 1e-9, which


def recorded(lesson, cell, number):
    """(all runs, the one with that number, the recording) of a panel."""
    recording = record.read(lesson)[cell]
    runs = runs_of(recording)
    return runs, runs[number], recording


def again(lesson, cell, number):
    """What training the settings of that run gives now."""
    recording, panel = record.read(lesson)[cell], panels.panel(lesson, cell)
    settings = {**settings_of(recording)[number], "epochs": recording["epochs"]["high"]}
    return panel._trainer.run_with(settings).history


def agrees(history, run, recording, epochs=None):
    """Whether they are the same to the recording's precision, in the first `epochs` epochs or in all."""

    def alike(values, known, step):
        values = [value if math.isfinite(value) else math.nan for value in values[:epochs]]
        return np.allclose(values, known[:epochs], atol=step, rtol=0, equal_nan=True)

    steps = zip(recording["metrics"], recording["steps"], strict=True)
    return all(alike(history[name], run.history[name], step) for name, step in steps)


def distance(history, other):
    """How far apart two histories are: the mean difference of their curves, as far as both are numbers."""
    apart = []
    for name, values in other.items():
        shared = min(len(values), len(history[name]))
        apart += [abs(a - b) for a, b in zip(values[:shared], history[name], strict=False) if math.isfinite(a - b)]
    return np.mean(apart) if apart else 0.0


@pytest.mark.parametrize("lesson, cell", CELLS)
def test_where_a_panel_starts_the_recording_says_what_the_notebook_says(lesson, cell):
    """The notebook was run by its own kernel, the recording by names that were taken out of it."""
    notebook = notebooks.read(notebooks.ROOT / "notebooks" / f"{lesson}.ipynb")
    (shown,) = [output for each in notebook.cells if each.id == cell for output in each.outputs if "data" in output]
    recording = record.read(lesson)[cell]
    start = {control["name"]: control["start"] for control in recording["controls"]}
    number = settings_of(recording).index({**recording["fixed"], **start})
    epochs = recording["epochs"]["start"]
    words = runs_of(recording)[number].words[epochs - 1]
    told = shown["data"]["text/plain"]
    assert told.startswith(f"Live panel at epochs {epochs}") and told.endswith(words), (told, words)


def test_charts_look_as_they_do_in_a_notebook():
    assert record.LOOKS.read_text(encoding="utf-8") == record.looks(), "run python -m tests.site.record looks"
