"""`diagnose`: what a history shows, with the evidence, how sure that is, and what to do about it.

What is plain to see is told first (`facts`). The rest is weighed: each figure of the curves (`measures`) gives points
to each pattern (`judge`), and the points say how certain it is. The words stand in `evidence` and `advice.toml`.
"""

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from helpers.curves.chance import cost_of_guessing
from helpers.curves.contrary import against, signs_of
from helpers.curves.evidence import evidence
from helpers.curves.facts import CLOSE, LIKELY, begins, facts, graded
from helpers.curves.judge import shares as shares_of
from helpers.curves.measures import measure
from helpers.curves.values import JAGGED

__all__ = ["OTHERS", "PATTERNS", "Diagnosis", "Finding", "advice", "against", "diagnose", "measure"]

# What the patterns look like. A name is what a student says; the sentence is what is seen.
PATTERNS = {
    "still learning": "Both losses are still falling at the end.",
    "good fit": "Both losses have fallen and levelled off; validation stays near its lowest value.",
    "underfitting": "Both losses have levelled off high up, close together: the training set itself is not learned.",
    "overfitting": "Training loss falls on while validation loss turns and rises.",
    "diverging": "The training loss jumps up, or is no number any more.",
    "noisy": "Validation loss goes up and down from epoch to epoch.",
    "leak": "Validation loss follows training loss all the way down, with no gap: too good to be true.",
    "shuffled labels": "Training loss falls while validation never gets better than guessing.",
}

# What else a finding can be; the lessons' clinic does not ask for these.
OTHERS = {
    "not learning": "The training loss stays where guessing leaves it.",
    "beginning to overfit": "Validation loss has stopped falling and begins to rise, while training loss falls on.",
    "validation below training": "Validation looks better than training all the time.",
    "too early to say": "There are too few epochs for a trend.",
    "already trained": "The log begins with a network that has learned before, and little changes.",
    "validation not comparable": "Training and validation figures do not measure the same thing.",
    "wrong targets": "The loss has a value that it cannot have, so the targets or the loss are wrong.",
}

ENOUGH_EPOCHS = 5  # with fewer a trend can be seen only where it is steep
TURNED = 0.15  # above the lowest value: a smaller rise is a beginning
# Whatever the points are, a pattern needs these: (pattern, measures of which one is enough, lowest, highest).
NEEDS = [
    ("still learning", ("fall",), 0.03, np.inf),
    ("good fit", ("fall",), -np.inf, 0.2),
    ("underfitting", ("training end",), 0.6, np.inf),
    ("overfitting", ("smooth rise",), 0.03, np.inf),
    ("overfitting", ("rise in zigzags",), 1.0, np.inf),
    ("shuffled labels", ("validation best",), 0.93, np.inf),
    ("shuffled labels", ("training end",), -np.inf, 0.75),  # something has been learned, if only by heart
]
UNSURE = 0.4  # a certainty below this is no answer
CLEAR, PROBABLE = 0.9, 0.65  # certainties: of such answers 95 and 75 in a hundred are right


@dataclass(frozen=True)
class Finding:
    """One thing that curves show.

    pattern: a name of PATTERNS or OTHERS, or "not clear". certainty: how often such an answer is right, 0 to 1.
    evidence: list of sentences with the figures behind it. try_first: what to try first, a sentence. also: list of
    sentences, what else it could be. would_settle: which one more piece of information would settle it.
    """

    pattern: str
    certainty: float
    evidence: list
    try_first: str = ""
    also: list = field(default_factory=list)
    would_settle: str = ""

    @property
    def sure(self):
        """The certainty in words."""
        return "clear" if self.certainty >= CLEAR else "likely" if self.certainty >= PROBABLE else "a close call"


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    findings: list of `Finding`, the main one first; pattern, evidence, certainty and sure are those of the main one.
    measures: dict of the figures; see `measure`.
    """

    findings: list
    measures: dict

    pattern = property(lambda self: self.findings[0].pattern)
    evidence = property(lambda self: self.findings[0].evidence)
    certainty = property(lambda self: self.findings[0].certainty)
    sure = property(lambda self: self.findings[0].sure)

    def __str__(self):
        main, *others = self.findings
        how = "" if main.pattern == "not clear" else f" ({main.sure})"
        also = [f"Also {each.pattern} ({each.sure}): {' '.join(each.evidence[:2])}" for each in others]
        return " ".join([f"{main.pattern}{how}: {' '.join(main.evidence)}", *also, f"Try first: {main.try_first}"])

    __repr__ = __str__


def diagnose(history, *, classes=None, shares=None, baseline=None, from_start=None):
    """The `Diagnosis` of a history: what `model.fit` returned, or its `.history`; or what `read_log` made of a log.

    What you know besides makes it surer: classes, how many classes there are; shares, how often each of them comes
    (counts will do); baseline, the loss of guessing, if you know it yourself; from_start, whether the first epoch of
    the log is the first of an untrained network (None: it is judged by the curves).

    It can be wrong: a curve is evidence, not proof. Raises `CurveError` if the history or what is known besides cannot
    be read.
    """
    figures = measure(history, cost_of_guessing(classes, shares, baseline))
    figures["begins"] = begins(history, figures, from_start)
    found = facts(figures) or weighed(figures)
    named = " ".join(pattern for pattern, _ in found)
    found += [each for each in _besides(figures) if ("overfit" if "overfit" in each[0] else each[0]) not in named]
    return Diagnosis([_finding(pattern, certainty, figures) for pattern, certainty in found[:3]], figures)


def weighed(figures):
    """[(pattern, certainty)] of figures with validation, by the points that they give."""
    certainties = shares_of(figures)
    for pattern, names, least, most in NEEDS:
        if not any(least <= figures[name] <= most for name in names):
            certainties[pattern] /= 10
    pattern = max(certainties, key=certainties.get)
    certainty = certainties[pattern]
    if pattern == "overfitting" and figures["smooth rise"] < TURNED:
        pattern = "beginning to overfit"
    steep = pattern == "overfitting" and figures["smooth rise"] > 2 * TURNED
    if figures["epochs"] < ENOUGH_EPOCHS and not steep:
        return [("too early to say", LIKELY)]
    if certainty < UNSURE:  # the points say nothing; perhaps the plain signs of a pattern are there all the same
        signs = signs_of(figures)
        if signs:
            return [(max(signs, key=certainties.get), CLOSE - 0.1)]
        return [("not clear", certainty), (pattern, certainty)]
    if pattern == "shuffled labels" and "guess" not in figures:
        certainty = min(certainty, LIKELY)  # that validation is at guessing is a guess itself
    return [(pattern, certainty)]


def _besides(figures):
    """What else is to be seen, beside the main finding."""
    found = []
    if "gap" not in figures or figures["lowest"] < 0:
        return found
    if figures["smooth rise"] > TURNED and figures["rise in zigzags"] > 2 and figures["gap"] > 1.2:
        found.append(("overfitting", graded(figures["smooth rise"], TURNED, 0.5)))
    elif figures["smooth rise"] > 0.05 and figures["rise in zigzags"] > 3 and figures["training fall"] > 0.05:
        found.append(("beginning to overfit", graded(figures["smooth rise"], 0.05, TURNED)))
    if figures["zigzag"] > JAGGED:
        found.append(("noisy", graded(figures["zigzag"], JAGGED, 3 * JAGGED)))
    if figures["below"] >= 0.8 and figures["gap"] < 0.95:
        found.append(("validation below training", graded(figures["below"], 0.6, 1)))
    return found


@lru_cache
def advice():
    """{pattern: what is said beside the evidence}, from `advice.toml`."""
    return tomllib.loads((Path(__file__).parent / "advice.toml").read_text(encoding="utf-8"))


def _finding(pattern, certainty, figures):
    return Finding(pattern, certainty, evidence(pattern, figures), **advice()[pattern])
