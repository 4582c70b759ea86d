"""What a history says in words.

A history is what `model.fit` returns, or its `.history`: see `values`, whose names are here as well.
"""

import numpy as np

from helpers.curves.diagnosis import diagnose
from helpers.curves.log_names import column_of, is_loss
from helpers.curves.values import (
    JAGGED,
    JUMP,
    TINY,
    CurveError,
    Pane,
    best_epoch,
    decimals_of,
    figure,
    finite,
    is_nothing,
    jump,
    panes,
    zigzag,
)

__all__ = [
    "CurveError",
    "JAGGED",
    "JUMP",
    "Pane",
    "STILL_FALLING",
    "TINY",
    "best_epoch",
    "decimals_of",
    "describe",
    "figure",
    "finite",
    "is_nothing",
    "jump",
    "panes",
    "trend",
    "zigzag",
]

# What counts as a change, as a share of the loss. The shares are wide, and the last epochs are
# taken together, so that a slightly different history, from another machine, gets the same words.
FELL = 0.10  # below the first epoch
STILL_FALLING = 0.10  # below two thirds of the way
ROSE = 0.20  # above the lowest value
VISIBLE = 0.02  # of the way from the first epoch down to the lowest value: less cannot be seen

# The words follow what `diagnose` finds: of these patterns validation loss rises, or does not, or it is no sign.
RISING = ("overfitting", "beginning to overfit")
FLAT = ("good fit", "underfitting", "already trained", "leak")
NO_SIGN = (*FLAT, "still learning", "not learning", "validation not comparable")
ON_THE_WHOLE = {
    "overfitting": ", and rises on the whole",
    "beginning to overfit": ", and rises a little on the whole",
    "still learning": ", and falls on the whole",
}


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

    found = diagnose(history)
    sure = [each.pattern for each in found.findings if each.sure != "a close call"]
    patterns = [found.pattern, *sure]
    if found.pattern == "wrong targets":
        return f"Training loss falls below zero{f', to {figure(np.min(loss.train))}' if numbers else ''}."
    exploded = found.pattern in ("not clear", "too early to say") and jump(loss.train) > JUMP
    if exploded or "diverging" in sure:
        size = f" to {figure(np.max(loss.train))}; its lowest value is {figure(np.min(loss.train))}" if numbers else ""
        return f"Training loss explodes{size}."
    if "noisy" in patterns:
        lowest = f"The lowest validation loss is at epoch {best} of {epochs}: {_at(drawn, best)}. " if numbers else ""
        whole = ON_THE_WHOLE.get(found.pattern, ", so its rises and falls mean little")
        return f"{lowest}Validation loss goes up and down from epoch to epoch{whole}."

    training = trend(loss.train)
    if training in ("is still falling at the end", "falls, then levels off"):
        training = "falls"  # how it ends says little: training loss can nearly always fall further
    if loss.val is None:
        lowest = f"The lowest loss is at epoch {best} of {epochs}: {_at(drawn, best)}. " if numbers else ""
        return f"{lowest}Training loss {training}. {_without_validation(history)}"
    validation = trend(loss.val)
    if found.sure != "a close call":
        validation = _as_found(found.pattern, validation)
    if not numbers:
        return f"Training loss {training}. Validation loss {validation}."
    if "rises" in validation:
        sign = "" if "rises" in training or found.pattern in NO_SIGN else ", a sign of overfitting"
        validation += f" from {figure(loss.val[best - 1])} to {figure(loss.val[-1])}{sign}"
    gap = loss.val[-1] - loss.train[-1]
    size = figure(abs(gap), max(abs(loss.val[-1]), abs(loss.train[-1])))
    where = "as large as" if is_nothing(size) else f"{size} {'above' if gap > 0 else 'below'}"
    return (
        f"The best epoch is {best} of {epochs}: {_at(drawn, best)}. "
        f"Validation loss {validation}. At the end it is {where} training loss."
    )


def _as_found(pattern, validation):
    """The words for a validation loss, so that they do not contradict the pattern that has been found."""
    fell = validation not in ("rises", "hardly changes")
    if pattern in RISING and "rises" not in validation:
        return "falls, then rises again" if fell else "rises"
    if pattern in FLAT and ("rises" in validation or "still falling" in validation):
        return "falls, then levels off" if fell else "hardly changes"
    return "is still falling at the end" if pattern == "still learning" else validation


def _without_validation(history):
    """That there is no validation data; of a log with other figures that might be it, only what is certain."""
    logs = getattr(history, "history", history)
    others = [name for name in logs if name != "loss" and (is_loss(name) or column_of(name).split == "val")]
    if others or getattr(logs, "note", ""):
        return "No validation loss is known by the name val_loss."
    return "There is no validation data."


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
