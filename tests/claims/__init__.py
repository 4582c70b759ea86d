"""What the tests of the lessons' claims share: the student's own code from the notebooks, trained over many seeds."""

import os
from functools import lru_cache
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from scipy import stats

from tests.browser.lab import ROOT

FIRST = int(os.environ.get("LESSON_FIRST_SEED", 0))  # pytest's --first-seed
SEEDS = range(FIRST, FIRST + int(os.environ.get("LESSON_SEEDS", 8)))  # pytest's --seeds
# With the same setting they are the control: the effect, switched off.
OTHER_SEEDS = range(SEEDS.stop, SEEDS.stop + len(SEEDS))
FIGURES = []  # what the test that runs has said: (name, {mean, lowest, highest, count})


def claim(cell, *sentences, holds="on all draws"):
    """Mark a test as the evidence for sentences of its lesson, each as it stands in the Markdown cell called `cell`.

    holds: what the words promise. "on all draws" is a plain statement, "on most draws" one with "mostly" or the like,
    "on ours" one that speaks of the lesson's own pictures only. `python -m tests.claims` finds out what is true.
    """
    return pytest.mark.claim(cell, sentences, holds)


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
        FIGURES.append((name, {"mean": float(np.mean(values)), "lowest": float(np.min(values))}))
        FIGURES[-1][1].update(highest=float(np.max(values)), count=int(np.size(values)))
        print(f"  {name}: {np.min(values):.3f} to {np.max(values):.3f} over {np.size(values)} seeds")


def at(histories, name, epoch):
    return histories[name][:, epoch - 1]


def interval(values):
    """The 95 % interval (lowest, highest) of the mean of `values`, one for each seed, by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return np.mean(values) - half, np.mean(values) + half
