"""The checks of lesson 5's exercises: the place of two layers, batch norm by hand, a slow moving average, a ribbon read
rightly."""

import functools

import keras
import numpy as np

from helpers import data, engine
from helpers.curves.luck import verdict
from helpers.engine.builder import call_builder
from helpers.engine.remeasure import Remeasure
from helpers.engine.structure import layers_of
from helpers.errors import LessonError
from helpers.exercises.checks import NotYet, check_function, exercise, quiet

NORM, DROPOUT = "BatchNormalization", "Dropout"
SEED = 1
NETWORK = """def %s:
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(5, 3, activation="relu"),
        keras.layers.%s,
        keras.layers.Conv2D(15, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model"""


def _built(answer, *settings):
    """The compiled network that a student's function returns."""
    returned = []

    @functools.wraps(answer)
    def build():
        returned.append(answer(*settings))
        return returned[0]

    try:
        return call_builder(build, {}, SEED, np.zeros((1, 28, 28, 1), "float32"))
    except LessonError as error:
        raise NotYet(_why_no_network(returned, str(error))) from error


def _why_no_network(returned, words):
    if returned and (returned[0] is None or returned[0] is ...):
        return (
            "Your function returns nothing yet. Its last line should be: return model (model.compile(…) and"
            " model.summary() return nothing)."
        )
    if returned and isinstance(returned[0], (list, tuple)):
        return (
            "Your function returns a list of layers. Make a network of it, model = keras.Sequential([…]), compile"
            " it, and return model."
        )
    if returned and callable(returned[0]) and not isinstance(returned[0], keras.Model):
        return (
            "Your function returns a class or a function, not a network. Make the network, compile it, and end"
            " with: return model"
        )
    return words


CORE = ["Conv2D", "Conv2D", "Flatten", "Dense"]
WEIGHTS = 87_170  # with the two layers in their place
AFTER = {  # how many layers of CORE stand before a misplaced one -> where that is
    0: "before the first convolution, where it changes the picture itself",
    2: "after the second convolution",
    3: "after Flatten",
    4: "behind the softmax, where it changes the probabilities: they do not add up to 1 any more",
}


@exercise(
    hint="Two lines of your own in the list of layers, after the first Conv2D: what keeps the numbers in range"
    " comes first, what drops some of them second. The second takes the function's rate in its brackets.",
    solution=NETWORK % ("build_mine(rate)", "BatchNormalization(momentum=0.9),\n        keras.layers.Dropout(rate)"),
)
def check_place(answer):
    check_function(answer, "build_mine(rate)")
    rates = {}
    with quiet():
        for rate in (0.1, 0.6, 0.35):
            model = _built(answer, rate)
            _look_at_layers(model)
            rates[rate] = float(dict(_named(model))[DROPOUT].rate)
        _look_at_rates(rates)
        _look_at_answers(model)
    return (
        "Batch norm brings 20 numbers, 4 for each of the 5 feature maps: two that are learnt and two moving averages."
        " Dropout brings none, and both behave in training as they do not in prediction."
    )


def _named(model):
    return [
        (type(layer).__name__, layer) for layer in layers_of(model) if not isinstance(layer, keras.layers.InputLayer)
    ]


def _look_at_layers(model):
    kinds = [name for name, _ in _named(model)]
    for kind in (NORM, DROPOUT):
        if kinds.count(kind) != 1:
            count = f"are {kinds.count(kind)}" if kind in kinds else "is no"
            raise NotYet(
                f"There {count} {kind} layer{'s' * (kind in kinds)} in your network. It should have exactly one,"
                " between the two convolutions."
            )
    core = [name for name in kinds if name not in (NORM, DROPOUT)]
    if core != CORE:
        raise NotYet(
            f"Apart from the two new layers, the network should stay as it was: {', '.join(CORE)}. Yours has"
            f" {', '.join(core) or 'nothing'}."
        )
    for kind in (NORM, DROPOUT):
        before = sum(name in CORE for name in kinds[: kinds.index(kind)])
        if before in AFTER:
            raise NotYet(f"{kind} stands {AFTER[before]}. Put it between the two convolutions.")
    if kinds.index(DROPOUT) < kinds.index(NORM):
        raise NotYet(
            "Dropout stands before batch norm, which then measures mean and variance of numbers of which some have"
            " been dropped; in prediction none are, and the figures do not fit. Batch norm first, then dropout."
        )
    if model.count_params() != WEIGHTS:
        raise NotYet(
            f"With its two new layers the network should have {WEIGHTS:,} weights; yours has {model.count_params():,}."
            " Input((28, 28, 1)), no padding and no strides, and every layer as the lesson has it?"
        )


def _look_at_rates(rates):
    if len(set(rates.values())) == 1:
        raise NotYet(
            f"The dropout layer has the rate {min(rates.values()):g}, whatever your function is given. Put rate there:"
            " Dropout(rate)."
        )
    if np.allclose(list(rates.values()), [1 - rate for rate in rates]):
        raise NotYet(
            "The dropout layer has the rate 1 − rate. In Keras it is the share that is dropped, not the one that is"
            " kept: Dropout(rate)."
        )
    for rate, found in rates.items():
        if not np.isclose(rate, found):
            raise NotYet(
                f"build_mine({rate}) makes a dropout layer with the rate {found:g}. Hand the rate on as it is:"
                " Dropout(rate)."
            )


def _look_at_answers(model):
    pictures = np.random.default_rng(0).random((8, 28, 28, 1), "float32")
    in_prediction, in_training = (
        [np.asarray(model(pictures, **training)) for _ in range(2)] for training in ({}, {"training": True})
    )
    if not np.allclose(*in_prediction, atol=1e-6):
        raise NotYet(
            "In prediction the same picture gets another answer each time, because dropout never rests. Leave out"
            " training=True: Keras says itself when it trains."
        )
    if np.allclose(*in_training, atol=1e-6):
        raise NotYet("In training nothing is dropped. Leave out training=False: Keras says itself when it trains.")


BATCHES = (  # numbers, gamma, beta, epsilon
    ([1.0, 2.0, 4.0, 9.0], 1.0, 0.0, 0.001),
    ([1.0, 2.0, 4.0, 9.0], 2.0, 0.5, 0.001),
    ([0.50, 0.52, 0.49, 0.51], 1.0, 0.0, 0.001),
    ([3.0, -1.0, 0.5, 0.0, 2.0, 7.0, -4.0], 0.5, -3.0, 0.1),
    ([3.0, 3.0, 3.0], 2.0, 1.0, 0.001),
    ([7.0], 1.0, 0.25, 0.001),
)
NEAR = 6e-4  # whoever rounds to three decimals is right as well


@exercise(
    hint="Three steps: subtract the mean of the batch; divide by the root of (its variance plus epsilon); multiply"
    " by gamma and add beta. np.mean and np.var give the two figures, and with an array instead of a list,"
    " NumPy does a step for all numbers at once.",
    solution="def normalise(numbers, gamma=1.0, beta=0.0, epsilon=0.001):\n    x = np.array(numbers)\n"
    "    return (x - np.mean(x)) / np.sqrt(np.var(x) + epsilon) * gamma + beta",
)
def check_normalise(answer):
    check_function(answer, "normalise(numbers, gamma=1.0, beta=0.0, epsilon=0.001)")
    for number, (numbers, gamma, beta, epsilon) in enumerate(BATCHES):
        given, settings = list(numbers), {"gamma": gamma, "beta": beta, "epsilon": epsilon}
        with quiet():
            try:
                found = answer(given, **settings) if number else answer(given)
            except Exception as error:
                words = _why_not_normalised(error, numbers)
                if words is None:
                    raise
                raise NotYet(f"{words} ({type(error).__name__}: {error})") from error
            _look_at_normalised(found, numbers, settings)
        if given != numbers:
            raise NotYet("Your function changes the list that it is given. Put the results into a new list or array.")
    return (
        "Keras's own layer gives the same. With the defaults the numbers now have mean 0 and variance 1 (a little"
        " less, because of epsilon), unless they are all but equal: then epsilon keeps them from being blown up."
    )


def _why_not_normalised(error, numbers):
    text = str(error)
    if isinstance(error, AttributeError) and "'list'" in text:
        return "numbers is a list, which cannot do that. Make an array of it first: x = np.array(numbers)."
    if isinstance(error, TypeError) and "unsupported operand" in text and "'list'" in text:
        return (
            "Python cannot calculate with a whole list. Make an array of it first, x = np.array(numbers), or go"
            " through its numbers."
        )
    if isinstance(error, TypeError) and "argument" in text:
        return (
            "The check hands over numbers and, by their names, gamma, beta and epsilon. Leave the function's"
            " first line as it was."
        )
    if isinstance(error, ZeroDivisionError):
        return (
            f"For the batch {numbers} something is divided by zero. Add epsilon to the variance, and take the root"
            " after that."
        )
    if len(numbers) != 4:
        return f"It works for four numbers, but not for {len(numbers)}. Work with as many as there are, len(numbers)."


def _of_keras(numbers, gamma, beta, epsilon):
    constant = keras.initializers.Constant
    layer = keras.layers.BatchNormalization(
        epsilon=epsilon, gamma_initializer=constant(gamma), beta_initializer=constant(beta)
    )
    return np.asarray(layer(np.array(numbers, "float32").reshape(-1, 1), training=True)).ravel()


def _look_at_normalised(found, numbers, settings):
    if found is None or found is ...:
        raise NotYet(
            "Your function returns nothing yet: end it with return. (print only shows a value, it does not hand it"
            " back.)"
        )
    try:
        values = np.asarray(found, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotYet(
            "Your function should return an array or a list of numbers, one for each number of the batch."
        ) from error
    if values.ndim == 0 and len(numbers) > 1:
        raise NotYet("Your function returns one number only. Return as many as there are in the batch.")
    if values.shape != (len(numbers),):
        raise NotYet(
            f"For the {len(numbers)} numbers {numbers} it should return {len(numbers)}, in a row, a plain list or"
            f" array, not in a column; yours has the shape {values.shape}. Work with as many numbers as there are."
        )
    right = _of_keras(numbers, **settings)
    if np.allclose(values, right, rtol=1e-4, atol=NEAR):
        return
    if not np.isfinite(values).all():
        raise NotYet(
            f"For the batch {numbers} you get {_list(values)}, because something is divided by zero. Add epsilon to"
            " the variance, inside the root."
        )
    for words, others in _mistakes(np.array(numbers), **settings):
        if np.allclose(values, others, rtol=1e-4, atol=NEAR):
            raise NotYet(words)
    raise NotYet(
        f"For the batch {numbers} with {', '.join(f'{name}={value:g}' for name, value in settings.items())} it should"
        f" be {_list(right)}; you get {_list(values)}."
    )


def _mistakes(x, gamma, beta, epsilon):
    """Typical mistakes in words, and what they make of the batch `x`."""
    variance, away = x.var(), x - x.mean()
    z = away / np.sqrt(variance + epsilon)
    yield "That is the batch itself: nothing is done to it yet.", x
    yield "gamma and beta have changed places: multiply by gamma, then add beta.", z * beta + gamma
    yield "gamma and beta do nothing yet: multiply by gamma, then add beta.", z
    yield "beta does nothing yet: add it at the end.", z * gamma
    yield "gamma does nothing yet: multiply by it before beta is added.", z + beta
    yield (
        "epsilon is always 0.001 in your function. Use the one that it is given.",
        away / np.sqrt(variance + 0.001) * gamma + beta,
    )
    yield (
        "epsilon is added outside the root. Add it to the variance, and take the root of both together.",
        away / (np.sqrt(variance) + epsilon) * gamma + beta,
    )
    for some in (epsilon, 0.0):  # these with epsilon or without, gamma and beta applied or not
        sample = variance * len(x) / max(len(x) - 1, 1)
        for words, others in (
            ("Your function divides by the variance. Divide by its root.", away / (variance + some)),
            (
                "The spread is that of a sample, divided by n − 1. Batch norm divides by n: np.var(x), without ddof.",
                away / np.sqrt(sample + some),
            ),
            ("Your function only subtracts the mean. Then divide, so that the spread becomes 1.", away),
            (
                "Your function squeezes the batch between 0 and 1, its smallest and largest number. Subtract the mean"
                " and divide by the spread.",
                (x - x.min()) / (np.ptp(x) + some),
            ),
            (
                "Your function subtracts the sum. Subtract the mean: the sum divided by how many numbers there are.",
                (x - x.sum()) / np.sqrt(variance + some),
            ),
            (
                "Your variance is a sum of squares. Divide it by how many numbers there are.",
                away / np.sqrt((away**2).sum() + some),
            ),
        ):
            yield words, others * gamma + beta
            yield words, others
    yield (
        f"epsilon has got lost: in {x.tolist()} the variance is so small that it counts. Add it to the variance,"
        " inside the root.",
        away / np.sqrt(variance) * gamma + beta,
    )


def _list(values):
    return "[" + ", ".join(f"{value:.3f}" for value in values) + "]"


# validation loss with the moving averages, over that with a batch's own figures: with 0.99 above 1.7, with 0.9 about 1
APART = 1.25
LEARNT = 0.9  # a validation loss below this after 3 epochs; with momentum 0.9 it is about 0.55


@exercise(
    hint="In training batch norm takes the figures of the batch, in validation its moving averages. With the"
    " default momentum of 0.99 an average takes over only a hundredth of each batch. 1,000 pictures make 32"
    " batches per epoch. What should the layer be told in its brackets?",
    solution=NETWORK % ("build_repaired()", "BatchNormalization(momentum=0.9)"),
)
def check_repair(answer):
    check_function(answer, "build_repaired()")
    with quiet():
        try:
            model = _built(answer)
        except NotYet as error:
            if "momentum" in str(error) and "recognized" in str(error):
                raise NotYet(
                    "Something was given a momentum that takes none, such as Adam. It belongs into"
                    f" BatchNormalization's brackets. {error}"
                ) from error
            raise
        norm = _norm_in_its_place(model)
        before = np.array(norm.moving_mean)
        clothes = data.clothing(n_train=1000, n_validation=300, one_hot=True)
        try:
            run = engine.fit(
                model, clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val), epochs=3, seed=SEED
            ).history
        except LessonError as error:
            raise NotYet(str(error)) from error
        frozen = np.array_equal(before, norm.moving_mean)
        measured = Remeasure()(model, clothes.x_val, clothes.y_val, 300, 100)
    return _judge_repair(model, norm, frozen, run["val_loss"][0], measured["inference"], measured["dropout off"])


def _norm_in_its_place(model):
    kinds = [name for name, _ in _named(model)]
    if NORM not in kinds:
        instead = " Dropout does not do its work." if DROPOUT in kinds else ""
        raise NotYet(
            f"There is no batch norm in the network any more.{instead} That is no repair: keep BatchNormalization, and"
            " find out why validation loss is so high at first."
        )
    if [name for name in kinds if name in (*CORE, NORM)] != [CORE[0], NORM, *CORE[1:]]:
        raise NotYet(
            "The network should stay as it was, with one BatchNormalization between the two convolutions. Yours has"
            f" {', '.join(kinds)}."
        )
    return dict(_named(model))[NORM]


def _judge_repair(model, norm, frozen, first, inference, batch):
    """What to say of a trained network, or `NotYet`: `first` and `inference` are validation losses of the first and the
    last epoch, `batch` the latter with the batch's own figures."""
    momentum = float(norm.momentum)
    if not 0 <= momentum < 1:
        raise NotYet(
            "momentum is the share of the old average that is kept: from 0 up to, but not including, 1. Yours is"
            f" {momentum:g}."
        )
    if frozen:
        raise NotYet(
            "The moving averages have not moved in training: batch norm is frozen (trainable=False or"
            " training=False). It does not normalise at all then, so that is the same as taking it out."
        )
    losses = (
        f"After 3 epochs validation loss is {inference:.2f}, and with the batch's own figures it would be {batch:.2f}"
    )
    if inference > APART * batch:
        raise NotYet(f"{losses}: the moving averages have not caught up. {_why_apart(momentum, model, norm)}")
    if norm.epsilon > 0.05 and momentum > 0.95:
        raise NotYet(
            f"With epsilon={norm.epsilon:g} batch norm hardly normalises any more, which hides that its averages are"
            " late. Leave epsilon as it was, and let the averages move faster."
        )
    if not inference < LEARNT:
        raise NotYet(
            f"After 3 epochs validation loss is {inference:.2f}: the network has not learnt what it could. Leave all"
            " else as it was, the learning rate too, and change only how fast batch norm's averages move."
        )
    if momentum < 0.3:
        return (
            f"{losses}. One thing to know: with a momentum of {momentum:g} the averages are little more than the"
            " figures of the last batch, which may be a small one. 0.9 is calmer."
        )
    if momentum > 0.92:
        return (
            f"{losses}. After the first epoch it was still {first:.2f}, though: with a momentum of 0.9 or less the"
            " averages catch up sooner."
        )
    return (
        f"{losses}: the averages have caught up. Nothing was wrong with the network's learning, only with the"
        " figures it was validated with."
    )


def _why_apart(momentum, model, norm):
    if momentum > 0.99:
        return (
            f"With momentum={momentum:g} they move even more slowly than with 0.99: it is the share of the old"
            " average that is kept."
        )
    if momentum < 0.99:
        return f"momentum={momentum:g} is a step in the right direction. Go further."
    if getattr(model.optimizer, "momentum", 0):
        return (
            "The optimizer's momentum is something else. It is batch norm's momentum that says how slowly its"
            " averages move."
        )
    if not np.isclose(norm.epsilon, 0.001):
        return "epsilon only keeps it from dividing by zero. What says how slowly the averages move?"
    if not np.isclose(float(model.optimizer.learning_rate), 0.001):
        return "The learning rate does not change how slowly they move. What does is an argument of BatchNormalization."
    return "Batch norm still has the default momentum, 0.99. What would let its averages move faster?"


WORDS = {"lower": "lower than A's", "higher": "higher than A's", "luck": "not to be told from A's"}
RATE_NAMES = ("dropout", "rate", "dropout_rate")


@exercise(
    hint="Make the ribbon with dropout 0 in A and your rate in B, nothing else different, and at least 5 seeds."
    " Then read the sentence over the curves: it compares the lowest validation loss of each run. Where it"
    " cannot tell the difference from luck, neither can you.",
    solution='my_ribbon = ribbon(build, clothes, other={"dropout": 0.8}, seeds=5, dropout=[0.0, 0.8], epochs=5)\n'
    'my_answer = (my_ribbon, "higher")  # of another rate or more epochs, your own ribbon may say "luck" or "lower"',
)
def check_choice(answer):
    part, word = _ribbon_and_word(answer)
    _look_at_settings(part.settings)
    seeds = min(len(part.histories[side]) for side in "AB")
    if seeds < 5:
        why = " Training has been stopped before all were finished." if part.state == "stopped" else ""
        count = {
            0: "No seed is finished for both A and B.",
            1: "That is a single run each, and one run proves nothing.",
        }.get(seeds, f"{seeds} seeds are few.")
        raise NotYet(f"{count}{why} Luck can only be told from a difference with more: train from at least 5 seeds.")
    a, b = (_figures(part, side, seeds) for side in "AB")
    right, said = _truth(a, b), verdict(a, b)
    if right is None:
        raise NotYet(f"{said} Does your function use the rate, and is the learning rate the lesson's?")
    rate = next(part.settings["B"][name] for name in RATE_NAMES if name in part.settings["B"])
    if word != right:
        raise NotYet(
            f"You say {word!r}; but B's lowest validation loss is {WORDS[right]}."
            f" {said}{_what_it_fits(part, seeds, word)}"
        )
    return f"With dropout {rate:g}, B's lowest validation loss is {WORDS[right]}. {said}"


def _ribbon_and_word(answer):
    if isinstance(answer, (list, tuple)) and len(answer) == 2:
        part, word = answer if not isinstance(answer[0], str) else answer[::-1]
    else:
        part, word = answer, None
    if part is ... or word is ...:
        raise NotYet('Put your ribbon and your word where the three dots are, as in (my_ribbon, "luck").')
    if isinstance(part, (int, float, str)):
        raise NotYet(
            'A rate alone proves nothing. Hand over what ribbon(…) returned, with your word: (my_ribbon, "luck").'
        )
    if getattr(part, "made_by", "ribbon") != "ribbon":
        raise NotYet(
            f"That was made by {part.made_by}, which shows one run at a time. Make a ribbon: my_ribbon = ribbon(build,"
            " …)."
        )
    if not all(hasattr(part, name) for name in ("histories", "settings", "state")) or set(part.histories) != {"A", "B"}:
        raise NotYet(
            f"The first thing should be what ribbon(…) returned; it is a {type(part).__name__}. Hand over: (my_ribbon,"
            ' "luck")'
        )
    word = word.strip().strip(".").lower() if isinstance(word, str) else word
    if not isinstance(word, str) or word not in WORDS:
        raise NotYet(
            'Your word for B\'s lowest validation loss, compared with A\'s, is missing: one of "lower", "higher" and'
            ' "luck".'
        )
    if part.state in ("building", "training"):
        raise NotYet("Your ribbon is still training. Wait until it says Done, and run this cell again.")
    return part, word


def _look_at_settings(settings):
    a, b = settings["A"], settings["B"]
    differ = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    dropout = next((name for name in RATE_NAMES if name in {**a, **b}), None)
    others = [name for name in differ if name != dropout]
    if others:
        raise NotYet(
            f"A and B differ in {' and '.join(others)}{' too' * (dropout in differ)}: nobody could tell which of them"
            " did it. Let them differ in dropout alone."
        )
    if dropout is None or dropout not in differ:
        raise NotYet(
            'A and B do not differ in dropout: A should have 0, and B the rate that you choose, other={"dropout": …}.'
        )
    rate, rate_of_a = b.get(dropout) or 0, a.get(dropout) or 0
    if rate_of_a:
        raise NotYet(
            f"A has dropout{' as well' * bool(rate)}, {rate_of_a:g}. To see what your rate does, give A none, 0, and B"
            " your rate."
        )
    if isinstance(rate, str) or not 0.1 <= rate <= 0.8:
        raise NotYet(f"The rate in B is {rate}; choose one between 0.1 and 0.8.")


def _figures(part, side, seeds, name="val_loss", of=np.nanmin):
    """One figure for each run: the lowest loss, or what `of` makes of it."""
    with quiet():
        return np.array(
            [
                np.nan_to_num(of(np.array(history.history[name], float)), nan=np.inf)
                for history in part.histories[side][:seeds]
            ]
        )


def _truth(a, b):
    """ "lower", "higher" or "luck", as `verdict` judges; None where it cannot compare."""
    words = verdict(a, b)
    if "exactly the same" in words or "cannot be compared" in words:
        return None
    if "larger than luck" not in words and "too often for luck" not in words:
        return "luck"
    return "lower" if (b < a).sum() > (a < b).sum() else "higher"


def _what_it_fits(part, seeds, word):
    """Which other figure the student may have read."""
    for figure, name, of in (
        ("training loss", "loss", np.nanmin),
        ("validation loss of the last epoch", "val_loss", lambda losses: losses[-1]),
    ):
        if _truth(*(_figures(part, side, seeds, name, of) for side in "AB")) == word != "luck":
            return f" (Your word fits the {figure}; asked for is the lowest validation loss.)"
    return ""
