"""Charts on pages of every width and theme: measured where a browser has drawn them."""

import pytest

from helpers.curves import live_chart, theme
from tests.curves.test_live_chart import first, run

WIDTHS = 330, 390, 700, 1024, 1280, 1920
PAGES = {  # what a page says of itself: as JupyterLab, VS Code and a page that says nothing do
    "light": (":root{--jp-layout-color0:#fff}", 'data-jp-theme-light="true"', "#ffffff"),
    "dark": (":root{--jp-layout-color0:#111}", 'data-jp-theme-light="false"', "#111111"),
    "VS Code, dark": (":root{--vscode-editor-background:#1e1e1e}", 'class="vscode-dark"', "#1e1e1e"),
    "other": ("", "", "#ffffff"),
}
EARLIER = [("dropout 0.25", run(30, seed=1)), ("dropout 0.5, width 64, batch_size 128, seed 3", run(12, seed=2))]
CHARTS = {
    "empty": live_chart.chart({}, 15, figures=False),
    "growing": live_chart.chart(first(run(15), 4), 15, EARLIER[:1], figures=False),
    "done": live_chart.chart(run(15), 15, EARLIER[:1], uid="done", figures=True),
    "complete": live_chart.chart(run(15), 15, EARLIER, uid="complete", heading="Case 3: overfitting", figures=True),
    "long": live_chart.chart(run(130), 130, EARLIER, uid="long", figures=True),
}


@pytest.fixture
def show(browser):
    """Opens a page of a theme and a width with all charts."""
    pages = []

    def open_(kind="light", width=1280, **kind_of_page):
        style, attribute, _ = PAGES[kind]
        page = browser.new_page(viewport={"width": width, "height": 900}, **kind_of_page)
        pages.append(page)
        charts = "".join(f'<div class="live-panel" id="{name}">{chart}</div>' for name, chart in CHARTS.items())
        page.set_content(f"<!doctype html><style>{style}</style>{theme.SCREEN}<body {attribute}>{charts}</body>")
        return page

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize("zoom", [1, 2])
@pytest.mark.parametrize("width", WIDTHS)
def test_words_keep_their_size_and_stay_in_their_pane_at_every_width(show, width, zoom):
    page = show(width=width // zoom)  # at 200 % a page has half as many pixels of its own
    sizes = page.evaluate(
        "[...document.querySelectorAll('text')].map(text => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert min(sizes) >= 11
    assert page.evaluate("document.documentElement.scrollWidth") <= width // zoom
    outside = page.evaluate("""() => [...document.querySelectorAll('.lab-pane')].flatMap(pane => {
        const box = pane.getBoundingClientRect();
        return [...pane.querySelectorAll('text')].filter(text => {
            const at = text.getBoundingClientRect();
            return at.left < box.left - 1 || at.right > box.right + 1 ||
                at.top < box.top - 1 || at.bottom > box.bottom + 1;
        }).map(text => text.textContent);
    })""")
    assert outside == [] or width // zoom < 320  # narrower than any telephone


@pytest.mark.parametrize("width, columns", [(390, 1), (600, 1), (700, 2), (1920, 2)])
def test_panes_go_below_each_other_when_the_page_is_narrow(show, width, columns):
    page = show(width=width)
    boxes = page.evaluate("""() => [...document.querySelectorAll('#complete .lab-pane')].map(pane => {
        const box = pane.getBoundingClientRect();
        return [box.left, box.width];
    })""")
    assert len({left for left, _ in boxes}) == columns
    assert sum(wide for _, wide in boxes[:columns]) >= 0.97 * (width - 16)  # all the room there is


def test_a_growing_chart_never_changes_its_height(show):
    page = show()
    heights = {page.locator(f"#{name} .lab-chart").bounding_box()["height"] for name in ("empty", "growing", "done")}
    assert len(heights) == 1


@pytest.mark.parametrize("kind", PAGES)
def test_lines_and_words_can_be_told_from_the_paper(show, kind):
    page = show(kind)
    seen = page.evaluate("""() => {
        const style = element => getComputedStyle(element);
        return {paper: style(document.querySelector('.lab-chart')).backgroundColor,
            words: [...document.querySelectorAll('text')].map(text => style(text).fill),
            lines: [...document.querySelectorAll('polyline')].map(line => style(line).stroke)};
    }""")
    paper = PAGES[kind][2]
    assert numbers(seen["paper"]) == tuple(int(paper[i : i + 2], 16) for i in (1, 3, 5))
    assert min(contrast(words, seen["paper"]) for words in seen["words"]) >= 4.5
    assert min(contrast(line, seen["paper"]) for line in seen["lines"]) >= 3


def test_forced_colours_are_the_readers_own(show):
    page = show("dark", forced_colors="active")
    lines = page.evaluate("[...document.querySelectorAll('polyline')].map(line => getComputedStyle(line).stroke)")
    own = page.evaluate("""() => {
        document.body.insertAdjacentHTML('beforeend', '<a href="#" id="link">x</a>');
        return [document.body, document.getElementById('link')].map(part => getComputedStyle(part).color);
    }""")
    assert {numbers(line) for line in lines} <= {numbers(colour) for colour in own}


def test_a_pointer_on_an_epoch_shows_its_figures(show):
    page = show()
    page.locator("#complete .epochs label").nth(6).hover()
    said = page.locator("#complete .epochs label").nth(6).locator("b")
    assert said.evaluate("element => getComputedStyle(element).opacity") == "1"
    text = said.inner_text()
    history = run(15)
    assert text.startswith("Epoch 7\n") and all(f"{values[6]:.4g}" in text for values in history.values())
    assert all(f"{earlier['val_loss'][6]:.4g}" in text for _, earlier in EARLIER)
    hidden = page.locator("#complete .epochs label").nth(3).locator("b")
    assert hidden.evaluate("element => getComputedStyle(element).opacity") == "0"


def test_the_line_at_an_epoch_is_where_its_point_is(show):
    page = show(width=700)
    for name, number in (("complete", 0), ("complete", 6), ("complete", 14), ("long", 20)):
        page.locator(f"#{name} .epochs").first.locator("label").nth(number).hover()
        places = page.evaluate(
            """([name, number]) => {
            const pane = document.querySelector(`#${name} .lab-pane`), label = pane.querySelectorAll('label')[number];
            const box = label.getBoundingClientRect(), area = pane.querySelector('svg').getBoundingClientRect();
            const epoch = parseInt(label.textContent.match(/Epoch (\\d+)/)[1]);
            const share = pane.querySelector('polyline[data-name=loss]').points[epoch - 1].x / 100;
            const at = getComputedStyle(label).backgroundPositionX;
            return [share * area.width + area.left, box.left + box.width * parseFloat(at) / 100];
        }""",
            [name, number],
        )
        assert abs(places[0] - places[1]) <= 2, (name, number)


def test_the_keyboard_reads_epoch_after_epoch_and_a_group_is_one_stop(show):
    page = show()
    page.locator("#complete .epochs input").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.parentNode.textContent")
    assert focused.startswith("Epoch 3\n")
    assert page.evaluate("getComputedStyle(document.activeElement.nextElementSibling).opacity") == "1"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "completee1"  # the next pane's


def test_all_figures_stand_in_a_table_behind_a_fold(show):
    page = show(width=390)
    page.locator("#complete summary").click()
    cells = page.locator("#complete tbody tr").nth(4).locator("td").all_inner_texts()
    assert cells[:2] == [f"{run(15)[key][4]:.4g}" for key in ("loss", "val_loss")]
    assert page.locator("#complete tbody tr").count() == 15
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def numbers(colour):
    return tuple(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])


def contrast(one, other):
    """The contrast of two colours, 1 to 21, by WCAG 2's formula."""

    def luminance(colour):
        parts = [part / 255 for part in numbers(colour)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)
