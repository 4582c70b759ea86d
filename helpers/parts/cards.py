"""Flashcards, asked from memory: flashcards(). They are those of the study aids.

To answer before a card is turned is what keeps it. Whoever turns it says whether they knew it, and by that the lab book
brings it back soon, or later.
"""

import re
from collections import namedtuple

import ipywidgets as widgets

from helpers.errors import LessonError, is_whole
from helpers.lab_book import entries, note
from helpers.live.asked import Asked
from helpers.live.fields import look_useful
from helpers.live.part import beside
from helpers.memory.repeat import next_cards
from helpers.parts.questions import LESSONS, as_text, in_html, text_of

FILE = LESSONS / "study_aids.ipynb"
FOLD = re.compile(r"<details><summary>(.+?)</summary>\s*(.*?)\s*</details>", re.DOTALL)
TURN, KNEW, MISSED = "Turn the card", "I knew it", "I did not"

Card = namedtuple("Card", "front back")  # Markdown


def flashcards(n=8):
    """Ask `n` of the study aids' cards, one after the other: first those that you did not know, then those that you
    have never seen, then what has not been seen for longest.

    Returns the `Cards`. Raises `LessonError` for an `n` that is no number of cards, or without the study aids.
    """
    if not is_whole(n, 1):
        raise LessonError(f"n={n!r} must be a whole number of at least 1: how many cards.")
    there = {as_text(card.front): card for card in cards()}
    chosen = next_cards(entries(), list(there), n)
    return Cards([there[name] for name in chosen]).show()


def cards():
    """The `Card`s of the study aids, in their order. Raises `LessonError` where there are none."""
    if not FILE.exists():
        raise LessonError(f"The cards stand in {FILE.name}, in the folder notebooks beside helpers. It is not there.")
    found = [Card(*card) for card in FOLD.findall(text_of(FILE, "## Flashcards"))]
    if not found:
        raise LessonError(f"There are no cards left in {FILE.name}. Fetch the file again from the course.")
    return found


class Cards(Asked):
    """What `flashcards` returns. `turn()` shows the answer, `answer(knew)` says whether you knew it and goes on.

    `answered`, `known`: how many cards.
    """

    def __init__(self, asked):
        super().__init__()
        self._asked, self._at, self._turned, self._answers = asked, 0, False, {}
        self._card = widgets.HTMLMath()
        self._turn = _button(TURN, self.turn)
        self._knew, self._missed = _button(KNEW, lambda: self.answer(True)), _button(MISSED, lambda: self.answer(False))
        self._assemble(self._card, beside([self._turn, self._knew, self._missed]))
        self._draw()

    def __repr__(self):
        return f"<{self._in_short()}>"

    answered = property(lambda self: len(self._answers))
    known = property(lambda self: sum(self._answers.values()))

    def turn(self):
        """Turn the card over."""
        if self.answered < len(self._asked):
            self._turned = True
            self._draw()
            _focus(self._knew)

    def answer(self, knew):
        """Say whether you knew what is on the back, and go on to the next card; the card has to be turned."""
        if self._turned:
            note("card", name=as_text(self._asked[self._at].front), right=bool(knew))
            self._answers[self._at] = bool(knew)
            self._turned, self._at = False, min(self._at + 1, len(self._asked) - 1)
            self._draw()
            _focus(self._turn)

    def _draw(self):
        number, done = len(self._asked), self.answered == len(self._asked)
        card = self._asked[self._at]
        back = f'<div class="live-back">{in_html(card.back)}</div>' if self._turned or done else ""
        front = f"<b>Card {self._at + 1} of {number}</b>{in_html(card.front)}"
        self._card.value = f'<div class="live-question">{front}{back}</div>'
        look_useful(self._turn, not self._turned and not done)
        for button in (self._knew, self._missed):
            look_useful(button, self._turned)
        if done:
            again = "Run the cell again for others." if self.known == number else "The others come back first."
            self._say(f"All are done: you knew {self.known} of {number}. {again}")
        else:
            self._say("Did you know it?" if self._turned else "Say the answer, aloud or on paper. Then turn the card.")

    def _in_short(self):
        return f"Flashcards: {self.answered} of {len(self._asked)} turned, {self.known} known."

    def _still_words(self):
        return "Flashcards: run this cell, and they are asked from memory. Without a kernel, open the folds."


def _button(words, action):
    button = widgets.Button(description=words)
    button.on_click(lambda _button: action())
    return button


def _focus(button):
    if hasattr(button, "focus"):  # not in Colab's ipywidgets
        button.focus()
