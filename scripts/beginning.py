"""Writes the files of a new provider, node or command: `scripts/new`."""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "templates"
RECIPES = "tests/conformance/_gateway_recipes.py"
COMMANDS = "sora_core/cli/_parser.py"
TRANSLATIONS = "locales/zh/nodes.json"
FILES = {
    "provider": {
        "provider.py": "sora_core/providers/{name}.py",
        "wire.py": "sora_core/gateway/wire/{name}.py",
        "test.py": "tests/providers/test_{name}.py",
    },
    "node": {
        "en.md": "web/docs/SoraVideo_{camel}/en.md",
        "zh.md": "web/docs/SoraVideo_{camel}/zh.md",
        "test.py": "tests/comfyui/test_{name}.py",
    },
    "command": {
        "command.py": "sora_core/cli/_{name}.py",
        "test.py": "tests/cli/test_{name}.py",
    },
}
NEXT = {
    "provider": "the protocol's words and addresses in all four; {how} runs its tests",
    "node": "its inputs, description and Chinese ({translate} lists it); {how} runs its test in a real ComfyUI",
    "command": "what it does; {how} runs its tests",
}


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def filled(template: str, name: str, chinese: str) -> str:
    words = {
        "Name_": camel(name),
        "name_": name,
        "Title_": f"Sora {' '.join(word.capitalize() for word in name.split('_'))}",
        "CHINESE_": chinese,
        "DATE": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "DOCUMENT": "where the protocol is documented",
    }
    return re.sub("|".join(words), lambda found: words[found[0]], template)


def begin(kind: str, name: str, chinese: str = "", root: Path = ROOT) -> list[str]:
    """The files that were written or changed. Exits when one is there already."""
    files = {
        target.format(name=name, camel=camel(name)): (TEMPLATES / kind / source).read_text("utf-8")
        for source, target in FILES[kind].items()
    }
    if kind == "node":
        files[f"nodes/{name}.py"] = _node(root)
    there = [target for target in files if (root / target).exists()]
    if there:
        sys.exit(f"{', '.join(there)}: there already. Nothing was written.")
    for target, template in files.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / target).write_bytes(filled(template, name, chinese).encode("utf-8"))
    if kind == "provider":
        return [*files, _add_recipe(root, name)]
    if kind == "command":
        return [*files, _add_command(root, name)]
    return [*files, _add_translations(root, name, chinese)]


def _node(root: Path) -> str:
    """The plainest node there is, under another name."""
    text = (root / "nodes" / "text2video.py").read_text("utf-8")
    text = text.replace("Text2Video", "Name_").replace("Sora Text to Video", "Title_")
    text = re.sub(r'description="(?:.|\n)*?",\n', 'description="What it makes, in one sentence.",\n', text, count=1)
    return re.sub(r'"t2v".*?(?=\]?\))', '"what people type to find it"', text, count=1)


def _add_recipe(root: Path, name: str) -> str:
    """For the conformance suite, over the gateway."""
    entry = f'"{name}": Relay("{name}", "/{name}", also="fails restart strange_words"),'
    return _add_line(root, RECIPES, "RELAYS = {", entry)


def _add_command(root: Path, name: str) -> str:
    """For `--help`, which imports no command."""
    return _add_line(root, COMMANDS, "COMMANDS = {", f'"{name}": ("_{name}", "what it does, in one line"),')


def _add_line(root: Path, target: str, table: str, entry: str) -> str:
    """As the first of the table."""
    path = root / target
    before, start, rest = path.read_text("utf-8").partition(table)
    head, end, rest = rest.partition("\n")
    path.write_bytes(f"{before}{start}{head}{end}    {entry}\n{rest}".encode())
    return target


def _add_translations(root: Path, name: str, chinese: str) -> str:
    path = root / TRANSLATIONS
    known = json.loads(path.read_text("utf-8"))
    known["texts"][filled("Title_", name, "")] = chinese
    known["texts"]["What it makes, in one sentence."] = "用一句话说明它生成什么。"
    path.write_bytes((json.dumps(known, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))
    return TRANSLATIONS


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/new", description=__doc__)
    parser.add_argument("kind", choices=FILES)
    parser.add_argument("name", help="in small letters, words joined by _, such as slow_motion")
    parser.add_argument("chinese", nargs="?", default="", help="a node's name in Chinese")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", arguments.name):
        parser.error(f"{arguments.name!r} is no such name: small letters and digits, words joined by _")
    if arguments.kind == "node" and not re.search("[\u4e00-\u9fff]", arguments.chinese):
        parser.error('a node needs its name in Chinese too: scripts/new node slow_motion "Sora 慢动作"')
    written = begin(arguments.kind, arguments.name, arguments.chinese)
    print(*written, sep="\n")
    tests = next(name for name in written if name.startswith("tests/"))
    how = f"`scripts/test {tests}`"
    print("Next:", NEXT[arguments.kind].format(how=how, translate="`scripts/generate --untranslated`"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
