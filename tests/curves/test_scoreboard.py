"""The scoreboard: what its table, its dots and its curves show, read back, is what the settings have reached."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import keras
import numpy as np
import pytest

from helpers.curves import accuracies, scoreboard
from helpers.curves.scoreboard import ACCURACY, LOSS, Entry
from helpers.error_bars import interval
from tests.curves.test_live_chart import Drawing

NAN = math.nan


def history(losses, val_losses):
    made = keras.callbacks.History()
    made.history = {"loss": list(losses), "val_loss": list(val_losses)}
    return made


def entry(loss=0.5, accuracy=0.8, activation="relu", rate=0.001, **more):
    runs = {0: history([0.7, 0.6], [0.9, loss]), 1: history([0.8, 0.5], [0.8, loss])}
    return Entry(
        **{
            **dict(
                settings={"activation": activation, "rate": rate},
                histories=runs,
                runs=2,
                error="",
                complete=True,
                loss=loss,
                accuracy=accuracy,
                epoch=2.0,
            ),
            **more,
        }
    )


def waiting(**more):
    return entry(NAN, NAN, histories={}, runs=0, complete=False, epoch=NAN, **more)


def sixteen(seed=3):
    """Settings in the order of a grid; all complete, with some figures twice."""
    random = np.random.default_rng(seed)
    return [
        entry(float(random.choice([0.3, 0.4, 0.5, 0.61])), float(random.choice([0.7, 0.8, 0.815])), activation, rate)
        for activation in ("tanh", "relu", "elu", "sigmoid")
        for rate in (0.1, 0.001, 1.0, 0.01)
    ]


def rows(drawn):
    """The cells of the table's body, and its heads."""
    root = ElementTree.fromstring(drawn)
    return [["".join(cell.itertext()) for cell in row] for row in root.find("tbody")], [
        head for head in root.iter("th") if head.get("scope") == "col"
    ]


def dots(drawing):
    """{row: (near or lower, accuracy, (low, high))}, read off the picture by the numbers at its axes."""
    ticks = drawing.ticks(ACCURACY, "y")
    (x0, first), (x1, last) = drawing.ticks(ACCURACY, "x")[0], drawing.ticks(ACCURACY, "x")[-1]
    (y0, low), (y1, high) = ticks[0], ticks[-1]
    found = {}
    for mark in drawing.panes[ACCURACY].iter("g"):
        if mark.get("class") in ("near", "lower"):
            x, y = map(float, re.findall(r"-?[\d.]+", mark.get("transform")))
            ends = [
                y + float(end) for end in re.fullmatch(r"M0 (-?[\d.]+)V(-?[\d.]+)", mark.find("path").get("d")).groups()
            ]
            row = round(first + (x - x0) / (x1 - x0) * (last - first)) if x1 != x0 else 1
            found[row] = mark.get("class"), *(low + (place - y0) / (y1 - y0) * (high - low) for place in (y, *ends))
    return found


# The order


@pytest.mark.parametrize(
    "by, key",
    [
        (LOSS, lambda each: each.loss),
        (ACCURACY, lambda each: (-each.accuracy, each.loss)),
        ("activation", lambda each: (["tanh", "relu", "elu", "sigmoid"].index(each.settings["activation"]), each.loss)),
        ("rate", lambda each: ([0.1, 0.001, 1.0, 0.01].index(each.settings["rate"]), each.loss)),
    ],
    ids=["loss", "accuracy", "activation", "rate"],
)
def test_the_order_is_that_of_an_independent_sort(by, key):
    given = sixteen()
    wanted = [number for _, number in sorted((key(each), number) for number, each in enumerate(given))]
    assert [id(each) for each in scoreboard.in_order(given, by)] == [id(given[number]) for number in wanted]


@pytest.mark.parametrize("by", [LOSS, ACCURACY, "activation", "rate"])
def test_below_the_complete_ones_come_those_under_way_then_failed_ones_then_the_waiting(by):
    diverged = entry(NAN, NAN)
    given = [
        waiting(),
        entry(0.1, 0.99, error="It failed."),
        entry(0.2, 0.9, complete=False, runs=1),
        diverged,
        entry(0.7, 0.6),
        waiting(rate=0.1),
    ]
    assert [given.index(each) for each in scoreboard.in_order(given, by)] == [4, 3, 2, 1, 0, 5]


# The table


def test_the_table_has_the_figures_of_each_setting_in_order():
    given = scoreboard.in_order(sixteen(), LOSS)
    cells, heads = rows(scoreboard.table(given, 3, LOSS, "All of them", 200))
    assert [head.text.strip() for head in heads] == ["row", "activation", "rate", LOSS, ACCURACY, "best epoch"]
    assert [head.get("aria-sort") for head in heads] == [None, None, None, "ascending", None, None]
    for number, (cell, each) in enumerate(zip(cells, given, strict=True), 1):
        low, high = interval(200 * each.accuracy, 200)
        assert cell == [
            f"▸ {number}" if number == 3 else str(number),
            each.settings["activation"],
            str(each.settings["rate"]),
            f"{each.loss:.3f}",
            f"{each.accuracy:.2f} (between {low:.2f} and {high:.2f})",
            "2",
        ]


def test_the_chosen_row_is_told_to_a_screen_reader_and_only_it():
    root = ElementTree.fromstring(scoreboard.table(sixteen(), 7, "rate", "All of them", 200))
    assert [row.get("aria-current") for row in root.find("tbody")] == [None] * 6 + ["true"] + [None] * 9
    assert root.find("caption").text == "All of them" and [head.get("aria-sort") for head in root.find("thead")[0]] == [
        None,
        None,
        "other",
        None,
        None,
        None,
    ]
    assert {row[0].get("scope") for row in root.find("tbody")} == {"row"}


def test_what_has_no_figures_says_why():
    given = [
        entry(complete=False, runs=1),
        entry(error="Your function build() did not work."),
        waiting(),
        entry(NAN, NAN, epoch=NAN),
        entry(accuracy=NAN),
    ]
    cells, _ = rows(scoreboard.table(given, 1, LOSS, "", 200))
    assert [cell[3:] for cell in cells] == [
        ["training: 1 seed finished"],
        ["Your function build() did not work."],
        ["waiting"],
        ["not a number", "–", "–"],
        ["0.500", "–", "2"],
    ]


def test_no_value_can_break_the_page():
    bad = entry(error="<b>\"'& & <i>", settings={"<keyword>": "<script>alert(1)</script> & \"'"})
    cells, heads = rows(scoreboard.table([bad], 1, "<keyword>", "<caption>", 200))
    assert cells[0][1:] == ["<script>alert(1)</script> & \"'", "<b>\"'& & <i>"] and heads[1].text.strip() == "<keyword>"
    for drawing in (
        scoreboard.overview([bad], 1, 200, "<keyword>"),
        scoreboard.curves_of(bad, 1, 5, 2),
        scoreboard.still_picture([bad], 200),
    ):
        assert "<script>" not in drawing and ElementTree.fromstring(drawing).tag in ("svg", "div")


# The accuracies of all


def test_each_dot_and_its_bar_is_the_accuracy_and_its_interval():
    given = sixteen()
    found = dots(Drawing(scoreboard.overview(given, 2, 200, LOSS)))
    assert sorted(found) == list(range(1, 17))
    for row, (_, accuracy, low, high) in found.items():
        assert np.allclose(
            [accuracy, low, high], [given[row - 1].accuracy, *interval(given[row - 1].accuracy * 200, 200)], atol=0.002
        )


@pytest.mark.parametrize("n", [50, 200, 5000])
def test_a_setting_is_near_if_its_interval_holds_the_highest_accuracy(n):
    given = [entry(accuracy=accuracy) for accuracy in (0.5, 0.84, 0.8, 0.78, 0.74, 0.83)]
    drawing = Drawing(scoreboard.overview(given, 1, n, LOSS))
    near = [interval(each.accuracy * n, n)[1] >= 0.84 for each in given]
    assert [found == "near" for _, (found, *_) in sorted(dots(drawing).items())] == near and near.count(True) == {
        50: 5,
        200: 3,
        5000: 2,
    }[n]
    others = near.count(True) - 1
    words = (
        f"6 settings; the highest accuracy is 0.84; {others} other{'s' * (others != 1)} cannot be told from it on"
        f" {n} pictures."
    )
    assert words in drawing.texts() and words in drawing.root.get("aria-label")
    looks = {
        mark.get("class"): [(part.tag, part.get("fill")) for part in mark][1]
        for mark in drawing.panes[ACCURACY].iter("g")
        if mark.get("class")
    }
    assert looks["near"][0] != looks["lower"][0] and looks["near"][1] != looks["lower"][1]  # shape and colour


def test_only_settings_that_are_complete_have_a_dot_and_set_the_highest():
    given = [
        entry(accuracy=0.7),
        entry(accuracy=0.99, complete=False, runs=1),
        entry(accuracy=0.98, error="It failed."),
        waiting(),
    ]
    drawing = Drawing(scoreboard.overview(given, 4, 200, LOSS))
    assert list(dots(drawing)) == [
        1
    ] and "4 settings, 1 of them with an accuracy; the highest accuracy is 0.70; no others" in drawing.root.get(
        "aria-label"
    )
    empty = Drawing(scoreboard.overview([waiting()], 1, 200, LOSS))
    assert not dots(empty) and "No accuracy of the 1 setting is known yet." in empty.texts()


@pytest.mark.parametrize("count", [1, 2, 36, 100, 1000])
def test_the_overview_keeps_its_size_and_its_marks_stay_inside(count):
    drawing = Drawing(
        scoreboard.overview([entry(accuracy=0.2 + 0.6 * (number % 7) / 7) for number in range(count)], count, 200, LOSS)
    )
    assert drawing.root.get("viewBox") == f"0 0 860 {scoreboard.TALL}"
    for mark in drawing.panes[ACCURACY].iter("g"):
        if mark.get("class"):
            x, y = map(float, re.findall(r"-?[\d.]+", mark.get("transform")))
            assert 0 < x < 860 - 64 and 0 <= y <= accuracies.BELOW
    ticks = [x for x, _ in drawing.ticks(ACCURACY, "x")]
    assert len(ticks) <= 40 and all(after - before >= 18 for before, after in pairwise(ticks))


# The curves of one


def test_the_curves_are_the_histories_of_every_seed():
    runs = {3: history([0.7, 0.5, 0.4], [0.8, 0.6, 0.7]), 8: history([0.75, 0.55, 0.3], [0.9, 0.5, 0.55])}
    drawing = Drawing(scoreboard.curves_of(entry(histories=runs, epoch=2.0), 4, 5, 2))
    for seed, run in runs.items():
        for key, values in run.history.items():
            drawn = drawing.values("loss", f"seed {seed}: {key}")
            assert np.allclose(list(drawn), [1, 2, 3], atol=0.01) and np.allclose(
                list(drawn.values()), values, atol=0.005
            )
    assert [drawing.look(f"seed 3: {key}") for key in ("loss", "val_loss")] == ["training", "validation"]
    assert "Row 4: activation relu, rate 0.001" in drawing.texts() and "best epoch 2 (the median)" in drawing.texts()
    assert drawing.ticks("loss", "x")[-1][1] == 5 and "Row 4: activation relu, rate 0.001." in drawing.root.get(
        "aria-label"
    )


@pytest.mark.parametrize(
    "each, words",
    [(waiting(), "waiting"), (waiting(error="It failed."), "cannot be trained: see the table")],
    ids=["waiting", "failed"],
)
def test_where_there_are_no_curves_the_chart_says_why(each, words):
    drawing = Drawing(scoreboard.curves_of(each, 1, 5, 2))
    assert words in drawing.texts() and not list(drawing.root.iter("polyline"))


# How far it is


def test_the_still_picture_has_the_first_rows_and_chooses_none():
    drawing = Drawing(scoreboard.still_picture([*sixteen(), waiting()], 200))
    lowest = min(sixteen(), key=lambda each: each.loss)
    lines = [text for text in drawing.texts() if re.match(r"\d\. ", text)]
    assert (
        len(lines) == 5
        and lines[0].startswith(f"1. activation {lowest.settings['activation']}")
        and f": {lowest.loss:.3f} and accuracy" in lines[0]
    )
    assert (
        not [path for path in drawing.root.iter("path") if path.get("class") == "chosen"] and len(dots(drawing)) == 16
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_figures_of_every_seed_can_be_read_epoch_by_epoch(seeds):
    runs = {seed: history([0.7 + seed, 0.6 + seed], [0.91 + seed, 0.52 + seed]) for seed in range(seeds)}
    drawn = scoreboard.curves_of(entry(histories=runs), 4, 5, seeds, figures=True)
    for number in (1, 2):
        said = drawn.split(f"<b>Epoch {number}\n")[1].split("</b>")[0]
        known = [values[number - 1] for run in runs.values() for values in run.history.values()]
        assert sorted(re.findall(r"(\d\.\d+)", said)) == sorted(f"{value:.4g}" for value in known)
    assert "<input" not in scoreboard.curves_of(entry(histories=runs), 4, 5, seeds, figures=False)
