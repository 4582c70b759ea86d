"""A guessed validation loss beside the real one: as a picture, and where they part, in words.

A guess is two lists: `knots`, the epochs (from 1) at which it was set, rising, and `values`, its losses there.
Between knots it is straight.
"""

import numpy as np

from helpers.curves import live_chart
from helpers.curves.history import STILL_FALLING, CurveError, decimals_of, describe, figure, panes, trend
from helpers.curves.sheets import Handle, Line, Sheet


def picture(knots, values, history, highest, uid, figures=False, step=None):
    """The guess and as much of the run as there is, as one HTML element in a string.

    history: see `helpers.curves.history`; {} before the first epoch. highest: what the y axis reaches at least.
    uid, figures: see `live_chart`. step: in which the knots can be dragged; None: they are locked.
    """
    loss, epochs = panes(history)[0], knots[-1]
    # The chart measures its y axis by the first line. This one, a lone point without a marker, cannot be seen.
    lines = [Line("axis", "yours", np.array([highest]), told=False)]
    legend, label = [("yours", "your guess")], f"Your guess of the validation loss: {in_words(knots, values)}."
    if len(loss.train):
        lines += [Line("val_loss", "validation", loss.val), Line("loss", "training", loss.train)]
        legend, label = [*legend, "training", "validation"], f"{label} {describe(history)}"
    markers = np.full(epochs, np.nan)
    markers[np.array(knots) - 1] = values
    lines += [Line("guess", "yours", _curve(knots, values, epochs)), Line("knots", "knots", markers, told=False)]
    handles = []
    if step is not None:
        drawn = zip(knots, values, strict=True)
        handles = [Handle(epoch, value, control(epoch), 0, highest, step) for epoch, value in drawn]
    sheet, coming = Sheet("loss", lines, handles=handles), ["training", "validation"]
    return live_chart.draw([sheet], epochs, label, legend, uid, coming=coming, figures=figures)


def control(epoch):
    """What the control is called that sets the guess at `epoch`."""
    return f"epoch {epoch}"


def compare(knots, values, history):
    """Two or three sentences: whether guess and run have the same shape, where they part most, by how much on average.

    history: see `helpers.curves.history`; a run that ended early is compared as far as its validation loss is a number.
    Raises CurveError for a history that cannot be read or has no validation loss.
    """
    loss, epochs = panes(history)[0], knots[-1]
    if not len(loss.train):
        return "No epoch was trained, so there is nothing to compare."
    if loss.val is None:
        raise CurveError(
            "There is no validation loss in this history. Give model.fit a validation_split or validation_data."
        )
    numbers = np.append(np.isfinite(loss.val[:epochs]), False)
    done = int(np.argmin(numbers))  # the epochs before the first that is missing or no number
    if done == 0:
        return "The validation loss was not a number in the first epoch, so there is nothing to compare."
    guess, run = _curve(knots, values, done), loss.val[:done]
    before = ""
    if done < epochs:
        no_number = f"at epoch {done + 1} the validation loss was not a number"
        why = no_number if done < len(loss.val) else "there the run ended"
        before = f"Only {done} of {epochs} epochs can be compared: {why}. "
    turn = max([1, *(knot for knot in knots if knot < done)])  # where the last straight piece of the guess begins
    return before + (_shapes(guess, run, turn) if done > 1 else "") + _distance(guess, run)


def in_words(knots, values):
    """The guess as a list in words: "1.5 at epoch 1, 0.8 at epoch 8"."""
    return ", ".join(f"{value:g} at epoch {epoch}" for epoch, value in zip(knots, values, strict=True))


def _curve(knots, values, epochs):
    return np.interp(range(1, epochs + 1), knots, values)


def _shapes(guess, run, turn):
    yours, its = trend(guess), trend(run)
    if "falling" in yours and guess[turn - 1] - guess[-1] <= STILL_FALLING * guess[turn - 1]:
        yours = "falls, then levels off"  # what was drawn level is meant level, however steep it was just before
    drew, came = _since(guess, yours), _since(run, its)
    if yours == its:
        turns = f": your guess{drew}, the run{came}" if "again" in its else ""
        return f"The shape is the one you drew: the loss {its}{turns}. "
    return f"The shape is not the one you drew: your guess {yours}{drew}; the run {its}{came}. "


def _since(values, said):
    return f" from epoch {np.argmin(values) + 1}" if "again" in said else ""


def _distance(guess, run):
    apart = np.abs(run - guess)
    most = int(np.argmax(apart))
    scale = max(np.abs(guess).max(), np.abs(run).max())
    decimals = decimals_of(scale)
    drew, came = round(guess[most], decimals), round(run[most], decimals)
    if drew == came:
        return f"Your guess and the run are nowhere as much as {figure(10**-decimals, scale)} apart."
    return (
        f"Your guess and the run part most at epoch {most + 1}: you drew {figure(drew, scale)}, it came to "
        f"{figure(came, scale)}, {figure(abs(came - drew), scale)} {'higher' if came > drew else 'lower'}. "
        f"On average they are {figure(apart.mean(), scale)} apart."
    )
