"""What the tests of the lessons' claims share: the student's own code from the notebooks, trained over many seeds."""

import os
from functools import lru_cache
from types import SimpleNamespace

import nbformat
import numpy as np

from tests.browser.lab import ROOT

SEEDS = range(int(os.environ.get("LESSON_SEEDS", 8)))  # pytest's --seeds
# With the same setting they are the control: the effect, switched off.
OTHER_SEEDS = range(8, 8 + len(SEEDS))


@lru_cache
def lesson(name, *cells):
    """The names that the given cells of a notebook define when they are run."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    names = {}
    for cell in notebook.cells:
        if cell.id in cells:
            exec("".join(cell.source), names)
    return SimpleNamespace(**{key: value for key, value in names.items() if not key.startswith("__")})


def many(trainer, epochs, seeds=SEEDS, **run):
    """The histories over `seeds`, each measure as an array of shape (seeds, epochs). run: what `Trainer.run` takes, and
    settings."""
    of_training = {name: run.pop(name) for name in ("batch_size", "n_train") if name in run}
    histories = [trainer.run(run, epochs, seed=seed, **of_training) for seed in seeds]
    return {
        name: np.array([{**history.history, **history.measured}[name] for history in histories])
        for name in [*histories[0].history, *histories[0].measured]
    }


def say(**figures):
    """Print the smallest and largest of each figure over the seeds."""
    for name, values in figures.items():
        print(f"  {name}: {np.min(values):.3f} to {np.max(values):.3f} over {np.size(values)} seeds")


def at(histories, name, epoch):
    return histories[name][:, epoch - 1]
