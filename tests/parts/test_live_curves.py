"""`live_curves` as a callback of real trainings: in a terminal, and in a real kernel whose page we are."""

import copy
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

from helpers import curves, diagnose, engine, explore, live_curves
from helpers.errors import LessonError
from helpers.parts import live_curves as module
from tests.networks import digits_network, few_digits
from tests.project.test_house import ROOT

X, Y, VALIDATION = few_digits()
VIEW = "application/vnd.jupyter.widget-view+json"


def network(learning_rate=0.001, loss="categorical_crossentropy", metrics=("accuracy",)):
    """One that need not be compiled before it trains."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=list(metrics), run_eagerly=True)
    return model


def fit(callback, model=None, epochs=3, **told):
    """The history of a real fit; validation is small."""
    model = model or network()
    told = {"validation_data": VALIDATION, "verbose": 0, **told}
    return model.fit(X, Y, epochs=epochs, batch_size=100, callbacks=[callback], **told)


class Stopper(keras.callbacks.Callback):
    """Presses Stop, as the button does, after some batches."""

    def __init__(self, watch, batches, act=None):
        super().__init__()
        self.watch, self.left, self.act = watch, batches, act or watch._stop

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.act()
        self.weights = self.model.get_weights()


# In a terminal


def test_in_a_terminal_each_epoch_is_a_line_and_the_end_a_sentence(capsys):
    watch = live_curves()
    history = fit(watch, epochs=4)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[1] for line in lines[:4]] == ["1", "2", "3", "4"] and len(lines) == 5
    assert lines[-1] == curves.describe(history) and watch.history == history.history
    assert all("loss" in line and "best epoch" in line for line in lines[:4])


def test_where_keras_writes_about_the_epochs_the_last_sentence_is_all(capsys):
    history = fit(live_curves(), verbose=2)
    ours = [line for line in capsys.readouterr().out.splitlines() if "best epoch" in line.lower()]
    assert ours == [curves.describe(history)]


def test_what_it_has_drawn_is_read_by_the_others():
    watch = live_curves()
    history = fit(watch)
    assert curves.describe(watch) == curves.describe(history) and str(diagnose(watch)) == str(diagnose(history))


def test_stop_ends_the_training_after_the_batch_with_its_weights(capsys):
    watch, model = live_curves(), network()
    stopper = Stopper(watch, 5)  # an epoch has three
    model.fit(X, Y, validation_data=VALIDATION, batch_size=100, epochs=50, verbose=0, callbacks=[watch, stopper])
    assert len(watch.history["loss"]) == 2 and stopper.left == 0
    assert all(map(np.array_equal, model.get_weights(), stopper.weights))
    assert "Stopped in epoch 2, which is not whole: it has 2 of 3 batches." in capsys.readouterr().out


def test_the_figures_after_a_stop_are_those_of_all_validation_data():
    watch, model = live_curves(), network()
    told = {"validation_data": VALIDATION, "batch_size": 100, "epochs": 50, "verbose": 0, "validation_batch_size": 7}
    model.fit(X, Y, callbacks=[watch, Stopper(watch, 5)], **told)
    loss, _ = model.evaluate(*VALIDATION, verbose=0)
    assert watch.history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_an_interrupt_leaves_the_network_and_the_curve_whole():
    def interrupt():
        raise KeyboardInterrupt

    watch, model = live_curves(), network()
    stopper = Stopper(watch, 8, interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, validation_data=VALIDATION, batch_size=100, epochs=9, verbose=0, callbacks=[watch, stopper])
    assert {len(values) for values in watch.history.values()} == {2}
    assert len(fit(watch, model).history["loss"]) == 3 and len(watch.history["loss"]) == 3


@pytest.mark.parametrize("freq, known", [(2, [1, 3]), (3, [2])])
def test_epochs_without_validation_are_gaps(freq, known):
    watch = live_curves()
    history = fit(watch, epochs=5, validation_freq=freq)
    values = watch.history["val_loss"]
    assert [at for at, value in enumerate(values) if value is not None] == known
    assert [value for value in values if value is not None] == history.history["val_loss"]


def test_a_second_fit_that_goes_on_goes_on_with_the_curve():
    watch, model = live_curves(), network()
    first, second = fit(watch, model), fit(watch, model, epochs=5, initial_epoch=3)
    assert watch.history["loss"] == first.history["loss"] + second.history["loss"]
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)  # as for fine-tuning
    fit(watch, model)
    assert len(watch.history["loss"]) == 8 and len(watch._runs) == 1


@pytest.mark.parametrize("other", ["another network", "other weights"])
def test_any_other_fit_is_a_run_of_its_own_and_the_earlier_ones_are_ghosts(other):
    watch, model = live_curves("first"), network()
    first = fit(watch, model)
    if other == "other weights":
        model.set_weights(network().get_weights())
    watch.label = None
    fit(watch, model if other == "other weights" else network(), initial_epoch=1)
    ((label, ghost),) = watch._ghosts()
    assert label == "first" and ghost == first.history
    assert len(watch._run) == 3 and watch._run.label == "run 2" and len(watch.history["loss"]) == 2


def test_only_some_ghosts_are_kept_and_their_numbers_go_on(monkeypatch):
    monkeypatch.setattr(module, "MOST_GHOSTS", 2)
    watch = live_curves()
    for _ in range(4):
        fit(watch, epochs=1)
    assert [label for label, _ in watch._ghosts()] == ["run 2", "run 3"]


def test_a_run_of_other_figures_is_no_ghost():
    watch = live_curves()
    fit(watch)
    fit(watch, network(loss="mse", metrics=()))
    assert watch._ghosts() == []


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda watch: pickle.loads(pickle.dumps(watch))])
def test_a_copy_keeps_the_ghosts_and_trains_for_itself(again):
    watch = live_curves()
    first = fit(watch)
    copied = again(watch)
    fit(copied, epochs=2)
    assert len(watch.history["loss"]) == 3 and len(copied.history["loss"]) == 2
    assert copied._ghosts() == [("run 1", first.history)]


def test_a_loss_that_is_no_number_and_a_metric_that_is_none_do_no_harm(capsys):
    watch = live_curves()
    fit(watch, network(loss=lambda y, p: keras.ops.mean(p) * np.nan, metrics=[keras.metrics.F1Score(), "accuracy"]))
    assert "stopped being a number" in capsys.readouterr().out
    assert "f1_score" not in watch.history and "accuracy" in watch.history


def test_a_fault_in_the_drawing_is_told_and_the_training_goes_on(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("of the drawing")

    monkeypatch.setattr(module.TerminalLine, "show_epoch", broken)
    with pytest.warns(UserWarning, match="stopped drawing; the training goes on.*of the drawing") as told:
        assert len(fit(live_curves()).epoch) == 3
    assert len(told) == 1


def test_evaluate_and_no_epoch_at_all_do_no_harm(capsys):
    watch, model = live_curves(), network()
    model.evaluate(*VALIDATION, verbose=0, callbacks=[watch])
    fit(watch, model, epochs=0)
    assert watch.history == {} and capsys.readouterr().out == ""


def test_two_trainings_at_once_have_curves_of_their_own():
    watches = [live_curves(), live_curves()]
    threads = [threading.Thread(target=fit, args=(watch,), kwargs={"epochs": n}) for n, watch in enumerate(watches, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [len(watch.history["loss"]) for watch in watches] == [4, 5]


@pytest.mark.slow
def test_the_engine_trains_as_fast_as_without_it_and_stop_takes_it_back_to_a_whole_epoch(capsys):
    watch = live_curves()
    history = engine.fit(digits_network(0.0), X, Y, VALIDATION, epochs=4, callbacks=[watch])
    assert history.path == "compiled" and history.note == "" and watch.history == history.history

    class Late(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                watch._stop()

    history = engine.fit(digits_network(0.0), X, Y, VALIDATION, epochs=90, callbacks=[watch, Late()])
    assert history.stopped is False and len(history.epoch) == len(watch.history["loss"]) == 3
    assert "Stopped; the network is back at the end of epoch 3." in capsys.readouterr().out


def fits_with_its_own_curves(dropout=0.2):
    model = digits_network(dropout)
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[live_curves()])
    return model


def test_inside_a_builder_it_is_refused():
    with pytest.raises(LessonError, match="inside the function that makes the network"):
        explore(fits_with_its_own_curves, (X, Y, *VALIDATION), epochs=1)


@pytest.mark.slow
def test_a_terminal_loads_no_widgets_and_one_file_alone_says_what_it_needs(tmp_path):
    script = "import sys; from helpers import live_curves; live_curves(); print('ipywidgets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    shutil.copy(ROOT / "helpers" / "parts" / "live_curves.py", tmp_path)
    done = subprocess.run([sys.executable, "-c", "import live_curves"], cwd=tmp_path, capture_output=True, text=True)
    assert "copy the whole folder helpers/" in done.stderr.splitlines()[-1]


# In a kernel

SETUP = """
import keras, threading, time
from helpers import live_curves
from tests.parts.test_live_curves import VALIDATION, X, Y, network
def fit(callback, epochs=3, act=None, model=None):
    callbacks = [callback] + ([keras.callbacks.LambdaCallback(on_epoch_end=act)] if act else [])
    told = {"validation_data": VALIDATION, "epochs": epochs, "verbose": 0, "callbacks": callbacks, "batch_size": 100}
    return (model or network()).fit(X, Y, **told)
"""


class Page:
    """A front end: it runs cells in a kernel of its own, and sees what they show."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(cwd=str(ROOT), env={**os.environ, "LAB_PLACE": "background"})
        self.shown = {}  # what stands in the cells, by the name that is used to replace it
        self.run(SETUP)

    def run(self, code, at_epoch=None, act=None):
        """The outputs of a cell, as they stand in the end. act: called once the epoch `at_epoch` has been drawn."""
        self.outputs, self.words, self.frames, self.error = [], [], [], None
        waiting = [act] if act else []

        def hear(message):
            content = message["content"]
            if message["msg_type"] in ("display_data", "update_display_data"):
                self._show(content, message["msg_type"] == "update_display_data")
            elif message["msg_type"] == "stream":
                self.words.append(content["text"])
            elif message["msg_type"] == "error":
                self.error = content["ename"]
            elif message["msg_type"] == "comm_msg":
                value = str(content["data"].get("state", {}).get("value", ""))
                self.frames += re.findall(r'data-state="(\w+)" data-epoch="(\d+)"', value)
                if waiting and self.frames and int(self.frames[-1][1]) >= at_epoch:
                    waiting.pop()()

        metadata = {"cellId": code}
        message = self.client.session.msg("execute_request", {"code": code, "silent": False}, metadata=metadata)
        message["content"] |= {"store_history": True, "allow_stdin": False, "stop_on_error": False}
        self.client.shell_channel.send(message)
        while True:
            heard = self.client.get_iopub_msg(timeout=120)
            if heard["parent_header"].get("msg_id") in (message["header"]["msg_id"], None) or heard["msg_type"] in (
                "comm_msg",
                "update_display_data",
            ):
                hear(heard)
            mine = heard["parent_header"].get("msg_id") == message["header"]["msg_id"]
            if mine and heard["content"].get("execution_state") == "idle":
                return self.outputs

    def _show(self, content, is_update):
        name = content["transient"].get("display_id")
        if is_update:
            self.shown[name].update(data=content["data"])
        else:
            self.shown[name] = {"data": content["data"]}
            self.outputs.append(self.shown[name])

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def page():
    page = Page()
    yield page
    page.close()


def check_picture(outputs, words):
    """There is one output, a picture that stays, with its alt text and these words."""
    ((data,),) = [shown.values() for shown in outputs]
    assert VIEW not in data and words in data["text/plain"], data["text/plain"]
    picture = ElementTree.fromstring(re.search(r"<img [^>]*>", data["text/html"])[0].rstrip(">/") + "/>")
    assert picture.get("alt") and picture.get("src").startswith("data:image/")
    assert picture.get("alt") in data["text/plain"]


@pytest.mark.slow
def test_curves_grow_in_the_cell_and_a_picture_stays(page):
    outputs = page.run("history = fit(live_curves(), 4)")
    assert page.frames[0] == ("ready", "0") and ("training", "1") in page.frames and page.frames[-1] == ("done", "4")
    check_picture(outputs, "The best epoch is")
    assert page.error is None


@pytest.mark.slow
def test_an_interrupt_leaves_the_curve_and_the_network_goes_on_training(page):
    outputs = page.run("watch, model = live_curves(), network()\nfit(watch, 5000, model=model)", 2,
                       page.manager.interrupt_kernel)  # fmt: skip
    assert page.error == "KeyboardInterrupt"
    check_picture(outputs, "Interrupted in epoch ")
    page.run("before = len(watch.history['loss']); fit(watch, 2, model=model)\nprint(before, len(watch._run))")
    before, after = map(int, page.words[-1].split())
    assert after == before + 2 >= 4


@pytest.mark.slow
def test_an_error_in_fit_is_left_alone_and_the_curve_stays(page):
    outputs = page.run("fit(live_curves(), act=lambda epoch, logs: 1 / (epoch - 1))")
    assert page.error == "ZeroDivisionError"
    check_picture(outputs, "The training ended in epoch 3 of 3 with an error, ZeroDivisionError.")


@pytest.mark.slow
def test_a_fault_in_the_drawing_is_not_told_as_an_interrupt(page):
    breaks = "fit(watch, act=lambda epoch, logs: setattr(watch, '_pace', None))"
    outputs = page.run(f"watch = live_curves()\n{breaks}\nprint('trained')")
    assert page.words[-1].strip() == "trained" and any("stopped drawing" in words for words in page.words)
    check_picture(outputs, "A fault of ours ended the drawing here")


@pytest.mark.slow
def test_several_fits_of_one_cell_share_its_place_and_the_cell_run_again_has_ghosts(page):
    cell = "watch = live_curves()\nfor _ in range(3): fit(watch)\nprint([label for label, _ in watch._ghosts()])"
    check_picture(page.run(cell), "The best epoch is")
    assert page.words[-1].strip() == "['run 1', 'run 2']"
    check_picture(page.run(cell), "The best epoch is")
    assert page.words[-1].strip() == "['run 1', 'run 2', 'run 3', 'run 4', 'run 5']"
    page.run(cell.replace("watch", "other"))  # another cell has nothing to do with it
    assert page.words[-1].strip() == "['run 1', 'run 2']"


@pytest.mark.slow
def test_a_training_in_a_thread_outlives_its_cell(page):
    page.run("go = threading.Event(); ended = threading.Event()\n"
             "def work():\n    fit(live_curves(), act=lambda epoch, logs: go.wait(60)); ended.set()\n"
             "threading.Thread(target=work).start(); time.sleep(1)")  # fmt: skip
    outputs = page.outputs
    assert VIEW in outputs[0]["data"]
    page.run("go.set(); ended.wait(60)")
    assert ("done", "3") in page.frames
    check_picture(outputs, "The best epoch is")


@pytest.mark.slow
def test_nothing_of_a_finished_chart_stays_in_memory(page):
    count = "import gc, ipywidgets; gc.collect(); print(len(ipywidgets.widgets.widget._instances))"
    page.run(count)
    before = page.words[-1]
    page.run("fit(live_curves())")
    page.run(count)
    assert page.words[-1] == before
