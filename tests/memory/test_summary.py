"""A lab book in figures: tries up to the first right one, a prediction's last word, and no entry that breaks it."""

import pytest

from helpers.memory.summary import LONGEST, Summary, text
from tests.memory.books import HOSTILE, entry, hostile


def test_tries_count_up_to_the_first_right_one():
    wrong = {"number": 2, "of": 4, "right": False}
    so_far = Summary(
        [
            entry("check", 1, "deeper", **wrong, wrong="no model", said="No model."),
            entry("check", 1, "deeper", **wrong, wrong="no model", said="No model."),
            entry("check", 1, "deeper", number=2, of=4, right=True, wrong=None),
            entry("check", 1, "deeper", **wrong, wrong="no builder"),  # run again, later
            entry("check", 2, "deeper", number=1, of=3, right=None),
        ]
    )
    first, second = so_far.exercises
    assert (first.lesson, str(first), first.of, first.tries, first.solved) == (1, "Exercise 2 (deeper)", 4, 3, True)
    assert first.wrong == {"no model": 2} and first.said == {"no model": "No model."}
    assert (second.lesson, second.tries, second.solved) == (2, 1, None)


def test_of_a_prediction_the_last_entry_counts():
    locked = {"said": 0.5, "sure": 2, "scale": "number"}
    so_far = Summary(
        [
            entry("prediction", 2, "rise", **locked, happened=None, right=None),
            entry("prediction", 2, "2 or 3", **locked, happened=None, right=None),
            entry("prediction", 2, "rise", **locked, happened=0.123456, right=False),
        ]
    )
    rise, other = so_far.predictions
    assert (rise.said, rise.happened, rise.sure, rise.right, rise.value) == ("0.5", "0.1235", 2, False, 0.5)
    assert (other.lesson, other.happened, other.right) == (2, "", None)


def test_what_is_said_after_the_result_is_no_prediction():
    late = entry("prediction", 2, "rise", said=0.5, happened=0.5, right=True, sure=2, scale="number", late=True)
    (prediction,) = Summary([late]).predictions
    assert prediction.late and prediction.right is None and prediction.said == "0.5"


def test_a_question_belongs_to_its_lesson_wherever_it_was_asked_again():
    so_far = Summary(
        [entry("quiz", 1, "1.2", chosen="A", right=False), entry("quiz", 3, "1.2", chosen="B", right=True)]
    )
    (question,) = so_far.questions
    assert (question.lesson, question.chosen, question.first, question.last) == (1, "A", False, True)
    assert so_far.lessons == [1, 3]


def test_confusions_are_of_wrong_names_only():
    named = [("leak", "noisy", False), ("leak", "leak", True), ("leak", "noisy", False), ("leak", "overfitting", True)]
    so_far = Summary([entry("diagnosis", 3, case=case, said=said, right=right) for case, said, right in named])
    assert so_far.confusions == {("leak", "noisy"): 2} and so_far.named == 4


@pytest.mark.parametrize(
    "value, words",
    [
        (None, ""),
        (0.1234567, "0.1235"),
        (["a", "b"], "a, b"),
        (True, "True"),
        ("a\n\tb\x1b[0m", "a b [0m"),
        ("x" * 999, "x" * (LONGEST - 1) + "…"),
    ],
    ids=["nothing", "number", "list", "flag", "signs", "long"],
)
def test_a_fact_in_words(value, words):
    assert text(value) == words


@pytest.mark.parametrize("words", HOSTILE)
def test_no_entry_breaks_it_whatever_stands_in_its_facts(words):
    so_far = Summary(list(hostile(words)))
    assert set(so_far.lessons) <= {0, 1, 2} and so_far.exercises and so_far.questions and so_far.predictions
    for each in so_far.predictions:
        assert each.right in (True, None) and each.sure in (None, 0, 1, 2)
