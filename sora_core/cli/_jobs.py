"""`jobs`, `cancel` and `forget`: the ledger at the command line."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import Any

from ..clock import SystemClock
from ..engine import Engine
from ..ledger.recovery import set_aside
from ..ledger.row import DELIVERED, MISSING, SUBMITTING, UNKNOWN, Job
from ._terminal import say, show, show_json, wait


def add(commands: Any, command: Any) -> None:
    """Adds the commands to the parser."""
    jobs = command(commands, "jobs", _jobs, "the jobs in the ledger, newest first")
    jobs.add_argument("--json", action="store_true")
    jobs.add_argument("--set-aside", action="store_true", help="keep a damaged ledger beside a new one")
    cancel = command(commands, "cancel", _cancel, "cancel a job at the provider")
    cancel.add_argument("job", metavar="JOB")
    forget = command(commands, "forget", _forget, "free a job's request to be submitted, and paid, anew")
    forget.add_argument("job", metavar="JOB")


def _jobs(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.set_aside:
        return _set_aside(engine)
    jobs = engine.ledger.all_jobs()
    if arguments.json:
        show_json([_job_facts(job) for job in jobs])
        return 0
    for job in jobs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created_at))
        prompt = " ".join(job.prompt.split())[:40]
        show(f"{job.job_id}  {when}  {job.profile:12} {job.state:10} {job.remote_id or '-'}  {job.path or prompt}")
        hint = _hint(job)
        if hint:
            show(f"    {hint}")
    return 0


def _set_aside(engine: Engine) -> int:
    done = set_aside(engine.home, SystemClock())
    say(f"The damaged ledger is kept as {done.path}.")
    say(f"Read from it: {done.jobs} jobs, {done.characters} characters; `sora-video jobs` lists the jobs.")
    say("Whatever is missing there is not known to be paid any more: running it again submits, and pays, anew.")
    say("A job that the provider still has is collected for free: `sora-video resume REMOTE_ID --profile NAME`.")
    return 0


def _job_facts(job: Job) -> dict[str, Any]:
    hidden = {"number", "fingerprint", "account", "request", "owner", "url", "part_validator"}
    hidden |= {"planned_path", "planned_sha256", "planned_bytes", "idempotency_key"}
    return {name: value for name, value in asdict(job).items() if name not in hidden} | {"hint": _hint(job)}


def _hint(job: Job) -> str:
    resume, forget = f"`sora-video resume {job.job_id}`", f"`sora-video forget {job.job_id}`"
    if job.state == UNKNOWN:
        said = f" The server answered: {' '.join(job.answer.split())[:300]}" if job.answer else ""
        return (
            f"{job.error}{said} Run the request again to look it up. It was not accepted: {forget}, then run again. "
            f"Here is its id: `sora-video resume {job.job_id} --remote-id ID`."
        )
    if job.state == MISSING:
        return f"{job.error} {resume} asks for it again, for free. It is gone for good: {forget}, then run again."
    if job.over:
        again = f" {resume} asks the server for it again, for free." if job.remote_id else ""
        return (job.error or "") + again
    if job.state == SUBMITTING and job.sent_at is None:
        return "Nothing was sent yet."
    return "" if job.state == DELIVERED else f"{resume} collects it for free."


def _cancel(engine: Engine, arguments: argparse.Namespace) -> int:
    job = wait(engine.cancel(arguments.job))
    say(f"Job {job.job_id} is canceled, says the server. What it had done by then may stay billed.")
    return 0


def _forget(engine: Engine, arguments: argparse.Namespace) -> int:
    job = engine.forget(arguments.job)
    say(f"Job {job.job_id} ({job.state}) is forgotten: the same request will be submitted, and paid, anew.")
    if job.path:
        say(f"Its file stays: {job.path}")
    elif job.remote_id:
        say(f"Should the server have it: `sora-video resume {job.job_id}` still collects it.")
    return 0
