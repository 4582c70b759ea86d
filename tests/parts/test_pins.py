"""Pinned runs: what is kept of a run, how it is drawn, and what is written of it."""

import csv
import types

import keras
import numpy as np
import pytest

from helpers.curves.sheets import PINNED
from helpers.lab_book import entries
from helpers.live import cell, part
from helpers.parts.explore import Panel, explore
from helpers.parts.pins import FULL, MOST, TOO_EARLY
from helpers.sweeps.files import print_of
from tests.networks import digits_network, few_digits

X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)


def move(panel, **values):
    for name, value in values.items():
        panel._controls[name].value = value


def said(panel):
    return panel._pins._said.value


def rename(panel, number, name):
    panel._pins._pins[number].name.value = name


@pytest.fixture(scope="module")
def shared():
    panel = explore(digits_network, FEW, epochs=(1, 6, 3), dropout=(0.0, 0.8, 0.25), seed=(0, 9))
    yield panel
    panel.close()


@pytest.fixture
def panel(shared):
    """One panel for all tests, as it was at first: without pins, and with no earlier run but its first."""
    for pin in shared._pins._pins:
        shared._pins.take_off(pin.look)
    move(shared, epochs=3, dropout=0.25, seed=0)
    return shared


def test_a_pinned_run_stays_in_the_picture_and_as_it_was_whatever_is_moved(panel):
    panel._pins.pin()
    first = panel.shown()
    move(panel, dropout=0.5)
    move(panel, seed=3)
    move(panel, epochs=6)
    assert panel.pinned == {"first settings": first} and len(first["loss"]) == 3
    drawn = panel._chart.value
    assert "first settings" in drawn
    assert (
        drawn.count('class="earlier"') == drawn.count('class="earlier-too"') * 0 + 4
    )  # a legend and a line in each pane
    assert "first settings" in panel._still_picture()  # so it stays in the file as well


def test_pins_have_the_name_of_what_differs_and_any_name_that_they_are_given(panel):
    panel._pins.pin()
    move(panel, dropout=0.5)
    panel._pins.pin()
    assert list(panel.pinned) == ["first settings", "dropout 0.5"]
    rename(panel, 1, "<b>strong</b>")
    assert "&lt;b&gt;strong" in panel._chart.value and "<b>strong" not in panel._chart.value
    rename(panel, 0, "<b>strong</b>")
    assert list(panel.pinned) == ["<b>strong</b>", "<b>strong</b> (2)"]
    rename(panel, 0, "  ")
    assert list(panel.pinned) == ["pin 1", "<b>strong</b>"]


def test_a_run_of_the_same_course_is_pinned_once_and_with_its_new_length(panel):
    panel._pins.pin()
    move(panel, epochs=6)
    panel._pins.pin()
    assert [len(history["loss"]) for history in panel.pinned.values()] == [6]


def test_a_run_that_was_stopped_is_pinned_with_the_epochs_that_it_has(panel):
    panel._on_epoch, follow = (
        lambda history: (follow(history), len(history.epoch) == 2 and panel.stop()),
        panel._on_epoch,
    )
    try:
        move(panel, dropout=0.6)
    finally:
        del panel._on_epoch
    assert panel.state == "stopped" and len(panel.shown()["loss"]) == 2
    panel._pins.pin()
    assert '"epochs": 2' in panel.code(panel._pins.runs) and len(panel.pinned["dropout 0.6"]["loss"]) == 2


def test_a_longer_run_than_its_pin_is_saved_beside_it(panel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel._pins.pin()
    move(panel, epochs=5)
    panel._pins.save()
    lines = (tmp_path / "saved" / "curves-1" / "curves.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["first settings"] * 3 + ["this run"] * 5


def test_there_is_room_for_six_each_with_a_look_of_its_own_and_for_others_once_one_is_taken_off(panel):
    for seed in range(MOST):
        move(panel, seed=seed)
        panel._pins.pin()
    looks = [look for *_, look in panel._pins.ghosts()]
    assert looks == list(PINNED) and len(panel.pinned) == 6
    move(panel, seed=8)
    panel._pins.pin()
    assert FULL in said(panel) and len(panel.pinned) == 6
    panel._pins.take_off("pin 2")
    assert "seed 1" not in panel.pinned and len(panel._pins.box.children) == 7  # the buttons, five rows, the code
    panel._pins.pin()
    assert panel._pins.ghosts()[-1][0] == "seed 8" and panel._pins.ghosts()[-1][2] == "pin 2"


def test_before_a_run_has_ended_there_is_nothing_to_pin_or_to_save(monkeypatch):
    panel = Panel(digits_network, FEW, forms={"epochs": 2})
    for do in (panel._pins.pin, panel._pins.save):
        panel._pins._say("")
        do()
        assert TOO_EARLY in said(panel) and panel.pinned == {}
    panel.close()


def test_what_is_saved_are_the_picture_the_figures_and_lines_that_run(panel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel._pins.pin()
    move(panel, dropout=0.5)
    rename(panel, 0, 'a "name", with commas')
    panel._pins.save()
    folder = tmp_path / "saved" / "curves-1"
    assert "curves-1" in said(panel) and (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((folder / "curves.csv").read_text().splitlines()))
    assert [(row["run"], row["epoch"]) for row in rows] == [
        (name, str(epoch)) for name in ('a "name", with commas', "this run") for epoch in (1, 2, 3)
    ]
    assert [float(row["val_loss"]) for row in rows[3:]] == panel.shown()["val_loss"]


FEWER = {"n_train": (50, 300, 120), "batch_size": [16, 32]}
UNEQUAL = {**dict.fromkeys(range(10), 1.0), 0: 3.0, 1: 0.5}


def at_rest(width=8, activation="relu"):
    """A network that does not learn: its losses depend on its weights at first and on the data, and on no order."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(width, activation), keras.layers.Dense(10)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"], weighted_metrics=["mse"])
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    "forms, told",
    [
        ({}, {"class_weight": UNEQUAL}),
        (FEWER, {}),
        (FEWER, {"sample_weight": np.linspace(0, 2, len(X))}),
        ({}, {"sample_weight": np.linspace(0, 2, len(X))}),
    ],
    ids=["class weights", "fewer", "fewer and weights", "weights"],
)
def test_the_lines_are_plain_keras_and_train_the_pinned_networks(forms, told):
    controls = {"width": [4, 8], "activation": ["relu", "tanh"], "seed": (0, 9)}
    panel = explore(at_rest, FEW, epochs=(1, 6, 2), **controls, **forms, **told)
    panel._pins.pin()
    move(panel, activation="tanh", seed=3, epochs=3)
    panel._pins.pin()
    names = {"x": X, "y": Y, "x_validation": VALIDATION[0], "y_validation": VALIDATION[1]}
    names |= {"at_rest": at_rest, **told}
    code = panel.code(panel._pins.runs)
    assert "helpers" not in code and max(map(len, code.splitlines())) <= 120
    exec(code, names)
    for name, history in panel.pinned.items():
        again = names["histories"][name].history
        assert set(again) == set(history)
        assert all(np.allclose(again[key], history[key], rtol=1e-5) for key in history), (name, again, history)
    panel.close()


def test_the_lines_fit_a_dataset_and_a_builder_that_takes_the_seed():
    def build(width=8, seed=0):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(width), keras.layers.Dense(10, "softmax")])
        model.compile("sgd", "categorical_crossentropy")
        return model

    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    panel = explore(build, (data, data), epochs=2, seed=(0, 3))
    panel._pins.pin()
    names = {"build": build, "training": data, "validation": data}
    exec(panel.code(panel._pins.runs), names)
    history = names["histories"]["first settings"].history
    assert set(history) == {"loss", "val_loss"} and len(history["loss"]) == 2
    panel.close()


def test_the_lab_book_keeps_what_was_pinned(panel, book):
    panel._pins.pin()
    move(panel, dropout=0.5)
    panel._pins.pin()
    kept = [(entry["name"], entry["settings"]["dropout"], entry["settings"]["epochs"]) for entry in entries("pin")]
    assert kept == [("first settings", 0.25, 3), ("dropout 0.5", 0.5, 3)]


def test_a_folder_where_nothing_can_be_written_is_said_in_words(panel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved").write_text("a file is in the way")
    panel._pins.save()
    assert "saved" in said(panel) and "Traceback" not in said(panel) and "Saved in" not in said(panel)


def test_closing_a_panel_closes_its_pins():
    panel = explore(digits_network, FEW, epochs=1)
    panel._pins.pin()
    row = panel._pins._pins[0].row
    assert row.comm is not None
    panel.close()
    assert row.comm is None


def run_again(build, monkeypatch, names=("first settings", "mine")):
    """(the panel that a cell shows when it is run again with `build`, pins of the one before it), of two pins."""
    monkeypatch.setattr(cell, "cell_id", lambda: "the cell")
    monkeypatch.setattr(cell, "get_ipython", lambda: types.SimpleNamespace(kernel=None, execution_count=0))
    monkeypatch.setattr(cell, "place", lambda: "inline")
    monkeypatch.setattr(part, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(cell, "execution", lambda: 1)
    before = explore(digits_network, FEW, epochs=(1, 6, 2), dropout=(0.0, 0.8, 0.25))
    before._pins.pin()
    move(before, dropout=0.5)
    before._pins.pin()
    for number, name in enumerate(names):
        rename(before, number, name)
    pinned = before.pinned
    monkeypatch.setattr(cell, "execution", lambda: 2)
    return explore(build, FEW, epochs=(1, 6, 2), dropout=(0.0, 0.8, 0.25)), pinned


def test_pins_outlive_the_panel_when_its_cell_is_run_again(monkeypatch):
    panel, pinned = run_again(digits_network, monkeypatch)
    assert panel.pinned == pinned and list(pinned) == ["first settings", "mine"]
    assert "mine" in panel._chart.value and '"mine"' in panel._pins._code()
    panel._pins.pin()  # the same run: no third pin
    assert list(panel.pinned) == list(pinned)
    panel.close()


def test_pins_of_a_network_that_has_changed_are_named_so_and_not_in_the_code(monkeypatch):
    def changed(dropout=0.25):
        return digits_network(dropout=dropout, width=8)

    panel, pinned = run_again(changed, monkeypatch, ["was", "mine"])
    assert list(panel.pinned) == ["was (before)", "mine (before)"]
    assert list(panel.pinned.values()) == list(pinned.values())
    assert "runs = {" not in panel._pins._code()
    panel._pins.pin()
    assert list(panel.pinned) == ["was (before)", "mine (before)", "first settings"]
    code = panel._pins._code()
    assert '"first settings": {' in code and '"was' not in code
    assert "changed since they were pinned:\n# was (before), mine (before)" in code
    panel.close()


@pytest.mark.parametrize("data, same", [((X, Y), True), ((X[:-1], Y[:-1]), False), ((X, 1 - Y), False)])
def test_what_a_panel_trains_is_told_from_other_networks_and_other_data(data, same):
    here = print_of(digits_network, (X.copy(), Y))
    assert (print_of(digits_network, data) == here) == same and print_of(few_digits, (X, Y)) != here


def test_of_a_dataset_nothing_is_read_to_tell_it_from_others():
    class Never(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, number):
            raise AssertionError("it was read")

    one, two = Never(), Never()
    assert print_of(digits_network, (one,)) == print_of(digits_network, (one,)) != print_of(digits_network, (two,))
