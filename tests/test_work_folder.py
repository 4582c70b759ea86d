"""Where a lesson's files go in a folder that is closed to writing, and what the student is told."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from helpers import lab_book, work_folder
from helpers.memory.welcome import FIRST, welcome
from helpers.records.saved import new_folder

NOBODY = 65534  # what root has to become for a moment: no folder is closed to root
CLOSED = ["a file in the place of saved", *(["no permission", "only saved is closed"] if os.name == "posix" else [])]


@pytest.fixture
def student(monkeypatch):
    """A folder with an ordinary user's `home` and the course's `notebooks`, in which that user is at work."""
    folder = Path(tempfile.mkdtemp())
    for name in ("home", "notebooks", "elsewhere"):
        (folder / name).mkdir()
    monkeypatch.chdir(folder / "notebooks")
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("USERPROFILE", str(folder / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "elsewhere"))
    root = os.name == "posix" and os.geteuid() == 0
    if root:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if root:
        os.seteuid(0)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | stat.S_IRWXU)
    monkeypatch.undo()  # Windows deletes no folder in which somebody works
    shutil.rmtree(folder)


def close(folder, how):
    """Let nothing be written into the notebook's folder."""
    if how == "a file in the place of saved":
        (folder / "saved").touch()
    elif how == "only saved is closed":
        (folder / "saved").mkdir(mode=0o555)
    else:
        folder.chmod(0o555)


def test_in_a_folder_of_their_own_a_student_is_told_nothing_and_nothing_is_made(student):
    assert work_folder.settle() == "" and Path.cwd().samefile(student / "notebooks")
    assert not list(Path.cwd().iterdir()) and not list((student / "home").iterdir())


@pytest.mark.parametrize("how", CLOSED)
def test_where_nothing_can_be_written_a_lesson_goes_on_in_the_student_s_home(student, how, capsys, monkeypatch):
    monkeypatch.delenv("LAB_BOOK")
    monkeypatch.setattr("helpers.somebody_waits", lambda: True)
    close(student / "notebooks", how)
    welcome(4)
    own = student / "home" / work_folder.NAME
    said = capsys.readouterr().out
    assert str(student / "notebooks") in said and str(own) in said and said.endswith(f"{FIRST}\n")
    assert new_folder("checkpoints").resolve() == (own / "saved" / "checkpoints-1").resolve()
    assert lab_book.place().resolve() == (own / "saved" / lab_book.NAME).resolve() and lab_book.entries("visit")
    welcome(4)  # the cell is run again
    assert "Nothing can be written" not in capsys.readouterr().out


@pytest.mark.parametrize("how", CLOSED)
def test_without_a_home_either_the_files_go_where_the_system_deletes_them_some_day(student, how):
    close(student / "notebooks", how)
    (student / "home" / work_folder.NAME).touch()
    said = work_folder.settle()
    assert Path.cwd().parent.samefile(student / "elsewhere") and "deletes" in said and str(Path.cwd()) in said


def test_where_no_file_can_be_kept_at_all_that_is_said(student, monkeypatch):
    close(student / "notebooks", CLOSED[0])
    (student / "home" / work_folder.NAME).touch()
    monkeypatch.setattr(tempfile, "tempdir", str(student / "not there"))
    assert "nothing of it can be kept" in work_folder.settle() and Path.cwd().samefile(student / "notebooks")
