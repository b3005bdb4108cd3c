"""The pack as a person meets it: ComfyUI's own page, in both of its renderers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from comfyui._browser import NODE, Tab, chromium, running_browser
from comfyui._host import KEY, Stage
from comfyui_process import version_of
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "Sora - Text to Video"
TWIN = ROOT / "api_examples" / "text_to_video.json"
TAKES = iter(range(1000, 2000))  # seeds that no other test has used

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not chromium(), reason="NO CHROMIUM FOUND on the path: install it (Debian: apt-get install chromium)"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # of this module only: while it is open, asyncio.run() cannot be used
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=["canvas", "vue"])
def opened(request: pytest.FixtureRequest, browser: Browser, stage: Stage) -> Iterator[Tab]:
    if request.param == "vue" and version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old page shows no node's video in its experimental Nodes 2.0")
    tab = Tab(browser, stage.comfy, vue=request.param == "vue")
    yield tab
    tab.close()


@pytest.fixture
def tab(opened: Tab, stage: Stage) -> Iterator[Tab]:
    """The open page with the example freshly loaded; at the end nothing of ours may have complained."""
    opened.load(example(stage))
    yield opened
    assert opened.complaints == []


def example(stage: Stage, ending: str = "json") -> Any:
    reply = stage.comfy.get(f"/api/workflow_templates/{quote(stage.comfy.pack.name)}/{quote(EXAMPLE)}.{ending}")
    assert reply.ok
    return reply.json() if ending == "json" else reply


def test_the_example_is_offered_as_a_template_with_a_picture(stage: Stage) -> None:
    assert stage.comfy.get("/api/workflow_templates").json()[stage.comfy.pack.name] == [EXAMPLE]
    picture = example(stage, "jpg")
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    assert len(picture.content) < 200_000


def test_the_example_has_no_paths_and_says_which_pack_it_needs(stage: Stage) -> None:
    workflow = example(stage)
    ours = [node for node in workflow["nodes"] if node["type"].startswith("SoraVideo_")]
    assert [(node["properties"]["cnr_id"], bool(node["properties"]["ver"])) for node in ours] == [
        ("sora-video-nodes", True)
    ]
    text = json.dumps(workflow)
    assert not [each for each in ("/home/", "/root", "/tmp", "/Users/", ":\\\\", KEY) if each in text]


def test_the_example_opens_and_queues_exactly_its_api_twin(tab: Tab) -> None:
    assert tab.missing_types() == []
    twin = json.loads(TWIN.read_text("utf-8"))
    for node in twin.values():
        node.pop("_meta", None)
    assert tab.api_prompt() == twin
    assert tab.alerts().count() == 0


def test_the_seed_stays_where_it_is_put_because_another_one_would_be_paid(tab: Tab) -> None:
    names = tab.js(f"app.graph.nodes.find((node) => node.type === '{NODE}').widgets.map((widget) => widget.name)")
    assert "seed" in names
    assert "control_after_generate" not in names


def test_run_shows_the_job_on_the_node_and_then_plays_the_clip(tab: Tab, stage: Stage) -> None:
    tab.set(seed=next(TAKES))
    tab.watch_texts()
    tab.press_run()
    width, seconds, source = tab.wait_for_player()
    assert width == 1280
    assert seconds == pytest.approx(5.0, abs=0.1)
    assert shown(stage, source).is_file()
    texts = tab.seen_texts()
    assert any("job job_" in text and "remote id video_" in text for text in texts), texts
    assert tab.alerts().count() == 0


def test_the_saved_file_dropped_on_an_empty_canvas_restores_the_graph(tab: Tab, stage: Stage) -> None:
    tab.set(seed=next(TAKES), style="", filename_prefix="video/dropped")
    queued = tab.api_prompt()
    tab.press_run()
    source = tab.wait_for_player()[2]
    tab.js("void app.graph.clear()")
    tab.drop(shown(stage, source))
    tab.page.wait_for_function("() => app.graph.nodes.length === 2")
    assert tab.api_prompt() == queued
    assert tab.alerts().count() == 0


def test_an_impossible_length_is_told_in_our_words_on_the_marked_node_and_a_good_run_follows(tab: Tab) -> None:
    tab.set(seed=next(TAKES), seconds=61)
    tab.press_run()
    expect(tab.alerts().first).to_be_visible()
    details = tab.page.get_by_role("button", name="View details")
    if details.count():  # the newer page keeps an exception's words one click away
        details.first.click()
    expect(tab.page.get_by_text("whole seconds from 1 to 60").first).to_be_visible()
    assert tab.is_marked()
    tab.page.keyboard.press("Escape")
    tab.set(seconds=1)
    tab.press_run()
    assert tab.wait_for_player()[1] == pytest.approx(1.0, abs=0.1)
    assert not tab.is_marked()


def test_no_key_is_in_the_page_nor_in_what_the_page_is_given(tab: Tab, stage: Stage) -> None:
    tab.set(profile="own", seed=next(TAKES), seconds=1, size="320x180")
    tab.press_run()
    tab.wait_for_player()
    given = [stage.comfy.get(path).text for path in ("/object_info", "/history", "/sora_video/profiles", "/i18n")]
    given += [tab.page.content(), json.dumps(tab.js("app.graph.serialize()"))]
    assert all("SoraVideo_Text2Video" in text or "own" in text for text in given)
    assert not [text[:200] for text in given if KEY in text]


@pytest.mark.parametrize(("locale", "title"), [("en", "Sora Text to Video"), ("zh", "Sora 文生视频")])
def test_node_and_help_speak_the_language_of_the_page(browser: Browser, stage: Stage, locale: str, title: str) -> None:
    tab = Tab(browser, stage.comfy, locale=locale)
    try:
        tab.load(example(stage))
        assert tab.js(f"app.graph.nodes.find((node) => node.type === '{NODE}').title") == title
        help_page = tab.open_help()
        expect(help_page.get_by_role("heading", name=title)).to_be_visible()
        picture = help_page.locator("img").first
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("(image) => image.naturalWidth") > 0
        assert tab.complaints == []
    finally:
        tab.close()


def shown(stage: Stage, source: str) -> Path:
    """The file behind the player's address."""
    query = parse_qs(urlsplit(source).query)
    return stage.comfy.base / "output" / query["subfolder"][0] / query["filename"][0]
