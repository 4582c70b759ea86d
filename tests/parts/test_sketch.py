"""Draw it first: the guess, the run that grows over it, and the words about where they part."""

import gc
import html
import itertools
import json
import re
import threading
import weakref
from xml.etree import ElementTree

import keras
import numpy as np
import pytest

from helpers.curves.guess import compare, picture
from helpers.curves.history import CurveError
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts.sketch import sketch
from tests.curves.test_live_chart import Drawing, is_png
from tests.networks import DIGITS, digits_network, few_digits

X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)
NAN = float("nan")
VALUES = [1.5, 0.8, 0.4, 0.3, 0.3]
FEW_KNOTS = [1, 2, 3, 5, 6]


@pytest.fixture
def background(monkeypatch):
    """Parts train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


@pytest.fixture
def part(background):
    """A part of twelve epochs that nobody has touched yet."""
    return sketch(digits_network, FEW, epochs=12)


def marks(part):
    root = ElementTree.fromstring(part._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def words(part):
    return html.unescape(part._words.value)


def drawing(part):
    return Drawing(part._chart.value)


def columns(drawn):
    """Of each point that can be dragged (its element, where its column is, where its grip is in that), in percent."""

    def place(element):
        return {side: float(share) for side, share in re.findall(r"(\w+):([\d.]+)%", element.get("style"))}

    return [(handle, place(handle), place(handle[0])) for handle in drawn.iterfind(".//div[@class='handle']")]


def handles(part):
    """Of each point that can be dragged, what it sets: (epoch, value, lowest, highest, step)."""
    drawn, found = drawing(part), {}
    to_epoch = sorted(drawn.ticks("loss", "x"))
    for handle, column, grip in columns(drawn.root):
        low, high, step = (float(handle.get(f"data-{name}")) for name in ("low", "high", "step"))
        x = column["left"] + column["width"] * grip["left"] / 100
        epoch = round(float(np.interp(x, *zip(*to_epoch, strict=True))))
        found[handle.get("data-sets")] = epoch, round(low + (high - low) * grip["bottom"] / 100, 2), low, high, step
    return found


def watch(part):
    """All marks from now on, and an event that is set at the first frame with some epochs."""
    seen, growing = [], threading.Event()

    def look(_change):
        seen.append(marks(part))
        if int(seen[-1]["epoch"]) > 5 and seen[-1]["state"] == "training":
            growing.set()

    part._chart.observe(look, "value")
    return seen, growing


def test_the_start_gives_nothing_away(part):
    assert [slider.description for slider in part._sliders] == ["epoch 1", "epoch 2", "epoch 4", "epoch 7", "epoch 12"]
    assert all(
        (slider.min, slider.max, slider.value, slider.disabled) == (0, 1.5, 0.75, False) for slider in part._sliders
    )
    assert all(slider.step == 0.05 and slider.readout_format == ".2f" for slider in part._sliders)
    assert part.state == "ready" == marks(part)["state"] and part.history is None and part.comparison is None
    assert "Move the five points" in words(part) and "Commit" in words(part)
    drawn = drawing(part)
    assert set(drawn.values("loss", "guess").values()) == {0.75} and drawn.ticks("loss", "y")[-1][1] == 1.5
    assert not drawn.lines("loss") and not drawn.lines("val_loss") and "your guess" in drawn.texts()


@pytest.mark.parametrize("highest, step, readout", [(3, 0.1, ".2f"), (0.1, 0.002, ".3f"), (200, 5, ".2f")])
def test_the_arrow_keys_reach_a_guess_in_a_few_dozen_steps_on_any_axis(background, highest, step, readout):
    slider = sketch(digits_network, FEW, highest=highest)._sliders[0]
    assert (slider.step, slider.readout_format, slider.value) == (
        step,
        readout,
        highest / 2,
    ) and 20 <= highest / step <= 50


def test_a_slider_moves_the_guess_at_once(part):
    part._sliders[1].value = 0.3
    guess = drawing(part).values("loss", "guess")
    assert np.allclose(list(guess), range(1, 13), atol=0.02)
    assert np.allclose(
        list(guess.values()), np.interp(range(1, 13), [1, 2, 4, 7, 12], [0.75, 0.3, 0.75, 0.75, 0.75]), atol=0.01
    )
    knots = drawing(part).values("loss", "knots")
    assert (
        np.allclose(sorted(knots), [1, 2, 4, 7, 12], atol=0.02)
        and json.loads(marks(part)["settings"])["knots"][1] == 0.3
    )
    assert part.state == "ready" and "Your guess" in drawing(part).root.get("aria-label")


def test_each_point_can_be_dragged_to_where_its_slider_can_go_until_the_guess_is_committed(part):
    part.guess(VALUES)
    assert handles(part) == {
        slider.description: (epoch, value, slider.min, slider.max, slider.step)
        for slider, epoch, value in zip(part._sliders, part._knots, VALUES, strict=True)
    }
    part.commit()
    assert handles(part) == {} and "Your guess is locked" in words(part)
    part.draw_again()
    assert len(handles(part)) == 5 and "locked" not in words(part)


@pytest.mark.parametrize("knots", [[1, 2, 3, 4], [1, 2, 4, 7, 12], [1, 300, 301, 4000]])
def test_the_points_share_the_plotting_area_and_each_has_its_nearest_part(knots):
    values = np.linspace(0.1, 0.9, len(knots)).tolist()
    drawn = ElementTree.fromstring(picture(knots, values, {}, 0.9, "one", step=0.1))
    reaches = [(column["left"], column["left"] + column["width"]) for _, column, _ in columns(drawn)]
    assert reaches[0][0] == 0 and reaches[-1][1] == pytest.approx(100, abs=0.05)
    assert all(left[1] == pytest.approx(right[0], abs=0.05) for left, right in itertools.pairwise(reaches))
    top = Drawing(ElementTree.tostring(drawn, encoding="unicode")).ticks("loss", "y")[-1][1]
    for (_, column, grip), value in zip(columns(drawn), values, strict=True):
        assert 0 <= grip["left"] <= 100 and column["bottom"] == 0
        assert column["height"] * grip["bottom"] / 100 == pytest.approx(100 * value / top, abs=0.1)


def test_the_figures_of_a_finished_run_can_be_read_beside_those_of_the_guess(part):
    part.guess(VALUES)
    assert "<input" not in part._chart.value  # there the points are dragged
    part.commit()
    said = part._chart.value.split("<b>Epoch 4\n")[1].split("</b>")[0]
    guessed, logs = VALUES[2], part.history.history
    assert said == (
        f"loss: validation {logs['val_loss'][3]:.4g}, training {logs['loss'][3]:.4g}, your guess {guessed:.4g}"
    )
    heads = re.findall('<th scope="col">(.*?)</th>', part._chart.value)
    assert heads == ["epoch", "loss: validation", "loss: training", "loss: your guess"]


def test_a_guess_that_nobody_has_touched_is_not_committed(part):
    part._commit_button.click()
    assert part.idle.is_set() and part.state == "ready" and "Move at least one point first" in words(part)
    assert not part._sliders[0].disabled and part._trainer.compilations == 0
    part._sliders[0].value = 1.0
    assert "Move the five points" in words(part)


@pytest.mark.slow
def test_the_run_grows_over_the_locked_guess_and_ends_with_the_comparison(background):
    part = sketch(digits_network, FEW, epochs=60)
    part.guess(VALUES)
    seen, _ = watch(part)
    part._commit_button.click()
    assert all(slider.disabled for slider in part._sliders)
    part.wait()
    states = [state for state, _ in itertools.groupby(frame["state"] for frame in seen)]
    assert states == ["building", "training", "done"] and part.state == "done"
    points = [int(frame["epoch"]) for frame in seen]
    assert points == sorted(points) and 1 in points and points[-1] == 60
    assert part.comparison == compare([1, 5, 16, 34, 60], VALUES, part.history) and part.comparison in words(part)
    drawn = drawing(part)
    for key in ("loss", "val_loss"):
        assert np.allclose(list(drawn.values("loss", key).values()), part.history.history[key], atol=0.02)
    assert drawn.values("loss", "guess") and {"your guess", "training", "validation"} <= set(drawn.texts())
    assert json.loads(marks(part)["settings"]) == {
        "epochs": 60,
        "batch_size": 32,
        "n_train": None,
        "seed": 0,
        "knots": VALUES,
    }


@pytest.mark.slow
def test_the_run_is_the_one_that_explore_would_make(background):
    from helpers.parts.explore import explore

    part = sketch(digits_network, (DIGITS.x, DIGITS.y), epochs=5, n_train=200, batch_size=50, seed=3, width=16)
    part.guess(VALUES)
    part.commit()
    panel = explore(digits_network, DIGITS, epochs=5, n_train=200, batch_size=50, seed=3, width=16, dropout=0.2)
    assert part.history.history == panel.history.history
    assert json.loads(marks(part)["settings"])["width"] == 16


@pytest.mark.parametrize("values", [VALUES, [0, 0, 0, 0, 1.5], [0.1] * 5])
@pytest.mark.parametrize(
    "run",
    [
        [2.3, 1.0, 0.5, 0.4, 0.4, 0.5],
        [0.2, 0.1, 0.01, 0.01, 0.01, 0.01],
        [0.01, 0.5, 1.0, 1.2, 1.3, 1.4],
        [50.0, 45.0, 40.0, 35.0, 30.0, 30.0],
    ],
)
def test_the_axis_holds_the_guess_and_the_run_whichever_is_higher(values, run):
    history = {"loss": [value * 0.9 for value in run], "val_loss": run}
    for done in range(7):
        so_far = {name: losses[:done] for name, losses in history.items()} if done else {}
        drawn = Drawing(picture(FEW_KNOTS, values, so_far, 1.5, "one"))
        top = drawn.ticks("loss", "y")[-1][1]
        assert top >= max([1.5, *history["loss"][:done], *run[:done]])
        guess = np.interp(range(1, 7), FEW_KNOTS, values)
        for key, losses in (("guess", guess), ("val_loss", run[:done]), ("loss", history["loss"][:done])):
            assert np.allclose(list(drawn.values("loss", key).values()), losses, atol=0.01 * top), key


def test_a_run_that_explodes_does_not_flatten_the_guess():
    explodes = {"loss": [2.0, 1e9, 1e30], "val_loss": [2.0, 1e12, NAN]}
    drawn = Drawing(picture([1, 2, 3, 4], [1.0, 0.5, 0.4, 0.3], explodes, 1.5, "one"))
    assert 1.5 <= drawn.ticks("loss", "y")[-1][1] <= 10 and len(drawn.values("loss", "guess")) == 4


def test_draw_again_takes_the_curves_away_and_the_same_run_comes_back_at_once(part):
    part.guess(VALUES)
    part.commit()
    first = part.history.history
    part._again_button.click()
    assert part.state == "ready" and part.history is None and part.comparison is None
    assert "Move the five points" in words(part)
    assert not drawing(part).lines("val_loss") and not any(slider.disabled for slider in part._sliders)
    assert json.loads(marks(part)["settings"])["knots"] == VALUES and marks(part)["epoch"] == "0"
    part._sliders[4].value = 1.0
    assert drawing(part).values("loss", "guess") and not drawing(part).lines("val_loss")
    seen, _ = watch(part)
    part.commit()
    assert "training" not in [frame["state"] for frame in seen]  # nothing was trained again
    assert (
        part.history.history == first
        and part.state == "done"
        and "your guess falls, then rises again from epoch 7" in part.comparison
    )


@pytest.mark.slow
def test_stop_compares_what_there_is_and_a_commit_goes_on(background):
    part = sketch(digits_network, DIGITS, epochs=5000)
    part.guess(VALUES)
    _, growing = watch(part)
    part._commit_button.click()
    assert growing.wait(90)
    part._stop_button.click()
    part.wait()
    done = len(part.history.epoch)
    assert part.state == "stopped" and 5 < done < 5000
    assert f"Only {done} of 5000 epochs can be compared: there the run ended." in words(part)
    growing.clear()
    part._commit_button.click()
    assert growing.wait(90)
    part._stop_button.click()
    part.wait()
    assert len(part.history.epoch) > done
    part._again_button.click()
    assert part.state == "ready" and part.history is None


@pytest.mark.slow
def test_draw_again_ends_a_run_and_nothing_of_it_comes_back(background):
    part = sketch(digits_network, DIGITS, epochs=5000)
    part.guess(VALUES)
    seen, growing = watch(part)
    part._commit_button.click()
    assert growing.wait(90)
    part._again_button.click()
    assert part.state == "ready" and not part._sliders[0].disabled
    again = len(seen) - 1
    part._sliders[0].value = 0.5
    part.wait()
    assert {(frame["state"], frame["epoch"]) for frame in seen[again:]} == {("ready", "0")} and part.state == "ready"
    assert part.history is None and "Move the five points" in words(part)


@pytest.mark.slow
def test_a_commit_right_after_draw_again_runs_to_its_end(background):
    part = sketch(digits_network, DIGITS, epochs=60)
    part.guess(VALUES)
    _, growing = watch(part)
    part._commit_button.click()
    growing.wait(90)
    part._again_button.click()
    part._sliders[0].value = 1.0
    part._commit_button.click()
    part.wait()
    assert part.state == "done" and len(part.history.epoch) == 60 and all(slider.disabled for slider in part._sliders)


@pytest.mark.slow
def test_a_second_press_on_commit_does_not_disturb_the_run(background):
    part = sketch(digits_network, DIGITS, epochs=200)
    part.guess(VALUES)
    seen, growing = watch(part)
    part._commit_button.click()
    assert growing.wait(90)
    part._commit_button.click()
    part.wait()
    assert [frame["state"] for frame in seen].count("building") == 1 and part.state == "done"


@pytest.mark.slow
def test_a_part_that_waits_for_another_can_be_drawn_again(background):
    busy, part = sketch(digits_network, DIGITS, epochs=5000), sketch(digits_network, FEW, epochs=5)
    for each in (busy, part):
        each.guess(VALUES)
    _, growing = watch(busy)
    busy._commit_button.click()
    assert growing.wait(90)
    part._commit_button.click()
    assert "Waiting" in words(part)
    part._again_button.click()
    part.wait()
    assert part.state == "ready" and "Move the five points" in words(part)
    part._commit_button.click()
    busy.stop()
    part.wait()
    assert part.state == "done"


def test_a_mistake_in_the_builder_is_told_on_the_page_and_the_guess_stays(background):
    def build():
        raise RuntimeError("no <network> today")

    part = sketch(build, FEW)
    part.guess(VALUES)
    with pytest.raises(LessonError, match="no <network> today"):
        part.commit()
    assert part.state == "error" and "no <network> today" in words(part) and drawing(part).values("loss", "guess")
    part.draw_again()
    assert part.state == "ready" and json.loads(marks(part)["settings"])["knots"] == VALUES


def test_a_run_that_explodes_is_compared_as_far_as_it_is_a_number(background):
    def build(learning_rate=0.1):
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
        model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mse")
        return model

    part = sketch(build, FEW, epochs=50, learning_rate=1e6)
    part.guess(VALUES)
    part.commit()
    assert part.state == "stopped" and "learning rate" in words(part) and "was not a number" in part.comparison
    assert drawing(part).values("loss", "guess")


def test_a_keyword_that_builder_and_training_share_reaches_both(background):
    seeds = []

    def build(seed):
        seeds.append(seed)
        return digits_network()

    part = sketch(build, FEW, epochs=5, seed=4)
    part.guess(VALUES)
    part.commit()
    assert seeds == [4]


@pytest.mark.parametrize(
    "build, more, said",
    [
        (digits_network, {"wdth": 3}, "unexpected keyword argument 'wdth'"),
        (lambda width: None, {}, "missing a required argument: 'width'"),
        (None, {}, "leave out the brackets"),
        (digits_network(), {}, "leave out the brackets"),
        (digits_network, {"epochs": 4}, "too few for a curve with 5 sliders"),
        (digits_network, {"epochs": (1, 40)}, "one whole number"),
        (digits_network, {"epochs": "ten"}, "whole numbers"),
        (digits_network, {"epochs": True}, "whole numbers"),
        (digits_network, {"batch_size": 0}, "at least 1"),
        (digits_network, {"n_train": 301}, "only 300"),
        (digits_network, {"knots": 3}, "4 or 5 sliders"),
        (digits_network, {"knots": [1, 5]}, "4 or 5 sliders"),
        (digits_network, {"highest": 0}, "above 0"),
        (digits_network, {"highest": "high"}, "above 0"),
    ],
)
def test_arguments_that_cannot_be_are_refused_in_words_before_anything_is_shown(background, build, more, said):
    with pytest.raises(LessonError, match=said):
        sketch(build, FEW, **more)


def test_without_validation_data_there_is_nothing_to_guess(background):
    with pytest.raises(LessonError, match="no validation data"):
        sketch(digits_network, (X, Y), validation_split=0)


@pytest.mark.parametrize(
    "values, said",
    [
        ([1, 2], "list of 5 numbers.*epochs 1, 2, 4, 7, 12"),
        ("high", "5 numbers"),
        (0.5, "5 numbers"),
        ([0.5] * 4 + ["0.5"], "5 numbers"),
        ([0.5] * 4 + [True], "5 numbers"),
        ([0.5] * 4 + [1.6], "from 0 to 1.5, but one of yours is 1.6"),
        ([-0.1] * 5, "from 0 to 1.5"),
        ([NAN] * 5, "from 0 to 1.5"),
    ],
)
def test_a_guess_in_python_that_cannot_be_is_refused_in_words(part, values, said):
    with pytest.raises(LessonError, match=said):
        part.guess(values)
    assert [slider.value for slider in part._sliders] == [0.75] * 5


@pytest.mark.slow
def test_a_guess_in_python_may_be_the_flat_line_and_draws_again_after_a_run(part):
    part.guess(np.full(5, 0.75))
    part.commit()
    assert part.state == "done"
    part.guess(VALUES)
    assert part.state == "ready" and part.history is None and not part._sliders[0].disabled


@pytest.mark.slow
def test_closing_stops_the_run_and_leaves_memory(background):
    part = sketch(digits_network, DIGITS, epochs=100000)
    part.guess(VALUES)
    seen, growing = watch(part)
    part._commit_button.click()
    assert growing.wait(90)
    part.close()
    assert part.idle.wait(30) and len(part.history.epoch) < 100000
    gone = weakref.ref(part)
    del part, seen, growing
    gc.collect()
    assert gone() is None


def test_a_reader_without_a_kernel_sees_the_flat_line_and_what_to_do(monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    part = sketch(digits_network, FEW)
    (data,) = shown
    assert "Run this cell" in data["text/plain"] and is_png(data["image/png"]) and part._trainer.compilations == 0
    assert not any(letter.isdigit() for letter in data["text/plain"])
    part.guess(VALUES)
    part.commit()
    assert part.state == "done" and len(part.history.epoch) == 30 and len(shown) == 1


# The comparison, without any training

KNOTS = [1, 8, 16, 23, 30]
EPOCHS = np.arange(1, 31)
FALLS = (1.2 * np.exp(-(EPOCHS - 1) / 4) + 0.3).tolist()
RISES_AGAIN = [0.9 - 0.05 * (epoch - 1) if epoch < 10 else 0.5 + 0.02 * (epoch - 9) for epoch in EPOCHS]


def as_history(val_loss):
    return {"loss": [1.0] * len(val_loss), "val_loss": list(val_loss)}


def test_it_says_where_guess_and_run_part_most_and_how_far():
    said = compare(KNOTS, [1.0, 0.5, 0.4, 0.35, 0.3], as_history(RISES_AGAIN))
    assert "part most at epoch 30: you drew 0.30, it came to 0.92, 0.62 higher." in said
    apart = np.abs(np.interp(EPOCHS, KNOTS, [1.0, 0.5, 0.4, 0.35, 0.3]) - RISES_AGAIN).mean()
    assert f"On average they are {apart:.2f} apart." in said
    assert "part most at epoch 1: you drew 1.50, it came to 0.90, 0.60 lower." in compare(
        KNOTS, [1.5, 0.8, 0.6, 0.7, 0.9], as_history(RISES_AGAIN)
    )


@pytest.mark.parametrize(
    "values, run, said",
    [
        ([1.5, 0.6, 0.4, 0.4, 0.4], FALLS, "the one you drew: the loss falls, then levels off."),
        (
            [1.5, 0.8, 0.4, 0.3, 0.3],
            FALLS,
            "the one you drew: the loss falls, then levels off.",
        ),  # the last piece was drawn level
        (
            [1.5, 1.0, 0.4, 0.7, 0.9],
            RISES_AGAIN,
            "the one you drew: the loss falls, then rises again: your guess from epoch 16, the run from epoch 9.",
        ),
        (
            [1.5, 1.0, 0.8, 0.6, 0.4],
            RISES_AGAIN,
            "not the one you drew: your guess is still falling at the end; the run falls, then rises again from epoch"
            " 9.",
        ),
        (
            [1.5, 1.0, 0.4, 0.7, 0.9],
            FALLS,
            "not the one you drew: your guess falls, then rises again from epoch 16; the run falls, then levels off.",
        ),
        ([0.3, 0.5, 0.7, 0.9, 1.0], FALLS, "not the one you drew: your guess rises; the run falls, then levels off."),
        ([0.75] * 5, FALLS, "not the one you drew: your guess hardly changes; the run falls, then levels off."),
        ([0.0] * 5, FALLS, "not the one you drew: your guess hardly changes; the run falls, then levels off."),
    ],
)
def test_it_says_whether_the_shape_is_the_one_that_was_drawn(values, run, said):
    assert compare(KNOTS, values, as_history(run)).startswith(
        f"The shape is {said} Your guess and the run part most at"
    )


def test_a_guess_that_hits_is_told_so():
    values = [1.0, 0.6, 0.5, 0.4, 0.3]
    assert compare(KNOTS, values, as_history(np.interp(EPOCHS, KNOTS, values) + 0.001)).endswith(
        "nowhere as much as 0.01 apart."
    )


def test_a_run_that_ended_early_is_compared_as_far_as_it_came():
    said = compare(KNOTS, [1.5, 0.8, 0.4, 0.3, 9.0], as_history(FALLS[:10]))
    assert (
        said.startswith("Only 10 of 30 epochs can be compared: there the run ended. The shape is")
        and "9.00" not in said
    )
    said = compare(KNOTS, [1.5, 0.8, 0.4, 0.3, 9.0], as_history([*FALLS[:10], NAN, float("inf"), 1.0]))
    assert said.startswith(
        "Only 10 of 30 epochs can be compared: at epoch 11 the validation loss was not a number. The shape is"
    )
    one = compare(KNOTS, [1.5] * 5, as_history([1.2]))
    assert "Only 1 of 30" in one and "shape" not in one and "you drew 1.50, it came to 1.20, 0.30 lower" in one
    assert "nothing to compare" in compare(KNOTS, [1.5] * 5, as_history([NAN, 1.0]))
    assert "nothing to compare" in compare(KNOTS, [1.5] * 5, {}) and "nothing to compare" in compare(
        KNOTS, [1.5] * 5, as_history([])
    )


def test_a_longer_run_is_compared_up_to_the_last_knot():
    assert compare(KNOTS, [1.0] * 5, as_history([*FALLS, 99.0, NAN])) == compare(KNOTS, [1.0] * 5, as_history(FALLS))


def test_a_history_that_cannot_be_compared_is_refused_in_words():
    with pytest.raises(CurveError, match="no validation loss"):
        compare(KNOTS, [1.0] * 5, {"loss": [1.0]})
