"""Learning curves: the picture of a history, and what `helpers.curves.history` says of it in words.

`ghosts` are earlier runs to compare with: pairs (label, history).
"""

import base64
import html
import io

import numpy as np
from matplotlib.figure import Figure

from helpers.curves.history import CurveError, Pane, best_epoch, describe, finite, panes  # noqa: F401

TRAINING, VALIDATION = "#0072B2", "#D55E00"  # blue, vermilion: colour-blind eyes tell them apart
GHOST, INK, GRID = "#767676", "#333", "#E4E4E4"
EXPLODED = 20  # times the second loss: a first loss so large says nothing of the others
WIDTH, HEIGHT = 860, 300  # of a picture, in pixels
LEFT, RIGHT, LABELS = 48, 16, 112  # room beside a pane: tick labels; nothing, or ghosts' labels


def ghost_curves(ghosts, pane, epochs=None):
    """The ghosts of a pane, the one that ends lowest first: pairs (label, values).

    The values are those of the validation data, or else of the training data, in the first epochs.
    """
    curves = [(str(label), (run.train if run.val is None else run.val)[:epochs])
              for label, history in ghosts for run in panes(history) if run.name == pane.name]
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


class Picture:
    """What `plot` returns and a notebook shows: `figure` (matplotlib), `png` (bytes) and `alt`.

    Under the picture stands the sentence that is also its alt text, after `before`, if any.
    """

    def __init__(self, figure, alt, before=""):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=120, facecolor="white")
        self.figure, self.png, self.alt, self.before = figure, file.getvalue(), alt, before

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png).decode()
        # JupyterLab takes alt text from HTML only; nbconvert and Colab from the metadata.
        words = f"{self.before} {self.alt}".strip()
        page = (f'<img width="{WIDTH}" alt="{html.escape(self.alt)}" '
                f'src="data:image/png;base64,{png}"><p>{html.escape(words)}</p>')
        return ({"text/html": page, "image/png": png, "text/plain": words},
                {"image/png": {"alt": self.alt, "width": WIDTH}})


def plot(history, ghosts=(), title=None, numbers=False, before=""):
    """Draw loss and accuracy side by side, with the best epoch if there is validation data.

    title: a line of text above. numbers: whether the alt text has numbers (see `describe`).
    before: words in front of that text where it stands under the picture. Returns a Picture. As the last line of a cell, it is shown.
    """
    drawn = panes(history)
    best = best_epoch(history) if drawn[0].val is not None and len(drawn[0].val) > 1 else None
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), facecolor="white")
    side = LEFT + (LABELS if ghosts else RIGHT)
    figure.subplots_adjust(left=LEFT / WIDTH, right=1 - (side - LEFT) / WIDTH, bottom=0.16,
                           top=0.78, wspace=side / (WIDTH / len(drawn) - side))
    for axes, pane in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn):
        _draw(axes, pane, ghost_curves(ghosts, pane), best)
    figure.suptitle(title or "", x=LEFT / WIDTH, ha="left", fontsize=11, color=INK)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="upper right", ncols=2,
                  frameon=False, fontsize=9, labelcolor=INK)
    return Picture(figure, describe(history, numbers), before)


def _draw(axes, pane, ghosts, best):
    ticks = y_ticks(pane.name, [pane.train, pane.val, *(values for _, values in ghosts)])
    low, height = ticks[0], ticks[-1] - ticks[0]
    epochs = max([1, len(pane.train), *(len(values) for _, values in ghosts)])
    for (label, values), place in zip(ghosts, label_heights(ghosts, ticks)):
        axes.plot(range(1, len(values) + 1), values, color=GHOST, linewidth=0.8)
        axes.text(1.02, low + place * height, shorten(label), va="center", fontsize=8,
                  color=GHOST, transform=axes.get_yaxis_transform())
    for name, values, look, color in (("training", pane.train, "-o", TRAINING),
                                      ("validation", pane.val, "--s", VALIDATION)):
        if values is not None:
            axes.plot(range(1, len(values) + 1), values, look, color=color, label=name,
                      markersize=4 if epochs <= 40 else 2, zorder=3)
    if best:
        axes.axvline(best, color=INK, linewidth=0.8, zorder=1)
        if pane.name == "loss":
            side = "left" if best < 0.15 * epochs else "right" if best > 0.85 * epochs else "center"
            axes.text(best, 1.02, f"best epoch {best}", ha=side, fontsize=8, color=INK,
                      transform=axes.get_xaxis_transform())
    room = 0.02  # a share of the axes, so that a marker on a limit is not cut
    axes.set_ylim(low - room * height, low + (1 + room) * height)
    axes.set_xlim(1 - room * epochs, epochs + room * epochs)
    axes.set(xticks=x_ticks(epochs), yticks=ticks, axisbelow=True)
    axes.set_title(pane.name.replace("_", " "), loc="left", pad=16, fontsize=11, color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color=GRID)
    axes.set_facecolor("white")  # in a dark theme too, as the colours are made for white
    axes.spines[:].set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines["bottom"].set_position(("data", low))
