"""Builders as other people write them, drawn at random by hypothesis: networks, data, and how they are trained.

A `Case` is a plain description, so that what fails can be read and built again; `build(case)` makes its compiled model,
always the same one, and `data_of(case)` its data. Nothing in a case is random when it is trained: no shuffling, no
dropout but of rate 0. So an engine and `model.fit` must agree on it to the last digits.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from keras import layers, ops

from helpers.engine.builder import in_fresh_thread

ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "gelu", "softplus", "swish", "linear", "leaky_relu", "selu", "softmax"]
SHAPES = {"vector": (6,), "picture": (8, 8, 2), "series": (7, 3), "words": (7,)}
WORDS = 12  # in the dictionary of "words"


@dataclass(frozen=True)
class Case:
    """kind: of model; shape: of its input; body: pairs (layer, settings); task: what it answers; the rest as named."""

    kind: str
    shape: str
    body: tuple
    task: str
    loss: tuple
    metrics: tuple
    optimizer: tuple
    after: str
    outputs: int
    n: int
    n_validation: int
    batch_size: int
    dtype: str
    labels: str
    weights: str
    seed: int


def penalties():
    return st.sampled_from(["", "", "", "l1", "l2", "l1l2", "orthogonal"])


def limits():
    return st.sampled_from(["", "", "", "max_norm", "non_neg", "unit_norm"])


@st.composite
def dense(draw):
    return "Dense", (
        ("units", draw(st.integers(2, 6))),
        ("activation", draw(st.sampled_from([*ACTIVATIONS, "own"]))),
        ("kernel_regularizer", draw(penalties())),
        ("bias_regularizer", draw(penalties().filter(lambda name: name != "orthogonal"))),
        ("activity_regularizer", draw(st.sampled_from(["", "", "", "l2"]))),
        ("kernel_constraint", draw(limits())),
        ("use_bias", draw(st.booleans())),
    )


def plain(name, **settings):
    """A strategy for a layer with settings of which some are strategies."""
    fixed = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in settings.items()}
    return st.tuples(st.just(name), st.tuples(*(st.tuples(st.just(key), value) for key, value in fixed.items())))


NORMS = [
    plain("BatchNormalization", momentum=st.sampled_from([0.5, 0.9, 0.99]), scale=st.booleans()),
    plain("LayerNormalization", center=st.booleans()),
    plain("UnitNormalization"),
    plain("Dropout", rate=0.0),
    plain("GaussianNoise", stddev=0.0),
    plain("Activation", activation=st.sampled_from([*ACTIVATIONS, "own"])),
    plain("ActivityRegularization", l2=0.01),
    plain("PReLU"),
    plain("Rescaling", scale=0.5),
    plain("Softmax", axis=-1),
    plain("AlphaDropout", rate=0.0),
    plain("GaussianDropout", rate=0.0),
    plain("GroupNormalization", groups=1),
    plain("SpectralNormalization"),
]
ACROSS = [plain("Softmax", axis=0), plain("AcrossTheBatch")]  # what one example gives depends on its neighbours
BODIES = {
    "vector": st.lists(st.one_of(dense(), *NORMS, *ACROSS), max_size=3),
    "picture": st.lists(
        st.one_of(
            plain(
                "Conv2D",
                filters=st.integers(1, 3),
                kernel_size=st.integers(1, 3),
                padding="same",
                strides=st.integers(1, 2),
                activation=st.sampled_from(ACTIVATIONS),
                kernel_regularizer=penalties(),
            ),
            plain("SeparableConv2D", filters=2, kernel_size=2, padding="same"),
            plain("DepthwiseConv2D", kernel_size=2, padding="same"),
            plain("MaxPooling2D", pool_size=1),
            plain("AveragePooling2D", pool_size=2, padding="same"),
            plain("SpatialDropout2D", rate=0.0),
            plain("Conv2DTranspose", filters=2, kernel_size=2, strides=st.integers(1, 2)),
            plain("UpSampling2D", size=1),
            plain("ZeroPadding2D", padding=1),
            plain("GroupNormalization", groups=1),
            plain("BatchNormalization", momentum=0.9),
            plain("Activation", activation=st.sampled_from(ACTIVATIONS)),
        ),
        max_size=3,
    ),
    "series": st.lists(
        st.one_of(
            plain("Conv1D", filters=2, kernel_size=2, padding=st.sampled_from(["same", "causal"])),
            plain("TimeDistributed"),
            plain("LayerNormalization"),
            plain("Masking", mask_value=0.0),
            plain("SimpleRNN", units=2, return_sequences=True),
            plain("GRU", units=2, return_sequences=True, reset_after=st.booleans()),
            plain("Conv1DTranspose", filters=2, kernel_size=2),
            plain("MultiHeadAttention", num_heads=2, key_dim=2),
        ),
        max_size=2,
    ),
    "words": st.just([]),
}
ENDS = {
    "vector": st.just(()),
    "picture": st.sampled_from(["Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"]),
    "series": st.sampled_from(["LSTM", "GRU", "GlobalAveragePooling1D", "Bidirectional", "Flatten"]),
    "words": st.sampled_from(["LSTM", "GlobalAveragePooling1D", "Flatten", "SimpleRNN"]),
}
LOSSES = {  # of a task: names or pairs (class, settings)
    "classes": ["categorical_crossentropy", ("CategoricalCrossentropy", (("label_smoothing", 0.1),)), "kl_divergence",
                ("CategoricalFocalCrossentropy", ()), "poisson", "dice", "tversky", "own function", "own class"],
    "labels": ["sparse_categorical_crossentropy", ("SparseCategoricalCrossentropy", (("from_logits", True),)),
               ("SparseCategoricalCrossentropy", (("ignore_class", 0),)),
               ("SparseCategoricalCrossentropy", (("reduction", "sum"),))],
    "two": ["binary_crossentropy", ("BinaryCrossentropy", (("label_smoothing", 0.1),)), ("BinaryFocalCrossentropy", ()),
            ("BinaryCrossentropy", (("from_logits", True),)), "hinge", "squared_hinge", "mse", "own function"],
    "number": ["mse", "mae", "huber", "log_cosh", "mean_squared_logarithmic_error", "cosine_similarity", "own function",
               "own class", ("MeanSquaredError", (("reduction", "sum"),))],
}  # fmt: skip
METRICS = {
    "classes": [
        "accuracy",
        "acc",
        "TopKCategoricalAccuracy",
        "Precision",
        "F1Score",
        "CategoricalAccuracy",
        "AUC",
        "own",
    ],
    "labels": ["accuracy", "SparseCategoricalAccuracy", "sparse_top_k_categorical_accuracy"],
    "two": ["accuracy", "Precision", "Recall", "AUC", "BinaryAccuracy", "own", "mse"],
    "number": ["mae", "mse", "RootMeanSquaredError", "R2Score", "own", "accuracy"],
}
OPTIMIZERS = {
    "SGD": [(), (("momentum", 0.9),), (("momentum", 0.9), ("nesterov", True)), (("clipnorm", 0.5),)],
    "Adam": [(), (("amsgrad", True),), (("global_clipnorm", 0.5),), (("use_ema", True), ("ema_momentum", 0.9))],
    "AdamW": [(), (("weight_decay", 0.01),)],
    "RMSprop": [(), (("centered", True),), (("clipvalue", 0.1),)],
    "Adagrad": [()], "Adamax": [()], "Nadam": [()], "Adadelta": [()], "Ftrl": [()],
}  # fmt: skip
# (Not Lion: its step is the sign of a number, and where that is nought but for rounding the weights go either way.)
RATES = ["number", "number", "exponential", "cosine", "piecewise"]
AFTER = ["", "", "", "", "kernel frozen", "layer frozen", "kernel regularized", "kernel constrained"]


@st.composite
def cases(draw):
    """A strategy for a `Case`."""
    shape = draw(st.sampled_from(["vector", "vector", "picture", "series", "words"]))
    kinds = ["sequential", "sequential", "functional", "skip", "subclass", "subclass without training", "nested"]
    kind = draw(st.sampled_from([*kinds, "two inputs", "two outputs", "named outputs"] if shape == "vector" else kinds))
    body = (*draw(BODIES[shape]), (draw(ENDS[shape]), ()))
    if any(name == "MultiHeadAttention" for name, *_ in body):
        kind = draw(
            st.sampled_from(["functional", "skip", "subclass", "subclass without training"])
        )  # it has two inputs
    task = draw(st.sampled_from(sorted(LOSSES)))
    metrics = draw(st.lists(st.sampled_from(METRICS[task]), max_size=2, unique=True))
    name = draw(st.sampled_from(sorted(OPTIMIZERS)))
    return Case(
        kind=kind,
        shape=shape,
        body=tuple(part for part in body if part[0]),
        task=task,
        loss=draw(st.sampled_from(LOSSES[task])),
        metrics=tuple(metrics),
        optimizer=(name, draw(st.sampled_from(OPTIMIZERS[name])), draw(st.sampled_from(RATES))),
        after=draw(st.sampled_from(AFTER)),
        outputs=draw(st.integers(2, 4)) if task in ("classes", "labels") else 1,
        n=draw(st.integers(9, 28)),
        n_validation=draw(st.integers(0, 21)),
        batch_size=draw(st.sampled_from([5, 8, 16])),
        dtype=draw(st.sampled_from(["float32", "float32", "float64", "uint8", "int64"]))
        if shape != "words"
        else "int64",
        labels=draw(st.sampled_from(["flat", "column"])),
        weights=draw(st.sampled_from(["", "", "", "examples", "validation too", "classes"])),
        seed=draw(st.integers(0, 1000)),
    )


# From a description to a model


def half_of(x):
    """An activation of a student's own."""
    return ops.relu(x) + 0.5 * x


class AcrossTheBatch(layers.Layer):
    """A layer of a student's own: takes away the mean over the batch."""

    def call(self, x):
        return x - ops.mean(x, axis=0, keepdims=True)


def own_loss(y_true, y_pred):
    return ops.mean(ops.abs(ops.cast(y_true, "float32") - y_pred), axis=-1)


class OwnLoss(keras.losses.Loss):
    """Not a mean over examples: the largest of their errors."""

    def call(self, y_true, y_pred):
        return ops.max(ops.square(ops.cast(y_true, "float32") - y_pred))


def own_metric(y_true, y_pred):
    """As it is often written; it broadcasts where the two have other ranks."""
    return ops.mean(ops.cast(ops.equal(ops.cast(y_true, "float32"), ops.round(y_pred)), "float32"))


REGULARIZERS = {
    "l1": lambda: keras.regularizers.L1(0.01),
    "l2": lambda: keras.regularizers.L2(0.01),
    "l1l2": lambda: keras.regularizers.L1L2(0.01, 0.02),
    "orthogonal": lambda: keras.regularizers.OrthogonalRegularizer(0.01),
}
CONSTRAINTS = {
    "max_norm": lambda: keras.constraints.MaxNorm(0.5),
    "non_neg": keras.constraints.NonNeg,
    "unit_norm": keras.constraints.UnitNorm,
}


def layer_of(name, settings):
    settings = dict(settings)
    for key in [key for key in settings if key.endswith("regularizer")]:
        settings[key] = REGULARIZERS[settings[key]]() if settings[key] else None
    if "kernel_constraint" in settings:
        wanted = settings["kernel_constraint"]
        settings["kernel_constraint"] = CONSTRAINTS[wanted]() if wanted else None
    if settings.get("activation") == "own":
        settings["activation"] = half_of
    if name == "AcrossTheBatch":
        return AcrossTheBatch()
    if name == "TimeDistributed":
        return layers.TimeDistributed(layers.Dense(2))
    if name == "SpectralNormalization":
        return layers.SpectralNormalization(layers.Dense(3))
    if name == "Bidirectional":
        return layers.Bidirectional(layers.LSTM(2))
    if name in ("LSTM", "GRU", "SimpleRNN") and "units" not in settings:
        settings["units"] = 2
    return getattr(layers, name)(**settings)


def last_layer(case, name="answer"):
    logits = "from_logits" in dict(case.loss[1] if isinstance(case.loss, tuple) else ())
    activation = {"classes": "softmax", "labels": "softmax", "two": "sigmoid", "number": "linear"}[case.task]
    return layers.Dense(case.outputs, activation="linear" if logits else activation, name=name)


def stack(case):
    first = [layers.Embedding(WORDS, 3, mask_zero=case.seed % 2 == 0)] if case.shape == "words" else []
    return [*first, *(layer_of(*part) for part in case.body)]


def through(stack, x):
    for layer in stack:
        x = layer(x, x) if isinstance(layer, layers.MultiHeadAttention) else layer(x)
    return x


class Subclass(keras.Model):
    """A model whose `call` takes `training`, as the documentation has it."""

    def __init__(self, stack, last):
        super().__init__()
        self.stack, self.last = stack, last

    def call(self, x, training=False):
        for layer in self.stack:
            told = {"training": training} if layer._call_has_training_arg else {}
            x = layer(x, x, **told) if isinstance(layer, layers.MultiHeadAttention) else layer(x, **told)
        return self.last(x)


class SubclassWithoutTraining(keras.Model):
    """A model whose `call` takes the input only, as most people write it."""

    def __init__(self, stack, last):
        super().__init__()
        self.stack, self.last = stack, last

    def call(self, x):
        return self.last(through(self.stack, x))


def model_of(case):
    shape, kind = SHAPES[case.shape], case.kind
    if kind == "sequential":
        return keras.Sequential([keras.Input(shape), *stack(case), last_layer(case)])
    if kind == "subclass":
        return Subclass(stack(case), last_layer(case))
    if kind == "subclass without training":
        return SubclassWithoutTraining(stack(case), last_layer(case))
    inputs = keras.Input(shape, name="first")
    if kind == "two inputs":
        other = keras.Input(shape, name="second")
        joined = layers.Concatenate()([through(stack(case), inputs), layers.Dense(2)(other)])
        return keras.Model([inputs, other], last_layer(case)(joined))
    if kind == "nested":
        inner = keras.Sequential([keras.Input(shape), *stack(case)])
        return keras.Model(inputs, last_layer(case)(inner(inputs)))
    middle = through(stack(case), inputs)
    if kind == "two outputs":
        return keras.Model(inputs, [last_layer(case, "one")(middle), last_layer(case, "two")(middle)])
    if kind == "named outputs":
        return keras.Model(inputs, {"one": last_layer(case, "one")(middle), "two": last_layer(case, "two")(middle)})
    if kind == "skip" and case.shape in ("vector", "picture", "series"):
        middle = layers.Concatenate()([middle, layers.Dense(2)(layers.Flatten()(inputs))])
    return keras.Model(inputs, last_layer(case)(middle))


def loss_of(case):
    if case.loss == "own function":
        return own_loss
    if case.loss == "own class":
        return OwnLoss()
    if isinstance(case.loss, tuple):
        return getattr(keras.losses, case.loss[0])(**dict(case.loss[1]))
    return case.loss


def metric_of(name):
    if name == "own":
        return own_metric
    if name == "F1Score":
        return keras.metrics.F1Score(average="macro")
    return getattr(keras.metrics, name)() if name[0].isupper() else name


def optimizer_of(case):
    name, settings, rate = case.optimizer
    # Where a gradient is nought but for rounding, a usual epsilon of 1e-7 makes whole steps of it, in either direction.
    apart = {"epsilon": 1e-3} if name not in ("SGD", "Ftrl") else {}
    rates = {
        "number": lambda: 0.01,
        "exponential": lambda: keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5),
        "cosine": lambda: keras.optimizers.schedules.CosineDecay(0.02, 10),
        "piecewise": lambda: keras.optimizers.schedules.PiecewiseConstantDecay([2, 5], [0.02, 0.01, 0.005]),
    }
    return getattr(keras.optimizers, name)(learning_rate=rates[rate](), **apart, **dict(settings))


def change(model, case):
    """What a student changes in a finished layer."""
    found = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    if not found or not found[-1].built:
        return
    layer = found[-1]
    if case.after == "kernel frozen":
        layer.kernel.trainable = False
    elif case.after == "layer frozen" and len(found) > 1:
        found[0].trainable = False
    elif case.after == "kernel regularized":
        layer.kernel.regularizer = keras.regularizers.L2(0.1)
    elif case.after == "kernel constrained":
        layer.kernel.constraint = keras.constraints.MaxNorm(0.3)


def build(case):
    """The compiled model of a case, with the same weights and names each time."""
    return in_fresh_thread(lambda: _built(case))  # where Keras's names begin anew; clearing its session takes longer


def _built(case):
    keras.utils.set_random_seed(case.seed)
    model = model_of(case)
    if not model.built:
        model(data_of(case)[0][0][:1])
    change(model, case)
    loss, metrics = loss_of(case), [metric_of(name) for name in case.metrics]
    if case.kind == "two outputs":
        loss, metrics = [loss, "mse"], [metrics, ["mae"]]
    elif case.kind == "named outputs":
        loss, metrics = {"one": loss, "two": "mse"}, {"one": metrics, "two": ["mae"]}
    told = {"weighted_metrics" if case.weights and case.seed % 2 else "metrics": metrics or None}
    model.compile(optimizer=optimizer_of(case), loss=loss, **told)
    return model


def data_of(case):
    """(x, y), (validation's, or None) and what weighs the examples, as keywords of `fit`, of a case."""
    random = np.random.default_rng(case.seed)
    parts = [_examples(case, random, n) for n in (case.n, case.n_validation) if n]
    validation = parts[1] if case.n_validation else None
    if case.weights == "classes" and case.task in ("classes", "labels", "two") and "outputs" not in case.kind:
        return parts[0], validation, {"class_weight": {0: 2.0, 1: 0.5}}
    if not case.weights:
        return parts[0], validation, {}
    if case.weights == "validation too" and validation:
        validation = *validation, _weights(validation[1], random, case.n_validation)
    return parts[0], validation, {"sample_weight": _weights(parts[0][1], random, case.n)}


def _weights(y, random, n):
    weights = random.random(n)
    return tf.nest.map_structure(lambda _: weights, y)


def _examples(case, random, n):
    shape = (n, *SHAPES[case.shape])
    if case.shape == "words":
        x = random.integers(0, WORDS, shape)
    elif case.dtype in ("uint8", "int64"):
        x = random.integers(0, 4, shape).astype(case.dtype)
    else:
        x = random.normal(size=shape).astype(case.dtype)
    if case.task in ("classes", "labels"):
        y = random.integers(0, case.outputs, n)
        y = np.eye(case.outputs, dtype="float32")[y] if case.task == "classes" else y
    else:
        y = random.integers(0, 2, n).astype("float32") if case.task == "two" else random.random(n).astype("float32")
    if case.labels == "column" and y.ndim == 1:
        y = y[:, np.newaxis]
    if case.kind == "two inputs":
        x = [x, x[:, ::-1].copy()]
    wide = y if y.ndim == 2 and case.task == "classes" else y.reshape(n, -1)
    second = np.repeat(wide, case.outputs, axis=1) if wide.shape[1] != case.outputs else wide
    if case.kind == "two outputs":
        y = [y, second.astype("float32")]
    elif case.kind == "named outputs":
        y = {"one": y, "two": second.astype("float32")}
    return x, y
