"""The old web: outdated lines, as tutorials still have them, really run beside what to write now.

old_web([("model.predict_classes(x)", "model.predict(x).argmax(axis=1)")], globals())
"""

import contextlib
import copy
import html
import logging
import os
import re
import textwrap
import warnings
from collections import namedtuple
from pathlib import Path

import keras
from IPython.utils.capture import capture_output

from helpers.engine.builder import random_state_of_its_own
from helpers.errors import LessonError, shorten

LIMIT = 160  # characters of a message
NOTHING_NEW = "there is nothing to write instead"
QUIET = "runs without a word"
HEADS = ("old line", "what happens today", "what to write now")

# old, now: the two lines. happens: what the old one did, in words; then: what the new one did, if there is something to
# say. ok: whether the new line runs without an error or a warning.
Row = namedtuple("Row", "old happens now then ok")


def old_web(lines, names):
    """Run old lines and new ones, and return a table, an `OldWeb`, of what really happened, with this Keras.

    lines: a list of `(old, now)` or `(old, now, look)`, each a text with Python code; a `now` of "" says that nothing
    takes the old line's place. `look`: an expression that shows what a line has done that runs without a word.
    names: the variables the lines may use, usually `globals()`. Each line gets a copy of them and of the Keras models
    it names, so it leaves nothing behind. What it prints is not shown.

    Raises `LessonError` for `lines` or `names` in another form, and for a model that cannot be copied.
    """
    if not isinstance(names, dict):
        raise LessonError(
            "The second argument must be the variables that the lines use. Try old_web(lines, globals()), with its"
            " brackets."
        )
    rows = []
    for old, now, look in _checked(lines):
        happens, _ = _run(old, look, names)
        then, ok = _run(now, look, names) if now else ("", True)
        if not ok:
            then = f"does not work here: {then}"
        rows.append(Row(old, happens, now, then.removeprefix(QUIET).removeprefix("; "), ok))
    return OldWeb(rows)


def _checked(lines):
    """`lines` as a list of (old, now, look), without the indentation they may have in the notebook."""
    if not isinstance(lines, (list, tuple)) or not lines:
        raise LessonError('The lines must be a list of pairs: [("the old line", "the new line"), …].')
    checked = []
    for number, row in enumerate(lines, 1):
        if not isinstance(row, tuple) or len(row) not in (2, 3) or not all(isinstance(text, str) for text in row):
            raise LessonError(
                f'Row {number} of the lines must be ("the old line", "the new line"), perhaps with a third text, what'
                " to "
                f"look at; not {shorten(repr(row), 80)}. Is there a comma after each text and after each row?"
            )
        old, now, look = (textwrap.dedent(text).strip() for text in (*row, "")[:3])
        if not old:
            raise LessonError(f"Row {number} of the lines has no old line.")
        checked.append((old, now, look))
    return checked


# Running a line


class Ears(logging.Handler):
    """Hears, in `heard`, what Keras says to the student: Python's warnings, and the log it writes with absl."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.heard = []

    def emit(self, record):
        if record.name == "absl":
            self.heard.append(record.getMessage())

    def showwarning(self, message, category, *_where):
        # Keras warns with the plain category; what NumPy and h5py say to programmers has categories of its own.
        if category is UserWarning or "keras" in str(message).lower():
            self.heard.append(str(message))


@contextlib.contextmanager
def _listening():
    """Within it, nothing is printed or shown, and the `Ears` it gives hear every warning, also one given before."""
    ears, root, absl = Ears(), logging.getLogger(), logging.getLogger("absl")
    before = root.handlers, absl.handlers, absl.level
    # A logger without a handler would get one that prints, for ever, to where printing goes just now.
    root.handlers, absl.handlers = [ears], []
    absl.setLevel(logging.WARNING)
    try:
        with capture_output(), warnings.catch_warnings(), random_state_of_its_own(0):
            warnings.simplefilter("always")
            warnings.showwarning = ears.showwarning
            yield ears
    finally:
        root.handlers, absl.handlers = before[:2]
        absl.setLevel(before[2])


def _run(line, look, names):
    """What happens when `line` runs and `look` is looked at, in words, and whether it ran without an error or a
    warning."""
    raised, seen, blind = None, "", False
    with _listening() as ears:
        names = _copied(names, f"{line} {look}")
        ears.heard.clear()
        try:
            exec(compile(line, "<old web>", "exec", dont_inherit=True), names)
        except KeyboardInterrupt:
            raise
        except (Exception, SystemExit) as error:
            raised = error
        heard = list(ears.heard)
        if look and raised is None:
            try:
                seen = f"{look} is {_stable(repr(eval(look, names)), names)}"
            except KeyboardInterrupt:
                raise
            except (Exception, SystemExit) as error:
                seen, blind = f"{look} {_in_words(error, names)}", True
    said = list(dict.fromkeys(_stable(text, names) for text in heard))
    happened = [_in_words(raised, names)] if raised is not None else []
    happened += [f"warns: {' '.join(said)}"] if said else []
    words = (happened or [QUIET]) + ([seen] if seen else [])
    return "; ".join(part.removesuffix(".") for part in words), not (happened or blind)


def _copied(names, code):
    """A copy of `names`, in which the models that `code` names are copies, too: a line may train or compile them."""
    copied, same = dict(names), {}
    own = {name: value for name, value in names.items() if callable(value)}  # the student's loss functions and classes
    for name in set(re.findall(r"\w+", code)) & set(names):
        model = names[name]
        if isinstance(model, keras.Model):
            try:
                with keras.saving.custom_object_scope(own):
                    copied[name] = copy.deepcopy(model, same)
            except Exception as error:
                raise LessonError(
                    f"The lines must leave {name} as it is, but Keras cannot copy it: {shorten(error, LIMIT)} "
                    f"Try a network of Keras's own layers."
                ) from error
            if hasattr(model, "history"):
                copied[name].history = model.history
    return copied


# What happened, in words that are the same on every machine


def _in_words(error, names):
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"raises {type(error).__name__}: {_stable(text, names)}".removesuffix(": no message")


def _stable(text, names):
    """As many of the first sentences of `text` as fit, without folders and addresses, which differ between machines."""
    text = shorten(text, 10_000)
    folders = [
        (name, str(value))
        for name, value in names.items()
        if isinstance(value, (str, os.PathLike)) and not name.startswith("_")
    ]
    for name, folder in sorted(folders, key=lambda item: -len(item[1])):
        if not Path(folder).is_absolute() or len(Path(folder).parts) < 3:
            continue
        for written in (folder, folder.replace("\\", "\\\\")):
            text = re.sub(re.escape(written) + r"[\\/]*", lambda _, name=name: f"{name}/", text)
    path = r"(?<![\w.:/\\])(?:[A-Za-z]:)?(?:[\\/]+[\w.@+~-]+)+[\\/]+"
    text = re.sub(rf" ?\({path}[^()]*\)", "", text)
    text = re.sub(path, "", text)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)
    while len(sentences) > 1 and len(" ".join(sentences)) > LIMIT:
        sentences.pop()
    return shorten(" ".join(sentences), LIMIT)


# The table


class OldWeb:
    """The table that `old_web` has made. `rows`: a list of `Row(old, happens, now, then, ok)`."""

    def __init__(self, rows):
        self.rows = rows
        self._caption = f"Each line was run here, with Keras {'.'.join(keras.__version__.split('.')[:2])}."

    def __repr__(self):
        width = max(map(len, HEADS)) + 2
        said = []
        for row in self.rows:
            now = (row.now or NOTHING_NEW) + (f"\n{row.then}" if row.then else "")
            said.append("")
            for head, text in zip(HEADS, (row.old, row.happens, now), strict=True):
                said.append(f"{head}:".ljust(width) + text.replace("\n", "\n" + " " * width))
        return "\n".join([self._caption, *said])

    def _repr_html_(self):
        heads = "".join(
            f'<th scope="col" style="text-align:left;width:{width}%">{head[0].upper()}{head[1:]}</th>'
            for head, width in zip(HEADS, (35, 30, 35), strict=True)
        )
        rows = "".join(
            f"<tr>{_cell(_code(row.old))}{_cell(_prose(row.happens))}{_cell(self._now(row))}</tr>" for row in self.rows
        )
        return (
            f'<table style="width:100%;table-layout:fixed"><caption style="text-align:left">{self._caption}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _now(self, row):
        then = (
            _prose(row.then)
            if row.ok
            else f'<strong style="color:#8A2A00;background:#FFF4EC">{html.escape(row.then)}</strong>'
        )
        return (_code(row.now) if row.now else NOTHING_NEW) + (f"<br>{then}" if row.then else "")


def _cell(inside):
    return f'<td style="text-align:left;vertical-align:top;white-space:normal;overflow-wrap:anywhere">{inside}</td>'


def _code(text):
    return f'<code style="white-space:pre-wrap;overflow-wrap:anywhere">{html.escape(text)}</code>'


def _prose(text):
    """`text` as HTML; Keras puts code between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
