"""`welcome`: where a student stopped in a lesson, what brings it back, and one thing to repeat.

helpers.welcome(2)
"""

import sys
import time
from datetime import UTC, datetime

import helpers
from helpers import lab_book, work_folder
from helpers.memory.repeat import to_repeat
from helpers.memory.summary import Summary, check_lesson, text

FIRST = (
    "Your predictions, exercises and answers are kept in your lab book, a file on this machine; progress() shows it."
)
ABOVE = "Run → Run All Above Selected Cell"
IN_COLAB = "Runtime → Run before"
NOTICEABLE = 1  # seconds; a cell that takes less is not worth a line in the book
MINUTE, HOUR, DAY = 60, 3600, 86400
_clock = []  # the `Clock` of this kernel, once there is one


def welcome(lesson):
    """Begin a lesson: say in at most three lines where you stopped last time, and what to do now. For its first cell.

    lesson: its number. Without a lab book, or at the first visit, it is the same line on every machine. From here on
    what is noted in the lab book belongs to this lesson. Where nothing can be written beside the notebook, the kernel
    goes on in a folder where that is possible, and says so. Raises `LessonError` for what is no number of a lesson.
    """
    check_lesson(lesson, "welcome(2)")
    moved = work_folder.settle()
    if moved:
        print(moved)
    entries = lab_book.entries()
    lab_book.begin(lesson)
    if lab_book.place():
        lab_book.note("visit")
        _start_clock()
    print("\n".join(lines(entries, lesson, datetime.now(UTC))))


def lines(entries, lesson, now):
    """What is to be said at the beginning of `lesson`, a list of one to three lines. now: a `datetime` with a zone."""
    last, seconds = _last(entries, lesson)
    repeat = _repeat(entries, lesson)
    said = [FIRST]
    if last:
        menu = IN_COLAB if "google.colab" in sys.modules else ABOVE
        took = f" (last time that took {_long(seconds)} of computing)" if seconds else ""
        said = [
            f"Welcome back. You stopped {_ago(now, last['time'])} at {_what(last)}.",
            f"To go on there, click the cell after it, and choose {menu}{took}.",
        ]
    return said + ([f"To repeat: {repeat}."] if repeat else [])


def _last(entries, lesson):
    """The last thing done in `lesson`, and the seconds that the cells of that visit had taken until then, if known."""
    last, seconds, until_last, visited = None, 0, 0, None
    for entry in entries:
        if entry["kind"] == "visit":
            visited = entry["lesson"]
            seconds = 0 if visited == lesson else seconds
        elif entry["kind"] in ("quiz", "diagnosis", "sign") and visited != lesson:
            continue  # asked again in another lesson
        elif entry["lesson"] == lesson and entry["kind"] == "ran":
            took = entry.get("seconds")
            seconds = took if isinstance(took, int | float) and 0 < took < DAY else seconds
        elif entry["lesson"] == lesson and _what(entry):
            last, until_last = entry, seconds
    return last, until_last


def _what(entry):
    """A thing that was done, in words; empty for what is no place to go on from."""
    name = text(entry["name"])
    if entry["kind"] == "check":
        right = entry.get("right")
        state = "solved" if right is True else "compared with the model answer" if right is None else "not solved yet"
        return f"Exercise {text(entry.get('number'))} ({name}), {state}"
    return {
        "quiz": f"question {name} of a quiz",
        "prediction": f"your prediction “{name}”",
        "diagnosis": "the clinic",
        "sign": "the clinic",
        "prescription": "the clinic",
        "pin": f"the panel in which you pinned “{name}”",
        "opened": "the opening of the test set",
    }.get(entry["kind"], "")


def _repeat(entries, lesson):
    """One thing to repeat, in words, or nothing: a question that was missed, a confusion, an exercise left open."""
    so_far = Summary(entries)
    missed = {question.name for question in so_far.questions if not question.last}
    question = next((name for name in to_repeat(entries, lesson + 1, len(entries)) if name in missed), None)
    if question:
        return f"question {question} of the quiz in lesson {question.partition('.')[0]}, which you missed"
    if so_far.confusions:
        (case, taken_for), _ = so_far.confusions.most_common(1)[0]
        return f"what tells “{case}” from “{taken_for}”, for which you took it"
    tried = [exercise for exercise in so_far.exercises if exercise.solved is False and exercise.lesson < lesson]
    return f"{tried[0]} of lesson {tried[0].lesson}, which is not solved yet" if tried else ""


def _ago(now, then):
    seconds = (now - datetime.fromisoformat(then)).total_seconds()
    if seconds < 2 * MINUTE:
        return "just now"
    for unit, name, most in ((MINUTE, "minutes", 2 * HOUR), (HOUR, "hours", 2 * DAY), (DAY, "days", 60 * DAY)):
        if seconds < most:
            return f"{seconds // unit:.0f} {name} ago"
    return f"on {then[:10]}"


def _long(seconds):
    return (
        f"about {seconds / MINUTE:.0f} minutes" if seconds >= 1.5 * MINUTE else f"about {max(1, seconds):.0f} seconds"
    )


class Clock:
    """Adds up the seconds that the cells of this visit take, and notes them after each that takes a while."""

    def __init__(self, now=time.monotonic):
        self._now, self.seconds = now, 0.0
        self._since = now()

    def before(self, _info):
        self._since = self._now()

    def after(self, _result):
        took, self._since = self._now() - self._since, self._now()
        self.seconds += took
        if took >= NOTICEABLE:
            lab_book.note("ran", seconds=round(self.seconds, 1))


def _start_clock():
    """From now on this kernel's cells are timed; a second visit in the same kernel begins at 0."""
    shell = helpers._shell()
    if shell is None:
        return
    if _clock:
        _clock[0].seconds = 0.0
        return
    clock = Clock()
    shell.events.register("pre_run_cell", clock.before)
    shell.events.register("post_run_cell", clock.after)
    _clock.append(clock)
