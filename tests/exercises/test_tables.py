"""The tables of the exercises: each sentence in them can be said, and each wrong answer in them gets its own."""

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

from helpers.exercises import checks
from tests import notebooks

FOLDER = Path(checks.__file__).parent
TABLES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
EXERCISES = [(lesson, name) for lesson, table in TABLES.items() for name in table]
QUICK = {"updates", "best_epoch", "gaps", "divide", "explained", "callback", "names", "normalise", "steps", "error_bar"}
QUICK |= {"next_step", "choose_best", "standardise", "baseline", "regression", "folds", "weights", "sheet"}
# exercises whose checks train nothing
ANSWERS = [
    pytest.param(lesson, name, code, row["say"], id=f"{lesson}-{name}-{row.get('when', 'row')}-{number}", marks=marks)
    for lesson, table in TABLES.items()
    for name, exercise in table.items()
    for marks in [() if name in QUICK else pytest.mark.slow]
    for number, row in enumerate(exercise["wrong"], 1)
    for code in checks.in_list(row.get("answer", row.get("example", [])))
]


@pytest.mark.parametrize("lesson", TABLES)
def test_the_exercises_stand_in_the_order_of_the_notebook(lesson):
    """The lab book counts them by it."""
    (path,) = notebooks.ROOT.glob(f"notebooks/*{lesson.removeprefix('lesson_')}_*.ipynb")
    checked = re.findall(r"^check_(\w+)\(", "\n".join(cell.source for cell in notebooks.read(path).cells), re.MULTILINE)
    assert list(dict.fromkeys(checked)) == list(TABLES[lesson])


def module(lesson):
    return importlib.import_module(f"helpers.exercises.{lesson}")


@pytest.mark.parametrize("lesson, name, code, say", ANSWERS)
def test_a_wrong_answer_of_the_table_gets_its_sentence(lesson, name, code, say):
    check = getattr(module(lesson), f"check_{name}")
    feedback = check(checks.Mistakes({"wrong": []}, vars(module(lesson))).answer(code))
    words = re.escape(say.replace("{{", "{").replace("}}", "}"))
    pattern = re.sub(r"\\\{\w*(?:!\w|:[^}]*)?\\\}", r"(?s:.*)", words)
    assert not feedback.passed and re.fullmatch(pattern, feedback.message), feedback.message


@pytest.mark.parametrize("lesson, name", EXERCISES)
def test_a_row_is_whole(lesson, name):
    exercise = TABLES[lesson][name]
    assert set(exercise) - {"words"} == {"hint", "solution", "right", "wrong"}
    for row in exercise["wrong"]:
        assert ("when" in row) != ("answer" in row) and set(row) <= {"when", "answer", "example", "say"}, row
    keys = [
        key for row in exercise["wrong"] for key in ([row["when"]] if "when" in row else checks.in_list(row["answer"]))
    ]
    assert len(keys) == len(set(keys)), "two rows of the same name"
    assert f"def check_{name}(" in (FOLDER / f"{lesson}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson", TABLES)
def test_what_a_check_finds_stands_in_its_table_and_nothing_else_does(lesson):
    tree = ast.parse((FOLDER / f"{lesson}.py").read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    raised = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "NotYet"
        and isinstance(node.args[0], ast.Constant)
    }
    found = {row["when"] for exercise in TABLES[lesson].values() for row in exercise["wrong"] if "when" in row}
    assert raised <= found | set(checks.ALWAYS) and found <= texts
    assert {name for exercise in TABLES[lesson].values() for name in exercise.get("words", {})} <= texts
