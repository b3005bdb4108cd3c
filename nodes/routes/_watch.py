"""Tells the open pages what has changed in the ledger, whoever changed it: this process, the command, another one."""

from __future__ import annotations

import logging
import threading
import time

from ...sora_core.errors import SoraError
from .. import _host as host
from .._engine import engine, has_ledger
from .._waiting import was_waited_for
from .jobs import totals

EVENT = "sora_video.jobs"
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


def watch_the_ledger() -> None:
    threading.Thread(target=_watch, name="sora-jobs-watch", daemon=True).start()


def _watch() -> None:
    seen: object = None
    since = time.time()
    while True:
        time.sleep(LOOK_SECONDS)
        if not host.has_pages():
            continue
        try:
            stamp = engine().ledger.stamp() if has_ledger() else seen
            if stamp != seen:
                seen = stamp
                since = _tell(since)
        except SoraError as error:
            log.warning("the page cannot be told what jobs do: %s", error.message)


def _tell(since: float) -> float:
    """Only ids and states: who may read more asks for it. The moment from which on the next look is."""
    pages = engine().ledger.pages
    rows = pages.changed_since(since)
    jobs = [
        {
            "job_id": row.job_id,
            "state": row.state,
            "progress": row.progress,
            "profile": row.profile,
            "waited_for": was_waited_for(row.job_id),
        }
        for row in rows
    ]
    host.tell_all(EVENT, {"jobs": jobs, **totals(pages.counts())})
    return max([since, *(row.updated_at for row in rows)])
