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


def make_helpers(folder, version):
    """A project with helpers that cost nothing to import; those of an old version lack what is newer."""
    (folder / "helpers").mkdir(parents=True, exist_ok=True)
    (folder / "helpers" / "__init__.py").write_text(f"version = {version!r}\n")
    if version != "old":
        (folder / "helpers" / "lab_book.py").write_text("")


def git(*words, at):
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=at, check=True, capture_output=True)


@pytest.fixture
def published(tmp_path):
    """A repository as the lessons' links name it: its default branch is another one, with an old version."""
    folder = tmp_path / "published"
    make_helpers(folder, "old")
    git("init", "--quiet", at=folder)
    git("checkout", "--quiet", "-b", "something-else", at=folder)
    git("add", ".", at=folder)
    git("commit", "--quiet", "-m", "old", at=folder)
    git("checkout", "--quiet", "-b", HOME.branch, at=folder)
    make_helpers(folder, "new")
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


def run(here, colab=False, repository=None, with_git=True, times=1):
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
    cells = [*([COLAB] if colab else []), *[CELL] * times, FOUND]
    script = RUN.format("; ".join(f"shell.run_cell({cell!r})" for cell in cells))
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**clean, **config, "IPYTHONDIR": str(here.parent / "ipython"), "SHELL": "/bin/sh"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=here, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


def test_in_the_project_it_takes_the_helpers_beside_the_notebooks(here):
    make_helpers(here.parent, "new")
    (here / "lab").mkdir()  # a folder of the student's own
    assert f"found {here.parent / 'helpers'}" in run(here)


@pytest.mark.parametrize("old", [False, True])
def test_on_colab_it_fetches_the_branch_that_the_links_name_or_what_is_newer_of_it(here, published, old):
    if old:
        git("clone", "--quiet", "--branch", HOME.branch, str(published), str(here / "lab"), at=here)
        git("checkout", "--quiet", HOME.branch, at=published)
        (published / "helpers" / "__init__.py").write_text("version = 'newer still'\n")
        git("commit", "--quiet", "-a", "-m", "newer still", at=published)
    said = run(here, colab=True, repository=published, times=2)
    assert f"found {here / 'lab' / 'helpers'}" in said and "Error" not in said
    version = "newer still" if old else "new"
    assert version in (here / "lab" / "helpers" / "__init__.py").read_text()


@pytest.mark.parametrize("what", ["alone", "older helpers", "no network", "no git", "a folder in the way"])
def test_where_it_cannot_the_last_words_say_what_to_do(here, published, what):
    if what == "older helpers":
        make_helpers(here.parent, "old")
    if what == "a folder in the way":
        (here / "lab").mkdir()
        (here / "lab" / "notes.txt").write_text("mine")
    on_colab = what not in ("alone", "older helpers")
    reachable = published if what in ("no git", "a folder in the way") else None
    said = run(here, colab=on_colab, repository=reachable, with_git=what != "no git")
    assert SORRY in said and links.archive(HOME) in said and "ModuleNotFoundError" not in said
    assert what != "a folder in the way" or (here / "lab" / "notes.txt").read_text() == "mine"


def test_without_a_network_what_was_fetched_before_still_serves(here, published):
    git("clone", "--quiet", "--branch", HOME.branch, str(published), str(here / "lab"), at=here)
    assert f"found {here / 'lab' / 'helpers'}" in run(here, colab=True)
