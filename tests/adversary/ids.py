"""Ids that are somebody else's, and requests that are the same on the wire."""

from __future__ import annotations

from adversary.servers import ALL, Server
from adversary.stage import Stage, case
from adversary.wire import RESET, Answer

OURS = "An id that is already another row's, in a create or a poll answer, is never ours"
WIRE = "Same wire, same claim; other wire, other claim"
FIRST, SECOND = "the first order of the day", "the second order of the day"
RELAYS = ("openai", "apiyi", "shenma", "newapi")


@case("id/create answers with another row's", OURS, wires=ALL)
def in_create(stage: Stage, wire: str) -> None:
    """A cache in front of the server: the second POST is booked and gets the first one's answer."""
    server = stage.connect(wire)
    stage.generate(FIRST)
    first = server.books.rows[0].id
    key = "task_id" if wire in ("shenma", "generic") else "id"
    server.on("create", Answer(200, {key: first, "status": "queued", "object": "video"}), times=1)
    for _ in range(2):
        run = stage.generate(SECOND)
        films = {str(path): film for film, path in stage.user.held().items()}
        handed_out = run.code == 0 and films.get(run.json["path"]) == server.books.rows[0].film
        stage.hold(not handed_out, "the first order's video was handed out for the second", "stranger")
    second = stage.row(SECOND)
    stage.hold(second.get("remote_id") != first, "two rows with one id")
    stage.hold(len(server.books.of(SECOND)) == 1, f"{len(server.books.of(SECOND))} charges", "double")


@case("id/create answers with the id of a job that runs", OURS, wires=("openai", "shenma"))
def in_create_running(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    stage.submitted(FIRST)
    first = server.books.rows[0].id
    key = "task_id" if wire in ("shenma", "generic") else "id"
    server.on("create", Answer(200, {key: first, "status": "queued", "object": "video"}), times=1)
    stage.release()
    stage.generate(SECOND)
    stage.generate(FIRST)
    stage.generate(SECOND)
    ids = [job.get("remote_id") for job in stage.user.jobs() if job.get("remote_id")]
    stage.hold(len(ids) == len(set(ids)), f"two rows with one id: {ids}")
    stage.want(FIRST)


@case("id/a poll answers with another row's job", OURS, wires=("openai", "apiyi", "skyriff", "shenma", "newapi"))
def in_poll(stage: Stage, wire: str) -> None:
    """The status of the first, which is done, for the second, which runs."""
    server = stage.connect(wire)
    stage.generate(FIRST)
    first = server.books.rows[0].id
    stage.submitted(SECOND)
    stage.release()

    def rule(request: object, honest: object) -> Answer:
        return _status(server, first)

    server.on("fetch", rule, times=4)
    stage.generate(SECOND, limit=8)
    server.honest()
    stage.generate(SECOND)
    delivered = stage.row(SECOND)
    films = {str(path): film for film, path in stage.user.held().items()}
    stage.hold(
        films.get(str(delivered.get("path"))) != server.books.rows[0].film,
        "the first order's video was handed out for the second",
        "stranger",
    )
    stage.hold(delivered.get("remote_id") != first, "the row took the other's id")
    stage.want(SECOND)


def _status(server: Server, name: str) -> Answer:
    charge = server.books.find(name)
    assert charge
    return server.fetch(name, charge.account)  # type: ignore[attr-defined, no-any-return]


@case("id/the list shows one that is another row's", OURS)
def in_list(stage: Stage) -> None:
    """The same prompt with another seed: the list shows only the first, under the same facts."""
    server = stage.connect()
    stage.allow(FIRST, 2)
    stage.generate(FIRST, "--seed", "1")
    first = server.books.rows[0]
    server.on("create", RESET, times=1)
    shown = server.shown(first)  # type: ignore[attr-defined]
    server.on("list", Answer(200, {"object": "list", "data": [shown], "has_more": False}), times=4)
    stage.generate(FIRST, "--seed", "2")
    stage.generate(FIRST, "--seed", "2")
    ids = [job.get("remote_id") for job in stage.user.jobs() if job.get("remote_id")]
    stage.hold(len(ids) == len(set(ids)), f"two rows with one id: {ids}")
    stage.hold(len(server.books.own) == 2, f"{len(server.books.own)} charges for two orders", "double")


def _odd(name: str, ids: str) -> None:
    @case(f"id/{name}", "an id is taken as it is", wires=("openai", "skyriff"))
    def play(stage: Stage, wire: str) -> None:
        server = stage.connect(wire)
        server.ids = lambda: ids
        stage.generate(FIRST)
        stage.want(FIRST)


_odd("with a colon", "sora-2:task_01k6x15vhrff09dkkqjrzwhm60")
_odd("base64", "video_bGl0ZWxsbTpjdXN0b21fbGxtOnNvcmE7bW9kZWw6eA==")


# the same bytes


def same(
    stage: Stage, first: tuple[str, ...], second: tuple[str, ...], wire: str = "openai", **profile: object
) -> None:
    """If both put the same on the wire, only one is paid."""
    server = stage.connect(wire, profile=profile)
    stage.allow(FIRST, 2)
    stage.generate(FIRST, *first)
    stage.generate(FIRST, *second)
    sent = [row.wire for row in server.books.own]
    text = f"{' '.join(first) or 'nothing'} and {' '.join(second) or 'nothing'} are the same bytes, and were paid twice"
    stage.hold(len(sent) == len(set(sent)), text, "double")
    stage.hold(sent, "nothing was sent at all")


def _same(name: str, first: str, second: str, wires: tuple[str, ...] = ("openai",), **profile: object) -> None:
    @case(f"wire/{name}", WIRE, wires=wires)
    def play(stage: Stage, wire: str) -> None:
        same(stage, tuple(first.split()), tuple(second.split()), wire, **profile)


_same("720x1280 and portrait", "--size 720x1280", "--orientation portrait", ("openai", "apiyi", "skyriff"))
_same("1280x720 and landscape", "--size 1280x720", "--orientation landscape", ("openai", "apiyi", "skyriff"))
_same("hd and 1920x1080", "--quality hd", "--size 1920x1080")
_same(
    "hd and 1920x1080 as documented",
    "--quality hd --model sora-2-pro",
    "--size 1920x1080 --model sora-2-pro",
    dialect="openai",
)
_same("portrait and 720x1280 as documented", "--orientation portrait", "--size 720x1280", dialect="openai")
_same("portrait of hd and 1080x1920", "--quality hd --orientation portrait", "--size 1080x1920")
_same("the profile's model and the same by name", "", "--model sora-2", RELAYS, model="sora-2")
_same("the usual length and the same by number", "", "--seconds 4")
_same(
    "the usual length and the same by number, of relays",
    "",
    "--seconds 10",
    ("apiyi", "skyriff", "shenma", "newapi", "sora_web"),
)
_same("standard and nothing", "", "--quality standard", ALL)
_same("landscape and nothing", "", "--orientation landscape", ALL)


@case("wire/the same picture under two names", WIRE, wires=("openai", "apiyi"))
def same_picture(stage: Stage, wire: str) -> None:
    """A multipart form carries a file name, which says nothing of the order."""
    from PIL import Image

    paths = [stage.user.folder / name for name in ("first.png", "second.png")]
    for path in paths:
        Image.new("RGB", (1280, 720), (40, 90, 160)).save(path)
    same(stage, ("--image", str(paths[0])), ("--image", str(paths[1])), wire)


@case("wire/a size and its model's name at skyriff", WIRE)
def model_name(stage: Stage) -> None:
    same(stage, ("--orientation", "portrait", "--seconds", "15"), ("--model", "sora2-portrait-15s"), "skyriff")


@case("wire/the profile's extra changes", "a changed profile extra changes the bytes and returns the old file")
def extra(stage: Stage) -> None:
    server = stage.server()
    stage.user.profile(server, extra={"guidance_scale": "3"})
    stage.generate(FIRST)
    stage.user.profile(server, extra={"guidance_scale": "9"})
    stage.allow(FIRST, 2)
    run = stage.generate(FIRST)
    sent = [row.fields.get("guidance_scale") for row in server.books.own]
    stage.hold(
        sent == ["3", "9"], f"guidance_scale as it was sent: {sent}; the old file was handed out: {run.out.strip()}"
    )
    stage.user.profile(server, extra={"guidance_scale": "3"})
    stage.generate(FIRST)


@case("wire/the profile's extra is set where the request names the same", WIRE)
def extra_is_no_change(stage: Stage) -> None:
    """A setting that is not sent (`timeout`) changes no byte."""
    server = stage.server()
    stage.user.profile(server)
    stage.generate(FIRST)
    stage.user.profile(server, extra={"timeout": "90"})
    stage.generate(FIRST)


@case("wire/the profile's model changes", "other wire, other claim", wires=("openai", "shenma"))
def model_changes(stage: Stage, wire: str) -> None:
    server = stage.connect(wire, profile={"model": "sora-2"})
    stage.generate(FIRST)
    stage.user.profile(server, model="sora-2-pro")
    stage.allow(FIRST, 2)
    stage.generate(FIRST)
    models = [row.fields.get("model") for row in server.books.own]
    stage.hold(models == ["sora-2", "sora-2-pro"], f"models as they were sent: {models}")


@case("id/a poll answers with another row's failure", OURS, wires=("openai", "apiyi", "skyriff", "shenma", "newapi"))
def failure_in_poll(stage: Stage, wire: str) -> None:
    """The first failed; for the second, which runs, the server once answers with that."""
    server = stage.connect(wire)
    stage.submitted(FIRST)
    first = server.books.rows[0]
    first.state = "failed"
    stage.generate(FIRST)
    stage.submitted(SECOND)
    stage.release()
    server.on("fetch", lambda _request, _honest: _status(server, first.id), times=2)
    stage.generate(SECOND, limit=8)
    stage.generate(SECOND)
    stage.want(SECOND)


@case("wire/a remix by our id and by the server's", WIRE, wires=("openai", "shenma", "newapi"))
def remix_twice(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    stage.generate("the source")
    source = stage.row("the source")
    stage.allow(FIRST, 2)
    for name in (source.get("job_id", ""), source.get("remote_id", "")):
        stage.generate(FIRST, "--remix-of", name)
    sent = [row.wire for row in server.books.of(FIRST)]
    stage.hold(sent, "nothing was sent at all")
    stage.hold(len(sent) == len(set(sent)), "the same remix was paid twice", "double")


@case("wire/shots and the same as a script", WIRE, wires=("openai", "shenma", "sora_web"))
def shots(stage: Stage, wire: str) -> None:
    path = stage.user.folder / "script.txt"
    path.write_text("[5s] a door opens\n[5s] a cat walks in\n", "utf-8")
    same(stage, ("--shot", "5s: a door opens", "--shot", "5s: a cat walks in"), ("--script", str(path)), wire)


@case("wire/a space at the end of the prompt", WIRE, wires=RELAYS)
def spaced(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    stage.generate(FIRST)
    stage.generate(f"{FIRST} ")
    sent = [row.wire for row in server.books.own]
    stage.hold(len(sent) == len(set(sent)), "the same bytes were paid twice", "double")


@case("wire/a picture that is uploaded first, twice", WIRE)
def uploaded(stage: Stage) -> None:
    """Each upload has an id of its own; the order is the same."""
    from PIL import Image

    path = stage.user.folder / "first.png"
    Image.new("RGB", (1280, 720), (90, 40, 160)).save(path)
    server = stage.connect("sora_web")
    for _ in range(2):
        stage.generate(FIRST, "--image", str(path))
    stage.hold(len(server.books.own) == 1, f"{len(server.books.own)} charges")
    stage.want(FIRST)
