"""What videos cost, as the user writes it into a profile: one price a line, in a currency of any name. Pure.

    currency = "USD"
    prices = ["0.10/second", "sora-2-pro 0.30/second", "sora-2-pro hd 0.50/second", "veo* 0.40/clip", "0.04/image"]

Before the amount: a model (* stands for any characters), a quality, a size; what is left out means any. Of the prices
that fit, the most particular ones hold; a price per second and one per clip that are equally particular add up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase

from ..errors import ProfileError
from ..models import parse_size
from ..requests.kinds import QUALITIES

MILLION = 1_000_000  # amounts are whole millionths: sums of them are exact
UNITS = {"second": "second", "s": "second", "clip": "clip", "image": "image"}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)/(\w+)", re.ASCII)


@dataclass(frozen=True)
class Cost:
    """``millionths`` of the currency; None: no price is known, which is not nothing."""

    millionths: int | None
    currency: str = ""

    @property
    def amount(self) -> str | None:
        """ "0.60": with two places at the least; None when it is unknown."""
        return None if self.millionths is None else amount_of(self.millionths)

    def __str__(self) -> str:
        """ "0.60 USD", "free", "unknown"."""
        if self.millionths is None:
            return "unknown"
        return f"{self.amount} {self.currency}".rstrip() if self.millionths else "free"


UNKNOWN = Cost(None)
FREE = Cost(0)


@dataclass(frozen=True)
class Price:
    """``millionths`` for each ``unit``: second, clip or image. "" is any model, quality or size."""

    millionths: int
    unit: str
    model: str = ""
    quality: str = ""
    size: str = ""

    @property
    def rank(self) -> tuple[int, int, int]:
        """How particular it is: a model before a size before a quality."""
        named = 0 if not self.model else 1 if "*" in self.model else 2
        return named, int(bool(self.size)), int(bool(self.quality))

    def of_model(self, models: Sequence[str]) -> bool:
        """``models``: the names that the model of a request has."""
        return not self.model or any(fnmatchcase(model, self.model) for model in models)

    def fits(self, quality: str, size: str) -> bool:
        return self.quality in ("", quality) and self.size in ("", size)


def parse_prices(lines: Iterable[str], where: str) -> tuple[Price, ...]:
    """Raises ProfileError for a line that is no price, and for two that say the same."""
    prices = tuple(_parse(line, where) for line in lines)
    kinds = [(each.model, each.quality, each.size, each.unit) for each in prices]
    twice = next((line for line, kind in zip(lines, kinds, strict=False) if kinds.count(kind) > 1), None)
    if twice is not None:
        raise ProfileError("prices.twice", where=where, line=twice)
    return prices


def _parse(line: str, where: str) -> Price:
    *words, last = line.split() or [""]
    amount = _AMOUNT.fullmatch(last)
    if not amount or amount[2] not in UNITS:
        raise ProfileError("prices.not_a_price", where=where, line=line[:80])
    qualities = [word for word in words if word in QUALITIES]
    sizes = [word.lower() for word in words if parse_size(word)]
    models = [word for word in words if word not in QUALITIES and not parse_size(word)]
    if max(len(qualities), len(sizes), len(models)) > 1:
        raise ProfileError("prices.not_a_price", where=where, line=line[:80])
    return Price(
        int(Decimal(amount[1]) * MILLION),
        UNITS[amount[2]],
        *("".join(part) for part in (models, qualities, sizes)),
    )


def amount_of(millionths: int) -> str:
    """ "0.60", "0.0025": two places at the least, and no more than it takes."""
    whole, part = f"{Decimal(millionths) / MILLION:.6f}".split(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def total(prices: Iterable[Price], units: Mapping[str, int | None]) -> int | None:
    """Of the prices that fit: the most particular ones, each times its units. None: there is none, or too little known.

    ``units``: how many there are of each that counts; None where that is not known.
    """
    counted = [each for each in prices if each.unit in units]
    best = max((each.rank for each in counted), default=None)
    amounts = [(each.millionths, units[each.unit]) for each in counted if each.rank == best]
    if not amounts or any(count is None for _, count in amounts):
        return None
    return sum(millionths * (count or 0) for millionths, count in amounts)
