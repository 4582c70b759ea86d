"""`live_curves`: the chart of the panels for a training of your own, as a callback of `model.fit`.

It needs the whole folder `helpers/` of this project beside your notebook, not this file alone, and TensorFlow; in a
notebook also ipywidgets and Matplotlib (`requirements.txt` has the versions).
"""

import functools
import sys
import threading
import warnings
import weakref

try:
    from helpers.curves.growing import Growing
except ModuleNotFoundError as error:
    if error.name != "helpers":
        raise
    raise ImportError("live_curves is not one file: copy the whole folder helpers/ beside your notebook.") from None
import keras
import numpy as np

from helpers.engine.builder import FRESH
from helpers.errors import LessonError
from helpers.parts.pace import Pace
from helpers.parts.terminal_line import TerminalLine

MOST_GHOSTS = 5  # earlier runs that are drawn, the latest; more could not be told apart


def live_curves(label=None):
    """A callback that draws the learning curves while `model.fit` trains, with a Stop button.

        model.fit(x, y, validation_split=0.2, epochs=30, verbose=0, callbacks=[live_curves()])

    label: what this run is called once it is an earlier one; without it "run 1", "run 2" …

    Earlier runs stay in the chart as grey lines: those of the same callback (keep it in a variable and hand it to
    several fits) and those of the same cell, when it is run again. A second fit of the same network, which goes on from
    the weights that the first has left, goes on with its curve, too.

    **Stop** ends the training after the present batch; the validation data is then measured once more, so that the last
    figures are true, and `fit` returns as usual: the weights are as they are. Where the page cannot be heard while a
    cell runs (Colab, older versions of ipykernel), the chart says so: interrupt the kernel, and the weights and the
    curve stay as far as they have come. With `engine.fit`, Stop goes back to the end of the last whole epoch.

    `history` of the callback is {metric: list}, for `curves.plot`, `diagnose` and `second_opinion`; in epochs without a
    figure (`validation_freq`) it has None. In a terminal one line per epoch stands in place of the chart.

    It works in any project that has the folder `helpers/` of this one. A fault in the drawing ends the drawing, not the
    training. Raises `LessonError` in a builder that `explore` calls: a panel draws its own curves.
    """
    return LiveCurves(label)


def _harmless(hook):
    """`hook`, but a fault in it ends the drawing and not the training."""

    @functools.wraps(hook)
    def safe(self, *places, **named):
        if self._broken:
            return
        try:
            hook(self, *places, **named)
        except LessonError:
            raise
        except Exception as error:
            self._broken = True
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"live_curves has stopped drawing; the training goes on. {reason}", stacklevel=2)

    return safe


class LiveCurves(keras.callbacks.Callback):
    """What `live_curves` returns."""

    async_safe = True  # Keras need not wait for it after each batch
    needs_batches = False  # the engine, which trains an epoch at once, need not call it after each batch

    def __init__(self, label=None):
        _refuse_in_builder()
        super().__init__()
        self.label = label
        self._runs, self._run, self._screen = [], None, None
        self._is_training = self._asked_to_stop = self._broken = False

    @property
    def history(self):
        """The run drawn last, as in a History: {metric: list with a number for each epoch}."""
        return self._run.history() if self._run else {}

    def __getstate__(self):
        """For copies, and for files: the label and the runs, but neither the network nor what is on the page."""
        return {"label": self.label, "_runs": list(self._runs), "_run": self._run}

    def __setstate__(self, state):
        self.__init__()
        vars(self).update(state)

    # What Keras calls

    def on_train_begin(self, logs=None):
        _refuse_in_builder()
        self._is_training = self._asked_to_stop = self._broken = False

    @_harmless
    def on_epoch_begin(self, epoch, logs=None):
        if not self._is_training:  # only now is it known from which epoch on
            self._begin(epoch)
        self._pace.begin_epoch(len(self._run) + 1, self.params.get("steps") or self._batches)

    @_harmless
    def on_train_batch_end(self, batch, logs=None):
        self._done = max(self._done, batch + 1)
        self._pace.end_batch(self._done)
        self._screen.show_progress()

    @_harmless
    def on_test_begin(self, logs=None):
        if self._is_training:  # and it is not evaluate that was given this callback
            self._pace.begin_validation()
            self._screen.show_progress()

    @_harmless
    def on_epoch_end(self, epoch, logs=None):
        self._run.add(logs)
        self._pace.end_epoch()
        if self._done and not self.model.stop_training:
            self._batches = self._done
        self._in_last, self._done = self._done, 0
        if len(self._run.rows) == 1:
            self._screen.ghosts = self._ghosts()
        self._screen.show_epoch()

    @_harmless
    def on_train_end(self, logs=None):
        if self._is_training:
            self._finish(*self._how_it_ended())

    # One run

    def _begin(self, epoch):
        """Begin a run, or go on with one. epoch: the first to be trained, from 0."""
        self._screen = self._screen if self._screen and self._screen.is_open else self._new_screen()
        if not self._goes_on():
            number = self._runs[-1].number + 1 if self._runs else 1
            self._runs.append(Growing(number, self.label, before=epoch))
            del self._runs[: -MOST_GHOSTS - 1]
        self._run = self._runs[-1]
        self._wanted = len(self._run) + self.params.get("epochs", epoch + 1) - epoch
        self._batches, self._done, self._in_last, self._is_training = None, 0, 0, True
        self._pace = Pace(self._wanted, len(self._run) + 1)
        self._screen.begin(self._run, self._ghosts(), self._pace, self._wanted)

    def _ghosts(self):
        """The earlier runs, as pairs (label, history); those of other figures, once this run has some."""
        return [past.as_ghost() for past in self._runs[:-1] if past.like(self._run) or not self._run.rows]

    def _new_screen(self):
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if not hasattr(shell, "kernel"):
            return TerminalLine(quiet=bool(self.params.get("verbose", 0)))
        from helpers.parts.watched_fit import WatchedFit, runs_of_this_cell  # needs ipywidgets

        if not self._runs and threading.current_thread() is threading.main_thread():
            self._runs = runs_of_this_cell()
        return WatchedFit(self._stop, self._cut_short)

    def _goes_on(self):
        """Whether the network is the one of the run before, with the weights that this has left."""
        if not self._runs or self._runs[-1].left is None:
            return False
        model, weights, values = self._runs[-1].left
        return model() is self.model and np.array_equal(weights.numpy(), values)

    def _stop(self):
        self._asked_to_stop = True
        if "stop" in self.params:  # the engine's
            self.params["stop"].set()
        self.model.stop_training = True

    def _how_it_ended(self):
        """(state, words)"""
        done, batches = len(self._run), self.params.get("steps") or self._batches
        if self._asked_to_stop and "stop" in self.params:
            return "stopped", f"Stopped; the network is back at the end of epoch {done}."
        if self._asked_to_stop:
            cut = self._in_last and batches and self._in_last < batches
            part = f", which is not whole: it has {self._in_last} of {batches} batches" if cut else ""
            return "stopped", f"Stopped in epoch {done}{part}."
        return "done", "" if done >= self._wanted else f"Ended after {done} of {self._wanted} epochs."

    def _cut_short(self, error):
        """The cell has ended, and with it the training, without a word to its callbacks. error: why, or None."""
        where = f"in epoch {len(self._run) + 1} of {self._wanted}"
        if self._broken:
            self._finish("error", "A fault of ours ended the drawing here, and the training went on without it.")
        elif error is None or isinstance(error, KeyboardInterrupt):
            interrupted = "The curve ends with the last whole epoch; the network has the weights of the last batch."
            self._finish("stopped", f"Interrupted {where}. {interrupted}")
        else:
            self._finish("error", f"The training ended {where} with an error, {type(error).__name__}.")

    def _finish(self, state, how):
        self._is_training = False
        self._screen.finish(state, f"{how} {self._run.words()}".strip())
        smallest = min(self.model.trainable_variables, key=lambda weights: np.prod(weights.shape), default=None)
        if smallest is not None:
            self._run.left = weakref.ref(self.model), smallest, smallest.numpy().copy()


def _refuse_in_builder():
    if threading.current_thread().name == FRESH:
        raise LessonError(
            "live_curves() was used inside the function that makes the network. A panel draws its own curves: leave it"
            " out there, and give it to the model.fit of a cell of your own."
        )
