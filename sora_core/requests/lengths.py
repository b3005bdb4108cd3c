"""Length as models count it: in frames, of which they take only some numbers. Pure.

Read off the pipelines of vLLM-Omni 0.30.0 (`diffusion/models/{wan2_2,ltx2,lingbot_video,minimax_h3}`) and SGLang 0.5.23
(`configs/pipeline_configs/wan.py`), and, for HunyuanVideo, off its VAE, which is four to one in time. Servers round
other numbers to one of these without a word.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import InvalidRequest
from ..models import Capabilities
from .kinds import VideoRequest


class Frames(NamedTuple):
    """A model takes ``step`` times any number and ``rest`` frames."""

    step: int
    rest: int

    def __contains__(self, frames: object) -> bool:
        return isinstance(frames, int) and frames % self.step == self.rest

    def around(self, frames: int) -> tuple[int, int]:
        """The nearest numbers below and above."""
        below = max((frames - self.rest) // self.step, 0) * self.step + self.rest
        return below, below + self.step

    def __str__(self) -> str:
        return f"{self.step}k+{self.rest}"


# by a part of the model's name; the first that fits
_MODELS = {
    "minimax-h3": Frames(17, 5),
    "minimax_h3": Frames(17, 5),
    "ltx": Frames(8, 1),
    "wan": Frames(4, 1),
    "hunyuanvideo": Frames(4, 1),
    "hunyuan-video": Frames(4, 1),
    "lingbot-video": Frames(4, 1),
}


def frames_of(model: str) -> Frames | None:
    """None for a model that nobody here knows."""
    return next((frames for name, frames in _MODELS.items() if name in model.lower()), None)


def check_length(request: VideoRequest, can: Capabilities) -> None:
    """Raises InvalidRequest for frames that the model does not take, or that are not the seconds."""
    wanted, fps = request.settings.num_frames, request.settings.fps or can.fps
    takes = frames_of(request.model) if "num_frames" in can.settings else None
    if not wanted:
        return
    if takes and wanted not in takes:
        below, above = takes.around(wanted)
        raise InvalidRequest(
            "lengths.frames", model=request.model, takes=str(takes), wanted=wanted, below=below, above=above
        )
    if not request.seconds:
        return
    if not fps:
        raise InvalidRequest("lengths.no_fps", wanted=wanted, seconds=request.seconds)
    if abs(wanted - request.seconds * fps) > (takes.step if takes else 1):
        made = wanted / fps
        raise InvalidRequest("lengths.disagree", wanted=wanted, fps=fps, made=made, seconds=request.seconds)


def length_told(request: VideoRequest, can: Capabilities) -> str:
    """What will be made, where that is known and is not just the seconds; else ""."""
    fps, takes = request.settings.fps or can.fps, frames_of(request.model)
    asked_in_frames = request.settings.num_frames or request.settings.fps
    if not fps or not asked_in_frames:
        return ""
    frames = request.settings.num_frames or round(request.seconds * fps)
    if takes and frames not in takes:
        frames = takes.around(frames)[1] if takes.step == 17 else frames // takes.step * takes.step + takes.rest
    return f"{frames} frames at {fps:g} fps: {frames / fps:.2f} s"
