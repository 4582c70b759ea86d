"""What lesson 4 says of best and last, of single epochs and of lost memory, on its own network, over several seeds."""

from functools import lru_cache
from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import stats

from helpers.engine.trainer import Trainer
from tests.claims import SEEDS, lesson, say


def known():
    return lesson("04_checkpointing", "clothes", "build")


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
    """The lesson's own training: its curves, when the file was written, and what the best and the last network say."""
    clothes, path = known().clothes, folder / f"{seed}.weights.h5"
    keras.utils.set_random_seed(seed)
    model, watch = known().build(), Watch(path)
    keep = keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True, save_weights_only=True)
    history = model.fit(
        clothes.x, clothes.y, epochs=40, validation_split=0.2, verbose=0, callbacks=[keep, watch]
    ).history
    last = model.predict(clothes.x_test, verbose=0)
    model.load_weights(path)
    return SimpleNamespace(history=history, times=watch.times, best=model.predict(clothes.x_test, verbose=0), last=last)


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
    assert (
        last_written.max() < 20 and last_written.min() > 2
    )  # "turns within the first half", "more than 20 epochs more"


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
    assert validation.min() > 1.5
    assert test_loss.min() > 1.5  # "higher by more than half"
    assert mistakes.min() > 1 and mistakes.max() < 1.4  # "by a little"
    assert sure.min() > 2.5  # "several times as many"


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
    assert changed.min() > 20 and changed.max() < 100 and mended.min() >= 5
    assert shirts.min() > 0.5  # "in most of them one of the two answers is Shirt"


def test_the_best_network_is_right_about_five_times_in_six(folder):
    right = over_seeds(folder, lambda run: np.mean(classes(run.best) == truth()))
    say(accuracy_of_the_best=right)
    assert right.min() > 0.80 and right.max() < 0.88
    one_figure = 2 * np.sqrt(right * (1 - right) / 510)
    assert one_figure.min() > 0.02 and one_figure.max() < 0.04  # "two or three points up or down"


def test_dresses_are_told_apart_best_and_certainty_climbs_under_wrong_answers_too(folder):
    by_class = over_seeds(folder, lambda run: right_by_class(run.best))
    say(**{f"right_{name}": by_class[:, kind] for kind, name in enumerate(("T-shirt", "Dress", "Shirt"))})
    assert (by_class.argmax(axis=1) == 1).all()
    for right in (True, False):
        sure = over_seeds(
            folder,
            lambda run, right=right: [
                answers.max(axis=1)[(classes(answers) == truth()) == right].mean() for answers in (run.best, run.last)
            ],
        )
        say(**{f"sure_when_{'right' if right else 'wrong'}_best": sure[:, 0], "last": sure[:, 1]})
        assert (sure[:, 1] > sure[:, 0] + 0.04).all()


def right_by_class(answers):
    return [np.mean(classes(answers)[truth() == kind] == kind) for kind in range(3)]


def answers_by_epoch(epochs, seeds=range(5), **settings):
    clothes, runs = known().clothes, []
    for seed in seeds:
        answers = []
        trainer = Trainer(
            known().build,
            clothes.x_train,
            clothes.y_train,
            (clothes.x_val, clothes.y_val),
            save=lambda model, epoch, answers=answers: answers.append(model(clothes.x_test, training=False).numpy()),
        )
        history = trainer.run(settings, epochs, seed=seed)
        runs.append(SimpleNamespace(val_loss=history.history["val_loss"], answers=answers))
    return runs


@pytest.fixture(scope="module")
def plain():
    return answers_by_epoch(15)


def test_dresses_are_told_apart_best_after_three_epochs_already(plain):
    early = np.array([right_by_class(run.answers[2]) for run in plain])
    say(dress=early[:, 1], t_shirt=early[:, 0], shirt=early[:, 2])
    assert (early.argmax(axis=1) == 1).all()


def test_with_dropout_fewer_wrong_answers_are_sure(plain):
    dropped = answers_by_epoch(15, dropout=0.6)
    without, with_it = (np.array([wrong(run.answers[-1], 0.95) for run in runs]) for runs in (plain, dropped))
    say(sure_and_wrong_without=without, with_dropout=with_it)
    assert (with_it < without).all()


def test_with_a_small_learning_rate_the_best_epoch_is_near_the_end():
    runs = answers_by_epoch(30, learning_rate=0.0001)
    best = np.array([np.argmin(run.val_loss) + 1 for run in runs])
    say(best_of_30=best)
    assert best.min() >= 27


def resumed(folder, seed, done=6, epochs=7):
    """The epochs after a crash: from the weights alone, and from the whole model."""
    clothes, found = known().clothes, {}
    keras.utils.set_random_seed(seed)
    model = known().build()
    model.fit(clothes.x, clothes.y, epochs=done, validation_split=0.2, verbose=0)
    model.save(folder / "whole.keras")
    for way in ("weights", "whole"):
        network = keras.models.load_model(folder / "whole.keras")
        if way == "weights":
            weights, network = network.get_weights(), known().build()
            network.set_weights(weights)
        keras.utils.set_random_seed(seed + 100)
        found[way] = network.fit(
            clothes.x, clothes.y, epochs=epochs, initial_epoch=done, validation_split=0.2, verbose=0
        ).history
    return found


def interval(values):
    """The 95 % confidence interval of a mean (Student's t)."""
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return np.mean(values) - half, np.mean(values) + half


def test_the_lost_memory_of_the_optimizer_is_a_small_kink_in_the_training_loss_only(folder):
    runs = [resumed(folder, seed) for seed in SEEDS]
    higher = {
        name: np.array([np.subtract(run["weights"][name], run["whole"][name]) for run in runs])
        for name in ("loss", "val_loss")
    }
    first, validation = interval(higher["loss"][:, 0]), interval(higher["val_loss"][:, 0])
    say(
        first_epoch_higher_by=first, validation_higher_by=validation, in_so_many_runs=[(higher["loss"][:, 0] > 0).sum()]
    )
    assert first[0] > 0 and 0.01 <= np.mean(first) <= 0.02  # "on average one or two hundredths higher"
    assert validation[0] < 0 < validation[1]  # "could not be seen at all"


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
