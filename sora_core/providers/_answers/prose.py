"""What a text written for people says about a video: its link, its task id, that it failed. Pure."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from ...models import Failure, State
from . import normalize

NO_REASON = Failure("the server gave no reason")

# All of these take time in proportion to the text: what one may run over, another of its beginnings ends.
_NAMED_ID = r"(?:sora[\w.-]{0,40}:)?(?:task|video)_(?=[A-Za-z0-9-]*\d)[A-Za-z0-9][\w-]{4,}"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_ENDS_IN_UUID = re.compile(rf"{_UUID}$")
_TASK_ID = re.compile(rf"(?<![A-Za-z0-9_/-])({_NAMED_ID}|{_UUID})(?![\w-]|\.\w)", re.ASCII)
_NO_TASK = re.compile(r"(?:request|trace|session|message)[\s_-]?id\W*$", re.IGNORECASE)  # what a UUID may be, too
_TAG = re.compile(r"<(?:video|source)\b[^<>]*?\ssrc\s*=\s*(?:\"([^\"<>]+)\"|'([^'<>]+)')", re.IGNORECASE)
_MARKDOWN = re.compile(r"\]\(\s*<?((?:https?://|/)[^\s()<>\[\]]+)>?(?=[\s)])")
_BARE = re.compile(r"https?://[\w\-.~:/?#@!$&*+,;=%|^{}]+", re.ASCII)
_MOST_LINKS = 1000  # that are looked at in one text
_VIDEO = re.compile(r"\.(?:mp4|mov|webm|m4v|mkv)$", re.IGNORECASE)
_OTHER = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg|css|js|html?|json|md|txt)$", re.IGNORECASE)
_FAILED = re.compile(r"❌|生成失败|任务失败|失败原因|\bgeneration failed\b", re.IGNORECASE)


def link_in(text: str, *, base_url: str, sent: str, ended: bool) -> str | None:
    """The video's link. One that stands in ``sent`` is an echo; one that a broken end may have cut is none."""
    text = text.strip()
    value = object_in(text)
    if value is not None:
        link = normalize.url_of(without_input(value), base_url, None)
        return None if link and link in sent else link
    tags = _links((match[1] or match[2] for match in _TAG.finditer(text)), base_url, sent)
    if tags:
        return tags[0]
    bare = (match[0].rstrip(".,;:!?") for match in _BARE.finditer(text) if ended or match.end() < len(text))
    markdown = (match[1] for match in _MARKDOWN.finditer(text))
    links = [*_links(markdown, base_url, sent), *_links(bare, base_url, sent)]
    videos = [link for link in links if _VIDEO.search(urlsplit(link).path)]
    if videos:
        return videos[0]
    unsure = [link for link in links if not _OTHER.search(urlsplit(link).path)]
    # A link without a suffix may be a status page: taken only when nothing better was said.
    nothing_else = not (task_in(text, sent=sent, ended=ended) or _FAILED.search(text))
    return unsure[0] if unsure and ended and nothing_else else None


def _links(found: Iterable[str], base_url: str, sent: str) -> list[str]:
    links = (_absolute(base_url, html.unescape(link.strip())) for link in itertools.islice(found, _MOST_LINKS))
    return [link for link in links if link and link not in sent]


def _absolute(base_url: str, link: str) -> str:
    """Empty for what is no link."""
    try:
        absolute = urljoin(base_url, link)
        return absolute if absolute.startswith("data:video") or urlsplit(absolute).hostname else ""
    except ValueError:  # a server may write anything, such as a host in half a bracket
        return ""


def has_link(text: str) -> bool:
    return bool(_BARE.search(text))


def is_task_id(text: str) -> bool:
    """Whether an id has the look of a job's."""
    return bool(re.fullmatch(_NAMED_ID, text, re.ASCII))


def task_in(text: str, *, sent: str, ended: bool) -> str | None:
    """A `task_…`, `video_…` or UUID outside of links, or the id of the JSON object that the text is.

    One that a broken end may have cut is none, unless a whole UUID is there.
    """
    value = object_in(text.strip())
    if value is not None:
        found = normalize.id_of(value)
        return found if found and found not in sent else None
    without_links = _BARE.sub(" ", text)
    for match in _TASK_ID.finditer(without_links):
        is_whole = ended or match.end() < len(without_links) or _ENDS_IN_UUID.search(match[1])
        if (
            is_whole
            and match[1] not in sent
            and not _NO_TASK.search(without_links[max(match.start() - 40, 0) : match.start()])
        ):
            return match[1]
    return None


def task_in_scrap(text: str, *, sent: str) -> str | None:
    """Of JSON that broke off, only what looks like a job's id: a bare UUID may be the id of anything."""
    without_links = _BARE.sub(" ", text)
    for match in _TASK_ID.finditer(without_links):
        is_whole = match.end() < len(without_links) or _ENDS_IN_UUID.search(match[1])
        if is_whole and is_task_id(match[1]) and match[1] not in sent:
            return match[1]
    return None


def failure_in(text: str) -> Failure | None:
    """The text from where it says that the job failed."""
    text = text.strip()
    value = object_in(text)
    if value is not None:
        failed = value.get("error") or normalize.state_of(value)[0] is State.FAILED
        return (normalize.job_failure(value) or NO_REASON) if failed else None
    match = _FAILED.search(text)
    return Failure(text[match.start() :][:2000].strip()) if match else None


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, fenced or not."""
    bare = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if not bare.startswith("{") or not bare.endswith("}"):
        return None
    value = normalize.parse(bare.encode("utf-8", "replace"))
    return value if isinstance(value, dict) else None


def without_input(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a server repeats of the request."""
    return {key: part for key, part in value.items() if key not in ("input", "request", "messages", "image_url")}


def unescaped(text: str) -> str:
    """A piece of JSON as the text that its strings stand for."""
    short = {"n": "\n", "r": "\r", "t": "\t"}

    def plain(match: re.Match[str]) -> str:
        return chr(int(match[1][1:], 16)) if len(match[1]) == 5 else short.get(match[1], match[1])

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", plain, text)
