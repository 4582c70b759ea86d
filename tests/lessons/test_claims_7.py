"""What lesson 7 says of scaling, of baselines, of a rare class and of schedules, over several seeds and several splits.

Each claim is asserted, and then that it does not hold with its effect switched off.
"""

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
from tests.claims import OTHER_SEEDS, SEEDS, at, lesson, many, say

pytestmark = pytest.mark.slow
DRAWS = range(4)
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
def test_scaled_columns_are_learned_faster_and_better(draw):
    with_it, without = many(trainer(draw), 20), many(trainer(draw, is_scaled=False), 20)
    control = many(trainer(draw), 20, OTHER_SEEDS)
    say(scaled=lowest(with_it), as_it_is=lowest(without), first=at(with_it, "val_loss", 1))
    assert (lowest(with_it) < lowest(without)).all() and not (lowest(control) < lowest(with_it)).all()
    guessing = -np.log([known().y.mean(), 1 - known().y.mean()]) @ [known().y.mean(), 1 - known().y.mean()]
    assert round(guessing, 2) == 0.66
    assert at(with_it, "val_loss", 1).max() < guessing  # "below guessing from the first epoch on"
    assert np.median(at(without, "val_loss", 1)) > 2  # "somewhere above the picture"


def answers(draw, seed, labels=None):
    """Whether the lesson's network, stopped early, is right on each validation row."""
    parts = lumps(draw)
    (x, y), (val_x, val_y) = scaled(parts.train, parts.train), scaled(parts.val, parts.train)
    keras.utils.set_random_seed(seed)
    model = known().build()
    stop = keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)
    told = {"validation_data": (val_x, val_y), "epochs": 60, "seed": seed, "callbacks": [stop]}
    engine.fit(model, x, y if labels is None else labels, **told)
    return (model.predict(val_x, verbose=0)[:, 0] > 0.5) == val_y


@pytest.mark.parametrize("draw", DRAWS)
def test_the_network_cannot_be_told_from_logistic_regression(draw):
    parts = lumps(draw)
    (x, y), (val_x, val_y) = scaled(parts.train, parts.train), scaled(parts.val, parts.train)
    by_line = LogisticRegression(max_iter=1000).fit(x, y).predict(val_x) == val_y
    by_network = [answers(draw, seed) for seed in SEEDS]
    say(line=[by_line.mean()], network=[right.mean() for right in by_network])
    assert all(paired(by_line, right).endswith(tuple(f"{words}." for words in APART)) for right in by_network)
    assert max((by_line != right).sum() for right in by_network) <= 6  # "on a handful of the 114 rows"
    nonsense = answers(draw, 0, labels=np.random.default_rng(0).permutation(y))
    assert not paired(by_line, nonsense).endswith(tuple(f"{words}." for words in APART))


def test_which_rows_are_held_out_makes_more_difference_than_the_seed():
    folds_apart, seeds_apart, others_apart = [], [], []
    for draw in DRAWS:
        accuracies = []
        for fold, held in StratifiedKFold(5, shuffle=True, random_state=0).split(*lumps(draw).rest):
            train, val = (tuple(part[rows] for part in lumps(draw).rest) for rows in (fold, held))
            one = Trainer(known().build, *scaled(train, train), scaled(val, train))
            accuracies.append(at(many(one, 20), "val_accuracy", 15))
        accuracies = np.array(accuracies)  # (folds, seeds)
        folds_apart.append(np.ptp(accuracies, axis=0).mean())
        seeds_apart.append(np.ptp(accuracies[:, :5], axis=1).mean())  # as many seeds as there are folds
        others_apart.append(np.ptp(accuracies[:, -5:], axis=1).mean())
    say(folds=folds_apart, seeds=seeds_apart, other_seeds=others_apart)
    assert (np.array(folds_apart) > seeds_apart).all() and not (np.array(others_apart) > seeds_apart).all()


@pytest.mark.parametrize("draw", DRAWS)
def test_what_the_first_panel_s_suggestions_show(draw):
    plain, one_unit, few, fast = (
        many(trainer(draw), 30, **settings) for settings in ({}, {"units": 1}, {"n_train": 40}, {"learning_rate": 0.1})
    )
    best, of_one = (run["val_accuracy"].max(axis=1) for run in (plain, one_unit))
    say(plain=best, one_unit=of_one, few=lowest(few), all_rows=lowest(plain), few_end=at(few, "loss", 30))
    assert np.abs(best - of_one).max() < 3.5 / 114  # "more than a row or two", three for one seed
    assert np.mean(best - of_one) < 2 / 114
    assert at(few, "loss", 30).max() < 0.05  # "training loss still goes to zero"
    assert np.mean(lowest(few)) > np.mean(lowest(plain)) + 0.02  # "and the validation loss stays higher"
    assert np.mean(lowest(many(trainer(draw), 30, OTHER_SEEDS))) < np.mean(lowest(plain)) + 0.02
    assert (at(fast, "val_loss", 30) > 1.1 * lowest(fast)).mean() > 0.5  # "with most seeds"


@lru_cache
def shirts(draw):
    """2,000 pictures as the lesson writes them into files, dealt anew: learn and check, each (pictures, labels)."""
    clothes = clothing(n_train=1600, n_validation=400, seed=draw)
    order = np.random.default_rng(draw).permutation(len(clothes.x))
    x, y = (255 * clothes.x)[order].round(), (clothes.y == clothes.class_names.index("Shirt"))[order].astype(int)
    return SimpleNamespace(learn=(x[:1600], y[:1600]), check=(x[1600:], y[1600:]))


def shirt_runs(draw, class_weight=None, seeds=SEEDS):
    return many(
        Trainer(known().build_shirts, *shirts(draw).learn, shirts(draw).check, class_weight=class_weight), 15, seeds
    )


@pytest.mark.parametrize("draw", DRAWS)
def test_class_weights_buy_recall_with_precision(draw):
    plain, weighted, control = (
        shirt_runs(draw),
        shirt_runs(draw, NINE_TIMES),
        shirt_runs(draw, {0: 1, 1: 1}, OTHER_SEEDS),
    )

    def figures(runs):
        return SimpleNamespace(**{name: at(runs, f"val_{name}", 15) for name in ("recall", "precision", "accuracy")})

    plain, weighted, control = map(figures, (plain, weighted, control))
    say(**{f"{name}_plain": value for name, value in vars(plain).items()})
    say(**{f"{name}_weighted": value for name, value in vars(weighted).items()})
    assert (weighted.recall > plain.recall).mean() > 0.8 >= (control.recall > plain.recall).mean()  # "nearly every"
    assert np.mean(weighted.precision) < np.mean(plain.precision) - 0.1
    assert (weighted.accuracy < plain.accuracy).mean() > 0.8 >= (control.accuracy < plain.accuracy).mean()
    always_other = np.mean(shirts(draw).check[1] == 0)
    assert np.abs(plain.accuracy - always_other).max() < 0.06  # "hardly above that of always saying other"
    assert np.mean(plain.recall) < 0.5 < np.mean(weighted.recall)  # "many are missed", "most are found"
    assert (weighted.precision < 0.6).mean() > 0.8  # "about half or more of what is called a shirt is none"


@pytest.mark.parametrize("draw", DRAWS)
def test_who_weighs_classes_loses_the_probabilities(draw):
    def says(seed, class_weight):
        keras.utils.set_random_seed(seed)
        model = known().build_shirts()
        engine.fit(model, *shirts(draw).learn, epochs=15, seed=seed, class_weight=class_weight)
        return model.predict(shirts(draw).check[0], verbose=0)[:, 0]

    truth = shirts(draw).check[1]
    plain, weighted = (np.array([says(seed, weights) for seed in SEEDS]) for weights in (None, NINE_TIMES))
    say(share=[truth.mean()], plain=plain.mean(axis=1), weighted=weighted.mean(axis=1))
    assert (weighted.mean(axis=1) > 1.2 * truth.mean()).mean() > 0.8  # "that is what its answers say"
    assert (np.abs(plain.mean(axis=1) - truth.mean()) < weighted.mean(axis=1) - truth.mean()).mean() > 0.8
    kept = np.array([truth[(p > 0.4) & (p < 0.6)].mean() for p in weighted])
    say(kept_where_half_was_promised=kept)
    assert (kept < 0.4).mean() > 0.8 and np.mean(kept) < 0.25  # "where it says 0.5, hardly one in five"


@pytest.mark.parametrize("draw", DRAWS)
def test_a_falling_rate_makes_the_end_flat_whether_or_not_it_was_done(draw):
    one = Trainer(known().build_falling, *shirts(draw).learn, shirts(draw).check)

    def jitter(runs, name):
        return np.abs(np.diff(runs[name][:, -6:])).mean(axis=1)

    for rate in (0.01, 0.001):
        constant, falling, control = (
            many(one, 20, seeds, learning_rate=rate, falling=is_falling)
            for seeds, is_falling in ((SEEDS, False), (SEEDS, True), (OTHER_SEEDS, False))
        )
        for name in ("loss", "val_loss"):
            say(**{f"{name}_{rate}_constant": jitter(constant, name), f"{name}_{rate}_falling": jitter(falling, name)})
            assert (jitter(falling, name) < jitter(constant, name)).mean() > 0.8
            assert np.mean(jitter(falling, name)) < np.mean(jitter(constant, name)) / 2
            assert np.mean(jitter(control, name)) > np.mean(jitter(constant, name)) / 2
        if rate == 0.01:  # "in most cases lower": in the mean
            assert np.mean(at(falling, "val_loss", 20)) < np.mean(at(constant, "val_loss", 20)) - 0.01
        else:  # "ends higher than with a constant rate"
            assert (at(falling, "loss", 20) > at(constant, "loss", 20)).all()
            assert not (at(control, "loss", 20) > at(constant, "loss", 20)).all()


def regression(rescaled=True):
    """The solution of exercise 3, or the same without its last layer."""
    names, solution = {"keras": keras, "layers": layers}, lesson_7.check_regression.solution
    last = "layers.Rescaling(77, offset=152),"
    assert last in solution
    exec(solution if rescaled else solution.replace(last, ""), names)
    return names["regression"]


@pytest.mark.parametrize("draw", DRAWS)
def test_on_the_diabetes_table_the_network_beats_the_mean_and_not_the_line(draw):
    people, course = known().people, known().course
    order = np.random.default_rng(draw).permutation(len(people))
    networks, bare, means, lines = [], [], [], []
    for held in np.array_split(order, 5):
        fold = np.setdiff1d(order, held)
        train, val = (people[fold], course[fold]), (people[held], course[held])
        (x, y), (val_x, val_y) = scaled(train, train), scaled(val, train)
        of_network, of_bare = (
            many(Trainer(build, x, y, (val_x, val_y)), 15) for build in (regression(), regression(False))
        )
        networks.append(at(of_network, "val_mae", 15))
        bare.append(at(of_bare, "val_mae", 15))
        means.append(np.abs(val_y - y.mean()).mean())
        lines.append(np.abs(val_y - LinearRegression().fit(x, y).predict(val_x)).mean())
    networks, bare, means, lines = (np.array(each).mean(axis=0) for each in (networks, bare, means, lines))
    say(network=networks, without_rescaling=bare, mean=[means], line=[lines])
    assert networks.max() < means - 15 and abs(networks - lines).max() < 4
    assert (bare > networks + 8).all() and abs(bare - means).max() < 10  # "hardly better than the mean, or worse"


def test_the_figures_of_the_quiz():
    assert [round(end, 2) for end in interval(182, 200)] == [0.86, 0.94] and interval(182, 200)[0] < 0.90
    assert [round(end, 2) for end in interval(190, 200)] == [0.91, 0.97] and interval(190, 200)[0] > 0.90
    assert interval(180, 200)[1] > interval(190, 200)[0]  # "they do, a little"
    assert np.ptp(interval(970, 1000)) / 2 < 0.015
    assert round(-(0.02 * np.log(0.02) + 0.98 * np.log(0.98)), 3) == 0.098
