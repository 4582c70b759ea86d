"""The set-up cell of the lessons: it finds the helpers, fetches them on Colab, or says in words what is missing."""

import os
import shutil
import subprocess
import sys

import pytest

from tests import links, notebooks

CELL = next(cell.source for cell in notebooks.read(notebooks.lessons()[0]).cells if cell.cell_type == "code")
HOME = links.home()
COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"
RUN = "shell = __import__('IPython').core.interactiveshell.InteractiveShell.instance(colors='NoColor'); {}"
FOUND = "print('found', helpers.__file__)"
SORRY = "The folder helpers of Learning Curves Lab, as this lesson needs it, is not here."
WANTED = tuple(map(int, HOME.version.split(".")))
OLD, FIRST, NEW, NEWER = (WANTED[0] - 1, 99), None, WANTED, (WANTED[0], WANTED[1] + 10)


def make_helpers(folder, version):
    """A project with helpers that cost nothing to import; the first ones of all had no version."""
    (folder / "helpers").mkdir(parents=True, exist_ok=True)
    (folder / "helpers" / "__init__.py").write_text(f"VERSION = {version}\n" if version else "explore = print\n")


def git(*words, at):
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=at, check=True, capture_output=True)


@pytest.fixture
def published(tmp_path):
    """A repository as the lessons' links name it: its default branch is another one, with an old version."""
    folder = tmp_path / "published"
    make_helpers(folder, OLD)
    git("init", "--quiet", at=folder)
    git("checkout", "--quiet", "-b", "something-else", at=folder)
    git("add", ".", at=folder)
    git("commit", "--quiet", "-m", "old", at=folder)
    git("checkout", "--quiet", "-b", HOME.branch, at=folder)
    make_helpers(folder, NEW)
    git("add", ".", at=folder)
    git("commit", "--quiet", "-m", "new", at=folder)
    git("checkout", "--quiet", "something-else", at=folder)
    return folder


@pytest.fixture
def here(tmp_path):
    """The folder in which the notebook runs."""
    folder = tmp_path / "student" / "notebooks"
    folder.mkdir(parents=True)
    return folder


def run(here, colab=False, repository=None, with_git=True, times=1, before=None):
    """What the set-up cell says in a fresh kernel whose GitHub is `repository`, or out of reach."""
    address = f"https://github.com/{HOME.repository}"
    where = str(repository) if repository else "file:///nowhere/at/all"
    (here.parent / ".gitconfig").write_text(f'[url "{where}"]\n\tinsteadOf = {address}\n')
    config = {"HOME": str(here.parent), "GIT_CONFIG_GLOBAL": str(here.parent / ".gitconfig")}
    tools = here.parent / "tools"
    if not with_git:  # a PATH with nothing else on it
        tools.mkdir()
        (tools / "sh").symlink_to(shutil.which("sh"))
        config["PATH"] = str(tools)
    cells = [*([COLAB] if colab else []), *([before] if before else []), *[CELL] * times, FOUND]
    script = RUN.format("; ".join(f"shell.run_cell({cell!r})" for cell in cells))
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**clean, **config, "IPYTHONDIR": str(here.parent / "ipython"), "SHELL": "/bin/sh"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=here, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


def test_in_the_project_it_takes_the_helpers_beside_the_notebooks(here):
    make_helpers(here.parent, NEWER)
    (here / "lab").mkdir()  # a folder of the student's own
    assert f"found {here.parent / 'helpers'}" in run(here)


@pytest.mark.parametrize("old", [None, "the same branch", "another branch"])
def test_on_colab_it_fetches_the_branch_that_the_links_name_or_what_is_newer_of_it(here, published, old):
    if old:
        branch = "something-else" if old == "another branch" else HOME.branch
        git("clone", "--quiet", "--depth", "1", "--branch", branch, published.as_uri(), str(here / "lab"), at=here)
        git("checkout", "--quiet", HOME.branch, at=published)
        make_helpers(published, NEWER)
        git("commit", "--quiet", "-a", "-m", "newer still", at=published)
    said = run(here, colab=True, repository=published, times=2)
    assert f"found {here / 'lab' / 'helpers'}" in said and "Error" not in said and "fatal" not in said
    assert str(NEWER if old else NEW) in (here / "lab" / "helpers" / "__init__.py").read_text()


def test_a_released_lesson_fetches_its_own_tag_on_colab(here, published, monkeypatch):
    """A tag, unlike a branch, stays where it is: what is pushed later does not reach its lessons."""
    git("tag", f"v{HOME.version}", HOME.branch, at=published)
    git("checkout", "--quiet", HOME.branch, at=published)
    make_helpers(published, NEWER)
    git("commit", "--quiet", "-a", "-m", "newer still", at=published)
    monkeypatch.setitem(globals(), "CELL", links.relinked(CELL, HOME._replace(branch=f"v{HOME.version}")))
    said = run(here, colab=True, repository=published, times=2)
    assert f"found {here / 'lab' / 'helpers'}" in said and "Error" not in said and "fatal" not in said
    assert str(NEW) in (here / "lab" / "helpers" / "__init__.py").read_text()


@pytest.mark.parametrize("there", ["nothing", "notes of the student's", "a clone that was cut off"])
def test_on_colab_a_folder_lab_that_is_there_is_filled_and_nothing_in_it_is_lost(here, published, there):
    (here / "lab").mkdir()
    if there == "notes of the student's":
        (here / "lab" / "notes.txt").write_text("mine")
    if there == "a clone that was cut off":
        git("init", "--quiet", at=here / "lab")
    mine = {path.name: path.read_text() for path in (here / "lab").glob("*.txt")}
    assert f"found {here / 'lab' / 'helpers'}" in run(here, colab=True, repository=published)
    assert {path.name: path.read_text() for path in (here / "lab").glob("*.txt")} == mine


ALONE = {
    "alone": {},
    "older helpers": {"..": OLD},
    "helpers of before there were versions": {"..": FIRST},
    "an older lab": {"lab": OLD},
    "other people's helpers": {".": FIRST},
}


@pytest.mark.parametrize("what", [*ALONE, "no network", "no git", "an older lab, no network"])
def test_where_it_cannot_the_last_words_say_what_to_do(here, published, what):
    for place, version in ALONE.get(what.removesuffix(", no network"), {}).items():
        make_helpers(here / place, version)
    reachable = published if what == "no git" else None
    said = run(here, colab=what not in ALONE, repository=reachable, with_git=what != "no git")
    assert SORRY in said and links.archive(HOME) in said and "ModuleNotFoundError" not in said


def test_of_two_helpers_those_of_the_project_serve(here):
    make_helpers(here.parent, NEW)
    make_helpers(here / "lab", OLD)
    assert f"found {here.parent / 'helpers'}" in run(here)


def test_a_kernel_without_the_packages_says_how_to_get_them(here):
    """As when the lesson is opened with another Python's Jupyter: the real helpers, and no TensorFlow."""
    (here.parent / "helpers").symlink_to(links.ROOT / "helpers")
    said = run(here, before="import sys; sys.modules['tensorflow'] = None")
    assert "has not got what the lessons need: tensorflow is missing" in said and "requirements.txt" in said
    assert said.startswith("LessonError") and said.count("Traceback") == 1, "that of the line after it"


def test_without_a_network_what_was_fetched_before_still_serves(here, published):
    git("clone", "--quiet", "--branch", HOME.branch, str(published), str(here / "lab"), at=here)
    assert f"found {here / 'lab' / 'helpers'}" in run(here, colab=True)
