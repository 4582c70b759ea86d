"""The hub as a class has it: it starts with what an instructor must choose, keeps students apart, and loses nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from helpers import lab_book
from tests import links, notebooks
from tests.browser.lab import wait_until
from tests.hub import place
from tests.hub.server import CONFIG, Hub
from tests.hub.student import Kernel, Student

README = place.ROOT / "hub" / "README.md"
pytestmark = pytest.mark.slow
LESSON = "course/notebooks/01_training_with_fit.ipynb"
SET_UP, WELCOME = [cell.source for cell in notebooks.read(notebooks.lessons()[0]).cells if cell.cell_type == "code"][:2]
MY_DUMMY = """
from jupyterhub.auth import DummyAuthenticator
class MyOwn(DummyAuthenticator):
    pass
c.JupyterHub.authenticator_class = MyOwn
"""
TRY_ALL = """
def refused(what, *arguments):
    try:
        what(*arguments)
    except PermissionError:
        return True

import json, os
from pathlib import Path
from ipykernel.connect import get_connection_info
home, other, course, state = map(Path, {0})
print(refused(os.listdir, other), refused((other / "diary.txt").read_text), refused((other / "new.txt").write_text, ""),
      refused(os.listdir, state), refused((course / "helpers" / "new.py").write_text, ""),
      refused(os.setuid, 0), refused(os.kill, {1}, 9), refused(Path("/proc/{1}/environ").read_bytes))
print(json.loads(get_connection_info())["transport"])
"""


@pytest.fixture(scope="module")
def hub():
    if os.geteuid() != 0:
        pytest.skip("Accounts for students are made by root: sudo .venv/bin/python -m pytest tests/hub")
    hub = Hub()
    try:
        hub.start()
        yield hub
    finally:
        hub.close()


@pytest.fixture(scope="module")
def students(hub):
    """Two students whose servers are running."""
    students = Student(hub), Student(hub)
    for student in students:
        student.ask_for_server()
    for student in students:
        student.wait_for_server()
    return students


def test_students_cannot_look_into_each_other_s_folders_servers_or_kernels(hub, students):
    amina, ben = students
    theirs = ben.open("notes.ipynb")
    theirs.run("import os; open('diary.txt', 'w').write('mine')")
    folders = [str(folder) for folder in (hub.home(amina.name), hub.home(ben.name), hub.course, hub.state)]
    attempts = TRY_ALL.format(folders, theirs.run("print(os.getpid())").strip())
    was_refused, transport = amina.open("try.ipynb").run(attempts).splitlines()
    assert was_refused == " ".join(["True"] * 8)
    assert transport == "ipc"  # over TCP anybody on the machine could listen
    assert (amina.get("api/contents").status_code, amina.get("api/contents", owner=ben.name).status_code) == (200, 403)
    assert theirs.run("print(open('diary.txt').read())") == "mine\n"


def test_a_lesson_s_link_leads_to_nbgitpuller_with_what_it_is_to_fetch(students):
    amina, _ = students
    (link,) = [
        line for line in README.read_text(encoding="utf-8").splitlines() if "git-pull?" in line and "01_" in line
    ]
    path, _, asked = link.rstrip(" |`").rpartition("/user-redirect/")[2].partition("?")
    page = amina.get(f"{path}?{asked}").text
    home = links.home()
    assert page.count(f"https://github.com/{home.repository}") and "notebooks/01_training_with_fit.ipynb" in unquote(
        page
    )
    assert home.branch in page


def test_nothing_that_was_saved_is_lost_with_a_killed_kernel_or_a_killed_hub(hub, students):
    amina, _ = students
    own = hub.home(amina.name) / "my-learning-curves"
    kernel = amina.open(LESSON)
    kernel.run(SET_UP)
    assert f"kept all the same, in {own}" in kernel.run(WELCOME)
    kernel.run("helpers.new_folder('run').joinpath('weights').write_text('5')")
    kernel.run("helpers.lab_book.note('quiz', name='1.1', chosen='B', right=True)")
    pid = int(kernel.run("import os; print(os.getpid())"))

    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}/cwd").exists(), 20, "the kernel to die")
    kernel = wait_until(kernel.again, 120, "the kernel to be started again")
    assert kernel.run("x = 42\nprint('helpers' in globals())") == "False\n"
    assert [each["name"] for each in lab_book.read(own / "saved" / lab_book.NAME).entries] == [None, "1.1"]
    assert (own / "saved" / "run-1" / "weights").read_text() == "5"

    hub.kill()
    hub.start()
    assert Kernel(amina, kernel.number).run("print(x)") == "42\n"
    assert Student(hub, amina.name).get("api/contents").status_code == 200  # logs in again, and finds the server


@pytest.mark.parametrize("name", ["root", "daemon", "n" * 40])
def test_who_takes_the_name_of_a_system_account_gets_no_server(hub, name):
    stranger = Student(hub, name)
    said = stranger.ask_for_server(refused=True)
    assert "not the class's" in said or "no account" in said


REFUSED = {
    "": "Choose who may come in",
    "c.JupyterHub.authenticator_class = 'dummy'": "lets anybody in as anybody",
    MY_DUMMY: "lets anybody in as anybody",
    "c.JupyterHub.authenticator_class = 'nobody.knows.It'": "is its package installed?",
}


def test_the_hub_refuses_to_start_until_somebody_has_chosen_who_may_come_in(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "LAB_HUB_TEST"}
    hubs = []
    for number, decisions in enumerate(REFUSED):  # side by side, since each takes its time to import JupyterHub
        state = tmp_path / str(number)
        state.mkdir()
        (state / "class.py").write_text(decisions)
        hubs.append(
            subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", place.ROOT / CONFIG],
                env={**environment, "LAB_HUB": str(state)},
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    for hub, words in zip(hubs, REFUSED.values(), strict=True):
        said, _ = hub.communicate(timeout=240)
        assert hub.returncode and said.startswith("The hub does not start. ") and words in said
        assert said.count("\n") == 1  # one sentence, and no traceback
    assert not list(tmp_path.glob("*/*.sqlite"))
