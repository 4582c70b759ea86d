"""What lesson 2 claims, measured over several seeds. Run with -s to see the figures.

The networks and the data are the notebook's own: its cells are run to define them.
"""

from functools import lru_cache

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
from tests.claims import OTHER_SEEDS, SEEDS, at, lesson, many, say

pytestmark = pytest.mark.slow
NAME = "02_learning_curves"


@lru_cache
def builders():
    """(the plain network, the one of the gap panel, the one of the shapes, the data)."""
    plain = lesson(NAME, "load", "build")
    return (
        plain.build,
        lesson(NAME, "load", "build", "gap-builder").build,
        lesson(NAME, "load", "build", "shapes-builder").build,
        plain.clothes,
    )


@lru_cache
def plain():
    build, _, _, clothes = builders()
    return many(Trainer(build, *training_and_validation(clothes)), 40)


@lru_cache
def gap_trainer():
    _, build, _, clothes = builders()
    return Trainer(build, *training_and_validation(clothes), measure=Remeasure())


@lru_cache
def parts(epochs, seeds=SEEDS, **settings):
    """The parts of the gap, each of shape (seeds, epochs), and the histories."""
    histories = [gap_trainer().run(settings, epochs, seed=seed) for seed in seeds]
    found = [parts_of(history) for history in histories]
    return {name: np.array([part[name] for part in found]) for name in found[0]}, many(
        gap_trainer(), epochs, seeds, **settings
    )


def share_below(values, other):
    return float(np.mean(values < other))


def test_the_counts_are_those_of_the_prose():
    build, gap_build, _, clothes = builders()
    assert 26000 < build().count_params() < 27000
    assert round(gap_build().count_params(), -3) == 277_000  # the network that is sketched
    assert (len(clothes.x_train), len(clothes.x_val), clothes.x.shape[1:]) == (600, 150, (28, 28, 1))


def test_loss_falls_fast_then_slowly_and_validation_levels_off_above_training():
    runs = plain()
    early = at(runs, "loss", 1) - at(runs, "loss", 4)
    late = at(runs, "loss", 9) - at(runs, "loss", 12)
    say(fallen_in_3_epochs=early, fallen_in_the_last_3=late)
    assert (early > 3 * late).all() and late.mean() > 0
    gap = runs["val_loss"][:, 9:12].mean(axis=1) - runs["loss"][:, 9:12].mean(axis=1)
    rest = runs["val_loss"][:, 4:6].mean(axis=1) - runs["val_loss"][:, 10:12].mean(axis=1)
    say(validation_above_training=gap, validation_still_falls=rest)
    assert gap.min() > 0.03 and np.abs(rest).max() < 0.12
    assert (runs["accuracy"][:, 9:12].mean(axis=1) > runs["val_accuracy"][:, 9:12].mean(axis=1)).mean() > 0.7


def test_in_the_first_epoch_validation_is_below_training_and_averaging_is_why():
    found, runs = parts(12, dropout=0.0, batch_norm=False)
    below = at(runs, "loss", 1) - at(runs, "val_loss", 1)
    averaging = found["averaging"][:, 0]
    say(below_in_epoch_1=below, averaging=averaging, new_pictures=found["new pictures"][:, 0])
    assert below.min() > 0.05 and (averaging > 2 / 3 * below).all()
    later = found["averaging"][:, 8:].mean(axis=1)  # little changes within an epoch: the effect, nearly switched off
    say(averaging_at_the_end=later)
    assert (later < 0.5 * averaging).all() and later.mean() < 0.25 * averaging.mean()


@pytest.mark.parametrize("draw", [0, 11, 12, 13])
def test_on_other_pictures_too_the_first_epoch_begins_so_and_forty_epochs_turn_and_rise(draw):
    """The network of the first chart and that of the sketch, each on the pictures of the lesson and dealt anew."""
    clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=600, n_validation=150, one_hot=True, seed=draw)
    for build in builders()[:2]:
        runs = many(Trainer(build, *training_and_validation(clothes)), 40, range(100, 102))
        ahead = at(runs, "loss", 1) - at(runs, "val_loss", 1)
        best, lowest = runs["val_loss"].argmin(axis=1) + 1, runs["val_loss"].min(axis=1)
        rise = runs["val_loss"][:, -3:].mean(axis=1) / lowest
        say(validation_ahead_at_1=ahead, best_epoch=best, lowest=lowest, end_over_lowest=rise)
        assert ahead.min() > 0 and best.max() <= 20 and rise.min() > 1.2


def test_at_the_end_what_is_left_is_new_pictures():
    found, runs = parts(12, dropout=0.0, batch_norm=False)
    new = -found["new pictures"][:, 9:].mean(axis=1)
    say(new_pictures_at_the_end=new)
    assert new.min() > 0.1 and (new > 3 * np.abs(found["averaging"][:, 9:].mean(axis=1))).all()
    assert np.abs(found["new pictures"][:, 0]).max() < new.min()


def test_much_dropout_makes_a_part_that_stays():
    with_dropout, runs = parts(12, dropout=0.8, batch_norm=False)
    without, _ = parts(12, dropout=0.0, batch_norm=False)
    early, late = with_dropout["dropout"][:, :3].mean(axis=1), with_dropout["dropout"][:, 8:].mean(axis=1)
    say(
        dropout_part_early=early,
        dropout_part_late=late,
        green_below_blue=(runs["loss"] - runs["inference"])[:, 8:].mean(axis=1),
    )
    assert early.min() > 0.05 and late.min() > 0.1 and (runs["loss"] > runs["inference"]).all()
    assert (runs["loss"] > runs["val_loss"]).mean() > 0.9  # validation stays below training
    assert (without["dropout"] == 0).all()


def test_batch_norm_brings_a_part_that_makes_validation_look_worse():
    found, _ = parts(8, dropout=0.0, batch_norm=True)
    without, _ = parts(12, dropout=0.0, batch_norm=False)
    part = found["batch norm"][:, 2:8].mean(axis=1)
    say(batch_norm_part=part)
    assert part.max() < -0.1 and (without["batch norm"] == 0).all()


def test_with_forty_epochs_validation_turns_in_the_first_half_and_rises():
    runs = plain()
    best = runs["val_loss"].argmin(axis=1) + 1
    rise = at(runs, "val_loss", 40) / runs["val_loss"].min(axis=1)
    say(
        best_epoch=best,
        end_over_lowest=rise,
        training_at_the_end=at(runs, "loss", 40),
        lowest=runs["val_loss"].min(axis=1),
    )
    assert best.max() <= 20 and rise.min() > 1.2 and at(runs, "loss", 40).max() < 0.12
    assert runs["val_loss"].min(axis=1).min() > 0.3 and runs["val_loss"].min(axis=1).max() < 0.5
    short = at(runs, "val_loss", 6) / runs["val_loss"][:, :6].min(axis=1)  # stopped in time there is no such rise
    assert short.max() < 1.2


@lru_cache
def trainers():
    """For each shape of the notebook: the trainer on its data, and how it is trained there."""
    known = lesson(NAME, "load", "build", "shapes-builder", "train")
    build, x, y, x_val, y_val, clothes = known.build, known.x, known.y, known.x_val, known.y_val, known.clothes
    mixed = np.random.default_rng(0).permutation(len(clothes.y))
    usual = Trainer(build, x, y, (x_val, y_val))
    return {
        "still learning": (usual, 6, {"learning_rate": 0.0001}),
        "good fit": (usual, 16, {"learning_rate": 0.0005, "dropout": 0.6}),
        "underfitting": (usual, 60, {"learning_rate": 0.01, "filters": 1, "pool": 24, "dropout": 0.3}),
        "overfitting": (usual, 40, {}),
        "diverging": (usual, 15, {"learning_rate": 0.5}),
        "noisy": (
            Trainer(build, x, y, (x_val[:12], y_val[:12])),
            20,
            {"learning_rate": 0.007, "dropout": 0.5, "batch_size": 4},
        ),
        "leak": (Trainer(build, x[:300], y[:300], (x[:100], y[:100])), 50, {}),
        "shuffled labels": (
            Trainer(build, clothes.x[:300], clothes.y[mixed][:300], (clothes.x[-150:], clothes.y[mixed][-150:])),
            40,
            {},
        ),
        "nothing applied": (usual, 12, {}),
    }


@lru_cache
def shape(name, seeds=SEEDS):
    trainer, epochs, settings = trainers()[name]
    return many(trainer, epochs, seeds, **settings)


def names_of(runs):
    return [
        diagnose({key: list(values[seed]) for key, values in runs.items()}).pattern for seed in range(len(runs["loss"]))
    ]


@pytest.mark.parametrize("name", [name for name in causes.CAUSES])
def test_each_shape_is_what_it_is_called(name):
    found = names_of(shape(name))
    print(f"  {name}: {found}")
    assert found == [name] * len(SEEDS)
    if name not in ("good fit", "still learning"):
        assert name not in names_of(shape("nothing applied"))


def test_the_settings_of_the_shapes_are_those_of_the_notebook():
    import nbformat

    from tests.browser.lab import ROOT

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


def test_a_diverged_network_answers_the_same_for_every_picture():
    accuracy = at(shape("diverging"), "val_accuracy", 15)
    say(val_accuracy=accuracy, first_loss=at(shape("diverging"), "loss", 1))
    assert accuracy.max() < 0.45 and at(shape("diverging"), "loss", 1).min() > 10
    assert shape("diverging")["val_loss"].min() > np.log(3) - 0.01  # never below what guessing costs
    assert at(shape("nothing applied"), "val_accuracy", 12).min() > 0.7


def test_a_leak_promises_what_new_pictures_do_not_keep():
    """Trained on the same 300 pictures: the leak's own validation against that on pictures it has not seen."""
    promised = at(shape("leak"), "val_accuracy", 50)
    _, _, build, clothes = builders()
    honest = many(Trainer(build, clothes.x_train[:300], clothes.y_train[:300], (clothes.x_val, clothes.y_val)), 50)
    kept = at(honest, "val_accuracy", 50)
    say(promised=promised, kept=kept)
    assert promised.min() > 0.97 and kept.max() < 0.9


def test_shuffled_labels_are_learned_by_heart_and_validation_stays_at_guessing():
    runs = shape("shuffled labels")
    say(
        training_falls_to=at(runs, "loss", 40),
        lowest_validation=runs["val_loss"].min(axis=1),
        end=at(runs, "val_loss", 40),
    )
    assert at(runs, "loss", 40).max() < 0.6 and runs["val_loss"].min() > 1.0 and at(runs, "val_loss", 40).min() > 1.3
    assert at(shape("nothing applied"), "val_loss", 12).max() < 0.7  # with the right labels it gets far below guessing


@pytest.mark.parametrize(
    "name, epochs, settings",
    [
        ("still learning", 8, {"learning_rate": 0.0001, "n_train": 600}),
        ("overfitting", 40, {"n_train": 30}),
        ("underfitting", 40, {"filters": 1, "pool": 24, "n_train": 600}),
        ("diverging", 8, {"learning_rate": 0.5, "n_train": 600}),
    ],
)
def test_the_settings_that_the_last_panel_suggests_make_what_they_promise(name, epochs, settings):
    build, clothes = everything()
    trainer = Trainer(build, clothes.x_train, clothes.y_train, (clothes.x_val, clothes.y_val))
    assert names_of(many(trainer, epochs, range(5), **settings)) == [name] * 5
    assert name not in names_of(many(trainer, 12, range(5), n_train=600))  # the panel's own settings, a little longer


# The clinic: what is prescribed helps, over several draws.


@lru_cache
def everything():
    known = lesson(NAME, "load", "build", "shapes-builder")
    return known.build, data.clothing(["T-shirt/top", "Dress", "Shirt"], one_hot=True)


@lru_cache
def treated(pattern, prescription):
    """Pairs (history before, history after) of five cases."""
    build, clothes = everything()
    pairs = []
    for seed in range(5):
        case = causes.draw_case(pattern, np.random.default_rng([1, seed]))
        before = causes.train(build, clothes, case).history
        after = causes.train(build, clothes, causes.prescribe(prescription, case, before)).history
        pairs.append((before, after))
    return pairs


def end(history, name="val_loss"):
    return float(np.median(history[name][-3:]))


@pytest.mark.parametrize(
    "pattern, prescription",
    [
        (pattern, name)
        for pattern in ("still learning", "underfitting", "overfitting", "diverging", "shuffled labels")
        for name in causes.HELPS[pattern]
    ],
)
def test_what_helps_lowers_the_validation_loss_and_leaving_it_does_not(pattern, prescription):
    gain = np.array([end(before) - end(after) for before, after in treated(pattern, prescription)])
    left = np.array([end(before) - end(after) for before, after in treated(pattern, "leave it as it is")])
    say(gain=gain, left_as_it_is=left)
    assert gain.min() > 0.03 and gain.mean() > left.mean() + 0.03


def test_larger_batches_and_more_validation_pictures_calm_the_curve():
    ratio = [
        zigzag(np.array(before["val_loss"])) / max(zigzag(np.array(after["val_loss"])), 1e-3)
        for before, after in treated("noisy", "larger batches and more validation images")
    ]
    left = [
        zigzag(np.array(before["val_loss"])) / zigzag(np.array(after["val_loss"]))
        for before, after in treated("noisy", "leave it as it is")
    ]
    say(zigzag_before_over_after=ratio, left_as_it_is=left)
    assert min(ratio) > 1.5 and min(left) < 1.5


@pytest.mark.parametrize("what", ["larger batches", "more validation pictures"])
def test_each_of_the_two_calms_what_it_should(what):
    """One thing at a time: what the two do together says nothing about either."""
    known = lesson(NAME, "load", "build", "shapes-builder", "train")
    noisy = shape("noisy")
    if what == "larger batches":
        trainer = Trainer(known.build, known.x, known.y, (known.x_val[:12], known.y_val[:12]))
        calm, curve = many(trainer, 20, learning_rate=0.007, dropout=0.5, batch_size=32), "loss"
    else:
        trainer = Trainer(known.build, known.x, known.y, (known.x_val, known.y_val))
        calm, curve = many(trainer, 20, learning_rate=0.007, dropout=0.5, batch_size=4), "val_loss"
    before, after = ([zigzag(run) for run in runs[curve]] for runs in (noisy, calm))
    say(zigzag_before=before, zigzag_after=after)
    assert np.median(after) < 0.7 * np.median(before)


def test_without_the_leak_the_gap_appears():
    gaps = [
        end(after) - end(after, "loss")
        for _, after in treated("leak", "take the validation images out of the training set")
    ]
    leaky = [
        end(before) - end(before, "loss")
        for before, _ in treated("leak", "take the validation images out of the training set")
    ]
    say(honest_gap=gaps, gap_of_the_leak=leaky)
    assert min(gaps) > 0.2 and max(leaky) < 0.1


def test_the_controls_would_fail():
    """Eight other seeds of one setting: none of the comparisons above would find an effect between these."""
    _, _, build, clothes = builders()
    trainer = Trainer(build, *training_and_validation(clothes))
    one, other = many(trainer, 12), many(trainer, 12, OTHER_SEEDS)
    assert (
        not at(one, "loss", 12).max() < at(other, "loss", 12).min()
        and not at(other, "loss", 12).max() < at(one, "loss", 12).min()
    )
    assert 0.05 < share_below(at(one, "val_loss", 12), at(other, "val_loss", 12)) < 0.95
