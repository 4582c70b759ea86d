"""The files of a lesson: folders of their own, saving all or nothing, and refusals in words."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from helpers.errors import LessonError
from helpers.records.saved import clean_up, epoch_file, epochs_in, load_weights, new_folder, save_weights

ROOT = Path(__file__).resolve().parent.parent.parent
SAVES = """
import sys
from pathlib import Path
import helpers
from helpers import data
from helpers.records import saved
from helpers.engine.trainer import Trainer
from helpers.records.recorder import Recorder
from tests.networks import digits_network

folder, atomic = Path(sys.argv[1]), sys.argv[2] == "atomic"
digits = data.digits(one_hot=True)
recorder = Recorder(folder)
recorder.begin("the only run")

def save(model, epoch):
    (saved.save_weights if atomic else lambda model, path: model.save_weights(path))(model, folder / "best.weights.h5")
    recorder.save(model, epoch)
    print(epoch, flush=True)

Trainer(digits_network, digits.x[:64], digits.y[:64], save=save).run({}, 100000)
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(units=4):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units), layers.Dense(2)])
    model.compile(loss="mse")
    return model


def same(model, other):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


# Folders


def test_each_folder_is_new_and_inside_saved(here):
    folders = [new_folder("run"), new_folder("run"), new_folder("other-name")]
    assert [str(folder) for folder in folders] == [
        str(Path("saved") / name) for name in ("run-1", "run-2", "other-name-1")
    ]
    assert [path.name for path in here.iterdir()] == ["saved"]  # nothing is written elsewhere
    (here / "saved" / "run-7").mkdir()
    assert new_folder("run").name == "run-8"


def test_two_that_ask_at_the_same_moment_get_two_folders():
    folders = []
    threads = [threading.Thread(target=lambda: folders.extend(new_folder() for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 80


@pytest.mark.parametrize("name", ["", "../up", "a/b", "two words", "-x", 7, None, ".hidden"])
def test_a_name_that_cannot_be_one_is_refused(name, here):
    with pytest.raises(LessonError, match="letters, digits"):
        new_folder(name)
    assert not list(here.iterdir())


def test_a_file_in_the_place_of_the_folder_is_named(here):
    (here / "saved").write_text("mine")
    with pytest.raises(LessonError, match="there is a file in the place of the folder"):
        new_folder()
    assert (here / "saved").read_text() == "mine"


@pytest.mark.parametrize(
    "code, words",
    [(errno.EACCES, "not allowed"), (errno.EROFS, "nothing can be written there"), (errno.ENOSPC, "disk is full")],
)
def test_where_no_folder_can_be_made_it_says_why(monkeypatch, code, words):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(LessonError, match=words):
        new_folder()


def test_clean_up_deletes_its_own_folder_only(here, capsys):
    folder, other = new_folder("run"), new_folder("run")
    save_weights(network(), epoch_file(folder, 1))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "note.txt").write_text("two")
    clean_up(folder)
    assert not folder.exists() and other.exists() and "2 files" in capsys.readouterr().out
    with pytest.raises(LessonError, match="deleted already"):
        clean_up(folder)


def test_clean_up_leaves_a_folder_alone_that_it_did_not_make(here):
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.txt").write_text("years of work")
    ours = new_folder()
    (here / "link").symlink_to(ours, target_is_directory=True)
    for folder in ("thesis", ".", "saved", "link"):
        with pytest.raises(LessonError, match="left alone"):
            clean_up(folder)
    assert (here / "thesis" / "chapter.txt").exists() and ours.exists()


def test_the_files_of_epochs_are_found_in_their_order_and_nothing_else(here):
    folder = new_folder()
    for name in (
        "epoch_010.weights.h5",
        "epoch_002.weights.h5",
        "best.weights.h5",
        ".epoch_003-1234.weights.h5",
        "epoch_004.keras",
        "epoch_1000.weights.h5",
    ):
        (folder / name).touch()
    assert list(epochs_in(folder)) == [2, 10, 1000] and epochs_in(folder)[2] == epoch_file(folder, 2)
    with pytest.raises(LessonError, match="no folder"):
        epochs_in("nowhere")


def test_a_callback_of_keras_names_its_files_in_the_same_way(here):
    model = network()
    model.fit(
        np.ones((4, 3)),
        np.ones((4, 2)),
        epochs=2,
        verbose=0,
        callbacks=[keras.callbacks.ModelCheckpoint(here / "epoch_{epoch:03d}.weights.h5", save_weights_only=True)],
    )
    assert list(epochs_in(here)) == [1, 2]


# Saving


def test_what_is_saved_comes_back_here_and_in_plain_keras(here):
    model, ours, plain = network(), network(), network()
    save_weights(model, here / "a.weights.h5")
    load_weights(ours, here / "a.weights.h5")
    plain.load_weights(here / "a.weights.h5")
    assert same(model, ours) and same(model, plain) and not same(model, network())
    model.save_weights(here / "b.weights.h5")
    load_weights(ours, str(here / "b.weights.h5"))
    assert same(model, ours) and sorted(path.name for path in here.iterdir()) == ["a.weights.h5", "b.weights.h5"]


class Breaks(keras.Sequential):
    """A model whose saving breaks off half-way."""

    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def save_weights(self, path, **kwargs):
        super().save_weights(path, **kwargs)
        with open(path, "r+b") as file:
            file.truncate(1000)
        raise self.error


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk is full"),
        (
            OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
            "disk is full",
        ),  # as h5py does
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "not allowed"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
    ],
)
def test_when_saving_breaks_off_the_earlier_file_stays(here, error, words):
    path, before = here / "best.weights.h5", network()
    save_weights(before, path)
    model = Breaks([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.error = error
    with pytest.raises(LessonError, match=words):
        save_weights(model, path)
    again = network()
    load_weights(again, path)
    assert same(before, again) and [file.name for file in here.iterdir()] == ["best.weights.h5"]


def test_a_folder_that_is_gone_or_a_file_that_cannot_be_replaced_is_said(here, monkeypatch):
    with pytest.raises(LessonError, match="its folder is not there"):
        save_weights(network(), here / "gone" / "a.weights.h5")
    (here / "a.weights.h5").mkdir()
    with pytest.raises(LessonError, match="Could not write"):
        save_weights(network(), here / "a.weights.h5")
    with pytest.raises(LessonError, match="must end in .weights.h5"):
        save_weights(network(), here / "weights.hdf5")


def test_an_interrupt_while_saving_leaves_no_half_file(here):
    model = Breaks([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        save_weights(model, here / "a.weights.h5")
    assert not list(here.iterdir())


def killed_at_a_random_moment(folder, how, random):
    """Train and save in a process of its own, and kill it; returns the last epoch that it says it has saved."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, "-c", SAVES, str(folder), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    first = process.stdout.readline()
    assert first, process.stderr.read()
    time.sleep(random.uniform(0, 1))  # the random moment
    process.kill()
    said = (first + process.communicate()[0]).splitlines()
    return int([line for line in said if line.isdigit()][-1])


@pytest.mark.slow
def test_killed_at_random_moments_the_last_complete_best_always_loads(here, pytestconfig):
    from tests.networks import digits_network

    random = np.random.default_rng(20261122)
    for number in range(pytestconfig.getoption("--kills", 10)):
        folder = new_folder("killed")
        last = killed_at_a_random_moment(folder, "atomic", random)
        files = epochs_in(folder / "run-1")
        assert list(files) == list(range(1, len(files) + 1)) and len(files) >= last
        best, each = digits_network(), []
        for path in files.values():
            load_weights(best, path)
            each.append([weights.copy() for weights in best.get_weights()])
        load_weights(best, folder / "best.weights.h5")
        newest = [all(map(np.array_equal, best.get_weights(), weights)) for weights in each]
        # The best is written before the epoch's own file, so it may be one further; it is never older than what was
        # said to be saved.
        assert any(newest[last - 1 :]) or len(newest) == last, (number, last, newest)
        shutil.rmtree(folder)


@pytest.mark.slow
def test_written_straight_over_the_old_file_a_kill_can_leave_nothing(here):
    """The control: without our way of saving, the test above finds a file that does not load."""
    from tests.networks import digits_network

    random = np.random.default_rng(20261122)
    for _ in range(15):
        folder = new_folder("killed")
        killed_at_a_random_moment(folder, "straight", random)
        try:
            load_weights(digits_network(), folder / "best.weights.h5")
        except LessonError:
            return
    raise AssertionError("15 kills, and no file was damaged: the test above proves nothing")


# Loading


def unreadable_files(folder):
    save_weights(network(), folder / "whole.weights.h5")
    content = (folder / "whole.weights.h5").read_bytes()
    (folder / "cut.weights.h5").write_bytes(content[: len(content) // 2])
    (folder / "empty.weights.h5").touch()
    (folder / "rubbish.weights.h5").write_bytes(b"not what it says" * 100)
    (folder / "a_folder.weights.h5").mkdir()
    with h5py.File(folder / "hollow.weights.h5", "w") as file:
        file.create_group("layers/dense/vars")
    with h5py.File(folder / "huge.weights.h5", "w") as file:
        for name in ("dense", "dense_1"):
            for part in "01":
                file.create_dataset(
                    f"layers/{name}/vars/{part}", shape=(10**7, 10**7), dtype="f4", chunks=(1, 1)
                )  # takes no room on the disk
    with h5py.File(folder / "nested.weights.h5", "w") as file:
        file["layers"] = h5py.SoftLink("/layers")


@pytest.mark.parametrize(
    "name, words",
    [
        ("cut", "damaged"),
        ("empty", "damaged"),
        ("rubbish", "damaged"),
        ("nowhere", "There is no file"),
        ("a_folder", "There is no file"),
        ("hollow", "does not fit"),
        ("huge", "more memory|does not fit|damaged"),
        ("nested", "does not fit|damaged"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused_and_the_model_keeps_its_weights(here, name, words):
    unreadable_files(here)
    model = network()
    before = [weights.copy() for weights in model.get_weights()]
    with pytest.raises(LessonError, match=words):
        load_weights(model, here / f"{name}.weights.h5")
    assert all(map(np.array_equal, before, model.get_weights()))


def test_every_way_of_cutting_a_file_short_is_found(here):
    save_weights(network(), here / "whole.weights.h5")
    content = (here / "whole.weights.h5").read_bytes()
    model = network()
    for length in range(0, len(content), len(content) // 40):
        (here / "cut.weights.h5").write_bytes(content[:length])
        with pytest.raises(LessonError):
            load_weights(model, here / "cut.weights.h5")


def test_another_network_is_said_to_be_another(here, recwarn):
    save_weights(network(4), here / "a.weights.h5")
    with pytest.raises(LessonError, match=r"shape \(3, 5\), the file has \(3, 4\)"):
        load_weights(network(5), here / "a.weights.h5")
    with pytest.raises(LessonError, match="load_model"):
        load_weights(network(), here / "a.keras")
    assert not [warning for warning in recwarn if issubclass(warning.category, UserWarning)]


def whole_model_with_code(folder):
    """A `.keras` file whose Lambda layer, if it were ever run or even only read in, would make the file `trace`."""
    trace = folder / "trace"
    code = f"lambda x: (open({str(trace)!r}, 'w').close(), x)[1]"
    model = keras.Sequential([keras.Input((2,)), layers.Lambda(eval(code))])
    model.save(folder / "stranger.keras")
    trace.unlink(missing_ok=True)
    return trace


def test_a_stranger_s_code_is_not_run(here):
    trace = whole_model_with_code(here)
    with pytest.raises(ValueError, match="(?i)lambda.*(disallowed|arbitrary code)"):
        keras.models.load_model(here / "stranger.keras")
    assert not trace.exists()
    # The control: whoever says that the file is to be trusted runs the code in it.
    keras.models.load_model(here / "stranger.keras", safe_mode=False)(np.ones((1, 2)))
    assert trace.exists()


def test_a_stranger_s_code_under_the_name_of_weights_is_not_run_either(here):
    trace = whole_model_with_code(here)
    (here / "stranger.keras").rename(here / "stranger.weights.h5")
    assert zipfile.is_zipfile(here / "stranger.weights.h5")
    with pytest.raises(LessonError, match="damaged"):
        load_weights(network(), here / "stranger.weights.h5")
    assert not trace.exists()


def test_a_file_nobody_may_read_is_said(here, monkeypatch):
    save_weights(network(), here / "a.weights.h5")
    model = network()

    def refuse(path, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(model, "load_weights", refuse)
    with pytest.raises(LessonError, match="Could not read .*not allowed"):
        load_weights(model, here / "a.weights.h5")
