"""Reference images of a node, fitted to what the profile wants of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from ..sora_core.media.images import references_from_tensor
from ..sora_core.models import GenerationRequest
from ._engine import engine
from ._waiting import in_thread, show_picture


async def with_images(request: GenerationRequest, profile: str, image: Any, fit: str) -> tuple[GenerationRequest, str]:
    """The request with the batch in it, and what became of the pictures; they are shown on the node."""
    count = 1 if image.ndim == 3 else len(image)
    needs = engine().image_needs(request, profile, count)
    references = await in_thread(functools.partial(references_from_tensor, image, needs, fit))
    note = "\n".join(reference.note for reference in references)
    await show_picture(references[0].picture, note)
    return replace(request, images=tuple(reference.upload for reference in references)), note
