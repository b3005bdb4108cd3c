"""The Name_ protocol: `POST /jobs`, then `GET /jobs/{id}` until the phase is "plated".

Source: DOCUMENT, as of DATE.
"""

from __future__ import annotations

from urllib.parse import quote

from ..errors import BadResponse, JobNotFound
from ..models import Capabilities, Effect, Field, Operation, Snapshot, State
from ..requests.kinds import Request, VideoRequest
from ..transport import Call, Reply
from . import _relay as relay
from ._answers import normalize
from ._base import Provider

CAN = Capabilities(
    operations=frozenset((Operation.TEXT_TO_VIDEO,)),
    seconds=(5, 10),
    sizes=("1280x720", "720x1280"),
    size_for={("landscape", "standard"): "1280x720", ("portrait", "standard"): "720x1280"},
    default_seconds=5,
    fields=frozenset((Field.SEED,)),
    poll_seconds=5.0,
)
PHASES = {"waiting": State.QUEUED, "cooking": State.RUNNING, "plated": State.SUCCEEDED, "burnt": State.FAILED}


class Name_(Provider):
    """Servers that speak the Name_ protocol."""

    name = "name_"

    def capabilities(self) -> Capabilities:
        return CAN

    def base_url(self) -> str:
        return self.profile.base_url.strip().rstrip("/")

    def encode_submit(self, request: Request) -> Call:
        assert isinstance(request, VideoRequest), "the only operation above"
        body = {
            **relay.extra_fields(self.profile),
            "text": request.prompt,
            "length": request.seconds,
            "resolution": request.size,
            "seed": request.seed,
        }
        return Call("POST", "/jobs", Effect.CHARGE, json=body)

    def encode_fetch(self, remote_id: str) -> Call:
        return Call("GET", f"/jobs/{quote(remote_id, safe='')}", Effect.READ, timeout=30)

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if not snapshot.url:
            raise JobNotFound("newapi.server_names_no_link_result", provider=self.name)
        return Call("GET", snapshot.url, Effect.READ)

    def decode(self, reply: Reply) -> Snapshot:
        job = normalize.dig(normalize.parse(reply.body), "job")
        if not isinstance(job, dict):
            raise BadResponse("answer.no_job", error=normalize.failure_of(reply).message)
        # a new word must not end a paid job: what is unknown is running
        state = PHASES.get(str(job.get("phase")).lower(), State.RUNNING)
        return Snapshot(
            state=state,
            remote_id=normalize.id_of(job) or "",
            url=normalize.url_of({"url": job.get("file")}, self.base_url(), state),
            failure=normalize.job_failure(job) if state is State.FAILED else None,
            poll_after=normalize.poll_after_of(reply),
        )
