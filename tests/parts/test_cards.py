"""Flashcards: those of the study aids, turned before they are judged, and brought back by what was known."""

import html
import re

import pytest

from helpers import lab_book
from helpers.errors import LessonError
from helpers.live import asked as asked_module
from helpers.live import cell
from helpers.live.keepsake import Keepsake
from helpers.parts import cards as cards_module
from helpers.parts.cards import cards, flashcards
from helpers.parts.questions import as_text


@pytest.fixture
def seen(monkeypatch):
    """A front end."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(asked_module, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(Keepsake, "show", lambda self: None)


def text(widget):
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", widget.value)).split())


def test_the_cards_are_those_of_the_study_aids():
    found = cards()
    assert len(found) > 20 and len({as_text(card.front) for card in found}) == len(found)
    assert found[0] == (
        "What is an epoch?",
        "One time through all training pictures: as many updates as there are batches.",
    )
    assert not any("details" in part or not part for card in found for part in card)


def test_an_answer_is_seen_only_once_its_card_is_turned_and_then_judged(seen, book):
    made = flashcards(3)
    for place, knew in enumerate((True, False, True)):
        card = made._asked[place]
        assert f"Card {place + 1} of 3" in text(made._card) and "live-back" not in made._card.value
        made._knew.click()  # nothing has been turned yet
        made._missed.click()
        assert made.answered == place and "Then turn the card" in text(made._words)
        made._turn.click()
        assert "live-back" in made._card.value and text(made._words) == "Did you know it?"
        (made._knew if knew else made._missed).click()
        assert lab_book.entries("card")[-1]["name"] == as_text(card.front)
    assert [entry["right"] for entry in lab_book.entries("card")] == [True, False, True]
    assert text(made._words) == "All are done: you knew 2 of 3. The others come back first."
    assert repr(made) == "<Flashcards: 3 of 3 turned, 2 known.>"
    made.turn()
    made.answer(True)
    assert (made.answered, len(lab_book.entries("card"))) == (3, 3)  # it is over


def test_what_was_not_known_comes_back_first_then_what_was_never_seen(seen, book):
    first = flashcards(4)
    for knew in (True, False, True, False):
        first.turn()
        first.answer(knew)
    fronts = [card.front for card in first._asked]
    again = [card.front for card in flashcards(30)._asked]
    assert set(again[:2]) == {fronts[1], fronts[3]} and set(again[-2:]) == {fronts[0], fronts[2]}
    assert len(again) == len(cards())


def test_where_nobody_watches_it_is_one_line(capsys):
    flashcards()
    assert capsys.readouterr().out == (
        "Flashcards: run this cell, and they are asked from memory. Without a kernel, open the folds.\n"
    )


def test_what_cannot_be_meant_and_what_is_missing_is_told(monkeypatch, tmp_path, seen):
    for wrong in (0, -1, 2.5, "8", True):
        with pytest.raises(LessonError, match="how many cards"):
            flashcards(wrong)
    monkeypatch.setattr(cards_module, "FILE", tmp_path / "study_aids.ipynb")
    with pytest.raises(LessonError, match="is not there"):
        flashcards()
    (tmp_path / "study_aids.ipynb").write_text('{"cells": []}')
    with pytest.raises(LessonError, match="no cards left"):
        flashcards()
    (tmp_path / "study_aids.ipynb").write_text("{")
    with pytest.raises(LessonError, match="cannot be read"):
        flashcards()
