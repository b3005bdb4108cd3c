"""Tokens that were made of a profile's key: kept sealed on the disk, so that a renewed one is never lost."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .credentials import Credentials, tokens_path
from .errors import ProfileError, StorageError
from .home import make_private_dir, write_private
from .models import Secret
from .profiles import Profile


@dataclass(frozen=True)
class Vault:
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
            record = json.loads(self.credentials.unseal(self._label, path.read_text("utf-8")))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
        except (ProfileError, ValueError):
            return {}  # the seal is of another store: the key that the user gave still counts
        return record["tokens"] if record["made_of"] == self._mark() else {}

    def keep(self, tokens: Mapping[str, str]) -> None:
        """On the disk when it returns. Raises StorageError."""
        path = self._path()
        record = json.dumps({"made_of": self._mark(), "tokens": dict(tokens)})
        try:
            make_private_dir(path.parent)
            write_private(path, self.credentials.seal(self._label, record).encode())
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}.") from error

    def device_id(self) -> str:
        """A UUID that stays the same for this state folder and profile. Raises StorageError."""
        path = self.credentials.home / "device"
        try:
            make_private_dir(path.parent)
            try:
                with path.open("x", encoding="ascii") as stream:
                    stream.write(str(uuid.uuid4()))
            except FileExistsError:
                pass
            return str(uuid.uuid5(uuid.UUID(path.read_text("ascii").strip()), self.profile.name))
        except (OSError, ValueError) as error:
            raise StorageError(f"{path} cannot be read or written: {error}.") from error

    @property
    def _label(self) -> str:
        return f"tokens of {self.profile.name}"

    def _path(self) -> Path:
        return tokens_path(self.credentials.home, self.profile.name)

    def _mark(self) -> str:
        return hashlib.sha256(self.given().reveal().encode()).hexdigest()
