"""What the JSON protocols of the relays share: extra fields, images, storyboards as text, and characters. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..errors import ProfileError
from ..models import Character, Snapshot, State
from ..profiles.profiles import Profile
from ..requests.kinds import CharacterRequest, RemixRequest, VideoRequest
from ..requests.settings import typed
from ..requests.shots import as_prompt
from ._answers import normalize
from ._chat import data_uri

_FLAGS = {**dict.fromkeys(("true", "1", "yes", "on"), True), **dict.fromkeys(("false", "0", "no", "off"), False)}
_CHARACTER_PLACES = ("", "data", "character", "characters", "result", "data.character", "data.characters")
_CHARACTER_KEYS = ("username", "permalink", "profile_picture_url")
_CHARACTER_IDS = ("ch_", "char_")


def check_dialect(profile: Profile, known: Collection[str]) -> None:
    """Raises ProfileError for a dialect that the provider does not have."""
    if profile.dialect not in known:
        names = ", ".join(sorted(filter(None, known))) or "none"
        raise ProfileError(
            "relay.profile_names_dialect_provider_does",
            profile=profile.name,
            dialect=profile.dialect,
            protocol=profile.provider,
            names=names,
        )


def flag(profile: Profile, name: str) -> bool | None:
    """A setting that is on or off; None when it is not given. Raises ProfileError."""
    text = profile.extra.get(name)
    if text is None:
        return None
    value = _FLAGS.get(text.strip().lower())
    if value is None:
        raise ProfileError("relay.profile_extra_allowed_true_false", profile=profile.name, name=name, given=text)
    return value


def extra_fields(profile: Profile, *, flags: Collection[str] = (), settings: Collection[str] = ()) -> dict[str, Any]:
    """The profile's extra as fields of a JSON body, without the provider's own ``settings``.

    What reads as JSON (a number, true, a list, an object) is sent as that; quotes keep it text: '"5"'.
    """
    return {
        name: flag(profile, name) if name in flags else typed(text)
        for name, text in profile.extra.items()
        if name not in settings
    }


def images(request: VideoRequest) -> list[str]:
    """The reference images as addresses and data URIs."""
    return [*request.image_urls, *map(data_uri, request.images)]


def character_body(request: CharacterRequest) -> dict[str, str]:
    """What `POST …/characters` takes. Without a model: relays look for a channel of that name and find none."""
    source = {"url": request.source_url} if request.source_url else {"from_task": request.source_id}
    return {**source, "timestamps": timestamps(request.start, request.end)}


def timestamps(start: float, end: float) -> str:
    return f"{start:g},{end:g}"


def finished_character(value: Any) -> dict[str, str] | None:
    """The character that an answer hands out, wherever in it that stands; None for a job, running or of a video."""
    state, word = normalize.state_of(value)
    is_task = normalize.dig(value, "task_id") or normalize.dig(value, "data.task_id")
    if state is State.SUCCEEDED or not (word or is_task):
        return _character_in(value)
    return None


def _character_in(value: Any) -> dict[str, str] | None:
    for place in _CHARACTER_PLACES:
        found = normalize.dig(value, place) if place else value
        found = normalize.parse(found.encode("utf-8", "replace")) if isinstance(found, str) else found
        found = found[0] if isinstance(found, list) and found else found
        if not isinstance(found, dict):
            continue
        character_id = normalize.text_of(found.get("character_id")) or normalize.text_of(found.get("id")) or ""
        is_one = {"username", "character_id"} & found.keys() or found.get("object") == "character"
        if is_one or character_id.startswith(_CHARACTER_IDS):
            texts = {"id": character_id, **{key: normalize.text_of(found.get(key)) for key in _CHARACTER_KEYS}}
            return {key: text for key, text in texts.items() if text}
    return None


def still_coming(snapshot: Snapshot) -> Snapshot:
    """A success that names no result yet is a job that goes on: the link often follows some polls later."""
    if snapshot.state is not State.SUCCEEDED or snapshot.url or snapshot.media or snapshot.result:
        return snapshot
    return replace(snapshot, state=State.RUNNING)


def prompt_text(request: VideoRequest | RemixRequest) -> str:
    """The prompt as it is sent: shots written out, every member of the cast mentioned as `@username `.

    The trailing space belongs to the mention: without it the servers read on into the next word.
    """
    written = request.shots if isinstance(request, VideoRequest) else ()
    *texts, prompt = _with_cast([*(shot.text for shot in written), request.prompt], request.cast)
    shots = [replace(shot, text=text) for shot, text in zip(written, texts, strict=True)]
    return as_prompt(shots, prompt)


def _with_cast(texts: list[str], cast: Sequence[Character]) -> list[str]:
    for sign in ("@", ""):
        texts, cast = _mention(texts, cast, sign)
    return ["".join(map(_handle, cast)) + texts[0], *texts[1:]]


def _mention(texts: list[str], cast: Sequence[Character], sign: str) -> tuple[list[str], Sequence[Character]]:
    """Puts the handles where the names stand; gives the texts and who is not named in them."""
    if not cast:
        return texts, cast
    handles = {word.lower(): _handle(each) for each in cast for word in (each.name, each.username) if word}
    words = "|".join(re.escape(word) for word in sorted(handles, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9_@.]){sign}({words})(?![A-Za-z0-9_]|\.[A-Za-z0-9]) ?", re.IGNORECASE)
    named = set()

    def put(match: re.Match[str]) -> str:
        handle = handles.get(match[1].lower(), match[0])
        named.add(handle)
        return handle

    texts = [pattern.sub(put, text) for text in texts]
    return texts, [each for each in cast if _handle(each) not in named]


def _handle(character: Character) -> str:
    return f"@{(character.username or character.character_id).removeprefix('@')} "
