"""One real ComfyUI per checkout and front end for the whole run, each beside a gateway that keeps the books."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfyui._browser import Tab, running_browser
from comfyui._host import Stage, Stages, checkouts
from comfyui_front_ends import PageHost
from comfyui_process import version_of
from playwright.sync_api import Browser

CHECKOUTS = checkouts()
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.comfyui)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CHECKOUTS:
        terminalreporter.section("NO COMFYUI FOUND", sep="!", red=True)
        terminalreporter.line("Every test in a real ComfyUI was SKIPPED. Set COMFYUI_DIR to a checkout, or install one")
        terminalreporter.line("with comfy-cli (its default workspace, or ~/comfy/ComfyUI).")


def _params() -> list[object]:
    if not CHECKOUTS:
        skip = pytest.mark.skip(reason="no ComfyUI checkout was found")
        return [pytest.param(None, marks=skip, id="no-comfyui")]
    return [pytest.param(PageHost(path), id=path.name) for path in CHECKOUTS]


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    stages = Stages(tmp_path_factory)
    yield stages
    stages.stop()


@pytest.fixture(scope="session", params=_params())
def stage(request: pytest.FixtureRequest, stages: Stages) -> Stage:
    return stages.on(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # of one module only: while it is open, asyncio.run() cannot be used
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=["canvas", "vue"])
def opened(request: pytest.FixtureRequest, browser: Browser, stage: Stage) -> Iterator[Tab]:
    """A page in each of the two renderers."""
    if request.param == "vue" and version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old page shows no node's video in its experimental Nodes 2.0")
    tab = Tab(browser, stage.comfy, vue=request.param == "vue")
    yield tab
    tab.close()


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "stage" in request.fixturenames:
        request.getfixturevalue("stage").gateway.fault()


@pytest.fixture(autouse=True)
def _in_english(request: pytest.FixtureRequest) -> None:
    """A page that a test opened in Chinese leaves its language with the ComfyUI that others use after it."""
    if "stage" in request.fixturenames and "browser" not in request.fixturenames:
        settings = request.getfixturevalue("stage").comfy.base / "user" / "default" / "comfy.settings.json"
        if settings.is_file():
            kept = json.loads(settings.read_text("utf-8"))
            settings.write_text(json.dumps({**kept, "Comfy.Locale": "en"}), "utf-8")


def pytest_configure() -> None:
    # requests and urllib3 leave sockets to the garbage collector
    warnings.filterwarnings("ignore", category=ResourceWarning, module="urllib3")
