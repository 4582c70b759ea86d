"""The live panel: controls, the engine and the curves. Move a control and the network trains again.

explore(build, digits, epochs=(1, 40, 15), dropout=(0.0, 0.8, 0.25))
"""

from helpers.curves import live_chart
from helpers.curves.history import describe
from helpers.engine.builder import name_of
from helpers.engine.examples import len_of, training_and_validation, with_weights
from helpers.engine.settings import DEFAULTS, OF_TRAINING, of_builder, unused
from helpers.engine.trainer import Trainer
from helpers.live.controls import curve, difference, in_words
from helpers.live.fields import in_columns
from helpers.live.part import Live, beside
from helpers.live.view import View
from helpers.parts import pinned_files
from helpers.parts.pins import Pins
from helpers.records.recorder import Recorder, Recording
from helpers.sweeps.files import print_of


def explore(build, data=None, validation_split=0.2, save_in=None, sample_weight=None, class_weight=None, **forms):
    """Show a live panel for `build`: every keyword of the builder can become a control, and each move trains again.

    build: your function; it takes keywords and returns a compiled Keras model.
    data: a dataset of `helpers.data`, or `(x, y)`, of which the last `validation_split` is for validation as in
    `model.fit`, or `(x, y, x_validation, y_validation)`.
    forms: `keyword=form`, for the builder's keywords and for `epochs`, `batch_size`, `n_train` (number of training
    images) and `seed`: `(low, high, start)` is a slider, a list a choice, True or False a tick box
    (`helpers.live.controls` lists them all).
    save_in: a folder, if the weights after each epoch are to be kept in files (`helpers.records.recorder`).
    sample_weight, of shape (n,), or class_weight, {class: weight}: how much each example counts, as in `model.fit`.

    Returns the `Panel`, when its first curves are complete. Raises `LessonError` for a mistake in `build` or `forms`.
    """
    return Panel(build, data, validation_split, forms, save_in, sample_weight, class_weight).show()


class Panel(Live):
    """A panel that `explore` has made.

    `history`: the `History` the panel shows; `settings`: the values of its controls; `state`: one of
    "building", "training", "done", "stopped", "error"; `pinned`: the runs that are pinned, {name: history}. With
    `save_in`, `recording` is the latest run whose weights are kept, and each function in `listeners` is called after
    such a run.
    """

    def __init__(
        self, build, data, validation_split=0.2, forms=(), save_in=None, sample_weight=None, class_weight=None
    ):
        super().__init__()
        forms = {"epochs": (1, 40, 15), **dict(forms)}
        forms = {**forms, **DEFAULTS, **forms}  # what is not given comes last
        x, y, validation = training_and_validation(data, validation_split)
        self._recorder = Recorder(save_in) if save_in is not None else None
        self._kind = {"arrays": y is not None, "validation": validation is not None}  # of the data, for `code`
        self._kind |= {"class_weight": class_weight, "weighted": sample_weight is not None}
        weights, validation = with_weights(x, validation, sample_weight)
        told = {"save": self._recorder and self._recorder.save, "class_weight": class_weight}
        self._trainer = Trainer(build, x, y, validation, sample_weight=weights, **told)
        self.recording, self.listeners = None, []
        self._build = build
        self._add_controls(build, forms, len_of(x))
        self._remarks = _remarks(build, forms, validation)
        self.history, self.settings = None, self._read_controls()
        self._past = []  # (settings, history) of finished runs, the latest last
        self._view, self._pins = View(self), Pins(self)
        buttons = beside([self._stop_button, self._progress, self._view.box])
        self._assemble(in_columns(self._controls.values()), buttons, below=[self._pins.box])

    def __repr__(self):
        return f"<live panel of {name_of(self._build)}(): {in_words(self.settings)}; {self.state}>"

    @property
    def pinned(self):
        return {name: history for name, _, history in self._pins.runs}

    def shown(self):
        """The history that is drawn, {name of a metric: list with a value per epoch}; empty before the first epoch."""
        epochs = self.settings["epochs"]
        return {name: values[:epochs] for name, values in self.history.history.items()} if self._points() else {}

    def code(self, runs):
        """The lines of plain Keras that train `runs`, [(name, settings, history)], again."""
        return pinned_files.script(self._build, runs, **self._kind)

    def hand_on(self):
        return self._pins.hand_on(self._print()) if self.pinned else None

    def take_over(self, handed_on):
        if handed_on is not None:
            self._pins.take_over(*handed_on, self._print())

    def _print(self):
        return print_of(self._build, (self._trainer._data, self._trainer._validation))

    # From a control to a run

    def _train(self, stop):
        settings = self._read_controls()
        same_curve = curve(settings) == curve(self.settings) and self.history is not None
        if not same_curve and self.state in ("done", "stopped") and self.history is not None and self.history.epoch:
            self._remember()
        self.settings = settings
        self.history = self.history if same_curve else None
        self._draw("building")
        if self._recorder:
            self._recorder.begin(curve(settings))
        told = {"stop": stop, "on_epoch": self._on_epoch, "on_state": self._draw_state}
        try:
            self.history = self._trainer.run_with(settings, **told)
        except Exception:
            self.history = None
            raise
        trouble = self._tell_of_recording() if self._recorder else ""
        words = " ".join(filter(None, (self.history.note, describe(self.history), trouble, *self._told())))
        return "stopped" if self.history.stopped else "done", words

    def _told(self):
        """What is legal but strange in the controls, the network or the data, a list of sentences."""
        return [*self.history.remarks, *self._remarks]

    def _tell_of_recording(self):
        """Tell the listeners where the weights of the run are; returns what could not be kept, in words."""
        folder, settings = self._recorder.folder, of_builder(self._build, self.settings)
        if folder is not None and self.history.epoch:
            self.recording = Recording(self._build, settings, folder, self.history)
            for listener in list(self.listeners):  # a copy: one that is closed meanwhile takes itself off
                listener()
        return self._recorder.trouble

    def _remember(self):
        """Keep the finished run as a possible ghost; the panel's first curve stays the first."""
        finished = self.settings, self.history
        if self._past and curve(self._past[0][0]) == curve(self.settings):
            self._past[0] = finished
        else:
            self._past = [past for past in self._past if curve(past[0]) != curve(self.settings)] + [finished]

    def _on_epoch(self, history):
        self.history = history
        self._draw_epoch(history)

    # What it looks like

    def _marks(self):
        epochs = self.settings["epochs"]
        return {"epoch": min(self._points(), epochs), "epochs": epochs, "settings": self.settings}

    def _points(self):
        return 0 if self.history is None else len(self.history.epoch)

    def _picture(self):
        epochs = self.settings["epochs"]
        how = {"figures": self._complete, "coming": [self._longest_label()] * 2, **self._view.options}
        return live_chart.chart(self.shown(), epochs, self._ghosts(), uid=self._name, **how)

    def _ghosts(self):
        """The first run, to compare everything with, and the latest one before this, named by what differs from now;
        and the runs that are pinned."""
        past = [(settings, history) for settings, history in self._past if curve(settings) != curve(self.settings)]
        two = [(settings, history) for settings, history in past[:1] + past[1:][-1:] if not self._pins.has(settings)]
        earlier = [(in_words(difference(settings, self.settings)), history.history) for settings, history in two]
        return earlier + self._pins.ghosts()

    def _still_words(self):
        words = describe(self.history, numbers=False) if self._points() else "Nothing has been trained yet."
        return words, f"Live panel at {in_words(self.settings)}. {words}"


def _remarks(build, forms, validation):
    """What is legal but strange in what `explore` was given, a list of sentences."""
    names = [keyword for keyword in unused(build, forms) if keyword not in OF_TRAINING]
    said = []
    if names:
        nothing = "it changes nothing" if len(names) == 1 else "they change nothing"
        said.append(f"Your function {name_of(build)}() never uses {' and '.join(names)}, so {nothing}.")
    if validation is None:
        said.append(
            "No curve tells how the network does on new examples: give it validation_split=0.2, or"
            " (x, y, x_validation, y_validation), or two datasets, (training, validation)."
        )
    return said
