"""A sweep: a network at every combination of some settings, trained from several seeds, on all cores or a cluster.

    result = sweep(build, clothes, {"units": [16, 32], "learning_rate": [0.001, 0.01]}, seeds=(0, 1, 2), save_in=folder)
    result.best.settings

What joblib is told is honoured: `with joblib.parallel_config(n_jobs=1):`, or `backend="dask"`. If it is told nothing,
as many runs are trained at a time as there are cores, and always only as many as there is memory for.
"""

import contextlib
import itertools
import math
import uuid
import warnings
from collections import namedtuple

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import call_builder, name_of
from helpers.engine.check import check
from helpers.engine.examples import check_examples, check_validation, first_of, len_of, training_and_validation
from helpers.engine.settings import of_builder
from helpers.engine.stop import Stop
from helpers.engine.structure import structure_of
from helpers.engine.training import DIVERGED, new_history
from helpers.errors import LessonError
from helpers.sweeps.crew import trained
from helpers.sweeps.files import check_folder, files_of, hash_of, read_run, write_run
from helpers.sweeps.grid import check_grid, check_numbers, settings_in_words
from helpers.sweeps.tasks import flag_for, job_of, undisturbed


def sweep(build, data, grid, seeds=(0,), epochs=20, validation_split=0.2, save_in=None, stop=None, on_run=None):
    """Train `build` at every combination of the values in `grid`, from every seed; returns the `Sweep`.

    build, data, validation_split: as in `explore`, but the data are arrays, and there must be validation data.
    grid: {keyword: [values]}; keywords of the builder, or `batch_size`, `n_train`. seeds: whole numbers; epochs: for
    each run.
    save_in: a folder in which each run's result is kept. The same sweep started again trains only what is missing; a
    sweep with other values, more seeds or fewer epochs takes from it what fits. Networks with layers, losses or metrics
    of the student's own are always trained again, because nobody can tell whether they are still the same.
    stop: a `Stop`; once it is set, the sweep returns what is finished. On a cluster, runs that have begun on machines
    with a file system of their own go on to the end of their task, and no others begin.
    on_run: `on_run(sweep)` is called in the calling thread at the start, with what was found in `save_in`, and after
    each run.

    A run that fails is told in its row and spoils no other. Raises `LessonError` before anything is trained for a
    mistake in the arguments or a setting that `build` refuses; later only if workers are lost. Whatever it raises while
    it trains (also a KeyboardInterrupt) has what was finished until then in its attribute `sweep`.
    """
    x, y, validation = _arrays(data, validation_split)
    check_numbers(seeds, epochs)
    grid = check_grid(build, grid, len_of(x))
    result = Sweep(build, grid, tuple(int(seed) for seed in seeds), int(epochs), len_of(validation[1]))
    folder = None if save_in is None else check_folder(save_in)
    stop = stop or Stop()
    networks = [_network(build, row.settings, x, y) for row in result.rows if not stop.is_set()]
    if len(networks) < len(result.rows):
        return result

    files = files_of(folder, build, (x, y, validation), result, networks) if folder else {}
    for (number, seed), file in files.items():
        record = read_run(file, result.epochs)
        if record is not None:
            result._add(number, seed, record)
    say = on_run or (lambda sweep: None)
    say(result)
    missing = [(number, seed) for number, row in enumerate(result.rows) for seed in result.seeds if not row._has(seed)]
    if not missing or stop.is_set():
        return result

    def keep(number, seed, record):
        result._add(number, seed, record)
        about = {"settings": result.rows[number].settings, "seed": seed, "epochs": result.epochs}
        try:
            if folder:
                write_run(files[number, seed], {**about, **record})
        except LessonError as error:  # what cannot be kept must not end the training
            result._tell(f"Some results of this sweep are not in {folder}, only in what it returned. {error}")

    with contextlib.ExitStack() as pool, flag_for(stop, pool) as flag:
        job = job_of(build, result, flag)
        structures = [network.structure for network in networks]
        finished = trained(pool, job, (x, y, validation), missing, structures, result._tell)
        run = ()
        try:
            for run in finished:
                keep(*run)
                say(result)
                if stop.is_set():
                    flag.touch()
        except BaseException as error:
            error.sweep = result
            flag.touch()
            for left in itertools.chain([run] if run else [], finished):  # the run at hand may be kept by half
                keep(*left)
            raise
    if result.trouble:
        warnings.warn(result.trouble, stacklevel=2)
    return result


class Sweep:
    """What `sweep` has trained; complete once all runs have finished, one way or the other.

    `rows`: a list of `Row`, one for each setting, in the grid's order, its last keyword changing fastest; `keywords`:
    the grid's; `seeds`, `epochs`; `n_validation`: the number of validation examples; `runs`, `finished`: how many runs
    there are in all, and how many are done, failed ones included; `trouble`: in words, that results could not be saved,
    that memory was short, or that a process died; or "".
    """

    def __init__(self, build, grid, seeds, epochs, n_validation):
        self._name, self.keywords, self._troubles = name_of(build), list(grid), {}
        self.seeds, self.epochs, self.n_validation = seeds, epochs, n_validation
        self.rows = [Row(dict(zip(grid, values, strict=True)), seeds) for values in itertools.product(*grid.values())]

    runs = property(lambda self: len(self.rows) * len(self.seeds))
    finished = property(lambda self: sum(row._has(seed) for row in self.rows for seed in self.seeds))
    complete = property(lambda self: self.finished == self.runs)
    trouble = property(lambda self: " ".join(self._troubles.values()))

    @property
    def best(self):
        """The `Row` with the lowest `loss`, of those that are complete and without an error; or None."""
        rows = [row for row in self.rows if row.complete and not row.error and math.isfinite(row.loss)]
        return min(rows, key=lambda row: row.loss, default=None)

    def __repr__(self):
        failed = sum(len(row.errors) for row in self.rows)
        words = [
            f"sweep of {self._name}(): {_count(self.rows, 'setting')}, {_count(self.seeds, 'seed')}",
            f"{self.finished} of {self.runs} runs finished" + (f", {failed} with an error" if failed else ""),
        ]
        if self.best:
            words.append(f"lowest validation loss {self.best.loss:.3g}: {settings_in_words(self.best.settings)}")
        return f"<{'; '.join(words)}>" + (f" {self.trouble}" if self.trouble else "")

    def _tell(self, trouble):
        self._troubles.setdefault(trouble.partition(".")[0], trouble)  # each kind once

    def _add(self, number, seed, record):
        row = self.rows[number]
        if record["history"]:
            row.histories = _in_order(self.seeds, {**row.histories, seed: _history(record, self.epochs)})
        error = record["error"] or (DIVERGED if record["note"] == DIVERGED else "")
        if error:
            row.errors = _in_order(self.seeds, {**row.errors, seed: error})


class Row:
    """One setting of a sweep. `settings`: a dict; `histories`: {seed: `History`}; `errors`: {seed: sentence}.

    A run that diverged is in both, one that raised an error only in `errors`. `error`: the first of them, or "";
    `complete`: whether all seeds have finished, one way or the other. Over the seeds, nan without one: `loss`, the mean
    of the lowest validation losses; `accuracy`, the mean of the validation accuracies where these are; `epoch`, the
    median of these epochs, from 1.
    """

    def __init__(self, settings, seeds):
        self.settings, self.histories, self.errors, self._seeds = settings, {}, {}, seeds

    error = property(lambda self: next(iter(self.errors.values()), ""))
    complete = property(lambda self: all(map(self._has, self._seeds)))
    loss = property(lambda self: self._over_seeds(np.mean, 0))
    accuracy = property(lambda self: self._over_seeds(np.mean, 1))
    epoch = property(lambda self: self._over_seeds(np.median, 2))

    def __repr__(self):
        done, settings = sum(map(self._has, self._seeds)), settings_in_words(self.settings)
        words = f"{settings}: validation loss {self.loss:.3g}, {done} of {len(self._seeds)} seeds"
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
    measured = history.history.items()
    accuracies = [values[best] for name, values in measured if name.startswith("val_") and "acc" in name]
    return losses[best], next(iter(accuracies), math.nan), best + 1


def _in_order(seeds, of_seeds):
    return {seed: of_seeds[seed] for seed in seeds if seed in of_seeds}


def _count(things, name):
    return f"{len(things)} {name}" + "s" * (len(things) != 1)


# What is looked at before anything is trained


def _arrays(data, validation_split):
    x, y, validation = training_and_validation(data, validation_split)
    if isinstance(x, tf.data.Dataset):
        raise LessonError(
            "sweep needs arrays, which it can send to other processes; a tf.data.Dataset it cannot. Give it (x, y)."
        )
    check_validation(validation, "sweep")
    check_examples(x, y, validation)
    return x, y, validation


# What is to be known of a setting before it is trained: its structure, and its description, which with the data decides
# the result.
Network = namedtuple("Network", "structure description")


def _network(build, settings, x, y):
    """Build the network once, so that a mistake is told before training: a `LessonError` that names the setting."""
    try:
        with undisturbed():
            model = call_builder(build, of_builder(build, settings), 0, first_of(x), keras.config.dtype_policy())
        check(model, x, y, build=build)
    except LessonError as error:
        raise LessonError(f"With {settings_in_words(settings)}: {error}") from error
    structure = structure_of(model)
    if structure is None:  # its configuration need not tell all that it does
        return Network(None, uuid.uuid4().hex)
    # The weights, too: a builder may have set them by hand.
    return Network(structure, [model.get_config(), model.get_compile_config(), hash_of(model.get_weights())])


def _history(record, epochs):
    """The `History` that the `Trainer` returned."""
    history = new_history(epochs, record["path"])
    history.history = {name: list(values) for name, values in record["history"].items()}
    history.epoch = list(range(len(history.history["loss"])))
    history.note, history.stopped, history.remarks = record["note"], record["stopped"], record["remarks"]
    return history
