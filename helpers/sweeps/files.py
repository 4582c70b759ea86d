"""A sweep's results, each in a file of its own whose name tells all that the result depends on."""

import contextlib
import hashlib
import inspect
import json
import os
import uuid
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from helpers.engine.builder import keywords
from helpers.engine.examples import is_dataset, len_of
from helpers.engine.settings import DEFAULTS
from helpers.engine.training import DIVERGED
from helpers.errors import LessonError
from helpers.records.saved import in_words

FORMAT = 1  # of the files: raise it when the engine's results change, and old files are not found any more
# What is kept of a run: a `History`, or what went wrong.
RECORD = ("history", "path", "note", "stopped", "error", "remarks")


def check_folder(save_in):
    """`save_in` as a `Path`, once a file could be written there."""
    folder = Path(save_in)
    if not folder.is_dir():
        raise LessonError(
            f"save_in={str(save_in)!r}: there is no such folder (any more). Make one, new_folder('sweep'),"
            " and run this cell again."
        )
    probe = folder / f".probe-{uuid.uuid4().hex[:8]}.json"
    try:
        write_run(probe, {})
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return folder


def files_of(folder, build, data, result, networks):
    """The file of each run, {(number of the setting, seed): Path}: its name tells all that the result depends on."""
    common = [FORMAT, tf.__version__, keras.__version__, *print_of(build, data)]
    usual = {**keywords(build), "batch_size": DEFAULTS["batch_size"], "n_train": len_of(data[0])}
    files = {}
    for number, (row, network) in enumerate(zip(result.rows, networks, strict=True)):
        for seed in result.seeds:
            parts = [common, network.description, {**usual, **row.settings}, seed]
            text = json.dumps(parts, sort_keys=True, default=_text)
            files[number, seed] = folder / f"run-{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
    return files


def print_of(build, data):
    """What tells a network and its data from others: (the text of `build`, or "", the hash of `data`).

    data: arrays, nested as you like; a dataset among them counts as the same if it is the same object.
    """
    try:
        source = inspect.getsource(inspect.unwrap(build))
    except (OSError, TypeError):
        source = ""
    return source, hash_of(np.array(id(part)) if is_dataset(part) else part for part in tf.nest.flatten(data))


def hash_of(arrays):
    """The SHA-256 of the arrays' types, shapes and values, as text."""
    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _text(value):
    """An object in the settings as something for JSON; one that shows only its address equals none seen before."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return repr(value) + (uuid.uuid4().hex if " at 0x" in repr(value) else "")


def write_run(file, record):
    """Write `record` all or nothing. A failed run does not take the place of a result."""
    if record.get("error") and file.exists():
        return
    part = file.with_name(f".{file.stem}-{uuid.uuid4().hex[:8]}")
    try:
        part.write_text(json.dumps(record, default=repr), encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise in_words(error, file, "write") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def read_run(file, epochs):
    """The record in `file`, cut to `epochs` epochs; None where there is none, a damaged, a failed or a shorter one."""
    try:
        record = {"remarks": [], **json.loads(file.read_text(encoding="utf-8"))}  # older files have none
        record = {name: record[name] for name in RECORD}
        history, diverged = record["history"], record["note"] == DIVERGED
        (length,) = {len(values) for values in history.values()}
        sound = all(isinstance(value, float) for values in history.values() for value in values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    complete = {"loss", "val_loss"} <= set(history) and (length >= epochs or diverged)
    if not (sound and complete) or record["error"]:
        return None
    record["history"] = {name: values[:epochs] for name, values in history.items()}
    if diverged and length > epochs:
        record.update(note="", stopped=False)
    return record
