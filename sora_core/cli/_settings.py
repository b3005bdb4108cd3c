"""`--settings FILE` and `--set NAME=VALUE`: how the server is to make a video."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

from ..errors import InvalidRequest
from ..requests.settings import Settings, combined, pair_of, settings_of, settings_of_pairs
from ._terminal import text_of


def add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="of the server's own, as steps (repeat)"
    )
    parser.add_argument("--settings", metavar="FILE", help="the same as JSON; --set goes over it; - reads from stdin")


def settings_given(file: str | None, pairs: Iterable[str]) -> Settings:
    """The file's settings, and those that were named one by one over them. Raises InvalidRequest."""
    written = settings_of(_read(file)) if file is not None else Settings()
    return combined(written, settings_of_pairs(map(pair_of, pairs)))


def _read(file: str) -> object:
    text = text_of(file, cannot_read="cli.settings_cannot_read")
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest("cli.settings_no_json", file=file, error=error) from error
