"""How much memory this process may still use."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

FALLBACK_BYTES = 4 * 2**30
BUDGET_SHARE = 0.7  # of what is available, for what is decoded; unless the caller names a budget

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


def available_bytes(*, proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Bytes that can be allocated without swapping, within the container's limit where there is one."""
    return min([_of_machine(proc), *_of_cgroups(proc, cgroups)])


def _of_machine(proc: Path) -> int:
    return _from_meminfo(proc) or _from_psutil() or _from_sysconf() or FALLBACK_BYTES


def _from_meminfo(proc: Path) -> int | None:
    for line in _read(proc / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _from_psutil() -> int | None:
    try:
        psutil = importlib.import_module("psutil")  # ComfyUI has it; it is no requirement of ours
    except ImportError:
        return None
    return int(psutil.virtual_memory().available)


def _from_sysconf() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PAGE_SIZE" not in names or "SC_PHYS_PAGES" not in names:
        return None
    # macOS tells only how much there is: take it that half of it is in use
    pages = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in names else os.sysconf("SC_PHYS_PAGES") // 2
    return pages * os.sysconf("SC_PAGE_SIZE") if pages > 0 else None


def _of_cgroups(proc: Path, cgroups: Path) -> list[int]:
    """What every limited group of this process has left; empty without a limit."""
    left = []
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            root, names, cache = cgroups, ("memory.max", "memory.current"), "inactive_file"
        elif "memory" in controllers.split(","):
            root, cache = cgroups / "memory", "total_inactive_file"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        own = root / group.strip("/")
        # a container often sees its own group as the root, so the named folder may not exist
        folders = [folder for folder in (own, *own.parents) if folder == root or root in folder.parents]
        left += [free for folder in folders if (free := _left_in(folder, names, cache)) is not None]
    return left


def _left_in(folder: Path, names: tuple[str, str], cache: str) -> int | None:
    limit, used = (_read(folder / name).strip() for name in names)
    if not limit.isdecimal() or not used.isdecimal() or int(limit) >= 2**60:
        return None
    reclaimable = 0  # file cache counts as used, yet the kernel gives it back
    for line in _read(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == cache and value.isdecimal():
            reclaimable = int(value)
    return max(0, int(limit) - int(used) + reclaimable)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
