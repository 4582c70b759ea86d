"""The fast engine's loop: trains a compiled Keras model a whole epoch at a time, and repeats itself to the bit.

`model.fit` goes back to Python for every batch. Here an epoch (shuffle, every batch, validation) is one
compiled TensorFlow function, and the weights are put back to their start instead of building a new network,
so that a new setting trains at once. What cannot be compiled that way is handed to `model.fit`.
"""

from collections import deque

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import in_fresh_thread, random_state_of_its_own
from helpers.engine.structure import (
    AdjustableDropout,
    adjustable_copy,
    dropouts_of,
    is_mean_over_examples,
    layers_of,
    structure_of,
)
from helpers.errors import LessonError

VALIDATION_BATCH = 256
STEPS_OF_FIT = {  # what `fit` calls of a model and the loop does not, and its name in a sentence
    "train_step": "a training step", "test_step": "a validation step", "fit": "a fit", "evaluate": "an evaluate",
    "compute_metrics": "a compute_metrics", "reset_metrics": "a reset_metrics",
    "make_train_function": "a make_train_function", "make_test_function": "a make_test_function",
}  # fmt: skip


class Loop:
    """The compiled epoch of one network on one set of data.

    `model` is a compiled Keras model; data: `(x, y)` or `(x, y, weights)`, each an array (or a list or dict of arrays)
    with one row per example; `validation` is the same or None. Raises what TensorFlow raises where the network cannot
    be one graph.

    A network of Keras's own parts is copied, and the copy serves every network of the same structure. A network with
    parts of the student's own (`reusable` is False), or with `copied=False`, is trained itself, with all random numbers
    from `seed`.
    """

    def __init__(self, model, data, validation=None, seed=0, copied=True):
        self._refuse_what_fit_must_do(model)
        self.reusable = copied and structure_of(model) is not None
        self.model = adjustable_copy(model) if self.reusable else model
        self._data = tuple(map(_tensors, data))
        self._validation = None if validation is None else tuple(map(_tensors, validation))
        self._stop_flag = tf.Variable(False, trainable=False)
        if not self.reusable:
            tf.random.set_seed(seed)  # a layer of the student's own may use TensorFlow's random numbers
        with random_state_of_its_own(seed):
            in_fresh_thread(self._compile)
        if self.reusable:
            self._check_copy(model)

    def _compile(self):
        before = [(variable, variable.value.numpy()) for variable in self.model.variables]
        self.prepare(self.model)
        # An average over examples comes out the same in batches of any size, so validation can take large ones.
        weighted = self._validation is not None and len(self._validation) > 2
        self._any_batch_will_do = self.reusable and not weighted and is_mean_over_examples(self.model)
        for variable, value in before:
            variable.assign(value)
        self._variables = list({id(v): v for v in self.model.variables + self.model.optimizer.variables}.values())
        self._fresh = [v.value.numpy() for v in self._variables]
        # Concrete functions: each is traced here, once, and never again.
        self._read = _compiled(lambda: [tf.identity(v) for v in self._variables])
        self._write = _compiled(self._assign, [tf.TensorSpec(v.shape, v.dtype) for v in self._variables])
        self._train_epoch = _compiled(self._epoch, tf.TensorSpec((6,), tf.int32))

    @staticmethod
    def _refuse_what_fit_must_do(model):
        if model.run_eagerly:
            raise NotImplementedError("it was compiled with run_eagerly=True")
        for name, called in STEPS_OF_FIT.items():
            if getattr(getattr(model, name), "__func__", None) is not getattr(keras.Model, name):
                raise NotImplementedError(f"it has {called} of its own")

    def prepare(self, model):
        """Metrics, optimizer and lazily built layers make their variables at first use: do that outside the graph."""
        x, y, *weights = tf.nest.map_structure(lambda a: a[:1], self._data)
        prediction = _predicted(model, x, training=False)
        model._compute_loss(x, y, prediction, *weights, training=False)
        model.compute_metrics(x, y, prediction, *weights)
        model.reset_metrics()
        if "loss" in _names_of(model.metrics[1:]):  # the first of them is the loss itself
            raise NotImplementedError("a metric of it is called loss as well")
        model.optimizer.build(model.trainable_variables)

    def _check_copy(self, model):
        self.start(model, 0)
        few = tf.nest.map_structure(lambda a: a[:4], self._data[0])
        predicted = [tf.nest.flatten(each(few, training=False)) for each in (self.model, model)]
        if not all(np.allclose(*pair, atol=1e-5, equal_nan=True) for pair in zip(*predicted, strict=True)):
            raise NotImplementedError("a copy of it does not predict what it predicts")

    def _assign(self, values):
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def start(self, model, seed):
        """Go to the start of a run: the weights, rates and learning rate of `model`, random numbers from `seed`."""
        start = dict(zip(map(id, self._variables), self._fresh, strict=True))
        if self.model is not model:
            start.update((id(mine), v.value.numpy()) for mine, v in zip(self.model.weights, model.weights, strict=True))
            if model.optimizer.built:
                pairs = zip(self.model.optimizer.variables, model.optimizer.variables, strict=True)
                start.update((id(mine), v.value.numpy()) for mine, v in pairs)
            elif _learning_rate(model) is not None:
                start[id(_learning_rate(self.model))] = _learning_rate(model).value.numpy()
            mine = [layer for layer in layers_of(self.model) if type(layer) is AdjustableDropout]
            for layer, theirs in zip(mine, dropouts_of(model), strict=True):
                layer.rate.assign(theirs.rate)
        seeded = [layer for layer in layers_of(self.model) if getattr(layer, "seed", None) is not None]
        fixed = {id(layer.seed_generator.state) for layer in seeded if hasattr(layer, "seed_generator")}
        states = [v for v in self._variables if v.path.endswith("seed_generator_state") and id(v) not in fixed]
        for number, state in enumerate(states):
            drawn = np.random.SeedSequence([seed, number]).generate_state(1)[0]
            start[id(state)] = np.array([drawn >> 1, 0], state.dtype)
        self.restore([start[id(v)] for v in self._variables])

    def anew(self, model):
        """A loop on the same data that trains `model` itself, in which something that is compiled has changed."""
        return Loop(model, self._data, self._validation, copied=False)

    @staticmethod
    def follow(pairs):
        """Take over the weights and the optimizer's state of the student's model, which a callback may have changed.

        pairs: what `pairs` has given of it.
        """
        for mine, theirs in pairs:
            mine.assign(theirs.value)

    def listen_to(self, stop):
        """Within it, `stop` ends an epoch before its next batch."""
        return stop.told_to(self._stop_flag)

    def snapshot(self):
        """The state of the network and its optimizer, random numbers included, as a list of tensors."""
        return self._read()

    def restore(self, state):
        self._write([tf.convert_to_tensor(value, v.dtype) for value, v in zip(state, self._variables, strict=True)])

    def copy_to(self, model):
        """Give the student's own `model` the weights, and the optimizer's state, that training has reached."""
        for mine, theirs in self.pairs(model):
            theirs.assign(mine.value)

    def pairs(self, model, metrics=False):
        """The variables of the copy with those of the student's `model`: weights, the optimizer's, perhaps metrics'."""
        if model is self.model:
            return []
        model.optimizer.build(model.trainable_variables)
        of_both = [[*each.weights, *each.optimizer.variables] for each in (self.model, model)]
        if metrics:
            of_both = [known + each.metrics_variables for known, each in zip(of_both, (self.model, model), strict=True)]
        return list(zip(*of_both, strict=True))

    def epoch(self, number, n_train, batch_size, seed, shuffle=True, one_batch=False):
        """Train epoch `number` (from 0) on the first `n_train` examples; returns `({metric: float}, state)`.

        one_batch: end the training part of it after its first batch.
        `(None, None)` when a `Stop` ended it half-way: the network is then between two epochs and must be restored.
        """
        batch_size = min(batch_size, 2**30)
        used = min(batch_size, n_train) if one_batch else n_train
        numbers = tf.constant([seed % 2**31, number, n_train, batch_size, bool(shuffle), used], tf.int32)
        finished, values, state = self._train_epoch(numbers)
        return (dict(zip(self._names, map(float, values.numpy()), strict=True)), state) if finished else (None, None)

    def _epoch(self, numbers):
        batch_size, rows, used = numbers[3], tf.range(numbers[2]), numbers[5]
        order = tf.cond(
            numbers[4] > 0, lambda: tf.random.experimental.stateless_shuffle(rows, numbers[:2]), lambda: rows
        )
        finished, logs = self._pass(self._data, order, used, batch_size, self._learn)
        if self._validation is not None:
            n_validation = tf.shape(tf.nest.flatten(self._validation)[0])[0]
            if self._any_batch_will_do:
                batch_size = tf.maximum(batch_size, VALIDATION_BATCH)
            with tf.control_dependencies(list(logs.values())):
                order = tf.range(n_validation)
                done, validation_logs = self._pass(self._validation, order, n_validation, batch_size, self._look)
            finished = finished & done
            logs.update({f"val_{name}": value for name, value in validation_logs.items()})
        self._names = list(logs)
        values = tf.stack([_one_number(name, value) for name, value in logs.items()])
        with tf.control_dependencies([values]):
            return finished, values, [tf.identity(v) for v in self._variables]

    def _pass(self, data, order, n, batch_size, on_batch):
        """One pass over the `n` examples in `order`; returns (whether it was not stopped, the metrics)."""
        for metric in self.model.metrics:
            metric.reset_state()

        def one_batch(start, total):
            end = tf.minimum(start + batch_size, n)
            batch = tf.nest.map_structure(lambda a: tf.gather(a, order[start:end]), data)
            # As in fit, a batch weighs by its examples: the last one may be smaller.
            return end, total + on_batch(*batch) * tf.cast(end - start, "float32")

        start, total = tf.while_loop(
            lambda start, total: (start < n) & ~self._stop_flag,
            one_batch,
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )
        with tf.control_dependencies([total]):
            logs = {
                name: tf.identity(tf.convert_to_tensor(value))
                for name, value in self.model.get_metrics_result().items()
            }
        logs["loss"] = total / tf.cast(n, "float32")
        self.model.metrics[0].update_state(logs["loss"], sample_weight=n)  # for callbacks that ask it
        return start >= n, logs

    def _learn(self, x, y, weights=None):
        model = self.model
        with tf.GradientTape() as tape:
            prediction = _predicted(self.model, x, training=True)
            loss = model._compute_loss(x, y, prediction, weights, training=True)
            scaled = model.optimizer.scale_loss(loss)
        variables = model.trainable_weights
        model.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
        model.compute_metrics(x, y, prediction, weights)
        return tf.cast(loss, "float32")

    def _look(self, x, y, weights=None):
        prediction = _predicted(self.model, x, training=False)
        loss = self.model._compute_loss(x, y, prediction, weights, training=False)
        self.model.compute_metrics(x, y, prediction, weights)
        return tf.cast(loss, "float32")


def _predicted(model, x, training):
    """As in fit: a model whose `call` does not ask for `training` is not told, and neither are its layers."""
    return model(x, training=training) if model._call_has_training_arg else model(x)


def _names_of(metrics):
    """What these metrics are called in a history."""
    results = [(metric.name, metric.result()) for metric in metrics]
    return [key for name, result in results for key in (result if isinstance(result, dict) else [name])]


def _compiled(function, *signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _one_number(name, value):
    if value.dtype == tf.string:
        raise LessonError(f"The metric {name} gives a text for each epoch, and a curve needs a number.")
    if value.shape.rank != 0:
        raise LessonError(
            f"The metric {name} gives {value.shape.num_elements()} numbers for each epoch, and a curve needs one."
            ' Choose one of them, or an average: for example keras.metrics.F1Score(average="macro").'
        )
    return tf.cast(value, "float32")


_recent = deque(maxlen=12)  # tensors of data, so that the networks of a lesson share them


def _tensors(arrays):
    """Arrays as tensors; floats of any size become those that Keras works with, as in `fit`."""

    def tensor(array):
        array = np.asarray(array)
        array = array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array
        for known in _recent:
            if known.shape == array.shape and known.dtype == array.dtype and np.array_equal(known.numpy(), array):
                return known
        _recent.append(tf.convert_to_tensor(array))
        return _recent[-1]

    return tf.nest.map_structure(tensor, arrays)


def _learning_rate(model):
    """The variable that holds the learning rate of `model`, or None where a schedule sets it."""
    return next((v for v in model.optimizer.variables if v.name == "learning_rate"), None)
