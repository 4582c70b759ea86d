"""`against`: what speaks most against calling curves by a pattern's name, for a student who has done so.

Each pattern has its signs: measures that lie above or below a threshold. The one that is furthest on the wrong side is
named.
"""

import numpy as np

from helpers.curves.evidence import evidence, in_words, percent
from helpers.curves.measures import FEW_EPOCHS, measure
from helpers.curves.values import JAGGED, JUMP, TINY

# The thresholds, with their reasons. Losses are shares of the first epoch's training loss. JUMP and JAGGED stand in
# `values`, because the words for a curve need them too.
NEARLY_ZERO = 0.08  # of the first loss: below this nearly every training example is learned
NO_GAP = 1.4  # times the training loss: on new examples the loss is further above a training loss so near zero, always
AT_GUESSING = 0.86  # of the first loss: validation that never gets below this has learned nothing about new examples
UNDONE = 0.5  # of the typical training loss: a run that ends below this has recovered from its jump
MEMORISED = 0.75  # of the first loss: training that gets below this has learned something, if only by heart
ROSE = 0.15  # above the lowest value: more than the zigzag of a good fit explains
FALLING = 0.10  # over the last third of the epochs: more than the zigzag of a good fit makes, and worth training on for
HIGH = 0.66  # of the first loss: a training loss that levels off above this has hardly been learned

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


# What a measure on the wrong side of its threshold says.
AGAINST = {
    ("jump", "above"): "Look at the training loss: it never jumps up, it comes down epoch after epoch.",
    ("end over typical", "above"): (
        "Look at the end of the training loss: whatever happened at first, it has come far down since."
    ),
    ("training end", "below"): "Look at the end of the training loss: it is still at {training_end} of where it began.",
    ("training end", "above"): (
        "Look at the end of the training loss: it has come down to {training_end} of where it began, so the"
        " training examples are learned."
    ),
    ("gap", "below"): "Look at the gap: at the end validation loss is {gap} times the training loss.",
    ("gap", "above"): "Look at the gap: at the end validation loss is only {gap} times the training loss.",
    ("zigzag", "above"): (
        "Follow the validation loss from epoch to epoch: it goes back and forth by {zigzag} of its size, which is"
        " little."
    ),
    ("validation best", "above"): (
        "Look at the lowest validation loss: it is {validation_best} of what training began with, so something"
        " was learned that holds for new examples."
    ),
    ("rise", "above"): (
        "Look at the right half of the validation loss: at the end it is {rise} above its lowest value, which is"
        " little."
    ),
    ("rise", "below"): (
        "Look at the right half of the validation loss: from epoch {best_epoch} to the end it rises by {rise}."
    ),
    ("fall", "above"): (
        "Look at the last third of the epochs: what validation loss still falls there, {fall}, is little."
    ),
    ("fall", "below"): "Look at the last third of the epochs: validation loss is still falling there, by {fall}.",
    ("training fall", "above"): "Look at the last third of the epochs: training loss hardly moves any more.",
}

# Where all of a pattern's own conditions hold, what speaks for another pattern instead.
SPEAKS_FOR = {
    "diverging": "Look at the training loss: it is {first} in the first epoch, of another size than all others, and"
    " nothing is learned afterwards.",
    "leak": "Look at both curves near zero: there is no gap between them, and on new examples there always is one.",
    "noisy": "Follow the validation loss from epoch to epoch: it goes back and forth by {zigzag} of its size, so"
    " neither its rises nor its falls mean much.",
    "shuffled labels": "Look at the lowest validation loss: it is {validation_best} of what training began with. On"
    " new examples nothing was ever learned.",
    "overfitting": "Look at the validation loss after epoch {best_epoch}: it rises by {rise}.",
    "still learning": "Look at the last third of the epochs: validation loss still falls by {fall} there.",
    "underfitting": "Look at the training loss: it stays at {training_end} of where it began.",
    "good fit": "Look at the whole: training loss comes down, and validation loss levels off near its lowest value.",
}


def against(pattern, history):
    """The feature of these curves that speaks most against calling them `pattern`, as a sentence."""
    figures = measure(history)
    if not _can_be_read(figures):
        return _plain(figures)
    words = in_words(figures)
    if pattern != "diverging" and _holds("diverging", figures):
        return SPEAKS_FOR["diverging"].format(**words)  # the other measures are shares of an exploded loss
    margins = [(_margin(condition, figures), condition) for condition in RULES[pattern] if condition[0] in figures]
    worst, condition = min(margins, default=(0.0, None))
    if worst < 0:
        if condition[:2] == ("fall", "above") and figures["fall"] < 0:
            return f"Look at the last third of the epochs: validation loss rises there, by {percent(-figures['fall'])}."
        return AGAINST[condition[:2]].format(**words)
    earlier = next((name for name in RULES if _holds(name, figures)), pattern)
    if earlier != pattern:
        return SPEAKS_FOR[earlier].format(**words)
    return f"It could be read that way, but look again: {' '.join(evidence('not clear', figures)[1:])}"


def speaks_for(pattern, history):
    """The feature of these curves that speaks for calling them `pattern`, as a sentence."""
    figures = measure(history)
    if not _can_be_read(figures):
        return _plain(figures)
    if pattern == "diverging":  # whether it explodes at once or later
        return evidence(pattern, figures)[0]
    return SPEAKS_FOR[pattern].format(**in_words(figures))


def _can_be_read(figures):
    return figures["finite"] and figures["epochs"] >= FEW_EPOCHS


def _plain(figures):
    """What is to be said of curves that no figure but one can be taken of."""
    if not figures["finite"]:
        return "The loss stops being a number at all: nothing but a training that blows up does that."
    return f"Look at the number of epochs, {figures['epochs']}: that is too few to see any pattern."


def signs_of(figures):
    """The patterns whose signs are all there, in the order of RULES."""
    return [pattern for pattern in RULES if _holds(pattern, figures)]


def _holds(pattern, figures):
    margins = [_margin(condition, figures) for condition in RULES[pattern]]
    return None not in margins and min(margins) > 0
