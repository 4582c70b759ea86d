"""The parts of the gap: each is what it says where the truth is known, and measuring changes nothing."""

import gc
import re
import weakref
import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest
from keras import layers

from helpers.curves.sheets import LOOKS
from helpers.engine import remeasure
from helpers.engine.remeasure import Remeasure
from helpers.engine.trainer import Trainer
from helpers.engine.training import fit
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import gap
from helpers.parts.gap import PARTS, GapPanel, explore_gap, parts_of
from tests.curves.test_live_chart import Drawing, is_png
from tests.networks import DIGITS, digits_network, few_digits

pytestmark = pytest.mark.slow  # nearly every test here trains networks

X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)


def network(*stack, learning_rate=0.01, metrics=("accuracy",), **compile_with):
    model = keras.Sequential(
        [keras.Input((64,)), *stack, layers.Dense(10, activation="softmax", kernel_regularizer="l2")]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        loss="categorical_crossentropy",
        metrics=list(metrics),
        **compile_with,
    )
    return model


def plain(learning_rate=0.01):
    return network(layers.Dense(20, activation="relu"), learning_rate=learning_rate)


def normalised(dropout=0.5, learning_rate=0.01, **compile_with):
    return network(
        layers.Dense(20),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(dropout),
        learning_rate=learning_rate,
        **compile_with,
    )


class Subclassed(keras.Model):
    """With a training step of its own: it is handed to `fit`."""

    def __init__(self):
        super().__init__()
        self.hidden, self.drop, self.out = (
            layers.Dense(20, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        )

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))

    def train_step(self, data):
        return super().train_step(data)


def subclassed():
    model = Subclassed()
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def eager():
    return normalised(run_eagerly=True)


def trained(build, epochs=3, settings=None, data=None, **numbers):
    return Trainer(build, *(data or few_digits()), measure=Remeasure()).run(settings or {}, epochs, **numbers)


# What the parts are


def test_without_learning_dropout_and_normalisation_all_of_the_gap_is_new_pictures():
    history = trained(plain, settings={"learning_rate": 0.0})
    parts = parts_of(history)
    assert np.allclose(parts["averaging"], 0, atol=1e-5) and parts["dropout"] == parts["batch norm"] == [0, 0, 0]
    gaps = np.subtract(history.history["loss"], history.history["val_loss"])
    assert abs(gaps[0]) > 0.001 and np.allclose(parts["new pictures"], gaps, atol=1e-5)


def test_without_learning_dropout_is_the_part_of_dropout():
    history = trained(
        digits_network, 20, {"learning_rate": 0.0, "dropout": 0.5}, (DIGITS.x_train, DIGITS.y_train, VALIDATION)
    )
    parts = parts_of(history)
    assert np.mean(parts["dropout"]) > 0.03 and parts["batch norm"] == [0] * 20
    assert abs(np.mean(parts["averaging"])) < 0.02  # dropout drops others each time
    assert len(set(history.history["loss"])) == len(set(history.measured["training mode"])) == 20
    assert len(set(history.measured["inference"])) == 1


@pytest.mark.parametrize("build", [plain, normalised, subclassed])
def test_measured_in_inference_it_is_what_evaluate_says(build):
    keras.utils.set_random_seed(1)
    model = build()
    fit(model, X, Y, epochs=2)
    for n_train, batch_size in ((300, 32), (70, 64), (50, 1000)):
        measured = Remeasure()(model, X, Y, n_train, batch_size)
        assert measured["inference"] == pytest.approx(model.evaluate(X[:n_train], Y[:n_train], verbose=0)[0], abs=1e-5)


def test_measured_in_training_mode_it_is_what_fit_would_report():
    """One batch of all examples, without dropout: `fit` reports its loss before it moves the weights."""
    keras.utils.set_random_seed(1)
    model = normalised(dropout=0.0)
    measured = Remeasure()(model, X, Y, 300, 300)
    assert measured["training mode"] == pytest.approx(measured["dropout off"], abs=1e-6)
    assert model.fit(X, Y, batch_size=300, verbose=0).history["loss"][0] == pytest.approx(
        measured["training mode"], abs=1e-5
    )


def test_fresh_moving_statistics_have_a_part_of_their_own():
    parts = parts_of(trained(normalised, 1, {"dropout": 0.0}))
    assert abs(parts["batch norm"][0]) > 0.05 and abs(parts["dropout"][0]) < 1e-6


@pytest.mark.parametrize("build", [plain, digits_network, normalised, subclassed])
def test_the_parts_add_up_to_the_gap(build):
    history = trained(build)
    parts = parts_of(history)
    assert list(parts) == list(PARTS) and all(len(values) == 3 for values in parts.values())
    assert np.allclose(
        sum(map(np.array, parts.values())), np.subtract(history.history["loss"], history.history["val_loss"]), atol=1e-6
    )


def two_outputs():
    inputs = keras.Input((64,), name="pixels")
    hidden = layers.Dropout(0.3)(layers.Dense(20, activation="relu", activity_regularizer="l2")(inputs))
    model = keras.Model(
        {"pixels": inputs},
        {
            "digit": layers.Dense(10, activation="softmax", name="digit")(hidden),
            "even": layers.Dense(1, activation="sigmoid", name="even")(hidden),
        },
    )
    model.compile(optimizer="adam", loss={"digit": "categorical_crossentropy", "even": "binary_crossentropy"})
    return model


def test_several_inputs_outputs_and_penalties_are_measured_as_evaluate_does():
    x, y = {"pixels": X.astype("float64")}, {"digit": Y, "even": (Y.argmax(1) % 2).astype("float64")}
    model = two_outputs()
    assert Remeasure()(model, x, y, 300, 60)["inference"] == pytest.approx(
        model.evaluate(x, y, batch_size=60, verbose=0)[0], abs=1e-5
    )


def test_random_layers_of_all_kinds_are_switched_off_and_on_again():
    stack = [
        layers.GaussianNoise(0.5),
        layers.Reshape((8, 8, 1)),
        layers.RandomFlip(),
        layers.SpatialDropout2D(0.5),
        layers.Flatten(),
        layers.AlphaDropout(0.5),
        keras.Sequential([layers.GaussianDropout(0.5)]),
        layers.Dense(20, activation="relu"),
        layers.Reshape((20, 1)),
        layers.TimeDistributed(layers.Dropout(0.5)),
        layers.Flatten(),
    ]
    model = network(*stack)
    measured = Remeasure()(model, X, Y, 300, 32)
    assert abs(measured["training mode"] - measured["inference"]) > 0.01
    assert measured["dropout off"] == pytest.approx(measured["inference"], abs=1e-5)
    assert not np.array_equal(model.layers[0](X, training=True), X)


# Measuring changes nothing


@pytest.mark.parametrize("build", [plain, normalised, subclassed, eager])
def test_the_network_stays_as_it_is_to_the_bit(build):
    model = build()
    fit(model, X, Y, epochs=1)
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    before = [variable.value.numpy().copy() for variable in variables]
    Remeasure()(model, X, Y, 300, 32)
    assert all(np.array_equal(variable.value.numpy(), value) for variable, value in zip(variables, before, strict=True))
    assert {"seed_generator_state"} <= {variable.name for variable in variables} or build is plain


@pytest.mark.parametrize("build", [normalised, subclassed])
def test_training_is_the_same_to_the_bit_with_and_without(build):
    history = trained(build)
    without = Trainer(build, *few_digits()).run({}, 3)
    assert history.history == without.history and history.path == without.path
    assert (without.measured, len(history.measured)) == ({}, 3)


def test_figures_go_with_the_epochs_when_a_run_is_continued_or_shortened():
    trainer = Trainer(digits_network, *few_digits(), measure=Remeasure())
    trainer.run({"dropout": 0.4}, 3)
    longer = trainer.run({"dropout": 0.4}, 5)
    whole = trained(digits_network, 5, {"dropout": 0.4})
    assert longer.measured == whole.measured and len(whole.measured["inference"]) == 5
    assert trainer.run({"dropout": 0.4}, 2).measured == {name: values[:2] for name, values in whole.measured.items()}


@pytest.mark.parametrize("build", [plain, subclassed])
def test_an_interrupt_while_it_measures_leaves_no_epoch_without_its_figures(build):
    seen, remeasure_ = [], Remeasure()

    def interrupted(*args):
        if len(seen) == 2:
            raise KeyboardInterrupt
        return remeasure_(*args)

    with pytest.raises(KeyboardInterrupt):
        Trainer(build, *few_digits(), measure=interrupted).run({}, 5, on_epoch=seen.append)
    assert len(seen[-1].epoch) == len(seen[-1].measured["inference"]) == 2


def test_one_network_is_compiled_once_and_forgotten_with_it(monkeypatch):
    traced = []
    average = remeasure._average_loss
    monkeypatch.setattr(
        remeasure, "_average_loss", lambda *args, **kwargs: traced.append(1) or average(*args, **kwargs)
    )
    measure = Remeasure()
    trainer = Trainer(digits_network, *few_digits(), measure=measure)
    for dropout, n_train in ((0.2, 300), (0.5, 100), (0.0, 77)):
        trainer.run({"dropout": dropout}, 2, n_train=n_train)
    assert len(traced) == 2  # two ways of measuring: without batch normalisation "dropout off" is "inference"
    model = digits_network()
    measure(model, X, Y, 300, 32)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


# The panel


@pytest.fixture
def background(monkeypatch):
    """Panels train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


def test_the_panel_draws_what_was_measured(background):
    panel = explore_gap(normalised, FEW, epochs=(1, 10, 4), dropout=(0.0, 0.8, 0.5))
    assert panel.state == "done" and set(panel.history.history) == {"loss", "val_loss", "accuracy", "val_accuracy"}
    picture = Drawing(panel._chart.value)
    assert list(picture.panes) == ["loss", "parts of the gap"]
    left = {
        "loss": panel.history.history["loss"],
        "inference": panel.history.measured["inference"],
        "val_loss": panel.history.history["val_loss"],
    }
    for pane, lines in (("loss", left), ("parts of the gap", panel.parts)):
        for name, values in lines.items():
            assert np.allclose(list(picture.values(pane, name).values()), values, atol=0.01), name
    assert {"training", "measured again", "validation", *PARTS} <= set(picture.texts())
    assert panel._controls["dropout"].value == 0.5 and picture.root.get("aria-label") in panel._words.value
    panel._controls["epochs"].value = 2
    panel.wait()
    assert [len(values) for values in panel.parts.values()] == [2] * 4


def test_the_looks_of_a_picture_differ_in_more_than_colour():
    looks = ["training", "measured again", "validation", *PARTS]
    assert (
        len({LOOKS[name][0] for name in looks}) == len({name[0] for name in looks}) == 7
    )  # a marker is named by the first letter
    assert len({LOOKS[name][1:] for name in PARTS}) == 4


def measured(reported, training_mode, dropout_off, inference, validation):
    """A history with these figures, a list for each."""
    history = keras.callbacks.History()
    history.epoch = list(range(len(reported)))
    history.history = {"loss": reported, "val_loss": validation}
    history.measured = {"training mode": training_mode, "dropout off": dropout_off, "inference": inference}
    return history


def test_the_words_give_the_first_and_the_last_epoch_with_their_signs():
    history = measured([2.0, 1.0, 0.5], [1.81, 1, 0.5], [1.78, 1, 0.4], [1.78, 1, 0.4], [1.79, 1, 0.65])
    assert gap.describe(history) == (
        "At epoch 1 validation loss lies 0.21 below training loss: 0.19 lower through averaging, 0.03 lower through"
        " dropout, 0.01 higher on new pictures. At epoch 3 it lies 0.15 above training loss: 0.10 lower through"
        " dropout, 0.25 higher on new pictures."
    )
    assert gap.describe(history, numbers=False) == (
        "In the first epoch validation loss lies clearly below training loss, most of it through averaging over the"
        " epoch. In the last epoch validation loss lies clearly above training loss, most of it on new pictures."
    )
    even = measured([1.0], [0.9], [0.8], [0.8], [0.8])
    assert gap.describe(even, numbers=False) == "In the first epoch validation loss lies clearly below training loss."
    assert (
        gap.describe(measured([1.0], [1.0], [1.0], [1.0], [1.001]))
        == "At epoch 1 validation loss is level with training loss."
    )
    assert gap.describe(measured([1.0], [1.0], [1.0], [1.0], [1.001]), numbers=False) == ""
    assert "no longer a finite number" in gap.describe(measured([np.nan], [1.0], [1.0], [1.0], [1.0]))
    assert gap.describe(None) == "No epoch has been trained yet."


@pytest.mark.parametrize(
    "data, split, words", [((X, Y), 0, "no validation data"), ("digits", 0.2, "must be a dataset")]
)
def test_data_without_a_gap_are_refused_in_words(data, split, words):
    with pytest.raises(LessonError, match=words):
        explore_gap(plain, data, split)


def test_a_dataset_is_refused_in_words():
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    with pytest.raises(LessonError, match="needs arrays"):
        GapPanel(plain, (batches, batches))


def test_a_network_handed_to_fit_is_measured_too(background):
    panel = explore_gap(subclassed, FEW, epochs=2)
    assert panel.history.path == "fit" and [len(values) for values in panel.parts.values()] == [2] * 4
    assert "slower" in panel._words.value and "At epoch 2" in panel._words.value


def test_without_a_front_end_the_finished_picture_and_verdicts_are_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    explore_gap(digits_network, FEW, epochs=3)
    page = ElementTree.fromstring(f"<div>{shown[0]['text/html'].replace('><p', '/><p')}</div>")
    assert is_png(shown[0]["image/png"])
    alt = page.find("img").get("alt")
    assert "averaging over the epoch" in alt and not re.search(r"\d", alt + page.find("p").text)
