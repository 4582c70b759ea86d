"""The curves of a training while it goes on, with gaps."""

import copy
import math
import pickle

import numpy as np
import pytest

from helpers.curves.growing import Growing
from helpers.curves.history import describe, panes

RNG = np.random.default_rng(0)


def grown(rows, **told):
    run = Growing(1, **told)
    for row in rows:
        run.add(row)
    return run


def falling(epochs, every=1, **more):
    """Rows of a run whose validation loss is measured after every so many epochs."""
    rows = [{"loss": 2 / epoch, **more} for epoch in range(1, epochs + 1)]
    for epoch in range(every, epochs + 1, every):
        rows[epoch - 1]["val_loss"] = 2 / epoch + 0.1
    return rows


@pytest.mark.parametrize("epochs", [1, 2, 7, 30])
def test_a_whole_run_is_told_as_its_history(epochs):
    run = grown(falling(epochs))
    assert run.words() == describe(run.history()) and len(run) == epochs
    assert run.history() == run.drawn()


@pytest.mark.parametrize("every, before", [(2, 0), (3, 0), (5, 10), (1, 4)])
def test_a_gap_is_not_a_loss_that_stopped_being_a_number(every, before):
    run = grown(falling(30, every), before=before)
    values = panes(run.drawn())[0].val
    assert np.isfinite(values).sum() == 30 // every and len(values) == len(run) == 30 + before
    words = run.words()
    assert "number" not in words and "falls" in words
    assert f"at epoch {before + 30 // every * every} of {before + 30}" in words
    assert (f"after {30 // every} of 30 epochs" in words) == (every > 1)
    assert (f"begin at epoch {before + 1}." in words) == (before > 0)
    assert run.history()["val_loss"].count(None) == 30 - 30 // every


@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_loss_that_is_no_number_is_told(at):
    rows = falling(5)
    rows[at]["loss"] = math.nan
    assert "stopped being a number" in grown(rows).words()


@pytest.mark.parametrize(
    "value", [[1, 2], np.eye(2), "text", None, object(), {"a": 1}], ids=lambda value: type(value).__name__
)
def test_what_is_no_number_is_left_out(value):
    run = grown(falling(3, odd=value))
    assert set(run.history()) == {"loss", "val_loss"} and run.words() == describe(run.history())


@pytest.mark.parametrize("value", [1, True, 0.5, np.float32(0.5), np.array(0.5)], ids=repr)
def test_what_is_one_number_is_taken(value):
    assert grown(falling(3, odd=value)).history()["odd"] == [float(value)] * 3


@pytest.mark.parametrize(
    "row, drawn",
    [
        ({"g_loss": 2.0, "d_loss": 1.0, "val_g_loss": 3.0}, "g_loss"),
        ({"score": 2.0, "val_score": 3.0}, "score"),
        ({"accuracy": 0.5, "reconstruction_loss": 2.0, "val_reconstruction_loss": 3.0}, "reconstruction_loss"),
    ],
)
def test_without_a_loss_the_likeliest_figure_is_drawn_and_it_is_said(row, drawn):
    run = grown([row] * 4)
    assert run.history()["loss"] == [2.0] * 4 and run.history()["val_loss"] == [3.0] * 4
    assert f"so {drawn} is drawn" in run.words()


@pytest.mark.parametrize("row", [{}, None, {"text": "nothing"}])
def test_a_training_without_any_figure_is_no_fault(row):
    assert "number" in grown([row] * 3).words()
    assert "No epoch" in Growing(1).words()


def test_a_ghost_has_lines_across_its_gaps_and_not_beyond():
    _, history = grown(falling(12, every=5), before=2).as_ghost()
    known = np.isfinite(history["val_loss"])
    assert known.tolist() == [7 - 1 <= epoch <= 12 - 1 for epoch in range(14)]
    whole = grown(falling(9)).as_ghost()
    assert whole == ("run 1", grown(falling(9)).history())


def test_like_is_who_has_the_same_figures_of_training():
    run = grown(falling(3, accuracy=0.5))
    assert run.like(grown(falling(9, every=4, accuracy=0.1))) and not run.like(grown(falling(3)))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
def test_a_copy_has_the_curves_and_not_the_network(again):
    run = grown(falling(3), label="mine")
    run.left = lambda: None  # nothing that could be pickled
    copied = again(run)
    assert copied.left is None and copied.as_ghost() == run.as_ghost() and run.left
