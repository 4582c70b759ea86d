"""Predict, quiz, recall and flashcards in a real JupyterLab: by keyboard alone, after Run All, axe, and what stays."""

import json
import re

import pytest

from tests.browser.axe import check_access
from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

SETUP = f"""import os, sys; sys.path.insert(0, {str(ROOT)!r})
os.environ["LAB_BOOK"] = "book.jsonl"
from helpers import flashcards, predict, quiz, recall"""
CELLS = [
    SETUP,
    "share = predict('the share that is right', (0.0, 1.0), within=0.06)",
    "print('the result')\nshare.happened(0.1234)",
    "higher = predict('the higher curve', ['training', 'validation'])",
    "higher.happened('validation')",
    "order = predict('losses, the lowest first', order=['neither', 'dropout', 'both'])",
    "order.happened(['both', 'dropout', 'neither'])",
    "click = quiz(2)",
    "again = recall(3)",
    "curve = predict('the validation loss', (0, 2.0), draw=6)",
    "curve.happened([1.9, 1.5, 1.2, 1.0, 1.0, 1.0])",
    "cards = flashcards(2)",
]
NUMBER, CHOICE, ORDER, QUIZ, RECALL, CURVE, CARDS = range(7)  # the boxes, from top to bottom
WORDS = "box => document.querySelectorAll('.live-asked')[box].querySelector('.live-panel-state').innerText.trim()"
FOCUS = """([box, words]) => {
    const part = document.querySelectorAll('.live-asked')[box], now = document.activeElement;
    return part.contains(now) && (words === null ? now.matches('input') : now.textContent.trim().startsWith(words));
}"""


class Page:
    """What a person does and sees in the boxes of a notebook."""

    def __init__(self, lab):
        self.lab, self.keys = lab, lab.page.keyboard

    def words(self, box):
        return self.lab.page.evaluate(WORDS, box)

    def wait_for(self, box, words):
        wait_until(lambda: words in self.words(box), 20, f"{words!r} in box {box}; it says {self.words(box)!r}")

    def lines(self):
        """What the cells with a result say below it."""
        return self.lab.page.locator(".jp-OutputArea-output p[role=status]").all_text_contents()

    def tab_to(self, box, words=None):
        """Press Tab until the button that begins with `words` has the focus; without words, the field."""
        for _ in range(30):
            if self.lab.page.evaluate(FOCUS, [box, words]):
                return
            self.keys.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {words or 'the field'} in box {box}")

    def press(self, box, words):
        self.tab_to(box, words)
        self.keys.press("Enter")

    def run(self):
        """Run the chosen cell and go on to the next, as Shift+Enter does; until it has run."""
        active = self.lab.page.locator(".jp-Cell.jp-mod-active .jp-InputPrompt").first
        cell = self.lab.page.locator(".jp-Cell").nth(self.active())
        assert active.is_visible()
        self.keys.press("Shift+Enter")
        wait_until(lambda: re.match(r"\[\d+\]", cell.locator(".jp-InputPrompt").text_content()), 120, "its end")

    def active(self):
        return self.lab.page.evaluate(
            "[...document.querySelectorAll('.jp-Cell')].findIndex(cell => cell.matches('.jp-mod-active'))"
        )


def book(server):
    return [json.loads(line) for line in (server.folder / "book.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def page(server, browser):
    lab = Notebook(server, browser, "asked.ipynb", CELLS)
    yield Page(lab)
    assert lab.errors == [] and lab.tracebacks() == []
    lab.close()


def test_predict_lock_run_and_compare_by_keyboard_alone(page, server):
    page.run()
    page.run()
    page.keys.press("k")  # back to the cell that asks
    page.tab_to(NUMBER)
    page.keys.type("0.1")
    page.press(NUMBER, "sure")
    page.press(NUMBER, "Lock")
    page.wait_for(NUMBER, "You said 0.10. You were sure. Now run the next cell.")
    assert page.lab.page.evaluate(FOCUS, [NUMBER, "Locked"])  # the focus stays where it was
    page.keys.press("j")  # and on
    page.run()
    sentence = "You said 0.10; it is 0.12: ✓ right. You were sure."
    wait_until(lambda: page.lines() == [sentence], 20, "the comparison")
    page.wait_for(NUMBER, sentence)
    facts = [(entry["said"], entry["happened"], entry["sure"], entry["right"]) for entry in book(server)]
    assert facts == [(0.1, None, 2, None), (0.1, 0.12, 2, True)]


def test_run_all_waits_for_nobody_and_a_later_prediction_changes_the_line(page):
    page.lab.run_all()
    page.lab.page.locator(".live-asked").nth(RECALL).wait_for(timeout=60000)
    page.lab.wait_for_kernel()
    assert page.words(NUMBER).startswith("You said 0.10; it is 0.12")  # locked before, and still so
    none = [
        "You made no prediction; it is “validation”.",
        "You made no prediction; it is “both, dropout, neither”.",
        "You made no prediction; it is a curve from 1.9 to 1.",
    ]
    wait_until(lambda: page.lines()[1:] == none, 20, "the results")
    page.lab.page.locator(".live-asked").nth(CHOICE).locator("button").first.focus()
    page.press(CHOICE, "training")
    page.press(CHOICE, "fairly")
    page.press(CHOICE, "Lock")
    late = (
        "You said “training”, when the result was already there; it is “validation”: ✗ not right. You were fairly sure."
    )
    wait_until(lambda: page.lines()[1] == late, 20, "the line to change")
    page.wait_for(CHOICE, late)


def test_an_order_is_pressed_and_one_button_skips(page):
    for name in ("both", "neither"):
        page.press(ORDER, name)
        numbered = page.lab.page.locator(".live-asked").nth(ORDER).locator(f"button:text-matches('[12]. {name}')")
        numbered.wait_for(timeout=20000)
        page.lab.page.locator(".live-asked").nth(ORDER).locator("button").first.focus()
    page.press(ORDER, "Lock")
    page.wait_for(ORDER, "Missing: dropout.")
    page.press(ORDER, "Skip")
    page.wait_for(ORDER, "Skipped. Run this cell again to predict after all.")
    shown = page.lab.page.locator(".live-asked").nth(ORDER).locator("button:visible")
    assert shown.all_text_contents() == ["Skip"]


@pytest.mark.parametrize("box", [QUIZ, RECALL])
def test_a_question_is_answered_by_keyboard_and_the_next_one_comes(page, server, box):
    part = page.lab.page.locator(".live-asked").nth(box)
    part.locator("button").first.focus()
    group = part.locator("[role=group]")
    assert "Question 1 of " in group.get_attribute("aria-label")
    page.press(box, "B.")
    wait_until(lambda: re.match("Right|Not quite|No", page.words(box)), 20, "the feedback")
    last = book(server)[-1]
    assert last["kind"] == "quiz" and last["right"] == page.words(box).startswith("Right.")
    page.press(box, "Next question")
    wait_until(lambda: "Question 2 of " in group.get_attribute("aria-label"), 20, "the next question")
    wait_until(lambda: page.lab.page.evaluate(FOCUS, [box, "A."]), 20, "its first answer to have the focus")
    page.wait_for(box, "Choose an answer.")
    if box == QUIZ:
        picture = part.locator("img")
        assert picture.get_attribute("alt") and picture.evaluate("image => image.naturalWidth > 100")


def test_curves_on_other_data_are_named_and_explained_by_keyboard(page, server):
    part = page.lab.page.locator(".live-asked").nth(RECALL)
    group = part.locator("[role=group]").last
    part.locator("button").first.focus()
    for number in range(int(re.search(r"Question (\d)", part.text_content())[1]), 4):
        page.press(RECALL, "Next question")
        wait_until(lambda wanted=number + 1: f"Question {wanted} of 7" in part.text_content(), 20, "the next question")
    for kind, number in (("diagnosis", 4), ("sign", 5)):
        assert part.locator(".lab-chart svg polyline").count() >= 2
        panes = [svg.bounding_box() for svg in part.locator("svg[data-pane]").all()]
        assert len({round(pane["y"]) for pane in panes}) == 1  # side by side, whatever is asked about them
        page.press(RECALL, "C.")
        page.wait_for(RECALL, ".")
        wait_until(lambda: not page.words(RECALL).startswith("Choose"), 20, "the feedback")
        last = book(server)[-1]
        assert last["kind"] == kind and last["right"] == page.words(RECALL).startswith("Right.")
        page.press(RECALL, "Next question")
        wait_until(lambda wanted=number + 1: f"Question {wanted} of 7" in part.text_content(), 20, "the next question")
    assert group.is_visible()


def test_a_card_is_turned_and_judged_by_keyboard(page, server):
    part = page.lab.page.locator(".live-asked").nth(CARDS)
    part.locator("button").first.focus()
    for knew, place in (("I knew it", 1), ("I did not", 2)):
        assert f"Card {place} of 2" in part.text_content() and part.locator(".live-back").count() == 0
        page.press(CARDS, "Turn the card")
        page.wait_for(CARDS, "Did you know it?")
        assert part.locator(".live-back").is_visible()
        wait_until(lambda: page.lab.page.evaluate(FOCUS, [CARDS, "I knew it"]), 20, "the focus on the answer")
        page.press(CARDS, knew)
        wait_until(lambda: page.words(CARDS) != "Did you know it?", 20, "the card to be put away")
    page.wait_for(CARDS, "All are done: you knew 1 of 2.")
    assert [(entry["kind"], entry["right"]) for entry in book(server)[-2:]] == [("card", True), ("card", False)]


def test_a_curve_is_drawn_by_keyboard_and_the_run_is_laid_over_it(page, server):
    part = page.lab.page.locator(".live-asked").nth(CURVE)
    part.get_by_role("slider", name="epoch 1", exact=True).focus()
    for _ in range(3):
        page.keys.press("PageUp")
    wait_until(lambda: "1 at epoch 1," not in curve_of(part), 20, "the curve to follow the slider")
    page.press(CURVE, "Lock")
    page.wait_for(CURVE, "when the result was already there; it is a curve from 1.9 to 1: ")
    wait_until(lambda: "what came" in part.locator(".lab-chart").text_content(), 20, "the run in the chart")
    said = book(server)[-1]["said"]
    assert said["epochs"] == [1, 2, 3, 4, 6] and said["values"][0] > said["values"][1] == 1.0
    picture = page.lab.page.locator(".jp-OutputArea-output:has(p[role=status]) img").last
    assert "Your guess of the validation loss" in picture.get_attribute("alt")
    wait_until(lambda: picture.evaluate("image => image.naturalWidth > 100"), 20, "the picture below the result")


def curve_of(part):
    return part.locator("[role=img], [aria-label*='Your guess']").first.get_attribute("aria-label")


@pytest.mark.parametrize("width", [700, 1280])
def test_nothing_sticks_out(page, width):
    page.lab.page.set_viewport_size({"width": width, "height": 1000})
    try:
        out = page.lab.page.evaluate(
            "[...document.querySelectorAll('.live-asked')].map(e => e.scrollWidth - e.clientWidth)"
        )
        assert max(out) <= 0, out
    finally:
        page.lab.page.set_viewport_size({"width": 1280, "height": 1000})


def test_axe_finds_nothing_in_the_light_and_in_the_dark(page):
    check_access(page.lab)


def test_a_sentence_stays_in_a_notebook_that_is_opened_again(page, server, browser):
    file = server.folder / "asked.ipynb"
    kept = [
        "Skipped. Run this cell again",
        "The quiz of lesson 2: 1 of 6 questions answered",
        "From memory, before lesson 3: 3 of 7 questions answered",
        "You drew a curve from ",
        "Flashcards: 2 of 2 turned, 1 known.",
    ]

    def saved():
        page.keys.press("Control+s")
        return all(words in file.read_text(encoding="utf-8") for words in kept)

    wait_until(saved, 30, "it to be saved")
    (server.folder / "again.ipynb").write_bytes(file.read_bytes())
    again = browser.new_page(viewport={"width": 1280, "height": 1000})
    again.goto(f"http://127.0.0.1:{server.port}/lab/workspaces/again/tree/again.ipynb?token={server.token}")
    lost = again.locator(".jp-OutputArea-output:text-is('Error displaying widget: model not found')")
    wait_until(lambda: lost.count() == CARDS + 1, 60, "JupyterLab to look for the widgets in vain")
    seen = again.locator(".live-kept").all_inner_texts()
    assert not any(lost.nth(i).is_visible() for i in range(CARDS + 1))
    for words, said in zip(["You said 0.10; it is 0.12: ✓ right.", "You said “training”", *kept], seen, strict=True):
        assert words in said and "Run the cell to bring it back to life." in said
    again.close()
