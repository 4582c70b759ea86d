"""Pictures, tables and feature maps on pages of all themes: they can be read, and a dark page has no white slab."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.curves import accuracies, feature_maps, layers, predictions, scoreboard, theme, thumbnails, tries
from tests.browser.test_charts import PAGES, contrast
from tests.curves.test_live_chart import run
from tests.curves.test_scoreboard import sixteen

RANDOM = np.random.default_rng(0)
NAMES = ("T-shirt/top", "Dress", "Shirt")
PROBABILITIES = RANDOM.dirichlet((0.3, 0.3, 0.3), 8)
LABELS = RANDOM.integers(0, 3, 8)
PICTURES = np.zeros((8, 28, 28))
PICTURES[:, 6:22, 9:19] = RANDOM.random((8, 16, 10))
MAPS = np.maximum(RANDOM.normal(-0.5, 1, (5, 12, 12)), 0)
DROPPED = RANDOM.random(MAPS.shape) < 0.3
BEFORE, AFTER = (feature_maps.strip(MAPS, 0, 2, dropped) for dropped in (None, DROPPED))
MEANS = {"before": 0.3, "training": 0.3, "predicting": 0.3}
VALUES = RANDOM.normal(0, 1, 500)
DRAWINGS = {
    "the chooser's table": scoreboard.STYLE
    + scoreboard.table(scoreboard.in_order(sixteen(), scoreboard.LOSS), 2, scoreboard.LOSS, "all settings", 200),
    "the chooser's accuracies": accuracies.overview(sixteen(), 3, 200, scoreboard.LOSS),
    "the confusion matrix": predictions.confusion(np.array([[40, 3, 9], [2, 50, 1], [20, 0, 31]]), NAMES, 430),
    "pictures with answers": predictions.garments(PICTURES, PROBABILITIES, LABELS, NAMES, 430),
    "tries": tries.picture(np.array([0.5, 0.7, 0.6]), 30, 50, "Tries", chance=0.5, tested=(0.55, 100)),
    "a thumbnail": thumbnails.small("Case 1", run(9), 9),
    "frames": thumbnails.frames(12),
    "a dropout layer": layers.picture(
        [
            (
                "dropout",
                "conv",
                layers.DROPOUT,
                layers.dropout(
                    MAPS,
                    BEFORE,
                    AFTER,
                    DROPPED,
                    (0, 2),
                    0.3,
                    0.3,
                    MEANS,
                    None,
                    predictions._png(PICTURES[0].astype(np.float32).tobytes(), (28, 28)),
                ),
            )
        ],
        "What the layer does",
    ),
    "a norm layer": layers.picture(
        [
            (
                "norm",
                "conv",
                layers.NORM,
                layers.batch_norm(
                    0,
                    3,
                    [("batch", VALUES, -3, 3, layers.two)] * 4,
                    [["0", *["1.00"] * 10]] * 4,
                    [("moving mean", np.linspace(0, 1, 10), RANDOM.random(9), 1.0)] * 2,
                ),
            )
        ],
        "What the layer does",
    ),
}


@pytest.fixture
def show(browser):
    """Opens a page of a theme with all drawings."""
    pages = []

    def open_(kind, **kind_of_page):
        style, attribute, paper = PAGES[kind]
        page = browser.new_page(viewport={"width": 920, "height": 900}, **kind_of_page)
        pages.append(page)
        drawn = "".join(f'<div data-name="{name}">{drawing}</div>' for name, drawing in DRAWINGS.items())
        looks = f"<style>{style}body{{background:{paper}}}</style>{theme.SCREEN}"
        page.set_content(f"<!doctype html>{looks}<body {attribute}>{drawn}</body>")
        return page

    yield open_
    for page in pages:
        page.close()


def pixels(page, name):
    """What is seen of a drawing: shape (height, width, 3)."""
    picture = page.locator(f'[data-name="{name}"] > :last-child').screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


@pytest.mark.parametrize("kind", PAGES)
def test_most_of_each_drawing_is_the_paper_of_the_page_and_none_is_a_slab_of_another(show, kind):
    page = show(kind)
    paper = np.array([int(PAGES[kind][2][i : i + 2], 16) for i in (1, 3, 5)])
    other = 255 if paper.mean() < 128 else 0
    for name in DRAWINGS:
        seen = pixels(page, name)
        is_paper = (abs(seen - paper).max(-1) < 24).mean()
        assert is_paper > 0.4, (name, is_paper)
        assert (abs(seen - other).max(-1) < 24).mean() < 0.1, name


@pytest.mark.parametrize("kind", PAGES)
def test_words_can_be_read_on_what_is_behind_them(show, kind):
    page = show(kind)
    seen = page.evaluate("""() => [...document.querySelectorAll('text, th, td, caption')].map(element => {
        const style = getComputedStyle(element), ground = element.closest('svg') ? null : style.backgroundColor;
        return [element.closest('[data-name]').dataset.name + ': ' + element.textContent,
            element.closest('svg') ? style.fill : style.color, ground];
    })""")
    assert len(seen) > 200
    faint = [words for words, ink, ground in seen if contrast(ink, ground or paper_of(kind)) < 4.5]
    assert faint == []


def paper_of(kind):
    """The paper of a page as CSS tells it."""
    return "rgb({}, {}, {})".format(*(int(PAGES[kind][2][i : i + 2], 16) for i in (1, 3, 5)))
