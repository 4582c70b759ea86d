"""What a project needs that others join: files in the right form, pins that agree, line ends, a lock that installs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from uv import find_uv_bin

from tests import links, lock
from tests.site.build import BUILT

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMAS = [
    ("vendor.github-workflows", ".github/workflows/*.yml"),
    ("custom.github-workflows-require-timeout", ".github/workflows/*.yml"),
    ("vendor.dependabot", ".github/dependabot.yml"),
    ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[0-9]*.yml"),
    ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ("vendor.citation-file-format", "CITATION.cff"),
]
IN_THE_ENVIRONMENT = Path(sys.executable).parent


def run(*command, folder=ROOT):
    """The exit code, and what the command says."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def pins(path):
    """{package: version} of a file of requirements."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def workflow(name="tests"):
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))


def steps(job, name="tests"):
    return [step["run"] for step in workflow(name)["jobs"][job]["steps"] if "run" in step]


@pytest.mark.slow
@pytest.mark.parametrize("schema, pattern", SCHEMAS)
def test_files_for_github_fit_their_schemas(schema, pattern):
    files = sorted(map(str, ROOT.glob(pattern)))
    assert files
    code, said = run(
        sys.executable, "-m", "check_jsonschema", "--force-filetype", "yaml", "--builtin-schema", schema, *files
    )
    assert code == 0, said


@pytest.mark.slow
def test_a_broken_workflow_does_not_fit_its_schema(tmp_path):
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    (tmp_path / "tests.yml").write_text(text.replace("runs-on:", "run-on:"), encoding="utf-8")
    schema = SCHEMAS[0][0]
    code, _ = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(tmp_path / "tests.yml"))
    assert code


def test_the_workflow_runs_what_the_documents_say():
    readme, contributing = (
        (ROOT / name).read_text(encoding="utf-8").replace(".venv/bin/", "") for name in ("README.md", "CONTRIBUTING.md")
    )
    assert steps("everything")[-1] == "bash .ci/run" and (ROOT / ".ci" / "run").exists()
    install, fast = steps("fast")
    assert install in readme and fast in contributing
    matrix = workflow()["jobs"]["fast"]["strategy"]["matrix"]
    assert f"Python {', '.join(matrix['python'][:-1])} or {matrix['python'][-1]}" in readme
    assert {"windows-latest", "macos-latest"} <= set(matrix["os"])
    assert workflow()["jobs"]["everything"]["timeout-minutes"] <= 90


def test_the_website_is_published_by_the_command_that_the_documents_name():
    install, build = steps("build", "site")
    assert install == steps("fast")[0]
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace(".venv/bin/", "")
    assert f"`{build}`" in contributing
    (published,) = [
        step["with"]["path"] for step in workflow("site")["jobs"]["build"]["steps"] if "path" in step.get("with", {})
    ]
    assert ROOT / published == BUILT / "html"


def test_each_tool_has_one_version():
    pinned = pins(ROOT / "tests" / "requirements.txt")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    versions = {repo["repo"].rpartition("/")[2].removesuffix("-pre-commit"): repo.get("rev") for repo in hooks}
    assert versions["ruff"] == f"v{pinned['ruff']}" and versions["check-jsonschema"] == pinned["check-jsonschema"]
    assert versions["codespell"] == f"v{pinned['codespell']}"
    known = {line.split("==")[0]: line for line in re.findall(r"[\w-]+==[\w.]+", "\n".join(steps("habits")))}
    assert known["pre-commit"] == f"pre-commit=={pinned['pre-commit']}"


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_the_code_keeps_its_rules_and_its_format(command):
    code, said = run(sys.executable, "-m", "ruff", *command)
    assert code == 0, said


def test_commits_that_only_format_are_known_to_git():
    revisions = re.findall(
        r"^[0-9a-f]{40}$", (ROOT / ".git-blame-ignore-revs").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert revisions
    for revision in revisions:
        code, said = run("git", "cat-file", "-e", f"{revision}^{{commit}}")
        shallow = run("git", "rev-parse", "--is-shallow-repository")[1].strip() == "true"
        assert code == 0 or shallow, said


def test_the_citation_names_the_place_of_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == f"https://github.com/{links.home().repository}"


def test_the_licence_is_plain_mit_and_the_other_stands_beside():
    code = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert code.startswith("MIT License\n\nCopyright (c) ") and code.count("\n\n") == 4
    text = (ROOT / "LICENSE-CC-BY-4.0").read_text(encoding="utf-8")
    assert text.startswith("Attribution 4.0 International\n") and text.rstrip().endswith("creativecommons.org.")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(LICENSE)" in readme and "(LICENSE-CC-BY-4.0)" in readme


@pytest.fixture(scope="module")
def windows_clone(tmp_path_factory):
    """A clone as Git for Windows makes it by default, of what is committed."""
    folder = tmp_path_factory.mktemp("windows") / "clone"
    code, said = run("git", "clone", "--quiet", "-c", "core.autocrlf=true", str(ROOT), str(folder))
    assert code == 0, said
    return folder


def test_line_ends_are_the_same_in_every_checkout(windows_clone):
    _, listed = run("git", "ls-files", "-z", "--eol", folder=windows_clone)
    wrong = [line for line in listed.split("\0") if "w/crlf" in line or "w/mixed" in line]
    assert listed.count("\0") > 100 and not wrong


@pytest.mark.slow
def test_the_lessons_of_a_windows_checkout_are_in_normal_form(windows_clone):
    code, said = run(sys.executable, "-m", "tests.notebooks", "--check", folder=windows_clone)
    assert code == 0, said
    code, said = run("bash", "-n", ".ci/run", folder=windows_clone)
    assert code == 0, said


@pytest.mark.slow
def test_a_notebook_s_diff_shows_prose_and_code_and_no_pictures(tmp_path):
    """With the lines of CONTRIBUTING.md, as they stand there."""
    lines = re.findall(
        r"^(\.venv/bin/nbdime .*|git config diff\..*)$",
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(lines) == 2
    run("git", "init", "--quiet", folder=tmp_path)
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("Loss falls.", id="one"),
            nbformat.v4.new_code_cell(
                "1 + 1", id="two", outputs=[nbformat.v4.new_output("display_data", {"text/plain": "old picture"})]
            ),
        ]
    )
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    run("git", "add", ".", folder=tmp_path)
    notebook.cells[0].source = "Loss rises."
    notebook.cells[1].outputs[0].data["text/plain"] = "new picture"
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    for line in lines:
        code, said = run("bash", "-c", line.replace(".venv/bin", str(IN_THE_ENVIRONMENT)), folder=tmp_path)
        assert code == 0, said
    code, shown = run("git", "--no-pager", "diff", folder=tmp_path)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert code == 0 and "Loss falls." in shown and "Loss rises." in shown and "picture" not in shown, shown


def test_the_lock_holds_every_pin():
    locked = pins(ROOT / "requirements.lock")
    wanted = pins(ROOT / "requirements.txt")
    assert len(locked) > 100 and wanted.items() <= {**locked}.items()
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert text.count("--hash=sha256:") > len(locked) and "http" not in re.sub(
        r"^http\w+==.*$", "", text, flags=re.MULTILINE
    )


@pytest.mark.slow
def test_the_lock_is_what_its_command_writes():
    assert lock.compiled() == lock.LOCK.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_lock_installs_and_the_lessons_start(tmp_path):
    uv, python = find_uv_bin(), tmp_path / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "env")),
        (uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", "requirements.lock"),
        (str(python), "-c", "from helpers import explore, data; assert len(data.digits().x_train)"),
    ):
        code, said = run(*command)
        assert code == 0, said


def test_pyproject_can_be_read():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert settings["ruff"]["line-length"] == 120
    assert set(settings["ruff"]["lint"]["select"]) >= {"E", "F", "I", "B", "UP", "SIM"}
