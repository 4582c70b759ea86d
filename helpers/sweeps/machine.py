"""What this process may use of the machine: cores and memory, in a container as well as outside of one.

On Linux a container, a hub's server or a cluster's job is a control group, whose limits the machine's own figures do
not show: https://docs.kernel.org/admin-guide/cgroup-v2.html, and for the older kind
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html. Groups stand in each other, and the tightest limit counts.
"""

import contextlib
import math
from pathlib import Path

import joblib
import psutil


def cores(root="/"):
    """How many cores this process may use, at least 1. root: the folder in which `proc` and the groups are looked for.

    joblib looks at the process's own affinity and at the outermost group, this function at the groups in between, too.
    """
    shares = [joblib.cpu_count()]
    for folder in _groups("cpu", root):
        with contextlib.suppress(OSError, ValueError):  # "max", and what a kernel does not have
            quota, period = map(int, _text(folder, "cpu.max").split())
            shares.append(math.ceil(quota / period))
        with contextlib.suppress(OSError, ValueError):
            quota, period = int(_text(folder, "cpu.cfs_quota_us")), int(_text(folder, "cpu.cfs_period_us"))
            shares += [math.ceil(quota / period)] if quota > 0 else []
    return max(1, min(shares))


def free_memory(root="/"):
    """How many more bytes of memory this process and its children may use. root: as in `cores`."""
    free = [psutil.virtual_memory().available]
    for folder in _groups("memory", root):
        names = (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        )
        for limit, used, cache in names:
            with contextlib.suppress(OSError, ValueError):
                # What files have left in memory and nobody has used lately is given up as soon as there is need.
                free.append(int(_text(folder, limit)) - int(_text(folder, used)) + _statistics(folder).get(cache, 0))
    return max(0, min(free))


def resident_memory():
    """How many bytes of memory this process takes, with what it shares; quick to ask for."""
    return psutil.Process().memory_info().rss


def own_memory():
    """How many bytes would be free if this process ended: without what it shares with others, as a library's code."""
    return psutil.Process().memory_full_info().uss


def _groups(controller, root):
    """The folders of the control groups that this process is in, the innermost first; none outside of Linux."""
    proc = Path(root, "proc", "self")
    try:
        lines = _text(proc, "cgroup").splitlines(), _text(proc, "mountinfo").splitlines()
    except OSError:
        return []
    member = [line.split(":", 2)[1:] for line in lines[0]]  # controllers, the group's path; version 2 names none
    folders = []
    for line in lines[1]:
        mount, _, system = (part.split() for part in line.partition(" - "))
        version_2 = system[0] == "cgroup2"
        if not version_2 and not (system[0] == "cgroup" and controller in system[-1].split(",")):
            continue
        top = Path(root, mount[4].lstrip("/"))
        for controllers, path in member:
            if controllers == "" if version_2 else controller in controllers.split(","):
                # A container may see its own group as the top, under the path that the group has outside.
                inside = path.removeprefix(mount[3].rstrip("/")).strip("/")
                group = top / inside if (top / inside).is_dir() and ".." not in inside else top
                folders += [group, *(folder for folder in group.parents if folder.is_relative_to(top))]
    return folders


def _statistics(folder):
    return {name: int(value) for name, value in map(str.split, _text(folder, "memory.stat").splitlines())}


def _text(folder, name):
    return (folder / name).read_text(encoding="utf-8").strip()
