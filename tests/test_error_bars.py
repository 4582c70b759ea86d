"""Error bars, judged by SciPy and by drawing pictures at random."""

import numpy as np
import pytest
from scipy.stats import binomtest

from helpers.error_bars import difference, in_words, interval, paired, pictures_needed
from helpers.errors import LessonError


@pytest.mark.parametrize("n", [1, 2, 30, 200, 340])
def test_the_interval_is_scipys_wilson_interval(n):
    for right in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
        assert interval(right, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_of_none_and_of_all_the_interval_ends_at_0_and_at_1():
    assert interval(0, 30)[0] == 0.0 and interval(30, 30)[1] == 1.0
    assert interval(0, 30)[1] > 0.1 and interval(30, 30)[0] < 0.9  # 30 of 30 is not certainty


def test_it_takes_arrays_and_means_over_seeds():
    right = np.array([[0.0, 12.3], [29.5, 30.0]])
    low, high = interval(right, 30)
    assert low.shape == high.shape == (2, 2)
    assert (low <= right / 30).all() and (right / 30 <= high).all()
    assert (low[0, 1], high[0, 1]) == interval(12.3, 30)
    assert isinstance(interval(12, 30)[0], float)


def test_the_true_accuracy_is_in_about_95_of_100_intervals():
    random = np.random.default_rng(0)
    for truth in (0.5, 0.8, 0.97):
        low, high = interval(random.binomial(200, truth, 20000), 200)
        assert 0.93 < ((low <= truth) & (truth <= high)).mean() < 0.97


def test_in_words():
    assert in_words(162, 200) == "0.81 (between 0.75 and 0.86)"
    assert in_words(340, 340) == "1.00 (between 0.99 and 1.00)"


NAN = float("nan")


@pytest.mark.parametrize(
    "right, n, words",
    [
        (201, 200, "cannot be"),
        (-1, 200, "cannot be"),
        (0, 0, "at least 1"),
        (NAN, 200, "NaN"),
        (5, NAN, "NaN"),
        (float("inf"), 5, "infinite"),
        (200, 0.81, "at least 1"),
        (0.5, 1.5, "whole number"),
        ("5", 10, "two numbers"),
        (None, 10, "two numbers"),
        (True, 1, "two numbers"),
        (np.array([3, 11]), 10, "cannot be"),
    ],
    ids=[
        "more than all",
        "negative",
        "no pictures",
        "nan right",
        "nan n",
        "infinite",
        "share for n",
        "half a picture",
        "text",
        "none",
        "truth value",
        "array",
    ],
)
def test_counts_that_cannot_be_are_told(right, n, words):
    with pytest.raises(LessonError, match=words):
        interval(right, n)


def test_words_are_for_one_accuracy():
    with pytest.raises(LessonError, match="one accuracy at a time"):
        in_words(np.array([1, 2]), 10)
    with pytest.raises(LessonError, match="one accuracy at a time"):
        difference(np.array([1, 2]), 3, 10)


def test_the_lessons_example_cannot_be_told_apart():
    said = difference(162, 166, 200)
    assert said.startswith("0.81 and 0.83 on 200 pictures each: the second is better by 0.02")
    assert "cannot be told apart" in said and "about 5,800 pictures" in said


def test_a_large_difference_is_told_apart_both_ways_round():
    assert "the second is better by 0.13" in difference(140, 166, 200) and "leaves out 0" in difference(140, 166, 200)
    assert "the second is worse by 0.13" in difference(166, 140, 200) and "leaves out 0" in difference(166, 140, 200)


@pytest.mark.parametrize(
    "right_a, right_b, n, limits",
    [(9, 3, 10, "-0.81 and -0.17"), (3, 9, 10, "+0.17 and +0.81"), (6, 2, 7, "-0.81 and -0.06")],
)
def test_the_interval_of_a_difference_is_that_of_newcombes_own_examples(right_a, right_b, n, limits):
    # His table II, method 10: 9/10 - 3/10 lies between 0.1705 and 0.8090, 6/7 - 2/7 between 0.0582 and 0.8062.
    assert f"between {limits}" in difference(right_a, right_b, n)


def test_a_limit_next_to_0_is_written_with_enough_decimals():
    a, b = (binomtest(right, 196).proportion_ci(0.95, method="wilson") for right in (172, 184))
    low = 12 / 196 - np.hypot(184 / 196 - b.low, a.high - 172 / 196)
    assert 0 < low < 0.005
    assert f"between +{low:.3f} and" in difference(172, 184, 196) and "leaves out 0" in difference(172, 184, 196)


def test_equal_and_nearly_equal_accuracies():
    assert "no difference" in difference(162, 162, 200)
    assert difference(162, 162.3, 200).startswith("0.810 and 0.812 ")  # enough decimals to see what differs


def test_a_true_difference_is_rarely_overlooked_with_as_many_pictures_as_it_takes():
    random = np.random.default_rng(0)
    n = pictures_needed(0.75, 0.85)
    drawn = zip(random.binomial(n, 0.75, 2000), random.binomial(n, 0.85, 2000), strict=True)
    seen = np.mean(["leaves out 0" in difference(int(a), int(b), n) for a, b in drawn])
    assert 0.76 < seen < 0.84
    same = np.mean(["leaves out 0" in difference(int(a), int(b), n) for a, b in random.binomial(n, 0.8, (2000, 2))])
    assert same < 0.07
    assert pictures_needed(0.81, 0.83) == pytest.approx(5789, abs=1) == pictures_needed(0.83, 0.81)


@pytest.mark.parametrize("a, b", [(0.8, 0.8), (81, 83), (NAN, 0.8)], ids=["equal", "percent", "nan"])
def test_shares_that_cannot_be_are_told(a, b):
    with pytest.raises(LessonError, match="two different accuracies"):
        pictures_needed(a, b)


def answers(only_a, only_b, both):
    """Right or wrong, of two networks: so many pictures only the first, only the second, and both answer right, and 10
    neither."""
    return (
        np.array([True] * only_a + [False] * only_b + [True] * both + [False] * 10),
        np.array([False] * only_a + [True] * only_b + [True] * both + [False] * 10),
    )


@pytest.mark.parametrize("only_a, only_b", [(1, 0), (5, 0), (6, 0), (10, 10), (20, 8), (8, 20), (41, 73), (300, 330)])
def test_the_paired_test_is_mcnemars_exact_one(only_a, only_b):
    p = binomtest(only_a, only_a + only_b).pvalue
    said = paired(*answers(only_a, only_b, 100))
    assert f"p-value: {p:.2g})" in said and "not by luck" not in said
    assert f"on {only_a} of these only the first is right, on {only_b} only the second" in said
    if p < 0.05:
        assert f"the {'first' if only_a > only_b else 'second'} is better" in said
    else:
        assert "cannot be told apart" in said


def test_networks_that_never_disagree():
    assert "nothing tells them apart" in paired(*answers(0, 0, 30))


def test_pairs_see_what_two_shares_do_not():
    a, b = answers(0, 9, 170)
    assert "cannot be told apart" in difference(a.sum(), b.sum(), len(a))
    assert "the second is better in truth" in paired(a, b)


@pytest.mark.parametrize(
    "a, b, words",
    [
        ([True, False], [True], "2 for the first and 1"),
        ([0.3, 0.8], [True, False], "True or False"),
        ([], [], "True or False"),
        ([[True]], [[True]], "shape"),
    ],
    ids=["other pictures", "probabilities", "none", "columns"],
)
def test_answers_that_cannot_be_compared_are_told(a, b, words):
    with pytest.raises(LessonError, match=words):
        paired(np.array(a), np.array(b))
