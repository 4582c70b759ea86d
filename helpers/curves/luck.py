"""Is a difference between two settings' runs larger than luck? In words, with the chance that luck does as much."""

from math import comb, floor, log10

import numpy as np

LUCK = 0.05  # what luck does less often than once in 20 times is not put down to luck


def verdict(a, b, numbers=True):
    """What one figure per run says about two settings: words.

    a, b: the lowest validation losses of A's and of B's runs, arrays of shape (seeds,), run by run from the same seed.
    numbers=False leaves out the figures, which differ between machines.

    Two runs of one setting differ as well, by their seeds. If A and B were the same in truth, then which of all the
    runs end up lower would be luck, and two things would be rare. Rarer than LUCK, we do not call them luck.

    - All n runs of the one lie below all n of the other: chance 2 / (2n over n), so 4 seeds are enough. The ranges do
      not overlap.
    - With the same seed nearly always the same one is lower (the sign test): for each seed that is like tossing a coin,
      so 6 seeds of 6 are enough, or 9 of 10. The ranges may overlap: small beside what the seed changes.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    seeds = len(a)
    if not seeds:
        return "No seed is finished for both A and B yet."
    if not np.isfinite([a, b]).all():
        return "Not every run has a validation loss that is a finite number: A and B cannot be compared."
    if np.array_equal(a, b):
        return "A and B gave exactly the same: nothing that differs between them reaches the training."
    if seeds == 1:
        return _of_one_run(a[0], b[0], numbers)
    b_wins, a_wins = (b < a).sum(), (a < b).sum()
    lower, wins = ("B", b_wins) if b_wins >= a_wins else ("A", a_wins)
    if a.max() < b.min() or b.max() < a.min():
        chance = 2 / comb(2 * seeds, seeds)
        judgement = f"The ranges do not overlap, with {lower} the lower one: this difference is larger than luck."
        if chance > LUCK:
            judgement = (
                f"The ranges do not overlap, but with {seeds} seeds luck does that once in {1 / chance:.0f} times:"
                " add seeds."
            )
    elif _chance_of(wins, a_wins + b_wins) < LUCK:
        judgement = (
            f"The ranges overlap, but from the same seed {lower} is lower too often for luck: "
            "a real difference most likely, and small beside what the seed changes."
        )
    else:
        judgement = "The ranges overlap: from this many seeds you cannot tell the difference from luck."
    if not numbers:
        return f"Over {seeds} seeds we compare the lowest validation loss of each run. {judgement}"
    write = _writer(a, b)
    ranges = f"{write(a.min())} to {write(a.max())} for A and {write(b.min())} to {write(b.max())} for B"
    return (
        f"Over {seeds} seeds the lowest validation loss is {ranges}; "
        f"{lower} is lower in {wins} of {seeds} seeds. {judgement}"
    )


def _of_one_run(a, b, numbers):
    if not numbers:
        return "One run each: a difference between their lowest validation losses may be luck. Add seeds."
    write = _writer(a, b)
    size = write(abs(b - a))
    where = f"{size} {'below' if b < a else 'above'}" if float(size) else "as low as"
    return (
        f"One run each: B's lowest validation loss is {where} A's ({write(b)} and {write(a)}). That may be luck:"
        " add seeds."
    )


def _chance_of(wins, seeds):
    """The chance that one of two equal settings is the lower one at least `wins` times, 2 `wins` ≥ `seeds`."""
    return min(1, 2 * sum(comb(seeds, n) for n in range(wins, seeds + 1)) / 2**seeds)


def _writer(*losses):
    """How to write them: with two decimals, with more if they are small, and in powers of ten if they are huge."""
    largest = np.max(losses)
    if largest >= 10000:
        return lambda loss: f"{loss:.2g}"
    decimals = 2 if largest >= 0.1 or largest <= 0 else 1 - floor(log10(largest))
    return lambda loss: f"{loss:.{decimals}f}"
