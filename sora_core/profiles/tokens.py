"""Tokens that were made of a profile's key: kept sealed on the disk, so that a renewed one is never lost."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ProfileError, StorageError
from ..files import locks
from ..files.changing import changing
from ..files.home import make_private_dir, write_private
from ..models import Secret
from ..redaction import know
from .credentials import Credentials, tokens_path
from .profiles import Profile
from .trust import scope_of

PATIENCE_SECONDS = 200.0  # another process that renews a token and gets no answer gives up before


@dataclass(frozen=True)
class TokenStore:
    """What belongs to one profile: the key that the user gave, what was made of it, and who this client is.

    A kept token carries a mark of the key that it was made of. When the user gives another key, in the
    environment or in the store, the mark no longer fits and the new key counts.
    """

    credentials: Credentials
    profile: Profile

    def given(self) -> Secret:
        """The key as the user gave it. Raises ProfileError."""
        return self.credentials.get(self.profile)

    def kept(self) -> Mapping[str, str]:
        """What was kept for the key that is given now; empty when nothing was. Raises StorageError."""
        path = self._path()
        try:
            label, _, sealed = path.read_text("utf-8").rpartition("\n")
            # before labels stood in front, the profile's name was the whole of it
            record: dict[str, Any] = json.loads(self.credentials.unseal(label or self._old_label, sealed))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError("profiles.cannot_read", path=path, reason=error.strerror) from error
        except (ProfileError, ValueError):
            return {}  # the seal is of another store: the key that the user gave still counts
        if record["made_of"] != self._mark() or label not in ("", self._label):
            return {}
        tokens: dict[str, str] = record["tokens"]
        _know(tokens)
        if not label:
            self.keep(tokens)
        return tokens

    def keep(self, tokens: Mapping[str, str]) -> None:
        """On the disk when it returns. Raises StorageError."""
        _know(tokens)
        record = json.dumps({"made_of": self._mark(), "tokens": dict(tokens)})
        sealed = self.credentials.seal(self._label, record)
        with changing(self._path()) as file:
            file.write(f"{self._label}\n{sealed}".encode())

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """No other process makes tokens of this profile meanwhile; what it has made is then in `kept`.

        Raises StorageError when the other one is still at it after PATIENCE_SECONDS.
        """
        path = self._path().with_suffix(".lock")
        try:
            make_private_dir(path.parent)
            stream = await locks.taken(path, patience_seconds=PATIENCE_SECONDS)
        except TimeoutError as error:
            raise StorageError(
                "profiles.another_process_has_been_renewing",
                profile=self.profile.name,
                patience_seconds=PATIENCE_SECONDS,
            ) from error
        except OSError as error:
            raise StorageError("profiles.cannot_written", parent=path, reason=error.strerror) from error
        with stream:
            yield

    def device_id(self) -> str:
        """A UUID that stays the same for this state folder and profile. Raises StorageError."""
        path = self.credentials.home / "device"
        try:
            if not path.exists():
                make_private_dir(path.parent)
                _appear(path, str(uuid.uuid4()).encode())
            return str(uuid.uuid5(uuid.UUID(path.read_text("ascii").strip()), self.profile.name))
        except (OSError, ValueError) as error:
            raise StorageError("profiles.cannot_read_or_written", path=path, error=error) from error

    @property
    def _label(self) -> str:
        return f"{self._old_label} for {scope_of(self.profile)}"

    @property
    def _old_label(self) -> str:
        return f"tokens of {self.profile.name}"

    def _path(self) -> Path:
        return tokens_path(self.credentials.home, self.profile.name)

    def _mark(self) -> str:
        return hashlib.sha256(self.given().reveal().encode()).hexdigest()


def _know(tokens: Mapping[str, str]) -> None:
    """What was made of a secret is one: no text shows it."""
    for name in ("access", "refresh"):
        know(tokens.get(name, ""))


def _appear(path: Path, data: bytes) -> None:
    """The file is there, whole, from one moment to the next, unless another process made one. Raises OSError."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    write_private(aside, data)
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
