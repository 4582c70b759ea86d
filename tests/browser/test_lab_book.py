"""The lab book in a real JupyterLab: what is done in a lesson is there when its notebook is opened another day."""

import pytest

from helpers.lab_book import read
from helpers.memory.class_page import class_page
from helpers.memory.collected import collect
from helpers.memory.overview import Progress
from tests.browser.axe import SCRIPT, check_access
from tests.browser.lab import Notebook, Server, wait_until
from tests.memory.books import book as drawn
from tests.memory.books import write

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_handed_in_and_the_page_of_a_class_can_be_read_by_everybody(browser, tmp_path, scheme):
    for seed in range(6):
        write(tmp_path / str(seed) / "lab_book.jsonl", drawn(seed))
    Progress(drawn(9)).save(tmp_path / "handed_in.html", name="Amina")
    page = browser.new_page(color_scheme=scheme)
    (tmp_path / "class.html").write_text(class_page(*collect(tmp_path)), encoding="utf-8")
    for name in ("handed_in", "class"):
        page.goto((tmp_path / f"{name}.html").as_uri())
        folds = page.locator("details")
        assert folds.count() and not page.locator("details[open]").count()
        for fold in folds.all():
            fold.locator("summary").focus()
            page.keyboard.press("Enter")
        assert page.locator("details[open]").count() == folds.count()
        page.evaluate(SCRIPT)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
    page.close()
