"""The ledger in figures, in Prometheus' text form. Reads only; jobs of all workers that share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .costs import CHARGED
from .database import Database

_JOBS = "SELECT profile, state, count(*) FROM jobs GROUP BY profile, state"
_CHARGES = f"SELECT profile, count(*) FROM jobs WHERE {CHARGED} GROUP BY profile"  # noqa: S608 (own)
_ERRORS = "SELECT profile, error_kind, count(*) FROM jobs WHERE error_kind IS NOT NULL GROUP BY profile, error_kind"
_AT_WORK = (
    "SELECT profile, origin, count(*) FROM jobs WHERE state IN ('submitting', 'queued', 'running') AND origin != ''"
    " GROUP BY profile, origin"
)
# from the claim to the charge, and from the charge to the server's last word
_WAITS = "SELECT profile, sum(sent_at - created_at), count(sent_at) FROM jobs GROUP BY profile"
_RUNS = (
    "SELECT profile, sum(finished_at - submitted_at), count(*) FROM jobs"
    " WHERE submitted_at IS NOT NULL AND finished_at IS NOT NULL GROUP BY profile"
)
_GAUGES = (
    ("sora_video_jobs", "gauge", "Jobs in the ledger by state.", ("profile", "state"), _JOBS),
    ("sora_video_server_jobs", "gauge", "Jobs at work by server.", ("profile", "origin"), _AT_WORK),
    ("sora_video_charges_total", "counter", "Jobs charged, or that may have been.", ("profile",), _CHARGES),
    ("sora_video_errors_total", "counter", "Jobs by the error on record.", ("profile", "kind"), _ERRORS),
)
_SUMMARIES = (
    ("sora_video_wait_seconds", "From a claim to its charge.", _WAITS),
    ("sora_video_run_seconds", "From a charge to the server's last word.", _RUNS),
)


def lines_of(database: Database) -> list[str]:
    """Raises StorageError."""
    found: list[str] = []
    with database.read() as db:
        for name, kind, about, labels, question in _GAUGES:
            rows = db.execute(question).fetchall()
            values = ((name, dict(zip(labels, row, strict=False)), row[-1]) for row in rows)
            found += family(name, kind, about, values)
        for name, about, question in _SUMMARIES:
            parts: list[tuple[str, Mapping[str, Any], float]] = []
            for profile, total, count in db.execute(question).fetchall():
                parts += [(f"{name}_sum", {"profile": profile}, total or 0.0)]
                parts += [(f"{name}_count", {"profile": profile}, count)]
            found += family(name, "summary", about, parts)
    return found


def family(name: str, kind: str, about: str, values: Iterable[tuple[str, Mapping[str, Any], float]]) -> list[str]:
    """One metric: what it is, then its lines."""
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *(_line(*each) for each in values)]


def _line(name: str, labels: Mapping[str, Any], value: float) -> str:
    shown = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {value}" if shown else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
