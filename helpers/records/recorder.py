"""Keeps the weights of every epoch that a panel trains, in files, for the time machine."""

from collections import namedtuple
from pathlib import Path

from helpers.errors import LessonError
from helpers.records.saved import epoch_file, new_folder, save_weights

# A run whose weights are kept. build: the student's function; settings: its keywords; folder: `saved.epochs_in` finds
# the files there; history: the run's `History`.
Recording = namedtuple("Recording", "build settings folder history")


class Recorder:
    """Saves what a `Trainer` trains into folders `run-1`, `run-2`, … of `within`, one for each setting.

    `begin` says which run it is, and `save` is for the `Trainer`. What cannot be saved does not stop the training:
    `trouble` then says it in words; `folder` is None if there is none. Raises `LessonError` if there is no folder
    `within`.
    """

    def __init__(self, within):
        self.within = Path(within)
        self._refuse_missing()
        self.folder, self.trouble = None, ""
        self._folders = {}  # what decides the course of a run -> its folder

    def _refuse_missing(self):
        if not self.within.is_dir():
            raise LessonError(
                f"save_in={str(self.within)!r}: there is no such folder (any more). Make one, new_folder('panel'), and"
                " run this cell again."
            )

    def begin(self, course):
        """A run begins, or goes on; `course`, a text, is what decides its curve, so that the same course has one
        `folder`."""
        self.folder, self.trouble = self._folders.get(course), ""
        if self.folder is None:
            try:
                self._refuse_missing()
                self.folder = self._folders[course] = new_folder("run", self.within)
            except LessonError as error:
                self.trouble = f"The weights of this run are not kept. {error}"

    def save(self, model, epoch):
        """Save `model`'s weights after `epoch` (from 1) of the run that has begun."""
        if self.folder is None:
            return
        try:
            save_weights(model, epoch_file(self.folder, epoch))
        except LessonError as error:
            self.trouble = self.trouble or f"The weights of epoch {epoch} are not kept. {error}"
