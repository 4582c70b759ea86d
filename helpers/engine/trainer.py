"""The fast engine: `fit`, which trains one model, and `Trainer`, which retrains a builder at changing settings.

Both return a `keras.callbacks.History` with four more attributes:

- `path`: "compiled" (one compiled function per epoch) or "fit" (handed to `model.fit`);
- `note`: a sentence for the student, or "": why the run ended early, or why it was handed to `fit`;
- `stopped`: whether it was stopped, by a `Stop` or by a loss that is not finite;
- `measured`: what a `Trainer` was asked to measure after each epoch, {name: list}, or {}.
"""

import json
import math
import threading
from collections import OrderedDict
from numbers import Integral

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import call_builder, check_shapes, random_state_of_its_own
from helpers.engine.examples import check_examples, len_of
from helpers.engine.loop import Loop, Stop
from helpers.engine.structure import structure_of
from helpers.errors import LessonError, explain, shorten

DIVERGED = (
    "The loss is no longer a finite number, so training stopped here: the learning rate is most likely too large."
    " Try one ten times smaller."
)
COMPILED_NETWORKS_KEPT = 6
STATES_KEPT = 16
BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


def fit(
    model,
    x,
    y,
    validation_data=None,
    epochs=1,
    batch_size=32,
    shuffle=True,
    seed=0,
    callbacks=(),
    stop=None,
    on_epoch=None,
):
    """Train a compiled Keras model as `model.fit` does, but fast; its weights are the trained ones afterwards.

    x, y: arrays with one row per example; validation_data: `(x, y)` or None. The order of the examples and the
    random layers draw from `seed`. `on_epoch(history)` is called after each epoch; `stop`: a `Stop`.
    Raises `LessonError` for shapes that do not fit together; whatever `model.fit` would raise otherwise.
    """
    check_examples(x, y, validation_data)
    check_shapes(model, x, y)
    history = _new_history(epochs)
    try:
        _refuse_batch_hooks(callbacks)
        loop = Loop(model, x, y, validation_data)
    except LessonError:
        raise
    except Exception as reason:
        return _hand_to_fit(
            model, x, y, validation_data, epochs, batch_size, shuffle, seed, callbacks, stop, on_epoch, reason
        )
    loop.start(model, seed)
    _train(loop, model, history, epochs, len_of(x), batch_size, shuffle, seed, callbacks, stop, on_epoch)
    return history


class Trainer:
    """Trains what `build` makes of the settings, again and again, on one set of data.

    build: the student's function; each call returns a compiled Keras model. x, y: arrays, one row per example
    (or x a `tf.data.Dataset` and y None); validation: `(x, y)`, a dataset, or None.

    A setting that has been seen is not trained again: more epochs continue it, fewer shorten it.

    measure: called after each epoch as `measure(model, x, y, n_train, batch_size)`, with the network just trained; it
    returns {name: number}, of which the history keeps lists in `measured`, and must leave the network as it is.

    save: called after each epoch as `save(model, epoch)`, with a model of the student's own `build` that has the
    weights just trained, and the optimizer's state, and the number of the epoch (from 1).
    """

    def __init__(self, build, x, y=None, validation=None, measure=None, save=None):
        if not isinstance(x, tf.data.Dataset):
            check_examples(x, y, validation)
            # Copies: what a student changes in the arrays later must not reach some settings and not others.
            x, y, validation = tf.nest.map_structure(lambda a: None if a is None else np.array(a), (x, y, validation))
        elif x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise LessonError(
                "The dataset never ends, so there is no end of an epoch either. Give it one: dataset.take(number of"
                " batches)."
            )
        self.build, self.measure, self.save = build, measure, save
        self._x, self._y, self._validation = x, y, validation
        self._example = (
            None if y is None else tf.nest.map_structure(lambda a: a[:1] if a.ndim > 1 else a[:1, np.newaxis], x)
        )
        self._policy = keras.config.dtype_policy()  # Keras keeps it per thread; builders run in threads of their own
        self._loops = OrderedDict()  # structure -> (Loop, None), or (None, the reason why there can be none)
        self._histories = {}  # setting -> the longest history so far
        self._states = OrderedDict()  # setting -> the network's state at that history's end
        self._lock = threading.Lock()
        self.compilations = 0

    def run(self, settings, epochs, batch_size=32, n_train=None, seed=0, stop=None, on_state=None, on_epoch=None):
        """Train for `epochs` epochs with `build(**settings)`; returns the `History`.

        n_train: train on the first so many examples (None: all). `on_state("building" | "training")` and
        `on_epoch(history)` tell how far it is. Raises `LessonError` for a mistake in `build` or in the numbers.
        """
        with self._lock:
            n_train = self._check_numbers(epochs, batch_size, n_train, seed)
            key = json.dumps([settings, batch_size, n_train, seed], sort_keys=True, default=repr)
            seen = self._histories.get(key)
            if seen is not None and (len(seen.epoch) >= epochs or seen.note == DIVERGED):
                return _first_epochs(seen, epochs)
            say = on_state or (lambda state: None)
            say("building")
            model = call_builder(self.build, settings, seed, self._example, self._policy)
            check_shapes(model, self._x, self._y, self.build)
            loop, reason = self._loop_for(model, seed)
            say("training")
            if loop is None:
                history = self._with_fit(model, epochs, batch_size, n_train, seed, stop, on_epoch, reason)
            else:
                history = self._with_loop(loop, model, key, seen, epochs, batch_size, n_train, seed, stop, on_epoch)
            if _is_as_long(history, seen) and not (history.path == "fit" and history.stopped):
                self._histories[key] = history
            return history if len(history.epoch) <= epochs else _first_epochs(history, epochs)

    def _check_numbers(self, epochs, batch_size, n_train, seed):
        for name, value, least in (
            ("epochs", epochs, 1),
            ("batch_size", batch_size, 1),
            ("n_train", n_train, 1),
            ("seed", seed, 0),
        ):
            if name == "n_train" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise LessonError(f"{name} must be a whole number of at least {least}; it is {value!r}.")
        if isinstance(self._x, tf.data.Dataset):
            if n_train is not None:
                raise LessonError(
                    "n_train needs arrays: of a tf.data.Dataset, take fewer batches with dataset.take(…)."
                )
            return None
        available = len_of(self._x)
        if n_train is not None and n_train > available:
            raise LessonError(f"n_train is {n_train}, but there are only {available} training examples.")
        return int(n_train or available)

    def _loop_for(self, model, seed):
        """`(loop, None)`, or `(None, reason)` where only `fit` can train `model`; a known structure is not compiled
        again."""
        structure = structure_of(model)
        if structure in self._loops and structure is not None:
            self._loops.move_to_end(structure)
            return self._loops[structure]
        try:
            if isinstance(self._x, tf.data.Dataset):
                raise NotImplementedError("its data come as a tf.data.Dataset")
            made = Loop(model, self._x, self._y, self._validation, seed), None
            self.compilations += 1
        except LessonError:
            raise
        except Exception as reason:
            made = None, reason
        if structure is not None:
            self._loops[structure] = made
            while len(self._loops) > COMPILED_NETWORKS_KEPT:
                self._loops.popitem(last=False)
        return made

    def _with_loop(self, loop, model, key, seen, epochs, batch_size, n_train, seed, stop, on_epoch):
        history = _new_history(epochs)
        loop.start(model, seed)
        start = loop.snapshot()
        if seen is not None and key in self._states and loop.reusable:
            history = _first_epochs(seen, len(seen.epoch))
            history.note, history.stopped = "", False
            loop.restore(self._states[key])
        try:
            state = _train(
                loop,
                None,
                history,
                epochs,
                n_train,
                batch_size,
                True,
                seed,
                (),
                stop,
                on_epoch,
                self._measuring(n_train, batch_size),
                self._saving(model, loop),
            )
        except tf.errors.OpError as error:
            raise explain(error, self.build, "was trained") from error
        finally:
            if not loop.reusable:
                loop.restore(
                    start
                )  # parts that the student's networks share must begin the next run as they began this one
        if loop.reusable and _is_as_long(history, seen):  # a state belongs to the end of the history that is kept
            self._states[key] = state
            self._states.move_to_end(key)
            while len(self._states) > STATES_KEPT:
                self._states.popitem(last=False)
        return history

    def _with_fit(self, model, epochs, batch_size, n_train, seed, stop, on_epoch, reason):
        x, y = self._x, self._y
        if not isinstance(x, tf.data.Dataset):
            x, y = tf.nest.map_structure(lambda a: a[:n_train], (x, y))
        start = [(variable, variable.value.numpy()) for variable in model.variables]
        try:
            return _hand_to_fit(
                model,
                x,
                y,
                self._validation,
                epochs,
                batch_size,
                True,
                seed,
                (),
                stop,
                on_epoch,
                reason,
                self._measuring(n_train, batch_size),
                self._saving(model),
            )
        except Exception as error:
            raise explain(error, self.build, "was trained") from error
        finally:
            for variable, value in start:
                variable.assign(value)

    def _measuring(self, n_train, batch_size):
        """`measure` as a function of the network alone, or None."""
        if self.measure is None:
            return None
        return lambda model: self.measure(model, self._x, self._y, n_train, batch_size)

    def _saving(self, model, loop=None):
        """`save` as a function of the epoch alone, or None. loop: what trains in the place of the student's own
        `model`."""
        if self.save is None:
            return None

        def save(epoch):
            if loop is not None:
                loop.copy_to(model)
            self.save(model, epoch)

        return save


def _train(
    loop, model, history, epochs, n_train, batch_size, shuffle, seed, callbacks, stop, on_epoch, measure=None, save=None
):
    """Train up to epoch `epochs`, filling `history`; returns the state at the end of the last whole epoch."""
    callbacks = keras.callbacks.CallbackList([*callbacks, history], model=model, epochs=epochs) if callbacks else None
    stop = stop or Stop()
    state = loop.snapshot()
    if callbacks:
        model.stop_training = False
        loop.copy_to(model)
        callbacks.on_train_begin()
        loop.follow(model)
    with loop.listen_to(stop):
        for number in range(len(history.epoch), epochs):
            if callbacks:
                callbacks.on_epoch_begin(number)
                loop.follow(model)
            logs, reached = (None, None) if stop.is_set() else loop.epoch(number, n_train, batch_size, seed, shuffle)
            if logs is None:
                history.stopped, history.note = True, "Stopped before the last epoch."
                loop.restore(state)
                break
            state = reached
            measured = (
                measure(loop.model) if measure else {}
            )  # first: an interrupt must not leave an epoch without its figures
            if callbacks:
                loop.copy_to(model)
                callbacks.on_epoch_end(
                    number, logs
                )  # `history`, the last of them, takes what the others add to the logs
                loop.follow(model)
            else:
                _append(history, number, logs)
            _append_to(history.measured, measured)
            if save:
                save(number + 1)
            if not math.isfinite(logs["loss"]):
                history.stopped, history.note = True, DIVERGED
            if on_epoch:
                on_epoch(history)
            if history.stopped or (callbacks and model.stop_training):
                break
    if model is not None:
        loop.copy_to(model)
        model.optimizer.finalize_variable_values(model.trainable_weights)
    if callbacks:
        callbacks.on_train_end()
    return state


def _hand_to_fit(
    model,
    x,
    y,
    validation,
    epochs,
    batch_size,
    shuffle,
    seed,
    callbacks,
    stop,
    on_epoch,
    reason,
    measure=None,
    save=None,
):
    """The same by way of `model.fit`, for what cannot be one compiled function; `reason` says why not."""
    history = _new_history(epochs, "fit")
    history.note = f"Trained with Keras's own fit, which is slower, because {shorten(reason, 120)}"
    stop = stop or Stop()

    class Follow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if stop.is_set():
                self.model.stop_training = True

        def on_epoch_end(self, epoch, logs=None):
            if stop.is_set():
                history.stopped = self.model.stop_training = True
                return
            if "loss" not in logs:
                raise LessonError("There was nothing to train on: the dataset is empty.")
            measured = measure(self.model) if measure else {}
            _append(history, epoch, logs)
            _append_to(history.measured, measured)
            if save:
                save(epoch + 1)
            if not math.isfinite(logs["loss"]):
                history.stopped = self.model.stop_training = True
                history.note = DIVERGED
            if on_epoch:
                on_epoch(history)

    arrays = {} if y is None else {"y": y, "batch_size": batch_size, "shuffle": shuffle}
    with random_state_of_its_own(seed):
        tf.random.set_seed(seed)
        model.fit(x, **arrays, validation_data=validation, epochs=epochs, verbose=0, callbacks=[*callbacks, Follow()])
    return history


def _refuse_batch_hooks(callbacks):
    for callback in callbacks:
        per_batch = any(
            getattr(getattr(callback, hook), "__func__", None) is not getattr(keras.callbacks.Callback, hook)
            for hook in BATCH_HOOKS
        )
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            per_batch = callback.save_freq != "epoch"
        if per_batch:
            raise NotImplementedError(f"the callback {type(callback).__name__} wants to be called at every batch")


def _new_history(epochs, path="compiled"):
    history = keras.callbacks.History()
    history.on_train_begin()
    history.set_params({"epochs": epochs})
    history.path, history.note, history.stopped, history.measured = path, "", False, {}
    return history


def _first_epochs(history, epochs):
    """A copy of `history` that ends after `epochs` epochs."""
    first = _new_history(epochs, history.path)
    first.epoch = history.epoch[:epochs]
    first.history = {name: values[:epochs] for name, values in history.history.items()}
    first.measured = {name: values[:epochs] for name, values in history.measured.items()}
    if (
        len(history.epoch) < epochs
        or history.path == "fit"
        or (history.note == DIVERGED and len(history.epoch) == epochs)
    ):
        first.note = history.note
        first.stopped = history.stopped
    return first


def _is_as_long(history, seen):
    """Whether `history`, which may have been stopped, is worth keeping in place of the `seen` one (or None)."""
    return bool(history.epoch) and (seen is None or len(history.epoch) >= len(seen.epoch))


def _append(history, number, logs):
    history.epoch.append(number)
    _append_to(history.history, logs)


def _append_to(lists, numbers):
    for name, value in numbers.items():
        lists.setdefault(name, []).append(float(value))
