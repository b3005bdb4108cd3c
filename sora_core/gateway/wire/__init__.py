"""The wire protocols of the contract, one file or small package each. How servers deviate: ``deviations``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import cast

from ..core import Core, Wire
from ._base import BaseWire
from .sora_web import sora_web_wires
from .sora_web._dialect import Dialect


def _wire_in(name: str) -> Callable[[Core], Wire]:
    module = importlib.import_module(f".{name}", __name__)
    mine = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
    (found,) = [each for each in mine if isinstance(each, type) and issubclass(each, BaseWire)]
    return cast("Callable[[Core], Wire]", found)


# the file of a protocol is found by being here; the Sora web protocol is a package, and makes its own
_PROMISED = [
    _wire_in(each.name) for each in pkgutil.iter_modules(__path__) if not each.ispkg and not each.name.startswith("_")
]


def wires(core: Core, sora_web: Sequence[Dialect] = ()) -> tuple[Wire, ...]:
    """All of them, each below a prefix of its own; the Sora web protocol's deviations share its memory."""
    return (*(wire(core) for wire in _PROMISED), *sora_web_wires(core, sora_web))
