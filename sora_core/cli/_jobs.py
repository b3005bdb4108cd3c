"""`jobs`, `cancel` and `forget`: the ledger at the command line."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clock import Clock, SystemClock
from ..errors import InvalidRequest
from ..files.home import state_dir
from ..ledger.costs import DayCost
from ..ledger.costs import facts as costs_facts
from ..ledger.ledger import Ledger
from ..ledger.opening import open_ledger, shared_address
from ..ledger.pages import LIVE, NEEDS_USER
from ..ledger.recovery import set_aside
from ..ledger.row import DELIVERED, MISSING, OVER, SUBMITTING, UNFINISHED, UNKNOWN, Job
from ..profiles.prices import amount_of
from ..profiles.profiles import Profiles
from ..texts import runnable
from ._parser import Add
from ._terminal import JSON_HELP, say, show, show_json, wait

if TYPE_CHECKING:
    from ..engine import Engine

GROUPS = {"live": LIVE, "needs_user": NEEDS_USER}  # of states


def add(command: Add) -> None:
    """Adds the commands to the parser."""
    jobs = command("jobs", _jobs, needs_engine=False)
    jobs.add_argument("--json", action="store_true", help=JSON_HELP)
    jobs.add_argument("--state", choices=(*UNFINISHED, DELIVERED, *OVER, *GROUPS), help="only those of this state")
    jobs.add_argument("--profile", help="only those of this profile")
    jobs.add_argument("--cost", action="store_true", help="what they cost by day, as far as prices were known")
    jobs.add_argument("--set-aside", action="store_true", help="keep a damaged ledger beside a new one")
    cancel = command("cancel", _cancel)
    cancel.add_argument("job", metavar="JOB")
    forget = command("forget", _forget)
    forget.add_argument("job", metavar="JOB")


def _jobs(arguments: argparse.Namespace) -> int:
    home, clock = state_dir(), SystemClock()
    if arguments.set_aside:
        return _set_aside(home, clock)
    profiles = Profiles(home)
    with closing(open_ledger(home, clock, shared_address(profiles))) as ledger:
        if arguments.profile is not None and not ledger.jobs(1, profile=arguments.profile):
            profiles.get_unchecked(arguments.profile)  # raises for one that was never there: a mistyped name
        return _costs(ledger, arguments) if arguments.cost else _list(ledger, arguments)


def _list(ledger: Ledger, arguments: argparse.Namespace) -> int:
    jobs = _asked_for(ledger, arguments)
    if arguments.json:
        further = ledger.outputs.all_paths()
        show_json([_job_facts(job, further.get(job.job_id, ())) for job in jobs])
        return 0
    none = True
    for job in jobs:
        none = False
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created_at))
        prompt = " ".join(job.prompt.split())[:40]
        show(f"{job.job_id}  {when}  {job.profile:12} {job.state:10} {job.remote_id or '-'}  {job.path or prompt}")
        hint = _hint(job)
        if hint:
            show(f"    {runnable(hint)}")
    if none:
        say("There are no such jobs." if arguments.state or arguments.profile else "There are no jobs yet.")
    return 0


def _asked_for(ledger: Ledger, arguments: argparse.Namespace) -> Iterator[Job]:
    states = GROUPS.get(arguments.state)
    jobs = ledger.all_jobs(state=None if states else arguments.state, profile=arguments.profile)
    return (job for job in jobs if not states or job.state in states)


def _costs(ledger: Ledger, arguments: argparse.Namespace) -> int:
    if arguments.state:
        raise InvalidRequest("cli.cost_takes_no_state")
    days = ledger.costs.by_day(0, arguments.profile)
    if arguments.json:
        show_json([costs_facts(day) for day in days])
        return 0
    for day in days:
        show(f"{day.day}  {day.profile:16} {day.jobs:5} jobs  {_sum(day):>16}{_remarks(day)}")
    for currency in sorted({day.currency for day in days if day.cost}):
        total = sum(day.cost for day in days if day.currency == currency)
        show(f"total{'':>36}{amount_of(total)} {currency}".rstrip())
    if not days:
        say("Nothing was submitted yet.")
    return 0


def _sum(day: DayCost) -> str:
    if day.unknown == day.jobs:
        return "unknown"
    return f"{amount_of(day.cost)} {day.currency}".rstrip()


def _remarks(day: DayCost) -> str:
    said = [f"{day.unknown} without a price"] if day.unknown else []
    said += [f"{day.failed} failed: {amount_of(day.failed_cost)} of it, unless given back"] if day.failed else []
    return f"  ({', '.join(said)})" if said else ""


def _set_aside(home: Path, clock: Clock) -> int:
    done = set_aside(home, clock)
    say(f"The damaged ledger is kept as {done.path}.")
    say(f"Read from it: {done.jobs} jobs, {done.characters} characters; `sora-video jobs` lists the jobs.")
    say("Whatever is missing there is not known to be paid any more: running it again submits, and pays, anew.")
    say("A job that the provider still has is collected for free: `sora-video resume REMOTE_ID --profile NAME`.")
    return 0


def _job_facts(job: Job, further: Sequence[Path]) -> dict[str, Any]:
    hidden = {"number", "fingerprint", "account", "request", "owner", "url", "part_validator"}
    hidden |= {"planned_path", "planned_sha256", "planned_bytes", "idempotency_key"}
    told = {name: value for name, value in asdict(job).items() if name not in hidden}
    cost = None if job.cost is None else amount_of(job.cost)
    several = {"further": [str(path) for path in further]} if further else {}
    return told | {"cost": cost, "hint": _hint(job)} | several


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
    say(f"Job {job.job_id} is canceled, says the server. What it had done by then may be billed.")
    return 0


def _forget(engine: Engine, arguments: argparse.Namespace) -> int:
    job = engine.forget(arguments.job)
    say(f"Job {job.job_id} ({job.state}) is forgotten: the same request will be submitted, and paid, anew.")
    if job.path:
        say(f"Its file stays: {job.path}")
    elif job.remote_id:
        say(f"Should the server have it: `sora-video resume {job.job_id}` still collects it.")
    return 0
