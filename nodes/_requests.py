"""From widgets to a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.models import Operation
from ..sora_core.requests.kinds import CleanLinkRequest, PictureRequest, RemixRequest, VideoRequest
from ..sora_core.requests.settings import Settings, settings_of
from ._engine import engine
from ._widgets import AS_SOURCE


def video_request(operation: Operation, profile: str, prompt: str, seed: int, **options: Any) -> VideoRequest:
    """Widgets -> request. Pure; unknown options belong to the delivery and are left alone."""
    return VideoRequest(
        operation,
        prompt,
        orientation=options.get("orientation", "landscape"),
        quality=options.get("quality", "standard"),
        seconds=options.get("seconds", 0),
        seed=seed,
        settings=given_settings(options),
        **_words(options, profile),
    )


def remix_request(profile: str, prompt: str, seed: int, source_id: str, **options: Any) -> RemixRequest:
    """As video_request; what is left out, or said to be as the source, is as in the source."""
    shape = {name: options.get(name, AS_SOURCE).strip() for name in ("orientation", "quality", "size")}
    asked = {name: "" if value == AS_SOURCE else value for name, value in shape.items()}
    words = {**_words(options, profile), **asked, "settings": given_settings(options)}
    return RemixRequest(prompt, source_id, seconds=options.get("seconds", 0), seed=seed, **words)


def picture_request(profile: str, prompt: str, seed: int, **options: Any) -> PictureRequest:
    """As video_request; a picture has no length."""
    return PictureRequest(
        prompt,
        orientation=options.get("orientation", "landscape"),
        quality=options.get("quality", "standard"),
        seed=seed,
        **_words(options, profile),
    )


def _words(options: Mapping[str, Any], profile: str) -> dict[str, Any]:
    return {
        "model": options.get("model", ""),
        "size": options.get("size", ""),
        "negative_prompt": options.get("negative_prompt", "").strip(),
        "style": options.get("style", "").strip(),
        "characters": _characters(options.get("characters", ""), options.get("character"), profile),
    }


def given_settings(options: Mapping[str, Any]) -> Settings:
    """Raises InvalidRequest for what no Sora Settings gives."""
    given = options.get("settings")
    return Settings() if given is None else settings_of(given)


def _characters(names: str, connected: Any, profile: str) -> tuple[str, ...]:
    """Names without repetition. Raises InvalidRequest for a connected character of another profile."""
    written = (name.strip().removeprefix("@").strip() for name in names.split(","))
    found = [name for name in written if name]
    if connected is not None:
        if not isinstance(connected, Mapping) or not {"name", "profile"} <= set(connected):
            raise InvalidRequest("node.what_connected_character_none_sora")
        if connected["profile"] != profile:
            raise InvalidRequest(
                "node.character_belongs_profile_not",
                connected=connected["name"],
                connected2=connected["profile"],
                profile=profile,
            )
        found.append(str(connected["name"]))
    return tuple(dict.fromkeys(found))


def clean_link_request(name: str, profile: str, seed: int, options: Mapping[str, Any]) -> CleanLinkRequest:
    """From an address, our job id or the server's. Raises InvalidRequest."""
    source, settings = name.strip(), given_settings(options)
    if source.startswith(("http://", "https://")):
        return CleanLinkRequest(source_url=source, seed=seed, settings=settings)
    return CleanLinkRequest(source_id=engine().source_id(source, profile), seed=seed, settings=settings)


def identity_of(profile: str | None) -> str:
    """For fingerprint_inputs: another profile may have taken the name, and its results are others."""
    found = engine().profiles.find(profile or "")
    return found.identity if found else ""
