"""The model card: what a finished network is for, how it was chosen and trained, what it is worth, and where it fails.

    card = model_card(folder, build, best, clothes, histories, model, result, purpose="sorting second-hand clothes")
    print(card.text)

The idea and the headings: Mitchell and others (2019), "Model Cards for Model Reporting", arXiv:1810.03993.
"""

import contextlib
import os
import uuid

import keras
import numpy as np

from helpers.curves.history import CurveError, panes
from helpers.curves.predictions import class_probabilities, confusion_counts
from helpers.errors import LessonError
from helpers.records import card_picture, card_text
from helpers.records.saved import existing_folder, in_words
from helpers.records.sealed import TestResult

SAME = 1e-4  # probabilities that differ by less are the same network's


class ModelCard:
    """What `model_card` has written: `path` (the Markdown) and `picture` (the PNG), both `Path`s.

    `text` is that of the Markdown. As the last line of a cell, it shows the picture. `alt` is its alt text.
    """

    def __init__(self, path, picture, text, shown):
        self.path, self.picture, self.text, self.alt, self._shown = path, picture, text, shown.alt, shown

    def __repr__(self):
        return f"{self._shown.before} {self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self._shown._repr_mimebundle_(include, exclude)


def model_card(folder, build, settings, data, histories, model, result, purpose=""):
    """Write `model_card.md` and `model_card.png` into `folder`, all or nothing, and return a `ModelCard`.

    folder: an existing one, as `new_folder` makes it. build: the function that makes the network, and settings, a dict,
    the ones that were chosen for it. data: the dataset, with its test part or without. histories: {seed: what fit
    returned} of the chosen settings, with validation. model: the final trained network. result: what
    `SealedTestSet.score` said of it. purpose: what the network is for, in your words.

    Raises `LessonError` where these do not belong together (a result of other classes or of another network), where
    there is no history, and where the files cannot be written; files that were there before are unharmed then.
    """
    folder = existing_folder(folder, "the model card")
    if not isinstance(settings, dict):
        raise LessonError(
            "model_card(…, settings, …): the settings should be a dictionary, such as {'learning_rate': 0.001}, not a"
            f" {type(settings).__name__}."
        )
    runs = _checked_runs(histories)
    probabilities = _checked_result(result, data, model)
    mistakes = _most_confident(result, probabilities)
    counts = confusion_counts(result.labels, result.answers, len(result.classes))
    text = card_text.written(build, settings, data, runs, model, result, counts, mistakes, purpose)
    shown = card_picture.drawn(runs, counts, mistakes, result, settings)
    path, picture = folder / "model_card.md", folder / "model_card.png"
    _write({path: text.encode(), picture: shown.png})
    return ModelCard(path, picture, text, shown)


def _checked_runs(histories):
    """{seed: (history, loss Pane, accuracy Pane or None)}"""
    if not isinstance(histories, dict) or not histories:
        raise LessonError(
            "A model card shows the runs of the chosen settings, one for each seed: histories={0: history, 1: …}."
            " Here there are none. Of a sweep's best row they are in: row.histories"
        )
    runs = {}
    for seed, history in histories.items():
        try:
            drawn = panes(history)
        except CurveError as error:
            raise LessonError(f"The run of seed {seed} cannot be read: {error}") from error
        if drawn[0].val is None or not len(drawn[0].val):
            raise LessonError(
                f"The run of seed {seed} has no validation loss, by which the settings were chosen. Train it with"
                " validation data."
            )
        accuracies = [pane for pane in drawn[1:] if "acc" in pane.name and pane.val is not None]
        runs[seed] = history, drawn[0], accuracies[0] if accuracies else None
    return runs


def _checked_result(result, data, model):
    """The probabilities of the result, shape (n, classes), if result, data and network belong together."""
    if not isinstance(result, TestResult):
        raise LessonError(
            'The result should be what the sealed test set said of the network: result = test.score(model, "the final'
            f' figure"); here it is a {type(result).__name__}.'
        )
    if tuple(result.classes) != tuple(data.class_names):
        raise LessonError(
            f"The result is about {', '.join(result.classes)}, but these data about {', '.join(data.class_names)}."
            " Seal, train and score with one and the same data set."
        )
    if np.shape(result.pictures)[1:] != data.x.shape[1:] or np.ndim(result.pictures) not in (3, 4):
        raise LessonError(
            "A model card shows grey pictures (height, width, 1) like those of the data; the result has the shape"
            f" {np.shape(result.pictures)[1:]}, the data {data.x.shape[1:]}."
        )
    try:
        n = len(data.x_test)
    except LessonError:  # under seal
        n = result.n
    if n != result.n:
        raise LessonError(
            f"The result is about {result.n} test pictures, but these data have {n}. Was it measured with another data"
            " set?"
        )
    if not isinstance(model, keras.Model) or not model.built:
        raise LessonError("model should be the final trained network, the one that was scored.")
    probabilities = class_probabilities(result.probabilities, result.classes)
    try:
        now = class_probabilities(model.predict(result.pictures, verbose=0), result.classes)
    except Exception as error:
        raise LessonError(
            "This network cannot answer the pictures of the test result, so it is not the one that was scored. Hand"
            " over that one."
        ) from error
    if np.abs(now - probabilities).max() > SAME:
        raise LessonError(
            "This network answers the test pictures otherwise than the one that was scored: it is another one, or has"
            " been trained on since. A card must not give one network the figures of another. Hand over the network"
            " that was scored."
        )
    return probabilities


def _most_confident(result, probabilities):
    """The wrong answers, the most confident first: triples (number of the picture, answer, probability)."""
    wrong = np.flatnonzero(result.answers != result.labels)
    sure = probabilities[wrong, result.answers[wrong]]
    order = np.argsort(-sure, kind="stable")
    answers = result.answers[wrong]
    return list(zip(wrong[order].tolist(), answers[order].tolist(), sure[order].tolist(), strict=True))


def _write(contents):
    """Write files, {path: bytes}: first all beside their places, then each into its place in one step."""
    blocked = next((path for path in contents if path.is_dir()), None)
    if blocked:
        raise LessonError(f"Could not write {blocked}: there is a folder of that name in its place. Rename it.")
    parts = {path: path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}") for path in contents}
    path = None
    try:
        for path, content in contents.items():
            parts[path].write_bytes(content)
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        raise in_words(error, path, "write") from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):  # what kept it from being written may keep it from being deleted, too
                part.unlink(missing_ok=True)
