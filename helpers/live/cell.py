"""Where a live part is shown: behind which front end, and in which cell, whose part it replaces."""

import os
import sys

from IPython import get_ipython

from helpers.errors import LessonError

PLACES = {"background": "background", "inline": "inline", "nobody": "nobody watches"}  # as LAB_PLACE names them

_shown = {}  # what tells a cell from others -> the live parts it shows
_handed_on = {}  # the same -> what those have handed on that it showed before


def place():
    """Where panels are shown: "background" training behind a front end, "inline" (Colab), or "nobody watches".

    The environment variable LAB_PLACE, set to background, inline or nobody, says it where a front end is misjudged.
    """
    wanted = os.environ.get("LAB_PLACE", "")
    if wanted and wanted not in PLACES:
        raise LessonError(f"LAB_PLACE is {wanted!r}; it can be {', '.join(PLACES)}, or not set at all.")
    shell = get_ipython()
    if not hasattr(shell, "kernel"):
        return "nobody watches"
    if wanted:
        return PLACES[wanted]
    if "google.colab" in sys.modules:
        # Colab shows no widget update that leaves the kernel outside a running request.
        return "inline"
    # A client that cannot be asked for input is a program that runs the notebook, not a person at a front end.
    return "background" if shell.kernel._allow_stdin else "nobody watches"


def has_subshell():
    """Whether the page has made a sub-shell, which hears it while a cell runs."""
    kernel = getattr(get_ipython(), "kernel", None)
    manager = getattr(getattr(kernel, "shell_channel_thread", None), "manager", None)
    return manager is not None and bool(manager.list_subshell())


def execution():
    """The number of the execution that is under way."""
    return getattr(get_ipython(), "execution_count", None)


def shown_number():
    """The number that stands beside the cell that is running: it is how many have been run."""
    cells = getattr(get_ipython(), "user_ns", {}).get("In", ())  # the first of them is none
    return len(cells) - 1 if cells else None


def cell_id():
    """What tells the cell that is running from the others: JupyterLab and Colab say which one it is.

    Elsewhere the text of the cell identifies it: who runs a cell again has seldom changed it.
    """
    shell = get_ipython()
    said = shell.kernel.get_parent("shell").get("metadata", {})
    return said.get("cellId") or said.get("colab", {}).get("cell_id") or shell.user_ns.get("In", [""])[-1]


def replace(part):
    """Close what the cell that is running has shown before; `part` takes over what a student had made on it."""
    if not hasattr(get_ipython(), "kernel"):
        return
    here = cell_id()
    # One call of the cell after the other: a second part of the same run does not close the first.
    shown = [other for other in _shown.get(here, []) if other._shown_in == part._shown_in]
    before = [other for other in _shown.get(here, []) if other not in shown]
    if not shown:
        _handed_on[here] = [other.hand_on() for other in before]
    for handed_on in _handed_on[here][len(shown) : len(shown) + 1]:
        part.take_over(handed_on)
    for other in before:
        other.close()
    _shown[here] = [*shown, part]
