"""A job whose id we know is not where it was: for minutes, or for good."""

from __future__ import annotations

import re
import shutil
from typing import Any

from adversary.servers import ALL, Server
from adversary.stage import DEAD, Stage, case
from adversary.wire import Answer

GONE = "404 for minutes on a known id is missing, not failed"
PAID = "what is missing stays missing: looked up for free before anything is paid anew"
EARLIER = "Before anything is paid anew, every earlier row of it that has a remote id is asked for once, free"
FILE = "A delivered file that is away for one run never loses path and hash; the row never becomes failed"
STEP = "a 401, 402, 403 while polling or downloading a paid job never says 'nothing was charged'"
PAGES = "a status or a page that could be a proxy's frees nothing"
PROMPT = "snow falls upward over a quiet harbour"
SLOW = {"poll_seconds": 15}
SPEED = 240.0

NO_ROUTE = Answer(404, {"message": "no Route matched with those values"})
NOT_FOUND = Answer(404, {"error": {"message": "Video not found", "type": "invalid_request_error", "code": "not_found"}})
CHALLENGE = Answer(403, "<!doctype html><title>Just a moment...</title>", {"cf-mitigated": "challenge"})
PAGE = Answer(200, "<!doctype html><title>Console</title><div id=root></div>")
PAGE_503 = Answer(503, "<html><title>503 Service Temporarily Unavailable</title></html>")


def fetching(server: Server, answer: Answer, times: int = 10**9) -> None:
    """Every way of asking after a job gets this answer; the job itself is as it was."""
    for call in ("fetch", "list", "drafts") if server.provider == "sora_web" else ("fetch",):
        server.on(call, answer, times, charged=False)


def away(stage: Stage, wire: str, answer: Answer, **profile: Any) -> None:
    """The job is submitted; for a run or two it cannot be asked after; then it can, and is done."""
    server = stage.connect(wire, profile={**SLOW, **profile})
    stage.submitted(PROMPT)
    fetching(server, answer)
    stage.release()
    stage.generate(PROMPT)
    stage.generate(PROMPT)
    state = stage.row(PROMPT).get("state")
    stage.hold(state not in DEAD, f"the row is {state} while the server only could not be asked", "lost")
    server.honest()
    stage.generate(PROMPT)
    stage.want(PROMPT)


def _away(name: str, rule: str, answer: Answer, wires: tuple[str, ...] = ALL, **profile: Any) -> None:
    @case(f"gone/{name}", rule, wires=wires, speed=SPEED)
    def play(stage: Stage, wire: str) -> None:
        away(stage, wire, answer, **profile)


_away("404 'no Route matched' for minutes", GONE, NO_ROUTE)
_away(
    "404 as a page for minutes",
    GONE,
    Answer(404, "<html><title>404 Not Found</title>nginx</html>"),
    ("openai", "shenma"),
)
_away("404 in the server's words for minutes", GONE, NOT_FOUND)
_away("410 for minutes", GONE, Answer(410, {"error": {"message": "Gone"}}), ("openai", "skyriff"))
_away("405 for minutes", GONE, Answer(405, b""), ("openai",))
_away(
    "400 task_not_exist for minutes",
    GONE,
    Answer(400, {"code": "task_not_exist", "message": "task_not_exist"}),
    ("openai", "newapi"),
)
_away(
    "400 task_not_exist for minutes, from new-api",
    GONE,
    Answer(400, {"code": "task_not_exist", "message": "task_not_exist"}),
    ("openai",),
    dialect="new-api",
    model="sora-2",
)
_away(
    "200 'task not found' for minutes",
    GONE,
    Answer(200, {"id": None, "state": "error", "data": None, "message": "task not found"}),
    ("newapi",),
)
_away(
    "200 with an error for minutes",
    GONE,
    Answer(200, {"error": {"message": "record not found", "type": "upstream_error"}}),
    ("openai", "shenma", "skyriff"),
)
_away(
    "200 with no data for minutes",
    GONE,
    Answer(200, {"code": "success", "message": "", "data": None}),
    ("openai", "newapi"),
)
_away("a page with 200 for minutes", PAGES, PAGE)
_away("a challenge page for minutes", PAGES, CHALLENGE, ("openai", "apiyi", "sora_web"))
_away("a page with 503 for minutes", PAGES, PAGE_503, ("openai", "newapi"))
_away("401 while polling", STEP, Answer(401, {"error": {"message": "Invalid token", "code": "invalid_api_key"}}))
_away(
    "402 while polling", STEP, Answer(402, {"error": {"message": "Insufficient balance", "code": "insufficient_quota"}})
)
_away(
    "403 while polling",
    STEP,
    Answer(403, {"error": {"message": "用户额度不足", "type": "new_api_error", "code": "insufficient_user_quota"}}),
)
_away("403 'forbidden' while polling", STEP, Answer(403, {"error": {"message": "Forbidden"}}), ("openai", "apiyi"))


@case(
    "gone/404 right after the create",
    "404 right after create is patience's",
    wires=("openai", "apiyi", "skyriff", "shenma"),
)
def not_yet(stage: Stage, wire: str) -> None:
    fetching(stage.connect(wire), NOT_FOUND, times=4)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("gone/deleted for good", PAID, wires=ALL, speed=SPEED)
def deleted(stage: Stage, wire: str) -> None:
    """Only the user's word frees it."""
    server = stage.connect(wire, profile=SLOW)
    stage.submitted(PROMPT)
    server.books.rows[0].state = "gone"
    stage.release()
    runs = [stage.generate(PROMPT) for _ in range(3)]
    row = stage.row(PROMPT)
    stage.hold(row.get("state") not in DEAD, f"the row is {row.get('state')}: free to be paid again", "lost")
    stage.hold(len(server.books.own) == 1, f"{len(server.books.own)} charges without the user's word", "double")
    stage.hold("forget" in runs[-1].err, f"the user is not told of their word: {runs[-1].err[-300:]}")
    stage.allow(PROMPT, 2)
    stage.user.run("forget", row.get("job_id", ""))
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("gone/an in-memory server restarted", PAID, wires=("openai", "skyriff"), speed=SPEED)
def restarted(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.generate("an older one")
    stage.submitted(PROMPT)
    for row in server.books.rows:
        row.state = "gone"
    stage.release()
    for _ in range(3):
        stage.generate(PROMPT)
    state = stage.row(PROMPT).get("state")
    stage.hold(state not in DEAD, f"the row is {state}: free to be paid again", "lost")


def _free(dialect: str) -> None:
    @case(
        f"gone/an in-memory {dialect} of one's own restarted",
        "Where a dialect's jobs cost nothing, a lost one may be made anew at once",
        speed=SPEED,
    )
    def play(stage: Stage) -> None:
        server = stage.connect(profile={**SLOW, "dialect": dialect})
        stage.submitted(PROMPT)
        server.books.rows[0].state = "gone"
        stage.release()
        stage.allow(PROMPT, 2)
        for _ in range(3):
            stage.generate(PROMPT)
        stage.want(PROMPT)


for _dialect in ("vllm-omni", "sglang"):
    _free(_dialect)


def _content(name: str, rule: str, answer: Answer, wires: tuple[str, ...] = ALL) -> None:
    @case(f"gone/file: {name}", rule, wires=wires, speed=SPEED)
    def play(stage: Stage, wire: str) -> None:
        server = stage.connect(wire, profile=SLOW)
        server.on("content", answer, charged=False)
        stage.generate(PROMPT)
        stage.generate(PROMPT)
        state = stage.row(PROMPT).get("state")
        stage.hold(state not in DEAD, f"the row is {state} while only the file could not be had", "lost")
        server.honest()
        stage.generate(PROMPT)
        stage.want(PROMPT)


_content("404 for minutes", GONE, NO_ROUTE)
_content("a page with 200", PAGES, PAGE, ("openai", "skyriff"))
_content("a challenge page", PAGES, CHALLENGE, ("openai", "shenma"))
_content("401", STEP, Answer(401, {"error": {"message": "Incorrect API key provided"}}))
_content("402", STEP, Answer(402, {"error": {"message": "insufficient credits"}}), ("openai", "apiyi", "newapi"))
_content("403", STEP, Answer(403, {"error": {"message": "Forbidden"}}))
_content("410", GONE, Answer(410, b"<Error><Code>Expired</Code></Error>"), ("skyriff", "shenma"))
_content("500", GONE, Answer(500, {"error": {"message": "storage"}}), ("openai", "apiyi"))
_content(
    "JSON with a failure inside 200",
    GONE,
    Answer(200, {"error": {"message": "Generation is still in-progress"}}),
    ("openai",),
)


@case("gone/the file was moved away, and came back", FILE, wires=("openai", "skyriff"), speed=SPEED)
def file_away(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.generate(PROMPT)
    before = stage.row(PROMPT)
    server.books.rows[0].state = "gone"
    elsewhere = stage.user.folder / "elsewhere"
    shutil.move(stage.user.output, elsewhere)
    stage.user.output.mkdir()
    stage.generate(PROMPT)
    stage.generate(PROMPT)
    _kept(stage, before)
    shutil.rmtree(stage.user.output)
    shutil.move(elsewhere, stage.user.output)
    run = stage.generate(PROMPT)
    stage.hold(
        run.code == 0 and run.json["path"] == before["path"], f"the file came back, and is not found: {run.err[-200:]}"
    )
    _kept(stage, before)
    stage.want(PROMPT)


def _kept(stage: Stage, before: dict[str, Any]) -> None:
    now = stage.row(PROMPT)
    stage.hold(now.get("state") not in DEAD, f"the delivered row became {now.get('state')}", "lost")
    for fact in ("path", "sha256", "remote_id"):
        stage.hold(now.get(fact) == before.get(fact), f"{fact} was {before.get(fact)}, is {now.get(fact)}")


@case("gone/the file is deleted, the server still has it", "It is downloaded again, free", speed=SPEED)
def file_deleted(stage: Stage) -> None:
    stage.connect(profile=SLOW)
    stage.generate(PROMPT)
    shutil.rmtree(stage.user.output)
    stage.user.output.mkdir()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("gone/the file is deleted, and the server forgot it", FILE, wires=ALL, speed=SPEED)
def both_deleted(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.generate(PROMPT)
    server.books.rows[0].state = "gone"
    shutil.rmtree(stage.user.output)
    stage.user.output.mkdir()
    for _ in range(3):
        stage.generate(PROMPT)


@case("gone/the file is deleted, and the server cannot be asked", FILE, wires=("openai", "newapi"), speed=SPEED)
def deleted_and_away(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.generate(PROMPT)
    before = stage.row(PROMPT)
    shutil.rmtree(stage.user.output)
    stage.user.output.mkdir()
    server.on("any", NO_ROUTE, charged=False)
    stage.generate(PROMPT)
    _kept(stage, before)
    server.honest()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case(
    "gone/the server says failed", "the server's own terminal state for our remote id frees it, and is told", wires=ALL
)
def failed(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    stage.submitted(PROMPT)
    server.books.rows[0].state = "failed"
    run = stage.generate(PROMPT)
    stage.hold(run.code == 4, f"exit {run.code} instead of 4: {run.err[-200:]}")
    stage.hold(len(server.books.own) == 1, "the run that learned of the failure paid anew in silence", "double")
    stage.release()
    stage.allow(PROMPT, 2)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case(
    "gone/failed, as HTTP 500 with the job in its body",
    "the server's own terminal state for our remote id",
    speed=SPEED,
)
def failed_as_500(stage: Stage) -> None:
    """As vLLM-Omni 0.30 answers."""
    server = stage.connect(profile={**SLOW, "dialect": "vllm-omni"})
    stage.submitted(PROMPT)
    charge = server.books.rows[0]
    charge.state = "failed"
    shown = server.shown(charge)  # type: ignore[attr-defined]
    server.on("fetch", Answer(500, {**shown, "error": {"code": 500, "message": "The engine died."}}))
    run = stage.generate(PROMPT)
    stage.hold(run.code == 4, f"exit {run.code} instead of 4")
    stage.hold("engine died" in run.err, "the server's reason is not told")


@case(
    "gone/words of 404 at a poll promise nothing", "Errors speak of the step", wires=("openai", "shenma"), speed=SPEED
)
def words_of_404(stage: Stage, wire: str) -> None:
    """'Run again: it is a new job' is what pays twice."""
    server = stage.connect(wire, profile=SLOW)
    stage.submitted(PROMPT)
    fetching(server, NO_ROUTE)
    run = stage.generate(PROMPT)
    advice = re.search(r"(submit|run)[^.]*\b(new|anew|another)\b[^.]*(job|one|take)", run.err, re.I)
    stage.hold(
        not advice or "forget" in advice[0], f"it advises what pays twice: {advice and advice[0]}", "false words"
    )


@case("gone/failed, then done after all", EARLIER, wires=("openai", "shenma", "newapi"), speed=SPEED)
def failed_then_done(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.submitted(PROMPT)
    server.books.rows[0].state = "failed"
    stage.release()
    stage.generate(PROMPT)
    server.books.rows[0].state = "done"
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("gone/canceled, then done after all", EARLIER, speed=SPEED)
def canceled_then_done(stage: Stage) -> None:
    """SGLang: 200 with status deleted; the work goes on."""
    server = stage.connect(profile=SLOW)
    stage.submitted(PROMPT)
    row = stage.row(PROMPT)
    said = {"id": row.get("remote_id"), "object": "video", "status": "deleted"}
    server.on("delete", Answer(200, said), charged=False)
    stage.user.run("cancel", row.get("job_id", ""))
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)
