"""The questions of the quizzes, read from the lessons: all of them, their pictures, and files that are no use."""

import base64
import json
import re

import pytest

from helpers.errors import LessonError
from helpers.parts import questions as questions_module
from helpers.parts.questions import as_text, in_html, questions
from tests import notebooks
from tests.lessons.test_quizzes import CURVE, QUIZZES

PNG = base64.b64encode(b"a picture").decode()


@pytest.mark.parametrize("path", notebooks.lessons(), ids=lambda path: path.stem)
def test_every_question_of_a_lesson_is_read_as_it_stands_there(path):
    lesson, known = int(path.name[:2]), QUIZZES[path.stem]
    read = questions(lesson)
    assert list(read) == [f"{lesson}.{number}" for number in range(1, len(known) + 1)]
    for question, as_known in zip(read.values(), known, strict=True):
        assert [re.sub("</?code>", "", answer.words) for answer in question.answers] == as_known.options
        assert [answer.right for answer in question.answers].index(True) == as_known.right
        assert sum(answer.right for answer in question.answers) == 1
        assert all(answer.feedback for answer in question.answers) and question.words in as_known.words
        assert bool(question.picture) == bool(CURVE.search(as_known.before))
        if question.picture:
            assert base64.b64decode(question.picture.png)[1:4] == b"PNG" and question.picture.alt
            assert question.before and "<details" not in question.before
        for answer in question.answers:
            assert not set("<>`*") & set(as_text(answer.words).replace("->", ""))


def lesson(folder, cells, monkeypatch, name="04_mine.ipynb"):
    """A lesson of a teacher's own: cells are pairs of a type and a text, of code with the outputs."""
    made = [
        {"cell_type": kind, "source": source.splitlines(keepends=True), "outputs": outputs[0] if outputs else []}
        for kind, source, *outputs in cells
    ]
    (folder / name).write_text(json.dumps({"cells": made}), encoding="utf-8")
    monkeypatch.setattr(questions_module, "LESSONS", folder)


DRAWN = [{"data": {"image/png": PNG + "\n"}, "metadata": {"image/png": {"alt": "A curve."}}}]
OF_MINE = [
    ("markdown", "Some text.\n\n**Question** of taste."),
    ("code", "plt.plot([1])", DRAWN),
    ("markdown", "## Quiz\n\nChoose."),
    ("code", "quiz(4)", [{"text": "a line"}]),
    ("markdown", "**Question 1.** What does `fit` return?\n\n- one\n- two\n\n"
     "<details><summary>A. A `History`.</summary>\n\n"
     "Right. It *does*.\n</details>\n<details><summary>B. Nothing: 1 < 2.</summary>\n\nNo.\n</details>\n\n"
     "**Question 2.** And now?\n\n<details><summary>A. a</summary>\n\nNo.\n</details>\n"
     "<details><summary>B. b</summary>\n\nRight. b\n</details>"),
    ("markdown", "The next is about this run."),
    ("code", "curves.plot(run)", DRAWN),
    ("markdown", "**Question 3.** Why?\n\n<details><summary>A. a</summary>\n\nRight.\n</details>"),
]  # fmt: skip


def test_a_question_is_read_with_what_stands_above_it(tmp_path, monkeypatch):
    lesson(tmp_path, OF_MINE, monkeypatch)
    one, two, three = questions(4).values()
    assert (one.name, one.before, one.picture) == ("4.1", "", None)
    assert [answer.letter for answer in one.answers] == ["A", "B"] and two.before == "" and two.picture is None
    assert [as_text(answer.words) for answer in one.answers] == ["A History.", "Nothing: 1 < 2."]
    assert "<li>one</li>" in in_html(one.words) and "<code>fit</code>" in in_html(one.words)
    assert three.before == "The next is about this run." and three.words == "Why?"
    assert three.picture == (PNG, "A curve.")


def test_a_picture_that_was_never_drawn_is_known_to_be_missing(tmp_path, monkeypatch):
    cleared = [(kind, text, [{"text": "said"}]) if kind == "code" else (kind, text) for kind, text, *_ in OF_MINE]
    lesson(tmp_path, cleared, monkeypatch)
    assert [question.picture for question in questions(4).values()] == [None, None, (None, "")]


def test_what_is_wrong_with_the_files_is_told(tmp_path, monkeypatch):
    lesson(tmp_path, [("markdown", "Nothing left.")], monkeypatch)
    with pytest.raises(LessonError, match="no questions left in 04_mine.ipynb. Fetch the file again"):
        questions(4)
    for wrong in (5, "4", 4.0, True, None):
        with pytest.raises(LessonError, match=f"There is no lesson {wrong!r}; there are 4."):
            questions(wrong)
    (tmp_path / "04_mine.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(LessonError, match="04_mine.ipynb, where the questions stand, cannot be read"):
        questions(4)
    monkeypatch.setattr(questions_module, "LESSONS", tmp_path / "nowhere")
    with pytest.raises(LessonError, match="folder notebooks beside helpers, and it is not there"):
        questions(4)
