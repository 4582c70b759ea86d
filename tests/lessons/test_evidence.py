"""What the lessons claim is measured on several deals of the data, and no such sentence is left out (tests/claims)."""

import random

import pytest

from tests import notebooks
from tests.claims import table
from tests.claims.__main__ import measure, together
from tests.claims.table import TABLE, VERDICTS, Claim, allows, as_text, effect, marked, row, rows, verdict
from tests.claims.text import LISTS, is_empirical, not_measured, same_words, sentences, unaccounted

LESSONS = [pytest.param(path, id=path.stem) for path in notebooks.lessons()]
REASONS = {
    line.split("`")[1] for line in (LISTS / "README.md").read_text("utf-8").splitlines() if line.startswith("- `")
}


@pytest.mark.parametrize("path", LESSONS)
def test_every_quoted_sentence_stands_in_its_cell(path):
    cells = {cell.id: same_words(cell.source) for cell in notebooks.read(path).cells if cell.cell_type == "markdown"}
    for claim in marked(path.stem[:2]):
        assert same_words(claim.sentence) in cells.get(claim.cell, ""), (claim.cell, claim.sentence)
        assert claim.holds in VERDICTS and claim.holds != "false"


@pytest.mark.parametrize("path", LESSONS)
def test_every_sentence_that_a_training_could_refute_is_measured_or_listed_with_a_reason(path):
    assert unaccounted(path, [claim.sentence for claim in marked(path.stem[:2])]) == []


@pytest.mark.parametrize("path", LESSONS)
def test_what_is_listed_is_there_and_has_a_known_reason(path):
    said = [sentence for _, sentence in sentences(path)]
    listed = not_measured(path.stem[:2])
    assert set(listed) <= REASONS
    for start in (same_words(start) for starts in listed.values() for start in starts):
        assert any(sentence.startswith(start) for sentence in said), start


@pytest.mark.parametrize(
    "sentence, empirical",
    [
        ("With 100 pictures the validation loss rises earlier.", True),
        ("Wider networks learn faster.", True),
        ("Most wrong answers are given with certainty.", True),
        ("Which of the two curves is the lower one?", False),
        ("A cell with a plus sign adds a cell below.", False),
    ],
)
def test_what_looks_like_a_claim(sentence, empirical):
    assert is_empirical(sentence) == empirical


def test_a_new_claim_is_found(tmp_path):
    path = notebooks.lessons()[0]
    notebook = notebooks.read(path)
    notebook.cells[-1].source += "\n\nWith 300 units the validation loss falls below zero. Say **hello**."
    notebooks.write(notebook, tmp_path / path.name)
    quotes = [claim.sentence for claim in marked(path.stem[:2])]
    found = [sentence for _, sentence in unaccounted(tmp_path / path.name, quotes)]
    assert found == ["With 300 units the validation loss falls below zero."]


@pytest.mark.parametrize("lesson", sorted(table.measured()))
def test_each_claim_was_measured_on_every_deal_and_says_no_more_than_it_may(lesson):
    results = table.measured()[lesson]
    for claim in marked(lesson):
        assert set(results.get(claim.test, {})) == {str(draw) for draw in table.DRAWS}, (
            f"{claim.test} is not measured on all draws: python -m tests.claims {lesson}"
        )
        found = row(claim, results[claim.test])["verdict"]
        assert allows(found, claim.holds), (found, claim)


def test_the_page_is_what_the_measurements_say():
    assert TABLE.read_text("utf-8") == as_text(rows()), "python -m tests.claims --only-write"


def test_verdicts():
    yes = dict.fromkeys(table.DRAWS, True)
    assert verdict(yes) == "on all draws"
    assert verdict({**yes, 12: False}) == "on most draws"
    assert verdict({**yes, 11: False, 12: False}) == "on ours"
    assert verdict({**yes, 0: False, 12: False}) == "false"
    assert allows("on all draws", "on ours") and allows("on most draws", "on most draws")
    assert not allows("on most draws", "on all draws") and not allows("false", "on ours")


def test_an_effect_comes_with_the_interval_of_its_mean():
    assert effect("gap", [0.1, 0.2, 0.3, 0.4]) == "gap 0.25 [0.0446, 0.455]"  # 0.25 ± 3.182 × 0.1291 / 2
    assert effect("units", [64, 64]) == "units 64"
    draws = {"0": {"held": True, "figures": [["gap", {"mean": 0.5}]]}, "11": {"held": False, "figures": []}}
    found = row(Claim("01", "c", "s", "on ours", "t"), draws)
    assert (found["effect"], found["held"], found["draws"], found["verdict"]) == (
        "gap 0.5",
        [0],
        [0, 11],
        "on most draws",
    )


def test_settings_of_one_test_are_taken_together():
    lines = [
        {"test": "a.py::test_x[l1]", "held": True, "figures": {"gap": {"mean": 0.123456}}},
        {"test": "a.py::test_x[l2]", "held": False, "figures": {"gap": {"mean": 2}}},
    ]
    figures = [["gap (l1)", {"mean": 0.1235}], ["gap (l2)", {"mean": 2.0}]]
    assert together(lines) == {"test_x": {"held": False, "figures": figures}}


@pytest.mark.slow
def test_three_tests_drawn_by_lot_measure_again_what_the_table_says(pytestconfig):
    """On a deal drawn by lot. Other processors round differently: a mean may move by its seeds' range, or a tenth."""
    lot = random.Random(pytestconfig.option.lot)
    chosen = lot.sample(sorted({(found["lesson"], found["test"]) for found in rows()}), 3)
    draw = lot.choice(table.DRAWS)
    print(f"--lot {pytestconfig.option.lot}: draw {draw}, {chosen}")
    names = [f"tests/lessons/test_claims_{int(lesson)}.py::{test}" for lesson, test in chosen]
    again = measure(draw, names)
    before = {test: table.measured()[lesson][test][str(draw)] for lesson, test in chosen}
    # What holds or fails by a hair may do the other thing there, once in three.
    alike = [again[test]["held"] == before[test]["held"] for _, test in chosen]
    assert sum(alike) >= 2, (draw, chosen, alike)
    for _, test in chosen:
        for (name, new), (same, old) in zip(again[test]["figures"], before[test]["figures"], strict=True):
            room = max(old["highest"] - old["lowest"], 0.1 * abs(old["mean"]))
            assert name == same and abs(new["mean"] - old["mean"]) <= room, (test, draw, name, new, old)
