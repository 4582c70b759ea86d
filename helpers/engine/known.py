"""What is known of a network and its data before training, and how to see it.

Of what is certain only: Keras's own losses and layers, arrays, one output. The rest is Keras's to refuse.
"""

from collections import namedtuple

import keras
import numpy as np
import tensorflow as tf

ONE_HOT = {"categorical_crossentropy", "categorical_focal_crossentropy"}
SPARSE = {"sparse_categorical_crossentropy"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
REGRESSION = {
    "huber", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error",
}  # fmt: skip
NUMBER_BY_NUMBER = {*BINARY, *REGRESSION, "hinge", "poisson", "squared_hinge"}  # each output with a number of the label

ROUNDED = 0.01  # what labels in half precision, added up, may be off

# What is known of a network and of one part of the data. loss: the name of Keras's own loss, or ""; outputs: the shape
# of the one output for one example, or None; labels, examples: what to call them; callbacks: whether any may interfere.
Known = namedtuple("Known", "model loss outputs x y labels examples callbacks")


def loss_of(model):
    """The name of the one loss of `model`, if it is Keras's own, or else ""."""
    losses = tf.nest.flatten(model.loss)
    if len(losses) != 1:
        return ""
    try:
        loss = keras.losses.get(losses[0])
    except ValueError:
        return ""
    function = getattr(loss, "fn", loss)
    return function.__name__ if str(getattr(function, "__module__", "")).startswith("keras.") else ""


def shape_of(shape):
    """The shape for one example, from that for a batch; None where there are several, or one is not known."""
    sizes = isinstance(shape, tuple) and all(size is None or isinstance(size, int) for size in shape)
    return shape[1:] if sizes and len(shape) > 1 else None


def shape_by_call(model, x):
    """The shape of the one output for one example, of a network that only its own `call` knows; None if it is not one.

    Keras finds it out without computing or changing anything.
    """
    if not model.built or hasattr(model, "outputs") or not isinstance(x, np.ndarray):
        return None
    try:
        example = keras.KerasTensor((None, *(x.shape[1:] or (1,))), "float32" if x.dtype.kind == "f" else x.dtype.name)
        return shape_of(getattr(model.compute_output_spec(example), "shape", None))
    except Exception:  # whatever the student's own code says to it: training will tell
        return None


def fits(wanted, shape):
    """Whether data of `shape` can be fed where `wanted` is expected; Keras adds or takes a last axis of 1 itself."""
    if len(wanted) == len(shape) + 1 and wanted[-1] == 1:
        wanted = wanted[:-1]
    elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    return len(wanted) == len(shape) and all(a is None or a == b for a, b in zip(wanted, shape, strict=True))


def units_of(known):
    """The number of outputs where each example has one row of them and labels are an array, or else None."""
    flat = known.outputs is not None and len(known.outputs) == 1 and isinstance(known.y, np.ndarray)
    return known.outputs[0] if flat else None


def has_columns(y):
    return isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] > 1


def is_one_hot(y):
    return has_columns(y) and bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def add_up_to_one(y):
    return bool((y >= 0).all() and (abs(y.sum(axis=-1, dtype=float) - 1) <= ROUNDED).all())


def outputs_of(model):
    """The output tensors of a network; none where only its own `call` knows them."""
    return getattr(model, "outputs", None) or []


def ends_in_softmax(model):
    return any(softmax_axis(last_operation(tensor)) is not None for tensor in outputs_of(model))


def last_operation(tensor):
    """The layer or operation that has made an output, inside nested networks too."""
    operation = tensor._keras_history.operation
    while isinstance(operation, keras.Model) and len(outputs_of(operation)) == 1:
        operation = operation.outputs[0]._keras_history.operation
    return operation


def softmax_axis(operation):
    """The axis along which `operation` is a softmax, or None if it is none."""
    if type(operation).__name__ == "Softmax" and type(operation).__module__.startswith("keras."):
        return operation.axis if isinstance(operation.axis, int) else None
    return -1 if getattr(operation, "activation", None) is keras.activations.softmax else None


def learning_rate_of(model):
    """The learning rate of a compiled model as a number; None where a schedule sets it."""
    variables = getattr(getattr(model.optimizer, "inner_optimizer", model.optimizer), "variables", ())
    return next((float(each.value) for each in variables if each.name == "learning_rate"), None)
