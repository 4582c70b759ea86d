"""The alt text of pictures that students draw with Matplotlib themselves."""

import json
from datetime import date

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from helpers.curves.own_pictures import alt_of, html


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_curves_are_told_by_where_they_begin_turn_and_end():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3, 4], [1.1, 0.5, 0.3, 0.2], label="training")
    axes.plot([1, 2, 3, 4], [1.0, 0.6, 0.7, 0.9], label="validation")
    axes.plot([1, 2], [0.5, 0.5])
    axes.set(xlabel="epoch", ylabel="loss")
    assert alt_of(figure) == (
        "loss against epoch: training from 1.1 at 1 to 0.2 at 4; validation from 1 at 1 to 0.9 at 4, lowest 0.6 at 2;"
        " a line level at 0.5."
    )


def test_pictures_are_told_by_their_titles():
    figure, places = plt.subplots(1, 3)
    for place, title in zip(places, ("Shirt", "Dress", ""), strict=True):
        place.imshow(np.zeros((2, 2)))
        place.set_title(title)
    assert alt_of(figure) == "3 pictures: Shirt, Dress."


def test_bars_and_points_are_told():
    figure, (left, right) = plt.subplots(1, 2)
    left.bar(["best", "last"], [0.25, 0.5])
    left.set_title("loss")
    right.scatter([1, 2, 3], [1, 2, 3])
    assert alt_of(figure) == "loss: bars best 0.25, last 0.5. A chart: 3 points."


def odd_figures():
    yield "nothing", plt.figure()
    figure, axes = plt.subplots()
    axes.plot([np.nan, np.nan], [np.nan, np.inf], label="$\\alpha$\n<b>")
    yield "no values", figure
    figure, axes = plt.subplots()
    axes.plot([date(2026, 1, 1), date(2026, 1, 2)], [1, 2])
    yield "dates", figure
    figure, axes = plt.subplots()
    axes.plot(["a", "b"], [1, 2])
    axes.fill_between([0, 1], [0, 1], [1, 2])
    axes.hist(np.arange(50), bins=20)
    yield "names, a band and a histogram", figure
    figure = plt.figure()
    figure.add_subplot(projection="3d").plot([1, 2], [1, 2], [1, 2])
    figure.add_subplot(projection="polar").plot([0, 1], [1, 2])
    yield "other axes", figure
    figure, places = plt.subplots(4, 4)
    for place in places.flat:
        place.plot([1, 2], [2, 1])
    yield "many", figure


@pytest.mark.parametrize("figure", [pytest.param(figure, id=name) for name, figure in odd_figures()])
def test_odd_figures_have_an_alt_text_too(figure):
    words = alt_of(figure)
    assert words.endswith(".") and len(words) < 1000 and "<b>" not in html("", words)


@pytest.mark.slow
def test_in_a_notebook_a_picture_carries_its_alt_text_unless_figures_are_shown_in_another_format():
    draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2], [3, 4], label='loss')\nplt.show()"
    notebook = new_notebook(
        cells=[
            new_code_cell("import helpers"),
            new_code_cell(draw),
            new_code_cell("from matplotlib_inline.backend_inline import set_matplotlib_formats as formats"),
            new_code_cell(f"formats('svg')\n{draw}"),
        ]
    )
    NotebookClient(notebook, timeout=120).execute()
    data = notebook.cells[1].outputs[0].data
    assert 'alt="A chart: loss from 3 at 1 to 4 at 2."' in data["text/html"]
    assert data["image/png"].strip() in data["text/html"]
    assert set(notebook.cells[3].outputs[0].data) == {"image/svg+xml", "text/plain"}
    assert "Traceback" not in json.dumps(notebook)
