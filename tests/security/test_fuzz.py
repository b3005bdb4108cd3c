"""Whatever comes from outside: it is read, or it is our error. Each crash that was found is a case of its own."""

from __future__ import annotations

import contextlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from _hostile import a_clip
from hypothesis import example, given
from hypothesis import strategies as st

from sora_core.errors import SoraError
from sora_core.media.container import sniff
from sora_core.media.picture import picture_size, picture_tensor
from sora_core.media.soundness import find_fault
from sora_core.media.video import decode, probe
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, provider_for
from sora_core.providers import _chat as chat
from sora_core.providers._answers import normalize, prose
from sora_core.redaction import redact
from sora_core.requests.shots import parse_script
from sora_core.transport import Reply

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["completed", "failed"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.text(), st.sampled_from(["id", "status", "data", "error", "url", "message"])), inner
        ),
    ),
    max_leaves=20,
)
BODIES = st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode()), st.text().map(str.encode))
STATUS = st.sampled_from([200, 201, 202, 302, 400, 401, 402, 404, 409, 422, 429, 500, 503])


def speakers() -> list[Any]:
    return [
        provider_for(Profile("p", provider=name, base_url="https://relay.example/v1")) for name in sorted(PROVIDERS)
    ]


@given(body=BODIES, status=STATUS)
@example(body=b"[" * 100_000, status=200)
@example(body=b'{"data": ' * 50_000, status=500)
@example(body=b'{"id": ' + b"9" * 5000 + b"}", status=200)
def test_any_answer_of_a_server(body, status):
    reply = Reply(status, {"retry-after": body[:20].decode("latin-1")}, body, "https://relay.example/v1")
    for provider in speakers():
        for read in (provider.decode, provider.judge, provider.result_in, provider.decode_list):
            with contextlib.suppress(SoraError):
                read(reply)
    assert "\0" not in redact(normalize.failure_of(reply).message) or b"\0" in body or b"\\u0000" in body


EVENTS = st.lists(
    st.one_of(
        st.binary(max_size=60),
        JSON.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
        st.text().map(
            lambda text: b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n"
        ),
        st.sampled_from([b"data: [DONE]\n\n", b": ping\n", b"\n", b"data: {\n", b"data:"]),
    )
)


@given(chunks=EVENTS, sent=st.text())
def test_any_chat(chunks, sent):
    told: list[str] = []
    reader = chat.Reader(told.append, told.append, sent=sent, base_url="https://relay.example/v1")
    for chunk in chunks:
        reader.feed(chunk)
    reader.end()
    with contextlib.suppress(SoraError):
        chat.snapshot_of(reader.answer())
    for text in (b"".join(chunks).decode("utf-8", "replace"), sent):
        for read in (
            partial(prose.link_in, base_url="https://relay.example", sent=sent, ended=True),
            partial(prose.task_in, sent=sent, ended=True),
            prose.failure_in,
            prose.unescaped,
        ):
            read(text)


@given(
    st.one_of(st.text(), st.lists(st.sampled_from([*"[]【】:： .\n", "5s", "1", "s", "a", "-", "1e9"])).map("".join))
)
def test_any_script(text):
    with contextlib.suppress(SoraError):
        parse_script(text)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return a_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def read_clip(path: Path) -> None:
    for read in (probe, partial(decode, byte_budget=2**26), find_fault):
        with contextlib.suppress(SoraError):
            read(path)


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6)


@given(changes=CHANGES, keep=st.floats(0.3, 1))
def test_any_clip(clip, tmp_path, changes, keep):
    data = bytearray(clip[: int(len(clip) * keep)])
    for where, new in changes:
        at = int(where * len(data))
        data[at : at + len(new)] = new
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    sniff(bytes(data[:64]))
    read_clip(path)


@given(changes=CHANGES, kind=st.sampled_from(["PNG", "JPEG", "WEBP"]))
def test_any_picture(tmp_path, changes, kind):
    from PIL import Image

    path = tmp_path / "picture"
    Image.new("RGB", (40, 30), (200, 10, 30)).save(path, kind)
    data = bytearray(path.read_bytes())
    for where, new in changes:
        at = int(where * len(data))
        data[at : at + len(new)] = new
    path.write_bytes(data)
    for read in (picture_size, picture_tensor):
        with contextlib.suppress(SoraError):
            read(path)
