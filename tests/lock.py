"""What is written from requirements.txt: the lock, which pins all that it brings along, each file by its hash, for
every system the lessons run on; and the list of packages in environment.yml.

python -m tests.lock              write both, the lock with as few changes as requirements.txt asks for
python -m tests.lock --upgrade    … with the newest versions of what requirements.txt leaves open
python -m tests.lock --check      write nothing: does it fit requirements.txt?
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = ROOT / "environment.yml"
COMMAND = ["pip", "compile", "requirements.txt", "--universal", "--python-version", "3.11", "--generate-hashes"]


def compiled(*options):
    """The text of the lock as it should be. What it pins already stays pinned, without `--upgrade` in the options."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LOCK.name
        if LOCK.exists():
            shutil.copy(LOCK, path)
        how = ["--quiet", "--no-annotate", "--custom-compile-command", "python -m tests.lock", "--output-file", path]
        subprocess.run([find_uv_bin(), *COMMAND, *how, *options], cwd=ROOT, check=True)
        return path.read_text(encoding="utf-8")


def environment():
    """The text of environment.yml as it should be: up to its list of packages it stays as it is."""
    head, _, _ = ENVIRONMENT.read_text(encoding="utf-8").partition("  - pip:\n")
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    return head + "  - pip:\n" + "".join(f"    - {line}\n" for line in wanted)


def main(arguments):
    options = [option for option in arguments if option != "--check"]
    for path, text in ((LOCK, compiled(*options)), (ENVIRONMENT, environment())):
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif text != path.read_text(encoding="utf-8"):
            return f"{path.name} does not fit requirements.txt: run python -m tests.lock"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
