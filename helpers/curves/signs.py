"""The sign of each pattern: the one feature of two curves by which it is told from all others.

Naming a pattern is not yet knowing why. Asked for the sign, whoever named by elimination or by a feeling has to look
again.
"""

from helpers.curves.contrary import against, speaks_for

SIGNS = {
    "still learning": "both losses still fall at the end",
    "good fit": "both losses have come down and stay there",
    "underfitting": "the training loss stays high",
    "overfitting": "validation loss turns and rises",
    "diverging": "the training loss jumps up",
    "noisy": "validation loss goes up and down",
    "leak": "both losses near zero, and no gap",
    "shuffled labels": "validation never beats guessing",
}

# What is often seen and tells no pattern from another, and why.
TELL_NOTHING = {
    "the training loss falls": "Where a training loss falls, it may be a good fit, overfitting, a leak or shuffled"
    " labels: it falls in all four.",
    "training lies below validation": "That is so in most runs after a while, in a good fit as in overfitting: the"
    " training examples are the ones that are learned.",
}

ALL = (*SIGNS.values(), *TELL_NOTHING)


def judge(sign, patterns, history):
    """Whether `sign`, one of ALL, tells that a history is one of `patterns`, and what to say to it: (bool, str).

    patterns: the names that count, the one to be explained first.
    """
    telling = [name for name in patterns if SIGNS[name] == sign]
    if telling:
        return True, f"That is the sign. {speaks_for(telling[0], history)}"
    if sign in TELL_NOTHING:
        return False, f"{TELL_NOTHING[sign]} What do these curves have that others have not?"
    other = next(name for name, its in SIGNS.items() if its == sign)
    return False, f"That would be the sign of {other}. {against(other, history)}"
