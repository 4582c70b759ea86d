"""The sealed test set: set apart before the first choice, opened for a reason, and every opening on record.

    clothes, test = seal(clothing(["T-shirt", "Shirt"]), folder)
    ...                                                    # train, compare, choose: with validation data only
    result = test.score(model, "the final figure for the model card")
    print(result)

It is a seal, not a lock: who wants to look can call `clothing(...)` again. It keeps one from looking without noticing.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from helpers.curves.predictions import class_labels, class_probabilities
from helpers.error_bars import interval
from helpers.errors import LessonError, shorten
from helpers.lab_book import entries, note
from helpers.records.saved import OURS, existing_folder, in_words

RECORD = "test_set_openings.md"
SAME = 1e-6  # probabilities that differ by less come from the same weights
STILL = "Nothing has been opened."
HEADING = """# Openings of the test set

| opening in its run | date and time | reason | what was opened | result |
| -: | - | - | - | - |
"""

# the test pictures' fingerprint -> what each opening in this run of the kernel gave: probabilities, or None
_openings = {}


def seal(data, folder):
    """Set the test part of `data` apart: returns `(data without it, SealedTestSet)`.

    data: a dataset of `helpers.data`. folder: an existing folder, for the record of openings, `test_set_openings.md`.
    What is returned in place of `data` is used as before in all else.

    Openings are counted for these pictures in this run of the notebook, so sealing them again does not start a new
    count. Those of earlier runs are remembered, too: from the records in the folders that `new_folder` has made beside
    this one, and from the lab book, which stays when `clean_up` has deleted them. Raises `LessonError` for data without
    a test part, or sealed already, and where there is no such folder.
    """
    if isinstance(data, SealedData):
        raise LessonError(
            "These data are sealed already. Seal what comes fresh from clothing(…):"
            " clothes, test = seal(clothing([…]), folder)"
        )
    if not all(hasattr(data, name) for name in ("x_train", "x_val", "x_test", "y_test", "class_names")):
        raise LessonError(
            "seal needs a dataset with a test part, as clothing(…) and digits() make it:"
            " clothes, test = seal(clothing(['T-shirt', 'Shirt']), folder)"
        )
    return SealedData(data), SealedTestSet(data, existing_folder(folder, "the record of openings"))


class SealedData:
    """A dataset of `helpers.data` without its test part: `x_test` and `y_test` raise a `LessonError` that says why."""

    def __init__(self, data):
        self.x, self.y, self.class_names, self.n_validation = data.x, data.y, data.class_names, data.n_validation
        self._n_test = len(data.x_test)

    x_train = property(lambda self: self.x[: -self.n_validation])
    y_train = property(lambda self: self.y[: -self.n_validation])
    x_val = property(lambda self: self.x[-self.n_validation :])
    y_val = property(lambda self: self.y[-self.n_validation :])
    x_test = property(lambda self: _refuse())
    y_test = property(lambda self: _refuse())

    def __repr__(self):
        return (
            f"Dataset: {len(self.x_train)} training, {len(self.x_val)} validation images of shape {self.x.shape[1:]}, "
            f"{self._n_test} test images under seal; classes: {', '.join(self.class_names)}"
        )


class SealedTestSet:
    """Test pictures that are handed out, or used for a figure, only for a reason that goes on record; see `seal`."""

    def __init__(self, data, folder):
        self._x, self._y, self._names = np.array(data.x_test), np.array(data.y_test), tuple(data.class_names)
        self._labels = class_labels(self._y, self._names)
        self._record = folder / RECORD
        # Of the pictures alone: neither one-hot labels nor another order of the classes makes them unseen again.
        self._fingerprint = hashlib.sha256(np.ascontiguousarray(self._x, dtype=np.float32).tobytes()).hexdigest()[:8]

    def __repr__(self):
        return f"<{len(self._x)} test pictures under seal; openings in this run of the notebook: {len(self._past())}>"

    def open(self, reason):
        """Hand out copies of the test pictures and their labels, `(x_test, y_test)`, on record, and print a stamp.

        reason: why, in words. Raises `LessonError`, and opens nothing, without a reason or where the record cannot be
        written.
        """
        self._count(_checked(reason), "handed out", None)
        return self._x.copy(), self._y.copy()

    def score(self, model, reason):
        """Measure a trained network on the test pictures, on record, and print a stamp; returns a `TestResult`.

        model: a Keras model that ends in a sigmoid (for two classes) or in a softmax. reason: why, in words.
        Raises `LessonError`, and opens nothing, without a reason, for a network that does not fit the pictures or the
        classes, and where the record cannot be written.
        """
        reason = _checked(reason)
        outputs, probabilities = self._answers(model)
        answers = probabilities.argmax(1)
        right, n = int((answers == self._labels).sum()), len(answers)
        if outputs.shape != probabilities.shape:  # from one sigmoid
            probabilities = probabilities[:, 1]
        meaning = self._meaning(probabilities)
        opening = self._count(reason, f"accuracy {right / n:.4f} ({right} of {n})", probabilities)
        figures = right / n, right, n, *interval(right, n), opening, reason
        pictures = probabilities.copy(), self._labels.copy(), answers, self._x.copy(), self._names
        return TestResult(*figures, *pictures, meaning)

    def _past(self):
        return _openings.setdefault(self._fingerprint, [])

    def _answers(self, model):
        """What the network says about the test pictures: its outputs, and as probabilities, shape (n, classes)."""
        if not callable(getattr(model, "predict", None)):
            raise LessonError(
                f"score needs a trained Keras model: test.score(model, reason); here it is a {type(model).__name__}."
                f" {STILL}"
            )
        try:
            outputs = np.asarray(model.predict(self._x, verbose=0), dtype=float)
            if len(outputs) != len(self._x):
                raise LessonError(f"The network gave {len(outputs)} answers to {len(self._x)} test pictures.")
            return outputs, class_probabilities(outputs, self._names)
        except LessonError as error:
            raise LessonError(f"{error} {STILL}") from error
        except Exception as error:
            raise LessonError(
                f"The network cannot answer the test pictures, which have shape {self._x.shape[1:]}: {shorten(error)}"
                f" {STILL}"
            ) from error

    def _count(self, reason, result, gave):
        """Put an opening on record, or else there is none, and count it; returns its number."""
        opening = len(self._past()) + 1
        what = f"{len(self._x)} test pictures of {', '.join(self._names)} ({self._fingerprint})"
        cells = [str(opening), f"{datetime.now():%Y-%m-%d %H:%M:%S}", reason, what, result]
        _append(self._record, "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
        note("opened", name=self._fingerprint, reason=reason, result=result)
        self._past().append(gave)
        print(
            f"The test pictures are open, for this reason: {reason}. (Opening {opening} in this run of the notebook;"
            f" it is on record in {RECORD}.)"
        )
        return opening

    def _earlier_lines(self):
        """How many openings of these pictures are on record from earlier runs of the notebook."""
        lines = 0
        for record in self._records():
            try:
                lines += record.read_text(encoding="utf-8", errors="replace").count(f"({self._fingerprint})")
            except OSError as error:
                raise LessonError(f"{in_words(error, record, 'read')} {STILL}") from error
        noted = sum(entry["name"] == self._fingerprint for entry in entries("opened"))
        return max(0, max(lines, noted) - len(self._past()))

    def _records(self):
        """The records of openings: the one in this folder, and those in the folders of ours beside it."""
        folder = self._record.parent.resolve()
        ours = [path for path in folder.parent.iterdir() if path == folder or (path / OURS).exists()]
        return [path / RECORD for path in ours if (path / RECORD).exists()]

    def _meaning(self, probabilities):
        """What the opening that comes now makes of its figure."""
        past, earlier = self._past(), self._earlier_lines()
        which = f"Opening {len(past) + 1}" if past else "First opening"
        this = f"{which} of the test pictures in this run of the notebook"
        spoilt = "they have become validation pictures, and this figure is likely too good."
        for number, gave in enumerate(past, 1):
            alike = gave is not None and gave.shape == probabilities.shape
            if alike and np.abs(gave - probabilities).max() < SAME:
                same = f"the network gives the answers of opening {number}"
                return f"{this}: {same}, so this is the same figure, and nothing new is learned."
        if past:
            return f"{this}: if you changed anything after seeing them or an earlier figure, {spoilt}"
        if earlier:
            openings = "1 opening" if earlier == 1 else f"{earlier} openings"
            return f"{this}, but {openings} from earlier runs on record: if a choice has seen them, {spoilt}"
        return f"{this}: no choice has seen them."


@dataclass(frozen=True, eq=False, repr=False)
class TestResult:
    """What a network is worth on the test pictures, and how often they had been opened for it; `str` says it in words.

    accuracy, low, high: shares of n, with the 95 % interval; right: how many of the n pictures.
    opening: 1, 2, …; reason: as given; meaning: what that opening makes of the figure.
    probabilities: float, shape (n,) from a sigmoid, (n, classes) from a softmax; labels, answers: int, shape (n,);
    pictures: shape (n, height, width, 1). classes: their names.
    """

    __test__ = False  # no class of tests, whatever pytest makes of its name

    accuracy: float
    right: int
    n: int
    low: float
    high: float
    opening: int
    reason: str
    probabilities: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    pictures: np.ndarray
    classes: tuple
    meaning: str = ""

    def __str__(self):
        return (
            f"Test accuracy {self.accuracy:.2f} (95 % interval {self.low:.2f} to {self.high:.2f}): {self.right} of"
            f" {self.n} pictures right. {self.meaning}"
        )

    __repr__ = __str__


def _refuse():
    raise LessonError(
        "The test pictures are sealed. Choose with the validation pictures; then, once, test.score(model, reason)"
        " measures, and test.open(reason) hands the pictures out."
    )


def _checked(reason):
    """`reason` on one line, without a full stop at its end."""
    if not isinstance(reason, str) or len(re.findall(r"[^\W\d_]+", reason)) < 2:
        raise LessonError(
            "The test pictures are opened for a reason, in words, which goes on record: for example"
            f' "the final figure for the model card". {reason!r} is none. {STILL}'
        )
    return " ".join(reason.split()).rstrip(".")


def _append(path, line):
    """Append a line to the record, on the disk when this returns; what was there before stays as it is."""
    try:
        with open(path, "a+b") as file:
            size = file.seek(0, 2)
            if size:
                file.seek(-1, 2)
            # A line cut short by a crash is left alone.
            start = HEADING if not size else "" if file.read() == b"\n" else "\n"
            file.write((start + line).encode())
    except OSError as error:
        raise LessonError(f"{in_words(error, path, 'write')} {STILL}") from error
