"""What stands beside a delivered file as JSON: where it came from. Never a secret.

A first, short one comes before the file itself: where the ledger is away and its journal dies with its disk, it is all
that says which job the file belongs to.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import StorageError
from ..ledger.outputs import Output
from ..ledger.row import Job
from ..media import placing
from ..models import Destination

log = logging.getLogger(__name__)

_MOST_BYTES = 2**20  # of a sidecar that is looked at
_CLOCKS_APART = 86400.0  # seconds: the ledger's clock and that of the disk's server


class Announced(NamedTuple):
    """A file of a job as its sidecar names it; ``number`` 0 is the first."""

    number: int
    path: Path
    sha256: str
    bytes: int


def announce(job: Job, number: int, path: Path, sha256: str, size: int) -> None:
    """The name is taken; what is to stand there is about to come."""
    facts = {"generator": placing.GENERATOR, "job_id": job.job_id, "remote_id": job.remote_id, "output": number + 1}
    _write(path, {**facts, "file": path.name, "sha256": sha256, "bytes": size})


def announced(destination: Destination, job: Job, numbers: Collection[int]) -> Iterator[Announced]:
    """Those of the job's files that stand there as their sidecars say, or whose names at least are taken for them."""
    for facts in _sidecars(destination, job):
        try:
            path = destination.folder / Path(facts["file"]).name  # it leads nowhere else
            found = Announced(int(facts.get("output", 1)) - 1, path, str(facts["sha256"]), int(facts["bytes"]))
        except (KeyError, TypeError, ValueError):
            continue
        is_there = placing.is_intact(str(path), size=found.bytes, sha256=found.sha256) or placing.is_placeholder(path)
        if is_there and found.number in numbers:
            yield found


def _sidecars(destination: Destination, job: Job) -> Iterator[dict[str, Any]]:
    """What all of them say that name the job, as far as they may be as young as it is."""
    folder, exact = destination.folder, destination.exact
    stem = exact.stem if exact else placing.fitting_stem(destination)
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            is_one = path.suffix == ".json" and (path.stem == stem or path.name.startswith(f"{stem}_"))
            if is_one and path.stat().st_mtime > job.created_at - _CLOCKS_APART:
                facts = _read(path, job.job_id)
                if facts:
                    yield facts


def _read(path: Path, job_id: str) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_BYTES)
        facts = json.loads(text) if job_id.encode() in text else None
    except (OSError, ValueError, RecursionError):  # it may be anybody's
        return {}
    return facts if isinstance(facts, dict) and facts.get("job_id") == job_id else {}


def write_all(job: Job, outputs: Sequence[Output], said: Mapping[str, Any] | None) -> None:
    """The full account of every file of the job, in the place of the short ones."""
    facts = _provenance(job, said)
    paths = [Path(job.planned_path or ""), *(Path(output.path or "") for output in outputs)]
    if not outputs:
        _write(paths[0], facts)
        return
    for number, path in enumerate(paths):
        own = {"sha256": outputs[number - 1].sha256, "bytes": outputs[number - 1].bytes} if number else {}
        others = {"output": number + 1, "outputs": [each.name for each in paths]}
        _write(path, {**facts, "file": path.name, **own, **others})


def remove(path: Path, job_id: str) -> None:
    """That of a name that is given up, if it is the job's."""
    beside = path.with_suffix(".json")
    if _read(beside, job_id):
        with contextlib.suppress(OSError):
            beside.unlink()


def _write(path: Path, facts: Mapping[str, object]) -> None:
    try:
        placing.write_sidecar(path, facts)
    except StorageError as error:  # the file is safe, and that is what was paid for
        log.warning("%s", error.message)


def _provenance(job: Job, said: Mapping[str, Any] | None) -> dict[str, object]:
    request = json.loads(job.request)
    times = {
        name: datetime.fromtimestamp(value, timezone.utc).isoformat(timespec="seconds")
        for name in ("created_at", "submitted_at", "finished_at", "delivered_at")
        if (value := getattr(job, name))
    }
    return {
        "generator": placing.GENERATOR,
        "job_id": job.job_id,
        "remote_id": job.remote_id,
        "provider": job.provider,
        "profile": job.profile,
        "model": job.model,
        "prompt": job.prompt,
        "seed": request.get("seed"),
        "request": request,
        "file": Path(job.planned_path or "").name,
        "sha256": job.planned_sha256,
        "bytes": job.planned_bytes,
        "width": job.width,
        "height": job.height,
        "fps": job.fps,
        "seconds": job.duration,
        **times,
        **({"server": said} if said else {}),
    }
