"""Several takes of one request: each a job of its own, with one bar for all of them."""

from __future__ import annotations

from dataclasses import replace

from ..sora_core.errors import InvalidRequest
from ..sora_core.requests.kinds import CleanLinkRequest, RemixRequest, VideoRequest
from ._waiting import Reports
from ._widgets import MAX_SEED, MAX_TAKES

Takeable = VideoRequest | RemixRequest | CleanLinkRequest


def takes_of(request: Takeable, count: int) -> list[Takeable]:
    """The request with the seeds seed, seed+1, …. Raises InvalidRequest."""
    if not 1 <= count <= MAX_TAKES:
        raise InvalidRequest("takes.count", count=count, most=MAX_TAKES)
    if request.seed + count - 1 > MAX_SEED:
        raise InvalidRequest("takes.seed", seed=request.seed, count=count, most=MAX_SEED)
    return [replace(request, seed=request.seed + number) for number in range(count)]


def reports_of(count: int) -> list[Reports]:
    """For each take its own; the node's bar shows how far all of them are."""
    takes: list[_OfTake] = []
    takes += [_OfTake(takes) for _ in range(count)]
    return [*takes]


class _OfTake(Reports):
    def __init__(self, takes: list[_OfTake]) -> None:
        super().__init__()
        self._takes = takes
        self._ended = False

    @property
    def percent(self) -> float:
        return sum(each.alone for each in self._takes) / len(self._takes)

    @property
    def alone(self) -> float:
        return 100.0 if self._ended else super().percent

    def end(self) -> None:
        self._ended = True
        super().end()
