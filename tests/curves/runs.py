"""Real runs whose cause is known: each `Example` is a log, its cause, and what may be known besides.

A cause counts only where the curve shows it, by a criterion (`_shows`) that knows what `diagnose` does not: what
guessing costs, and how the run would have gone on.
"""

import os
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from tests.curves.little_trainer import LittleTrainer

# history: a dict as of Keras. family: of the data. known: what diagnose may be told. begins: whether the log begins
# with an untrained network.
Example = namedtuple("Example", "history cause family known begins")


def examples_of(half, number):
    """The Examples of one station, drawn with `number`, of a half of `stations.HALVES`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tests.curves import stations

    kinds = stations.HALVES[half]
    random = np.random.default_rng([len(half), number])
    make, network = kinds[number % len(kinds)]
    task = make(random)
    name = str(random.choice(list(stations.OPTIMIZERS[half])))
    rate = stations.OPTIMIZERS[half][name] * float(2 ** random.uniform(-1, 1))
    if network is None:
        trainer = partial(LittleTrainer, task, optimizer=name, **stations.little_network(random))
    else:
        from helpers.engine.trainer import Trainer

        trainer = partial(Trainer, stations.builder(task, network, name, random))
    guess = stations.guessing(task)
    known = {"baseline": guess} if task.classes is None else {"shares": [float(share) for share in task.shares]}
    found = []
    for cause, history, full in _runs(task, trainer, rate, random):
        if _shows(cause, history, full, guess):
            cause = "underfitting" if cause == "too strong a penalty" else cause
            found.append(Example(history, cause, task.name, known, True))
    return found


def _runs(task, trainer, rate, random):
    """(cause, history, the same run trained on) of each cause that is applied."""

    def whole(low, high):
        return int(random.integers(low, high))

    n_val = min(whole(100, 300), len(task.x) // 3)
    pool = min(len(task.x), n_val + whole(150, 500))
    x, y = task.x[: pool - n_val], task.y[: pool - n_val]
    new = task.x[pool - n_val : pool], task.y[pool - n_val : pool]
    size = min(whole(40, 200), len(x) // 2)

    def run(trained, epochs, faster=1, batch_size=32, n_train=None, **settings):
        settings = {"learning_rate": rate * faster, **settings}
        made = trained.run(settings, epochs, batch_size, n_train, whole(0, 10**6))
        return getattr(made, "history", made)

    usual = trainer(x, y, new)
    few = {"batch_size": int(random.choice([8, 16, 32])), "n_train": size}
    # Trained far too long; the beginnings of these runs are other cases.
    for faster, dropout, settings in (
        (1, 0.0, few), (2, 0.0, few), (0.5, 0.3, few), (1, 0.0, {}), (random.uniform(0.1, 0.5), 0.0, {}),
        (random.uniform(0.3, 1), round(random.uniform(0.2, 0.6), 2), {}), (random.uniform(0.02, 0.1), 0.0, {}),
    ):  # fmt: skip
        full = run(usual, whole(30, 70), faster=faster, dropout=dropout, **settings)
        yield "overfitting", full, full
        yield from _beginnings(full, random)
    for _ in range(3):
        much = run(usual, whole(10, 30), faster=10 ** random.uniform(2, 3))
        yield "diverging", much, much
    for faster in (0, 10 ** random.uniform(-6, -4)):
        stuck = run(usual, whole(6, 30), faster=faster)
        yield "not learning", stuck, stuck
    for faster in (1, 2, 4):
        under = run(usual, whole(30, 60), width=1, faster=faster)
        yield "underfitting", under, under
    if random.random() < 0.4:
        under = run(usual, whole(25, 50), penalty=round(10 ** random.uniform(-1.5, -0.5), 3))
        yield "too strong a penalty", under, under
    tiny = whole(9, 16)
    noisy = trainer(x, y, (new[0][:tiny], new[1][:tiny]))
    for faster in (2, 4, 4):
        found = run(noisy, whole(15, 30), faster=faster, batch_size=4, n_train=min(150, len(x)), dropout=0.3)
        yield "noisy", found, found
    part = whole(30, size) if size > 31 else 30
    leak = trainer(x[:size], y[:size], (x[:part], y[:part]))
    for faster in (1, 1, 2):
        found = run(leak, whole(35, 70), faster=faster, batch_size=few["batch_size"])
        yield "leak", found, found
    mixed = random.permutation(task.y)
    shuffled = trainer(x[: 2 * size], mixed[: 2 * size], (new[0], mixed[-len(new[0]) :]))
    for faster in (1, 2, 2):
        found = run(shuffled, whole(25, 60), faster=faster, batch_size=16)
        yield "shuffled labels", found, found


def _first(history, epochs):
    return {name: values[:epochs] for name, values in history.items()}


def _beginnings(full, random):
    """Runs that were stopped early, at the right time, or a little late."""
    val = np.array(full["val_loss"])
    if not np.isfinite(val).all():
        return
    best = int(np.argmin(np.convolve(val, [1 / 3] * 3, "same")[1:-1])) + 2 if len(val) > 5 else len(val)
    if best >= 20:
        early = max(5, int(best * random.uniform(0.15, 0.35)))
        yield "still learning", _first(full, early), full
    if best >= 6:
        yield "good fit", _first(full, min(len(val), best + int(random.integers(1, 5)))), full
    late = next((epoch for epoch in range(best, len(val)) if val[epoch] > 1.12 * val[:best].min()), None)
    if late is not None and late >= 6:
        yield "overfitting", _first(full, late + 1 + int(random.integers(0, 5))), full


def _shows(cause, history, full, guess):
    """Whether the curve shows its cause."""
    train, val = np.array(history["loss"]), np.array(history["val_loss"])
    if not (np.isfinite(train).all() and np.isfinite(val).all()):
        return cause == "diverging"
    last = max(1, len(train) // 5)
    end, val_end, lowest = np.median(train[-last:]), np.median(val[-last:]), val.min()
    rough = np.mean(np.abs(np.diff(val, 2))) / np.mean(val) if len(val) > 4 else 0
    later = min(full["val_loss"]) if np.isfinite(full["val_loss"]).all() else lowest
    return {
        "overfitting": val_end > (1.3 if len(val) == len(full["val_loss"]) else 1.1) * lowest and end < 0.8 * guess
        and lowest < 0.93 * guess,
        "still learning": later < 0.8 * val_end and val_end < 0.97 * val[0],
        "good fit": end < 0.6 * guess and val_end < 0.8 * guess and val_end < 1.06 * lowest and later > 0.93 * val_end
        and rough < 0.08,
        "diverging": end > 0.95 * guess,
        "not learning": end > 0.97 * guess and train.max() < 1.5 * train.min(),
        "underfitting": 0.5 * guess < end < 0.97 * guess and val_end < 1.1 * lowest and val_end < 1.02 * guess
        and np.median(train[len(train) // 2 :][:last]) < 1.05 * end,
        "too strong a penalty": end > 0.5 * guess and val_end < 1.1 * lowest and val_end < 1.02 * max(guess, train[0])
        and np.median(train[len(train) // 2 :][:last]) < 1.05 * end,
        "noisy": rough > 0.12,
        "leak": end < 0.1 * guess and val_end < 0.1 * guess,
        "shuffled labels": end < 0.8 * guess and lowest > 0.93 * guess,
    }[cause]  # fmt: skip


# The lesson's own network, on class sets that its tests do not use: those to fit by, and those to judge by.
AT_HOME = [(0, 3, 6), (1, 2, 8), (0, 6), (1, 3, 4), (5, 7, 9), (2, 4, 6), (0, 1, 2, 4)]
UNSEEN = [(0, 2), (4, 6), (0, 4, 6), (2, 3, 4), (0, 3, 8), (2, 6, 8), (0, 2, 4, 6), (0, 3, 4, 6, 8)]


def run_at_home(number):
    """The Example of one run of lesson 2's network, with a cause as its clinic draws it."""
    return _at_home([7, number], number, AT_HOME[number % len(AT_HOME)])


def unseen_at_home(first, number):
    """The same of a run that nothing is fitted to. first: what all of them are drawn with.

    So small a network as has the cause underfitting, at so large a rate, may be dead from the first epoch on: then the
    cause is "not learning".
    """
    classes = UNSEEN[number // 8 % len(UNSEEN)]
    example = _at_home([first, number], number, classes)
    dead = example.cause == "underfitting" and min(example.history["loss"]) > 0.97 * np.log(len(classes))
    return example._replace(cause="not learning") if dead else example


def _at_home(drawn_with, number, classes):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from helpers import data
    from helpers.parts import causes

    random = np.random.default_rng(drawn_with)
    cause = list(causes.CAUSES)[number % len(causes.CAUSES)]
    case = causes.draw_case(cause, random)
    clothes = data.clothing(list(classes), one_hot=True, seed=int(random.integers(1000)))

    def build(filters=5, pool=1, dropout=0.0, learning_rate=0.001):
        layers = keras.layers
        ends = layers.Dense(len(classes), activation="softmax")
        middle = [layers.Conv2D(3 * filters, 3, activation="relu"), layers.MaxPooling2D(pool), layers.Flatten(), ends]
        start = [keras.Input((28, 28, 1)), layers.Conv2D(filters, 3, activation="relu"), layers.Dropout(dropout)]
        model = keras.Sequential([*start, *middle])
        model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
        return model

    return Example(causes.train(build, clothes, case).history, cause, "home", {"classes": len(classes)}, True)


def coarser(example, random):
    """The log of the same run with several epochs taken as one, as of a larger data set; None if too few are left."""
    epochs = len(example.history["loss"])
    together = int(random.integers(2, 7))
    if epochs // together < 5:
        return None
    log = {}
    for name, values in example.history.items():
        parts = np.array(values)[: epochs // together * together].reshape(-1, together)
        # Validation is measured at the end of an epoch, training all through it.
        log[name] = (parts[:, -1] if name.startswith("val_") else parts.mean(1)).tolist()
    return example._replace(history=log)


def many(half, numbers, processes=2):
    """The Examples of several stations, trained in processes of their own."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [each for found in pool.map(partial(examples_of, half), numbers) for each in found]


def many_at_home(numbers, processes=2):
    """The Examples of several runs of the lesson's network."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(run_at_home, numbers))
