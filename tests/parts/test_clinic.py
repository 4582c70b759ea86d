"""The clinic without a browser: its answers, its score, its prescriptions, and what it must not tell."""

import gc
import json
import re
import threading
import weakref
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from helpers.curves.diagnosis import PATTERNS, diagnose
from helpers.curves.signs import ALL, SIGNS, TELL_NOTHING
from helpers.data import clothing
from helpers.errors import LessonError
from helpers.lab_book import entries, note
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import casebook
from helpers.parts import clinic as clinic_module
from helpers.parts.causes import HELPS, PRESCRIPTIONS, draw_cases
from helpers.parts.clinic import clinic

CLOTHES = clothing(n_train=300, n_validation=200, one_hot=True)
SHORT = 6  # epochs of a run that only pretends to be trained
TWELVE = {"cases": 12, "seed": 5}  # a draw in which every pattern comes


@pytest.fixture(autouse=True)
def background(monkeypatch):
    """Clinics train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


@pytest.fixture
def pretend(monkeypatch):
    """Runs are not trained: a curve per pattern, at once. Returns the cases that were trained, in this order."""
    trained = []

    def train(build, data, case, stop=None, on_epoch=None, on_state=None):
        trained.append(case)
        if build is not None:
            build(case, stop)
        history = SimpleNamespace(epoch=[], history={"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []})
        for epoch in range(SHORT):
            loss = 2.0 / (1 + epoch) + case.seed % 10 / 100
            rise = 0.3 * epoch if case.pattern == "overfitting" else 0.1
            history.epoch.append(epoch)
            for name, value in {"loss": loss, "val_loss": loss + rise, "accuracy": 0.5, "val_accuracy": 0.4}.items():
                history.history[name].append(value)
            if on_epoch:
                on_epoch(history)
        return history

    monkeypatch.setattr(clinic_module, "train", train)
    return trained


@pytest.fixture
def blind(monkeypatch):
    """What curves show is always their cause: no other name counts as a sensible reading."""
    monkeypatch.setattr(casebook, "diagnose", lambda history: SimpleNamespace(pattern="not clear"))


@pytest.fixture
def row(pretend, blind):
    """A clinic with twelve pretended runs, every pattern among them."""
    made = clinic(None, None, **TWELVE)
    made.start()
    assert {case.pattern for case in made.cases} == set(PATTERNS)
    return made


def words(made):
    return re.sub("<.*?>", "", made._words.value)


def marks(made):
    root = ElementTree.fromstring(made._chart.value)
    assert root.attrib["class"] == "live-panel" and root.find(".//svg") is not None
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def number_of(made, pattern):
    """The number of the first open case of `pattern`."""
    return next(run.number for run in made._runs if run.case.pattern == pattern and not run.closed)


def other_than(right, all_):
    return next(name for name in all_ if name not in right)


def name_and_explain(made, pattern):
    made.name(pattern)
    made.explain(SIGNS[pattern])


def answer_rightly(made, number):
    made.choose(number)
    pattern = made.cases[number - 1].pattern
    name_and_explain(made, pattern)
    made.prescribe(HELPS[pattern][0])


def test_a_clinic_shows_before_anything_is_trained_what_to_press(pretend):
    made = clinic(None, None)
    assert made.state == "ready" == marks(made)["state"] and pretend == []
    assert made._start_button.description in words(made) and made._start_button.description == "Train 8 new runs"
    answers = (made._numbers, made._names, made._signs, made._prescriptions)
    assert all(button.disabled for buttons in answers for button in buttons.values())
    assert json.loads(marks(made)["settings"]) == {"case": None, "score": 0, "closed": 0, "cases": 8}
    assert clinic(None, None, cases=14)._start_button.description == "Train 14 new runs"


@pytest.mark.parametrize("cases", [-3, 0, True, "12", 12.0])
def test_a_number_of_cases_that_is_none_is_refused_in_words(cases):
    with pytest.raises(LessonError, match="at least 1"):
        clinic(None, None, cases=cases)


def test_all_right_answers_bring_the_full_score(row):
    assert row.state == "done" and len(row.cases) == len(row.histories) == 12
    for number in range(1, 13):
        answer_rightly(row, number)
        assert (row.score, row.closed) == (3 * number, number)
        assert row._numbers[number].description == f"▸ {number} ✓"
        assert f"{3 * number} of {3 * number}" in row._score_words.value
    assert "All 12 cases closed: 36 of 36 points. Every answer was right" in words(row)
    assert json.loads(marks(row)["settings"]) == {"case": 12, "score": 36, "closed": 12, "cases": 12}


def test_a_wrong_name_costs_its_point_and_is_told_what_speaks_against_it(row):
    number = number_of(row, "overfitting")
    row.choose(number)
    row.name("noisy")
    assert casebook.against("noisy", row.histories[number - 1]) in words(row).replace(
        "&#x27;", "'"
    ) and "Try another" in words(row)
    assert row._names["noisy"].description == "✗ noisy" and not row._names["overfitting"].disabled
    assert all(button.disabled for button in row._prescriptions.values())
    row.name("noisy")  # again: nothing happens, and nothing more is lost
    row.name("overfitting")
    assert row._names["overfitting"].description == "✓ overfitting" and row.score == 0
    row.explain(SIGNS["overfitting"])
    row.prescribe(HELPS["overfitting"][0])
    assert (row.score, row.closed) == (2, 1) and "Score: 2 of 3 so far; 1 of 12 cases closed" in row._score_words.value


def test_a_name_is_to_be_explained_before_anything_is_prescribed(row, book):
    number = number_of(row, "overfitting")
    row.choose(number)
    row.name("overfitting")
    assert "By what did you see it?" in words(row)
    with pytest.raises(LessonError, match="cannot be chosen now"):
        row.prescribe(HELPS["overfitting"][0])
    common = next(iter(TELL_NOTHING))
    row.explain(common)
    assert TELL_NOTHING[common] in words(row) and row._signs[common].description == f"✗ {common}"
    row.explain(SIGNS["noisy"])
    said = words(row).replace("&#x27;", "'")
    assert "the sign of noisy" in said and casebook.against("noisy", row.histories[number - 1]) in said
    row.choose(2 if number != 2 else 3)
    row.choose(number)
    assert words(row) == f"Case {number}: overfitting. By what did you see it?"
    row.explain(SIGNS["overfitting"])
    assert "That is the sign." in words(row) and row.score == 1  # for the name: the sign was not the first choice
    row.prescribe(HELPS["overfitting"][0])
    assert (row.score, row.closed) == (2, 1)
    told = [(each["case"], each["said"], each["right"]) for each in entries("sign")]
    assert told == [
        ("overfitting", said, said == SIGNS["overfitting"]) for said in (common, SIGNS["noisy"], SIGNS["overfitting"])
    ]


def test_a_sensible_reading_counts_though_the_cause_was_another(row, monkeypatch, book):
    monkeypatch.setattr(casebook, "diagnose", lambda history: SimpleNamespace(pattern="noisy"))
    number = number_of(row, "leak")
    row.choose(number)
    row.name("noisy")
    assert "sensible reading" in words(row) and "leak" in words(row) and row.score == 1
    assert [(each["said"], each["right"]) for each in entries("diagnosis")] == [("noisy", True)]
    row.explain(SIGNS["noisy"])
    row.prescribe(HELPS["leak"][0])
    assert row.score == 3 and row.closed == 1


def test_the_lab_book_keeps_what_a_case_was_and_what_it_was_taken_for(row, book):
    row.choose(number_of(row, "overfitting"))
    for pattern in ("noisy", "noisy", "overfitting"):
        row.name(pattern)
    row.explain(SIGNS["overfitting"])
    wrong = other_than(HELPS["overfitting"], PRESCRIPTIONS)
    for prescription in (wrong, HELPS["overfitting"][0]):
        row.prescribe(prescription)
    named = [(each["case"], each["said"], each["right"]) for each in entries("diagnosis")]
    assert named == [("overfitting", "noisy", False), ("overfitting", "overfitting", True)]
    tried = [(each["case"], each["said"], each["right"]) for each in entries("prescription")]
    assert tried == [("overfitting", wrong, False), ("overfitting", HELPS["overfitting"][0], True)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_prescription_really_trains_another_run_over_the_old_one(row, pretend, pattern):
    number = number_of(row, pattern)
    row.choose(number)
    name_and_explain(row, pattern)
    old, before = row.cases[number - 1], row.histories[number - 1]
    wrong = other_than(HELPS[pattern], ("a larger network", "add dropout"))  # these change every case
    row.prescribe(wrong)
    assert pretend[-1] != old and pretend[-1] == clinic_module.prescribe(wrong, old, before)
    assert (
        'class="line ghost"' in row._chart.value
        and ">before<" in row._chart.value
        and f"Case {number}: {pattern}, after" in row._chart.value
    )
    assert casebook.why_not(wrong, pattern) in words(row) and "before" in words(row)
    assert row._prescriptions[wrong].description == f"✗ {wrong}" and row.closed == 0 and row.state == "done"
    row.prescribe(HELPS[pattern][0])
    assert "Right: " in words(row) and (row.score, row.closed) == (2, 1)
    assert row.histories[number - 1] is before and row.cases[number - 1] is old


def test_a_long_title_is_there_in_full(row):
    number = number_of(row, "shuffled labels")
    row.choose(number)
    name_and_explain(row, "shuffled labels")
    row.prescribe("take the validation pictures out of the training set")
    title = "shuffled labels, after “take the validation pictures out of the training set”"
    assert f'<div class="heading">Case {number}: {title}</div>' in row._chart.value
    assert (
        f'aria-label="Case {number}: shuffled labels, after “take the validation pictures out of the training set”.'
        in row._chart.value
    )


def test_a_closed_case_takes_no_more_answers(row):
    answer_rightly(row, 1)
    pattern = row.cases[0].pattern
    answered = (
        (row.name, (pattern,), PATTERNS),
        (row.explain, (SIGNS[pattern],), ALL),
        (row.prescribe, HELPS[pattern][:1], PRESCRIPTIONS),
    )
    for say, right, all_ in answered:
        with pytest.raises(LessonError, match="cannot be chosen now"):
            say(other_than(right, all_))
        say(right[0])  # the one last pressed is not disabled, for the keyboard's sake, but does nothing
    assert (row.score, row.closed) == (3, 1)


def test_words_that_are_no_answer_are_refused(row):
    for say, wrong in ((row.choose, 13), (row.choose, 0), (row.name, "too long"), (row.prescribe, "add dropout")):
        with pytest.raises(LessonError, match="cannot be chosen now"):
            say(wrong)


def test_the_page_does_not_say_what_is_to_be_found(row):
    def said():
        texts = [row._chart.value, row._words.value, row._score_words.value]
        texts += [
            text for picture in row._pictures.values() for text in (picture.value, str(getattr(picture, "tooltip", "")))
        ]
        texts += [text for button in row._numbers.values() for text in (button.description, str(button.tooltip))]
        return " ".join(texts)

    buttons = {(name, button.description) for name, button in row._names.items()}
    for number in range(1, 13):
        row.choose(number)
        assert not [name for name in (*PATTERNS, *PRESCRIPTIONS) if name in said()]
        assert {(name, button.description) for name, button in row._names.items()} == buttons
        assert len({button.disabled for button in row._names.values()}) == 1
    row.choose(number_of(row, "overfitting"))
    assert "rises" in row._chart.value  # the picture's words still say what is seen
    row.name("overfitting")
    assert "overfitting" in row._chart.value


def test_what_is_asked_next_appears_in_a_room_that_is_there_before(row):
    def seen():
        room = next(each for each in row._box.children if row._cure in getattr(each, "children", ()))
        assert row._reason in room.children  # one room for both
        for part in (row._reason, row._cure):
            assert part.layout.display in (None, "")
        return row._reason.layout.visibility, row._cure.layout.visibility

    nothing, reason, cure = ("hidden", "hidden"), ("visible", "hidden"), ("hidden", "visible")
    assert seen() == nothing
    row.choose(1)
    row.name(other_than((row.cases[0].pattern,), PATTERNS))
    assert seen() == nothing  # a wrong name is none
    row.name(row.cases[0].pattern)
    assert seen() == reason
    row.explain(SIGNS[row.cases[0].pattern])
    assert seen() == cure
    row.choose(2)
    assert seen() == nothing
    row.choose(1)
    assert seen() == cure
    row.prescribe(HELPS[row.cases[0].pattern][0])
    assert seen() == cure  # what was tried stays to be seen
    row.start()
    assert seen() == nothing


def test_the_figures_of_a_case_can_be_read_but_not_while_it_is_trained(pretend):
    gate = Gate(at=3)
    made = clinic(gate, None, seed=1)
    made._start_button.click()
    assert gate.reached.wait(10)
    made.choose(2)
    logs = made.histories[1].history
    said = made._chart.value.split("<b>Epoch 3\n")[1].split("</b>")[0]
    assert all(f"{values[2]:.4g}" in said for values in logs.values())
    gate.go.set()
    made.wait()
    grown = []
    made._chart.observe(lambda change: grown.append(change["new"]), "value")
    made.start()
    under_way = [drawn for drawn in grown if 'data-state="training"' in drawn]
    assert under_way and not any("<input" in drawn for drawn in under_way)


def test_the_chosen_case_is_marked_by_more_than_colour(row):
    row.choose(4)
    assert [number for number, button in row._numbers.items() if "▸" in button.description] == [4]
    sent = [
        str(row._pictures[number].layout.get_state()) for number in (3, 4)
    ]  # ipywidgets 7 and 8 name it differently
    assert "transparent" in sent[0] and "transparent" not in sent[1]


def test_pressing_again_draws_new_seeds_and_a_seed_repeats_the_draw(pretend, blind):
    one, other, third = (clinic(None, None, seed=seed) for seed in (7, 7, 8))
    for made in (one, other, third):
        made.start()
    first = one.cases
    assert first == other.cases != third.cases
    answer_rightly(one, 1)
    one.start()
    assert {case.seed for case in one.cases}.isdisjoint(case.seed for case in first)
    assert (one.score, one.closed) == (0, 0) and "0 of 0" in one._score_words.value


def test_what_was_confused_comes_more_often():
    def shares(confused):
        drawn = [case.pattern for case in draw_cases(4000, np.random.default_rng(1), confused)]
        return {pattern: drawn.count(pattern) / len(drawn) for pattern in PATTERNS}

    assert all(0.1 < share < 0.15 for share in shares({}).values())
    after = shares({"leak": 3, "noisy": 300, "no pattern": 5})
    assert 0.21 < after["leak"] < 0.32 and 0.27 < after["noisy"] < 0.4  # 4 and 5 of 15 lots: nothing fills the row
    assert all(0.04 < after[pattern] < 0.1 for pattern in PATTERNS if pattern not in ("leak", "noisy"))


def test_the_lab_book_decides_what_comes_more_often_but_not_where_all_shall_see_the_same(pretend, book, monkeypatch):
    told = []

    def draw(n, random, confused):
        told.append(dict(confused))
        return draw_cases(n, random, confused)

    monkeypatch.setattr(clinic_module, "draw_cases", draw)
    note("diagnosis", case="leak", said="noisy", right=False)
    note("diagnosis", case="leak", said="good fit", right=False)
    note("diagnosis", case="overfitting", said="overfitting", right=True)
    for settings in ({}, {"seed": 3}):
        clinic(None, None, **settings).start()
    assert told == [{"leak": 2, "noisy": 1, "good fit": 1}, {}]


def test_no_case_can_be_told_by_what_the_others_are():
    rows = [{case.pattern for case in draw_cases(8, np.random.default_rng(seed))} for seed in range(50)]
    assert sum(len(row) < len(PATTERNS) for row in rows) > 45 and len(set(map(frozenset, rows))) > 20


class Gate:
    """A builder that holds its run number `at` until it is let go, or stopped."""

    def __init__(self, at):
        self.at, self.count, self.reached, self.go = at, 0, threading.Event(), threading.Event()

    def __call__(self, case, stop):
        self.count += 1
        if self.count == self.at:
            self.reached.set()
            while not (stop.is_set() or self.go.wait(0.002)):
                pass


def test_while_a_row_trains_finished_cases_can_be_looked_at_but_not_answered(pretend):
    gate = Gate(at=4)
    made = clinic(gate, None, seed=1)
    made._start_button.click()
    assert gate.reached.wait(10)
    assert (
        made.state == "training" and marks(made)["epochs"] == str(made.cases[3].epochs) and "Run 4 of 8" in words(made)
    )
    made.choose(2)
    assert ">Case 2<" in made._chart.value and made.state == "training"
    assert made._numbers[4].disabled and made._names["noisy"].disabled
    with pytest.raises(LessonError, match="What can: nothing yet"):
        made.name("noisy")
    gate.go.set()
    made.wait()
    assert made.state == "done" and ">Case 2<" in made._chart.value and not made._names["noisy"].disabled


def test_choosing_all_the_time_while_runs_train_breaks_nothing(pretend):
    made = clinic(None, None, seed=1)
    for _ in range(3):
        made._start_button.click()
        while not made.idle.wait(0.001):
            for button in made._numbers.values():
                button.click()
        made.wait()
        assert made.state == "done" and len(made.histories) == 8 and None not in made.histories


def test_stopping_in_the_row_leaves_what_is_finished(pretend, blind):
    gate = Gate(at=4)
    made = clinic(gate, None, seed=1)
    made._start_button.click()
    assert gate.reached.wait(10)
    made._stop_button.click()
    made.wait()
    assert made.state == "stopped" and len(made.cases) == 3 and "3 runs are trained" in words(made)
    assert [number for number, button in made._numbers.items() if not button.disabled] == [1, 2, 3]
    for number in (1, 2, 3):
        answer_rightly(made, number)
    assert "All 3 cases closed: 9 of 9 points" in words(made)


def test_stopping_before_the_first_run_is_finished_leaves_a_clinic_that_works(pretend):
    gate = Gate(at=1)
    made = clinic(gate, None)
    made._start_button.click()
    assert gate.reached.wait(10)
    made.stop()
    made.wait()
    assert made.state == "stopped" and made.cases == [] and "No runs" in words(made)
    made.start()
    assert made.state == "done" and len(made.cases) == 8


def test_a_stopped_prescription_does_not_count(pretend, blind):
    gate = Gate(at=9)
    made = clinic(gate, None, seed=1)
    made.start()
    made.choose(1)
    pattern = made.cases[0].pattern
    name_and_explain(made, pattern)
    wrong = other_than(HELPS[pattern], PRESCRIPTIONS)
    made._prescriptions[wrong].click()
    assert gate.reached.wait(10)
    assert [name for name, button in made._prescriptions.items() if not button.disabled] == [
        wrong
    ]  # and that one does nothing
    made._prescriptions[wrong].click()
    made.stop()
    made.wait()
    assert (
        made.state == "stopped"
        and "does not count" in words(made)
        and "ghost" not in re.sub(r"<g .*?>", "", made._chart.value)
    )
    made.prescribe(HELPS[pattern][0])
    assert (made.score, made.closed) == (3, 1) and gate.count == 10


def test_new_runs_overtake_a_prescription(pretend, blind):
    gate = Gate(at=9)
    made = clinic(gate, None, seed=1)
    made.start()
    made.choose(1)
    name_and_explain(made, made.cases[0].pattern)
    made._prescriptions["add dropout"].click()
    assert gate.reached.wait(10)
    made.start()
    assert made.state == "done" and len(made.histories) == 8 and made.score == 0 and gate.count == 17


def test_the_status_changes_with_each_answer_and_not_with_each_epoch(row):
    said, leak = [], number_of(row, "leak")
    row.choose(leak % 12 + 1)  # another one
    row._words.observe(lambda change: said.append(change["new"]), "value")
    answer_rightly(row, leak)
    # chosen, named, explained, under way, judged
    assert len(said) == 5 and all('role="status"' in text for text in said)
    assert "“take the validation pictures" in said[3] and "honest" in said[4]


def test_whoever_chooses_another_case_is_asked_about_that_one(row):
    pattern = row.cases[0].pattern
    answer_rightly(row, 1)
    row.choose(2)
    assert words(row) == "Case 2: what do its curves show?"
    row.name(row.cases[1].pattern)
    judged = words(row)
    row.choose(2)
    assert words(row) == judged  # it has been chosen already
    row.choose(1)
    assert words(row) == f"Case 1 is closed: {pattern}."
    row.choose(2)
    assert words(row) == f"Case 2: {row.cases[1].pattern}. By what did you see it?"
    row.explain(SIGNS[row.cases[1].pattern])
    row.choose(1)
    row.choose(2)
    assert words(row) == f"Case 2: {row.cases[1].pattern}. What do you prescribe?"


def test_the_answer_that_was_missed_most_often_is_told_at_the_end(row):
    for number in range(1, 13):
        if row.cases[number - 1].pattern == "overfitting":
            row.choose(number)
            row.name("leak")
        answer_rightly(row, number)
    assert "You missed most often: overfitting taken for leak." in words(row)


def test_a_run_that_explodes_is_compared_in_words():
    before = {"loss": [2.3, float("nan")], "val_loss": [2.4, float("nan")]}
    run = casebook.Run(1, SimpleNamespace(pattern="diverging", epochs=2))
    run.history = SimpleNamespace(history=before)
    said = run.judge_prescription("a smaller learning rate", {"loss": [2.3, 1.2], "val_loss": [2.2, 1.25]})
    assert run.closed and "not a number before, 1.25 now." in said and "hardly" not in said


@pytest.mark.parametrize(
    "pattern, after, told",
    [
        ("overfitting", [1.3, 1.1, 1.3, 1.2], "hardly show it"),
        ("leak", [1.3, 1.4, 1.5, 1.6], "honest"),
        ("noisy", [1.3, 1.2, 1.1, 1.2, 1.1, 1.2, 1.1], "back and forth by 21% of its size before, 9% now"),
        ("noisy", [1.3, 1.2], "1.20 now."),
    ],
)
def test_figures_that_could_be_misread_are_explained(pattern, after, told):
    def history(validation):
        return SimpleNamespace(history={"loss": [1.0] * len(validation), "val_loss": validation})

    run = casebook.Run(1, SimpleNamespace(pattern=pattern, epochs=5))
    run.history = history([1.5, 1.1, 1.4, 1.1, 1.4, 1.1, 1.2])
    assert told in run.judge_prescription(HELPS[pattern][0], history(after))


def test_figures_that_are_better_do_not_make_a_prescription_right(row):
    run = row._runs[number_of(row, "overfitting") - 1]
    said = run.judge_prescription(
        "a larger network", {name: [value / 2 for value in values] for name, values in run.history.history.items()}
    )
    assert "better, but" in said and not run.closed


@pytest.mark.slow
def test_what_a_builder_cannot_do_is_shown_and_raised_and_the_clinic_works_on():
    def build():  # the cases need keywords
        model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
        model.compile(loss="categorical_crossentropy")
        return model

    made = clinic(build, CLOTHES, seed=0)
    with pytest.raises(LessonError, match=r"build\(\).*unexpected keyword"):
        made.start()
    assert made.state == "error" == marks(made)["state"] and "unexpected keyword" in words(made)
    assert len(made.cases) < 8


def test_a_mistake_of_a_prescription_leaves_the_case_open(pretend, blind):
    def build(case, stop):
        if len(pretend) == 9:
            raise LessonError("no keyword 'dropout'")

    made = clinic(build, None, seed=1)
    made.start()
    made.choose(1)
    pattern = made.cases[0].pattern
    name_and_explain(made, pattern)
    with pytest.raises(LessonError, match="no keyword"):
        made.prescribe("add dropout")
    assert made.state == "error" and made.closed == 0
    made.prescribe(HELPS[pattern][0])
    assert made.state == "done" and (made.score, made.closed) == (3, 1)


def test_a_closed_clinic_stops_and_leaves_memory(pretend):
    gate = Gate(at=4)
    made = clinic(gate, None)
    made._start_button.click()
    assert gate.reached.wait(10)
    made.close()
    assert made.idle.wait(10) and gate.count == 4
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_without_a_front_end_there_is_an_empty_row(pretend, monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append(data))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    made, _ = clinic(None, None, cases=14), clinic(None, None, cases=14)
    assert pretend == [] and len(shown) == 2
    assert shown[0]["text/html"] == shown[1]["text/html"] and "14 empty frames" in shown[0]["text/html"]
    assert shown[0]["text/plain"] == "Run this cell to open the clinic."
    assert shown[0][live_module.VIEW]["model_id"] == made._box.model_id


def test_in_colab_a_press_trains_inside_its_request(pretend, blind, monkeypatch):
    monkeypatch.setattr(cell, "place", lambda: "inline")
    made = clinic(None, None, seed=1)
    made._start_button.click()
    assert made.state == "done" and len(made.cases) == 8
    answer_rightly(made, 1)
    assert made.closed == 1


@pytest.mark.slow
def test_a_real_row_is_trained_named_and_mended():
    def build(filters=5, pool=3, dropout=0.0, learning_rate=0.001):
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(filters, 3, strides=3, activation="relu"),
                layers.MaxPooling2D(min(pool, 9)),
                layers.Flatten(),
                layers.Dropout(dropout),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"]
        )
        return model

    made = clinic(build, CLOTHES, cases=8, seed=676)
    made.start()
    assert {case.pattern for case in made.cases} == set(PATTERNS)  # so this seed draws
    assert all(
        np.isfinite(history.history["loss"][0]) and 1 <= len(history.epoch) <= case.epochs
        for case, history in zip(made.cases, made.histories, strict=True)
    )
    assert all(diagnose(history).pattern for history in made.histories)
    number = number_of(made, "shuffled labels")
    answer_rightly(made, number)
    before, after = made.histories[number - 1].history, made._runs[number - 1].logs
    assert made.closed == 1 and after["val_accuracy"][-1] > before["val_accuracy"][-1] + 0.2
    assert f"{before['val_loss'][-1]:.2f} before, {after['val_loss'][-1]:.2f} now" in words(made)
