"""Say it first: a prediction is locked before the result is there, and compared with it afterwards.

share = predict("share of pictures right", (0.0, 1.0), within=0.05)
share.happened(accuracy)
curve = predict("the validation loss", (0, 1.5), draw=12)
curve.happened(training.history["val_loss"])
"""

import html
import threading
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from helpers.errors import LessonError
from helpers.lab_book import note
from helpers.live import cell
from helpers.live.asked import Asked
from helpers.live.fields import look_useful
from helpers.live.part import beside
from helpers.parts.drawn import Curve
from helpers.parts.scales import kind_of

SURE = "guessing", "fairly", "sure"
WERE = "You were guessing.", "You were fairly sure.", "You were sure."
SKIPPED = "Skipped. Run this cell again to predict after all."
FIRST = "Say something first: a wrong guess teaches more than none. Or press Skip, or just go on."


def predict(asked, answers=None, within=None, order=None, draw=None):
    """Ask for a prediction, in a cell before the one that brings the result.

    asked: what is predicted, in a few words. answers: (lowest, highest) for a number, a list for a choice.
    order: a list of what is to be put into an order, in place of answers. draw: a number of epochs, for a curve that is
    drawn over them, on the scale answers=(0, highest). within: how far off a number may be, or a curve on average, and
    still be right; a tenth of the scale if it is not said.

    Returns the `Prediction`; hand its `happened` the result. Nothing waits for an answer. Once locked, a prediction
    cannot be changed, not even by running the cell again. Raises `LessonError` for a scale or answers that do not fit.
    """
    if not isinstance(asked, str) or not asked.strip():
        raise LessonError('predict begins with what is predicted, in words: predict("accuracy", (0.0, 1.0)).')
    asked = asked.strip()
    if draw is not None:
        if order is not None:
            raise LessonError("A curve is drawn, or things are put into an order: leave out draw= or order=.")
        return Prediction(asked, Curve(asked, answers, draw, within)).show()
    return Prediction(asked, kind_of(answers, order, within)).show()


@dataclass
class Answer:
    """What a student has said, `said`; how sure, `sure`: a place in SURE; and what `happened`. None: not yet."""

    said: Any = None
    sure: int | None = None
    happened: Any = None
    late: bool = False  # locked when the result was already there


_answers = {}  # of this kernel, by what was asked: they outlive the cell that is run again


class Prediction(Asked):
    """What `predict` returns. `lock(said, sure)` does what its button does; before, `said` and `sure` are None."""

    def __init__(self, asked, kind):
        super().__init__()
        self._asked, self._kind = asked, kind
        self._answer = _answers.setdefault((asked, *kind.key), Answer())
        self._skipped, self._line = False, None  # the line below the result, once there is one
        self._one_at_a_time = threading.RLock()  # a student can lock while the cell with the result is running
        self._sure = widgets.ToggleButtons(
            options=SURE, value=None, description="How sure are you?", style={"button_width": "auto"}
        )
        self._sure.add_class("live-sure")
        kind.field.add_class("live-answer")
        kind.field.description = asked  # for a screen reader: for others it stands above
        self._lock_button = widgets.Button(
            description="Lock", tooltip="Lock your prediction: it cannot be changed then"
        )
        self._skip_button = widgets.Button(description="Skip", tooltip="Make no prediction here")
        self._lock_button.on_click(lambda _button: self._on_lock())
        self._skip_button.on_click(lambda _button: self._skip())
        for button in self._lock_button, self._skip_button:
            button.layout.width = "6em"
        question = f"<b>Your prediction: {html.escape(asked)}</b> ({html.escape(kind.hint())})"
        buttons, inputs = beside([self._lock_button, self._skip_button]), [kind.field, self._sure]
        self._inputs = widgets.VBox(inputs) if kind.tall else beside(inputs)
        rows = [self._inputs, buttons] if kind.tall else [beside([self._inputs, buttons])]
        self._assemble(widgets.HTML(f'<div class="live-question">{question}</div>'), *rows)
        self._draw()

    def __repr__(self):
        return f"<prediction of {self._asked}: {self._in_short()}>"

    said = property(lambda self: self._answer.said)
    sure = property(lambda self: None if self._answer.sure is None else SURE[self._answer.sure])

    @property
    def right(self):
        """Whether it came as predicted; None before both are known."""
        answer = self._answer
        if answer.said is None or answer.happened is None:
            return None
        return self._kind.is_right(answer.said, answer.happened)

    def lock(self, said, sure=None):
        """Lock the prediction `said`, and how `sure`: "guessing", "fairly", "sure", or None. What is locked stays.

        Raises `LessonError` for what cannot be said here.
        """
        said = self._kind.read(said)
        if sure is not None and sure not in SURE:
            raise LessonError(f"sure={sure!r} can be {', '.join(SURE)}, or left out.")
        with self._one_at_a_time:
            if self.said is None:
                self._answer.said, self._answer.late = said, self._answer.happened is not None
                self._answer.sure = None if sure is None else SURE.index(sure)
                self._note()
                self._draw()

    def happened(self, value):
        """Compare the prediction with `value`, in a line below the cell that calls this.

        Whoever has made no prediction reads what came out, and can still lock one: the line then changes. Raises
        `LessonError` where `value` could not have been predicted, as a name that was no choice.
        """
        value = self._kind.result(value)
        with self._one_at_a_time:
            is_news, self._answer.happened = self._answer.happened is None, value
            if is_news and self.said is not None:
                self._note()
            if cell.place() != "nobody watches":
                self._line = display(self._comparison(), raw=True, display_id=True)
            self._draw()

    def _on_lock(self):
        answer = self._kind.answer()
        if self._skipped or self.said is not None:
            return
        if not answer:
            self._say(html.escape(FIRST))
            return
        try:
            self.lock(answer, self._sure.value)
        except LessonError as error:
            self._say(html.escape(str(error)))

    def _skip(self):
        if self.said is None:
            self._skipped = True
            self._draw()

    def _note(self):
        answer = self._answer
        right = None if answer.late else self.right  # then it was no prediction
        facts = {"said": answer.said, "happened": answer.happened, "sure": answer.sure, "right": right}
        note("prediction", name=self._asked, **facts, scale=self._kind.scale, late=answer.late)

    # What it says

    def _draw(self):
        if self.said is not None:
            self._kind.lock(self.said)
            if self._answer.happened is not None:
                self._kind.came(self._answer.happened)
            self._sure.value, self._sure.disabled = self.sure, True
            self._lock_button.description = "Locked"
        # The button that was pressed stays: it has the keyboard's focus.
        look_useful(self._lock_button, self.said is None)
        look_useful(self._skip_button, not self._skipped)
        self._skip_button.layout.display = "none" if self.said is not None else None
        self._inputs.layout.display = self._lock_button.layout.display = "none" if self._skipped else None
        if self._line is not None:
            self._line.update(self._comparison(), raw=True)
        self._say(html.escape(self._in_short() if self.said is not None or self._skipped else ""))

    def _comparison(self):
        told = self._in_short()
        if self.said is None:
            told = f"You made no prediction; it is {self._kind.in_words(self._answer.happened)}."
        both = self.said is not None and self._answer.happened is not None
        picture = self._kind.picture(self.said, self._answer.happened) if both else ""
        return {"text/html": f'<p role="status">{html.escape(told)}</p>{picture}', "text/plain": told}

    def _in_short(self):
        # Whoever has not predicted may still do so after Run All: nothing here gives the result away.
        if self.said is None:
            return SKIPPED if self._skipped else "No prediction was locked."
        answer, words = self._answer, self._kind.in_words
        sure = "" if answer.sure is None else f" {WERE[answer.sure]}"
        if answer.happened is None:
            return f"You {self._kind.verb} {words(answer.said)}.{sure} Now run the next cell."
        verdict = "✓ right" if self.right else "✗ not right"
        late = ", when the result was already there" if answer.late else ""
        told = f"You {self._kind.verb} {words(answer.said)}{late}; it is {words(answer.happened)}: {verdict}.{sure}"
        return told + self._kind.in_detail(answer.said, answer.happened)

    def _still_words(self):
        return f"Your prediction: {self._asked} ({self._kind.hint()}). Run this cell to make it."
