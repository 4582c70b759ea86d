"""`fit`, which trains one model, and what it shares with the `Trainer`: a run from its first epoch to its last.

A run makes a `keras.callbacks.History` with five more attributes:

- `path`: "compiled" (one compiled function per epoch) or "fit" (handed to `model.fit`);
- `note`: a sentence for the student, or "": why the run ended early, or why it was handed to `fit`;
- `remarks`: sentences about what is legal but strange in the network or its data (`helpers.engine.check`), which
  `fit` adds to the note;
- `stopped`: whether it was stopped, by a `Stop` or by a loss that is not finite;
- `measured`: what a `Trainer` was asked to measure after each epoch, {name: list}, or {}.
"""

import contextlib
import functools
import math
from collections import namedtuple
from types import FunctionType

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import random_state_of_its_own
from helpers.engine.check import check
from helpers.engine.examples import as_arrays, check_examples, is_dataset, len_of, weights_of
from helpers.engine.loop import Loop
from helpers.engine.slips import is_text
from helpers.engine.stop import Stop, check_wanted
from helpers.errors import LessonError, reason_of, shorten

DIVERGED = (
    "The loss is no longer a finite number, so training stopped here: the learning rate is most likely too large."
    " Try one ten times smaller."
)
BATCH_HOOKS = [f"on_{what}_{when}" for what in ("batch", "train_batch", "test_batch") for when in ("begin", "end")]
SETTING = (bool, int, float, str, FunctionType, type(None))  # what a layer has of these is fixed when it is compiled
OF_ANY_MODEL = set(vars(keras.Model()))  # what Keras itself notes down while it trains

# How a network is trained. After each epoch come measure(network), save(epoch from 1) and on_epoch(history), or None.
Plan = namedtuple(
    "Plan", "epochs batch_size n_train seed shuffle stop on_epoch callbacks measure save", defaults=((), None, None)
)


def _with_reasons(trains):
    """`trains`, but what TensorFlow says of its graph comes in words."""

    @functools.wraps(trains)
    def told(*places, **named):
        try:
            return trains(*places, **named)
        except tf.errors.OpError as error:
            raise LessonError(f"The network could not be trained: {reason_of(error)}") from error

    return told


@_with_reasons
def fit(
    model,
    x,
    y=None,
    validation_data=None,
    epochs=1,
    batch_size=32,
    shuffle=True,
    seed=0,
    callbacks=None,
    stop=None,
    on_epoch=None,
    sample_weight=None,
    class_weight=None,
):
    """Train a compiled Keras model as `model.fit` does, but fast; its weights are the trained ones afterwards.

    x, y: arrays with one row per example, or x a dataset that brings its targets; validation_data: `(x, y)`,
    `(x, y, sample_weight)`, a dataset or None. sample_weight, of shape (n,), or class_weight, {class: weight}: how much
    each example counts in the loss. The order of the examples and the random layers draw from `seed`.
    `on_epoch(history)` is called after each epoch; `stop`: a `Stop`.
    Raises `LessonError` for what cannot be trained (`helpers.engine.check`); whatever `model.fit` would raise
    otherwise.
    """
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
    plan = Plan(epochs, batch_size or 32, None, seed, shuffle, stop or Stop(), on_epoch, callbacks)
    if not model.compiled:
        raise LessonError("The network is not compiled. Call model.compile(optimizer=…, loss=…, metrics=[…]) before.")
    data, validation = (x,), validation_data
    if not is_dataset(x):
        data, validation = _as_examples(x, y, validation, sample_weight, class_weight)
        _build(model, data[0])
    remarks = check(model, *(*data, None)[:2], validation, callbacks=callbacks)
    try:
        refuse_data(data, validation)
        _refuse_batch_hooks(callbacks)
        loop = Loop(model, data, validation)
    except LessonError:
        raise
    except Exception as reason:
        history = hand_to_fit(model, data, validation, plan, reason, class_weight if is_dataset(x) else None)
        return _told(history, remarks, model)
    history, plan = new_history(epochs), plan._replace(n_train=len_of(data[0]))
    loop.start(model, seed)
    train(loop, model, history, plan)
    return _told(history, remarks, model)


def _build(model, x):
    """Let a network that waits for data make its weights, from the random numbers that they would have in `fit`."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    with contextlib.suppress(Exception):  # whatever is wrong with it: training will tell
        # Symbols, as in `fit`: a call with numbers would change what a layer remembers.
        model(tf.nest.map_structure(lambda a: keras.KerasTensor((None, *(a.shape[1:] or (1,))), _dtype(a)), x))


def _dtype(array):
    kinds = {"f": keras.config.floatx(), "O": "string"}
    return kinds.get(array.dtype.kind, array.dtype.name)


def _told(history, remarks, model):
    """`history`, with what is to be said of it all in its note; as after Keras's own fit, `model` has it, too."""
    history.remarks, model.history = remarks, history
    if model._compile_loss is not None:
        model._compile_loss.has_trained = True  # until compile makes another: see `wrong_network`
    history.note = " ".join(filter(None, [history.note, *remarks]))
    return history


def _as_examples(x, y, validation, sample_weight, class_weight):
    """`((x, y), validation)` as arrays, each with its weights as a third part where there are any; checked."""
    x, y = as_arrays(x), None if y is None else as_arrays(y)
    if isinstance(validation, (tuple, list)):
        validation = tuple(map(as_arrays, validation))
    check_examples(x, y, validation)
    weights = weights_of(y, sample_weight, class_weight)
    check_examples(x, y, None, weights)
    return (x, y) if weights is None else (x, y, weights), validation


def refuse_data(data, validation):
    """Raise where only `fit` can read the data. data: `(x, y)` or `(x, y, weights)`, or `(dataset,)`."""
    if isinstance(data[0], tf.data.Dataset) or isinstance(validation, tf.data.Dataset):
        raise NotImplementedError("its data come as a tf.data.Dataset")
    if is_dataset(data[0]) or is_dataset(validation):
        raise NotImplementedError("its data come in batches of their own")
    if data[1] is None:
        raise NotImplementedError("it is trained without targets")
    if any(is_text(array) for array in tf.nest.flatten(data[0])):
        raise NotImplementedError("its data are texts")


def _refuse_batch_hooks(callbacks):
    for callback in callbacks:
        if not getattr(callback, "needs_batches", True):
            continue
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            per_batch = callback.save_freq != "epoch"
        else:
            per_batch = any(_has_own(callback, hook) for hook in BATCH_HOOKS)
        name = type(callback).__name__
        if not per_batch and any(_has_own(callback, hook) for hook in ("on_test_begin", "on_test_end")):
            raise NotImplementedError(f"the callback {name} wants to be called at each validation")
        if per_batch:
            raise NotImplementedError(f"the callback {name} wants to be called at every batch")


def _has_own(callback, hook):
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(keras.callbacks.Callback, hook)


def train(loop, model, history, plan):
    """Train up to epoch `plan.epochs`, filling `history`; returns the state at the end of the last whole epoch.

    model: the student's own, which callbacks see and which gets the trained weights; or None.
    """
    callbacks, logs = None, None
    if plan.callbacks:
        steps = math.ceil(plan.n_train / plan.batch_size)
        told = {"epochs": plan.epochs, "steps": steps, "verbose": 0, "stop": plan.stop}  # as `params` of each
        callbacks = keras.callbacks.CallbackList([*plan.callbacks, history], model=model, **told)

    def note(number, logs):
        if callbacks:
            for mine, theirs in pairs:
                theirs.assign(mine.value)
            callbacks.on_epoch_end(number, logs)  # `history`, the last of them, takes what the others add to the logs
            loop.follow(pairs)
        else:
            _append(history, number, logs)

    if callbacks:
        model.stop_training = False
        loop.prepare(model)  # callbacks look at its metrics
        loop.copy_to(model)
        compiled = _what_is_compiled(model)
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(len(history.epoch))
        if _what_is_compiled(model) != compiled:
            loop = loop.anew(model)
            loop.start(model, plan.seed)
        # Now: an optimizer that a callback changes later has other variables, and training goes on with these.
        pairs = loop.pairs(model, metrics=True)
        loop.follow(pairs)
    state = loop.snapshot()
    with loop.listen_to(plan.stop):
        for number in range(len(history.epoch), plan.epochs):
            if callbacks and history.epoch:
                callbacks.on_epoch_begin(number)
                loop.follow(pairs)
            numbers = None
            if not plan.stop.is_set():
                ends = bool(callbacks) and model.stop_training  # at once: `fit` looks at it after each batch
                numbers, reached = loop.epoch(number, plan.n_train, plan.batch_size, plan.seed, plan.shuffle, ends)
            if numbers is None:
                history.stopped, history.note = True, "Stopped before the last epoch."
                loop.restore(state)
                break
            state, logs = reached, numbers
            _after_epoch(plan, history, number, logs, loop.model, note)
            if history.stopped or (callbacks and model.stop_training):
                break
    if model is not None:
        for mine, theirs in pairs if callbacks else loop.pairs(model):
            theirs.assign(mine.value)
        if history.epoch:  # before that, averages of the weights are nothing yet
            model.optimizer.finalize_variable_values(model.trainable_weights)
    if callbacks:
        callbacks.on_train_end(logs)
    return state


def _what_is_compiled(model):
    """What of a model the compiled loop has fixed, and a callback may change before the first epoch."""
    optimizer = model.optimizer.get_config()
    if isinstance(optimizer.get("learning_rate"), float):  # in a variable, unlike a schedule
        del optimizer["learning_rate"]
    settings = [
        {name: value for name, value in vars(layer).items() if isinstance(value, SETTING) and name not in OF_ANY_MODEL}
        for layer in model._flatten_layers()
    ]
    return optimizer, [variable.trainable for variable in model.variables], settings


def hand_to_fit(model, data, validation, plan, reason, class_weight=None):
    """The same by way of `model.fit`, for what cannot be one compiled function; `reason` says why not.

    data: as in `refuse_data`.
    """
    history = new_history(plan.epochs, "fit")
    history.note = f"Trained with Keras's own fit, which is slower, because {shorten(reason, 120).rstrip('.')}."

    class Follow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if plan.stop.is_set():
                self.model.stop_training = True

        def on_epoch_end(self, epoch, logs=None):
            if plan.stop.is_set():
                history.stopped = True
            elif "loss" not in logs:
                raise LessonError("There was nothing to train on: the dataset is empty.")
            else:
                _after_epoch(plan, history, epoch, logs, self.model, lambda *noted: _append(history, *noted))
            if history.stopped:
                self.model.stop_training = True

    data, validation = (
        part if part is None or is_dataset(part) else tf.nest.map_structure(_texts_as_tensors, part)
        for part in (data, validation)
    )
    told = dict(zip(("x", "y", "sample_weight"), data, strict=False))
    if not isinstance(data[0], tf.data.Dataset):  # its order is its own
        told["shuffle"] = plan.shuffle
    if not is_dataset(data[0]):
        told["batch_size"] = plan.batch_size
    callbacks = [*plan.callbacks, Follow()]
    with random_state_of_its_own(plan.seed):
        tf.random.set_seed(plan.seed)
        model.fit(
            **told,
            validation_data=validation,
            epochs=plan.epochs,
            verbose=0,
            callbacks=callbacks,
            class_weight=class_weight,
        )
    return history


def _texts_as_tensors(values):
    """`values`, unless they are texts: of these, `fit` takes some kinds of arrays only, but all tensors."""
    return tf.constant(values) if isinstance(values, np.ndarray) and is_text(values) else values


def _after_epoch(plan, history, number, logs, network, note):
    """Take epoch `number` (from 0) into the history by `note(number, logs)`, and tell of it what the plan asks for."""
    # First: an interrupt must not leave an epoch without its figures.
    check_wanted()
    measured = plan.measure(network) if plan.measure else {}
    check_wanted()
    note(number, logs)
    _append_to(history.measured, measured)
    if plan.save:
        plan.save(number + 1)
    if not math.isfinite(logs["loss"]):
        history.stopped, history.note = True, DIVERGED
    if plan.on_epoch:
        check_wanted()
        plan.on_epoch(history)


def new_history(epochs, path="compiled"):
    """A `History` without an epoch."""
    history = keras.callbacks.History()
    history.on_train_begin()
    history.set_params({"epochs": epochs})
    history.path, history.note, history.stopped, history.measured = path, "", False, {}
    history.remarks = []
    return history


def first_epochs(history, epochs):
    """A copy of `history` that ends after `epochs` epochs."""
    first, length = new_history(epochs, history.path), len(history.epoch)
    first.remarks = history.remarks
    first.epoch = history.epoch[:epochs]
    first.history = {name: values[:epochs] for name, values in history.history.items()}
    first.measured = {name: values[:epochs] for name, values in history.measured.items()}
    if length < epochs or history.path == "fit" or (history.note == DIVERGED and length == epochs):
        first.note, first.stopped = history.note, history.stopped
    return first


def _append(history, number, logs):
    history.epoch.append(number)
    _append_to(history.history, logs)


def _append_to(lists, numbers):
    for name, value in numbers.items():
        lists.setdefault(name, []).append(float(value))
