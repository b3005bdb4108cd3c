"""The New API service: a native API with everything, a chat form, and new-api's own task form, as dialects.

Source: "SORA 视频生成 API 对接文档" for the native API (`/v1/videos/generations`, the default dialect) and the
chat form; QuantumNous/new-api `relay/relay_task.go` and `model/task.go` for the dialect "generic".

Peculiar: the native API answers HTTP 200 with the state "error" for an id that it does not know; a character
is a task, and one that appears in a video is named by its clip again; a chat answer names a task, which is
followed natively below the setting `native_url` (`--extra native_url=URL`; else below the base URL). Native
images are addresses; for servers that take data URIs there too, set `data_uris = true` in extra.
In "generic", `data.id` is a row of its database and `data.task_id` the job, progress is "45%", the link of
old jobs stands in `fail_reason`, and an unknown id is HTTP 400.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..errors import BadResponse, InvalidRequest, JobNotFound, ProfileError, Unsupported
from ..models import Capabilities, Character, ClipForm, Effect, Field, ImageForm, Operation, SizeRange, Snapshot, State
from ..requests.kinds import CharacterRequest, RemixRequest, Request, VideoRequest
from ..transport import Call, Http, Reply
from ..urls import holds_login, is_local, origin
from . import _chat as chat
from . import _relay as relay
from ._answers import normalize
from ._base import Attempt, Provider
from .openai.settings import check_own, fields_of, over

MODEL = "sora-2"
ASPECTS = {"landscape": "16:9", "portrait": "9:16"}
SETTINGS = ("native_url", "data_uris")

_MAKING = frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD))
DIALECTS = {
    "": Capabilities(
        operations=_MAKING | {Operation.REMIX, Operation.CREATE_CHARACTER},
        seconds=(10, 15, 25),
        sizes=(),
        size_for={(orientation, "standard"): "" for orientation in ASPECTS},
        default_seconds=10,
        models=(MODEL, "sora-2-pro"),
        fields=frozenset((Field.CHARACTERS,)),
        image_limit=10,
        image_forms=frozenset((ImageForm.URL,)),
        image_bytes_limit=10 * 2**20,
        remix_fields=frozenset((Field.MODEL, Field.SECONDS, Field.ORIENTATION)),
        clip_forms=frozenset((ClipForm.URL, ClipForm.JOB)),
    ),
    # The form has no field for length and shape: the server's own are 10 seconds and 16:9.
    "chat": Capabilities(
        operations=_MAKING,
        seconds=(10,),
        sizes=(),
        size_for={("landscape", "standard"): ""},
        default_seconds=10,
        image_limit=10,
        image_forms=frozenset((ImageForm.URL, ImageForm.DATA)),
        image_bytes_limit=10 * 2**20,
    ),
    "generic": Capabilities(
        operations=_MAKING | {Operation.REMIX},
        seconds=range(1, 61),
        sizes=SizeRange(64, 4096),
        size_for={
            ("landscape", "standard"): "1280x720",
            ("portrait", "standard"): "720x1280",
            ("landscape", "hd"): "1920x1080",
            ("portrait", "hd"): "1080x1920",
        },
        image_limit=10,
        image_forms=frozenset((ImageForm.URL, ImageForm.DATA)),
        image_bytes_limit=10 * 2**20,
        any_setting=True,
    ),
}
_TAIL = re.compile(r"/v1(?:/(?:videos?|characters|chat|models)(?:/.*)?)?$")
_TASK_NOT_FOUND = re.compile(r"task[ _](?:is )?not[ _](?:found|exist)", re.IGNORECASE)


class NewApi(Provider):
    """The native API of a Sora service behind New API, its chat form, or any new-api relay's task form."""

    name = "newapi"

    def capabilities(self) -> Capabilities:
        relay.check_dialect(self.profile, DIALECTS)
        can, own = DIALECTS[self.profile.dialect], self.profile.model
        if self.profile.dialect == "chat":
            self._native_url()
        if relay.flag(self.profile, "data_uris"):
            can = replace(can, image_forms=can.image_forms | {ImageForm.DATA})
        return replace(can, models=(*can.models, own)) if can.models and own and own not in can.models else can

    def base_url(self) -> str:
        return _root(self.profile.base_url)

    def key_urls(self) -> tuple[str, ...]:
        """The native address gets the profile's key too."""
        return (self._native_url(),) if self.profile.dialect == "chat" else ()

    def _native_url(self) -> str:
        """Where tasks are asked for. Raises ProfileError."""
        url = _root(self.profile.extra.get("native_url", self.profile.base_url))
        try:
            scheme, host, _ = origin(url)
        except ValueError:
            scheme = host = ""
        if scheme not in ("http", "https") or not host or holds_login(url):
            raise ProfileError("newapi.profile_native_url_not_address", profile=self.profile.name)
        if scheme == "http" and not is_local(url) and not self.profile.allow_http:
            raise ProfileError("newapi.profile_native_url_plain_http", profile=self.profile.name)
        return url

    def settle(self, request: Request) -> Request:
        if not isinstance(request, (VideoRequest, RemixRequest)):
            return request
        if isinstance(request, RemixRequest) and request.settings:
            raise Unsupported("newapi.remix_takes_no_settings", profile=self.profile.name)
        model = request.model or self.profile.model
        if isinstance(request, VideoRequest) and not model and self.profile.dialect == "generic":
            raise InvalidRequest("newapi.server_makes_video_many_models")
        for each in request.cast:
            if not each.source_url and not each.username:
                raise InvalidRequest("newapi.character_has_neither_clip_nor", each=each.name)
        return replace(request, model=model or ("" if self.profile.dialect == "generic" else MODEL))

    def encode_submit(self, request: Request) -> Call:
        if isinstance(request, CharacterRequest):
            return _charge("/v1/characters", relay.character_body(request))
        assert isinstance(request, (VideoRequest, RemixRequest))
        # A character without a username is called by the user's name for it: its clip says who that is.
        request = replace(request, cast=tuple(replace(each, username=_called(each)) for each in request.cast))
        if isinstance(request, RemixRequest):
            path = f"/v1/videos/{quote(request.source_id, safe='')}/remix"
            return _charge(path, self._remix_body(request))
        if self.profile.dialect == "chat":
            body = {
                "model": request.model,
                "messages": chat.messages(relay.prompt_text(request), relay.images(request)),
            }
            path = "/v1/chat/completions"
            return replace(_charge(path, {**self._extra(), **body}), timeout=chat.ANSWER_SECONDS)
        if self.profile.dialect == "generic":
            return _charge("/v1/video/generations", self._generic_body(request))
        return _charge("/v1/videos/generations", self._native_body(request))

    def _extra(self) -> dict[str, Any]:
        return relay.extra_fields(self.profile, settings=SETTINGS)

    def _native_body(self, request: VideoRequest) -> dict[str, Any]:
        images = relay.images(request)
        clips = [
            {"url": each.source_url, "timestamps": relay.timestamps(each.start, each.end)}
            for each in request.cast
            if each.source_url
        ]
        return {
            **self._extra(),
            "model": request.model,
            "prompt": relay.prompt_text(request),
            "aspect_ratio": ASPECTS[request.orientation],
            "duration": request.seconds,
            **({"image_urls": images} if images else {}),
            **({"characters": clips} if clips else {}),
        }

    def _remix_body(self, request: RemixRequest) -> dict[str, Any]:
        """Shape and length stay those of the source unless another one is asked for."""
        body: dict[str, Any] = {"prompt": relay.prompt_text(request)}
        if self.profile.dialect == "generic":
            return body
        body |= {"model": request.model}
        body |= {"aspect_ratio": ASPECTS[request.orientation]} if request.orientation else {}
        return body | ({"duration": request.seconds} if request.seconds else {})

    def _generic_body(self, request: VideoRequest) -> dict[str, Any]:
        images = relay.images(request)
        # The channels behind new-api read one or the other.
        length = {"duration": request.seconds, "seconds": str(request.seconds)} if request.seconds else {}
        body: dict[str, Any] = {"model": request.model, "prompt": relay.prompt_text(request), "size": request.size}
        body |= {**length, **({"images": images} if images else {})}
        settings = fields_of(request, self.capabilities(), self.profile.name)
        check_own(settings, body)
        return {**over(self._extra(), settings), **body}

    def encode_fetch(self, remote_id: str) -> Call:
        task = quote(remote_id, safe="")
        if self.profile.dialect == "generic":
            return _read(f"/v1/video/generations/{task}")
        root = self._native_url() if self.profile.dialect == "chat" else ""
        return _read(f"{root}/v1/videos/tasks/{task}")

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if snapshot.url:
            return Call("GET", snapshot.url, Effect.READ)
        if self.profile.dialect == "generic" and remote_id:
            return Call("GET", f"/v1/videos/{quote(remote_id, safe='')}/content", Effect.READ)
        raise JobNotFound("newapi.server_names_no_link_result", provider=self.name)

    def decode(self, reply: Reply) -> Snapshot:
        value = normalize.parse(reply.body)
        if self.profile.dialect == "generic":
            snapshot = normalize.snapshot_of(reply, base_url=self.base_url(), prefer_id="data.task_id")
            task = normalize.text_of(normalize.dig(value, "data"))  # some channels answer with the bare id
            if snapshot is None and task is None:
                raise BadResponse("newapi.server_s_answer_not_job", error=normalize.failure_of(reply).message)
            return snapshot or Snapshot(State.QUEUED, task or "")
        snapshot = super().decode(reply)
        if snapshot.failure and _TASK_NOT_FOUND.search(snapshot.failure.message):
            raise JobNotFound("newapi.server_says", reason=snapshot.failure.message, provider=self.name)
        character = relay.finished_character(value)
        if character:
            result = {"id": snapshot.remote_id, **character}
            return replace(snapshot, state=State.SUCCEEDED, progress=100.0, result=result)
        return relay.still_coming(snapshot)

    async def submit(self, http: Http, request: Request, attempt: Attempt) -> Snapshot:
        """Charges once, in the dialect's form."""
        if self.profile.dialect != "chat" or not isinstance(request, VideoRequest):
            return await super().submit(http, request, attempt)
        sent = "\n".join([relay.prompt_text(request), *request.image_urls])
        reader = chat.Reader(attempt.tell, attempt.on_remote_id, sent=sent, base_url=self.base_url())
        return chat.snapshot_of(await chat.converse(http, self.encode_submit(request), attempt, reader))

    async def models(self, http: Http) -> list[str]:
        """The names that new-api lists; the native API has no list."""
        if not self.profile.dialect:
            return await super().models(http)
        entries = normalize.dig(normalize.parse((await http.send(_read("/v1/models"))).body), "data")
        if not isinstance(entries, list):
            raise BadResponse("newapi.server_s_list_models_not")
        return [name for name in (normalize.text_of(normalize.dig(entry, "id")) for entry in entries) if name]


def _root(url: str) -> str:
    return _TAIL.sub("", url.strip().rstrip("/")).rstrip("/")


def _called(character: Character) -> str:
    return character.username or character.name


def _charge(path: str, body: dict[str, Any]) -> Call:
    return Call("POST", path, Effect.CHARGE, json=body, timeout=180)


def _read(path: str) -> Call:
    return Call("GET", path, Effect.READ, timeout=30)
