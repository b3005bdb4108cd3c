"""Wires that record what passes, and that replay it: cassettes in the place of servers."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping

import httpx
from _cassette import KEEP_HEADERS, Exchange, Redaction, body_of, spelled_body

from sora_core.conformance.wire import Answer, Line, Wire

_MOST_ALIKE = 2  # of polls with the same answer in a row, so many are kept


class RecordingLine(Line):
    """In front of a server. What passes is kept as exchanges."""

    def __init__(self, target: str, clip: bytes, secrets: Mapping[str, str]) -> None:
        super().__init__(target)
        self.redaction = Redaction({self.url: "@origin", **secrets, target: "@origin"}, int(time.time()))
        self._clip = clip
        self.exchanges: list[Exchange] = []

    def keep(self, method: str, path: str, headers: Mapping[str, str], body: bytes, reply: httpx.Response) -> None:
        sent = spelled_body(body, headers.get("content-type", ""), self._clip, self.redaction)
        got = spelled_body(reply.content, "", self._clip, self.redaction)
        shown = {
            name: self.redaction.out(value) for name, value in reply.headers.items() if name.lower() in KEEP_HEADERS
        }
        one = Exchange(method, self.redaction.out(path), sent, reply.status_code, shown, got)
        with self._lock:
            alike = [each for each in self.exchanges if each.key == one.key][-_MOST_ALIKE:]
            known = [(each.status, each.got) for each in alike]
            if method != "GET" or known != [(one.status, one.got)] * _MOST_ALIKE:
                self.exchanges.append(one)


class Tape(Wire):
    """In the place of a server: each request gets the next answer that was recorded for it, a read the last again."""

    def __init__(self, exchanges: list[Exchange], clip: bytes, secrets: Mapping[str, str]) -> None:
        super().__init__()
        self.redaction = Redaction({self.url: "@origin", **secrets}, int(time.time()))
        self._clip = clip
        self._left: dict[tuple[str, str, str], list[Exchange]] = defaultdict(list)
        for each in exchanges:
            self._left[each.key].append(each)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        sent = spelled_body(body, headers.get("content-type", ""), self._clip, self.redaction)
        key = (method, self.redaction.out(path), json.dumps(sent, sort_keys=True))
        with self._lock:
            left = self._left.get(key)
            if not left:
                self.complaints.append(f"{method} {path} with {json.dumps(sent, ensure_ascii=False)[:600]}")
                return Answer(501, {}, b"this was not recorded")
            again = method == "GET" and len(left) == 1
            each = left[0] if again else left.pop(0)
        text = {name: self.redaction.back(value) for name, value in each.headers.items()}
        return Answer(each.status, text, body_of(each.got, self._clip, self.redaction))
