"""The page as the tests use it: what they watch, and our node on it."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import comfyui_page
import pytest
from comfyui_page import chromium, running_browser
from playwright.sync_api import Locator

__all__ = ["IN_A_BROWSER", "NODE", "Tab", "running_browser"]

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not chromium(), reason="NO CHROMIUM FOUND on the path: install it (Debian: apt-get install chromium)"
    ),
]

NODE = "SoraVideo_Text2Video"

_PLAYER = """() => {
  const video = [...document.querySelectorAll('video')].find((each) => each.readyState >= 2 && each.videoWidth)
  return video && [video.videoWidth, video.duration, video.src]
}"""
_OURS = f"app.graph.nodes.find((node) => node.type === '{NODE}')"
_ADD = """([type, values]) => {
  const node = LiteGraph.createNode(type)
  node.pos = [40 + 420 * app.graph.nodes.length, 60]
  app.graph.add(node)
  for (const [name, value] of Object.entries(values)) node.widgets.find((each) => each.name === name).value = value
  return node.id
}"""
_CONNECT = """([from, slot, to, name]) => {
  const target = app.graph.getNodeById(to)
  app.graph.getNodeById(from).connect(slot, target, target.inputs.findIndex((each) => each.name === name))
}"""
_PICTURE = "() => [...document.querySelectorAll('.sora-result img')].some((each) => each.naturalWidth)"
# jobs are quick here: what was shown for a moment counts
_WATCH = """() => {
  window.sawTexts = []
  new MutationObserver(() => {
    for (const each of document.querySelectorAll('.sora-result-text')) window.sawTexts.push(each.textContent)
  }).observe(document.body, {subtree: true, childList: true, characterData: true})
}"""
_DROP = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0))
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([bytes], name, {type: 'video/mp4'}))
  const drop = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer})
  document.querySelector('#graph-canvas').dispatchEvent(drop)
}"""


class Tab(comfyui_page.Tab):
    """With our node of the example at hand."""

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            self.js(f"void ({_OURS}.widgets.find((each) => each.name === x[0]).value = x[1])", [name, value])

    def clear(self) -> None:
        """No nodes and no question, and the view where new ones are: the page draws no player that is out of sight."""
        self.js("document.querySelectorAll('dialog.sora-dialog').forEach((each) => each.close())")
        super().clear()
        self.js("void ((app.canvas.ds.offset = [20, 80]), (app.canvas.ds.scale = 0.7))")
        self.page.wait_for_function(
            "() => ![...document.querySelectorAll('video:not(.sora-job *)')].some((each) => each.checkVisibility())"
        )

    def see_all(self) -> None:
        """Looks at the graph from afar: the page draws no player that is out of sight."""
        self.js("void (app.canvas.ds.scale = 0.35, app.canvas.ds.offset = [300, 450], app.canvas.draw(true, true))")

    def add(self, type_: str, /, **widgets: Any) -> int:
        """A new node beside those that there are; its id."""
        return int(self.page.evaluate(_ADD, [type_, widgets]))

    def connect(self, source: int, slot: int, target: int, name: str) -> None:
        self.page.evaluate(_CONNECT, [source, slot, target, name])

    def sockets(self, node: int) -> list[str]:
        return self.js("app.graph.getNodeById(x).inputs.filter((each) => !each.widget).map((each) => each.name)", node)

    def wait_for_picture(self) -> None:
        """Until a picture on its way to the server can be seen."""
        self.page.wait_for_function(_PICTURE)

    def results(self) -> Locator:
        """The texts of results and errors on our nodes."""
        return self.page.locator(".sora-result-text:visible")

    def watch_texts(self) -> None:
        self.page.evaluate(_WATCH)

    def seen_texts(self) -> list[str]:
        """What our nodes said since watch_texts()."""
        return self.js("window.sawTexts")

    def wait_for_player(self) -> tuple[int, float, str]:
        """Width, seconds and source of the clip that is shown."""
        width, seconds, source = self.page.wait_for_function(_PLAYER).json_value()
        return width, seconds, source

    def is_marked(self) -> bool:
        """The node has its red frame."""
        return self.js(f"Boolean({_OURS}.has_errors || {_OURS}.strokeStyles.executionError.call({_OURS}))")

    def open_jobs(self) -> Locator:
        """The sidebar tab of all jobs, filtered by nothing."""
        tab = self.page.locator(".sora-jobs-tab")
        if not tab.is_visible():
            self.page.locator("[data-testid='sora_video.jobs-tab-button'], .sora_video\\.jobs-tab-button").first.click()
        tab.wait_for()
        if tab.get_by_role("searchbox").input_value():
            tab.get_by_role("searchbox").fill("")
        for choice in tab.locator(".sora-jobs-controls select").all():
            if choice.evaluate("(it) => it.selectedIndex"):
                choice.select_option(index=0)
        return tab

    def card(self, prompt: str) -> Locator:
        """The job with this prompt in the tab."""
        return self.page.locator(".sora-job", has=self.page.locator(f".sora-job-prompt:text-is('{prompt}')"))

    def open_profiles(self) -> Locator:
        """Our section of ComfyUI's settings."""
        panel = self.page.locator(".sora-profiles-panel")
        if not panel.is_visible():
            self.js("void app.extensionManager.command.execute('Comfy.ShowSettingsDialog')")
            self.page.get_by_text(re.compile("^Sora (Video|视频)$")).first.click()
        panel.wait_for()
        return panel

    def close_settings(self) -> None:
        self.page.keyboard.press("Escape")
        self.page.locator(".sora-profiles-panel").wait_for(state="detached")

    def notices(self) -> Locator:
        """Our notices, and the page's own."""
        return self.page.locator(".p-toast-message:visible, [data-sonner-toast]:visible, [role=status]:visible")

    def drop(self, file: Path) -> None:
        self.page.evaluate(_DROP, [base64.b64encode(file.read_bytes()).decode(), file.name])

    def open_help(self) -> Locator:
        """The help of our node, as its (i) button opens it."""
        # away from the tabs, which would cover the toolbox above the node
        self.js(
            f"void (app.canvas.ds.offset = [80, 220], app.canvas.selectNode({_OURS}), app.canvas.setDirty(true, true))"
        )
        self.page.get_by_test_id("info-button").click()
        return self.page.locator(".node-help-content")
