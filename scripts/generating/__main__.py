"""`scripts/generate`; see `--help`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from . import ROOT

sys.path.insert(1, str(ROOT))

from . import adopt, command_page, coverage_pages, help_pages, nodes, parts, providers_page, servers_page, texts

ABOUT = """Writes what the sources say into the files that repeat it: the nodes' contract, their texts for ComfyUI in
English and Chinese, the lists in their help pages, the tables of docs/command.md, docs/providers.md, docs/servers.md,
docs/coverage, and the marked parts of README and CONTRIBUTING."""
MAKERS = (nodes, texts, help_pages, providers_page, servers_page, coverage_pages, command_page, parts)


def stale() -> Iterator[tuple[str, str]]:
    """(file, what it should hold) of each file that is out of date."""
    for maker in MAKERS:
        for name, text in maker.files():
            path = ROOT / name
            if not path.exists() or path.read_text("utf-8") != text:
                yield name, text


def untranslated() -> list[str]:
    """What is shown in English to a Chinese reader."""
    english, chinese = (
        json.loads((ROOT / "locales" / each / "errors.json").read_text("utf-8")) for each in ("en", "zh")
    )
    errors = [
        f"locales/zh/errors.json: {key}.{part}"
        for key in english
        for part in english[key]
        if part not in chinese.get(key, {})
    ]
    return errors + texts.missing() + command_page.missing()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/generate", description=ABOUT)
    parser.add_argument("--check", action="store_true", help="only tell which files are out of date")
    parser.add_argument("--untranslated", action="store_true", help="list what has no Chinese yet")
    parser.add_argument(
        "--adopt", action="store_true", help="first move what was written into them to where it belongs"
    )
    arguments = parser.parse_args()
    if arguments.untranslated:
        print("\n".join(untranslated()) or "everything is translated")
        return 0
    broken = nodes.broken()
    if broken:
        print("Names are contracts, and these were changed:", *broken, sep="\n  ")
        print(f"If that is really meant, take the node out of {nodes.CONTRACT} first, and say so in CHANGELOG.md.")
        return 1
    if arguments.adopt:
        adopt.adopt()
    found = list(stale())
    for name, text in found:
        if not arguments.check:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_bytes(text.encode("utf-8"))
        print(f"{name}: {'out of date' if arguments.check else 'written'}")
    if not found:
        print("up to date")
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
