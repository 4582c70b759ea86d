"""On Google Colab's versions, and wherever no front end can take updates at any time: training inside the request.

A kernel with Colab's pinned packages is started from a virtual environment of its own, and spoken to over its
channels as Colab's front end does.
"""

import hashlib
import json
import os
import queue
import random
import shutil
import subprocess
import sys

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from tests.browser.lab import ROOT

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
PRETEND_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
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
    """The Python of a virtual environment with Colab's versions; made once, and again when the versions change."""
    wanted = ROOT / "tests" / "colab-requirements.txt"
    folder = ROOT / ".venv-colab"
    mark = folder / "made-from"
    made_from = hashlib.sha256(wanted.read_bytes()).hexdigest()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not mark.exists() or mark.read_text() != made_from:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([_python_3_12(), "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
        mark.write_text(made_from)
    return str(python)


def _python_3_12():
    """Colab's Python where there is one that starts, else the Python of these tests."""
    for name in ("python3.12", sys.executable):
        if shutil.which(name) and subprocess.run([name, "-c", ""], capture_output=True).returncode == 0:
            return name
    raise AssertionError("unreachable: these tests run on a Python")


class Kernel:
    """A kernel of another Python, and every message it publishes, each with the request it answers."""

    def __init__(self, python):
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python"
        )
        self.manager.start_kernel(env={**os.environ, "PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(120)
        self.after_idle = []

    def request(self, send):
        """Send a request; returns what the kernel published for it until it went idle. Strays go to `after_idle`."""
        number = send()
        published = []
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != number:
                self.after_idle.append(message)
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return published
            else:
                assert message["msg_type"] != "error", "\n".join(message["content"]["traceback"])
                published.append(message)

    def run(self, code, person=True):
        return self.request(lambda: self.client.execute(code, allow_stdin=person))

    def move(self, comm, value):
        """What a front end sends when somebody moves a slider."""
        return self.tell(comm, {"method": "update", "state": {"value": value}, "buffer_paths": []})

    def click(self, comm):
        """What a front end sends when somebody clicks a button."""
        return self.tell(comm, {"method": "custom", "content": {"event": "click"}})

    def tell(self, comm, data):
        def send():
            message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
            self.client.shell_channel.send(message)
            return message["header"]["msg_id"]

        return self.request(send)

    def ask(self, expression):
        printed = self.run(f"print(json.dumps({expression}))")
        return json.loads(next(m["content"]["text"] for m in printed if m["msg_type"] == "stream"))

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(params=["colab's versions", "these versions"])
def kernel(request):
    python = request.getfixturevalue("colab_python") if request.param.startswith("colab") else sys.executable
    kernel = Kernel(python)
    yield kernel
    kernel.stop()


def widgets_of(published):
    """The widgets that were opened: {comm id: state}."""
    return {m["content"]["comm_id"]: m["content"]["data"]["state"] for m in published if m["msg_type"] == "comm_open"}


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


def is_of_a_widget(message):
    return message["msg_type"].startswith("comm_")


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
