"""The time machine: travel through the epochs of a finished run, and let the weights of each answer anew.

    time_machine((build, folder, history), clothes)

Nothing is trained: the weights come from the files that were written after each epoch.
"""

import contextlib
import threading
from collections import namedtuple
from numbers import Integral
from pathlib import Path

import ipywidgets as widgets
import keras
import numpy as np

from helpers.curves import chart, predictions
from helpers.curves.history import best_epoch, describe, panes
from helpers.curves.sheets import HEIGHT, INK, WIDTH, Line, Sheet
from helpers.engine.builder import call_builder
from helpers.errors import LessonError, explain
from helpers.live.part import Live
from helpers.records.saved import epochs_in, load_weights

SURE = 0.95  # a probability from which on an answer counts as certain
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

# A finished run: its network, the folder with a file for each epoch, the losses as a history's dict of arrays of shape
# (epochs,), its best epoch or None, what is to be said of files missing at the end.
Run = namedtuple("Run", "build model folder logs epochs best note")


def time_machine(source, data, pictures=None):
    """Show a part whose slider loads the weights of any epoch of a run and shows what they say about the test pictures.

    source: `(build, folder, history)`: your function that returns the compiled model, the folder in which
    ModelCheckpoint saved "epoch_{epoch:03d}.weights.h5", and what model.fit returned; or a panel made with `save_in`:
    each of its runs is followed.
    data: a dataset of `helpers.data`, the one the network was trained on. pictures: which rows of `data.x_test` to
    show, a list of up to 24 numbers from 0.

    Returns the `TimeMachine`. Raises `LessonError` where source, data and pictures do not fit, `CurveError` for a
    history that cannot be read; a file that cannot be loaded is told on the page.
    """
    machine = TimeMachine(source, data, pictures)
    machine.show()
    return machine


class TimeMachine(Live):
    """What `time_machine` has made. `epoch`: the one it shows, `epochs`: the last one, `best`: the best or None.

    `probabilities`: what the loaded weights say about `data.x_test`, shape (pictures, classes), or None where nothing
    is loaded. `state` is "ready", or "error" where an epoch cannot be loaded.
    """

    made_by = "time_machine"
    trains_when_shown = False

    def __init__(self, source, data, pictures=None):
        super().__init__()
        self._stop_button.close()  # nothing here takes long enough to be stopped
        _check(source, data)
        self._panel = None if isinstance(source, tuple) else source
        self._x, self._names = data.x_test, tuple(data.class_names)
        self._labels = predictions.class_labels(data.y_test, self._names)
        self._shown = _chosen(pictures, self._labels, len(self._names))
        self._run = self._recording = self.probabilities = self._answers_of_best = None
        self._lock, self._closed, self.epoch = threading.RLock(), False, 0
        self._split = (
            330 if len(self._names) <= 5 else 430
        )  # pixels for the confusion matrix; the pictures have the rest
        self._height = HEIGHT + 40 + max(map(_height_of, self._lower_parts(np.eye(len(self._names))[self._labels])))
        self._best_button = _button("Best epoch", "Go to the epoch with the lowest validation loss", self._on_best)
        self._last_button = _button("Last epoch", "Go to the end of the run", self._on_last)
        self._slider = _slider(1, 1, disabled=True)
        # A box of its own: nothing beside it moves when another slider comes.
        self._place = widgets.Box([self._slider], layout=widgets.Layout(width="35em", min_height="32px"))
        if self._panel is None:
            self._open(source[0], {}, *source[1:])
        self._assemble(
            widgets.HBox(
                [self._place, self._best_button, self._last_button], layout=widgets.Layout(flex_flow="row wrap")
            )
        )
        if self._panel is not None:
            self._panel.listeners.append(self._follow)
        self.run()

    def __repr__(self):
        return (
            f"<time machine at epoch {self.epoch} of {self.epochs}; {self.state}>"
            if self._run
            else "<time machine without a run>"
        )

    epochs = property(lambda self: self._run.epochs if self._run else 0)
    best = property(lambda self: self._run.best if self._run else None)

    def go_to(self, epoch):
        """Travel to `epoch`, as the slider does. Raises `LessonError` if there is no such epoch, or it cannot be
        loaded."""
        if isinstance(epoch, bool) or not isinstance(epoch, Integral) or not 1 <= epoch <= self.epochs:
            raise LessonError(
                f"go_to({epoch!r}): " + (f"the epochs go from 1 to {self.epochs}." if self._run else NO_RUN)
            )
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

    def _on_move(self, _change):
        self.run()  # at once, and not in the thread that trains: it goes on while another part is busy

    def _on_best(self, _button):
        self._move_to(self.best)

    def _on_last(self, _button):
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
        probabilities = self._answers_at(self.epoch)
        if self.epoch == self.best:
            self._answers_of_best = probabilities
        elif self._answers_of_best is None and self.best:
            with contextlib.suppress(LessonError):  # then there is nothing to compare with
                self._answers_of_best = self._answers_at(self.best)
        self.probabilities = probabilities
        return "ready", self._in_words()

    def _open(self, build, settings, folder, history):
        """Travel in another run: from now on `folder` and `history` are meant, beginning with the best epoch."""
        files, loss = list(epochs_in(folder)), panes(history)[0]
        both = [epoch for epoch in files if epoch <= len(loss.train)]
        _check_files(
            files,
            both,
            len(loss.train),
            folder,
            getattr(history, "epoch", None),
            CALLBACK if self._panel is None else AGAIN,
        )
        logs = {
            name: values[: both[-1]]
            for name, values in (("loss", loss.train), ("val_loss", loss.val))
            if values is not None
        }
        model = call_builder(build, settings, 0, example=self._x[:1])
        self._ask(model, build, self._x[:1])  # a network that cannot answer at all is told at once
        note = (
            f"The history goes on to epoch {len(loss.train)}, but the last file is of epoch {both[-1]}."
            if both[-1] < len(loss.train)
            else ""
        )
        self._run = Run(build, model, Path(folder), logs, both[-1], best_epoch(logs), note)
        self._put(_slider(self.best or self.epochs, self.epochs))
        self._slider.observe(self._on_move, "value")
        self.epoch = self._slider.value

    def _leave(self):
        """Leave the run, if there is one: nothing can be moved."""
        self._run = self._recording = self._answers_of_best = None
        self.epoch = 0
        self._put(_slider(1, 1, disabled=True))

    def _put(self, slider):
        """Put `slider` in the place of the one before, whose End key would for ever go to the last epoch it was made
        with."""
        before, self._slider = self._slider, slider
        self._place.children = [slider]
        before.unobserve_all()
        before.close()
        self._last_button.disabled, self._best_button.disabled = slider.disabled, self.best is None

    def _answers_at(self, epoch):
        """What the weights of `epoch`, read from their file now, say about all test pictures; see `probabilities`."""
        run, files = self._run, epochs_in(self._run.folder)
        if epoch not in files:
            raise LessonError(
                f"There is no file for epoch {epoch} in {run.folder}: was it deleted, or saved only when the network"
                " had improved (save_best_only=True)? The other epochs still work."
            )
        load_weights(run.model, files[epoch])
        return self._ask(run.model, run.build, self._x)

    def _ask(self, model, build, pictures):
        try:
            outputs = np.asarray(model(pictures, training=False), dtype=float)  # in a third of the time of predict
        except Exception as error:
            raise explain(error, build, "looked at the test pictures") from error
        return predictions.class_probabilities(outputs, self._names)

    # What it says

    def _in_words(self):
        run, right = self._run, self._right(self.probabilities)
        name, losses = (
            ("Validation", run.logs["val_loss"]) if "val_loss" in run.logs else ("Training", run.logs["loss"])
        )
        loss = losses[self.epoch - 1]
        said = [
            f"Epoch {self.epoch} of {run.epochs}{', the best epoch' if self.epoch == run.best else ''}:"
            f" {right.sum()} of {len(right)} test pictures right.",
            f"{name} loss {loss:,.2f}." if np.isfinite(loss) else f"{name} loss is not a number.",
        ]
        wrong, sure, than = (
            (~right).sum(),
            (self.probabilities.max(1)[~right] > SURE).sum(),
            f"than {100 * SURE:.0f} % certainty.",
        )
        if wrong > 1:
            said.append(
                f"{sure or 'None'} of the {wrong} wrong answers {'are' if sure > 1 else 'is'} given with more {than}"
            )
        elif wrong:
            said.append(f"The wrong answer is given with {'more' if sure else 'not more'} {than}")
        return " ".join(filter(None, [*said, self._changed(right), run.note]))

    def _changed(self, right):
        """How the answers differ from those of the best epoch. right: bool, shape (pictures,)."""
        if self.best in (None, self.epoch):
            return ""
        if self._answers_of_best is None:
            return f"The best epoch, {self.best}, cannot be loaded to compare with."
        before = self._right(self._answers_of_best)
        lost, gained = (before & ~right).sum(), (right & ~before).sum()
        if not lost + gained:
            return "Against the best epoch, no picture has changed sides."
        pictures = "1 picture has" if lost + gained == 1 else f"{lost + gained} pictures have"
        were = "was right and is" if lost == 1 else "were right and are"
        return (
            f"Against the best epoch, {pictures} changed sides: {lost} {were} wrong now, {gained} the other way round."
        )

    def _right(self, probabilities):
        return probabilities.argmax(1) == self._labels

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

    def _marks(self):
        return {"epoch": self.epoch, "epochs": self.epochs, "settings": {"epoch": self.epoch, "best": self.best}}

    def _picture(self):
        """One <svg>: the loss curves above, the confusion matrix below to the left, pictures with answers to the
        right."""
        parts = [_placed(0, 0, WIDTH, HEIGHT, self._chart_of_run())]
        if self.probabilities is not None:
            titles = f"all {len(self._x)} test pictures", f"{len(self._shown)} of them, in every epoch the same"
            places, lower = (
                ((0, self._split), (self._split, WIDTH - self._split)),
                self._lower_parts(self.probabilities),
            )
            for (x, wide), title, part in zip(places, titles, lower, strict=True):
                parts += [
                    f'<text x="{x + 14}" y="{HEIGHT + 20}" font-size="15">{title}</text>',
                    _placed(x, HEIGHT + 34, wide, _height_of(part), part),
                ]
        else:
            notice = (
                f"There are no answers from the weights of epoch {self.epoch}."
                if self._run
                else "There are no answers yet."
            )
            parts.append(
                f'<text x="{WIDTH / 2:g}" y="{(HEIGHT + self._height) / 2:g}" font-size="15"'
                f' text-anchor="middle">{notice}</text>'
            )
        words = f"The run, and what the weights of epoch {self.epoch} answer"
        return (
            f'<svg viewBox="0 0 {WIDTH} {self._height:g}" role="group" aria-label="{words}" fill="{INK}"'
            f' style="display:block;width:100%;height:auto;max-width:{WIDTH}px;font:13px sans-serif">'
            f'<rect width="{WIDTH}" height="{self._height:g}" rx="6" fill="#FFF"/>{"".join(parts)}</svg>'
        )

    def _chart_of_run(self):
        if self._run is None:
            return chart.draw([Sheet("loss", [])], 1, NO_RUN, ["training", "validation"], self._name)
        looks = {"loss": "training", "val_loss": "validation"}
        lines = [Line(name, looks[name], values) for name, values in self._run.logs.items()]
        marks = _marked(self.epoch, self.best, self.epochs)
        label = (
            f"The loss curves of the run. {describe(self._run.logs)} Marked:"
            f" {', '.join(words for _, words in marks if words)}."
        )
        return chart.draw(
            [Sheet("loss", lines, marks=marks)], self.epochs, label, [line.look for line in lines], self._name
        )

    def _lower_parts(self, probabilities):
        """The confusion matrix and the pictures with answers, two <svg> elements."""
        counts = predictions.confusion_counts(self._labels, probabilities.argmax(1), len(self._names))
        shown = self._shown
        return (
            predictions.confusion(counts, self._names, self._split),
            predictions.garments(
                self._x[shown], probabilities[shown], self._labels[shown], self._names, WIDTH - self._split
            ),
        )


def _marked(epoch, best, epochs):
    """The upright lines of the chart, pairs (epoch, words). The first one's words stand lower, clear of the word
    "loss"."""
    if best in (None, epoch):
        return [(epoch, f"best epoch {epoch}" if best else f"epoch {epoch}")]
    marks = sorted([(best, f"best epoch {best}"), (epoch, f"epoch {epoch}")])
    if (marks[1][0] - 1) / (epochs - 1) < 0.12:
        return [(marks[0][0], ", ".join(words for _, words in marks)), (marks[1][0], "")]
    return marks


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


def _check_files(files, both, epochs, folder, numbers, advice):
    """Raise a `LessonError` where the epochs in `files` cannot be those of a history of `epochs` epochs.

    both: the epochs in both. numbers: those of the history, from 0, or None where it does not say. advice: if there are
    no files.
    """
    if not epochs:
        raise LessonError("There is no epoch in this history. Train first: history = model.fit(…).")
    if not files:
        raise LessonError(f"In {folder} there is no file like epoch_001.weights.h5. {advice}")
    begun_later = numbers and numbers[0] > 0 or files[0] > 1 and files[-1] > epochs
    if begun_later or not both:
        raise LessonError(
            f"The files in {folder} are for epochs {files[0]} to {files[-1]}, but this history has {epochs} epochs"
            f"{f', the first of them epoch {numbers[0] + 1}' if numbers else ''}: they do not belong together."
            " Pass the history of the fit that wrote the files, and begin that fit at epoch 1, in an empty folder."
        )


def _chosen(pictures, labels, n):
    """The rows of the test pictures to show: those asked for, or else the first of each class in turn."""
    if pictures is None:
        turns = [np.flatnonzero(labels == label) for label in range(n)]
        return [
            int(rows[turn]) for turn in range(max(map(len, turns), default=0)) for rows in turns if turn < len(rows)
        ][:PICTURES]
    rows = list(pictures) if isinstance(pictures, (list, tuple, range, np.ndarray)) else [pictures]
    whole = all(isinstance(row, Integral) and not isinstance(row, bool) for row in rows)
    if not 1 <= len(rows) <= predictions.MOST or not whole or not 0 <= min(rows) <= max(rows) < len(labels):
        raise LessonError(
            f"pictures={pictures!r} should be a list of 1 to {predictions.MOST} rows of data.x_test:"
            f" whole numbers from 0 to {len(labels) - 1}."
        )
    return [int(row) for row in rows]


def _slider(epoch, epochs, disabled=False):
    return widgets.IntSlider(
        value=epoch,
        min=1,
        max=epochs,
        description="epoch",
        disabled=disabled,
        layout=widgets.Layout(width="34em", margin="2px"),
    )


def _button(words, tooltip, action):
    button = widgets.Button(description=words, tooltip=tooltip, disabled=True)
    button.on_click(action)
    return button


def _height_of(svg):
    return float(svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


def _placed(x, y, width, height, svg):
    """`svg` as a part of a larger one, without a change of its size."""
    return f'<svg x="{x}" y="{y}" width="{width:g}" height="{height:g}">{svg}</svg>'
