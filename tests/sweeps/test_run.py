"""A sweep: the same results whatever trains them, nothing trained twice, mistakes told first, nothing lost."""

import _thread
import contextlib
import errno
import functools
import itertools
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf
from keras import layers

from helpers.engine.stop import Stop
from helpers.engine.trainer import DIVERGED, Trainer
from helpers.errors import LessonError
from helpers.records.saved import new_folder
from helpers.sweeps import crew, machine
from helpers.sweeps import processes as kept_processes
from helpers.sweeps import run as sweep_module
from helpers.sweeps import tasks as sweep_tasks
from helpers.sweeps.run import sweep
from helpers.sweeps.tasks import MOST_RUNS
from tests.networks import digits_network, few_digits

X, Y, VALIDATION = few_digits(96, 32)
DATA = (X, Y, *VALIDATION)
GRID = {"dropout": [0.0, 0.2], "learning_rate": [0.001, 0.01]}  # one structure: it is compiled once
LONG_ENOUGH = 120  # seconds after which something that should come is taken not to come


def build(units=4, dropout=0.0, learning_rate=0.001, activation="relu", outputs=10):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(units, activation=activation),
            layers.Dropout(dropout),
            layers.Dense(outputs, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


@keras.saving.register_keras_serializable("tests")
class Shy(layers.Layer):
    """Doubles what it gets; in training it can fail, which nobody sees who only builds it."""

    def __init__(self, fails=False, **kwargs):
        super().__init__(**kwargs)
        self.fails = fails

    def call(self, inputs, training=False):
        if self.fails and training:
            raise ValueError("too shy to learn")
        return 2 * inputs


def build_own(units=4, fails=False, learning_rate=0.001, dropout=0.0):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(units),
            layers.Dropout(dropout),
            Shy(fails),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def serial():
    with joblib.parallel_config(n_jobs=1):
        yield


@pytest.fixture
def folder(tmp_path):
    return new_folder("sweep", tmp_path)


@pytest.fixture
def place(tmp_path):
    """A folder in which processes leave files."""
    (tmp_path / "begun").mkdir()
    return tmp_path / "begun"


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may be trained, and no process started."""

    def refuse(*_):
        raise AssertionError("it has begun to train")

    monkeypatch.setattr(sweep_module, "trained", refuse)


def logs(result):
    """All that was measured, to the bit."""
    return [{seed: history.history for seed, history in row.histories.items()} for row in result.rows]


def found(folder, build=build, grid=GRID, data=DATA, **more):
    """How many runs of this sweep are in the folder already."""
    stop = Stop()
    return sweep(
        build, data, grid, save_in=folder, stop=stop, on_run=lambda _: stop.set(), **{"epochs": 3, **more}
    ).finished


# What comes back


@pytest.mark.slow
def test_the_runs_are_those_of_the_trainer_in_the_grid_s_order(serial):
    told = []
    result = sweep(
        build,
        DATA,
        {**GRID, "batch_size": [16]},
        seeds=(3, 1),
        epochs=3,
        on_run=lambda now: told.append((now, now.finished)),
    )
    assert [finished for _, finished in told] == list(range(9)) and all(now is result for now, _ in told)
    assert [row.settings for row in result.rows] == [
        {"dropout": d, "learning_rate": r, "batch_size": 16} for d in (0.0, 0.2) for r in (0.001, 0.01)
    ]
    assert result.keywords == ["dropout", "learning_rate", "batch_size"]
    assert (result.seeds, result.epochs, result.n_validation) == ((3, 1), 3, 32)
    assert (result.runs, result.finished, result.complete, result.trouble) == (8, 8, True, "")
    trainer = Trainer(build, X, Y, VALIDATION)
    for row in result.rows:
        of_builder = {name: value for name, value in row.settings.items() if name != "batch_size"}
        histories = {seed: trainer.run(of_builder, 3, batch_size=16, seed=seed) for seed in (3, 1)}
        assert list(row.histories) == [3, 1] and not row.errors and row.error == "" and row.complete
        for seed, history in row.histories.items():
            assert history.history == histories[seed].history
            assert (
                isinstance(history, keras.callbacks.History)
                and history.epoch == [0, 1, 2]
                and history.params == histories[seed].params
            )
            assert (
                vars(history).keys() == vars(histories[seed]).keys()
                and history.path == "compiled"
                and history.note == ""
            )
        best = [int(np.argmin(history.history["val_loss"])) for history in histories.values()]
        assert row.loss == pytest.approx(
            np.mean([min(history.history["val_loss"]) for history in histories.values()]), rel=1e-12
        )
        assert row.accuracy == pytest.approx(
            np.mean([h.history["val_accuracy"][at] for h, at in zip(histories.values(), best, strict=True)]), rel=1e-12
        )
        assert row.epoch == np.median(best) + 1
    assert result.best is min(result.rows, key=lambda row: row.loss)
    assert "4 settings, 2 seeds; 8 of 8 runs" in repr(result) and "learning_rate=" in repr(result)


@pytest.mark.slow
def test_the_data_may_come_split_or_be_split_and_stay_unchanged(serial):
    x, y = np.concatenate([X, VALIDATION[0]]), np.concatenate([Y, VALIDATION[1]])
    split = sweep(build, (x, y), {"units": [4]}, epochs=2, validation_split=0.25)
    assert logs(split) == logs(sweep(build, DATA, {"units": [4]}, epochs=2)) and split.n_validation == 32


@pytest.mark.slow
def test_a_run_that_fails_or_diverges_is_told_in_its_row_and_spoils_no_other(serial, folder):
    grid = {"fails": [False, True], "learning_rate": [0.01, 1e30]}
    result = sweep(build_own, DATA, grid, seeds=(0, 1), epochs=4, save_in=folder)
    good, diverged, *failed = result.rows
    assert good.complete and not good.errors and len(good.histories) == 2 and result.best is good
    assert (
        diverged.errors == {0: DIVERGED, 1: DIVERGED}
        and len(diverged.histories) == 2
        and 1 <= len(diverged.histories[0].epoch) < 4
    )
    for row in failed:
        assert row.complete and row.histories == {} and np.isnan([row.loss, row.accuracy, row.epoch]).all()
        assert (
            all("build_own()" in error and "too shy" in error for error in row.errors.values())
            and row.error == row.errors[0]
        )
    assert result.complete and "6 with an error" in repr(result) and "too shy" in repr(failed[0])


@pytest.mark.slow
def test_without_accuracy_or_a_finished_run_the_figures_are_nan(serial):
    def build(rate=0.01):
        model = keras.Sequential([keras.Input((64,)), layers.Dense(10)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    stop, seen = Stop(), []
    sweep(
        build,
        DATA,
        {"rate": [0.01]},
        epochs=2,
        stop=stop,
        on_run=lambda now: seen.append((now.best, now.rows[0].loss, now.rows[0].complete)),
    )
    assert seen[0][0] is None and np.isnan(seen[0][1]) and not seen[0][2]
    row = sweep(build, DATA, {"rate": [0.01]}, epochs=2).rows[0]
    assert np.isfinite(row.loss) and np.isnan(row.accuracy)


@pytest.mark.slow
def test_whatever_objects_are_in_the_grid_no_two_are_taken_for_the_same(serial):
    class Amount:
        def __init__(self, units):
            self.units = units

        def __repr__(self):
            return "an amount"

    def build_amount(amount):
        return build(amount.units)

    rows = sweep(build_amount, DATA, {"amount": [Amount(2), Amount(12)]}, epochs=2).rows
    assert [row.histories[0].history for row in rows] == [
        logs(sweep(build, DATA, {"units": [u]}, epochs=2))[0][0] for u in (2, 12)
    ]


@pytest.mark.slow
def test_threads_that_draw_random_numbers_meanwhile_change_nothing(serial):
    """As Dask's do; a network's initial weights come from Python's random numbers."""
    over, drawn, functions = threading.Event(), [], {name: getattr(random, name) for name in random.__all__}

    def draw():
        while not over.wait(0.0005):
            drawn.append(random.random())

    alone = sweep(build, DATA, GRID, seeds=(0, 1), epochs=1)
    state, thread = random.getstate(), threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        among_others = sweep(build, DATA, GRID, seeds=(0, 1), epochs=1)
    finally:
        over.set()
        thread.join()
    assert logs(among_others) == logs(alone) and {name: getattr(random, name) for name in random.__all__} == functions
    random.setstate(state)
    assert len(drawn) > 100 and drawn == [random.random() for _ in drawn]  # nor does a sweep change theirs


# Mistakes


def needs_units(units, learning_rate=0.001):
    return build(units, learning_rate=learning_rate)


WRONG = {
    "no dictionary": dict(grid=[0.1, 0.2], words="dictionary"),
    "empty grid": dict(grid={}, words="dictionary"),
    "unknown keyword": dict(grid={"unit": [4]}, words=r"has no keyword 'unit'.*unit=…"),
    "keyword that is no text": dict(grid={3: [4]}, words="no keyword 3"),
    "keyword that is needed": dict(build=needs_units, grid={"learning_rate": [0.1]}, words="needs a value for 'units'"),
    "epochs in the grid": dict(grid={"epochs": [4, 5]}, words="epochs is no keyword for the grid"),
    "seed in the grid": dict(grid={"seed": [0, 1]}, words="seeds="),
    "empty list": dict(grid={"units": []}, words="'units': \\[\\].*nothing to choose"),
    "text for a list": dict(grid={"activation": "relu"}, words=r"list of values for activation.*\['relu'\]"),
    "number for a list": dict(grid={"units": 4}, words=r"'units': \[4\]"),
    "tuple for a list": dict(grid={"units": (4, 8)}, words=r"'units': \[4, 8\]"),
    "value twice": dict(grid={"learning_rate": [0.1, 0.2, 0.1]}, words="0.1 twice for learning_rate"),
    "value twice, as another number": dict(grid={"units": [4, 4.0]}, words="4.0 twice"),
    "too many": dict(
        grid={"units": list(range(1, 50)), "learning_rate": list(np.linspace(0.1, 1, 50))}, words="2450 settings"
    ),
    "batch size of a half": dict(grid={"batch_size": [0.5]}, words="batch_size needs whole numbers"),
    "batch size of zero": dict(grid={"batch_size": [0, 32]}, words="at least 1"),
    "too many examples": dict(grid={"n_train": [50, 97]}, words="only 96 training examples"),
    "no seeds": dict(seeds=(), words="at least one"),
    "one seed, not in a list": dict(seeds=3, words="seeds is a list"),
    "negative seed": dict(seeds=[0, -1], words="-1"),
    "seed of a half": dict(seeds=[0.5], words="0.5"),
    "seed True": dict(seeds=[True], words="True"),
    "seed twice": dict(seeds=[1, 2, 1], words="twice"),
    "no epochs": dict(epochs=0, words="epochs must be a whole number"),
    "half an epoch": dict(epochs=1.5, words="epochs must be"),
    "the network itself": dict(build=keras.Sequential(), words="leave out the brackets"),
    "no validation data": dict(data=(X, Y), validation_split=0, words="no validation data"),
    "a dataset": dict(data=tf.data.Dataset.from_tensors((X, Y)), words="needs arrays"),
    "data that do not belong together": dict(data=(X, Y[:50], *VALIDATION), words="do not belong together"),
    "units a layer refuses": dict(grid={"units": [4, -3]}, words=r"With units=-3: .*positive integer.*line \d+.*Dense"),
    "activation a layer refuses": dict(
        grid={"learning_rate": [0.1, 0.01], "activation": ["relu", "rellu"]},
        words="learning_rate=0.1, activation='rellu'.*spelling",
    ),
    "outputs that do not fit": dict(grid={"outputs": [10, 9]}, words="With outputs=9: .*10 columns"),
    "a builder that returns nothing": dict(build=lambda units=4: None, words="With units=4: .*returned nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_before_anything_is_trained(case, untrained):
    wrong = dict(WRONG[case])
    words = wrong.pop("words")
    with pytest.raises(LessonError, match=words):
        sweep(**{"build": build, "data": DATA, "grid": {"units": [4, 8]}, "epochs": 2, **wrong})


@pytest.mark.slow
def test_numbers_of_numpy_are_as_good_as_others(serial):
    result = sweep(
        build,
        DATA,
        {"learning_rate": np.logspace(-3, -2, 2), "units": [np.int64(4)]},
        seeds=np.arange(1),
        epochs=np.int64(1),
    )
    assert [row.settings for row in result.rows] == [
        {"learning_rate": 0.001, "units": 4},
        {"learning_rate": 0.01, "units": 4},
    ]
    assert json.dumps([row.settings for row in result.rows]) and result.seeds == (0,) and result.complete


def test_lesson_errors_come_out_of_a_process_as_they_went_in():
    error = pickle.loads(pickle.dumps(LessonError("Try a smaller rate.")))
    assert type(error) is LessonError and str(error) == "Try a smaller rate."


# Tasks


@pytest.mark.parametrize("workers", [1, 2, 4, 8, 64])
def test_one_structure_is_shared_out_among_all_workers(workers):
    runs = [(number, 0) for number in range(25)]
    tasks = sweep_tasks._tasks(runs, ["the same"] * 25, workers)
    assert sorted(itertools.chain(*tasks)) == runs and max(map(len, tasks)) <= MOST_RUNS
    assert len(tasks) >= min(25, workers) and max(map(len, tasks)) - min(map(len, tasks)) <= 1


def test_a_task_has_one_structure_and_small_groups_stay_together():
    structures = [str(number % 9) for number in range(36)] + [None, None]
    runs = [(number, seed) for seed in (0, 1) for number in range(38)]
    tasks = sweep_tasks._tasks(runs, structures, 2)
    assert sorted(itertools.chain(*tasks)) == sorted(runs)
    assert all(len({structures[number] for number, _ in task}) == 1 for task in tasks)
    assert sorted(map(len, tasks)) == [1] * 4 + [4] * 18


# In a folder


@pytest.mark.slow
def test_what_was_trained_is_not_trained_again(serial, folder):
    stop = Stop()
    first = sweep(
        build,
        DATA,
        GRID,
        seeds=(0, 1),
        epochs=3,
        save_in=folder,
        stop=stop,
        on_run=lambda now: now.finished == 3 and stop.set(),
    )
    assert first.finished == 3 and not first.complete and len(list(folder.glob("*.json"))) == 3
    seen, new = [], {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    again = sweep(
        build, DATA, GRID, seeds=(0, 1), epochs=3, save_in=folder, on_run=lambda now: seen.append(now.finished)
    )
    assert seen == [3, 4, 5, 6, 7, 8] and again.complete and len(list(folder.glob("*.json"))) == 8
    assert all(path.stat().st_mtime_ns == written for path, written in new.items())
    assert logs(again) == logs(sweep(build, DATA, GRID, seeds=(0, 1), epochs=3))
    history = sweep(build, DATA, GRID, seeds=(0, 1), epochs=3, save_in=folder).rows[0].histories[1]
    assert (
        isinstance(history, keras.callbacks.History) and history.epoch == [0, 1, 2] and history.params == {"epochs": 3}
    )
    assert (history.path, history.note, history.stopped, history.measured) == ("compiled", "", False, {})


@pytest.mark.slow
def test_another_sweep_takes_what_fits_and_a_longer_one_nothing(serial, folder):
    whole = sweep(build, DATA, GRID, epochs=3, save_in=folder)
    assert found(folder, seeds=(1, 0)) == 4 and found(folder, grid={**GRID, "dropout": [0.2, 0.5]}) == 2
    assert (
        found(folder, grid={**GRID, "units": [4, 8], "batch_size": [16, 32], "n_train": [50, 96]}) == 4
    )  # the rest had been so
    assert found(folder, epochs=4) == 0
    short = sweep(build, DATA, GRID, epochs=2, save_in=folder)
    assert [{0: {name: values[:2] for name, values in row[0].items()}} for row in logs(whole)] == logs(short)
    assert len(list(folder.glob("*.json"))) == 4 and found(folder) == 4
    longer = sweep(build, DATA, {"dropout": [0.2], "learning_rate": [0.01]}, epochs=5, save_in=folder)
    assert len(longer.rows[0].histories[0].epoch) == 5 and found(folder) == 4 and found(folder, epochs=5) == 1


def edited(units=4, dropout=0.0, learning_rate=0.001, activation="relu", outputs=10):
    return build(units, dropout, learning_rate, activation, outputs)  # the same network, but another text


def scaled(value):
    """A builder that sets its weights by hand: its text is the same for each value."""

    def build_scaled(units=4, dropout=0.0, learning_rate=0.001):
        model = build(units, dropout, learning_rate)
        model.layers[-1].kernel.assign(value * model.layers[-1].kernel)
        return model

    return build_scaled


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the four runs of GRID; to be copied, not changed."""
    folder = new_folder("sweep", tmp_path_factory.mktemp("trained"))
    with joblib.parallel_config(n_jobs=1):
        sweep(build, DATA, GRID, epochs=3, save_in=folder)
    return folder


CHANGED = {
    "the builder's text": dict(build=edited),
    "training pictures": dict(data=(X + 0.01, *DATA[1:])),
    "one label": dict(data=(X, np.concatenate([Y[:1, ::-1], Y[1:]]), *VALIDATION)),
    "the order of the validation data": dict(data=(X, Y, VALIDATION[0][::-1], VALIDATION[1][::-1])),
    "the type of the numbers": dict(data=(X.astype("float64"), *DATA[1:])),
    "a value": dict(grid={**GRID, "activation": ["tanh"]}),
    "the batch size": dict(grid={**GRID, "batch_size": [16]}),
    "n_train": dict(grid={**GRID, "n_train": [95]}),
    "the seed": dict(seeds=(1,)),
}


@pytest.mark.parametrize("change", CHANGED)
def test_what_has_changed_is_not_taken_from_the_folder(change, trained):
    assert found(trained) == 4 and found(trained, **CHANGED[change]) == 0


@pytest.mark.parametrize("library", [keras, tf], ids=["Keras", "TensorFlow"])
def test_nor_is_what_another_version_has_trained(library, trained, monkeypatch):
    monkeypatch.setattr(library, "__version__", "1.2.3")
    assert found(trained) == 0


@pytest.mark.slow
def test_what_the_builder_s_text_does_not_show_counts_too(serial, folder, monkeypatch):
    sweep(edited, DATA, GRID, epochs=1, save_in=folder)  # a builder that calls another
    sweep(scaled(2), DATA, GRID, epochs=1, save_in=folder)
    assert (
        found(folder, edited, epochs=1) == found(folder, scaled(2), epochs=1) == 4
        and found(folder, scaled(3), epochs=1) == 0
    )
    monkeypatch.setitem(
        globals(), "build", lambda units, dropout, learning_rate, *_: digits_network(dropout, units + 1, learning_rate)
    )
    assert found(folder, edited, epochs=1) == 0


@pytest.mark.slow
def test_networks_with_parts_of_the_student_s_own_are_trained_again(serial, folder):
    sweep(build_own, DATA, {"units": [4]}, epochs=1, save_in=folder)
    assert len(list(folder.glob("*.json"))) == 1 and found(folder, build_own, {"units": [4]}, epochs=1) == 0


@pytest.mark.parametrize(
    "damage",
    [
        "cut short",
        "empty",
        "no JSON",
        "a list",
        "not UTF-8",
        "without validation loss",
        "a hole in a curve",
        "a word in a curve",
        "without a note",
    ],
)
def test_a_damaged_file_counts_as_missing(damage, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "copy")
    file = sorted(folder.glob("*.json"))[0]
    text, record = file.read_text(), json.loads(file.read_text())
    if damage == "without validation loss":
        del record["history"]["val_loss"]
    if damage == "a hole in a curve":
        record["history"]["val_loss"].pop()
    if damage == "a word in a curve":
        record["history"]["loss"][1] = "low"
    if damage == "without a note":
        del record["note"]
    spoilt = {
        "cut short": text[:-20].encode(),
        "empty": b"",
        "no JSON": b"loss: 3",
        "a list": b"[1, 2]",
        "not UTF-8": b"\xff\xfe\xfa",
    }
    file.write_bytes(spoilt.get(damage, json.dumps(record).encode()))
    assert found(folder) == 3
    if damage == "cut short":
        with joblib.parallel_config(n_jobs=1):
            assert sweep(build, DATA, GRID, epochs=3, save_in=folder).complete
        assert file.read_text() == text and found(folder) == 4


@pytest.mark.slow
def test_a_failed_run_is_tried_again_a_diverged_one_is_not(serial, folder, monkeypatch):
    grid = {"learning_rate": [0.01, 1e30]}
    real = Trainer.run

    def fail(self, settings, *args, **kwargs):
        if settings["number"] == 0:
            raise MemoryError("no room")
        return real(self, settings, *args, **kwargs)

    monkeypatch.setattr(Trainer, "run", fail)
    result = sweep(build, DATA, grid, epochs=5, save_in=folder)
    assert "no room" in result.rows[0].error and len(list(folder.glob("*.json"))) == 2
    monkeypatch.undo()
    seen = []
    again = sweep(build, DATA, grid, epochs=5, save_in=folder, on_run=lambda now: seen.append(now.finished))
    assert seen == [1, 2] and not again.rows[0].error and again.rows[1].errors == {0: DIVERGED}
    np.testing.assert_equal(logs(again)[1], logs(result)[1])  # nan is nan
    monkeypatch.setattr(Trainer, "run", fail)  # and a later failure does not take away what there is
    assert sweep(build, DATA, grid, epochs=6, save_in=folder).rows[0].error and found(folder, grid=grid, epochs=5) == 2


def test_the_files_tell_a_reader_what_they_hold(serial, folder):
    result = sweep(build, DATA, {"units": [4]}, seeds=[5], epochs=2, save_in=folder)
    record = json.loads(next(folder.glob("run-*.json")).read_text())
    assert (
        record["settings"] == {"units": 4} and record["seed"] == 5 and record["epochs"] == 2 and record["error"] == ""
    )
    assert record["history"] == result.rows[0].histories[5].history


def refuse(monkeypatch, code, after=0):
    """Make every attempt to write fail that comes after so many others."""
    write, count = Path.write_text, itertools.count()

    def write_text(self, *args, **kwargs):
        if next(count) >= after:
            raise OSError(code, os.strerror(code))
        return write(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", write_text)


@pytest.mark.parametrize(
    "code, words",
    [(errno.EROFS, "nothing can be written"), (errno.EACCES, "not allowed"), (errno.ENOSPC, "disk is full")],
)
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained(
    code, words, folder, untrained, monkeypatch
):
    refuse(monkeypatch, code)
    with pytest.raises(LessonError, match=words):
        sweep(build, DATA, GRID, save_in=folder)


def test_a_folder_that_is_not_there_is_told(tmp_path, untrained):
    with pytest.raises(LessonError, match="no such folder.*new_folder"):
        sweep(build, DATA, GRID, save_in=tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_becomes_full_ends_no_training_and_loses_nothing(serial, folder, monkeypatch):
    refuse(monkeypatch, errno.ENOSPC, after=3)  # one to see whether it can be done, two results
    with pytest.warns(UserWarning, match="disk is full"):
        result = sweep(build, DATA, GRID, epochs=2, save_in=folder)
    assert result.complete and all(row.histories for row in result.rows)
    assert "disk is full" in result.trouble and result.trouble in repr(result)
    assert len(list(folder.glob("run-*"))) == 2 and len(list(folder.iterdir())) == 3  # and no halves
    monkeypatch.undo()
    assert found(folder, epochs=2) == 2


@pytest.mark.slow
def test_an_interrupt_leaves_what_was_finished(serial, folder):
    def interrupt(now):
        if now.finished == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(build, DATA, GRID, epochs=2, save_in=folder, on_run=interrupt)
    assert found(folder, epochs=2) == 2
    assert sweep(build, DATA, GRID, epochs=2, save_in=folder).complete


@pytest.mark.slow
def test_stopped_in_mid_run_it_returns_what_is_finished(serial, monkeypatch):
    stop, epochs = Stop(), []

    class Watched(Trainer):
        def run(self, *args, on_epoch, **more):
            def follow(history):
                epochs.append(len(history.epoch))
                if len(history.epoch) == 5:
                    stop.set()
                on_epoch(history)

            return super().run(*args, on_epoch=follow, **more)

    monkeypatch.setattr(sweep_tasks, "Trainer", Watched)
    result = sweep(build, DATA, GRID, epochs=1_000_000, stop=stop)
    assert (
        5 <= len(epochs) < 1_000_000
        and result.finished == 0
        and all(row.histories == row.errors == {} for row in result.rows)
    )


def test_a_sweep_that_is_to_stop_before_it_begins_trains_nothing(untrained):
    stop = Stop()
    stop.set()
    assert sweep(build, DATA, GRID, stop=stop).finished == 0


# With processes


@pytest.mark.slow
@pytest.mark.parametrize("builder, policy", [(build, "float32"), (build, "mixed_bfloat16"), (build_own, "float32")])
def test_the_same_bits_from_one_process_from_two_and_from_threads(builder, policy):
    grid = {"units": [4, 8], "dropout": [0.0, 0.3], "batch_size": [16, 32]}
    keras.config.set_dtype_policy(policy)
    try:
        results = []
        for config in ({"n_jobs": 1}, {"n_jobs": 2}, {"n_jobs": 3, "backend": "threading"}):
            with joblib.parallel_config(**config):
                results.append(sweep(builder, DATA, grid, seeds=[7], epochs=3))
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(result.complete and not any(row.errors for row in result.rows) for result in results)
    assert all(logs(result) == logs(results[0]) for result in results[1:])
    if policy != "float32":
        with joblib.parallel_config(n_jobs=1):
            assert logs(sweep(builder, DATA, grid, seeds=[7], epochs=3)) != logs(results[0])


def begun(folder):
    return {path.name for path in folder.iterdir()}


def watched(folder, settings, others=1):
    """A builder that leaves a file with the number of the process in which it is called, if that is not this one.

    Once the settings were looked at and one is trained, it waits until `others` processes have begun.
    """
    here, place, calls = os.getpid(), str(folder), itertools.count()

    def build(units=4, learning_rate=0.001, dropout=0.0):
        if os.getpid() != here:
            open(os.path.join(place, str(os.getpid())), "w").close()
        if os.getpid() != here or next(calls) > settings:
            wait_for(lambda: len(os.listdir(place)) >= others)
        model = keras.Sequential([keras.Input((64,)), layers.Dense(units), layers.Dense(10, activation="softmax")])
        model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


@contextlib.contextmanager
def processes(n=2):
    """So many trainings at a time: one of them here, the others in processes."""
    with joblib.parallel_config(backend="loky", n_jobs=n):
        yield


def watched_until(folder, function, settings=4, files=1):
    """`function` as a builder that waits here, once one setting is trained, until so many files are in the folder."""
    here, calls = os.getpid(), itertools.count()

    @functools.wraps(function)
    def waiting(**chosen):
        if os.getpid() == here and next(calls) > settings:
            wait_for(lambda: len(os.listdir(folder)) >= files)
        return function(**chosen)

    return waiting


@pytest.fixture
def no_process_left():
    """Processes of earlier sweeps do not take part."""
    kept_processes.end_idle()


def wait_for(condition):
    end = time.monotonic() + LONG_ENOUGH
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config, most",
    [({}, machine.cores()), ({"n_jobs": 1}, 1), ({"n_jobs": 3}, 3), ({"backend": "threading"}, 1)],
    ids=["default", "one", "three", "threads"],
)
def test_it_trains_in_as_many_processes_as_joblib_is_told(config, most, tmp_path):
    grid = {"learning_rate": list(np.linspace(0.001, 0.1, 16))}
    with joblib.parallel_config(**config) if config else contextlib.nullcontext():
        result = sweep(watched(tmp_path, 16, most - 1), DATA, grid, epochs=2)
    assert result.complete and result.trouble == "" and len(begun(tmp_path)) == most - 1  # other than this one


@pytest.mark.slow
@pytest.mark.usefixtures("no_process_left")
def test_stopped_in_another_thread_the_workers_end_their_runs_and_work_for_the_next_sweep(tmp_path):
    before, after, stop, result = tmp_path / "before", tmp_path / "after", Stop(), []
    before.mkdir(), after.mkdir()

    def work():
        with processes():
            result.append(sweep(watched(before, 4), DATA, GRID, epochs=1_000_000, stop=stop))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    wait_for(lambda: len(begun(before)) == 1)
    stop.set()
    thread.join(LONG_ENOUGH)
    assert not thread.is_alive() and result[0].finished == 0 and len(result[0].rows) == 4
    with processes():
        assert sweep(watched(after, 4), DATA, {"units": [4, 8, 12, 16]}, epochs=2).complete
    assert begun(after) == begun(before)  # these processes live, and have time


@pytest.mark.slow
@pytest.mark.usefixtures("no_process_left")
@pytest.mark.parametrize("where, finished", [("in a process", 3), ("here", 0)])
def test_workers_that_take_no_notice_of_a_stop_are_given_up(where, finished, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_tasks, "PATIENCE", 0.1)
    here, place, stop, result, calls = os.getpid(), str(tmp_path), Stop(), [], itertools.count()
    reached = threading.Event()

    def hanging(learning_rate=0.001):
        if os.getpid() != here or (where == "here" and next(calls) >= 4):  # after the four were looked at
            open(os.path.join(place, str(os.getpid())), "w").close()
            threading.Event().wait()
        return build(4, 0.0, learning_rate)

    hang = watched_until(tmp_path, hanging) if where == "in a process" else hanging

    def work():
        told = {"stop": stop, "on_run": lambda now: now.finished == finished and reached.set()}
        with processes():
            result.append(sweep(hang, DATA, {"learning_rate": [0.1, 0.2, 0.3, 0.4]}, epochs=2, **told))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    wait_for(lambda: len(begun(tmp_path)) == 1 and reached.is_set())
    stop.set()
    thread.join(LONG_ENOUGH)
    assert not thread.is_alive() and result[0].finished == finished and result[0].trouble == ""
    hung = {int(name) for name in begun(tmp_path)} - {here}
    wait_for(lambda: not hung.intersection(psutil.pids()))
    with processes():
        assert sweep(build, DATA, GRID, epochs=2).complete


@pytest.mark.slow
def test_stopped_sweeps_of_processes_go_on_where_they_were(folder):
    stop, seen = Stop(), []
    with processes():
        first = sweep(
            build,
            DATA,
            GRID,
            seeds=range(4),
            epochs=30,
            save_in=folder,
            stop=stop,
            on_run=lambda now: now.finished == 2 and stop.set(),
        )
        assert 2 <= first.finished < 16 and found(folder, seeds=range(4), epochs=30) == first.finished
        whole = sweep(
            build, DATA, GRID, seeds=range(4), epochs=30, save_in=folder, on_run=lambda now: seen.append(now.finished)
        )
    assert seen == list(range(first.finished, 17))
    with joblib.parallel_config(n_jobs=1):
        assert logs(whole) == logs(sweep(build, DATA, GRID, seeds=range(4), epochs=30))


def test_an_interrupt_while_a_result_is_written_loses_it_neither(monkeypatch, folder):
    write = sweep_module.write_run

    def interrupted(file, record):
        if "learning_rate" in record.get("settings", ()):
            monkeypatch.setattr(sweep_module, "write_run", write)
            raise KeyboardInterrupt
        write(file, record)

    monkeypatch.setattr(sweep_module, "write_run", interrupted)
    with joblib.parallel_config(n_jobs=1), pytest.raises(KeyboardInterrupt) as stopped:
        sweep(build, DATA, GRID, epochs=1, save_in=folder)
    assert stopped.value.sweep.finished == len(list(folder.glob("run-*.json"))) == 1


@pytest.mark.slow
def test_an_interrupt_while_processes_train_leaves_what_was_finished(folder, request):
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # as in a kernel; a shell's background processes ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def interrupt(now):
        if now.finished == 1:
            threading.Timer(0.3, _thread.interrupt_main).start()

    with processes():
        with pytest.raises(KeyboardInterrupt) as interrupted:
            sweep(
                build,
                DATA,
                {"learning_rate": list(np.linspace(0.001, 0.1, 200))},
                epochs=300,
                save_in=folder,
                on_run=interrupt,
            )
        assert 1 <= len(list(folder.glob("run-*.json"))) == interrupted.value.sweep.finished < 200
        assert sweep(build, DATA, GRID, epochs=2).complete


@pytest.mark.slow
def test_an_error_in_the_caller_s_own_function_loses_nothing_that_was_finished(folder):
    def fail(now):
        if now.finished == 1:
            raise ZeroDivisionError

    many = {"learning_rate": list(np.linspace(0.001, 0.1, 24))}
    with processes():
        with pytest.raises(ZeroDivisionError):
            sweep(build, DATA, many, epochs=2, save_in=folder, on_run=fail)
        assert found(folder, grid=many, epochs=2) >= 1
        assert sweep(build, DATA, many, epochs=2, save_in=folder).complete


@pytest.mark.slow
def test_the_data_go_to_processes_whole_even_when_they_are_large():
    x, y = np.repeat(X, 60, axis=0), np.repeat(Y, 60, axis=0)  # over 1 MB, where joblib shares memory
    with processes():
        many = sweep(build, (x, y, *VALIDATION), GRID, epochs=1)
    with joblib.parallel_config(n_jobs=1):
        assert logs(many) == logs(sweep(build, (x, y, *VALIDATION), GRID, epochs=1)) and many.complete


@pytest.mark.slow
def test_a_failure_in_a_process_quotes_the_student_s_line(tmp_path):
    cell, away = tmp_path / "cell.py", tmp_path / "away"
    cell.write_text(
        "def build(units=4):\n"
        "    if os.getpid() != here:\n"
        "        raise ValueError(failed('not away from home'))\n"
        "    return original(units)\n"
    )
    here, calls = os.getpid(), itertools.count()

    def failed(why):
        away.touch()
        return why

    def original(units):
        if next(calls) > 3:  # after all were looked at and one was trained: until the process has had its turn
            wait_for(away.exists)
        return build(units)

    names = {"os": os, "here": here, "original": original, "failed": failed}
    exec(compile(cell.read_text(), str(cell), "exec"), names)
    with processes():
        result = sweep(names["build"], DATA, {"units": [4, 8, 12]}, epochs=1)
    errors = [row.error for row in result.rows if row.error]  # the others were trained here
    assert result.complete and errors
    for error in errors:
        assert "not away from home" in error and "line 3" in error and "raise ValueError" in error


def deadly(folder, settings, times, waits_for=1):
    """A builder that kills the process it is called in, if that is not this one; so many times."""
    here = os.getpid()

    def build_deadly(units=4):
        if os.getpid() != here and len(os.listdir(folder)) < times:
            open(os.path.join(folder, str(os.getpid())), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return build(units)

    return watched_until(folder, build_deadly, settings, waits_for)


UNITS = {"units": [4, 5, 6, 7]}


@pytest.mark.slow
@pytest.mark.parametrize("n, deaths", [(2, 1), (3, 1), (3, 2)])
def test_a_process_that_is_killed_takes_nothing_along(n, deaths, place, folder):
    told = []
    with processes(n):
        result = sweep(
            deadly(place, 4, deaths, deaths),
            DATA,
            UNITS,
            seeds=(0, 1),
            epochs=2,
            save_in=folder,
            on_run=lambda now: told.append(now.finished),
        )
    assert len(begun(place)) == deaths and told == list(range(9)) and result.complete
    assert result.trouble.count("has died") == 1 and "fewer at a time" in repr(result)
    assert not any(row.errors for row in result.rows) and len(list(folder.glob("run-*.json"))) == 8
    with joblib.parallel_config(n_jobs=1):
        assert logs(result) == logs(sweep(build, DATA, UNITS, seeds=(0, 1), epochs=2))


@pytest.mark.slow
def test_a_process_that_dies_again_is_told_and_what_was_finished_is_kept(place, folder):
    with processes():
        with pytest.raises(LessonError, match=r"trained units=\d has died.*another one.*only what is missing") as died:
            sweep(deadly(place, 4, 100), DATA, UNITS, seeds=range(2), epochs=2, save_in=folder)
        assert len(begun(place)) == 2 and died.value.sweep.finished == len(list(folder.glob("run-*.json"))) == 7
        assert sweep(build, DATA, GRID, epochs=2).complete


@pytest.mark.slow
def test_where_memory_is_short_fewer_train_at_a_time_and_that_is_said(monkeypatch):
    kept_processes.end_idle()
    monkeypatch.setattr(machine, "free_memory", lambda: 1_000_000)
    with processes(3), pytest.warns(UserWarning, match="GB"):
        result = sweep(build, DATA, GRID, epochs=2)
    assert result.complete and result.trouble.startswith("1 of these trainings ran at a time, not 3: each takes about")
    assert kept_processes.borrow(3) == []  # none was started


@pytest.mark.slow
def test_processes_without_work_end_and_give_their_memory_back(tmp_path, monkeypatch):
    kept_processes.end_idle()
    monkeypatch.setattr(kept_processes, "IDLE", 1)
    for name in ("first", "second"):  # and the next sweep starts others
        (tmp_path / name).mkdir()
        with processes():
            assert sweep(watched(tmp_path / name, 4), DATA, GRID, epochs=2).complete
        wait_for(lambda name=name: not {int(number) for number in begun(tmp_path / name)}.intersection(psutil.pids()))
    kept_processes.end_idle()


ORPHANS = """
import os, sys, joblib
from tests.sweeps.test_run import DATA, GRID, sweep, watched
if __name__ == "__main__":
    with joblib.parallel_config(backend="loky", n_jobs=3):
        sweep(watched(sys.argv[1], 4, 2), DATA, GRID, epochs=10_000_000)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_kernel_that_ends_in_mid_sweep_leaves_no_process_behind(how, place):
    kernel = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler);\n{ORPHANS}"]
        + [str(place)],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: len(begun(place)) == 2)
        kernel.send_signal(how)
        kernel.wait(LONG_ENOUGH)
        wait_for(lambda: not {int(name) for name in begun(place)}.intersection(psutil.pids()))
    finally:
        kernel.kill()


def test_each_worker_compiles_little():
    work = crew.Work([(number, 0) for number in range(8)], ["a"] * 4 + ["b"] * 2 + [None] * 2)
    assert [work.take("here")[0] for _ in range(2)] == [0, 1] and [work.take("there")[0] for _ in range(2)] == [4, 5]
    assert [work.take("there")[0] for _ in range(2)] == [6, 7] and len(work) == 2  # none is like these
    assert work.take("there") == (2, 0) and list(work) == [(3, 0)] and work.take("here") == (3, 0)
    assert work.take("here") is None and not work


@pytest.mark.slow
def test_what_cannot_be_sent_to_a_process_is_told_and_trains_in_this_one():
    lock = threading.Lock()

    def build_locked(units=4):
        with lock:
            return build(units)

    with processes(), pytest.raises(LessonError, match=r"build_locked\(\).*cannot be sent.*n_jobs=1"):
        sweep(build_locked, DATA, {"units": [4, 8]}, epochs=1)
    with joblib.parallel_config(n_jobs=1):
        assert sweep(build_locked, DATA, {"units": [4, 8]}, epochs=1).complete


@pytest.mark.slow
def test_a_worker_compiles_a_structure_once(serial, monkeypatch):
    made = []

    class Counted(Trainer):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(sweep_tasks, "Trainer", Counted)
    sweep(build, DATA, {"units": [4, 8], "dropout": [0.0, 0.2], "learning_rate": [0.001, 0.01]}, seeds=(0, 1), epochs=1)
    assert len(made) == 1 and made[0].compilations == 2
    assert not sweep_tasks._trainers
