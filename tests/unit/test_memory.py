"""What memory is left, from the files that the kernel shows of a machine and its control groups."""

import os
from pathlib import Path

import pytest

from nngplab.regression.memory import _free, available_memory

GIB = 2**30


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_of_a_machine_without_control_groups(tmp_path):
    shown = "MemTotal:  9000 kB\nMemFree:  1000 kB\nMemAvailable:  5000 kB\n"
    write(tmp_path, {"proc/meminfo": shown})
    assert available_memory(tmp_path) == 5000 * 1024


def test_agrees_with_psutil():
    psutil = pytest.importorskip("psutil")
    assert _free(Path("/")) == pytest.approx(psutil.virtual_memory().available, rel=0.1)


def test_of_a_system_that_shows_nothing(tmp_path, monkeypatch):
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert available_memory(tmp_path) == machine
    monkeypatch.delattr(os, "sysconf")
    assert available_memory(tmp_path) > machine


def test_of_a_group_of_version_2_and_of_those_around_it(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
            "sys/fs/cgroup/slurm/job_7/memory.max": "3000000\n",
            "sys/fs/cgroup/slurm/job_7/memory.current": "1200000\n",
            "sys/fs/cgroup/slurm/job_7/memory.stat": "anon 1000000\ninactive_file 200000\n",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.current": "1200000\n",
        },
    )
    assert available_memory(tmp_path) == 2_000_000


def test_of_a_container_that_sees_itself_as_the_root(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "5000000\n",
            "sys/fs/cgroup/memory.current": "1000000\n",
        },
    )
    assert available_memory(tmp_path) == 4_000_000


def test_of_a_group_of_version_1(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n0::/\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "900000\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "1000000\n",
            "sys/fs/cgroup/memory/a/memory.stat": "total_inactive_file 0\n",
            # No limit, as version 1 writes it.
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "2000000\n",
        },
    )
    assert available_memory(tmp_path) == 0, "already beyond it"
