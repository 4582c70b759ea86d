"""What all live parts of a lesson share: shown in their cell, they train without freezing the page.

A part has widgets, a picture and its state in words. Behind a front end it trains in the background; in Google Colab,
and where a program runs the notebook, it trains inside the request that asked for it.
"""

import base64
import contextlib
import html
import itertools
import json
import threading
import time

import ipywidgets as widgets
from IPython.display import display

from helpers.curves import paper, theme
from helpers.curves.sheets import WIDTH
from helpers.engine.builder import FRESH
from helpers.engine.stop import Abandoned, Stop, current, working_for
from helpers.errors import Interrupted, LessonError, at, line_under_way, our_mistake
from helpers.live import cell, progress
from helpers.live.controls import controls, in_words, of_curve, read
from helpers.live.fields import look_useful
from helpers.live.keepsake import REVIVE, Keepsake
from helpers.live.page import STYLE as LOOKS
from helpers.live.page import page
from helpers.live.worker import PATIENCE, WORKER

VIEW = "application/vnd.jupyter.widget-view+json"
FRAME = 0.04  # seconds between two pictures of a growing curve: faster than this nobody sees
INTERRUPTED = "You interrupted the training. The panel still works: move a control to train again."
ABANDONED = "The run was told to stop, but went on for {} seconds, so the panel has let go of it and works again."
MEND_IT = " If that line loops or waits without an end, mend it, run its cell again and then the cell of this panel."
SLOW = (
    " It was inside Keras or TensorFlow, which may only be slow here: try a smaller network, or fewer images. If no"
    " panel works any more, restart the kernel."
)
DEAF = " To stop it, interrupt the kernel (■)."
WORDS = {
    "ready": "",
    "building": "Building the network …",
    "training": "Training: {epochs} epoch{s} …",
    "done": "Done.",
    "stopped": "Stopped.",
    "error": "",
}
STYLE = (
    f"<style>{progress.STYLE}"
    """
.live-panel-state{height:4.6em;overflow-y:auto;line-height:1.5;padding:2px 6px}
.live-panel-state.error{color:#8A2A00;background:#FFF4EC}
.live-panel-lost{display:none}
.jupyter-widgets-disconnected .live-panel-lost{display:block;color:#8A2A00}
.jupyter-widgets-disconnected .live-panel-state{display:none}
.jupyter-widgets-disconnected .live-panel{opacity:.45}
</style><p class="live-panel-lost">This panel has lost its kernel. Run the cell again to bring it back.</p>"""
)

_numbers = itertools.count(1)


class Live:
    """A live part of a lesson. `state`: "ready" for the student, "building", "training", "done", "stopped" or "error".

    A subclass begins with `super().__init__()`, makes its widgets, `_add_controls` among them, and ends with
    `_assemble`, which draws at once: what `_picture` and `_marks` look at must be there before. In `_train(stop)` it
    trains once, drawing with `_draw`, and returns ("done" or "stopped", words). `_picture()` gives the SVG or HTML to
    show, `_marks()` what tests and assistive technology may read of it: "epoch" (points drawn), "epochs" (points
    wanted) and "settings". `_still_words()` gives what a reader without a kernel is told; `made_by` is the function
    that a student calls. `hand_on` and `take_over`: what a student has made on it outlives it when its cell runs again.
    """

    made_by = "explore"  # the function a student calls for it
    trains_when_shown = True
    waits_when_shown = True  # behind a front end, too, its cell ends with the first run
    counts = ("epoch", "epochs")  # what its progress is counted in, one and several; None: it never trains
    follows = True  # a slider on its way, where a run can be overtaken; or only when it is let go
    patience = PATIENCE  # seconds in which a run that is told to end has to do so
    _build = None  # the function of the student that makes the network
    _complete = True  # whether what is drawn is no curve that still grows: then its figures can be read
    says = WORDS  # in each state, before what `_train` returns; {epochs} as in `_marks`, {s} and {ies} for its plural

    def __init__(self):
        if threading.current_thread().name == FRESH:
            raise LessonError(
                f"{self.made_by}(…) was called inside the function that makes the network. Call it outside, in a cell"
                " of its own."
            )
        self.state, self._error, self._stop = "building", None, Stop()
        self._name = f"p{next(_numbers)}"  # tells its chart from the others on the page
        self.idle = threading.Event()
        self.idle.set()
        self._place, self._shown_in, self._number_of_cell = None, None, None
        self._cell_waits = self._closed = False
        self._background, self._run_number, self._drawn_at = False, 0, 0.0
        self._pace = None  # of the run under way, from its first picture on
        self._said, self._picture_drawn, self._keepsake = "", "", Keepsake()
        self._of_student, self._on_control = (), self._request  # the widgets lent; what a move of a control calls
        self._words, self._chart = widgets.HTML(), widgets.HTML()
        self._progress = widgets.HTML(layout={"flex": "1 1 24em", "min_width": "0", "overflow": "hidden"})
        self._stop_button = widgets.Button(description="Stop", tooltip="Stop the training that is under way")
        self._stop_button.on_click(self.stop)

    def _add_controls(self, build, forms, available=None, on_move=None):
        """Make the controls for `forms`, as `controls` does; a move calls `on_move(change)`, or else trains again."""
        self._controls, self._fixed = controls(build, forms, available, self.made_by)
        self._of_student = [form for form in forms.values() if isinstance(form, widgets.Widget)]
        self._on_control = on_move or self._on_control
        for control in self._controls.values():
            control.observe(self._on_control, "value")

    def _assemble(self, *rows, below=()):
        """Put `rows` of widgets, the progress among them, the words, the picture and what is `below` it below each
        other, and draw."""
        self._box = widgets.VBox([widgets.HTML(theme.SCREEN + LOOKS + STYLE), *rows, self._words, self._chart, *below])
        self._box.add_class("live-part")
        self._draw("building" if self.trains_when_shown else "ready")

    # What a student can do with it

    def show(self):
        """Show it and, if it trains at once, start; most return, the part itself, when the curves are complete."""
        self._settle()
        place = self._place
        if self._background and self.follows:  # elsewhere every value passed would be trained to its end
            self._box.add_class("live-at-once")
        cell.replace(self)
        if place != "nobody watches":
            self._display()
        if self.trains_when_shown:
            self._cell_waits = self.waits_when_shown or not self._background
            try:
                self._request()
                if self._cell_waits:
                    self.wait()
            finally:
                self._cell_waits = False
        if place == "nobody watches":
            self._display(*self._finished())
        return self

    def _settle(self):
        """Find out in which cell it is shown, and where its training can go on."""
        self._place, self._shown_in = cell.place(), cell.execution()
        self._number_of_cell = cell.shown_number()
        self._background = self._place == "background"

    def wait(self):
        """Wait until no training is under way; raises the `LessonError` that the last run ended with, if it did."""
        if threading.current_thread().name == FRESH:
            raise LessonError(
                "wait() was called inside the function that makes the network, which the panel itself waits for."
            )
        try:
            while not self.idle.wait(0.1):
                pass
        except KeyboardInterrupt:
            raise Interrupted(self._interrupted()) from None
        if self._error is not None:
            raise self._error

    def _interrupted(self):
        """End what is under way, abandon it if it does not end (at once at a second interrupt), and say so in words."""
        was_training, before = WORKER.is_training(self), self._error
        with contextlib.suppress(KeyboardInterrupt):
            self.stop()
            self.idle.wait(self.patience)
        leaving = threading.Thread(target=WORKER.abandon, args=(self,))  # where no further interrupt can break it off
        leaving.start()
        while leaving.is_alive():
            with contextlib.suppress(KeyboardInterrupt):
                leaving.join(0.1)
        hangs = was_training and self._error is not before
        return f"You interrupted the training. {self._error}" if hangs else INTERRUPTED

    def stop(self, _button=None):
        """Stop the training that is under way or waits; the curve so far stays, and the next move trains again."""
        if WORKER.forget(self):
            self._words.value = '<div class="live-panel-state stopped" role="status">Stopped before it began.</div>'
            look_useful(self._stop_button, False)
        self.overtake()

    def overtake(self):
        """End the run that is under way, because it is out of date; one that does not end is abandoned."""
        WORKER.end_soon(self)
        self._stop.set()

    def close(self):
        """Stop training and take it off the page; nothing of it stays in memory."""
        self._closed = True
        self.stop()
        self._keepsake.let_go()
        self._stop_button.on_click(self.stop, remove=True)
        lent = self._lent()
        for control in lent:
            control.unobserve(self._on_control, "value")
        for widget in _all_in(self._box):
            if widget not in lent:
                widget.unobserve_all()
                for part in (widget, widget.layout, getattr(widget, "style", None)):  # these two are widgets as well
                    if isinstance(part, widgets.Widget):
                        part.close()

    def _ipython_display_(self):
        if self._shown_in != cell.execution():  # it has been shown already in its own cell
            self._display()

    # From a control to a run

    def _read_controls(self):
        return {**read(self._controls), **self._fixed}

    def _request(self, _change=None):
        """A control has moved: train with what the controls now show."""
        if self._closed:  # it moved while the cell ran again
            return
        if self._background:
            WORKER.request(self)
        else:
            self.run()

    def run(self, stop=None):
        """Train once with the controls' present values, drawing as it goes. One thread at a time calls this.

        stop: what ends this run. Raises `Abandoned` in a thread whose place another has taken.
        """
        self._stop = stop = stop or Stop()
        self._error = self._pace = None
        self._run_number += 1
        with working_for(stop):
            try:
                state, words = self._train(stop)
            except Abandoned:
                if stop.left:
                    raise
                self.given_up(stop)
                return
            except KeyboardInterrupt:
                words = INTERRUPTED + at(line_under_way(stop.hung_in, self._build))
                self._error, state = Interrupted(words), "stopped"
            except Exception as error:
                self._error = error if isinstance(error, LessonError) else our_mistake(error)
                state, words = "error", str(self._error)
            self._tidy_up()
            if self._error is not None or not (stop.is_set() and WORKER.has_request_of(self)):
                self._draw(state, words)

    def given_up(self, stop):
        """The run that `stop` ends has been abandoned: tidy up after it, and say so."""
        self._tidy_up()
        place = line_under_way(stop.hung_in, self._build)
        self._error = LessonError(ABANDONED.format(self.patience) + (at(place) + MEND_IT if place else SLOW))
        if not WORKER.has_request_of(self):
            self._draw("error", str(self._error))

    def failed(self, error):
        self._error = error

    def say_it_waits(self, other):
        """Say that another part is training, which one, and what to do."""
        cell = f" in cell [{other._number_of_cell}]" if other._number_of_cell else ""
        waiting = f"Waiting until {other.made_by}(…){cell} has finished … If it hangs, press its Stop."
        self._words.value = f'<div class="live-panel-state" role="status">{waiting}</div>'
        look_useful(self._stop_button, True)

    # What it looks like

    def _draw(self, state, words=""):
        marks = {"run": self._run_number, "state": state, **self._marks()}
        bar = self.counts and self._bar(state)
        plural = {"s": "", "ies": "y"} if marks["epochs"] == 1 else {"s": "s", "ies": "ies"}
        how_to_stop = DEAF if state == "training" and self._is_deaf() else ""
        text = html.escape(_after(self.says[state].format(**marks, **plural), words) + how_to_stop)
        marks = " ".join(f'data-{name}="{html.escape(_as_text(value))}"' for name, value in marks.items())
        self._complete = state not in ("building", "training")
        self._picture_drawn = picture = self._picture()
        _refuse_late()
        if self.counts:
            self._progress.value = bar
        if state != self.state or words or not self._words.value:
            self._words.value = f'<div class="live-panel-state {state}" role="status" tabindex="0">{text}</div>'
        look_useful(self._stop_button, state in ("building", "training"))
        # The picture, which carries the state, comes last: who sees a state sees its words as well.
        self._chart.value = f'<div class="live-panel" {marks}>{picture}</div>'
        _refuse_late()  # it may have been there that it hung
        self.state = state
        self._drawn_at = time.perf_counter()
        self._said = words if words or state in ("building", "training") else self._said
        if self._keepsake.is_shown and not self._closed:
            self._keep()

    def _keep(self):
        """Let the cell's output keep what is drawn now, unless it is still growing."""
        if self.state in ("building", "training"):
            self._keepsake.let_go()
        else:
            picture = self._still_picture()
            told = " ".join(filter(None, (f"{self.made_by}(…) at {self._in_short().rstrip('.')}.", self._said, REVIVE)))
            self._keepsake.keep(lambda: still(picture, paper.label_of(picture), told, paper.figures_of(picture)))

    def _bar(self, state):
        """How far the run has come, as HTML, with the time left once that can be told."""
        (done, wanted), now = self._come(), time.perf_counter()
        seconds = None
        if state == "training":
            self._pace = self._pace or self._new_pace(done, wanted, now)
            seconds = self._pace.seconds_left(done, now)
        end = ", stopped" if state in ("stopped", "error") else ""
        bar = progress.bar(done, wanted, self.counts, seconds, end)
        return f'<div style="visibility:hidden">{bar}</div>' if state == "ready" or not wanted else bar

    def _is_due(self):
        """Whether a growing curve should be drawn again; in the background not more often than can be seen."""
        return not self._background or time.perf_counter() - self._drawn_at >= FRAME

    def _draw_state(self, state):
        """Draw that training has begun; that the network is built has been drawn before anything else."""
        if state == "training":
            self._draw(state)

    def _draw_epoch(self, history):
        """Draw a curve that has grown by an epoch: its first point at once."""
        if len(history.epoch) == 1 or self._is_due():
            self._draw("training")

    def _is_deaf(self):
        """Whether the kernel cannot hear the page, because it is busy with the cell, or the request, that trains."""
        return self._place == "inline" or self._cell_waits and self._background and not cell.has_subshell()

    def _display(self, data=None, metadata=None):
        hear_meanwhile(self._box)
        data = data or {"text/plain": "A live panel. Run this cell to bring it to life."}
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        display({**data, VIEW: view}, metadata=metadata, raw=True)
        if self._background:
            self._keepsake.show()
            self._keep()
        if self._place != "nobody watches":
            display({"text/html": page(), "text/plain": ""}, raw=True)

    def _finished(self):
        """(data, metadata) of what a reader without a kernel sees."""
        return still(self._still_picture(), *self._still_words())

    # What a subclass says where it must

    def _come(self):
        """How far the run has come: (finished, wanted) of what `counts` names."""
        marks = self._marks()
        return marks["epoch"], marks["epochs"]

    def _new_pace(self, done, wanted, now):
        return progress.Pace(done, wanted, now)

    def hand_on(self):
        """What a student has made on it, for the part that takes its place when its cell is run again."""

    def take_over(self, handed_on):
        """Show what the part before this one in its cell has handed on, or None."""

    def _tidy_up(self):
        """After a run, however it ended: what is noted of a run under way is taken back."""

    def _lent(self):
        """Widgets on it that belong to the student and outlive it."""
        return self._of_student

    def _still_picture(self):
        """What stands for the part on a page without a kernel: what was drawn last, if there is nothing better."""
        return self._picture_drawn

    def _longest_label(self):
        """The longest that a run needs to be told from one before it by a single control."""
        settings = of_curve(self._read_controls())
        return max(
            (in_words({name: settings[name]}) for name in self._controls if name in settings), key=len, default=""
        )

    def _in_short(self):
        """Its settings in words."""
        return in_words(self._marks()["settings"])

    def _still_words(self):
        """(alt text, words below the picture) for a reader without a kernel, the same on every machine."""
        raise NotImplementedError


def _refuse_late():
    """Raise `Abandoned` in a thread whose place another has taken: it is not to draw any more."""
    if current() is not None and current().left:
        raise Abandoned


def hear_meanwhile(box):
    """Let what a student does with `box` and all in it reach the kernel while a cell runs.

    JupyterLab sends it to a sub-shell, a thread of its own. ipykernel from 7.4 hands it to the shell that has last sent
    something to that widget instead (`BaseComm._reply_subshell_for`), and that is the one which runs the cell.
    """
    for widget in _all_in(box):
        if hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = lambda _data, as_sent: as_sent


def beside(parts):
    """Widgets beside each other; where there is no room, on several lines."""
    return widgets.HBox(list(parts), layout=widgets.Layout(flex_flow="row wrap"))


def still(drawing, alt, words="", figures=""):
    """`drawing`, HTML or SVG as a part draws it, as a picture for a page without widgets, above `words` and `figures`,
    HTML: (data, metadata) for IPython's `display`."""
    words, data, metadata = words or alt, {}, {}
    try:
        picture, mime = paper.png(drawing), "image/png"
        data, metadata = {mime: base64.b64encode(picture).decode()}, {mime: {"alt": alt, "width": WIDTH}}
    except ImportError:  # in Colab, which shows an SVG as well
        picture, mime = paper.svg(drawing).encode(), "image/svg+xml"
    img = f'<img width="{WIDTH}" alt="{html.escape(alt)}" src="{paper.as_uri(picture, mime)}">'
    return {"text/html": f"{img}<p>{html.escape(words)}</p>{figures}", **data, "text/plain": words}, metadata


def _after(said, words):
    """`words` after what is said in a state, which is left out where their first sentence says it, too."""
    first = words.partition(". ")[0].lower()
    if said and said.strip(" .").lower() in first:
        said = ""
    return " ".join(filter(None, (said.strip(), words.strip())))


def _all_in(box):
    """`box` and every widget in it."""
    return [box, *(widget for child in getattr(box, "children", ()) for widget in _all_in(child))]


def _as_text(value):
    return json.dumps(value, default=repr) if isinstance(value, dict) else str(value)
