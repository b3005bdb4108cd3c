"""The command: `python -m sora_core`, installed as `sora-video`."""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import getpass
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import __version__
from . import ledger as rows
from .checks import ORIENTATIONS, QUALITIES
from .doctor import examine
from .engine import Engine, Waiter
from .errors import InvalidRequest, JobNotFound, SoraError, StorageError
from .home import output_dir
from .ledger import Job
from .models import Delivery, Destination, GenerationRequest, Operation, Progress
from .profiles import AUTH_SCHEMES, Profile
from .providers import PROVIDERS, provider_for
from .shots import parse_shot
from .transport.urls import is_local

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is the error tree's."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    engine = Engine()
    try:
        code: int = arguments.run(engine, arguments)
        return code
    except SoraError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("Interrupted. 已中断。")
        return INTERRUPTED
    finally:
        engine.close()


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stderr.write(text.encode(sys.stderr.encoding or "utf-8", "replace").decode(sys.stderr.encoding or "utf-8"))
    sys.stderr.write("\n")
    sys.stderr.flush()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _print_json(value: Any) -> None:
    _print(json.dumps(value, ensure_ascii=True, default=str))


class _ProgressLine:
    """Progress on stderr: one line that is rewritten on a terminal, else a line a change of stage or 10 s."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._shown = ("", 0.0)
        self.job_id = ""

    def __call__(self, progress: Progress) -> None:
        self.job_id = progress.job_id or self.job_id
        stage, at = self._shown
        if self._tty:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{str(progress)[:width]}")
            sys.stderr.flush()
        elif progress.stage != stage or time.monotonic() - at > 10:
            self._shown = (progress.stage, time.monotonic())
            _say(str(progress))

    def end(self) -> None:
        if self._tty:
            sys.stderr.write("\r\x1b[K")


def _generate(engine: Engine, arguments: argparse.Namespace) -> int:
    request = _request(engine, arguments)
    progress = _ProgressLine()
    waiter = engine.generate(request, arguments.profile, _destination(arguments.out), progress)
    return _deliver(engine, waiter, progress, arguments)


def _resume(engine: Engine, arguments: argparse.Namespace) -> int:
    progress = _ProgressLine()
    waiter = engine.resume(arguments.job, arguments.profile, _destination(arguments.out), progress)
    return _deliver(engine, waiter, progress, arguments)


def _request(engine: Engine, arguments: argparse.Namespace) -> GenerationRequest:
    shots = tuple(parse_shot(line) for line in arguments.shot)
    images = _images(arguments.image)
    operation = Operation.TEXT_TO_VIDEO
    if arguments.remix_of:
        operation = Operation.REMIX
    elif shots:
        operation = Operation.STORYBOARD
    elif images:
        operation = Operation.IMAGE_TO_VIDEO
    return GenerationRequest(
        operation=operation,
        prompt=arguments.prompt,
        model=arguments.model,
        seconds=_seconds(arguments.seconds),
        orientation=arguments.orientation,
        quality=arguments.quality,
        size=arguments.size,
        seed=arguments.seed,
        style=arguments.style,
        negative_prompt=arguments.negative_prompt,
        characters=tuple(arguments.character),
        images=images,
        shots=shots,
        source_id=engine.source_id(arguments.remix_of, arguments.profile) if arguments.remix_of else "",
    )


def _seconds(value: int | None) -> int:
    if value is not None and value < 1:
        raise InvalidRequest(f"{value} seconds is no length; give whole seconds from 1, or leave it out.")
    return value or 0


def _images(paths: Sequence[str]) -> Any:
    if not paths:
        return ()
    from .media.images import upload_from_file

    return tuple(upload_from_file(Path(path)) for path in paths)


def _destination(out: str | None) -> Destination:
    if not out:
        return Destination(output_dir())
    path = Path(out).expanduser().absolute()
    if path.is_dir():
        raise InvalidRequest(f"{path} is a folder; --out names a file.")
    return Destination(path.parent, path.stem, exact=path)


def _deliver(engine: Engine, waiter: Waiter[Delivery], progress: _ProgressLine, arguments: argparse.Namespace) -> int:
    try:
        delivery = _wait(waiter)
    except KeyboardInterrupt:
        waiter.abandon()
        _let_submission_finish(engine, progress.job_id)
        raise
    finally:
        progress.end()
    if delivery.reused:
        _say(f"Found finished job {delivery.job_id}; nothing was charged.")
    path = _copy_out(delivery.path, arguments.out)
    if arguments.json:
        _print_json({**asdict(delivery), "path": str(path)})
    else:
        _print(str(path))
    return 0


def _copy_out(path: Path, out: str | None) -> Path:
    """A reused video lies where it was first delivered; the file that was asked for is a copy of it."""
    if not out:
        return path
    wanted = Path(out).expanduser().absolute()
    if wanted != path:
        try:
            shutil.copyfile(path, wanted)
        except OSError as error:
            raise StorageError(f"{wanted} cannot be written: {error.strerror}; the video is {path}.") from error
    return wanted


def _wait(waiter: Waiter[Any]) -> Any:
    # in slices: a blocked wait would not notice Ctrl-C on every platform
    while True:
        try:
            return waiter.result(0.2)
        except concurrent.futures.TimeoutError:
            if waiter.future.done():
                raise


def _let_submission_finish(engine: Engine, job_id: str) -> None:
    """A request that has left may be paid already: its id is worth waiting for. Ctrl-C again does not wait."""
    told = False
    while job_id:
        try:
            job = engine.ledger.get(job_id)
        except JobNotFound:
            return
        if job.state != rows.SUBMITTING or job.sent_at is None:
            if job.remote_id:
                _say(f"Job {job_id} goes on; `sora-video resume {job_id}` collects it for free.")
            return
        if not told:
            _say("The request is on its way; waiting for the job's id so that it is not lost.")
            told = True
        time.sleep(0.1)


def _jobs(engine: Engine, arguments: argparse.Namespace) -> int:
    jobs = engine.ledger.jobs()
    if arguments.json:
        _print_json([_job_facts(job) for job in jobs])
        return 0
    for job in jobs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created_at))
        prompt = " ".join(job.prompt.split())[:40]
        _print(f"{job.job_id}  {when}  {job.profile:12} {job.state:10} {job.remote_id or '-'}  {job.path or prompt}")
        hint = _hint(job)
        if hint:
            _print(f"    {hint}")
    return 0


def _job_facts(job: Job) -> dict[str, Any]:
    hidden = ("fingerprint", "request", "metadata", "owner", "url", "part_validator", "planned_path", "idempotency_key")
    return {name: value for name, value in asdict(job).items() if name not in hidden} | {"hint": _hint(job)}


def _hint(job: Job) -> str:
    if job.state == rows.UNKNOWN:
        return (
            f"{job.error} Run the request again to look it up; `forget` it if the provider shows it was not accepted."
        )
    if job.over:
        return job.error or ""
    return "" if job.state == rows.DELIVERED else f"`sora-video resume {job.job_id}` collects it for free."


def _cancel(engine: Engine, arguments: argparse.Namespace) -> int:
    job = _wait(engine.cancel(arguments.job))
    _say(f"Job {job.job_id} is canceled on the server. What it had done by then may stay billed.")
    return 0


def _forget(engine: Engine, arguments: argparse.Namespace) -> int:
    job = engine.ledger.find(arguments.job)
    engine.ledger.forget(job.job_id)
    _say(f"Job {job.job_id} ({job.state}) is forgotten: the same request will be submitted, and paid, anew.")
    if job.path:
        _say(f"Its file stays: {job.path}")
    return 0


def _profiles_list(engine: Engine, arguments: argparse.Namespace) -> int:
    profiles = engine.profiles.all().values()
    facts = [{**asdict(profile), "key": engine.credentials.source(profile)} for profile in profiles]
    if arguments.json:
        _print_json(facts)
        return 0
    for fact in facts:
        address = "built in, free, renders an animatic" if fact["embedded"] else fact["base_url"]
        _print(f"{fact['name']:16} {fact['provider']:10} {address}  (key: {fact['key']})")
    return 0


def _profiles_add(engine: Engine, arguments: argparse.Namespace) -> int:
    key = sys.stdin.readline().strip() if arguments.key_stdin else ""
    if arguments.key_stdin and not key:
        raise InvalidRequest("--key-stdin was given, but there was no key on standard input.")
    has_key = bool(key or arguments.key_env)
    profile = Profile(
        name=arguments.name,
        provider=arguments.provider,
        base_url=arguments.base_url,
        auth=arguments.auth or ("bearer" if has_key or not is_local(arguments.base_url) else "none"),
        key_env=arguments.key_env,
        proxy=arguments.proxy,
        requests_per_minute=arguments.rpm,
        max_jobs=arguments.max_jobs,
        poll_seconds=arguments.poll,
        dialect=arguments.dialect,
        model=arguments.model,
        allow_http=arguments.allow_http,
        extra=_extra(arguments.extra),
    )
    provider = provider_for(profile)
    profile.check()
    provider.base_url()
    provider.capabilities()
    engine.profiles.add(profile)
    if key:
        engine.credentials.set(profile.name, key)
    _say(f"Profile '{profile.name}' is in {engine.profiles.path}; try it with `sora-video doctor {profile.name}`.")
    return 0


def _extra(pairs: Sequence[str]) -> dict[str, str]:
    extra = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InvalidRequest(f"--extra takes KEY=VALUE, not '{pair}'.")
        extra[name.strip()] = value
    return extra


def _profiles_key(engine: Engine, arguments: argparse.Namespace) -> int:
    profile = engine.profiles.get(arguments.name)
    if profile.embedded:
        raise InvalidRequest("The profile 'preview' needs no key.")
    asked = getpass.getpass(f"Key of profile '{profile.name}': ") if sys.stdin.isatty() else sys.stdin.readline()
    engine.credentials.set(profile.name, asked)
    _say(f"The key of profile '{profile.name}' is stored.")
    return 0


def _profiles_remove(engine: Engine, arguments: argparse.Namespace) -> int:
    engine.profiles.remove(arguments.name)
    engine.credentials.delete(arguments.name)
    _say(f"Profile '{arguments.name}' and its stored key are removed; its jobs stay in the ledger.")
    return 0


def _doctor(engine: Engine, arguments: argparse.Namespace) -> int:
    marks = {True: "ok  ", False: "FAIL", None: "-   "}
    code = 0
    for finding in examine(engine, arguments.profile):
        _print(f"{marks[finding.ok]} {finding.check}: {finding.detail}")
        if finding.error:
            code = code or finding.error.exit_code
            _print(f"     {finding.error.fix}\n     {finding.error.title_zh}。{finding.error.fix_zh}".rstrip())
    return code


def _quota(engine: Engine, arguments: argparse.Namespace) -> int:
    quota = _wait(engine.quota(arguments.profile))
    if arguments.json:
        _print_json(asdict(quota))
        return 0
    for name, value in asdict(quota).items():
        if value not in (None, ""):
            _print(f"{name.replace('_', ' ')}: {value:g}" if isinstance(value, float) else f"{name}: {value}")
    return 0


def _gateway(engine: Engine, arguments: argparse.Namespace) -> int:
    from .gateway import serve

    faults = Path(arguments.faults) if arguments.faults else None
    asyncio.run(
        serve(host=arguments.host, port=arguments.port, speed=arguments.speed, key=arguments.key, faults_file=faults)
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sora-video", description="Video through any server that speaks a Sora protocol."
    )
    parser.add_argument("--version", action="version", version=f"sora-video {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_generate(_command(commands, "generate", _generate, "make a video; the same request is paid once"))
    jobs = _command(commands, "jobs", _jobs, "the jobs in the ledger, newest first")
    jobs.add_argument("--json", action="store_true")
    resume = _command(commands, "resume", _resume, "collect a job by its id or remote id; never submits")
    resume.add_argument("job", metavar="JOB")
    resume.add_argument("--profile", help="the profile of a remote id that is not in the ledger")
    _add_output(resume)
    cancel = _command(commands, "cancel", _cancel, "cancel a job at the provider")
    cancel.add_argument("job", metavar="JOB")
    forget = _command(commands, "forget", _forget, "free a job's request to be submitted, and paid, anew")
    forget.add_argument("job", metavar="JOB")
    profiles = commands.add_parser("profiles", help="list, add and remove connections")
    _add_profiles(profiles.add_subparsers(required=True, metavar="ACTION"))
    doctor = _command(commands, "doctor", _doctor, "check a profile; never charges")
    doctor.add_argument("profile", metavar="PROFILE")
    quota = _command(commands, "quota", _quota, "what a profile's account has left")
    quota.add_argument("profile", metavar="PROFILE")
    quota.add_argument("--json", action="store_true")
    gateway = _command(commands, "gateway", _gateway, "run the preview server")
    gateway.add_argument("--host", default="127.0.0.1")
    gateway.add_argument("--port", type=int, default=0)
    gateway.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time")
    gateway.add_argument("--key", help="the API key that clients must send")
    gateway.add_argument("--faults", metavar="FILE", help="fault rules as JSON")
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Engine, argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar="PROMPT")
    parser.add_argument("--profile", default="preview")
    parser.add_argument("--model", default="")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--orientation", default="landscape", choices=ORIENTATIONS)
    parser.add_argument("--size", default="", metavar="WxH")
    parser.add_argument("--quality", default="standard", choices=QUALITIES)
    parser.add_argument("--image", action="append", default=[], metavar="FILE")
    parser.add_argument("--shot", action="append", default=[], metavar='"5s: text"')
    parser.add_argument("--remix-of", default="", metavar="JOB")
    parser.add_argument("--character", action="append", default=[], metavar="NAME")
    parser.add_argument("--style", default="")
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another take, and another payment")
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE")
    parser.add_argument("--json", action="store_true")


def _add_profiles(actions: Any) -> None:
    listing = _command(actions, "list", _profiles_list, "the profiles and where their keys come from")
    listing.add_argument("--json", action="store_true")
    add = _command(actions, "add", _profiles_add, "add a connection")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--provider", required=True, choices=sorted(PROVIDERS))
    add.add_argument("--base-url", required=True, metavar="URL")
    add.add_argument("--auth", choices=AUTH_SCHEMES)
    key = add.add_mutually_exclusive_group()
    key.add_argument("--key-env", default="", metavar="VAR")
    key.add_argument("--key-stdin", action="store_true", help="read the key from standard input and store it")
    add.add_argument("--proxy", default="", metavar="URL")
    add.add_argument("--rpm", type=int, default=0, metavar="N", help="requests per minute")
    add.add_argument("--max-jobs", type=int, default=0, metavar="N")
    add.add_argument("--poll", type=float, default=0.0, metavar="SECONDS")
    add.add_argument("--dialect", default="")
    add.add_argument("--model", default="", help="the model when a request names none")
    add.add_argument("--extra", action="append", default=[], metavar="KEY=VALUE")
    add.add_argument("--allow-http", action="store_true")
    change_key = _command(actions, "key", _profiles_key, "store a profile's key, asked for or from standard input")
    change_key.add_argument("name", metavar="NAME")
    remove = _command(actions, "remove", _profiles_remove, "remove a connection and its stored key")
    remove.add_argument("name", metavar="NAME")
