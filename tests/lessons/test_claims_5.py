"""What lesson 5 says of dropout and batch normalisation, on its own networks and data, over several seeds.

Each claim is asserted, and then that it does not hold with the effect switched off: for other seeds of the same
network, say. Where a claim says that nothing happens, the measure is shown to see it where something does.
"""

from functools import lru_cache

import keras
import numpy as np
import pytest
from scipy import stats

from helpers import engine
from helpers.curves.luck import verdict
from helpers.engine.trainer import Trainer
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


def below(a, b, by=0.0):
    """Whether a is lower than b by more than `by`: the confidence interval of the differences, seed by seed, says
    so."""
    return interval(a - b)[1] < -by


def test_dropout_slows_the_training_loss_down_and_batch_norm_speeds_it_up():
    plain, quarter, half, norm = (
        at(runs(**settings), "loss", 3) for settings in ({}, {"dropout": 0.25}, DROPOUT, NORM)
    )
    control = at(runs(OTHER_SEEDS), "loss", 3)
    say(plain=plain, dropout_a_quarter=quarter, dropout_a_half=half, batch_norm=norm)
    assert (
        (half > quarter).all() and below(plain, quarter, by=0.02) and half.min() > plain.max()
    )  # "the more the higher the rate"
    assert not (control > plain).all() and not below(plain, control, by=0.02) and not control.min() > plain.max()
    assert (
        (norm / plain).max() < 0.65 < (control / plain).max()
    )  # "about half of what the plain network has, with every seed"


def test_neither_lowers_the_lowest_validation_loss():
    plain, dropout, norm = (lowest(runs(**settings)) for settings in ({}, DROPOUT, NORM))
    say(plain=plain, dropout=dropout, norm=norm)
    assert not below(dropout, plain, by=0.01) and below(plain, norm)  # with batch normalisation it is higher
    assert below(
        plain, lowest(runs(n_train=500)), by=0.01
    )  # the measure sees what does lower it: twice as many pictures
    assert not below(plain, lowest(runs(OTHER_SEEDS)))


def test_what_comes_after_the_lowest_point():
    plain, dropout, norm, control = runs(), runs(**DROPOUT), runs(**NORM), runs(OTHER_SEEDS)
    say(
        **{
            f"end_{name}": end(run)
            for name, run in (("plain", plain), ("dropout", dropout), ("norm", norm), ("control", control))
        }
    )

    def later(run):
        return (run["val_loss"].argmin(axis=1) > plain["val_loss"].argmin(axis=1)).mean()

    assert later(dropout) >= 0.75 > later(control)  # "the lowest point comes later"
    assert (end(dropout) < end(plain)).sum() >= 6 and below(end(dropout), end(plain))  # "with seven of eight seeds"
    assert below(end(plain), end(norm))  # batch normalisation "overfitted faster than any"
    assert not below(end(control), end(plain)) and not below(end(plain), end(control))
    best = norm["val_loss"].argmin(axis=1) + 1
    say(best_epoch_of_norm=best)
    assert best.max() <= 5 < control["val_loss"].argmin(axis=1).max() + 1  # "after two to five epochs"


def test_the_best_accuracy_is_the_same_for_all_four():
    best = np.array([runs(**settings)["val_accuracy"].max(axis=1) for settings in ({}, DROPOUT, NORM, BOTH)])
    say(plain=best[0], dropout=best[1], norm=best[2], both=best[3])
    assert np.ptp(best.mean(axis=1)) < 0.02
    fewer = runs(n_train=200)["val_accuracy"].max(axis=1)  # the measure sees what does change it
    assert np.ptp([best[0].mean(), fewer.mean()]) > 0.02


def test_both_together_lose_the_protection_of_dropout():
    plain, dropout, norm, both = (runs(**settings) for settings in ({}, DROPOUT, NORM, BOTH))
    control = runs(OTHER_SEEDS, **DROPOUT)  # batch normalisation switched off: dropout alone, from other seeds
    say(end_of_both=end(both), above_dropout_alone=end(both) - end(dropout), above_neither=end(both) - end(plain))
    assert (end(both) > end(dropout)).all() and not (end(control) > end(dropout)).all()  # "for every seed"
    assert below(end(plain), end(both)) and not below(end(plain), end(control))  # "on average higher than with neither"
    for alone in (dropout, norm):
        say(lowest_higher_by=interval(lowest(both) - lowest(alone)))
        assert (
            not below(lowest(both), lowest(alone), by=0.01) and np.mean(lowest(both) - lowest(alone)) > 0
        )  # "no better than"
    assert "cannot tell" in verdict(lowest(dropout), lowest(both))  # what the ribbon says
    fewer = lowest(runs(n_train=500, **DROPOUT))
    assert below(lowest(dropout), fewer, by=0.01) and "cannot tell" not in verdict(lowest(dropout), fewer)


def test_both_together_keep_a_part_of_the_speed_and_their_band_begins_below():
    dropout, norm, both = (runs(**settings) for settings in (DROPOUT, NORM, BOTH))
    control = runs(OTHER_SEEDS, **DROPOUT)
    say(
        training_dropout=at(dropout, "loss", 3),
        training_both=at(both, "loss", 3),
        validation_dropout=at(dropout, "val_loss", 3),
        validation_both=at(both, "val_loss", 3),
    )
    assert (at(norm, "loss", 3) < at(both, "loss", 3)).all()
    assert (at(both, "loss", 3) < at(dropout, "loss", 3)).all() and not (
        at(control, "loss", 3) < at(dropout, "loss", 3)
    ).all()

    def crosses(run):  # "in the first epochs B is the lower one … at the right end it is the other way round"
        return below(at(run, "val_loss", 3), at(dropout, "val_loss", 3)) and below(
            at(dropout, "val_loss", 15), at(run, "val_loss", 15)
        )

    assert crosses(both) and not crosses(control)


def test_dropout_moves_the_training_curve_more_than_the_validation_curve():
    plain = runs()

    def moved(run):
        return [np.abs(np.mean(at(run, name, 10) - at(plain, name, 10))) for name in ("loss", "val_loss")]

    say(training=moved(runs(**DROPOUT))[0], validation=moved(runs(**DROPOUT))[1], control=moved(runs(OTHER_SEEDS)))
    training, validation = moved(runs(**DROPOUT))
    assert training > 0.1 and training > 1.5 * validation
    assert moved(runs(OTHER_SEEDS))[0] < 0.1  # other seeds alone move nothing


def test_the_order_with_the_shift_is_no_worse():
    norm_first, dropout_first = runs(**BOTH), runs(**DROPOUT_FIRST)
    for figure in (lowest, end):
        say(
            norm_first=figure(norm_first),
            dropout_first=figure(dropout_first),
            higher_by=interval(figure(dropout_first) - figure(norm_first)),
        )
        assert not below(figure(norm_first), figure(dropout_first))
        assert below(figure(norm_first), figure(runs(n_train=500, **DROPOUT_FIRST)))  # the measure sees what is worse


def test_a_momentum_of_99_makes_validation_look_broken_and_changes_nothing_else():
    quick, slow, control = (
        runs(seeds, epochs=15, **NORM, **settings)
        for seeds, settings in ((SEEDS, {}), (SEEDS, {"momentum": 0.99}), (OTHER_SEEDS, {}))
    )
    assert np.array_equal(quick["loss"], slow["loss"]) and not np.array_equal(
        quick["loss"], control["loss"]
    )  # the same to the last digit

    def looks_broken(run):  # "more than one and a half times as high" in each of the first epochs
        return (run["val_loss"][:, :3] / quick["val_loss"][:, :3]).min() > 1.5

    say(
        times_as_high=slow["val_loss"][:, :3] / quick["val_loss"][:, :3],
        lowest_quick=lowest(quick),
        lowest_slow=lowest(slow),
    )
    assert looks_broken(slow) and not looks_broken(control)
    assert (
        abs(np.mean(lowest(slow) - lowest(quick))) < 0.03
        and (slow["val_loss"][:, 9:] / slow["val_loss"][:, :1]).max() < 0.6
    )  # it recovers

    def stops_later(run):  # "EarlyStopping would stop the same training at two very different epochs"
        return (run["val_loss"].argmin(axis=1) - quick["val_loss"].argmin(axis=1) >= 4).all()

    assert stops_later(slow) and not stops_later(control)


def survives_only_with_batch_norm(plain, norm):
    return (plain > 0.95 * GUESSING).mean() >= 0.8 and (norm < 0.75 * GUESSING).all()


def test_no_learning_rate_is_survived_only_by_the_lesson_s_network_with_batch_norm():
    for rate in (0.003, 0.01, 0.03, 0.05):
        plain, norm = (lowest(runs(range(5), epochs=6, learning_rate=rate, **settings)) for settings in ({}, NORM))
        say(**{f"plain_at_{rate}": plain, f"norm_at_{rate}": norm})
        assert not survives_only_with_batch_norm(plain, norm)


def test_the_deep_network_survives_a_large_learning_rate_only_with_batch_norm():
    large, small = (
        [lowest(runs(range(5), epochs=8, network="deep", learning_rate=rate, batch_norm=on)) for on in (False, True)]
        for rate in (0.05, 0.001)
    )
    say(plain=large[0], norm=large[1], plain_at_a_small_rate=small[0], norm_at_a_small_rate=small[1])
    assert survives_only_with_batch_norm(*large) and not survives_only_with_batch_norm(
        *small
    )  # "with four of five seeds"
    assert large[0].min() > 0.5 * GUESSING and large[1].max() < 0.4 * GUESSING  # "with the fifth it does not get far"
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
