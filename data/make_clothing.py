"""Make clothing.npz, the part of Fashion-MNIST that comes with the project.

    python data/make_clothing.py

reads the four files of Debian's package dataset-fashion-mnist, keeps the first
500 training and the first 170 test images of each class, and writes clothing.npz
and its checksum, clothing.sha256, into the folder of this script. The same source
gives the same bytes each time (with the zlib library; its replacement zlib-ng
packs the same images into other bytes).

Source: Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, arXiv:1708.07747),
copyright 2017 Zalando SE, MIT licence.
"""

import argparse
import gzip
import hashlib
import io
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
OUTPUT = Path(__file__).resolve().parent / "clothing.npz"

N_CLASSES = 10
# As many as fit in 3,000,000 bytes, in round numbers, about three to one.
POOL_PER_CLASS = 500
TEST_PER_CLASS = 170


class SourceError(Exception):
    """A source file is missing or is not what it should be."""


def read_idx(path, n_dimensions):
    """Read a gzipped IDX file of bytes.

    The header is two zero bytes, the type (8: unsigned bytes), the number of
    dimensions, and each dimension as a big-endian 32-bit number.

    Returns a uint8 array with the dimensions of the header.

    Raises SourceError if the file is missing, damaged, or has another header.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except FileNotFoundError:
        raise SourceError(
            f"There is no file {path}.\n"
            "On Debian or Ubuntu, install it with: apt-get install dataset-fashion-mnist\n"
            "Elsewhere, give the folder that has the four .gz files with: --source FOLDER"
        ) from None
    except (OSError, EOFError, zlib.error) as problem:
        raise SourceError(f"{path} cannot be unpacked: {problem}") from None

    if content[:4] != bytes([0, 0, 8, n_dimensions]):
        raise SourceError(
            f"{path} is not an IDX file of bytes with {n_dimensions} dimension(s): "
            f"it starts with the bytes {list(content[:4])}"
        )
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise SourceError(f"{path} ends in the middle of its header")
    shape = struct.unpack(f">{n_dimensions}I", content[4:start])
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    if len(values) != np.prod(shape, dtype=object):  # object: no overflow, whatever the header
        raise SourceError(f"{path} should have {shape} values, but has {len(values)}")
    return values.reshape(shape)


def read_part(source, name):
    """Read the images and labels of one part, "train" or "t10k".

    Returns uint8 arrays of shapes (n, 28, 28) and (n,), with labels 0 to 9.

    Raises SourceError as read_idx does, and if images and labels do not fit together.
    """
    images_path = source / f"{name}-images-idx3-ubyte.gz"
    labels_path = source / f"{name}-labels-idx1-ubyte.gz"
    images = read_idx(images_path, 3)
    labels = read_idx(labels_path, 1)
    if images.shape[1:] != (28, 28):
        raise SourceError(f"{images_path} has images of {images.shape[1:]}, not (28, 28) pixels")
    if len(images) != len(labels):
        raise SourceError(f"{labels_path} has {len(labels)} labels for {len(images)} images")
    if len(labels) and labels.max() >= N_CLASSES:
        raise SourceError(f"{labels_path} has the label {labels.max()}; 9 is the largest allowed")
    return images, labels


def first_of_each_class(images, labels, per_class):
    """Keep the first per_class images of each class, in the order of the file.

    Raises SourceError if a class has fewer.
    """
    keep = []
    for label in range(N_CLASSES):
        found = np.flatnonzero(labels == label)[:per_class]
        if len(found) < per_class:
            raise SourceError(f"class {label} has {len(found)} images, but {per_class} are needed")
        keep.append(found)
    keep = np.sort(np.concatenate(keep))
    return images[keep], labels[keep]


def npz_bytes(arrays):
    """Pack named arrays as a compressed .npz, without the date that np.savez may add."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix; otherwise Windows would write another number
            npy = io.BytesIO()
            np.lib.format.write_array(npy, array, version=(1, 0), allow_pickle=False)
            archive.writestr(entry, npy.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def make_clothing(source, output):
    """Read Fashion-MNIST from the folder source; write output and its .sha256 file.

    The .npz has the uint8 arrays x_pool (5000, 28, 28), y_pool (5000,),
    x_test (1700, 28, 28) and y_test (1700,).

    Raises SourceError if the source is missing or damaged; then nothing is written.
    """
    x_pool, y_pool = first_of_each_class(*read_part(source, "train"), POOL_PER_CLASS)
    x_test, y_test = first_of_each_class(*read_part(source, "t10k"), TEST_PER_CLASS)
    content = npz_bytes({"x_pool": x_pool, "y_pool": y_pool, "x_test": x_test, "y_test": y_test})
    checksum = hashlib.sha256(content).hexdigest()

    output.write_bytes(content)
    output.with_suffix(".sha256").write_bytes(f"{checksum}  {output.name}\n".encode())
    print(f"{output}: {len(x_pool)} + {len(x_test)} images, {len(content)} bytes")
    print(f"SHA-256: {checksum}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make the clothing data from Fashion-MNIST.")
    parser.add_argument(
        "--source", type=Path, default=DEBIAN_FOLDER, help="folder with the four .gz files (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, help="the .npz file to write (default: clothing.npz beside this script)"
    )
    options = parser.parse_args(arguments)
    try:
        make_clothing(options.source, options.output)
    except SourceError as problem:
        sys.exit(f"make_clothing.py: {problem}")


if __name__ == "__main__":
    main()
