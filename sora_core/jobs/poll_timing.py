"""When to ask again. Pure arithmetic over what is known; no clock, no network.

The best moments to look are as close together as the job is likely to end just then: intervals go with one over
the square root of the hazard, which for a given number of looks gives the shortest delay. Where jobs of the kind
have taken about as long before (within a fifth), or one of a few lengths, or the server tells a percentage, such
intervals find the end sooner than a look every ``base`` seconds, with fewer requests than one every two ``base``.
Where durations are spread more widely no plan can (`Expectation.difficulty`): there it is fewer requests, and the
delay that these allow; where nothing is known, as often as that.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

SPARSE_SECONDS = 30.0
LONGEST_SECONDS = 60.0
USUAL_SPREAD = 0.25  # of how long jobs of a kind take, as the deviation of the logarithm
_TRUSTED_PERCENT = 5.0  # the first few say little
_MANY = 8  # jobs of a kind, from which on it can be told whether their lengths stand in heaps
_LEAST_SPREAD = 0.03
_FAR = 3.0  # spreads behind what was expected: the hazard stays what it is there
_MOST_POINTS = 200
_STEPS = 20  # of an interval, where it is added up


@dataclass(frozen=True)
class Expectation:
    """How long the job takes in all: log-normal around any of ``centers`` (logarithms of seconds), in order."""

    centers: tuple[float, ...]
    spread: float

    @cached_property
    def median(self) -> float:
        return math.exp(statistics.median(self.centers))

    @cached_property
    def mean(self) -> float:
        return statistics.fmean(map(math.exp, self.centers)) * math.exp(self.spread**2 / 2)

    def hazard(self, elapsed: float) -> float:
        """The chance a second that it ends just now, when it has not before."""
        density, tail = self._at(math.log(max(elapsed, 1e-3)))
        return density / tail / max(elapsed, 1e-3)

    @cached_property
    def difficulty(self) -> float:
        """The least product of looks and mean delay is half the square of it."""
        first, last = self.centers[0] - 4 * self.spread, self.centers[-1] + 4 * self.spread
        step = max(self.spread / 4, (last - first) / _MOST_POINTS)
        points = (first + number * step for number in range(round((last - first) / step) + 1))
        return step * sum(math.sqrt(math.prod(self._at(point)) * math.exp(point)) for point in points)

    def _at(self, moment: float) -> tuple[float, float]:
        """Density and tail at the logarithm of a moment."""
        ways = [min((moment - center) / self.spread, _FAR) for center in self.centers]
        count = len(ways)
        return sum(map(_density, ways)) / self.spread / count, sum(map(_tail, ways)) / count


@dataclass(frozen=True)
class Rhythm:
    """When to look at one job.

    ``base`` is the profile's interval in seconds, and what is spent: half as often in the mean, twice as often
    around the expected end. ``history`` is how long jobs of the kind took, in seconds. ``chance`` gives numbers
    in 0..1, which keep clients from asking in step after a failure.
    """

    base: float
    history: Sequence[float] = ()
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def delay(
        self, elapsed: float, *, percent: float | None = None, hint: float | None = None, failures: int = 0
    ) -> float:
        """Seconds until the next poll. The server's hint wins; failures in a row double the wait."""
        if failures:
            backoff = min(max(self.base, 1.0) * 2.0 ** min(failures - 1, 10), LONGEST_SECONDS)
            return max(backoff * (0.5 + 0.5 * self.chance()), min(hint or 0.0, LONGEST_SECONDS * 2))
        if hint is not None:
            return min(max(hint, 0.05), LONGEST_SECONDS * 2)
        expected = self._told(elapsed, percent) or self._usual
        return self._before_and_around(elapsed, expected) if expected else self._blind(elapsed)

    def remaining(self, elapsed: float, percent: float | None = None) -> float | None:
        """Seconds that are probably left; None when nothing tells."""
        if self._usual and elapsed < self._usual.median:
            return self._usual.median - elapsed
        told = self._told(elapsed, percent)
        return told.median - elapsed if told else None

    @cached_property
    def _usual(self) -> Expectation | None:
        """One heap, whose spread is drawn towards the usual one of few jobs; or many, as they are."""
        taken = sorted(math.log(each) for each in self.history if each > 0)
        if not taken:
            return None
        middle = statistics.fmean(taken)
        squares = sum((each - middle) ** 2 for each in taken) + 3 * USUAL_SPREAD**2
        spread, near = math.sqrt(squares / (len(taken) + 2)), max(_nearness(taken), _LEAST_SPREAD)
        if len(taken) >= _MANY and near < spread / 3:
            return Expectation(tuple(taken), near)
        return Expectation((statistics.median(taken),), spread)

    def _told(self, elapsed: float, percent: float | None) -> Expectation | None:
        """What the percentage says: the surer, the more is done."""
        if percent is None or not _TRUSTED_PERCENT <= percent < 100 or elapsed <= 2:
            return None
        return Expectation((math.log(elapsed * 100 / percent),), USUAL_SPREAD * (1 - percent / 100) + 0.02)

    def _before_and_around(self, elapsed: float, expected: Expectation) -> float:
        longest = min(SPARSE_SECONDS, max(self.base, expected.median / 3))
        affordable = max(1.0, 0.94 * expected.mean / (2 * self.base) - 0.5)  # looks; the last one comes too late
        close_enough = 0.33 * self.base  # mean delay: less than half a ``base``
        scale = max(expected.difficulty / affordable, 2 * close_enough / expected.difficulty)
        wait, step, due = 0.0, longest / _STEPS, 0.0
        while wait < longest and due < scale:
            wait += step
            due += math.sqrt(expected.hazard(elapsed + wait - step / 2)) * step
        overdue = max(0.0, elapsed - 2 * expected.median)
        return min(max(wait, self.base / 2) * (1 + overdue / 60), max(self.base, SPARSE_SECONDS))

    def _blind(self, elapsed: float) -> float:
        """A look every ``base`` first, then every two, and after ten minutes sparsely."""
        longest = 2 * self.base if elapsed < 600 else max(2 * self.base, SPARSE_SECONDS)
        return min(max(self.base, elapsed / 8), longest)


def _nearness(taken: Sequence[float]) -> float:
    """The deviation of the heaps in which most stand: two thirds of it reach the nearest half of two even ones."""
    nearest = (sorted(abs(other - each) for other in taken)[len(taken) // 4] for each in taken)
    return 1.5 * statistics.median(nearest)


def _density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2
