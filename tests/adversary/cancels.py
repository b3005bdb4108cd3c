"""Cancel, resume, forget: what the user's word does, and what it must not."""

from __future__ import annotations

import re

from adversary.client import Run
from adversary.stage import DEAD, Stage, case
from adversary.wire import RESET, Answer

CANCEL = "Cancel that met 404: look again; success is only said when the server's state says so"
RESUME = "Resume may ask for any row that has a remote id, canceled, failed and forgotten ones too"
TYPO = "A mistyped --remote-id is checked before it is recorded and can be corrected"
PROMPT = "a clock melts over a desk of letters"
NO_ROUTE = Answer(404, {"message": "no Route matched with those values"})


def cancel(stage: Stage) -> Run:
    return stage.user.run("cancel", stage.row(PROMPT).get("job_id", ""))


def says_done(run: Run) -> bool:
    return run.code == 0 and not re.search(r"not (yet )?cancel|still|could not", run.text, re.I)


@case("cancel/404, and the job goes on", CANCEL)
def not_found(stage: Stage) -> None:
    server = stage.connect()
    stage.submitted(PROMPT)
    server.on("delete", NO_ROUTE, charged=False)
    run = cancel(stage)
    stage.hold(not says_done(run), f"success is said: {run.text.strip()}", "false words")
    stage.hold(stage.row(PROMPT).get("state") not in DEAD, "the row is freed though the job runs", "lost")
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


def _refused(name: str, answer: Answer) -> None:
    @case(f"cancel/{name}, and the job goes on", CANCEL, speed=60)
    def play(stage: Stage) -> None:
        server = stage.connect(profile={"poll_seconds": 4})
        stage.submitted(PROMPT)
        server.on("delete", answer, charged=False)
        run = cancel(stage)
        stage.hold(not says_done(run), f"success is said: {run.text.strip()}", "false words")
        stage.release()
        stage.generate(PROMPT)
        stage.want(PROMPT)


_refused("405", Answer(405, b""))
_refused("403", Answer(403, {"error": {"message": "Forbidden"}}))
_refused("500", Answer(500, {"error": {"message": "oops"}}))
_refused("a page", Answer(200, "<!doctype html><title>Console</title>"))
_refused("a reset", RESET)
_refused("409 for long", Answer(409, {"error": {"message": "Cancellation in progress"}}))
_refused("200 that deletes nothing", Answer(200, {"deleted": False, "object": "video.deleted"}))


@case("cancel/404 twice: it was deleted before", CANCEL, speed=60)
def deleted_before(stage: Stage) -> None:
    """DELETE and GET agree that there is none, in the server's own words; it stays the user's to say more."""
    server = stage.connect()
    stage.submitted(PROMPT)
    server.books.rows[0].state = "gone"
    stage.release()
    cancel(stage)
    stage.generate(PROMPT)
    stage.allow(PROMPT, 2)


@case("cancel/200, and the job goes on and is done", RESUME)
def goes_on(stage: Stage) -> None:
    """SGLang: 200 with status deleted; the work goes on. What is paid can still be had."""
    server = stage.connect()
    stage.submitted(PROMPT)
    row = stage.row(PROMPT)
    server.on(
        "delete", Answer(200, {"id": row.get("remote_id"), "object": "video", "status": "deleted"}), charged=False
    )
    cancel(stage)
    stage.release()
    run = stage.user.run("resume", row.get("job_id", ""))
    stage.hold(run.code == 0, f"resume of a canceled row: exit {run.code}: {run.err[-200:]}")
    stage.want(PROMPT)


@case("cancel/honest", CANCEL)
def honest(stage: Stage) -> None:
    stage.connect()
    stage.submitted(PROMPT)
    run = cancel(stage)
    stage.hold(says_done(run), f"it was canceled, and is not said to be: {run.text.strip()}")
    stage.release()
    stage.allow(PROMPT, 2)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("cancel/of an unknown submission", "never the user's cancel, only their `forget`, frees what has no id")
def of_unknown(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    stage.generate(PROMPT)
    run = cancel(stage)
    stage.hold(not says_done(run), f"success is said: {run.text.strip()}", "false words")
    stage.generate(PROMPT)


@case("cancel/of a job that is done", "canceling would delete what was paid", wires=("openai",))
def of_done(stage: Stage, wire: str) -> None:
    """The client believes that it runs."""
    server = stage.connect(wire)
    stage.submitted(PROMPT)
    stage.release()
    server.books.rows[0].state = "done"
    run = cancel(stage)
    stage.hold(run.code != 0, "a finished job was canceled")
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("cancel/where the protocol has none", CANCEL, wires=("apiyi", "shenma", "newapi", "skyriff", "sora_web"))
def impossible(stage: Stage, wire: str) -> None:
    stage.connect(wire)
    stage.submitted(PROMPT)
    run = cancel(stage)
    stage.hold(not says_done(run), f"success is said: {run.text.strip()}", "false words")
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


# resume


@case("resume/a failed row whose job came round", RESUME, wires=("openai", "shenma", "newapi"))
def failed_and_back(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    stage.submitted(PROMPT)
    server.books.rows[0].state = "failed"
    stage.generate(PROMPT)
    row = stage.row(PROMPT)
    server.books.rows[0].state = "done"
    run = stage.user.run("resume", row.get("job_id", ""))
    stage.hold(run.code == 0, f"exit {run.code}: {run.err[-200:]}")
    stage.want(PROMPT)


@case("resume/a forgotten row", RESUME, wires=("openai", "skyriff"))
def forgotten(stage: Stage, wire: str) -> None:
    stage.connect(wire)
    stage.submitted(PROMPT)
    row = stage.row(PROMPT)
    stage.user.run("forget", row.get("job_id", ""))
    stage.release()
    run = stage.user.run("resume", row.get("job_id", ""))
    stage.hold(run.code == 0, f"exit {run.code}: {run.err[-200:]}")
    stage.want(PROMPT)


@case("resume/an id with a typo", TYPO, wires=("openai", "apiyi", "shenma", "newapi"), speed=60)
def typo(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile={"poll_seconds": 4})
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    stage.generate(PROMPT)
    row, right = stage.row(PROMPT), server.books.rows[0].id
    run = stage.user.run("resume", row.get("job_id", ""), "--remote-id", right[:-1])
    stage.hold(run.code != 0, "an id that the server does not know was taken")
    stage.hold(stage.row(PROMPT).get("state") not in DEAD, "the typo freed the claim", "lost")
    stage.user.run("resume", row.get("job_id", ""), "--remote-id", right)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("resume/the id of another row", "(profile's origin, remote id) is unique", wires=("openai", "skyriff"))
def of_another_row(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    stage.generate("an older one")
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    stage.generate(PROMPT)
    older, right = server.books.rows[0].id, server.books.rows[1].id
    row = stage.row(PROMPT)
    run = stage.user.run("resume", row.get("job_id", ""), "--remote-id", older)
    stage.hold(run.code != 0, "the id of another row was taken")
    stage.user.run("resume", row.get("job_id", ""), "--remote-id", right)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("resume/an id while the server cannot be asked", TYPO, speed=240)
def unchecked(stage: Stage) -> None:
    server = stage.connect(profile={"poll_seconds": 15})
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    stage.generate(PROMPT)
    row, right = stage.row(PROMPT), server.books.rows[0].id
    server.on("fetch", Answer(503, "<html><title>503</title></html>"))
    stage.user.run("resume", row.get("job_id", ""), "--remote-id", right[:-1])
    server.honest()
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    stage.user.run("resume", row.get("job_id", ""), "--remote-id", right)
    stage.generate(PROMPT)
    stage.want(PROMPT)
