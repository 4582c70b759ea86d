"""What lesson 6 says of its two-class problem, of augmentation, of the grid and of the winner's curse, over several
seeds.

Each claim is asserted, and then that it does not hold with its effect switched off.
"""

import itertools
import math
import warnings
from functools import lru_cache

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import engine
from helpers.curves.luck import verdict
from helpers.data import clothing
from helpers.engine.trainer import Trainer
from helpers.error_bars import interval
from helpers.parts.curse import Game
from tests.claims import OTHER_SEEDS, SEEDS, at, lesson, many, say

pytestmark = pytest.mark.slow
GUESSING = np.log(2)
GAMES = range(8)
TRIPLES = [(0, 1, 2), (3, 4, 5), (6, 7, 8)]  # of seeds, as the lesson's grid uses three


@lru_cache
def clothes():
    return clothing(["T-shirt", "Shirt"])


def known():
    return lesson("06_choosing_a_model", "build", "moves", "build-moved", "candidate", "grid", "small")


@lru_cache
def trainer(name):
    return Trainer(getattr(known(), name), clothes().x_train, clothes().y_train, (clothes().x_val, clothes().y_val))


def runs(seeds=SEEDS, epochs=20, network="build_moved", **settings):
    return many(trainer(network), epochs, seeds, **settings)


def lowest(histories):
    return histories["val_loss"].min(axis=1)


def test_a_network_that_has_learned_nothing_has_the_loss_of_guessing():
    def untrained(labels):
        losses = []
        for seed in SEEDS:
            keras.utils.set_random_seed(seed)
            losses.append(known().build().evaluate(clothes().x_val, labels, verbose=0)[0])
        return np.array(losses)

    say(untrained=untrained(clothes().y_val))
    assert np.abs(untrained(clothes().y_val) - GUESSING).max() < 0.03
    assert at(runs(epochs=15, network="build"), "val_loss", 15).max() < GUESSING - 0.1  # one that has learned


def test_the_first_training_is_one_of_a_hard_problem():
    histories = runs(epochs=15, network="build")
    say(
        lowest=lowest(histories),
        end=at(histories, "val_loss", 15),
        accuracy=at(histories, "val_accuracy", 15),
        training=at(histories, "accuracy", 15),
    )
    assert (
        lowest(histories).max() < 0.5 and at(histories, "val_loss", 15).max() < 0.55
    )  # "comes down … to less than 0.5"
    assert (
        at(histories, "val_accuracy", 15).min() > 0.74 and at(histories, "val_accuracy", 15).max() < 0.85
    )  # "one picture in five"
    assert (at(histories, "accuracy", 15) > at(histories, "val_accuracy", 15)).all() and (
        at(histories, "accuracy", 15) > at(histories, "accuracy", 5)
    ).all()
    easy = clothing(["Trouser", "Bag"])
    easily = many(Trainer(known().build, easy.x_train, easy.y_train, (easy.x_val, easy.y_val)), 15, range(3))
    assert at(easily, "val_accuracy", 15).min() > 0.95  # the same network on kinds that are easy to tell apart


def test_what_the_panel_s_suggestions_show():
    plain, fast, only_moves, control = (
        runs(),
        runs(learning_rate=0.003),
        runs(augment=True, dropout=0.0),
        runs(OTHER_SEEDS),
    )

    def gap(histories):
        return at(histories, "val_loss", 20) - at(histories, "loss", 20)

    say(
        gap_of_dropout_alone=gap(plain),
        gap_of_moves_alone=gap(only_moves),
        lowest=lowest(plain),
        lowest_fast=lowest(fast),
        end=at(plain, "val_loss", 20),
        end_fast=at(fast, "val_loss", 20),
    )
    assert (
        np.mean(gap(only_moves)) < np.mean(gap(plain)) - 0.01
        and (gap(only_moves) < gap(plain)).sum() >= 6 > (gap(control) < gap(plain)).sum()
    )
    assert abs(np.mean(lowest(fast) - lowest(plain))) < 0.02  # "the lowest point is hardly another"
    assert np.mean(at(fast, "val_loss", 20) - at(plain, "val_loss", 20)) > 0.03  # "and the loss rises sooner after it"
    assert abs(np.mean(at(control, "val_loss", 20) - at(plain, "val_loss", 20))) < 0.03
    assert np.ptp(lowest(plain)) < 0.03  # "moves the lowest point by a hundredth or two"


def test_a_pipeline_that_ends_too_early_shortens_epochs():
    pictures = tf.data.Dataset.from_tensor_slices((clothes().x_train, clothes().y_train)).batch(32)

    def updates(pictures):
        network = known().build()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            network.fit(pictures, steps_per_epoch=15, epochs=4, verbose=0, shuffle=False)
        return int(network.optimizer.iterations), any("ran out of data" in str(warning.message) for warning in warned)

    assert updates(pictures.repeat()) == (60, False)
    made, warned = updates(pictures)
    assert made < 60 and warned


def test_image_data_generator_is_a_leftover():
    assert not hasattr(keras, "preprocessing") or not hasattr(
        getattr(keras.preprocessing, "image", None), "ImageDataGenerator"
    )
    assert hasattr(tf.keras.preprocessing.image, "ImageDataGenerator")


def test_augmentation_makes_the_gap_smaller_and_the_lowest_validation_loss_higher():
    plain, moved, control = runs(epochs=40), runs(epochs=40, augment=True), runs(OTHER_SEEDS, epochs=40)

    def gap(histories):
        return at(histories, "val_loss", 40) - at(histories, "loss", 40)

    say(
        gap_plain=gap(plain),
        gap_moved=gap(moved),
        training_plain=at(plain, "loss", 40),
        training_moved=at(moved, "loss", 40),
    )
    assert (gap(moved) < gap(plain)).all() and not (gap(control) < gap(plain)).all()
    assert (at(moved, "loss", 40) > at(plain, "loss", 40)).all() and not (
        at(control, "loss", 40) > at(plain, "loss", 40)
    ).all()
    assert (
        abs(np.mean(at(moved, "val_accuracy", 20) - at(plain, "val_accuracy", 20))) < 0.02
    )  # "can hardly be told apart"
    plain, moved, control = (
        lowest({"val_loss": run["val_loss"][:, :20]}) for run in (plain, moved, control)
    )  # what the ribbon shows
    say(lowest_plain=plain, lowest_moved=moved)
    assert (moved > plain).all() and "larger than luck" in verdict(plain, moved)  # "with every one of the eight seeds"
    assert "larger than luck" not in verdict(plain, control)


@pytest.mark.parametrize("deal", [1, 2, 3])
def test_on_other_deals_of_the_pictures_augmentation_does_not_help_either(deal):
    pictures = clothing(["T-shirt", "Shirt"], seed=deal)
    others = Trainer(known().build_moved, pictures.x_train, pictures.y_train, (pictures.x_val, pictures.y_val))
    plain, moved = (lowest(many(others, 20, range(2), augment=augment)) for augment in (False, True))
    say(plain=plain, moved=moved)
    assert (moved > plain).all()  # "it was so each time"


def test_augmentation_teaches_what_it_augments():
    keras.utils.set_random_seed(1)
    x_moved = np.array(keras.Sequential(known().moves())(clothes().x_val, training=True))

    def right(pictures, augment, seeds):
        found = []
        for seed in seeds:
            keras.utils.set_random_seed(seed)
            network = known().build_moved(augment)
            engine.fit(network, clothes().x_train, clothes().y_train, epochs=20, seed=seed)
            found.append([round(200 * network.evaluate(x, clothes().y_val, verbose=0)[1]) for x in pictures])
        return np.array(found).T

    (on_moved, upright), (with_moved, with_upright) = (
        right([x_moved, clothes().x_val], augment, SEEDS) for augment in (False, True)
    )
    say(without_on_moved=on_moved, with_on_moved=with_moved, without_upright=upright, with_upright=with_upright)
    assert (with_moved > on_moved).all()  # "with every single one"
    assert np.mean(with_upright - upright) < 4 < np.mean(with_moved - on_moved)  # it is the moves that it has learned
    lost, lost_with = upright - on_moved, with_upright - with_moved
    assert lost.min() >= 5 and np.mean(lost) > 10  # "a good many"
    assert np.mean(lost_with) < 5 and (lost_with < lost).all()  # "few or none"


@lru_cache
def figures():
    """Of each setting of the lesson's grid, in its order: lowest validation loss and accuracy there, shape (triples,
    settings)."""
    losses, accuracies = [], []
    settings = [dict(zip(known().grid, values, strict=True)) for values in itertools.product(*known().grid.values())]
    for setting in settings:
        histories = runs([seed for triple in TRIPLES for seed in triple], network="candidate", **setting)
        best = histories["val_loss"].argmin(axis=1)
        losses.append(lowest(histories).reshape(len(TRIPLES), -1).mean(axis=1))
        accuracies.append(histories["val_accuracy"][np.arange(len(best)), best].reshape(len(TRIPLES), -1).mean(axis=1))
    return settings, np.array(losses).T, np.array(accuracies).T


def test_the_grid_has_a_crowd_at_the_top_and_plain_gradient_descent_at_the_bottom():
    settings, losses, accuracies = figures()
    assert len(settings) == 36
    for loss, accuracy in zip(losses, accuracies, strict=True):
        order = [settings[number] for number in loss.argsort()]
        low, high = interval(200 * accuracy, 200)
        crowd = [setting for setting, limit in zip(settings, high, strict=True) if limit >= accuracy.max()]
        print(f"  best: {order[0]}; {len(crowd)} settings cannot be told from the highest accuracy")
        assert len(crowd) >= 18  # "about half of the settings or more"
        assert len({setting["architecture"] for setting in crowd}) == 3  # "with and without convolutions"
        assert sum(setting["optimizer"] == "sgd" for setting in order[:10]) <= 1
        assert (
            sum("convolution" in setting["architecture"] for setting in order[:10]) < 5
        )  # "most of them not a single convolution"
        assert all(setting["optimizer"] == "sgd" for setting in order[-5:])
        slow = [
            value
            for value, setting in zip(loss, settings, strict=True)
            if setting["optimizer"] == "sgd" and setting["learning_rate"] == 0.001
        ]
        assert np.median(slow) > 0.6 and loss.min() < 0.45  # an unfinished training, not a bad network:
    longer = lowest(runs(range(3), epochs=200, network="candidate", architecture="dense", optimizer="sgd"))
    short = lowest(runs(range(3), epochs=20, network="candidate", architecture="dense", optimizer="sgd"))
    say(plain_sgd_20_epochs=short, plain_sgd_200_epochs=longer)
    assert (longer < short - 0.05).all()


def test_by_loss_the_same_setting_wins_with_other_seeds_and_by_accuracy_another():
    """The lesson reports these very runs; it claims nothing for others."""
    settings, losses, accuracies = figures()
    by_loss, by_accuracy = (
        [str(settings[number]) for number in numbers] for numbers in (losses.argmin(axis=1), accuracies.argmax(axis=1))
    )
    print("  by loss:", *by_loss, "  by accuracy:", *by_accuracy, sep="\n    ")
    assert len(set(by_loss)) == 1 and len(set(by_accuracy)) == len(TRIPLES)


WINNER = {"architecture": "dense", "activation": "relu", "optimizer": "adam", "learning_rate": 0.001}
RIVALS = [
    {"architecture": "one convolution", "activation": "relu", "optimizer": "adam", "learning_rate": 0.01},
    {"architecture": "dense", "activation": "sigmoid", "optimizer": "rmsprop", "learning_rate": 0.01},
]


def test_with_other_validation_pictures_another_setting_is_first():
    settings, losses, _ = figures()
    assert settings[losses[0].argmin()] == WINNER
    for deal in (1, 2, 3):
        pictures = clothing(["T-shirt", "Shirt"], seed=deal)
        others = Trainer(known().candidate, pictures.x_train, pictures.y_train, (pictures.x_val, pictures.y_val))
        of_winner, *of_rivals = (many(others, 20, range(3), **setting) for setting in (WINNER, *RIVALS))
        say(winner=lowest(of_winner), **{f"rival_{number}": lowest(rival) for number, rival in enumerate(of_rivals)})
        # If one of the two is ahead of it, it is not the first; whether the rival is, does not matter.
        assert min(lowest(rival).mean() for rival in of_rivals) < lowest(of_winner).mean()


class Keep(keras.callbacks.Callback):
    """The weights of the epoch with the lowest validation loss."""

    def on_train_begin(self, logs=None):
        self.lowest = np.inf

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.lowest:
            self.lowest, self.weights = logs["val_loss"], self.model.get_weights()


def accuracies(deal, seeds):
    """Of the lesson's winner on that deal of the pictures: its validation and its test accuracy, arrays (seeds,)."""
    pictures, found = clothing(["T-shirt", "Shirt"], seed=deal), []
    validation, test = (pictures.x_val, pictures.y_val), (pictures.x_test, pictures.y_test)
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        network, keep = known().candidate(**WINNER), Keep()
        told = {"epochs": 20, "seed": seed, "callbacks": [keep]}
        engine.fit(network, pictures.x_train, pictures.y_train, validation, **told)
        network.set_weights(keep.weights)
        found.append([network.evaluate(*part, verbose=0)[1] for part in (validation, test)])
    return np.array(found).T


def test_the_validation_pictures_are_harder_than_most_and_the_test_pictures_easier():
    validation, test = accuracies(0, SEEDS[:4])
    say(validation=validation, test=test)
    assert (test > validation).all()  # "every seed shares it"
    assert (interval(200 * validation, 200)[1] > interval(340 * test, 340)[0]).all()  # not too much to be luck
    dealt_anew = np.array([np.mean(accuracies(deal, [0, 1]), axis=1) for deal in range(1, 7)])
    say(validation_dealt_anew=dealt_anew[:, 0], test_then=dealt_anew[:, 1])
    assert np.mean(validation) < np.median(dealt_anew[:, 0])  # "harder than most"
    assert np.mean(dealt_anew[:, 1]) > np.mean(dealt_anew[:, 0])  # "a little easier than most"


def test_two_accuracies_of_one_network_on_other_pictures_lie_apart_by_luck_in_either_direction():
    """The lesson's twenty deals, on half of them."""
    pool, apart = clothes(), []
    for deal in range(10):
        train, val, other = np.split(np.random.default_rng(deal).permutation(1000), [600, 800])
        keras.utils.set_random_seed(deal)
        network, keep = known().candidate(**WINNER), Keep()
        told = {"epochs": 20, "seed": deal, "callbacks": [keep]}
        engine.fit(network, pool.x[train], pool.y[train], (pool.x[val], pool.y[val]), **told)
        network.set_weights(keep.weights)
        apart.append(
            np.subtract(*(network.evaluate(pool.x[part], pool.y[part], verbose=0)[1] for part in (val, other)))
        )
    say(apart=apart)
    assert min(apart) < 0 < max(apart) and np.ptp(apart) > 0.05 and abs(np.mean(apart)) < 0.03


@lru_cache
def game(seed, shuffled):
    forms = {"tries": (1, 200, 200), "n_validation": (10, 200, 30), "shuffled": [shuffled], "seed": [seed]}
    played = Game(known().small, clothes(), known().to_draw_from, forms)
    played.run()
    return played


def play(shuffled=True, tries=200, n_validation=30):
    """Over the seeds of the game: best validation accuracy, and the test accuracy of the same network; arrays of shape
    (games,)."""
    found = []
    for seed in GAMES:
        played = game(seed, shuffled)
        played._controls["tries"].value, played._controls["n_validation"].value = tries, n_validation
        played.run()
        played.open()
        played.wait()
        found.append((played.best.accuracy, played.test_accuracy))
    return np.array(found).T


def test_the_best_of_many_tries_is_lucky_and_the_luck_does_not_come_along():
    (small, on_new), (large, _), (few, _), (one, on_new_of_one) = (
        play(),
        play(n_validation=200),
        play(tries=5),
        play(tries=1),
    )
    say(best_of_200_on_30=small, the_same_on_new_pictures=on_new, best_of_200_on_200=large, best_of_5_on_30=few)
    assert small.min() > 0.62 and small.max() < 0.85 and np.abs(on_new - 0.5).max() < 0.07  # "as good as a coin"
    assert (interval(30 * small, 30)[0] > 0.5).mean() > 0.5  # "in most of our games it did not even contain the truth"
    assert (interval(30 * few, 30)[0] > 0.5).mean() < 0.5
    assert (
        large.max() < 0.62 and (large < small).all() and np.mean(small - few) > 0.05
    )  # "the more you try, and the smaller …"
    assert (
        abs(np.mean(one - on_new_of_one)) < np.mean(small - on_new) / 2
    )  # the choice switched off: of a single try nothing is to be expected


def test_with_real_labels_the_curse_is_weaker():
    (shuffled, on_new), (real, on_new_of_real), (many_pictures, on_new_of_many) = (
        play(),
        play(shuffled=False),
        play(shuffled=False, n_validation=200),
    )
    say(best_of_200_with_real_labels=real, the_same_on_new_pictures=on_new_of_real, best_of_200_on_200=many_pictures)
    assert 0.02 < np.mean(real - on_new_of_real) < np.mean(shuffled - on_new)  # "too good by several hundredths"
    assert abs(np.mean(many_pictures - on_new_of_many)) < 0.02  # "by hardly anything"


def test_the_figures_of_the_quiz():
    first, second = (np.repeat(answers, (20, 40, 385, 55)) > 0 for answers in ([1, 0, 1, 0], [0, 1, 1, 0]))
    assert (first.mean(), second.mean()) == (0.81, 0.85)
    assert interval(first.sum(), 500)[1] > interval(second.sum(), 500)[0]  # "their two error bars overlap"
    assert round(1 / (2 * sum(math.comb(60, heads) for heads in range(40, 61)) / 2**60)) == 74
    assert 2 * sum(math.comb(60, heads) for heads in range(32, 61)) / 2**60 > 0.5  # "as easily as not"
