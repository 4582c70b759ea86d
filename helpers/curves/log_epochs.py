"""From the rows of a training log to one number per epoch for each metric."""

import math
from collections import Counter, namedtuple

import numpy as np

from helpers.curves.log_names import TEST, Share, column_of, is_accuracy, is_loss
from helpers.errors import LessonError

# One row, line or point of a log. epoch, step: numbers or None. values: {name in the log: number}. running: whether it
# is one state of a bar that goes on (its last state in an epoch counts), and not a figure of its own.
Row = namedtuple("Row", "epoch step values running", defaults=(None, None, None, False))

MOST_ROWS = 200_000  # of a text: more take many seconds
TOO_MANY = f"It is very long; its first {MOST_ROWS:,} lines are read."
FEW = 3  # with fewer epochs there is no trend; then each validation counts as a point


def epochs_of(rows, notes, seen):
    """Rows, in the order in which they were written, as [(number of the epoch or None, {metric: number})].

    Metrics have the names of a history of Keras. What was decided is added to `notes`, a list of sentences, and the
    names of the log's metrics to `seen`.
    """
    rows = _without_summary(rows)
    names = _names(rows, notes, seen)
    rows = [row._replace(values=_named(row.values, names)) for row in rows]
    rows = [row for row in rows if row.values]
    if not rows:
        return []
    if any(row.epoch is not None for row in rows):
        groups = _by_epoch(rows, notes)
        _leave_out_sanity_check(groups, notes)
        several = any(sum("val_loss" in row.values for row in group) > 1 for _, group in groups)
        if len(groups) < FEW and several:
            groups = _by_validation([row for _, group in groups for row in group])
            notes.append(
                "There are fewer than three epochs, so each validation counts as a point in place of an epoch."
            )
    else:
        groups = _without_epochs(rows, notes)
        _leave_out_sanity_check(groups, notes)
    _leave_out_last_test(groups, {metric for raw, metric in names.items() if column_of(raw).rank >= TEST}, notes)
    return [(number, _one(group, notes)) for number, group in groups]


def together(parts):
    """Lists of rows; as one list where they have only steps, and different metrics: the curves of one run."""
    names = [{column_of(raw).name for row in rows for raw in row.values} for rows in parts]
    different = sum(map(len, names)) == len(set().union(*names))
    only_steps = all(row.epoch is None and row.step is not None for rows in parts for row in rows)
    return [[row for rows in parts for row in rows]] if len(parts) > 1 and different and only_steps else parts


def _without_summary(rows):
    """Hugging Face ends with a row of the whole run's mean training loss, which belongs to no epoch."""
    return [
        row._replace(values={name: value for name, value in row.values.items() if column_of(name).split != "train"})
        if "train_runtime" in row.values
        else row
        for row in rows
    ]


def _names(rows, notes, seen):
    """{name in the log: metric}, for the columns that count."""
    found = {}
    for raw in dict.fromkeys(raw for row in rows for raw in row.values):
        column = column_of(raw)
        if column.kind == "metric":
            seen.append(raw)
            found.setdefault(column.name, []).append((column.rank, raw))
    names = {}
    for metric, raws in found.items():
        raws.sort(key=lambda each: each[0])
        names[raws[0][1]] = metric
        if len(raws) > 1:
            others = ", ".join(raw for _, raw in raws[1:4])
            notes.append(f"{raws[0][1]} counts as {metric}; {others} is left out.")
    splits = {metric: column_of(raw).split for raw, metric in names.items() if is_loss(metric)}
    if splits.get("loss") == "train" and splits.get("val_loss"):
        # fastai and Hugging Face measure what they call accuracy on the validation data.
        plain = {raw for raw, metric in names.items() if not column_of(raw).split and not is_loss(metric)}
        moved = {raw: f"val_{names[raw]}" for raw in plain if f"val_{names[raw]}" not in names.values()}
        if moved:
            notes.append(
                f"{', '.join(sorted(moved)[:5])}: taken to be of validation, as beside train_loss and val_loss."
            )
        names |= moved
    if "loss" not in names.values():
        names = _only_loss(names, notes)
    for raw, metric in names.items():
        if metric == "val_loss" and column_of(raw).rank >= TEST:
            notes.append(f"{raw} is taken for the validation loss.")
    strange = [raw for raw, metric in names.items() if is_loss(metric) and metric not in ("loss", "val_loss")]
    if strange:
        notes.append(f"These look like losses and are not drawn: {', '.join(strange[:5])}.")
        if not {"loss", "val_loss"} <= set(names.values()):
            notes.append("If one of them is the loss or the validation loss, give it the name loss or val_loss.")
    return names


def _only_loss(names, notes):
    """With no column called loss, the only one that looks like a loss of training counts, and its validation."""
    losses = [(raw, metric) for raw, metric in names.items() if is_loss(metric) and not metric.startswith("val_")]
    if len(losses) != 1:
        return names
    raw, metric = losses[0]
    renamed = {metric: "loss", f"val_{metric}": "val_loss"}
    notes.append(f"{raw} is taken for the loss.")
    taken = set(names.values())
    return {
        raw: renamed[name] if name in renamed and renamed[name] not in taken else name for raw, name in names.items()
    }


def _named(values, names):
    return {names[raw]: value for raw, value in values.items() if raw in names}


def _by_epoch(rows, notes):
    """[(number, rows)]: the rows of each epoch. Where the numbers begin again, the run goes on."""
    known = next(row.epoch for row in rows if row.epoch is not None)
    fractions = any(row.epoch is not None and row.epoch % 1 for row in rows)
    groups, first, last, shift, begun_again, written_again = {}, None, None, 0, 0, 0
    for row in rows:
        known = row.epoch if row.epoch is not None else known
        number = math.ceil(round(known, 6)) if fractions else int(known)
        first = number if first is None else first
        there = (
            {name for each in groups.get(number + shift, []) for name in each.values} if last != number + shift else ()
        )
        # A row of an earlier epoch with what that epoch has already: the training has been started again.
        if groups and number + shift < last and not there.isdisjoint(row.values):
            if number == first and len(groups) > 1:
                shift = next(reversed(groups)) + 1 - number
                begun_again += 1
            else:
                while groups and next(reversed(groups)) >= number + shift:
                    groups.popitem()
                written_again += 1
        last = number + shift
        groups.setdefault(last, []).append(row)
    if begun_again:
        notes.append("The numbers of the epochs begin again: read as one run that goes on.")
    if written_again:
        notes.append("The log goes back to an earlier epoch: what was written later counts.")
    return list(groups.items())


def _without_epochs(rows, notes):
    """Rows without numbers of epochs: each is one, unless validation comes more rarely than training."""
    if all(row.step is not None for row in rows):
        steps = {}
        for row in rows:
            steps.setdefault(row.step, {}).update(row.values)
        rows = [Row(None, step, values) for step, values in sorted(steps.items())]
        notes.append("It has no epochs, only steps: each point is a step that was written down.")
    of_its_own = any("val_loss" in row.values and "loss" not in row.values for row in rows)
    by_steps = any(row.step is not None for row in rows) and any("val_loss" not in row.values for row in rows)
    if any("val_loss" in row.values for row in rows) and (of_its_own or by_steps):
        return _by_validation(rows)
    return [(None, [row]) for row in rows]


def _by_validation(rows):
    """A group for each validation: the rows of training since the one before, and its own."""
    groups, group, validated = [], [], False
    for row in rows:
        if "loss" in row.values and validated:
            groups.append((None, group))
            group, validated = [], False
        group.append(row)
        validated = validated or "val_loss" in row.values
    return [*groups, (None, group)]


def _leave_out_sanity_check(groups, notes):
    """Lightning validates a few batches before training; that is no epoch of its own."""
    if not groups:
        return
    number, group = groups[0]
    begin = next((place for place, row in enumerate(group) if "loss" in row.values), len(group))
    early = any(name.startswith("val_") for row in group[:begin] for name in row.values)
    if early and any("val_loss" in row.values for row in group[begin:]):
        notes.append("A validation before training is left out.")
        groups[0] = (number, group[begin:])


def _leave_out_last_test(groups, tests, notes):
    """One look at the test set after training is no curve. tests: the metrics that come from a test set."""
    of_test = [place for place, (_, group) in enumerate(groups) if any("val_loss" in row.values for row in group)]
    if "val_loss" in tests and len(of_test) == 1 and len(groups) >= FEW:
        number, group = groups[of_test[0]]
        kept = [
            row._replace(values={name: value for name, value in row.values.items() if name not in tests})
            for row in group
        ]
        groups[of_test[0]] = (number, kept)
        notes.append("The test loss is known only once, after training, and is left out.")


def _one(group, notes):
    """The numbers of one epoch: of training the mean of its rows, or the last of a bar; of validation the last."""
    columns = {}
    for row in group:
        for name, value in row.values.items():
            columns.setdefault(name, []).append((value, row.running))
    found = {}
    for name, cells in columns.items():
        values = [value for value, _ in cells]
        if name.startswith("val_") or len(values) == 1 or any(running for _, running in cells):
            found[name] = values[-1]
        else:
            with np.errstate(all="ignore"):
                mean = float(np.mean(values))
            found[name] = Share(mean) if any(isinstance(value, Share) for value in values) else mean
            said = "Where an epoch has several figures of training, their mean counts."
            if said not in notes:
                notes.append(said)
    return found


def join(parts, notes):
    """Several parts of a run, each as `epochs_of` gives it, as one. Where numbers overlap, the later part counts."""
    joined = {}
    for part in parts:
        last = max(joined, default=0)
        for place, (number, values) in enumerate(part):
            key = last + 1 + place if number is None else number
            joined[key] = {**joined.get(key, {}), **values}
    if len(parts) > 1:
        numbered = all(number is not None for part in parts for number, _ in part)
        how = "by their epochs; where they overlap, the later one counts" if numbered else "one after the other"
        notes.append(f"{len(parts)} parts are joined {how}.")
    return sorted(joined.items())


def columns_of(epochs, notes, seen):
    """{metric: list with one number per epoch} of the epochs in which the losses are known.

    Raises LessonError, with the names that were found, if there is no loss of training.
    """
    count = Counter(name for _, values in epochs for name in values)
    if not count["loss"]:
        raise LessonError(
            f"There is no training loss in this log. {_found(seen)} If one of them is the loss, say which:"
            ' read_log({"loss": [...], "val_loss": [...]}).'
        )
    needed = [name for name in ("loss", "val_loss") if count[name]]
    kept = [(number, values) for number, values in epochs if all(name in values for name in needed)]
    if not kept:
        raise LessonError(
            "Loss and val_loss are never known in the same epoch of this log. If they belong together all the same,"
            ' pair them yourself: read_log({"loss": [...], "val_loss": [...]}).'
        )
    if len(kept) < len(epochs):
        which = "in which both losses are known" if len(needed) > 1 else "that have a training loss"
        notes.append(f"Of {len(epochs)} epochs the {len(kept)} {which} are kept.")
    first = kept[0][0]
    if first is not None and first > 1 and len(kept) == len(epochs):
        notes.append(f"It begins at epoch {first:g}, which counts as the first here.")
    found = {name: [values[name] for _, values in kept] for name in count if all(name in values for _, values in kept)}
    gaps = [name for name in count if name not in found]
    if gaps:
        notes.append(f"Not known in every epoch, and left out: {', '.join(gaps[:5])}.")
    alone = [name for name in found if name.startswith("val_") and name != "val_loss" and name[4:] not in found]
    if alone:
        notes.append(f"Known for validation only, so not drawn: {', '.join(alone[:5])}.")
    return {name: _share(name, values, notes) for name, values in found.items()}


def _share(name, values, notes):
    """An accuracy in percent as a share of 1."""
    given = [value for value in values if isinstance(value, Share)]
    others = [value for value in values if math.isfinite(value) and not isinstance(value, Share)]
    if is_accuracy(name) and others and min(others) >= 0 and 1.5 < max(others) <= 100:
        if not given:
            notes.append(f"{name} was in percent.")
            return [round(value / 100, 12) for value in values]
        # Beside numbers with a percent sign one above 1 has lost it.
        values = [value if isinstance(value, Share) or not value > 1 else value / 100 for value in values]
    return [float(value) for value in values]


def _found(seen):
    return f"It has {', '.join(list(dict.fromkeys(seen))[:8])}." if seen else "No metric was found in it."
