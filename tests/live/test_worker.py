"""Runs that hang in a student's function: abandoned, told in words, and never heard of again; all in real threads."""

import _thread
import random
import sys
import threading
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers.engine.builder import FRESH
from helpers.engine.trainer import Trainer
from helpers.errors import Interrupted, LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.live import worker as worker_module
from helpers.live.part import Live
from helpers.parts.explore import explore
from helpers.parts.multiples import multiples
from helpers.parts.ribbon import ribbon
from tests.networks import digits_network, few_digits

pytestmark = pytest.mark.slow

X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)
LIMIT = 60  # seconds for what has to come, on any machine


@pytest.fixture
def background(monkeypatch):
    """Panels train in the background, as behind a front end; a run that hangs is not waited for as long as there."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)
    monkeypatch.setattr(Live, "patience", 0.3)
    monkeypatch.setattr(worker_module, "GRACE", 0.5)


def until(condition, what):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT} s in vain for {what}"
        time.sleep(0.01)


def fresh_threads():
    return {thread for thread in threading.enumerate() if thread.name == FRESH}


def move(panel, **values):
    for name, value in values.items():
        panel._controls[name].value = value


def at_rest(panel):
    assert panel.idle.wait(LIMIT), f"{panel!r} did not come to rest: {panel._words.value}"


def interrupt_soon(when):
    """Interrupt the main thread, as the kernel does, once `when()` is true."""

    def interrupt():
        until(when, "the moment of the interrupt")
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()


def main_is_in(function):
    """Whether the main thread is carrying out `function`."""
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame is not None


class Hang:
    """What hangs, at the setting 0.5, until `released` is set; `entered` says that it has begun."""

    def __init__(self):
        self.sleeps = False
        self.entered, self.released, self.left = threading.Event(), threading.Event(), threading.Event()

    def endless_loop(self):
        self.entered.set()
        while not self.released.is_set():
            pass  # for ever

    def sleep(self):
        self.sleeps = True
        self.entered.set()
        time.sleep(10**6)  # for ever

    def event(self):
        self.entered.set()
        self.released.wait(10 * LIMIT)  # for ever
        self.left.set()

    def stubborn(self):
        """Comes back, whatever happens to it."""
        self.entered.set()
        while not self.released.is_set():
            try:
                self.released.wait(10 * LIMIT)  # for ever
            except BaseException:
                continue
        self.left.set()


def in_the_builder(hang):
    def build(dropout=0.2):
        if dropout == 0.5:
            hang()
        return digits_network(dropout)

    return build


def compiled(*stack, loss="categorical_crossentropy", **how):
    model = keras.Sequential([keras.Input((64,)), *stack, layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"], **how)
    return model


def in_a_layer(hang):
    class Hanging(layers.Layer):
        def __init__(self, hangs):
            super().__init__()
            self.hangs, self.calls = hangs, 0

        def call(self, inputs):
            self.calls += 1
            if self.hangs and self.calls > 1:  # not yet while the network is built
                hang()
            return inputs

    return lambda dropout=0.2: compiled(Hanging(dropout == 0.5))


def in_the_loss(hang):
    def build(dropout=0.2):
        def loss(truth, predicted):
            if dropout == 0.5:
                hang()
            return keras.losses.categorical_crossentropy(truth, predicted)

        return compiled(loss=loss)

    return build


def in_a_training_step(hang):
    class Own(keras.Sequential):
        hangs = False

        def train_step(self, data):
            if self.hangs:
                hang()
            return super().train_step(data)

    def build(dropout=0.2):
        model = Own([keras.Input((64,)), layers.Dense(10, activation="softmax")])
        model.compile(optimizer="adam", loss="categorical_crossentropy", run_eagerly=True)
        model.hangs = dropout == 0.5
        return model

    return build


WHERE = [in_the_builder, in_a_layer, in_the_loss, in_a_training_step]
HOW = ["endless_loop", "sleep", "event", "stubborn"]


@pytest.fixture
def hang():
    made, others = Hang(), fresh_threads()
    yield made
    made.released.set()
    if not made.sleeps:  # what comes back late must not do so within the next test
        until(lambda: not fresh_threads() - others, "the end of what hung")


def hanging(panel, hang):
    """Move the panel to where it hangs."""
    move(panel, dropout=0.5)
    assert hang.entered.wait(LIMIT)


def panel_of(build, **forms):
    return explore(build, FEW, **{"epochs": (1, 9, 2), "dropout": (0.0, 0.8, 0.2), **forms})


def check_told(panel, line="# for ever"):
    assert panel.state == "error" and "has let go of it" in panel._words.value
    assert "Look at line" in str(panel._error) and line in str(panel._error)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("where", WHERE)
def test_a_run_that_hangs_is_abandoned_after_stop_and_the_panel_works_again(background, hang, where, how):
    panel = panel_of(where(getattr(hang, how)))
    first = panel.history.history
    hanging(panel, hang)
    panel._stop_button.click()
    at_rest(panel)
    with pytest.raises(LessonError, match="has let go of it"):
        panel.wait()
    # An endless loop is in one line or the other.
    check_told(panel, "" if how in ("endless_loop", "stubborn") else "# for ever")
    move(panel, dropout=0.2)
    at_rest(panel)
    assert panel.state == "done" and panel.history.history == first
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("live panels") == 1


def test_an_endless_loop_does_not_go_on_in_the_dark(background, hang):
    others = fresh_threads()
    panel = panel_of(in_the_builder(hang.endless_loop))
    hanging(panel, hang)
    panel.stop()
    at_rest(panel)
    until(lambda: not fresh_threads() - others, "the end of the endless loop")
    assert not hang.released.is_set()


@pytest.mark.parametrize("where", WHERE)
def test_a_control_that_moves_on_leaves_a_run_that_hangs(background, hang, where):
    panel = panel_of(where(hang.event))
    fresh = panel_of(where(hang.event), dropout=0.3)
    hanging(panel, hang)
    move(panel, dropout=0.3)
    at_rest(panel)
    assert panel.state == "done" and panel.settings["dropout"] == 0.3
    assert panel.history.history == fresh.history.history


def test_closing_a_panel_that_hangs_lets_the_next_one_train(background, hang):
    panel = panel_of(in_the_builder(hang.stubborn))
    hanging(panel, hang)
    panel.close()
    assert panel_of(digits_network).state == "done"


def interrupted(function, when):
    """What `function` raises when the interrupt comes, once `when()` is true; if it comes late, that is waited for."""
    with pytest.raises(KeyboardInterrupt) as told:
        interrupt_soon(when)
        function()
        time.sleep(LIMIT)
    return told.value


@pytest.mark.parametrize("how", HOW)
def test_an_interrupt_of_a_first_run_that_hangs_tells_the_line(background, hang, how):
    build = in_the_builder(getattr(hang, how))
    told = interrupted(lambda: panel_of(build, dropout=(0.0, 0.8, 0.5)), hang.entered.is_set)
    assert isinstance(told, Interrupted) and "You interrupted the training" in str(told)
    assert "Look at line" in str(told) and "cell with" in str(told)
    assert panel_of(build).state == "done"


def test_an_interrupt_inside_the_request_that_trains_leaves_what_hangs(background, hang, monkeypatch):
    monkeypatch.setattr(cell, "place", lambda: "inline")
    build = in_the_builder(hang.event)
    panel = panel_of(build)
    states = random.getstate(), np.random.get_state()
    interrupt_soon(hang.entered.is_set)
    move(panel, dropout=0.5)
    assert panel.state == "stopped" and "# for ever" in panel._words.value
    assert random.getstate() == states[0] and np.array_equal(np.random.get_state()[1], states[1][1])
    move(panel, dropout=0.3)
    assert panel.state == "done"


def test_without_a_panel_an_interrupt_ends_what_hangs(hang):
    trainer = Trainer(in_the_builder(hang.endless_loop), X, Y, VALIDATION)
    others, states = fresh_threads(), random.getstate()
    interrupted(lambda: trainer.run({"dropout": 0.5}, 1), hang.entered.is_set)
    assert random.getstate() == states
    until(lambda: not fresh_threads() - others, "the end of the endless loop")
    assert len(trainer.run({"dropout": 0.2}, 1).epoch) == 1


@pytest.mark.parametrize("how", ["event", "stubborn"])
@pytest.mark.parametrize("where", WHERE)
def test_a_late_result_reaches_nobody(background, hang, where, how, tmp_path):
    panel = explore(where(getattr(hang, how)), FEW, save_in=tmp_path, epochs=(1, 9, 2), dropout=(0.0, 0.8, 0.2))
    heard, others = [], fresh_threads()
    panel.listeners.append(lambda: heard.append(panel.settings))
    random.seed(5), np.random.seed(5)
    states = random.getstate(), np.random.get_state()[1].tolist()
    hanging(panel, hang)
    panel.stop()
    at_rest(panel)

    def everything():
        files = {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        history = panel.history and panel.history.history
        drawn = panel._chart.value, panel._words.value, panel.state, panel._run_number
        return drawn, history, panel.settings, panel.recording, len(heard), files, str(panel._error)

    assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # the student's own go on as before
    before, threads = everything(), fresh_threads() - others
    random.random(), np.random.random()
    states = random.getstate(), np.random.get_state()[1].tolist()
    hang.released.set()
    if how == "stubborn":  # the other one is ended as soon as it wakes up
        assert hang.left.wait(LIMIT)
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert everything() == before
    if how == "event":  # the other one goes on to build a network, and Keras draws seeds for it
        assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    move(panel, dropout=0.3)
    at_rest(panel)
    assert panel.state == "done" and len(heard) == 1 and panel.recording.settings["dropout"] == 0.3


# Where the thread that trains hangs itself, and not one that it waits for, another takes its place.


def check_replaced(panel, hang, fresh):
    """`panel` hangs in its own thread: the next run does not wait for that one, and is not disturbed when it ends."""
    (stuck,) = [thread for thread in threading.enumerate() if thread.name == "live panels"]
    move(panel, dropout=0.3)
    at_rest(panel)
    assert panel.state == "done" and panel.history.history == fresh
    drawn = panel._chart.value, panel._words.value, panel._run_number
    hang.released.set()
    stuck.join(LIMIT)
    assert not stuck.is_alive() and (panel._chart.value, panel._words.value, panel._run_number) == drawn
    assert panel.history.history == fresh and panel.state == "done"
    assert [thread.name for thread in threading.enumerate()].count("live panels") == 1
    move(panel, dropout=0.2)
    at_rest(panel)
    assert panel.state == "done"


@pytest.mark.parametrize("how", ["event", "stubborn"])
def test_a_measurement_that_hangs_between_two_epochs_is_left_with_all_that_it_holds(background, hang, how):
    fresh = panel_of(digits_network, dropout=0.3).history.history
    panel = panel_of(digits_network)

    def measure(*_):
        if panel.settings["dropout"] == 0.5:
            getattr(hang, how)()
        return {}

    panel._trainer.measure = measure
    hanging(panel, hang)
    check_replaced(panel, hang, fresh)


def test_a_listener_that_hangs_is_left(background, hang, tmp_path):
    fresh = panel_of(digits_network, dropout=0.3).history.history
    panel = panel_of(digits_network, save_in=tmp_path)
    panel.listeners.append(lambda: hang.stubborn() if panel.settings["dropout"] == 0.5 else None)
    hanging(panel, hang)
    check_replaced(panel, hang, fresh)


def test_a_drawing_that_hangs_is_left(background, hang):
    fresh = panel_of(digits_network, dropout=0.3).history.history
    panel = panel_of(digits_network)
    panel._chart.observe(lambda _: panel._run_number == 2 and not hang.entered.is_set() and hang.stubborn(), "value")
    hanging(panel, hang)
    check_replaced(panel, hang, fresh)


def test_a_batch_that_does_not_end_is_left_and_told(background, hang):
    """TensorFlow has one thread for such functions, so no network trains before it is released."""

    class InTheGraph(layers.Layer):
        hangs = False

        def call(self, inputs):
            def wait(values):
                if self.hangs:
                    hang.event()
                return values

            outputs = tf.numpy_function(wait, [inputs], tf.float32)
            outputs.set_shape(inputs.shape)
            return outputs

        def compute_output_shape(self, shape):
            return shape

    def build(dropout=0.2):
        layer = InTheGraph()
        model = compiled(layer)
        layer.hangs = dropout == 0.5
        return model

    panel = panel_of(build)
    fresh = panel.history.history
    hanging(panel, hang)
    panel.stop()
    at_rest(panel)
    check_told(panel)
    hang.released.set()
    move(panel, dropout=0.2)
    at_rest(panel)
    assert panel.state == "done" and panel.history.history == fresh


# Others


def test_who_waits_behind_a_run_that_hangs_says_which_and_goes_on_when_it_is_left(background, hang):
    stuck, other = panel_of(in_the_builder(hang.stubborn)), panel_of(digits_network)
    hanging(stuck, hang)
    move(other, epochs=3)
    assert "Waiting until explore(…) has finished … If it hangs, press its Stop." in other._words.value
    stuck.stop()
    at_rest(other)
    assert other.state == "done" and len(other.history.epoch) == 3 and stuck.state == "error"


def test_an_interrupt_of_who_only_waits_says_nothing_of_a_line(background, hang):
    stuck, other = panel_of(in_the_builder(hang.stubborn)), panel_of(digits_network)
    hanging(stuck, hang)
    move(other, epochs=3)
    told = interrupted(other.wait, lambda: main_is_in(Live.wait))
    assert "line" not in str(told) and len(other.history.epoch) == 2
    stuck.stop()
    at_rest(stuck)
    check_told(stuck, "")


def test_a_healthy_run_that_is_slow_to_end_is_abandoned_without_harm(background, monkeypatch):
    monkeypatch.setattr(Live, "patience", 0.0)  # whoever stops it, it is too slow

    panel = panel_of(digits_network, epochs=(1, 500, 3))
    whole = panel_of(digits_network, epochs=40, dropout=0.4).history.history
    for epochs in (500, 450, 400):
        move(panel, dropout=0.4, epochs=epochs)
        until(lambda: panel.state == "training" or panel.idle.is_set(), "training")
        panel.stop()
        at_rest(panel)
    move(panel, epochs=40)
    at_rest(panel)
    assert panel.state == "done" and {name: values[:40] for name, values in panel.history.history.items()} == whole


def test_a_variant_that_hangs_leaves_the_others_drawn(background, hang):
    made = multiples(
        in_the_builder(hang.event), FEW, {"fine": {"dropout": 0.1}, "too": {"dropout": 0.2}}, epochs=(1, 9, 2)
    )
    made._variants["too"] = {"dropout": 0.5}
    move(made, epochs=3)
    assert hang.entered.wait(LIMIT)
    made.stop()
    at_rest(made)
    check_told(made)
    assert len(made.histories["fine"].epoch) == 3 and made._notices == {"fine": "", "too": ""} and made._now == ""


def test_a_ribbon_that_hangs_at_its_second_network_keeps_the_first(background, hang):
    made = ribbon(in_the_builder(hang.event), FEW, {"dropout": 0.3}, epochs=2, dropout=[0.2, 0.3, 0.5])
    made._pair._of_b["dropout"].value = 0.5
    assert hang.entered.wait(LIMIT)
    made.stop()
    at_rest(made)
    check_told(made)
    assert len(made.histories["A"]) == 1 and made.histories["B"] == []


def test_a_hang_in_another_cell_is_named_by_its_function(background, hang, tmp_path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text("def slowly(hang):\n    hang.entered.set()\n    hang.released.wait(600)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import elsewhere

    panel = panel_of(in_the_builder(lambda: elsewhere.slowly(hang)))
    hanging(panel, hang)
    panel.stop()
    at_rest(panel)
    assert "line 3 of the cell with slowly: hang.released.wait(600)" in str(panel._error)
