"""What a dropout layer and a batch normalisation layer do to one batch, as parts of one picture below each other.

What is shown is computed elsewhere; statistics are those of single channels.
"""

from html import escape

import numpy as np

from helpers.curves.elements import at, frame
from helpers.curves.feature_maps import catching_up, histogram, key, row_of_maps, table
from helpers.curves.predictions import LOOKS
from helpers.curves.sheets import WIDTH

DROPOUT, NORM = 396, 392  # pixels: how tall each part is
LIMITS = -4, 6  # of the axis of normalised values
HEADS = (
    ("", ["channel"]),
    ("batch", ["mean", "std"]),
    ("training=True", ["mean", "std"]),
    ("training=False", ["mean", "std"]),
    ("moving", ["mean", "std"]),
    ("trained", ["gamma", "beta"]),
)


def picture(parts, label):
    """One <svg>. parts: of each layer its name, that of the layer before, how tall it is and what is drawn of it."""
    drawn, top = [], 0
    for name, after, tall, body in parts:
        title = f'<text x="14" y="26" font-size="15">Layer {escape(name)}, after {escape(after)}</text>'
        drawn.append(at(0, top, title + body))
        top += tall
    return frame(WIDTH, top, label, "".join(drawn), "group")


def dropout(maps, before, after, dropped, limits, rate, share, means, units, garment):
    """The maps of one picture before the layer, while training and when predicting.

    maps: before the layer, see `feature_maps.maps_of`; dropped: which units of them are. before, after: the maps before
    the layer and after it as a `feature_maps.strip`; limits: the values drawn lightest and darkest. rate: of the layer.
    share, means: of the batch, how much is dropped, and {"before", "training", "predicting"}. units: how many there
    are, if they are no maps, or else None. garment: the picture as a data URI, or None.
    """
    n = len(maps)
    mean = {name: f"batch mean {three(value)}" for name, value in means.items()}
    training = [mean["training"], f"{100 * share:.1f} % dropped", f"others × {1 / (1 - rate):.2f}"]
    counted = f"{dropped.sum()} of {(~np.isnan(maps)).sum()} units dropped"
    rows = (
        (before, ["before", mean["before"]], "as they come from the layer before"),
        (after, ["while training", *training], counted),
        (before, ["when predicting", mean["predicting"], "same as before"], "the same as before"),
    )
    what = f"all {units} units" if units else f"channels 0 to {n - 1}" if n > 1 else "channel 0"
    parts = ['<g text-anchor="middle" font-size="12">']
    if not units:
        parts += [f'<text x="{216 + 112 * number}" y="48">channel {number}</text>' for number in range(n)]
    if garment:
        parts.append(
            '<text x="798" y="48">the picture</text><image role="img" aria-label="the picture" x="746" y="56" '
            f'width="104" height="104" href="{garment}" style="{LOOKS}"/>'
        )
    parts.append("</g>")
    for number, (href, words, told) in enumerate(rows):
        row = row_of_maps(href, maps.shape, words, f"{words[0]}, {what}: {told}")
        parts.append(at(14, 56 + 112 * number, row))
    parts.append(at(746, 182, f'<g font-size="12">{key(*limits)}</g>'))
    return "".join(parts)


def batch_norm(channel, step, histograms, rows, averages):
    """Four histograms of a channel, the table of all of them, and how the moving averages catch up.

    histograms: (title, values, low, high, how to write a number). rows: of the table, see HEADS. averages: (title,
    moving, batches, level), see `feature_maps.catching_up`. step: where they stand now.
    """
    parts = []
    for number, (title, values, low, high, write) in enumerate(histograms):
        words = f"mean {write(values.mean())}, std {write(values.std())}"
        parts.append(at(16 + 214 * number, 84, histogram(values, low, high, 188, 84, title, words)))
    parts.append(
        f'<text x="14" y="206" font-size="12">Channel {channel} of this batch, before it is multiplied by gamma and '
        "beta is added. On the right: with fresh moving averages. Bar heights: √count.</text>"
    )
    parts.append(at(14, 238, table(HEADS, rows, channel, 494)))
    for number, (title, moving, batches, level) in enumerate(averages):
        parts.append(at(544 + 168 * number, 250, catching_up(title, moving, batches, level, step, 126, 92)))
    parts.append('<text x="544" y="376" font-size="12">batches seen; dots: each batch; dashed: all pictures</text>')
    return "".join(parts)


def two(value, decimals=2):
    """With two decimals, and never "-0.00"; large numbers with fewer, so that they fit into the table."""
    if abs(value) < 100:
        return f"{round(float(value), decimals) + 0.0:.{decimals}f}"
    return f"{value:.0f}" if abs(value) < 1e4 else f"{value:.0e}"


def three(value):
    """With three decimals, as values can be small."""
    return two(value, 3)
