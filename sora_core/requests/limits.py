"""Between which numbers a value may lie, and how that is written. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """``low`` and ``high`` are allowed themselves, ``above`` and ``below`` are not; None: no limit."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    def __bool__(self) -> bool:
        return any(each is not None for each in (self.low, self.high, self.above, self.below))

    def hold(self, value: float) -> bool:
        return not (
            (self.low is not None and value < self.low)
            or (self.high is not None and value > self.high)
            or (self.above is not None and value <= self.above)
            or (self.below is not None and value >= self.below)
        )

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{self.low:g} … {self.high:g}"
        each = (("≥", self.low), (">", self.above), ("≤", self.high), ("<", self.below))
        return ", ".join(f"{sign} {limit:g}" for sign, limit in each if limit is not None)
