"""What guessing costs: the loss of an answer that does not look at the input."""

import numpy as np

from helpers.curves.values import CurveError

LEAST = float(np.log(2))  # of cross-entropy, where no class is much more frequent than another


def cost_of_guessing(classes=None, shares=None, baseline=None):
    """The loss of guessing, or None where nothing is known.

    baseline: the loss itself. shares: how often each class comes, as shares or counts. classes: how many there are,
    all equally frequent. For cross-entropy it is the entropy of the labels, ln(classes) if they are equally frequent.
    Raises `CurveError` for what cannot be.
    """
    if baseline is not None:
        if not _is_number(baseline) or not 0 < baseline < np.inf:
            raise CurveError(f"baseline is the loss of guessing, a number above 0, not {str(baseline)[:60]}.")
        return float(baseline)
    if shares is not None:
        return _entropy(shares)
    if classes is not None:
        if not _is_number(classes) or classes < 2 or classes % 1:
            raise CurveError(f"classes is how many classes there are, at least 2, not {str(classes)[:60]}.")
        return float(np.log(classes))
    return None


def _is_number(value):
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _entropy(shares):
    try:
        counts = np.asarray(shares, dtype=float)
    except (TypeError, ValueError):
        counts = np.zeros(0)
    if counts.ndim != 1 or len(counts) < 2 or not np.isfinite(counts).all() or min(counts) < 0 or sum(counts > 0) < 2:
        raise CurveError(
            f"shares says how often each class comes, [0.9, 0.1] or [900, 100], not {str(shares)[:60]}. It needs at"
            " least two classes that do come."
        )
    counts = counts[counts > 0] / counts.sum()
    return float(-np.sum(counts * np.log(counts)))
