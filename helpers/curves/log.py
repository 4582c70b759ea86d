"""`read_log`: any training log as the dict that `plot`, `describe` and `diagnose` take."""

import re
from collections.abc import Mapping
from pathlib import Path

from helpers.curves.history import figure
from helpers.curves.log_epochs import columns_of, epochs_of, join, together
from helpers.curves.log_events import event_files, parts_of_events
from helpers.curves.log_lines import rows_of_lines
from helpers.curves.log_tables import MOST_COLUMNS, is_wide, read_json, rows_of_columns, rows_of_dicts, rows_of_table
from helpers.errors import LessonError, shorten

LARGEST = 20_000_000  # bytes or characters of a log that are read
BEGINNINGS = {
    b"\x80": "a pickle, which could run a program when it is opened",
    b"PK": "a zip archive (a .keras, .npz or .xlsx file, for example)",
    b"\x89HDF": "an HDF5 file: weights, and no log",
    b"\x93NUMPY": "an array of NumPy",
    b"\x89PNG": "a picture",
    b"\xff\xd8": "a picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
}
FORMS = (
    "read_log takes what model.fit returned, a dict or table with columns such as loss and val_loss, the path of a file"
    " (CSV, JSON, TensorBoard's events), or the text that training printed."
)


class Log(dict):
    """What `read_log` returns: {metric: list with one number per epoch}, named as in a history of Keras.

    note: sentences that say what was decided or left out; "" if nothing was. begins_at: the number of the first epoch.
    """

    def __init__(self, columns, note="", begins_at=1):
        super().__init__(columns)
        self.note, self.begins_at = note, begins_at

    def __repr__(self):
        epochs = len(self["loss"]) if "loss" in self else 0
        ends = [f"{name} {figure(values[0])} to {figure(values[-1])}" for name, values in self.items() if values]
        return f"Log of {epochs} epoch{'s' * (epochs != 1)}: {', '.join(ends)}.{' ' * bool(self.note)}{self.note}"


def read_log(source):
    """A training log as a `Log`: a dict {"loss": [...], "val_loss": [...], "accuracy": [...]}, one number per epoch.

    source: a History or its dict; a dict of lists, a data frame, a list of dicts; the path of a CSV or JSON file or of
    a file or folder of TensorBoard; the text of any of these, or what Keras, PyTorch, fastai or Hugging Face have
    printed. A list of these is read as the parts of one run: where the numbers of their epochs overlap, the later
    part counts.

    Where an epoch has several figures of training, their mean counts, but of a progress bar, which is a mean already,
    its last state; of validation the last figure counts. Only the epochs in which both losses are known are kept. An
    accuracy in percent becomes a share. Learning rates and times are left out. Of a text or file the first 20 MB are
    read, and 200,000 lines; nothing is run and nothing fetched.

    Raises `LessonError`, with the names that it has found, if there is no training loss in it.
    """
    notes, seen = [], []
    parts = [epochs_of(rows, notes, seen) for rows in together(_parts(source, notes))]
    parts = [part for part in parts if part]
    if not parts:
        raise LessonError(f"No figures of a training were found in {_shown(source)}. {FORMS}")
    epochs = join(parts, notes)
    columns = columns_of(epochs, notes, seen)
    return Log(columns, " ".join(dict.fromkeys(notes)), epochs[0][0] or 1)


def _parts(source, notes):
    """A list of rows for each part of a run."""
    if isinstance(source, list | tuple) and source and not all(map(_is_row, source)):
        if all(isinstance(each, int | float) for each in source):
            raise LessonError('This is a list of numbers without a name. Give it one: read_log({"loss": [...]}).')
        return [rows for each in source for rows in _parts_of(each, notes)]
    return _parts_of(source, notes)


def _is_row(each):
    return isinstance(each, Mapping) and not any(isinstance(cell, list | tuple | Mapping) for cell in each.values())


def _parts_of(source, notes):
    logs = getattr(source, "history", source)
    if isinstance(logs, Mapping) and logs is not source:
        return [rows_of_columns(logs, notes, gaps_are_nan=False)]
    if isinstance(source, Mapping):
        return [_rows_of_dict(source, notes)]
    if isinstance(source, list | tuple):
        if not all(map(_is_row, source)):
            raise LessonError(f"This is a list within a list. {FORMS}")
        return [rows_of_dicts(source, notes)]
    if isinstance(source, Path) or (isinstance(source, str) and _is_path(source)):
        return _parts_of_path(Path(source), notes)
    if isinstance(source, str):
        return [_rows_of_text(source, notes)]
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        return [rows_of_columns(_columns(source), notes)]
    if isinstance(getattr(getattr(source, "state", None), "log_history", None), list):  # a Trainer of Hugging Face
        return [rows_of_dicts([each for each in source.state.log_history if _is_row(each)], notes)]
    raise LessonError(f"No log can be read from {_shown(source)}. {FORMS}")


def _columns(table):
    """A data frame, of whatever library, as a dict of its columns."""
    names = list(table.columns)
    if len(names) > MOST_COLUMNS:
        raise LessonError(f"This table has {len(names)} columns; {MOST_COLUMNS} are read at most. Leave out some.")
    try:
        return {str(name): list(table[name]) for name in names}
    except Exception as error:  # a stranger's table
        raise LessonError(f"The columns of {_shown(table)} cannot be read: {shorten(error, 80)}. {FORMS}") from None


def _rows_of_dict(source, notes):
    for key in ("log_history", "history"):
        inner = source.get(key)
        if isinstance(inner, Mapping):
            return rows_of_columns(inner, notes)
        if isinstance(inner, list) and inner and all(map(_is_row, inner)):
            return rows_of_dicts(inner, notes)
    if "cells" in source and "nbformat" in source:
        raise LessonError("This is a notebook. Copy what training printed from it, and give read_log that text.")
    return rows_of_columns(source, notes)


def _is_path(text):
    """Whether a text is the name of a file: there is one, or it looks like one that is not there."""
    if len(text) > 1000 or "\n" in text or "\0" in text or not text.strip():
        return False
    if re.match(r"\s*(?:https?|ftp|s3|gs)://", text, re.IGNORECASE):
        raise LessonError("read_log fetches nothing. Download the file, and give the path where you saved it.")
    try:
        if Path(text).exists():
            return True
    except (OSError, ValueError):
        return False
    return bool(re.fullmatch(r"[^:={}\[\],]*\.\w{1,12}|[^\s:={}\[\],]*[/\\][^\s:={}\[\],]*|\w:\\[^=]*", text.strip()))


def _parts_of_path(path, notes):
    try:
        if path.is_dir():
            return _parts_of_folder(path, notes)
        if not path.exists():
            where = path.absolute().parent
            raise LessonError(f"There is no file {path.name} in {where}. Look at its name, and at the folder.")
        if not path.is_file():
            raise LessonError(f"{path.name} is no file that can be read.")
        if "tfevents" in path.name:
            return parts_of_events([path], path.parent, notes)
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise LessonError(f"{path.name} cannot be read: {shorten(error, 80)}.") from None
    tag = re.search(r"tag-([\w.-]+?)(?: ?\(\d+\))?\.csv$", path.name)
    title = ""
    if tag:
        split = re.search(r"(?:^|[-_./])(train|validation|val|valid|eval|test)-tag-", path.name)
        title = f"{split[1]} {tag[1]}" if split else tag[1]
    return [_rows_of_text(_decoded(content, path.name, notes), notes, title)]


def _parts_of_folder(folder, notes):
    files = event_files(folder)
    if not files:
        there = sorted(each.name for each in folder.iterdir())[:8]
        raise LessonError(
            f"{folder.name or folder} is a folder without TensorBoard's event files. Give the path of one file in it."
            f" It has: {', '.join(there) or 'nothing'}."
        )
    return parts_of_events(files, folder, notes)


def _decoded(content, name, notes):
    """The text of a file, its first LARGEST bytes; binary files are refused in words."""
    kind = next((words for start, words in BEGINNINGS.items() if content.startswith(start)), None)
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if kind or (b"\0" in content[:100_000] and not wide):
        raise LessonError(f"{name} is {kind or 'no text'}. {FORMS}")
    content = content[: LARGEST + 1]
    for encoding in ("utf-16",) if wide else ("utf-8-sig",):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start > len(content) - 4 and len(content) > 4:  # a character cut in two at the end
                return content.decode(encoding, errors="ignore")
    return content.decode("utf-16" if wide else "latin-1", errors="replace")


def _rows_of_text(text, notes, title=""):
    if len(text) > LARGEST:
        notes.append("It is larger than 20 MB; its first 20 MB are read.")
        text = text[:LARGEST].rpartition("\n")[0]
    start = text.lstrip("\ufeff \t\r\n")
    if re.match(r"<(?:!doctype|html|\?xml|svg)", start, re.IGNORECASE):
        raise LessonError(
            "This is a web page, not a log. Copy the lines of the log from it, or download the file itself."
        )
    if start.startswith(("{", "[")):
        found = read_json(start)
        if isinstance(found, Mapping) and found:
            return _rows_of_dict(found, notes)
        if isinstance(found, list) and found and all(isinstance(each, Mapping) for each in found):
            return rows_of_dicts(found, notes)
    rows = rows_of_table(start.replace("\r\n", "\n"), notes, title)
    rows = rows or rows_of_lines(text, notes)
    if not rows and is_wide(start):
        raise LessonError("This table has thousands of columns. Keep those of the losses and of the accuracies.")
    return rows


def _shown(source):
    """What was given, in a few words."""
    if isinstance(source, str):
        return f"the text {shorten(source, 60)!r}" if source.strip() else "an empty text"
    if isinstance(source, Path):
        return source.name
    if isinstance(source, Mapping | list | tuple) and not source:
        return f"an empty {type(source).__name__}"
    if isinstance(source, Mapping):
        return f"a {type(source).__name__} with {', '.join(str(key)[:30] for key in list(source)[:8])}"
    return f"this {type(source).__name__}"
