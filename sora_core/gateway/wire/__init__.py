"""The wire protocols of the contract, one file or small package each. How servers deviate: ``deviations``."""

from __future__ import annotations

from collections.abc import Sequence

from ..core import Core, Wire
from .apiyi import ApiYiWire
from .newapi import NewApiWire
from .openai import OpenAIWire
from .shenma import ShenmaWire
from .skyriff import SkyRiffWire
from .sora_web import sora_web_wires
from .sora_web._dialect import Dialect


def wires(core: Core, sora_web: Sequence[Dialect] = ()) -> tuple[Wire, ...]:
    """All of them, each below a prefix of its own; the Sora web protocol's deviations share its memory."""
    promised = (OpenAIWire, SkyRiffWire, ApiYiWire, ShenmaWire, NewApiWire)
    return (*(wire(core) for wire in promised), *sora_web_wires(core, sora_web))
