"""Inputs that the generating nodes share, and how they become a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sora_core.checks import ORIENTATIONS, QUALITIES
from ..sora_core.errors import InvalidRequest, SoraError
from ..sora_core.models import GenerationRequest, Operation
from ..sora_core.profiles import PREVIEW
from ._comfy import advanced, io
from ._host import engine

SHOT = io.Custom("SORAVIDEO_SHOT")
CHARACTER = io.Custom("SORAVIDEO_CHARACTER")
FRAMES = ("auto", "decode", "skip")
MAX_SEED = 2**53 - 1  # the largest whole number that survives the browser's JSON


def prompt_input() -> io.Input:
    return io.String.Input("prompt", multiline=True, tooltip="What the video should show.")


def profile_input(*, optional: bool = False) -> io.Input:
    return io.Combo.Input(
        "profile",
        options=engine().profiles.names(),
        default=PREVIEW,
        optional=optional,
        tooltip="The connection to use. 'preview' is built in, free and needs no key: it renders an animatic.",
    )


def seed_input() -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=MAX_SEED,
        # without it the page would pick a new number after every run, and every run would be paid
        control_after_generate=False,
        tooltip="Another seed is a new take, and is paid again; the same one gives the video that exists. "
        "It is sent to the model only where the protocol has a seed.",
    )


def generation_inputs() -> list[io.Input]:
    """Optional settings of what is asked for; left out or at their defaults, the profile decides."""
    model, seconds, *rest = remix_inputs()
    return [
        model,
        io.Combo.Input(
            "orientation",
            options=list(ORIENTATIONS),
            default="landscape",
            optional=True,
            tooltip="Shape of the picture.",
        ),
        seconds,
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
        *rest,
    ]


def remix_inputs() -> list[io.Input]:
    """Those of them that are left to choose when the shape of the picture is that of another video."""
    return [
        io.String.Input("model", default="", optional=True, tooltip="Empty: the profile's own default."),
        io.Int.Input(
            "seconds", default=0, min=0, max=600, optional=True, tooltip="Length in seconds. 0: the profile's default."
        ),
        io.String.Input(
            "negative_prompt",
            default="",
            multiline=True,
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
            tooltip="Characters by name, separated by commas; refused where the profile has none.",
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
        io.String.Input(
            "filename_prefix",
            default="video/sora",
            optional=True,
            tooltip="Name of the file below the output folder. %year%, %month% and the like are filled in.",
        ),
    ]


def request_from(
    operation: Operation, profile: str, prompt: str = "", seed: int = 0, **options: Any
) -> GenerationRequest:
    """Widgets -> request. Pure; unknown options belong to the delivery and are left alone."""
    return GenerationRequest(
        operation=operation,
        prompt=prompt,
        seed=seed,
        model=options.get("model", ""),
        orientation=options.get("orientation", "landscape"),
        seconds=options.get("seconds", 0),
        quality=options.get("quality", "standard"),
        size=options.get("size", ""),
        negative_prompt=options.get("negative_prompt", "").strip(),
        style=options.get("style", "").strip(),
        characters=_characters(options.get("characters", ""), options.get("character"), profile),
    )


def _characters(names: str, connected: Any, profile: str) -> tuple[str, ...]:
    """Names without repetition. Raises InvalidRequest for a connected character of another profile."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    if connected is not None:
        if not isinstance(connected, Mapping) or not {"name", "profile"} <= set(connected):
            raise InvalidRequest("What is connected to character is none; Sora Create Character makes them.")
        if connected["profile"] != profile:
            raise InvalidRequest(
                f"The character '{connected['name']}' belongs to profile '{connected['profile']}', not to '{profile}'."
            )
        found.append(str(connected["name"]))
    return tuple(dict.fromkeys(found))


def source_of(name: str, profile: str) -> dict[str, str]:
    """The request's source_url or source_id, from an address, our job id or the server's. Raises InvalidRequest."""
    source = name.strip()
    if source.startswith(("http://", "https://")):
        return {"source_url": source}
    return {"source_id": engine().source_id(source, profile)}


def check_profile(name: str | None) -> bool | str:
    """For validate_inputs: True, or why the profile cannot be used. None: it comes over a link."""
    if name is None:
        return True
    try:
        engine().profiles.get(name)
    except SoraError as error:
        return str(error)
    return True
