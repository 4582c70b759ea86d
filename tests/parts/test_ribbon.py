"""The seed ribbon: trains two settings from the same seeds, and does not take luck for a difference."""

import gc
import itertools
import json
import re
import threading
import weakref
import xml.etree.ElementTree as ElementTree

import ipywidgets as widgets
import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.engine.examples import dealt_anew
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts.ribbon import Ribbon, ribbon, verdict
from tests.curves.test_live_chart import Drawing, is_png
from tests.networks import DIGITS, digits_network, few_digits

pytestmark = pytest.mark.slow  # nearly every test here trains networks

X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)
DROPOUT = {"dropout": (0.0, 0.8, 0.2)}


@pytest.fixture
def background(monkeypatch):
    """Live parts train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


def marks(part):
    root = ElementTree.fromstring(part._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def drawing(part):
    return Drawing(part._chart.value)


def labelled(part):
    """The controls by the label that a student reads."""
    return {control.description: control for control in part._pair.all}


def move(part, **values):
    """Move controls; `dropout_b` is the one with the label "dropout (B)"."""
    for name, value in values.items():
        labelled(part)[re.sub("_([ab])$", lambda side: f" ({side[1].upper()})", name)].value = value


# The verdict


@pytest.mark.parametrize(
    "a, b, words",
    [
        (
            [0.34],
            [0.31],
            "One run each: B's lowest validation loss is 0.03 below A's (0.31 and 0.34). That may be luck: add seeds.",
        ),
        ([0.31], [0.34], "0.03 above A's"),
        ([0.31], [0.311], "is as low as A's"),
        ([0.0034], [0.0031], "0.0003 below A's"),
        ([2e12, 3e12], [0.5, 0.4], "2e+12 to 3e+12 for A"),
        ([1, 2], [3, 4], "with 2 seeds luck does that once in 3 times: add seeds"),
        ([1, 2, 3], [4, 5, 6], "with 3 seeds luck does that once in 10 times: add seeds"),
        ([1, 2, 3, 4], [5, 6, 7, 8], "do not overlap, with A the lower one: this difference is larger than luck"),
        ([5, 6, 7, 8], [1, 2, 3, 4], "with B the lower one: this difference is larger than luck"),
        (
            [0.34, 0.36, 0.41],
            [0.33, 0.42, 0.4],
            "Over 3 seeds the lowest validation loss is 0.34 to 0.41 for A and 0.33 to 0.42 for B; B is lower in 2 of"
            " 3 seeds. The ranges overlap: from this many seeds you cannot tell the difference from luck.",
        ),
        (range(5), np.arange(5) - 0.5, "cannot tell"),  # one in 16 is not rare enough
        (range(6), np.arange(6) - 0.5, "from the same seed B is lower too often for luck"),
        (
            range(10),
            np.arange(10) + np.repeat([0.5, -0.5], [9, 1]),
            "A is lower in 9 of 10 seeds. The ranges overlap, but from the same seed A is lower too often",
        ),
        (
            range(10),
            np.arange(10) + np.repeat([0.5, -0.5], [8, 2]),
            "A is lower in 8 of 10 seeds. The ranges overlap: from this many seeds you cannot tell",
        ),
        ([1, 2, 3], [1, 2, 3], "exactly the same"),
        ([], [], "No seed is finished"),
        ([1, np.inf], [1, 2], "cannot be compared"),
    ],
)
def test_a_verdict_says_no_more_than_the_seeds_do(a, b, words):
    assert words in verdict(a, b)


@pytest.mark.parametrize("seeds", range(2, 11))
def test_luck_is_taken_for_a_difference_less_often_than_once_in_20_times(seeds):
    random = np.random.default_rng(seeds)
    verdicts = [verdict(*random.normal(1, 0.1, (2, seeds))) for _ in range(1000)]
    claims = sum("larger than luck" in words or "real difference" in words for words in verdicts)
    assert claims < 70  # 50 and a margin for our own luck: three times its standard deviation
    assert sum("cannot tell" in words or "add seeds" in words for words in verdicts) == 1000 - claims


@pytest.mark.parametrize(
    "a, b",
    [
        ([0.31], [0.34]),
        ([1, 2], [3, 4]),
        ([1.5, 2.25], [1.75, 2]),
        (np.arange(6), np.arange(6) - 0.5),
        (range(4), range(5, 9)),
    ],
)
def test_without_numbers_a_verdict_has_none_that_another_machine_would_not_give(a, b):
    assert not re.search(r"\d\.\d|of \d", verdict(a, b, numbers=False))
    assert verdict(a, b, numbers=False).split(". ")[-1] in verdict(a, b).replace(
        "That may be luck: add seeds", "Add seeds"
    )


# Training


def test_a_and_b_are_trained_in_turn_from_the_same_seeds(background):
    order = []

    def build(dropout=0.2, seed=0):
        order.append((dropout, seed))
        return digits_network(dropout)

    part = ribbon(build, FEW, other={"dropout": 0.6}, seeds=2, epochs=2, **DROPOUT)
    assert order == [(0.2, 0), (0.6, 0), (0.2, 1), (0.6, 1)] and part.state == "done"
    trainer = Trainer(digits_network, *few_digits())
    for side, dropout in (("A", 0.2), ("B", 0.6)):
        assert [run.history for run in part.histories[side]] == [
            trainer.run({"dropout": dropout}, 2, seed=seed).history for seed in (0, 1)
        ]
    assert part.settings == {
        "A": {"epochs": 2, "dropout": 0.2, "batch_size": 32},
        "B": {"epochs": 2, "dropout": 0.6, "batch_size": 32},
        "seeds": 2,
    }


def test_only_what_is_new_is_trained(background):
    built = []

    def build(dropout=0.2):
        built.append(dropout)
        return digits_network(dropout)

    part = ribbon(build, FEW, other={"dropout": 0.6}, seeds=(1, 5, 1), epochs=2, **DROPOUT)
    assert built == [0.2, 0.6]
    move(part, seeds=2)
    part.wait()
    assert built == [0.2, 0.6, 0.2, 0.6] and len(part.histories["A"]) == len(part.histories["B"]) == 2
    move(part, dropout_b=0.4)
    part.wait()
    assert built[4:] == [0.4, 0.4] and "lower in" in part._words.value
    move(part, seeds=1)
    part.wait()
    assert len(built) == 6 and "One run each" in part._words.value


def test_the_examples_can_be_dealt_anew_into_training_and_validation(background):
    part = ribbon(digits_network, FEW, other={"dropout": 0.6}, seeds=2, epochs=2, deal=(0, 9, 0))
    as_handed_over = [run.history for run in part.histories["A"]]
    assert part.settings["deal"] == 0 and "deal" in labelled(part)
    move(part, deal=3)
    part.wait()
    assert part.settings["deal"] == 3 and part.state == "done" and json.loads(marks(part)["settings"])["deal"] == 3
    anew = Trainer(digits_network, *dealt_anew(X, Y, VALIDATION, 3))
    assert [run.history for run in part.histories["A"]] == [anew.run({}, 2, seed=seed).history for seed in (0, 1)]
    assert [run.history for run in part.histories["A"]] != as_handed_over
    move(part, deal=0)
    part.wait()
    assert [run.history for run in part.histories["A"]] == as_handed_over


def test_every_epoch_counts_and_the_run_under_way_is_named(background):
    frames, ghosts = [], set()
    part = Ribbon(digits_network, FEW, {"dropout": 0.6}, (1, 5, 3), forms={"epochs": 3, **DROPOUT})
    part._chart.observe(
        lambda change: (
            frames.append(marks(part)),
            ghosts.update(text for text in drawing(part).texts() if ", seed " in text),
        ),
        "value",
    )
    part._is_due = lambda: True
    part.show()
    states = [frame["state"] for frame in frames]
    # The first seed of each side may need a network of its own to be built, which takes a while and is seen.
    assert [state for state, _ in itertools.groupby(states)] == ["building", "training", "building", "training", "done"]
    drawn = [int(frame["epoch"]) for frame in frames]
    assert drawn == sorted(drawn) and set(drawn) == set(range(19)) and frames[-1]["epochs"] == "18"
    assert json.loads(frames[-1]["settings"]) == part.settings
    assert ghosts == {"A, seed 1", "B, seed 1", "A, seed 2", "B, seed 2"}


def test_the_band_spans_all_seeds_and_the_line_is_their_median(background):
    part = ribbon(digits_network, FEW, other={"dropout": 0.6}, seeds=3, epochs=4, **DROPOUT)
    picture = drawing(part)
    runs = {side: np.array([run.history["val_loss"] for run in part.histories[side]]) for side in "AB"}
    for side in "AB":
        assert np.allclose(
            list(picture.values("loss", f"{side}_val_loss").values()), np.median(runs[side], axis=0), atol=0.005
        )
        assert len(picture.values("accuracy", f"{side}_val_accuracy")) == 4
    bands = [path for path in picture.panes["loss"].iter("path") if path.get("class") == "band"]
    (y0, v0), (y1, v1) = picture.ticks("loss", "y")[0], picture.ticks("loss", "y")[-1]
    for band, side in zip(bands, "AB", strict=True):
        heights = [
            v0 + (float(point.split(",")[1]) - y0) / (y1 - y0) * (v1 - v0)
            for point in band.get("d")[1:].rstrip("Z").split()
        ]
        assert np.allclose(heights, [*runs[side].min(axis=0), *runs[side].max(axis=0)[::-1]], atol=0.005)
    assert {"A: dropout 0.2", "B: dropout 0.6"} <= set(picture.texts()) and not picture.ghosts("loss")
    assert picture.root.get("aria-label") == part._in_words() in part._words.value.replace("&#x27;", "'")


def test_one_seed_is_one_curve_each_without_a_band(background):
    picture = drawing(ribbon(digits_network, FEW, other={"dropout": 0.6}, seeds=1, epochs=3, **DROPOUT))
    assert len(picture.lines("A_val_loss")[0]) == len(picture.lines("B_val_loss")[0]) == 3
    assert not [path for path in picture.root.iter("path") if path.get("class") == "band"]


def test_the_axes_do_not_jump_while_a_new_comparison_begins(background):
    part = ribbon(
        digits_network, FEW, other={"dropout": 0.6}, seeds=2, epochs=3, learning_rate=[0.001, 0.002], **DROPOUT
    )
    axes = [drawing(part).ticks("loss", "y")]
    part._chart.observe(lambda change: axes.append(drawing(part).ticks("loss", "y")), "value")
    move(part, learning_rate=0.002)
    part.wait()
    assert len(axes) > 3 and all(axis == axes[0] for axis in axes)


def test_stop_keeps_the_finished_seeds_and_the_next_move_goes_on(background):
    part = ribbon(digits_network, DIGITS, other={"dropout": 0.6}, seeds=(1, 4, 2), epochs=(1, 2000, 2), **DROPOUT)
    reached = threading.Event()
    part._chart.observe(lambda change: part._growing and part._growing[:2] == ("A", 1) and reached.set(), "value")
    move(part, epochs=300)
    assert reached.wait(60)
    part._stop_button.click()
    part.wait()
    assert part.state == "stopped" and [len(part.histories[side]) for side in "AB"] == [1, 1]
    assert "One run each" in part._words.value and int(marks(part)["epoch"]) < 1200
    move(part, epochs=3)
    part.wait()
    assert part.state == "done" and [len(run.epoch) for side in "AB" for run in part.histories[side]] == [3] * 4


def test_a_new_move_overtakes_the_comparison_under_way(background):
    part = ribbon(digits_network, DIGITS, other={"dropout": 0.6}, seeds=(1, 4, 1), epochs=(1, 5000, 2), **DROPOUT)
    reached = threading.Event()
    part._chart.observe(lambda change: part._growing and reached.set(), "value")
    move(part, epochs=5000)
    assert reached.wait(60)
    move(part, epochs=2, dropout_a=0.4)
    part.wait()
    assert part.state == "done" and part.settings["A"]["dropout"] == 0.4 and len(part.histories["A"][0].epoch) == 2


def test_a_loss_that_is_no_number_is_told_and_the_others_are_trained(background):
    def build(learning_rate=0.1):
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
        model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mean_squared_error")
        return model

    part = ribbon(build, FEW, other={"learning_rate": 1e30}, seeds=2, epochs=5, learning_rate=[0.01, 1e30])
    assert part.state == "done" and len(part.histories["B"]) == 2
    assert "B: The loss is no longer a finite number" in part._words.value and "cannot be compared" in part._words.value


def test_an_error_of_b_is_told_in_words_and_a_move_mends_it(background):
    def build(width=64):
        if width == 13:
            raise RuntimeError("thirteen is unlucky")
        return digits_network(width=width)

    with pytest.raises(LessonError, match="thirteen is unlucky"):
        ribbon(build, FEW, other={"width": 13}, epochs=1, width=[64, 13])
    part = ribbon(build, FEW, other={"width": 64}, epochs=1, width=[64, 13])
    move(part, width_b=13)
    with pytest.raises(LessonError, match="thirteen is unlucky"):
        part.wait()
    move(part, width_b=64)
    part.wait()
    assert part.state == "done" and "exactly the same" in part._words.value


# Its controls


def test_what_differs_has_two_controls_and_all_else_one(background):
    def build(dropout=0.2, activation="relu", batch_norm=False, width=64, depth=1):
        """Never called."""

    part = Ribbon(
        build,
        FEW,
        {
            "dropout": 0.3,
            "activation": "tanh",
            "batch_norm": True,
            "width": 128,
            "depth": 2,
            "batch_size": 8,
            "n_train": 200,
        },
        (1, 5, 2),
        forms={
            "dropout": (0.0, 0.8),
            "activation": ["relu", "tanh"],
            "batch_norm": False,
            "width": {"narrow": 8, "wide": 128},
            "batch_size": [8, 32],
        },
    )
    made = labelled(part)
    assert list(made) == [
        "epochs",
        "batch_size (A)",
        "dropout (A)",
        "activation (A)",
        "batch_norm (A)",
        "width (A)",
        "dropout (B)",
        "activation (B)",
        "batch_norm (B)",
        "width (B)",
        "batch_size (B)",
        "seeds",
    ]
    for name in ("dropout", "activation", "batch_norm", "width", "batch_size"):
        assert type(made[f"{name} (A)"]) is type(made[f"{name} (B)"])
    assert (made["dropout (B)"].min, made["dropout (B)"].max, made["dropout (B)"].step) == (
        0,
        0.8,
        made["dropout (A)"].step,
    )
    settings = part.settings
    assert settings["A"] == {
        "epochs": 15,
        "dropout": 0.2,
        "activation": "relu",
        "batch_norm": False,
        "width": 8,
        "depth": 1,
        "batch_size": 32,
        "n_train": 300,
    }
    assert settings["B"] == {
        "epochs": 15,
        "dropout": 0.3,
        "activation": "tanh",
        "batch_norm": True,
        "width": 128,
        "depth": 2,
        "batch_size": 8,
        "n_train": 200,
    }
    assert "width wide" in part._names["B"] and settings["seeds"] == 2


def test_batch_sizes_can_be_compared(background):
    part = ribbon(digits_network, FEW, other={"batch_size": 8}, epochs=1)
    trainer = Trainer(digits_network, *few_digits())
    assert [part.histories[side][0].history for side in "AB"] == [
        trainer.run({}, 1, batch_size=size).history for size in (32, 8)
    ]


def test_a_closed_ribbon_leaves_memory_and_a_lent_widget_lives_on(background):
    slider = widgets.FloatSlider(value=0.1, min=0, max=1)
    part = ribbon(digits_network, FEW, other={"dropout": 0.6}, epochs=1, dropout=slider)
    gone = weakref.ref(part)
    part.close()
    slider.value = 0.3
    del part
    gc.collect()
    assert gone() is None and slider.comm is not None


def with_options(**options):
    return digits_network(**options)


@pytest.mark.parametrize(
    "build, other, forms, words",
    [
        (digits_network, {}, {}, "what is different in B"),
        (digits_network, 0.3, {}, "what is different in B"),
        (digits_network, {"wdth": 8}, {}, "other names 'wdth'.*no such keyword"),
        (with_options, {"width": 8}, {}, "other names 'width'"),
        (digits_network, {"epochs": 8}, {}, "take epochs out of other"),
        (digits_network, {"seed": 8}, {}, "take seed out of other"),
        (digits_network, {"dropout": 0.9}, DROPOUT, "does not have this value"),
        (digits_network, {"dropout": "a"}, DROPOUT, "does not have this value"),
        (digits_network, {"width": 0.5}, {"width": (8, 64)}, "does not have this value"),
        (digits_network, {"width": 9}, {"width": [8, 64]}, "does not have this value"),
        (digits_network, {"dropout": 0.3}, {"wdth": (1, 3)}, r"no keyword 'wdth'.*out of ribbon\("),
        (digits_network, {"dropout": 0.3}, {"dropout": (0.5, 0.1)}, "first number must be smaller"),
        (digits_network, {"dropout": 0.3}, {"seed": 3}, "leave out seed"),
        (digits_network, {"dropout": 0.3}, {"seeds": 0}, "at least 1"),
        (digits_network, {"dropout": 0.3}, {"seeds": (0, 5)}, "at least 1"),
        (digits_network, {"dropout": 0.3}, {"seeds": (1.0, 5.0)}, "whole numbers"),
        (digits_network, {"dropout": 0.3}, {"seeds": [1, "all"]}, "whole numbers"),
        (digits_network, {"dropout": 0.3}, {"seeds": True}, "whole numbers"),
        (digits_network, {"dropout": 0.3}, {"seeds": None}, "whole numbers"),
        (digits_network, {"dropout": 0.3}, {"seeds": (5, 1)}, "first number must be smaller"),
        (digits_network, {"dropout": 0.3}, {"deal": -1}, "0 as they are"),
        (digits_network, {"dropout": 0.3}, {"deal": [0, "other"]}, "0 as they are"),
        (digits_network, {"dropout": 0.3}, {"epochs": 0}, "at least 1"),
        (digits_network(), {"dropout": 0.3}, {}, r"leave out the brackets, ribbon\(build"),
        (None, {"dropout": 0.3}, {}, "leave out the brackets"),
    ],
)
def test_slips_are_told_in_words_before_anything_is_trained(build, other, forms, words):
    with pytest.raises(LessonError, match=words):
        ribbon(build, FEW, other, **forms)


def test_without_validation_data_there_is_nothing_to_compare():
    with pytest.raises(LessonError, match="no validation data"):
        ribbon(digits_network, (X, Y), {"dropout": 0.3}, validation_split=0)


def test_what_brings_its_batches_cannot_be_dealt_anew():
    batches = [tf.data.Dataset.from_tensor_slices(part).batch(32) for part in ((X, Y), VALIDATION)]
    with pytest.raises(LessonError, match="hand over arrays"):
        ribbon(digits_network, batches, {"dropout": 0.3}, deal=(0, 9, 0))


def test_without_a_front_end_the_finished_picture_and_its_verdict_are_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    part = ribbon(digits_network, FEW, other={"dropout": 0.6}, seeds=2, epochs=2, **DROPOUT)
    page = ElementTree.fromstring(f"<div>{shown[0]['text/html'].replace('><p', '/><p')}</div>")
    assert is_png(shown[0]["image/png"])
    assert list(drawing(part).panes) == ["loss", "accuracy"] and len(drawing(part).lines("B_val_loss")[0]) == 2
    for words in (page.find("img").get("alt"), page.find("p").text, shown[0]["text/plain"]):
        assert "A: dropout 0.2. B: dropout 0.6. Over 2 seeds" in words
        assert not re.search(r"\d\.\d", words.partition("Over 2")[2])
