"""The words: no slips, none that sends a reader with another mother tongue to a dictionary, one for one thing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import notebooks
from tests.links import ROOT

HERE = Path(__file__).parent
KINDS = ("*.md", "*.py", "*.toml", "*.yml", "*.cff", "*.css", "*.js")
# What is misspelt on purpose, so that an error message can be looked at, or is no prose.
LEFT_OUT = (
    "tests/project/test_language.py",
    "tests/exercises/",
    "tests/lessons/test_predictions.py",
    "tests/parts/test_crash.py",
    "tests/hub/test_values.py",
    "site/_static/recordings/",
)
NO_PROSE = re.compile(r"```.*?```|`[^`]*`|<code>.*?</code>|\]\([^)]*\)|<img [^>]*>", re.DOTALL)


def slips(files, *dictionaries):
    """What codespell finds in files, line by line; dictionaries: of ours, on top of its own."""
    more = [part for name in dictionaries for part in ("-D", str(HERE / name))]
    command = [sys.executable, "-m", "codespell_lib", "-D", "-", *more, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


def prose(path):
    """What a notebook says between its cells, without code."""
    cells = (cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown")
    return NO_PROSE.sub(" ", "\n".join(cells))


def test_no_file_has_a_slip():
    listed = subprocess.run(["git", "ls-files", *KINDS], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.split() if not name.startswith(LEFT_OUT)]
    assert len(files) > 300 and slips(files, "words.txt") == []


@pytest.mark.parametrize("path", [*notebooks.lessons(), ROOT / "notebooks" / "study_aids.ipynb"], ids=lambda p: p.stem)
def test_the_lessons_have_no_slip_and_one_word_for_one_thing(path, tmp_path):
    (tmp_path / "prose.md").write_text(prose(path), encoding="utf-8")
    assert slips([tmp_path / "prose.md"], "words.txt", "words_of_lessons.txt") == []


@pytest.mark.parametrize("sentence", ["It is teh loss.", "We shall see.", "Thus it falls.", "All images are grey."])
def test_a_slip_is_found(sentence, tmp_path):
    (tmp_path / "prose.md").write_text(sentence, encoding="utf-8")
    assert len(slips([tmp_path / "prose.md"], "words.txt", "words_of_lessons.txt")) == 1
