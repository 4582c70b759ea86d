"""What dropout and batch normalisation do to a batch, by their formulas; and the values that reach them in a network.

Values are arrays of shape (pictures, units), or (pictures, height, width, channels): the channels are the last axis.
"""

from collections import namedtuple

import keras
import numpy as np

from helpers.engine.builder import in_fresh_thread, random_state_of_its_own
from helpers.engine.structure import layers_of
from helpers.errors import LessonError, is_whole, shorten

CHUNK = 64  # pictures that go through the network at once
NEITHER = (
    "There is no Dropout and no BatchNormalization layer in this network. Put one in: layers.Dropout(0.25),"
    " layers.BatchNormalization()."
)

# A layer of the network. after: the name of the one before it; inputs: its values for the first pictures, float32.
DropoutLayer = namedtuple("DropoutLayer", "name after rate noise_shape inputs")
# means, variances: of every picture's values in each channel, shape (pictures, channels); the others: (channels,).
BatchNormLayer = namedtuple(
    "BatchNormLayer", "name after momentum epsilon gamma beta moving_mean moving_variance inputs means variances"
)


# The formulas


def dropout_mask(shape, rate, seed, noise_shape=None):
    """Which units are kept, bool, of `shape` or of one that broadcasts to it; `rate`: the probability to be dropped.

    The same seed gives the same draw: what a rate drops, every higher rate drops as well.
    noise_shape: as in Keras's `Dropout`; where it is 1, the units along that axis are dropped together.
    """
    if noise_shape is not None:
        shape = [n if size is None else size for n, size in zip(shape, noise_shape, strict=True)]
    return np.random.default_rng(seed).random(shape, dtype=np.float32) >= rate


def dropout(values, keep, rate):
    """Values after dropout while training: what is not kept becomes 0, all others are multiplied by 1 / (1 − rate).

    So the mean stays the same on average, and when predicting nothing need be changed: "inverted dropout". Srivastava
    et al. ("Dropout", 2014, sections 4 and 10) instead multiply by 1 − rate when predicting, and name this as the
    alternative.
    """
    return np.where(keep, values / np.float32(1 - rate), np.float32(0))


def batch_statistics(values):
    """(mean, variance) of each channel over all pictures and positions, float64, shape (channels,); divided by n."""
    values = np.asarray(values, dtype=np.float64).reshape(-1, np.shape(values)[-1])
    return values.mean(0), values.var(0)


def normalised(values, mean, variance, epsilon=0.001):
    """(values − mean) / √(variance + epsilon), by channel: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1.

    While training, mean and variance are those of the batch; when predicting, the moving averages.
    """
    return (values - mean) / np.sqrt(variance + epsilon)


def batch_norm(values, mean, variance, gamma=1.0, beta=0.0, epsilon=0.001):
    """What the layer returns: gamma × `normalised` + beta, where gamma and beta are trained (the same algorithm 1)."""
    return gamma * normalised(values, mean, variance, epsilon) + beta


def moving_averages(of_batches, momentum, start):
    """A moving average from `start` on: moving × momentum + batch × (1 − momentum) for each batch, as Keras updates it.

    of_batches: the means (or variances) of the batches, shape (steps,) or (steps, channels). start: 0 for the mean and
    1 for the variance of a fresh layer. Returns shape (steps + 1, …); row 0 is the start.
    """
    moving = [np.broadcast_to(np.asarray(start, dtype=np.float64), np.shape(of_batches)[1:])]
    for batch in of_batches:
        moving.append(moving[-1] * momentum + batch * (1 - momentum))
    return np.array(moving)


def joined_statistics(means, variances):
    """(mean, variance) of pictures taken together, from each picture's own. Both: shape (…, pictures, channels)."""
    return means.mean(-2), variances.mean(-2) + means.var(-2)


def statistics_of_batches(means, variances, batch_size, steps):
    """(means, variances) of `steps` successive batches, shape (steps, channels); the first picture follows the last.

    means, variances: of each picture, shape (pictures, channels). A small batch's variance is on average below that of
    all pictures.
    """
    rows = np.arange(steps * batch_size).reshape(steps, batch_size) % len(means)
    return joined_statistics(means[rows], variances[rows])


# Into the network


def look_inside(model, pictures, first=0, most=64):
    """The first Dropout and the first BatchNormalization layer of `model`, with the values that reach them.

    model: a built Sequential or functional model; a copy of it is used, so nothing in it changes. pictures: what it
    takes as input, at least 2; they are taken in order from row `first` on, and after the last comes row 0. The layers
    before work as when predicting. most: the number of pictures whose values are kept.

    Returns (`DropoutLayer` or None, `BatchNormLayer` or None). Raises `LessonError` for what cannot be shown.
    """
    names, twin = _names_and_twin(model)
    pictures = _checked(pictures, twin)
    if not is_whole(first, 0) or first >= len(pictures):
        numbers = f"a whole number from 0 to {len(pictures) - 1}"
        raise LessonError(f"picture={first!r} should be a row of the pictures: {numbers}.")
    drop, norm = [twin.get_layer(name) if name else None for name in names]
    inner = keras.Model(twin.inputs[0], [_input_of(layer, twin) for layer in (drop, norm) if layer])
    rows = (first + np.arange(len(pictures))) % len(pictures)
    kept, means, variances = [], [], []
    for begin in range(0, len(rows) if norm else min(most, len(rows)), CHUNK):
        values = [np.asarray(part, dtype=np.float32) for part in _run(inner, pictures[rows[begin : begin + CHUNK]])]
        if not all(np.isfinite(part).all() for part in values):
            raise LessonError(
                "The values in this network are not numbers (NaN or infinite): its weights have exploded."
                " Train it again with a smaller learning rate."
            )
        if begin < most:
            kept.append(values)
        if norm:
            last = values[-1].reshape(len(values[-1]), -1, values[-1].shape[-1])
            means.append(last.mean(1, dtype=np.float64))
            variances.append(last.astype(np.float64).var(1))
    kept = [np.concatenate(parts)[:most] for parts in zip(*kept, strict=True)]
    dropped = drop and _dropout_layer(drop, kept[0])
    return dropped, norm and _batch_norm_layer(norm, kept[-1], np.concatenate(means), np.concatenate(variances))


def _names_and_twin(model):
    """The names of the two layers (or None), and a copy of the model."""
    if not isinstance(model, keras.Model):
        called = "the function that makes it: call it first" if callable(model) else type(model).__name__
        example = "For example: microscope(model, clothes.x_train)."
        raise LessonError(f"microscope needs the network itself, not {called}. {example}")
    if not model.built:
        raise LessonError(
            "This network has not been built yet: begin it with keras.Input((28, 28, 1)), or train it first."
        )
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise LessonError(
            "microscope can look into keras.Sequential and functional models only, not into a class of your own."
        )
    if len(inputs) > 1:
        raise LessonError(f"This network has {len(inputs)} inputs; microscope can look into networks with one.")
    kinds = keras.layers.Dropout, keras.layers.BatchNormalization
    names = [next((layer.name for layer in model.layers if type(layer) is kind), None) for kind in kinds]
    if not any(names):
        raise LessonError(_why_neither(model, kinds))
    try:
        with random_state_of_its_own(0):
            twin = in_fresh_thread(lambda: keras.models.clone_model(model))
        twin.set_weights(model.get_weights())
    except Exception as error:
        raise LessonError(
            f"This network could not be copied: {type(error).__name__}: {shorten(error)} A layer of your own must take"
            " **kwargs, pass them on with super().__init__(**kwargs), and return its other settings from get_config()."
        ) from error
    return names, twin


def _why_neither(model, kinds):
    for outer in model.layers:
        inside = [layer for layer in layers_of(outer) if type(layer) in kinds] if isinstance(outer, keras.Model) else []
        if inside:
            return (
                f"The layer {inside[0].name!r} is inside another model, {outer.name!r}, where microscope cannot look."
                f" Look into that model by itself: microscope(model.get_layer({outer.name!r}), …), with what reaches"
                " it."
            )
    for layer in layers_of(model):
        kind = type(layer).__name__
        if "Dropout" in kind:
            return f"The layer {layer.name!r} is a {kind}, which works in another way than Dropout. {NEITHER}"
    return NEITHER


def _checked(pictures, model):
    """`pictures` as an array that `model` can take."""
    if hasattr(pictures, "x_train"):
        raise LessonError("microscope needs pictures, not the whole data set: for example clothes.x_train.")
    try:
        pictures = np.asarray(pictures)
    except ValueError:  # rows of different lengths
        pictures = np.empty((0, 0), object)
    if pictures.dtype.kind not in "fiub" or not pictures.ndim:
        raise LessonError("The pictures must be one array of numbers, such as clothes.x_train.")
    wanted = tuple(model.inputs[0].shape)
    if pictures.ndim == len(wanted) - 1 and wanted[-1] == 1 and pictures.shape[1:] == wanted[1:-1]:
        pictures = pictures[..., np.newaxis]  # Keras adds this axis as well
    alike = [size in (None, have) for size, have in zip(wanted[1:], pictures.shape[1:], strict=False)]
    if pictures.ndim != len(wanted) or not all(alike):
        several = " For a single picture, there are no statistics of a batch: pass several, such as clothes.x_train."
        raise LessonError(
            f"The network takes pictures of shape {wanted[1:]}, but these have shape {pictures.shape[1:]}."
            + several * (pictures.ndim < len(wanted))
        )
    if len(pictures) < 2:
        raise LessonError(
            f"There {'is only one picture' if len(pictures) else 'are no pictures'}, but a batch needs at least 2."
            " Pass several, such as clothes.x_train."
        )
    if pictures.dtype.kind == "f" and not np.isfinite(pictures).all():
        raise LessonError(
            "The pictures hold values that are not finite numbers (NaN or infinity): look where they come from."
        )
    return pictures


def _input_of(layer, model):
    if not isinstance(model, keras.Sequential) and len(layer._inbound_nodes) > 1:
        raise LessonError(
            f"The layer {layer.name!r} is used more than once in this network; microscope cannot tell which use is"
            " meant."
        )
    return layer.input


def _run(inner, pictures):
    try:
        values = inner(pictures, training=False)
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(error)}"
        raise LessonError(f"The network could not be run on these pictures: {why}") from error
    return values if isinstance(values, (list, tuple)) else [values]


def _dropout_layer(layer, inputs):
    if inputs.ndim not in (2, 4):
        raise LessonError(
            f"The layer {layer.name!r} gets values of shape {inputs.shape[1:]} for each picture; microscope can show"
            " feature maps (height, width, channels) and rows of units."
        )
    if layer.rate >= 1:
        raise LessonError(
            f"The layer {layer.name!r} has rate {layer.rate:g}, which drops everything. Choose a rate below 1."
        )
    return DropoutLayer(layer.name, _before(layer), float(layer.rate), layer.noise_shape, inputs)


def _batch_norm_layer(layer, inputs, means, variances):
    if layer.axis not in (-1, inputs.ndim - 1):
        raise LessonError(
            f"The layer {layer.name!r} normalises along axis {layer.axis}; microscope supports only the last axis"
            " (axis=-1, the channels), which is what BatchNormalization() does if you say nothing."
        )
    if getattr(layer, "renorm", False):
        raise LessonError(f"The layer {layer.name!r} was made with renorm=True, which microscope does not support.")
    if not layer.trainable:
        raise LessonError(
            f"The layer {layer.name!r} is frozen (trainable=False): it uses its moving averages while training, too."
            " There is no difference to look at; set trainable = True first."
        )
    channels = np.ones(inputs.shape[-1])
    gamma, beta, mean, variance = (
        channels * (default if weights is None else np.asarray(weights, dtype=np.float64))
        for weights, default in ((layer.gamma, 1), (layer.beta, 0), (layer.moving_mean, 0), (layer.moving_variance, 1))
    )
    numbers = float(layer.momentum), float(layer.epsilon), gamma, beta, mean, variance
    return BatchNormLayer(layer.name, _before(layer), *numbers, inputs, means, variances)


def _before(layer):
    return layer.input._keras_history.operation.name
