"""The data sets: what they contain, how they are split, and what their errors say."""

import gzip
import hashlib
import runpy
import shutil
import socket
import zlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from helpers import data

FOLDER = Path(__file__).resolve().parent.parent / "data"
FILE = FOLDER / "clothing.npz"
LIST = "Choose from: 0 T-shirt/top, 1 Trouser, 2 Pullover, 3 Dress, 4 Coat, 5 Sandal, 6 Shirt, "
SCRIPT = runpy.run_path(FOLDER / "make_clothing.py")
BOTH = pytest.mark.parametrize("load", [data.digits, data.clothing])


def as_bytes(images):
    return [image.tobytes() for image in images]


def class_of_each_image():
    """The class names in the original files, by the bytes of the image."""
    source = load_digits()
    classes = dict(zip(as_bytes((source.data / 16).astype(np.float32)), map(str, source.target), strict=True))
    with np.load(FILE) as file:
        for part in ("pool", "test"):
            names = [data.CLOTHING_CLASSES[label] for label in file[f"y_{part}"]]
            classes.update(zip(as_bytes(file[f"x_{part}"] / np.float32(255)), names, strict=True))
    return classes


@pytest.mark.parametrize(
    "load, expected",
    [
        (
            data.digits,
            "1149 training, 288 validation, 360 test images of shape (64,); classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
        (
            data.clothing,
            "4000 training, 1000 validation, 1700 test images of shape (28, 28, 1); "
            f"classes: {', '.join(data.CLOTHING_CLASSES)}",
        ),
        (
            lambda: data.clothing([np.int64(8), "tshirt", " COAT"], 50, np.uint8(250)),
            "50 training, 250 validation, 510 test images of shape (28, 28, 1); classes: Bag, T-shirt/top, Coat",
        ),
    ],
)
def test_images_keep_their_class_and_are_in_one_part_only(load, expected):
    loaded, class_of = load(), class_of_each_image()
    assert repr(loaded) == f"Dataset: {expected}"
    images = as_bytes(loaded.x) + as_bytes(loaded.x_test)
    labels = [loaded.class_names[label] for label in [*loaded.y, *loaded.y_test]]
    assert [class_of[image] for image in images] == labels
    assert len(set(images)) == len(images)


@BOTH
def test_types_ranges_and_one_hot(load):
    plain, one_hot = load(), load(one_hot=True)
    np.testing.assert_array_equal(one_hot.x, plain.x)
    for images, labels, columns in ((plain.x, plain.y, one_hot.y), (plain.x_test, plain.y_test, one_hot.y_test)):
        assert images.dtype == np.float32 and images.min() == 0 and images.max() == 1
        assert labels.dtype == np.int64 and columns.dtype == np.float32
        np.testing.assert_array_equal(columns, labels[:, np.newaxis] == np.arange(10))


def test_parts_are_what_keras_would_take():
    keras = pytest.importorskip("keras.src.trainers.data_adapters.array_slicing")
    for loaded in [data.digits()] + [data.clothing(range(k)) for k in range(2, 11)]:
        train, val = keras.train_validation_split((loaded.x, loaded.y), 0.2)
        np.testing.assert_equal((loaded.x_train, loaded.y_train), train)
        np.testing.assert_equal((loaded.x_val, loaded.y_val), val)


@BOTH
def test_the_seed_decides_the_split(load):
    first, again, other = load(seed=3), load(seed=3), load(seed=4)
    np.testing.assert_equal(vars(first), vars(again))
    assert set(as_bytes(first.x_train)) != set(as_bytes(other.x_train))
    assert np.array_equal(first.x_test, other.x_test) == (load is data.clothing)
    for wrong in (-1, 1.0, "0", None, True, 2**32):
        with pytest.raises(data.DataError, match="seed.*whole number from 0 to 4294967295"):
            load(seed=wrong)


@pytest.mark.parametrize("seed", range(3))
def test_digits_are_stratified(seed):
    digits = data.digits(seed=seed)
    share = np.bincount(load_digits().target) / 1797
    for labels in (digits.y_train, digits.y_val, digits.y_test):
        assert np.abs(np.bincount(labels) - share * len(labels)).max() < 1.5
    assert np.bincount(digits.y_train[:200], minlength=10).min() >= 5  # shuffled, not sorted


@pytest.mark.parametrize("classes", [None, ["Bag", "T-Shirt"], [5, 0, 7]])
def test_clothing_is_balanced_from_the_start(classes):
    clothing = data.clothing(classes, seed=1)
    k = len(clothing.class_names)
    for n in [*range(1, 250), len(clothing.y_val)]:
        for some in (clothing.y_train[:n], clothing.y_val[-n:]):
            assert np.ptp(np.bincount(some, minlength=k)) <= 1
    assert set(np.bincount(clothing.y_test)) == {170}
    assert not np.array_equal(clothing.y_train[: 8 * k], np.tile(clothing.y_train[:k], 8))


def test_training_sets_are_nested_and_validation_stays():
    whole, fewer = data.clothing(seed=2), data.clothing(n_validation=10, seed=2)
    np.testing.assert_array_equal(fewer.x_train, whole.x_train)
    for n_train in (1, 7, 1234):
        part = data.clothing(n_train=n_train, seed=2)
        np.testing.assert_array_equal(part.x_train, whole.x_train[:n_train])
        np.testing.assert_array_equal(part.y_train, whole.y_train[:n_train])
        np.testing.assert_equal((part.x_val, part.y_val), (whole.x_val, whole.y_val))


def test_the_network_is_not_used(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("network used"))
    data._read_clothing.cache_clear()
    assert len(data.digits().x) == 1437 and len(data.clothing().x) == 5000


@pytest.mark.parametrize(
    "arguments, helpful",
    [
        ({"classes": ["Bag", "Shrit"]}, f"no class 'Shrit'. Did you mean 'Shirt'? {LIST}"),
        ({"classes": ["Bag", "xyzzy"]}, f"no class 'xyzzy'. {LIST}"),
        ({"classes": ["Bag", 10]}, f"no class 10. {LIST}"),
        ({"classes": ["Bag", -1]}, f"no class -1. {LIST}"),
        ({"classes": [0, True]}, f"no class True. {LIST}"),
        ({"classes": ["Bag", "Coat", 8]}, "'Bag' is in the list more than once"),
        ({"classes": ["Bag"]}, "['Bag'] is not a list of two or more classes. Try classes="),
        ({"classes": {"Bag", "Coat"}}, "is not a list of two or more"),
        ({"n_train": 0}, "(n_train): 0 is not a whole number from 1"),
        ({"n_train": 10.0}, "(n_train): 10.0 is not a whole number from 1"),
        ({"n_train": True}, "(n_train): True is not a whole number from 1"),
        ({"n_validation": -5}, "(n_validation): -5 is not a whole number from 1"),
        ({"n_train": 4001}, "5000 there are in these 10 classes. Try n_train=4000 and n_validation="),
        ({"classes": [0, 1], "n_validation": 201}, "800 + 201 images are more than the 1000"),
    ],
)
def test_mistakes_are_explained(arguments, helpful):
    with pytest.raises(data.DataError) as caught:
        data.clothing(**arguments)
    assert helpful in str(caught.value) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "damage, helpful",
    [
        (lambda npz: npz.write_bytes(npz.read_bytes()[::-1]), "clothing.npz is damaged"),
        (lambda npz: npz.write_bytes(npz.read_bytes()[:-1]), "clothing.npz is damaged"),
        (lambda npz: npz.unlink(), "clothing.npz is missing"),
        (lambda npz: npz.with_suffix(".sha256").unlink(), "clothing.sha256 is missing"),
    ],
)
def test_missing_or_damaged_file(tmp_path, monkeypatch, damage, helpful):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "clothing.npz"
    monkeypatch.setattr(data, "CLOTHING_FILE", path)
    damage(path)
    with pytest.raises(data.DataError) as caught:
        data.clothing()
    assert helpful in str(caught.value) and "git checkout -- data/clothing.npz" in str(caught.value)
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    restored = data.clothing([0, 1])  # without a new start of Python
    path.unlink()
    np.testing.assert_array_equal(data.clothing([0, 1]).x, restored.x)  # kept in memory


def test_committed_file_is_small_and_has_its_checksum():
    checksum = hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert FILE.with_suffix(".sha256").read_bytes().split() == [checksum.encode(), b"clothing.npz"]
    assert checksum in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert FILE.stat().st_size <= 3_000_000


@pytest.mark.slow
@pytest.mark.skipif(not SCRIPT["DEBIAN_FOLDER"].exists(), reason="needs dataset-fashion-mnist")
def test_script_makes_the_committed_file(tmp_path):
    made = tmp_path / "clothing.npz"
    SCRIPT["main"](["--output", str(made)])
    np.testing.assert_equal(dict(np.load(made)), dict(np.load(FILE)))
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same arrays differently
        for suffix in (".npz", ".sha256"):
            assert made.with_suffix(suffix).read_bytes() == FILE.with_suffix(suffix).read_bytes()


@pytest.mark.parametrize(
    "content, helpful",
    [
        (None, "apt-get install dataset-fashion-mnist"),
        (b"not gzip", "cannot be unpacked"),
        (gzip.compress(b"not an IDX file", mtime=0), "is not an IDX file"),
        (gzip.compress(bytes([0, 0, 8, 3, 0]), mtime=0), "ends in the middle of its header"),
        (gzip.compress(b"\0\0\x08\x03" + b"\0\0\0\x02" * 3 + b"12345", mtime=0), "(2, 2, 2) values, but has 5"),
    ],
)
def test_script_explains_a_bad_source(tmp_path, content, helpful):
    images, output = tmp_path / "train-images-idx3-ubyte.gz", tmp_path / "clothing.npz"
    if content:
        images.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        SCRIPT["main"](["--source", str(tmp_path), "--output", str(output)])
    assert helpful in str(stop.value) and str(images) in str(stop.value) and not output.exists()
