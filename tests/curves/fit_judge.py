"""Makes `helpers/curves/judge.json`, the points that figures of learning curves give to patterns.

    python -m tests.curves.fit_judge [stations]

trains some thousand small networks whose trouble is known (`runs`: the design half, and the lesson's own network) and
fits the points to what their curves show. It never looks at the other half, on which `test_calibration` judges.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from helpers.curves import judge
from helpers.curves.chance import cost_of_guessing
from helpers.curves.diagnosis import CLEAR, PROBABLE
from helpers.curves.measures import measure
from tests.curves.runs import coarser, many, many_at_home

STATIONS = 128
AT_HOME = 96  # runs of the lesson's own network, among whose curves students will ask most
FOURFOLD = 4  # and each counts as so many
CORNERS = 6  # of each measure's broken line
PULL = 0.3  # how freely points may differ from nothing: scikit-learn's C
WANTED = 0.96  # of the answers that are called clear, so many are to be right
COMMON = {"shuffled labels": 0.5, "leak": 0.5}  # rarer in the world than what one sees every day
WRITTEN = Path(judge.__file__).parent / "judge.json"


def figures_of(example):
    """The figures of an Example, as they are without and with what may be known besides."""
    plain = {name: values for name, values in example.history.items() if "acc" not in name}
    for history in (example.history, plain):
        for known in ({}, example.known):
            figures = measure(history, cost_of_guessing(**known))
            if "gap" in figures and figures["finite"]:
                yield figures


def corners_of(values):
    return np.unique(np.quantile(values, np.linspace(0.02, 0.98, CORNERS)).round(3))


def heights(figures, corners):
    """How near each figure is to each corner of its line: shape (figures, all corners). Unknown figures are 0."""
    columns = []
    for name, places in corners.items():
        sizes = [judge.size(name, each) for each in figures]
        near = np.zeros((len(figures), len(places)))
        for row, size in enumerate(sizes):
            if size is not None:
                near[row] = [np.interp(size, places, tent) for tent in np.eye(len(places))]
        columns.append(near)
    return np.hstack(columns)


def rows_of(examples):
    """(figures, causes, families) of Examples and of their coarser versions; of each some of what may be known."""
    random = np.random.default_rng(0)
    rows = []
    for example in examples:
        for log in (example, coarser(example, random), coarser(example, random)):
            known = list(figures_of(log)) if log else []
            chosen = random.permutation(len(known))[:2]
            rows += [(known[place], example.cause, example.family) for place in chosen]
    return [list(column) for column in zip(*rows, strict=True)]


def regression(near, causes):
    weights = {cause: len(causes) / causes.count(cause) * COMMON.get(cause, 1.0) for cause in set(causes)}
    return LogisticRegression(C=PULL, max_iter=150, class_weight=weights).fit(near, causes)


def modesty(near, causes, families):
    """By how much points must be divided so that certainties are true for data of a kind never seen.

    Each family of data is judged by what was fitted to the others.
    """
    sums, right = [], []
    for family in sorted(set(families)):
        others = [place for place, each in enumerate(families) if each != family]
        held = [place for place, each in enumerate(families) if each == family]
        model = regression(near[others], [causes[place] for place in others])
        found = model.decision_function(near[held])
        sums += list(found)
        right += [model.classes_[np.argmax(row)] == causes[place] for row, place in zip(found, held, strict=True)]
    sums, right = np.array(sums), np.array(right)
    for divisor in np.arange(1, 4, 0.1):
        certainty = np.exp(sums / divisor)
        certainty = (certainty / certainty.sum(1, keepdims=True)).max(1)
        clear, likely = certainty >= CLEAR, (certainty >= PROBABLE) & (certainty < CLEAR)
        print(
            f"{divisor:.1f}: {right.mean():.3f} right; clear {clear.sum()}, {right[clear].mean():.3f};"
            f" likely {likely.sum()}, {right[likely].mean():.3f}"
        )
        if right[clear].mean() >= WANTED:
            return divisor
    return divisor


def fit(examples):
    """What `judge.json` holds, from Examples."""
    figures, causes, families = rows_of(examples)
    known = {name: [judge.size(name, each) for each in figures] for name in judge.MEASURES}
    corners = {name: corners_of([size for size in sizes if size is not None]) for name, sizes in known.items()}
    near = heights(figures, corners)
    model, divisor = regression(near, causes), modesty(near, causes, families)
    lines, start = {}, 0
    for name, places in corners.items():
        points = model.coef_[:, start : start + len(places)] / divisor
        start += len(places)
        lines[name] = {
            "corners": places.tolist(),
            "points": {cause: row.round(3).tolist() for cause, row in zip(model.classes_, points, strict=True)},
        }
    starts = dict(zip(model.classes_, (model.intercept_ / divisor).round(3).tolist(), strict=True))
    return {"logs": len(examples), "start": starts, "measures": lines}


def main():
    examples = many("design", range(int(sys.argv[1]) if len(sys.argv) > 1 else STATIONS))
    examples += FOURFOLD * many_at_home(range(AT_HOME))
    WRITTEN.write_text(json.dumps(fit(examples), indent=1) + "\n", encoding="utf-8")
    print(f"{WRITTEN.name}: fitted to {len(examples)} logs")


if __name__ == "__main__":
    main()
