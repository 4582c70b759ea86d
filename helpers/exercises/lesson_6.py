"""The checks of lesson 6's exercises: a two-class network, a pipeline, steps per epoch, an error bar, a choice without
peeking."""

import copy
import functools
import math
import re

import keras
import numpy as np
import tensorflow as tf

from helpers import error_bars
from helpers.engine.builder import call_builder
from helpers.errors import LessonError
from helpers.exercises.checks import NotYet, check_function, exercise, quiet

SEED = 1


def _is_nothing(found):
    return found is None or found is ...


RATES = (0.0005, 0.01, 0.0002)  # the first is the default
BETA = 0.8
CLOSE = 1e-5


@exercise(
    hint="One unit is enough: its number is the probability of class 1, and the sigmoid keeps it between 0 and 1."
    " The loss for that is"
    ' called binary cross-entropy. A name in quotes, such as "adam", always gives the default settings;'
    " keras.optimizers.Adam(…) takes"
    " yours, beta_1 among them.",
    solution="""def two_class(learning_rate=0.0005):
    model = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(32, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(loss="binary_crossentropy",
                  optimizer=keras.optimizers.Adam(learning_rate=learning_rate, beta_1=0.8),
                  metrics=["accuracy"])
    return model""",
)
def check_two_class(answer):
    check_function(answer, "two_class(learning_rate=0.0005)")
    pictures = np.random.default_rng(SEED).random((64, 28, 28, 1), "float32")
    labels = (np.arange(64) % 3 == 0).astype(int)
    with quiet():
        models = [_built(answer), *(_built(answer, learning_rate=rate) for rate in RATES[1:])]
        probabilities = _look_at_outputs(models[0], pictures)
        _look_at_loss(models[0], pictures, labels, probabilities)
        _look_at_optimizer([model.optimizer for model in models])
        _look_at_accuracy(models[0], pictures, labels, probabilities)
    return (
        "Two units with a softmax would do the same with twice the weights in the last layer, because the second"
        f" probability is 1 minus the first. And beta_1={BETA}: Adam averages over about 1 / (1 − {BETA}) = 5 steps,"
        " where by default it looks back 10."
    )


def _built(answer, **settings):
    """The compiled network that a student's function returns."""
    returned = []

    @functools.wraps(answer)
    def build(**settings):
        returned.append(answer(**settings))
        return returned[0]

    try:
        model = call_builder(build, settings, SEED, np.zeros((1, 28, 28, 1), "float32"))
    except LessonError as error:
        raise NotYet(_why_no_network(returned, str(error))) from error
    if model.loss is ...:
        raise NotYet("There are three dots left: say which loss, loss=…, when you compile.")
    return model


def _why_no_network(returned, words):
    if returned and _is_nothing(returned[0]):
        return (
            "Your function returns nothing yet. Its last line should be: return model (model.compile(…) returns"
            " nothing)."
        )
    if "Ellipsis" in words:
        where = "the optimizer" if "optimizer" in words else "the last layer" if "Layer" in words else "what is missing"
        return (
            f"There are three dots left in your function. Put {where} in their place, or delete them where nothing"
            " is missing any more."
        )
    if "argument 'learning_rate'" in words or "positional arguments" in words:
        return f"The check hands over learning_rate by its name. Leave the function's first line as it was. {words}"
    if "must have the same shape" in words or "Could not interpret optimizer" in words:
        return f"{words} An optimizer with settings of its own is made by keras.optimizers.Adam(…)."
    return words


def _look_at_outputs(model, pictures):
    """The probabilities of `pictures`, shape (pictures,), if that is what the network gives."""
    outputs = np.asarray(model(pictures), dtype=float)
    if outputs.shape == (len(pictures), 2):
        raise NotYet(
            "Your network gives two numbers for each picture. Here one is asked for: a last layer of 1 unit, whose"
            " number is the probability of class 1. (Two units with a softmax go with categorical cross-entropy.)"
        )
    if outputs.shape != (len(pictures), 1):
        raise NotYet(
            f"For {len(pictures)} pictures the network should give {len(pictures)} rows of 1 number; it gives the shape"
            f" {outputs.shape}. Which layer comes last, and with how many units?"
        )
    far = np.asarray(model(np.concatenate([1000 * pictures, -1000 * pictures])), dtype=float)
    if not np.isfinite(far).all() or far.min() < -1e-6 or far.max() > 1 + 1e-6:
        raise NotYet(
            "What the network gives does not stay between 0 and 1, so it is no probability. Which activation does the"
            " last layer need?"
        )
    if np.ptp(np.concatenate([outputs, far])) < 1e-6:
        if np.allclose(far, 1):
            raise NotYet(
                "Your network says 1 to every picture. A softmax makes its units add up to 1, so a single one is"
                " always 1: with one unit it takes another activation."
            )
        raise NotYet("Your network gives every picture the same answer. Does the picture reach the last layer?")
    return outputs[:, 0]


def _look_at_loss(model, pictures, labels, probabilities):
    try:
        # An array, not the network's own tensor: on a sigmoid's tensor Keras mends from_logits=True in silence.
        loss = float(model.compute_loss(pictures, labels, probabilities[:, np.newaxis].astype("float32"))) - float(
            sum(model.losses)
        )
    except Exception as error:
        if isinstance(model.loss, str) and "interpret" in str(error):
            raise NotYet(
                f"Keras knows no loss called {model.loss!r}: look at its spelling. Its name is one long word with one"
                " underscore."
            ) from error
        raise NotYet(
            "The loss cannot be computed from one probability for each picture and the labels 0 and 1"
            f" ({type(error).__name__}). Which loss is made for two classes?"
        ) from error
    right = _cross_entropy(probabilities, labels)
    if abs(loss - right) < CLOSE:
        return
    for words, value in (
        (
            "Your loss takes the answers for something that has not been through a sigmoid yet (from_logits=True)."
            " Yours have: leave from_logits out.",
            _cross_entropy(1 / (1 + np.exp(-probabilities)), labels),
        ),
        (
            "Your loss is always 0, so nothing would be learned. categorical_crossentropy compares as many units as"
            " there are classes; for one unit there is a loss of its own.",
            0.0,
        ),
        (
            "Your loss is the mean squared error. It can be used for this, but the measure of a probability is"
            " cross-entropy.",
            ((probabilities - labels) ** 2).mean(),
        ),
    ):
        if abs(loss - value) < CLOSE:
            raise NotYet(words)
    raise NotYet(
        f"For 64 pictures binary cross-entropy, by hand, is {right:.4f}; your network's loss is {loss:.4f}. Use the"
        " loss as it comes: its name in quotes will do."
    )


def _cross_entropy(probabilities, labels):
    return float(-np.mean(labels * np.log(probabilities) + (1 - labels) * np.log(1 - probabilities)))


def _look_at_optimizer(optimizers):
    first = optimizers[0]
    if type(first) is not keras.optimizers.Adam:
        raise NotYet(f"The optimizer is {type(first).__name__}; asked for is Adam: keras.optimizers.Adam(…).")
    rates = [float(optimizer.learning_rate) for optimizer in optimizers]
    if not np.allclose(rates, RATES, rtol=1e-4):
        if np.isclose(rates, 0.001, rtol=1e-4).all() and np.isclose(first.beta_1, 0.9):
            raise NotYet(
                "That is Adam as it comes, with a learning rate of 0.001 whatever your function is given. Instead of"
                " the name in quotes, make the optimizer yourself, keras.optimizers.Adam(…), with what is asked for"
                " in its brackets."
            )
        if len(set(rates)) == 1:
            raise NotYet(
                f"The learning rate is {rates[0]:g}, whatever your function is given. Hand learning_rate on to Adam."
            )
        if np.allclose(rates[1:], RATES[1:], rtol=1e-4):
            raise NotYet(
                f"With nothing in the brackets, two_class() should take a learning rate of {RATES[0]}; it takes"
                f" {rates[0]:g}. Leave the function's first line as it was."
            )
        raise NotYet(
            f"two_class(learning_rate={RATES[1]}) makes an Adam with a learning rate of {rates[1]:g}. Hand"
            " learning_rate on as it is."
        )
    betas = [float(optimizer.beta_1) for optimizer in optimizers]
    if not np.allclose(betas, BETA):
        if any(np.isclose(optimizer.beta_2, BETA) for optimizer in optimizers):
            raise NotYet(
                f"You have set beta_2, which belongs to the squares of the gradients. Asked for is beta_1={BETA}."
            )
        default = " still has its default," if np.allclose(betas, 0.9) else " is"
        raise NotYet(
            f"The learning rate arrives. But beta_1{default} {betas[0]:g}; set it to {BETA} by hand, in Adam's"
            " brackets."
        )


def _look_at_accuracy(model, pictures, labels, probabilities):
    measured = model.compute_metrics(pictures, labels, probabilities[:, np.newaxis].astype("float32"))
    measured = {name: float(value) for name, value in measured.items() if "acc" in name}
    right = float(np.mean((probabilities > 0.5) == labels))
    if not measured:
        raise NotYet(
            "Nearly done: to see how many answers are right, ask for the accuracy when you compile,"
            ' metrics=["accuracy"].'
        )
    if not any(abs(value - right) < 1e-4 for value in measured.values()):
        name, value = next(iter(measured.items()))
        raise NotYet(
            f"{right:.0%} of the answers are right, where more than 0.5 means class 1, but your {name} says"
            f" {value:.0%}."
            ' It compares something else: metrics=["accuracy"] finds out itself what fits.'
        )


N, N_VALIDATION, BATCH = 200, 50, 32
LEVELS = 0.2 + 0.8 * np.arange(1, N + N_VALIDATION + 1) / (
    N + N_VALIDATION
)  # each trial picture's largest value, which tells which it is
MIDDLE = 13.5  # row and column of the middle of the garment in the trial pictures


@exercise(
    hint="tf.data.Dataset.from_tensor_slices((x, y)) makes pairs that stay together; then .shuffle(as many as"
    " there are), .batch(32), and .map(…) with a function that gets a batch of pictures and its labels and"
    " returns both. The layers flip and shift can be called like functions. Who is measured on pictures that"
    " change cannot be compared: the validation part is only put into batches.",
    solution="""def pipelines(x_train, y_train, x_val, y_val):
    flip = layers.RandomFlip("horizontal")
    shift = layers.RandomTranslation(0.1, 0.1)

    def augment(x, y):
        return shift(flip(x, training=True), training=True), y

    training = tf.data.Dataset.from_tensor_slices((x_train, y_train))
    training = training.shuffle(len(x_train)).batch(32).map(augment)
    validation = tf.data.Dataset.from_tensor_slices((x_val, y_val)).batch(32)
    return training, validation""",
)
def check_pipelines(answer):
    check_function(answer, "pipelines(x_train, y_train, x_val, y_val)")
    pictures, labels = _trial_pictures()
    with quiet():
        try:
            given = answer(pictures[:N].copy(), labels[:N].copy(), pictures[N:].copy(), labels[N:].copy())
            training, validation = _two_datasets(given)
            held, *passes = [
                _one_pass(*which)
                for which in ((validation, "validation"), (training, "training"), (training, "training"))
            ]
        except NotYet:
            raise
        except Exception as error:
            raise NotYet(_why_no_pipeline(error)) from error
        _look_at_held(held, pictures, labels)
        for batches in passes:
            _look_at_pass(batches, labels)
        _look_at_changes(passes, pictures)
        _look_at_order(passes)
    return (
        "Every epoch now sees each training picture once, in another order and as another variant, and validation is"
        " measured on the same pictures as ever. Mind that this makes training loss the higher one: its pictures are"
        " the harder ones."
    )


def _trial_pictures():
    """Pictures of one garment of four shades, of which each has a largest value of its own, and made-up labels."""
    garment = np.zeros((28, 28, 1), "float32")
    garment[8:14, 8:14], garment[8:14, 14:20], garment[14:20, 8:14], garment[14:20, 14:20] = 1, 0.7, 0.5, 0.35
    return garment * LEVELS.astype("float32").reshape(-1, 1, 1, 1), np.random.default_rng(SEED).integers(
        0, 2, len(LEVELS)
    )


def _why_no_pipeline(error):
    lines = [line for line in re.sub(r"\{\{.*?\}\}", "", str(error)).splitlines() if line.strip()] or ["no message"]
    reason = (
        lines[-1] if lines[0].startswith("in user code") else lines[0]
    )  # of what happens inside map, the reason comes last
    reason = reason.strip().removeprefix(f"{type(error).__name__}: ")
    words = f"Making and running your pipelines ended in {type(error).__name__}: {reason[:200]}"
    if "self.backend.Variable(" in str(error):
        return (
            "Random layers are made inside the function for map, anew for each batch, which cannot be. Make them"
            " before, once, and only call them there."
        )
    if "truth value of an array" in str(error):
        return (
            f"{words}. Did you write from_tensor_slices(x, y)? It takes one thing: put the pair in brackets of its"
            " own, from_tensor_slices((x, y))."
        )
    if isinstance(error, TypeError) and "positional argument" in str(error):
        return f"{words}. The function for map gets two things, a batch of pictures and its labels, and returns both."
    return words


def _two_datasets(given):
    if _is_nothing(given):
        raise NotYet(
            "Your function returns nothing yet. Make the two datasets, and end it with: return training, validation"
        )
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        count = f"{len(given)} things" if isinstance(given, (tuple, list)) else f"one {type(given).__name__}"
        raise NotYet(f"Your function should return two datasets, the training one first; it returns {count}.")
    for name, part in zip(("training", "validation"), given, strict=True):
        if not isinstance(part, tf.data.Dataset):
            raise NotYet(
                f"The {name} part is a {type(part).__name__}, not a dataset. Begin with"
                " tf.data.Dataset.from_tensor_slices((x, y))."
            )
    return given


def _one_pass(dataset, name):
    """All batches of one pass, as pairs of arrays; `NotYet` if it has no end or they are no batches of pictures and
    labels."""
    batches, count = [], 0
    for batch in dataset.as_numpy_iterator():
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise NotYet(
                f"Each step of the {name} dataset should give two things, pictures and their labels:"
                " from_tensor_slices((x, y)), with a pair in the brackets, and map with a function that returns both."
            )
        x, y = (np.asarray(part) for part in batch)
        if x.shape == (28, 28, 1):
            raise NotYet(f"The {name} dataset gives one picture at a time. Put it into batches: .batch({BATCH})")
        if x.shape[1:] != (28, 28, 1) or len(y) != len(x):
            raise NotYet(
                f"The pictures of a {name} batch should have the shape (pictures, 28, 28, 1), with one label for each;"
                f" yours have the shape {x.shape}, the labels {y.shape}. One .batch is enough, and the pictures keep"
                " their shape."
            )
        batches.append((x, y.reshape(len(y), -1)[:, 0]))
        count += len(x)
        if count > 4 * N:
            raise NotYet(
                f"The {name} dataset does not end: fit could not tell where an epoch is over, unless it is told"
                " steps_per_epoch. Leave .repeat() out."
            )
    if not batches:
        raise NotYet(f"The {name} dataset is empty. drop_remainder=True throws a batch away that is not full.")
    return batches


def _numbers(x):
    """Which of the trial pictures these are, and whether each one's largest value is still one of theirs."""
    largest = x.max(axis=(1, 2, 3))
    numbers = np.abs(largest[:, np.newaxis] - LEVELS).argmin(axis=1)
    return numbers, np.abs(largest - LEVELS[numbers]) < 5e-4


def _look_at_held(batches, pictures, labels):
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    numbers, known = _numbers(x)
    if known.all() and (numbers < N).mean() > 0.5:
        raise NotYet("The second dataset has the training pictures in it. The order is: return training, validation")
    if not known.all() or not np.allclose(x, pictures[numbers], atol=1e-5):
        raise NotYet(
            "The validation pictures do not come out as they went in. Augment only what is trained: validation is to"
            " measure on the same pictures after every epoch, and on such as the network will meet."
        )
    if sorted(numbers) != list(range(N, N + N_VALIDATION)):
        raise NotYet(
            f"Of {N_VALIDATION} validation pictures {len(set(numbers))} come out, {len(numbers)} in all. Every one"
            " should come once."
        )
    if (y != labels[numbers]).any():
        raise NotYet("Some validation pictures carry a label that is not their own.")


def _look_at_pass(batches, labels):
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    if x.min() < -1e-3 or x.max() > 1 + 1e-3:
        raise NotYet(
            f"After augmenting, the pictures' values go from {x.min():.2g} to {x.max():.2g}. They should stay between"
            " 0 and 1."
        )
    numbers, known = _numbers(x)
    if not known.all():
        raise NotYet(
            "The training pictures change in brightness, or parts of them get lost. Only flip them and shift them a"
            " little, up to a tenth."
        )
    if (numbers >= N).any():
        raise NotYet("There are validation pictures in the training dataset: a leak.")
    counts = np.bincount(numbers, minlength=N)
    if (counts > 1).any():
        raise NotYet(
            f"Some training pictures come {counts.max()} times in one pass. Every one should come once, as another"
            " variant each time."
        )
    smallest, *others = sorted(len(x) for x, _ in batches)  # one of them may be a partial batch
    if smallest > BATCH or set(others) - {BATCH}:
        raise NotYet(f"There are training batches of {max([smallest, *others])} pictures; {BATCH} are asked for.")
    if (counts == 0).any():
        why = " drop_remainder=True throws the last batch away, if it is not full." if len(x) % BATCH == 0 else ""
        raise NotYet(
            f"Of {N} training pictures only {(counts > 0).sum()} come in a pass. Every one should come once.{why}"
        )
    if (y != labels[numbers]).any():
        raise NotYet(
            f"{(y != labels[numbers]).sum()} of {N} training pictures carry a label that is not their own. Shuffle"
            " pictures and labels together: both in one dataset, from_tensor_slices((x_train, y_train))."
        )


def _sorted(batches):
    """The pictures of one pass in the order they were handed over."""
    x = np.concatenate([x for x, _ in batches])
    return x[np.argsort(_numbers(x)[0])]


def _look_at_changes(passes, pictures):
    one, other = (_sorted(batches) for batches in passes)
    if _same(one, pictures[:N]).mean() > 0.95:
        raise NotYet(
            "The training pictures come out as they went in. Are the layers called, in the function for map? With"
            " training=False they do nothing, with training=True they do."
        )
    if _same(one, other).mean() > 0.95:
        raise NotYet(
            "The training pictures are changed, but in every pass in the same way: the network can learn the variants"
            " by heart. Whatever is to be drawn anew in each epoch must not be done beforehand, nor come before"
            " .cache()."
        )
    mirrored, upside_down, moved = (
        np.concatenate(found) for found in zip(*(_seen(x) for x in (one, other)), strict=True)
    )
    if upside_down.any():
        raise NotYet(
            "Some garments stand on their head, which none does in the validation part. Flip from left to right only:"
            ' RandomFlip("horizontal").'
        )
    if not mirrored.any():
        raise NotYet("No picture is flipped from left to right.")
    if not 0.2 < mirrored.mean() < 0.8:
        raise NotYet(
            f"{mirrored.mean():.0%} of the pictures are flipped. It should be left to chance, for every picture anew,"
            " and be about half."
        )
    if (np.abs(moved) > 0.05).any(axis=1).mean() < 0.2:
        raise NotYet("The pictures are flipped, but not shifted. Shift them a little as well.")
    if len(np.unique(moved.round(1), axis=0)) < 3:
        raise NotYet(
            "All pictures are shifted in the same way. It should be left to chance, for every picture or batch anew."
        )


def _same(one, other):
    return np.abs(one - other).max(axis=(1, 2, 3)) < 1e-4


def _seen(x):
    """What has been done to trial pictures: whether each is mirrored, upside down, and by how many pixels (row, column)
    it is shifted."""
    ink, place = x[..., 0].astype(float), np.arange(28)
    garment = ink > 0.17 * ink.max(axis=(1, 2), keepdims=True)
    if garment[:, [0, -1]].any() or garment[:, :, [0, -1]].any():
        raise NotYet(
            "Some garments are shifted as far as the border, and parts of them can get lost. A tenth of the width,"
            " 0.1, is enough."
        )
    rows, columns = ((garment.sum(axis=axis) * place).sum(axis=1) / garment.sum(axis=(1, 2)) for axis in (2, 1))
    weight_row, weight_column = ((ink.sum(axis=axis) * place).sum(axis=1) / ink.sum(axis=(1, 2)) for axis in (2, 1))
    return weight_column > columns, weight_row > rows, np.stack([rows, columns], axis=1) - MIDDLE


def _look_at_order(passes):
    one, other = ([_numbers(x)[0] for x, _ in batches] for batches in passes)
    first, second = np.concatenate(one), np.concatenate(other)
    if (first == second).all():
        how = "the one they were handed over in" if (first == np.arange(N)).all() else "mixed, but never mixed anew"
        raise NotYet(
            f"The training pictures come in the same order in every pass, {how}. Shuffle the dataset: .shuffle(…),"
            " behind any .cache()."
        )
    if {frozenset(batch) for batch in one} & {frozenset(batch) for batch in other}:
        raise NotYet(
            "Only whole batches change places; within each are the same pictures in every pass. Shuffle before"
            " .batch, not after it."
        )
    if np.corrcoef(np.arange(N), first)[0, 1] > 0.5:
        raise NotYet(
            "The order is hardly mixed: shuffle(n) draws from n pictures at a time. Give it as many as there are:"
            " .shuffle(len(x_train))"
        )


SIZES = ((800, 32), (800, 100), (1000, 32), (1000, 48), (10, 4), (5, 8), (32, 32), (1, 1))


@exercise(
    hint="800 pictures in batches of 32 make 25 batches. 810 make 26: what is left over is a batch as well, a"
    " smaller one. math.ceil rounds up.",
    solution="import math\n\ndef steps(n_pictures, batch_size):\n    return math.ceil(n_pictures / batch_size)",
)
def check_steps(answer):
    check_function(answer, "steps(n_pictures, batch_size)")
    found = [answer(*sizes) for sizes in SIZES]
    for steps in found:
        if _is_nothing(steps):
            raise NotYet(
                "Your function returns nothing yet: end it with return. (print only shows a value, it does not hand"
                " it back.)"
            )
        if np.ndim(steps) or not isinstance(steps, (int, float, np.number)):
            raise NotYet(f"Your function should return one number; it returns a {type(steps).__name__}.")
    for (n, batch), steps in zip(SIZES, found, strict=True):
        if steps != math.ceil(n / batch):
            raise NotYet(
                f"{n} pictures in batches of {batch} make {math.ceil(n / batch)} batch{'es' * (n > batch)}; yours says"
                f" {steps:g}." + _which_steps(found)
            )
    if not all(isinstance(steps, (int, np.integer)) for steps in found):
        raise NotYet(
            f"The number is right, but {float(found[0])} is a decimal number, which fit does not take for"
            " steps_per_epoch. Make it a whole one: int(…), or math.ceil instead of np.ceil."
        )
    return (
        "With a repeated dataset nothing else tells fit when an epoch is over. One step too few, and in each epoch"
        " some pictures are left for the next; the curves would still look right."
    )


def _which_steps(found):
    for words, rule in (
        (" What is left over is a batch as well: round up.", lambda n, batch: n // batch),
        (
            " Rounding to the nearest number loses a last batch that is less than half full: always round up.",
            lambda n, batch: round(n / batch),
        ),
        (" A part of a batch is a batch as well: round up.", lambda n, batch: n / batch),
        (" Where the pictures divide evenly there is no batch more.", lambda n, batch: n // batch + 1),
        (" That is the number of pictures. A step takes a whole batch.", lambda n, batch: n),
        (" Divide the other way round.", lambda n, batch: batch / n),
        (" Divide the other way round.", lambda n, batch: math.ceil(batch / n)),
    ):
        if np.allclose(found, [rule(*sizes) for sizes in SIZES]):
            return words
    return ""


COUNTS = (
    (162, 200),
    (289, 340),
    (45, 50),
    (98, 100),
    (1, 40),
    (340, 340),
    (0, 20),
)  # right answers, of how many pictures
NEAR = 6e-4  # whoever rounds to three decimals is right as well


@exercise(
    hint="The accuracy p is right divided by n. Its standard error is the root of p · (1 − p) / n. The bar goes"
    " 1.96 of them down and as far up, and an accuracy is never below 0 or above 1: max(0, …) and min(1, …)"
    " see to that.",
    solution="import math\n"
    "\n"
    "def error_bar(right, n):\n"
    "    p = right / n\n"
    "    half = 1.96 * math.sqrt(p * (1 - p) / n)\n"
    "    return max(0, p - half), min(1, p + half)",
)
def check_error_bar(answer):
    check_function(answer, "error_bar(right, n)")
    for right, n in COUNTS:
        with quiet():
            try:
                found = answer(right, n)
            except ValueError as error:
                if "math domain" not in str(error):
                    raise
                raise NotYet(
                    f"For {right} right of {n} you take the root of a number below 0. The accuracy p is a share: right"
                    " / n."
                ) from error
            _look_at_bar(found, right, n)
    low, _ = error_bars.interval(20, 20)
    return (
        "One thing to know: with 20 of 20 right this formula's bar has no width at all, as if 20 pictures could prove"
        f" anything. That is why the lesson uses Wilson's interval, which begins at {low:.2f} there; in the middle the"
        " two hardly differ."
    )


def _look_at_bar(found, right, n):
    if _is_nothing(found):
        raise NotYet("Your function returns nothing yet. End it with: return low, high")
    try:
        bar = np.asarray(found, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotYet("Your function should return two numbers: return low, high") from error
    if bar.shape != (2,):
        count = "one number" if bar.ndim == 0 else f"something of shape {bar.shape}"
        raise NotYet(
            f"Your function should return two numbers, where the bar begins and where it ends; it returns {count}."
        )
    p = right / n
    half = 1.96 * np.sqrt(p * (1 - p) / n)
    good = np.array([max(0, p - half), min(1, p + half)])
    if np.allclose(bar, good, rtol=0, atol=NEAR):
        return
    said = (
        f"For {right} right of {n} the bar should go from {good[0]:.3f} to {good[1]:.3f}; yours goes from"
        f" {bar[0]:.3f} to {bar[1]:.3f}."
    )
    for words, others in _wrong_bars(right, n, p, good):
        if np.allclose(bar, others, rtol=0, atol=NEAR) or np.allclose(bar, np.clip(others, 0, 1), rtol=0, atol=NEAR):
            raise NotYet(f"{said} {words}")
    raise NotYet(said)


def _wrong_bars(right, n, p, good):
    """Typical mistakes in words, and what they make of `right` answers of `n`."""
    variance = p * (1 - p) / n
    error = np.sqrt(variance)

    def around(half):
        return np.array([p - half, p + half])

    yield "An accuracy cannot be below 0 or above 1: cut the bar off there.", around(1.96 * error)
    yield "The two have changed places: the lower end first.", good[::-1]
    yield "It should be a share, from 0 to 1, not percent.", 100 * good
    yield "The root is missing: the standard error is the root of p · (1 − p) / n.", around(1.96 * variance)
    yield "The root is missing: the standard error is the root of p · (1 − p) / n. So is the 1.96.", around(variance)
    yield "The 1.96 is missing: one standard error each way covers only two thirds of all cases.", around(error)
    yield "2 is a handy figure, but asked for is 1.96.", around(2 * error)
    yield "It is not divided by n: the more pictures, the shorter the bar.", around(1.96 * np.sqrt(p * (1 - p)))
    yield "Divide by n under the root, not outside it.", around(1.96 * np.sqrt(p * (1 - p)) / n)
    yield (
        "That is only half of its length, not where it ends: p minus that and p plus that.",
        np.array([-1.96 * error, 1.96 * error]),
    )
    yield "That counts pictures. Divide by n: the bar is about the accuracy.", n * around(1.96 * error)
    yield (
        "That is Wilson's interval, the better one, which the lesson uses. Here do the simple one by hand: p ± 1.96"
        " standard errors.",
        np.array(error_bars.interval(right, n)),
    )


NAN = float("nan")


def _row(name, val_loss, val_accuracy, test_accuracy, accuracy):
    """One made-up result. val_loss: one for each seed; the accuracies: their means, to which the seeds add a little."""
    return {
        "settings": {"architecture": name, "learning_rate": 0.001},
        "val_loss": val_loss,
        "test_accuracy": test_accuracy,
        "val_accuracy": [round(val_accuracy + more, 3) for more in (0.01, -0.01, 0.0, 0.005, -0.005)[: len(val_loss)]],
        "accuracy": [round(accuracy + more, 3) for more in (0.0, 0.01, -0.01, 0.005, -0.005)[: len(val_loss)]],
    }


# In the first list every wrong rule chooses another row, in the order it comes in. Whatever the order, the answer is
# "right".
RESULTS = (
    [
        _row("first", [0.50, 0.46, 0.48], 0.80, 0.80, 0.85),
        _row("one lucky seed", [0.45, 0.33, 0.51], 0.80, 0.79, 0.86),
        _row("test", [0.45, 0.44, 0.46], 0.81, 0.88, 0.85),
        _row("accuracy", [0.47, 0.49, 0.48], 0.87, 0.80, 0.88),
        _row("right", [0.37, 0.42, 0.41], 0.82, 0.81, 0.87),
        _row("first seed", [0.35, 0.47, 0.44], 0.81, 0.80, 0.86),
        _row("median", [0.395, 0.39, 0.53], 0.80, 0.78, 0.86),
        _row("steady", [0.41, 0.41, 0.41], 0.81, 0.80, 0.86),
        _row("by heart", [0.60, 0.58, 0.62], 0.79, 0.77, 0.99),
        _row("highest", [0.80, 0.72, 0.75], 0.70, 0.71, 0.75),
        _row("last", [0.46, 0.48, 0.50], 0.80, 0.80, 0.84),
    ],
    [
        _row("diverged", [NAN, NAN, NAN], 0.50, 0.50, 0.50),
        _row("test", [0.52, 0.50, 0.51], 0.78, 0.86, 0.85),
        _row("right", [0.43, 0.44, 0.45], 0.80, 0.79, 0.84),
        _row("one diverged", [0.35, NAN, 0.36], 0.79, 0.80, 0.85),
    ],
    [
        _row("one lucky seed", [0.20, 0.90, 0.80, 0.85, 0.95], 0.80, 0.82, 0.9),
        _row("right", [0.60, 0.58, 0.61, 0.62, 0.59], 0.75, 0.72, 0.8),
    ],
    [_row("right", [0.45], 0.80, 0.80, 0.85)],
)


def _usual(of):
    """A rule that looks away from seeds that diverged."""
    return lambda row: of([loss if np.isfinite(loss) else np.inf for loss in row["val_loss"]])


WRONG_RULES = {  # what it chooses by (the lowest wins), and what to say
    "test": (
        lambda row: -row["test_accuracy"],
        "You choose by the test accuracy. Then the test set has taken part in the choice, and nothing is left that"
        " could say how good it is.",
    ),
    "lucky": (
        _usual(min),
        "It has the best single seed, but one lucky run proves nothing. Compare the means over the seeds.",
    ),
    "first seed": (
        lambda row: row["val_loss"][0],
        "You look at the first seed only. Compare the means over all of them.",
    ),
    "accuracy": (
        lambda row: -np.mean(row["val_accuracy"]),
        "You choose by the validation accuracy. Asked for is the validation loss,"
        " which also sees how sure the network is of its answers.",
    ),
    "by heart": (
        lambda row: -np.mean(row["accuracy"]),
        "You choose by the training accuracy: that is won by whoever learns the pictures by heart.",
    ),
    "highest": (lambda row: -_usual(np.mean)(row), "That is the highest mean loss. A loss should be low."),
    "median": (
        _usual(np.median),
        "You compare the middle seeds, which do not see a bad one. Asked for are the means over the seeds.",
    ),
    "worst": (
        _usual(max),
        "You compare the worst seeds. That is a careful rule, but asked for are the means over the seeds.",
    ),
}


@exercise(
    hint='np.mean(row["val_loss"]) is what counts, for each row of results; the row with the lowest is the one,'
    " and its settings the"
    " answer. Of nan, Python says neither that it is lower nor that it is higher than a number, so leave out"
    " the rows whose mean is nan (np.isnan) beforehand.",
    solution="""def choose_best(results):
    lowest, best = float("inf"), None
    for row in results:
        loss = np.mean(row["val_loss"])
        if loss < lowest:  # never so if it is nan
            lowest, best = loss, row["settings"]
    return best""",
)
def check_choose_best(answer):
    check_function(answer, "choose_best(results)")
    with quiet():
        for results in RESULTS:
            for start in range(len(results)):
                _look_at_choice(answer, results[start:] + results[:start])
        unseen = [{name: value for name, value in row.items() if name != "test_accuracy"} for row in RESULTS[0]]
        try:
            _look_at_choice(answer, unseen)
        except KeyError as error:
            raise NotYet(
                "Your function asks for the test accuracy. The choice should be the same for somebody who does not"
                " have it yet."
            ) from error
    return (
        "It chooses by the mean over the seeds, passes by what has diverged, and does not know the test accuracies."
        " What it chose was the luckiest as well as the best, so its validation loss is too good to be true; that is"
        " what the test set is for."
    )


def _look_at_choice(answer, results):
    found = answer(copy.deepcopy(results))
    if _is_nothing(found):
        raise NotYet("Your function returns nothing yet: end it with return, and with the settings that you choose.")
    if isinstance(found, dict) and "settings" in found:
        raise NotYet('Your function returns a whole row of the results. Asked for are its settings: row["settings"].')
    if isinstance(found, (int, float, np.number)):
        raise NotYet(
            f"Your function returns the number {found:g}. Asked for are the settings that you choose: a dictionary,"
            ' row["settings"].'
        )
    chosen = next((row for row in results if row["settings"] == found), None)
    if chosen is None:
        raise NotYet(
            f"Your function should return the settings of one of the rows, as they are; it returns {str(found)[:80]}."
        )
    if chosen["settings"]["architecture"] == "right":
        return
    right = next(row for row in results if row["settings"]["architecture"] == "right")
    losses, others = (", ".join(f"{loss:g}" for loss in row["val_loss"]) for row in (chosen, right))
    said = (
        f"Of {len(results)} rows you choose one with the validation losses {losses}, where there is one with {others}."
    )
    if not np.isfinite(chosen["val_loss"]).all():
        raise NotYet(
            f"{said} nan says that training diverged with that seed. Whoever takes these settings may have the same"
            " happen: leave them out."
        )
    raise NotYet(f"{said} {_which_rule(chosen, results)}".strip())


def _which_rule(chosen, results):
    """What to say of the wrong rule that chooses this row."""
    for rule, words in WRONG_RULES.values():
        if min(results, key=rule) is chosen:
            return words
    for place, words in ((0, "first"), (-1, "last")):
        if results[place] is chosen:
            return f"That is the {words} of the list. The order says nothing."
    return ""
