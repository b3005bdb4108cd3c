"""What is refused when a prompt is queued: what would be when its node runs, by the same checks and in the same words.

ComfyUI gives `validate_inputs` only the inputs that it names, None for those that come over a link, and repeats an
answer for each name. So the nodes name `profile` alone, and the others are read from the prompt that is queued.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from ..sora_core.errors import InvalidRequest, SoraError
from ..sora_core.ledger.row import JOB_ID_PREFIX
from ..sora_core.models import Operation, Upload
from ..sora_core.requests.checks import check_there
from ..sora_core.requests.kinds import Request, VideoRequest
from . import _host as host
from ._engine import engine
from ._linked import LINKED, Written, written_in
from ._paths import check_prefix

_PICTURE, _CLIP, _SOUND = "IMAGE", "VIDEO", "AUDIO"
_TO_COME = Upload(b"", "application/octet-stream", "to come")

_queued: ContextVar[Mapping[str, Any] | None] = ContextVar("sora_video_queued", default=None)


@dataclass(frozen=True)
class Asked:
    """A request as far as it is known, how many of its images come over links, and whether its source stands in."""

    request: Request
    images_to_come: int = 0
    source_to_come: bool = False


Read = Callable[[str, Written], Asked | None]


def stands_in(source: str) -> bool:
    """Whether another source will be in its place: it comes over a link, or the ledger knows what the job made."""
    return source == LINKED or source.startswith(JOB_ID_PREFIX)


def keep_what_is_queued() -> None:
    """In the context of the request that queues it, which ComfyUI's validation runs in too."""
    host.on_prompt(_keep)


def _keep(request: dict[str, Any]) -> dict[str, Any]:
    prompt = request.get("prompt")
    _queued.set(prompt if isinstance(prompt, dict) else {})
    return request


def refusal(node: Any, profile: str | None, read: Read | None = None) -> bool | str:
    """For validate_inputs: True, or why the node would refuse what is queued. ``read`` may raise SoraError."""
    if profile is None:  # it comes over a link
        return True
    try:
        engine().profiles.get(profile)
        written = _written()
        runs = list(written.runs()) if written else []
        for number, run in enumerate(runs, 1):
            try:
                if _is_sound(node, run):
                    _check(run, profile, read)
            except SoraError as error:
                if len(runs) > 1:
                    error.add("node.of_a_list", number=number, prompt=str(run.values.get("prompt", ""))[:80])
                raise
    except SoraError as error:
        return str(error)
    return True


def queued_inputs() -> Mapping[str, Any] | None:
    """Those of the node that is validated, with its links; None where they are not known."""
    found = (_queued.get() or {}).get(host.executing_node())
    inputs = found.get("inputs") if isinstance(found, dict) else None
    return inputs if isinstance(inputs, dict) else None


def _written() -> Written | None:
    inputs = queued_inputs()
    if inputs is None or any(isinstance(value, list) and len(value) != 2 for value in inputs.values()):
        return None
    return written_in(inputs, _queued.get() or {})


def _is_sound(node: Any, written: Written) -> bool:
    """Whether ComfyUI itself takes the types of the values."""
    # not GET_SCHEMA: ComfyUI asks a locked copy of the class
    types = {each.id: type(each.default) for each in node.SCHEMA.inputs if getattr(each, "default", None) is not None}
    return all(isinstance(value, types.get(name, object)) for name, value in written.values.items())


def _check(written: Written, profile: str, read: Read | None) -> None:
    if "filename_prefix" in written.values:
        check_prefix(written.values["filename_prefix"])
    asked = read(profile, written) if read else None
    if asked is None:
        return
    asked, is_known = _with_references(asked, written)
    images = asked.images_to_come
    if is_known and written.is_known:
        engine().check(asked.request, profile, images_to_come=images, source_to_come=asked.source_to_come)
    else:
        check_there(asked.request, images_to_come=images)


def _with_references(asked: Asked, written: Written) -> tuple[Asked, bool]:
    """With those that come over links, as the node itself takes them up; and whether the kinds of all are known."""
    request, links = asked.request, written.links
    if not isinstance(request, VideoRequest):
        return asked, True
    kinds = [_kind_of(link, written) for name, link in links.items() if name.startswith("references.")]
    pictures = ("first_frame" in links) + kinds.count(_PICTURE)
    if "first_frame" in links and (asked.images_to_come or request.image_urls):
        raise InvalidRequest("node.image_and_first_frame")
    if request.operation is Operation.TEXT_TO_VIDEO and (pictures or "last_frame" in links or _CLIP in kinds):
        request = replace(request, operation=Operation.IMAGE_TO_VIDEO)
    request = replace(
        request,
        last_frame=_TO_COME if "last_frame" in links else None,
        clips=(_TO_COME,) * kinds.count(_CLIP),
        sounds=(_TO_COME,) * kinds.count(_SOUND),
    )
    is_known = set(kinds) <= {_PICTURE, _CLIP, _SOUND}
    return replace(asked, request=request, images_to_come=asked.images_to_come + pictures), is_known


def _kind_of(link: Any, written: Written) -> str:
    source = written.prompt.get(str(link[0]))
    return host.output_type(source.get("class_type"), link[1]) if isinstance(source, dict) else ""
