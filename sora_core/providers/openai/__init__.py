"""The OpenAI Videos protocol: `POST /v1/videos`, the one that relays and self-hosted servers speak.

Source: openai-python `resources/videos.py` and `types/video*.py`. How servers differ from it is in `_answers`
(what they say, shared) and in the table of `dialects` (what they take). Three settings in the profile's `extra` are not
fields of the request: `timeout` (seconds, for the create call), `server_schema` ("ignore": what the server says of its
own fields does not count) and, for vllm-omni, `sync`. What is made at once stands in `extras` (characters, pictures,
prompts) and in `synchronous` (videos), what is asked of the account in `account`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from ...errors import (
    AuthError,
    BadResponse,
    InvalidRequest,
    JobFailed,
    JobNotFound,
    NotReady,
    ProfileError,
    RequestRejected,
    ServerError,
    SoraError,
    Unsupported,
)
from ...models import Capabilities, Effect, Field, Operation, Quota, Snapshot, State
from ...requests.described import DescribedBody, Route, check_described, knowing
from ...requests.kinds import CleanLinkRequest, RemixRequest, Request, VideoRequest
from ...requests.settings import SEVERAL, Lora, typed
from ...transport import Call, Http, Reply
from .._answers import normalize
from .._base import Attempt, Provider, unnamed
from .._ended import is_ended
from . import account, loras, outputs, synchronous
from . import extras as more
from .bodies import Files, as_form, as_reference, data_uri
from .dialects import DIALECTS, FORM, JSON, Dialect
from .openapi import described_in
from .settings import NEVER, Fields, check_own, fields_of, over
from .statements import StatedEnd, stated, stated_end, told

ENDED_ON = date(2026, 9, 24)

CREATE_SECONDS = 180.0
_PAGE = 100
_SERVER_SCHEMA = "server_schema"


class OpenAI(Provider):
    """Any server below a `/v1/videos`."""

    name = "openai"
    # Aquiles-Image; OpenAI's guide to error codes; one-api and new-api
    overload = re.compile(
        r"limit of \d+ concurrent|\b(?:engine|model|server) is currently overloaded|负载已饱和", re.IGNORECASE
    )

    @property
    def dialect(self) -> Dialect:
        """The facts of the server that the profile names. Raises ProfileError."""
        try:
            return DIALECTS[self.profile.dialect]
        except KeyError:
            known = ", ".join(name for name in DIALECTS if name)
            raise ProfileError(
                "openai.profile_names_dialect_openai_provider",
                profile=self.profile.name,
                dialect=self.profile.dialect,
                known=known,
            ) from None

    @property
    def synchronous(self) -> bool:
        """Whether the create call answers with the video itself."""
        return synchronous.is_asked(self.profile, self.dialect)

    def capabilities(self) -> Capabilities:
        can = self.dialect.can
        can = replace(can, operations=can.operations | more.added(self.profile, self.dialect))
        for body in self._described():
            can = knowing(can, body, never=frozenset() if can.any_setting else NEVER)
        return replace(can, can_list=False, can_cancel=False) if self.synchronous else can

    @property
    def _create_path(self) -> str:
        """Of a video, unless the number of its images leads elsewhere."""
        return self.dialect.sync_create if self.synchronous and self.dialect.sync_create else self.dialect.create

    @property
    def route(self) -> Route:
        """Where a video is asked for, and in which form."""
        return self._create_path, self.dialect.body == FORM

    def described(self, document: Any, read_on: str) -> DescribedBody | None:
        """What the server's description of itself says of the body that this profile sends; None: nothing."""
        base_url, other = self.base_url(), self.dialect.json_unlike_form
        described = described_in(document, base_url, self.route, read_on=read_on)
        if described or other is None:
            return described
        form = described_in(document, base_url, (self._create_path, True), read_on=read_on)
        return form and form.as_json(except_for=other)

    def _described(self) -> list[DescribedBody]:
        """What counts of that; several servers may have something to say."""
        if self.profile.extra.get(_SERVER_SCHEMA, "").strip() == "ignore":
            return []
        return [body for body in self.profile.described if body.route == self.route]

    def base_url(self) -> str:
        url = self.profile.base_url.strip().rstrip("/")
        host = (urlsplit(url).hostname or "").lower().rstrip(".")
        if is_ended(host):
            raise ProfileError("openai.openai_ended_videos_api_on", ended_on=ENDED_ON.isoformat(), host=host)
        dialect = self.dialect
        url = url.removesuffix(dialect.create)
        if not dialect.root:
            return re.sub(r"/v\d+$", "", url)
        if re.search(r"/v\d+$", url):
            return url
        first, _, rest = dialect.root.rpartition("/")
        return f"{url}/{rest}" if first and url.endswith(first) else url + dialect.root

    def settle(self, request: Request) -> Request:
        dialect, extra = self.dialect, self._extra()
        if not isinstance(request, (VideoRequest, RemixRequest)):
            return more.settle(request, self.profile, dialect)
        several = next((name for name in SEVERAL if extra.get(name, "1") != "1" and not self._hands_out(name)), "")
        if several:
            raise Unsupported("settings.one_output", profile=self.profile.name, name=several)
        model = request.model or self.profile.model
        if dialect.needs_model and not model and isinstance(request, VideoRequest):
            raise InvalidRequest("openai.profile_needs_name_model_lists", profile=self.profile.name)
        if isinstance(request, RemixRequest) and request.cast:
            raise Unsupported("openai.remix_keeps_characters_source_protocol")
        unknown = sorted(set(extra) - dialect.known) if dialect.known else []
        if unknown:
            raise Unsupported(
                "openai.profile_adds_fields_server_refuses",
                profile=self.profile.name,
                unknown=", ".join(unknown),
                known=", ".join(sorted(dialect.known)),
            )
        self._check_described(request)
        return replace(request, model=model)

    def _check_described(self, request: VideoRequest | RemixRequest) -> None:
        """Raises Unsupported, InvalidRequest for what the server itself says that it does not take."""
        if isinstance(request, RemixRequest) and not self.dialect.edits_by_reference:
            return  # it goes to another route
        for body in self._described():
            sent = {**self._extra_fields(), **self._settings(request)}
            check_described(sent, body, self.profile.name, beside=self.dialect.json_alone)

    def encode_submit(self, request: Request) -> Call:
        given = normalize.number_of(self.profile.extra.get("timeout")) or 0.0
        if not isinstance(request, (VideoRequest, RemixRequest)):
            return more.encode(request, self.dialect, max(given, 0.0))
        timeout = given if given > 0 else synchronous.ANSWER_SECONDS if self.synchronous else CREATE_SECONDS
        if isinstance(request, RemixRequest) and request.clip and self.dialect.edits_by_reference:
            request = as_reference(request)
        dialect, own, settings = self.dialect, self._own_fields(request), self._settings(request)
        check_own(settings, own)
        fields = {**over(self._extra_fields(), settings), **own}
        if isinstance(request, RemixRequest):
            return replace(self._of_another(request, fields), timeout=timeout, patient=dialect.hosted)
        path = self._create_path
        no_form = bool(dialect.json_alone & fields.keys())
        placed, files = self._references(request, as_text=no_form)
        check_own(settings, [*placed, *(name for name, _ in files)])
        if files and len(files) in dialect.files:
            path, names = dialect.files[len(files)]
            files = tuple((name, upload) for name, (_, upload) in zip(names, files, strict=True))
        finish = dialect.finish_beside_files if files and dialect.finish_beside_files else dialect.finish
        fields = finish({**fields, **placed})
        as_json = dialect.body == JSON or no_form or "characters" in fields or (placed and not dialect.sync_create)
        waits = dialect.hosted
        if as_json and not files:
            return Call("POST", path, Effect.CHARGE, json=fields, timeout=timeout, patient=waits)
        # Otherwise multipart, also without a file, as the official client sends it: some servers read nothing else.
        return Call("POST", path, Effect.CHARGE, form=as_form(fields), files=files, timeout=timeout, patient=waits)

    def _of_another(self, request: RemixRequest, fields: Fields) -> Call:
        if request.operation is Operation.REMIX:
            return Call("POST", f"/videos/{quote(request.source_id, safe='')}/remix", Effect.CHARGE, json=fields)
        path = "/videos/edits" if request.operation is Operation.EDIT else "/videos/extensions"
        if request.clip:
            return Call("POST", path, Effect.CHARGE, form=as_form(fields), files=(("video", request.clip),))
        return Call("POST", path, Effect.CHARGE, json={**fields, "video": {"id": request.source_id}})

    def _references(self, request: VideoRequest, *, as_text: bool) -> tuple[Fields, Files]:
        """What the video begins with, ends with or follows: what of it stands in the body, and what are files."""
        if self.dialect.attach and (request.clips or request.sounds):
            return self.dialect.attach(request)
        placed, files = self._images(request, as_text=as_text)
        ends = self.dialect.ends_with
        return {**placed, **(ends(request.last_frame, placed) if ends and request.last_frame else {})}, files

    def _images(self, request: VideoRequest, *, as_text: bool) -> tuple[Fields, Files]:
        dialect, urls = self.dialect, request.image_urls
        last = () if dialect.ends_with or not request.last_frame else (request.last_frame,)
        images = (*request.images, *last)
        if dialect.several and len(images) + len(urls) > 1:
            return dialect.several([*map(data_uri, request.images), *urls, *map(data_uri, last)]), ()
        inline = data_uri if as_text else dialect.inline
        reference = inline(images[0]) if inline and images else "".join(urls[:1])
        placed = dialect.place(reference) if dialect.place and reference else {}
        return placed, () if inline else tuple(("input_reference", image) for image in images)

    def _own_fields(self, request: VideoRequest | RemixRequest) -> Fields:
        """What the request says, without images and settings: it goes before both those and what the profile adds."""
        dialect, takes = self.dialect, self.dialect.can.fields
        seconds = request.seconds if dialect.whole_seconds else str(request.seconds)
        own = {
            "prompt": self.sent_prompt(request),
            "model": request.model or self.profile.model,
            "seconds": seconds if request.seconds else "",
            "size": request.size,
            "seed": (request.seed if dialect.body == JSON else str(request.seed)) if Field.SEED in takes else "",
            "negative_prompt": request.negative_prompt,
            "style": request.style,
            "shots": _shots_json(request) if Field.SHOTS in takes and isinstance(request, VideoRequest) else "",
            **more.cast_fields(request),
        }
        return {name: value for name, value in own.items() if value != ""}

    def _hands_out(self, name: str) -> bool:
        """Whether what is asked for by that name may come back from the server, as far as is known here."""
        can = self.dialect.can
        return can.any_setting or name in can.settings

    def _settings(self, request: VideoRequest | RemixRequest) -> Fields:
        return fields_of(request, self.capabilities(), self.profile.name)

    def _extra_fields(self) -> Fields:
        as_json = self.dialect.body == JSON
        return {name: typed(value) if as_json else value for name, value in self._extra().items()}

    def _extra(self) -> dict[str, str]:
        settings = {"timeout", _SERVER_SCHEMA, *more.SETTINGS, *(["sync"] if self.dialect.sync_create else [])}
        return {name: value for name, value in self.profile.extra.items() if name not in settings}

    async def submit(self, http: Http, request: Request, attempt: Attempt) -> Snapshot:
        if isinstance(request, (VideoRequest, RemixRequest)):
            try:
                return await super().submit(http, request, self._patient(attempt))
            except JobNotFound as error:  # of a job nothing was said yet, unless the request names one
                if isinstance(request, RemixRequest) and request.source_id:
                    raise
                raise RequestRejected(
                    "openai.no_such", provider=self.name, code=error.code, said=error.message
                ) from error
        if isinstance(request, CleanLinkRequest):  # costs nothing, so nothing is marked as sent
            share_url = more.share_url_of(request, http.base_url)
            return await more.clean_link(http, share_url, self.profile, self.dialect)
        reply = await self.post(http, self.encode_submit(request), attempt)
        return more.accepted(request.operation, reply, http.base_url)

    def _patient(self, attempt: Attempt) -> Attempt:
        """Says what is waited for, where a server is busy with other work."""
        if not self.dialect.hosted:
            return attempt

        async def refused() -> None:
            await attempt.on_refused()
            attempt.tell("the server is busy; asking again until it takes the job")

        return replace(attempt, on_refused=refused)

    def accepted(self, reply: Reply) -> Snapshot:
        """Also the answer that is the video, or holds it."""
        video = synchronous.video_in(reply, self.base_url())
        if video:
            return video
        snapshot = super().accepted(reply)
        over = snapshot.state in (State.FAILED, State.CANCELED)
        if self.synchronous and not snapshot.url and not over:
            raise unnamed("submit.no_video", reply)
        return snapshot

    def judge(self, reply: Reply) -> SoraError:
        ended = stated_end(reply, self.base_url())
        if ended:
            return StatedEnd(ended, provider=self.name)
        error = told(super().judge(reply), reply)
        if self.synchronous and synchronous.says_failed(reply, self.dialect):
            failure = normalize.failure_of(reply)
            said = failure.message
            return stated(JobFailed("openai.job_failed_on_server", said=said, provider=self.name, code=failure.code))
        if not isinstance(error, RequestRejected):
            return error
        if "No connected db" in error.message:  # LiteLLM's word for any key but its own, where it has no database
            return AuthError("said", said=error.message, provider=self.name, code=error.code)
        if "cloud storage" in error.message:
            return NotReady("said", said=error.message, provider=self.name)  # the job itself names the address by now
        if reply.status == 422 and "generation failed" in error.message:
            return JobFailed("said", said=error.message, provider=self.name, code=error.code)
        return error

    async def fetch(self, http: Http, remote_id: str, *, attempts: int = 1) -> Snapshot:
        if more.is_share_url(remote_id):
            return await more.clean_link(http, remote_id, self.profile, self.dialect)
        if remote_id:
            try:
                return await super().fetch(http, remote_id, attempts=attempts)
            except StatedEnd as end:
                if end.snapshot.remote_id not in ("", remote_id):
                    raise BadResponse("openai.server_asked_job_answered_about", reason=end.message) from end
                return replace(end.snapshot, remote_id=remote_id)
        if not self.can.paid:
            raise JobNotFound("openai.result_came_and_is_gone", provider=self.name)
        raise Unsupported("openai.result_came_with_answer")

    def encode_fetch(self, remote_id: str) -> Call:
        if self.synchronous:
            raise Unsupported("openai.server_answers_video_itself_has")
        return Call("GET", f"/videos/{quote(remote_id, safe='')}", Effect.READ, timeout=30)

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        if snapshot.url:
            return Call("GET", snapshot.url, Effect.READ, anonymous=more.is_share_url(remote_id))
        if not remote_id or self.synchronous:
            raise JobNotFound("openai.server_named_neither_link_nor", provider=self.name)
        return outputs.content(remote_id, 0)

    def encode_further(self, remote_id: str, snapshot: Snapshot, number: int) -> Call:
        has_link = number <= len(snapshot.further) and snapshot.further[number - 1]
        if has_link or not remote_id or self.synchronous:
            return super().encode_further(remote_id, snapshot, number)
        return outputs.content(remote_id, number)

    def outputs_of(self, request: Request) -> int:
        if not isinstance(request, (VideoRequest, RemixRequest)):
            return 1
        return outputs.asked_for(over(self._extra_fields(), self._settings(request)))

    def decode(self, reply: Reply) -> Snapshot:
        return outputs.as_told(super().decode(reply), reply)

    def encode_cancel(self, remote_id: str) -> Call:
        if not self.capabilities().can_cancel:
            raise Unsupported("openai.server_profile_has_no_way", profile=self.profile.name)
        return Call("DELETE", f"/videos/{quote(remote_id, safe='')}", Effect.IDEMPOTENT)

    async def cancel(self, http: Http, remote_id: str) -> bool:
        try:
            return await super().cancel(http, remote_id)
        except (RequestRejected, NotReady, ServerError) as error:
            if not re.search(r"HTTP 409.*(cancel|not yet available)", error.message, re.IGNORECASE):
                raise
            return False  # it is being canceled already

    def lists(self, operation: Operation) -> bool:
        return operation not in more.OPERATIONS

    def encode_list(self, after: str | None) -> Call:
        if not self.capabilities().can_list:
            raise Unsupported("openai.server_profile_has_no_list", profile=self.profile.name)
        query = {"limit": str(_PAGE), "order": "desc", **({"after": after} if after else {})}
        return Call("GET", "/videos", Effect.READ, query=query, timeout=30)

    def decode_list(self, reply: Reply) -> tuple[list[Snapshot], str | None]:
        page = normalize.parse(reply.body)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise BadResponse("openai.server_s_list_videos_not", reason=normalize.failure_of(reply).message)
        jobs = [self.decode(Reply(200, {}, json.dumps(item).encode(), reply.url)) for item in page["data"]]
        last = normalize.text_of(page.get("last_id")) or (jobs[-1].remote_id if jobs else None)
        more_to_come = page.get("has_more", len(jobs) == _PAGE)  # FastVideo does not say
        return jobs, last if more_to_come is True else None

    async def quota(self, http: Http) -> Quota:
        return await account.quota(http, self.profile, self.capabilities())

    @property
    def lists_all_models(self) -> bool:
        return self.dialect.lists_all_models

    async def loras(self, http: Http) -> list[dict[str, Any]]:
        if self._loras(loras.USED, loras.NAMED) == loras.NAMED:
            return await account.loras(http, self.dialect.models)
        return loras.decode_list(await http.send(loras.encode_list()))

    async def load_lora(self, http: Http, name: str, path: str) -> None:
        await self._changed_loras(http, loras.encode_load(name, path))

    async def unload_lora(self, http: Http, name: str) -> None:
        await self._changed_loras(http, loras.encode_unload(name))

    async def _changed_loras(self, http: Http, call: Call) -> None:
        self._loras(loras.NAMED)
        try:
            await http.send(call, attempts=1)
        except JobNotFound as error:  # no such page, or no such adapter
            raise RequestRejected("openai.no_lora_changed", provider=self.name, said=error.message) from error

    async def use_loras(self, http: Http, wanted: Sequence[Lora]) -> None:
        self._loras(loras.USED)
        known = [each["name"] for each in await self.loras(http)]
        await http.send(loras.encode_use(wanted, known))

    async def lora_paths(self, http: Http) -> list[str]:
        can = self.capabilities()
        if "lora" not in can.settings and not can.any_setting:
            return []
        return [each["path"] for each in await account.loras(http, self.dialect.models)]

    def _loras(self, *forms: str) -> str:
        """The form in which the server has LoRA, which is one of those. Raises Unsupported."""
        has = self.dialect.loras
        if has not in forms:
            raise Unsupported(
                f"openai.loras_are_{has}" if has else "openai.no_routes_for_loras", profile=self.profile.name
            )
        return has

    async def models(self, http: Http) -> list[str]:
        return await account.models(http, self.dialect.models)


def _shots_json(request: VideoRequest) -> str:
    shots = [{"text": shot.text, "seconds": shot.seconds} for shot in request.shots]
    return json.dumps(shots, ensure_ascii=False) if shots else ""
