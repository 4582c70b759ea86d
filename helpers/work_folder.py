"""Where the files of a lesson go: beside the notebook, or into a folder of the student's own where that is not allowed.

A folder that a whole class shares is often closed to writing. All that a lesson writes, and a student's own
`plt.savefig("curve.png")`, goes to the folder in which the kernel works. So where nothing can be written there, the
kernel goes on working in another one, and says so.
"""

import contextlib
import os
import tempfile
from pathlib import Path

NAME = "my-learning-curves"  # the folder in a student's home
SAVED = "saved"  # the folder of the lessons' files, in the one in which the kernel works


def settle():
    """Stay in the kernel's folder if files can be kept there, or go to one where they can.

    Returns what the student should know, in words: an empty string where nothing has changed.
    """
    here = Path.cwd()
    if _can_be_kept_in(here):
        return ""
    cannot = f"Nothing can be written into the folder of this notebook, {here}."
    for place, warning in _others():
        if _can_be_kept_in(place):
            os.chdir(place)
            return (
                f"{cannot} What you do is kept all the same, in {place}: your lab book and the lessons' files.{warning}"
                " Changes to the notebook itself are not: File → Save Notebook As… keeps a copy of it in a folder of"
                " yours."
            )
    return f"{cannot} Nor is there another place for files: the lesson runs, but nothing of it can be kept."


def _others():
    """Folders to try, made if they are not there, each with what is to be said of it."""
    with contextlib.suppress(OSError, RuntimeError):  # there may be no home, or none that can be written to
        home = Path.home() / NAME
        home.mkdir(exist_ok=True)
        yield home, ""
    with contextlib.suppress(OSError):
        yield Path(tempfile.mkdtemp(prefix=f"{NAME}-")), " The system deletes that folder some day: copy what you need."


def _can_be_kept_in(folder):
    """Whether a file can be made where the lessons make theirs in `folder`. Only trying tells: disks can be full or
    read-only, and permissions are not all that decides."""
    saved = folder / SAVED
    try:
        with tempfile.TemporaryFile(dir=saved if saved.exists() else folder):
            return True
    except OSError:
        return False
