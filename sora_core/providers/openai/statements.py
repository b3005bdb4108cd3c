"""What self-hosted servers state beside the HTTP status, and what their texts mean in plain words. Pure.

Recorded from the servers themselves; see `tests/conformance/cassettes`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from ...errors import JobFailed, RequestRejected, SoraError
from ...models import Failure, Snapshot, State
from ...transport import Reply
from .._answers import normalize

_DEAD_WORKER = re.compile(r"worker exited|restart the server", re.IGNORECASE)  # SGLang, for ever until someone does
_ENDED = (State.FAILED, State.CANCELED)


class StatedEnd(JobFailed):
    """A job that has ended badly by the word of the answer's body; ``snapshot`` has its id and the reason."""

    stated = True

    def __init__(self, snapshot: Snapshot, *, provider: str) -> None:
        failure = snapshot.failure or Failure("the server gave no reason")
        super().__init__(f"The job failed on the server: {failure.message}", provider=provider, code=failure.code)
        self.snapshot = snapshot

    @property
    def kind(self) -> str:
        return JobFailed.__name__


def stated_end(reply: Reply, base_url: str) -> Snapshot | None:
    """The ended job that an answer's body is (vLLM-Omni), or that a proxy wraps in its error's text (LiteLLM).

    A wrapped one comes without its id: that is the id behind the proxy, and nobody else's business.
    """
    value = normalize.parse(reply.body)
    if _is_job(value):
        return _ended(value, reply, base_url)
    text = normalize.text_of(normalize.dig(value, "error.message")) or ""
    for start in (found.start() for found in re.finditer(r"\{", text)):
        inner = normalize.loads(text[start:])
        if _is_job(inner):
            ended = _ended(inner, reply, base_url)
            return replace(ended, remote_id="") if ended else None
    return None


def _is_job(value: Any) -> bool:
    """An error page of whoever stands between has no such thing."""
    return isinstance(value, dict) and value.get("object") == "video" and isinstance(value.get("id"), str)


def _ended(value: dict[str, Any], reply: Reply, base_url: str) -> Snapshot | None:
    body = json.dumps(value).encode()
    snapshot = normalize.snapshot_of(Reply(200, reply.headers, body, reply.url), base_url=base_url)
    return snapshot if snapshot and snapshot.state in _ENDED else None


def stated(error: SoraError) -> SoraError:
    """The error, marked as the server's own word: what it says of the request is so."""
    error.stated = True
    return error


def told(error: SoraError, reply: Reply) -> SoraError:
    """The error in the words that help, where the server's own are of no use to whoever reads them."""
    if _DEAD_WORKER.search(error.message) and reply.status == 503:
        return stated(
            RequestRejected("openai.dead_worker", provider=error.provider, code=error.code, said=error.message)
        )
    if reply.status == 415:
        wants_json = "json" in error.message.lower()
        text = "openai.wants_json" if wants_json else "openai.wants_form"
        return RequestRejected(text, provider=error.provider, code=error.code, said=error.message)
    return error
