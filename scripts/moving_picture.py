"""The moving picture of README: a graph is run in a real page, from the press of Run to the clip that plays."""

from __future__ import annotations

import io
import itertools
import re
import time
from collections.abc import Callable
from typing import Any

from comfyui_page import Tab
from page_pictures import PICTURES
from PIL import Image

BYTES_LIMIT = 1_500_000
WIDTH = 640  # pixels in the picture
FRAME_SECONDS = 0.2
PLAYS_SECONDS = 3.0  # of the clip, at the end
_LONGEST_SECONDS = 40

LAST_SECONDS = 2

Clip = dict[str, Any]
Frame = tuple[float, Image.Image]  # when it was taken


def record(tab: Tab, clip: Clip) -> None:
    """``clip``: the part of the page. The graph is on it, with room for the player."""
    frames = [_shot(tab, clip)]
    with tab.page.expect_response(re.compile(r"/api/prompt$")) as queued:
        tab.press_run()
    prompt_id = queued.value.json()["prompt_id"]
    frames += _until(tab, clip, lambda: bool(tab.comfy.get(f"/history/{prompt_id}").json()))
    tab.wait_for_players()
    ends = time.monotonic() + PLAYS_SECONDS
    frames += _until(tab, clip, lambda: time.monotonic() > ends)
    _save(frames)


def _until(tab: Tab, clip: Clip, done: Callable[[], bool]) -> list[Frame]:
    frames, latest = [], time.monotonic() + _LONGEST_SECONDS
    while not done() and time.monotonic() < latest:
        began = time.monotonic()
        frames.append(_shot(tab, clip))
        time.sleep(max(0.0, FRAME_SECONDS - (time.monotonic() - began)))
    return frames


def _shot(tab: Tab, clip: Clip) -> Frame:
    taken = time.monotonic()
    picture = Image.open(io.BytesIO(tab.page.screenshot(clip=clip))).convert("RGB")  # type: ignore[arg-type]
    size = (WIDTH, round(picture.height * WIDTH / picture.width))
    return taken, picture.resize(size, Image.Resampling.LANCZOS)


def _save(frames: list[Frame]) -> None:
    """As fast as it was, at the best quality that fits, with fewer frames if need be."""
    path = PICTURES / "running.webp"
    for kept in (frames, frames[::2], frames[::3]):
        shown = [round(1000 * (after - taken)) for (taken, _), (after, _) in itertools.pairwise(kept)]
        first, *others = [picture for _, picture in kept]
        for quality in (70, 55, 40):
            first.save(
                path, "WEBP", save_all=True, append_images=others, duration=[*shown, LAST_SECONDS * 1000], loop=0,
                quality=quality, method=4,
            )  # fmt: skip
            if path.stat().st_size < BYTES_LIMIT:
                return
    raise ValueError(f"{path} does not fit into {BYTES_LIMIT} bytes.")
