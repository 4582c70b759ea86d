"""What is legal but strange in a network is said by every part that trains it from one setting, or from several."""

import keras
import numpy as np
import pytest
from keras import layers

from helpers.parts.chooser import Chooser
from helpers.parts.explore import Panel
from helpers.parts.multiples import Multiples
from helpers.parts.ribbon import Ribbon

REMARK = "says nothing of a regression"
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3)).astype("float32")
DATA = X[:40], X[:40].sum(1), X[40:], X[40:].sum(1)
PARTS = {
    "explore": lambda build: Panel(build, DATA, forms={"epochs": 1}),
    "ribbon": lambda build: Ribbon(build, DATA, {"width": 4}, seeds=2, forms={"epochs": 1}),
    "multiples": lambda build: Multiples(build, DATA, {"a": {"width": 2}, "b": {"width": 4}}, forms={"epochs": 1}),
    "choose": lambda build: Chooser(build, DATA, {"width": [2, 4]}, seeds=(0,), epochs=1),
}


def regression(width=2, metric="accuracy"):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(width), layers.Dense(1)])
    model.compile("adam", loss="mse", metrics=[metric])
    return model


def sensible(width=2):
    return regression(width, "mae")


@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
def test_a_remark_is_said_once_by_every_part_that_trains(make):
    for build, times in ((regression, 1), (sensible, 0)):
        part = make(build)
        part.run()
        said = part._words.value
        part.close()
        assert part.state == "done" and said.count(REMARK) == times, said
