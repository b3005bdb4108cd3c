"""Inputs that the generating nodes share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..sora_core.profiles.profiles import PREVIEW
from ..sora_core.requests.kinds import ORIENTATIONS, QUALITIES
from ._comfy import advanced, io
from ._engine import engine
from ._picks import NO_PICK, recent_jobs

SHOT = io.Custom("SORAVIDEO_SHOT")
CHARACTER = io.Custom("SORAVIDEO_CHARACTER")
SETTINGS = io.Custom("SORAVIDEO_SETTINGS")
FRAMES = ("auto", "decode", "skip")
ON_ERROR = ("raise", "block")
MAX_TAKES = 8
MAX_REFERENCES = 12
MAX_SEED = 2**53 - 1  # the largest whole number that survives the browser's JSON
AS_SOURCE = "as the source"


def in_order(sockets: Mapping[str, Any] | None) -> list[Any]:
    """What is connected to a growing input, by the numbers of its sockets."""
    by_number = sorted((sockets or {}).items(), key=lambda socket: int(re.sub(r"\D", "", socket[0]) or 0))
    return [value for _, value in by_number if value is not None]


def prompt_input() -> io.Input:
    return io.String.Input(
        "prompt", multiline=True, placeholder="prompt · 提示词", tooltip="What the video should show."
    )


def profile_input(*, optional: bool = False) -> io.Input:
    return io.Combo.Input(
        "profile",
        options=engine().profiles.names(),
        default=PREVIEW,
        optional=optional,
        tooltip="The connection to use. 'preview' is built in, free and needs no key: it renders an animatic.",
    )


def seed_input(*, optional: bool = False) -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=MAX_SEED,
        optional=optional,
        # without it the page would pick a new number after every run, and every run would be paid
        control_after_generate=False,
        tooltip="Another seed is a new take, and is paid again; the same one gives the video that exists. "
        "It is sent to the model only where the protocol has a seed.",
    )


def generation_inputs() -> list[io.Input]:
    """Optional settings of what is asked for; left out or at their defaults, the profile decides."""
    orientation, quality, size = _shape_inputs()
    seconds = io.Int.Input(
        "seconds", default=0, min=0, max=600, optional=True, tooltip="Length in seconds. 0: the profile's default."
    )
    return [_model_input(), orientation, seconds, quality, size, *_word_inputs()]


def picture_inputs() -> list[io.Input]:
    """The same for a picture."""
    model = io.String.Input(
        "model", default="", optional=True, tooltip="Empty: the profile's image_model, else the server's own default."
    )
    return [model, *_shape_inputs()]


def _shape_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "orientation",
            options=list(ORIENTATIONS),
            default="landscape",
            optional=True,
            tooltip="Shape of the picture.",
        ),
        io.Combo.Input(
            "quality",
            options=list(QUALITIES),
            default="standard",
            optional=True,
            tooltip="hd asks for a larger picture.",
        ),
        io.String.Input(
            "size",
            default="",
            optional=True,
            tooltip="WIDTHxHEIGHT in pixels, such as 1280x720. Empty: from orientation and quality.",
            **advanced(),
        ),
    ]


def remix_inputs() -> list[io.Input]:
    """The same for a remix, but for its shape, which came later."""
    seconds = io.Int.Input(
        "seconds",
        default=0,
        min=0,
        max=600,
        optional=True,
        tooltip="Length in seconds. 0: as the source, where the protocol can keep it; else the profile's default.",
    )
    return [_model_input(), seconds, *_word_inputs()]


def remix_shape_inputs() -> list[io.Input]:
    """The shape of a remix, which is that of its source unless another one is asked for."""
    return [
        io.Combo.Input(
            "orientation",
            options=[AS_SOURCE, *ORIENTATIONS],
            default=AS_SOURCE,
            optional=True,
            tooltip="Shape of the picture. Another one than that of the source is refused where the profile "
            "cannot change it.",
        ),
        io.Combo.Input(
            "quality",
            options=[AS_SOURCE, *QUALITIES],
            default=AS_SOURCE,
            optional=True,
            tooltip="hd asks for a larger picture. Another one than that of the source is refused where the profile "
            "cannot change it.",
        ),
        io.String.Input(
            "size",
            default="",
            optional=True,
            tooltip="WIDTHxHEIGHT in pixels, such as 1280x720. Empty: as the source.",
            **advanced(),
        ),
    ]


def _model_input() -> io.Input:
    return io.String.Input("model", default="", optional=True, tooltip="Empty: the profile's own default.")


def _word_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "negative_prompt",
            default="",
            multiline=True,
            placeholder="negative prompt · 反向提示词",
            optional=True,
            tooltip="What the video should not show; refused where the profile has no place for it.",
            **advanced(),
        ),
        io.String.Input(
            "style",
            default="",
            optional=True,
            tooltip="A style by name; refused where the profile has none.",
            **advanced(),
        ),
        io.String.Input(
            "characters",
            default="",
            optional=True,
            tooltip="Characters by name, with or without an at sign, separated by commas; refused where the profile "
            "has none.",
            **advanced(),
        ),
    ]


def character_input() -> io.Input:
    return CHARACTER.Input(
        "character",
        optional=True,
        tooltip="A character from Sora Create Character, beside those named in characters.",
    )


def delivery_inputs() -> list[io.Input]:
    """Optional settings of what comes out of the node."""
    return [
        io.Combo.Input(
            "frames",
            options=list(FRAMES),
            default="auto",
            optional=True,
            tooltip="auto decodes frames and audio only when one of these outputs is connected.",
            **advanced(),
        ),
        io.Int.Input(
            "max_frames",
            default=0,
            min=0,
            max=100_000,
            optional=True,
            tooltip="At most this many frames are decoded. 0: all of them.",
            **advanced(),
        ),
        io.Int.Input(
            "frame_step",
            default=1,
            min=1,
            max=1000,
            optional=True,
            tooltip="Every n-th frame is decoded; fps is divided accordingly.",
            **advanced(),
        ),
        filename_prefix_input("video/sora"),
    ]


def filename_prefix_input(default: str) -> io.Input:
    return io.String.Input(
        "filename_prefix",
        default=default,
        optional=True,
        tooltip="Name of the file below the output folder. %year%, %month% and the like are filled in.",
        **advanced(),
    )


def submission_inputs() -> list[io.Input]:
    """How the node behaves while and when it fails; at the end, so that older workflows keep their order."""
    return [
        io.Boolean.Input(
            "wait",
            default=True,
            optional=True,
            tooltip="Off: submits and returns at once with the job_id, and the queue is free for other work. Run it "
            "again, or Sora Resume Job, to collect the video for free.",
            **advanced(),
        ),
        on_error_input(),
    ]


def reference_inputs() -> list[io.Input]:
    """What the video begins with, ends with, or follows."""
    return [
        io.Image.Input(
            "first_frame",
            optional=True,
            tooltip="The picture that the video begins with; refused where the profile takes no images.",
        ),
        io.Image.Input(
            "last_frame",
            optional=True,
            tooltip="The picture that the video ends with; needs a first one, and is refused where the profile has no "
            "place for it.",
        ),
        io.Autogrow.Input(
            "references",
            # ComfyUI 0.8 finds only a required template; min=0 makes the sockets optional
            template=io.Autogrow.TemplatePrefix(
                io.MultiType.Input(
                    "reference", types=[io.Image, io.Video, io.Audio], tooltip="A picture, a video or a sound."
                ),
                prefix="reference",
                min=0,
                max=MAX_REFERENCES,
            ),
            optional=True,
            tooltip="Pictures, videos and sounds that the video follows, in this order; refused where the profile has "
            "no place for them. A free socket is added for the next one.",
        ),
    ]


def settings_input() -> io.Input:
    return SETTINGS.Input(
        "settings",
        optional=True,
        tooltip="From Sora Settings: what your own server is told beyond these inputs. What it does not have is "
        "refused before anything is sent.",
    )


def on_error_input() -> io.Input:
    return io.Combo.Input(
        "on_error",
        options=list(ON_ERROR),
        default="raise",
        optional=True,
        tooltip="When a video is refused or fails. raise: the graph stops, once the other videos of the same list are "
        "done. block: only what is connected to this video does not run.",
        **advanced(),
    )


def recent_input() -> io.Input:
    """Choices from the ledger, newest first; the id comes before the first separator."""
    return io.Combo.Input(
        "recent",
        options=[NO_PICK, *recent_jobs()],
        default=NO_PICK,
        optional=True,
        tooltip="A job from the ledger instead of job_id, newest first. Press R in the browser to read them anew.",
    )


def making_inputs(*, references: bool) -> list[io.Input]:
    """The last inputs of every node that makes a video. A new one goes to the end, here, and so onto all of them."""
    return [takes_input(), settings_input(), *(reference_inputs() if references else []), rate_input()]


def takes_input() -> io.Input:
    return io.Int.Input(
        "takes",
        default=1,
        min=1,
        max=MAX_TAKES,
        optional=True,
        tooltip="How many videos: of the seeds seed, seed+1, … Each is a job of its own and paid for itself; they run "
        "side by side and come out as lists. A take that exists is free.",
        **advanced(),
    )


def rate_input() -> io.Input:
    return io.Float.Input(
        "force_rate",
        default=0.0,
        min=0.0,
        max=1000.0,
        step=0.01,
        round=False,
        optional=True,
        tooltip="Frames per second of the decoded frames: pictures are repeated or left out, so that each is what the "
        "clip shows at its time. For clips whose rate varies. 0: all pictures as they are.",
        **advanced(),
    )
