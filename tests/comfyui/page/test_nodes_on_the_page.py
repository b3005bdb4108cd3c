"""The pack as a person meets it: ComfyUI's own page, in both of its renderers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from comfyui._browser import IN_A_BROWSER, NODE, Tab
from comfyui._host import KEY, Stage
from comfyui_process import version_of
from playwright.sync_api import Browser, expect

EXAMPLE = "Sora - Text to Video"
PLAYS_SECONDS = """(seconds) => [...document.querySelectorAll('video')]
  .some((each) => each.readyState >= 2 && Math.abs(each.duration - seconds) < 0.2)"""
SAVED = "app.graph.serialize().nodes.map((node) => node.widgets_values)"
TAKES = iter(range(1000, 2000))  # seeds that no other test has used

pytestmark = IN_A_BROWSER


@pytest.fixture
def tab(opened: Tab, stage: Stage) -> Iterator[Tab]:
    """The open page with the example freshly loaded; at the end nothing of ours may have complained."""
    opened.load(example(stage))
    yield opened
    assert opened.complaints == []


def example(stage: Stage) -> Any:
    reply = stage.comfy.get(f"/api/workflow_templates/{quote(stage.comfy.pack.name)}/{quote(EXAMPLE)}.json")
    assert reply.ok
    return reply.json()


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
    assert any(text.startswith("Being made · ") and " %" in text for text in texts), texts
    assert tab.alerts().count() == 0


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"stage": "queued", "queue_position": 3}, "Queued · place 3"),
        ({"stage": "running", "percent": 41.6, "remaining": 30.2}, "Being made · 42 % · about 35 s left"),
        ({"stage": "running", "percent": 99, "remaining": 0.3, "elapsed": 16}, "Being made · 99 % · almost done"),
        ({"stage": "running", "remaining": 400}, "Being made · about 7 min left"),
        ({"stage": "running", "remaining": 100}, "Being made · about 1.5 min left"),
        ({"stage": "downloading", "percent": 100, "note": "3 MiB of 12 MiB"}, "Downloading · 3 MiB of 12 MiB"),
    ],
)
def test_progress_is_said_calmly_and_without_ids(tab: Tab, stage: Stage, told: dict[str, Any], line: str) -> None:
    told |= {"job_id": "job_0123456789abcdef0123", "remote_id": "video_0123456789abcdef"}
    said = """import(x[0] + 'words.js').then((words) => words.loadWords())
      .then(() => import(x[0] + 'progress.js')).then((it) => it.progressLines([{told: x[1], passed: 0}]))"""
    assert tab.js(said, [f"/extensions/{stage.comfy.pack.name}/", told]) == line


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


def test_a_job_that_is_not_waited_for_is_told_on_the_node_without_an_error(tab: Tab, stage: Stage) -> None:
    before = stage.gateway.charges
    tab.set(profile="own", seed=next(TAKES), seconds=20, size="64x64", wait=False)
    tab.watch_texts()
    tab.press_run()
    tab.page.wait_for_function("() => window.sawTexts.some((text) => text.includes('submitted · job job_'))")
    assert tab.alerts().count() == 0
    tab.set(wait=True)
    tab.press_run()
    assert tab.wait_for_player()[1] == pytest.approx(20, abs=0.1)
    assert stage.gateway.charges == before + 1


def test_a_job_is_picked_on_the_node_among_the_recent_ones(tab: Tab, stage: Stage) -> None:
    tab.set(profile="own", seed=next(TAKES), seconds=1, size="64x64", prompt="pick me on the page")
    tab.press_run()
    tab.wait_for_player()
    charged = stage.gateway.charges
    tab.clear()
    tab.js("app.refreshComboInNodes()")
    node = tab.add("SoraVideo_ResumeJob", profile="own")
    options = tab.js("app.graph.getNodeById(x).widgets.find((each) => each.name === 'recent').options.values", node)
    assert options[0] == "as job_id says"
    assert options[1].endswith(" · own · pick me on the page")
    tab.js(
        "void (app.graph.getNodeById(x[0]).widgets.find((each) => each.name === 'recent').value = x[1])",
        [node, options[1]],
    )
    tab.press_run()
    assert tab.wait_for_player()[1] == pytest.approx(1, abs=0.1)
    assert stage.gateway.charges == charged


def test_a_storyboard_grows_a_socket_for_every_shot_and_sends_them_in_order(tab: Tab, stage: Stage) -> None:
    if version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old page shows no growing socket that may stay empty; scripts and API prompts work there")
    tab.clear()
    board = tab.add("SoraVideo_Storyboard", profile="own", size="64x64", seed=next(TAKES))
    for number in range(3):
        assert [name for name in tab.sockets(board) if name.startswith("shots.")] == [
            f"shots.shot{each}" for each in range(number + 1)
        ]
        tab.connect(tab.add("SoraVideo_Shot", text=f"shot {number}", seconds=1), 0, board, f"shots.shot{number}")
    queued = tab.api_prompt()
    texts = [queued[queued[str(board)]["inputs"][f"shots.shot{number}"][0]]["inputs"]["text"] for number in range(3)]
    assert texts == ["shot 0", "shot 1", "shot 2"]
    tab.watch_texts()
    tab.press_run()
    assert tab.wait_for_player()[1] == pytest.approx(3, abs=0.1)
    assert stage.gateway.stats()["jobs"][-1]["shots"] == 3
    assert any("Being made" in text for text in tab.seen_texts())
    assert tab.alerts().count() == 0


def test_the_fitted_image_is_shown_on_the_node_while_its_video_is_made(tab: Tab) -> None:
    tab.clear()
    picture = tab.add("EmptyImage", width=640, height=640, color=0x3366CC)
    made = tab.add("SoraVideo_Image2Video", profile="own", seconds=40, size="320x180", prompt="x", seed=next(TAKES))
    tab.connect(picture, 0, made, "image")
    tab.watch_texts()
    tab.press_run()
    tab.wait_for_picture()
    assert tab.page.locator("video").count() == 0
    assert tab.wait_for_player()[1] == pytest.approx(40, abs=0.1)
    assert any(text.startswith("Being made") for text in tab.seen_texts())
    assert tab.alerts().count() == 0


def test_a_video_from_an_image_is_played_also_when_the_node_has_played_one_before(tab: Tab) -> None:
    tab.clear()
    picture = tab.add("EmptyImage", width=640, height=640, color=0x3366CC)
    made = tab.add("SoraVideo_Image2Video", profile="own", size="320x180", prompt="x", seed=next(TAKES))
    tab.connect(picture, 0, made, "image")
    for seconds in (2, 3):
        tab.js(
            "void (app.graph.getNodeById(x[0]).widgets.find((it) => it.name === 'seconds').value = x[1])",
            [made, seconds],
        )
        tab.press_run()
        tab.page.wait_for_function(PLAYS_SECONDS, arg=seconds)
    assert tab.page.locator(".sora-result img:visible").count() == 0
    assert tab.page.get_by_text("failed to load").count() == 0


def test_what_a_run_says_stays_on_the_node_when_the_run_has_ended(tab: Tab, stage: Stage) -> None:
    tab.clear()
    made = {"profile": "own", "seed": next(TAKES), "size": "64x64"}
    tab.add("SoraVideo_Text2Video", **made, prompt="waited for", seconds=1)
    tab.add("SoraVideo_Text2Video", **made, prompt="not waited for", seconds=1, wait=False)
    tab.add("SoraVideo_Quota", profile="own")
    tab.add("SoraVideo_EnhancePrompt", profile="own", prompt=f"a door {made['seed']}")
    tab.see_all()
    entry = tab.run()
    tab.page.wait_for_timeout(500)  # the page takes progress away when the run has ended
    said = "\n".join(tab.results().all_inner_texts())
    outputs = entry["outputs"]
    for text in [line for output in outputs.values() for line in output.get("text", []) if line]:
        assert text in said


def test_an_error_stays_on_its_node_until_the_next_result(tab: Tab) -> None:
    tab.set(seed=next(TAKES), profile="keyless")
    tab.press_run()
    expect(tab.results()).to_contain_text("SORA_NO_KEY")
    for mask in tab.page.locator(".p-dialog-mask").all():  # older pages show the error over everything, too
        tab.page.keyboard.press("Escape")
        expect(mask).to_have_count(0)
    tab.set(seconds=1, profile="own")
    tab.press_run()
    tab.wait_for_player()
    expect(tab.results()).to_contain_text("job_")
    expect(tab.results()).not_to_contain_text("SORA_NO_KEY")


def test_what_a_run_says_is_no_part_of_the_workflow(tab: Tab) -> None:
    tab.set(seed=next(TAKES), seconds=1)
    before = tab.js(SAVED)
    tab.press_run()
    tab.wait_for_player()
    expect(tab.results()).to_contain_text("job_")
    assert tab.js(SAVED) == before


def test_a_node_inside_a_subgraph_says_its_result_too(tab: Tab) -> None:
    tab.set(profile="own", seed=next(TAKES), seconds=1, size="64x64")
    tab.js("void app.canvas.graph.convertToSubgraph(new Set([app.graph.nodes.find((node) => node.type === x)]))", NODE)
    tab.run()
    tab.js("void app.canvas.setGraph(app.graph.nodes.find((node) => node.subgraph).subgraph)")
    expect(tab.results()).to_contain_text("job_")


def test_no_key_is_in_the_page_nor_in_what_the_page_is_given(tab: Tab, stage: Stage) -> None:
    tab.load(example(stage))  # whatever the test before has left
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
        if locale == "zh":  # the page translates no hints of empty fields: ours are in both languages
            hints = tab.js("[...document.querySelectorAll('textarea')].map((each) => each.placeholder)")
            assert "prompt · 提示词" in hints  # what is rarely used may be hidden
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
