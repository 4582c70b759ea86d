"""What lesson 5 says of dropout and batch normalisation, on its own networks and data, over several seeds.

Where a claim says that nothing happens, the test says how much it would have seen.
"""

import re
from functools import lru_cache

import keras
import numpy as np
import pytest
from scipy import stats

from helpers import engine
from helpers.engine.trainer import Trainer
from tests import notebooks
from tests.claims import SEEDS, at, claim, lesson, many, say

DROPOUT, NORM = {"dropout": 0.5}, {"batch_norm": True}
BOTH, DROPOUT_FIRST = {**DROPOUT, **NORM}, {**DROPOUT, **NORM, "dropout_first": True}
FOUR = {"neither": {}, "dropout": DROPOUT, "batch norm": NORM, "both": BOTH}
GUESSING = np.log(10)


def known():
    return lesson("05_dropout_vs_batchnorm", "clothes", "build", "deep", "shift")


@lru_cache
def trainer(name):
    clothes = known().clothes
    return Trainer(getattr(known(), name), clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val))


@lru_cache
def trained(network, epochs, seeds, settings):
    return many(trainer(network), epochs, seeds, **dict(settings))


def runs(seeds=SEEDS, epochs=20, network="build", **settings):
    """The histories over `seeds`; the tests share them."""
    return trained(network, epochs, seeds, tuple(sorted(settings.items())))


def lowest(histories):
    return histories["val_loss"].min(axis=1)


def best_epoch(histories):
    return histories["val_loss"].argmin(axis=1) + 1


def end(histories):
    return histories["val_loss"][:, -3:].mean(axis=1)


def interval(differences):
    """The 95 % confidence interval of a mean (Student's t)."""
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return np.mean(differences) - half, np.mean(differences) + half


def below(a, b):
    """Whether a is lower than b on average: the confidence interval of the differences, seed by seed, says so."""
    return interval(a - b)[1] < 0


@claim("four-read", "Batch normalisation makes training much faster, dropout makes it slower.")
def test_dropout_slows_the_training_loss_down_and_batch_norm_speeds_it_up():
    plain, half, norm = (at(runs(**settings), "loss", 3) for settings in ({}, DROPOUT, NORM))
    say(plain=plain, dropout=half, batch_norm=norm)
    assert (half > plain).all() and (norm < plain).all()


@claim("four-intro", "Batch normalisation brings the training loss of the third epoch down to about half.")
@claim(
    "shift-read",
    "| training is slow, and you have plenty of data | batch normalisation | about half the training loss after three"
    " epochs |",
)
def test_batch_norm_halves_the_training_loss_of_the_third_epoch():
    share = at(runs(**NORM), "loss", 3) / at(runs(), "loss", 3)
    say(share_of_plain=share)
    assert 1 / 3 < np.mean(share) < 2 / 3


@claim("four-read", "On the lowest validation loss neither helped here, on average; single seeds go either way.")
@claim("key-points", "Here neither lowered the lowest validation loss, on average.")
def test_neither_lowers_the_lowest_validation_loss_on_average():
    dropout, norm = (lowest(runs(**settings)) - lowest(runs()) for settings in (DROPOUT, NORM))
    say(dropout_higher_by=dropout, norm_higher_by=norm)
    assert np.mean(dropout) > -0.01 and np.mean(norm) > -0.01  # a hundredth would be a help
    assert min(dropout.min(), norm.min()) < 0 < max(dropout.max(), norm.max())


@claim("four-read", "Dropout held the end down on most draws of the pictures", holds="on most draws")
@claim("key-points", "With dropout it stayed low for longer on most draws of the pictures", holds="on most draws")
@claim(
    "shift-read",
    "| training loss goes to zero, validation rises | dropout, and stopping early | no lower lowest loss, but on most"
    " draws a lower end |",
    holds="on most draws",
)
def test_dropout_holds_the_end_down():
    say(end_lower_by=end(runs()) - end(runs(**DROPOUT)))
    assert below(end(runs(**DROPOUT)), end(runs()))


@claim("four-read", "Batch normalisation overfits soonest: it learns its 1,000 pictures by heart sooner.")
@claim("key-points", "with batch normalisation the network overfitted sooner")
@claim(
    "shift-read",
    "| few pictures, and batch normalisation | stop early: it overfits sooner | lowest within the first few epochs |",
)
def test_batch_norm_overfits_soonest():
    best = {name: best_epoch(runs(**settings)) for name, settings in FOUR.items()}
    say(**{f"best_epoch_{name}": epochs for name, epochs in best.items()})
    assert min(best, key=lambda name: np.mean(best[name])) == "batch norm"
    assert (best["batch norm"] < best["neither"]).mean() > 0.8 and best["batch norm"].max() < 20 / 2
    assert (end(runs(**NORM)) > end(runs())).mean() > 0.8
    assert (at(runs(**NORM), "accuracy", 10) > at(runs(), "accuracy", 10)).all()  # "by heart sooner"


@claim(
    "four-read", "The best validation accuracy was the same for all four, to within two percentage points on average."
)
def test_the_best_accuracy_is_the_same_for_all_four():
    best = np.array([runs(**settings)["val_accuracy"].max(axis=1) for settings in FOUR.values()])
    say(**dict(zip(FOUR, best, strict=True)))
    assert np.ptp(best.mean(axis=1)) < 0.02


@claim(
    "four-read",
    "Of the speed a part was left, of the protection nothing: the end was higher than with dropout alone, from every"
    " seed, on every draw.",
)
@claim(
    "shift-read",
    "| you want both | batch normalisation after the convolutions, dropout only before the last Dense layer; then"
    " measure | side by side, the end was higher than with dropout alone |",
)
def test_both_together_keep_a_part_of_the_speed_and_lose_the_protection():
    plain, dropout, norm, both = (runs(**settings) for settings in FOUR.values())
    say(end_above_dropout_alone=end(both) - end(dropout), above_neither=end(both) - end(plain))
    assert (end(both) > end(dropout)).all() and below(end(plain), end(both))
    assert (at(norm, "loss", 3) < at(both, "loss", 3)).all() and (at(both, "loss", 3) < at(dropout, "loss", 3)).all()


def table():
    """The figures of the lesson's table on our own pictures: {row: (training, lowest, first epoch, last, end)}."""
    cell = next(cell for path in notebooks.lessons() for cell in notebooks.read(path).cells if cell.id == "four-read")
    rows = re.findall(r"^\| (.+?) \| (.+?), .+? \| (.+?), .+? \| (\d+) to (\d+) \| (.+?), .+? \|$", cell.source, re.M)
    return {name: list(map(float, figures)) for name, *figures in rows}


@claim(
    "four-read",
    "| dropout | 0.71, 0.72 | 0.56, 0.50 | 7 to 15 | 0.62, 0.56 |",
    "| batch norm | 0.27, 0.29 | 0.54, 0.50 | 2 to 6 | 0.81, 0.68 |",
    "(Each pair: the means over four seeds on our pictures, and over four on another draw.",
    holds="on ours",
)
def test_other_seeds_on_our_pictures_give_the_means_of_the_table():
    assert list(table()) == list(FOUR)
    for name, (training, low, first, last, at_end) in table().items():
        histories = runs(**FOUR[name])
        measured = {
            "training": (training, at(histories, "loss", 3)),
            "lowest": (low, lowest(histories)),
            "end": (at_end, end(histories)),
        }
        for figure, (written, values) in measured.items():
            say(**{f"{name}_{figure}": values})
            error = np.std(values, ddof=1) * np.sqrt(1 / 4 + 1 / len(values))  # the table's are of four seeds
            assert abs(np.mean(values) - written) < 3 * error + 0.005
        assert first <= np.median(best_epoch(histories)) <= last


@claim("shift-intro", "In the first epochs B is the lower one", "with batch normalisation as well it has risen")
def test_the_bands_of_dropout_alone_and_of_both_cross():
    dropout, both = runs(**DROPOUT), runs(**BOTH)
    early, late = (at(both, "val_loss", epoch) - at(dropout, "val_loss", epoch) for epoch in (3, 15))
    say(both_higher_at_3=early, both_higher_at_15=late)
    assert interval(early)[1] < 0 < interval(late)[0]
    assert below(lowest(both), at(both, "val_loss", 15))


@claim("shift-intro", "there the two are close, and eight seeds may not tell them apart")
def test_the_lowest_losses_of_dropout_alone_and_of_both_are_close():
    apart = lowest(runs(**BOTH)) - lowest(runs(**DROPOUT))
    say(lowest_higher_by=apart)
    late = at(runs(**BOTH), "val_loss", 15) - at(runs(**DROPOUT), "val_loss", 15)
    assert abs(np.mean(apart)) < np.mean(late) / 2  # "close", beside the difference at the right end


@claim("four-intro", "Dropout moves the training curve more than the validation curve.")
def test_dropout_moves_the_training_curve_more_than_the_validation_curve():
    training, validation = (
        abs(np.mean(at(runs(**DROPOUT), name, 10) - at(runs(), name, 10))) for name in ("loss", "val_loss")
    )
    say(training=training, validation=validation)
    assert training > validation


@claim(
    "shift-read",
    "the lowest validation loss of the two orders was the same, to within two or three hundredths",
    "So the two do quarrel on this network and this data, but the shift is not what we see.",
)
def test_the_order_with_the_shift_has_the_same_lowest_loss():
    apart = lowest(runs(**DROPOUT_FIRST)) - lowest(runs(**BOTH))
    say(lowest_higher_by=apart)
    low, high = interval(apart)
    assert low > -0.03 and high < 0.03  # three hundredths would have been seen


@claim("shift-read", "And after 20 epochs the loss was even a little *lower* with the shift than without it")
def test_the_order_with_the_shift_ends_lower():
    lower = end(runs(**BOTH)) - end(runs(**DROPOUT_FIRST))
    say(end_lower_by=lower)
    assert (lower > 0).mean() > 0.8


SLOW = {**NORM, "momentum": 0.99}


@claim("momentum-read", "The training losses are the same to the last digit")
@claim(
    "shift-read",
    "| validation is terrible in the first epochs, training is not | a smaller `momentum` | same weights, same training"
    " loss |",
)
@claim("key-points", "though the trained weights are the same")
def test_the_momentum_changes_nothing_of_the_training():
    assert np.array_equal(runs(**NORM)["loss"], runs(**SLOW)["loss"])


@claim("momentum-read", "in the first epochs the validation loss is more than one and a half times as high")
@claim("key-points", "a momentum of 0.99 makes validation look broken at first")
def test_a_momentum_of_99_makes_validation_look_broken_at_first():
    times = runs(**SLOW)["val_loss"][:, :3] / runs(**NORM)["val_loss"][:, :3]
    say(times_as_high=times)
    assert times.min() > 1.5


@claim("momentum-read", "with more batches it fades")
def test_with_more_batches_the_two_momenta_predict_more_alike():
    apart = np.abs(runs(**SLOW)["val_loss"] / runs(**NORM)["val_loss"] - 1).mean(axis=0)  # by epoch
    say(apart_at_first=apart[0], apart_after_12_epochs=apart[11], after_20=apart[19])
    assert apart[19] < apart[11] < apart[0]


@claim("momentum-read", "`EarlyStopping` would stop the same training at two very different epochs")
def test_early_stopping_would_stop_at_very_different_epochs():
    def stops(losses, patience=5):
        waited = np.arange(len(losses)) - [np.argmin(losses[: epoch + 1]) for epoch in range(len(losses))]
        return np.argmax(waited == patience) + 1 if (waited == patience).any() else len(losses)

    later = [stops(s) - stops(q) for s, q in zip(runs(**SLOW)["val_loss"], runs(**NORM)["val_loss"], strict=True)]
    say(stops_later_by=later)
    assert np.mean(later) >= 3 and np.mean(np.array(later) > 0) > 0.8


@claim("momentum-read", "Its variances are still too large, so it divides by too much and is less sure of its answers")
def test_with_the_larger_momentum_the_variances_are_too_large_and_the_answers_less_sure():
    clothes, variances, sure = known().clothes, [], []
    for seed in SEEDS[:3]:
        for momentum in (0.9, 0.99):
            keras.utils.set_random_seed(seed)
            network = known().build(**NORM, momentum=momentum)
            engine.fit(network, clothes.x_train, clothes.y_train, epochs=12, seed=seed)
            norm = next(layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization))
            variances.append(np.array(norm.moving_variance))
            sure.append(network.predict(clothes.x_val, verbose=0).max(axis=1).mean())
    (small, large), (of_small, of_large) = ((values[::2], values[1::2]) for values in (variances, sure))
    say(variance_times=np.divide(large, small).mean(axis=1), sure_small=of_small, sure_large=of_large)
    assert np.greater(large, small).all() and np.less(of_large, of_small).all()


@claim(
    "momentum-read",
    "Up to 0.03 the network learned without it from every seed",
    "at 0.05 some runs were stuck at guessing, and with it no fewer than without it",
    "So batch normalisation was no rescue.",
    "We tried it with our network, with five seeds and four learning rates from 0.003 to 0.05.",
)
def test_no_learning_rate_is_survived_only_with_batch_norm_by_the_lesson_s_network():
    for rate in (0.003, 0.01, 0.03):
        learned = lowest(runs(SEEDS[:5], 6, learning_rate=rate))
        say(**{f"plain_at_{rate}": learned})
        assert learned.max() < 0.75 * GUESSING
    plain, norm = (lowest(runs(SEEDS, 6, learning_rate=0.05, **settings)) > 0.95 * GUESSING for settings in ({}, NORM))
    say(stuck_at_005_without=plain, stuck_with=norm)
    assert 0 < plain.sum() <= norm.sum()


@lru_cache
def deep(rate):
    return [runs(SEEDS[:5], 8, network="deep", learning_rate=rate, batch_norm=on) for on in (False, True)]


@claim(
    "rates-read",
    "Without it, the loss is stuck at 2.3, which is guessing, with most seeds, and with none does it come as low as"
    " with it.",
    "not well, but it learns, with every seed that we tried",
    "With a learning rate of 0.001 the two are far closer together.",
)
@claim(
    "shift-read",
    "| a deep network whose training loss hardly moves | a smaller learning rate; then batch normalisation after every"
    " layer | learns at a rate at which the other mostly guesses |",
)
def test_the_deep_network_survives_a_large_learning_rate_only_with_batch_norm():
    plain, norm = (run["loss"].min(axis=1) for run in deep(0.05))
    small = [run["loss"].min(axis=1) for run in deep(0.001)]
    say(plain=plain, norm=norm, plain_at_a_small_rate=small[0], norm_at_a_small_rate=small[1])
    assert np.median(plain) > 0.95 * GUESSING and plain.min() > norm.max() < 0.5 * GUESSING
    assert np.abs(small[0] - small[1]).max() < (plain - norm).min() / 2


@claim("rates-read", "Its validation loss jumps up now and then, with most seeds", "0.05 is too large for it as well")
def test_with_a_large_rate_the_validation_loss_jumps_up():
    rises = [np.diff(deep(rate)[1]["val_loss"]).max(axis=1) for rate in (0.05, 0.001)]  # the largest of each run
    say(rise_at_a_large_rate=rises[0], at_a_small_one=rises[1])
    assert (rises[0] > rises[1]).mean() > 0.5 and np.median(rises[0]) > 0.1


@claim(
    "shift-read",
    "Dropout before a batch normalisation makes the numbers vary more: some are 0, the others larger.",
    "When predicting, dropout is off, the numbers vary less",
)
@pytest.mark.parametrize("dropout_first, low, high", [(True, 0, 0.5), (False, 0.999, 1.001)])
@claim(
    "shift-read",
    "With dropout first the variance when predicting is less than half of what it was while training",
    "With batch normalisation first it is 1, because nothing is dropped before it.",
)
def test_dropout_first_shifts_the_variance_and_batch_norm_first_does_not(dropout_first, low, high):
    clothes, shifts = known().clothes, []
    for seed in SEEDS[:5]:
        keras.utils.set_random_seed(seed)
        network = known().build(**BOTH, dropout_first=dropout_first)
        engine.fit(network, clothes.x_train, clothes.y_train, epochs=5, seed=seed)
        shifts.append(known().shift(network))
    say(quotient=shifts)
    assert low < min(shifts) and max(shifts) < high


@claim("microscope-intro", "here the true variances are far below 1")
def test_the_true_variances_are_far_below_1():
    found = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        found.append(np.array(known().build().layers[0](known().clothes.x_train[:64])).var(axis=(0, 1, 2)).mean())
    say(mean_variance=found)
    assert max(found) < 0.2


@claim(
    "panel-intro",
    "behind a batch normalisation it is about 0 anyhow",
    "With a batch of two, the mean with `training=True` is still about 0",
    "With `training=False` these two keep a mean of their own",
)
def test_with_a_batch_of_two_the_mean_is_about_0_while_training_and_not_when_predicting():
    keras.utils.set_random_seed(1)
    network = known().build(dropout=0.25, batch_norm=True)
    clothes = known().clothes
    engine.fit(network, clothes.x_train, clothes.y_train, epochs=5, seed=1)
    before = network.layers[0](clothes.x_train[:2])
    training, predicting = (
        np.array(network.layers[1](before, training=on)).mean(axis=(0, 1, 2)) for on in (True, False)
    )
    say(training=training, predicting=predicting)
    assert np.allclose(training, network.layers[1].beta, atol=1e-3)  # whatever the pictures: 0, and what it has learned
    assert np.abs(training).max() < 0.05 < np.abs(predicting).max()  # about 0, in the one decimal that one reads
