"""Values that travel through the client. All frozen; no I/O, no behaviour beyond themselves."""

from __future__ import annotations

import enum
import hashlib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .redaction import know


class Effect(enum.Enum):
    """What a call does to the user's account; every call states it."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    CHARGE = "charge"


class Operation(str, enum.Enum):
    """What is asked of a provider."""

    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    STORYBOARD = "storyboard"
    REMIX = "remix"
    EDIT = "edit"
    EXTEND = "extend"
    CREATE_CHARACTER = "create_character"
    CLEAN_LINK = "clean_link"
    IMAGE = "image"
    ENHANCE_PROMPT = "enhance_prompt"

    @property
    def makes_file(self) -> bool:
        """Whether a video or a picture comes of it; else a few words, kept in the ledger."""
        return self not in (Operation.CREATE_CHARACTER, Operation.ENHANCE_PROMPT)

    @property
    def needs_prompt(self) -> bool:
        return self not in (Operation.CREATE_CHARACTER, Operation.CLEAN_LINK)


class State(str, enum.Enum):
    """The only states a remote job has here, whatever words the server uses."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELED)


@dataclass(frozen=True)
class Secret:
    """A value that never prints. ``reveal()`` is the only way to it; texts that repeat it are redacted."""

    _value: str = field(repr=False)

    def __post_init__(self) -> None:
        know(self._value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True)
class Upload:
    """Bytes for the server.

    ``made_from`` is the SHA-256 of what the user gave, where it was encoded on its way: the same picture
    encoded by another library is the same request.
    """

    data: bytes = field(repr=False)
    media_type: str
    filename: str  # ASCII: some servers choke on RFC 5987 names
    made_from: str = ""

    @cached_property
    def sha256(self) -> str:
        """Of the bytes that are sent."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def identity(self) -> str:
        """What the fingerprint knows it by."""
        return self.made_from or self.sha256


@dataclass(frozen=True)
class Shot:
    """One segment of a storyboard. ``seconds`` is its length."""

    text: str
    seconds: float


@dataclass(frozen=True)
class Character:
    """A reusable character. It belongs to the profile that made it; ``name`` is the user's word for it.

    ``source_url`` with ``start`` and ``end`` (seconds) is the clip it was made from, where the protocol
    wants that named again.
    """

    profile: str
    name: str
    character_id: str
    username: str = ""
    source_url: str = field(default="", repr=False)
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True)
class SizeRange:
    """Any "WxH" with both sides within ``low..high`` pixels and a multiple of ``step``."""

    low: int
    high: int
    step: int = 2

    def __contains__(self, size: object) -> bool:
        sides = parse_size(size) if isinstance(size, str) else None
        return bool(sides) and all(self.low <= side <= self.high and side % self.step == 0 for side in sides or ())

    def __str__(self) -> str:
        return f"WIDTHxHEIGHT with each side from {self.low} to {self.high}, a multiple of {self.step}"


def parse_size(size: str) -> tuple[int, int] | None:
    """ "1280x720" -> (1280, 720); None when it is not of that form."""
    width, _, height = size.lower().partition("x")
    is_plain = all(side.isascii() and side.isdecimal() and len(side) < 6 for side in (width, height))
    return (int(width), int(height)) if is_plain else None


class Field(str, enum.Enum):
    """Optional fields of a request that a protocol may have a place for."""

    NEGATIVE_PROMPT = "negative_prompt"
    STYLE = "style"
    CHARACTERS = "characters"
    SEED = "seed"
    SHOTS = "shots"
    # of a remix, where those of its source are not simply kept
    MODEL = "model"
    SECONDS = "seconds"
    ORIENTATION = "orientation"
    QUALITY = "quality"
    SIZE = "size"


class ImageForm(str, enum.Enum):
    """How a reference image travels."""

    FILE = "file"
    URL = "url"
    DATA = "data"  # a data URI


class ClipForm(str, enum.Enum):
    """Where the clip that shows a character may come from."""

    FILE = "file"
    URL = "url"
    JOB = "job"


@dataclass(frozen=True)
class Setting:
    """What a server takes for one of its settings. ``low`` and ``high`` are allowed themselves; None: no limit.

    ``kind`` is integer, number, boolean, string, object or list; lora (``high`` of them at most) or sound; any for what
    goes out as it was written.
    ``field`` is its name on the wire, where that is another.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    field: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a profile can do, as data: read by the checks, the widgets and the documents alike."""

    operations: frozenset[Operation]
    seconds: Sequence[int]
    sizes: Sequence[str] | SizeRange
    # (orientation, quality) -> the size that is asked for when the user names none
    size_for: Mapping[tuple[str, str], str]
    default_seconds: int | None = None  # None: leave it to the server
    models: tuple[str, ...] = ()  # empty: any name
    prompt_limit: int = 32_000  # characters
    fields: frozenset[Field] = frozenset()
    remix_fields: frozenset[Field] = frozenset()  # of model, seconds, orientation, quality and size
    remix_said: frozenset[Field] = frozenset()  # of those, what the protocol does not take from the source by itself
    image_limit: int = 1  # reference images in one request
    image_forms: frozenset[ImageForm] = frozenset((ImageForm.FILE,))
    image_bytes_limit: int = 20 * 1024 * 1024
    text_bytes_limit: int | None = None  # of all references together that travel as text, as base64; None: no limit
    last_frame: bool = False  # a picture that the video ends with, beside the one that it begins with
    edit_forms: frozenset[ClipForm] = frozenset()  # of the clip that is edited or extended
    edit_fields: frozenset[Field] = frozenset()  # what an edit may say of model, seconds, orientation, quality, size
    clip_limit: int = 0  # reference clips in one request, and so for sounds
    sound_limit: int = 0
    reference_bytes_limit: int = 50 * 1024 * 1024  # of one of those
    clip_forms: frozenset[ClipForm] = frozenset()  # of the clip that shows a character
    clip_bytes_limit: int = 0  # of an uploaded one
    clip_seconds: tuple[float, float] = (1.0, 3.0)  # shortest and longest part that shows a character
    picture_sizes: Sequence[str] | SizeRange | None = None  # None: as of videos, and so for the next
    picture_size_for: Mapping[tuple[str, str], str] | None = None
    picture_references: int = 0  # reference images in one request for a picture
    fps: float | None = None  # frames per second when a request names none; None: up to the model
    settings: Mapping[str, Setting] = field(default_factory=dict)  # of the server's own, by the name they have here
    takes_settings: frozenset[Operation] = frozenset()  # that take them, beside those that make a video
    any_setting: bool = False  # also those that are not named above: nobody here knows all that the server takes
    poll_seconds: float = 5.0
    requests_per_minute: int | None = None
    max_jobs: int | None = None
    deadline_seconds: float = 3600.0
    can_list: bool = False
    can_cancel: bool = False
    has_quota: bool = False
    paid: bool = True  # False: a job costs nothing, so one that is lost is made anew


@dataclass(frozen=True)
class Failure:
    """Why a job or a call failed, in the server's words."""

    message: str
    code: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """One observed status of a remote job. ``progress`` is 0..100; None keeps the last one known."""

    state: State
    remote_id: str = ""
    progress: float | None = None
    url: str | None = field(default=None, repr=False)  # it may be signed
    # of the files that the job made after the first one: a link, or "" where it is asked for by its number
    further: tuple[str, ...] = field(default=(), repr=False)
    # the video itself, from servers that answer with it; a large one is on the disk already
    media: bytes | Path | None = field(default=None, repr=False)
    further_media: tuple[bytes | Path, ...] = field(default=(), repr=False)  # as `media`, of the files after it
    result: Mapping[str, str] | None = None  # what a job that makes no video has made
    failure: Failure | None = None
    queue_position: int | None = None
    created_at: float | None = None  # seconds since the epoch
    expires_at: float | None = None
    poll_after: float | None = None  # seconds, the server's own hint
    prompt: str | None = None
    model: str | None = None
    size: str = ""  # "WxH" in pixels; "" where the server does not say, and so for the next
    seconds: float = 0.0
    said: Mapping[str, Any] | None = field(default=None, repr=False)  # of the result, for the record (`said_of`)


@dataclass(frozen=True)
class Quota:
    """What the account has left. None: the server does not say. ``resets_in`` in seconds.

    ``limit_reached``: nothing is taken before the reset, whatever is left.
    """

    remaining: float | None
    used: float | None = None
    total: float | None = None
    unit: str = ""
    resets_in: float | None = None
    limit_reached: bool | None = None


@dataclass(frozen=True)
class Destination:
    """Where a delivered file goes: ``folder/stem_00001_.mp4``, the first free number.

    ``exact`` is a path that was named by hand. ``metadata`` is embedded in the file as ComfyUI's
    SaveVideo does, so that dropping the file on the canvas restores the graph.
    """

    folder: Path
    stem: str = "sora"
    exact: Path | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Delivery:
    """A paid video on the disk."""

    path: Path
    job_id: str
    remote_id: str
    profile: str
    seconds: float
    width: int
    height: int
    fps: float
    reused: bool = False  # an earlier job's file, free
    further: tuple[Path, ...] = ()  # what one request made beside it

    def facts(self) -> dict[str, Any]:
        """By name; `further` only where there is any."""
        return {name: value for name, value in asdict(self).items() if name != "further" or value}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Scripts that use the client as a library know the request for a video by this name, from here."""
        if name != "GenerationRequest":
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        return importlib.import_module("..requests.kinds", __name__).VideoRequest
