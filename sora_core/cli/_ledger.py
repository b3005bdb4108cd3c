"""`ledger copy`: moves what a ledger knows into another, as from a folder into a studio's database."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from ..clock import SystemClock
from ..errors import InvalidRequest
from ..ledger.copying import move
from ..ledger.ledger import FILE, Ledger
from ..ledger.opening import address, database_at, is_address, open_ledger
from ..models import Secret
from ._parser import Add
from ._terminal import say

_FORMS = "a state folder, env:VARIABLE, or postgresql://HOST/DATABASE without a password"


def add(command: Add) -> None:
    """Adds the command to the parser."""
    ledger = command("ledger", _copy, needs_engine=False)
    ledger.add_argument("what", choices=["copy"])
    ledger.add_argument("source", metavar="FROM", help=_FORMS)
    ledger.add_argument("target", metavar="TO", help=_FORMS)


def _copy(arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    home, url = _place(arguments.source)
    if not url and not (home / FILE).is_file():
        raise InvalidRequest("ledger.there_no_ledger", home=home)
    source = open_ledger(home, clock, url)
    try:
        home, url = _place(arguments.target)
        target = Ledger(home, clock, database_at(home, clock, url))  # one that was moved may come back
        try:
            moved = move(source, target)
        finally:
            target.close()
    finally:
        source.close()
    say(f"{moved.jobs} jobs and {moved.characters} characters are in {target.name} now.")
    say(f"{source.name} stays as it is, and is not used any more: it says where its jobs went.")
    return 0


def _place(name: str) -> tuple[Path, Secret]:
    """The folder, or the address, that an argument means. Raises InvalidRequest, ProfileError."""
    if name.startswith("env:"):
        return Path(), address(name.removeprefix("env:"), os.environ)
    if not is_address(name):
        return Path(name).expanduser().absolute(), Secret("")
    if urlsplit(name).password:
        raise InvalidRequest("ledger.password_shown", forms=_FORMS)
    return Path(), Secret(name)
