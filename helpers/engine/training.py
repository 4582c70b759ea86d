"""`fit`, which trains one model, and what it shares with the `Trainer`: a run from its first epoch to its last.

A run makes a `keras.callbacks.History` with four more attributes:

- `path`: "compiled" (one compiled function per epoch) or "fit" (handed to `model.fit`);
- `note`: a sentence for the student, or "": why the run ended early, or why it was handed to `fit`;
- `stopped`: whether it was stopped, by a `Stop` or by a loss that is not finite;
- `measured`: what a `Trainer` was asked to measure after each epoch, {name: list}, or {}.
"""

import math
from collections import namedtuple

import keras
import tensorflow as tf

from helpers.engine.builder import check_shapes, random_state_of_its_own
from helpers.engine.examples import check_examples, len_of
from helpers.engine.loop import Loop
from helpers.engine.stop import Stop, check_wanted
from helpers.errors import LessonError, shorten

DIVERGED = (
    "The loss is no longer a finite number, so training stopped here: the learning rate is most likely too large."
    " Try one ten times smaller."
)
BATCH_HOOKS = [
    f"on_{what}_{when}" for what in ("batch", "train_batch", "test", "test_batch") for when in ("begin", "end")
]

# How a network is trained. After each epoch come measure(network), save(epoch from 1) and on_epoch(history), or None.
Plan = namedtuple(
    "Plan", "epochs batch_size n_train seed shuffle stop on_epoch callbacks measure save", defaults=((), None, None)
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
    callbacks=None,
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
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
    plan = Plan(epochs, batch_size or 32, len_of(x), seed, shuffle, stop or Stop(), on_epoch, callbacks)
    history = new_history(epochs)
    try:
        _refuse_batch_hooks(callbacks)
        loop = Loop(model, x, y, validation_data)
    except LessonError:
        raise
    except Exception as reason:
        return hand_to_fit(model, x, y, validation_data, plan, reason)
    loop.start(model, seed)
    train(loop, model, history, plan)
    return history


def _refuse_batch_hooks(callbacks):
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            per_batch = callback.save_freq != "epoch"
        else:
            hooks = [(getattr(callback, hook), getattr(keras.callbacks.Callback, hook)) for hook in BATCH_HOOKS]
            per_batch = any(getattr(own, "__func__", None) is not inherited for own, inherited in hooks)
        if per_batch:
            raise NotImplementedError(f"the callback {type(callback).__name__} wants to be called at every batch")


def train(loop, model, history, plan):
    """Train up to epoch `plan.epochs`, filling `history`; returns the state at the end of the last whole epoch.

    model: the student's own, which callbacks see and which gets the trained weights; or None.
    """
    callbacks = None
    if plan.callbacks:
        callbacks = keras.callbacks.CallbackList([*plan.callbacks, history], model=model, epochs=plan.epochs)

    def note(number, logs):
        if callbacks:
            loop.copy_to(model)
            callbacks.on_epoch_end(number, logs)  # `history`, the last of them, takes what the others add to the logs
            loop.follow(model)
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
        loop.follow(model)
    state = loop.snapshot()
    with loop.listen_to(plan.stop):
        for number in range(len(history.epoch), plan.epochs):
            if callbacks and history.epoch:
                callbacks.on_epoch_begin(number)
                loop.follow(model)
            logs = None
            if not plan.stop.is_set():
                logs, reached = loop.epoch(number, plan.n_train, plan.batch_size, plan.seed, plan.shuffle)
            if logs is None:
                history.stopped, history.note = True, "Stopped before the last epoch."
                loop.restore(state)
                break
            state = reached
            _after_epoch(plan, history, number, logs, loop.model, note)
            if history.stopped or (callbacks and model.stop_training):
                break
    if model is not None:
        loop.copy_to(model)
        model.optimizer.finalize_variable_values(model.trainable_weights)
    if callbacks:
        callbacks.on_train_end()
    return state


def _what_is_compiled(model):
    """What of a model the compiled loop has fixed, and a callback may change before the first epoch."""
    optimizer = {name: value for name, value in model.optimizer.get_config().items() if name != "learning_rate"}
    return optimizer, [variable.trainable for variable in model.variables]


def hand_to_fit(model, x, y, validation, plan, reason):
    """The same by way of `model.fit`, for what cannot be one compiled function; `reason` says why not."""
    history = new_history(plan.epochs, "fit")
    history.note = f"Trained with Keras's own fit, which is slower, because {shorten(reason, 120)}"

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

    arrays = {} if y is None else {"y": y, "batch_size": plan.batch_size, "shuffle": plan.shuffle}
    callbacks = [*plan.callbacks, Follow()]
    with random_state_of_its_own(plan.seed):
        tf.random.set_seed(plan.seed)
        model.fit(x, **arrays, validation_data=validation, epochs=plan.epochs, verbose=0, callbacks=callbacks)
    return history


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
    return history


def first_epochs(history, epochs):
    """A copy of `history` that ends after `epochs` epochs."""
    first, length = new_history(epochs, history.path), len(history.epoch)
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
