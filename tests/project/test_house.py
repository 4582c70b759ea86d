"""The rooms of `helpers`: imports point one way, lessons come in by the one door, and the documents know the house."""

import ast
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

import helpers
from tests import notebooks

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = {path.parent.name for path in (ROOT / "helpers").glob("*/__init__.py")}
FILES = {path.stem for path in (ROOT / "helpers").glob("*.py")} - {"__init__"}
# Tests of more than one file.
OF_A_WHOLE_ROOM = ("calibration", "cluster", "tables", "equal_to_fit", "log_fuzz", "public_logs", "killed")
# What a lesson may import from, beside `helpers` itself: the public names that are modules, and the checks.
DOORS = re.compile(r"helpers\.(data|curves|engine|error_bars|exercises\.lesson_\d)")


def lint_imports(folder):
    """What import-linter says of the copy of the project in `folder`."""
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", lint, "--no-cache"], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_imports_point_one_way():
    code, said = lint_imports(ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    "file, line, broken",
    [
        ("curves/luck.py", "from helpers.parts import explore", "Imports point one way"),
        ("engine/loop.py", "from helpers.curves.history import panes", "Imports point one way"),
        ("parts/explore.py", "def late():\n    from helpers.exercises import checks", "knows no exercise"),
        ("curves/history.py", "from helpers.curves import live_chart", "in a circle"),
        ("nobody.py", "", "Imports point one way"),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(tmp_path, file, line, broken):
    for path in [ROOT / "pyproject.toml", *(ROOT / "helpers").rglob("*.py")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with (tmp_path / "helpers" / file).open("a", encoding="utf-8") as changed:
        changed.write(f"\n{line}\n")
    code, said = lint_imports(tmp_path)
    assert code and broken in said.partition("Broken contracts")[2] + said.partition("exhaustive")[0], said


def test_the_table_of_rooms_is_that_of_the_tree():
    table = re.findall(
        r"^\| `(\w+)(?:/|\.py)` \|[^|]*\|([^|]*)\|",
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {name for name, _ in table} == ROOMS | FILES
    for room, files in table:
        if room in ROOMS:
            known = set(re.findall(r"`(\w+)`", files))
            there = {path.stem for path in (ROOT / "helpers" / room).glob("*.py")} - {"__init__"}
            lessons = {name for name in there if name.startswith("lesson_")}
            assert known - lessons == there - lessons, room


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_each_room_says_what_it_is_for(room):
    words = ast.get_docstring(ast.parse((ROOT / "helpers" / room / "__init__.py").read_text(encoding="utf-8")))
    assert "Imports" in words and "\n\n" in words


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests").glob("*/test_*.py")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_test_stands_in_the_room_of_what_it_tests(path):
    room, name = path.parent.name, path.stem.removeprefix("test_")
    if room in ROOMS:
        assert (ROOT / "helpers" / room / f"{name}.py").exists() or name in OF_A_WHOLE_ROOM


def test_the_public_names_are_there_and_in_the_order_of_the_lessons():
    assert helpers.__all__ == list(helpers.PUBLIC) and 20 <= len(helpers.__all__) <= 35
    page = pydoc.render_doc(helpers, renderer=pydoc.plaintext)
    places = [page.index(f"    {name:<16}{what}") for name, (_, what) in helpers.PUBLIC.items()]
    assert places == sorted(places)
    for name in helpers.__all__:
        public = getattr(helpers, name)
        assert public.__doc__ and name in dir(helpers)
        assert name not in ROOMS - {"curves", "engine"}, "a room of that name would take its place once it is imported"
    used = [name for path in notebooks.lessons() for name in _imported(path) if name in helpers.PUBLIC]
    first_used = list(dict.fromkeys(used))
    assert [name for name in helpers.__all__ if name in first_used] == first_used


@pytest.mark.slow
def test_tab_completes_the_public_names():
    manager, client = start_new_kernel(cwd=ROOT)
    try:
        client.execute_interactive("import helpers", timeout=120)
        for line in ("helpers.", "from helpers import "):
            client.complete(line)
            found = client.get_shell_msg(timeout=60)["content"]["matches"]
            assert set(helpers.__all__) <= set(found), line
            assert line != "helpers." or len(found) == len(helpers.__all__)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_wrong_name_is_answered_with_the_right_ones():
    with pytest.raises(AttributeError, match=f"helpers has no 'explorer'. It has: {', '.join(helpers.__all__)}"):
        helpers.explorer  # noqa: B018


@pytest.mark.slow
def test_importing_helpers_loads_nothing_but_tensorflow():
    script = "import sys, helpers\nprint([name for name in sys.modules if name.startswith('helpers.')])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _imported(path):
    """The names that a notebook imports from `helpers`, in order; of its prose those in lines of code."""
    for cell in notebooks.read(path).cells:
        for line in re.findall(r"^ *from helpers\S* import .*$", cell.source, re.MULTILINE):
            tree = ast.parse(line.strip()).body[0]
            yield from (alias.name for alias in tree.names)


@pytest.mark.parametrize("path", notebooks.lessons(), ids=lambda path: path.stem)
def test_a_lesson_does_not_reach_past_the_public_names(path):
    for cell in notebooks.read(path).cells:
        for module, names in re.findall(r"^ *from (helpers\S*) import (.*)$", cell.source, re.MULTILINE):
            if module == "helpers":
                assert {name.strip() for name in names.split(",")} <= set(helpers.__all__), cell.source
            else:
                assert DOORS.fullmatch(module), cell.source
        for name in re.findall(r"^ *import (helpers\S*)", cell.source, re.MULTILINE):
            assert name == "helpers", cell.source
