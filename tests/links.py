"""The launch links and clone commands, all written from one place: `repository` and its neighbours in pyproject.toml.

    python -m tests.links

rewrites README.md, the other documents, the lessons, and the version that the lessons ask of the helpers. Whoever forks
the project changes that line and runs this.
"""

import re
import sys
import tomllib
from collections import namedtuple
from pathlib import Path
from urllib.parse import quote, urlencode

from tests import notebooks

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "INSTRUCTORS.md", "hub/README.md", "hub/tljh.md", "hub/values.yaml")
HELPERS = "helpers/__init__.py"
LESSONS = {  # file name: (title until there is a notebook with one, what it is about)
    "01_training_with_fit": ("Training with `fit`", "What `model.fit` does with your network, and what it gives back"),
    "02_learning_curves": (
        "Learning curves",
        "What each curve measures, eight patterns and their causes, and a clinic",
    ),
    "03_overfitting": ("Overfitting", "Why it happens, six remedies on one network, and what is only luck"),
    "04_checkpointing": ("Checkpointing", "Keep the best network of a training, not the last one"),
    "05_dropout_vs_batchnorm": (
        "Dropout and batch normalisation",
        "One slows learning, one speeds it up; why they may clash",
    ),
    "06_choosing_a_model": ("Choosing a model", "Compare by validation, then test once, and read the result honestly"),
    "07_your_own": (
        "A network of your own",
        "From raw data to a page about it: baselines, rare classes, honest probabilities",
    ),
}
AIDS = "study_aids.ipynb"  # begins its cards with the set-up cell of the lessons
TABLE = re.compile(r"(<!-- lessons: .*?-->\n).*?(<!-- end of lessons -->)", re.DOTALL)
HUB_LINKS = re.compile(r"(<!-- links: .*?-->\n).*?(<!-- end of links -->)", re.DOTALL)
BINDER = re.compile(r"(https://mybinder\.org/v2/gh/)[^/\s]+/[^/\s]+/[^?\s)]+")
COLAB = re.compile(r"(https://colab\.research\.google\.com/github/)[^/\s]+/[^/\s]+/blob/[^\s)]+?/(?=notebooks/)")
CLONE = re.compile(r"git clone (?:--branch \S+ )?https://github\.com/[\w.-]+/[\w.-]+")
FETCH = re.compile(r"(git -C lab fetch [^\n]*?)https://github\.com/\S+ \S+")
ARCHIVE = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/archive/refs/(?:heads|tags)/\S+?\.zip")
VERSION = re.compile(r"(\bVERSION = |\"VERSION\", \(\)\) >= )\(.*?\)")  # that the helpers have; that a lesson asks for
TAG = re.compile(r"v\d{4}\.\d+")  # what a release is called
RELEASES = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/releases\b")
PULLER = re.compile(r"(gitpuller https://github\.com/)[\w.-]+/[\w.-]+ \S+ [\w.-]+")
PAGES = re.compile(r"https://[\w-]+\.github\.io/[\w.-]+")
LAUNCH_LINE = re.compile(r"mybinder\.org/v2|colab\.research\.google\.com/github|^\(launch links\)$")

Home = namedtuple("Home", "repository branch version")  # where the project lives; the version that is being made


def home(root=ROOT):
    """The repository ("owner/name"), the branch or tag, and the version ("2026.1") that pyproject.toml names."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["learning-curves-lab"]
    return Home(*(settings[name] for name in Home._fields))


def archive(home):
    """The address of the whole project as a zip file."""
    kind = "tags" if TAG.fullmatch(home.branch) else "heads"
    return f"https://github.com/{home.repository}/archive/refs/{kind}/{home.branch}.zip"


def launch_links(name, home, folder="", lesson=""):
    """Binder's and Colab's badge for a lesson, in one line of Markdown. `folder`: from where to notebooks/."""
    path = f"urlpath=lab/tree/notebooks/{name}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{home.repository}/{quote(home.branch, safe='')}?{path}"
    colab = f"https://colab.research.google.com/github/{home.repository}/blob/{home.branch}/notebooks/{name}.ipynb"
    return (
        f"[![Open{lesson} in Binder]({folder}badges/binder.svg)]({binder}) "
        f"[![Open{lesson} in Colab]({folder}badges/colab.svg)]({colab})"
    )


def relinked(text, home):
    """`text` with its launch links, clone commands and addresses of the website pointing to `home`, in its version."""
    text = BINDER.sub(lambda link: f"{link[1]}{home.repository}/{quote(home.branch, safe='')}", text)
    text = COLAB.sub(lambda link: f"{link[1]}{home.repository}/blob/{home.branch}/", text)
    owner, _, name = home.repository.partition("/")
    text = PULLER.sub(lambda command: f"{command[1]}{home.repository} {home.branch} {name}", text)
    text = PAGES.sub(f"https://{owner}.github.io/{name}", text)
    text = VERSION.sub(lambda found: f"{found[1]}({home.version.replace('.', ', ')})", text)
    text = FETCH.sub(lambda command: f"{command[1]}https://github.com/{home.repository} {home.branch}", text)
    text = RELEASES.sub(f"https://github.com/{home.repository}/releases", text)
    text = ARCHIVE.sub(lambda _: archive(home), text)
    which = f"--branch {home.branch} " if TAG.fullmatch(home.branch) else ""
    return CLONE.sub(f"git clone {which}https://github.com/{home.repository}", text)


def table(root, home):
    """README's table of lessons."""
    rows = ["|   | Lesson | About | Open |", "| - | ------ | ----- | ---- |"]
    for name, (title, about) in LESSONS.items():
        path, links = root / "notebooks" / f"{name}.ipynb", ""
        number = int(name.partition("_")[0])
        if path.exists():
            title = f"[{title_of(notebooks.read(path))}](notebooks/{name}.ipynb)"
            links = launch_links(name, home, "notebooks/", f" lesson {number}")
        else:
            about = f"*In preparation.* {about}"
        rows.append(f"| {number} | {title} | {about} | {links} |")
    return "\n".join(rows) + "\n"


def hub_links(root, home):
    """hub/README.md's table: for each lesson the link with which nbgitpuller fetches all of them, and opens it."""
    folder = home.repository.partition("/")[2]
    rows = ["| Lesson | Link |", "| - | - |"]
    for path in notebooks.lessons(root / "notebooks"):
        asked = {
            "repo": f"https://github.com/{home.repository}",
            "branch": home.branch,
            "urlpath": f"lab/tree/{folder}/notebooks/{path.name}",
        }
        link = f"https://hub.example.org/hub/user-redirect/git-pull?{urlencode(asked)}"
        rows.append(f"| {title_of(notebooks.read(path))} | `{link}` |")
    return "\n".join(rows) + "\n"


def title_of(notebook):
    """A lesson's title, without its number."""
    heading = re.search(r"^# (.*)", notebook.cells[0].source)
    if not heading:
        raise ValueError("a lesson begins with its title: # …")
    return re.sub(r"^\d+\s*\W\s+", "", heading[1])


def with_launch_links(source, links):
    """`source`, a lesson's first cell, with the launch links in a line under the title."""
    title, _, rest = source.partition("\n")
    rest = "\n".join(line for line in rest.split("\n") if not LAUNCH_LINE.search(line)).strip("\n")
    return f"{title}\n\n{links}\n\n{rest}".rstrip("\n")


def changes(root=ROOT):
    """What disagrees with pyproject.toml: pairs of a path and a function that puts it right."""
    where = home(root)
    for path in filter(Path.exists, (root / name for name in (*DOCUMENTS, HELPERS))):
        text = path.read_text(encoding="utf-8")
        wanted = TABLE.sub(lambda found: found[1] + table(root, where) + found[2], relinked(text, where))
        wanted = HUB_LINKS.sub(lambda found: found[1] + hub_links(root, where) + found[2], wanted)
        if wanted != text:
            yield path, lambda path=path, wanted=wanted: path.write_text(wanted, encoding="utf-8", newline="\n")
    lessons = notebooks.lessons(root / "notebooks")
    for path in filter(Path.exists, [*lessons, root / "notebooks" / AIDS]):
        notebook = notebooks.read(path)
        before = [cell.source for cell in notebook.cells]
        if path in lessons:
            notebook.cells[0].source = with_launch_links(before[0], launch_links(path.stem, where))
        for cell in notebook.cells:
            cell.source = relinked(cell.source, where)
        if before != [cell.source for cell in notebook.cells]:
            yield path, lambda path=path, notebook=notebook: notebooks.write(notebook, path)


def disagreements(root=ROOT):
    """The files whose launch links, clone commands or table of lessons are not as pyproject.toml has it."""
    unknown = [path.relative_to(root) for path in notebooks.lessons(root / "notebooks") if path.stem not in LESSONS]
    return [path.relative_to(root) for path, _ in changes(root)] + unknown


def main(root=ROOT):
    for path, put_right in list(changes(root)):
        put_right()
        print("written:", path.relative_to(root))


if __name__ == "__main__":
    sys.exit(main())
