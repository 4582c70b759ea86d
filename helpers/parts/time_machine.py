"""The time machine: travel through the epochs of a finished run, and let the weights of each answer anew.

    time_machine((build, folder, history), clothes)

Nothing is trained: the weights come from the files that were written after each epoch.
"""

import contextlib
import threading
from itertools import zip_longest
from pathlib import Path

import ipywidgets as widgets
import keras
import numpy as np

from helpers.curves import answers, live_chart, predictions
from helpers.curves.history import describe, figure, panes
from helpers.curves.sheets import Sheet
from helpers.errors import LessonError, is_whole
from helpers.live.fields import WithField, in_columns, make_slider
from helpers.live.part import Live, beside, hear_meanwhile
from helpers.parts.finished_run import Run
from helpers.parts.player import Player

PICTURES = 12  # that are shown, if nobody chooses others
AGAIN = "Train again in the panel."
CALLBACK = (
    "Train with a callback that writes one after each epoch: model.fit(…, callbacks=["
    'ModelCheckpoint(folder / "epoch_{epoch:03d}.weights.h5", save_weights_only=True)]).'
)
NO_RUN = (
    "There is no run yet whose weights are kept. Train in the panel first (it keeps them if it was made with"
    " save_in=…)."
)
NO_EPOCH = "The panel's latest run ended before its first epoch was finished, so it has left no weights. Train again."


def time_machine(source, data, pictures=None):
    """Show a part whose slider loads the weights of any epoch of a run and shows what they say about the test pictures.

    Its buttons go an epoch back or on, play all of them one after the other, and jump to the best or the last one.

    source: `(build, folder, history)`: your function that returns the compiled model, the folder in which
    ModelCheckpoint saved "epoch_{epoch:03d}.weights.h5", and what model.fit returned; or a panel made with `save_in`:
    each of its runs is followed. data: a dataset of `helpers.data`, the one the network was trained on. pictures: which
    rows of `data.x_test` to show, a list of up to 24 numbers from 0.

    Returns the `TimeMachine`. Raises `LessonError` where source, data and pictures do not fit, `CurveError` for a
    history that cannot be read; a file that cannot be loaded is told on the page.
    """
    return TimeMachine(source, data, pictures).show()


class TimeMachine(Live):
    """What `time_machine` has made. `epoch`: the one it shows, `epochs`: the last one, `best`: the best or None.

    `probabilities`: what the loaded weights say about `data.x_test`, shape (pictures, classes), or None where nothing
    is loaded. `state` is "ready", or "error" where an epoch cannot be loaded.
    """

    made_by = "time_machine"
    counts = None  # it never trains
    trains_when_shown = False

    def __init__(self, source, data, pictures=None):
        super().__init__()
        self._stop_button.close()  # nothing here takes long enough to be stopped
        self._progress.close()
        _check(source, data)
        self._panel = None if isinstance(source, tuple) else source
        self._x, self._names = data.x_test, tuple(data.class_names)
        self._labels = predictions.class_labels(data.y_test, self._names)
        self._shown = _chosen(pictures, self._labels, len(self._names))
        self._run = self._recording = self.probabilities = self._answers_of_best = None
        self._lock, self._closed, self.epoch = threading.RLock(), False, 0
        self._height = answers.height(self._lower_parts(np.eye(len(self._names))[self._labels]))
        self._best_button = _button("Best epoch", "Go to the epoch with the lowest validation loss", self._on_best)
        self._last_button = _button("Last epoch", "Go to the end of the run", self._on_last)
        self._player = Player(self, self._move_to)
        self._slider = _slider(1, 1, disabled=True)
        # A box of its own, which keeps its height: nothing moves when another slider comes.
        self._slot = in_columns([self._slider])
        self._slot.layout.flex, self._slot.layout.min_height = "1 1 100%", "32px"
        if self._panel is None:
            self._open(source[0], {}, *source[1:])
        self._assemble(beside([self._slot, *self._player.buttons, self._best_button, self._last_button]))
        if self._panel is not None:
            self._panel.listeners.append(self._follow)
        self.run()

    def __repr__(self):
        where = f"at epoch {self.epoch} of {self.epochs}; {self.state}" if self._run else "without a run"
        return f"<time machine {where}>"

    epochs = property(lambda self: self._run.epochs if self._run else 0)
    best = property(lambda self: self._run.best if self._run else None)

    def go_to(self, epoch):
        """Travel to `epoch`, as the slider does.

        Raises `LessonError` if there is no such epoch, or it cannot be loaded.
        """
        if not is_whole(epoch, 1) or epoch > self.epochs:
            why = f"the epochs go from 1 to {self.epochs}." if self._run else NO_RUN
            raise LessonError(f"go_to({epoch!r}): {why}")
        self._player.pause()
        self._move_to(int(epoch))
        self.wait()

    def close(self):
        """Take it off the page; it no longer follows its panel."""
        with self._lock:
            self._closed = True
            if self._panel is not None and self._follow in self._panel.listeners:
                self._panel.listeners.remove(self._follow)
            self._best_button.on_click(self._on_best, remove=True)
            self._last_button.on_click(self._on_last, remove=True)
            super().close()

    # From the slider to an epoch

    def run(self):
        with self._lock:  # the slider and the panel whose runs are followed may live in different threads
            super().run()

    def _on_move(self, change):
        self._player.went_to(change["new"])
        self.run()  # at once, and not in the thread that trains: it goes on while another part is busy

    def _on_best(self, _button):
        self._player.pause()
        self._move_to(self.best)

    def _on_last(self, _button):
        self._player.pause()
        self._move_to(self.epochs)

    def _move_to(self, epoch):
        with self._lock:
            if self._slider.value == epoch:
                self.run()  # its file may have come back
            else:
                self._slider.value = epoch

    def _follow(self):
        with self._lock:
            if not self._closed:
                self.run()

    def _train(self, _stop):
        self.probabilities = None  # whatever goes wrong from here on: no old answers
        recording = self._panel and self._panel.recording
        if recording is not None and recording is not self._recording:
            self._leave()
            if not len(panes(recording.history)[0].train):
                return "ready", NO_EPOCH
            self._open(*recording)
            self._recording = recording
        if self._run is None:
            return "ready", NO_RUN
        self.epoch = self._slider.value  # once: it may move while its file is read
        probabilities = self._run.answers(self.epoch, self._x)
        if self.epoch == self.best:
            self._answers_of_best = probabilities
        elif self._answers_of_best is None and self.best:
            with contextlib.suppress(LessonError):  # then there is nothing to compare with
                self._answers_of_best = self._run.answers(self.best, self._x)
        self.probabilities = probabilities
        return "ready", self._in_words()

    def _open(self, build, settings, folder, history):
        """Travel in another run: from now on `folder` and `history` are meant, beginning with the best epoch."""
        advice = CALLBACK if self._panel is None else AGAIN
        self._run = Run(build, settings, folder, history, self._x[:1], self._names, advice)
        self._put(_slider(self.best or self.epochs, self.epochs))
        self._slider.observe(self._on_move, "value")
        self.epoch = self._slider.value

    def _leave(self):
        """Leave the run, if there is one: nothing can be moved."""
        self._run = self._recording = self._answers_of_best = None
        self.epoch = 0
        self._put(_slider(1, 1, disabled=True))

    def _put(self, slider):
        """Put `slider` in the place of the one before, whose End key always goes to the end that it was made with."""
        self._player.pause()
        (shown,), before, self._slider = self._slot.children, self._slider, slider
        self._slot.children = [WithField(slider)]
        hear_meanwhile(self._slot)
        before.unobserve_all()
        shown.close()
        before.close()
        self._last_button.disabled, self._best_button.disabled = slider.disabled, self.best is None

    # What it says

    def _in_words(self):
        run, best = self._run, ", the best epoch" if self.epoch == self.best else ""
        right, wrong = answers.in_words(self.probabilities, self._labels)
        name, key = ("Validation", "val_loss") if "val_loss" in run.logs else ("Training", "loss")
        loss = run.logs[key][self.epoch - 1]
        said = [
            f"Epoch {self.epoch} of {run.epochs}{best}: {right}",
            f"{name} loss {figure(loss)}." if np.isfinite(loss) else f"{name} loss is not a number.",
            wrong,
        ]
        if self.best not in (None, self.epoch) and self._answers_of_best is None:
            said.append(f"The best epoch, {self.best}, cannot be loaded to compare with.")
        elif self.best not in (None, self.epoch):
            said.append(answers.changed(self.probabilities, self._answers_of_best, self._labels))
        return " ".join(filter(None, [*said, run.note]))

    def _still_words(self):
        if self._run is None or self.probabilities is None:
            words = "could not load the best epoch of the run" if self._run else "has no run to travel in"
            return (f"The time machine {words}.",) * 2
        words = f"The time machine at the best epoch of the run. {describe(self._run.logs, numbers=False)}"
        return (
            f"{words} Below the loss curves, the confusion matrix of the test pictures, and"
            f" {len(self._shown)} of them with the network's answers.",
            f"{words} Run this cell to travel to other epochs.",
        )

    # What it looks like

    def _draw(self, state, words=""):
        if state == "error":
            self._player.pause()
        self._player.look()
        super()._draw(state, words)

    def _marks(self):
        settings = {"epoch": self.epoch, "best": self.best}
        return {"epoch": self.epoch, "epochs": self.epochs, "settings": settings, "plays": self._player.beat}

    def _picture(self):
        """The loss curves, below them the confusion matrix and pictures with answers."""
        run, words = self._run, f"The run, and what the weights of epoch {self.epoch} answer"
        if run:
            curves = answers.loss_curves(run.logs, self.epoch, run.best, run.epochs, self._name)
            lower = f"There are no answers from the weights of epoch {self.epoch}."
        else:
            looks = ["training", "validation"]
            curves = live_chart.draw([Sheet("loss", [])], 1, NO_RUN, looks, self._name, figures=True)
            lower = "There are no answers yet."
        if self.probabilities is not None:
            titles = f"all {len(self._x)} test pictures", f"{len(self._shown)} of them, in every epoch the same"
            lower = zip(titles, self._lower_parts(self.probabilities), strict=True)
        return answers.page(curves, lower, self._height, words)

    def _lower_parts(self, probabilities):
        return answers.matrix_and_pictures(probabilities, self._labels, self._names, self._x, self._shown)


def _check(source, data):
    if isinstance(source, tuple) and len(source) == 3:
        if isinstance(source[0], keras.Model) or not callable(source[0]):
            raise LessonError(
                "time_machine needs the function that makes the network, not the network: leave out the brackets,"
                " (build, folder, history)."
            )
        if not isinstance(source[1], (str, Path)):
            raise LessonError(
                "time_machine((build, folder, history), …): the second is the folder with the files, not"
                f" {str(source[1])[:60]!r}."
            )
    elif not (hasattr(source, "recording") and hasattr(source, "listeners")):
        raise LessonError(
            "time_machine travels in a finished run: time_machine((build, folder, history), data), with the function"
            " that makes the network, the folder with its files and what model.fit returned; or in the runs of a"
            " panel that keeps weights: time_machine(panel, data)."
        )
    if not all(hasattr(data, name) for name in ("x_test", "y_test", "class_names")):
        raise LessonError("data must be a dataset of helpers.data, with test pictures and the names of the classes.")
    if len(data.x_test) != len(data.y_test):
        raise LessonError(f"There are {len(data.x_test)} test pictures in data, but {len(data.y_test)} targets.")


def _chosen(pictures, labels, n):
    """The rows of the test pictures to show: those asked for, or else the first of each class in turn."""
    if pictures is None:
        by_class = zip_longest(*(np.flatnonzero(labels == label) for label in range(n)))
        return [int(row) for turn in by_class for row in turn if row is not None][:PICTURES]
    rows = list(pictures) if isinstance(pictures, (list, tuple, range, np.ndarray)) else [pictures]
    if not 1 <= len(rows) <= predictions.MOST or not all(is_whole(row, 0) and row < len(labels) for row in rows):
        raise LessonError(
            f"pictures={pictures!r} should be a list of 1 to {predictions.MOST} rows of data.x_test:"
            f" whole numbers from 0 to {len(labels) - 1}."
        )
    return [int(row) for row in rows]


def _slider(epoch, epochs, disabled=False):
    return make_slider(widgets.IntSlider, value=epoch, min=1, max=epochs, description="epoch", disabled=disabled)


def _button(words, tooltip, action):
    button = widgets.Button(description=words, tooltip=tooltip, disabled=True)
    button.on_click(action)
    return button
