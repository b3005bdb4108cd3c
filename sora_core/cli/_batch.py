"""`generate --batch`: many videos from a file; what is there already is free, so it can be run again."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine import Engine, Handle
from ..errors import AccountError, InvalidRequest, MissingKey, SoraError
from ..files.home import output_dir
from ..jobs.progress import Progress
from ..models import Delivery, Destination
from ..requests.kinds import RemixRequest, VideoRequest
from ..requests.lines import Fields, lines_of
from ._terminal import say, show_json, text_of

AT_ONCE = 32  # requests under way; how many of them are jobs at once, the profile says
SLICE_SECONDS = 0.05
SAY_SECONDS = 5.0
# of the failures that are left, the one that tells most about what to do next
_TELLING = (5, 3, 6, 4, 2)
_TEXTS = (
    "prompt",
    "profile",
    "model",
    "orientation",
    "size",
    "quality",
    "style",
    "negative_prompt",
    "remix_of",
    "edit",
    "extend",
    "source_job",
    "source_frame",
    "last_frame",
    "fit",
)
_NUMBERS = ("seconds", "seed")
_LISTS = ("image", "image_url", "shot", "character", "set", "reference")
_FIELDS = Fields(_TEXTS, _NUMBERS, _LISTS)

Videos = VideoRequest | RemixRequest


@dataclass(frozen=True)
class Item:
    """One line: its number, and the options that it stands for."""

    number: int
    options: argparse.Namespace


def run_batch(
    engine: Engine, arguments: argparse.Namespace, request_of: Callable[[Engine, argparse.Namespace], Videos]
) -> int:
    """Results as JSON lines as they come. 0 when all videos are there; else the code of what tells most."""
    for name in ("prompt", "out"):
        if getattr(arguments, name) is not None:
            raise InvalidRequest("batch.not_with", option="PROMPT" if name == "prompt" else f"--{name}")
    items = read_batch(arguments.batch, arguments)
    requests = [_checked(item, engine, request_of) for item in items]
    done = _Batch(engine, items, requests).run()
    codes = Counter(done.values())
    left = len(items) - codes[0]
    say(f"{codes[0]} of {len(items)} videos are there." + (f" {left} are left; run it again." if left else ""))
    return next((code for code in _TELLING if codes[code]), 0)


def read_batch(file: str, defaults: argparse.Namespace) -> list[Item]:
    """The lines that are no comment. Raises InvalidRequest, naming the line, before anything is sent."""
    found = lines_of(text_of(file), _FIELDS, source=file)
    return [Item(number, argparse.Namespace(**{**vars(defaults), "prompt": "", **named})) for number, named in found]


def _checked(item: Item, engine: Engine, request_of: Callable[[Engine, argparse.Namespace], Videos]) -> Videos:
    try:
        request = request_of(engine, item.options)
        engine.check(request, item.options.profile)
    except SoraError as error:
        error.add("batch.line", number=item.number)
        raise
    return request


class _Batch:
    def __init__(self, engine: Engine, items: Sequence[Item], requests: Sequence[Videos]) -> None:
        self._engine = engine
        self._waiting: Iterator[tuple[Item, Videos]] = iter(list(zip(items, requests, strict=True)))
        self._count = len(items)
        self._running: dict[int, tuple[Item, Handle[Delivery]]] = {}
        self._stages: dict[int, Progress] = {}
        self._codes: dict[int, int] = {}
        self._refused: set[str] = set()  # profiles whose account takes nothing more
        self._said = (0.0, "")

    def run(self) -> dict[int, int]:
        """Exit codes by the number of the line."""
        try:
            while self._fill():
                for number, (item, handle) in list(self._running.items()):
                    if handle.future.done():
                        del self._running[number]
                        self._codes[number] = self._tell(item, handle)
                self._say()
                time.sleep(SLICE_SECONDS)
        except KeyboardInterrupt:
            for _, handle in self._running.values():
                handle.abandon()
            raise
        return self._codes

    def _fill(self) -> bool:
        """Begins as many as may be under way; whether any is."""
        while len(self._running) < AT_ONCE:
            following = next(self._waiting, None)
            if following is None:
                break
            item, request = following
            if item.options.profile in self._refused:
                self._codes[item.number] = AccountError.exit_code
                continue
            handle = self._engine.generate(
                request, item.options.profile, Destination(output_dir()), self._watch(item.number)
            )
            self._running[item.number] = item, handle
        return bool(self._running)

    def _watch(self, number: int) -> Callable[[Progress], None]:
        def watch(progress: Progress) -> None:
            self._stages[number] = progress

        return watch

    def _tell(self, item: Item, handle: Handle[Delivery]) -> int:
        told: dict[str, Any] = {"line": item.number, "prompt": item.options.prompt}
        try:
            delivery = handle.result()
        except SoraError as error:
            if isinstance(error, (AccountError, MissingKey)):
                self._refused.add(item.options.profile)
            facts = {"job_id": error.job_id, "profile": item.options.profile}
            show_json({**told, **facts, "error": {"kind": error.kind, "message": str(error)}})
            return error.exit_code
        show_json({**told, **delivery.facts()})
        return 0

    def _say(self) -> None:
        at, said = self._said
        stages = Counter(self._stages[number].stage for number in self._running if number in self._stages)
        failed = sum(code != 0 for code in self._codes.values())
        parts = [f"{len(self._codes) - failed} of {self._count} are there", *([f"{failed} failed"] if failed else [])]
        text = ", ".join([*parts, *(f"{count} {stage}" for stage, count in stages.most_common())])
        if text != said and time.monotonic() - at > SAY_SECONDS:
            self._said = (time.monotonic(), text)
            say(text)
