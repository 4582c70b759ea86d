"""The settings of a training: which are the builder's and which its own, and what is wrong with them, in words."""

import dis
import inspect
from types import CodeType

import keras
import numpy as np

from helpers.engine.builder import keywords, name_of
from helpers.errors import LessonError

OF_TRAINING = ("epochs", "batch_size", "n_train", "seed")  # these belong to the training, all others to the builder
DEFAULTS = {"batch_size": 32, "seed": 0}  # as in `fit`, and the first of seeds

# What `fit` takes and a live part does not, and what to do instead; class and sample weights are another matter.
OF_FIT = {
    "x": "Give it with the other data, (x, y), in the second place.",
    "y": "Give it with the other data, (x, y), in the second place.",
    "validation_data": "Give it with the other data: (x, y, x_validation, y_validation).",
    "callbacks": "Train with them by engine.fit(build(), x, y, callbacks=[…]).",
    "shuffle": "The examples are shuffled anew in each epoch; engine.fit can leave them in order: shuffle=False.",
    "verbose": "Leave it out: nothing is printed, the curves are drawn.",
    "steps_per_epoch": "An epoch goes through all training data once. For a shorter one take fewer examples: n_train.",
    "initial_epoch": "Leave it out: more epochs continue a curve by themselves.",
    "validation_steps": "Leave it out: all validation data are used.",
    "validation_batch_size": "Leave it out: it changes no curve.",
    "validation_freq": "Leave it out: validation follows each epoch.",
}


def of_builder(build, settings):
    """Those of the settings that are for the builder, as a dict."""
    takes = keywords(build)
    return {keyword: value for keyword, value in settings.items() if keyword not in OF_TRAINING or keyword in takes}


def of_training(settings):
    """Those of the settings that are for `Trainer.run`, as a dict; what the builder takes as well is in both."""
    return {keyword: settings[keyword] for keyword in OF_TRAINING if keyword in settings}


def is_same(value, other):
    """Whether two values of a setting are the same; True is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and np.array_equal(value, other)


def check_builder(build, made_by):
    """Raise a `LessonError` unless `build` can be called; made_by: the function that the student has called."""
    if isinstance(build, keras.Model) or not callable(build):
        raise LessonError(
            f"{made_by} needs the function that makes the network, not the network: leave out the brackets,"
            f" {made_by}(build, …)."
        )


def check_keywords(build, given, take_out, or_else, known=OF_TRAINING):
    """Raise a `LessonError` for a keyword in `given` that `build` does not take, or one it needs that is not given.

    known: what the training takes. take_out, or_else: how to mend the first and the second, with {} for the keyword.
    """
    parameters = inspect.signature(build).parameters.values()
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    takes, name = keywords(build), name_of(build)
    for keyword in given:
        if keyword not in (*known, *takes) and not (anything and isinstance(keyword, str)):
            if keyword in OF_FIT:
                raise LessonError(f"{keyword}=… is for model.fit, and has no place here. {OF_FIT[keyword]}")
            raise LessonError(
                f"Your function {name}({', '.join(takes)}) has no keyword {keyword!r}. Write it into the function's"
                f" first line (def {name}({', '.join([*takes, f'{keyword}=…'])}):) and use it inside, or take"
                f" {take_out.format(keyword)}."
            )
    for keyword, default in takes.items():
        if keyword not in given and default is inspect.Parameter.empty:
            raise LessonError(
                f"Your function {name}() needs a value for {keyword!r}: give it a default, or"
                f" {or_else.format(keyword)}."
            )


def unused(build, given):
    """Those of the keywords in `given` that `build` takes and never looks at, so that they change nothing."""
    function = inspect.unwrap(build)
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or {"locals", "vars", "eval", "exec"} & set(code.co_names):
        return []
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    inner = set(code.co_cellvars)  # looked at by a function inside
    return [keyword for keyword in given if keyword in own and keyword not in inner | _read_in(code)]


def _read_in(code):
    """The names of the variables that a function reads, as far as its first lines do not write over them."""
    read, written, straight = set(), set(), True
    for step in dis.get_instructions(code):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        straight = straight and "JUMP" not in step.opname and "FOR_ITER" not in step.opname
        if step.opname.startswith("LOAD_FAST"):
            read.update(name for name in names if name not in written)
        elif step.opname.startswith("STORE_FAST"):
            # Python 3.13 joins two steps into one; which of them reads is not worth knowing.
            read.update(names[1:] if "LOAD" in step.opname else ())
            written.update(names[:1] if straight else ())
    return read
