"""A finished run that is kept in files: the network, and what its weights answered after each epoch."""

from pathlib import Path

import numpy as np

from helpers.curves.history import best_epoch, panes
from helpers.curves.predictions import class_probabilities
from helpers.engine.builder import call_builder
from helpers.errors import LessonError, explain
from helpers.records.saved import epochs_in, load_weights


class Run:
    """A run whose weights are in `folder`, a file for each epoch.

    build, settings: what made the network. history: what fit returned. example: one picture; names: of the classes.
    advice: where there are no files. Raises `LessonError` where these do not belong together.

    `logs`: the losses, as a history's dict of arrays of shape (epochs,). `epochs`: the last one. `best`: the best, or
    None. `note`: what is to be said of files missing at the end.
    """

    def __init__(self, build, settings, folder, history, example, names, advice):
        files, loss = list(epochs_in(folder)), panes(history)[0]
        done = len(loss.train)
        last = _last_in_both(files, done, folder, getattr(history, "epoch", None), advice)
        both = {"loss": loss.train, "val_loss": loss.val}
        self.logs = {name: values[:last] for name, values in both.items() if values is not None}
        self.epochs, self.best = last, best_epoch(self.logs)
        self.note = f"The history goes on to epoch {done}, but the last file is of epoch {last}." if last < done else ""
        self._build, self.folder, self._names = build, Path(folder), names
        self._model = call_builder(build, settings, 0, example=example)
        self._ask(example)  # a network that cannot answer at all is told at once

    def answers(self, epoch, pictures):
        """What the weights of `epoch`, read from their file now, say: float, shape (pictures, classes)."""
        files = epochs_in(self.folder)
        if epoch not in files:
            raise LessonError(
                f"There is no file for epoch {epoch} in {self.folder}: was it deleted, or saved only when the network"
                " had improved (save_best_only=True)? The other epochs still work."
            )
        load_weights(self._model, files[epoch])
        return self._ask(pictures)

    def _ask(self, pictures):
        try:
            outputs = np.asarray(self._model(pictures, training=False), dtype=float)  # a third of the time of predict
        except Exception as error:
            raise explain(error, self._build, "looked at the test pictures") from error
        return class_probabilities(outputs, self._names)


def _last_in_both(files, epochs, folder, numbers, advice):
    """The last epoch that is in both, `files` and a history of `epochs` epochs, where they can belong together.

    files: the epochs that have one. numbers: those of the history, from 0, or None where it does not say. advice: if
    there are no files.
    """
    if not epochs:
        raise LessonError("There is no epoch in this history. Train first: history = model.fit(…).")
    if not files:
        raise LessonError(f"In {folder} there is no file like epoch_001.weights.h5. {advice}")
    both = [epoch for epoch in files if epoch <= epochs]
    begun_later = numbers and numbers[0] > 0 or files[0] > 1 and files[-1] > epochs
    if begun_later or not both:
        first = f", the first of them epoch {numbers[0] + 1}" if numbers else ""
        raise LessonError(
            f"The files in {folder} are for epochs {files[0]} to {files[-1]}, but this history has {epochs} epochs"
            f"{first}: they do not belong together."
            " Pass the history of the fit that wrote the files, and begin that fit at epoch 1, in an empty folder."
        )
    return both[-1]
