"""Checks on exercises: an answer in tiers. What is missing is said at once; a hint and the solution wait under
folds."""

import contextlib
import functools
import html
import io
import logging
import tomllib
import warnings
from pathlib import Path
from types import FunctionType

import keras
import numpy as np

from helpers.lab_book import note

ALWAYS = {  # said in every exercise
    "not started": "Put your answer where the three dots are, and run the cell again.",
    "a network, not a function": "You handed over a network. Hand over the function {name}, without brackets.",
    "returns nothing": "Your function returns nothing yet: end it with return. (print only shows a value, it does not"
    " hand it back.)",
    "no function": "{name} should be a function: begin with def {begins}: and hand over its name, without brackets.",
}


class Feedback:
    """What a check answers. `passed`: whether the exercise is solved (None: a `Rubric`); `message`: what is right or
    missing."""

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


class Rubric(Feedback):
    """What a check answers where only the student can judge: their text, a model answer, and boxes to tick.

    text: what the student wrote. parts: what a good answer has, a sentence each.
    """

    def __init__(self, text, parts):
        super().__init__(None, "Compare your answer with the model answer, and tick what yours has.", "", "")
        self.text, self.parts = text, parts

    def __repr__(self):
        boxes = "\n".join(f"[ ] {part}" for part in self.parts)
        return f"{self.message}\n\nA model answer:\n{self.solution}\n\n{boxes}"

    def _repr_html_(self):
        boxes = "".join(f'<p><label><input type="checkbox"> {html.escape(part)}</label></p>' for part in self.parts)
        return (
            '<div role="status" style="border-left:4px solid #0072B2;padding:2px 12px">'
            f"<p>{html.escape(self.message)}</p>"
            f"<p><b>Yours.</b> {html.escape(self.text)}</p><p><b>A model answer.</b> {html.escape(self.solution)}</p>"
            f"{boxes}</div>"
        )


class NotYet(Exception):
    """Raised inside a check: the exercise is not solved.

    reason: the row of the exercise's table that says what is missing, by its `when`. values: what stands in the braces
    of its sentence.
    """

    def __init__(self, reason, **values):
        super().__init__(reason)
        self.reason, self.values = reason, values


class Table:
    """The exercises of a lesson in words, as its file has them: hints, solutions, and what is said of wrong answers.

    name: `"lesson_1"` for `lesson_1.toml`, beside this file, which says how it is read.
    """

    def __init__(self, name):
        path = Path(__file__).with_name(f"{name}.toml")
        self.exercises = tomllib.loads(path.read_text(encoding="utf-8"))
        self.lesson = int(name.removeprefix("lesson_"))

    def check(self, look):
        """Make a check of `look`, a function called check_ and the name of an exercise.

        It gets the student's answer and the exercise's `Mistakes`. It raises `NotYet`, or returns a `Rubric`, or what
        stands in the braces of the sentence of praise, a dict, or None. The answer `...` (three dots) stands for an
        exercise nobody has started. Whatever goes wrong in the student's own code while it is tried becomes part of the
        answer, never a traceback. Each try goes into the lab book, but for an answer as it stood in the notebook.
        """
        name = look.__name__.removeprefix("check_")
        exercise = self.exercises[name]
        number, of = 1 + list(self.exercises).index(name), len(self.exercises)
        mistakes = Mistakes(exercise, look.__globals__)

        @functools.wraps(look)
        def check(answer):
            feedback, wrong = answer_to(answer)
            if not is_as_it_was(answer):
                tried = {"number": number, "of": of, "right": feedback.passed, "wrong": wrong}
                note("check", self.lesson, name, **tried, said=feedback.message)
            return feedback

        def answer_to(answer):
            """What the student is told, and which wrong answer it was: the key of a sentence, or None."""
            passed, wrong = False, None
            try:
                if answer is ...:
                    raise NotYet("not started")
                found = look(answer, mistakes) or {}
                if isinstance(found, Rubric):
                    found.solution = exercise["solution"].strip()
                    return found, None
                passed, message = True, exercise["right"].format(**found)
            except NotYet as missing:
                message, wrong = mistakes.sentence(missing), missing.reason
            except Exception as error:
                message = f"Trying your answer ended in {type(error).__name__}: {first_line(error)}"
                wrong = type(error).__name__
            return Feedback(passed, message, exercise["hint"], exercise["solution"].rstrip("\n")), wrong

        check.hint, check.solution, check.table = exercise["hint"], exercise["solution"].rstrip("\n"), exercise
        return check


def nothing(): ...


def is_as_it_was(answer):
    """Whether nothing has been put where the three dots are: in place of the answer, or of what its functions do."""
    if isinstance(answer, type):
        functions = [part for part in vars(answer).values() if isinstance(part, FunctionType)]
        return bool(functions) and all(map(is_as_it_was, functions))
    if isinstance(answer, FunctionType):
        return answer.__code__.co_code == nothing.__code__.co_code
    return answer is ...


class Mistakes:
    """What an exercise's table says of wrong answers. names: what their code may use, beside `np` and `keras`."""

    def __init__(self, exercise, names):
        rows, self._words = exercise["wrong"], exercise.get("words", {})
        self._answers = [code for row in rows for code in in_list(row.get("answer", []))]
        self._sentences = {**ALWAYS, **{key: row["say"] for row in rows for key in self._keys(row)}}
        self._names = names

    @staticmethod
    def _keys(row):
        return [row["when"]] if "when" in row else in_list(row["answer"])

    def sentence(self, missing):
        """What a student is told of a `NotYet`."""
        return self._sentences[missing.reason].format(**missing.values)

    def words(self, name, **values):
        """A piece of a sentence, as `words` of the table has it."""
        return self._words[name].format(**values)

    def compare(self, found, outcome=lambda answer: answer, same=np.array_equal, **values):
        """Raise `NotYet` if the student's answer does the same as one in the table; the first such counts.

        found: what the student's answer does. outcome: a function that tells the same of an answer in the table. same:
        whether two of these are the same. values: what stands in the braces of the sentences.
        """
        for code in self._answers:
            alike = False
            with quiet(), contextlib.suppress(Exception):  # what fails here does not do the same as the student's
                alike = same(found, outcome(self.answer(code)))
            if alike:
                raise NotYet(code, **values)

    def answer(self, code):
        """What the code of the table makes: the value of an expression, or the last thing that a few lines define."""
        names = {**self._names, "np": np, "keras": keras}
        try:
            return eval(code, names)
        except SyntaxError:
            exec(code, names)
            return list(names.values())[-1]


def in_list(value):
    return value if isinstance(value, list) else [value]


def is_nothing(found):
    """Whether this is what a function returns that has no return, or only the three dots."""
    return found is None or found is ...


def first_line(error, limit=200):
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [""])[0][:limit]


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
        raise NotYet("a network, not a function", name=name)
    if isinstance(answer, type) or not callable(answer):
        raise NotYet("no function", name=name, begins=begins)
