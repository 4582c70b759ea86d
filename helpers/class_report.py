"""The lab books of a class as one page, for whoever teaches it. In a terminal:

python -m helpers.class_report FOLDER
"""

import argparse
import sys
from pathlib import Path

from helpers.curves.opinion import printable
from helpers.errors import LessonError
from helpers.memory.class_page import class_page
from helpers.memory.collected import collect
from helpers.memory.tables import GENERATOR


def main(words=None):
    """The command: read all lab books in a folder, and write one HTML file. Returns the exit code."""
    asked = _arguments().parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that cannot write a letter still tells the rest
    file = Path(asked.output)
    try:
        students, left_out = collect(asked.folder)
        if not students:
            raise LessonError(
                f"There is no lab book in {asked.folder}. A student finds theirs beside the notebook, in"
                ' saved/lab_book.jsonl, or writes it with progress().save("my_name.html").'
            )
        if file.exists() and (not file.is_file() or GENERATOR not in file.read_bytes()[:500].decode(errors="replace")):
            raise LessonError(f"{file.name} is there already, and not from here. Choose another name with --output.")
        file.write_text(class_page(students, left_out), encoding="utf-8", errors="replace")
    except (LessonError, OSError) as error:
        print(printable(error), file=sys.stderr)
        return 1
    for sentence in left_out:
        print(printable(sentence), file=sys.stderr)
    print(f"{len(students)} lab books, written to {printable(file)}")
    return 0


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m helpers.class_report", description=__doc__.partition(" In a")[0])
    parser.add_argument("folder", help="what was handed in: lab_book.jsonl or saved pages, in any folders below it")
    parser.add_argument("-o", "--output", default="class_report.html", help="the HTML file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
