"""One server, over httpx: pooled connections, the retry policy, errors translated at the boundary.

httpx is imported when a connection is opened: loading the pack must cost next to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from ..clock import Clock
from ..errors import BadResponse, NetworkError, SoraError, StorageError, SubmissionUnknown
from ..models import Effect, Secret
from ..redaction import LEAST_CHARS, hide
from ..urls import bare_url, origin
from .call import Call, Reply, holds_secret, is_html
from .diagnosis import no_such_name, reason_of
from .encoding import json_of, multipart_of, told
from .environment import proxy_for
from .keys import FixedKeys, Keys
from .packing import DRIP_SECONDS, coding_of, steady, unpacked
from .reach import Reach
from .redact import unlogged
from .retry import ATTEMPTS, Action, FailureKind, decide, kind_of
from .spool import Spool

if TYPE_CHECKING:
    import httpx

LONG_BODY_BYTES = 2**20
MAX_REDIRECTS = 5
_CONNECT_SECONDS = 15.0
REFUSED = "connection_refused"  # the code of a NetworkError
_LOCATION = "x-redirect-target"  # read by what names the target to the user, too
_NOTHING_SENT = (FailureKind.NOT_SENT, FailureKind.NO_NAME)
_REDIRECTS = (301, 302, 303, 307, 308)


class Http:
    """Sends calls to one origin. Lives in one event loop.

    ``judge`` turns a reply that is not 2xx into the error it stands for; it comes from the provider.
    ``auth`` holds the authorization headers; they go to the base URL's origin, to those of
    ``key_urls``, which the user named, and nowhere else. ``named_urls`` are other addresses of the
    user's: they may lie inside this network, and get no key. Nothing is sent to ``never`` (hosts and
    what is below them), whoever points there. ``plain_links``: links may be plain http though the server is not;
    ``reach`` is that of another one, to be shared.
    """

    def __init__(
        self,
        base_url: str,
        *,
        judge: Callable[[Reply], SoraError],
        clock: Clock,
        auth: Mapping[str, Secret] | None = None,
        proxy: str | None = None,
        key_urls: Iterable[str] = (),
        named_urls: Iterable[str] = (),
        never: Iterable[str] = (),
        plain_links: bool = False,
        fails_over: bool = False,
        reach: Reach | None = None,
    ) -> None:
        import httpx

        from .ways import Ways

        self.base_url = base_url.rstrip("/")
        self._fails_over = fails_over
        self._proxy = proxy
        self.keys: Keys = FixedKeys(auth or {})  # a protocol that renews its key puts its own here
        self.headers: Mapping[str, str] = {}  # what requests to the server itself say besides their own
        key_urls = (base_url, *key_urls)
        self._own = set(map(origin, key_urls))
        self._reach = reach or Reach(base_url, (*key_urls, *named_urls), never=never, plain_links=plain_links)
        self._judge = judge
        self._clock = clock
        self._secrets: list[str] = []
        self._proxied: dict[str, Http] = {}
        options: dict[str, Any] = {
            "trust_env": False,  # it is read here, per address, and what is wrong in it is told
            "timeout": httpx.Timeout(60, connect=_CONNECT_SECONDS),
            "headers": {"accept-encoding": "identity"},  # httpx would unpack without a bound
            "event_hooks": {"response": [_hide_location]},
        }
        # few are kept: the pool looks at each of them with every request
        pooled = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30)
        fresh = httpx.Limits(max_keepalive_connections=0)
        self._pooled = httpx.AsyncClient(**options, transport=Ways(proxy, pooled, connected=self._reach.connected))
        # A charge gets a connection of its own: on a pooled one that the server is just closing,
        # no one could tell whether the request was read.
        straight = Ways(proxy, fresh, attentive=True, connected=self._reach.connected)
        self._fresh = httpx.AsyncClient(**options, transport=straight)

    def through_proxy(self, proxy: str) -> Http:
        """The same servers without the key and through another proxy ("": none); closed with this one."""
        if proxy not in self._proxied:
            self._proxied[proxy] = Http(
                self.base_url, judge=self._judge, clock=self._clock, proxy=proxy or None, reach=self._reach
            )
        return self._proxied[proxy]

    async def aclose(self) -> None:
        await self.keys.aclose()
        for other in self._proxied.values():
            await other.aclose()
        await self._pooled.aclose()
        await self._fresh.aclose()

    async def send(
        self,
        call: Call,
        *,
        on_sent: Callable[[], Awaitable[None]] | None = None,
        on_refused: Callable[[], Awaitable[None]] | None = None,
        on_chunk: Callable[[bytes], None] | None = None,
        spool: Path | None = None,
        attempts: int = ATTEMPTS,
    ) -> Reply:
        """The 2xx answer to ``call``.

        ``on_sent`` runs right before the first byte of the request leaves; what it raises stops the
        request. ``on_refused`` runs when the server has proved that it did not take a try, before the
        next one. ``on_chunk`` is handed the body of a 2xx answer as it arrives; a large one is written to
        ``spool``, where there is one. Raises the error tree:
        SubmissionUnknown for a charge that may have been accepted.
        """
        import httpx

        attempt, renewed = 0, False
        while True:
            attempt += 1
            error: SoraError
            sent = _Sent(on_sent)
            try:
                reply = await self._once(call, sent, on_chunk, spool)
            except (BadResponse, StorageError) as caught:
                if call.effect is not Effect.CHARGE or not sent.happened:
                    raise
                kind, error = FailureKind.BROKEN, caught
            except NetworkError as caught:
                kind, error = FailureKind.BROKEN, caught
            except httpx.HTTPError as caught:
                kind, error = self._not_answered(caught, call, sent.happened)
            else:
                if reply.ok:
                    return reply
                error = self._redirected(call, reply) or self._judge(reply)
                kind = kind_of(reply.status, error, is_page=is_html(reply.body))
                if kind is FailureKind.REFUSED and not renewed and not call.anonymous:
                    renewed = await self.keys.renewed(error, sent.auth)
                    if renewed:
                        kind, attempts = FailureKind.STALE, attempts + 1
            most = sys.maxsize if call.patient and kind is FailureKind.BUSY else attempts
            if self._fails_over and call.effect is Effect.CHARGE and kind in _NOTHING_SENT:
                most = 1
            decision = decide(call.effect, kind, attempt, retry_after=error.retry_after, attempts=most)
            if decision.action is Action.UNKNOWN:
                lost = SubmissionUnknown("submit.open", error=error.message)
                lost.code, lost.status, lost.body = error.code, sent.status, self._without_key(bytes(sent.body))
                raise lost from error
            if decision.action is Action.RAISE:
                raise error
            if sent.happened and kind in (FailureKind.BUSY, FailureKind.STALE) and on_refused:
                await on_refused()
            await self._clock.sleep(decision.wait)

    async def _once(
        self, call: Call, sent: _Sent, on_chunk: Callable[[bytes], None] | None, spool: Path | None
    ) -> Reply:
        follow = call.effect is Effect.READ
        async with self._open(call, sent, follow=follow) as response:
            sent.status = response.status_code
            taken = Spool(spool if response.is_success else None, bare_url(str(response.url)))
            with contextlib.closing(taken):
                # a talk may be silent for long, and say little in all
                patience = max(DRIP_SECONDS, 4 * call.timeout)
                async for chunk in steady(self.body(response), self._clock, patience_seconds=patience):
                    taken.add(chunk)
                    if call.effect is Effect.CHARGE:  # of a lost answer, what was read may still name the job
                        sent.body += chunk[: max(LONG_BODY_BYTES - len(sent.body), 0)]
                    if on_chunk and response.is_success:
                        on_chunk(chunk)
                body, files = await asyncio.to_thread(taken.finish) if spool else taken.finish()
            return replace(self.reply(response, body, secret=not call.anonymous), files=files)

    @contextlib.asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[httpx.Response]:
        """An open answer to a read, redirects followed, whatever its status. One attempt."""
        import httpx

        sent = _Sent(None)
        try:
            async with self._open(call, sent, follow=True) as response:
                yield response
        except httpx.HTTPError as caught:
            raise self._not_answered(caught, call, sent.happened)[1] from caught

    async def wire(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body of an open answer as it comes over the wire, still packed.

        A long one of known length goes round the parser, which copies every byte four times: after its first piece
        nothing is left in there, and the rest is what the connection brings. Raises NetworkError.
        """
        import httpcore

        pieces = response.aiter_raw()
        first = await anext(pieces, b"")
        yield first
        left = _length(response.headers) - len(first)
        connection = response.extensions.get("network_stream")
        if left < LONG_BODY_BYTES or connection is None:
            async for piece in pieces:
                yield piece
            return
        timeout = response.request.extensions["timeout"]["read"]
        try:
            while left > 0:
                piece = (await connection.read(LONG_BODY_BYTES, timeout))[:left]
                if not piece:
                    raise NetworkError("transport.connection_ended_middle_answer")
                left -= len(piece)
                yield piece
        except (httpcore.NetworkError, httpcore.TimeoutException) as caught:
            raise NetworkError("transport.connection_broke_middle_answer", caught=reason_of(caught)) from caught

    def body(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body of an open answer, unpacked within bounds. Raises BadResponse, NetworkError."""
        return unpacked(response.aiter_raw(), coding_of(response.headers))

    async def judge_stream(self, response: httpx.Response) -> SoraError:
        """The error that an open answer stands for; reads a little of its body."""
        body = bytearray()
        async for chunk in steady(self.body(response), self._clock):
            body += chunk
            if len(body) > 2**16:
                break
        return self._judge(self.reply(response, bytes(body)))

    def reply(self, response: httpx.Response, body: bytes, *, secret: bool = True) -> Reply:
        """The answer without our own key in it: some servers repeat the key they refuse."""
        body = self._without_key(body) if secret else body
        headers = {name.lower(): hide(value, self._secrets) for name, value in response.headers.items()}
        return Reply(response.status_code, headers, body, str(response.url))

    def _without_key(self, body: bytes) -> bytes:
        if len(body) <= LONG_BODY_BYTES:
            return hide(body.decode("latin-1"), self._secrets).encode("latin-1")
        for key in self._secrets:
            body = body.replace(key.encode(), b"***")
        return body

    @contextlib.asynccontextmanager
    async def _open(self, call: Call, sent: _Sent, *, follow: bool) -> AsyncIterator[httpx.Response]:
        import httpx

        client = self._fresh if call.effect is Effect.CHARGE else self._pooled
        url, query = self._reach.settled(self.absolute(call.path)), call.query
        home = origin(url)
        for _ in range(MAX_REDIRECTS + 1):
            url = self._reach.settled(url)
            if origin(url) != home and holds_secret(call.json):
                raise BadResponse("transport.redirects_address_not_followed", url=bare_url(self.absolute(call.path)))
            client.cookies.clear()  # kept ones would go to any port of the host
            sent.auth = {} if call.anonymous else await self._authorization(url)
            request = client.build_request(
                call.method,
                url,
                params=query or None,
                content=json_of(call),
                files=multipart_of(call),
                headers={
                    **(self.headers if origin(url) in self._own else {}),
                    **({} if call.json is None else {"content-type": "application/json"}),
                    **told(call.headers, at_home=origin(url) == home),
                    **told(sent.auth),
                },
                timeout=httpx.Timeout(call.timeout, connect=_CONNECT_SECONDS),
                extensions={"trace": sent.trace},
            )
            with unlogged():
                response = await _in_time(client.send(request, stream=True), call.timeout)
            try:
                if response.status_code not in _REDIRECTS or not follow:
                    yield response
                    return
                url, query = self._redirect(response), {}
            finally:
                await response.aclose()
        raise BadResponse("transport.redirects_more_than_times", url=bare_url(url), max_redirects=MAX_REDIRECTS)

    def absolute(self, path: str) -> str:
        return path if path.startswith(("http://", "https://")) else f"{self.base_url}/{path.lstrip('/')}"

    async def _authorization(self, url: str) -> Mapping[str, Secret]:
        if origin(url) not in self._own:
            return {}
        auth = await self.keys.headers()
        keys = (secret.reveal().removeprefix("Bearer ") for secret in auth.values())
        self._secrets = [key for key in keys if len(key) >= LEAST_CHARS]  # a word of an answer is no echo of a key
        return auth

    def _redirect(self, response: httpx.Response) -> str:
        location = str(response.headers.get(_LOCATION) or response.headers.get("location", ""))
        try:
            if urlsplit(location).scheme and not urlsplit(location).netloc:
                raise ValueError("no host")
            target = urljoin(str(response.url), location)
            scheme, path = urlsplit(target).scheme, urlsplit(target).path
        except ValueError as error:
            raise BadResponse("transport.server_redirects_what_no_address", location=location[:100]) from error
        if scheme not in ("http", "https") or (response.url.scheme == "https" and scheme == "http"):
            raise BadResponse("transport.redirects_address_not_followed", url=bare_url(str(response.url)))
        if path.rstrip("/").endswith("/login"):
            raise BadResponse("transport.redirects_login_page_wants_key", url=bare_url(str(response.url)))
        return target

    def _redirected(self, call: Call, reply: Reply) -> BadResponse | None:
        """A redirect that was not followed, with its target; it says most about what is wrong."""
        target = reply.headers.get(_LOCATION, "")
        if reply.status not in _REDIRECTS or not target:
            return None
        try:
            shown = bare_url(urljoin(reply.url, target))
        except ValueError:
            shown = target[:100]
        return BadResponse(
            "transport.server_answered_http_redirect_not",
            method=call.method,
            url=bare_url(reply.url),
            status=reply.status,
            shown=shown,
        )

    def _not_answered(self, caught: httpx.HTTPError, call: Call, sent: bool) -> tuple[FailureKind, NetworkError]:
        kind = FailureKind.BROKEN if sent else FailureKind.NOT_SENT
        reason = reason_of(caught)
        if not sent and no_such_name(caught):
            kind = FailureKind.NO_NAME
            if not (self._proxy or proxy_for(str(caught.request.url))):  # else it may be the proxy's name
                host = caught.request.url.raw_host.decode("ascii")
                return kind, NetworkError("network.no_address_known_name_dns", host=host)
        what = "the connection broke" if sent else "no connection could be made"
        code = REFUSED if "refused" in reason.lower() and not sent else None  # nobody listens there
        where = bare_url(self.absolute(call.path))
        return kind, NetworkError("transport.said", method=call.method, path=where, what=what, given=reason, code=code)


async def _hide_location(response: httpx.Response) -> None:
    """Redirects are followed here; httpx would parse the target even so, and break on nonsense."""
    if "location" in response.headers:
        response.headers[_LOCATION] = response.headers.pop("location")


class _Sent:
    """Learns from httpcore's trace the moment when the first byte of a request is about to leave."""

    def __init__(self, on_sent: Callable[[], Awaitable[None]] | None) -> None:
        self.happened = False
        self.auth: Mapping[str, Secret] = {}  # what it went out with
        self.status, self.body = 0, bytearray()  # of the answer, as far as it was read
        self._on_sent = on_sent

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if not event.endswith("send_request_headers.started"):
            return
        if getattr(info.get("request"), "method", b"") == b"CONNECT":
            return  # the proxy's tunnel, not the request
        if not self.happened and self._on_sent:
            await self._on_sent()
        self.happened = True


def _length(headers: Mapping[str, str]) -> int:
    """How many bytes of the body the answer announces; 0 where it does not."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and "transfer-encoding" not in headers else 0


async def _in_time(sending: Coroutine[Any, Any, httpx.Response], timeout: float) -> httpx.Response:
    """The head of the answer, which may be long in coming, but does not drip for ever."""
    import anyio
    import httpx

    try:
        with anyio.fail_after(4 * timeout + _CONNECT_SECONDS):
            return await sending
    except TimeoutError as error:
        raise httpx.ReadTimeout("the head of the answer did not come to its end") from error
