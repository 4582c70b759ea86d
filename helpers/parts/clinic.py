"""The clinic: real runs without a label. Name the pattern of each, prescribe, and see the prescription tried.

clinic(build, clothes)
"""

import threading
from functools import partial
from html import escape

import ipywidgets as widgets
import numpy as np

from helpers.curves import live_chart, thumbnails
from helpers.curves.diagnosis import PATTERNS
from helpers.curves.theme import colour
from helpers.engine.builder import name_of
from helpers.errors import LessonError, is_whole
from helpers.live.part import Live, beside
from helpers.parts.casebook import Run, standing
from helpers.parts.causes import PRESCRIPTIONS, draw_cases, prescribe, train

RIGHT, WRONG, CHOSEN = "✓", "✗", "▸"


def clinic(build, data, cases=12, seed=None):
    """Show a row of learning curves from real runs, to be named and mended.

    build: your function; it takes the keywords that `helpers.parts.causes` lists and returns a compiled Keras model.
    data: as for `explore`. cases: how many runs, at least one of each pattern. seed: a number makes the draw of the
    runs repeatable.

    Returns the `Clinic`. Nothing is trained before its button is pressed. Raises `LessonError` for too few cases.
    """
    return Clinic(build, data, cases, seed).show()


class Clinic(Live):
    """What `clinic` has made. `cases`, `histories`: of the row; `score`: points; `closed`: how many are closed."""

    made_by = "clinic"
    trains_when_shown = False

    def __init__(self, build, data, cases=12, seed=None):
        super().__init__()
        if not is_whole(cases, len(PATTERNS)):
            raise LessonError(
                f"cases must be a whole number of at least {len(PATTERNS)}, one for each pattern; it is {cases!r}."
            )
        self._build, self._data, self._wanted = build, data, int(cases)
        self._random = np.random.default_rng(seed)
        self._lock = threading.RLock()  # the student answers in one thread while another one trains, and both draw
        self._runs, self._chosen, self._under_way = [], None, None  # the row, and one Run of it each
        self._job = self._train_row  # what the next training is for
        start = f"Train {cases} new runs"
        self._start_button = _button(start, self._on_start, "170px", "Draw new cases and train them")
        self._score_words = widgets.HTML(layout={"flex": "1 1 300px", "height": "42px"})
        self._pictures = {number: widgets.HTML(layout={"margin": "0"}) for number in range(1, cases + 1)}
        self._numbers = {
            number: _button(str(number), partial(self._on_number, number), "auto", f"Look at case {number}")
            for number in self._pictures
        }
        self._names = _answers(PATTERNS, self._on_name, 0.46, 2.8)
        self._prescriptions = _answers(PRESCRIPTIONS, self._on_prescription, 0.5, 2.9)
        asked = widgets.HTML("<b>What do you prescribe?</b>")
        self._cure = widgets.VBox([asked, _row(self._prescriptions)])  # its room stays where it is hidden
        self._draw_small(*self._pictures)
        self._assemble(
            beside([self._start_button, self._stop_button, self._progress, self._score_words]),
            _in_a_grid([self._pictures[number], self._numbers[number]] for number in self._pictures),
            widgets.HTML("<b>What is this?</b>"),
            _row(self._names),
            self._cure,
        )
        self._say(f"Press “{start}”. Then choose a number, name what its curves show, and prescribe.")

    def __repr__(self):
        return f"<clinic of {name_of(self._build)}(): {standing(self._runs, self._wanted)}; {self.state}>"

    cases = property(lambda self: [run.case for run in self._runs])
    histories = property(lambda self: [run.history for run in self._runs])  # None where training has not come so far
    score = property(lambda self: sum(run.points for run in self._runs))
    closed = property(lambda self: sum(run.closed for run in self._runs))

    # What a student can do with it, from a cell as well

    def start(self):
        """Draw a new row and train it; returns when it is complete."""
        self._start_button.click()
        self.wait()

    def choose(self, number):
        """Look at case `number`, from 1."""
        _press(self._numbers, number)

    def name(self, pattern):
        """Say which of PATTERNS the chosen case shows."""
        _press(self._names, pattern)

    def prescribe(self, prescription):
        """Try one of PRESCRIPTIONS on the chosen case, once it is named; returns when that has been trained."""
        _press(self._prescriptions, prescription)
        self.wait()

    # From a button to a run or an answer

    def _on_start(self, _button):
        self._job = self._train_row
        self._request()

    def _on_number(self, number, button):
        with self._lock:
            if not button.disabled:
                self._chosen, before = self._runs[number - 1], self._chosen
                if self.state == "training" or self._chosen is before:
                    self._draw(self.state)
                else:  # what was said was said of another case
                    self._say(self._chosen.question())

    def _on_name(self, pattern, button):
        with self._lock:
            if not button.disabled and pattern not in self._chosen.names:
                self._say(self._chosen.judge_name(pattern))

    def _on_prescription(self, prescription, button):
        with self._lock:
            if button.disabled or self.state == "training" or prescription in self._chosen.prescriptions:
                return
            self._job = partial(self._treat, self._chosen, prescription)
        self._request()

    def _train(self, stop):
        return self._job(stop)

    def _tidy_up(self):
        with self._lock:
            if self._under_way is not None and self._under_way.history is not None:
                self._under_way.show_itself()  # a prescription that was not tried to its end
            self._under_way = None
            self._runs = [run for run in self._runs if run.history is not None]  # what is finished makes a shorter row
            self._chosen = self._chosen or next(iter(self._runs), None)
            self._draw_small(*self._pictures)

    def _train_row(self, stop):
        cases = draw_cases(self._wanted, self._random, self._data)
        with self._lock:
            self._runs, self._chosen = [Run(number, case) for number, case in enumerate(cases, 1)], None
            self._draw_small(*self._pictures)
            self._mark_buttons(free=False)
        for run in self._runs:
            self._under_way = run
            self._draw("training", f"Run {run.number} of {self._wanted}.")
            history = train(self._build, self._data, run.case, stop, partial(self._follow, run))
            if stop.is_set():
                break
            with self._lock:
                run.history = history
                run.show_itself()
                self._draw_small(run.number)
        self._tidy_up()
        look, again = "Look at the curves of each, and say what they show.", "Press the button again for new ones."
        runs = "1 run is" if len(self._runs) == 1 else f"{len(self._runs) or 'No'} runs are"
        words = f"{runs} trained. {look if self._runs else again}"
        return "stopped" if stop.is_set() else "done", words

    def _treat(self, run, prescription, stop):
        case = prescribe(prescription, run.case, run.history)
        with self._lock:
            self._chosen = self._under_way = run
            run.show({}, case.epochs, after=prescription)
            self._draw("training", f"Case {run.number} after “{prescription}”.")
        history = train(self._build, self._data, case, stop, partial(self._follow, run))
        with self._lock:
            if stop.is_set():
                return "stopped", f"“{prescription}” was not tried to its end, so it does not count."
            self._under_way = None
            run.show(history.history, case.epochs, after=prescription)
            words = run.judge_prescription(prescription, history)
            return "done", (f"{standing(self._runs, self._wanted)} " if self.closed == len(self._runs) else "") + words

    def _follow(self, run, history):
        """Draw `run` as far as it has come."""
        with self._lock:
            # A copy: the other thread may draw the page while the next epoch is being noted.
            run.logs = {name: list(values) for name, values in history.history.items()}
            if len(history.epoch) == 1 or self._is_due():
                if run.history is None:
                    self._draw_small(run.number)
                self._draw("training")

    # What it looks like

    def _say(self, words):
        """Answer the student with `words`."""
        self._words.value = f'<div class="live-panel-state" role="status" tabindex="0">{escape(words)}</div>'
        self._draw(self.state)

    def _draw(self, state, words=""):
        with self._lock:
            self._mark_buttons(free=state != "training")
            super()._draw(state, words)

    def _mark_buttons(self, free):
        """Say on the buttons what is chosen and what was tried; only what can be answered now can be pressed."""
        score = escape(standing(self._runs, self._wanted))
        self._score_words.value = f'<div style="line-height:1.3;padding:5px">{score}</div>'
        for number, button in self._numbers.items():
            run = self._run_at(number)
            chosen = run is not None and run is self._chosen
            before, after = f"{CHOSEN} " if chosen else "", f" {RIGHT}" if run and run.closed else ""
            button.description = f"{before}{number}{after}"
            button.disabled = run is None or run.history is None
            frame = colour("training") if chosen else "transparent"
            self._pictures[number].layout.border = f"2px solid {frame}"
        run = self._chosen
        self._cure.layout.visibility = "visible" if run and run.named else "hidden"
        if run is None:
            _sign(self._names, False, [], False)
            _sign(self._prescriptions, False, [], False)
        else:
            open_ = free and run.named and not run.closed
            _sign(self._names, free and not run.named, run.names, run.named)
            _sign(self._prescriptions, open_, run.prescriptions, run.closed, under_way=run.after)

    def _run_at(self, number):
        """The run at this place of the row, or None."""
        return self._runs[number - 1] if number <= len(self._runs) else None

    def _marks(self):
        run, cases = self._under_way or self._chosen, len(self._runs) or self._wanted
        points, epochs = (len(run.logs.get("loss", ())), run.epochs) if run else (0, 0)
        case = self._chosen and self._chosen.number
        settings = {"case": case, "score": self.score, "closed": self.closed, "cases": cases}
        return {"epoch": points, "epochs": epochs, "settings": settings}

    def _come(self):
        """How far the row has come, or the prescription that is being tried."""
        row = self._under_way is None or self._under_way.history is None
        runs = self._runs if row else [self._under_way]
        return sum(len(run.logs.get("loss", ())) for run in runs), sum(run.epochs for run in runs)

    def _picture(self):
        run = self._chosen or self._under_way
        if run is None:
            return live_chart.chart({}, 1, uid=self._name, figures=False)
        return run.picture(self._name, figures=run is not self._under_way)

    def _draw_small(self, *numbers):
        for number in numbers:
            run = self._run_at(number)
            logs, epochs = (run.logs, run.epochs) if run else ({}, 1)
            self._pictures[number].value = thumbnails.small(f"Case {number}", logs, epochs)

    def _still_picture(self):
        return super()._still_picture() if self._runs else thumbnails.frames(self._wanted)

    def _still_words(self):  # nothing has been trained, and every machine shows the same
        alt = f"{self._wanted} empty frames with numbers, for learning curves."
        return alt, "Run this cell to open the clinic."


def _button(words, action, width, tooltip=""):
    button = widgets.Button(description=words, tooltip=tooltip, layout={"width": width, "padding": "0 4px"})
    button.on_click(action)
    return button


def _in_a_grid(cases):
    """Pairs of a picture and its button, as many beside each other as there is room for."""
    columns = f"repeat(auto-fill, minmax({thumbnails.WIDE + 4}px, 1fr))"  # with a border of 2 pixels
    items = [widgets.VBox(case) for case in cases]
    for item in items:
        item.add_class("live-case")
    return widgets.GridBox(items, layout={"grid_template_columns": columns, "grid_gap": "4px"})


def _answers(explained, action, letter, border):
    """A button for each answer, as wide in em as it needs with a sign in front, so that nothing moves when it comes."""
    return {
        name: _button(name, partial(action, name), f"{letter * len(name) + border:g}em", words)
        for name, words in explained.items()
    }


def _row(buttons):
    row = beside(buttons.values())
    row.add_class("live-answers")
    return row


def _sign(buttons, open_, tried, solved, under_way=None):
    """Let `buttons` be pressed if the question is open, and mark the answers tried; the last may have solved it."""
    last = under_way or (tried[-1] if tried else None)
    for name, button in buttons.items():
        sign = "" if name not in tried else f"{RIGHT} " if solved and name == tried[-1] else f"{WRONG} "
        # The last one pressed does nothing any more, but it is not disabled: it would lose the keyboard's focus.
        button.description, button.disabled = sign + name, name != last and (not open_ or name in tried)


def _press(buttons, name):
    free = [str(other) for other, button in buttons.items() if not button.disabled]
    if str(name) not in free:
        raise LessonError(f"{name!r} cannot be chosen now. What can: {', '.join(free) or 'nothing yet'}.")
    buttons[name].click()
