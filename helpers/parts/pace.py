"""How far a training has come, and how long it will still take, in words."""

import statistics
import time

from helpers.live.progress import in_time

LONG = 2  # seconds: of an epoch that takes longer, the batches are told, too
RECENT = 10  # epochs whose time says how long the next one will take


class Pace:
    """Told of each batch and epoch by a callback, says how far things are.

    epochs: how many there are to be in all; first: the number of the first one, from 1.
    """

    def __init__(self, epochs, first=1, clock=time.perf_counter):
        self._epochs, self._first_epoch, self._clock = epochs, first, clock
        self._durations = []
        self.begin_epoch(first, None)

    def begin_epoch(self, number, batches):
        """Epoch `number`, from 1, begins. batches: how many it has; None where nobody knows."""
        self._number, self._batches = number, batches
        self._done, self._began, self._first, self._measuring = 0, self._clock(), None, False

    def end_batch(self, done):
        """`done` batches of this epoch are over."""
        self._done, self._measuring = max(done, self._done), False
        if self._first is None:  # the first one counts for nothing: before the very first the network is compiled
            self._first = self._clock(), self._done

    def begin_validation(self):
        self._measuring = True

    def end_epoch(self):
        """The epoch is over; without its batches, as the engine trains it, that is all there is to know."""
        began = self._began
        if self._number == self._first_epoch:  # the network was compiled, which no other epoch has to wait for
            began = self._first and self._first[0]
        if began is not None:
            self._durations.append(self._clock() - began)
        self._measuring = False

    def words(self):
        """A sentence such as "Epoch 3 of 20: 120 of 500 batches, about 2 min left in it; about 50 min left in all."."""
        said, spent = self.epoch(), self._clock() - self._began
        if spent > LONG and (self._done or self._measuring):
            said += f": {self._within_epoch()}"
        return f"{said}{self.left()}."

    def epoch(self):
        return f"Epoch {self._number} of {self._epochs}"

    def left(self):
        """The end of a sentence, "; about 50 min left in all"; "" before anybody can know, or if it is next to none."""
        seconds = self._left(self._clock() - self._began)
        return f"; about {in_time(seconds)} left in all" if seconds > LONG else ""

    def _within_epoch(self):
        if self._measuring:
            return "measuring the validation data"
        if self._batches is None:
            return f"{self._done} batches so far"
        said = f"{self._done} of {self._batches} batches"
        if self._first is None:
            return said
        since, first = self._first
        seconds = self._clock() - since
        if self._done == first or seconds < LONG:
            return said
        left = (self._batches - self._done) * seconds / (self._done - first)
        return f"{said}, about {in_time(left)} left in it" if left > 1 else said

    def _left(self, spent):
        """Seconds to the end of the last epoch; 0 before anybody can know. spent: those on the present one."""
        if not self._durations:
            return 0
        one = statistics.median(self._durations[-RECENT:])
        return (self._epochs - self._number) * one + max(one - spent, 0)
