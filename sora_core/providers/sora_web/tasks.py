"""Where a task is: among the pending ones, among the drafts (page by page), or among the newest pictures. Pure reading.

The document's form and the one that servers were seen to answer are both read. An item that is there, but is no
picture or video yet, is running; whoever asks decides how long to wait for its link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import BadResponse
from ...models import Effect, Failure, Snapshot, State
from ...transport import Call
from .._answers import normalize

PENDING = "/nf/pending/v2"
DRAFTS = "/project_y/profile/drafts"
RECENT = "/v2/recent_tasks"
PAGE, LONGEST_PAGE = 15, 100
PAGES = 40
_LINKS = ("downloadable_url", "encodings.source.path", "url", "video_url", "image_url")
_REASONS = ("reason_str", "markdown_reason_str", "failure_reason")
_BAD_KINDS = ("sora_content_violation", "sora_error")


@dataclass(frozen=True)
class DraftsPage:
    """Newest first. ``cursor`` of the next page; None at the end, and where a server has no pages."""

    items: Sequence[Mapping[str, Any]]
    cursor: str | None


def read(path: str, **query: str) -> Call:
    return Call("GET", path, Effect.READ, query=query, timeout=30)


def pending_items(body: bytes) -> list[Mapping[str, Any]]:
    value = normalize.parse(body)
    if not isinstance(value, list):
        raise BadResponse("sora_web.server_s_list_pending_tasks")
    return [item for item in value if isinstance(item, dict)]


def drafts_page(body: bytes) -> DraftsPage:
    value = normalize.parse(body)
    items = normalize.dig(value, "items")
    items = normalize.dig(value, "drafts") if items is None else items
    if not isinstance(items, list):
        raise BadResponse("sora_web.server_s_list_drafts_not")
    return DraftsPage([item for item in items if isinstance(item, dict)], normalize.text_of(value.get("cursor")))


def recent_items(body: bytes) -> list[Mapping[str, Any]]:
    value = normalize.parse(body)
    items = normalize.dig(value, "task_responses")
    items = normalize.dig(value, "tasks") if items is None else items
    if not isinstance(items, list):
        raise BadResponse("sora_web.server_s_list_recent_tasks")
    return [item for item in items if isinstance(item, dict)]


def named(items: Sequence[Mapping[str, Any]], task_id: str) -> Mapping[str, Any] | None:
    """The item of that task, or generation."""
    return next((item for item in items if task_id in (item.get("task_id"), item.get("id"))), None)


def links_of(item: Mapping[str, Any]) -> list[str]:
    """The addresses of the videos or pictures that a task has made, each once; one that names itself is one."""
    generations = item.get("generations")
    made = [_link(each) for each in generations] if isinstance(generations, list) else []
    several = list(dict.fromkeys(filter(None, made)))
    own = _link(item)
    return [own] if own and len(several) < 2 else several


def _link(place: Any) -> str:
    links = (normalize.text_of(normalize.dig(place, key)) for key in _LINKS)
    return next((link for link in links if link and link.startswith(("http://", "https://", "/"))), "")


def snapshot_of_item(item: Mapping[str, Any]) -> Snapshot:
    """What a pending task, a draft or a recent picture says."""
    task_id = normalize.text_of(item.get("task_id")) or normalize.text_of(item.get("id")) or ""
    state, _ = normalize.state_of(item)
    links, kind = links_of(item), normalize.text_of(item.get("kind")) or ""
    told: dict[str, Any] = {
        "remote_id": task_id,
        "created_at": normalize.time_of(item.get("created_at")),
        "prompt": item.get("prompt") if isinstance(item.get("prompt"), str) else None,
    }
    if kind in _BAD_KINDS or state in (State.FAILED, State.CANCELED):
        return Snapshot(state if state is State.CANCELED else State.FAILED, failure=_failure(item, kind), **told)
    if links:
        told |= {"url": links[0], "further": tuple(links[1:]), "said": normalize.said_of(item)}
        return Snapshot(State.SUCCEEDED, progress=100.0, **told)
    running = state if state is State.QUEUED else State.RUNNING
    return Snapshot(running, progress=normalize.progress_of(item), **told)


def _failure(item: Mapping[str, Any], kind: str) -> Failure:
    for key in _REASONS:
        reason = normalize.text_of(item.get(key))
        if reason:
            return Failure(reason, kind or None)
    found = normalize.job_failure(item)
    return found or Failure(f"the server names no reason ({kind or 'failed'})", kind or None)
