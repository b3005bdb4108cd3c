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
        raise InvalidRequest("node.job_id_recent_name_different", names=", ".join(names), pick=pick, no_pick=NO_PICK)
    if not names and not pick:
        raise InvalidRequest("node.job_id_empty_pick_job")
    return names or [pick]
