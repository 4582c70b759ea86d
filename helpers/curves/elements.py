"""The SVG elements that drawings share: the frame, the axes, the legend, a drawing inside another, a picture of pixels.

Each is a string. Lengths are in pixels.
"""

import base64
import io
from html import escape

from matplotlib.image import imsave

from helpers.curves.sheets import WIDTH
from helpers.curves.theme import colour


def frame(width, height, label, body, role="img", size=13):
    """A whole drawing on the page's paper. label: its alt text; size: of its words.

    It keeps its size: on a narrow page it can be moved sideways, so that its words can always be read.
    """
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="{role}" aria-label="{escape(label)}" fill="{colour("ink")}" '
        f'style="display:block;width:{width:g}px;height:{height:g}px;font:{size}px sans-serif">'
        f'<rect width="{width:g}" height="{height:g}" rx="6" fill="{colour("paper")}"/>{body}</svg>'
    )


def placed(x, y, width, height, svg):
    """`svg` as a part of a larger drawing, without a change of its size."""
    return f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}">{svg}</svg>'


def page(blocks, label):
    """Drawings below each other. label: their alt text."""
    return f'<div class="lab-page" role="group" aria-label="{escape(label)}">{"".join(blocks)}</div>'


def row(drawings, tall):
    """Pairs (title, <svg>) side by side, or below each other where the page is narrow. tall: pixels, at least."""
    inside = (f'<div><div class="heading">{escape(title)}</div>{svg}</div>' for title, svg in drawings)
    return f'<div class="lab-row" style="min-height:{tall:g}px">{"".join(inside)}</div>'


def height_of(svg):
    """How tall a drawing is."""
    return float(svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


def at(x, y, body):
    """`body` moved to the right and down."""
    return f'<g transform="translate({x:g} {y:g})">{body}</g>'


def axes(wide, tall, heights):
    """The two axes of a plotting area, whose upper left corner is (0, 0), and lines across it at `heights`."""
    across = "".join(f"M0 {short(y)}h{wide:g}" for y in heights)
    both = f'<path d="M0 0V{tall}H{wide:g}" stroke="{colour("ink")}" fill="none"/>'
    return f'<path d="{across}" stroke="{colour("grid")}"/>{both}'


def ticks(axis, numbers, x, y, name=""):
    """The numbers at an axis, "x" or "y", and its name, a <text>, if it has one.

    numbers: pairs (where along the axis, words). x, y: how far they stand from it.
    """
    # Where along it is exactly what the scale says, and the distance is apart from that: tests read them.
    labels = "".join(f'<text class="{axis}tick" {axis}="{short(place)}">{words}</text>' for place, words in numbers)
    anchor = "end" if axis == "y" else "middle"
    return f'<g text-anchor="{anchor}" transform="translate({x:g} {y:g})">{labels}{name}</g>'


def legend(entries, letter=7.2):
    """A line of signs and words that ends at the right border. letter: how wide one is, at most.

    entries: triples from left to right: a sign's path in 28 pixels, its other attributes, words.
    """
    parts, x = [], WIDTH
    for path, looks, words in reversed(entries):
        x -= round(46 + letter * len(words))
        parts.append(f'<path d="M{x} 18{path}" {looks}/><text x="{x + 36}" y="22.5">{escape(words)}</text>')
    return "".join(reversed(parts))


def png(pixels, **looks):
    """Pixels as a PNG in a data URI: colours of shape (height, width, 3), or with `cmap`, `vmin`, `vmax` grey
    values."""
    file = io.BytesIO()
    imsave(file, pixels, format="png", **looks)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def polyline(name, points, looks):
    """A line through `points`, pairs (x, y). name: of what it shows; looks: the attributes that say how."""
    pairs = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline data-name="{escape(name)}" points="{pairs}" {looks}/>'


def short(pixels):
    """With one decimal at most."""
    return f"{pixels:.1f}".removesuffix(".0")
