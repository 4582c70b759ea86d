"""Rows from TensorBoard's event files, read with TensorFlow."""

import itertools
import os
from pathlib import Path

import numpy as np

from helpers.curves.log_epochs import Row
from helpers.curves.log_names import TRAIN, VALIDATION
from helpers.errors import LessonError

MOST_EVENTS = 200_000  # of a file
MOST_FILES = 200
MOST_FOLDERS = 2000


def event_files(folder):
    """The event files below a folder, as a sorted list; of a large tree only what comes first is looked at."""
    looked_at = itertools.islice(os.walk(folder), MOST_FOLDERS)
    files = [Path(where, name) for where, _, names in looked_at for name in names if "tfevents" in name]
    return sorted(path for path in files[:MOST_FILES] if path.is_file())


def parts_of_events(files, folder, notes):
    """A list of rows for each folder with event files: Keras writes train/ and validation/.

    Raises LessonError if the folders belong to several runs.
    """
    runs = {}
    for path in files:
        words = path.parent.relative_to(folder).parts
        # PyTorch's add_scalars makes a folder Loss_train; such a one has to be asked for by its own name.
        name = words[-1].lower() if words else path.parent.name.lower().rpartition("_")[2]
        split = name if name in (*TRAIN, *VALIDATION) else ""
        run = words[:-1] if words and split else words
        runs.setdefault(run, {}).setdefault(split, []).append(path)
    if len(runs) > 1:
        names = ", ".join("/".join(run) or "." for run in list(runs)[:6])
        raise LessonError(
            f"There are {len(runs)} runs in {folder.name}: {names}. Give read_log the folder of one of them, or a list"
            " of those that belong together."
        )
    return [_rows(paths, split, notes) for splits in runs.values() for split, paths in splits.items()]


def _rows(paths, split, notes):
    """The rows of event files of one folder. Where a step stands in several of them, the later counts."""
    steps = {}
    for path in paths:
        for step, tag, value in _scalars(path, notes):
            steps.setdefault(step, {})[f"{split} {tag}" if split else tag] = value
    rows = []
    for step, values in sorted(steps.items()):
        of_epochs = any(name.split()[-1].startswith("epoch_") for name in values)
        epoch = next(
            (value for name, value in values.items() if name.split()[-1] == "epoch"), step if of_epochs else None
        )
        rows.append(Row(epoch, step, {name: value for name, value in values.items() if name.split()[-1] != "epoch"}))
    return rows


def _scalars(path, notes):
    """(step, tag, number) of each scalar in an event file: of TensorBoard 1 and 2."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    records = iter(tf.data.TFRecordDataset(str(path)))
    for _ in range(MOST_EVENTS):
        try:
            event = tf.compat.v1.Event.FromString(next(records).numpy())
        except StopIteration:
            return
        except (tf.errors.OpError, DecodeError):
            notes.append(f"{path.name} is damaged; what stands before the damage is read.")
            return
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield event.step, value.tag, float(value.simple_value)
            elif value.HasField("tensor") and value.tensor.dtype in (
                tf.float32.as_datatype_enum,
                tf.float64.as_datatype_enum,
            ):
                try:
                    number = tf.make_ndarray(value.tensor) if value.tensor.ByteSize() < 200 else np.zeros(2)
                except (ValueError, TypeError):
                    continue
                if number.size == 1:
                    yield event.step, value.tag, float(number.reshape(()))
    notes.append(f"{path.name} is very long; its first {MOST_EVENTS:,} events are read.")
