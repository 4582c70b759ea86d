"""What in a network must be compiled anew when it changes, and a copy of it in which the rest can be turned."""

import json

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
    elif config.get("class_name") == "__lambda__":
        raise TypeError("a lambda is not Keras's own")
    return {key: _only_structure(value, adjustable) for key, value in config.items()}


def structure_of(model):
    """What must be compiled anew when it changes, as text: all of `model` but its dropout rates and learning rate.

    None for a model that holds anything of the student's own (a subclass, a `Lambda`, a loss function), a layer that
    adapts to data, or an optimizer changed after it was made: its configuration need not tell all that it does, so no
    two such models count as the same.
    """
    if not all(type(part).__module__.startswith("keras.") for part in (model, model.optimizer, *layers_of(model))):
        return None
    optimizer = vars(model.optimizer).items()
    changed = any(value for name, value in optimizer if name.startswith("_exclude_from_weight_decay"))
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if changed or scaled or any(hasattr(layer, "adapt") for layer in layers_of(model)):
        return None
    try:
        adjustable = {layer.name for layer in dropouts_of(model)}
        config = _only_structure([model.get_config(), model.get_compile_config()], adjustable)
        return json.dumps(config, sort_keys=True, default=str)
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
