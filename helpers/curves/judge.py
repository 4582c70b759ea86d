"""How much the figures of learning curves speak for each pattern.

Each measure gives each pattern points, read off a broken line through a few corners; a pattern's points are added up,
and what they come to becomes its share of certainty. The lines stand in `judge.json`. They were fitted to some thousand
runs whose cause is known, of small networks in NumPy and of the lessons' network: `python -m tests.curves.fit_judge`
makes such runs and fits the lines to them anew.
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

# The measures that give points, and whether doublings count ("log") or the figure as it is ("plain").
MEASURES = {
    "training end": "log",
    "end over second": "log",
    "first jump": "log",
    "later jump": "plain",
    "training fall": "plain",
    "training roughness": "log",
    "validation first": "log",
    "validation best": "log",
    "validation end": "log",
    "smooth rise": "plain",
    "improved": "log",
    "steadiness": "plain",
    "training steadiness": "plain",
    "zigzag": "log",
    "gap": "log",
    "typical gap": "log",
    "fall": "plain",
    "roughness": "log",
    "rise in zigzags": "log",
    "fall in zigzags": "log",
    "after the best": "plain",
    "learned": "plain",
    "validation learned": "plain",
    "accuracy gap": "plain",
    "first excess": "log",
    "last excess": "log",
    "validation last excess": "log",
}
FLOOR = 1e-3  # smaller figures count as this in doublings


@lru_cache
def _lines():
    return json.loads((Path(__file__).parent / "judge.json").read_text(encoding="utf-8"))


def size(name, figures):
    """A measure as the lines take it, or None where it is not known."""
    value = figures.get(name)
    if value is None or not np.isfinite(value):
        return None
    return float(np.log2(max(value, FLOOR))) if MEASURES[name] == "log" else float(value)


def points(figures):
    """{pattern: {measure: points}} of the figures that `measure` gives; validation loss must be among them."""
    lines = _lines()
    given = {}
    for pattern, start in lines["start"].items():
        given[pattern] = {"": start}
        for name, line in lines["measures"].items():
            at = size(name, figures)
            if at is not None:
                given[pattern][name] = float(np.interp(at, line["corners"], line["points"][pattern]))
    return given


def shares(figures):
    """{pattern: certainty}, which add up to 1."""
    sums = {pattern: sum(each.values()) for pattern, each in points(figures).items()}
    weights = np.exp(np.array(list(sums.values())) - max(sums.values()))
    return dict(zip(sums, (weights / weights.sum()).tolist(), strict=True))
