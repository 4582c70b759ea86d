"""What can be told of a network and its data before training: what cannot be, and what is legal but strange.

Looks at what is certain: Keras's own losses and layers, arrays, one output. The rest is Keras's to refuse.
"""

from collections import namedtuple

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import name_of
from helpers.engine.structure import layers_of
from helpers.errors import LessonError, at, line_of_call

ONE_HOT = {"categorical_crossentropy", "categorical_focal_crossentropy"}
SPARSE = {"sparse_categorical_crossentropy"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
REGRESSION = {
    "huber", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error",
}  # fmt: skip
NUMBER_BY_NUMBER = {*BINARY, *REGRESSION, "hinge", "poisson", "squared_hinge"}  # each output with a number of the label

ROUNDED = 0.01  # what labels in half precision, added up, may be off
LAST_LAYER = ("Dense", "Softmax", "Activation")
SWAPPED = " Or are x and y the wrong way round? The data are (x, y)."

# What is known of a network and of one part of the data. loss: the name of Keras's own loss, or ""; outputs: the shape
# of the one output for one example, or None; labels, examples: what to call them; callbacks: whether any may interfere.
Known = namedtuple("Known", "model loss outputs x y labels examples callbacks")


def check(model, x, y, validation=None, build=None, callbacks=(), fresh=True):
    """Raise a `LessonError` when `model` cannot learn y from x; returns what is strange, a list of sentences.

    x, y, validation: as in `fit`, or x a `tf.data.Dataset` and y None. build: the function that made `model`, whose
    line is then named; None: `model` was made elsewhere, and may have been trained before. callbacks: of the training;
    with any of them it is not said that the network cannot learn as it is, because they may change it. fresh: whether
    `build` alone can have trained it.
    """
    about = model, _loss_of(model), _shape_of(getattr(model, "output_shape", None)) or _shape_by_call(model, x)
    pair = validation[:2] if isinstance(validation, tuple) and len(validation) >= 2 else (validation, None)
    training = Known(*about, x, y, "labels", "examples", bool(callbacks))
    for known in (training, Known(*about, *pair, "validation labels", "validation examples", bool(callbacks))):
        for losses, find, calls in ERRORS:
            wrong = find(known) if losses is None or known.loss in losses else ""
            if wrong:
                raise LessonError(wrong + at(build and line_of_call(build, *calls)))
    found = [find(training) for losses, find in REMARKS if losses is None or training.loss in losses]
    return [words for words in [_trained_before(model, build) if build and fresh else "", *found] if words]


def _loss_of(model):
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


def _shape_of(shape):
    """The shape for one example, from that for a batch; None where there are several, or one is not known."""
    sizes = isinstance(shape, tuple) and all(size is None or isinstance(size, int) for size in shape)
    return shape[1:] if sizes and len(shape) > 1 else None


def _shape_by_call(model, x):
    """The shape of the one output for one example, of a network that only its own `call` knows; None if it is not one.

    Keras finds it out without computing or changing anything.
    """
    if not model.built or hasattr(model, "outputs") or not isinstance(x, np.ndarray):
        return None
    try:
        example = keras.KerasTensor((None, *(x.shape[1:] or (1,))), "float32" if x.dtype.kind == "f" else x.dtype.name)
        return _shape_of(getattr(model.compute_output_spec(example), "shape", None))
    except Exception:  # whatever the student's own code says to it: training will tell
        return None


# What cannot be: each returns a sentence, or "".


def _dataset_without_batches(known):
    if not isinstance(known.x, tf.data.Dataset):
        return ""
    spec = known.x.element_spec
    first, *labels = spec if isinstance(spec, tuple) else (spec,)
    wanted, shape = _shape_of(getattr(known.model, "input_shape", None)), getattr(first, "shape", None)
    single = any(getattr(getattr(part, "shape", None), "rank", None) == 0 for part in tf.nest.flatten(labels[:1]))
    if wanted and shape is not None and shape.rank == len(wanted):
        single = single or (_fits(wanted, tuple(shape)) and not _fits(wanted, tuple(shape)[1:] or (1,)))
    return (
        "The dataset hands out one example at a time, and training needs batches of them. Write dataset.batch(32)."
        if single
        else ""
    )


def _metrics_in_the_third_place(known):
    weights = getattr(getattr(known.model, "_compile_loss", None), "_user_loss_weights", None)
    if any(isinstance(weight, (str, keras.metrics.Metric)) or callable(weight) for weight in tf.nest.flatten(weights)):
        return (
            "In compile, the metrics stand where Keras expects loss_weights: since Keras 3 that is the third place."
            ' Give them their name: compile(optimizer=…, loss=…, metrics=["accuracy"]).'
        )
    return ""


def _nothing_to_train(known):
    if known.callbacks or not known.model.built or known.model.trainable_weights:
        return ""
    if known.model.weights:
        return (
            "Your network has nothing to train: none of its weights is trainable, so no epoch can change it. Set"
            " layer.trainable = True for a layer that has weights, or add one such as Dense."
        )
    return (
        "Your network has nothing to train: none of its layers has weights, so no epoch can change it. Add one that"
        " has, such as Dense."
    )


def _learning_rate_that_cannot_be(known):
    variables = getattr(known.model.optimizer, "variables", ())
    rate = next((float(each.value) for each in variables if each.name == "learning_rate"), None)  # None: a schedule
    if rate is None or rate > 0 or known.callbacks:
        return ""
    why = "every step would go uphill" if rate < 0 else "nothing would be learned"
    return f"The learning rate is {rate:g}, so {why}. It must be above 0: 0.001 is a usual one."


def _inputs_of_another_shape(known):
    x, y, wanted = known.x, known.y, _shape_of(getattr(known.model, "input_shape", None))
    if not (known.model.built and isinstance(x, np.ndarray) and wanted) or _fits(wanted, x.shape[1:] or (1,)):
        return ""
    swapped = isinstance(y, np.ndarray) and y.ndim > 1 and _fits(wanted, y.shape[1:])
    return (
        f"Your network expects inputs of shape {wanted}, but each of the {len(x)} {known.examples} has shape"
        f" {x.shape[1:]}." + (SWAPPED if swapped else "")
    )


def _numbers_beyond_an_embedding(known):
    for layer, numbers in _embedded(known.model, known.x):
        low, high = (int(numbers.min()), int(numbers.max())) if numbers.size else (0, 0)
        if low < 0 or high >= layer.input_dim:
            most = f" Give it input_dim={high + 1}." if low >= 0 else " No number may be below 0."
            return (
                f"The Embedding has input_dim={layer.input_dim}, so it knows the numbers 0 to {layer.input_dim - 1},"
                f" but those in the {known.examples} run from {low} to {high}.{most}"
            )
    return ""


def _softmax_of_one_unit(known):
    for tensor in _outputs_of(known.model):
        axis = _softmax_axis(_last_operation(tensor))
        if axis is not None and tensor.shape[axis] == 1:
            return (
                "The last layer has 1 unit with a softmax, which makes the outputs of an example add up to 1: a single"
                " one is always 1, and nothing can be learned. Use a sigmoid, or one unit for each class."
            )
    return ""


def _single_numbers_for_one_hot(known):
    if _units(known) and not _has_columns(known.y):
        return (
            f"The loss {known.loss} needs one-hot labels (one column per class), but the {known.labels} are"
            f" single numbers. Use one-hot labels, or the loss sparse_{known.loss}."
            if known.loss == "categorical_crossentropy"
            else f"The loss {known.loss} needs one-hot labels (one column per class), but the {known.labels} are"
            " single numbers. Use keras.utils.to_categorical(labels)."
        )
    return ""


def _other_columns_than_units(known):
    units = _units(known)
    if units and _has_columns(known.y) and known.y.shape[1] != units:
        columns = known.y.shape[1]
        return (
            f"The last layer has {units} outputs, but the one-hot {known.labels} have {columns} columns, one per class."
            f" Give the last layer {columns} units.{_if_swapped(known)}"
        )
    return ""


def _one_hot_for_single_numbers(known):
    if _units(known) and _has_columns(known.y):
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
    elif low >= 0 and np.array_equal(values, values.astype(int)) and y.ndim <= 2 and not _has_columns(y):
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
    if _fits(outputs, label):
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
    if not isinstance(x, np.ndarray) or y.ndim < 2 or y.shape[1] == 1 or _is_one_hot(y):
        return ""
    return SWAPPED if x.ndim == 1 or _is_one_hot(x) else ""


def _if_classes(known):
    classes = known.y.ndim == 1 and known.y.dtype.kind in "iu" and _ends_in_softmax(known.model)
    return " Are the labels classes? Then use the loss sparse_categorical_crossentropy." if classes else ""


# What is legal but strange


def _trained_before(model, build):
    steps = getattr(model.optimizer, "iterations", None)
    # Keras leaves both behind in a network that it has trained, and not in one that was loaded from a file.
    trained = isinstance(getattr(model, "history", None), keras.callbacks.History)
    trained = trained or (getattr(model, "train_function", None) is not None and steps is not None and int(steps) > 0)
    if not trained:
        return ""
    return (
        f"The network that {name_of(build)}() returns has been trained already, before the panel trains it, perhaps on"
        f" what is now for validation, so its curves do not begin at the start: leave out fit."
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
    if not _units(known) or not _has_columns(known.y):
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
    softmax = _ends_in_softmax(known.model)
    itself = isinstance(known.x, np.ndarray) and known.x.shape == y.shape  # an autoencoder
    one_hot = not itself and _is_one_hot(y)
    if softmax and (one_hot or y.ndim != 2 or _add_up_to_one(y)):
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
    if np.isin(y, (-1, 0, 1)).all() or (_has_columns(y) and _add_up_to_one(y)):  # classes, or shares of them
        return ""
    return (
        f"Accuracy counts answers that are exactly right, and says nothing of a regression ({known.loss}): ask for"
        ' metrics=["mae"], the mean distance, instead.'
    )


# losses it is about (None: all), what finds it, where in the builder to look
ERRORS = (
    (None, _dataset_without_batches, ()),
    (None, _metrics_in_the_third_place, ("compile",)),
    (None, _nothing_to_train, ()),
    (None, _learning_rate_that_cannot_be, ("compile",)),
    (None, _inputs_of_another_shape, ("Input", "InputLayer", "Sequential")),
    (None, _numbers_beyond_an_embedding, ("Embedding",)),
    (None, _softmax_of_one_unit, LAST_LAYER),
    (ONE_HOT, _single_numbers_for_one_hot, ("compile",)),
    (ONE_HOT, _other_columns_than_units, LAST_LAYER),
    (SPARSE, _one_hot_for_single_numbers, ("compile",)),
    (SPARSE, _labels_out_of_range, LAST_LAYER),
    (BINARY, _labels_that_are_no_shares, ("compile",)),
    (NUMBER_BY_NUMBER, _labels_of_another_shape, LAST_LAYER),
)
REMARKS = (
    (None, _everything_dropped),
    (ONE_HOT, _rows_that_do_not_add_up_to_one),
    (BINARY, _classes_for_binary_crossentropy),
    (REGRESSION, _accuracy_of_a_regression),
)


def _count(number, name):
    return f"{number} {name}" + "s" * (number != 1)


def _fits(wanted, shape):
    """Whether data of `shape` can be fed where `wanted` is expected; Keras adds or takes a last axis of 1 itself."""
    if len(wanted) == len(shape) + 1 and wanted[-1] == 1:
        wanted = wanted[:-1]
    elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    return len(wanted) == len(shape) and all(a is None or a == b for a, b in zip(wanted, shape, strict=True))


def _units(known):
    """The number of outputs where each example has one row of them and labels are an array, or else None."""
    flat = known.outputs is not None and len(known.outputs) == 1 and isinstance(known.y, np.ndarray)
    return known.outputs[0] if flat else None


def _has_columns(y):
    return isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] > 1


def _is_one_hot(y):
    return _has_columns(y) and bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def _add_up_to_one(y):
    return bool((y >= 0).all() and (abs(y.sum(axis=-1, dtype=float) - 1) <= ROUNDED).all())


def _is_accuracy(metric):
    kind = metric if isinstance(metric, type) else type(metric)
    return "Accuracy" in kind.__name__ and kind.__module__.startswith("keras.")


def _outputs_of(model):
    """The output tensors of a network; none where only its own `call` knows them."""
    return getattr(model, "outputs", None) or []


def _ends_in_softmax(model):
    return any(_softmax_axis(_last_operation(tensor)) is not None for tensor in _outputs_of(model))


def _last_operation(tensor):
    """The layer or operation that has made an output, inside nested networks too."""
    operation = tensor._keras_history.operation
    while isinstance(operation, keras.Model) and len(_outputs_of(operation)) == 1:
        operation = operation.outputs[0]._keras_history.operation
    return operation


def _softmax_axis(operation):
    """The axis along which `operation` is a softmax, or None if it is none."""
    if type(operation).__name__ == "Softmax" and type(operation).__module__.startswith("keras."):
        return operation.axis if isinstance(operation.axis, int) else None
    return -1 if getattr(operation, "activation", None) is keras.activations.softmax else None


def _embedded(model, x):
    """Pairs (Embedding layer, the array of whole numbers that goes straight into it)."""
    inputs = getattr(model, "inputs", None)
    if not model.built or not inputs or isinstance(x, tf.data.Dataset):
        return
    for layer in layers_of(model):
        if type(layer) is not keras.layers.Embedding or len(layer._inbound_nodes) != 1:
            continue
        number = next((number for number, tensor in enumerate(inputs) if tensor is layer.input), None)
        if number is None:
            continue
        arrays = x.get(inputs[number].name) if isinstance(x, dict) else x[number] if isinstance(x, list) else x
        if isinstance(arrays, np.ndarray) and arrays.dtype.kind in "iuf":
            yield layer, arrays
