"""Errors for students: what is wrong, where in their code, and what to try."""

import ast
import inspect
import linecache
import math
import os
import re
import sysconfig
import textwrap
import traceback
from numbers import Integral


class LessonError(Exception):
    """A mistake a student can mend; its message says what is wrong, where, and what to try."""

    def _render_traceback_(self):
        # IPython asks an exception for its own traceback: the message alone is what helps here.
        return [f"{type(self).__name__}: {self}"]


class Interrupted(LessonError, KeyboardInterrupt):
    """The kernel was interrupted while a panel was training."""


# A pattern in an error's message, what to try, and which call to look at where the error does not tell its line.
HINTS = (
    (
        r"negative dimension|computed output size would be negative",
        "The picture has become smaller than the kernel: use fewer or smaller convolutions, or padding='same'.",
    ),
    (
        r"`rate`|rate must be",
        "A dropout rate is a fraction from 0 up to, but not including, 1: for 25 % write 0.25. A slider for it is"
        " (0.0, 0.8, 0.25).",
    ),
    (
        r"loss_weights",
        'Give the metrics their name, metrics=["accuracy"]: the third place in compile is for loss_weights.',
    ),
    (
        r"string to float is not supported|None values not supported",
        "Look at your own metrics, losses and layers: each must return numbers, no text, and not nothing.",
        ("compile",),
    ),
    (
        r"indices\[.*\] = .* is not in",
        "An Embedding knows the numbers from 0 to input_dim - 1, and the data have another one: make input_dim larger.",
        ("Embedding",),
    ),
    (
        r"label value.* outside the valid range",
        "Labels are numbers of classes, counted from 0, and the last layer needs a unit for each.",
        ("Dense",),
    ),
    (r"unknown loss|Could not interpret loss", "Check the spelling of `loss`: for example 'categorical_crossentropy'."),
    (r"optimizer identifier|interpret optimizer", "Check the spelling of `optimizer`: for example 'adam' or 'sgd'."),
    (r"(interpret|Unknown) activation", "Check the spelling of `activation`: for example 'relu' or 'softmax'."),
    (r"interpret metric|Unknown metric", "Check the spelling in `metrics`: for example ['accuracy']."),
    (r"is not defined", "Is the name spelled as where it was made, and was the cell that makes it run?"),
    (r"missing \d+ required positional", "Give that argument a default value, or make a control for it in `explore`."),
)


GRAPH = ("Detected at node", 'File "', "<stack traces", "[[{{", "(", "Stack trace", "Errors may have originated")


def is_whole(value, least=-math.inf):
    """Whether `value` is a whole number of at least `least`; True and False, which Python counts as such, are none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least


def shorten(text, limit=240):
    """The first paragraph of an error message, without colour codes, at most `limit` characters."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(text)).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # TensorFlow tells where in its graph it was; the reason comes after that, before the name of the node.
    if lines and lines[0] == "Graph execution error:":
        lines = [line for line in lines[1:] if not line.startswith(GRAPH)][-1:] or lines
    # Keras opens with the layer that called; the reason follows it.
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        lines = lines[1:]
    text = lines[0].strip() if lines else "no message"
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def line_of_error(error, build):
    """The line of the student's code in which `error` arose, as (number in the cell, text), or None.

    The last frame of the traceback that lies in the file (for a notebook: the cell) of `build` counts.
    """
    code = getattr(inspect.unwrap(build), "__code__", None)
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if code and frame.f_code.co_filename == code.co_filename]
    return (lines[-1], linecache.getline(code.co_filename, lines[-1]).strip()) if lines else None


def line_of_call(build, *names):
    """The last line of `build` that calls one of `names` (`"Dense"`, `"compile"`), as (number, text), or None."""
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(build))
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [call.lineno for call in calls if getattr(call.func, "attr", getattr(call.func, "id", None)) in names]
    return (max(first, 1) + max(found) - 1, lines[max(found) - 1].strip()) if found else None


def line_under_way(stacks, build=None):
    """The line of the student's code that a thread is in, as (number in the cell, text, where it stands), or None.

    stacks: for each thread a list of (file, line, function), the innermost first (`Stop.hung_in`). The innermost line
    that belongs to no package counts.
    """
    code = getattr(inspect.unwrap(build), "__code__", None) if build else None
    with_network = code and code.co_filename
    lines = [line for stack in stacks for line in stack if line[0] == with_network or _is_of_student(line[0])]
    if not lines:
        return None
    file, number, function = lines[0]
    where = "your network" if file == with_network else function.split(".<locals>")[0]
    return number, linecache.getline(file, number).strip(), where


LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
PACKAGE = os.path.dirname(os.path.abspath(__file__))


def _is_of_student(file):
    return not file.startswith((*LIBRARIES, PACKAGE, "<")) and not re.search("(site|dist)-packages", file)


def at(place):
    """`place` (number, text) as words, or an empty string when the line is not known; with (number, text, where it
    stands), in the cell with that."""
    if not place:
        return ""
    number, text, where = (*place, "your network")[:3]
    return f" Look at line {number} of the cell with {where}: {text}"


def explain(error, build, doing="ran"):
    """A `LessonError` in words for an `error` that came out of the student's `build`."""
    if isinstance(error, LessonError):
        return error
    name = getattr(build, "__name__", "build")
    explained = LessonError(f"Your function {name}() did not work when it {doing}: {reason_of(error, build)}")
    explained.__cause__ = error
    return explained


def reason_of(error, build=None):
    """What an `error` says, what to try, and the line of the student's `build`, as far as each is known."""
    said = shorten(error)
    found = next((row for row in HINTS if re.search(row[0], str(error), re.IGNORECASE)), ("", ""))
    _, hint, *calls = found
    line = build and (line_of_error(error, build) or (line_of_call(build, *calls[0]) if calls else None))
    end, hint = "" if said[-1] in ".!?…" else ".", f" Try this: {hint}" if hint else ""
    return f"{type(error).__name__}: {said}{end}{hint}{at(line)}"


def our_mistake(error):
    """A `LessonError` for an `error` that is ours, not the student's."""
    mistake = LessonError(f"The panel could not go on, and this is not your mistake: {type(error).__name__}: {error}")
    mistake.__cause__ = error
    return mistake
