"""The exercises' checks: each solution passes, each known wrong answer fails with words that help, the stub runs."""

import keras
import pytest

from helpers.exercises import lesson_1
from helpers.exercises.checks import Feedback, Mistakes, NotYet, Table
from helpers.lab_book import entries

CHECKS = {
    "my_updates": lesson_1.check_updates,
    "build_deeper": lesson_1.check_deeper,
    "best_epoch": lesson_1.check_best_epoch,
    "my_steps": lesson_1.check_next_step,
}


def network(*hidden, last="softmax", outputs=10, compiled=True, loss="categorical_crossentropy", metrics=("accuracy",)):
    def build_deeper():
        model = keras.Sequential(
            [
                keras.Input((64,)),
                *(keras.layers.Dense(units, activation=activation) for units, activation in hidden),
                keras.layers.Dense(outputs, activation=last),
            ]
        )
        if compiled:
            model.compile(optimizer="adam", loss=loss, metrics=list(metrics))
        return model

    return build_deeper


TWO = ((64, "relu"), (64, "relu"))
WRONG = [
    ("my_updates", 10, "three"),
    ("my_updates", 39, "validation pictures too"),
    ("my_updates", 27, "last batch counts"),
    ("my_updates", 28.125, "part of an update"),
    ("my_updates", "30", "one number"),
    ("my_updates", True, "one number"),
    ("my_updates", 29, "in each epoch"),
    ("my_updates", 36, "validation pictures away first"),
    ("my_updates", 37.5, "validation pictures away first"),
    ("my_updates", 31, "not 31"),
    ("build_deeper", 3, "begin with def"),
    ("build_deeper", network(*TWO)(), "handed over a network"),
    ("build_deeper", lambda width: None, "width must have a default"),
    ("build_deeper", lambda: ..., "returns nothing yet"),
    ("build_deeper", lambda: None, "return model"),
    ("build_deeper", lambda: 3, "not a Keras model"),
    ("build_deeper", network(*TWO, compiled=False), "not compiled"),
    ("build_deeper", network((64, "relu")), "1 hidden"),
    ("build_deeper", network(*TWO, outputs=3), "10 probabilities"),
    ("build_deeper", network(*TWO, last=None), "sum to 1"),
    ("build_deeper", network((64, None), (64, "relu")), "no activation"),
    ("build_deeper", network((1, "relu"), (1, "relu")), "wide enough"),
    ("build_deeper", lambda: 1 / 0, "ZeroDivisionError"),
    ("build_deeper", network(*TWO, loss="mse"), "categorical_crossentropy"),
    ("build_deeper", network(*TWO, metrics=()), "ask for the accuracy"),
    ("best_epoch", 3, "begin with def"),
    ("best_epoch", lambda history: None, "end it with return"),
    ("best_epoch", lambda history: min(history["val_loss"]), "Which epoch has it"),
    ("best_epoch", lambda history: 6, "highest"),
    ("best_epoch", lambda history: history.history["val_loss"], "already the dictionary"),
    ("best_epoch", lambda history: min(range(len(history["val_loss"])), key=history["val_loss"].__getitem__), "from 0"),
    ("best_epoch", lambda history: 5, "training loss is lowest"),
    ("best_epoch", lambda history: 4, "validation accuracy"),
    ("best_epoch", lambda history: 3, "epoch 1"),
    ("best_epoch", lambda: 3, "TypeError"),
    ("best_epoch", lambda history: history["val_losss"], "KeyError"),
    ("my_steps", ["wider", "longer", "neither"], "in a dictionary"),
    ("my_steps", {"A": "wider", "B": "longer"}, "each of the three"),
    ("my_steps", {"A": "Longer ", "B": "neither", "C": "wider"}, "A has been flat"),
    ("my_steps", {"A": "wider", "B": "longer", "C": 3}, "for C you have 3"),
]


@pytest.mark.parametrize("name", CHECKS)
def test_the_solution_passes(name):
    names = {"keras": keras}
    exec(CHECKS[name].solution, names)
    feedback = CHECKS[name](names[name])
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("name, answer, words", WRONG)
def test_a_known_wrong_answer_fails_with_words_that_help(name, answer, words):
    feedback = CHECKS[name](answer)
    assert not feedback.passed and words in feedback.message


@pytest.mark.parametrize("name", CHECKS)
def test_the_untouched_stub_runs_and_says_what_to_do(name):
    feedback = CHECKS[name](...)
    assert not feedback.passed and "three dots" in feedback.message
    page = feedback._repr_html_()
    assert "A hint" in page and "A solution" in page and "Not yet" in repr(feedback)


def test_the_hint_gives_the_solution_not_away():
    for check in CHECKS.values():
        last_line = check.solution.strip().splitlines()[-1]
        assert last_line not in check.hint


def test_solved_feedback_offers_the_solution_but_no_hint():
    page = Feedback(True, "a < b", "hint", "solution")._repr_html_()
    assert "Solved" in page and "a &lt; b" in page and "A hint" not in page and "A solution" in page


def test_a_check_that_breaks_answers_in_words():
    table = Table("lesson_1")

    @table.check
    def check_updates(answer, _):
        return answer.missing

    assert "AttributeError" in check_updates(3).message


def test_each_try_goes_into_the_lab_book_with_the_mistake_that_was_told(book):
    for answer in (..., 36, 29, "30", 30):
        lesson_1.check_updates(answer)
    lesson_1.check_best_epoch(lambda history: history["val_losss"])
    tries = [(each["name"], each["number"], each["of"], each["right"], each["wrong"]) for each in entries("check", 1)]
    assert tries == [
        ("updates", 1, 4, False, "36"),
        ("updates", 1, 4, False, "29"),
        ("updates", 1, 4, False, "no number"),
        ("updates", 1, 4, True, None),
        ("best_epoch", 3, 4, False, "KeyError"),
    ]
    assert all(each["said"] for each in entries())


def test_of_two_known_mistakes_that_do_the_same_the_first_is_told():
    rows = [{"answer": ["1 / 0", "4"], "say": "four of {n}"}, {"answer": "2 + 2", "say": "later"}]
    mistakes = Mistakes({"wrong": rows, "words": {"piece": "{a} a"}}, {})
    with pytest.raises(NotYet) as told:
        mistakes.compare(4, n=9)
    assert mistakes.sentence(told.value) == "four of 9" and mistakes.words("piece", a="A") == "A a"
    mistakes.compare(5)  # unlike all of them


def test_a_finding_without_a_sentence_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        Mistakes({"wrong": []}, {}).sentence(NotYet("nobody wrote this"))


class Stub(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None): ...


class Begun(Stub):
    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch


def stub(history, patience=3): ...


def begun(history, patience=3):
    return history


@pytest.mark.parametrize("answer, untouched", [(..., True), (stub, True), (Stub, True), (begun, False), (Begun, False)])
def test_what_stands_as_it_stood_is_no_try(answer, untouched, book):
    assert not lesson_1.check_best_epoch(answer).passed
    assert (entries("check") == []) == untouched
