"""The microscope: what it shows is what the network's own layers do to the same batch, and the network stays as it
is."""

import html
import json
import re
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
from keras import layers

from helpers.curves import feature_maps
from helpers.data import clothing
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts.microscope import Microscope, microscope
from tests.curves.test_live_chart import is_png

pytestmark = pytest.mark.slow  # trains many networks

CLOTHES = clothing(("Dress", "Shirt"), n_train=200, n_validation=10, one_hot=True)
X = CLOTHES.x_train


@pytest.fixture(autouse=True)
def background(monkeypatch):
    """Parts behave as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


def network(*inner):
    return keras.Sequential([keras.Input((28, 28, 1)), *inner, layers.Flatten(), layers.Dense(2, activation="softmax")])


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = network(
        layers.Conv2D(6, 3, activation="relu"), layers.BatchNormalization(momentum=0.9), layers.Dropout(0.25)
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", run_eagerly=True)
    model.fit(X, CLOTHES.y_train, epochs=2, batch_size=50, verbose=0)
    return model


def words(part):
    return html.unescape(re.sub("<.*?>", "", part._words.value))


def labels(part):
    return [
        html.unescape(element.get("aria-label"))
        for element in ElementTree.fromstring(part._chart.value).iter()
        if element.get("aria-label")
    ]


def move(part, **values):
    for name, value in values.items():
        part._controls[name].value = value


def height(part):
    return ElementTree.fromstring(part._chart.value)[0].get("viewBox")


def texts(part):
    return [text.text for text in ElementTree.fromstring(part._chart.value).iter("text")]


def statistics(x):
    x = np.asarray(x, dtype=float).reshape(-1, np.shape(x)[-1])
    return x.mean(0), x.std(0)


def row(part, channel):
    """The numbers of a row of the table, as a screen reader is told them."""
    (told,) = [label for label in labels(part) if label.startswith(f"{channel}: batch mean")]
    return {
        name.strip(): float(value)
        for name, value in re.findall(r"([a-zT][^,]*?) (-?[\d.]+)(?:,|$)", told.split(": ", 1)[1])
    }


def curve(part, name):
    """The values of a moving average, read off its axes."""
    (pane,) = [group for group in ElementTree.fromstring(part._chart.value).iter("g") if group.get("data-pane") == name]
    ticks = [(float(text.get("y")), float(text.text)) for text in pane.iter("text") if text.get("class") == "ytick"]
    (line,) = pane.iter("polyline")
    heights = [float(pair.split(",")[1]) for pair in line.get("points").split()]
    (y0, v0), (y1, v1) = ticks[0], ticks[-1]
    return v0 + (np.array(heights) - y0) * (v1 - v0) / (y1 - y0)


# The controls


def test_its_controls_have_their_names_and_start_as_the_network_is(model):
    part = microscope(model, X)
    assert isinstance(part, Microscope) and part.state == "ready"
    assert {name: control.description for name, control in part._controls.items()} == {
        name: name for name in ("rate", "batch_size", "step", "momentum")
    }
    assert part.settings == {"rate": 0.25, "batch_size": 32, "step": 10, "momentum": 0.9, "mask": 1}
    assert (part._controls["rate"].max, part._controls["step"].min, part._controls["step"].max) == (0.8, 0, 60)
    assert [value for _, value in part._controls["batch_size"].options] == [2, 4, 8, 16, 32, 64]
    assert [value for _, value in part._controls["momentum"].options] == [0.5, 0.9, 0.99]
    marks = ElementTree.fromstring(part._chart.value).attrib
    assert json.loads(marks["data-settings"]) == part.settings and (marks["data-epoch"], marks["data-epochs"]) == (
        "10",
        "60",
    )


@pytest.mark.parametrize(
    "inner, names",
    [
        (layers.Dropout(0.5), ["rate", "batch_size"]),
        (layers.BatchNormalization(momentum=0.95), ["batch_size", "step", "momentum"]),
    ],
)
def test_only_the_controls_of_the_layers_there_are(inner, names):
    part = microscope(network(inner), X)
    assert list(part._controls) == names and ("Another draw" in str(part._box.children)) == ("rate" in names)
    assert (part.dropped is None) == ("rate" not in names) and (part.moving is None) == ("step" not in names)
    assert ("% of the units" in words(part)) == ("rate" in names) and ("moving mean" in words(part)) == (
        "step" in names
    )
    if "momentum" in names:
        assert part.settings["momentum"] == 0.95 and [value for _, value in part._controls["momentum"].options] == [
            0.5,
            0.9,
            0.95,
            0.99,
        ]


@pytest.mark.parametrize("rate", [0.0, 0.33, 0.9, 1 / 3, 0.999])
def test_the_rate_starts_at_that_of_the_network(rate):
    part = microscope(network(layers.Dropout(rate)), X)
    assert part.settings["rate"] == min(round(rate, 2), 0.99) and part._controls["rate"].max == max(
        0.8, part.settings["rate"]
    )
    assert part.state == "ready"


@pytest.mark.parametrize("n, sizes", [(2, None), (3, [2, 3]), (20, [2, 4, 8, 16, 20])])
def test_a_batch_has_no_more_pictures_than_there_are(model, n, sizes):
    part = microscope(model, X[:n])
    assert (
        [value for _, value in part._controls["batch_size"].options] if "batch_size" in part._controls else None
    ) == sizes
    assert part.settings["batch_size"] == n and part.state == "ready"


def test_the_picture_never_jumps_and_is_always_whole(model):
    part = microscope(model, X)
    tall = height(part)
    for settings in (
        {"rate": 0},
        {"rate": 0.8},
        {"batch_size": 2},
        {"step": 0},
        {"step": 60},
        {"momentum": 0.99},
        {"batch_size": 64, "rate": 0.4},
    ):
        move(part, **settings)
        assert height(part) == tall and part.state == "ready"
        assert not re.search(
            r"nan|inf\b|-0\.00\b", part._chart.value.split("base64")[0] + words(part) + " ".join(labels(part))
        )


# Dropout


def test_dropout_says_what_it_drops_and_keeps_the_mean(model):
    part = microscope(model, X)
    batch = np.asarray(model.layers[1](model.layers[0](X[:32]), training=False))
    assert part.means["before"] == part.means["predicting"] == pytest.approx(batch.mean(), abs=1e-5)
    for rate in (0.1, 0.5, 0.8):
        move(part, rate=rate)
        assert part.dropped == pytest.approx(rate, abs=0.01) and part.means["training"] == pytest.approx(
            batch.mean(), abs=0.03
        )
        assert f"Rate {rate:g}: {100 * part.dropped:.1f} % of the units" in words(
            part
        ) and f"multiplied by {1 / (1 - rate):.2f}." in words(part)
    move(part, rate=0)
    assert part.dropped == 0 and part.means["training"] == part.means["before"] and "no unit is dropped" in words(part)


def test_the_maps_are_those_of_the_garment_and_only_the_middle_row_changes(model):
    part = microscope(model, X, picture=7)
    maps = np.asarray(model.layers[1](model.layers[0](X[7:8]), training=False))[0]
    assert np.allclose(np.moveaxis(part._maps, 0, -1), maps[..., :5], atol=1e-5)
    kept = ~part._maps_dropped
    assert np.allclose(part._maps_after[kept], part._maps[kept] / 0.75) and not part._maps_after[~kept].any()

    def rows():
        return re.findall(r'x="150"[^>]* href="([^"]*)"', part._chart.value)

    before, training, predicting = rows()
    assert before == predicting != training
    move(part, rate=0.6)
    assert rows()[0] == rows()[2] == before and rows()[1] not in (before, training)
    share = int(part._maps_dropped.sum())
    assert f"while training, channels 0 to 4: {share} of {5 * 26 * 26} units dropped" in labels(part)


def test_dropped_units_are_white_and_crossed_out(monkeypatch):
    drawn = []
    monkeypatch.setattr(feature_maps, "png", drawn.append)
    dropped = np.array([[[True, False], [False, False]]])
    feature_maps.strip(np.zeros((1, 2, 2)), 0, 1, dropped)
    (pixels,) = drawn
    size = len(pixels) // 2
    assert (pixels[0, size - 1] == feature_maps.NOTHING).all() and (
        pixels[size // 2, size // 2, :3] == feature_maps.CROSSED
    ).all()
    assert (pixels[size:] == [*feature_maps.SHADES[0], 1]).all()


def test_another_draw_is_told_and_drops_other_units(model):
    part = microscope(model, X)
    before, units, chart = part.dropped, part._maps_dropped, part._chart.value
    part._button.click()
    assert part.settings["mask"] == 2 and words(part).startswith("Another mask, draw number 2. Rate 0.25")
    assert part.dropped != before and (part._maps_dropped != units).mean() > 0.2 and part._chart.value != chart
    second = part._maps_dropped
    move(part, batch_size=4)
    assert np.array_equal(part._maps_dropped, second) and words(part).startswith("Rate 0.25")


# Batch normalisation


@pytest.mark.parametrize("size, first", [(2, 0), (32, 5), (64, 180)])
def test_the_table_says_what_the_layer_does(model, size, first):
    part = microscope(model, X, picture=first)
    move(part, batch_size=size)
    norm = model.layers[1]
    batch = model.layers[0](X[(first + np.arange(size)) % 200])
    twin = layers.BatchNormalization.from_config(norm.get_config())
    twin.build(batch.shape)
    twin.set_weights(norm.get_weights())
    gamma, beta, mean, variance = norm.get_weights()
    told = {False: statistics((twin(batch, training=False) - beta) / gamma)}
    told[True] = statistics((twin(batch, training=True) - beta) / gamma)
    for channel in range(5):
        numbers = row(part, channel)
        for name, expected in {
            "batch mean": statistics(batch)[0],
            "batch std": statistics(batch)[1],
            "training=True mean": told[True][0],
            "training=True std": told[True][1],
            "training=False mean": told[False][0],
            "training=False std": told[False][1],
            "moving mean": mean,
            "moving std": np.sqrt(variance),
            "trained gamma": gamma,
            "trained beta": beta,
        }.items():
            assert numbers[name] == pytest.approx(expected[channel], abs=0.0052), (channel, name)
    c = part.channel
    assert c == statistics(model.layers[0](X))[1][:5].argmax()
    assert f"mean {told[True][0][c] + 0:.2f} and std {told[True][1][c]:.2f}".replace("-0.00", "0.00") in words(part)
    assert f"training=True: mean 0.00, std {told[True][1][c]:.2f}" in " ".join(labels(part))


@pytest.mark.parametrize("size, momentum", [(2, 0.5), (64, 0.99), (32, 0.9)])
def test_the_moving_averages_catch_up_as_those_of_a_fresh_layer(model, size, momentum):
    part = microscope(model, X)
    move(part, batch_size=size, momentum=momentum)
    fresh = layers.BatchNormalization(momentum=momentum)
    reach, c = np.asarray(model.layers[0](X)), part.channel
    for step in range(61):
        if step:
            fresh(reach[((step - 1) * size + np.arange(size)) % 200], training=True)
            assert part.moving[0][step] == pytest.approx(np.asarray(fresh.moving_mean)[c], abs=1e-5)
            assert part.moving[1][step] == pytest.approx(np.asarray(fresh.moving_variance)[c], abs=1e-5)
        if step in (0, 1, 7, 60):
            move(part, step=step)
            assert (
                f"moving mean is {part.moving[0][step]:.3f}; over all pictures the mean is {reach[..., c].mean():.3f}"
                in words(part)
            )
            mean = (reach[:size, ..., c].mean() - part.moving[0][step]) / np.sqrt(part.moving[1][step] + 0.001)
            (told,) = [label for label in labels(part) if f"after step {step}:" in label]
            assert float(told.split("mean ")[1].split(",")[0]) == pytest.approx(mean, abs=0.0051)
    for name, moving in zip(("moving mean", "moving variance"), part.moving, strict=True):
        assert np.allclose(curve(part, name), moving, atol=0.01 * max(moving))


def test_a_channel_that_is_always_zero_is_no_trouble():
    model = network(
        layers.Conv2D(3, 3, activation="relu", kernel_initializer="zeros"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
    )
    part = microscope(model, X)
    assert part.state == "ready" and row(part, 0)["training=True std"] == 0 and "nan" not in words(part)


# Other networks, and errors


def test_rows_of_units_are_one_map():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dropout(0.4),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    part = microscope(model, X)
    units = part._dropout.inputs[0]
    assert np.allclose(part._maps[0].ravel()[:100], units) and np.isnan(part._maps[0].ravel()[100:]).all()
    assert any(
        "all 100 units" in label and "of 100 units dropped" in label for label in labels(part)
    ) and "channel 0" not in texts(part)
    assert (
        microscope(keras.Sequential([keras.Input((1,)), layers.Dropout(0.5)]), np.arange(5.0)[:, np.newaxis]).state
        == "ready"
    )


def test_pictures_without_the_axis_of_channels_and_as_whole_numbers(model):
    part = microscope(model, (255 * X[..., 0]).astype(np.uint8))
    assert part.state == "ready" and part._garment and part._maps.shape == (5, 26, 26)


def test_the_network_is_the_same_afterwards(model):
    before = [
        np.asarray(variable)
        for variable in (*model.variables, *model.optimizer.variables, model.layers[2].seed_generator.state)
    ]
    said = model.predict(X[:8], verbose=0)
    part = microscope(model, X)
    move(part, rate=0.7, batch_size=2, step=60, momentum=0.5)
    part._button.click()
    after = [
        np.asarray(variable)
        for variable in (*model.variables, *model.optimizer.variables, model.layers[2].seed_generator.state)
    ]
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert model.layers[2].rate == 0.25 and np.array_equal(model.predict(X[:8], verbose=0), said)


def test_what_was_seen_stays_when_the_network_goes_on_learning(model):
    other = keras.models.clone_model(model)
    part = microscope(other, X)
    before = words(part)
    other.set_weights([weights + 1 for weights in other.get_weights()])
    move(part, step=11)
    move(part, step=10)
    assert words(part) == before


def test_mistakes_are_told_in_words(model):
    with pytest.raises(LessonError, match="not the whole data set"):
        microscope(model, CLOTHES)
    with pytest.raises(LessonError, match=r"picture=200 should be a row"):
        microscope(model, X, picture=200)
    with pytest.raises(LessonError, match="There is no Dropout and no BatchNormalization"):
        microscope(network(), X)


def test_a_closed_microscope_is_off_the_page(model):
    part = microscope(model, X)
    chart, slider = part._chart.value, part._controls["rate"]
    part.close()
    slider.value = 0.5
    part._button.click()
    assert part._chart.value == chart and slider.comm is None and part._button.comm is None
    assert repr(part).startswith("<microscope on dropout")


@pytest.mark.parametrize(
    "inner", [[layers.Dropout(0.3)], [layers.BatchNormalization()], [layers.BatchNormalization(), layers.Dropout(0.5)]]
)
def test_a_reader_without_a_kernel_sees_a_still_picture_and_words_without_figures(monkeypatch, inner):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    microscope(network(layers.Conv2D(5, 3), *inner), X)
    (data,) = shown
    alt = html.unescape(data["text/html"].split('alt="')[1].split('"')[0])
    said = data["text/plain"]
    assert not re.search(r"\d", said + alt) and said.startswith("A microscope on the layers of a network.")
    assert ("dropout" in said and "dropout" in alt) == any(isinstance(layer, layers.Dropout) for layer in inner)
    assert ("batch normalisation" in said and "batch normalisation" in alt) == any(
        isinstance(layer, layers.BatchNormalization) for layer in inner
    )
    assert is_png(data["image/png"])
