"""The gateway's own doors, its beginning and its end, and the command that runs it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from gateway_caller import SMALL, Caller

from sora_core.errors import InvalidRequest, StorageError
from sora_core.gateway import FaultRule, Gateway

TESTS = Path(__file__).resolve().parent.parent
SERVE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import conftest
from sora_core.gateway import serve
faults = Path(sys.argv[2]) if len(sys.argv) > 2 else None
asyncio.run(serve(host="127.0.0.1", port=0, speed=50, key="k", faults_file=faults))
"""


async def test_the_books_show_what_was_asked(caller: Caller, http: httpx.AsyncClient) -> None:
    reply = await http.post(
        "/openai/v1/videos", data={**SMALL, "model": "m", "seed": "5"}, headers={"Idempotency-Key": "once"}
    )
    await http.post("/openai/v1/videos", data=SMALL, headers={"Idempotency-Key": "once"})
    video = reply.json()
    await caller.read(video["id"])
    await http.get("/openai/nowhere")
    stats = await caller.stats()
    assert stats["charges"] == 2
    assert stats["requests"] == {"openai.create": 2, "openai.retrieve": 1, "openai.unknown": 1}
    assert stats["jobs"][0].pop("status") in ("queued", "running", "succeeded")
    assert stats["jobs"][0] == {
        "id": video["id"],
        "protocol": "openai",
        "prompt": SMALL["prompt"],
        "model": "m",
        "seconds": 1,
        "size": "128x96",
        "created_at": video["created_at"],
        "idempotency_key": "once",
        "has_image": False,
        "shots": 0,
        "seed": 5,
        "remix_of": None,
        "cast": "",
        "cents": 10,
    }


async def test_the_admin_key_guards_the_books_and_the_key_guards_the_protocol() -> None:
    gateway = Gateway(key="k", admin_key="a")
    await gateway.start()
    try:
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
            for method, path in [
                ("GET", "/_gateway/stats"),
                ("GET", "/_gateway/faults"),
                ("POST", "/_gateway/faults"),
                ("DELETE", "/_gateway/faults"),
                ("GET", "/openai/v1/videos"),
                ("POST", "/openai/v1/videos"),
                ("GET", "/openai/v1/nowhere"),
            ]:
                right = "a" if path.startswith("/_gateway") else "k"
                wrong = "k" if right == "a" else "a"
                for authorization in (None, f"Bearer {wrong}", right, f"Bearer {right}x", "Bearer é"):
                    headers = {} if authorization is None else {"Authorization": authorization.encode()}
                    reply = await http.request(method, path, headers=headers)
                    assert reply.status_code == 401, (method, path, authorization)
            reply = await http.get("/_gateway/stats", headers={"Authorization": "Bearer a"})
            assert reply.json()["charges"] == 0
            assert (await http.get("/openai/v1/videos", headers={"Authorization": "Bearer k"})).status_code == 200
    finally:
        await gateway.stop()


async def test_faults_can_be_given_at_the_start() -> None:
    gateway = Gateway(faults=[FaultRule("list", "status", status=503)])
    await gateway.start()
    try:
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
            assert [(await http.get("/openai/v1/videos")).status_code for _ in range(2)] == [503, 200]
    finally:
        await gateway.stop()


async def test_its_folder_is_filled_while_it_runs_and_gone_when_it_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gateway = Gateway(speed=50)
    await gateway.start()
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
        await Caller(http).completed()
    assert list(tmp_path.glob("*/*.mp4"))
    await gateway.stop()
    await gateway.stop()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError):
        _ = gateway.url


async def test_a_folder_of_the_user_stays(tmp_path: Path) -> None:
    gateway = Gateway(speed=50, workdir=tmp_path / "mine")
    await gateway.start()
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
        await Caller(http).completed()
    await gateway.stop()
    assert list((tmp_path / "mine").glob("*.mp4"))


async def test_stopping_does_not_wait_for_renders_or_for_slow_clients(http: httpx.AsyncClient, caller: Caller) -> None:
    gateway = Gateway(speed=0.01)
    await gateway.start()
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as other:
        for seed in range(4):
            await Caller(other).create(seconds="60", size="1280x720", seed=str(seed))
        await Caller(other).faults({"on": "list", "do": "delay", "seconds": 600})
        waiting = asyncio.ensure_future(other.get("/openai/v1/videos", timeout=None))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(gateway.stop(), 20)
        with pytest.raises(httpx.HTTPError):
            await waiting


async def test_deleting_removes_what_only_that_job_needed(tmp_path: Path, picture: bytes) -> None:
    gateway = Gateway(speed=0.5, workdir=tmp_path)
    await gateway.start()
    try:
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
            body = {"data": {**SMALL, "seconds": "60"}, "files": {"input_reference": ("a.png", picture)}}
            videos = [(await http.post("/openai/v1/videos", **body)).json()["id"] for _ in range(2)]  # type: ignore[arg-type]
            for images_left, video_id in zip((1, 0), videos, strict=True):
                await http.delete(f"/openai/v1/videos/{video_id}")
                assert len(list(tmp_path.glob("image-*"))) == images_left
            assert [job["status"] for job in (await Caller(http).stats())["jobs"]] == ["canceled", "canceled"]
    finally:
        await gateway.stop()
    assert list(tmp_path.iterdir()) == []


async def test_a_port_in_use_is_told(gateway: Gateway) -> None:
    port = int(gateway.url.rpartition(":")[2])
    with pytest.raises(InvalidRequest, match=str(port)):
        await Gateway().start(port=port)


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        await Gateway(workdir=tmp_path / "file" / "folder").start()


def test_a_speed_of_nothing_is_refused() -> None:
    for speed in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidRequest):
            Gateway(speed=speed)


def test_it_runs_in_a_loop_of_another_thread() -> None:
    started, finish = threading.Event(), threading.Event()
    urls: list[str] = []

    async def live() -> None:
        gateway = Gateway()
        await gateway.start()
        urls.append(gateway.url)
        started.set()
        while not finish.is_set():
            await asyncio.sleep(0.01)
        await gateway.stop()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert started.wait(20)
    assert httpx.get(f"{urls[0]}/openai/v1/models", trust_env=False).status_code == 200
    finish.set()
    thread.join(20)
    assert not thread.is_alive()


def _serve(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", SERVE, str(TESTS), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_is_and_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"faults": [{"on": "list", "do": "status", "status": 418}]}))
    process = _serve(str(faults))
    try:
        assert process.stdout
        prefix, _, url = process.stdout.readline().rstrip("\n").rpartition(" ")
        assert prefix == "listening on"
        assert url.startswith("http://127.0.0.1:")
        headers = {"Authorization": "Bearer k"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
            assert http.get("/openai/v1/videos").status_code == 418
            long = {**SMALL, "seconds": "60", "size": "1280x720"}
            assert http.post("/openai/v1/videos", data=long).status_code == 200
            assert httpx.get(f"{url}/openai/v1/videos", trust_env=False).status_code == 401
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")


def test_serve_refuses_faults_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('{"faults": [{}]}')
    for name, says in [("faults.json", "Fault 1: on is missing"), ("nowhere.json", "cannot be read")]:
        process = _serve(str(tmp_path / name))
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (1, "")
        assert says in err
