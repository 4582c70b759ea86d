"""Lab books that were handed in: every one in a folder and the folders in it, as files of the book itself or as `save`
has written them."""

import os
from collections import namedtuple
from html import unescape
from pathlib import Path

from helpers import lab_book
from helpers.errors import LessonError
from helpers.memory.summary import text

ENDINGS = (".jsonl", ".html", ".htm", ".md")
MOST = 2000  # files
Student = namedtuple("Student", "who entries named")  # who: the name they gave (then named is True), or their file


def collect(folder):
    """(the `Student`s whose books lie in `folder`, sentences on files that were left out).

    A student is called by the name that they gave, or else by their file. Two books of which one is in the other, such
    as a book and what was saved of it earlier, count once. Raises `LessonError` where `folder` is none, or has too many
    files.
    """
    if not Path(folder).is_dir():
        raise LessonError(f"There is no folder {folder}. Give the folder with the files that were handed in.")
    students, left_out = [], []
    for path in _files(Path(folder)):
        unnamed = path.name == lab_book.NAME and path.parent != Path(folder)  # all books are called so
        who = text((path.parent if unnamed else path).relative_to(folder).as_posix())
        try:
            if path.stat().st_size > lab_book.LARGEST:
                left_out.append(f"{who} has more than {lab_book.LARGEST // 1_000_000} MB: that is no lab book.")
                continue
            entries, skipped = _book(path)
        except OSError as error:
            left_out.append(f"{who} cannot be read: {error.strerror or error}.")
            continue
        names = [text(entry["name"]) for entry in entries if entry["kind"] == "student" and entry["name"]]
        entries = [entry for entry in entries if entry["kind"] != "student"]
        if entries:
            students.append(Student(names[0] if names else who, entries, bool(names)))
        if path.suffix.lower() == ".jsonl" and (skipped or not entries):
            left_out.append(f"{who}: {skipped} damaged lines were passed over, {len(entries)} were read.")
    return _once(students), left_out


def _files(folder):
    found = []
    for where, _, names in os.walk(folder):
        found += [Path(where, name) for name in names if name.lower().endswith(ENDINGS)]
        if len(found) > MOST:
            raise LessonError(f"There are more than {MOST:,} files in {folder}: give the folder of one class.")
    return sorted(path for path in found if path.is_file())


def _book(path):
    """The `Book` in a file. In pages and Markdown, an entry is a line that begins with a brace."""
    content = path.read_bytes()
    if path.suffix.lower() == ".jsonl":
        return lab_book.parse(content)
    words = content.decode(errors="replace")
    words = unescape(words) if path.suffix.lower() != ".md" else words
    return lab_book.parse("\n".join(line for line in words.split("\n") if line.startswith("{")).encode())


def _once(students):
    """Without those whose entries are all in the book of another, which gets their name if it has none."""
    kept = []
    for student in sorted(students, key=lambda student: (-len(student.entries), not student.named)):
        own = {repr(sorted(entry.items())) for entry in student.entries}
        same = next((number for number, (_, entries) in enumerate(kept) if own <= entries), None)
        if same is None:
            kept.append((student, own))
        elif student.named and not kept[same][0].named:
            kept[same] = kept[same][0]._replace(who=student.who, named=True), kept[same][1]
    return [student for student, _ in kept]
