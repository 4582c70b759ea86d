"""What is chosen to be repeated: what was missed, then what is long ago; the same for the same entries."""

import random

import pytest

from helpers.memory.repeat import to_repeat


def answered(name, right, day, hour=12):
    return {"kind": "quiz", "lesson": 1, "name": name, "right": right, "time": f"2026-11-{day:02}T{hour:02}:00:00Z"}


def test_missed_ones_come_first_then_those_that_are_long_ago():
    entries = [
        answered("1.1", True, 5),
        answered("1.2", True, 3),
        answered("1.3", False, 8),
        answered("2.1", False, 7),
        answered("2.2", True, 1),
        answered("2.2", True, 4),  # twice right, on two days
    ]
    assert to_repeat(entries, 3, 9) == ["2.1", "1.3", "1.2", "1.1", "2.2"]
    assert to_repeat(entries, 3, 2) == ["2.1", "1.3"] and to_repeat(entries, 3, 0) == []


def test_only_lessons_before_this_one_are_asked_about():
    entries = [answered(name, False, 1) for name in ("1.1", "2.1", "3.1", "10.1", "x", "0.1", "", None, "999999.1")]
    assert to_repeat(entries, 1, 9) == [] and to_repeat(entries, 2, 9) == ["1.1"]
    assert set(to_repeat(entries, 11, 9)) == {"1.1", "2.1", "3.1", "10.1"}


def test_a_miss_is_forgotten_once_it_is_mended_and_comes_back_when_it_is_missed_again():
    entries = [answered("1.1", False, 1), answered("1.1", True, 2), answered("1.2", True, 1)]
    assert to_repeat(entries, 2, 1) == ["1.2"]  # both in the same box; 1.1 was seen later
    assert to_repeat([*entries, answered("1.1", False, 3)], 2, 1) == ["1.1"]


def test_answers_of_one_day_count_once():
    crammed = [answered("1.1", True, 1, hour) for hour in range(8, 20)]
    assert to_repeat([*crammed, answered("1.2", True, 2)], 2, 1) == ["1.1"]


def test_of_all_that_there_are_the_missed_come_before_those_never_asked():
    known = ["1.1", "1.2", "1.3", "2.1"]
    entries = [answered("1.3", True, 1), answered("1.2", False, 9), answered("1.9", False, 1)]
    found = to_repeat(entries, 3, 9, known=known)
    assert found[0] == "1.2" and set(found[1:3]) == {"1.1", "2.1"} and found[3] == "1.3" and len(found) == 4


@pytest.mark.parametrize("draw", range(20))
def test_it_is_the_same_again_and_by_lot_where_nothing_speaks_for_one(draw):
    lot = random.Random(draw)
    entries = [answered(f"{lot.randint(1, 5)}.{lot.randint(1, 6)}", lot.random() < 0.5, day) for day in range(1, 29)]
    found = to_repeat(entries, 4, 3, seed=draw)
    assert found == to_repeat(entries, 4, 3, seed=draw) and len(set(found)) == len(found) <= 3
    known = [f"1.{number}" for number in range(1, 9)]
    assert len({tuple(to_repeat([], 2, 3, known, seed)) for seed in range(20)}) > 10
    assert to_repeat([], 2, 3, known, draw) == to_repeat([], 2, 3, known[::-1], draw)


def test_entries_that_are_no_answers_do_not_count():
    entries = [{"kind": "check", "lesson": 1, "name": "1.1", "right": False, "time": "2026-11-01T00:00:00Z"}]
    assert to_repeat(entries, 2, 3) == []
    odd = {"kind": "quiz", "lesson": None, "name": "1.1", "time": "2026-11-01T00:00:00Z", "right": "yes"}
    assert to_repeat([odd], 2, 3) == ["1.1"]
