"""Providers of other installed packages, by the entry point ``sora_video.providers``."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ._base import Provider

ENTRY_POINT = "sora_video.providers"
_NAME = "sora_core"
_ROOT = __name__.removesuffix(".providers._packages")  # in ComfyUI the pack is a part of another package

log = logging.getLogger(__name__)


class _ThisPack(MetaPathFinder, Loader):
    """What a package imports as `sora_core` is this very pack, under whatever name ComfyUI has loaded it.

    Otherwise there would be two of each class, and its provider would be none of ours.
    """

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == _NAME or name.startswith(f"{_NAME}.") else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_ROOT + spec.name.removeprefix(_NAME))
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # the import system has put the other name's there


def _be_sora_core() -> None:
    if _ROOT != _NAME and not any(isinstance(each, _ThisPack) for each in sys.meta_path):
        for name in [name for name in sys.modules if name == _NAME or name.startswith(f"{_NAME}.")]:
            del sys.modules[name]
        sys.meta_path.insert(0, _ThisPack())


@functools.cache
def providers_of_packages(taken: frozenset[str]) -> dict[str, type[Provider]]:
    """By name. One that cannot be used is logged and left out: the rest must go on."""
    found: dict[str, type[Provider]] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT):
        _be_sora_core()
        try:
            kind = point.load()
        except Exception as error:  # noqa: BLE001 (somebody else's code)
            why = f"{type(error).__name__}: {error}"
        else:
            why = _wrong(kind, point.name, taken | found.keys())
        if why:
            log.warning("provider %r of %s is left out: %s", point.name, point.value, why)
        else:
            found[point.name] = kind
    return found


def _wrong(kind: object, name: str, taken: frozenset[str]) -> str:
    if not (isinstance(kind, type) and issubclass(kind, Provider)):
        return "it is no Provider"
    if getattr(kind, "name", None) != name:
        return f"its class is named {getattr(kind, 'name', None)!r}"
    return "there is one of this name" if name in taken else ""
