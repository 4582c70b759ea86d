"""The live chart: read back from its SVG, what it draws is what the history says."""

import itertools
import re
import time
from xml.etree import ElementTree

import numpy as np
import pytest

from helpers.curves import live_chart
from helpers.curves.history import CurveError, describe
from helpers.curves.sheets import LOOKS, TRAINING, VALIDATION, Band, Line, Sheet

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


class Drawing:
    """An SVG string, and what a reader of the picture would take from it."""

    def __init__(self, svg):
        self.svg = svg
        self.root = ElementTree.fromstring(svg)
        self.panes = {pane.get("data-pane"): pane for pane in self.root.iter("g") if pane.get("data-pane")}

    def ticks(self, pane, axis):
        return [
            (float(text.get(axis)), float(text.text))
            for text in self.panes[pane].iter("text")
            if text.get("class") == f"{axis}tick"
        ]

    def lines(self, name):
        """The points of a curve in pixels: a list for each unbroken piece."""
        return [
            [tuple(map(float, point.split(","))) for point in line.get("points").split()]
            for line in self.root.iter("polyline")
            if line.get("data-name") == name
        ]

    def values(self, pane, name):
        """The points of a curve, translated back by the numbers at the axes: {epoch: value}."""

        def translate(pixels, axis):
            (p0, v0), (p1, v1) = self.ticks(pane, axis)[0], self.ticks(pane, axis)[-1]
            return v0 + (pixels - p0) / (p1 - p0) * (v1 - v0)

        return {translate(x, "x"): translate(y, "y") for line in self.lines(name) for x, y in line}

    def ghosts(self, pane):
        return [text for text in self.panes[pane].iter("text") if text.get("class") == "ghost"]

    def texts(self):
        return ["".join(text.itertext()) for text in self.root.iter("text")]


@pytest.mark.parametrize("done, epochs", [(2, 2), (7, 15), (15, 15), (30, 30), (100, 100)])
@pytest.mark.parametrize("pane", ["loss", "accuracy"])
def test_the_curves_are_the_history(done, epochs, pane):
    history = run(done)
    drawing = Drawing(live_chart.svg(history, epochs, [("earlier", run(epochs, seed=1))]))
    high = drawing.ticks(pane, "y")[-1][1]
    for name in (pane, f"val_{pane}"):
        points = drawing.values(pane, name)
        assert np.allclose(list(points), range(1, done + 1), atol=0.002 * epochs)
        assert np.allclose(list(points.values()), history[name], atol=0.001 * high)


def test_the_limits_of_the_axes():
    drawing = Drawing(live_chart.svg(run(10), 30))
    assert [value for _, value in drawing.ticks("accuracy", "y")][0::5] == [0, 1]
    assert [value for _, value in drawing.ticks("loss", "y")] == [0, 0.5, 1, 1.5, 2]
    assert [value for _, value in drawing.ticks("loss", "x")][0::6] == [1, 30]
    places = [place for place, _ in drawing.ticks("loss", "y")]
    assert (places[0], places[-1]) == (live_chart.TALL, 0)


def test_the_x_axis_stays_while_the_curves_grow():
    history = run(15)
    drawings = [Drawing(live_chart.svg(first(history, done), 15)) for done in range(16)]
    for pane in ("loss", "accuracy"):
        axes = [drawing.ticks(pane, "x") for drawing in drawings]
        assert axes.count(axes[0]) == 16 and axes[0][-1][1] == 15
        assert [len(drawing.values(pane, pane)) for drawing in drawings] == list(range(16))
    for before, after in itertools.pairwise(drawings[1:]):
        (short,), (long,) = before.lines("accuracy"), after.lines("accuracy")
        assert long[: len(short)] == short


def test_the_shape_of_the_chart_never_changes():
    charts = [
        live_chart.svg({}, 1),
        live_chart.svg(run(1), 1),
        live_chart.svg(run(40), 40, [("a", run(9))]),
        live_chart.svg({"loss": [1.0]}, 5),
    ]
    roots = [Drawing(svg).root for svg in charts]
    assert len({(root.get("viewBox"), root.get("style")) for root in roots}) == 1


def test_one_epoch_is_a_visible_point():
    drawing = Drawing(live_chart.svg(run(1), 1))
    _, _, width, height = map(float, drawing.root.get("viewBox").split())
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        (((x, y),),) = drawing.lines(name)
        assert 0 < x < width / 2 and 0 <= y < height


@pytest.mark.parametrize("epochs", [1, 40, 100])
def test_every_point_has_a_marker(epochs):
    drawing = Drawing(live_chart.svg(run(epochs), epochs, uid="left"))
    markers = {marker.get("id"): marker for marker in drawing.root.iter("marker")}
    lines = list(drawing.root.iter("polyline"))
    used = {line.get("data-name"): re.search(r"marker:url\(#(\w+)\)", line.get("style"))[1] for line in lines}
    assert len(lines) == 4 and all(used[name] in markers for name in used)
    assert used["loss"] == used["accuracy"] != used["val_loss"] == used["val_accuracy"]
    marker = markers[used["loss"]].find("g")
    size = float(re.search(r"scale\((.+)\)", marker.get("transform"))[1])
    assert marker.get("fill") == TRAINING and (size < 1) == (epochs > 40)


def test_validation_differs_from_training_in_more_than_colour():
    drawing = Drawing(live_chart.svg(run(5), 5))
    looks = {line.get("data-name"): line for line in drawing.root.iter("polyline")}
    assert looks["loss"].get("stroke") == TRAINING
    assert looks["val_loss"].get("stroke") == VALIDATION
    assert looks["val_loss"].get("stroke-dasharray") and not looks["loss"].get("stroke-dasharray")


def test_ids_of_two_charts_differ():
    def ids(uid):
        svg = live_chart.svg(run(3), 3, uid=uid)
        defined = set(re.findall(r'\bid="([^"]+)"', svg))
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) == defined
        return defined

    assert ids("one") and not ids("one") & ids("two")


def test_a_value_that_is_no_number_is_a_gap():
    history = run(8)
    history["loss"][3], history["val_loss"][7] = NAN, float("inf")
    drawing = Drawing(live_chart.svg(history, 8))
    assert [len(line) for line in drawing.lines("loss")] == [3, 4]
    assert [len(line) for line in drawing.lines("val_loss")] == [7]
    assert np.allclose(list(drawing.values("loss", "loss")), [1, 2, 3, 5, 6, 7, 8], atol=0.02)
    assert "nan" not in drawing.svg.replace("NaN", "") and "inf," not in drawing.svg
    assert "stopped being a number" in drawing.root.get("aria-label")


def test_a_loss_that_explodes_leaves_the_others_visible():
    history = {"loss": [1.0, 0.5, 0.4, 1e12], "val_loss": [1.2, 0.7, 1e6, 1e200]}
    drawing = Drawing(live_chart.svg(history, 4, [("hot", {"loss": [1e3, 1e5]})]))
    assert 1.2 <= drawing.ticks("loss", "y")[-1][1] <= 5
    assert np.allclose(list(drawing.values("loss", "loss").values())[:3], [1, 0.5, 0.4], atol=0.01)
    curve = next(drawing.root.iter("polyline"))
    around = {child: parent for parent in drawing.root.iter() for child in parent}[curve]
    assert "url(#" in around.get("clip-path")
    assert max(map(len, re.findall(r"[\d.]+", drawing.svg))) <= 8  # no pixels beyond all measure


def test_before_the_first_epoch_there_are_axes_and_ghosts():
    empty = Drawing(live_chart.svg({}, 15))
    assert list(empty.panes) == ["loss", "accuracy"] and not list(empty.root.iter("polyline"))
    assert "No epoch" in empty.root.get("aria-label")
    ghostly = Drawing(live_chart.svg({}, 15, [("earlier", {"loss": [3.7, 0.5], "auc": [0.5, 0.6]})]))
    assert list(ghostly.panes) == ["loss", "auc"] and ghostly.ghosts("auc")
    assert ghostly.ticks("loss", "y")[-1][1] >= 3.7


def test_a_history_without_metrics_has_one_pane():
    drawing = Drawing(live_chart.svg({"loss": [2.0, 1.0]}, 5))
    assert list(drawing.panes) == ["loss"] and "validation" not in drawing.texts()


def test_ghosts_are_named_once_in_each_pane_and_their_names_do_not_touch():
    ghosts = [(f"dropout=0.{n}", run(15)) for n in range(4)]  # four that end at one place
    drawing = Drawing(live_chart.svg(run(15), 15, ghosts))
    for pane in ("loss", "accuracy"):
        names = drawing.ghosts(pane)
        assert sorted("".join(name.itertext()) for name in names) == [name for name, _ in ghosts]
        places = sorted(float(name.get("y")) for name in names)
        assert min(np.diff(places)) >= 11  # their font size
        right = drawing.ticks(pane, "x")[-1][0] + live_chart.INSET
        assert all(float(name.get("x")) > right for name in names)


def test_a_lone_ghosts_name_is_where_its_curve_ends():
    drawing = Drawing(live_chart.svg(run(5), 20, [("earlier", {"loss": [2.0] * 19 + [1.0]})]))
    (y0, v0), *_, (y1, v1) = drawing.ticks("loss", "y")
    (name,) = drawing.ghosts("loss")
    assert abs(float(name.get("y")) - (y0 + (1.0 - v0) / (v1 - v0) * (y1 - y0))) < 6


def test_a_long_name_is_cut_and_whole_in_a_tooltip():
    drawing = Drawing(live_chart.svg(run(3), 3, [("learning_rate=0.001", run(3))]))
    name = drawing.ghosts("loss")[0]
    assert len(name.text) <= 16 and "…" in name.text and name.text.endswith("=0.001")
    assert name.find("title").text == "learning_rate=0.001"
    short = Drawing(live_chart.svg(run(3), 3, [("short", run(3))]))
    assert short.ghosts("loss")[0].find("title") is None


def test_text_is_escaped():
    label = "<b>\"x\" & 'y', more</b>"
    svg = live_chart.svg({"loss": [1.0], "<i>": [0.5]}, 3, [(label, run(3))])
    assert "<b>" not in svg and "<i>" not in svg
    assert Drawing(svg).ghosts("loss")[0].find("title").text == label


def test_ghosts_are_not_taken_for_the_run_itself():
    drawing = Drawing(live_chart.svg(run(3), 30, [("earlier", run(30))]))
    (curve,) = [part for part in drawing.root.iter() if part.get("data-name") == "val_loss"]
    assert len(curve.get("points").split()) == 3


def test_a_ghost_ends_where_the_axis_ends():
    drawing = Drawing(live_chart.svg(run(5), 5, [("longer", run(100))]))
    right = drawing.ticks("loss", "x")[-1][0]
    for path in drawing.panes["loss"].iter("path"):
        if path.get("class") == "ghost":
            numbers = list(map(int, path.get("d").removeprefix("m").split()))
            assert len(numbers) == 10 and abs(sum(numbers[::2]) - right) <= 1


def test_the_best_epoch_is_marked_where_it_is():
    history = {"loss": [1.0, 0.5, 0.2, 0.1], "val_loss": [1.1, 0.6, 0.8, 0.9], "auc": [0.5] * 4}
    drawing = Drawing(live_chart.svg(history, 10))
    lines = [path.get("d") for path in drawing.root.iter("path") if path.get("class") == "best"]
    assert len(lines) == 2  # one in each pane
    assert all(line.startswith(f"M{drawing.lines('loss')[0][1][0]}") for line in lines)
    assert drawing.texts().count("best epoch 2") == 1
    assert "best epoch" not in " ".join(Drawing(live_chart.svg(history, 10, best=False)).texts())
    lost = {"loss": [1, 1], "val_loss": [NAN, NAN]}
    for unmarked in ({"loss": [1.0, 0.5]}, {}, first(history, 1), lost):
        assert "best epoch" not in " ".join(Drawing(live_chart.svg(unmarked, 10)).texts())


def test_what_the_chart_shows_is_said_to_screen_readers():
    history = run(9)
    root = Drawing(live_chart.svg(history, 15)).root
    assert root.get("role") == "img" and root.get("aria-label") == describe(history)


def test_a_history_longer_than_the_axis_is_drawn_whole():
    assert live_chart.svg(run(12), 5) == live_chart.svg(run(12), 12)


@pytest.mark.parametrize("epochs, ghosts, limit", [(40, 2, 6), (100, 3, 10)])
def test_a_frame_is_small_and_soon_made(epochs, ghosts, limit):
    history = run(epochs)
    earlier = [(f"dropout=0.{n}5", run(epochs, seed=n)) for n in range(1, ghosts + 1)]
    assert len(live_chart.svg(history, epochs, earlier).encode()) <= limit * 1024
    times = []
    for _ in range(20):
        start = time.perf_counter()
        live_chart.svg(history, epochs, earlier)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.01  # ten times what it takes, as other programs may be running


def test_it_draws_and_forgets():
    history, ghosts = run(6), [("a", run(6))]
    assert live_chart.svg(history, 6, ghosts) == live_chart.svg(history, 6, ghosts)
    assert history == run(6) and ghosts == [("a", run(6))]


@pytest.mark.parametrize("history", [{"loss": [1.0], "val_loss": []}, {"loss": "abc"}, None])
def test_what_is_not_a_history_is_refused(history):
    with pytest.raises(CurveError):
        live_chart.svg(history, 5)


def test_very_small_losses_have_numbers_at_their_axis():
    drawing = Drawing(live_chart.svg({"loss": [3e-6, 1e-6]}, 2))
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
    assert len(band.get("d").split()) == 6 and band.get("fill") == LOOKS["A"][0]
    assert {"stop & go", "yours", "dropout <0>"} <= set(drawing.texts()) and drawing.root.get(
        "aria-label"
    ) == "A guess."
