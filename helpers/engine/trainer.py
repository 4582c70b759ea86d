"""The `Trainer`, which trains what a builder makes at changing settings; what it returns, `training` says."""

import contextlib
import json
import threading
import weakref
from collections import OrderedDict
from types import GeneratorType

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import call_builder, in_fresh_thread
from helpers.engine.check import check
from helpers.engine.examples import as_arrays, check_examples, first_of, is_dataset, len_of, weights_of
from helpers.engine.loop import Loop
from helpers.engine.settings import of_builder, of_training
from helpers.engine.stop import LOOK, Stop, check_wanted, working_for
from helpers.engine.structure import structure_of
from helpers.engine.training import DIVERGED, Plan, first_epochs, hand_to_fit, new_history, refuse_data, train
from helpers.errors import LessonError, explain, is_whole

COMPILED_NETWORKS_KEPT = 6
STATES_KEPT = 16


class Trainer:
    """Trains what `build` makes of the settings, again and again, on one set of data.

    build: the student's function; each call returns a compiled Keras model. x, y: arrays, one row per example
    (or x a dataset and y None); validation: `(x, y)`, `(x, y, weights)`, a dataset, or None. sample_weight, of shape
    (n,), or class_weight, {class: weight}: how much each example counts in the loss.

    A setting that has been seen is not trained again: more epochs continue it, fewer shorten it.

    measure: called after each epoch as `measure(model, x, y, n_train, batch_size)`, with the network just trained; it
    returns {name: number}, of which the history keeps lists in `measured`, and must leave the network as it is.

    save: called after each epoch as `save(model, epoch)`, with a model of the student's own `build` that has the
    weights just trained, and the optimizer's state, and the number of the epoch (from 1).
    """

    def __init__(
        self, build, x, y=None, validation=None, measure=None, save=None, sample_weight=None, class_weight=None
    ):
        self._data, self._class_weight = (x,), class_weight
        if not is_dataset(x):
            x, y = as_arrays(x), as_arrays(y)
            validation = tuple(map(as_arrays, validation)) if isinstance(validation, (tuple, list)) else validation
            check_examples(x, y, validation)
            weights = weights_of(y, sample_weight, class_weight)
            check_examples(x, y, None, weights)
            # Copies: what a student changes in the arrays later must not reach some settings and not others.
            self._data = tf.nest.map_structure(np.array, (x, y) if weights is None else (x, y, weights))
            self._class_weight = None  # it is in the weights
            if validation is not None and not is_dataset(validation):
                validation = tf.nest.map_structure(np.array, validation)
        elif isinstance(x, GeneratorType):
            raise LessonError(
                "A generator can be read only once, and the network trains again and again. Give arrays, (x, y), or"
                " make a dataset of it: tf.data.Dataset.from_generator."
            )
        elif isinstance(x, tf.data.Dataset) and x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise LessonError(
                "The dataset never ends, so there is no end of an epoch either. Give it one: dataset.take(number of"
                " batches)."
            )
        self.build, self.measure, self.save = build, measure, save
        self._validation = validation
        self._example = None if is_dataset(x) else first_of(self._data[0])
        self._policy = keras.config.dtype_policy()  # Keras keeps it per thread; builders run in threads of their own
        self._loops = OrderedDict()  # structure -> (Loop, None), or (None, the reason why there can be none)
        self._histories = {}  # setting -> the longest history so far
        self._states = OrderedDict()  # setting -> the network's state at that history's end
        self._trained_here = weakref.WeakSet()  # networks of the student's own that this has trained
        self._changed, self._under_way = threading.Condition(), None  # the Stop of the run under way, and its change
        self.compilations = 0

    def run(self, settings, epochs, batch_size=32, n_train=None, seed=0, stop=None, on_state=None, on_epoch=None):
        """Train for `epochs` epochs with `build(**settings)`; returns the `History`.

        n_train: train on the first so many examples (None: all). `on_state("building" | "training")` and
        `on_epoch(history)` tell how far it is. Raises `LessonError` for a mistake in `build` or in the numbers.
        """
        stop = stop or Stop()
        with self._turn_of(stop):
            n_train = self._check_numbers(epochs, batch_size, n_train, seed)
            key = json.dumps([settings, batch_size, n_train, seed], sort_keys=True, default=repr)
            seen = self._histories.get(key)
            if seen is not None and (len(seen.epoch) >= epochs or seen.note == DIVERGED):
                return first_epochs(seen, epochs)
            say = on_state or (lambda state: None)
            say("building")
            model = call_builder(self.build, settings, seed, self._example, self._policy)
            x, y = (*self._data, None)[:2]
            remarks = check(model, x, y, self._validation, self.build, fresh=model not in self._trained_here)
            # In a thread that can be left: parts of the student's own are called there.
            loop, reason = in_fresh_thread(lambda: self._loop_for(model, seed))
            say("training")

            def measure(network):
                return self.measure(network, *self._data[:2], n_train, batch_size)

            def save(epoch):
                if loop is not None:
                    loop.copy_to(model)
                self.save(model, epoch)

            plan = Plan(epochs, batch_size, n_train, seed, True, stop, on_epoch)
            plan = plan._replace(measure=self.measure and measure, save=self.save and save)
            if loop is None:
                history = self._with_fit(model, plan, reason)
            else:
                history = self._with_loop(loop, model, plan, key, seen)
            history.remarks = remarks
            check_wanted()
            if _is_as_long(history, seen) and not (history.path == "fit" and history.stopped):
                self._histories[key] = history
            return history if len(history.epoch) <= epochs else first_epochs(history, epochs)

    @contextlib.contextmanager
    def _turn_of(self, stop):
        """Within it no other run of this `Trainer` is under way; one that was abandoned, and hangs, does not count."""
        with self._changed:
            while self._under_way is not None and not self._under_way.abandoned:
                self._changed.wait(LOOK)
                check_wanted()
            if self._under_way is not None:  # it may still be training what was compiled for it
                self._loops = OrderedDict()
            self._under_way = stop
        try:
            with working_for(stop):
                yield
        finally:
            with self._changed:
                if self._under_way is stop:
                    self._under_way = None
                    self._changed.notify_all()

    def run_with(self, settings, **told):
        """`run` with one dict for the builder's settings and the training's own; told: `stop` and what follows it."""
        return self.run(of_builder(self.build, settings), **of_training(settings), **told)

    def _check_numbers(self, epochs, batch_size, n_train, seed):
        """Raise a `LessonError` for a number that cannot be; returns how many examples to train on, None if unknown."""
        least = {"epochs": (epochs, 1), "batch_size": (batch_size, 1), "n_train": (n_train, 1), "seed": (seed, 0)}
        for name, (value, lowest) in least.items():
            if not is_whole(value, lowest) and not (name == "n_train" and value is None):
                raise LessonError(f"{name} must be a whole number of at least {lowest}; it is {value!r}.")
        available = len_of(self._data[0])
        if available is None and n_train is not None:
            raise LessonError(
                "n_train needs arrays: of a dataset, take fewer batches, of a tf.data.Dataset with dataset.take(…)."
            )
        if available is None:
            return None
        if n_train is not None and n_train > available:
            raise LessonError(f"n_train is {n_train}, but there are only {available} training examples.")
        return int(n_train or available)

    def _loop_for(self, model, seed):
        """`(loop, None)`, or `(None, reason)` if only `fit` can train `model`; no structure is compiled twice."""
        structure = structure_of(model)
        if structure in self._loops and structure is not None:
            self._loops.move_to_end(structure)
            return self._loops[structure]
        try:
            refuse_data(self._data, self._validation)
            made = Loop(model, self._data, self._validation, seed), None
            self.compilations += 1
        except LessonError:
            raise
        except Exception as reason:
            made = None, reason
        check_wanted()
        if structure is not None:
            _keep(self._loops, structure, made, COMPILED_NETWORKS_KEPT)
        return made

    def _with_loop(self, loop, model, plan, key, seen):
        history = new_history(plan.epochs)
        loop.start(model, plan.seed)
        start = loop.snapshot()
        if seen is not None and key in self._states and loop.reusable:
            history = first_epochs(seen, len(seen.epoch))
            history.note, history.stopped = "", False
            loop.restore(self._states[key])
        try:
            state = train(loop, None, history, plan)
            check_wanted()
        except tf.errors.OpError as error:
            raise explain(error, self.build, "was trained") from error
        finally:
            if not (
                loop.reusable or plan.stop.abandoned
            ):  # parts that the student's networks share must begin the next run as this one
                loop.restore(start)
        if loop.reusable and _is_as_long(history, seen):  # a state belongs to the end of the history that is kept
            _keep(self._states, key, state, STATES_KEPT)
        return history

    def _with_fit(self, model, plan, reason):
        data = self._data
        if not is_dataset(data[0]):
            data = tf.nest.map_structure(lambda a: a[: plan.n_train], data)
        self._trained_here.add(model)
        start = [(variable, variable.value.numpy()) for variable in model.variables]
        try:
            arguments = model, data, self._validation, plan, reason, self._class_weight
            return in_fresh_thread(lambda: hand_to_fit(*arguments), self._policy)
        except Exception as error:
            raise explain(error, self.build, "was trained") from error
        finally:
            for variable, value in start:
                variable.assign(value)


def _is_as_long(history, seen):
    """Whether `history`, which may have been stopped, is worth keeping in place of the `seen` one (or None)."""
    return bool(history.epoch) and (seen is None or len(history.epoch) >= len(seen.epoch))


def _keep(kept, key, value, most):
    """Put `value` in as the latest, and let the oldest of more than `most` go."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
