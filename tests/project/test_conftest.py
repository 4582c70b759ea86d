"""How the project's pytest behaves, on a small project with its settings: order, slow tests, skips, strict nbval."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests import notebooks

pytestmark = pytest.mark.slow  # each test starts pytest anew

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = {
    "test_browser.py": "def test_page(): pass",
    "test_claims_01.py": "def test_claim(): pass",
    "test_colab.py": "def test_old(): pass",
    "test_unit.py": "import pytest\n@pytest.mark.slow\ndef test_long(): pass\ndef test_short(): pass",
}


@pytest.fixture
def project(tmp_path):
    for name in ("conftest.py", "pyproject.toml", "tests/nbval.cfg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, source in TESTS.items():
        (tmp_path / "tests" / name).write_text(source)
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def lesson(project, source, output):
    notebook = new_notebook(cells=[new_code_cell(source, execution_count=1, outputs=[output])])
    notebooks.write(notebook, project / "notebooks" / "01_lesson.ipynb")


def pytest_in(project, *arguments, **environment):
    # What CI is for the run around this one must not leak in.
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_fast_tests_come_first_and_can_be_had_alone(project):
    lesson(project, "1 + 1", new_output("execute_result", {"text/plain": "2"}, execution_count=1))
    _, all_tests = pytest_in(project, "--collect-only", "-q")
    found = re.findall(r"\w+\.(?:py|ipynb)::[\w ]+", all_tests)
    assert found == [
        "test_unit.py::test_short",
        "test_colab.py::test_old",
        "test_unit.py::test_long",
        "01_lesson.ipynb::Cell 0",
        "test_browser.py::test_page",
        "test_claims_01.py::test_claim",
    ]
    _, inner_loop = pytest_in(project, "-m", "not slow")
    assert "1 passed, 5 deselected" in inner_loop


def test_of_many_claims_some_are_drawn_each_day_others(project):
    many = "import pytest\n@pytest.mark.parametrize('number', range(40))\ndef test_claim(number): pass"
    (project / "tests" / "test_claims_01.py").write_text(many)

    def drawn(*arguments):
        found = pytest_in(project, "--collect-only", "-q", *arguments)[1]
        assert "test_unit.py::test_short" in found
        return re.findall(r"test_claim\[\d+\]", found)

    assert 0 < len(drawn()) < 40 and len(drawn("--claims", "7")) == 7 and len(drawn("--full")) == 40
    assert drawn("--lot", "1") == drawn("--lot", "1") != drawn("--lot", "2")


def test_of_the_lessons_in_the_browser_whole_files_are_drawn(project):
    (project / "tests" / "browser").mkdir()
    for name in ("lesson_1", "lesson_2", "lesson_3", "lesson_4", "lesson_5", "lesson_6", "pins"):
        (project / "tests" / "browser" / f"test_{name}.py").write_text(TESTS["test_unit.py"])

    def drawn(*arguments):
        return re.findall(r"test_(lesson_\d|pins)\.py", pytest_in(project, "--collect-only", "-q", *arguments)[1])

    two = drawn("--pages", "2")
    assert len(two) == 6 and all(two.count(name) == 2 for name in two) and "pins" in two
    assert len(drawn("--full")) == 14
    assert drawn("tests/browser/test_lesson_4.py") == ["lesson_4", "lesson_4"]


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\ndef test_it(): pytest.skip('no browser')",
        "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test_it(): pass",
        "import pytest\npytest.skip('no browser', allow_module_level=True)",
    ],
)
def test_a_skip_counts_as_a_failure_on_a_build_server(project, source):
    (project / "tests" / "test_skips.py").write_text(source)
    status, text = pytest_in(project, "tests/test_skips.py")
    assert "1 skipped" in text and "failed" not in text
    status, text = pytest_in(project, "tests/test_skips.py", CI="true")
    assert status not in (0, 5) and "no browser" in text and "Nothing may be skipped where CI is set." in text
    assert "skipped" not in text.splitlines()[-1]


def test_an_expected_failure_is_no_skip(project):
    (project / "tests" / "test_known.py").write_text("import pytest\n@pytest.mark.xfail\ndef test_it(): assert False")
    status, text = pytest_in(project, "tests/test_known.py", CI="true")
    assert status == 0 and "1 xfailed" in text


@pytest.mark.parametrize("shown, passes", [("2", True), ("3", False)])
def test_nbval_compares_what_a_cell_shows(project, shown, passes):
    lesson(project, "1 + 1", new_output("execute_result", {"text/plain": shown}, execution_count=1))
    status, text = pytest_in(project, "notebooks")
    assert (status == 0) == passes and ("1 passed" if passes else "1 failed") in text


@pytest.mark.parametrize("alt, passes", [("It falls.", True), ("It rises.", False)])
def test_nbval_lets_pictures_differ_but_not_their_words(project, alt, passes):
    page = '<img alt="{}" src="data:image/png;base64,{}">'
    source = (
        f"from IPython.display import display\n"
        f"display({{'text/html': '{page.format('It falls.', 'abc+/=')}', 'image/png': 'abc+/='}}, raw=True)"
    )
    lesson(project, source, new_output("display_data", {"text/html": page.format(alt, "xyz"), "image/png": "xyz"}))
    assert (pytest_in(project, "notebooks")[0] == 0) == passes
