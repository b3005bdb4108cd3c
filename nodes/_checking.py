"""What is refused when a prompt is queued: what would be when its node runs, by the same checks and in the same words.

ComfyUI gives `validate_inputs` only the inputs that it names, None for those that come over a link, and repeats an
answer for each name. So the nodes name `profile` alone, and the others are read from the prompt that is queued.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..sora_core.errors import SoraError
from ..sora_core.ledger.row import JOB_ID_PREFIX
from ..sora_core.requests.kinds import Request
from . import _host as host
from ._engine import engine
from ._paths import check_prefix
from ._settings import told_at

LINKED = "…"  # stands for a text that comes over a link, of which nothing is known
# what a link may bring is no matter for the checks, or a stand-in will do
_HARMLESS = (
    "prompt", "seed", "character", "source_job", "source_frame", "source", "script", "image", "video",
    "filename_prefix", "shots",
)  # fmt: skip

_queued: ContextVar[Mapping[str, Any] | None] = ContextVar("sora_video_queued", default=None)


@dataclass(frozen=True)
class Written:
    """A node's inputs when it is queued: ``values`` that were written, ``links`` by name, the whole ``prompt``."""

    values: Mapping[str, Any]
    links: Mapping[str, Any] = field(default_factory=dict)
    prompt: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """What was written there, or LINKED."""
        return LINKED if name in self.links else self.values.get(name, "")

    @property
    def options(self) -> dict[str, Any]:
        """What the node's execute is given besides its profile, without what comes over links."""
        given = {name: value for name, value in self.values.items() if name != "profile"}
        return {**given, "prompt": self.text("prompt"), "seed": self.values.get("seed", 0)}

    @property
    def is_known(self) -> bool:
        """Whether everything that a request is checked by was written."""
        return all(name.split(".")[0] in _HARMLESS for name in self.links)


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
        written = _written(node)
        if written is None:
            return True
        if "filename_prefix" in written.values:
            check_prefix(written.values["filename_prefix"])
        asked = read(profile, written) if read else None
        if asked and written.is_known:
            engine().check(
                asked.request, profile, images_to_come=asked.images_to_come, source_to_come=asked.source_to_come
            )
    except SoraError as error:
        return str(error)
    return True


def _written(node: Any) -> Written | None:
    """None where it is not known, or ComfyUI itself refuses the type of a value."""
    prompt = _queued.get() or {}
    found = prompt.get(host.executing_node())
    inputs = found.get("inputs") if isinstance(found, dict) else None
    if not isinstance(inputs, dict):
        return None
    links = {name: value for name, value in inputs.items() if isinstance(value, list)}
    values = {name: value for name, value in inputs.items() if name not in links}
    settings = told_at(links.get("settings"), prompt)
    if settings is not None:
        values["settings"] = settings
        del links["settings"]
    # not GET_SCHEMA: ComfyUI asks a locked copy of the class
    types = {each.id: type(each.default) for each in node.SCHEMA.inputs if getattr(each, "default", None) is not None}
    is_sound = all(isinstance(value, types.get(name, object)) for name, value in values.items())
    if not is_sound or any(len(link) != 2 for link in links.values()):
        return None
    return Written(values, links, prompt)
