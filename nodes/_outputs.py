"""Outputs that the generating nodes share, and how a delivered video becomes them."""

from __future__ import annotations

import functools
from typing import Any

from ..sora_core.engine import Waiter
from ..sora_core.models import Delivery, GenerationRequest
from . import _host as host
from ._comfy import InputImpl, io

_SKIPPED = (
    "frames is set to 'skip', so there are no frames and no audio here. Set it to 'auto' or 'decode' and run again; "
    "nothing is charged for that.\n"
    "frames 设为 skip，此处没有画面与音频；改为 auto 或 decode 后重新运行即可，不会再次扣费。"
)


def video_outputs() -> list[io.Output]:
    return [
        io.Video.Output("video", tooltip="The file that was delivered, as a video."),
        io.Image.Output(
            "frames", tooltip="Decoded frames [N,H,W,3], 0..1. Decoded only when connected (frames = auto)."
        ),
        io.Audio.Output("audio", tooltip="The sound track; silence of the clip's length when it has none."),
        io.Float.Output("fps", tooltip="Frames per second of the frames output."),
        io.String.Output("video_path", tooltip="Absolute path of the file."),
        io.String.Output("job_id", tooltip="Our id of the job; Resume Job and the command take it."),
    ]


def video_hidden() -> list[io.Hidden]:
    return [io.Hidden.prompt, io.Hidden.extra_pnginfo]


async def generate(
    request: GenerationRequest, profile: str, options: dict[str, Any], hidden: Any, *, note: str = ""
) -> io.NodeOutput:
    """One video. ``note`` is shown with it: what became of an image on its way."""
    destination = host.destination(options.get("filename_prefix", "video/sora"), hidden)
    reports = host.Reports()
    waiter = host.engine().generate(request, profile, destination, reports)
    return await deliver(waiter, reports, options, note=note)


async def deliver(
    waiter: Waiter[Delivery], reports: host.Reports, options: dict[str, Any], *, note: str = ""
) -> io.NodeOutput:
    """Waits for the job and hands out its video, with frames and audio when they are wanted."""
    delivery = await host.wait_for(waiter, reports)
    host.show_text(f"{'found, nothing charged' if delivery.reused else 'done'} · job {delivery.job_id}")
    step = options.get("frame_step", 1)
    frames: Any = host.blocked(_SKIPPED)
    audio: Any = frames
    fps = delivery.fps / step
    if options.get("frames", "auto") != "skip":
        decoded = await host.in_thread(functools.partial(_decode, delivery, options.get("max_frames", 0), step))
        frames, fps = decoded.frames, decoded.fps
        audio = {"waveform": decoded.waveform, "sample_rate": decoded.sample_rate}
    path = str(delivery.path)
    return io.NodeOutput(
        InputImpl.VideoFromFile(path),
        frames,
        audio,
        fps,
        path,
        delivery.job_id,
        ui={
            "images": host.shown_in_player(delivery.path),
            "animated": (True,),
            "text": (path, delivery.job_id, *([note] if note else [])),
        },
    )


def _decode(delivery: Delivery, max_frames: int, frame_step: int) -> Any:
    from ..sora_core.media.video import decode

    return decode(delivery.path, max_frames=max_frames, frame_step=frame_step, interrupted=host.interrupted)
