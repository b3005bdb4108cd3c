"""What a video of a node begins with, ends with or follows: encoded as the profile wants it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..sora_core.errors import InvalidRequest, MediaError
from ..sora_core.media.container import av_errors
from ..sora_core.media.frame import Pick, still_of
from ..sora_core.media.images import Reference, references_from_tensor
from ..sora_core.media.references import clip_from_file, sound_upload
from ..sora_core.models import Operation, Upload
from ..sora_core.requests.kinds import PictureRequest, VideoRequest
from ._engine import engine
from ._paths import destination_of
from ._waiting import Reports, in_thread, show_picture, wait_for
from ._widgets import in_order

Drawn = TypeVar("Drawn", VideoRequest, PictureRequest)


async def with_images(request: Drawn, profile: str, image: Any, fit: str) -> tuple[Drawn, str]:
    """The request with the batch in it, and what became of the pictures; they are shown on the node."""
    needs = engine().image_needs(request, profile, _count(image))
    references = await in_thread(functools.partial(references_from_tensor, image, needs, fit))
    note = await _shown(references)
    return replace(request, images=tuple(reference.upload for reference in references)), note


@dataclass(frozen=True)
class Given:
    """Of the inputs ``first_frame``, ``last_frame`` and ``references``, in the order of their sockets."""

    first: Any = None
    last: Any = None
    images: Sequence[Any] = field(default_factory=list)
    clips: Sequence[Any] = field(default_factory=list)
    sounds: Sequence[Any] = field(default_factory=list)

    @property
    def pictures(self) -> int:
        return sum(_count(image) for image in (self.first, *self.images) if image is not None)


def given(options: Mapping[str, Any]) -> Given:
    """Raises InvalidRequest for a batch where there is place for one picture."""
    first, last = options.get("first_frame"), options.get("last_frame")
    for name, image in (("first_frame", first), ("last_frame", last)):
        if image is not None and _count(image) != 1:
            raise InvalidRequest("node.frame_is_one_picture", name=name, count=_count(image))
    kinds: dict[str, list[Any]] = {"images": [], "clips": [], "sounds": []}
    for value in in_order(options.get("references")):
        kinds[_kind_of(value)].append(value)
    return Given(first, last, **kinds)


async def with_references(
    request: VideoRequest, profile: str, options: Mapping[str, Any], note: str = ""
) -> tuple[VideoRequest, str]:
    """The request with these inputs in it, after what is in it already, and what became of the pictures."""
    found = given(options)
    if found == Given():
        return request, note
    if found.first is not None and (request.images or request.image_urls):
        raise InvalidRequest("node.image_and_first_frame")
    if request.operation is Operation.TEXT_TO_VIDEO and (found.pictures or found.last is not None or found.clips):
        request = replace(request, operation=Operation.IMAGE_TO_VIDEO)
    # clips and sounds first: what they are not is said before anything is drawn
    clips = [await in_thread(functools.partial(clip_of, clip)) for clip in found.clips]
    sounds = [await in_thread(functools.partial(_sound, sound)) for sound in found.sounds]
    request = replace(request, clips=tuple(clips), sounds=tuple(sounds))
    needs = engine().image_needs(request, profile, found.pictures, and_last=found.last is not None)
    pictures: list[Reference] = []
    for image, own_shape in [(found.first, False), *((image, True) for image in found.images), (found.last, False)]:
        if image is not None:
            wanted = replace(needs, width=image.shape[-2], height=image.shape[-3]) if own_shape else needs
            fit = options.get("fit", "crop")
            pictures += await in_thread(functools.partial(references_from_tensor, image, wanted, fit))
    uploads = [picture.upload for picture in pictures]
    last = uploads.pop() if found.last is not None else None
    notes = [note, await _shown(pictures)]
    request = replace(request, images=(*request.images, *uploads), last_frame=last)
    return request, "\n".join(filter(None, notes))


async def _shown(references: Sequence[Reference]) -> str:
    """What became of them, in words; the first one is shown."""
    if not references:
        return ""
    note = "\n".join(reference.note for reference in references)
    await show_picture(references[0].picture, note)
    return note


def _count(image: Any) -> int:
    return 1 if image.ndim == 3 else len(image)


def _kind_of(value: Any) -> str:
    if isinstance(value, Mapping) and "waveform" in value:
        return "sounds"
    if hasattr(value, "save_to"):
        return "clips"
    if hasattr(value, "ndim"):
        return "images"
    raise InvalidRequest("node.no_reference", kind=type(value).__name__)


def clip_of(video: Any) -> Upload:
    with tempfile.TemporaryDirectory(prefix="sora-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        save_video(video, path)
        return clip_from_file(path)


def save_video(video: Any, path: Path) -> None:
    """Its part alone, where it was cut. Raises InvalidRequest when the file that it stands for cannot be read."""
    try:
        with av_errors("The file of the video that is connected"):
            video.save_to(str(path))
    except (OSError, MediaError) as error:
        reason = error.message if isinstance(error, MediaError) else error
        raise InvalidRequest("media.clip_cannot_used", reason=reason) from error


def _sound(sound: Mapping[str, Any]) -> Upload:
    waveform = sound["waveform"]
    return sound_upload(waveform[0] if waveform.ndim == 3 else waveform, int(sound["sample_rate"]))


async def frame_of_job(name: str, which: str, hidden: Any) -> Any:
    """A frame [1,H,W,3] of a job's clip, or the picture that it made; collected first, free, where needed."""
    pick = Pick.of(which)
    reports = Reports()
    destination = destination_of("video/sora", hidden)
    made = await wait_for(engine().resume(name, None, destination, reports), reports)
    return await in_thread(functools.partial(still_of, made, pick))
