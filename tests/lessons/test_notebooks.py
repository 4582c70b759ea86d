"""The lessons as files: in normal form and with a lesson's anatomy; and that these checks find what is wrong."""

import base64
import copy
import io
import json
import re

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tests import notebooks

LESSONS = [pytest.param(path, id=path.stem) for path in notebooks.lessons()]
SET_UP = re.compile(r"google\.colab|sys\.path|git clone|pip install|os\.environ|os\.chdir")
OPTION = re.compile(r"<details>\s*<summary>(.+?)</summary>\s*(.*?)\s*</details>", re.DOTALL)
PNG = base64.b64encode(b"not looked at").decode()


def anatomy(notebook):
    """What a lesson lacks, a sentence each."""
    missing = []

    def needs(found, what):
        if not found:
            missing.append(what)

    text = [cell.source if cell.cell_type == "markdown" else "" for cell in notebook.cells]
    code = [cell.source if cell.cell_type == "code" else "" for cell in notebook.cells]
    first_code = next((position for position, source in enumerate(code) if source), len(code))
    head, everything = "\n".join(text[:first_code]), "\n".join(text)

    needs(text[0].startswith("# "), "begins with its title")
    needs(re.match(r".*\n\n.*mybinder\.org.*colab\.research.*\n", text[0]), "launch links in one line under the title")
    needs("**Questions" in head, "**Questions** before the first code")
    needs("**Objectives" in head, "**Objectives** before the first code")
    needs(re.search(r"\*\*Time.*\bminutes\b", head), "**Time** it takes, in minutes")

    set_up = [position for position, source in enumerate(code) if SET_UP.search(source)]
    needs(set_up == [first_code], "one set-up cell, the first code cell, and no set-up elsewhere")
    needs(all(len(code[position].splitlines()) <= 9 for position in set_up), "a set-up cell of at most nine lines")
    for position, source in enumerate(code):
        needs(len(source.splitlines()) <= 15, f"at most 15 lines in cell {position}")

    needs(any(re.search(r"\bexplore\(", source) for source in code), "a live panel: explore(")
    exercises = [position for position, source in enumerate(text) if "**Exercise" in source]
    needs(exercises, "an exercise: **Exercise 1.**")
    needs(not any(re.search("<summary>[^<]*`", source) for source in text), "<code> for backticks in a <summary>")
    for position in exercises:
        needs(
            "check" in "".join(code[position + 1 : position + 2]),
            f"a check in the cell after the exercise in cell {position}",
        )

    needs("**Key points**" in everything, "**Key points**")
    tail = everything[everything.rfind("**Exercise") :]
    needs("**Key points**" in tail, "exercises before the key points")
    quiz = re.split(r"^\*\*Key points\*\*|^\*\*(?=Question \d+\.\*\*)", tail, flags=re.MULTILINE)
    questions = [part for part in quiz if part.startswith("Question")]
    needs(3 <= len(questions) <= 6, "three to six quiz questions after the exercises")
    for number, question in enumerate(questions, 1):
        feedback = [answer for _, answer in OPTION.findall(question)]
        right = [answer.startswith("Right.") for answer in feedback]
        needs(
            len(feedback) > 1 and len(feedback) == question.count("<details"),
            f"answers with feedback to question {number}",
        )
        needs(sum(right) == 1, f"exactly one answer to question {number} with the feedback Right.")
        needs(
            all(
                is_right or re.match(r"Not quite\. .|No[.,] .", answer)
                for is_right, answer in zip(right, feedback, strict=True)
            ),
            f"Not quite. or No. and why, for each wrong answer to question {number}",
        )
    return missing


@pytest.mark.parametrize("path", LESSONS)
def test_a_lesson_is_in_normal_form(path):
    assert notebooks.check(path) == []


@pytest.mark.parametrize("path", LESSONS)
def test_a_lesson_has_its_anatomy(path):
    assert anatomy(notebooks.read(path)) == []


# The checks themselves, on a small lesson.

QUESTION = """**Question {}.** What falls?

<details><summary>A. The loss.</summary>

Right. That is what training does.
</details>
<details><summary>B. Night.</summary>Not quite. Look at the curve.</details>
"""


@pytest.fixture
def lesson():
    links = "[![a](a)](https://mybinder.org/v2/gh/x) [![b](b)](https://colab.research.google.com/github/x)"
    return new_notebook(
        cells=[
            new_markdown_cell(
                f"# A lesson\n\n{links}\n\n**Questions**\n- Why?\n\n**Objectives.** Know.\n\n**Time.** 5 minutes."
            ),
            new_code_cell("import sys\nif 'google.colab' in sys.modules:\n    pass", execution_count=1),
            new_code_cell(
                "panel = explore(build)",
                execution_count=2,
                outputs=[
                    new_output(
                        "display_data",
                        {"image/png": PNG, "text/plain": "It falls."},
                        metadata={"image/png": {"alt": "It falls."}},
                    )
                ],
            ),
            new_markdown_cell("## Exercises\n\n**Exercise 1.** Do it."),
            new_code_cell("mine = ...\ncheck_it(mine)", execution_count=3),
            new_markdown_cell("**Key points**\n\n- It falls."),
            *(new_markdown_cell(QUESTION.format(number)) for number in (1, 2, 3)),
        ]
    )


def test_a_whole_lesson_lacks_nothing(lesson):
    assert anatomy(lesson) == []
    assert notebooks.normalise(lesson) == []


@pytest.mark.parametrize(
    "cell, old, new, missing",
    [
        (0, "# A lesson", "A lesson", ["begins with its title"]),
        (0, "\n\n[![", "\n\nText\n\n[![", ["launch links in one line under the title"]),
        (0, "Questions", "Answers", ["**Questions** before the first code"]),
        (0, "Objectives", "Aims", ["**Objectives** before the first code"]),
        (0, "5 minutes", "soon", ["**Time** it takes, in minutes"]),
        (1, "pass", "\n    ".join("12345678"), ["a set-up cell of at most nine lines"]),
        (1, "google.colab", "nothing", ["one set-up cell, the first code cell, and no set-up elsewhere"]),
        (
            4,
            "mine",
            "import sys; sys.path.insert(0, '')\nmine",
            ["one set-up cell, the first code cell, and no set-up elsewhere"],
        ),
        (2, "panel = explore(build)", "model.fit(X, y)", ["a live panel: explore("]),
        (2, "panel", "x = 1\n" * 15 + "panel", ["at most 15 lines in cell 2"]),
        (3, "Exercise 1", "Task", ["an exercise: **Exercise 1.**"]),
        (7, "A. The loss", "A. The `loss`", ["<code> for backticks in a <summary>"]),
        (4, "check_it", "print", ["a check in the cell after the exercise in cell 3"]),
        (7, "Question 2", "Riddle", ["three to six quiz questions after the exercises"]),
        (7, "Right.", "Not quite.", ["exactly one answer to question 2 with the feedback Right."]),
        (7, "Not quite.", "Right.", ["exactly one answer to question 2 with the feedback Right."]),
        (7, "Not quite. ", "", ["Not quite. or No. and why, for each wrong answer to question 2"]),
        (7, "Not quite. Look at the curve.", "", ["Not quite. or No. and why, for each wrong answer to question 2"]),
        (7, "</details>", "", ["answers with feedback to question 2"]),
    ],
)
def test_a_gap_in_the_anatomy_is_found(lesson, cell, old, new, missing):
    assert old in lesson.cells[cell].source
    lesson.cells[cell].source = lesson.cells[cell].source.replace(old, new, 1)
    assert anatomy(lesson)[:1] == missing


def test_traces_of_a_run_are_removed(lesson):
    clean = copy.deepcopy(lesson)
    notebooks.normalise(clean)
    lesson.metadata = nbformat.from_dict(
        {
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
            "colab": {"provenance": []},
            "kernelspec": {"display_name": ".venv", "language": "python", "name": "venv"},
            "language_info": {"version": "3.12.1"},
        }
    )
    panel = lesson.cells[2]
    panel.metadata = nbformat.from_dict(
        {"execution": {"iopub.status.busy": "2026-01-01"}, "collapsed": True, "trusted": True}
    )
    panel.execution_count = 41
    panel.outputs[0].data[notebooks.VIEW] = {"model_id": "abc"}
    panel.outputs.append(new_output("display_data", {notebooks.VIEW: {"model_id": "def"}}))
    assert notebooks.normalise(lesson) == []
    assert notebooks.to_text(lesson) == notebooks.to_text(clean)
    assert "widget" not in notebooks.to_text(lesson)


def test_an_output_that_its_author_folded_stays_folded_and_its_source_does_not(lesson):
    lesson.cells[2].metadata = nbformat.from_dict({"jupyter": {"outputs_hidden": True, "source_hidden": True}})
    lesson.cells[4].metadata = nbformat.from_dict({"jupyter": {"outputs_hidden": False}})
    assert notebooks.normalise(lesson) == []
    assert lesson.cells[2].metadata == {"jupyter": notebooks.FOLDED} and lesson.cells[4].metadata == {}


def test_normal_form_is_left_alone(lesson, tmp_path):
    notebooks.normalise(lesson)
    path = tmp_path / "lesson.ipynb"
    notebooks.write(lesson, path)
    before = path.read_text(encoding="utf-8")
    again = notebooks.read(path)
    assert notebooks.normalise(again) == [] and notebooks.to_text(again) == before
    assert notebooks.check(path) == []
    content = json.loads(before)
    assert content["metadata"] == notebooks.METADATA and before.endswith("}\n") and '\n "cells"' in before
    assert [cell["execution_count"] for cell in content["cells"] if cell["cell_type"] == "code"] == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["metadata"].update(widgets={}),
        lambda content: content["cells"][1].update(execution_count=None),
        lambda content: content["cells"][1].update(execution_count=7),
        lambda content: content["cells"][0].pop("id"),
    ],
)
def test_a_file_that_is_not_in_normal_form_is_found(lesson, tmp_path, change):
    notebooks.normalise(lesson)
    content = json.loads(notebooks.to_text(lesson))
    change(content)
    path = tmp_path / "lesson.ipynb"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    assert notebooks.check(path) == ["is not in normal form: run python -m tests.notebooks"]


def test_ids_are_kept_and_missing_ones_numbered(tmp_path):
    content = json.loads(notebooks.to_text(new_notebook(cells=[new_markdown_cell(text) for text in "abcd"])))
    for cell, name in zip(content["cells"], ("title", None, "title", "cell-1"), strict=True):
        cell.update(id=name)
    path = tmp_path / "lesson.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert [cell.id for cell in notebooks.read(path).cells] == ["title", "cell-2", "cell-3", "cell-1"]


def with_output(output, **metadata):
    return new_notebook(cells=[new_code_cell("show()", outputs=[output], metadata=metadata)])


def picture(content=PNG, mime="image/png", **metadata):
    return new_output("display_data", {mime: content, "text/plain": "<Figure>"}, metadata=metadata)


@pytest.mark.parametrize(
    "output, metadata, problem",
    [
        (new_output("stream", name="stderr", text="UserWarning: old\n"), {}, "writes to stderr"),
        (picture(), {}, "alt text"),
        (picture(**{"image/png": {"alt": ""}}), {}, "alt text"),
        (picture("<svg/>", "image/svg+xml"), {}, "alt text"),
        (picture(base64.b64encode(bytes(101 * 1024)).decode()), {"alt": "Large"}, "101 KiB"),
        (new_output("error", ename="ValueError", evalue="no", traceback=["…"]), {}, "raises-exception"),
        (
            new_output("stream", name="stdout", text=f"saved to {notebooks.ROOT}/best.keras\n"),
            {},
            "folder of this machine",
        ),
        (new_output("display_data", {"text/plain": "VBox(children=(IntSlider(value=1),))"}), {}, "name of a widget"),
    ],
)
def test_what_only_the_author_can_mend_is_refused(output, metadata, problem, tmp_path):
    notebook = with_output(output, **metadata)
    problems = notebooks.normalise(notebook)
    assert len(problems) == 1 and problem in problems[0] and "cell 0 ('show()')" in problems[0]
    notebooks.write(notebook, tmp_path / "lesson.ipynb")
    assert notebooks.check(tmp_path / "lesson.ipynb") == problems


def test_an_empty_cell_is_refused():
    assert "is empty" in notebooks.normalise(new_notebook(cells=[new_code_cell(" \n")]))[0]


def test_alt_text_comes_from_the_output_or_else_from_the_cell():
    own, drawn, other = picture(**{"image/png": {"alt": "Own", "width": 860}}), picture(), picture()
    notebook = new_notebook(
        cells=[new_code_cell("show()", outputs=[own, drawn, other], metadata={"alt": ["First", "Second"]})]
    )
    assert notebooks.normalise(notebook) == []
    outputs = notebook.cells[0].outputs
    assert [output.metadata["image/png"]["alt"] for output in outputs] == ["Own", "First", "Second"]
    assert outputs[0].metadata["image/png"]["width"] == 860
    single = with_output(picture(), alt="One")
    assert notebooks.normalise(single) == [] and single.cells[0].outputs[0].metadata["image/png"]["alt"] == "One"
    assert (
        "alt text"
        in notebooks.normalise(
            new_notebook(cells=[new_code_cell("show()", outputs=[picture(), picture()], metadata={"alt": "Only one"})])
        )[0]
    )


def test_a_picture_of_matplotlib_has_its_alt_text_where_jupyterlab_looks_for_it():
    notebook = with_output(picture(), alt='It "falls"')
    assert notebooks.normalise(notebook) == []
    output = notebook.cells[0].outputs[0]
    assert 'alt="It &quot;falls&quot;"' in output.data["text/html"] and PNG.strip() in output.data["text/html"]
    once = notebooks.to_text(notebook)
    assert notebooks.normalise(notebook) == [] and notebooks.to_text(notebook) == once


def test_an_exception_that_is_meant_keeps_its_message_only():
    error = new_output("error", ename="ValueError", evalue="no", traceback=["a long story", f"in {notebooks.ROOT}"])
    notebook = with_output(error, tags=["raises-exception"])
    assert notebooks.normalise(notebook) == []
    assert notebook.cells[0].outputs[0].traceback == ["ValueError: no"]


def test_pieces_of_a_stream_are_joined():
    pieces = [new_output("stream", name="stdout", text=text) for text in ("one\n", "two\n")]
    notebook = new_notebook(cells=[new_code_cell("show()", outputs=pieces)])
    notebooks.normalise(notebook)
    assert [output.text for output in notebook.cells[0].outputs] == ["one\ntwo\n"]


def test_pictures_keep_few_colours_in_the_output_and_in_its_html():
    shades = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(shades).save(file, "png")
    png = base64.b64encode(file.getvalue()).decode()
    page = f'<img alt="Noise" src="data:image/png;base64,{png}">'
    output = new_output("display_data", {"image/png": png, "text/html": page}, metadata={"image/png": {"alt": "Noise"}})
    notebook = with_output(output)
    assert notebooks.normalise(notebook) == []
    data = notebook.cells[0].outputs[0].data
    drawn = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert len(drawn.getcolors()) <= notebooks.COLOURS and drawn.size == (60, 40)
    assert data["text/html"] == page.replace(png, data["image/png"]) != page
    assert np.abs(np.asarray(drawn.convert("RGB")).astype(int) - shades).mean() < 40  # of one grey it would be 64
    once = notebooks.to_text(notebook)
    assert notebooks.normalise(notebook) == [] and notebooks.to_text(notebook) == once


def test_the_series_is_small():
    sizes = {path.name: path.stat().st_size for path in notebooks.lessons()}
    assert sum(sizes.values()) < 360_000 * len(sizes) and max(sizes.values()) < 700_000, sizes


# With a kernel.


def folder_with(tmp_path, *sources, **metadata):
    path = tmp_path / "01_lesson.ipynb"
    cells = [new_code_cell(source, metadata=metadata) for source in sources]
    path.write_text(nbformat.writes(new_notebook(cells=cells)), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_lesson_is_run_and_written(tmp_path, capsys):
    path = folder_with(
        tmp_path,
        "import pathlib, ipywidgets\npathlib.Path().resolve().name",
        "ipywidgets.Label('hidden')\n;",
        "from matplotlib import pyplot\nfigure = pyplot.plot([1, 2])",
        alt="A line that rises.",
    )
    assert notebooks.main([], tmp_path) == 0
    first, _, drawn = notebooks.read(path).cells
    assert first.outputs[0].data["text/plain"] == repr(tmp_path.name)
    assert drawn.outputs[0].metadata["image/png"]["alt"] == "A line that rises."
    assert "widget-state" not in path.read_text(encoding="utf-8")
    assert notebooks.main(["--check", "01"], tmp_path) == 0
    before = path.read_bytes()
    assert notebooks.main(["01"], tmp_path) == 0 and path.read_bytes() == before
    assert "01_lesson.ipynb: is in normal form" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "source, problem",
    [
        ("import warnings\nwarnings.warn('old')", "writes to stderr"),
        ("import os, time\nfor _ in range(20):\n    os.write(2, b'from C++')\n    time.sleep(0.1)", "writes to stderr"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_lesson_that_is_not_clean_is_not_written(tmp_path, capsys, monkeypatch, source, problem):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # where it is set a kernel shows only what Python itself writes
    path = folder_with(tmp_path, source)
    before = path.read_bytes()
    assert notebooks.main([], tmp_path) == 1
    assert problem in capsys.readouterr().out and path.read_bytes() == before


def test_a_name_that_fits_no_lesson_is_an_error(tmp_path):
    folder_with(tmp_path, "1")
    with pytest.raises(SystemExit):
        notebooks.main(["02"], tmp_path)
