"""Deliberate deviations, for tests: servers as they differ from the protocols, each below ``/PROTOCOL~NAME``.

Nothing here is part of the contract.
"""

from __future__ import annotations

from ..core import Core, Wire
from ..wire import wires as promised_wires
from . import apiyi, hosted, newapi, relays, shenma, skyriff
from .sora_web import DIALECTS

_OPENAI = (
    *(hosted.VllmOmni, hosted.SGLang, hosted.TensorRT, hosted.Aquiles, hosted.LocalAI, hosted.Dynamo),
    *(relays.LiteLLM, relays.NewApi, relays.Azure, relays.OpenRouter),
)
_SKYRIFF = (
    *(skyriff.NoUrl, skyriff.At100, skyriff.Json, skyriff.Markdown, skyriff.Task),
    *(skyriff.Cut, skyriff.Mute, skyriff.Shy),
)
_APIYI = (apiyi.Bearer, apiyi.NoUrl, apiyi.Mirror)
_SHENMA = (shenma.Comfly, shenma.Outputs, shenma.Late, shenma.Bare)
_NEWAPI = (newapi.Duomi, newapi.Late, newapi.PromptId, newapi.Old)


def wires(core: Core) -> tuple[Wire, ...]:
    """What the contract promises, and all that deviates from it."""
    deviating = (*_OPENAI, *_SKYRIFF, *_APIYI, *_SHENMA, *_NEWAPI)
    return (*promised_wires(core, DIALECTS), *(wire(core) for wire in deviating))
