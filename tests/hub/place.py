"""Where the tests' hub lives: a folder that every account of the machine may enter, as /srv is for a real class.

The project and its Python may lie in somebody's closed home. Then they are copied there, most of it as links.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COURSE = {"helpers", "notebooks", "data", "hub", "pyproject.toml"}
OTHERS = {"saved", ".ipynb_checkpoints"}  # a student's own, which no course folder has


def copy_course(folder):
    """A course folder in `folder`, which only root may write to and everybody may read; returns its `Path`."""
    course = folder / "course"
    shutil.copytree(ROOT, course, ignore=lambda place, names: set(names) - COURSE if Path(place) == ROOT else OTHERS)
    for path in (course, *course.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return course


def open_python(folder):
    """A Python that every account may run, as (its path, the environment variables that it needs).

    This one, if its folders are open; or else a copy of it in `folder`.
    """
    python, packages = Path(sys.executable).resolve(), Path(sysconfig.get_path("purelib"))
    if is_open(python) and is_open(packages):
        return Path(sys.executable), {}
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    new = folder / "python" / "bin" / version
    library = folder / "python" / "lib"
    _link(python, new)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        shared = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
        _link(shared, library / shared.name)
    _link_all(Path(sysconfig.get_path("stdlib")), library / version, leave_out=("site-packages", "test", "tests"))
    for name in ("etc", "share"):  # where packages say what they bring into Jupyter
        if Path(sys.prefix, name).is_dir():
            _link_all(Path(sys.prefix, name), folder / "python" / name)
    if not is_open(packages):
        packages = _link_all(packages, folder / "packages")
    return new, {"PYTHONPATH": str(packages), "LD_LIBRARY_PATH": str(library)}


def is_open(path):
    """Whether every account may go to `path`."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


def _link_all(source, target, leave_out=()):
    ignore = shutil.ignore_patterns(*leave_out)
    return Path(shutil.copytree(source, target, symlinks=True, copy_function=_link, ignore=ignore))


def _link(source, target):
    """A copy of a file that takes no room, or an ordinary one where that is on another disk."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
