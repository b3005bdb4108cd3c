"""The gateway's books against the client's ledger and files."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av

from sora_core.clock import SystemClock
from sora_core.ledger.database import Database
from sora_core.ledger.ledger import Job, Ledger


@dataclass
class Verdict:
    """Counts, and in ``wrong`` every single thing that must not be, in words."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def blame(self, what: str, words: str) -> None:
        self.counts[what] += 1
        self.wrong.append(f"{what}: {words}")

    def __iadd__(self, other: Verdict) -> Verdict:
        self.counts += other.counts
        self.wrong += other.wrong
        return self


def compare(
    books: Iterable[Mapping[str, Any]],
    home: Path,
    output: Path,
    prompts: Iterable[str],
    database: Database | None = None,
) -> Verdict:
    """``books`` are the jobs that the gateway charged for, ``prompts`` all that was asked for.

    The ledger is that of the state folder, or the shared ``database``, which is closed; its rows are kept as JSON.
    """
    verdict = Verdict()
    ledger = Ledger(home, SystemClock(), database)
    jobs = list(ledger.all_jobs())
    ledger.close()
    output.with_name("rows.json").write_text(json.dumps([asdict(job) for job in jobs]), encoding="utf-8")
    charged: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in books:
        charged[entry["prompt"]].append(entry)
    rows: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        rows[job.prompt].append(job)
    for prompt in prompts:
        _judge_order(prompt, charged[prompt], rows[prompt], verdict)
    _judge_files(jobs, output, verdict)
    for job in jobs:
        if job.owner is not None:
            verdict.blame("rows with an owner left", f"{job.job_id} is {job.state} and belongs to {job.owner}")
    return verdict


def _judge_order(prompt: str, entries: list[Mapping[str, Any]], rows: list[Job], verdict: Verdict) -> None:
    verdict.counts["charged"] += len(entries)
    paid_for_nothing_known = [entry for entry in entries[:-1] if entry["status"] != "failed"]
    for entry in paid_for_nothing_known:
        verdict.blame("double charges", f"{prompt!r}: {entry['id']} and {entries[-1]['id']}; rows {_brief(rows)}")
    for entry in entries:
        if not _accounted_for(entry, rows):
            verdict.blame("lost", f"{prompt!r}: {entry['id']} ({entry['status']}); rows {_brief(rows)}")
    ends = [end for job in rows if (end := _end_of(job))]
    end = ends[0] if ends else "without an end"
    verdict.counts[f"ended {end}"] += 1
    if end == "unknown":
        verdict.counts["unknown and charged" if entries else "unknown and never accepted"] += 1
    if end == "without an end":
        verdict.blame("without an end", f"{prompt!r}: rows {_brief(rows)}, charged {len(entries)} times")


def _accounted_for(entry: Mapping[str, Any], rows: list[Job]) -> bool:
    """Delivered, ended by the server's word, named by its id, or as unknown with the moment it was sent."""
    for job in rows:
        if job.remote_id and _same(job.remote_id, entry["id"]):
            return True
        if job.state == "unknown" and job.remote_id is None and job.sent_at is not None:
            return True
    return False


def _end_of(job: Job) -> str:
    if job.state == "delivered":
        return "delivered"
    if job.state == "failed":
        return "failed by the server's word" if job.remote_id else ""
    if job.state == "canceled":
        return "stuck, canceled at the end"
    if job.state == "unknown":
        return "unknown"
    return "stuck, named by its id" if job.remote_id else ""


def _same(remote_id: str, gateway_id: str) -> bool:
    """Protocols write the gateway's id in their own ways: as a UUID, with another prefix, backwards."""
    plain = gateway_id.removeprefix("video_").lower()
    written = re.sub(r"[^0-9a-z]", "", remote_id.lower())
    return plain in written or plain[::-1] in written


def _judge_files(jobs: list[Job], output: Path, verdict: Verdict) -> None:
    delivered = [job for job in jobs if job.state == "delivered"]
    known = Counter(job.path for job in delivered)
    for job in delivered:
        path = Path(job.path or "")
        problem = _damage(path, job)
        if problem or known[job.path] > 1:
            verdict.blame("corrupt files", f"{path.name}: {problem or 'belongs to two jobs'}")
        if not path.with_suffix(".json").is_file():
            verdict.counts["videos without a sidecar"] += 1
    finished = {job.job_id for job in delivered}
    for path in sorted(output.iterdir()):
        if path.suffix == ".mp4" and not path.name.startswith(".") and str(path) not in known:
            verdict.blame("files of no job", f"{path.name}, {path.stat().st_size} bytes")
        elif path.name.endswith(".part") and path.name.strip(".").partition(".")[0] in finished:
            verdict.blame("parts of delivered jobs", path.name)


def _damage(path: Path, job: Job) -> str:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != job.sha256:
            return "its hash is not the ledger's"
        with av.open(str(path)) as video:
            frames = sum(1 for _ in video.decode(video=0))
        return "" if frames else "no frame in it"
    except (OSError, av.FFmpegError) as error:
        return f"it cannot be read: {error}"


def _brief(rows: list[Job]) -> str:
    return str([(job.job_id, job.state, job.remote_id, job.error_kind, job.error) for job in rows])
