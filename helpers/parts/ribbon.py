"""The seed ribbon: is a difference between two settings real, or luck? Both are trained from several seeds, live.

ribbon(build, digits, other={"dropout": 0.5}, seeds=(1, 10, 3), epochs=(1, 40, 15), dropout=(0.0, 0.8, 0.0))
"""

import ipywidgets as widgets
import numpy as np

from helpers.curves import live_chart
from helpers.curves.history import finite, panes
from helpers.curves.luck import verdict
from helpers.curves.sheets import Band, Ghost, Line, Sheet
from helpers.engine.builder import name_of
from helpers.engine.examples import check_validation, dealt_anew, is_dataset, len_of, training_and_validation
from helpers.engine.trainer import DIVERGED, Trainer
from helpers.errors import LessonError
from helpers.live.pair import Pair
from helpers.live.part import Live, beside
from helpers.live.view import View

CAPTION = (
    "Validation curves. A band spans the finished runs of A or B, one for each seed; the line in it is their median."
)


def ribbon(build, data, other, seeds=(1, 10, 1), validation_split=0.2, deal=None, **forms):
    """Show a live part that trains two settings, A and B, from several seeds: may their difference be luck?

    build, data, validation_split: as in `explore`; there must be validation data.
    other: {keyword: value}, what is different in B and where it starts: keywords of the builder, or `batch_size`,
    `n_train`.
    seeds: the form of the control for the number of seeds, from 1; they are 0, 1, 2, …
    deal: the form of a control that deals the examples anew into training and validation: 0 as they were handed over,
    1, 2, … otherwise. How far does the result hang on which examples they happen to be?
    forms: `keyword=form` as in `explore`. They make the controls, which A and B share; a keyword of `other` gets one
    for each. Without a form it has no control, and A has the builder's default.

    Returns the `Ribbon`, when its first curves are complete. Raises `LessonError` for a mistake in any of these.
    """
    return Ribbon(build, data, other, seeds, validation_split, forms, deal).show()


class Ribbon(Live):
    """What `ribbon` has made.

    `histories`: {"A": [`History` of seed 0, of seed 1, …], "B": […]}, of finished runs only; `settings`: {"A":
    {keyword: value}, "B": {…}, "seeds": how many}, with "deal" where there is a control for it; `state`: one of
    "building", "training", "done", "stopped", "error".
    """

    made_by = "ribbon"

    def __init__(self, build, data, other, seeds=(1, 10, 1), validation_split=0.2, forms=(), deal=None):
        super().__init__()
        x, y, validation = self._examples = training_and_validation(data, validation_split)
        check_validation(validation, self.made_by)
        if deal is not None and is_dataset(x):
            raise LessonError("deal can deal arrays anew, and no dataset that brings its batches: hand over arrays.")
        self._build, self._trainers = build, {0: Trainer(build, x, y, validation)}
        self._pair = Pair(build, other, seeds, dict(forms), len_of(x), deal)
        self._of_student = self._pair.lent
        self.settings, self._names = self._pair.read()
        self.histories = {"A": [], "B": []}
        self._growing = None  # (side, seed, history) of the run that is under way
        self._latest = None  # the latest picture with a curve in it
        for control in self._pair.all:
            control.observe(self._request, "value")
        self._view = View(self)
        below = beside([self._stop_button, self._progress, self._view.box])
        self._assemble(*self._pair.rows, below, widgets.HTML(CAPTION))

    def __repr__(self):
        return f"<seed ribbon of {name_of(self._build)}(): {self._in_short()} {self.state}>"

    # From a control to a run

    def _train(self, stop):
        self.settings, self._names = self._pair.read()
        self.histories, self._growing = {"A": [], "B": []}, None
        self._draw("building")
        trainer = self._trainer_of(self.settings.get("deal", 0))
        for seed in range(self.settings["seeds"]):
            for side in ("A", "B"):
                history = self._run(trainer, side, seed, stop)
                if len(history.epoch) < self.settings[side]["epochs"] and history.note != DIVERGED:
                    return "stopped", self._in_words()
                self.histories[side].append(history)
                self._growing = None
                if self._is_due():
                    self._draw("training")
        return "done", self._in_words()

    def _trainer_of(self, deal):
        """The trainer on a deal of the examples; besides that of the one that was handed over, the latest is kept."""
        if deal not in self._trainers:
            new = Trainer(self._build, *dealt_anew(*self._examples, deal))
            self._trainers = {0: self._trainers[0], deal: new}
        return self._trainers[deal]

    def _run(self, trainer, side, seed, stop):
        def on_epoch(history):
            self._growing = side, seed, history
            self._draw_epoch(history)

        def on_state(state):
            if seed == 0 and state == "building":  # for later seeds it is built: a new word would only flicker
                self._draw(state)

        settings = {**self.settings[side], "seed": seed}
        return trainer.run_with(settings, stop=stop, on_epoch=on_epoch, on_state=on_state)

    def _in_words(self, numbers=True):
        finished = [(side, history) for side in "AB" for history in self.histories[side]]
        told = [(side, run.note) for side, run in finished if run.note == DIVERGED or run.path == "fit"]
        notes = [f"{side}: {note}" for side, note in told]
        notes = dict.fromkeys([*notes, *(remark for _, run in finished for remark in run.remarks)])
        a, b = ([_lowest(history) for history in self.histories[side]] for side in "AB")
        return " ".join([*notes, verdict(a[: len(b)], b, numbers)])

    # What it looks like

    def _drawn(self):
        return [*self.histories["A"], *self.histories["B"], *([self._growing[2]] if self._growing else [])]

    def _marks(self):
        epochs = 2 * self.settings["seeds"] * self.settings["A"]["epochs"]
        done = sum(len(history.epoch) for history in self._drawn())
        return {"epoch": done, "epochs": epochs, "settings": self.settings}

    def _picture(self):
        drawn = self._drawn()
        if not drawn and self._latest:
            return self._latest  # until there is something new to see: the axes must not jump back and forth
        names = [pane.name for pane in panes(drawn[0] if drawn else {})]
        sheets = [_sheet(name, self.histories, self._growing) for name in names]
        legend = [(side, f"{side}: {name}") for side, name in self._names.items()]
        epochs, coming = self.settings["A"]["epochs"], [f"A, seed {self.settings['seeds']}"]
        how = {"figures": self._complete, "coming": coming, **self._view.options}
        svg = live_chart.draw(sheets, epochs, self._in_words(), legend, self._name, **how)
        self._latest = svg if drawn else None
        return svg

    def _still_words(self):
        words = f"{self._in_short()} {self._in_words(numbers=False)}"
        return f"{CAPTION} {words}", words

    def _in_short(self):
        return " ".join(f"{side}: {name}." for side, name in self._names.items())


def _lowest(history):
    """The lowest validation loss of a run; infinite if none was a number."""
    return finite(np.array(history.history["val_loss"])).min(initial=np.inf)


def _sheet(name, histories, growing):
    """The `Sheet` of one metric: band and median of A and of B; growing: (side, seed, history) under way, or None."""
    lines, bands, ghosts = [], [], []
    for side in "AB":
        finished = _validation(histories[side], name)
        under_way = _validation([growing[2]], name) if growing and growing[0] == side else []
        if finished:
            low, median, high = _limits_and_median(finished)
            bands += [Band(side, low, high)] if len(finished) > 1 else []
            lines.append(Line(f"{side}_val_{name}", side, median))
            ghosts += [Ghost(f"{side}, seed {growing[1]}", run) for run in under_way if len(finite(run))]
        else:
            lines += [Line(f"{side}_val_{name}", side, run) for run in under_way]
    return Sheet(name, lines, ghosts, bands, title=f"validation {name}")


def _validation(histories, name):
    return [pane.val for history in histories for pane in panes(history) if pane.name == name]


def _limits_and_median(runs):
    """The lowest, middle and highest value of each epoch, as arrays; a NaN, or a run that has ended, does not count."""
    epochs = max(map(len, runs))
    values = np.ma.masked_invalid([np.pad(run, (0, epochs - len(run)), constant_values=np.nan) for run in runs])
    return [np.ma.filled(of(values, axis=0), np.nan) for of in (np.ma.min, np.ma.median, np.ma.max)]
