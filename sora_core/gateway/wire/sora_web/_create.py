"""Generation: videos, storyboards, remixes and pictures, each with a proof of work; and better prompts, without."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ....models import State
from ...animatic import shots_of_prompt
from ...books import BookedJob, Order
from ...core import Incoming, Route
from ...forms import Fields, prompt_of
from ...refusal import Refusal, invalid
from .. import _tasks as tasks
from ._dialect import IMAGES, PROMPTS, PROTOCOL
from ._prompts import LENGTHS, LEVELS, enhanced
from ._refusals import balance
from ._sentinel import Sentinel
from ._site import Site, constant, json_of

MODELS = ("sy_8", "sy_ore")
STYLES = tuple("festive kakalaka news selfie handheld golden anime retro nostalgic comic".split())
FRAMES = (300, 450, 750)
FPS = 30
SIZES = {  # of the clip in pixels
    ("landscape", "small"): (1280, 720),
    ("portrait", "small"): (720, 1280),
    ("landscape", "large"): (1792, 1024),
    ("portrait", "large"): (1024, 1792),
}
PICTURE_SIZES = ((360, 360), (540, 360), (360, 540))
EXAMPLE_POST = "s_690d100857248191b679e6de12db840e"  # somebody else's, which always exists

_REQUIRED = ("kind", "prompt", "orientation", "n_frames", "model")
_REMIX = ("remix_target_id", "cameo_ids", "cameo_replacements")
_BOARD = ("title", "storyboard_id", "metadata", "audio_caption", "audio_transcript", "video_caption")
_SEEN = (  # sent by clients of the site, beyond the document
    *_BOARD,
    "reroll_target_id",
    "project_config",
    "trim_config",
    "use_image_as_first_frame",
    "i2v_reference_instruction",
    "remix_prompt_template",
)
_OPTIONAL = ("size", "inpaint_items", "style_id", *_REMIX)
_PICTURE = ("type", "operation", "prompt", "width", "height", "n_variants", "n_frames")
_SIDE = 64  # of what is drawn for a prompt, which nobody asks for


class Create:
    """Every accepted request is charged once, that for a prompt too."""

    def __init__(self, site: Site, sentinel: Sentinel) -> None:
        self._site = site
        self._sentinel = sentinel

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/nf/create", "create", "create", self.create),
            Route("POST", "/nf/create/storyboard", "storyboard", "create", self.storyboard),
            Route("POST", "/video_gen", "image", "create", self.picture),
            Route("POST", "/editor/enhance_prompt", "enhance", "create", self.enhance),
        )

    async def create(self, call: Incoming) -> web.StreamResponse:
        self._check(call)
        optional = _OPTIONAL if self._site.dialect.document else (*_OPTIONAL, *_SEEN)
        fields = await json_of(call, _REQUIRED, optional)
        return await self._accept(call, fields, remix=fields.get("remix_target_id") is not None)

    async def storyboard(self, call: Incoming) -> web.StreamResponse:
        self._check(call)
        more = _BOARD if self._site.dialect.document else _SEEN
        fields = await json_of(call, (*_REQUIRED, "size"), (*_OPTIONAL, *more))
        if not shots_of_prompt(prompt_of(fields)):
            raise invalid("prompt", "a storyboard has shots: 'Shot 1:', 'duration: 5.0sec', 'Scene: …'")
        return await self._accept(call, fields, remix=False)

    def _check(self, call: Incoming) -> None:
        self._sentinel.check(call.request, self._site.dialect)
        if not call.request.headers.get("User-Agent", "").startswith("Mozilla/"):
            raise Refusal(400, "User-Agent must be that of a browser.", param="User-Agent")

    async def _accept(self, call: Incoming, fields: Fields, *, remix: bool) -> web.Response:
        constant(fields, "kind", "video")
        orientation = tasks.choice_of(fields, "orientation", ("landscape", "portrait"))
        size = tasks.choice_of(fields, "size", ("small", "large"), "small" if remix else None)
        model = tasks.choice_of(fields, "model", MODELS)
        frames = fields["n_frames"]
        if type(frames) is not int or frames not in FRAMES:
            raise invalid("n_frames", f"n_frames must be one of {', '.join(map(str, FRAMES))}, not {frames!r:.40}")
        if size == "large" and (model != "sy_ore" or frames == 750):
            raise invalid("size", "size large needs model sy_ore and 300 or 450 frames")
        prompt = prompt_of(fields)
        width, height = SIZES[orientation, size]
        order = Order(
            protocol=PROTOCOL,
            prompt=prompt,
            model=model,
            seconds=frames // FPS,
            width=width,
            height=height,
            shots=shots_of_prompt(prompt),
            image=self._image(fields),
            style="" if fields.get("style_id") is None else tasks.choice_of(fields, "style_id", STYLES),
            remix_of=self._target(fields),
            cast=self._cast(fields),
        )
        return self._created(await self._site.core.accept(call, order), "video_gen")

    def _image(self, fields: Fields) -> bytes | None:
        """The first picture of those to begin with."""
        kinds = {"upload": "upload_id"} if self._site.dialect.document else {"upload": "upload_id", "file": "file_id"}
        pictures = []
        for item in _list(fields, "inpaint_items"):
            kind = item.get("kind") if isinstance(item, dict) else None
            if not isinstance(kind, str) or kind not in kinds or set(item) != {"kind", kinds[kind]}:
                raise invalid("inpaint_items", f"an item is a kind of {', '.join(kinds)} and its id, not {item!r:.60}")
            pictures.append(self._upload(item[kinds[kind]]))
        return pictures[0] if pictures else None

    def _upload(self, given: object) -> bytes:
        data = self._site.memory.uploads.get(given) if isinstance(given, str) else None
        if data is None:
            raise invalid("inpaint_items", f"there is no upload {given!r:.60}")
        return data

    def _target(self, fields: Fields) -> str:
        target = fields.get("remix_target_id")
        if target is None:
            return ""
        if target != EXAMPLE_POST and (not isinstance(target, str) or target not in self._site.memory.posts):
            raise Refusal(404, f"There is no post {target!r:.80}.", param="remix_target_id", code="not_found")
        return str(target)

    def _cast(self, fields: Fields) -> str:
        if not isinstance(fields.get("cameo_replacements"), (dict, type(None))):
            raise invalid("cameo_replacements", "cameo_replacements must be an object")
        made = {cameo.character_id: cameo for cameo in self._site.memory.cameos.values() if cameo.character_id}
        made |= {name: cameo for name, cameo in self._site.memory.cameos.items() if cameo.character_id}
        given = _list(fields, "cameo_ids")
        for name in given:
            if not isinstance(name, str) or name not in made:
                raise invalid("cameo_ids", f"there is no character {name!r:.60}")
        return ", ".join(made[name].username for name in given)

    async def picture(self, call: Incoming) -> web.StreamResponse:
        self._sentinel.check(call.request, self._site.dialect)
        fields = await json_of(call, _PICTURE, ("inpaint_items",))
        constant(fields, "type", "image_gen")
        constant(fields, "n_variants", 1)
        constant(fields, "n_frames", 1)
        operation = tasks.choice_of(fields, "operation", ("simple_compose", "remix"))
        size = fields["width"], fields["height"]
        if size not in PICTURE_SIZES or any(type(side) is not int for side in size):
            allowed = ", ".join(f"{width}x{height}" for width, height in PICTURE_SIZES)
            raise invalid("width", f"width and height must be {allowed}, not {size!r:.40}")
        items = _list(fields, "inpaint_items")
        if bool(items) != (operation == "remix"):
            raise invalid("inpaint_items", "remix needs a picture, simple_compose takes none")
        for item in items:
            if not isinstance(item, dict) or set(item) != {"type", "frame_index", "upload_media_id"}:
                raise invalid("inpaint_items", "an item is type, frame_index and upload_media_id")
            constant(item, "type", "image")
            constant(item, "frame_index", 0)
        images = [self._upload(item["upload_media_id"]) for item in items]
        order = Order(IMAGES, prompt_of(fields), "", 1, *size, image=images[0] if images else None)
        return self._created(await self._site.core.accept(call, order), "image_gen")

    def _created(self, job: BookedJob, task_type: str) -> web.Response:
        answer: dict[str, Any] = {"id": self._site.task_id(job)}
        if not self._site.dialect.document:
            left = balance(self._site.core.books, self._site.core.clock.now())
            answer |= {"task_type": task_type, "priority": 1, "rate_limit_and_credit_balance": left}
        return web.json_response(answer)

    async def enhance(self, call: Incoming) -> web.StreamResponse:
        fields = await json_of(call, ("prompt", "expansion_level", "duration_s"))
        prompt = prompt_of(fields)
        level = tasks.choice_of(fields, "expansion_level", tuple(LEVELS))
        seconds = fields["duration_s"]
        if type(seconds) is not int or seconds not in LENGTHS:
            raise invalid("duration_s", f"duration_s must be one of {', '.join(map(str, LENGTHS))}")
        job = await self._site.core.accept(call, Order(PROMPTS, prompt, "", 1, _SIDE, _SIDE))
        end = await self._site.core.end_of(job)
        if end.state is not State.SUCCEEDED:
            raise Refusal(400, end.message, code=end.code or "generation_failed")
        return web.json_response({"enhanced_prompt": enhanced(prompt, level, seconds)})


def _list(fields: Fields, name: str) -> list[Any]:
    value = fields.get(name)
    if value is not None and not isinstance(value, list):
        raise invalid(name, f"{name} must be a list")
    return value or []
