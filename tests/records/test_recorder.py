"""What a panel trains is kept in files: each epoch's weights, in plain Keras's form, without stopping the training."""

import errno
import os

import keras
import numpy as np
import pytest
from keras import layers

from helpers import engine
from helpers.engine.stop import Stop
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError
from helpers.parts.explore import Panel
from helpers.records import recorder as recorder_module
from helpers.records.recorder import Recorder
from helpers.records.saved import clean_up, epoch_file, epochs_in, load_weights, new_folder, save_weights
from tests.networks import digits_network, few_digits

pytestmark = pytest.mark.slow  # trains many networks


@pytest.fixture
def folder(tmp_path):
    return new_folder("panel", tmp_path)


def small(units=8, eager=False):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(units, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"], run_eagerly=eager)
    return model


def panel(folder, **forms):
    x, y, validation = few_digits()
    return Panel(
        small,
        (x, y, *validation),
        forms={"epochs": (1, 9, 4), "units": [4, 8], "seed": [0, 1], **forms},
        save_in=folder,
    )


def loss_of(path, data, build=small, **settings):
    """Validation loss, in a plain model of Keras's with the weights in `path`."""
    model = build(**settings)
    load_weights(model, path)
    return model.evaluate(*data, verbose=0)[0]


def test_each_epoch_s_file_holds_the_weights_that_had_its_validation_loss(folder):
    part, (_, _, validation) = panel(folder), few_digits()
    part.run()
    files, recording = epochs_in(part.recording.folder), part.recording
    assert list(files) == [1, 2, 3, 4] and recording.settings == {"units": 8} and recording.build is small
    for epoch, path in files.items():
        assert loss_of(path, validation) == pytest.approx(recording.history.history["val_loss"][epoch - 1], abs=1e-5)


@pytest.mark.slow
def test_moving_on_adds_files_going_back_adds_none_and_each_setting_has_a_folder(folder):
    part = panel(folder)
    part.run()
    first = part.recording.folder
    written = {path: path.stat().st_mtime_ns for path in epochs_in(first).values()}
    part._controls["epochs"].value = 6
    assert list(epochs_in(part.recording.folder)) == [1, 2, 3, 4, 5, 6] and part.recording.folder == first
    assert {path: path.stat().st_mtime_ns for path in written} == written
    part._controls["units"].value = 4
    second = part.recording.folder
    assert second != first and second.parent == first.parent == folder and part.recording.settings == {"units": 4}
    part._controls["units"].value = 8
    part._controls["epochs"].value = 3
    assert part.recording.folder == first and len(part.recording.history.epoch) == 3 and len(epochs_in(first)) == 6
    part._controls["seed"].value = 1  # no keyword of the builder, but another run
    assert part.recording.folder not in (first, second)


@pytest.mark.slow
def test_two_panels_in_one_folder_keep_out_of_each_other_s_way(folder):
    one, other = panel(folder), panel(folder)
    one.run(), other.run()
    assert one.recording.folder != other.recording.folder


@pytest.mark.slow
def test_listeners_are_told_after_each_run(folder):
    part, heard = panel(folder), []
    part.listeners.append(lambda: heard.append((part.recording.folder.name, len(part.recording.history.epoch))))
    part.run()
    part._controls["epochs"].value = 2
    part._controls["units"].value = 4
    assert heard == [("run-1", 4), ("run-1", 2), ("run-2", 2)]


def test_a_stopped_run_keeps_its_whole_epochs(folder):
    x, y, validation = few_digits()
    keeper, stop = Recorder(folder), Stop()
    keeper.begin("one")
    history = Trainer(small, x, y, validation, save=keeper.save).run(
        {}, 50, stop=stop, on_epoch=lambda history: len(history.epoch) == 3 and stop.set()
    )
    assert history.stopped and history.epoch == [0, 1, 2] and list(epochs_in(keeper.folder)) == [1, 2, 3]


@pytest.mark.parametrize("eager, path", [(False, "compiled"), (True, "fit")])
def test_the_optimizer_s_memory_is_in_the_file_whoever_trained(folder, eager, path):
    x, y, validation = few_digits()
    keeper = Recorder(folder)
    keeper.begin("one")
    history = Trainer(small, x[:64], y[:64], validation, save=keeper.save).run({"eager": eager}, 3)
    assert history.path == path and list(epochs_in(keeper.folder)) == [1, 2, 3]
    model = small()
    model.optimizer.build(model.trainable_variables)
    load_weights(model, epoch_file(keeper.folder, 3))
    assert int(model.optimizer.iterations.numpy()) == 3 * 2


@pytest.mark.slow
def test_weights_that_plain_keras_saved_go_on_in_the_engine_and_back(tmp_path):
    x, y, validation = few_digits()
    plain = digits_network()
    plain.fit(
        x,
        y,
        verbose=0,
        callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "keras.weights.h5", save_weights_only=True)],
    )
    mine = digits_network()
    load_weights(mine, tmp_path / "keras.weights.h5")
    assert all(map(np.array_equal, plain.get_weights(), mine.get_weights()))
    engine.fit(mine, x, y, validation, epochs=2, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "engine.keras")])
    save_weights(mine, tmp_path / "engine.weights.h5")
    plain.load_weights(tmp_path / "engine.weights.h5")
    whole = keras.models.load_model(tmp_path / "engine.keras")
    for other in (plain, whole):
        assert all(map(np.array_equal, mine.get_weights(), other.get_weights()))
    assert int(whole.optimizer.iterations.numpy()) == 2 * 10


def refuse(code):
    def write(model, path):
        raise LessonError(f"Could not write {path}: {os.strerror(code)}.")

    return write


def test_a_full_disk_stops_no_training_and_is_said_once(folder, monkeypatch):
    monkeypatch.setattr(recorder_module, "save_weights", refuse(errno.ENOSPC))
    part = panel(folder)
    part.run()
    assert part.state == "done" and len(part.history.epoch) == 4
    assert (
        part._words.value.count("not kept") == 1
        and "epoch 1" in part._words.value
        and os.strerror(errno.ENOSPC) in part._words.value
    )
    monkeypatch.undo()
    part._controls["units"].value = 4
    assert "not kept" not in part._words.value and len(epochs_in(part.recording.folder)) == 4


@pytest.mark.slow
def test_a_folder_that_is_cleaned_up_under_a_panel_is_said_and_not_made_again(folder, capsys):
    part = panel(folder)
    part.run()
    clean_up(folder)
    part._controls["epochs"].value = 5  # goes on in a folder that is gone
    assert part.state == "done" and "not kept" in part._words.value and "folder is not there" in part._words.value
    part._controls["units"].value = 4  # would begin a new one
    assert part.state == "done" and "run this cell again" in part._words.value and not folder.exists()


def test_where_no_folder_can_be_made_the_panel_still_trains(folder, monkeypatch):
    def refuse_folder(*_):
        raise LessonError("Could not make a folder in there: the disk is full.")

    monkeypatch.setattr(recorder_module, "new_folder", refuse_folder)
    part = panel(folder)
    part.run()
    assert part.state == "done" and "weights of this run are not kept" in part._words.value and part.recording is None


def test_a_missing_folder_is_said_at_once(tmp_path):
    with pytest.raises(LessonError, match="save_in=.*new_folder"):
        panel(tmp_path / "nowhere")


def test_without_save_in_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    part = panel(None)
    part.run()
    assert part.recording is None and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_keeping_the_weights_does_not_change_the_curves(folder):
    kept, plain = panel(folder), panel(None)
    kept.run(), plain.run()
    assert kept.history.history == plain.history.history
