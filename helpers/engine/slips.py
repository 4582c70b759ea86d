"""Slips in the data that a student hands over: lists for arrays, another order, words for numbers."""

import numpy as np

from helpers.errors import LessonError

RAGGED = (
    "The rows of the data differ in length, so they do not make an array. Make them equally long, for example with"
    " keras.utils.pad_sequences(rows)."
)


def as_array(values):
    """`values` as a NumPy array; raises a `LessonError` for rows that differ in length."""
    try:
        return np.asarray(values)
    except ValueError:
        raise LessonError(RAGGED) from None


def is_text(array):
    """Whether every value of a NumPy array is text, which some layers of Keras read (`TextVectorization`)."""
    words = array.dtype.kind == "O" and array.size and all(isinstance(value, (str, bytes)) for value in array.flat)
    return array.dtype.kind in "US" or bool(words)


def check_pair(x, y):
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


def check_order(*parts):
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


def no_numbers(given, array, what):
    """What to say of data that are no numbers. given: as it was handed over; what: what to call it."""
    if hasattr(given, "columns"):
        kinds = zip(given.columns, given.dtypes, strict=True)
        names = [repr(column) for column, kind in kinds if getattr(kind, "kind", "O") not in "fiub"]
        hold = f"the column {names[0]} holds" if len(names) == 1 else f"the columns {', '.join(names)} hold"
        return (
            f"The {what} must be numbers, but {hold} something else. Numbers that were read as text become numbers"
            ' again with x.astype("float32"); words become a column each with pandas.get_dummies(x, dtype="float32").'
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


def _is_array(part):
    return hasattr(part, "shape") and len(part.shape) > 0
