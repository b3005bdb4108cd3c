"""Key, address or provider changed between two runs: another account, another server, where our ids are strangers'."""

from __future__ import annotations

import re
import shutil

from adversary.client import Run
from adversary.servers import Server
from adversary.stage import DEAD, Stage, case
from adversary.wire import RESET, Answer

MADE = "Key, address or provider changed meanwhile: nothing is asked, delivered or ruled out at the wrong place"
SAYS = "the message says where the job was made"
PROMPT = "two moons rise over a salt flat"
OTHER_KEY = "sk-adversary-0002"
SPEED = 60.0
SLOW = {"poll_seconds": 4}


def rekey(stage: Stage, key: str = OTHER_KEY) -> str:
    before = stage.user.env["ADV_KEY"]
    stage.user.env["ADV_KEY"] = key
    return before


def asked(server: Server, name: str, key: str | None = None) -> list[str]:
    """What was asked there of that id (with that key)."""
    return [f"{method} {path}" for method, path, by in server.books.seen if name in path and key in (None, by)]


def says_where(stage: Stage, run: Run, server: Server) -> None:
    place = server.url.removeprefix("http://")
    stage.hold(
        place in run.err
        or re.search(r"another (account|key|server|address)|account|made (at|with|on|under)", run.err, re.I),
        f"where the job was made is not said: {run.err.strip()[-300:]}",
    )


def stranger_at(stage: Stage, name: str, kind: str = "openai") -> Server:
    """Another server of that protocol, on which the id belongs to somebody else and is done."""
    server = stage.server(kind)
    keep, server.ids = server.ids, lambda: name
    server.make("somebody's holiday", account="")
    server.ids = keep
    return server


@case("place/another key while it runs", MADE, wires=("openai", "apiyi", "shenma", "skyriff"), speed=SPEED)
def another_key(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.submitted(PROMPT)
    name = server.books.rows[0].id
    before = rekey(stage)
    stage.release()
    runs = [stage.generate(PROMPT) for _ in range(2)]
    stage.hold(not asked(server, name, OTHER_KEY), f"asked with the wrong key: {asked(server, name, OTHER_KEY)[:2]}")
    says_where(stage, runs[-1], server)
    state = stage.row(PROMPT).get("state")
    stage.hold(state not in DEAD, f"the row is {state}", "lost")
    rekey(stage, before)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/another key after the answer was lost", MADE, speed=SPEED)
def another_key_unknown(stage: Stage) -> None:
    """The other account's list is honest, and cannot show it."""
    server = stage.connect(profile=SLOW)
    stage.generate("an older one of the first key")
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "not now"}}), times=4)
    stage.generate(PROMPT)
    before = rekey(stage)
    stage.generate("one of the second key")
    server.honest()
    for _ in range(2):
        stage.generate(PROMPT)
    rekey(stage, before)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case(
    "place/another address while it runs, where the id is a stranger's",
    MADE,
    wires=("openai", "apiyi", "shenma", "skyriff", "newapi"),
    speed=SPEED,
)
def another_address(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.submitted(PROMPT)
    name = server.books.rows[0].id
    other = stranger_at(stage, name, wire)
    stage.user.profile(other, **SLOW)
    runs = [stage.generate(PROMPT) for _ in range(2)]
    stage.hold(not asked(other, name), f"asked at the wrong place: {asked(other, name)[:2]}")
    says_where(stage, runs[-1], server)
    stage.user.profile(server, **SLOW)
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/another address after the answer was lost", MADE, speed=SPEED)
def another_address_unknown(stage: Stage) -> None:
    """There the list shows one of the same prompt, a stranger's, made just then."""
    server = stage.connect(profile=SLOW)
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "not now"}}), times=4)
    stage.generate(PROMPT)
    other = stage.server()
    other.make(PROMPT, ago=1.0)
    stage.user.profile(other, **SLOW)
    for _ in range(2):
        stage.generate(PROMPT)
    server.honest()
    stage.user.profile(server, **SLOW)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/another address after the answer was lost, with an honest empty list", MADE, speed=SPEED)
def another_address_empty(stage: Stage) -> None:
    server = stage.connect(profile=SLOW)
    server.on("create", RESET, times=1)
    server.on("list", Answer(500, {"error": {"message": "not now"}}), times=4)
    stage.generate(PROMPT)
    other = stage.server()
    stage.user.profile(other, **SLOW)
    stage.generate("an order at the other place")
    for _ in range(2):
        stage.generate(PROMPT)
    server.honest()
    stage.user.profile(server, **SLOW)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/another address, and the file is deleted", MADE, wires=("openai", "skyriff"), speed=SPEED)
def redelivery(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.generate(PROMPT)
    name = server.books.rows[0].id
    other = stranger_at(stage, name, wire)
    shutil.rmtree(stage.user.output)
    stage.user.output.mkdir()
    stage.user.profile(other, **SLOW)
    stage.generate(PROMPT)
    stage.hold(not asked(other, name), f"asked at the wrong place: {asked(other, name)[:2]}")
    stage.user.profile(server, **SLOW)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/another provider at the same address", MADE, speed=SPEED)
def another_provider(stage: Stage) -> None:
    server = stage.connect(profile=SLOW)
    stage.submitted(PROMPT)
    name = server.books.rows[0].id
    seen = len(asked(server, name))
    stage.release()
    stage.user.profile(server, **{**SLOW, "provider": "apiyi"})
    stage.generate(PROMPT)
    stage.hold(len(asked(server, name)) == seen, "asked in another protocol")
    stage.user.profile(server, **SLOW)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/resume at another address", MADE, wires=("openai", "shenma"), speed=SPEED)
def resume_elsewhere(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile=SLOW)
    stage.submitted(PROMPT)
    name = server.books.rows[0].id
    other = stranger_at(stage, name, wire)
    stage.user.profile(other, **SLOW)
    run = stage.user.run("resume", stage.row(PROMPT).get("job_id", ""))
    stage.hold(run.code != 0, "a stranger's video was collected", "stranger")
    stage.user.profile(server, **SLOW)
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/cancel at another address", MADE, speed=SPEED)
def cancel_elsewhere(stage: Stage) -> None:
    """It must not delete what a stranger has there."""
    server = stage.connect(profile=SLOW)
    stage.submitted(PROMPT)
    name = server.books.rows[0].id
    other = stranger_at(stage, name)
    other.books.rows[0].state = "running"
    other.held = True
    stage.user.profile(other, **SLOW)
    run = stage.user.run("cancel", stage.row(PROMPT).get("job_id", ""))
    stage.hold(other.books.rows[0].state == "running", "a stranger's job was deleted", "stranger")
    stage.hold(run.code != 0, f"success is said: {run.text.strip()[-200:]}", "false words")
    stage.user.profile(server, **SLOW)
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/cancel with another key", MADE, speed=SPEED)
def cancel_with_another_key(stage: Stage) -> None:
    stage.connect(profile=SLOW)
    stage.submitted(PROMPT)
    before = rekey(stage)
    run = stage.user.run("cancel", stage.row(PROMPT).get("job_id", ""))
    stage.hold(run.code != 0, f"success is said: {run.text.strip()[-200:]}", "false words")
    rekey(stage, before)
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case(
    "place/the same address, spelled with /v1",
    "the base URL may end in the host, in /v1 or in /v1/videos; all mean the same",
    speed=SPEED,
)
def respelled(stage: Stage) -> None:
    server = stage.connect(profile=SLOW)
    stage.submitted(PROMPT)
    stage.user.profile(server, base_url=f"{server.url}/v1/", **SLOW)
    stage.release()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/delivered, then another key and address", "what is delivered and intact is free", speed=SPEED)
def delivered(stage: Stage) -> None:
    stage.connect(profile=SLOW)
    stage.generate(PROMPT)
    rekey(stage)
    stage.user.profile(stage.server(), **SLOW)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("place/another key at the time of the download", MADE, wires=("openai", "apiyi"), speed=SPEED)
def another_key_at_download(stage: Stage, wire: str) -> None:
    """The job is done; its file could not be had; then the key is another."""
    server = stage.connect(wire, profile=SLOW)
    server.on("content", Answer(503, {"error": {"message": "storage"}}), charged=False)
    stage.generate(PROMPT)
    before = rekey(stage)
    server.honest()
    stage.generate(PROMPT)
    state = stage.row(PROMPT).get("state")
    stage.hold(state not in DEAD, f"the row is {state}", "lost")
    rekey(stage, before)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case(
    "place/the key was rotated, the account is the same",
    "nothing paid for is lost: the user can say that it is theirs",
    speed=SPEED,
)
def rotated(stage: Stage) -> None:
    """The client cannot know. What it advises, or the server's id by hand, must get the video."""
    server = stage.connect(profile=SLOW)
    stage.submitted(PROMPT)
    charge = server.books.rows[0]
    charge.account = ""  # both keys see it
    rekey(stage)
    stage.release()
    stage.generate(PROMPT)
    stage.user.run("resume", stage.row(PROMPT).get("job_id", ""))
    if not stage.user.held():
        stage.user.run("resume", charge.id, "--profile", "own")
    if not stage.user.held():
        stage.user.run("resume", stage.row(PROMPT).get("job_id", ""), "--remote-id", charge.id)
    stage.want(PROMPT)
