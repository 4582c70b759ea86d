"""What a history holds: its curves as arrays, and their figures in words.

A history is what `model.fit` returns, or its `.history`: a dict with a list for each metric, one
number per epoch; anything else raises CurveError. Epochs count from 1.
"""

from collections import namedtuple

import numpy as np

JUMP = 6.0  # times the second epoch's training loss: the first one is ordinarily one to three times as large
JAGGED = 0.045  # of the loss, back and forth: with 200 validation images and batches of 32 it is 0.00 to 0.03
TINY = 1e-9  # in place of a loss of zero, to divide by

# A metric: its name and its values, of shape (epochs,); val is None without validation data.
Pane = namedtuple("Pane", "name train val")


class CurveError(ValueError):
    """A history cannot be read; the message says what is wrong and what to try."""


def panes(history):
    """A list of one or two Panes: the loss, then the accuracy or else the first other metric."""
    logs = getattr(history, "history", history)
    if not isinstance(logs, dict) or (logs and "loss" not in logs):
        raise CurveError(
            f"There is no training loss in {str(logs)[:60]}. Pass what model.fit returned: history = model.fit(...)."
        )
    if not logs:  # before the first epoch
        return [Pane("loss", np.zeros(0), None), Pane("accuracy", np.zeros(0), None)]
    others = ("learning_rate", "lr")
    metrics = [key for key in logs if not (key.startswith("val_") or key.endswith("loss") or key in others)]
    metrics.sort(key=lambda key: "acc" not in key)  # any kind of accuracy before the others
    found = []
    for key in ["loss", *metrics[:1]]:
        val = _values(logs, f"val_{key}") if f"val_{key}" in logs else None
        found.append(Pane("accuracy" if key == "acc" else key, _values(logs, key), val))
    return found


def _values(logs, key):
    try:
        values = np.asarray(logs[key])
    except ValueError:  # lists within the list
        values = np.array(None)
    if values.ndim != 1 or values.dtype.kind not in "fiu":  # floats or whole numbers
        raise CurveError(
            f"history[{key!r}] should be a list of numbers, one for each epoch, not {str(logs[key])[:60]}. "
            "Pass what model.fit returned, unchanged."
        )
    if len(values) != len(logs["loss"]):
        raise CurveError(
            f"history[{key!r}] has {len(values)} values, but there are {len(logs['loss'])} epochs. Pass what model.fit "
            "returned, unchanged; if you gave model.fit a validation_freq, leave it out."
        )
    return values.astype(float)


def finite(values):
    """The values that are numbers, without NaN and infinity."""
    return values[np.isfinite(values)]


def best_epoch(history):
    """The first epoch with the lowest validation (or else training) loss; None if all are NaN."""
    loss = panes(history)[0]
    values = loss.train if loss.val is None else loss.val
    values = np.where(np.isfinite(values), values, np.inf)
    return int(np.argmin(values)) + 1 if len(finite(values)) else None


def decimals_of(size):
    """How many decimals a loss as large as `size` needs: two, or as many as show two digits of a smaller one."""
    size = abs(size)
    return 1 - int(np.floor(np.log10(size))) if 0 < size < 0.01 else 2


def figure(value, beside=None):
    """A loss or another measure in words: "0.25", "0.00031", "1,234", "227 billion".

    beside: a number that it is compared with, and whose size decides how many decimals it gets; without one its own.
    """
    decimals, size = decimals_of(value if beside is None else beside), abs(value)
    if not np.isfinite(value) or size < 1000:
        return f"{value:.{decimals}f}" if decimals < 8 else f"{value:.1e}"
    if size < 1e6:
        return f"{value:,.0f}"
    for power, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if power <= size < 1e15:
            return f"{value / power:.3g} {name}"
    return f"{value:.2e}"


def is_nothing(words):
    """Whether a `figure` is zero as far as its decimals go."""
    return not any(digit in words for digit in "123456789")


def jump(train):
    """How far the training loss jumps: the first epoch's as a multiple of the second's, or a later rise on it."""
    if len(train) < 2:
        return 1.0
    rise = np.max(train - np.minimum.accumulate(train)) / max(abs(train[0]), TINY)
    # A rise by half of the first loss counts as JUMP.
    return float(max(train[0] / max(train[1], TINY), 2 * JUMP * rise))


def zigzag(values):
    """How far the values go back and forth from epoch to epoch, as a share of their size: 0 without turns."""
    steps = np.diff(values[1:])  # the first epoch's fall is no zigzag
    turns = steps[:-1] * steps[1:] < 0
    if np.sum(turns) < 3:  # one turn is the bottom of a U
        return 0.0
    back = np.where(turns, np.minimum(np.abs(steps[:-1]), np.abs(steps[1:])), 0)
    return float(np.mean(back) / max(np.mean(np.abs(values[1:])), TINY))
