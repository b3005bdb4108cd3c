"""`account`: what is behind a profile of the Sora web protocol, and the few things that can be set there."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Coroutine
from typing import Any

from ..connections.connection import Connection
from ..engine import Engine
from ..errors import Unsupported
from ..providers.sora_web import SoraWeb, account
from ..transport import Http
from ._parser import Add, add_action
from ._terminal import JSON_HELP, say, show, show_json, wait


def add(command: Add) -> None:
    """Adds the commands to the parser."""
    subcommands = command("account").add_subparsers(required=True, metavar="ACTION")
    _with_profile(add_action(subcommands, "show", _show, "who it is, subscription, invitation, quota"))
    _with_profile(add_action(subcommands, "activate", _activate, "switch Sora on for the account"))
    invite = add_action(subcommands, "invite", _invite, "use up an invitation for the account")
    invite.add_argument("code", metavar="CODE")
    _with_profile(invite)
    names = subcommands.add_parser("username", help="the user name of the account").add_subparsers(
        required=True, metavar="ACTION"
    )
    for action, run, about in (
        ("check", _check_username, "whether a name is free"),
        ("set", _set_username, "take a name"),
    ):
        named = add_action(names, action, run, about)
        named.add_argument("name", metavar="NAME")
        _with_profile(named)


def _with_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", required=True, help="the connection")
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def _ask(engine: Engine, arguments: argparse.Namespace, work: Callable[[Http], Coroutine[Any, Any, Any]]) -> Any:
    async def run(connection: Connection) -> Any:
        if not isinstance(connection.provider, SoraWeb):
            raise Unsupported(
                "cli.profile_speaks_protocol_has_no", profile=connection.profile.name, protocol=connection.provider.name
            )
        return await work(connection.http)

    return wait(engine.ask(arguments.profile, run))


def _show(engine: Engine, arguments: argparse.Namespace) -> int:
    found = _ask(engine, arguments, account.show)
    if arguments.json:
        show_json(found)
        return 0
    for line in _lines(found):
        show(line)
    return 0


def _lines(found: dict[str, Any]) -> list[str]:
    """One line a fact; what could not be read says why."""
    lines = [f"{name}: {part['error']}" for name, part in found.items() if isinstance(part, dict) and "error" in part]
    user, invite, quota = (found[name] for name in ("user", "invite", "quota"))
    if "error" not in user:
        lines += [f"user: {user['name']} <{user['email']}>, user name {user['username'] or 'not set'}"]
    for plan in found["subscriptions"] if isinstance(found["subscriptions"], list) else []:
        end = f" until {time.strftime('%Y-%m-%d', time.gmtime(plan['ends_at']))}" if plan["ends_at"] else ""
        lines += [f"subscription: {plan['title'] or plan['plan']}{end}"]
    if "error" not in invite:
        lines += [f"invitation: {invite['code']}, used {invite['used']} of {invite['total']}"]
    if "error" not in quota:
        reset = f", more in {quota['resets_in'] / 3600:.1f} h" if quota["resets_in"] else ""
        left = "?" if quota["remaining"] is None else f"{quota['remaining']:g}"
        reached = ", but the limit is reached" if quota["limit_reached"] else ""
        lines += [f"quota: {left} videos left{reached}{reset}"]
    return lines


def _activate(engine: Engine, arguments: argparse.Namespace) -> int:
    return _told(arguments, _ask(engine, arguments, account.activate), "The account is active.")


def _invite(engine: Engine, arguments: argparse.Namespace) -> int:
    answer = _ask(engine, arguments, lambda http: account.accept_invite(http, arguments.code.strip()))
    again = " It had been before." if answer.get("already_accepted") else ""
    return _told(arguments, answer, f"The account is invited.{again}")


def _check_username(engine: Engine, arguments: argparse.Namespace) -> int:
    is_free = _ask(engine, arguments, lambda http: account.check_username(http, arguments.name.strip()))
    words = f"The user name '{arguments.name}' is {'free' if is_free else 'not to be had'}."
    return _told(arguments, {"available": is_free}, words)


def _set_username(engine: Engine, arguments: argparse.Namespace) -> int:
    answer = _ask(engine, arguments, lambda http: account.set_username(http, arguments.name.strip()))
    return _told(arguments, answer, f"The account's user name is '{answer.get('username') or arguments.name}' now.")


def _told(arguments: argparse.Namespace, answer: Any, words: str) -> int:
    if arguments.json:
        show_json(answer)
    else:
        say(words)
    return 0
