"""What the documents promise is what the code does: commands parse, settings load, examples run, links lead on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from _documents import IN_BOTH, PAGES, READMES, ROOT, blocks, commands, examples, page, read, rows, shape
from _gateway import GatewayProcess

from sora_core import errors
from sora_core.cli._parser import parser_of
from sora_core.models import Effect
from sora_core.profiles.profiles import AUTH_SCHEMES, Profile, Profiles
from sora_core.transport.retry import ATTEMPTS, Action, FailureKind, decide

LANGUAGES = ("en", "zh")
DOCUMENTS = [
    *(ROOT / name for name in (*READMES, "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
REPOSITORY = "https://github.com/sora-video-nodes/sora-video-nodes"
EXIT_CODE = {"en": "Exit code", "zh": "退出码"}
MESSAGE = {"en": "Message", "zh": "信息"}
FAILURE = {"en": "Failure", "zh": "失败"}
WORDS = {"retry": "重试", "wait, retry": "等待后重试", "stop": "停止"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", IN_BOTH)
class TestPagesInBothLanguages:
    def test_have_the_same_shape(self, name):
        assert shape(page("zh", name)) == shape(page("en", name))

    def test_show_the_same_examples(self, name):
        assert examples(page("zh", name)) == examples(page("en", name))


def test_documents_show_only_commands_that_exist():
    for path in DOCUMENTS:
        for arguments in commands(path.read_text("utf-8")):
            parser_of(arguments[:1]).parse_args(arguments)  # exits when there is no such command or flag


@pytest.mark.parametrize("language", LANGUAGES)
class TestPages:
    def test_list_the_exit_codes(self, language):
        listed = {int(cells[0]) for cells in rows(page(language, "command.md"), EXIT_CODE[language])}
        tree = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.SoraError)]
        assert listed == {0} | {each.exit_code for each in tree if each is not errors.SoraError}

    def test_explain_every_setting_of_a_profile_in_a_file_that_loads(self, language, tmp_path):
        example, *_ = blocks(page(language, "profiles.md"), "toml")
        (tmp_path / "profiles.toml").write_text(example, "utf-8")
        profile = Profiles(tmp_path, {}).get("wan")
        shown = re.findall(r"^(\w+) = .* # .+", example, flags=re.MULTILINE)
        assert set(shown) | {"extra"} == {each.name for each in fields(Profile)} - {"name", "embedded", "described"}
        assert profile.extra == {"num_inference_steps": "30"}
        for scheme in AUTH_SCHEMES:
            assert scheme in example

    def test_name_every_environment_variable(self, language):
        pattern = r"\bSORA_[A-Z_]+\b"
        code = [*(ROOT / "sora_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")]
        used = {found for path in code for found in re.findall(pattern, path.read_text("utf-8"))}
        named = {
            found for path in PAGES[language].glob("*.md") for found in re.findall(pattern, path.read_text("utf-8"))
        }
        assert named == used

    def test_the_example_with_the_openai_client_runs(self, language, tmp_path):
        text = page(language, "test-server.md")
        (example,) = blocks(text, "python")
        served = next(parser_of().parse_args(each) for each in commands(text) if each[0] == "gateway")
        gateway = GatewayProcess(speed=40, key=served.key)
        try:
            code = example.replace(f"http://127.0.0.1:{served.port}", gateway.url)
            assert code != example
            subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
            stats = gateway.stats()
        finally:
            gateway.stop()
        assert (tmp_path / "lighthouse.mp4").read_bytes()[4:8] == b"ftyp"
        shown = json.loads(re.search(r'`(\{"charges".+?\})`', text)[1].replace("...", ""))
        assert shown.keys() <= stats.keys()
        assert shown["charges"] == stats["charges"]

    def test_the_example_of_a_fault_is_one(self, language):
        from sora_core.gateway.faults import parse_faults

        (fault,) = re.findall(r"/_gateway/faults -d '(.+)'", page(language, "test-server.md"))
        rules, _ = parse_faults(fault)
        assert [(rule.do, rule.when) for rule in rules] == [("drop", "after")]


def messages() -> list[str]:
    pages = [*(read(name) for name in READMES), *(page(language, "troubleshooting.md") for language in LANGUAGES)]
    tables = [rows(text, heading) for text in pages for heading in MESSAGE.values()]
    return sorted({quoted for table in tables for row in table for quoted in re.findall(r"`([^`]+)`", row[0])})


@pytest.mark.parametrize("quoted", messages())
def test_a_message_that_is_quoted_is_one_of_ours(quoted):
    code = "".join(path.read_text("utf-8") for path in (ROOT / "sora_core").rglob("*.py"))
    code += read("locales/en/errors.json")
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # a message over several lines
    # what stands for a value, and numbers, differ from one message to the next
    fixed = re.split(r"…|NAME|HOST|profiles\.toml|\d+", quoted)
    assert [part for part in (each.strip(" '-.:") for each in fixed) if part not in code] == []


def test_the_table_of_retries_is_the_policy():
    table = rows(page("en", "charging.md"), "Failure")
    assert len(table) == len(FailureKind)
    for kind, (_, *cells) in zip(FailureKind, table, strict=True):
        for effect, cell in zip(Effect, cells, strict=True):
            decision = decide(effect, kind, 1)
            if decision.action is Action.UNKNOWN:
                assert cell.startswith("**unknown**")
            elif decision.action is Action.RAISE:
                assert cell == "stop"
            else:
                again = "once more" if decide(effect, kind, 2).action is Action.RAISE else "retry"
                assert cell == ("wait, retry" if kind is FailureKind.BUSY else again)
    assert ATTEMPTS == 5  # "at most five attempts"


def test_the_chinese_table_of_retries_says_the_same():
    english, chinese = (rows(page(language, "charging.md"), FAILURE[language]) for language in LANGUAGES)
    for (_, *cells), (_, *translated) in zip(english, chinese, strict=True):
        for cell, other in zip(cells, translated, strict=True):
            assert other == WORDS.get(cell, other)
            assert other.startswith("**unknown**") == cell.startswith("**unknown**")


def anchors(text: str) -> set[str]:
    """The fragments that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def target_of(path: Path, link: str) -> tuple[Path, str] | None:
    """The file and the heading that a link of ours leads to; None: it leads elsewhere."""
    own = re.match(rf"{REPOSITORY}/(?:blob|tree)/main/([^#]+)#?(.*)", link)
    if own:
        return ROOT / own[1], own[2]
    if re.match(r"\w+:", link):
        return None
    file, _, fragment = link.partition("#")
    return (path.parent / file if file else path), fragment


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)):
        target = target_of(path, link)
        if target and not (
            target[0].exists() and (not target[1] or target[1] in anchors(target[0].read_text("utf-8")))
        ):
            dead.append(link)
    assert dead == []


def test_help_pages_link_to_what_is_there():
    links = {
        link
        for path in (ROOT / "web" / "docs").rglob("*.md")
        for link in re.findall(r"\]\((http[^)\s]+)\)", path.read_text("utf-8"))
    }
    dead = [link for link in links if (found := target_of(ROOT, link)) and not found[0].exists()]
    assert dead == []


def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "site" / "search" / "search_index.json").read_text("utf-8"))["docs"]
    pages = {entry["location"].partition("#")[0] for entry in found}
    assert {"", "charging/", "zh/charging/"} <= pages


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_files_that_are_named_exist(path):
    named = re.findall(r"(?<![\w/.])(?:scripts|api_examples|tests)/[\w./-]+\w", path.read_text("utf-8"))
    made_up = {name for name in named if "acme" in name or "NAME" in name}  # of the guides
    assert [name for name in named if name not in made_up and not (ROOT / name).exists()] == []


def test_the_changelog_begins_with_what_is_not_released_or_this_version():
    import sora_core

    version, date = re.search(r"^## \[(\d.+?)\] - (\S+)$", read("CHANGELOG.md"), flags=re.MULTILINE).groups()
    assert version == sora_core.__version__
    assert f'version = "{version}"' in read("pyproject.toml")
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)


def test_what_is_published_leaves_out_what_only_developers_need():
    left_out = read(".comfyignore").split()
    for name in ("tests/", "scripts/", "benchmarks/", ".ci/", ".github/", "requirements-dev.txt", "mkdocs.yml"):
        assert name in left_out
    for name in ("README.md", "README.zh.md", "locales", "web", "example_workflows", "api_examples"):
        assert not any(each.startswith(name) for each in left_out)
