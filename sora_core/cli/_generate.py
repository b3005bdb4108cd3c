"""`generate`, `submit`, `resume` and `clean`: commands that end in a video file, or in its job."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engine import Engine, Handle
from ..errors import InvalidRequest
from ..files.home import output_dir
from ..media.images import FITS
from ..media.placing import copy_to, named_by_hand
from ..models import Delivery, Destination, Operation
from ..profiles.profiles import PREVIEW
from ..requests.checks import check_operation
from ..requests.kinds import ORIENTATIONS, QUALITIES, CleanLinkRequest, RemixRequest, VideoRequest
from ..requests.shots import parse_shot
from ._batch import run_batch
from ._parser import Add
from ._references import edit_source, with_references
from ._script import shots_in
from ._settings import add_settings, settings_given
from ._terminal import JSON_HELP, ProgressLine, followed, say, show, show_json, wait


def add(command: Add) -> None:
    """Adds the commands to the parser."""
    generate = command("generate", _generate)
    _add_request(generate, prompt="?")
    generate.add_argument(
        "--batch", metavar="FILE", help="many videos: a prompt or a JSON object a line (- reads from stdin)"
    )
    add_output(generate)
    submit = command("submit", _submit)
    _add_request(submit, prompt=None)
    submit.add_argument("--json", action="store_true", help=JSON_HELP)
    resume = command("resume", _resume)
    resume.add_argument("job", metavar="JOB")
    resume.add_argument("--profile", help="the profile of a remote id that is not in the ledger")
    resume.add_argument("--remote-id", metavar="ID", help="the id that an unknown submission has on the server")
    add_output(resume)
    clean = command("clean", _clean)
    clean.add_argument("source", metavar="SOURCE", help="a job of ours, an id of the server, or the address of a post")
    clean.add_argument("--profile", required=True, help="the connection")
    clean.add_argument("--confirm-rights", action="store_true", help="the clip is mine, or I have permission")
    add_settings(clean)
    add_output(clean)


def _generate(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.batch is not None:
        return run_batch(engine, arguments, request_of)
    if arguments.prompt is None:
        raise InvalidRequest("cli.no_prompt")
    request, to = request_of(engine, arguments), destination(arguments.out)
    return deliver(engine, lambda line: engine.generate(request, arguments.profile, to, line), arguments)


def _submit(engine: Engine, arguments: argparse.Namespace) -> int:
    if engine.profiles.get(arguments.profile).embedded:
        raise InvalidRequest("cli.preview_ends_with_command")
    request = request_of(engine, arguments)
    job = followed(lambda line: engine.submit(request, arguments.profile, destination(None), line))
    if arguments.json:
        facts = {"job_id": job.job_id, "remote_id": job.remote_id, "profile": job.profile, "state": job.state}
        show_json({**facts, "path": job.path})
    else:
        show(job.job_id)
    return 0


def _resume(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.remote_id:
        wait(engine.name_remote(arguments.job, arguments.remote_id))
    to = destination(arguments.out)
    return deliver(engine, lambda line: engine.resume(arguments.job, arguments.profile, to, line), arguments)


def _clean(engine: Engine, arguments: argparse.Namespace) -> int:
    if not arguments.confirm_rights:
        raise InvalidRequest("cli.say_confirm_rights_clip_yours")
    source = arguments.source.strip()
    is_url = source.startswith(("http://", "https://"))
    request = CleanLinkRequest(
        source_url=source if is_url else "",
        source_id="" if is_url else engine.source_id(source, arguments.profile),
        settings=settings_given(arguments.settings, arguments.set),
    )
    to = destination(arguments.out)
    return deliver(engine, lambda line: engine.generate(request, arguments.profile, to, line), arguments)


def request_of(engine: Engine, arguments: argparse.Namespace) -> VideoRequest | RemixRequest:
    """What the options ask for. Raises InvalidRequest."""
    # an empty value is one that a script meant to fill: never a reason to pay for another kind of video
    script, urls = arguments.script, tuple(arguments.image_url)
    if script is not None and arguments.shot:
        raise InvalidRequest("cli.script_shot_both_give_shots")
    changed = {name: getattr(arguments, name) for name in ("remix_of", "edit", "extend")}
    named = [name for name, source in changed.items() if source is not None]
    if len(named) > 1:
        raise InvalidRequest("cli.one_of_remix_edit_extend")
    if named:
        return _of_another(engine, arguments, named[0])
    shots = shots_in(script) if script is not None else tuple(parse_shot(line) for line in arguments.shot)
    operation = Operation.IMAGE_TO_VIDEO if urls else Operation.TEXT_TO_VIDEO
    request = VideoRequest(
        operation=Operation.STORYBOARD if shots else operation,
        orientation=arguments.orientation or "landscape",
        quality=arguments.quality or "standard",
        image_urls=urls,
        shots=shots,
        **_common(arguments),
    )
    return with_references(engine, request, arguments)


def _of_another(engine: Engine, arguments: argparse.Namespace, by: str) -> RemixRequest:
    """``by`` is the option that names the source: a job, or of an edit and an extension a file too."""
    for option in ("image", "image_url", "source_job", "source_frame", "last_frame", "reference", "shot", "script"):
        if getattr(arguments, option):
            raise InvalidRequest("cli.remix_takes_no_only_source", option=option.replace("_", "-"))
    source = getattr(arguments, by)
    operation = {"remix_of": Operation.REMIX, "edit": Operation.EDIT, "extend": Operation.EXTEND}[by]
    check_operation(operation, engine.capabilities(arguments.profile), arguments.profile)
    if operation is Operation.REMIX:
        source_id, clip = engine.source_id(source, arguments.profile) if source else "", None
    else:
        source_id, clip = edit_source(engine, source, arguments.profile)
    return RemixRequest(
        operation=operation,
        source_id=source_id,
        clip=clip,
        orientation=arguments.orientation,
        quality=arguments.quality,
        **_common(arguments),
    )


def _common(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "prompt": arguments.prompt,
        "model": arguments.model,
        "seconds": _seconds(arguments.seconds),
        "size": arguments.size,
        "seed": arguments.seed,
        "style": arguments.style,
        "negative_prompt": arguments.negative_prompt,
        "characters": tuple(arguments.character),
        "settings": settings_given(arguments.settings, arguments.set),
    }


def _seconds(value: int | None) -> int:
    if value is not None and value < 1:
        raise InvalidRequest("cli.seconds_no_length_give_whole", value=value)
    return value or 0


def destination(out: str | None) -> Destination:
    if not out:
        return Destination(output_dir())
    return named_by_hand(out)


def deliver(engine: Engine, ask: Callable[[ProgressLine], Handle[Delivery]], arguments: argparse.Namespace) -> int:
    delivery = followed(ask)
    if delivery.reused:
        say(f"Found finished job {delivery.job_id}; nothing was charged.")
    worked = engine.work_told(delivery.job_id)
    if worked:
        say(worked)
    paths = (_copy_out(delivery.path, arguments.out), *delivery.further)
    if arguments.json:
        show_json(delivery.facts() | {"path": str(paths[0])})
    else:
        for path in paths:
            show(str(path))
    return 0


def _copy_out(path: Path, out: str | None) -> Path:
    """A reused video lies where it was first delivered; the file that was asked for is a copy of it."""
    if not out:
        return path
    wanted = named_by_hand(out).exact or path
    if wanted != path:
        copy_to(path, wanted)
    return wanted


def _add_request(parser: argparse.ArgumentParser, *, prompt: str | None) -> None:
    """What can be asked for; ``prompt`` is argparse's word on how often it comes."""
    given: Any = parser.add_argument
    given("prompt", metavar="PROMPT", nargs=prompt)
    add_profile(parser)
    given("--model", default="", help="default: the profile's own")
    given("--seconds", type=int, metavar="N", help="default: the profile's own")
    given("--orientation", default="", choices=ORIENTATIONS, help="default: landscape, of a remix its source's")
    given("--size", default="", metavar="WxH", help="default: by orientation and quality")
    given("--quality", default="", choices=QUALITIES, help="default: standard, of a remix its source's")
    given("--image-url", action="append", default=[], metavar="URL", help="a reference image by its address (repeat)")
    add_image(parser, "a reference image (repeat)")
    given("--source-job", metavar="JOB", help="instead of --image: a job, or a video file, with whose frame it begins")
    given("--source-frame", metavar="FRAME", help="which: a number, 0 is the first, or a time as 1.5s; default: last")
    given("--last-frame", metavar="FILE", help="the picture that the video ends with; --image begins it")
    given("--reference", action="append", default=[], metavar="FILE",
          help="a picture, clip or sound that it follows (repeat)")  # fmt: skip
    given("--shot", action="append", default=[], metavar='"5s: text"', help="a shot of a storyboard (repeat)")
    given("--script", metavar="FILE", help="the shots, one a line or as JSON")
    given("--remix-of", metavar="JOB", help="the job to start from")
    given("--edit", metavar="SOURCE", help="a job, or a video file, that is changed as the prompt says")
    given("--extend", metavar="SOURCE", help="a job, or a video file, that the new one goes on from")
    given("--character", action="append", default=[], metavar="NAME", help="of the library (repeat)")
    add_settings(parser)
    given("--style", default="", help="by name, where the profile has styles")
    given("--negative-prompt", default="", metavar="TEXT", help="what is not to be seen, where the profile takes it")
    add_seed(parser)


def add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default=PREVIEW, help="the connection; default: %(default)s")


def add_image(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--image", action="append", default=[], metavar="FILE", help=f"{what}; turned and fitted")
    parser.add_argument("--fit", default=FITS[0], choices=FITS, help="how an image gets its size; default: %(default)s")


def add_seed(parser: argparse.ArgumentParser) -> None:
    words = "another seed is another take, and another payment; default: %(default)s"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=words)


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", help="default: the next free name in the output folder")
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
