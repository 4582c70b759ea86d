"""What `live_curves` shows in a cell: the chart, a Stop button, how far things are; at the end a picture that stays."""

import html
import json
import statistics
import time
import uuid
from collections import deque
from threading import Lock, current_thread, main_thread

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import display

from helpers.curves.live_chart import draw
from helpers.curves.sheets import sheets_of
from helpers.live.cell import cell_id
from helpers.live.part import DEAF, FRAME, VIEW, WORDS, Live, hear_meanwhile

SHARE = 0.0075  # of the time: the drawing takes no more, however short the epochs are
ROOM = 40  # epochs on the x axis; one that has more is made longer when they are there: `fit` may end long before
PROGRESS = 1.0  # seconds between two looks at how far an epoch is
UNDER_WAY = "Learning curves of a training under way."
_runs = {}  # cell -> the runs that it has shown, a list of `Growing`


def runs_of_this_cell():
    """The runs that the cell under way has shown when it ran before: a list, to be added to."""
    return _runs.setdefault(cell_id(), [])


class WatchedFit(Live):
    """The place in a cell where a training of `model.fit` is drawn. `ghosts`: earlier runs, pairs (label, history).

    stop: called by the Stop button. cut_short: called with an error, or None, where the cell has ended and the training
    has not told of its end.
    """

    made_by = "live_curves"
    trains_when_shown = False
    counts = None  # it tells the progress in words, with the batches of an epoch
    says = {**WORDS, "training": "Training: {epochs} epoch{s} …", "stopped": ""}

    def __init__(self, stop, cut_short):
        super().__init__()
        self._stop_training, self._cut_short = stop, cut_short
        self._run, self.ghosts, self._pace, self._epochs = None, (), None, 0
        self._took, self._pause = deque(maxlen=5), 0.0  # seconds: of the last pictures; from one to the next, at least
        self._began, self._drawing = 0.0, Lock()
        self._output, self._thread = None, None
        self._assemble(widgets.HBox([self._stop_button, self._progress]))

    @property
    def is_open(self):
        """Whether it still has its place in a cell that is running, or a training in another thread."""
        return not self._closed

    def begin(self, run, ghosts, pace, epochs):
        """Draw this run, a `Growing`, from now on. ghosts: pairs (label, history); epochs: int, how far it is to go."""
        self._run, self.ghosts, self._pace, self._epochs = run, ghosts, pace, epochs
        self._run_number, self._began, self._thread = self._run_number + 1, time.perf_counter(), current_thread()
        self._cell_waits = self._thread is main_thread()
        self._stop_button.disabled = False
        if self._output is None:
            self._show()
        self._draw("training")

    def _show(self):
        self._settle()
        get_ipython().events.register("post_run_cell", self._cell_has_run)
        self._output = f"live_curves-{uuid.uuid4()}"
        if self._place != "nobody watches":
            hear_meanwhile(self._box)
            view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
            display({"text/plain": UNDER_WAY, VIEW: view}, raw=True, display_id=self._output)

    def show_epoch(self):
        """Draw an epoch more, if it is time: the first point at once, later no more often than can be seen."""
        if len(self._run.rows) == 1 or self._is_due(FRAME):
            self._draw("training")

    def show_progress(self):
        """Say how far the epoch is. Keras calls this from threads of its own, and several at a time."""
        if self._is_due(PROGRESS) and self._drawing.acquire(blocking=False):
            try:
                self._tell_progress()
                self._drawn_at = time.perf_counter()
            finally:
                self._drawing.release()

    def finish(self, state, words):
        """The training is over; outside its cell nobody else would put the picture in place."""
        self._stop_button.disabled, self._said = True, words
        self._draw(state, words)
        if current_thread() is not main_thread():
            self.leave_picture()

    def leave_picture(self):
        """Put a picture that stays in place of the widgets, and take these out of memory."""
        if self._closed:
            return
        get_ipython().events.unregister("post_run_cell", self._cell_has_run)
        data, metadata = self._finished()
        shown = self._place != "nobody watches"
        display(data, metadata=metadata, raw=True, display_id=self._output, update=shown)
        self.close()

    def stop(self, _button=None):
        """End the training after the present batch."""
        if self.state == "training":
            self._stop_button.disabled = True
            self._say("Stopping: the present batch, and then the validation data …")
            self._stop_training()

    def _cell_has_run(self, result=None):
        """A cell has ended. A training that has not told of its end was interrupted, or ended with an error."""
        if self.state == "training":
            if self._thread.is_alive() and self._thread is not current_thread():
                return  # it goes on in a thread of its own
            self._cut_short(getattr(result, "error_in_exec", None))
        self.leave_picture()

    def _is_due(self, seconds):
        if self._place == "nobody watches":
            return False
        return time.perf_counter() - self._drawn_at >= max(seconds, self._pause)

    def _draw(self, state, words=""):
        begin, self._drawn_state = time.perf_counter(), state
        if self._run is not None:
            self._tell_progress(state)
        super()._draw(state, words)
        self._took.append(time.perf_counter() - begin)
        self._pause = statistics.median(self._took) / SHARE

    def _tell_progress(self, state="training"):
        words = self._pace.words() if state == "training" else ""
        # Not at once: where the page can be heard, it says so a moment after the first widget is shown.
        deaf = DEAF if words and time.perf_counter() - self._began > PROGRESS and super()._is_deaf() else ""
        self._progress.value = f'<div style="padding:2px 8px">{html.escape(words + deaf)}</div>'

    def _is_deaf(self):
        return False  # `_tell_progress` says it, as it may turn out to be otherwise

    def _say(self, words):
        self._words.value = f'<div class="live-panel-state" role="status">{html.escape(words)}</div>'

    def _marks(self):
        done = len(self._run) if self._run else 0
        return {"epoch": done, "epochs": max(self._epochs, done), "settings": json.dumps({})}

    def _axis(self, state):
        """Where the x axis ends: at the last epoch that is wanted, or, of very many, at twice those so far."""
        done = len(self._run or ())
        if state != "training":
            return max(done, 1)
        end = ROOM
        while end < done:
            end *= 2
        return min(end, max(self._epochs, done, 1))

    def _picture(self):
        logs = self._run.drawn() if self._run else {}
        epochs = self._axis(self._drawn_state)
        sheets = sheets_of(logs, self.ghosts, epochs=epochs)
        names = [line.look for line in sheets[0].lines] if logs else ["training", "validation"]
        label = UNDER_WAY if self._drawn_state == "training" or not self._run else self._run.words()
        return draw(sheets, epochs, label, names, uid=self._name)

    def _still_words(self):
        return self._run.words(), self._said

    def _lent(self):
        return ()
