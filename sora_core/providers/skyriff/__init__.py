"""The SkyRiff relay: `POST /v1/videos` with everything in the model's name, and a chat form.

Source: SkyRiff Sora2 API document v1.0 (2024-12-22). Peculiar to it:

- A model's name carries orientation, length and definition. It is chosen from the request; a model that is
  named wins, and then the other facts come from its name.
- Text and `image_url` go as JSON, a file as multipart. A failed job has no error field. `progress` 100 proves
  nothing. The link is `video_url`; `/content` is slow and only used without one.
- A storyboard is written out in the prompt; the document has no other place for it.
- Dialect "chat": `POST /v1/chat/completions`, streamed unless the profile's extra says `stream = false`.
- Clean links are chat calls, never streamed: of a post by its address, or the one that the relay picks of the
  account's drafts (source "drafts"). The latter hands the account's access token to the relay. The token is
  read from the environment variable that the profile's extra `drafts_token_env` names; the ledger and the
  fingerprint know a hash of it, and nothing prints it.
  The drafts move on while the request stays the same: a new take (seed) asks for the one of today.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ...errors import InvalidRequest, JobNotFound, ProfileError, Unsupported
from ...models import Capabilities, Effect, Failure, ImageForm, Operation, Secret, Setting, Snapshot, State
from ...requests.kinds import CleanLinkRequest, Request, VideoRequest
from ...requests.settings import on_the_wire
from ...transport import Call, Http, Reply
from .. import _chat as chat
from .. import _relay as relay
from .._base import Attempt, Provider
from .models import CHAT_MODELS, MODELS, SIZES, chosen, settled

POST_MODEL, DRAFTS_MODEL = "sora_url", "sora-drafts-url"
DIALECTS = ("", "chat")
OPERATIONS = frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD, Operation.CLEAN_LINK))
SETTINGS = ("drafts_token_env", "stream")
DRAFTS = "drafts"
RENDITIONS = ("mp4", "mp4_wm")  # without the mark, and with it
NO_REASON = "this service gives no reason; its reviews of prompt, image and result refuse a job even late"


class SkyRiff(Provider):
    """A relay of the SkyRiff family, or its chat form."""

    name = "skyriff"

    def capabilities(self) -> Capabilities:
        relay.check_dialect(self.profile, DIALECTS)
        known = [MODELS[model] for model in self._models]
        return Capabilities(
            operations=OPERATIONS,
            seconds=tuple(sorted({facts.seconds for facts in known})),
            sizes=tuple(SIZES.values()),
            # none is asked for: the model's name says it, and a size that the user names is told apart
            size_for={(facts.orientation, facts.quality): "" for facts in known},
            models=self._models,
            settings={"rendition": Setting("string", choices=RENDITIONS)},
            takes_settings=frozenset((Operation.CLEAN_LINK,)),
            image_forms=frozenset(
                (ImageForm.URL, ImageForm.DATA) if self._is_chat else (ImageForm.FILE, ImageForm.URL)
            ),
            poll_seconds=5.0,
            deadline_seconds=2 * 60.0 * max(facts.minutes for facts in MODELS.values()),
        )

    @property
    def _is_chat(self) -> bool:
        return self.profile.dialect == "chat"

    @property
    def _models(self) -> tuple[str, ...]:
        return CHAT_MODELS if self._is_chat else tuple(MODELS)

    def base_url(self) -> str:
        url = self.profile.base_url.strip().rstrip("/")
        root = url.removesuffix("/videos").removesuffix("/chat/completions").rstrip("/")
        return root if re.search(r"/v\d+$", root) else root + "/v1"

    def settle(self, request: Request) -> Request:
        """Picks the model, or takes the facts from the one that is named."""
        if isinstance(request, CleanLinkRequest):
            return self._settle_source(request)
        assert isinstance(request, VideoRequest)
        if request.settings:
            raise Unsupported("skyriff.no_settings", profile=self.profile.name)
        named = request.model or self.profile.model
        if named and named not in self._models:
            raise Unsupported(
                "skyriff.profile_has_no_model_allowed",
                profile=self.profile.name,
                named=named,
                models=", ".join(self._models),
            )
        return settled(request, named or chosen(request, self._models))

    def _settle_source(self, request: CleanLinkRequest) -> CleanLinkRequest:
        if request.source_url:
            address = request.source_url.strip()
            if not re.fullmatch(r"https?://\S+", address):
                raise InvalidRequest("skyriff.no_address_post_looks_like", address=address[:80])
            return replace(request, source_url=address, source_id="", model=POST_MODEL)
        if request.source_id not in ("", DRAFTS):
            raise Unsupported(
                "skyriff.skyriff_protocol_finds_clean_link", drafts=DRAFTS, source_id=request.source_id[:80]
            )
        return replace(request, source_id=_known_by(self._drafts_token()), model=DRAFTS_MODEL)

    def _drafts_token(self) -> Secret:
        variable = self.profile.extra.get("drafts_token_env", "")
        token = os.environ.get(variable, "").strip() if variable else ""
        if not token:
            said = "skyriff.drafts_token_empty" if variable else "skyriff.no_drafts_token"
            fix = "skyriff.no_drafts_token"
            raise ProfileError(said, profile=self.profile.name, variable=variable, fix=fix)
        if not re.fullmatch(r"[\w.~+/=-]+", token, re.ASCII):
            raise ProfileError("skyriff.environment_variable_holds_no_token", variable=variable)
        return Secret(token)

    def encode_submit(self, request: Request) -> Call:
        if isinstance(request, CleanLinkRequest):
            content = request.source_url or self._token_for(request)
            return _talk({"model": request.model, "stream": False, "messages": chat.messages(content)})
        assert isinstance(request, VideoRequest)
        extra = relay.extra_fields(self.profile, settings=SETTINGS)
        own: dict[str, Any] = {"model": request.model}
        if self._is_chat:
            stream = relay.flag(self.profile, "stream") is not False
            messages = chat.messages(relay.prompt_text(request), relay.images(request))
            return _talk({**extra, **own, "stream": stream, "messages": messages})
        own["prompt"] = relay.prompt_text(request)
        if not request.images:
            own |= {"image_url": request.image_urls[0]} if request.image_urls else {}
            return Call("POST", "/videos", Effect.CHARGE, json={**extra, **own}, timeout=180)
        texts = {name: text for name, text in self.profile.extra.items() if name not in SETTINGS}
        form = {**texts, **own, "seconds": str(request.seconds), **({"size": request.size} if request.size else {})}
        files = tuple(("input_reference", image) for image in request.images)
        return Call("POST", "/videos", Effect.CHARGE, form=form, files=files, timeout=180)

    def _token_for(self, request: CleanLinkRequest) -> Secret:
        token = self._drafts_token()
        if request.source_id != _known_by(token):
            raise ProfileError("skyriff.account_token_changed_while_request")
        return token

    async def submit(self, http: Http, request: Request, attempt: Attempt) -> Snapshot:
        """Charges once; a chat answer is read as it comes."""
        if not self._is_chat and request.operation is not Operation.CLEAN_LINK:
            return await super().submit(http, request, attempt)
        sent = "\n".join(_texts(request))
        rendition = _rendition(request, self.capabilities(), self.profile.name)
        reader = chat.Reader(
            attempt.tell, attempt.on_remote_id, sent=sent, base_url=self.base_url(), rendition=rendition
        )
        return chat.snapshot_of(await chat.converse(http, self.encode_submit(request), attempt, reader))

    def encode_fetch(self, remote_id: str) -> Call:
        if not remote_id:
            raise JobNotFound("skyriff.answer_link_named_no_job")
        return Call("GET", f"/videos/{quote(remote_id, safe='')}", Effect.READ, timeout=30)

    def decode(self, reply: Reply) -> Snapshot:
        snapshot = super().decode(reply)
        if snapshot.state is State.FAILED and snapshot.failure is None:
            return replace(snapshot, failure=Failure(NO_REASON))
        return snapshot

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if snapshot.url:
            return Call("GET", snapshot.url, Effect.READ)
        if not remote_id:
            raise JobNotFound("skyriff.server_named_neither_link_nor", provider=self.name)
        return Call("GET", f"/videos/{quote(remote_id, safe='')}/content", Effect.READ, timeout=180)


def _rendition(request: Request, can: Capabilities, profile: str) -> str:
    """Which of the links of a clean link's answer is fetched."""
    if not isinstance(request, CleanLinkRequest):
        return RENDITIONS[0]
    return str(on_the_wire(request.settings, can, profile).get("rendition", RENDITIONS[0]))


def _texts(request: Request) -> list[str]:
    """What an answer may repeat of a request."""
    if isinstance(request, VideoRequest):
        return [relay.prompt_text(request), *request.image_urls]
    return [request.source_url] if isinstance(request, CleanLinkRequest) else []


def _talk(body: dict[str, Any]) -> Call:
    return Call("POST", "/chat/completions", Effect.CHARGE, json=body, timeout=chat.ANSWER_SECONDS)


def _known_by(token: Secret) -> str:
    """What the ledger and the fingerprint know the drafts of an account by."""
    return f"{DRAFTS}:{hashlib.sha256(token.reveal().encode()).hexdigest()[:16]}"
