"""The ComfyUI side: thin V3 nodes over `sora_core`, one file each."""

from __future__ import annotations

from ._comfy import ComfyExtension, io
from ._engine import take_up_unfinished_jobs
from ._language import speak_the_language_of_the_page
from ._queueing import resolve_auto_frames_when_queued
from .create_character import CreateCharacter
from .enhance_prompt import EnhancePrompt
from .image import Image
from .image2video import Image2Video
from .join_clips import JoinClips
from .quota import Quota
from .remix import Remix
from .remove_watermark import RemoveWatermark
from .resume_job import ResumeJob
from .routes import add_routes
from .shot import Shot
from .storyboard import Storyboard
from .text2video import Text2Video

NODES: list[type[io.ComfyNode]] = [
    Text2Video,
    Image2Video,
    Storyboard,
    Shot,
    Remix,
    CreateCharacter,
    RemoveWatermark,
    EnhancePrompt,
    Image,
    JoinClips,
    ResumeJob,
    Quota,
]


class SoraVideoExtension(ComfyExtension):
    """Everything this pack adds to ComfyUI."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> ComfyExtension:
    # here and not in on_load, which ComfyUI 0.8 does not call
    speak_the_language_of_the_page()
    resolve_auto_frames_when_queued()
    add_routes()
    take_up_unfinished_jobs()
    return SoraVideoExtension()
