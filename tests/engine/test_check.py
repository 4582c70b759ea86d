"""What is told of a network and its data before training: what is wrong, what is strange; of what is right, nothing."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import engine
from helpers.engine.check import check
from helpers.engine.examples import dealt_anew, training_and_validation
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError

RANDOM = np.random.default_rng(0)
N = 40
X = RANDOM.normal(size=(N, 6)).astype("float32")
PICTURES = RANDOM.uniform(size=(N, 8, 8, 1)).astype("float32")
WORDS = RANDOM.integers(0, 50, (N, 5))
TWO, CLASSES = np.arange(N) % 2, np.arange(N) % 3
ONE_HOT = np.eye(3)[CLASSES]
SEVERAL = RANDOM.integers(0, 2, (N, 3))  # from none to three labels
REAL, REAL_3 = RANDOM.normal(size=N), RANDOM.normal(size=(N, 3))


def made(*stack, loss, metrics=None, optimizer="adam", shape=(6,)):
    model = keras.Sequential([keras.Input(shape), *stack])
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics)
    return model


def dense(units=1, activation="sigmoid", loss="binary_crossentropy", **more):
    return made(layers.Dense(units, activation=activation), loss=loss, **more)


def softmax(units=3, loss="categorical_crossentropy", **more):
    return dense(units, "softmax", loss, **more)


def linear(units=1, loss="mse", **more):
    return dense(units, None, loss, **more)


def words(*stack, loss="binary_crossentropy", input_dim=50, **more):
    stack = stack or (layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid"))
    return made(layers.Embedding(input_dim, 4, **more), *stack, loss=loss, shape=(5,))


def compiled(model, *places, **named):
    model.compile(*places, **named)
    return model


def plain(units=1):
    return keras.Sequential([keras.Input((6,)), layers.Dense(units)])


def frozen():
    model = plain()
    model.trainable = False
    return compiled(model, loss="mse")


def with_nested_end():
    end = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="softmax")])
    return made(layers.Dense(4), end, loss="mse")


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def subclassed(units, loss="mse"):
    model = compiled(Subclassed(units), loss=loss)
    model(X[:1])
    return model


def two_inputs():
    numbers, text = keras.Input((6,), name="numbers"), keras.Input((5,), name="text")
    mean = layers.GlobalAveragePooling1D()(layers.Embedding(50, 4)(text))
    both = layers.Concatenate()([numbers, mean])
    return compiled(keras.Model({"numbers": numbers, "text": text}, layers.Dense(1)(both)), loss="mse")


TOO_FAR = np.where(np.arange(N)[:, None] == 7, 66, WORDS)


@pytest.mark.parametrize(
    "model, x, y, said",
    [
        (softmax(1, "mse"), X, TWO, ["1 unit with a softmax", "always 1", "sigmoid"]),
        (made(layers.Dense(1), layers.Softmax(), loss="mse"), X, TWO, ["1 unit with a softmax"]),
        (with_nested_end(), X, TWO, ["1 unit with a softmax"]),
        (dense(), X, 2 * TWO - 1, ["from 0 to 1", "from -1 to 1", "(y == 1)"]),
        (dense(), X, 255 * TWO, ["from 0 to 255", "(y == 255)"]),
        (dense(3), X, CLASSES, ["from 0 to 2", "sparse_categorical_crossentropy", "3 units"]),
        (dense(3), X, 255 * RANDOM.uniform(size=(N, 3)) // 1, ["binary_crossentropy needs labels from 0 to 1"]),
        (dense(loss=keras.losses.BinaryFocalCrossentropy()), X, TWO - 1, ["binary_focal_crossentropy", "-1 to 0"]),
        (linear(3), X, REAL, ["3 outputs", "1 number.", "1 unit"]),
        (linear(1, "mae"), X, REAL_3, ["mean_absolute_error", "1 output,", "3 numbers", "3 units"]),
        (linear(3, keras.losses.Huber()), X, REAL[:, None], ["huber", "3 outputs"]),
        (linear(2), X, REAL_3, ["2 outputs", "3 numbers"]),
        (softmax(3, "mse"), X, CLASSES, ["Are the labels classes?", "sparse_categorical_crossentropy"]),
        (made(layers.LSTM(3, return_sequences=True), layers.Dense(1), loss="mse", shape=(4, 2)),
         RANDOM.normal(size=(N, 4, 2)), REAL, ["shape (4, 1)", "Flatten"]),
        (subclassed(3), X, REAL, ["3 outputs", "1 unit"]),
        (subclassed(2, keras.losses.SparseCategoricalCrossentropy(True)), X, CLASSES, ["from 0 to 2", "2 outputs"]),
        (dense(3), X, TWO, ["3 outputs", "1 unit with a sigmoid"]),
        (frozen(), X, REAL, ["nothing to train", "trainable = True"]),
        (made(layers.Flatten(), loss="mse", shape=(1,)), X[:, :1], REAL, ["nothing to train", "Dense"]),
        (linear(optimizer=keras.optimizers.SGD(-0.1)), X, REAL, ["learning rate is -0.1", "uphill"]),
        (linear(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(-1.0))), X, REAL, ["uphill"]),
        (softmax(loss="sparse_categorical_crossentropy"), X, CLASSES + 1, ["from 1 to 3", "take 1 from each", "y - 1"]),
        (softmax(loss="sparse_categorical_crossentropy"), X, CLASSES * 2, ["from 0 to 4", "5 units"]),
        (softmax(loss="sparse_categorical_crossentropy"), X, CLASSES - 1, ["from -1 to 1", "counted from 0"]),
        (softmax(), X, CLASSES, ["needs one-hot labels", "single numbers"]),
        (softmax(4), X, ONE_HOT, ["4 outputs", "3 columns"]),
        (words(), TOO_FAR, TWO, ["input_dim=50", "from 0 to 66", "input_dim=67"]),
        (words(), WORDS - 1, TWO, ["from -1", "below 0"]),
        (two_inputs(), {"numbers": X, "text": TOO_FAR}, REAL, ["input_dim=67"]),
        (two_inputs(), [X, TOO_FAR], REAL, ["input_dim=67"]),
        (compiled(plain(), "adam", "mse", ["accuracy"]), X, REAL, ["third place", 'metrics=["accuracy"]']),
        (compiled(plain(), "adam", "mse", [keras.metrics.MeanAbsoluteError()]), X, REAL, ["third place"]),
        (linear(), REAL, X, ["inputs of shape (6,)", "wrong way round"]),
        (softmax(), ONE_HOT, X, ["inputs of shape (6,)", "wrong way round"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_words(model, x, y, said):
    with pytest.raises(LessonError) as caught:
        check(model, x, y)
    for each in said:
        assert each in str(caught.value)
    with pytest.raises(LessonError):
        check(model, x, y, (x, y))


def test_labels_that_are_wrong_in_validation_alone_are_named_so():
    late = np.where(np.arange(N) == N - 1, 7, CLASSES)
    for network, x, y, said in (
        (softmax(loss="sparse_categorical_crossentropy"), (X, X), (CLASSES, late), "validation labels run from 0 to 7"),
        (dense(), (X, X), (TWO, 2 * TWO - 1), "validation labels run from -1"),
        (words(), (WORDS, TOO_FAR), (TWO, TWO), "those in the validation examples run from 0 to 66"),
        (dense(), (X, X[:, :5]), (TWO, TWO), "each of the 40 validation examples has shape"),
    ):
        with pytest.raises(LessonError, match=said):
            check(network, x[0], y[0], (x[1], y[1]))


def test_data_in_the_wrong_order_are_recognised_where_a_network_takes_what_it_gets():
    lazy = compiled(keras.Sequential([layers.Dense(3, activation="softmax")]), loss="categorical_crossentropy")
    lazy(ONE_HOT)
    with pytest.raises(LessonError, match="6 columns.*wrong way round"):
        check(lazy, ONE_HOT, X)


def test_the_line_is_the_student_s():
    def build():
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1, activation="softmax")])
        model.compile("adam", "mse", ["accuracy"])
        return model

    with pytest.raises(LessonError, match=r'line \d+ .*model.compile\("adam", "mse", \["accuracy"\]\)'):
        check(build(), X, TWO, build=build)


@pytest.mark.parametrize(
    "model, x, y, said",
    [
        (dense(3), X, ONE_HOT, "exactly one 1.*categorical_crossentropy"),
        (softmax(3, "binary_crossentropy"), X, ONE_HOT, "belongs to it is categorical_crossentropy"),
        (softmax(3, "binary_crossentropy"), X, SEVERAL, "several labels.*use a sigmoid"),
        (softmax(), X, SEVERAL, "do not add up to 1.*binary_crossentropy"),
        (made(layers.Dropout(1.0), layers.Dense(1), loss="mse"), X, REAL, "rate is 1.*0.25"),
        (
            words(layers.Bidirectional(layers.LSTM(2, dropout=25)), layers.Dense(1), loss="mse"),
            WORDS,
            REAL,
            "dropout is 1",
        ),
        (linear(optimizer=keras.optimizers.Adam(0.0)), X, REAL, "learning rate is 0"),
        (linear(metrics=["accuracy"]), X, REAL, "Accuracy.*regression"),
        (linear(loss="mae", metrics=["acc"]), X, 10 * CLASSES, "Accuracy.*regression"),
        (linear(3, "huber", metrics=[keras.metrics.BinaryAccuracy()]), X, REAL_3, "Accuracy.*regression"),
    ],
)
def test_what_is_legal_but_strange_is_remarked_on(model, x, y, said):
    (remark,) = check(model, x, y, (x, y))
    assert re.search(said, remark)


def test_a_remark_is_in_the_note_of_a_run_that_goes_on_to_its_end():
    history = engine.fit(linear(metrics=["accuracy"]), X, REAL, epochs=2)
    assert history.note == history.remarks[0] and len(history.epoch) == 2 and not history.stopped


def masked():
    return words(layers.LSTM(4, return_sequences=True), layers.Dense(3, activation="softmax"),
                 loss="sparse_categorical_crossentropy", mask_zero=True)  # fmt: skip


def two_outputs():
    inputs = keras.Input((6,))
    outputs = {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(3, activation="softmax", name="b")(inputs)}
    return compiled(
        keras.Model(inputs, outputs),
        loss={"a": "mse", "b": "categorical_crossentropy"},
        loss_weights={"a": 0.5, "b": 1},
    )


def of_their_own(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


of_their_own.__name__ = "mean_squared_error"
WARM_UP = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.01, warmup_steps=5)
CONV = layers.Conv2D(1, 3, padding="same", activation="sigmoid")


RIGHT = [
    (dense(metrics=["accuracy"]), X, TWO),
    (dense(metrics=["accuracy"]), X, TWO[:, None].astype("uint8")),
    (dense(), X, TWO.astype(bool)),
    (dense(), X, np.clip(TWO, 0.1, 0.9)),  # smoothed by hand
    (dense(loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1)), X, TWO),
    (linear(loss=keras.losses.BinaryCrossentropy(from_logits=True)), X, TWO),
    (dense(3), X, SEVERAL),
    (dense(3), X, np.vstack([SEVERAL[1:], [0, 0, 0]])),
    (softmax(metrics=["accuracy"]), X, ONE_HOT),
    (softmax(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)), X, ONE_HOT),
    (softmax(), X, RANDOM.dirichlet([1, 1, 1], N).astype("float16")),  # soft labels
    (linear(3, keras.losses.CategoricalCrossentropy(from_logits=True)), X, ONE_HOT),
    (linear(3, keras.losses.SparseCategoricalCrossentropy(from_logits=True)), X, CLASSES.astype("float32")),
    (linear(3, keras.losses.SparseCategoricalCrossentropy(True, ignore_class=-1)), X, CLASSES - (CLASSES == 2) * 3),
    (softmax(loss="sparse_categorical_crossentropy", metrics=["accuracy"]), X, CLASSES[:, None]),
    (linear(loss="hinge"), X, 2 * TWO - 1),
    (dense(1, "tanh", "squared_hinge"), X, 2 * TWO - 1),
    (dense(1, "tanh", "mse", metrics=["accuracy"]), X, 2 * TWO - 1),
    (linear(3), X, REAL_3),
    (linear(3, "mae", metrics=["mae"]), X, REAL_3),
    (linear(), X, REAL[:, None]),
    (subclassed(3), X, REAL_3),
    (dense(1, "softplus", "poisson"), X, 5 * CLASSES),
    (linear(loss="cosine_similarity"), X, REAL),
    (linear(3, of_their_own), X, REAL[:, None]),
    (dense(1, "sigmoid", "mse", metrics=["accuracy"]), X, TWO),  # as the classic XOR
    (softmax(loss="mse", metrics=["accuracy"]), X, ONE_HOT),
    (softmax(loss="mse", metrics=["accuracy"]), X, 0.9 * ONE_HOT + 0.1 / 3),
    (made(layers.Dense(2), layers.Dense(6), loss="mse"), X, X),  # autoencoders
    (made(layers.Dense(2), layers.Dense(3, activation="sigmoid"), loss="binary_crossentropy", shape=(3,)), ONE_HOT,
     ONE_HOT),
    (made(CONV, loss="binary_crossentropy", shape=(8, 8, 1)), PICTURES, PICTURES),
    (made(CONV, loss="binary_crossentropy", shape=(8, 8, 1)), PICTURES, PICTURES[..., 0] > 0.5),  # masks
    (made(layers.Conv2D(3, 1, activation="softmax"), loss="sparse_categorical_crossentropy", shape=(8, 8, 1)),
     PICTURES, RANDOM.integers(0, 3, (N, 8, 8))),
    (made(layers.LSTM(3, return_sequences=True), layers.Dense(1), loss="mse", shape=(4, 2)),
     RANDOM.normal(size=(N, 4, 2)), RANDOM.normal(size=(N, 4))),
    (made(layers.LSTM(3), layers.Dense(1), loss="mse", shape=(None, 2)), RANDOM.normal(size=(N, 4, 2)), REAL),
    (masked(), WORDS, WORDS % 3),
    (words(), WORDS.astype("float32"), TWO),
    (words(input_dim=51), WORDS + 1, TWO),
    (two_inputs(), {"numbers": X, "text": WORDS}, REAL),
    (two_outputs(), X, {"a": REAL, "b": ONE_HOT}),
    (linear(optimizer=keras.optimizers.SGD(WARM_UP)), X, REAL),
    (linear(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))), X, REAL),
    (linear(metrics=[of_their_own, "mse"]), X, REAL),
    (made(layers.Normalization(), layers.Dense(1), loss="mse"), X, REAL),
    (made(layers.Dense(4, trainable=False), layers.Dense(1), loss="mse"), X, REAL),
    (made(layers.Softmax(), layers.Dense(1), loss="mse"), X, REAL),  # attention weights, say: not the last layer
    (compiled(plain(), "adam", "mse", 0.5), X, REAL),
    (compiled(plain(), "adam", "mse", [0.5], metrics=["mae"]), X, REAL),
]  # fmt: skip


@pytest.mark.parametrize("model, x, y", RIGHT)
def test_of_what_is_right_nothing_is_said(model, x, y):
    assert check(model, x, y, (x, y)) == []


@pytest.mark.slow
@pytest.mark.parametrize("model, x, y", RIGHT)
def test_what_is_right_can_be_trained(model, x, y):
    history = engine.fit(model, x, y, validation_data=(x, y), epochs=1)
    assert len(history.epoch) == 1 and history.remarks == [] and not history.stopped


def test_a_dataset_without_batches_is_recognised():
    for x, y, network in ((X, TWO, dense()), (X, ONE_HOT, softmax()), (PICTURES, TWO, lazy())):
        data = tf.data.Dataset.from_tensor_slices((x, y))
        with pytest.raises(LessonError, match="one example at a time.*batch"):
            check(network, data, None)
        assert check(network, data.batch(8), None, data.batch(8)) == []
        with pytest.raises(LessonError, match="one example at a time"):
            check(network, data.batch(8), None, data)


def lazy():
    stack = [layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    return compiled(keras.Sequential(stack), loss="binary_crossentropy")


@pytest.mark.slow
def test_what_a_callback_may_change_is_left_to_it():
    warm_up = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 * epoch)
    history = engine.fit(linear(optimizer=keras.optimizers.SGD(0.0)), X, REAL, epochs=2, callbacks=[warm_up])
    assert history.history["loss"][1] < history.history["loss"][0] and not history.note


def fits():
    model = dense()
    model.fit(X, TWO, verbose=0)
    return model


def fits_fast():
    model = dense()
    engine.fit(model, X, TWO)
    return model


def fits_by_batch():
    model = dense()
    model.train_on_batch(X, TWO)
    return model


def fits_and_compiles_again():
    return compiled(fits(), loss="binary_crossentropy")


@pytest.mark.slow
@pytest.mark.parametrize("build", [fits, fits_fast, fits_by_batch, fits_and_compiles_again])
def test_a_builder_that_trains_is_told_so(build):
    history = Trainer(build, X, TWO).run({}, 1)
    (remark,) = history.remarks
    assert f"{build.__name__}() returns has been trained already" in remark and not history.stopped


@pytest.mark.slow
def test_a_network_that_was_trained_elsewhere_is_nobodys_mistake(tmp_path):
    trained = fits()
    trained.save(tmp_path / "trained.keras")
    assert int(trained.optimizer.iterations) > 0

    def from_a_file():
        return keras.models.load_model(tmp_path / "trained.keras")

    def on_top_of_another():
        return made(fits(), layers.Dense(1, activation="sigmoid"), loss="binary_crossentropy")

    only_one = compiled(plain(), loss="mse", run_eagerly=True)
    for build in (from_a_file, on_top_of_another, lambda: only_one):
        trainer = Trainer(build, X, TWO)
        assert [trainer.run({}, epochs).remarks for epochs in (1, 2)] == [[], []]
    again = dense()
    assert [engine.fit(again, X, TWO).remarks for _ in range(2)] == [[], []]


@pytest.mark.slow
def test_a_remark_is_told_of_a_run_that_is_shown_again():
    trainer = Trainer(lambda: linear(metrics=["accuracy"]), *training_and_validation((X, REAL)))
    told = [trainer.run({}, epochs).remarks for epochs in (2, 2, 1, 3)]
    assert all("Accuracy" in remarks[0] and len(remarks) == 1 for remarks in told)


def test_dealt_anew_every_example_keeps_its_target_and_its_parts():
    x, y, (x_val, y_val) = (
        {"a": X, "b": np.arange(N)},
        np.arange(N),
        ({"a": X[:9] + 1, "b": N + np.arange(9)}, N + np.arange(9)),
    )
    assert dealt_anew(x, y, (x_val, y_val), 0) == (x, y, (x_val, y_val))
    new_x, new_y, (new_x_val, new_y_val) = dealt_anew(x, y, (x_val, y_val), 4)
    assert len(new_y) == N and len(new_y_val) == 9 and set(new_y) | set(new_y_val) == set(range(N + 9))
    assert not np.array_equal(np.sort(new_y_val), y_val)
    rows = np.concatenate([X, X[:9] + 1])
    for part, targets in ((new_x, new_y), (new_x_val, new_y_val)):
        assert np.array_equal(part["b"], targets) and np.array_equal(part["a"], rows[targets])
    assert np.array_equal(dealt_anew(x, y, (x_val, y_val), 4)[1], new_y)
    assert not np.array_equal(dealt_anew(x, y, (x_val, y_val), 5)[1], new_y)
