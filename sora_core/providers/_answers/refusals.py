"""What a server says went wrong, and which error of ours that is. Pure and tolerant: nothing here raises."""

from __future__ import annotations

import ast
import re
from datetime import datetime, timezone
from typing import Any

from ...errors import (
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
from ...models import Failure
from ...redaction import excerpt, redact
from ...transport import Reply
from .values import dig, is_absent, is_html, loads, number_of, parse, text_of

REDIRECT_TARGET = "x-redirect-target"  # where the transport keeps the address that it did not follow
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
ERROR_KEYS = (
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
SUCCESS_CODES = frozenset(("0", "200", "success", "ok"))  # of an envelope: no errors


def failure_of(reply: Reply) -> Failure:
    """What the server says went wrong, in its own words, with its own code."""
    value = parse(reply.body)
    failure = _failure(value)
    if failure:
        return failure
    if reply.headers.get(REDIRECT_TARGET) or reply.headers.get("location"):
        target = reply.headers.get(REDIRECT_TARGET) or reply.headers["location"]
        return Failure(f"the server redirects to {redact(target.partition('?')[0][:300])}")
    if is_html(reply.body):
        title = _TITLE.search(reply.body[:20_000].decode("utf-8", errors="replace"))
        called = f' titled "{redact(" ".join(title[1].split())[:150])}"' if title and title[1].strip() else ""
        return Failure(
            f"HTTP {reply.status}: the server answered with a web page (HTML), not with the API{called}: "
            "a firewall, a gateway, or the wrong address"
        )
    text = re.sub(rb"<[^>]+>", b" ", reply.body[:2000])
    return Failure(f"HTTP {reply.status} {excerpt(text, 200)}".strip())


def job_failure(value: Any) -> Failure | None:
    """Why a job failed, from the job's own description."""
    return _failure(value)


def _failure(value: Any, depth: int = 0) -> Failure | None:
    """First message in the tree; JSON inside a string is opened, the innermost code wins."""
    if not isinstance(value, dict) or depth > 6:
        return None
    message, code = None, None
    for key in ERROR_KEYS:
        message, code = _message(dig(value, key), depth)
        if message:
            break
    code = code or _code(value.get("code")) or _code(value.get("type"))
    if not message:
        return Failure(code, code) if code else None
    inner = _failure(_embedded(message), depth + 1) if depth < 3 else None
    if inner:
        return Failure(inner.message, inner.code or code)
    return Failure(redact(_plain(message[:_LONGEST_MESSAGE])[:2000]), code)


_LONGEST_MESSAGE = 8000  # characters of it that are read
_ENTRY = re.compile(r"^[ \t]*(\{'type': .*\})[ \t]*$", re.MULTILINE)
_POINT = re.compile(r"^(?P<where>[\w.]+)\n  (?P<what>.+?) \[type=.*\]$", re.MULTILINE)


def _plain(message: str) -> str:
    """A list of what is wrong with a request, which some servers show as Python would (vLLM) or with its debris."""
    found = [_validation(_literal(entry)) for entry in _ENTRY.findall(message)]
    found = found or [f"{point['where']}: {point['what']}" for point in _POINT.finditer(message)]
    return "; ".join(filter(None, found)) or message


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _message(raw: Any, depth: int) -> tuple[str | None, str | None]:
    if isinstance(raw, str):
        text = raw.strip()
        is_link = text.startswith(("http://", "https://")) and " " not in text
        return (None, None) if is_absent(text) or is_link else (text, None)
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
    where = ".".join(str(part) for part in loc) if isinstance(loc, (list, tuple)) else text_of(loc) or ""
    return ": ".join(part for part in (where, text_of(item.get("msg")) or "") if part)


def _code(raw: Any) -> str | None:
    code = text_of(raw)
    return None if code is None or code.lower() in SUCCESS_CODES else redact(code[:200])


def _embedded(text: str) -> Any:
    start = text.find("{")
    return loads(text[start:]) if start >= 0 else None


_NEVER = re.compile(r"(?!)")
_QUOTA = re.compile(
    r"insufficient_(user_)?quota|insufficient_credits|insufficient_balance|rate_limit_exhausted|额度不足|余额不足|欠费"
)
_MODERATION = re.compile(
    r"content[ _-]?polic(?:y|ies)|violat\w* (?:\w+ ){0,3}usage polic(?:y|ies)|safety[ _-]?(?:system|filter)"
    r"|content[ _-]?violation|sensitive[ _-]?content|moderation|_review_failed|guardrail|违规|审核",
    re.IGNORECASE,
)
# Words of those who are behind a relay, in whatever protocol their refusal is repeated.
_OVERLOAD_CODES = re.compile(r"heavy_load|too_many_concurrent\w*|(?:server_|engine_|model_)?overloaded(?:_error)?")
_SATURATED = re.compile(r"负载已饱和")  # often called insufficient_quota
_NOT_FOUND = re.compile(r"task_not_exist|task_not_found|video_not_found|not[ _]exist", re.IGNORECASE)
_NOT_READY = re.compile(
    r"not completed yet|still in[- ]progress|not (yet )?(ready|completed|available)|task_not_completed|尚未完成",
    re.IGNORECASE,
)
_NO_ROUTE = re.compile(
    r"(?:404 )?(?:page )?not found|no route matched.*|.*\bcannot (?:get|post|delete) /.*|resource not found"
    r"|no static resource.*|invalid url.*|default backend.*",
    re.IGNORECASE,
)
# an answer that comes too early or too late to say what became of the request
_PASSING = (408, 409, 423, 424, 425, 499)


def error_of(reply: Reply, *, provider: str, overload: re.Pattern[str] = _NEVER) -> SoraError:
    """The exception that a reply which is not 2xx stands for.

    ``overload``: the code or words with which the protocol documents that a 503 took no work.
    """
    failure = failure_of(reply)
    kind = _error_class(reply, failure, overload)
    return kind(
        "answer.http",
        status=reply.status,
        error=f"{_hint(reply)}{failure.message}",
        provider=provider,
        code=failure.code,
        retry_after=retry_after_of(reply),
    )


def _hint(reply: Reply) -> str:
    """What a status means where the server's own words may not say it."""
    if reply.status == 413:
        return "the request is too large for it. Send a smaller or fewer images. "
    if _is_wall(reply):
        return "something before the API, such as a firewall, refused the request; the key is not what is wrong. "
    return ""


def job_error_class(failure: Failure) -> type[SoraError] | None:
    """The class of a failed job's reason, where the words tell."""
    return _refusal_by_words(f"{failure.code or ''} {failure.message}")


def _refusal_by_words(words: str) -> type[SoraError] | None:
    if _QUOTA.search(words):
        return QuotaExceeded
    return ModerationRejected if _MODERATION.search(words) else None


def is_overload_code(code: str | None) -> bool:
    """Whether a code says that no work is taken for now; a sentence may just repeat the prompt."""
    return bool(_OVERLOAD_CODES.fullmatch(code or ""))


def _error_class(reply: Reply, failure: Failure, overload: re.Pattern[str]) -> type[SoraError]:
    status, words = reply.status, f"{failure.code or ''} {failure.message}"
    if _is_challenge(reply) or _is_wall(reply):
        return ChallengePage
    if status >= 500:
        # Whatever else a broken server says, it proves nothing about what it did before it broke.
        is_documented = overload.fullmatch(failure.code or "") or overload.search(failure.message)
        is_busy = status == 503 and (retry_after_of(reply) is not None or (is_documented and not is_html(reply.body)))
        return Overloaded if is_busy else ServerError
    if status in _PASSING:
        return NotReady if _NOT_READY.search(words) else ServerError
    if status in (401, 402):
        return AuthError if status == 401 else QuotaExceeded
    if 300 <= status < 400 or (is_html(reply.body) and status != 429):
        return BadResponse
    if is_overload_code(failure.code) or (status == 429 and _SATURATED.search(words)):
        return Overloaded
    if status == 429 and _NOT_READY.search(failure.message):
        return NotReady  # of a job that runs, whatever the number says
    if status == 429:
        return QuotaExceeded if _QUOTA.search(words) else RateLimited
    return _refusal_by_words(words) or _class_by_status(reply, words)


def _class_by_status(reply: Reply, words: str) -> type[SoraError]:
    if _NOT_READY.search(words):
        return NotReady
    if reply.status in (404, 410) or _NOT_FOUND.search(words):
        return BadResponse if is_no_route(reply) else JobNotFound
    return AuthError if reply.status == 403 else RequestRejected


def is_no_route(reply: Reply) -> bool:
    """Whether a 404 is one of whoever stands at the address, rather than the API's about a job."""
    value = parse(reply.body)
    if reply.status != 404 or isinstance(dig(value, "error"), dict):
        return False
    if not isinstance(value, dict):
        return True
    said = next((found for key in ("message", "msg", "error") if (found := text_of(value.get(key)))), "")
    return value.get("code") is None and bool(_NO_ROUTE.fullmatch(said.strip(" .")))


def _is_wall(reply: Reply) -> bool:
    """A firewall's page: an API that refuses a key says so in its own form."""
    return reply.status in (403, 406) and is_html(reply.body)


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
