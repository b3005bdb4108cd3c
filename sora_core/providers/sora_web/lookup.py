"""Looks for a task in the server's lists, page by page where they have pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from ...errors import BadResponse, JobNotFound, NotReady
from ...models import Snapshot, State
from ...transport import Http
from .._answers import normalize
from . import tasks

LOOKS_FOR_A_LINK = 120  # at a draft that has none yet, before its job is left for later
_NO_MORE = "no more"  # in place of a cursor, where a server has no pages and shows a full one
_NAME = "sora_web"


class Lookup:
    """Of one connection. ``base_url`` is what relative links are joined to."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._looks: dict[str, int] = {}  # task id -> how often its draft had no link

    async def generation_id(self, http: Http, source: str) -> str:
        """Of a finished video, by the id of its task. Raises JobNotFound, NotReady."""
        if source.startswith("gen_"):
            return source
        draft = await self._draft(http, source)
        if draft is None:
            raise JobNotFound("sora_web.there_no_finished_draft_task", source=source, provider=_NAME)
        return normalize.text_of(draft.get("id")) or source

    async def video(self, http: Http, task_id: str, *, attempts: int) -> Snapshot:
        """Among the pending tasks, then among the drafts. JobNotFound in between, which passes."""
        reply = await http.send(tasks.read(tasks.PENDING), attempts=attempts)
        pending = tasks.named(tasks.pending_items(reply.body), task_id)
        if pending:
            snapshot = tasks.snapshot_of_item(pending)
            if normalize.state_of(pending)[0] is not State.SUCCEEDED:
                return snapshot
        draft = await self._draft(http, task_id, attempts=attempts)
        if draft is None and not pending:
            raise JobNotFound("sora_web.task_neither_pending_nor_among", task_id=task_id, provider=_NAME)
        if draft is None:
            return Snapshot(State.RUNNING, remote_id=task_id)
        return self._patient(task_id, self._absolute(tasks.snapshot_of_item(draft)))

    async def picture(self, http: Http, task_id: str, *, attempts: int) -> Snapshot:
        query = {"limit": str(tasks.LONGEST_PAGE)}
        reply = await http.send(tasks.read(tasks.RECENT, **query), attempts=attempts)
        found = tasks.named(tasks.recent_items(reply.body), task_id)
        if found is None:
            raise JobNotFound("sora_web.task_not_among_newest_pictures", task_id=task_id, provider=_NAME)
        return self._absolute(tasks.snapshot_of_item(found))

    async def _draft(self, http: Http, task_id: str, *, attempts: int = 5) -> Mapping[str, Any] | None:
        """The draft of a task, page by page; None when it is in none."""
        query = {"limit": str(tasks.PAGE)}
        for _ in range(tasks.PAGES):
            page = tasks.drafts_page((await http.send(tasks.read(tasks.DRAFTS, **query), attempts=attempts)).body)
            found = tasks.named(page.items, task_id)
            if found:
                return found
            if page.cursor:
                query["cursor"] = page.cursor
            elif len(page.items) >= int(query["limit"]) < tasks.LONGEST_PAGE and "cursor" not in query:
                query["limit"] = str(tasks.LONGEST_PAGE)  # a server without pages
            else:
                return None
        return None

    def _patient(self, task_id: str, snapshot: Snapshot) -> Snapshot:
        """A draft without a link is looked at again, so many times. Raises NotReady, which loses nothing."""
        if snapshot.state.terminal:
            self._looks.pop(task_id, None)
            return snapshot
        self._looks[task_id] = self._looks.get(task_id, 0) + 1
        if self._looks[task_id] > LOOKS_FOR_A_LINK:
            del self._looks[task_id]
            raise NotReady("sora_web.draft_task_there_but_server", task_id=task_id, provider=_NAME)
        return snapshot

    def _absolute(self, snapshot: Snapshot) -> Snapshot:
        if not snapshot.url:
            return snapshot
        url, *further = (urljoin(self._base_url, link) for link in (snapshot.url, *snapshot.further))
        return replace(snapshot, url=url, further=tuple(further))

    async def listing(self, http: Http, after: str | None) -> tuple[list[Snapshot], str | None]:
        """The pending tasks and the first drafts, then the other drafts."""
        if after == _NO_MORE:
            raise BadResponse("sora_web.server_s_list_drafts_longer")
        found: list[Snapshot] = []
        if after is None:
            found = pending_snapshots((await http.send(tasks.read(tasks.PENDING))).body)
        query = {"limit": str(tasks.LONGEST_PAGE), **({"cursor": after} if after else {})}
        page = tasks.drafts_page((await http.send(tasks.read(tasks.DRAFTS, **query))).body)
        found += [tasks.snapshot_of_item(item) for item in page.items]
        is_cut = not page.cursor and after is None and len(page.items) >= tasks.LONGEST_PAGE
        return found, _NO_MORE if is_cut else page.cursor


def pending_snapshots(body: bytes) -> list[Snapshot]:
    return [tasks.snapshot_of_item(item) for item in tasks.pending_items(body)]
