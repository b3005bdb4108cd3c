"""Chat completions as relays answer them: what a message says, a whole answer, and a stream of chunks."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

from ..core import Incoming
from ..forms import Fields
from ..refusal import Refusal, invalid


def message_of(fields: Fields) -> tuple[str, list[str]]:
    """The text and the image addresses of the last message. Raises Refusal."""
    messages = fields.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user":
        raise invalid("messages", "messages must be a list that ends with a message of the user", "invalid_request")
    content = last.get("content")
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    images: list[str] = []
    for part in content if isinstance(content, list) else [None]:
        given = part if isinstance(part, dict) else {}
        kind, text, image = given.get("type"), given.get("text"), given.get("image_url")
        if kind == "text" and isinstance(text, str):
            texts.append(text)
        elif kind == "image_url" and isinstance(image, dict):
            images.append(str(image.get("url")))
        else:
            raise invalid(
                "messages", "content must be a text, or a list of text and image_url parts", "invalid_request"
            )
    return "\n".join(texts), images


def stream_of(fields: Fields) -> bool:
    value = fields.get("stream", False)
    if not isinstance(value, bool):
        raise invalid("stream", f"stream must be a boolean, not {value!r:.40}", "invalid_request")
    return value


def completion(call_id: str, model: str, content: str, **more: Any) -> dict[str, Any]:
    """A whole answer."""
    message = {"role": "assistant", "content": content}
    return {
        "id": f"chatcmpl-{call_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **more,
        "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
    }


def error_of(refusal: Refusal) -> dict[str, Any]:
    """An error as it stands inside an answer with HTTP 200."""
    return {"error": {"message": refusal.message, "type": "server_error", "param": None, "code": refusal.code}}


class Stream:
    """An answer of chunks: `data: {…}` events up to `data: [DONE]`."""

    def __init__(self, call: Incoming, call_id: str, model: str) -> None:
        self._request = call.request
        self._head = {
            "id": f"chatcmpl-{call_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
        }
        self._model = model
        self.response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        self.response.content_type = "text/event-stream"

    async def begin(self) -> None:
        await self.response.prepare(self._request)
        await self._delta({"role": "assistant", "content": None})

    async def tell(self, prose: str) -> None:
        """Progress, as the model's reasoning."""
        await self._delta({"reasoning_content": prose})

    async def say(self, content: str) -> None:
        await self._delta({"content": content})

    async def finish(self, content: str) -> None:
        await self._delta({"content": content}, "STOP")
        await self._end()

    async def fail(self, refusal: Refusal) -> None:
        await self._event(error_of(refusal))
        await self._end()

    def cut(self) -> None:
        """Breaks the connection off; what was written before arrives."""
        if self._request.transport is not None:
            self._request.transport.close()

    async def _end(self) -> None:
        await self.response.write(b"data: [DONE]\n\n")
        await self.response.write_eof()

    async def _delta(self, delta: dict[str, Any], reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        await self._event({**self._head, "model": self._model, "choices": [choice]})

    async def _event(self, value: dict[str, Any]) -> None:
        await self.response.write(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")
