"""Killed, terminated and interrupted clients, in every command that pays; failures that nobody saw."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from adversary.client import Process, until
from adversary.clip import clip
from adversary.servers import ALL, Server
from adversary.stage import Stage, case
from adversary.wire import Answer, Request

OPEN = "Ctrl-C and SIGTERM let an open POST finish in every command"
KILLED = "its row is committed before the POST; a crash loses nothing"
SEEN = "Failures nobody saw survive a restart: the next run tells them before it pays"
SENT = "'collected for free' is only said of a job that was sent"
PROMPT = "a lantern drifts along a flooded street"
SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
NO_LIST = Answer(500, {"error": {"message": "no list today"}})


def slow(server: Server, call: str = "create", seconds: float = 1.2) -> None:
    """The job is booked at once; the answer takes its time."""

    def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
        out = honest()
        return Answer(out.status, out.body, out.headers, chunked=out.chunked, after=seconds)

    server.on(call, rule, times=1)


def booked(stage: Stage) -> bool:
    return until(lambda: stage.charges)


def _interrupted(name: str, how: int) -> None:
    @case(f"open/{name} while generate's POST is open", OPEN, wires=ALL, speed=4.0)
    def play(stage: Stage, wire: str) -> None:
        """No list helps: what is not read now is not known."""
        server = stage.connect(wire)
        slow(server)
        if wire != "sora_web":
            server.on("list", NO_LIST)
        process = stage.begin(PROMPT)
        booked(stage)
        stage.user.keep(process.interrupt(how))
        stage.hold(stage.row(PROMPT).get("remote_id") == server.books.rows[0].id, "the id was not kept")
        stage.generate(PROMPT)
        stage.want(PROMPT)

    @case(f"open/{name} while image's POST is open", OPEN, speed=4.0)
    def play_image(stage: Stage) -> None:
        server = stage.connect(profile={"extra": {"image_model": "gpt-image-1"}})
        _paid_once(stage, server, "image", how, "image", PROMPT, "--profile", "own", "--json")

    @case(f"open/{name} while enhance's POST is open", OPEN, wires=("openai", "sora_web"), speed=4.0)
    def play_enhance(stage: Stage, wire: str) -> None:
        profile = {"extra": {"enhance_model": "gpt-4o"}} if wire == "openai" else {}
        server = stage.connect(wire, profile=profile)
        _paid_once(stage, server, "enhance", how, "enhance", PROMPT, "--profile", "own", "--json")

    @case(f"open/{name} while character's POST is open", OPEN, wires=("openai", "shenma"), speed=4.0)
    def play_character(stage: Stage, wire: str) -> None:
        server = stage.connect(wire, profile={"dialect": "openai"} if wire == "openai" else {})
        path = stage.user.folder / "clip.mp4"
        path.write_bytes(clip("source", 3))
        source = ("--video", str(path)) if wire == "openai" else ("--url", "https://clips.example/hero.mp4")
        made = ("character", "create", "hero", "--profile", "own", *source, "--start", "0", "--end", "3", "--json")
        _paid_once(stage, server, "character", how, *made)
        library = stage.user.run("character", "list", "--json")
        stage.hold("hero" in library.out, f"the character is not in the library: {library.out}", "lost")


def _paid_once(stage: Stage, server: Server, call: str, how: int, *arguments: str) -> None:
    """Interrupted while its POST is open, then run again: it is there, and was charged once."""
    slow(server, call)
    process = stage.user.start(*arguments)
    if not booked(stage):
        run = stage.user.keep(process.interrupt(how))
        return stage.hold(False, f"nothing was sent: {run.err[-300:]}")
    stage.by_other_means(stage.charges[0].order)
    stage.user.keep(process.interrupt(how))
    run = stage.user.run(*arguments)
    stage.hold(run.code == 0, f"run again: exit {run.code}: {run.err[-300:]}", "lost")
    return stage.hold(len(server.books.own) == 1, f"charged {len(server.books.own)} times", "double")


for _name, _how in SIGNALS.items():
    _interrupted(_name, int(_how))


@case("open/kill -9 while the POST is open", KILLED, wires=ALL, speed=4.0)
def killed_open(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    slow(server)
    process = stage.begin(PROMPT)
    booked(stage)
    process.kill()
    time.sleep(1.3)
    for _ in range(3):
        stage.generate(PROMPT)
    if server.lists:
        stage.want(PROMPT)


@case("open/kill -9 at the first poll", KILLED, wires=ALL, speed=4.0)
def killed_polling(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.held = True
    process = stage.begin(PROMPT)
    until(lambda: any(row.polls for row in server.books.rows))
    process.kill()
    server.held = False
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("open/kill -9 in the download", KILLED, wires=("openai", "skyriff"), speed=4.0)
def killed_downloading(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    slow(server, "content")
    process = stage.begin(PROMPT)
    until(lambda: any("content" in path or "files" in path for _, path, _ in server.books.seen))
    process.kill()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("open/kill -9 at six random moments", KILLED, wires=("openai", "shenma"), speed=4.0)
def killed_often(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    slow(server, seconds=0.4)
    server.polls = 3
    for tenths in (2, 4, 5, 6, 7, 9):
        process = stage.begin(PROMPT)
        time.sleep(tenths / 10)
        process.kill()
    time.sleep(0.5)
    for _ in range(2):
        stage.generate(PROMPT)
    if server.lists:
        stage.want(PROMPT)


TAKE_UP = """
import sys, time
from sora_core.engine import Engine
engine = Engine()
engine.take_up().result()
time.sleep(2.5)
engine.close()
sys.exit(0)
"""


@case("unseen/a failure that a restarted ComfyUI saw alone", SEEN, wires=("openai", "shenma", "sora_web"))
def unseen(stage: Stage, wire: str) -> None:
    """ComfyUI goes on with unfinished jobs at its start (the public Engine's `take_up`), and shows nobody its end."""
    server = stage.connect(wire)
    stage.submitted(PROMPT)
    server.books.rows[0].state = "failed"
    stage.release()
    stage.user.start("jobs", patch=TAKE_UP).wait()
    run = stage.generate(PROMPT)
    told = run.code == 4 or "fail" in run.err.lower()
    stage.hold(told, f"the failure was never told; the run says: {run.err.strip()[-300:]}")
    stage.hold(len(server.books.own) == 1 or told, "paid anew in silence", "double")
    stage.allow(PROMPT, 2)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("unseen/a success that a restarted ComfyUI saw alone", "the file is saved when ready; run again to collect it")
def unseen_success(stage: Stage) -> None:
    stage.connect()
    stage.submitted(PROMPT)
    stage.release()
    stage.user.start("jobs", patch=TAKE_UP).wait()
    stage.generate(PROMPT)
    stage.want(PROMPT)


# what was never sent is not collected for free


def _never_sent(stage: Stage, process: Process, ready: Callable[[], object]) -> None:
    until(ready, 10)
    run = stage.user.keep(process.interrupt())
    stage.hold(run.code in (130, -2), f"exit {run.code} instead of 130")


@case("unsent/Ctrl-C while the server is down", SENT, wires=("openai", "shenma"), speed=1.0)
def down(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.close()
    process = stage.begin(PROMPT)
    _never_sent(stage, process, lambda: process.err)
    server.reopen()


@case("unsent/Ctrl-C while a 429 is waited out", SENT, speed=1.0)
def busy(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", Answer(429, {"error": {"message": "slow down"}}, {"Retry-After": "60"}), charged=False)
    process = stage.begin(PROMPT)
    _never_sent(stage, process, lambda: server.books.keys)


@case("unsent/Ctrl-C while it waits for a slot", SENT, speed=1.0)
def slot(stage: Stage) -> None:
    server = stage.connect(profile={"max_jobs": 1})
    server.held = True
    first = stage.begin("the one that holds the slot")
    until(lambda: server.books.rows and server.books.rows[0].polls)
    second = stage.begin(PROMPT)
    until(lambda: second.err)
    time.sleep(0.3)
    _never_sent(stage, second, lambda: second.err)
    server.held = False
    stage.user.keep(first.wait())
    stage.hold(not server.books.of(PROMPT), "an interrupted order was sent", "double")


@case("unsent/the server is down until patience ends", SENT, wires=("openai", "skyriff"))
def down_for_good(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.close()
    run = stage.generate(PROMPT)
    stage.hold(run.code == 6, f"exit {run.code} instead of 6")
    server.reopen()
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("open/Ctrl-C while clean's POST is open", OPEN, speed=4.0)
def clean(stage: Stage) -> None:
    """SkyRiff's chat call for a clean rendition."""
    server = stage.connect("skyriff")
    post = "https://posts.example/p/s_68f6140d88a881911111111111111a6b"
    arguments = ("clean", post, "--profile", "own", "--confirm-rights", "--json")
    _paid_once(stage, server, "create", signal.SIGINT, *arguments)


@case("open/Ctrl-C twice while the POST is open", OPEN, wires=("openai", "shenma"), speed=4.0)
def impatient(stage: Stage, wire: str) -> None:
    """Whoever insists may lose the answer, and neither money nor the claim."""
    server = stage.connect(wire)
    slow(server)
    process = stage.begin(PROMPT)
    booked(stage)
    for _ in range(2):
        process.send(signal.SIGINT)
        time.sleep(0.25)
    stage.user.keep(process.wait(15))
    for _ in range(2):
        stage.generate(PROMPT)
    if server.lists:
        stage.want(PROMPT)
