"""Clean links: a draft is published, the link of the post is read, and the post is taken back.

The post is visible to others in between. Its id is on the disk before anything else happens, so that whatever
comes between, a crash too, the next look at the job takes the post back first.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urljoin

from ...errors import AccountError, InvalidRequest, JobError, JobNotFound, RequestRejected, SoraError, SubmissionUnknown
from ...models import Effect, Failure, Snapshot, State
from ...transport import Call, Http, Reply
from .. import _parse_service as parsing
from .._answers import normalize
from .._parse_service import ParseService

log = logging.getLogger(__name__)

PREFIX = "post:"  # of the remote id of a job that is a post
KEPT = "kept:"  # of one whose post stays, by the user's wish
_LINKS = (
    "video_url",
    "attachments.download_urls.no_watermark",
    "attachments.downloadable_url",
    "attachments.encodings.source.path",
    "attachments.url",
)
POST_ID = re.compile(r"s_[0-9A-Za-z]{8,64}")


class CleanLinks:
    """The posts of one connection that are being taken back. ``home`` is where shared links begin."""

    def __init__(self, base_url: str, home: str, service: Callable[[], ParseService | None]) -> None:
        self._base_url = base_url
        self._home = home
        self._service = service
        self._links: dict[str, str] = {}
        self._said: dict[str, Mapping[str, Any] | None] = {}

    def found(self, post_id: str, link: str, said: Mapping[str, Any] | None = None) -> None:
        """What the server said of the post, now or as the ledger has it."""
        if link:
            self._links[post_id] = urljoin(self._base_url, link)
        if said:
            self._said[post_id] = said

    def begun(self, post_id: str, *, keep: bool) -> Snapshot:
        """What is to be on record before anything else happens to the post."""
        return Snapshot(
            State.RUNNING,
            remote_id=(KEPT if keep else PREFIX) + post_id,
            url=self._links.get(post_id) or None,
            said=self._said.get(post_id),
        )

    async def finish(self, http: Http, post_id: str, *, attempts: int, keep: bool = False) -> Snapshot:
        """The post is deleted whatever happens, unless it is kept; then its link, where it was found, is the result.

        A link that is found only now comes first, with the job still running: it has to be on record before the post
        goes, which is the only one to tell it.
        """
        remote_id, link = (KEPT if keep else PREFIX) + post_id, self._links.get(post_id, "")
        if not link:
            link = await self._asked_for(http, post_id, attempts=attempts, keep=keep)
            if link:
                return Snapshot(State.RUNNING, remote_id=remote_id, url=link)
        if not keep:
            await taken_back(http, post_id, attempts=attempts)
        if not link:
            became = "stays public" if keep else "has been taken back"
            failure = Failure(f"The post {post_id} {became}, but its clean link was not found.")
            return Snapshot(State.FAILED, remote_id=remote_id, failure=failure)
        return Snapshot(State.SUCCEEDED, remote_id=remote_id, url=link)

    async def _asked_for(self, http: Http, post_id: str, *, attempts: int, keep: bool) -> str:
        """The link by the word of the parse service; "" where there is none, or it does not know the post."""
        service = self._service()
        if not service:
            return ""
        try:
            self.found(post_id, await parsing.download_link(http, service, share_link(self._home, post_id)))
        except (JobNotFound, RequestRejected) as error:
            log.warning("the parse service does not know post %s: %s", post_id, error.message)
        except SoraError:
            if not keep:
                await taken_back(http, post_id, attempts=attempts)
            raise
        return self._links.get(post_id, "")


def encode_publish(generation_id: str, text: str = "") -> Call:
    """Not charged, but seen by others: an answer that is lost must not lead to a second post."""
    attachment = {"generation_id": generation_id, "kind": "sora"}
    body = {"attachments_to_create": [attachment], "post_text": text}
    return Call("POST", "/project_y/post", Effect.CHARGE, json=body, timeout=60)


def post_of(reply: Reply) -> tuple[str, str, Mapping[str, Any] | None]:
    """Id and clean link of the new post, and what is said of it; the link "" where the answer has none.

    Raises SubmissionUnknown.
    """
    post = normalize.dig(normalize.parse(reply.body), "post")
    post_id = normalize.text_of(normalize.dig(post, "id"))
    if not post_id or not isinstance(post, dict):
        raise SubmissionUnknown("sora_web.server_published_clip_but_answer")
    return post_id, _link(post), normalize.said_of(post)


def _link(post: dict[str, Any]) -> str:
    attachments = post.get("attachments")
    first = attachments[0] if isinstance(attachments, list) and attachments else None
    places = {**post, "attachments": first}
    found = (normalize.text_of(normalize.dig(places, key)) for key in _LINKS)
    return next((link for link in found if link and link.startswith(("http://", "https://", "/"))), "")


async def taken_back(http: Http, post_id: str, *, attempts: int = 5) -> None:
    """Deletes the post; one that is gone already is a success. Whatever goes wrong names the post."""
    call = Call("DELETE", f"/project_y/post/{quote(post_id, safe='')}", Effect.IDEMPOTENT, timeout=30)
    try:
        await http.send(call, attempts=attempts)
    except JobNotFound:
        return
    except SoraError as error:
        error.text = f"The post {post_id} is still public, it could not be deleted: {error.message}"
        if isinstance(error, (AccountError, JobError)):
            error.advise("sora_web.post_is_public", post=post_id)
        raise


def share_link(home: str, post_id: str) -> str:
    return f"{home}/p/{post_id}"


def post_id_in(text: str) -> str:
    """The id of a post, given as such or in its address. Raises InvalidRequest."""
    found = POST_ID.search(text)
    if not found:
        raise InvalidRequest("sora_web.no_published_post_protocol_remixes", given=text[:80])
    return found[0]
