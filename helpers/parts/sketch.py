"""Draw it first: the student draws the validation loss they expect, commits, and the real run grows over the guess.

sketch(build, digits, epochs=30)
"""

import inspect
import math
import threading
from numbers import Real

import ipywidgets as widgets
import numpy as np

from helpers.curves.guess import apart, compare, in_words, picture
from helpers.curves.values import panes
from helpers.engine.builder import keywords, name_of
from helpers.engine.examples import len_of, training_and_validation
from helpers.engine.settings import check_builder, of_builder, of_training
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError, is_whole
from helpers.lab_book import note
from helpers.live.controls import controls, value_of
from helpers.live.fields import in_columns, look_useful
from helpers.live.part import WORDS, Live, beside
from helpers.parts.drawn import as_entry, knots_over, rounded, slider_at

NUMBERS = {4: "four", 5: "five"}  # of knots that a guess can have
TASK = (
    "Move the {} points to where you expect the validation loss: drag them in the chart, or move their sliders. Then"
    " press Commit."
)
UNMOVED = "Move at least one point first: a guess, however rough, is what you will learn from. Then press Commit."
LOCKED = "Your guess is locked; “Draw again” frees it."


def sketch(
    build,
    data=None,
    epochs=30,
    validation_split=0.2,
    knots=5,
    n_train=None,
    batch_size=32,
    seed=0,
    highest=1.5,
    **settings,
):
    """Show a part in which the student draws the validation loss they expect before the network is trained.

    build: your function; it takes `settings` as keywords and returns a compiled Keras model.
    data, validation_split: as in `explore`; there must be validation data.
    epochs, n_train, batch_size, seed: one whole number each; n_train=None trains on all images.
    knots: the number of sliders, 4 or 5. highest: the largest loss that can be drawn.

    Returns the `Sketch`. Raises `LessonError` for arguments that do not fit; a mistake inside `build` shows at the run.
    """
    return Sketch(build, data, epochs, validation_split, knots, n_train, batch_size, seed, highest, settings).show()


class Sketch(Live):
    """What `sketch` has made; in Python, `guess([…])`, `commit()` and `draw_again()` do what its widgets do.

    `history`: the `History` of the committed run; `comparison`: what `compare` says of it; both None before that.
    `state`: "ready" while the student draws, then as in every live part.
    """

    made_by = "sketch"
    trains_when_shown = False
    says = {**WORDS, **{state: f"{WORDS[state]} {LOCKED}" for state in ("building", "training", "done")}}
    says["stopped"] = LOCKED  # why it was stopped is said of the run

    def __init__(self, build, data, epochs, validation_split, knots, n_train, batch_size, seed, highest, settings):
        super().__init__()
        x, y, validation = training_and_validation(data, validation_split)
        self._settings = {**settings, "epochs": epochs, "batch_size": batch_size, "n_train": n_train, "seed": seed}
        _check(build, self._settings, len_of(x), knots, highest)
        if validation is None:
            raise LessonError(
                "There are no validation data, so there is no validation loss to draw. Leave out validation_split=0,"
                " or pass (x, y, x_validation, y_validation)."
            )
        self._trainer = Trainer(build, x, y, validation)
        self._highest, self._task = highest, TASK.format(NUMBERS[knots])
        self._knots = knots_over(epochs, knots)
        self._sliders = [slider_at(epoch, highest) for epoch in self._knots]
        self._moved = self._committed = self._noted = False
        self._history = self._comparison = None
        self._drawing = threading.Lock()
        for slider in self._sliders:
            slider.observe(self._on_move, "value")
        self._commit_button = widgets.Button(description="Commit", tooltip="Lock your guess and train the network")
        unlock = "Unlock the sliders and take the real curves away"
        self._again_button = widgets.Button(description="Draw again", tooltip=unlock)
        self._commit_button.on_click(lambda _button: self._commit())
        self._again_button.on_click(lambda _button: self.draw_again())
        buttons = beside([self._commit_button, self._stop_button, self._again_button, self._progress])
        self._assemble(in_columns(self._sliders), buttons)

    def __repr__(self):
        return f"<guess of the validation loss: {in_words(self._knots, self._values())}; {self.state}>"

    # A guess is open to changes or committed; what a run has brought is there only while it is committed.

    history = property(lambda self: self._history if self._committed else None)
    comparison = property(lambda self: self._comparison if self._committed else None)

    def guess(self, values):
        """Set the sliders to `values`, the losses at their epochs, from left to right. After a run this draws again."""
        values = list(values) if isinstance(values, (list, tuple, np.ndarray)) else [values]
        numbers = all(isinstance(value, Real) and not isinstance(value, bool) for value in values)
        if len(values) != len(self._knots) or not numbers:
            epochs = ", ".join(map(str, self._knots))
            raise LessonError(
                f"guess needs a list of {len(self._knots)} numbers, the losses at epochs {epochs}; it got {values!r}."
            )
        for value in values:
            if not 0 <= value <= self._highest:
                raise LessonError(
                    f"A guess goes from 0 to {self._highest:g}, but one of yours is {value:g}."
                    " For a taller chart: sketch(…, highest=…)."
                )
        self.draw_again()
        for slider, value in zip(self._sliders, values, strict=True):
            slider.value = float(value)
        self._moved = True
        self._draw("ready")

    def commit(self):
        """Lock the guess, train, and compare; returns when done. Raises the `LessonError` that ended the run, if any.

        A guess that nobody has touched is not committed; the words then say what to do.
        """
        if self._commit():
            self.wait()

    def draw_again(self):
        """Open the guess to changes: the sliders stay, the real curves disappear; a run under way ends."""
        if self._committed:
            self._committed = False
            self._lock_sliders(False)
            self.stop()
            self._draw("ready")

    def _commit(self):
        if not self._moved:
            self._draw("ready", UNMOVED)
            return False
        if not self._committed or self.idle.is_set():  # a second press must not disturb the run
            self._committed = True
            self._lock_sliders(True)
            self._request()
        return True

    def _lock_sliders(self, locked):
        for slider in self._sliders:
            slider.disabled = locked

    def _on_move(self, _change):
        self._moved = True
        if not self._committed:
            self._draw("ready")

    # The run

    def _train(self, stop):
        self._history = self._comparison = None
        self._draw("building")
        told = {"stop": stop, "on_epoch": self._on_epoch, "on_state": self._draw_state}
        history = self._trainer.run_with(self._settings, **told)
        self._history, self._comparison = history, compare(self._knots, self._values(), history)
        if not history.stopped:
            self._note(panes(history)[0].val)
        words = " ".join(filter(None, (history.note, self._comparison, *history.remarks)))
        return "stopped" if history.stopped else "done", words

    def _note(self, run):
        """Let the lab book have the first guess that was compared with a whole run: later ones know the answer."""
        if self._noted:
            return
        self._noted, values = True, self._values()
        facts = {"said": as_entry(self._knots, values), "happened": rounded(run), "sure": None}
        right = apart(self._knots, values, run) <= self._highest / 10  # as where `predict` asks for a curve
        note("prediction", name="the validation loss, drawn", **facts, right=right, scale="curve", late=False)

    def _on_epoch(self, history):
        self._history = history
        self._draw_epoch(history)

    # What it looks like

    def _draw(self, state, words=""):
        with self._drawing:
            look_useful(self._again_button, self._committed)
            if self._committed:
                super()._draw(state, words)
            else:  # whatever a run still wants to show that "Draw again" has ended
                super()._draw("ready", words if state == "ready" and words else self._task)

    def _values(self):
        return [value_of(slider) for slider in self._sliders]

    def _marks(self):
        settings, done = {**self._settings, "knots": self._values()}, len(self.history.epoch) if self.history else 0
        return {"epoch": done, "epochs": settings["epochs"], "settings": settings}

    def _picture(self):
        history, step = self.history or {}, None if self._committed else self._sliders[0].step
        figures = self._committed and self._complete  # before that the points, not the figures, are in reach
        return picture(self._knots, self._values(), history, self._highest, self._name, figures, step)

    def _still_words(self):
        return (
            "A chart for drawing the validation loss you expect; its line is still flat.",
            "Run this cell to draw the validation loss you expect, commit to it, and see the real curve beside it.",
        )


def _check(build, settings, available, knots, highest):
    """Raise a `LessonError` unless `build` can be called with the settings and the numbers can be what they are for."""
    check_builder(build, "sketch")
    takes, numbers = keywords(build), of_training(settings)
    try:
        inspect.signature(build).bind(**of_builder(build, settings))
    except TypeError as error:
        called = f"{name_of(build)}({', '.join(takes)})"
        raise LessonError(f"Your function {called} cannot be called with what sketch(…) was given: {error}.") from None
    made, _ = controls(build, {**dict.fromkeys(takes), **numbers}, available)
    for name in made:
        one = f"there is one run to guess, so {name} must be one whole number"
        raise LessonError(f"{name}={numbers[name]!r}: {one}.")
    if not is_whole(knots) or knots not in NUMBERS:
        raise LessonError(f"knots={knots!r}: a guess has 4 or 5 sliders.")
    if numbers["epochs"] < knots:
        raise LessonError(
            f"epochs={numbers['epochs']} is too few for a curve with {knots} sliders: let it be {knots} or more."
        )
    if isinstance(highest, bool) or not isinstance(highest, Real) or not 0 < highest < math.inf:
        raise LessonError(f"highest={highest!r} must be a number above 0, the largest loss that can be drawn.")
