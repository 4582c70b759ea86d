"""What lesson 1 claims, measured over several seeds. Run with -s to see the figures.

The networks are the notebook's: its cells are run to define them, so that a claim is about the code the student sees.
Most claims are tested on the lesson's own split; those that could be luck of the split on three others as well.
"""

import math
from functools import lru_cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from helpers import engine
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


@lru_cache
def on_other_splits(epochs, seeds=range(100, 103), **settings):
    """The same on three other splits of the digits, from other seeds."""
    known = lesson_1().data
    found = []
    for split in (11, 12, 13):
        x, _, y, _ = train_test_split(known.X, known.y, test_size=0.2, stratify=known.digits.target, random_state=split)
        found.append(many(Trainer(lesson_1().build, *training_and_validation((x, y))), epochs, seeds, **settings))
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def test_an_untrained_network_guesses_and_not_always_one_in_ten():
    known = lesson_1()
    shares = []
    for seed in range(100, 140):
        keras.utils.set_random_seed(seed)
        answers = np.asarray(known.plain()(known.data.X_train)).argmax(axis=1)
        shares.append((answers == known.data.y_train.argmax(axis=1)).mean())
    say(accuracy=shares)
    off = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.1) < 3 * off and max(shares) < 0.3
    assert np.ptp(shares) > 0.05  # "it need not be exactly one in ten"


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
    for name in ("accuracy", "val_accuracy"):
        assert (at(plain, name, 10) > at(plain, name, 5) + 0.01).all()


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


@pytest.mark.parametrize("where", [runs, lambda _, *args, **settings: on_other_splits(*args, **settings)])
def test_after_20_epochs_a_point_or_two_are_gained_and_training_loss_gets_ahead(where):
    plain = where("build", 40, dropout=0.0)
    gained = at(plain, "val_accuracy", 40) - at(plain, "val_accuracy", 20)
    before = at(plain, "val_accuracy", 20) - at(plain, "val_accuracy", 10)
    gap = {epoch: at(plain, "val_loss", epoch) - at(plain, "loss", epoch) for epoch in (10, 40)}
    say(gained_10_to_20=before, gained_after_20=gained, gap_at_10=gap[10], gap_at_40=gap[40])
    assert 0.005 < gained.mean() < 0.025 and gained.max() < 0.035 and gained.mean() < before.mean()
    assert np.abs(gap[10]).max() < 0.05 and gap[40].min() > 0  # about the same; then the training loss is lower
    assert abs(gap[10].mean()) < gap[40].mean() / 2


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


def test_with_as_many_updates_large_batches_come_out_ahead():
    """40 epochs with batches of 256 make 200 updates, six with batches of 32 216; ten of 256 make 50."""
    patient = at(runs("build", 40, batch_size=256, dropout=0.0), "val_accuracy", 40)
    ten = at(runs("build", 10, batch_size=256, dropout=0.0), "val_accuracy", 10)
    six = at(runs("build", 6, dropout=0.0), "val_accuracy", 6)
    say(batches_of_256_at_40=patient, at_10=ten, batches_of_32_at_6=six)
    assert (patient > six).all() and (patient - six).mean() > 0.01 and (six - ten).min() > 0.06


def test_another_seed_typically_moves_the_accuracy_by_about_a_point():
    """Of two runs: a figure that does not grow with the number of seeds, as a range does."""
    accuracy = at(runs("build", 10, dropout=0.0), "val_accuracy", 10)
    apart = np.abs(np.subtract.outer(accuracy, accuracy))[np.triu_indices(len(accuracy), 1)]
    say(apart=apart)
    assert 0.005 < np.median(apart) < 0.015 and apart.max() < 0.035


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


def test_eight_units_are_far_behind_and_still_climb_and_64_are_there_sooner():
    narrow, usual = runs("build_deep", 100, range(4), width=8), runs("build_deep", 40)
    say(
        at_40=at(narrow, "accuracy", 40),
        at_100=at(narrow, "accuracy", 100),
        usual_at_20=at(usual, "accuracy", 20),
        usual_at_40=at(usual, "accuracy", 40),
    )
    assert at(narrow, "accuracy", 40).max() < at(usual, "accuracy", 40).min() - 0.02
    assert (at(narrow, "accuracy", 40) > at(narrow, "accuracy", 30)).all()  # it has not flattened
    assert at(narrow, "accuracy", 100).min() > 0.9
    assert at(usual, "accuracy", 20).mean() > at(narrow, "accuracy", 100).mean() - 0.005


def test_test_and_validation_accuracy_are_close_and_either_may_be_the_higher_one():
    known = lesson_1()
    apart = []
    for split in range(11, 19):
        x, x_test, y, y_test = train_test_split(
            known.data.X, known.data.y, test_size=0.2, stratify=known.data.digits.target, random_state=split
        )
        x, y, validation = training_and_validation((x, y))
        keras.utils.set_random_seed(split)
        model = known.plain()
        history = engine.fit(model, x, y, validation_data=validation, epochs=10, seed=split).history
        right = np.asarray(model(x_test)).argmax(axis=1) == y_test.argmax(axis=1)
        apart.append(right.mean() - history["val_accuracy"][-1])
    say(test_above_validation=apart)
    luck = 1.96 * np.sqrt(0.93 * 0.07 * (1 / len(validation[0]) + 1 / len(x_test)))
    assert 0.03 < luck < 0.045  # "three or four points"
    assert np.abs(apart).max() < luck and min(apart) < 0 < max(apart)
