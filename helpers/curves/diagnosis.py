"""`diagnose`: which pattern a history shows, with the evidence, and how sure that is.

The rules are tried in the order of RULES; the first whose conditions all hold names the pattern. A condition compares
a measure of the curves with a threshold. How far it is from the threshold, in doublings, says how sure it is: a measure
twice its threshold counts as certain, one a few per cent away as barely.
"""

from dataclasses import dataclass, field

import numpy as np

from helpers.curves.evidence import AGAINST, SPEAKS_FOR, evidence, in_words
from helpers.curves.history import JAGGED, JUMP, TINY, best_epoch, finite, jump, panes, zigzag

# What the patterns look like. A name is what a student says; the sentence is what is seen.
PATTERNS = {
    "still learning": "Both losses are still falling at the end.",
    "good fit": "Both losses have fallen and levelled off; validation stays near its lowest value.",
    "underfitting": "Both losses have levelled off high up, close together: even the training images are not learned.",
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

# The thresholds, with their reasons. "The first loss" is the training loss of the first epoch: not far from that of
# guessing, so that the number of classes does not matter. The end is the median of the last fifth of the epochs,
# because a single epoch may be a slip. JUMP and JAGGED stand in `history`, whose words for a curve need them too.
NEARLY_ZERO = 0.08  # of the first loss: below this nearly every training image is learned
NO_GAP = 1.4  # times the training loss: on new images the loss is always further above a training loss so near zero
AT_GUESSING = 0.86  # of the first loss: validation that never gets below this has learned nothing about new images
UNDONE = 0.5  # of the typical training loss: a run that ends below this has recovered from its jump
MEMORISED = 0.75  # of the first loss: training that gets below this has learned something, if only by heart
ROSE = 0.15  # above the lowest value: more than the zigzag of a good fit explains
FALLING = 0.10  # over the last third of the epochs: more than the zigzag of a good fit makes, and worth training on for
HIGH = 0.66  # of the first loss: a training loss that levels off above this has hardly been learned
FEW_EPOCHS = 3  # with fewer there is no trend
BARELY = 0.03  # doublings: nearer to a threshold than this, nobody can say


@dataclass(frozen=True)
class Finding:
    """One thing that curves show.

    pattern: a name of PATTERNS or OTHERS, or "not clear". certainty: 0 to 1. evidence: list of sentences with the
    figures behind it. try_first: what to try first, a sentence. also: list of sentences, what else it could be.
    would_settle: a sentence, which one more piece of information would settle it; "" if none is needed.
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
        return "clear" if self.certainty >= 0.5 else "likely" if self.certainty >= 0.15 else "a close call"


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
        how = "" if self.pattern == "not clear" else f" ({self.sure})"
        return f"{self.pattern}{how}: {' '.join(self.evidence)}"

    __repr__ = __str__


def diagnose(history, *, classes=None, shares=None, baseline=None, from_start=None):
    """The `Diagnosis` of a history: what `model.fit` returned, or its `.history`.

    What you know besides makes it surer: classes, how many classes there are; shares, how often each of them comes
    (numbers of labels will do); baseline, the loss of guessing, if you know it yourself; from_start, whether the
    first epoch of the log is the first of an untrained network (None: it is judged by the curves).

    It judges by the loss. Without validation data only some patterns can be told. It can be wrong: real curves may
    show two patterns at once, and it names the first that fits in the order of RULES.

    Raises `CurveError` if the history cannot be read.
    """
    figures = measure(history)
    if not figures["finite"]:
        return Diagnosis([Finding("diverging", 1.0, ["The loss is NaN or infinite in at least one epoch."])], figures)
    if figures["epochs"] < FEW_EPOCHS:
        few = [f"There are {figures['epochs']} epochs: too few for a trend."]
        return Diagnosis([Finding("not clear", 0.0, few)], figures)
    surest = 1.0
    for pattern, conditions in RULES.items():
        margins = [_margin(condition, figures) for condition in conditions]
        if None in margins:  # there is no validation loss to compare
            continue
        surest = min(surest, abs(min(margins)))
        if min(margins) > 0:
            if surest < BARELY:
                break
            return Diagnosis([Finding(pattern, min(1.0, surest), evidence(pattern, figures))], figures)
    between, too_little = "The curves lie between two patterns.", "Without validation loss no more can be told."
    why = between if "rise" in figures else too_little
    return Diagnosis([Finding("not clear", 0.0, [why, *evidence("", figures)])], figures)


# Each pattern's conditions: (measure, "above" or "below", threshold). The order matters: an exploded first loss makes
# the other shares meaningless, and a zigzag makes rises and falls doubtful.
RULES = {
    "diverging": [("jump", "above", JUMP), ("end over typical", "above", UNDONE)],
    "leak": [("training end", "below", NEARLY_ZERO), ("gap", "below", NO_GAP)],
    "noisy": [("zigzag", "above", JAGGED)],
    "shuffled labels": [("validation best", "above", AT_GUESSING), ("training end", "below", MEMORISED)],
    "overfitting": [("rise", "above", ROSE), ("gap", "above", 1.0), ("fall", "below", FALLING)],
    "still learning": [("fall", "above", FALLING), ("training fall", "above", FALLING / 2)],
    "underfitting": [("training end", "above", HIGH), ("fall", "below", FALLING)],
    "good fit": [("training end", "below", HIGH), ("rise", "below", ROSE), ("fall", "below", FALLING)],
}


def _margin(condition, figures):
    """By how many doublings a measure is on the right side of its threshold; negative on the wrong side."""
    name, side, threshold = condition
    if name not in figures:
        return None
    doublings = float(np.log2(max(figures[name], TINY) / threshold))
    return doublings if side == "above" else -doublings


def measure(history):
    """The figures that the rules compare, as a dict. A figure that the history cannot give is missing.

    All losses are shares of the first epoch's training loss.
    """
    loss = panes(history)[0]
    train, val = loss.train, loss.val
    all_finite = bool(np.isfinite(train).all() and (val is None or np.isfinite(val).all()))
    figures = {"epochs": len(train), "finite": all_finite}
    if len(finite(train)) < FEW_EPOCHS:
        return figures
    train = finite(train)
    first = float(train[0]) or 1.0
    figures |= {
        "first": first,
        "jump": jump(train),
        "end over typical": float(_end(train) / max(np.median(train), TINY)),
        "training end": _end(train) / first,
        "training fall": _late_fall(train),
    }
    if val is not None and len(finite(val)) == len(val) == len(train):
        lowest = float(np.min(val))
        figures |= {
            "best epoch": best_epoch(history),
            "validation best": lowest / first,
            "validation end": _end(val) / first,
            "rise": _end(val) / max(lowest, TINY) - 1,
            "gap": _end(val) / max(_end(train), TINY),
            "fall": _late_fall(val),
            "zigzag": zigzag(val),
        }
    return figures


def _end(values):
    """The typical value of the last epochs."""
    return float(np.median(values[-max(1, len(values) // 5) :]))


def _late_fall(values):
    """By what share the values fall over the last third of the epochs; negative where they rise.

    A short run is judged by what five epochs at its last pace would bring.
    """
    third = max(2, len(values) // 3)
    late = values[-third - 1 :]
    ends = max(1, len(late) // 3)
    before, after = np.mean(late[:ends]), np.mean(late[-ends:])
    per_epoch = (1 - after / max(before, TINY)) / (len(late) - ends)
    return float(per_epoch * max(5, third))


def against(pattern, history):
    """The feature of these curves that speaks most against calling them `pattern`, as a sentence."""
    figures = measure(history)
    if not figures["finite"]:
        return "The loss stops being a number at all: nothing but a training that blows up does that."
    words = in_words(figures)
    if pattern != "diverging" and _holds("diverging", figures):
        return SPEAKS_FOR["diverging"].format(**words)  # the other measures are shares of an exploded loss
    margins = [(_margin(condition, figures), condition) for condition in RULES[pattern] if condition[0] in figures]
    worst, condition = min(margins, default=(0.0, None))
    if worst < 0:
        return AGAINST[condition[:2]].format(**words)
    earlier = next((name for name in RULES if _holds(name, figures)), pattern)
    if earlier != pattern:
        return SPEAKS_FOR[earlier].format(**words)
    return f"It could be read that way, but look again: {' '.join(evidence('', figures))}"


def _holds(pattern, figures):
    margins = [_margin(condition, figures) for condition in RULES[pattern]]
    return None not in margins and min(margins) > 0
