"""The validation accuracies of all settings of a sweep with their 95 % intervals: as arrays, in words, as a picture.

`entries` are those of `scoreboard`, already in order; n: how many pictures an accuracy was measured on.
"""

from html import escape
from math import ceil, floor

import numpy as np

from helpers.curves.elements import axes, frame, ticks
from helpers.curves.sheets import LEFT, RIGHT, WIDTH
from helpers.curves.theme import colour
from helpers.error_bars import interval

ACCURACY = "validation accuracy"
GUIDE = "A guide only: all settings answered the same pictures, and the luck of the seeds is not in the intervals."
TALL, BELOW = 308, 150  # pixels of the overview, and of its plotting area
NEAR, LOWER = colour("training"), colour("ghost")  # of settings: the second can be told from the highest accuracy


def against_highest(entries, n):
    """The accuracies and their intervals: (accuracies, low, high, near), arrays of shape (entries,), NaN for none.

    near: bool, whether the interval holds the highest accuracy, so that these n pictures cannot tell the setting from
    the best.
    """
    known = np.array([entry.complete and not entry.error and np.isfinite(entry.accuracy) for entry in entries], bool)
    accuracies = np.where(known, [entry.accuracy for entry in entries], np.nan)
    low, high = np.full((2, len(entries)), np.nan)
    if known.any():
        low[known], high[known] = interval(accuracies[known] * n, n)
    highest = np.max(accuracies[known], initial=0)
    return accuracies, low, high, known & (low <= highest) & (highest <= high)


def in_short(entries, n):
    """What the accuracies of all settings say together, in words."""
    accuracies, _, _, near = against_highest(entries, n)
    known, settings = accuracies[np.isfinite(accuracies)], count(len(entries), "setting")
    if not len(known):
        return f"No accuracy of the {settings} is known yet."
    finished = "" if len(known) == len(entries) else f", {len(known)} of them with an accuracy"
    others = int(near.sum()) - 1
    return (
        f"{settings}{finished}; the highest accuracy is {known.max():.2f}; {others or 'no'} other{'s' * (others != 1)} "
        f"cannot be told from it on {n} pictures."
    )


def overview(entries, row, n, by):
    """One <svg>: the accuracy of each setting, with its interval, against its row.

    row: the chosen one, from 1, or None. by: what they are sorted by.
    """
    accuracies, low, high, near = against_highest(entries, n)
    known = np.flatnonzero(np.isfinite(accuracies)).tolist()
    shares = _share_ticks(low[known], high[known])
    wide, size = WIDTH - LEFT - RIGHT, min(4.5, 150 / len(entries))

    def x(number):
        return wide * (number - 0.5) / len(entries)

    def y(share):
        return BELOW * (shares[-1] - share) / (shares[-1] - shares[0])

    parts = []
    if row:
        band = f'stroke="{colour("chosen")}" stroke-width="{max(14, 2 * size + 4):g}"'
        parts = [
            f'<path class="chosen" d="M{x(row):.1f} -4V{BELOW}" {band}/>'
            f'<text x="{x(row):.1f}" y="-7" text-anchor="middle" font-size="12">▾</text>'
        ]
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 10**6) if len(entries) <= 40 * step)
    rows = ticks("x", [(x(number), number) for number in range(step, len(entries) + 1, step)], 0, BELOW + 15)
    parts += [
        axes(wide, BELOW, [y(share) for share in shares]),
        ticks("y", [(y(share), f"{share:.2f}") for share in shares], -7, 4.5),
        f'<g font-size="11">{rows}</g>',
        f'<text x="{wide / 2:g}" y="{BELOW + 33}" text-anchor="middle">row of the table, sorted by {escape(by)}</text>',
    ]
    dashed = f'stroke="{colour("ink")}" stroke-dasharray="5 4"'
    if known:
        parts.append(f'<path class="highest" d="M0 {y(accuracies[known].max()):.1f}H{wide}" {dashed}/>')
    for index in known:
        name, look = ("near", NEAR) if near[index] else ("lower", LOWER)
        height = y(accuracies[index])
        bar = f"M0 {y(low[index]) - height:.1f}V{y(high[index]) - height:.1f}"
        parts.append(
            f'<g class="{name}" transform="translate({x(index + 1):.1f} {height:.1f})">'
            f'<path d="{bar}" stroke="{look}" stroke-width="1.5"/>{_dot(near[index], size)}</g>'
        )
    said = in_short(entries, n)
    legend = (
        (18, _dot(True, 4.5, 6), "cannot be told from the highest accuracy"),
        (298, _dot(False, 4.5, 6), "lower: its interval leaves the highest out"),
        (584, f'<path d="M-4 0h20" {dashed}/>', "the highest accuracy"),
    )
    parts = [
        '<text x="14" y="22" font-size="15">validation accuracy of all settings, with 95 % intervals</text>',
        *(
            f'<g transform="translate({x} 44)">{mark}<text x="20" y="4.5">{words}</text></g>'
            for x, mark, words in legend
        ),
        f'<g data-pane="{ACCURACY}" transform="translate({LEFT} 76)">{"".join(parts)}</g>',
        f'<text x="14" y="{TALL - 29}">{said}</text><text x="14" y="{TALL - 10}">{GUIDE}</text>',
    ]
    label = f"Validation accuracy of each setting with its 95 % interval, sorted by {by}."
    return frame(WIDTH, TALL, f"{label} {said} {GUIDE}", "".join(parts))


def _dot(near, size, x=0):
    """A mark at (x, 0): filled and round, or a hollow square."""
    if near:
        return f'<circle class="dot" cx="{x}" r="{size:g}" fill="{NEAR}"/>'
    square = f'x="{x - size:g}" y="{-size:g}" width="{2 * size:g}" height="{2 * size:g}"'
    return f'<rect class="dot" {square} fill="{colour("paper")}" stroke="{LOWER}" stroke-width="1.5"/>'


def _share_ticks(low, high):
    """Ticks that hold all of the intervals, in steps of 0.05, or 0.1 if that would be many."""
    if not len(low):
        return [0.0, 0.5, 1.0]
    step = 0.05 if high.max() - low.min() < 0.25 else 0.1
    return [round(step * number, 2) for number in range(floor(low.min() / step), ceil(high.max() / step) + 1)]


def count(number, thing):
    """ "1 setting", "2 settings"."""
    return f"{number} {thing}{'s' * (number != 1)}"
