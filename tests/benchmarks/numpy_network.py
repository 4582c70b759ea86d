"""The floor: the digits network with dropout, trained by a loop in NumPy that does nothing else.

One hidden layer, ReLU, dropout, softmax, cross-entropy, Adam (Kingma and Ba, arXiv 1412.6980, with Keras's
constants); shuffled batches; loss and accuracy of training and validation for each epoch, as `fit` gives them.
"""

import numpy as np


def train(x, y, x_val, y_val, epochs, dropout, width=64, batch_size=32, seed=0):
    """Returns the history as a dict of lists. x: (n, 64), y: (n, 10) one-hot."""
    random = np.random.default_rng(seed)

    def glorot(rows, columns):
        limit = np.sqrt(6 / (rows + columns))
        return random.uniform(-limit, limit, (rows, columns)).astype("float32")

    weights = [glorot(64, width), np.zeros(width, "float32"), glorot(width, 10), np.zeros(10, "float32")]
    first = [np.zeros_like(w) for w in weights]
    second = [np.zeros_like(w) for w in weights]
    history = {name: [] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    step = 0
    for _ in range(epochs):
        order = random.permutation(len(x))
        total = right = 0.0
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            inputs, targets = x[rows], y[rows]
            kept = (random.random((len(rows), width), dtype="float32") >= dropout) / np.float32(1 - dropout)
            hidden = np.maximum(inputs @ weights[0] + weights[1], 0) * kept
            probabilities = softmax(hidden @ weights[2] + weights[3])
            total -= np.log(probabilities[targets.astype(bool)] + 1e-7).sum()
            right += (probabilities.argmax(1) == targets.argmax(1)).sum()
            error = (probabilities - targets) / np.float32(len(rows))
            back = (error @ weights[2].T) * kept * (hidden > 0)
            step += 1
            rate = np.float32(0.001 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step))
            for i, gradient in enumerate((inputs.T @ back, back.sum(0), hidden.T @ error, error.sum(0))):
                first[i] += (gradient - first[i]) * np.float32(0.1)
                second[i] += (gradient * gradient - second[i]) * np.float32(0.001)
                weights[i] -= rate * first[i] / (np.sqrt(second[i]) + np.float32(1e-7))
        history["loss"].append(total / len(x))
        history["accuracy"].append(right / len(x))
        probabilities = softmax(np.maximum(x_val @ weights[0] + weights[1], 0) @ weights[2] + weights[3])
        history["val_loss"].append(-np.log(probabilities[y_val.astype(bool)] + 1e-7).mean())
        history["val_accuracy"].append((probabilities.argmax(1) == y_val.argmax(1)).mean())
    return history


def softmax(values):
    values = np.exp(values - values.max(1, keepdims=True))
    return values / values.sum(1, keepdims=True)
