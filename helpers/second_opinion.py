"""`second_opinion`: what somebody's own training log shows, and what to try. In a terminal:

python -m helpers.second_opinion log.csv
"""

import argparse
import sys
from pathlib import Path
from types import ModuleType

import helpers
from helpers.curves.diagnosis import diagnose
from helpers.curves.log import LARGEST, read_log
from helpers.curves.opinion import Opinion, printable
from helpers.curves.opinion_page import GENERATOR, page
from helpers.errors import LessonError


def second_opinion(source, *, classes=None, shares=None, baseline=None, from_start=None):
    """An `Opinion` on a training: its curves, what they show, what to try first, what else it could be.

        second_opinion(history)    second_opinion("log.csv")    second_opinion('''Epoch 1/9 … loss: 0.61 …''')

    source: whatever `read_log` takes. classes, shares, baseline, from_start: what you know besides (see `diagnose`).

    Nothing is run and nothing is fetched; a file of more than 20 MB is refused, as half a log would be judged.
    Raises `LessonError` or `CurveError` in words where there is nothing to judge.
    """
    _refuse_half(source)
    log = read_log(source)
    found = diagnose(log, classes=classes, shares=shares, baseline=baseline, from_start=from_start)
    return Opinion(log, found, source.name if isinstance(source, Path) else "")


def _refuse_half(source):
    """Refuse files of which `read_log` would read the beginning only."""
    for path in source if isinstance(source, list | tuple) else [source]:
        try:
            size = Path(path).stat().st_size if isinstance(path, str | Path) and "tfevents" not in str(path) else 0
        except (OSError, ValueError):  # the text of a log, or no file at all: `read_log` has words for that
            continue
        if size > LARGEST:
            raise LessonError(
                f"{Path(path).name} has {size / 1e6:,.0f} MB, and a log of more than {LARGEST / 1e6:.0f} MB is not"
                " read: its beginning alone could be misjudged. Keep the lines with the losses, one for each epoch."
            )


def main(words=None):
    """The command: write one HTML file, and print what was found. Returns the exit code."""
    asked = _arguments().parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that cannot write a letter still tells the rest
    try:
        if asked.log == "-":
            source, name = sys.stdin.read(LARGEST + 1), "log"
        else:
            source = Path(asked.log)
            name = source.stem or "log"
            if source.is_dir() or "tfevents" in source.name:
                print("Loading TensorFlow, which can read such files …", file=sys.stderr, flush=True)
                helpers.import_tensorflow_quietly()
        file = Path(asked.output or f"{name}_second_opinion.html")
        _refuse_to_overwrite(file)
        opinion = second_opinion(source, classes=asked.classes, baseline=asked.baseline)
        file.write_text(page(opinion), encoding="utf-8")
    except (LessonError, ValueError, OSError) as error:
        print(printable(error), file=sys.stderr)
        return 1
    print(f"{opinion}\n\nWritten, with the curves, to {printable(file)}")
    return 0


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m helpers.second_opinion", description=__doc__.partition(" In a")[0])
    parser.add_argument("log", help="a CSV, JSON or text file, a folder of TensorBoard, or - for what is piped in")
    parser.add_argument("-o", "--output", help="the HTML file to write; without it the log's name with _second_opinion")
    parser.add_argument("--classes", type=int, help="how many classes there are")
    parser.add_argument("--baseline", type=float, help="the loss of guessing, if you know it")
    return parser


def _refuse_to_overwrite(file):
    """Only what this command has written before is written over."""
    if file.exists() and (not file.is_file() or GENERATOR not in file.read_bytes()[:500].decode(errors="replace")):
        raise LessonError(f"{file.name} is there already, and not from here. Choose another name with --output.")


class _Callable(ModuleType):
    """This module, which can be called like the function: `helpers.second_opinion` is the one or the other, depending
    on who was imported first."""

    def __call__(self, *places, **named):
        return second_opinion(*places, **named)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    sys.exit(main())
