"""The engine gives what `model.fit` gives: for kinds that are easily got wrong, and for builders drawn at random.

A run of all tests draws some; more, other ones, with

    python -m pytest tests/engine/test_equal_to_fit.py --builders 3000 -s
"""

import gc
import random
import re
from collections import Counter

import keras
import numpy as np
import pandas
import pytest
import scipy.sparse
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from keras import layers, ops

from helpers import engine
from helpers.engine import loop, structure, training
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError
from tests.engine.builders import SubclassWithoutTraining, build, cases, data_of

pytestmark = pytest.mark.slow
RANDOM = np.random.default_rng(7)
EPOCHS = 2
NEAR = 1e-5
DRAWN_ALIKE = 300  # up to so many builders are the same in each run, so that a failure can be looked at again


def trained_by_fit(case):
    """(history, weights) of plain `fit`, or the error that it or the builder raises."""
    (x, y), validation, weights = data_of(case)
    told = {"epochs": EPOCHS, "batch_size": case.batch_size, "shuffle": False, "verbose": 0, **weights}
    try:
        model = build(case)
        # Without tracing, which takes most of the time; one in eight is traced. (The losses of several outputs are not
        # the same in Keras itself: there it is traced, as students have it.)
        model.run_eagerly = case.seed % 8 > 0 and "outputs" not in case.kind
        history = model.fit(x, y, validation_data=validation, **told)
    except Exception as error:
        return None, error
    return history.history, model.get_weights()


def trained_by_the_engine(case):
    model, ((x, y), validation, weights) = build(case), data_of(case)
    history = engine.fit(model, x, y, validation, epochs=EPOCHS, batch_size=case.batch_size, shuffle=False, **weights)
    return history, model.get_weights()


def check(case):
    """Train a case both ways and compare; returns which way the engine took."""
    theirs, weights = trained_by_fit(case)
    if theirs is None:
        with pytest.raises(Exception):  # noqa: B017  (whatever: what Keras refuses must not give a curve)
            trained_by_the_engine(case)
        return "refused by Keras"
    try:
        ours, our_weights = trained_by_the_engine(case)
    except LessonError as error:
        raise AssertionError(f"fit trains this, the engine refuses it: {error}") from error
    assert set(ours.history) == set(theirs)
    epochs = len(ours.epoch)
    assert epochs == EPOCHS or not np.isfinite(theirs["loss"][epochs - 1])
    for name, values in theirs.items():
        mine, known = np.array(ours.history[name]), np.array(values[:epochs])
        assert np.allclose(mine, known, rtol=NEAR, atol=NEAR, equal_nan=True), (name, mine, known)
    if epochs == EPOCHS and all(np.isfinite(values).all() for values in weights):
        apart = max(
            np.abs(a - b).max(initial=0) / max(1, np.abs(b).max(initial=0))
            for a, b in zip(our_weights, weights, strict=True)
        )
        assert apart < 10 * NEAR, f"weights apart by {apart}"
    return ours.path if ours.path == "compiled" else f"fit: {re.sub(r'.*because ', '', ours.note)[:70]}"


def compare(count, on_case=lambda path: None):
    """Check `count` builders drawn at random; raises `AssertionError` at the first that is not equal."""

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=count <= DRAWN_ALIKE,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(cases())
    def each(case):
        on_case(check(case))
        gc.freeze()  # Keras leaves graphs behind that nothing frees; to look through them again takes longer each time

    try:
        each()
    finally:
        gc.unfreeze()


def test_builders_drawn_at_random(request):
    count, paths = request.config.getoption("--builders"), Counter()
    compare(count, lambda path: paths.update([path]))
    print()
    for path, times in paths.most_common():
        print(f"{times:6} {path}")
    trained = sum(times for path, times in paths.items() if path != "refused by Keras")
    assert trained > count / 2 and paths["compiled"] > trained / 2


def labels_as_a_column(x, y, *others):
    (x, y, *weights), validation = AS_EXAMPLES(x, y, *others)
    y = y[:, np.newaxis] if getattr(y, "ndim", 0) == 1 else y
    return (x, y, *weights), validation


AS_EXAMPLES = training._as_examples
FAULTS = {  # that the engine once had: name of what is replaced, by what
    "a model is always told whether it is training": (
        loop,
        "_predicted",
        lambda model, x, training: model(x, training=training),
    ),
    "validation in large batches for all": (loop, "is_mean_over_examples", lambda model: True),
    "labels as a column": (training, "_as_examples", labels_as_a_column),
    "changes to a finished layer go unseen": (structure, "_changed_since_made", lambda layer: False),
    "weights are left out": (training, "weights_of", lambda *given: None),
}


def test_a_fault_put_back_is_found(request, monkeypatch):
    """All of them with --full; one drawn by lot otherwise."""
    config = request.config
    names = list(FAULTS) if config.option.full else [random.Random(config.option.lot).choice(list(FAULTS))]
    for name in names:
        with monkeypatch.context() as patch:
            patch.setattr(*FAULTS[name])
            looked_at = Counter()
            with pytest.raises((AssertionError, BaseExceptionGroup)):
                compare(DRAWN_ALIKE, lambda path, seen=looked_at: seen.update(["builders"]))
        print(f"{name}: found after {looked_at['builders']} builders")


# Kinds that are easily got wrong, each as plain as it can be.

X, Y = RANDOM.normal(size=(42, 6)).astype("float32"), RANDOM.integers(0, 3, 42)
X_VAL, Y_VAL = X[::-1][:21] + 0.1, Y[::-1][:21]


def network(*inner, loss="sparse_categorical_crossentropy", metrics=("accuracy",), optimizer="adam", last="softmax"):
    model = keras.Sequential([keras.Input((6,)), *inner, layers.Dense(3, activation=last)])
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return model


def relu(x):
    """A student's own function under the name of one of Keras's."""
    return ops.sin(x)


def frozen_kernel():
    model = network(layers.Dense(4))
    model.layers[0].kernel.trainable = False
    return model


def penalty_afterwards():
    model = network(layers.Dense(4))
    model.layers[0].kernel.regularizer = keras.regularizers.L2(0.5)
    return model


def penalty_of_the_layer_afterwards():
    model = network(layers.Dense(4))
    model.layers[0].kernel_regularizer = keras.regularizers.L2(0.5)  # too late: the kernel is made already
    return model


def limit_afterwards():
    model = network(layers.Dense(4))
    model.layers[0].kernel.constraint = keras.constraints.MaxNorm(0.1)
    return model


def without_training():
    model = SubclassWithoutTraining(
        [layers.Dense(4), layers.BatchNormalization()], layers.Dense(3, activation="softmax")
    )
    model(X[:1])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def hits(y_true, y_pred):
    return ops.cast(ops.equal(ops.cast(y_true, "int64"), ops.argmax(y_pred, axis=-1)), "float32")


class Late(layers.Layer):
    """A layer that makes its weights when it first sees data, from random numbers that are drawn then."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform")

    def call(self, x):
        return x @ self.kernel


class OwnMetrics(keras.Sequential):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        found = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**found, "twice": 2 * found["accuracy"]}


class OwnEvaluate(keras.Sequential):
    def evaluate(self, *arguments, **named):
        return {**super().evaluate(*arguments, **named), "one": 1.0}


class OwnLossAsBefore(keras.Sequential):
    """Its compute_loss knows no `training`, as before Keras 3.3, and needs the weights, be they None."""

    def compute_loss(self, x, y, y_pred, sample_weight):
        return ops.mean(keras.losses.sparse_categorical_crossentropy(y, y_pred))


def of(kind, *stack):
    model = kind([*stack, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def frozen_after_it_was_loaded():
    model = network(layers.Dense(4))
    model.optimizer.build(model.trainable_variables)  # as loading a saved model does
    model.layers[0].trainable = False
    return model


KINDS = {
    "weights that are made late": lambda: of(keras.Sequential, Late(4)),
    "a network that waits for data": lambda: of(keras.Sequential, layers.Dense(4), layers.BatchNormalization()),
    "metrics computed by the model": lambda: of(OwnMetrics, keras.Input((6,))),
    "an evaluate of its own": lambda: of(OwnEvaluate, keras.Input((6,))),
    "a loss computed as before": lambda: of(OwnLossAsBefore, keras.Input((6,))),
    "frozen after it was loaded": frozen_after_it_was_loaded,
    "labels of one dimension, own metric": lambda: network(metrics=[hits]),
    "training is not told": without_training,
    "softmax over the batch": lambda: network(layers.Softmax(axis=0)),
    "a class that is ignored": lambda: network(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=0)),
    "a sum of losses": lambda: network(loss=keras.losses.SparseCategoricalCrossentropy(reduction="sum")),
    "a penalty on what a layer puts out": lambda: network(layers.Dense(4, activity_regularizer="l2")),
    "a name that Keras has": lambda: network(layers.Dense(4, activation=relu)),
    "Lion": lambda: network(layers.Dense(4, activation="tanh"), optimizer="lion"),
    "a frozen kernel": frozen_kernel,
    "a penalty afterwards": penalty_afterwards,
    "a penalty of the layer afterwards": penalty_of_the_layer_afterwards,
    "a limit afterwards": limit_afterwards,
}


def seeded(make):
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    return make()


def both(make, x=X, y=Y, validation=(X_VAL, Y_VAL), batch_size=8, callbacks=None, epochs=2, **weights):
    """The histories of `fit` and of the engine, and the engine's itself."""
    told = {"epochs": epochs, "batch_size": batch_size, "shuffle": False, **weights}
    made = callbacks or (lambda: None)
    theirs = seeded(make).fit(x, y, validation_data=validation, verbose=0, callbacks=made(), **told).history
    ours = engine.fit(seeded(make), x, y, validation, callbacks=made(), **told)
    return theirs, ours.history, ours


def assert_equal(theirs, ours):
    assert set(theirs) == set(ours)
    for name, values in theirs.items():
        assert np.allclose(values, ours[name], rtol=NEAR, atol=NEAR), (name, values, ours[name])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_easily_got_wrong(kind):
    theirs, ours, _ = both(KINDS[kind])
    assert_equal(theirs, ours)


def test_dice_and_its_kind_are_validated_in_the_batches_of_fit():
    one_hot = np.eye(3, dtype="float32")
    for loss in ("dice", "tversky"):
        theirs, ours, _ = both(lambda loss=loss: network(loss=loss), y=one_hot[Y], validation=(X_VAL, one_hot[Y_VAL]))
        assert_equal(theirs, ours)


def test_validation_batches_do_not_shrink_with_the_training_data():
    def make():
        return network(layers.Softmax(axis=0))

    theirs, ours, _ = both(make, X[:9], Y[:9], batch_size=16)
    assert_equal(theirs, ours)


def test_an_own_function_that_is_edited_is_not_taken_for_the_one_before():
    trainer = Trainer(lambda twist: network(layers.Dense(4, activation=named_relu(twist))), X, Y, (X_VAL, Y_VAL))
    losses = [trainer.run({"twist": twist}, 2).history["loss"][-1] for twist in (0.0, 1.0)]
    assert losses[0] != losses[1] and trainer.compilations == 2


def named_relu(twist):
    def relu(x):
        return ops.maximum(x, 0) + twist * ops.sin(3 * x)

    return relu


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=1, restore_best_weights=True),
        lambda: [keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy", patience=1, factor=0.1)],
        lambda: None,
        lambda: [Momentum(0.9)],
        lambda: [Frozen()],
    ],
    ids=["early stopping, not in a list", "learning rate on a plateau", "none", "momentum", "frozen layer"],
)
def test_callbacks_act_as_in_fit(make):
    def build():
        return network(layers.Dense(4), optimizer=keras.optimizers.SGD(0.1, momentum=0.1))

    theirs, ours, _ = both(build, callbacks=make, epochs=5)
    assert_equal(theirs, ours)


class Momentum(keras.callbacks.Callback):
    def __init__(self, momentum):
        super().__init__()
        self.momentum = momentum

    def on_train_begin(self, logs=None):
        self.model.optimizer.momentum = self.momentum


class Frozen(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].trainable = False


class LooksAround(keras.callbacks.Callback):
    """Reads what Keras tells a callback, and notes it in the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["known"] = float(self.model.get_metrics_result()["loss"])
        logs["steps"] = self.params["steps"] + self.params["verbose"]

    def on_train_end(self, logs=None):
        self.model.at_the_end = logs["loss"] + logs["val_loss"]


class StopsAtOnce(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


class OtherSettings(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.layers[0].activation = keras.activations.tanh
        self.model.layers[1].rate = 0.0


class ScheduleLater(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.2, 3, 0.5)

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch


@pytest.mark.parametrize(
    "make", [LooksAround, StopsAtOnce, OtherSettings, lambda: ScheduleLater(0), lambda: ScheduleLater(1)]
)
def test_what_a_callback_sees_and_changes(make):
    def build():
        return network(layers.Dense(4, activation="relu"), layers.Dropout(0.0 if make is not OtherSettings else 0.5))

    theirs, ours, history = both(build, callbacks=lambda: [make()], epochs=3)
    assert_equal(theirs, ours)
    assert history.path == "compiled"


def test_a_setting_that_a_loss_leaves_out_of_its_configuration():
    def make():
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
        model.compile("adam", keras.losses.Huber(0.1), metrics=["mae"])
        return model

    theirs, ours, history = both(make, y=WEIGHTS, validation=(X_VAL, WEIGHTS[:21]))
    assert_equal(theirs, ours)
    assert history.path == "compiled"


def test_a_callback_at_each_validation_is_said_to_be_that():
    class Tests(keras.callbacks.Callback):
        def on_test_end(self, logs=None):
            self.seen = logs["loss"]

    history = engine.fit(network(), X, Y, (X_VAL, Y_VAL), callbacks=[Tests()])
    assert history.path == "fit" and "called at each validation" in history.note


def test_numbers_of_double_size():
    keras.config.set_floatx("float64")
    try:

        def make():
            model = keras.Sequential([keras.Input((6,)), layers.Dense(1, dtype="float64")])
            model.compile("adam", lambda y, p: tf.reduce_mean((y - p) ** 2))
            return model

        theirs, ours, history = both(make, X.astype("float64"), WEIGHTS[:, None].astype("float64"), validation=None)
    finally:
        keras.config.set_floatx("float32")
    assert_equal(theirs, ours)
    assert history.path == "compiled"


@pytest.mark.parametrize("before, after", [(True, False), (False, True)])
def test_layers_that_are_frozen_or_thawed_without_compile(before, after):
    model = network(layers.Dense(4))
    model.layers[0].trainable = before
    engine.fit(model, X, Y)
    model.layers[0].trainable = after
    with pytest.raises(LessonError, match="only once it is compiled again"):
        engine.fit(model, X, Y)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert engine.fit(model, X, Y).path == "compiled"


def test_an_optimizer_of_another_network():
    optimizer = keras.optimizers.Adam()
    engine.fit(network(optimizer=optimizer), X, Y)
    with pytest.raises(LessonError, match="belongs to another network"):
        engine.fit(network(optimizer=optimizer), X, Y)


def test_no_epoch_and_no_compile():
    model = network(optimizer=keras.optimizers.Adam(use_ema=True))
    before = model.get_weights()
    assert engine.fit(model, X, Y, epochs=0).history == {}
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))
    with pytest.raises(LessonError, match="not compiled"):
        engine.fit(keras.Sequential([keras.Input((6,)), layers.Dense(3)]), X, Y)


def test_a_dropout_inside_a_wrapper_with_the_name_of_another():
    def make(rate):
        inside = layers.TimeDistributed(layers.Dropout(rate, name="drop"))
        stack = [layers.Reshape((2, 3)), layers.Dropout(0.1, name="drop"), inside, layers.Flatten()]
        return network(*stack)

    trainer = Trainer(make, X, Y)
    losses = [trainer.run({"rate": rate}, 2).history["loss"] for rate in (0.1, 0.6)]
    assert trainer.compilations == 2 and losses[0] != losses[1]


class OwnFit(keras.Sequential):
    def fit(self, *arguments, **named):
        self.asked = True
        return super().fit(*arguments, **named)


def test_a_fit_of_its_own_is_called():
    model = OwnFit([keras.Input((6,)), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    history = engine.fit(model, X, Y, epochs=1)
    assert history.path == "fit" and model.asked and "a fit of its own" in history.note


def test_a_metric_called_loss_is_left_to_fit():
    theirs, ours, history = both(lambda: network(metrics=[keras.metrics.SparseCategoricalAccuracy(name="loss")]))
    assert history.path == "fit" and "called loss" in history.note
    assert_equal(theirs, ours)


@pytest.mark.parametrize(
    "shape, given", [((6, 1), (42, 6)), ((6,), (42, 6, 1)), ((2, 3), (42, 2, 3, 1)), ((2, 3, 1), (42, 2, 3))]
)
def test_shapes_that_keras_mends_are_not_refused(shape, given):
    def make():
        model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    theirs, ours, history = both(make, X.reshape(given), validation=(X.reshape(given)[:21], Y_VAL))
    assert_equal(theirs, ours)
    assert history.path == "compiled"


def test_labels_that_are_ignored_may_be_out_of_range():
    y = np.where(Y == 0, -1, Y)
    theirs, ours, _ = both(lambda: network(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)), y=y)
    assert_equal(theirs, ours)
    with pytest.raises(LessonError, match="labels run from -1"):
        engine.fit(network(), X, y)


WEIGHTS = RANDOM.random(42).astype("float32")


@pytest.mark.parametrize(
    "given, validation",
    [
        ({"sample_weight": WEIGHTS}, (X_VAL, Y_VAL)),
        ({"sample_weight": WEIGHTS}, (X_VAL, Y_VAL, WEIGHTS[:21])),
        ({"class_weight": {0: 4.0, 2: 0.5}}, None),
    ],
)
def test_weighted_examples(given, validation):
    def make():
        model = network(layers.Dense(4))
        weighted = [keras.metrics.SparseCategoricalAccuracy(name="weighted")]
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=weighted)
        return model

    theirs, ours, history = both(make, validation=validation, **given)
    assert_equal(theirs, ours)
    assert history.path == "compiled"
    assert not np.allclose(ours["loss"], engine.fit(seeded(make), X, Y, epochs=2, shuffle=False).history["loss"])


def test_weights_of_classes_that_are_one_hot():
    one_hot, make = np.eye(3, dtype="float32")[Y], lambda: network(loss="categorical_crossentropy")
    assert_equal(*both(make, y=one_hot, validation=None, class_weight={0: 4.0, 2: 0.5})[:2])


def test_weights_of_two_outputs():
    def make():
        inputs = keras.Input((6,))
        model = keras.Model(inputs, [layers.Dense(3, activation="softmax")(inputs), layers.Dense(1)(inputs)])
        model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
        return model

    for weights in (WEIGHTS, [WEIGHTS, WEIGHTS[::-1].copy()]):
        assert_equal(*both(make, y=[Y, WEIGHTS], validation=None, sample_weight=weights)[:2])


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"sample_weight": WEIGHTS, "class_weight": {0: 1}}, "cannot be given together"),
        ({"sample_weight": WEIGHTS[:9]}, "do not belong together"),
        ({"sample_weight": WEIGHTS * np.nan}, "not finite"),
        ({"class_weight": [1, 2, 3]}, "a dict with the weight of each class"),
    ],
)
def test_weights_that_cannot_be(wrong, words):
    with pytest.raises(LessonError, match=words):
        engine.fit(network(), X, Y, **wrong)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, number):
        rows = slice(8 * number, 8 * number + 8)
        return X[rows], Y[rows]


@pytest.mark.parametrize("given", [{}, {"class_weight": {0: 4.0, 1: 1.0, 2: 1.0}}])
@pytest.mark.parametrize("make", [Batches, lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)])
def test_what_brings_its_own_batches(make, given):
    told = {"epochs": 2, "shuffle": False, **given}
    theirs = seeded(network).fit(make(), validation_data=make(), verbose=0, **told).history
    ours = engine.fit(seeded(network), make(), None, make(), **told)
    assert_equal(theirs, ours.history)
    assert ours.path == "fit" and "because its data come" in ours.note
    trained = Trainer(lambda: seeded(network), make(), None, make(), class_weight=given.get("class_weight")).run({}, 2)
    assert set(trained.history) == set(theirs) and trained.path == "fit"


def test_arrays_with_a_dataset_for_validation():
    def batches():
        return tf.data.Dataset.from_tensor_slices((X_VAL, Y_VAL)).batch(8)

    theirs, ours, _ = both(network, validation=batches())
    assert_equal(theirs, ours)


TEXTS = np.array(["ein guter Film", "schön", "kein guter Film", "sehr gut"] * 12, dtype=object)
GOOD = np.array([1, 1, 0, 1] * 12, "float32")


def reader_of_texts():
    read = keras.layers.TextVectorization(max_tokens=20, output_sequence_length=4)
    read.adapt(TEXTS)
    model = keras.Sequential([read, keras.layers.Embedding(20, 4), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    return model


@pytest.mark.parametrize("form", [lambda t: t, lambda t: t.astype(str), list, tf.constant, pandas.Series])
def test_texts_are_trained_as_fit_trains_them(form):
    told = {"epochs": 2, "shuffle": False}
    theirs = seeded(reader_of_texts).fit(TEXTS, GOOD, validation_data=(TEXTS[:8], GOOD[:8]), verbose=0, **told).history
    ours = engine.fit(seeded(reader_of_texts), form(TEXTS), GOOD, (TEXTS[:8], GOOD[:8]), **told)
    assert_equal(theirs, ours.history)
    assert ours.path == "fit" and "its data are texts" in ours.note
    trained = Trainer(reader_of_texts, form(TEXTS), GOOD, (TEXTS[:8], GOOD[:8])).run({}, 2)
    assert set(trained.history) == set(theirs)


@pytest.mark.parametrize("texts", [TEXTS, TEXTS.astype(str), np.array(["1", "2"] * 24)])
def test_texts_for_a_network_that_begins_with_numbers(texts):
    with pytest.raises(LessonError, match="texts, and the network begins with numbers.*TextVectorization"):
        engine.fit(network(), texts[:42], Y)


TABLE = pandas.DataFrame(X, columns=list("abcdef"))
FORMS = {
    "a sparse matrix": scipy.sparse.csr_matrix(np.where(X > 0, X, 0)),
    "a sparse array of another kind": scipy.sparse.coo_array(np.where(X > 0, X, 0)),
    "a table": TABLE,
    "a table of 64 bit": TABLE.astype("float64"),
    "a table with other row names": TABLE.set_index(np.arange(42)[::-1]),
    "a table with a column of bool": TABLE.astype("float64").assign(a=TABLE.a > 0),
    "a table of whole numbers": TABLE.round().astype("int64"),
    "a tensor": tf.constant(X),
}


LABELS = [Y, pandas.Series(Y), pandas.Series(Y, index=np.arange(42)[::-1]), tf.constant(Y)]


@pytest.mark.parametrize("form, labels", list(zip(FORMS, 2 * LABELS, strict=True)), ids=FORMS)
def test_forms_of_data_that_fit_takes(form, labels):
    theirs, ours, history = both(lambda: network(metrics=["accuracy", hits]), FORMS[form], labels, validation=None)
    assert_equal(theirs, ours)
    assert history.path == "compiled"


@pytest.mark.parametrize("kind", ["Int64", "Float64", "boolean", "bool and Int64"])
def test_columns_that_may_have_gaps_are_numbers(kind):
    table = (TABLE.round() > 0) if kind == "boolean" else TABLE.round()
    table = table.assign(a=table.a > 0).astype({"b": "Int64"}) if "and" in kind else table.astype(kind)
    history = engine.fit(seeded(network), table, Y, epochs=2, shuffle=False)
    assert_equal(
        engine.fit(seeded(network), table.astype("float32").to_numpy(), Y, epochs=2, shuffle=False).history,
        history.history,
    )


@pytest.mark.parametrize("metrics", [None, {"a": ["accuracy"]}])
def test_named_outputs_of_which_one_has_a_loss(metrics):
    def make():
        inputs = keras.Input((6,))
        model = keras.Model(inputs, {"a": layers.Dense(3, activation="softmax")(inputs), "b": layers.Dense(1)(inputs)})
        model.compile("adam", {"a": "sparse_categorical_crossentropy"}, metrics=metrics)
        return model

    y = {"a": Y} if metrics is None else {"a": Y, "b": WEIGHTS}
    theirs, ours, _ = both(make, y=y, validation=None)
    assert_equal(theirs, ours)


def test_no_batch_size_is_that_of_fit():
    theirs, ours, _ = both(network, batch_size=None)
    assert_equal(theirs, ours)
