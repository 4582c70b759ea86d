"""Draws what dropout and batch normalisation do: feature maps, histograms, a table and moving averages, as parts of one
<svg>.

Each drawing is a string of elements whose (0, 0) is its upper left corner.
"""

from html import escape
from math import ceil, floor, sqrt

import numpy as np

from helpers.curves.elements import at, axes, png, polyline, ticks
from helpers.curves.theme import colour

SIDE = 104  # pixels of a feature map
GAP = 8  # pixels between two
ROOM = 5 * SIDE + 4 * GAP  # for a row of maps
SHADES = np.array([[238, 242, 246], [0, 114, 178], [0, 30, 52]]) / 255  # lowest, middle, highest
CROSSED = np.array([179, 71, 0]) / 255
NOTHING = [1.0, 1.0, 1.0, 0.0]  # nothing to see, and white for who leaves out that it is transparent
FILTER = f'style="filter:{colour("picture")}"'


def maps_of(values, most=5):
    """The first `most` channels of one picture's values as maps, float, shape (maps, height, width).

    values: shape (height, width, channels); or (units,), which becomes one map, filled row by row, with NaN after the
    last unit.
    """
    if values.ndim == 3:
        return np.moveaxis(values[..., :most], -1, 0)
    columns = ceil(sqrt(len(values) * ROOM / SIDE))
    rows = ceil(len(values) / columns)
    padded = np.pad(values.astype(float), (0, rows * columns - len(values)), constant_values=np.nan)
    return padded.reshape(1, rows, columns)


def strip(maps, low, high, dropped=None):
    """Maps side by side as a PNG in a data URI, from light (`low`) to dark (`high`).

    maps: float, shape (maps, height, width); where NaN is, the page is seen. dropped: bool, of that shape: there it
    is seen, too, crossed out. As the page's paper may be dark, show the picture with the theme's filter "picture".
    """
    n, tall, wide = maps.shape
    share = np.clip((maps - low) / (high - low), 0, 1)
    colours = np.stack([np.interp(share, [0, 0.5, 1], shade) for shade in SHADES.T], -1)
    seen = np.isnan(maps) if dropped is None else np.isnan(maps) | dropped
    colours = np.concatenate([colours, np.ones((*maps.shape, 1))], -1)
    colours[seen] = NOTHING
    size = max(8, 2 * SIDE // tall)  # pixels of a unit: enough for a stroke across it, also on a fine screen
    pixels = colours.repeat(size, 1).repeat(size, 2)
    if dropped is not None:
        diagonal = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) <= size // 16
        pixels[np.tile(diagonal, (1, tall, wide)) & dropped.repeat(size, 1).repeat(size, 2)] = [*CROSSED, 1]
    gap = round(GAP / SIDE * wide * size)
    row = np.full((tall * size, n * (wide * size + gap) - gap, 4), NOTHING)
    for number, each in enumerate(pixels):
        begin = number * (wide * size + gap)
        row[:, begin : begin + wide * size] = each
    return png(row)


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
        f' preserveAspectRatio="none" href="{href}" {FILTER}/></g>'
    )


def key(low, high):
    """What the shades mean, in words beside three squares."""
    dropped = strip(np.zeros((1, 3, 3)), 0, 1, np.ones((1, 3, 3), bool))
    lightest, darkest = ("#" + "".join(f"{round(255 * part):02X}" for part in shade.tolist()) for shade in SHADES[::2])
    size = 'width="16" height="16"'
    squares = (
        (f'<rect {size} fill="{lightest}" {FILTER}/>', f"{low:.3g} or less"),
        (f'<rect {size} fill="{darkest}" {FILTER}/>', f"{high:.3g} or more"),
        (f'<image {size} href="{dropped}" {FILTER}/>', "dropped: 0"),
    )
    edge = f'<rect {size} fill="none" stroke="{colour("ink")}"/>'
    return "".join(
        at(0, 24 * number, f'{square}{edge}<text x="24" y="13">{words}</text>')
        for number, (square, words) in enumerate(squares)
    )


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
    one_std = f"M{x(mean - std):.1f} 8v-6v3H{x(mean + std):.1f}v-3v6"
    numbers = [(x(tick), f"{tick:.3g}") for tick in round_numbers(low, high) if low <= tick <= high]
    return (
        f'<g role="img" aria-label="{escape(f"Histogram, {title}: {words}")}">'
        f'<text y="-26" font-weight="bold">{escape(title)}</text><text y="-9">{escape(words)}</text>'
        f'<path d="{bars}" fill="{colour("training")}" fill-opacity=".45"/>'
        f'<path d="M0 {tall}h{wide:g}" stroke="{colour("ink")}"/>'
        f'<path class="mean" d="M{x(mean):.1f} 0V{tall + 4}" stroke="{colour("wrong")}" stroke-width="2"/>'
        f'<path class="std" d="{one_std}" fill="none" stroke="{colour("wrong")}" stroke-width="1.5"/>'
        f'<g font-size="11">{ticks("x", numbers, 0, tall + 17)}</g></g>'
    )


def table(heads, rows, marked, wide):
    """Numbers in columns; a screen reader is told each row in words.

    heads: pairs (words, names of the columns below). rows: lists of texts, the first the row's name. marked: the row
    in bold. wide: of the whole, in pixels.
    """
    columns = [(words, name) for words, names in heads for name in names]
    step = (wide - 60) / (len(columns) - 1)
    right = [44, *(60 + step * number for number in range(1, len(columns)))]
    parts, number = [], 0
    for words, names in heads:
        below = right[number : number + len(names)]
        middle = (below[0] + below[-1]) / 2 - (step / 2 - 4 if number else 22)
        parts.append(f'<text x="{middle:.1f}" y="0" text-anchor="middle" font-weight="bold">{escape(words)}</text>')
        for x, name in zip(below, names, strict=True):
            parts.append(f'<text x="{x:.1f}" y="17" text-anchor="end">{escape(name)}</text>')
        number += len(names)
    parts.append(f'<path d="M0 23H{wide:g}" stroke="{colour("ink")}"/>')
    for i, row in enumerate(rows):
        figures = zip(columns[1:], row[1:], strict=True)
        told = f"{row[0]}: " + ", ".join(f"{words} {name} {text}" for (words, name), text in figures)
        bold = ' font-weight="bold"' if i == marked else ""
        cells = [
            f'<text x="{x:.1f}" y="{41 + 19 * i}">{escape(text)}</text>' for x, text in zip(right, row, strict=True)
        ]
        parts.append(f'<g role="img" aria-label="{escape(told)}" text-anchor="end"{bold}>{"".join(cells)}</g>')
    return f'<g font-size="11.5">{"".join(parts)}</g>'


def catching_up(title, moving, batches, level, step, wide, tall):
    """A moving average against the number of batches it has seen, from 0; `step` is marked.

    moving: float, shape (steps + 1,); batches: what was averaged, shape (steps,), drawn as dots; level: where it is
    heading, a dashed line.
    """
    numbers = round_numbers(min(0.0, moving.min(), batches.min(), level), max(moving.max(), batches.max(), level))
    steps = len(moving) - 1

    def x(number):
        return wide * number / steps

    def y(value):
        return tall * (1 - (value - numbers[0]) / (numbers[-1] - numbers[0]))

    name, now = escape(title), f"{moving[step]:.3g}"
    label = f"{title}: {now} after {step} of {steps} batches; over all pictures {level:.3g}"
    dots = "".join(f"M{x(number):.1f} {y(value):.1f}h0" for number, value in enumerate(batches.tolist(), 1))
    points = [(x(number), y(value)) for number, value in enumerate(moving.tolist())]
    seen = [(x(number), number) for number in range(0, steps + 1, steps // 3 or 1)]
    scales = ticks("y", [(y(number), f"{number:.3g}") for number in numbers], -5, 4) + ticks("x", seen, 0, tall + 15)
    return (
        f'<g role="img" data-pane="{name}" aria-label="{escape(label)}">'
        f'<text y="-12" font-size="12"><tspan font-weight="bold">{name}</tspan> {now}</text>'
        f'{axes(wide, tall, [y(number) for number in numbers[1:]])}<g font-size="11">{scales}</g>'
        f'<path d="{dots}" stroke="{colour("ghost")}" stroke-width="3" stroke-linecap="round"/>'
        f'<path class="level" d="M0 {y(level):.1f}h{wide:g}" stroke="{colour("validation")}" stroke-width="1.8" '
        'stroke-dasharray="6 3"/>'
        + polyline(title, points, f'fill="none" stroke="{colour("training")}" stroke-width="2"')
        + f'<path class="step" d="M{x(step):.1f} 0V{tall}" stroke="{colour("ink")}" stroke-width=".8"/>'
        f'<circle cx="{x(step):.1f}" cy="{y(moving[step]):.1f}" r="4.5" fill="{colour("training")}" '
        f'stroke="{colour("paper")}"/></g>'
    )


def round_numbers(low, high):
    """Round numbers from `low` or a little below it to `high` or a little above it."""
    rough = (high - low or 1.0) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(digit for digit in (1, 2, 2.5, 5, 10) if digit * power >= rough * 0.999)
    first = floor(low / step)
    last = max(ceil(high / step - 0.001), first + 1)
    return [round(step * number, 12) for number in range(first, last + 1)]
