"""Turns whatever a server of this family answers into our own words. Pure and tolerant.

Shared by every provider; a provider file only says what is peculiar to it. Nothing here raises
for a strange body: what cannot be read is None, and a running job never fails by accident.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..errors import (
    AuthError,
    BadResponse,
    ChallengePage,
    JobNotFound,
    ModerationRejected,
    NotReady,
    Overloaded,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServerError,
    SoraError,
)
from ..models import Failure, Snapshot, State
from ..transport import Reply
from ..transport.redact import redact

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
)
_RAW_URL_KEYS = ("data.data.output", "data.data.outputs", "data.data.video_url", "data.data.url", "data.data.videos")
_ERROR_KEYS = (
    "error",
    "data.error",
    "detail",
    "error_message",
    "fail_reason",
    "failure_reason",
    "reason_str",
    "data.fail_reason",
    "message",
    "msg",
)
_ABSENT = frozenset(("", "null", "<nil>", "none"))
_SUCCESS_CODES = frozenset(("0", "200", "success", "ok"))


def parse(body: bytes) -> Any:
    """The JSON of a body, whatever its content type says; None when it is none.

    A byte order mark, trailing junk and JSON in a JSON string are all seen in the wild.
    """
    value = _loads(body.decode("utf-8-sig", errors="replace").strip())
    if isinstance(value, str):
        inner = _loads(value.strip())
        value = inner if isinstance(inner, (dict, list)) else value
    return value


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def dig(value: Any, path: str) -> Any:
    """``value["a"]["b"]`` for "a.b"; None where it leads nowhere."""
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def is_html(body: bytes) -> bool:
    head = body[:512].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def state_of(value: Any, words: Mapping[str, State] = STATES) -> tuple[State | None, str]:
    """The canonical state and the server's own word; None for a word that is missing or unknown."""
    for key in _STATE_KEYS:
        word = dig(value, key)
        if isinstance(word, str) and word.strip():
            if "." not in key and word.lower() in _SUCCESS_CODES and _inner_word(value):
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


def number_of(raw: Any) -> float | None:
    if isinstance(raw, str):
        raw = raw.strip().removesuffix("%").strip()
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return None
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def time_of(raw: Any) -> float | None:
    """Seconds since the epoch from seconds, milliseconds or ISO text; None for 0 and nonsense."""
    number = number_of(raw)
    if number is not None:
        return (number / 1000 if number > 1e11 else number) or None
    if isinstance(raw, str):
        try:
            moment = datetime.fromisoformat(raw.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return None


def text_of(raw: Any) -> str | None:
    """A non-empty string or an exact integer as text."""
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        return None
    text = raw.encode("utf-8", "replace").decode().strip() if isinstance(raw, str) else format(raw, "d")
    return None if text.lower() in _ABSENT else text


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
    for key in keys:
        found = [link for link in _links(dig(value, key)) if not _is_still(link)]
        for link in sorted(found, key=lambda link: ".mp4" not in link.lower()):
            absolute = _joined(base_url, link)
            if absolute:
                return absolute
    return None


def _is_still(link: str) -> bool:
    path = link.partition("?")[0].lower()
    return path.endswith((".jpg", ".jpeg", ".png", ".webp", ".gif"))


def _joined(base_url: str, link: str) -> str | None:
    try:
        absolute = urljoin(base_url, link)
        return absolute if absolute.startswith("data:") or urlsplit(absolute).hostname else None
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


def failure_of(reply: Reply) -> Failure:
    """What the server says went wrong, in its own words, with its own code."""
    value = parse(reply.body)
    failure = _failure(value)
    if failure:
        return failure
    if is_html(reply.body):
        return Failure(f"HTTP {reply.status}: the server answered with a web page (HTML), not with the API")
    text = re.sub(r"<[^>]+>", " ", reply.body[:2000].decode("utf-8", errors="replace"))
    return Failure(redact(f"HTTP {reply.status} {' '.join(text.split())[:200]}".strip()))


def job_failure(value: Any) -> Failure | None:
    """Why a job failed, from the job's own description."""
    return _failure(value)


def _failure(value: Any, depth: int = 0) -> Failure | None:
    """First message in the tree; JSON inside a string is opened, the innermost code wins."""
    if not isinstance(value, dict) or depth > 6:
        return None
    message, code = None, None
    for key in _ERROR_KEYS:
        message, code = _message(dig(value, key), depth)
        if message:
            break
    code = code or _code(value.get("code")) or _code(value.get("type"))
    if not message:
        return Failure(code, code) if code else None
    inner = _failure(_embedded(message), depth + 1) if depth < 3 else None
    if inner:
        return Failure(inner.message, inner.code or code)
    return Failure(redact(message[:2000]), code)


def _message(raw: Any, depth: int) -> tuple[str | None, str | None]:
    if isinstance(raw, str):
        text = raw.strip()
        is_link = text.startswith(("http://", "https://")) and " " not in text
        return (None, None) if text.lower() in _ABSENT or is_link else (text, None)
    if isinstance(raw, list):
        return "; ".join(filter(None, map(_validation, raw))) or None, None
    if isinstance(raw, dict):
        code = _code(raw.get("code")) or _code(raw.get("type"))
        for key in ("message", "message_zh", "msg"):
            text = text_of(raw.get(key)) or ""
            if text:
                return text, code
        nested = _failure(raw, depth + 1)
        return (nested.message, nested.code or code) if nested else (code, code)
    return None, None


def _validation(item: Any) -> str:
    """One entry of FastAPI's error list: where and what."""
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return ""
    loc = item.get("loc")
    where = ".".join(str(part) for part in loc) if isinstance(loc, list) else ""
    return ": ".join(part for part in (where, text_of(item.get("msg")) or "") if part)


def _code(raw: Any) -> str | None:
    code = text_of(raw)
    return None if code is None or code.lower() in _SUCCESS_CODES else redact(code[:200])


def _embedded(text: str) -> Any:
    start = text.find("{")
    return _loads(text[start:]) if start >= 0 else None


_QUOTA = re.compile(
    r"insufficient_(user_)?quota|insufficient_credits|insufficient_balance|rate_limit_exhausted|额度不足|余额不足|欠费"
)
_MODERATION = re.compile(
    r"content_policy|moderation|_review_failed|content_violation|guardrail|违规|审核|sensitive_content", re.IGNORECASE
)
_OVERLOADED = re.compile(
    r"heavy_load|too_many_concurrent|负载已饱和|limit of \d+ concurrent|overloaded|at capacity", re.IGNORECASE
)
_NOT_FOUND = re.compile(r"task_not_exist|task_not_found|video_not_found|not[ _]exist", re.IGNORECASE)
_NOT_READY = re.compile(
    r"not completed yet|still in[- ]progress|not (yet )?(ready|completed|available)|task_not_completed|尚未完成",
    re.IGNORECASE,
)


def error_of(reply: Reply, *, provider: str) -> SoraError:
    """The exception that a reply which is not 2xx stands for."""
    failure = failure_of(reply)
    kind = _error_class(reply, failure)
    return kind(
        f"The server answered HTTP {reply.status}: {failure.message}",
        provider=provider,
        code=failure.code,
        retry_after=retry_after_of(reply),
    )


def job_error_class(failure: Failure) -> type[SoraError] | None:
    """The class of a failed job's reason, where the words tell."""
    return _class_by_words(f"{failure.code or ''} {failure.message}")


def _class_by_words(words: str) -> type[SoraError] | None:
    if _OVERLOADED.search(words):
        return Overloaded  # before quota: a saturated server is often mislabelled insufficient_quota
    if _QUOTA.search(words):
        return QuotaExceeded
    if _MODERATION.search(words):
        return ModerationRejected
    return None


def _error_class(reply: Reply, failure: Failure) -> type[SoraError]:
    status = reply.status
    if _is_challenge(reply):
        return ChallengePage
    if status == 401:
        return AuthError
    if status == 402:
        return QuotaExceeded
    words = f"{failure.code or ''} {failure.message}"
    # Whatever a broken server says, it proves nothing about what it did before it broke.
    by_words = None if status >= 500 and status != 503 else _class_by_words(words)
    return by_words or _class_by_status(status, words, is_html(reply.body))


def _class_by_status(status: int, words: str, html: bool) -> type[SoraError]:
    if status == 429:
        return RateLimited
    if status == 503:
        return Overloaded
    if status >= 500:
        return ServerError
    if _NOT_READY.search(words):
        return NotReady
    if status in (408, 409, 425):
        return ServerError  # passing, and no proof of what was done
    if status in (404, 410) or _NOT_FOUND.search(words):
        return BadResponse if html else JobNotFound
    if 300 <= status < 400:
        return BadResponse
    return AuthError if status == 403 else RequestRejected


def _is_challenge(reply: Reply) -> bool:
    if reply.headers.get("cf-mitigated", "").lower() == "challenge":
        return True
    return is_html(reply.body) and b"Just a moment" in reply.body[:4096]


def retry_after_of(reply: Reply) -> float | None:
    """Seconds that the server wants us to wait before the next try; None when it does not say."""
    millis = number_of(reply.headers.get("retry-after-ms"))
    raw = reply.headers.get("retry-after", "")
    seconds = millis / 1000 if millis is not None else number_of(raw)
    if seconds is None and raw:
        seconds = _http_date_delta(raw, reply.headers.get("date", ""))
    if seconds is None and not reply.ok:
        seconds = number_of(dig(parse(reply.body), "rate_limit_and_credit_balance.access_resets_in_seconds"))
    return seconds if seconds is not None and seconds > 0 else None


def _http_date_delta(raw: str, date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        base = parsedate_to_datetime(date) if date else datetime.now(timezone.utc)
        return (parsedate_to_datetime(raw) - base).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def poll_after_of(reply: Reply) -> float | None:
    """The server's own hint for the next poll, in seconds."""
    millis = number_of(reply.headers.get("openai-poll-after-ms"))
    if millis is not None and millis > 0:
        return millis / 1000
    return retry_after_of(reply)


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
        failure=job_failure(value) if failed else None,
        queue_position=_position(value),
        created_at=time_of(value.get("created_at")) or time_of(value.get("created")),
        expires_at=time_of(value.get("expires_at")),
        poll_after=poll_after_of(reply),
        prompt=value.get("prompt") if isinstance(value.get("prompt"), str) else None,
        model=text_of(value.get("model")),
    )


def _state_without_word(value: Any, url: str | None, remote_id: str | None) -> State | None:
    if url:
        return State.SUCCEEDED  # synchronous servers send the result and no status
    if dig(value, "error"):
        return None  # a relay's passing trouble must not end a paid job
    return State.QUEUED if remote_id else None


def _position(value: Any) -> int | None:
    number = number_of(value.get("queue_position"))
    return int(number) if number is not None and number > 0 else None
