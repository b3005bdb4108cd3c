"""The SkyRiff relay: `POST /v1/videos` with everything in the model's name, and a chat form.

Source: SkyRiff Sora2 API document v1.0 (2024-12-22). Peculiar to it:

- A model's name carries orientation, length and definition. It is chosen from the request; a model that is
  named wins, and then the other facts come from its name.
- Text and `image_url` go as JSON, a file as multipart. A failed job has no error field. `progress` 100 proves
  nothing. The link is `video_url`; `/content` is slow and only used without one.
- Dialect "chat": `POST /v1/chat/completions`, streamed unless the profile's extra says `stream = false`.
- Clean links are chat calls, never streamed: of a post by its address, or of the account's drafts. The latter
  hands the account's access token to the relay. The token is read from the environment variable that
  `extra.drafts_token_env` names; the ledger and the fingerprint know a hash of it and nothing prints it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from ..errors import JobNotFound, ProfileError, SoraError, Unsupported
from ..models import Capabilities, Effect, Failure, GenerationRequest, Operation, Secret, Snapshot, State
from ..transport import Call, Http, Reply
from . import _chat as chat
from . import _normalize as normalize
from ._base import Attempt, Provider


@dataclass(frozen=True)
class Facts:
    """What a model's name says. ``minutes`` is the longest that the document gives it."""

    orientation: str
    seconds: int
    quality: str = "standard"
    minutes: int = 5


MODELS = {
    "sora2-landscape": Facts("landscape", 10),
    "sora2-portrait": Facts("portrait", 10),
    "sora2-landscape-15s": Facts("landscape", 15),
    "sora2-portrait-15s": Facts("portrait", 15),
    "sora2-pro-landscape-25s": Facts("landscape", 25, minutes=30),
    "sora2-pro-portrait-25s": Facts("portrait", 25, minutes=30),
    "sora2-pro-landscape-hd-15s": Facts("landscape", 15, "hd", minutes=30),
    "sora2-pro-portrait-hd-15s": Facts("portrait", 15, "hd", minutes=30),
}
CHAT_MODELS = tuple(name for name in MODELS if "-pro-" not in name)
SIZES = {"landscape": "1280x720", "portrait": "720x1280"}
POST_MODEL, DRAFTS_MODEL = "sora_url", "sora-drafts-url"
DIALECTS = ("", "chat")
_SETTINGS = frozenset(("drafts_token_env", "stream"))
_DRAFTS = "drafts:"


class SkyRiff(Provider):
    """A relay of the SkyRiff family."""

    name = "skyriff"

    def capabilities(self) -> Capabilities:
        if self.profile.dialect not in DIALECTS:
            raise ProfileError(
                f"Profile '{self.profile.name}' names the dialect '{self.profile.dialect}', which the skyriff "
                "provider does not know; allowed: chat, or leave it out."
            )
        models = CHAT_MODELS if self._is_chat else tuple(MODELS)
        known = [MODELS[model] for model in models]
        return Capabilities(
            operations=frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.CLEAN_LINK)),
            seconds=tuple(sorted({facts.seconds for facts in known})),
            sizes=tuple(SIZES.values()),
            # none is asked for: the model's name says it, and an explicit size can then be told apart
            size_for={(facts.orientation, facts.quality): "" for facts in known},
            models=models,
            image_forms=frozenset(("url", "data") if self._is_chat else ("file", "url")),
            poll_seconds=5.0,
            deadline_seconds=2 * 60.0 * max(facts.minutes for facts in MODELS.values()),
        )

    @property
    def _is_chat(self) -> bool:
        return self.profile.dialect == "chat"

    def base_url(self) -> str:
        url = self.profile.base_url.strip().rstrip("/")
        root = url.removesuffix("/videos").removesuffix("/chat/completions")
        return root if re.search(r"/v\d+$", root) else root + "/v1"

    def settle(self, request: GenerationRequest) -> GenerationRequest:
        """Picks the model, or takes the facts from the one that is named."""
        if request.operation is Operation.CLEAN_LINK:
            return self._settle_source(request)
        model = request.model or self.profile.model
        model = model if model in MODELS else self._model_for(request, model)
        facts = MODELS[model]
        if model not in self.capabilities().models:
            raise Unsupported(f"The chat form has no model '{model}'; allowed: {', '.join(CHAT_MODELS)}.")
        _check(request, model, facts)
        size = request.size or ("" if "-pro-" in model else SIZES[facts.orientation])
        return replace(
            request,
            model=model,
            seconds=facts.seconds,
            orientation=facts.orientation,
            quality=facts.quality,
            size=size,
        )

    def _model_for(self, request: GenerationRequest, named: str) -> str:
        if named:
            raise ProfileError(f"Profile '{self.profile.name}': no model '{named}'; allowed: {', '.join(MODELS)}.")
        orientation = request.orientation
        if orientation == "landscape" and request.size:  # the default; a size says more
            orientation = next(name for name, size in SIZES.items() if size == request.size)
        seconds = request.seconds or (15 if request.quality == "hd" else 10)
        wanted = (orientation, seconds, request.quality)
        for model in self.capabilities().models:
            facts = MODELS[model]
            if (facts.orientation, facts.seconds, facts.quality) == wanted:
                return model
        lengths = {
            facts.seconds
            for model, facts in MODELS.items()
            if facts.quality == request.quality and model in self.capabilities().models
        }
        raise Unsupported(
            f"Profile '{self.profile.name}' has no model for {orientation} video of {seconds} seconds in "
            f"{request.quality} quality; in {request.quality} quality it makes "
            f"{', '.join(map(str, sorted(lengths))) or 'no'} seconds."
        )

    def _settle_source(self, request: GenerationRequest) -> GenerationRequest:
        if request.source_url:
            address = request.source_url.strip()
            if not re.fullmatch(r"https?://\S+", address):
                raise Unsupported(f"'{address[:80]}' is no address of a post; it looks like https://…/p/s_….")
            return replace(request, source_url=address, source_id="", model=POST_MODEL)
        if request.source_id not in ("", "drafts"):
            raise Unsupported(
                "The skyriff protocol finds a clean link by the address of a post, or the one that it picks of the "
                f"account's drafts; it cannot be asked for '{request.source_id[:80]}'."
            )
        return replace(request, source_id=_DRAFTS + _digest(self._drafts_token()), model=DRAFTS_MODEL)

    def _drafts_token(self) -> Secret:
        variable = self.profile.extra.get("drafts_token_env", "")
        token = os.environ.get(variable, "").strip() if variable else ""
        if not token:
            raise ProfileError(
                f"Profile '{self.profile.name}' has no account token for its drafts"
                + (f": the environment variable {variable} is empty." if variable else "."),
                fix="Name a variable (`--extra drafts_token_env=VAR`) that holds the accessToken of your session; "
                "the relay gets to see it. Or give the address of a post.",
                fix_zh="请用 --extra drafts_token_env=VAR 指定保存 accessToken 的环境变量（中转方会看到它），或改用作品地址。",
            )
        if not re.fullmatch(r"[\w.~+/=-]+", token, re.ASCII):
            raise ProfileError(
                f"The environment variable {variable} holds more than a token; put only accessToken there."
            )
        return Secret(token)

    def encode_submit(self, request: GenerationRequest) -> Call:
        if request.operation is Operation.CLEAN_LINK:
            content = request.source_url or self._token_of(request).reveal()
            return self._talk({"model": request.model, "stream": False, "messages": chat.messages(content)})
        if self._is_chat:
            pictures = [request.image_url] if request.image_url else [chat.data_uri(image) for image in request.images]
            body = {
                "model": request.model,
                "stream": self._streams,
                "messages": chat.messages(request.prompt, pictures),
            }
            return self._talk({**self._extra(), **body})
        if request.images:
            form = {
                "prompt": request.prompt,
                "model": request.model,
                "seconds": str(request.seconds),
                **({"size": request.size} if request.size else {}),
            }
            files = tuple(("input_reference", image) for image in request.images)
            extra = {key: value for key, value in self.profile.extra.items() if key not in _SETTINGS}
            return Call("POST", "/videos", Effect.CHARGE, form={**extra, **form}, files=files, timeout=180)
        json_body = {"prompt": request.prompt, "model": request.model}
        if request.image_url:
            json_body["image_url"] = request.image_url
        return Call("POST", "/videos", Effect.CHARGE, json={**self._extra(), **json_body}, timeout=180)

    def _talk(self, body: dict[str, Any]) -> Call:
        return Call("POST", "/chat/completions", Effect.CHARGE, json=body, timeout=chat.ANSWER_SECONDS)

    def _token_of(self, request: GenerationRequest) -> Secret:
        token = self._drafts_token()
        if request.source_id != _DRAFTS + _digest(token):
            raise ProfileError("The account token changed while the request was waiting; run it again.")
        return token

    @property
    def _streams(self) -> bool:
        said = self.profile.extra.get("stream", "true").lower()
        if said not in ("true", "false"):
            raise ProfileError(f"Profile '{self.profile.name}': extra stream is '{said}'; allowed: true, false.")
        return said == "true"

    def _extra(self) -> dict[str, Any]:
        return {key: _value(text) for key, text in self.profile.extra.items() if key not in _SETTINGS}

    async def submit(self, http: Http, request: GenerationRequest, attempt: Attempt) -> Snapshot:
        if not self._is_chat and request.operation is not Operation.CLEAN_LINK:
            return await super().submit(http, request, attempt)
        reader = chat.Reader(
            attempt.tell,
            sent=" ".join((request.prompt, request.image_url, request.source_url)),
            base_url=self.base_url(),
            secrets=self._secrets(),
        )
        return chat.snapshot_of(await chat.converse(http, self.encode_submit(request), attempt, reader))

    def _secrets(self) -> tuple[str, ...]:
        token = os.environ.get(self.profile.extra.get("drafts_token_env", ""), "").strip()
        return (token,) if token else ()

    def judge(self, reply: Reply) -> SoraError:
        body = reply.body
        for token in self._secrets():  # a server may repeat what it refuses
            body = body.replace(token.encode(), b"***")
        return super().judge(replace(reply, body=body))

    def encode_fetch(self, remote_id: str) -> Call:
        if not remote_id:
            raise JobNotFound("The chat's answer was a link and named no job, so there is nothing to ask for.")
        return Call("GET", f"/videos/{quote(remote_id, safe='')}", Effect.READ, timeout=30)

    def decode(self, reply: Reply) -> Snapshot:
        snapshot = super().decode(reply)
        if snapshot.state is State.FAILED and snapshot.failure is None:
            reason = "this service gives no reason; its reviews of prompt, image and result refuse even late"
            return replace(snapshot, failure=Failure(reason))
        return snapshot

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if snapshot.url:
            return Call("GET", snapshot.url, Effect.READ)
        if not remote_id:
            raise JobNotFound("The server named neither a link nor an id for the result.", provider=self.name)
        return Call("GET", f"/videos/{quote(remote_id, safe='')}/content", Effect.READ, timeout=180)


def _check(request: GenerationRequest, model: str, facts: Facts) -> None:
    """Refuses what contradicts the model; the defaults (landscape, standard) say nothing."""
    wishes = (
        ("seconds", request.seconds or facts.seconds, facts.seconds),
        (
            "orientation",
            facts.orientation if request.orientation == "landscape" else request.orientation,
            facts.orientation,
        ),
        ("quality", facts.quality if request.quality == "standard" else request.quality, facts.quality),
        ("size", request.size or SIZES[facts.orientation], SIZES[facts.orientation]),
    )
    for name, wanted, given in wishes:
        if wanted != given:
            raise Unsupported(
                f"The model {model} makes {facts.orientation} video of {facts.seconds} seconds in {facts.quality} "
                f"quality; {name} {wanted} contradicts it. Leave the model empty, and one that fits is chosen."
            )


def _digest(token: Secret) -> str:
    return hashlib.sha256(token.reveal().encode()).hexdigest()[:16]


def _value(text: str) -> Any:
    """An extra as JSON where it is JSON: `true` is a boolean, `"true"` in quotes a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
