"""The winner's curse, as a game: many settings drawn at random, the best of them chosen, and then the test set opened,
live.

winners_curse(build, clothes, {"units": [8, 16, 32], "dropout": [0.0, 0.25, 0.5], "learning_rate": [0.001, 0.003,
0.01]})
"""

import html
import inspect
from collections import namedtuple
from math import comb
from numbers import Integral

import ipywidgets as widgets
import keras
import numpy as np

from helpers.curves.sheets import GHOST, GRID, INK, LEFT, LOOKS, WIDTH, x_ticks
from helpers.engine.builder import keywords
from helpers.engine.examples import check_examples, training_and_validation
from helpers.engine.trainer import DIVERGED, Trainer
from helpers.error_bars import in_words, interval
from helpers.errors import LessonError, shorten
from helpers.live.controls import controls, value_of
from helpers.live.part import WORDS, Live

HEIGHT, TOP, TALL, WIDE = 340, 62, 226, 556  # pixels: of the picture; above its plotting area; of that area
TEST = 700  # pixels from the left of the plotting area to where the test accuracy is drawn
TICKS = (0, 0.25, 0.5, 0.75, 1)
MOST_TRIES = 1000
LEAST_TEST = 30  # pictures, for a test set that says anything
BEST, TESTED, GUESSERS = LOOKS["validation"][0], INK, LOOKS["measured again"][0]

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
    """Show a game: train settings drawn at random, choose the one with the best validation accuracy, then open the test
    set.

    build: as in `explore`; its network ends in a sigmoid or a softmax. data: as in `explore`, arrays with validation
    data.
    choices: {keyword of build: list of values}, from which each try draws. Six structures (layers, activations,
    optimizers) or
    fewer: more have to be compiled again and again; dropout rates and learning rates cost nothing.
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
    game = Game(
        build,
        data,
        choices,
        {"tries": tries, "n_validation": n_validation, "shuffled": shuffled, "seed": seed},
        n_train,
        epochs,
        batch_size,
    )
    game.show()
    return game


def expected_best(tries, n, chance=0.5):
    """The best accuracy to expect of 1, 2, … `tries` guessers on n pictures: floats, shape (tries,).

    Each guesses on its own and is right with probability `chance`. The most of k numbers X of right answers, each
    binomial, is at most j with probability P(X ≤ j)**k, and the mean of the most is the sum over j from 0 to n - 1 of 1
    - P(X ≤ j)**k.
    """
    at_most = np.cumsum([comb(n, j) * chance**j * (1 - chance) ** (n - j) for j in range(n)])
    return (1 - at_most ** np.arange(1, tries + 1)[:, np.newaxis]).sum(axis=1) / n


class Game(Live):
    """What `winners_curse` has made.

    `accuracies`: of each try, on the validation pictures in use, float, shape (tries done,); `best`: the `Try` that is
    chosen, the first of those with the highest accuracy (None before the first); `test_accuracy`: of the same network,
    None until the test set is open;
    `settings`: {control: value}; `state`: one of "building", "training", "done", "stopped", "error".
    """

    made_by = "winners_curse"
    says = {**WORDS, "training": "Training: {epochs} tries …"}

    def __init__(self, build, data, choices, forms, n_train=200, epochs=5, batch_size=32):
        super().__init__()
        _check(build, choices)
        self._build, self._choices = build, {keyword: list(values) for keyword, values in choices.items()}
        self._training = {"epochs": epochs, "batch_size": batch_size}
        self._parts = _parts(data, n_train)
        self._measured_on = np.concatenate([self._parts["validation"][0], self._parts["test"][0]])
        self._chance = 1 / len(np.unique(_as_labels(self._parts["training"][1])))
        self._controls, self._fixed = controls(_settings, forms, None, self.made_by)
        self._of_student = [form for form in forms.values() if isinstance(form, widgets.Widget)]
        # (shuffled, seed) -> for each try: which validation and which test pictures it answers right
        self._answers = {}
        self._trainer, self._trainer_made_for, self._outputs, self._opened = None, None, None, False
        self.settings = _checked(self._read_controls(), len(self._parts["validation"][0]))
        for control in self._controls.values():
            control.observe(self._request, "value")
        self._open_button = widgets.Button(
            description="Open the game's test set",
            disabled=True,
            layout=widgets.Layout(width="auto"),
            tooltip="Measure the chosen network on the test pictures; moving a control seals them again",
        )
        self._open_button.on_click(self._on_open)
        self._assemble(_row(self._controls.values()), _row([self._open_button, self._stop_button]))

    def __repr__(self):
        name = getattr(self._build, "__name__", "build")
        return (
            f"<the winner's curse with {name}(): {len(self._played())} of {self.settings['tries']} tries; {self.state}>"
        )

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

    def _lent(self):
        return self._of_student

    # From a control to a run

    def _read_controls(self):
        return {**{name: value_of(control) for name, control in self._controls.items()}, **self._fixed}

    def _on_open(self, _button):
        if self.state == "done":
            self.open()

    def _train(self, stop):
        settings = self._read_controls()
        self._opened = self._opened and settings == self.settings
        self.settings = _checked(settings, len(self._parts["validation"][0]))
        tries, done = (
            settings["tries"],
            self._answers.setdefault(self._course(), []),
        )  # kept: no move trains a try twice
        self._open_button.disabled = len(done) < tries
        while len(done) < tries and not stop.is_set():
            if self.state != "training" or self._is_due():
                self._draw("training" if self._trainer_made_for == self._course() else "building")
            self._try(done, stop)
        self._open_button.disabled = len(done) < tries
        if len(done) < tries:
            return "stopped", f"{len(done)} of {tries} tries are trained; move a control to go on. {self._in_words()}"
        return "done", self._in_words()

    def _try(self, done, stop):
        """Train the try that comes next, and put which pictures its network answers right into `done`, unless it is
        stopped."""
        number = len(done) + 1
        labels = self._labels()
        if self._trainer_made_for != self._course():
            self._trainer = Trainer(self._build, self._parts["training"][0], labels["training"], measure=self._measure)
            self._trainer_made_for = self._course()
        settings, self._outputs = self._drawn(number), None
        try:
            history = self._trainer.run(settings, **self._training, seed=self._seed_of(number), stop=stop)
        except LessonError as error:
            raise LessonError(f"Try {number} ({_written(settings)}) cannot be trained. {error}") from error
        if len(history.epoch) < self._training["epochs"] and history.note != DIVERGED:
            return
        if self._outputs is None:  # an interrupt came between its last epoch and this line: train it anew
            self._trainer_made_for = None
        else:
            right = _right(self._outputs, np.concatenate([labels["validation"], labels["test"]]))
            done.append((right[: len(labels["validation"])], right[len(labels["validation"]) :]))

    def _measure(self, model, _x, _y, _n_train, _batch_size):
        """After each epoch: what the network says about the validation and the test pictures; that after the last epoch
        counts."""
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
        nothing = " All labels are shuffled: there is nothing to learn." if self.settings["shuffled"] else ""
        said = f"Best of {done}: {best.accuracy:.2f} on {n} validation pictures ({_written(best.settings)}).{nothing}"
        if not self._opened:
            return f"{said} The game's test set is sealed."
        right = self._tested()
        return f"{said} The same network on {len(right)} test pictures: {in_words(int(right.sum()), len(right))}."

    def _still_words(self):
        nothing = " All labels are shuffled: there is nothing to learn." if self.settings["shuffled"] else ""
        words = (
            f"{self.settings['tries']} settings drawn at random, each trained once and measured on"
            f" {self.settings['n_validation']} validation pictures.{nothing}"
            " A dot is one try; the line, the best so far, can only rise."
        )
        return f"{words} The game's test set is sealed.", f"{words} Run this cell to play it yourself."

    # What it looks like

    def _tested(self):
        """Which test pictures the chosen network answers right."""
        return self._played()[self.best.number - 1][1]

    def _marks(self):
        return {
            "epoch": len(self._played()),
            "epochs": self.settings["tries"],
            "settings": self.settings,
            "opened": int(self._opened),
        }

    def _picture(self):
        tries, n, accuracies = self.settings["tries"], self.settings["n_validation"], self.accuracies
        step = WIDE / max(1, tries - 1)
        legend, parts = [("dot", GHOST, "one try"), ("6 3", BEST, f"best so far, on {n} validation pictures")], []
        if self.settings["shuffled"]:
            guessers = expected_best(tries, n, self._chance)
            parts += [
                f'<path class="chance" d="M0 {_y(self._chance)}H{TEST + 20}" stroke="{GHOST}"/>',
                _line("guessers", step * np.arange(tries), guessers, GUESSERS, "2 3"),
            ]
            legend.insert(1, ("2 3", GUESSERS, "the best of as many guessers"))
        if len(accuracies):
            best = np.maximum.accumulate(accuracies)
            dots = "".join(f"M{number * step:.1f} {_y(accuracy)}h0" for number, accuracy in enumerate(accuracies))
            parts.insert(
                0,
                f'<path class="tries" d="{dots}" stroke="{GHOST}" stroke-opacity=".6" stroke-width="4.5"'
                ' stroke-linecap="round"/>',
            )
            stairs = (
                step * np.repeat(np.arange(len(best)), 2)[1:],
                np.repeat(best, 2)[:-1],
            )  # up at the try that is better, not before
            parts += [
                _line("best", *stairs, BEST, "6 3"),
                _with_bar(
                    "best",
                    (len(best) - 1) * step,
                    best[-1],
                    n,
                    BEST,
                    LOOKS["validation"][2],
                    f"best of {len(best)}",
                    WIDE + 14,
                ),
            ]
        if self._opened:
            parts.append(
                _with_bar(
                    "test",
                    TEST,
                    self.test_accuracy,
                    len(self._tested()),
                    TESTED,
                    LOOKS["new pictures"][2],
                    "on test",
                    TEST + 14,
                )
            )
        return _svg(self._in_words(), tries, step, legend, parts)


def _settings(tries=200, n_validation=30, shuffled=False, seed=0):
    """Takes the keywords that the game has controls for; only its first line is read."""


def _check(build, choices):
    example = '{"units": [8, 16, 32], "learning_rate": [0.001, 0.01]}'
    if isinstance(build, keras.Model) or not callable(build):
        raise LessonError(
            "winners_curse needs the function that makes the network, not the network: leave out the brackets,"
            " winners_curse(build, …)."
        )
    if not isinstance(choices, dict) or not choices:
        raise LessonError(
            "winners_curse draws settings from choices, a dictionary of keywords of your function and lists of values:"
            f" {example}."
        )
    takes, name = keywords(build), getattr(build, "__name__", "build")
    anything = any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(build).parameters.values()
    )
    for keyword, values in choices.items():
        if keyword not in takes and not anything:
            raise LessonError(
                f"Your function {name}({', '.join(takes)}) has no keyword {keyword!r}, which is in choices. Write it"
                " into the function's first line and use it inside, or take it out of choices."
            )
        if not isinstance(values, (list, tuple, range)) or not len(values):
            raise LessonError(
                f"The choices for {keyword} should be a list of values, as in {example}; here it is"
                f" {shorten(repr(values), 60)}."
            )


def _parts(data, n_train):
    """{"training", "validation", "test": (pictures, labels)}: the test pictures are the training pictures of `data`
    that are left over."""
    x, y, validation = training_and_validation(data)
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray) or validation is None:
        raise LessonError(
            "winners_curse needs pictures and labels as arrays, with validation data: a dataset of clothing(…), or"
            " (x, y)."
        )
    check_examples(x, y, validation)
    if isinstance(n_train, bool) or not isinstance(n_train, Integral) or not 1 <= n_train <= len(x) - LEAST_TEST:
        raise LessonError(
            f"n_train={n_train!r} must be a whole number from 1 to {len(x) - LEAST_TEST}: of the {len(x)} training"
            f" pictures, those that are left over are the test set of this game, which needs {LEAST_TEST} or more."
        )
    return {"training": (x[:n_train], y[:n_train]), "validation": validation, "test": (x[n_train:], y[n_train:])}


def _checked(settings, most):
    """`settings`, or a `LessonError` if they cannot be played. most: how many validation pictures there are."""
    for name, highest in (("tries", MOST_TRIES), ("n_validation", most)):
        value = settings[name]
        if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= value <= highest:
            raise LessonError(
                f"{name} must be a whole number from 1 to {highest}; it is {value!r}."
                f" Change it in winners_curse(…, {name}=…)."
            )
    return settings


def _as_labels(y):
    return y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))


def _right(outputs, y):
    """Which pictures are answered right: bool, shape (pictures,). outputs: shape (pictures, 1) of a sigmoid, or
    (pictures, classes)."""
    outputs = outputs.reshape(len(y), -1)
    answers = outputs.argmax(1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.5
    return (answers == _as_labels(y)) & np.isfinite(outputs).all(axis=1)  # what is not a number is no answer


def _written(settings):
    return ", ".join(f"{keyword} {value}" for keyword, value in settings.items())


def _row(children):
    return widgets.HBox(list(children), layout=widgets.Layout(flex_flow="row wrap"))


def _y(accuracy):
    return f"{TALL * (1 - accuracy):.1f}"


def _line(name, x, accuracies, colour, dashes):
    points = " ".join(f"{across:.1f},{_y(accuracy)}" for across, accuracy in zip(x, accuracies, strict=True))
    return (
        f'<polyline data-name="{name}" points="{points}" stroke="{colour}" stroke-dasharray="{dashes}"'
        ' stroke-width="1.8"/>'
    )


def _with_bar(name, x, accuracy, n, colour, marker, words, beside):
    """An accuracy on n pictures as a marker with its error bar; what it is stands at `beside`."""
    low, high = interval(round(accuracy * n), n)
    bar = f"M{x - 5:.1f} {_y(low)}h10m-5 0V{_y(high)}m-5 0h10"
    return (
        f'<g class="{name}"><path d="{bar}" stroke="{colour}" stroke-width="1.8"/>'
        f'<g transform="translate({x:.1f} {_y(accuracy)})scale(5)" fill="{colour}" stroke="none">{marker}</g>'
        f'<g fill="{colour}" stroke="#FFF" stroke-width="3" paint-order="stroke" font-size="12.5">'
        f'<text x="{beside}" y="{_y(accuracy)}" dy="-3">{words}:</text>'
        f'<text x="{beside}" y="{_y(accuracy)}" dy="12" font-weight="bold">{accuracy:.2f}</text></g></g>'
    )


def _svg(words, tries, step, legend, parts):
    grid = "".join(f"M0 {_y(tick)}h{WIDE}" for tick in TICKS[1:])
    drawn = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(words)}" fill="{INK}"'
        f' style="display:block;width:100%;height:auto;max-width:{WIDTH}px;font:13px sans-serif"><rect width="{WIDTH}"'
        f' height="{HEIGHT}" rx="6" fill="#FFF"/>{_legend(legend)}<g data-pane="accuracy" transform="translate({LEFT}'
        f' {TOP})"><path d="{grid}" stroke="{GRID}"/><path d="M0 0V{TALL}H{WIDE}" stroke="{INK}" fill="none"/><text'
        ' y="-20" font-size="15">accuracy</text><g text-anchor="end" transform="translate(-7 4.5)">'
    ]
    drawn += [f'<text class="ytick" y="{_y(tick)}">{tick:.2f}</text>' for tick in TICKS]
    drawn += [
        f'</g><g text-anchor="middle" transform="translate(0 {TALL + 18})">',
        *(f'<text class="xtick" x="{(number - 1) * step:.1f}">{number}</text>' for number in x_ticks(tries)),
        f'<text x="{WIDE / 2:g}" y="22">tries</text></g><g fill="none">',
        *parts,
    ]
    return "".join(drawn) + "</g></g></svg>"


def _legend(entries):
    """entries: (dashes, or "dot"; colour; words), from left to right."""
    parts, x = [], WIDTH
    for dashes, colour, words in reversed(entries):
        x -= round(46 + 7.0 * len(words))
        sign = (
            f'd="M{x + 22} 18h0" stroke-width="5" stroke-linecap="round" stroke-opacity=".6"'
            if dashes == "dot"
            else f'd="M{x} 18h28" stroke-width="1.8" stroke-dasharray="{dashes}"'
        )
        parts.append(f'<path {sign} stroke="{colour}"/><text x="{x + 36}" y="22.5">{html.escape(words)}</text>')
    return "".join(reversed(parts))
