"""Write what the site has of the engine: the recorded runs of the lessons' panels, and how charts look.

python -m tests.site.record          all lessons: half an hour of training
python -m tests.site.record 01 03    those whose name begins so
python -m tests.site.record looks    only the style sheet of the charts
"""

import json
import sys
import tomllib

from helpers.curves.theme import SCREEN
from tests.notebooks import ROOT
from tests.site import panels
from tests.site.recording import record

SITE = ROOT / "site"
LOOKS = SITE / "_static" / "chart.css"


def wanted():
    """{lesson: {cell: {control: values or "all"}}}"""
    return tomllib.loads((SITE / "recordings.toml").read_text(encoding="utf-8"))


def chosen_values(controls, chosen):
    """{control: values}, with the values in place of "all"."""
    return {name: controls[name][0] if values == "all" else values for name, values in chosen.items()}


def path_of(lesson):
    return SITE / "_static" / "recordings" / f"{lesson}.js"


def read(lesson):
    """{cell: recording} of a lesson."""
    _, _, text = path_of(lesson).read_text(encoding="utf-8").partition("] = ")
    return json.loads(text)


def write(lesson, recordings):
    # A script, and not data to be fetched: a page that is opened from a folder may load no data.
    lines = json.dumps(recordings, indent=0, ensure_ascii=False)
    path_of(lesson).write_text(f'(window.recorded ??= {{}})["{lesson}"] = {lines}\n', encoding="utf-8", newline="\n")


def looks():
    """The style sheet of charts on the pages of the site."""
    return SCREEN.removeprefix("<style>").removesuffix("</style>")


def main(names):
    LOOKS.write_text(looks(), encoding="utf-8", newline="\n")
    for lesson, cells in wanted().items():
        if lesson.startswith(tuple(names) or ""):
            recordings = {}
            for cell, chosen in cells.items():
                print(f"{lesson}, {cell}", flush=True)
                panel = panels.panel(lesson, cell)
                controls = panels.controls(panel)
                recordings[cell] = record(panel, controls, chosen_values(controls, chosen))
            write(lesson, recordings)
            print(f"{lesson}: {path_of(lesson).stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
