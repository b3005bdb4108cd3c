"""What every provider is: pure hooks that encode calls and decode replies, and the order they run in.

A subclass overrides the ``encode_*`` and ``decode_*`` hooks; only a protocol whose operations take
several calls overrides the async methods themselves. No provider polls, sleeps or touches a file.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ..errors import BadResponse, JobNotFound, SoraError, SubmissionUnknown, Unsupported
from ..media.container import sniff
from ..media.picture import sniff_picture
from ..models import Capabilities, Field, Operation, Quota, Snapshot, State
from ..profiles.profiles import Profile
from ..profiles.tokens import TokenStore
from ..requests.checks import resolve, with_defaults
from ..requests.kinds import CharacterRequest, RemixRequest, Request, VideoRequest
from ..requests.lengths import length_told
from ..requests.settings import Lora, unknown_to
from ..requests.shots import as_prompt
from ..transport import Call, Http, Reply
from ._answers import ids, normalize
from ._answers.results import result_of


async def _unheard() -> None:
    pass


@dataclass(frozen=True)
class Attempt:
    """One submission. ``on_sent`` puts it on record right before the first byte leaves."""

    idempotency_key: str
    on_sent: Callable[[], Awaitable[None]]
    on_refused: Callable[[], Awaitable[None]] = _unheard  # a try that was sent has been refused for sure
    tell: Callable[[str], None] = lambda text: None  # progress in the server's words, while the call is open
    on_early: Callable[[Snapshot], None] = lambda snapshot: None  # what is known before the answer has ended
    spool: Path | None = None  # where an answer goes that is too large for the memory

    def marked(self, call: Call) -> Call:
        """The call with the key; harmless where servers ignore it."""
        return replace(call, headers={**call.headers, "idempotency-key": self.idempotency_key})

    def on_remote_id(self, remote_id: str) -> None:
        """The job's id, as soon as it is read."""
        self.on_early(Snapshot(State.QUEUED, remote_id=remote_id))

    async def send(self, http: Http, call: Call) -> Reply:
        """The 2xx answer to the one call that charges."""
        return await http.send(self.marked(call), on_sent=self.on_sent, on_refused=self.on_refused, spool=self.spool)


def unnamed(text: str, reply: Reply, *, error: str = "") -> SubmissionUnknown:
    """The error for a 2xx answer that names no job; it carries the answer, which may say more to a person."""
    lost = SubmissionUnknown(text, error=error)
    lost.status, lost.body = reply.status, reply.body
    return lost


class Provider(ABC):
    """Adapter for one wire protocol, bound to one profile. Holds no state of its own."""

    name: ClassVar[str]
    default_auth: ClassVar[str] = "bearer"  # how the protocol's document sends the key
    overload: ClassVar[re.Pattern[str]] = re.compile("负载已饱和")  # how a 503 says that no work is taken; one-api's
    never_hosts: ClassVar[tuple[str, ...]] = ()  # hosts to which nothing is sent, whoever points there

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this profile can do; no network."""

    @property
    def can(self) -> Capabilities:
        """The capabilities, with the profile's own word on whether jobs cost something."""
        can, paid = self.capabilities(), self.profile.paid
        return can if paid is None else replace(can, paid=paid)

    @abstractmethod
    def base_url(self) -> str:
        """The root that paths are joined to, from however the user wrote it. Raises ProfileError."""

    def key_urls(self) -> tuple[str, ...]:
        """Other addresses that the profile itself names and that get its key too; usually none. Raises ProfileError."""
        return ()

    @property
    def lists_all_models(self) -> bool:
        """Whether the server takes no model that it does not list."""
        return True

    def named_urls(self) -> tuple[str, ...]:
        """Other addresses that the profile itself names and that get no key. Raises ProfileError."""
        named = self.profile.extra.get("parse_url", "").strip()
        return (named,) if named else ()

    def opened(self, http: Http, token_store: TokenStore) -> None:  # noqa: B027 (most protocols have nothing to do here)
        """Told once, when a connection is opened: where a protocol that makes its key of another one begins to."""

    def prepared(self, request: Request, *, images_to_come: int = 0) -> Request:
        """The request as it is sent: checked, settled, and filled in with what nobody named. Pure.

        ``images_to_come`` reference images are not encoded yet. Raises Unsupported, InvalidRequest.
        """
        can, name = self.capabilities(), self.profile.name
        return with_defaults(self.settle(resolve(request, can, name, images_to_come=images_to_come)), can, name)

    def settle(self, request: Request) -> Request:
        """Last word on a checked request: facts that hang together (a model that carries length and shape).

        Pure. Raises Unsupported, InvalidRequest. An override fills in the profile's model as this one does; what
        neither request nor model says (seconds 0, size "") is filled in afterwards.
        """
        if isinstance(request, CharacterRequest):
            return request
        return replace(request, model=request.model or self.profile.model)

    def remark(self, request: Request) -> str:
        """What whoever waits for it should know of a prepared request when it is sent; usually nothing. Pure."""
        settings = request.settings if isinstance(request, (VideoRequest, RemixRequest)) else None
        unknown = unknown_to(settings, self.capabilities()) if settings else []
        told = [f"nobody here knows whether this server has {', '.join(unknown)}: sent as written"] if unknown else []
        told += [length_told(request, self.capabilities())] if isinstance(request, VideoRequest) else []
        return "; ".join(filter(None, told))

    def sent_prompt(self, request: VideoRequest | RemixRequest) -> str:
        """The prompt as the server gets it, and as its list of jobs shows it: with the shots where it has no field.

        Pure. Of the cast, names and user names are read.
        """
        if isinstance(request, RemixRequest) or Field.SHOTS in self.capabilities().fields:
            return request.prompt
        return as_prompt(request.shots, request.prompt)

    @abstractmethod
    def encode_submit(self, request: Request) -> Call:
        """The one call that charges. The request is resolved and checked."""

    @abstractmethod
    def encode_fetch(self, remote_id: str) -> Call:
        """One status read."""

    def recall(self, remote_id: str, link: str) -> None:  # noqa: B027 (most servers tell a link whenever they are asked)
        """Told what is on record of a job before it is asked for again: a link that its server tells only once."""

    @abstractmethod
    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        """Where the bytes of a succeeded job are; JobNotFound when the server named no place."""

    def encode_further(self, remote_id: str, snapshot: Snapshot, number: int) -> Call:
        """As encode_content, of what the job made after its first file, which is number 0."""
        link = snapshot.further[number - 1] if number <= len(snapshot.further) else ""
        if not link:
            raise JobNotFound("collect.no_further", number=number + 1)
        return self.encode_content(remote_id, replace(snapshot, url=link))

    def outputs_of(self, request: Request) -> int:
        """How many files the one request asks for. Pure."""
        return 1

    def encode_cancel(self, remote_id: str) -> Call:
        """Usually not overwritten where the protocol cannot cancel."""
        raise Unsupported("protocol.no_cancel", protocol=self.name)

    def lists(self, operation: Operation) -> bool:
        """Whether the server's list, where it has one, shows what such an operation makes."""
        return True

    def encode_list(self, after: str | None) -> Call:
        """Newest jobs first; ``after`` is the last id of the page before."""
        raise Unsupported("protocol.no_list", protocol=self.name)

    def decode_list(self, reply: Reply) -> tuple[list[Snapshot], str | None]:
        """The page's jobs and the cursor of the next page, None at the end."""
        raise Unsupported("protocol.no_list", protocol=self.name)

    def decode(self, reply: Reply) -> Snapshot:
        """A job's description as a snapshot. Override for peculiar answers."""
        snapshot = normalize.snapshot_of(reply, base_url=self.base_url())
        if snapshot is None:
            raise BadResponse("answer.no_job", error=normalize.failure_of(reply).message)
        return snapshot

    def result_in(self, reply: Reply) -> Snapshot | None:
        """What a 2xx answer in the place of a file says of it: its link, or the file itself; None: neither."""
        return result_of(reply, self.base_url(), lambda head: sniff(head) or sniff_picture(head))

    def judge(self, reply: Reply) -> SoraError:
        """The error that a reply which is not 2xx stands for."""
        return normalize.error_of(reply, provider=self.name, overload=self.overload)

    async def submit(self, http: Http, request: Request, attempt: Attempt) -> Snapshot:
        """Charges once. A 2xx answer without a job or a result leaves it open whether the job exists."""
        return self.accepted(await self.post(http, self.encode_submit(request), attempt))

    async def post(self, http: Http, call: Call, attempt: Attempt) -> Reply:
        """The answer to the one call that charges. One that broke off counts when all that it said had arrived.

        Raises the error tree: SubmissionUnknown where the answer names no job.
        """
        try:
            return await attempt.send(http, call)
        except SubmissionUnknown as lost:
            was_taken = 200 <= lost.status < 300
            if was_taken and ids.is_whole_object(lost.body):
                return Reply(lost.status, {}, lost.body, http.base_url)
            named = ids.named_in(lost.body, is_error=not was_taken)
            if named:  # a job that is there, whatever became of the answer
                body = json.dumps({"id": named, "task_id": named, "status": "queued"}).encode()
                return Reply(202, {}, body, http.base_url)
            raise

    def accepted(self, reply: Reply) -> Snapshot:
        """The job that a 2xx answer to the charging call is about. Raises SubmissionUnknown when it names none."""
        try:
            snapshot = self.decode(reply)
        except BadResponse as error:
            found = self.named(reply)
            if found is None:
                raise unnamed("submit.no_job", reply, error=error.message) from error
            return found
        if snapshot.remote_id or snapshot.url or snapshot.media or snapshot.result:
            return snapshot
        named = self.named(reply)
        if named:
            return replace(snapshot, remote_id=named.remote_id)
        if snapshot.state is State.FAILED:
            # only what the server calls a refusal is one: an error of whoever is behind it tells nothing of the money
            if snapshot.failure and normalize.job_error_class(snapshot.failure):
                return snapshot
            said = snapshot.failure.message if snapshot.failure else "no reason"
            raise unnamed("submit.failed_unnamed", reply, error=said)
        raise unnamed("submit.no_name", reply)

    def named(self, reply: Reply) -> Snapshot | None:
        """A job whose id stands under a key that no protocol documents."""
        remote_id = ids.named_in(reply.body, is_error=bool(normalize.dig(normalize.parse(reply.body), "error")))
        return Snapshot(State.QUEUED, remote_id) if remote_id else None

    async def fetch(self, http: Http, remote_id: str, *, attempts: int = 1) -> Snapshot:
        return self.decode(await http.send(self.encode_fetch(remote_id), attempts=attempts))

    async def cancel(self, http: Http, remote_id: str) -> bool:
        """Asks the server to stop the job; whether its answer itself says that it has.

        Once: the answer to a second try tells nothing of what the first has done. Raises JobNotFound when it knows
        no such job.
        """
        value = normalize.parse((await http.send(self.encode_cancel(remote_id), attempts=1)).body)
        return normalize.dig(value, "deleted") is True or normalize.state_of(value)[0] is State.CANCELED

    async def listing(self, http: Http, after: str | None) -> tuple[list[Snapshot], str | None]:
        return self.decode_list(await http.send(self.encode_list(after)))

    async def delete_character(self, http: Http, character_id: str) -> None:
        """Takes a character off the server. One that is gone already is a success."""
        raise Unsupported("protocol.no_delete", protocol=self.name)

    async def quota(self, http: Http) -> Quota:
        raise Unsupported("protocol.no_quota", protocol=self.name)

    async def loras(self, http: Http) -> list[dict[str, Any]]:
        """The adapters that the server has loaded: name, path, and strength where one is used for everybody, else 0."""
        raise Unsupported("protocol.no_loras", protocol=self.name)

    async def lora_paths(self, http: Http) -> list[str]:
        """Adapters that a request can name in its settings, as the server lists them; usually none are told."""
        return []

    async def load_lora(self, http: Http, name: str, path: str) -> None:
        """From now on requests can name this one, which lies at the path on the server. Raises Unsupported."""
        raise Unsupported("protocol.no_loras", protocol=self.name)

    async def unload_lora(self, http: Http, name: str) -> None:
        """The server lists it no more. Raises Unsupported."""
        raise Unsupported("protocol.no_loras", protocol=self.name)

    async def use_loras(self, http: Http, loras: Sequence[Lora]) -> None:
        """From now on the server uses these and no others, for everybody. Raises Unsupported."""
        raise Unsupported("protocol.no_loras", protocol=self.name)

    async def models(self, http: Http) -> list[str]:
        """Model names that the server offers; for `doctor`."""
        raise Unsupported("protocol.no_models", protocol=self.name)
