"""The signs of the patterns: the right one is known, every other is answered with what speaks against it."""

import pytest

from helpers.curves.diagnosis import PATTERNS
from helpers.curves.signs import ALL, SIGNS, TELL_NOTHING, judge
from tests.curves.record import recorded


def test_there_is_one_for_each_pattern_and_each_is_said_once():
    assert list(SIGNS) == list(PATTERNS) and len(set(ALL)) == len(SIGNS) + len(TELL_NOTHING)
    assert not [name for name in PATTERNS for sign in ALL if name in sign]  # a name would give itself away


@pytest.mark.parametrize("pattern", PATTERNS)
def test_of_real_runs_the_sign_is_right_and_no_other(pattern):
    runs = [each.history for each in recorded()["home"] if each.cause == pattern]
    assert len(runs) >= 10
    for history in runs:
        answers = {sign: judge(sign, [pattern], history) for sign in ALL}
        assert [sign for sign, (right, _) in answers.items() if right] == [SIGNS[pattern]]
        assert all(len(words) > 40 and "{" not in words for _, words in answers.values())


@pytest.mark.parametrize("epochs", range(1, 8))
@pytest.mark.parametrize("values", [(1.0, 0.9), (1.0, float("nan")), (0.0, 0.0), (1e30, -1.0)])
def test_whatever_the_curves_are_there_is_something_to_say(epochs, values):
    history = {"loss": [values[0]] * epochs, "val_loss": [values[1]] * epochs}
    for sign in ALL:
        for pattern in PATTERNS:
            assert judge(sign, [pattern, "noisy"], history)[1]


def test_a_sensible_reading_and_the_cause_both_count():
    history = recorded()["home"][0].history
    assert judge(SIGNS["leak"], ["noisy", "leak"], history)[0] and judge(SIGNS["noisy"], ["noisy", "leak"], history)[0]
    assert not judge(SIGNS["overfitting"], ["noisy", "leak"], history)[0]
