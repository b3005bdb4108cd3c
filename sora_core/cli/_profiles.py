"""`profiles`, `doctor` and `quota`: the connections."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..doctor import Finding, examine
from ..engine import Engine
from ..errors import InvalidRequest
from ..profiles.master import PROTECTIONS
from ..profiles.profiles import AUTH_SCHEMES, EDITABLE, Profile, without_passwords
from ..profiles.trust import variables_of
from ..providers import PROVIDERS
from ..urls import is_local
from ._parser import Add, add_action
from ._terminal import JSON_HELP, say, show, show_json, wait

_SETTINGS = tuple(name for name in EDITABLE if name != "extra")
_PROVIDER = "the wire protocol that it speaks"


def add(command: Add) -> None:
    """Adds the commands to the parser."""
    _add_profiles(command("profiles").add_subparsers(required=True, metavar="ACTION"))
    doctor = command("doctor", _doctor)
    doctor.add_argument("profile", metavar="PROFILE")
    doctor.add_argument("--json", action="store_true", help="one object a finding, in a list")
    quota = command("quota", _quota)
    quota.add_argument("profile", metavar="PROFILE")
    quota.add_argument("--json", action="store_true", help=JSON_HELP)


def _profiles_list(engine: Engine, arguments: argparse.Namespace) -> int:
    profiles = engine.profiles.all().values()
    facts = [{**asdict(without_passwords(profile)), "key": engine.credentials.source(profile)} for profile in profiles]
    if arguments.json:
        show_json(facts)
        return 0
    for fact in facts:
        address = (
            "built in, free, renders an animatic"
            if fact["embedded"]
            else ", ".join(fact["servers"] or [fact["base_url"]])
        )
        show(f"{fact['name']:16} {fact['provider']:10} {address}  (key: {fact['key']})")
    return 0


def _profiles_add(engine: Engine, arguments: argparse.Namespace) -> int:
    key = sys.stdin.readline().strip() if arguments.key_stdin else ""
    if arguments.key_stdin and not key:
        raise InvalidRequest("cli.key_stdin_given_but_there")
    if key and arguments.key_env:
        raise InvalidRequest("cli.key_stdin_key_env_both")
    has_key = bool(key or arguments.key_env)
    base_url = arguments.base_url or next(iter(arguments.servers), "")
    default_auth = PROVIDERS[arguments.provider].default_auth
    profile = Profile(
        name=arguments.name,
        provider=arguments.provider,
        base_url=base_url,
        servers=tuple(arguments.servers),
        auth=arguments.auth or (default_auth if has_key or not is_local(base_url) else "none"),
        key_env=arguments.key_env,
        proxy=arguments.proxy,
        proxy_env=arguments.proxy_env,
        requests_per_minute=arguments.requests_per_minute,
        max_jobs=arguments.max_jobs,
        poll_seconds=arguments.poll_seconds,
        dialect=arguments.dialect,
        model=arguments.model,
        allow_http=arguments.allow_http,
        max_submissions_per_day=arguments.max_submissions_per_day,
        min_quota=arguments.min_quota,
        prices=tuple(filter(None, arguments.prices)),
        currency=arguments.currency,
        max_cost_per_day=arguments.max_cost_per_day,
        extra=_extra(arguments.extra),
    )
    engine.add_profile(profile)
    if key:
        engine.credentials.set(profile, key)
    say(f"Profile '{profile.name}' is in {engine.profiles.path}; try it with `sora-video doctor {profile.name}`.")
    return 0


def _profiles_edit(engine: Engine, arguments: argparse.Namespace) -> int:
    asked = {name: getattr(arguments, name, None) for name in _SETTINGS}
    given = {name: value for name, value in asked.items() if value is not None}
    for name in ("prices", "servers"):
        if getattr(arguments, name) is not None:
            given[name] = list(filter(None, getattr(arguments, name)))
    if arguments.extra is not None:
        old = engine.profiles.get_as_written(arguments.name).extra
        given["extra"] = {name: value for name, value in {**old, **_extra(arguments.extra)}.items() if value}
    if not given and not arguments.rename:
        raise InvalidRequest("cli.there_nothing_change_lists_what")
    new = engine.edit_profile(arguments.name, given, new_name=arguments.rename)
    say(f"Profile '{new.name}' is changed; its key: {engine.credentials.source(new)}.")
    return 0


def _extra(pairs: Sequence[str]) -> dict[str, str]:
    extra = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InvalidRequest("cli.extra_takes_key_value_not", pair=pair)
        extra[name.strip()] = value
    return extra


def _profiles_key(engine: Engine, arguments: argparse.Namespace) -> int:
    profile = engine.profiles.get(arguments.name)
    if profile.embedded:
        raise InvalidRequest("cli.profile_needs_no_key")
    if arguments.delete:
        was_there = engine.credentials.delete(profile.name)
        say(f"The stored key of profile '{profile.name}' is deleted." if was_there else "There was no stored key.")
        return 0
    asked = getpass.getpass(f"Key of profile '{profile.name}': ") if sys.stdin.isatty() else sys.stdin.readline()
    engine.credentials.set(profile, asked)
    say(f"The key of profile '{profile.name}' is stored.")
    return 0


def _profiles_trust(engine: Engine, arguments: argparse.Namespace) -> int:
    profile = engine.profiles.get(arguments.name)
    wanted = variables_of(profile)
    if not wanted:
        raise InvalidRequest("cli.profile_names_no_variable", name=profile.name)
    for variable, scope in wanted.items():
        say(f"Profile '{profile.name}' sends the value of {variable} to {scope}.")
    if not arguments.yes and sys.stdin.isatty() and input("Allow it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise InvalidRequest("cli.not_allowed")
    engine.credentials.trust.allow(profile)
    say("Allowed.")
    return 0


def _profiles_rekey(engine: Engine, arguments: argparse.Namespace) -> int:
    engine.credentials.renew(arguments.protect)
    say(f"All stored keys are sealed anew; the master key's protection: {engine.credentials.protection()}.")
    return 0


def _profiles_remove(engine: Engine, arguments: argparse.Namespace) -> int:
    engine.profiles.remove(arguments.name)
    engine.credentials.delete(arguments.name)
    say(f"Profile '{arguments.name}' and its stored key are removed; its jobs stay in the ledger.")
    return 0


def _doctor(engine: Engine, arguments: argparse.Namespace) -> int:
    marks = {True: "ok  ", False: "FAIL", None: "-   "}
    code = 0
    findings = examine(engine, arguments.profile)
    if arguments.json:
        show_json([_finding(each) for each in findings])
        return next((each.error.exit_code for each in findings if each.error), 0)
    for finding in findings:
        show(f"{marks[finding.ok]} {finding.check}: {finding.detail}")
        if finding.error:
            code = code or finding.error.exit_code
            show(f"     {finding.error.fix}".rstrip())
    return code


def _finding(finding: Finding) -> dict[str, Any]:
    error = finding.error
    return {
        "check": finding.check,
        "ok": finding.ok,
        "detail": finding.detail,
        "error": {"kind": error.kind, "message": str(error)} if error else None,
        "advice": dict(finding.advice),
    }


def _quota(engine: Engine, arguments: argparse.Namespace) -> int:
    quota = wait(engine.quota(arguments.profile))
    if arguments.json:
        show_json(asdict(quota))
        return 0
    for name, value in asdict(quota).items():
        if value not in (None, ""):
            show(f"{name.replace('_', ' ')}: {value:g}" if isinstance(value, float) else f"{name}: {value}")
    return 0


def _add_profiles(actions: Any) -> None:
    listing = add_action(actions, "list", _profiles_list, "the profiles and where their keys come from")
    listing.add_argument("--json", action="store_true", help=JSON_HELP)
    add = add_action(actions, "add", _profiles_add, "add a connection")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--provider", required=True, choices=sorted(PROVIDERS), help=_PROVIDER)
    add.add_argument("--base-url", default="", metavar="URL", help="where the server is")
    _add_settings(add, default="", number=0, many=[])
    key = add.add_argument_group("the key")
    key.add_argument("--key-stdin", action="store_true", help="read the key from standard input and store it")
    edit = add_action(actions, "edit", _profiles_edit, "change a connection; a new name keeps its key and its jobs")
    edit.add_argument("name", metavar="NAME")
    edit.add_argument("--rename", default="", metavar="NEW_NAME", help="another name for it")
    edit.add_argument("--provider", choices=sorted(PROVIDERS), help=_PROVIDER)
    edit.add_argument(
        "--base-url", metavar="URL", help="where the server is; at another one the key is asked for again"
    )
    _add_settings(edit, default=None, number=None, many=None)
    change_key = add_action(actions, "key", _profiles_key, "store a profile's key, asked for or from standard input")
    change_key.add_argument("name", metavar="NAME")
    change_key.add_argument("--delete", action="store_true", help="forget the stored key")
    trust = add_action(
        actions, "trust", _profiles_trust, "allow the variables that a profile names to go to its server"
    )
    trust.add_argument("name", metavar="NAME")
    trust.add_argument("--yes", action="store_true", help="do not ask")
    rekey = add_action(actions, "rekey", _profiles_rekey, "seal all stored keys with a new master key")
    rekey.add_argument("--protect", default="", choices=PROTECTIONS, help="and protect that one so")
    remove = add_action(actions, "remove", _profiles_remove, "remove a connection and its stored key")
    remove.add_argument("name", metavar="NAME")


def _add_settings(parser: argparse.ArgumentParser, *, default: Any, number: Any, many: Any) -> None:
    """What can be set of a connection, with the value of what is not given."""
    given: Any = parser.add_argument
    given("--server", dest="servers", action="append", default=many, metavar="URL",
          help="instead of a base URL: one of several that do the same; those given replace all others")  # fmt: skip
    given("--auth", choices=AUTH_SCHEMES, help="how the key is sent; bearer unless told")
    given("--key-env", default=default, metavar="VAR", help="the variable with the key, instead of a stored one")
    proxy = parser.add_mutually_exclusive_group()
    proxy.add_argument("--proxy", default=default, metavar="URL", help="an address, instead of the environment's")
    proxy.add_argument("--proxy-env", default=default, metavar="VAR", help="the variable with a proxy and its password")
    given("--rpm", dest="requests_per_minute", type=int, default=number, metavar="N",
          help="requests per minute; 0: the provider's own")  # fmt: skip
    given("--max-jobs", type=int, default=number, metavar="N",
          help="jobs at once; 0: the provider's own")  # fmt: skip
    given("--poll", dest="poll_seconds", type=float, default=number, metavar="SECONDS",
          help="between two looks at a job; 0: the provider's own")  # fmt: skip
    given("--dialect", default=default, help="the family of servers")
    given("--model", default=default, help="the model when a request names none")
    given("--extra", action="append", default=many, metavar="KEY=VALUE", help="a detail of the provider (repeat)")
    switch: Any = {"action": "store_true"} if default is not None else {"action": argparse.BooleanOptionalAction}
    given("--allow-http", help="let the key travel over plain http to a host that is not local", **switch)
    given("--max-per-day", dest="max_submissions_per_day", type=int, default=number, metavar="N",
          help="at most N submissions in 24 hours; 0: no limit")  # fmt: skip
    given("--min-quota", type=float, default=number, metavar="AMOUNT", help="stop when less quota is left; 0: no limit")
    given("--price", dest="prices", action="append", default=many, metavar='"[MODEL] [hd] AMOUNT/UNIT"',
          help="of a second, clip or image; those given replace all there were, an empty one ends that")  # fmt: skip
    given("--currency", default=default, help="of the prices, in any words")
    given("--max-cost-per-day", type=float, default=number, metavar="AMOUNT",
          help="submissions stop before 24 hours cost more; 0: no limit")  # fmt: skip
