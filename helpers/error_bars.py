"""How sure is an accuracy that was measured on n pictures? Error bars, and whether two can be told apart, in words.

    print(in_words(162, 200))           # 0.81 (between 0.75 and 0.86)
    print(difference(162, 166, 200))    # … they cannot be told apart …
    print(paired(answers_a == labels, answers_b == labels))

What is told here is the luck of the draw: which pictures happened to be among the n. A choice that was made with the
same pictures is another kind of luck, and no error bar knows of it.
"""

from math import ceil, comb, floor, log10

import numpy as np

from helpers.errors import LessonError

Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations of its middle
Z_POWER = 0.841621  # 80 % of it lie below so many
LUCK = 0.05  # what luck does less often than once in 20 times is not put down to luck


def interval(right, n):
    """The 95 % interval of an accuracy, (low, high): between them that on all such pictures most likely lies.

    right: how many were answered right, 0 to n; a mean over seeds need not be whole. n: of how many pictures, 1 or
    more. Both may be arrays; then so are low and high. Raises `LessonError` for counts that cannot be.

    Source: the score interval of Wilson (1927), which stays within 0 and 1 and holds for small n, too.
    """
    right, n = _checked(right, n)
    share = right / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low, high = np.where(right == 0, 0.0, middle - half), np.where(right == n, 1.0, middle + half)
    return (low, high) if low.ndim else (float(low), float(high))


def in_words(right, n):
    """An accuracy and its 95 % interval in words: "0.81 (between 0.75 and 0.86)"; right, n: one number each."""
    low, high = interval(_one(right), _one(n))
    return f"{right / n:.2f} (between {low:.2f} and {high:.2f})"


def difference(right_a, right_b, n):
    """Whether two accuracies, each measured on n pictures, can be told apart, and what it would take: a sentence.

    The n pictures may be others for the second than for the first. Where they are the same, and you know which were
    answered right, `paired` sees more. right_a, right_b, n: numbers, as in `interval`. Raises `LessonError` for counts
    that cannot be.

    Source: the interval of a difference from two Wilson intervals, Newcombe (1998), Statistics in Medicine 17, 873–890,
    method 10.
    """
    (low_a, high_a), (low_b, high_b) = interval(_one(right_a), _one(n)), interval(_one(right_b), _one(n))
    a, b = right_a / n, right_b / n
    if a == b:
        return f"Both are {a:.2f}: on {n:g} pictures each there is no difference to explain."
    gain = b - a
    low = gain - ((b - low_b) ** 2 + (high_a - a) ** 2) ** 0.5
    high = gain + ((high_b - b) ** 2 + (a - low_a) ** 2) ** 0.5
    nearest = max(min(abs(gain), abs(low), abs(high)), 0.0001)
    decimals = max(2, -floor(log10(nearest)))  # enough to see on which side of 0 it is
    said = (
        f"{a:.{decimals}f} and {b:.{decimals}f} on {n:g} pictures each: the second is"
        f" {'better' if gain > 0 else 'worse'} by {abs(gain):.{decimals}f} on these; a true difference between"
        f" {low:+.{decimals}f} and {high:+.{decimals}f} fits."
    )
    if low > 0 or high < 0:
        return f"{said} This leaves out 0: the luck of which pictures came rarely does that."
    return (
        f"{said} This includes 0: they cannot be told apart. It would take about"
        f" {_rounded(pictures_needed(a, b)):,} pictures each."
    )


def pictures_needed(a, b):
    """How many pictures each it takes to tell accuracies `a` and `b` (shares, not equal, the true ones) apart: an int.

    So many that `difference` sees it in four of five tries (a power of 80 %). Source: Fleiss, Levin and Paik,
    Statistical Methods for Rates and Proportions (2003), chapter 4, without its correction.
    """
    if not (0 <= a <= 1 and 0 <= b <= 1) or a == b:
        raise LessonError(
            f"pictures_needed({a!r}, {b!r}): give it two different accuracies between 0 and 1, for example 0.81 and"
            " 0.83."
        )
    return max(1, ceil((Z + Z_POWER) ** 2 * (a * (1 - a) + b * (1 - b)) / (a - b) ** 2))


def paired(a, b):
    """Whether two networks that answered the SAME pictures can be told apart: a sentence.

    a, b: arrays of True (right) and False (wrong), shape (pictures,), picture by picture; else raises `LessonError`.

    Only pictures on which they disagree can tell. If both were equally good, which of the two is right there would be
    like tossing a coin. Source: the exact form of McNemar's test (1947), two-sided.
    """
    a, b = _right_or_wrong(a, "first"), _right_or_wrong(b, "second")
    if len(a) != len(b):
        raise LessonError(
            f"paired compares answers to the same pictures, but there are {len(a)} for the first and {len(b)} for"
            " the second."
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    apart = only_a + only_b
    if not apart:
        return f"Both are right and wrong on the same ones of the {len(a)} pictures: nothing tells them apart."
    chance = min(1, 2 * sum(comb(apart, k) for k in range(max(only_a, only_b), apart + 1)) / 2**apart)
    said = (
        f"They disagree on {apart} of {len(a)} pictures: on {only_a} of these only the first is right, on {only_b}"
        f" only the second. A coin falls as unevenly as that, or more so, {_how_often(chance)} (that chance is called"
        f" the p-value: {chance:.2g})."
    )
    if chance < LUCK:
        better = "first" if only_a > only_b else "second"
        return f"{said} That is rare, so most likely the {better} is better in truth, too."
    return f"{said} That is not rare: they cannot be told apart."


def _checked(right, n):
    right, n = np.asarray(right), np.asarray(n)
    if right.dtype.kind not in "iuf" or n.dtype.kind not in "iuf":
        raise LessonError(
            "An error bar is made of two numbers: how many pictures were answered right, and of how many."
        )
    right, n = right.astype(float), n.astype(float)
    if not (np.isfinite(right).all() and np.isfinite(n).all()):
        raise LessonError(
            "An error bar needs numbers that are finite; here is a NaN or an infinite one. Did a training diverge?"
        )
    if (n < 1).any():
        raise LessonError(f"Of {n.min():g} pictures there is no accuracy: n must be at least 1.")
    if (n != np.floor(n)).any():
        raise LessonError(
            "n is how many pictures there are, a whole number. Do you have the two the wrong way round? (right, n)"
        )
    if (right < 0).any() or (right > n).any():
        raise LessonError(
            f"Right answers are counted from 0 to n: {right.min():g} to {right.max():g} of {n.max():g} cannot be."
            " (A count, not a share: 162 of 200, not 0.81 of 200. And: right comes first.)"
        )
    return right, n


def _one(number):
    if np.ndim(number):
        raise LessonError("For words give one accuracy at a time: numbers, no arrays. interval(right, n) takes arrays.")
    return number


def _right_or_wrong(answers, which):
    answers = np.asarray(answers)
    if answers.ndim != 1 or not len(answers) or answers.dtype != bool:
        raise LessonError(
            f"paired needs True or False for each picture, as in paired(answers_a == labels, answers_b == labels); the"
            f" {which} is an array of {answers.dtype} of shape {answers.shape}."
        )
    return answers


def _rounded(count):
    """With two digits that count: 5788 is 5800."""
    return round(count, 1 - floor(log10(count))) if count >= 100 else count


def _how_often(chance):
    if chance < 1e-6:
        return "less than once in a million times"
    if chance < 0.3:
        return f"once in {1 / chance:,.0f} times"
    return f"{10 * chance:.0f} times in 10" if chance < 0.5 else "at least every second time"
