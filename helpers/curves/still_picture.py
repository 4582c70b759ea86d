"""The picture of a history that stays: a PNG with alt text, drawn with Matplotlib. (What a live part leaves in its
notebook is its own drawing, which `paper` makes a PNG of.)"""

import base64
import io
from html import escape

from matplotlib.figure import Figure

from helpers.curves.history import describe
from helpers.curves.sheets import (
    GHOST,
    GRID,
    HEIGHT,
    INK,
    LABELS,
    LEFT,
    LOOKS,
    RIGHT,
    WIDTH,
    label_heights,
    last_value,
    sheets_of,
    shorten,
    ticks_of,
    x_ticks,
)

LEGEND = {"ncols": 2, "frameon": False, "fontsize": 9, "labelcolor": INK}
MARKERS = {"circle": "o", "square": "s", "ring": "o", "frame": "s", "": ""}


class Picture:
    """What `plot` returns and a notebook shows: `figure` (matplotlib), `png` (bytes) and `alt`.

    Under the picture stands the sentence that is also its alt text, after `before`, if any.
    """

    def __init__(self, figure, alt, before=""):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=120, facecolor="white")
        self.figure, self.png, self.alt, self.before = figure, file.getvalue(), alt, before

    def _repr_mimebundle_(self, include=None, exclude=None):
        png, words = base64.b64encode(self.png).decode(), f"{self.before} {self.alt}".strip()
        # JupyterLab takes alt text from HTML only; nbconvert and Colab from the metadata.
        img = f'<img width="{WIDTH}" alt="{escape(self.alt)}" src="data:image/png;base64,{png}">'
        data = {"text/html": f"{img}<p>{escape(words)}</p>", "image/png": png, "text/plain": words}
        return data, {"image/png": {"alt": self.alt, "width": WIDTH}}


def plot(history, ghosts=(), title=None, numbers=False, before=""):
    """Draw loss and accuracy side by side, with the best epoch if there is validation data.

    title: a line of text above. numbers: whether the alt text has numbers (see `describe`).
    before: words in front of that text where it stands under the picture.

    Returns a Picture. As the last line of a cell, it is shown.
    """
    sheets = sheets_of(history, ghosts)
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), facecolor="white")
    side = LEFT + (LABELS if ghosts else RIGHT)
    left, right, between = LEFT / WIDTH, 1 - (side - LEFT) / WIDTH, side / (WIDTH / len(sheets) - side)
    figure.subplots_adjust(left=left, right=right, bottom=0.16, top=0.78, wspace=between)
    for axes, sheet in zip(figure.subplots(1, len(sheets), squeeze=False)[0], sheets, strict=True):
        draw(axes, sheet)
    figure.suptitle(title or "", x=LEFT / WIDTH, ha="left", fontsize=11, color=INK)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="upper right", **LEGEND)
    return Picture(figure, describe(history, numbers), before)


def draw(axes, sheet, width=1.5, marker=4):
    """Draw a `Sheet` on Matplotlib's `axes`. width, marker: of its lines and of their points, in printer's points."""
    ticks = ticks_of(sheet)
    low, height = ticks[0], ticks[-1] - ticks[0]
    epochs = max([1, *(len(line.values) for line in sheet.lines), *(len(ghost.values) for ghost in sheet.ghosts)])
    ghosts = sorted(sheet.ghosts, key=last_value)
    for (label, values, _), place in zip(ghosts, label_heights(ghosts, ticks), strict=True):
        axes.plot(range(1, len(values) + 1), values, color=GHOST, linewidth=0.8)
        beside = {"va": "center", "fontsize": 8, "color": GHOST, "transform": axes.get_yaxis_transform()}
        axes.text(1.02, low + place * height, shorten(label), **beside)
    for line in sheet.lines:
        look, (_, known) = LOOKS[line.look], axes.get_legend_handles_labels()
        axes.plot(
            range(1, len(line.values) + 1),
            line.values,
            "--" if look.dashes else "-",
            color=look.colour,
            marker=MARKERS[look.marker],
            label=None if line.look in known else line.look,
            linewidth=width,
            markersize=marker if epochs <= 40 else marker / 2,
            zorder=3,
        )
    for epoch, words in sheet.marks:
        axes.axvline(epoch, color=INK, linewidth=0.8, zorder=1)
        if sheet.name == "loss":
            side = "left" if epoch < 0.15 * epochs else "right" if epoch > 0.85 * epochs else "center"
            axes.text(epoch, 1.02, words, ha=side, fontsize=8, color=INK, transform=axes.get_xaxis_transform())
    room = 0.02  # a share of the axes, so that a marker on a limit is not cut
    axes.set_ylim(low - room * height, low + (1 + room) * height)
    axes.set_xlim(1 - room * epochs, epochs + room * epochs)
    axes.set(xticks=x_ticks(epochs), yticks=ticks, axisbelow=True)
    axes.set_title((sheet.title or sheet.name).replace("_", " "), loc="left", pad=16, fontsize=11, color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color=GRID)
    axes.set_facecolor("white")  # in a dark theme too, as the colours are made for white
    axes.spines[:].set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines["bottom"].set_position(("data", low))
