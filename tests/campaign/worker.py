"""A client process: sees all its orders through, several at once. It is killed at any moment and started again.

python -m campaign.worker ORDERS.json OUTPUT JOURNAL AT_ONCE PATIENCE CLOCK_SEED
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from campaign.plan import MAIN, Order, request_of
from sora_core.clock import SystemClock
from sora_core.engine import Engine
from sora_core.errors import Interrupted, SoraError
from sora_core.ledger.row import UNFINISHED
from sora_core.models import Destination

TRIES = 3
_GAVE_UP = "gave up waiting"


CLOCK_JUMP = "clock jump"
_OFFSETS = (0.0, 0.0, 15.0, -15.0, 3 * 3600.0, -3 * 3600.0, 26 * 3600.0)  # seconds
_JUMP_AFTER = (5.0, 30.0)  # seconds


class JumpingClock(SystemClock):
    """A machine whose clock is wrong, and is set forward and back while jobs run; ``on_jump`` hears of it."""

    def __init__(self, seed: int, on_jump: Callable[[], None]) -> None:
        self._chance = random.Random(seed)
        self._on_jump = on_jump
        self._offset = self._chance.choice(_OFFSETS[:4])
        self._next = time.monotonic() + self._chance.uniform(*_JUMP_AFTER)

    def now(self) -> float:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._chance.uniform(*_JUMP_AFTER)
            before, self._offset = self._offset, self._chance.choice(_OFFSETS)
            if before != self._offset:
                self._on_jump()
        return super().now() + self._offset


class Worker:
    """``patience``: seconds after which a thread leaves a job alone, as one that is stuck."""

    def __init__(self, output: Path, journal: Path, *, patience: float, clock_seed: int) -> None:
        self._engine = Engine(clock=JumpingClock(clock_seed, lambda: self._note(CLOCK_JUMP)))
        self._output = output
        self._journal = journal
        self._patience = patience
        self._lock = threading.Lock()

    def run(self, orders: list[Order], at_once: int) -> None:
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            list(pool.map(self._see_through, orders))
        self._engine.close()

    def _see_through(self, order: Order) -> None:
        for _ in range(TRIES):
            if order.prompt in ended(self._engine.home, ledger=os.environ.get("SORA_LEDGER")):
                return
            kind = self._once(order)
            self._note(kind)
            if kind in ("delivered", "reused", "SubmissionUnknown", _GAVE_UP):
                return
            time.sleep(0.2)

    def _once(self, order: Order) -> str:
        metadata = {"workflow": {"prompt": order.prompt}} if order.profile == MAIN else None
        destination = Destination(self._output, "clip", metadata=metadata)
        try:
            handle = self._engine.generate(request_of(order), order.profile, destination, lambda progress: None)
            delivery = handle.result(self._patience)
        except SoraError as error:
            return error.kind
        except concurrent.futures.TimeoutError:
            handle.abandon()
            with contextlib.suppress(Interrupted, SoraError):
                handle.result(10)
            return _GAVE_UP
        return "reused" if delivery.reused else "delivered"

    def _note(self, kind: str) -> None:
        with self._lock, self._journal.open("a", encoding="utf-8") as journal:
            journal.write(kind + "\n")


def ended(home: Path, *, ledger: str | None = None, unknown_too: bool = False) -> set[str]:
    """The prompts that are not run again: delivered, canceled, or failed by the server's word.

    ``ledger`` is the address of a shared one; while nobody can look, none of them has.
    """
    states = ("delivered", "canceled", *(("unknown",) if unknown_too else ()))
    rows = _shared_rows(ledger) if ledger else _rows(home)
    over = {prompt for prompt, state, remote_id in rows if state in states or (state == "failed" and remote_id)}
    # a request whose first job failed was perhaps asked for again
    return over - {prompt for prompt, state, _ in rows if state in UNFINISHED and state not in states}


def _shared_rows(ledger: str) -> list[tuple[str, str, str | None]]:
    import psycopg

    try:
        with psycopg.connect(ledger, connect_timeout=3) as db:
            return db.execute("SELECT prompt, state, remote_id FROM sora_video.jobs").fetchall()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return []


def _rows(home: Path) -> list[tuple[str, str, str | None]]:
    if not (home / "jobs.sqlite").exists():
        return []
    with contextlib.closing(sqlite3.connect(home / "jobs.sqlite", timeout=30)) as db:
        try:
            return db.execute("SELECT prompt, state, remote_id FROM jobs").fetchall()
        except sqlite3.OperationalError:  # another process is just making the tables
            return []


def main() -> None:
    orders, output, journal, at_once, patience, clock_seed = sys.argv[1:]
    worker = Worker(Path(output), Path(journal), patience=float(patience), clock_seed=int(clock_seed))
    worker.run([Order(**each) for each in json.loads(Path(orders).read_text("utf-8"))], int(at_once))


if __name__ == "__main__":
    main()
