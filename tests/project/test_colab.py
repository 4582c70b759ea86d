"""On Google Colab's versions, and wherever no front end can take updates at any time: training inside the request.

A kernel with Colab's pinned packages is started from a virtual environment of its own, and spoken to over its
channels as Colab's front end does.
"""

import os
import queue
import random
import subprocess
import sys
import time

import pytest

from tests import links, notebooks
from tests.browser.lab import ROOT
from tests.project import colab
from tests.project.colab import PRETEND_COLAB, Kernel, Page, is_of_a_widget, widgets_of

pytestmark = pytest.mark.slow
ROOMS = ["engine", "curves", "records", "sweeps", "exercises", "parts", "test_data.py", "test_error_bars.py"]
# What needs packages that are not there (hypothesis, Dask), and the 200 runs.
NOT_THERE = [
    "engine/test_equal_to_fit.py",
    "curves/test_diagnosis.py",
    "curves/test_calibration.py",
    "curves/test_log_fuzz.py",
    "sweeps/test_cluster.py",
    "exercises/test_lesson_3.py",
]
SETUP = """import helpers, keras, json
from helpers import data
from helpers.parts import explore as panel
from helpers.parts.explore import explore
digits = data.digits(one_hot=True)
def build(dropout=0.2):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"),
                              keras.layers.Dropout(dropout), keras.layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model"""
EXPLORE = "live = explore(build, digits, epochs=(1, 20, 6), dropout=(0.0, 0.8, 0.2))"


@pytest.fixture(scope="session")
def colab_python():
    return colab.python()


@pytest.fixture(params=["colab's versions", "these versions"])
def kernel(request):
    python = request.getfixturevalue("colab_python") if request.param.startswith("colab") else sys.executable
    kernel = Kernel(python)
    yield kernel
    kernel.stop()


def frames_of(published):
    """(state, points drawn) of each picture of the chart that was sent, in order."""
    frames = []
    for message in published:
        state = message["content"].get("data", {}).get("state", {}) if message["msg_type"] == "comm_msg" else {}
        if 'class="live-panel"' in str(state.get("value")):
            text = state["value"]
            frames.append(
                (text.split('data-state="')[1].split('"')[0], int(text.split('data-epoch="')[1].split('"')[0]))
            )
    return frames


def test_on_colab_the_curve_is_sent_epoch_by_epoch_inside_the_request(kernel):
    kernel.run(PRETEND_COLAB + SETUP)
    published = kernel.run(EXPLORE)
    shown = [m["content"]["data"] for m in published if m["msg_type"] == "display_data"]
    assert len(shown) == 2 and "application/vnd.jupyter.widget-view+json" in shown[0]
    assert "<script>" in shown[1]["text/html"]
    opened = widgets_of(published)
    assert shown[0]["application/vnd.jupyter.widget-view+json"]["model_id"] in opened
    assert [points for state, points in frames_of(published) if state == "training"][-6:] == [1, 2, 3, 4, 5, 6]
    assert frames_of(published)[-1] == ("done", 6)

    epochs = next(comm for comm, state in opened.items() if state.get("description") == "epochs")
    longer = frames_of(kernel.move(epochs, 9))
    assert [points for state, points in longer if state == "training"][-3:] == [7, 8, 9] and longer[-1] == ("done", 9)

    dropout = next(comm for comm, state in opened.items() if state.get("description") == "dropout")
    changed = frames_of(kernel.move(dropout, 0.5))
    assert [points for state, points in changed if state == "training"][-9:] == list(range(1, 10)) and changed[-1] == (
        "done",
        9,
    )

    # What the page tells of its field, which it keeps like the slider, trains nothing once more.
    field = next(c for c, s in opened.items() if s["_model_name"] == "BoundedFloatTextModel")
    assert frames_of(kernel.move(field, 0.5)) == []

    # Not one update left the kernel outside the request that asked for it: strays would show before this answer.
    assert kernel.ask("live.settings") == {"epochs": 9, "dropout": 0.5, "batch_size": 32, "seed": 0}
    assert [m for m in kernel.after_idle if is_of_a_widget(m)] == []
    assert kernel.ask("live.history.history") == kernel.ask(
        "panel.Trainer(build, digits.x_train, digits.y_train, (digits.x_val, digits.y_val)).run({'dropout': 0.5},"
        " 9).history"
    )


@pytest.mark.parametrize("kernel", ["colab's versions"], indirect=True)
def test_on_colab_a_prediction_is_locked_and_compared_inside_the_request(kernel):
    kernel.run(PRETEND_COLAB + "import helpers, json\nfrom helpers import predict")
    opened = widgets_of(kernel.run("share = predict('what', ['a', 'b'])"))
    choice = next(comm for comm, state in opened.items() if state.get("_options_labels") == ["a", "b"])
    lock = next(comm for comm, state in opened.items() if state.get("description") == "Lock")
    (line,) = [m["content"]["data"] for m in kernel.run("share.happened('b')") if m["msg_type"] == "display_data"]
    assert line["text/plain"] == "You made no prediction; it is “b”."
    kernel.tell(choice, {"method": "update", "state": {"index": 1}, "buffer_paths": []})
    (line,) = [m["content"]["data"] for m in kernel.click(lock) if m["msg_type"] == "update_display_data"]
    assert line["text/plain"] == "You said “b”, when the result was already there; it is “b”: ✓ right."
    assert kernel.ask("share.right") and [m for m in kernel.after_idle if is_of_a_widget(m)] == []


def pytest_generate_tests(metafunc):
    if "lesson" in metafunc.fixturenames:
        option, names = metafunc.config.option, list(links.LESSONS)
        metafunc.parametrize("lesson", random.Random(option.lot).sample(names, min(option.lessons, len(names))))


@pytest.mark.timeout(5400)  # the longest lesson, with a move of each of its live parts
def test_a_lesson_runs_on_colab_and_its_page_keeps_up(lesson, colab_python, request, tmp_path):
    """All cells, as far as they come in the time for it; whatever opens a slider has one moved, drawn by lot."""
    option = request.config.option
    drawn, end = random.Random(option.lot), time.monotonic() + option.patience
    (tmp_path / "gitconfig").write_text('[url "file:///nowhere/"]\n\tinsteadOf = https://\n')  # the helpers are here
    kernel = Kernel(colab_python, tmp_path, GIT_CONFIG_GLOBAL=str(tmp_path / "gitconfig"))
    page = Page(kernel)
    kernel.run(PRETEND_COLAB)
    try:
        for cell in notebooks.code_cells(notebooks.read(ROOT / "notebooks" / f"{lesson}.ipynb")):
            known = set(page.states)
            page.run(cell, may_fail="raises-exception" in cell.metadata.get("tags", []))
            if sliders := page.sliders(set(page.states) - known):
                page.move(drawn.choice(sliders))
            assert page.differs() == {}, (cell.id, option.lot)
            if time.monotonic() > end:
                break
        assert [message for message in kernel.after_idle if is_of_a_widget(message)] == []
    finally:
        kernel.stop()


def test_without_a_front_end_the_run_comes_first_and_then_one_bundle(kernel):
    kernel.run(SETUP, person=False)
    published = kernel.run(EXPLORE, person=False)
    shown = [number for number, m in enumerate(published) if m["msg_type"] in ("display_data", "update_display_data")]
    assert len(shown) == 1
    bundle = published[shown[0]]["content"]["data"]
    assert {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert bundle["text/plain"].startswith("Live panel at epochs 6, dropout 0.2") and "VBox" not in bundle["text/plain"]
    assert frames_of(published[: shown[0]])[-1] == ("done", 6) and frames_of(published[shown[0] :]) == []
    assert kernel.ask("live.state") == "done" and [m for m in kernel.after_idle if is_of_a_widget(m)] == []


def test_interrupting_on_colab_stops_the_run_and_the_panel_still_works(kernel):
    kernel.run(PRETEND_COLAB + SETUP)
    opened = widgets_of(kernel.run(EXPLORE.replace("20, 6", "100000, 6")))
    epochs = next(comm for comm, state in opened.items() if state.get("description") == "epochs")
    content = {"comm_id": epochs, "data": {"method": "update", "state": {"value": 100000}, "buffer_paths": []}}
    message = kernel.client.session.msg("comm_msg", content)
    kernel.client.shell_channel.send(message)
    while frames_of([kernel.client.get_iopub_msg(timeout=60)])[-1:] < [("training", 20)]:
        pass
    kernel.manager.interrupt_kernel()
    seen = []
    while not (seen and seen[-1]["msg_type"] == "status" and seen[-1]["content"]["execution_state"] == "idle"):
        seen.append(kernel.client.get_iopub_msg(timeout=60))
    assert frames_of(seen)[-1][0] == "stopped"
    assert frames_of(kernel.move(epochs, 3))[-1] == ("done", 3)


def test_a_queue_of_messages_is_empty_after_a_cell(kernel):
    kernel.run(SETUP)
    kernel.run("1")
    with pytest.raises(queue.Empty):
        kernel.client.get_iopub_msg(timeout=0.2)


def test_the_helpers_pass_their_own_tests_on_colabs_versions(colab_python, request):
    of_rooms = [
        file for name in ROOMS for file in sorted((ROOT / "tests").glob(name if ".py" in name else f"{name}/test_*.py"))
    ]
    files = [file for file in of_rooms if file.relative_to(ROOT / "tests").as_posix() not in NOT_THERE]
    option = request.config.option
    drawn = random.Random(option.lot).sample(files, min(option.colab, len(files)))
    told = ["-q", "--noconftest", "-p", "tests.book", "-p", "no:cacheprovider"]
    told += ["-n", "2", "--dist", "loadfile", "--timeout", "300"]
    done = subprocess.run(
        [colab_python, "-m", "pytest", *told, "-c", os.devnull, f"--rootdir={ROOT}", *map(str, sorted(drawn))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
