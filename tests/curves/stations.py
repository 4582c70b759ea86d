"""Small networks and data of many kinds, in two halves: what `diagnose` is fitted on, and what it is judged on.

No data, network or optimizer stands in both halves.
"""

from collections import namedtuple
from functools import lru_cache

import keras
import numpy as np
from sklearn import datasets as toys

from helpers import data

# x, y: all examples, shuffled. classes: how many classes, or None for a regression. shares: of each class.
Task = namedtuple("Task", "name x y classes shares")


def task(name, x, y, classes, random):
    """Examples in an order drawn by lot, inputs of about the size of 1."""
    order = random.permutation(len(x))
    x, y = np.asarray(x)[order], np.asarray(y)[order]
    if x.dtype.kind == "f":
        x = (x / max(x.std(), 1e-9)).astype("float32")
    shares = None if classes is None else np.bincount(y.astype(int), minlength=classes) / len(y)
    return Task(name, x, y.astype("int64" if classes else "float32"), classes, shares)


def guessing(task):
    """What guessing costs: the entropy of the labels, or the variance of the targets."""
    if task.classes is None:
        return float(np.var(task.y))
    shares = task.shares[task.shares > 0]
    return float(-np.sum(shares * np.log(shares)))


@lru_cache
def _digits():
    images, labels = toys.load_digits(return_X_y=True)
    return images, labels


def digits(random):
    return task("digits", *_digits(), 10, random)


def digit_pair(random):
    first, second = random.choice(10, 2, replace=False)
    images, labels = _digits()
    kept = (labels == first) | (labels == second)
    return task("digit pair", images[kept], labels[kept] == second, 2, random)


def clusters(random):
    classes, features = int(random.choice([3, 5, 8, 20])), int(random.integers(15, 40))
    x, y = toys.make_classification(
        1500, features, n_informative=features // 2, n_classes=classes, n_clusters_per_class=1, flip_y=0.02,
        class_sep=random.uniform(0.7, 1.5), random_state=int(random.integers(10**6)),
    )  # fmt: skip
    return task("clusters", x, y, classes, random)


def rare_class(random):
    share = random.uniform(0.04, 0.2)
    x, y = toys.make_classification(
        1500, 20, n_informative=8, weights=[1 - share], flip_y=0.02, random_state=int(random.integers(10**6))
    )
    return task("rare class", x, y, 2, random)


def friedman(random):
    x, y = toys.make_friedman1(1200, 12, noise=random.uniform(0.3, 2), random_state=int(random.integers(10**6)))
    return task("friedman", x, (y - y.mean()) / y.std() * random.choice([1, 1, 1, 6]), None, random)


def clothes_by_rows(random):
    images = data.clothing(list(map(int, random.choice(10, 4, replace=False))), seed=int(random.integers(1000)))
    return task("clothes by rows", images.x.reshape(len(images.x), -1)[:, ::4], images.y, 4, random)


# The other half


def all_clothes(random):
    images = data.clothing(list(range(10)), seed=int(random.integers(1000)))
    pictures = images.x[:, ::2, ::2]
    return task("all clothes", pictures, images.y, 10, random)


def two_clothes(random):
    pair = [(0, 6), (2, 4), (5, 7), (3, 9)][int(random.integers(4))]
    images = data.clothing(list(pair), seed=int(random.integers(1000)))
    return task("two clothes", images.x[:, ::2, ::2], images.y, 2, random)


def tumours(random):
    x, y = toys.load_breast_cancer(return_X_y=True)
    return task("tumours", (x - x.mean(0)) / x.std(0), y, 2, random)


def wines(random):
    x, y = toys.load_wine(return_X_y=True)
    return task("wines", (x - x.mean(0)) / x.std(0), y, 3, random)


def diabetes(random):
    x, y = toys.load_diabetes(return_X_y=True)

    return task("diabetes", x, (y - y.mean()) / y.std() if random.random() < 0.5 else y / 100, None, random)


def sentences(random):
    """Rows of 20 tokens; the class is decided by which of a few words come more often, with noise."""
    classes, words = int(random.choice([2, 4])), 60
    y = random.integers(classes, size=1200)
    x = random.integers(words, size=(1200, 20))
    telling = random.random((1200, 20)) < 0.15
    x = np.where(telling, words + 3 * y[:, None] + random.integers(3, size=(1200, 20)), x)
    return task("sentences", x, y, classes, random)


def waves(random):
    """The frequency of a noisy wave, from 24 points in time: a regression on a sequence."""
    y = random.uniform(0.5, 3, 1000)
    times = np.linspace(0, 2, 24)
    x = np.sin(2 * np.pi * (y[:, None] * times + random.random((1000, 1)))) + 0.3 * random.normal(size=(1000, 24))
    return task("waves", x[..., None], (y - y.mean()) / y.std(), None, random)


def outliers(random):
    """One in ten rows lies off a curved surface."""
    x = random.normal(size=(1500, 8))
    far = np.abs(x[:, 0] * x[:, 1] + x[:, 2] ** 2 - x[:, 3])
    return task("outliers", x, far > np.quantile(far, 0.9), 2, random)


layers = keras.layers


def weighed(penalty):
    return keras.regularizers.L2(penalty) if penalty else None


def little_network(random):
    """What a `LittleTrainer` is told of its networks."""
    return {
        "depth": int(random.integers(1, 4)),
        "activation": str(random.choice(["relu", "tanh"])),
        "schedule": str(random.choice(["constant", "constant", "cosine", "steps"])),
        "penalty": float(random.choice([0, 0, 0, 1e-4, 1e-3])),
    }


def pictures(inputs, width, dropout, penalty, random):
    inputs = layers.Conv2D(max(1, width // 4), 3, activation="elu", kernel_regularizer=weighed(penalty))(inputs)
    if random.random() < 0.5:
        inputs = layers.MaxPooling2D()(inputs)
    inputs = layers.Dropout(dropout)(inputs)
    return layers.Flatten()(inputs) if random.random() < 0.7 else layers.GlobalAveragePooling2D()(inputs)


def residual(inputs, width, dropout, penalty, random):
    inputs = layers.Dense(width, "swish", kernel_regularizer=weighed(penalty))(inputs)
    for _ in range(int(random.integers(1, 3))):
        inputs = layers.Add()([inputs, layers.Dropout(dropout)(layers.Dense(width, "gelu")(inputs))])
    return layers.LayerNormalization()(inputs) if random.random() < 0.3 else inputs


def words(inputs, width, dropout, penalty, random):
    inputs = layers.Embedding(80, max(1, width // 2), embeddings_regularizer=weighed(penalty))(inputs)
    return layers.Dropout(dropout)(layers.GlobalAveragePooling1D()(inputs))


def sequence(inputs, width, dropout, penalty, random):
    inputs = layers.Conv1D(max(1, width // 2), 5, activation="relu", kernel_regularizer=weighed(penalty))(inputs)
    return layers.Dropout(dropout)(layers.Flatten()(inputs))


HALVES = {
    "design": [(make, None) for make in (digits, digit_pair, clusters, rare_class, friedman, clothes_by_rows)],
    "held out": [
        (all_clothes, pictures), (two_clothes, pictures), (tumours, residual), (wines, residual), (diabetes, residual),
        (sentences, words), (waves, sequence), (outliers, residual),
    ],
}  # fmt: skip
# An ordinary learning rate of each optimizer.
OPTIMIZERS = {
    "design": {"Adam": 0.002, "RMSprop": 0.001, "SGD": 0.1, "momentum": 0.02},
    "held out": {"Adagrad": 0.05, "Nadam": 0.002, "AdamW": 0.002, "Adamax": 0.004, "nesterov": 0.02, "cosine": 0.004},
}


def optimizer(name, rate, updates):
    """A Keras optimizer; updates: how many there will be, for a schedule."""
    made = keras.optimizers
    if name == "cosine":
        return made.Adam(made.schedules.CosineDecay(rate, updates))
    if name in ("momentum", "nesterov"):
        return made.SGD(rate, momentum=0.9, nesterov=name == "nesterov")
    return getattr(made, name)(rate)


def builder(task, network, name, random):
    """A function like a student's: build(width, dropout, learning_rate) makes a compiled network."""
    seed, updates = int(random.integers(2**31)), int(random.integers(500, 3000))
    sigmoid = task.classes == 2 and random.random() < 0.7

    def build(width=48, dropout=0.0, learning_rate=0.001, penalty=0.0):
        whole = task.x.dtype.kind == "i"
        inputs = keras.Input(task.x.shape[1:], dtype="int64" if whole else "float32")
        hidden = network(inputs, width, dropout, penalty, np.random.default_rng(seed))
        if task.classes is None:
            model, loss, metrics = keras.Model(inputs, layers.Dense(1)(hidden)), "mse", ["mae"]
        elif sigmoid:
            model, loss, metrics = (
                keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden)), "binary_crossentropy", ["accuracy"],
            )  # fmt: skip
        else:
            ends = layers.Dense(task.classes, "softmax")(hidden)
            model, loss, metrics = keras.Model(inputs, ends), "sparse_categorical_crossentropy", ["accuracy"]
        model.compile(optimizer(name, learning_rate, updates), loss, metrics=metrics)
        return model

    return build
