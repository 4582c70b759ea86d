"""The data a student hands over: checked, and split into training and validation as `model.fit` splits them."""

import math
from types import GeneratorType

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.slips import as_array, check_order, check_pair, is_text, no_numbers
from helpers.errors import LessonError, shorten

BATCHES = (tf.data.Dataset, keras.utils.PyDataset, GeneratorType)
MOST_OF_SPARSE = 2**30  # bytes that the zeros of a sparse matrix may take


def is_dataset(x):
    """Whether `x` brings its targets with it, in batches: a `tf.data.Dataset` or another of `BATCHES`, or a loader."""
    return isinstance(x, BATCHES) or type(x).__module__.startswith(("torch.utils.data", "grain"))


def len_of(arrays):
    """The number of examples (rows) in an array, or in a list or dict of arrays of equal length; None for a dataset."""
    return None if is_dataset(arrays) else len(tf.nest.flatten(arrays)[0])


def as_arrays(part):
    """A part of the data as `model.fit` takes it: an array, or a dict, list or tuple of arrays.

    A Series of pandas becomes a column, a DataFrame a matrix; a sparse matrix of SciPy is filled with its zeros; a
    Python list of numbers becomes one array, and so does one of texts. Raises `LessonError` for a sparse matrix that
    memory cannot hold.
    """
    if isinstance(part, dict):
        return {name: as_arrays(values) for name, values in part.items()}
    if isinstance(part, (list, tuple)) and part and all(getattr(values, "ndim", 0) for values in part):
        return [as_arrays(values) for values in part]
    if hasattr(part, "toarray"):
        return _filled(part)
    if hasattr(part, "to_numpy"):
        array = part.to_numpy()
        if array.dtype == object:  # columns of several kinds, or some that may have gaps
            array = _as_numbers(part, array)
        if hasattr(part, "columns") and array.dtype.kind not in "fiub":  # later nobody knows the columns' names
            raise LessonError(no_numbers(part, array, "data"))
        return array[:, np.newaxis] if array.ndim == 1 else array
    array = as_array(part)
    return array.astype(object) if array.dtype.kind in "US" else array  # as TensorFlow takes texts


def _filled(sparse):
    """A sparse matrix with its zeros written out."""
    size = math.prod(sparse.shape) * sparse.dtype.itemsize
    if size > MOST_OF_SPARSE:
        raise LessonError(
            f"The sparse matrix of shape {sparse.shape} would take {size / 2**30:.1f} GB with its zeros, which all of"
            " training here needs. Take fewer columns, for example TfidfVectorizer(max_features=2000), or fewer rows."
        )
    return sparse.toarray()


def _as_numbers(table, array):
    try:
        return table.astype("float32").to_numpy()
    except (TypeError, ValueError):
        return array  # it holds something else, which `as_arrays` tells


def weights_of(y, sample_weight=None, class_weight=None):
    """The weight of each example, shape (n,), as `model.fit` makes it of its arguments; None if it has none.

    y: the labels, numbers or one-hot. sample_weight: numbers of shape (n,), or one such array for each output.
    class_weight: {class: weight}; a class that it leaves out weighs 1.
    """
    if sample_weight is not None and class_weight is not None:
        raise LessonError("sample_weight and class_weight cannot be given together: multiply them yourself into one.")
    if class_weight is not None:
        return _weights_of_classes(y, class_weight)
    if sample_weight is None:
        return None
    weights, outputs = as_arrays(sample_weight), isinstance(y, (list, tuple, dict))
    if outputs and not isinstance(weights, (list, tuple, dict)):
        return tf.nest.map_structure(lambda _: weights, y)
    return weights


def _weights_of_classes(y, class_weight):
    if isinstance(y, (list, tuple, dict)):
        raise LessonError("class_weight is for a network with one output; give sample_weight, one array per output.")
    if not hasattr(class_weight, "get"):
        raise LessonError(
            "class_weight is a dict with the weight of each class, {0: 1.0, 1: 5.0}; it is"
            f" {type(class_weight).__name__} {str(class_weight)[:60]}."
        )
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = labels.argmax(axis=-1) if labels.shape[-1] != 1 else labels[..., 0]
    classes, places = np.unique(np.round(labels).astype(int), return_inverse=True)
    return np.array([class_weight.get(int(each), 1.0) for each in classes], "float32")[places.reshape(labels.shape)]


def with_weights(x, validation, sample_weight):
    """`(weights, validation)`: the weights of `x`; where there are as many as all examples, the rest for validation.

    validation: `(x, y)` or None; it gets its weights as a third part.
    """
    if sample_weight is None:
        return None, validation
    weights, n = as_arrays(sample_weight), len_of(x)
    given, in_all = len_of(weights), n + (0 if validation is None else len_of(validation[0]))
    if given not in (n, in_all):
        raise LessonError(f"sample_weight has {given} numbers, one for each example, but there are {in_all} examples.")
    if given == n:
        return weights, validation
    first, rest = (tf.nest.map_structure(lambda a, part=part: a[part], weights) for part in (slice(n), slice(n, None)))
    return first, (*validation, rest)


def first_of(x):
    """The first example of arrays, as a batch of one that a network can be called with."""
    return tf.nest.map_structure(lambda a: a[:1] if a.ndim > 1 else a[:1, np.newaxis], x)


def check_examples(x, y, validation=None, sample_weight=None):
    """Raise a `LessonError` unless x and y (and validation's) have equally many rows, at least one, all finite.

    x may hold texts: whether the network reads them, `helpers.engine.wrong_network` tells.
    """
    training = tuple(part for part in (x, y, sample_weight) if part is not None)
    for name, part in (("training", training), ("validation", validation)):
        if part is None or is_dataset(part):
            continue
        if not isinstance(part, (tuple, list)) or len(part) not in (2, 3) and part is validation:
            raise LessonError("Validation data are a pair of arrays: (x_val, y_val).")
        given = tf.nest.flatten(part)
        arrays = [as_array(values) for values in given]
        rows = sorted({len(array) if array.ndim else 0 for array in arrays})
        if len(rows) > 1:
            numbers = f"there are {rows[0]} rows in one array and {rows[-1]} in another."
            raise LessonError(f"The {name} data do not belong together: {numbers}")
        if rows[0] == 0:
            raise LessonError(f"There are no {name} data: an array is empty.")
        of_x = len(tf.nest.flatten(part[0]))
        for place, (values, array) in enumerate(zip(given, arrays, strict=True)):
            if array.dtype.kind not in "fiub" and not (place < of_x and is_text(array)):
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
    counts it) becomes validation data; `(x, y, x_validation, y_validation)`; or one or two of what `is_dataset`.
    """
    if hasattr(data, "x_train"):
        return data.x_train, data.y_train, (data.x_val, data.y_val)
    if is_dataset(data):
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
        x, y, x_val, y_val = parts = [as_arrays(part) for part in data]
        check_order(*parts)
        return x, y, (x_val, y_val)
    if is_dataset(data[0]):
        return data[0], None, data[1]
    check_pair(*data)
    x, y = map(as_arrays, data)
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


def dealt_anew(x, y, validation, deal):
    """The same examples, dealt anew into training and validation of the same sizes: `(x, y, (x_val, y_val))`.

    x, y, validation: as `training_and_validation` gives them, arrays or structures of arrays. deal: a whole number that
    says which deal; 0 is the one that was handed over.
    """
    if deal == 0:
        return x, y, validation
    n = len_of(x)
    order = np.random.default_rng(deal).permutation(n + len_of(validation[0]))
    together = tf.nest.map_structure(lambda *parts: np.concatenate(parts)[order], (x, y), tuple(validation))
    training, new = (
        tf.nest.map_structure(lambda a, part=part: a[part], together) for part in (slice(n), slice(n, None))
    )
    return *training, new
