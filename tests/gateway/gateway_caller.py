"""A client of the gateway without a client library."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

SMALL = {"prompt": "a lighthouse in fog", "seconds": "1", "size": "128x96"}


class Caller:
    """The OpenAI protocol without a client library."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def create(self, **fields: Any) -> dict[str, Any]:
        reply = await self.http.post("/openai/v1/videos", data={**SMALL, **fields})
        assert reply.status_code == 200, reply.text
        video: dict[str, Any] = reply.json()
        return video

    async def read(self, video_id: str) -> dict[str, Any]:
        video: dict[str, Any] = (await self.http.get(f"/openai/v1/videos/{video_id}")).json()
        return video

    async def ended(self, video_id: str, within_seconds: float = 120) -> dict[str, Any]:
        for _ in range(round(within_seconds / 0.03)):
            video = await self.read(video_id)
            if video["status"] in ("completed", "failed"):
                return video
            await asyncio.sleep(0.03)
        raise AssertionError(f"{video_id} has not ended within {within_seconds} s: {video}")

    async def completed(self, **fields: Any) -> dict[str, Any]:
        video = await self.ended((await self.create(**fields))["id"])
        assert video["status"] == "completed", video
        return video

    async def content(self, video_id: str, **headers: str) -> httpx.Response:
        return await self.http.get(f"/openai/v1/videos/{video_id}/content", headers=headers)

    async def faults(self, *rules: dict[str, Any], seed: int | None = None) -> None:
        reply = await self.http.post("/_gateway/faults", json={"seed": seed, "faults": list(rules)})
        assert reply.status_code == 200, reply.text

    async def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = (await self.http.get("/_gateway/stats")).json()
        return stats
