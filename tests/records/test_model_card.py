"""The model card: it says what the result, the runs and the network say, and never half of it lands in the folder."""

import dataclasses
import errno
import functools
import io
import itertools
import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from helpers import data
from helpers.engine.builder import call_builder
from helpers.errors import LessonError
from helpers.records import card_picture
from helpers.records.model_card import model_card
from helpers.records.sealed import seal

pytestmark = pytest.mark.slow  # trains many networks

TWO, TEN = ("T-shirt/top", "Shirt"), data.CLOTHING_CLASSES
CHOSEN = {"learning_rate": 0.002, "activation": "relu"}
RUNS = {  # validation loss lowest at epochs 2, 3 and 1
    0: {
        "loss": [0.6, 0.5, 0.4],
        "val_loss": [0.62, 0.41, 0.5],
        "accuracy": [0.6, 0.7, 0.8],
        "val_accuracy": [0.6, 0.75, 0.7],
    },
    1: {
        "loss": [0.6, 0.5, 0.4],
        "val_loss": [0.62, 0.6, 0.43],
        "accuracy": [0.6, 0.7, 0.8],
        "val_accuracy": [0.6, 0.7, 0.8],
    },
    7: {
        "loss": [0.6, 0.5, 0.4],
        "val_loss": [0.48, 0.5, 0.6],
        "accuracy": [0.6, 0.7, 0.8],
        "val_accuracy": [0.7, 0.9, 0.9],
    },
}


def build(learning_rate=0.001, activation="relu", units=6):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(units, activation=activation),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(learning_rate), metrics=["accuracy"])
    return model


def many(classes):
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(classes, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


class Case:
    """Data, a network (with first weights) and what the sealed test set says of it."""

    def __init__(self, folder, classes=TWO, model=None, per_class=20, reason="the final figure"):
        full = data.clothing(classes, n_train=60, n_validation=40)
        few = np.concatenate([np.flatnonzero(full.y_test == label)[:per_class] for label in range(len(classes))])
        self.full = data.Dataset(
            full.x, full.y, full.x_test[few], full.y_test[few], full.class_names, full.n_validation
        )
        self.model = model or call_builder(build, CHOSEN, 1)
        self.data, sealed = seal(self.full, folder)
        self.result = sealed.score(self.model, reason)

    def card(self, folder, **changes):
        parts = {
            "build": build,
            "settings": CHOSEN,
            "data": self.data,
            "histories": RUNS,
            "model": self.model,
            "result": self.result,
        }
        return model_card(folder, **{**parts, **changes})


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def written(case, tmp_path_factory):
    return case.card(tmp_path_factory.mktemp("card"), purpose="sorting second-hand clothes")


@pytest.fixture
def undrawn(written, monkeypatch):
    """Cards get the picture that is drawn already: it takes most of the time."""
    monkeypatch.setattr(card_picture, "drawn", lambda *_: written._shown)


def tables(text):
    """Every table of a Markdown text: rows of cells, the heads first, without the rule. Fails where a row has another
    number of cells."""
    found = []
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.strip().splitlines()]
        assert set("".join(rows[1])) <= set(":-") and len({len(row) for row in rows}) == 1, block
        found.append([rows[0], *rows[2:]])
    return found


def table(text, head):
    return next(rows[1:] for rows in tables(text) if head in rows[0])


def texts_of(card):
    figure = card._shown.figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # puts all texts in their place
    renderer = canvas.get_renderer()
    drawn = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return {text: text.get_window_extent(renderer) for text in drawn}, figure.bbox


# What it says


def test_the_test_figure_and_its_stamp(case, written):
    right = int(((case.model.predict(case.full.x_test, verbose=0)[:, 0] > 0.5) == case.full.y_test).sum())
    assert (
        f"{right} of 40 pictures right" in written.text
        and f"**Test accuracy {right / 40:.2f} (between {case.result.low:.2f} and {case.result.high:.2f})**"
        in written.text
    )
    assert (
        f"Opening {case.result.opening} of the test pictures. Reason given: the final figure. {case.result.meaning}"
        in written.text
    )


def test_the_confusion_matrix_counts_the_test_pictures(case, written):
    answers = (case.model.predict(case.full.x_test, verbose=0)[:, 0] > 0.5).astype(int)
    rows = table(written.text, "said Shirt")
    for label, row in enumerate(rows):
        assert row == [
            f"**is {TWO[label]}**",
            *(str(((answers == said) & (case.full.y_test == label)).sum()) for said in (0, 1)),
        ]


def test_the_mistakes_are_those_it_is_most_sure_of(case, written):
    of_shirt = case.model.predict(case.full.x_test, verbose=0)[:, 0].astype(float)
    sure = np.maximum(of_shirt, 1 - of_shirt)
    wrong = np.flatnonzero((of_shirt > 0.5) != case.full.y_test)
    assert f"It gets {len(wrong)} of 40 test pictures wrong." in written.text and len(wrong) >= 8
    rows = table(written.text, "probability")
    assert [int(row[0]) for row in rows] == sorted(wrong, key=lambda number: -sure[number])[:8]
    for number, true, said, probability in rows:
        label = case.full.y_test[int(number)]
        assert (true, said) == (TWO[label], TWO[1 - label]) and probability in (f"{sure[int(number)]:.2f}", "> 0.99")


def test_validation_over_the_seeds(written):
    *rows, mean = table(written.text, "seed")
    assert rows == [["0", "0.410", "2", "0.750"], ["1", "0.430", "3", "0.800"], ["7", "0.480", "1", "0.700"]]
    assert mean[1:] == ["**0.440** (0.410 to 0.480)", "", "**0.750** (0.700 to 0.800)"]
    assert "for 40 pictures: 0.75 (between 0.60 and 0.86)" in written.text and "too good by nature" in written.text


def test_data_network_and_training(case, written):
    assert [row[1] for row in table(written.text, "used for")] == ["60", "40", "40"]
    assert (
        "0 = T-shirt/top, 1 = Shirt" in written.text
        and "Fashion-MNIST" in written.text
        and "MIT licence" in written.text
    )
    assert table(written.text, "setting") == [
        ["learning_rate", "0.002", "chosen"],
        ["activation", "relu", "chosen"],
        ["units", "6", "default"],
    ]
    assert table(written.text, "parameters") == [
        ["Flatten", "784", "0"],
        ["Dense, relu", "6", "4,710"],
        ["Dense, sigmoid", "1", "7"],
        ["**total**", "", "**4,717**"],
    ]
    training = dict(next(rows for rows in tables(written.text) if rows[0] == ["", ""])[1:])
    assert (
        training["optimizer"] == "Adam"
        and training["its learning rate"] == "0.002"
        and training["loss"] == "binary_crossentropy"
    )
    assert training["epochs of each run below"] == "3" and training["updates of this network's weights"] == "0"
    assert (
        "def build(learning_rate=0.001" in written.text
        and "sorting second-hand clothes." in written.text
        and f"Keras {keras.__version__}" in written.text
    )


def test_the_learning_rate_is_that_of_the_network_not_that_of_the_settings(case, tmp_path, undrawn):
    other = build(0.05)
    other.set_weights(case.model.get_weights())
    assert "| its learning rate | 0.05 |" in case.card(tmp_path, model=other).text


def test_settings_of_the_training_count(case, tmp_path, undrawn):
    text = case.card(tmp_path, settings={**CHOSEN, "batch_size": 16, "n_train": 30}).text
    assert "| batch size | 16 |" in text and "| training | 30 |" in text


def test_a_seed_that_diverged_is_told_and_left_out_of_the_mean(case, tmp_path, undrawn):
    nan = [float("nan")] * 3
    text = case.card(
        tmp_path, histories={**RUNS, 9: {"loss": nan, "val_loss": nan, "accuracy": nan, "val_accuracy": nan}}
    ).text
    assert ["9", "diverged: never a number", "", ""] in table(text, "seed") and "**0.440** (0.410 to 0.480)" in text


def test_runs_without_accuracy_and_a_builder_without_source(case, tmp_path, undrawn):
    text = case.card(
        tmp_path, histories={0: {"loss": [0.5, 0.4], "val_loss": [0.6, 0.5]}}, build=functools.partial(build)
    ).text
    assert table(text, "seed")[0] == ["0", "0.500", "2", "–"] and "## The function" not in text


@pytest.mark.parametrize("words", ["a | b", "one\ntwo", "a \\| b", "`x` | *y*", "| - |\n| - |", "<b>&", "$|$", "\r\n|"])
def test_no_sign_in_a_students_words_breaks_a_table(words, case, tmp_path, undrawn):
    result = dataclasses.replace(case.result, reason=f"the final figure {words}")
    text = case.card(tmp_path, settings={words: words}, purpose=words, result=result).text
    chosen = next(rows for rows in tables(text) if rows[0][:2] == ["setting", "value"])
    assert chosen[1][0] == chosen[1][1] and chosen[1][2] == "chosen" and len(chosen) == 5
    assert len(tables(text)) == 7
    headings = re.findall(r"^#+ .*", text, re.MULTILINE)
    assert headings[:3] == ["# Model card: T-shirt/top or Shirt", "## Purpose", "## Data"] and len(headings) == 12


# The files


def test_both_files_are_written_and_nothing_else(case, tmp_path, undrawn):
    card = case.card(tmp_path)
    assert (
        sorted(os.listdir(tmp_path)) == ["model_card.md", "model_card.png"]
        and card.path.parent == card.picture.parent == tmp_path
    )
    assert card.path.read_text(encoding="utf-8") == card.text and card.picture.read_bytes() == card._shown.png
    card = case.card(tmp_path, purpose="another")
    assert "another" in card.path.read_text(encoding="utf-8") and sorted(os.listdir(tmp_path)) == [
        "model_card.md",
        "model_card.png",
    ]


@pytest.mark.parametrize("fails", ["write_bytes", "replace"])
def test_where_the_disk_is_full_the_old_card_stays(case, tmp_path, monkeypatch, fails, undrawn):
    before = case.card(tmp_path)
    kept = before.picture.read_bytes()
    written = []

    def full(self, *given):
        if fails == "write_bytes" and not written:
            written.append(self)
            return Path.open(self, "wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((Path, "write_bytes") if fails == "write_bytes" else (os, "replace")), full)
        with pytest.raises(LessonError, match="disk is full.*still there"):
            case.card(tmp_path, purpose="another")
    assert before.path.read_text(encoding="utf-8") == before.text and before.picture.read_bytes() == kept
    assert sorted(os.listdir(tmp_path)) == ["model_card.md", "model_card.png"]


def test_a_folder_in_the_place_of_the_picture_leaves_the_text_alone(case, tmp_path, undrawn):
    (tmp_path / "model_card.png").mkdir()
    (tmp_path / "model_card.md").write_text("mine")
    with pytest.raises(LessonError, match="there is a folder of that name"):
        case.card(tmp_path)
    assert (tmp_path / "model_card.md").read_text() == "mine"


# What does not belong together


def other_network():
    return call_builder(build, CHOSEN, 2)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"folder": "nowhere/at/all"}, "There is no folder"),
        ({"folder": None}, "There is no folder"),
        ({"histories": {}}, "Here there are none"),
        ({"histories": [RUNS[0]]}, "Here there are none"),
        ({"histories": {0: 3}}, "run of seed 0 cannot be read"),
        ({"histories": {4: {"loss": [1.0]}}}, "seed 4 has no validation loss"),
        ({"histories": {4: {}}}, "seed 4 has no validation loss"),
        ({"settings": "adam"}, "should be a dictionary"),
        ({"result": 0.8}, "test.score"),
        ({"data": data.clothing(["Dress", "Bag"])}, "about T-shirt/top, Shirt, but these data about Dress, Bag"),
        ({"data": data.clothing(["Shirt", "T-shirt"])}, "one and the same data set"),
        ({"data": data.clothing(TWO)}, "about 40 test pictures, but these data have 340"),
        ({"model": other_network}, "answers the test pictures otherwise"),
        ({"model": build}, "the final trained network"),
        ({"model": lambda: many(10)}, "cannot answer the pictures"),
    ],
    ids=lambda given: given if isinstance(given, str) else "".join(given),
)
def test_what_does_not_belong_together_is_refused_and_nothing_written(case, tmp_path, change, words):
    parts = {
        "folder": tmp_path,
        **{name: value() if name == "model" and value is not build else value for name, value in change.items()},
    }
    with pytest.raises(LessonError, match=words):
        case.card(**parts)
    assert not os.listdir(tmp_path)


def test_data_with_their_test_part_will_do(case, tmp_path, undrawn):
    assert case.card(tmp_path, data=case.full).path.exists()


# The picture


def test_what_the_notebook_shows_is_the_same_on_every_machine(case, written, tmp_path):
    other = Case(tmp_path, model=other_network())
    card = other.card(tmp_path, histories={0: RUNS[7]})
    assert card.text != written.text and repr(card) == repr(written) and not re.search(r"\d", repr(card))
    bundle, metadata = written._repr_mimebundle_()
    assert (
        bundle["text/plain"] == repr(written)
        and bundle["image/png"]
        and metadata["image/png"]["alt"] == written.alt
        and written.alt in bundle["text/html"]
    )
    assert all(
        word in written.alt for word in ("T-shirt/top and Shirt", "Learning curves", "confusion matrix", "wrong")
    )


def sure_of_one(classes):
    """A network that gives all pictures the same answer, or (for two) is right about all."""
    model = many(classes)
    model.layers[-1].set_weights([np.zeros((784, classes)), 3.0 * (np.arange(classes) == classes - 1)])
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    "classes",
    [TWO, ("T-shirt/top", "Dress", "Ankle boot"), ("T-shirt/top", "Pullover", "Ankle boot", "Sneaker"), TEN],
    ids=len,
)
def test_no_text_of_the_picture_is_cut_or_touches_another(classes, tmp_path):
    model = sure_of_one(len(classes))
    card = Case(tmp_path, classes, model, per_class=3 if len(classes) > 2 else 20).card(
        tmp_path, build=many, settings={"architecture": "x" * 200}
    )
    boxes, whole = texts_of(card)
    assert len(boxes) > 20
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.width and box.y1 <= whole.height, text
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (one, other)
    assert card.picture.stat().st_size < 100 * 1024


def test_the_picture_shows_the_curves_in_their_colours_and_the_mistakes(case, written):
    picture = np.asarray(Image.open(io.BytesIO(written.picture.read_bytes())).convert("RGB")).astype(int)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (np.abs(picture - colour).max(axis=-1) < 12).sum() > 200
    curves, _, *mistakes = written._shown.figure.axes
    lines = {
        (line.get_color(), line.get_linestyle()): sum(other.get_color() == line.get_color() for other in curves.lines)
        for line in curves.lines
    }
    assert lines == {("#0072B2", "-"): 3, ("#D55E00", "--"): 3}
    drawn = [int(row[0]) for row in table(written.text, "probability")]
    assert len(mistakes) == 8
    for axes, number in zip(mistakes, drawn, strict=True):
        assert np.array_equal(axes.images[0].get_array(), case.full.x_test[number, ..., 0])
        label = case.full.y_test[number]
        assert [text.get_text() for text in axes.texts[:2]] == [f"is {TWO[label]}", f"said {TWO[1 - label]}"]


def test_a_network_without_mistakes_has_a_card_too(tmp_path):
    class Knows(keras.Model):  # the first class's test pictures only, so that one answer is right for all
        def call(self, x):
            return keras.ops.zeros((keras.ops.shape(x)[0], 1))

    model = Knows()
    model(np.zeros((1, 28, 28, 1)))
    full = data.clothing(TWO, n_train=60, n_validation=40)
    few = np.flatnonzero(full.y_test == 0)[:9]
    sealed_data, sealed = seal(
        data.Dataset(full.x, full.y, full.x_test[few], full.y_test[few], full.class_names, 40), tmp_path
    )
    card = model_card(tmp_path, build, {}, sealed_data, RUNS, model, sealed.score(model, "the final figure"))
    assert "It gets 0 of 9 test pictures wrong." in card.text and len(card._shown.figure.axes) == 2
