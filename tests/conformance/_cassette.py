"""What went over the wire between the client and a real server, as a file that a test can be replayed from.

One JSON file per server and dialect: release, date, and per scenario its outcome and exchanges. Keys, addresses and
what a server says of the machine it runs on are taken out; the clip, which is always the same, stands as ``@clip``.
Pages that only `doctor` looks at are cut down to what it could read there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cassettes"
KEEP_HEADERS = frozenset(
    ("content-type", "location", "retry-after", "allow", "server", "x-litellm-version", "openai-poll-after-ms")
)
_BODY = ("requestBody", "parameters")
_WORDS = ("title", "description", "example", "examples")
_LONGEST_TEXT = 64 * 1024
_A_DAY = 86_400


@dataclass
class Exchange:
    """One request and its answer. ``sent`` is the body as `spelled` has it."""

    method: str
    path: str
    sent: Any
    status: int
    headers: dict[str, str]
    got: Any

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.path, json.dumps(self.sent, sort_keys=True)


@dataclass
class Scenario:
    """``journal``: what the engine behind the server was asked for."""

    outcome: str = "passed"
    exchanges: list[Exchange] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Cassette:
    server: str
    release: str
    dialect: str
    variant: str = ""
    recorded: str = ""
    scenarios: dict[str, Scenario] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Cassette:
        value = json.loads(path.read_text("utf-8"))
        scenarios = {
            name: Scenario(each["outcome"], [Exchange(**one) for one in each["exchanges"]], each["journal"])
            for name, each in value.pop("scenarios").items()
        }
        return cls(**value, scenarios=scenarios)

    def save(self, path: Path) -> None:
        """One exchange a line, so that a change shows as one."""
        head = {name: value for name, value in asdict(self).items() if name != "scenarios"}
        blocks = [f"{_dumps(name)}: {_block(each)}" for name, each in sorted(self.scenarios.items())]
        text = f'{_dumps(head)[:-1]}, "scenarios": {{\n' + ",\n".join(blocks) + "\n}}\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(scenario: Scenario) -> str:
    lines = ",\n  ".join(_dumps(asdict(each)) for each in scenario.exchanges)
    head = f'"outcome": {_dumps(scenario.outcome)}, "journal": {_dumps(scenario.journal)}'
    return f'{{{head}, "exchanges": [\n  {lines}\n]}}'


@dataclass(frozen=True)
class Redaction:
    """What is taken out: text to its place holder, longest first. The way back is for the replay.

    Moments near ``since`` become seconds after it, so that a replay happens now and not on the day of the recording.
    """

    words: Mapping[str, str]
    since: int

    def out(self, text: str) -> str:
        for word in sorted(self.words, key=len, reverse=True):
            text = text.replace(word, self.words[word])
        return text

    def back(self, text: str) -> str:
        for word, holder in reversed(self.words.items()):
            text = text.replace(holder, word)
        return text

    def timeless(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.timeless(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.timeless(each) for each in value]
        if type(value) in (int, float) and abs(value - self.since) < _A_DAY:
            return f"@now{round(value) - self.since:+d}"
        return value

    def timed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.timed(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.timed(each) for each in value]
        if isinstance(value, str) and re.fullmatch(r"@now[+-]\d+", value):
            return self.since + int(value.removeprefix("@now"))
        return value


def spelled_body(body: bytes, content_type: str, clip: bytes, redaction: Redaction) -> Any:
    """A body as JSON can hold it: {"json"}, {"form"}, {"text"}, {"clip"}, {"base64"} or None."""
    if not body:
        return None
    if body == clip:
        return {"clip": True}
    if content_type.startswith("multipart/form-data"):
        return {"form": _form(body, content_type, redaction)}
    try:
        text = redaction.out(body.decode("utf-8"))
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}
    if clip:
        text = text.replace(base64.b64encode(clip).decode("ascii"), "@clip")
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text[:_LONGEST_TEXT]}
    is_large = len(text) > _LONGEST_TEXT or _is_description(value)
    return {"json": redaction.timeless(_pruned(value) if is_large else value)}


def body_of(spelled: Any, clip: bytes, redaction: Redaction) -> bytes:
    """The way back, for answers."""
    if spelled is None:
        return b""
    if "clip" in spelled:
        return clip
    if "base64" in spelled:
        return base64.b64decode(spelled["base64"])
    text = spelled["text"] if "text" in spelled else json.dumps(redaction.timed(spelled["json"]), ensure_ascii=False)
    return redaction.back(text).replace("@clip", base64.b64encode(clip).decode("ascii")).encode("utf-8")


def _form(body: bytes, content_type: str, redaction: Redaction) -> list[list[str]]:
    """[name, value] of each part in order; of a file, its name and type."""
    parsed = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    return [[str(part.get_param("name", header="content-disposition")), _part(part, redaction)] for part in _of(parsed)]


def _of(parsed: Message) -> list[Message]:
    payload = parsed.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _part(part: Message, redaction: Redaction) -> str:
    data = part.get_payload(decode=True)
    data = data if isinstance(data, bytes) else b""
    if part.get_filename():
        return f"@file {part.get_filename()} {part.get_content_type()}"
    return redaction.out(data.decode("utf-8", "replace"))


def _pruned(value: Any) -> Any:
    """A large page: of an API's description what it says of bodies for videos; of any other page, the beginning."""
    if not _is_description(value):
        return {"pruned": json.dumps(value, ensure_ascii=False)[:2000]}
    paths = {path: _calls(path, calls) for path, calls in value["paths"].items() if "video" in path}
    found = {**{name: value[name] for name in ("openapi", "info", "servers") if name in value}, "paths": paths}
    for name in iter(lambda: _missing(found), None):
        schema = _plain(value["components"]["schemas"][name])
        found.setdefault("components", {}).setdefault("schemas", {})[name] = schema
    return found


def _is_description(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("paths"), dict) and "info" in value


def _calls(path: str, calls: dict[str, Any]) -> dict[str, Any]:
    is_create = "{" not in path
    return {
        name: _plain({part: call[part] for part in _BODY if is_create and part in call}) for name, call in calls.items()
    }


def _missing(description: dict[str, Any]) -> str | None:
    """A schema that is named in what is kept, and is not there."""
    there = description.get("components", {}).get("schemas", {})
    named = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description))
    return next((name for name in named if name not in there), None)


def _plain(value: Any) -> Any:
    """A schema without its words."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name not in _WORDS or isinstance(each, dict)}
    return [_plain(each) for each in value] if isinstance(value, list) else value
