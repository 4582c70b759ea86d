"""A real JupyterLab in a real browser, for the tests: starts both, opens notebooks, reads what the page shows."""

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
from jupyter_client import BlockingKernelClient

ROOT = Path(__file__).resolve().parent.parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Notes every change of every panel on the page: state, points drawn, height, and whether there is a chart.
WATCH = """
window.frames_seen = [];
window.panel_boxes = () => [...document.querySelectorAll('.live-panel')].map(p => p.closest('.widget-vbox'));
window.control = (words, panel) => {  // what the keyboard moves, of the control or button called `words`
    const named = e => e.textContent.replace(/[▸✓✗\\u200b]/g, '').trim() === words;
    const label = [...window.panel_boxes()[panel].querySelectorAll('button, .widget-label, .widget-checkbox')]
        .find(named);
    return label.closest('button') || label.closest('.widget-inline-hbox, .widget-checkbox')
        .querySelector('.noUi-handle, select, input');
};
const look = () => document.querySelectorAll('.live-panel').forEach((panel, index) => {
    const box = panel.closest('.widget-vbox');
    const frame = {index, ...panel.dataset, height: box ? box.offsetHeight : null,
        chart: !!panel.querySelector('svg polyline, [data-pane]'), at: performance.now()};
    const key = JSON.stringify({...frame, at: 0});
    if (panel.seen_as !== key) { panel.seen_as = key; window.frames_seen.push(frame); }
});
new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true,
    attributeFilter: ['data-state', 'class']});
"""


def find_browser(playwright):
    """Chromium or Chrome from the PATH, or else Playwright's own, which is installed at first use."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    return playwright.chromium.launch(executable_path=path, args=OPTIONS)


class Server:
    """JupyterLab on this machine only, in a folder of its own, with its token, as a student starts it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.runtime = self.folder / "runtime"
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(self.folder / "lab.log", "w")  # noqa: SIM115  (closed with the server)
        quiet = self.folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        quiet.parent.mkdir(parents=True)
        quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        self.environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                f"--port={self.port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={self.folder}",
                "--allow-root",
                "--LabApp.news_url=None",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
            cwd=self.folder,
        )
        wait_until(self._answers, 60, "JupyterLab to start")

    def trust(self, name):
        """What a person does with `jupyter trust`."""
        subprocess.run(
            [sys.executable, "-m", "jupyter", "trust", str(self.folder / name)],
            env=self.environment,
            check=True,
            capture_output=True,
        )

    def _answers(self):
        try:
            return self.get("api") is not None
        except OSError:
            return False

    def get(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}", headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def post(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}", b"", {"Authorization": f"token {self.token}"}, method="POST"
        )
        urllib.request.urlopen(request, timeout=20).close()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def wait_until(condition, seconds, what):
    """Return what `condition` returns once it is true; an assertion error names `what` was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)


class Notebook:
    """A notebook open in the browser. `PAGE`: where JupyterLab shows it; `IDLE`: its mark of a kernel that is idle.

    port: where the page finds the server, if not at the server's own port.
    """

    PAGE = "lab/workspaces/{stem}/tree/{name}"
    IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'

    def __init__(self, server, browser, name, cells=None, dark=False, port=None):
        self.server, self.name, self.port = server, name, port or server.port
        if cells is not None:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
            notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
            nbformat.write(notebook, server.folder / name)
        self.page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.open()

    def open(self):
        place = self.PAGE.format(stem=Path(self.name).stem, name=self.name)
        self.page.goto(f"http://127.0.0.1:{self.port}/{place}?token={self.server.token}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60000)
        self.page.evaluate(WATCH)
        self.wait_for_kernel()

    def wait_for_kernel(self):
        """Until the page is connected to its kernel and both say that it is idle."""

        def idle():
            kernels = [session["kernel"] for session in self.server.get("api/sessions") if session["path"] == self.name]
            return kernels and kernels[0]["connections"] and kernels[0]["execution_state"] == "idle"

        wait_until(idle, 90, "the kernel to be idle")
        self.page.wait_for_selector(self.IDLE, timeout=60000)

    # What a person does

    def menu(self, menu, *items):
        self.page.click(f'.lm-MenuBar-itemLabel:text-is("{menu}")')
        for item in items:
            self.page.click(f'.lm-Menu-itemLabel:text-is("{item}")')

    def run_all(self):
        """Choose Run All Cells; again, as a person would, where a page that is still loading has swallowed it."""

        def begun():
            self.menu("Run", "Run All Cells")
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                prompts = self.page.locator(".jp-CodeCell .jp-InputArea-prompt").all_text_contents()
                if any(prompt.strip() not in ("", "[ ]:") for prompt in prompts):
                    return True
                time.sleep(0.05)

        wait_until(begun, 40, "the first cell to run")

    def run_cell(self, number):
        """Click into cell `number` (from 0) and press Shift+Enter."""
        self.page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

    def press(self, keyword, key, times=1, panel=0):
        """Focus the control called `keyword` and press a key, as somebody without a mouse would."""
        self.focus(keyword, panel)
        for _ in range(times):
            self.page.keyboard.press(key)

    def focus(self, keyword, panel=0):
        self.page.evaluate("([keyword, panel]) => window.control(keyword, panel).focus()", [keyword, panel])

    def tab_to(self, words, panel=0):
        """Go to the control or button called `words` with the Tab key; only from outside the panel the first step is
        ours."""
        for _ in range(80):
            key = self.page.evaluate(
                """([words, panel]) => {
                const box = window.panel_boxes()[panel], wanted = window.control(words, panel);
                if (!box.contains(document.activeElement)) box
                    .querySelector('button:not([disabled]), .noUi-handle').focus();
                const where = document.activeElement.compareDocumentPosition(wanted);
                return where === 0 ? null : where & Node.DOCUMENT_POSITION_FOLLOWING ? 'Tab' : 'Shift+Tab';
            }""",
                [words, panel],
            )
            if key is None:
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"the Tab key does not lead to {words!r}")

    # What a person sees

    def panel(self, index=0):
        """What the panel's contract says about it now, as a dict."""
        return self.page.evaluate(
            """index => {
            const panel = document.querySelectorAll('.live-panel')[index];
            return panel && {...panel.dataset, words: panel.closest('.widget-vbox')
                .querySelector('.live-panel-state').textContent};
        }""",
            index,
        )

    def text(self, panel=0):
        """All that is written on a panel."""
        return self.page.evaluate("panel => window.panel_boxes()[panel].innerText", panel)

    def readout(self, keyword, panel=0):
        """What stands in the field beside a slider."""
        return self.page.evaluate(
            """([keyword, panel]) => {
            const field = window.control(keyword, panel).closest('.live-control').querySelector('input, select');
            return field.selectedOptions ? field.selectedOptions[0].textContent : field.value;
        }""",
            [keyword, panel],
        )

    def wait_for_state(self, *states, panel=0, seconds=60, after_run=0):
        def reached():
            now = self.panel(panel)
            return now and now["state"] in states and int(now["run"]) > after_run and now

        return wait_until(reached, seconds, f"the panel to be {states}; it is {self.panel(panel)}")

    def frames(self):
        return self.page.evaluate("window.frames_seen")

    def forget_frames(self):
        self.page.evaluate("window.frames_seen = []")

    def curve(self, name, panel=0):
        """The values of the curve `name`, read off the chart as a person would: by the tick labels of its axes."""
        return self.page.evaluate(
            """([name, panel]) => {
            const chart = document.querySelectorAll('.live-panel')[panel];
            const line = chart.querySelector(`polyline[data-name="${name}"], path[data-name="${name}"]`);
            if (!line) return [];
            const pane = line.closest('[data-pane]');
            const scale = (cls, axis) => {
                const ticks = [...pane.querySelectorAll('text.' + cls)].map(t => [parseFloat(t.getAttribute(axis)),
                    parseFloat(t.textContent)]);
                const [a, b] = [ticks[0], ticks[ticks.length - 1]];
                return ticks.length === 1 ? p => a[1] + (p - a[0]) : p =>
                    a[1] + (p - a[0]) * (b[1] - a[1]) / (b[0] - a[0]);
            };
            const x = scale('xtick', 'x'), y = scale('ytick', 'y');
            const points = line.getAttribute('points').trim().split(/\\s+/).map(p => p.split(',').map(Number));
            return points.map(([px, py]) => [x(px), y(py)]);
        }""",
            [name, panel],
        )

    def tracebacks(self):
        return self.page.locator(
            '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"],'
            ' .jp-RenderedText[data-mime-type*="error"]'
        ).all_text_contents()

    def screenshot(self, path):
        self.page.screenshot(path=str(path))

    # What the kernel knows, asked over a connection of our own

    def kernel_id(self):
        session = next(s for s in self.server.get("api/sessions") if s["path"] == self.name)
        return session["kernel"]["id"]

    def ask(self, expression):
        """The value of a Python expression in the notebook's kernel, through JSON."""
        client = BlockingKernelClient(connection_file=str(self.server.runtime / f"kernel-{self.kernel_id()}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(30)
            reply = client.execute(
                "",
                silent=True,
                store_history=False,
                reply=True,
                timeout=60,
                user_expressions={"answer": f"__import__('json').dumps({expression})"},
            )
            answer = reply["content"]["user_expressions"]["answer"]
            assert answer["status"] == "ok", answer
            return json.loads(ast.literal_eval(answer["data"]["text/plain"]))
        finally:
            client.stop_channels()

    def close(self):
        self.page.close()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}/api/kernels/{self.kernel_id()}",
            method="DELETE",
            headers={"Authorization": f"token {self.server.token}"},
        )
        urllib.request.urlopen(request, timeout=20)


def open_lesson(server, browser, name, last, seconds=900):
    """A lesson in JupyterLab after Run All; `last` is the number of its last live part, which is to be done by then."""
    shutil.copytree(ROOT / "notebooks", server.folder / "notebooks", ignore=shutil.ignore_patterns("saved"))
    lab = Notebook(server, browser, f"notebooks/{name}.ipynb")
    lab.run_all()
    lab.wait_for_state("done", panel=last, seconds=seconds)
    wait_until(
        lambda: server.get(f"api/kernels/{lab.kernel_id()}")["execution_state"] == "idle",
        seconds,
        "the last cell to have run",
    )
    lab.wait_for_kernel()
    return lab


def check_calm(lab, name, parts):
    """A picture if anybody wants one; no panel has jumped, and the page has told no error since `forget_frames`."""
    if os.environ.get("SCREENSHOTS"):
        lab.screenshot(Path(os.environ["SCREENSHOTS"]) / f"{name}.png")
    frames, errors, lab.errors = lab.frames(), lab.errors, []
    assert all(frame["chart"] for frame in frames)
    for panel in parts:
        assert len({frame["height"] for frame in frames if frame["index"] == panel}) <= 1, panel
    assert errors == [] and lab.tracebacks() == []


def check_curves(lab, history, index=0, names=("loss", "val_loss", "accuracy", "val_accuracy")):
    """Every point of these curves of a panel on the page is that of `history`, a dict."""
    for name in names:
        points = lab.curve(name, index)
        assert [round(epoch) for epoch, _ in points] == list(range(1, len(history[name]) + 1)), name
        top = max(max(history["loss"]), max(history["val_loss"])) if "loss" in name else 1
        for (_, seen), known in zip(points, history[name], strict=True):
            assert abs(seen - known) < 0.01 * top, (name, seen, known)


def check_control(lab, keyword, key="ArrowRight", panel=0):
    """A press of `key` on the control called `keyword` trains its panel to the end, with no other setting changed."""
    before = lab.panel(panel)
    lab.tab_to(keyword, panel)
    lab.page.keyboard.press(key)
    after = lab.wait_for_state("done", panel=panel, after_run=int(before["run"]))
    old, new = json.loads(before["settings"]), json.loads(after["settings"])
    assert new != old and {**new, keyword: None} == {**old, keyword: None}, (keyword, old, new)
    assert after["epoch"] == str(new["epochs"]), after
