"""What is used of ComfyUI's own modules: this one alone imports comfy, comfy_execution, folder_paths and server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import folder_paths
from comfy import model_management
from comfy.cli_args import args
from comfy_execution import graph
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.utils import get_executing_context
from server import PromptServer

Interrupt: type[BaseException] = model_management.InterruptProcessingException


def interrupted() -> bool:
    # the check that throws resets the flag, and the other nodes of the prompt would miss it
    return bool(model_management.processing_interrupted())


def blocked(why: str) -> Any:
    """An output that stops the nodes it is connected to, with a reason."""
    return ExecutionBlocker(why)


def tell_node(event: str, data: dict[str, Any]) -> None:
    """An event about the node that is executed, to the page that queued it; ``node`` and ``prompt_id`` come with it."""
    server, context = PromptServer.instance, get_executing_context()
    # with the client's id: without one, every open browser would read it
    if server is not None and server.client_id and context is not None:
        told = {"node": context.node_id, "prompt_id": context.prompt_id, **data}
        server.send_sync(event, told, server.client_id)


def executing_node() -> str:
    """The id of the node that is executed or checked in this context; empty outside of one."""
    context = get_executing_context()
    return str(context.node_id) if context is not None else ""


def output_type(class_type: Any, slot: Any) -> str:
    """What an output of any registered node is, such as "IMAGE"; empty where there is none."""
    # by way of one who knows ComfyUI's module `nodes`: this package has the same name
    types = getattr(graph.nodes.NODE_CLASS_MAPPINGS.get(class_type), "RETURN_TYPES", ())
    return str(types[slot]) if isinstance(slot, int) and 0 <= slot < len(types) else ""


def has_pages() -> bool:
    """Whether any page is open."""
    return PromptServer.instance is not None and bool(PromptServer.instance.sockets)


def tell_all(event: str, data: dict[str, Any]) -> None:
    """An event to every open page: nothing that only one of its users may know."""
    if PromptServer.instance is not None:
        PromptServer.instance.send_sync(event, data)


def on_prompt(handler: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Calls the handler with every prompt that is queued, before it is validated."""
    if PromptServer.instance is not None:
        PromptServer.instance.add_on_prompt_handler(handler)


def add_route(method: str, path: str, handler: Callable[..., Any]) -> None:
    """Before the server starts: while the pack loads."""
    if PromptServer.instance is not None:
        PromptServer.instance.routes.route(method, path)(handler)


def system_folder() -> Path:
    """ComfyUI's own folder for us, which none of its HTTP routes serve."""
    return Path(folder_paths.get_system_user_directory("sora_video"))


def output_folder() -> Path:
    return Path(folder_paths.get_output_directory())


def input_folder() -> Path:
    return Path(folder_paths.get_input_directory())


def save_path(filename_prefix: str) -> tuple[Path, str]:
    """Folder and stem below the output folder, as ComfyUI names files."""
    path, stem, *_ = folder_paths.get_save_image_path(filename_prefix, str(output_folder().resolve()))
    return Path(path), stem


def embeds_metadata() -> bool:
    """Whether the user lets the workflow be embedded in files."""
    return not args.disable_metadata


def settings_file() -> Path:
    """Where ComfyUI keeps what is set in the page, of its only user."""
    return Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
