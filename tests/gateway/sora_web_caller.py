"""A client of the Sora web protocol without a client library, with a solver of its own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx

IOS = "app_LlGpXReQgckcGGUo2JrYvtJK"
IOS_REDIRECT = "com.openai.chat://auth0.openai.com/ios/com.openai.chat/callback"
WEB = "pdlLIX2Y72MIl2rhLhTE9VV9bN905kBh"
WEB_REDIRECT = "https://chatgpt.com/api/auth/callback/login-web"
ACCESS = "eyJhbGciOiJIUzI1NiJ9.any.token"
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
SENTINEL_HEADERS = {
    "Accept": "*/*",
    "Content-Type": "text/plain;charset=UTF-8",
    "Origin": "https://chatgpt.com",
    "Referer": "https://chatgpt.com/backend-api/sentinel/frame.html",
    "User-Agent": AGENT,
    "sec-ch-ua": '"Chromium";v="131"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Windows"',
}
SESSION_HEADERS = {
    "Accept": "application/json",
    "Origin": "https://sora.chatgpt.com",
    "Referer": "https://sora.chatgpt.com/",
}
VIDEO = {"kind": "video", "prompt": "a cat", "orientation": "landscape", "size": "small", "n_frames": 300}
VIDEO |= {"model": "sy_8", "inpaint_items": [], "style_id": None}
PICTURE = {"type": "image_gen", "operation": "simple_compose", "prompt": "a sunset", "width": 540, "height": 360}
PICTURE |= {"n_variants": 1, "n_frames": 1, "inpaint_items": []}


def config(i: int = 0) -> list[Any]:
    local = "Mon Jan 05 2026 10:00:00 GMT+0000 (Coordinated Universal Time)"
    first = [1920, local, 4294967296, i, AGENT, "https://cdn.invalid/app.js", None, "en-US", "en-US,en"]
    last = ["location", "window", 12345.5, str(uuid.UUID(int=1, version=4)), "", 8, 1.25]
    return [*first, 5 + (i + 29) // 30, "vendor\u2212Example", *last]


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).decode()


def solved(seed: str, difficulty: str) -> str:
    for i in range(500_000):
        text = encoded(config(i))
        digest = hashlib.sha3_512((seed + text).encode()).hexdigest()
        if digest[: len(difficulty)] <= difficulty:
            return text
    raise AssertionError("not solved")


class SoraWebCaller:
    """One account of one dialect, signed in with an access token."""

    def __init__(self, http: httpx.AsyncClient, mount: str = "/sora-web", access: str = ACCESS) -> None:
        self.http = http
        self.mount = mount
        self.access = access

    async def call(self, method: str, path: str, status: int | None = 200, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access}", "User-Agent": AGENT, **options.pop("headers", {})}
        reply = await self.http.request(method, f"{self.mount}/backend{path}", headers=headers, **options)
        assert status is None or reply.status_code == status, (reply.status_code, reply.text)
        return reply

    async def get(self, path: str) -> Any:
        return (await self.call("GET", path)).json()

    async def challenge(self, **changes: Any) -> httpx.Response:
        body = {"p": "gAAAAAC" + encoded(config()), "id": str(uuid.uuid4()), "flow": "sora_init", **changes}
        content = json.dumps(body)
        return await self.http.post(f"{self.mount}/backend-api/sentinel/req", headers=SENTINEL_HEADERS, content=content)

    async def proof(self) -> dict[str, str]:
        """A sentinel token, as fields."""
        request_id, first = str(uuid.uuid4()), "gAAAAAC" + encoded(config())
        reply = await self.challenge(id=request_id, p=first)
        assert reply.status_code == 200, reply.text
        given = reply.json()
        work = given["proofofwork"]
        p = f"gAAAAAB{solved(work['seed'], work['difficulty'])}~S" if work["required"] else f"{first}~S"
        turnstile = given.get("turnstile", {"dx": ""})["dx"]
        return {"p": p, "t": turnstile, "c": given["token"], "id": request_id, "flow": "sora_2_create_task__auto"}

    async def proved(self, path: str, body: object, status: int | None = 200) -> Any:
        """The answer to a POST with a proof of work."""
        proof = await self.proof()
        headers = {"openai-sentinel-token": json.dumps(proof), "oai-device-id": proof["id"]}
        return (await self.call("POST", path, status, json=body, headers=headers)).json()

    async def create(self, **fields: Any) -> str:
        return str((await self.proved("/nf/create", {**VIDEO, **fields}))["id"])

    async def upload(self, picture: bytes) -> str:
        files = {"file": ("a.png", picture, "image/png")}
        return str((await self.call("POST", "/uploads", files=files, data={"file_name": "a.png"})).json()["id"])

    async def until(self, path: str, found: Callable[[Any], Any], within_seconds: float = 120) -> Any:
        """Asks until there is something in the answer."""
        for _ in range(round(within_seconds / 0.05)):
            answer = await self.get(path)
            if wanted := found(answer):
                return wanted
            await asyncio.sleep(0.05)
        raise AssertionError(f"nothing at {path} within {within_seconds} s: {answer}")

    async def draft(self, task: str) -> dict[str, Any]:
        """The draft that a task became, in either dialect."""

        def found(answer: dict[str, Any]) -> dict[str, Any] | None:
            items = answer.get("items", answer.get("drafts", []))
            return next((item for item in items if task in (item["id"], item.get("task_id"))), None)

        wanted: dict[str, Any] = await self.until("/project_y/profile/drafts?limit=15", found)
        return wanted

    async def finished(self, **fields: Any) -> dict[str, Any]:
        return await self.draft(await self.create(**fields))

    async def publish(self, generation_id: str) -> dict[str, Any]:
        attachment = {"generation_id": generation_id, "kind": "sora"}
        body = {"attachments_to_create": [attachment], "post_text": ""}
        post: dict[str, Any] = (await self.proved("/project_y/post", body))["post"]
        return post

    async def fault(self, **rule: Any) -> None:
        reply = await self.http.post("/_gateway/faults", json={"faults": [rule]})
        assert reply.status_code == 200, reply.text

    async def charges(self) -> int:
        return int((await self.http.get("/_gateway/stats")).json()["charges"])
