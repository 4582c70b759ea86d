"""The quiz that is clicked: order by lot, feedback, what the lab book keeps; and questions of the lessons before."""

import html
import random
import re

import numpy as np
import pytest

from helpers import lab_book
from helpers.errors import LessonError
from helpers.live import asked as asked_module
from helpers.live import cell
from helpers.live.keepsake import REVIVE, Keepsake
from helpers.parts import questions as questions_module
from helpers.parts.questions import Answer, Picture, Question, as_text, questions
from helpers.parts.quiz import Quiz, quiz, recall

LESSON = 2


@pytest.fixture
def kept(monkeypatch):
    """A front end; what would stay in the file."""
    kept = []
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(asked_module, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(Keepsake, "show", lambda self: setattr(self, "is_shown", True))
    monkeypatch.setattr(Keepsake, "keep", lambda self, make: kept.append(make()[0]["text/plain"]))
    return kept


def words(made):
    return " ".join(html.unescape(re.sub("<[^>]+>", "", made._words.value)).split())


def shown(made):
    """The answers on show, as their buttons say them."""
    return [button.description for button in made._buttons if button.layout.display is None]


def click(made, answer):
    next(button for button in made._buttons if as_text(answer.words) in button.description).click()


def test_a_click_answers_tells_why_and_is_kept(kept, book):
    made, asked = quiz(LESSON), list(questions(LESSON).values())
    assert [each[:3] for each in shown(made)] == ["A. ", "B. ", "C. "] and words(made) == "Choose an answer."
    wrong = next(answer for answer in asked[0].answers if not answer.right)
    right = next(answer for answer in asked[0].answers if answer.right)
    for answer, sign in ((wrong, "✗"), (right, "✓"), (wrong, "✗")):
        click(made, answer)
        assert words(made) == " ".join(as_text(answer.feedback).split())
        assert [each[0] for each in shown(made) if as_text(answer.words) in each] == [sign]
    assert (made.answered, made.score) == (1, 0)  # the first answer counts
    (entry,) = lab_book.entries("quiz", LESSON)
    assert {key: entry[key] for key in ("name", "chosen", "right")} == {
        "name": f"{LESSON}.1",
        "chosen": wrong.letter,
        "right": False,
    }
    assert kept[-1] == f"The quiz of lesson 2: 1 of 6 questions answered, 0 right at the first go. {REVIVE}"


def test_all_questions_are_asked_in_turn_and_counted(kept, book):
    made, asked = quiz(LESSON), list(questions(LESSON).values())
    made._back.click()
    for place, question in enumerate(asked):
        assert f"Question {place + 1} of {len(asked)}" in made._question.value
        assert ("<img alt=" in made._question.value) == bool(question.picture)
        click(made, next(answer for answer in question.answers if answer.right == (place > 0)))
        assert ("All are answered" in words(made)) == (place + 1 == len(asked))
        made.next()
    assert words(made).endswith("All are answered, 5 of 6 right at the first go.")
    assert [(entry["name"], entry["right"]) for entry in lab_book.entries("quiz")] == [
        (f"2.{number}", number > 1) for number in range(1, 7)
    ]
    made._back.click()
    assert "Question 5 of 6" in made._question.value and sum("✓" in each for each in shown(made)) == 1


def test_answers_stand_in_an_order_drawn_by_lot_that_disturbs_no_other_draw(kept):
    random.seed(1)
    np.random.seed(1)
    before = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    orders = {tuple(answer.letter for answer in quiz(LESSON)._shown[0]) for _ in range(60)}
    assert len(orders) == 6  # that one of the six is missing by chance: once in ten thousand
    assert (random.random(), np.random.random()) == before


def test_a_letter_answers_from_a_cell(kept, book):
    made = quiz(LESSON)
    made.choose("b")
    assert lab_book.entries("quiz")[-1]["chosen"] == made._shown[0][1].letter
    for wrong in ("D", "", "AB", 1):
        with pytest.raises(LessonError, match="none of the answers, which are A, B, C"):
            made.choose(wrong)


def test_questions_with_more_or_fewer_answers_and_pictures_that_are_missing(kept):
    def question(name, n, picture):
        return Question(name, "", picture, f"Words of {name}", [Answer(c, f"*{c}*", c == "A", "") for c in "ABCD"[:n]])

    made = Quiz([question("9.1", 2, None), question("9.2", 4, Picture(None, ""))], "A quiz")
    assert len(shown(made)) == 2
    made.next()
    assert len(shown(made)) == 4 and {each[3:] for each in shown(made)} == set("ABCD")
    assert "(Its picture is drawn in lesson 9, above question 2: run that cell.)" in made._question.value
    made._back.click()
    assert len(shown(made)) == 2 and "picture" not in made._question.value


def test_where_nobody_watches_it_is_one_line(capsys):
    quiz(1)
    recall(3)
    assert capsys.readouterr().out == (
        "The quiz of lesson 1: run this cell, and a click answers. Without a kernel, open the folds below.\n"
        "From memory, before lesson 3: run this cell, and a click answers. Without a kernel, open the folds below.\n"
    )


def test_recall_asks_what_was_missed_before_this_lesson(kept, book):
    for name, right in (("1.2", False), ("1.4", True), ("2.5", False), ("3.1", False)):
        lab_book.note("quiz", int(name[0]), name, chosen="A", right=right)
    made = recall(3, n=2, curves=0)
    assert {question.name for question in made._asked} == {"1.2", "2.5"}
    made = recall(4, curves=0)
    assert len(made._asked) == 3 and "3.1" in {question.name for question in made._asked}


def test_recall_asks_something_of_who_has_no_lab_book_yet(kept):
    asked = recall(2)._asked
    assert len(asked) == 3 and {question.name[0] for question in asked} == {"1"}


def test_recall_does_without_a_quiz_that_was_deleted(kept, monkeypatch, tmp_path):
    for number in (1, 2, 3):
        of = next(questions_module.LESSONS.glob(f"0{number}_*.ipynb"))
        whole = of.read_text(encoding="utf-8")
        (tmp_path / of.name).write_text('{"cells": []}' if number == 2 else whole, encoding="utf-8")
    monkeypatch.setattr(questions_module, "LESSONS", tmp_path)
    assert {question.name[0] for question in recall(3, curves=0)._asked} == {"1"}
    with pytest.raises(LessonError, match="There are no questions left in 02_"):
        quiz(2)


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: quiz(8), "There is no lesson 8; there are 1, 2, 3, 4, 5, 6, 7."),
        (lambda: quiz("2"), "There is no lesson '2'"),
        (lambda: recall(1), "Before lesson 1 there is no lesson to repeat."),
        (lambda: recall(9), "There is no lesson 9"),
        (lambda: recall("3"), "There is no lesson '3'"),
        (lambda: recall(3, n=0), "n=0 must be a whole number of at least 1"),
        (lambda: recall(3, curves=-1), "curves=-1 must be a whole number of at least 0"),
    ],
)
def test_a_call_that_cannot_be_meant_is_told_in_words(call, told):
    with pytest.raises(LessonError) as raised:
        call()
    assert told in str(raised.value)
