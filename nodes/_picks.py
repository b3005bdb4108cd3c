"""Jobs that are picked on a node, from the ledger or by their ids."""

from __future__ import annotations

import re
import time

from ..sora_core.errors import InvalidRequest, SoraError
from ._engine import engine, has_ledger

NO_PICK = "as job_id says"
MOST_RECENT = 30


def recent_jobs() -> list[str]:
    """Choices from the ledger, newest first; the id comes before the first separator."""
    if not has_ledger():
        return []
    try:
        jobs = engine().ledger.collectable(MOST_RECENT)
    except SoraError:  # what is wrong with the ledger is said by whoever uses it; the node must load
        return []
    return [
        " · ".join((each.job_id, time.strftime("%Y-%m-%d %H:%M", time.localtime(each.created_at)), each.profile))
        + (f" · {' '.join(each.prompt.split())[:40]}" if each.prompt.strip() else "")
        for each in jobs
    ]


def job_names(written: str, picked: str) -> list[str]:
    """Ids from the text, separated by lines or commas, or the one that was picked. Raises InvalidRequest."""
    names = list(dict.fromkeys(re.findall(r"[^\s,，]+", written)))
    pick = "" if picked == NO_PICK else picked.split(" · ")[0].strip()
    if pick and names not in ([], [pick]):
        raise InvalidRequest(
            f"job_id and recent name different jobs, {', '.join(names)} and {pick}; which one is meant is not said.",
            fix=f"Clear job_id, or set recent to '{NO_PICK}'.",
            fix_zh=f"请清空 job_id，或将 recent 设为“{NO_PICK}”。",
        )
    if not names and not pick:
        raise InvalidRequest("The job id is empty; pick a job in recent, or take an id from `sora-video jobs`.")
    return names or [pick]
