"""Sora Join Clips."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..sora_core.errors import Interrupted, InvalidRequest, SoraError
from ..sora_core.media.join import MOST_FADE_SECONDS, Joined, join
from ..sora_core.media.placing import GENERATOR, check_destination, discard, place, sha256_of, write_sidecar
from ..sora_core.models import Destination
from . import _host as host
from . import _widgets as widgets
from ._checking import queued_inputs
from ._comfy import InputImpl, io, known
from ._paths import check_prefix, destination_of, shown_in_player
from ._references import save_video
from ._results import final_results_key, gave_file
from ._waiting import in_thread

MAX_CLIPS = 50


class JoinClips(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_JoinClips",
            display_name="Sora Join Clips",
            category="Sora Video",
            description="Makes one file of several clips, one after the other. Clips that are alike keep their "
            "pictures bit for bit; others are encoded anew. It asks no server and costs nothing.",
            inputs=[
                io.Autogrow.Input(
                    "videos",
                    # ComfyUI 0.8 finds only a required template; min=0 makes the sockets optional
                    template=io.Autogrow.TemplatePrefix(
                        io.Video.Input("video", tooltip="A clip, or a list of clips, in order."),
                        prefix="video",
                        min=0,
                        max=MAX_CLIPS,
                    ),
                    optional=True,
                    tooltip="The clips in order, two at the least; a list on one socket counts as its clips.",
                ),
                io.Float.Input(
                    "crossfade",
                    default=0.0,
                    min=0.0,
                    max=MOST_FADE_SECONDS,
                    step=0.1,
                    optional=True,
                    tooltip="Seconds in which a clip goes over into the next; 0: a cut. With it the pictures are "
                    "encoded anew.",
                ),
                widgets.filename_prefix_input("video/film"),
            ],
            outputs=[
                io.Video.Output("video", tooltip="The file that was written, as a video."),
                io.String.Output("video_path", tooltip="Absolute path of the file."),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_input_list=True,
            is_output_node=True,
            **known(
                search_aliases=["concat", "merge videos", "stitch", "append", "film", "crossfade", "拼接", "合并视频"]
            ),
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: Sequence[str] | None = None, videos: Any = None) -> bool | str:
        # ComfyUI hands over every growing input, named or not
        try:
            for prefix in filter(None, filename_prefix or ()):  # None: it comes over a link
                check_prefix(prefix)
            if not any(name.startswith("videos.") for name in queued_inputs() or ("videos.",)):
                raise InvalidRequest("join.too_few", count=0)
        except SoraError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, **_: object) -> str:
        return final_results_key(cls.hidden.unique_id)

    @classmethod
    async def execute(
        cls,
        videos: Mapping[str, Sequence[Any]] | None = None,
        crossfade: Sequence[float] = (0.0,),
        filename_prefix: Sequence[str] = ("video/film",),
    ) -> io.NodeOutput:
        clips = _clips(videos or {})
        destination = destination_of(filename_prefix[0], cls.hidden)
        path, note = await in_thread(functools.partial(_joined, clips, crossfade[0], destination))
        gave_file(cls.hidden.unique_id, path)
        shown = {"images": shown_in_player(path), "animated": (True,), "text": (str(path), note)}
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), str(path), ui=shown)


def _clips(sockets: Mapping[str, Sequence[Any]]) -> list[Any]:
    return [clip for connected in widgets.in_order(sockets) for clip in connected if clip is not None]


def _joined(clips: Sequence[Any], crossfade: float, destination: Destination) -> tuple[Path, str]:
    """Where the film is, and what to say of it."""
    if len(clips) < 2:
        raise InvalidRequest("join.too_few", count=len(clips))
    check_destination(destination)
    part = destination.folder / f".join-{uuid4().hex[:12]}.part"
    with tempfile.TemporaryDirectory(prefix="sora-join-") as folder:
        files = [_file_of(clip, Path(folder) / f"{number}.mp4") for number, clip in enumerate(clips)]
        try:
            joined = join(files, part, crossfade=crossfade, check=_check)
            hashes: list[str] = []
            path = place(part, destination, planned=None, plan=lambda name, sha256, size: hashes.append(sha256))
        finally:
            discard(part)
        write_sidecar(path, _provenance(joined, files, crossfade, hashes[-1]))
    kept = "pictures kept as they were" if joined.copied else "encoded anew"
    return path, f"{len(files)} clips · {joined.seconds:.2f} s · {joined.width}x{joined.height} · {kept}"


def _file_of(video: Any, spare: Path) -> Path:
    """The clip's own file; what has none, or is a part of one, is written to ``spare``."""
    source = video.get_stream_source()
    is_part = any(getattr(video, "get_active_trim_window", lambda: (0, 0))())
    if isinstance(source, str) and not is_part:
        return Path(source)
    save_video(video, spare)
    return spare


def _check() -> None:
    if host.interrupted():
        raise Interrupted("jobs.waiting_interrupted")


def _provenance(joined: Joined, files: Sequence[Path], crossfade: float, sha256: str) -> dict[str, Any]:
    return {
        "generator": GENERATOR,
        "kind": "joined clips",
        "sha256": sha256,
        "seconds": joined.seconds,
        "width": joined.width,
        "height": joined.height,
        "fps": joined.fps,
        "pictures": "copied" if joined.copied else "encoded",
        "crossfade": crossfade,
        "clips": [
            {"name": file.name, "sha256": sha256_of(file), "starts_at": at}
            for file, at in zip(files, joined.starts, strict=True)
        ],
        "created_at": time.time(),
    }
