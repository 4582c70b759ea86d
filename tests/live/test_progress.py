"""How far a run has come: the bar, its words, and the time left."""

import re
from xml.etree import ElementTree

import pytest

from helpers.live.progress import Pace, bar

TRAININGS = "training", "trainings"


def test_the_time_left_is_unknown_until_the_pace_can_be_told():
    pace = Pace(0, 40, 100.0)
    assert pace.seconds_left(0, 101.0) is None and pace.seconds_left(1, 103.0) is None
    assert pace.seconds_left(2, 104.0) == pytest.approx(4 / 2 * 38)


def test_later_the_time_that_a_loop_took_to_be_compiled_does_not_count():
    pace = Pace(0, 108, 0.0, wave=12)
    pace.seconds_left(12, 30.0)
    assert pace.seconds_left(18, 31.0) == pytest.approx(31 / 18 * 90)
    assert pace.seconds_left(24, 33.0) == pytest.approx(3 / 12 * 84)
    assert pace.seconds_left(60, 42.0) == pytest.approx(12 / 48 * 48) and pace.seconds_left(108, 54.0) == 0


def test_what_had_been_finished_before_says_nothing_about_the_pace():
    pace = Pace(20, 30, 0.0)
    assert pace.seconds_left(21, 5.0) is None and pace.seconds_left(22, 6.0) == pytest.approx(6 / 2 * 8)


@pytest.mark.parametrize(
    "done, wanted, counts, seconds, end, words",
    [
        (0, 108, TRAININGS, None, "", "0 of 108 trainings"),
        (12, 108, TRAININGS, 21.7, "", "12 of 108 trainings, about 20 s left"),
        (107, 108, TRAININGS, 0.2, "", "107 of 108 trainings, about 1 s left"),
        (9, 90, ("try", "tries"), 400, "", "9 of 90 tries, about 7 min left"),
        (5, 6, TRAININGS, 3.0, ", stopped", "5 of 6 trainings, stopped"),
        (6, 6, TRAININGS, 0.0, ", stopped", "6 of 6 trainings"),
        (1, 1, ("epoch", "epochs"), None, "", "1 of 1 epoch"),
    ],
)
def test_the_progress_is_told_in_words_and_to_a_screen_reader(done, wanted, counts, seconds, end, words):
    root = ElementTree.fromstring(bar(done, wanted, counts, seconds, end))
    (found,) = (part for part in root.iter() if part.get("role") == "progressbar")
    assert root.find("span").text == words and found.get("aria-label") == f"{counts[1]} finished"
    assert [int(found.get(f"aria-value{name}")) for name in ("min", "now", "max")] == [0, done, wanted]
    assert float(re.search(r"width:([\d.]+)%", found[0].get("style"))[1]) == pytest.approx(
        100 * done / wanted, abs=0.06
    )
