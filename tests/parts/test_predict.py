"""Say it first: what is locked stays locked, what is compared is said in a sentence, and nothing stands in the way."""

import html
import itertools
import random
import re

import keras
import numpy as np
import pytest

from helpers import lab_book
from helpers.errors import LessonError
from helpers.live import asked as asked_module
from helpers.live import cell
from helpers.live.keepsake import REVIVE, Keepsake
from helpers.parts import predict as predict_module
from helpers.parts.predict import predict

names = map("what is asked, number {}".format, itertools.count())  # each test asks something of its own


class Line:
    """A line below a cell, as IPython's `DisplayHandle`: `words` are those that stand there now."""

    def __init__(self, data):
        self.update(data)

    def update(self, data, raw=True):
        assert html.unescape(re.sub("<[^>]+>", "", data["text/html"])) == data["text/plain"]
        self.words = data["text/plain"]


@pytest.fixture
def page(monkeypatch):
    """A front end: the lines that stand below the cells, and in `kept` what would stay in the file."""
    lines, kept = [], []
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(asked_module, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(predict_module, "display", lambda data, **_: lines.append(Line(data)) or lines[-1])
    monkeypatch.setattr(Keepsake, "show", lambda self: setattr(self, "is_shown", True))
    monkeypatch.setattr(Keepsake, "keep", lambda self, make: kept.append(make()[0]["text/plain"]))
    lines_and_kept = type("Page", (), {"lines": lines, "kept": kept})
    return lines_and_kept


def words(made):
    return html.unescape(re.sub("<[^>]+>", "", made._words.value))


def free(made):
    """What can still be pressed or written."""
    inputs = [made._sure] if made.said is None else [made._sure, made._kind.field]
    return [widget for widget in inputs if not getattr(widget, "disabled", False)]


def test_a_number_is_typed_and_locked_and_stays(page):
    made = predict(next(names), (0.0, 1.0), within=0.06)
    made._kind.field.value, made._sure.value = "0,1", "sure"
    made._lock_button.click()
    assert (made.said, made.sure, made.right) == (0.1, "sure", None) and free(made) == []
    assert words(made) == "You said 0.10. You were sure. Now run the next cell."
    made._kind.field.value = "0.9"
    made._lock_button.click()
    made._skip_button.click()
    made.lock(0.8, "guessing")
    assert (made.said, made.sure) == (0.1, "sure")
    again = predict(made._asked, (0.0, 1.0), within=0.06)
    assert again.said == 0.1 and words(again) == words(made) and free(again) == []
    assert predict(made._asked, (0.0, 2.0), within=0.06).said is None  # another scale is another question


SAID = [  # what is asked, what is said, how sure, what happens, and the sentence
    (
        dict(answers=(0.0, 1.0), within=0.06),
        0.5,
        "sure",
        0.1234,
        "You said 0.50; it is 0.12: ✗ not right. You were sure.",
    ),
    (dict(answers=(0, 1), within=0.06), "6 %", None, 0.1234, "You said 0.06; it is 0.12: ✓ right."),
    (dict(answers=(0.0, 1.0)), 0.125, "fairly", 0.2, "You said 0.125; it is 0.20: ✓ right. You were fairly sure."),
    (dict(answers=(0, 100), within=0), 36, "guessing", 36, "You said 36; it is 36: ✓ right. You were guessing."),
    (dict(answers=(0, 100), within=0), "35", None, np.int64(36), "You said 35; it is 36: ✗ not right."),
    (dict(answers=(0.0, 5.0), within=1), 4, None, float("nan"), "You said 4.00; it is nan: ✗ not right."),
    (dict(answers=(-50, 50), within=5), "−7", None, -12.2, "You said -7; it is -12: ✓ right."),
    (dict(answers=(-20, 20), within=3), 2, None, -0.4, "You said 2; it is 0: ✓ right."),
    (dict(answers=(0, 2_000_000), within=0), 1234567, None, 1234567, "You said 1234567; it is 1234567: ✓ right."),
    (dict(answers=(0.0, 5.0), within=1), 4, None, 12345.678, "You said 4.00; it is 12345.68: ✗ not right."),
    (dict(answers=["up", "down"]), "up", "sure", "down", "You said “up”; it is “down”: ✗ not right. You were sure."),
    (dict(answers=[5, 25, 100]), 25, None, 25, "You said “25”; it is “25”: ✓ right."),
    (
        dict(order=["a", "b", "c"]),
        ["c", "a", "b"],
        None,
        ["c", "a", "b"],
        "You said “c, a, b”; it is “c, a, b”: ✓ right.",
    ),
    (dict(order=["a", "b"]), ["a", "b"], None, ("b", "a"), "You said “a, b”; it is “b, a”: ✗ not right."),
]


@pytest.mark.parametrize("form, said, sure, value, sentence", SAID)
def test_the_comparison_is_a_sentence(page, form, said, sure, value, sentence):
    made = predict(next(names), **form)
    made.lock(said, sure)
    made.happened(value)
    assert words(made) == page.lines[-1].words == sentence
    assert made.right == ("✓" in sentence)
    none = predict(next(names), **form)
    none.happened(value)
    came = re.search("it is (.+?): [✓✗]", sentence).group(1)
    assert page.lines[-1].words == f"You made no prediction; it is {came}." and none.right is None
    assert words(none) == ""  # it may still be locked


@pytest.mark.parametrize("seed", range(5))
def test_what_is_called_right_is_so_by_the_figures_that_are_shown(page, seed):
    draw = random.Random(seed)
    for _ in range(40):
        low = draw.choice([0, 0.0, -3, draw.uniform(-9, 9)])
        high = low + draw.choice([1, 10, 100, draw.uniform(0.01, 2000)])
        within = draw.choice([0.06, 0.1, 0.5]) * (high - low) / 2
        made = predict(next(names), (low, high), within=within)
        said = draw.uniform(low, high)
        made.lock(int(said) if made._kind.whole else round(said, 2) if low <= round(said, 2) <= high else said)
        made.happened(draw.uniform(low, high))
        shown = re.match(r"You said (\S+); it is (\S+): ", page.lines[-1].words).groups()
        off = abs(float(shown[0]) - float(shown[1]))
        assert made.right == (off <= within) or off == pytest.approx(within), page.lines[-1].words


def test_a_prediction_after_run_all_changes_the_line_that_is_there(page, book):
    made = predict(next(names), (0.0, 1.0), within=0.05)
    made.happened(0.32)
    assert page.lines[0].words == "You made no prediction; it is 0.32."
    assert not any("0.32" in said for said in [words(made), *page.kept])
    made._kind.field.value = "0.3"
    made._lock_button.click()
    assert page.lines[0].words == "You said 0.30, when the result was already there; it is 0.32: ✓ right."
    (entry,) = lab_book.entries("prediction")
    assert len(page.lines) == 1 and entry["late"] and entry["right"] is None  # in the book it does not count


def test_the_result_cell_run_again_has_a_line_of_its_own(page, book):
    made = predict(next(names), (0.0, 1.0))
    made.lock(0.3)
    made.happened(0.32)
    made.happened(0.9)
    assert [line.words.partition("it is ")[2] for line in page.lines] == ["0.32: ✓ right.", "0.90: ✗ not right."]
    facts = [(entry["said"], entry["happened"], entry["right"]) for entry in lab_book.entries("prediction")]
    assert facts == [(0.3, None, None), (0.3, 0.32, True)]  # the first comparison counts


def test_the_lab_book_keeps_what_was_said(page, book):
    asked = next(names)
    made = predict(asked, order=["a", "b"])
    made.lock(["b", "a"], "guessing")
    (entry,) = lab_book.entries("prediction")
    del entry["time"]
    assert entry == {
        **{"kind": "prediction", "format": lab_book.VERSION, "lesson": None, "name": asked, "scale": "order"},
        **{"said": ["b", "a"], "happened": None, "sure": 0, "right": None, "late": False},
    }


def test_skip_folds_it_away_until_the_cell_runs_again(page):
    made = predict(next(names), ["a", "b"])
    made._skip_button.click()
    assert words(made) == "Skipped. Run this cell again to predict after all."
    assert made._inputs.layout.display == made._lock_button.layout.display == "none"
    made._kind.field.value = "a"
    made._lock_button.click()
    assert made.said is None
    made.happened("a")
    assert page.lines[-1].words == "You made no prediction; it is “a”."
    again = predict(made._asked, ["a", "b"])
    assert again._inputs.layout.display is None and words(again) == ""


@pytest.mark.parametrize(
    "form, typed, told",
    [
        (dict(answers=(0.0, 1.0)), "", "Say something first"),
        (dict(answers=(0.0, 1.0)), "half", "“half” is no number. Write one from 0 to 1."),
        (dict(answers=(0.0, 1.0)), "2", "2 is not on the scale, which goes from 0 to 1."),
        (dict(answers=(0.0, 1.0)), "nan", "nan is not on the scale"),
        (dict(answers=(0.0, 1.0)), "1e999", "1e999 is not on the scale"),
        (dict(answers=(0, 2000000), within=0), "3e6", "3e6 is not on the scale, which goes from 0 to 2000000."),
        (dict(answers=(0, 2000)), "1,437", "1,437 is no whole number. Write one from 0 to 2000, without a comma"),
        (dict(answers=["a", "b"]), None, "Say something first"),
    ],
)
def test_what_cannot_be_locked_is_said_and_can_be_mended(page, form, typed, told):
    made = predict(next(names), **form)
    made._kind.field.value = typed
    made._lock_button.click()
    assert told in words(made) and made.said is None
    assert not made._kind.field.disabled


def test_an_order_is_pressed_one_after_the_other(page):
    made = predict(next(names), order=["neither", "dropout", "both"])
    buttons = made._kind._buttons
    made._lock_button.click()
    assert "Say something first" in words(made)
    for name in ("dropout", "neither", "dropout"):  # the last one takes it out again
        buttons[name].click()
    assert [button.description for button in buttons.values()] == ["1. neither", "dropout", "both"]
    made._lock_button.click()
    assert words(made).endswith("Missing: dropout, both.") and made.said is None
    buttons["both"].click()
    buttons["dropout"].click()
    made._lock_button.click()
    assert made.said == ["neither", "both", "dropout"]
    buttons["both"].click()
    assert [button.description for button in buttons.values()] == ["1. neither", "3. dropout", "2. both"]


def test_a_curve_is_drawn_locked_and_compared_in_words_and_in_a_picture(page, book):
    made = predict("the loss", (0, 2.0), draw=9, within=0.25)
    made._lock_button.click()
    assert made.said is None and "Say something first" in words(made)  # nobody has moved a point
    assert made._kind._chart.value.count('class="handle"') == 5
    for slider, value in zip(made._kind._sliders, [1.0, 0.8, 0.6, 0.5, 0.5], strict=True):
        slider.value = value
    assert "1 at epoch 1, 0.8 at epoch 2" in made._kind._chart.value
    made._sure.value = "fairly"
    made._lock_button.click()
    assert "You drew a curve from 1 to 0.5. You were fairly sure. Now run the next cell." in words(made)
    assert all(slider.disabled for slider in made._kind._sliders) and 'class="handle"' not in made._kind._chart.value
    run = [1.2, 1.0, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5]
    made.happened(np.array(run))
    assert "it is a curve from 1.2 to 0.5: ✓ right." in page.lines[-1].words
    assert "part most at epoch" in page.lines[-1].words and made.right
    assert "what came" in made._kind._chart.value
    locked, compared = lab_book.entries("prediction")
    assert locked["said"] == compared["said"] == {"epochs": [1, 2, 3, 6, 9], "values": [1.0, 0.8, 0.6, 0.5, 0.5]}
    assert (compared["scale"], compared["happened"], compared["right"]) == ("curve", run, True)
    again = predict("the loss", (0, 2.0), draw=9, within=0.25)  # the cell is run again
    assert again.said == made.said and all(slider.disabled for slider in again._kind._sliders)


@pytest.mark.parametrize(
    "run, right",
    [
        ([0.5] * 9, True),
        ([0.76] * 9, False),
        ([0.5, 0.5], True),
        ([0.5, 0.5, float("nan"), 9.0], True),
        ([float("nan")], False),
        ([0.5] * 8 + [2.0], True),
    ],
)
def test_a_curve_is_right_if_it_is_near_enough_on_average_as_far_as_it_was_trained(page, run, right):
    made = predict(next(names), (0, 2.0), draw=9, within=0.25)
    made.lock([0.5] * 5)
    made.happened(run)
    assert made.right is right and ("✓ right" in page.lines[-1].words) is right


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: predict("what"), "needs to know what can be said"),
        (lambda: predict("what", (0, 1), order=["a", "b"]), "needs to know what can be said"),
        (lambda: predict((0, 1), "what"), "begins with what is predicted"),
        (lambda: predict(" ", (0, 1)), "begins with what is predicted"),
        (lambda: predict("what", 3), "3 is no scale"),
        (lambda: predict("what", (0, 1, 2)), "is no scale"),
        (lambda: predict("what", (0, float("inf"))), "is no scale"),
        (lambda: predict("what", (True, 3)), "is no scale"),
        (lambda: predict("what", ("a", "b")), "is no scale"),
        (lambda: predict("what", (1, 0)), "must be smaller than the second"),
        (lambda: predict("what", (0, 1), within=-0.1), "within=-0.1 must be a number"),
        (lambda: predict("what", (0, 1), within=1), "within=1 must be a number"),
        (lambda: predict("what", (0, 1), within="a"), "within='a' must be a number"),
        (lambda: predict("what", ["a", "b"], within=1), "within is for numbers"),
        (lambda: predict("what", ["a"]), "2 to 7 different answers"),
        (lambda: predict("what", ["a", "a"]), "2 to 7 different answers"),
        (lambda: predict("what", order="abc"), "2 to 7 different answers"),
        (lambda: predict("what", ["a", "b"]).lock("c"), "'c' is none of the answers, which are: a, b"),
        (lambda: predict("what", ["a", "b"]).lock("a", "quite"), "sure='quite' can be guessing, fairly, sure"),
        (lambda: predict("what", ["a", "b"]).happened("c"), "'c' is none of the answers"),
        (lambda: predict("what", (0, 1)).happened("a"), "needs the number that came out; it got 'a'"),
        (lambda: predict("what", (0, 1)).happened([1, 2]), "needs the number that came out"),
        (lambda: predict("what", order=["a", "b"]).happened(["a"]), "Missing: b"),
        (lambda: predict("what", order=["a", "b"]).lock(["a", "b", "b"]), "It got"),
        (lambda: predict("what", (0, 1), draw=3), "draw=3 must be a whole number of epochs, 4 or more"),
        (lambda: predict("what", (0, 1), draw=True), "draw=True must be a whole number"),
        (lambda: predict("what", (1, 2), draw=9), "is no scale for a curve, which is drawn from 0 up"),
        (lambda: predict("what", ["a", "b"], draw=9), "is no scale for a curve"),
        (lambda: predict("what", draw=9), "is no scale for a curve"),
        (lambda: predict("what", (0, 1), draw=9, within=1), "within=1 must be a number"),
        (lambda: predict("what", order=["a", "b"], draw=9), "leave out draw= or order="),
        (lambda: predict("what", (0, 1), draw=9).lock([1, 1]), "A curve is a list of 5 numbers, at epochs 1, 2, 3"),
        (lambda: predict("what", (0, 1), draw=9).lock([0, 0, 0, 0, 2]), "2 is not on the scale"),
        (lambda: predict("what", (0, 1), draw=9).happened(0.5), "needs the curve that came"),
    ],
)
def test_a_call_that_cannot_be_meant_is_told_in_words(page, call, told):
    with pytest.raises(LessonError) as raised:
        call()
    assert told in str(raised.value)


def test_where_nobody_watches_it_is_one_line_and_everything_runs(capsys, monkeypatch):
    monkeypatch.setattr(predict_module, "display", None)  # it must not be called
    keras.utils.set_random_seed(3)
    before = [np.random.random(), random.random(), float(keras.random.uniform(()))]
    keras.utils.set_random_seed(3)
    made = predict("share right", (0.0, 1.0), within=0.06)
    assert made.happened(0.12) is None
    assert [np.random.random(), random.random(), float(keras.random.uniform(()))] == before
    assert capsys.readouterr().out == (
        "Your prediction: share right (a number from 0 to 1, right if it is off by 0.06 at most). Run this cell to make"
        " it.\n"
    )
    assert made.said is None and repr(made) == "<prediction of share right: No prediction was locked.>"


def test_a_sentence_stays_in_the_file(page):
    made = predict(next(names), (0, 50), within=2)
    assert page.kept == [f"No prediction was locked. {REVIVE}"]
    made.lock(36, "fairly")
    made.happened(36)
    assert page.kept[-1] == f"You said 36; it is 36: ✓ right. You were fairly sure. {REVIVE}"


def test_what_is_asked_is_shown_as_it_was_written(page):
    made = predict("loss < 0.5 & <b>falling</b>", ["<yes>", "no"])
    assert "loss &lt; 0.5 &amp; &lt;b&gt;falling&lt;/b&gt;" in made._box.children[1].value
    made.lock("<yes>")
    made.happened("no")
    assert words(made) == page.lines[-1].words == "You said “<yes>”; it is “no”: ✗ not right."
    made.close()
    assert all(widget.comm is None for widget in made._box.children)
