"""A sweep: a network at every combination of some settings, trained from several seeds, on all cores or on a Dask cluster.

    result = sweep(build, clothes, {"units": [16, 32], "learning_rate": [0.001, 0.01]}, seeds=(0, 1, 2), save_in=folder)
    result.best.settings

joblib spreads the runs; what it is told is honoured: `with joblib.parallel_config(n_jobs=1):`, or `backend="dask"`.
"""

import contextlib
import functools
import hashlib
import inspect
import itertools
import json
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
from numbers import Integral
from pathlib import Path

import joblib
import keras
import numpy as np
import tensorflow as tf

from helpers.builder import FRESH, call_builder, check_shapes, in_fresh_thread, keywords
from helpers.engine import DIVERGED, Trainer
from helpers.errors import LessonError, explain, shorten
from helpers.examples import check_examples, len_of, training_and_validation
from helpers.loop import Stop
from helpers.saved import in_words
from helpers.structure import structure_of

OF_TRAINING = ("batch_size", "n_train")  # these belong to the training, all other keywords to the builder
BATCH_SIZE = 32  # where the grid has none, as in `fit`
MOST_SETTINGS = 1000  # each of them is built before training: more would look like a hang
PATIENCE = 10  # seconds for the workers to notice that they are to stop; they look after each epoch
MOST_RUNS = 6  # in one task, so that results come often
FORMAT = 1  # of the files: raise it when the engine's results change, and old files are not found any more

warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")  # it had grown large; joblib starts a new one


def sweep(build, data, grid, seeds=(0,), epochs=20, validation_split=0.2, save_in=None, stop=None, on_run=None):
    """Train `build` at every combination of the values in `grid`, from every seed; returns the `Sweep`.

    build, data, validation_split: as in `explore`, but the data are arrays, and there must be validation data.
    grid: {keyword: [values]}; keywords of the builder, or `batch_size`, `n_train`. seeds: whole numbers; epochs: for each run.
    save_in: a folder in which each run's result is kept. The same sweep started again trains only what is missing; a sweep with
    other values, more seeds or fewer epochs takes from it what fits. Networks with layers, losses or metrics of the student's
    own are always trained again, because nobody can tell whether they are still the same.
    stop: a `Stop`; once it is set, the sweep returns what is finished. On a cluster, runs that have begun on machines with a
    file system of their own go on to the end of their task, and no others begin.
    on_run: `on_run(sweep)` is called in the calling thread at the start, with what was found in `save_in`, and after each run.

    A run that fails is told in its row and spoils no other. Raises `LessonError` before anything is trained for a mistake in the
    arguments or a setting that `build` refuses; later only if workers are lost. Whatever it raises while it trains (also a
    KeyboardInterrupt) has what was finished until then in its attribute `sweep`.
    """
    x, y, validation = _arrays(data, validation_split)
    _check_numbers(seeds, epochs)
    grid = _check_grid(build, grid, len_of(x))
    result = Sweep(build, grid, tuple(int(seed) for seed in seeds), int(epochs), len_of(validation[1]))
    folder = None if save_in is None else _check_folder(save_in)
    stop = stop or Stop()
    networks = [_network(build, row.settings, x, y) for row in result.rows if not stop.is_set()]
    if len(networks) < len(result.rows):
        return result

    files = _files(folder, build, (x, y, validation), result, networks) if folder else {}
    for (number, seed), file in files.items():
        record = _read(file, result.epochs)
        if record is not None:
            result._add(number, seed, record)
    say = on_run or (lambda sweep: None)
    say(result)
    missing = [(number, seed) for number, row in enumerate(result.rows) for seed in result.seeds if not row._has(seed)]
    if not missing or stop.is_set():
        return result

    def keep(number, seed, record):
        result._add(number, seed, record)
        try:
            if folder:
                _write(files[number, seed], {"settings": result.rows[number].settings, "seed": seed, "epochs": result.epochs, **record})
        except LessonError as error:  # what cannot be kept must not end the training
            result.trouble = result.trouble or f"Some results of this sweep are not in {folder}, only in what it returned. {error}"

    with contextlib.ExitStack() as pool, _flag_for(stop, pool) as flag:
        job = _job(build, result, flag)
        finished = _trained(pool, job, (x, y, validation), missing, [network.structure for network in networks])
        try:
            for run in finished:
                keep(*run)
                say(result)
                if stop.is_set():
                    flag.touch()
        except BaseException as error:
            error.sweep = result
            flag.touch()
            for run in finished:
                keep(*run)
            raise
    if result.trouble:
        warnings.warn(result.trouble, stacklevel=2)
    return result


class Sweep:
    """What `sweep` has trained; complete once all runs have finished, one way or the other.

    `rows`: a list of `Row`, one for each setting, in the grid's order, its last keyword changing fastest; `keywords`: the grid's;
    `seeds`, `epochs`; `n_validation`: the number of validation examples; `trouble`: a sentence about results that could not be
    saved, or "".
    """

    def __init__(self, build, grid, seeds, epochs, n_validation):
        self._name = getattr(build, "__name__", "build")
        self.keywords, self.seeds, self.epochs, self.n_validation, self.trouble = list(grid), seeds, epochs, n_validation, ""
        self.rows = [Row(dict(zip(grid, values)), seeds) for values in itertools.product(*grid.values())]

    runs = property(lambda self: len(self.rows) * len(self.seeds), doc="How many runs there are in all.")
    finished = property(lambda self: sum(row._has(seed) for row in self.rows for seed in self.seeds),
                        doc="How many are done, failed ones included.")
    complete = property(lambda self: self.finished == self.runs)

    @property
    def best(self):
        """The `Row` with the lowest mean of the lowest validation losses, of those complete and without an error; or None."""
        rows = [row for row in self.rows if row.complete and not row.error and math.isfinite(row.loss)]
        return min(rows, key=lambda row: row.loss, default=None)

    def __repr__(self):
        failed = sum(len(row.errors) for row in self.rows)
        words = [f"sweep of {self._name}(): {_count(self.rows, 'setting')}, {_count(self.seeds, 'seed')}",
                 f"{self.finished} of {self.runs} runs finished" + (f", {failed} with an error" if failed else "")]
        if self.best:
            words.append(f"lowest validation loss {self.best.loss:.3g}: {_as_words(self.best.settings)}")
        return f"<{'; '.join(words)}>" + (f" {self.trouble}" if self.trouble else "")

    def _add(self, number, seed, record):
        row = self.rows[number]
        if record["history"]:
            row.histories = _in_order(self.seeds, {**row.histories, seed: _history(record, self.epochs)})
        error = record["error"] or (DIVERGED if record["note"] == DIVERGED else "")
        if error:
            row.errors = _in_order(self.seeds, {**row.errors, seed: error})


class Row:
    """One setting of a sweep. `settings`: a dict; `histories`: {seed: `History`}; `errors`: {seed: sentence}.

    A run that diverged is in both, one that raised an error only in `errors`.
    """

    def __init__(self, settings, seeds):
        self.settings, self.histories, self.errors, self._seeds = settings, {}, {}, seeds

    error = property(lambda self: next(iter(self.errors.values()), ""), doc='The first of the errors, or "".')
    complete = property(lambda self: all(map(self._has, self._seeds)), doc="Whether all seeds have finished, one way or the other.")
    loss = property(lambda self: self._over_seeds(np.mean, 0),
                    doc="The mean over the seeds of the lowest validation loss; nan without one.")
    accuracy = property(lambda self: self._over_seeds(np.mean, 1),
                        doc="The mean over the seeds of the validation accuracy where the validation loss is lowest; nan without one.")
    epoch = property(lambda self: self._over_seeds(np.median, 2), doc="The median of these epochs, from 1; nan without one.")

    def __repr__(self):
        done = sum(map(self._has, self._seeds))
        words = f"{_as_words(self.settings)}: validation loss {self.loss:.3g}, {done} of {len(self._seeds)} seeds"
        return f"<{words}; {self.error}>" if self.error else f"<{words}>"

    def _has(self, seed):
        return seed in self.histories or seed in self.errors

    def _over_seeds(self, average, what):
        figures = [figures for figures in map(_at_lowest_loss, self.histories.values()) if figures]
        return float(average([each[what] for each in figures])) if figures else math.nan


def _at_lowest_loss(history):
    """`(validation loss, validation accuracy or nan, epoch from 1)` where the validation loss is lowest, or None."""
    losses = np.array(history.history.get("val_loss", ()), float)
    if not np.isfinite(losses).any():
        return None
    best = int(np.where(np.isfinite(losses), losses, np.inf).argmin())
    accuracies = next((values for name, values in history.history.items() if name.startswith("val_") and "acc" in name), None)
    return losses[best], math.nan if accuracies is None else accuracies[best], best + 1


def _in_order(seeds, of_seeds):
    return {seed: of_seeds[seed] for seed in seeds if seed in of_seeds}


def _count(things, name):
    return f"{len(things)} {name}" + "s" * (len(things) != 1)


def _as_words(settings):
    return ", ".join(f"{name}={shorten(repr(value), 60)}" for name, value in settings.items())


# Mistakes, told before anything is trained


def _arrays(data, validation_split):
    x, y, validation = training_and_validation(data, validation_split)
    if isinstance(x, tf.data.Dataset):
        raise LessonError("sweep needs arrays, which it can send to other processes; a tf.data.Dataset it cannot. Give it (x, y).")
    if validation is None:
        raise LessonError("sweep compares validation losses, and there are no validation data. Give it some:"
                          " validation_split=0.2, or (x, y, x_validation, y_validation).")
    check_examples(x, y, validation)
    return x, y, validation


def _check_numbers(seeds, epochs):
    if _is_no_count(epochs, 1):
        raise LessonError(f"epochs must be a whole number of at least 1; it is {epochs!r}.")
    if not isinstance(seeds, (list, tuple, range, np.ndarray)) or len(seeds) == 0:
        raise LessonError(f"seeds is a list of at least one whole number, for example seeds=(0, 1, 2); here it is {seeds!r}.")
    for seed in seeds:
        if _is_no_count(seed, 0):
            raise LessonError(f"A seed is a whole number of at least 0; {seed!r} in seeds is none.")
    if len(set(seeds)) < len(seeds):
        raise LessonError(f"seeds={seeds!r} has a seed twice, which would train the same run twice. Leave each in once.")


def _is_no_count(value, least):
    return isinstance(value, bool) or not isinstance(value, Integral) or value < least


def _check_grid(build, grid, available):
    """The grid as {keyword: list of values}. available: the number of training examples."""
    example = '{"learning_rate": [0.001, 0.01]}'
    if isinstance(build, keras.Model) or not callable(build):
        raise LessonError("sweep needs the function that makes the network, not the network: leave out the brackets, sweep(build, …).")
    if not isinstance(grid, dict) or not grid:
        raise LessonError(f"The grid is a dictionary of keywords and lists of values, such as {example};"
                          f" here it is {shorten(repr(grid), 60)}.")
    takes, name = keywords(build), getattr(build, "__name__", "build")
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(build).parameters.values())
    for keyword in grid:
        if keyword in ("epochs", "seed", "seeds") and keyword not in takes:
            raise LessonError(f"{keyword} is no keyword for the grid: all settings are trained alike,"
                              " sweep(…, seeds=(0, 1, 2), epochs=20).")
        if keyword not in (*OF_TRAINING, *takes) and not (anything and isinstance(keyword, str)):
            raise LessonError(
                f"Your function {name}({', '.join(takes)}) has no keyword {keyword!r}. Write it into the function's first line"
                f" (def {name}({', '.join([*takes, f'{keyword}=…'])}):) and use it inside, or take {keyword!r} out of the grid."
            )
    for keyword, default in takes.items():
        if keyword not in grid and default is inspect.Parameter.empty:
            raise LessonError(f"Your function {name}() needs a value for {keyword!r}: give it a default, or a list of values in the grid.")
    grid = {keyword: _check_values(keyword, values, available) for keyword, values in grid.items()}
    size = math.prod(map(len, grid.values()))
    if size > MOST_SETTINGS:
        raise LessonError(f"The grid makes {size} settings, the product of the lengths of its lists; {MOST_SETTINGS} are the most."
                          " Shorten the lists.")
    return grid


def _check_values(keyword, values, available):
    if not isinstance(values, (list, range, np.ndarray)):
        meant = list(values) if isinstance(values, tuple) else [values]
        raise LessonError(f"The grid needs a list of values for {keyword}, in square brackets: {keyword!r}: {shorten(meant, 60)}.")
    if len(values) == 0:
        raise LessonError(f"{keyword!r}: [] in the grid leaves nothing to choose from: put the values into the list.")
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    for number, value in enumerate(values):
        if any(isinstance(value, bool) == isinstance(other, bool) and np.array_equal(value, other) for other in values[:number]):
            raise LessonError(f"The grid has the value {shorten(repr(value), 60)} twice for {keyword}. Leave each value in once.")
        if keyword in OF_TRAINING and _is_no_count(value, 1):
            raise LessonError(f"{keyword} needs whole numbers of at least 1; {value!r} in the grid is none.")
        if keyword == "n_train" and value > available:
            raise LessonError(f"n_train goes up to {value} in the grid, but there are only {available} training examples.")
    return values


def _check_folder(save_in):
    """`save_in` as a `Path`, once a file could be written there."""
    folder = Path(save_in)
    if not folder.is_dir():
        raise LessonError(f"save_in={str(save_in)!r}: there is no such folder (any more). Make one, new_folder('sweep'),"
                          " and run this cell again.")
    probe = folder / f".probe-{uuid.uuid4().hex[:8]}.json"
    try:
        _write(probe, {})
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return folder


# What is to be known of a setting before it is trained: its structure, and its description, which with the data decides the result.
Network = namedtuple("Network", "structure description")


def _network(build, settings, x, y):
    """Build the network once, so that a mistake is told before training; raises a `LessonError` that names the setting."""
    example = tf.nest.map_structure(lambda a: a[:1] if a.ndim > 1 else a[:1, np.newaxis], x)
    try:
        with _undisturbed():
            model = call_builder(build, _of_builder(build, settings), 0, example, keras.config.dtype_policy())
        check_shapes(model, x, y, build)
    except LessonError as error:
        raise LessonError(f"With {_as_words(settings)}: {error}") from error
    structure = structure_of(model)
    if structure is None:  # its configuration need not tell all that it does
        return Network(None, uuid.uuid4().hex)
    # The weights, too: a builder may have set them by hand.
    return Network(structure, [model.get_config(), model.get_compile_config(), _hash(model.get_weights())])


def _of_builder(build, settings):
    takes = keywords(build)
    return {keyword: value for keyword, value in settings.items() if keyword not in OF_TRAINING or keyword in takes}


# Results in files


def _files(folder, build, data, result, networks):
    """The file of each run, {(number of the setting, seed): Path}: its name tells all that the result depends on."""
    try:
        source = inspect.getsource(inspect.unwrap(build))
    except (OSError, TypeError):
        source = ""
    common = [FORMAT, tf.__version__, keras.__version__, source, _hash(tf.nest.flatten(data))]
    usual = {**keywords(build), "batch_size": BATCH_SIZE, "n_train": len_of(data[0])}
    files = {}
    for number, (row, network) in enumerate(zip(result.rows, networks)):
        for seed in result.seeds:
            parts = json.dumps([common, network.description, {**usual, **row.settings}, seed], sort_keys=True, default=_text)
            files[number, seed] = folder / f"run-{hashlib.sha256(parts.encode()).hexdigest()[:32]}.json"
    return files


def _hash(arrays):
    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _text(value):
    """An object in the settings as something for JSON; one that shows only its address equals none seen before."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return repr(value) + (uuid.uuid4().hex if " at 0x" in repr(value) else "")


def _write(file, record):
    """Write `record` all or nothing. A failed run does not take the place of a result."""
    if record.get("error") and file.exists():
        return
    part = file.with_name(f".{file.stem}-{uuid.uuid4().hex[:8]}")
    try:
        part.write_text(json.dumps(record, default=repr), encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise in_words(error, file, "write") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _read(file, epochs):
    """The record in `file`, cut to `epochs` epochs; None where there is none, a damaged, a failed or a shorter one."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        lengths = {len(values) for values in record["history"].values()}
        sound = len(lengths) == 1 and {"loss", "val_loss"} <= set(record["history"]) and all(
            isinstance(value, float) for values in record["history"].values() for value in values)
        length, diverged = lengths.pop(), record["note"] == DIVERGED
        if not sound or record["error"] or (length < epochs and not diverged):
            return None
        record = {name: record[name] for name in ("history", "path", "note", "stopped", "error")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    record["history"] = {name: values[:epochs] for name, values in record["history"].items()}
    if diverged and length > epochs:
        record.update(note="", stopped=False)
    return record


def _history(record, epochs):
    """The `History` that the `Trainer` returned."""
    history = keras.callbacks.History()
    history.set_params({"epochs": epochs})
    history.history = {name: list(values) for name, values in record["history"].items()}
    history.epoch = list(range(len(history.history["loss"])))
    history.path, history.note, history.stopped, history.measured = record["path"], record["note"], record["stopped"], {}
    return history


# From runs to tasks, and to the workers

# What a worker has to know. key: tells this sweep from others; flag: a file that appears when the sweep is to stop;
# settings: those of the rows; process: the number of the process that sweeps; source: the file of `build`, and its lines.
Job = namedtuple("Job", "key build settings epochs policy flag process source")


def _job(build, result, flag):
    code = getattr(inspect.unwrap(build), "__code__", None)
    source = (code.co_filename, linecache.getlines(code.co_filename)) if code else None
    return Job(uuid.uuid4().hex, build, [row.settings for row in result.rows], result.epochs, keras.config.dtype_policy().name, flag,
               os.getpid(), source)


@contextlib.contextmanager
def _flag_for(stop, pool):
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


def _trained(pool, job, data, runs, structures):
    """Train `runs` on joblib's workers; yields `(number of the setting, seed, record)` in the order in which they finish."""
    try:
        backend, n_jobs = joblib.parallel.get_active_backend()
        n_jobs = -1 if n_jobs is None else n_jobs
        workers = joblib.effective_n_jobs(n_jobs)
        if workers > 1 and not getattr(backend, "supports_sharedmem", False):
            _check_can_travel(job)
        # On one machine joblib shares large arrays through memory. Dask is sent them with each task, being in a tuple: what it
        # spreads by itself ("scatters") it soon keeps on one worker alone, and a sweep would be lost with that worker.
        tasks = (joblib.delayed(_train)(job, task, data) for task in _tasks(runs, structures, workers))
        parallel = pool.enter_context(joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1))
        for finished in parallel(tasks):
            yield from finished
    except LessonError:
        raise
    except Exception as error:
        raise _lost(error) from error
    finally:
        _trainers.pop(job.key, None)


def _tasks(runs, structures, workers):
    """`runs` in lists: of one structure each, because it is compiled once; enough of them for all workers; none very long."""
    groups = {}
    for number, seed in runs:
        groups.setdefault(structures[number] or (number, seed), []).append((number, seed))
    longest = 1 if workers == 1 else min(MOST_RUNS, math.ceil(len(runs) / (2 * workers)))
    tasks = []
    for group in groups.values():
        parts = math.ceil(len(group) / longest)
        tasks += [group[part * len(group) // parts:(part + 1) * len(group) // parts] for part in range(parts)]
    return tasks


def _check_can_travel(job):
    """Raise a `LessonError` if `job` cannot be sent to another process; joblib would say it late, and Dask not at all."""
    try:
        pickle.dumps(joblib.wrap_non_picklable_objects(job))  # as joblib and Dask do, with cloudpickle
    except Exception as error:
        name = getattr(job.build, "__name__", "build")
        raise LessonError(f"Your function {name}(), something it uses, or a value in the grid cannot be sent to another process:"
                          f" {shorten(error)}. Make it inside the function, or train in this process:"
                          " with joblib.parallel_config(n_jobs=1): sweep(…).") from error


def _lost(error):
    name = type(error).__name__
    reason = {
        "TerminatedWorkerError": "a process that trained has died, most likely because memory ran out. Use fewer processes:"
                                 " with joblib.parallel_config(n_jobs=1): sweep(…).",
        "ModuleNotFoundError": f"a worker lacks a module: {shorten(error)}. Start the workers in the folder of the lessons,"
                               " in the same environment.",
    }.get(name, f"{name}: {shorten(error)}")
    return LessonError(f"The sweep could not go on: {reason} Where you have given it a folder (save_in=…), what was finished is kept,"
                       " and the same sweep started again trains only what is missing.")


# In a worker

_one_at_a_time = threading.Lock()  # a worker may have several threads, but Keras has its state once in a process
_trainers = {}  # the key of a sweep -> its Trainer: a worker compiles each structure once, and is sent nothing twice


@contextlib.contextmanager
def _undisturbed():
    """Within it, no other thread trains here, or draws from the random numbers from which Keras draws the seeds of the layers.

    These are those of Python's `random`, of which a process has one; Dask's own threads draw from them for each message they
    send, so that now and then a network began from other weights than its seed's.
    """
    with _one_at_a_time:
        shared, ours, here = random.seed.__self__, random.Random(), threading.get_ident()
        names = [name for name in random.__all__ if getattr(getattr(random, name), "__self__", None) is shared]

        def share(name):
            def draw(*args, **kwargs):
                mine = threading.get_ident() == here or threading.current_thread().name == FRESH
                return getattr(ours if mine else shared, name)(*args, **kwargs)

            return draw

        for name in names:
            setattr(random, name, share(name))
        try:
            yield
        finally:
            for name in names:
                setattr(random, name, getattr(shared, name))


def _train(job, runs, data):
    """Train `runs`, each (number of the setting, seed); returns (number, seed, record) of those that were not stopped."""
    if os.getpid() != job.process and threading.current_thread() is threading.main_thread():
        # Jupyter interrupts a kernel's children, too; what is to become of the sweep is for the kernel to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    finished = []
    with _undisturbed():
        for number, seed in runs:
            record = None if job.flag.exists() else _run(job, number, seed, data)
            if record is None:
                break
            finished.append((number, seed, record))
    return finished


def _run(job, number, seed, data):
    """Train one run; returns its record, None if it was stopped."""
    stop = Stop()
    of_training = {"batch_size": BATCH_SIZE, **{name: value for name, value in job.settings[number].items() if name in OF_TRAINING}}
    try:
        history = _trainer(job, data).run({"number": number}, job.epochs, seed=seed, stop=stop, **of_training,
                                          on_epoch=lambda history: job.flag.exists() and stop.set())
    except Exception as error:
        return {"history": {}, "path": "", "note": "", "stopped": False, "error": str(explain(error, job.build, "was trained"))}
    if history.stopped and history.note != DIVERGED:
        return None
    return {"history": history.history, "path": history.path, "note": history.note, "stopped": history.stopped, "error": ""}


def _trainer(job, data):
    if job.key not in _trainers:
        if job.source and os.getpid() != job.process:  # so that errors can quote the student's line
            name, lines = job.source
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)

        @functools.wraps(job.build)
        def build_number(number):
            return job.build(**_of_builder(job.build, job.settings[number]))

        x, y, validation = data
        _trainers.clear()
        # The numbers of the settings are the Trainer's settings: it takes those whose repr is equal for the same.
        _trainers[job.key] = in_fresh_thread(lambda: Trainer(build_number, x, y, validation), job.policy)
    return _trainers[job.key]
