"""The chooser: a sweep over many settings, live, with a table to sort and the curves of every row.

grid = {"activation": ["relu", "sigmoid"], "learning_rate": [0.001, 0.01]}
chooser = choose(build, clothes, grid, seeds=(0, 1, 2), epochs=20)
chooser.best  # {"activation": "relu", "learning_rate": 0.001}
"""

import contextlib
import os
import tempfile
import threading
from math import ceil, isfinite

import ipywidgets as widgets
import joblib

from helpers.curves import scoreboard
from helpers.curves.scoreboard import ACCURACY, LOSS, Entry, in_full, loss_in_words
from helpers.curves.theme import colour
from helpers.engine.builder import name_of
from helpers.error_bars import in_words
from helpers.errors import LessonError
from helpers.live.fields import in_columns, look_useful, make_slider
from helpers.live.part import WORDS, Live, beside
from helpers.live.progress import Pace
from helpers.sweeps.run import sweep
from helpers.sweeps.tasks import MOST_RUNS, PATIENCE

TABLE = "330px"  # high; what does not fit is scrolled


def choose(build, data, grid, seeds=(0, 1, 2), epochs=20, validation_split=0.2, save_in=None):
    """Show a live part that trains all settings of a grid, each from several seeds, to look for the best of them.

    build: your function that returns the compiled model. data, validation_split: as in `explore`; there must be
    validation data.
    grid: {keyword: [values]}, keywords of `build`, or `batch_size`, `n_train`; every combination is trained. seeds:
    whole numbers.
    save_in: the folder in which finished runs are kept, and found again if the cell runs once more; None keeps them for
    as long as the part is there.

    Returns the `Chooser`; behind a front end at once, so that its controls work while it trains (a cell that waits
    would keep the kernel from hearing them). Raises `LessonError` for a mistake in any of these before anything is
    trained. A setting that fails says why in its row; if all fail, that is told on the part and raises where its
    results are asked for.
    """
    return Chooser(build, data, grid, seeds, epochs, validation_split, save_in).show()


class Chooser(Live):
    """What `choose` has made.

    `sweep`: the `Sweep`; `best`: {keyword: value}, the settings with the lowest validation loss (the mean over the
    seeds), and `histories`: {seed: `History`} of these. All three wait for the end of a training that is under way; the
    last two raise `LessonError` if no setting is finished. `state`: "building", "training", "done", "stopped", "error".
    """

    made_by = "choose"
    patience = Live.patience + PATIENCE  # first the sweep waits for its workers
    waits_when_shown = False  # the table can be sorted meanwhile
    counts = ("training", "trainings")
    says = {
        **WORDS,
        "training": "Training: {epochs} training{s} in all. The first results take a while; you can sort and look at"
        " rows meanwhile.",
    }

    def __init__(self, build, data, grid, seeds=(0, 1, 2), epochs=20, validation_split=0.2, save_in=None):
        super().__init__()
        self._lock = threading.RLock()  # the student sorts in one thread while another one trains, and both draw
        self._own = None
        if save_in is None:
            self._own = tempfile.TemporaryDirectory(prefix="sweep-", ignore_cleanup_errors=True)
        self._arguments = build, data, grid, seeds, epochs, validation_split, self._own.name if self._own else save_in
        self._build = build
        # Of this thread: a `with joblib.parallel_config(…):` is to reach the training.
        self._workers = joblib.parallel.get_active_backend()

        def begin(so_far):
            self._take(so_far)
            raise Checked

        with contextlib.suppress(Checked):
            sweep(*self._arguments, on_run=begin)
        by = [LOSS, ACCURACY, *self._sweep.keywords]
        self._sort = widgets.ToggleButtons(options=by, description="sort by", style={"button_width": "auto"})
        rows = len(self._entries)
        self._slider = make_slider(widgets.IntSlider, value=1, min=1, max=rows, description="row")
        for control in (self._sort, self._slider):
            control.observe(self._on_move, "value")
        does = "Train what is missing; what is finished is not trained again"
        self._go_on_button = widgets.Button(description="Go on", tooltip=does)
        self._go_on_button.on_click(self._on_go_on)
        # The widget itself scrolls, and takes the focus: neither is lost when the table in it is drawn again.
        look = {"height": TABLE, "overflow": "auto", "border": f"1px solid {colour('ghost')}"}
        self._table = widgets.HTML(layout=look)
        self._old = not hasattr(self._table, "tabbable")  # ipywidgets 7: there the table takes the focus
        if not self._old:
            self._table.tabbable = True
        progress = beside([self._progress, self._stop_button, self._go_on_button])
        self._assemble(widgets.HTML(scoreboard.STYLE), progress, self._sort, self._table, in_columns([self._slider]))

    def __repr__(self):
        settings = f"{len(self._entries)} settings of {name_of(self._build)}()"
        return f"<chooser among {settings}: {self._done} of {self._sweep.runs} trainings finished; {self.state}>"

    best = property(lambda self: dict(self._best().settings))
    histories = property(lambda self: dict(self._best().histories))

    @property
    def sweep(self):
        if not self.idle.is_set():
            self.wait()
        return self._sweep

    def close(self):
        """Stop training and take it off the page; runs that were kept in no folder of yours are gone."""
        super().close()
        self._go_on_button.on_click(self._on_go_on, remove=True)
        self.idle.wait(5)  # until nobody writes any more
        if self._own:
            self._own.cleanup()

    def _best(self):
        if not self.idle.is_set():
            self.wait()
        best = self._lowest()
        if best is None:
            raise self._error or LessonError(
                "No setting is finished yet, so there is no best one. Run it to the end first: press “Go on”,"
                " or run the cell again."
            )
        return best

    def _lowest(self):
        """The entry with the lowest validation loss, or None: the sweep's `best`, but safe to read while it trains."""
        first = scoreboard.in_order(self._entries, LOSS)[0]
        return first if first.complete and not first.error and isfinite(first.loss) else None

    # From a button to a run, from a control to a row

    def _on_go_on(self, _button):
        if self.idle.is_set():  # a run under way is going on already
            self._request()

    def _on_move(self, _change):
        with self._lock:
            self._draw(self.state)

    def _train(self, stop):
        self._pace = None
        if not self._sweep.complete:
            self._draw("building")
            backend, n_jobs = self._workers
            try:
                with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
                    sweep(*self._arguments, stop=stop, on_run=self._follow)
            finally:
                self._take(self._sweep)  # runs that ended while it was being stopped
        errors = [entry.error for entry in self._entries if entry.error]
        if len(errors) == len(self._entries):
            raise LessonError(f"None of the settings could be trained. {errors[0]}")
        return "done" if self._sweep.complete else "stopped", self._in_words()

    def _follow(self, so_far):
        """Take over what the sweep has reached; it calls this at its start and after each training."""
        with self._lock:
            first = self._pace is None
            self._take(so_far)
            if first or self._is_due():
                self._draw("training")

    def _take(self, so_far):
        """Keep what can be drawn of a sweep: it goes on changing in the thread that trains, this does not."""
        with self._lock:
            self._sweep, self._done = so_far, so_far.finished
            self._entries = [_entry(setting) for setting in so_far.rows]

    # What it says

    def _counts(self):
        settings, seeds = _count(len(self._entries), "setting"), _count(len(self._sweep.seeds), "seed")
        return f"{settings}, each trained from {seeds} for {_count(self._sweep.epochs, 'epoch')}"

    def _in_words(self):
        n, best = self._sweep.n_validation, self._lowest()
        failed = sum(bool(entry.error) for entry in self._entries)
        said = [self._sweep.trouble] if self._sweep.trouble else []
        if failed:
            said.append(f"{failed} of {len(self._entries)} settings could not be trained: their rows say why.")
        runs = [history for entry in self._entries for history in entry.histories.values()]
        said += dict.fromkeys(remark for history in runs for remark in history.remarks)
        if not self._sweep.complete:
            said.append(f"{self._done} of {self._sweep.runs} trainings are finished. “Go on” trains the others.")
        if best is not None:
            accuracy = f"; accuracy {in_words(best.accuracy * n, n)}" if isfinite(best.accuracy) else ""
            so_far = "" if self._sweep.complete else " so far"
            said.append(
                f"Lowest validation loss{so_far}: {in_full(best.settings)}: {loss_in_words(best.loss)}{accuracy}."
                " Do not report these figures: it was chosen by them."
            )
        return " ".join(said)

    def _still_words(self):
        alt = "The validation accuracy of each setting, with its 95 % interval, against its rank by validation loss"
        alt = f"{self._counts()}. {alt}, and below it the settings with the lowest."
        return alt, f"{self._counts()}. Run this cell to train them yourself."

    def _still_picture(self):
        return scoreboard.still_picture(self._entries, self._sweep.n_validation)

    # What it looks like

    def _ordered(self):
        """(the entries in the order that is chosen, the chosen row from 1, what they are sorted by)."""
        return scoreboard.in_order(self._entries, self._sort.value), self._slider.value, self._sort.value

    def _draw(self, state, words=""):
        with self._lock:
            entries, row, by = self._ordered()
            n = self._sweep.n_validation
            caption = (
                f"{self._counts()}. Validation loss: the lowest of each run; accuracy: at that epoch, on {n} pictures,"
                " with its 95 % interval. Both are means over the seeds, the best epoch is the median."
            )
            look_useful(self._go_on_button, state not in ("building", "training") and not self._sweep.complete)
            drawn = scoreboard.table(entries, row, by, caption, n)
            if self._old:
                drawn = f'<div tabindex="0" role="region" aria-label="all settings">{drawn}</div>'
            self._table.value = drawn
            super()._draw(state, words)

    def _new_pace(self, done, wanted, now):
        # Workers hand in several trainings at once: before each of them has done so, the pace cannot be told.
        return Pace(done, wanted, now, max(1, min(MOST_RUNS * (os.cpu_count() or 1), ceil((wanted - done) / 2))))

    def _marks(self):
        entries, row, by = self._ordered()
        settings = {"sort by": by, "row": row, "settings": entries[row - 1].settings}
        return {"epoch": self._done, "epochs": self._sweep.runs, "settings": settings}

    def _picture(self):
        """The curves of the chosen row above, the accuracies of all rows below."""
        entries, row, by = self._ordered()
        shown, seeds = entries[row - 1], len(self._sweep.seeds)
        figures = shown.complete or self._complete  # its curves do not grow any more
        one = scoreboard.curves_of(shown, row, self._sweep.epochs, seeds, self._name, figures)
        everything = scoreboard.overview(entries, row, self._sweep.n_validation, by)
        return scoreboard.below_each_other(one, everything)


def _entry(setting):
    """What is drawn of one `Row` of a sweep."""
    finished, figures = len({*setting.histories, *setting.errors}), (setting.loss, setting.accuracy, setting.epoch)
    kept = dict(setting.settings), dict(setting.histories)
    return Entry(*kept, finished, setting.error, setting.complete, *figures)


def _count(number, name):
    return f"{number} {name}" + "s" * (number != 1)


class Checked(Exception):
    """Ends a sweep that has checked its arguments and looked for finished runs, before it trains."""
