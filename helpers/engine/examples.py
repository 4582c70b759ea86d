"""The data a student hands over: checked, and split into training and validation as `model.fit` splits them."""

import math

import numpy as np
import tensorflow as tf

from helpers.engine.slips import as_array, check_order, check_pair, no_numbers, refuse_lists
from helpers.errors import LessonError, shorten


def len_of(arrays):
    """The number of examples (rows) in an array, or in a list or dict of arrays of equal length; None for a dataset."""
    return None if isinstance(arrays, tf.data.Dataset) else len(tf.nest.flatten(arrays)[0])


def first_of(x):
    """The first example of arrays, as a batch of one that a network can be called with."""
    return tf.nest.map_structure(lambda a: a[:1] if a.ndim > 1 else a[:1, np.newaxis], x)


def check_examples(x, y, validation=None):
    """Raise a `LessonError` unless x and y (and validation's) have equally many rows, at least one, all finite."""
    for name, part in (("training", (x, y)), ("validation", validation)):
        if part is None:
            continue
        if not isinstance(part, tuple) or len(part) != 2:
            raise LessonError("Validation data are a pair of arrays: (x_val, y_val).")
        refuse_lists(part, f"{name} data")
        given = tf.nest.flatten(part)
        arrays = [as_array(values) for values in given]
        rows = sorted({len(array) if array.ndim else 0 for array in arrays})
        if len(rows) > 1:
            numbers = f"there are {rows[0]} rows in one array and {rows[-1]} in another."
            raise LessonError(f"The {name} data do not belong together: {numbers}")
        if rows[0] == 0:
            raise LessonError(f"There are no {name} data: an array is empty.")
        for values, array in zip(given, arrays, strict=True):
            if array.dtype.kind not in "fiub":
                raise LessonError(no_numbers(values, array, f"{name} data"))
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                what = "values that are not finite numbers (NaN or infinity)"
                raise LessonError(f"The {name} data hold {what}: look where they come from.")


def check_validation(validation, made_by, compares="compares validation losses"):
    """Raise a `LessonError` if there are no validation data, but the function `made_by` needs them."""
    if validation is None:
        raise LessonError(
            f"{made_by} {compares}, and there are no validation data. Give it some:"
            " validation_split=0.2, or (x, y, x_validation, y_validation)."
        )


def training_and_validation(data, validation_split=0.2):
    """`(x, y, (x_validation, y_validation))` from what a lesson calls its data.

    data: a dataset of `helpers.data`; `(x, y)`, whose last `validation_split` (a fraction, counted as `model.fit`
    counts it) becomes validation data; `(x, y, x_validation, y_validation)`; or one or two `tf.data.Dataset`s.
    """
    if hasattr(data, "x_train"):
        return data.x_train, data.y_train, (data.x_val, data.y_val)
    if isinstance(data, tf.data.Dataset):
        return data, None, None
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 4):
        forms = "(x, y), or (x, y, x_validation, y_validation)"
        slip = ""
        if data is None:
            slip = " None were given."
        elif hasattr(data, "shape"):
            slip = " Put x and y into brackets, as one."
        elif callable(data):
            slip = " This is a function: the one that makes the network comes first, then the data."
        raise LessonError(f"The data must be a dataset of helpers.data, or {forms}.{slip}")
    if len(data) == 4:
        x, y, x_val, y_val = parts = [_as_arrays(part) for part in data]
        check_order(*parts)
        return x, y, (x_val, y_val)
    if isinstance(data[0], tf.data.Dataset):
        return data[0], None, data[1]
    check_pair(*data)
    x, y = map(_as_arrays, data)
    check_examples(x, y)
    fraction = isinstance(validation_split, (int, float)) and not isinstance(validation_split, bool)
    if not fraction or not 0 <= validation_split < 1:
        in_percent = fraction and 1 < validation_split < 100
        wanted = "a fraction from 0 up to, but not including, 1"
        percent = f" For {validation_split} % write {validation_split / 100:g}." if in_percent else ""
        raise LessonError(f"validation_split is {wanted}; it is {shorten(repr(validation_split), 60)}.{percent}")
    n = len_of(x)
    split = math.floor(n * (1 - validation_split))
    if split == 0:
        raise LessonError(f"With validation_split={validation_split} none of the {n} examples is left for training.")
    training = tf.nest.map_structure(lambda a: a[:split], (x, y))
    return *training, (tf.nest.map_structure(lambda a: a[split:], (x, y)) if split < n else None)


def _as_arrays(part):
    """A part of the data as an array, or as a dict or a list of arrays; a Python list of numbers becomes one array."""
    if isinstance(part, dict):
        return {name: as_array(values) for name, values in part.items()}
    several = isinstance(part, (list, tuple)) and len(part) > 0
    if several and all(isinstance(values, np.ndarray) and values.ndim for values in part):
        return [np.asarray(values) for values in part]
    array = as_array(part)
    if hasattr(part, "columns") and array.dtype.kind not in "fiub":  # later nobody knows the columns' names
        raise LessonError(no_numbers(part, array, "data"))
    return array
