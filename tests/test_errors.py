"""What is kept of an error's message, and what is said to try."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import engine
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError, shorten

X, Y = np.random.default_rng(0).normal(size=(16, 3)), np.arange(16) % 2
WORDS = np.arange(32).reshape(16, 2)


def in_batches(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)  # of which nothing can be told before


def too_few_words():
    model = keras.Sequential([keras.Input((2,)), layers.Embedding(30, 4), layers.Flatten(), layers.Dense(1)])
    model.compile(loss="mse")
    return model


def too_few_classes():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def in_text(y_true, y_pred):
    return "good"


def nothing(y_true, y_pred):
    return None


class Verdict(keras.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return "good"


def asks_for(metric):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(loss="mse", metrics=[metric])
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    "build, data, said",
    [
        (
            too_few_words,
            (in_batches(WORDS, Y),),
            ["] = 3", "is not in [0, 30)", "input_dim larger", "Embedding(30, 4)"],
        ),
        (too_few_classes, (in_batches(X, Y + 1),), ["label value of 2", "valid range of [0, 2)", "Dense(2"]),
        (lambda: asks_for(in_text), (X, Y), ["string to float", "return numbers"]),
        (lambda: asks_for(nothing), (X, Y), ["None values", "return numbers"]),
        (lambda: asks_for(Verdict(name="verdict")), (X, Y), ["The metric verdict gives a text"]),
    ],
)
def test_what_only_training_finds_out_is_told_with_its_reason(build, data, said):
    with pytest.raises(LessonError) as caught:
        Trainer(build, *data).run({}, 1)
    for words in said:
        assert words in str(caught.value)
    assert "Graph execution" not in str(caught.value)


@pytest.mark.slow
def test_fit_gives_the_reason_too():
    with pytest.raises(LessonError, match="could not be trained: .*string to float.*Try this.*return numbers"):
        engine.fit(asks_for(in_text), X, Y)


def test_of_an_error_in_a_graph_the_reason_is_kept():
    places = "".join(f'  File "/somewhere/{name}.py", line 3, in call\n\n' for name in ("cell", "keras"))
    text = f"Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n{places}"
    assert shorten(f"{text}indices[0,2] = 66 is not in [0, 50)\n\t [[{{{{node a/b}}}}]] [Op:c]") == (
        "indices[0,2] = 66 is not in [0, 50)"
    )
    assert shorten("Graph execution error:") == "Graph execution error:"


def test_a_rate_in_percent_is_told_as_a_share():
    def build(dropout=0.2):
        return keras.Sequential([layers.Dropout(dropout)])

    with pytest.raises(LessonError, match=r"for 25 % write 0.25.*Look at line \d+ .*Dropout\(dropout\)"):
        Trainer(build, X, Y).run({"dropout": 25}, 1)
