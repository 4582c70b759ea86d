"""The panel without a browser: its controls, its worker, its frames, its words."""

import gc
import html
import json
import re
import threading
import time
import weakref
import xml.etree.ElementTree as ElementTree

import ipywidgets as widgets
import numpy as np
import pytest
import tensorflow as tf

from helpers.curves.history import describe
from helpers.engine.training import DIVERGED
from helpers.errors import LessonError
from helpers.live import cell
from helpers.live import part as live_module
from helpers.live.controls import controls
from helpers.parts.explore import Panel, explore
from tests.curves.test_live_chart import Drawing
from tests.networks import DIGITS, digits_network, few_digits

X, Y, VALIDATION = few_digits()
FEW = (X, Y, *VALIDATION)


@pytest.fixture
def background(monkeypatch):
    """Panels train in the background, as behind a front end; what they display goes nowhere."""
    monkeypatch.setattr(cell, "place", lambda: "background")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)


def marks(panel):
    """The panel's contract, read from what it would send to the page."""
    text = panel._chart.value
    root = ElementTree.fromstring(text)
    assert root.attrib["class"] == "live-panel" and root.find(".//svg") is not None
    return {name[5:]: value for name, value in root.attrib.items() if name.startswith("data-")}


def watch(panel):
    seen = []
    panel._chart.observe(lambda change: seen.append(marks(panel)), "value")
    return seen


def move(panel, **values):
    for name, value in values.items():
        panel._controls[name].value = value


def test_forms_become_the_controls_that_interact_would_make():
    def build(dropout=0.25, batch_norm=True, activation="relu", width=32):
        """Never called."""

    made, fixed = controls(
        build,
        {
            "epochs": (1, 40, 15),
            "dropout": (0.0, 0.8),
            "batch_norm": False,
            "activation": ["relu", "tanh"],
            "width": {"narrow": 8, "wide": 64},
            "n_train": [20, 50, 100],
            "batch_size": [8, 32],
            "seed": 16,
        },
        100,
    )
    assert [type(made[name]) for name in made] == [
        widgets.IntSlider,
        widgets.FloatSlider,
        widgets.Checkbox,
        widgets.Dropdown,
        widgets.Dropdown,
        widgets.SelectionSlider,
        widgets.SelectionSlider,
    ]
    assert (made["epochs"].min, made["epochs"].max, made["epochs"].value, made["epochs"].step) == (1, 40, 15, 1)
    assert (made["dropout"].value, made["dropout"].step) == (0.25, 0.05)
    assert made["batch_norm"].value is False and made["activation"].value == "relu" and made["width"].value == 8
    assert made["n_train"].value == 20 and made["batch_size"].value == 32  # as in fit
    assert all(control.description == name for name, control in made.items()) and fixed == {"seed": 16}


def test_a_list_of_one_is_a_fixed_value_and_no_slider_that_cannot_move():
    def build(dropout=0.25, shape=None, wide=True):
        """Never called."""

    forms = {"epochs": [20], "dropout": {"as ever": 0.5}, "shape": [(8, 8)], "wide": [False], "seed": range(3, 4)}
    made, fixed = controls(build, forms, 100)
    assert made == {} and fixed == {"epochs": 20, "dropout": 0.5, "shape": (8, 8), "wide": False, "seed": 3}
    with pytest.raises(LessonError, match="epochs must be at least 1; here it can be 0"):
        controls(build, {"epochs": [0]}, 100)


def no_default(dropout):
    return digits_network(dropout)


@pytest.mark.parametrize(
    "build, forms, words",
    [
        (digits_network, {"wdth": (1, 3)}, "no keyword 'wdth'"),
        (no_default, {}, "needs a value for 'dropout'"),
        (digits_network, {"dropout": (0.5, 0.1)}, r"first number must be smaller than the second, as in \(0.1, 0.5\)"),
        (digits_network, {"epochs": (5, 1, 3)}, r"smaller than the second, as in \(1, 5, start\).$"),
        (digits_network, {"epochs": (5, 5)}, "nowhere to go.*epochs=5"),
        (digits_network, {"callbacks": []}, "callbacks=… is for model.fit.*engine.fit"),
        (digits_network, {"validation_data": VALIDATION}, r"for model.fit.*\(x, y, x_validation, y_validation\)"),
        (digits_network, {"dropout": (0.0, 0.5, 0.7)}, "cannot start at 0.7"),
        (digits_network, {"dropout": (0.0, "a")}, "is no slider"),
        (digits_network, {"dropout": (0.0, 0.1, 0.2, 0.3)}, "is no slider"),
        (digits_network, {"dropout": []}, "nothing to choose from"),
        (digits_network, {"epochs": (0, 10)}, "epochs must be at least 1"),
        (digits_network, {"epochs": (1.0, 10.0)}, "whole numbers"),
        (digits_network, {"epochs": 0}, "at least 1"),
        (digits_network, {"n_train": (10, 301)}, "only 300 training images"),
        (digits_network, {"batch_size": [16, "all"]}, "whole numbers"),
    ],
)
def test_forms_that_cannot_be_are_refused_in_words_before_anything_is_trained(build, forms, words):
    with pytest.raises(LessonError, match=words):
        Panel(build, FEW, forms=forms)


@pytest.mark.parametrize(
    "data, words",
    [
        ("digits", "must be a dataset"),
        ((X, Y[:3]), "rows"),
        ((X, Y, X), "must be a dataset"),
        (None, "must be a dataset"),
    ],
)
def test_data_that_cannot_be_are_refused_in_words(data, words):
    with pytest.raises(LessonError, match=words):
        Panel(digits_network, data)


@pytest.mark.parametrize(
    "build, forms, words",
    [
        (digits_network(), {}, "leave out the brackets"),
        (None, {}, "leave out the brackets"),
        (digits_network, {"epochs": None}, "whole numbers"),
        (digits_network, {"epochs": True}, "whole numbers"),
        (digits_network, {"dropout": (1e-14, 1e-13)}, "next to nothing"),
        (digits_network, {"dropout": widgets.Button()}, "no value"),
    ],
)
def test_slips_are_told_in_words(build, forms, words):
    with pytest.raises(LessonError, match=words):
        Panel(build, FEW, forms=forms)


@pytest.mark.parametrize(
    "data, split, words",
    [((X, Y), "a", "is a fraction"), ((X, Y), None, "is a fraction"), (({"a": X, "b": X[:3]}, Y), 0.2, "rows")],
)
def test_a_split_that_cannot_be_is_told_in_words(data, split, words):
    with pytest.raises(LessonError, match=words):
        Panel(digits_network, data, split)


def test_choices_of_any_kind_and_numbers_of_any_kind_are_controls():
    def build(kernel=(3, 3), reg=None, dropout=0.5, width=64):
        """Never called."""

    made, _ = controls(
        build,
        {
            "kernel": [(3, 3), (1, 2)],
            "reg": ["l2", None],
            "dropout": [0, 0.5],
            "width": range(8, 80, 8),
            "epochs": (np.int64(1), np.int64(5)),
        },
        100,
    )
    assert (
        made["kernel"].value == (3, 3)
        and made["reg"].value is None
        and made["dropout"].value == 0.5
        and made["width"].value == 64
    )
    assert type(made["epochs"]) is widgets.IntSlider and isinstance(made["width"], widgets.SelectionSlider)


@pytest.mark.slow
def test_lists_of_numbers_are_data_too(background):
    few = explore(digits_network, (X[:60].tolist(), Y[:60].tolist()), epochs=1)
    assert few.history.history == explore(digits_network, (X[:60], Y[:60]), epochs=1).history.history


def test_a_keyword_that_builder_and_training_share_reaches_both(background):
    seeds = []

    def build(seed=0):
        seeds.append(seed)
        return digits_network()

    panel = explore(build, FEW, epochs=1, seed=(0, 9, 4))
    assert seeds == [4] and panel.settings["seed"] == 4


def test_explore_inside_the_builder_is_refused_and_nothing_hangs(background):
    def build():
        explore(digits_network, FEW, epochs=1)

    with pytest.raises(LessonError, match="inside the function"):
        explore(build, FEW, epochs=1)
    assert explore(digits_network, FEW, epochs=1).state == "done"


@pytest.mark.slow
def test_closing_a_panel_that_waits_lets_go_of_whoever_waits_for_it(background):
    panel = explore(digits_network, DIGITS, epochs=(1, 3000, 2))
    move(panel, epochs=3000)
    panel.close()
    panel.wait()
    assert panel.idle.is_set()


@pytest.mark.slow
def test_a_panel_says_that_it_waits_for_another(background):
    busy, other = (explore(digits_network, DIGITS, epochs=(1, 100000, 1)) for _ in range(2))
    move(busy, epochs=100000)
    while len(busy.history.epoch) < 3:
        time.sleep(0.01)
    move(other, epochs=2)
    assert "Waiting" in other._words.value
    other.stop()
    other.wait()
    assert "Waiting" not in other._words.value and len(other.history.epoch) == 1
    move(other, epochs=3)
    busy.stop()
    other.wait()
    assert other.state == "done"


def test_an_interrupt_before_the_first_epoch_leaves_a_panel_that_works(monkeypatch):
    monkeypatch.setattr(cell, "place", lambda: "inline")
    monkeypatch.setattr(live_module, "display", lambda *args, **kwargs: None)
    made = []

    def build(dropout=0.2):
        made.append(dropout)
        if len(made) == 1:
            raise KeyboardInterrupt
        return digits_network(dropout)

    panel = Panel(build, FEW, forms={"epochs": 2, "dropout": (0.0, 0.8, 0.2)})
    with pytest.raises(KeyboardInterrupt):
        panel.show()
    move(panel, dropout=0.4)
    assert panel.state == "done" and len(panel.history.epoch) == 2


@pytest.mark.slow
def test_a_closed_panel_leaves_memory_and_a_lent_widget_lives_on(background):
    slider = widgets.FloatSlider(value=0.1, min=0, max=1)
    panel = explore(digits_network, FEW, epochs=1, dropout=slider)
    gone = weakref.ref(panel)
    panel.close()
    slider.value = 0.3
    del panel
    gc.collect()
    assert gone() is None


@pytest.mark.slow
def test_the_validation_split_is_the_one_fit_would_make(background):
    panel = explore(digits_network, (DIGITS.x, DIGITS.y), validation_split=0.2, epochs=2)
    assert panel.history.history == explore(digits_network, DIGITS, epochs=2).history.history


def test_a_first_run_goes_through_all_states_and_returns_complete(background, monkeypatch):
    frames = []
    draw = Panel._draw

    def draw_and_note(self, *args):
        draw(self, *args)
        frames.append(marks(self))

    monkeypatch.setattr(Panel, "_draw", draw_and_note)
    panel = explore(digits_network, FEW, epochs=(1, 10, 4), dropout=(0.0, 0.8, 0.25))
    states = [frame["state"] for frame in frames if frame["run"] == "1"]
    assert states[0] == "building" and "training" in states and states[-1] == "done" == panel.state
    assert frames[-1]["epoch"] == frames[-1]["epochs"] == "4" and len(panel.history.epoch) == 4
    assert (
        json.loads(frames[-1]["settings"])
        == {"epochs": 4, "dropout": 0.25, "batch_size": 32, "seed": 0}
        == panel.settings
    )
    points = [int(frame["epoch"]) for frame in frames]
    assert 1 in points and points == sorted(points)


def test_the_status_changes_with_the_state_and_not_with_every_epoch(background):
    panel = explore(digits_network, FEW, epochs=(1, 40, 20))
    said = []
    panel._words.observe(lambda change: said.append(change["new"]), "value")
    move(panel, epochs=40)
    panel.wait()
    assert [re.search('class="live-panel-state (.*?)"', words).group(1) for words in said] == [
        "building",
        "training",
        "done",
    ]
    assert all('role="status"' in words for words in said)
    assert "best epoch" in said[-1]


@pytest.mark.slow
def test_quick_steps_overtake_and_only_the_last_is_finished(background):
    running, most = [], []

    def build(dropout=0.2):
        running.append(1)
        most.append(len(running))
        model = digits_network(dropout)
        running.pop()
        return model

    panel = explore(build, DIGITS, epochs=(1, 400, 200), dropout=(0.0, 0.8, 0.0))
    seen = watch(panel)
    for step in range(1, 7):
        move(panel, dropout=step / 20)
        time.sleep(0.03)
    panel.wait()
    assert max(most) == 1
    assert panel.settings["dropout"] == 0.3 and len(panel.history.epoch) == 200
    assert [frame["state"] for frame in seen].count("done") == 1
    fresh = explore(build, DIGITS, epochs=200, dropout=0.3)
    assert panel.history.history == fresh.history.history
    runs = [int(frame["run"]) for frame in seen]
    assert runs == sorted(runs)


@pytest.mark.slow
def test_two_panels_never_train_at_once(background):
    at_once, most = [], []
    lock = threading.Lock()

    def build(dropout=0.2):
        with lock:
            at_once.append(1)
            most.append(len(at_once))
        time.sleep(0.05)
        with lock:
            at_once.pop()
        return digits_network(dropout)

    panels = [explore(build, FEW, epochs=2, dropout=(0.0, 0.8, 0.0)) for _ in range(2)]
    for panel in panels:
        move(panel, dropout=0.4)
    for panel in panels:
        panel.wait()
        assert panel.state == "done" and panel.settings["dropout"] == 0.4
    assert max(most) == 1
    assert [thread.name for thread in threading.enumerate()].count("live panels") == 1


def in_a_long_run():
    """A panel that has trained some of the 5,000 epochs that were asked for."""
    panel = explore(digits_network, DIGITS, epochs=(1, 5000, 3))
    reached = threading.Event()
    panel._chart.observe(lambda change: len(panel.history.epoch) > 10 and reached.set(), "value")
    move(panel, epochs=5000)
    assert reached.wait(30)
    return panel


@pytest.mark.slow
def test_stop_keeps_the_curve_so_far_and_the_next_move_goes_on(background):
    panel = in_a_long_run()
    panel._stop_button.click()
    panel.wait()
    stopped_at = len(panel.history.epoch)
    assert panel.state == "stopped" and 10 < stopped_at < 5000
    move(panel, epochs=stopped_at + 5)
    panel.wait()
    assert panel.state == "done" and len(panel.history.epoch) == stopped_at + 5


def test_an_error_is_shown_and_raised_and_the_next_move_recovers(background):
    def build(width=64):
        if width == 13:
            raise RuntimeError("thirteen <units> are unlucky")
        return digits_network(width=width)

    panel = explore(build, FEW, epochs=2, width=[64, 13])
    move(panel, width=13)
    with pytest.raises(LessonError, match="thirteen <units> are unlucky.*line \\d+.*raise RuntimeError"):
        panel.wait()
    assert panel.state == "error" == marks(panel)["state"]
    assert html.escape("thirteen <units>") in panel._words.value
    move(panel, width=64)
    panel.wait()
    assert panel.state == "done"


def test_a_first_run_that_fails_raises_in_its_own_cell(background):
    with pytest.raises(LessonError, match="nothing"):
        explore(lambda dropout=0.2: None, FEW)


@pytest.mark.slow
def test_earlier_runs_stay_as_ghosts_named_by_what_differed(background):
    panel = explore(digits_network, FEW, epochs=(1, 10, 3), dropout=(0.0, 0.8, 0.0), width=[64, 8])
    move(panel, epochs=4)
    panel.wait()
    assert panel._ghosts() == []  # the same curve, continued
    for dropout in (0.2, 0.4, 0.6):
        move(panel, dropout=dropout)
        panel.wait()
    assert [name for name, _ in panel._ghosts()] == ["dropout 0.0", "dropout 0.4"]  # the first run and the latest
    move(panel, width=8)
    panel.wait()
    assert [name for name, _ in panel._ghosts()] == ["dropout 0.0, width 64", "width 64"]
    assert "dropout 0.0, width 64" in panel._chart.value


def test_a_loss_that_explodes_stops_with_a_word_about_the_learning_rate(background):
    import keras

    def build(learning_rate=0.1):
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
        model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mean_squared_error")
        return model

    panel = explore(build, FEW, epochs=50, learning_rate=[0.01, 1e6])
    move(panel, learning_rate=1e6)
    panel.wait()
    assert panel.state == "stopped" and "learning rate" in panel._words.value


def test_closing_stops_the_training(background):
    panel = explore(digits_network, DIGITS, epochs=(1, 100000, 2))
    move(panel, epochs=100000)
    while panel.state != "training":
        time.sleep(0.01)
    panel.close()
    panel.idle.wait(10)
    assert panel.idle.is_set() and len(panel.history.epoch) < 100000


def test_a_builders_own_words_cannot_break_the_page(background):
    panel = explore(digits_network, FEW, epochs=1, width=[64])
    panel.settings = {"epochs": 1, "name": "<b>\"'&"}
    panel._draw("done", "<script>alert(1)</script>")
    assert json.loads(marks(panel)["settings"])["name"] == "<b>\"'&"
    assert "<script>" not in panel._words.value


@pytest.mark.slow
def test_a_drawn_epoch_is_small(background):
    panel = explore(digits_network, DIGITS, epochs=(1, 40, 40), dropout=(0.0, 0.8, 0.0))
    drawn = []
    panel._chart.observe(lambda change: drawn.append(change["new"]), "value")
    for dropout in (0.1, 0.2, 0.3):
        move(panel, dropout=dropout)
        panel.wait()
    growing = [picture for picture in drawn if 'data-state="done"' not in picture]
    assert len(panel._ghosts()) == 2 and len(growing) > 3
    assert max(map(len, growing)) < 10 * 1024 and max(map(len, drawn)) < 40 * 1024  # at the end with its figures


def test_without_a_front_end_the_finished_picture_and_its_sentence_are_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(live_module, "display", lambda data, metadata=None, raw=False: shown.append((data, metadata)))
    monkeypatch.setattr(cell, "place", lambda: "nobody watches")
    panel = explore(digits_network, FEW, epochs=5)
    data, metadata = shown[0]
    assert data["image/png"] and len(data["image/png"]) < 100 * 1024 * 4 / 3
    assert metadata["image/png"]["alt"] and "oss" in data["text/plain"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == panel._box.model_id
    assert not re.search(
        r"\d\.\d\d", data["text/plain"].split(". ", 1)[1]
    )  # no figure that another machine would not give


def test_keywords_of_numpy_type_are_shown_too(background):
    panel = explore(digits_network, FEW, epochs=1, width=[np.int64(32), np.int64(64)])
    assert panel.state == "done"


def said(panel):
    return html.unescape(re.sub("<[^>]*>", "", panel._words.value))


@pytest.mark.slow
def test_remarks_come_once_after_the_result_and_the_run_is_done(background):
    def build(dropout=0.2, width=64):
        return digits_network(width=width)

    panel = explore(build, (X, Y), validation_split=0, epochs=2, dropout=(0.0, 0.8, 0.2), width=[64, 32])
    for _ in range(2):
        text = said(panel)
        assert panel.state == "done" and text.startswith("Done. The lowest loss")
        assert text.count("build() never uses dropout, so it changes nothing.") == 1
        assert text.index("There is no validation data.") < text.index("never uses")
        assert text.count("give it validation_split=0.2") == 1
        move(panel, width=32)
        panel.wait()


def test_of_right_code_the_panel_tells_only_what_the_curves_show(background):
    panel = explore(digits_network, FEW, epochs=2, dropout=(0.0, 0.8, 0.2))
    assert said(panel) == f"Done. {describe(panel.history)}"


def test_what_has_happened_is_not_said_twice(background):
    panel = in_a_long_run()
    panel.stop()
    panel.wait()
    assert said(panel).startswith("Stopped before the last epoch. The")


@pytest.mark.slow
@pytest.mark.parametrize(
    "state, words, whole",
    [
        ("building", "B (2 of 3)", "Building the network … B (2 of 3)"),
        ("done", "Validation loss rises.", "Done. Validation loss rises."),
        ("done", "", "Done."),
        ("stopped", "2 of 3 are trained.", "Stopped. 2 of 3 are trained."),
        ("stopped", "Stopped before the last epoch. It rises.", "Stopped before the last epoch. It rises."),
        ("stopped", DIVERGED, DIVERGED),
        ("stopped", "It rises. Then it stopped.", "Stopped. It rises. Then it stopped."),
        ("error", "Nothing works.", "Nothing works."),
        ("training", "", "Training: 2 epochs …"),
    ],
)
def test_words_follow_the_state_with_a_space_and_do_not_repeat_it(background, state, words, whole):
    panel = explore(digits_network, FEW, epochs=2)
    panel._draw("ready")
    panel._draw(state, words)
    assert said(panel) == whole
    panel.settings["epochs"] = 1
    panel._draw("training", " ")
    assert said(panel) == "Training: 1 epoch …"


def test_a_control_for_the_batch_size_of_a_dataset_is_refused():
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    with pytest.raises(LessonError, match="would change nothing.*comes in batches"):
        Panel(digits_network, batches, forms={"batch_size": [8, 16]})
    with pytest.raises(LessonError, match="None were given"):
        explore(digits_network)


def test_the_ticks_below_the_chart_draw_it_again_without_training(background):
    panel = explore(digits_network, FEW, epochs=4)
    runs, before = panel._run_number, Drawing(panel._chart.value)
    panel._view._zoom.value = True
    zoomed = Drawing(panel._chart.value)
    assert zoomed.ticks("loss", "y") != before.ticks("loss", "y") and panel._words.value
    panel._view._zoom.value, panel._view._log.value = False, True
    assert np.allclose(
        list(Drawing(panel._chart.value).values("loss", "loss", log=True).values()),
        panel.history.history["loss"],
        rtol=0.02,
    )
    panel._view._large.value = True
    assert "lab-projector" in panel._box._dom_classes
    panel._view._large.value = panel._view._log.value = False
    assert "lab-projector" not in panel._box._dom_classes and panel._run_number == runs
    assert panel._chart.value.partition(">")[2] == before.text.partition(">")[2]
