"""Rows from tables: dicts, data frames, CSV, JSON, and the tables that fastai and notebooks print."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping

from helpers.curves.log_epochs import MOST_ROWS, TOO_MANY, Row
from helpers.curves.log_names import TRAIN, VALIDATION, Share, column_of, is_accuracy, is_loss, number_of
from helpers.errors import LessonError, shorten

MOST_COLUMNS = 2000
MOST_VALUES = 1_000_000  # of a list or a column of a data frame
LOOKED_AT = 200  # lines in which the heading of a table is looked for
# Columns that say to which of several runs a row belongs.
OF_A_RUN = re.compile(
    r"(cv[ _]?)?(run|trial|fold|seed|experiment|replicate|repetition|config|variant|job)([ _]?(id|name|number|no))?",
    re.I,
)


def rows_of_columns(columns, notes, gaps_are_nan=True):
    """Rows of a dict of lists. gaps_are_nan: whether an empty cell may have become NaN, as in pandas."""
    columns = {str(name): column for name, column in _flat(columns).items()}
    if len(columns) > MOST_COLUMNS:
        raise LessonError(f"This log has {len(columns)} columns; {MOST_COLUMNS} are read at most. Leave out some.")
    columns = {name: cells for name, cells in ((name, _cells(cells)) for name, cells in columns.items()) if cells}
    whole = _of_one_length(columns, notes)
    rows = [dict(zip(whole, cells, strict=True)) for cells in zip(*whole.values(), strict=True)]
    found = rows_of_dicts(rows, notes)
    if any(whole[name] is not columns[name] for name in whole) and all(row.epoch is None for row in found):
        found = [row._replace(epoch=place) for place, row in enumerate(found, 1)]
    return _without_gaps(found) if gaps_are_nan else found


def _flat(columns, before="", depth=0):
    """{"train": {"loss": [...]}} as {"train/loss": [...]}; a dict of numbered cells (pandas' to_json) is a column."""
    flat = {}
    for name, column in columns.items():
        if isinstance(column, Mapping) and column and all(str(key).isdecimal() for key in column):
            column = list(column.values())
        if isinstance(column, Mapping):
            if depth < 3:
                flat.update(_flat(column, f"{before}{name}/", depth + 1))
        else:
            flat[f"{before}{name}"] = column
    return flat


def _cells(column):
    """A column as a list of what may be numbers; None if it is no list."""
    if isinstance(column, str | bytes) or not hasattr(column, "__iter__") or not hasattr(column, "__len__"):
        return None
    try:
        cells = column.tolist() if hasattr(column, "tolist") else list(column)
    except Exception:  # a stranger's object
        return None
    if isinstance(cells, list) and len(cells) > MOST_VALUES:
        raise LessonError(f"This log has {len(cells)} values in a column; {MOST_VALUES:,} are read at most.")
    return cells if isinstance(cells, list) else None


def _of_one_length(columns, notes):
    """Columns of validation that are shorter, or by one longer, made as long as those of training, with gaps."""
    loss = [name for name in columns if column_of(name)[:3] in (("metric", "", "loss"), ("metric", "train", "loss"))]
    if not loss:
        longest = max(map(len, columns.values()), default=0)
        return {name: cells for name, cells in columns.items() if len(cells) == longest}
    length, whole = len(columns[loss[0]]), {}
    for name, cells in columns.items():
        if len(cells) == length:
            whole[name] = cells
            continue
        if column_of(name).kind != "metric" and not is_loss(name):
            continue
        if not is_loss(column_of(name).name) and column_of(name).split != "val":
            notes.append(f"{name} has {len(cells)} values where {loss[0]} has {length}, and is left out.")
            continue
        every = [k for k in range(2, length + 1) if length // k == len(cells)]
        if len(cells) == length + 1:
            whole[name] = cells[1:]
            notes.append(f"{name} has one value more than {loss[0]}: the first is taken for a check before training.")
        elif len(cells) == length - 1 and not every:
            whole[name] = [*cells, None]
            notes.append(f"{name} has one value less than {loss[0]}: its last is taken to be missing.")
        elif len(every) == 1 and len(cells) > 1:
            given = iter(cells)
            whole[name] = [next(given) if place % every[0] == 0 else None for place in range(1, length + 1)]
            notes.append(f"{name} has {len(cells)} values for {length} epochs: taken for one every {every[0]} epochs.")
        else:
            raise LessonError(
                f"{name} has {len(cells)} values, and {loss[0]} has {length}: it cannot be told which belong together."
                f" Give read_log a dict whose lists have the same length, with None where {name} is not known."
            )
    return whole


def rows_of_dicts(dicts, notes):
    """Rows of a list of dicts, `{"epoch": 1, "loss": 0.9}`, such as Hugging Face's log_history."""
    rows, columns = [], {}
    if len(dicts) > MOST_ROWS:
        notes.append(TOO_MANY)
    for each in dicts[:MOST_ROWS]:
        if len(columns) > MOST_COLUMNS:
            raise LessonError(f"This log has more than {MOST_COLUMNS} different names; that many are read at most.")
        values = {}
        split, name, epoch, step = "", None, None, None
        for key, cell in _flat(each).items():
            kind = columns.get(key) or columns.setdefault(key, column_of(key))
            if isinstance(cell, str) and cell.strip().lower() in (*TRAIN, *VALIDATION):
                split = f"{cell.strip().lower()} "  # a column that says of which data the row is
                continue
            if isinstance(cell, str) and str(key).lower() in ("tag", "metric", "key", "variable"):
                name = cell
                continue
            percent = isinstance(cell, str) and cell.rstrip().endswith("%")
            number = number_of(cell.rstrip()[:-1] if percent else cell)
            if number is None:
                continue
            if kind.kind == "epoch" and epoch is None:
                epoch = number if math.isfinite(number) else None
            elif kind.kind == "step" and step is None:
                step = number if math.isfinite(number) else None
            else:
                values[str(key)] = Share.of_percent(number) if percent else number
        if name and "value" in {key.lower() for key in values}:
            values = dict.fromkeys([name], next(value for key, value in values.items() if key.lower() == "value"))
        if split:
            values = {
                f"{split}{key}" if column_of(key).kind == "metric" else key: value for key, value in values.items()
            }
        rows.append(Row(epoch, step, values))
    _check_that_it_is_one_run(dicts, rows)
    return rows


def _check_that_it_is_one_run(dicts, rows):
    """Raise a `LessonError` for a table of several runs below each other, which are no curve."""
    for column in {key: None for each in dicts[:MOST_ROWS] for key in each if OF_A_RUN.fullmatch(str(key).strip())}:
        runs = {}  # the epoch (or step) and the names of what each run has measured
        for each, row in zip(dicts, rows, strict=False):
            cell = each.get(column)
            if cell is not None and cell == cell and str(cell).strip():
                told = row.step if row.epoch is None else row.epoch
                runs.setdefault(str(cell).strip(), set()).update((told, name) for name in row.values if name != column)
        again = sum(map(len, runs.values())) - len(set().union(*runs.values()))
        if len(runs) > 1 and again:
            names = [shorten(name, 30) for name in runs]
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            raise LessonError(
                f"These are {len(names)} runs below each other, as the column {str(column)!r} says:"
                f" {', '.join(names[:5])}{more}. One run is read at a time: keep its rows, in pandas"
                f" table[table[{str(column)!r}] == {names[0]!r}], and leave out the others."
            )


def _without_gaps(rows):
    """Rows without the NaN that stand for an empty cell: where one kind of data is given and the other is all NaN.

    A loss that has become NaN keeps its NaN: there the whole row, or only a part of its kind, is NaN.
    """
    names = {name: column_of(name) for row in rows for name in row.values}
    metrics = {name: column.split == "val" for name, column in names.items() if column.kind == "metric"}

    def state(row, val):
        cells = [value for name, value in row.values.items() if metrics.get(name) is val]
        return "none" if not cells else "gap" if all(map(math.isnan, cells)) else "given"

    states = [(state(row, False), state(row, True)) for row in rows]
    gaps_of_training = ("gap", "given") in states and ("given", "gap") in states
    given = [place for place, (_, val) in enumerate(states) if val == "given"]
    distances = {after - before for before, after in zip(given, given[1:], strict=False)}
    regular = len(given) > 1 and len(distances) == 1 and min(distances) > 1
    if not gaps_of_training and not regular:
        return rows
    known = {(row.epoch, name) for row in rows for name, value in row.values.items() if not math.isnan(value)}
    kept = []
    for row, (train, val) in zip(rows, states, strict=True):
        drop = {False: train == "gap" and val == "given", True: val == "gap" and train == "given"}
        values = {
            name: value
            for name, value in row.values.items()
            if not math.isnan(value)
            or not (drop.get(metrics.get(name)) or (row.epoch is not None and (row.epoch, name) in known))
        }
        kept.append(row._replace(values=values))
    return kept


def rows_of_table(text, notes, title=""):
    """Rows of a text with a heading and cells below it: CSV with , ; or tab, Markdown, fastai's. None if it is none.

    title: what the column "Value" of TensorBoard's export is: its file is called run-train-tag-epoch_loss.csv.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = text[:100_000].split("\n")[:LOOKED_AT]
    for place, line in enumerate(head):
        for split in (_by(";"), _by("\t"), _by(","), _by("|"), _by_width, str.split):
            names = split(line)
            if _is_heading(names) and any(_fits(names, split, below) for below in head[place + 1 : place + 6]):
                return _below(names, split, text.split("\n", place + 1)[-1], notes, title)
    return None


def is_wide(text):
    """Whether a text begins with a line of more columns than are read."""
    line = text[:100_000].partition("\n")[0]
    return any(line.count(delimiter) > MOST_COLUMNS for delimiter in ",;\t")


def _by(delimiter):
    def split(line):
        try:
            cells = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
        except csv.Error:
            cells = line.split(delimiter)
        cells = [cell.strip() for cell in cells]
        return cells[1:-1] if delimiter == "|" and len(cells) > 2 and not cells[0] and not cells[-1] else cells

    return split


def _by_width(line):
    return re.split(r"\s{2,}", line.strip())


def _is_heading(names):
    if (
        not 2 <= len(names) <= MOST_COLUMNS
        or len({*names}) < len(names)
        or any(number_of(name) is not None or set(name) & set(':,;\t"{}') for name in names)
    ):
        return False
    columns = [column_of(name) for name in names if name]
    counts = any(column.kind in ("epoch", "step") for column in columns)
    named = [is_loss(column.name) or is_accuracy(column.name) for column in columns if column.kind == "metric"]
    if any(len(name.split()) > 5 for name in names):
        return False
    return any(named) or (counts and any(column.name == "value" for column in columns))


def _fits(names, split, line):
    """The cells of a line below a heading, or None if it is no row of the table."""
    cells = split(line)
    if len(cells) == len(names) + 1 and split in (_by_width, str.split):
        cells = cells[1:]  # what pandas prints begins with a number of the row
    numbers = len(cells) == len(names) and any(number_of(cell.rstrip("%")) is not None for cell in cells)
    return cells if numbers else None


def _below(names, split, text, notes, title):
    """The rows of cells below a heading, and below others that follow. A line of another length is no row."""
    dicts, strange, every = [], 0, dict.fromkeys(names)
    lines = text.split("\n", MOST_ROWS)
    if len(lines) > MOST_ROWS:
        notes.append(TOO_MANY)
    for line in lines[:MOST_ROWS]:
        cells = _fits(names, split, line)
        if cells:
            dicts.append(dict(zip(names, cells, strict=True)))
        elif _is_heading(split(line)):
            names = split(line)
            every |= dict.fromkeys(names)
        elif re.search(r"[^\s|:+=-]", line):
            strange += 1
    if strange and dicts:
        notes.append(f"{strange} lines do not fit the table and are left out.")
    return rows_of_dicts(_of_an_export(dicts, list(every), notes, title), notes)


def _of_an_export(dicts, names, notes, title):
    """TensorBoard's columns Step and Value, and W&B's "run - loss" with "run - loss__MIN", under plain names."""
    keep = {name: name for name in names if not name.endswith(("__MIN", "__MAX"))}
    runs = {name: name.rsplit(" - ", 1)[1] for name in keep if " - " in name}
    if len(set(runs.values())) < len(runs):
        first = next(iter(runs)).rsplit(" - ", 1)[0]
        notes.append(f"It has several runs; {first} is read.")
        keep = {name: new for name, new in keep.items() if name not in runs or name.startswith(f"{first} - ")}
    keep |= {name: runs[name] for name in runs if name in keep}
    if any(is_loss(column_of(new).name) for new in keep.values()):
        title = ""
    elif [name for name in names if name.lower() == "value"] and "tag" not in {name.lower() for name in names}:
        if not title:
            notes.append("The column Value does not say what it is: it is taken for the training loss.")
        keep = {name: (title or "loss") if name.lower() == "value" else name for name in keep}
        if title and column_of(title).name in ("loss", "val_loss") and title.split()[-1].startswith("epoch_"):
            keep = {name: "epoch" if new.lower() == "step" else new for name, new in keep.items()}
    return [{keep[name]: cell for name, cell in each.items() if name in keep} for each in dicts]


def read_json(text):
    """What a JSON text, JSON lines or a printed dict of lists hold: a dict, a list of dicts, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    lines = []
    for line in text.splitlines():
        try:
            each = json.loads(line) if line.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            each = None
        if isinstance(each, dict):
            lines.append(each)
    if lines:
        return lines
    # A printed history: {'loss': [0.9, np.float64(0.8)], …}
    text = re.sub(r"\b(?:np\.|numpy\.)?(?:float\d+|tensor|array)\(|dtype=\w+", "", text)
    lists = re.findall(r"""['"]([^'"\n]{1,100})['"]\s{0,9}:\s{0,9}\[([^\]\[]*)\]""", text)
    return {
        name: [number_of(cell.strip(" ()\n")) for cell in cells.split(",") if cell.strip(" ()\n")]
        for name, cells in lists
    } or None
