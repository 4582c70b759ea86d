"""The crash drill: a process that is killed where it was asked, and of which nothing is left but its files."""

import contextlib
import html
import json
import math
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import keras
import psutil
import pytest

from helpers.errors import Interrupted, LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import crash
from helpers.parts import process as process_module
from helpers.parts.crash import CrashDrill
from helpers.parts.process import on_disk, read_log
from helpers.records.saved import new_folder
from tests.curves.test_live_chart import Drawing, is_png

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = "epoch,accuracy,loss,val_accuracy,val_loss\r\n"
FOREVER = 60  # seconds that a script sleeps where only a kill can end it in time

# Keeps the contract without TensorFlow: `quick` short epochs, then one that lasts for ever.
TINY = """
import sys, time
from pathlib import Path

files, quick, last = Path(sys.argv[1]), QUICK, LAST
with open(files / "log.csv", "w", newline="") as log:
    for epoch in range(quick + 1):
        if epoch == quick:
            time.sleep(last)
        time.sleep(0.02)
        (files / "whole.keras").write_bytes(bytes(300_000))
        if epoch == 0:
            log.write("epoch,accuracy,loss,val_accuracy,val_loss\\r\\n")
        log.write(f"{epoch},{1 - 0.5 / (epoch + 1)},{1 / (epoch + 1)},0.5,{2 / (epoch + 1)}\\r\\n")
        log.flush()
"""


@pytest.fixture(autouse=True)
def started(monkeypatch):
    """The processes that drills have started, all of which have to be gone at the end of a test."""
    processes, start = [], crash.start

    def remember(*arguments):
        processes.append(start(*arguments))
        return processes[-1]

    monkeypatch.setattr(crash, "start", remember)
    yield processes
    left = [process for process in processes if not is_gone(process)]
    for process in left:
        process.kill()
    assert not left and not process_module.running


@pytest.fixture
def background(monkeypatch):
    """Parts run as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


@pytest.fixture
def shown(monkeypatch):
    """What parts display where nobody watches."""
    displayed = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: displayed.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    return displayed


def is_gone(process):
    """Whether a process has ended, and nothing of it is left to be waited for."""
    return process.returncode is not None and not psutil.pid_exists(process.pid)


def write(folder, text=TINY, quick=3, last=FOREVER):
    path = folder / "train.py"
    path.write_text(text.replace("QUICK", str(quick)).replace("LAST", str(last)), encoding="utf-8")
    return path


@contextlib.contextmanager
def under_way(folder, script, **arguments):
    """A drill that has begun in the background, as one whose slider was moved."""
    drill = CrashDrill(script, folder / "drills", **arguments)
    drill._background = True
    drill._request()
    try:
        yield drill
    finally:
        drill.close()


def wait_until(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


def crash_drill(*arguments, **settings):
    """A drill whose first run is over."""
    drill = crash.crash_drill(*arguments, **settings)
    drill.wait()
    return drill


def words(drill):
    return html.unescape(drill._words.value)


def marks(drill):
    root = ElementTree.fromstring(drill._chart.value)
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def test_the_process_is_killed_in_the_epoch_asked_for_and_its_curves_grow_until_then(
    tmp_path, background, started, monkeypatch
):
    frames, draw = [], CrashDrill._draw
    monkeypatch.setattr(CrashDrill, "_draw", lambda drill, *about: (draw(drill, *about), frames.append(marks(drill))))
    drill = crash_drill(write(tmp_path, quick=5), tmp_path / "drills", epochs=20, kill_in=(2, 12, 6))
    assert (drill.done, drill.epochs, drill.files, drill.state) == (5, 20, tmp_path / "drills" / "drill-1", "done")
    assert drill.history == {
        "accuracy": [1 - 0.5 / n for n in range(1, 6)],
        "loss": [1 / n for n in range(1, 6)],
        "val_accuracy": [0.5] * 5,
        "val_loss": [2 / n for n in range(1, 6)],
    }
    assert "Killed in epoch 6. 5 epochs were finished. On disk: log.csv, whole.keras (0.3 MB)." in words(drill)
    assert started[0].returncode != 0 and is_gone(started[0])
    states = [frame["state"] for frame in frames]
    assert states == sorted(states, key=["building", "training", "done"].index) and set(states) == {
        "building",
        "training",
        "done",
    }
    points = [int(frame["epoch"]) for frame in frames]
    assert points == sorted(points) and any(0 < number < 5 for number in points)
    assert marks(drill)["epochs"] == "20" and json.loads(marks(drill)["settings"]) == {"kill_in": 6}
    drawing = Drawing(drill._picture())
    for pane in ("loss", "accuracy"):
        assert list(drawing.values(pane, f"val_{pane}").values()) == pytest.approx(
            drill.history[f"val_{pane}"], abs=0.01
        )
        assert drawing.ticks(pane, "x")[-1][1] == 20
    assert "killed" in drawing.texts() and "6" in repr(drill)


def test_an_epoch_that_is_over_sooner_than_expected_is_not_called_the_one_asked_for(tmp_path, background, monkeypatch):
    monkeypatch.setattr(crash, "SHARES", (1e6, 1e6))
    drill = crash_drill(write(tmp_path, quick=5), tmp_path / "drills", kill_in=3)
    assert drill.done >= 3 and f"Killed in epoch {drill.done + 1}. {drill.done} epochs were finished" in words(drill)


def test_it_is_killed_in_mid_epoch_not_when_it_begins(tmp_path, background, monkeypatch):
    monkeypatch.setattr(crash, "SHARES", (1e6, 1e6))
    with under_way(tmp_path, write(tmp_path, quick=2), kill_in=3) as drill:
        wait_until(lambda: drill._done == 2 and drill.state == "training", "two epochs")
        assert not drill.idle.wait(0.1)


def test_a_move_of_the_slider_kills_the_process_and_starts_another(tmp_path, started):
    with under_way(tmp_path, write(tmp_path, quick=2), kill_in=(2, 12, 12)) as drill:
        wait_until(lambda: drill._done == 2, "two epochs")
        first = drill._files
        drill._controls["kill_in"].value = 3
        drill.wait()
        assert [is_gone(process) for process in started] == [True, True]
        assert (
            (drill.done, drill.state) == (2, "done") and drill.files.name == "drill-2" and read_log(first / "log.csv")
        )
        assert "Killed in epoch 3" in words(drill) and not drill._controls["kill_in"].continuous_update


def test_it_is_shown_at_once_but_what_it_brings_is_waited_for(tmp_path, background):
    script = write(tmp_path, quick=2)
    for result, value in (("done", 2), ("history", {"loss": [1.0, 0.5]}), ("files", tmp_path / "drills" / "drill-3")):
        drill = crash.crash_drill(script, tmp_path / "drills", kill_in=3)
        assert not drill.idle.is_set() and drill.state != "done"
        got = getattr(drill, result)
        assert drill.idle.is_set() and drill.state == "done"
        assert (got | value if result == "history" else value) == got


def test_the_button_kills_at_once(tmp_path, started):
    with under_way(tmp_path, write(tmp_path, quick=2), kill_in=9) as drill:
        wait_until(lambda: drill._done == 2, "two epochs")
        assert drill._stop_button.description == "Kill it now" and "epoch 9" in words(drill)
        drill._stop_button.click()
        drill.wait()
        assert (
            drill.state == "done"
            and "Killed in epoch 3. 2 epochs were finished" in words(drill)
            and is_gone(started[0])
        )


@pytest.mark.parametrize(
    "saves, said",
    [("", "Nothing is saved yet."), ("(files / 'begun.keras').write_text('x')\n", "On disk: begun.keras (1 kB).")],
)
def test_before_the_first_epoch_it_says_what_is_there_and_what_to_do(tmp_path, saves, said):
    with under_way(tmp_path, write(tmp_path, TINY.replace("with", saves + "with", 1), quick=0)) as drill:
        wait_until(lambda: drill.state == "training", "the log to be opened")
        drill._stop_button.click()
        drill.wait()
        assert f"Killed before the first epoch was finished. {said} To try again" in words(drill)
        assert (
            drill.done == 0
            and drill.history == {}
            and drill.state == "done"
            and "killed" not in Drawing(drill._picture()).texts()
        )


def test_a_script_that_ends_first_was_not_killed(tmp_path, background):
    drill = crash_drill(write(tmp_path, quick=1, last=0), tmp_path / "drills", kill_in=5)
    assert drill.done == 2 and drill.state == "done" and "killed" not in Drawing(drill._picture()).texts()
    assert "finished before it could be killed: 2 epochs were finished. On disk: log.csv, whole.keras" in words(drill)


FAILS = {
    "x = 1\nimport nowhere_at_all\n": "ModuleNotFoundError: No module named 'nowhere_at_all' Look at line 2 of"
    " train.py: import nowhere_at_all",
    "def work(n):\n    return 1 / n\n\nwork(0)\n": "ZeroDivisionError: division by zero Look at line 2 of train.py:"
    " return 1 / n",
    "print(images)\n": "NameError: name 'images' is not defined Look at line 1 .*knows nothing of your notebook",
    "import json\njson.loads('{')\n": r"json.*JSONDecodeError|JSONDecodeError.*Look at line 2 of train.py: json.loads",
    "x = (1,\n": r"SyntaxError: '\(' was never closed Look at line 1 of train.py: x = \(1,",
    "try:\n    1 / 0\nexcept Exception:\n    raise ValueError('first\\nsecond')\n": "ValueError: first Look at line 4",
    "import sys\nsys.exit('no more')\n": "exit code 1. It printed last: no more",
    "import os\nos._exit(3)\n": "exit code 3. All",
    "import os\nos.kill(os.getpid(), 9)\n": "exit code -9",
    "print('━' * 20_000_000 + '\\x1b[0m')\nraise ValueError('full of words')\n": "ValueError: full of words",
}


@pytest.mark.parametrize("text", FAILS)
def test_a_script_that_fails_is_told_with_its_line(tmp_path, background, text):
    with pytest.raises(LessonError, match=FAILS[text]) as caught:
        crash_drill(write(tmp_path, text), tmp_path / "drills")
    assert (
        "train.py ended with" in str(caught.value)
        and "output.txt" in str(caught.value)
        and caught.value.__cause__ is None
    )


def test_a_failure_after_some_epochs_leaves_the_curves(tmp_path, background):
    with under_way(
        tmp_path, write(tmp_path, TINY + "raise MemoryError('full')\n", quick=1, last=0), kill_in=9
    ) as drill:
        with pytest.raises(LessonError, match="MemoryError: full"):
            drill.wait()
        assert drill.state == "error" and "MemoryError" in words(drill) and marks(drill)["epoch"] == "2"
        with pytest.raises(LessonError, match="MemoryError: full"):
            _ = drill.history


@pytest.mark.parametrize(
    "text, said",
    [
        ("pass", "no line of a finished epoch.*CSVLogger.*sys.argv"),
        (
            "import sys, pathlib\npathlib.Path(sys.argv[1], 'log.csv').write_text('a;loss\\n1;2\\n')",
            "begins with 'a;loss'.*names no loss",
        ),
    ],
)
def test_a_script_that_does_not_keep_its_side_is_told_what_to_write(tmp_path, background, text, said):
    with pytest.raises(LessonError, match=said):
        crash_drill(write(tmp_path, text), tmp_path / "drills")


def test_a_script_that_never_finishes_an_epoch_is_not_waited_for_in_silence_nor_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(crash, "SLOW", 0.1)
    with under_way(tmp_path, write(tmp_path, f"import time\ntime.sleep({FOREVER})\n")) as drill:
        wait_until(lambda: "Kill it now" in words(drill), "words about the wait")
        assert "interrupt the kernel" in words(drill) and "CSVLogger" in words(drill) and drill.state == "building"
        monkeypatch.setattr(crash, "PATIENCE", 0.2)
        with pytest.raises(LessonError, match="killed because no epoch was finished in 0.2 seconds.*CSVLogger"):
            drill.wait()


def test_a_flood_of_words_blocks_nothing(tmp_path, background):
    flood = (
        "import sys\nfor _ in range(20):\n    sys.stdout.write('x' * 200_000)\n    sys.stderr.write('y' * 200_000)\n"
    )
    drill = crash_drill(write(tmp_path, flood + TINY, quick=2), tmp_path / "drills", kill_in=3)
    assert drill.done == 2 and (drill.files / "output.txt").stat().st_size == 8_000_000 and "output" not in words(drill)


def test_the_script_can_import_the_project_print_any_character_and_reads_no_input(tmp_path, background, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    script = "import os\nprint('━', os.getcwd())\nimport importlib.util as u\nassert u.find_spec('helpers')\ninput()\n"
    with pytest.raises(LessonError, match="EOFError.*line 5"):
        crash_drill(write(tmp_path, script), tmp_path / "drills")
    assert (tmp_path / "drills" / "drill-1" / "output.txt").read_text(encoding="utf-8").startswith(f"━ {os.getcwd()}")


def test_closing_leaves_no_process(tmp_path, started):
    with under_way(tmp_path, write(tmp_path, quick=1), kill_in=9) as drill:
        wait_until(lambda: drill._done == 1, "an epoch")
        drill.close()
        assert is_gone(started[0]) and drill._stop_button.comm is None


def test_a_kernel_that_exits_leaves_no_process(tmp_path, started):
    with under_way(tmp_path, write(tmp_path, quick=1), kill_in=9) as drill:
        wait_until(lambda: drill._done == 1, "an epoch")
        process_module.leave_nothing_running()
        assert is_gone(started[0])
        drill.idle.wait(10)


def test_an_interrupt_leaves_no_process(tmp_path, background, started, monkeypatch):
    class Impatient(threading.Event):
        def wait(self, timeout=None):
            if timeout == 0.1 and started and (tmp_path / "drills/drill-1/log.csv").exists():
                raise KeyboardInterrupt
            return super().wait(timeout)

    drill = CrashDrill(write(tmp_path), tmp_path / "drills", kill_in=9)
    drill.idle = Impatient()
    with pytest.raises(Interrupted, match="interrupted"):
        drill.show()
        _ = drill.files
    assert is_gone(started[0])
    drill.close()


def test_an_interrupt_where_it_runs_inside_the_request_leaves_no_process(tmp_path, shown, started, monkeypatch):
    def interrupted(path):
        if path.exists():
            raise KeyboardInterrupt
        return {}

    monkeypatch.setattr(crash, "read_log", interrupted)
    with pytest.raises(Interrupted):
        crash_drill(write(tmp_path), tmp_path / "drills")
    assert is_gone(started[0]) and not shown


def test_an_interrupt_that_only_the_script_has_heard_is_not_its_mistake(tmp_path, background):
    with pytest.raises(Interrupted, match="You interrupted the training"):
        crash_drill(write(tmp_path, "raise KeyboardInterrupt\n"), tmp_path / "drills")


def test_drills_at_the_same_time_do_not_share_folders(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda within: new_folder("drill", within), [tmp_path / "deep" / "drills"] * 40))
    assert len(set(folders)) == 40 and {folder.name for folder in folders} == {f"drill-{n}" for n in range(1, 41)}


@pytest.mark.parametrize(
    "lines, history",
    [
        ("", {}),
        ("epoch,lo", {}),
        (HEADER, {}),
        (HEADER + "0,0.5,1.0,0.5,1.", {}),
        (HEADER + "0,0.5,1.0,0.5,1.5\r", {}),
        (
            HEADER + "0,0.5,1.0,0.5,1.5\r\n1,0.6,0.",
            {"accuracy": [0.5], "loss": [1.0], "val_accuracy": [0.5], "val_loss": [1.5]},
        ),
        (
            HEADER + "0,0.5,1.0,0.5,1.5\r\n1,0.6\r\n",
            {"accuracy": [0.5], "loss": [1.0], "val_accuracy": [0.5], "val_loss": [1.5]},
        ),
        (
            "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,1,NA,NA\n1,0.5,1e-3,NA,NA\n",
            {"accuracy": [0.5, 0.5], "loss": [1.0, 0.001]},
        ),
        ('epoch,loss,more\n0,1,"""[1.0, 2.0]"""\n', {"loss": [1.0], "more": [math.nan]}),
        ("epoch,loss\n0,inf\n1,nan\n", {"loss": [math.inf, math.nan]}),
    ],
)
def test_a_log_is_read_as_far_as_it_is_written(tmp_path, lines, history):
    (tmp_path / "log.csv").write_bytes(lines.encode())
    assert repr(read_log(tmp_path / "log.csv")) == repr(history)  # nan is not equal to itself


def test_no_log_is_an_empty_one_and_keras_writes_what_is_read(tmp_path):
    assert read_log(tmp_path / "log.csv") == {}
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    assert read_log(tmp_path / "log.csv") == {}
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "accuracy": 0.1 * epoch})
        assert read_log(tmp_path / "log.csv") == {
            "accuracy": [0.1 * n for n in range(epoch + 1)],
            "loss": [1 / (n + 1) for n in range(epoch + 1)],
        }
    logger.on_train_end()


def test_losses_that_are_no_numbers_break_nothing(tmp_path, background):
    drill = crash_drill(
        write(tmp_path, TINY.replace("{1 / (epoch + 1)}", "nan"), quick=2), tmp_path / "drills", kill_in=3
    )
    assert drill.done == 2 and all(map(math.isnan, drill.history["loss"])) and drill.state == "done"


def test_what_is_on_disk_is_told_by_name(tmp_path):
    assert on_disk(tmp_path) == "Nothing is saved yet."
    (tmp_path / "log.csv").write_text(HEADER)
    (tmp_path / "output.txt").write_text("x" * 10**6)
    assert on_disk(tmp_path) == "On disk: log.csv (1 kB). Nothing but the log: the script saves no network."
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "latest.weights.h5").write_bytes(bytes(1_250_000))
    assert on_disk(tmp_path) == "On disk: backup, log.csv (1.3 MB)."


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"script": "trian.py"}, "no script .*trian.py"),
        ({"script": print}, "script=<built-in.*is not a path"),
        ({"folder": None}, "folder=None is not"),
        ({"epochs": 1}, "epochs=1"),
        ({"epochs": "20"}, "epochs='20'"),
        ({"kill_in": (1, 12, 7)}, "in epoch 1 nothing is saved"),
        ({"kill_in": 7.5}, "whole"),
        ({"epochs": 10}, "up to|to the number of epochs, 10"),
        ({"kill_in": (9, 3)}, "first number must be smaller"),
        ({"kill_in": True}, "whole numbers"),
    ],
)
def test_mistakes_are_told_in_words_and_start_nothing(tmp_path, background, started, arguments, said):
    with pytest.raises(LessonError, match=said):
        crash_drill(**{"script": write(tmp_path), "folder": tmp_path / "drills", **arguments})
    assert not started and not (tmp_path / "drills").exists()


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path, background, started):
    for folder in (tmp_path / "train.py", tmp_path / "train.py" / "deeper"):
        with pytest.raises(LessonError, match="Could not make a folder in .*there is a file in the place"):
            crash_drill(write(tmp_path), folder)
    assert not started


def test_a_script_that_is_taken_away_is_missed_at_the_next_run(tmp_path, background):
    script = write(tmp_path, quick=1)
    drill = crash_drill(script, tmp_path / "drills", kill_in=(2, 12, 2))
    script.unlink()
    drill._controls["kill_in"].value = 3
    with pytest.raises(LessonError, match="There is no script"):
        drill.wait()
    drill.close()


def test_the_students_random_numbers_go_on_as_if_there_were_no_drill(tmp_path, background):
    before = random.getstate()
    crash_drill(write(tmp_path, quick=1), tmp_path / "drills", kill_in=2)
    assert random.getstate() == before


def test_a_reader_without_a_kernel_sees_the_curves_and_words_that_are_the_same_everywhere(tmp_path, shown):
    crash_drill(write(tmp_path, quick=6), tmp_path / "drills")
    (data,) = shown
    assert data["text/plain"] == "The process was killed in epoch 7; 6 epochs were finished."
    assert (
        is_png(data["image/png"])
        and 'alt="Loss and accuracy in each epoch' in data["text/html"]
        and str(tmp_path) not in data["text/html"]
    )


# With Keras itself

TRAIN = """
import sys
from pathlib import Path

import keras
from keras import layers

from helpers import data

files = Path(sys.argv[1])
clothes = data.clothing(["T-shirt/top", "Dress", "Shirt"], n_train=600, n_validation=150, one_hot=True)
model = keras.Sequential([
    layers.Input((28, 28, 1)),
    layers.Conv2D(5, 3, activation="relu"),
    layers.Conv2D(15, 3, activation="relu"),
    layers.Flatten(),
    layers.Dense(3, activation="softmax"),
])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(clothes.x_train, clothes.y_train, validation_data=(clothes.x_val, clothes.y_val), epochs=20, callbacks=[
    keras.callbacks.ModelCheckpoint(files / "whole.keras"),
    keras.callbacks.ModelCheckpoint(files / "last.weights.h5", save_weights_only=True),
    keras.callbacks.BackupAndRestore(files / "backup"),
    keras.callbacks.CSVLogger(files / "log.csv", append=True),
])
"""


@pytest.mark.slow
def test_what_a_killed_run_of_keras_leaves_is_that_of_the_last_finished_epoch_and_can_be_continued(
    tmp_path, background
):
    drill = crash_drill(write(tmp_path, TRAIN), tmp_path / "drills")
    assert (
        drill.state == "done"
        and drill.done >= 6
        and "On disk: backup, last.weights.h5, log.csv, whole.keras" in words(drill)
    )
    model = keras.models.load_model(drill.files / "whole.keras")
    assert int(model.optimizer.iterations.numpy()) == 19 * drill.done
    again = subprocess.run(
        [sys.executable, str(tmp_path / "train.py"), str(drill.files)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert again.returncode == 0, again.stderr[-2000:]
    first = next(line for line in again.stdout.splitlines() if line.startswith("Epoch "))
    assert first.startswith(f"Epoch {drill.done + 1}/20")
    whole = read_log(drill.files / "log.csv")
    assert len(whole["loss"]) == 20 and whole["loss"][: drill.done] == drill.history["loss"]
    epochs = [line.split(",")[0] for line in (drill.files / "log.csv").read_text().splitlines()]
    assert epochs == ["epoch", *map(str, range(20))]


@pytest.mark.slow
def test_python_that_exits_takes_the_process_with_it(tmp_path):
    write(
        tmp_path,
        "import os, pathlib, sys, time\n"
        "pathlib.Path(sys.argv[1], 'pid').write_text(str(os.getpid()))\n"
        "time.sleep(60)\n",
    )
    notebook = (
        "import pathlib, time\nfrom helpers.parts.crash import CrashDrill\ndrill = CrashDrill('train.py', 'drills')\n"
        "drill._background = True\ndrill._request()\npid = pathlib.Path('drills/drill-1/pid')\n"
        "while not (pid.exists() and pid.read_text()):\n    time.sleep(0.02)\n"
    )
    subprocess.run(
        [sys.executable, "-c", notebook],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
    )
    assert not psutil.pid_exists(int((tmp_path / "drills" / "drill-1" / "pid").read_text()))
