"""What lesson 5 says of dropout and batch normalisation, on its own networks and data, over several seeds."""

from functools import lru_cache

import keras
import numpy as np
import pytest
from scipy import stats

from helpers import engine
from helpers.engine import Trainer
from helpers.luck import verdict
from tests.claims import OTHER_SEEDS, SEEDS, at, lesson, many, say

DROPOUT, NORM = {"dropout": 0.5}, {"batch_norm": True}
BOTH, DROPOUT_FIRST = {**DROPOUT, **NORM}, {**DROPOUT, **NORM, "dropout_first": True}
GUESSING = np.log(10)


def known():
    return lesson("05_dropout_vs_batchnorm", "clothes", "build", "deep", "shift")


@lru_cache
def trainer(name):
    clothes = known().clothes
    return Trainer(getattr(known(), name), clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val))


def runs(seeds=SEEDS, epochs=20, network="build", **settings):
    return many(trainer(network), epochs, seeds, **settings)


def lowest(histories):
    return histories["val_loss"].min(axis=1)


def end(histories):
    return histories["val_loss"][:, -3:].mean(axis=1)


def interval(differences):
    """The 95 % confidence interval of a mean (Student's t)."""
    half = stats.t.ppf(0.975, len(differences) - 1) * np.std(differences, ddof=1) / np.sqrt(len(differences))
    return np.mean(differences) - half, np.mean(differences) + half


def test_dropout_slows_the_training_loss_down_and_batch_norm_speeds_it_up():
    plain, quarter, half, norm = (at(runs(**settings), "loss", 3) for settings in ({}, {"dropout": 0.25}, DROPOUT, NORM))
    say(plain=plain, dropout_a_quarter=quarter, dropout_a_half=half, batch_norm=norm)
    assert (half > quarter).all() and interval(quarter - plain)[0] > 0.02 and half.min() > plain.max()  # "the more the higher the rate"
    assert (norm / plain).max() < 0.65  # "about half of what the plain network has, with every seed"
    control = at(runs(OTHER_SEEDS), "loss", 3)  # the effect switched off: other seeds of the plain network
    assert interval(control - plain)[0] < 0.02 and (control / plain).max() > 0.65


def test_what_each_does_to_the_lowest_validation_loss_and_to_the_end():
    plain, dropout, norm = (runs(**settings) for settings in ({}, DROPOUT, NORM))
    say(**{f"lowest_{name}": lowest(run) for name, run in (("plain", plain), ("dropout", dropout), ("norm", norm))})
    say(**{f"end_{name}": end(run) for name, run in (("plain", plain), ("dropout", dropout), ("norm", norm))})
    assert interval(lowest(dropout) - lowest(plain))[0] > -0.01  # it did not lower it
    assert (dropout["val_loss"].argmin(axis=1) > plain["val_loss"].argmin(axis=1)).mean() >= 0.75  # "but it reached it later"
    assert (end(dropout) < end(plain)).sum() >= 6 and interval(end(dropout) - end(plain))[1] < 0  # "with seven of eight seeds"
    assert interval(lowest(norm) - lowest(plain))[0] > 0  # "a little higher"
    best = norm["val_loss"].argmin(axis=1) + 1
    say(best_epoch_of_norm=best)
    assert best.max() <= 5 and interval(end(norm) - end(plain))[0] > 0  # sooner, and overfits faster


def test_the_best_accuracy_is_the_same_for_all_four():
    best = np.array([runs(**settings)["val_accuracy"].max(axis=1) for settings in ({}, DROPOUT, NORM, BOTH)])
    say(plain=best[0], dropout=best[1], norm=best[2], both=best[3])
    assert np.ptp(best.mean(axis=1)) < 0.02


def test_both_together_lose_the_protection_of_dropout():
    plain, dropout, norm, both = (runs(**settings) for settings in ({}, DROPOUT, NORM, BOTH))
    say(end_of_both=end(both), above_dropout_alone=end(both) - end(dropout), above_neither=end(both) - end(plain),
        lowest_above_dropout=interval(lowest(both) - lowest(dropout)), lowest_above_norm=interval(lowest(both) - lowest(norm)))
    assert (end(both) > end(dropout)).all()  # "for every seed"
    assert interval(end(both) - end(plain))[0] > 0  # "on average higher than with neither"
    for alone in (dropout, norm):
        assert interval(lowest(both) - lowest(alone))[0] > -0.03 and np.mean(lowest(both) - lowest(alone)) > 0  # "no better than"
    assert "cannot tell" in verdict(lowest(dropout), lowest(both))  # what the ribbon says
    control = end(runs(OTHER_SEEDS, **DROPOUT))  # batch normalisation switched off: dropout alone, from other seeds
    assert not (control > end(dropout)).all()


def test_both_together_keep_a_part_of_the_speed_and_their_band_begins_below():
    dropout, norm, both = (runs(**settings) for settings in (DROPOUT, NORM, BOTH))
    say(training_dropout=at(dropout, "loss", 3), training_both=at(both, "loss", 3), validation_dropout=at(dropout, "val_loss", 3),
        validation_both=at(both, "val_loss", 3))
    assert (at(norm, "loss", 3) < at(both, "loss", 3)).all() and (at(both, "loss", 3) < at(dropout, "loss", 3)).all()
    assert np.median(at(both, "val_loss", 3)) < np.median(at(dropout, "val_loss", 3))  # "in the first epochs B is the lower one"
    assert np.median(at(both, "val_loss", 15)) > np.median(at(dropout, "val_loss", 15))  # "at the right end it is the other way round"


def test_dropout_moves_the_training_curve_more_than_the_validation_curve():
    plain, dropout = runs(), runs(**DROPOUT)
    moved = {name: np.abs(np.mean(at(dropout, name, 10) - at(plain, name, 10))) for name in ("loss", "val_loss")}
    say(**moved)
    assert moved["loss"] > 1.5 * moved["val_loss"]


def test_the_order_with_the_shift_is_no_worse():
    norm_first, dropout_first = runs(**BOTH), runs(**DROPOUT_FIRST)
    for figure in (lowest, end):
        say(norm_first=figure(norm_first), dropout_first=figure(dropout_first), higher_by=interval(figure(dropout_first) - figure(norm_first)))
        assert interval(figure(dropout_first) - figure(norm_first))[0] < 0


def test_a_momentum_of_99_makes_validation_look_broken_and_changes_nothing_else():
    quick, slow = runs(epochs=15, **NORM), runs(epochs=15, momentum=0.99, **NORM)
    assert np.array_equal(quick["loss"], slow["loss"])  # the same to the last digit
    ratio = slow["val_loss"][:, :3] / quick["val_loss"][:, :3]
    say(times_as_high_in_the_first_three_epochs=ratio, lowest_quick=lowest(quick), lowest_slow=lowest(slow))
    assert ratio.min() > 1.5  # "more than half again as high"
    assert abs(np.mean(lowest(slow) - lowest(quick))) < 0.03  # "as good" in the end
    assert (slow["val_loss"][:, 9:] / slow["val_loss"][:, :1]).max() < 0.6
    stops = [run["val_loss"].argmin(axis=1) for run in (quick, slow)]  # "at two very different epochs"
    assert (stops[1] - stops[0] >= 4).all()


def test_no_learning_rate_is_survived_only_by_the_lesson_s_network_with_batch_norm():
    for rate in (0.003, 0.01, 0.03, 0.05):
        plain, norm = (lowest(runs(range(5), epochs=6, learning_rate=rate, **settings)) for settings in ({}, NORM))
        say(**{f"plain_at_{rate}": plain, f"norm_at_{rate}": norm})
        assert not ((plain > 0.95 * GUESSING).all() and (norm < 0.75 * GUESSING).all())


def test_the_deep_network_survives_a_large_learning_rate_only_with_batch_norm():
    plain, norm = (runs(range(5), epochs=8, network="deep", learning_rate=0.05, batch_norm=on) for on in (False, True))
    say(plain=lowest(plain), norm=lowest(norm), training_plain=at(plain, "loss", 8), training_norm=at(norm, "loss", 8))
    assert (lowest(plain) > 0.95 * GUESSING).sum() >= 4 and lowest(plain).min() > 0.5 * GUESSING  # "with four of five seeds"
    assert lowest(norm).max() < 0.4 * GUESSING
    small = [lowest(runs(range(5), epochs=8, network="deep", learning_rate=0.001, batch_norm=on)) for on in (False, True)]
    say(plain_at_a_small_rate=small[0], norm_at_a_small_rate=small[1])
    assert np.abs(small[0] - small[1]).max() < 0.5  # "far closer together"


@pytest.mark.parametrize("dropout_first, low, high", [(True, 0.3, 0.5), (False, 0.999, 1.001)])
def test_dropout_first_shifts_the_variance_and_batch_norm_first_does_not(dropout_first, low, high):
    clothes, shifts = known().clothes, []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        network = known().build(**BOTH, dropout_first=dropout_first)
        engine.fit(network, clothes.x_train, clothes.y_train, epochs=5, seed=seed)
        shifts.append(known().shift(network))
    say(quotient=shifts)
    assert low < min(shifts) and max(shifts) < high
