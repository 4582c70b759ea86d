"""A guessed curve beside the real one: as a picture, and where they part, in words.

A guess is two lists: `knots`, the epochs (from 1) at which it was set, rising, and `values`, what it is there.
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
    loss, lines = panes(history)[0], []
    legend, label = [("yours", "your guess")], f"Your guess of the validation loss: {in_words(knots, values)}."
    if len(loss.train):
        lines = [Line("val_loss", "validation", loss.val), Line("loss", "training", loss.train)]
        legend, label = [*legend, "training", "validation"], f"{label} {describe(history)}"
    sheet = _sheet("loss", knots, values, highest, lines, step)
    coming = ["training", "validation"]
    return live_chart.draw([sheet], knots[-1], label, legend, uid, coming=coming, figures=figures)


def picture_of_one(asked, knots, values, run, highest, uid, step=None):
    """The guess of one curve and, once there is one, what came, as one HTML element in a string.

    asked: what was guessed, in words. run: an array, one value per epoch, or None. highest, uid, step: as in `picture`.
    """
    legend, lines = [("yours", "your guess")], []
    label = f"Your guess of {asked}: {in_words(knots, values)}."
    if run is not None:
        lines, legend = [Line("run", "validation", np.asarray(run, float))], [*legend, ("validation", "what came")]
        label += f" {compare_curves(knots, values, run)}"
    sheet = _sheet(asked, knots, values, highest, lines, step)
    return live_chart.draw([sheet], knots[-1], label, legend, uid, coming=["what came"])


def overlay(curves, run, highest, uid):
    """Many guesses of one curve over each other, and one run, as one HTML element in a string.

    curves: guesses, pairs (knots, values). run: an array, one value per epoch, or None. highest, uid: as in `picture`.
    """
    epochs = max(knots[-1] for knots, _ in curves)
    drawn = [_curve(knots, values, knots[-1]) for knots, values in curves]
    most = np.array([highest])
    lines = [Line("axis", "yours", most, told=False)]
    lines += [Line(f"guess {number}", "earlier", values, told=False) for number, values in enumerate(drawn)]
    legend = [("earlier", "the guesses")]
    if run is not None:
        lines, legend = (
            [*lines, Line("run", "validation", np.asarray(run, float))],
            [*legend, ("validation", "what came")],
        )
    ends = sorted(float(values[-1]) for values in drawn)
    label = f"{len(curves)} guesses over {epochs} epochs. They end between {ends[0]:.3g} and {ends[-1]:.3g}."
    return live_chart.draw([Sheet("loss", lines, title="all guesses")], epochs, label, legend, uid)


def _sheet(name, knots, values, highest, lines, step):
    """A plotting area with the guess, whose points can be dragged in steps of `step`, and with `lines`."""
    # The chart measures its y axis by the first line. This one, a lone point without a marker, cannot be seen.
    axis = Line("axis", "yours", np.array([highest]), told=False)
    markers = np.full(knots[-1], np.nan)
    markers[np.array(knots) - 1] = values
    guess = [Line("guess", "yours", _curve(knots, values, knots[-1])), Line("knots", "knots", markers, told=False)]
    handles = []
    if step is not None:
        drawn = zip(knots, values, strict=True)
        handles = [Handle(epoch, value, control(epoch), 0, highest, step) for epoch, value in drawn]
    title = "" if name == "loss" else name
    return Sheet("loss", [axis, *lines, *guess], title=title, handles=handles)


def control(epoch):
    """What the control is called that sets the guess at `epoch`."""
    return f"epoch {epoch}"


def compare(knots, values, history):
    """Two or three sentences: whether guess and run have the same shape, where they part most, by how much on average.

    history: see `helpers.curves.history`; a run that ended early is compared as far as its validation loss is a number.
    Raises CurveError for a history that cannot be read or has no validation loss.
    """
    loss = panes(history)[0]
    if not len(loss.train):
        return "No epoch was trained, so there is nothing to compare."
    if loss.val is None:
        raise CurveError(
            "There is no validation loss in this history. Give model.fit a validation_split or validation_data."
        )
    return compare_curves(knots, values, loss.val, "the validation loss", "the loss")


def compare_curves(knots, values, run, name="it", what="it"):
    """The same sentences about any curve. run: an array, one value per epoch, of which the finite beginning counts."""
    epochs, run = knots[-1], np.asarray(run, float)
    done = comparable(epochs, run)
    if done == 0:
        return f"{name[0].upper()}{name[1:]} was not a number in the first epoch, so there is nothing to compare."
    guess, before = _curve(knots, values, done), ""
    if done < epochs:
        no_number = f"at epoch {done + 1} {name} was not a number"
        why = no_number if done < len(run) else "there the run ended"
        before = f"Only {done} of {epochs} epochs can be compared: {why}. "
    turn = max([1, *(knot for knot in knots if knot < done)])  # where the last straight piece of the guess begins
    return before + (_shapes(guess, run[:done], turn, what) if done > 1 else "") + _distance(guess, run[:done])


def comparable(epochs, run):
    """The epochs, of at most `epochs`, before the first in which `run`, an array, is missing or no number."""
    return int(np.argmin(np.append(np.isfinite(run[:epochs]), False)))


def apart(knots, values, run):
    """How far a guess and a run, an array, are apart on average, over the epochs that can be compared."""
    done = comparable(knots[-1], run)
    return float(np.abs(_curve(knots, values, done) - run[:done]).mean()) if done else float("inf")


def in_words(knots, values):
    """The guess as a list in words: "1.5 at epoch 1, 0.8 at epoch 8"."""
    return ", ".join(f"{value:g} at epoch {epoch}" for epoch, value in zip(knots, values, strict=True))


def _curve(knots, values, epochs):
    return np.interp(range(1, epochs + 1), knots, values)


def _shapes(guess, run, turn, what):
    yours, its = trend(guess), trend(run)
    if "falling" in yours and guess[turn - 1] - guess[-1] <= STILL_FALLING * guess[turn - 1]:
        yours = "falls, then levels off"  # what was drawn level is meant level, however steep it was just before
    drew, came = _since(guess, yours), _since(run, its)
    if yours == its:
        turns = f": your guess{drew}, the run{came}" if "again" in its else ""
        return f"The shape is the one you drew: {what} {its}{turns}. "
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
