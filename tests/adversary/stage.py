"""One case: its servers and its user; and the verdict, from the books, the files and the words."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adversary.books import Charge
from adversary.client import Process, Run, User, until
from adversary.pace import Pace
from adversary.servers import PROVIDERS, Server

Play = Callable[["Stage"], None]

DEAD = ("failed", "canceled", "cancelled", "forgotten", "refused")  # a row in it holds no claim any more
_ENDED = (*DEAD, "delivered")
# of what has happened, not of what would be
_DENIED = re.compile(
    r"nothing (was|were|has been) (charged|paid|taken|sent|submitted|billed|accepted)"
    r"|(was|were|been) (not|never) (been )?(charged|accepted|taken|sent|billed|submitted)"
    r"|not been (charged|accepted|taken|sent|billed|submitted)"
    r"|(没有|未)(被)?(扣费|收费|计费|接受|提交)",
    re.I,
)
_FREE = re.compile(r"collect[^.\n]*\bfree\b|\bfree\b[^.\n]*collect|免费(取回|领取|收取)", re.I)
_IF = re.compile(r"\b(if|whether|unless|nobody knows|may|might|could|when it shows)\b|如果|是否|可能", re.I)


@dataclass(frozen=True)
class Case:
    """``rule``: the words of the issue that it holds the client to."""

    name: str
    rule: str
    play: Play
    speed: float

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]


CASES: dict[str, Case] = {}


def case(
    name: str, rule: str, *, wires: tuple[str, ...] = (), speed: float = 30.0
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Enters a play. With ``wires`` it is played once for each, with the provider's name as its second argument."""

    def enter(play: Callable[..., None]) -> Callable[..., None]:
        for wire in wires or (None,):
            full = f"{name}[{wire}]" if wire else name
            assert full not in CASES, full
            only = play if wire is None else (lambda stage, play=play, wire=wire: play(stage, wire))
            CASES[full] = Case(full, rule, only, speed)
        return play

    return enter


@dataclass
class Finding:
    """``sort``: double, lost, stranger, false words, not delivered, broken promise, crash."""

    sort: str
    text: str


@dataclass
class Verdict:
    case: Case
    findings: list[Finding]
    charges: int
    waits: list[tuple[str, str]]  # (state, the words that the user read), of rows that need the user's word
    seconds: float = 0.0
    log: str = ""

    def count(self, sort: str) -> int:
        return sum(finding.sort == sort for finding in self.findings)


class Stage:
    """What a play may use."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.pace = Pace(speed)
        self.user = User(folder, self.pace)
        self.servers: list[Server] = []
        self.findings: list[Finding] = []
        self._allowed: Counter[str] = Counter()
        self._wanted: set[str] = set()
        self._free: set[str] = set()

    # building

    def server(self, kind: str | type[Server] = "openai", **settings: Any) -> Server:
        server = (PROVIDERS[kind] if isinstance(kind, str) else kind)(self.pace, **settings)
        self.servers.append(server)
        return server

    def connect(
        self, kind: str | type[Server] = "openai", *, profile: dict[str, Any] | None = None, **how: Any
    ) -> Server:
        """A server, and the profile ``own`` that leads to it."""
        server = self.server(kind, **how)
        self.user.profile(server, **(profile or {}))
        return server

    # acting

    def generate(self, prompt: str, *more: str, profile: str = "own", limit: float = 25.0) -> Run:
        return self.user.run("generate", prompt, "--profile", profile, "--json", *more, limit=limit)

    def begin(self, prompt: str, *more: str, profile: str = "own", **how: Any) -> Process:
        """``how``: as User.start."""
        return self.user.start("generate", prompt, "--profile", profile, "--json", *more, **how)

    def submitted(self, prompt: str, *more: str, profile: str = "own") -> Run:
        """A run that was left (Ctrl-C) while the server works on the job, whose id is known by then. The server goes on
        working until ``held`` is taken back."""
        for server in self.servers:
            server.held = True
        process = self.begin(prompt, *more, profile=profile)
        until(lambda: any(row.order == prompt and row.polls for row in self.charges))
        return self.user.keep(process.interrupt())

    def release(self) -> None:
        for server in self.servers:
            server.held = False

    def row(self, prompt: str) -> dict[str, Any]:
        """The newest row of that prompt; empty if there is none."""
        return next((job for job in self.user.jobs() if job.get("prompt") == prompt), {})

    # expecting

    def allow(self, prompt: str, charges: int) -> None:
        """More than one charge is what the user asked for."""
        self._allowed[prompt] = charges

    def want(self, *prompts: str) -> None:
        """The server gave the user every chance to have the video by now."""
        self._wanted.update(prompts)

    def hold(self, true: object, text: str, sort: str = "broken promise") -> None:
        if not true:
            self.findings.append(Finding(sort, text))

    @property
    def charges(self) -> list[Charge]:
        return [row for server in self.servers for row in server.books.own]

    # judging

    def judge(self, case: Case) -> Verdict:
        jobs, held = self.user.jobs(), self.user.held()
        self._count_doubles()
        self._look_for_the_lost(jobs, held)
        self._hear(jobs)
        for prompt in self._wanted:
            mine = [row for row in self.charges if row.order == prompt]
            got = [row for row in mine if row.film in held]
            if not got:
                state = next((job["state"] for job in jobs if job["prompt"] == prompt), "no row")
                self.findings.append(Finding("not delivered", f"{prompt!r}: {len(mine)} charged, row: {state}"))
        for run in self.user.runs:
            if "Traceback (most recent" in run.text or run.code == 1:
                self.findings.append(Finding("crash", run.text.strip()[-300:]))
        return Verdict(case, self.findings, len(self.charges), self._waits(jobs))

    def _count_doubles(self) -> None:
        for order, number in Counter(row.order for row in self.charges).items():
            if number > (allowed := self._allowed.get(order, 1)):
                self.findings.append(Finding("double", f"{order!r} was charged {number} times, {allowed} allowed"))

    def _look_for_the_lost(self, jobs: list[dict[str, Any]], held: dict[str, Path]) -> None:
        for film in set(held) - {row.film for row in self.charges}:
            self.findings.append(Finding("stranger", f"{held[film].name} is of a job that this user never ordered"))
        live = [job for job in jobs if job["state"] not in _ENDED]
        for row in self.charges:
            named = any(job.get("remote_id") == row.id for job in live)
            unnamed = any(not job.get("remote_id") and job["prompt"] == row.order for job in live)
            over = row.state in ("failed", "gone")
            if not (row.film in held or named or unnamed or over or row.order in self._free):
                states = ", ".join(job["state"] for job in jobs if job["prompt"] == row.order) or "no row"
                self.findings.append(Finding("lost", f"{row.order!r} ({row.id}) is paid; rows: {states}"))

    def by_other_means(self, prompt: str) -> None:
        """What was bought is no video: the play itself looks whether the user has it."""
        self._free.add(prompt)

    def _hear(self, jobs: list[dict[str, Any]]) -> None:
        for run in self.user.runs:
            prompt = _prompt(run)
            charged = spoken_of(run, [row for row in self.charges if row.order == prompt], jobs)
            alive = [row for row in charged if row.state not in ("failed", "gone")]
            if run.code in (0, 2):  # it speaks of this run; what was charged meanwhile may be another process's
                own = run.code == 0 and '"reused": false' in run.out
                alive = [row for row in alive if own and row.real >= run.began]
            for sentence in re.split(r"(?<=[.。!])\s|\n", run.text):
                if alive and _DENIED.search(sentence) and not _IF.search(sentence):
                    self._false(f"after a charge: {sentence.strip()[:200]}")
                if not charged and prompt and _FREE.search(sentence):
                    self._false(f"nothing was ever sent: {sentence.strip()[:200]}")

    def _false(self, text: str) -> None:
        """The same words once."""
        finding = Finding("false words", text)
        if finding not in self.findings:
            self.findings.append(finding)

    def _waits(self, jobs: list[dict[str, Any]]) -> list[tuple[str, str]]:
        waits = []
        for job in jobs:
            if job["state"] not in (*_ENDED, "submitted", "queued", "running", "succeeded"):
                words = next((run.err for run in self.user.runs[::-1] if self._is_about(run, job)), "")
                waits.append((job["state"], _last_words(words)))
        return waits

    @staticmethod
    def _is_about(run: Run, job: dict[str, Any]) -> bool:
        return _prompt(run) == job["prompt"] if _prompt(run) else job["job_id"] in run.err

    def close(self) -> None:
        for server in self.servers:
            server.close()


def spoken_of(run: Run, charges: list[Charge], jobs: list[dict[str, Any]]) -> list[Charge]:
    """The charges that the words of a run may be about: all until its end, but for one that another process made
    meanwhile for a job of its own, which this run does not name."""
    names = {job["remote_id"]: job["job_id"] for job in jobs if job.get("remote_id")}
    return [
        row for row in charges if row.real < run.began or (row.real <= run.ended and names.get(row.id, "") in run.text)
    ]


def play(case: Case, folder: Path) -> Verdict:
    """From beginning to verdict."""
    stage = Stage(folder, case.speed)
    began = stage.pace.began
    try:
        case.play(stage)
        verdict = stage.judge(case)
        runs = [
            f"$ {' '.join(run.arguments)}\n{run.text.strip()}\n-> {run.code}{' (cut)' * run.cut}"
            for run in stage.user.runs
        ]
        asked = [f"{method} {path}" for server in stage.servers for method, path, _ in server.books.seen]
        verdict.log = "\n".join([*runs, *asked[:60]])
        verdict.seconds = max([began, *(run.ended for run in stage.user.runs)]) - began
        return verdict
    except Exception as error:
        error.args = (f"the play {case.name} itself failed: {error}\n{traceback.format_exc()}",)
        raise
    finally:
        stage.close()


def _prompt(run: Run) -> str:
    return run.arguments[1] if run.arguments[:1] in (("generate",), ("image",), ("enhance",)) else ""


def _last_words(err: str) -> str:
    lines = [line for line in err.splitlines() if line.strip() and "elapsed" not in line and "· job " not in line]
    return " ".join(lines)
