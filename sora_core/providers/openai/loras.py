"""LoRA of a server that has routes for them, in two forms.

`USED`: SGLang 0.5.23 `multimodal_gen/runtime/entrypoints/openai/common_api.py`. They count for everybody who uses the
server, and stay until others do. `NAMED`: vLLM 0.30.0 `entrypoints/serve/lora/api_router.py`, where they are loaded,
and a request names its own; they are on the list of models. Nothing but a person's word does either.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ...errors import BadResponse
from ...models import Effect
from ...requests.settings import Lora
from ...transport import Call, Reply
from .._answers import normalize

USED, NAMED = "used", "named"
_LOADING_SECONDS = 600.0  # weights may have to come from the network first


def encode_list() -> Call:
    return Call("GET", "/list_loras", Effect.READ, timeout=30)


def decode_list(reply: Reply) -> list[dict[str, Any]]:
    """Of each that is loaded its ``name``, ``path`` and ``strength``, 0 where it is not in use."""
    value = normalize.parse(reply.body)
    loaded = normalize.dig(value, "loaded_adapters")
    if not isinstance(loaded, list):
        raise BadResponse("openai.no_list_of_loras", reason=normalize.failure_of(reply).message)
    strengths = _in_use(normalize.dig(value, "active"))
    names = [(normalize.text_of(normalize.dig(each, "nickname")) or "", each) for each in loaded]
    return [
        {
            "name": name,
            "path": normalize.text_of(normalize.dig(each, "path")) or "",
            "strength": strengths.get(name, 0.0),
        }
        for name, each in names
        if name
    ]


def _in_use(active: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for modules in active.values() if isinstance(active, dict) else ():
        for module in modules if isinstance(modules, list) else ():
            names, strengths = normalize.dig(module, "nicknames"), normalize.dig(module, "strengths")
            if isinstance(names, list) and isinstance(strengths, list):
                pairs = zip(names, map(normalize.number_of, strengths), strict=False)
                found |= {str(name): strength for name, strength in pairs if name and strength is not None}
    return found


def encode_use(loras: Sequence[Lora], loaded: Sequence[str]) -> Call:
    """From now on these and no others. ``loaded`` are the names that the server knows; anything else is a path."""
    if not loras:
        return Call("POST", "/unmerge_lora_weights", Effect.IDEMPOTENT, json={}, timeout=_LOADING_SECONDS)
    body = {
        "lora_nickname": [lora.name if lora.name in loaded else PurePosixPath(lora.name).stem for lora in loras],
        "lora_path": [None if lora.name in loaded else lora.name for lora in loras],
        "target": ["all"] * len(loras),
        "strength": [lora.scale for lora in loras],
    }
    return Call("POST", "/set_lora", Effect.IDEMPOTENT, json=body, timeout=_LOADING_SECONDS)


def encode_load(name: str, path: str) -> Call:
    body = {"lora_name": name, "lora_path": path}
    return Call("POST", "/load_lora_adapter", Effect.IDEMPOTENT, json=body, timeout=_LOADING_SECONDS)


def encode_unload(name: str) -> Call:
    return Call("POST", "/unload_lora_adapter", Effect.IDEMPOTENT, json={"lora_name": name}, timeout=60)
