"""Why validation can lie below training: the gap between the two losses, split into its causes while training runs.

    explore_gap(build, digits, epochs=(1, 40, 15), dropout=(0.0, 0.8, 0.5))

The training loss that `fit` reports for an epoch is an average over its batches: the weights were still moving, dropout
was at work, and batch normalisation used the statistics of each batch. Validation loss is measured after the epoch,
without all this. So the training loss is measured again after the epoch, taking away one of these after the other: what
each step changes is its part.
"""

from itertools import pairwise
from math import isfinite

import numpy as np

from helpers.curves import live_chart
from helpers.curves.history import figure, is_nothing
from helpers.curves.sheets import Line, Sheet
from helpers.engine.examples import check_validation, training_and_validation
from helpers.engine.remeasure import MODES, Remeasure
from helpers.errors import LessonError
from helpers.parts.explore import Panel

PARTS = {
    "averaging": "through averaging over the epoch",
    "dropout": "through dropout",
    "batch norm": "through batch-norm statistics",
    "new pictures": "on new pictures",
}
SEEN = 0.05  # of the training loss: a smaller gap gets no verdict
MOST = 2 / 3  # of all parts: a wide margin, so that another machine gets the same words


def explore_gap(build, data=None, validation_split=0.2, **forms):
    """Show a live panel whose chart splits the gap between training and validation loss into its causes.

    build, data, validation_split, forms: as in `explore`; there must be validation data.

    Returns the `GapPanel`, when its first curves are complete. Raises `LessonError` for a mistake in `build`, `data` or
    `forms`.
    """
    return GapPanel(build, data, validation_split, forms).show()


class GapPanel(Panel):
    """A panel that `explore_gap` has made: a `Panel` with `parts`."""

    made_by = "explore_gap"

    def __init__(self, build, data, validation_split=0.2, forms=()):
        _, y, validation = training_and_validation(data, validation_split)
        if y is None:
            raise LessonError(
                "explore_gap measures the training loss again, and needs arrays for that: (x, y), not a"
                " tf.data.Dataset."
            )
        check_validation(validation, self.made_by, "compares training with validation")
        super().__init__(build, data, validation_split, forms)
        self._trainer.measure = Remeasure()

    @property
    def parts(self):
        """The parts of the gap, {name: list with one number per epoch} in units of the loss; {} before training."""
        return parts_of(self.history) if self._points() else {}

    def _train(self, stop):
        state, _ = super()._train(stop)
        return state, " ".join(filter(None, (self.history.note, describe(self.history), *self._told())))

    # What it looks like

    def _picture(self):
        epochs = self.settings["epochs"]
        logs = {**self.history.history, **self.history.measured} if self._points() else {}
        losses = (("loss", "training"), ("inference", "measured again"), ("val_loss", "validation"))
        left = [Line(key, look, np.array(logs[key][:epochs])) for key, look in losses if logs]
        right = [Line(name, name, np.array(values[:epochs])) for name, values in self.parts.items()]
        sheets = [Sheet("loss", left), Sheet("parts of the gap", right, legend=[(name, name) for name in PARTS])]
        names, how = [look for _, look in losses], {"figures": self._complete, **self._view.options}
        return live_chart.draw(sheets, epochs, describe(self.history), names, self._name, **how)

    def _still_words(self):
        words = describe(self.history, numbers=False)
        return (
            "Left, the loss in each epoch: training as reported, training measured again after the epoch, and"
            " validation. Right, the parts of the gap between training and validation: averaging over the epoch,"
            f" dropout, batch-norm statistics, new pictures. {words}".strip()
        ), words


def parts_of(history):
    """Reported training loss − validation loss, in parts: {name of PARTS: list, one number per epoch, as the loss}.

    The parts of an epoch add up to its gap. A positive part puts validation below training, a negative one above.
    history: a `History` of a `Trainer` whose `measure` is a `Remeasure`.
    """
    ladder = [history.history["loss"], *(history.measured[mode] for mode in MODES), history.history["val_loss"]]
    return {
        name: [before - after for before, after in zip(*step, strict=True)]
        for name, step in zip(PARTS, pairwise(ladder), strict=True)
    }


def describe(history, numbers=True):
    """What the parts of the gap are in the first and in the last epoch, in words.

    numbers=False leaves only verdicts, which hold for slightly different numbers as well; "" if there are none.
    """
    if history is None or not history.epoch:
        return "No epoch has been trained yet." if numbers else ""
    said = []
    for epoch in dict.fromkeys((0, len(history.epoch) - 1)):
        parts = {name: values[epoch] for name, values in parts_of(history).items()}
        losses = [history.history[name][epoch] for name in ("loss", "val_loss")]
        said.append(_figures(parts, losses, epoch) if numbers else _verdict(parts, losses[0], epoch))
    return " ".join(filter(None, said))


def _figures(parts, losses, epoch):
    gap = sum(parts.values())
    if not isfinite(gap):
        return f"At epoch {epoch + 1} a loss is no longer a finite number."
    scale = max(map(abs, losses))
    # As few words as can be: two epochs with four parts each have to find room below the controls.
    reasons = ", ".join(
        f"{size} {'lower' if part > 0 else 'higher'} {PARTS[name].split()[0]} {name}"
        for name, part in parts.items()
        if not is_nothing(size := figure(abs(part), scale))
    )
    size, what = figure(abs(gap), scale), "it" if epoch else "validation loss"
    where = "is level with" if is_nothing(size) else f"lies {size} {'below' if gap > 0 else 'above'}"
    return f"At epoch {epoch + 1} {what} {where} training loss" + (f": {reasons}." if reasons else ".")


def _verdict(parts, loss, epoch):
    gap, total = sum(parts.values()), sum(map(abs, parts.values()))
    if not isfinite(gap) or abs(gap) <= SEEN * abs(loss):
        return ""
    when, side = "first" if epoch == 0 else "last", "below" if gap > 0 else "above"
    where = f"In the {when} epoch validation loss lies clearly {side} training loss"
    most = next((name for name, part in parts.items() if part * np.sign(gap) > MOST * total), None)
    return f"{where}, most of it {PARTS[most]}." if most else f"{where}."
