"""The command that makes one page of many lab books, as a teacher runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.class_report import main
from helpers.memory.overview import Progress
from tests.memory.books import book, write

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tmp_path):
    for seed in range(3):
        write(tmp_path / "class" / str(seed) / "lab_book.jsonl", book(seed))
    Progress(book(9)).save(tmp_path / "class" / "amina.html", name="Amina")
    return tmp_path / "class"


def test_it_writes_one_page_and_says_so(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (folder / "broken.jsonl").write_text("nonsense\n")
    for _ in range(2):  # one's own is written over
        assert main([str(folder)]) == 0
    said = capsys.readouterr()
    assert "4 lab books, written to class_report.html" in said.out and "broken.jsonl: 1 damaged" in said.err
    page = (tmp_path / "class_report.html").read_text(encoding="utf-8")
    assert "Amina" in page and "broken.jsonl" in page and "4 lab books" in page
    assert main([str(tmp_path)]) == 0 and "4 lab books" in capsys.readouterr().out  # its own page is no book


@pytest.mark.parametrize(
    "wanted, output, words",
    [
        ("gone", "a.html", "no folder"),
        (".", "a.html", "progress().save("),
        ("class", "notes.md", "Choose another name"),
    ],
)
def test_what_it_cannot_do_is_told_and_nothing_is_written(folder, tmp_path, monkeypatch, capsys, wanted, output, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.md").write_text("mine")
    monkeypatch.chdir(tmp_path / "empty")
    assert main([str(folder.parent / "class" if wanted == "class" else wanted), "-o", output]) == 1
    assert words in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in Path().iterdir()] == [("notes.md", "mine")]


def test_in_a_terminal_it_does_not_wait_for_tensorflow(folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "helpers.class_report", str(folder), "-o", str(tmp_path / "r.html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "4 lab books" in done.stdout, done.stderr[-2000:]
    assert "tensorflow" not in done.stderr and "keras" not in done.stderr
