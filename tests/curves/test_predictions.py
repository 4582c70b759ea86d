"""Drawings of a network's answers: what a reader or a screen reader takes from them is what the numbers say."""

import base64
import io
import itertools
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageFont

from helpers.curves.predictions import class_labels, class_probabilities, confusion, confusion_counts, garments
from helpers.data import CLOTHING_CLASSES, clothing
from helpers.errors import LessonError

NAMES = ("T-shirt/top", "Dress", "Ankle boot")
CLOTHES = clothing(NAMES)
FONT = ImageFont.truetype(
    str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"), 100
)  # wider than what most pages have


class Text:
    """A text of a drawing, with the corners of its box in the drawing's pixels."""

    def __init__(self, words, x, y, size, anchor, angle):
        self.words, self.angle = words, angle
        wide = FONT.getlength(words) * size / 100
        left = -wide * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        turn = math.radians(angle)
        self.corners = [
            (x + a * math.cos(turn) - b * math.sin(turn), y + a * math.sin(turn) + b * math.cos(turn))
            for a in (left, left + wide)
            for b in (-0.75 * size, 0.2 * size)
        ]

    def box(self):
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


def texts_of(svg):
    """All texts of an <svg> string, where they are."""

    def walk(element, x, y, size, anchor):
        size = float(element.get("font-size", size))
        anchor = element.get("text-anchor", anchor)
        moved = re.match(
            r"translate\(([\d.-]+)[ ,]([\d.-]+)\)(?:rotate\(([\d.-]+)\))?", element.get("transform", "translate(0 0)")
        )
        x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag in ("text", "svg"):
            x, y = x + float(element.get("x", 0)), y + float(element.get("y", 0))
        if element.tag == "text":
            yield Text(element.text, x, y, size, anchor, float(moved[3] or 0))
        for child in element:
            yield from walk(child, x, y, size, anchor)

    root = ElementTree.fromstring(svg)
    return list(walk(root, 0, 0, float(re.search(r"font:(\d+)px", root.get("style"))[1]), "start"))


def assert_legible(svg):
    """No text is cut off by the drawing's border, touches another one or is smaller than can be read."""
    texts = texts_of(svg)
    wide, high = map(float, ElementTree.fromstring(svg).get("viewBox").split()[2:])
    for text in texts:
        left, top, right, bottom = text.box()
        assert left >= 0 and top >= 0 and right <= wide and bottom <= high, (text.words, text.box(), wide, high)
    for one, other in itertools.combinations([text for text in texts if text.angle == 0], 2):
        (l1, t1, r1, b1), (l2, t2, r2, b2) = one.box(), other.box()
        assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1, (one.words, other.words)
    leaning = [text for text in texts if text.angle == -45]  # parallel lines, which are apart if they begin apart
    for one, other in itertools.pairwise(leaning):
        assert abs(one.corners[0][0] - other.corners[0][0]) / math.sqrt(2) > 12


def cells(svg):
    """What a screen reader is told of each cell: {(is, called): count}."""
    labels = [group.get("aria-label") for group in ElementTree.fromstring(svg).iter("g") if group.get("role") == "img"]
    found = [re.fullmatch(r"is (.+), called (.+): (\d+)", label) for label in labels]
    return {(match[1], match[2]): int(match[3]) for match in found}


def likely(answers, certainty=0.9, n=3):
    """Probabilities with these answers."""
    rows = np.full((len(answers), n), (1 - certainty) / (n - 1))
    rows[np.arange(len(answers)), answers] = certainty
    return rows


# The answers themselves


def test_one_sigmoid_output_becomes_two_columns():
    rows = class_probabilities(np.array([[0.5], [0.50001], [0.1], [1.0]], dtype="float32"), ("Dress", "Bag"))
    assert rows.shape == (4, 2) and np.allclose(rows.sum(1), 1) and rows.argmax(1).tolist() == [0, 1, 0, 1]
    assert np.array_equal(class_probabilities([0.2], ("Dress", "Bag")), [[0.8, 0.2]])


@pytest.mark.parametrize(
    "outputs, words",
    [
        (np.ones((4, 10)), "there are 3 classes"),
        (np.ones((4, 1)), "one unit for each class"),
        (np.ones((4, 5, 3)), r"shape \(5, 3\)"),
        (np.array([[0.5, np.nan, 0.5]]), "not numbers"),
        (np.array([[3.0, -2.0, 0.1]]), "activation='softmax'"),
    ],
)
def test_outputs_that_are_no_probabilities_are_refused_in_words(outputs, words):
    with pytest.raises(LessonError, match=words):
        class_probabilities(outputs, NAMES)


def test_targets_become_labels():
    labels = [2, 0, 1, 1]
    for targets in (labels, np.eye(3)[labels], np.array(labels, dtype="float32"), np.array(labels)[:, np.newaxis]):
        assert class_labels(targets, NAMES).tolist() == labels
    assert class_labels(np.array([[0.0], [1.0]]), ("Dress", "Bag")).tolist() == [0, 1]


@pytest.mark.parametrize("targets", [[0, 3], [-1, 0], [0.5, 1], np.eye(4), ["Dress"], [np.nan]])
def test_targets_that_do_not_fit_the_names_are_refused_in_words(targets):
    with pytest.raises(LessonError, match="targets"):
        class_labels(targets, NAMES)


# The confusion matrix


def test_counts_have_a_row_for_what_it_is_and_a_column_for_what_is_said():
    assert confusion_counts([0, 0, 1, 2, 2], [0, 1, 1, 0, 0], 3).tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]
    assert confusion_counts([1], [1], 3).tolist() == [
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 0],
    ]  # a class that nobody names has its place


@pytest.mark.parametrize(
    "width, n", [*((330, n) for n in range(2, 6)), *((width, n) for width in (430, 860) for n in range(2, 11))]
)
def test_the_matrix_is_legible_and_shows_every_count(width, n):
    names = ("T-shirt/top", "Ankle boot", *(name for name in CLOTHING_CLASSES if name not in NAMES), "Dress")[:n]
    counts = np.random.default_rng(n).integers(0, 200, (n, n))
    svg = confusion(counts, names, width)
    assert_legible(svg)
    assert cells(svg) == {(names[i], names[j]): counts[i, j] for i in range(n) for j in range(n)}
    root = ElementTree.fromstring(svg)
    assert f"{counts.sum()} pictures: {np.trace(counts)} are on the diagonal" in root.get("aria-label")
    written = [text.words for text in texts_of(svg) if text.words.isdigit()]
    assert written == [str(count) for count in counts.flat]


def test_the_diagonal_is_outlined_and_shades_follow_the_share_of_the_row():
    rects = [
        group.find("rect")
        for group in ElementTree.fromstring(confusion([[90, 10], [50, 50]], ("Dress", "Bag"))).iter("g")
        if group.get("role")
    ]
    assert [rect.get("stroke") is not None for rect in rects] == [True, False, False, True]
    shades = [float(rect.get("fill-opacity")) for rect in rects]
    assert shades[0] > shades[2] == shades[3] > shades[1]


@pytest.mark.parametrize("count", [0, 9, 12345])
def test_empty_and_large_counts_stay_in_their_cells(count):
    svg = confusion(np.full((10, 10), count), CLOTHING_CLASSES, 430)
    rect = ElementTree.fromstring(svg).find(".//rect[@stroke]")
    for text in texts_of(svg):
        if text.words == str(count):
            assert text.box()[2] - text.box()[0] <= float(rect.get("width")) + 2


def test_names_of_classes_may_be_long_and_have_signs_of_html():
    names = ("<b>&'\"", "A very long name of a class")
    svg = confusion([[1, 2], [3, 4]], names)
    assert_legible(svg)
    assert cells(svg)[names[1], names[0]] == 3


# Pictures with answers


def told(svg):
    return [group.get("aria-label") for group in ElementTree.fromstring(svg).iter("g") if group.get("role") == "img"]


def test_below_each_picture_stands_the_answer_its_probability_and_whether_it_is_right():
    svg = garments(
        CLOTHES.x_test[:4], np.vstack([likely([0, 1], 0.97), likely([2], 0.996), likely([0], 1.0)]), [0, 2, 2, 1], NAMES
    )
    assert [text.words for text in texts_of(svg)] == [
        "T-shirt/top",
        "97 % ✓",
        "Dress",
        "97 % ✗",
        "is Ankle boot",
        "Ankle boot",
        ">99 % ✓",
        "T-shirt/top",
        "100 % ✗",
        "is Dress",
    ]
    assert told(svg) == [
        "Picture 1: T-shirt/top, 97 %, right",
        "Picture 2: Dress, 97 %, wrong, it is Ankle boot",
        "Picture 3: Ankle boot, >99 %, right",
        "Picture 4: T-shirt/top, 100 %, wrong, it is Dress",
    ]
    assert "4 pictures: 2 of them wrong" in ElementTree.fromstring(svg).get("aria-label")


@pytest.mark.parametrize("width", [430, 530, 860])
@pytest.mark.parametrize("number", [1, 2, 3, 7, 11, 12, 13, 23, 24])
def test_any_number_of_pictures_is_legible(number, width):
    answers, labels = np.arange(number) % 3, (np.arange(number) + 1) % 3  # all of them wrong: the most text
    svg = garments(CLOTHES.x_test[:number], likely(answers, 0.999), labels, NAMES, width)
    assert_legible(svg)
    assert len(told(svg)) == number
    wide, high = map(float, ElementTree.fromstring(svg).get("viewBox").split()[2:])
    for image in ElementTree.fromstring(svg).iter("image"):
        x, y, side = (float(image.get(name)) for name in ("x", "y", "width"))
        assert x >= 0 and x + side <= wide and y + side <= high


def test_the_pictures_are_the_ones_given_dark_on_white():
    pictures = np.stack([CLOTHES.x_test[5, ..., 0], np.linspace(-0.2, 1.2, 784).reshape(28, 28)])
    svg = garments(pictures, likely([0, 0]), [0, 0], NAMES)
    drawn = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(image.get("href").partition("base64,")[2]))).convert("L"))
        for image in ElementTree.fromstring(svg).iter("image")
    ]
    assert all(
        np.abs(grey / 255 - (1 - np.clip(ink, 0, 1))).max() < 0.01 for grey, ink in zip(drawn, pictures, strict=True)
    )
    assert garments(pictures[..., np.newaxis], likely([0, 0]), [0, 0], NAMES) == svg


@pytest.mark.parametrize(
    "pictures, words",
    [
        (np.zeros((0, 28, 28, 1)), "From 1 to 24"),
        (np.zeros((25, 28, 28, 1)), "From 1 to 24"),
        (np.zeros((3, 64)), "grey pictures"),
        (np.zeros((3, 28, 28, 3)), "grey pictures"),
        (np.zeros((2, 28, 28, 1)), "2 pictures, but 3 answers"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(pictures, words):
    with pytest.raises(LessonError, match=words):
        garments(pictures, likely([0, 1, 2]), [0, 1, 2], NAMES)
