"""The study aids: complete, in step with the lessons, and nothing in them that a fold or a link keeps from a reader."""

import re

import pytest

from helpers.parts.causes import HELPS
from tests import notebooks
from tests.lessons.test_notebooks import OPTION
from tests.links import ROOT

AIDS = notebooks.read(ROOT / "notebooks" / "study_aids.ipynb")
TEXT = {cell.id: cell.source for cell in AIDS.cells}
LESSON = {path.name: "\n".join(cell.source for cell in notebooks.read(path).cells) for path in notebooks.lessons()}
GLOSSARY = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| \[lesson \d\]\((.+?)\) \|$", TEXT["glossary"], re.MULTILINE)
WORDS = [word for word, _, _ in GLOSSARY]
# What lessons set in bold besides the words they define: short emphasis, buttons, parts of a list.
NO_TERMS = {
    "Key points",
    "Questions",
    "deeper",
    "flattens",
    "methods",
    "rises",
    "too good on average",
    "wider",
    "100",
    "At first",
    "Then",
    "Commit",
    "In the very first epoch",
    "From nothing",
    "From the weights",
    "From the whole model",
    "Run → Run All Above Selected Cell",
    "Choose by the lowest validation loss",
    "BatchNormalization",
    "Go on",
    "Stop",
    "Open the game's test set",
}


def test_they_are_in_normal_form_and_run_nothing_but_the_cards():
    assert notebooks.check(ROOT / "notebooks" / "study_aids.ipynb") == []
    set_up, cards = (cell.source for cell in AIDS.cells if cell.cell_type == "code")
    assert set_up == next(cell.source for cell in notebooks.read(notebooks.lessons()[0]).cells if cell.id == "setup")
    assert cards == "from helpers import flashcards\n\nflashcards()"


def test_each_summary_is_more_than_twice_as_long_as_the_one_before():
    basic, medium, detailed = (len(TEXT[name].split()) for name in ("basic", "medium", "detailed"))
    assert basic < 100 and 2 * basic < medium and 2 * medium < detailed
    for name in LESSON:
        assert f"]({name})" in TEXT["detailed"]


def test_the_table_of_patterns_is_that_of_the_clinic():
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$", TEXT["detailed"], re.MULTILINE)[1:]
    assert [name for name, _ in rows] == list(HELPS)
    for name, first in rows:
        assert re.split(r", (?:or )?", first) == list(HELPS[name])


def test_in_the_conversation_two_people_take_turns():
    turns = re.findall(r"^\*\*(\w+)\.\*\*", TEXT["conversation"], re.MULTILINE)
    assert len(turns) >= 10 and set(turns[::2]) == {"Learner"} and set(turns[1::2]) == {"Teacher"}


def test_every_flashcard_asks_and_answers():
    cards = OPTION.findall(TEXT["flashcards"])
    assert len(cards) >= 15 and len(cards) == TEXT["flashcards"].count("<details")
    assert all(question.endswith("?") and answer for question, answer in cards) and len(
        {question for question, _ in cards}
    ) == len(cards)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_question_has_one_right_answer_and_says_why_the_others_are_wrong(number):
    options = OPTION.findall(TEXT[f"question-{number}"])
    assert len(options) == 3 == TEXT[f"question-{number}"].count("<details")
    assert (
        sorted(re.match(r"Right\. .|Not quite\. .|No\. .", feedback)[0][:2] for _, feedback in options).count("Ri") == 1
    )


def test_the_mnemonic_has_the_letters_of_its_list():
    sentence, *steps = (
        TEXT["mnemonic"].split("\n\n", 2)[1:][0],
        *re.findall(r"^\d\. \*\*(\w)\*\*", TEXT["mnemonic"], re.MULTILINE),
    )
    assert re.findall(r"\*\*(\w)\*\*", sentence) == steps


def test_the_glossary_is_sorted_and_each_word_stands_in_its_lesson():
    assert sorted(set(WORDS), key=str.lower) == WORDS
    for word, _, lesson in GLOSSARY:
        for form in word.split(" and "):
            assert form.lower() in LESSON[lesson].lower(), (word, lesson)


def test_the_glossary_has_every_word_that_a_lesson_defines():
    known = " | ".join(WORDS).lower()
    for name in LESSON:
        prose = "\n".join(
            cell.source for cell in notebooks.read(ROOT / "notebooks" / name).cells if cell.cell_type == "markdown"
        )
        for term in set(re.findall(r"\*\*([A-Za-z0-9`][^*\n]*[^*\n.:])\*\*", prose)) - NO_TERMS:
            assert term.strip("`").rstrip("s").lower() in known, (name, term)


def test_every_link_leads_somewhere():
    headings = {
        heading.replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", "\n".join(TEXT.values()), re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", "\n".join(TEXT.values())):
        assert target[1:] in headings if target.startswith("#") else target in LESSON, target


@pytest.mark.parametrize("name", LESSON)
def test_every_lesson_leads_to_them(name):
    assert "(study_aids.ipynb)" in LESSON[name]
