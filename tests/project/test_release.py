"""A release, made in a copy of the project from its check to its push; and its zip, opened by a student without git."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tests import links, notebooks, release
from tests.links import ROOT
from tests.project.test_habits import run, steps, workflow

pytestmark = pytest.mark.slow
LOCAL_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
YEAR = date.today().year
FIRST = f"{YEAR}.1"
COMMAND = (sys.executable, "-m", "tests.release")
# What a student does first, in a kernel for which there is no internet, and no program but Python.
WITHOUT_NETWORK = """import socket
def nowhere(*_, **__):
    raise OSError("There is no network here.")
socket.getaddrinfo = socket.create_connection = nowhere"""
THEN = """from helpers import data, explore
print("found", helpers.__file__, len(data.digits().x_train), len(data.clothing(n_train=100).x_train))"""
WHO = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(scope="module", autouse=True)
def somebody():
    """Whoever commits here; not the settings of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**WHO, "GIT_CONFIG_GLOBAL": os.devnull}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def copy(tmp_path):
    """The project as it stands here, on its branch, in a repository of its own that has nothing released yet."""
    folder, origin = tmp_path / "copy", tmp_path / "origin.git"
    for name in run("git", "ls-files")[1].splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    text = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.sub(r"^## \[v.*\n", "", text.partition(release.OPEN)[2], flags=re.MULTILINE)
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{release.OPEN}\n{section.strip()}\n", encoding="utf-8")
    settings = (folder / "pyproject.toml").read_text(encoding="utf-8")
    for name, value in {"branch": "main", "version": FIRST}.items():
        settings = re.sub(f'^{name} = ".*"', f'{name} = "{value}"', settings, flags=re.MULTILINE)
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    links.main(folder)
    for command in (
        ("git", "init", "--quiet", "--bare", str(origin)),
        ("git", "init", "--quiet", "--initial-branch", "main"),
        ("git", "remote", "add", "origin", str(origin)),
        ("git", "add", "."),
        ("git", "commit", "--quiet", "-m", "as it stands"),
    ):
        code, said = run(*command, folder=folder)
        assert code == 0, said
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_release_from_its_check_to_its_push(copy, tmp_path):
    before, place = (copy / "README.md").read_bytes(), links.home().repository
    code, said = run(*COMMAND, folder=copy)
    assert code == 0, said
    built = contents(copy / "dist")
    assert set(built) == {f"{release.NAME}-v{FIRST}.zip", "requirements.lock", "SHA256SUMS", "notes.md"}
    commands = said.partition("Then:\n\n")[2].replace(".venv/bin/python", sys.executable)
    code, said = run("bash", "-ec", commands, folder=copy)
    assert code == 0, said

    # The branch has the links that it had, and names what comes next.
    assert links.home(copy) == (place, "main", f"{YEAR}.2")
    assert links.disagreements(copy) == [] and (copy / "README.md").read_bytes() == before
    assert f"## [v{FIRST}] - {date.today()}\n\n### Added" in (copy / "CHANGELOG.md").read_text(encoding="utf-8")
    # What was pushed as the tag leads to itself, and a fresh copy of it makes the same files.
    code, said = run(
        "git", "clone", "--quiet", "--branch", f"v{FIRST}", str(tmp_path / "origin.git"), "tag", folder=tmp_path
    )
    assert code == 0, said
    tag = tmp_path / "tag"
    assert links.disagreements(tag) == [] and links.home(tag).branch == f"v{FIRST}"
    code, said = run(*COMMAND, "--build", folder=tag)
    assert code == 0 and contents(tag / "dist") == built, said


def test_what_does_not_fit_together_is_not_released(copy):
    for name, old, new in (
        ("pyproject.toml", f'version = "{FIRST}"', f'version = "{YEAR}.7"'),
        ("notebooks/02_learning_curves.ipynb", '"execution_count": 1', '"execution_count": 9'),
        ("requirements.lock", "numpy==", "numpy==0."),
        ("CHANGELOG.md", release.OPEN, f"{release.OPEN}\n## [v{YEAR - 1}.3] - {YEAR - 1}-05-05\n"),
    ):
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    run("git", "switch", "--quiet", "--create", "side", folder=copy)
    run("git", "tag", f"v{YEAR}.7", folder=copy)
    code, said = run(*COMMAND, folder=copy)
    assert code == 1 and not (copy / "dist").exists()
    assert "not committed" in said and "made on main" in said and f"a tag v{YEAR}.7 already" in said
    assert f"The next version is {FIRST}, not pyproject.toml's {YEAR}.7" in said
    assert "02_learning_curves.ipynb is not in normal form" in said and "nothing that is unreleased" in said
    assert "notebooks/01_training_with_fit.ipynb: run python -m tests.links" in said and "requirements.lock" in said


def test_only_a_release_that_is_ready_is_built(monkeypatch):
    monkeypatch.setattr(links, "home", lambda: links.Home("some/body", "main", FIRST))
    assert "is not ready: its links lead to main" in release.main(["--build"])


@pytest.mark.parametrize(
    "out, year, wanted", [(None, 2026, "2026.1"), ("2026.9", 2026, "2026.10"), ("2026.9", 2028, "2028.1")]
)
def test_versions_are_counted_within_their_year(out, year, wanted):
    assert release.next_version(out, year) == wanted


def test_the_version_under_way_is_not_out_unless_this_is_its_tag():
    home = links.home()
    assert (home.version in release.releases()) == (home.branch == f"v{home.version}")


def test_the_workflow_builds_by_the_command_and_attaches_what_it_makes():
    install, build, attach = steps("attach", "release")
    assert install == steps("fast")[0] and build == "python -m tests.release --build"
    (pattern,) = workflow("release")[True]["push"]["tags"]  # YAML reads the word `on` as a truth
    assert all(re.fullmatch(pattern.replace(".[", r"\.["), f"v{version}") for version in ("2026.1", "2031.12"))
    assert not re.fullmatch(pattern.replace(".[", r"\.["), "v2026.1b")
    assert all(f"dist/{name}" in attach for name in ("notes.md", "*.zip", "requirements.lock", "SHA256SUMS"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The folder that a student gets out of the zip."""
    folder = tmp_path_factory.mktemp("student")
    path = folder / f"{release.NAME}-v1.zip"
    release.write_zip(path, "2026-05-04")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    path.unlink()
    (there,) = folder.iterdir()
    return there


def test_the_zip_is_all_that_a_student_needs_and_nothing_else(unpacked):
    assert {path.name for path in unpacked.iterdir()} == {*release.FOLDERS, *release.FILES}
    assert len(notebooks.lessons(unpacked / "notebooks")) == len(links.LESSONS)
    texts = [unpacked / name for name in ("README.md", "INSTRUCTORS.md", "data/README.md")]
    broken = [
        (path.name, target)
        for path in texts
        for target in LOCAL_LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert not broken
    assert not [path for path in unpacked.rglob("*") if path.name in ("saved", "__pycache__", ".git")]


def test_the_first_lesson_starts_from_the_zip_without_git_and_without_network(unpacked):
    cells = notebooks.code_cells(notebooks.read(notebooks.lessons(unpacked / "notebooks")[0]))
    run_all = "; ".join(f"shell.run_cell({source!r})" for source in (WITHOUT_NETWORK, cells[0].source, THEN))
    script = f"from IPython import InteractiveShell; shell = InteractiveShell.instance(colors='NoColor'); {run_all}"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=unpacked / "notebooks",
        env={**clean, "PATH": "", "IPYTHONDIR": str(unpacked.parent / "ipython"), "LAB_BOOK": "off"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    told = done.stdout + done.stderr
    found = re.search(r"^found (.*) (\d+) (\d+)$", told, re.MULTILINE)
    assert found and Path(found[1]).parent == unpacked / "helpers" and int(found[2]) > 500 and int(found[3]) == 100, (
        told
    )
