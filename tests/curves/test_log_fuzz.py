"""Cut, shuffled and spoilt logs: words, or figures that all stand in the log."""

import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import LessonError, curves, diagnose, read_log
from tests.curves.logs import LOGS

GARBAGE = [
    "\n",
    "\r",
    "\b" * 9,
    "\0",
    "\x1b[1m",
    ",",
    ";",
    "\t",
    "{",
    "]",
    "'",
    "loss",
    "loss:",
    "val_",
    "epoch 3",
    "nan",
    "e-",
    "1/1",
    "[",
    "%",
    "-",
    ".",
    "=" * 40,
    "─é漢",
    "1e999",
    "0x1f",
    " " * 30,
]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
NAMES = st.sampled_from(["loss", "val_loss", "epoch", "step", "acc", "x"]) | st.integers()

NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@st.composite
def spoilt(draw):
    """A log with pieces cut out, lines shuffled, garbage put in, and letters lost in a wrong encoding."""
    text = LOGS[draw(st.sampled_from(sorted(LOGS)))][0]
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        how = draw(st.sampled_from(["cut", "keep", "shuffle", "garbage", "text", "encoding", "other"]))
        if how == "cut":
            text = text[:start] + text[min(end, start + 30) :]
        elif how == "keep":
            text = text[start:end]
        elif how == "shuffle":
            text = "\n".join(draw(st.permutations(text.split("\n"))))
        elif how == "garbage":
            text = text[:start] + draw(st.sampled_from(GARBAGE)) + text[start:]
        elif how == "text":
            text = text[:start] + draw(st.text(max_size=10)) + text[start:]
        elif how == "encoding":
            text = text.encode("utf-8", "replace").decode(
                draw(st.sampled_from(["latin-1", "cp1252", "utf-7"])), "replace"
            )
        else:
            text += LOGS[draw(st.sampled_from(sorted(LOGS)))][0]
    return text


def stand_in(log, text):
    """Whether each finite figure of a log stands in the text: as it is, as percent, or between others as a mean."""
    joined = re.sub(r"\x1b?\[[0-9;]*[mK]|[\s\x00-\x1f]", "", text)
    pieces = [text, joined, text.replace(",", "."), joined.replace(",", "."), text.replace(",", "")]
    numbers = {float(number) for piece in pieces for number in NUMBER.findall(piece)}
    whole = [number for number in numbers if math.isfinite(number)]
    shares = {int(part) / int(whole) for part, whole in re.findall(r"(\d+)\s*/\s*(\d+)", joined) if int(whole)}
    for name, values in log.items():
        for value in filter(math.isfinite, values):
            near = any(math.isclose(value * factor, number) for factor in (1, 100, -1, -100) for number in whole)
            mean = (
                not name.startswith("val_")
                and "mean counts" in log.note
                and any(min(whole) <= value * each <= max(whole) for each in (1, 100))
            )
            share = "accuracy" in name and value in shares
            if not (near or mean or share):
                return False
    return True


def judge(source):
    try:
        log = read_log(source)
    except LessonError as error:
        assert str(error)
        return
    assert len({len(values) for values in log.values()}) == 1 and log["loss"]
    assert stand_in(log, source), (dict(log), source)
    assert curves.describe(log) and str(diagnose(log))


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(spoilt())
def test_a_spoilt_log_is_refused_in_words_or_read_as_it_stands(text):
    judge(text)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)))
def test_whatever_is_handed_over(source):
    try:
        log = read_log(source)
    except LessonError as error:
        assert str(error)
    else:
        assert curves.describe(log) and str(diagnose(log))
