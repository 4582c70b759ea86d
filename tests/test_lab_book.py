"""The lab book remembers, whoever is killed, writes at once or has spoilt the file, and is never in the way."""

import builtins
import errno
import io
import json
import os
import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import helpers
from helpers import lab_book
from helpers.lab_book import VERSION, entries, note, read

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
# Without TensorFlow, which would take ten seconds: the lab book needs nothing of it.
WITHOUT = "import sys, types\nsys.modules['tensorflow'] = None\nsys.argv[:] = ['-m']\n"
WITHOUT += "sys.orig_argv.append('helpers.second_opinion')\n"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(lab_book, "_said", [])


def writes(path, code):
    """A process that has run `code` so far that it has printed a first line, with its lab book in `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{WITHOUT}from helpers.lab_book import *\n{code}"],
        env={**ENVIRONMENT, "LAB_BOOK": str(path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_is_noted_is_read_again(book):
    before = datetime.now(UTC) - timedelta(seconds=1)
    note("quiz", lesson=2, name="2.3", chosen="B", right=False)
    note("check", 3, "seeds", right=True, wrong=None)
    note("quiz", lesson=3, name="3.1 – „ä“", chosen="A", right=True)
    assert [entry["name"] for entry in entries()] == ["2.3", "seeds", "3.1 – „ä“"]
    assert [entry["name"] for entry in entries("quiz")] == ["2.3", "3.1 – „ä“"]
    assert [entry["name"] for entry in entries(lesson=3)] == ["seeds", "3.1 – „ä“"]
    assert [entry["name"] for entry in entries("quiz", lesson=2)] == ["2.3"]
    entry = entries("quiz", 2)[0]
    assert (entry["chosen"], entry["right"], entry["kind"], entry["format"]) == ("B", False, "quiz", VERSION)
    assert before <= datetime.fromisoformat(entry["time"]) <= datetime.now(UTC) + timedelta(seconds=1)


def test_once_a_lesson_has_begun_what_is_noted_belongs_to_it(book, monkeypatch):
    monkeypatch.setattr(lab_book, "_lesson", None)
    note("pin", name="before")
    lab_book.begin(3)
    note("pin", name="run")
    note("quiz", 2, "2.1")
    assert [entry["lesson"] for entry in entries()] == [None, 3, 2]


def test_any_fact_is_kept_in_a_form_that_every_program_reads(book):
    facts = {
        "array": np.arange(3.0),
        "number": np.float32(0.5),
        "flag": np.True_,
        "nothing": [float("nan"), np.inf, None],
        "path": Path("a"),
        "set": {1},
        "deep": {1: (2, {"x": np.int64(3)})},
        "half a letter": "\ud800",
        "lines": "a\nb\u2028c\r",
    }
    note("pin", None, "run", **facts, format="mine", time="now")

    def refuse(constant):
        raise AssertionError(constant)

    (line,) = book.read_bytes().split(b"\n")[:-1]
    kept = json.loads(line, parse_constant=refuse)
    assert kept["array"] == [0, 1, 2] and kept["number"] == 0.5 and kept["flag"] is True and kept["path"] == "a"
    assert kept["nothing"] == [None, None, None] and kept["set"] == [1] and kept["deep"] == {"1": [2, {"x": 3}]}
    assert kept["lines"] == facts["lines"] and kept["format"] == VERSION and entries() == [kept]


# Where it is kept


def test_it_is_kept_beside_the_notebook_where_a_person_sits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_BOOK")
    for person in (False, True):
        monkeypatch.setattr(helpers, "somebody_waits", lambda person=person: person)
        note("check", 1, "updates", right=True)
        assert (tmp_path / "saved" / "lab_book.jsonl").exists() == person and len(entries()) == person
    assert "saved/" in (ROOT / ".gitignore").read_text().split()


def test_the_environment_says_where_it_is_kept_or_that_it_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for wanted, file in (("mine.txt", "mine.txt"), ("folder", "folder/lab_book.jsonl"), ("new/x", "new/x")):
        monkeypatch.setenv("LAB_BOOK", wanted)
        note("check", 1, wanted)
        assert (
            [entry["name"] for entry in read(tmp_path / file).entries]
            == [wanted]
            == [entry["name"] for entry in entries()]
        )
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(helpers, "somebody_waits", lambda: True)
    for off in ("off", "OFF "):
        monkeypatch.setenv("LAB_BOOK", off)
        note("check", 1, "none")
        assert entries() == [] and sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("person", [True, False])
def test_a_notebook_that_a_program_runs_leaves_no_book(tmp_path, monkeypatch, person):
    """In a real kernel, which is told with each cell whether somebody could be asked for input."""
    monkeypatch.delenv("LAB_BOOK")
    code = f"{WITHOUT}sys.path.insert(0, {str(ROOT)!r})\nfrom helpers.lab_book import note\nnote('check', 1, 'updates')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    if person:
        with client.setup_kernel():
            client.kc.allow_stdin = True
            client.execute_cell(notebook.cells[0], 0)
    else:
        client.execute()
    assert (tmp_path / "saved").exists() == person


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_where_nothing_can_be_written_that_is_said_once(book, monkeypatch, capsys, number):
    def refuse(path, mode="r", *places, **named):
        if Path(path) == book and mode != "rb":
            raise OSError(number, os.strerror(number))
        return real(path, mode, *places, **named)

    real = builtins.open
    monkeypatch.setattr(builtins, "open", refuse)
    for _ in range(3):
        note("check", 1, "updates", right=True)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and os.strerror(number) in said and "%env LAB_BOOK=" in said
    assert entries() == []


def test_a_file_in_the_place_of_the_folder_is_told_too(tmp_path, monkeypatch, capsys):
    (tmp_path / "saved").write_text("")
    monkeypatch.setenv("LAB_BOOK", str(tmp_path / "saved" / "lab_book.jsonl"))
    note("check", 1, "updates")
    assert "cannot be kept" in capsys.readouterr().out and entries() == []


def test_on_a_full_disk_a_line_is_written_whole_or_not_at_all(book, monkeypatch, capsys):
    note("check", 1, "before")
    before = book.read_bytes()

    class Full(io.FileIO):
        def write(self, line):
            return super().write(line[:20])

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", lambda path, mode, **_: Full(path, mode.replace("b", "")))
        note("check", 1, "after")
    assert book.read_bytes() == before and "the disk is full" in capsys.readouterr().out


def test_a_folder_that_may_not_be_looked_into_is_told_too(monkeypatch, capsys):
    def refuse(*_places, **_named):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setenv("LAB_BOOK", "/of/somebody/else")
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refuse)
        patch.setattr(os, "mkdir", refuse)
        note("check", 1, "updates")
        found = entries()
    assert "cannot be kept" in capsys.readouterr().out and found == []


# What can happen to it


@pytest.mark.slow
def test_killed_at_random_moments_every_line_that_was_written_is_there(book, pytestconfig):
    moments = random.Random(20261129)
    code = "print('ready', flush=True)\nnumber = 0\nwhile True:\n    note('check', 1, 'x' * 3000, number=number)\n"
    code += "    print(number, flush=True)\n    number += 1"
    for _ in range(pytestconfig.getoption("--kills", 10)):
        process = writes(book, code)
        time.sleep(moments.uniform(0, 0.2))  # the random moment
        process.kill()
        said = process.communicate()[0].split("\n")[:-1]
        numbers = [entry["number"] for entry in entries()]
        assert numbers == list(range(len(numbers))) and len(numbers) >= len(said)
        note("check", 1, "after")  # whatever the kill has left, the next line can be read
        assert entries()[-1]["name"] == "after" and len(entries()) == len(numbers) + 1
        book.unlink()


def test_two_processes_and_their_threads_write_at_once(book):
    code = "import threading\nprint('ready', flush=True)\n"
    code += "def many(who):\n    for number in range(100): note('check', 1, who, number=number, x='y' * 9000)\n"
    code += "threads = [threading.Thread(target=many, args=[f'{sys.argv}{name}']) for name in NAMES]\n"
    code += "[thread.start() for thread in threads]\n[thread.join() for thread in threads]"
    processes = [writes(book, f"NAMES = {names!r}\n{code}") for names in ("ab", "cd")]
    assert [process.wait(60) for process in processes] == [0, 0]
    found = read(book)
    assert found.skipped == 0 and len(found.entries) == 400
    for name in "abcd":
        assert [e["number"] for e in found.entries if e["name"].endswith(name)] == list(range(100))


def test_a_process_that_keeps_the_lock_does_not_stop_the_others(book, monkeypatch):
    monkeypatch.setattr(lab_book, "PATIENCE", 0.2)
    note("check", 1, "first")
    holding = writes(
        book,
        f"file = open({str(book)!r}, 'ab')\nimport helpers.lab_book as b\nb._try_to_lock(file)\n"
        "print('ready', flush=True)\nsys.stdin.read()",
    )
    thread = threading.Thread(target=note, args=["check", 1, "second"])
    thread.start()
    thread.join(30)
    holding.kill()
    holding.wait(30)
    assert not thread.is_alive() and [entry["name"] for entry in entries()] == ["first", "second"]


BROKEN = [
    b'{"time": "2026-11-29T22:00:00Z", "format": 1, "kind": "check", "les',  # cut short
    b"\xff\xfe\x00\x01",
    b"null",
    b"[1, 2]",
    b'"text"',
    b"12",
    b"[" * 100_000,
    b"{" * 10,
    b"9" * 10_000,
    b"{}",
    b'{"time": 3, "format": 1, "kind": "check"}',
    b'{"time": "yesterday", "format": 1, "kind": "check"}',
    b'{"time": "2026-11-29T22:00:00", "format": 1, "kind": "check"}',  # where on earth?
    b'{"time": "2026-11-29T22:00:00Z", "format": "1", "kind": "check"}',
    b'{"time": "2026-11-29T22:00:00Z", "format": 1, "kind": ["check"]}',
    b'{"time": "2026-11-29T22:00:00Z", "format": 1, "kind": "check", "lesson": "1"}',
    b'{"time": "2026-11-29T22:00:00Z", "format": 1, "kind": "check", "lesson": true}',
    b'{"time": "2026-11-29T22:00:00Z", "format": 1, "kind": "check", "name": {}}',
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("ended", [b"\n", b"", b"\r\n"])
def test_a_damaged_line_is_passed_over_counted_and_kept(book, broken, ended):
    note("check", 1, "before")
    with book.open("ab") as file:
        file.write(broken + ended)
    note("check", 1, "after")
    found = read(book)
    assert [entry["name"] for entry in found.entries] == ["before", "after"] and found.skipped == 1
    assert broken in book.read_bytes()


def test_lines_of_other_versions_are_read_as_far_as_they_are_like_ours(book):
    for version in (0, VERSION, VERSION + 1, 99):
        line = {"time": "2026-11-29T22:00:00Z", "format": version, "kind": "check", "of the future": {"a": []}}
        book.parent.mkdir(exist_ok=True)
        with book.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
    assert [entry["format"] for entry in entries("check")] == [0, VERSION, VERSION + 1, 99]
    assert all(entry["lesson"] is None and entry["name"] is None for entry in entries())


def test_of_a_giant_file_the_end_is_read(book, monkeypatch):
    monkeypatch.setattr(lab_book, "LARGEST", 1000)
    for number in range(100):
        note("check", 1, str(number))
    assert 5 < len(entries()) < 15 and entries()[-1]["name"] == "99"


def test_it_is_gone_when_its_file_is_deleted(book):
    assert entries() == []
    note("check", 1, "first")
    book.unlink()
    assert entries() == []
    note("check", 1, "second")
    assert [entry["name"] for entry in entries()] == ["second"]
