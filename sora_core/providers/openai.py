"""The OpenAI Videos protocol: `POST /v1/videos`, the one that relays and self-hosted servers speak.

Source: openai-python `resources/videos.py` and `types/video*.py`; how servers differ from it is in
`_normalize` (shared) and in the dialects below.
"""

from __future__ import annotations

import json
import re
from datetime import date
from urllib.parse import quote, urlsplit

from ..errors import BadResponse, JobNotFound, ProfileError, RequestRejected, Unsupported
from ..models import Capabilities, Effect, GenerationRequest, Operation, Quota, SizeRange, Snapshot
from ..transport import Call, Http, Reply
from . import _normalize as normalize
from ._base import Provider

ENDED_HOSTS = ("openai.com", "chatgpt.com")
ENDED_ON = date(2026, 9, 24)

_OPERATIONS = frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD, Operation.REMIX))
_OPEN_SIZES = {
    ("landscape", "standard"): "1280x720",
    ("portrait", "standard"): "720x1280",
    ("square", "standard"): "720x720",
    ("landscape", "hd"): "1920x1080",
    ("portrait", "hd"): "1080x1920",
    ("square", "hd"): "1080x1080",
}
_OPENAI_SIZES = {
    ("landscape", "standard"): "1280x720",
    ("portrait", "standard"): "720x1280",
    ("landscape", "hd"): "1792x1024",
    ("portrait", "hd"): "1024x1792",
}

# What a server can do is a dialect of the profile. The default takes what most servers take and
# leaves finer limits to the server; "openai" holds to the limits that OpenAI documented.
DIALECTS = {
    "": Capabilities(
        operations=_OPERATIONS,
        seconds=range(1, 61),
        sizes=SizeRange(64, 4096),
        size_for=_OPEN_SIZES,
        default_seconds=4,
        poll_seconds=2.0,
        can_list=True,
        can_cancel=True,
        has_quota=True,
    ),
    "openai": Capabilities(
        operations=_OPERATIONS,
        seconds=(4, 8, 12, 16, 20),
        sizes=(*_OPENAI_SIZES.values(), "1920x1080", "1080x1920"),
        size_for=_OPENAI_SIZES,
        default_seconds=4,
        poll_seconds=5.0,
        can_list=True,
        can_cancel=True,
    ),
    "preview": Capabilities(
        operations=_OPERATIONS,
        seconds=range(1, 61),
        sizes=SizeRange(64, 2048),
        size_for=_OPEN_SIZES,
        default_seconds=4,
        fields=frozenset(("negative_prompt", "seed", "shots", "style")),
        poll_seconds=0.5,
        can_list=True,
        can_cancel=True,
        has_quota=True,
        free=True,
    ),
}


class OpenAI(Provider):
    """Any server below a `/v1/videos`."""

    name = "openai"

    def capabilities(self) -> Capabilities:
        try:
            return DIALECTS[self.profile.dialect]
        except KeyError:
            known = ", ".join(name for name in DIALECTS if name)
            raise ProfileError(
                f"Profile '{self.profile.name}' names the dialect '{self.profile.dialect}', which the openai "
                f"provider does not know; allowed: {known}, or leave it out."
            ) from None

    def base_url(self) -> str:
        url = self.profile.base_url.strip().rstrip("/")
        host = (urlsplit(url).hostname or "").lower()
        if any(host == ended or host.endswith("." + ended) for ended in ENDED_HOSTS):
            raise ProfileError(
                f"OpenAI ended its Videos API on {ENDED_ON.isoformat()}, so '{host}' makes no videos any more. "
                "Use a server of your own or a relay that speaks the same protocol, or the profile 'preview'."
            )
        root = url.removesuffix("/videos")
        return root if re.search(r"/v\d+$", root) else root + "/v1"

    def encode_submit(self, request: GenerationRequest) -> Call:
        fields = self._fields(request)
        if request.operation is Operation.REMIX:
            path = f"/videos/{quote(request.source_id, safe='')}/remix"
            return Call("POST", path, Effect.CHARGE, json=fields, timeout=180)
        files = tuple(("input_reference", image) for image in request.images)
        # Always multipart, as the official client sends it: some servers read nothing else.
        return Call("POST", "/videos", Effect.CHARGE, form=fields, files=files, timeout=180)

    def _fields(self, request: GenerationRequest) -> dict[str, str]:
        takes = self.capabilities().fields
        own = {
            "prompt": _prompt(request, as_text="shots" not in takes),
            "model": request.model or self.profile.model,
            "seconds": str(request.seconds) if request.seconds else "",
            "size": request.size,
            "seed": str(request.seed) if "seed" in takes else "",
            "negative_prompt": request.negative_prompt,
            "style": request.style,
            "shots": _shots_json(request) if "shots" in takes else "",
        }
        return {**self.profile.extra, **{name: value for name, value in own.items() if value}}

    def encode_fetch(self, remote_id: str) -> Call:
        return Call("GET", f"/videos/{quote(remote_id, safe='')}", Effect.READ, timeout=30)

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if snapshot.url:
            return Call("GET", snapshot.url, Effect.READ)
        if not remote_id:
            raise JobNotFound("The server named neither a link nor an id for the result.", provider=self.name)
        path = f"/videos/{quote(remote_id, safe='')}/content"
        return Call("GET", path, Effect.READ, headers={"accept": "application/binary"})

    def encode_cancel(self, remote_id: str) -> Call:
        return Call("DELETE", f"/videos/{quote(remote_id, safe='')}", Effect.IDEMPOTENT)

    def encode_list(self, after: str | None) -> Call:
        query = {"limit": "100", "order": "desc", **({"after": after} if after else {})}
        return Call("GET", "/videos", Effect.READ, query=query, timeout=30)

    def decode_list(self, reply: Reply) -> tuple[list[Snapshot], str | None]:
        page = normalize.parse(reply.body)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise BadResponse(f"The server's list of videos is not one: {normalize.failure_of(reply).message}")
        jobs = [self.decode(Reply(200, {}, json.dumps(item).encode(), reply.url)) for item in page["data"]]
        last = normalize.text_of(page.get("last_id")) or (jobs[-1].remote_id if jobs else None)
        return jobs, last if page.get("has_more") is True else None

    async def quota(self, http: Http) -> Quota:
        """The billing pages that one-api and new-api relays have; other servers have none."""
        try:
            limits = normalize.parse((await http.send(_read("/dashboard/billing/subscription"))).body)
            usage = normalize.parse((await http.send(_read("/dashboard/billing/usage"))).body)
        except (JobNotFound, RequestRejected, BadResponse) as error:
            raise Unsupported(
                f"The server of profile '{self.profile.name}' has no quota to read; its operator's page may."
            ) from error
        total = normalize.number_of(normalize.dig(limits, "hard_limit_usd"))
        cents = normalize.number_of(normalize.dig(usage, "total_usage"))
        used = None if cents is None else cents / 100
        remaining = None if total is None or used is None else total - used
        return Quota(remaining=remaining, used=used, total=total, unit="USD")

    async def models(self, http: Http) -> list[str]:
        listing = normalize.parse((await http.send(_read("/models"))).body)
        entries = normalize.dig(listing, "data")
        if not isinstance(entries, list):
            raise BadResponse("The server's list of models is not one.")
        return [name for name in (normalize.text_of(normalize.dig(entry, "id")) for entry in entries) if name]


def _read(path: str) -> Call:
    return Call("GET", path, Effect.READ, timeout=30)


def _prompt(request: GenerationRequest, *, as_text: bool) -> str:
    """The prompt; shots go into it as text where the protocol has no field for them."""
    if not request.shots or not as_text:
        return request.prompt
    lines = [
        f"Shot {number}:\nduration: {shot.seconds:g}sec\nScene: {shot.text}"
        for number, shot in enumerate(request.shots, 1)
    ]
    return "\n\n".join([*lines, *([request.prompt] if request.prompt else [])])


def _shots_json(request: GenerationRequest) -> str:
    shots = [{"text": shot.text, "seconds": shot.seconds} for shot in request.shots]
    return json.dumps(shots, ensure_ascii=False) if shots else ""
