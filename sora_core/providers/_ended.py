"""Hosts of services that have ended: no provider of a Sora protocol sends anything there."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlsplit

from ..errors import ProfileError

ENDED_HOSTS = ("openai.com", "chatgpt.com")
APP_ENDED_ON = date(2026, 4, 26)


def is_ended(host: str) -> bool:
    """Whether the host is one of these or below."""
    bare = host.lower().rstrip(".")
    return any(bare == ended or bare.endswith("." + ended) for ended in ENDED_HOSTS)


def refuse_ended(url: str, *, profile: str, setting: str) -> None:
    """Raises ProfileError, with the date, for an address on such a host."""
    host = urlsplit(url).hostname or ""
    if is_ended(host):
        raise ProfileError(
            "ended.profile_names_but_openai_s",
            profile=profile,
            setting=setting,
            host=host,
            app_ended_on=APP_ENDED_ON.isoformat(),
        )
