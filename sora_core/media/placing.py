"""Where delivered files go: names that the disk takes, whole files under them, what stands beside them."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InvalidRequest, MediaError, StorageError
from ..files.names import windows_refuses
from ..models import Destination
from ..texts import size_of
from .container import HEAD_BYTES
from .kind import VIDEO, Kind, described

log = logging.getLogger(__name__)

GENERATOR = "Sora Video Nodes"  # what sidecars say of us
FREE_BYTES_NEEDED = 256 * 2**20
LONGEST_SUFFIX = ".webm"
_USUAL_NAME_BYTES = 255
_COPIED_BYTES = 2**20  # at a time
_COUNTER_BYTES = len("_00000001_")


def check_destination(destination: Destination) -> None:
    """Raises InputError unless a file can be written there, under its real name. Called before anything is paid."""
    _check_text(destination)
    exact, folder = destination.exact, destination.folder
    try:
        if exact and os.path.lexists(exact):
            raise InvalidRequest("media.exists_already_name_another_file", exact=exact)
        folder.mkdir(parents=True, exist_ok=True)
        stem = fitting_stem(destination)
        _try_name(exact or folder / f"{stem}_probe_{LONGEST_SUFFIX}")
        _try_name(_beside(part_path(folder, f"job_{os.getpid():020}"), "tagged"))
        free = shutil.disk_usage(folder).free
    except (OSError, ValueError) as error:
        where = f"The file {exact}" if exact else f"The output folder {folder}"
        raise StorageError("media.cannot_written", parent=where, reason=_reason(error)) from error
    if free < FREE_BYTES_NEEDED:
        raise StorageError(
            "media.disk_has_mib_left_file",
            folder=folder,
            free=size_of(free),
            free_bytes_needed=size_of(FREE_BYTES_NEEDED),
        )


def named_by_hand(text: str) -> Destination:
    """The destination of a file that the user names. Raises InvalidRequest for a folder and for what is no name."""
    try:
        path = Path(text).expanduser().absolute()
        if path.is_dir():
            raise InvalidRequest("media.folder_name_file", path=path)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidRequest("media.file_cannot_named", given=text[:80], error=_reason(error)) from error
    return Destination(path.parent, path.stem, exact=path)


def _check_text(destination: Destination) -> None:
    """What no file can be named, whatever the disk; the ledger could not keep half a character either."""
    for text in (str(destination.folder), destination.stem, str(destination.exact or "")):
        bad = next((char for char in text if char == "\0" or "\ud800" <= char <= "\udfff"), None)
        if bad is not None:
            raise InvalidRequest("media.name_holds_u_no_file", given=text[:80], bad=ord(bad))
    stem = destination.stem
    if stem in (".", "..") or any(sign in stem for sign in (os.sep, os.altsep) if sign):
        raise InvalidRequest("media.file_name_leads_out_folder", stem=stem[:80])
    refused = windows_refuses(stem) if os.name == "nt" else ""
    if refused:
        raise InvalidRequest("media.file_name_holds_windows_refuses", stem=stem[:80], bad_signs=refused)


def fitting_stem(destination: Destination) -> str:
    """The stem, cut by bytes so that counter and suffix still fit behind it. The folder is there."""
    room = _name_bytes(destination.folder) - _COUNTER_BYTES - len(LONGEST_SUFFIX)
    stem = destination.stem
    if len(stem.encode("utf-8", "replace")) <= room:
        return stem
    cut = stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
    return cut.rstrip("\u200d\ufe0f .")  # what joins to a sign that is cut away, and what Windows drops


def _name_bytes(folder: Path) -> int:
    """How long a name in that folder may be."""
    try:
        limit = os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else _USUAL_NAME_BYTES
    except (OSError, ValueError):
        return _USUAL_NAME_BYTES
    return min(limit, _USUAL_NAME_BYTES) if limit > 0 else _USUAL_NAME_BYTES


def _try_name(path: Path) -> None:
    """Raises OSError where no file of that name can be made. One that is there proves that it can."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return
    try:
        path.write_bytes(b"0")
    finally:
        path.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)


def part_path(folder: Path, job_id: str) -> Path:
    """Where a job's bytes gather until they are whole; found again after a restart."""
    return folder / f".{job_id}.part"


def unfinished_path(part: Path) -> Path:
    """Where an answer gathers that comes in one piece: ``part`` itself is there when all of it is."""
    return _beside(part, "new")


def damaged_path(part: Path, suffix: str) -> Path:
    """Where bytes are kept that are all the server has, and no sound file."""
    return part.with_name(f"{part.stem.removeprefix('.')}.damaged.{suffix}")


def _beside(part: Path, what: str) -> Path:
    return part.with_suffix(f".{what}.part")


def write_part(part: Path, data: bytes, kind: Kind = VIDEO) -> None:
    """A file that came in one piece; ``part`` is there when all of it is. Raises MediaError, StorageError."""
    if kind.sniff(data[:HEAD_BYTES]) is None:
        raise MediaError("media.server_sent_no", word=kind.word, body=described(data))
    unfinished = unfinished_path(part)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            stream.write(data)
            os.fsync(stream.fileno())
        unfinished.replace(part)
    except OSError as error:
        raise StorageError("media.cannot_written", parent=part.parent, reason=_reason(error)) from error


def take_part(part: Path, file: Path) -> None:
    """A whole file that lies in the same folder already. Raises StorageError."""
    try:
        file.replace(part)
    except OSError as error:
        raise StorageError("media.cannot_written", parent=part.parent, reason=_reason(error)) from error


def move_part(old: Path, new: Path) -> None:
    """Takes what has gathered of a job to another folder. The old bytes go when the new ones are on the disk.

    Raises StorageError; then everything is where it was.
    """
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        if old == new or not old.exists():
            return
        shutil.copyfile(old, unfinished_path(new))
        with unfinished_path(new).open("rb+") as stream:
            os.fsync(stream.fileno())
        unfinished_path(new).replace(new)
    except OSError as error:
        raise StorageError("media.cannot_moved", old=old, parent=new.parent, error=_reason(error)) from error


def _fresh(path: Path) -> BinaryIO:
    """A new file of that name, open for writing: whatever link another user put there is not followed."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def copy_to(path: Path, wanted: Path) -> None:
    """A second copy of a delivered file under a name of the user's: whole, or not there. Raises StorageError."""
    temporary = wanted.with_name(f".sora-{os.getpid()}.tmp")
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, _fresh(temporary) as copy:
            shutil.copyfileobj(source, copy, _COPIED_BYTES)
        temporary.replace(wanted)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError("media.cannot_written_video", wanted=wanted, error=_reason(error), path=path) from error


def next_path(destination: Destination, suffix: str, announce: Callable[[Path], None] = lambda path: None) -> Path:
    """The first free name, as ComfyUI counts: stem_00001_.mp4. The name is taken by creating it empty.

    ``announce`` hears of it right before, so that a crash leaves no empty file that nobody knows.
    """
    for path in _names(destination, suffix):
        announce(path)
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            continue
    raise StorageError("media.has_come_up_since_job", exact=destination.exact)


def _names(destination: Destination, suffix: str) -> Iterator[Path]:
    if destination.exact:
        if not os.path.lexists(destination.exact):
            yield destination.exact
        return
    stem = fitting_stem(destination)
    pattern = re.compile(re.escape(stem) + r"_(\d+)_?\.")
    taken = (pattern.match(path.name) for path in destination.folder.iterdir())
    first = max((int(match[1]) for match in taken if match), default=0) + 1
    yield from (destination.folder / f"{stem}_{number:05}_{suffix}" for number in itertools.count(first))


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def is_intact(path: str | None, *, size: int | None, sha256: str | None) -> bool:
    """Whether the file is there, byte for byte as it was hashed."""
    try:
        return bool(path) and Path(path or "").stat().st_size == size and sha256_of(Path(path or "")) == sha256
    except (OSError, ValueError):
        return False


def place(
    part: Path,
    destination: Destination,
    *,
    planned: str | None,
    plan: Callable[[Path, str, int], None],
    taken: Callable[[Path, str, int], None] = lambda path, sha256, size: None,
    kind: Kind = VIDEO,
    sha256: str = "",
) -> Path:
    """Moves a whole and sound download under its name: with metadata, hashed.

    Raises StorageError, and MediaError for what is of no known kind; the part is then where it was.

    ``plan`` is told name, hash and size before the name is taken, ``taken`` when it is, before the file stands
    there; ``planned`` is the name that an earlier walk took and did not fill. ``sha256`` is the part's, where it is
    known. Content credentials (C2PA) sign the bytes, so a file that carries them is kept as it is. An exact name
    stays as the user gave it; any other gets the suffix of what the file is.
    """
    try:
        destination.folder.mkdir(parents=True, exist_ok=True)
        finished = _with_metadata(part, destination, kind)
        with finished.open("rb+") as stream:
            head = stream.read(HEAD_BYTES)
            os.fsync(stream.fileno())
        suffix = kind.sniff(head)
        if suffix is None:
            raise MediaError("media.no", part=part.name, word=kind.word, head=described(head))
        known = sha256 if finished == part else ""
        sha256, size = known or sha256_of(finished), finished.stat().st_size
        path = Path(planned) if planned else None
        if path and is_placeholder(path):
            plan(path, sha256, size)
        else:
            path = next_path(destination, f".{suffix}", lambda name: plan(name, sha256, size))
        taken(path, sha256, size)
        finished.replace(path)
        discard(part)
    except (OSError, ValueError) as error:
        raise StorageError(
            "media.cannot_written_2", exact=destination.exact or destination.folder, error=_reason(error)
        ) from error
    return path


def is_placeholder(path: Path) -> bool:
    """Whether only the name is there, as an earlier walk takes it before it moves the file."""
    try:
        return path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError):
        return False  # an earlier version planned names that no disk takes


def free_placeholder(path: Path) -> bool:
    """Whether one was there, and is not any more."""
    with contextlib.suppress(OSError):
        if is_placeholder(path):
            path.unlink()
            return True
    return False


def discard(part: Path) -> None:
    """Removes what gathered for a file that is in its place."""
    with contextlib.suppress(OSError, ValueError):  # what is left over harms nobody
        damaged = part.parent.glob(damaged_path(part, "*").name)
        for path in (part, _beside(part, "tagged"), unfinished_path(part), *damaged):
            path.unlink(missing_ok=True)


def _with_metadata(part: Path, destination: Destination, kind: Kind) -> Path:
    """The file with the workflow in it; the file as it came where that cannot be, for whatever reason."""
    if not destination.metadata or kind.is_signed(part):
        return part
    tagged = _beside(part, "tagged")
    try:
        kind.embed(part, tagged, destination.metadata)
    except (MediaError, OSError) as error:
        log.warning("the workflow could not be embedded, the file is kept without it: %s", error)
        tagged.unlink(missing_ok=True)
        return part
    return tagged


def write_sidecar(video: Path, facts: Mapping[str, Any]) -> None:
    """Provenance beside the file, as JSON: ids, prompt, hash, times. Never a secret. Raises StorageError."""
    text = json.dumps(facts, indent=1, ensure_ascii=False).encode("utf-8", "replace")
    temporary = video.with_name(f".sora-{facts.get('job_id', os.getpid())}.json.tmp")
    try:
        with _fresh(temporary) as stream:
            stream.write(text)
        temporary.replace(video.with_suffix(".json"))
    except (OSError, ValueError) as error:
        raise StorageError("media.cannot_written", parent=video.with_suffix(".json"), reason=_reason(error)) from error
