"""What the system tells of processes, where it does (Linux): which boot, which process, and whether one is gone."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

_PROC = Path("/proc")


@functools.cache
def boot_id() -> str:
    """The same for every process since the machine was started; empty where the system does not tell.

    `time.monotonic` of two processes can be compared when theirs is the same.
    """
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@functools.cache
def this_host() -> str:
    """What this machine, or container, calls itself."""
    return socket.gethostname()


def this_process() -> str:
    """A name that no other process has or will have; empty where the system does not tell."""
    try:
        return f"{_namespace()} {os.getpid()} {_stat(os.getpid())[1]}"
    except (OSError, IndexError):
        return ""


def is_gone(process: str) -> bool:
    """Whether the process of that name has ended for certain. False when it cannot be told from here."""
    namespace, _, rest = process.partition(" ")
    try:
        if not rest or namespace != _namespace():
            return False
        pid, started = rest.split()
        os.kill(int(pid), 0)
        state, began = _stat(int(pid))
    except ProcessLookupError:
        return True
    except (OSError, IndexError):
        return False
    return state in ("Z", "X") or began != started


def _namespace() -> str:
    """Where processes are counted: two hosts and two containers do it apart."""
    return f"{boot_id()}/{(_PROC / 'self/ns/pid').readlink()}"


def _stat(pid: int) -> tuple[str, str]:
    """The process's state, and when it was started (in ticks since the boot)."""
    facts = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return facts[0], facts[19]
