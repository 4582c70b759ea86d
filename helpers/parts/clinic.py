"""The clinic: real runs without a label. Name the pattern of each, say by what, prescribe, and see it tried.

clinic(build, clothes)
"""

import threading
from functools import partial
from html import escape

import ipywidgets as widgets
import numpy as np

from helpers.curves import live_chart, signs, thumbnails
from helpers.curves.diagnosis import PATTERNS
from helpers.curves.theme import colour
from helpers.engine.builder import name_of
from helpers.errors import LessonError, is_whole
from helpers.lab_book import entries
from helpers.live.part import Live, beside
from helpers.memory.repeat import confusions
from helpers.parts.casebook import Run, standing
from helpers.parts.causes import PRESCRIPTIONS, draw_cases, prescribe, train

RIGHT, WRONG, CHOSEN = "✓", "✗", "▸"


def clinic(build, data, cases=8, seed=None):
    """Show a row of learning curves from real runs, to be named, explained and mended.

    build: your function; it takes the keywords that `helpers.parts.causes` lists and returns a compiled Keras model.
    data: as for `explore`. cases: how many runs. Each shows a pattern drawn by lot, so that one may come twice and
    another not at all; what your lab book says you have confused comes more often. seed: a number makes the draw
    repeatable, and the same for all who use it.

    Returns the `Clinic`. Nothing is trained before its button is pressed. Raises `LessonError` for a number of cases
    that is none.
    """
    return Clinic(build, data, cases, seed).show()


class Clinic(Live):
    """What `clinic` has made. `cases`, `histories`: of the row; `score`: points; `closed`: how many are closed."""

    made_by = "clinic"
    trains_when_shown = False

    def __init__(self, build, data, cases=8, seed=None):
        super().__init__()
        if not is_whole(cases, 1):
            raise LessonError(f"cases must be a whole number of at least 1; it is {cases!r}.")
        self._build, self._data, self._wanted = build, data, int(cases)
        self._same_for_all = seed is not None  # whatever a lab book says
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
        self._signs = _answers(dict.fromkeys(signs.ALL, ""), self._on_sign, 0.5, 2.9)
        self._prescriptions = _answers(PRESCRIPTIONS, self._on_prescription, 0.5, 2.9)
        self._reason = _asked("By what did you see it?", self._signs)
        self._cure = _asked("What do you prescribe?", self._prescriptions)
        self._draw_small(*self._pictures)
        self._assemble(
            beside([self._start_button, self._stop_button, self._progress, self._score_words]),
            _in_a_grid([self._pictures[number], self._numbers[number]] for number in self._pictures),
            widgets.HTML("<b>What is this?</b>"),
            _row(self._names),
            widgets.GridBox([self._reason, self._cure]),
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

    def explain(self, sign):
        """Say which of `helpers.curves.signs.ALL` made you name the chosen case as you did."""
        _press(self._signs, sign)

    def prescribe(self, prescription):
        """Try one of PRESCRIPTIONS on the chosen case, once it is explained; returns when that has been trained."""
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

    def _on_sign(self, sign, button):
        with self._lock:
            if not button.disabled and sign not in self._chosen.signs:
                self._say(self._chosen.judge_sign(sign))

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
        confused = {} if self._same_for_all else confusions(entries())
        cases = draw_cases(self._wanted, self._random, confused)
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
        self._reason.layout.visibility = "visible" if run and run.named and not run.explained else "hidden"
        self._cure.layout.visibility = "visible" if run and run.explained else "hidden"
        if run is None:
            for buttons in (self._names, self._signs, self._prescriptions):
                _mark(buttons, False, [], False)
        else:
            _mark(self._names, free and not run.named, run.names, run.named)
            _mark(self._signs, free and run.named and not run.explained, run.signs, run.explained)
            open_ = free and run.explained and not run.closed
            _mark(self._prescriptions, open_, run.prescriptions, run.closed, under_way=run.after)

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


def _asked(question, buttons):
    """A question with its answers. All of these lie in the same room, which is there where they are hidden, too."""
    made = widgets.VBox([widgets.HTML(f"<b>{question}</b>"), _row(buttons)])
    made.layout.grid_area = "1 / 1"
    return made


def _row(buttons):
    row = beside(buttons.values())
    row.add_class("live-answers")
    return row


def _mark(buttons, open_, tried, solved, under_way=None):
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
