"""Parts of pages that are otherwise written by hand, each between `<!-- NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from . import ROOT, code_map
from .texts import all_texts


def node_names(language: str) -> str:
    """The generating nodes first, as they end in a video."""
    english, shown = all_texts()["en"], all_texts()[language]
    ordered = sorted(english, key=lambda node: (english[node]["outputs"]["0"]["name"] != "video", node))
    return ("、" if language == "zh" else ", ").join(f"*{shown[node]['display_name']}*" for node in ordered)


def provider_names(language: str) -> str:
    from sora_core.providers import PROVIDERS

    ordered = sorted(PROVIDERS, key=lambda name: (name != "openai", name))
    return ("、" if language == "zh" else ", ").join(f"`{name}`" for name in ordered)


Parts = dict[str, Callable[[], str]]
_ENGLISH: Parts = {"nodes": functools.partial(node_names, "en"), "providers": functools.partial(provider_names, "en")}
_CHINESE: Parts = {"nodes": functools.partial(node_names, "zh"), "providers": functools.partial(provider_names, "zh")}
PAGES: dict[str, Parts] = {
    "CONTRIBUTING.md": {"map": code_map.text},
    "README.md": _ENGLISH,
    "README.zh.md": _CHINESE,
}


def filled(page: str, parts: Parts) -> str:
    for name, make in parts.items():
        start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
        before, found, rest = page.partition(start)
        within, closed, after = rest.partition(end)
        if found and closed:
            edge = "\n" if within.startswith("\n") else ""  # a part that fills lines, or one within a sentence
            page = f"{before}{start}{edge}{make()}{edge}{end}{after}"
    return page


def files() -> Iterator[tuple[str, str]]:
    for name, parts in PAGES.items():
        yield name, filled((ROOT / name).read_text("utf-8"), parts)
