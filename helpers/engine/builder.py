"""From a student's builder to a compiled Keras model, or to words about why there is none."""

import contextlib
import inspect
import random
import threading

import keras
import numpy as np

from helpers.engine.stop import LOOK, check_wanted, current, end, undone, working_for
from helpers.errors import LessonError, explain

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
