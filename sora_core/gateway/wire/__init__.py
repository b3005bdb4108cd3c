"""The wire protocols that the gateway speaks, one file or small package each."""

from __future__ import annotations

from ..core import Core, Wire
from .apiyi import apiyi_wires
from .newapi import newapi_wires
from .openai import OpenAIWire
from .openai_hosted import Aquiles, Dynamo, LocalAI, SGLang, TensorRT, VllmOmni
from .openai_relays import Azure, LiteLLM, NewApi, OpenRouter
from .shenma import shenma_wires
from .skyriff import skyriff_wires
from .sora_web import sora_web_wires

# servers of the OpenAI protocol that deviate from it, below /openai~NAME
_DIALECTS = (VllmOmni, SGLang, TensorRT, Aquiles, LocalAI, Dynamo, LiteLLM, NewApi, Azure, OpenRouter)


def wires(core: Core) -> tuple[Wire, ...]:
    """All of them, each below a prefix of its own."""
    return (
        OpenAIWire(core),
        *(dialect(core) for dialect in _DIALECTS),
        *shenma_wires(core),
        *newapi_wires(core),
        *skyriff_wires(core),
        *apiyi_wires(core),
        *sora_web_wires(core),
    )
