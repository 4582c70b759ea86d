"""What a lesson's first cell says: the same line everywhere at a first visit, and later where its reader stopped."""

import re
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

import helpers
from helpers import lab_book
from helpers.errors import LessonError
from helpers.lab_book import entries, note
from helpers.memory import welcome as module
from helpers.memory.welcome import ABOVE, FIRST, IN_COLAB, Clock, lines, welcome
from tests.memory.books import HOSTILE, book, entry, hostile
from tests.test_lab_book import ROOT, WITHOUT

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
STOPPED = entry("check", 2, "gaps", 10, 9, number=1, of=3, right=True)


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    monkeypatch.setattr(lab_book, "_lesson", None)
    monkeypatch.setattr(module, "_clock", [])


def test_a_first_visit_and_a_program_s_get_the_same_line(book_of_its_own, monkeypatch, capsys):
    welcome(2)
    monkeypatch.setenv("LAB_BOOK", "off")
    welcome(2)
    assert capsys.readouterr().out == f"{FIRST}\n" * 2
    assert [each["kind"] for each in lab_book.read(book_of_its_own).entries] == ["visit"]


@pytest.fixture
def book_of_its_own(book):
    return book


def test_a_visit_without_anything_done_is_no_place_to_go_on_from(book):
    for _ in range(3):
        welcome(2)
    assert lines(entries(), 2, NOW) == [FIRST]


def test_it_says_where_you_stopped_and_what_brings_it_back():
    earlier = [entry("visit", 2, None, 9), entry("pin", 2, "dropout 0.5", 9)]
    later = [entry("visit", 3, None, 10), entry("diagnosis", 3, None, 10, case="leak", said="leak", right=True)]
    assert lines([*earlier, STOPPED, *later], 2, NOW) == [
        "Welcome back. You stopped 3 hours ago at Exercise 1 (gaps), solved.",
        f"To go on there, click the cell after it, and choose {ABOVE}.",
    ]
    assert "the panel in which you pinned “dropout 0.5”" in lines(earlier, 2, NOW)[0]
    assert "at the clinic" in lines(later, 3, NOW)[0] and lines(later, 2, NOW) == [FIRST]


@pytest.mark.parametrize("kind, words", [("prediction", "prediction “x”"), ("opened", "the test set"), ("quiz", FIRST)])
def test_other_things_that_were_done(kind, words):
    assert words in lines([entry(kind, 2, "x", 9, right=True)], 2, NOW)[0]


def test_the_menu_is_that_of_the_front_end(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert IN_COLAB in lines([STOPPED], 2, NOW)[1]


def test_how_long_it_takes_is_what_it_took_last_time():
    def said(*seconds):
        ran = [entry("ran", 2, None, 10, 8, seconds=each) for each in seconds]
        return lines([entry("ran", 2, seconds=900), entry("visit", 2), *ran, STOPPED], 2, NOW)[1]

    assert "about 40 seconds" in said(5.2, 40.4) and "about 3 minutes" in said(170)
    for nonsense in ((), ("x",), (-3,), (1e12,), (True,)[:0]):
        assert "last time" not in said(*nonsense)
    after = [entry("visit", 2), STOPPED, entry("ran", 2, None, 10, 11, seconds=500)]
    assert "last time" not in lines(after, 2, NOW)[1]  # it came after the last thing done


@pytest.mark.parametrize(
    "ago, words",
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=60), "just now"),
        (timedelta(minutes=5), "5 minutes ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=300), "on 2026-11-10"),
    ],
)
def test_when_it_was_in_words(ago, words):
    then = {**STOPPED, "time": "2026-11-10T12:00:00Z"}
    assert f"You stopped {words} at" in lines([then], 2, NOW + ago)[0]


def test_one_thing_to_repeat():
    missed, right = entry("quiz", 1, "1.3", chosen="A", right=False), entry("quiz", 1, "1.2", chosen="A", right=True)
    assert lines([right, missed], 2, NOW) == [
        FIRST,
        "To repeat: question 1.3 of the quiz in lesson 1, which you missed.",
    ]
    confused = entry("diagnosis", 3, case="leak", said="noisy", right=False)
    assert "“leak” from “noisy”" in lines([right, confused], 4, NOW)[1]
    left_open = entry("check", 1, "updates", number=1, of=4, right=False, wrong="36")
    assert lines([left_open], 2, NOW)[1] == "To repeat: Exercise 1 (updates) of lesson 1, which is not solved yet."
    assert lines([missed, {**missed, "right": True}], 2, NOW) == [FIRST]
    assert len(lines([STOPPED, missed, confused, left_open], 2, NOW)) == 3


def test_a_question_that_is_asked_again_elsewhere_is_no_place_in_its_lesson():
    again = [
        entry("visit", 1),
        entry("quiz", 1, "1.1", right=True),
        entry("visit", 3),
        entry("quiz", 1, "1.3", right=True),
    ]
    assert "question 1.1" in lines(again, 1, NOW)[0]


@pytest.mark.parametrize("seed", range(20))
def test_there_are_at_most_three_lines(seed):
    for lesson in range(1, 8):
        said = lines(book(seed), lesson, NOW)
        assert 1 <= len(said) <= 3 and all("\n" not in line and len(line) < 250 for line in said)


@pytest.mark.parametrize("words", HOSTILE)
def test_a_spoilt_book_does_not_break_a_lesson(words):
    for lesson in (1, 2, 3):
        assert all(line.isprintable() for line in lines(list(hostile(words)), lesson, NOW))


@pytest.mark.parametrize("lesson", [0, -1, "2", 2.0, True, None, 100])
def test_what_is_no_lesson_is_told(lesson):
    with pytest.raises(LessonError, match=r"welcome\(2\)"):
        welcome(lesson)


def test_the_clock_adds_up_cells_and_notes_those_that_take_a_while(book):
    times = iter([0, 10, 10.2, 10.2, 20, 25, 25, 30, 32, 32])
    clock = Clock(lambda: next(times))
    for _ in range(3):
        clock.before(None)
        clock.after(None)
    assert [each["seconds"] for each in entries("ran")] == [5.2, 7.2]


@pytest.mark.slow
def test_in_a_kernel_cells_are_timed_from_there_on(book):
    code = f"{WITHOUT}sys.path.insert(0, {str(ROOT)!r})\nimport helpers, time\nhelpers.welcome(3)"
    cells = [code, "time.sleep(1.1)", "helpers.lab_book.note('pin', name='run')", "helpers.welcome(3)", "time.sleep(0)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=120).execute()
    kinds = [each["kind"] for each in entries()]
    assert [kind for kind in kinds if kind != "ran"] == ["visit", "pin", "visit"] and "ran" in kinds[
        : kinds.index("pin")
    ]
    assert {each["lesson"] for each in entries()} == {3}
    assert notebook.cells[0].outputs[0].text == f"{FIRST}\n"
    said = notebook.cells[3].outputs[0].text
    assert "You stopped just now at the panel in which you pinned “run”" in said and re.search(
        r"about \d+ seconds", said
    )


def test_without_a_kernel_nothing_is_timed(book):
    assert helpers._shell() is None
    welcome(1)
    note("pin", name="run")
    assert module._clock == [] and [each["kind"] for each in entries()] == ["visit", "pin"]
