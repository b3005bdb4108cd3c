"""What servers of the OpenAI protocol do beside making videos: characters, pictures and better prompts.

Source: openai-python `resources/videos.py` (create_character), `resources/images.py` and
`resources/chat/completions`. Settings in the profile's `extra` that are read here and not sent as fields:
`image_model` and `enhance_model` (the profile's own model makes videos), and those of a parse service, which finds
the clean link of a shared post. Pictures are answered at once, as base64 or as an address.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urljoin

from ...errors import InvalidRequest, Unsupported
from ...media.picture import sniff_picture
from ...models import Effect, Field, Operation, Secret, Snapshot, State
from ...profiles.profiles import Profile
from ...requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)
from ...transport import Call, Http, Reply
from .._answers import normalize
from .._answers.results import holding, media_of
from .._base import unnamed
from .._parse_service import SETTINGS as PARSE_SETTINGS
from .._parse_service import ParseService, download_link, parse_service
from .dialects import Dialect
from .settings import Fields

OPERATIONS = frozenset(
    (Operation.CREATE_CHARACTER, Operation.IMAGE, Operation.ENHANCE_PROMPT, Operation.CLEAN_LINK)
)  # none of them is in the server's list of videos
SETTINGS = frozenset(("image_model", "enhance_model")) | PARSE_SETTINGS

_SECONDS_TO_ANSWER = 300.0
_ROOM = {
    "short": "one or two sentences",
    "medium": "one paragraph of about 80 words",
    "long": "about 200 words, moment by moment",
}
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


def added(profile: Profile, dialect: Dialect) -> frozenset[Operation]:
    """What the profile's settings add to the operations of its dialect."""
    made_possible = {
        Operation.ENHANCE_PROMPT: text_model(profile, dialect),
        Operation.CLEAN_LINK: profile.extra.get("parse_url", "").strip() or dialect.parse_path,
    }
    return frozenset(operation for operation, setting in made_possible.items() if setting)


def text_model(profile: Profile, dialect: Dialect) -> str:
    return profile.extra.get("enhance_model", "").strip() or dialect.text_model


def settle(request: Request, profile: Profile, dialect: Dialect) -> Request:
    """The model of a picture or a text is never the profile's, which makes videos. Raises Unsupported."""
    if isinstance(request, PictureRequest):
        return _settle_picture(request, profile, dialect)
    if isinstance(request, PromptRequest):
        return replace(request, model=request.model or text_model(profile, dialect))
    if not isinstance(request, CleanLinkRequest):
        return request
    if not request.source_id and not request.source_url:
        raise InvalidRequest("openai.clean_link_needs_clip_address")
    if request.source_id and not dialect.parse_path:
        raise Unsupported("openai.profile_finds_clean_link_shared", profile=profile.name)
    return replace(request, model="")


def _settle_picture(request: PictureRequest, profile: Profile, dialect: Dialect) -> PictureRequest:
    model = request.model or profile.extra.get("image_model", "").strip()
    if dialect.needs_model and not model:
        raise InvalidRequest("openai.profile_needs_name_model_makes", profile=profile.name)
    if request.cast:
        raise Unsupported("openai.profile_has_no_place_characters", profile=profile.name)
    return replace(request, model=model)


def cast_fields(request: VideoRequest | RemixRequest) -> Fields:
    """How a create names its characters."""
    return {"characters": [{"id": each.character_id} for each in request.cast]} if request.cast else {}


def encode(request: Request, dialect: Dialect, timeout: float | None) -> Call:
    """The one call that charges for a character, a picture or a prompt."""
    patience = timeout or _SECONDS_TO_ANSWER
    if isinstance(request, CharacterRequest):
        assert request.clip, "the only form of a clip that is taken here"
        name, files = request.name or f"character-{request.clip.sha256[:8]}", (("video", request.clip),)
        return Call("POST", "/videos/characters", Effect.CHARGE, form={"name": name}, files=files, timeout=patience)
    root = dialect.models.removesuffix("/models")
    if isinstance(request, PictureRequest):
        body = dialect.picture(_picture_fields(request, dialect))
        return Call("POST", f"{root}/images/generations", Effect.CHARGE, json=body, timeout=patience)
    assert isinstance(request, PromptRequest)
    messages = [{"role": "system", "content": instruction(request)}, {"role": "user", "content": request.prompt}]
    body = {"model": request.model, "messages": messages}
    return Call("POST", f"{root}/chat/completions", Effect.CHARGE, json=body, timeout=patience)


def _picture_fields(request: PictureRequest, dialect: Dialect) -> Fields:
    own = {
        "prompt": request.prompt,
        "model": request.model,
        "size": request.size,
        "seed": request.seed if Field.SEED in dialect.can.fields else "",
        "negative_prompt": request.negative_prompt,
        "style": request.style,
    }
    return {name: value for name, value in own.items() if value != ""}


def instruction(request: PromptRequest) -> str:
    """What a text model is told to do with a prompt."""
    length = f" What it describes must fit in {request.seconds} seconds." if request.seconds else ""
    return (
        f"Rewrite the user's prompt for a text-to-video model in {_ROOM[request.expansion]}, in the language of the "
        "prompt: subject, action, setting, light, camera. Keep every fact, name and @mention of it, and add nothing "
        f"that contradicts it.{length} Answer with the new prompt alone."
    )


def accepted(operation: Operation, reply: Reply, base_url: str) -> Snapshot:
    """What a 2xx answer to `encode` holds. Raises SubmissionUnknown when it holds nothing that was asked for."""
    value = normalize.parse(reply.body)
    if operation is Operation.IMAGE:
        return _picture(reply, value, base_url)
    if operation is Operation.ENHANCE_PROMPT:
        text = _text(value)
        if text:
            return Snapshot(State.SUCCEEDED, result={"prompt": text})
        raise unnamed("submit.no_prompt", reply)
    character_id = normalize.text_of(normalize.dig(value, "id"))
    if not character_id:
        raise unnamed("submit.no_character", reply)
    name = normalize.text_of(normalize.dig(value, "name"))
    made = {"id": character_id, **({"username": name} if name else {})}
    return Snapshot(State.SUCCEEDED, remote_id=character_id, result=made)


async def clean_link(http: Http, share_url: str, profile: Profile, dialect: Dialect) -> Snapshot:
    """What the parse service says of a shared post. The post's address stands for the job: it can be asked again."""
    service = parse_service(profile) or await _own_parse_service(http, dialect)
    return Snapshot(State.SUCCEEDED, remote_id=share_url, url=await download_link(http, service, share_url))


async def _own_parse_service(http: Http, dialect: Dialect) -> ParseService:
    """The server's own: its token is the key that the server gets anyway."""
    keys = await http.keys.headers()
    token = next(iter(keys.values()), Secret("")).reveal().removeprefix("Bearer ")
    return ParseService(urljoin(http.base_url, dialect.parse_path), Secret(token))


def is_share_url(remote_id: str) -> bool:
    """Whether a job is a clean link: its link comes from the parse service and takes no key."""
    return remote_id.startswith(("http://", "https://"))


def share_url_of(request: CleanLinkRequest, base_url: str) -> str:
    return request.source_url or urljoin(base_url, f"/p/{quote(request.source_id, safe='')}")


def _picture(reply: Reply, value: Any, base_url: str) -> Snapshot:
    media = media_of(reply, sniff_picture)
    if media:
        return holding(Snapshot(State.SUCCEEDED), media)
    data = normalize.dig(value, "data")
    link = normalize.dig(data[0] if isinstance(data, list) and data else value, "url")
    if isinstance(link, str) and link.startswith(("http://", "https://", "/")):
        return Snapshot(State.SUCCEEDED, url=urljoin(base_url, link))
    raise unnamed("submit.no_picture", reply)


def _text(value: Any) -> str:
    """The answer of a text model, without what it thought aloud before."""
    choices = normalize.dig(value, "choices")
    content = normalize.dig(choices[0] if isinstance(choices, list) and choices else None, "message.content")
    if isinstance(content, list):
        parts = (normalize.dig(part, "text") for part in content)
        content = "".join(part for part in parts if isinstance(part, str))
    return _THOUGHTS.sub("", content).strip() if isinstance(content, str) else ""
