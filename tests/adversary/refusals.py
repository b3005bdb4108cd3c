"""Answers to the POST that look like refusals. Some are; some come from a proxy, after the job was booked."""

from __future__ import annotations

import re
from typing import Any

from adversary.client import Run
from adversary.servers import ALL
from adversary.stage import Stage, case
from adversary.wire import RESET, Answer

PROOF = "only the server's explicit refusal, as that protocol documents it, frees a claim"
RULE_503 = "503 is proof only with Retry-After or the protocol's documented overload word; else unknown"
UNKNOWN = "408, 409, 425, 'still in progress', 302 and 303 after the body was sent, 200 with an upstream error: unknown"
PAGE = "an HTML answer to both POST and witness proves nothing"
PROMPT = "a lighthouse keeper winds the clockwork lamp"

PAGE_503 = "<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503</h1>nginx</body></html>"
CHALLENGE = "<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
MAINTENANCE = "<!doctype html><title>Maintenance</title><p>We will be back soon. The system is overloaded with love."
CONSOLE = "<!doctype html><html><head><title>New API</title></head><body><div id=root></div></body></html>"


def booked(stage: Stage, wire: str, answer: Answer, *, times: int = 1, **profile: Any) -> list[Run]:
    """The first POST is booked and answered so; three runs follow."""
    stage.connect(wire, profile=profile).on("create", answer, times=times)
    runs = [stage.generate(PROMPT) for _ in range(3)]
    stage.hold(runs[0].code in (0, 5), f"the first run exits with {runs[0].code} instead of 5 (or 0: looked up)")
    return runs


def _booked(name: str, rule: str, answer: Answer, wires: tuple[str, ...] = ("openai",), **profile: Any) -> None:
    @case(f"refusal/{name}", rule, wires=wires)
    def play(stage: Stage, wire: str) -> None:
        booked(stage, wire, answer, **profile)


def _json(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    error = {"message": message, "type": "server_error", "code": code}
    return Answer(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


_booked("503 without a word, after it was booked", RULE_503, _json(503, "Service Unavailable"), ALL)
_booked("503 as a page, after it was booked", RULE_503, Answer(503, PAGE_503), ALL)
_booked(
    "503 upstream connect error, after it was booked",
    RULE_503,
    Answer(503, b"upstream connect error or disconnect/reset before headers. reset reason: connection termination"),
    ("openai", "shenma"),
)
_booked(
    "503 whose page says overloaded, after it was booked", RULE_503, Answer(503, MAINTENANCE), ("openai", "skyriff")
)
_booked("503 says another protocol's overload word", RULE_503, _json(503, "busy", "heavy_load"), ("openai",))
for _status, _text in ((500, "Internal error"), (502, "Bad gateway"), (504, "Gateway time-out")):
    _booked(f"{_status}, after it was booked", UNKNOWN, _json(_status, _text), ("openai", "newapi"))
_booked(
    "520 of a proxy", UNKNOWN, Answer(520, "<html><title>520: Web server is returning an unknown error</title></html>")
)
_booked(
    "524 of a proxy", UNKNOWN, Answer(524, "<html><title>524: A timeout occurred</title></html>"), ("openai", "shenma")
)
_booked("529", UNKNOWN, _json(529, "Site is overloaded"))
_booked("499", UNKNOWN, Answer(499, b""))
_booked("408, after it was booked", UNKNOWN, _json(408, "Request timeout"), ALL)
_booked("425, after it was booked", UNKNOWN, _json(425, "Too early"), ("openai", "shenma"))
_booked("302 to a page, after it was booked", UNKNOWN, Answer(302, b"", {"Location": "/login"}), ALL)
_booked("303 to a page, after it was booked", UNKNOWN, Answer(303, b"", {"Location": "/console"}), ("openai", "newapi"))
_booked(
    "302 to another host, after it was booked", UNKNOWN, Answer(302, b"", {"Location": "http://127.0.0.1:9/v1/videos"})
)
_booked(
    "200 with an upstream error",
    UNKNOWN,
    Answer(200, {"error": {"message": "upstream: context deadline exceeded", "type": "upstream_error"}}),
    ALL,
)
_booked(
    "200 with a failed envelope",
    UNKNOWN,
    Answer(200, {"code": "fail_to_fetch_task", "message": "请求上游地址失败", "data": None}),
    ("openai", "newapi", "shenma"),
)
_booked("200 with nothing in it", UNKNOWN, Answer(200, b""), ALL)
_booked("200 with an empty object", UNKNOWN, Answer(200, {}), ("openai", "skyriff"))
_booked(
    "200 with a status and no id",
    UNKNOWN,
    Answer(200, {"status": "queued", "progress": 0, "id": None}),
    ("openai", "apiyi"),
)
_booked("204", UNKNOWN, Answer(204, b""))
_booked("200 as a page, after it was booked", PAGE, Answer(200, CONSOLE), ALL)
_booked(
    "403 as a challenge page, after it was booked",
    PROOF,
    Answer(403, CHALLENGE, {"cf-mitigated": "challenge"}),
    ("openai", "newapi"),
)
_booked(
    "404 'no Route matched', after it was booked", PROOF, Answer(404, {"message": "no Route matched with those values"})
)
_booked("404 as a page, after it was booked", PROOF, Answer(404, "<html><title>404 Not Found</title>nginx</html>"))
_booked(
    "400 of a proxy, after it was booked",
    PROOF,
    Answer(400, "<html><title>400 Bad Request</title><center>cloudflare</center></html>"),
)
_booked(
    "fail_to_fetch_task with the upstream's 500",
    UNKNOWN,
    Answer(
        500, {"code": "fail_to_fetch_task", "message": '{"error":{"message":"read tcp: i/o timeout"}}', "data": None}
    ),
    ("openai",),
    dialect="new-api",
    model="sora-2",
)


@case("refusal/409 after it was booked", "409 does not advise what pays twice", wires=ALL)
def conflict(stage: Stage, wire: str) -> None:
    runs = booked(stage, wire, _json(409, "A generation with these parameters is still in progress"))
    for run in runs[:1]:
        stage.hold(
            not re.search(r"another seed|change the seed|try (it )?again with", run.err, re.I),
            f"409 advises: {run.err[-300:]}",
            "false words",
        )


@case("refusal/'still in progress' as 429", UNKNOWN)
def in_progress_429(stage: Stage) -> None:
    """The words say that a job runs, whatever the number says."""
    booked(stage, "openai", _json(429, "Your previous identical request is still in progress"))


@case(
    "refusal/maintenance page on a new profile's first job, taken",
    "Maintenance page on a profile's first job",
    speed=240,
)
def maintenance(stage: Stage) -> None:
    """The page answers POST and GET alike; behind it the job was booked."""
    server = stage.connect(profile={"poll_seconds": 15})
    server.on("create", Answer(200, MAINTENANCE), times=1)
    for call in ("list", "models", "fetch", "other"):
        server.on(call, Answer(200, MAINTENANCE))
    stage.generate(PROMPT)
    stage.generate(PROMPT)
    server.honest()
    stage.generate(PROMPT)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("refusal/maintenance page on a new profile's first job, not taken", "Maintenance page on a profile's first job")
def maintenance_before(stage: Stage) -> None:
    server = stage.connect()
    server.on("any", Answer(200, MAINTENANCE))
    server.on("create", Answer(200, MAINTENANCE), charged=False)
    stage.generate(PROMPT)
    server.honest()
    stage.generate(PROMPT)


@case("refusal/maintenance page with 503 for everything, taken", RULE_503, wires=("openai", "newapi", "sora_web"))
def maintenance_503(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.on("create", Answer(503, MAINTENANCE), times=1)
    for call in ("list", "drafts", "models", "fetch", "other", "create"):
        server.on(call, Answer(503, MAINTENANCE), charged=False)
    stage.generate(PROMPT)
    server.honest()
    stage.generate(PROMPT)
    stage.generate(PROMPT)


# what is a refusal


@case("refusal/503 with Retry-After is waited out", RULE_503, wires=ALL)
def retry_after(stage: Stage, wire: str) -> None:
    stage.connect(wire).on("create", _json(503, "busy", Retry_After="2"), times=2, charged=False)
    run = stage.generate(PROMPT)
    stage.hold(run.code == 0, f"exit {run.code}: {run.err[-200:]}")
    stage.want(PROMPT)


@case(
    "refusal/429 is waited out with one Idempotency-Key",
    "The same Idempotency-Key goes out when a claim is sent again",
    wires=ALL,
)
def too_many(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.on("create", _json(429, "Rate limit reached", Retry_After="1"), times=2, charged=False)
    stage.generate(PROMPT)
    keys = server.books.keys
    stage.hold(len(keys) == 3, f"{len(keys)} POSTs instead of 3")
    stage.hold(None not in keys and len(set(keys)) == 1, f"Idempotency-Keys {keys}")
    stage.want(PROMPT)


@case(
    "refusal/429, then the process is killed, then again",
    "The same Idempotency-Key goes out when a claim is sent again",
)
def too_many_and_killed(stage: Stage) -> None:
    from adversary.client import until

    server = stage.connect()
    server.on("create", _json(429, "Rate limit reached", Retry_After="90"), times=1, charged=False)
    process = stage.begin(PROMPT)
    until(lambda: server.books.keys)
    process.kill()
    stage.generate(PROMPT)
    stage.generate(PROMPT)
    keys = server.books.keys
    stage.hold(len(set(keys)) == 1, f"Idempotency-Keys {keys}")


@case("refusal/the aquiles overload text is waited out", RULE_503)
def aquiles_busy(stage: Stage) -> None:
    busy = Answer(503, {"detail": "The limit of 1 concurrent tasks has been reached. Try again later."})
    stage.connect(profile={"dialect": "aquiles"}).on("create", busy, times=2, charged=False)
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case(
    "refusal/a review that says 'overloaded truck'",
    "A review refusal that repeats the words 'overloaded truck' is a refusal",
    wires=ALL,
)
def overloaded_truck(stage: Stage, wire: str) -> None:
    prompt = "an overloaded truck on a mountain road"
    text = f"Your prompt '{prompt}' was rejected by our content policy: too many concurrent requests of violence"
    server = stage.connect(wire)
    server.on("create", _json(400, text, "content_policy_violation"), charged=False)
    run = stage.generate(prompt)
    stage.hold(len(server.books.keys) == 1, f"sent {len(server.books.keys)} times")
    stage.hold(run.code == 4, f"exit {run.code} instead of 4")


@case(
    "refusal/a review with 503 and the words", "A review refusal that repeats the words 'overloaded truck' is a refusal"
)
def overloaded_truck_429(stage: Stage) -> None:
    prompt = "an overloaded truck on a mountain road"
    server = stage.connect()
    server.on("create", _json(403, f"Blocked by moderation: {prompt}", "moderation_blocked"), charged=False)
    run = stage.generate(prompt)
    stage.hold(len(server.books.keys) == 1, f"sent {len(server.books.keys)} times")
    stage.hold(run.code == 4, f"exit {run.code} instead of 4")


_ACCOUNT = {
    401: _json(401, "Incorrect API key provided", "invalid_api_key"),
    402: _json(402, "Insufficient balance", "insufficient_quota"),
    403: Answer(
        403,
        {
            "error": {
                "message": "用户额度不足, 剩余额度: ＄-0.003902",
                "type": "new_api_error",
                "code": "insufficient_user_quota",
            }
        },
    ),
}


def _account(status: int) -> None:
    @case(f"refusal/{status} at create", "auth and quota at create: refused, exit 3, free for a next try", wires=ALL)
    def play(stage: Stage, wire: str) -> None:
        server = stage.connect(wire)
        server.on("create", _ACCOUNT[status], charged=False)
        run = stage.generate(PROMPT)
        stage.hold(run.code == 3, f"exit {run.code} instead of 3: {run.err[-200:]}")
        sent = len(server.books.keys)
        stage.hold(sent <= (2 if status == 401 else 1), f"sent {sent} times")  # a token may have run out
        server.honest()
        stage.generate(PROMPT)
        stage.want(PROMPT)


for _code in _ACCOUNT:
    _account(_code)


@case("refusal/413 of a proxy", PROOF, wires=("openai", "apiyi"))
def too_large(stage: Stage, wire: str) -> None:
    """Documented by HTTP: the body was not taken. It must not be sent again by itself, and not be claimed as paid."""
    server = stage.connect(wire)
    server.on("create", Answer(413, "<html><title>413 Request Entity Too Large</title></html>"), times=1, charged=False)
    stage.generate(PROMPT)
    stage.hold(len(server.books.keys) == 1, f"sent {len(server.books.keys)} times")
    stage.generate(PROMPT)


@case("refusal/quota as 429", "quota is not waited out")
def quota_429(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", _json(429, "You exceeded your current quota", "insufficient_quota"), charged=False)
    run = stage.generate(PROMPT)
    stage.hold(run.code == 3, f"exit {run.code} instead of 3")
    stage.hold(len(server.books.keys) == 1, f"sent {len(server.books.keys)} times")


# overload words that are documented


def _waited_out(name: str, wire: str, answer: Answer, **profile: Any) -> None:
    @case(f"refusal/{name} is waited out", RULE_503)
    def play(stage: Stage) -> None:
        server = stage.connect(wire, profile=profile)
        server.on("create", answer, times=2, charged=False)
        stage.generate(PROMPT)
        stage.want(PROMPT)


_waited_out("heavy_load with 400", "sora_web", _json(400, "We're under heavy load", "heavy_load"))
_waited_out("too_many_concurrent_tasks", "sora_web", _json(429, "too many", "too_many_concurrent_tasks"))
_waited_out("429 'saturated' of new-api", "newapi", _json(429, "当前分组上游负载已饱和，请稍后再试"))


# the other commands that pay


def _commands(name: str, answer: Answer) -> None:
    @case(f"refusal/image: {name}", PROOF)
    def play_image(stage: Stage) -> None:
        stage.connect(profile={"extra": {"image_model": "gpt-image-1"}}).on("image", answer, times=1)
        _twice(stage, "image", PROMPT, "--profile", "own", "--json")

    @case(f"refusal/enhance: {name}", PROOF, wires=("openai", "sora_web"))
    def play_enhance(stage: Stage, wire: str) -> None:
        profile = {"extra": {"enhance_model": "gpt-4o"}} if wire == "openai" else {}
        stage.connect(wire, profile=profile).on("enhance", answer, times=1)
        _twice(stage, "enhance", PROMPT, "--profile", "own", "--json")

    @case(f"refusal/character: {name}", PROOF, wires=("shenma", "newapi"))
    def play_character(stage: Stage, wire: str) -> None:
        stage.connect(wire).on("character", answer, times=1)
        source = ("--url", "https://clips.example/hero.mp4", "--start", "0", "--end", "3")
        _twice(stage, "character", "create", "hero", "--profile", "own", *source, "--json")

    @case(f"refusal/remix: {name}", PROOF, wires=("openai", "shenma", "newapi"))
    def play_remix(stage: Stage, wire: str) -> None:
        server = stage.connect(wire)
        stage.generate("the source")
        source = stage.row("the source").get("job_id", "")
        server.on("create", answer, times=1)
        for _ in range(3):
            stage.generate(PROMPT, "--remix-of", source)
        stage.hold(server.books.of(PROMPT), "no remix was sent")


def _twice(stage: Stage, *arguments: str) -> None:
    """Booked and lost; run again twice: never charged again."""
    for _ in range(3):
        stage.user.run(*arguments)
    stage.hold(stage.charges, f"nothing was sent: {stage.user.runs[0].err.strip()[-200:]}")
    for charge in stage.charges:
        stage.by_other_means(charge.order)
    codes = [run.code for run in stage.user.runs]
    stage.hold(set(codes) <= {0, 5}, f"exits {codes} instead of 5")


_commands("503 without a word", _json(503, "Service Unavailable"))
_commands("409", _json(409, "A request with these parameters is still in progress"))
_commands("302 to a page", Answer(302, b"", {"Location": "/login"}))
_commands("reset after the body", RESET)
_commands("200 with an upstream error", Answer(200, {"error": {"message": "upstream: deadline exceeded"}}))
