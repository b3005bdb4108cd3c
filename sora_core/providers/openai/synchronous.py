"""Servers that answer the create call with the video itself: it cannot be asked for again. Pure."""

from __future__ import annotations

import re

from ...media.container import sniff
from ...models import Snapshot, State
from ...profiles.profiles import Profile
from ...transport import Reply
from .._answers import normalize
from .._answers.results import holding, media_of
from .dialects import Dialect

ANSWER_SECONDS = 900.0  # such a server may be silent for minutes


def is_asked(profile: Profile, dialect: Dialect) -> bool:
    """Whether the create call answers with the video: always, or because the profile wants that."""
    wanted = profile.extra.get("sync", "").strip().lower() in ("true", "1", "yes")
    return dialect.synchronous or (wanted and bool(dialect.sync_create))


def video_in(reply: Reply, base_url: str) -> Snapshot | None:
    """The job whose answer is the video, or holds it, or several."""
    media = media_of(reply, sniff)
    if not media:
        return None
    described = normalize.snapshot_of(reply, base_url=base_url)
    return holding(described or Snapshot(State.SUCCEEDED), media)


def says_failed(reply: Reply, dialect: Dialect) -> bool:
    """Whether the server says itself that its work on the video has failed.

    A crash of what stands in between is no JSON, or has other words.
    """
    says = dialect.states_failure
    if says is None or reply.status != 500:
        return False
    value = normalize.parse(reply.body)
    if not isinstance(value, dict) or not (says or set(value) == {"detail"}):
        return False
    return bool(re.search(says, normalize.failure_of(reply).message))
