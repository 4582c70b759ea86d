"""Thumbnails: learning curves as small as they can be read, enough to tell the runs of a row apart."""

from html import escape

import numpy as np

from helpers.curves.elements import at, placed
from helpers.curves.history import describe, panes
from helpers.curves.sheets import LOOKS, WIDTH, y_ticks
from helpers.curves.theme import colour

# Pixels of a thumbnail, which gets wider where there is room: its plotting areas, one below the other, the numbers to
# the left of them, the name above each, and the epochs below the last one.
WIDE, PANE, LEFT, NAME, FOOT = 134, 40, 26, 15, 15
TALL = 2 * (NAME + PANE) + FOOT
INSET = 3  # pixels from the sides of a plotting area to the first and the last epoch
LETTERS = 11  # pixels of their size: smaller ones cannot be read
PER_LINE = 6  # thumbnails side by side, where nothing else decides it
VERDICT = ", a sign of overfitting"  # part of the words for a chart


def small(label, logs, epochs):
    """The loss above the accuracy (or what else `panes` finds), as one <svg> element.

    label: what the words for it begin with. logs: a history's dict, as far as it has come. epochs: int, where the
    x axis ends.
    """
    words = escape(without_verdict(f"{label}. {describe(logs)}"))
    drawn = [at(LEFT, place * (NAME + PANE), _pane(pane, epochs)) for place, pane in enumerate(panes(logs))]
    if epochs > 1:
        drawn.append(f'<text x="{LEFT + INSET}" y="{TALL - 3}">1</text>')
        drawn.append(f'<text x="{WIDE - INSET}" y="{TALL - 3}" text-anchor="end">{epochs}</text>')
    return (
        f'<svg viewBox="0 0 {WIDE} {TALL}" role="img" aria-label="{words}" fill="{colour("ink")}" '
        f'style="display:block;width:100%;height:auto;font:{LETTERS}px sans-serif">{"".join(drawn)}</svg>'
    )


def _pane(pane, epochs):
    """A plotting area with its name above it, whose left border is at 0, and the limits of its y axis."""
    ticks = y_ticks(pane.name, [pane.train, pane.val])  # only the limits are needed: those of the chart
    wide = WIDE - LEFT
    axes = f'<path d="M.5 0V{PANE - 0.5}H{wide}" fill="none" stroke="{colour("ghost")}"/>'
    # An <svg> of its own cuts off what leaves it, as a loss that explodes does.
    curves = placed(0, NAME, wide, PANE, axes + _lines(pane, epochs, wide, ticks))
    numbers = ""
    if len(pane.train):
        limits = ((ticks[-1], NAME + 7), (ticks[0], NAME + PANE))
        numbers = "".join(f'<text x="-4" y="{y}" text-anchor="end">{number:.3g}</text>' for number, y in limits)
    return f'<text x="2" y="11">{escape(pane.name.replace("_", " "))}</text>{numbers}{curves}'


def _lines(pane, epochs, wide, ticks):
    parts = []
    for look, values in (("training", pane.train), ("validation", pane.val)):
        shares = [] if values is None else (values - ticks[0]) / (ticks[-1] - ticks[0])
        points = [
            f"{INSET + epoch / max(epochs - 1, 1) * (wide - 2 * INSET):.1f},{PANE * (1 - min(share, 99)):.1f}"
            for epoch, share in enumerate(shares)
            if np.isfinite(share)
        ]
        looks = f'fill="none" stroke="{colour(look)}" stroke-dasharray="{LOOKS[look].dashes}" stroke-width="1.5"'
        parts.append(f'<polyline points="{" ".join(points)}" {looks}/>')
    return "".join(parts)


def without_verdict(words):
    """`words` for a chart, without the one verdict in them, where a student is to find it."""
    return words.replace(VERDICT, "")


def frames(count):
    """`count` empty frames with their numbers, as one <svg> element."""
    parts, wide, gap = [], WIDTH / PER_LINE, 4
    for place in range(count):
        x, y = place % PER_LINE * wide + gap / 2, place // PER_LINE * (TALL + gap) + gap / 2
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{wide - gap:g}" height="{TALL}" rx="4" fill="{colour("paper")}" '
            f'stroke="{colour("ghost")}"/><text x="{x + (wide - gap) / 2:g}" y="{y + TALL / 2 + 5:g}" '
            f'text-anchor="middle">{place + 1}</text>'
        )
    label = f"{count} empty frames with numbers, for learning curves."
    return (
        f'<svg viewBox="0 0 {WIDTH} {y + TALL + gap / 2:g}" role="img" aria-label="{label}" fill="{colour("ink")}"'
        f' style="font:15px sans-serif">{"".join(parts)}</svg>'
    )
