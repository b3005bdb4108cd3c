"""A benchmark's figures as a value, and as Markdown."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from _common import ROOT
from _stage import newest_comfyui, python_of, version_of


@dataclass(frozen=True)
class Figure:
    """All readings of one thing; what counts is their median."""

    readings: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.readings)

    def per(self, other: Figure) -> Figure:
        """The ratios, turn by turn."""
        return Figure(tuple(mine / theirs for mine, theirs in zip(self.readings, other.readings, strict=True)))

    def less(self, other: Figure) -> Figure:
        """The differences, turn by turn."""
        return Figure(tuple(mine - theirs for mine, theirs in zip(self.readings, other.readings, strict=True)))

    def text(self, unit: str = "", *, digits: int = 2, scale: float = 1.0) -> str:
        return f"{self.median / scale:.{digits}f}{unit}"

    def range(self, *, digits: int = 2, scale: float = 1.0) -> str:
        return f"{min(self.readings) / scale:.{digits}f} to {max(self.readings) / scale:.{digits}f}"


@dataclass(frozen=True)
class Aim:
    """What was aimed at, what came out, whether it is met. A miss fails nothing: it is reported."""

    what: str
    wanted: str
    got: str
    spread: str
    met: bool

    def line(self) -> str:
        return f"{'met' if self.met else 'NOT MET'}: {self.what}: {self.got} (aim: {self.wanted}; range {self.spread})"


@dataclass(frozen=True)
class Report:
    """What one benchmark found. ``how`` says how it was measured; ``load`` is that of the machine, before and after."""

    title: str
    how: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    aims: tuple[Aim, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""
    load: str = field(default="")

    def markdown(self) -> str:
        parts = [f"### {self.title}", self.how]
        if self.skipped:
            parts.append(f"Not run: {self.skipped}")
        else:
            parts += [markdown(self.head, self.rows), *self.notes]
        return "\n\n".join([*parts, *([f"Load of the machine: {self.load}."] if self.load else [])])


NO_COMFYUI = "no ComfyUI was found. Set COMFYUI_DIR to a checkout."


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def aims_table(reports: Sequence[Report]) -> str:
    rows = [
        (aim.what, aim.got, aim.spread, aim.wanted, "met" if aim.met else "**not met**")
        for report in reports
        for aim in report.aims
    ]
    return markdown(("", "median", "range", "aim", ""), rows)


def load_average() -> str:
    """The load of the last minute; empty where the system has none (Windows)."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def circumstances() -> str:
    """Machine, day and versions, as one paragraph."""
    import importlib.metadata

    import psutil

    checkout = newest_comfyui()
    host = "No ComfyUI"
    if checkout:
        from _common import run_raw

        asked = (
            "import sys, torch, av; print(sys.version.split()[0], 'torch', torch.__version__, 'PyAV', av.__version__)"
        )
        theirs = run_raw(python_of(checkout), "-c", asked).stdout.strip()
        host = f"ComfyUI {'.'.join(map(str, version_of(checkout)))} (Python {theirs})"
    ours = " ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "av", "httpx", "aiohttp"))
    memory = psutil.virtual_memory().total / 2**30
    day = datetime.now(timezone.utc).date().isoformat()
    return (
        f"{day}. {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, {platform.machine()}. "
        f"{host}; the benchmarks' own Python {platform.python_version()} with {ours}. Sora Video Nodes {_version()}."
    )


def _version() -> str:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version"))


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def parser(doc: str | None, rounds: int) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--rounds", type=int, default=rounds, help=f"how often each is measured (default {rounds})")
    return found


def run(measure: Callable[[int], Report], rounds: int) -> Report:
    """Measures, with the load of the machine before and after."""
    before = load_average()
    report = measure(rounds)
    after = load_average()
    load = f"{before} before, {after} after" if before else ""
    return Report(**{**report.__dict__, "load": load})


def show(report: Report) -> None:
    """To stdout, for a benchmark that is run alone."""
    print(report.markdown() + "\n")
    for aim in report.aims:
        print(aim.line())
    sys.stdout.flush()
