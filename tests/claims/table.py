"""The table of claims: for each sentence of a lesson that was measured, on how many deals of the data it holds."""

import importlib
import json
from collections import namedtuple
from pathlib import Path

import numpy as np
from scipy import stats

from tests.notebooks import lessons

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"  # {lesson: {test: {draw: {held, figures}}}}, written by the command
TABLE = HERE / "CLAIMS.md"  # the same for readers
DRAWS = (0, 11, 12, 13)  # 0: the lessons' own pictures
FIRST_SEED, SEEDS = 100, 8  # none of those that a sentence was first written from

VERDICTS = {  # from the strongest to the weakest: what a sentence with this verdict may say
    "on all draws": "a plain statement",
    "on most draws": "“mostly”, “usually” or the like",
    "on ours": "“here”, “in our run” or the like",
    "false": "nothing",
}

Claim = namedtuple("Claim", "lesson cell sentence holds test")
Claim.__doc__ = "A sentence as it stands in a lesson's cell, what its words promise, and the test that is its evidence."


def marked(lesson):
    """The claims of a lesson ("03"), in the order of its tests."""
    module = importlib.import_module(f"tests.lessons.test_claims_{int(lesson)}")
    found = []
    for name, test in vars(module).items():
        marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "claim"] if callable(test) else []
        for cell, sentences, holds in (mark.args for mark in marks):
            found += [Claim(lesson, cell, sentence, holds, name) for sentence in sentences]
    return found


def all_marked():
    return [claim for path in lessons() for claim in marked(path.stem[:2])]


def measured():
    return json.loads(MEASURED.read_text("utf-8")) if MEASURED.exists() else {}


def verdict(held):
    """What {draw: whether the test held} says. Most: all draws but one."""
    if all(held.values()):
        return "on all draws"
    if sum(held.values()) >= len(held) - 1:
        return "on most draws"
    return "on ours" if held[0] else "false"


def allows(found, promised):
    """Whether a sentence that promises so much may stand, after what was found."""
    order = list(VERDICTS)
    return found != "false" and order.index(found) <= order.index(promised)


def effect(name, of_draws):
    """A figure in words: its mean over the draws, and the 95 % interval of that mean (Student's t over the draws)."""
    means = np.array(of_draws)
    if len(means) < 2 or np.ptp(means) == 0:
        return f"{name} {means.mean():.3g}"
    half = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
    return f"{name} {means.mean():.3g} [{means.mean() - half:.3g}, {means.mean() + half:.3g}]"


def row(claim, results):
    """A line of the table: the claim, its effects, the draws on which it held, the verdict."""
    draws = {int(draw): result for draw, result in results.items()}
    names = list(dict.fromkeys(name for result in draws.values() for name, _ in result["figures"]))
    figures = [
        (name, [dict(r["figures"])[name]["mean"] for r in draws.values() if name in dict(r["figures"])])
        for name in names
    ]
    held = {draw: result["held"] for draw, result in draws.items()}
    return {
        **claim._asdict(),
        "effect": "; ".join(effect(name.replace("_", " "), means) for name, means in figures[:4]),
        "held": [draw for draw, yes in held.items() if yes],
        "draws": sorted(held),
        "verdict": verdict(held),
    }


def rows():
    results = measured()
    return [
        row(claim, results[claim.lesson][claim.test])
        for claim in all_marked()
        if claim.test in results.get(claim.lesson, {})
    ]


def as_text(found):
    """The table as a Markdown page."""
    lines = [
        "# What the lessons claim, and how often it holds",
        "",
        "Written by `python -m tests.claims`; nothing here is typed by hand. Each sentence was tested with"
        f" {SEEDS} seeds from {FIRST_SEED} on, on {len(DRAWS)} deals of the data: the lessons' own (0) and"
        f" {', '.join(map(str, DRAWS[1:]))}. In brackets: the 95 % interval of the mean, over the draws, which vary"
        " more than the seeds. No sentence was first written from these runs; those that did not hold were reworded"
        " after them, so for these the table shows what their words rest on, and is no second test.",
        "",
        f"Measured so far: lessons {', '.join(str(int(lesson)) for lesson in sorted(measured()))}.",
        "",
        "| Verdict | Sentences | It allows |",
        "| - | -: | - |",
        *(f"| {name} | {sum(r['verdict'] == name for r in found)} | {words} |" for name, words in VERDICTS.items()),
    ]
    for lesson in dict.fromkeys(r["lesson"] for r in found):
        lines += [
            "",
            f"## Lesson {int(lesson)}",
            "",
            "| Cell | Sentence | Measured | Held on | Verdict |",
            "| - | - | - | - | - |",
        ]
        for r in found:
            if r["lesson"] == lesson:
                cells = (r["cell"], r["sentence"], r["effect"], ", ".join(map(str, r["held"])) or "none", r["verdict"])
                lines.append("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
