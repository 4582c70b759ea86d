"""The checks of lesson 1's exercises. Each judges what an answer does, not how it is written.

What is said of an answer stands in lesson_1.toml.
"""

import inspect

import keras
import numpy as np

from helpers import data, engine
from helpers.exercises.checks import NotYet, Table

TABLE = Table("lesson_1")


@TABLE.check
def check_updates(answer, mistakes):
    if isinstance(answer, bool) or not isinstance(answer, (int, float, np.number)):
        raise NotYet("no number")
    if answer != 30:
        mistakes.compare(answer)
        raise NotYet("another number", answer=answer)


@TABLE.check
def check_deeper(answer, _):
    if isinstance(answer, keras.Model):
        raise NotYet("a network")
    if not callable(answer):
        raise NotYet("no builder")
    parameters = inspect.signature(answer).parameters
    needs = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    if needs:
        raise NotYet("needs arguments", names=", ".join(needs))
    model = answer()
    if model is Ellipsis or model is None:
        raise NotYet("returns nothing")
    if not isinstance(model, keras.Model):
        raise NotYet("no model", kind=type(model).__name__)
    if not model.compiled:
        raise NotYet("not compiled")
    digits = data.digits(one_hot=True)
    prediction = np.asarray(model(digits.x_train[:8]))
    if prediction.shape != (8, 10):
        raise NotYet("another shape", shape=prediction.shape)
    if not np.allclose(prediction.sum(axis=1), 1, atol=1e-3) or (prediction < 0).any():
        raise NotYet("no probabilities")
    hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][:-1]
    if len(hidden) < 2:
        raise NotYet("not deeper", count=len(hidden))
    if any(layer.activation is keras.activations.linear for layer in hidden):
        raise NotYet("no activation")
    if getattr(model.loss, "name", model.loss) != "categorical_crossentropy":
        raise NotYet("another loss")
    history = engine.fit(model, digits.x_train, digits.y_train, epochs=10)
    right = np.asarray(model(digits.x_val)).argmax(axis=1) == digits.y_val.argmax(axis=1)
    if right.mean() < 0.85:
        raise NotYet("learns badly")
    if "accuracy" not in history.history:
        raise NotYet("no accuracy")


RISING = {
    "loss": [0.9, 0.5, 0.3, 0.2, 0.1, 0.15],
    "val_loss": [0.6, 0.5, 0.4, 0.5, 0.7, 0.8],
    "accuracy": [0.5, 0.7, 0.8, 0.9, 0.96, 0.95],
    "val_accuracy": [0.5, 0.6, 0.7, 0.72, 0.71, 0.70],
}
FIRST = {"loss": [0.5, 0.4], "val_loss": [0.6, 0.8], "accuracy": [0.7, 0.8], "val_accuracy": [0.6, 0.7]}


@TABLE.check
def check_best_epoch(answer, mistakes):
    if not callable(answer):
        raise NotYet("no function of a history")
    try:
        found = answer(RISING)
    except AttributeError as error:
        raise NotYet("a dictionary already") from error
    if found is None or found is Ellipsis:
        raise NotYet("returns nothing")
    mistakes.compare(found, lambda best_epoch: best_epoch(RISING))
    if found != 3 or answer(FIRST) != 1:
        losses = {"rising": RISING["val_loss"], "first": FIRST["val_loss"]}
        raise NotYet("another epoch", **losses, found=found, found_first=answer(FIRST))


# What each of the three trainings in the notebook asks for.
STEPS = {"A": "wider", "B": "longer", "C": "neither"}


@TABLE.check
def check_next_step(answer, mistakes):
    if not isinstance(answer, dict) or set(answer) != set(STEPS):
        raise NotYet("not three answers")
    steps = {run: str(step).strip().lower() for run, step in answer.items()}
    for run, step in steps.items():
        if step not in STEPS.values():
            raise NotYet("another word", run=run, step=step)
    run = _first_wrong(steps)
    if run:
        mistakes.compare((run, steps[run]), lambda other: (_first_wrong(other), other[_first_wrong(other)]))
        raise NotYet("another step", run=run, step=steps[run])


def _first_wrong(steps):
    return next((run for run, right in STEPS.items() if steps[run] != right), None)
