"""Clips drawn before, by what was asked for: a folder that outlives the gateway, within bounds.

For measurements: drawing takes the cores that the client is measured on. A clip is only found again by the very
renderer that drew it: its sources, its libraries and its fonts are part of the name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

MOST_CLIPS = 1024
MOST_BYTES = 2 * 1024**3


class DrawnClips:
    """Used from any thread, and by several processes at once. Whatever goes wrong on the disk is a clip not found."""

    def __init__(self, folder: Path, *, most: int = MOST_CLIPS, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._most_bytes = most_bytes

    def fetch(self, digest: str, path: Path) -> bool:
        """Puts the clip at ``path`` if there is one."""
        kept = self._path(digest)
        part = path.with_name(f"{path.name}.{os.getpid()}.kept")
        try:
            shutil.copyfile(kept, part)
            part.replace(path)
            os.utime(kept)
        except OSError:
            part.unlink(missing_ok=True)
            return False
        return True

    def keep(self, digest: str, path: Path) -> None:
        kept = self._path(digest)
        part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            part.replace(kept)
            self._drop_the_oldest()

    def _drop_the_oldest(self) -> None:
        facts = []
        for path in self._folder.glob("*.mp4"):
            with contextlib.suppress(OSError):  # another process may drop it as well
                stat = path.stat()
                facts.append((stat.st_mtime, stat.st_size, path))
        facts.sort(key=lambda fact: fact[0], reverse=True)
        total = 0
        for number, (_, size, path) in enumerate(facts, 1):
            total += size
            if number > self._most or total > self._most_bytes:
                path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest[:40]}-{renderer()[:16]}.mp4"


@lru_cache(maxsize=1)
def renderer() -> str:
    """Names what draws here: another name, other pictures."""
    from .render import fonts

    here = Path(__file__).parent
    sources = sorted((*here.glob("render/*.py"), here / "animatic.py"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    libraries = [version(name) for name in ("av", "pillow", "numpy")]
    digest.update(repr((libraries, fonts.installed())).encode())
    return digest.hexdigest()
