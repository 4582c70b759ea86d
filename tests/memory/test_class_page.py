"""The page of a class: its figures are those of the books, the answers are folded, and no book can spoil it."""

import re
from collections import Counter

import numpy as np
import pytest

from helpers.memory.class_page import BINS, class_page, spread
from helpers.memory.collected import Student
from helpers.memory.summary import Prediction
from tests.memory.books import ASKED, HOSTILE, book, entry, hostile, pictures_are_ours
from tests.test_second_opinion import Page


def students(*books):
    return [Student(f"student {number}", entries, True) for number, entries in enumerate(books)]


def words(page):
    return " ".join(Page(page.replace("<", " <")).words.split())


def said(*values, scale="number"):
    return [Prediction(1, "x", str(value), "", value, None, None, scale) for value in values]


def test_the_hands_are_those_of_the_class_and_the_answer_is_folded():
    books = [book(seed) for seed in range(25)]
    page = class_page(students(*books))
    for name, (lesson, scale, _, _) in ASKED.items():
        (part,) = re.findall(rf"<h3>Lesson {lesson}: {name}</h3>(.*?)</details>", page)
        shown, folded = part.split("<details><summary>What happened</summary>")
        if scale == "curve":
            assert "25 drew a curve" in shown
            continue
        last = [[each for each in entries if each["name"] == name][-1] for entries in books]
        hands = list(map(int, re.findall(r'text-align:right">(\d+)</td>', shown)))
        assert sum(hands) == 25 and "right" not in words(shown)
        right, sure = sum(each["right"] for each in last), [each["right"] for each in last if each["sure"] == 2]
        assert f"{right} of 25 were right, and of those who were sure {sum(sure)} of {len(sure)}" in folded
        if scale == "choice":
            assert hands == [count for _, count in Counter(each["said"] for each in last).most_common()]


def test_a_locked_prediction_is_shown_before_anybody_has_run_it():
    locked = [
        [entry("prediction", 2, "rise", said=value, happened=None, sure=1, right=None, scale="number")]
        for value in (0.1, 0.2, 0.2)
    ]
    page = words(class_page(students(*locked)))
    assert "0.1 1 0.2 2" in page and "Nobody has run it yet" in page


def test_what_was_not_said_or_said_afterwards_is_no_hand():
    facts = {"happened": 0.5, "sure": None, "right": None, "scale": "number"}
    given = [(0.25, False), (None, False), (0.5, True), (0.25, False)]
    books = [[entry("prediction", 2, "rise", said=said, late=late, **facts)] for said, late in given]
    page = words(class_page(students(*books)))
    assert "Hands 0.25 2 What happened" in page and "Between 0.5 and 0.5" in page


def test_few_numbers_are_bars_of_their_own_and_many_are_put_together():
    assert spread(said(3, 1, 1.0, 2)) == {"1": 2, "2": 1, "3": 1}
    values = np.random.default_rng(0).normal(0.5, 0.1, 300)
    found = spread(said(*values.tolist()))
    counts, _ = np.histogram(values, BINS)
    assert list(found.values()) == counts.tolist() and sum(found.values()) == 300
    assert spread(said("b", "a", "b", scale="choice")) == {"b": 2, "a": 1}
    assert sum(spread(said(1, 2, "x")).values()) == 3
    for odd in (1e308, 10**400, float("inf"), -1e308):
        assert sum(spread(said(*range(20), odd)).values()) == 21


def test_what_most_got_wrong_comes_first_with_the_misconception():
    def tries(wrong, name, number):
        facts = {"number": number, "of": 4}
        found = [entry("check", 1, name, **facts, right=False, wrong="36", said="You counted too much.")] * wrong
        return [*found, entry("check", 1, name, **facts, right=True, wrong=None, said="Yes.")]

    def answers(*chosen):
        return [
            entry("quiz", 1, f"1.{number}", chosen=each, right=each == "B") for number, each in enumerate(chosen, 1)
        ]

    first = [*tries(0, "updates", 1), *tries(3, "deeper", 2), *answers("B", "A")]
    second = [*tries(1, "updates", 1), *tries(2, "deeper", 2), *answers("C", "A")]
    confused = [entry("diagnosis", 3, case="leak", said="noisy", right=False)] * 3
    page = words(class_page(students([*first, *confused], second)))
    assert "Lesson 1, Exercise 2 (deeper) 2 of 2 3.5 You counted too much. (2) Lesson 1, Exercise 1 (updates)" in page
    assert "Question 1.2 2 2 A: 2 Question 1.1 1 2 B ✓: 1, C: 1" in page
    assert "leak noisy 3 1" in page and "In 3 names given" in page
    assert "student 0 3 2026-11-01 2 of 2 tried 1 of 2 0 of 0" in page


def curves(*said, came=(0.9, 0.5, 0.4)):
    facts = {"scale": "curve", "happened": list(came) if came else None, "right": None, "sure": 1}
    return [[entry("prediction", 2, "the loss", said=each, **facts)] for each in said]


POINTS = {"epochs": [1, 2, 3], "values": [1.0, 0.7, 0.6]}


def test_curves_are_laid_over_each_other_and_the_run_is_behind_the_fold():
    shown, _, folded = class_page(students(*curves(POINTS, [0.8, 0.6, 0.2]))).partition("<details>")
    assert "2 drew a curve" in shown and "2 guesses over 3 epochs. They end between 0.2 and 0.6." in shown
    assert shown.count("<img") == 1 and folded.partition("</details>")[0].count("<img") == 1
    assert "<img" in class_page(students(*curves(POINTS, came=None)))  # before anybody has run it


@pytest.mark.parametrize(
    "odd",
    [
        "a curve",
        {"epochs": [1, 2], "values": [1.0]},
        {"epochs": [2, 1], "values": [1.0, 2.0]},
        {"epochs": [1, 10**9], "values": [1.0, 2.0]},
        {"epochs": [1, 2], "values": [1.0, 1e300]},
        {"epochs": [1, 2], "values": [1.0, "<b>"]},
        {"epochs": "12", "values": "12"},
        [None, 1.0],
        [0.5] * 5000,
    ],
)
def test_what_is_no_curve_is_left_out_of_the_picture(odd):
    page = class_page(students(*curves(odd)))
    assert "1 drew a curve" in page and "<img" not in page.partition("<details>")[0] and "<b>" not in page
    assert "1 guesses" not in page and "2 drew a curve" in class_page(students(*curves(odd, POINTS)))


@pytest.mark.parametrize("odd", HOSTILE)
def test_no_book_can_spoil_the_page(odd):
    books = [*students(book(1), list(hostile(odd))), Student(odd, book(2), True)]
    page = Page(class_page(books, [odd]))
    page.check_harmless()
    assert pictures_are_ours(page) and page.tags.count("html") == 1 and ("html", "lang", "en") in page.attributes


def test_each_table_has_its_heads():
    page = class_page(students(*(book(seed) for seed in range(5))), ["left out"])
    for table in re.findall(r"<table.*?</table>", page):
        assert 'scope="col"' in table and 'scope="row"' in table
    assert re.findall(r"<h(\d)", page)[0] == "1" and "left out" in page
