"""The sentences of the lessons that say how something comes out: which of them are measured, and which need not be.

`python -m tests.claims.text 03` prints those of lesson 3 that nobody has accounted for.
"""

import re
import sys
import tomllib
from pathlib import Path

from tests import notebooks

LISTS = Path(__file__).with_name("not_measured")  # a file a lesson: {why it need not be: [how each sentence begins]}

# What is not the lesson's own voice: code, tags, formulas, links' addresses, and lines of a table that only divide.
NO_PROSE = re.compile(
    r"```.*?```|<[^>]+>|\$[^$]+\$|(?<=\])\([^)]*\)|^\s*\|[-| :]+\|\s*$|[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}",
    re.DOTALL | re.M,
)
# Questions of the quiz and what is asked from memory, with wrong answers among them, have tests of their own.
ASKED = re.compile(r"\*\*Question \d+\.\*\*|^## (?:Quiz|From memory)|^\*\*Objectives\*\*", re.MULTILINE)
MEASURED = re.compile(
    r"\b(?:loss(?:es)?|accurac(?:y|ies)|curves?|networks?|training|validation|test(?:ing)?|epochs?|pictures?|weights?"
    r"|gap|dropout|normalisation|batch(?:es)?|seeds?|units?|filters?|layers?|updates?|learns?|learned|answers?|right|wrong"
    r"|rates?|optimi[sz]er|Adam|SGD|momentum|settings?|runs?|shirts?|digits?|draws?|splits?|folds?)\b",
    re.IGNORECASE,
)
COMPARED = re.compile(
    r"\d|\b(?:half|third|quarter|fifth|twice|once|most|mostly|few|fewer|fewest|less|least|more|better|best|worse|worst"
    r"|higher|highest|lower|lowest|faster|slower|earlier|earliest|later|latest|larger|largest|smaller|smallest|nearly"
    r"|hardly|always|never|usually|often|rarely|sometimes|rises?|falls?|drops?|grows?|climbs?|sinks?|stays?|flat"
    r"|smooth(?:er)?|rough(?:er)?|above|below|apart|close[rs]?|two|three|four|five|six|seven|eight|nine|ten|hundred)\b",
    re.IGNORECASE,
)


def plain(text):
    """A cell's words without what only decorates them, in one line a paragraph."""
    return NO_PROSE.sub("", text)


def sentences(path):
    """(cell's id, sentence) for every sentence of a lesson's prose."""
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "markdown" and not ASKED.search(cell.source):
            for paragraph in re.split(r"\n\s*\n|\n\s*(?:[-*|]|\d+\.)\s", plain(cell.source)):
                for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z`\d*(])", " ".join(paragraph.split())):
                    if sentence and not sentence.startswith("#"):
                        yield cell.id, sentence


def is_empirical(sentence):
    """Whether a sentence looks as if a training could show it to be false: it compares or counts what a run shows."""
    asks = sentence.rstrip(")").endswith("?")
    return not asks and bool(MEASURED.search(sentence) and COMPARED.search(sentence))


def not_measured(lesson):
    """{why it need not be measured: [how each such sentence begins]} of a lesson ("03")."""
    path = LISTS / f"{lesson}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def same_words(text):
    return " ".join(plain(text).split())


def unaccounted(path, quotes):
    """The empirical sentences of a lesson that hold none of the `quotes` and are not on the list."""
    listed = [same_words(start) for starts in not_measured(path.stem[:2]).values() for start in starts]
    quoted = [same_words(quote) for quote in quotes]
    return [
        (cell, sentence)
        for cell, sentence in sentences(path)
        if is_empirical(sentence)
        and not any(quote in sentence or sentence in quote for quote in quoted)
        and not sentence.startswith(tuple(listed))
    ]


if __name__ == "__main__":
    from tests.claims.table import marked

    for lesson in notebooks.lessons():
        if not sys.argv[1:] or lesson.stem[:2] in sys.argv[1:]:
            left = unaccounted(lesson, [claim.sentence for claim in marked(lesson.stem[:2])])
            print(f"# {lesson.stem}: {len(left)}", *(f"[{cell}] {sentence}" for cell, sentence in left), sep="\n")
