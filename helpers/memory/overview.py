"""`progress`: how far a student has come, by their lab book.

progress()            progress(lesson=2)            progress().save("progress.html", name="Amina")
"""

import json
from html import escape
from pathlib import Path

from helpers import lab_book
from helpers.errors import LessonError
from helpers.memory.drawn import picture
from helpers.memory.repeat import to_repeat
from helpers.memory.summary import LESSONS, SURE, Summary, check_lesson, text
from helpers.memory.tables import GENERATOR, Table, in_markdown, page

EMPTY = (
    "Your lab book is empty so far: predictions, exercises and answers to questions come into it while you work through"
    " a lesson."
)
RAW = "The entries, as they stand in the lab book"


def progress(lesson=None):
    """How far you have come: exercises, questions, predictions, cases that were taken for others, what to repeat.

    lesson: only this one, with each of its predictions: what you expected, what happened, how sure you were.

    Returns a `Progress`: a table in a notebook, text elsewhere; `save` writes it for somebody else to read. Raises
    `LessonError` for what is no number of a lesson.
    """
    if lesson is not None:
        check_lesson(lesson, "progress(lesson=2)")
    return Progress(lab_book.entries(), lesson)


class Progress:
    """What `progress` shows. `tables`: of `Table`; `pictures`: of drawn curves, as HTML; `sentences`: below them."""

    def __init__(self, entries, lesson=None):
        self._entries, self._lesson = entries, lesson
        so_far, self.pictures = Summary(entries), []
        if lesson is None:
            self.title = "Your lessons so far"
            self.tables = [_at_a_glance(so_far)]
        else:
            self.title = f"Lesson {lesson} so far"
            exercises, questions, predictions = so_far.of_lesson(lesson)
            self.tables = [_expected(predictions), _tried(exercises), _asked(questions)]
            self.pictures = [picture(each) for each in predictions if each.scale == "curve" and each.came]
        self.tables = [table for table in self.tables if table.rows]
        self.sentences = [*_about_certainty(so_far, lesson), *_confusions(entries, lesson), *_repeat(so_far, lesson)]
        if not self.tables and not self.sentences:
            self.sentences = [f"Nothing of lesson {lesson} is in your lab book yet." if entries and lesson else EMPTY]

    def __repr__(self):
        return "\n\n".join([*(table.text() for table in self.tables), *self.sentences])

    def _repr_html_(self):
        tables = "".join(table.html() for table in self.tables)
        return tables + "".join(self.pictures) + "".join(f"<p>{escape(words)}</p>" for words in self.sentences)

    def save(self, path, name=None):
        """Write all of this, and the entries of the lab book, to one file that you can hand in; says what it wrote.

        path: ends in .html or .md. name: your name, if it should stand in it; nothing else in it says who you are.
        Raises `LessonError` for another ending, where nothing can be written, and where another file is in the way.
        """
        path = Path(path)
        if path.suffix not in (".html", ".md"):
            raise LessonError(f"{path.name!r}: the name ends in .html (to read in a browser) or in .md (Markdown).")
        title = f"{self.title}: {text(name)}" if name else self.title
        who = [lab_book.entry("student", None, text(name))] if name else []
        raw = [json.dumps(entry, ensure_ascii=False) for entry in [*who, *self._entries]]
        written = _as_html(self, title, raw) if path.suffix == ".html" else _as_markdown(self, title, raw)
        try:
            if path.exists() and GENERATOR not in path.read_text(encoding="utf-8", errors="replace")[:500]:
                raise LessonError(f"{path.name} is there already, and not from here. Choose another name.")
            path.write_text(written, encoding="utf-8", errors="replace")
        except OSError as error:
            raise LessonError(f"Could not write {path}: {error.strerror or error}. Try another folder.") from error
        print(f"Written to {path}, with {len(self._entries)} entries of your lab book.")


def _at_a_glance(so_far):
    rows = []
    for lesson in so_far.lessons:
        exercises, questions, predictions = so_far.of_lesson(lesson)
        solved, of = (
            sum(each.solved is not False for each in exercises),
            max((each.of for each in exercises), default=0),
        )
        judged = [each for each in predictions if each.right is not None]
        rows.append(
            [
                f"Lesson {lesson}",
                f"{solved} of {max(of, len(exercises))}" if exercises else "–",
                sum(each.tries for each in exercises) or "–",
                _share([each.first for each in questions]),
                _share([each.right for each in judged]),
                _share([each.right for each in judged if each.sure == len(SURE) - 1]),
            ]
        )
    heads = ["Lesson", "Exercises solved", "Tries", "Questions right at first", "Predictions right", "… when sure"]
    return Table("Lesson by lesson", heads, rows)


def _expected(predictions):
    rows = [
        [
            each.name,
            each.said or "–",
            each.happened or "not run yet",
            "–" if each.sure is None else SURE[each.sure],
            "said afterwards" if each.late else {True: "✓ right", False: "✗ not so", None: "–"}[each.right],
        ]
        for each in predictions
    ]
    return Table("What you expected", ["Prediction", "You said", "What happened", "How sure", "Right?"], rows)


def _tried(exercises):
    solved = {True: "✓ solved", False: "✗ not yet", None: "compared with the model answer"}
    rows = [[each, solved[each.solved], each.tries] for each in sorted(exercises, key=lambda each: each.number)]
    return Table("Exercises", ["Exercise", "Solved?", "Tries"], rows)


def _asked(questions):
    words = {True: "✓ right", False: "✗ missed"}
    rows = [[f"Question {each.name}", words[each.first], words[each.last]] for each in questions]
    return Table("Questions", ["Question", "At first", "Last time"], rows)


def _about_certainty(so_far, lesson):
    """How often a certain prediction was right, and one that was guessed."""
    judged = [
        each
        for each in so_far.predictions
        if lesson in (None, each.lesson) and each.right is not None and each.sure is not None
    ]
    parts = [
        f"{_share([each.right for each in judged if each.sure == sure])} when you were {SURE[sure]}"
        for sure in reversed(range(len(SURE)))
        if any(each.sure == sure for each in judged)
    ]
    return [f"Predictions that were right: {'; '.join(parts)}."] if parts else []


def _confusions(entries, lesson):
    so_far = Summary([entry for entry in entries if lesson in (None, entry["lesson"])])
    words = [
        f"{case} for {said}{f' ({count} times)' if count > 1 else ''}"
        for (case, said), count in so_far.confusions.most_common(5)
    ]
    return [f"In the clinic you took: {'; '.join(words)}."] if words else []


def _repeat(so_far, lesson):
    missed = {each.name for each in so_far.questions if not each.last and lesson in (None, each.lesson)}
    names = [name for name in to_repeat(so_far.entries, LESSONS.stop, len(so_far.entries)) if name in missed]
    open_ = [
        f"{each} of lesson {each.lesson}"
        for each in so_far.exercises
        if each.solved is False and lesson in (None, each.lesson)
    ]
    sentences = [f"Questions to repeat: {', '.join(names[:10])}."] if names else []
    return sentences + ([f"Not solved yet: {'; '.join(open_[:10])}."] if open_ else [])


def _share(answers):
    return f"{sum(answers)} of {len(answers)}" if answers else "–"


def _as_html(shown, title, raw):
    entries = escape("\n".join(raw))
    return page(title, f"{shown._repr_html_()}<details><summary>{RAW}</summary><pre>\n{entries}\n</pre></details>")


def _as_markdown(shown, title, raw):
    parts = [f"<!-- {GENERATOR} -->", f"# {in_markdown(title)}", *(table.markdown() for table in shown.tables)]
    parts += [in_markdown(words) for words in shown.sentences]
    return "\n\n".join([*parts, f"{RAW}:", "````json\n" + "\n".join(raw) + "\n````"]) + "\n"
