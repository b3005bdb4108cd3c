"""What servers list as their models, as they last said. In memory: another start asks anew."""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import Clock
from ..errors import SoraError, Unsupported
from ..profiles.profiles import Profile
from ..providers import provider_for
from .connection import Connection

FRESH_SECONDS = 600.0  # a model that was added to the server is not refused for longer than that


@dataclass(frozen=True)
class _Answer:
    profile: Profile
    at: float
    names: tuple[str, ...]  # empty: the server has no list, or does not give it


class ListedModels:
    """The lists of all profiles. May be used from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[str, _Answer] = {}

    def fresh(self, profile: Profile) -> tuple[str, ...] | None:
        """What was listed lately for the profile as it is now; None when that is to be asked."""
        answer = self._answers.get(profile.name)
        if answer is None or answer.profile != profile or self._clock.monotonic() - answer.at > FRESH_SECONDS:
            return None
        return answer.names

    async def read(self, connection: Connection) -> tuple[str, ...]:
        """A free read, kept; also that there is no list."""
        try:
            names = tuple(await connection.provider.models(connection.http))
        except SoraError:
            names = ()
        self._answers[connection.profile.name] = _Answer(connection.profile, self._clock.monotonic(), names)
        return names

    def check(self, profile: Profile, model: str) -> None:
        """Raises Unsupported for a model that a fresh and whole list has not. The profile's own is the user's word."""
        names = self.fresh(profile)
        if names and provider_for(profile).lists_all_models and model not in (*names, profile.model):
            shown = ", ".join(names[:30]) + (" …" if len(names) > 30 else "")
            raise Unsupported("connections.server_lists_no_model", profile=profile.name, model=model, models=shown)
