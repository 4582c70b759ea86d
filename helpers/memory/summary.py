"""A lab book in figures. Whatever stands in the facts of an entry, perhaps somebody else's, ends in words here."""

from collections import Counter
from dataclasses import dataclass, field

from helpers.curves.opinion import printable
from helpers.errors import LessonError
from helpers.memory.drawn import in_words
from helpers.memory.repeat import lesson_of

LONGEST = 200  # letters of a text that is shown
LESSONS = range(1, 100)
SURE = ("guessing", "fairly sure", "sure")


@dataclass
class Exercise:
    """An exercise and its tries, up to the first that was right. `wrong`: {mistake: how often}; `said`: {mistake: what
    the student read}. `solved`: True, False, or None where only the student could compare."""

    lesson: int
    name: str
    number: int
    of: int
    tries: int = 0
    solved: bool | None = False
    wrong: Counter = field(default_factory=Counter)
    said: dict = field(default_factory=dict)

    def __str__(self):
        return f"Exercise {self.number} ({self.name})" if self.number else self.name


@dataclass
class Question:
    """A question of a quiz. `first`, `last`: whether that answer was right; `chosen`: the first answer."""

    lesson: int
    name: str
    chosen: str
    first: bool
    last: bool


@dataclass
class Prediction:
    """`said`, `happened`: in words ("" for not yet); `value`: what was said, as it was; `sure`: 0 to 2 or None;
    `right`: True, False or None; `late`: whether it was locked after the result, and `right` is None; `came`: what
    happened, as it was."""

    lesson: int
    name: str
    said: str
    happened: str
    value: object
    sure: int | None
    right: bool | None
    scale: str
    late: bool = False
    came: object = None


class Summary:
    """What `entries` say: `exercises`, `questions`, `predictions`, as lists; `confusions`: {(case, the pattern it was
    taken for): how often}; `named`: how many names were given to cases, right and wrong."""

    def __init__(self, entries):
        self.entries = [entry for entry in entries if entry["lesson"] is None or entry["lesson"] in LESSONS]
        self.exercises = list(_by_name(self._of("check"), _exercise).values())
        self.questions = list(_by_name(self._of("quiz"), _question).values())
        self.predictions = list(_by_name(self._of("prediction"), _prediction).values())
        self.named = len(self._of("diagnosis"))
        wrong = [entry for entry in self._of("diagnosis") if entry.get("right") is not True]
        self.confusions = Counter((text(entry.get("case")), text(entry.get("said"))) for entry in wrong)

    def _of(self, kind):
        return [entry for entry in self.entries if entry["kind"] == kind]

    @property
    def lessons(self):
        """The lessons in which anything was done, in order."""
        asked = [question.lesson for question in self.questions]
        return sorted({*asked, *(entry["lesson"] for entry in self.entries if entry["lesson"] is not None)})

    def of_lesson(self, lesson):
        """(exercises, questions, predictions) of a lesson."""
        return tuple(
            [each for each in kind if each.lesson == lesson]
            for kind in (self.exercises, self.questions, self.predictions)
        )


def check_lesson(lesson, call):
    """Raise `LessonError` unless this is the number of a lesson. call: how the student called us, as an example."""
    if type(lesson) is not int or lesson not in LESSONS:
        raise LessonError(f"It takes the number of a lesson, for example {call}; here it is {lesson!r}.")


def text(value):
    """A fact in words, short and harmless: any value that JSON can hold."""
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        value = ", ".join(value)
    elif type(value) is float:
        value = f"{value:.4g}"
    words = "" if value is None else " ".join(printable(value).split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _by_name(entries, build):
    """{(lesson, name): what `build` makes of what it has made before, or None, and the next entry}"""
    made = {}
    for entry in entries:
        asked_in = lesson_of(entry["name"]) if entry["kind"] == "quiz" else 0  # a question may be asked again later on
        key = asked_in or entry["lesson"] or 0, text(entry["name"])
        made[key] = build(made.get(key), entry, *key)
    return made


def _exercise(before, entry, lesson, name):
    made = before or Exercise(lesson, name, _whole(entry.get("number")), _whole(entry.get("of")))
    if made.solved:
        return made
    right = entry.get("right")
    made.tries += 1
    made.solved = right if right is None else right is True
    if made.solved is False:
        mistake = text(entry.get("wrong")) or "another answer"
        made.wrong[mistake] += 1
        made.said[mistake] = text(entry.get("said"))
    return made


def _question(before, entry, lesson, name):
    right = entry.get("right") is True
    if before:
        before.last = right
        return before
    return Question(lesson, name, text(entry.get("chosen")), right, right)


def _prediction(_before, entry, lesson, name):
    sure, right, late = entry.get("sure"), entry.get("right"), entry.get("late") is True
    said, happened = (_said(entry, key) for key in ("said", "happened"))
    return Prediction(
        lesson,
        name,
        said,
        happened,
        entry.get("said"),
        sure if type(sure) is int and sure in range(len(SURE)) else None,
        right if type(right) is bool and not late else None,
        text(entry.get("scale")),
        late,
        entry.get("happened"),
    )


def _said(entry, key):
    """What was said, or happened, in words."""
    value = entry.get(key)
    if entry.get("scale") == "curve" and value:
        return in_words(value) or "a curve"
    return text(value)


def _whole(value):
    return value if type(value) is int and value in LESSONS else 0
