"""What is drawn on a model card: learning curves, the confusion matrix, and the mistakes; see `card_text`."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from helpers.curves.sheets import HEIGHT, INK, WIDTH, Sheet, lines_of, shorten
from helpers.curves.still_picture import LEGEND, Picture, draw
from helpers.curves.theme import LIGHT
from helpers.error_bars import in_words
from helpers.records.card_text import MISTAKES, sure, which


def drawn(runs, counts, mistakes, result, settings):
    """The card's picture, in which no words are a machine's own; its alt text is the same everywhere."""
    figure = Figure(figsize=(WIDTH / 100, 2 * HEIGHT / 100), facecolor="white")
    said = f"Test accuracy {in_words(result.right, result.n)}, opening {result.opening}"
    chosen = " ".join(", ".join(f"{name} {value}" for name, value in settings.items()).split())
    chosen = chosen if len(chosen) <= 100 else chosen[:99] + "…"
    look = {"va": "top", "color": INK, "parse_math": False}
    figure.text(0.02, 0.985, f"Model card: {which(result.classes)}", fontsize=13, fontweight="bold", **look)
    figure.text(0.02, 0.935, said, fontsize=10, **look)
    figure.text(0.02, 0.9, chosen, fontsize=9, **look)
    _draw_curves(figure.add_axes((0.07, 0.43, 0.5, 0.36)), runs)
    _draw_counts(figure.add_axes((0.73, 0.43, 0.25, 0.32)), counts, result.classes)
    _draw_mistakes(figure, mistakes, result)
    alt = (
        f"Model card of a network that tells {which(result.classes, 'and')} apart. Learning curves of each seed: loss"
        " against the epoch, training solid, validation dashed. The confusion matrix of the test pictures. The test"
        " pictures it gets wrong, the most confident answers first. All figures are in model_card.md."
    )
    picture = Picture(figure, alt, "The model card is written: model_card.md and model_card.png.")
    picture.png = _fewer_colours(picture.png)
    return picture


def _fewer_colours(png):
    """The same picture with 256 colours, in a third of the bytes: a notebook should stay small."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return file.getvalue()


def _draw_curves(axes, runs):
    lines = [line for _, loss, _ in runs.values() for line in lines_of(loss)]
    draw(axes, Sheet("loss", lines, title=f"loss, {len(runs)} seed{'s' * (len(runs) != 1)}"), width=1.2, marker=2.5)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), **LEGEND)


def _draw_counts(axes, counts, classes):
    n, names = len(classes), [shorten(name) for name in classes]
    size = 12 if n <= 4 else 7
    axes.set(xlim=(0, n), ylim=(n, 0), xticks=np.arange(n) + 0.5, yticks=np.arange(n) + 0.5)
    for row, column in np.ndindex(n, n):
        share = counts[row, column] / max(1, counts[row].sum())
        colour = LIGHT["right" if row == column else "wrong"]
        axes.fill_between((column, column + 1), row, row + 1, color=colour, alpha=0.03 + 0.5 * share, linewidth=0)
        axes.text(column + 0.5, row + 0.5, counts[row, column], ha="center", va="center", fontsize=size, color="black")
    axes.xaxis.tick_top()
    axes.set_xticklabels(names, fontsize=min(9, size), rotation=0 if n <= 2 else 90)
    axes.set_yticklabels(names, fontsize=min(9, size))
    axes.set_ylabel("it is", color=INK)
    axes.set_xlabel("the network says", color=INK)
    axes.tick_params(colors=INK, length=0)


def _draw_mistakes(figure, mistakes, result):
    shown = mistakes[:MISTAKES]
    words = f"Wrong: {len(mistakes)} of {result.n} test pictures" + (", most confident first" if shown else "")
    figure.text(0.02, 0.3, words, fontsize=11, color=INK)
    for place, (number, answer, share) in enumerate(shown):
        axes = figure.add_axes((0.02 + place * 0.121, 0.105, 0.113, 0.17))
        axes.imshow(np.squeeze(result.pictures[number]), cmap="gray_r", vmin=0, vmax=1)
        axes.set_axis_off()
        label = result.classes[result.labels[number]]
        look = {"transform": axes.transAxes, "ha": "center", "va": "top", "fontsize": 8}
        axes.text(0.5, -0.08, shorten(f"is {label}"), color=INK, **look)
        axes.text(0.5, -0.25, shorten(f"said {result.classes[answer]}"), color=LIGHT["wrong"], **look)
        axes.text(0.5, -0.42, sure(share), color=LIGHT["wrong"], fontweight="bold", **look)
