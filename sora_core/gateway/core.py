"""What every wire protocol of the gateway shares: jobs are accepted, looked up, served and removed here."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from ..clock import Clock
from ..models import State
from .animatic import MAX_SHOTS, Animatic, common_of_prompt, shots_of_prompt
from .books import BookedJob, Books, Fate, JobProgress, Order
from .clips import DrawnClips
from .faults import FaultBox, Taken
from .files import FileAnswer
from .forms import check_image_size
from .refusal import Refusal, invalid
from .studio import Studio

CACHE_VARIABLE = "SORA_PREVIEW_CACHE"  # a folder: clips are drawn once, also for gateways to come
MAX_ACTIVE = 2000  # jobs that have not ended: nothing takes them out of the books
_TICK_SECONDS = 0.02  # between two looks at a job that names no moment

_SHOWN_CHARS = 14  # of an id: "video_" and eight more

STILLS = {"thumbnail": ("webp", "image/webp"), "spritesheet": ("jpg", "image/jpeg")}


@dataclass(frozen=True)
class Incoming:
    """One request on its way to a protocol, with the faults that befall it."""

    request: web.Request
    taken: Taken
    read: dict[str, Any] = field(default_factory=dict)  # the fields of its body, where a protocol needs them twice


Handler = Callable[[Incoming], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """``path`` below the protocol's mounts; ``name`` for the statistics; ``operation`` for the faults.

    The handler of an ``open`` route lets in whom it wants: the key is not where the protocol has it elsewhere.
    """

    method: str
    path: str
    name: str
    operation: str
    handler: Handler
    open: bool = False


class Wire(Protocol):
    """A wire protocol: it parses requests and shapes answers and errors, and does nothing else."""

    name: str
    mounts: tuple[str, ...]

    def routes(self) -> tuple[Route, ...]:
        """Everything the protocol answers."""

    def credential(self, request: web.Request) -> str | None:
        """The key that the request carries."""

    def refuse(self, refusal: Refusal) -> web.Response:
        """The refusal in the protocol's shape."""


class Core:
    """The neutral half of the gateway."""

    def __init__(self, *, folder: Path, clock: Clock, speed: float, faults: FaultBox, key: str | None = None) -> None:
        self._folder = folder
        self._key = key
        self.clock = clock
        self.books = Books(clock, speed)
        self.faults = faults
        cache = os.environ.get(CACHE_VARIABLE, "").strip()
        self._studio = Studio(folder, clock, DrawnClips(Path(cache)) if cache else None)
        self._image_users: Counter[Path] = Counter()
        self._still_lock = asyncio.Lock()

    def admits(self, credential: str | None) -> bool:
        """Whether this is the gateway's key, or anybody is let in."""
        return self._key is None or hmac.compare_digest(
            (credential or "").encode("utf-8", "surrogateescape"), self._key.encode()
        )

    async def accept(self, call: Incoming, order: Order) -> BookedJob:
        """Checks the order, enters the job in the books and starts to draw it. Raises Refusal."""
        if self.books.active() >= MAX_ACTIVE:
            raise Refusal(429, f"{MAX_ACTIVE} jobs are unfinished; wait for some of them to end.", code="too_many_jobs")
        animatic = _animatic(order)
        if len(animatic.shots) > MAX_SHOTS:
            raise invalid("prompt", f"Invalid 'prompt': {len(animatic.shots)} shots; {MAX_SHOTS} are the most.")
        await asyncio.to_thread(_check_images, order)
        image = None
        if order.image is not None:
            image = await asyncio.to_thread(self._keep_image, order.image)
            self._image_users[image] += 1
        fate = _fate(call.taken)
        job = self.books.enter(
            replace(order, image=None, shots=tuple(shot._replace(image=None) for shot in order.shots)),
            image=image,
            fate=fate,
            render=self._studio.order(animatic) if fate is None or fate.passes else None,
            idempotency_key=call.request.headers.get("Idempotency-Key"),
        )
        for old in self.books.oldest_superfluous():
            self._let_go(old)
        return job

    def find(self, job_id: str, protocol: str) -> BookedJob | None:
        job = self.books.find(job_id)
        return job if job is not None and job.order.protocol == protocol else None

    async def image_of(self, job: BookedJob) -> bytes | None:
        """The reference image that the job came with."""
        return None if job.image is None else await asyncio.to_thread(job.image.read_bytes)

    async def end_of(self, job: BookedJob) -> JobProgress:
        """Waits for the job: the way of servers that answer with what it made."""
        while True:
            progress = self.books.progress(job)
            if progress.state.terminal:
                return progress
            await asyncio.sleep(progress.poll_after or _TICK_SECONDS)

    def remove(self, job: BookedJob) -> None:
        """Stops the job if it still runs; it stays in the statistics and stays charged."""
        job.deleted = True
        self._let_go(job)

    async def send(self, call: Incoming, job: BookedJob, variant: str = "video") -> web.StreamResponse:
        """The finished job's file. The caller has checked that it succeeded."""
        if job.render is None or self.books.progress(job).state is not State.SUCCEEDED:
            raise ValueError(f"job {job.id} has no file")
        if variant == "video":
            return FileAnswer(job.render.path, "video/mp4", job.render.digest[:32], call.taken)
        suffix, content_type = STILLS[variant]
        path = job.render.path.with_suffix(f".{suffix}")
        async with self._still_lock:
            if not path.exists():
                await asyncio.to_thread(_draw_still, variant, job.render.path, path)
        return FileAnswer(path, content_type, f"{job.render.digest[:32]}-{variant}", call.taken)

    async def close(self) -> None:
        await asyncio.to_thread(self._studio.stop)

    def _keep_image(self, data: bytes) -> Path:
        path = self._folder / f"image-{hashlib.sha256(data).hexdigest()}"
        path.write_bytes(data)
        return path

    def _let_go(self, job: BookedJob) -> None:
        if job.render is not None:
            self._studio.release(job.render)
            job.render = None
        if job.image is not None:
            self._image_users[job.image] -= 1
            if not self._image_users[job.image]:
                del self._image_users[job.image]
                job.image.unlink(missing_ok=True)
            job.image = None


def _check_images(order: Order) -> None:
    """Raises Refusal for a picture that cannot be drawn."""
    from .render.picture import load

    given = [("input_reference", order.image), *(("shots", shot.image) for shot in order.shots)]
    for name, data in given:
        if data is None:
            continue
        check_image_size(name, data)
        try:
            load(data)
        except ValueError as error:
            raise invalid(name, f"Invalid reference image: {error}.", "invalid_image") from error


def _animatic(order: Order) -> Animatic:
    shots = order.shots or shots_of_prompt(order.prompt)
    return Animatic(
        prompt=order.prompt,
        seconds=order.frames / order.fps if order.frames else order.seconds,
        fps=order.fps,
        width=order.width,
        height=order.height,
        shots=shots,
        common=order.prompt if order.shots else common_of_prompt(order.prompt) if shots else "",
        image=order.image,
        style=order.style,
        seed=order.seed,
        label=" · ".join(_label(order)),
        negative_prompt=order.negative_prompt,
    )


def _short(job_id: str) -> str:
    """So much of a long id that one can be told from another."""
    return job_id if len(job_id) <= _SHOWN_CHARS else f"{job_id[:_SHOWN_CHARS]}…"


def _label(order: Order) -> list[str]:
    return [
        *([f"Remix of {_short(order.remix_of)}"] if order.remix_of else []),
        *([f"with {order.cast}"] if order.cast else []),
        *([order.how] if order.how else []),
    ]


def _fate(taken: Taken) -> Fate | None:
    if taken.fate is None:
        return None
    fate = taken.fate
    return Fate(seconds=fate.seconds) if fate.do == "stuck" else Fate(fate.code, fate.message)


def _draw_still(variant: str, movie: Path, path: Path) -> None:
    from .render import stills

    part = path.with_name(path.name + ".part")
    draw = stills.spritesheet if variant == "spritesheet" else stills.thumbnail
    draw(movie, part)
    part.replace(path)
