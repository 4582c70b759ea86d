"""The curves of one training while it goes on: an epoch more each time, with gaps where a figure was not measured.

It draws nothing: `live_chart` does."""

import math

import numpy as np

from helpers.curves.history import best_epoch, describe, figure, finite, panes

NOT_A_LOSS = "The training gives no figure called loss, so {} is drawn in its place."


class Growing:
    """One run. label: what it is called as a ghost, if not "run" and its number. before: how many epochs came before
    the first one known.

    `rows`: list of dicts, {metric: float} for each epoch, as Keras hands them to callbacks. `left`: for whoever trains,
    to know again the network as the run has left it; it is in no copy.
    """

    def __init__(self, number, label=None, before=0):
        self.number, self.label, self.before, self.rows = number, label or f"run {number}", before, []
        self.left = self._in_place_of_loss = None

    def __getstate__(self):
        return {**vars(self), "left": None}

    def __len__(self):
        """How many epochs the curves reach."""
        return self.before + len(self.rows)

    def add(self, logs):
        """Take in what an epoch has brought. Whatever is not one number, such as a figure per class, is left out."""
        row = {str(name): float(value) for name, value in (logs or {}).items() if _is_one_number(value)}
        if "loss" not in row:
            row = self._with_loss(row)
        self.rows = [*self.rows, row]  # in one step: an interrupt finds whole epochs only

    def _with_loss(self, row):
        """`row` of a training step of somebody's own, with the most likely of its figures as the loss."""
        of_training = [name for name in row if not name.startswith("val_")]
        losses = [name for name in of_training if name.endswith("loss")]
        name = self._in_place_of_loss = self._in_place_of_loss or next(iter([*losses, *of_training]), None)
        row = {"loss": row.pop(name, math.nan), **row}
        if f"val_{name}" in row:
            row.setdefault("val_loss", row.pop(f"val_{name}"))
        return row

    def history(self, gap=None):
        """As in a History: {metric: list with one entry per epoch}; `gap` where an epoch has no such figure."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: [row.get(name, gap) for row in self.rows] for name in names}

    def drawn(self):
        """What a chart can draw, epoch by epoch from the first: NaN where nothing is known."""
        return {name: [math.nan] * self.before + values for name, values in self.history(gap=math.nan).items()}

    def as_ghost(self):
        """(label, history) without the gaps: a ghost is a bare line, which a gap would hide."""
        return self.label, {name: _bridged(values) for name, values in self.drawn().items()}

    def like(self, other):
        """Whether two runs were measured by the same figures."""
        return _of_training(self.history()) == _of_training(other.history())

    def words(self):
        """What the curves show, in some sentences; also the picture's alt text."""
        names = {"loss", "val_loss"} & set(self.history())
        whole = [row for row in self.rows if names <= set(row)]
        said = [NOT_A_LOSS.format(self._in_place_of_loss)] if self._in_place_of_loss else []
        if len(whole) == len(self):
            return " ".join([describe(_columns(whole)), *said])
        said.insert(0, describe(_columns(whole), numbers=False))
        if self.before:
            said.append(f"The curves begin at epoch {self.before + 1}.")
        if len(whole) < len(self.rows):
            said.append(f"The validation data were measured after {len(whole)} of {len(self.rows)} epochs.")
        if best := best_epoch(self.drawn()):
            loss = panes(self.drawn())[0]
            kind, values = ("training", loss.train) if loss.val is None else ("validation", loss.val)
            said.append(f"The lowest {kind} loss is {figure(values[best - 1])}, at epoch {best} of {len(self)}.")
        return " ".join(said)


def _of_training(names):
    return {name for name in names if not name.startswith("val_")}


def _is_one_number(value):
    try:
        return value is not None and np.asarray(value, float).ndim == 0
    except (TypeError, ValueError):
        return False


def _columns(rows):
    """Rows as columns, of the figures that all of them have."""
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ()) if all(name in row for row in rows)}


def _bridged(values):
    """`values` with straight lines across the gaps between known ones."""
    values, at = np.array(values), np.arange(len(values))
    known = np.isfinite(values)
    return (
        np.interp(at, at[known], finite(values), left=math.nan, right=math.nan).tolist()
        if known.any()
        else values.tolist()
    )
