"""Reference images of a node, fitted to what the profile wants of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, TypeVar

from ..sora_core.media.images import references_from_tensor
from ..sora_core.models import Delivery
from ..sora_core.requests.kinds import PictureRequest, VideoRequest
from ._engine import engine
from ._paths import destination_of
from ._waiting import Reports, in_thread, show_picture, wait_for

Drawn = TypeVar("Drawn", VideoRequest, PictureRequest)


async def with_images(request: Drawn, profile: str, image: Any, fit: str) -> tuple[Drawn, str]:
    """The request with the batch in it, and what became of the pictures; they are shown on the node."""
    count = 1 if image.ndim == 3 else len(image)
    needs = engine().image_needs(request, profile, count)
    references = await in_thread(functools.partial(references_from_tensor, image, needs, fit))
    note = "\n".join(reference.note for reference in references)
    await show_picture(references[0].picture, note)
    return replace(request, images=tuple(reference.upload for reference in references)), note


async def last_frame_of_job(name: str, hidden: Any) -> Any:
    """The last frame [1,H,W,3] of a job's clip, or the picture that it made; collected first, free, where needed."""
    reports = Reports()
    destination = destination_of("video/sora", hidden)
    made = await wait_for(engine().resume(name, None, destination, reports), reports)
    return await in_thread(functools.partial(_last_frame, made))


def _last_frame(made: Delivery) -> Any:
    import torch

    from ..sora_core.media.last_frame import last_frame
    from ..sora_core.media.picture import picture_tensor

    return torch.from_numpy(last_frame(made.path))[None] if made.fps else picture_tensor(made.path)
