"""Slips in the data that a student hands over, and data that look like slips and are none."""

import numpy as np
import pandas
import pytest
import tensorflow as tf

from helpers import engine
from helpers.engine.examples import check_examples, training_and_validation
from helpers.errors import LessonError
from tests.networks import digits_network

X, Y = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 2
TEXTS = np.array(["cat", "dog"] * 10)


@pytest.mark.parametrize(
    "data, words",
    [
        (None, "None were given"),
        (X, "Put x and y into brackets"),
        (digits_network, "the one that makes the network comes first"),
        ((X[:12], X[12:], Y[:12], Y[12:]), "train_test_split"),
        ((X[:10], X[10:], Y[:10], Y[10:]), "train_test_split"),
        ((X[:12].tolist(), X[12:].tolist(), Y[:12].tolist(), Y[12:].tolist()), "train_test_split"),
        (((X, Y), (X[:5], Y[:5])), "load_data.*test set"),
        ([[X, Y], [X[:5], Y[:5]]], "load_data"),
        (([[1, 2], [3]], [0, 1]), "differ in length.*pad_sequences"),
        (([np.zeros(3), np.zeros(4), np.zeros(5)], [0, 1, 0]), "differ in length"),
        ((np.array([[1, 2], [3]], dtype=object), [0, 1]), "differ in length"),
        ((pandas.DataFrame(dict(age=X[:, 0], city=TEXTS)), Y), "the column 'city' holds.*float32.*get_dummies"),
        ((pandas.DataFrame(dict(town=TEXTS, age=X[:, 0], city=TEXTS)), Y), "the columns 'town', 'city' hold"),
        ((X, TEXTS), "must be numbers.*np.unique.labels, return_inverse=True"),
        ((X, TEXTS.astype(object)), "np.unique"),
        ((X, Y.astype(str)), 'must be numbers.*Write .astype."float32"'),
    ],
)
def test_slips_in_the_data_are_told_in_words(data, words):
    with pytest.raises(LessonError, match=words):
        training_and_validation(data)


@pytest.mark.parametrize(
    "split, words", [(20, "For 20 % write 0.2."), (33.5, "For 33.5 % write 0.335."), (1, "is 1.$")]
)
def test_a_split_in_percent_is_told_as_a_share(split, words):
    with pytest.raises(LessonError, match=words):
        training_and_validation((X, Y), split)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (X, Y, X[:5], Y[:5]),
        (X, Y, X, Y),
        (X, X, X[:5], X[:5]),  # an autoencoder
        (Y, Y, Y[:5], Y[:5]),
        ([X, X], [Y, Y]),  # two inputs, two outputs
        ((X, X), (Y, Y)),
        ([X, Y], Y),
        ({"a": X}, Y),
        (X.tolist(), Y.tolist()),
        ([[1, 2], [3, 4]], [[0, 1], [1, 0]]),
        ([np.zeros(3), np.ones(3), np.ones(3)], [0, 1, 0]),
        (tf.constant(X), tf.constant(Y)),
    ],
)
def test_data_in_any_right_form_are_taken(data):
    x, _, validation = training_and_validation(data)
    assert len(tf.nest.flatten(x)[0]) > 0 and validation is not None


@pytest.mark.parametrize(
    "x, y, words", [([[1, 2], [3]], Y, "differ in length"),
                    (pandas.DataFrame(dict(city=TEXTS)), Y, "data must be numbers, but the column 'city'")]
)  # fmt: skip
def test_fit_tells_them_too(x, y, words):
    with pytest.raises(LessonError, match=words):
        engine.fit(digits_network(), x, y)


def test_lists_of_arrays_are_several_inputs():
    check_examples([X, X], (Y, Y), ([X, X], (Y, Y)))
