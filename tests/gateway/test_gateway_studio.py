"""Renders beside the server: shared, stopped, kept within bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _until import until

from sora_core.clock import SystemClock
from sora_core.gateway import studio as module
from sora_core.gateway.animatic import Animatic
from sora_core.gateway.studio import Render, Studio

SMALL = Animatic("x", 1, 64, 64)
LONG = Animatic("x", 60, 1280, 720)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path, SystemClock())
    yield studio
    studio.stop()


def done(render: Render) -> bool:
    return render.done_at is not None


def test_equal_animatics_are_drawn_once(studio: Studio) -> None:
    first, second, other = studio.order(SMALL), studio.order(SMALL), studio.order(replace(SMALL, seed=1))
    assert first is second is not other
    until(lambda: done(first) and done(other))
    studio.release(first)
    studio.release(first)
    assert studio.order(SMALL) is first


def test_a_render_goes_on_while_one_job_wants_it_and_stops_after(studio: Studio, tmp_path: Path) -> None:
    render = studio.order(LONG)
    assert studio.order(LONG) is render
    studio.release(render)
    assert not render.stop.is_set()
    until(lambda: list(tmp_path.glob("*.part")))
    studio.release(render)
    until(lambda: not list(tmp_path.iterdir()))
    assert not done(render)


def test_a_stopped_animatic_can_be_ordered_again(studio: Studio) -> None:
    render = studio.order(replace(SMALL, seconds=5))
    studio.release(render)
    again = studio.order(replace(SMALL, seconds=5))
    assert again is not render
    until(lambda: done(again))
    assert again.path.read_bytes()[4:8] == b"ftyp"


def test_files_that_no_job_needs_are_dropped_oldest_first(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_UNUSED", 1)
    renders = [studio.order(replace(SMALL, seed=seed)) for seed in range(3)]
    until(lambda: all(done(render) for render in renders))
    renders[0].path.with_suffix(".webp").write_bytes(b"still")
    for render in renders[:2]:
        studio.release(render)
    assert set(tmp_path.iterdir()) == {renders[1].path, renders[2].path}


def test_a_render_that_fails_says_so_and_is_tried_anew(
    studio: Studio, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(SMALL, image=b"not a picture")
    render = studio.order(broken)
    until(lambda: render.error)
    assert "image cannot be decoded" in render.error
    assert not done(render)
    assert "image cannot be decoded" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert studio.order(broken) is not render


class BrokenClock(SystemClock):
    broken = True

    def now(self) -> float:
        if self.broken:
            raise ArithmeticError("out of time")
        return super().now()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_fails_the_render_and_not_the_next_ones(tmp_path: Path) -> None:
    clock = BrokenClock()
    studio = Studio(tmp_path, clock)
    try:
        renders = [studio.order(replace(SMALL, seed=seed)) for seed in range(module.THREADS)]
        until(lambda: all(render.error for render in renders))
        assert "defect" in renders[0].error
        clock.broken = False
        until(lambda: not [thread for thread in threading.enumerate() if thread.name == "sora-preview"])
        render = studio.order(SMALL)
        until(lambda: done(render))
    finally:
        studio.stop()


def test_stopping_ends_the_threads_soon(tmp_path: Path) -> None:
    studio = Studio(tmp_path, SystemClock())
    for seed in range(6):
        studio.order(replace(LONG, seed=seed))
    studio.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sora-preview")]
    assert not list(tmp_path.glob("*.mp4"))
