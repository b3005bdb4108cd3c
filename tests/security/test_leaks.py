"""The short form of `scripts/leak-hunt`, and that its search finds what is there: it would prove nothing otherwise."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import zlib

import _command_hunt
import pytest
from _hostile import KEY, SECRETS, a_clip
from _search import files_below, hits, spellings


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the POSIX way")
def test_no_secret_is_left_anywhere(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    found = _command_hunt.hunt(folder, a_clip(tmp_path / "clip.mp4"), ways=("ok", "401", "broken"))
    assert found.exits["generate ok"] == 0
    assert found.exits["generate 401"] == 3
    assert found.exits["generate broken"] != 0
    assert found.exits["crashed"] != 0
    assert hits(found.places(), SECRETS) == []


@pytest.mark.parametrize("how", spellings(KEY))
def test_the_search_finds_every_spelling(how):
    leaks = hits([("log", b"x" + spellings(KEY)[how] + b"y")], {"key": KEY})
    assert any(how in leak for leak in leaks)


def test_the_search_looks_into_databases_what_is_packed_in_them_and_clips(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as db, db:
        db.execute("PRAGMA page_size = 512")
        db.execute("CREATE TABLE jobs (prompt, packed)")
        torn = "x" * 300 + KEY + "y" * 300
        db.execute("INSERT INTO jobs VALUES (?, ?)", (torn * 9, zlib.compress(json.dumps({"a": KEY}).encode())))
    (tmp_path / "out").mkdir()
    clip = tmp_path / "out" / "v.mp4"
    clip.write_bytes(a_clip(tmp_path / "clip.mp4", comment=KEY))
    places = dict(files_below(tmp_path))
    for where in ("jobs.sqlite, table jobs", "out/v.mp4", "metadata of out/v.mp4"):
        assert hits([(where, places[where])], {"key": KEY}), where
    packed = places["jobs.sqlite, table jobs"].splitlines()[-1]
    assert hits([("packed", packed)], {"key": KEY})
