"""The winner's curse, as a game: many settings drawn at random, the best of them chosen, and then the test set opened,
live.

winners_curse(build, clothes, {"units": [8, 16, 32], "dropout": [0.0, 0.25, 0.5], "learning_rate": [0.001, 0.003,
0.01]})
"""

import inspect
from collections import namedtuple

import ipywidgets as widgets
import numpy as np

from helpers.curves import tries as pictures
from helpers.engine.builder import keywords, name_of
from helpers.engine.examples import check_examples, training_and_validation
from helpers.engine.settings import check_builder
from helpers.engine.trainer import DIVERGED, Trainer
from helpers.error_bars import in_words
from helpers.errors import LessonError, is_whole, shorten
from helpers.live.controls import in_words as in_full
from helpers.live.fields import in_columns
from helpers.live.part import WORDS, Live, beside

MOST_TRIES = 1000
LEAST_TEST = 30  # pictures, for a test set that says anything

# The try that is chosen. number: from 1; settings: its keywords; seed: of its training; accuracy: on the validation
# pictures used.
Try = namedtuple("Try", "number settings seed accuracy")


def winners_curse(
    build,
    data,
    choices,
    tries=(1, 200, 200),
    n_validation=(10, 200, 30),
    shuffled=False,
    seed=(0, 9, 0),
    n_train=200,
    epochs=5,
    batch_size=32,
):
    """Show a game: train settings drawn at random, choose the best by validation accuracy, then open the test set.

    build: as in `explore`; its network ends in a sigmoid or a softmax. data: as in `explore`, arrays with validation
    data. choices: {keyword of build: list of values}, from which each try draws. Six structures (layers, activations,
    optimizers) or fewer: more have to be compiled again and again; dropout rates and learning rates cost nothing.
    tries, n_validation, shuffled, seed: short forms of controls, as in `explore`: how many settings are tried; on how
    many validation pictures they are compared; whether the labels of all pictures are shuffled, so that there is
    nothing to learn; what the draws and the shuffling start from.
    n_train, epochs, batch_size: of each training.

    The game never touches the lesson's own test pictures. The first `n_train` training pictures of `data` are for
    training, all its validation pictures for validation, and the rest of its training pictures are the game's test set.
    Every try is measured on these as well, when it is trained, but only that of the chosen one is shown, and only once
    the test set is opened.

    Returns the `Game`, when all tries are trained. Raises `LessonError` for a mistake in any of these.
    """
    forms = {"tries": tries, "n_validation": n_validation, "shuffled": shuffled, "seed": seed}
    return Game(build, data, choices, forms, n_train, epochs, batch_size).show()


class Game(Live):
    """What `winners_curse` has made.

    `accuracies`: of each try, on the validation pictures in use, float, shape (tries done,); `best`: the `Try` that is
    chosen, the first of those with the highest accuracy (None before the first); `test_accuracy`: of the same network,
    None until the test set is open; `settings`: {control: value}; `state`: one of "building", "training", "done",
    "stopped", "error".
    """

    made_by = "winners_curse"
    counts = ("try", "tries")
    says = {**WORDS, "training": "Training: {epochs} tr{ies} …"}

    def __init__(self, build, data, choices, forms, n_train=200, epochs=5, batch_size=32):
        super().__init__()
        _check(build, choices)
        self._build, self._choices = build, {keyword: list(values) for keyword, values in choices.items()}
        self._training = {"epochs": epochs, "batch_size": batch_size}
        self._parts = _parts(data, n_train)
        self._measured_on = np.concatenate([self._parts["validation"][0], self._parts["test"][0]])
        self._chance = 1 / len(np.unique(_as_labels(self._parts["training"][1])))
        # (shuffled, seed) -> for each try: which validation and which test pictures it answers right
        self._answers = {}
        self._trainer, self._trainer_made_for, self._outputs, self._opened = None, None, None, False
        self._add_controls(_settings, forms)
        self.settings = _checked(self._read_controls(), len(self._parts["validation"][0]))
        self._open_button = widgets.Button(
            description="Open the game's test set",
            disabled=True,
            layout=widgets.Layout(width="auto"),
            tooltip="Measure the chosen network on the test pictures; moving a control seals them again",
        )
        self._open_button.on_click(self._on_open)
        buttons = beside([self._open_button, self._stop_button, self._progress])
        self._assemble(in_columns(self._controls.values()), buttons)

    def __repr__(self):
        tries = f"{len(self._played())} of {self.settings['tries']} tries"
        return f"<the winner's curse with {name_of(self._build)}(): {tries}; {self.state}>"

    def open(self):
        """Open the test set, as the button does. Raises `LessonError` while there are tries to be trained."""
        if self.state != "done":
            raise LessonError("The test set is opened when all tries are trained: game.wait(), then game.open().")
        self._opened = True
        self._request()

    @property
    def accuracies(self):
        return np.array([right[: self.settings["n_validation"]].mean() for right, _ in self._played()])

    @property
    def best(self):
        accuracies = self.accuracies
        if not len(accuracies):
            return None
        number = 1 + int(accuracies.argmax())
        return Try(number, self._drawn(number), self._seed_of(number), float(accuracies.max()))

    @property
    def test_accuracy(self):
        return float(self._tested().mean()) if self._opened else None

    # From a control to a run

    def _on_open(self, _button):
        if self.state == "done":
            self.open()

    def _train(self, stop):
        settings = self._read_controls()
        self._opened = self._opened and settings == self.settings
        self.settings = _checked(settings, len(self._parts["validation"][0]))
        tries = settings["tries"]
        done = self._answers.setdefault(self._course(), [])  # kept: no move trains a try twice
        self._open_button.disabled = len(done) < tries
        while len(done) < tries and not stop.is_set():
            if self.state != "training" or self._is_due():
                self._draw("training" if self._trainer_made_for == self._course() else "building")
            self._try(done, stop)
        self._open_button.disabled = len(done) < tries
        if len(done) < tries:
            so_far = f"{len(done)} of {tries} tries are trained; move a control to go on."
            return "stopped", f"{so_far} {self._in_words()}" if done else so_far
        return "done", self._in_words()

    def _try(self, done, stop):
        """Train the next try and put which pictures its network answers right into `done`, unless it is stopped."""
        number = len(done) + 1
        labels = self._labels()
        if self._trainer_made_for != self._course():
            self._trainer = Trainer(self._build, self._parts["training"][0], labels["training"], measure=self._measure)
            self._trainer_made_for = self._course()
        settings, self._outputs = self._drawn(number), None
        try:
            history = self._trainer.run(settings, **self._training, seed=self._seed_of(number), stop=stop)
        except LessonError as error:
            raise LessonError(f"Try {number} ({in_full(settings)}) cannot be trained. {error}") from error
        if len(history.epoch) < self._training["epochs"] and history.note != DIVERGED:
            return
        if self._outputs is None:  # an interrupt came between its last epoch and this line: train it anew
            self._trainer_made_for = None
        else:
            right = _right(self._outputs, np.concatenate([labels["validation"], labels["test"]]))
            done.append((right[: len(labels["validation"])], right[len(labels["validation"]) :]))

    def _measure(self, model, _x, _y, _n_train, _batch_size):
        """After each epoch, what the network says about the pictures measured on; that after the last one counts."""
        self._outputs = np.asarray(model.predict_on_batch(self._measured_on), float)
        return {}

    def _course(self):
        """What decides the course of a round; the other two controls only look at it in another way."""
        return self.settings["shuffled"], self.settings["seed"]

    def _labels(self):
        """{part: its labels}, shuffled within each part if the game is to be about nothing."""
        shuffled, seed = self._course()
        random = np.random.RandomState(seed)
        return {name: random.permutation(y) if shuffled else y for name, (_, y) in self._parts.items()}

    def _drawn(self, number):
        """The settings that are drawn for a try; they depend on nothing but the seed and the try's number."""
        random = np.random.RandomState([self.settings["seed"], number])
        return {keyword: values[random.randint(len(values))] for keyword, values in self._choices.items()}

    def _seed_of(self, number):
        return 1000 * self.settings["seed"] + number

    def _played(self):
        """The tries in use: for each, which validation and which test pictures it answers right."""
        return self._answers.get(self._course(), [])[: self.settings["tries"]]

    # What it says

    def _in_words(self):
        best = self.best
        if best is None:
            return "No try has been trained yet."
        done, n = len(self._played()), self.settings["n_validation"]
        said = f"Best of {done}: {best.accuracy:.2f} on {n} validation pictures ({in_full(best.settings)})."
        said += self._nothing_to_learn()
        if not self._opened:
            return f"{said} The game's test set is sealed."
        right = self._tested()
        return f"{said} The same network on {len(right)} test pictures: {in_words(int(right.sum()), len(right))}."

    def _still_words(self):
        words = (
            f"{self.settings['tries']} settings drawn at random, each trained once and measured on"
            f" {self.settings['n_validation']} validation pictures.{self._nothing_to_learn()}"
            " A dot is one try; the line, the best so far, can only rise."
        )
        return f"{words} The game's test set is sealed.", f"{words} Run this cell to play it yourself."

    def _nothing_to_learn(self):
        return " All labels are shuffled: there is nothing to learn." if self.settings["shuffled"] else ""

    # What it looks like

    def _tested(self):
        """Which test pictures the chosen network answers right."""
        return self._played()[self.best.number - 1][1]

    def _marks(self):
        done, wanted = len(self._played()), self.settings["tries"]
        return {"epoch": done, "epochs": wanted, "settings": self.settings, "opened": int(self._opened)}

    def _picture(self):
        chance = self._chance if self.settings["shuffled"] else None
        tested = (self.test_accuracy, len(self._tested())) if self._opened else None
        tries, n = self.settings["tries"], self.settings["n_validation"]
        return pictures.picture(self.accuracies, tries, n, self._in_words(), chance, tested)


def _settings(tries=200, n_validation=30, shuffled=False, seed=0):
    """Takes the keywords that the game has controls for; only its first line is read."""


def _check(build, choices):
    example = '{"units": [8, 16, 32], "learning_rate": [0.001, 0.01]}'
    check_builder(build, "winners_curse")
    if not isinstance(choices, dict) or not choices:
        raise LessonError(
            "winners_curse draws settings from choices, a dictionary of keywords of your function and lists of values:"
            f" {example}."
        )
    takes, parameters = keywords(build), inspect.signature(build).parameters.values()
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    for keyword, values in choices.items():
        if keyword not in takes and not anything:
            raise LessonError(
                f"Your function {name_of(build)}({', '.join(takes)}) has no keyword {keyword!r}, which is in choices."
                " Write it into the function's first line and use it inside, or take it out of choices."
            )
        if not isinstance(values, (list, tuple, range)) or not len(values):
            raise LessonError(
                f"The choices for {keyword} should be a list of values, as in {example}; here it is"
                f" {shorten(repr(values), 60)}."
            )


def _parts(data, n_train):
    """{"training", "validation", "test": (pictures, labels)}; for the test are the training pictures left over."""
    x, y, validation = training_and_validation(data)
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray) or validation is None:
        raise LessonError(
            "winners_curse needs pictures and labels as arrays, with validation data: a dataset of clothing(…), or"
            " (x, y)."
        )
    check_examples(x, y, validation)
    if not is_whole(n_train, 1) or n_train > len(x) - LEAST_TEST:
        raise LessonError(
            f"n_train={n_train!r} must be a whole number from 1 to {len(x) - LEAST_TEST}: of the {len(x)} training"
            f" pictures, those that are left over are the test set of this game, which needs {LEAST_TEST} or more."
        )
    return {"training": (x[:n_train], y[:n_train]), "validation": validation, "test": (x[n_train:], y[n_train:])}


def _checked(settings, most):
    """`settings`, or a `LessonError` if they cannot be played. most: how many validation pictures there are."""
    for name, highest in (("tries", MOST_TRIES), ("n_validation", most)):
        value = settings[name]
        if not is_whole(value, 1) or value > highest:
            raise LessonError(
                f"{name} must be a whole number from 1 to {highest}; it is {value!r}."
                f" Change it in winners_curse(…, {name}=…)."
            )
    return settings


def _as_labels(y):
    return y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))


def _right(outputs, y):
    """Which pictures are answered right: bool, shape (pictures,).

    outputs: shape (pictures, 1) of a sigmoid, or (pictures, classes).
    """
    outputs = outputs.reshape(len(y), -1)
    answers = outputs.argmax(1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.5
    return (answers == _as_labels(y)) & np.isfinite(outputs).all(axis=1)  # what is not a number is no answer
