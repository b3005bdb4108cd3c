"""What every provider is: pure hooks that encode calls and decode replies, and the order they run in.

A subclass overrides the ``encode_*`` and ``decode_*`` hooks; only a protocol whose operations take
several calls overrides the async methods themselves. No provider polls, sleeps or touches a file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ..errors import BadResponse, JobNotFound, SoraError, SubmissionUnknown, Unsupported
from ..media.container import sniff
from ..media.picture import sniff_picture
from ..models import Capabilities, Field, Operation, Quota, Snapshot, State
from ..profiles.profiles import Profile
from ..profiles.tokens import TokenStore
from ..requests.checks import resolve, with_defaults
from ..requests.kinds import CharacterRequest, RemixRequest, Request, VideoRequest
from ..requests.shots import as_prompt
from ..transport import Call, Http, Reply
from ._answers import normalize
from ._answers.results import result_of

HTML_ANSWER = "html_answer"  # the code of a SubmissionUnknown whose answer was a web page


@dataclass(frozen=True)
class Attempt:
    """One submission. ``on_sent`` puts it on record right before the first byte leaves."""

    idempotency_key: str
    on_sent: Callable[[], None]
    on_refused: Callable[[], None] = lambda: None  # a try that was sent has been refused for sure
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


class Provider(ABC):
    """Adapter for one wire protocol, bound to one profile. Holds no state of its own."""

    name: ClassVar[str]
    default_auth: ClassVar[str] = "bearer"  # how the protocol's document sends the key
    never_hosts: ClassVar[tuple[str, ...]] = ()  # hosts to which nothing is sent, whoever points there

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this profile can do; no network."""

    @abstractmethod
    def base_url(self) -> str:
        """The root that paths are joined to, from however the user wrote it. Raises ProfileError."""

    def key_urls(self) -> tuple[str, ...]:
        """Other addresses that the profile itself names and that get its key too; usually none. Raises ProfileError."""
        return ()

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

    def encode_cancel(self, remote_id: str) -> Call:
        """Usually not overwritten where the protocol cannot cancel."""
        raise Unsupported(f"The {self.name} protocol has no way to cancel a job.")

    def lists(self, operation: Operation) -> bool:
        """Whether the server's list, where it has one, shows what such an operation makes."""
        return True

    def encode_list(self, after: str | None) -> Call:
        """Newest jobs first; ``after`` is the last id of the page before."""
        raise Unsupported(f"The {self.name} protocol has no list of jobs.")

    def decode_list(self, reply: Reply) -> tuple[list[Snapshot], str | None]:
        """The page's jobs and the cursor of the next page, None at the end."""
        raise Unsupported(f"The {self.name} protocol has no list of jobs.")

    def decode(self, reply: Reply) -> Snapshot:
        """A job's description as a snapshot. Override for peculiar answers."""
        snapshot = normalize.snapshot_of(reply, base_url=self.base_url())
        if snapshot is None:
            raise BadResponse(f"The server's answer is not a job: {normalize.failure_of(reply).message}")
        return snapshot

    def result_in(self, reply: Reply) -> Snapshot | None:
        """What a 2xx answer in the place of a file says of it: its link, or the file itself; None: neither."""
        return result_of(reply, self.base_url(), lambda head: sniff(head) or sniff_picture(head))

    def judge(self, reply: Reply) -> SoraError:
        """The error that a reply which is not 2xx stands for."""
        return normalize.error_of(reply, provider=self.name)

    async def submit(self, http: Http, request: Request, attempt: Attempt) -> Snapshot:
        """Charges once. A 2xx answer without a job or a result leaves it open whether the job exists."""
        call = self.encode_submit(request)
        return self.accepted(await attempt.send(http, call))

    def accepted(self, reply: Reply) -> Snapshot:
        """The job that a 2xx answer to the charging call is about. Raises SubmissionUnknown when it names none."""
        try:
            snapshot = self.decode(reply)
        except BadResponse as error:
            code = HTML_ANSWER if normalize.is_html(reply.body) else None
            raise SubmissionUnknown(
                f"The server's answer to the request names no job. {error.message}", code=code
            ) from error
        done = snapshot.url or snapshot.media or snapshot.result or snapshot.state is State.FAILED
        if not snapshot.remote_id and not done:
            raise SubmissionUnknown("The server took the request, but its answer names no job.")
        return snapshot

    def encode_witness(self, request: Request) -> Call | None:
        """A free read that only a web page in place of the whole API answers with a web page; None: there is none.

        It is made after an answer to the request was such a page. Not the address that was sent to: to a GET,
        relays show their home page where they only take a POST.
        """
        return self.encode_list(None) if self.capabilities().can_list and self.lists(request.operation) else None

    async def is_web_page(self, http: Http, request: Request) -> bool:
        """Whether a web page stands in the place of the API that the request was meant for."""
        witness = self.encode_witness(request)
        if witness is None:
            return False
        try:
            return normalize.is_html((await http.send(witness, attempts=2)).body)
        except BadResponse:
            return True  # a page with a status of its own, or the way to one
        except SoraError:
            return False

    async def fetch(self, http: Http, remote_id: str, *, attempts: int = 1) -> Snapshot:
        return self.decode(await http.send(self.encode_fetch(remote_id), attempts=attempts))

    async def cancel(self, http: Http, remote_id: str) -> None:
        """Asks the server to stop and forget the job. A job that is gone already is a success."""
        try:
            await http.send(self.encode_cancel(remote_id))
        except JobNotFound:
            return

    async def listing(self, http: Http, after: str | None) -> tuple[list[Snapshot], str | None]:
        return self.decode_list(await http.send(self.encode_list(after)))

    async def delete_character(self, http: Http, character_id: str) -> None:
        """Takes a character off the server. One that is gone already is a success."""
        raise Unsupported(f"The {self.name} protocol has no way to delete a character.")

    async def quota(self, http: Http) -> Quota:
        raise Unsupported(f"The {self.name} protocol has no quota to read.")

    async def models(self, http: Http) -> list[str]:
        """Model names that the server offers; for `doctor`."""
        raise Unsupported(f"The {self.name} protocol has no list of models.")
