"""What can be asked for, one value for each kind of request. All frozen; what a profile takes is checked elsewhere.

In all of them ``model`` and ``size`` "" and ``seconds`` 0 mean the profile's default, ``size`` is "WxH" in pixels, and
``cast`` is what the names in ``characters`` stand for in the chosen profile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from ..models import Character, Operation, Shot, Upload
from .settings import AS_THE_SERVER_DECIDES, Settings

ORIENTATIONS = ("landscape", "portrait", "square")
QUALITIES = ("standard", "hd")
EXPANSIONS = ("short", "medium", "long")  # how much an enhanced prompt gains


@dataclass(frozen=True)
class VideoRequest:
    """A video from text, from references, or from the shots of a storyboard.

    ``images`` and ``image_urls`` are what the video begins with or follows, ``last_frame`` is what it ends with;
    ``clips`` and ``sounds`` are references too. Their order is that in which the server is given them.
    """

    operation: Operation
    prompt: str
    model: str = ""
    seconds: int = 0
    orientation: str = "landscape"
    quality: str = "standard"
    size: str = ""
    seed: int = 0
    negative_prompt: str = ""
    style: str = ""
    characters: tuple[str, ...] = ()
    cast: tuple[Character, ...] = ()
    images: tuple[Upload, ...] = ()
    image_urls: tuple[str, ...] = field(default=(), repr=False)  # they may be signed
    shots: tuple[Shot, ...] = ()
    settings: Settings = AS_THE_SERVER_DECIDES
    last_frame: Upload | None = None
    clips: tuple[Upload, ...] = ()
    sounds: tuple[Upload, ...] = ()

    @property
    def media(self) -> tuple[Upload, ...]:
        """All that is uploaded, in order."""
        return (*self.images, *((self.last_frame,) if self.last_frame else ()), *self.clips, *self.sounds)

    def with_media(self, change: Callable[[Upload], Upload]) -> VideoRequest:
        """The same request with each of them changed."""
        return replace(
            self,
            images=tuple(map(change, self.images)),
            last_frame=change(self.last_frame) if self.last_frame else None,
            clips=tuple(map(change, self.clips)),
            sounds=tuple(map(change, self.sounds)),
        )


@dataclass(frozen=True)
class RemixRequest:
    """A video made of another one, changed as the prompt says; an edit keeps the rest of it, an extension goes on.

    The other one is a job's (``source_id``, remote), or of an edit and an extension a file (``clip``).
    ``orientation``, ``quality``, ``size`` "" and ``seconds`` 0 mean: as the source.
    """

    prompt: str
    source_id: str = ""
    model: str = ""
    seconds: int = 0
    orientation: str = ""
    quality: str = ""
    size: str = ""
    seed: int = 0
    negative_prompt: str = ""
    style: str = ""
    characters: tuple[str, ...] = ()
    cast: tuple[Character, ...] = ()
    settings: Settings = AS_THE_SERVER_DECIDES
    operation: Operation = Operation.REMIX
    clip: Upload | None = None


@dataclass(frozen=True)
class CharacterRequest:
    """A character from the part ``start`` to ``end`` (seconds) of one clip.

    The clip is a job's (``source_id``, remote), at an address (``source_url``) or a file (``clip``), which is sent
    with the ``name``.
    """

    name: str = ""
    source_id: str = ""
    source_url: str = field(default="", repr=False)
    clip: Upload | None = None
    start: float = 0.0
    end: float = 3.0
    settings: Settings = AS_THE_SERVER_DECIDES

    operation: ClassVar[Operation] = Operation.CREATE_CHARACTER
    prompt: ClassVar[str] = ""
    model: ClassVar[str] = ""
    seconds: ClassVar[int] = 0


@dataclass(frozen=True)
class PictureRequest:
    """A picture from text, or from text and reference images."""

    prompt: str
    model: str = ""
    orientation: str = "landscape"
    quality: str = "standard"
    size: str = ""
    seed: int = 0
    negative_prompt: str = ""
    style: str = ""
    characters: tuple[str, ...] = ()
    cast: tuple[Character, ...] = ()
    images: tuple[Upload, ...] = ()

    operation: ClassVar[Operation] = Operation.IMAGE
    seconds: ClassVar[int] = 0


@dataclass(frozen=True)
class PromptRequest:
    """A better prompt. ``expansion`` (short, medium, long) is how much is added, ``seconds`` what it has to fill."""

    prompt: str
    expansion: str = "medium"
    seconds: int = 0
    model: str = ""

    operation: ClassVar[Operation] = Operation.ENHANCE_PROMPT


@dataclass(frozen=True)
class CleanLinkRequest:
    """The provider's own clean rendition of a job's clip (``source_id``, remote) or of a post (``source_url``).

    Another ``seed`` asks anew, where what is asked for moves on by itself.
    """

    source_id: str = ""
    source_url: str = field(default="", repr=False)
    model: str = ""
    seed: int = 0
    settings: Settings = AS_THE_SERVER_DECIDES

    operation: ClassVar[Operation] = Operation.CLEAN_LINK
    prompt: ClassVar[str] = ""
    seconds: ClassVar[int] = 0


Request = VideoRequest | RemixRequest | CharacterRequest | PictureRequest | PromptRequest | CleanLinkRequest


def facts(request: Request) -> dict[str, Any]:
    """JSON-able and complete, without what is left at its default: media by content hash, the cast by id."""
    found: dict[str, Any] = {"operation": request.operation.value}
    for each in fields(request):
        value = getattr(request, each.name)
        if value != each.default and each.name not in ("operation", "characters"):
            found["characters" if each.name == "cast" else each.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Upload):
        return value.identity
    if isinstance(value, Character):
        return value.character_id
    if isinstance(value, Shot):
        return [value.text, float(value.seconds)]
    if isinstance(value, Settings):
        return value.plain()
    return value
