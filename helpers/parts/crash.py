"""A crash drill: a training script runs as a process of its own, its curves grow live, and in mid-run it is killed.

    drill = crash_drill("train.py", "drills", epochs=20, kill_in=(2, 12, 7))

The process is killed as a power cut would: it cannot save or say anything any more. What is left is what is on disk.
"""

import math
import random
import time
from pathlib import Path

from helpers.curves import live_chart
from helpers.curves.history import describe, panes
from helpers.curves.sheets import Sheet, lines_of
from helpers.errors import LessonError, is_whole
from helpers.live.fields import in_columns
from helpers.live.part import WORDS, Live, beside
from helpers.parts.process import LOG, WRITE, on_disk, read_log, running, start, why_it_failed
from helpers.records.saved import new_folder

POLL = 0.01  # seconds between two looks at the log: far less than an epoch takes
SHARES = 0.1, 0.5  # of an epoch, between which it is killed: towards its end it saves
FIRST = 0.1  # of the first epoch's time is about what another one takes: it compiles the network as well
SLOW, PATIENCE = 20, 300  # seconds without a new epoch, after which the words say so, and after which it is given up
STARTING = "The script starts as a process of its own: first Python, then TensorFlow. That takes some seconds."
AGAIN = "To try again, move the slider or run the cell again, and wait for the first points."

_random = random.Random()  # the student's own random numbers go on as if there were no drill


def crash_drill(script, folder, epochs=20, kill_in=(2, 12, 7)):
    """Run a training script as a process of its own, show its curves while it trains, and kill it within an epoch.

    script: its path. It gets the path of a fresh folder as `sys.argv[1]`, saves there after each epoch, and has Keras's
    `CSVLogger` write `log.csv` there as its last callback: then a line in the log means that everything of that epoch
    has been saved.
    folder: where the fresh folders are made, `drill-1`, `drill-2`, …, one for each run. `output.txt` in it has what the
    script printed.
    epochs: the number of epochs that the script trains, which is the end of the x axis.
    kill_in: the epoch, from 2, in which the process is killed. `(low, high, start)` is a slider; a move of it starts a
    new run.

    Returns the `CrashDrill`; behind a front end at once, so that its button works while the process runs (a cell that
    waits would keep the kernel from hearing it). Raises `LessonError` for arguments that do not fit. A script that
    fails is told on the part, and raises where its results are asked for.
    """
    return CrashDrill(script, folder, epochs, kill_in).show()


class CrashDrill(Live):
    """What `crash_drill` has made.

    `files`: the Path of the latest run's folder; `history`: its metrics as in Keras's `History.history`, {name: list
    with one float per finished epoch}; `done`: the number of these epochs. All three wait for the end of a run that is
    under way.
    `epochs`: the number of epochs wanted; `state`: as in every live part.
    """

    made_by = "crash_drill"
    waits_when_shown = False  # a process can be killed meanwhile
    follows = False  # nothing starts on the way to where a slider is let go
    says = {**WORDS, "building": STARTING}

    def __init__(self, script, folder, epochs=20, kill_in=(2, 12, 7)):
        super().__init__()
        _check_numbers(epochs, kill_in)
        self._script, self._folder, self.epochs = _path("script", script), _path("folder", folder), epochs
        self._check_script()
        self._add_controls(_settings, {"kill_in": kill_in})
        self._files, self._history, self._killed = None, {}, False
        self._stop_button.description, self._stop_button.tooltip = "Kill it now", "Kill the training process at once"
        self._assemble(in_columns(self._controls.values()), beside([self._stop_button, self._progress]))

    # What a student can do with it

    files = property(lambda self: self._at_rest()._files)
    history = property(lambda self: self._at_rest()._history)
    done = property(lambda self: self._at_rest()._done)

    def _at_rest(self):
        self.wait()
        return self

    def __repr__(self):
        how_far = f"{self.state}, {', '.join(self._how_far())} finished"
        return f"<crash drill of {self._script.name}: {how_far}; files in {self._files}>"

    def close(self):
        """Kill the process, if one runs, and take it off the page."""
        self.stop()
        self.idle.wait(5)  # until the process is gone
        super().close()

    # The run

    def _check_script(self):
        if not self._script.is_file():
            raise LessonError(
                f"There is no script {self._script}. Is its name spelled as where you wrote it, and has that cell run?"
            )

    def _train(self, stop):
        self._check_script()
        self._history, self._killed, self._files = {}, False, new_folder("drill", self._folder)
        self._draw("building")
        process = start(self._script, self._files)
        try:
            told = self._watch(process, stop)
        finally:
            process.kill()
            code = process.wait()
            running.discard(process)
        self._history = read_log(self._files / LOG)
        self._killed = told and code != 0  # 0: it was faster, and had just ended
        if code and not told:
            raise why_it_failed(code, self._script, self._files)
        if not self._killed and not self._done:
            raise LessonError(f"{self._script.name} ended, and {LOG} has no line of a finished epoch. {WRITE}")
        return "done", self._in_words()

    def _watch(self, process, stop):
        """Draw what the process writes until it is to be killed (True) or has ended by itself (False)."""
        kill_in = self._read_controls()["kill_in"]
        going = f"It is going to be killed in epoch {kill_in}."
        kill_at = shortest = math.inf
        since = told = time.perf_counter()  # the latest epoch was finished; the words last changed
        while process.poll() is None:
            if stop.is_set() or time.perf_counter() >= kill_at:
                return True
            done, self._history, now = self._done, read_log(self._files / LOG), time.perf_counter()
            if self._done > done:
                took = now - since
                shortest = FIRST * took if done == 0 else took if done == 1 else min(shortest, took)
                since = told = now
                if self._done >= kill_in:  # it was too fast to be caught in time
                    return True
                if self._done == kill_in - 1:
                    kill_at = now + _random.uniform(*SHARES) * shortest
                self._draw("training", going)
            elif self.state == "building" and (self._files / LOG).exists():  # Keras opens it when training begins
                since = told = now
                self._draw("training", going)
            elif now - since > PATIENCE:
                why = f"because no epoch was finished in {PATIENCE} seconds"
                raise LessonError(f"{self._script.name} was killed {why}. {WRITE}")
            elif now - since > SLOW and told == since:
                told = now
                self._draw(
                    self.state,
                    f"No epoch was finished in the last {SLOW} seconds. You can wait, press “Kill it now” or"
                    f" interrupt the kernel (■). {'' if self._done else WRITE}",
                )
            time.sleep(POLL)
        return False

    # What it says

    _done = property(lambda self: len(self._history.get("loss", ())))

    def _how_far(self):
        """(what became of the process, how many epochs it finished), in words."""
        when = f"in epoch {self._done + 1}" if self._done < self.epochs else "after the last epoch"
        epochs = "1 epoch was" if self._done == 1 else f"{self._done} epochs were"
        return f"killed {when}" if self._killed else "not killed", epochs

    def _in_words(self):
        how, epochs = self._how_far()
        saved = on_disk(self._files)
        if not self._killed:
            return (
                f"The script finished before it could be killed: {epochs} finished. {saved}"
                " Choose an earlier epoch, or let the script train for more epochs."
            )
        if not self._done:
            return f"Killed before the first epoch was finished. {saved} {AGAIN}"
        return f"{how.capitalize()}. {epochs} finished. {saved}"

    def _still_words(self):
        how, epochs = self._how_far()
        words = f"The process was {how}; {epochs} finished."
        return f"Loss and accuracy in each epoch, as far as the script's log goes. {words}", words

    # What it looks like

    def _marks(self):
        return {"epoch": self._done, "epochs": self.epochs, "settings": self._read_controls()}

    def _picture(self):
        drawn, validated = panes(self._history), "val_loss" in self._history or not self._done
        marks = [(min(self._done + 0.5, self.epochs), "killed")] if self._killed and self._done else []
        sheets = [Sheet(pane.name, lines_of(pane), marks=marks) for pane in drawn]
        legend = ["training", "validation"] if validated else ["training"]
        return live_chart.draw(
            sheets, max(self.epochs, self._done), describe(self._history), legend, self._name, figures=self._complete
        )


def _path(name, value):
    try:
        return Path(value).absolute()
    except TypeError:
        example = 'crash_drill("train.py", "drills")'
        raise LessonError(f"{name}={value!r} is not a path. Write, for example, {example}.") from None


def _check_numbers(epochs, kill_in):
    if not is_whole(epochs, 2):
        raise LessonError(
            f"epochs={epochs!r} must be a whole number, 2 or more: the number of epochs that the script trains."
        )
    for number in kill_in if isinstance(kill_in, (tuple, list)) else [kill_in]:
        if not is_whole(number, 2) or number > epochs:
            raise LessonError(
                f"kill_in={kill_in!r} must be whole numbers from 2 (in epoch 1 nothing is saved yet) to the number of"
                f" epochs, {epochs}."
            )


def _settings(kill_in=2):
    """Takes the keyword that a drill may have a control for; only its first line is read."""
