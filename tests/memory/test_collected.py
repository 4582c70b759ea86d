"""What a class has handed in: any folders, any of our files, each student once, and nothing that is not ours."""

import pytest

from helpers import lab_book
from helpers.errors import LessonError
from helpers.memory import collected
from helpers.memory.collected import collect
from helpers.memory.overview import Progress
from tests.memory.books import book, write


def test_books_in_any_folders_are_found_and_called_by_their_place(tmp_path):
    write(tmp_path / "anna" / "lab_book.jsonl", book(1))
    write(tmp_path / "group b" / "deep" / "lab_book.jsonl", book(2))
    write(tmp_path / "carl.jsonl", book(3))
    write(tmp_path / "lab_book.jsonl", book(4))
    (tmp_path / "notes.txt").write_text("{}")
    (tmp_path / "README.md").write_text("# Nothing of ours\n{not json}\n")
    students, left_out = collect(tmp_path)
    assert {student.who for student in students} == {"anna", "group b/deep", "carl.jsonl", "lab_book.jsonl"}
    assert sorted(len(student.entries) for student in students) == sorted(len(book(seed)) for seed in (1, 2, 3, 4))
    assert left_out == []


def test_a_book_and_what_was_saved_of_it_earlier_count_once_and_under_the_name(tmp_path):
    write(tmp_path / "a" / "lab_book.jsonl", book(1))
    Progress(book(1)[:7]).save(tmp_path / "a" / "early.html", name="Amina")
    Progress(book(1)).save(tmp_path / "b.md")
    write(tmp_path / "c" / "lab_book.jsonl", book(2))
    students, _ = collect(tmp_path)
    assert {(student.who, len(student.entries)) for student in students} == {
        ("Amina", len(book(1))),
        ("c", len(book(2))),
    }


def test_damaged_files_are_told_and_what_is_whole_in_them_is_read(tmp_path):
    path = write(tmp_path / "a.jsonl", book(1))
    path.write_bytes(path.read_bytes() + b'{"cut\n\xff\xfe\n')
    (tmp_path / "nonsense.jsonl").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "broken.html").write_bytes(b"<pre>\n{&quot;" + b"\x00" * 99)
    (student,), left_out = collect(tmp_path)
    assert student.entries == book(1)
    assert [words.partition(":")[0] for words in left_out] == ["a.jsonl", "empty.jsonl", "nonsense.jsonl"]
    assert "2 damaged lines" in left_out[0]


def test_a_huge_file_is_left_out_in_words(tmp_path, monkeypatch):
    write(tmp_path / "small.jsonl", book(1)[:2])
    write(tmp_path / "huge.jsonl", book(2))
    monkeypatch.setattr(lab_book, "LARGEST", 2000)
    (student,), (said,) = collect(tmp_path)
    assert student.who == "small.jsonl" and said.startswith("huge.jsonl has more than")


def test_a_folder_that_is_none_and_one_with_too_much_in_it_are_told(tmp_path, monkeypatch):
    with pytest.raises(LessonError, match="no folder"):
        collect(tmp_path / "gone")
    monkeypatch.setattr(collected, "MOST", 3)
    for seed in range(5):
        write(tmp_path / f"{seed}.jsonl", book(seed))
    with pytest.raises(LessonError, match="more than 3 files"):
        collect(tmp_path)
