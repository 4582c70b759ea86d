"""From a student's builder to a Keras model whose dropout rates can be turned while it is compiled."""

import contextlib
import inspect
import json
import random
import threading

import keras
import numpy as np
import tensorflow as tf

from helpers.errors import LessonError, at, explain, line_of_call


class AdjustableDropout(keras.layers.Layer):
    """Keras's `Dropout`, but with its rate in a variable: a new rate needs no new compilation.

    The same computation as `tf.nn.experimental.stateless_dropout`, which `keras.layers.Dropout` calls:
    keep a unit where a uniform number is at least the rate, and divide what is kept by 1 − rate. Naming the random
    generator, and multiplying by a mask, takes a quarter of the time here; in a small CNN that is half of all.
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


FRESH = "a fresh thread of the live panels"


def in_fresh_thread(function, policy=None):
    """Call `function` in a thread of its own, wait, and return what it returns or raise what it raises.

    Keras numbers its automatic layer names per thread (dense, dense_1, …). In a fresh thread they start
    again, so two models from one builder have equal configurations, and TensorFlow, which keeps a little
    memory for every variable name it has ever seen, sees no new ones. `policy`: the dtype policy to use there;
    Keras keeps that per thread, too.
    """
    outcome = {}

    def work():
        try:
            if policy is not None:
                keras.config.set_dtype_policy(policy)
            outcome["value"] = function()
        except BaseException as error:  # handed to the thread that waits
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True, name=FRESH)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


@contextlib.contextmanager
def random_state_of_its_own(seed):
    """Within it, Python's and NumPy's random numbers start from `seed`; afterwards the student's go on as before."""
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def call_builder(build, settings, seed, example=None, policy=None):
    """Call the student's `build(**settings)` with initial weights drawn from `seed`; returns the compiled model.

    example: one row of input, for networks that make their weights only when they first see one.
    Raises `LessonError` when `build` raises, or returns something other than a compiled Keras model.
    """
    name = getattr(build, "__name__", "build")

    def seeded_build():
        with random_state_of_its_own(seed):
            model = build(**settings)
            if isinstance(model, keras.Model) and not model.built and example is not None:
                model(example)
            return model

    try:
        model = in_fresh_thread(seeded_build, policy)
    except (Exception, SystemExit) as error:
        raise explain(error, build) from error
    if model is None:
        raise LessonError(f"Your function {name}() returned nothing. End it with: return model")
    if not isinstance(model, keras.Model):
        raise LessonError(
            f"Your function {name}() returned a {type(model).__name__}, not a Keras model."
            " End it with: return model"
        )
    if not model.compiled:
        raise LessonError(
            f"The model that {name}() returns is not compiled."
            " Call model.compile(optimizer=…, loss=…, metrics=[…]) before: return model"
        )
    return model


def keywords(build):
    """The keywords of the student's builder as `{name: default}`; no default is `inspect.Parameter.empty`."""
    return {name: parameter.default for name, parameter in inspect.signature(build).parameters.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)}


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
    changed = any(value for name, value in vars(model.optimizer).items() if name.startswith("_exclude_from_weight_decay"))
    if changed or isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) or any(hasattr(layer, "adapt") for layer in layers_of(model)):
        return None
    try:
        adjustable = {layer.name for layer in dropouts_of(model)}
        return json.dumps(_only_structure([model.get_config(), model.get_compile_config()], adjustable), sort_keys=True, default=str)
    except (TypeError, ValueError, NotImplementedError):
        return None


def adjustable_copy(model):
    """A compiled copy of `model` (Keras's own layers only) with `AdjustableDropout` in place of `Dropout`.

    Its weights are its own; copy the values you want into it.
    """

    def copy_layer(layer):
        if type(layer) is keras.layers.Dropout:
            return AdjustableDropout(layer.rate, layer.noise_shape, layer.seed, name=layer.name, dtype=layer.dtype_policy)
        return type(layer).from_config(layer.get_config())

    def copy():
        twin = keras.models.clone_model(model, clone_function=copy_layer, recursive=True)
        twin.compile_from_config(model.get_compile_config())
        return twin

    with random_state_of_its_own(0):
        return in_fresh_thread(copy)


def check_shapes(model, x, y, build=None):
    """Raise a `LessonError` when images `x` or labels `y` cannot be what `model` was built and compiled for.

    Looks at what can be told in words (one input, one output, the common losses); the rest is Keras's to refuse.
    """
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return
    wanted = getattr(model, "input_shape", None) if model.built else None
    if isinstance(wanted, tuple) and not _fits(wanted[1:], x.shape[1:] or (1,)):
        raise LessonError(
            f"Your network expects inputs of shape {wanted[1:]}, but each of the {len(x)} examples has shape {x.shape[1:]}."
            + at(build and line_of_call(build, "Input", "InputLayer", "Sequential"))
        )
    outputs = getattr(model, "output_shape", None) if model.built else None
    if isinstance(outputs, tuple) and len(outputs) != 2:  # a sequence or a picture of answers: Keras's to judge
        return
    loss = model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", None) or getattr(model.loss, "__name__", "")
    if not (isinstance(outputs, tuple) and outputs and isinstance(outputs[-1], int)):
        return
    units = outputs[-1]
    last_layer = at(build and line_of_call(build, "Dense", "Softmax", "Activation"))
    compile_line = at(build and line_of_call(build, "compile"))
    one_hot = y.ndim == 2 and y.shape[1] > 1
    if loss == "categorical_crossentropy":
        if not one_hot:
            raise LessonError(
                "The loss categorical_crossentropy needs one-hot labels (one column per class), but the labels are single"
                " numbers. Use one-hot labels, or the loss sparse_categorical_crossentropy." + compile_line
            )
        if y.shape[1] != units:
            raise LessonError(
                f"The last layer has {units} outputs, but the one-hot labels have {y.shape[1]} columns, one per class."
                f" Give the last layer {y.shape[1]} units." + last_layer
            )
    elif loss == "sparse_categorical_crossentropy":
        if one_hot:
            raise LessonError(
                "The loss sparse_categorical_crossentropy needs labels that are single numbers, but these are one-hot."
                " Use the loss categorical_crossentropy." + compile_line
            )
        if y.min() < 0 or y.max() >= units:
            raise LessonError(
                f"The labels run from {int(y.min())} to {int(y.max())}, but the last layer has {units} outputs."
                f" Give the last layer {int(y.max()) + 1} units." + last_layer
            )
    elif loss == "binary_crossentropy" and y.ndim == 1 and units != 1:
        raise LessonError(
            f"The loss binary_crossentropy compares one output with each label, but the last layer has {units} outputs."
            " Give the last layer 1 unit with a sigmoid." + last_layer
        )


def _fits(wanted, shape):
    """Whether inputs of `shape` can be fed where `wanted` is expected; Keras adds a missing last axis of 1 itself."""
    if len(wanted) == len(shape) + 1 and wanted[-1] == 1:
        wanted = wanted[:-1]
    return len(wanted) == len(shape) and all(a is None or a == b for a, b in zip(wanted, shape))
