"""Checks on exercises: an answer in tiers. What is missing is said at once; a hint and the solution wait under
folds."""

import contextlib
import functools
import html
import io
import logging
import warnings

import keras
import numpy as np


class Feedback:
    """What a check answers. `passed`: whether the exercise is solved; `message`: what is right or missing."""

    def __init__(self, passed, message, hint, solution):
        self.passed, self.message, self.hint, self.solution = passed, message, hint, solution

    def __repr__(self):
        return ("Solved. " if self.passed else "Not yet. ") + self.message

    def _repr_html_(self):
        colour = "#0072B2" if self.passed else "#B34700"
        answer = (
            f'<div role="status" style="border-left:4px solid {colour};padding:2px 12px">'
            f"<p><b>{'Solved.' if self.passed else 'Not yet.'}</b> {html.escape(self.message)}</p>"
        )
        if not self.passed:
            answer += f"<details><summary>A hint</summary><p>{html.escape(self.hint)}</p></details>"
        return answer + (
            f"<details><summary>A solution</summary><pre>{html.escape(self.solution)}</pre></details></div>"
        )


class NotYet(Exception):
    """Raised inside a check: the exercise is not solved; the message says what is missing."""


def exercise(hint, solution):
    """Make a check of a function that looks at a student's answer.

    The function gets the answer; it raises `NotYet` with what is missing, or returns a sentence of praise that adds
    something. The answer `...` (three dots) stands for an exercise nobody has started. Whatever goes wrong in the
    student's own code while it is tried becomes part of the answer, never a traceback.
    """

    def decorate(look):
        @functools.wraps(look)
        def check(answer):
            try:
                if answer is ...:
                    raise NotYet("Put your answer where the three dots are, and run the cell again.")
                return Feedback(True, look(answer), hint, solution)
            except NotYet as missing:
                return Feedback(False, str(missing), hint, solution)
            except Exception as error:
                first = (str(error).strip().splitlines() or [""])[0][:200]
                return Feedback(False, f"Trying your answer ended in {type(error).__name__}: {first}", hint, solution)

        check.hint, check.solution = hint, solution
        return check

    return decorate


@contextlib.contextmanager
def quiet():
    """Nothing that the student's code, Keras or NumPy say reaches the page; gives the list of Python's warnings."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("always")
            yield warned
    finally:
        logging.disable(before)


def check_function(answer, begins):
    """Raise `NotYet` unless the answer is a function. begins: the first line that was asked for, after `def`."""
    name = begins.split("(")[0]
    if isinstance(answer, keras.Model):
        raise NotYet(f"You handed over a network. Hand over the function {name}, without brackets.")
    if isinstance(answer, type) or not callable(answer):
        raise NotYet(f"{name} should be a function: begin with def {begins}: and hand over its name, without brackets.")
