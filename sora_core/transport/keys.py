"""Where the authorization headers of a request come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import SoraError
from ..models import Secret


class Keys(Protocol):
    """Asked before every request that goes to an address which gets the key."""

    async def headers(self) -> Mapping[str, Secret]:
        """The headers as of now. Raises AuthError when there is no way to a key any more."""

    async def renewed(self, error: SoraError, used: Mapping[str, Secret]) -> bool:
        """Whether, after a refusal of a request that went out with ``used``, there is a newer key."""

    async def aclose(self) -> None:
        """Lets a renewal that has begun come to its end."""


@dataclass(frozen=True)
class FixedKeys:
    """A key that stays as it is."""

    auth: Mapping[str, Secret]

    async def headers(self) -> Mapping[str, Secret]:
        return self.auth

    async def renewed(self, error: SoraError, used: Mapping[str, Secret]) -> bool:
        return False

    async def aclose(self) -> None:
        return
