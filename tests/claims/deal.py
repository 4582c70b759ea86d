"""The lessons' data dealt anew: the same code with other pictures in training, validation and test.

What holds with one deal may be its luck, which is larger than that of a network's first weights. `deal(11)` moves the
seed of every deal that a lesson or its test makes by 11, so that none of them has to know of it. Call it before
anything has taken these functions by name.
"""

import functools

import sklearn.model_selection

from helpers import data


def _moved(function, keyword, by):
    @functools.wraps(function)
    def dealt(*args, **settings):
        seed = settings.get(keyword, 0 if keyword == "seed" else None)
        if seed is not None:  # an order that nobody fixed is another one each time anyway
            settings[keyword] = seed + by
        return function(*args, **settings)

    return dealt


def deal(draw):
    """From now on every seed of a deal is moved by `draw`; with 0 the lessons keep their own pictures."""
    if draw:
        split = _moved(sklearn.model_selection.train_test_split, "random_state", draw)
        sklearn.model_selection.train_test_split = split
        data.digits, data.clothing = (_moved(function, "seed", draw) for function in (data.digits, data.clothing))
