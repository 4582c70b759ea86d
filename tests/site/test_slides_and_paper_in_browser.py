"""A lesson away from its page: as slides, chosen by a rule, and on paper, as Chromium prints it."""

import io
import re

import pytest
from pypdf import PdfReader

from tests import notebooks
from tests.links import LESSONS
from tests.site import slides

LESSON = "01_training_with_fit"
ANSWER = "Right."  # begins the feedback to the right answer of a question
PAPER = {"width": "210mm", "height": "297mm", "margin": dict.fromkeys(("top", "bottom", "left", "right"), "10mm")}
INSIDE = (718, 1047)  # pixels of CSS between these margins, at 96 to an inch


def read(lesson):
    return notebooks.read(notebooks.ROOT / "notebooks" / f"{lesson}.ipynb")


def pictures_of(cells):
    return re.findall(r'<img[^>]* src="([^"]+)"', str([cell.get("outputs") for cell in cells]))


@pytest.mark.parametrize("lesson", LESSONS)
def test_slides_show_what_the_rule_says_and_no_exercise(lesson):
    notebook = read(lesson)
    cells = slides.chosen(notebook).cells
    titled = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert titled[0].startswith("# ") and all(text.startswith("## ") for text in titled[1:])
    text = "\n".join(titled)
    lesson_text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for each in (r"\*\*Question \d+\.\*\*", r"\*\*Before you \w+", r"\*\*Key points\*\*"):
        assert sorted(re.findall(each, text)) == sorted(re.findall(each, lesson_text)) != [], each
    assert "**Exercise" not in text and "check_" not in "".join(cell.source for cell in cells)
    section, wanted = "", []
    for cell in notebook.cells:
        section = ([section] + re.findall("^##+ (.*)", cell.source, re.MULTILINE))[-1]
        if section != "Exercises" and not slides.FOR_ONE_STUDENT.search(cell.source):
            wanted.append(cell)
    assert pictures_of(cells) == pictures_of(wanted) != []
    assert notebook == read(lesson), "the lesson stays as it is"


def number(page):
    return page.get_by_label("Slide", exact=True).inner_text()


def test_slides_are_turned_by_keys_and_buttons_and_their_panels_move(visit):
    page = visit(slides.name_of(LESSON))
    every = page.locator("main > section > :is(h1, section)")
    assert number(page) == f"1 / {every.count()}"
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="On").click()
    assert number(page) == f"3 / {every.count()}" and page.url.endswith("#3")
    assert abs(every.nth(2).evaluate("slide => slide.getBoundingClientRect().top")) < 2
    page.reload()
    page.wait_for_function("document.querySelector('nav output').textContent.startsWith('3 ')")
    page.locator("body").press("End")
    assert number(page) == f"{every.count()} / {every.count()}"
    # A key belongs to the control that has it: the slide stays, and the panel draws.
    panel = page.locator(".explorer").first
    panel.scroll_into_view_if_needed()
    panel.and_(page.locator("[data-state=done]")).wait_for()
    before = panel.locator("polyline.line").first.get_attribute("points")
    panel.locator("input").first.press("Home")
    page.wait_for_function(
        "before => document.querySelector('.explorer polyline.line').getAttribute('points') !== before", arg=before
    )
    fold = page.locator("details", has_text=ANSWER).first
    fold.locator("summary").press("Enter")
    assert fold.get_by_text(ANSWER).is_visible()


def printed(page):
    """What the printer gets, as pages of a PDF."""
    page.wait_for_load_state("networkidle")
    return PdfReader(io.BytesIO(page.pdf(**PAPER, prefer_css_page_size=True, print_background=True))).pages


def words_of(pages):
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_a_lesson_is_printed_whole_with_its_answers_and_no_picture_is_cut(visit):
    page = visit(LESSON, width=INSIDE[0], scheme="dark")
    page.locator(".explorer[data-state=done]").first.wait_for()
    folds = page.locator("details[open]").count()
    pages = printed(page)
    quiz = [cell.source for cell in read(LESSON).cells if cell.source.startswith("**Question")]
    words = words_of(pages)
    assert words.count(ANSWER) == len(quiz) and "What you should have seen" in words
    shown = set(page.locator("main img").evaluate_all("all => all.map(image => image.src)"))
    assert sum(len(each.images) for each in pages) == len(shown)
    assert page.locator("details[open]").count() == folds, "on the screen, they are as they were"
    # As many pages as its text is long, but for what is moved to the next one as a whole.
    page.emulate_media(media="print")
    page.wait_for_selector("html[data-theme=light]", state="attached")
    tall = page.evaluate("document.documentElement.scrollHeight")
    whole = page.locator("main :is(img, .explorer)")
    heights = whole.evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
    assert 0 < max(heights) < INSIDE[1] and set(
        whole.evaluate_all("all => all.map(each => getComputedStyle(each).breakInside)")
    ) == {"avoid"}
    assert tall / INSIDE[1] <= len(pages) <= (tall + sum(heights)) / INSIDE[1] + 1
    # No navigation, and nothing that runs out of the paper at its side.
    assert not page.locator("nav:visible, header:visible, footer:visible, [role=search]:visible").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= INSIDE[0]
    assert not page.locator("pre").evaluate_all(
        "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).length"
    )


def test_printed_slides_are_a_sheet_each_and_tell_no_answer(visit):
    page = visit(slides.name_of(LESSON))
    page.locator(".explorer[data-state=done]").first.wait_for()
    pages = printed(page)
    assert len(pages) == page.locator("main > section > :is(h1, section)").count()
    assert ANSWER not in words_of(pages) and "Question 1." in words_of(pages)
