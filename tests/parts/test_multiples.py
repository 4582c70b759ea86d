"""Small multiples: trains the variants in turn, draws them on one scale, and one that fails does not take the others
with it."""

import gc
import json
import re
import threading
import weakref
import xml.etree.ElementTree as ElementTree

import ipywidgets as widgets
import keras
import numpy as np
import pytest

from helpers.curves import live_chart
from helpers.curves.sheets import y_ticks
from helpers.engine.trainer import Trainer
from helpers.engine.training import new_history
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import multiples as module
from helpers.parts.multiples import Multiples, multiples
from tests.curves.test_live_chart import Drawing, is_png
from tests.networks import DIGITS, digits_network, few_digits

slow = pytest.mark.slow
X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)
TWO = {"without": {"dropout": 0.0}, "dropout": {"dropout": 0.6}}
RATES = [0.001, 0.003, 0.01]


@pytest.fixture
def background(monkeypatch):
    """Live parts train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


class Charts(Drawing):
    """The drawing of a part, or a drawing; its panes by their titles."""

    def __init__(self, part):
        super().__init__(part if isinstance(part, str) else part._chart.value)
        self.panes = {pane.find("text").text: pane for pane in self.tree.iter("svg") if pane.get("data-pane")}

    def notices(self):
        return {
            name: text.text
            for name, pane in self.panes.items()
            for text in pane.iter("text")
            if "notice" in text.get("class", "")
        }


def marks(part):
    root = ElementTree.fromstring(part._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def watch(part):
    """A list that gets (marks, drawing) of every frame from now on."""
    frames = []
    part._is_due = lambda: True
    part._chart.observe(lambda change: frames.append((marks(part), Charts(part))), "value")
    return frames


def move(part, **values):
    for name, value in values.items():
        part._controls[name].value = value


def as_trained_alone(build, own, epochs=3, **training):
    return Trainer(build, *few_digits()).run(own, epochs, **training).history


def explosive(learning_rate=0.001):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mean_squared_error")
    return model


def unlucky(width=64, dropout=0.2):
    if width == 13:
        raise RuntimeError("thirteen is unlucky")
    return digits_network(dropout, width)


# Training


@pytest.mark.slow
def test_each_variant_has_the_curves_that_it_has_alone(background):
    part = multiples(digits_network, FEW, TWO, epochs=3, learning_rate=RATES, seed=(0, 9, 4))
    assert part.state == "done" and list(part.histories) == list(TWO)
    for name, own in TWO.items():
        assert part.histories[name].history == as_trained_alone(digits_network, {**own, "learning_rate": 0.001}, seed=4)
        for key in ("loss", "val_loss"):
            drawn = Charts(part).values(name, f"{name}: {key}")
            assert np.allclose(list(drawn), [1, 2, 3], atol=0.01) and np.allclose(
                list(drawn.values()), part.histories[name].history[key], atol=0.03
            )
    assert (
        part.settings
        == {"epochs": 3, "learning_rate": 0.001, "seed": 4, "batch_size": 32}
        == json.loads(marks(part)["settings"])
    )
    lowest = [min(part.histories[name].history["val_loss"]) for name in TWO]
    assert (
        f"Lowest validation loss – without: {lowest[0]:.2f} (epoch 3); dropout: {lowest[1]:.2f} (epoch 3)."
        in part._words.value
    )
    assert f"dropout: {part.histories['dropout'].history['loss'][-1]:.2f}. One run each" in part._words.value


def test_a_frame_for_each_epoch_says_which_variant_trains_and_who_waits(background):
    part = Multiples(digits_network, FEW, TWO, forms={"epochs": 3})
    assert Charts(part).notices() == {"without": "waiting", "dropout": "waiting"}
    frames = watch(part)
    part.show()
    assert [int(frame["epoch"]) for frame, _ in frames] == [0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 6]
    assert [frame["state"] for frame, _ in frames] == 2 * ["building", *["training"] * 4] + ["done"]
    assert [frame["variant"] for frame, _ in frames] == ["without"] * 5 + ["dropout"] * 5 + [""]
    assert {frame["epochs"] for frame, _ in frames} == {"6"}
    notices = [drawing.notices() for _, drawing in frames]
    assert notices[0] == {"without": "building the network …", "dropout": "waiting"} and notices[4] == {
        "dropout": "waiting"
    }
    assert notices[5] == {"dropout": "building the network …"} and notices[-1] == {}
    assert [len(drawing.lines("without: val_loss")[0]) for _, drawing in frames[2:]] == [1, 2, 3, 3, 3, 3, 3, 3, 3]
    heights = {pane.get("height") for _, drawing in frames for pane in drawing.panes.values()}
    assert not frames[4][1].lines("dropout: val_loss") and len(heights) == 1


@slow
def test_only_what_is_new_is_trained_and_structures_are_compiled_once(background):
    built = []

    def build(dropout=0.2, learning_rate=0.001):
        built.append((dropout, learning_rate))
        return digits_network(dropout, learning_rate=learning_rate)

    part = multiples(build, FEW, TWO, epochs=(1, 9, 2), learning_rate=RATES)
    assert built == [(0.0, 0.001), (0.6, 0.001)]
    move(part, learning_rate=0.003)
    part.wait()
    assert built[2:] == [(0.0, 0.003), (0.6, 0.003)]
    move(part, learning_rate=0.001)
    part.wait()
    assert len(built) == 4 and part._trainer.compilations == 1 and part.state == "done"
    before = {name: history.history["loss"] for name, history in part.histories.items()}
    frames = watch(part)
    part._is_due = lambda: False
    move(part, epochs=4)
    part.wait()
    assert Charts(part).notices() == {}
    assert [int(frame["epoch"]) for frame, _ in frames][0] == 4  # nothing vanishes: more epochs continue the curves
    assert all(
        part.histories[name].history["loss"][:2] == before[name] and len(part.histories[name].epoch) == 4
        for name in TWO
    )
    move(part, epochs=1)
    part.wait()
    assert marks(part)["epoch"] == marks(part)["epochs"] == "2" and part.state == "done"


@slow
def test_the_curves_of_the_setting_before_stay_as_ghosts(background):
    part = multiples(digits_network, FEW, TWO, epochs=(1, 9, 4), learning_rate=RATES, seed=(0, 9, 0))
    assert not Charts(part).ghosts("dropout")
    first = part.histories
    frames = watch(part)
    move(part, learning_rate=0.01)
    part.wait()
    for _, drawing in frames:
        assert len(drawing.ghosts("without")) == len(drawing.ghosts("dropout")) == 1
        assert "before, at learning_rate 0.001" in drawing.texts()
    last = Charts(part)
    high, low = (
        [place for place, _ in last.ticks("dropout", "y")][-1],
        [place for place, _ in last.ticks("dropout", "y")][0],
    )
    heights = [height for _, height in last.ghosts("dropout")[0]]
    expected = low - np.array(first["dropout"].history["val_loss"]) / last.ticks("dropout", "y")[-1][1] * (low - high)
    assert np.allclose(heights, expected, atol=1)
    move(part, epochs=2)
    part.wait()
    assert (
        part._past[0]["learning_rate"] == 0.001 and len(Charts(part).ghosts("dropout")) == 1
    )  # still compared with the same
    move(part, seed=3)
    part.wait()
    assert "before, at seed 0" in Charts(part).texts()


@slow
def test_stop_ends_this_variant_and_the_rest_and_a_move_trains_again(background):
    built = []

    def build(dropout=0.2, learning_rate=0.001):
        built.append((dropout, learning_rate))
        return digits_network(dropout, learning_rate=learning_rate)

    part = multiples(build, DIGITS, {**TWO, "more": {"dropout": 0.8}}, epochs=(1, 5000, 2), learning_rate=RATES)
    reached = threading.Event()
    part._chart.observe(
        lambda change: part._now == "dropout" and part._points("dropout") > 10 and reached.set(), "value"
    )
    move(part, epochs=300, learning_rate=0.003)
    assert reached.wait(60)
    part._stop_button.click()
    part.wait()
    assert (
        part.state == "stopped"
        and (0.8, 0.003) not in built
        and len(part.histories["without"].epoch) == 300
        and 10 < len(part.histories["dropout"].epoch) < 300
    )
    assert (
        "more" not in part.histories
        and Charts(part).notices() == {"more": "not trained"}
        and marks(part)["variant"] == ""
    )
    assert "Stopped. Lowest validation loss – without" in part._words.value and "more" not in part._words.value
    frames = watch(part)
    move(part, epochs=3)
    part.wait()
    assert frames[0][1].notices() == {"more": "building the network …"}  # the others have been seen
    assert part.state == "done" and [part._points(name) for name in part.histories] == [3, 3, 3]


@slow
def test_a_new_move_overtakes_the_run_under_way(background):
    part = multiples(digits_network, DIGITS, TWO, epochs=(1, 5000, 2), learning_rate=RATES)
    reached = threading.Event()
    part._chart.observe(lambda change: part._points("without") > 5 and reached.set(), "value")
    move(part, epochs=5000, learning_rate=0.003)
    assert reached.wait(60)
    states = []
    part._chart.observe(lambda change: states.append(marks(part)["state"]), "value")
    move(part, epochs=2, learning_rate=0.01)
    part.wait()
    assert part.state == "done" and states.count("done") == 1 and "stopped" not in states
    assert part._past[0]["learning_rate"] == 0.001  # a run that was overtaken is nothing to compare with
    assert all(part.histories[name].history == as_trained_on_all_digits(own) for name, own in TWO.items())


def as_trained_on_all_digits(own):
    trainer = Trainer(digits_network, DIGITS.x_train, DIGITS.y_train, (DIGITS.x_val, DIGITS.y_val))
    return trainer.run({**own, "learning_rate": 0.01}, 2).history


@slow
def test_the_button_goes_to_the_next_seed_and_after_the_last_to_the_first(background):
    part = multiples(digits_network, FEW, TWO, epochs=1, seed=(0, 2, 1))
    (again,) = (button for button in part._box.children[2].children if "next seed" in button.description)
    seeds = []
    for _ in range(3):
        again.click()
        part.wait()
        seeds.append(part.settings["seed"])
        assert part.histories["dropout"].history == as_trained_alone(
            digits_network, {"dropout": 0.6}, 1, seed=seeds[-1]
        )
    assert seeds == [2, 0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed, there",
    [
        ((0, 9), True),
        ([3, 5], True),
        ({"mine": 3, "yours": 5}, True),
        (widgets.IntText(value=3), True),
        (3, False),
        ([3], False),
    ],
)
def test_the_button_is_there_only_where_a_control_for_the_seed_is(background, seed, there):
    part = Multiples(digits_network, FEW, TWO, forms={"epochs": 1, "seed": seed})
    assert (
        [button.description for button in part._box.children[2].children[:-1]]
        == [  # the last is the progress
            "Train again with the next seed",
            "Stop",
        ][not there :]
    )
    if there:
        before = part._read_controls()["seed"]
        module._step(part._controls["seed"])
        assert part._read_controls()["seed"] == (
            before + 1 if isinstance(seed, (tuple, widgets.Widget)) else {3: 5, 5: 3}[before]
        )


@slow
def test_an_interrupt_leaves_what_is_drawn_and_a_part_that_works(monkeypatch):
    monkeypatch.setattr(cell, "place", lambda: "inline")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)
    made = []

    def build(dropout=0.2, learning_rate=0.001):
        made.append(dropout)
        if len(made) == 2:
            raise KeyboardInterrupt
        return digits_network(dropout, learning_rate=learning_rate)

    part = Multiples(build, FEW, TWO, forms={"epochs": 2, "learning_rate": RATES})
    with pytest.raises(KeyboardInterrupt):
        part.show()
    assert (
        part.state == "stopped"
        and list(part.histories) == ["without"]
        and Charts(part).notices() == {"dropout": "not trained"}
    )
    move(part, learning_rate=0.003)
    assert part.state == "done" and list(part.histories) == ["without", "dropout"]


# What goes wrong in one variant


@slow
def test_one_variant_that_fails_is_told_with_its_line_and_the_others_are_trained(background):
    part = Multiples(
        unlucky,
        FEW,
        {"lucky": {}, "thirteen": {"width": 13}, "wide": {"width": 80}},
        forms={"epochs": 2, "dropout": (0.0, 0.8)},
    )
    with pytest.raises(
        LessonError,
        match=r"In thirteen: .*thirteen is unlucky.*line \d+.*raise RuntimeError.*The curves of the other variants",
    ):
        part.show()
    assert (
        part.state == "error"
        and list(part.histories) == ["lucky", "wide"]
        and Charts(part).notices() == {"thirteen": "cannot be trained"}
    )
    assert len(Charts(part).lines("wide: loss")[0]) == 2 and part._words.value.count("unlucky") >= 1
    move(part, dropout=0.4)
    with pytest.raises(LessonError, match="unlucky"):
        part.wait()
    assert len(Charts(part).ghosts("lucky")) == 1 and not Charts(part).ghosts("thirteen")


def test_what_fails_in_every_variant_is_told_once(background):
    with pytest.raises(LessonError, match="In all variants: .*thirteen is unlucky") as error:
        multiples(unlucky, FEW, TWO, epochs=2, width=13)
    assert str(error.value).count("is unlucky") <= 2 and "other variants" not in str(
        error.value
    )  # the words and the line


def test_a_value_that_a_layer_refuses_names_the_variant(background):
    with pytest.raises(LessonError, match="In too much: .*rate.*fraction from 0 up to"):
        multiples(digits_network, FEW, {"fine": {}, "too much": {"dropout": 1.5}}, epochs=1)


def test_numbers_of_training_that_cannot_be_name_the_variant(background):
    with pytest.raises(LessonError, match="In all: n_train is 301, but there are only 300"):
        multiples(digits_network, FEW, {"few": {"n_train": 100}, "all": {"n_train": 301}}, epochs=1)


@slow
def test_a_loss_that_is_no_number_is_told_and_does_not_spoil_the_scale(background):
    variants = {"slow": {"learning_rate": 1e-4}, "gone": {"learning_rate": 1e30}, "fast": {"learning_rate": 1e-3}}
    part = multiples(explosive, FEW, variants, epochs=4)
    assert part.state == "done" and "In gone: The loss is no longer a finite number" in part._words.value
    assert len(part.histories["fast"].epoch) == 4
    slow_start = part.histories["slow"].history["loss"][0]
    assert slow_start <= Charts(part).ticks("gone", "y")[-1][1] <= 4 * slow_start
    assert Charts(part).notices()["gone"] in ("above this scale", "not a number")


@slow
def test_variants_can_differ_in_what_belongs_to_the_training(background):
    variants = {"few": {"n_train": 50}, "all": {}, "small batches": {"batch_size": 8}, "seed 7": {"seed": 7}}
    part = multiples(digits_network, FEW, variants, epochs=2)
    assert "batch_size" not in part.settings and "seed" not in part.settings
    for name, training in variants.items():
        assert part.histories[name].history == as_trained_alone(digits_network, {}, 2, **training)


# The drawing


def drawn(part, losses, **more):
    """The drawing of a part (never trained) whose variants have these losses."""
    for name, values in losses.items():
        history = new_history(len(values))
        history.history = {"loss": list(values), "val_loss": [value + 0.1 for value in values]}
        history.epoch = list(range(len(values)))
        part.histories[name] = history
    part._notices = dict.fromkeys(part._variants, "")
    return Charts(part._picture())


def untrained(count, **forms):
    return Multiples(
        digits_network,
        FEW,
        {f"variant {number}": {"dropout": number / 10} for number in range(count)},
        forms={"epochs": 12, **forms},
    )


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_the_charts_stand_in_a_grid_and_have_one_scale(background, count):
    part = untrained(count)
    empty = Charts(part)
    picture = drawn(part, {f"variant {number}": np.linspace(2 + number, 0.5, 12) for number in range(count)})
    axes = [picture.ticks(f"variant {number}", "y") for number in range(count)]
    assert all(axis == axes[0] for axis in axes) and axes[0][-1][1] >= 1 + count
    for number in range(count):
        drawn_losses = list(picture.values(f"variant {number}", f"variant {number}: loss").values())
        assert np.allclose(drawn_losses, np.linspace(2 + number, 0.5, 12), atol=0.1)
    assert (
        len({picture.lines(f"variant {number}: loss")[0][-1][1] for number in range(count)}) == 1
    )  # the same loss at the same height
    assert picture.tree.find(".//div[@class='lab-panes small']") is not None
    assert {pane.get("height") for chart in (picture, empty) for pane in chart.panes.values()} == {
        str(live_chart.SMALL)
    }
    assert picture.texts().count("training loss") == count  # each has a legend


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_no_text_leaves_the_picture_or_its_part_of_it(background, count):
    names = [f"a variant of {'a very long name ' * 6}{number}" for number in range(count)]
    part = Multiples(
        digits_network, FEW, {name: {"dropout": 0.1} for name in names}, forms={"epochs": 30, "learning_rate": RATES}
    )
    part._past = {**part.settings, "learning_rate": 123456789.123, "seed": 999999}, {}
    picture = drawn(part, {name: np.linspace(2000, 500, 30) for name in names})
    room = live_chart.ROOM[True]
    for pane in picture.panes.values():
        title = pane.find("text")
        assert 8 * len(title.text) <= room and "…" in title.text
        assert all(live_chart.SIGN + 6.5 * len(name) <= room for name in picture.legend(title.text))
        for text in pane.iter("text"):
            if text.get("class") == "ytick":
                assert 7.5 * len(text.text) <= 41


@pytest.mark.parametrize(
    "starts, most",
    [([2.0, 2.5], 2.5), ([1.0, 2.5, 2.0], 2.5), ([2.5, 1e6], 2.5), ([1e6, 2.5, 1e3, 2.0], 2.5), ([0.3, 2.5], 2.5)],
)
def test_the_scale_is_that_of_the_curves_and_not_of_an_explosion(starts, most):
    runs = [{"loss": start * np.linspace(1, 0.5, 8), "val_loss": start * np.linspace(0.9, 0.5, 8)} for start in starts]
    high = module._common_ticks(runs, [])[-1]
    limit = 3 * most if max(starts) > 1000 else most
    assert most <= high <= 1.25 * limit
    assert module._common_ticks(runs[::-1], []) == module._common_ticks(runs, [])


def test_one_chart_alone_has_the_scale_that_it_has_elsewhere():
    run = {"loss": np.array([1e5, 2.0, 1.0]), "val_loss": np.array([2.0, 1.5, 90.0])}
    assert module._common_ticks([run], []) == y_ticks("loss", [run["loss"], run["val_loss"]]).tolist()
    assert (
        module._common_ticks([], [])
        == module._common_ticks([{"loss": np.zeros(0), "val_loss": np.zeros(0)}], [])
        == y_ticks("loss", []).tolist()
    )


def test_curves_that_cannot_be_seen_are_told_in_their_chart(background):
    picture = drawn(
        untrained(4), {"variant 0": [2.0, 1.0], "variant 1": [1e6, 1e7], "variant 2": [np.nan], "variant 3": [1e6, 1.0]}
    )
    assert picture.notices() == {"variant 1": "above this scale", "variant 2": "not a number"}


def test_a_curve_that_goes_on_beyond_the_epochs_wanted_is_cut(background):
    part = untrained(3)
    picture = drawn(part, {"variant 1": np.linspace(2, 3, 20)})
    assert (
        len(picture.lines("variant 1: loss")[0]) == 12 == int(part._marks()["epoch"])
        and picture.ticks("variant 1", "x")[-1][1] <= 12
    )


def test_the_lowest_validation_loss_is_marked_once_there_are_two_epochs(background):
    picture = drawn(untrained(3), {"variant 0": [2.0], "variant 1": [2.0, 1.0, 1.5], "variant 2": [np.nan, np.nan]})
    marked = {
        name: [text.text for text in pane.iter("text") if (text.text or "").startswith("best")]
        for name, pane in picture.panes.items()
    }
    assert marked == {"variant 0": [], "variant 1": ["best epoch 2"], "variant 2": []}


@pytest.mark.parametrize(
    "losses, words",
    [
        ({"a": 0.524, "b": 1.0}, ["0.52", "1.00"]),
        ({"a": 0.0098, "b": 0.3}, ["0.01", "0.30"]),
        ({"a": 0.0012, "b": 0.03}, ["0.001", "0.030"]),
        ({"a": np.nan, "b": 0.5}, ["not a number", "0.50"]),
        ({"a": 3e9, "b": 0.5}, ["3e+09", "0.50"]),
        ({"a": 0.0}, ["0.00"]),
        ({"a": np.inf}, ["not a number"]),
    ],
)
def test_losses_are_written_alike(losses, words):
    assert list(module._written(losses).values()) == words


# Its controls, and slips


def needs(dropout, width=8):
    """Never called."""


@pytest.mark.parametrize(
    "build, variants, forms, words",
    [
        (digits_network, {"a": {}}, {}, "2 to 6 variants.*there are 1"),
        (digits_network, {str(number): {} for number in range(7)}, {}, "2 to 6 variants.*there are 7"),
        (digits_network, ["a", "b"], {}, "2 to 6 variants.*it is \\['a', 'b'\\]"),
        (digits_network, None, {}, "2 to 6 variants"),
        (digits_network, {"a": {}, 3: {}}, {}, "name is a text.*3 is none"),
        (digits_network, {"a": {}, " ": {}}, {}, "name is a text"),
        (digits_network, {"a": {}, "b": 0.5}, {}, "variant 'b' should be a dictionary.*it is 0.5"),
        (digits_network, {"a": {}, "b": {"epochs": 3}}, {}, "take epochs out of 'b'"),
        (
            digits_network,
            {"a": {}, "b": {"dropout": 0.5}},
            {"dropout": (0.0, 0.8)},
            "dropout is fixed in the variant 'b' and also",
        ),
        (digits_network, {"a": {}, "b": {"seed": 5}}, {"seed": (0, 9)}, "seed is fixed in the variant 'b' and also"),
        (digits_network, {"a": {}, "b": {"dropuot": 0.5}}, {}, r"no keyword 'dropuot'.*out of multiples\("),
        (digits_network, {"a": {}, "b": {}}, {"wdth": (1, 3)}, "no keyword 'wdth'"),
        (digits_network, {"a": {}, "b": {}}, {"dropout": (0.5, 0.1)}, "first number must be smaller"),
        (digits_network, {"a": {}, "b": {}}, {"epochs": 0}, "at least 1"),
        (needs, {"a": {}, "b": {"width": 3}}, {}, "needs a value for 'dropout'"),
        (digits_network(), {"a": {}, "b": {}}, {}, r"leave out the brackets, multiples\(build"),
        (None, {"a": {}, "b": {}}, {}, "leave out the brackets"),
    ],
)
def test_slips_are_told_in_words_before_anything_is_trained(build, variants, forms, words):
    with pytest.raises(LessonError, match=words):
        multiples(build, FEW, variants, **forms)


def test_without_validation_data_there_is_nothing_to_compare():
    with pytest.raises(LessonError, match="no validation data"):
        multiples(digits_network, (X, Y), TWO, validation_split=0)


@slow
def test_a_keyword_that_builder_and_training_share_reaches_both(background):
    seen = []

    def build(seed=0, dropout=0.2):
        seen.append(seed)
        return digits_network(dropout)

    part = multiples(build, FEW, TWO, epochs=1, seed=(0, 9, 4))
    assert seen == [4, 4] and part.histories["dropout"].history == as_trained_alone(
        build, {"dropout": 0.6, "seed": 4}, 1, seed=4
    )


@slow
def test_a_closed_part_leaves_memory_and_a_lent_widget_lives_on(background):
    slider = widgets.FloatSlider(value=0.001, min=0.001, max=1)
    part = multiples(digits_network, FEW, TWO, epochs=1, learning_rate=slider, seed=(0, 9))
    gone = weakref.ref(part)
    part.close()
    slider.value = 0.3
    del part
    gc.collect()
    assert gone() is None and slider.comm is not None


def test_names_of_variants_cannot_break_the_page(background):
    part = Multiples(digits_network, FEW, {"<b>\"'&": {}, "{epochs}": {}}, forms={"epochs": 2})
    part._now = "<b>\"'&"
    part._draw("training", " {epochs} <b>")
    assert marks(part)["variant"] == "<b>\"'&" and list(Charts(part).panes) == ["<b>\"'&", "{epochs}"]
    assert "<b>" not in part._words.value and "{epochs}" in part._words.value


@slow
def test_without_a_front_end_the_finished_picture_and_its_words_are_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    part = multiples(digits_network, FEW, TWO, epochs=2)
    page = ElementTree.fromstring(f"<div>{shown[0]['text/html'].replace('><p', '/><p')}</div>")
    assert is_png(shown[0]["image/png"])
    assert list(Charts(part).panes) == list(TWO) and len(Charts(part).lines("dropout: val_loss")[0]) == 2
    for words in (page.find("img").get("alt"), page.find("p").text, shown[0]["text/plain"]):
        assert words.startswith(
            "Two variants of the network, trained for 2 epochs each (batch_size 32, seed 0): without, dropout."
        )
        assert not re.search(r"\d\.\d|nan", words)


def test_only_a_wide_margin_is_put_into_the_words_of_the_still_picture(background):
    part = untrained(3)
    drawn(part, {"variant 0": [1, 0.2], "variant 1": [1, 0.02], "variant 2": [1, 0.3]})
    assert "By far the lowest training loss at the end: variant 1." in part._still_words()[1]
    drawn(part, {"variant 0": [1, 0.12]})
    assert "By far" not in part._still_words()[1]
    drawn(part, {"variant 0": [1, np.nan]})
    assert "By far" not in part._still_words()[1]
