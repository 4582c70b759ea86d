"""The accuracies of many tries and the best so far, as a picture; and what guessing alone would reach."""

from math import comb

import numpy as np

from helpers.curves.elements import axes, frame, legend, polyline, ticks
from helpers.curves.sheets import LEFT, LOOKS, WIDTH, x_ticks
from helpers.curves.theme import colour
from helpers.error_bars import interval

HEIGHT, TOP, TALL, WIDE = 340, 62, 226, 556  # pixels: of the picture; above its plotting area; of that area
TEST = 700  # pixels from the left of the plotting area to where the test accuracy is drawn
SIGNS = {"square": '<path d="M-1-1H1V1H-1"/>', "frame": '<path d="M0-1.4L1.4 0L0 1.4L-1.4 0"/>'}
BEST, GUESSERS, TESTED = "validation", "measured again", "new pictures"  # of LOOKS
DOT = f'stroke="{colour("ghost")}" stroke-opacity=".6" stroke-linecap="round"'


def expected_best(tries, n, chance=0.5):
    """The best accuracy to expect of 1, 2, … `tries` guessers on n pictures: floats, shape (tries,).

    Each guesses on its own and is right with probability `chance`. The most of k numbers X of right answers, each
    binomial, is at most j with probability P(X ≤ j)**k, and the mean of the most is the sum over j from 0 to n - 1 of 1
    - P(X ≤ j)**k.
    """
    at_most = np.cumsum([comb(n, j) * chance**j * (1 - chance) ** (n - j) for j in range(n)])
    return (1 - at_most ** np.arange(1, tries + 1)[:, np.newaxis]).sum(axis=1) / n


def picture(accuracies, tries, n, label, chance=None, tested=None):
    """One <svg>: each try as a dot, the best so far as a line, and what became of it on the test set.

    accuracies: of the tries so far, on n validation pictures, float, shape (tries done,). tries: how many are wanted.
    label: alt text. chance: where there is nothing to learn, of a right guess. tested: (accuracy, on how many pictures)
    of the best one, once the test set is open.
    """
    step = WIDE / max(1, tries - 1)
    signs, parts = [("m22 0h0", f'{DOT} stroke-width="5"', "one try")], []
    if len(accuracies):
        dots = "".join(f"M{number * step:.1f} {_y(accuracy):.1f}h0" for number, accuracy in enumerate(accuracies))
        parts.append(f'<path class="tries" d="{dots}" {DOT} stroke-width="4.5"/>')
    if chance is not None:
        guessers = zip(step * np.arange(tries), _y(expected_best(tries, n, chance)), strict=True)
        parts.append(f'<path class="chance" d="M0 {_y(chance):.1f}H{TEST + 20}" stroke="{colour("ghost")}"/>')
        parts.append(polyline("guessers", guessers, _looks(GUESSERS)))
        signs.append(("h28", _looks(GUESSERS), "the best of as many guessers"))
    signs.append(("h28", _looks(BEST), f"best so far, on {n} validation pictures"))
    if len(accuracies):
        best = np.maximum.accumulate(accuracies)
        across, up = step * np.repeat(np.arange(len(best)), 2)[1:], np.repeat(best, 2)[:-1]  # up at the try, not before
        parts.append(polyline("best", zip(across, _y(up), strict=True), _looks(BEST)))
        parts.append(_with_bar("best", (len(best) - 1) * step, best[-1], n, BEST, f"best of {len(best)}", WIDE + 14))
    if tested:
        parts.append(_with_bar("test", TEST, *tested, TESTED, "on test", TEST + 14))
    shares, name = [0, 0.25, 0.5, 0.75, 1], f'<text x="{WIDE / 2:g}" y="22">tries</text>'
    body = [
        axes(WIDE, TALL, [_y(share) for share in shares[1:]]),
        '<text y="-20" font-size="15">accuracy</text>',
        ticks("y", [(_y(share), f"{share:.2f}") for share in shares], -7, 4.5),
        ticks("x", [((number - 1) * step, number) for number in x_ticks(tries)], 0, TALL + 18, name),
        f'<g fill="none">{"".join(parts)}</g>',
    ]
    pane = f'<g data-pane="accuracy" transform="translate({LEFT} {TOP})">{"".join(body)}</g>'
    return frame(WIDTH, HEIGHT, label, legend(signs, 7.0) + pane)


def _y(accuracy):
    return TALL * (1 - accuracy)


def _looks(look):
    return f'stroke="{colour(look)}" stroke-dasharray="{LOOKS[look].dashes}" stroke-width="1.8"'


def _with_bar(name, x, accuracy, n, look, words, beside):
    """An accuracy on n pictures as a marker with its error bar; what it is stands at `beside`."""
    low, high = interval(round(accuracy * n), n)
    sign = SIGNS[LOOKS[look].marker]
    bar, y = f"M{x - 5:.1f} {_y(low):.1f}h10m-5 0V{_y(high):.1f}m-5 0h10", f"{_y(accuracy):.1f}"
    return (
        f'<g class="{name}"><path d="{bar}" stroke="{colour(look)}" stroke-width="1.8"/>'
        f'<g transform="translate({x:.1f} {y})scale(5)" fill="{colour(look)}" stroke="none">{sign}</g>'
        f'<g fill="{colour("ink")}" stroke="{colour("paper")}" stroke-width="3" paint-order="stroke" font-size="12.5">'
        f'<text x="{beside}" y="{y}" dy="-3">{words}:</text>'
        f'<text x="{beside}" y="{y}" dy="12" font-weight="bold">{accuracy:.2f}</text></g></g>'
    )
