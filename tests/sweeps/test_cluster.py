"""A sweep on a Dask cluster whose scheduler and workers are processes of their own, and can be killed."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import pytest

from helpers.data import clothing
from helpers.engine.stop import Stop
from helpers.errors import LessonError
from helpers.records.saved import new_folder
from helpers.sweeps import tasks as sweep_tasks
from helpers.sweeps.run import sweep

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
LONG_ENOUGH = 120  # seconds after which something that should come is taken not to come
LOCAL = ("--host", "127.0.0.1", "--no-dashboard")

# A student's cell: what is made in a notebook belongs to no module that a worker could import.
CELL = """
import keras
from keras import layers

def build(architecture="dense", dropout=0.0, optimizer="adam", learning_rate=0.001):
    hidden = {
        "dense": [layers.Flatten(), layers.Dense(8, activation="relu")],
        "one convolution": [layers.Conv2D(2, 3, activation="relu"), layers.MaxPooling2D(3), layers.Flatten()],
    }[architecture]
    model = keras.Sequential([keras.Input((28, 28, 1)), *hidden, layers.Dropout(dropout), layers.Dense(1,
        activation="sigmoid")])
    step = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[optimizer]
    model.compile(loss="binary_crossentropy", optimizer=step(learning_rate), metrics=["accuracy"])
    return model
"""
GRID = {
    "architecture": ["dense", "one convolution"],
    "dropout": [0.0, 0.3],
    "optimizer": ["adam", "sgd"],
    "learning_rate": [0.001, 0.01],
}
SEEDS = (0, 1)


@pytest.fixture
def build():
    names = {"__name__": "__main__"}
    exec(compile(CELL, "<cell>", "exec"), names)
    return names["build"]


class Cluster:
    """A scheduler, and workers that are started and killed one by one."""

    def __init__(self, folder):
        self.folder, self.file, self.processes, self.workers = folder, folder / "scheduler.json", [], []

    def start(self, *command):
        with open(self.folder / f"log-{len(self.processes)}", "w") as log:
            # In the project's folder, as a student would, so that they find `helpers`.
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *command, *LOCAL, "--scheduler-file", self.file],
                    cwd=ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return self.processes[-1]

    def start_worker(self, threads=1):
        self.workers.append(
            self.start("worker", "--no-nanny", "--nthreads", str(threads), "--local-directory", str(self.folder))
        )

    def kill(self, processes):
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(LONG_ENOUGH)


@pytest.fixture
def cluster(tmp_path):
    from distributed import Client

    made = Cluster(tmp_path)
    client = None
    try:
        made.start("scheduler", "--port", "0")
        end = time.monotonic() + LONG_ENOUGH
        while not made.file.exists():
            assert time.monotonic() < end and made.processes[0].poll() is None, (tmp_path / "log-0").read_text()
            time.sleep(0.02)
        client = made.client = Client(scheduler_file=str(made.file), timeout=LONG_ENOUGH)
        yield made
    finally:
        if client is not None:
            client.close(timeout=5)
        made.kill(made.processes)


@pytest.fixture
def data():
    return clothing(["T-shirt", "Shirt"], n_train=100, n_validation=50)


def start(cluster, *threads):
    for number in threads:
        cluster.start_worker(number)
    cluster.client.wait_for_workers(len(threads), timeout=LONG_ENOUGH)


def logs(result):
    return [{seed: history.history for seed, history in row.histories.items()} for row in result.rows]


def serially(build, data, **more):
    with joblib.parallel_config(n_jobs=1):
        return sweep(build, data, **{"grid": GRID, "seeds": SEEDS, "epochs": 5, **more})


def on_the_cluster(build, data, **more):
    with joblib.parallel_config(backend="dask"):
        return sweep(build, data, **{"grid": GRID, "seeds": SEEDS, "epochs": 5, **more})


def test_a_worker_killed_in_mid_sweep_takes_nothing_along(cluster, build, data, tmp_path):
    start(cluster, 1, 1)
    folder, told = new_folder("sweep", tmp_path), []

    def on_run(now):
        told.append(now.finished)
        if now.finished == 2:
            cluster.kill(cluster.workers[:1])

    result = on_the_cluster(build, data, save_in=folder, on_run=on_run)
    assert (
        cluster.workers[0].returncode == -9 and cluster.workers[1].poll() is None and len(cluster.client.ncores()) == 1
    )
    assert told == list(range(33)) and result.complete and not any(row.errors for row in result.rows)
    assert len(list(folder.glob("run-*.json"))) == 32
    assert logs(result) == logs(serially(build, data))


def test_a_worker_with_two_threads_gives_the_same_bits(cluster, build, data):
    start(cluster, 2)
    grid = {"architecture": ["dense", "one convolution"], "dropout": [0.0, 0.3]}
    assert logs(on_the_cluster(build, data, grid=grid)) == logs(serially(build, data, grid=grid))


def test_without_a_worker_left_a_stop_still_ends_it_and_what_was_finished_is_there(
    cluster, build, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(sweep_tasks, "PATIENCE", 0.1)
    start(cluster, 1, 1)
    folder, stop, result, killed = new_folder("sweep", tmp_path), Stop(), [], threading.Event()

    def on_run(now):
        if now.finished == 2:
            cluster.kill(cluster.workers)
            killed.set()

    def work():
        result.append(on_the_cluster(build, data, save_in=folder, stop=stop, on_run=on_run))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert killed.wait(LONG_ENOUGH)
    stop.set()
    thread.join(LONG_ENOUGH)
    assert (
        not thread.is_alive()
        and 2 <= result[0].finished < 32
        and len(list(folder.glob("run-*.json"))) == result[0].finished
    )
    start(cluster, 1, 1)
    assert logs(on_the_cluster(build, data, save_in=folder)) == logs(serially(build, data))


def test_when_all_workers_are_lost_others_do_the_rest(cluster, build, data):
    start(cluster, 1, 1)

    def on_run(now):
        if now.finished == 2:
            cluster.kill(cluster.workers)
            cluster.start_worker()

    result = on_the_cluster(build, data, on_run=on_run)
    assert result.complete and logs(result) == logs(serially(build, data))


def test_a_cluster_without_workers_is_told(cluster, build, data):
    with (
        pytest.raises(LessonError, match="no worker"),
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=1),
    ):
        sweep(build, data, GRID)
