"""The questions of a lesson, answered with a click: quiz(2). And some of the lessons before: recall(3).

From lesson 3 on `recall` asks about learning curves as well, those of networks on other data.
"""

import contextlib
import html
import random

import ipywidgets as widgets

from helpers.errors import LessonError, is_whole
from helpers.lab_book import entries
from helpers.live.asked import Asked
from helpers.live.fields import look_useful
from helpers.live.part import beside
from helpers.memory.repeat import confusions, to_repeat
from helpers.parts.questions import as_text, file_of, in_html, questions
from helpers.parts.rounds import CLINIC, rounds

RIGHT, WRONG = "✓", "✗"
LETTERS = "ABCDEFGH"


def quiz(lesson):
    """Ask the questions of a lesson's quiz, one after the other; the answers stand in an order drawn by lot.

    lesson: its number. An answer is followed by what the lesson says about it. The lab book keeps the first answer to
    each question. Returns the `Quiz`. Raises `LessonError` for a lesson that there is not.
    """
    return Quiz(list(questions(lesson).values()), f"The quiz of lesson {lesson}").show()


def recall(lesson, n=3, curves=2):
    """Ask `n` questions of the lessons before `lesson`, chosen by the lab book: missed ones first, then those that have
    not been seen for longest. After the clinic of lesson 2 the curves of `curves` networks on other data follow, with
    two questions about each; what was confused comes more often.

    Returns the `Quiz`. Raises `LessonError` for lesson 1, which has none before it, and for numbers that are none.
    """
    if not is_whole(n, 1):
        raise LessonError(f"n={n!r} must be a whole number of at least 1: how many questions.")
    if not is_whole(curves, 0):
        raise LessonError(f"curves={curves!r} must be a whole number of at least 0: how many networks.")
    file_of(lesson)  # raises where there is no such lesson
    before = {}
    for number in range(1, lesson):
        with contextlib.suppress(LessonError):  # a student may have deleted a quiz
            before |= questions(number)
    if not before:
        raise LessonError(f"Before lesson {lesson} there is no lesson to repeat.")
    so_far = entries()
    chosen = [before[name] for name in to_repeat(so_far, lesson, n, known=before)]
    cases = rounds(curves, confusions(so_far)) if lesson > CLINIC else []
    return Quiz(chosen + cases, f"From memory, before lesson {lesson}").show()


class Quiz(Asked):
    """What `quiz` and `recall` return. `choose(letter)` answers the question on show with one of the letters on show.

    `score`: how many first answers were right; `answered`: how many questions have one.
    """

    def __init__(self, asked, title):
        super().__init__()
        self._asked, self._title, self._at = asked, title, 0
        lot = random.Random()  # of its own: a lesson's random numbers stay as they are
        self._shown = [lot.sample(question.answers, len(question.answers)) for question in asked]
        self._tried = [[] for _ in asked]  # the answers chosen, the first one first
        self._question = widgets.HTMLMath()
        most = max(len(question.answers) for question in asked)
        self._buttons = [_button(lambda _button, i=i: self._answer(i)) for i in range(most)]
        self._back, self._next = (_button(lambda _button, step=step: self._go(step)) for step in (-1, 1))
        self._back.description, self._next.description = "Question before", "Next question"
        answers = widgets.VBox(self._buttons)
        answers.add_class("live-answers")
        self._assemble(self._question, answers, below=[beside([self._back, self._next])])
        self._draw()

    def __repr__(self):
        return f"<{self._in_short()}>"

    answered = property(lambda self: sum(map(bool, self._tried)))
    score = property(lambda self: sum(tried[0].right for tried in self._tried if tried))

    def choose(self, letter):
        """Answer the question on show. Raises `LessonError` for a letter that is not on show."""
        shown = LETTERS[: len(self._shown[self._at])]
        if not isinstance(letter, str) or letter.upper() not in list(shown):
            raise LessonError(f"{letter!r} is none of the answers, which are {', '.join(shown)}.")
        self._answer(shown.index(letter.upper()))

    def next(self):
        """Go on to the next question."""
        self._go(1)

    def _answer(self, i):
        answer, tried = self._shown[self._at][i], self._tried[self._at]
        if answer not in tried:
            tried.append(answer)
            if len(tried) == 1:
                self._asked[self._at].keep(answer)
        self._draw(answer)

    def _go(self, step):
        place = self._at + step
        if 0 <= place < len(self._asked):
            self._at = place
            self._draw()
            if hasattr(self._buttons[0], "focus"):  # not in Colab's ipywidgets
                self._buttons[0].focus()

    def _draw(self, answer=None):
        """Show the question, and the feedback to an `answer` that was just chosen."""
        place, number = self._at, len(self._asked)
        question, shown, tried = self._asked[place], self._shown[place], self._tried[place]
        self._question.value = f'<div class="live-question">{_words(question, place + 1, number)}</div>'
        for button in self._buttons[len(shown) :]:
            button.layout.display = "none"
        for button, letter, option in zip(self._buttons, LETTERS, shown, strict=False):
            sign = "" if option not in tried else f"{RIGHT} " if option.right else f"{WRONG} "
            button.description, button.layout.display = f"{sign}{letter}. {as_text(option.words)}", None
        look_useful(self._back, place > 0)
        look_useful(self._next, place + 1 < number)
        everything = answer and self.answered == number
        total = f"<p>All are answered, {self.score} of {number} right at the first go.</p>" if everything else ""
        self._say(f"{in_html(answer.feedback)}{total}" if answer else "Choose an answer.")

    def _in_short(self):
        come = f"{self.answered} of {len(self._asked)} questions answered, {self.score} right at the first go"
        return f"{self._title}: {come}."

    def _still_words(self):
        return f"{self._title}: run this cell, and a click answers. Without a kernel, open the folds below."


def _button(action):
    button = widgets.Button(layout={"width": "auto"})
    button.on_click(action)
    return button


def _words(question, place, number):
    """A question as HTML, with its picture."""
    picture = ""
    if isinstance(question.picture, str):
        picture = question.picture
    elif question.picture and question.picture.png:
        alt = html.escape(question.picture.alt)
        picture = f'<img alt="{alt}" src="data:image/png;base64,{question.picture.png}">'
    elif question.picture:
        lesson, _, its = question.name.partition(".")
        picture = f"<p>(Its picture is drawn in lesson {lesson}, above question {its}: run that cell.)</p>"
    return f"<b>Question {place} of {number}</b>{in_html(question.before)}{picture}{in_html(question.words)}"
