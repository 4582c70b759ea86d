"""Curves: what a history says in words, and the picture that shows it."""

import base64
import html.parser
import io

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot

from helpers import curves
from helpers.curves.history import panes
from helpers.curves.sheets import TRAINING, VALIDATION

NAN = float("nan")


def overfitting(epochs=30, noise=0.0, seed=0):
    """Both losses fall until epoch 7; then validation loss doubles. Validation data to the end."""
    epoch = np.arange(1, epochs + 1)
    wobble = 1 + noise * np.random.RandomState(seed).randn(4, epochs)
    train = 1.2 * np.exp(-epoch / 6)
    val = 0.36 + 0.5 * np.exp(-epoch / 2) + 0.02 * np.maximum(epoch - 7, 0)
    return as_history(train * wobble[0], val * wobble[1], 1 - train / 2 * wobble[2], 0.85 - val / 5 * wobble[3])


def as_history(loss, val_loss=None, accuracy=None, val_accuracy=None):
    logs = {"loss": loss, "val_loss": val_loss, "accuracy": accuracy, "val_accuracy": val_accuracy}
    return {key: [float(v) for v in values] for key, values in logs.items() if values is not None}


class History:
    """As Keras has it: an object with the dict in it."""

    def __init__(self, logs):
        self.history = logs


# Reading a history


def test_a_history_object_and_its_dict_are_the_same():
    logs = overfitting()
    assert curves.describe(History(logs)) == curves.describe(logs)
    assert curves.best_epoch(History(logs)) == curves.best_epoch(logs)
    assert curves.best_epoch(logs) == np.argmin(logs["val_loss"]) + 1


def test_panes_hold_the_loss_and_the_accuracy():
    loss, accuracy = panes(as_history([1, 0.5], [1.1, 0.8], [0.5, 0.7], [0.4, 0.6]))
    assert (loss.name, accuracy.name) == ("loss", "accuracy")
    assert loss.train.tolist() == [1, 0.5] and loss.val.tolist() == [1.1, 0.8]
    assert accuracy.train.tolist() == [0.5, 0.7] and accuracy.val.tolist() == [0.4, 0.6]


@pytest.mark.parametrize(
    "keys, name",
    [
        (["acc"], "accuracy"),
        (["auc"], "auc"),
        (["auc", "binary_accuracy"], "binary_accuracy"),
        (["lr", "auc"], "auc"),
        (["learning_rate"], None),
        ([], None),
        (["head_loss", "head_accuracy"], "head_accuracy"),
    ],
)
def test_the_second_pane_is_the_accuracy_or_else_another_metric(keys, name):
    logs = {"loss": [1.0], **{key: [0.5] for key in keys}, **{f"val_{key}": [0.4] for key in keys}}
    names = [pane.name for pane in panes(logs)]
    assert names == ["loss"] + ([name] if name else [])


def test_numpy_numbers_are_numbers():
    (loss,) = panes({"loss": [np.float32(0.5), np.float32(0.25)]})
    assert loss.train.tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    "history, words",
    [
        (None, "model.fit"),
        ([0.5, 0.4], "model.fit"),
        ({"val_loss": [1.0]}, "training loss"),
        ({"loss": None}, "'loss'"),
        ({"loss": 0.5}, "'loss'"),
        ({"loss": ["0.5"]}, "list of numbers"),
        ({"loss": [0.5, None]}, "list of numbers"),
        ({"loss": [[0.5], [0.4, 0.3]]}, "list of numbers"),
        ({"loss": [[0.5], [0.4]]}, "list of numbers"),
        ({"loss": [0.5], "val_loss": [True]}, "'val_loss'"),
        ({"loss": [0.5, 0.4], "val_loss": [0.6]}, "validation_freq"),
    ],
)
@pytest.mark.parametrize("use", [panes, curves.describe, curves.best_epoch, curves.plot])
def test_what_is_not_a_history_is_refused_in_words(use, history, words):
    with pytest.raises(curves.CurveError, match=words) as refused:
        use(history)
    assert isinstance(refused.value, ValueError) and str(refused.value).endswith(".")


# In words


def test_overfitting_is_said_with_its_numbers():
    logs = as_history(
        [1.0, 0.5, 0.3, 0.1, 0.05], [1.1, 0.7, 0.6, 0.8, 0.914], [0.5, 0.7, 0.8, 0.9, 1.0], [0.4, 0.6, 0.71, 0.7, 0.7]
    )
    text = curves.describe(logs)
    assert "best epoch is 3 of 5" in text
    assert "training loss 0.30" in text and "validation loss 0.60" in text
    assert "validation accuracy 0.71" in text
    assert "rises again from 0.60 to 0.91, a sign of overfitting" in text
    assert "0.86 above training loss" in text


def test_the_first_of_several_best_epochs_counts():
    assert curves.best_epoch(as_history([3, 2, 1, 0], [1.0, 0.5, 0.7, 0.5])) == 2


@pytest.mark.parametrize(
    "val, verdict",
    [
        (2 * np.exp(-np.arange(20) / 8), "is still falling at the end"),
        (0.5 + np.exp(-np.arange(30) / 2), "falls, then levels off"),
        (np.r_[1.5, 1.0, 0.7, np.linspace(0.53, 0.58, 20)], "falls, then levels off"),
        (np.r_[1.5, 1.0, 0.7, np.linspace(0.58, 0.50, 20)], "falls, then levels off"),
        (2.3 - 0.002 * np.arange(20), "hardly changes"),
        (0.5 + 0.015 * np.arange(20), "rises"),
    ],
)
def test_what_validation_loss_does_after_its_best_epoch(val, verdict):
    logs = as_history(val * 0.9, val)
    assert f"Validation loss {verdict}" in curves.describe(logs)
    assert curves.describe(logs, numbers=False).endswith(f"Validation loss {verdict}.")


def test_overfitting_is_not_blamed_when_training_loss_rises_as_well():
    exploding = [1.0, 0.5, 5.0, 1e3, 1e9]
    text = curves.describe(as_history(exploding, exploding))
    assert "explodes to 1 billion" in text and "overfitting" not in text
    assert curves.describe(as_history(exploding, exploding), numbers=False) == "Training loss explodes."


def test_a_first_loss_far_above_all_others_is_an_explosion_as_well():
    assert "explodes to 400.00; its lowest value is 1.10" in curves.describe(
        as_history([400, 1.2, 1.1, 1.1], [1.1] * 4)
    )


def test_a_curve_that_goes_up_and_down_is_not_said_to_rise_or_fall():
    val = 0.6 + 0.1 * (-1) ** np.arange(20)
    text = curves.describe(as_history(np.linspace(1, 0.3, 20), val))
    assert "lowest validation loss is at epoch 2 of 20" in text and "up and down" in text and "rises again" not in text
    assert curves.describe(as_history(np.linspace(1, 0.3, 20), val + np.linspace(0, 5, 20))).count("up and down") == 0


def test_a_rise_too_small_to_see_is_none():
    values = [2.0, 0.5, 0.002, 0.001, 0.002, 0.0015]  # the last are 0.1 % of the curve's height
    assert "levels off" in curves.describe(as_history(values, values))


def test_validation_loss_below_training_loss():
    assert "0.20 below training loss" in curves.describe(as_history([1.2, 1.0], [1.0, 0.8]))


def test_without_validation_data_it_says_so():
    text = curves.describe(as_history([0.9, 0.4, 0.6]))
    assert "no validation data" in text and "epoch 2 of 3" in text and "training loss 0.40" in text
    assert "validation loss" not in text.lower()


def test_one_epoch_is_no_trend():
    assert curves.describe(as_history([0.9], [0.8])) == (
        "One epoch, no trend yet: training loss 0.90, validation loss 0.80."
    )
    assert "no epoch" in curves.describe({}).lower()
    assert "no epoch" in curves.describe({"loss": [], "val_loss": []}).lower()


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_loss_that_is_no_number(bad):
    text = curves.describe(as_history([1.0, 0.8, bad, bad], [0.9, 0.7, bad, bad]))
    assert "training loss stopped being a number at epoch 3" in text and "best epoch is 2" in text
    assert "validation loss stopped being a number at epoch 4" in curves.describe(
        as_history([1.0, 0.8, 0.6, 0.5], [0.9, 0.7, 0.7, bad])
    )
    assert "at epoch 1" in curves.describe(as_history([bad], [bad]))
    assert curves.best_epoch(as_history([bad], [bad])) is None


def test_the_description_is_short():
    assert 1 <= curves.describe(overfitting()).count(". ") + 1 <= 3


@pytest.mark.parametrize("seed", range(20))
def test_without_numbers_a_slightly_different_history_has_the_same_words(seed):
    text = curves.describe(overfitting(noise=0.03, seed=seed), numbers=False)
    assert text == "Training loss falls. Validation loss falls, then rises again."
    stopped = as_history([1.0] * (seed + 1) + [NAN])
    assert not any(c.isdigit() for c in curves.describe(stopped, numbers=False))


# The picture


class Images(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes))


def pixels(picture):
    return matplotlib.image.imread(io.BytesIO(picture.png), format="png")[..., :3]


def has_colour(picture, colour):
    distance = np.abs(pixels(picture) - matplotlib.colors.to_rgb(colour)).max(axis=-1)
    return (distance < 0.02).sum() > 20


def test_a_cell_shows_one_picture_with_alt_text():
    history = overfitting()
    picture = curves.plot(history)
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == curves.describe(history, numbers=False)
    assert base64.b64decode(data["image/png"]) == picture.png
    images = Images()
    images.feed(data["text/html"])
    (image,) = images.found
    assert image["alt"] == metadata["image/png"]["alt"] == data["text/plain"]
    assert image["src"] == "data:image/png;base64," + data["image/png"]


def test_the_alt_text_has_numbers_on_request():
    history = overfitting()
    assert curves.plot(history, numbers=True).alt == curves.describe(history)


def test_the_notebook_takes_our_text_and_not_its_own():
    picture = curves.plot(overfitting(5))
    data, _ = DisplayFormatter().format(picture)
    assert set(data) == {"text/html", "image/png", "text/plain"}
    assert data["text/plain"] == picture.alt


@pytest.mark.parametrize("epochs", [1, 2, 30, 100])
def test_pictures_are_small_files(epochs):
    ghosts = [(f"dropout=0.{n}", overfitting(epochs, 0.05, n)) for n in range(3)]
    picture = curves.plot(overfitting(epochs, 0.05), ghosts, title="Three settings")
    assert len(picture.png) < 100 * 1024


def test_training_and_validation_have_their_colours():
    both, alone = curves.plot(overfitting()), curves.plot({"loss": [3.0, 2.0, 1.0]})
    assert has_colour(both, TRAINING) and has_colour(both, VALIDATION)
    assert has_colour(alone, TRAINING) and not has_colour(alone, VALIDATION)


def test_one_epoch_is_a_point():
    loss = curves.plot(as_history([0.9])).figure.axes[0]
    (line,) = [line for line in loss.lines if line.get_label() == "training"]
    assert line.get_marker() == "o" and line.get_xydata().tolist() == [[1, 0.9]]
    assert loss.get_xlim()[0] < 1 < loss.get_xlim()[1]
    assert has_colour(curves.plot(as_history([0.9])), TRAINING)


def texts(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def test_the_best_epoch_is_marked():
    logs = overfitting()
    assert f"best epoch {curves.best_epoch(logs)}" in texts(curves.plot(logs))
    assert not any("best" in text for text in texts(curves.plot({"loss": [2.0, 1.0]})))


def test_ghosts_are_named_and_their_names_do_not_touch():
    same = [(f"dropout=0.{n}", overfitting()) for n in range(4)]
    picture = curves.plot(overfitting(), same)
    assert all(texts(picture).count(label) == 2 for label, _ in same)  # once in each pane
    for axes in picture.figure.axes:
        heights = sorted(
            box.y0 for box in (text.get_window_extent() for text in axes.texts if text.get_text().startswith("dropout"))
        )
        size = axes.texts[0].get_window_extent().height
        assert min(np.diff(heights)) >= 0.9 * size


def test_a_loss_that_explodes_leaves_the_others_visible():
    history, ghost = as_history([1.0, 0.5, 1e6], [1.1, 0.7, 1e9]), as_history([5e4])
    picture = curves.plot(history, [("rate=9", ghost)])
    low, high = picture.figure.axes[0].get_ylim()
    assert -0.2 < low <= 0 and 1.1 < high < 5


def test_validation_loss_is_visible_beside_a_tiny_training_loss():
    assert curves.plot(as_history([0.01, 0.001], [0.7, 0.9])).figure.axes[0].get_ylim()[1] > 0.9


def test_negative_losses_are_visible():
    low, high = curves.plot(as_history([-0.2, -0.9])).figure.axes[0].get_ylim()
    assert low < -0.9 and high >= 0


@pytest.mark.parametrize(
    "logs",
    [{}, {"loss": [NAN]}, as_history([NAN, NAN], [NAN, NAN]), as_history([0, 0], [0, 0]), as_history([1e-9, 1e-10])],
)
def test_odd_histories_are_drawn(logs):
    picture = curves.plot(logs, [("nothing", {}), ("lost", {"loss": [NAN]})])
    assert picture.png.startswith(b"\x89PNG")


def test_nothing_is_left_with_pyplot():
    before = pyplot.get_fignums()
    curves.plot(overfitting())
    assert pyplot.get_fignums() == before


def test_the_picture_is_white_in_a_dark_style():
    with pyplot.style.context(["dark_background", {"savefig.facecolor": "black"}]):
        picture = curves.plot(overfitting(5))
    assert pixels(picture).mean() > 0.9 and (pixels(picture)[:2] == 1).all()
