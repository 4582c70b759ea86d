"""Rounds: learning curves of networks on other data, real ones, to be named from memory, and by their sign.

What was learned on pictures of clothing has to hold for tables, texts and measured numbers as well. The runs stand in
`data/other_runs.json`: each with its cause, as far as its curves show it. Nothing is trained for them.
"""

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from helpers.curves import live_chart
from helpers.curves.contrary import against, signs_of
from helpers.curves.diagnosis import PATTERNS
from helpers.curves.measures import measure
from helpers.curves.signs import SIGNS, TELL_NOTHING, judge
from helpers.curves.thumbnails import without_verdict
from helpers.lab_book import note
from helpers.memory.repeat import lots
from helpers.parts.questions import Answer

FILE = Path(__file__).resolve().parent.parent.parent / "data" / "other_runs.json"
WRONG = 3  # answers beside the right one
CLINIC = 2  # the lesson to which what is asked here belongs

# What the data of a run are.
DATA = {
    "all clothes": "small pictures of ten kinds of clothing",
    "two clothes": "small pictures of two kinds of clothing",
    "clothes": "pictures of a few kinds of clothing",
    "tumours": "a table with 30 measurements of each tumour, which is benign or malignant",
    "wines": "a table with 13 measurements of each wine, from three growers",
    "diabetes": "a table of patients, and a number to be predicted: how far their diabetes has come in a year",
    "sentences": "short texts, each on one of a few topics",
    "waves": "rough waves, and a number to be predicted: their frequency",
    "outliers": "a table in which one row in ten is odd, and to be found",
}


@dataclass
class Round:
    """A question about a case; as a `questions.Question`, but with a chart, and another page of the lab book."""

    kind: str  # of its entries there
    case: str  # the pattern that the curves show
    picture: str  # the chart, in HTML
    words: str
    answers: list
    before: str = ""

    def keep(self, answer):
        """Keep the first answer in the lab book."""
        note(self.kind, CLINIC, case=self.case, said=answer.letter, right=answer.right)


@cache
def runs():
    """The runs, dicts with "family" (of DATA), "cause" (of PATTERNS) and "history"; none without their file."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []


def rounds(n, confused=None):
    """Questions about `n` runs drawn by lot, two about each: what do its curves show, and by what is it seen?

    confused: {pattern: how often it was missed, or another taken for it}; these are asked more often.
    """
    lot, there = random.Random(), runs()
    patterns = [name for name in PATTERNS if any(run["cause"] == name for run in there)]
    drawn = [
        lot.choice([run for run in there if run["cause"] == name])
        for name in (lot.choices(patterns, lots(patterns, confused or {}), k=n) if there else ())
    ]
    return [question for place, run in enumerate(drawn) for question in _both(run, f"round{place}", lot)]


def _both(run, uid, lot):
    history, cause = run["history"], run["cause"]
    chart = without_verdict(live_chart.chart(history, len(history["loss"]), best=False, uid=uid))
    where = f"A network has been trained on {DATA[run['family']]}."
    also = signs_of(measure(history))  # what could be said of these curves as well is no wrong answer
    others = [name for name in PATTERNS if name != cause and name not in also]
    wrong = lot.sample(others, min(WRONG, len(others)))
    names = [Answer(cause, cause, True, f"Right. {PATTERNS[cause]}")]
    names += [Answer(name, name, False, f"Not {name}. {against(name, history)}") for name in wrong]
    signs = [SIGNS[cause], *(SIGNS[name] for name in wrong[1:]), lot.choice(list(TELL_NOTHING))]
    reasons = [Answer(sign, sign, *_judged(sign, cause, history)) for sign in signs]
    return [
        Round("diagnosis", cause, chart, f"{where} What do its curves show?", names),
        Round("sign", cause, chart, "The same curves again. By what did you see it?", reasons),
    ]


def _judged(sign, cause, history):
    right, words = judge(sign, [cause], history)
    return right, f"Right. {words}" if right else words
