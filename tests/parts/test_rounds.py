"""Rounds: curves of networks on other data, asked about in `recall`; the runs are real, no wrong answer is right."""

import html
import random
import re
from collections import Counter

import pytest

from helpers.curves.contrary import signs_of
from helpers.curves.diagnosis import PATTERNS
from helpers.curves.measures import measure
from helpers.curves.signs import ALL, SIGNS
from helpers.lab_book import entries, note
from helpers.live import asked as asked_module
from helpers.live import cell
from helpers.live.keepsake import Keepsake
from helpers.memory.welcome import FIRST, lines
from helpers.parts import rounds as rounds_module
from helpers.parts.quiz import recall
from helpers.parts.rounds import DATA, rounds, runs
from tests.curves import record
from tests.memory.test_welcome import NOW


@pytest.fixture
def seen(monkeypatch):
    """A front end."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(asked_module, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(Keepsake, "show", lambda self: None)


def test_the_runs_are_those_that_were_recorded():
    assert runs() == record.asked()
    assert {run["cause"] for run in runs()} == set(PATTERNS)
    assert len({run["family"] for run in runs()}) >= 8 and {run["family"] for run in runs()} <= set(DATA)
    assert rounds_module.FILE.stat().st_size < 150_000


def test_of_every_run_one_answer_is_right_and_nothing_speaks_for_the_others():
    for run in runs():
        question, reason = rounds_module._both(run, "round", random.Random(1))
        names, signs = ([answer.letter for answer in each.answers] for each in (question, reason))
        for each, right, all_ in ((question, run["cause"], PATTERNS), (reason, SIGNS[run["cause"]], ALL)):
            letters = [answer.letter for answer in each.answers]
            assert [answer.letter for answer in each.answers if answer.right] == [right]
            assert len(set(letters)) == len(letters) == 4 and set(letters) <= set(all_)
            assert all(answer.feedback.startswith("Right.") == answer.right for answer in each.answers)
        assert not {*names} - {run["cause"]} & {*signs_of(measure(run["history"]))}
        spoken = " ".join(re.findall(r'aria-label="([^"]*)"', question.picture))
        told = html.unescape(re.sub("<[^>]+>", " ", question.picture + question.words + reason.words)) + spoken
        assert not [name for name in (*PATTERNS, *ALL) if name in told]
        assert "earning curves" in spoken or "loss" in spoken


def test_every_pattern_comes_and_what_was_confused_more_often(monkeypatch):
    monkeypatch.setattr(rounds_module.live_chart, "chart", lambda *_, **__: "")  # only which cases come is looked at

    def shares(confused):
        drawn = Counter(question.case for question in rounds(400, confused)[::2])
        return {name: drawn[name] / 400 for name in PATTERNS}

    assert all(0.06 < share < 0.2 for share in shares({}).values())
    assert shares({"leak": 4})["leak"] > 0.3  # 5 of 12 lots


def test_recall_asks_about_curves_once_the_clinic_is_behind(seen, book):
    assert not any(hasattr(each, "case") for each in recall(2)._asked)
    made = recall(3)
    assert [getattr(each, "kind", "quiz") for each in made._asked] == ["quiz"] * 3 + ["diagnosis", "sign"] * 2
    assert [getattr(each, "kind", "quiz") for each in recall(4, n=1, curves=0)._asked] == ["quiz"]
    for _ in range(3):
        made.next()
    assert '<div class="lab-chart"' in made._question.value and "A network has been trained on" in made._question.value
    case = made._asked[3].case
    wrong = next(i for i, answer in enumerate(made._shown[3]) if not answer.right)
    made.choose("ABCD"[wrong])
    said = made._shown[3][wrong].letter
    (entry,) = entries("diagnosis")
    assert (entry["case"], entry["said"], entry["right"]) == (case, said, False)
    made.next()
    made.choose("ABCD"[next(i for i, answer in enumerate(made._shown[4]) if answer.right)])
    assert [(entry["case"], entry["right"]) for entry in entries("sign")] == [(case, True)]
    assert "That is the sign." in made._words.value


def test_who_repeats_curves_in_another_lesson_has_not_stopped_in_the_clinic(seen, book):
    note("visit", 3)
    made = recall(3)
    made._asked[3].keep(made._asked[3].answers[1])
    made._asked[4].keep(made._asked[4].answers[0])
    assert lines(entries(), 2, NOW)[0] == FIRST == lines(entries(), 3, NOW)[0]


def test_without_the_file_of_the_runs_the_questions_are_there_all_the_same(seen, monkeypatch, tmp_path):
    monkeypatch.setattr(rounds_module, "FILE", tmp_path / "other_runs.json")
    runs.cache_clear()
    try:
        assert len(recall(3)._asked) == 3
    finally:
        runs.cache_clear()
