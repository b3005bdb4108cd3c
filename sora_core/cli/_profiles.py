"""`profiles`, `doctor` and `quota`: the connections."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..doctor import examine
from ..engine import Engine
from ..errors import InvalidRequest
from ..profiles.profiles import AUTH_SCHEMES, Profile
from ..providers import PROVIDERS, provider_for
from ..transport.urls import is_local
from ._terminal import say, show, show_json, wait


def add(commands: Any, command: Any) -> None:
    """Adds the commands to the parser."""
    profiles = commands.add_parser("profiles", help="list, add and remove connections")
    _add_profiles(profiles.add_subparsers(required=True, metavar="ACTION"), command)
    doctor = command(commands, "doctor", _doctor, "check a profile; never charges")
    doctor.add_argument("profile", metavar="PROFILE")
    quota = command(commands, "quota", _quota, "what a profile's account has left")
    quota.add_argument("profile", metavar="PROFILE")
    quota.add_argument("--json", action="store_true")


def _profiles_list(engine: Engine, arguments: argparse.Namespace) -> int:
    profiles = engine.profiles.all().values()
    facts = [{**asdict(profile), "key": engine.credentials.source(profile)} for profile in profiles]
    if arguments.json:
        show_json(facts)
        return 0
    for fact in facts:
        address = "built in, free, renders an animatic" if fact["embedded"] else fact["base_url"]
        show(f"{fact['name']:16} {fact['provider']:10} {address}  (key: {fact['key']})")
    return 0


def _profiles_add(engine: Engine, arguments: argparse.Namespace) -> int:
    key = sys.stdin.readline().strip() if arguments.key_stdin else ""
    if arguments.key_stdin and not key:
        raise InvalidRequest("--key-stdin was given, but there was no key on standard input.")
    has_key = bool(key or arguments.key_env)
    default_auth = PROVIDERS[arguments.provider].default_auth
    profile = Profile(
        name=arguments.name,
        provider=arguments.provider,
        base_url=arguments.base_url,
        auth=arguments.auth or (default_auth if has_key or not is_local(arguments.base_url) else "none"),
        key_env=arguments.key_env,
        proxy=arguments.proxy,
        proxy_env=arguments.proxy_env,
        requests_per_minute=arguments.rpm,
        max_jobs=arguments.max_jobs,
        poll_seconds=arguments.poll,
        dialect=arguments.dialect,
        model=arguments.model,
        allow_http=arguments.allow_http,
        max_submissions_per_day=arguments.max_per_day,
        min_quota=arguments.min_quota,
        extra=_extra(arguments.extra),
    )
    provider = provider_for(profile)
    profile.check()
    provider.base_url()
    provider.capabilities()
    engine.profiles.add(profile)
    if key:
        engine.credentials.set(profile.name, key)
    say(f"Profile '{profile.name}' is in {engine.profiles.path}; try it with `sora-video doctor {profile.name}`.")
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
    say(f"The key of profile '{profile.name}' is stored.")
    return 0


def _profiles_remove(engine: Engine, arguments: argparse.Namespace) -> int:
    engine.profiles.remove(arguments.name)
    engine.credentials.delete(arguments.name)
    say(f"Profile '{arguments.name}' and its stored key are removed; its jobs stay in the ledger.")
    return 0


def _doctor(engine: Engine, arguments: argparse.Namespace) -> int:
    marks = {True: "ok  ", False: "FAIL", None: "-   "}
    code = 0
    for finding in examine(engine, arguments.profile):
        show(f"{marks[finding.ok]} {finding.check}: {finding.detail}")
        if finding.error:
            code = code or finding.error.exit_code
            show(f"     {finding.error.fix}\n     {finding.error.title_zh}。{finding.error.fix_zh}".rstrip())
    return code


def _quota(engine: Engine, arguments: argparse.Namespace) -> int:
    quota = wait(engine.quota(arguments.profile))
    if arguments.json:
        show_json(asdict(quota))
        return 0
    for name, value in asdict(quota).items():
        if value not in (None, ""):
            show(f"{name.replace('_', ' ')}: {value:g}" if isinstance(value, float) else f"{name}: {value}")
    return 0


def _add_profiles(actions: Any, command: Any) -> None:
    listing = command(actions, "list", _profiles_list, "the profiles and where their keys come from")
    listing.add_argument("--json", action="store_true")
    add = command(actions, "add", _profiles_add, "add a connection")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--provider", required=True, choices=sorted(PROVIDERS))
    add.add_argument("--base-url", required=True, metavar="URL")
    add.add_argument("--auth", choices=AUTH_SCHEMES)
    key = add.add_mutually_exclusive_group()
    key.add_argument("--key-env", default="", metavar="VAR")
    key.add_argument("--key-stdin", action="store_true", help="read the key from standard input and store it")
    proxy = add.add_mutually_exclusive_group()
    proxy.add_argument("--proxy", default="", metavar="URL")
    proxy.add_argument("--proxy-env", default="", metavar="VAR", help="the variable with a proxy that wants a password")
    add.add_argument("--rpm", type=int, default=0, metavar="N", help="requests per minute")
    add.add_argument("--max-jobs", type=int, default=0, metavar="N")
    add.add_argument("--poll", type=float, default=0.0, metavar="SECONDS")
    add.add_argument("--dialect", default="")
    add.add_argument("--model", default="", help="the model when a request names none")
    add.add_argument("--extra", action="append", default=[], metavar="KEY=VALUE")
    add.add_argument("--allow-http", action="store_true")
    add.add_argument("--max-per-day", type=int, default=0, metavar="N", help="at most N submissions in 24 hours")
    add.add_argument("--min-quota", type=float, default=0.0, metavar="AMOUNT", help="stop when less quota is left")
    change_key = command(actions, "key", _profiles_key, "store a profile's key, asked for or from standard input")
    change_key.add_argument("name", metavar="NAME")
    remove = command(actions, "remove", _profiles_remove, "remove a connection and its stored key")
    remove.add_argument("name", metavar="NAME")
