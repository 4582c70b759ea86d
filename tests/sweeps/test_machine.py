"""What a process may use of the machine, read from folders that look like those of Linux."""

import os

import joblib
import psutil
import pytest

from helpers.sweeps.machine import cores, free_memory, own_memory, resident_memory

GB = 10**9
MUCH = 9223372036854771712  # what version 1 says where there is no limit


def linux(root, version, member, groups, mounted="/"):
    """Make `root` look like a machine whose process is in the group `member`; groups: {path: {file: text}}."""
    proc, top = root / "proc" / "self", root / "sys" / "fs" / "cgroup"
    proc.mkdir(parents=True)
    if version == 2:
        lines, mounts = [f"0::{member}"], [f"30 25 0:26 {mounted} /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw"]
    else:
        lines = [f"9:memory:{member}", f"4:cpu,cpuacct:{member}", "0::/"]
        mounts = [
            f"31 25 0:27 {mounted} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            f"32 25 0:28 {mounted} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
            "33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
        ]
    (proc / "cgroup").write_text("\n".join(lines) + "\n")
    (proc / "mountinfo").write_text("\n".join([*mounts, "21 25 0:19 / /sys rw - sysfs sysfs rw"]) + "\n")
    for path, files in groups.items():
        for name, text in files.items():
            controller = {2: "", 1: "memory" if name.startswith("memory") else "cpu,cpuacct"}[version]
            folder = top / controller / path.strip("/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{text}\n")
    return root


def memory(version, limit, used, cache=0):
    if version == 2:
        statistics = f"anon 1\nfile {cache}\ninactive_file {cache}"
        return {"memory.max": limit, "memory.current": used, "memory.stat": statistics}
    statistics = f"inactive_file 0\ntotal_inactive_file {cache}"
    return {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used, "memory.stat": statistics}


def cpu(version, quota, period):
    if version == 2:
        return {"cpu.max": f"{'max' if quota < 0 else quota} {period}"}
    return {"cpu.cfs_quota_us": quota, "cpu.cfs_period_us": period}


@pytest.fixture(autouse=True)
def large_machine(monkeypatch):
    """Of 64 cores and 64 GB, so that the groups decide, whatever machine the tests run on."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 64)
    machine = psutil.virtual_memory()._replace(available=64 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)


both = pytest.mark.parametrize("version", [1, 2])


@both
def test_the_group_s_memory_without_what_files_have_left_in_it(version, tmp_path):
    root = linux(tmp_path, version, "/", {"/": memory(version, 2 * GB, GB, GB // 4)})
    assert free_memory(root) == GB * 5 // 4


@both
def test_the_tightest_group_of_all_that_stand_around_the_process_counts(version, tmp_path):
    unlimited = "max" if version == 2 else MUCH
    groups = {
        "/": memory(version, unlimited, 30 * GB),
        "/hub": memory(version, 5 * GB, 4 * GB),
        "/hub/one": memory(version, 3 * GB, GB),
        "/hub/one/kernel": memory(version, unlimited, GB),
        "/hub/two": memory(version, GB // 10, 0),  # a neighbour
    }
    root = linux(tmp_path, version, "/hub/one/kernel", groups)
    assert free_memory(root) == GB


@both
def test_a_container_finds_its_group_at_the_top_or_under_its_outer_path(version, tmp_path):
    for place, mounted in {"top": "/docker/abc", "no namespace": "/"}.items():
        root = linux(tmp_path / place, version, "/docker/abc", {"/": memory(version, GB, GB // 2)}, mounted)
        assert free_memory(root) == GB // 2
    below = {"/": memory(version, GB, 0), "/job": memory(version, GB // 4, 0)}
    assert free_memory(linux(tmp_path / "below", version, "/docker/abc/job", below, "/docker/abc")) == GB // 4
    above = {"/": memory(version, GB, 0)}
    assert free_memory(linux(tmp_path / "above", version, "/../other", above)) == GB


@both
def test_a_group_that_has_used_more_than_its_limit_has_nothing_free(version, tmp_path):
    assert free_memory(linux(tmp_path, version, "/", {"/": memory(version, GB, 2 * GB)})) == 0


@both
def test_quotas_of_cores_are_rounded_up_and_nested(version, tmp_path):
    groups = {"/": cpu(version, -1, 100000), "/a": cpu(version, 250000, 100000), "/a/b": cpu(version, 400000, 100000)}
    assert cores(linux(tmp_path / "nested", version, "/a/b", groups)) == 3
    assert cores(linux(tmp_path / "half", version, "/", {"/": cpu(version, 50000, 100000)})) == 1
    assert cores(linux(tmp_path / "none", version, "/", {"/": cpu(version, -1, 100000)})) == 64


@pytest.mark.parametrize("text", ["", "max", "a word", "-1"])
def test_what_cannot_be_read_limits_nothing(text, tmp_path):
    root = linux(tmp_path, 2, "/", {"/": {"memory.max": text, "memory.current": "", "cpu.max": text}})
    assert free_memory(root) == 64 * GB and cores(root) == 64
    assert free_memory(tmp_path / "no Linux") == 64 * GB and cores(tmp_path / "no Linux") == 64


def test_the_process_s_own_affinity_counts(monkeypatch):
    monkeypatch.undo()
    assert 1 <= cores() <= (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    assert free_memory() > 0


def test_a_process_s_own_memory_grows_with_what_it_holds():
    own, resident = own_memory(), resident_memory()
    held = bytearray(os.urandom(1)) * 100_000_000
    assert own_memory() - own > 90_000_000 and resident_memory() - resident > 90_000_000 and len(held) == 100_000_000
