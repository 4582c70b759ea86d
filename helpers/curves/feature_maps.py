"""Draws what dropout and batch normalisation do: feature maps, histograms, a table and moving averages, as parts of one
<svg>.

Each drawing is a string of elements whose (0, 0) is its upper left corner.
"""

import base64
import io
from html import escape
from math import ceil, floor, sqrt

import numpy as np
from matplotlib.image import imsave

from helpers.curves.predictions import WRONG
from helpers.curves.sheets import GHOST, GRID, INK, TRAINING, VALIDATION

SIDE = 104  # pixels of a feature map
GAP = 8  # pixels between two
ROOM = 5 * SIDE + 4 * GAP  # for a row of maps
SHADES = np.array([[238, 242, 246], [0, 114, 178], [0, 30, 52]]) / 255  # lowest, middle, highest
CROSSED = np.array([179, 71, 0]) / 255
LOW, HIGH = -4, 6  # of the axis of normalised values


def maps_of(values, most=5):
    """The first `most` channels of one picture's values as maps, float, shape (maps, height, width).

    values: shape (height, width, channels); or (units,), which becomes one map, filled row by row, with NaN after the
    last unit.
    """
    if values.ndim == 3:
        return np.moveaxis(values[..., :most], -1, 0)
    columns = ceil(sqrt(len(values) * ROOM / SIDE))
    rows = ceil(len(values) / columns)
    return np.pad(values.astype(float), (0, rows * columns - len(values)), constant_values=np.nan).reshape(
        1, rows, columns
    )


def strip(maps, low, high, dropped=None):
    """Maps side by side as a PNG in a data URI, from light (`low`) to dark (`high`); `dropped` units, bool, are white
    and crossed out.

    maps: float, shape (maps, height, width); NaN is white.
    """
    n, tall, wide = maps.shape
    share = np.clip((maps - low) / (high - low), 0, 1)
    colours = np.stack([np.interp(share, [0, 0.5, 1], shade) for shade in SHADES.T], -1)
    colours[np.isnan(maps)] = 1
    if dropped is not None:
        colours[dropped] = 1
    size = max(
        8, 2 * SIDE // tall
    )  # pixels for each unit: enough for a stroke that crosses it out, also on a fine screen
    pixels = colours.repeat(size, 1).repeat(size, 2)
    if dropped is not None:
        diagonal = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) <= size // 16
        pixels[np.tile(diagonal, (1, tall, wide)) & dropped.repeat(size, 1).repeat(size, 2)] = CROSSED
    gap = round(GAP / SIDE * wide * size)
    row = np.ones((tall * size, n * (wide * size + gap) - gap, 3))
    for number, each in enumerate(pixels):
        begin = number * (wide * size + gap)
        row[:, begin : begin + wide * size] = each
    return png(row)


def png(pixels, **looks):
    """Pixels as a PNG in a data URI: colours of shape (height, width, 3), or with `cmap`, `vmin`, `vmax` grey
    values."""
    file = io.BytesIO()
    imsave(file, pixels, format="png", **looks)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def row_of_maps(href, shape, words, label):
    """A `strip` of maps of `shape` (maps, height, width), to the right of lines of text. label: for a screen reader."""
    n, tall, wide = shape
    unit = min((SIDE if n > 1 or wide <= tall else ROOM) / wide, SIDE / tall)
    width, height = n * wide * unit + (n - 1) * GAP * wide * unit / SIDE, tall * unit
    lines = "".join(
        f'<text y="{22 + 18 * number}" font-size="{15 if number == 0 else 13}">{escape(line)}</text>'
        for number, line in enumerate(words)
    )
    return (
        f'<g role="img" aria-label="{escape(label)}">{lines}<image x="150" width="{width:g}" height="{height:g}"'
        f' preserveAspectRatio="none" href="{href}"/></g>'
    )


def key(low, high):
    """What the shades mean, in words beside three squares."""
    dropped = strip(np.zeros((1, 3, 3)), 0, 1, np.ones((1, 3, 3), bool))
    parts = []
    for number, (share, words) in enumerate(((0, f"{low:.3g} or less"), (1, f"{high:.3g} or more"))):
        colour = "#" + "".join(
            f"{round(255 * float(np.interp(share, [0, 1], shade[[0, 2]]))):02X}" for shade in SHADES.T
        )
        parts.append(
            f'<rect y="{24 * number}" width="16" height="16" fill="{colour}" stroke="{INK}"/>'
            f'<text x="24" y="{24 * number + 13}">{words}</text>'
        )
    parts.append(
        f'<image y="48" width="16" height="16" href="{dropped}"/><rect y="48" width="16" height="16" fill="none"'
        f' stroke="{INK}"/><text x="24" y="61">dropped: 0</text>'
    )
    return "".join(parts)


def histogram(values, low, high, wide, tall, title, words):
    """How often each value occurs, from `low` to `high`; what lies outside is counted at the ends. Mean and one std
    around it are marked.

    values: float, of any shape. title: the first line above, words: the second. What is told a screen reader is both.
    """
    mean, std = float(values.mean()), float(values.std())
    counts = np.histogram(np.clip(values, low, high), bins=40, range=(low, high))[0]
    heights = np.sqrt(counts / counts.max())  # as areas: rare values can be seen beside a frequent one

    def x(value):
        return wide * (min(max(value, low), high) - low) / (high - low)

    bars = "".join(
        f"M{wide * number / 40:.1f} {tall}v{-tall * height:.1f}h{wide / 40:.1f}V{tall}"
        for number, height in enumerate(heights.tolist())
        if height
    )
    ticks = [tick for tick in _ticks(low, high) if low <= tick <= high]
    return (
        f'<g role="img" aria-label="{escape(f"Histogram, {title}: {words}")}"><text y="-26"'
        f' font-weight="bold">{escape(title)}</text><text y="-9">{escape(words)}</text><path d="{bars}"'
        f' fill="{TRAINING}" fill-opacity=".45"/><path d="M0 {tall}h{wide:g}" stroke="{INK}"/><path class="mean"'
        f' d="M{x(mean):.1f} 0V{tall + 4}" stroke="{WRONG}" stroke-width="2"/><path class="std"'
        f' d="M{x(mean - std):.1f} 8v-6v3H{x(mean + std):.1f}v-3v6" fill="none" stroke="{WRONG}" stroke-width="1.5"/>'
        '<g text-anchor="middle" font-size="11">'
        + "".join(f'<text x="{x(tick):.1f}" y="{tall + 17}">{tick:.3g}</text>' for tick in ticks)
        + "</g></g>"
    )


def table(heads, rows, marked, wide):
    """Numbers in columns. heads: pairs (words, names of the columns below); rows: lists of texts, the first the row's
    name.

    marked: the row in bold. wide: of the whole, in pixels. A screen reader is told each row in words.
    """
    columns = [(words, name) for words, names in heads for name in names]
    step = (wide - 60) / (len(columns) - 1)
    right = [44 if number == 0 else 60 + step * number for number in range(len(columns))]
    parts, number = [], 0
    for words, names in heads:
        middle = (right[number] + right[number + len(names) - 1]) / 2 - (step / 2 - 4 if number else 22)
        parts.append(f'<text x="{middle:.1f}" y="0" text-anchor="middle" font-weight="bold">{escape(words)}</text>')
        parts += [
            f'<text x="{right[number + i]:.1f}" y="17" text-anchor="end">{escape(name)}</text>'
            for i, name in enumerate(names)
        ]
        number += len(names)
    parts.append(f'<path d="M0 23H{wide:g}" stroke="{INK}"/>')
    for i, row in enumerate(rows):
        told = f"{row[0]}: " + ", ".join(
            f"{words} {name} {text}" for (words, name), text in zip(columns[1:], row[1:], strict=True)
        )
        bold = ' font-weight="bold"' if i == marked else ""
        parts.append(
            f'<g role="img" aria-label="{escape(told)}" text-anchor="end"{bold}>'
            + "".join(
                f'<text x="{x:.1f}" y="{41 + 19 * i}">{escape(text)}</text>' for x, text in zip(right, row, strict=True)
            )
            + "</g>"
        )
    return f'<g font-size="11.5">{"".join(parts)}</g>'


def catching_up(title, moving, batches, level, step, wide, tall):
    """A moving average against the number of batches it has seen, from 0; `step` is marked.

    moving: float, shape (steps + 1,); batches: what was averaged, shape (steps,), drawn as dots; level: where it is
    heading, a dashed line.
    """
    ticks = _ticks(min(0.0, moving.min(), batches.min(), level), max(moving.max(), batches.max(), level))
    steps = len(moving) - 1

    def x(number):
        return wide * number / steps

    def y(value):
        return tall * (1 - (value - ticks[0]) / (ticks[-1] - ticks[0]))

    line = " ".join(f"{x(number):.1f},{y(value):.1f}" for number, value in enumerate(moving.tolist()))
    dots = "".join(f"M{x(number):.1f} {y(value):.1f}h0" for number, value in enumerate(batches.tolist(), 1))
    label = f"{title}: {moving[step]:.3g} after {step} of {steps} batches; over all pictures {level:.3g}"
    now = x(step)
    heights = [(f"{y(tick):.1f}", f"{tick:.3g}") for tick in ticks]
    grid = "".join(f"M0 {height}h{wide:g}" for height, _ in heights[1:])
    y_labels = "".join(f'<text class="ytick" x="-5" y="{height}" dy="4">{words}</text>' for height, words in heights)
    x_labels = "".join(
        f'<text class="xtick" x="{x(number):.1f}" y="{tall + 15}">{number}</text>'
        for number in range(0, steps + 1, steps // 3 or 1)
    )
    return (
        f'<g role="img" data-pane="{escape(title)}" aria-label="{escape(label)}"><text y="-12" font-size="12"><tspan'
        f' font-weight="bold">{escape(title)}</tspan> {moving[step]:.3g}</text><path d="{grid}" stroke="{GRID}"/><path'
        f' d="M0 0V{tall}H{wide:g}" stroke="{INK}" fill="none"/><g font-size="11"><g'
        f' text-anchor="end">{y_labels}</g><g text-anchor="middle">{x_labels}</g></g><path d="{dots}" stroke="{GHOST}"'
        f' stroke-width="3" stroke-linecap="round"/><path class="level" d="M0 {y(level):.1f}h{wide:g}"'
        f' stroke="{VALIDATION}" stroke-width="1.8" stroke-dasharray="6 3"/><polyline data-name="{escape(title)}"'
        f' points="{line}" fill="none" stroke="{TRAINING}" stroke-width="2"/><path class="step" d="M{now:.1f}'
        f' 0V{tall}" stroke="{INK}" stroke-width=".8"/><circle cx="{now:.1f}" cy="{y(moving[step]):.1f}" r="4.5"'
        f' fill="{TRAINING}" stroke="#FFF"/></g>'
    )


def _ticks(low, high):
    """Round numbers from `low` or a little below it to `high` or a little above it."""
    rough = (high - low or 1.0) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(digit for digit in (1, 2, 2.5, 5, 10) if digit * power >= rough * 0.999)
    return [
        round(step * number, 12)
        for number in range(floor(low / step), max(ceil(high / step - 0.001), floor(low / step) + 1) + 1)
    ]
