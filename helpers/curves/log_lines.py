"""Rows from what training has printed: progress bars of Keras, lines of one's own loop, dicts of Hugging Face."""

import re

from helpers.curves.log_epochs import MOST_ROWS, TOO_MANY, Row
from helpers.curves.log_names import (
    FILLERS,
    NUMBER,
    TRAIN,
    VALIDATION,
    Share,
    column_of,
    is_accuracy,
    is_loss,
    number_of,
)

LONGEST = 4000  # characters of a line that are read
COLOURS = re.compile(
    r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\x1b[()][A-Z0-9]|\[(?:\d{1,2}(?:;\d{1,2}){0,3})?[mK](?![\w\]])|[\x00-\x07\x0b\x0c\x0e-\x1f]"
)
COLOURED_WORD = re.compile(r"\[(?:0|1|22?|3[0-7]|39|9[0-7])m")  # where the paste has lost the escape before it
EPOCH = re.compile(
    r"(?<![A-Za-z_])(?:epoch|ep)(?![A-Za-z_])\s{0,9}[:#=]?\s{0,9}[\[(]?\s{0,9}#?(\d{1,7}(?:\.\d{1,9})?)", re.IGNORECASE
)
NOT_AN_EPOCH = re.compile(r"(?:best|last|final|from|after|at|per|every|of|in|the)\s{1,3}$", re.IGNORECASE)
TUTORIAL = re.compile(r"\s*\[\s*(\d{1,7}),\s*(\d{1,9})\s*\](?=\s*\w*\s*loss)", re.IGNORECASE)  # [epoch, batch] loss: …
BAR = re.compile(r"(?<![\w./])(\d{1,9})/(\d{1,9}|Unknown)(?=\s*[\[|━\s]|$)")
RUNNING = re.compile(r"━|\d%\s*\||it/s|s/it|s/step|s/epoch|\bETA\b|\d/(?:\d+|Unknown)\s*(?:\[[=>.]|\|)")
KERAS_BAR = re.compile(r"\s*(?:\d{1,9}/(?:\d{1,9}|Unknown)\s|(?:-\s)?\d{1,6}s\s)")
FIGURE = re.compile(rf"(?<![\w.@+-])(?<!\w[,/])(?>{NUMBER.pattern})(?!\w)", re.IGNORECASE)
BETWEEN = re.compile(r"(?:^|\s)[-–—|]+\s|[,;|\t(){}\[\]>━*]|\s{2,}|=+>?|\bstep\s-")
PLAIN = {"loss", "acc", "accuracy", *TRAIN, *VALIDATION, *FILLERS}


def rows_of_lines(text, notes):
    """Rows of a text, one for each line that has figures; an empty list if none has."""
    rows, epoch, scope, bar, headless, after = [], None, "", None, 0, False
    for line in _lines(text):
        line = line.replace('"', " ").replace("'", " ")
        tutorial, header = TUTORIAL.match(line), EPOCH.search(line)
        if tutorial:
            epoch, line = float(tutorial[1]), line[tutorial.end() :]
        elif header and not NOT_AN_EPOCH.search(line[: header.start()]):
            if float(header[1]) != epoch:
                bar, after = None, False
            epoch = float(header[1])
        values, step = _figures(line, scope)
        scope = (
            _scope(line)
            if not values and line.rstrip().endswith((":", "-"))
            else scope
            if not values and not line.strip()
            else ""
        )
        if not any(is_loss(column_of(name).name) or is_accuracy(column_of(name).name) for name in values):
            continue
        if "train_runtime" in line:  # the whole run's mean
            continue
        counted, running = BAR.search(line), "{" not in line and bool(RUNNING.search(line) or KERAS_BAR.match(line))
        if counted and running:
            now = (int(counted[1]), counted[2], set(values))
            begins_again = bar and (now[1] != bar[1] or now[0] < bar[0] or (now[0] == bar[0] and now[2] == bar[2]))
            if begins_again and epoch is None:
                headless += 1
            elif bar and str(bar[0]) == bar[1] and (now[1] != bar[1] or now[0] < bar[0]):
                after = True
            bar = now
        if after and counted and running:
            notes.append("A bar after the end of an epoch, as model.evaluate prints it, is left out.")
            continue
        number = epoch if epoch is not None else headless + 1 if counted and running else None
        if running and rows and rows[-1].running and rows[-1].epoch == number:
            rows[-1] = Row(number, step, {**rows[-1].values, **values}, running)
            continue
        rows.append(Row(number, step, values, running))
        if len(rows) == MOST_ROWS:
            notes.append(TOO_MANY)
            break
    return rows


def _lines(text):
    """The lines as the screen showed them, one after the other; without colours, and joined where they were cut."""
    text = COLOURED_WORD.sub("", COLOURS.sub("", text))
    line = None
    for new in re.split(r"[\n\r\x08\u2028\x85]+", text.replace("\r\n", "\n")):
        new = new[:LONGEST]
        glue = None if line is None else _glue(line, new)
        if glue is not None and len(line) < LONGEST:
            line += glue
            continue
        if line is not None:
            yield line
        line = new
    if line is not None:
        yield line


def _glue(line, new):
    """What continues a bar of Keras that a narrow window has cut in two, or None if `new` is a line of its own."""
    if not KERAS_BAR.match(line) or not new.strip():
        return None
    new = new.strip()
    if re.match(r"[=>.]+\]|[=>.]{3,}$|[━╸╺]", new):
        return new
    if re.match(r"-\s", new):
        return f" {new}"
    if re.match(r":\s*[\d.]", new) or (re.match(r"\w{0,40}:\s*[-\d.ni]", new) and re.search(r"[A-Za-z_]$|-\s*$", line)):
        return new if re.search(r"[A-Za-z_]$", line) else f" {new}"
    if re.match(r"[\d.]{1,12}(?:e[-+]?\d+)?(?:\s*$|\s+-\s)", new) and re.search(
        r"\w:\s*[-\d.]*(?:e[-+]?)?$", line[-60:]
    ):
        return new
    return None


def _figures(line, scope):
    """({name: number}, step) of a line: what stands behind a name and a colon, or behind "loss" and its like alone."""
    values, step, end = {}, None, 0
    for match in FIGURE.finditer(line):
        between, end = line[end : match.start()][-LONGEST // 10 :], match.end()
        scope = _scope(between) or scope
        colon = re.search(r"[:=]\s{0,9}$", between)
        piece = BETWEEN.split(between[: colon.start()] if colon else between)[-1]
        words = [word for word in re.split(r"[\s:]+", piece) if word and not word[0].isdigit()][-4:]
        name, value, after = " ".join(words), number_of(match.group()), line[end : end + 20]
        if not name or value is None:
            continue
        column = column_of(name)
        if column.kind == "step" and len(words) == 1:
            step = value if step is None else step
        plain = {word.lower() for word in words} <= PLAIN - {"the"} or (len(words) < 3 and is_loss(column.name))
        if column.kind != "metric" or not (colon or plain):
            continue
        if not column.split and scope:
            name, column = f"{scope} {name}", column_of(f"{scope} {name}")
        whole = re.match(r"\s*/\s*(\d{1,9})(?![\d.])", after)
        if whole and is_accuracy(column.name) and int(whole[1]):
            if value > int(whole[1]):  # a line that was cut
                continue
            value = Share(value / int(whole[1]))
        elif re.match(r"\s?%", after):
            value = Share.of_percent(value)
        values.setdefault(name, value)
    return values, step


def _scope(text):
    """The last word that says of which data a line speaks: "Test set: Average loss", "Train - Loss"."""
    words = [word for word in re.split(r"[^a-z_]+", text.lower()) if word in VALIDATION or word in TRAIN]
    return words[-1] if words else ""
