"""`diagnose` away from home: what it says of runs of data, networks and optimizers that nothing was fitted to."""

import random
from collections import Counter

import numpy as np
import pytest

from helpers.curves.diagnosis import OTHERS, PATTERNS, diagnose
from tests.curves import stations
from tests.curves.record import AT_HOME, STATIONS, away, home, plain, recorded

# What is wanted: of all answers, of those called clear, and of those called likely, so many are to be right. The curves
# alone do not tell what guessing costs.
WANTED = {"clear": 0.95, "likely": 0.75}
ALONE, TOLD = {"all": 0.8, **WANTED}, {"all": 0.85, **WANTED}


def is_right(cause, pattern):
    return pattern == cause or (cause, pattern) == ("overfitting", "beginning to overfit")


def table_of(answers):
    """Causes by answers, as text. answers: list of (cause, pattern, how sure)."""
    counts = Counter((cause, pattern) for cause, pattern, _ in answers)
    columns = [
        name for name in (*PATTERNS, *OTHERS, "not clear") if any(counts[cause, name] for cause, _, _ in answers)
    ]
    lines = ["| cause applied | " + " | ".join(columns) + " |", "| - |" + " -: |" * len(columns)]
    for cause in dict.fromkeys([*PATTERNS, *sorted({cause for cause, _, _ in answers})]):
        lines.append(f"| {cause} | " + " | ".join(str(counts[cause, name] or "") for name in columns) + " |")
    return "\n".join(lines)


@pytest.mark.parametrize("told", [False, True], ids=["curves alone", "what guessing costs is known"])
def test_of_its_answers_as_many_are_right_as_it_says(told):
    answers = []
    for each in (each for station in recorded()["away"] for each in station):
        found = diagnose(each.history, **(each.known if told else {}))
        answers.append((each.cause, found.pattern, found.sure))
    print(f"\n{table_of(answers)}")
    for sure, wanted in (TOLD if told else ALONE).items():
        right = [is_right(cause, pattern) for cause, pattern, said in answers if sure in ("all", said)]
        print(f"{sure}: {sum(right)} of {len(right)} right")
        # By chance these runs may fall short by two standard errors.
        assert len(right) >= 50 and np.mean(right) >= wanted - 2 * np.sqrt(wanted * (1 - wanted) / len(right))
    assert len(answers) > 400


def test_the_halves_share_neither_data_nor_networks_nor_optimizers():
    design, held_out = (stations.HALVES[half] for half in ("design", "held out"))
    assert not {make for make, _ in design} & {make for make, _ in held_out}
    assert not {network for _, network in design} & {network for _, network in held_out}
    assert not set(stations.OPTIMIZERS["design"]) & set(stations.OPTIMIZERS["held out"])


def check_trained_again(recorded, trained):
    """The beginning of a run is the same on every machine but for rounding, which grows from epoch to epoch."""
    assert len(recorded) == len(trained)
    for one, other in zip(recorded, map(plain, trained), strict=True):
        assert (one.cause, one.family) == (other["cause"], other["family"])
        assert {name: len(values) for name, values in one.history.items()} == {
            name: len(values) for name, values in other["history"].items()
        }
        assert one.history["loss"][0] == pytest.approx(other["history"]["loss"][0], rel=0.01, nan_ok=True)


@pytest.mark.slow
def test_what_is_recorded_is_what_the_engine_trains(request):
    """Some runs, drawn by lot, are trained again; all of them with --full."""
    lot, runs = random.Random(request.config.option.lot), request.config.getoption("--runs")
    for number in lot.sample(range(AT_HOME), min(runs, AT_HOME)):
        check_trained_again([recorded()["home"][number]], [home(number)])
    for number in lot.sample(range(STATIONS), min(max(1, runs // 10), STATIONS)):
        check_trained_again(recorded()["away"][number], away(number))
