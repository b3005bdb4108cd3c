"""The example workflows as apps: in the page's app mode, each asks for the few inputs that matter, and runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from comfyui._browser import IN_A_BROWSER, Tab
from comfyui._host import Stage, outputs_of
from comfyui_process import ROOT, version_of
from example_graphs import EXAMPLES, Example
from playwright.sync_api import Browser

APP_MODE = "Comfy.ToggleLinear"
# of each input that the app asks for: its name, and whether there is something to write into or to press
_ASKED = """[...document.querySelectorAll('[data-testid=app-mode-widget-item]')].map((item) => {
  const fields = item.querySelectorAll('textarea, input, select, button:not([data-testid=widget-actions-menu])')
  return [item.innerText.split('\\n')[0].trim(), [...fields].some((each) => each.checkVisibility())]
})"""

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def opened(browser: Browser, stage: Stage) -> Iterator[Tab]:
    if version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old page has no apps")
    tab = Tab(browser, stage.comfy)
    yield tab
    tab.close()


@pytest.fixture
def app(tab: Tab) -> Iterator[Tab]:
    yield tab
    if is_app(tab):
        toggle(tab)


def is_app(tab: Tab) -> bool:
    return bool(tab.js("app.extensionManager.workflow.activeWorkflow.activeMode === 'app'"))


def toggle(tab: Tab) -> None:
    tab.js("void app.extensionManager.command.execute(x)", APP_MODE)
    skip = tab.page.get_by_role("button", name="Skip", exact=True)
    tab.page.wait_for_timeout(1500)
    if skip.is_visible():  # the page's own tour, once
        skip.click()


def open_as_app(tab: Tab, example: Example) -> None:
    tab.load(json.loads((ROOT / "example_workflows" / f"{example.file_name}.json").read_text("utf-8")))
    tab.page.wait_for_timeout(600)  # the nodes have hidden on the canvas what is rarely used
    toggle(tab)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.api)
def test_each_input_that_matters_can_be_filled_in(app: Tab, example: Example) -> None:
    open_as_app(app, example)
    wanted = [[name, True] for _, name in example.app]
    app.page.wait_for_function(f"(wanted) => JSON.stringify({_ASKED}) === JSON.stringify(wanted)", arg=wanted)


def test_an_app_runs_and_shows_its_video(app: Tab) -> None:
    (example,) = [each for each in EXAMPLES if each.api == "text_to_video"]
    open_as_app(app, example)
    outputs_of(app.run())
    app.wait_for_players()
    assert app.alerts().count() == 0


def test_the_graph_is_as_it_was_after_the_app(app: Tab) -> None:
    (example,) = [each for each in EXAMPLES if each.api == "text_to_video"]
    open_as_app(app, example)
    queued = app.api_prompt()
    toggle(app)
    assert app.api_prompt() == queued
