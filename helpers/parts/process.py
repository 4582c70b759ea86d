"""A training script as a process of its own: started, its log read while it runs, what it left or why it failed."""

import atexit
import csv
import math
import os
import re
import subprocess
import sys
from pathlib import Path

from helpers.errors import LessonError, shorten

PROJECT = Path(__file__).resolve().parent.parent.parent
LOG, OUTPUT = "log.csv", "output.txt"
WRITE = (
    f'It must write {LOG}: make keras.callbacks.CSVLogger(files / "{LOG}") the last of its callbacks, where files is'
    " Path(sys.argv[1])."
)

running = set()  # what must not outlive the kernel


def start(script, files):
    """Start `script` with the folder `files` as its argument, a `Popen`."""
    paths = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
    ours = {"PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(script), str(files)]
    with open(files / OUTPUT, "wb") as output:  # a full pipe would block what prints into it
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, env={**os.environ, **ours}, **streams)
    running.add(process)
    return process


@atexit.register
def leave_nothing_running():
    for process in list(running):
        process.kill()
        process.wait()


def read_log(path):
    """What a log of Keras's `CSVLogger` says so far: {metric: list with one float per finished epoch}; {} before that.

    A line whose end has not been written yet does not count. Raises `LessonError` where no column is for the loss.
    """
    try:
        text = path.read_bytes()
    except OSError:  # not there yet
        return {}
    lines = list(csv.reader(text[: text.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines()))
    names, rows = lines[0] if lines else [], [line for line in lines[1:] if len(line) == len(lines[0])]
    if lines and "loss" not in names:
        raise LessonError(f"{path.name} begins with {shorten(','.join(names), 80)!r} and names no loss. {WRITE}")
    columns = {name: column for name, column in zip(names, zip(*rows, strict=True), strict=False) if name != "epoch"}
    # Without validation data Keras fills the columns for them with "NA".
    return {name: [_number(value) for value in column] for name, column in columns.items() if set(column) != {"NA"}}


def on_disk(files):
    """In words, what a run has left in its folder `files`, without what it printed."""
    sizes = {
        path.name: sum(part.stat().st_size for part in (path, *path.rglob("*")) if part.is_file())
        for path in sorted(files.glob("*"))
        if path.name != OUTPUT
    }
    there, size = [name for name in sizes if sizes[name]], sum(sizes.values())
    if not there:
        return "Nothing is saved yet."
    only = " Nothing but the log: the script saves no network." if there == [LOG] else ""
    size = f"{size / 1e6:.1f} MB" if size > 1e5 else f"{math.ceil(size / 1e3)} kB"
    return f"On disk: {', '.join(there)} ({size}).{only}"


def why_it_failed(code, script, files):
    """A `LessonError` that says what the script's traceback says, or a `KeyboardInterrupt`: the script gets it too."""
    with open(files / OUTPUT, "rb") as file:
        file.seek(max(0, os.path.getsize(file.name) - 20_000))
        text = file.read().decode("utf-8", "replace")
    text = "".join(character for character in text if character.isprintable() or character == "\n")
    _, traceback, end = text.rpartition('  File "')
    lines = [line for line in end.splitlines() if line.strip()]
    where = f" All that it printed stands in {files / OUTPUT}."
    if not traceback:
        last = f" It printed last: {shorten(lines[-1])}." if lines else ""
        return LessonError(f"{script.name} ended with exit code {code}.{last}{where}")
    reason = next((line for line in lines[1:] if not line[0].isspace()), lines[-1])
    if reason.startswith("KeyboardInterrupt"):
        return KeyboardInterrupt()
    reason = re.sub(r"^[\w.]+\.(?=\w+:)", "", reason)  # tensorflow.python.framework.errors_impl.…
    places = re.findall(rf'File "{re.escape(str(script))}", line (\d+).*\n +(.*)', text)
    look = f" Look at line {places[-1][0]} of {script.name}: {places[-1][1]}" if places else ""
    hint = " A script knows nothing of your notebook: it must import or make what it uses."
    hint = hint if reason.startswith("NameError") else ""
    return LessonError(f"{script.name} ended with an error: {shorten(reason)}{look}{hint}{where}")


def _number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan
