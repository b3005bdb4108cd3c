"""What the documents promise is what the code does: commands parse, settings load, examples run."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from _gateway import GatewayProcess

import sora_core
from sora_core import cli, errors
from sora_core.models import Effect
from sora_core.profiles.profiles import AUTH_SCHEMES, Profile, Profiles
from sora_core.providers import PROVIDERS
from sora_core.transport.retry import ATTEMPTS, Action, FailureKind, decide

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh.md")
GUIDE = ROOT / "sora_core" / "providers" / "ADDING_A_PROVIDER.md"
DOCUMENTS = [ROOT / name for name in (*READMES, "CONTRIBUTING.md", "CHANGELOG.md")] + [GUIDE]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every `sora-video` line of the shell blocks."""
    for block in blocks(text, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["sora-video"]:
                yield words[1:]


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be given, with its parser: ("profiles add", …)."""
    subcommands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not subcommands:
        yield name, parser
    for action in subcommands:
        for word, inner in action.choices.items():
            yield from parsers(inner, f"{name} {word}".strip())


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose header begins with ``first``."""
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("name", READMES)
class TestReadme:
    def test_links_to_the_other_language_at_its_top(self, name):
        (other,) = set(READMES) - {name}
        assert f"]({other})" in "\n".join(read(name).splitlines()[:4])

    def test_shows_only_commands_that_exist(self, name):
        shown = list(commands(read(name)))
        assert shown
        for arguments in shown:
            cli._parser().parse_args(arguments)  # exits when there is no such command or flag

    def test_names_every_command_with_all_its_flags_and_no_other(self, name):
        table = rows(read(name), COMMAND[name])
        listed = {re.sub(r" [A-Z]+$", "", re.findall(r"`(.+?)`", cells[0])[0]): cells[1] for cells in table}
        existing = dict(parsers(cli._parser()))
        assert sorted(listed) == sorted(existing)
        for command, parser in existing.items():
            flags = {flag for action in parser._actions for flag in action.option_strings} - {"-h", "--help"}
            assert set(re.findall(r"--[a-z-]+", listed[command])) == flags, command

    def test_lists_the_exit_codes(self, name):
        listed = {int(cells[0]) for cells in rows(read(name), EXIT_CODE[name])}
        tree = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.SoraError)]
        assert listed == {0} | {each.exit_code for each in tree if each is not errors.SoraError}

    def test_explains_every_setting_of_a_profile_in_a_file_that_loads(self, name, tmp_path):
        (example,) = blocks(read(name), "toml")
        (tmp_path / "profiles.toml").write_text(example, "utf-8")
        profile = Profiles(tmp_path, {}).get("wan")
        shown = re.findall(r"^(\w+) = .* # .+", example, flags=re.MULTILINE)
        assert set(shown) | {"extra"} == {each.name for each in fields(Profile)} - {"name", "embedded"}
        assert profile.extra == {"num_inference_steps": "30"}
        for scheme in AUTH_SCHEMES:
            assert scheme in example

    def test_names_every_environment_variable(self, name):
        pattern = r"\bSORA_[A-Z_]+\b"
        code = [*(ROOT / "sora_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")]
        used = {found for path in code for found in re.findall(pattern, path.read_text("utf-8"))}
        assert set(re.findall(pattern, read(name))) == used

    def test_names_every_provider_and_the_version(self, name):
        assert sora_core.__version__ in read(name)
        assert all(f"`{provider}`" in read(name) for provider in PROVIDERS)

    def test_quotes_only_messages_that_the_code_has(self, name):
        code = "".join(path.read_text("utf-8") for path in (ROOT / "sora_core").rglob("*.py"))
        code += read("locales/en/errors.json")
        code = re.sub(r'"\s*\n\s*f?"', "", code)  # a message over several lines
        table = rows(read(name), MESSAGE[name])
        assert table
        for message, _, _ in table:
            for quoted in re.findall(r"`([^`]+)`", message):
                # what stands for a value, and numbers, differ from one message to the next
                fixed = re.split(r"…|NAME|HOST|profiles\.toml|\d+", quoted)
                missing = [part for part in (each.strip(" '-.:") for each in fixed) if part not in code]
                assert missing == [], quoted


COMMAND = {"README.md": "Command", "README.zh.md": "命令"}
EXIT_CODE = {"README.md": "Exit code", "README.zh.md": "退出码"}
MESSAGE = {"README.md": "Message", "README.zh.md": "信息"}
FAILURE = {"README.md": "Failure", "README.zh.md": "失败"}
WORDS = {"retry": "重试", "wait, retry": "等待后重试", "stop": "停止"}


def test_both_languages_have_the_same_shape():
    def shape(text: str) -> list[str]:
        lines = [line for line in re.sub(r"```.*?```", "```", text, flags=re.DOTALL).splitlines() if line.strip()]
        return [re.match(r"#+|\||-|\d\.|```|", line.strip())[0] for line in lines]

    assert shape(read("README.zh.md")) == shape(read("README.md"))


def test_both_languages_show_the_same_examples():
    def examples(name: str) -> list[str]:
        return [re.sub(r"#.*|\".*?\"", "", block) for block in blocks(read(name), r"\w+")]

    assert examples("README.zh.md") == examples("README.md")


def test_the_table_of_retries_is_the_policy():
    table = rows(read("README.md"), "Failure")
    assert len(table) == len(FailureKind)
    for kind, (_, *cells) in zip(FailureKind, table, strict=True):
        for effect, cell in zip(Effect, cells, strict=True):
            decision = decide(effect, kind, 1)
            if decision.action is Action.UNKNOWN:
                assert cell.startswith("**unknown**")
            elif decision.action is Action.RAISE:
                assert cell == "stop"
            else:
                assert cell == ("wait, retry" if kind is FailureKind.BUSY else "retry")
    assert ATTEMPTS == 5  # "at most five attempts"


def test_the_chinese_table_of_retries_says_the_same():
    english, chinese = (rows(read(name), FAILURE[name]) for name in READMES)
    for (_, *cells), (_, *translated) in zip(english, chinese, strict=True):
        for cell, other in zip(cells, translated, strict=True):
            assert other == WORDS.get(cell, other)
            assert other.startswith("**unknown**") == cell.startswith("**unknown**")


def anchors(text: str) -> set[str]:
    """The fragments that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, hash_sign, fragment = target.partition("#")
        assert (path.parent / file).exists(), target
        assert not hash_sign or file or f"#{fragment}" in anchors(text), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(path):
    named = re.findall(r"(?<![\w/.])(?:scripts|api_examples|tests)/[\w./]+\w", path.read_text("utf-8"))
    made_up = {"tests/providers/test_acme.py"}
    assert [name for name in named if name not in made_up and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_the_example_with_the_openai_client_runs(name, tmp_path):
    (example,) = blocks(read(name), "python")
    served = next(cli._parser().parse_args(each) for each in commands(read(name)) if each[0] == "gateway")
    gateway = GatewayProcess(speed=40, key=served.key)
    try:
        code = example.replace(f"http://127.0.0.1:{served.port}", gateway.url)
        assert code != example
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
        stats = gateway.stats()
    finally:
        gateway.stop()
    assert (tmp_path / "lighthouse.mp4").read_bytes()[4:8] == b"ftyp"
    shown = json.loads(re.search(r'`(\{"charges".+?\})`', read(name))[1].replace("...", ""))
    assert shown.keys() <= stats.keys()
    assert shown["charges"] == stats["charges"]


@pytest.mark.parametrize("name", READMES)
def test_the_example_of_a_fault_is_one(name):
    from sora_core.gateway.faults import parse_faults

    (fault,) = re.findall(r"/_gateway/faults -d '(.+)'", read(name))
    rules, _ = parse_faults(fault)
    assert [(rule.do, rule.when) for rule in rules] == [("drop", "after")]


def test_the_changelog_begins_with_this_version():
    version, date = re.search(r"^## \[(.+?)\] - (\S+)$", read("CHANGELOG.md"), flags=re.MULTILINE).groups()
    assert version == sora_core.__version__
    assert f'version = "{version}"' in read("pyproject.toml")
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)


def test_what_is_published_leaves_out_what_only_developers_need():
    left_out = read(".comfyignore").split()
    for name in ("tests/", "scripts/", "benchmarks/", ".ci/", "requirements-dev.txt"):
        assert name in left_out
    for name in ("README.md", "README.zh.md", "locales", "web", "example_workflows", "api_examples"):
        assert not any(each.startswith(name) for each in left_out)
