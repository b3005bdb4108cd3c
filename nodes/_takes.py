"""Several takes of one request: each a job of its own, with one progress for all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..sora_core.errors import InvalidRequest
from ..sora_core.requests.kinds import CleanLinkRequest, RemixRequest, VideoRequest
from ._host import show_text
from ._waiting import Reports, show_progress
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
    """For each take its own; those of several show what all of them do."""
    return [Reports()] if count == 1 else [*_Together(count).reports]


class _Together:
    """What the node shows of several takes: how many do what, and how far they are on average."""

    def __init__(self, count: int) -> None:
        self.reports = [_OfTake(self) for _ in range(count)]
        self._shown = ""

    @property
    def text(self) -> str:
        stages = Counter(each.stage for each in self.reports)
        return f"{len(self.reports)} takes: " + ", ".join(f"{count} {stage}" for stage, count in stages.items())

    async def show(self) -> None:
        percent = sum(each.percent for each in self.reports) / len(self.reports)
        text = f"{self.text} · {percent:.0f}%"
        if text != self._shown:
            self._shown = text
            await show_progress(percent, text)


class _OfTake(Reports):
    def __init__(self, together: _Together) -> None:
        super().__init__()
        self._together = together
        self._ended = ""

    @property
    def stage(self) -> str:
        return self._ended or (self.latest.stage if self.latest else "preparing")

    @property
    def percent(self) -> float:
        return 100.0 if self._ended else (self.latest.percent if self.latest else None) or 0.0

    async def show(self) -> None:
        await self._together.show()

    def end(self, how: str, job_id: str | None, remote_id: str | None = None) -> None:
        self._ended = how
        show_text(self._together.text)
