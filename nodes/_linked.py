"""What comes over a link of a queued prompt, as far as it is written in the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..sora_core.errors import SoraError
from ._settings import told_at
from .prompts import NODE_ID as PROMPTS
from .prompts import columns

LINKED = "…"  # stands for a text that comes over a link, of which nothing is known
# what a link may bring is no matter for the checks, or a stand-in will do
_HARMLESS = (
    "prompt", "seed", "character", "source_job", "source_frame", "source", "script", "image", "video",
    "filename_prefix", "shots", "first_frame", "last_frame", "references",
    "frames", "max_frames", "frame_step", "force_rate", "wait", "on_error", "takes",
)  # fmt: skip
_WRITTEN = ("PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "PrimitiveBoolean")


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

    def runs(self) -> Iterator[Written]:
        """Itself; where lists come over links that are written in the prompt, one for each of their values."""
        lists = {name: given for name, link in self.links.items() if (given := _given_by(link, self.prompt))}
        links = {name: link for name, link in self.links.items() if name not in lists}
        for run in range(max(map(len, lists.values()), default=1)):
            values = {name: given[min(run, len(given) - 1)] for name, given in lists.items()}
            yield replace(self, values={**self.values, **values}, links=links)


def written_in(inputs: Mapping[str, Any], prompt: Mapping[str, Any]) -> Written:
    """Raises InvalidRequest for settings that no server takes."""
    links = {name: value for name, value in inputs.items() if isinstance(value, list)}
    values = {name: value for name, value in inputs.items() if name not in links}
    settings = told_at(links.get("settings"), prompt) if "settings" in links else None
    if settings is not None:
        values["settings"] = settings
        del links["settings"]
    return Written(values, links, prompt)


def _given_by(link: Any, prompt: Mapping[str, Any]) -> Sequence[Any] | None:
    """The values of an output; None where they are known only when its node has run."""
    node, slot = prompt.get(str(link[0])), link[1]
    inputs = node.get("inputs") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(inputs, dict):
        return None
    if any(isinstance(value, list) for value in inputs.values()):
        return None
    if node.get("class_type") in _WRITTEN:
        return [inputs["value"]] if "value" in inputs else None
    if node.get("class_type") == PROMPTS and isinstance(slot, int):
        try:
            return columns(**inputs)[slot]
        except (SoraError, TypeError, IndexError):  # refused on that node
            return None
    return None
