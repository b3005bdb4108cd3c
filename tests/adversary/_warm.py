"""Loaded once by the process that all commands are forked from; starts nothing."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402, F401
import tomlkit  # noqa: E402, F401

from sora_core.cli import _with_engine  # noqa: E402, F401
from sora_core.cli._parser import parser_of  # noqa: E402

parser_of()  # which imports every command
