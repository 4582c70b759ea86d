"""What lesson 1 claims, measured over several seeds. Run with -s to see the figures.

Each claim is about the lesson's own network on the lesson's own split. The networks are the notebook's:
its cells are run to define them, so that a claim is about the code the student sees.
"""

import math
from functools import lru_cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from helpers.engine.examples import training_and_validation
from helpers.engine.trainer import Trainer
from tests.claims import OTHER_SEEDS, SEEDS, at, lesson, many, say

pytestmark = pytest.mark.slow


@lru_cache
def lesson_1():
    first = lesson("01_training_with_fit", "load", "scale", "onehot", "split", "build")
    panel = lesson("01_training_with_fit", "load", "scale", "onehot", "split", "panel-builder")
    deep = lesson("01_training_with_fit", "load", "scale", "onehot", "split", "deeper")
    return SimpleNamespace(data=first, plain=first.build, build=panel.build, build_deep=deep.build_deep)


@lru_cache
def trainer(builder):
    known = lesson_1()
    return Trainer(getattr(known, builder), *training_and_validation((known.data.X_train, known.data.y_train)))


@lru_cache
def runs(builder, epochs, seeds=SEEDS, **settings):
    """The histories over all seeds, each measure as an array of shape (seeds, epochs)."""
    return many(trainer(builder), epochs, seeds, **settings)


def test_an_untrained_network_guesses():
    known = lesson_1()
    shares = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        shares.append(known.plain().evaluate(known.data.X_train, known.data.y_train, verbose=0)[1])
    say(accuracy=shares)
    assert min(shares) > 0.02 and max(shares) < 0.25


def test_one_update_makes_the_loss_of_its_batch_a_little_smaller():
    known = lesson_1()
    ratios = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        model = known.plain()
        batch = known.data.X_train[:32], known.data.y_train[:32]
        before = model.evaluate(*batch, verbose=0)[0]
        model.train_on_batch(*batch)
        ratios.append(model.evaluate(*batch, verbose=0)[0] / before)
    say(after_over_before=ratios)
    assert min(ratios) > 0.8 and max(ratios) < 1


def test_the_counts_are_those_of_the_prose():
    known = lesson_1()
    examples = math.floor(len(known.data.X_train) * 0.8)
    assert (len(known.data.X_train), len(known.data.X_test), examples) == (1437, 360, 1149)
    assert math.ceil(examples / 32) == 36 and 4500 < known.plain().count_params() < 5000


def test_after_five_epochs_about_nine_in_ten_are_right_and_both_curves_still_climb():
    plain = runs("plain", 10)
    say(accuracy=at(plain, "accuracy", 5), val_accuracy=at(plain, "val_accuracy", 5))
    for name in ("accuracy", "val_accuracy"):
        assert at(plain, name, 5).min() > 0.86 and at(plain, name, 5).max() < 0.94
    assert (at(plain, "accuracy", 5) > at(plain, "accuracy", 4)).all()
    assert (at(plain, "val_accuracy", 6) >= at(plain, "val_accuracy", 4)).all()


def test_the_second_five_epochs_bring_little_and_the_loss_falls_on():
    plain = runs("plain", 10)
    gain = at(plain, "val_accuracy", 10) - at(plain, "val_accuracy", 5)
    first = at(plain, "val_accuracy", 5) - at(plain, "val_accuracy", 1)
    say(first_gain=first, second_gain=gain, val_accuracy=at(plain, "val_accuracy", 10))
    assert gain.min() > 0 and gain.max() < 0.1 and (first > 4 * gain).all()
    assert (at(plain, "val_loss", 10) < 0.7 * at(plain, "val_loss", 5)).all()


def test_validation_lies_above_training_at_first_and_no_longer_at_the_end():
    plain = runs("build", 40, dropout=0.0)
    first = at(plain, "val_accuracy", 1) - at(plain, "accuracy", 1)
    last = at(plain, "val_accuracy", 40) - at(plain, "accuracy", 40)
    say(ahead_at_1=first, ahead_at_40=last)
    assert first.min() > 0.05 and last.max() < 0


def test_longer_training_runs_ahead_of_a_flat_validation_curve():
    plain = runs("build", 40, dropout=0.0)
    early = at(plain, "val_loss", 10) - at(plain, "loss", 10)
    late = at(plain, "val_loss", 40) - at(plain, "loss", 40)
    rest = at(plain, "val_accuracy", 40) - at(plain, "val_accuracy", 20)
    before = at(plain, "val_accuracy", 20) - at(plain, "val_accuracy", 10)
    say(accuracy_gained_10_to_20=before, loss_gap_at_10=early, loss_gap_at_40=late, accuracy_gained_after_20=rest)
    assert late.min() > 0.03 and early.max() < 0.02 and np.abs(rest).max() < 0.03 and rest.mean() < before.mean()


def test_much_dropout_pulls_training_below_validation_and_without_it_this_is_not_so():
    with_dropout, without = runs("build", 10, dropout=0.5), runs("build", 10, dropout=0.0)
    lost = at(without, "accuracy", 10) - at(with_dropout, "accuracy", 10)
    val_lost = at(without, "val_accuracy", 10) - at(with_dropout, "val_accuracy", 10)
    say(training_lost=lost, validation_lost=val_lost)
    assert (at(with_dropout, "accuracy", 10) < at(with_dropout, "val_accuracy", 10) - 0.04).all()
    assert lost.min() > 0.05 and (lost > 2 * val_lost).all()
    assert not (at(without, "accuracy", 10) < at(without, "val_accuracy", 10) - 0.04).any()


def test_256_units_are_ahead_of_64_after_ten_epochs():
    wide, usual = runs("build", 10, width=256), runs("build", 10, dropout=0.0)
    say(wide=at(wide, "val_accuracy", 10), usual=at(usual, "val_accuracy", 10))
    assert (at(wide, "accuracy", 10) > at(usual, "accuracy", 10)).all()
    assert at(wide, "val_accuracy", 10).mean() > at(usual, "val_accuracy", 10).mean() + 0.01


def test_eight_units_are_too_few_for_a_long_time():
    narrow, usual = runs("build", 10, width=8), runs("build", 10, dropout=0.0)
    say(accuracy=at(narrow, "accuracy", 10), val_accuracy=at(narrow, "val_accuracy", 10))
    for name in ("accuracy", "val_accuracy"):
        assert at(narrow, name, 10).max() < at(usual, name, 10).min() - 0.03


def test_what_counts_is_updates_not_epochs():
    """40 epochs with batches of 256 (200 updates) end near six epochs with batches of 32 (216), ten of them far
    below."""
    patient = at(runs("build", 40, batch_size=256, dropout=0.0), "val_accuracy", 40)
    ten = at(runs("build", 10, batch_size=256, dropout=0.0), "val_accuracy", 10)
    six = at(runs("build", 6, dropout=0.0), "val_accuracy", 6)
    say(batches_of_256_at_40=patient, at_10=ten, batches_of_32_at_6=six)
    assert np.abs(patient - six).max() < 0.06 and (six - ten).min() > 0.06


def test_another_seed_moves_the_accuracy_by_one_to_three_points():
    accuracy = at(runs("build", 10, dropout=0.0), "val_accuracy", 10)
    say(val_accuracy=accuracy)
    assert 0.01 < accuracy.max() - accuracy.min() < 0.035


def test_smaller_batches_learn_more_in_an_epoch():
    small, usual, large = (
        at(runs("build", 10, batch_size=size, dropout=0.0), "val_accuracy", 10) for size in (8, 32, 256)
    )
    say(batch_8=small, batch_32=usual, batch_256=large)
    assert small.mean() > usual.mean() > large.mean() and usual.min() > large.max()
    assert not usual.min() > at(runs("build", 10, seeds=OTHER_SEEDS, dropout=0.0), "val_accuracy", 10).max()


def test_wider_and_deeper_learn_faster_and_end_little_better():
    shallow, deep, wide = (runs("build_deep", 40, **settings) for settings in ({}, {"depth": 3}, {"width": 256}))
    control = runs("build_deep", 5, seeds=OTHER_SEEDS)
    for name, large in (("three layers", deep), ("256 units", wide)):
        print(f" {name}")
        say(
            val_accuracy_at_5=at(large, "val_accuracy", 5),
            training_at_40=at(large, "accuracy", 40),
            gained_at_40=at(large, "val_accuracy", 40) - at(shallow, "val_accuracy", 40),
        )
        assert at(large, "accuracy", 5).min() > at(shallow, "accuracy", 5).max()
        assert at(large, "accuracy", 40).min() > 0.99
        assert (at(large, "val_accuracy", 40) - at(shallow, "val_accuracy", 40)).mean() < 0.02
    assert not at(control, "accuracy", 5).min() > at(shallow, "accuracy", 5).max()


def test_width_helps_the_network_of_eight_units():
    narrow, usual = runs("build_deep", 40, width=8), runs("build_deep", 40)
    say(narrow=at(narrow, "accuracy", 40), usual=at(usual, "accuracy", 40))
    assert at(narrow, "accuracy", 40).max() < at(usual, "accuracy", 40).min() - 0.02
    assert at(usual, "val_accuracy", 40).mean() > at(narrow, "val_accuracy", 40).mean() + 0.02


def test_the_test_accuracy_is_near_the_validation_accuracy():
    known = lesson_1()
    shares, apart = [], []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        model = known.plain()
        history = model.fit(
            known.data.X_train, known.data.y_train, epochs=10, batch_size=32, validation_split=0.2, verbose=0
        ).history
        shares.append(model.evaluate(known.data.X_test, known.data.y_test, verbose=0)[1])
        apart.append(abs(shares[-1] - history["val_accuracy"][-1]))
    say(test_accuracy=shares, apart_from_validation=apart)
    assert min(shares) > 0.9 and max(apart) < 0.03
