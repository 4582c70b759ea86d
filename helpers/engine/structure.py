"""What in a network must be compiled anew when it changes, and a copy of it in which the rest can be turned."""

import inspect
import json
import warnings
from types import FunctionType

import keras
import tensorflow as tf

from helpers.engine.builder import in_fresh_thread, random_state_of_its_own


class AdjustableDropout(keras.layers.Layer):
    """Keras's `Dropout`, but with its rate in a variable: a new rate needs no new compilation.

    The same computation as `tf.nn.experimental.stateless_dropout`, which `keras.layers.Dropout` calls:
    keep a unit where a uniform number is at least the rate, and divide what is kept by 1 − rate. Naming the random
    generator, and multiplying by a mask, takes about half of that layer's time.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = tf.Variable(float(rate), trainable=False, dtype="float32")
        self.noise_shape = noise_shape
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape = tf.shape(inputs)
        if self.noise_shape is not None:
            shape = [shape[i] if size is None else size for i, size in enumerate(self.noise_shape)]
        keep = tf.random.stateless_uniform(shape, self.seed_generator.next(), alg="philox") >= self.rate
        return inputs * tf.cast(keep, inputs.dtype) * tf.cast(tf.math.divide_no_nan(1.0, 1 - self.rate), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def layers_of(model):
    """Every layer of `model`, those inside nested models included, each once, in order."""
    found = []
    for layer in model.layers:
        for each in layers_of(layer) if isinstance(layer, keras.Model) else [layer]:
            if not any(each is other for other in found):
                found.append(each)
    return found


def dropouts_of(model):
    """The layers of `model`, in order, that are exactly Keras's `Dropout` (not those inside a wrapper layer)."""
    return [layer for layer in layers_of(model) if type(layer) is keras.layers.Dropout]


def _only_structure(config, adjustable):
    """`config` without learning rate and without the rates of the dropout layers named in `adjustable`.

    Raises `TypeError` at an object that is not Keras's own.
    """
    if isinstance(config, (list, tuple)):
        return [_only_structure(item, adjustable) for item in config]
    if not isinstance(config, dict):
        return config
    config = dict(config)
    if "class_name" in config and not str(config["class_name"]).startswith("__"):
        module, inner = str(config.get("module")), config.get("config")
        if not module.startswith("keras") or config["class_name"] == "Lambda":
            raise TypeError(f"{config['class_name']} is not Keras's own")
        if config["class_name"] == "Dropout" and inner["name"] in adjustable:
            config["config"] = {**inner, "rate": None}
        if module.startswith("keras.optimizers") and isinstance(inner.get("learning_rate"), float):
            config["config"] = {**inner, "learning_rate": None}
        if config["class_name"] not in ("Sequential", "Functional"):
            adjustable = ()  # a layer's own layers stay as they are, whatever their names
    elif config.get("class_name") == "__lambda__":
        raise TypeError("a lambda is not Keras's own")
    return {key: _only_structure(value, adjustable) for key, value in config.items()}


# What is known to come out the same whether examples are looked at one by one or in batches: layers that treat each
# alone, losses that are means over them, metrics that add up over them. Of everything else it is not known.
BY_EXAMPLE = {
    "Activation", "Add", "AdjustableDropout", "AlphaDropout", "Average", "AveragePooling1D", "AveragePooling2D",
    "BatchNormalization", "CenterCrop", "Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose",
    "Conv3D", "Cropping1D", "Cropping2D", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Dropout", "ELU",
    "EinsumDense", "Embedding", "Flatten", "GRU", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GroupNormalization", "InputLayer",
    "LSTM", "LayerNormalization", "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "Maximum", "Minimum", "Multiply",
    "PReLU", "Permute", "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation",
    "RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv1D", "SeparableConv2D",
    "SimpleRNN", "SpatialDropout1D", "SpatialDropout2D", "SpectralNormalization", "Subtract", "UnitNormalization",
    "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
}  # fmt: skip
MEANS = {
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "cosine_similarity", "hinge", "huber", "kl_divergence",
    "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "poisson", "sparse_categorical_crossentropy", "squared_hinge",
}  # fmt: skip
ADDED_UP = {
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "CategoricalAccuracy", "CategoricalCrossentropy",
    "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "MeanAbsoluteError", "MeanSquaredError",
    "Precision", "Recall", "RootMeanSquaredError", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
}  # fmt: skip


def is_mean_over_examples(model):
    """Whether the loss and the metrics of a built, compiled model are known to be the same in batches of any size.

    Keras averages the losses of several outputs, and penalties on what a layer puts out, over batches, not examples.
    """
    return (
        len(model.outputs) == 1
        and all(map(_treats_each_alone, layers_of(model)))
        and _is_mean(model.loss)
        and all(map(_adds_up, _metrics_of(model)))
    )


def _treats_each_alone(layer):
    activations = [getattr(layer, name, None) for name in ("activation", "recurrent_activation")]
    return (
        type(layer).__name__ in BY_EXAMPLE
        and all(activation is None or _is_of_keras(activation) for activation in activations)
        and getattr(layer, "activity_regularizer", None) is None
        and not getattr(layer, "mask_zero", False)
        and not getattr(layer, "stateful", False)
    )


def _is_mean(loss):
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    function = getattr(loss, "fn", loss)
    mean = getattr(loss, "reduction", "sum_over_batch_size") == "sum_over_batch_size"
    plain = getattr(loss, "ignore_class", None) is None
    return mean and plain and _is_of_keras(function) and getattr(function, "__name__", "") in MEANS


def _adds_up(metric):
    function = getattr(metric, "_fn", None)
    if function is not None and type(metric).__name__ == "MeanMetricWrapper":
        return _is_of_keras(function) and (function.__name__ in MEANS or "accuracy" in function.__name__)
    return type(metric).__name__ in ADDED_UP and _is_of_keras(type(metric))


def _metrics_of(model):
    """The student's metrics of a model that has seen data."""
    return [each for metric in model.metrics[1:] for each in getattr(metric, "metrics", [metric])]


def _is_of_keras(part):
    return str(getattr(part, "__module__", "")).startswith("keras.")


def _judges(model):
    """The losses and metrics that were given to `compile`, whatever they are."""
    metrics = model._compile_metrics
    return tf.nest.flatten([model.loss, *([metrics._user_metrics, metrics._user_weighted_metrics] if metrics else [])])


def _hides_a_setting(judge):
    """Whether a loss or metric has a setting, not the usual one, that its configuration leaves out: Huber's delta."""
    settings = getattr(judge, "_fn_kwargs", None)
    if not settings:
        return False
    told, usual = judge.get_config(), inspect.signature(type(judge)).parameters
    return any(name not in told and (name not in usual or usual[name].default != settings[name]) for name in settings)


def _has_own_function(model):
    """Whether a layer, the loss or a metric is a function of the student's own, perhaps under a name that Keras has."""
    parts = [part for layer in layers_of(model) for part in layer._flatten_layers()]
    inside = [value for part in parts for value in vars(part).values()]
    return any(isinstance(part, FunctionType) and not _is_of_keras(part) for part in [*_judges(model), *inside])


def _changed_since_made(layer):
    """Whether one of the layer's weights has been frozen, or given a penalty or a limit, apart from its layer."""
    for variable in layer._trainable_variables:
        if variable.trainable != layer.trainable:
            return True
        for what in ("regularizer", "constraint"):
            names = f"{variable.name}_{what}", f"{variable.name.removesuffix('_kernel')}_{what}"
            if getattr(variable, what) is not next(
                (getattr(layer, name) for name in names if hasattr(layer, name)), None
            ):
                return True
    return False


def trains_otherwise(model):
    """Whether the optimizer of `model`, which has been built, was built for other weights than are trainable now."""
    return set(map(id, optimized(model))) != set(map(id, model.trainable_variables))


def optimized(model):
    """The weights that the optimizer of `model` was built for; none before it is built."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return optimizer._trainable_variables if optimizer.built else []


def structure_of(model):
    """What must be compiled anew when it changes, as text: all of `model` but its dropout rates and learning rate.

    None for a model that holds anything of the student's own (a subclass, a `Lambda`, a loss function), a layer that
    adapts to data, or a weight or an optimizer that was changed after it was made: its configuration need not tell all
    that it does, so no two such models count as the same.
    """
    if not all(type(part).__module__.startswith("keras.") for part in (model, model.optimizer, *layers_of(model))):
        return None
    optimizer = vars(model.optimizer).items()
    changed = any(value for name, value in optimizer if name.startswith("_exclude_from_weight_decay"))
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if changed or scaled or any(hasattr(layer, "adapt") for layer in layers_of(model)):
        return None
    if model.optimizer.built and trains_otherwise(model):
        return None
    if any(map(_hides_a_setting, _judges(model))):
        return None
    parts = [part for layer in layers_of(model) for part in layer._flatten_layers()]
    if _has_own_function(model) or any(map(_changed_since_made, parts)):
        return None
    try:
        adjustable = {layer.name for layer in dropouts_of(model)}
        with warnings.catch_warnings():  # Keras warns of lambdas in what is saved, and nothing is saved here
            warnings.simplefilter("ignore")
            config = [model.get_config(), model.get_compile_config()]
        return json.dumps(_only_structure(config, adjustable), sort_keys=True, default=str)
    except (TypeError, ValueError, NotImplementedError):
        return None


def adjustable_copy(model):
    """A compiled copy of `model` (Keras's own layers only) with `AdjustableDropout` in place of `Dropout`.

    Its weights are its own; copy the values you want into it.
    """

    def copy_layer(layer):
        if type(layer) is keras.layers.Dropout:
            named = {"name": layer.name, "dtype": layer.dtype_policy}
            return AdjustableDropout(layer.rate, layer.noise_shape, layer.seed, **named)
        return type(layer).from_config(layer.get_config())

    def copy():
        twin = keras.models.clone_model(model, clone_function=copy_layer, recursive=True)
        twin.compile_from_config(model.get_compile_config())
        return twin

    with random_state_of_its_own(0):
        return in_fresh_thread(copy)
