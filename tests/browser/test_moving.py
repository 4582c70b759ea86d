"""Parts that are more than sliders: the points of a guess, with a mouse or a finger; a time machine that plays; the
clinic's pictures."""

import itertools
import json
from functools import partial

import pytest

from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

CELLS = [
    f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from helpers import *
import keras
from keras import layers
digits = data.digits(one_hot=True)
def network(width=16):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(width), layers.Dense(10, activation="softmax")])
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model""",
    "guess = sketch(network, digits, epochs=20, n_train=200)",
    """clothes = data.clothing(("T-shirt/top", "Dress", "Shirt"), n_train=90, n_validation=30, one_hot=True)
def build():
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    return model
folder = new_folder("moving")
keeper = keras.callbacks.ModelCheckpoint(folder / "epoch_{epoch:03d}.weights.h5", save_weights_only=True)
history = build().fit(clothes.x_train, clothes.y_train, epochs=7, verbose=0, callbacks=[keeper])
travel = time_machine((build, folder, history), clothes)""",
    "ward = clinic(build, clothes)",
]
SKETCH, TRAVEL, CLINIC = range(3)


@pytest.fixture(scope="module")
def lab(server, browser):
    lab = Notebook(server, browser, "moving.ipynb", CELLS)
    lab.run_all()
    wait_until(lambda: lab.panel(CLINIC), 200, "the last cell to have run")
    lab.wait_for_kernel()
    yield lab
    assert lab.errors == [] and lab.tracebacks() == []
    lab.close()


def settings(lab, panel):
    return json.loads(lab.panel(panel)["settings"])


# Draw it first


def knots(lab):
    return settings(lab, SKETCH)["knots"]


def handle(lab, number):
    """Where the point of a knot stands on the page, and the heights of the losses 0 and 1.5: (x, y, bottom, top)."""
    return lab.page.evaluate(
        """number => {
        const handle = document.querySelectorAll('.live-panel .handle')[number];
        const reach = handle.getBoundingClientRect(), grip = handle.firstChild.getBoundingClientRect();
        return [grip.x + grip.width / 2, grip.y + grip.height / 2, reach.bottom, reach.top];
    }""",
        number,
    )


def height_of(loss, bottom, top):
    return bottom - (bottom - top) * loss / 1.5


def bring_into_sight(lab):
    lab.page.locator(".live-panel .lab-pane").first.scroll_into_view_if_needed()


def test_a_mouse_drags_a_point_and_its_slider_follows(lab):
    bring_into_sight(lab)
    mouse, before = lab.page.mouse, knots(lab)
    x, y, bottom, top = handle(lab, 1)
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, height_of(1.2, bottom, top), steps=5)
    wait_until(lambda: knots(lab)[1] == 1.2, 10, "the guess to follow the mouse")
    # It stays the same point, wherever the mouse goes: to the side, and beyond the end of the axis.
    mouse.move(x + 200, height_of(0.3, bottom, top), steps=5)
    wait_until(lambda: knots(lab)[1] == 0.3, 10, "the guess to follow the mouse to the side")
    mouse.move(x + 20, top - 60, steps=5)
    wait_until(lambda: knots(lab)[1] == 1.5, 10, "the guess to stop at the end of the axis")
    mouse.move(x, height_of(0.4, bottom, top), steps=5)
    mouse.up()
    mouse.move(x, height_of(1.0, bottom, top), steps=3)
    wait_until(lambda: knots(lab)[1] == 0.4, 10, "the guess to be where it was let go")
    assert lab.readout("epoch 2", SKETCH) == "0.4" == str(lab.ask("guess._sliders[1].value"))
    assert [value for number, value in enumerate(knots(lab)) if number != 1] == [before[0], *before[2:]]
    drawn = {round(epoch): value for epoch, value in lab.curve("guess", SKETCH)}
    assert abs(drawn[2] - 0.4) < 0.01


def test_a_click_sets_the_nearest_point(lab):
    bring_into_sight(lab)
    x, _, bottom, top = handle(lab, 3)
    lab.page.mouse.click(x + 15, height_of(0.2, bottom, top))
    wait_until(lambda: knots(lab)[3] == 0.2, 10, "the guess to be where the click was")


def test_a_finger_drags_a_point_and_anywhere_else_it_moves_the_page(lab):
    bring_into_sight(lab)
    finger = lab.page.context.new_cdp_session(lab.page)
    finger.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def swipe(x, y, to):
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 9):
            place = {"x": x, "y": y + (to - y) * step / 8}
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    x, y, bottom, top = handle(lab, 4)
    swipe(x, y, height_of(1.1, bottom, top))
    wait_until(lambda: knots(lab)[4] == 1.1, 10, "the guess to follow the finger")
    before = knots(lab)
    x, y, bottom, top = handle(lab, 3)
    swipe(x, height_of(1.3, bottom, top), height_of(0.9, bottom, top))
    swipe(*handle(lab, 4)[:2], height_of(0.6, bottom, top))
    wait_until(lambda: knots(lab)[4] == 0.6, 10, "the guess to follow the finger again")
    assert knots(lab)[:4] == before[:4]
    finger.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    finger.detach()


def test_a_committed_guess_is_locked_and_its_figures_can_be_read(lab):
    lab.press("epoch 1", "End", panel=SKETCH)
    wait_until(lambda: knots(lab)[0] == 1.5, 10, "the first point to move")
    guess = knots(lab)
    lab.focus("Commit", SKETCH)
    lab.page.keyboard.press("Enter")
    words = lab.wait_for_state("done", panel=SKETCH)["words"]
    assert "Your guess is locked" in words
    bring_into_sight(lab)
    area = lab.page.locator(".live-panel .epochs").first.bounding_box()
    mouse, x, y = lab.page.mouse, area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + 60, steps=4)
    mouse.up()
    assert lab.page.locator(".live-panel .handle").count() == 0 and knots(lab) == guess
    lab.page.locator(".live-panel .epochs label").nth(9).hover()
    said = lab.page.locator(".live-panel .epochs label").nth(9).locator("b")
    assert said.evaluate("element => getComputedStyle(element).opacity") == "1"
    logs = lab.ask("guess.history.history")
    assert said.inner_text().startswith("Epoch 10\n") and f"validation {logs['val_loss'][9]:.4g}" in said.inner_text()
    lab.focus("Draw again", SKETCH)
    lab.page.keyboard.press("Enter")
    wait_until(lambda: lab.page.locator(".live-panel .handle").count() == 5, 10, "the points to be free again")
    assert knots(lab) == guess


# The clinic


@pytest.mark.parametrize("width", [700, 1280, 1920])
def test_nothing_of_the_clinic_is_cut_or_too_small_to_be_read(lab, width):
    rows = {700: 4, 1280: 2, 1920: 1}[width]
    look = partial(
        lab.page.evaluate,
        """panel => {
            const box = window.panel_boxes()[panel], edge = box.getBoundingClientRect();
            const svgs = [...box.querySelectorAll('.live-case [role=img]')];
            const size = text => parseFloat(getComputedStyle(text).fontSize)
                * text.getBoundingClientRect().height / text.getBBox().height;
            return {cut: [...box.querySelectorAll('button')].filter(b => b.scrollWidth > b.clientWidth
                    || b.getBoundingClientRect().right > edge.right + 1).map(b => b.textContent),
                out: box.scrollWidth - box.clientWidth, wide: svgs.map(svg => svg.getBoundingClientRect().width),
                letters: svgs.flatMap(svg => [...svg.querySelectorAll('text')].map(size)),
                rows: new Set(svgs.map(svg => Math.round(svg.getBoundingClientRect().top))).size};
        }""",
        CLINIC,
    )
    lab.page.set_viewport_size({"width": width, "height": 1000})
    try:
        wait_until(lambda: look()["rows"] == rows, 10, f"{rows} rows of pictures")
        seen = look()
    finally:
        lab.page.set_viewport_size({"width": 1280, "height": 1000})
    assert seen["cut"] == [] and seen["out"] <= 0
    assert len(seen["wide"]) == 8 and min(seen["wide"]) >= 130 and min(seen["letters"]) >= 10.99


# The time machine


def epoch(lab):
    return int(lab.panel(TRAVEL)["epoch"])


def press(lab, words):
    """Push a button with the keyboard; Play and Pause are the same one."""
    lab.tab_to(words, TRAVEL)
    lab.page.keyboard.press("Enter")


def plays(lab):
    return lab.panel(TRAVEL)["plays"] != "0"


def pictures(lab):
    """The epochs that the page has drawn since the frames were forgotten, and when, in milliseconds."""
    drawn = [(int(frame["epoch"]), frame["at"]) for frame in lab.frames() if frame["index"] == TRAVEL]
    return [frame for number, frame in enumerate(drawn) if not number or frame[0] != drawn[number - 1][0]]


def go_to_the_start(lab):
    lab.press("epoch", "Home", panel=TRAVEL)
    wait_until(lambda: epoch(lab) == 1, 10, "the first epoch")
    lab.forget_frames()


@pytest.mark.parametrize("motion, least", [("no-preference", 400), ("reduce", 1600)])
def test_play_shows_every_epoch_once_in_its_own_time_and_pauses_at_the_end(lab, motion, least):
    lab.page.emulate_media(reduced_motion=motion)
    go_to_the_start(lab)
    press(lab, "Play")
    wait_until(lambda: epoch(lab) == 7 and not plays(lab), 30, "the last epoch")
    lab.page.emulate_media(reduced_motion="no-preference")
    shown = pictures(lab)
    assert [number for number, _ in shown[-6:]] == [2, 3, 4, 5, 6, 7] and len(shown) <= 7
    assert min(later - at for (_, at), (_, later) in itertools.pairwise(shown[-6:])) >= least
    assert lab.page.evaluate("document.activeElement.textContent") == "Play"  # the keyboard is where it was
    assert lab.readout("epoch", TRAVEL) == "7" and "Epoch 7 of 7" in lab.panel(TRAVEL)["words"]
    heights = {frame["height"] for frame in lab.frames() if frame["index"] == TRAVEL}
    assert len(heights) == 1


def test_pause_stops_it_at_once(lab):
    go_to_the_start(lab)
    press(lab, "Play")
    wait_until(lambda: epoch(lab) == 3, 20, "the third epoch")
    lab.page.keyboard.press("Enter")
    wait_until(lambda: not plays(lab), 10, "it to pause")
    stopped_at = epoch(lab)
    assert stopped_at <= 4  # at most the one that was on its way
    lab.page.keyboard.press("Enter")
    wait_until(lambda: epoch(lab) > stopped_at, 10, "it to go on from there")
    assert epoch(lab) == stopped_at + 1
    lab.page.keyboard.press("Enter")
    wait_until(lambda: not plays(lab), 10, "it to pause again")


@pytest.mark.parametrize("by", ["key", "field", "Next"])
def test_moving_the_epoch_by_hand_pauses_it(lab, by):
    go_to_the_start(lab)
    press(lab, "Play")
    wait_until(lambda: epoch(lab) >= 2, 20, "the second epoch")
    if by == "key":
        lab.press("epoch", "End", panel=TRAVEL)
    elif by == "field":
        lab.focus("epoch", TRAVEL)
        lab.page.keyboard.press("Tab")
        lab.page.keyboard.press("Control+a")
        lab.page.keyboard.type("6")
        lab.page.keyboard.press("Enter")
    else:
        press(lab, "Next")
    wait_until(lambda: not plays(lab), 10, "it to pause")
    assert by == "Next" or epoch(lab) == {"key": 7, "field": 6}[by]


def test_back_and_next_go_one_epoch(lab):
    lab.press("epoch", "End", panel=TRAVEL)
    wait_until(lambda: epoch(lab) == 7, 10, "the last epoch")
    for words, there in (("Back", 6), ("Back", 5), ("Next", 6)):
        press(lab, words)
        wait_until(lambda there=there: epoch(lab) == there, 10, f"epoch {there}")


def test_it_can_be_read_what_the_losses_were_at_an_epoch(lab):
    strip = lab.page.locator(".live-panel").nth(TRAVEL).locator(".epochs input")
    strip.first.focus()
    lab.page.keyboard.press("ArrowRight")
    said = lab.page.evaluate("document.activeElement.parentNode.textContent")
    assert said == f"Epoch 2\nloss: training {lab.ask('history.history')['loss'][1]:.4g}"


def test_a_part_that_is_closed_while_it_plays_stops(lab):
    go_to_the_start(lab)
    press(lab, "Play")
    wait_until(lambda: epoch(lab) >= 2, 20, "the second epoch")
    threads = "sorted(thread.name for thread in __import__('threading').enumerate())"
    lab.ask("travel.close()")
    wait_until(lambda: lab.page.locator(".live-panel").count() == 2, 10, "it to be gone")
    stopped_at = lab.ask("travel.epoch")
    assert not [name for name in lab.ask(threads) if "play" in name.lower()]
    lab.focus("Draw again", SKETCH)  # what is left works
    assert lab.ask("travel.epoch") == stopped_at
