"""Pictures that stay: the same drawing as on the page, in one size and without its style sheet."""

import base64
import io
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from helpers.curves import answers, live_chart, paper, theme, thumbnails
from helpers.curves.sheets import LOOKS, Line, Sheet
from helpers.live import part as live_module
from tests.curves.test_live_chart import Drawing, is_png, run

SVG = "{http://www.w3.org/2000/svg}"


def pixels(drawing):
    """A drawing as it is printed, colours of shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(paper.png(drawing))).convert("RGB")).astype(int)


def where(image, colour):
    """The places (x, y) of pixels close to a colour, in pixels of the drawing."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    y, x = np.nonzero(np.abs(image - wanted).sum(axis=2) < 30)
    return np.stack([x, y]) / paper.SCALE


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_the_curves_are_printed_where_the_numbers_of_the_axes_say(epochs):
    level = Line("loss", "training", np.full(epochs, 0.5))
    sheet = Sheet("loss", [level], ticks=[0.0, 0.25, 0.5, 0.75, 1.0], legend=[("validation", "only in the legend")])
    drawing = live_chart.draw([sheet], max(epochs, 1), "A level.", [])
    x, y = where(pixels(drawing), LOOKS["training"].colour)
    (_, low), *_, (_, high) = ((text, place) for place, text in Drawing(drawing).ticks("loss", "y"))
    head = int(re.search(r"translate\(0 (\d+)\)", drawing)[1])
    assert abs(np.median(y) - (6 + head + (low + high) / 2)) < 1.5
    wide = 860 - paper.BEFORE - paper.AFTER
    inset = wide * live_chart.INSET / 100
    middle = paper.BEFORE + wide / 2
    ends = (paper.BEFORE + inset, paper.BEFORE + wide - inset) if epochs > 1 else (middle, middle)
    assert abs(x.min() - ends[0]) < 5 and abs(x.max() - ends[1]) < 5


def test_markers_are_as_wide_as_high():
    lone = Line("loss", "training", np.array([np.nan, 0.5, np.nan]))
    sheet = Sheet("loss", [lone], ticks=[0.0, 1.0], legend=[("validation", "only in the legend")])
    x, y = where(pixels(live_chart.draw([sheet], 3, "A point.", [])), LOOKS["training"].colour)
    assert np.ptp(x) == pytest.approx(np.ptp(y), abs=1.5) and np.ptp(x) > 2


def test_nothing_is_left_that_only_a_page_knows():
    svg = paper.svg(live_chart.chart(run(15), 15, [("earlier", run(9))], heading="Case 3: <good> fit", figures=True))
    root = ElementTree.fromstring(svg)
    assert "var(" not in svg and "<input" not in svg and "<table" not in svg
    assert not [part.tag for part in root.iter() if not part.tag.startswith(SVG)]
    assert "Case 3: <good> fit" in [text.text for text in root.iter(f"{SVG}text")]
    assert set(re.findall(r"var\(--lab-([\w-]+)\)", theme.RULES)) <= {theme.name_of(name) for name in theme.LIGHT}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_every_pane_has_its_place_on_the_paper(count):
    sheets = [Sheet("loss", [Line("loss", "training", np.array([1.0, 0.5]))], title=f"{n}") for n in range(count)]
    root = ElementTree.fromstring(paper.svg(live_chart.draw(sheets, 2, "Many.", ["training"], small=True)))
    panes = [pane for pane in root.iter(f"{SVG}svg") if pane.get("data-pane")]
    boxes = [[float(pane.get(name)) for name in ("x", "y", "width", "height")] for pane in panes]
    assert len(boxes) == count and all(x + wide <= 860 for x, _, wide, _ in boxes)
    assert max(y + tall for _, y, _, tall in boxes) <= float(root.get("height"))
    for number, (x, y, wide, tall) in enumerate(boxes):
        for left, top, width, height in boxes[:number]:
            assert x >= left + width or left >= x + wide or y >= top + height or top >= y + tall


def test_a_page_of_several_drawings_is_printed_as_one():
    likely = np.eye(3)[[0, 1, 2, 0]]
    names, pictures = ("a", "b", "c"), np.zeros((4, 28, 28))
    lower = answers.matrix_and_pictures(likely, np.array([0, 1, 2, 2]), names, pictures, [0, 1])
    curves = answers.loss_curves({"loss": np.array([1.0, 0.5])}, 2, 1, 2, "one")
    image = pixels(answers.page(curves, list(zip(("left", "right"), lower, strict=True)), 100, "All."))
    assert image.shape[1] == 860 * paper.SCALE and image.shape[0] > 400 * paper.SCALE
    assert (image[-int(60 * paper.SCALE) :] < 250).any()  # down to its end there is something to see


def test_a_still_picture_is_a_png_with_its_words_and_where_none_can_be_made_an_svg(monkeypatch):
    drawing = thumbnails.frames(3)
    data, metadata = live_module.still(drawing, "Three <frames>.", "Run & see.")
    assert is_png(data["image/png"]) and f'base64,{data["image/png"]}"' in data["text/html"]
    assert 'alt="Three &lt;frames&gt;."' in data["text/html"] and "<p>Run &amp; see.</p>" in data["text/html"]
    assert data["text/plain"] == "Run & see." and metadata["image/png"]["alt"] == "Three <frames>."
    monkeypatch.setitem(sys.modules, "resvg_py", None)  # as in Colab, which does not have it
    data, metadata = live_module.still(drawing, "Three.")
    assert "image/svg+xml" in data["text/html"] and set(data) == {"text/html", "text/plain"} and not metadata


def test_a_name_with_letters_that_xml_has_no_room_for_does_no_harm():
    drawing = live_chart.chart(run(3), 3, [("earlier\x01 \ud800", run(3, seed=1))], heading="Case\x00 1 <b>")
    assert is_png(base64.b64encode(paper.png(drawing)).decode()) and "epoch is" in paper.label_of(drawing)


def test_a_finished_chart_is_a_small_png():
    png = paper.png(live_chart.chart(run(60), 60, [("a", run(60, seed=1)), ("b", run(40, seed=2))]))
    assert len(png) <= 40 * 1024
