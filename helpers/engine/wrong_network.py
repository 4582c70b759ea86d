"""What cannot be in a network, or between it and its inputs: what finds it returns a sentence, or ""."""

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.known import fits, last_operation, learning_rate_of, outputs_of, shape_of, softmax_axis
from helpers.engine.slips import is_text
from helpers.engine.structure import layers_of, optimized, trains_otherwise

LAST_LAYER = ("Dense", "Softmax", "Activation")
SWAPPED = " Or are x and y the wrong way round? The data are (x, y)."


def _dataset_without_batches(known):
    if not isinstance(known.x, tf.data.Dataset):
        return ""
    spec = known.x.element_spec
    first, *labels = spec if isinstance(spec, tuple) else (spec,)
    wanted, shape = shape_of(getattr(known.model, "input_shape", None)), getattr(first, "shape", None)
    single = any(getattr(getattr(part, "shape", None), "rank", None) == 0 for part in tf.nest.flatten(labels[:1]))
    if wanted and shape is not None and shape.rank == len(wanted):
        single = single or (fits(wanted, tuple(shape)) and not fits(wanted, tuple(shape)[1:] or (1,)))
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


def _optimizer_of_other_weights(known):
    model = known.model
    before, now = set(map(id, optimized(model))), set(map(id, model.trainable_variables))
    if not before or not trains_otherwise(model):
        return ""
    if not before & now:
        return (
            "The optimizer belongs to another network already, and it can train only the weights that it began with."
            " Make a new one for each network: compile(optimizer=keras.optimizers.Adam(), …)."
        )
    # What Keras compiled at the first training goes on as it was; fewer weights are right in what has not begun.
    begun = model.train_function is not None or getattr(model._compile_loss, "has_trained", False)
    if now < before and not begun:
        return ""
    return (
        "Layers have been frozen, or made trainable, since your network began to train. Keras heeds that only once it"
        " is compiled again: call model.compile(optimizer=…, loss=…) after setting trainable, with a new optimizer."
    )


def _learning_rate_that_cannot_be(known):
    rate = learning_rate_of(known.model)
    if rate is None or rate >= 0 or known.callbacks:
        return ""
    return f"The learning rate is {rate:g}, so every step would go uphill. It must be above 0: 0.001 is a usual one."


def _inputs_of_another_shape(known):
    x, y, wanted = known.x, known.y, shape_of(getattr(known.model, "input_shape", None))
    if not (known.model.built and isinstance(x, np.ndarray) and wanted) or fits(wanted, x.shape[1:] or (1,)):
        return ""
    swapped = isinstance(y, np.ndarray) and y.ndim > 1 and fits(wanted, y.shape[1:])
    return (
        f"Your network expects inputs of shape {wanted}, but each of the {len(x)} {known.examples} has shape"
        f" {x.shape[1:]}." + (SWAPPED if swapped else "")
    )


def _texts_for_numbers(known):
    if not isinstance(known.x, np.ndarray) or not is_text(known.x):
        return ""
    wanted = [getattr(tensor, "dtype", "string") for tensor in getattr(known.model, "inputs", None) or []]
    if not wanted or "string" in wanted:
        return ""
    return (
        f"The {known.examples} are texts, and the network begins with numbers. Numbers that were read as text become"
        ' numbers again with x.astype("float32"); words become numbers in a layer: keras.Input((), dtype="string"),'
        " then keras.layers.TextVectorization, adapted to the texts."
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
        if isinstance(x, dict):
            numbers = x.get(inputs[number].name)
        elif isinstance(x, (list, tuple)):
            numbers = x[number] if len(x) == len(inputs) else None
        else:
            numbers = x
        if isinstance(numbers, np.ndarray) and numbers.dtype.kind in "iuf":
            yield layer, numbers


def _softmax_of_one_unit(known):
    for tensor in outputs_of(known.model):
        axis = softmax_axis(last_operation(tensor))
        if axis is not None and tensor.shape[axis] == 1:
            return (
                "The last layer has 1 unit with a softmax, which makes the outputs of an example add up to 1: a single"
                " one is always 1, and nothing can be learned. Use a sigmoid, or one unit for each class."
            )
    return ""


# Losses it is about (None: all), what finds it, and which calls in the builder to look at.
WRONG = (
    (None, _dataset_without_batches, ()),
    (None, _metrics_in_the_third_place, ("compile",)),
    (None, _nothing_to_train, ()),
    (None, _optimizer_of_other_weights, ("compile",)),
    (None, _learning_rate_that_cannot_be, ("compile",)),
    (None, _texts_for_numbers, ("Input", "InputLayer", "Sequential")),
    (None, _inputs_of_another_shape, ("Input", "InputLayer", "Sequential")),
    (None, _numbers_beyond_an_embedding, ("Embedding",)),
    (None, _softmax_of_one_unit, LAST_LAYER),
)
