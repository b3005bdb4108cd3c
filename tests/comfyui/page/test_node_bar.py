"""What the page adds to our nodes before they run: lists, prices, what is rarely used behind a button."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from comfyui._browser import IN_A_BROWSER, Tab
from comfyui._host import Stage
from comfyui.page._axe import violations
from comfyui_process import version_of
from playwright.sync_api import Browser, Locator, expect

TAKES = iter(range(80_000, 90_000))
FEW = ["prompt", "profile", "seed", "orientation", "quality"]  # of a Text to Video, before More is pressed
VUE_TEXT_PX = 180  # the newer renderer shares a node's height out by itself; this much a text keeps

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module", params=["canvas", "vue"])
def opened(request: pytest.FixtureRequest, browser: Browser, stage: Stage) -> Iterator[Tab]:
    tab = Tab(browser, stage.comfy, vue=request.param == "vue")
    yield tab
    tab.close()


@pytest.fixture
def priced(stage: Stage) -> Iterator[str]:
    """A profile with prices."""
    settings = {
        "provider": "openai", "base_url": stage.gateway.openai, "key_env": "SORA_TEST_KEY", "auth": "bearer",
        "currency": "EUR", "prices": ["0.10/second", "hd 0.20/second"], "paid": True,
    }  # fmt: skip
    stage.comfy.post("/sora_video/profiles", {"name": "priced", "settings": settings}).raise_for_status()
    yield "priced"
    stage.comfy.delete("/sora_video/profiles", {"name": "priced"}).raise_for_status()


def bar(tab: Tab) -> Locator:
    return tab.page.locator(".sora-bar:visible").first


def shown_widgets(tab: Tab) -> list[str]:
    """Those of the first node that have an input of the node's own and are not behind More."""
    return tab.js(
        "app.graph.nodes[0].widgets.filter((each) => !each.name.startsWith('sora_')"
        " && !each.hidden && (app.graph.nodes[0].showAdvanced || !each.options.advanced)).map((each) => each.name)"
    )


def value_of(tab: Tab, name: str) -> object:
    return tab.js("app.graph.nodes[0].widgets.find((each) => each.name === x).value", name)


def test_what_is_rarely_used_is_behind_a_button_and_nothing_of_it_is_lost(tab: Tab) -> None:
    tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), style="", profile="own")
    bar(tab).wait_for()
    assert shown_widgets(tab) == FEW
    queued, height = tab.api_prompt(), tab.js("app.graph.nodes[0].size[1]")
    more = bar(tab).get_by_role("button", name="More")
    if more.is_visible():  # the newer renderer has its own
        more.click()
        assert len(shown_widgets(tab)) > 15
        assert tab.js("app.graph.nodes[0].size[1]") > height
        bar(tab).get_by_role("button", name="Less").click()
    assert tab.api_prompt() == queued
    saved = tab.js("app.graph.serialize()")
    tab.load(saved)
    assert tab.api_prompt() == queued


def test_model_and_length_are_chosen_from_what_the_profile_has(tab: Tab, stage: Stage) -> None:
    tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), profile="own")
    seconds, model = bar(tab).get_by_label("Length"), bar(tab).get_by_label("Model")
    expect(seconds.locator("option:checked")).to_have_text("4 s (the profile's)")
    seconds.select_option(label="8 s")
    assert value_of(tab, "seconds") == 8
    listed = stage.comfy.post("/sora_video/profiles/models", {"name": "own"}).json()["models"]
    expect(model.locator(f"option[value='{listed[0]}']")).to_have_count(1)
    model.select_option(listed[0])
    assert value_of(tab, "model") == listed[0]
    (queued,) = tab.api_prompt().values()
    assert (queued["inputs"]["seconds"], queued["inputs"]["model"]) == (8, listed[0])
    model.select_option(label="Other…")
    dialog = tab.page.get_by_role("dialog", name="Model")
    dialog.get_by_label("Model").fill("my-own-model")
    dialog.get_by_role("button", name="Take it").click()
    expect(model.locator("option:checked")).to_have_text("my-own-model")
    assert value_of(tab, "model") == "my-own-model"
    tab.js("void (app.graph.nodes[0].widgets.find((each) => each.name === 'seconds').value = 3)")
    expect(seconds.locator("option:checked")).to_have_text("3 s")


def test_the_text_keeps_its_height_and_the_player_lies_inside_of_the_node(tab: Tab, stage: Stage) -> None:
    if version_of(stage.comfy.checkout) < (0, 33) and tab.js("LiteGraph.vueNodesMode"):
        pytest.skip("this old page shows no node's video in its experimental Nodes 2.0")
    tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), profile="own", seconds=1, size="320x180")
    bar(tab).wait_for()
    field = tab.page.locator("textarea:visible").first
    tab.page.wait_for_timeout(1000)
    before = field.bounding_box()
    tab.press_run()
    tab.wait_for_player()
    tab.page.wait_for_timeout(4000)  # what the page puts below is drawn
    after, player = field.bounding_box(), tab.page.locator("video:visible").first.bounding_box()
    assert before
    assert after
    assert player
    top, height, scale, is_vue = tab.js(
        "((n, s) => [n.pos[1] + app.canvas.ds.offset[1], n.size[1], s, LiteGraph.vueNodesMode])"
        "(app.graph.nodes[0], app.canvas.ds.scale)"
    )
    kept = min(before["height"], VUE_TEXT_PX * scale) if is_vue else before["height"]
    assert after["height"] >= kept - 2
    canvas = tab.js("document.querySelector('#graph-canvas').getBoundingClientRect().top")
    assert player["y"] + player["height"] <= canvas + (top + height) * scale + 2


def test_a_linked_input_is_never_hidden(tab: Tab) -> None:
    made = tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), profile="own")
    bar(tab).wait_for()
    source = tab.add("PrimitiveString", value="cinematic")
    tab.connect(source, 0, made, "style")
    tab.page.wait_for_function(  # the newest page hides a linked widget itself, and shows its socket
        "() => ((it) => !(it.visibility ? it.visibility.suppression.byExtension : it.hidden))"
        "(app.graph.nodes[0].widgets.find((each) => each.name === 'style'))"
    )


def test_the_price_is_said_before_anything_is_queued(tab: Tab, priced: str) -> None:
    tab.js("app.refreshComboInNodes()")
    for quality in ("standard", "hd"):
        tab.add("SoraVideo_Text2Video", prompt=quality, seed=next(TAKES), profile=priced, seconds=6, quality=quality)
    tab.see_all()
    costs = tab.page.locator(".sora-bar output:visible")
    expect(costs.nth(0)).to_have_text("about 0.60 EUR · 1.80 EUR in this graph")
    expect(costs.nth(1)).to_have_text("about 1.20 EUR · 1.80 EUR in this graph")
    tab.js("void (app.graph.nodes[1].mode = 2)")  # muted
    expect(costs.nth(0)).to_have_text("about 0.60 EUR")
    tab.js("void (app.graph.nodes[0].widgets.find((each) => each.name === 'profile').value = 'keyless')")
    expect(costs.nth(0)).to_have_text("cost unknown")
    tab.js("void (app.graph.nodes[0].widgets.find((each) => each.name === 'profile').value = 'preview')")
    expect(costs.nth(0)).to_have_text("free")


def test_the_price_of_a_list_is_that_of_all_its_runs(tab: Tab, priced: str) -> None:
    tab.js("app.refreshComboInNodes()")
    lines = '# not one\n\na kite\n{"prompt": "a boat", "seconds": 6, "seed": 3}\na tram'
    listed = tab.add("SoraVideo_Prompts", text=lines, seconds=2)
    made = tab.add("SoraVideo_Text2Video", seed=next(TAKES), profile=priced, seconds=4)
    tab.connect(listed, 0, made, "prompt")
    cost = tab.page.locator(".sora-bar output:visible").first
    expect(cost).to_have_text("about 1.20 EUR")  # three clips of its own length
    tab.connect(listed, 1, made, "seconds")
    expect(cost).to_have_text("about 1.00 EUR")  # 2 + 6 + 2 seconds
    set_widget(tab, made, "takes", 2)
    expect(cost).to_have_text("about 2.00 EUR")
    set_widget(tab, listed, "text", lines + "\n{no JSON")
    expect(cost).to_have_text("cost unknown")  # which is refused when it is queued
    set_widget(tab, made, "profile", "preview")
    expect(cost).to_have_text("free")  # however many they are


def test_a_list_goes_on_through_what_it_runs(tab: Tab, priced: str) -> None:
    tab.js("app.refreshComboInNodes()")
    listed = tab.add("SoraVideo_Prompts", text="a kite\na boat", seconds=2)
    first = tab.add("SoraVideo_Text2Video", seed=next(TAKES), profile=priced, seconds=4, takes=2)
    again = tab.add("SoraVideo_Remix", prompt="at night", seed=1, profile=priced, seconds=5, quality="standard")
    tab.connect(listed, 0, first, "prompt")
    tab.connect(first, 5, again, "source_job")
    tab.see_all()
    costs = tab.page.locator(".sora-bar output:visible")
    expect(costs.nth(0)).to_have_text("about 1.60 EUR · 3.60 EUR in this graph")
    expect(costs.nth(1)).to_have_text("about 2.00 EUR · 3.60 EUR in this graph")
    tab.connect(tab.add("SoraTest_Strings", lines="a\nb\nc"), 0, again, "prompt")  # how many, only it knows
    expect(costs.nth(1)).to_have_text("cost unknown")
    expect(costs.nth(0)).to_have_text("about 1.60 EUR · 1.60 EUR + unknown in this graph")


def test_settings_and_edits_count_for_the_price(tab: Tab, priced: str) -> None:
    tab.js("app.refreshComboInNodes()")
    how = tab.add("SoraVideo_Settings", more="n = 3")
    made = tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), profile=priced, seconds=4)
    changed = tab.add("SoraVideo_Edit", prompt="at night", profile=priced, operation="extend", seconds=3)
    tab.connect(how, 0, made, "settings")
    tab.see_all()
    costs = tab.page.locator(".sora-bar output:visible")
    expect(costs.nth(0)).to_have_text("about 1.20 EUR · 1.20 EUR + unknown in this graph")
    expect(costs.nth(1)).to_have_text("cost unknown")  # hd costs more, and its source decides
    set_widget(tab, made, "seconds", 0)
    set_widget(tab, how, "num_frames", 81)  # of a rate that the server decides
    expect(costs.nth(0)).to_have_text("cost unknown")
    assert changed


def set_widget(tab: Tab, node: int, name: str, value: object) -> None:
    tab.js(
        "void (app.graph.getNodeById(x[0]).widgets.find((each) => each.name === x[1]).value = x[2])",
        [node, name, value],
    )


def test_sockets_of_shots_count_from_one(tab: Tab, stage: Stage) -> None:
    if version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old page shows no growing socket that may stay empty")
    board = tab.add("SoraVideo_Storyboard", profile="own", size="64x64", seed=next(TAKES))
    tab.connect(tab.add("SoraVideo_Shot", text="a", seconds=1), 0, board, "shots.shot0")
    tab.page.wait_for_function(
        "() => app.graph.nodes[0].inputs.filter((each) => each.name.startsWith('shots.'))"
        ".map((each) => each.label).join() === 'shot 1,shot 2'"
    )


FOUND = {
    "sora": ("Sora Text to Video", "Sora Image to Video", "Sora Prompts", "Sora Join Clips", "Sora Settings"),
    "video": ("Sora Text to Video", "Sora Image to Video"),
    "image": ("Sora Image to Video", "Sora Image"),
    "wan": ("Sora Text to Video", "Sora Image to Video", "Sora Edit"),
    "veo": ("Sora Text to Video", "Sora Image to Video", "Sora Edit"),
    "relay": ("Sora Text to Video", "Sora Image to Video", "Sora Edit"),
    "api": ("Sora Text to Video", "Sora Image to Video", "Sora Edit"),
    "extend": ("Sora Image to Video", "Sora Edit"),
    "last frame": ("Sora Image to Video",),
    "batch": ("Sora Prompts",),
    "concat": ("Sora Join Clips",),
    "lora": ("Sora Settings",),
    "生成": ("Sora Text to Video", "Sora Image to Video", "Sora Edit"),
    "视频": ("Sora Text to Video", "Sora Image to Video", "Sora Edit", "Sora Join Clips"),
    "提示词": ("Sora Prompts", "Sora Enhance Prompt"),
}


@pytest.mark.parametrize("word", FOUND)
def test_is_found_by_the_words_that_people_use(tab: Tab, stage: Stage, word: str) -> None:
    if version_of(stage.comfy.checkout) < (0, 33):
        pytest.skip("this old host knows no other words than a node's name")
    tab.js("void app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    field = tab.page.locator("input[role=combobox]:visible").first
    field.fill(word)
    try:
        for name in FOUND[word]:
            expect(tab.page.get_by_role("option", name=name).first).to_be_visible()
        if word == "sora":
            expect(tab.page.get_by_role("option").first).to_contain_text("Sora Text to Video")
    finally:  # else it would be open for the next test
        tab.page.keyboard.press("Escape")
        tab.page.keyboard.press("Escape")


def test_what_is_known_is_refused_before_anything_runs(tab: Tab, stage: Stage) -> None:
    tab.add("SoraVideo_Text2Video", prompt="  ", seed=next(TAKES), profile="own")
    tab.press_run()
    details = tab.page.get_by_role("button", name="View details")
    expect(tab.alerts().first).to_be_visible()
    if details.count():
        details.first.click()
    expect(tab.page.get_by_text("The prompt is empty").first).to_be_visible()
    assert tab.is_marked()
    tab.page.keyboard.press("Escape")


def test_choices_are_in_the_pages_language(browser: Browser, stage: Stage) -> None:
    tab = Tab(browser, stage.comfy, locale="zh")
    try:
        tab.clear()
        tab.add("SoraVideo_Text2Video", prompt="x", seed=next(TAKES), orientation="portrait")
        label = (
            "app.graph.nodes[0].widgets.find((each) => each.name === 'orientation').options.getOptionLabel('portrait')"
        )
        assert tab.js(label) == "竖屏"
        assert tab.api_prompt()["1"]["inputs"]["orientation"] == "portrait"
        assert tab.complaints == []
    finally:
        tab.close()


def test_can_be_used_by_keyboard_and_screen_reader(tab: Tab) -> None:
    tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), profile="own")
    expect(bar(tab).get_by_label("Length").locator("option:checked")).to_have_text("4 s (the profile's)")
    assert violations(tab, ".sora-bar") == []


def test_the_lora_that_the_server_lists_are_added_to_the_text_of_the_settings(tab: Tab, vllm: str) -> None:
    tab.js("app.refreshComboInNodes()")
    first = tab.add("SoraVideo_Settings", lora="mine:0.5")
    second = tab.add("SoraVideo_Settings")
    made = tab.add("SoraVideo_Text2Video", prompt="a kite", seed=next(TAKES), profile=vllm)
    picked = tab.page.locator(".sora-bar:visible").get_by_label("LoRA").first
    tab.page.locator(".sora-bar:visible").nth(2).wait_for()
    expect(picked).to_be_hidden()  # of no profile nothing is known
    tab.connect(first, 0, second, "settings")
    tab.connect(second, 0, made, "settings")
    expect(picked.locator("option")).to_have_text(["Add a LoRA of the server", "/loras/film.safetensors", "/loras/ink"])
    picked.select_option("/loras/ink")
    assert value_of(tab, "lora") == "mine:0.5\n/loras/ink"
    expect(picked.locator("option")).to_have_count(2)
    picked.select_option("/loras/film.safetensors")
    expect(picked).to_be_hidden()
    queued = next(each for each in tab.api_prompt().values() if each["inputs"].get("lora"))
    assert queued["inputs"]["lora"] == "mine:0.5\n/loras/ink\n/loras/film.safetensors"


@pytest.fixture
def vllm(stage: Stage) -> Iterator[str]:
    """A profile of a server that lists adapters as vLLM does: with a parent, and their path as the root."""
    card = {"object": "model", "owned_by": "vllm"}
    models = [
        {**card, "id": "wan", "root": "/models/wan", "parent": None},
        {**card, "id": "film", "root": "/loras/film.safetensors", "parent": "wan"},
        {**card, "id": "ink", "root": "/loras/ink", "parent": "wan"},
    ]

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/v1/models"
            body = json.dumps({"object": "list", "data": models} if found else {"detail": "Not Found"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        settings = {"provider": "openai", "base_url": address, "dialect": "vllm-omni", "auth": "none"}
        stage.comfy.post("/sora_video/profiles", {"name": "vllm", "settings": settings}).raise_for_status()
        yield "vllm"
        stage.comfy.delete("/sora_video/profiles", {"name": "vllm"}).raise_for_status()
        server.shutdown()
