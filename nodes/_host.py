"""The only module that imports comfy, server and folder_paths."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import logging
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import folder_paths
from comfy import model_management
from comfy.cli_args import args
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ..sora_core.engine import Engine, Handle
from ..sora_core.errors import Interrupted, InvalidRequest, SoraError
from ..sora_core.jobs.progress import Progress
from ..sora_core.models import Destination
from ._comfy import ComfyAPI

log = logging.getLogger(__name__)

T = TypeVar("T")

PICTURE_PX = 512  # longer side of a picture that is only to be looked at
SLICE_SECONDS = 0.05  # how often a waiting node looks up; an interrupt is noticed within it
FRAMES_SLOT, AUDIO_SLOT = 1, 2

_unfinished: Counter[str] = Counter()  # by node id
_files: defaultdict[str, set[Path]] = defaultdict(set)  # by node id: what its results refer to


@functools.cache
def engine() -> Engine:
    """The pack's engine; nothing runs until a job does."""
    return Engine(None if os.environ.get("SORA_HOME") else _system_folder())


def has_ledger() -> bool:
    """Whether there was ever a job here: looking must not make a ledger."""
    return (engine().home / "jobs.sqlite").is_file()


def take_up_unfinished_jobs() -> None:
    """Goes on with what an earlier run left, unless SORA_TAKE_UP is 0. Beside the start, not in its way."""
    if os.environ.get("SORA_TAKE_UP", "1") != "0" and has_ledger():
        threading.Thread(target=_take_up, name="sora-take-up", daemon=True).start()


def _take_up() -> None:
    try:
        engine().take_up().result()
    except SoraError as error:
        log.warning("unfinished jobs cannot be taken up: %s", error.message)


def _system_folder() -> Path:
    """ComfyUI's own folder for us, which none of its HTTP routes serve."""
    return Path(folder_paths.get_system_user_directory("sora_video"))


def interrupted() -> bool:
    # the check that throws resets the flag, and the other nodes of the prompt would miss it
    return bool(model_management.processing_interrupted())


class Reports:
    """The latest progress of a job, handed from the engine's thread to the node's coroutine."""

    def __init__(self) -> None:
        self._latest: Progress | None = None
        self._shown: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        self._latest = progress

    async def show(self) -> None:
        """Bar and text on the node; must run in the node's own context."""
        latest = self._latest
        if latest is None or latest == self._shown:
            return
        self._shown = latest
        # the class: 0.8 declares the attribute `execution` and never sets it
        await ComfyAPI.Execution().set_progress(latest.percent or 0.0, 100.0)
        show_text(str(latest))


async def show_picture(picture: Any, text: str) -> None:
    """A PIL picture and a text on the node, before there is progress to show.

    Not as a preview: the page takes a preview for the node's clip once there was one, and shows neither.
    """
    await ComfyAPI.Execution().set_progress(0.0, 100.0)
    source = await asyncio.to_thread(_data_url, picture)
    server, context = PromptServer.instance, get_executing_context()
    if server is not None and server.client_id and context is not None:
        shown = {"node": context.node_id, "prompt_id": context.prompt_id, "picture": source, "text": text}
        server.send_sync("sora_video.picture", shown, server.client_id)
    show_text(text)


def _data_url(picture: Any) -> str:
    small = picture.convert("RGB")
    small.thumbnail((PICTURE_PX, PICTURE_PX))
    held = io.BytesIO()
    small.save(held, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()


def show_text(text: str) -> None:
    server, context = PromptServer.instance, get_executing_context()
    if server is not None and server.client_id and context is not None:
        # with the client's id: without one, every open browser would read it
        server.send_progress_text(text, context.node_id, server.client_id)


def ends_progress(execute: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """For a node's execute: an error ends the progress that is shown. Its words are said by the page."""

    @functools.wraps(execute)
    async def told(*args: Any, **kwargs: Any) -> T:
        try:
            return await execute(*args, **kwargs)
        except SoraError as error:
            show_text(failure(error))
            raise

    return told


def failure(error: SoraError) -> str:
    """The last progress of a run that failed."""
    return "failed" + (f" · job {error.job_id}" if error.job_id else "")


def went_unfinished(node_id: str) -> None:
    """Notes that the node gave a result that is not final: ComfyUI must not serve it from its cache."""
    _unfinished[node_id] += 1


def gave_file(node_id: str, path: Path) -> None:
    """Notes a file that the node's result refers to: without it, the result is worth nothing."""
    _files[node_id].add(path)


def final_results_key(node_id: str) -> str:
    """For fingerprint_inputs: changes whenever the node's last result was not final, or its file is gone.

    With the node's id in it, as ComfyUI also serves a node from what another one with the same inputs gave.
    """
    gone = {path for path in _files[node_id] if not path.is_file()}
    if gone:
        _files[node_id] -= gone
        went_unfinished(node_id)
    return f"{node_id} {_unfinished[node_id]}"


async def wait_for(handle: Handle[T], reports: Reports | None = None) -> T:
    """The handle's result. An interrupt stops the waiting and raises ComfyUI's own exception.

    Polls instead of awaiting the future: the prompt's loop may be closed before the job is done.
    """
    try:
        while not handle.future.done():
            if interrupted():
                raise model_management.InterruptProcessingException
            if reports:
                await reports.show()
            await asyncio.sleep(SLICE_SECONDS)
    finally:
        if not handle.future.done():
            handle.abandon()
    try:
        return handle.result()
    except Interrupted:
        raise model_management.InterruptProcessingException from None


async def in_thread(work: Callable[[], T]) -> T:
    """Runs blocking work beside the prompt's loop."""
    try:
        return await asyncio.to_thread(work)
    except Interrupted:
        raise model_management.InterruptProcessingException from None


def destination(filename_prefix: str, hidden: Any) -> Destination:
    """Below the output folder, named as ComfyUI names files. Raises InvalidRequest for a path outside."""
    output = Path(folder_paths.get_output_directory()).resolve()
    wanted = output / os.path.normpath(filename_prefix)
    if not wanted.name or not filename_prefix.strip() or not wanted.parent.resolve().is_relative_to(output):
        raise InvalidRequest(
            f"filename_prefix '{filename_prefix}' does not name a file below the output folder; "
            "it looks like 'video/sora'."
        )
    path, stem, *_ = folder_paths.get_save_image_path(filename_prefix, str(output))
    return Destination(Path(path), stem, metadata=_metadata(hidden))


def _metadata(hidden: Any) -> dict[str, Any] | None:
    """What core's SaveVideo embeds, so that dropping the file on the canvas restores the graph."""
    if args.disable_metadata:
        return None
    metadata = dict(hidden.extra_pnginfo or {})
    if hidden.prompt is not None:
        metadata["prompt"] = hidden.prompt
    return metadata or None


def shown_in_player(path: Path) -> list[dict[str, str]]:
    """The file as the UI names it; empty when it lies outside of the output folder."""
    output = Path(folder_paths.get_output_directory())
    try:
        relative = path.resolve().relative_to(output.resolve())
    except ValueError:
        return []
    return [{"filename": relative.name, "subfolder": relative.parent.as_posix().strip("."), "type": "output"}]


def blocked(why: str) -> Any:
    """An output that stops the nodes it is connected to, with a reason."""
    return ExecutionBlocker(why)


def resolve_auto_frames_when_queued() -> None:
    """Writes `frames = auto` out when a prompt is queued.

    ComfyUI's cache does not know which sockets are connected. Written into the node's inputs, the
    decision is part of the cache key: connecting the socket later runs the node again.
    """
    if PromptServer.instance is not None:
        PromptServer.instance.add_on_prompt_handler(_resolve_auto_frames)


def _resolve_auto_frames(request: dict[str, Any]) -> dict[str, Any]:
    prompt = request.get("prompt")
    if not isinstance(prompt, dict):
        return request
    nodes = {node_id: node for node_id, node in prompt.items() if isinstance(node, dict)}
    inputs = [node["inputs"] for node in nodes.values() if isinstance(node.get("inputs"), dict)]
    links = {(str(value[0]), value[1]) for each in inputs for value in each.values() if _is_link(value)}
    for node_id, node in nodes.items():
        if str(node.get("class_type", "")) in _decoding_nodes() and isinstance(node.get("inputs"), dict):
            wanted = bool(links & {(str(node_id), FRAMES_SLOT), (str(node_id), AUDIO_SLOT)})
            if node["inputs"].get("frames", "auto") == "auto":
                node["inputs"]["frames"] = "decode" if wanted else "skip"
    return request


def _is_link(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and isinstance(value[0], (str, int))
    )


@functools.cache
def _decoding_nodes() -> frozenset[str]:
    from . import NODES

    schemas = [node.GET_SCHEMA() for node in NODES]
    return frozenset(schema.node_id for schema in schemas if any(each.id == "frames" for each in schema.inputs))
