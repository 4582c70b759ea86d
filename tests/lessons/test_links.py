"""Every launch link, clone command and local link goes where it should; one line in pyproject.toml decides where."""

import os
import re
import shutil
import subprocess

import nbformat
import pytest

from tests import links, notebooks
from tests.links import ROOT

FORK = "somebody/their-lessons"
LOCAL_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.fixture
def copy(tmp_path):
    """A copy of what has links, with links that agree, and a lesson in it whatever lessons there are."""
    for name in ("pyproject.toml", *links.DOCUMENTS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("saved"))
    setup = "import sys\nif 'google.colab' in sys.modules:\n    !git -C lab fetch -q https://github.com/old/old old"
    setup += '\nassert getattr(helpers, "VERSION", ()) >= (1, 2)'
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# 2 · Trying `it` out\n\n(launch links)\n\n**Questions**"),
            nbformat.v4.new_code_cell(setup, execution_count=1),
        ]
    )
    notebooks.normalise(notebook)
    notebooks.write(notebook, tmp_path / "notebooks" / "02_learning_curves.ipynb")
    links.main(tmp_path)
    return tmp_path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_link_agrees_with_pyproject():
    assert not links.disagreements(), "run python -m tests.links (and add a new lesson to its LESSONS)"


def test_the_writer_puts_links_where_they_belong(copy):
    repository, branch, version = links.home(copy)
    notebook = notebooks.read(copy / "notebooks" / "02_learning_curves.ipynb")
    title, gap, badges, *rest = notebook.cells[0].source.split("\n")
    assert (title, gap, rest) == ("# 2 · Trying `it` out", "", ["", "**Questions**"])
    assert badges == (
        f"[![Open in Binder](badges/binder.svg)](https://mybinder.org/v2/gh/{repository}/{branch}"
        "?urlpath=lab/tree/notebooks/02_learning_curves.ipynb) "
        f"[![Open in Colab](badges/colab.svg)](https://colab.research.google.com/github/{repository}/blob/{branch}"
        "/notebooks/02_learning_curves.ipynb)"
    )
    fetch, asked = notebook.cells[1].source.splitlines()[-2:]
    assert fetch.endswith(f"git -C lab fetch -q https://github.com/{repository} {branch}")
    assert asked.endswith(f">= ({version.replace('.', ', ')})")
    row = next(
        line for line in (copy / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| 2 |")
    )
    assert "[Trying `it` out](notebooks/02_learning_curves.ipynb)" in row
    assert "(notebooks/badges/colab.svg)" in row and "preparation" not in row
    assert links.disagreements(copy) == []


def test_a_changed_slug_changes_every_link(copy):
    old, old_branch, _ = links.home(copy)
    change(copy / "pyproject.toml", f'repository = "{old}"', f'repository = "{FORK}"')
    change(copy / "pyproject.toml", f'branch = "{old_branch}"', 'branch = "spring/term"')
    wrong = set(map(str, links.disagreements(copy)))
    assert {"README.md", *(f"notebooks/{path.name}" for path in notebooks.lessons(copy / "notebooks"))} <= wrong
    links.main(copy)
    assert links.disagreements(copy) == []
    texts = {name: content.decode() for name, content in contents(copy).items() if name.suffix != ".png"}
    assert not [name for name, text in texts.items() if old in text]
    everything = "\n".join(texts.values())
    assert f"mybinder.org/v2/gh/{FORK}/spring%2Fterm?urlpath" in everything
    assert f"colab.research.google.com/github/{FORK}/blob/spring/term/notebooks/" in everything
    assert f"git clone https://github.com/{FORK} " in everything


def test_a_release_s_links_lead_to_its_tag(copy):
    """So a class that has one is not moved under its feet by what is pushed to the branch."""
    before = contents(copy)
    _, branch, version = links.home(copy)
    change(copy / "pyproject.toml", f'branch = "{branch}"', f'branch = "v{version}"')
    links.main(copy)
    text = "\n".join(content.decode() for name, content in contents(copy).items() if name.suffix in (".md", ".ipynb"))
    assert f"/archive/refs/tags/v{version}.zip" in text and f"git clone --branch v{version} https" in text
    assert not re.search(rf"/{branch}[?/.]|fetch .* {branch} &&|git clone https", text)
    change(copy / "pyproject.toml", f'branch = "v{version}"', f'branch = "{branch}"')
    links.main(copy)
    assert contents(copy) == before


def test_writing_twice_changes_nothing(copy):
    once = contents(copy)
    links.main(copy)
    assert contents(copy) == once


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("README.md", "git clone https://github.com/OURS", "git clone https://github.com/else/where"),
        ("README.md", "mybinder.org/v2/gh/OURS", "mybinder.org/v2/gh/else/where"),
        ("README.md", "OURS/blob/BRANCH/notebooks/", "OURS/blob/other/notebooks/"),
        ("README.md", "badges/colab.svg", "badges/other.svg"),
        ("INSTRUCTORS.md", "# ", "https://mybinder.org/v2/gh/else/where/main?urlpath=lab\n# "),
        ("notebooks/02_learning_curves.ipynb", "lab/tree/notebooks/02", "lab/tree/notebooks/01"),
        ("notebooks/02_learning_curves.ipynb", "github.com/OURS BRANCH", "github.com/OURS other"),
        ("notebooks/02_learning_curves.ipynb", "github.com/OURS BRANCH", "github.com/else/where BRANCH"),
        ("notebooks/02_learning_curves.ipynb", ">= (", ">= (1, "),
    ],
)
def test_one_wrong_link_is_found(copy, name, old, new):
    before = contents(copy)
    repository, branch, _ = links.home(copy)
    old, new = (text.replace("OURS", repository).replace("BRANCH", branch) for text in (old, new))
    change(copy / name, old, new)
    assert list(map(str, links.disagreements(copy))) == [name]
    links.main(copy)
    after = contents(copy)
    assert {str(path) for path in after if after[path] != before[path]} <= {"INSTRUCTORS.md"}


def test_a_lesson_that_the_table_does_not_know_is_found(copy):
    shutil.copy(copy / "notebooks" / "02_learning_curves.ipynb", copy / "notebooks" / "07_new.ipynb")
    links.main(copy)
    assert list(map(str, links.disagreements(copy))) == ["notebooks/07_new.ipynb"]


@pytest.mark.parametrize("name", [*links.DOCUMENTS, "data/README.md"])
def test_no_local_link_is_broken(name):
    path = ROOT / name
    targets = LOCAL_LINK.findall(path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_image_has_alt_text():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in links.DOCUMENTS]
    texts += [
        cell.source
        for path in notebooks.lessons()
        for cell in notebooks.read(path).cells
        if cell.cell_type == "markdown"
    ]
    assert not [text for text in texts if "![](" in text]


def test_the_commands_are_one_line_each_and_the_build_server_runs_the_same():
    commands = re.findall(
        r"```(?:bash|powershell)\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(commands) == 4 and not any("\n" in command for command in commands)
    first, second, *_ = commands
    assert first.endswith("jupyter lab notebooks/01_training_with_fit.ipynb")
    test_command = second.rpartition(" && ")[2]
    script = ROOT / ".ci" / "run"
    assert (
        script.read_text(encoding="utf-8").splitlines()[-1]
        == test_command
        == ".venv/bin/python -m pytest -n 2 --dist loadfile"
    )
    if os.name == "posix":
        subprocess.run(["bash", "-n", script], check=True)
        assert os.access(script, os.X_OK)
