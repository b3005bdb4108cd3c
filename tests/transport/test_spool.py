"""An answer of any size: files go to the disk as they come, what is said around them stays small."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from functools import partial

import pytest
from _clock import FakeClock
from _server import Server, cut, reply

from sora_core.errors import BadResponse, SubmissionUnknown
from sora_core.models import Effect
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http
from sora_core.transport import spool as module

MIB = 2**20
CREATE = Call("POST", "/videos", Effect.CHARGE, json={})


@pytest.fixture
async def http():
    made = []

    def open_for(server):
        made.append(Http(server.url, judge=partial(normalize.error_of, provider="openai"), clock=FakeClock()))
        return made[-1]

    yield open_for
    for each in made:
        await each.aclose()


async def test_a_file_larger_than_the_limit_for_words_lies_on_the_disk(http, tmp_path):
    data = b"\0\0\0\x18ftypmp42" + os.urandom(73 * MIB)
    async with Server(reply(200, data)) as server:
        answer = await http(server).send(CREATE, spool=tmp_path / "a.new.part")
    (file,) = answer.files
    assert file.path.read_bytes() == data
    assert file.head == data[: len(file.head)]
    assert len(answer.body) <= 1024


FORMS = {
    "b64_json": lambda text: {"data": [{"b64_json": text}], "status": "completed", "id": "v_1"},
    "a data URI": lambda text: {"id": "v_1", "url": f"data:video/mp4;base64,{text}", "status": "completed"},
}


@pytest.mark.parametrize("escaped", [False, True], ids=["plain", "escaped slashes"])
@pytest.mark.parametrize("form", FORMS)
async def test_a_file_in_json_is_taken_out_of_it(http, tmp_path, form, escaped, monkeypatch):
    monkeypatch.setattr(module, "REPLY_LIMIT_BYTES", MIB)  # of what is around it
    data = b"\0\0\0\x18ftypmp42" + os.urandom(9 * MIB + 1)
    text = json.dumps(FORMS[form](base64.b64encode(data).decode()))
    text = text.replace("/", "\\/") if escaped else text
    async with Server(reply(200, text)) as server:
        answer = await http(server).send(CREATE, spool=tmp_path / "a.new.part")
    assert [file.path.read_bytes() for file in answer.files] == [data]
    assert json.loads(answer.body)["id"] == "v_1"
    assert [path.name for path in tmp_path.iterdir()] == ["a.new.part"]


async def test_several_files_in_json_are_taken_out_in_their_order(http, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "REPLY_LIMIT_BYTES", MIB)  # of what is around them
    clips = [b"\0\0\0\x18ftypmp42" + os.urandom(3 * MIB + number) for number in range(3)]
    said = {"created": 1, "data": [{"url": None, "b64_json": base64.b64encode(clip).decode()} for clip in clips]}
    async with Server(reply(200, said)) as server:
        answer = await http(server).send(CREATE, spool=tmp_path / "a.new.part")
    assert [file.path.read_bytes() for file in answer.files] == clips
    assert json.loads(answer.body) == {"created": 1, "data": [{"url": None, "b64_json": ""}] * 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.new.1.part", "a.new.2.part", "a.new.part"]


async def test_what_is_small_stays_in_memory(http, tmp_path):
    async with Server(reply(200, {"id": "v_1", "note": "x" * 1000})) as server:
        answer = await http(server).send(CREATE, spool=tmp_path / "a.new.part")
    assert answer.files == ()
    assert json.loads(answer.body)["id"] == "v_1"
    assert list(tmp_path.iterdir()) == []


async def test_json_without_a_file_may_be_large_and_not_too_large(http, tmp_path, monkeypatch):
    async with Server(reply(200, {"id": "v_1", "note": "x y" * MIB})) as server:
        answer = await http(server).send(CREATE, spool=tmp_path / "a.new.part")
        assert answer.files == ()
        assert json.loads(answer.body)["id"] == "v_1"
        monkeypatch.setattr(module, "REPLY_LIMIT_BYTES", MIB)
        with pytest.raises(SubmissionUnknown, match="larger than"):
            await http(server).send(CREATE, spool=tmp_path / "a.new.part")


@pytest.mark.parametrize("effect", [Effect.READ, Effect.CHARGE])
async def test_where_no_file_is_expected_the_limit_is_that_of_words(http, monkeypatch, effect):
    monkeypatch.setattr(module, "REPLY_LIMIT_BYTES", MIB)
    async with Server(reply(200, bytes(2 * MIB))) as server:
        with pytest.raises((BadResponse, SubmissionUnknown), match="larger than"):
            await http(server).send(Call("GET", "/a", effect), attempts=1)


@pytest.mark.parametrize("bad", [b'{"b64_json": "' + b"A" * (2 * MIB + 1) + b'"}'])
async def test_what_is_no_base64_is_told(http, tmp_path, bad):
    async with Server(reply(200, bad)) as server:
        with pytest.raises(SubmissionUnknown, match="base64"):
            await http(server).send(CREATE, spool=tmp_path / "a.new.part")


async def test_a_file_that_breaks_off_leaves_the_submission_open(http, tmp_path):
    async with Server(cut(reply(200, b"\0\0\0\x18ftypmp42" + bytes(8 * MIB)), 4 * MIB)) as server:
        with pytest.raises(SubmissionUnknown):
            await http(server).send(CREATE, spool=tmp_path / "a.new.part")
        assert len(server.requests) == 1


async def test_a_disk_that_cannot_be_written_leaves_the_submission_open(http, tmp_path):
    (tmp_path / "file").touch()
    async with Server(reply(200, bytes(8 * MIB))) as server:
        with pytest.raises(SubmissionUnknown):
            await http(server).send(CREATE, spool=tmp_path / "file" / "a.new.part")


def test_the_memory_stays_small(tmp_path):
    piece = base64.b64encode(os.urandom(3 * MIB))
    spool = module.Spool(tmp_path / "a.new.part", "http://server.example")
    tracemalloc.start()
    try:
        spool.add(b'{"data": [{"b64_json": "')
        for _ in range(20):
            spool.add(piece)
        spool.add(b'"}], "id": "v_1"}')
        body, (file,) = spool.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert json.loads(body)["id"] == "v_1"
    assert file.path.stat().st_size == 60 * MIB
    assert peak < 40 * MIB
