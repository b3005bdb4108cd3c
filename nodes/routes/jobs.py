"""The jobs of the ledger: pages of them, their files, and what can be done with one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...sora_core.connections.connection import Connection
from ...sora_core.errors import InvalidRequest, UnknownJob
from ...sora_core.ledger.pages import LIVE, MOST, NEEDS_USER, STATES, JobSummary
from ...sora_core.models import Destination, Snapshot
from ...sora_core.profiles.prices import amount_of
from .. import _host as host
from .._engine import engine, has_ledger
from ._answers import File, Jpeg
from ._asked import Asked

PAGE = 50
LIST_PAGES = 3  # of the server's list
PROMPT_SHOWN = 400  # characters of a prompt in a list
MOST_FILES = 1000  # of one request
_MEDIA = {".mp4": "video", ".webm": "video", ".mov": "video", ".mkv": "video", ".gif": "picture"} | dict.fromkeys(
    (".png", ".jpg", ".jpeg", ".webp"), "picture"
)


def listed(asked: Asked) -> Any:
    """A page, newest first. The next one is `before` the last job's number; a short page is the last."""
    asked.only("limit", "before", "state", "profile", "search")
    limit = asked.number("limit", least=1, most=MOST, default=PAGE)
    before = asked.number("before", least=1, most=2**53, default=None)
    state = asked.choice("state", ("all", *STATES), "all")
    profile = asked.text("profile", most=64, default="") or None
    search = asked.text("search", most=200, default="")
    if not has_ledger():
        return []
    pages = engine().ledger.pages
    rows = pages.page(limit or PAGE, before=before, states=STATES.get(state, ()), profile=profile, search=search)
    return [facts(each) for each in rows]


def summary(asked: Asked) -> Any:
    asked.only()
    counts = engine().ledger.pages.counts() if has_ledger() else {}
    return {**totals(counts), "profiles": engine().ledger.pages.profiles() if has_ledger() else []}


def totals(counts: dict[str, int]) -> dict[str, int]:
    return {
        "total": sum(counts.values()),
        "live": sum(counts.get(state, 0) for state in LIVE),
        "needs_user": sum(counts.get(state, 0) for state in NEEDS_USER),
    }


def one(asked: Asked) -> Any:
    """With the whole prompt and what was asked for."""
    job = _known(asked.only("job_id").job_id())
    further = [str(path) for path in engine().ledger.outputs.paths(job.job_id)]
    told = {"prompt": job.prompt, "request": json.loads(engine().ledger.get(job.job_id).request)}
    return {**facts(job), **told, **({"further": further} if further else {})}


def graph(asked: Asked) -> Any:
    """The workflow of the page that made it, or the prompt that was posted."""
    job_id = asked.only("job_id").job_id()
    _known(job_id)
    metadata = engine().ledger.workflows.get(job_id) or {}
    if not metadata.keys() & {"workflow", "prompt"}:
        raise InvalidRequest("route_no_graph", job_id=job_id)
    return {"workflow": metadata.get("workflow"), "prompt": metadata.get("prompt")}


def file(asked: Asked) -> File:
    path = _shown_file(asked.only("job_id", "download", "output"))
    named = path.name if asked.choice("download", ("", "1"), "") else ""
    return File(path, named)


def picture(asked: Asked) -> Jpeg:
    """A small picture of the clip, or of the picture that was made."""
    from ._pictures import small_picture

    return Jpeg(small_picture(_shown_file(asked.only("job_id", "output"))))


def cancel(asked: Asked) -> Any:
    return _after(engine().cancel(asked.only("job_id").job_id()).result().job_id)


def forget(asked: Asked) -> Any:
    """It was never made: its request may be submitted, and paid, anew."""
    job = engine().ledger.find(asked.only("job_id").job_id())
    engine().ledger.forget(job)
    return _after(job.job_id)


def name_remote(asked: Asked) -> Any:
    """For an unknown job: it was accepted, and this is its id. Its video is collected in the background."""
    asked.only("job_id", "remote_id")
    job = engine().name_remote(asked.job_id(), asked.text("remote_id")).result()
    engine().resume(job.job_id, None, Destination(Path(job.folder), job.stem), lambda progress: None)
    return _after(job.job_id)


def collect(asked: Asked) -> Any:
    """In the background; free. The file goes where it was to go."""
    job = engine().ledger.find(asked.only("job_id").job_id())
    engine().resume(job.job_id, None, Destination(Path(job.folder), job.stem), lambda progress: None)
    return _after(job.job_id)


def candidates(asked: Asked) -> Any:
    """For an unknown or missing job: what the server's list shows that is no other job of ours. A free read."""
    job = _known(asked.only("job_id").job_id())
    row = engine().ledger.get(job.job_id)
    listed = engine().ask(job.profile, _first_pages).result()
    ours = engine().ledger.known_ids(job.profile, row.origin, (each.remote_id for each in listed))
    return [
        {"remote_id": each.remote_id, "state": each.state.value, "prompt": (each.prompt or "")[:PROMPT_SHOWN],
         "model": each.model or "", "created_at": each.created_at}
        for each in listed
        if each.remote_id and each.remote_id not in ours
    ]  # fmt: skip


async def _first_pages(connection: Connection) -> list[Snapshot]:
    found: list[Snapshot] = []
    after: str | None = None
    for _ in range(LIST_PAGES):
        page, after = await connection.provider.listing(connection.http, after)
        found += page
        if after is None:
            break
    return found


def delete_file(asked: Asked) -> Any:
    """All its files, and what was written beside them. The row stays: the server may still have the video."""
    job = _known(asked.only("job_id").job_id())
    for path in (_file_of(job), *engine().ledger.outputs.paths(job.job_id)):
        for each in (path, path.with_suffix(".json")):
            each.unlink(missing_ok=True)
    return _after(job.job_id)


def last_frame(asked: Asked) -> Any:
    """Writes the clip's last frame into the input folder, named as Load Image names files there."""
    from ._pictures import save_last_frame

    path, number = _shown_file(asked.only("job_id", "output")), _output(asked)
    # not in a folder below: the page takes what Load Image does not list for missing
    target = host.input_folder() / f"sora_{asked.job_id()}{f'_{number}' if number > 1 else ''}.png"
    save_last_frame(path, target)
    return {"filename": target.name, "subfolder": "", "type": "input"}


def facts(job: JobSummary) -> dict[str, Any]:
    """What a list shows of a job. No key, no signed link and no metadata is among it."""
    shown = asdict(job)
    shown["prompt"] = job.prompt[:PROMPT_SHOWN]
    kind = _MEDIA.get(Path(job.path).suffix.lower(), "") if job.path else ""
    shown["cost"] = None if job.cost is None else amount_of(job.cost)
    shown["media"] = kind if job.path and Path(job.path).is_file() else ""
    return shown


def _after(job_id: str) -> dict[str, Any]:
    return facts(_known(job_id))


def _known(job_id: str) -> JobSummary:
    job = engine().ledger.pages.one(job_id) if has_ledger() else None
    if job is None:
        raise UnknownJob("node.there_no_job_ledger", value=job_id)
    return job


def _output(asked: Asked) -> int:
    """Which of the files that one request made, from 1."""
    return asked.number("output", least=1, most=MOST_FILES, default=None) or 1


def _shown_file(asked: Asked) -> Path:
    return _file_of(_known(asked.job_id()), _output(asked))


def _file_of(job: JobSummary, output: int = 1) -> Path:
    """Its path is the ledger's own. Raises InvalidRequest when it is not there, or no media."""
    paths = [Path(job.path or ""), *(engine().ledger.outputs.paths(job.job_id) if output > 1 else ())]
    path = paths[output - 1] if output <= len(paths) else Path()
    if not job.path or path.suffix.lower() not in _MEDIA or not path.is_file():
        raise InvalidRequest("route_no_file", job_id=job.job_id)
    return path
