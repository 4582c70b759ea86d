"""The checks of lesson 5's exercises: the place of two layers, batch norm by hand, a slow moving average, a ribbon read
rightly.

What is said of an answer stands in lesson_5.toml.
"""

import functools
import re

import keras
import numpy as np

from helpers import data, engine
from helpers.curves.luck import verdict
from helpers.engine.builder import call_builder
from helpers.engine.remeasure import Remeasure
from helpers.engine.structure import layers_of
from helpers.errors import LessonError
from helpers.exercises.checks import NotYet, Table, check_function, is_nothing, quiet

TABLE = Table("lesson_5")
NORM, DROPOUT = "BatchNormalization", "Dropout"
CORE = ["Conv2D", "Conv2D", "Flatten", "Dense"]  # the lesson's network without either
OF_THEIR_OWN = ("Activation", "ReLU", "Softmax")  # an activation may stand in a layer of its own
SEED = 1


def _built(answer, *arguments):
    """The compiled network that a student's function returns."""
    returned = []

    @functools.wraps(answer)
    def build():
        returned.append(answer(*arguments))
        return returned[0]

    try:
        return call_builder(build, {}, SEED, np.zeros((1, 28, 28, 1), "float32"))
    except LessonError as error:
        made = returned[0] if returned else error  # of the student's own function
        if is_nothing(made):
            raise NotYet("returns nothing") from error
        if isinstance(made, (list, tuple)):
            raise NotYet("a list of layers") from error
        if callable(made) and not isinstance(made, keras.Model):
            raise NotYet("a class or a function") from error
        raise NotYet("no network", words=str(error)) from error


def _named(model):
    """The layers of a network, each with the name of its kind: [("Conv2D", layer), …]."""
    return [
        (type(layer).__name__, layer) for layer in layers_of(model) if not isinstance(layer, keras.layers.InputLayer)
    ]


WEIGHTS = 87_170  # with the two layers in their place
MISPLACED = {  # how many layers of CORE stand before it -> where that is
    0: "before the first convolution",
    2: "after the second convolution",
    3: "after Flatten",
    4: "behind the softmax",
}


@TABLE.check
def check_place(answer, _):
    check_function(answer, "build_mine(rate)")
    rates = {}
    with quiet():
        for rate in (0.1, 0.6, 0.35):
            model = _built(answer, rate)
            _look_at_layers(model)
            rates[rate] = float(dict(_named(model))[DROPOUT].rate)
        if len(set(rates.values())) == 1:
            raise NotYet("a fixed rate", found=rates[0.1])
        if np.allclose(list(rates.values()), [1 - rate for rate in rates]):
            raise NotYet("the share that is kept")
        for rate, found in rates.items():
            if not np.isclose(rate, found):
                raise NotYet("another rate", rate=rate, found=found)
        pictures = np.random.default_rng(0).random((8, 28, 28, 1), "float32")
        in_prediction, in_training = (
            [np.asarray(model(pictures, **training)) for _ in range(2)] for training in ({}, {"training": True})
        )
    if not np.allclose(*in_prediction, atol=1e-6):
        raise NotYet("always drops")
    if np.allclose(*in_training, atol=1e-6):
        raise NotYet("never drops")


def _look_at_layers(model):
    kinds = [kind for kind, _ in _named(model)]
    for kind in (NORM, DROPOUT):
        count = kinds.count(kind)
        if kind == DROPOUT and not count and "SpatialDropout2D" in kinds:
            raise NotYet("spatial dropout")
        if count != 1:
            raise NotYet("more than one" if count else "none of a kind", kind=kind, count=count)
    core = [kind for kind in kinds if kind not in (NORM, DROPOUT, *OF_THEIR_OWN)]
    if core != CORE:
        raise NotYet("another network", core=", ".join(CORE), found=", ".join(core) or "nothing")
    for kind in (NORM, DROPOUT):
        before = sum(other in CORE for other in kinds[: kinds.index(kind)])
        if before in MISPLACED:
            raise NotYet(MISPLACED[before], kind=kind)
    if kinds.index(DROPOUT) < kinds.index(NORM):
        raise NotYet("dropout first")
    if model.count_params() != WEIGHTS:
        raise NotYet("another number of weights", weights=WEIGHTS, found=model.count_params())


BATCHES = (  # numbers, gamma, beta, epsilon
    ([1.0, 2.0, 4.0, 9.0], 1.0, 0.0, 0.001),  # the defaults: they are not handed over
    ([1.0, 2.0, 4.0, 9.0], 2.0, 0.5, 0.001),
    ([0.50, 0.52, 0.49, 0.51], 1.0, 0.0, 0.001),
    ([3.0, -1.0, 0.5, 0.0, 2.0, 7.0, -4.0], 0.5, -3.0, 0.1),
    ([3.0, 3.0, 3.0], 2.0, 1.0, 0.001),
    ([7.0], 1.0, 0.25, 0.001),
)
ERRORS = (  # of which kind, with which words
    (AttributeError, "'list'", "asks a list"),
    (TypeError, "unsupported operand.*'list'", "calculates with a list"),
    (TypeError, "argument", "another first line"),
    (ZeroDivisionError, "", "division by zero"),
)
NEAR = 6e-4  # whoever rounds to three decimals is right as well


@TABLE.check
def check_normalise(answer, mistakes):
    check_function(answer, "normalise(numbers, gamma=1.0, beta=0.0, epsilon=0.001)")
    for number, (numbers, gamma, beta, epsilon) in enumerate(BATCHES):
        given, settings = list(numbers), {"gamma": gamma, "beta": beta, "epsilon": epsilon}
        with quiet():
            try:
                found = answer(given, **settings) if number else answer(given)
            except Exception as error:
                why = [why for kind, words, why in ERRORS if isinstance(error, kind) and re.search(words, str(error))]
                if not why and len(numbers) == 4:
                    raise
                told = {"batch": numbers, "count": len(numbers), "kind": type(error).__name__, "error": error}
                raise NotYet(why[0] if why else "only for four numbers", **told) from error
            _look_at_normalised(found, numbers, settings, mistakes)
        if given != numbers:
            raise NotYet("changes the list")


def _look_at_normalised(found, numbers, settings, mistakes):
    if is_nothing(found):
        raise NotYet("returns nothing")
    try:
        values = np.asarray(found, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotYet("no numbers") from error
    if values.ndim == 0 and len(numbers) > 1:
        raise NotYet("one number")
    if values.shape != (len(numbers),):
        raise NotYet("another shape", count=len(numbers), batch=numbers, shape=values.shape)
    right = _of_keras(numbers, **settings)
    if _near(values, right):
        return
    if not np.isfinite(values).all():
        raise NotYet("no finite numbers", batch=numbers, found=_list(values))
    mistakes.compare(values, lambda answer: answer(list(numbers), **settings), same=_near, batch=numbers)
    raise NotYet("other numbers", batch=numbers, **settings, right=_list(right), found=_list(values))


def _near(values, others):
    return np.allclose(values, others, rtol=1e-4, atol=NEAR)


def _of_keras(numbers, gamma, beta, epsilon):
    constant = keras.initializers.Constant
    layer = keras.layers.BatchNormalization(
        epsilon=epsilon, gamma_initializer=constant(gamma), beta_initializer=constant(beta)
    )
    return np.asarray(layer(np.array(numbers, "float32").reshape(-1, 1), training=True)).ravel()


def _list(values):
    return "[" + ", ".join(f"{value:.3f}" for value in values) + "]"


# validation loss with the moving averages, over that with a batch's own figures: with 0.99 above 1.7, with 0.9 about 1
APART = 1.25
LEARNT = 0.9  # a validation loss below this after 3 epochs; with momentum 0.9 it is about 0.55


@TABLE.check
def check_repair(answer, mistakes):
    check_function(answer, "build_repaired()")
    with quiet():
        try:
            model = _built(answer)
        except NotYet as missing:
            words = missing.values.get("words", "")
            if "momentum" in words and "recognized" in words:
                raise NotYet("momentum in the wrong brackets", words=words) from missing
            raise
        norm = _norm_in_its_place(model)
        before = np.array(norm.moving_mean)
        first, inference, batch = _validation_losses(model)
    momentum = float(norm.momentum)
    losses = {"inference": inference, "batch": batch}
    if not 0 <= momentum < 1:
        raise NotYet("momentum out of range", momentum=momentum)
    if np.array_equal(before, norm.moving_mean):
        raise NotYet("frozen")
    if inference > APART * batch:
        raise NotYet(_why_apart(momentum, model, norm), momentum=momentum, **losses)
    if norm.epsilon > 0.05 and momentum > 0.95:
        raise NotYet("a large epsilon", epsilon=norm.epsilon)
    if not inference < LEARNT:
        raise NotYet("learns badly", inference=inference)
    remark = "hardly an average" if momentum < 0.3 else "a slow average" if momentum > 0.92 else "a good average"
    return {**losses, "remark": mistakes.words(remark, momentum=momentum, first=first)}


def _norm_in_its_place(model):
    kinds = [kind for kind, _ in _named(model)]
    if NORM not in kinds:
        raise NotYet("dropout for batch norm" if DROPOUT in kinds else "no batch norm")
    if [kind for kind in kinds if kind in (*CORE, NORM)] != [CORE[0], NORM, *CORE[1:]]:
        raise NotYet("another network", found=", ".join(kinds))
    return dict(_named(model))[NORM]


def _validation_losses(model):
    """Train it for three epochs. Its validation losses: after the first, after the last, and that with the batch's own
    figures."""
    clothes = data.clothing(n_train=1000, n_validation=300, one_hot=True)
    validation = clothes.x_val, clothes.y_val
    try:
        run = engine.fit(model, clothes.x_train, clothes.y_train, validation, epochs=3, seed=SEED).history
    except LessonError as error:
        raise NotYet("does not train", words=error) from error
    measured = Remeasure()(model, *validation, 300, 100)
    return run["val_loss"][0], measured["inference"], measured["dropout off"]


def _why_apart(momentum, model, norm):
    if momentum > 0.99:
        return "a larger momentum"
    if momentum < 0.99:
        return "a little less momentum"
    if getattr(model.optimizer, "momentum", 0):
        return "the optimizer's momentum"
    if not np.isclose(norm.epsilon, 0.001):
        return "another epsilon"
    if not np.isclose(float(model.optimizer.learning_rate), 0.001):
        return "another learning rate"
    return "the default momentum"


WORDS = {"lower": "lower than A's", "higher": "higher than A's", "luck": "not to be told from A's"}
RATE_NAMES = ("dropout", "rate", "dropout_rate")
OTHER_FIGURES = (  # that the student may have read: what says so, in which list of the history, which of it
    ("fits the training loss", "loss", np.nanmin),
    ("fits the last epoch", "val_loss", lambda losses: losses[-1]),
)
FEWEST = 6  # with five seeds not even five wins of five are rare: luck does that once in 16 times


@TABLE.check
def check_choice(answer, mistakes):
    part, word = _ribbon_and_word(answer)
    rate = _rate_that_differs(part.settings["A"], part.settings["B"])
    seeds = min(len(part.histories[side]) for side in "AB")
    if seeds < FEWEST:
        stopped = mistakes.words("stopped") if part.state == "stopped" else ""
        raise NotYet({0: "no seed", 1: "one seed"}.get(seeds, "few seeds"), seeds=seeds, stopped=stopped)
    sides = [side for side in "AB" if _is_unfinished(part.histories[side][:seeds])]
    if sides:
        raise NotYet("unfinished", sides=" and of ".join(sides))
    lowest = _figures(part, seeds)
    right, said = _truth(*lowest), verdict(*lowest)
    if right is None:
        raise NotYet("nothing to compare", said=said)
    if word != right:
        fits = [why for why, *figure in OTHER_FIGURES if _truth(*_figures(part, seeds, *figure)) == word != "luck"]
        raise NotYet(fits[0] if fits else "another word", word=word, right=WORDS[right], said=said)
    return {"rate": rate, "right": WORDS[right], "said": said}


def _ribbon_and_word(answer):
    pair = isinstance(answer, (list, tuple)) and len(answer) == 2
    part, word = answer if pair else (answer, None)
    if pair and isinstance(part, str):
        part, word = word, part
    if part is ... or word is ...:
        raise NotYet("not filled in")
    if isinstance(part, (int, float, str)):
        raise NotYet("a rate alone")
    if getattr(part, "made_by", "ribbon") != "ribbon":
        raise NotYet("another panel", made_by=part.made_by)
    if not all(hasattr(part, name) for name in ("histories", "settings", "state")) or set(part.histories) != {"A", "B"}:
        raise NotYet("no ribbon", kind=type(part).__name__)
    word = word.strip().strip(".").lower() if isinstance(word, str) else None
    if word not in WORDS:
        raise NotYet("no word")
    if part.state in ("building", "training"):
        raise NotYet("still training")
    return part, word


def _rate_that_differs(a, b):
    """B's rate, if it is all that differs between the settings of A and of B."""
    differ = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    dropout = next((name for name in RATE_NAMES if name in {**a, **b}), None)
    others = " and ".join(name for name in differ if name != dropout)
    if others:
        raise NotYet("more differs" if dropout in differ else "something else differs", others=others)
    if not differ:
        raise NotYet("nothing differs")
    rate, rate_of_a = b.get(dropout) or 0, a.get(dropout) or 0
    if rate_of_a:
        raise NotYet("dropout in both" if rate else "dropout in A", rate=f"{rate_of_a:g}")
    if isinstance(rate, str) or not 0.1 <= rate <= 0.8:
        raise NotYet("rate out of range", rate=rate)
    return rate


def _figures(part, seeds, name="val_loss", of=np.nanmin):
    """One figure for each run of A and of B: the lowest loss, or what `of` makes of it."""
    with quiet():
        figures = [[of(np.array(run.history[name], float)) for run in part.histories[side][:seeds]] for side in "AB"]
    return np.nan_to_num(figures, nan=np.inf)


def _is_unfinished(runs):
    """Whether most runs have their lowest validation loss at the right edge, in the last tenth of their epochs."""
    losses = [np.nan_to_num(np.array(run.history["val_loss"], float), nan=np.inf) for run in runs]
    return np.mean([loss.argmin() >= len(loss) - np.ceil(len(loss) / 10) for loss in losses]) > 0.5


def _truth(a, b):
    """What `verdict` says of the runs, as one of WORDS; None where it cannot compare."""
    said = verdict(a, b)
    if "exactly the same" in said or "cannot be compared" in said:
        return None
    if "larger than luck" not in said and "too often for luck" not in said:
        return "luck"
    return "lower" if (b < a).sum() > (a < b).sum() else "higher"
