"""Answers to the POST that were lost in part: what was read counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from adversary.servers import ALL, NewApi, Server, Skyriff, sse
from adversary.stage import Stage, case
from adversary.wire import RESET, Answer, Request

READ = (
    "Nothing that was read is thrown away: decode what was read before saying unknown, and quote the answer in the row"
)
CHAT = "A chat stream at 35 % that ends in an upstream error is unknown"
LOST = "a charge whose answer is lost is unknown: never repeated, never freed"
PROMPT = "paper boats drift down a rainy gutter"
NO_LIST = ("apiyi", "skyriff", "shenma", "newapi", "generic")

Change = Callable[[Answer, str], Answer]


def after(server: Server, change: Change, times: int = 1) -> None:
    """The job is booked, and the honest answer goes out changed; the change gets the id too."""

    def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
        out = honest()
        return change(out, server.books.rows[-1].id)

    server.on("create", rule, times=times)


def known(stage: Stage, wire: str, change: Change, **profile: Any) -> None:
    """The id went over the wire: the user gets the video."""
    server = stage.connect(wire, profile=profile)
    after(server, change)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    server.on("drafts", Answer(200, {"drafts": []}), times=4)
    if wire == "sora_web":
        server.honest("list", "drafts")
    for _ in range(3):
        stage.generate(PROMPT)
    stage.want(PROMPT)


def unknown(stage: Stage, wire: str, change: Change, **profile: Any) -> None:
    """Nothing of use came: unknown, and the user's word with the id collects it."""
    server = stage.connect(wire, profile=profile)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    after(server, change)
    run = stage.generate(PROMPT)
    stage.hold(run.code == 5, f"exit {run.code} instead of 5: {run.err[-200:]}")
    stage.generate(PROMPT)
    row = stage.row(PROMPT)
    if row.get("state") == "delivered" or not server.books.own:
        return
    stage.user.run("resume", row.get("job_id", ""), "--remote-id", server.books.own[0].id)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("loss/reset after the body", LOST, wires=NO_LIST)
def reset(stage: Stage, wire: str) -> None:
    unknown(stage, wire, lambda _out, _id: RESET)


@case("loss/cut in mid JSON, after the id", READ, wires=ALL)
def cut_after_id(stage: Stage, wire: str) -> None:
    def change(out: Answer, name: str) -> Answer:
        end = out.raw.index(name.encode()) + len(name) + 1  # with the quote that closes it
        return Answer(200, out.raw, {"Content-Type": "application/json"}, cut=min(end, len(out.raw) - 1))

    known(stage, wire, change)


@case("loss/cut in the middle of the id", READ, wires=NO_LIST)
def cut_in_id(stage: Stage, wire: str) -> None:
    """Half an id is no id: asked for, it would be missing at best."""

    def change(out: Answer, name: str) -> Answer:
        return Answer(200, out.raw, {"Content-Type": "application/json"}, cut=out.raw.index(name.encode()) + 12)

    unknown(stage, wire, change)


@case("loss/the whole JSON, then the connection breaks", READ, wires=ALL)
def whole_then_broken(stage: Stage, wire: str) -> None:
    def change(out: Answer, _: str) -> Answer:
        return Answer(200, out.raw, {"Content-Type": "application/json"}, chunked=True, cut=len(out.raw))

    known(stage, wire, change)


@case("loss/the whole JSON, shorter than its Content-Length", READ, wires=("openai", "shenma"))
def shorter(stage: Stage, wire: str) -> None:
    def change(out: Answer, _: str) -> Answer:
        return Answer(200, out.raw + b"  \n ", {"Content-Type": "application/json"}, cut=len(out.raw))

    known(stage, wire, change)


def _inside(status: int) -> None:
    @case(f"loss/the id in a {status} body", READ, wires=("openai", "shenma", "newapi", "generic"))
    def play(stage: Stage, wire: str) -> None:
        def change(_: Answer, name: str) -> Answer:
            key = "task_id" if wire in ("shenma", "generic") else "id"
            trouble = {"error": {"code": "task_id_timeout", "message": "the job goes on"}} if status >= 500 else {}
            return Answer(status, {key: name, **trouble})

        known(stage, wire, change)


for _status in (504, 500, 202):
    _inside(_status)


@case("loss/the id inside the message of a 504", READ)
def id_in_message(stage: Stage) -> None:
    """It cannot be told from prose; the row quotes it, so that the user can give it."""
    server = stage.connect("openai")
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    after(
        server,
        lambda _, name: Answer(504, {"error": {"message": f"timed out waiting for job {name}; it keeps running"}}),
    )
    run = stage.generate(PROMPT)
    name = server.books.own[0].id
    stage.hold(name in run.err or name in json.dumps(stage.row(PROMPT)), "the answer that was read is quoted nowhere")
    stage.generate(PROMPT)


def _key(name: str) -> None:
    @case(f"loss/the id under {name!r}", READ, wires=("newapi", "skyriff", "openai"))
    def play(stage: Stage, wire: str) -> None:
        server = stage.connect(wire)
        server.on("list", Answer(500, {"error": {"message": "no list today"}}))
        after(server, lambda _, id_: Answer(200, {"code": 200, "message": "ok", "data": {name: id_}}))
        run = stage.generate(PROMPT)
        id_ = server.books.own[0].id
        quoted = id_ in run.text or id_ in json.dumps(stage.user.jobs())
        stage.hold(quoted, f"the answer with the id under {name!r} was thrown away")
        stage.generate(PROMPT)
        row = stage.row(PROMPT)
        if row.get("state") != "delivered":
            stage.user.run("resume", row.get("job_id", ""), "--remote-id", id_)
        stage.generate(PROMPT)
        stage.want(PROMPT)


for _name in ("任务ID", "videoTaskNo"):
    _key(_name)


class Chat(Skyriff):
    dialect = "chat"


class NewApiChat(NewApi):
    dialect = "chat"


def _chat(name: str, rule: str, body: Callable[[Server, str], Answer]) -> None:
    @case(f"loss/chat stream {name}", rule, wires=("skyriff", "newapi"))
    def play(stage: Stage, wire: str) -> None:
        server = stage.connect(Chat if wire == "skyriff" else NewApiChat)
        after(server, lambda _, id_: body(server, id_))
        for _ in range(3):
            stage.generate(PROMPT)


def _progress(id_: str, percent: int) -> dict[str, Any]:
    return {"delta": {"role": "assistant", "reasoning_content": f"Video progress: {percent}% (task {id_})\n"}}


def _stream(body: bytes, **how: Any) -> Answer:
    return Answer(200, body, {"Content-Type": "text/event-stream"}, chunked=True, **how)


_UPSTREAM = {"message": "upstream error: do request failed", "type": "server_error", "code": "upstream_error"}
_chat(
    "broken at 35 %", CHAT, lambda _, id_: _stream((body := sse(id_, [_progress(id_, 35)], done=False)), cut=len(body))
)
_chat("with an upstream error at 35 %", CHAT, lambda _, id_: _stream(sse(id_, [_progress(id_, 35)], error=_UPSTREAM)))
_chat("that ends at 35 % without a word", CHAT, lambda _, id_: _stream(sse(id_, [_progress(id_, 35)])))
_chat("with nothing but an upstream error", CHAT, lambda _, id_: _stream(sse(id_, [], error=_UPSTREAM)))
_chat("that ends before its first event", CHAT, lambda _, _id: _stream(b": keep-alive\n\n", cut=14))


@case("loss/the answer comes after the client's patience", LOST, wires=("openai", "shenma"))
def late(stage: Stage, wire: str) -> None:
    """`timeout` in `extra` is documented for the openai protocol; elsewhere the patience is the client's own."""
    server = stage.connect(wire, profile={"extra": {"timeout": "1"}} if wire == "openai" else {})
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    after(server, lambda out, _: Answer(out.status, out.raw, {"Content-Type": "application/json"}, after=2.5))
    for _ in range(2):
        stage.generate(PROMPT)


@case("loss/JSON inside a JSON string", READ)
def double_encoded(stage: Stage) -> None:
    known(stage, "openai", lambda out, _: Answer(200, json.dumps(out.raw.decode()).encode()))


@case("loss/JSON with a byte order mark as text/html", READ)
def marked(stage: Stage) -> None:
    known(stage, "openai", lambda out, _: Answer(200, b"\xef\xbb\xbf" + out.raw, {"Content-Type": "text/html"}))


@case("loss/JSON with junk behind it", READ)
def junk(stage: Stage) -> None:
    known(stage, "openai", lambda out, _: Answer(200, out.raw + b"\n<!-- served by edge-7 -->"))


@case("loss/a key in the answer is not quoted", "quote the redacted answer in the row")
def redacted(stage: Stage) -> None:
    from adversary.client import KEY

    server = stage.connect("openai")
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    after(server, lambda _, name: Answer(502, {"error": {"message": f"upstream said no to Bearer {KEY} for {name}"}}))
    run = stage.generate(PROMPT)
    stage.hold(KEY not in run.text and KEY not in json.dumps(stage.user.jobs()), "the key is shown")
    stage.generate(PROMPT)


@case(
    "loss/the answer is lost, and the user takes their word back",
    "the user's word (`forget`) frees it",
    wires=("openai", "shenma"),
)
def forgotten(stage: Stage, wire: str) -> None:
    """`forget` is the word that pays anew: both charges are the user's."""
    server = stage.connect(wire)
    server.on("list", Answer(500, {"error": {"message": "no list today"}}))
    after(server, lambda _out, _id: RESET)
    stage.generate(PROMPT)
    run = stage.user.run("forget", stage.row(PROMPT).get("job_id", ""))
    stage.hold(run.code == 0, f"forget exits with {run.code}")
    stage.hold(
        re.search(r"paid|charge|付费|扣费", run.text),
        f"forget does not say that it may be paid twice: {run.text}",
        "false words",
    )
    stage.allow(PROMPT, 2)
    stage.by_other_means(PROMPT)
    stage.generate(PROMPT)
    stage.want(PROMPT)


# ids that are not the job's


def _not_ours(name: str, change: Change) -> None:
    @case(
        f"loss/{name}",
        "what was read is decoded, not guessed: an id of something else is not the job's",
        wires=("openai", "shenma", "newapi"),
    )
    def play(stage: Stage, wire: str) -> None:
        """The right id by the user's word, or the list, still collects it."""
        server = stage.connect(wire)
        server.on("list", Answer(500, {"error": {"message": "no list today"}}), times=6)
        after(server, change)
        stage.generate(PROMPT)
        stage.generate(PROMPT)
        row = stage.row(PROMPT)
        stage.hold(row.get("remote_id") in (None, server.books.own[0].id), f"took {row.get('remote_id')} for the job")
        if row.get("state") != "delivered":
            stage.user.run("resume", row.get("job_id", ""), "--remote-id", server.books.own[0].id)
        stage.generate(PROMPT)
        stage.want(PROMPT)


_TRACE = "req_7f3a9c0d"
_not_ours(
    "a 502 with the id of the request",
    lambda _out, _id: Answer(502, {"error": {"message": "Bad gateway", "code": "bad_gateway"}, "request_id": _TRACE}),
)
_not_ours(
    "a 500 with an id of the error",
    lambda _out, _id: Answer(500, {"error": {"id": "err_5512", "message": "Internal error"}, "trace_id": _TRACE}),
)
_not_ours(
    "200 with an upstream error and the id of the request",
    lambda _out, _id: Answer(
        200, {"error": {"message": f"upstream error (request id: {_TRACE})", "request_id": _TRACE}}
    ),
)
_not_ours(
    "cut after an id that is the user's",
    lambda out, _: Answer(
        200,
        b'{"object": "video", "user": {"id": "user_1701"}, "created_at": 1, "progress": 0,' + out.raw.lstrip(b"{"),
        {"Content-Type": "application/json"},
        cut=60,
    ),
)
