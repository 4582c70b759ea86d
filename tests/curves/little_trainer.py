"""A small trainer of dense networks in NumPy: thousands of runs in minutes, and no code shared with the engine.

`loss` and `val_loss` mean what they mean in Keras: the mean over the epoch's batches with dropout at work, penalties
included; and the network as in use, after the epoch.
"""

import numpy as np


class LittleTrainer:
    """Trains dense networks on `x`, `y` and judges them on `validation`, as `Trainer` does, for a `Task`.

    depth, activation ("relu" or "tanh"), optimizer ("Adam", "RMSprop", "SGD", "momentum"), penalty: of the networks.
    schedule: "constant", "cosine", or "steps" (a tenth after two thirds of the epochs).
    """

    def __init__(self, task, x, y, validation, **network):
        self.task, self.x, self.y, self.validation, self.network = task, x, y, validation, network

    def run(self, settings, epochs, batch_size=32, n_train=None, seed=0):
        """The history, a dict. settings: width, dropout, learning_rate, penalty."""
        made = Network(self.task, self.x.shape[1], np.random.default_rng(seed), **{**self.network, **settings})
        x, y = self.x[:n_train], self.y[:n_train]
        log = {}
        for epoch in range(epochs):
            with np.errstate(all="ignore"):
                figures = made.epoch(x, y, batch_size, epoch / epochs) | made.judge(*self.validation)
            for name, value in figures.items():
                log.setdefault(name, []).append(float(value))
            if not np.isfinite(figures["loss"]):
                break
        return log


class Network:
    """The weights of one network, and its optimizer's memory."""

    def __init__(
        self, task, inputs, random, depth=1, activation="relu", optimizer="Adam", schedule="constant", width=48,
        dropout=0.0, learning_rate=0.001, penalty=0.0,
    ):  # fmt: skip
        sizes = [inputs, *[width] * depth, task.classes if task.classes else 1]
        self.task, self.random, self.relu = task, random, activation == "relu"
        self.optimizer, self.schedule, self.rate = optimizer, schedule, learning_rate
        self.dropout, self.penalty = dropout, penalty
        shapes = [shape for pair in zip(sizes, sizes[1:], strict=False) for shape in (pair, pair[1:])]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        self.all_weights = np.zeros(ends[-1])  # in one piece, for the optimizer
        self.weights = [
            part.reshape(shape) for part, shape in zip(np.split(self.all_weights, ends[:-1]), shapes, strict=True)
        ]
        for each in self.weights[::2]:
            most = np.sqrt(6 / sum(each.shape))  # Glorot's uniform start
            each[:] = random.uniform(-most, most, each.shape)
        self.mean, self.square = np.zeros_like(self.all_weights), np.zeros_like(self.all_weights)
        self.updates = 0

    def epoch(self, x, y, batch_size, gone):
        """One epoch; gone: which share of the epochs has passed. Returns {name: figure}."""
        rate = self.rate
        if self.schedule == "cosine":
            rate *= (1 + np.cos(np.pi * gone)) / 2
        elif self.schedule == "steps" and gone > 2 / 3:
            rate /= 10
        order, losses, right = self.random.permutation(len(x)), 0.0, 0.0
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            answers, kept, masks = self._forward(x[rows], training=True)
            loss, hits, slope = self._loss(answers, y[rows])
            losses += (loss + self._penalty()) * len(rows)
            right += hits * len(rows)
            self._update(self._backward(slope, kept, masks), rate)
        return {"loss": losses / len(x), **({"accuracy": right / len(x)} if self.task.classes else {})}

    def judge(self, x, y):
        """{name: figure} on validation data."""
        loss, hits, _ = self._loss(self._forward(x)[0], y)
        return {"val_loss": loss + self._penalty(), **({"val_accuracy": hits} if self.task.classes else {})}

    def _penalty(self):
        return self.penalty * sum(np.sum(each**2) for each in self.weights[::2]) if self.penalty else 0.0

    def _forward(self, x, training=False):
        kept, masks = [x], []
        for place in range(0, len(self.weights), 2):
            x = x @ self.weights[place] + self.weights[place + 1]
            if place < len(self.weights) - 2:
                x = np.maximum(x, 0) if self.relu else np.tanh(x)
                kept.append(x)
                mask = 1.0
                if training and self.dropout:
                    mask = (self.random.random(x.shape) >= self.dropout) / (1 - self.dropout)
                masks.append(mask)
                x = x * mask
        return x, kept, masks

    def _loss(self, answers, y):
        """Loss, accuracy, and the slope of the loss at the answers."""
        if self.task.classes is None:
            off = answers[:, 0] - y
            return np.mean(off**2), 0.0, 2 * off[:, None] / len(y)
        answers = answers - answers.max(1, keepdims=True)
        shares = np.exp(answers)
        shares /= shares.sum(1, keepdims=True)
        rows = np.arange(len(y))
        loss = -np.mean(np.log(np.maximum(shares[rows, y], 1e-7)))  # Keras cuts there, too
        hits = np.mean(shares.argmax(1) == y)
        shares[rows, y] -= 1
        return loss if np.isfinite(answers).all() else np.nan, hits, shares / len(y)

    def _backward(self, slope, kept, masks):
        slopes = []
        for layer in reversed(range(len(kept))):
            inputs = kept[layer] * (masks[layer - 1] if layer else 1.0)
            slopes = [inputs.T @ slope + 2 * self.penalty * self.weights[2 * layer], slope.sum(0), *slopes]
            if layer:
                slope = (slope @ self.weights[2 * layer].T) * masks[layer - 1]
                slope = slope * (kept[layer] > 0 if self.relu else 1 - kept[layer] ** 2)
        return slopes

    def _update(self, slopes, rate):
        self.updates += 1
        slope, mean, square = np.concatenate([each.ravel() for each in slopes]), self.mean, self.square
        if self.optimizer == "momentum":
            mean *= 0.9
            mean += slope
            slope = mean
        elif self.optimizer == "RMSprop":
            square *= 0.9
            square += 0.1 * slope**2
            slope = slope / (np.sqrt(square) + 1e-7)
        elif self.optimizer == "Adam":
            mean *= 0.9
            mean += 0.1 * slope
            square *= 0.999
            square += 0.001 * slope**2
            size = np.sqrt(square / (1 - 0.999**self.updates)) + 1e-7
            slope = mean / ((1 - 0.9**self.updates) * size)
        self.all_weights -= rate * slope
