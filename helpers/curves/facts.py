"""What can be told of curves without weighing: a loss that is no number, one that never moves, figures that do not fit.

Each function returns a list of (pattern, certainty), the main one first; an empty list where it has nothing to say.
certainty: how often such an answer is right, of 1.
"""

import numpy as np

from helpers.curves.measures import FEW_EPOCHS
from helpers.curves.values import JUMP, TINY

SURE, LIKELY, CLOSE = 0.97, 0.8, 0.6
STILL = 0.03  # from the lowest to the highest training loss, as a share: less is no learning
FROZEN = 0.002  # less than this is no figure that moves at all
MASTERED = 0.9  # an accuracy in the first epoch that says that the network has learned before, or in this very epoch
SATURATED = -np.log(1e-7)  # what a wrong answer costs that a network is as sure of as Keras lets it be
NEAR_ZERO = 0.3  # of where training began: of losses below this multiples say little
RESTLESS = 0.15  # of its size, from epoch to epoch: a validation loss that nothing can be told from
FAR_APART = 4.0  # times: dropout, penalties and averages do not put validation so far below training


def facts(figures):
    """The findings of what is plain to see, if any."""
    if not figures["finite"]:
        return [("diverging", 1.0)]
    if figures["epochs"] < FEW_EPOCHS:
        return [("too early to say", 1.0)]
    for look in (_below_zero, _never_moves, _jumps, _not_comparable, _begins_trained, _without_validation):
        found = look(figures)
        if found:
            return found
    return []


def graded(value, threshold, sure_at):
    """A certainty that grows from a close call at a threshold to SURE at `sure_at`."""
    return float(np.interp((value - threshold) / (sure_at - threshold), [0, 1], [CLOSE - 0.1, SURE]))


def _below_zero(figures):
    if figures["lowest"] >= -0.001 * max(abs(figures["first"]), TINY):
        return []
    return [("wrong targets", SURE if "score" in figures else LIKELY)]


def _never_moves(figures):
    """The training loss stays where it is: at guessing, or at what was learned before the log began."""
    if figures["spread"] > STILL and figures["late spread"] > FROZEN:
        return []
    height = figures["last"] / figures["guess"] if "guess" in figures else None
    if height is not None and height < 0.9:
        return _trained(figures, LIKELY)
    if height is None and figures.get("accuracy", 0) >= MASTERED:
        return _trained(figures, LIKELY)
    frozen = figures["late spread"] < FROZEN and figures.get("accuracy spread", 1) < 0.02
    apart = figures.get("gap", 1) > 1.5 or figures.get("gap", 1) < 0.7
    if height is None and not frozen and (apart or not figures["begins"]):
        return _trained(figures, CLOSE)
    sure = SURE if frozen or height is not None else LIKELY
    wrong = 1 - figures.get("accuracy", 1)
    saturated = abs(figures["last"] - SATURATED * wrong) < 0.03 * figures["last"]
    if figures["first jump"] > 2:
        return [("diverging", sure), ("not learning", LIKELY)]
    if saturated or (height or 0) > 1.5:
        return [("not learning", sure), ("diverging", LIKELY)]
    return [("not learning", sure)]


def _jumps(figures):
    """At the end the training loss is far above what it was: by more than half of what it began with."""
    if figures["lost"] < 0.5:
        return []
    return [("diverging", graded(figures["lost"], 0.5, 1.2))]


def _not_comparable(figures):
    """Training and validation figures that cannot be of the same kind of data, or not measured in the same way."""
    if "gap" not in figures:
        return []
    apart = figures["typical gap"]
    if max(apart, figures["gap"]) < 1 / FAR_APART and figures["training end"] > NEAR_ZERO:
        return [("validation not comparable", graded(-np.log2(apart), 2, 3))]
    # Above the cost of guessing from the first epoch on, while training gets on.
    height = min(figures["validation best"], figures["validation best"] * figures.get("guess", 1) / figures["first"])
    height = figures["validation best"] if "guess" not in figures else height
    below_chance = figures.get("best validation accuracy", 1) < 0.5 * figures.get("first accuracy", 0)
    plain = below_chance or figures["roughness"] < RESTLESS
    if plain and height > 1.5 and figures["training end"] < 0.8 and figures["end over second"] < 1:
        return [("validation not comparable", graded(np.log2(height) + below_chance, 0.6, 2))]
    # More answers right than in training, and yet a loss that is far higher.
    better = figures.get("validation accuracy", 0) >= max(figures.get("accuracy", 2), MASTERED)
    if better and min(apart, figures["gap"]) > 2 and figures["validation end"] > NEAR_ZERO:
        return [("validation not comparable", graded(np.log2(min(apart, figures["gap"])), 1, 2.5))]
    return []


def _begins_trained(figures):
    if figures["begins"] or "gap" not in figures:
        return []
    return _trained(figures, LIKELY)


def _trained(figures, sure):
    """A log that begins with a network that has learned before: shares of its first loss mean nothing."""
    if "gap" not in figures:
        return [("already trained", sure)]
    rise, gap = figures["smooth rise"], figures["gap"]
    if figures["roughness"] > RESTLESS:
        return [("noisy", LIKELY)]
    moves = abs(figures["training fall"]) > 0.1 or figures["training end"] < 0.7
    if rise > 0.1 and figures["rise in zigzags"] > 2:
        return [("overfitting", graded(rise, 0.1, 0.4))]
    if figures["fall"] > 0.1 and figures["training fall"] > 0.05 and figures["fall in zigzags"] > 2:
        return [("still learning", LIKELY)]
    if gap > 3:
        return [("overfitting", LIKELY if gap > 5 else CLOSE)]
    if figures["below"] >= 0.8 and gap < 0.95:
        return [("validation below training", graded(figures["below"], 0.6, 1)), ("good fit", sure)]
    return [("good fit", CLOSE)] if moves else [("already trained", sure)]


def _without_validation(figures):
    if "gap" in figures:
        return []
    if figures["jump"] > JUMP and figures["end over typical"] > 0.5 and figures["end over second"] > 0.8:
        return [("diverging", LIKELY)]
    if figures["training fall"] > 0.05:
        return [("not clear", 0.0), ("still learning", CLOSE)]
    return [("not clear", 0.0)]


def begins(history, figures, from_start=None):
    """Whether the first epoch of a log is that of an untrained network.

    from_start: what is known of it. Otherwise the log's own numbers of epochs count, and an accuracy that is high from
    the first epoch on; where neither is there, the shape of the curves.
    """
    if from_start is not None:
        return bool(from_start)
    if getattr(history, "begins_at", 1) > 1:
        return False
    if "first" not in figures:  # too few epochs
        return True
    if "guess" in figures:
        return figures["first"] > 0.35 * figures["guess"]
    firsts = [figures.get("first accuracy", 0), figures.get("first validation accuracy", 1)]
    if min(firsts) >= MASTERED:
        return False
    # Untrained networks gain most in their first epochs, and while they know nothing, validation is near training.
    still = figures["first jump"] < 1.05 and figures["training end"] > 0.75
    return not (still and figures.get("validation spread", 1) < 0.15 and not 0.75 < figures.get("typical gap", 1) < 1.5)
