"""What lesson 1 claims, measured over several seeds. Run with -s to see the figures, with --draw on other splits.

The networks are the notebook's: its cells are run to define them, so that a claim is about the code the student sees.
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
from helpers.engine.remeasure import Remeasure
from helpers.engine.trainer import Trainer
from tests.claims import SEEDS, at, claim, interval, lesson, many, say

pytestmark = pytest.mark.slow
POINT = 0.01  # of accuracy: one picture in a hundred


@lru_cache
def lesson_1():
    first = lesson("01_training_with_fit", "load", "scale", "onehot", "split", "build")
    panel = lesson("01_training_with_fit", "load", "scale", "onehot", "split", "panel-builder")
    deep = lesson("01_training_with_fit", "load", "scale", "onehot", "split", "deeper")
    return SimpleNamespace(data=first, plain=first.build, build=panel.build, build_deep=deep.build_deep)


@lru_cache
def trainer(builder, measure=None):
    known = lesson_1()
    examples = training_and_validation((known.data.X_train, known.data.y_train))
    return Trainer(getattr(known, builder), *examples, measure=measure)


@lru_cache
def runs(builder, epochs, seeds=SEEDS, **settings):
    """The histories over all seeds, each measure as an array of shape (seeds, epochs)."""
    return many(trainer(builder), epochs, seeds, **settings)


@claim(
    "one-update-intro",
    "About one in ten: it guesses.",
    "It need not be exactly one in ten. Fresh random weights often favour two or three of the digits, and then it"
    " depends on how often these answers happen to be right; from other seeds it may be less than five in a hundred,"
    " or more than fifteen.",
)
def test_an_untrained_network_guesses_and_not_always_one_in_ten():
    known = lesson_1()
    shares, favourites = [], []
    for seed in range(SEEDS.start, SEEDS.start + 40):
        keras.utils.set_random_seed(seed)
        answers = np.asarray(known.plain()(known.data.X_train)).argmax(axis=1)
        shares.append((answers == known.data.y_train.argmax(axis=1)).mean())
        favourites.append(np.sort(np.bincount(answers, minlength=10))[-3:].sum() / len(answers))
    say(accuracy=shares, share_of_three_favourites=favourites)
    off = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.1) < 3 * off
    assert min(shares) < 0.05 and max(shares) > 0.15
    assert np.mean(np.array(favourites) > 0.5) > 0.5  # often: with more than half of the seeds


@claim("analogy", "Smaller, but only a little: one step is a small one.")
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
    assert min(ratios) > 0.9 and max(ratios) < 1  # a little: less than a tenth


@claim("fit-intro", "Four fifths of 1,437 are 1,149.6, so 1,149 pictures are left.", "36 updates.")
def test_the_counts_are_those_of_the_prose():
    known = lesson_1()
    examples = math.floor(len(known.data.X_train) * 0.8)
    assert (len(known.data.X_train), len(known.data.X_test), examples) == (1437, 360, 1149)
    assert math.ceil(examples / 32) == 36 and known.plain().count_params() == 4810


@claim(
    "five-read",
    "Both curves climb.",
    "After five epochs about nine digits in ten are right, and neither curve is flat yet, though the last steps are"
    " small.",
)
def test_after_five_epochs_about_nine_in_ten_are_right_and_both_curves_still_climb():
    plain = runs("plain", 10)
    say(accuracy=at(plain, "accuracy", 5), val_accuracy=at(plain, "val_accuracy", 5))
    for name in ("accuracy", "val_accuracy"):
        assert at(plain, name, 5).min() > 0.85 and at(plain, name, 5).max() < 0.95  # nine in ten, rounded
        steps = np.diff(plain[name][:, :5], axis=1)
        assert (steps.mean(axis=0) > 0).all() and (steps[:, -1] < steps[:, 0] / 2).all()
        later = at(plain, name, 10) - at(plain, name, 5)
        say(**{f"{name}_gained_from_5_to_10": later})
        assert later.min() > POINT


@claim("ten-predict", "Both losses fall, steeply at first.")
def test_both_losses_fall_steeply_at_first():
    plain = runs("plain", 10)
    for name in ("loss", "val_loss"):
        steps = -np.diff(plain[name][:, :5], axis=1)
        say(**{f"{name}_first_step": steps[:, 0], f"{name}_last_step": steps[:, -1]})
        assert steps.min() > 0 and (steps[:, 0] > steps[:, -1]).all()


@claim("ten-predict", "In all five epochs the validation loss is the lower one:")
def test_in_all_five_epochs_the_validation_loss_is_the_lower_one():
    plain = runs("plain", 10)
    lower = (plain["loss"] - plain["val_loss"])[:, :5]
    say(training_above_validation_at_1=lower[:, 0], at_5=lower[:, 4])
    assert lower.min() > 0


@claim(
    "plot-intro",
    "The next five epochs brought a few more pictures in a hundred",
    "The first five brought nearly all of the rest.",
)
def test_the_second_five_epochs_bring_a_few_in_a_hundred_and_the_first_five_nearly_all():
    plain = runs("plain", 10)
    gain = at(plain, "val_accuracy", 10) - at(plain, "val_accuracy", 5)
    first = at(plain, "val_accuracy", 5) - 0.1  # what guessing gets
    say(first_gain=first, second_gain=gain, val_accuracy=at(plain, "val_accuracy", 10))
    assert gain.min() > 0 and gain.max() < 10 * POINT
    assert first.mean() > 0.9 * (first + gain).mean()


@claim(
    "plot-read",
    "The validation accuracy **flattens**.",
    "The *loss* goes on falling although the *accuracy* hardly moves.",
)
def test_the_accuracy_flattens_and_the_loss_falls_on():
    plain = runs("plain", 10)
    moved = at(plain, "val_accuracy", 10) - at(plain, "val_accuracy", 8)
    fallen = 1 - at(plain, "val_loss", 10) / at(plain, "val_loss", 8)
    say(accuracy_from_8_to_10=moved, share_of_the_loss_fallen_from_8_to_10=fallen)
    assert np.abs(moved.mean()) < 2 * POINT and fallen.min() > 0
    assert fallen.mean() > 5 * moved.mean()  # in shares of what each was: that of the accuracy was nearly 1


@claim(
    "five-read",
    "Does it surprise you that validation lies *above* training at first?",
    "Once learning slows down, the advantage is gone.",
)
@claim("key-points", "In the first epochs validation may look better than training:")
def test_validation_lies_above_training_at_first_and_no_longer_at_the_end():
    plain = runs("build", 40, dropout=0.0)
    first = at(plain, "val_accuracy", 1) - at(plain, "accuracy", 1)
    last = at(plain, "val_accuracy", 40) - at(plain, "accuracy", 40)
    say(ahead_at_1=first, ahead_at_40=last)
    assert first.min() > 0 and last.max() < POINT


@claim(
    "five-read",
    "It is no mistake: the training figure is an average over the whole epoch, taken while the network was still"
    " getting better; validation is measured at the end of the epoch, with the better network.",
)
def test_measured_at_the_end_of_the_epoch_as_well_training_has_no_disadvantage():
    measured = many(trainer("plain", Remeasure()), 1)
    apart, again = at(measured, "loss", 1) - at(measured, "val_loss", 1), at(measured, "inference", 1)
    say(training_above_validation=apart, measured_again=again - at(measured, "val_loss", 1))
    assert apart.min() > 0 and (np.abs(again - at(measured, "val_loss", 1)) < apart / 3).all()


@claim("panel-read", "- After some 20 epochs the validation accuracy gains only a point or two more on average")
def test_after_20_epochs_a_point_or_two_are_gained():
    plain = runs("build", 40, dropout=0.0)
    gained = at(plain, "val_accuracy", 40) - at(plain, "val_accuracy", 20)
    before = at(plain, "val_accuracy", 20) - at(plain, "val_accuracy", 10)
    mistakes = gained / (1 - at(plain, "val_accuracy", 20))
    say(gained_10_to_20=before, gained_after_20=gained, share_of_the_mistakes=mistakes)
    assert 0.5 * POINT < gained.mean() < 2.5 * POINT  # one or two, rounded


@claim("panel-read", "That is not nothing: it can be a third of the mistakes that were left, or more.")
def test_what_is_gained_after_20_epochs_can_be_a_third_of_the_mistakes():
    plain = runs("build", 40, dropout=0.0)
    mistakes = 1 - at(plain, "val_accuracy", 40), 1 - at(plain, "val_accuracy", 20)
    say(left_of_the_mistakes=mistakes[0] / mistakes[1])
    assert (mistakes[0] / mistakes[1]).min() < 2 / 3


@claim(
    "panel-read",
    "At 10 epochs the two losses are about the same; at 40 the training loss is, as a rule, the lower one.",
)
def test_the_losses_are_about_the_same_at_10_epochs_and_apart_at_40():
    plain = runs("build", 40, dropout=0.0)
    gap = {epoch: at(plain, "val_loss", epoch) - at(plain, "loss", epoch) for epoch in (10, 40)}
    say(gap_at_10=gap[10], gap_at_40=gap[40])
    assert (np.abs(gap[10]) < at(plain, "loss", 10) / 5).all()  # about the same: within a fifth
    assert np.mean(gap[40] > 0) > 0.75 and (gap[40] > gap[10]).all()


@claim("panel-read", "With much dropout the training accuracy stays *below* the validation accuracy.")
def test_much_dropout_pulls_training_below_validation_and_without_it_this_is_not_so():
    with_dropout, without = runs("build", 10, dropout=0.5), runs("build", 10, dropout=0.0)
    lost = at(without, "accuracy", 10) - at(with_dropout, "accuracy", 10)
    val_lost = at(without, "val_accuracy", 10) - at(with_dropout, "val_accuracy", 10)
    say(training_lost=lost, validation_lost=val_lost)
    assert (with_dropout["accuracy"] < with_dropout["val_accuracy"]).all() and (lost > val_lost).all()
    behind = {
        name: at(found, "val_accuracy", 10) - at(found, "accuracy", 10)
        for name, found in (("with", with_dropout), ("without", without))
    }
    say(behind_with_dropout=behind["with"], behind_without=behind["without"])
    assert (behind["with"] > behind["without"]).all()


@claim("panel-read", "256 units are ahead of 64.")
def test_256_units_are_ahead_of_64_after_ten_epochs():
    wide, usual = runs("build", 10, width=256), runs("build", 10, dropout=0.0)
    ahead = at(wide, "val_accuracy", 10) - at(usual, "val_accuracy", 10)
    say(wide=at(wide, "val_accuracy", 10), usual=at(usual, "val_accuracy", 10), ahead=ahead)
    assert (at(wide, "accuracy", 10) > at(usual, "accuracy", 10)).all() and interval(ahead)[0] > 0


@claim("panel-read", "Eight units are too few for ten epochs: both curves are still low.")
def test_eight_units_are_too_few_for_ten_epochs():
    narrow, usual = runs("build", 10, width=8), runs("build", 10, dropout=0.0)
    say(accuracy=at(narrow, "accuracy", 10), val_accuracy=at(narrow, "val_accuracy", 10))
    for name in ("accuracy", "val_accuracy"):
        assert at(narrow, name, 10).max() < at(usual, name, 10).min()
        assert at(narrow, name, 10).mean() < at(usual, name, 10).mean() - 10 * POINT


@claim(
    "batch-read",
    "With about as many updates, the batches of 256 catch up and even come out ahead, by a few points: each of their"
    " updates looks at more pictures, so it is a better guess at the right direction.",
)
def test_with_as_many_updates_large_batches_come_out_ahead():
    """40 epochs with batches of 256 make 200 updates, six with batches of 32 216; ten of 256 make 50."""
    patient = at(runs("build", 40, batch_size=256, dropout=0.0), "val_accuracy", 40)
    ten = at(runs("build", 10, batch_size=256, dropout=0.0), "val_accuracy", 10)
    six = at(runs("build", 6, dropout=0.0), "val_accuracy", 6)
    say(batches_of_256_at_40=patient, at_10=ten, batches_of_32_at_6=six, ahead=patient - six)
    assert (patient - six).min() >= 0 and POINT < (patient - six).mean() < 5 * POINT
    assert (ten < six).all()  # before that they are behind


@claim("panel-read", "- From seed to seed the accuracy moves, too, typically by a point or less.")
def test_another_seed_typically_moves_the_accuracy_by_a_point_or_less():
    """Of two runs: a figure that does not grow with the number of seeds, as a range does."""
    accuracy = at(runs("build", 10, dropout=0.0), "val_accuracy", 10)
    apart = np.abs(np.subtract.outer(accuracy, accuracy))[np.triu_indices(len(accuracy), 1)]
    say(apart=apart)
    assert 0 < np.median(apart) < 1.5 * POINT  # a point, rounded


@claim("batch-read", "Small batches learn more in an epoch, because an epoch of them makes more updates.")
def test_smaller_batches_learn_more_in_an_epoch():
    small, usual, large = (
        at(runs("build", 10, batch_size=size, dropout=0.0), "val_accuracy", 10) for size in (8, 32, 256)
    )
    say(batch_8=small, batch_32=usual, batch_256=large)
    assert interval(small - usual)[0] > 0 and (usual > large).all()


@claim("deeper-read", "From 64 units up, wider and deeper networks are ahead after five epochs.")
@pytest.mark.parametrize("larger", [{"depth": 3}, {"width": 256}], ids=str)
def test_wider_and_deeper_are_ahead_after_five_epochs(larger):
    shallow, large = runs("build_deep", 40), runs("build_deep", 40, **larger)
    ahead = at(large, "val_accuracy", 5) - at(shallow, "val_accuracy", 5)
    say(ahead=ahead)
    assert (at(large, "accuracy", 5) > at(shallow, "accuracy", 5)).all() and interval(ahead)[0] > 0


@claim(
    "deeper-read",
    "At 40 epochs the large ones get nearly every training picture right, and yet their validation accuracy is hardly"
    " better than that of one layer of 64, by a point or less on average.",
)
@claim("batch-read", "More units will not help much; the third lesson is about what does.")
@pytest.mark.parametrize("larger", [{"depth": 3}, {"width": 256}], ids=str)
def test_wider_and_deeper_end_little_better(larger):
    shallow, large = runs("build_deep", 40), runs("build_deep", 40, **larger)
    gained = at(large, "val_accuracy", 40) - at(shallow, "val_accuracy", 40)
    say(training_at_40=at(large, "accuracy", 40), gained_at_40=gained)
    assert at(large, "accuracy", 40).min() > 0.99 and gained.mean() < 1.5 * POINT  # a point, rounded


@claim(
    "deeper-read",
    "The network of 8 units is far behind, but it has *not* flattened: it still climbs at epoch 40.",
    "Training longer does help it; after a hundred epochs it gets well over nine in ten of its training pictures"
    " right.",
    "But one layer of 64 gets there in a quarter of that time.",
)
def test_eight_units_are_far_behind_and_still_climb_and_64_are_there_sooner():
    narrow, usual = runs("build_deep", 100, SEEDS[:4], width=8), runs("build_deep", 40)
    wrong, wrong_of_usual = 1 - at(narrow, "accuracy", 40), 1 - at(usual, "accuracy", 40)
    there = 1 + np.argmax(usual["accuracy"].mean(axis=0) >= at(narrow, "accuracy", 100).mean())
    say(wrong_at_40=wrong, wrong_of_64_units=wrong_of_usual, at_100=at(narrow, "accuracy", 100), there=[there])
    assert wrong.min() > 2 * wrong_of_usual.max()
    assert (at(narrow, "accuracy", 40) > at(narrow, "accuracy", 30)).all()  # it has not flattened
    assert at(narrow, "accuracy", 100).min() > 0.9
    assert at(usual, "accuracy", 40).mean() > at(narrow, "accuracy", 100).mean() and there <= 25


@claim(
    "read-intro",
    "They are close to each other, and either may be the higher one.",
    "With so few pictures two such figures can differ by three or four points without any reason but luck;",
)
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
    assert 2.5 * POINT < luck < 4.5 * POINT  # "three or four points"
    assert np.mean(np.abs(apart) < luck) > 0.5 and min(apart) < 0 < max(apart)
