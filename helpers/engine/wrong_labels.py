"""What labels cannot be to a loss and a last layer: what finds it returns a sentence, or ""."""

import numpy as np

from helpers.engine.known import (
    BINARY,
    NUMBER_BY_NUMBER,
    ONE_HOT,
    ROUNDED,
    SPARSE,
    ends_in_softmax,
    fits,
    has_columns,
    is_one_hot,
    units_of,
)
from helpers.engine.wrong_network import LAST_LAYER, SWAPPED


def _single_numbers_for_one_hot(known):
    if units_of(known) and not has_columns(known.y):
        return (
            f"The loss {known.loss} needs one-hot labels (one column per class), but the {known.labels} are"
            " single numbers. Use one-hot labels, or the loss sparse_categorical_crossentropy."
        )
    return ""


def _other_columns_than_units(known):
    units = units_of(known)
    if units and has_columns(known.y) and known.y.shape[1] != units:
        columns = known.y.shape[1]
        return (
            f"The last layer has {units} outputs, but the one-hot {known.labels} have {columns} columns, one per class."
            f" Give the last layer {columns} units.{_if_swapped(known)}"
        )
    return ""


def _one_hot_for_single_numbers(known):
    if units_of(known) and has_columns(known.y):
        return (
            f"The loss {known.loss} needs labels that are single numbers, but the {known.labels} are one-hot."
            " Use the loss categorical_crossentropy."
        )
    return ""


def _labels_out_of_range(known):
    units = known.outputs[-1] if known.outputs else None
    if not units or not isinstance(known.y, np.ndarray):
        return ""
    ignored = getattr(known.model.loss, "ignore_class", None)
    counted = known.y if ignored is None else known.y[known.y != ignored]
    low, high = (int(counted.min()), int(counted.max())) if counted.size else (0, 0)
    if low >= 0 and high < units:
        return ""
    mend = f"Give the last layer {high + 1} units."
    if low < 0:
        mend = "Labels are numbers of classes, counted from 0."
    elif low > 0 and high - low < units:
        mend = f"Classes are counted from 0: take {low} from each label, y - {low}."
    return f"The {known.labels} run from {low} to {high}, but the last layer has {units} outputs. {mend}"


def _labels_that_are_no_shares(known):
    y = known.y
    if not isinstance(y, np.ndarray) or not y.size or (y.min() >= -ROUNDED and y.max() <= 1 + ROUNDED):
        return ""
    low, high, values = y.min(), y.max(), np.unique(y)
    mend = "Scale them, or use a loss for numbers of any size, such as mean_squared_error."
    if len(values) == 2:
        mend = f"Make them 0 and 1: (y == {high:g}).astype(int)."
    elif low >= 0 and high == 255:
        mend = "Divide them by 255."
    elif low >= 0 and np.array_equal(values, values.astype(int)) and y.ndim <= 2 and not has_columns(y):
        mend = (
            "For more than two classes use the loss sparse_categorical_crossentropy, and a last layer with a softmax"
            f" and {int(high) + 1} units."
        )
    return (
        f"The loss {known.loss} needs labels from 0 to 1, but the {known.labels} run from {low:g} to {high:g}."
        f" {mend}{_if_swapped(known)}"
    )


def _labels_of_another_shape(known):
    """Where shapes can be stretched to each other, Keras compares every output with the numbers of other examples."""
    if known.outputs is None or not isinstance(known.y, np.ndarray):
        return ""
    outputs, label = known.outputs, known.y.shape[1:] or (1,)
    if fits(outputs, label):
        return ""
    if known.loss in BINARY and known.y.ndim == 1 and len(outputs) == 1:
        return (
            f"The loss {known.loss} compares one output with each label, but the last layer has {outputs[0]} outputs."
            " Give the last layer 1 unit with a sigmoid."
        )
    wrong = f"The loss {known.loss} compares each output with one number of the label, but"
    if len(outputs) == len(label) == 1:
        numbers, units = _count(label[0], "number"), _count(label[0], "unit")
        wrong = (
            f"{wrong} the last layer has {_count(outputs[0], 'output')}, and each of the {known.labels} has {numbers}."
            f" Give the last layer {units}."
        )
        return wrong + (_if_swapped(known) or _if_classes(known))
    one_each = " For one answer to each example, put Flatten or a pooling layer before the last one." * (
        len(outputs) > len(label)
    )
    return (
        f"{wrong} the last layer gives outputs of shape {outputs}, and each of the {known.labels} has shape"
        f" {label}.{one_each}"
    )


def _if_swapped(known):
    """Where x looks like labels and y does not: a network without an Input takes whatever it gets first."""
    x, y = known.x, known.y
    if not isinstance(x, np.ndarray) or y.ndim < 2 or y.shape[1] == 1 or is_one_hot(y):
        return ""
    return SWAPPED if x.ndim == 1 or is_one_hot(x) else ""


def _if_classes(known):
    classes = known.y.ndim == 1 and known.y.dtype.kind in "iu" and ends_in_softmax(known.model)
    return " Are the labels classes? Then use the loss sparse_categorical_crossentropy." if classes else ""


def _count(number, name):
    return f"{number} {name}" + "s" * (number != 1)


# Losses it is about (None: all), what finds it, and which calls in the builder to look at.
WRONG = (
    (ONE_HOT, _single_numbers_for_one_hot, ("compile",)),
    (ONE_HOT, _other_columns_than_units, LAST_LAYER),
    (SPARSE, _one_hot_for_single_numbers, ("compile",)),
    (SPARSE, _labels_out_of_range, LAST_LAYER),
    (BINARY, _labels_that_are_no_shares, ("compile",)),
    (NUMBER_BY_NUMBER, _labels_of_another_shape, LAST_LAYER),
)
