"""The files of a lesson: a folder for each run, saving that a crash cannot spoil, loading that runs nothing.

folder = new_folder("checkpoints")          # saved/checkpoints-1, beside the notebook
save_weights(model, epoch_file(folder, 7))
"""

import contextlib
import errno
import os
import re
import shutil
import uuid
import warnings
from pathlib import Path

from helpers.errors import LessonError, shorten

OURS = ".made-by-the-lessons"  # the empty file that tells a folder of ours from all others
EPOCH = re.compile(r"epoch_(\d+)\.weights\.h5")
ENDING = ".weights.h5"


def new_folder(name="run", within="saved"):
    """Make a folder that nobody has used yet, `within`/`name`-1 or with the next free number; returns its `Path`.

    Two notebooks that ask at the same moment get two folders. Raises `LessonError` for a name that cannot be one, or
    where no folder can be made.
    """
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
        raise LessonError(
            f"new_folder({name!r}): a name is made of letters, digits, _ and -, for example 'checkpoints'."
        )
    within = Path(within)
    try:
        within.mkdir(parents=True, exist_ok=True)
        found = (re.fullmatch(rf"{re.escape(name)}-(\d{{1,9}})", path.name) for path in within.glob(f"{name}-*"))
        number = max((int(match[1]) for match in found if match), default=0)
        while True:
            number += 1
            folder = within / f"{name}-{number}"
            try:
                folder.mkdir()  # fails if another notebook has been quicker
                (folder / OURS).touch()
                return folder
            except FileExistsError:
                if not folder.is_dir() or not within.is_dir():
                    raise
    except OSError as error:
        raise in_words(error, within, "make a folder in") from error


def existing_folder(folder, purpose):
    """`folder` as a `Path`, or a `LessonError` that says what it is for and how to make one."""
    if not isinstance(folder, (str, Path)) or not Path(folder).is_dir():
        raise LessonError(
            f"There is no folder {folder!s} for {purpose} (any more). Make one: folder = new_folder('choice')"
        )
    return Path(folder)


def clean_up(folder):
    """Delete a folder that `new_folder` has made, with all that is in it; says what has been deleted.

    Raises `LessonError` for any other folder, which is left alone.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LessonError(f"There is no folder {folder}: it has been deleted already, or is its name another one?")
    if not (folder / OURS).exists() or folder.is_symlink():
        raise LessonError(
            f"{folder} was not made by new_folder, so it is left alone. Delete it yourself if you want to."
        )
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != OURS]
    size = sum(path.stat().st_size for path in files)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise in_words(error, folder, "delete") from error
    print(f"Deleted {folder}: {len(files)} file{'s' * (len(files) != 1)}, {size / 1e6:.1f} MB.")


def epoch_file(folder, epoch):
    """The file in `folder` for the weights after `epoch` (from 1), as ModelCheckpoint(folder / "epoch_{epoch:03d}…")
    names it."""
    return Path(folder) / f"epoch_{epoch:03d}{ENDING}"


def epochs_in(folder):
    """The files in `folder` that hold an epoch's weights, as {epoch from 1: Path}, in the order of the epochs."""
    folder = Path(folder)
    if not folder.is_dir():
        raise LessonError(f"There is no folder {folder}: has it been deleted, or is its name another one?")
    found = {int(match[1]): path for path in folder.iterdir() if (match := EPOCH.fullmatch(path.name))}
    return dict(sorted(found.items()))


def save_weights(model, path):
    """Save the model's weights as `model.save_weights` does, all or nothing: until it is complete, the old file stays.

    It is written under another name beside `path` and then renamed, which the operating system does in one step.
    path: ends in ".weights.h5". Raises `LessonError` where it cannot be written; what was there before is unharmed.
    """
    path = Path(path)
    if not path.name.endswith(ENDING):
        raise LessonError(f"The name of a file for weights must end in {ENDING}; {path.name!r} does not.")
    part = path.with_name(f".{path.name.removesuffix(ENDING)}-{uuid.uuid4().hex[:8]}{ENDING}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # between NumPy and h5py, of no use to a student
            model.save_weights(part)
        os.replace(part, path)
    except OSError as error:
        raise in_words(error, path, "write") from error
    finally:
        with contextlib.suppress(OSError):  # what kept it from being written may keep it from being deleted, too
            part.unlink(missing_ok=True)


def load_weights(model, path):
    """Give `model` the weights in `path`, a file that ends in ".weights.h5"; no code is ever run from such a file.

    Raises `LessonError` where there is no such file, where it is damaged, and where it belongs to another network; the
    model then keeps the weights it had.
    """
    path, before = Path(path), model.get_weights()
    if not path.name.endswith(ENDING):
        whole = " A whole model is opened with keras.models.load_model(…)." if path.suffix == ".keras" else ""
        raise LessonError(f"{path.name!r} is no file for weights: their names end in {ENDING}.{whole}")
    if not path.is_file():
        raise LessonError(f"There is no file {path}. Has it been deleted? Train again to make a new one.")
    try:
        with warnings.catch_warnings():
            # Keras says here that a fresh optimizer does not take over a memory, which nobody needs to predict.
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            model.load_weights(path)
    except Exception as error:
        model.set_weights(before)
        raise _why_not_loaded(error, path) from error


def _why_not_loaded(error, path):
    if isinstance(error, PermissionError):
        return in_words(error, path, "read")
    if isinstance(error, OSError):
        return LessonError(
            f"{path} is damaged or no file of weights: it was cut short, perhaps because the disk was full or a process"
            " was killed while it wrote. Train again to make a new one."
        )
    if isinstance(error, MemoryError):
        return LessonError(
            f"{path} asks for more memory than there is, so it is damaged or not what it says. Train again to make a"
            " new one."
        )
    shapes = re.search(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))", str(error))
    reason = shorten(error)
    if shapes:
        reason = f"where this network has weights of shape {shapes[1]}, the file has {shapes[2]}"
    return LessonError(
        f"{path} does not fit this network: {reason}. Weights go back only into a network that is built exactly like"
        " the one they came from."
    )


def in_words(error, path, doing):
    """A `LessonError` for an `OSError` that came when we wanted to `doing` ("write", "read", …) `path`."""
    make_room = "Make room (clean_up(folder) deletes what a lesson has saved), then try again"
    own_folder = "Run the lesson's first cells again: they find a folder where its files can be kept"
    not_allowed = f"you are not allowed to do that there. {own_folder}"
    file_in_place = "there is a file in the place of the folder. Rename it"
    advice = {
        errno.ENOSPC: f"the disk is full. {make_room}",
        errno.EDQUOT: f"your share of the disk is used up. {make_room}",
        errno.EACCES: not_allowed,
        errno.EPERM: not_allowed,
        errno.EROFS: f"nothing can be written there. {own_folder}",
        errno.ENOENT: "its folder is not there (any more). Run the cell with new_folder(…) again, then this one",
        errno.EEXIST: file_in_place,
        errno.ENOTDIR: file_in_place,
    }
    # h5py raises plain OSErrors whose message alone says which.
    number = error.errno or next((code for code in advice if os.strerror(code) in str(error)), None)
    why = advice.get(number, shorten(error.strerror or error))
    return LessonError(f"Could not {doing} {path}: {why}. What had been saved before is still there.")
