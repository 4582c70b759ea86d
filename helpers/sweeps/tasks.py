"""A sweep's work: what joblib's workers, on this machine or on a Dask cluster, are given to do, and how they do it."""

import contextlib
import functools
import inspect
import linecache
import math
import os
import pickle
import random
import shutil
import signal
import tempfile
import threading
import uuid
import warnings
from collections import namedtuple
from pathlib import Path

import joblib
import keras

from helpers.engine.builder import FRESH, in_fresh_thread, name_of
from helpers.engine.settings import of_builder
from helpers.engine.stop import Stop
from helpers.engine.trainer import DIVERGED, Trainer
from helpers.errors import LessonError, explain, shorten
from helpers.records.saved import in_words
from helpers.sweeps.files import RECORD
from helpers.sweeps.grid import OF_TRAINING

PATIENCE = 10  # seconds for the workers to notice that they are to stop; they look after each epoch
MOST_RUNS = 6  # in one task, so that results come often

# It had grown large; joblib starts a new one.
warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")

# What a worker has to know. key: tells this sweep from others; flag: a file that appears when the sweep is to stop;
# settings: those of the rows; process: the number of the one that sweeps; source: the file of `build`, and its lines.
Job = namedtuple("Job", "key build settings epochs policy flag process source")


def job_of(build, result, flag):
    """The `Job` of the `Sweep` `result`, whose builder is `build`."""
    code = getattr(inspect.unwrap(build), "__code__", None)
    source = (code.co_filename, linecache.getlines(code.co_filename)) if code else None
    settings, policy = [row.settings for row in result.rows], keras.config.dtype_policy().name
    return Job(uuid.uuid4().hex, build, settings, result.epochs, policy, flag, os.getpid(), source)


@contextlib.contextmanager
def flag_for(stop, pool):
    """A path at which a file appears once `stop` is set: other processes on this machine can see it.

    Workers that take no notice, because they hang or are lost, are given up: `pool`, which holds them, is closed.
    """
    try:
        flag = Path(tempfile.mkdtemp(prefix="sweep-")) / "stop"
    except OSError as error:
        raise in_words(error, tempfile.gettempdir(), "make a folder in") from error
    over, given_up = threading.Event(), threading.Event()

    def watch():
        while not over.wait(0.05):
            if stop.is_set():
                flag.touch()
                if not over.wait(PATIENCE):
                    given_up.set()
                    pool.close()
                return

    watcher = threading.Thread(target=watch, daemon=True, name="stop of a sweep")
    watcher.start()
    try:
        yield flag
    finally:
        over.set()
        watcher.join()
    if not given_up.is_set():  # nor after an error: workers of a cluster may still have to see it
        shutil.rmtree(flag.parent, ignore_errors=True)


def trained_by_joblib(pool, job, data, runs, structures, n_jobs):
    """Train `runs` on joblib's workers; yields `(number of the setting, seed, record)` in the order they finish."""
    try:
        backend, _ = joblib.parallel.get_active_backend()
        workers = joblib.effective_n_jobs(n_jobs)
        if workers > 1 and not getattr(backend, "supports_sharedmem", False):
            _dumped(job)  # joblib would tell late that it cannot be sent, Dask not at all
        # Dask is sent large arrays with each task, being in a tuple: what it spreads by itself ("scatters") it soon
        # keeps on one worker alone, with which a sweep would be lost.
        tasks = (joblib.delayed(train)(job, task, data) for task in _tasks(runs, structures, workers))
        parallel = pool.enter_context(joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1))
        for finished in parallel(tasks):
            yield from finished
    except LessonError:
        raise
    except Exception as error:
        raise lost(error) from error
    finally:
        forget(job)


def _tasks(runs, structures, workers):
    """`runs` in lists: each of one structure, because that is compiled once; enough for all workers; none very long."""
    groups = {}
    for number, seed in runs:
        groups.setdefault(structures[number] or (number, seed), []).append((number, seed))
    longest = 1 if workers == 1 else min(MOST_RUNS, math.ceil(len(runs) / (2 * workers)))
    tasks = []
    for group in groups.values():
        parts = math.ceil(len(group) / longest)
        tasks += [group[part * len(group) // parts : (part + 1) * len(group) // parts] for part in range(parts)]
    return tasks


def _dumped(job):
    """`job` as bytes for another process; raises a `LessonError` if that cannot be."""
    try:
        return pickle.dumps(joblib.wrap_non_picklable_objects(job, keep_wrapper=False))  # with cloudpickle
    except Exception as error:
        raise LessonError(
            f"Your function {name_of(job.build)}(), something it uses, or a value in the grid cannot be sent to another"
            f" process: {shorten(error)}. Make it inside the function, or train in this process: with"
            " joblib.parallel_config(n_jobs=1): sweep(…)."
        ) from error


def write_job(job, data):
    """The file from which `train_from` reads, beside the flag: a process reads it once, not with each run."""
    file, dumped = job.flag.with_name("job"), _dumped(job)
    try:
        with open(file, "wb") as out:
            pickle.dump((dumped, data), out, pickle.HIGHEST_PROTOCOL)
    except OSError as error:
        raise in_words(error, file, "write") from error
    return file


KEPT = (
    "Where you have given it a folder (save_in=…), what was finished is kept, and the same sweep started again trains"
    " only what is missing."
)


def lost(error):
    """The `LessonError` of a sweep whose workers fail, whatever they train."""
    name = type(error).__name__
    reason = {
        "TerminatedWorkerError": "a process that trained has died, most likely because memory ran out. Use fewer"
        " processes: with joblib.parallel_config(n_jobs=1): sweep(…).",
        "ModuleNotFoundError": f"a worker lacks a module: {shorten(error)}. Start the workers in the folder of the"
        " lessons, in the same environment.",
    }.get(name, f"{name}: {shorten(error)}")
    return LessonError(f"The sweep could not go on: {reason} {KEPT}")


# In a worker

_draws = {  # the functions of `random` that draw from the process's own random numbers
    name: function
    for name, function in vars(random).items()
    if name in random.__all__ and getattr(function, "__self__", None) is random.seed.__self__
}
_one_at_a_time = threading.Lock()  # a worker may have several threads, but Keras has its state once in a process
_read = {}  # the file of a sweep -> its job and data
_trainers = {}  # the key of a sweep -> its Trainer: a worker compiles each structure once, and is sent nothing twice


@contextlib.contextmanager
def undisturbed():
    """Within it, no other thread trains here, or draws random numbers where Keras draws the seeds of the layers.

    That is Python's `random`, of which a process has one; Dask's own threads draw from it for each message they send,
    so that now and then a network began from other weights than its seed's.
    """
    with _one_at_a_time:
        ours, here = random.Random(), threading.get_ident()

        def share(name):
            def draw(*args, **kwargs):
                mine = threading.get_ident() == here or threading.current_thread().name == FRESH
                return (getattr(ours, name) if mine else _draws[name])(*args, **kwargs)

            return draw

        for name in _draws:
            setattr(random, name, share(name))
        try:
            yield
        finally:
            for name, function in _draws.items():
                setattr(random, name, function)


def give_up_this_process():
    """A run of this process hangs, in a thread that cannot be ended: others are not to wait for it any more."""
    global _one_at_a_time
    _one_at_a_time = threading.Lock()


def train_from(file, run):
    """As `train`, with the job and the data from `write_job`'s `file`."""
    if file not in _read:
        _read.clear(), _trainers.clear()
        dumped, data = pickle.loads(file.read_bytes())
        _read[file] = pickle.loads(dumped), data
    job, data = _read[file]
    finished = train(job, [run], data)
    if job.key in _trainers:  # it has copied the data
        _read[file] = job, None
    return finished


def train(job, runs, data, after_epoch=None):
    """Train `runs`, each (number of the setting, seed); returns (number, seed, record) of those not stopped.

    `after_epoch()` is called after each epoch, and when a run has ended.
    """
    if os.getpid() != job.process and threading.current_thread() is threading.main_thread():
        # Jupyter interrupts a kernel's children, too; what is to become of the sweep is for the kernel to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    finished, say = [], after_epoch or (lambda: None)
    with undisturbed():
        for number, seed in runs:
            record = None if job.flag.exists() else _run(job, number, seed, data, say)
            say()
            if record is None:
                break
            finished.append((number, seed, record))
    return finished


def _run(job, number, seed, data, say):
    """Train one run; returns its record, None if it was stopped."""
    stop, settings = Stop(), job.settings[number]
    of_training = {name: settings[name] for name in OF_TRAINING if name in settings}

    def on_epoch(_history):
        say()
        if job.flag.exists():
            stop.set()

    try:
        trainer = _trainer(job, data)
        history = trainer.run({"number": number}, job.epochs, seed=seed, stop=stop, on_epoch=on_epoch, **of_training)
    except Exception as error:
        failed = {}, "", "", False, str(explain(error, job.build, "was trained")), []
        return dict(zip(RECORD, failed, strict=True))
    if history.stopped and history.note != DIVERGED:
        return None
    return {name: getattr(history, name, "") for name in RECORD}  # a `History` has no error


def forget(job):
    """Give back the memory that this process has taken for `job`."""
    _trainers.pop(job.key, None)


def _trainer(job, data):
    if job.key not in _trainers:
        if job.source and os.getpid() != job.process:  # so that errors can quote the student's line
            name, lines = job.source
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
            function = inspect.unwrap(job.build)
            function.__code__ = function.__code__.replace(co_filename=name)  # cloudpickle may have taken it away

        @functools.wraps(job.build)
        def build_number(number):
            return job.build(**of_builder(job.build, job.settings[number]))

        x, y, validation = data
        _trainers.clear()
        # The numbers of the settings are the Trainer's settings: it takes those whose repr is equal for the same.
        _trainers[job.key] = in_fresh_thread(lambda: Trainer(build_number, x, y, validation), job.policy)
    return _trainers[job.key]
