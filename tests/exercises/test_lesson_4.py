"""Lesson 4's checks: each solution passes, wrong answers fail with words that help, the stub runs.

The wrong answers of lesson_4.toml are tried in test_tables.py; here are others, and those whose figures matter.
"""

import os
import shutil
import tempfile
import warnings

import keras
import numpy as np
import pytest

from helpers.exercises import lesson_4

pytestmark = pytest.mark.slow  # trains many networks

CHECKS = {
    "Lowest": lesson_4.check_callback,
    "keep_best": lesson_4.check_keep_best,
    "names": lesson_4.check_names,
    "resume": lesson_4.check_resume,
}
INF = float("inf")


def callback(begin=INF, key="val_loss", better=lambda new, old: new < old, count=1, always=(), of=float):
    """A class as in the solution, or with something wrong: what it begins with, watches, asks, and what it sets whether
    better or not."""

    class Lowest(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.val_loss = begin

        def on_epoch_end(self, epoch, logs=None):
            is_better = better(logs[key], self.val_loss)
            if is_better or "val_loss" in always:
                self.val_loss = of(logs[key])
            if is_better or "epoch" in always:
                self.epoch = epoch + count

    return Lowest


def ends_with(on_epoch_end, name="on_epoch_end", **attributes):
    return type("Lowest", (keras.callbacks.Callback,), {name: on_epoch_end, **attributes})


def undefined(self, epoch, logs=None):
    if logs["val_loss"] < self.val_loss:
        self.val_loss, self.epoch = logs["val_loss"], epoch + 1


def other_names(self, epoch, logs=None):
    self.lowest, self.best = logs["val_loss"], epoch


def lower_than_before(self, epoch, logs=None):
    if logs["val_loss"] < self.before:
        self.val_loss, self.epoch = logs["val_loss"], epoch + 1
    self.before = logs["val_loss"]


WRONG_CALLBACKS = [
    (ends_with(other_names), "called best, lowest"),
    (callback(count=0), "for the third epoch your callback says 2."),
    (callback(count=0, key="loss"), "watches training loss"),
    (callback(count=0, always=("val_loss",)), "your callback says 0.7 and 2"),
    (callback(count=2), "your callback says 0.55 and 4"),
    (callback(begin=0), "your val_loss is 0, as if"),
    (ends_with(undefined, val_loss=0, epoch=0), "your val_loss is 0"),
    (ends_with(undefined, val_loss=100, epoch=0), "your val_loss is 100"),
    (callback(better=lambda new, old: new > old), "your val_loss is inf, as if"),
    (ends_with(undefined, val_loss=-INF, epoch=0), "your val_loss is -inf"),
    (ends_with(lower_than_before, before=INF), "your callback says 0.52 and 6"),
    (ends_with(lambda self, epoch, logs: 1 / 0), "ZeroDivisionError"),
]


def in_init():
    class Lowest(keras.callbacks.Callback):
        def __init__(self):
            self.val_loss, self.epoch = INF, 0

        def on_epoch_end(self, epoch, logs=None):
            print("epoch", epoch)
            if logs.get("val_loss") < self.val_loss:
                self.val_loss, self.epoch = logs["val_loss"], epoch + 1

    return Lowest


def from_a_list():
    class Lowest(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.losses = []

        def on_epoch_end(self, epoch, logs):
            self.losses.append(logs["val_loss"])

        def on_train_end(self, logs=None):
            self.val_loss, self.epoch = np.min(self.losses), np.argmin(self.losses) + 1

    return Lowest


def from_the_history():
    def on_train_end(self, logs=None):
        losses = self.model.history.history["val_loss"]
        self.val_loss, self.epoch = min(losses), losses.index(min(losses)) + 1

    return ends_with(on_train_end, "on_train_end")


def keeping(monitor="val_loss", mode="auto", best=True, epochs=lambda epochs: epochs, file=lambda file: file):
    """The solution, or with something wrong in it."""

    def keep_best(model, x, y, x_val, y_val, path, n):
        keep = keras.callbacks.ModelCheckpoint(
            file(path), monitor=monitor, mode=mode, save_best_only=best, save_weights_only=True
        )
        model.fit(x, y, epochs=epochs(n), validation_data=(x_val, y_val), callbacks=[keep])

    return keep_best


def early(model, x, y, x_val, y_val, file, epochs):
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=epochs, restore_best_weights=True)
    model.fit(x, y, epochs=epochs, validation_data=(x_val, y_val), callbacks=stop, verbose=0)
    model.save_weights(file)


class Own(keras.callbacks.Callback):
    """Keeps the best by hand, measured by itself."""

    def __init__(self, file, x_val, y_val):
        super().__init__()
        self.file, self.data, self.lowest = file, (x_val, y_val), INF

    def on_epoch_end(self, epoch, logs=None):
        loss = self.model.evaluate(*self.data)[0]
        if loss < self.lowest:
            self.lowest = loss
            self.model.save_weights(self.file)


def by_hand(model, x, y, x_val, y_val, file, epochs):
    model.fit(x, y, epochs=epochs, callbacks=[Own(file, x_val, y_val)])


def epoch_by_epoch(model, x, y, x_val, y_val, file, epochs):
    lowest = INF
    for _ in range(epochs):
        loss = model.fit(x, y, validation_data=(x_val, y_val)).history["val_loss"][0]
        if loss < lowest:
            lowest = loss
            model.save_weights(file)


def moved(model, x, y, x_val, y_val, file, epochs):
    model.fit(x, y, epochs=epochs, validation_data=(x_val, y_val), verbose=0)
    model.save(file + ".keras")
    shutil.move(file + ".keras", file)


def by_the_name_it_has_elsewhere(model, x, y, x_val, y_val, file, epochs):
    keeping(file=lambda file: "best.weights.h5")(model, x, y, x_val, y_val, file, epochs)


NOT_KEPT = {
    "misspelt, min": (keeping("val_los", "min"), "Keras says: Can save best model only with val_los"),
    "fewer epochs": (keeping(epochs=lambda n: n - 2), "Asked for were 8 epochs; the network was trained for 6"),
    "more epochs": (keeping(epochs=lambda n: n + 2), "goes on training after epoch 8"),
    "moved": (moved, "holds a whole model"),
    "other name": (keeping(file=lambda file: file.replace("lowest", "best")), "wrote best_0.weights.h5 instead"),
    "other folder": (by_the_name_it_has_elsewhere, "wrote best.weights.h5 instead"),
    "a file for each epoch": (
        keeping(file=lambda file: file.replace("lowest", "{epoch}")),
        "wrote 1_0.weights.h5 instead",
    ),
}
NOT_TRAINED = [
    (3, "begin with def keep_best"),
    (None, "begin with def"),
    ("keep_best", "begin with def"),
    (keras.callbacks.ModelCheckpoint, "begin with def"),
    (lambda model: None, "TypeError"),
    (lambda *_: eval("modle"), "NameError"),
    (keeping(file=lambda file: file.replace(".weights.h5", ".h6")), "ValueError"),
]


def naming(columns=lambda rows: rows.argmax(axis=1), of=list, order=list):
    def names(model, pictures, class_names):
        class_names = order(class_names)
        return of([class_names[column] for column in columns(model.predict(pictures))])

    return names


WRONG_NAMES = [
    (3, "begin with def names"),
    (None, "begin with def"),
    ("Dress", "begin with def"),
    (lambda *_: None, "returns nothing yet"),
    (lambda *_: ..., "returns nothing yet"),
    (lambda *_: 1 / 0, "ZeroDivisionError"),
    (lambda model, pictures, class_names: model.predict(pictures).argmax(axis=1).tolist(), "numbers of columns"),
    (naming(lambda rows: rows[:1].argmax(axis=1)), "yours has 1"),
    (naming(of=" ".join), "a single text"),
    (naming(of=iter), "put list("),
    (naming(of=lambda names: names[::-1]), "in another order"),
    (naming(order=lambda names: names[::-1]), "The largest is in column"),
    (naming(of=lambda names: list(dict.fromkeys(names))), "should have 7 names; yours has 3"),
    (naming(lambda rows: (rows > 0.5).argmax(axis=1)), "The largest is in column"),
    (naming(order=lambda names: ["Dress", "Shirt", "Bag"]), "not for 40 of 5"),
    (naming(order=lambda names: ["Coat", "Shirt", "Bag"]), "Coat is not among"),
    (naming(lambda rows: rows[:, :3].argmax(axis=1)), "For the"),
    (naming(lambda rows: rows[:32].argmax(axis=1)), "should have 40 names; yours has 32"),
]


def resuming(initial=lambda done, epochs: done, last=lambda done, epochs: epochs, load=keras.models.load_model):
    """The solution, or with something wrong in it."""

    def resume(file, x, y, done, epochs):
        return load(file).fit(x, y, initial_epoch=initial(done, epochs), epochs=last(done, epochs))

    return resume


MADE_BEFORE = lesson_4._classifier(8, 3)
NOT_RESUMED = {
    "all of them again": (resuming(lambda *_: 0), "trains 5 epochs more, numbered from 1"),
    "too few": (
        resuming(last=lambda done, epochs: epochs - done),
        "fit trained 1 epoch, because epochs is the number of the last epoch",
    ),
    "only the last": (resuming(lambda done, epochs: epochs - 1), "tells of epoch 5. Call fit once"),
    "always the same": (
        resuming(lambda *_: 2, lambda *_: 5),
        "so only epoch 4 is left. What you return tells of epochs 3, 4, 5. Call fit once",
    ),
    "not loaded": (resuming(load=lambda file: MADE_BEFORE), "not the one in the file"),
    "not compiled": (resuming(load=lambda file: keras.models.load_model(file, compile=False)), "compile()"),
}
NOT_RETURNED = [
    (3, "begin with def resume"),
    (None, "begin with def"),
    ("resume", "begin with def"),
    (lambda file: None, "TypeError"),
    (lambda *_: eval("modle"), "NameError"),
    (lambda *_: keras.callbacks.History(), "Yours trained none"),
]
QUICK = [
    (name, *wrong)
    for name, wrongs in (
        ("Lowest", WRONG_CALLBACKS),
        ("keep_best", NOT_TRAINED),
        ("names", WRONG_NAMES),
        ("resume", NOT_RETURNED),
    )
    for wrong in wrongs
]
TRAINED = [
    pytest.param(name, *wrong, id=f"{name}: {which}")
    for name, wrongs in (("keep_best", NOT_KEPT), ("resume", NOT_RESUMED))
    for which, wrong in wrongs.items()
]


def solved(name):
    names = {"keras": keras, "np": np}
    exec(CHECKS[name].solution, names)
    return CHECKS[name](names[name])


@pytest.fixture(autouse=True)
def nothing_is_said_and_no_file_left(capfd, tmp_path, monkeypatch):
    """A check prints nothing, lets no warning through and leaves no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    out, err = capfd.readouterr()
    assert not out and not err
    assert set(os.listdir(tmp_path)) <= {"best.weights.h5"}


@pytest.mark.parametrize("name", CHECKS)
def test_the_solution_passes(name):
    feedback = solved(name)
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name, answer, words", QUICK)
def test_a_known_wrong_answer_fails_with_words_that_help(name, answer, words):
    feedback = CHECKS[name](answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize("name, answer, words", TRAINED)
def test_a_wrong_answer_that_trains_fails_with_words_that_help(name, answer, words):
    feedback = CHECKS[name](answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.parametrize("name", CHECKS)
def test_the_untouched_stub_runs_and_says_what_to_do(name):
    assert "three dots" in CHECKS[name](...).message
    names = {"keras": keras}
    lines = CHECKS[name].solution.splitlines()
    method = "    def on_epoch_end(self, epoch, logs=None):\n    " if name == "Lowest" else ""
    exec(f"{lines[0]}\n{method}    ...", names)
    feedback = CHECKS[name](names[name])
    assert not feedback.passed and "nothing yet" in feedback.message, feedback.message


def test_the_hint_gives_the_solution_not_away():
    for check in CHECKS.values():
        assert check.solution.strip().splitlines()[-1].strip() not in check.hint


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        in_init(),
        from_a_list(),
        from_the_history(),
        ends_with(undefined, val_loss=INF, epoch=None),
        callback(of=lambda new: round(new, 2)),
        callback(of=np.float32, begin=np.inf),
    ],
    ids=["init", "list", "history", "class attributes", "rounded", "numpy"],
)
def test_other_ways_to_the_lowest_pass(answer):
    feedback = lesson_4.check_callback(answer)
    assert feedback.passed and "the later one" not in feedback.message, feedback.message


def test_the_later_of_two_equal_epochs_passes_with_a_remark():
    feedback = lesson_4.check_callback(callback(better=lambda new, old: new <= old))
    assert feedback.passed and "Keras keeps the first" in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [keeping(best="False"), keeping(mode="min"), early, by_hand, epoch_by_epoch],
    ids=["text", "min", "early", "by hand", "one by one"],
)
def test_other_ways_to_keep_the_best_pass(answer):
    feedback = lesson_4.check_keep_best(answer)
    assert feedback.passed, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "training, best, least, accuracy, highest",
    [(lesson_4.TRAININGS[0], 5, 7, 4, 2), (lesson_4.TRAININGS[1], 2, 3, 6, 4)],
)
def test_the_epochs_that_a_wrong_callback_would_keep_are_others_whatever_the_order_of_the_rows(
    training, best, least, accuracy, highest
):
    for seed in range(4):
        keras.utils.set_random_seed(seed)
        model, (x, y, x_val, y_val) = lesson_4._recorded(*training)
        curves = model.fit(x, y, validation_data=(x_val, y_val), epochs=model.epochs, verbose=0).history
        assert [
            np.argmin(curves["val_loss"]),
            np.argmin(curves["loss"]),
            np.argmax(curves["val_accuracy"]),
            np.argmax(curves["val_loss"]),
        ] == [best - 1, least - 1, accuracy - 1, highest - 1]
        assert np.diff(np.sort(curves["val_loss"]))[0] > 0.01


@pytest.mark.parametrize(
    "answer",
    [
        naming(of=np.array),
        naming(of=tuple),
        naming(lambda rows: np.argmax(rows, axis=-1)),
        naming(lambda rows: [list(row).index(max(row)) for row in rows]),
        lambda model, pictures, class_names: np.array(class_names)[np.argmax(model(pictures), axis=1)],
        pytest.param(
            lambda model, pictures, class_names: [
                class_names[model.predict(picture[None])[0].argmax()] for picture in pictures
            ],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["array", "tuple", "axis -1", "lists", "numpy", "one at a time"],
)
def test_other_ways_to_the_names_pass(answer):
    feedback = lesson_4.check_names(answer)
    assert feedback.passed, feedback.message


def saves_again(file, x, y, done, epochs):
    model = keras.saving.load_model(file)
    keep = keras.callbacks.ModelCheckpoint(file)
    return model.fit(x, y, batch_size=16, validation_data=(x, y), initial_epoch=done, epochs=epochs, callbacks=[keep])


@pytest.mark.slow
def test_another_way_to_resume_passes():
    feedback = lesson_4.check_resume(saves_again)
    assert feedback.passed, feedback.message
