"""From a student's builder to a compiled Keras model, or to words about what is wrong with it."""

import contextlib
import inspect
import random
import threading

import keras
import numpy as np

from helpers.engine.stop import LOOK, check_wanted, current, end, undone, working_for
from helpers.errors import LessonError, at, explain, line_of_call

FRESH = "a fresh thread of the live panels"


def in_fresh_thread(function, policy=None):
    """Call `function` in a thread of its own, wait, and return what it returns or raise what it raises.

    Keras numbers its automatic layer names per thread (dense, dense_1, …). In a fresh thread they start
    again, so two models from one builder have equal configurations, and TensorFlow, which keeps a little
    memory for every variable name it has ever seen, sees no new ones. `policy`: the dtype policy to use there;
    Keras keeps that per thread, too.

    If `function` does not come back, an interrupt ends the waiting, and so does whoever abandons the run.
    """
    outcome, stop, done = {}, current(), threading.Event()

    def work():
        try:
            with working_for(stop):
                outcome["value"] = in_policy()
        except BaseException as error:  # handed to the thread that waits
            outcome["error"] = error
        finally:
            done.set()

    def in_policy():
        if policy is not None:
            keras.config.set_dtype_policy(policy)
        return function()

    thread = threading.Thread(target=work, daemon=True, name=FRESH)
    try:
        thread.start()
        while not done.wait(LOOK):  # not join: a thread whose join was interrupted counts as ended in Python 3.11
            check_wanted()
        thread.join()
        check_wanted()
    except BaseException:  # nobody waits for it any more
        if stop is not None:
            stop.abandon()
        if thread.ident is not None and not done.is_set():
            end(thread)
            done.wait(LOOK)  # all but what hangs is gone by then, and does nothing any more to what we turn to next
        raise
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


@contextlib.contextmanager
def random_state_of_its_own(seed):
    """Within it, Python's and NumPy's random numbers start from `seed`; afterwards the student's go on as before."""
    states = random.getstate(), np.random.get_state()

    def restore():
        random.setstate(states[0])
        np.random.set_state(states[1])

    with undone(restore):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        yield


def call_builder(build, settings, seed, example=None, policy=None):
    """Call the student's `build(**settings)` with initial weights drawn from `seed`; returns the compiled model.

    example: one row of input, for networks that make their weights only when they first see one.
    Raises `LessonError` when `build` raises, or returns something other than a compiled Keras model.
    """
    name = name_of(build)

    def built():
        model = build(**settings)
        if isinstance(model, keras.Model) and not model.built and example is not None:
            model(example)
        return model

    try:
        with random_state_of_its_own(seed):  # here, so that a builder that never comes back cannot keep it
            model = in_fresh_thread(built, policy)
    except (Exception, SystemExit) as error:
        raise explain(error, build) from error
    if model is None:
        raise LessonError(f"Your function {name}() returned nothing. End it with: return model")
    if not isinstance(model, keras.Model):
        raise LessonError(
            f"Your function {name}() returned a {type(model).__name__}, not a Keras model. End it with: return model"
        )
    if not model.compiled:
        raise LessonError(
            f"The model that {name}() returns is not compiled."
            " Call model.compile(optimizer=…, loss=…, metrics=[…]) before: return model"
        )
    return model


def name_of(build):
    """What the student's function is called."""
    return getattr(build, "__name__", "build")


def keywords(build):
    """The keywords of the student's builder as `{name: default}`; no default is `inspect.Parameter.empty`."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(build).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def check_shapes(model, x, y, build=None):
    """Raise a `LessonError` when images `x` or labels `y` cannot be what `model` was built and compiled for.

    Looks at what can be told in words (one input, one output, the common losses); the rest is Keras's to refuse.
    """
    if not model.built or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return
    wanted, outputs = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if isinstance(wanted, tuple) and not _fits(wanted[1:], x.shape[1:] or (1,)):
        raise LessonError(
            f"Your network expects inputs of shape {wanted[1:]}, but each of the {len(x)} examples has shape"
            f" {x.shape[1:]}." + at(build and line_of_call(build, "Input", "InputLayer", "Sequential"))
        )
    if not (isinstance(outputs, tuple) and len(outputs) == 2 and isinstance(outputs[1], int)):
        return  # several outputs, a sequence or a picture of answers
    units, loss, one_hot = outputs[1], model.loss, y.ndim == 2 and y.shape[1] > 1
    if not isinstance(loss, str):
        loss = getattr(loss, "name", None) or getattr(loss, "__name__", "")
    wrong, calls = "", ("Dense", "Softmax", "Activation")  # where the last layer is made
    if loss == "categorical_crossentropy" and not one_hot:
        calls = ("compile",)
        wrong = (
            "The loss categorical_crossentropy needs one-hot labels (one column per class), but the labels are"
            " single numbers. Use one-hot labels, or the loss sparse_categorical_crossentropy."
        )
    elif loss == "categorical_crossentropy" and y.shape[1] != units:
        wrong = (
            f"The last layer has {units} outputs, but the one-hot labels have {y.shape[1]} columns, one per class."
            f" Give the last layer {y.shape[1]} units."
        )
    elif loss == "sparse_categorical_crossentropy" and one_hot:
        calls = ("compile",)
        wrong = (
            "The loss sparse_categorical_crossentropy needs labels that are single numbers, but these are one-hot."
            " Use the loss categorical_crossentropy."
        )
    elif loss == "sparse_categorical_crossentropy" and _are_out_of_range(y, units, model.loss):
        wrong = (
            f"The labels run from {int(y.min())} to {int(y.max())}, but the last layer has {units} outputs."
            f" Give the last layer {int(y.max()) + 1} units."
        )
    elif loss == "binary_crossentropy" and y.ndim == 1 and units != 1:
        wrong = (
            f"The loss binary_crossentropy compares one output with each label, but the last layer has {units} outputs."
            " Give the last layer 1 unit with a sigmoid."
        )
    if wrong:
        raise LessonError(wrong + at(build and line_of_call(build, *calls)))


def _fits(wanted, shape):
    """Whether inputs of `shape` can be fed where `wanted` is expected; Keras adds or takes a last axis of 1 itself."""
    if len(wanted) == len(shape) + 1 and wanted[-1] == 1:
        wanted = wanted[:-1]
    elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    return len(wanted) == len(shape) and all(a is None or a == b for a, b in zip(wanted, shape, strict=True))


def _are_out_of_range(labels, units, loss):
    """Whether one of the labels that the loss looks at is not a class from 0 to `units` - 1."""
    counted = labels[labels != getattr(loss, "ignore_class", None)]
    return counted.size > 0 and (counted.min() < 0 or counted.max() >= units)
