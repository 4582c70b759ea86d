"""Binder: what repo2docker, which builds its images, plans to do with this folder, and what a visitor finds done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests import lock

ROOT = lock.ROOT
pytestmark = pytest.mark.slow


@pytest.fixture
def plan(monkeypatch):
    from repo2docker.buildpacks import CondaBuildPack  # here: it is a program for Linux

    monkeypatch.chdir(ROOT)
    plan = CondaBuildPack(".")
    assert plan.detect()
    return plan


def test_packages_are_installed_before_the_lessons_are_copied_so_that_a_new_lesson_installs_nothing_again(plan):
    files, scripts = plan.get_preassemble_script_files(), plan.get_preassemble_scripts()
    assert set(files) == {"environment.yml"}
    assert ["env update" in script for _, script in scripts] == [True]
    assert plan.get_assemble_scripts() == []  # these run after the copy


def test_they_are_those_of_requirements_txt_on_a_python_that_the_lessons_run_on(plan):
    environment = yaml.safe_load(lock.ENVIRONMENT.read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    wanted = [
        line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line[:1].isalpha()
    ]
    assert list(map(Requirement, packages["pip"])) == list(map(Requirement, wanted)) and pip == "pip"
    assert python == "python=3.12" and plan.python_version == "3.12"
    assert lock.ENVIRONMENT.read_text(encoding="utf-8") == lock.environment()


def test_what_runs_after_the_copy_runs_here_and_trusts_every_lesson(plan, tmp_path):
    assert plan.get_post_build_scripts() == ["postBuild"] and os.access(ROOT / "postBuild", os.X_OK)
    tools = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "postBuild"],
        cwd=ROOT,
        env={**os.environ, **tools, "JUPYTER_DATA_DIR": str(tmp_path / "data"), "MPLCONFIGDIR": str(tmp_path / "mpl")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    signed = [lesson for lesson in lessons if f"notebooks/{lesson.name}" in done.stdout + done.stderr]
    assert signed == lessons and len(lessons) > 6
