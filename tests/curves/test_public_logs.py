"""Real logs from public threads: does `diagnose` say of them what the people who knew the case have said?

Each case of `public_logs.json` has its figures, where they stand, and the verdict there in a few words ("from" whom).
"""

import json
from pathlib import Path

import pytest

from helpers.curves.diagnosis import diagnose
from helpers.curves.history import describe

CASES = json.loads((Path(__file__).parent / "public_logs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["source"].rpartition("//")[2])
def test_the_verdict_is_among_the_findings_and_nothing_else_is_clear(case):
    found = diagnose(case["history"])
    assert {each.pattern for each in found.findings} & set(case["pattern"]), (case["verdict"], str(found))
    assert found.pattern in case["pattern"] or found.sure != "clear", (case["verdict"], str(found))
    assert describe(case["history"])


def test_the_main_finding_is_the_verdict_in_nine_of_ten():
    agreed = [diagnose(case["history"]).pattern in case["pattern"] for case in CASES]
    print(f"{sum(agreed)} of {len(CASES)}")
    assert len(CASES) == 13 and sum(agreed) >= 0.9 * len(CASES)
