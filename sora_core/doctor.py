"""Looks at a profile from the outside in and says what is wrong. Reads only; never charges."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from .connection import Connection
from .engine import Engine
from .errors import AuthError, JobNotFound, RequestRejected, SoraError, Unsupported
from .transport.urls import bare_url


@dataclass(frozen=True)
class Finding:
    """One check. ``ok`` None: could not be told, which is no failure."""

    check: str
    ok: bool | None
    detail: str
    error: SoraError | None = None


def examine(engine: Engine, profile_name: str) -> list[Finding]:
    """Profile, key, server, models and quota, until the first failure that hides the rest."""
    try:
        profile = engine.profiles.get(profile_name)
    except SoraError as error:
        return [Finding("profile", False, error.message, error)]
    address = "the built-in gateway on this machine" if profile.embedded else profile.base_url
    findings = [Finding("profile", True, f"provider {profile.provider}, {address}")]
    try:
        source = engine.credentials.source(profile)
        if source == "missing":
            engine.credentials.get(profile)
        findings.append(Finding("key", True, source))
        return findings + engine.ask(profile_name, _server).result()
    except SoraError as error:
        return [*findings, Finding(_step(error), False, error.message, error)]


def _step(error: SoraError) -> str:
    return "key" if error.exit_code == 2 else "server"


async def _server(connection: Connection) -> list[Finding]:
    provider, http = connection.provider, connection.http
    findings = []
    try:
        jobs, _ = await provider.listing(http, None)
        findings.append(Finding("server", True, f"{bare_url(http.base_url)} answers; its list shows {len(jobs)} jobs"))
    except (Unsupported, JobNotFound, RequestRejected) as error:
        findings.append(Finding("server", None, f"answers, but has no list of jobs ({error.message})"))
    findings.append(await _optional("models", _models(connection)))
    findings.append(await _optional("quota", _quota(connection)))
    return findings


async def _models(connection: Connection) -> str:
    return ", ".join(await connection.provider.models(connection.http)) or "none named"


async def _quota(connection: Connection) -> str:
    quota = await connection.provider.quota(connection.http)
    return f"{'?' if quota.remaining is None else f'{quota.remaining:g}'} {quota.unit} left"


async def _optional(check: str, work: Coroutine[Any, Any, str]) -> Finding:
    """Something that a server need not have; a refused key is still a failure."""
    try:
        return Finding(check, True, await work)
    except AuthError as error:
        return Finding(check, False, error.message, error)
    except SoraError as error:
        return Finding(check, None, error.message)
