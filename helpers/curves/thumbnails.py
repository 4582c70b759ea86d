"""Thumbnails: learning curves in a few pixels and without axes, enough to tell the runs of a row apart."""

from html import escape

import numpy as np

from helpers.curves.elements import placed
from helpers.curves.history import describe, panes
from helpers.curves.sheets import GHOST, INK, LOOKS, WIDTH, y_ticks

WIDE, PANE, GAP = 60, 34, 4  # pixels of a thumbnail: its width, the height of each plotting area, the room around them
TALL = 2 * PANE + 3 * GAP
PER_LINE = 12  # thumbnails side by side, where nothing else decides it
VERDICT = ", a sign of overfitting"  # part of the words for a chart


def small(label, logs, epochs):
    """The loss above the accuracy (or what else `panes` finds), as one <svg> element.

    label: what the words for it begin with. logs: a history's dict, as far as it has come. epochs: int, where the
    x axis ends.
    """
    axes = f'<path d="M.5 0V{PANE - 0.5}H{WIDE}" fill="none" stroke="{GHOST}"/>'
    # An <svg> of its own cuts off what leaves it, as a loss that explodes does.
    parts = [
        placed(GAP, GAP + place * (PANE + GAP), WIDE - 2 * GAP, PANE, axes + _lines(pane, epochs))
        for place, pane in enumerate(panes(logs))
    ]
    words = escape(without_verdict(f"{label}. {describe(logs)}"))
    return (
        f'<svg width="{WIDE}" height="{TALL}" role="img" aria-label="{words}" style="display:block">'
        f'<rect width="{WIDE}" height="{TALL}" rx="4" fill="#FFF"/>{"".join(parts)}</svg>'
    )


def _lines(pane, epochs):
    ticks = y_ticks(pane.name, [pane.train, pane.val])  # only the limits are needed: those of the chart
    parts = []
    for look, values in (("training", pane.train), ("validation", pane.val)):
        shares = [] if values is None else (values - ticks[0]) / (ticks[-1] - ticks[0])
        points = [
            f"{2 + epoch / max(epochs - 1, 1) * (WIDE - 2 * GAP - 4):.1f},{PANE * (1 - min(share, 99)):.1f}"
            for epoch, share in enumerate(shares)
            if np.isfinite(share)
        ]
        colour, dashes = LOOKS[look].colour, LOOKS[look].dashes
        looks = f'fill="none" stroke="{colour}" stroke-dasharray="{dashes}" stroke-width="1.5"'
        parts.append(f'<polyline points="{" ".join(points)}" {looks}/>')
    return "".join(parts)


def without_verdict(words):
    """`words` for a chart, without the one verdict in them, where a student is to find it."""
    return words.replace(VERDICT, "")


def frames(count):
    """`count` empty frames with their numbers, as one <svg> element."""
    parts = []
    for place in range(count):
        x, y = place % PER_LINE * WIDTH / PER_LINE + 2, place // PER_LINE * (TALL + GAP) + 2
        parts.append(
            f'<rect x="{x:g}" y="{y}" width="{WIDE - 2}" height="{TALL}" rx="4" fill="#FFF" stroke="{GHOST}"/>'
            f'<text x="{x + WIDE / 2 - 1:g}" y="{y + TALL / 2 + 5:g}" text-anchor="middle">{place + 1}</text>'
        )
    label = f"{count} empty frames with numbers, for learning curves."
    return (
        f'<svg viewBox="0 0 {WIDTH} {y + TALL + 2}" role="img" aria-label="{label}" fill="{INK}"'
        f' style="font:15px sans-serif">{"".join(parts)}</svg>'
    )
