"""The chooser: sweeps live, is sorted and looked through while it trains, stops, goes on with what is missing, and
names the best."""

import gc
import json
import os
import re
import threading
import weakref
from pathlib import Path
from xml.etree import ElementTree

import joblib
import keras
import numpy as np
import pytest

from helpers.curves.scoreboard import ACCURACY, LOSS
from helpers.engine.trainer import Trainer
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.parts import chooser as module
from helpers.parts.chooser import Chooser, choose
from tests.curves.test_live_chart import Drawing, is_png
from tests.networks import digits_network, few_digits

slow = pytest.mark.slow
X, Y, VALIDATION = few_digits(100, 50)
FEW = (X, Y, *VALIDATION)
GRID = {"dropout": [0.6, 0.0], "learning_rate": [0.01, 0.0001, 0.003]}
ONE = {"dropout": [0.0, 0.6]}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """All runs are trained here, one after the other; what parts display goes nowhere."""
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)
    with joblib.parallel_config(n_jobs=1):
        yield


@pytest.fixture
def background(monkeypatch):
    """Live parts train in the background, as behind a front end."""
    monkeypatch.setattr(cell, "place", lambda: "background")


@pytest.fixture(scope="module")
def finished():
    """A finished part with the six settings of GRID from two seeds, 4 epochs each."""
    with joblib.parallel_config(n_jobs=1):
        part = Chooser(digits_network, FEW, GRID, seeds=(4, 1), epochs=4)
        part.run()
    yield part
    part.close()


@pytest.fixture
def trained(monkeypatch):
    """A list that gets (number of the setting, seed) of each run that is trained from now on; `at[number]` is called
    before one."""

    class Trained(list):
        at = {}

    runs, run = Trained(), Trainer.run

    def spy(trainer, settings, *args, **training):
        runs.at.get(len(runs) + 1, lambda: None)()
        history = run(trainer, settings, *args, **training)
        if not history.stopped:
            runs.append((settings["number"], training["seed"]))
        return history

    monkeypatch.setattr(Trainer, "run", spy)
    runs.at = {}
    return runs


def marks(part):
    root = ElementTree.fromstring(part._chart.value)
    return {
        name[5:]: json.loads(value) if value.startswith("{") else value
        for name, value in root.attrib.items()
        if name.startswith("data-")
    }


def table(part):
    """The cells of the table's body, and its <table>."""
    root = next(ElementTree.fromstring(part._table.value).iter("table"))
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")][1:], root


def drawing(part):
    return Drawing(part._chart.value)


def progress(part):
    return ElementTree.fromstring(part._progress.value).find(".//span").text


def explosive(learning_rate=0.001):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mean_squared_error")
    return model


# What it shows


def test_the_rows_are_in_the_order_of_an_independent_sort(finished):
    rows, orders = finished.sweep.rows, set()
    keys = {
        LOSS: lambda row: row.loss,
        ACCURACY: lambda row: (-row.accuracy, row.loss),
        "dropout": lambda row: (GRID["dropout"].index(row.settings["dropout"]), row.loss),
        "learning_rate": lambda row: (GRID["learning_rate"].index(row.settings["learning_rate"]), row.loss),
    }
    assert list(finished._sort.options) == list(keys)
    for by, key in keys.items():
        finished._sort.value = by
        cells, root = table(finished)
        wanted = sorted(rows, key=key)
        assert [cell[1:4] for cell in cells] == [
            [str(row.settings["dropout"]), str(row.settings["learning_rate"]), f"{row.loss:.3f}"] for row in wanted
        ]
        assert [head.text.strip() for head in root.iter("th") if head.get("aria-sort")] == [by]
        orders.add(tuple(map(tuple, cells)))
    assert len(orders) == 4 and len({row.loss for row in rows}) == 6  # the test could tell


@pytest.mark.parametrize("by", [LOSS, "learning_rate"])
def test_the_slider_opens_the_curves_of_its_row(finished, by):
    finished._sort.value = by
    for number in (6, 1, 4):
        finished._slider.value = number
        cells, root = table(finished)
        (chosen,) = (place for place, row in enumerate(root.find("tbody"), 1) if row.get("aria-current"))
        settings = marks(finished)["settings"]["settings"]
        assert chosen == number == marks(finished)["settings"]["row"] and marks(finished)["settings"]["sort by"] == by
        assert cells[number - 1][:3] == [f"▸ {number}", str(settings["dropout"]), str(settings["learning_rate"])]
        histories = next(row for row in finished.sweep.rows if row.settings == settings).histories
        assert list(histories) == [4, 1]
        for seed, history in histories.items():
            for key in ("loss", "val_loss"):
                drawn = drawing(finished).values("loss", f"seed {seed}: {key}")
                assert np.allclose(list(drawn), [1, 2, 3, 4], atol=0.01) and np.allclose(
                    list(drawn.values()), history.history[key], atol=0.02
                )


@slow
def test_the_histories_are_those_of_runs_alone(finished):
    best = finished.best
    for seed, history in finished.histories.items():
        assert history.history == Trainer(digits_network, *few_digits(100, 50)).run(best, 4, seed=seed).history


def test_the_figures_of_the_chosen_row_can_be_read(finished):
    finished._slider.value = 2
    chosen = marks(finished)["settings"]["settings"]
    (row,) = [row for row in finished.sweep.rows if row.settings == chosen]
    for epoch in range(1, 5):
        said = finished._chart.value.split(f"<b>Epoch {epoch}\n")[1].split("</b>")[0]
        runs = [run.history for run in row.histories.values()]
        losses = [f"{run[key][epoch - 1]:.4g}" for run in runs for key in ("loss", "val_loss")]
        assert len(losses) == 4 and all(loss in said for loss in losses)


def test_the_best_is_the_settings_with_the_lowest_mean_validation_loss(finished):
    means = [
        np.mean([min(history.history["val_loss"]) for history in row.histories.values()]) for row in finished.sweep.rows
    ]
    best = finished.sweep.rows[int(np.argmin(means))]
    assert finished.best == best.settings == finished.sweep.best.settings and list(finished.histories) == [4, 1]
    assert (
        f"learning_rate {best.settings['learning_rate']}: {min(means):.3f}; accuracy {best.accuracy:.2f} (between"
        in finished._words.value
    )
    finished.best["dropout"] = 99
    assert finished.best != {"dropout": 99}  # a copy


def test_a_move_when_all_is_finished_trains_nothing_and_keeps_what_was_said(finished, trained):
    words, number = finished._words.value, marks(finished)["run"]
    finished._slider.value, finished._sort.value = 2, ACCURACY
    finished._go_on_button.click()
    finished._slider.value, finished._sort.value = 1, LOSS
    assert (
        not trained
        and finished._words.value == words
        and marks(finished)["state"] == "done"
        and int(marks(finished)["run"]) == int(number) + 1
    )
    assert [marks(finished)[name] for name in ("epoch", "epochs")] == ["12", "12"] and progress(
        finished
    ) == "12 of 12 trainings"


def test_what_a_reader_without_a_kernel_sees_has_no_figures_in_words(finished):
    data, _ = finished._finished()
    page = ElementTree.fromstring(f"<div>{data['text/html'].replace('><p', '/><p')}</div>")
    assert is_png(data["image/png"]) and data["image/png"] in page.find("img").get("src")
    for words in (page.find("img").get("alt"), page.find("p").text, data["text/plain"]):
        assert words.startswith("6 settings, each trained from 2 seeds for 4 epochs.") and re.findall(
            r"[\d.]*\d", words.replace("95 %", "")
        ) == ["6", "2", "4"]


# Training


def test_each_frame_tells_how_far_it_is_and_waiting_settings_are_last():
    part = Chooser(digits_network, FEW, ONE, seeds=(0, 1), epochs=1)
    assert (
        progress(part) == "0 of 4 trainings"
        and part.state == "building"
        and [cell[-1] for cell in table(part)[0]] == ["waiting"] * 2
    )
    with pytest.raises(LessonError, match="No setting is finished yet.*to the end"):
        _ = part.best
    with pytest.raises(LessonError, match="to the end"):
        _ = part.histories
    frames, said = [], []
    part._words.observe(lambda change: said.append(re.sub("<[^>]*>", "", change["new"])), "value")
    part._chart.observe(
        lambda change: frames.append((marks(part), progress(part), [cell[2:] for cell in table(part)[0]])), "value"
    )
    part.run()
    assert [int(frame["epoch"]) for frame, *_ in frames] == [0, 0, 1, 2, 3, 4, 4] and {
        frame["epochs"] for frame, *_ in frames
    } == {"4"}
    assert [frame["state"] for frame, *_ in frames] == ["building", *["training"] * 5, "done"]
    assert [words.partition(" ")[0] for _, words, _ in frames] == ["0", "0", "1", "2", "3", "4", "4"]
    assert (
        frames[2][2] == [["training: 1 seed finished"], ["waiting"]]
        and len(frames[3][2][0]) == 3
        and frames[3][2][1] == ["waiting"]
    )
    # The words change with the state, not with each training.
    assert (
        len(said) == 2
        and said[0].startswith("Training: 4 trainings in all.")
        and said[1].startswith("Done. Lowest validation loss:")
    )
    part.close()


@slow
def test_stop_and_go_on_train_each_run_once(trained):
    part = Chooser(digits_network, FEW, GRID, seeds=(0, 1), epochs=1)

    def stop():
        part._stop_button.click()
        for watcher in threading.enumerate():
            if watcher.name == "stop of a sweep":
                watcher.join(60)

    trained.at[5] = stop
    part.run()
    first = len(trained)
    assert (
        part.state == "stopped"
        and 4 <= first <= 5
        and marks(part)["epoch"] == str(first)
        and progress(part) == f"{first} of 12 trainings, stopped"
    )
    assert "“Go on” trains the others" in part._words.value and part.best in [
        row.settings for row in part.sweep.rows if row.complete
    ]
    part._go_on_button.click()
    assert (
        part.state == "done"
        and sorted(trained) == [(number, seed) for number in range(6) for seed in (0, 1)]
        and part.sweep.complete
    )
    part.close()


@slow
def test_finished_runs_in_a_folder_are_not_trained_again(tmp_path, trained):
    part = Chooser(digits_network, FEW, ONE, seeds=(0,), epochs=2, save_in=tmp_path)
    part.run()
    part.close()
    assert len(trained) == 2 and any(tmp_path.iterdir())  # closing has left them there
    again = Chooser(digits_network, FEW, {"dropout": [0.0, 0.6, 0.3]}, seeds=(0,), epochs=2, save_in=tmp_path)
    assert marks(again)["epoch"] == "2" and progress(again).startswith("2 of 3") and "waiting" not in table(again)[0][0]
    again.run()
    assert trained[2:] == [(2, 0)] and again.state == "done"
    again.close()


@slow
def test_it_can_be_sorted_and_looked_through_while_it_trains(background, trained):
    at_third, goes_on = threading.Event(), threading.Event()
    trained.at[3] = lambda: (at_third.set(), goes_on.wait(60))
    part = choose(digits_network, FEW, GRID, seeds=(0,), epochs=2)  # returns at once
    assert at_third.wait(60)
    part._slider.value, part._sort.value = 2, "dropout"
    part._go_on_button.click()  # it is going on already
    assert (
        marks(part)["state"] == "training" == part.state
        and marks(part)["settings"]["row"] == 2
        and marks(part)["epoch"] == "2"
    )
    assert len(drawing(part).lines("seed 0: val_loss")[0]) == 2
    threading.Timer(0.3, goes_on.set).start()
    assert part.best == part.sweep.best.settings and part.state == "done"  # waits for the end
    assert (
        trained == [(number, 0) for number in range(6)]
        and marks(part)["run"] == "1"
        and marks(part)["settings"]["sort by"] == "dropout"
    )
    part.close()


@slow
def test_many_moves_in_another_thread_do_not_disturb_it(background):
    part = choose(digits_network, FEW, GRID, seeds=(0, 1), epochs=3)
    moves = 0
    while not part.idle.wait(0.005):  # a hand pauses, too; without a pause the other thread would hardly come to train
        part._slider.value, part._sort.value = 1 + moves % 6, part._sort.options[moves % 4]
        moves += 1
    part.wait()
    assert moves > 5 and part.state == "done" == marks(part)["state"] and marks(part)["epoch"] == "12"
    assert (
        marks(part)["settings"]["row"] == part._slider.value and marks(part)["settings"]["sort by"] == part._sort.value
    )
    part.close()


@slow
def test_an_interrupt_keeps_what_is_finished_and_go_on_trains_the_rest(monkeypatch, trained):
    monkeypatch.setattr(cell, "place", lambda: "inline")

    def interrupt():
        trained.at.clear()
        raise KeyboardInterrupt

    trained.at[4] = interrupt
    part = Chooser(digits_network, FEW, ONE, seeds=(0, 1, 2), epochs=1)
    with pytest.raises(KeyboardInterrupt):
        part.show()
    assert part.state == "stopped" and marks(part)["epoch"] == "3" and part.best == {"dropout": 0.0}
    part._go_on_button.click()
    assert part.state == "done" and len(trained) == len(set(trained)) == 6
    part.close()


@slow
def test_runs_that_end_while_it_is_interrupted_are_shown(monkeypatch):
    sweep, told = module.sweep, []

    def interrupted(*args, on_run, **more):
        sweep(*args, on_run=lambda so_far: told or told.append(on_run(so_far)), **more)
        raise KeyboardInterrupt

    part = Chooser(digits_network, FEW, ONE, seeds=(0,), epochs=1)
    monkeypatch.setattr(module, "sweep", interrupted)
    part.run()
    assert (
        len(told) == 1
        and part.state == "stopped"
        and marks(part)["epoch"] == "2"
        and part.best == part.sweep.best.settings
    )
    part.close()


@slow
def test_the_processes_that_the_student_asked_for_are_used(background, monkeypatch):
    asked = []
    sweep = module.sweep
    monkeypatch.setattr(
        module,
        "sweep",
        lambda *args, **more: asked.append(joblib.parallel.get_active_backend()) or sweep(*args, **more),
    )
    with joblib.parallel_config(backend="threading", n_jobs=2):
        part = choose(digits_network, FEW, ONE, seeds=(0,), epochs=1)
    part.wait()
    assert (
        len(asked) == 2
        and {(type(backend).__name__, n_jobs) for backend, n_jobs in asked} == {("ThreadingBackend", 2)}
        and part.state == "done"
    )
    part.close()


# What goes wrong


def test_a_setting_whose_loss_explodes_says_so_in_its_row_and_the_best_is_another():
    part = Chooser(explosive, FEW, {"learning_rate": [1e30, 0.001]}, seeds=(0,), epochs=3)
    part.run()
    cells, _ = table(part)
    assert (
        part.state == "done"
        and part.best == {"learning_rate": 0.001}
        and "1 of 2 settings could not be trained" in part._words.value
    )
    assert cells[1][1] == "1e+30" and "no longer a finite number" in cells[1][2] and cells[0][2] != "waiting"
    part.close()


def own_loss(broken=False):
    def loss(y, prediction):
        if broken:
            raise ValueError("no such loss today")
        return keras.ops.mean((y - prediction) ** 2, axis=-1)

    model = digits_network()
    model.compile(optimizer="adam", loss=loss)
    return model


@slow
def test_a_setting_that_cannot_be_trained_says_why_in_its_row():
    part = Chooser(own_loss, FEW, {"broken": [True, False]}, seeds=(0,), epochs=1)
    part.run()
    part._slider.value = 2
    cells, _ = table(part)
    assert part.state == "done" and part.best == {"broken": False} and cells[1][:2] == ["▸ 2", "True"]
    assert (
        re.search(r"own_loss\(\) did not work.*no such loss today", cells[1][2])
        and "cannot be trained: see the table" in drawing(part).texts()
    )
    part.close()


@slow
def test_if_all_settings_fail_that_is_told_and_raised(background):
    part = choose(explosive, FEW, {"learning_rate": [1e30, 1e29]}, seeds=(0,), epochs=3)
    with pytest.raises(LessonError, match="None of the settings could be trained.*finite number"):
        _ = part.best
    assert part.state == "error" and "None of the settings" in part._words.value
    with pytest.raises(LessonError, match="None of the settings"):
        _ = part.histories
    part.close()


@slow
def test_without_an_accuracy_it_sorts_by_loss_and_says_so():
    part = Chooser(explosive, FEW, {"learning_rate": [0.001, 0.002]}, seeds=(0,), epochs=1)
    part.run()
    assert (
        part.state == "done"
        and {cell[3] for cell in table(part)[0]} == {"–"}
        and "No accuracy of the 2 settings" in drawing(part).texts()[-2]
    )
    part.close()


def refuses(width=8):
    if width == 13:
        raise RuntimeError("thirteen is unlucky")
    return digits_network(width=width)


@pytest.mark.parametrize(
    "build, data, arguments, words",
    [
        (digits_network, FEW, {"grid": {"wdth": [1]}}, "no keyword 'wdth'"),
        (digits_network, FEW, {"grid": {}}, "grid is a dictionary"),
        (digits_network, FEW, {"grid": ONE, "epochs": 0}, "epochs must be"),
        (digits_network, FEW, {"grid": ONE, "seeds": (1, 1)}, "a seed twice"),
        (digits_network, FEW, {"grid": ONE, "save_in": "no/such/folder"}, "no such folder"),
        (digits_network, (X, Y), {"grid": ONE, "validation_split": 0}, "no validation data"),
        (digits_network(), FEW, {"grid": ONE}, "leave out the brackets"),
        (refuses, FEW, {"grid": {"width": [8, 13]}}, "thirteen is unlucky"),
    ],
    ids=["keyword", "grid", "epochs", "seeds", "folder", "data", "build", "refused"],
)
def test_a_mistake_is_told_when_it_is_called_and_nothing_is_shown_or_trained(
    build, data, arguments, words, background, trained, monkeypatch
):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: shown.append(args))
    with pytest.raises(LessonError, match=words):
        choose(build, data, **arguments)
    assert not shown and not trained


@slow
def test_a_closed_part_leaves_neither_memory_nor_files(background):
    part = choose(digits_network, FEW, ONE, seeds=(0,), epochs=2)
    part.wait()
    gone, folder = weakref.ref(part), Path(part._own.name)
    assert any(folder.iterdir())
    part.close()
    assert not folder.exists()
    del part
    gc.collect()
    assert gone() is None


def test_the_time_left_is_unknown_until_every_worker_has_handed_in_something(monkeypatch, finished):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)  # two processors, each handing in six trainings at once
    pace = finished._new_pace(0, 108, 100.0)
    assert pace.seconds_left(11, 109.0) is None and pace.seconds_left(12, 110.0) == pytest.approx(10 / 12 * 96)
    pace = finished._new_pace(90, 108, 0.0)
    assert pace.seconds_left(98, 1.0) is None and pace.seconds_left(99, 9.0) == pytest.approx(9)
