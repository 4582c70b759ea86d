"""Make a release ready. It changes files and builds; what is to be said to git afterwards is printed, and not done.

python -m tests.release            check that all fits together, close the changelog's "Unreleased" under the version of
                                   pyproject.toml, lead the links to the tag, build in dist/ what is attached to it
python -m tests.release --build    dist/ only, of a release that is ready: what release.yml does when its tag is pushed
python -m tests.release --next     after a release: the next version, in pyproject.toml and what is written from it
"""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date

from tests import links, lock, notebooks
from tests.links import ROOT

CHANGELOG, SETTINGS, DIST = ROOT / "CHANGELOG.md", ROOT / "pyproject.toml", ROOT / "dist"
NAME = "learning-curves-lab"
# What a student needs, who has no git, and what README links to.
FOLDERS = ("data", "helpers", "hub", "notebooks")
FILES = ("README.md", "INSTRUCTORS.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff")
FILES += ("LICENSE", "LICENSE-CC-BY-4.0", "requirements.txt", "requirements.lock")
OPEN = "## [Unreleased]\n"
SECTION = re.compile(r"^## \[v(\d{4}\.\d+)\] - (\d{4}-\d\d-\d\d)\n(.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL)
AFTERWARDS = """\
git commit -m "{tag} in the changelog" CHANGELOG.md
git commit -a -m "The links of {tag} lead to its tag"
git tag -a {tag} -m "Learning Curves Lab {tag}"
git revert --no-edit HEAD
.venv/bin/python -m tests.release --next
git commit -a -m "What comes after {tag}"
git push --atomic origin {branch} {tag}"""


def releases():
    """{version: (its day, what it brought)}, the newest first, of the changelog."""
    return {version: (day, words.strip()) for version, day, words in SECTION.findall(CHANGELOG.read_text("utf-8"))}


def next_version(out, year):
    """What comes after the version `out` (None: nothing is out): "2026.1", "2026.2" …, and "2027.1" in 2027."""
    then, number = map(int, (out or "0.0").split("."))
    return f"{year}.{number + 1 if then == year else 1}"


def problems():
    """What keeps the files from being released, a sentence each."""
    home, tag = links.home(), f"v{links.home().version}"
    wanted = next_version(next(iter(releases()), None), date.today().year)
    if said("git", "status", "--porcelain"):
        yield "There is something that is not committed: see git status."
    if said("git", "branch", "--show-current") != home.branch:
        yield f"A release is made on {home.branch}, the branch that pyproject.toml names."
    if home.version != wanted:
        yield f"The next version is {wanted}, not pyproject.toml's {home.version}: run python -m tests.release --next."
    if said("git", "tag", "--list", tag):
        yield f"There is a tag {tag} already."
    if not re.search(rf"{re.escape(OPEN)}\s*###", CHANGELOG.read_text("utf-8")):
        yield "CHANGELOG.md has nothing that is unreleased."
    yield from (f"{path}: run python -m tests.links." for path in links.disagreements())
    yield from (f"{path.name} {each}." for path in notebooks.lessons() for each in notebooks.check(path))
    if sentence := lock.main(["--check"]):
        yield f"{sentence}."


def close_changelog(version, day):
    """Put what is unreleased under a version, with its day."""
    text = CHANGELOG.read_text("utf-8").replace(OPEN, f"{OPEN}\n## [v{version}] - {day}\n", 1)
    CHANGELOG.write_text(text, encoding="utf-8", newline="\n")


def set_in_settings(**values):
    """Write `branch` or `version` into pyproject.toml, and all that follows from it into the other files."""
    text = SETTINGS.read_text("utf-8")
    for name, value in values.items():
        text = re.sub(rf'^{name} = ".*"$', f'{name} = "{value}"', text, count=1, flags=re.MULTILINE)
    SETTINGS.write_text(text, encoding="utf-8", newline="\n")
    links.main()


def build(folder=DIST):
    """The files that are attached to the release of pyproject.toml's version, in a new folder."""
    version = links.home().version
    day, words = releases()[version]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lessons = folder / f"{NAME}-v{version}.zip"
    write_zip(lessons, day)
    shutil.copyfile(lock.LOCK, folder / lock.LOCK.name)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")
    (folder / "notes.md").write_text(words + "\n", encoding="utf-8", newline="\n")
    return lessons


def write_zip(path, day):
    """All that a student needs, in one folder. The same files make the same bytes, whenever and wherever from."""
    names = [name for name in said("git", "ls-files", *FOLDERS, *FILES).splitlines() if (ROOT / name).is_file()]
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(names):
            entry = zipfile.ZipInfo(f"{path.stem}/{name}", (*map(int, day.split("-")), 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on Linux: everybody reads, its owner writes
            archive.writestr(entry, (ROOT / name).read_bytes(), zipfile.ZIP_DEFLATED, 9)


def said(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main(arguments):
    home = links.home()
    tag = f"v{home.version}"
    if arguments == ["--next"]:
        set_in_settings(version=next_version(next(iter(releases()), None), date.today().year))
    elif arguments == ["--build"]:
        if home.branch != tag or home.version not in releases():
            return f"{tag} is not ready: its links lead to {home.branch}. Run python -m tests.release first."
        build()
    elif arguments:
        return __doc__
    elif found := list(problems()):
        return "\n".join(found)
    else:
        close_changelog(home.version, date.today())
        set_in_settings(branch=tag)
        build()
        print(f"Look at what has changed, and at dist/. Then:\n\n{AFTERWARDS.format(tag=tag, branch=home.branch)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
