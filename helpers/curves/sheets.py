"""What is drawn, whoever draws it: plotting areas with their lines, their looks and their ticks.

`live_chart` draws a sheet as SVG, anew after every epoch; `still_picture` draws one with Matplotlib, to stay.
`ghosts` are earlier runs to compare with: pairs (label, history), or triples with a look of their own.
"""

from collections import namedtuple

import numpy as np

from helpers.curves.history import best_epoch, finite, panes

TRAINING, VALIDATION = "#0072B2", "#D55E00"  # blue, vermilion: colour-blind eyes tell them apart
GHOST, INK, GRID = "#767676", "#333", "#E4E4E4"
EXPLODED = 20  # times the second loss: a first loss so large says nothing of the others
WIDTH, HEIGHT = 860, 300  # of a picture, in pixels
LEFT, RIGHT, LABELS = 48, 16, 112  # room beside a pane: tick labels; nothing, or ghosts' labels

# How the lines of a drawing look: colour on light and on dark paper, dashes, and the marker at each point.
# The colours are ones that colour-blind eyes tell apart; dashes and markers differ as well.
Look = namedtuple("Look", "colour dark dashes marker")
LOOKS = {
    "training": Look(TRAINING, "#56B4E9", "", "circle"),
    "validation": Look(VALIDATION, "#FF8C42", "6 3", "square"),
    "measured again": Look("#007A5A", "#3CC99A", "2 3", "ring"),
    "yours": Look(INK, "#E0E0E0", "2 3", ""),
    "knots": Look(INK, "#E0E0E0", "", "square"),
    "A": Look("#0072B2", "#56B4E9", "", "circle"),
    "B": Look("#C44E00", "#FF8C42", "8 3", "frame"),
    "averaging": Look("#8F6400", "#E3B341", "", "circle"),
    "dropout": Look("#7B3294", "#C9A0E8", "6 3", "square"),
    "batch norm": Look("#2478AA", "#6FC1F0", "2 3", "ring"),
    "new pictures": Look(INK, "#E0E0E0", "9 2", "frame"),
    "earlier": Look(GHOST, "#9E9E9E", "", ""),
    "earlier too": Look(GHOST, "#9E9E9E", "1 3", ""),
    "pin 1": Look("#007A5A", "#3CC99A", "", ""),
    "pin 2": Look("#7B3294", "#C9A0E8", "8 3", ""),
    "pin 3": Look("#8F6400", "#E3B341", "2 3", ""),
    "pin 4": Look("#A3195B", "#FF8DB8", "9 2 2 2", ""),
    "pin 5": Look("#2478AA", "#6FC1F0", "4 2", ""),
    "pin 6": Look(INK, "#E0E0E0", "12 3", ""),
}
EARLIER = "earlier", "earlier too"  # of the first ghost, and of the second
PINNED = tuple(
    look for look in LOOKS if look.startswith("pin ")
)  # of earlier runs that somebody wants to keep in sight

# A line of a drawing: `key` is the metric's name in a history, `look` one of LOOKS, `values` an array with one
# number per epoch; NaN leaves a gap; told: whether its figures can be read. A band is filled from `low` to `high`.
Line = namedtuple("Line", "key look values told", defaults=(True,))
Band = namedtuple("Band", "look low high")
# An earlier run beside it: its `label` in the legend ("": none), its values, one per epoch, and one of LOOKS.
Ghost = namedtuple("Ghost", "label values look", defaults=("earlier",))
# A point that can be dragged up and down, from `low` to `high` in steps: it sets the control of that name.
Handle = namedtuple("Handle", "epoch value control low high step")
# One plotting area. marks: pairs (epoch, words) that become upright lines; title: if not the name; ticks: of the y
# axis, if not what the curves need; notice: words across it; legend: pairs (look, words), if not those of the chart;
# zoom: whether the y axis has only the range of the second half of the epochs; log: whether it is logarithmic;
# handles: `Handle`s, from left to right.
Sheet = namedtuple(
    "Sheet",
    "name lines ghosts bands marks title ticks notice legend zoom log handles",
    defaults=((), (), (), (), "", (), "", (), False, False, ()),
)


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
    """The `Ghost`s of a pane.

    The values are those of the validation data, or else of the training data, in the first epochs.
    """
    curves = [
        Ghost(str(label), (run.train if run.val is None else run.val)[:epochs], *(own or EARLIER[number % 2 :][:1]))
        for number, (label, history, *own) in enumerate(ghosts)
        for run in panes(history)
        if run.name == pane.name
    ]
    return [ghost for ghost in curves if len(finite(ghost.values))]


def last_value(ghost):
    """Where its curve ends."""
    return finite(ghost.values)[-1]


def label_heights(curves, ticks):
    """Where the labels of ghosts go, the one that ends lowest first, as shares of the y axis from its lower limit.

    That is where each curve ends, or higher if the label below would touch.
    """
    heights = [-1.0]
    for ghost in curves:
        end = np.clip(last_value(ghost), ticks[0], ticks[-1])
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
    return round_ticks(low, high)


def round_ticks(low, high):
    """Up to seven round numbers, at equal distances, around the range from low to high."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** np.floor(np.log10(span / 5))
    step = power * next(n for n in (1, 2, 2.5, 5, 10) if 5.001 * n * power >= span)
    return step * np.arange(np.floor(low / step), max(np.ceil(high / step - 0.001), np.floor(low / step) + 1) + 1)


def log_ticks(values):
    """Round numbers around `values`, all above 0, each about as many times the one before: 1, 2, 5, 10, or powers of
    ten."""
    low, high = np.log10(values.min()), np.log10(values.max())
    digits = (1, 2, 5) if high - low < 2 else (1,)
    powers = np.arange(np.floor(low), np.ceil(high) + 1)
    powers = powers[:: max(1, len(powers) // 6)]
    ticks = np.array([digit * 10.0**power for power in [*powers, powers[-1] + 1] for digit in digits])
    first = np.flatnonzero(ticks <= values.min() * 1.001)[-1]
    last = np.flatnonzero(ticks >= values.max() * 0.999)[:1]
    return ticks[first : max(last[0] if len(last) else len(ticks), first + 1) + 1]


def x_ticks(epochs):
    """The epochs with a number on the x axis: the first, the last, and between them round ones, or up to ten all."""
    if epochs <= 10:
        return list(range(1, epochs + 1))
    step = next(digit * 10**power for power in range(9) for digit in (2, 5, 10) if epochs / (digit * 10**power) <= 7)
    room = 0.09 * (epochs - 1)  # what a number of three figures takes in a narrow pane
    return [1, *(tick for tick in range(step, epochs, step) if tick - 1 >= room and epochs - tick >= room), epochs]


def shorten(label, most=16):
    """A ghost's label in at most `most` characters; the value at its end stays."""
    return label if len(label) <= most else f"{label[: most - 8]}…{label[-7:]}"


def ticks_of(sheet):
    """The ticks of a sheet's y axis, floats from one limit to the other: its own, or else what its curves need."""
    drawn = [line.values for line in sheet.lines] + [ghost.values for ghost in sheet.ghosts]
    drawn += [limit for band in sheet.bands for limit in (band.low, band.high)]
    if sheet.zoom or sheet.log:
        drawn = [finite(values) for values in drawn]
        seen = np.concatenate([[], *(values[len(values) // 2 :] if sheet.zoom else values for values in drawn)])
        if sheet.log and (seen > 0).any():
            return log_ticks(seen[seen > 0]).tolist()
        if sheet.zoom and len(seen):
            top = y_ticks(sheet.name, drawn)[-1]  # a loss that explodes leaves the picture here, too
            return round_ticks(min(seen.min(), top), min(seen.max(), top)).tolist()
    return list(sheet.ticks) or y_ticks(sheet.name, drawn).tolist()
