"""The Shenma protocol: `POST /v2/videos/generations`, as its family of relays (Comfly, bltcy, plato) speaks it.

Source: the "Sora 2 API 集成指南" of the Shenma relay; what differs in the wild follows Comfyui_Comfly.
Peculiar: JSON that calls itself text/plain; the link in `data.output` and many other places, and sometimes
some polls after SUCCESS; an endpoint that a relay lacks answers with its home page and HTTP 200; a job is
reviewed three times, and `private` jobs cannot be remixed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from .. import texts
from ..errors import BadResponse, JobNotFound, RequestRejected, SoraError, Unsupported
from ..models import Capabilities, ClipForm, Effect, Failure, Field, ImageForm, Operation, Quota, Snapshot, State
from ..requests.kinds import CharacterRequest, RemixRequest, Request, VideoRequest
from ..transport import Call, Http, Reply
from . import _relay as relay
from ._answers import normalize
from ._base import Provider

MODEL, PRO_MODEL = "sora-2", "sora-2-pro"
RAW_PER_UNIT = 500_000  # the site shows quota in units of so many raw ones
FLAGS = ("private", "watermark")
ASPECTS = {"landscape": "16:9", "portrait": "9:16"}

CAN = Capabilities(
    operations=frozenset(
        (
            Operation.TEXT_TO_VIDEO,
            Operation.IMAGE_TO_VIDEO,
            Operation.STORYBOARD,
            Operation.REMIX,
            Operation.CREATE_CHARACTER,
        )
    ),
    seconds=(10, 15, 25),
    sizes=(),
    size_for={(orientation, quality): "" for orientation in ASPECTS for quality in ("standard", "hd")},
    default_seconds=10,
    models=(MODEL, PRO_MODEL),
    fields=frozenset((Field.CHARACTERS,)),
    image_limit=10,
    image_forms=frozenset((ImageForm.URL, ImageForm.DATA)),
    image_bytes_limit=10 * 2**20,
    clip_forms=frozenset((ClipForm.URL, ClipForm.JOB)),
    poll_seconds=5.0,
    has_quota=True,
)

# What was reviewed; what to change then is in `locales/`.
REVIEWS = ("prompt_review_failed", "image_review_failed", "result_review_failed")
_TAIL = re.compile(r"(?:/sora)?/v[12](?:/(?:videos|token|characters)(?:/.*)?)?$")


class Shenma(Provider):
    """Relays below a `/v2/videos/generations`, with characters, remix and quota."""

    name = "shenma"

    def capabilities(self) -> Capabilities:
        relay.check_dialect(self.profile, ("",))
        for name in FLAGS:
            relay.flag(self.profile, name)
        own = self.profile.model
        return CAN if not own or own in CAN.models else replace(CAN, models=(*CAN.models, own))

    def base_url(self) -> str:
        return _TAIL.sub("", self.profile.base_url.strip().rstrip("/")).rstrip("/")

    def settle(self, request: Request) -> Request:
        if isinstance(request, RemixRequest) and relay.flag(self.profile, "private"):
            raise Unsupported("shenma.profile_submits_jobs_as_private", profile=self.profile.name)
        if not isinstance(request, VideoRequest):
            return request
        # without a model that is named, only hd takes the dearer one: sora-2 makes every length
        model = request.model or self.profile.model or (PRO_MODEL if request.quality == "hd" else MODEL)
        if model == MODEL and request.quality == "hd":
            raise Unsupported("shenma.model_has_no_hd_allowed", model=MODEL, pro_model=PRO_MODEL)
        return replace(request, model=model)

    def encode_submit(self, request: Request) -> Call:
        if isinstance(request, CharacterRequest):
            return self._charge("/sora/v1/characters", relay.character_body(request))
        if isinstance(request, RemixRequest):
            path = f"/v1/videos/{quote(request.source_id, safe='')}/remix"
            return self._charge(path, {"prompt": relay.prompt_text(request)})
        assert isinstance(request, VideoRequest)
        images = relay.images(request)
        body = {
            **relay.extra_fields(self.profile, flags=FLAGS),
            "model": request.model,
            "prompt": relay.prompt_text(request),
            "aspect_ratio": ASPECTS[request.orientation],
            "duration": request.seconds,
            "hd": request.quality == "hd",
            **({"images": images} if images else {}),
        }
        return self._charge("/v2/videos/generations", body)

    def _charge(self, path: str, body: dict[str, Any]) -> Call:
        return Call("POST", path, Effect.CHARGE, json=body, headers={"pragma": "no-cache"}, timeout=180)

    def _read(self, path: str) -> Call:
        return Call("GET", path, Effect.READ, headers={"pragma": "no-cache"}, timeout=30)

    def encode_fetch(self, remote_id: str) -> Call:
        return self._read(f"/v2/videos/generations/{quote(remote_id, safe='')}")

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if not snapshot.url:
            raise JobNotFound("shenma.server_names_no_link_result", provider=self.name)
        return Call("GET", snapshot.url, Effect.READ)

    def decode(self, reply: Reply) -> Snapshot:
        value = normalize.parse(reply.body)
        character = relay.finished_character(value)
        if character and not normalize.dig(value, "task_id"):  # a video may come with its author's name
            return Snapshot(State.SUCCEEDED, character.get("id", ""), progress=100.0, result=character)
        snapshot = relay.still_coming(super().decode(reply))
        review = _review(snapshot.failure)
        if snapshot.failure and review:
            message = f"{snapshot.failure.message} ({texts.text(f'shenma.{review}', 'fix')})"
            snapshot = replace(snapshot, failure=Failure(message, snapshot.failure.code or review))
        return snapshot

    def judge(self, reply: Reply) -> SoraError:
        error = super().judge(reply)
        review = _review(Failure(error.message, error.code))
        if review:
            error.advise(f"shenma.{review}")
        return error

    async def quota(self, http: Http) -> Quota:
        """In the units that the relay's site shows; the unit says how many raw ones that is."""
        try:
            reply = await http.send(self._read("/v1/token/quota"))
        except (JobNotFound, RequestRejected) as error:
            raise Unsupported("shenma.server_profile_has_no_quota", profile=self.profile.name) from error
        value = normalize.parse(reply.body)
        value = value["data"] if isinstance(normalize.dig(value, "data"), dict) else value
        raw = [normalize.number_of(normalize.dig(value, f"{name}_quota")) for name in ("remaining", "used", "total")]
        remaining, used, total = (None if number is None else number / RAW_PER_UNIT for number in raw)
        if remaining is None and used is None and total is None:
            raise BadResponse("shenma.server_s_answer_no_quota", reason=normalize.failure_of(reply).message)
        if remaining is None and total is not None and used is not None:
            remaining = total - used
        return Quota(remaining=remaining, used=used, total=total, unit=f"display units ({RAW_PER_UNIT} raw each)")


def _review(failure: Failure | None) -> str | None:
    words = f"{failure.code} {failure.message}" if failure else ""
    return next((code for code in REVIEWS if code in words), None)
