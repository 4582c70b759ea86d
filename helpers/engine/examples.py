"""The data a student hands over: checked, and split into training and validation as `model.fit` splits them."""

import math

import numpy as np
import tensorflow as tf

from helpers.errors import LessonError, shorten

RAGGED = (
    "The rows of the data differ in length, so they do not make an array. Make them equally long, for example with"
    " keras.utils.pad_sequences(rows)."
)


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
        _refuse_lists(part, f"{name} data")
        given = tf.nest.flatten(part)
        arrays = [_array(values) for values in given]
        rows = sorted({len(array) if array.ndim else 0 for array in arrays})
        if len(rows) > 1:
            numbers = f"there are {rows[0]} rows in one array and {rows[-1]} in another."
            raise LessonError(f"The {name} data do not belong together: {numbers}")
        if rows[0] == 0:
            raise LessonError(f"There are no {name} data: an array is empty.")
        for values, array in zip(given, arrays, strict=True):
            if array.dtype.kind not in "fiub":
                raise LessonError(_no_numbers(values, array, f"{name} data"))
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
        _check_order(*parts)
        return x, y, (x_val, y_val)
    if isinstance(data[0], tf.data.Dataset):
        return data[0], None, data[1]
    _check_pair(*data)
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
        return {name: _array(values) for name, values in part.items()}
    several = isinstance(part, (list, tuple)) and len(part) > 0
    if several and all(isinstance(values, np.ndarray) and values.ndim for values in part):
        return [np.asarray(values) for values in part]
    array = _array(part)
    if hasattr(part, "columns") and array.dtype.kind not in "fiub":  # later nobody knows the columns' names
        raise LessonError(_no_numbers(part, array, "data"))
    return array


# Slips in what is handed over


def _array(values):
    try:
        return np.asarray(values)
    except ValueError:
        raise LessonError(RAGGED) from None


def _refuse_lists(part, what):
    """Raise a `LessonError` for plain lists, whose numbers would each count as an array of its own."""
    for values in part:
        if isinstance(values, (list, tuple)) and not all(map(_is_array, values)):
            _array(values)
            raise LessonError(f"The {what} are lists, and must be arrays: np.array(x), np.array(y).")


def _check_pair(x, y):
    """Raise a `LessonError` where x and y are two pairs of arrays, or x is a list of rows that differ in length."""
    pairs = [part if isinstance(part, (tuple, list)) and len(part) == 2 else () for part in (x, y)]
    rows = [[len(half) if _is_array(half) else None for half in pair] for pair in pairs]
    if all(rows) and all(first and first == second for first, second in rows) and rows[0] != rows[1]:
        raise LessonError(
            "These are two pairs, (x, y) and (x_test, y_test), as load_data() returns them. The second pair is the test"
            " set, to be looked at once, at the end: give (x, y), of which validation_split is taken for validation. Is"
            " the second pair for validation? Then give (x, y, x_validation, y_validation)."
        )
    sequences = isinstance(x, (tuple, list)) and all(_is_array(row) and len(row.shape) == 1 for row in x)
    if sequences and hasattr(y, "__len__") and len(x) == len(y) and len(set(map(len, x))) > 1:
        raise LessonError(RAGGED)


def _check_order(*parts):
    """Raise a `LessonError` where (x, y, x_validation, y_validation) are in another order."""
    if not all(map(_is_array, parts)):
        return
    a, b, c, d = parts
    by_rows = len(a) == len(c) != len(b) == len(d)
    by_shape = a.shape[1:] == b.shape[1:] != c.shape[1:] == d.shape[1:]
    if by_rows or by_shape:
        raise LessonError(
            "The data seem to be (x, x_validation, y, y_validation), the order in which train_test_split returns them."
            " Here it is (x, y, x_validation, y_validation)."
        )


def _is_array(part):
    return hasattr(part, "shape") and len(part.shape) > 0


def _no_numbers(given, array, what):
    """What to say of data that are no numbers. given: as it was handed over; what: what to call it."""
    if hasattr(given, "columns"):
        kinds = zip(given.columns, given.dtypes, strict=True)
        names = [repr(column) for column, kind in kinds if getattr(kind, "kind", "O") not in "fiub"]
        if not names:  # numbers of several kinds, some of which only pandas knows
            return f'The {what} must be numbers of one kind. Write x.astype("float32").'
        hold = f"the column {names[0]} holds" if len(names) == 1 else f"the columns {', '.join(names)} hold"
        return (
            f"The {what} must be numbers, but {hold} something else. If it is numbers in other words, write"
            ' x.astype("float32"); if it is text, leave it out or make a column of each word: pandas.get_dummies(x).'
        )
    if array.dtype.kind == "O" and any(isinstance(value, (list, tuple, np.ndarray)) for value in array.flat):
        return RAGGED
    said = f"The {what} must be numbers, but one array holds {array.dtype} values."
    try:
        array.astype("float32")
    except (TypeError, ValueError):
        return (
            f"{said} If these are the names of classes, make numbers of them: names, labels = np.unique(labels,"
            " return_inverse=True)."
        )
    return f'{said} Write .astype("float32") behind it.'
