"""The storyboard's timeline: blocks and script are two views of one text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from comfyui._browser import IN_A_BROWSER, Tab
from comfyui._host import Stage
from comfyui.page._axe import violations
from comfyui_process import version_of
from playwright.sync_api import Browser, Locator, expect

from sora_core.errors import InvalidRequest
from sora_core.requests.shots import parse_script

TAKES = iter(range(60_000, 70_000))
SCRIPT = "# morning\n[4s] a door opens. It rains.\n2s: a window\n  seen from inside\n\n【3s】 a street\n# the end\n"
SCRIPTS = (
    SCRIPT, "", "\n\n", "# only\n", "[5s] one", "1. [5s] one\n2. 5s: two\n", "- 5s：一\n• [2.5s] 二",
    "\ufeff[5s] one\n", "[5s] one\r\n[4s] two\r\n", "[٣s] three", "[5s] a\u2028b",
    "[5s] one\n[wide] more\n#no\n\n[1.5s]  two  ",
)  # fmt: skip
REFUSED = (
    "a door",
    "[5s] one\n5s two",
    "[5s] one\nShot 2: two",
    "[5s] one\n> [5s] two",
    '[{"text": "a", "seconds": 1}]',
)

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module", params=["canvas", "vue"])
def opened(request: pytest.FixtureRequest, browser: Browser, stage: Stage) -> Iterator[Tab]:
    tab = Tab(browser, stage.comfy, vue=request.param == "vue")
    yield tab
    tab.close()


def board(tab: Tab, script: str = SCRIPT, **widgets: object) -> int:
    """A storyboard in the middle of what is seen."""
    node = tab.add("SoraVideo_Storyboard", profile="own", script=script, size="64x64", seed=next(TAKES), **widgets)
    tab.js("void (app.canvas.ds.offset = [200, 0], app.canvas.setDirty(true, true))")
    tab.page.locator(".sora-timeline").wait_for()
    return node


def script_of(tab: Tab) -> str:
    return str(tab.js("app.graph.nodes[0].widgets.find((it) => it.name === 'script').value"))


def set_script(tab: Tab, script: str) -> None:
    tab.js("void (app.graph.nodes[0].widgets.find((it) => it.name === 'script').value = x)", script)


def blocks(tab: Tab) -> Locator:
    return tab.page.locator(".sora-block")


def press(tab: Tab, action: str) -> None:
    tab.page.locator(f".sora-timeline [data-do={action}]").click()


def shots(tab: Tab) -> list[tuple[float, str]]:
    return [(each.seconds, each.text) for each in parse_script(script_of(tab))]


def test_blocks_follow_the_text_and_the_text_is_not_touched_by_looking(tab: Tab) -> None:
    board(tab)
    expect(blocks(tab)).to_have_count(3)
    assert script_of(tab) == SCRIPT
    set_script(tab, "[1s] one\n")
    expect(blocks(tab)).to_have_count(1)


def test_shots_are_added_split_resized_duplicated_deleted_and_it_is_undone(tab: Tab) -> None:
    board(tab)
    expect(blocks(tab)).to_have_count(3)
    press(tab, "split")
    expect(blocks(tab)).to_have_count(4)
    assert shots(tab)[:2] == [(2.0, "a door opens."), (2.0, "It rains.")]
    press(tab, "duplicate")
    expect(blocks(tab)).to_have_count(5)
    press(tab, "delete")
    expect(blocks(tab)).to_have_count(4)
    press(tab, "add")
    expect(blocks(tab)).to_have_count(5)
    tab.page.get_by_label("Seconds of the selected shot").fill("7")
    tab.page.get_by_label("What the selected shot shows").fill("a bird\nin the sky")
    tab.page.keyboard.press("Tab")
    expect(blocks(tab).filter(has_text="a bird")).to_contain_text("7s")
    assert (7.0, "a bird\nin the sky") in shots(tab)
    for _ in range(6):
        press(tab, "undo")
    expect(blocks(tab)).to_have_count(3)
    assert script_of(tab) == SCRIPT


def test_comments_blank_lines_and_the_way_lengths_are_written_survive_a_move(tab: Tab) -> None:
    board(tab)
    expect(blocks(tab)).to_have_count(3)
    blocks(tab).nth(0).focus()
    tab.page.keyboard.press("Alt+ArrowRight")
    moved = "# morning\n2s: a window\n  seen from inside\n\n[4s] a door opens. It rains.\n【3s】 a street\n# the end\n"
    tab.page.wait_for_function(
        "(text) => app.graph.nodes[0].widgets.find((it) => it.name === 'script').value === text", arg=moved
    )


def test_blocks_are_dragged_to_another_place_and_to_another_length_and_the_video_is_made_of_that(
    tab: Tab, stage: Stage
) -> None:
    board(tab, "[1s] one\n[1s] two\n[2s] three\n")
    expect(blocks(tab)).to_have_count(3)
    before = tab.js("[...app.graph.nodes[0].pos]")
    last, first = blocks(tab).nth(2).bounding_box(), blocks(tab).nth(0).bounding_box()
    assert last
    assert first
    mouse = tab.page.mouse
    mouse.move(last["x"] + 8, last["y"] + 12)
    mouse.down()
    mouse.move(first["x"] + 3, first["y"] + 12, steps=8)
    mouse.up()
    expect(blocks(tab).first).to_contain_text("three")
    edge = blocks(tab).first.locator(".sora-edge").bounding_box()
    block = blocks(tab).first.bounding_box()
    assert edge
    assert block
    mouse.move(edge["x"] + 2, edge["y"] + 12)
    mouse.down()
    mouse.move(edge["x"] + 2 + block["width"] / 2, edge["y"] + 12, steps=8)
    mouse.up()
    expect(blocks(tab).first).to_contain_text("3s")
    assert [text for _, text in shots(tab)] == ["three", "one", "two"]
    assert tab.js("[...app.graph.nodes[0].pos]") == before  # the node itself was not dragged
    charged = stage.gateway.charges
    tab.run()
    job = stage.gateway.stats()["jobs"][-1]
    assert (job["shots"], stage.gateway.charges) == (3, charged + 1)
    expect(tab.page.locator(".sora-block[data-picture]")).to_have_count(3)  # each shows its part of the result


def test_the_total_is_red_before_anything_is_queued_where_the_profile_does_not_make_it(tab: Tab) -> None:
    board(tab, "[40s] one\n[40s] two\n")
    total = tab.page.locator(".sora-total")
    expect(total).to_contain_text("80 s in all · the profile makes 1–60 s")
    assert "sora-is-error" in (total.get_attribute("class") or "")
    set_script(tab, "[4s] one\n")
    expect(total).to_contain_text("4 s in all")
    assert "sora-is-error" not in (total.get_attribute("class") or "")


def test_a_script_that_is_refused_is_told_with_its_line_and_not_changed(tab: Tab) -> None:
    board(tab, "[4s] one\n5s two\n")
    expect(tab.page.locator(".sora-timeline .sora-is-error")).to_contain_text("Line 2 of the script")
    assert blocks(tab).count() == 0
    assert script_of(tab) == "[4s] one\n5s two\n"


def test_the_page_reads_every_script_as_the_node_does_and_writes_back_what_it_read(tab: Tab, stage: Stage) -> None:
    module = f"/extensions/{stage.comfy.pack.name}/script.js"
    read = """import(x[0]).then(({parse, format}) => x[1].map((text) => {
      const board = parse(text)
      return board && [board.shots.map(({seconds, text}) => [seconds, text]), format(board)]
    }))"""
    for script, found in zip(SCRIPTS, tab.js(read, [module, SCRIPTS]), strict=True):
        expected = [[each.seconds, each.text] for each in parse_script(script)]
        assert found[0] == expected, script
        assert [[each.seconds, each.text] for each in parse_script(found[1])] == expected
        if "\r" not in script and "\u2028" not in script:
            assert found[1].rstrip("\n") == script.rstrip("\n")
    for script in REFUSED[:1]:
        with pytest.raises(InvalidRequest):
            parse_script(script)
        assert tab.js(read, [module, [script]]) == [None]


def test_works_inside_a_subgraph(tab: Tab, stage: Stage) -> None:
    if version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old page redraws no element of ours when a subgraph is entered")
    board(tab)
    tab.js("void app.canvas.graph.convertToSubgraph(new Set([app.graph.nodes[0]]))")
    tab.js("void app.canvas.setGraph(app.graph.nodes.find((node) => node.subgraph).subgraph)")
    expect(blocks(tab)).to_have_count(3)
    blocks(tab).nth(0).focus()
    tab.page.keyboard.press("Delete")
    expect(blocks(tab)).to_have_count(2)


def test_can_be_used_by_keyboard_and_screen_reader(tab: Tab) -> None:
    board(tab)
    expect(blocks(tab)).to_have_count(3)
    assert violations(tab, ".sora-timeline") == []
    blocks(tab).nth(0).focus()
    keyboard = tab.page.keyboard
    keyboard.press("Shift+ArrowRight")
    expect(blocks(tab).nth(0)).to_contain_text("4.5s")
    keyboard.press("End")
    keyboard.press("Control+d")
    expect(blocks(tab)).to_have_count(4)
    keyboard.press("Control+z")
    expect(blocks(tab)).to_have_count(3)
    keyboard.press("Home")
    keyboard.press("Enter")
    expect(tab.page.get_by_label("What the selected shot shows")).to_be_focused()
