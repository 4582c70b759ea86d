"""The live panel: controls, the engine and the curves. Move a control and the network trains again.

explore(build, digits, epochs=(1, 40, 15), dropout=(0.0, 0.8, 0.25))
"""

import json

import ipywidgets as widgets

from helpers.curves import chart
from helpers.curves.history import describe
from helpers.curves.plotting import plot
from helpers.engine.builder import keywords
from helpers.engine.examples import len_of, training_and_validation
from helpers.engine.trainer import Trainer
from helpers.live.controls import DEFAULTS, OF_TRAINING, controls, value_of
from helpers.live.part import Live
from helpers.records.recorder import Recorder, Recording


def explore(build, data, validation_split=0.2, save_in=None, **forms):
    """Show a live panel for `build`: every keyword of the builder can become a control, and each move trains again.

    build: your function; it takes keywords and returns a compiled Keras model.
    data: a dataset of `helpers.data`, or `(x, y)`, of which the last `validation_split` is for validation as in
    `model.fit`, or `(x, y, x_validation, y_validation)`.
    forms: `keyword=form`, for the builder's keywords and for `epochs`, `batch_size`, `n_train` (number of training
    images) and `seed`: `(low, high, start)` is a slider, a list a choice, True or False a tick box
    (`helpers.live.controls` lists them all).
    save_in: a folder, if the weights after each epoch are to be kept in files (`helpers.records.recorder`).

    Returns the `Panel`, when its first curves are complete. Raises `LessonError` for a mistake in `build` or `forms`.
    """
    panel = Panel(build, data, validation_split, forms, save_in)
    panel.show()
    return panel


class Panel(Live):
    """A panel that `explore` has made.

    `history`: the `History` the panel shows; `settings`: the values of its controls; `state`: one of
    "building", "training", "done", "stopped", "error". With `save_in`, `recording` is the latest run whose weights are
    kept, and each function in `listeners` is called after such a run.
    """

    def __init__(self, build, data, validation_split=0.2, forms=(), save_in=None):
        super().__init__()
        forms = {"epochs": (1, 40, 15), **dict(forms)}
        forms = {**forms, **{name: value for name, value in DEFAULTS.items() if name not in forms}}
        x, y, validation = training_and_validation(data, validation_split)
        self._recorder = Recorder(save_in) if save_in is not None else None
        self._trainer = Trainer(build, x, y, validation, save=self._recorder and self._recorder.save)
        self.recording, self.listeners = None, []
        self._build = build
        self._controls, self._fixed = controls(build, forms, None if y is None else len_of(x), self.made_by)
        self._of_student = [form for form in forms.values() if isinstance(form, widgets.Widget)]
        self.history, self.settings = None, self._read_controls()
        self._past = []  # (settings, history) of finished runs, the latest last
        for control in self._controls.values():
            control.observe(self._request, "value")
        row = widgets.HBox(list(self._controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        self._assemble(row, self._stop_button)

    def __repr__(self):
        return (
            f"<live panel of {getattr(self._build, '__name__', 'build')}(): {_in_words(self.settings)}; {self.state}>"
        )

    def _lent(self):
        return self._of_student

    # From a control to a run

    def _read_controls(self):
        return {**{name: value_of(control) for name, control in self._controls.items()}, **self._fixed}

    def _train(self, stop):
        settings = self._read_controls()
        same_curve = _curve(settings) == _curve(self.settings) and self.history is not None
        if not same_curve and self.state in ("done", "stopped") and self.history is not None and self.history.epoch:
            self._remember()
        self.settings = settings
        self.history = self.history if same_curve else None
        self._draw("building")
        of_builder = {
            name: value for name, value in settings.items() if name not in OF_TRAINING or name in keywords(self._build)
        }
        of_training = {name: value for name, value in settings.items() if name in OF_TRAINING}
        if self._recorder:
            self._recorder.begin(_curve(settings))
        try:
            self.history = self._trainer.run(
                of_builder,
                **of_training,
                stop=stop,
                on_epoch=self._on_epoch,
                on_state=lambda state: state == "training" and self._draw(state),
            )
        except Exception:
            self.history = None
            raise
        trouble = self._tell_of_recording(of_builder) if self._recorder else ""
        words = " ".join(filter(None, (self.history.note, describe(self.history), trouble)))
        return "stopped" if self.history.stopped else "done", words

    def _tell_of_recording(self, of_builder):
        """Tell the listeners where the weights of the run are; returns what could not be kept, in words."""
        if self._recorder.folder is not None and self.history.epoch:
            self.recording = Recording(self._build, of_builder, self._recorder.folder, self.history)
            for listener in list(self.listeners):  # a copy: one that is closed meanwhile takes itself off
                listener()
        return self._recorder.trouble

    def _remember(self):
        """Keep the finished run as a possible ghost; the panel's first curve stays the first."""
        known = [_curve(settings) for settings, _ in self._past]
        if _curve(self.settings) in known[:1]:
            self._past[0] = (self.settings, self.history)
        else:
            self._past = [past for past in self._past if _curve(past[0]) != _curve(self.settings)] + [
                (self.settings, self.history)
            ]

    def _on_epoch(self, history):
        self.history = history
        if len(history.epoch) == 1 or self._is_due():
            self._draw("training")

    # What it looks like

    def _marks(self):
        return {
            "epoch": min(self._points(), self.settings["epochs"]),
            "epochs": self.settings["epochs"],
            "settings": self.settings,
        }

    def _points(self):
        return 0 if self.history is None else len(self.history.epoch)

    def _picture(self):
        epochs = self.settings["epochs"]
        logs = {name: values[:epochs] for name, values in self.history.history.items()} if self._points() else {}
        return chart.svg(logs, epochs, self._ghosts(), uid=self._name)

    def _ghosts(self):
        """The first run, to compare everything with, and the latest one before this; named by what differs from now."""
        past = [(settings, history) for settings, history in self._past if _curve(settings) != _curve(self.settings)]
        return [
            (_in_words(_difference(settings, self.settings)), history.history)
            for settings, history in past[:1] + past[1:][-1:]
        ]

    def _finished(self):
        picture = plot(self.history, before=f"Live panel at {_in_words(self.settings)}.")
        return picture._repr_mimebundle_()


def _curve(settings):
    """What decides the course of a curve: all settings but how far it goes."""
    return json.dumps(
        {name: value for name, value in settings.items() if name != "epochs"}, sort_keys=True, default=repr
    )


def _difference(settings, others):
    return {name: value for name, value in settings.items() if name != "epochs" and others.get(name) != value}


def _in_words(settings):
    return ", ".join(f"{name} {value}" for name, value in settings.items())
