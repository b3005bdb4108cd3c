"""Pictures of what the pack adds to the page, for the documents: jobs, profiles and the timeline."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from comfyui_page import Tab
from comfyui_process import ROOT
from PIL import Image

PICTURES = ROOT / "docs" / "pictures"
SCREEN = {"width": 1180, "height": 760}
BYTES_LIMIT = 100_000
SCRIPT = "[4s] A lighthouse at dawn, waves below.\n[3s] The lamp turns, gulls rise.\n[5s] A sailing boat passes.\n"
PROMPTS = ("A red kite over dunes, wide shot", "Rain on a window, a cup of tea", "Neon street at night, slow pan")
_ADD = """(() => {
  const node = LiteGraph.createNode(x.type)
  app.graph.add(node)
  for (const [name, value] of Object.entries(x.values)) node.widgets.find((it) => it.name === name).value = value
  node.pos = [0, 0]
  app.canvas.ds.scale = 1
  app.canvas.ds.offset = [x.left, 90]
  app.canvas.setDirty(true, true)
})()"""


def make_page_pictures(tab: Tab) -> None:
    PICTURES.mkdir(exist_ok=True)
    tab.page.set_viewport_size({"width": SCREEN["width"], "height": 1200})  # the node is tall
    _timeline(tab)
    tab.page.set_viewport_size(SCREEN)
    _jobs(tab)
    _profiles(tab)


def _timeline(tab: Tab) -> None:
    tab.clear()
    values = {"script": SCRIPT, "profile": "preview"}
    tab.js(_ADD, {"type": "SoraVideo_Storyboard", "values": values, "left": 380})
    tab.page.locator(".sora-block").nth(2).wait_for()
    tab.page.get_by_text("12 s in all").wait_for()
    box = tab.page.locator(".sora-timeline").bounding_box()
    assert box
    clip = {"x": box["x"] - 12, "y": box["y"] - 8, "width": box["width"] + 24, "height": box["height"] + 16}
    _save("timeline", tab.page.screenshot(clip=clip))  # type: ignore[arg-type]


def _jobs(tab: Tab) -> None:
    for seed, prompt in enumerate(PROMPTS):
        prompt_: dict[str, Any] = {"prompt": prompt, "profile": "preview", "seed": seed, "seconds": 4}
        tab.comfy.run({"1": {"class_type": "SoraVideo_Text2Video", "inputs": prompt_}})
    tab.clear()
    opener = tab.page.locator("[data-testid='sora_video.jobs-tab-button'], .sora_video\\.jobs-tab-button").first
    opener.click()
    tab.page.locator(".sora-job img").nth(2).wait_for()
    tab.page.wait_for_load_state("networkidle")
    _save("jobs", tab.page.screenshot(clip={"x": 0, "y": 0, "width": 620, "height": SCREEN["height"]}))
    opener.click()  # closes it again: it would cover the nodes of the next pictures


def _profiles(tab: Tab) -> None:
    settings = {"provider": "openai", "base_url": "http://127.0.0.1:8000/v1", "dialect": "vllm-omni"}
    tab.comfy.post("/sora_video/profiles", {"name": "studio", "settings": settings}).raise_for_status()
    tab.js("void app.extensionManager.command.execute('Comfy.ShowSettingsDialog')")
    tab.page.get_by_text("Sora Video", exact=True).first.click()
    tab.page.locator(".sora-profiles [data-profile=studio]").wait_for()
    _save("profiles", tab.page.screenshot())
    tab.page.keyboard.press("Escape")
    tab.comfy.delete("/sora_video/profiles", {"name": "studio"}).raise_for_status()


def _save(name: str, png: bytes) -> Path:
    path = PICTURES / f"{name}.jpg"
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in range(90, 30, -5):
        picture.save(path, "JPEG", quality=quality, optimize=True, progressive=True)
        if path.stat().st_size < BYTES_LIMIT:
            return path
    raise ValueError(f"{path} does not fit into {BYTES_LIMIT} bytes.")
