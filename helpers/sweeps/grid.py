"""The grid of a sweep: what may be in it, told before anything is trained."""

import math

import numpy as np

from helpers.engine.builder import keywords
from helpers.engine.settings import check_builder, check_keywords, is_same
from helpers.errors import LessonError, is_whole, shorten

OF_TRAINING = ("batch_size", "n_train")  # what else there is to set of the training is alike in all settings
MOST_SETTINGS = 1000  # each of them is built before training: more would look like a hang


def settings_in_words(settings):
    return ", ".join(f"{name}={shorten(repr(value), 60)}" for name, value in settings.items())


def check_numbers(seeds, epochs):
    """Raise a `LessonError` unless `seeds` is a list of different whole numbers, and `epochs` one of at least 1."""
    if not is_whole(epochs, 1):
        raise LessonError(f"epochs must be a whole number of at least 1; it is {epochs!r}.")
    if not isinstance(seeds, (list, tuple, range, np.ndarray)) or len(seeds) == 0:
        raise LessonError(
            f"seeds is a list of at least one whole number, for example seeds=(0, 1, 2); here it is {seeds!r}."
        )
    for seed in seeds:
        if not is_whole(seed, 0):
            raise LessonError(f"A seed is a whole number of at least 0; {seed!r} in seeds is none.")
    if len(set(seeds)) < len(seeds):
        twice = "has a seed twice, which would train the same run twice"
        raise LessonError(f"seeds={seeds!r} {twice}. Leave each in once.")


def check_grid(build, grid, available):
    """The grid as {keyword: list of values}; raises a `LessonError` for a mistake. available: how many to train on."""
    example = '{"learning_rate": [0.001, 0.01]}'
    check_builder(build, "sweep")
    if not isinstance(grid, dict) or not grid:
        raise LessonError(
            f"The grid is a dictionary of keywords and lists of values, such as {example};"
            f" here it is {shorten(repr(grid), 60)}."
        )
    for keyword in ("epochs", "seed", "seeds"):
        if keyword in grid and keyword not in keywords(build):
            raise LessonError(
                f"{keyword} is no keyword for the grid: all settings are trained alike,"
                " sweep(…, seeds=(0, 1, 2), epochs=20)."
            )
    check_keywords(build, grid, "{!r} out of the grid", "a list of values in the grid", known=OF_TRAINING)
    grid = {keyword: _check_values(keyword, values, available) for keyword, values in grid.items()}
    size = math.prod(map(len, grid.values()))
    if size > MOST_SETTINGS:
        raise LessonError(
            f"The grid makes {size} settings, the product of the lengths of its lists; {MOST_SETTINGS} are the most."
            " Shorten the lists."
        )
    return grid


def _check_values(keyword, values, available):
    if not isinstance(values, (list, range, np.ndarray)):
        meant = list(values) if isinstance(values, tuple) else [values]
        raise LessonError(
            f"The grid needs a list of values for {keyword}, in square brackets: {keyword!r}: {shorten(meant, 60)}."
        )
    if len(values) == 0:
        raise LessonError(f"{keyword!r}: [] in the grid leaves nothing to choose from: put the values into the list.")
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    for number, value in enumerate(values):
        if any(is_same(value, other) for other in values[:number]):
            twice = f"the value {shorten(repr(value), 60)} twice for {keyword}"
            raise LessonError(f"The grid has {twice}. Leave each value in once.")
        if keyword in OF_TRAINING and not is_whole(value, 1):
            raise LessonError(f"{keyword} needs whole numbers of at least 1; {value!r} in the grid is none.")
        if keyword == "n_train" and value > available:
            there = f"there are only {available} training examples"
            raise LessonError(f"n_train goes up to {value} in the grid, but {there}.")
    return values
