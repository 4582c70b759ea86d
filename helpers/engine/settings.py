"""The settings of a training: which are the builder's and which its own, and what is wrong with them, in words."""

import inspect

import keras
import numpy as np

from helpers.engine.builder import keywords, name_of
from helpers.errors import LessonError

OF_TRAINING = ("epochs", "batch_size", "n_train", "seed")  # these belong to the training, all others to the builder
DEFAULTS = {"batch_size": 32, "seed": 0}  # as in `fit`, and the first of seeds


def of_builder(build, settings):
    """Those of the settings that are for the builder, as a dict."""
    takes = keywords(build)
    return {keyword: value for keyword, value in settings.items() if keyword not in OF_TRAINING or keyword in takes}


def of_training(settings):
    """Those of the settings that are for `Trainer.run`, as a dict; what the builder takes as well is in both."""
    return {keyword: settings[keyword] for keyword in OF_TRAINING if keyword in settings}


def is_same(value, other):
    """Whether two values of a setting are the same; True is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and np.array_equal(value, other)


def check_builder(build, made_by):
    """Raise a `LessonError` unless `build` can be called; made_by: the function that the student has called."""
    if isinstance(build, keras.Model) or not callable(build):
        raise LessonError(
            f"{made_by} needs the function that makes the network, not the network: leave out the brackets,"
            f" {made_by}(build, …)."
        )


def check_keywords(build, given, take_out, or_else, known=OF_TRAINING):
    """Raise a `LessonError` for a keyword in `given` that `build` does not take, or one it needs that is not given.

    known: what the training takes. take_out, or_else: how to mend the first and the second, with {} for the keyword.
    """
    parameters = inspect.signature(build).parameters.values()
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    takes, name = keywords(build), name_of(build)
    for keyword in given:
        if keyword not in (*known, *takes) and not (anything and isinstance(keyword, str)):
            raise LessonError(
                f"Your function {name}({', '.join(takes)}) has no keyword {keyword!r}. Write it into the function's"
                f" first line (def {name}({', '.join([*takes, f'{keyword}=…'])}):) and use it inside, or take"
                f" {take_out.format(keyword)}."
            )
    for keyword, default in takes.items():
        if keyword not in given and default is inspect.Parameter.empty:
            raise LessonError(
                f"Your function {name}() needs a value for {keyword!r}: give it a default, or"
                f" {or_else.format(keyword)}."
            )
