"""What a student is asked to predict is not on the screen beforehand: the saved output is folded, and so is the text
that tells what came out, all of it; the words before the question do not tell either, nor does the picture that a panel
begins with, nor the middle of a scale. Where a cell asks with `predict`, it does so before the result, and is told the
result."""

import ast
import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests import notebooks

LESSONS = [pytest.param(path, id=path.stem) for path in notebooks.lessons()]
BEFORE_A_RUN = re.compile(r"\*\*Before you run\b")
# Before a panel is moved: its saved picture is where one begins, and shows no answer.
BEFORE_A_TRY = re.compile(
    r"\*\*Before you try\b|\*\*(?=\S)[^*\n]*\bbeforehand\b[^*\n]*\*\*|\bbeforehand what\b"
    r"|\bBefore you (?!try|run)[^.:?]*:"
)
ASKS = re.compile(r"^(\w+) = predict\(", re.MULTILINE)
TELLS = re.compile(r"^(\w+)\.happened\(", re.MULTILINE)
FOLD = re.compile(r"<details><summary>[^\n]+</summary>\n\n.+?\n</details>", re.DOTALL)
# A paragraph that begins so goes on with what was found, or sums it up.
LEANS = re.compile(
    r"(?:So|That|This|These|Those|It|Its|They|Here|Neither|Both|And|But|Had|Same|Such|Then|Thus|Therefore|Keep|Remember)\b"
    r"|\*\*(?!Before you|Shape|Exercise)"
)
CONCLUDES = re.compile(r"\b(?:So|Therefore|Thus|Hence|That is why)\b[^.?!\n]*[.!] (?=\*\*Before you)")
ITEM = re.compile(r"^[-*\d]\.? +(.+)$", re.MULTILINE)
MOVED = re.compile(r"`|\*[^*]+\*|\d")  # a control, a button, a value


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


def asked_without_a_move(words):
    """Whether `words`, from a request to predict to the panel, have a question about the panel as it stands."""
    asked = BEFORE_A_TRY.search(words)
    items = [item for item in ITEM.findall(words[asked.start() :]) if "?" in item]
    return any(not MOVED.search(item) for item in items)


def given_away(cells):
    """Where a prediction is answered on the screen before it can be made, a sentence each."""
    found, words = [], {cell.id: cell.source for cell in cells}
    for name, shows, run, after in predictions(cells):
        fold = FOLD.match(after.source) if after is not None else None
        folded = all(cell.metadata.get("jupyter") == notebooks.FOLDED for cell in run)
        if CONCLUDES.search(words[name]):
            found.append(f"{name}: the sentence before the question draws the conclusion")
        if not run:
            found.append(f"{name}: no code cell comes next")
        if shows and not folded:
            found.append(f"{name}: the saved output of the next cell is not folded")
        if not shows and not folded and asked_without_a_move(words[name]):
            found.append(f"{name}: the saved picture may answer what is asked about the panel as it stands")
        if not fold:
            found.append(f"{name}: the text after the run does not begin with a fold")
            continue
        if LEANS.match(after.source[fold.end() :].lstrip()):
            found.append(f"{name}: what was found is told behind the fold, too")
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


def scales(cells):
    """Each number that is asked for: its name, its scale, how far off is right, and the figures in the outputs of the
    cells that run next."""
    for place, cell in enumerate(cells):
        for statement in ast.parse(cell.source).body if ASKS.search(cell.source) else ():
            call = getattr(statement, "value", None)
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "predict" or len(call.args) < 2:
                continue
            if not isinstance(call.args[1], ast.Tuple):
                continue
            low, high = ast.literal_eval(call.args[1])
            options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
            run = itertools.takewhile(lambda cell: cell.cell_type == "code", cells[place + 1 :])
            told = " ".join(output.get("text", "") for cell in run for output in cell.outputs)
            told = re.sub("Your prediction[^\n]+", "", told)
            figures = [float(figure) for figure in re.findall(r"-?\d+(?:\.\d+)?", told)]
            name, within = statement.targets[0].id, options.get("within", (high - low) / 10)
            yield SimpleNamespace(name=name, low=low, high=high, within=within, figures=figures)


def guessed(scale):
    """What the middle of a scale gives away: that no difference is the answer, or a figure of the outputs."""
    middle = (scale.low + scale.high) / 2
    return middle == 0 or any(abs(figure - middle) <= scale.within for figure in scale.figures)


def test_whoever_says_the_middle_of_each_scale_is_right_no_more_often_than_by_chance():
    found = [scale for path in notebooks.lessons() for scale in scales(notebooks.read(path).cells)]
    chances = np.array([2 * scale.within / (scale.high - scale.low) for scale in found])
    right = [scale.name for scale in found if guessed(scale)]
    assert len(found) >= 15
    assert len(right) <= chances.sum() + np.sqrt((chances * (1 - chances)).sum()), right


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
        ("Then say beforehand what you expect of `width`.", False, "Four.", ["does not begin with a fold"]),
        ("Before you tick `falling`: what will change?", False, "Four.", ["does not begin with a fold"]),
        ("Decide before you look.", False, "Four.", []),
        (ASKED, True, ANSWER + "\n\nSo two and two are four.", ["told behind the fold"]),
        (ASKED, True, ANSWER + "\n\n**Two and two are four.**", ["told behind the fold"]),
        (f"Two and two are added. So there are four. {ASKED}", True, ANSWER, ["draws the conclusion"]),
        (f"So let us add two and two. We take one more. {ASKED}", True, ANSWER, []),
        ("**Before you try:**\n\n- `n` to 4: how many?\n- from 2 to 3: and now?", False, ANSWER, []),
        ("**Before you try:**\n\n- As it stands, how many?\n- `n` to 4: and now?", False, ANSWER, ["as it stands"]),
        ("**Before you try:**\n\n- As it stands, how many?\n- `n` to 4: and now?", True, ANSWER, []),
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


def test_a_scale_whose_middle_is_the_answer_is_found():
    middle = new_code_cell('share = predict("x", (0.0, 1.0), within=0.1)')
    beside, no_difference = (new_code_cell(middle.source.replace("0.0, 1.0", to)) for to in ("0.0, 0.5", "-0.5, 0.5"))
    result = new_code_cell("print(share)", outputs=[new_output("stream", text="it is 0.45\n")])
    assert [guessed(*scales([cell, result])) for cell in (middle, beside, no_difference)] == [True, False, True]
