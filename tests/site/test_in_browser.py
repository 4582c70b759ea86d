"""The site in a real browser: its explorer against the engine's figures, its links, and who can use it."""

import json
import random
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from helpers.curves import live_chart
from helpers.live.controls import curve, difference, in_words
from tests.browser.axe import SCRIPT
from tests.links import LESSONS
from tests.site import slides
from tests.site.record import read, wanted
from tests.site.recording import runs_of, settings_of

LESSON, CELL = "01_training_with_fit", "panel"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
MOST = 300 * 1024  # bytes that the home page may take from the network


@pytest.fixture(scope="module")
def recording():
    return read(LESSON)[CELL]


def explorer(page, cell=CELL):
    found = page.locator(f'.explorer[data-cell="{cell}"][data-state="done"]')
    found.wait_for()
    return found


def press(page, box, name, *keys):
    box.get_by_label(name, exact=True).focus()
    for key in keys:
        page.keyboard.press(key)


def lines(box):
    """The curves that are drawn, {metric: points}; and those of earlier runs."""
    drawn = box.locator("svg.curves polyline").evaluate_all(
        "all => all.map(line => [line.dataset.name || 'ghost', line.getAttribute('points')])"
    )
    return [(name, numbers(points)) for name, points in drawn]


def numbers(points):
    return [float(number) for number in re.findall(r"-?[\d.]+", points)]


def as_drawn(history, epochs, ghosts=(), coming=()):
    """The same of the panel's own drawing, and the words in it."""
    html = live_chart.chart(history, epochs, ghosts, coming=coming)
    found = re.findall(r'<polyline class="line(?: ghost"|" data-name="(\w+)") points="([^"]+)"', html)
    words = re.findall(r'<text class="(?:\w*tick|mark \w*|name|title)"[^>]*>([^<]+)<', html)
    return [(name or "ghost", numbers(points)) for name, points in found], words


def words_in(box):
    return box.locator("svg text:not(.middle:not(.mark))").all_text_contents()


def cut(run, epochs):
    return {name: values[:epochs] for name, values in run.history.items()}


def assert_drawn(box, history, epochs, ghosts, recording):
    said = [f"{control['name']} {value}" for control in recording["controls"] for value in control["values"]]
    expected, words = as_drawn(history, epochs, ghosts, [max(said, key=len)] * 2)
    drawn = lines(box)
    assert [name for name, _ in drawn] == [name for name, _ in expected]
    for (name, points), (_, known) in zip(drawn, expected, strict=True):
        # A hundredth of the width, a pixel of the height of a ghost: what rounding of halves may differ by.
        assert points == pytest.approx(known, abs=1.01 if name == "ghost" else 0.101), name
    assert words_in(box) == words


def test_the_explorer_draws_what_the_panel_draws(visit, recording):
    runs = dict(zip(map(curve, settings_of(recording)), runs_of(recording), strict=True))
    page = visit(LESSON)
    box = explorer(page)
    start = {**recording["fixed"], **starts(recording)}
    first, epochs = runs[curve(start)], recording["epochs"]["start"]
    assert_drawn(box, cut(first, epochs), epochs, [], recording)
    assert first.words[epochs - 1] in box.locator(".explorer-words").inner_text()
    # Along each slider from the keyboard, to its end: the curves, the ticks, the legend, earlier runs and the words.
    epochs = recording["epochs"]["high"]
    press(page, box, "epochs", "End")
    assert_drawn(box, first.history, epochs, [], recording)
    now, past = start, [start]
    for control in recording["controls"]:
        press(page, box, control["name"], "End")
        now = {**now, control["name"]: control["values"][-1]}
        run = runs[curve(now)]
        ghosts = [(in_words(difference(each, now)), runs[curve(each)].history) for each in past]
        assert_drawn(box, run.history, epochs, ghosts, recording)
        assert run.words[-1] in box.locator(".explorer-words").inner_text()
        slider = box.get_by_label(control["name"], exact=True)
        assert slider.get_attribute("aria-valuetext") == str(now[control["name"]])
        past = [start, now]


# What the script of the page draws of each run in `wanted`, triples (cell, number, epochs).
DRAW = """([lesson, wanted]) => wanted.map(([cell, number, epochs]) => {
    const {history} = recordedRuns.runOf(recorded[lesson][cell], number), box = document.createElement('div');
    const cut = Object.fromEntries(Object.entries(history).map(([name, all]) => [name, all.slice(0, epochs)]));
    box.innerHTML = recordedRuns.chart(cut, epochs, [], '', 'x', '', true).html;
    return [[...box.querySelectorAll('polyline')].map(line => [line.dataset.name, line.getAttribute('points')]),
        [...box.querySelectorAll('.ytick, .xtick, .mark')].map(text => text.textContent)];
})"""


@pytest.mark.parametrize("lesson", wanted())
def test_every_recorded_run_is_drawn_as_by_the_panel(visit, lesson):
    recordings = read(lesson)
    page = visit(lesson)
    explorer(page, next(iter(recordings)))
    chosen, known = [], []
    for cell, recording in recordings.items():
        most = recording["epochs"]["high"]
        for number, run in enumerate(runs_of(recording)):
            epochs = 1 + number % most if number % 2 else most
            chosen.append((cell, number, epochs))
            known.append(live_chart.chart(cut(run, epochs), epochs))
    for which, (curves, words), html in zip(chosen, page.evaluate(DRAW, [lesson, chosen]), known, strict=True):
        expected = re.findall(r'data-name="(\w+)" points="([^"]+)"', html)
        assert [name for name, _ in curves] == [name for name, _ in expected], which
        for (_, points), (name, others) in zip(curves, expected, strict=True):
            assert numbers(points) == pytest.approx(numbers(others), abs=0.101), (which, name)
        assert words == re.findall(r'<text class="(?:\wtick|mark \w*)"[^>]*>([^<]+)<', html), which


def test_figures_can_be_read_and_runs_pinned(visit, recording):
    page = visit(LESSON)
    box = explorer(page)
    history = runs_of(recording)[settings_of(recording).index({**recording["fixed"], **starts(recording)})].history
    columns = box.locator('.lab-pane:has([data-pane="loss"]) .epochs input')
    columns.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    told = box.locator(".epochs label:focus-within b").inner_text()
    assert (
        told.startswith("Epoch 3") and f"training {history['loss'][2]:g}, validation {history['val_loss'][2]:g}" in told
    )
    box.locator('.lab-pane:has([data-pane="accuracy"]) .epochs label').nth(4).hover()
    assert f"validation {history['val_accuracy'][4]:g}" in box.locator(".epochs label:hover b").inner_text()
    box.get_by_text("All figures").click()
    assert box.locator("tbody tr").count() == recording["epochs"]["start"]
    # Pinned, moved away from, and back: the pin is drawn as long as it is pinned.
    box.get_by_role("button", name="Pin this run").click()
    press(page, box, "width", "Home")
    pinned = box.locator("g.pin-1 polyline")
    assert pinned.count() == 2
    epochs = recording["epochs"]["start"]
    now, name = {**starts(recording), "width": recording["controls"][1]["values"][0]}, "first settings"
    shown = runs_of(recording)[settings_of(recording).index({**recording["fixed"], **now})]
    assert_drawn(box, cut(shown, epochs), epochs, [(name, history, "pin 1")], recording)
    box.get_by_role("button", name="Take off").click()
    assert pinned.count() == 0 and box.get_by_role("button", name="Take off").count() == 0


def starts(recording):
    return {control["name"]: control["start"] for control in recording["controls"]}


def test_on_the_home_page_the_curves_grow_once_and_it_is_light(visit):
    page = visit("index", motion="no-preference")
    page.locator('.explorer[data-state="playing"]').wait_for()
    explorer(page)
    sizes = page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".map(entry => entry.transferSize)"
    )
    assert len(sizes) > 5 and 10_000 < sum(sizes) < MOST


def test_it_works_from_a_folder_without_a_server(visit, site):
    box = explorer(visit("index", folder=site))
    assert box.locator("svg.curves polyline.line").count() == 4


SLIDES = slides.name_of(LESSON)
LOOKED_AT = [(name, scheme) for name in ("index", LESSON, SLIDES) for scheme in ("light", "dark")]
LOOKED_AT += [("glossary", "dark"), ("api", "light"), ("claims", "light")]


@pytest.mark.parametrize("name, scheme", LOOKED_AT)
def test_nothing_keeps_people_out_and_a_phone_shows_it_whole(visit, name, scheme):
    look_at(visit(name, width=390, scheme=scheme), name, scheme)


def test_nor_does_any_other_page(visit, site, request):
    """Two of them a day, drawn by lot; with --full all."""
    option = request.config.option
    others = [(path.stem, scheme) for path in sorted(site.glob("*.html")) for scheme in ("light", "dark")]
    others = [each for each in others if each not in LOOKED_AT]
    for name, scheme in random.Random(option.lot).sample(others, len(others) if option.full else 2):
        look_at(visit(name, width=390, scheme=scheme), name, scheme)


def look_at(page, name, scheme):
    page.wait_for_load_state("load")
    if name in ("index", LESSON, SLIDES):
        explorer(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate(SCRIPT)
    found = page.evaluate("rules => axe.run({resultTypes: ['violations'], runOnly: rules, preload: false})", RULES)
    assert not [(name, rule["id"], node["html"][:200]) for rule in found["violations"] for node in rule["nodes"]]


def test_paper_is_white(visit):
    page = visit(LESSON, scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(media="print")
    page.wait_for_selector("html[data-theme=light]", state="attached")
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    control = page.locator(".explorer-control").first
    assert control.locator("output").is_visible() and not control.locator("input").is_visible()
    page.emulate_media(media="screen")
    page.wait_for_selector("html[data-theme=dark]", state="attached")
    assert page.evaluate(ground) == dark


def test_folds_open_and_quizzes_answer(visit):
    page = visit(LESSON)
    answer = page.locator("details", has_text="It makes half as many updates").first
    answer.locator("summary").focus()
    page.keyboard.press("Enter")
    assert answer.get_by_text("Right. The pictures are the same").is_visible()
    hidden = page.locator("details.hide.below-input, details.hide").nth(1)
    hidden.locator("summary").click()
    assert hidden.locator(".output, .cell_output").first.is_visible()


def test_the_search_finds_a_word(visit):
    page = visit("search")
    page.goto(f"{page.url}?q=dropout")
    page.locator("#search-results li a").first.wait_for()
    assert page.locator("#search-results li a", has_text="Dropout against batch normalisation").count()


class Page(HTMLParser):
    """The anchors of a page, and what it refers to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.targets, self.without_alt = {""}, [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        self.targets += [values[name] for name in ("href", "src") if values.get(name)]
        if tag == "img" and "alt" not in values:
            self.without_alt.append(values)


def test_every_link_leads_somewhere_and_every_picture_has_words(site):
    pages = {path.name: Page(path) for path in site.glob("*.html")}
    assert {
        f"{name}.html"
        for name in (
            *LESSONS,
            *map(slides.name_of, LESSONS),
            "index",
            "study_aids",
            "glossary",
            "instructors",
            "claims",
            "api",
        )
    } <= set(pages)
    for name, page in pages.items():
        assert not page.without_alt, name
        for target in page.targets:
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            path = unquote(path.partition("?")[0]) or name
            assert (site / path).is_file(), (name, target)
            if path in pages and anchor:
                assert unquote(anchor) in pages[path].anchors, (name, target)


def test_lessons_link_their_words_to_the_glossary(site):
    words = Page(site / "glossary.html").anchors
    linked = [
        target for name in LESSONS for target in Page(site / f"{name}.html").targets if "glossary.html#term-" in target
    ]
    assert len(linked) > 40 and {target.partition("#")[2] for target in linked} <= words


def test_every_explorer_tells_where_to_train(site):
    for lesson, cells in wanted().items():
        text = (site / f"{lesson}.html").read_text(encoding="utf-8")
        assert text.count('class="explorer"') == len(cells)
        assert json.dumps("Open in Binder")[1:-1] in text
