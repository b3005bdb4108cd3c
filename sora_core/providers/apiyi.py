"""The apiyi relay: `POST /v1/videos` as multipart, and results behind its own `/content`.

Source: Sora-2 API manual of apiyi v1.0.0 (2025-10-29). Peculiar to it:

- The key goes raw, without "Bearer" (`--auth raw`, its default here). Newer pages of the service describe
  Bearer, JSON and 4, 8 or 12 seconds instead: that is the `openai` provider.
- `model`, `size` and `seconds` are required. The link of a result is the job's own `/content`, which wants the
  key, so it is asked for by path. A failed job's `error` is a plain text.
- A storyboard is written out in the prompt, and counts against its 999 characters.
- 10 requests a minute, 5 jobs at once, a poll every 30 seconds.
- The manual advises to submit again when a job takes more than 10 minutes. That would pay for it twice; it is
  not done: the job stays in the ledger and is collected when it is ready.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from ..errors import AuthError, JobNotFound, SoraError, Unsupported
from ..models import Capabilities, Effect, Operation, Snapshot
from ..requests.kinds import Request, VideoRequest
from ..transport import Call, Reply
from ._base import Provider

MODEL = "sora-2"
SIZE_FOR = {("landscape", "standard"): "1280x720", ("portrait", "standard"): "720x1280"}
IMAGE_TYPES = ("image/png", "image/jpeg")


class ApiYi(Provider):
    """The relay at apiyi.com and those that speak as it does."""

    name = "apiyi"
    default_auth = "raw"

    def capabilities(self) -> Capabilities:
        own = self.profile.model
        return Capabilities(
            operations=frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD)),
            seconds=(10, 15),
            sizes=tuple(SIZE_FOR.values()),
            size_for=SIZE_FOR,
            default_seconds=10,
            models=(MODEL,) if own in ("", MODEL) else (own, MODEL),
            prompt_limit=999,
            image_bytes_limit=10_000_000 - 1,
            poll_seconds=30.0,
            requests_per_minute=10,
            max_jobs=5,
        )

    def base_url(self) -> str:
        root = self.profile.base_url.strip().rstrip("/").removesuffix("/videos")
        return root if re.search(r"/v\d+$", root) else root + "/v1"

    def settle(self, request: Request) -> Request:
        """Fills in the model, and holds image types to the manual's."""
        assert isinstance(request, VideoRequest)
        for image in request.images:
            if image.media_type not in IMAGE_TYPES:
                kind = f"The image {image.filename} is {image.media_type}"
                raise Unsupported("apiyi.profile_takes_png_jpeg", kind=kind, profile=self.profile.name)
        return replace(request, model=request.model or self.profile.model or MODEL)

    def encode_submit(self, request: Request) -> Call:
        assert isinstance(request, VideoRequest)
        form = {
            **self.profile.extra,
            "prompt": self.sent_prompt(request),
            "model": request.model,
            "size": request.size,
            "seconds": str(request.seconds),
        }
        files = tuple(("input_reference", image) for image in request.images)
        headers = {"accept": "application/json"}
        return Call("POST", "/videos", Effect.CHARGE, form=form, files=files, headers=headers, timeout=180)

    def encode_fetch(self, remote_id: str) -> Call:
        return Call("GET", f"/videos/{quote(remote_id, safe='')}", Effect.READ, timeout=30)

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        own = f"/videos/{quote(remote_id, safe='')}/content"
        if snapshot.url and not (remote_id and snapshot.url.partition("?")[0].endswith(own)):
            return Call("GET", snapshot.url, Effect.READ)
        if not remote_id:
            raise JobNotFound("apiyi.server_named_neither_link_nor", provider=self.name)
        return Call("GET", own, Effect.READ)

    def judge(self, reply: Reply) -> SoraError:
        error = super().judge(reply)
        if isinstance(error, AuthError) and reply.status == 403:
            error.advise("apiyi.key_or_balance")
        return error
