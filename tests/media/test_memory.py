"""The memory that may be used is the least of what the machine and the container's limits leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from sora_core.media.memory import available_bytes

GIB = 2**30


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


MACHINE = {"proc/meminfo": f"MemTotal: {16 * 2**20} kB\nMemFree: 1 kB\nMemAvailable: {8 * 2**20} kB\n"}

CASES = {
    "no limit": ({}, 8 * GIB),
    "version 2 without a limit": (
        {"proc/self/cgroup": "0::/\n", "groups/memory.max": "max\n", "groups/memory.current": "5\n"},
        8 * GIB,
    ),
    "version 2, seen from inside": (
        {"proc/self/cgroup": "0::/\n", "groups/memory.max": f"{2 * GIB}", "groups/memory.current": f"{GIB // 2}"},
        GIB * 3 // 2,
    ),
    "version 2, file cache is given back": (
        {
            "proc/self/cgroup": "0::/\n",
            "groups/memory.max": f"{2 * GIB}",
            "groups/memory.current": f"{2 * GIB}",
            "groups/memory.stat": f"anon 5\nfile 9\ninactive_file {GIB}\n",
        },
        GIB,
    ),
    "version 2, the limit of a parent": (
        {
            "proc/self/cgroup": "0::/user.slice/app\n",
            "groups/user.slice/memory.max": f"{3 * GIB}",
            "groups/user.slice/memory.current": "0",
            "groups/user.slice/app/memory.max": f"{4 * GIB}",
            "groups/user.slice/app/memory.current": "0",
        },
        3 * GIB,
    ),
    "version 2, the named group is not there": (
        {
            "proc/self/cgroup": "0::/docker/abc\n",
            "groups/memory.max": f"{5 * GIB}",
            "groups/memory.current": "0",
        },
        5 * GIB,
    ),
    "version 1": (
        {
            "proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/abc\n",
            "groups/memory/docker/abc/memory.limit_in_bytes": f"{2 * GIB}",
            "groups/memory/docker/abc/memory.usage_in_bytes": f"{GIB}",
            "groups/memory/docker/abc/memory.stat": f"total_inactive_file {GIB // 4}\n",
        },
        GIB * 5 // 4,
    ),
    "version 1 without a limit": (
        {
            "proc/self/cgroup": "4:memory:/\n",
            "groups/memory/memory.limit_in_bytes": "9223372036854771712",
            "groups/memory/memory.usage_in_bytes": "1",
        },
        8 * GIB,
    ),
    "a used up limit": (
        {"proc/self/cgroup": "0::/\n", "groups/memory.max": "100", "groups/memory.current": "300"},
        0,
    ),
    "more left in the limit than in the machine": (
        {"proc/self/cgroup": "0::/\n", "groups/memory.max": f"{99 * GIB}", "groups/memory.current": "0"},
        8 * GIB,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_least_limit_counts(tmp_path, case):
    files, expected = CASES[case]
    lay(tmp_path, {**MACHINE, **files})
    assert available_bytes(proc=tmp_path / "proc", cgroups=tmp_path / "groups") == expected


def test_without_proc_another_source_is_asked(tmp_path):
    """As on Windows and macOS."""
    assert available_bytes(proc=tmp_path, cgroups=tmp_path) > 2**20


def test_this_machine_has_some():
    assert 2**20 < available_bytes() < 2**50
