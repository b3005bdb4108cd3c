"""What a profile may do at once and per minute, over all processes that share the state folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..clock import Clock
from ..ledger.ledger import Ledger

LOOK_SECONDS = 0.5  # how often a job that waits for a slot looks again


@dataclass(frozen=True)
class Limits:
    """One profile's limits. They are kept in the ledger, so that every process sees the same."""

    profile: str
    ledger: Ledger
    clock: Clock
    max_jobs: int | None
    requests_per_minute: int | None

    async def slot(self, job_id: str, *, alive: Callable[[str | None], bool], on_wait: Callable[[], None]) -> None:
        """Waits until the job may be submitted, in the order of arrival. The ledger frees it when the job ends."""
        while self.max_jobs and not self.ledger.turns.take_slot(job_id, self.max_jobs, alive):
            on_wait()
            await self.clock.sleep(LOOK_SECONDS)

    async def pace(self, *, ahead: bool = False) -> None:
        """Waits for the profile's requests per minute; ``ahead`` goes before all polls."""
        if not self.requests_per_minute:
            return
        spacing = 60.0 / self.requests_per_minute
        while True:
            wait = self.ledger.turns.reserve(self.profile, spacing, ahead=ahead)
            if wait > 0:
                await self.clock.sleep(wait)
            if ahead or wait <= 0:
                return
