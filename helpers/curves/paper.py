"""A picture that stays: what a page shows of a drawing, laid out on white paper of one width, as an SVG or a PNG."""

import base64
import io
import re
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
from PIL import Image

from helpers.curves.sheets import INK, WIDTH
from helpers.curves.theme import PAPER, in_light

BEFORE, AFTER, HEAD = 50, 18, 26  # pixels beside a pane and for a heading, as in `theme.LAYOUT`
COLOURS = 32  # of a PNG: nobody sees that there are no more, and it takes a third
SCALE = 1.2  # pixels of the PNG for one of the drawing, so that it is sharp on a fine screen, too
UNREADABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML; a name may have it
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # the letters are the same on every machine


def svg(drawing):
    """`drawing`, an HTML element of `live_chart` or `elements`, as one <svg> that needs no page and no style sheet."""
    root = _read(drawing)
    parts, bottom = _placed(root, 0, 0)
    bottom = max(bottom, 1)  # of a drawing without an <svg> there is nothing to see, but it is a picture
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom:g}" width="{WIDTH}" '
        f'height="{bottom:g}" font-family="DejaVu Sans, sans-serif" font-size="12" fill="{INK}"><style>{PAPER}</style>'
        f'<rect width="100%" height="100%" fill="#FFF"/>{in_light(parts)}</svg>'
    )


def label_of(drawing):
    """The alt text of a drawing, as for `svg`."""
    return _read(drawing).get("aria-label", "")


def figures_of(drawing):
    """The table of all figures of a drawing, as for `svg`, as HTML; "" where it has none."""
    folds = _read(drawing).iterfind(".//details[@class='lab-figures']")
    return "".join(ElementTree.tostring(fold, encoding="unicode", method="html") for fold in folds)


def _read(drawing):
    return ElementTree.fromstring(UNREADABLE.sub("", drawing))


def _placed(element, x, y):
    """(an element of HTML as SVG, where it ends): its parts below each other, those of a row beside each other."""
    kind = element.get("class", "")
    if element.tag == "svg":
        _, _, wide, tall = map(float, element.get("viewBox").split())
        element.attrib.update(x=f"{x:g}", y=f"{y:g}", width=f"{wide:g}", height=f"{tall:g}")
        return ElementTree.tostring(element, encoding="unicode"), y + tall
    if kind == "heading":
        text = f'<text x="{x + 14:g}" y="{y + 18:g}" font-size="15">{escape(element.text or "")}</text>'
        return text, y + HEAD
    if kind.startswith("lab-panes"):
        return _panes(element.findall("./div/svg"), y + 6)
    parts, ends = [], [y]
    for child in element.iterfind("*") if kind != "lab-fold" else ():
        drawn, end = _placed(child, x, y if kind == "lab-row" else ends[-1])
        parts.append(drawn)
        ends.append(end)
        if kind == "lab-row" and child.find("svg") is not None:
            x += float(child.find("svg").get("viewBox").split()[2])
    classed = f'<g class="{kind}">' if kind else "<g>"
    return f"{classed}{''.join(parts)}</g>", max(ends)


def _panes(panes, y):
    """The panes of a chart, in rows of two or three."""
    columns = len(panes) if len(panes) < 4 else 2 if len(panes) == 4 else 3
    wide, tall, parts = WIDTH / columns, float(panes[0].get("height")), []
    for place, pane in enumerate(panes):
        x, down = place % columns * wide, place // columns * (tall + 8)
        parts.append(_pane(pane, x + BEFORE, y + down, wide - BEFORE - AFTER))
    return "".join(parts), y + down + tall + 6


def _pane(pane, x, y, wide):
    """A pane at its place, with curves that need not be stretched: not every program leaves strokes as they are."""
    for curves in pane.iter("svg"):
        if curves.get("class") == "curves":
            tall = curves.get("height")
            curves.set("viewBox", f"0 -4 {wide:g} {tall}")
            for grid in curves.findall("path[@class='grid']"):
                grid.set("d", grid.get("d").replace("H100", f"H{wide:g}"))
            for element in curves.iter():
                for name in {"points", "d"} & set(element.keys()):
                    element.set(name, _stretched(element.get(name), wide / 100))
    pane.attrib.update(x=f"{x:g}", y=f"{y:g}", width=f"{wide:g}", overflow="visible")
    return ElementTree.tostring(pane, encoding="unicode")


def _stretched(points, factor):
    return re.sub(r"(-?[\d.]+),", lambda x: f"{float(x[1]) * factor:.1f},", points)


def png(drawing):
    """`drawing`, as for `svg`, as a PNG: bytes. Raises ImportError where resvg is not installed, as in Colab."""
    import resvg_py

    drawn = resvg_py.svg_to_bytes(
        svg_string=svg(drawing),
        zoom=SCALE,
        skip_system_fonts=True,
        font_dirs=[str(FONTS)],
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
    )
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(bytes(drawn))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return file.getvalue()


def as_image(drawing):
    """`drawing`, as for `svg`, as an <img> with its alt text, for a page that knows nothing of our looks."""
    return f'<img alt="{escape(label_of(drawing))}" src="{as_uri(svg(drawing).encode(), "image/svg+xml")}">'


def as_uri(data, mime="image/png"):
    """Bytes as the address of a picture."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
