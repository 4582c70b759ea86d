"""The clinic's casebook: what a student has answered to each case, what that is worth, and what is said and shown."""

from collections import Counter
from html import escape

import numpy as np

from helpers.curves import live_chart
from helpers.curves.diagnosis import PATTERNS, against, diagnose, measure
from helpers.curves.history import figure, panes
from helpers.curves.signs import judge
from helpers.curves.thumbnails import without_verdict
from helpers.lab_book import note
from helpers.parts.causes import HELPS, PRESCRIPTIONS, why_not

# Where the figures alone would be misread, although the prescription helps.
REMARKS = {
    "leak": " The new figures may look worse, but they are honest: no validation picture is in the training set any"
    " more.",
    "good fit": " What differs is the luck of another training: there was nothing to mend.",
}


class Run:
    """A run whose cause the student is to find, and the answers so far. `number`: its place in the row, from 1.

    `history` is there once the run is finished. `logs`, `epochs` and `after` are what its chart shows now: the run
    itself, or the one after a prescription. `points`: one for a right name, one for the sign it is known by, one for a
    prescription that helps, all at the first try only. `missed`: the wrong answers, in words.
    """

    def __init__(self, number, case):
        self.number, self.case, self.history = number, case, None
        self.names, self.signs, self.prescriptions, self.missed = [], [], [], []  # as tried, in this order
        self.named = self.explained = self.closed = False
        self.read_as = case.pattern  # what the student has rightly, or sensibly, called it
        self.points = 0
        self.show({}, case.epochs)

    def show(self, logs, epochs, after=""):
        """Let the chart have `logs`, of a run of `epochs` epochs, trained after a prescription or after none."""
        self.logs, self.epochs, self.after = logs, epochs, after

    def show_itself(self):
        """Let the chart have the run as it was before any prescription."""
        self.show(self.history.history, self.case.epochs)

    def picture(self, uid, figures):
        """Its chart, with a title that says the cause only once it has been named; uid, figures: see `live_chart`."""
        ghosts = [("before", self.history.history)] if self.after else []
        epochs = max([self.epochs, *(len(logs["loss"]) for _, logs in ghosts)])
        title = f"Case {self.number}"
        title += f": {self.case.pattern}" if self.named else ""
        title += f", after “{self.after}”" if self.after else ""
        chart = live_chart.chart(self.logs, epochs, ghosts, uid=uid, heading=title, figures=figures)
        drawn = without_verdict(chart)
        return drawn.replace('aria-label="', f'aria-label="{escape(title)}. ', 1)

    def question(self):
        """What is to be answered next, in words."""
        if self.closed:
            return f"Case {self.number} is closed: {self.case.pattern}."
        if self.explained:
            return f"Case {self.number}: {self.case.pattern}. What do you prescribe?"
        if self.named:
            return f"Case {self.number}: {self.case.pattern}. By what did you see it?"
        return f"Case {self.number}: what do its curves show?"

    def judge_name(self, pattern):
        """Take the answer that this is `pattern`; returns what to say to it."""
        truth = self.case.pattern
        self.names.append(pattern)
        right = pattern == truth or diagnose(self.history).pattern == pattern
        note("diagnosis", case=truth, said=pattern, right=right)
        if not right:
            self.missed.append(f"{truth} taken for {pattern}")
            return f"Not {pattern}. {against(pattern, self.history)} Try another name."
        self.named, self.read_as = True, pattern
        self.points += len(self.names) == 1
        if pattern == truth:
            return f"Right: {truth}. By what did you see it?"
        return (
            f"“{pattern}” is a sensible reading of these curves and counts as right. But the cause here was another:"
            f" {truth}. {PATTERNS[truth]} By what did you see yours?"
        )

    def judge_sign(self, sign):
        """Take the answer that `sign`, of `signs.ALL`, made the student say so; returns what to say to it."""
        self.signs.append(sign)
        right, words = judge(sign, dict.fromkeys((self.read_as, self.case.pattern)), self.history)
        note("sign", case=self.read_as, said=sign, right=right)
        if not right:
            self.missed.append(f"“{sign}” taken for the sign of {self.read_as}")
            return f"{words} Try another sign."
        self.explained = True
        self.points += len(self.signs) == 1
        return f"{words} What do you prescribe?"

    def judge_prescription(self, prescription, history):
        """Take the answer `prescription`, which has led to `history`; returns what to say to it."""
        truth = self.case.pattern
        self.prescriptions.append(prescription)
        better = _trouble(history, truth) < 0.95 * _trouble(self.history, truth)
        figures = _compared(self.history, history, zigzag=truth == "noisy")
        right = prescription in HELPS[truth] or (better and prescription in HELPS[self.read_as])
        note("prescription", case=truth, said=prescription, right=right)
        if not right:
            self.missed.append(f"“{prescription}” prescribed against {truth}")
            so = (
                "The figures are better, but this is not what the case needs." if better else "That does not help here."
            )
            so = "This was not needed." if truth == "good fit" else so
            return f"{figures} {so} {why_not(prescription, truth)}"
        self.closed = True
        self.points += len(self.prescriptions) == 1
        hardly = " These figures hardly show it, but it is what helps as a rule: a run is only one draw."
        return f"Right: {PRESCRIPTIONS[prescription]}. {figures}{REMARKS.get(truth, '' if better else hardly)}"


def standing(runs, wanted):
    """How far the student is, in one or two sentences. runs: the row; wanted: how many there will be, if none yet."""
    points, closed, count = sum(run.points for run in runs), sum(run.closed for run in runs), len(runs) or wanted
    if closed < count:
        tried = sum(bool(answers) for run in runs for answers in (run.names, run.signs, run.prescriptions))
        return f"Score: {points} of {tried} so far; {closed} of {count} cases closed"
    missed = Counter(words for run in runs for words in run.missed).most_common(1)
    most = f"You missed most often: {missed[0][0]}." if missed else "Every answer was right at the first try."
    return f"All {count} cases closed: {points} of {3 * count} points. {most}"


def _trouble(history, pattern):
    """The figure that should become smaller: where validation loss ends, or for noisy curves their `_zigzag`."""
    value = _zigzag(history) if pattern == "noisy" else panes(history)[0].val[-1]
    return value if np.isfinite(value) else np.inf


def _zigzag(history):
    """How much the validation loss goes back and forth."""
    return measure(history).get("zigzag", np.inf)


def _compared(before, after, zigzag):
    """Where the validation curves of two runs end, in a sentence; zigzag: also how much it goes back and forth."""
    (loss, *others), (new_loss, *new_others) = panes(before), panes(after)
    words = f"Validation loss at the end: {_number(loss.val[-1])} before, {_number(new_loss.val[-1])} now"
    for old, new in zip(others, new_others, strict=True):
        words += f" ({old.name.replace('_', ' ')} {_number(old.val[-1])}, {_number(new.val[-1])})"
    if zigzag and np.isfinite([_zigzag(before), _zigzag(after)]).all():  # a run of a few epochs has none
        words += (
            f"; from epoch to epoch it goes back and forth by {_zigzag(before):.0%} of its size before,"
            f" {_zigzag(after):.0%} now"
        )
    return words + "."


def _number(value):
    return figure(value) if np.isfinite(value) else "not a number"
