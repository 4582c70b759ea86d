"""A kernel with Colab's pinned packages, in a virtual environment of its own, spoken to as Colab's front end does."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from tests.browser.lab import ROOT

PRETEND_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
SILENT = 600  # seconds in which a request that is being answered may publish nothing


def python():
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

    def __init__(self, python, folder=None, **settings):
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python"
        )
        settings = {"PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1", **settings}
        self.manager.start_kernel(env={**os.environ, **settings}, cwd=folder)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(120)
        self.after_idle = []

    def request(self, send, may_fail=False):
        """Send a request; returns what the kernel published for it until it went idle. Strays go to `after_idle`."""
        number = send()
        published = []
        while True:
            message = self.client.get_iopub_msg(timeout=SILENT)
            if message["parent_header"].get("msg_id") != number:
                self.after_idle.append(message)
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return published
            else:
                assert may_fail or message["msg_type"] != "error", "\n".join(message["content"]["traceback"])
                published.append(message)

    def run(self, code, person=True):
        return self.request(lambda: self.client.execute(code, allow_stdin=person))

    def run_cell(self, cell, may_fail=False):
        """Run a cell of a notebook, with what Colab's page says of it."""

        def send():
            content = {"code": cell.source, "silent": False, "store_history": True, "user_expressions": {}}
            content |= {"allow_stdin": True, "stop_on_error": True}
            message = self.client.session.msg("execute_request", content, metadata={"colab": {"cell_id": cell.id}})
            self.client.shell_channel.send(message)
            return message["header"]["msg_id"]

        return self.request(send, may_fail)

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
        printed = self.run(f"print(__import__('json').dumps({expression}))")
        return json.loads(next(m["content"]["text"] for m in printed if m["msg_type"] == "stream"))

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


class Page:
    """What a page of Colab knows of a kernel's widgets: nothing that was published after its request was answered."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.states = {}  # comm id: state

    def run(self, cell, may_fail):
        self.take(self.kernel.run_cell(cell, may_fail))

    def take(self, published):
        self.states |= widgets_of(published)
        for message in published:
            data = message["content"].get("data", {})
            if message["msg_type"] == "comm_msg" and data.get("method") == "update":
                self.states[message["content"]["comm_id"]].update(data["state"])

    def sliders(self, among):
        """Those of the widgets in `among` that can be moved to another place."""
        of_them = {comm: state for comm, state in self.states.items() if comm in among and not state.get("disabled")}
        return [comm for comm, state in of_them.items() if elsewhere(state)]

    def move(self, comm):
        name, value = elsewhere(self.states[comm])
        self.states[comm][name] = value
        self.take(self.kernel.tell(comm, {"method": "update", "state": {name: value}, "buffer_paths": []}))

    def differs(self):
        """{comm id: (what the page shows, what the kernel has)} of all text and sliders in which they do not agree."""
        kept = self.kernel.ask(VALUES)
        shown = {comm: self.states[comm].get("index", self.states[comm].get("value")) for comm in kept}
        return {comm: (shown[comm], value) for comm, value in kept.items() if shown[comm] != value}


# For each widget that the kernel has, what it shows, as the page would name it.
VALUES = """{comm: getattr(widget, "index", getattr(widget, "value", None))
  for comm, widget in __import__("ipywidgets").Widget.widgets.items()
  if isinstance(widget.get_state().get("value", widget.get_state().get("index")), (int, float, str))}"""


def elsewhere(state):
    """(name, value) of a slider's next place, or None for what is no slider."""
    if state["_model_name"] == "SelectionSliderModel":
        return "index", (state["index"] + 1) % len(state["_options_labels"])
    if state["_model_name"] in ("IntSliderModel", "FloatSliderModel"):
        further = state["value"] + state["step"]
        return "value", further if further <= state["max"] else state["value"] - state["step"]
    return None


def is_of_a_widget(message):
    return message["msg_type"].startswith("comm_")


def widgets_of(published):
    """The widgets that were opened: {comm id: state}."""
    return {m["content"]["comm_id"]: m["content"]["data"]["state"] for m in published if m["msg_type"] == "comm_open"}
