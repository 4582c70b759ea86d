"""Early stopping replayed: what Keras's own callback does is the measure of what `early_stop` says."""

import html
import json
import warnings
from xml.etree import ElementTree

import keras
import numpy as np
import pytest

from helpers.curves import live_chart
from helpers.curves.history import CurveError
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts.replay import Replay, early_stop, replay
from tests.curves.test_live_chart import Drawing, is_png
from tests.networks import digits_network, few_digits

NAN, INF = float("nan"), float("inf")
RISING_AGAIN = {
    "loss": [1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
    "val_loss": [1.1, 0.9, 0.85, 0.95, 0.9, 0.7, 0.8, 0.9],
}


@pytest.fixture
def background(monkeypatch):
    """Parts behave as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


def as_history(val_loss):
    return {"loss": [1.0] * len(val_loss), "val_loss": list(val_loss)}


class Weights:
    """A model as far as the callback knows one; its weights are the number of epochs it has been trained for."""

    def __init__(self):
        self.weights, self.stop_training = 0, False

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def keras_says(values, patience, min_delta, monitor="val_loss", mode="auto"):
    """(epoch after which Keras stops, epoch whose weights the model has at the end) for metric `values`."""
    callback = keras.callbacks.EarlyStopping(monitor, min_delta, patience, mode=mode, restore_best_weights=True)
    model = Weights()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch)
        model.weights = epoch + 1
        callback.on_epoch_end(epoch, {monitor: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return epoch + 1, model.weights


def some_values(random):
    """Losses as they come, with ties, plateaus, values that are no numbers, and straight lines."""
    values = np.exp(-np.arange(random.integers(1, 30)) / random.uniform(2, 30)) + random.normal(
        0, random.choice([0, 0.01, 0.1]), 1
    )
    values = values + random.normal(0, random.choice([0.0, 0.01, 0.1]), len(values))
    values = np.round(values, random.choice([1, 2, 7]))  # one digit: many ties
    values = random.choice([1, -1, 0]) * values if random.random() < 0.3 else values
    values[random.random(len(values)) < random.choice([0, 0, 0.1, 0.5])] = random.choice([NAN, INF, -INF])
    return values.astype(np.float32 if random.random() < 0.5 else float).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_it_stops_and_goes_back_where_keras_does(seed):
    random = np.random.default_rng(seed)
    for _ in range(60):
        values = some_values(random)
        for patience in (0, 1, 2, 5):
            for min_delta in (0, 0.01, 0.1, -0.1):
                stopped, best, in_time = early_stop(as_history(values), patience, min_delta)
                assert (stopped, best) == keras_says(values, patience, min_delta), (values, patience, min_delta)
                assert in_time == (stopped < len(values))


@pytest.mark.parametrize(
    "values",
    [
        [3.0, 2.0, 1.0],
        [1.0, 2.0, 3.0],
        [1.0, 1.0, 1.0],
        [1.0],
        [NAN],
        [NAN, 1.0, 0.5],
        [1.0, NAN, NAN, 0.5],
        [INF, 1.0],
        [1.0, 0.75, 0.5, 0.25],
        [0.4, 0.3, 0.2],
        [0.3, 0.2, 0.1],
        [3e38, 2e38, 1.0],
        [1.0, 1.0 - 1e-9],  # the same number in the 32 bits in which Keras compares
    ],
)
@pytest.mark.parametrize("patience", [0, 1, 2])
@pytest.mark.parametrize("min_delta", [0, 0.1, 0.25])
def test_special_courses_end_as_in_keras(values, patience, min_delta):
    assert early_stop(as_history(values), patience, min_delta)[:2] == keras_says(values, patience, min_delta)


def test_of_an_accuracy_more_is_better():
    random = np.random.default_rng(0)
    for _ in range(50):
        values = np.round(random.random(12), 1).tolist()
        history = {"loss": [1.0] * 12, "accuracy": [0.5] * 12, "val_accuracy": values}
        assert early_stop(history, 2, 0.1, "val_accuracy")[:2] == keras_says(values, 2, 0.1, "val_accuracy", "max")
    assert early_stop({**RISING_AGAIN, "acc": [1, 2, 3, 3, 3, 3, 3, 3]}, 1, monitor="acc")[:2] == (4, 3)


@pytest.mark.slow
def test_a_real_fit_with_early_stopping_does_what_the_replay_of_a_whole_run_says():
    x, y, validation = few_digits(60, 60)

    def run(callbacks):
        keras.utils.set_random_seed(0)
        model = digits_network(dropout=0.0, learning_rate=0.05)
        history = model.fit(x, y, validation_data=validation, epochs=12, verbose=0, callbacks=callbacks)
        return model, history

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(self.model.get_weights())

    kept = []
    _, whole = run([Keep()])
    told = early_stop(whole, 1)
    assert told.in_time and told.best < told.stopped < 12
    model, history = run([keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)])
    assert len(history.epoch) == told.stopped
    assert all(
        np.array_equal(mine, theirs) for mine, theirs in zip(model.get_weights(), kept[told.best - 1], strict=True)
    )


@pytest.mark.parametrize(
    "history, monitor, words",
    [
        ({"loss": [1.0, 0.5]}, "val_loss", "no 'val_loss'.*validation_split"),
        (RISING_AGAIN, "val_acuracy", "no 'val_acuracy'.*spelled"),
        (None, "val_loss", "no training loss"),
        ({}, "val_loss", "no epoch"),
        ({"loss": [], "val_loss": []}, "val_loss", "no epoch"),
        ({"loss": [1.0, 0.5], "val_loss": [1.0]}, "val_loss", "1 values"),
        ({"loss": [1.0], "accuracy": [0.5], "val_accuracy": ["high"]}, "val_accuracy", "list of numbers"),
    ],
)
def test_histories_that_cannot_be_replayed_are_refused_in_words(history, monitor, words):
    with pytest.raises(CurveError, match=words):
        early_stop(history, 3, monitor=monitor)


@pytest.mark.parametrize(
    "patience, min_delta, monitor, words",
    [
        (-1, 0, "val_loss", "patience=-1"),
        (2.5, 0, "val_loss", "whole number"),
        (True, 0, "val_loss", "whole number"),
        (3, "0.1", "val_loss", "min_delta='0.1'"),
        (3, NAN, "val_loss", "must be a number"),
        (3, 0, "auc", "a loss or an accuracy"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(patience, min_delta, monitor, words):
    with pytest.raises(LessonError, match=words):
        early_stop({**RISING_AGAIN, "auc": [0.5] * 8}, patience, min_delta, monitor)


# The live part


def marks(part):
    root = ElementTree.fromstring(part._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def words(part):
    return html.unescape(part._words.value)


def upright(part):
    """Epoch and words of the upright lines."""
    drawing = Drawing(part._picture())
    lines = [
        float(path.get("d")[1:].split(",")[0]) for path in drawing.root.iter("path") if path.get("class") == "best"
    ]
    ticks = drawing.ticks("loss", "x")
    return (
        np.interp(lines, [x for x, _ in ticks], [epoch for _, epoch in ticks]).round().tolist(),
        [text for text in drawing.texts() if text.startswith(("back", "stop"))],
    )


def test_what_would_not_have_been_trained_is_drawn_apart(background):
    part = replay(RISING_AGAIN, patience=(0, 5, 2))
    assert part.result == (5, 3, True) and part.state == "done"
    drawing = Drawing(part._picture())
    for key in ("loss", "val_loss"):
        trained, rest = drawing.values("loss", key), drawing.values("loss", f"{key} not trained")
        assert np.allclose(list(trained.values()), RISING_AGAIN[key][:5], atol=0.01)
        assert np.allclose(sorted(rest), [5, 6, 7, 8], atol=0.02) and np.allclose(
            list(rest.values()), RISING_AGAIN[key][4:], atol=0.01
        )
    assert upright(part) == ([3, 5], ["back to 3", "stop after 5"]) and "not trained" in drawing.texts()
    said = words(part)
    assert (
        "With patience 2 training would stop after epoch 5 of 8 and give back the weights of epoch 3 (validation loss"
        " 0.85); 3 epochs saved." in said
    )
    assert "A lower validation loss came later, at epoch 6: this patience was too short." in said
    assert (
        marks(part)["epoch"] == "5"
        and marks(part)["epochs"] == "8"
        and json.loads(marks(part)["settings"]) == {"patience": 2, "min_delta": 0}
    )


def test_a_control_moves_picture_and_words_at_once_without_the_thread_that_trains(background, monkeypatch):
    monkeypatch.setattr(live_module.WORKER, "request", lambda part: pytest.fail("nothing is to be trained"))
    part = replay(RISING_AGAIN, patience=(0, 5, 2))
    part._controls["patience"].value = 4
    assert part.result == (8, 6, False) and "would never stop early: it goes through all 8 epochs" in words(part)
    assert "came later" not in words(part) and upright(part) == ([6], ["back to 6"])
    assert not Drawing(part._picture()).lines("val_loss not trained") and marks(part)["state"] == "done"
    part._controls["patience"].value = 2
    part._controls["min_delta"].value = 0.05
    assert part.settings == {"patience": 2, "min_delta": 0.05} and part.result == (4, 2, True)
    assert "With patience 2 and min_delta 0.05 training would stop after epoch 4 of 8" in words(
        part
    ) and "or min_delta too large" in words(part)


def test_a_lower_loss_that_min_delta_passed_over_is_told(background):
    part = replay(as_history([1.0, 0.9, 0.88, 0.87, 0.95]), patience=2, min_delta=[0.05])
    assert part.result == (
        4,
        2,
        True,
    ) and "The validation loss of epoch 4 was lower, but not by more than min_delta." in words(part)
    assert "1 epoch saved" in words(part)


def test_a_first_loss_that_is_no_number_is_never_beaten_and_it_is_told_why(background):
    part = replay(as_history([NAN, 0.9, 0.8, 0.7]), patience=2)
    assert part.result == (3, 1, True) and "no later epoch counts as better" in words(part)


@pytest.mark.parametrize("epochs", [5, 12, 40, 200])
def test_no_label_of_an_upright_line_touches_another_text(background, epochs):
    part = replay(as_history(np.linspace(1, 2, epochs)), patience=(0, epochs, 0), min_delta=0)
    for best in {*range(1, min(epochs - 1, 25)), *range(1, epochs - 1, 10), epochs - 2}:
        losses = np.abs(np.arange(1, epochs + 1) - best) + 1.0
        part._loss = part._loss._replace(val=losses)
        for patience in {1, epochs // 4 + 1, epochs - best - 1}:
            part._controls["patience"].value = patience
            part.run()
            boxes = []  # in the narrowest pane: from, to, baseline
            for text in Drawing(part._picture()).panes["loss"].iter("text"):
                if text.text and text.text.startswith(("back", "stop")):
                    wide, x = 6.2 * len(text.text), live_chart.NARROWEST * float(text.get("x").rstrip("%")) / 100
                    left = x - wide * {"": 0, "middle": 0.5, "end": 1}[text.get("class").removeprefix("mark").strip()]
                    boxes.append((left, left + wide, float(text.get("y"))))
            for number, (left, right, y) in enumerate(boxes):
                assert right < 800 and all(
                    abs(y - y2) > 11 or left >= right2 or left2 >= right for left2, right2, y2 in boxes[:number]
                ), boxes


def test_the_recorded_run_may_be_a_keras_history_and_is_not_changed_by_more_training(background):
    history = keras.callbacks.History()
    history.history = {name: list(values) for name, values in RISING_AGAIN.items()}
    part = replay(history)
    history.history["val_loss"][:] = [0.0] * 8
    part._controls["patience"].value = 2
    assert part.result == (5, 3, True)


def test_a_lone_epoch_can_be_replayed(background):
    part = replay({"loss": [1.0], "val_loss": [1.0]})
    assert part.result == (1, 1, False) and upright(part) == ([1], ["back to 1"])


@pytest.mark.parametrize(
    "history, forms, error, said",
    [
        ({"loss": [1.0, 0.5]}, {}, CurveError, "no 'val_loss'"),
        ("history", {}, CurveError, "no training loss"),
        ({}, {}, CurveError, "no epoch"),
        (RISING_AGAIN, {"patience": (5, 1)}, LessonError, "first number must be smaller"),
        (RISING_AGAIN, {"patience": -1}, LessonError, "0 or more"),
        (RISING_AGAIN, {"patience": (0.0, 5.0)}, LessonError, "whole number"),
        (RISING_AGAIN, {"min_delta": []}, LessonError, "nothing to choose"),
    ],
)
def test_mistakes_are_told_in_words(background, history, forms, error, said):
    with pytest.raises(error, match=said):
        replay(history, **forms)


def test_a_value_that_cannot_be_is_told_on_the_page_and_the_next_move_recovers(background):
    part = replay(RISING_AGAIN, patience=(-2, 5, 3))
    part._controls["patience"].value = -1
    assert part.state == "error" and "0 or more" in words(part)
    part._controls["patience"].value = 0
    assert part.state == "done"


def test_closing_leaves_nothing_to_move(background):
    part = replay(RISING_AGAIN)
    part.close()
    before = part._chart.value
    part._controls["patience"].value = 0
    assert part._chart.value == before and part._stop_button.comm is None


def test_a_reader_without_a_kernel_sees_the_picture_and_a_verdict_without_figures_of_this_machine(monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = replay(RISING_AGAIN, patience=2)
    (data,) = shown
    assert data["text/plain"] == (
        "Early stopping with patience 2, replayed on the recorded curves. "
        "Training loss falls. Validation loss falls, then rises again."
    )
    alt = data["text/html"].split('alt="')[1].split('"')[0]
    assert is_png(data["image/png"]) and not any(letter.isdigit() for letter in alt)
    assert isinstance(part, Replay) and "patience 2" in repr(part)
