"""A real page of ComfyUI in headless chromium, as a person has it open."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

from comfyui_process import ComfyUI
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PATIENCE_MS = 60_000  # how long a slow machine may take for one step

_READY = (
    "() => window.app?.vueAppReady && app.extensionManager?.workflow?.activeWorkflow && !app.extensionManager.spinner"
)
_PLAYS = """(count) => {
  const players = [...document.querySelectorAll('video')]
  return players.filter((player) => player.readyState >= 2 && player.videoWidth).length >= count
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

    def __init__(
        self, browser: Browser, comfy: ComfyUI, *, vue: bool = False, locale: str = "en", **settings: Any
    ) -> None:
        settings |= {"Comfy.VueNodes.Enabled": vue, "Comfy.Locale": locale, "Comfy.TutorialCompleted": True}
        comfy.post("/api/settings", settings).raise_for_status()
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
        self.js("app.loadGraphData(x).then(() => null)", workflow)
        self.js("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def clear(self) -> None:
        """A new workflow without nodes. What the page knows of earlier runs goes too: it keeps that by node number."""
        self.load({"nodes": [], "links": [], "last_node_id": 0, "last_link_id": 0, "version": 0.4})

    def api_prompt(self, *, titles: bool = False) -> dict[str, Any]:
        """What pressing Run would queue."""
        prompt = self.js("app.graphToPrompt().then((it) => it.output)")
        keys = ("class_type", "inputs", *(["_meta"] if titles else []))
        return {node_id: {key: node[key] for key in keys} for node_id, node in prompt.items()}

    def missing_types(self) -> list[str]:
        return self.js(
            "app.graph.nodes.map((node) => node.type).filter((type) => !LiteGraph.registered_node_types[type])"
        )

    def press_run(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).first.click()

    def run(self) -> dict[str, Any]:
        """Presses Run; the history entry of what it queued, once that has ended."""
        with self.page.expect_response(re.compile(r"/api/prompt$")) as queued:
            self.press_run()
        return self.comfy.wait(queued.value.json()["prompt_id"])

    def wait_for_players(self, count: int = 1) -> None:
        """Until so many clips can be seen."""
        self.page.wait_for_function(_PLAYS, arg=count)

    def alerts(self) -> Locator:
        """Error dialogs and error toasts of both frontends that are open."""
        return self.page.locator(
            ".p-toast-message-error:visible, [data-testid=error-overlay]:visible, [role=dialog]:visible"
        )
