"""Lesson 6's checks: each solution passes, wrong answers fail with words that help, the stub runs.

The wrong answers that stand in lesson_6.toml are tried in test_tables.py; here are others, and those of whose sentence
the figures matter.
"""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers.exercises import checks, lesson_6

pytestmark = pytest.mark.slow  # trains many networks

CHECKS = {
    "two_class": lesson_6.check_two_class,
    "pipelines": lesson_6.check_pipelines,
    "steps": lesson_6.check_steps,
    "error_bar": lesson_6.check_error_bar,
    "choose_best": lesson_6.check_choose_best,
}
STUBS = {
    "two_class": """def two_class(learning_rate=0.0005):
    model = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(32, activation="relu"),
        ...
    ])
    model.compile(loss=..., optimizer=..., metrics=["accuracy"])
    return model""",
    "pipelines": """def pipelines(x_train, y_train, x_val, y_val):
    flip = layers.RandomFlip("horizontal")
    shift = layers.RandomTranslation(0.1, 0.1)
    ...""",
    "steps": "def steps(n_pictures, batch_size):\n    ...",
    "error_bar": "def error_bar(right, n):\n    ...",
    "choose_best": "def choose_best(results):\n    ...",
}
FIRST_WORDS = {
    "two_class": "Put the last layer in their place",
    "pipelines": "Make the two datasets",
    "steps": "end it with return",
    "error_bar": "return low, high",
    "choose_best": "with the settings that you choose",
}
Adam, Crossentropy = keras.optimizers.Adam, keras.losses.BinaryCrossentropy


def own_adam(learning_rate):
    return Adam(learning_rate, beta_1=0.8)


def two_class(
    last=lambda: [layers.Dense(1, activation="sigmoid")],
    loss="binary_crossentropy",
    optimizer=own_adam,
    metrics=("accuracy",),
    hidden=lambda: layers.Dense(8, activation="relu"),
):
    """A builder that is right but for what it is given here; None as a loss: not compiled."""

    def build(learning_rate=0.0005):
        model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), hidden(), *last()])
        if loss is not None:
            model.compile(
                loss=loss,
                optimizer=optimizer(learning_rate) if callable(optimizer) else optimizer,
                metrics=list(metrics),
            )
        return model

    return build


def dense(*units, **settings):
    return lambda: [layers.Dense(*units, **settings)]


def functional(learning_rate=0.0005):
    x = start = keras.Input((28, 28, 1))
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    model = keras.Model(start, layers.Activation("sigmoid")(layers.Dense(1)(x)))
    model.compile(own_adam(learning_rate), Crossentropy(), metrics=[keras.metrics.BinaryAccuracy()])
    return model


WRONG_NETWORKS = [
    (two_class(loss="binary_cross_entropy"), "no loss called 'binary_cross_entropy'"),
    (3, "begin with def two_class(learning_rate=0.0005)"),
    (keras.Sequential, "begin with def two_class"),
    (lambda learning_rate=0.0005: keras.Sequential().summary(print_fn=lambda *_, **__: None), "line should be: return"),
    (lambda learning_rate=0.0005: ..., "line should be: return"),
    (lambda learning_rate=0.0005: "model", "returned a str"),
    (lambda: two_class()(), "the function's first line"),
    (two_class(loss=None), "not compiled"),
    (two_class(dense(2, activation="softmax")), "two numbers for each picture"),
    (two_class(dense(10)), "the shape (64, 10)"),
    (two_class(dense(1), Crossentropy(from_logits=True)), "does not stay between 0 and 1"),
    (two_class(dense(1, activation="tanh")), "does not stay between 0 and 1"),
    (two_class(loss=Crossentropy(label_smoothing=0.1)), "binary cross-entropy, by hand"),
    (two_class(optimizer=lambda rate: Adam()), "Adam as it comes"),
    (two_class(optimizer="sgd"), "The optimizer is SGD"),
    (two_class(optimizer=lambda rate: keras.optimizers.Nadam(rate, beta_1=0.8)), "is Nadam"),
    (two_class(optimizer=lambda rate: keras.optimizers.AdamW(rate, beta_1=0.8)), "is AdamW"),
    (two_class(optimizer=lambda rate: Adam(0.0005, beta_1=0.8)), "0.0005, whatever"),
    (two_class(optimizer=lambda rate: Adam(beta_1=0.8)), "0.001, whatever"),
    (two_class(optimizer=lambda rate: own_adam(rate / 10)), "with a learning rate of 0.001"),
    (two_class(optimizer=Adam), "still has its default, 0.9"),
    (two_class(optimizer=lambda rate: Adam(rate, beta_1=0.2)), "beta_1 is 0.2"),
    (two_class(metrics=["categorical_accuracy"]), "your categorical_accuracy says 100%"),
    (two_class(metrics=[keras.metrics.Accuracy()]), "says 0%"),
]


def batched(x, y, shuffle=200, size=32, **settings):
    data = tf.data.Dataset.from_tensor_slices((x, y))
    return (data.shuffle(shuffle, **settings) if shuffle else data).batch(size)


# With a state of its own: the numbers of tf.random.uniform begin anew in each pass once a test has set a global seed.
GENERATOR = tf.random.Generator.from_seed(1)


def flip(x):
    return tf.where(GENERATOR.uniform((tf.shape(x)[0], 1, 1, 1)) < 0.5, x, x[:, :, ::-1])


def shift(x, by=2):
    return tf.roll(x, GENERATOR.uniform((2,), -by, by + 1, dtype=tf.int32), axis=(1, 2))


def augment(x, y):
    return shift(flip(x)), y


def pipelines(train=lambda x, y: batched(x, y).map(augment), validation=lambda x, y: batched(x, y, 0)):
    """Right but for what it is given here."""
    return lambda x_train, y_train, x_val, y_val: (train(x_train, y_train), validation(x_val, y_val))


def mapped(change):
    return pipelines(lambda x, y: batched(x, y).map(lambda x, y: (change(x), y)))


def layer_inside(x, y):
    return batched(x, y).map(lambda x, y: (layers.RandomFlip("horizontal")(x, training=True), y))


WRONG_PIPELINES = [
    (3, "begin with def pipelines"),
    (lambda *parts: ..., "returns nothing yet"),
    (lambda *parts: parts, "it returns 4 things"),
    (lambda x, y, *_: batched(x, y), "it returns one _BatchDataset"),
    (pipelines(lambda x, y: x), "not a dataset"),
    (
        pipelines(validation=lambda x, y: batched(x, y, 0).map(lambda x, y: (x[:, :, ::-1], y))),
        "Augment only what is trained",
    ),
    (pipelines(validation=lambda x, y: batched(255 * x, y, 0)), "do not come out as they went in"),
    (pipelines(validation=lambda x, y: batched(x, y, 0).take(1)), "32 come out"),
    (pipelines(batched), "come out as they went in"),
    (pipelines(lambda x, y: batched(x, y).map(augment).cache()), "in every pass in the same way"),
    (pipelines(lambda x, y: batched(x, y, 0).map(augment).cache().unbatch().shuffle(200).batch(32)), "before .cache()"),
    (pipelines(lambda x, y: batched(x, y, reshuffle_each_iteration=False).map(augment)), "never mixed anew"),
    (pipelines(lambda x, y: batched(x, y[::-1]).map(augment)), "carry a label that is not their own"),
    (pipelines(lambda x, y: batched(x, y).map(augment).repeat()), "does not end"),
    (pipelines(lambda x, y: batched(x, y).map(augment).repeat(2)), "come 2 times"),
    (pipelines(lambda x, y: batched(x, y, size=16).map(augment)), "training batches of 16"),
    (pipelines(lambda x, y: batched(x, y, size=200).map(augment)), "training batches of 200"),
    (pipelines(lambda x, y: batched(x, y, size=1).map(augment)), "training batches of 1 pictures"),
    (pipelines(lambda x, y: batched(x, y).take(3).map(augment)), "only 96 come"),
    (pipelines(lambda x, y: batched(x, y, size=20).batch(2)), "One .batch is enough"),
    (
        pipelines(lambda x, y: batched(x, y).batch(2).map(augment)),
        "ended in InvalidArgumentError: Error in user-defined function",
    ),
    (pipelines(lambda x, y: batched(x, y).map(lambda x, y: shift(flip(x)))), "two things, pictures and their labels"),
    (mapped(lambda x: tf.transpose(shift(flip(x)), (0, 2, 1, 3))[:, ::-1]), "stand on their head"),
    (mapped(lambda x: flip(x[:, ::-1])), "stand on their head"),
    (mapped(lambda x: shift(x[:, :, ::-1])), "100% of the pictures are flipped"),
    (mapped(lambda x: layers.RandomFlip("horizontal").numpy()), "AttributeError"),
]


WRONG_STEPS = [
    (3, "begin with def steps"),
    (lambda n, b: None, "end it with return"),
    (lambda n, b: [n], "returns a list"),
    (lambda n, b: n // b, "1000 pictures in batches of 32 make 32 batches; yours says 31. What is left over"),
    (lambda n, b: n / b, "yours says 31.25. A part of a batch"),
    (lambda n, b: 25, "yours says 25"),
    (lambda n, b: np.ceil(n / b), "25.0 is a decimal number"),
    (lambda n: n, "TypeError"),
]


def bar(half=lambda p, n: 1.96 * math.sqrt(p * (1 - p) / n), of=lambda low, high, n: (low, high)):
    """The formula, with another half length, or something else done to the two ends."""

    def error_bar(right, n):
        p = right / n
        low, high = p - half(p, n), p + half(p, n)
        return of(max(0, low), min(1, high), n)

    return error_bar


WRONG_BARS = [
    (3, "begin with def error_bar"),
    (lambda right, n: (1, 2, 3), "shape (3,)"),
    (bar(lambda p, n: 1.96 * math.sqrt(p * (1 - p))), "not divided by n"),
    (bar(lambda p, n: 1.96 * math.sqrt(p * (1 - p) / max(n - 50, 1))), "the bar should go from"),
    (bar(lambda p, n: 0.05), "the bar should go from 0.756 to 0.864"),
    (lambda right, n: bar()(right, n) if n > 100 else (0, 1), "For 45 right of 50"),
]


def lowest_by(rule, of=lambda row: row["settings"]):
    return lambda results: of(min(results, key=rule))


def mean_loss(row):
    mean = np.mean(row["val_loss"])
    return mean if np.isfinite(mean) else np.inf


WRONG_CHOICES = [
    (3, "begin with def choose_best"),
    (lowest_by(mean_loss, mean_loss), "returns the number 0.4"),
    (lambda results: int(np.argmin([mean_loss(row) for row in results])), "returns the number 4"),
    (lambda results: "right", "returns right"),
    (lowest_by(mean_loss, lambda row: row["settings"]["architecture"]), "returns right"),
    (lowest_by(lambda row: min(row["val_loss"])), "one lucky run"),
    (lowest_by(lambda row: np.nanmin(row["val_loss"])), "one lucky run"),
    (lowest_by(lambda row: -max(row["val_accuracy"])), "by the validation accuracy"),
    (lowest_by(lambda row: -np.mean(row["val_loss"])), "A loss should be low"),
    (lowest_by(lambda row: np.median(row["val_loss"])), "the middle seeds"),
    (lowest_by(lambda row: max(row["val_loss"]) if mean_loss(row) < np.inf else np.inf), "the worst seeds"),
    (lowest_by(lambda row: np.mean(row["val_loss"])), "training diverged"),
    (lowest_by(lambda row: np.nan_to_num(row["val_loss"]).mean()), "training diverged"),
    (
        lambda results: results[np.argmin([np.mean(row["val_loss"]) for row in results])]["settings"],
        "training diverged",
    ),
    (lowest_by(lambda row: mean_loss(row) - 0.1 * row["test_accuracy"]), "asks for the test accuracy"),
    (lowest_by(lambda row: mean_loss(row) if "test_accuracy" in row else row["val_loss"][0]), "for the test accuracy"),
    (lowest_by(lambda row: sum(row["val_loss"][:2]) if row["val_loss"][0] > 0 else np.inf), "validation losses"),
]
WRONG = (
    [("two_class", *case) for case in WRONG_NETWORKS]
    + [("pipelines", *case) for case in WRONG_PIPELINES]
    + [("steps", *case) for case in WRONG_STEPS]
    + [("error_bar", *case) for case in WRONG_BARS]
    + [("choose_best", *case) for case in WRONG_CHOICES]
)


def made(source, name):
    space = {"keras": keras, "layers": layers, "tf": tf, "np": np}
    exec(source, space)
    return space[name]


@pytest.mark.parametrize("name", CHECKS)
def test_the_solution_passes(name):
    feedback = CHECKS[name](made(CHECKS[name].solution, name))
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name", CHECKS)
def test_the_stub_runs_and_is_told_what_to_do_first(name):
    for answer, words in ((made(STUBS[name], name), FIRST_WORDS[name]), (..., "three dots")):
        feedback = CHECKS[name](answer)
        assert not feedback.passed and words in feedback.message, feedback.message
        assert "Error" not in feedback.message


@pytest.mark.parametrize(
    "name, answer, words", WRONG, ids=[f"{name}-{number}" for number, (name, *_) in enumerate(WRONG)]
)
def test_a_wrong_answer_fails_with_words_that_help(name, answer, words):
    feedback = CHECKS[name](answer)
    assert not feedback.passed and words in feedback.message, feedback.message


def test_the_hint_gives_the_solution_not_away():
    for check in CHECKS.values():
        assert not [
            line for line in check.solution.splitlines() if len(line.strip()) > 8 and line.strip() in check.hint
        ]


@pytest.mark.parametrize(
    "answer",
    [
        functional,
        two_class(hidden=lambda: layers.Dense(8, kernel_regularizer="l2")),
        two_class(loss=Crossentropy()),
        two_class(metrics=["acc", "auc"]),
        two_class(lambda: [layers.Dense(1), layers.Activation("sigmoid")]),
        two_class(hidden=lambda: layers.Dropout(0.5)),
        two_class(hidden=layers.BatchNormalization),
    ],
    ids=["functional", "regularised", "loss class", "two metrics", "activation layer", "dropout", "batch norm"],
)
def test_other_two_class_networks_pass(answer):
    feedback = lesson_6.check_two_class(answer)
    assert feedback.passed, feedback.message


def keras_chain(x, y):
    chain = keras.Sequential([layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"), layers.RandomFlip("horizontal")])
    return batched(x, y).map(lambda x, y: (chain(x, training=True), y)).prefetch(2)


def one_by_one(x, y):
    def change(x, y):
        x = tf.image.random_crop(
            tf.image.resize_with_crop_or_pad(tf.image.random_flip_left_right(x), 32, 32), (28, 28, 1)
        )
        return x, y

    return tf.data.Dataset.from_tensor_slices((x, y)).cache().shuffle(1000).map(change).batch(32)


@pytest.mark.parametrize(
    "answer",
    [
        pipelines(),
        pytest.param(pipelines(keras_chain), marks=pytest.mark.slow),
        pipelines(one_by_one),
        pipelines(validation=lambda x, y: batched(x, y, size=50)),
        pipelines(lambda x, y: batched(x, y.reshape(-1, 1).astype("float32")).map(augment)),
        pipelines(lambda x, y: batched(x, y, seed=3).map(augment)),
        mapped(lambda x: tf.roll(flip(x), GENERATOR.uniform((), -3, 4, dtype=tf.int32), axis=2)),
    ],
    ids=["tf", "Keras chain", "one by one", "one large batch", "labels in a column", "seeded", "sideways only"],
)
def test_other_pipelines_pass(answer):
    feedback = lesson_6.check_pipelines(answer)
    assert feedback.passed, feedback.message


def test_a_seed_that_the_student_has_set_spoils_no_right_pipeline():
    tf.random.set_seed(1)
    try:
        for answer in (made(lesson_6.check_pipelines.solution, "pipelines"), pipelines(one_by_one)):
            feedback = lesson_6.check_pipelines(answer)
            assert feedback.passed, feedback.message
    finally:
        tf.random.set_seed(None)


@pytest.mark.slow
def test_chance_fails_no_right_pipeline():
    for _ in range(100):
        feedback = lesson_6.check_pipelines(pipelines())
        assert feedback.passed, feedback.message


@pytest.mark.slow
def test_a_layer_made_inside_map_is_told_so():
    assert "anew for each batch" in lesson_6.check_pipelines(pipelines(layer_inside)).message


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
def test_a_layer_that_is_told_it_is_not_training_does_nothing(training):
    change = layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1)
    feedback = lesson_6.check_pipelines(mapped(lambda x: change[1](change[0](x, training=training), training=training)))
    assert feedback.passed == training and ("training=False" in feedback.message) != training


@pytest.mark.parametrize(
    "answer",
    [
        lambda n, b: -(-n // b),
        lambda n, b: (n + b - 1) // b,
        lambda n, b: int(np.ceil(n / b)),
        lambda n, b: len(range(0, n, b)),
    ],
)
def test_other_ways_to_count_steps_pass(answer):
    assert lesson_6.check_steps(answer).passed


@pytest.mark.parametrize(
    "answer",
    [
        bar(of=lambda low, high, n: [low, high]),
        bar(of=lambda low, high, n: np.array([low, high])),
        bar(of=lambda low, high, n: (round(low, 3), round(high, 3))),
        lambda right, n: np.clip(
            [
                right / n - 1.96 * np.sqrt(right / n * (1 - right / n) / n),
                right / n + 1.96 * np.sqrt(right / n * (1 - right / n) / n),
            ],
            0,
            1,
        ),
    ],
)
def test_other_ways_to_write_the_bar_pass(answer):
    feedback = lesson_6.check_error_bar(answer)
    assert feedback.passed, feedback.message


@pytest.mark.parametrize(
    "answer",
    [
        lowest_by(mean_loss),
        lowest_by(lambda row: sum(row["val_loss"]) if not np.isnan(row["val_loss"]).any() else np.inf),
        lambda results: min((row for row in results if not np.isnan(np.mean(row["val_loss"]))), key=mean_loss)[
            "settings"
        ],
        lambda results: results[np.nanargmin([np.mean(row["val_loss"]) for row in results])]["settings"],
        lambda results: sorted(results, key=mean_loss)[0]["settings"],
        lowest_by(mean_loss, lambda row: dict(row["settings"])),
    ],
)
def test_other_ways_to_choose_pass(answer):
    feedback = lesson_6.check_choose_best(answer)
    assert feedback.passed, feedback.message


def test_every_wrong_answer_of_the_table_chooses_another_row_of_the_first_list():
    rows, wrong = lesson_6.RESULTS[0], lesson_6.check_choose_best.table["wrong"]
    mistakes = checks.Mistakes(lesson_6.check_choose_best.table, vars(lesson_6))
    chosen = [mistakes.answer(row["answer"])(rows)["architecture"] for row in wrong if "answer" in row]
    assert len(set(chosen)) == len(chosen) == 10 and "right" not in chosen
    assert min(rows, key=mean_loss)["settings"]["architecture"] == "right"
    assert chosen[-2:] == ["first", "last"]


def test_the_results_are_not_changed_by_what_the_student_does_to_them():
    def spoil(results):
        best = min(results, key=mean_loss)["settings"].copy()
        for row in results:
            row["val_loss"].clear()
            row["settings"].clear()
        return best

    assert lesson_6.check_choose_best(spoil).passed
    assert lesson_6.check_choose_best(lowest_by(mean_loss)).passed


def test_nothing_is_printed_or_warned_of(capfd, recwarn):
    def loud(learning_rate=0.0005):
        print("here")
        return two_class(loss=Crossentropy(from_logits=True))(learning_rate)

    lesson_6.check_two_class(loud)
    lesson_6.check_two_class(two_class(dense(1, activation="softmax")))
    lesson_6.check_error_bar(lambda right, n: (np.log(right - right), 1))
    lesson_6.check_choose_best(lowest_by(lambda row: np.nanmin(row["val_loss"])))
    assert capfd.readouterr() == ("", "") and not [
        warning for warning in recwarn if warning.category in (UserWarning, RuntimeWarning)
    ]
