"""What a history holds, and what it says in words.

A history is what `model.fit` returns, or its `.history`: a dict with a list for each metric, one
number per epoch; anything else raises CurveError. Epochs count from 1.
"""

from collections import namedtuple

import numpy as np

# What counts as a change, as a share of the loss. The shares are wide, and the last epochs are
# taken together, so that a slightly different history, from another machine, gets the same words.
FELL = 0.10  # below the first epoch
STILL_FALLING = 0.10  # below two thirds of the way
ROSE = 0.20  # above the lowest value
JUMP = 6.0  # times the second epoch's training loss: the first one is ordinarily one to three times as large
JAGGED = 0.045  # of the loss, back and forth: with 200 validation images and batches of 32 it is 0.00 to 0.03
TINY = 1e-9  # in place of a loss of zero, to divide by
VISIBLE = 0.02  # of the way from the first epoch down to the lowest value: less cannot be seen

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


def describe(history, numbers=True):
    """One to three sentences that say what the curves show; also the pictures' alt text.

    numbers=False leaves only verdicts, which hold for slightly different numbers as well.
    """
    drawn = panes(history)
    loss, epochs, best = drawn[0], len(drawn[0].train), best_epoch(history)
    if epochs == 0:
        return "No epoch has been trained yet."
    for name, values in zip(("training", "validation"), loss[1:], strict=True):
        if values is not None and len(finite(values)) < epochs:
            when = f" at epoch {np.argmin(np.isfinite(values)) + 1}" if numbers else ""
            found = f" The best epoch is {best}: {_at(drawn, best)}." if numbers and best else ""
            return f"The {name} loss stopped being a number{when}: it is NaN or infinite.{found}"
    if epochs == 1:
        return "One epoch, no trend yet" + (f": {_at(drawn, 1)}." if numbers else ".")

    if max(loss.train[0] / max(loss.train[1], TINY), np.max(loss.train) / max(loss.train[0], TINY)) > JUMP:
        size = f" to {figure(np.max(loss.train))}; its lowest value is {figure(np.min(loss.train))}" if numbers else ""
        return f"Training loss explodes{size}."
    if loss.val is not None and zigzag(loss.val) > JAGGED:
        lowest = f"The lowest validation loss is at epoch {best} of {epochs}: {_at(drawn, best)}. " if numbers else ""
        return f"{lowest}Validation loss goes up and down from epoch to epoch, so its rises and falls mean little."

    training = trend(loss.train)
    if training in ("is still falling at the end", "falls, then levels off"):
        training = "falls"  # how it ends says little: training loss can nearly always fall further
    if loss.val is None:
        lowest = f"The lowest loss is at epoch {best} of {epochs}: {_at(drawn, best)}. " if numbers else ""
        return f"{lowest}Training loss {training}. There is no validation data."
    validation = trend(loss.val)
    if not numbers:
        return f"Training loss {training}. Validation loss {validation}."
    if "rises" in validation:
        sign = "" if "rises" in training else ", a sign of overfitting"
        validation += f" from {figure(loss.val[best - 1])} to {figure(loss.val[-1])}{sign}"
    gap = loss.val[-1] - loss.train[-1]
    size = figure(abs(gap), max(abs(loss.val[-1]), abs(loss.train[-1])))
    where = "as large as" if is_nothing(size) else f"{size} {'above' if gap > 0 else 'below'}"
    return (
        f"The best epoch is {best} of {epochs}: {_at(drawn, best)}. "
        f"Validation loss {validation}. At the end it is {where} training loss."
    )


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


def _at(drawn, epoch):
    return ", ".join(
        f"{name} {pane.name.replace('_', ' ')} {figure(values[epoch - 1])}"
        for pane in drawn
        for name, values in zip(("training", "validation"), pane[1:], strict=True)
        if values is not None
    )


def trend(values):
    """What a loss does over the epochs, as the predicate of a sentence: "falls, then rises again".

    values: float, shape (epochs,), all of them finite and at least one.
    """
    best = int(np.argmin(values))
    fall = values[0] - values[best]
    rise = np.median(values[best + 1 :][-3:]) - values[best] if best + 1 < len(values) else 0
    fell = fall > FELL * abs(values[0])
    if rise > max(ROSE * abs(values[best]), VISIBLE * fall):
        return "falls, then rises again" if fell else "rises"
    earlier = values[len(values) * 2 // 3 - 1]
    end = np.median(values[-3:]) if len(values) > 8 else values[-1]
    turned = values[-1] - values[best] > earlier - values[-1]  # nearer to where it was than to its lowest value
    if fell and not turned and earlier - end > max(STILL_FALLING * abs(earlier), VISIBLE * fall):
        return "is still falling at the end"
    return "falls, then levels off" if fell else "hardly changes"
