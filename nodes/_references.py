"""Reference images of a node, fitted to what the profile wants of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, TypeVar

from ..sora_core.media.images import references_from_tensor
from ..sora_core.requests.kinds import PictureRequest, VideoRequest
from . import _host as host

Drawn = TypeVar("Drawn", VideoRequest, PictureRequest)


async def with_images(request: Drawn, profile: str, image: Any, fit: str) -> tuple[Drawn, str]:
    """The request with the batch in it, and what became of the pictures; they are shown on the node."""
    count = 1 if image.ndim == 3 else len(image)
    needs = host.engine().image_needs(request, profile, count)
    references = await host.in_thread(functools.partial(references_from_tensor, image, needs, fit))
    note = "\n".join(reference.note for reference in references)
    await host.show_picture(references[0].picture, note)
    return replace(request, images=tuple(reference.upload for reference in references)), note
