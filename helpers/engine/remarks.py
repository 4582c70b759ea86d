"""What is legal but strange in a network and its labels: what finds it returns a sentence, or ""."""

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import name_of
from helpers.engine.known import (
    BINARY,
    ONE_HOT,
    REGRESSION,
    ROUNDED,
    add_up_to_one,
    ends_in_softmax,
    has_columns,
    is_one_hot,
    learning_rate_of,
    units_of,
)
from helpers.engine.structure import layers_of
from helpers.errors import at, line_of_call


def trained_before(model, build):
    steps = getattr(model.optimizer, "iterations", None)
    # Keras leaves both behind in a network that it has trained, and not in one that was loaded from a file.
    trained = isinstance(getattr(model, "history", None), keras.callbacks.History)
    trained = trained or (getattr(model, "train_function", None) is not None and steps is not None and int(steps) > 0)
    if not trained:
        return ""
    return (
        f"The network that {name_of(build)}() returns has been trained already, before the panel trains it, perhaps on"
        " what is now for validation, so its curves do not begin at the start: leave out fit."
    ) + at(line_of_call(build, "fit"))


def _everything_dropped(known):
    for part in [part for layer in layers_of(known.model) for part in layer._flatten_layers()]:
        rates = {
            "rate": getattr(part, "rate", 0) if "Dropout" in type(part).__name__ else 0,
            **{name: getattr(part, name, 0) for name in ("dropout", "recurrent_dropout")},
        }
        for name, rate in rates.items():
            if isinstance(rate, (int, float)) and rate >= 1:
                return (
                    f"In the layer {part.name}, {name} is 1: while training nothing gets through. It is a share, for"
                    " 25 % write 0.25."
                )
    return ""


def _rows_that_do_not_add_up_to_one(known):
    if not units_of(known) or not has_columns(known.y):
        return ""
    others = int((abs(known.y.sum(axis=1, dtype=float) - 1) > ROUNDED).sum())
    if not others:
        return ""
    return (
        f"In {others} of the {len(known.y)} label rows the numbers do not add up to 1, as {known.loss} takes for"
        " granted. Can an example have several labels at once? Then use sigmoid and binary_crossentropy."
    )


def _classes_for_binary_crossentropy(known):
    y = known.y
    if not isinstance(y, np.ndarray) or known.outputs is None or known.outputs[-1] in (1, None):
        return ""
    softmax = ends_in_softmax(known.model)
    itself = isinstance(known.x, np.ndarray) and known.x.shape == y.shape  # an autoencoder
    one_hot = not itself and is_one_hot(y)
    if softmax and (one_hot or y.ndim != 2 or add_up_to_one(y)):
        return (
            f"The loss {known.loss} looks at each output by itself, but a softmax makes them add up to 1: the loss that"
            " belongs to it is categorical_crossentropy."
        )
    if softmax:
        return (
            f"A softmax makes the outputs of an example add up to 1, but here an example can have several labels, or"
            f" none: with {known.loss} use a sigmoid."
        )
    if one_hot:
        return (
            f"Each label row has exactly one 1, so the classes exclude each other, and {known.loss} does not know that:"
            " a softmax with categorical_crossentropy does."
        )
    return ""


def _accuracy_of_a_regression(known):
    y, metrics = known.y, getattr(known.model, "_compile_metrics", None)
    given = tf.nest.flatten([getattr(metrics, "_user_metrics", None), getattr(metrics, "_user_weighted_metrics", None)])
    asked = any(each in ("accuracy", "acc") if isinstance(each, str) else _is_accuracy(each) for each in given)
    if not asked or not isinstance(y, np.ndarray) or not y.size:
        return ""
    if np.isin(y, (-1, 0, 1)).all() or (has_columns(y) and add_up_to_one(y)):  # classes, or shares of them
        return ""
    return (
        f"Accuracy counts answers that are exactly right, and says nothing of a regression ({known.loss}): ask for"
        ' metrics=["mae"], the mean distance, instead.'
    )


def _is_accuracy(metric):
    kind = metric if isinstance(metric, type) else type(metric)
    return "Accuracy" in kind.__name__ and kind.__module__.startswith("keras.")


# Losses it is about (None: all), and what finds it.
def _learning_rate_of_nothing(known):
    if known.callbacks or learning_rate_of(known.model) != 0:
        return ""
    return "The learning rate is 0, so nothing is learned: 0.001 is a usual one."


REMARKS = (
    (None, _learning_rate_of_nothing),
    (None, _everything_dropped),
    (ONE_HOT, _rows_that_do_not_add_up_to_one),
    (BINARY, _classes_for_binary_crossentropy),
    (REGRESSION, _accuracy_of_a_regression),
)
