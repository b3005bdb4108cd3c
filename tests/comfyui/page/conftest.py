"""The page, in every front end: what each checkout pins, and the registry's newest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from comfyui._browser import Tab
from comfyui._host import Stage, Stages
from comfyui_front_ends import page_hosts
from comfyui_page import PATIENCE_MS
from playwright.sync_api import expect

HOSTS = page_hosts()

expect.set_options(timeout=PATIENCE_MS)


def _params() -> list[object]:
    if not HOSTS:
        return [pytest.param(None, marks=pytest.mark.skip(reason="no ComfyUI checkout was found"), id="no-comfyui")]
    return [pytest.param(host, id=f"{host.checkout.name}-front-end-{host.version}") for host in HOSTS]


@pytest.fixture(scope="session", params=_params())
def stage(request: pytest.FixtureRequest, stages: Stages) -> Stage:
    return stages.on(request.param)


@pytest.fixture
def tab(opened: Tab) -> Iterator[Tab]:
    """The open page, emptied; at the end nothing of ours may have complained."""
    opened.clear()
    yield opened
    assert opened.complaints == []
