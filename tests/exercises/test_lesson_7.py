"""Lesson 7's checks: each solution passes, answers written in other ways pass as well, the stubs run.

The wrong answers that stand in lesson_7.toml are tried in test_tables.py; here are right ones, and those of whose
sentence the figures matter.
"""

import re

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from helpers.exercises import lesson_7
from tests import notebooks

CHECKS = {
    name: getattr(lesson_7, f"check_{name}")
    for name in ("standardise", "baseline", "regression", "folds", "weights", "sheet")
}
CELLS = {cell.id: cell.source for cell in notebooks.read(notebooks.ROOT / "notebooks" / "07_your_own.ipynb").cells}
FIRST_WORDS = {
    "standardise": "Your function returns nothing yet",
    "baseline": "Your function returns nothing yet",
    "regression": "There are three dots left in your network",
    "folds": "Your function returns nothing yet",
    "weights": "Your function returns nothing yet",
    "sheet": "Still to be filled in: question, rows, baseline, network, test, verdict, limits",
}


def names_after(code, **names):
    exec(code, {"keras": keras, "layers": layers, "np": np} | names, names)
    return names


@pytest.mark.parametrize("name", CHECKS)
def test_the_solution_passes(name):
    feedback = CHECKS[name](names_after(CHECKS[name].solution)[name])
    assert feedback.passed, feedback.message


@pytest.mark.parametrize("number, name", list(enumerate(CHECKS, 1)))
def test_the_stub_of_the_notebook_runs_and_is_told_what_is_missing(number, name):
    stub = re.sub(r"^check_\w+\((\w+)\)$", r"answer = \1", CELLS[f"ex{number}"], flags=re.MULTILINE)
    feedback = CHECKS[name](names_after(stub)["answer"])
    assert not feedback.passed and feedback.message.startswith(FIRST_WORDS[name]), feedback.message


def standardise_with_sklearn(x_train, x_other):
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), scaler.transform(x_other)


def standardise_with_a_sample_s_spread(x_train, x_other):
    spread = x_train.std(axis=0, ddof=1)
    spread[spread == 0] = 1
    return [(x - x_train.mean(axis=0)) / spread for x in (x_train, x_other)]


def regression_of_one_layer(learning_rate=0.01):
    model = keras.Sequential([keras.Input((10,)), layers.Dense(1), layers.Rescaling(77, offset=152)])
    model.compile(loss=keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError()])
    return model


def folds_as_a_generator(n, k, seed):
    yield from KFold(k, shuffle=True, random_state=seed).split(np.arange(n))


def weights_of_sklearn(y):
    classes = np.unique(y)
    return dict(zip(classes, compute_class_weight("balanced", classes=classes, y=y), strict=True))


OTHERS = {
    "standardise": [standardise_with_sklearn, standardise_with_a_sample_s_spread],
    "baseline": [lambda y_train, y_val: float(abs(np.mean(y_train) - y_val).mean())],
    "regression": [regression_of_one_layer],
    "folds": [folds_as_a_generator],
    "weights": [weights_of_sklearn],
}


@pytest.mark.parametrize("name, answer", [(name, answer) for name in OTHERS for answer in OTHERS[name]])
def test_a_right_answer_may_be_written_in_another_way(name, answer):
    feedback = CHECKS[name](answer)
    assert feedback.passed, feedback.message


def filled_in(**changes):
    return {**names_after(CHECKS["sheet"].solution)["sheet"], **changes}


@pytest.mark.parametrize(
    "right, baseline, verdict", [(110, 0.80, "beaten"), (110, 0.96, "cannot tell"), (90, 0.97, "not beaten")]
)
def test_the_verdict_has_to_follow_from_the_figures(right, baseline, verdict):
    for said in lesson_7.VERDICTS:
        feedback = CHECKS["sheet"](filled_in(test=(right, 114), baseline=baseline, verdict=said))
        assert feedback.passed == (said == verdict), feedback.message
        assert f"{right / 114:.2f}" in feedback.message


def test_a_sheet_takes_arrays_and_a_list_of_folds():
    sheet = filled_in(network=np.array([0.9, 0.95, 0.97, 1.0, 0.96]), rows=[341, 114, np.int64(114)])
    assert CHECKS["sheet"](sheet).passed


@pytest.mark.slow
def test_with_four_solutions_the_project_with_gaps_runs_to_its_end(capsys):
    names = {}
    for cell in ("diabetes", "ex1", "ex2", "ex3", "ex4"):
        names = names_after("import numpy as np\n" + CELLS[cell], **names)
    for name in ("standardise", "baseline", "regression", "folds"):
        names = names_after(CHECKS[name].solution, **names)
    names_after(CELLS["together"], **names)
    lines = re.findall(r"network off by (\d+), the mean by (\d+)", capsys.readouterr().out)
    assert len(lines) == 5 and all(int(network) < int(mean) for network, mean in lines)
