"""The hub of hub/jupyterhub_config.py, started for real on this machine only, with accounts made for the tests."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import psutil

from tests.browser.lab import wait_until
from tests.hub import place

NPM = Path(sys.executable).with_name("npm")
PROXY = place.ROOT / "hub" / "node_modules" / "configurable-http-proxy"
CONFIG = Path("hub", "jupyterhub_config.py")
ON_LOOPBACK = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://127.0.0.1:{0}"
c.JupyterHub.hub_port = {1}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{2}"
c.Spawner.env_keep.append("LD_LIBRARY_PATH")
"""


def _fetch_proxy():
    """What README tells an instructor to do, unless it has been done."""
    if not PROXY.exists():
        command = [NPM, "ci", "--prefix", place.ROOT / "hub"]
        subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL)


def _free_ports(number):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Hub:
    """A hub with everything it needs in one folder. It must be root's; `close` deletes folder and accounts.

    more: lines for class.py.
    """

    def __init__(self, more=""):
        _fetch_proxy()
        self.folder = Path(tempfile.mkdtemp(prefix="learning-curves-hub-"))
        self.folder.chmod(0o755)
        self.state = self.folder / "state"
        self.course = place.copy_course(self.folder)
        self.python, needs = place.open_python(self.folder)
        ports = _free_ports(3)
        self.address, self.behind_proxy = (f"http://127.0.0.1:{port}" for port in ports[:2])
        self.state.mkdir()
        (self.state / "class.py").write_text(ON_LOOPBACK.format(*ports) + more)
        self.environment = {**os.environ, **needs, "LAB_HUB": str(self.state), "LAB_HUB_TEST": "1"}
        self.students = []
        self.process, self.started = None, []

    def new_student(self):
        """The name of a student whose account the hub will make, and `close` delete."""
        self.students.append(f"lab-{secrets.token_hex(4)}")
        return self.students[-1]

    def start(self):
        """Start it, or start it again; returns once it answers."""
        with open(self.folder / "hub.log", "a") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", "jupyterhub", "-f", self.course / CONFIG],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, 120, f"the hub to start; it said: {self.said()}")

    def _answers(self):
        assert self.process.poll() is None, self.said()
        try:
            for address in (self.behind_proxy, self.address):  # the hub itself, then through its proxy
                urllib.request.urlopen(f"{address}/hub/health", timeout=5).close()
            return True
        except OSError:
            return False

    def said(self):
        return (self.folder / "hub.log").read_text()[-5000:]

    def kill(self):
        """As when the machine has no memory left: without a word, while all that it has started goes on."""
        self.started += psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(20)

    def home(self, student):
        return Path(pwd.getpwnam(student).pw_dir)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        for process in self.started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self.started, 20)
        for name in self.students:
            subprocess.run(["userdel", "--remove", name], capture_output=True, timeout=60)
        shutil.rmtree(self.folder)
