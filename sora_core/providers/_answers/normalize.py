"""Turns whatever a server of this family answers about a job into our own words. Pure and tolerant.

Shared by every provider; a provider file only says what is peculiar to it. Nothing here raises
for a strange body: what cannot be read is None, and a running job never fails by accident.
Providers find here, too, what reads single values (`_values`) and what went wrong (`_refusals`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from ...models import Snapshot, State, parse_size
from ...transport import Reply
from ...urls import has_host
from .links import further_links, only_link
from .refusals import (
    SUCCESS_CODES,
    error_of,
    failure_of,
    is_overload_code,
    job_error_class,
    job_failure,
    poll_after_of,
    retry_after_of,
)
from .said import said_of
from .values import dig, is_html, loads, number_of, parse, text_of, time_of

STATES: Mapping[str, State] = {
    **dict.fromkeys(
        "queued queue pending submitted not_start notstart notstarted not_started created starting preparing "
        "preprocessing waiting scheduled accepted unknown".split(),
        State.QUEUED,
    ),
    **dict.fromkeys(
        "in_progress inprogress processing running generating rendering completing finalizing started".split(),
        State.RUNNING,
    ),
    **dict.fromkeys(
        "completed complete success succeeded succeed finished done finalized ready".split(), State.SUCCEEDED
    ),
    **dict.fromkeys(
        "failed failure fail error rejected expired timeout sora_content_violation sora_error".split(), State.FAILED
    ),
    **dict.fromkeys("cancelled canceled cancel deleted aborted".split(), State.CANCELED),
}
_STATE_KEYS = ("status", "state", "task_status", "data.status", "data.state", "detail.status")
_PROGRESS_KEYS = (
    "progress",
    "progress_pct",
    "data.progress",
    "data.progress_pct",
    "detail.pending_info.progress_pct",
    "pending_info.progress_pct",
)
_ID_KEYS = ("task_id", "id", "data.task_id", "data.id", "video_id", "request_id")
_URL_KEYS = (
    "video_url",
    "url",
    "result_url",
    "output",
    "outputs",
    "data.output",
    "data.outputs",
    "data.url",
    "data.video_url",
    "data.result_url",
    "data.videos",
    "data",
    "metadata.url",
    "output.url",
    "result.video_url",
    "outputs.video_url",
    "detail.url",
    "detail.draft_info.downloadable_url",
    "downloadable_url",
    "unsigned_urls",
    "urls",
    "links.mp4",
    "content.video_url",
    "output_url",
    "data.output_url",
    "video",
    "video.url",
    "data.video.url",
)
_RAW_URL_KEYS = ("data.data.output", "data.data.outputs", "data.data.video_url", "data.data.url", "data.data.videos")
_STILLS = (".jpg", ".jpeg", ".png")
_MAYBE_STILLS = (".webp", ".gif")


def state_of(value: Any, words: Mapping[str, State] = STATES) -> tuple[State | None, str]:
    """The canonical state and the server's own word; None for a word that is missing or unknown."""
    for key in _STATE_KEYS:
        word = dig(value, key)
        if isinstance(word, str) and word.strip():
            if "." not in key and word.lower() in SUCCESS_CODES and _inner_word(value):
                continue  # the envelope's success, not the job's
            norm = re.sub(r"[-\s]+", "_", word.strip().lower())
            return words.get(norm, STATES.get(norm)), word
    return None, ""


def _inner_word(value: Any) -> bool:
    return any(isinstance(dig(value, key), str) for key in ("data.status", "data.state"))


def progress_of(value: Any) -> float | None:
    """0..100, or None when it is not known."""
    for key in _PROGRESS_KEYS:
        raw = dig(value, key)
        number = number_of(raw)
        if number is None:
            continue
        if key.endswith("progress_pct") or (isinstance(raw, float) and 0 < raw < 1):
            number *= 100
        return min(max(number, 0.0), 100.0)
    return None


def id_of(value: Any, prefer: str | None = None) -> str | None:
    """The job id, exact and whole. ``prefer`` is the key that the protocol polls with."""
    for key in (prefer, *_ID_KEYS) if prefer else _ID_KEYS:
        found = text_of(dig(value, key))
        if found:
            return found
    polling = text_of(dig(value, "polling_url"))
    return polling.rstrip("/").rsplit("/", 1)[-1] if polling else None


def url_of(value: Any, base_url: str, state: State | None) -> str | None:
    """The link of the result, absolute. Text that is not a link is skipped, thumbnails too."""
    keys = [*_URL_KEYS]
    if state is State.SUCCEEDED:
        keys += ["fail_reason", "data.fail_reason", *_RAW_URL_KEYS]
    # what may be a thumbnail is only taken from a job that is done and names nothing else
    for skipped in (_STILLS + _MAYBE_STILLS, _STILLS) if state is State.SUCCEEDED else (_STILLS + _MAYBE_STILLS,):
        for key in keys:
            found = [link for link in _links(dig(value, key)) if not _path_of(link).endswith(skipped)]
            for link in sorted(found, key=lambda link: ".mp4" not in link.lower()):
                absolute = _joined(base_url, link)
                if absolute:
                    return absolute
    return only_link(value) if state is State.SUCCEEDED else None


def further_of(value: Any, base_url: str, url: str) -> tuple[str, ...]:
    """Links of what one job made beside its first result: the others of the list that this one stands in."""
    for key in (*_URL_KEYS, *_RAW_URL_KEYS):
        raw = dig(value, key)
        if isinstance(raw, list):
            links = [_joined(base_url, link) or "" for link in _links(raw)]
            if url in links:
                return further_links(links, url)
    return ()


def _path_of(link: str) -> str:
    return link.partition("?")[0].lower()


def _joined(base_url: str, link: str) -> str | None:
    try:
        absolute = urljoin(base_url, link)
        return absolute if absolute.startswith("data:") or has_host(absolute) else None
    except ValueError:  # a server may write anything, such as a host in half a bracket
        return None


def _links(raw: Any) -> Iterator[str]:
    if isinstance(raw, str):
        link = raw.strip()
        if link.startswith(("http://", "https://", "/", "data:video")) and not link.startswith("//"):
            yield link
    elif isinstance(raw, list):
        for item in raw:
            yield from _links(item)
            if isinstance(item, dict):
                yield from _links(item.get("video_url") or item.get("url"))


def snapshot_of(reply: Reply, *, base_url: str, prefer_id: str | None = None) -> Snapshot | None:
    """What a 2xx answer about a job says; None when it is not about a job at all.

    An unknown or missing word leaves the state at running (queued when nothing else is known either).
    """
    value = parse(reply.body)
    if not isinstance(value, dict):
        return None
    state, word = state_of(value)
    url = url_of(value, base_url, state)
    remote_id = id_of(value, prefer_id)
    if state is None and not word:
        state = _state_without_word(value, url, remote_id)
        if state is None:
            return None
    elif state is None:
        state = State.RUNNING
    failed = state in (State.FAILED, State.CANCELED)
    return Snapshot(
        state=state,
        remote_id=remote_id or "",
        progress=100.0 if state is State.SUCCEEDED else progress_of(value),
        url=None if failed else url,
        further=further_of(value, base_url, url) if url and state is State.SUCCEEDED else (),
        failure=job_failure(value) if failed else None,
        queue_position=_position(value),
        created_at=time_of(value.get("created_at")) or time_of(value.get("created")),
        expires_at=time_of(value.get("expires_at")),
        poll_after=poll_after_of(reply),
        prompt=value.get("prompt") if isinstance(value.get("prompt"), str) else None,
        model=text_of(value.get("model")),
        size=_size_of(value),
        seconds=number_of(value.get("seconds")) or number_of(value.get("duration")) or 0.0,
        said=said_of(value) if state is State.SUCCEEDED else None,
    )


def _state_without_word(value: Any, url: str | None, remote_id: str | None) -> State | None:
    if url:
        return State.SUCCEEDED  # synchronous servers send the result and no status
    if dig(value, "error"):
        return None  # a relay's passing trouble must not end a paid job
    return State.QUEUED if remote_id else None


def _size_of(value: Any) -> str:
    size = (text_of(value.get("size")) or "").lower().replace("*", "x").replace("×", "x")
    return size if parse_size(size) else ""


def _position(value: Any) -> int | None:
    number = number_of(value.get("queue_position"))
    return int(number) if number is not None and number > 0 else None


__all__ = [
    "STATES",
    "dig",
    "error_of",
    "failure_of",
    "id_of",
    "is_html",
    "is_overload_code",
    "job_error_class",
    "job_failure",
    "loads",
    "number_of",
    "parse",
    "poll_after_of",
    "progress_of",
    "retry_after_of",
    "said_of",
    "snapshot_of",
    "state_of",
    "text_of",
    "time_of",
    "url_of",
]
