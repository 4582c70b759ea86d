"""Lesson 5's checks: each solution passes, each known wrong answer fails with words that help, the stub runs.

Most wrong answers stand in lesson_5.toml, and test_tables.py tries them.
"""

import functools
import html
import types

import keras
import numpy as np
import pytest
from keras import layers

from helpers import data
from helpers.exercises import lesson_5
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts.explore import explore
from helpers.parts.ribbon import ribbon

CHECKS = {
    "build": lesson_5.check_place,
    "normalise": lesson_5.check_normalise,
    "repaired": lesson_5.check_repair,
    "my_answer": lesson_5.check_choice,
}
BN, Drop = layers.BatchNormalization, layers.Dropout


def network(
    first=(),
    second=(),
    third=(),
    fourth=(),
    last=(),
    optimizer="adam",
    loss="categorical_crossentropy",
    filters=5,
    compiled=True,
):
    """The lesson's network with more layers: before, between and after the convolutions, after Flatten, behind the
    softmax."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *first,
            layers.Conv2D(filters, 3, activation="relu"),
            *second,
            layers.Conv2D(15, 3, activation="relu"),
            *third,
            layers.Flatten(),
            *fourth,
            layers.Dense(10, activation="softmax"),
            *last,
        ]
    )
    if compiled:
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def placed(of=lambda rate: rate, **settings):
    """A builder with both layers in their place, or with those in `settings`: {place: function of the rate that gives a
    list}."""

    def build(rate):
        made = {place: value(rate) if callable(value) else value for place, value in settings.items()}
        return network(**{"second": [BN(), Drop(of(rate))], **made})

    return build


def functional(rate):
    x = start = keras.Input((28, 28, 1))
    x = BN()(layers.Conv2D(5, 3, activation="relu")(x))
    x = layers.Flatten()(layers.Conv2D(15, 3, activation="relu")(Drop(rate)(x)))
    model = keras.Model(start, layers.Dense(10, activation="softmax")(x))
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss=keras.losses.CategoricalCrossentropy())
    return model


def without_input(rate):
    model = keras.Sequential(
        [
            layers.Conv2D(5, 3, activation="relu"),
            BN(),
            Drop(rate),
            layers.Conv2D(15, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model


class Own(keras.Model):
    """The network as a class of the student's own, which tells dropout itself whether it is training."""

    def __init__(self, rate, training):
        super().__init__()
        self.chain = [
            layers.Conv2D(5, 3, activation="relu"),
            BN(),
            Drop(rate),
            layers.Conv2D(15, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
        self.always = training

    def call(self, x, training=False):
        for layer in self.chain:
            x = layer(x, training=self.always) if isinstance(layer, Drop) and self.always is not None else layer(x)
        return x


def own(training=None):
    def build(rate):
        model = Own(rate, training)
        model.compile(optimizer="adam", loss="categorical_crossentropy")
        return model

    return build


WRONG_PLACES = [
    (3, "begin with def build_mine(rate)"),
    (keras.Sequential, "begin with def build_mine(rate)"),
    (lambda rate: ..., "return model"),
    (lambda rate: network().summary(print_fn=lambda *_, **__: None), "return nothing"),
    (lambda rate: "model", "returned a str"),
    (placed(compiled=False), "not compiled"),
    (lambda: network(), "0 positional arguments"),
    (lambda rate: network(second=[BN(), Drop(eval("rat"))]), "NameError"),
    (placed(second=[]), "There is no BatchNormalization layer"),
    (placed(second=[BN()]), "There is no Dropout layer"),
    (placed(second=lambda rate: [Drop(rate)]), "There is no BatchNormalization"),
    (placed(second=lambda rate: [BN(), Drop(rate), BN()]), "are 2 BatchNormalization layers"),
    (placed(third=lambda rate: [Drop(rate)]), "are 2 Dropout layers"),
    (placed(second=[BN()], fourth=lambda rate: [Drop(rate)]), "Dropout stands after Flatten"),
    (placed(second=[BN()], third=lambda rate: [Drop(rate)]), "Dropout stands after the second convolution"),
    (
        placed(second=[], third=lambda rate: [BN(), Drop(rate)]),
        "BatchNormalization stands after the second convolution",
    ),
    (placed(second=[BN()], first=lambda rate: [Drop(rate)]), "the picture itself"),
    (placed(of=lambda rate: 0.3), "rate 0.3, whatever"),
    (placed(of=lambda rate: rate / 2), "build_mine(0.1) makes a dropout layer with the rate 0.05"),
    (placed(of=lambda rate: 1 + rate), "did not work"),
    (placed(third=[layers.MaxPooling2D()]), "should stay as it was"),
    (placed(filters=8), "should have 87,170 weights"),
    (own(training=True), "dropout never rests"),
    (own(training=False), "nothing is dropped"),
]


def by_hand(divide=lambda x, epsilon: np.sqrt(x.var() + epsilon), away=lambda x: x - x.mean(), of=np.asarray):
    def normalise(numbers, gamma=1.0, beta=0.0, epsilon=0.001):
        x = np.array(numbers)
        return of(away(x) / divide(x, epsilon) * gamma + beta)

    return normalise


def in_plain_python(numbers, gamma=1.0, beta=0.0, epsilon=0.001):
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    return [(number - mean) / (variance + epsilon) ** 0.5 * gamma + beta for number in numbers]


def with_keras(numbers, gamma=1.0, beta=0.0, epsilon=0.001):
    return lesson_5._of_keras(numbers, gamma, beta, epsilon)


def for_four(numbers, gamma=1.0, beta=0.0, epsilon=0.001):
    a, b, c, d = numbers
    return in_plain_python([a, b, c, d], gamma, beta, epsilon)


def first_four(numbers, gamma=1.0, beta=0.0, epsilon=0.001):
    return in_plain_python(numbers, gamma, beta, epsilon)[:4]


def no_epsilon_in_plain_python(numbers, gamma=1.0, beta=0.0, epsilon=0.001):
    mean = sum(numbers) / len(numbers)
    deviation = (sum((number - mean) ** 2 for number in numbers) / len(numbers)) ** 0.5
    return [(number - mean) / deviation * gamma + beta for number in numbers]


WRONG_NUMBERS = [
    (3, "begin with def normalise"),
    (lambda numbers, **_: None, "returns nothing yet"),
    (lambda numbers, **_: ..., "returns nothing yet"),
    (by_hand(lambda x, epsilon: x.var()), "divides by the variance"),
    (by_hand(lambda x, epsilon: x.std(ddof=1)), "without ddof"),
    (no_epsilon_in_plain_python, "epsilon has got lost"),
    (
        lambda numbers, **rest: (
            no_epsilon_in_plain_python(numbers, **rest) if len(numbers) == 3 else with_keras(numbers, **rest)
        ),
        "divided by zero",
    ),
    (by_hand(lambda x, epsilon: x.std() if x.std() == 0 else np.sqrt(x.var() + epsilon)), "divided by zero"),
    (by_hand(lambda x, epsilon: np.ptp(x), lambda x: x - x.min()), "between 0 and 1"),
    (by_hand(of=lambda z: z.reshape(-1, 1)), "the shape (4, 1)"),
    (for_four, "works for four numbers, but not for 7"),
    (first_four, "For the 7 numbers"),
    (by_hand(lambda x, epsilon: 17), "it should be [-0.973"),
]


def repaired(*more, optimizer="adam", **settings):
    """A builder with batch norm of other settings, and perhaps with more behind it."""

    def build():
        return network(
            second=[BN(**settings), *(layer() for layer in more)],
            optimizer=optimizer() if callable(optimizer) else optimizer,
        )

    return build


def frozen():
    model = network(second=[BN(momentum=0.9)], compiled=False)
    model.layers[1].trainable = False
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model


WRONG_REPAIRS_UNTRAINED = [
    (3, "begin with def build_repaired()"),
    (lambda: ..., "returns nothing yet"),
    (lambda: network(third=[BN(momentum=0.9)]), "one BatchNormalization between"),
    (lambda: network(first=[BN(momentum=0.9)]), "one BatchNormalization between"),
    (lambda: network(second=[BN(), BN()]), "one BatchNormalization between"),
    (lambda: network(second=[BN()], compiled=False), "not compiled"),
]
WRONG_REPAIRS = [
    (repaired(), "still has the default momentum, 0.99"),
    (repaired(momentum=0.999), "even more slowly"),
    (repaired(momentum=0.98), "a step in the right direction"),
    (repaired(lambda: Drop(0.3)), "still has the default momentum"),
    (repaired(epsilon=0.01), "epsilon only keeps"),
    (repaired(epsilon=1.0), "hardly normalises"),
    (repaired(optimizer=lambda: keras.optimizers.Adam(0.0001)), "The learning rate does not change"),
    (repaired(optimizer=lambda: keras.optimizers.Adam(0.01)), "The learning rate does not change"),
    (repaired(optimizer=lambda: keras.optimizers.Adam(0.00001)), "not learnt what it could"),
    (
        repaired(optimizer=lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
        "The optimizer's momentum is something else",
    ),
    (frozen, "frozen"),
    (repaired(trainable=False), "frozen"),
    (repaired(momentum=1.0), "up to, but not including, 1"),
    (repaired(momentum=9), "Yours is 9"),
    (
        lambda: network(second=[BN(momentum=0.9)], loss="sparse_categorical_crossentropy"),
        "needs labels that are single numbers",
    ),
]


def made_up(
    a, b, settings_a=None, settings_b=None, state="done", first=2.0, loss_a=None, loss_b=None, last_a=None, last_b=None
):
    """What looks like a ribbon: a, b are the lowest validation losses of the runs."""

    def runs(lowest, loss, last):
        return [
            types.SimpleNamespace(history={"val_loss": [first, low, end], "loss": [2.0, 1.0, low_loss]})
            for low, low_loss, end in zip(
                lowest, lowest if loss is None else loss, lowest if last is None else last, strict=True
            )
        ]

    shared = {"epochs": 3, "batch_size": 32, "batch_norm": False}
    settings = {
        "A": {**shared, "dropout": 0.0, **(settings_a or {})},
        "B": {**shared, "dropout": 0.3, **(settings_b or {})},
        "seeds": len(a),
    }
    return types.SimpleNamespace(
        histories={"A": runs(a, loss_a, last_a), "B": runs(b, loss_b, last_b)},
        settings=settings,
        state=state,
        made_by="ribbon",
    )


SIX = np.array([0.60, 0.62, 0.61, 0.63, 0.64, 0.65])
LESS_OR_MORE = SIX + [-0.01, 0.01, -0.01, 0.01, -0.01, 0.01]
LOWER, HIGHER, OVERLAP = made_up(SIX, SIX - 0.1), made_up(SIX, SIX + 0.1), made_up(SIX, LESS_OR_MORE)
STEADY = made_up(np.arange(6) / 10 + 0.5, np.arange(6) / 10 + 0.45)  # overlapping, but lower from each seed
WRONG_CHOICES = [
    ((LOWER, ...), "Put your ribbon and your word"),
    (LOWER, "is missing"),
    ((LOWER, "better"), "is missing"),
    ((LOWER, None), "is missing"),
    ((None, "luck"), "it is a NoneType"),
    (([], "luck"), "it is a list"),
    ((types.SimpleNamespace(made_by="explore", state="done"), "lower"), "one run at a time"),
    ((made_up(SIX, SIX, state="training"), "luck"), "still training"),
    ((made_up([0.6], [0.5]), "lower"), "one run proves nothing"),
    ((made_up(SIX[:4], SIX[:4] - 0.1), "lower"), "4 seeds are few"),
    ((made_up(SIX, SIX[:3], state="stopped"), "lower"), "3 seeds are few. Training has been stopped"),
    ((made_up(SIX[:5], SIX[:5] - 0.1), "lower"), "5 seeds are few"),
    ((made_up([], []), "luck"), "No seed is finished"),
    ((made_up(SIX, SIX - 0.1, last_b=SIX - 0.2), "lower"), "Most runs of B have their lowest validation loss at the"),
    ((made_up(SIX, SIX - 0.1, last_a=SIX - 0.1, last_b=SIX - 0.2), "lower"), "Most runs of A and of B have"),
    ((made_up(SIX, SIX - 0.1, settings_b={"batch_norm": True}), "lower"), "differ in batch_norm too"),
    ((made_up(SIX, SIX - 0.1, settings_b={"dropout": 0.0, "batch_norm": True}), "lower"), "differ in batch_norm:"),
    ((made_up(SIX, SIX, settings_b={"dropout": 0.0}), "luck"), "do not differ in dropout"),
    ((made_up(SIX, SIX - 0.1, settings_a={"dropout": 0.5}), "lower"), "A has dropout as well, 0.5"),
    ((made_up(SIX, SIX - 0.1, {"dropout": 0.5}, {"dropout": 0.0}), "lower"), "A has dropout, 0.5"),
    ((made_up(SIX, SIX - 0.1, settings_b={"dropout": 0.9}), "lower"), "between 0.1 and 0.8"),
    ((made_up(SIX, SIX - 0.1, settings_b={"dropout": "much"}), "lower"), "between 0.1 and 0.8"),
    ((OVERLAP, "lower"), "You say 'lower'; but B's lowest validation loss is not to be told from A's. Over 6 seeds"),
    ((OVERLAP, "lower"), "The ranges overlap"),
    ((LOWER, "higher"), "is lower than A's"),
    ((LOWER, "luck"), "is lower than A's"),
    ((HIGHER, "lower"), "is higher than A's"),
    ((STEADY, "luck"), "too often for luck"),
    ((made_up(SIX, LESS_OR_MORE, loss_a=SIX, loss_b=SIX + 0.2), "higher"), "fits the training loss"),
    (
        (made_up(SIX, LESS_OR_MORE, last_a=SIX + 0.4, last_b=SIX + 0.1), "lower"),
        "fits the validation loss of the last epoch",
    ),
    ((made_up(SIX, SIX), "luck"), "exactly the same"),
    ((made_up(SIX, [np.nan] * 6, first=np.nan), "higher"), "cannot be compared"),
]
WRONG = [
    (name, *wrong)
    for name, wrongs in (
        ("build", WRONG_PLACES),
        ("normalise", WRONG_NUMBERS),
        ("repaired", WRONG_REPAIRS_UNTRAINED),
        ("my_answer", WRONG_CHOICES),
    )
    for wrong in wrongs
]


@pytest.fixture
def background(monkeypatch):
    """Live parts train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


def with_dropout(dropout=0.0):
    return network(second=[Drop(dropout)])


def as_if_trained(build, clothes, other, seeds, dropout, epochs):
    """A ribbon that has been made in no time; that the real one bears the word out is a claim of lesson 5."""
    return made_up(SIX[:seeds], LESS_OR_MORE[:seeds], settings_b=other)


def solved(name):
    names = {"keras": keras, "np": np, "ribbon": as_if_trained, "build": with_dropout, "clothes": None}
    exec(CHECKS[name].solution, names)
    return CHECKS[name](names[{"build": "build_mine", "repaired": "build_repaired"}.get(name, name)])


@pytest.mark.parametrize("name", ["build", "normalise", pytest.param("repaired", marks=pytest.mark.slow), "my_answer"])
def test_the_solution_passes(name, background):
    feedback = solved(name)
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name, answer, words", WRONG)
def test_a_known_wrong_answer_fails_with_words_that_help(name, answer, words):
    feedback = CHECKS[name](answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.parametrize("name", CHECKS)
def test_the_untouched_stub_runs_and_says_what_to_do(name):
    feedback = CHECKS[name](...)
    assert not feedback.passed and "three dots" in feedback.message


def test_the_hint_gives_the_solution_not_away():
    for check in CHECKS.values():
        assert not [
            line for line in check.solution.splitlines() if len(line.strip()) > 8 and line.strip() in check.hint
        ]
    assert "momentum=" not in CHECKS["repaired"].hint


@pytest.mark.parametrize(
    "answer",
    [functional, without_input, own(), placed(of=float), functools.partial(placed(), rate=0.2)],
    ids=["functional", "no Input", "class", "float", "partial"],
)
def test_other_ways_to_build_pass_and_a_fixed_rate_does_not(answer):
    feedback = lesson_5.check_place(answer)
    assert feedback.passed != isinstance(answer, functools.partial), feedback.message


@pytest.mark.parametrize(
    "answer",
    [
        in_plain_python,
        with_keras,
        by_hand(of=list),
        by_hand(of=lambda z: z.round(3)),
        by_hand(of=keras.ops.convert_to_tensor),
    ],
)
def test_other_ways_to_normalise_pass(answer):
    feedback = lesson_5.check_normalise(answer)
    assert feedback.passed, feedback.message


def test_an_activation_may_be_a_layer_of_its_own():
    def build(rate):
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(5, 3),
                layers.Activation("relu"),
                BN(momentum=0.9),
                Drop(rate),
                layers.Conv2D(15, 3),
                layers.ReLU(),
                layers.Flatten(),
                layers.Dense(10),
                layers.Softmax(),
            ]
        )
        model.compile(optimizer="adam", loss="categorical_crossentropy")
        return model

    assert lesson_5.check_place(build).passed


def test_a_network_is_no_function():
    assert "handed over a network" in lesson_5.check_place(network()).message
    assert "handed over a network" in lesson_5.check_repair(network()).message


@pytest.mark.parametrize(
    "part, word", [(LOWER, "lower"), (HIGHER, "higher"), (OVERLAP, "luck"), (STEADY, "lower"), (LOWER, " Lower. ")]
)
def test_the_word_that_the_seeds_bear_out_passes(part, word):
    for answer in ((part, word), [part, word], (word, part)):
        feedback = lesson_5.check_choice(answer)
        assert feedback.passed and "seeds the lowest validation loss is 0." in feedback.message, feedback.message


def test_the_control_may_be_called_rate_and_both_may_have_batch_norm():
    part = made_up(SIX, SIX - 0.1)
    part.settings = {"A": {"rate": 0.0, "batch_norm": True}, "B": {"rate": 0.8, "batch_norm": True}, "seeds": 6}
    assert lesson_5.check_choice((part, "lower")).passed


def test_nothing_is_printed_or_warned_of(capfd, recwarn):
    def loud(rate):
        print("here")
        return placed()(rate)

    assert lesson_5.check_place(loud).passed
    lesson_5.check_normalise(by_hand(lambda x, epsilon: x.std()))
    lesson_5.check_choice((made_up(SIX, [np.nan] * 6, first=np.nan), "luck"))
    assert capfd.readouterr() == ("", "") and not [
        warning for warning in recwarn if warning.category in (UserWarning, RuntimeWarning)
    ]


# Those that train


@pytest.mark.slow
@pytest.mark.parametrize("answer, words", WRONG_REPAIRS)
def test_a_wrong_repair_fails_with_words_that_help(answer, words):
    feedback = lesson_5.check_repair(answer)
    assert not feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer, words",
    [
        (repaired(momentum=0.9), "have caught up"),
        (repaired(momentum=0.5), "have caught up"),
        (repaired(momentum=0.0), "0.9 is calmer"),
        (repaired(momentum=0.95), "still 1."),
        (repaired(lambda: Drop(0.3), momentum=0.9), "have caught up"),
        (repaired(momentum=0.9, optimizer=lambda: keras.optimizers.Adam(0.0003)), "have caught up"),
    ],
)
def test_a_true_repair_passes(answer, words):
    feedback = lesson_5.check_repair(answer)
    assert feedback.passed and words in feedback.message, feedback.message


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_thresholds_are_far_from_both_sides_from_every_seed(seed, monkeypatch):
    monkeypatch.setattr(lesson_5, "SEED", seed)
    for momentum in (0.5, 0.9):
        _, inference, batch = lesson_5._validation_losses(lesson_5._built(repaired(momentum=momentum)))
        assert inference < 1.1 * batch and inference < 0.75
    _, inference, batch = lesson_5._validation_losses(lesson_5._built(repaired(momentum=0.99)))
    assert inference > 1.5 * batch and inference > 0.95


@pytest.mark.slow
def test_a_real_ribbon_is_read_and_a_real_panel_is_not(background):
    clothes = data.clothing(n_train=200, n_validation=100, one_hot=True)

    def quick(dropout=0.0):
        return network(second=[Drop(dropout)], optimizer=keras.optimizers.Adam(0.01))

    forms = {"other": {"dropout": 0.3}, "seeds": 6, "dropout": [0.0, 0.3]}
    short, part = (ribbon(quick, clothes, epochs=epochs, **forms) for epochs in (1, 8))
    assert "at the right edge" in lesson_5.check_choice((short, "luck")).message
    passed = [word for word in ("lower", "higher", "luck") if lesson_5.check_choice((part, word)).passed]
    assert len(passed) == 1
    message = lesson_5.check_choice((part, *passed)).message
    assert message[message.index("Over 6 seeds") :] in html.unescape(part._words.value)  # what it says over the curves
    panel = explore(with_dropout, clothes, dropout=[0.0, 0.8], epochs=1)
    assert "one run at a time" in lesson_5.check_choice((panel, "lower")).message
    for each in (short, part, panel):
        each.close()
