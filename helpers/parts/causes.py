"""Runs whose learning curves have a known cause, and what can be done about each.

A `Case` says all that decides a run, its cause included; `train` makes the run. Nothing is drawn: these are real
trainings of the network that the lesson's own `build` makes, with `filters`, `pool`, `dropout` and `learning_rate`.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from helpers.curves.history import best_epoch
from helpers.engine.examples import training_and_validation
from helpers.engine.trainer import Trainer
from helpers.memory.repeat import lots

# What can be prescribed, and what it does to the run.
PRESCRIPTIONS = {
    "train for more epochs": "the same run, three times as long",
    "stop earlier": "the same run, ended where validation loss was lowest",
    "more training pictures": "eight times as many pictures to learn from, and fewer epochs, because each makes more"
    " updates",
    "add dropout": "dropout of 0.5 after the first layer",
    "a larger network": "five filters, no pooling, no dropout; that learns faster, so 15 epochs at most",
    "a smaller learning rate": "the learning rate at Adam's own 0.001",
    "larger batches and more validation pictures": "batches of 32, 200 validation pictures, and the learning rate that"
    " suits them",
    "take the validation pictures out of the training set": "validation on pictures that are not trained on",
    "pair pictures and labels again": "every picture with its own label",
    "leave it as it is": "the same pictures again, with other random numbers",
}

# What helps against each pattern.
HELPS = {
    "still learning": ("train for more epochs",),
    "good fit": ("leave it as it is",),
    "underfitting": ("a larger network",),
    "overfitting": ("more training pictures", "stop earlier", "add dropout"),
    "diverging": ("a smaller learning rate",),
    "noisy": ("larger batches and more validation pictures",),
    "leak": ("take the validation pictures out of the training set",),
    "shuffled labels": ("pair pictures and labels again",),
}


@dataclass(frozen=True)
class Case:
    """All that decides a run: `pattern` names its cause, `settings` are the builder's keywords.

    n_train, n_validation: numbers of pictures; shuffled: whether pictures and labels were mixed up; leak: whether the
    validation pictures are in the training set as well; seed: for the pictures, the mixing and the training;
    repeat: another one trains on the same pictures with other random numbers.
    """

    pattern: str
    settings: dict = field(default_factory=dict)
    epochs: int = 20
    batch_size: int = 32
    n_train: int = 600
    n_validation: int = 200
    shuffled: bool = False
    leak: bool = False
    seed: int = 0
    repeat: int = 0


def _whole(random, **ranges):
    """Whole numbers drawn from ranges (lowest, first beyond), in this order."""
    return {name: int(random.integers(*ends)) for name, ends in ranges.items()}


def _still_learning(random):
    n_train = int(random.integers(450, 1000))
    updates = random.integers(90, 140)  # too few for so small a learning rate
    epochs = max(5, round(updates / (n_train / 32)))
    return {"settings": {"learning_rate": 0.00015}, "n_train": n_train, "epochs": epochs}


def _good_fit(random):
    settings = {"dropout": round(random.uniform(0.4, 0.6), 2), "learning_rate": 0.0004}
    return {"settings": settings, **_whole(random, n_train=(1000, 1200), epochs=(24, 32))}


def _underfitting(random):
    settings = {"filters": 1, "pool": 24, "learning_rate": 0.01, "dropout": 0.3}
    return {"settings": settings, **_whole(random, n_train=(500, 1000), epochs=(55, 70))}


def _overfitting(random):
    return _whole(random, n_train=(70, 150), epochs=(65, 85))


def _diverging(random):
    settings = {"learning_rate": round(random.uniform(0.3, 1.0), 2)}
    return {"settings": settings, **_whole(random, n_train=(200, 600), epochs=(12, 25))}


def _noisy(random):
    sizes = _whole(random, n_train=(400, 600), n_validation=(9, 14), epochs=(18, 28))
    return {"settings": {"learning_rate": 0.007, "dropout": 0.5}, "batch_size": 4, **sizes}


def _leak(random):
    return {"leak": True, **_whole(random, n_train=(250, 400), n_validation=(60, 120), epochs=(55, 75))}


def _shuffled_labels(random):
    return {"shuffled": True, **_whole(random, n_train=(200, 400), epochs=(30, 45))}


# How a case of each pattern comes about: a function that draws what differs from an ordinary `Case`.
CAUSES = {
    "still learning": _still_learning,
    "good fit": _good_fit,
    "underfitting": _underfitting,
    "overfitting": _overfitting,
    "diverging": _diverging,
    "noisy": _noisy,
    "leak": _leak,
    "shuffled labels": _shuffled_labels,
}


def draw_case(pattern, random):
    """A new `Case` of `pattern`; random: a `numpy.random.Generator`."""
    return Case(pattern, **CAUSES[pattern](random), seed=int(random.integers(2**31)))


def draw_cases(n, random, confused=None):
    """`n` cases; each shows a pattern drawn by lot, so that no case can be told by what the others are.

    confused: {pattern: how often it was missed, or something else was taken for it}; these are drawn more often.
    """
    weights = np.array(lots(CAUSES, confused or {}))
    drawn = random.choice(list(CAUSES), n, p=weights / weights.sum())
    return [draw_case(str(pattern), random) for pattern in drawn]


def pictures_of(case, data):
    """((x, y) to train on, (x, y) to validate on) of a case: arrays of pictures and one-hot or whole-number labels."""
    random = np.random.default_rng(case.seed)
    x, y, (x_val, y_val) = training_and_validation(data, 0.2)
    x, y = np.concatenate([x, x_val]), np.concatenate([y, y_val])
    order = random.permutation(len(x))
    x, y = x[order], y[order]
    if case.shuffled:
        y = random.permutation(y)
    n_train = min(case.n_train, len(x) - case.n_validation)
    train, validation = slice(0, n_train), slice(len(x) - case.n_validation, None)
    if case.leak:
        validation = slice(0, case.n_validation)
    return (x[train], y[train]), (x[validation], y[validation])


def train(build, data, case, stop=None, on_epoch=None, on_state=None):
    """The `History` of a case; see `Trainer.run` for the arguments."""
    training, validation = pictures_of(case, data)
    numbers = {"batch_size": case.batch_size, "seed": (case.seed + case.repeat) % 2**31}
    told = {"stop": stop, "on_epoch": on_epoch, "on_state": on_state}
    return Trainer(build, *training, validation).run(case.settings, case.epochs, **numbers, **told)


def prescribe(name, case, history=None):
    """The case with a prescription of PRESCRIPTIONS applied. history: the case's own, to know where to stop earlier."""
    settings, epochs = case.settings, case.epochs
    rate, filters = settings.get("learning_rate", 0.001), settings.get("filters", 5)
    # For larger batches or a larger network a largish learning rate comes down to Adam's own; one that makes training
    # diverge has a remedy of its own.
    suited = 0.001 if 0.001 < rate < 0.05 else rate
    if name == "train for more epochs":
        return replace(case, epochs=3 * epochs)
    if name == "stop earlier":
        lowest = best_epoch(history) if history is not None else None
        return replace(case, epochs=lowest or max(1, epochs // 3))
    if name == "more training pictures":
        more = min(8 * case.n_train, 1200)
        return replace(case, n_train=more, epochs=max(15, epochs * case.n_train // more))
    if name == "add dropout":
        return replace(case, settings={**settings, "dropout": 0.5 if settings.get("dropout", 0) < 0.5 else 0.7})
    if name == "a larger network":
        larger = {"filters": 5 if filters < 5 else 2 * filters, "pool": 1, "dropout": 0.0, "learning_rate": suited}
        return replace(case, epochs=min(epochs, 15), settings={**settings, **larger})
    if name == "a smaller learning rate":
        return replace(case, settings={**settings, "learning_rate": 0.001 if rate > 0.001 else rate / 10})
    if name == "larger batches and more validation pictures":
        larger = {"batch_size": max(32, case.batch_size), "n_validation": max(200, case.n_validation)}
        return replace(case, **larger, settings={**settings, "learning_rate": suited})
    if name == "take the validation pictures out of the training set":
        return replace(case, leak=False)
    if name == "pair pictures and labels again":
        return replace(case, shuffled=False)
    return replace(case, repeat=case.repeat + 1)


# Why a prescription does not help where it is not the one in HELPS.
IN_VAIN = {
    "train for more epochs": "More epochs help where both losses are still falling together. That is not the trouble"
    " here.",
    "stop earlier": "Stopping earlier helps where validation loss has turned and risen. It takes epochs away and"
    " changes nothing else.",
    "more training pictures": "More pictures help where the network learns its few pictures by heart. That is not what"
    " keeps this one back.",
    "add dropout": "Dropout makes learning by heart harder. That is not what is wrong here, and it slows everything"
    " else down.",
    "a larger network": "A larger network helps where training has levelled off high, close to validation. Here it is"
    " something else.",
    "a smaller learning rate": "A smaller learning rate calms a training whose loss jumps up. Here the steps are small"
    " enough, and smaller ones take longer.",
    "larger batches and more validation pictures": "That calms curves that go back and forth. These are calm, or have"
    " a greater trouble.",
    "take the validation pictures out of the training set": "They are not in it: were they, both losses would end"
    " near zero with no gap between them.",
    "pair pictures and labels again": "Every picture has its own label here. Were they mixed up, training loss would"
    " fall and validation never get better than guessing.",
    "leave it as it is": "There is something to mend here, and running it again with another seed does not mend it.",
}


def why_not(prescription, pattern):
    """Why `prescription` does not help against `pattern`, in a sentence or two."""
    if pattern == "good fit" and prescription != "leave it as it is":
        return (
            "There is nothing to mend: both losses have come down and levelled off. Whoever changes something now"
            " has only to lose."
        )
    return IN_VAIN[prescription]
