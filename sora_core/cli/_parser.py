"""What the command understands. `--help` reads the table; a command's module is imported when it is asked for.

A new command: a line here, and a module whose `add` gives the parser its arguments.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Collection
from typing import Any, Protocol

from .. import __version__

Run = Callable[..., int]  # of the engine, where it needs one, and the arguments; gives the exit code

COMMANDS = {  # name: (module, what is said of it)
    "generate": ("_generate", "make a video; the same request is paid once"),
    "submit": ("_generate", "as generate, but back when the job's id is on the disk"),
    "resume": ("_generate", "collect a job by its id or remote id; never submits"),
    "clean": ("_generate", "ask the provider for its own clean rendition of a clip"),
    "image": ("_image", "make a picture; the same request is paid once"),
    "enhance": ("_enhance", "have a prompt written out; may cost, the same request once"),
    "script": ("_script", "check a storyboard, and write it as a script or as JSON"),
    "character": ("_characters", "make, list, rename and delete characters"),
    "jobs": ("_jobs", "the jobs in the ledger, newest first"),
    "cancel": ("_jobs", "cancel a job at the provider"),
    "forget": ("_jobs", "free a job's request to be submitted, and paid, anew"),
    "ledger": ("_ledger", "move what a ledger knows into another, as into a studio's database"),
    "profiles": ("_profiles", "list, add and remove connections"),
    "doctor": ("_profiles", "check a profile; never charges"),
    "quota": ("_profiles", "what a profile's account has left"),
    "account": ("_account", "the account behind a profile of the sora_web protocol"),
    "loras": ("_loras", "the LoRA on a server, and which of them it uses, for everybody"),
    "gateway": ("_gateway", "run the preview server"),
    "conformance": ("_conformance", "run the conformance suite over a package with its own provider; needs pytest"),
}  # fmt: skip


class Add(Protocol):
    """The parser of a command of the table; ``run`` is None where its actions are what runs."""

    def __call__(self, name: str, run: Run | None = None, *, needs_engine: bool = True) -> argparse.ArgumentParser: ...


def parser_of(words: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Knows every command, and of those among the ``words`` their arguments too."""
    whole = argparse.ArgumentParser(
        prog="sora-video", description="Video through any server that speaks a Sora protocol."
    )
    whole.add_argument("--version", action="version", version=f"sora-video {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    parsers = {name: commands.add_parser(name, help=about, description=about) for name, (_, about) in COMMANDS.items()}

    def add(name: str, run: Run | None = None, *, needs_engine: bool = True) -> argparse.ArgumentParser:
        parsers[name].set_defaults(run=run, needs_engine=needs_engine)
        return parsers[name]

    for module in dict.fromkeys(module for name, (module, _) in COMMANDS.items() if name in words):
        importlib.import_module(f".{module}", __package__).add(add)
    return whole


def add_action(actions: Any, name: str, run: Run, about: str) -> argparse.ArgumentParser:
    """One of a command's actions, as `list` of `profiles`."""
    added: argparse.ArgumentParser = actions.add_parser(name, help=about, description=about)
    added.set_defaults(run=run)
    return added
