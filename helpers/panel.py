"""The live panel: controls, the engine and the curves. Move a control and the network trains again.

    explore(build, digits, epochs=(1, 40, 15), dropout=(0.0, 0.8, 0.25))
"""

import html
import itertools
import json
import sys
import threading
import time

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import display

from helpers import chart, curves
from helpers.builder import FRESH, keywords
from helpers.controls import DEFAULTS, OF_TRAINING, controls, value_of
from helpers.engine import Trainer
from helpers.errors import Interrupted, LessonError, our_mistake
from helpers.examples import len_of, training_and_validation
from helpers.loop import Stop
from helpers.worker import WORKER

FRAME = 0.04  # seconds between two pictures of a growing curve: faster than this nobody sees
VIEW = "application/vnd.jupyter.widget-view+json"
INTERRUPTED = "You interrupted the training. The panel still works: move a control to train again."
WORDS = {
    "building": "Building the network …",
    "training": "Training: {epochs} epochs …",
    "done": "Done. ",
    "stopped": "Stopped. ",
    "error": "",
}
STYLE = """<style>
.live-panel-state{height:4.6em;overflow-y:auto;line-height:1.5;padding:2px 6px}
.live-panel-state.error{color:#8A2A00;background:#FFF4EC}
.live-panel-lost{display:none}
.jupyter-widgets-disconnected .live-panel-lost{display:block;color:#8A2A00}
.jupyter-widgets-disconnected .live-panel-state{display:none}
.jupyter-widgets-disconnected .live-panel{opacity:.45}
</style><p class="live-panel-lost">This panel has lost its kernel. Run the cell again to bring it back.</p>"""


def explore(build, data, validation_split=0.2, **forms):
    """Show a live panel for `build`: every keyword of the builder can become a control, and each move trains again.

    build: your function; it takes keywords and returns a compiled Keras model.
    data: a dataset of `helpers.data`, or `(x, y)`, of which the last `validation_split` is for validation as in
    `model.fit`, or `(x, y, x_validation, y_validation)`.
    forms: `keyword=form`, for the builder's keywords and for `epochs`, `batch_size`, `n_train` (number of training
    images) and `seed`: `(low, high, start)` is a slider, a list a choice, True or False a tick box
    (`helpers.controls` lists them all).

    Returns the `Panel`, when its first curves are complete. Raises `LessonError` for a mistake in `build` or `forms`.
    """
    panel = Panel(build, data, validation_split, forms)
    panel.show()
    return panel


class Panel:
    """A panel that `explore` has made.

    `history`: the `History` the panel shows; `settings`: the values of its controls; `state`: one of
    "building", "training", "done", "stopped", "error".
    """

    def __init__(self, build, data, validation_split=0.2, forms=()):
        if threading.current_thread().name == FRESH:
            raise LessonError("explore(…) was called inside the function that makes the network. Call it outside, in a cell of its own.")
        forms = {"epochs": (1, 40, 15), **dict(forms)}
        forms = {**forms, **{name: value for name, value in DEFAULTS.items() if name not in forms}}
        x, y, validation = training_and_validation(data, validation_split)
        self._trainer = Trainer(build, x, y, validation)
        self._build = build
        self._controls, self._fixed = controls(build, forms, None if y is None else len_of(x))
        self._lent = [form for form in forms.values() if isinstance(form, widgets.Widget)]  # the student's own widgets
        self.history, self.state, self.settings = None, "building", self._read_controls()
        self._error = None
        self._run_number = 0
        self._name = f"p{next(_numbers)}"  # tells its chart from the others on the page
        self._past = []  # (settings, history) of finished runs, the latest last
        self._stop = Stop()
        self.idle = threading.Event()
        self.idle.set()
        self._background = False
        self._make_widgets()

    # What a student can do with it

    def show(self):
        """Show the panel and train for the first time; returns when the curves are complete."""
        place = _place()
        self._shown_in = _cell()
        self._background = place == "background"
        _replace_panel_of_this_cell(self)
        if place != "nobody watches":
            self._display()
        self._request()
        self.wait()
        if place == "nobody watches":
            self._display_finished()

    def wait(self):
        """Wait until no training is under way; raises the `LessonError` that the last run ended with, if it did."""
        if threading.current_thread().name == FRESH:
            raise LessonError("wait() was called inside the function that makes the network, which the panel itself waits for.")
        try:
            while not self.idle.wait(0.1):
                pass
        except KeyboardInterrupt:
            self.stop()
            self.idle.wait(5)
            raise Interrupted(INTERRUPTED) from None
        if self._error is not None:
            raise self._error

    def stop(self):
        """Stop the training that is under way or waits; the curve so far stays, and the next move trains again."""
        if WORKER.forget(self):
            self._words.value = '<div class="live-panel-state stopped" role="status">Stopped before it began.</div>'
        self.overtake()

    def overtake(self):
        """End the run that is under way, because it is out of date."""
        self._stop.set()

    def close(self):
        """Stop training and take the panel off the page; nothing of it stays in memory."""
        self.stop()
        for control in self._controls.values():
            control.unobserve(self._request, "value")
        self._stop_button.on_click(self._on_stop, remove=True)
        ours = [control for control in self._controls.values() if control not in self._lent]
        for widget in (*ours, self._controls_box, self._stop_button, self._words, self._chart, *self._box.children, self._box):
            widget.close()

    def _ipython_display_(self):
        if self._shown_in != _cell():  # `explore` has shown it already in its own cell
            self._display()

    def __repr__(self):
        return f"<live panel of {getattr(self._build, '__name__', 'build')}(): {_in_words(self.settings)}; {self.state}>"

    # From a control to a run

    def _read_controls(self):
        return {**{name: value_of(control) for name, control in self._controls.items()}, **self._fixed}

    def _request(self, _change=None):
        """A control has moved: train with what the controls now show."""
        if self._background:
            WORKER.request(self)
        else:
            self.run()

    def run(self):
        """Train once with the controls' present values, drawing as it goes. One thread at a time calls this."""
        self._stop = stop = Stop()
        self._error = None
        settings = self._read_controls()
        same_curve = _curve(settings) == _curve(self.settings) and self.history is not None
        if not same_curve and self.state in ("done", "stopped") and self.history is not None and self.history.epoch:
            self._remember()
        self.settings = settings
        self._run_number += 1
        so_far = self.history if same_curve else None
        try:
            self._draw("building", so_far)
            of_builder = {name: value for name, value in settings.items() if name not in OF_TRAINING or name in keywords(self._build)}
            of_training = {name: value for name, value in settings.items() if name in OF_TRAINING}
            self.history = self._trainer.run(of_builder, **of_training, stop=stop, on_epoch=self._on_epoch,
                                             on_state=lambda state: state == "training" and self._draw(state, so_far))
        except KeyboardInterrupt:
            self._error = Interrupted(INTERRUPTED)
            self._draw("stopped", self.history, INTERRUPTED)
        except Exception as error:
            self._error = error if isinstance(error, LessonError) else our_mistake(error)
            self.history = None
            self._draw("error", None, str(self._error))
        else:
            if not (stop.is_set() and WORKER.has_request_of(self)):
                words = " ".join(filter(None, (self.history.note, curves.describe(self.history))))
                self._draw("stopped" if self.history.stopped else "done", self.history, words)

    def _remember(self):
        """Keep the finished run as a possible ghost; the panel's first curve stays the first."""
        known = [_curve(settings) for settings, _ in self._past]
        if _curve(self.settings) in known[:1]:
            self._past[0] = (self.settings, self.history)
        else:
            self._past = [past for past in self._past if _curve(past[0]) != _curve(self.settings)] + [(self.settings, self.history)]

    def _on_epoch(self, history):
        self.history = history
        now = time.perf_counter()
        if not self._background or len(history.epoch) == 1 or now - self._drawn_at >= FRAME:
            self._draw("training", history)

    # What it looks like

    def _make_widgets(self):
        for control in self._controls.values():
            control.observe(self._request, "value")
        self._controls_box = widgets.HBox(list(self._controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        self._stop_button = widgets.Button(description="Stop", tooltip="Stop the training that is under way")
        self._stop_button.on_click(self._on_stop)
        self._words = widgets.HTML()
        self._chart = widgets.HTML()
        self._box = widgets.VBox([widgets.HTML(STYLE), self._controls_box, self._stop_button, self._words, self._chart])
        self._drawn_at = 0.0
        self._draw("building", None)

    def failed(self, error):
        self._error = error

    def say_it_waits(self):
        self._words.value = '<div class="live-panel-state" role="status">Waiting until another panel has finished …</div>'

    def _on_stop(self, _button):
        self.stop()

    def _draw(self, state, history, words=""):
        epochs = self.settings["epochs"]
        drawn = len(history.epoch) if history is not None else 0
        logs = {name: values[:epochs] for name, values in history.history.items()} if drawn else {}
        picture = chart.svg(logs, epochs, self._ghosts(), uid=self._name)
        marks = {"run": self._run_number, "state": state, "epoch": min(drawn, epochs), "epochs": epochs,
                 "settings": json.dumps(self.settings, default=repr)}
        marks = " ".join(f'data-{name}="{html.escape(str(value))}"' for name, value in marks.items())
        if state != self.state or words or not self._words.value:
            words = html.escape(WORDS[state].format(epochs=epochs) + words)
            self._words.value = f'<div class="live-panel-state {state}" role="status" tabindex="0">{words}</div>'
        # The picture, which carries the state, comes last: who sees a state sees its words as well.
        self._chart.value = f'<div class="live-panel" {marks}>{picture}</div>'
        self.state = state
        self._drawn_at = time.perf_counter()

    def _ghosts(self):
        """The first run, to compare everything with, and the latest one before this; named by what differs from now."""
        past = [(settings, history) for settings, history in self._past if _curve(settings) != _curve(self.settings)]
        return [(_in_words(_difference(settings, self.settings)), history.history) for settings, history in past[:1] + past[1:][-1:]]

    def _display(self):
        display({VIEW: self._view(), "text/plain": "A live panel. Run this cell to bring it to life."}, raw=True)

    def _view(self):
        return {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}

    def _display_finished(self):
        """For a reader without a kernel: the finished curves as a picture, and what they show as text."""
        picture = curves.plot(self.history, before=f"Live panel at {_in_words(self.settings)}.")
        data, metadata = picture._repr_mimebundle_()
        display({**data, VIEW: self._view()}, metadata=metadata, raw=True)


_numbers = itertools.count(1)
_panels = {}  # cell -> the panel it shows


def _place():
    """Where panels are shown: "background" training behind a front end, "inline" (Colab), or "nobody watches"."""
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return "nobody watches"
    if "google.colab" in sys.modules:
        # Colab shows no widget update that leaves the kernel outside a running request.
        return "inline"
    # A client that cannot be asked for input is a program that runs the notebook, not a person at a front end.
    return "background" if shell.kernel._allow_stdin else "nobody watches"


def _cell():
    """The number of the execution that is under way."""
    shell = get_ipython()
    return getattr(shell, "execution_count", None)


def _cell_id():
    """What the front end calls the cell that is running, or None where it does not say."""
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return shell.kernel.get_parent("shell").get("metadata", {}).get("cellId")


def _replace_panel_of_this_cell(panel):
    cell = _cell_id()
    if cell is not None:
        if cell in _panels:
            _panels[cell].close()
        _panels[cell] = panel


def _curve(settings):
    """What decides the course of a curve: all settings but how far it goes."""
    return json.dumps({name: value for name, value in settings.items() if name != "epochs"}, sort_keys=True, default=repr)


def _difference(settings, others):
    return {name: value for name, value in settings.items() if name != "epochs" and others.get(name) != value}


def _in_words(settings):
    return ", ".join(f"{name} {value}" for name, value in settings.items())
