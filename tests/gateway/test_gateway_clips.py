"""Clips drawn before are served again, and only those that would be drawn the same."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from _until import until

from sora_core.clock import SystemClock
from sora_core.gateway import clips
from sora_core.gateway.animatic import Animatic
from sora_core.gateway.clips import DrawnClips
from sora_core.gateway.render import movie
from sora_core.gateway.studio import Studio

CLIP = Animatic("a fox", 1, 64, 64)


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests of what was really drawn."""
    drawn: list[str] = []
    render = movie.render

    def counted(animatic: Animatic, path: Path, **more: object) -> None:
        drawn.append(animatic.digest)
        render(animatic, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(movie, "render", counted)
    return drawn


def draw(folder: Path, animatic: Animatic, kept: DrawnClips) -> bytes:
    """As a gateway that has just started."""
    folder.mkdir()
    studio = Studio(folder, SystemClock(), kept)
    try:
        render = studio.order(animatic)
        until(lambda: render.done_at is not None)
        return render.path.read_bytes()
    finally:
        studio.stop()


def test_the_next_gateway_serves_what_was_drawn_before(tmp_path: Path, drawings: list[str]) -> None:
    kept = DrawnClips(tmp_path / "kept")
    first = draw(tmp_path / "a", CLIP, kept)
    assert draw(tmp_path / "b", CLIP, kept) == first
    assert drawings == [CLIP.digest]
    draw(tmp_path / "c", replace(CLIP, prompt="a cat"), kept)
    assert len(drawings) == 2


def test_another_renderer_draws_anew(tmp_path: Path, drawings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = DrawnClips(tmp_path / "kept")
    draw(tmp_path / "a", CLIP, kept)
    monkeypatch.setattr(clips, "renderer", lambda: "another" * 9)
    draw(tmp_path / "b", CLIP, kept)
    assert len(drawings) == 2


@pytest.mark.parametrize(("most", "most_bytes"), [(3, 10**9), (100, 35)])
def test_the_oldest_go_when_there_are_too_many_or_too_large_ones(tmp_path: Path, most: int, most_bytes: int) -> None:
    kept = DrawnClips(tmp_path / "kept", most=most, most_bytes=most_bytes)
    clip = tmp_path / "clip"
    clip.write_bytes(bytes(10))
    for number in range(5):
        kept.keep(f"{number}" * 40, clip)
        for path in (tmp_path / "kept").glob(f"{number}*"):
            os.utime(path, (number, number))
    names = sorted(path.name[0] for path in (tmp_path / "kept").iterdir())
    assert names == ["2", "3", "4"]


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path, drawings: list[str]) -> None:
    (tmp_path / "kept").write_text("in the way")
    assert draw(tmp_path / "a", CLIP, DrawnClips(tmp_path / "kept"))
    assert len(drawings) == 1
