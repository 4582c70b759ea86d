"""Lesson 2's checks: each solution passes, each known wrong answer fails with words that help, the stub runs.

More wrong answers stand in lesson_2.toml; test_tables.py tries them. Here are those whose figures and names count.
"""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.model_selection import train_test_split

from helpers import data, engine
from helpers.engine.trainer import Trainer
from helpers.exercises import lesson_2

CHECKS = {"gaps": lesson_2.check_gaps, "my_run": lesson_2.check_overfitting, "divide": lesson_2.check_divide}
CLOTHES = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=600, n_validation=150, one_hot=True)
X, Y, X_VAL, Y_VAL = CLOTHES.x_train, CLOTHES.y_train, CLOTHES.x_val, CLOTHES.y_val


def build(dropout=0.0, learning_rate=0.001):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(5, 3, activation="relu"),
            layers.Dropout(dropout),
            layers.Conv2D(15, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def train(x, y, x_val, y_val, epochs, batch_size=32, seed=1, **settings):
    """As in the notebook."""
    keras.utils.set_random_seed(seed)
    training = engine.fit(
        build(**settings), x, y, validation_data=(x_val, y_val), epochs=epochs, batch_size=batch_size, seed=seed
    )
    training.pictures = len(x)
    return training


def subtract(first, second, of=lambda gaps: gaps):
    return lambda history: of([a - b for a, b in zip(history[first], history[second], strict=True)])


def only_one(history):
    return [history["val_loss"][i] - history["loss"][i] for i in range(5)]


WRONG_GAPS = [
    (3, "begin with def"),
    ([0.1, 0.2], "begin with def"),
    (lambda history: None, "end it with return"),
    (lambda history: ..., "end it with return"),
    (lambda history: print(end=""), "only shows"),
    (subtract("val_accuracy", "accuracy"), "validation accuracy minus training accuracy"),
    (subtract("loss", "accuracy"), "training loss minus training accuracy"),
    (subtract("val_loss", "loss", lambda gaps: gaps[-1]), "that of the last epoch"),
    (subtract("val_loss", "loss", lambda gaps: gaps[1:]), "should have 5 numbers; yours has 4"),
    (subtract("val_loss", "loss", str), "should return a list; it returns a str"),
    (subtract("val_loss", "loss", dict.fromkeys), "should return a list; it returns a dict"),
    (lambda history: history["val_loss"], "validation loss itself"),
    (
        lambda history: [v / t for v, t in zip(history["val_loss"], history["loss"], strict=True)],
        "it should be [-0.1, 0.02",
    ),
    (only_one, "of 1 (without anything"),
    (lambda history: [0.3] * len(history["loss"]), "you get [0.3"),
    (lambda: [], "TypeError"),
    (lambda history: history["valloss"], "KeyError"),
]


def made_up(train_end, lowest, val_end, epochs=40, best=15, start=1.1):
    """A smooth run: training falls to `train_end`; validation to `lowest` at epoch `best`, and then goes to
    `val_end`."""
    loss = np.geomspace(start, train_end, epochs)
    val_loss = np.concatenate([np.linspace(start, lowest, best), np.linspace(lowest, val_end, epochs - best + 1)[1:]])
    return {"loss": list(loss), "val_loss": list(val_loss)}


OVERFITTING = made_up(0.01, 0.45, 0.8)
WRONG_RUNS = [
    ([0.5, 0.4], "handed over a list"),
    ((X, Y), "handed over a tuple"),
    (0.4, "handed over a float"),
    ({}, "no training loss"),
    ({**OVERFITTING, "val_loss": 0.5}, "one number for each epoch"),
    (made_up(0.01, 0.45, 0.8, epochs=5, best=2), "5 epochs: too few"),
    ({"loss": [], "val_loss": []}, "0 epochs: too few"),
    (made_up(0.6, 0.6, 0.6), "not near zero (below 0.15)"),
    (made_up(0.01, 1.08, 1.6), "pictures and labels belong together"),
    (made_up(0.05, 0.45, 0.4635), "only 3% above its lowest value (at epoch 15 of 40)"),
]


def shuffled(x, y, order_of_y=lambda order: order):
    order = np.random.default_rng(0).permutation(len(x))
    x, y, n = x[order], y[order_of_y(order)], len(x) // 5
    return x[n:], y[n:], x[:n], y[:n]


def at(train_from, train_to, val_from, val_to):
    """Cut x and y at shares of their length."""

    def divide(x, y):
        part = {share: round(share * len(x)) for share in (train_from, train_to, val_from, val_to)}
        train, val = slice(part[train_from], part[train_to]), slice(part[val_from], part[val_to])
        return x[train], y[train], x[val], y[val]

    return divide


def with_scikit(**settings):
    def divide(x, y):
        x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, **settings)
        return x_train, y_train, x_val, y_val

    return divide


WRONG_DIVISIONS = [
    (3, "begin with def"),
    (lambda x, y: ..., "return x_train, y_train, x_val, y_val"),
    (lambda x, y: (x, y, x[:100], y[:100]), "50 are in both parts"),
    (
        lambda x, y: (
            x[: len(x) - len(x) // 5 + 1],
            y[: len(x) - len(x) // 5 + 1],
            x[-(len(x) // 5) :],
            y[-(len(x) // 5) :],
        ),
        "1 is in both parts",
    ),
    (lambda x, y: (x[100:], y[100:], x[:100], y[:100]), "none are left for training"),
    (lambda x, y: (x[:100], y[:100], x[100:], y[100:]), "none are left for validation"),
    (lambda x, y: (x[10:], y[10:], x[:10], y[:10]), "Of 100 pictures, 10 are for validation; a fifth would be 20"),
    (lambda x, y: shuffled(x, y, np.sort), "a label that is not their own"),
    (lambda x, y: shuffled(x, y, lambda order: np.roll(order, 1)), "a label that is not their own"),
    (at(0, 0.5, 0.5, 1), "25 are for validation; a fifth would be 10"),
    (at(0, 0.7, 0.8, 1), "5 are in neither part"),
    (lambda x, y: (x, y), "it returns 2 things"),
    (lambda x, y: train_test_split(x, y, test_size=0.2), "In the place of y_train"),
    (lambda x, y: (y[10:], x[10:], y[:10], x[:10]), "In the place of x_train"),
    (lambda x, y: (x[10:], y, x[:10], y[:10]), "40 pictures, but 50 labels"),
    (lambda x, y: (x[10:] * 100, y[10:], x[:10], y[:10]), "leave the pictures"),
    (lambda x: x, "TypeError"),
]
WRONG = [
    (name, *wrong)
    for name, wrongs in (("gaps", WRONG_GAPS), ("my_run", WRONG_RUNS), ("divide", WRONG_DIVISIONS))
    for wrong in wrongs
]


def solved(name):
    names = {"train": train, "x": X, "y": Y, "x_val": X_VAL, "y_val": Y_VAL}
    exec(CHECKS[name].solution, names)
    return CHECKS[name](names[name])


@pytest.mark.parametrize("name", ["gaps", "divide", pytest.param("my_run", marks=pytest.mark.slow)])
def test_the_solution_passes(name):
    feedback = solved(name)
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name, answer, words", WRONG)
def test_a_known_wrong_answer_fails_with_words_that_help(name, answer, words):
    feedback = CHECKS[name](answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.parametrize("name", CHECKS)
def test_the_untouched_stub_runs_and_says_what_to_do(name):
    feedback = CHECKS[name](...)
    assert not feedback.passed and "three dots" in feedback.message
    if name != "my_run":
        feedback = CHECKS[name](lambda *_: ...)
        assert not feedback.passed and "returns nothing yet" in feedback.message


def test_the_hint_gives_the_solution_not_away():
    for check in CHECKS.values():
        assert check.solution.strip().splitlines()[-1].strip() not in check.hint


@pytest.mark.parametrize(
    "answer",
    [
        lambda history: list(np.array(history["val_loss"]) - np.array(history["loss"])),
        lambda history: np.subtract(history["val_loss"], history["loss"]),
        subtract("val_loss", "loss", tuple),
        subtract("val_loss", "loss", lambda gaps: [round(gap, 2) for gap in gaps]),
    ],
    ids=["list of numpy", "array", "tuple", "rounded"],
)
def test_other_ways_to_the_gaps_pass(answer):
    assert lesson_2.check_gaps(answer).passed


@pytest.mark.parametrize(
    "answer, one_kind",
    [
        (at(0, 0.8, 0.8, 1), True),
        (at(0.2, 1, 0, 0.2), True),
        (shuffled, False),
        (with_scikit(random_state=1), False),
        (with_scikit(), False),
        (with_scikit(stratify=None, shuffle=False), True),
        (lambda x, y: with_scikit(stratify=y)(x, y), False),
        (lambda x, y: list(shuffled(x, y)), False),
    ],
    ids=["end", "start", "shuffled", "scikit seeded", "scikit", "scikit unshuffled", "stratified", "list"],
)
def test_a_division_may_shuffle_or_not_and_is_told_what_follows(answer, one_kind):
    feedback = lesson_2.check_divide(answer)
    assert feedback.passed, feedback.message
    assert ("one kind is all that validation sees" in feedback.message) == one_kind


@pytest.mark.parametrize("pictures, words", [(100, "turned at epoch 15"), (101, "at most 100"), (None, "how many")])
def test_a_run_that_overfits_passes_if_it_learned_from_few_pictures(pictures, words):
    history = keras.callbacks.History()
    history.history = OVERFITTING
    if pictures:
        history.pictures = pictures
    feedback = lesson_2.check_overfitting(history)
    assert feedback.passed == (pictures == 100) and words in feedback.message


@pytest.mark.slow
def test_40_pictures_and_60_epochs_overfit_clearly_enough_from_every_seed():
    trainer = Trainer(build, X, Y, (X_VAL, Y_VAL))
    for seed in range(8):
        training = trainer.run({}, 60, n_train=40, seed=seed)
        training.pictures = 40
        feedback = lesson_2.check_overfitting(training)
        assert feedback.passed, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(n=600, epochs=6, learning_rate=0.0001), "too few"),
        (dict(n=600, epochs=16, learning_rate=0.0005, dropout=0.6), "not near zero"),
        (dict(n=100, epochs=20), "Train"),
        (dict(n=100, epochs=60, leak=True), "too good to be true"),
        (dict(n=100, epochs=60, mixed=True), "belong together"),
    ],
    ids=["still learning", "good fit", "too short", "leak", "labels shuffled"],
)
def test_real_runs_of_another_shape_fail(settings, words):
    n, leak, mixed = settings.pop("n"), settings.pop("leak", False), settings.pop("mixed", False)
    labels = np.random.default_rng(0).permutation(Y[:n]) if mixed else Y[:n]
    validation = (X[:100], Y[:100]) if leak else (X_VAL, Y_VAL)
    feedback = lesson_2.check_overfitting(train(X[:n], labels, *validation, **settings))
    assert not feedback.passed and words in feedback.message, feedback.message
