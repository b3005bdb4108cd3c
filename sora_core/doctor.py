"""Looks at a profile from the outside in and says what is wrong and how to set it right. Never charges.

Every request is a GET. A page below `/health` is never asked for: LiteLLM's makes a video, and that is charged.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from .clock import SystemClock
from .connections.connection import Connection
from .engine import Engine
from .errors import (
    AuthError,
    BadResponse,
    ChallengePage,
    InputError,
    NetworkError,
    ProfileError,
    QuotaExceeded,
    SoraError,
)
from .models import Effect, Operation, Secret
from .profiles.credentials import authorization
from .profiles.described import DescribedBodies
from .profiles.profiles import AUTH_SCHEMES, Profile
from .providers import PROVIDERS, Provider, provider_for
from .providers._answers import normalize
from .providers.openai import OpenAI
from .providers.openai.detection import PAGES, PROVEN, describes_itself, dialect_of, works_only_as_itself
from .requests.described import DescribedBody
from .requests.kinds import VideoRequest
from .transport import Call, Http, Reply
from .transport.diagnosis import obstacle
from .transport.environment import proxy_for
from .transport.keys import FixedKeys
from .urls import bare_url, shown_address

NOWHERE = "sora-video-doctor"  # a page, and an id, that no server has
_REPLY_BYTES = 2**24  # LiteLLM's description of its own API has 2 MB,
_READ_SECONDS = 90  # and it makes that when first asked, which took it 34 s
_MOST_LOOKS = 48
_BAD_GATEWAY = (502, 503, 504)
_DIALECTS_OF_PLACE = ("localai", "xinference")  # the base URL alone does not lead to its pages


@dataclass(frozen=True)
class Finding:
    """One check. ``ok`` None: could not be told, which is no failure. ``advice`` are settings that would mend it."""

    check: str
    ok: bool | None
    detail: str
    error: SoraError | None = None
    advice: Mapping[str, str] = field(default_factory=dict)


Tell = Callable[[Finding], None]


def examine(engine: Engine, profile_name: str, tell: Tell = lambda finding: None) -> list[Finding]:
    """Profile, key, server, models, dialect and quota, until the first failure that hides the rest.

    ``tell`` is given each finding when it is there, those of the server in the engine's thread.
    """
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        tell(finding)

    check = "profile"
    try:
        profile = engine.profiles.get(profile_name)
        provider_for(profile).capabilities()
        address = "the built-in gateway on this machine" if profile.embedded else ", ".join(profile.addresses)
        found(Finding(check, True, f"provider {profile.provider}, {address}"))
        check = "key"
        source = engine.credentials.source(profile)
        key = Secret("") if profile.embedded else engine.credentials.get(profile)
        found(Finding(check, True, source))
        check = "server"
        kept = engine.profiles.described
        engine.ask(profile_name, lambda connection: _look_at_each(connection, key, found, kept)).result()
    except SoraError as error:
        found(Finding(check, False, error.message, error, error.values.get("advice", {})))
    return findings


class _Pages:
    """Looks at pages; at each only once, and at so many at most. One GET each, whatever comes back."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._seen: dict[str, Reply] = {}

    async def at(self, path: str) -> Reply:
        """The answer, of any status. Raises NetworkError, BadResponse for a redirect that leads astray."""
        url = self._http.absolute(path)
        if url not in self._seen:
            self._seen[url] = await self._get(url)
        return self._seen[url]

    def forget(self) -> None:
        """Looks again at what it has seen."""
        self._seen.clear()

    @property
    def exhausted(self) -> bool:
        return len(self._seen) >= _MOST_LOOKS

    async def _get(self, url: str) -> Reply:
        body = bytearray()
        async with self._http.stream(Call("GET", url, Effect.READ, timeout=_READ_SECONDS)) as response:
            async for chunk in self._http.body(response):
                body += chunk
                if len(body) > _REPLY_BYTES:
                    break
            return replace(self._http.reply(response, bytes(body)), url=url)


async def _look_at_each(connection: Connection, key: Secret, found: Tell, kept: DescribedBodies) -> None:
    """Of several servers, one that fails hides nothing of the others."""
    if not connection.servers:
        await _look(connection, key, found, kept)
    for server in connection.servers:
        there = replace(connection.at(server.place), profile=server.provider.profile)
        address = bare_url(there.http.base_url)

        def told(finding: Finding, address: str = address) -> None:
            found(replace(finding, detail=f"{address}: {finding.detail}"))

        try:
            await _look(there, key, told, kept)
        except SoraError as error:
            told(Finding("server", False, error.message, error, error.values.get("advice", {})))


async def _look(connection: Connection, key: Secret, found: Tell, kept: DescribedBodies) -> None:
    pages, profile, http = _Pages(connection.http), connection.profile, connection.http
    try:
        found(await _server_with_a_key(connection, pages))
    except NetworkError as error:
        raise await _explained(error, http.base_url, connection.proxy.reveal()) from error
    except AuthError as error:
        raise await _wrong_key(error, connection, key) from error
    found(await _optional("models", _models(connection)))
    if profile.provider == "openai" and not profile.embedded:
        seen = await _looks_like(connection, pages)
        for finding in [*_dialect(seen, profile.dialect), *await _settings(connection, pages, seen, kept)]:
            found(finding)
    found(await _optional("quota", _quota(connection)))


async def _server_with_a_key(connection: Connection, pages: _Pages) -> Finding:
    """As every request does it: a key that has ended is renewed once, where that can be done."""
    try:
        return await _server(connection, pages)
    except AuthError as error:
        keys = connection.http.keys
        if not await keys.renewed(error, await keys.headers()):
            raise
    pages.forget()
    return await _server(connection, pages)


async def _server(connection: Connection, pages: _Pages) -> Finding:
    """Whether the protocol is spoken below the base URL. Raises what stands in the way."""
    provider, http = connection.provider, connection.http
    nowhere = await pages.at(NOWHERE)
    _refuse_strangers(provider, nowhere)
    worst: Reply | None = None
    for path in _pages(provider):
        reply = await pages.at(path)
        _refuse_strangers(provider, reply)
        if not _is_there(reply, nowhere):
            continue
        if reply.status < 500:
            return Finding("server", True, f"{bare_url(http.base_url)} answers{_jobs_listed(provider, reply)}")
        worst = worst or reply
    if worst:
        _check_proxy(worst, connection)
        raise provider.judge(worst)
    raise await _misplaced(connection, pages, nowhere)


def _pages(provider: Provider) -> Iterator[str]:
    """The protocol's pages that a GET can do no harm to; one that is made for POST says so, and so is there."""
    example = VideoRequest(Operation.TEXT_TO_VIDEO, "?", model="?", seconds=0)
    if provider.capabilities().can_list:
        yield provider.encode_list(None).path
    can = provider.capabilities()
    pair, size = next(iter(can.size_for.items()))
    seconds = can.default_seconds or next(iter(can.seconds))
    try:
        settled = provider.settle(replace(example, seconds=seconds, size=size, orientation=pair[0], quality=pair[1]))
        yield provider.encode_submit(settled).path
    except InputError:
        pass  # what the example lacks is of no interest here
    try:
        read = provider.encode_fetch(NOWHERE)
    except InputError:
        return
    if read.method == "GET":
        yield read.path


def _refuse_strangers(provider: Provider, reply: Reply) -> None:
    """Raises for an answer that comes before any page: a challenge, a refused key, a proxy."""
    if reply.status == 407:
        raise NetworkError("doctor.proxy_wants_user_name_password")
    if reply.ok:
        return
    error = provider.judge(reply)
    if isinstance(error, (AuthError, ChallengePage, QuotaExceeded)):
        raise error


def _check_proxy(reply: Reply, connection: Connection) -> None:
    proxy = connection.proxy.reveal() or proxy_for(connection.http.base_url)
    if proxy and reply.status in _BAD_GATEWAY:
        raise NetworkError("doctor.answer_http_perhaps_proxy_on", status=reply.status, proxy=shown_address(proxy))


def _is_there(reply: Reply, nowhere: Reply) -> bool:
    """Whether the page exists: it is no web page and does not answer as a page that cannot exist."""
    if normalize.is_html(reply.body):
        return False
    return (reply.status, _words(reply)) != (nowhere.status, _words(nowhere))


def _words(reply: Reply) -> str:
    """What the answer says, without what differs from page to page."""
    return re.sub(r"/[^\s\"')]*|[0-9a-f-]{8,}|\d+", "", normalize.failure_of(reply).message)


def _jobs_listed(provider: Provider, reply: Reply) -> str:
    try:
        jobs, _ = provider.decode_list(reply)
    except SoraError:
        return f" as the {provider.name} protocol does"
    return f"; its list shows {len(jobs)} jobs"


async def _misplaced(connection: Connection, pages: _Pages, nowhere: Reply) -> SoraError:
    """The error for an address where the protocol is not spoken, with the place where it is, if that is found."""
    profile, base = connection.profile, bare_url(connection.http.base_url)
    if nowhere.status == 400:  # as TLS ports answer to plain http
        blocked = await asyncio.to_thread(obstacle, connection.http.base_url, connection.proxy.reveal())
        if blocked:
            return blocked
    is_page = normalize.is_html(nowhere.body) or nowhere.ok
    found = await _elsewhere(profile, pages)
    return ProfileError(
        "doctor.web_page" if is_page else "doctor.no_pages",
        base=base,
        protocol=profile.provider,
        status=nowhere.status,
        said=", ".join(f'{name} = "{value}"' for name, value in found.items()),
        providers=", ".join(sorted(PROVIDERS)),
        fix="doctor.another_fits" if found else "doctor.nothing_fits",
        advice=found,
    )


async def _elsewhere(profile: Profile, pages: _Pages) -> dict[str, str]:
    """Settings under which this host does answer; {} when none is found."""
    for variant in _variants(profile):
        try:
            provider = provider_for(variant)
            base = provider.base_url()
            for path in _pages(provider):
                if pages.exhausted:
                    return {}
                reply, nowhere = await pages.at(_under(base, path)), await pages.at(_under(base, NOWHERE))
                if reply.status < 500 and _is_there(reply, nowhere):
                    named = {"dialect": variant.dialect} if variant.dialect in _DIALECTS_OF_PLACE else {}
                    return {"provider": variant.provider, "base_url": base, **named}
        except (InputError, BadResponse):
            continue
    return {}


def _under(base: str, path: str) -> str:
    return path if path.startswith(("http://", "https://")) else f"{base}/{path.lstrip('/')}"


def _variants(profile: Profile) -> Iterator[Profile]:
    """Other ways to write the profile, the likeliest first: the address cut shorter, another provider."""
    parts = [part for part in urlsplit(profile.base_url).path.split("/") if part]
    origin = urljoin(profile.base_url, "/").rstrip("/")
    kinds = [
        (profile.provider, profile.dialect),
        *((name, "") for name in PROVIDERS),
        ("openai", "localai"),
        ("openai", "xinference"),
    ]
    kinds += [("openai", "azure"), ("openai", "openrouter")]
    for length in range(len(parts), -1, -1):
        base = "/".join([origin, *parts[:length]])
        for name, dialect in dict.fromkeys(kinds):
            yield replace(profile, provider=name, dialect=dialect, base_url=base)


async def _explained(error: NetworkError, url: str, proxy: str) -> NetworkError:
    blocked = await asyncio.to_thread(obstacle, url, proxy)
    if blocked is None:
        return error
    if blocked.message == error.message:
        return blocked
    explained = NetworkError("doctor.obstacle", obstacle=blocked.message, said=error.message)
    explained.advise(blocked.advised_by, **blocked.values)
    return explained


async def _wrong_key(error: AuthError, connection: Connection, key: Secret) -> AuthError:
    """The error, with the way of sending the key that the server does take, if there is one."""
    profile, http = connection.profile, connection.http
    if profile.auth == "none":
        return AuthError("said", said=error.message, fix="doctor.wants_a_key", advice={"auth": "bearer"})
    if not isinstance(http.keys, FixedKeys):
        return error  # the key itself is never sent there, only what was made of it
    page = next(_pages(connection.provider))
    for scheme in AUTH_SCHEMES:
        if scheme in (profile.auth, "none"):
            continue
        other = Http(
            http.base_url,
            judge=connection.provider.judge,
            clock=SystemClock(),
            auth=authorization(scheme, key),
            proxy=connection.proxy.reveal() or None,
        )
        try:
            reply = await _Pages(other).at(page)
        except SoraError:
            continue
        finally:
            await other.aclose()
        refused = isinstance(connection.provider.judge(reply), (AuthError, ChallengePage))
        if not refused and reply.status < 500:  # who breaks at a key has not taken it
            return AuthError(
                "doctor.same_key_taken_when_sent", reason=error.message, scheme=scheme, advice={"auth": scheme}
            )
    return error


async def _looks_like(connection: Connection, pages: _Pages) -> str:
    """Which family of servers it is; "" where that does not show."""
    base = connection.http.base_url
    looks = {page: page for page in _pages(connection.provider)}  # seen already: their headers may tell
    replies: dict[str, Reply] = {}
    for name, url in {**looks, "/models": f"{base}/models", **_own_pages(base)}.items():
        try:
            replies[name] = await pages.at(url)
        except (NetworkError, BadResponse):
            continue
        seen = dialect_of(base, replies)
        if seen:
            return seen
    return ""


def _own_pages(base: str) -> dict[str, str]:
    """Where servers describe themselves."""
    root = re.sub(r"/v\d+$", "", base)
    return {page: root + page for page in PAGES}


def _dialect(seen: str, said: str) -> Sequence[Finding]:
    """Whether the profile says what the server looks like."""
    if not seen:
        return []
    if seen == said:
        return [Finding("dialect", True, f"{seen}, and the server looks like it")]
    advice = f'the server looks like {seen}: say dialect = "{seen}" in the profile'
    if works_only_as_itself(seen):
        error = ProfileError("doctor.only_as_itself", dialect=seen)
        return [Finding("dialect", False, advice, error, {"dialect": seen})]
    if seen not in PROVEN:
        advice += " if the default does not serve it; that was read in its documents and not tried"
    told = advice + (f" (it says {said})" if said else "")
    # one press applies what a run of ours has proved, nothing else
    return [Finding("dialect", None, told, advice={"dialect": seen} if seen in PROVEN else {})]


async def _settings(connection: Connection, pages: _Pages, seen: str, kept: DescribedBodies) -> Sequence[Finding]:
    """Keeps what the server says of the fields of a video, so that settings can be checked before they are sent."""
    provider, profile = connection.provider, connection.profile
    assert isinstance(provider, OpenAI), "the one protocol whose servers describe themselves"
    asked = describes_itself(seen or profile.dialect)
    body = await _described(provider, connection.http.base_url, pages) if asked else None
    await asyncio.to_thread(kept.keep, profile.base_url, provider.route, body)
    if body is None:
        return []
    limited = sum(each.is_limited for each in body.fields.values())
    whole = "takes no others" if body.is_whole else "may take others"
    detail = f"the server names {len(body.fields)} fields of a video, {limited} of them with limits, and {whole}"
    return [Finding("settings", True, f"{detail}; what is set is checked by that before it is sent")]


async def _described(provider: OpenAI, base: str, pages: _Pages) -> DescribedBody | None:
    today = time.strftime("%Y-%m-%d", time.gmtime(SystemClock().now()))
    for url in _own_pages(base).values():
        try:
            reply = await pages.at(url)
        except (NetworkError, BadResponse):
            continue
        body = provider.described(normalize.parse(reply.body), today) if reply.ok else None
        if body:
            return body
    return None


async def _models(connection: Connection) -> str:
    return ", ".join(await connection.provider.models(connection.http)) or "none named"


async def _quota(connection: Connection) -> str:
    quota = await connection.provider.quota(connection.http)
    return f"{'?' if quota.remaining is None else f'{quota.remaining:g}'} {quota.unit} left"


async def _optional(check: str, work: Coroutine[Any, Any, str]) -> Finding:
    """Something that a server need not have; a refused key or an empty account is still a failure."""
    try:
        return Finding(check, True, await work)
    except (AuthError, QuotaExceeded) as error:
        return Finding(check, False, error.message, error)
    except SoraError as error:
        return Finding(check, None, error.message)
