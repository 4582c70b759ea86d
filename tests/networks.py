"""Small networks and data that several tests share."""

import keras
import numpy as np
from keras import layers

from helpers import data

DIGITS = data.digits(one_hot=True)


def digits_network(dropout=0.2, width=64, learning_rate=0.001):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(width, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def clothing_network(dropout=0.25):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(5, 3, activation="relu"),
            layers.Dropout(dropout),
            layers.Conv2D(15, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def few_digits(n=300, n_validation=100):
    """(x, y, validation) of a few digits, one-hot; 300 is no multiple of 32: the last batch is a partial one."""
    return DIGITS.x_train[:n], DIGITS.y_train[:n], (DIGITS.x_val[:n_validation], DIGITS.y_val[:n_validation])


def largest_difference(history, other):
    """The largest absolute difference between two history dicts with the same keys."""
    assert set(history) == set(other)
    return max(np.abs(np.array(history[name]) - np.array(other[name])).max() for name in history)
