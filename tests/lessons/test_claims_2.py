"""What lesson 2 claims, measured over several seeds. Run with -s to see the figures, with --draw on other pictures.

The networks and the data are the notebook's own: its cells are run to define them.
"""

from functools import lru_cache

import nbformat
import numpy as np
import pytest

from helpers import data
from helpers.curves.diagnosis import diagnose
from helpers.curves.history import zigzag
from helpers.engine.examples import training_and_validation
from helpers.engine.remeasure import Remeasure
from helpers.engine.trainer import Trainer
from helpers.parts import causes
from helpers.parts.gap import parts_of
from tests.browser.lab import ROOT
from tests.claims import SEEDS, at, claim, lesson, many, say

pytestmark = pytest.mark.slow
NAME = "02_learning_curves"
FEW = SEEDS[:4]  # for what trains long
AS_A_RULE = 0.75  # of the seeds, at least: more than six of eight
GUESSING = np.log(3)  # the loss of who guesses among three


@lru_cache
def known():
    return lesson(NAME, "load", "build", "shapes-builder", "train")


@lru_cache
def first_builder():
    return lesson(NAME, "load", "build").build


@lru_cache
def gap_trainer():
    gap = lesson(NAME, "load", "build", "gap-builder")
    return Trainer(gap.build, *training_and_validation(gap.clothes), measure=Remeasure())


@lru_cache
def parts(epochs, **settings):
    """The parts of the gap, each of shape (seeds, epochs), and the histories."""
    found = [parts_of(gap_trainer().run(settings, epochs, seed=seed)) for seed in FEW]
    histories = many(gap_trainer(), epochs, FEW, **settings)
    return {name: np.array([part[name] for part in found]) for name in found[0]}, histories


def measured_on(x, y):
    """What a `Trainer` can measure besides: the loss and the accuracy on other pictures."""

    def measure(model, *_):
        answers = np.asarray(model(x))
        loss = -np.log(np.clip((answers * y).sum(axis=1), 1e-7, 1)).mean()
        return {"loss_there": loss, "accuracy_there": (answers.argmax(axis=1) == y.argmax(axis=1)).mean()}

    return measure


@lru_cache
def trainers():
    """For each shape of the notebook: the trainer on its data, and how it is trained there.

    The one that leaks and the noisy one have the honest validation, and measure on the pictures of the lesson besides.
    """
    build, x, y, x_val, y_val = known().build, known().x, known().y, known().x_val, known().y_val
    clothes = known().clothes
    mixed = np.random.default_rng(0).permutation(len(clothes.y))
    usual = Trainer(build, x, y, (x_val, y_val))
    twelve, seen = measured_on(x_val[:12], y_val[:12]), measured_on(x[:100], y[:100])
    return {
        "still learning": (usual, 6, {"learning_rate": 0.0001}),
        "good fit": (usual, 16, {"learning_rate": 0.0005, "dropout": 0.6}),
        "underfitting": (usual, 60, {"learning_rate": 0.01, "filters": 1, "pool": 24, "dropout": 0.3}),
        "overfitting": (usual, 40, {}),
        "diverging": (usual, 15, {"learning_rate": 0.5}),
        "noisy": (
            Trainer(build, x, y, (x_val, y_val), measure=twelve),
            20,
            {"learning_rate": 0.007, "dropout": 0.5, "batch_size": 4},
        ),
        "leak": (Trainer(build, x[:300], y[:300], (x_val, y_val), measure=seen), 50, {}),
        "shuffled labels": (
            Trainer(build, clothes.x[:300], clothes.y[mixed][:300], (clothes.x[-150:], clothes.y[mixed][-150:])),
            40,
            {},
        ),
        "nothing applied": (usual, 12, {}),
    }


@lru_cache
def shape(name):
    trainer, epochs, settings = trainers()[name]
    runs = many(trainer, epochs, FEW if name == "noisy" else SEEDS, **settings)
    if "loss_there" in runs:
        runs = {**runs, "honest_loss": runs["val_loss"], "honest_accuracy": runs["val_accuracy"]}
        runs["val_loss"], runs["val_accuracy"] = runs.pop("loss_there"), runs.pop("accuracy_there")
    return runs


def plain():
    """The network of the first chart, for 40 epochs: in "overfitting" it stands with all keywords as usual."""
    return shape("overfitting")


def end(values):
    """The mean of the last three epochs, for each seed."""
    return values[:, -3:].mean(axis=1)


def test_the_first_network_is_that_of_shape_4():
    clothes = known().clothes
    first = many(Trainer(first_builder(), clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val)), 3, FEW[:2])
    assert np.allclose(first["val_loss"], plain()["val_loss"][:2, :3], atol=1e-3)


@claim("network-text", "(That last layer is where most of the weights are.)")
@claim("fit-intro", "More than 26,000 numbers to adjust, and 600 pictures to learn them from.")
@claim("sketch-read", "With its 277,000 numbers (this network has one more layer)")
def test_the_counts_are_those_of_the_prose():
    model, gap_build, clothes = first_builder()(), gap_trainer().build, known().clothes
    assert 26000 < model.count_params() < 27000
    assert model.layers[-1].count_params() > model.count_params() / 2
    assert round(gap_build().count_params(), -3) == 277_000  # the network that is sketched
    assert (len(clothes.x_train), len(clothes.x_val), clothes.x.shape[1:]) == (600, 150, (28, 28, 1))


@claim(
    "draw-read",
    "**In the very first epoch** validation lies *below* training: the loss on unseen pictures is lower than the loss"
    " on those the network learns from.",
    "As a rule the right-hand chart says the same upside down.",
)
def test_in_the_very_first_epoch_validation_is_the_better_one():
    runs = plain()
    loss, accuracy = (
        at(runs, "loss", 1) - at(runs, "val_loss", 1),
        at(runs, "val_accuracy", 1) - at(runs, "accuracy", 1),
    )
    say(loss_below_training=loss, accuracy_above_training=accuracy)
    assert loss.min() > 0 and np.mean(accuracy > 0) > AS_A_RULE


def fallen(early, late):
    """How far both losses of 12 epochs have fallen from epoch `early` to epoch `late`, for each seed."""
    return {name: at(plain(), name, early) - at(plain(), name, late) for name in ("loss", "val_loss")}


@claim(
    "draw-read",
    "**At first** the training loss falls fast, and mostly the validation loss falls with it.",
    holds="on most draws",
)
def test_at_first_training_falls_fast_and_mostly_validation_with_it():
    early, late = fallen(1, 4), fallen(6, 12)
    say(training_fallen_from_1_to_4=early["loss"], from_6_to_12=late["loss"], validation_fallen=early["val_loss"])
    assert early["loss"].min() > 0 and np.mean(early["val_loss"] > 0) > AS_A_RULE
    assert (early["loss"] / 3 > late["loss"] / 6).all()  # an epoch brings less and less


@claim(
    "draw-read",
    "**Then** the training loss goes on falling, more slowly, and the validation loss levels off, or begins to rise:"
    " what the network still learns helps with its own pictures and hardly with new ones.",
)
def test_then_training_goes_on_falling_and_validation_levels_off_or_rises():
    late = fallen(6, 12)
    say(training_fallen_from_6_to_12=late["loss"], validation_fallen=late["val_loss"])
    assert late["loss"].min() > 0
    assert late["val_loss"].mean() < late["loss"].mean() / 2  # hardly: not half of what training still gains


@claim(
    "gap-read",
    "In the first epoch most of the gap is averaging, or more than all of it: measured again, the training loss is"
    " about as low as the validation loss, or lower.",
)
@claim("key-points", "Validation below training is mostly an effect of measuring: averaging early on")
def test_in_the_first_epoch_validation_is_below_training_and_averaging_is_why():
    found, runs = parts(12, dropout=0.0, batch_norm=False)
    below = at(runs, "loss", 1) - at(runs, "val_loss", 1)
    averaging = found["averaging"][:, 0]
    say(below_in_epoch_1=below, averaging=averaging, new_pictures=found["new pictures"][:, 0])
    assert below.min() > 0 and (averaging > below / 2).all()


@claim(
    "gap-read",
    '- Later little changes within an epoch, so averaging fades. "New pictures" is what is left, below zero: the'
    " network is better on pictures it knows.",
)
def test_later_averaging_fades_and_new_pictures_are_left():
    found, _ = parts(12, dropout=0.0, batch_norm=False)
    averaging, new = end(found["averaging"]), -end(found["new pictures"])
    say(averaging_at_first=found["averaging"][:, 0], averaging_at_the_end=averaging, new_pictures_at_the_end=new)
    assert (averaging < found["averaging"][:, 0] / 2).all()
    assert new.min() > 0 and (new > np.abs(averaging)).all()


@claim(
    "gap-read",
    "- With much dropout another part appears, and it stays: in every epoch the network is better than its own training"
    " loss says. In most epochs validation lies below training.",
)
@claim("key-points", "dropout all the time")
def test_much_dropout_makes_a_part_that_stays():
    with_dropout, runs = parts(12, dropout=0.8, batch_norm=False)
    without, _ = parts(12, dropout=0.0, batch_norm=False)
    early, late = with_dropout["dropout"][:, :3].mean(axis=1), end(with_dropout["dropout"])
    below = (runs["loss"] > runs["val_loss"]).mean(axis=1)
    say(dropout_part_early=early, dropout_part_late=late, share_of_epochs_below=below)
    assert late.min() > 0 and (late > early / 2).all() and (runs["loss"] > runs["inference"]).all()
    assert below.mean() > 0.5
    assert (without["dropout"] == 0).all()


@claim(
    "gap-read",
    "- (With `batch_norm` a part appears below zero in most epochs: validation looks worse than the network is.",
)
def test_batch_norm_brings_a_part_that_makes_validation_look_worse():
    found, _ = parts(8, dropout=0.0, batch_norm=True)
    below = (found["batch norm"] < 0).mean(axis=1)
    say(batch_norm_part=found["batch norm"].mean(axis=1), share_of_epochs_below_zero=below)
    assert below.min() > 0.5


@lru_cache
def on_other_pictures():
    """The validation losses of 12 epochs on other deals of the same clothes: (deals, seeds, epochs)."""
    found = []
    for draw in range(11, 19):
        clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], 600, 150, one_hot=True, seed=draw)
        trainer = Trainer(known().build, clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val))
        found.append(many(trainer, 12, SEEDS[:2])["val_loss"])
    return np.array(found)


@claim(
    "gap-read",
    "With other pictures of these kinds for training, and other 150 for validation, the lowest validation loss of the"
    " same network was about 0.6 instead of 0.4.",
    "in 12 epochs our first run came down to about 0.4.",
    holds="on ours",
)
def test_the_lowest_validation_loss_is_about_four_tenths_and_with_other_pictures_about_six():
    ours, others = plain()["val_loss"][:, :12].min(axis=1), on_other_pictures().min(axis=2)
    say(ours=ours, others=others)
    assert round(ours.mean(), 1) == 0.4 and round(others.mean(axis=1).max(), 1) == 0.6


@claim("sketch-read", "Another seed gives slightly other curves, other pictures give rather different ones,")
def test_other_pictures_change_more_than_other_seeds():
    of_seeds = plain()["val_loss"][:, :12].min(axis=1).std(ddof=1)
    of_pictures = on_other_pictures().min(axis=2).mean(axis=1).std(ddof=1)
    say(spread_over_seeds=[of_seeds], spread_over_pictures=[of_pictures])
    assert of_pictures > of_seeds


@lru_cache
def forty_epochs():
    return many(gap_trainer(), 40, FEW, dropout=0.0, batch_norm=False)


@claim(
    "sketch-read",
    "With these pictures the real one falls, turns within the first half, and then **rises** again, while the training"
    " loss (blue) goes on down towards zero.",
    holds="on ours",
)
def test_with_forty_epochs_validation_falls_turns_in_the_first_half_and_rises():
    best = forty_epochs()["val_loss"].argmin(axis=1) + 1
    say(best_epoch=best)
    assert best.min() > 1 and best.max() <= 20


@claim("key-points", "Training on towards zero and validation rising: overfitting.")
def test_with_forty_epochs_training_goes_on_towards_zero_and_validation_has_risen():
    runs = forty_epochs()
    lowest = runs["val_loss"].min(axis=1)
    say(end_over_lowest=end(runs["val_loss"]) / lowest, training_at_the_end=end(runs["loss"]))
    assert runs["val_loss"].argmin(axis=1).max() < 20
    assert (end(runs["val_loss"]) > 1.1 * lowest).all()  # risen: by a tenth at least
    assert (end(runs["loss"]) < at(runs, "loss", 1) / 10).all()


def names_of(runs):
    return [
        diagnose({key: list(values[seed]) for key, values in runs.items()}).pattern for seed in range(len(runs["loss"]))
    ]


@claim(
    "diagnose-read",
    "Here all eight: they were chosen to be clear cases.",
    "From another seed, or with other pictures, it may give one of them another name.",
    holds="on ours",
)
@pytest.mark.parametrize("name", list(causes.CAUSES))
def test_each_shape_is_called_so_by_diagnose(name):
    found = names_of(shape(name))
    print(f"  {name}: {found}")
    assert found.count(name) > len(found) / 2
    if name not in ("good fit", "still learning"):
        usual = names_of(shape("nothing applied"))
        assert usual.count(name) < len(usual) / 3  # it is not said of every curve


def test_the_settings_of_the_shapes_are_those_of_the_notebook():
    source = {cell.id: cell.source for cell in nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", 4).cells}
    for cell, name in (
        ("run-still", "still learning"),
        ("run-good", "good fit"),
        ("run-under", "underfitting"),
        ("run-over", "overfitting"),
        ("run-div", "diverging"),
        ("run-noisy", "noisy"),
        ("run-leak", "leak"),
        ("run-shuffled", "shuffled labels"),
    ):
        _, epochs, settings = trainers()[name]
        for word in (f"epochs={epochs}", *(f"{key}={value}" for key, value in settings.items())):
            assert word in source[cell], (cell, word)


@claim(
    "good",
    "Both losses are on their way down when training ends.",
    "(The accuracy may look finished already: many answers stay the same, and the network is getting surer of them.)",
)
@claim("shapes-read", "| still learning | falling at the end | falling at the end |")
@claim("key-points", "Both still falling: not finished.")
def test_shape_1_is_still_falling_and_its_accuracy_may_look_finished():
    runs = shape("still learning")
    fallen = {name: at(runs, name, 4) - at(runs, name, 6) for name in ("loss", "val_loss")}
    accuracy = at(runs, "val_accuracy", 6) - at(runs, "val_accuracy", 4)
    say(**{f"{name}_fallen_in_the_last_two": values for name, values in fallen.items()}, accuracy_gained=accuracy)
    assert min(values.min() for values in fallen.values()) > 0
    assert accuracy.min() < 0.015  # with some seed a point or less, rounded


def creeping(runs):
    """What the last third of the epochs brought, as a share of the whole fall of the validation loss."""
    loss = runs["val_loss"]
    third = loss.shape[1] // 3
    return (loss[:, -third - 1] - loss[:, -1]) / (loss[:, 0] - loss[:, -1])


@claim(
    "under",
    "Both have come down; here validation has levelled off and stayed near its lowest value.",
    "It may still creep down: compare what the last third of the epochs brought with the fall from the first to the"
    " last. Here it is a small part; in shape 1 it was a large one.",
    holds="on ours",
)
@claim("shapes-read", "good fit | low, flat or nearly so | levelled off near its lowest value |", holds="on ours")
def test_shape_2_has_levelled_off_near_its_lowest_value():
    runs = shape("good fit")
    lowest = runs["val_loss"].min(axis=1)
    say(
        end_over_lowest=end(runs["val_loss"]) / lowest,
        last_third=creeping(runs),
        of_shape_1=creeping(shape("still learning")),
    )
    assert (end(runs["loss"]) < at(runs, "loss", 1)).all() and (end(runs["val_loss"]) < at(runs, "val_loss", 1)).all()
    assert (end(runs["val_loss"]) < 1.1 * lowest).all()  # near: within a tenth
    assert creeping(runs).max() < 1 / 3 and (creeping(runs) < creeping(shape("still learning"))).all()


@claim(
    "under",
    "(In our run its accuracy lies above that of training most of the time, because of the dropout.)",
    holds="on ours",
)
def test_the_accuracy_of_shape_2_lies_above_training_most_of_the_time():
    runs = shape("good fit")
    above = (runs["val_accuracy"] > runs["accuracy"]).mean(axis=1)
    say(share_of_epochs_above=above)
    assert above.min() > 0.5


@claim(
    "over",
    "Both losses have levelled off, close together, and *both are high*: the network cannot even learn the pictures it"
    " sees.",
)
@claim("shapes-read", "underfitting | flat, *high* | flat, close to training |")
@claim("key-points", "Both high and flat: underfitting.")
def test_shape_3_is_flat_and_high():
    runs, low = shape("underfitting"), end(shape("overfitting")["loss"])
    ends = {name: end(runs[name]) for name in ("loss", "val_loss")}
    late = {name: runs[name][:, 37:40].mean(axis=1) - ends[name] for name in ends}
    say(
        **{f"{name}_at_the_end": values for name, values in ends.items()},
        larger_network=low,
        apart=ends["val_loss"] - ends["loss"],
    )
    for name in ends:
        assert (ends[name] > GUESSING / 2).all()  # nearer to guessing than to zero
        assert np.mean(np.abs(late[name]) < ends[name] / 10) > AS_A_RULE  # flat: within a tenth of its height
    assert (np.abs(ends["val_loss"] - ends["loss"]) < ends["loss"] / 4).all()
    assert low.max() < GUESSING / 2  # a larger network can learn them


@claim("over", "More epochs or more pictures are not what it lacks.")
@claim("shapes-read", "flat, close to training | a larger network |")
def test_neither_more_epochs_nor_more_pictures_help_a_network_that_is_too_small_as_a_larger_one_does():
    small = {"learning_rate": 0.01, "filters": 1, "pool": 24, "dropout": 0.3}
    settings = {"more epochs": (90, {**small, "n_train": 600}), "more pictures": (45, {**small, "n_train": 1200})}
    before = end(many(everything_trainer(), 45, FEW, n_train=600, **small)["val_loss"])
    gains = {
        name: before - end(many(everything_trainer(), epochs, FEW, **chosen)["val_loss"])
        for name, (epochs, chosen) in {**settings, "larger network": (12, {"n_train": 600})}.items()
    }
    say(**{name.replace(" ", "_"): gain for name, gain in gains.items()})
    assert gains["larger network"].min() > 0
    for name in settings:
        assert gains[name].mean() < gains["larger network"].mean() / 2


@claim(
    "div",
    "Training loss goes on towards zero; validation loss has turned, and is soon far above its lowest value.",
    "The validation accuracy loses far less: some points, or hardly any.",
)
@claim("over", "You have drawn the losses of a larger network over 40 epochs; those of this one go much the same way.")
@claim("shapes-read", "overfitting | on towards zero | turns and rises |")
def test_shape_4_turns_and_rises_and_its_accuracy_loses_far_less():
    runs = plain()
    best = runs["val_loss"].argmin(axis=1)
    risen = end(runs["val_loss"]) / runs["val_loss"].min(axis=1) - 1
    there = runs["val_accuracy"][np.arange(len(best)), best]
    lost = there - end(runs["val_accuracy"])
    say(best_epoch=best + 1, risen=risen, accuracy_lost=lost, training_at_the_end=end(runs["loss"]))
    assert best.max() < 20 and (end(runs["loss"]) < at(runs, "loss", 1) / 5).all()
    assert risen.min() > 0.1  # by a tenth at least
    assert (lost / there < risen / 3).all()


@claim(
    "noisy",
    "The first steps overshoot so far that the loss explodes: its first point is far above the picture.",
    "What is left of the network answers the same for every picture: a loss of 1.1 and an accuracy of 1/3, which is"
    " guessing.",
    "a first point far too high, and then never below what guessing costs.",
)
@claim("shapes-read", "diverging | explodes, or `nan` | anything | a smaller learning rate |")
def test_a_diverged_network_answers_the_same_for_every_picture():
    runs = shape("diverging")
    accuracy, shares = end(runs["val_accuracy"]), known().y_val.mean(axis=0)
    of_one_kind = np.abs(runs["val_accuracy"][:, -1:] - shares).min(axis=1)
    say(val_accuracy=accuracy, loss=end(runs["val_loss"]), first_loss=at(runs, "loss", 1))
    assert of_one_kind.max() < 1e-4 and np.abs(np.median(accuracy) - 1 / 3) < 0.05
    assert at(runs, "loss", 1).min() > 10 * GUESSING and abs(np.median(end(runs["val_loss"])) - GUESSING) < 0.1
    assert runs["val_loss"].min() > GUESSING - 0.01
    assert end(shape("nothing applied")["val_loss"]).max() < GUESSING  # with a smaller learning rate


@claim("leak", "Validation goes up and down from epoch to epoch.")
@claim("shapes-read", "noisy | falls, more or less | up and down |")
def test_shape_6_goes_up_and_down():
    noisy, usual = shape("noisy"), shape("nothing applied")
    rough, calm = ([zigzag(run) for run in runs["val_loss"]] for runs in (noisy, usual))
    say(zigzag=rough, of_the_usual_settings=calm)
    assert (np.sign(np.diff(noisy["val_loss"], axis=1)) > 0).mean() > 0.25  # up as well as down
    assert np.mean(rough) > 1.5 * np.mean(calm) and (end(noisy["loss"]) < at(noisy, "loss", 1)).all()


@claim("leak", "Larger batches calm the training; more validation pictures calm the measurement.")
@claim("shapes-read", "up and down | larger batches, more validation pictures |")
@pytest.mark.parametrize("what", ["larger batches", "more validation pictures"])
def test_each_of_the_two_calms_what_it_should(what):
    """One thing at a time: what the two do together says nothing about either."""
    noisy, (trainer, epochs, settings) = shape("noisy"), trainers()["noisy"]
    if what == "larger batches":
        before = many(trainer, epochs, **settings)["loss"]
        after = many(trainer, epochs, **{**settings, "batch_size": 32})["loss"]
    else:
        before, after = noisy["val_loss"], noisy["honest_loss"]
    before, after = (np.array([zigzag(run) for run in runs]) for runs in (before, after))
    say(zigzag_before=before, zigzag_after=after)
    assert after.mean() < before.mean() and (after < before).mean() > 0.5  # not every run: a calm one was calm before


@claim(
    "shuffled",
    "Validation follows training all the way down, and at the end there is no gap at all.",
    "It is too good to be true, and it is not true: the network has learned these very pictures by heart, and on new"
    " ones (grey) it is no better than any other that overfits.",
)
@claim("shapes-read", "leak | towards zero | the same, no gap at the end |")
def test_a_leak_promises_what_new_pictures_do_not_keep():
    runs = shape("leak")
    gap = end(runs["val_loss"]) - end(runs["loss"])
    honest, lowest = end(runs["honest_loss"]), runs["honest_loss"].min(axis=1)
    say(
        promised=end(runs["val_accuracy"]),
        kept=end(runs["honest_accuracy"]),
        gap=gap,
        honest_over_lowest=honest / lowest,
    )
    assert np.abs(gap).max() < 0.05 and end(runs["loss"]).max() < at(runs, "loss", 1).min() / 5
    assert end(runs["val_accuracy"]).min() > 0.95
    assert (honest > 1.1 * lowest).all() and (honest - end(runs["loss"]) > 5 * np.abs(gap)).all()


@claim(
    "shapes-read",
    "The training loss *does* fall: a network with enough weights can learn even nonsense by heart. But validation"
    " never gets better than at the start: it stays at the loss of guessing among three (about 1.1), and then rises.",
    "shuffled labels | falls slowly | never better than guessing |",
)
def test_shuffled_labels_are_learned_by_heart_and_validation_stays_at_guessing():
    runs = shape("shuffled labels")
    lowest = runs["val_loss"].min(axis=1)
    say(training_falls_to=end(runs["loss"]), lowest_validation=lowest, end=end(runs["val_loss"]))
    assert (end(runs["loss"]) < at(runs, "loss", 1) * 0.75).all() and (end(runs["loss"]) > end(plain()["loss"])).all()
    assert lowest.min() > GUESSING - 0.1 and (end(runs["val_loss"]) > GUESSING + 0.1).all()
    assert end(shape("nothing applied")["val_loss"]).max() < GUESSING - 0.1  # with the right labels


@lru_cache
def everything():
    return data.clothing(["T-shirt/top", "Dress", "Shirt"], one_hot=True)


@lru_cache
def everything_trainer():
    clothes = everything()
    return Trainer(known().build, clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val))


SUGGESTED = {
    "still learning": (8, {"learning_rate": 0.0001, "n_train": 600}),
    "overfitting": (40, {"n_train": 30}),
    "underfitting": (40, {"filters": 1, "pool": 24, "n_train": 600}),
    "diverging": (8, {"learning_rate": 0.5, "n_train": 600}),
}


@lru_cache
def suggested(name):
    epochs, settings = SUGGESTED[name]
    return names_of(many(everything_trainer(), epochs, FEW, **settings))


@claim(
    "explore-read",
    "As a rule: a learning rate of 0.0001 is still learning at 8 epochs; 30 pictures for 40 epochs overfit; one filter"
    " and `pool` 24 underfit (give them 40 epochs); a learning rate of 0.5 diverges.",
    holds="on most draws",
)
@pytest.mark.parametrize("name", SUGGESTED)
def test_the_settings_that_the_last_panel_suggests_make_what_they_promise(name):
    if name == "still learning":
        runs = many(everything_trainer(), 8, FEW, **SUGGESTED[name][1])
        assert all(
            (at(runs, loss, 8) < at(runs, loss, 6)).all() for loss in ("loss", "val_loss")
        )  # both fall at the end
        return
    found = suggested(name)
    others = [called for other in SUGGESTED if other != name for called in suggested(other)]
    print(f"  {found}, the others: {others}")
    assert found.count(name) > len(FEW) / 2 and others.count(name) < len(others) / 3  # it is not said of every curve


# The clinic: what is prescribed helps, on cases drawn as it draws them.


@lru_cache
def case_of(pattern, seed):
    """A case, and its history."""
    case = causes.draw_case(pattern, np.random.default_rng([1, seed]))
    return case, causes.train(known().build, everything(), case).history


@lru_cache
def treated(pattern, prescription):
    """Pairs (history before, history after) of three cases."""
    pairs = []
    for seed in SEEDS[:3]:
        case, before = case_of(pattern, seed)
        after = causes.train(known().build, everything(), causes.prescribe(prescription, case, before)).history
        pairs.append((before, after))
    return pairs


def settled(history, name="val_loss"):
    return float(np.median(history[name][-3:]))


def gains(pattern, prescription):
    """How far the validation loss of three cases comes down by a prescription, and by another seed alone."""
    return (
        np.array([settled(before) - settled(after) for before, after in treated(pattern, how)])
        for how in (prescription, "leave it as it is")
    )


@claim("shapes-read", "falling at the end | more epochs |")
@pytest.mark.parametrize(
    "pattern, prescription",
    [
        (pattern, name)
        for pattern in ("still learning", "underfitting", "overfitting", "diverging", "shuffled labels")
        for name in causes.HELPS[pattern]
        if name != "add dropout"
    ],
)
def test_what_helps_lowers_the_validation_loss_and_leaving_it_does_not(pattern, prescription):
    gain, left = gains(pattern, prescription)
    say(gain=gain, left_as_it_is=left)
    assert gain.min() > 0 and np.mean(gain) > np.mean(left)


@claim(
    "shapes-read",
    "turns and rises | more pictures, stop earlier; dropout often helps a little |",
    holds="on most draws",
)
def test_dropout_helps_a_little_against_overfitting_and_more_pictures_help_more():
    (gain, left), (of_pictures, _) = gains("overfitting", "add dropout"), gains("overfitting", "more training pictures")
    say(gain=gain, left_as_it_is=left, of_more_pictures=of_pictures)
    assert np.mean(left) < np.mean(gain) < np.mean(of_pictures) and np.mean(gain > left) > 0.5


def test_larger_batches_and_more_validation_pictures_calm_the_curve():
    pairs = treated("noisy", "larger batches and more validation pictures")
    before, after = (np.array([zigzag(np.array(pair[i]["val_loss"])) for pair in pairs]) for i in (0, 1))
    say(zigzag_before=before, zigzag_after=after)
    assert (after < before).all()


def test_without_the_leak_the_gap_appears():
    pairs = treated("leak", "take the validation pictures out of the training set")
    leaky, honest = (np.array([settled(pair[i]) - settled(pair[i], "loss") for pair in pairs]) for i in (0, 1))
    say(honest_gap=honest, gap_of_the_leak=leaky)
    assert (honest > leaky).all() and honest.min() > 0.05 > np.abs(leaky).max()
