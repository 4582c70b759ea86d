"""The questions of the lessons' quizzes, from where they stand: in the lessons.

A question is a line that begins with `**Question 1.**`, an answer a `<details><summary>A. The answer</summary>` with
its feedback, which begins with "Right." in one of them. What it is about may be drawn by a cell above it.
"""

import html
import json
import re
from collections import namedtuple
from pathlib import Path

from nbconvert.filters.markdown import markdown2html

from helpers.errors import LessonError, is_whole
from helpers.lab_book import note

DRAWS = re.compile(r"\bplot\(")
LESSONS = Path(__file__).resolve().parent.parent.parent / "notebooks"
BEGIN = re.compile(r"^(?=\*\*Question \d+\.\*\*)", re.MULTILINE)
NUMBER = re.compile(r"\*\*Question (\d+)\.\*\*\s*")
ANSWER = re.compile(r"<details><summary>([A-Z])\. (.+?)</summary>\s*(.*?)\s*</details>", re.DOTALL)

Picture = namedtuple("Picture", "png alt")  # png: as text, base64; None where the cell that draws it has not been run
Answer = namedtuple("Answer", "letter words right feedback")  # letter: the one it has in the lesson


class Question(namedtuple("Question", "name before picture words answers")):
    """A question. before: the text above it, since the question before it; picture: None where no cell above it draws
    one."""

    def keep(self, answer):
        """Keep the first answer in the lab book."""
        note("quiz", int(self.name.partition(".")[0]), self.name, chosen=answer.letter, right=answer.right)


def questions(lesson):
    """The `Question`s of a lesson by name ("2.3"), in their order; texts are Markdown. Raises `LessonError` where there
    are none."""
    found, above = {}, []
    for cell in _notebook(lesson)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            above.append(cell)
            continue
        for part in BEGIN.split(source):
            if NUMBER.match(part):
                question = _question(lesson, part, above)
                found[question.name] = question
                above = []
            elif "## Quiz" in part:
                above = []
            elif part.strip():
                above.append(part.strip())
    if not found:
        raise LessonError(
            f"There are no questions left in {file_of(lesson).name}. Fetch the file again from the course."
        )
    return found


def text_of(path, heading):
    """The Markdown of the cell of a notebook that begins with `heading`; empty where there is none."""
    cells = ("".join(cell["source"]) for cell in _read(path)["cells"] if cell["cell_type"] == "markdown")
    return next((source for source in cells if source.startswith(heading)), "")


def in_html(markdown):
    """Markdown as HTML."""
    return markdown2html(markdown)


def as_text(markdown):
    """Markdown as plain text, for a button."""
    return html.unescape(re.sub(r"<[^>]+>", "", in_html(markdown))).strip()


def file_of(lesson):
    """The file of a lesson. Raises `LessonError` where there is none."""
    if not LESSONS.is_dir():
        raise LessonError(
            "The questions stand in the folder notebooks beside helpers, and it is not there. The folds in this"
            " notebook have them as well."
        )
    there = {int(path.name[:2]): path for path in sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"))}
    if not is_whole(lesson) or lesson not in there:
        raise LessonError(f"There is no lesson {lesson!r}; there are {', '.join(map(str, there))}.")
    return there[lesson]


def _notebook(lesson):
    return _read(file_of(lesson))


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LessonError(f"{path.name}, where the questions stand, cannot be read: {error}") from None


def _question(lesson, part, above):
    texts = [piece for piece in above if isinstance(piece, str)]
    drawing = [piece for piece in above if not isinstance(piece, str) and DRAWS.search("".join(piece["source"]))]
    words = NUMBER.sub("", part.partition("<details")[0], count=1).strip()
    answers = [
        Answer(letter, text.strip(), feedback.startswith("Right."), feedback)
        for letter, text, feedback in ANSWER.findall(part)
    ]
    picture = _picture(drawing) if drawing else None
    return Question(f"{lesson}.{NUMBER.match(part).group(1)}", "\n\n".join(texts), picture, words, answers)


def _picture(cells):
    """The last picture among the saved outputs of cells."""
    for output in (output for cell in reversed(cells) for output in reversed(cell["outputs"])):
        png = output.get("data", {}).get("image/png")
        if png:
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            return Picture("".join(png).replace("\n", ""), alt)
    return Picture(None, "")
