"""Number of processors: what taskset and a container's quota leave of the machine's."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from facepoints._util.processors import limit_openmp, processor_count

V2 = "31 23 0:28 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 30 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 30 0:30 {top} /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n"
)


def machine(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """A folder like / of a machine with control groups, and with the processors of this one."""
    texts = {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts, **files}
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def sixty_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine have 64 processors."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("5000 100000\n", 1),
        ("max 100000\n", 64),
        ("6500000 100000\n", 64),
        ("", 64),
        ("not a number", 64),
    ],
)
def test_a_container_has_the_processors_of_its_quota(
    quota: str, count: int, tmp_path: Path
) -> None:
    root = machine(tmp_path, "0::/\n", V2.format(top="/"), {"sys/fs/cgroup/cpu.max": quota})
    assert processor_count(root) == count


@pytest.mark.parametrize(("quota", "count"), [("300000\n", 3), ("-1\n", 64)])
def test_version_1_names_the_group_as_the_machine_sees_it(
    quota: str, count: int, tmp_path: Path
) -> None:
    groups = "4:memory:/docker/ab\n2:cpu,cpuacct:/docker/ab\n0::/docker/ab\n"
    files = {
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": quota,
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    root = machine(tmp_path, groups, V1.format(top="/docker/ab"), files)
    assert processor_count(root) == count


def test_the_least_quota_of_the_groups_around_a_process_holds(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/user.slice/cpu.max": "400000 100000\n",
        "sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000\n",
        "sys/fs/cgroup/other.slice/cpu.max": "100000 100000\n",
    }
    root = machine(tmp_path, "0::/user.slice/job.scope\n", V2.format(top="/"), files)
    assert processor_count(root) == 4
    outside = machine(tmp_path, "0::/../sibling\n", V2.format(top="/"), files)
    assert processor_count(outside) == 64


def test_without_a_list_of_mounts_the_usual_folders_are_read(tmp_path: Path) -> None:
    assert processor_count(tmp_path) == 64
    for name, text in {"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}.items():
        (tmp_path / "sys/fs/cgroup/cpu").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup/cpu" / name).write_text(text)
    assert processor_count(tmp_path) == 2


def test_taskset_may_leave_fewer_than_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7}, raising=False)
    files = {"sys/fs/cgroup/cpu.max": "400000 100000\n"}
    assert processor_count(machine(tmp_path, "0::/\n", V2.format(top="/"), files)) == 1


def test_openmp_is_limited_by_a_quota_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    variables: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", variables)
    monkeypatch.setattr("facepoints._util.processors._quota", lambda _: None)
    limit_openmp()
    assert not variables
    monkeypatch.setattr("facepoints._util.processors._quota", lambda _: 2.0)
    limit_openmp()
    assert variables == {"OMP_NUM_THREADS": "2"}
    variables["OMP_NUM_THREADS"] = "5"
    limit_openmp()
    assert variables == {"OMP_NUM_THREADS": "5"}


@pytest.mark.skipif(sys.platform != "linux", reason="taskset")
def test_the_processors_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with ThreadPoolExecutor(1) as pool:  # a thread has processors of its own
        pool.submit(os.sched_setaffinity, 0, {min(os.sched_getaffinity(0))}).result()
        assert pool.submit(processor_count).result() == 1
