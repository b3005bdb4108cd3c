"""Lists that lag, lie, translate and lack: the answer to the POST is lost, the job is paid, and the list is asked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from adversary.servers import OpenAI, SoraWeb
from adversary.stage import Stage, case
from adversary.wire import RESET, Answer, Request

ABSENT = "A list rules a submission out only with items whose prompt is known to come back as sent"
STRANGERS = "Any unowned item of two days is a stranger; strangers keep it unknown and are named"
FACTS = "Look-ups match on all facts the list shows"
PROMPT = "a red fox crosses the frozen river at dawn"
LISTED = ("openai", "sora_web")

Item = dict[str, Any]


def listing(stage: Stage, change: Callable[[list[Item]], list[Item]], kind: type[OpenAI] = OpenAI) -> OpenAI:
    """A server whose list goes through ``change``; the answer to the first POST is lost after it was booked."""
    server = stage.connect(kind)
    assert isinstance(server, OpenAI)
    server.on("create", RESET, times=1)

    def rule(request: Request, honest: Callable[[], Answer]) -> Answer:
        page = copy.deepcopy(honest().body)
        page["data"] = change(page["data"])
        return Answer(200, page)

    server.on("list", rule)
    return server


def reruns(stage: Stage, prompt: str = PROMPT, times: int = 3, *more: str) -> None:
    for _ in range(times):
        stage.generate(prompt, *more)


def each(**changes: Any) -> Callable[[list[Item]], list[Item]]:
    """The same change to every item; a function gets the item."""

    def change(items: list[Item]) -> list[Item]:
        for item in items:
            item.update({name: value(item) if callable(value) else value for name, value in changes.items()})
        return items

    return change


@case("list/honest", "unknown is looked up for free by the next run", wires=LISTED)
def honest(stage: Stage, wire: str) -> None:
    stage.connect(wire).on("create", RESET, times=1)
    reruns(stage)
    stage.want(PROMPT)


@case("list/lags for three looks", ABSENT, wires=LISTED)
def lags(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.on("create", RESET, times=1)
    empty: Any = [] if wire == "sora_web" else {"object": "list", "data": [], "has_more": False}
    server.on("list", Answer(200, empty), times=3)
    server.on("drafts", Answer(200, {"drafts": []}), times=3)
    reruns(stage, times=5)


@case("list/lags behind an older job of ours", ABSENT)
def lags_behind_ours(stage: Stage) -> None:
    server = stage.connect()
    stage.generate("an older one")
    server.on("create", RESET, times=1)
    older = server.books.rows[0].film
    stale = Answer(200, {"object": "list", "data": [server.shown(server.books.rows[0])], "has_more": False})  # type: ignore[attr-defined]
    server.on("list", stale, times=4)
    reruns(stage, times=5)
    stage.hold(older in stage.user.held(), "the older one is gone")


@case("list/of another account", STRANGERS)
def another_account(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=1)
    strangers = [server.make(f"somebody's clip {number}", ago=60.0 * number) for number in range(1, 4)]
    shown = [server.shown(row) for row in strangers]  # type: ignore[attr-defined]
    server.on("list", Answer(200, {"object": "list", "data": shown, "has_more": False}))
    reruns(stage)
    said = stage.user.runs[-1].err
    stage.hold(any(row.id in said for row in strangers), f"the strangers are not named: {said.strip()[-300:]}")


@case("list/of another account, with one older job of ours", STRANGERS)
def another_account_and_ours(stage: Stage) -> None:
    server = stage.connect()
    stage.generate("an older one")
    server.on("create", RESET, times=1)
    ours = server.books.rows[0]
    strangers = [server.make(f"somebody's clip {number}", ago=30.0 * number) for number in range(1, 4)]
    shown = [server.shown(row) for row in (*strangers, ours)]  # type: ignore[attr-defined]
    server.on("list", Answer(200, {"object": "list", "data": shown, "has_more": False}))
    reruns(stage)


@case("list/renames the model", FACTS)
def renamed_model(stage: Stage) -> None:
    listing(stage, each(model="wan2.2-t2v-a14b"))
    reruns(stage, PROMPT, 3, "--model", "sora-2")


@case("list/renames the model, beside an older job of ours", ABSENT)
def renamed_model_after_ours(stage: Stage) -> None:
    server = stage.connect()
    stage.generate("an older one", "--model", "sora-2")
    server.on("create", RESET, times=1)

    def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
        page = copy.deepcopy(honest().body)
        for item in page["data"]:
            item["model"] = "sora-2" if item["prompt"] == "an older one" else "sora-2-2025-12-08"
        return Answer(200, page)

    server.on("list", rule)
    reruns(stage, PROMPT, 3, "--model", "sora-2")


@case("list/translates prompts", ABSENT)
def translated(stage: Stage) -> None:
    listing(stage, each(prompt="A red fox crosses a frozen river in the early morning"))
    reruns(stage, "一只红狐狸在黎明时分穿过结冰的河流")


@case("list/translates prompts, beside an older job of ours that it left alone", ABSENT)
def translated_after_ours(stage: Stage) -> None:
    server = stage.connect()
    stage.generate("an older one")
    server.on("create", RESET, times=1)

    def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
        page = copy.deepcopy(honest().body)
        for item in page["data"]:
            if not item["prompt"].isascii():
                item["prompt"] = "A red fox crosses a frozen river in the early morning"
        return Answer(200, page)

    server.on("list", rule)
    reruns(stage, "一只红狐狸在黎明时分穿过结冰的河流")


REWRITTEN = (
    "Cinematic wide shot, golden hour. A red fox, fur glistening with frost, slowly crosses the frozen river as the "
    "first light of dawn spills over distant pines. 35mm, shallow depth of field."
)


@case("list/rewrites prompts", ABSENT)
def rewritten(stage: Stage) -> None:
    listing(stage, each(prompt=REWRITTEN))
    reruns(stage)


@case("list/rewrites prompts a little", ABSENT)
def rewritten_a_little(stage: Stage) -> None:
    listing(
        stage, each(prompt=lambda item: item["prompt"].replace("red fox", "crimson vixen").replace("dawn", "sunrise"))
    )
    reruns(stage)


@case("list/rewrites prompts, and a stranger's is more like ours", "0.6 similarity is no proof")
def rewritten_beside_a_stranger(stage: Stage) -> None:
    server = listing(
        stage,
        lambda items: [{**item, "prompt": REWRITTEN if item["prompt"] == PROMPT else item["prompt"]} for item in items],
    )
    server.on(
        "create", lambda _, honest: (honest(), server.make("a red fox crosses the frozen river at dusk"), RESET)[2], 1
    )
    server._rules["create"].reverse()
    reruns(stage)


@case("list/without prompts", ABSENT)
def no_prompts(stage: Stage) -> None:
    listing(stage, each(prompt=None))
    reruns(stage)


@case("list/cuts prompts to 24 characters", ABSENT)
def cut_prompts(stage: Stage) -> None:
    listing(stage, each(prompt=lambda item: item["prompt"][:24]))
    reruns(stage)


def _full(stage: Stage, more: dict[str, Any]) -> None:
    """A first page of the newest twenty (or as many as were asked for), of others' jobs; nothing leads to a second."""
    server = stage.connect()
    server.on("create", RESET, times=1)
    assert isinstance(server, OpenAI)

    def rule(request: Request, _: Callable[[], Answer]) -> Answer:
        if request.query.get("after"):
            return Answer(200, {"object": "list", "data": [], **more})
        limit = min(int(request.query.get("limit") or 20), 100)
        rows = [server.shown(server.make(f"somebody's clip {number}", ago=float(number))) for number in range(limit)]
        return Answer(200, {"object": "list", "data": rows, **more})

    server.on("list", rule)
    reruns(stage)


@case("list/a full page that says nothing of more", "a page that is full and says nothing of more")
def full_page(stage: Stage) -> None:
    _full(stage, {})


@case("list/a full page that denies more", "a page that is full and says nothing of more")
def full_page_that_lies(stage: Stage) -> None:
    _full(stage, {"has_more": False})


@case("list/a page of five, whatever was asked for", "a page that is full and says nothing of more")
def short_page(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=1)
    assert isinstance(server, OpenAI)
    rows = [server.make(f"somebody's clip {number}", ago=3 * 86400.0 + number) for number in range(5)]
    server.on("list", Answer(200, {"object": "list", "data": [server.shown(row) for row in rows]}))
    reruns(stage)


@case("list/clock five hours behind", "clocks apart by more than the window")
def clock_behind(stage: Stage) -> None:
    server = listing(stage, lambda items: items)
    server.skew = -5 * 3600.0
    reruns(stage)


@case("list/clock nine hours ahead", "clocks apart by more than the window")
def clock_ahead(stage: Stage) -> None:
    server = listing(stage, lambda items: items)
    server.skew = 9 * 3600.0
    reruns(stage)


@case("list/clock three days behind", "clocks apart by more than the window")
def clock_days_behind(stage: Stage) -> None:
    server = listing(stage, lambda items: items)
    server.skew = -3 * 86400.0
    reruns(stage)


@case("list/clock five hours behind", "clocks apart by more than the window", wires=("sora_web",))
def web_clock_behind(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.on("create", RESET, times=1)
    server.skew = -5 * 3600.0
    reruns(stage)


@case("list/created_at in milliseconds", FACTS)
def milliseconds(stage: Stage) -> None:
    listing(stage, each(created_at=lambda item: item["created_at"] * 1000))
    reruns(stage)
    stage.want(PROMPT)


@case("list/without created_at", ABSENT)
def no_time(stage: Stage) -> None:
    listing(stage, each(created_at=None))
    reruns(stage)


@case("list/facts adjusted by the server", FACTS)
def adjusted(stage: Stage) -> None:
    listing(stage, each(size="1280x704", seconds="5"))
    reruns(stage, PROMPT, 3, "--size", "1280x720", "--seconds", "4")


@case("list/two sizes of one prompt", "two sizes came back swapped")
def two_sizes(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=2)
    stage.allow(PROMPT, 2)
    sizes = ("1280x720", "720x1280")
    for _ in range(2):
        for size in sizes:
            stage.generate(PROMPT, "--size", size, "--out", str(stage.user.output / f"{size}.mp4"))
    _right_sizes(stage, {row.film: row.fields.get("size") for row in server.books.own})
    stage.want(PROMPT)


@case("list/two sizes of one prompt, collected the other way round", "two sizes came back swapped")
def two_sizes_backwards(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=2)
    server.on("list", Answer(500, {"error": {"message": "not now"}}), times=12)
    stage.allow(PROMPT, 2)
    for size in ("1280x720", "720x1280"):
        stage.generate(PROMPT, "--size", size, "--out", str(stage.user.output / f"{size}.mp4"))
    server.honest("list")
    for size in ("720x1280", "1280x720"):
        stage.generate(PROMPT, "--size", size, "--out", str(stage.user.output / f"{size}.mp4"))
    _right_sizes(stage, {row.film: row.fields.get("size") for row in server.books.own})


def _right_sizes(stage: Stage, made: dict[str, Any]) -> None:
    for film, path in stage.user.held().items():
        stage.hold(path.stem == made.get(film), f"{path.name} was made as {made.get(film)}", "stranger")


@case("list/an older one of the same prompt by another program", FACTS)
def same_prompt_elsewhere(stage: Stage) -> None:
    """Ours was never taken; the list shows one that was made a quarter of an hour before it was sent."""
    server = stage.connect()
    server.make(PROMPT, ago=900.0, account="")
    server.on("create", RESET, times=1, charged=False)
    reruns(stage, times=2)


@case("list/a twin by another program, of another size", FACTS)
def twin_of_another_size(stage: Stage) -> None:
    server = stage.connect()

    def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
        server.make(PROMPT, size="720x1280", seconds="12")
        return RESET

    server.on("create", rule, times=1)
    reruns(stage, PROMPT, 2, "--size", "1280x720", "--seconds", "4")


@case("list/forgot everything in a restart", ABSENT)
def restarted(stage: Stage) -> None:
    server = listing(stage, lambda _: [])
    stage.generate(PROMPT)
    server.on("fetch", Answer(404, {"error": {"message": "Video not found"}}))
    reruns(stage)


@case("list/empty for good on a server whose list has always worked", ABSENT)
def empties(stage: Stage) -> None:
    """Its memory holds what ran in the last minute only; our older job has been seen there before."""
    server = stage.connect()
    stage.generate("an older one")
    server.on("create", RESET, times=1)
    server.on("list", Answer(200, {"object": "list", "data": [], "has_more": False}))
    reruns(stage)


@case("list/is a web page", "an HTML answer to both POST and witness proves nothing")
def page_for_a_list(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=1)
    server.on("list", Answer(200, "<!doctype html><title>Console</title><div id=app></div>"))
    reruns(stage)


@case("list/404, 500, then honest", "looked up again for free by the next run")
def trouble_then_honest(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=1)
    server.on("list", Answer(404, {"message": "no Route matched with those values"}), times=2)
    server.on("list", Answer(500, {"error": {"message": "database"}}), times=2)
    reruns(stage, times=6)
    stage.want(PROMPT)


@case("list/never taken, and the list says so", "rerun pays once at most")
def never_taken(stage: Stage) -> None:
    server = stage.connect()
    stage.generate("an older one")
    server.on("create", RESET, times=1, charged=False)
    reruns(stage, times=3)


@case("list/four lost orders of one prompt, looked up at once", "four concurrent look-ups shared one id", speed=1.0)
def four_at_once(stage: Stage) -> None:
    server = stage.connect()
    server.on("create", RESET, times=4)
    server.on("list", Answer(500, {"error": {"message": "not now"}}), times=40)
    stage.allow(PROMPT, 4)
    lost = [stage.begin(PROMPT, "--seed", str(seed)) for seed in range(1, 5)]
    for process in lost:
        stage.user.keep(process.wait(20))
    server.honest()
    again = [stage.begin(PROMPT, "--seed", str(seed)) for seed in range(1, 5)]
    for process in again:
        stage.user.keep(process.wait(20))
    ids = [job["remote_id"] for job in stage.user.jobs() if job.get("remote_id")]
    stage.hold(len(ids) == len(set(ids)), f"one id in several rows: {ids}")
    stage.hold(len(server.books.own) == 4, f"{len(server.books.own)} charges for four orders")


class LaggingWeb(SoraWeb):
    """Drafts whose prompt was written out by the server."""

    def drafts(self, request: Request) -> dict[str, Any]:
        found = super().drafts(request)
        for item in found["drafts"]:
            item["prompt"] = REWRITTEN
        return found

    def pending(self, key: str) -> list[dict[str, Any]]:
        return [{**item, "prompt": REWRITTEN} for item in super().pending(key)]


@case("list/rewrites prompts", ABSENT, wires=("sora_web",))
def web_rewrites(stage: Stage, wire: str) -> None:
    stage.connect(LaggingWeb).on("create", RESET, times=1)
    reruns(stage)


@case("list/a twin by another program, the same in every fact", STRANGERS)
def twin(stage: Stage) -> None:
    """Two items that nobody can tell apart: one is ours."""
    server = stage.connect()

    def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
        honest()
        twin = server.make(PROMPT)
        twin.fields = dict(server.books.own[0].fields)
        return RESET

    server.on("create", rule, times=1)
    reruns(stage)


@case("list/shows ours twice", FACTS)
def twice(stage: Stage) -> None:
    listing(stage, lambda items: [*items, *items])
    reruns(stage)
    stage.want(PROMPT)


@case("list/a failed job of the same prompt, and ours", FACTS)
def failed_before(stage: Stage) -> None:
    """The first order failed and was told; the second one's answer is lost: the list shows both."""
    server = stage.connect()
    stage.allow(PROMPT, 2)
    stage.submitted(PROMPT)
    server.books.rows[0].state = "failed"
    stage.release()
    stage.generate(PROMPT)
    server.on("create", RESET, times=1)
    reruns(stage)
    stage.want(PROMPT)
