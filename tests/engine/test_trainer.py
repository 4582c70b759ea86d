"""The fast engine: equal to `model.fit`, repeatable, resumable, stoppable, and honest where it cannot help."""

import gc
import threading
import time

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

from helpers import engine
from helpers.engine import trainer as trainer_module
from helpers.engine.loop import Loop
from helpers.engine.stop import Stop
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError
from tests.networks import DIGITS, clothing_network, digits_network, few_digits, largest_difference

X, Y, VALIDATION = few_digits()
LABELS, VALIDATION_LABELS = Y.argmax(1), VALIDATION[1].argmax(1)
IMAGES, VALIDATION_IMAGES = X.reshape(-1, 8, 8, 1), VALIDATION[0].reshape(-1, 8, 8, 1)


def sequential(*stack, optimizer="adam", loss="categorical_crossentropy", metrics=("accuracy",), shape=(64,)):
    model = keras.Sequential([keras.Input(shape), *stack])
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return model


def dense(optimizer="adam", **compile_with):
    return sequential(
        layers.Dense(20, activation="relu"), layers.Dense(10, activation="softmax"), optimizer=optimizer, **compile_with
    )


def adapted(examples=300):
    normalise = layers.Normalization(axis=None)
    normalise.adapt(X[:examples])
    return sequential(normalise, layers.Dense(10, activation="softmax"))


def functional_with_shared_and_nested():
    inner = keras.Sequential([keras.Input((16,)), layers.Dense(16, activation="relu"), layers.Dropout(0.0)])
    inputs = keras.Input((64,))
    shared = layers.Dense(16, activation="tanh")
    half, other = layers.Dense(20)(inputs), layers.Dense(20)(inputs)
    joined = layers.Add()([shared(half), shared(other)])
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(inner(joined)))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(20, activation="relu")
        self.out = layers.Dense(10, activation="softmax")

    def call(self, inputs, training=False):
        return self.out(self.hidden(inputs))


def subclassed():
    model = Subclassed()
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def two_outputs():
    inputs = keras.Input((64,))
    hidden = layers.Dense(20, activation="relu")(inputs)
    model = keras.Model(
        inputs,
        {
            "digit": layers.Dense(10, activation="softmax", name="digit")(hidden),
            "even": layers.Dense(1, activation="sigmoid", name="even")(hidden),
        },
    )
    model.compile(optimizer="adam", loss={"digit": "categorical_crossentropy", "even": "binary_crossentropy"})
    return model


def focal(y_true, y_pred):
    return keras.ops.sum(-y_true * keras.ops.square(1 - y_pred) * keras.ops.log(y_pred + 1e-7), axis=-1)


EVEN = (LABELS % 2 == 0).astype("float32")
VALIDATION_EVEN = (VALIDATION_LABELS % 2 == 0).astype("float32")
ONE_HOT = (X, Y, VALIDATION)
SPARSE = (X, LABELS, (VALIDATION[0], VALIDATION_LABELS))
BINARY = (X, EVEN, (VALIDATION[0], VALIDATION_EVEN))
PICTURES = (IMAGES, Y, (VALIDATION_IMAGES, VALIDATION[1]))
SGD, schedules = keras.optimizers.SGD, keras.optimizers.schedules

AS_FIT = {
    "dense": (dense, ONE_HOT),
    "no validation": (dense, (X, Y, None)),
    "cnn": (
        lambda: sequential(
            layers.Conv2D(5, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
            shape=(8, 8, 1),
        ),
        PICTURES,
    ),
    "batch normalisation": (
        lambda: sequential(
            layers.Dense(20),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dense(10, activation="softmax"),
        ),
        ONE_HOT,
    ),
    "L1 and L2": (
        lambda: sequential(
            layers.Dense(20, activation="relu", kernel_regularizer="l2", bias_regularizer="l1"),
            layers.Dense(10, activation="softmax", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02)),
        ),
        ONE_HOT,
    ),
    "SGD with momentum": (lambda: dense(SGD(0.05, momentum=0.9, nesterov=True)), ONE_HOT),
    "AdamW": (lambda: dense(keras.optimizers.AdamW(0.002, weight_decay=0.01)), ONE_HOT),
    "RMSprop, clipped": (lambda: dense(keras.optimizers.RMSprop(clipnorm=1.0)), ONE_HOT),
    "moving average of the weights": (lambda: dense(keras.optimizers.Adam(use_ema=True)), ONE_HOT),
    "schedule": (lambda: dense(SGD(schedules.ExponentialDecay(0.1, 5, 0.9))), ONE_HOT),
    "sparse": (lambda: dense(loss="sparse_categorical_crossentropy"), SPARSE),
    "binary": (
        lambda: sequential(
            layers.Dense(20, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
            loss="binary_crossentropy",
            metrics=("accuracy", keras.metrics.AUC(name="auc")),
        ),
        BINARY,
    ),
    "more metrics": (
        lambda: dense(metrics=("accuracy", "top_k_categorical_accuracy", keras.metrics.F1Score(average="macro"))),
        ONE_HOT,
    ),
    "summed loss": (lambda: dense(loss=keras.losses.CategoricalCrossentropy(reduction="sum")), ONE_HOT),
    "label smoothing": (lambda: dense(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)), ONE_HOT),
    "a loss of one's own": (lambda: dense(loss=focal), ONE_HOT),
    "preprocessing layers": (
        lambda: sequential(layers.Rescaling(2.0, offset=-1.0), layers.Dense(10, activation="softmax")),
        ONE_HOT,
    ),
    "a layer adapted to the data": (adapted, ONE_HOT),
    "shared and nested": (functional_with_shared_and_nested, ONE_HOT),
    "subclassed": (subclassed, ONE_HOT),
    "two outputs": (
        two_outputs,
        (
            X,
            {"digit": Y, "even": EVEN[:, None]},
            (VALIDATION[0], {"digit": VALIDATION[1], "even": VALIDATION_EVEN[:, None]}),
        ),
    ),
    "float64, uint8 labels": (
        lambda: dense(loss="sparse_categorical_crossentropy"),
        (X.astype("float64"), LABELS.astype("uint8"), None),
    ),
}


AT_ONCE = ("dense", "batch normalisation")  # the others wait for the slow tests


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in AT_ONCE else pytest.mark.slow) for case in AS_FIT]
)
def test_history_and_weights_equal_those_of_fit(case):
    build, (x, y, validation) = AS_FIT[case]
    keras.utils.set_random_seed(1)
    theirs = build()
    keras.utils.set_random_seed(1)
    ours = build()
    if not ours.built:
        ours(x[:1]), theirs(x[:1])
        ours.set_weights(theirs.get_weights())
    expected = theirs.fit(x, y, validation_data=validation, epochs=4, shuffle=False, verbose=0).history
    history = engine.fit(ours, x, y, validation, epochs=4, shuffle=False)
    assert history.path == "compiled" and history.note == ""
    assert largest_difference(history.history, expected) < 1e-5
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))


@pytest.mark.slow
def test_equality_is_close_enough_to_see_an_unweighted_last_batch():
    """The classic mistake, a last batch of 12 that counts as much as one of 32, must be outside the tolerance."""
    model = digits_network(0.0)
    batches = [(X[start : start + 32], Y[start : start + 32]) for start in range(0, len(X), 32)]
    losses = [float(model.evaluate(*batch, verbose=0)[0]) for batch in batches]
    weighted = np.average(losses, weights=[len(batch[0]) for batch in batches])
    assert len(batches[-1][0]) == 12 and abs(np.mean(losses) - weighted) > 1e-5


def final_losses(train, seeds, rate):
    return [train(rate, seed).history["loss"][-1] for seed in seeds]


@pytest.mark.slow
def test_dropout_agrees_with_fit_over_seeds_and_a_wrong_rate_is_noticed():
    """Two-sample Kolmogorov–Smirnov test on the training loss after three epochs, 12 seeds of fit against 60 of
    ours."""

    def with_fit(rate, seed):
        keras.utils.set_random_seed(seed)
        return digits_network(rate).fit(X, Y, epochs=3, verbose=0)

    trainer = Trainer(digits_network, X, Y)
    theirs = final_losses(with_fit, range(12), 0.4)
    ours = final_losses(lambda rate, seed: trainer.run({"dropout": rate}, 3, seed=seed), range(100, 160), 0.4)
    wrong = final_losses(lambda rate, seed: trainer.run({"dropout": rate}, 3, seed=seed), range(100, 160), 0.6)
    assert trainer.compilations == 1
    assert stats.ks_2samp(theirs, ours).pvalue > 0.01
    assert stats.ks_2samp(theirs, wrong).pvalue < 0.001


def test_a_dropped_quarter_is_a_quarter_and_the_rest_is_scaled():
    from helpers.engine.structure import AdjustableDropout

    layer = AdjustableDropout(0.25, seed=3)
    out = layer(np.ones((200, 500), "float32"), training=True).numpy()
    assert abs((out == 0).mean() - 0.25) < 0.01
    assert np.allclose(out[out != 0], 1 / 0.75)
    assert np.array_equal(layer(np.ones((2, 5), "float32"), training=False), np.ones((2, 5)))
    layer.rate.assign(0.0)
    assert np.array_equal(layer(np.ones((2, 5), "float32"), training=True), np.ones((2, 5)))


@pytest.mark.slow
def test_same_settings_and_seed_give_the_same_history_to_the_bit():
    first = Trainer(digits_network, *few_digits())
    second = Trainer(digits_network, *few_digits())
    second.run({"dropout": 0.7}, 2)  # what was trained before must not matter
    second.run({"dropout": 0.1, "width": 32}, 2)
    assert first.run({"dropout": 0.3}, 4, seed=5).history == second.run({"dropout": 0.3}, 4, seed=5).history
    assert first.run({"dropout": 0.3}, 4, seed=6).history != first.run({"dropout": 0.3}, 4, seed=5).history


@pytest.mark.slow
def test_initial_weights_are_those_of_the_builder_under_the_seed():
    trainer = Trainer(digits_network, *few_digits())
    history = trainer.run({"dropout": 0.2}, 1, seed=11)
    keras.utils.set_random_seed(11)
    again = engine.fit(digits_network(0.2), *few_digits(), epochs=1, seed=11)
    assert history.history == again.history


@pytest.mark.slow
def test_more_epochs_continue_and_fewer_shorten():
    trained = []
    trainer = Trainer(digits_network, *few_digits())
    whole = Trainer(digits_network, *few_digits()).run({"dropout": 0.3}, 7)
    short = trainer.run({"dropout": 0.3}, 4)
    trainer.run({"dropout": 0.6}, 2)
    longer = trainer.run({"dropout": 0.3}, 7, on_epoch=lambda history: trained.append(len(history.epoch)))
    assert trained == [5, 6, 7]
    assert longer.history == whole.history
    assert short.history == {name: values[:4] for name, values in whole.history.items()}
    nothing = trainer.run({"dropout": 0.3}, 3, on_epoch=trained.append, on_state=trained.append)
    assert trained == [5, 6, 7] and nothing.epoch == [0, 1, 2]


@pytest.mark.slow
def test_a_stop_never_leaves_a_history_with_the_state_of_another_epoch(monkeypatch):
    monkeypatch.setattr(trainer_module, "STATES_KEPT", 1)
    trainer = Trainer(digits_network, *few_digits())
    trainer.run({"dropout": 0.3}, 4)
    trainer.run({"dropout": 0.6}, 1)  # the state of the first setting is given up
    stop = Stop()
    stop.set()
    trainer.run({"dropout": 0.3}, 6, stop=stop)
    stop = Stop()
    trainer.run({"dropout": 0.3}, 6, stop=stop, on_epoch=lambda history: stop.set())
    fresh = Trainer(digits_network, *few_digits()).run({"dropout": 0.3}, 6)
    assert trainer.run({"dropout": 0.3}, 6).history == fresh.history


@pytest.mark.slow
def test_arrays_changed_afterwards_change_no_curve():
    x, y, validation = few_digits()
    x = x.copy()
    trainer = Trainer(digits_network, x, y, validation)
    x *= 100
    assert trainer.run({"width": 40}, 2).history == Trainer(digits_network, *few_digits()).run({"width": 40}, 2).history


def test_a_seen_setting_is_not_even_built_again():
    calls = []

    def build(dropout=0.2):
        calls.append(dropout)
        return digits_network(dropout)

    trainer = Trainer(build, *few_digits())
    trainer.run({"dropout": 0.3}, 2)
    trainer.run({"dropout": 0.3}, 2)
    assert calls == [0.3]


@pytest.mark.slow
def test_only_a_new_structure_compiles_anew():
    trainer = Trainer(digits_network, *few_digits())
    for dropout in (0.0, 0.3, 0.9):
        for learning_rate in (0.001, 0.01):
            trainer.run({"dropout": dropout, "learning_rate": learning_rate}, 1)
    trainer.run({}, 1, n_train=100, batch_size=17)
    assert trainer.compilations == 1
    trainer.run({"width": 65}, 1)
    assert trainer.compilations == 2


@pytest.mark.slow
@pytest.mark.parametrize("builder", ["halved", "if", "renamed"])
def test_a_rate_is_found_in_the_network_not_by_its_keyword(builder):
    def halved(dropout):
        return sequential(layers.Dense(20), layers.Dropout(dropout / 2), layers.Dense(10, activation="softmax"))

    def if_(dropout):
        hidden = [layers.Dense(20)] + ([layers.Dropout(0.5)] if dropout else [])
        return sequential(*hidden, layers.Dense(10, activation="softmax"))

    def renamed(dropout):
        return sequential(layers.Dense(20), layers.Dropout(1 - dropout), layers.Dense(10, activation="softmax"))

    build = {"halved": halved, "if": if_, "renamed": renamed}[builder]
    trainer = Trainer(build, *few_digits())
    trainer.run({"dropout": 0.9}, 1)
    fresh = Trainer(build, *few_digits()).run({"dropout": 0.0}, 2)
    assert trainer.run({"dropout": 0.0}, 2).history == fresh.history


@pytest.mark.slow
def test_a_number_baked_into_the_network_is_not_missed():
    def build(l2=0.0, momentum=0.9, scale=1.0):
        return sequential(
            layers.Dense(20, kernel_regularizer=keras.regularizers.L2(l2)),
            layers.BatchNormalization(momentum=momentum),
            layers.Lambda(lambda values: values * scale),
            layers.Dense(10, activation="softmax"),
        )

    trainer = Trainer(build, *few_digits())
    histories = [
        trainer.run(settings, 2).history["val_loss"]
        for settings in ({}, {"l2": 0.1}, {"momentum": 0.5}, {"scale": 3.0})
    ]
    assert len({tuple(losses) for losses in histories}) == 4


@pytest.mark.slow
def test_what_a_layer_learnt_from_the_data_before_training_is_not_missed():
    trainer = Trainer(adapted, *few_digits())
    trainer.run({"examples": 300}, 1)
    assert trainer.run({"examples": 2}, 1).history == Trainer(adapted, *few_digits()).run({"examples": 2}, 1).history
    assert trainer.run({"examples": 2}, 1).history != trainer.run({"examples": 300}, 1).history


@pytest.mark.slow
def test_random_preprocessing_layers_run_in_the_compiled_epoch():
    def build(flip):
        return sequential(
            layers.RandomFlip("horizontal") if flip else layers.Identity(),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomRotation(0.02),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
            shape=(8, 8, 1),
        )

    trainer = Trainer(build, *PICTURES)
    flipped = trainer.run({"flip": True}, 2)
    assert flipped.path == "compiled" and flipped.history == Trainer(build, *PICTURES).run({"flip": True}, 2).history
    assert trainer.run({"flip": True}, 2, seed=1).history != flipped.history


@pytest.mark.slow
def test_weights_the_builder_loads_are_kept(tmp_path):
    saved = digits_network(0.0)
    saved.fit(X, Y, epochs=3, verbose=0)
    saved.save_weights(tmp_path / "trained.weights.h5")

    def build():
        model = digits_network(0.0)
        model.load_weights(tmp_path / "trained.weights.h5")
        return model

    before = saved.evaluate(X, Y, verbose=0)[0]
    assert Trainer(build, X, Y).run({}, 1).history["loss"][0] < before


@pytest.mark.slow
def test_stop_from_another_thread_ends_the_run_and_a_later_run_goes_on_as_if_never_stopped():
    images = np.random.default_rng(0).random((2000, 28, 28, 1), "float32")
    labels = np.eye(10, dtype="float32")[np.arange(2000) % 10]
    trainer = Trainer(clothing_network, images, labels)
    trainer.run({"dropout": 0.2}, 1)

    def stop_after_two_epochs(rate):
        stop, reached, called = Stop(), threading.Event(), []

        def end():
            reached.wait()
            called.append(time.perf_counter())
            stop.set()

        threading.Thread(target=end).start()
        history = trainer.run({"dropout": rate}, 500, stop=stop, on_epoch=lambda h: len(h.epoch) == 2 and reached.set())
        return history, time.perf_counter() - called[0]

    history, took = stop_after_two_epochs(0.3)
    assert history.stopped and len(history.epoch) < 10
    epoch_lasts = _seconds(lambda: trainer.run({"dropout": 0.4}, 1))
    # It stops within an epoch, not at its end; the best of three, because the machine may have been busy elsewhere.
    assert min(took, *(stop_after_two_epochs(rate)[1] for rate in (0.5, 0.6))) < epoch_lasts
    more = len(history.epoch) + 2
    assert (
        trainer.run({"dropout": 0.3}, more).history
        == Trainer(clothing_network, images, labels).run({"dropout": 0.3}, more).history
    )


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_a_stop_that_came_first_trains_nothing():
    stop = Stop()
    stop.set()
    history = Trainer(digits_network, *few_digits()).run({}, 5, stop=stop)
    assert history.stopped and history.epoch == []


@pytest.mark.slow
def test_memory_stays_flat_over_a_hundred_retrains():
    trainer = Trainer(digits_network, *few_digits())
    for rate in range(20):
        trainer.run({"dropout": rate / 1000}, 1)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for rate in range(100):
        trainer.run({"dropout": rate / 200 + 0.1}, 1)
    gc.collect()
    assert trainer.compilations == 1
    assert psutil.Process().memory_info().rss - before < 20e6


@pytest.mark.slow
def test_callbacks_see_the_students_model_and_may_change_it(tmp_path):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, round(self.model.evaluate(*VALIDATION, verbose=0)[0], 4), round(logs["val_loss"], 4)))

    model = digits_network(0.3)
    best = tmp_path / "best.keras"
    history = engine.fit(
        model,
        *few_digits(),
        epochs=6,
        callbacks=[
            Watch(),
            keras.callbacks.ModelCheckpoint(best, save_best_only=True),
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 if epoch < 2 else 0.0),
        ],
    )
    assert history.path == "compiled"
    assert [epoch for epoch, _, _ in seen] == list(range(6)) and all(abs(a - b) < 2e-4 for _, a, b in seen)
    assert len(set(history.history["val_loss"][2:])) == 1  # a learning rate of 0 changes nothing more
    assert history.history["learning_rate"] == pytest.approx([0.01, 0.01, 0, 0, 0, 0])
    loaded = keras.models.load_model(best)
    assert [type(layer).__name__ for layer in loaded.layers] == ["Dense", "Dropout", "Dense"]
    assert loaded.evaluate(*VALIDATION, verbose=0)[0] == pytest.approx(min(history.history["val_loss"]), abs=1e-4)


def test_early_stopping_ends_the_run_and_restores_the_best_weights():
    model = digits_network(0.0, learning_rate=0.05)
    history = engine.fit(
        model,
        X[:60],
        Y[:60],
        VALIDATION,
        epochs=60,
        callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
    )
    assert history.path == "compiled" and len(history.epoch) < 60
    assert model.evaluate(*VALIDATION, verbose=0)[0] == pytest.approx(min(history.history["val_loss"]), abs=1e-4)


class OwnStep(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


class EveryBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.batches = batch + 1


@pytest.mark.slow
def test_what_cannot_be_one_graph_is_handed_to_fit_and_says_so():
    eager = digits_network()
    eager.compile(optimizer="adam", loss="categorical_crossentropy", run_eagerly=True)
    own = OwnStep([keras.Input((64,)), layers.Dense(10, activation="softmax")])
    own.compile(optimizer="adam", loss="categorical_crossentropy")
    watch = EveryBatch()
    for model, callbacks, why in (
        (eager, (), "run_eagerly"),
        (own, (), "training step"),
        (digits_network(), (watch,), "EveryBatch"),
    ):
        history = engine.fit(model, *few_digits(), epochs=2, callbacks=callbacks)
        assert history.path == "fit" and why in history.note and len(history.history["val_loss"]) == 2
    assert watch.batches == 10


@pytest.mark.slow
def test_a_dataset_is_handed_to_fit_repeatably_and_can_be_stopped():
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    trainer = Trainer(digits_network, dataset)
    first = trainer.run({"dropout": 0.3}, 3, seed=4)
    assert first.path == "fit" and "tf.data.Dataset" in first.note
    assert Trainer(digits_network, dataset).run({"dropout": 0.3}, 3, seed=4).history == first.history
    stop = Stop()
    stopped = trainer.run({"dropout": 0.4}, 50, stop=stop, on_epoch=lambda history: stop.set())
    assert stopped.stopped and len(stopped.epoch) == 1


def test_an_infinite_loss_ends_the_run_with_a_word_about_the_learning_rate():
    def build():
        return sequential(layers.Dense(20), layers.Dense(10), optimizer=SGD(1e6), loss="mean_squared_error")

    history = Trainer(build, *few_digits()).run({}, 30)
    assert len(history.epoch) < 30 and not np.isfinite(history.history["loss"][-1])
    assert history.stopped and "learning rate" in history.note


@pytest.mark.slow
def test_training_leaves_the_students_random_numbers_alone():
    import random

    random.seed(7)
    np.random.seed(7)
    expected = random.random(), np.random.random()
    random.seed(7)
    np.random.seed(7)
    Trainer(digits_network, *few_digits()).run({}, 1)
    assert (random.random(), np.random.random()) == expected


def missing_return(dropout=0.2):
    digits_network(dropout)


def uncompiled(dropout=0.2):
    return keras.Sequential([keras.Input((64,)), layers.Dense(10)])


def misspelt(dropout=0.2):
    hidden = layers.Dense(20, activation="rellu")
    return sequential(hidden)


def wrong_input():
    model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model


def wrong_output():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model


def wrong_loss():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def shapes_that_clash():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(20)])
    model.add(layers.Reshape((3, 7)))
    return model


@pytest.mark.parametrize(
    "build, words",
    [
        (missing_return, ["returned nothing", "return model"]),
        (uncompiled, ["not compiled", "model.compile"]),
        (misspelt, ["rellu", 'layers.Dense(20, activation="rellu")', "spelling of `activation`"]),
        (wrong_input, ["(784,)", "(64,)", "keras.Input((784,))"]),
        (wrong_output, ["3 outputs", "10 columns", "layers.Dense(3"]),
        (wrong_loss, ["one-hot", 'loss="sparse_categorical_crossentropy"']),
        (shapes_that_clash, ["ValueError", "layers.Reshape((3, 7))"]),
    ],
)
def test_a_mistake_in_the_builder_is_told_in_words_with_its_line(build, words):
    with pytest.raises(LessonError) as caught:
        Trainer(build, *few_digits()).run({}, 1)
    for word in words:
        assert word in str(caught.value)


def test_line_numbers_are_those_of_the_students_source():
    with pytest.raises(LessonError) as caught:
        Trainer(misspelt, *few_digits()).run({}, 1)
    line = misspelt.__code__.co_firstlineno + 1
    assert f"line {line} " in str(caught.value)


@pytest.mark.parametrize(
    "settings, numbers, words",
    [
        ({"wdth": 3}, {}, "wdth"),
        ({}, {"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({}, {"epochs": 2.5}, "epochs"),
        ({}, {"batch_size": 0}, "batch_size"),
        ({}, {"n_train": 301}, "only 300 training examples"),
        ({}, {"n_train": True}, "n_train"),
        ({}, {"seed": -1}, "seed"),
        ({"dropout": 1.5}, {}, "dropout rate"),
    ],
)
def test_impossible_settings_are_told_in_words(settings, numbers, words):
    with pytest.raises(LessonError, match=words.replace("(", r"\(")):
        Trainer(digits_network, *few_digits()).run(settings, **{"epochs": 1, **numbers})


@pytest.mark.parametrize(
    "x, y, validation, words",
    [
        (X, Y[:-1], None, "299 rows in one array and 300 in another"),
        (X[:0], Y[:0], None, "empty"),
        (X * np.nan, Y, None, "not finite"),
        (X, np.array(["a"] * 300), None, "must be numbers"),
        (X, Y, (X, Y[:5]), "validation data do not belong together"),
        (X, Y, X, "pair of arrays"),
    ],
)
def test_impossible_data_are_told_in_words(x, y, validation, words):
    with pytest.raises(LessonError, match=words):
        Trainer(digits_network, x, y, validation)


def test_a_compiled_epoch_never_traces_again():
    traced = []

    class Counting(Loop):
        def _epoch(self, *numbers):
            traced.append(1)
            return super()._epoch(*numbers)

    model = digits_network(0.2)
    x, y, validation = few_digits()
    loop = Counting(model, (x, y), validation)
    loop.start(model, 0)
    for n_train, batch_size, shuffle in ((300, 32, True), (50, 7, False), (300, 300, True)):
        loop.epoch(0, n_train, batch_size, 0, shuffle)
    assert len(traced) == 1


def test_a_digit_network_learns():
    history = Trainer(digits_network, DIGITS.x_train, DIGITS.y_train, (DIGITS.x_val, DIGITS.y_val)).run({}, 15)
    assert history.history["val_accuracy"][-1] > 0.85 and history.history["loss"][-1] < history.history["loss"][0] / 4


def of_the_notebook(thing):
    """`thing` as if it had been defined in a notebook, whose module is __main__."""
    thing.__module__ = "__main__"
    return thing


FACTOR = 1.0


@of_the_notebook
class Scale(layers.Layer):
    def call(self, inputs):
        return inputs * FACTOR


@of_the_notebook
class Noise(layers.Layer):
    def call(self, inputs, training=False):
        return inputs + tf.random.normal(tf.shape(inputs)) if training else inputs


@of_the_notebook
class Lazy(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="glorot_uniform", name="scale")

    def call(self, inputs):
        return inputs * (1 + self.scale)


def scaled(factor):
    global FACTOR
    FACTOR = factor
    return sequential(layers.Dense(16, activation="tanh"), Scale(), layers.Dense(10, activation="softmax"))


def noisy(scale=1.0):
    return sequential(layers.Dense(16, activation="tanh"), Noise(), layers.Dense(10, activation="softmax"))


def lazily_built(units=16):
    model = keras.Sequential(
        [layers.Dense(units, activation="tanh"), Lazy(), layers.Dropout(0.2), layers.Dense(10, activation="softmax")]
    )
    model.compile(optimizer=SGD(0.05), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def wrapped_dropout(rate):
    return sequential(
        layers.Reshape((8, 8)),
        layers.TimeDistributed(layers.Dropout(rate)),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    )


def without_decay(exclude):
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=["kernel"])
    return dense(optimizer)


SHARED = keras.Sequential([keras.Input((64,)), layers.Dense(16, activation="tanh")])


def on_a_shared_base(units):
    return sequential(SHARED, layers.Dense(units), layers.Dense(10, activation="softmax"), loss=focal)


@pytest.mark.parametrize(
    "build, settings, others",
    [
        (scaled, {"factor": 10.0}, {"factor": 1.0}),
        (noisy, {"scale": 1.0}, {"scale": 2.0}),
        (lazily_built, {"units": 16}, {"units": 17}),
        (wrapped_dropout, {"rate": 0.9}, {"rate": 0.0}),
        (without_decay, {"exclude": True}, {"exclude": False}),
        (on_a_shared_base, {"units": 9}, {"units": 8}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.slow
def test_parts_of_ones_own_give_the_same_curve_whatever_was_trained_before(build, settings, others):
    fresh = Trainer(build, *few_digits()).run(settings, 3, seed=2)
    trainer = Trainer(build, *few_digits())
    other = trainer.run(others, 3, seed=1)
    again = trainer.run(settings, 3, seed=2)
    assert fresh.path == again.path == "compiled"
    assert again.history == fresh.history != other.history
    assert trainer.run(settings, 5, seed=2).history["loss"][:3] == fresh.history["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("build", [lazily_built, subclassed])
def test_networks_built_at_their_first_call_follow_the_seed(build):
    trainer = Trainer(build, *few_digits())
    assert len({tuple(trainer.run({}, 1, seed=seed).history["loss"]) for seed in range(3)}) == 3


@pytest.mark.slow
def test_mixed_precision_set_by_the_student_is_kept_and_learns():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        trainer = Trainer(
            lambda learning_rate: sequential(
                layers.Dense(16, activation="relu"),
                layers.Dense(10, activation="softmax", dtype="float32"),
                optimizer=keras.optimizers.Adam(learning_rate),
            ),
            *few_digits(),
        )
        fast, slow = (trainer.run({"learning_rate": rate}, 3) for rate in (0.01, 0.0001))
    finally:
        keras.config.set_dtype_policy("float32")
    assert fast.history["loss"][-1] < fast.history["loss"][0] < slow.history["loss"][0]


def test_a_batch_larger_than_any_number_of_examples_is_all_of_them():
    trainer = Trainer(digits_network, *few_digits())
    assert trainer.run({}, 2, batch_size=2**31).history == trainer.run({}, 2, batch_size=300).history


def test_a_dataset_without_end_is_refused():
    with pytest.raises(LessonError, match="never ends"):
        Trainer(digits_network, tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).repeat())


def test_a_metric_of_many_numbers_is_named():
    with pytest.raises(LessonError, match="f1_score gives 10 numbers"):
        Trainer(lambda: dense(metrics=[keras.metrics.F1Score()]), *few_digits()).run({}, 1)


def test_a_builder_that_wants_to_leave_is_told_off():
    with pytest.raises(LessonError, match="SystemExit"):
        Trainer(lambda: exit(), *few_digits()).run({}, 1)


@pytest.mark.slow
def test_shapes_that_keras_mends_itself_are_not_refused():
    line = np.linspace(0, 1, 90, dtype="float32")

    def lazy():
        model = keras.Sequential([layers.Dense(1)])
        model.compile(optimizer="adam", loss="mse")
        return model

    assert Trainer(lazy, line, 2 * line).run({}, 2).path == "compiled"
    regression = Trainer(lambda: sequential(layers.Dense(1), loss="mse", metrics=(), shape=(1,)), line, 2 * line)
    assert regression.run({}, 2).path == "compiled"
    pictures = Trainer(
        lambda: sequential(layers.Flatten(), layers.Dense(10, activation="softmax"), shape=(8, 8, 1)), IMAGES[..., 0], Y
    )
    assert pictures.run({}, 1).path == "compiled"
    sequences = Trainer(
        lambda: sequential(
            layers.Reshape((8, 8)), layers.Dense(4, activation="softmax"), loss="sparse_categorical_crossentropy"
        ),
        X,
        np.zeros((300, 8), "int32"),
    )
    assert sequences.run({}, 1).path == "compiled"


@pytest.mark.slow
def test_new_structures_and_new_trainers_do_not_pile_up_the_data():
    pictures = np.random.default_rng(0).random((6000, 64, 10), "float32")  # 15 MB
    labels = np.eye(10, dtype="float32")[np.arange(6000) % 10]

    def build(units):
        return sequential(layers.Flatten(), layers.Dense(units), layers.Dense(10, activation="softmax"), shape=(64, 10))

    def use(widths):
        for units in widths:
            Trainer(build, pictures, labels).run({"units": units}, 1, n_train=64)
        gc.collect()
        return psutil.Process().memory_info().rss

    before = use(range(2, 10))
    assert use(range(10, 30)) - before < 10 * pictures.nbytes  # 20 copies would be more
