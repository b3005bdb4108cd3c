"""Which processes of a state folder are alive: each holds a lock that the system drops when it dies."""

from __future__ import annotations

import contextlib
import time
import uuid
from pathlib import Path

from ..errors import StorageError
from ..files.home import make_private_dir
from ..files.locks import try_lock

_SWEEP_AFTER_SECONDS = 3600


class Owner:
    """This process as the owner of ledger rows, from construction to ``close`` or death."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "owners"
        self.id = uuid.uuid4().hex
        try:
            make_private_dir(self._folder)
            self._sweep()
            self._stream = (self._folder / self.id).open("wb")
        except OSError as error:
            raise StorageError(f"{self._folder} cannot be written: {error.strerror}.") from error
        with contextlib.suppress(OSError):  # without locks, none of the others will ever be thought dead
            try_lock(self._stream)

    def alive(self, owner: str | None) -> bool:
        """Whether the process that calls itself ``owner`` still runs. None never does."""
        if owner is None:
            return False
        if owner == self.id:
            return True
        return not self._is_free(self._folder / owner)

    def close(self) -> None:
        self._stream.close()
        (self._folder / self.id).unlink(missing_ok=True)

    def _is_free(self, path: Path) -> bool:
        try:
            with path.open("r+b") as stream:
                return try_lock(stream)
        except FileNotFoundError:
            return True
        except OSError:
            return False  # when unsure, leave the row to whoever may still hold it

    def _sweep(self) -> None:
        """Drops what dead processes left; only old files, as a new one may not be locked yet."""
        for path in self._folder.iterdir():
            try:
                if time.time() - path.stat().st_mtime > _SWEEP_AFTER_SECONDS and self._is_free(path):
                    path.unlink()
            except OSError:
                continue  # another process was faster, or Windows is just looking at it
