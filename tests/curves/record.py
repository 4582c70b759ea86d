"""The runs that `diagnose` is judged on, recorded, so that all of them are judged at each run of the tests.

    python -m tests.curves.record

trains them anew (some 25 minutes) and writes `judged_runs.json.gz`, which `test_diagnosis` and `test_calibration` read,
and of these `data/other_runs.json`, what students are asked about; with --other only the latter, from the former. A few
of them are trained again at each run of the tests, to see that this is what comes out. Nothing in `diagnose` was fitted
to any of them: whoever fits it again, or changes a bound after a look at them, chooses new ones (FIRST).
"""

import gzip
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from helpers.curves.diagnosis import PATTERNS, PROBABLE, diagnose
from helpers.parts.rounds import FILE
from tests.curves.runs import Example, examples_of, unseen_at_home

FIRST = 20261129  # of the seeds at home
AT_HOME = 200  # runs of the lesson's network, the causes in turn
STATIONS = 24  # of the half of `stations` that nothing is fitted to, some 20 logs each
RECORDED = Path(__file__).parent / "judged_runs.json.gz"
DIGITS = 5  # of each value
OF_A_KIND = 2  # runs of one cause and one kind of data that students are asked about


@cache
def recorded():
    """{"home": [Example, …], "away": [[Example, …] of each station, …]}."""
    found = json.loads(gzip.decompress(RECORDED.read_bytes()))
    away = [[Example(**each) for each in station] for station in found["away"]]
    return {"home": [Example(**each) for each in found["home"]], "away": away}


def home(number):
    return unseen_at_home(FIRST, number)


def away(number):
    return examples_of("held out", number)


def plain(example):
    """An `Example` as what JSON holds, with rounded values; what is not a finite number is kept as it is."""
    history = {
        name: [float(np.format_float_scientific(value, DIGITS - 1)) for value in values]
        for name, values in example.history.items()
    }
    return {**example._asdict(), "history": history}


def asked():
    """The runs that students are asked about, as `helpers.parts.rounds.runs` gives them: those whose cause can be seen.

    `diagnose` sees it, with and without knowing what guessing costs. Causes that are seen on no other data are taken
    from the lesson's network.
    """
    away = [each for station in recorded()["away"] for each in station if _is_seen(each)]
    seen = {each.cause for each in away}
    home = [each for each in recorded()["home"] if each.cause not in seen and _is_seen(each)]
    found, counts = [], Counter()
    for each in [*away, *(each._replace(family="clothes") for each in home)]:
        counts[each.cause, each.family] += 1
        if counts[each.cause, each.family] <= OF_A_KIND:
            found.append({"family": each.family, "cause": each.cause, "history": each.history})
    return found


def _is_seen(each):
    said = [diagnose(each.history, **known) for known in ({}, each.known)]
    return each.cause in PATTERNS and all(one.pattern == each.cause and one.certainty >= PROBABLE for one in said)


def write_asked():
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in asked())
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main():
    if "--other" in sys.argv:
        return write_asked()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = {
            "home": [plain(example) for example in pool.map(home, range(AT_HOME))],
            "away": [[plain(each) for each in station] for station in pool.map(away, range(STATIONS))],
        }
    text = json.dumps(found, separators=(",", ":")).encode()
    RECORDED.write_bytes(gzip.compress(text, 9, mtime=0))
    recorded.cache_clear()
    write_asked()
    logs = sum(map(len, found["away"]))
    print(f"{RECORDED.name}: {AT_HOME} runs at home, {logs} logs away, {RECORDED.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
