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

from helpers.data import clothing
from helpers.engine.trainer import Trainer
from tests.claims import OTHER_SEEDS, SEEDS, lesson, say

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
def fitted(folder, seed):
    """The lesson's training: its curves, when the file was written, and what the best and the last network say."""
    clothes, path = dealt(seed), folder / f"{seed}.weights.h5"
    keras.utils.set_random_seed(seed)
    model, watch = known().build(), Watch(path)
    keep = keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True, save_weights_only=True)
    history = model.fit(
        clothes.x, clothes.y, epochs=40, validation_split=0.2, verbose=0, callbacks=[keep, watch]
    ).history
    last = model.predict(clothes.x_test, verbose=0)
    model.load_weights(path)
    best, of_unused = (model.predict(pictures, verbose=0) for pictures in (clothes.x_test, unused(seed)[0]))
    return SimpleNamespace(history=history, times=watch.times, best=best, last=last, of_unused=of_unused)


def over_seeds(folder, figure):
    return np.array([figure(fitted(folder, seed)) for seed in SEEDS])


def truth():
    return classes(known().clothes.y_test)


def wrong(answers, surer_than=0):
    return ((classes(answers) != truth()) & (answers.max(axis=1) > surer_than)).sum()


def loss(answers):
    return -np.log((answers * known().clothes.y_test).sum(axis=1)).mean()


def test_the_file_is_written_at_new_lows_only_and_long_before_the_end(folder):
    for seed in SEEDS:
        run = fitted(folder, seed)
        losses = run.history["val_loss"]
        written = [time != before for before, time in pairwise([0, *run.times])]
        assert written == [value < min(losses[:epoch], default=np.inf) for epoch, value in enumerate(losses)]
    last_written = over_seeds(folder, lambda run: np.argmin(run.history["val_loss"]) + 1)
    say(best_epoch=last_written)
    assert last_written.max() < 20  # "turns within the first half", "more than 20 epochs more"


def test_what_is_lost_from_the_best_epoch_to_the_last(folder):
    validation = over_seeds(folder, lambda run: run.history["val_loss"][-1] / min(run.history["val_loss"]))
    test_loss = over_seeds(folder, lambda run: loss(run.last) / loss(run.best))
    mistakes = over_seeds(folder, lambda run: wrong(run.last) / wrong(run.best))
    sure = over_seeds(folder, lambda run: wrong(run.last, 0.95) / wrong(run.best, 0.95))
    say(
        validation_loss_times=validation,
        test_loss_times=test_loss,
        wrong_answers_times=mistakes,
        sure_wrong_answers_times=sure,
    )
    assert validation.min() > 1.3 and test_loss.min() > 1.3  # "has gone up a great deal"
    assert (mistakes - 1 < (test_loss - 1) / 2).all()  # "has not gone up nearly as much"
    assert (mistakes > 1).any() and (mistakes < 1).any()  # "now a few more and now a few fewer"
    assert sure.min() > 2  # "several times over"


def test_some_pictures_change_sides_in_both_directions(folder):
    changed = over_seeds(folder, lambda run: (classes(run.best) != classes(run.last)).sum())
    mended = over_seeds(folder, lambda run: ((classes(run.best) != truth()) & (classes(run.last) == truth())).sum())
    shirts = over_seeds(
        folder,
        lambda run: np.mean(
            [2 in pair for pair in zip(classes(run.best), classes(run.last), strict=True) if len(set(pair)) == 2]
        ),
    )
    say(changed_sides=changed, right_at_last=mended, one_answer_is_shirt=shirts)
    assert changed.min() > 12 and changed.max() < 100 and mended.min() > 0
    assert shirts.min() > 0.5  # "in most of them one of the two answers is Shirt"


def test_the_best_network_is_right_about_five_times_in_six(folder):
    right = over_seeds(folder, lambda run: np.mean(classes(run.best) == truth()))
    say(accuracy_of_the_best=right)
    assert right.min() > 0.80 and right.max() < 0.88


def test_on_another_510_pictures_it_has_another_accuracy(folder):
    """Twice 510 of the pictures that neither trained nor chose the network, drawn anew many times."""
    random, apart = np.random.default_rng(0), []
    for seed in SEEDS[:DRAWS]:
        run = fitted(folder, seed)
        right = np.concatenate([classes(run.best) == truth(), classes(run.of_unused) == unused(seed)[1]])
        for _ in range(500):
            one, other = np.split(random.permutation(right)[:1020], 2)
            apart.append(abs(one.mean() - other.mean()))
    apart = np.array(apart)
    say(apart=apart)
    assert 0.01 <= np.median(apart) < 0.025 and np.mean(apart < 0.025) > 0.5  # "mostly one or two points"
    assert np.mean(apart > 0.045) < 0.1  # "seldom more than four"


def test_dresses_are_recognised_best_and_certainty_climbs_under_wrong_answers_too(folder):
    by_class = over_seeds(folder, lambda run: right_by_class(run.best))
    say(**{f"right_{name}": by_class[:, kind] for kind, name in enumerate(("T-shirt", "Dress", "Shirt"))})
    assert (by_class.argmax(axis=1) == 1).mean() > 0.5  # "with most seeds"
    for right in (True, False):
        sure = over_seeds(
            folder,
            lambda run, right=right: [
                answers.max(axis=1)[(classes(answers) == truth()) == right].mean() for answers in (run.best, run.last)
            ],
        )
        say(**{f"sure_when_{'right' if right else 'wrong'}_best": sure[:, 0], "last": sure[:, 1]})
        assert (sure[:, 1] > sure[:, 0]).all()


def test_to_the_end_most_mistakes_are_between_t_shirts_and_shirts(folder):
    def share(run):
        mistaken = classes(run.last) != truth()
        return np.mean((classes(run.last)[mistaken] != 1) & (truth()[mistaken] != 1))

    say(share=over_seeds(folder, share))
    assert over_seeds(folder, share).min() > 0.5


def right_by_class(answers):
    return [np.mean(classes(answers)[truth() == kind] == kind) for kind in range(3)]


def answers_by_epoch(epochs, **settings):
    """A run on each draw: its validation losses, and what the network says after each epoch."""
    runs = []
    for draw in range(DRAWS):
        clothes, answers = dealt(draw), []
        trainer = Trainer(
            known().build,
            clothes.x_train,
            clothes.y_train,
            (clothes.x_val, clothes.y_val),
            save=lambda model, epoch, c=clothes, a=answers: a.append(model(c.x_test, training=False).numpy()),
        )
        history = trainer.run(settings, epochs, seed=draw)
        runs.append(SimpleNamespace(val_loss=history.history["val_loss"], answers=answers))
    return runs


def test_with_dropout_fewer_wrong_answers_are_sure():
    without, with_it = (
        np.array([wrong(run.answers[-1], 0.95) for run in answers_by_epoch(15, dropout=rate)]) for rate in (0.0, 0.6)
    )
    say(sure_and_wrong_without=without, with_dropout=with_it)
    assert (with_it < without).mean() > 0.7 and with_it.sum() < without.sum()  # "from nearly every seed"


def test_with_a_small_learning_rate_the_best_epoch_is_near_the_end():
    best = np.array([np.argmin(run.val_loss) + 1 for run in answers_by_epoch(30, learning_rate=0.0001)])
    say(best_of_30=best)
    assert best.min() >= 27


def resumed(folder, seed, done=6, epochs=7):
    """The epochs after a crash: from the weights alone, and from the whole model."""
    clothes, found = dealt(seed), {}
    keras.utils.set_random_seed(seed)
    model = known().build()
    model.fit(clothes.x, clothes.y, epochs=done, validation_split=0.2, verbose=0)
    model.save(folder / "whole.keras")
    for way in ("weights", "whole"):
        network = keras.models.load_model(folder / "whole.keras")
        assert int(network.optimizer.iterations) == 19 * done  # "19 for each epoch"
        if way == "weights":
            weights, network = network.get_weights(), known().build()
            network.set_weights(weights)
        keras.utils.set_random_seed(seed + 100)
        found[way] = network.fit(
            clothes.x, clothes.y, epochs=epochs, initial_epoch=done, validation_split=0.2, verbose=0
        ).history
    return found


def test_the_lost_memory_of_the_optimizer_is_a_small_kink_in_the_training_loss_only(folder):
    runs = [resumed(folder, seed) for seed in OTHER_SEEDS]  # the sentence was written from others
    training, validation = (
        np.array([run["weights"][name][0] - run["whole"][name][0] for run in runs]) for name in ("loss", "val_loss")
    )
    say(first_epoch_higher_by=training, validation_higher_by=validation)
    assert stats.ttest_1samp(training, 0, alternative="greater").pvalue < 0.05
    for margin, side in ((-0.03, "greater"), (0.03, "less")):  # "smaller than three hundredths on average"
        assert stats.ttest_1samp(validation, margin, alternative=side).pvalue < 0.05


def test_after_a_restart_the_first_epoch_counts_as_the_best_unless_the_checkpoint_is_told(folder):
    """A restart knows nothing of the best so far: its first epoch, with a large learning rate far worse, takes the
    file's place."""
    clothes = known().clothes
    for threshold, overwritten in ((None, True), (0.6, False)):
        path = folder / "of_two_parts.weights.h5"
        for part in (1, 2):
            before = path.stat().st_mtime_ns if part == 2 else None
            keep = keras.callbacks.ModelCheckpoint(
                path,
                monitor="val_loss",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=threshold if part == 2 else None,
            )
            keras.utils.set_random_seed(part)
            model = known().build(learning_rate=0.001 if part == 1 else 0.5)
            history = model.fit(
                clothes.x, clothes.y, epochs=1 if part == 2 else 3, validation_split=0.2, verbose=0, callbacks=[keep]
            ).history
            if part == 1:
                assert min(history["val_loss"]) < 0.6
        assert history["val_loss"][0] > 0.6 and (path.stat().st_mtime_ns != before) == overwritten


def test_without_save_weights_only_a_whole_model_takes_the_name_of_weights(folder):
    clothes, path = known().clothes, folder / "forgotten.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(path)
    known().build().fit(clothes.x[:64], clothes.y[:64], verbose=0, callbacks=[keep])
    with pytest.raises(ValueError, match="could not be loaded"):
        known().build().load_weights(path)


def test_a_misspelled_figure_is_an_error_as_long_as_mode_is_left_out(folder):
    clothes = known().clothes
    with pytest.raises(ValueError, match="val_los"):
        known().build().fit(
            clothes.x[:64],
            clothes.y[:64],
            validation_split=0.5,
            verbose=0,
            callbacks=[keras.callbacks.ModelCheckpoint(folder / "x.keras", monitor="val_los", save_best_only=True)],
        )
