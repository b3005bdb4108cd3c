"""When to ask again. Pure arithmetic over what is known; no clock, no network."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SPARSE_SECONDS = 30.0
LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Rhythm:
    """Polls sparsely before the expected end and densely around it.

    ``base`` is the profile's interval; ``expected`` the usual length of such a job, None when it
    is the first of its kind. All in seconds.
    """

    base: float
    expected: float | None = None

    def delay(self, elapsed: float, *, hint: float | None = None, failures: int = 0) -> float:
        """Seconds until the next poll. The server's hint wins; failures in a row double the wait."""
        if failures:
            backoff = min(max(self.base, 1.0) * 2.0 ** (failures - 1), LONGEST_SECONDS)
            return max(backoff, min(hint or 0.0, LONGEST_SECONDS * 2))
        if hint is not None:
            return min(max(hint, 0.05), LONGEST_SECONDS * 2)
        return self._planned(elapsed)

    def _planned(self, elapsed: float) -> float:
        if self.expected is None:
            return min(self.base * (1.0 + elapsed / 120.0), max(self.base, SPARSE_SECONDS))
        dense_from = 0.8 * self.expected
        if elapsed < dense_from:
            return max(self.base, min((dense_from - elapsed) / 2, SPARSE_SECONDS))
        overdue = max(0.0, elapsed - 1.5 * self.expected)
        return min(self.base * (1.0 + overdue / 60.0), max(self.base, SPARSE_SECONDS))

    def remaining(self, elapsed: float, percent: float | None = None) -> float | None:
        """Seconds that are probably left; None when nothing tells."""
        if self.expected is not None and elapsed < self.expected:
            return self.expected - elapsed
        if percent and 5 <= percent < 100 and elapsed > 2:
            return elapsed * (100 - percent) / percent
        return None


def expected_seconds(durations: Sequence[float]) -> float | None:
    """The median of earlier jobs of the kind; None without any."""
    return statistics.median(durations) if durations else None
