"""What `live_curves` shows in a terminal: one line, brought up to date after each epoch; at the end a sentence."""

import sys
import time

from helpers.curves.history import best_epoch, figure

WIDTH = 100  # characters; a longer line would wrap, and could not be overwritten
PROGRESS = 1.0  # seconds between two looks at how far an epoch is


class TerminalLine:
    """The same for a training as `WatchedFit`, in a terminal or a file.

    quiet: whether Keras itself writes about the epochs (`verbose`); then only the last sentence is ours.
    """

    is_open = False  # each training has a line of its own

    def __init__(self, quiet):
        self._quiet, self._written, self._told_at = quiet, 0, 0.0
        self._run, self._pace = None, None

    def begin(self, run, ghosts, pace, epochs):
        self._run, self._pace = run, pace

    def show_epoch(self):
        figures = sorted(self._run.rows[-1].items(), key=lambda each: not each[0].endswith("loss"))  # the losses first
        last = ", ".join(f"{name} {figure(value)}" for name, value in figures[:4])
        best = best_epoch(self._run.drawn())
        self._write(f"{self._pace.epoch()}: {last}; best epoch {best}{self._pace.left()}", "" if _is_live() else "\n")

    def show_progress(self):
        if _is_live() and time.perf_counter() - self._told_at >= PROGRESS:
            self._told_at = time.perf_counter()
            self._write(self._pace.words(), end="")

    def finish(self, state, words):
        self._quiet = False
        self._write(words, width=None)

    def _write(self, words, end="\n", width=WIDTH):
        if self._quiet:
            return
        words = words[:width]
        back = "\r" if _is_live() else ""
        print(f"{back}{words:<{self._written}}", end=end, flush=True)
        self._written = len(words) if back else 0


def _is_live():
    """Whether a line can be overwritten: in a terminal, unlike in a file."""
    return sys.stdout.isatty()
