"""The live chart: read back from its SVG, what it draws is what the history says."""

import base64
import io
import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from helpers.curves import live_chart, theme
from helpers.curves.history import CurveError, describe
from helpers.curves.sheets import LOOKS, Band, Line, Sheet

NAN = float("nan")


def run(epochs, seed=0):
    """A history of four curves with some noise: losses from 2 down to 0.3, accuracies up to 0.9."""
    random = np.random.RandomState(seed)
    falling = np.exp(-np.arange(epochs) / 6)
    return {
        "loss": list(1.8 * falling + 0.1 + 0.02 * random.rand(epochs)),
        "val_loss": list(1.5 * falling + 0.4 + 0.05 * random.rand(epochs)),
        "accuracy": list(0.95 - 0.6 * falling),
        "val_accuracy": list(0.85 - 0.5 * falling),
    }


def first(history, epochs):
    return {key: values[:epochs] for key, values in history.items()}


def is_png(content):
    """Whether a picture of an output, in base64, is one that shows something: of more than one colour."""
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    return image.format == "PNG" and image.width >= 860 and len(image.getcolors()) > 4


class Drawing:
    """A drawing, HTML or SVG as a string, and what a reader of the picture would take from it.

    `tree`: all of it; `root`: the chart or whatever else has the alt text; `panes`: plotting areas, {name: element}.
    """

    def __init__(self, drawing):
        self.text = drawing
        self.tree = ElementTree.fromstring(drawing)
        self.root = next(part for part in self.tree.iter() if part.tag == "svg" or part.get("role") == "group")
        self.panes = {pane.get("data-pane"): pane for pane in self.tree.iter() if pane.get("data-pane")}

    def ticks(self, pane, axis):
        """(place, number) of each number at an axis; places are those of the curves' points."""
        return [
            (float(text.get(axis).rstrip("%")), float(text.text))
            for text in self.panes[pane].iter("text")
            if text.get("class") == f"{axis}tick"
        ]

    def lines(self, name):
        """The points of a curve in pixels: a list for each unbroken piece."""
        return [
            [tuple(map(float, point.split(","))) for point in line.get("points").split()]
            for line in self.tree.iter("polyline")
            if line.get("data-name") == name
        ]

    def values(self, pane, name, log=False):
        """The points of a curve, translated back by the numbers at the axes: {epoch: value}."""

        def translate(pixels, axis, scale=float, back=float):
            (p0, v0), (p1, v1) = self.ticks(pane, axis)[0], self.ticks(pane, axis)[-1]
            return back(scale(v0) + (pixels - p0) / (p1 - p0) * (scale(v1) - scale(v0)))

        up = (np.log10, lambda power: 10**power) if log else (float, float)
        return {translate(x, "x"): translate(y, "y", *up) for line in self.lines(name) for x, y in line}

    def legend(self, pane):
        """The names in the legend of a pane, {name: class of its look}."""
        groups = [group for group in self.panes[pane].iter("g") if group.find("text[@class='name']") is not None]
        return {group.find("text").text: group.get("class") for group in groups}

    def names(self, pane):
        """The elements of these names."""
        return [text for text in self.panes[pane].iter("text") if text.get("class") == "name"]

    def ghosts(self, pane):
        """The lines of earlier runs: the points of each."""
        lines = [line for line in self.panes[pane].iter("polyline") if "ghost" in line.get("class")]
        return [[tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in lines]

    def markers(self, name):
        """The points of a curve with a marker."""
        (group,) = [
            group
            for group in self.tree.iter("g")
            if any(line.get("data-name") == name for line in group.findall("polyline"))
        ]
        strokes = group.find("path[@class='dots']").get("d")
        return [(float(x), float(y)) for x, y in re.findall(r"M([\d.-]+),([\d.-]+)h0", strokes)]

    def look(self, name):
        """The class of a curve's look."""
        groups = [
            group
            for group in self.tree.iter("g")
            for line in group.findall("polyline")
            if line.get("data-name") == name
        ]
        return groups[0].get("class")

    def texts(self):
        headings = [part.text for part in self.tree.iter("div") if part.get("class") == "heading"]
        return headings + ["".join(text.itertext()) for text in self.tree.iter("text")]


@pytest.mark.parametrize("done, epochs", [(2, 2), (7, 15), (15, 15), (30, 30), (100, 100)])
@pytest.mark.parametrize("pane", ["loss", "accuracy"])
def test_the_curves_are_the_history(done, epochs, pane):
    history = run(done)
    drawing = Drawing(live_chart.chart(history, epochs, [("earlier", run(epochs, seed=1))]))
    high = drawing.ticks(pane, "y")[-1][1]
    for name in (pane, f"val_{pane}"):
        points = drawing.values(pane, name)
        assert np.allclose(list(points), range(1, done + 1), atol=0.002 * epochs)
        assert np.allclose(list(points.values()), history[name], atol=0.001 * high)


def test_the_limits_of_the_axes():
    drawing = Drawing(live_chart.chart(run(10), 30))
    assert [value for _, value in drawing.ticks("accuracy", "y")][0::5] == [0, 1]
    assert [value for _, value in drawing.ticks("loss", "y")] == [0, 0.5, 1, 1.5, 2]
    assert [value for _, value in drawing.ticks("loss", "x")][0::6] == [1, 30]
    places = [place for place, _ in drawing.ticks("loss", "y")]
    (area,) = [svg for svg in drawing.panes["loss"].iter("svg") if svg.get("class") == "curves"]
    _, top, width, height = map(float, area.get("viewBox").split())
    assert (places[0], places[-1], width) == (height + 2 * top, 0, 100)


def test_the_x_axis_stays_while_the_curves_grow():
    history = run(15)
    drawings = [Drawing(live_chart.chart(first(history, done), 15)) for done in range(16)]
    for pane in ("loss", "accuracy"):
        axes = [drawing.ticks(pane, "x") for drawing in drawings]
        assert axes.count(axes[0]) == 16 and axes[0][-1][1] == 15
        assert [len(drawing.values(pane, pane)) for drawing in drawings] == list(range(16))
    for before, after in itertools.pairwise(drawings[1:]):
        (short,), (long,) = before.lines("accuracy"), after.lines("accuracy")
        assert long[: len(short)] == short


def test_the_chart_never_gets_taller_or_lower():
    ghosts = [("a", run(9)), ("a long name of another one, which takes a line of its own", run(12))]
    charts = [
        live_chart.chart({}, 1),
        live_chart.chart(run(1), 1),
        live_chart.chart(run(40), 40, ghosts),
        live_chart.chart({"loss": [1.0]}, 5),
    ]
    heights = {pane.get("height") for chart in charts for pane in Drawing(chart).panes.values()}
    assert len(heights) == 1


def test_the_plotting_areas_of_a_chart_stand_at_the_same_height():
    left, right = (Line(name, "training", np.array([1.0])) for name in ("a", "b"))
    many = [(look, f"a rather long name of {look}") for look in LOOKS]
    sheets = [Sheet("left", [left]), Sheet("right", [right], legend=many)]
    panes = Drawing(live_chart.draw(sheets, 5, "Two.", ["training"])).panes.values()
    assert (
        len({(pane.get("height"), pane.find("g[2]") is None, pane.findall("g")[-1].get("transform")) for pane in panes})
        == 1
    )


def test_one_epoch_is_a_visible_point():
    drawing = Drawing(live_chart.chart(run(1), 1))
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        (((x, y),),) = drawing.lines(name)
        assert 0 < x < 100 and 0 <= y < live_chart.HEIGHT
        assert drawing.markers(name) == [(x, y)]


@pytest.mark.parametrize("epochs", [2, live_chart.MARKERS, 40, 100])
def test_as_many_points_have_a_marker_as_can_be_told_apart(epochs):
    history = run(epochs)
    history["loss"][1] = history["loss"][3 % epochs] = NAN  # the point between these has no line
    drawing = Drawing(live_chart.chart(history, epochs))
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        points, marked = [point for piece in drawing.lines(name) for point in piece], drawing.markers(name)
        assert set(marked) <= set(points) and {points[0], points[-1]} <= set(marked)
        assert all(piece[0] in marked for piece in drawing.lines(name))
        assert len(marked) == len(points) if epochs <= live_chart.MARKERS else len(marked) <= live_chart.MARKERS + 4


def test_validation_differs_from_training_in_more_than_colour():
    drawing = Drawing(live_chart.chart(run(5), 5))
    assert (drawing.look("loss"), drawing.look("val_loss")) == ("training", "validation")
    for part in ("dashes", "marker", "colour", "dark"):
        assert len({getattr(LOOKS[look], part) for look in ("training", "validation")}) == 2
        assert len({getattr(LOOKS[look], part) for look in ("A", "B")}) == 2


def test_ids_of_two_charts_differ():
    def ids(uid):
        return set(re.findall(r' (?:id|name)="([^"]+)"', live_chart.chart(run(3), 3, uid=uid)))

    assert not ids("one") & ids("two")


def test_a_value_that_is_no_number_is_a_gap():
    history = run(8)
    history["loss"][3], history["val_loss"][7] = NAN, float("inf")
    drawing = Drawing(live_chart.chart(history, 8))
    assert [len(line) for line in drawing.lines("loss")] == [3, 4]
    assert [len(line) for line in drawing.lines("val_loss")] == [7]
    assert np.allclose(list(drawing.values("loss", "loss")), [1, 2, 3, 5, 6, 7, 8], atol=0.02)
    assert "nan" not in drawing.text.replace("NaN", "") and "inf," not in drawing.text
    assert "stopped being a number" in drawing.root.get("aria-label")


def test_a_loss_that_explodes_leaves_the_others_visible():
    history = {"loss": [1.0, 0.5, 0.4, 1e12], "val_loss": [1.2, 0.7, 1e6, 1e200]}
    drawing = Drawing(live_chart.chart(history, 4, [("hot", {"loss": [1e3, 1e5]})]))
    assert 1.2 <= drawing.ticks("loss", "y")[-1][1] <= 5
    assert np.allclose(list(drawing.values("loss", "loss").values())[:3], [1, 0.5, 0.4], atol=0.01)
    curve = next(drawing.root.iter("polyline"))
    around = {child: parent for parent in drawing.root.iter() for child in parent}[curve]
    assert around.tag == "g" and "overflow:hidden" in theme.LAYOUT.partition("svg svg{")[2].partition("}")[0]
    assert max(map(len, re.findall(r"[\d.]+", drawing.text))) <= 8  # no pixels beyond all measure


def test_before_the_first_epoch_there_are_axes_and_ghosts():
    empty = Drawing(live_chart.chart({}, 15))
    assert list(empty.panes) == ["loss", "accuracy"] and not list(empty.root.iter("polyline"))
    assert "No epoch" in empty.root.get("aria-label")
    ghostly = Drawing(live_chart.chart({}, 15, [("earlier", {"loss": [3.7, 0.5], "auc": [0.5, 0.6]})]))
    assert list(ghostly.panes) == ["loss", "auc"] and "earlier" in ghostly.legend("auc")
    assert ghostly.ticks("loss", "y")[-1][1] >= 3.7


def test_a_history_without_metrics_has_one_pane():
    drawing = Drawing(live_chart.chart({"loss": [2.0, 1.0]}, 5))
    assert list(drawing.panes) == ["loss"] and "validation" not in drawing.texts()


def test_ghosts_are_named_once_in_each_pane_and_look_different():
    ghosts = [(f"dropout=0.{n}", run(15, seed=n)) for n in range(2)]
    drawing = Drawing(live_chart.chart(run(15), 15, ghosts))
    for pane in ("loss", "accuracy"):
        legend = drawing.legend(pane)
        assert list(legend) == ["training", "validation", *(name for name, _ in ghosts)]
        assert len(set(legend.values())) == 4 and len(drawing.ghosts(pane)) == 2


def test_a_long_name_is_cut_and_whole_in_a_tooltip():
    long = "learning_rate=0.001, a network with batch normalisation, dropout=0.25"
    drawing = Drawing(live_chart.chart(run(3), 3, [(long, run(3))]))
    name = drawing.names("loss")[-1]
    assert "…" in name.text and name.text.endswith("=0.25") and name.find("title").text == long
    short = Drawing(live_chart.chart(run(3), 3, [("short", run(3))]))
    assert short.names("loss")[-1].find("title") is None


def test_text_is_escaped():
    label = "<b>\"x\" & 'y', and much more of what must not be taken for HTML</b>"
    svg = live_chart.chart({"loss": [1.0], "<i>": [0.5]}, 3, [(label, run(3))])
    assert "<b>" not in svg and "<i>" not in svg
    assert Drawing(svg).names("loss")[-1].find("title").text == label


def test_ghosts_are_not_taken_for_the_run_itself():
    drawing = Drawing(live_chart.chart(run(3), 30, [("earlier", run(30))]))
    (curve,) = [part for part in drawing.root.iter() if part.get("data-name") == "val_loss"]
    assert len(curve.get("points").split()) == 3


def test_a_ghost_ends_where_the_axis_ends():
    drawing = Drawing(live_chart.chart(run(5), 5, [("longer", run(100))]))
    (ghost,) = drawing.ghosts("loss")
    assert len(ghost) == 5 and ghost[-1][0] == drawing.ticks("loss", "x")[-1][0]


def test_the_best_epoch_is_marked_where_it_is():
    history = {"loss": [1.0, 0.5, 0.2, 0.1], "val_loss": [1.1, 0.6, 0.8, 0.9], "auc": [0.5] * 4}
    drawing = Drawing(live_chart.chart(history, 10))
    lines = [path.get("d") for path in drawing.root.iter("path") if path.get("class") == "best"]
    assert len(lines) == 2  # one in each pane
    assert all(line.startswith(f"M{drawing.lines('loss')[0][1][0]}") for line in lines)
    assert drawing.texts().count("best epoch 2") == 1
    assert "best epoch" not in " ".join(Drawing(live_chart.chart(history, 10, best=False)).texts())
    lost = {"loss": [1, 1], "val_loss": [NAN, NAN]}
    for unmarked in ({"loss": [1.0, 0.5]}, {}, first(history, 1), lost):
        assert "best epoch" not in " ".join(Drawing(live_chart.chart(unmarked, 10)).texts())


def test_what_the_chart_shows_is_said_to_screen_readers():
    history = run(9)
    root = Drawing(live_chart.chart(history, 15)).root
    assert root.get("role") == "group" and root.get("aria-label") == describe(history)


def test_a_history_longer_than_the_axis_is_drawn_whole():
    assert live_chart.chart(run(12), 5) == live_chart.chart(run(12), 12)


@pytest.mark.parametrize("epochs, ghosts", [(40, 2), (100, 1)])
def test_a_frame_is_small(epochs, ghosts):
    history = run(epochs)
    earlier = [(f"dropout=0.{n}5", run(epochs, seed=n)) for n in range(1, ghosts + 1)]
    assert len(live_chart.chart(history, epochs, earlier).encode()) <= 10 * 1024


def test_it_draws_and_forgets():
    history, ghosts = run(6), [("a", run(6))]
    assert live_chart.chart(history, 6, ghosts) == live_chart.chart(history, 6, ghosts)
    assert history == run(6) and ghosts == [("a", run(6))]


@pytest.mark.parametrize("history", [{"loss": [1.0], "val_loss": []}, {"loss": "abc"}, None])
def test_what_is_not_a_history_is_refused(history):
    with pytest.raises(CurveError):
        live_chart.chart(history, 5)


def test_very_small_losses_have_numbers_at_their_axis():
    drawing = Drawing(live_chart.chart({"loss": [3e-6, 1e-6]}, 2))
    values = [value for _, value in drawing.ticks("loss", "y")]
    assert values[-1] >= 3e-6 and len(set(values)) == len(values)


def test_other_lines_bands_and_marks_are_drawn_at_their_values():
    guess = np.array([1.0, np.nan, 0.5, 0.4])
    sheet = Sheet(
        "loss", [Line("guess", "knots", guess)], bands=[Band("A", guess - 0.2, guess + 0.2)], marks=[(3, "stop & go")]
    )
    drawing = Drawing(live_chart.draw([sheet], 4, "A guess.", ["yours", ("A", "dropout <0>")], uid="one"))
    assert [len(piece) for piece in drawing.lines("guess")] == [1, 2]
    for (epoch, value), at in zip(sorted(drawing.values("loss", "guess").items()), (1, 3, 4), strict=True):
        assert (epoch, value) == pytest.approx((at, guess[at - 1]), abs=0.01)
    band = next(path for path in drawing.root.iter("path") if path.get("class") == "band")
    assert len(band.get("d").split()) == 6 and drawing.text.count('<g class="A"><path class="band"') == 1
    assert {"stop & go", "yours", "dropout <0>"} <= set(drawing.texts()) and drawing.root.get(
        "aria-label"
    ) == "A guess."


# Looking closer


def test_zoomed_in_the_second_half_fills_the_chart():
    history = run(20)
    drawing = Drawing(live_chart.chart(history, 20, zoom=True))
    for pane in ("loss", "accuracy"):
        numbers = [number for _, number in drawing.ticks(pane, "y")]
        late = [value for key in (pane, f"val_{pane}") for value in history[key][10:]]
        assert numbers[0] <= min(late) and max(late) <= numbers[-1]
        assert max(late) - min(late) >= 0.6 * (numbers[-1] - numbers[0])
        assert np.allclose(list(drawing.values(pane, pane).values()), history[pane], atol=0.01)


@pytest.mark.parametrize(
    "losses",
    [[3.0, 0.4, 0.02, 0.0007], [1.0, 0.9, 0.95], [5e-7, 4e-7], [1.0, 1e9, 1e30], [2.0, 0.0, NAN, 1.0], [1.0, 1.0]],
)
def test_a_logarithmic_axis_shows_small_and_huge_losses(losses):
    drawing = Drawing(live_chart.chart({"loss": losses, "accuracy": [0.5] * len(losses)}, len(losses), log=True))
    known = {epoch: loss for epoch, loss in enumerate(losses, 1) if loss > 0}
    seen = drawing.values("loss", "loss", log=True)
    numbers = [number for _, number in drawing.ticks("loss", "y")]
    assert 2 <= len(numbers) <= 9 and numbers == sorted(set(numbers)) and numbers[0] > 0
    assert numbers[0] <= min(known.values()) * 1.01 and max(known.values()) <= numbers[-1] * 1.01
    assert np.allclose(list(seen.values()), list(known.values()), rtol=0.5 if max(losses) > 1e6 else 0.05)
    assert drawing.ticks("accuracy", "y")[0][1] == 0


@pytest.mark.parametrize("how", [{"zoom": True}, {"log": True}, {"zoom": True, "log": True}])
@pytest.mark.parametrize("history", [{}, {"loss": [0.0, 0.0]}, {"loss": [NAN]}, {"loss": [1.0, 0.5, 1e300]}, run(1)])
def test_whatever_the_curves_are_they_can_be_looked_at_closer(history, how):
    assert Drawing(live_chart.chart(history, 5, **how)).panes["loss"] is not None


# Reading its figures


@pytest.mark.parametrize("epochs, ghosts", [(15, 0), (40, 2), (60, 2), (100, 2)])
def test_a_chart_whose_figures_can_be_read_is_not_large(epochs, ghosts):
    earlier = [(f"dropout=0.{n}5", run(epochs, seed=n)) for n in range(1, ghosts + 1)]
    assert len(live_chart.chart(run(epochs), epochs, earlier, figures=True).encode()) <= 40 * 1024


def test_every_figure_is_in_the_table_and_at_its_epoch():
    history, earlier = run(6), {"loss": [1.0, 0.5], "val_loss": [0.75, NAN]}
    drawing = Drawing(live_chart.chart(history, 8, [("before <1>", earlier)], uid="one", figures=True))
    heads, *rows = ([cell.text for cell in row] for row in drawing.tree.iter("tr"))
    names = ["loss: training", "loss: validation", "loss: (before <1>)", "accuracy: training", "accuracy: validation"]
    assert heads == ["epoch", *names] and [row[0] for row in rows] == list("123456")
    for epoch, row in enumerate(rows):
        assert [row[1], row[2], row[4], row[5]] == [
            f"{history[key][epoch]:.4g}" for key in ("loss", "val_loss", "accuracy", "val_accuracy")
        ]
    assert [row[3] for row in rows] == ["0.75", "not a number", None, None, None, None]
    strips = [part for part in drawing.tree.iter("div") if part.get("class") == "epochs"]
    assert len(strips) == 2 and len({label.find("input").get("name") for label in strips[0].iter("label")}) == 1
    for strip in strips:
        words = [label.find("b").text for label in strip.iter("label")]
        assert [text.partition("\n")[0] for text in words] == [f"Epoch {epoch}" for epoch in range(1, 7)]
        assert all(figure in text for text, row in zip(words, rows, strict=True) for figure in row[1:] if figure)


def test_figures_are_not_drawn_while_curves_grow_nor_where_there_are_none():
    for chart in (live_chart.chart(run(3), 5), live_chart.chart({}, 5, figures=True)):
        assert "<input" not in chart and "<table" not in chart
