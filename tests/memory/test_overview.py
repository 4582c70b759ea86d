"""What `progress` shows, and the file that a student hands in."""

import re

import pytest

from helpers.errors import LessonError
from helpers.memory.collected import collect
from helpers.memory.overview import EMPTY, Progress, progress
from helpers.memory.tables import MOST, Table, bars
from tests.memory.books import HOSTILE, entry, hostile, pictures_are_ours, write
from tests.memory.books import book as drawn
from tests.test_second_opinion import Page

LOCKED = {"said": 0.5, "sure": 2, "scale": "number"}
SOME = [
    entry("check", 1, "updates", number=1, of=4, right=False, wrong="36", said="No."),
    entry("check", 1, "updates", number=1, of=4, right=True, wrong=None, said="Yes."),
    entry("check", 2, "gaps", number=1, of=3, right=False, wrong="x", said="No."),
    entry("quiz", 1, "1.1", chosen="A", right=False),
    entry("quiz", 1, "1.2", chosen="A", right=True),
    entry("prediction", 1, "rise", **LOCKED, happened=0.12, right=False),
    entry("prediction", 1, "order", said=["b", "a"], happened=["b", "a"], sure=0, right=True, scale="order"),
    entry("prediction", 1, "later", **LOCKED, happened=None, right=None),
    entry("diagnosis", 3, case="leak", said="noisy", right=False),
]


def test_all_lessons_at_a_glance():
    shown = Progress(SOME)
    (table,) = shown.tables
    assert table.rows[0] == ["Lesson 1", "1 of 4", "2", "1 of 2", "1 of 2", "0 of 1"]
    assert table.rows[1][:3] == ["Lesson 2", "0 of 3", "1"] and len(table.rows) == 3
    assert shown.sentences == [
        "Predictions that were right: 0 of 1 when you were sure; 1 of 1 when you were guessing.",
        "In the clinic you took: leak for noisy.",
        "Questions to repeat: 1.1.",
        "Not solved yet: Exercise 1 (gaps) of lesson 2.",
    ]


def test_one_lesson_with_each_of_its_predictions():
    shown = Progress(SOME, 1)
    expected, tried, asked = shown.tables
    assert expected.rows == [
        ["rise", "0.5", "0.12", "sure", "✗ not so"],
        ["order", "b, a", "b, a", "guessing", "✓ right"],
        ["later", "0.5", "not run yet", "sure", "–"],
    ]
    assert tried.rows == [["Exercise 1 (updates)", "✓ solved", "2"]]
    assert asked.rows == [["Question 1.1", "✗ missed", "✗ missed"], ["Question 1.2", "✓ right", "✓ right"]]
    assert not any("clinic" in words or "lesson 2" in words for words in shown.sentences)
    assert Progress(SOME, 3).sentences == ["In the clinic you took: leak for noisy."]


def test_a_curve_that_was_drawn_is_shown_beside_what_came():
    said = {"epochs": [1, 2, 3], "values": [1.0, 0.7, 0.6]}
    facts = {"scale": "curve", "said": said, "right": True, "sure": 2}
    drawn = entry("prediction", 2, "the loss", happened=[0.9, 0.5, 0.4], **facts)
    page = Progress([drawn], lesson=2)
    assert "a curve from 1 to 0.6" in repr(page) and "a curve from 0.9 to 0.4" in repr(page)
    assert (
        page._repr_html_().count("<img") == 1 and "1 at epoch 1, 0.7 at epoch 2, 0.6 at epoch 3" in page._repr_html_()
    )
    assert "<img" not in Progress([{**drawn, "happened": None}], lesson=2)._repr_html_()  # not run yet


def test_it_reads_the_lab_book_and_without_one_says_the_same_everywhere(book, monkeypatch):
    assert repr(progress()) == repr(progress(lesson=2)) == EMPTY and EMPTY in progress()._repr_html_()
    write(book, SOME)
    assert repr(progress()) == repr(Progress(SOME)) and "lesson 5" in repr(progress(lesson=5))
    monkeypatch.setenv("LAB_BOOK", "off")
    assert repr(progress()) == EMPTY


@pytest.mark.parametrize("lesson", [0, "2", 2.5, True, -1, 100])
def test_what_is_no_lesson_is_told(lesson):
    with pytest.raises(LessonError, match=r"progress\(lesson=2\)"):
        progress(lesson)


@pytest.mark.parametrize("lesson", [None, 1, 2, 5])
def test_page_text_and_markdown_say_the_same_and_each_cell_has_its_heads(lesson):
    shown = Progress(drawn(3), lesson)
    page = shown._repr_html_()
    for table in shown.tables:
        assert page.count('scope="col"') == sum(len(each.heads) for each in shown.tables)
        for row in table.rows:
            for cell in row:
                assert cell in repr(shown)
        assert len({line.count("|") for line in table.markdown().splitlines()[2:]}) == 1
    assert page.count('scope="row"') == sum(len(table.rows) for table in shown.tables) > 0


# What is handed in


@pytest.mark.parametrize("ending", ["html", "md"])
def test_what_is_saved_has_all_entries_and_a_name_only_if_it_was_given(tmp_path, ending, capsys):
    entries = drawn(5)
    for number, name in enumerate((None, "Amina")):
        path = tmp_path / str(number) / f"progress.{ending}"
        path.parent.mkdir()
        Progress(entries).save(path, name=name)
        assert f"with {len(entries)} entries" in capsys.readouterr().out
        (student,), left_out = collect(path.parent)
        assert student.entries == entries and not left_out
        assert (student.who, student.named) == ((name, True) if name else (path.name, False))
        text = path.read_text(encoding="utf-8")
        assert ("Amina" in text) == bool(name) and str(tmp_path) not in text


@pytest.mark.parametrize("ending", ["html", "md"])
@pytest.mark.parametrize("words", [*HOSTILE, "`````\n", "\ud800", "{"])
def test_hostile_words_stay_words(tmp_path, ending, words):
    entries = [each for each in hostile(words) if each["kind"] != "student"]
    path = tmp_path / f"progress.{ending}"
    Progress(entries).save(path, name=words)
    text = path.read_text(encoding="utf-8")
    if ending == "html":
        page = Page(text)
        page.check_harmless()
        assert pictures_are_ours(page) and page.tags.count("pre") == 1
    else:
        shown = text.partition("````json\n")[0]
        assert "<script" not in shown.replace("\\<", "") and "<img" not in shown.replace("\\<", "")
    (student,), _ = collect(tmp_path)
    assert len(student.entries) == len(entries)


def test_a_name_with_another_ending_and_a_file_of_somebody_else_are_refused(tmp_path):
    shown = Progress(SOME)
    with pytest.raises(LessonError, match=r"ends in \.html .* or in \.md"):
        shown.save(tmp_path / "progress.pdf")
    other = tmp_path / "README.md"
    other.write_text("# Mine")
    with pytest.raises(LessonError, match="there already"):
        shown.save(other)
    assert other.read_text() == "# Mine"
    with pytest.raises(LessonError, match="Could not write"):
        shown.save(tmp_path / "gone" / "progress.md")
    for _ in range(2):  # one's own is written over
        shown.save(tmp_path / "mine.html")


# Tables


def test_a_table_of_very_many_rows_is_cut_and_says_so():
    table = Table("Many", ["Name", "Number"], [[f"row {number}", number] for number in range(MOST + 7)])
    assert "And 7 more." in table.html() and "7 more" in table.text() and "And 7 more." in table.markdown()
    assert table.html().count("<tr>") == MOST + 1
    empty = Table("None", ["Name"], [])
    assert empty.html() == empty.text() == empty.markdown() == ""


def test_a_bar_is_as_long_as_its_number_says_and_screen_readers_pass_over_it():
    page = bars({"<a>": 1, "b": 4})
    assert re.findall(r"[^-]width:(\d+)%", page)[-2:] == ["25", "100"] and "&lt;a&gt;" in page
    assert page.count('aria-hidden="true"') == 3 and page.count('scope="row"') == 2
