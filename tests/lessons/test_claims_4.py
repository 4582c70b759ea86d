"""What lesson 4 says of best and last, of single epochs and of lost memory, on its own network, over several seeds and
several draws of the pictures.

A seed here also says which pictures are dealt: DRAWS of them take turns, the lesson's own and others. So what is
asserted of all seeds holds for other pictures to learn from, too.
"""

from functools import lru_cache
from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import stats

from helpers.curves.history import describe
from helpers.data import clothing
from helpers.engine.trainer import Trainer
from tests.claims import OTHER_SEEDS, SEEDS, claim, lesson, say

DRAWS = 4
KINDS = ["T-shirt/top", "Dress", "Shirt"]


def known():
    return lesson("04_checkpointing", "clothes", "build")


@lru_cache
def dealt(seed):
    """The lesson's data from the draw whose turn it is; draw 0 is the lesson's own. The test pictures are the same."""
    return clothing(KINDS, n_train=600, n_validation=150, one_hot=True, seed=seed % DRAWS)


def unused(seed):
    """The pictures of that draw, and their labels, that are in neither part."""
    everything = clothing(KINDS, seed=seed % DRAWS)
    return everything.x[600:-150], everything.y[600:-150]


def classes(answers):
    return answers.argmax(axis=1)


class Watch(keras.callbacks.Callback):
    """Notes which epochs' weights a checkpoint has left in its file."""

    def __init__(self, path):
        super().__init__()
        self.path, self.times = path, []

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(self.path.stat().st_mtime_ns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@lru_cache
def trainer(draw):
    """A trainer on that draw's pictures, and the list that it puts the weights after each epoch into."""
    clothes, kept = dealt(draw), []
    one = Trainer(
        known().build,
        clothes.x_train,
        clothes.y_train,
        (clothes.x_val, clothes.y_val),
        save=lambda model, epoch: kept.append(model.get_weights()),
    )
    return one, kept


@lru_cache
def fitted(seed, epochs=40, **settings):
    """A run of the lesson's network: its curves, and what the network of the best and of the last epoch says."""
    one, kept = trainer(seed % DRAWS)
    kept.clear()
    history, network, says = one.run(settings, epochs, seed=seed).history, known().build(**settings), {}
    for which, epoch in (("last", -1), ("best", np.argmin(history["val_loss"]))):
        network.set_weights(kept[epoch])
        says[which] = network.predict(known().clothes.x_test, verbose=0)
    return SimpleNamespace(history=history, network=network, **says)  # its weights are the best


def over_seeds(figure):
    return np.array([figure(fitted(seed)) for seed in SEEDS])


def truth():
    return classes(known().clothes.y_test)


def wrong(answers, surer_than=0):
    return ((classes(answers) != truth()) & (answers.max(axis=1) > surer_than)).sum()


def loss(answers):
    return -np.log((answers * known().clothes.y_test).sum(axis=1)).mean()


@claim(
    "watched-read",
    "On the left a ring wherever the file was written: at each new low, and not once after the lowest point.",
    "it goes up in steps, and then stands still, while training goes on for more than 20 epochs",
)
@claim("fit-intro", "40 epochs, far more than this network needs, as you know from lesson 2.")
@claim("key-points", "keeps the best in a file, written only when validation loss has a new low.")
def test_the_file_is_written_at_new_lows_only_and_long_before_the_end(folder):
    clothes, path = known().clothes, folder / "best.weights.h5"
    for seed in SEEDS[:2]:
        keras.utils.set_random_seed(seed)
        watch = Watch(path)
        keep = keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True, save_weights_only=True)
        told = {"validation_split": 0.2, "verbose": 0, "callbacks": [keep, watch]}
        losses = known().build().fit(clothes.x, clothes.y, epochs=12, **told).history["val_loss"]
        written = [time != before for before, time in pairwise([0, *watch.times])]
        assert written == [value < min(losses[:epoch], default=np.inf) for epoch, value in enumerate(losses)]
    best = over_seeds(lambda run: np.argmin(run.history["val_loss"]) + 1)
    say(best_epoch=best)
    assert best.max() < 20


@claim(
    "compare-read",
    "The loss has gone up a great deal.",
    "The number of wrong answers has not gone up nearly as much",
    "What has grown several times over is the number of answers that are wrong *and given with certainty*.",
    'not "many more mistakes", but "much too sure of them"',
)
@claim(
    "key-points", "From the best epoch to the last the number of wrong answers grows far less than the loss, if at all"
)
def test_what_is_lost_from_the_best_epoch_to_the_last():
    validation = over_seeds(lambda run: run.history["val_loss"][-1] / min(run.history["val_loss"]))
    test_loss = over_seeds(lambda run: loss(run.last) / loss(run.best))
    mistakes = over_seeds(lambda run: wrong(run.last) / wrong(run.best))
    sure = over_seeds(lambda run: wrong(run.last, 0.95) / wrong(run.best, 0.95))
    say(
        validation_loss_times=validation,
        test_loss_times=test_loss,
        wrong_answers_times=mistakes,
        sure_wrong_answers_times=sure,
    )
    assert validation.min() > 1.25 and test_loss.min() > 1.25  # "a great deal": by a quarter at least
    assert (mistakes - 1 < (test_loss - 1) / 2).all()  # "not nearly as much": by less than half of that
    assert sure.min() > 1.5 and np.median(sure) > 2  # "several times over"


@claim(
    "compare-read",
    "With other seeds, and other pictures to learn from, there were now a few more and now a few *fewer*.",
)
def test_there_are_now_a_few_more_mistakes_and_now_a_few_fewer():
    more = over_seeds(lambda run: wrong(run.last) - wrong(run.best))
    say(more_wrong_answers=more)
    assert more.min() < 0 < more.max() and np.abs(more).max() < 0.1 * len(truth())


@claim("compare-read", "some pictures are even right now that were wrong before")
@claim("machine-intro", "in most of them one of the two answers is *Shirt*")
def test_some_pictures_change_sides_in_both_directions():
    mended = over_seeds(lambda run: ((classes(run.best) != truth()) & (classes(run.last) == truth())).sum())
    shirts = over_seeds(
        lambda run: np.mean(
            [2 in pair for pair in zip(classes(run.best), classes(run.last), strict=True) if len(set(pair)) == 2]
        )
    )
    say(right_at_last=mended, one_answer_is_shirt=shirts)
    assert mended.min() > 0 and shirts.min() > 0.5


@claim("accuracy-read", "About five in six.")
def test_the_best_network_is_right_about_five_times_in_six():
    right = over_seeds(lambda run: np.mean(classes(run.best) == truth()))
    say(accuracy_of_the_best=right)
    assert np.abs(right - 5 / 6).max() < 0.05  # "about": to within five points, from each seed


@claim("accuracy-read", "mostly one or two points up or down, seldom more than four")
def test_on_another_510_pictures_it_has_another_accuracy():
    """Twice 510 of the pictures that neither trained nor chose the network, drawn anew many times."""
    random, apart = np.random.default_rng(0), []
    for seed in SEEDS[:DRAWS]:
        run = fitted(seed)
        pictures, kinds = unused(seed)
        of_unused = run.network.predict(pictures, verbose=0)
        right = np.concatenate([classes(run.best) == truth(), classes(of_unused) == kinds])
        for _ in range(500):
            one, other = np.split(random.permutation(right)[:1020], 2)
            apart.append(abs(one.mean() - other.mean()))
    apart = np.array(apart)
    say(apart=apart)
    assert np.mean((apart >= 0.005) & (apart < 0.025)) > 0.5  # rounded, "mostly one or two points"
    assert np.mean(apart >= 0.045) < 0.1  # "seldom more than four"


@claim("panel-intro", "At the best epoch dresses are what it recognises best, with most seeds.")
def test_dresses_are_recognised_best():
    by_class = over_seeds(lambda run: right_by_class(run.best))
    say(**{f"right_{name}": by_class[:, kind] for kind, name in enumerate(("T-shirt", "Dress", "Shirt"))})
    assert (by_class.argmax(axis=1) == 1).mean() > 0.5


@claim("panel-intro", "from the best epoch on most percentages climb, under wrong answers as well as under right ones")
@claim("key-points", "what grows is the certainty: the last network is much surer of its mistakes")
def test_certainty_climbs_under_wrong_answers_too():
    def climbed(run, right):  # share of the pictures
        counted = (classes(run.last) == truth()) == right
        return np.mean(run.last.max(axis=1)[counted] > run.best.max(axis=1)[counted])

    def surer(run):  # of what it has wrong
        return [answers.max(axis=1)[classes(answers) != truth()].mean() for answers in (run.best, run.last)]

    under_right, under_wrong = (over_seeds(lambda run, r=right: climbed(run, r)) for right in (True, False))
    best, last = over_seeds(surer).T
    say(climbed_under_right=under_right, climbed_under_wrong=under_wrong, sure_of_mistakes_best=best, last=last)
    assert min(under_right.min(), under_wrong.min()) > 0.5 and (last > best).all()


@claim(
    "panel-intro", "T-shirts and shirts it goes on confusing to the end: they make up more than half of its mistakes."
)
def test_to_the_end_most_mistakes_are_between_t_shirts_and_shirts():
    def share(run):
        mistaken = classes(run.last) != truth()
        return np.mean((classes(run.last)[mistaken] != 1) & (truth()[mistaken] != 1))

    say(share=over_seeds(share))
    assert over_seeds(share).min() > 0.5


@claim("drill-intro", "From seed to seed the best epoch moves, and some of the wrong pictures are others.")
def test_from_seed_to_seed_the_best_epoch_moves_and_other_pictures_are_wrong():
    pairs = [(fitted(seed), fitted(seed + DRAWS)) for seed in SEEDS[:DRAWS]]  # of the same pictures
    moved = np.array([abs(np.argmin(a.history["val_loss"]) - np.argmin(b.history["val_loss"])) for a, b in pairs])
    others = np.array([((classes(a.best) != truth()) != (classes(b.best) != truth())).sum() for a, b in pairs])
    say(best_epoch_moved_by=moved, other_pictures=others)
    assert moved.max() > 0 and others.min() > 0


def right_by_class(answers):
    return [np.mean(classes(answers)[truth() == kind] == kind) for kind in range(3)]


@claim("drill-intro", "With much dropout fewer wrong answers are given with certainty, from nearly every seed.")
def test_with_dropout_fewer_wrong_answers_are_sure():
    without, with_it = (
        np.array([wrong(fitted(seed, 15, dropout=rate).last, 0.95) for seed in SEEDS]) for rate in (0.0, 0.6)
    )
    say(sure_and_wrong_without=without, with_dropout=with_it)
    assert (with_it < without).mean() > 0.8


@claim(
    "drill-intro",
    "With a small learning rate the best epoch comes far later",
    'The panel\'s sentence may say that validation loss "levels off", because it falls so slowly at the end.',
)
def test_with_a_small_learning_rate_the_best_epoch_comes_far_later():
    slow = [fitted(seed, 30, learning_rate=0.0001).history for seed in SEEDS[:DRAWS]]
    fast = [fitted(seed).history for seed in SEEDS[:DRAWS]]
    best, of_fast = (np.array([np.argmin(run["val_loss"][:30]) + 1 for run in runs]) for runs in (slow, fast))
    say(best_of_30=best, with_the_usual_rate=of_fast, levels_off=["levels off" in describe(run) for run in slow])
    assert (best > of_fast).all() and np.mean(best) > 2 * np.mean(of_fast)
    assert any("levels off" in describe(run) for run in slow)


@claim("drill-intro", "on our pictures it is the last one, or nearly", holds="on ours")
def test_with_a_small_learning_rate_the_best_epoch_is_near_the_end():
    own = [seed for seed in SEEDS if seed % DRAWS == 0]
    best = [np.argmin(fitted(seed, 30, learning_rate=0.0001).history["val_loss"]) + 1 for seed in own]
    say(best_of_30=best)
    assert min(best) > 0.9 * 30  # "or nearly": in the last tenth


@claim("resumed-read", "From either file, training goes on where it was.")
@claim("accuracy-intro", "None, and 19 for each epoch up to the best")
def test_from_either_file_training_goes_on_where_it_was(folder):
    clothes, seed = known().clothes, SEEDS[0]
    keras.utils.set_random_seed(seed)
    model = known().build()
    before = model.fit(clothes.x, clothes.y, epochs=6, validation_split=0.2, verbose=0).history["loss"]
    model.save(folder / "whole.keras")
    model.save_weights(folder / "last.weights.h5")
    whole, from_weights = keras.models.load_model(folder / "whole.keras"), known().build()
    from_weights.load_weights(folder / "last.weights.h5")
    assert [int(network.optimizer.iterations) for network in (whole, from_weights)] == [19 * 6, 0]
    for network in (whole, from_weights):  # its first step is none of those that training made at the beginning
        after = network.fit(clothes.x, clothes.y, validation_split=0.2, verbose=0).history["loss"]
        assert abs(after[0] - before[-1]) < before[0] - before[1]


def put(model, weights, memory):
    model.set_weights(weights)
    for variable, value in zip(model.optimizer.variables, memory, strict=True):
        variable.assign(value)


def memory_of(model):
    return [np.array(variable) for variable in model.optimizer.variables]


def without_the_memory(seeds, done=6):
    """The epoch after `done` others, by how much its losses are higher where the optimizer has lost its memory: arrays
    (seeds,) of the training and of the validation loss."""
    model, higher = known().build(), []
    model.optimizer.build(model.trainable_variables)
    nothing = memory_of(model)
    for seed in seeds:
        told = {"x": dealt(seed).x, "y": dealt(seed).y, "validation_split": 0.2, "verbose": 0}
        keras.utils.set_random_seed(seed)
        put(model, known().build().get_weights(), nothing)
        model.fit(epochs=done, **told)
        weights, after = model.get_weights(), []
        for memory in (nothing, memory_of(model)):
            put(model, weights, memory)
            keras.utils.set_random_seed(seed + 100)  # the pictures in the same order
            after.append(model.fit(**told).history)
        higher.append([after[0][name][0] - after[1][name][0] for name in ("loss", "val_loss")])
    return np.array(higher).T


@claim(
    "resumed-read",
    "in that epoch the training loss was higher by one or two hundredths on average",
    "In the validation loss the difference, if there is one, was smaller than three hundredths on average.",
)
def test_the_lost_memory_of_the_optimizer_is_a_small_kink_in_the_training_loss_only():
    training, validation = without_the_memory(OTHER_SEEDS)  # the sentence was written from others
    say(first_epoch_higher_by=training, validation_higher_by=validation)
    assert stats.ttest_1samp(training, 0, alternative="greater").pvalue < 0.05
    assert 0.005 < np.mean(training) < 0.025  # rounded, "one or two hundredths"
    assert abs(np.mean(validation)) < 0.03


@claim(
    "again-read",
    "the first epoch after the restart counts as the best so far, and the file of the true best is overwritten",
    "tell the callback what to beat",
)
@claim("key-points", "What other callbacks remember (a checkpoint's \"best so far\", `EarlyStopping`'s best weights)")
def test_after_a_restart_the_first_epoch_counts_as_the_best_unless_the_callback_is_told(folder):
    """A restart knows nothing of the best so far: its first epoch, with a large learning rate far worse, takes the
    file's place."""
    clothes = known().clothes
    for told in (False, True):
        path, before = folder / "of_two_parts.weights.h5", None
        for rate, epochs in ((0.001, 3), (0.5, 1)):
            keep = keras.callbacks.ModelCheckpoint(
                path, save_best_only=True, save_weights_only=True, initial_value_threshold=before if told else None
            )
            written = path.stat().st_mtime_ns if before else None
            keras.utils.set_random_seed(1)
            losses = (
                known()
                .build(learning_rate=rate)
                .fit(clothes.x, clothes.y, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[keep])
                .history["val_loss"]
            )
            if before:
                assert losses[0] > before and (path.stat().st_mtime_ns == written) == told
            before = min(losses)


@claim("again-read", "after a restart `restore_best_weights=True` gives you the best epoch of the *second part*")
def test_early_stopping_forgets_the_best_weights():
    clothes, lows = known().clothes, []
    for rate in (0.001, 0.5):
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        keras.utils.set_random_seed(1)
        model = known().build(learning_rate=rate)
        told = {"epochs": 3, "validation_split": 0.2, "verbose": 0, "callbacks": [stop]}
        lows.append(min(model.fit(clothes.x, clothes.y, **told).history["val_loss"]))
    assert lows[1] > lows[0]
    assert model.evaluate(clothes.x_val, clothes.y_val, verbose=0)[0] == pytest.approx(lows[1], rel=1e-3)


@claim(
    "wrong-3-read",
    "as Keras cannot tell which epoch is the best, it writes the file after every epoch",
    "So it holds the last weights",
)
def test_without_validation_the_file_holds_the_last_weights(folder):
    clothes, path = known().clothes, folder / "unwatched.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
    watch, model = Watch(path), known().build()
    model.fit(clothes.x[:64], clothes.y[:64], epochs=3, verbose=0, callbacks=[keep, watch])
    assert len(set(watch.times)) == 3
    kept = known().build()
    kept.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(kept.get_weights(), model.get_weights(), strict=True))


@claim("wrong-2", "Keras takes `best.weights.h5` for such an old name and writes a *whole model* into it")
def test_without_save_weights_only_a_whole_model_takes_the_name_of_weights(folder):
    clothes, path = known().clothes, folder / "forgotten.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(path)
    known().build().fit(clothes.x[:64], clothes.y[:64], verbose=0, callbacks=[keep])
    with pytest.raises(ValueError, match="could not be loaded"):
        known().build().load_weights(path)


@claim("wrong-3-read", "stops with an error after the first epoch, as long as you leave `mode` out")
def test_a_misspelled_figure_is_an_error_as_long_as_mode_is_left_out(folder):
    clothes = known().clothes

    def train(**told):
        keep = keras.callbacks.ModelCheckpoint(folder / "x.keras", monitor="val_los", save_best_only=True, **told)
        keep = {"validation_split": 0.5, "verbose": 0, "callbacks": [keep]}
        return known().build().fit(clothes.x[:64], clothes.y[:64], **keep)

    with pytest.raises(ValueError, match="val_los"):
        train()
    train(mode="min")
