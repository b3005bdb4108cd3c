"""The link of a result out of answers that do not name it where any document has it. Pure.

As with ids (`ids`): a wrong guess would fetch something else, so it counts only when nothing says that it is of
something else, and when there is one of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from ...urls import has_host
from .values import leaves

_OF_SOMETHING_ELSE = re.compile(
    r"thumb|cover|poster|preview|image|img|picture|photo|avatar|logo|sprite|frame|source|input|parent|original|remix"
    r"|prompt|request|callback|webhook|notify|poll|status|self|cancel|delete|share|permalink|post|page|html|doc|help"
    r"|term|license|account|user|author|audio|music|subtitle|message|error|reason|text|next|prev",
    re.IGNORECASE,
)
_VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".m4v", ".ts", ".avi")
_NO_VIDEOS = tuple(
    ".jpg .jpeg .png .webp .gif .bmp .svg .json .html .htm .txt .md .pdf .m3u8 .mpd .mp3 .wav .m4a .srt .vtt".split()
)


def further_links(links: Iterable[str], first: str) -> tuple[str, ...]:
    """Of a list that the first result stands in: those that name another video."""
    is_named = _path(first).endswith(_VIDEOS)
    others = (link for link in links if _is_link(link) and (_path(link).endswith(_VIDEOS) or not is_named))
    return tuple(dict.fromkeys(link for link in others if link != first))


def only_link(value: Any) -> str | None:
    """The one absolute link that an answer gives, or the one of them that ends as a video does; None otherwise."""
    if isinstance(value, str):
        return value.strip() if _is_link(value.strip()) else None
    found = {text.strip() for _, text in leaves(value, _OF_SOMETHING_ELSE) if _is_link(text.strip())}
    videos = {link for link in found if _path(link).endswith(_VIDEOS)}
    return next((links.pop() for links in (videos, found) if len(links) == 1), None)


def _is_link(text: str) -> bool:
    if not text.startswith(("http://", "https://")) or re.search(r"\s", text):
        return False
    return has_host(text) and not _path(text).endswith(_NO_VIDEOS)


def _path(link: str) -> str:
    return urlsplit(link).path.lower()
