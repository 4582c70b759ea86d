"""The controls of live parts in a real JupyterLab: names, true values, typing, dragging, the one voice, and axe."""

import json

import pytest

from tests.browser.axe import THEMES, use_theme, violations
from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

CELLS = [
    f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from helpers import data, explore, replay, sketch
import keras
from keras import layers
digits = data.digits(one_hot=True)
def build(dropout=0.2, width=64):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(width), layers.Dropout(dropout), layers.Dense(10)])
    model.compile("adam", loss="mse")
    return model""",
    "panel = explore(build, digits, epochs=(1, 40, 5), dropout=(0.0, 0.8, 0.25), width=[16, 32, 64],"
    " n_train=(30, 1000, 600))",
    "guess = sketch(build, digits, epochs=20)",
    """from helpers.live.fields import in_columns
from helpers.live.part import Live
class Rows(Live):  # a part whose drawing sets its controls
    trains_when_shown = False
    def __init__(self):
        super().__init__()
        forms = {"row": (1, 9, 1), "kind": ["a", "b"]}
        self._add_controls(lambda row, kind: None, forms, on_move=lambda change: self.run())
        self._assemble(in_columns(self._controls.values()))
    def _train(self, stop):
        return "ready", "Chosen."
    def _marks(self):
        return {"epoch": 0, "epochs": 0, "settings": self._read_controls()}
    def _picture(self):
        rows = "".join(f'<p data-sets="row" data-value="{n}">row {n}</p>' for n in range(1, 6))
        rows += '<p data-sets="kind" data-value="b">kind b</p>'
        return f'<div role="group" aria-label="rows to click">{rows}</div>'
rows = Rows().show()""",
    "rule = replay({'loss': [3.0, 2.0, 1.0, 0.9], 'val_loss': [3.0, 2.0, 2.5, 2.8]}, patience=(0, 3, 1))",
]
PANEL, SKETCH, ROWS, RULE = range(4)
# The contrast of each part of a control with what lies behind it.
CONTRASTS = """() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const over = ([r, g, b, a = 1], paper) => [r, g, b].map((v, i) => a * v + (1 - a) * paper[i]);
    const light = rgb => rgb.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], .05);
    const paper = numbers(getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor);
    const contrast = (selector, what) => {
        const found = getComputedStyle(document.querySelector('.live-part ' + selector))[what];
        const both = [light(over(numbers(found), paper)), light(paper)];
        return Math.max(...both) / Math.min(...both);
    };
    return {track: contrast('.noUi-connects', 'backgroundColor'), handle: contrast('.noUi-handle', 'backgroundColor'),
        field: contrast('input', 'borderTopColor'), choice: contrast('select', 'borderTopColor'),
        button: contrast('button:not(.live-idle)', 'borderTopColor')};
}"""


@pytest.fixture(scope="module")
def lab(server, browser):
    lab = Notebook(server, browser, "controls.ipynb", CELLS)
    lab.run_all()
    wait_until(lambda: lab.panel(RULE), 300, "the last cell to have run")
    lab.wait_for_state("done", panel=PANEL)
    lab.wait_for_kernel()
    yield lab
    assert lab.errors == [] and lab.tracebacks() == []
    lab.close()


def announced(lab):
    """What Chromium tells assistive technology of the controls on the page: {(role, name): number or text}."""
    session = lab.page.context.new_cdp_session(lab.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return {
        (node["role"]["value"], node["name"]["value"]): node.get("value", {}).get("value")
        for node in nodes
        if node.get("role", {}).get("value") in ("slider", "spinbutton", "combobox")
    }


def settings(lab, panel=PANEL):
    return json.loads(lab.panel(panel)["settings"])


def runs(lab, panel=PANEL):
    return int(lab.panel(panel)["run"])


def field(lab, name, panel=PANEL):
    find = "([name, panel]) => window.control(name, panel).closest('.live-control').querySelector('input, select')"
    return lab.page.evaluate_handle(find, [name, panel]).as_element()


def fill(lab, name, text, panel=PANEL):
    """Type over the number in a field, and wait until it has trained with it."""
    before = runs(lab, panel)
    field(lab, name, panel).focus()
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.type(text)
    lab.page.keyboard.press("Enter")
    lab.wait_for_state("done", panel=panel, after_run=before)
    assert runs(lab, panel) == before + 1  # slider and field are one control


def test_every_control_is_announced_with_its_name_and_its_true_value(lab):
    lab.press("width", "End")
    fill(lab, "dropout", "0.27")
    told = announced(lab)
    for name, value in {"epochs": 5, "dropout": 0.27, "n_train": 600, "epoch 1": 0.75, "row": 1}.items():
        assert told["slider", name] == told["spinbutton", name] == pytest.approx(value), name
    assert told["slider", "width"] == 64 and told["combobox", "width"] == "64" and told["combobox", "kind"] == "a"
    assert all(name for _, name in told)
    texts = "() => [...document.querySelectorAll('[role=slider]')].map(e => e.getAttribute('aria-valuetext'))"
    assert lab.page.evaluate(texts)[:4] == ["5", "0.27", "64", "600"]  # what is read out, in place of the number


def test_a_number_can_be_typed_and_one_out_of_range_becomes_the_nearest(lab):
    for name, typed, becomes in (("n_train", "601", 601), ("epochs", "999", 40), ("dropout", "0.33", 0.33)):
        fill(lab, name, typed)
        assert settings(lab)[name] == becomes and lab.readout(name) == str(becomes)
    before = runs(lab)
    lab.press("dropout", "ArrowRight")
    lab.wait_for_state("done", after_run=before)
    assert settings(lab)["dropout"] == 0.4 and lab.readout("dropout") == "0.4"  # back on the slider's steps
    fill(lab, "epochs", "5")


def test_a_slider_that_is_dragged_is_followed_on_its_way(lab):
    handle = lab.page.evaluate_handle("() => window.control('epochs', 0)").as_element()
    handle.scroll_into_view_if_needed()
    place, mouse, before = handle.bounding_box(), lab.page.mouse, runs(lab)
    assert place["width"] >= 24 and place["height"] >= 24
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y, steps=4)
    wait_until(lambda: runs(lab) > before, 30, "a run before it is let go")
    shown = int(lab.readout("epochs"))
    assert shown > 5 and "noUi-active" in handle.get_attribute("class")
    mouse.up()
    wait_until(lambda: settings(lab)["epochs"] == shown, 30, "the run with its last value")
    lab.wait_for_state("done")
    fill(lab, "epochs", "5")


@pytest.mark.parametrize("width", [700, 1280, 1920])
def test_tracks_fill_the_page_and_nothing_sticks_out(lab, width):
    lab.page.set_viewport_size({"width": width, "height": 1000})
    try:
        looks = lab.page.evaluate("""() => [...document.querySelectorAll('.live-controls')].map(box => ({
            free: box.clientWidth - Math.max(...[...box.children].map(e => e.getBoundingClientRect().right))
                + box.getBoundingClientRect().left, out: box.scrollWidth - box.clientWidth,
            tracks: [...box.querySelectorAll('.noUi-target')].map(e => e.offsetWidth)}))""")
        for box in looks:
            assert box["out"] <= 0 and box["free"] <= 1 or width == 1920, box
            assert min(box["tracks"]) > 200, box  # a pixel for each place of n_train, the widest range here
    finally:
        lab.page.set_viewport_size({"width": 1280, "height": 1000})


def test_ten_quick_keys_are_one_announcement_of_one_element(lab):
    said = "() => window.panel_boxes()[0].querySelector('[role=status]').textContent"
    wait_until(lambda: lab.page.evaluate(said) == lab.panel()["words"], 10, "the run before to be spoken")
    lab.page.evaluate("""() => {
        window.voice = window.panel_boxes()[0].querySelector('[role=status]');
        window.spoken = [];
        new MutationObserver(() => window.spoken.push(window.voice.textContent))
            .observe(window.voice, {childList: true, characterData: true, subtree: true});
    }""")
    before = runs(lab)
    lab.press("dropout", "ArrowLeft", 10)
    wait_until(lambda: settings(lab)["dropout"] == 0.0 and lab.panel()["state"] == "done", 60, "the last run")
    words = lab.wait_for_state("done", after_run=before)["words"]
    wait_until(lambda: lab.page.evaluate("window.voice.textContent") == words, 10, "the end to be spoken")
    spoken = lab.page.evaluate("window.spoken")
    assert spoken in (["Training", words], [words]), spoken
    assert lab.page.evaluate("window.voice === window.panel_boxes()[0].querySelector('[role=status]')")


def test_stop_says_whether_there_is_anything_to_stop(lab):
    look = "panel => window.control('Stop', panel).getAttribute('aria-disabled')"
    assert lab.page.evaluate(look, PANEL) == lab.page.evaluate(look, SKETCH) == "true"
    lab.press("epoch 1", "ArrowLeft", panel=SKETCH)
    lab.focus("Commit", SKETCH)
    lab.page.evaluate(
        """panel => {
        window.stops = [];
        new MutationObserver(() => window.stops.push(window.control('Stop', panel).className.includes('live-idle')))
            .observe(window.control('Stop', panel), {attributeFilter: ['class']});
    }""",
        SKETCH,
    )
    lab.page.keyboard.press("Enter")
    lab.wait_for_state("done", panel=SKETCH)
    wait_until(lambda: lab.page.evaluate(look, SKETCH) == "true", 10, "Stop to rest again")
    assert lab.page.evaluate("window.stops") == [False, True]
    assert (
        lab.page.evaluate("panel => window.control('epoch 1', panel).getAttribute('aria-disabled')", SKETCH) == "true"
    )


def test_a_drawing_sets_a_control_when_it_is_clicked_or_dragged_over(lab):
    row = lab.page.locator('[data-sets="row"]')
    row.nth(3).click()
    wait_until(lambda: settings(lab, ROWS)["row"] == 4, 10, "the row that was clicked")
    assert lab.readout("row", ROWS) == "4"
    lab.page.locator('[data-sets="kind"]').click()
    wait_until(lambda: settings(lab, ROWS)["kind"] == "b", 10, "the choice that was clicked")
    first, last, mouse = row.first.bounding_box(), row.last.bounding_box(), lab.page.mouse
    mouse.move(first["x"] + 9, first["y"] + 3)
    mouse.down()
    mouse.move(first["x"] + 9, first["y"] + 5)
    wait_until(lambda: settings(lab, ROWS)["row"] == 1, 10, "the row where the drag begins")
    mouse.move(last["x"] + 9, last["y"] + 5, steps=6)
    wait_until(lambda: settings(lab, ROWS)["row"] == 5, 10, "the row where the drag ends")
    mouse.up()
    mouse.move(first["x"] + 9, first["y"] + 5)
    assert settings(lab, ROWS)["row"] == 5


def test_a_cell_that_runs_again_has_one_voice_and_takes_no_more_room(lab):
    lab.run_cell(4)
    lab.wait_for_kernel()
    voices = """() => [...document.querySelectorAll('.live-part')].map(
        part => part.querySelectorAll('.live-panel-spoken').length)"""
    wait_until(lambda: lab.page.evaluate(voices) == [1, 1, 1, 1], 20, "one voice for each part")
    rooms = (
        "() => [...document.querySelectorAll('.live-page')].map(e => e.closest('.jp-OutputArea-child').offsetHeight)"
    )
    assert lab.page.evaluate(rooms) == [0, 0, 0, 0]


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_and_controls_stand_out_in_both_themes(lab, theme):
    use_theme(lab, theme)
    assert violations(lab) == []
    contrasts = lab.page.evaluate(CONTRASTS)
    assert min(contrasts.values()) >= 3, contrasts


def test_axe_would_find_a_slider_or_a_field_without_its_name(lab):
    field(lab, "epochs").evaluate("field => field.closest('.widget-text').querySelector('label').remove()")
    field(lab, "epochs").evaluate("field => field.removeAttribute('title')")
    lab.page.evaluate("window.control('dropout', 0).setAttribute('aria-label', '')")
    assert {rule for rule, _ in violations(lab)} == {"label", "aria-input-field-name"}
