"""Where the state lives and where files go when nobody says."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

_PACK = Path(__file__).absolute().parents[2]  # not resolved: a link in custom_nodes counts as being there


def state_dir() -> Path:
    """SORA_HOME; else ComfyUI's system user folder when the pack lies in one; else the platform's data folder."""
    if os.environ.get("SORA_HOME"):
        return Path(os.environ["SORA_HOME"]).expanduser().absolute()
    comfyui = comfyui_dir()
    return comfyui / "user" / "__sora_video" if comfyui else _platform_dir()


def output_dir() -> Path:
    """ComfyUI's output folder; else SORA_OUTPUT_DIR; else the current folder."""
    comfyui = comfyui_dir()
    if comfyui:
        return comfyui / "output"
    return Path(os.environ.get("SORA_OUTPUT_DIR") or ".").expanduser().absolute()


def comfyui_dir() -> Path | None:
    """The ComfyUI (or its base directory) whose custom_nodes holds this pack."""
    base = _PACK.parent.parent
    is_host = (base / "main.py").is_file() or (base / "user").is_dir()
    return base if _PACK.parent.name == "custom_nodes" and is_host else None


def _platform_dir() -> Path:
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Application Support"
    else:
        root = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return root / "sora-video"


def make_private_dir(folder: Path) -> None:
    """Creates the folder for its owner only; one that exists keeps its rights. Windows: those of the parent hold."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Writes the whole file or none of it, readable by its owner only. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(16)}.tmp")
    descriptor = open_private(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file of ours, for its owner only whatever the umask is; a link is not followed.

    Raises OSError.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600)
    if hasattr(os, "fchmod"):
        try:
            os.fchmod(descriptor, 0o600)
        except PermissionError:
            pass  # somebody else's, made before: a lock is held on it all the same
        except OSError:
            os.close(descriptor)
            raise
    return descriptor
