"""`conformance`: the conformance suite over a package with a provider of its own."""

from __future__ import annotations

import argparse
import importlib.util

from ..errors import InvalidRequest
from ._parser import Add


def add(command: Add) -> None:
    """Adds the command to the parser."""
    parser = command("conformance", _conformance, needs_engine=False)
    parser.add_argument("package", metavar="PACKAGE", help="its name for `import`, such as sora_acme")
    parser.add_argument("-k", default="", metavar="EXPRESSION", help="only the tests that match, as pytest has it")


def _conformance(arguments: argparse.Namespace) -> int:
    if importlib.util.find_spec("pytest") is None:
        raise InvalidRequest("conformance.no_pytest")
    from ..conformance.running import run

    return run(arguments.package, ["-k", arguments.k] if arguments.k else [])
