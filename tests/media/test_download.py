"""Paid bytes on their way to the disk: whole, once, under a name of their own, and never lost to a bad line."""

from __future__ import annotations

import asyncio
import os
import re
from functools import partial
from pathlib import Path

import pytest
from _clock import FakeClock
from aiohttp import web

from sora_core.errors import AuthError, BadResponse, MediaError, ServiceError, StorageError
from sora_core.media.download import Download
from sora_core.models import Effect
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http

MIB = 2**20
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(3 * MIB)
OTHER = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(2 * MIB)


class Shelf:
    """A server with one file. ``cuts`` are the bytes after which the next answers break off."""

    def __init__(self) -> None:
        self.data = VIDEO
        self.headers = {"etag": '"one"'}
        self.ranges = True
        self.trusts_if_range = True
        self.sized = True
        self.cuts: list[int] = []
        self.before: list[web.Response] = []
        self.after: list[web.Response] = []  # come before the file again, once an answer broke off
        self.requests: list[web.Request] = []

    async def __aenter__(self) -> Shelf:
        app = web.Application()
        app.router.add_get("/{name:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def ranges_asked_for(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.requests]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.before:
            return self.before.pop(0)
        start = self._start(request)
        if start >= len(self.data) and start:
            return web.Response(status=416, headers={"content-range": f"bytes */{len(self.data)}"})
        body = self.data[start:]
        response = web.StreamResponse(status=206 if start else 200, headers=self.headers)
        if start:
            response.headers["content-range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        if self.sized:
            response.content_length = len(body)
        await response.prepare(request)
        if self.cuts:
            await response.write(body[: self.cuts.pop(0)])
            self.before, self.after = self.after, []
            await asyncio.sleep(0.02)
            request.transport.abort()
            return response
        await response.write(body)
        await response.write_eof()
        return response

    def _start(self, request: web.Request) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        mine = self.headers.get("etag") or self.headers.get("last-modified")
        same = request.headers.get("if-range") in (None, mine) or not self.trusts_if_range
        return int(match[1]) if match and self.ranges and same else 0


class Bench:
    """One download as the engine does it; what it told us is kept as the ledger would."""

    def __init__(self, folder: Path, shelf: Shelf, clock: FakeClock) -> None:
        judge = partial(normalize.error_of, provider="openai")
        self.http = Http(shelf.url, judge=judge, clock=clock)
        self.clock = clock
        self.part = folder / ".job.part"
        self.validator: str | None = None
        self.refreshes: list[bool] = []
        self.links = ["/old"]
        self.seen: list[tuple[int, int | None]] = []
        self.on_validator_hook = lambda value: None

    async def _keep(self, value: str | None) -> None:
        self.on_validator_hook(value)
        self.validator = value

    async def source(self, *, refresh: bool) -> Call:
        self.refreshes.append(refresh)
        if refresh and len(self.links) > 1:
            self.links.pop(0)
        return Call("GET", self.links[0], Effect.READ, timeout=5)

    async def run(self) -> None:
        download = Download(
            self.http,
            self.part,
            clock=self.clock,
            validator=self.validator,
            on_validator=self._keep,
            on_bytes=lambda done, total: self.seen.append((done, total)),
        )
        await download.run(self.source)


@pytest.fixture
async def shelf():
    async with Shelf() as made:
        yield made


@pytest.fixture
async def bench(tmp_path, shelf):
    made = Bench(tmp_path, shelf, FakeClock())
    yield made
    await made.http.aclose()


class TestADownload:
    async def test_is_the_file(self, bench, shelf):
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert shelf.requests[0].headers["accept-encoding"] == "identity"
        assert bench.validator == '"one"'
        assert bench.seen[-1] == (len(VIDEO), len(VIDEO))

    async def test_that_breaks_off_goes_on_where_it_was(self, bench, shelf):
        shelf.cuts = [MIB + 5]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert shelf.ranges_asked_for[0] is None
        start = int(re.fullmatch(r"bytes=(\d+)-", shelf.ranges_asked_for[1])[1])
        assert 0 < start <= MIB + 5
        assert shelf.requests[1].headers["if-range"] == '"one"'
        assert len(shelf.requests) == 2

    async def test_keeps_every_byte_that_came(self, bench, shelf):
        """On a line that breaks every 100 KiB the file must grow all the same."""
        shelf.cuts = [100_000] * 20
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert shelf.ranges_asked_for[1] == "bytes=100000-"

    async def test_is_taken_up_after_a_restart(self, tmp_path, bench, shelf):
        shelf.cuts = [2 * MIB] + [0] * 20
        with pytest.raises(ServiceError):
            await bench.run()
        had = bench.part.stat().st_size
        assert 0 < had < len(VIDEO)
        shelf.cuts, shelf.requests = [], []
        again = Bench(tmp_path, shelf, FakeClock())
        again.validator = bench.validator
        await again.run()
        assert again.part.read_bytes() == VIDEO
        assert shelf.ranges_asked_for == [f"bytes={had}-"]
        await again.http.aclose()

    async def test_of_a_file_that_has_changed_starts_over(self, bench, shelf):
        shelf.cuts = [2 * MIB] + [0] * 20
        with pytest.raises(ServiceError):
            await bench.run()
        shelf.cuts, shelf.data, shelf.headers = [], OTHER, {"etag": '"two"'}
        await bench.run()
        assert bench.part.read_bytes() == OTHER
        assert bench.validator == '"two"'

    async def test_of_a_changed_file_starts_over_though_the_server_ignores_if_range(self, bench, shelf):
        shelf.cuts = [MIB] + [0] * 20
        with pytest.raises(ServiceError):
            await bench.run()
        shelf.cuts, shelf.data, shelf.headers, shelf.trusts_if_range = [], OTHER, {"etag": '"two"'}, False
        await bench.run()
        assert bench.part.read_bytes() == OTHER

    async def test_of_a_file_that_is_shorter_now_starts_over(self, bench, shelf):
        bench.part.write_bytes(VIDEO + b"more than the server has")
        bench.validator = '"one"'
        await bench.run()
        assert bench.part.read_bytes() == VIDEO

    async def test_forgets_the_old_bytes_before_it_notes_the_new_file(self, bench, shelf):
        """A crash between the two must not leave old bytes under a new tag."""
        bench.part.write_bytes(OTHER[:1000])
        bench.validator = '"old"'
        left: list[bool] = []
        bench.on_validator_hook = lambda value: left.append(bench.part.exists())
        await bench.run()
        assert left == [False]
        assert bench.part.read_bytes() == VIDEO

    async def test_goes_by_date_where_there_is_no_tag(self, bench, shelf):
        date = "Wed, 01 Jul 2026 10:00:00 GMT"
        shelf.headers, shelf.cuts = {"last-modified": date}, [2 * MIB]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert shelf.requests[1].headers["if-range"] == date

    async def test_goes_by_date_where_the_tag_is_weak(self, bench, shelf):
        date = "Wed, 01 Jul 2026 10:00:00 GMT"
        shelf.headers, shelf.cuts = {"etag": 'W/"one"', "last-modified": date}, [2 * MIB]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert 'W/"' not in (shelf.requests[1].headers.get("if-range") or "")
        assert shelf.requests[1].headers.get("if-range") == date

    async def test_without_tag_and_date_starts_over(self, bench, shelf):
        shelf.headers, shelf.cuts = {}, [2 * MIB]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert shelf.ranges_asked_for == [None, None]

    async def test_from_a_server_without_ranges_starts_over(self, bench, shelf):
        shelf.ranges, shelf.cuts = False, [2 * MIB]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert len(shelf.requests) == 2

    async def test_of_unknown_length_is_whole_when_the_server_says_so(self, bench, shelf):
        shelf.sized = False
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert bench.seen[-1] == (len(VIDEO), None)

    async def test_of_unknown_length_that_breaks_off_goes_on(self, bench, shelf):
        shelf.sized, shelf.cuts = False, [2 * MIB]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO

    async def test_that_never_gets_anywhere_is_given_up(self, bench, shelf):
        shelf.cuts = [0] * 100
        with pytest.raises(ServiceError):
            await bench.run()
        assert len(shelf.requests) < 20
        assert sum(bench.clock.sleeps) > 1

    async def test_into_a_folder_that_is_gone_makes_it(self, bench):
        bench.part = bench.part.parent / "gone" / ".job.part"
        await bench.run()
        assert bench.part.read_bytes() == VIDEO

    async def test_into_a_folder_that_cannot_be_is_a_storage_error(self, bench):
        (bench.part.parent / "file").touch()
        bench.part = bench.part.parent / "file" / ".job.part"
        with pytest.raises(StorageError):
            await bench.run()


class TestALinkThatHasExpired:
    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    async def test_is_asked_for_again(self, bench, shelf, status):
        shelf.before = [web.Response(status=status, text="expired")]
        bench.links = ["/old", "/new"]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert bench.refreshes == [False, True]
        assert [request.path for request in shelf.requests] == ["/old", "/new"]

    async def test_in_the_middle_loses_no_bytes(self, bench, shelf):
        shelf.cuts = [2 * MIB]
        shelf.after = [web.Response(status=403)]
        bench.links = ["/old", "/new"]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert [request.path for request in shelf.requests] == ["/old", "/old", "/new"]
        assert shelf.ranges_asked_for[-1] is not None

    async def test_for_good_is_raised(self, bench, shelf):
        shelf.before = [web.Response(status=404, text="gone") for _ in range(100)]
        with pytest.raises(BadResponse):
            await bench.run()
        assert len(shelf.requests) < 20

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (400, {"error": {"message": "Task is not completed yet, current status: IN_PROGRESS"}}),
            (404, {"detail": "Generation is still in-progress"}),
            (409, {"error": {"message": "busy"}}),
            (422, {"detail": "Video generation failed. Check job status for details."}),
            (500, {"detail": "KeyError"}),
        ],
        ids=lambda value: str(value)[:40],
    )
    async def test_content_that_is_not_ready_is_waited_for(self, bench, shelf, status, body):
        """Servers say it with every status; the job itself is asked again before anything is given up."""
        shelf.before = [web.json_response(body, status=status)]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert sum(bench.clock.sleeps) > 0

    async def test_a_key_that_is_refused_is_not_knocked_in(self, bench, shelf):
        shelf.before = [web.json_response({"error": "Unauthorized"}, status=401) for _ in range(100)]
        with pytest.raises(AuthError):
            await bench.run()
        assert len(shelf.requests) <= 2


class TestAServerThatIsBusy:
    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    async def test_is_waited_for(self, bench, shelf, status):
        shelf.before = [web.Response(status=status, headers={"retry-after": "7"})]
        await bench.run()
        assert bench.part.read_bytes() == VIDEO
        assert sum(bench.clock.sleeps) >= 7

    async def test_does_not_send_us_away_for_a_day(self, bench, shelf):
        shelf.before = [web.Response(status=429, headers={"retry-after": "86400"}) for _ in range(100)]
        with pytest.raises(ServiceError):
            await bench.run()
        assert sum(bench.clock.sleeps) < 3600


NO_VIDEO = {
    "a web page": ("<!doctype html><title>Sign in</title>", "text/html"),
    "JSON": ('{"status": "completed", "video_url": "https://cdn.example/v.mp4?sig=topsecret"}', "application/json"),
    "a picture": ("\x89PNG\r\n\x1a\n and more", "image/png"),
    "a few letters": ("no", "video/mp4"),
    "nothing": ("", "video/mp4"),
}


@pytest.mark.parametrize(("body", "kind"), NO_VIDEO.values(), ids=NO_VIDEO)
async def test_what_is_no_video_is_told_and_not_kept(bench, shelf, body, kind):
    shelf.before = [web.Response(body=body.encode("latin-1"), content_type=kind) for _ in range(20)]
    with pytest.raises(MediaError) as caught:
        await bench.run()
    assert not bench.part.exists() or bench.part.stat().st_size == 0
    assert "topsecret" not in str(caught.value)
