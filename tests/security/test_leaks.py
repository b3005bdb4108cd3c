"""The short form of `scripts/leak-hunt`."""

from __future__ import annotations

import sys

import leak_hunt
import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the POSIX way")
def test_no_secret_is_left_anywhere(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    found = leak_hunt.hunt(folder, leak_hunt.a_clip(tmp_path / "clip.mp4"), ways=("ok", "401", "broken"))
    assert found.exits["generate ok"] == 0
    assert found.exits["generate 401"] == 3
    assert found.exits["generate broken"] != 0
    assert found.exits["crashed"] != 0
    assert found.hits() == []


def test_the_search_finds_what_is_there(tmp_path):
    """In every spelling: a hunt that finds nothing proves nothing otherwise."""
    for how, form in leak_hunt.spellings(leak_hunt.KEY).items():
        (tmp_path / "log").write_bytes(b"x" + form + b"y")
        hits = leak_hunt.Hunt(tmp_path).hits({"key": leak_hunt.KEY})
        assert any(how in hit for hit in hits), how
