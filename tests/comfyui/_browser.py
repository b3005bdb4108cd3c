"""A real page of ComfyUI in chromium, as a person has it open."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comfyui._host import ComfyUI
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PATIENCE_MS = 60_000  # how long a slow machine may take for one step
NODE = "SoraVideo_Text2Video"

_READY = (
    "() => window.app?.vueAppReady && app.extensionManager?.workflow?.activeWorkflow && !app.extensionManager.spinner"
)
_PLAYS = "() => [...document.querySelectorAll('video')].some((video) => video.readyState >= 2 && video.videoWidth)"
_PLAYER = (
    "(() => { const video = document.querySelector('video'); return [video.videoWidth, video.duration, video.src] })()"
)
_OURS = f"app.graph.nodes.find((node) => node.type === '{NODE}')"
# jobs are quick here: what was shown for a moment counts
_WATCH = """() => {
  window.sawTexts = []
  new MutationObserver(() => {
    const found = document.body.innerText.match(/[^\\n]*job job_[^\\n]*/)
    if (found) window.sawTexts.push(found[0])
  }).observe(document.body, {subtree: true, childList: true, characterData: true})
}"""
_DROP = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0))
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([bytes], name, {type: 'video/mp4'}))
  const drop = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer})
  document.querySelector('#graph-canvas').dispatchEvent(drop)
}"""


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One page on one ComfyUI. A profile of its own: nothing is left of other tabs."""

    def __init__(self, browser: Browser, comfy: ComfyUI, *, vue: bool = False, locale: str = "en") -> None:
        settings = {"Comfy.VueNodes.Enabled": vue, "Comfy.Locale": locale, "Comfy.TutorialCompleted": True}
        assert comfy.post("/api/settings", settings).ok
        self.comfy = comfy
        self._context = browser.new_context(viewport={"width": 1500, "height": 1100}, locale="en-US")
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        self._serve_help_of_a_versioned_folder()
        self.page.goto(comfy.url)
        self.page.wait_for_function(_READY)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "sora" in message.location["url"]:
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _serve_help_of_a_versioned_folder(self) -> None:
        """The page drops `@0.1.0` from the folder's name when it asks for help, and ComfyUI does not."""

        def to_the_folder(route: Route) -> None:
            plain = self.comfy.pack.name.split("@")[0]
            route.continue_(
                url=route.request.url.replace(f"/extensions/{plain}/", f"/extensions/{self.comfy.pack.name}/")
            )

        if "@" in self.comfy.pack.name:
            self.page.route(re.compile(f"/extensions/{self.comfy.pack.name.split('@')[0]}/docs/"), to_the_folder)

    def close(self) -> None:
        self._context.close()

    def js(self, expression: str, argument: Any = None) -> Any:
        """The value as JSON has it."""
        return json.loads(self.page.evaluate(f"async (x) => JSON.stringify(await ({expression})) ?? 'null'", argument))

    def load(self, workflow: dict[str, Any]) -> None:
        self.js("app.loadGraphData(x)", workflow)
        self.js("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def api_prompt(self) -> dict[str, Any]:
        """What pressing Run would queue, without the titles."""
        prompt = self.js("app.graphToPrompt().then((it) => it.output)")
        return {node_id: {key: node[key] for key in ("class_type", "inputs")} for node_id, node in prompt.items()}

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            self.js(f"void ({_OURS}.widgets.find((each) => each.name === x[0]).value = x[1])", [name, value])

    def missing_types(self) -> list[str]:
        return self.js(
            "app.graph.nodes.map((node) => node.type).filter((type) => !LiteGraph.registered_node_types[type])"
        )

    def press_run(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).first.click()

    def watch_texts(self) -> None:
        self.page.evaluate(_WATCH)

    def seen_texts(self) -> list[str]:
        """Progress texts since watch_texts()."""
        return self.js("window.sawTexts")

    def wait_for_player(self) -> tuple[int, float, str]:
        """Width, seconds and source of the clip that is shown."""
        self.page.wait_for_function(_PLAYS)
        width, seconds, source = self.js(_PLAYER)
        return width, seconds, source

    def alerts(self) -> Locator:
        """Error dialogs and error toasts of both frontends that are open."""
        return self.page.locator(
            ".p-toast-message-error:visible, [data-testid=error-overlay]:visible, [role=dialog]:visible"
        )

    def is_marked(self) -> bool:
        """The node has its red frame."""
        return self.js(f"Boolean({_OURS}.strokeStyles.executionError.call({_OURS}))")

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
