"""What is drawn, whoever draws it: plotting areas with their lines, their looks and their ticks.

`live_chart` draws a sheet as SVG, anew after every epoch; `still_picture` draws one with Matplotlib, to stay.
`ghosts` are earlier runs to compare with: pairs (label, history).
"""

from collections import namedtuple

import numpy as np

from helpers.curves.history import best_epoch, finite, panes

TRAINING, VALIDATION = "#0072B2", "#D55E00"  # blue, vermilion: colour-blind eyes tell them apart
GHOST, INK, GRID = "#767676", "#333", "#E4E4E4"
EXPLODED = 20  # times the second loss: a first loss so large says nothing of the others
WIDTH, HEIGHT = 860, 300  # of a picture, in pixels
LEFT, RIGHT, LABELS = 48, 16, 112  # room beside a pane: tick labels; nothing, or ghosts' labels

# How the lines of a drawing look: colour, dashes, and the marker at each point.
# The colours are ones that colour-blind eyes tell apart; dashes and markers differ as well.
Look = namedtuple("Look", "colour dashes marker")
LOOKS = {
    "training": Look(TRAINING, "", "circle"),
    "validation": Look(VALIDATION, "6 3", "square"),
    "measured again": Look("#007A5A", "2 3", "diamond"),
    "yours": Look(INK, "2 3", ""),
    "knots": Look(INK, "", "triangle"),
    "A": Look("#0072B2", "", "circle"),
    "B": Look("#9A3B8C", "8 3", "diamond"),
    "averaging": Look("#8F6400", "", "circle"),
    "dropout": Look("#7B3294", "6 3", "square"),
    "batch norm": Look("#2B83BA", "2 3", "triangle"),
    "new pictures": Look(INK, "9 2", "diamond"),
    "earlier": Look(GHOST, "", ""),
}

# A line of a drawing: `key` is the metric's name in a history, `look` one of LOOKS, `values` an array with one
# number per epoch; NaN leaves a gap. A band is filled from `low` to `high`.
Line = namedtuple("Line", "key look values")
Band = namedtuple("Band", "look low high")
# One plotting area. ghosts: `ghost_curves`; marks: pairs (epoch, words) that become upright lines; title: if not the
# name; ticks: of the y axis, if not what the curves need; notice: words across it.
Sheet = namedtuple("Sheet", "name lines ghosts bands marks title ticks notice", defaults=((), (), (), (), "", (), ""))


def sheets_of(history, ghosts=(), best=True, epochs=None):
    """The loss and the other metric of a history, a `Sheet` each.

    history: see `helpers.curves.history`; an empty dict makes empty sheets. best: whether to mark the best epoch, once
    there are two epochs with validation data. epochs: where the x axis ends, and the ghosts with it, unless the history
    is longer.
    """
    drawn = panes(history)
    done = len(drawn[0].train)
    if not done and ghosts:  # most likely this run will have the panes of the one before
        drawn = [pane._replace(train=pane.train[:0], val=None) for pane in panes(ghosts[-1][1])]
    marked = best_epoch(history) if best and drawn[0].val is not None and done > 1 else None
    marks = [(marked, f"best epoch {marked}")] if marked else []
    return [
        Sheet(pane.name, lines_of(pane), ghost_curves(ghosts, pane, epochs and max(epochs, done)), marks=marks)
        for pane in drawn
    ]


def lines_of(pane):
    """The lines of a Pane: training, and validation if there is any."""
    both = ((pane.name, "training", pane.train), (f"val_{pane.name}", "validation", pane.val))
    return [Line(key, look, values) for key, look, values in both if values is not None]


def ghost_curves(ghosts, pane, epochs=None):
    """The ghosts of a pane, the one that ends lowest first: pairs (label, values).

    The values are those of the validation data, or else of the training data, in the first epochs.
    """
    curves = [
        (str(label), (run.train if run.val is None else run.val)[:epochs])
        for label, history in ghosts
        for run in panes(history)
        if run.name == pane.name
    ]
    curves = [(label, values) for label, values in curves if len(finite(values))]
    return sorted(curves, key=lambda curve: finite(curve[1])[-1])


def label_heights(curves, ticks):
    """Where the labels of `ghost_curves` go, as shares of the y axis from its lower limit.

    That is where each curve ends, or higher if the label below would touch.
    """
    heights = [-1.0]
    for _, values in curves:
        end = np.clip(finite(values)[-1], ticks[0], ticks[-1])
        heights.append(max(heights[-1] + 0.075, (end - ticks[0]) / (ticks[-1] - ticks[0])))
    return heights[1:]


def y_ticks(name, lines):
    """The ticks of the y axis of the metric `name`, from one limit to the other. lines: arrays of values.

    A loss that explodes leaves the picture instead of flattening the others: the most it shows is
    three times the start of the first line, the training loss (or the lowest value of the second, if that is more).
    """
    drawn = [finite(values) for values in lines if values is not None and len(finite(values))]
    values = np.concatenate([[0.0], *drawn])
    if name == "loss" and drawn:
        first = drawn[0][0]
        if len(drawn[0]) > 1 and first > EXPLODED * drawn[0][1] > 0:  # it explodes at once: show what comes after
            first = drawn[0][1]
        most = 3 * max(abs(first), abs(drawn[:2][-1].min()))
        values = np.clip(values, -most, most)
    low, high = values.min(), values.max()
    if low == high or (name != "loss" and low == 0 and 0 < high <= 1):
        high = 1.0
    power = 10.0 ** np.floor(np.log10((high - low) / 5))
    step = power * next(n for n in (1, 2, 2.5, 5, 10) if 5.001 * n * power >= high - low)
    return step * np.arange(np.floor(low / step), np.ceil(high / step - 0.001) + 1)


def x_ticks(epochs):
    """The epochs with a number on the x axis: up to ten all, else the first and round ones."""
    if epochs <= 10:
        return list(range(1, epochs + 1))
    step = 5
    while epochs > 6 * step:
        step *= 2
    return [1, *range(step, epochs + 1, step)]


def shorten(label):
    """A ghost's label in at most 16 characters; the value at its end stays."""
    return label if len(label) <= 16 else f"{label[:8]}…{label[-7:]}"


def ticks_of(sheet):
    """The ticks of a sheet's y axis, floats from one limit to the other: its own, or else what its curves need."""
    drawn = [line.values for line in sheet.lines] + [values for _, values in sheet.ghosts]
    drawn += [limit for band in sheet.bands for limit in (band.low, band.high)]
    return list(sheet.ticks) or y_ticks(sheet.name, drawn).tolist()
