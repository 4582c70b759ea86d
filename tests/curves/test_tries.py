"""The picture of many tries: dots, the best so far, and what an error bar belongs to."""

from xml.etree import ElementTree

import numpy as np
import pytest

from helpers.curves import tries
from helpers.curves.sheets import LOOKS
from helpers.curves.theme import colour
from helpers.curves.tries import SIGNS

ACCURACIES = np.array([0.5, 0.7, 0.6])


@pytest.mark.parametrize("name, look", [("best", tries.BEST), ("test", tries.TESTED)])
def test_an_accuracy_has_a_marker_on_its_error_bar(name, look):
    root = ElementTree.fromstring(tries.picture(ACCURACIES, 5, 30, "Tries", tested=(0.55, 100)))
    (group,) = [g for g in root.iter("g") if g.get("class") == name]
    marker = next(g for g in group.iter("g") if "scale" in g.get("transform", ""))
    assert marker.get("fill") == colour(look)
    assert SIGNS[LOOKS[look].marker] == ElementTree.tostring(marker[0], encoding="unicode").strip().replace(" />", "/>")
    height = float(marker.get("transform").partition(" ")[2].partition(")")[0])
    accuracy = {"best": 0.7, "test": 0.55}[name]
    assert height == pytest.approx(tries.TALL * (1 - accuracy), abs=0.06)
