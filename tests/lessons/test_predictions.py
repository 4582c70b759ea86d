"""What a student is asked to predict is not on the screen beforehand: the saved output is folded, and so is the text
that tells what came out. Where a cell asks with `predict`, it does so before the result, and is told the result."""

import itertools
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from tests import notebooks

LESSONS = [pytest.param(path, id=path.stem) for path in notebooks.lessons()]
BEFORE_A_RUN = re.compile(r"\*\*Before you run\b")
# Before a panel is moved: its saved picture is where one begins, and shows no answer.
BEFORE_A_TRY = re.compile(r"\*\*Before you try\b|\*\*(?=\S)[^*\n]*\bbeforehand\b[^*\n]*\*\*")
ASKS = re.compile(r"^(\w+) = predict\(", re.MULTILINE)
TELLS = re.compile(r"^(\w+)\.happened\(", re.MULTILINE)
FOLD = re.compile(r"<details><summary>[^\n]+</summary>\n\n.+?\n</details>", re.DOTALL)


def predictions(cells):
    """For each request to predict: its cell's id, whether what runs next shows the answer, the code cells that run
    next, and the text after them."""
    for position, cell in enumerate(cells):
        asked = BEFORE_A_RUN.search(cell.source) or BEFORE_A_TRY.search(cell.source)
        if cell.cell_type != "markdown" or not asked:
            continue
        rest = iter(cells[position + 1 :])
        run = list(itertools.takewhile(lambda cell: cell.cell_type == "code", rest))
        after = next(iter(cells[position + 1 + len(run) :]), None)
        run = list(itertools.dropwhile(lambda cell: ASKS.search(cell.source), run))
        yield cell.id, bool(BEFORE_A_RUN.search(cell.source)), run, after


def given_away(cells):
    """Where a prediction is answered on the screen before it can be made, a sentence each."""
    found = []
    for name, shows, run, after in predictions(cells):
        if not run:
            found.append(f"{name}: no code cell comes next")
        if shows and not all(cell.metadata.get("jupyter") == notebooks.FOLDED for cell in run):
            found.append(f"{name}: the saved output of the next cell is not folded")
        if after is None or not FOLD.match(after.source):
            found.append(f"{name}: the text after the run does not begin with a fold")
    return found


@pytest.mark.parametrize("path", LESSONS)
def test_no_prediction_is_answered_before_it_is_made(path):
    cells = notebooks.read(path).cells
    assert len(list(predictions(cells))) >= 3
    assert given_away(cells) == []


def asked_and_told(cells):
    """For each stretch of code cells that asks for predictions: the names of these, and of those that are compared in
    cells after that, as two lists."""
    for is_code, stretch in itertools.groupby(cells, lambda cell: cell.cell_type == "code"):
        sources = [cell.source for cell in stretch]
        if is_code and any(map(ASKS.search, sources)):
            last = max(place for place, source in enumerate(sources) if ASKS.search(source))
            yield ASKS.findall("\n".join(sources)), TELLS.findall("\n".join(sources[last + 1 :]))


@pytest.mark.parametrize("path", LESSONS)
def test_what_predict_asks_for_is_asked_first_and_compared_with_the_result(path):
    cells = notebooks.read(path).cells
    found = list(asked_and_told(cells))
    assert 2 <= len(found) <= 7
    for asked, told in found:
        assert sorted(asked) == sorted(told) != []
    everything = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert sorted(TELLS.findall(everything)) == sorted(name for asked, _ in found for name in asked)


@pytest.mark.parametrize("path", LESSONS)
def test_every_fold_is_closed(path):
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "markdown":
            assert len(FOLD.findall(cell.source)) == cell.source.count("<details") == cell.source.count("</details>"), (
                cell.id
            )


ASKED = "**Before you run it:** how many?"
ANSWER = "<details><summary>What you should have seen</summary>\n\nFour.\n</details>"


@pytest.mark.parametrize(
    "asked, folded, after, found",
    [
        (ASKED, True, ANSWER + "\n\nNow the next.", []),
        (ASKED, False, ANSWER, ["the saved output of the next cell is not folded"]),
        (ASKED, True, "Four.\n\n" + ANSWER, ["the text after the run does not begin with a fold"]),
        (ASKED.replace("run it", "try"), False, ANSWER, []),
        ("Move it. **Say beforehand what you expect.**", False, "Four.", ["does not begin with a fold"]),
        ("Run it.", False, "Four.", []),
    ],
)
def test_what_gives_an_answer_away_is_found(asked, folded, after, found):
    metadata = {"jupyter": notebooks.FOLDED} if folded else {}
    cells = [new_markdown_cell(asked), new_code_cell("2 + 2", metadata=metadata), new_markdown_cell(after)]
    assert [words in told for words, told in zip(found, given_away(cells), strict=True)] == [True] * len(found)


def test_a_prediction_that_comes_late_or_is_never_compared_is_found():
    ask, tell, other = map(new_code_cell, ("share = predict('x', (0, 1))", "share.happened(1)", "model.predict(x)"))
    text = new_markdown_cell(ASKED)
    assert list(asked_and_told([text, ask, tell, text, other])) == [(["share"], ["share"])]
    assert list(asked_and_told([text, tell, ask])) == [(["share"], [])]
    assert list(asked_and_told([text, ask, other, text, tell])) == [(["share"], [])]
