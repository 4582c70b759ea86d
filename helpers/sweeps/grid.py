"""The grid of a sweep: what may be in it, told before anything is trained."""

import inspect
import math
from numbers import Integral

import keras
import numpy as np

from helpers.engine.builder import keywords
from helpers.errors import LessonError, shorten

OF_TRAINING = ("batch_size", "n_train")  # these belong to the training, all other keywords to the builder
BATCH_SIZE = 32  # where the grid has none, as in `fit`
MOST_SETTINGS = 1000  # each of them is built before training: more would look like a hang


def settings_in_words(settings):
    return ", ".join(f"{name}={shorten(repr(value), 60)}" for name, value in settings.items())


def of_builder(build, settings):
    """Those of the settings that are for the builder, as a dict."""
    takes = keywords(build)
    return {keyword: value for keyword, value in settings.items() if keyword not in OF_TRAINING or keyword in takes}


def check_numbers(seeds, epochs):
    """Raise a `LessonError` unless `seeds` is a list of whole numbers, none of them twice, and `epochs` is one of at
    least 1."""
    if _is_no_count(epochs, 1):
        raise LessonError(f"epochs must be a whole number of at least 1; it is {epochs!r}.")
    if not isinstance(seeds, (list, tuple, range, np.ndarray)) or len(seeds) == 0:
        raise LessonError(
            f"seeds is a list of at least one whole number, for example seeds=(0, 1, 2); here it is {seeds!r}."
        )
    for seed in seeds:
        if _is_no_count(seed, 0):
            raise LessonError(f"A seed is a whole number of at least 0; {seed!r} in seeds is none.")
    if len(set(seeds)) < len(seeds):
        raise LessonError(
            f"seeds={seeds!r} has a seed twice, which would train the same run twice. Leave each in once."
        )


def _is_no_count(value, least):
    return isinstance(value, bool) or not isinstance(value, Integral) or value < least


def check_grid(build, grid, available):
    """The grid as {keyword: list of values}; raises a `LessonError` for a mistake in it. available: the number of
    training examples."""
    example = '{"learning_rate": [0.001, 0.01]}'
    if isinstance(build, keras.Model) or not callable(build):
        raise LessonError(
            "sweep needs the function that makes the network, not the network: leave out the brackets, sweep(build, …)."
        )
    if not isinstance(grid, dict) or not grid:
        raise LessonError(
            f"The grid is a dictionary of keywords and lists of values, such as {example};"
            f" here it is {shorten(repr(grid), 60)}."
        )
    takes, name = keywords(build), getattr(build, "__name__", "build")
    anything = any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(build).parameters.values()
    )
    for keyword in grid:
        if keyword in ("epochs", "seed", "seeds") and keyword not in takes:
            raise LessonError(
                f"{keyword} is no keyword for the grid: all settings are trained alike,"
                " sweep(…, seeds=(0, 1, 2), epochs=20)."
            )
        if keyword not in (*OF_TRAINING, *takes) and not (anything and isinstance(keyword, str)):
            raise LessonError(
                f"Your function {name}({', '.join(takes)}) has no keyword {keyword!r}. Write it into the function's"
                f" first line (def {name}({', '.join([*takes, f'{keyword}=…'])}):) and use it inside, or take"
                f" {keyword!r} out of the grid."
            )
    for keyword, default in takes.items():
        if keyword not in grid and default is inspect.Parameter.empty:
            raise LessonError(
                f"Your function {name}() needs a value for {keyword!r}: give it a default, or a list of values in the"
                " grid."
            )
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
        if any(
            isinstance(value, bool) == isinstance(other, bool) and np.array_equal(value, other)
            for other in values[:number]
        ):
            raise LessonError(
                f"The grid has the value {shorten(repr(value), 60)} twice for {keyword}. Leave each value in once."
            )
        if keyword in OF_TRAINING and _is_no_count(value, 1):
            raise LessonError(f"{keyword} needs whole numbers of at least 1; {value!r} in the grid is none.")
        if keyword == "n_train" and value > available:
            raise LessonError(
                f"n_train goes up to {value} in the grid, but there are only {available} training examples."
            )
    return values
