"""Early stopping replayed on a recorded run: where it would have stopped, and which weights it would have given back.

    replay(history)

Nothing is trained: `early_stop` reads a history as Keras's `EarlyStopping` would have watched the run.
"""

from collections import namedtuple
from math import isfinite
from numbers import Real

import numpy as np

from helpers.curves import live_chart
from helpers.curves.history import CurveError, best_epoch, describe, figure, panes
from helpers.curves.sheets import Line, Sheet
from helpers.errors import LessonError, is_whole
from helpers.live.fields import in_columns
from helpers.live.part import Live

# The epochs (from 1) after which training stops and whose weights are given back; whether that saved any epoch.
Stopped = namedtuple("Stopped", "stopped best in_time")


def early_stop(history, patience, min_delta=0.0, monitor="val_loss"):
    """What `EarlyStopping(monitor, patience=…, min_delta=…, restore_best_weights=True)` would have done in this run.

    history: see `helpers.curves.history`. patience: the number of epochs without improvement to wait for, 0 or more.
    min_delta: by how much a value must be better to count as an improvement; Keras ignores its sign.
    monitor: a loss or an accuracy of the history.

    Returns `Stopped(stopped, best, in_time)`: training stops after epoch `stopped` (the history's last epoch, if it
    never stops before; then `in_time` is False) and the weights of epoch `best` are given back.
    Raises `CurveError` for a history without `monitor`, `LessonError` for a patience or min_delta that cannot be.
    """
    if not is_whole(patience, 0):
        raise LessonError(f"patience={patience!r} must be a whole number of epochs, 0 or more.")
    if isinstance(min_delta, bool) or not isinstance(min_delta, Real) or not isfinite(min_delta):
        raise LessonError(f"min_delta={min_delta!r} must be a number, such as 0 or 0.001.")
    values, sign = _monitored(history, monitor)
    with np.errstate(over="ignore"):  # Keras compares in 32 bits, in which a huge loss is infinite
        values, needed = (sign * values).astype(np.float32), (sign * values + abs(min_delta)).astype(np.float32)
    best, waited = 0, 0
    for epoch in range(1, len(values)):  # the first epoch is always the best so far
        waited += 1
        if needed[epoch] < values[best]:  # never true once the best is NaN
            best, waited = epoch, 0
        elif waited >= patience:
            return Stopped(epoch + 1, best + 1, epoch + 1 < len(values))
    return Stopped(len(values), best + 1, False)  # Keras gives the best weights back here, too


def _monitored(history, monitor):
    """(values, sign) of a metric: the values, float, shape (epochs,), and the sign with which smaller is better."""
    name = str(monitor).removeprefix("val_")
    if not len(panes(history)[0].train):
        raise CurveError("There is no epoch in this history. Train first: history = model.fit(...).")
    logs = getattr(history, "history", history)
    if monitor not in logs:
        advice = "Is it spelled as in history.history?"
        if name in logs:
            advice = "Give model.fit a validation_split or validation_data."
        raise CurveError(f"There is no {monitor!r} in this history, which has {', '.join(logs)}. {advice}")
    if name != "loss" and "acc" not in name:
        raise LessonError(f"monitor={monitor!r}: only a loss or an accuracy can be replayed.")
    pane = panes({"loss": logs["loss"], name: logs.get(name, logs[monitor]), monitor: logs[monitor]})[-1]
    return (pane.train if monitor == name else pane.val), 1 if name == "loss" else -1


def replay(history, patience=(0, 15, 3), min_delta=None):
    """Show a part with two controls, `patience` and `min_delta`, that replays early stopping on recorded curves.

    history: what model.fit returned, or its `.history`, with validation data; train it without early stopping.
    patience, min_delta: short forms of controls, as in `explore`: `(low, high, start)` is a slider, a list a choice.
    min_delta is a choice of 0, 0.001, 0.01 and 0.05, unless you say something else.

    Returns the `Replay`. Raises `CurveError` for a history that cannot be read, `LessonError` for a wrong form.
    """
    return Replay(history, patience, min_delta).show()


class Replay(Live):
    """What `replay` has made. `result`: the `Stopped` that its controls now give; `settings`: their values."""

    made_by = "replay"
    counts = None  # it never trains
    trains_when_shown = False

    def __init__(self, history, patience=(0, 15, 3), min_delta=None):
        super().__init__()
        min_delta = [0, 0.001, 0.01, 0.05] if min_delta is None else min_delta
        self._stop_button.close()  # nothing here takes long enough to be stopped
        self._progress.close()
        self._loss = panes(history)[0]
        early_stop(history, 0)  # its words about a history without validation data are what the student needs
        self._add_controls(_settings, {"patience": patience, "min_delta": min_delta}, on_move=self._on_move)
        self._replay()
        self._assemble(in_columns(self._controls.values()))
        self.run()

    def __repr__(self):
        return f"<early stopping replayed with {self._in_words()}; it stops after epoch {self.result.stopped}>"

    def _on_move(self, _change):
        self.run()  # at once, and not in the thread that trains: the controls follow while another part is busy

    def _train(self, _stop):
        self._replay()
        return "done", self._verdict()

    def _replay(self):
        self.settings = self._read_controls()
        self.result = early_stop(self._logs(), **self.settings)

    # What it says

    def _logs(self):
        return {"loss": self._loss.train, "val_loss": self._loss.val}

    def _in_words(self):
        patience, min_delta = self.settings["patience"], self.settings["min_delta"]
        return f"patience {patience}" + (f" and min_delta {min_delta:g}" if min_delta else "")

    def _verdict(self):
        stopped, best, in_time = self.result
        epochs = len(self._loss.val)
        weights = f"the weights of epoch {best} (validation loss {figure(self._loss.val[best - 1])})"
        said = f"never stop early: it goes through all {epochs} epochs and gives back {weights}."
        if in_time:
            saved = "1 epoch" if epochs - stopped == 1 else f"{epochs - stopped} epochs"
            said = f"stop after epoch {stopped} of {epochs} and give back {weights}; {saved} saved."
        return f"With {self._in_words()} training would {said} {self._missed()}".strip()

    def _missed(self):
        """What the controls' values miss, if anything."""
        stopped, best, _ = self.result
        losses, epoch = self._loss.val, best_epoch(self._logs())
        if not isfinite(losses[best - 1]):
            return "As that is not a number, no later epoch counts as better."
        if losses[epoch - 1] >= losses[best - 1]:
            return ""
        if epoch <= stopped:
            return f"The validation loss of epoch {epoch} was lower, but not by more than min_delta."
        why = "this patience was too short" + (", or min_delta too large" if self.settings["min_delta"] else "")
        return f"A lower validation loss came later, at epoch {epoch}: {why}."

    def _still_words(self):
        verdict = describe(self._logs(), numbers=False)
        return (
            f"{verdict} Early stopping, replayed, is marked on these curves.",
            f"Early stopping with {self._in_words()}, replayed on the recorded curves. {verdict}",
        )

    # What it looks like

    def _marks(self):
        return {"epoch": self.result.stopped, "epochs": len(self._loss.val), "settings": self.settings}

    def _picture(self):
        stopped, best, in_time = self.result
        epochs = len(self._loss.val)
        trained, legend = np.arange(1, epochs + 1) < stopped, ["training", "validation"]
        curves = (("loss", "training", self._loss.train), ("val_loss", "validation", self._loss.val))
        lines = [Line(key, look, values[:stopped]) for key, look, values in curves]
        if in_time:  # the rest begins where the trained part ends
            lines += [Line(f"{key} not trained", "yours", np.where(trained, np.nan, rest)) for key, _, rest in curves]
        marks = [(best, f"back to {best}")]
        if in_time and (stopped - 1) / (epochs - 1) < 0.1:  # the second label would run into the word "loss"
            marks = [(best, f"back to {best}, stop after {stopped}"), (stopped, "")]
        elif in_time:
            marks += [(stopped, f"stop after {stopped}")]
        legend += [("yours", "not trained")] if in_time else []
        return live_chart.draw(
            [Sheet("loss", lines, marks=marks)], epochs, self._verdict(), legend, self._name, figures=True
        )


def _settings(patience=3, min_delta=0.0):
    """Takes the two keywords that a part has controls for; only its first line is read."""
