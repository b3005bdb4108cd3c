# What this pack uses of ComfyUI's node API, as of 0.8.0 to 0.33.0.
from typing import Any

from comfy_api.latest import io as io

class ComfyExtension:
    async def on_load(self) -> None: ...
    async def get_node_list(self) -> list[type[io.ComfyNode]]: ...

class _Execution:
    async def set_progress(
        self, value: float, max_value: float, node_id: str | None = ..., preview_image: Any = ..., **more: Any
    ) -> None: ...

class ComfyAPI:
    class Execution(_Execution): ...

class InputImpl:
    class VideoFromFile:
        def __init__(self, file: str | Any) -> None: ...
