"""The pack is updated between two runs: the ledger is the old version's, and every request in it is paid already."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from adversary.books import Charge
from adversary.client import KEY, TOKEN
from adversary.clip import clip
from adversary.servers import Server
from adversary.stage import DEAD, Stage, case

SAME = "Run the same graph again, also after a restart: the video that exists, or the job that runs, is used. Free."
WIRES = ("openai", "shenma", "sora_web")
LEDGER = Path(__file__).with_name("before_update.sql")


def before(stage: Stage, wire: str, what: str) -> tuple[Server, str]:
    """The state of 0.1.0, and the server with its job in the books; the prompt of the order that ``what`` names too."""
    server = stage.server(wire)
    stage.user.profile(server, wire)
    film = clip("made before the update", 1)
    values = {
        "OUTPUT": str(stage.user.output),
        "SERVER": server.url,
        "SHA256": hashlib.sha256(film).hexdigest(),
        "BYTES": str(len(film)),
    }
    text = LEDGER.read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    ledger = sqlite3.connect(stage.user.home / "jobs.sqlite")
    ledger.executescript(text)
    rows = ledger.execute(
        "SELECT prompt, state, remote_id, sent_at, path FROM jobs WHERE profile = ?", (wire,)
    ).fetchall()
    ledger.close()
    order = ""
    for prompt, state, remote_id, sent_at, path in rows:
        if state == what:
            order = prompt
            charge = Charge(
                id=remote_id or "video_whose_answer_was_lost",
                order=prompt,
                wire="",
                account=TOKEN if wire == "sora_web" else KEY,
                at=sent_at,
                fields={"prompt": prompt, "size": server.size, "seconds": server.seconds},
                idempotency=None,
                path="",
            )
            if path:
                Path(path).write_bytes(film)
                charge.film, charge.state = "made before the update", "done"
            server.books.rows.append(charge)
    assert order
    return server, order


def _kept(stage: Stage, server: Server) -> None:
    number = len(server.books.own)
    stage.hold(number == 1, f"paid anew after the update: {number} charges", "double")


@case("update/a delivered video", SAME, wires=WIRES)
def delivered(stage: Stage, wire: str) -> None:
    server, prompt = before(stage, wire, "delivered")
    run = stage.generate(prompt, profile=wire)
    stage.hold(run.code == 0, f"exit {run.code}: {run.err.strip()[-200:]}")
    _kept(stage, server)


@case("update/a job that runs", SAME, wires=WIRES)
def running(stage: Stage, wire: str) -> None:
    server, prompt = before(stage, wire, "running")
    stage.generate(prompt, profile=wire)
    stage.generate(prompt, profile=wire)
    _kept(stage, server)
    stage.want(prompt)


@case("update/a lost answer", "unknown stays unknown, whatever version looks at it", wires=WIRES)
def unknown(stage: Stage, wire: str) -> None:
    server, prompt = before(stage, wire, "unknown")
    for _ in range(2):
        stage.generate(prompt, profile=wire)
    _kept(stage, server)
    rows = [job["state"] for job in stage.user.jobs() if job["prompt"] == prompt and job["profile"] == wire]
    stage.hold(not set(rows) & set(DEAD), f"rows: {rows}", "lost")
