from collections.abc import Callable
from typing import Any, ClassVar

from aiohttp import web

class PromptServer:
    instance: ClassVar[PromptServer | None]
    client_id: str | None
    sockets: dict[str, Any]
    routes: web.RouteTableDef
    port: int
    address: str
    def send_progress_text(self, text: str, node_id: str, sid: str | None = ...) -> None: ...
    def send_sync(self, event: str, data: Any, sid: str | None = ...) -> None: ...
    def add_on_prompt_handler(self, handler: Callable[[dict[str, Any]], dict[str, Any]]) -> None: ...
