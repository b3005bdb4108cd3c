"""docs/providers.md, from the providers' own Capabilities."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sora_core.models import Capabilities, Operation, SizeRange
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, provider_for
from sora_core.providers.openai.dialects import DIALECTS as OPENAI_DIALECTS

OPERATIONS = {
    Operation.TEXT_TO_VIDEO: "text",
    Operation.IMAGE_TO_VIDEO: "image",
    Operation.STORYBOARD: "storyboard",
    Operation.REMIX: "remix",
    Operation.CREATE_CHARACTER: "character",
    Operation.CLEAN_LINK: "clean link",
    Operation.IMAGE: "picture",
    Operation.ENHANCE_PROMPT: "better prompt",
}
HEAD = """# Providers and dialects

This page is written by `scripts/generate` from the facts that the client itself goes by; do not edit it.

A *provider* is a wire protocol (`provider` in a profile). Where the servers of one protocol differ, each family of them
has a *dialect* (`dialect` in the profile). `sora-video doctor PROFILE` tells which one a server of the `openai`
protocol speaks, where that shows. What is not possible is refused before anything is sent.
"""


@dataclass(frozen=True)
class Row:
    name: str
    can: Capabilities
    quirk: str


def rows() -> Iterator[Row]:
    for name, kind in sorted(PROVIDERS.items(), key=lambda item: item[0] != "openai"):
        module = inspect.getmodule(kind)
        for dialect in getattr(module, "DIALECTS", ("",)):
            can = provider_for(Profile("p", name, "https://relay.example", dialect=dialect)).capabilities()
            if name == "openai":
                quirk = OPENAI_DIALECTS[dialect].quirk
            else:
                quirk = "" if dialect else (inspect.getdoc(module) or "").splitlines()[0]
            yield Row(f"{name} · {dialect}" if dialect else name, can, quirk)


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def yes(flag: bool) -> str:
    return "yes" if flag else "–"


def seconds(can: Capabilities) -> str:
    given = can.seconds
    if isinstance(given, range) and given.step == 1:
        text = f"{given.start} to {given.stop - 1}"
    else:
        text = ", ".join(map(str, given))
    return text + (f" ({can.default_seconds})" if can.default_seconds else "")


def sizes(can: Capabilities) -> str:
    if isinstance(can.sizes, SizeRange):
        return f"any, sides {can.sizes.low} to {can.sizes.high}"
    return ", ".join(dict.fromkeys(can.sizes)) or "by orientation only"


def shapes(can: Capabilities) -> str:
    quality = {}
    for orientation, each in can.size_for:
        quality.setdefault(orientation, []).append(each)
    return ", ".join(f"{name} ({', '.join(each)})" for name, each in quality.items())


def images(can: Capabilities) -> str:
    if Operation.IMAGE_TO_VIDEO not in can.operations:
        return "–"
    forms = {"file": "file", "url": "address", "data": "inline"}
    named = ", ".join(word for form, word in forms.items() if form in can.image_forms)
    return f"{named}; up to {can.image_limit}, {can.image_bytes_limit / 2**20:.0f} MiB each"


def pace(can: Capabilities) -> str:
    limits = [f"poll every {can.poll_seconds:g} s"]
    limits += [f"{can.requests_per_minute} requests a minute"] if can.requests_per_minute else []
    limits += [f"{can.max_jobs} jobs at once"] if can.max_jobs else []
    return ", ".join(limits)


def page() -> str:
    found = list(rows())
    makes = [[row.name, *(yes(operation in row.can.operations) for operation in OPERATIONS)] for row in found]
    account = [
        [yes(row.can.can_list), yes(row.can.can_cancel), yes(row.can.has_quota), yes(not row.can.paid)] for row in found
    ]
    limits = [
        [
            row.name, seconds(row.can), sizes(row.can), shapes(row.can), images(row.can), f"{row.can.prompt_limit:,}",
            ", ".join(sorted(row.can.fields)) or "–", pace(row.can),
        ]
        for row in found
    ]  # fmt: skip
    operations = ["provider · dialect", *OPERATIONS.values(), "list", "cancel", "quota", "free"]
    facts = [
        "provider · dialect",
        "seconds (default)",
        "sizes",
        "orientations (quality)",
        "images",
        "prompt",
        "also takes",
        "pace",
    ]
    return "\n".join(
        [
            HEAD,
            "## What each can do",
            "",
            "*list*: a lost answer can be looked up; *cancel*: a job can be stopped at the server.",
            "",
            table(operations, [[*left, *right] for left, right in zip(makes, account, strict=True)]),
            "",
            "## Limits",
            "",
            "Prompt lengths are in characters. Images go out as a file, as the address of one, or inline (base64).",
            "",
            table(facts, limits),
            "",
            "## Peculiarities",
            "",
            *(f"- **{row.name}**: {row.quirk}" for row in found if row.quirk),
            "",
        ]
    )


def files() -> Iterator[tuple[str, str]]:
    yield "docs/providers.md", page()
