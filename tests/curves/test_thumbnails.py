"""Thumbnails: their curves are those of the history, by the numbers at their axes, and they give no verdict."""

from xml.etree import ElementTree

import numpy as np
import pytest

from helpers.curves import paper, thumbnails
from helpers.curves.history import panes

NAN = float("nan")
RUNS = {
    "a run": {"loss": [2.3, 1.1, 0.6], "val_loss": [2.2, 1.3, 1.4], "accuracy": [0.2, 0.6, 0.8]},
    "small figures": {"loss": [0.003, 0.002, 0.0015], "val_loss": [0.003, 0.0025, 0.002]},
    "another metric": {"loss": [250.0, 90.0], "mean_absolute_error": [12.0, 7.5]},
    "a gap": {"loss": [2.0, NAN, 1.0], "val_loss": [2.5, 1.5, NAN]},
    "one epoch": {"loss": [2.0], "val_loss": [2.5]},
}


def parts_of(drawn):
    """Of each plotting area its name, its limits, and its lines as lists of points."""
    for pane in ElementTree.fromstring(drawn).iterfind("g"):
        name, top, bottom = [text.text for text in pane.iterfind("text")]
        lines = [
            [tuple(map(float, point.split(","))) for point in line.get("points").split()]
            for line in pane.iter("polyline")
        ]
        yield name, float(bottom), float(top), lines


@pytest.mark.parametrize("logs", RUNS.values(), ids=RUNS)
def test_the_curves_are_those_of_the_history_by_the_numbers_at_the_axes(logs):
    for pane, (name, bottom, top, lines) in zip(
        panes(logs), parts_of(thumbnails.small("Case 1", logs, 5)), strict=True
    ):
        assert name == pane.name.replace("_", " ")
        for values, points in zip((pane.train, pane.val), lines, strict=True):
            known = [] if values is None else values[np.isfinite(values)]
            read = [top - (top - bottom) * y / thumbnails.PANE for _, y in points]
            assert np.allclose(read, known, atol=0.02 * (top - bottom))


def test_a_loss_that_explodes_is_cut_off_and_flattens_nothing():
    logs = {"loss": [2.0, 1e6, 1e30], "val_loss": [2.0, 1.5, NAN]}
    drawn = thumbnails.small("Case 1", logs, 3)
    _, bottom, top, _ = next(parts_of(drawn))
    assert bottom == 0 and top < 20 and "1e+30" not in drawn


def test_before_the_first_epoch_there_are_axes_and_no_numbers():
    drawn = thumbnails.small("Case 1", {}, 1)
    assert not list(ElementTree.fromstring(drawn).iter("text"))[0].text.isdigit()
    assert [text.text for text in ElementTree.fromstring(drawn).iter("text")] == ["loss", "accuracy"]


@pytest.mark.parametrize("epochs", [2, 20, 1000])
def test_its_words_can_be_read_and_stay_in_it(epochs):
    root = ElementTree.fromstring(thumbnails.small("Case 1", {"loss": [123.0, 100.0], "accuracy": [0.1, 0.2]}, epochs))
    _, _, wide, tall = map(float, root.get("viewBox").split())
    assert f"font:{thumbnails.LETTERS}px" in root.get("style") and thumbnails.LETTERS >= 11
    assert (wide, tall) == (thumbnails.WIDE, thumbnails.TALL)
    for numbers in root.iterfind("g"):
        for text in numbers.iterfind("text[@text-anchor='end']"):
            assert thumbnails.LEFT + float(text.get("x")) >= 6.7 * len(text.text)  # pixels of a letter, at most


def test_its_words_give_no_verdict():
    drawn = thumbnails.small("Case 7", RUNS["a run"], 3)
    assert 'aria-label="Case 7. ' in drawn and "validation" in drawn and "overfitting" not in drawn


@pytest.mark.parametrize("drawn", [thumbnails.small("Case 1", RUNS["a run"], 3), thumbnails.frames(14)])
def test_on_paper_it_has_colours_of_its_own(drawn):
    assert "var(" in drawn and "var(" not in paper.svg(drawn) and paper.png(drawn)
