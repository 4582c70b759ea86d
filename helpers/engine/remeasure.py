"""The training loss measured again, with the weights held still: as in training, without dropout, as in inference."""

import contextlib
import inspect
import weakref

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers.engine.structure import AdjustableDropout

MODES = ("training mode", "dropout off", "inference")
# What "dropout off" switches off: the layers of Keras that draw random numbers, RandomFlip and its like included.
RANDOM = (
    AdjustableDropout,
    layers.Dropout,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    *(getattr(layers, name) for name in dir(layers) if name.startswith("Random")),
)
ALWAYS_ALIKE = (layers.Dense, layers.EinsumDense)  # they ask whether it is training only where weights are quantised


class Remeasure:
    """Measures the training loss of a network with its weights held still: `measure` of a `Trainer`.

    Called with (model, x, y, n_train, batch_size), it goes through the first `n_train` examples in batches as `fit`
    does and returns {mode: loss}, each an average over the examples, with the penalties for weights that `fit`
    includes:

    - "training mode": all layers as in training;
    - "dropout off": random layers as in inference, all others (batch normalisation) as in training;
    - "inference": all layers as in `model.evaluate`.

    The network's weights, moving statistics and random numbers stay as they are.
    """

    def __init__(self):
        self._compiled = weakref.WeakKeyDictionary()  # model -> its function: compiled once, gone with the model

    def __call__(self, model, x, y, n_train, batch_size):
        batches = tf.nest.map_structure(lambda array: _tensor(array[:n_train]), (x, y))
        if model not in self._compiled:
            self._compiled[model] = _measuring(model, batches)
        losses = self._compiled[model](*batches, tf.constant(min(batch_size, n_train)))
        return {mode: float(loss) for mode, loss in zip(MODES, losses, strict=True)}


def _tensor(array):
    """float64 becomes float32 and a single column of labels a matrix, as in `fit`."""
    array = array.astype("float32") if array.dtype == "float64" else array
    return tf.convert_to_tensor(array[:, np.newaxis] if array.ndim == 1 else array)


def _measuring(model, batches):
    reference = weakref.ref(model)  # what the function holds on to would stay in memory with it

    def losses(x, y, batch_size):
        model = reference()
        random, others = _layers_that_train(model)
        in_training = _average_loss(model, x, y, batch_size, training=True)
        with _as_in_inference(random):
            dropout_off = _average_loss(model, x, y, batch_size, training=True) if random else in_training
        # A pass that cannot come out differently is spared.
        inference = _average_loss(model, x, y, batch_size, training=False) if others else dropout_off
        return in_training, dropout_off, inference

    if model.run_eagerly:
        return losses
    any_length = tf.nest.map_structure(lambda batch: tf.TensorSpec((None, *batch.shape[1:]), batch.dtype), batches)
    return tf.function(losses, autograph=False, input_signature=[*any_length, tf.TensorSpec((), tf.int32)])


def _average_loss(model, x, y, batch_size, training):
    n = tf.shape(tf.nest.flatten(x)[0])[0]
    state = model.non_trainable_variables

    def one_batch(start, total, values):
        end = tf.minimum(start + batch_size, n)
        inputs, targets = tf.nest.map_structure(lambda array: array[start:end], (x, y))
        weights = [(weight, weight.value) for weight in model.trainable_variables]
        # Within the scope nothing is written into the network: what would be, random numbers above all, goes on to the
        # next batch.
        with keras.StatelessScope([*weights, *zip(state, values, strict=True)], collect_losses=True) as scope:
            prediction = model(inputs, training=training)
            loss = model.compute_loss(inputs, targets, prediction, training=training)
        share = tf.cast(end - start, "float32") / tf.cast(n, "float32")
        return end, total + tf.cast(loss, "float32") * share, [scope.get_current_value(variable) for variable in state]

    start = tf.constant(0), tf.constant(0.0), [tf.identity(variable.value) for variable in state]
    return tf.while_loop(lambda start, *_: start < n, one_batch, start, parallel_iterations=1)[1]


def _layers_that_train(model):
    """The layers that can behave differently in training, those inside other layers included: (random ones, all
    others)."""
    # A Sequential or functional model only passes on whether it is in training.
    random, others = [], []
    for layer in model._flatten_layers():
        only_passes_on = type(layer).__module__.startswith("keras.src.models.")
        alike = only_passes_on or type(layer) in ALWAYS_ALIKE
        if not alike and "training" in inspect.signature(layer.call).parameters:
            (random if isinstance(layer, RANDOM) else others).append(layer)
    return random, others


@contextlib.contextmanager
def _as_in_inference(some_layers):
    """Within it, a function that is traced calls these layers as in inference, whatever the others do."""

    def quiet(call):
        return lambda *args, **kwargs: call(*args, **{**kwargs, "training": False})

    for layer in some_layers:
        layer.call = quiet(layer.call)
    try:
        yield
    finally:
        for layer in some_layers:
            del layer.call
