"""What stays of each live part in a notebook that is saved, closed, and opened again without its kernel."""

import json
import subprocess
import sys

import pytest

from tests.browser.lab import ROOT, Notebook, wait_until

pytestmark = pytest.mark.slow

SETUP = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from helpers import *
import keras
from keras import layers
clothes = data.clothing(n_train=200, n_validation=50, one_hot=True)
def build(dropout=0.2, rate=0.001):
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(8, activation="relu"),
                              layers.Dropout(dropout), layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return model"""
# Each part, and the words that name the settings it shows last.
PARTS = {
    "kept = explore(build, clothes, save_in=new_folder('kept'), epochs=(1, 9, 3), dropout=(0.0, 0.8, 0.2))": "epochs 4",
    "gap = explore_gap(build, clothes, epochs=(1, 9, 3))": "epochs 3",
    "lucky = ribbon(build, clothes, {'rate': 0.01}, seeds=2, epochs=(1, 9, 3))": "rate 0.01",
    "four = multiples(build, clothes, {'slow': {'rate': 0.001}, 'fast': {'rate': 0.01}}, epochs=(1, 9, 3))": "epochs 3",
    "game = winners_curse(build, clothes, {'rate': [0.001, 0.01]}, tries=(1, 9, 3), epochs=2, n_train=100)": "tries 3",
    "table = choose(build, clothes, {'rate': [0.001, 0.01]}, seeds=(0,), epochs=2)": "row 1",
    "looking = microscope(build(), clothes.x_train[:128])": "rate 0.2",
    "rule = replay({'loss': [3.0, 2.0, 1.0, 0.9], 'val_loss': [3.0, 2.0, 2.5, 2.8]}, patience=(0, 3, 1))": "patience 1",
    "travel = time_machine(kept, clothes)": "time_machine(…) at epoch",
    "guess = sketch(build, clothes, epochs=20)": "epochs 20",
    "ward = clinic(build, clothes)": "cases 8",
}
SEEN = """() => [...document.querySelectorAll('.jp-CodeCell')].slice(1).map(cell => {
    const shown = [...cell.querySelectorAll('.jp-OutputArea-child')].filter(each => each.offsetHeight > 0);
    const pictures = shown.flatMap(each => [...each.querySelectorAll('img')]);
    return {words: shown.map(each => each.textContent).join(' '), alts: pictures.map(image => image.alt),
        drawn: pictures.every(image => image.complete && image.naturalWidth > 100)};
})"""


def kept(lab):
    """Of each cell: whether its second output has a picture, and how tall that stands on the page."""
    return lab.page.evaluate(
        "[...document.querySelectorAll('.live-kept')].map(kept => [!!kept.querySelector('img'), kept.offsetHeight])"
    )


@pytest.fixture(scope="module")
def closed(server, browser):
    """A notebook with every part, whose first panel was moved once; its kernel is gone."""
    lab = Notebook(server, browser, "kept.ipynb", [SETUP, *PARTS])
    lab.run_all()
    last = len(PARTS) - 1
    wait_until(lambda: lab.panel(last) and lab.panel(5)["state"] == "done", 240, "all parts to be there")
    lab.wait_for_kernel()
    lab.press("epochs", "ArrowRight")
    assert lab.wait_for_state("done", after_run=1)["epoch"] == "4"
    wait_until(lambda: len(kept(lab)) > last and all(picture for picture, _ in kept(lab)), 30, "what stays")
    wait_until(lambda: "epochs 4" in lab.page.locator(".live-kept").first.text_content(), 30, "the last run to stay")
    heights = [height for _, height in kept(lab)]
    file = server.folder / "kept.ipynb"
    lab.page.keyboard.press("Control+s")
    wait_until(lambda: "epochs 4" in file.read_text(encoding="utf-8"), 30, "it to be saved")
    errors = lab.errors
    lab.close()
    assert errors == []
    return file, heights


def test_while_a_part_lives_nothing_is_seen_of_what_stays(closed):
    assert set(closed[1]) == {0}


def test_without_its_kernel_each_part_shows_its_last_picture_and_its_settings(closed, server, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"http://127.0.0.1:{server.port}/lab/workspaces/again/tree/kept.ipynb?token={server.token}")
    page.wait_for_selector(".live-kept img", timeout=60000)
    lost = ".jp-OutputArea-output:text-is('Error displaying widget: model not found')"
    wait_until(lambda: page.locator(lost).count() >= len(PARTS), 60, "JupyterLab to look for the widgets in vain")
    for seen, settings in zip(page.evaluate(SEEN), PARTS.values(), strict=True):
        assert len(seen["alts"]) == 1 and seen["alts"][0] and seen["drawn"], seen
        assert settings in seen["words"] and "Run the cell to bring it back to life." in seen["words"], seen
        assert "Error" not in seen["words"] and "Loading" not in seen["words"], seen
    page.close()


def test_an_exported_page_shows_the_same(closed):
    file, _ = closed
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--log-level=ERROR", str(file)]
    subprocess.run(command, check=True, timeout=120)
    page = file.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count('class="live-kept"') == page.count("Run the cell to bring it back to life.") == len(PARTS)
    assert "model not found" not in page
    assert page.count("All figures") >= 1 and '<th scope="row">4</th>' in page  # of the panel's four epochs


def test_a_run_keeps_one_picture_however_often_a_control_moves(closed):
    outputs = [cell["outputs"] for cell in json.loads(closed[0].read_text())["cells"][1:]]
    assert [len(each) for each in outputs] == [3] * len(PARTS)  # the part, what stays, and the page's script
