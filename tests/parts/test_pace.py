"""How long a training will still take: never told before it can be known, and true for a steady one."""

import re

import pytest

from helpers.live.progress import in_time
from helpers.parts.pace import Pace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def trained(seconds, epochs=20, batches=50, until=(3, 20), first=1, compiling=60, validation=0.5, known=True):
    """The words of a steady training in batch `until[1]` of epoch `until[0]`; an epoch takes `seconds`."""
    clock = Clock()
    pace = Pace(epochs, first, clock)
    told = []
    for epoch in range(first, epochs + 1):
        pace.begin_epoch(epoch, batches if known or epoch > first else None)
        for batch in range(1, batches + 1):
            clock.now += (1 - validation) * seconds / batches + (compiling if (epoch, batch) == (first, 1) else 0)
            pace.end_batch(batch)
            told.append(pace.words())
            if (epoch, batch) == until:
                return told
        pace.begin_validation()
        clock.now += validation * seconds
        pace.end_epoch()
    return told


def in_seconds(words):
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", words))


@pytest.mark.parametrize("seconds", [1, 30, 400, 9000])
@pytest.mark.parametrize("first", [1, 3])
def test_the_time_left_is_true_for_a_steady_training(seconds, first):
    words = trained(seconds, until=(first + 2, 20), first=first, epochs=20 + first - 1)[-1]
    truth = seconds * (17 + 1 - 20 / 50 * 0.5)
    assert abs(in_seconds(words.rpartition(";")[2]) - truth) < 0.1 * truth + 2
    assert words.startswith(f"Epoch {first + 2} of {20 + first - 1}")
    if seconds > 100:
        of_epoch = in_seconds(words.partition("batches,")[2].partition(";")[0])
        assert "20 of 50 batches" in words and abs(of_epoch - 0.5 * seconds * 30 / 50) < 0.1 * seconds


def test_compiling_and_the_first_epoch_do_not_count():
    told = trained(30, compiling=600)
    of_first = told[:50]
    assert not any("in all" in words for words in of_first)  # nobody knows how long the validation data takes
    assert "left" not in of_first[0] and in_seconds(told[50].rpartition(";")[2]) < 30 * 20


def test_without_the_number_of_batches_it_says_how_many_there_were():
    told = trained(30, known=False)
    assert told[30].startswith("Epoch 1 of 20: 31 batches so far") and "of 50 batches" in told[-1]


def test_an_epoch_too_short_to_watch_is_one_number():
    assert trained(1, compiling=0)[-1] == "Epoch 3 of 20; about 20 s left in all."


def test_the_engine_which_tells_of_no_batches():
    clock = Clock()
    pace = Pace(30, clock=clock)
    for epoch in range(1, 4):
        pace.begin_epoch(epoch, 45)
        clock.now += 10
        pace.end_epoch()
    assert pace.words() == "Epoch 3 of 30; about 4 min left in all."


@pytest.mark.parametrize(
    "seconds, words",
    [(0.2, "1 s"), (7.4, "7 s"), (23, "20 s"), (55, "1 min"), (89, "1 min"), (3590, "1 h"), (7900, "2 h 10 min")],
)
def test_times_are_told_as_roughly_as_they_are_known(seconds, words):
    assert in_time(seconds) == words
