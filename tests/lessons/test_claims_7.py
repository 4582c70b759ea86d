"""What lesson 7 says of scaling, of baselines, of a rare class and of schedules, over seeds and splits."""

from functools import lru_cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split

from helpers import engine
from helpers.data import clothing
from helpers.engine.trainer import Trainer
from helpers.error_bars import interval, paired
from helpers.exercises import lesson_7
from tests.claims import SEEDS, at, claim, lesson, many, say

pytestmark = pytest.mark.slow
DRAWS = range(2)
APART = "they cannot be told apart", "nothing tells them apart"
NINE_TIMES = {0: 1, 1: 9}


def known():
    return lesson("07_your_own", "table", "build", "split", "build-shirts", "schedule", "diabetes")


@lru_cache
def lumps(draw):
    """The lesson's table, split anew: rest, train, val and test, each (rows, labels), as they are."""
    rest_x, test_x, rest_y, test_y = train_test_split(
        known().x, known().y, test_size=0.2, stratify=known().y, random_state=draw
    )
    x, val_x, y, val_y = train_test_split(rest_x, rest_y, test_size=0.25, stratify=rest_y, random_state=draw)
    return SimpleNamespace(rest=(rest_x, rest_y), train=(x, y), val=(val_x, val_y), test=(test_x, test_y))


def scaled(table, by):
    return ((table[0] - by[0].mean(axis=0)) / by[0].std(axis=0)).astype("float32"), table[1]


@lru_cache
def trainer(draw, is_scaled=True):
    parts = lumps(draw)
    train, val = (scaled(part, parts.train) if is_scaled else part for part in (parts.train, parts.val))
    return Trainer(known().build, *train, val)


def lowest(histories):
    return histories["val_loss"].min(axis=1)


@pytest.mark.parametrize("draw", DRAWS)
@claim(
    "scaling-read",
    "The curve of the table as it is begins somewhere above the picture",
    "It recovers, but after 20 epochs it is still behind.",
)
def test_scaled_columns_are_learned_faster_and_better(draw):
    with_it, without = many(trainer(draw), 20), many(trainer(draw, is_scaled=False), 20)
    say(scaled=lowest(with_it), as_it_is=lowest(without), first_as_it_is=at(without, "val_loss", 1))
    assert np.median(at(without, "val_loss", 1)) > 2  # where the picture ends
    assert (at(without, "val_loss", 20) < at(without, "val_loss", 1)).mean() > 0.8
    assert (lowest(with_it) < lowest(without)).all()


@pytest.mark.parametrize("draw", DRAWS)
@claim(
    "network-read",
    "The two disagree on a handful of the 114 rows",
    "We have tried it with other seeds and other splits: they cannot be told apart.",
    'So the honest answer to "which network for this table?" is *none*',
)
@claim("key-points", "On small tables the simple model is often as good.")
def test_the_network_cannot_be_told_from_logistic_regression(draw):
    parts = lumps(draw)
    (x, y), (val_x, val_y) = scaled(parts.train, parts.train), scaled(parts.val, parts.train)
    by_line = LogisticRegression(max_iter=1000).fit(x, y).predict(val_x) == val_y
    by_network = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        model = known().build()
        stop = keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)
        engine.fit(model, x, y, (val_x, val_y), epochs=60, seed=seed, callbacks=[stop])
        by_network.append((model.predict(val_x, verbose=0)[:, 0] > 0.5) == val_y)
    disagree = [(by_line != right).sum() for right in by_network]
    say(line=[by_line.mean()], network=[right.mean() for right in by_network], disagree=disagree)
    assert all(paired(by_line, right).endswith(tuple(f"{words}." for words in APART)) for right in by_network)
    assert np.mean(disagree) <= 6  # "a handful"


@claim("folds-read", "Which rows are held out makes more difference here than which seed we take.")
def test_which_rows_are_held_out_makes_more_difference_than_the_seed():
    folds_apart, seeds_apart = [], []
    for draw in DRAWS:
        accuracies = []
        for fold, held in StratifiedKFold(5, shuffle=True, random_state=0).split(*lumps(draw).rest):
            train, val = (tuple(part[rows] for part in lumps(draw).rest) for rows in (fold, held))
            one = Trainer(known().build, *scaled(train, train), scaled(val, train))
            accuracies.append(at(many(one, 15, SEEDS[:5]), "val_accuracy", 15))  # as many seeds as there are folds
        folds_apart.append(np.ptp(accuracies, axis=0).mean())
        seeds_apart.append(np.ptp(accuracies, axis=1).mean())
    say(folds=folds_apart, seeds=seeds_apart)
    assert np.greater(folds_apart, seeds_apart).all()


@pytest.mark.parametrize("draw", DRAWS)
@claim(
    "panel-read",
    "Hardly anything moves the validation accuracy by more than a row or two, not even a single hidden unit",
)
def test_a_single_unit_is_enough(draw):
    plain, one_unit = (many(trainer(draw), 30, **settings)["val_accuracy"] for settings in ({}, {"units": 1}))
    moved = np.abs(plain.max(axis=1) - one_unit.max(axis=1)) * 114
    say(rows_moved=moved)
    assert np.mean(moved) < 2.5  # rounded, "a row or two"


@claim(
    "panel-read",
    "With 40 rows the training loss still goes nearly to zero, and the validation loss mostly stays higher",
)
def test_forty_rows_are_learned_by_heart():
    plain, few = ([many(trainer(draw), 30, n_train=rows) for draw in range(4)] for rows in (341, 40))
    higher = [np.mean(lowest(a) - lowest(b)) for a, b in zip(few, plain, strict=True)]
    say(higher_by=higher, training_loss=[at(run, "loss", 30).mean() for run in few])
    assert max(at(run, "loss", 30).max() for run in few) < 0.66 / 10  # of guessing, a tenth
    assert np.mean(np.array(higher) > 0) > 0.5


@pytest.mark.parametrize("draw", DRAWS)
@claim("panel-read", "At 0.1 the validation loss ends above its lowest point, with most seeds.")
def test_with_a_large_rate_the_validation_loss_ends_above_its_lowest_point(draw):
    fast = many(trainer(draw), 30, learning_rate=0.1)
    times = at(fast, "val_loss", 30) / lowest(fast)
    say(end_times_lowest=times)
    assert (times > 1.1).mean() > 0.5


@lru_cache
def shirts(draw):
    """2,000 pictures as the lesson writes them into files, dealt anew: learn and check, each (pictures, labels)."""
    clothes = clothing(n_train=1600, n_validation=400, seed=draw)
    order = np.random.default_rng(draw).permutation(len(clothes.x))
    x, y = (255 * clothes.x)[order].round(), (clothes.y == clothes.class_names.index("Shirt"))[order].astype(int)
    return SimpleNamespace(learn=(x[:1600], y[:1600]), check=(x[1600:], y[1600:]))


@lru_cache
def answers(draw, is_weighted):
    """What the lesson's network says to the pictures for checking, from each seed: shape (seeds, pictures)."""
    found = []
    one = Trainer(
        known().build_shirts,
        *shirts(draw).learn,
        shirts(draw).check,
        class_weight=NINE_TIMES if is_weighted else None,
        save=lambda model, epoch: found.append(model(shirts(draw).check[0], training=False).numpy()[:, 0]),
    )
    many(one, 15)
    return np.array(found)[14::15]  # after the last epoch


@pytest.mark.parametrize("draw", DRAWS)
@claim(
    "rare-read",
    'Without weights the accuracy is the higher one, and hardly above that of always saying "other": many shirts are'
    " missed, often more than half.",
    "With weights, and with nearly every seed, most shirts are found, and about half of what is called a shirt is"
    " none, or more.",
)
@claim("key-points", "Where a class is rare, accuracy is mostly its share.", "Class weights buy recall with precision")
def test_class_weights_buy_recall_with_precision(draw):
    truth = shirts(draw).check[1]

    def figures(is_weighted):
        says = answers(draw, is_weighted) > 0.5
        found = (says & (truth == 1)).sum(axis=1)
        return SimpleNamespace(
            recall=found / truth.sum(), precision=found / says.sum(axis=1), accuracy=(says == truth).mean(axis=1)
        )

    plain, weighted = figures(False), figures(True)
    say(**{f"{name}_plain": value for name, value in vars(plain).items()})
    say(**{f"{name}_weighted": value for name, value in vars(weighted).items()})
    assert (weighted.recall > plain.recall).mean() > 0.8 and np.mean(weighted.precision) < np.mean(plain.precision)
    assert np.mean(plain.accuracy) > np.mean(weighted.accuracy)
    assert abs(np.mean(plain.accuracy) - np.mean(truth == 0)) < 0.05  # "hardly": less than half of the one in ten
    assert (plain.recall < 0.5).any() and (weighted.recall > 0.5).mean() > 0.8
    assert np.mean(weighted.precision) < 0.55  # "about half … is none, or more"


@pytest.mark.parametrize("draw", DRAWS)
@claim(
    "reliability-read",
    "The network without weights more or less keeps its promises.",
    "that is what its answers say: where it says 0.5, hardly one in five is a shirt",
    "`p > 0.2` in place of `p > 0.5` finds more shirts, too, and 0.2 still means what it says.",
)
@claim("key-points", "and spoil the probabilities")
def test_who_weighs_classes_loses_the_probabilities(draw):
    truth, plain, weighted = shirts(draw).check[1], answers(draw, False), answers(draw, True)

    def kept(says, low, high):  # the share of shirts among the answers in between, of all seeds together
        return np.broadcast_to(truth, says.shape)[(says > low) & (says < high)].mean()

    say(share=[truth.mean()], plain=plain.mean(axis=1), weighted=weighted.mean(axis=1))
    say(kept_at_half=kept(weighted, 0.4, 0.6), kept_at_a_fifth_without_weights=kept(plain, 0.1, 0.3))
    assert (weighted.mean(axis=1) > plain.mean(axis=1)).all() and np.mean(weighted) > 1.2 * truth.mean()
    assert abs(np.mean(plain) - truth.mean()) < abs(np.mean(weighted) - truth.mean())
    assert kept(weighted, 0.4, 0.6) < 0.3  # "hardly one in five", where half was promised
    assert abs(kept(plain, 0.1, 0.3) - 0.2) < 0.1 and (plain > 0.2).sum() > (plain > 0.5).sum()


@lru_cache
def scheduled(draw, rate):
    """The runs with a constant rate and with a falling one."""
    one = Trainer(known().build_falling, *shirts(draw).learn, shirts(draw).check)
    return [many(one, 20, learning_rate=rate, falling=falling) for falling in (False, True)]


@pytest.mark.parametrize("draw", DRAWS)
@claim(
    "schedule-read",
    "The last ones become smooth, in training and in validation, because the steps are tiny by then.",
    "At 0.001 the end becomes just as flat",
    "with a falling rate *every* end is flat",
)
@claim(
    "key-points",
    "A falling learning rate calms the end of a curve and makes it flat, whether or not the network was done.",
)
def test_a_falling_rate_makes_the_end_flat(draw):
    for rate in (0.01, 0.001):
        for name in ("loss", "val_loss"):
            steps = [np.abs(np.diff(run[name][:, -6:])).mean(axis=1) for run in scheduled(draw, rate)]
            say(**{f"{name}_{rate}_constant": steps[0], f"{name}_{rate}_falling": steps[1]})
            assert np.mean(steps[1]) < np.mean(steps[0]) / 2 and (steps[1] < steps[0]).mean() > 0.8


@pytest.mark.parametrize("draw", DRAWS)
@claim("schedule-read", "At 0.01 the validation loss also ends lower, with most seeds")
def test_with_a_large_rate_the_schedule_ends_lower(draw):
    constant, falling = (at(run, "val_loss", 20) for run in scheduled(draw, 0.01))
    say(end_lower_by=constant - falling)
    assert (falling < constant).mean() > 0.5


@pytest.mark.parametrize("draw", DRAWS)
@claim("schedule-read", "there the *training* loss ends higher than with the constant rate")
def test_with_a_small_rate_the_schedule_was_stopped_too_soon(draw):
    constant, falling = (at(run, "loss", 20) for run in scheduled(draw, 0.001))
    say(end_higher_by=falling - constant)
    assert (falling > constant).all()


def regression(rescaled=True):
    """The solution of exercise 3, or the same without its last layer."""
    names, solution = {"keras": keras, "layers": layers}, lesson_7.check_regression.solution
    last = "layers.Rescaling(77, offset=152),"
    assert last in solution
    exec(solution if rescaled else solution.replace(last, ""), names)
    return names["regression"]


@pytest.mark.parametrize("draw", DRAWS)
@claim("together-intro", "the mean is off by about 66")
@claim(
    "together-read",
    "The network is off by some 45, the mean by some 65, a little more or less in each fold",
    "It is as good as the network.",
    "And if you leave out `Rescaling`, the network is hardly better than the mean, or worse",
)
@claim("network-read", "On tables with a few hundred rows a simple model is often as good as a network")
def test_on_the_diabetes_table_the_network_beats_the_mean_and_not_the_line(draw):
    people, course = known().people, known().course
    order = np.random.default_rng([SEEDS.start, draw]).permutation(len(people))
    networks, bare, means, lines = [], [], [], []
    for held in np.array_split(order, 5):
        fold = np.setdiff1d(order, held)
        train, val = (people[fold], course[fold]), (people[held], course[held])
        (x, y), (val_x, val_y) = scaled(train, train), scaled(val, train)
        of_network, of_bare = (
            many(Trainer(build, x, y, (val_x, val_y)), 15, SEEDS[:4]) for build in (regression(), regression(False))
        )
        networks.append(at(of_network, "val_mae", 15))
        bare.append(at(of_bare, "val_mae", 15))
        means.append(np.abs(val_y - y.mean()).mean())
        lines.append(np.abs(val_y - LinearRegression().fit(x, y).predict(val_x)).mean())
    networks, bare, means, lines = (np.array(each).mean(axis=0) for each in (networks, bare, means, lines))
    say(network=networks, without_rescaling=bare, mean=[means], line=[lines])
    assert abs(np.mean(networks) - 45) < 5 and abs(means - 65) < 5  # "some"
    assert abs(np.mean(networks) - lines) < (means - lines) / 5  # "as good": beside what the mean is worse
    assert np.mean(bare) > means - (means - lines) / 3  # "hardly better than the mean, or worse"


def test_the_figures_of_the_quiz():
    assert [round(end, 2) for end in interval(182, 200)] == [0.86, 0.94] and interval(182, 200)[0] < 0.90
    assert [round(end, 2) for end in interval(190, 200)] == [0.91, 0.97] and interval(190, 200)[0] > 0.90
    assert interval(180, 200)[1] > interval(190, 200)[0]  # "they do, a little"
    assert np.ptp(interval(970, 1000)) / 2 < 0.015
    assert round(-(0.02 * np.log(0.02) + 0.98 * np.log(0.98)), 3) == 0.098
