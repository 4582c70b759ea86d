"""Lesson 3's checks: each solution passes, wrong answers fail with words that help, the stub runs.

More wrong answers stand in lesson_3.toml; test_tables.py tries them.
"""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

from helpers import data
from helpers.exercises import lesson_3
from helpers.lab_book import entries

NAMES = {
    "my_build": lesson_3.check_reach,
    "my_explanation": lesson_3.check_explained,
    "train_well": lesson_3.check_mended,
    "lowest_losses": lesson_3.check_seeds,
}


def builder(
    filters=5,
    dropout=0.0,
    l2=0.0,
    learning_rate=0.001,
    dense=0,
    last="softmax",
    outputs=3,
    loss="categorical_crossentropy",
    flatten=True,
):
    """The lesson's network, with the remedies, or with something wrong."""

    def my_build():
        penalty = keras.regularizers.L2(l2)
        model = keras.Sequential([keras.Input((28, 28, 1))])
        model.add(layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=penalty))
        model.add(layers.Conv2D(3 * filters, 3, activation="relu", kernel_regularizer=penalty))
        if flatten:
            model.add(layers.Flatten())
        if dense:
            model.add(layers.Dense(dense, activation="relu"))
        model.add(layers.Dropout(dropout))
        model.add(layers.Dense(outputs, activation=last, kernel_regularizer=penalty))
        model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss=loss, metrics=["accuracy"])
        return model

    return my_build


def trained():
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=150, n_validation=300, one_hot=True)
    model = builder()()
    model.fit(clothes.x_val, clothes.y_val, epochs=8, verbose=0)
    return model


WRONG_NETWORKS = [
    ((lambda size: None, 20), "size must have a default"),
    ((lambda: 3, 20), "returns a int"),
    ((lambda: 1 / 0, 20), "ZeroDivisionError"),
    ((builder(), 61), "At most 60 epochs"),
    ((builder(), 10), "Train for 40 epochs or more"),
    ((builder(flatten=False), 20), "array of shape (8, 24, 24, 3)"),
    ((builder(outputs=10), 20), "8 rows of 3"),
    ((builder(last="sigmoid"), 20), "sum to 1"),
    ((builder(dense=64), 20), "553,"),
    ((builder(loss="binary_crossentropy"), 20), "loss is categorical_crossentropy"),
    ((builder(loss=keras.losses.SparseCategoricalCrossentropy()), 20), "loss is categorical_crossentropy"),
]
TOO_HIGH = [
    (builder(), 40, "overfits. Make learning by heart harder"),
    (builder(), 2, "still falling"),
    (builder(filters=1, learning_rate=0.00001), 20, "levelled off too high"),
    (builder(learning_rate=10.0), 10, "no better than guessing"),
    (builder(learning_rate=1e30), 5, "stops being a number"),
    (trained, 10, "fresh, untrained one"),
]
REMEDIES = {
    "much dropout": (builder(dropout=0.8), 40),
    "penalty": (builder(l2=0.03), 40),
    "fewer filters": (builder(filters=1), 40),
}

EXPLANATION = (
    "The training loss keeps falling until the end. The validation loss goes down first but turns and goes up again."
    " The network memorises the few pictures it was given. I would stop training earlier."
)


def mending(
    monitor="val_loss",
    validate=True,
    restore=True,
    patience=3,
    mode="auto",
    epochs=60,
    hand_over=lambda model, training: (model, training),
):
    """The script of the exercise, mended as the arguments say."""

    def train_well(build, x_train, y_train, x_val, y_val):
        model = build()
        stop = keras.callbacks.EarlyStopping(
            monitor=monitor, patience=patience, restore_best_weights=restore, mode=mode
        )
        training = model.fit(
            x_train,
            y_train,
            epochs=epochs,
            validation_data=(x_val, y_val) if validate else (x_train, y_train),
            callbacks=[stop],
            verbose=0,
        )
        return hand_over(model, training)

    return train_well


VALIDATION, STOPPING, RESTORING = (
    "look at what validation_data is given",
    "which curve should it watch",
    "restore the weights of the best epoch",
)
NOT_MENDED = {
    "none of the three": (mending("loss", False, False), VALIDATION),
    "only the monitor": (mending("val_loss", False, False), VALIDATION),
    "only the restoring": (mending("loss", False, True), VALIDATION),
    "not the validation": (mending(validate=False), VALIDATION),
    "only the validation": (mending("loss", True, False), STOPPING),
    "not the restoring, patience 1": (mending(restore=False, patience=1), RESTORING),
    "mode max": (mending(mode="max"), "smallest value"),
    "patience 60": (mending(patience=60), STOPPING),
}
NOT_HANDED_OVER = [(lambda build: None, "TypeError"), (lambda *_: eval("modle"), "NameError")]


def solved(name):
    names = {"keras": keras}
    exec(NAMES[name].solution, names)
    return NAMES[name]((names["my_build"], names["my_epochs"]) if name == "my_build" else names[name])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("lowest_losses", marks=pytest.mark.slow),
        pytest.param("my_build", marks=pytest.mark.slow),
        pytest.param("train_well", marks=pytest.mark.slow),
    ],
)
def test_the_solution_passes(name):
    feedback = solved(name)
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name", NAMES)
def test_the_untouched_stub_runs_and_says_what_to_do(name):
    assert "three dots" in NAMES[name](...).message
    stub = {
        "my_build": (lambda: None, 40),
        "my_explanation": ...,
        "train_well": lambda build, x_train, y_train, x_val, y_val: None,
        "lowest_losses": lambda build, x, y, x_val, y_val, seeds: None,
    }[name]
    feedback = NAMES[name](stub)
    assert not feedback.passed and ("returns nothing yet" in feedback.message or "three dots" in feedback.message)


def test_the_hint_gives_the_solution_not_away():
    for check in NAMES.values():
        assert check.solution.strip().splitlines()[-1].strip() not in check.hint


@pytest.mark.parametrize("answer, words", WRONG_NETWORKS)
def test_what_is_no_network_for_these_clothes_is_told_before_any_training(answer, words):
    feedback = lesson_3.check_reach(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize("build, epochs, words", TOO_HIGH)
def test_a_validation_loss_that_ends_too_high_is_told_why(build, epochs, words, monkeypatch):
    monkeypatch.setattr(lesson_3, "FEWEST_EPOCHS", 1)
    feedback = lesson_3.check_reach((build, epochs))
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize("name", REMEDIES)
def test_an_honest_remedy_reaches_the_target(name):
    feedback = lesson_3.check_reach(REMEDIES[name])
    assert feedback.passed, feedback.message


@pytest.mark.slow
def test_the_plain_network_misses_the_target_clearly_whatever_the_seeds(monkeypatch):
    monkeypatch.setattr(lesson_3, "SEEDS", range(8))
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=150, n_validation=300, one_hot=True)
    plain = [np.mean(three) for three in itertools.combinations(lesson_3._train(builder(), 40, clothes)[0], 3)]
    print(f"plain: {min(plain):.3f} to {max(plain):.3f}")
    assert min(plain) > lesson_3.TARGET + 0.06


@pytest.mark.slow
def test_a_network_that_trains_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(lesson_3, "MOST_SECONDS", 0)
    assert "too long for a check" in lesson_3.check_reach((builder(filters=1), 60)).message


@pytest.mark.parametrize("words", [EXPLANATION, "heart bananas loss dropout validation " * 4])
def test_an_explanation_is_laid_beside_a_model_answer_and_never_called_right(words, book):
    rubric = lesson_3.check_explained(words)
    assert rubric.passed is None and [entry["right"] for entry in entries("check", 3)] == [None]
    page = rubric._repr_html_()
    assert page.count('<input type="checkbox">') == page.count("<label>") == 4 == repr(rubric).count("[ ]")
    for answer in (page, repr(rubric)):
        assert "by heart" in answer and not any(word in answer for word in ("Solved", "Not yet", "Right"))
    assert words in page and lesson_3.check_explained.solution in repr(rubric)


def test_what_a_student_writes_is_shown_as_text():
    assert "<b>x" not in lesson_3.check_explained("<b>x</b> " + EXPLANATION)._repr_html_()


def test_the_words_of_a_short_explanation_are_counted():
    assert "there are 0" in lesson_3.check_explained("").message


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_MENDED)
def test_each_mistake_that_is_left_is_told_by_itself(name):
    answer, words = NOT_MENDED[name]
    feedback = lesson_3.check_mended(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.parametrize("answer, words", NOT_HANDED_OVER)
def test_what_is_not_handed_over_is_told(answer, words):
    feedback = lesson_3.check_mended(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 20},
        {"mode": "min", "epochs": 100, "patience": 2},
        {"hand_over": lambda model, training: [model, training.history]},
    ],
)
def test_other_ways_to_mend_it_pass(settings):
    feedback = lesson_3.check_mended(mending(**settings))
    assert feedback.passed, feedback.message
