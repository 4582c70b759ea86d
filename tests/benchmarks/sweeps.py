"""Measure a sweep against what a student would otherwise write: a plain loop over `fit`, and scikit-learn's
`GridSearchCV`.

    python -m tests.benchmarks.sweeps

The same settings, data, batch size and number of epochs for all of them, in turn, several times; the table gives
medians and their ratios. "The first" sweep finds no process that was started before it. `GridSearchCV` may: joblib
keeps its processes, so that from the second round on it pays for no start. It has no curves to show for its work,
only a last accuracy of each setting.
"""

import itertools
import math
import statistics
import time
import warnings

import joblib
import keras
import numpy as np
from keras import layers
from keras.wrappers import SKLearnClassifier
from sklearn.model_selection import GridSearchCV, PredefinedSplit

import helpers  # noqa: F401  (sets TensorFlow up before it is imported)
from helpers import data
from helpers.sweeps import processes
from helpers.sweeps.run import sweep

GRID = {"units": [32, 64], "dropout": [0.0, 0.25], "learning_rate": [0.0005, 0.001, 0.002]}
EPOCHS, BATCH_SIZE = 10, 32
# How many times as fast as both of the others it is to be.
WANTED = {"the next": 5, "the first": 3}
ROUNDS = 3


def build(units=64, dropout=0.2, learning_rate=0.001):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(units, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def build_for_scikit_learn(X, y, **settings):
    keras.utils.disable_interactive_logging()  # else each prediction draws its progress
    return build(**settings)


def settings():
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


# Each returns the validation accuracy at the end of every setting, of shape (settings,).


def with_sweep(digits):
    result = sweep(build, digits, GRID, epochs=EPOCHS)
    return [row.histories[0].history["val_accuracy"][-1] for row in result.rows]


def with_sweep_in_one_process(digits):
    with joblib.parallel_config(n_jobs=1):
        return with_sweep(digits)


def with_fit(digits):
    reached = []
    for chosen in settings():
        history = build(**chosen).fit(
            digits.x_train,
            digits.y_train,
            validation_data=(digits.x_val, digits.y_val),
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            verbose=0,
        )
        reached.append(history.history["val_accuracy"][-1])
    return reached


def with_grid_search(digits, n_jobs):
    split = PredefinedSplit(
        np.repeat([-1, 0], [len(digits.x_train), len(digits.x_val)])
    )  # train on the first part, score the second
    search = GridSearchCV(
        SKLearnClassifier(build_for_scikit_learn),
        {"model_kwargs": settings()},
        scoring="accuracy",
        cv=split,
        refit=False,
        n_jobs=n_jobs,
        error_score="raise",
    )
    # Not as the classifier's own fit_kwargs: Keras forgets these when scikit-learn clones it.
    search.fit(digits.x, digits.y.argmax(1), epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0)
    return search.cv_results_["mean_test_score"]


def table(rounds=ROUNDS):
    """The medians in seconds, {name: seconds}, and how often the sweep is as fast as its rivals, {name: ratio}."""
    digits = data.digits(one_hot=True)
    ways = {
        "sweep, the next": with_sweep,
        "sweep, one process": with_sweep_in_one_process,
        "fit in a loop": with_fit,
        "GridSearchCV, one process": lambda digits: with_grid_search(digits, 1),
        "GridSearchCV, all cores": lambda digits: with_grid_search(digits, -1),
    }
    times = {name: [] for name in ("sweep, the first", *ways)}

    def timed(name, way):
        start = time.perf_counter()
        reached = np.array(way(digits))
        times[name].append(time.perf_counter() - start)
        # All have done the same: what they reach differs by no more than other random numbers make it.
        assert reached.shape == (12,) and reached.min() > 0.7 and abs(reached.mean() - 0.92) < 0.06, (name, reached)

    for _ in range(rounds):
        processes.end_idle()
        timed("sweep, the first", with_sweep)  # it starts the processes
        for name, way in ways.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # scikit-learn's and joblib's, to whoever develops an estimator
                timed(name, way)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    search = min(medians["GridSearchCV, one process"], medians["GridSearchCV, all cores"])
    ratios = {}
    for which in ("the next", "the first"):
        ratios[f"{which} sweep, against fit in a loop"] = medians["fit in a loop"] / medians[f"sweep, {which}"]
        ratios[f"{which} sweep, against GridSearchCV (the faster of one process and all cores)"] = (
            search / medians[f"sweep, {which}"]
        )
    ratios["a sweep in one process, against fit in a loop"] = medians["fit in a loop"] / medians["sweep, one process"]
    return medians, ratios


def report(rounds=ROUNDS):
    medians, ratios = table(rounds)
    size = math.prod(map(len, GRID.values()))
    print(
        f"\na sweep of {size} settings of the digits network, {EPOCHS} epochs"
        f" (medians: {'; '.join(f'{name} {seconds:.1f} s' for name, seconds in medians.items())})"
    )
    for what, ratio in ratios.items():
        least = WANTED.get(what.partition(" sweep")[0], 0)
        wanted = f">= {least} x" if least else ""
        print(f"  {what:<82} {f'{ratio:.1f} x':>12}   {wanted:<12} {'yes' if ratio >= least else 'NO'}")


if __name__ == "__main__":
    report()
