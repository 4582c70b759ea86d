"""Curves that were drawn before a run, as they stand in a lab book: read, in words, and as pictures."""

from math import isfinite

import numpy as np

from helpers.curves import guess, paper

MOST = 1000  # epochs
LARGEST = 1e6  # of a value: what is larger is no loss that anybody has drawn


def drawn(value):
    """The (knots, values) of a curve in an entry, or None where it is none: the entry may be somebody else's. A list
    is a curve with a value for each epoch."""
    if isinstance(value, list):
        value = {"epochs": list(range(1, len(value) + 1)), "values": value}
    if not isinstance(value, dict):
        return None
    knots, values = value.get("epochs"), value.get("values")
    if not isinstance(knots, list) or not isinstance(values, list) or not 2 <= len(knots) == len(values) <= MOST:
        return None
    whole = all(type(knot) is int and 1 <= knot <= MOST for knot in knots)
    rising = whole and all(before < after for before, after in zip(knots, knots[1:], strict=False))
    return (knots, values) if rising and all(map(_is_value, values)) else None


def came(value):
    """The array of a run in an entry, NaN where it has no number, or None where it is none."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST:
        return None
    if not all(each is None or _is_value(each) for each in value):
        return None
    return np.array([np.nan if each is None else each for each in value], float)


def in_words(value):
    """A curve or a run of an entry in a few words; "" for what is neither."""
    points = drawn(value)
    run = came(value) if points is None else np.array(points[1], float)
    if run is None:
        return ""
    first, last = (f"{end:.3g}" if isfinite(end) else "no number" for end in (run[0], run[-1]))
    return f"a curve from {first} to {last}"


def picture(prediction):
    """What a `summary.Prediction` has drawn, and what came, as an <img>; "" where nothing readable was drawn."""
    points, run = drawn(prediction.value), came(prediction.came)
    if points is None:
        return ""
    highest = _highest([points], run)
    return paper.as_image(guess.picture_of_one(prediction.name, *points, run, highest, "drawn"))


def overlay(predictions, with_run):
    """What a class has drawn, over each other, as an <img>. with_run: with the first run there is; "" without any."""
    curves = [points for points in (drawn(each.value) for each in predictions) if points is not None]
    run = next((run for run in (came(each.came) for each in predictions) if run is not None), None)
    if not curves or (with_run and run is None):
        return ""
    return paper.as_image(guess.overlay(curves, run if with_run else None, _highest(curves, run), "all"))


def _highest(curves, run):
    """What the y axis has to reach. The run counts in any case, so that it can be laid over the same axis later."""
    ends = [0.0] if run is None else run[np.isfinite(run)]
    return max([*(max(values) for _, values in curves), *ends]) or 1.0


def _is_value(value):
    return type(value) in (int, float) and isfinite(value) and abs(value) <= LARGEST
