"""How many students a machine can bear: on a real hub all run lesson 1 at once, then move a slider every five seconds.

python -m tests.hub.load                            1, 2, 4 and 8 students; writes the table into hub/README.md
python -m tests.hub.load --students 1 --keep        one student; only prints
python -m tests.hub.load --set MALLOC_ARENA_MAX=2   with a variable in the environment of their servers

It must be root's, takes about a quarter of an hour, and sends nothing to any other machine.
"""

import argparse
import math
import os
import pwd
import re
import statistics
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psutil

from tests import notebooks
from tests.hub.page import PATIENCE, Page, moves
from tests.hub.place import ROOT
from tests.hub.server import Hub
from tests.hub.student import Student

README = ROOT / "hub" / "README.md"
TABLE = re.compile(r"(<!-- load: .*?-->\n).*?(<!-- end of load -->)", re.DOTALL)
COLUMNS = (
    "students",
    "for each core",
    "moves",
    "median from a move to the finished run",
    "95 % of them within",
    "all cells of lesson 1",
    "memory of each",
    "failures",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|{' -: |' * len(COLUMNS)}\n"
LESSON = notebooks.lessons()[0]
EVERY = 5  # seconds from one move to the next
CLASS = 30  # students, for the advice below the table
GUARANTEED = 1.2e9  # bytes, as in jupyterhub_config.py

Seen = namedtuple(
    "Seen", "cells seconds memory failures"
)  # of one student: two lists of seconds, bytes, a list of words

Row = namedtuple("Row", "students seconds cells memory failures")  # of all: medians, but all seconds and all failures


def attend(hub, seconds, together):
    """What one student sees: a `Seen`. If it ends early, the others do not wait for it."""
    try:
        return _attend(hub, seconds, together)
    except BaseException:
        together.abort()
        raise


def _attend(hub, seconds, together):
    student = Student(hub)
    student.ask_for_server()
    student.wait_for_server(300)
    kernel = student.open(f"course/notebooks/{LESSON.name}")
    page, took, failures = Page(kernel), [], []
    began = time.monotonic()
    for cell in notebooks.read(LESSON).cells:
        if cell.cell_type == "code" and "raises-exception" not in cell.metadata.get("tags", []):
            try:
                kernel.run(cell.source, 300, page.hear)
            except AssertionError as error:
                failures.append(str(error)[-300:])
    cells = time.monotonic() - began
    together.wait(900)
    ends = time.monotonic() + seconds
    for name, value in moves():
        next_move = time.monotonic() + EVERY
        if next_move > ends + EVERY:
            break
        try:
            took.append(page.move(name, value))
        except (TimeoutError, OSError) as error:
            failures.append(str(error))
            took.append(PATIENCE)  # at the least
        time.sleep(max(0, next_move - time.monotonic()))
    memory = _memory(student.name)
    together.wait(300)  # nobody leaves before all have been measured
    return Seen(cells, took, memory, failures)


def _memory(account):
    """Bytes that the processes of an account take; what several share is counted in parts (PSS)."""
    number = pwd.getpwnam(account).pw_uid
    return sum(each.memory_full_info().pss for each in psutil.process_iter() if each.uids().real == number)


def measure(students, seconds, variables):
    """A `Row` of the table."""
    hub = Hub(f"c.JupyterHub.active_server_limit = 0\nc.Spawner.environment.update({variables})\n")
    try:
        hub.start()
        together = Barrier(students)
        with ThreadPoolExecutor(students) as crowd:
            attending = [crowd.submit(attend, hub, seconds, together) for _ in range(students)]
            seen = [each.result() for each in attending]
    finally:
        hub.close()
    took = [second for each in seen for second in each.seconds]
    cells, memory = (statistics.median(getattr(each, name) for each in seen) for name in ("cells", "memory"))
    return Row(students, took, cells, memory, [words for each in seen for words in each.failures])


def slowest(row):
    """The seconds within which 95 % of the moves were answered."""
    return statistics.quantiles(row.seconds, n=20, method="inclusive")[-1]


def as_line(row):
    cells = (
        row.students,
        f"{row.students / os.cpu_count():g}",
        len(row.seconds),
        f"{statistics.median(row.seconds):.1f} s",
        f"{slowest(row):.1f} s",
        f"{row.cells:.0f} s",
        f"{row.memory / 1e9:.2f} GB",
        len(row.failures),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def machine(load):
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"On a machine with {os.cpu_count()} cores and {memory:.0f} GiB of memory, which also"
        f" did other things: before the students came, {load:.1f} processes wanted to compute at the same time.\n"
    )


def advice(rows):
    """What a class needs by the rows in which the next move found the run of the last one done."""
    fluent = [row for row in rows if not row.failures and slowest(row) < EVERY]
    if not fluent:
        return "No number of students was answered in time: this machine is too slow, or too busy."
    most = max(row.students for row in fluent)
    cores = math.ceil(CLASS * os.cpu_count() / most)
    return (
        f"Up to {most} students on {os.cpu_count()} cores, all but a few moves were answered before the next one. So"
        f" a class of {CLASS}, all busy at the same moment, needs {cores} such cores, or fewer that are not as busy;"
        f" and {CLASS * GUARANTEED / 1e9:.0f} GB of memory for 1.2 GB each, with some more for the machine itself."
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.hub.load")
    parser.add_argument("--students", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=180, help="for how long they move the slider")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", action="store_true", help="leave hub/README.md as it is")
    chosen = parser.parse_args()
    if os.geteuid() != 0:
        return "It makes accounts for students, which only root can: run it with sudo."
    said = machine(os.getloadavg()[1])
    print(said, HEAD, sep="\n", end="", flush=True)
    rows = []
    for students in chosen.students:
        rows.append(measure(students, chosen.seconds, dict(each.split("=", 1) for each in chosen.set)))
        print(as_line(rows[-1]), end="", flush=True)
        if not chosen.keep:
            write(f"{HEAD}{''.join(map(as_line, rows))}\n{said}{advice(rows)}\n")
    print(advice(rows))
    for words in (words for row in rows for words in row.failures):
        print("failure:", words)


def write(whole):
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda found: found[1] + whole + found[2], text), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
