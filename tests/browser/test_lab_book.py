"""The lab book in a real JupyterLab: what is done in a lesson is there when its notebook is opened another day."""

import pytest

from helpers.lab_book import read
from tests.browser.axe import check_access
from tests.browser.lab import Notebook, Server, wait_until

pytestmark = pytest.mark.slow

SETUP = "from helpers import progress, welcome\nfrom helpers.exercises.lesson_1 import check_updates\nwelcome(1)"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LAB_BOOK")  # as at a student's
        server = Server(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


def seen(server, browser, name, *cells):
    """The `Notebook` with these cells after Run All, and the text that its first cell shows."""
    lab = Notebook(server, browser, name, [SETUP, *cells, "print('the end')"])
    lab.run_all()
    outputs = lab.page.locator(".jp-OutputArea")
    wait_until(lambda: "the end" in " ".join(outputs.all_inner_texts()), 120, "the last cell")
    assert lab.tracebacks() == [] and lab.errors == []
    return lab, outputs.first.inner_text()


def test_another_day_a_lesson_says_where_its_reader_stopped(server, browser):
    lab, said = seen(server, browser, "first.ipynb", "check_updates(36)", "check_updates(29)")
    assert "lab book" in said and "Welcome back" not in said
    lab.close()
    book = read(server.folder / "saved" / "lab_book.jsonl")
    noted = [(entry["kind"], entry.get("wrong")) for entry in book.entries if entry["kind"] != "ran"]
    assert noted == [("visit", None), ("check", "36"), ("check", "29")] and book.skipped == 0

    lab, said = seen(server, browser, "second.ipynb", "progress()", "progress(lesson=1)")
    try:
        assert "Welcome back. You stopped" in said and "Exercise 1 (updates), not solved yet" in said
        assert lab.page.locator(".jp-OutputArea table th[scope=row]").all_inner_texts() == [
            "Lesson 1",
            "Exercise 1 (updates)",
        ]
        assert (
            "Not solved yet: Exercise 1 (updates) of lesson 1."
            in lab.page.locator(".jp-OutputArea").nth(1).inner_text()
        )
        check_access(lab)
    finally:
        lab.close()
