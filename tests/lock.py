"""The lock: requirements.txt and all that it brings along, each file by its hash, for every system the lessons run on.

python -m tests.lock              write requirements.lock, with as few changes as requirements.txt asks for
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


def main(arguments):
    if "--check" in arguments:
        if compiled() != LOCK.read_text(encoding="utf-8"):
            return f"{LOCK.name} does not fit requirements.txt: run python -m tests.lock"
    else:
        LOCK.write_text(compiled(*arguments), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
