"""What a server says of the work on a job: how long it took, in which stages, with how much memory, from which seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import texts

_MOST_STAGES = 6


def work_told(said: Mapping[str, Any] | None) -> str:
    """In one line; "" where the server says nothing of it."""
    said = said or {}
    seconds, memory, seed = (_number(said.get(name)) for name in ("inference_time_s", "peak_memory_mb", "seed"))
    told = [
        texts.text("work.seconds", seconds=seconds) if seconds else None,
        texts.text("work.stages", stages=_stages(said.get("stage_durations"))) if said.get("stage_durations") else None,
        texts.text("work.memory", memory=texts.size_of(memory * 2**20)) if memory else None,
        texts.text("work.seed", seed=int(seed)) if seed is not None else None,
    ]
    return " · ".join(filter(None, told))


def _stages(durations: Any) -> str:
    """The longest first."""
    found = (
        {str(name): _number(each) or 0.0 for name, each in durations.items()} if isinstance(durations, Mapping) else {}
    )
    longest = sorted(found.items(), key=lambda stage: -stage[1])[:_MOST_STAGES]
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in longest)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
