"""The two data sets of the lessons: `digits()` and `clothing()`. Nothing is downloaded."""

import difflib
import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

CLOTHING_FILE = Path(__file__).resolve().parent.parent / "data" / "clothing.npz"
CLOTHING_CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
CLOTHING_CLASSES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


class DataError(ValueError):
    """A data set cannot be made as asked; the message says what to try."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels in three parts: training, validation and test.

    The pool, `x` and `y`, has the training images first and the validation images last, where Keras's
    `validation_split` looks for them. So with the default sizes (with others, use the second) these two are the same:

        model.fit(data.x, data.y, validation_split=0.2)
        model.fit(data.x_train, data.y_train, validation_data=(data.x_val, data.y_val))

    x, x_test: float32, 0 to 1, shape (images, ...).
    y, y_test: int64 labels, shape (images,), or one-hot float32, shape (images, classes).
    class_names: tuple of str; label i or column i stands for class_names[i].
    n_validation: int, the number of validation images at the end of the pool.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple
    n_validation: int

    x_train = property(lambda self: self.x[: -self.n_validation])
    y_train = property(lambda self: self.y[: -self.n_validation])
    x_val = property(lambda self: self.x[-self.n_validation :])
    y_val = property(lambda self: self.y[-self.n_validation :])

    def __repr__(self):
        return (
            f"Dataset: {len(self.x_train)} training, {len(self.x_val)} validation, {len(self.x_test)} test images of"
            f" shape {self.x.shape[1:]}; classes: {', '.join(self.class_names)}"
        )


def digits(one_hot=False, seed=0):
    """Handwritten digits: 8 by 8 pixels, each image flattened to a row of 64.

    Of the 1797 images, 1149 are for training, 288 for validation and 360 for testing. The seed shuffles them; each part
    has the same mixture of digits.

    Returns a Dataset: x (1437, 64) and x_test (360, 64), float32, 0 (paper) to 1 (ink); y (1437,) and y_test (360,),
    int64 labels 0 to 9, or with one_hot=True float32, shapes (1437, 10) and (360, 10).

    Raises DataError if the seed is not a whole number, 0 or more.

    Source: scikit-learn's `load_digits`, the test set of "Optical Recognition of Handwritten Digits" (Alpaydin and
    Kaynak, UCI repository, CC BY 4.0).
    """
    seed = _whole_number("digits(seed)", seed, 0)
    source = load_digits()
    x = (source.data / 16).astype(np.float32)  # the file counts ink from 0 to 16
    y = source.target.astype(np.int64)

    pool, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=seed)
    n_train = int(len(pool) * (1 - 0.2))  # rounded as in model.fit(validation_split=0.2)
    train, val = train_test_split(pool, train_size=n_train, stratify=y[pool], random_state=seed)
    pool = np.concatenate([train, val])
    y = _encoded(y, 10, one_hot)
    return Dataset(x[pool], y[pool], x[test], y[test], tuple("0123456789"), len(val))


def clothing(classes=None, n_train=None, n_validation=None, one_hot=False, seed=0):
    """Pieces of clothing: 28 by 28 grey pixels, part of Fashion-MNIST.

    Each class has 500 images in the pool and 170 for testing. The seed shuffles the pool with the classes taking turns,
    so every part is balanced. Training takes n_train images from its start, validation n_validation from its end (None:
    80 % and 20 %). So a larger n_train adds to the same training set and leaves the validation set as it was.

    classes: None for all ten, or a list of two or more names ("Bag", "t-shirt") or Fashion-MNIST labels (0 to 9). The
    first gets the new label 0, the next one 1, and so on.

    Returns a Dataset of k classes: x (n_train + n_validation, 28, 28, 1) and x_test (170 k, 28, 28, 1; the same for
    every seed), float32, 0 (background) to 1; y and y_test, int64 labels 0 to k-1, shape (images,), or with
    one_hot=True float32, shape (images, k).

    Raises DataError if the file is missing or damaged, a class is unknown or there twice, there are fewer than two
    classes or too few images, or n_train, n_validation (1 or more) or the seed (0 or more) is not a whole number.

    Source: Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747; MIT licence, copyright 2017 Zalando SE; see
    data/README.md.
    """
    chosen = _chosen_labels(classes)
    seed = _whole_number("clothing(seed)", seed, 0)
    x_pool, y_pool, x_test, y_test = _read_clothing(CLOTHING_FILE)
    order = _balanced_order(y_pool, chosen, seed)
    most = int(len(order) * (1 - 0.2))  # rounded as in model.fit(validation_split=0.2)
    rest = len(order) - most
    n_train = _whole_number("clothing(n_train)", most if n_train is None else n_train, 1)
    n_validation = _whole_number("clothing(n_validation)", rest if n_validation is None else n_validation, 1)
    if n_train + n_validation > len(order):
        raise DataError(
            f"clothing(n_train, n_validation): {n_train} + {n_validation} images are more than the {len(order)} there"
            f" are in these {len(chosen)} classes. Try n_train={most} and n_validation={rest}, or fewer."
        )
    pool = np.concatenate([order[:n_train], order[-n_validation:]])
    test = np.isin(y_test, chosen)
    new_label = np.zeros(10, dtype=np.int64)
    new_label[chosen] = np.arange(len(chosen))
    y_pool = _encoded(new_label[y_pool], len(chosen), one_hot)
    y_test = _encoded(new_label[y_test], len(chosen), one_hot)
    names = tuple(CLOTHING_CLASSES[label] for label in chosen)
    return Dataset(_scaled(x_pool[pool]), y_pool[pool], _scaled(x_test[test]), y_test[test], names, n_validation)


def _scaled(images):
    return images[..., np.newaxis].astype(np.float32) / 255


def _encoded(labels, n_classes, one_hot):
    return np.eye(n_classes, dtype=np.float32)[labels] if one_hot else labels


def _balanced_order(y, chosen, seed):
    # RandomState, because NumPy promises that its numbers stay the same in later versions.
    random = np.random.RandomState(seed)
    columns = [random.permutation(np.flatnonzero(y == label)) for label in chosen]
    return np.concatenate([random.permutation(one_of_each) for one_of_each in zip(*columns, strict=True)])


def _whole_number(where, value, lowest):
    # True and False are whole numbers to Python, but here they can only be a slip.
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or not lowest <= value < 2**32:  # larger seeds are refused by NumPy
        raise DataError(f"{where}: {value!r} is not a whole number from {lowest} to {2**32 - 1}. Try 100, say.")
    return int(value)


def _chosen_labels(classes):
    if classes is None:
        return list(range(10))
    # A set is refused as well: it has no order, so the labels could differ from run to run.
    if not isinstance(classes, (list, tuple, range)) or len(classes) < 2:
        raise DataError(
            f"clothing(classes): {classes!r} is not a list of two or more classes. "
            "Try classes=['Dress', 'Bag'], say, in the order you want."
        )
    labels = [_label_of(name) for name in classes]
    for label in labels:
        if labels.count(label) > 1:
            raise DataError(
                f"clothing(classes): {CLOTHING_CLASSES[label]!r} is in the list more than once. List every class once."
            )
    return labels


def _label_of(name):
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool) and 0 <= name <= 9:
        return int(name)
    labels = {full.casefold(): label for label, full in enumerate(CLOTHING_CLASSES)}
    labels.update({"t-shirt": 0, "tshirt": 0})
    key = name.strip().casefold() if isinstance(name, str) else ""
    if key in labels:
        return labels[key]
    nearest = difflib.get_close_matches(key, labels, n=1)
    hint = f"Did you mean {CLOTHING_CLASSES[labels[nearest[0]]]!r}? " if nearest else ""
    names = ", ".join(f"{label} {full}" for label, full in enumerate(CLOTHING_CLASSES))
    raise DataError(f"clothing(classes): there is no class {name!r}. {hint}Choose from: {names}.")


@lru_cache
def _read_clothing(path):
    git = "run `git checkout -- data/clothing.npz data/clothing.sha256` in the project's folder"
    restore = f"To restore it, {git}, or download the project again."
    try:
        content = path.read_bytes()
        checksums = path.with_suffix(".sha256").read_bytes().split()
    except OSError as problem:
        raise DataError(f"{problem.filename} is missing or unreadable. {restore}") from None
    if hashlib.sha256(content).hexdigest().encode() not in checksums:
        raise DataError(
            f"{path} is damaged: its contents do not match the checksum "
            f"beside it, so it was cut short or altered. {restore}"
        )
    arrays = np.load(io.BytesIO(content))
    return tuple(arrays[name] for name in ("x_pool", "y_pool", "x_test", "y_test"))
