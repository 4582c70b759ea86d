"""The lab book: one file that remembers what a student has predicted, answered and tried, on this machine.

    note("quiz", lesson=2, name="2.3", chosen="B", right=False)
    entries("quiz", lesson=2)

It is `saved/lab_book.jsonl` beside the notebook: a line for each entry, in JSON, with its time (UTC), the version of
this form, its kind, lesson and name, and the facts of its kind:

    prediction    name: what was asked; said, happened (None: not run yet), sure (0 guessing, 1 fairly, 2 sure; None:
                  not said), right (True, False or None), scale: "number", "choice", "order" or "curve", late (True
                  where it was locked after the result). Of a curve, said is {"epochs": [1, 4, …], "values": [1.2, …]}
                  and happened a list with a number or None for each epoch. Two entries for one prediction, when it is
                  locked and when it has been run, are as one: the last counts.
    quiz          name: lesson.question, "2.3"; chosen: a letter; right
    check         name: of the exercise; number, of: exercise 3 of 4; right (None: the student compares with a model
                  answer); wrong: the `when` or `answer` of its table's row, None if right; said: what the student read
    diagnosis     case: the pattern it was; said: the one it was taken for; right
    sign          case, said, right: the same for what the pattern was seen by
    prescription  case, said, right: the same for a cure
    pin           name: of the run; settings
    card          name: the front of a flashcard; right: whether it was known
    opened        name: the fingerprint of the test pictures; reason, result
    visit         (a lesson was opened)
    ran           seconds: what the cells of this visit have taken so far

Where a program runs a notebook and nobody sits at it, no book is kept, so that it says the same on every machine. The
environment variable LAB_BOOK names another file or folder, and keeps the book there in any case; LAB_BOOK=off keeps
none.
"""

import json
import math
import os
import time
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path

import helpers

VERSION = 1
NAME = "lab_book.jsonl"
LARGEST = 20_000_000  # bytes; a year of lessons has some hundred thousand
PATIENCE = 2  # seconds for another process to write its line
MUST = {"kind": str, "time": str, "format": int}  # what every entry has; lesson and name may be None
Book = namedtuple("Book", "entries skipped")  # skipped: how many lines could not be read
_said = []  # why the book could not be kept, once it has been said
_lesson = None  # whose notebook this is

if os.name == "nt":
    import msvcrt

    def _try_to_lock(file):
        file.seek(2**31 - 2)  # a byte that is never written: others could not read one that is locked
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file):
        file.seek(2**31 - 2)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_to_lock(file):
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file):
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def place():
    """The `Path` of the lab book, whether it is there yet or not; None where none is kept."""
    wanted = os.environ.get("LAB_BOOK", "").strip()
    if wanted.lower() == "off" or (not wanted and not helpers.somebody_waits()):
        return None
    path = Path(os.path.expanduser(wanted)) if wanted else Path("saved", NAME)
    return path / NAME if os.path.isdir(path) else path  # isdir never raises


def begin(lesson):
    """This is the notebook of `lesson`: that is what is noted from now on where no other is named."""
    global _lesson
    _lesson = lesson


def note(kind, lesson=None, name=None, **facts):
    """Write an entry at the end of the lab book. It never raises: where the book cannot be kept, that is said once.

    kind, name: str; lesson: its number, without it that of `begin`. facts: anything that JSON knows, and arrays;
    what it does not know is kept as text, and NaN or infinity as None.
    """
    path = place()
    if path is None:
        return
    line = json.dumps(entry(kind, _lesson if lesson is None else lesson, name, **facts), ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, line.encode(errors="replace") + b"\n")
    except OSError as error:
        if not _said:
            _said.append(error)
            print(
                f"Your lab book cannot be kept in {path} ({error.strerror or error}). All else works."
                " To keep it somewhere else, run this in a cell of its own: %env LAB_BOOK=/a/folder/of/yours"
            )


def entry(kind, lesson, name, **facts):
    """An entry of this moment, as a dictionary that JSON can hold."""
    head = {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "format": VERSION, "kind": kind}
    return _plain({**head, "lesson": lesson, "name": name, **facts, **head})  # facts cannot overwrite the head


def entries(kind=None, lesson=None):
    """The entries of the lab book as dictionaries, oldest first; of a `kind` and a `lesson` only, if given.

    Without a book the list is empty. Lines that cannot be read are passed over, and stay in the file.
    """
    path = place()
    found = read(path).entries if path else []
    return [each for each in found if kind in (None, each["kind"]) and lesson in (None, each["lesson"])]


def read(path):
    """The `Book` in a file, without what does not fit into its last 20 MB; an empty one where it cannot be opened."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LARGEST))
            return parse(file.read())
    except OSError:
        return Book([], 0)


def parse(text):
    """The `Book` in the bytes of a lab book. Those of other versions are read as far as they are like ours."""
    lines = [line for line in text.split(b"\n") if line.strip()]
    found = [whole for whole in map(_parsed, lines) if whole]
    return Book(found, len(lines) - len(found))


def _parsed(line):
    """The entry in a line, or None where there is none."""
    try:
        found = {"lesson": None, "name": None, **json.loads(line, parse_constant=lambda _: None)}
    except (ValueError, TypeError, RecursionError):
        return None
    whole = all(type(found.get(key)) is kind for key, kind in MUST.items())
    named = type(found["lesson"]) in (int, type(None)) and type(found["name"]) in (str, type(None))
    return found if whole and named and _has_zone(found["time"]) else None


def _has_zone(text):
    """Whether `text` is a time that says of which time zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _append(path, line):
    """Append a whole line or nothing. Of what a process that was killed, or a full disk, has left of a line, it makes a
    line of its own."""
    with open(path, "a+b", buffering=0) as file:
        locked = _lock(file)
        try:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            if file.write(line) < len(line):
                file.truncate(end)
                raise OSError("the disk is full")
        finally:
            if locked:
                _unlock(file)


def _lock(file):
    """Wait until no other process writes; returns whether the file is ours. Where that takes too long, or files
    cannot be locked, it is written without the lock."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            _try_to_lock(file)
            return True
        except (BlockingIOError, PermissionError):  # on Unix, and on Windows
            time.sleep(0.01)
        except OSError:
            break
    return False


def _plain(value):
    """`value` as JSON knows it."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):  # an array of NumPy's or one number of it
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
