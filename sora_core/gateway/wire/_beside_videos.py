"""What the preview answers of the OpenAI API beside videos: characters, pictures, and a chat that rewrites prompts."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob, Order
from ..core import Core, Incoming, Route
from ..forms import MAX_SEED, Fields, prompt_of, read_fields, read_json, size_of, text_of, whole_of
from ..recent import Recent
from ..refusal import Refusal, invalid

NAMES = frozenset(("character", "retrieve_character", "picture", "chat"))

_CLIP_SECONDS = (1.9, 4.1)  # 2 to 4, and a frame more or less
_NAME_CHARS = 80
_DEFAULT_PICTURE = (1024, 1024)
_SIDE = 64  # of what is drawn for an order that makes no picture: its costs and its time are those of any job
_ADDITIONS = (
    "A wide shot sets the scene in soft morning light.",
    "The camera then moves in slowly until the subject fills the frame; the background falls out of focus.",
    "Small movements tell what happens: fabric, hair and leaves in a light wind, dust in the air.",
    "Colours are warm and muted, with one accent that the eye follows.",
    "Sound is close and dry: steps, breath, a distant street.",
    "The last moment holds still, so that the next shot can begin there.",
)


class BesideVideos:
    """Handlers of one wire; they charge once for each accepted creation, as those of videos do."""

    def __init__(self, core: Core, protocol: str) -> None:
        self._core = core
        self._protocol = protocol
        self._characters: Recent[dict[str, Any]] = Recent()

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/videos/characters", "character", "create", self.create_character),
            Route("GET", "/videos/characters/{id}", "retrieve_character", "retrieve", self.retrieve_character),
            Route("POST", "/images/generations", "picture", "create", self.create_picture),
            Route("POST", "/chat/completions", "chat", "create", self.chat),
        )

    def cast_of(self, fields: Fields) -> str:
        """The names of the characters that a create asks for, as they are shown. Raises Refusal."""
        value = fields.get("characters")
        if isinstance(value, (str, bytes)):
            try:
                value = read_json(value) if value else None
            except ValueError as error:
                raise invalid("characters", "Invalid value for 'characters': it is not JSON.") from error
        if value is None:
            return ""
        if not isinstance(value, list):
            raise invalid("characters", "Invalid type for 'characters': expected a list of {id}.", "invalid_type")
        return ", ".join(self._named(entry)["name"] for entry in value)

    def _named(self, entry: object) -> dict[str, Any]:
        given = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(given, str) or given not in self._characters:
            raise invalid("characters", f"Invalid value for 'characters': there is no character {given!r:.80}.")
        return self._characters[given]

    async def create_character(self, call: Incoming) -> web.StreamResponse:
        fields = await read_fields(call.request)
        name, clip = text_of(fields, "name").strip(), fields.get("video")
        if not name or len(name) > _NAME_CHARS:
            raise invalid("name", f"Invalid 'name': it must have 1 to {_NAME_CHARS} characters.")
        if not isinstance(clip, bytes) or not clip:
            raise invalid("video", "Missing required parameter: 'video'.", "missing_required_parameter")
        seconds = await asyncio.to_thread(_length, clip)
        low, high = _CLIP_SECONDS
        if not low <= seconds <= high:
            raise invalid("video", f"Invalid 'video': it is {seconds:.1f} s long; a character takes 2 to 4 seconds.")
        job = await self._made(call, f"character {name}", "character")
        entry: dict[str, Any] = {
            "id": f"char_{job.id.removeprefix('video_')}",
            "object": "character",
            "name": name,
            "created_at": int(job.created_at),
        }
        self._characters[entry["id"]] = entry
        return web.json_response(entry)

    async def retrieve_character(self, call: Incoming) -> web.StreamResponse:
        given = call.request.match_info["id"]
        if given not in self._characters:
            raise Refusal(404, f"Character with id '{given:.120}' not found.", code="character_not_found")
        return web.json_response(self._characters[given])

    async def create_picture(self, call: Incoming) -> web.StreamResponse:
        job, picture = await self.picture(call)
        data = [{"b64_json": base64.b64encode(picture).decode("ascii"), "revised_prompt": job.order.prompt}]
        return web.json_response({"created": int(job.created_at), "data": data, "output_format": "png"})

    async def picture(self, call: Incoming) -> tuple[BookedJob, bytes]:
        """Draws what is asked for and gives it as a PNG."""
        from ..render import stills

        fields = await read_fields(call.request)
        prompt = prompt_of(fields)
        whole_of(fields, "n", 1, 1, 1)
        if fields.get("size") == "auto":
            fields["size"] = ""
        width, height = size_of(fields, _DEFAULT_PICTURE)
        order = Order(
            protocol=f"{self._protocol}-picture",
            prompt=prompt,
            model=text_of(fields, "model"),
            seconds=1,
            width=width,
            height=height,
            style=text_of(fields, "style"),
            negative_prompt=text_of(fields, "negative_prompt"),
            seed=whole_of(fields, "seed", 0, -MAX_SEED, MAX_SEED),
        )
        job = await self._ended(await self._core.accept(call, order))
        if job.render is None:
            raise Refusal(500, "The picture is gone.", code="server_error")
        return job, await asyncio.to_thread(stills.picture, job.render.path)

    async def chat(self, call: Incoming) -> web.StreamResponse:
        fields = await read_fields(call.request)
        model = text_of(fields, "model")
        if not model:
            raise invalid("model", "Missing required parameter: 'model'.", "missing_required_parameter")
        system, prompt = _messages(fields)
        job = await self._made(call, prompt, "prompt")
        message = {"role": "assistant", "content": enhanced(system, prompt)}
        return web.json_response(
            {
                "id": f"chatcmpl-{job.id.removeprefix('video_')}",
                "object": "chat.completion",
                "created": int(job.created_at),
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }
        )

    async def _made(self, call: Incoming, prompt: str, what: str) -> BookedJob:
        order = Order(f"{self._protocol}-{what}", prompt, model="", seconds=1, width=_SIDE, height=_SIDE)
        return await self._ended(await self._core.accept(call, order))

    async def _ended(self, job: BookedJob) -> BookedJob:
        """Waits for the job. Raises Refusal for one that fails."""
        progress = await self._core.end_of(job)
        if progress.state is not State.SUCCEEDED:
            raise Refusal(400, progress.message or "The request was not finished.", code=progress.code or None)
        return job


def _length(clip: bytes) -> float:
    """Seconds of a clip; Refusal for what is none."""
    import av

    try:
        with av.open(io.BytesIO(clip)) as container:
            if container.streams.video and container.duration:
                return float(container.duration / 1_000_000)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise invalid("video", "Invalid 'video': it cannot be read as a video.", "invalid_video") from error
    raise invalid("video", "Invalid 'video': it holds no moving picture.", "invalid_video")


def _messages(fields: Fields) -> tuple[str, str]:
    """What the system says and what the user says last."""
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "Missing required parameter: 'messages'.", "missing_required_parameter")
    said = {"system": "", "user": ""}
    for message in messages:
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if not isinstance(role, str) or not isinstance(content, str):
            raise invalid("messages", "Invalid 'messages': every one needs a role and a content as text.")
        said[role] = content
    return said["system"], prompt_of({"prompt": said["user"]})


def enhanced(system: str, prompt: str) -> str:
    """The prompt with stock phrases, the more of them the more words are asked for. Says what it is."""
    words = re.search(r"about (\d+) words", system)
    count = 1 if words is None else 3 if int(words[1]) <= 100 else len(_ADDITIONS)
    length = re.search(r"in (\d+) seconds", system)
    pace = [f"All of it happens within {length[1]} seconds."] if length else []
    text = prompt.strip()
    ended = text if text.endswith((".", "!", "?", "。", "！", "？")) else f"{text}."
    return " ".join([ended, *_ADDITIONS[:count], *pace, "(PREVIEW: stock phrases, no model wrote them.)"])
