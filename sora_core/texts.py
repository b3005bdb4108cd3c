"""What users read, in one language at a time: sentences by id, in `locales/<language>/errors.json`."""

from __future__ import annotations

import functools
import json
import locale
import os
import re
import shutil
import string
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")
COMMAND = "sora-video"

_source: Callable[[], str] | None = None


def language() -> str:
    """The host's language, where one was named; else SORA_LANG, else the system's. English for every other one."""
    name = _source() if _source else ""
    return _known(name or os.environ.get("SORA_LANG", "") or _system())


def ask_for_language(source: Callable[[], str] | None) -> None:
    """Names who knows the language of whoever reads; ``source`` gives "" when it does not know either."""
    global _source
    _source = source


def text(key: str, part: str = "text", /, *, lang: str | None = None, **values: Any) -> str | None:
    """The part (text, fix) of an entry, filled in; English where a translation is missing, None where there is none."""
    for name in (lang or language(), "en"):
        found = catalogue(name).get(key, {}).get(part)
        if found is not None:
            return runnable(_FORMAT.vformat(found, (), values))
    return None


def size_of(count: float) -> str:
    """So many bytes as people read them: "38.2 KiB", "256 MiB", "1.5 GiB"."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 2**power:
            return f"{count / 2**power:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count:.0f} bytes"


def runnable(said: str) -> str:
    """With the command as it can be typed here: it need not be installed where the pack was put into ComfyUI."""
    return said if command() == COMMAND else said.replace(f"`{COMMAND} ", f"`{command()} ")


@functools.cache
def command() -> str:
    """`sora-video` where that is found, else how the package is run by its path."""
    if shutil.which(COMMAND):
        return COMMAND
    here = Path(__file__).absolute().parent  # a link into custom_nodes is a folder of it
    if here.parent.parent.name == "custom_nodes":  # seen from ComfyUI's folder, with the Python that runs ComfyUI
        return f"python {_quoted(here.relative_to(here.parents[2]).as_posix())}"
    return f"{_quoted(sys.executable)} {_quoted(str(here))}"


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[\w@%+=:,./\\-]+", path) else f'"{path}"'


@functools.cache
def catalogue(name: str) -> Mapping[str, Mapping[str, str]]:
    """All entries of a language."""
    here = Path(__file__).resolve().parent
    # beside the package in the pack's folder, inside of it where it was installed as a package
    folder = next((each for each in (here / "locales", here.parent / "locales") if each.is_dir()), here)
    path = folder / name / "errors.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def parameters(sentence: str) -> set[str]:
    """The names that a sentence has a place for."""
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(sentence) if name}


class _Tolerant(string.Formatter):
    """A sentence with a hole is worth more than an error about an error."""

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(key, "?") if isinstance(key, str) else "?"


_FORMAT = _Tolerant()


def _known(name: str) -> str:
    return next((each for each in LANGUAGES if name.lower().startswith(each)), "en")


def _system() -> str:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(variable):
            return os.environ[variable]
    return locale.getlocale()[0] or ""
