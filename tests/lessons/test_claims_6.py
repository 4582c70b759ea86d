"""What lesson 6 says of its two-class problem, of augmentation, of the grid and of the winner's curse, over several
seeds.
"""

import itertools
import math
import warnings
from functools import lru_cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from helpers import engine
from helpers.data import clothing
from helpers.engine.trainer import Trainer
from helpers.error_bars import interval, paired
from helpers.parts.curse import Game
from tests.claims import SEEDS, at, claim, lesson, many, say

pytestmark = pytest.mark.slow
GUESSING = np.log(2)
GAMES = SEEDS[:5]
TRIPLES = [SEEDS[:3], SEEDS[3:6]]  # the lesson's grid uses three seeds


@lru_cache
def clothes(deal=0):
    return clothing(["T-shirt", "Shirt"], seed=deal)


def known():
    return lesson("06_choosing_a_model", "build", "moves", "build-moved", "candidate", "grid", "small")


@lru_cache
def trainer(name, deal=0):
    pictures = clothes(deal)
    return Trainer(getattr(known(), name), pictures.x_train, pictures.y_train, (pictures.x_val, pictures.y_val))


@lru_cache
def trained(network, epochs, seeds, settings, deal):
    return many(trainer(network, deal), epochs, seeds, **dict(settings))


def runs(seeds=SEEDS, epochs=20, network="build_moved", deal=0, **settings):
    """The histories over `seeds`; the tests share them."""
    return trained(network, epochs, tuple(seeds), tuple(sorted(settings.items())), deal)


def lowest(histories):
    return histories["val_loss"][:, :20].min(axis=1)


def gap(histories, epoch):
    return at(histories, "val_loss", epoch) - at(histories, "loss", epoch)


@claim("clothes-intro", "in small grey pictures they are among the hardest kinds of clothing to tell apart")
def test_t_shirts_and_shirts_are_among_the_hardest_to_tell_apart():
    """By a classifier of another kind: the nearest neighbours. Among the hardest: of 45 pairs, a ninth."""
    everything = clothing()
    flat, right = everything.x.reshape(len(everything.x), -1), {}
    for pair in itertools.combinations(range(10), 2):
        rows = np.flatnonzero(np.isin(everything.y, pair))[:500]
        right[pair] = cross_val_score(KNeighborsClassifier(), flat[rows], everything.y[rows], cv=4).mean()
    ours = tuple(sorted(everything.class_names.index(name) for name in ("T-shirt/top", "Shirt")))
    say(right=right[ours], others=list(right.values()))
    assert sum(value < right[ours] for value in right.values()) < 5


@claim("by-hand-intro", "It will say something near 0.5 to every picture.")
@claim("fit-intro", "About 0.7. That is what guessing costs.")
@claim("key-points", "Guessing costs ln 2, about 0.7.")
def test_a_network_that_has_learned_nothing_has_the_loss_of_guessing():
    losses, answers = [], []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        network = known().build()
        losses.append(network.evaluate(clothes().x_val, clothes().y_val, verbose=0)[0])
        answers.append(network.predict(clothes().x_val, verbose=0))
    say(untrained=losses, answers=answers)
    assert abs(np.mean(losses) - GUESSING) < 0.05  # rounded, 0.7
    assert np.mean(np.abs(np.array(answers) - 0.5)) < 0.15


@claim(
    "fit-read",
    "about one picture in five is still called by the wrong name, while on the training pictures the network gets"
    " better and better",
)
def test_the_first_training_is_one_of_a_hard_problem():
    histories = runs(epochs=15, network="build")
    loss, end = lowest(histories), at(histories, "val_loss", 15)
    wrong = 1 - at(histories, "val_accuracy", 15)
    say(lowest=loss, end=end, wrong=wrong, training=at(histories, "accuracy", 15))
    assert loss.max() < 0.5 and np.mean(end) < 0.5  # "comes down to less than 0.5 and stays there"
    assert 1 / 6 < np.mean(wrong) < 1 / 4  # "about one in five": nearer to it than to six or to four
    assert (at(histories, "accuracy", 15) > at(histories, "accuracy", 5)).all()


@claim("bars-read", "because a hard picture is hard for both")
@claim(
    "pairs-read",
    "They disagree on some ten to forty pictures",
    "Where they disagree, each of them is right about equally often, or at least not so unequally that a coin could not"
    " do it: most likely yours says that the two cannot be told apart.",
)
def test_a_network_and_the_same_without_dropout_mostly_cannot_be_told_apart():
    def right(seed, dropout):
        keras.utils.set_random_seed(seed)
        network = known().build(dropout)
        engine.fit(network, clothes().x_train, clothes().y_train, epochs=15, seed=seed)
        return (network.predict(clothes().x_val, verbose=0)[:, 0] > 0.5) == clothes().y_val

    pairs = [(right(seed, 0.3), right(seed + 100, 0.0)) for seed in SEEDS[:5]]
    disagree = np.array([(one != other).sum() for one, other in pairs])
    alike = ["told apart" in paired(*pair) or "nothing tells" in paired(*pair) for pair in pairs]
    say(disagree=disagree, not_told_apart=alike)
    by_chance = [200 * (one.mean() * (1 - other.mean()) + other.mean() * (1 - one.mean())) for one, other in pairs]
    assert (disagree < by_chance).all()  # "a hard picture is hard for both"
    assert 10 <= np.median(disagree) <= 40 and np.mean(alike) > 0.5


@claim(
    "ribbon-intro",
    "The gap is smaller than before, and with most seeds smaller than with dropout alone: as far as the gap goes,"
    " augmentation can take dropout's place.",
)
def test_without_dropout_moves_make_the_gap_smaller_than_dropout_does():
    of_dropout, of_moves = gap(runs(epochs=40), 20), gap(runs(augment=True, dropout=0.0), 20)
    say(gap_of_dropout_alone=of_dropout, gap_of_moves_alone=of_moves)
    assert (of_moves < of_dropout).mean() > 0.5


@claim(
    "ribbon-intro", "With a learning rate of 0.003 the lowest point hardly changes, and the loss rises sooner after it."
)
def test_a_larger_learning_rate_does_not_solve_the_problem():
    plain, fast = runs(epochs=40), runs(learning_rate=0.003)
    lower, end = lowest(plain) - lowest(fast), at(fast, "val_loss", 20) - at(plain, "val_loss", 20)
    say(lowest_lower_by=lower, end_higher_by=end)
    assert abs(np.mean(lower)) < 0.02 and np.mean(end) > 0.02  # "hardly": by no more than seeds do
    best = [run["val_loss"][:, :20].argmin(axis=1).mean() for run in (fast, plain)]
    assert best[0] < best[1]


@claim("ribbon-intro", "the seed alone moves the lowest point by a hundredth or two")
def test_the_seed_alone_moves_the_lowest_point_by_a_hundredth_or_two():
    apart = [abs(a - b) for a, b in itertools.combinations(lowest(runs(epochs=40)), 2)]
    say(apart=apart)
    assert 0.005 < np.mean(apart) < 0.025  # rounded, of two seeds and on average


@claim("steps-read", 'Keras warns, "Your input ran out of data", ends that epoch early')
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


@claim("steps-read", "the first is a leftover that only `tensorflow.keras` still has")
def test_image_data_generator_is_a_leftover():
    assert not hasattr(keras, "preprocessing") or not hasattr(
        getattr(keras.preprocessing, "image", None), "ImageDataGenerator"
    )
    assert hasattr(tf.keras.preprocessing.image, "ImageDataGenerator")


@claim("pairs-read", "So it hardly sees the same picture twice, and learning by heart becomes harder.")
@claim("ribbon-intro", "It gets worse! No wonder: its pictures have become harder")
def test_augmentation_makes_training_worse_and_the_gap_smaller():
    plain, moved = runs(epochs=40), runs(epochs=40, augment=True)
    say(gap_smaller_by=gap(plain, 40) - gap(moved, 40))
    say(training_higher_by=at(moved, "loss", 40) - at(plain, "loss", 40))
    assert (gap(moved, 40) < gap(plain, 40)).all() and (at(moved, "loss", 40) > at(plain, "loss", 40)).all()


@claim(
    "ribbon-read",
    "B's lowest validation loss was a little *higher*, with every one of the eight seeds.",
    "We dealt the pictures anew into training and validation, three times: it was so each time.",
)
@claim("exam-read", "Where they do not, it may cost a little, as here.")
def test_augmentation_does_not_lower_the_lowest_validation_loss():
    higher = lowest(runs(epochs=40, augment=True)) - lowest(runs(epochs=40))
    say(lowest_higher_by=higher)
    assert higher.min() > 0


@claim("ribbon-read", "The accuracies can hardly be told apart: their bands lie on top of each other.")
def test_the_accuracies_can_hardly_be_told_apart():
    plain, moved = (run["val_accuracy"][:, 5:20] for run in (runs(epochs=40), runs(epochs=40, augment=True)))
    on_top = (plain.min(axis=0) <= moved.max(axis=0)) & (moved.min(axis=0) <= plain.max(axis=0))
    say(apart=np.mean(moved - plain), bands_overlap=on_top)
    assert abs(np.mean(moved - plain)) < 0.03 and np.mean(on_top) > 0.8


@claim(
    "exam-read",
    "Without augmentation, moving the pictures costs the network a good many of its right answers, mostly 10 to 30 of"
    " 200.",
    "The network that was trained with moved pictures loses few or none.",
    "And it was the better one on moved pictures with every seed and every deal that we tried.",
)
@claim("key-points", "It teaches what you augment; whether that helps has to be measured.")
def test_augmentation_teaches_what_it_augments():
    keras.utils.set_random_seed(1)
    x_moved = np.array(keras.Sequential(known().moves())(clothes().x_val, training=True))

    def right(augment):
        found = []
        for seed in SEEDS[:4]:
            keras.utils.set_random_seed(seed)
            network = known().build_moved(augment)
            engine.fit(network, clothes().x_train, clothes().y_train, epochs=20, seed=seed)
            parts = (clothes().x_val, x_moved)
            found.append([round(200 * network.evaluate(x, clothes().y_val, verbose=0)[1]) for x in parts])
        return np.array(found).T

    (upright, on_moved), (with_upright, with_moved) = right(False), right(True)
    lost, lost_with = upright - on_moved, with_upright - with_moved
    say(lost=lost, lost_with=lost_with, better_on_moved_by=with_moved - on_moved)
    assert lost.min() > 0 and ((lost >= 10) & (lost <= 30)).mean() > 0.5
    assert np.mean(lost_with) < np.mean(lost) / 3 and (with_moved > on_moved).all()  # "few or none"


@lru_cache
def figures(seeds, deal=0, without=()):
    """Of each setting of the lesson's grid, in its order, but for those with the values `without`: the settings, the
    lowest validation loss and the accuracy there, averaged over the seeds, each of shape (settings,)."""
    losses, accuracies = [], []
    every = [dict(zip(known().grid, values, strict=True)) for values in itertools.product(*known().grid.values())]
    settings = [setting for setting in every if not set(without) & set(setting.values())]
    for setting in settings:
        histories = runs(seeds, network="candidate", deal=deal, **setting)
        best = histories["val_loss"].argmin(axis=1)
        losses.append(lowest(histories).mean())
        accuracies.append(histories["val_accuracy"][np.arange(len(best)), best].mean())
    return settings, np.array(losses), np.array(accuracies)


def ranked(triple):
    """The grid's settings, that with the lowest loss first."""
    settings, losses, _ = figures(triple)
    return [settings[number] for number in losses.argsort()]


@claim(
    "choose-read",
    "**At the bottom:** plain SGD.",
    "With the small learning rate most of its losses are still nearer to the 0.7 of guessing than to the best, after 20"
    " epochs.",
    "**Among the first ten:** hardly any plain SGD.",
)
def test_plain_gradient_descent_is_at_the_bottom_of_the_grid():
    settings, losses, _ = figures(TRIPLES[0])
    plain = [setting["optimizer"] == "sgd" for setting in ranked(TRIPLES[0])]
    slow = [setting["optimizer"] == "sgd" and setting["learning_rate"] == 0.001 for setting in settings]
    say(sgd_in_the_first_ten=sum(plain[:10]), loss_of_slow_sgd=losses[slow])
    assert sum(plain[:10]) <= 1 and all(plain[-5:]) and len(settings) == 36
    assert np.median(losses[slow]) > (GUESSING + losses.min()) / 2  # nearer to guessing than to the best


@claim("choose-read", "Those are not bad networks, they are unfinished trainings.")
def test_those_at_the_bottom_are_unfinished():
    told = {"network": "candidate", "architecture": "dense", "optimizer": "sgd", "learning_rate": 0.001}
    longer = runs(SEEDS[:3], epochs=150, **told)["val_loss"]
    of_best = min(figures(TRIPLES[0])[1])
    say(after_20_epochs=longer[:, 19], after_150=longer[:, -1], of_the_best_setting=of_best)
    assert (longer[:, -1] - of_best < longer[:, 19] - longer[:, -1]).all()  # by then nearer to the best than to before


@claim("choose-read", "Others are unfinished, too: look at the column with the best epoch.")
def test_others_are_unfinished_too():
    late = []
    for setting in figures(TRIPLES[0])[0]:
        best = runs(TRIPLES[0], network="candidate", **setting)["val_loss"].argmin(axis=1) + 1
        late.append(np.mean(best) > 18 and (setting["optimizer"], setting["learning_rate"]) != ("sgd", 0.001))
    say(others_with_their_best_in_the_last_two_epochs=sum(late))
    assert sum(late) > 1


@claim("choose-read", "the sizes are far apart (25,153 weights without a convolution, 593 with one)")
def test_the_sizes_of_the_architectures_are_far_apart():
    sizes = [known().candidate(architecture).count_params() for architecture in ("dense", "one convolution")]
    assert sizes == [25153, 593]


@claim("choose-read", "In our run most of them have no convolution", holds="on ours")
def test_in_our_run_most_of_the_first_ten_have_no_convolution():
    with_it = sum("convolution" in setting["architecture"] for setting in ranked(TRIPLES[0])[:10])
    say(with_convolution=with_it)
    assert with_it < 5


@claim(
    "choose-read",
    "The error bars of about half of the settings or more reach the highest accuracy, with convolutions and without.",
)
@claim("key-points", "expect that several settings cannot be told from the best")
def test_the_grid_has_a_crowd_at_the_top():
    settings, _, accuracies = figures(TRIPLES[0])
    crowd = interval(200 * accuracies, 200)[1] >= accuracies.max()
    say(cannot_be_told=crowd.sum())
    assert np.mean(crowd) > 0.4  # "about half … or more"
    assert len({setting["architecture"] for setting, among in zip(settings, crowd, strict=True) if among}) == 3


FAR_BELOW = ("sgd",)  # where only the top counts, plain gradient descent is left out


@claim("choose-read", "by loss the order of the settings changed less than by accuracy")
def test_by_loss_the_order_of_the_settings_changes_less_than_by_accuracy():
    (_, *one), (_, *other) = (figures(triple, without=FAR_BELOW) for triple in TRIPLES)
    by_loss, by_accuracy = (stats.spearmanr(a, b).statistic for a, b in zip(one, other, strict=True))
    say(by_loss=by_loss, by_accuracy=by_accuracy)
    assert by_loss > by_accuracy


@claim(
    "choose-read",
    "When we dealt the 1,000 pictures anew into training and validation, another setting was first, each of three"
    " times.",
)
@claim("cluster", "the first few are close")
def test_on_other_deals_of_the_pictures_another_setting_is_first():
    firsts = []
    for deal in range(3):
        settings, losses, _ = figures(TRIPLES[0], deal, without=FAR_BELOW)
        firsts.append(str(settings[losses.argmin()]))
        say(**{f"third_higher_than_first_{deal}": np.sort(losses)[2] - losses.min()})
        assert np.sort(losses)[2] - losses.min() < 0.02  # by less than what two seeds lie apart
    assert firsts[0] not in firsts[1:]


WINNER = {"architecture": "dense", "activation": "relu", "optimizer": "adam", "learning_rate": 0.001}


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


@claim(
    "open-read",
    "every seed shares it, because all share the pictures",
    "our 200 validation pictures are harder than most",
    "and the 340 test pictures are a little easier than most",
    holds="on ours",
)
def test_the_validation_pictures_are_harder_than_most_and_the_test_pictures_easier():
    validation, test = accuracies(0, SEEDS[:3])
    say(validation=validation, test=test)
    assert (test > validation).all()  # "every seed shares it"
    dealt_anew = np.array([np.mean(accuracies(deal, SEEDS[:1]), axis=1) for deal in range(1, 7)])
    say(validation_dealt_anew=dealt_anew[:, 0], test_then=dealt_anew[:, 1])
    assert np.mean(validation) < np.median(dealt_anew[:, 0])  # "harder than most"
    assert np.mean(dealt_anew[:, 1]) > np.mean(dealt_anew[:, 0])  # "a little easier than most"


@claim(
    "deals-read",
    "So two figures of one network may lie six or seven hundredths apart, in either direction, merely because they are"
    " from other pictures.",
)
def test_two_accuracies_of_one_network_on_other_pictures_lie_apart_by_luck_in_either_direction():
    """The lesson's twenty deals, on half of them."""
    pool, apart = clothes(), []
    for deal in SEEDS[:8]:
        train, val, other = np.split(np.random.default_rng(deal).permutation(1000), [600, 800])
        keras.utils.set_random_seed(deal)
        network, keep = known().candidate(**WINNER), Keep()
        told = {"epochs": 20, "seed": deal, "callbacks": [keep]}
        engine.fit(network, pool.x[train], pool.y[train], (pool.x[val], pool.y[val]), **told)
        network.set_weights(keep.weights)
        parts = [network.evaluate(pool.x[part], pool.y[part], verbose=0)[1] for part in (val, other)]
        apart.append(parts[0] - parts[1])
    say(apart=apart)
    assert min(apart) < 0 < max(apart)
    assert 2 * np.std(apart, ddof=1) > 0.04  # what 95 of 100 stay below


@lru_cache
def game(seed, shuffled):
    forms = {"tries": (1, 200, 200), "n_validation": (10, 200, 30), "shuffled": [shuffled], "seed": [seed]}
    played = Game(known().small, clothes(), known().to_draw_from, forms)
    played.run()
    return played


def play_once(seed, shuffled=True, tries=200, n_validation=30):
    """Best validation accuracy, and the test accuracy of the same network."""
    played = game(seed, shuffled)
    played._controls["tries"].value, played._controls["n_validation"].value = tries, n_validation
    played.run()
    played.open()
    played.wait()
    return played.best.accuracy, played.test_accuracy


def play(**settings):
    """Over the seeds of the game: best validation accuracies, and the test accuracies; arrays of shape (games,)."""
    return np.array([play_once(seed, **settings) for seed in GAMES]).T


@claim(
    "curse-read",
    "With shuffled labels the best of 200 has about 0.7 on its 30 pictures, and on new ones about a half: it is as good"
    " as a coin.",
    "In most of our games the error bar did not even contain the truth, 0.5",
    "On 200 pictures the best has about 0.6, or less.",
    "The more you try, and the smaller the validation set, the stronger the curse.",
    "whoever is chosen *for* a high figure has usually had luck in it, and the luck does not come along to new"
    " pictures",
)
@claim("key-points", "The more you try and the fewer the pictures, the more so.")
def test_the_best_of_many_tries_is_lucky_and_the_luck_does_not_come_along():
    (small, on_new), (large, _), (few, _) = play(), play(n_validation=200), play(tries=5)
    say(best_of_200_on_30=small, the_same_on_new_pictures=on_new, best_of_200_on_200=large, best_of_5_on_30=few)
    assert abs(np.mean(small) - 0.7) < 0.05 and abs(np.mean(on_new) - 0.5) < 0.05
    assert (interval(30 * small, 30)[0] > 0.5).mean() > 0.5  # "in most of our games"
    assert large.max() < 0.65 and (large < small).all() and (few < small).all()  # "about 0.6, or less", rounded


@claim(
    "curse-read",
    "With real labels the curse is weaker, because there are real differences: on 30 pictures the best of 200 was still"
    " too good by several hundredths, on 200 pictures by hardly anything.",
    "So the validation figure of a network that was chosen by validation is **too good on average**",
)
def test_with_real_labels_the_curse_is_weaker():
    (shuffled, on_new), (real, on_new_of_real), (many_pictures, on_new_of_many) = (
        play(),
        play(shuffled=False),
        play(shuffled=False, n_validation=200),
    )
    say(shuffled=shuffled - on_new, real_on_30=real - on_new_of_real, real_on_200=many_pictures - on_new_of_many)
    assert np.mean(real - on_new_of_real) < np.mean(shuffled - on_new)
    assert np.mean(real - on_new_of_real) > 0.02 > abs(np.mean(many_pictures - on_new_of_many))


@claim("curse-read", "The many dots in one row are networks that call every picture the same, or nearly.")
def test_dots_in_one_row_call_every_picture_the_same_or_nearly():
    alike = []
    for seed in GAMES:
        play_once(seed)
        labels = game(seed, True)._labels()["validation"][:30]
        right = np.array([validation[:30] for validation, _ in game(seed, True)._played()])  # (tries, pictures)
        values, counts = np.unique(right.mean(axis=1), return_counts=True)
        answers = np.where(right, labels, 1 - labels)[right.mean(axis=1) == values[counts.argmax()]]
        alike.append(np.mean(np.abs(answers.mean(axis=1) - 0.5) > 0.4))  # nine in ten of their answers are one class
    say(of_the_fullest_row_call_every_picture_the_same=alike)
    assert np.mean(alike) > 0.5


def test_the_figures_of_the_quiz():
    first, second = (np.repeat(answers, (20, 40, 385, 55)) > 0 for answers in ([1, 0, 1, 0], [0, 1, 1, 0]))
    assert (first.mean(), second.mean()) == (0.81, 0.85)
    assert interval(first.sum(), 500)[1] > interval(second.sum(), 500)[0]  # "their two error bars overlap"
    assert round(1 / (2 * sum(math.comb(60, heads) for heads in range(40, 61)) / 2**60)) == 74
    assert 2 * sum(math.comb(60, heads) for heads in range(32, 61)) / 2**60 > 0.5  # "as easily as not"
