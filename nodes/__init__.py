"""The ComfyUI side: thin V3 nodes over `sora_core`, one file each."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from ..sora_core.logs import set_up as set_up_log
from ._checking import keep_what_is_queued
from ._comfy import ComfyExtension, io
from ._draining import drain_on_sigterm
from ._engine import take_up_unfinished_jobs
from ._language import speak_the_language_of_the_page
from ._queueing import resolve_auto_frames_when_queued
from .routes import add_routes


def _nodes_of(module: ModuleType) -> list[type[io.ComfyNode]]:
    made_here = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
    return [each for each in made_here if isinstance(each, type) and issubclass(each, io.ComfyNode)]


def _found() -> list[type[io.ComfyNode]]:
    """The nodes of every module here: a new one is registered by being there."""
    names = [each.name for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_") and not each.ispkg]
    return [node for name in names for node in _nodes_of(importlib.import_module(f".{name}", __name__))]


NODES: list[type[io.ComfyNode]] = _found()


class SoraVideoExtension(ComfyExtension):
    """Everything this pack adds to ComfyUI."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> ComfyExtension:
    # here and not in on_load, which ComfyUI 0.8 does not call
    speak_the_language_of_the_page()
    resolve_auto_frames_when_queued()
    keep_what_is_queued()
    set_up_log()
    add_routes()
    drain_on_sigterm()
    take_up_unfinished_jobs()
    return SoraVideoExtension()
