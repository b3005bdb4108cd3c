"""Profiles in ComfyUI's settings: from nothing to a video, without a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import comfyui_page
import pytest
from comfyui._browser import IN_A_BROWSER, Tab
from comfyui._host import KEY, Stage
from comfyui.page._axe import violations
from playwright.sync_api import Browser, Locator, expect

TAKES = iter(range(40_000, 50_000))

pytestmark = IN_A_BROWSER


@pytest.fixture
def tab(browser: Browser, stage: Stage) -> Iterator[Tab]:
    tab = Tab(browser, stage.comfy)
    comfyui_page.Tab.clear(tab)
    yield tab
    assert tab.complaints == []
    tab.close()
    names = [each["name"] for each in stage.comfy.get("/sora_video/profiles").json()]
    for name in names:
        if name.startswith("my-"):
            assert stage.comfy.delete("/sora_video/profiles", {"name": name}).ok


def press(place: Locator, name: str) -> None:
    place.get_by_role("button", name=name, exact=True).click()


def row(tab: Tab, name: str) -> Locator:
    return tab.page.locator(f".sora-profiles [data-profile='{name}']")


def add(tab: Tab, name: str, url: str, *, key: str = "", provider: str = "openai") -> None:
    press(tab.open_profiles(), "Add a profile…")
    form = tab.page.get_by_role("dialog", name="Add a profile")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Protocol", exact=True).select_option(provider)
    form.get_by_label("Base URL", exact=True).fill(url)
    form.get_by_label("Key", exact=True).fill(key)
    press(form, "Save")


def test_a_profile_is_added_tested_and_makes_a_video(tab: Tab, stage: Stage) -> None:
    node = tab.add("SoraVideo_Text2Video", prompt="from the page", seed=next(TAKES), seconds=1, size="64x64")
    add(tab, "my-box", stage.gateway.openai, key=KEY)
    expect(row(tab, "my-box")).to_contain_text("key stored")
    press(row(tab, "my-box"), "Test connection")
    steps = tab.page.get_by_role("dialog", name="Connection of 'my-box'")
    expect(steps.locator("[data-check=quota]")).to_be_visible()
    assert steps.locator("[data-ok=false]").count() == 0
    advice = steps.get_by_role("button", name="Apply:")
    if advice.count():
        advice.first.click()
        expect(advice).to_have_count(0)
    press(steps, "Close")
    tab.close_settings()
    options = tab.js("app.graph.getNodeById(x).widgets.find((it) => it.name === 'profile').options.values", node)
    assert "my-box" in options
    tab.js("void (app.graph.getNodeById(x).widgets.find((it) => it.name === 'profile').value = 'my-box')", node)
    charged = stage.gateway.charges
    tab.press_run()
    assert tab.wait_for_player()[1] == pytest.approx(1, abs=0.1)
    assert stage.gateway.charges == charged + 1


def test_a_wrong_address_is_told_and_its_advice_is_applied_by_one_press(tab: Tab, stage: Stage) -> None:
    add(tab, "my-lost", stage.gateway.url + "/nowhere", key=KEY)
    press(row(tab, "my-lost"), "Test connection")
    steps = tab.page.get_by_role("dialog", name="Connection of 'my-lost'")
    expect(steps.locator("[data-check=server]")).to_have_attribute("data-ok", "false")
    steps.get_by_role("button", name="Apply:").click()
    # the same server at another path, so the key stays
    expect(steps.locator("[data-check=server]")).to_have_attribute("data-ok", "true")


def test_a_profile_is_edited_renamed_duplicated_and_removed(tab: Tab, stage: Stage) -> None:
    add(tab, "my-first", stage.gateway.openai, key=KEY)
    press(row(tab, "my-first"), "Edit…")
    form = tab.page.get_by_role("dialog", name="Profile 'my-first'")
    expect(form.get_by_label("Key", exact=True)).to_have_value("")
    expect(form).to_contain_text("One is stored; what you enter replaces it.")
    form.get_by_label("Name", exact=True).fill("my-second")
    form.get_by_text("More settings").click()
    form.get_by_label("Jobs at once", exact=True).fill("2")
    form.get_by_label("Currency of the prices", exact=True).fill("EUR")
    form.get_by_label("Prices", exact=True).fill("0.10/second\n0.04/image")
    press(form, "Save")
    expect(row(tab, "my-second")).to_contain_text("key stored")
    press(row(tab, "my-second"), "Duplicate")
    expect(row(tab, "my-second-2")).to_contain_text("no key yet")
    press(row(tab, "my-second-2"), "Remove…")
    press(tab.page.get_by_role("dialog", name="Remove…"), "Remove…")
    expect(row(tab, "my-second-2")).to_have_count(0)
    facts = {each["name"]: each for each in stage.comfy.get("/sora_video/profiles").json()}
    assert facts["my-second"]["max_jobs"] == 2
    assert facts["my-second"]["prices"] == ["0.10/second", "0.04/image"]
    assert "my-first" not in facts


def test_what_cannot_work_is_told_and_the_form_stays_as_it_was_filled_in(tab: Tab) -> None:
    add(tab, "my-plain", "http://relay.example/v1")
    expect(tab.page.get_by_text("plain http to 'relay.example'").first).to_be_visible()
    form = tab.page.get_by_role("dialog", name="Add a profile")
    expect(form.get_by_label("Base URL", exact=True)).to_have_value("http://relay.example/v1")
    press(form, "Cancel")
    expect(row(tab, "my-plain")).to_have_count(0)
    assert [each.split(" (")[0] for each in tab.complaints] == [
        "Failed to load resource: the server responded with a status of 400"
    ]  # the browser's own note
    tab.complaints.clear()


def test_profiles_are_imported_and_exported(tab: Tab, stage: Stage) -> None:
    toml = f'[profiles.my-import]\nprovider = "openai"\nbase_url = "{stage.gateway.openai}"\n'
    panel = tab.open_profiles()
    panel.locator("input[type=file]").set_input_files(
        {"name": "p.toml", "mimeType": "text/plain", "buffer": toml.encode()}
    )
    expect(row(tab, "my-import")).to_be_visible()
    with tab.page.expect_download() as download:
        press(panel, "Export")
    text = download.value.path().read_text("utf-8")
    assert "[profiles.my-import]" in text
    assert KEY not in text


def test_a_planted_key_is_nowhere_in_the_page_nor_in_what_it_is_given(tab: Tab, stage: Stage) -> None:
    planted = "planted-key-93c1d0aa17"
    answers: list[str] = []
    tab.page.on("response", lambda reply: answers.append(reply.url))
    frames: list[str] = []
    tab.page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(str(data))))
    add(tab, "my-planted", stage.gateway.openai, key=planted)
    press(row(tab, "my-planted"), "Test connection")
    steps = tab.page.get_by_role("dialog", name="Connection of 'my-planted'")
    expect(steps.locator("[data-check=server]")).to_be_visible()
    press(steps, "Close")
    press(row(tab, "my-planted"), "Edit…")
    html = tab.page.content() + "".join(tab.js("[...document.querySelectorAll('input')].map((it) => it.value)"))
    stored = tab.js("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    given = [
        stage.comfy.get(path).text for path in ("/sora_video/profiles", "/api/settings", "/object_info/SoraVideo_Quota")
    ]
    assert answers
    assert not [text[:300] for text in (html, stored, *given, *frames) if planted in text]
    files = [path for path in stage.comfy.base.rglob("*") if path.is_file() and "custom_nodes" not in path.parts]
    assert not [path for path in files if planted.encode() in path.read_bytes()]


@pytest.mark.parametrize(("locale", "title"), [("en", "Add a profile"), ("zh", "添加配置")])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_can_be_used_by_keyboard_and_screen_reader(
    browser: Browser, stage: Stage, locale: str, title: str, theme: str
) -> None:
    tab = Tab(browser, stage.comfy, locale=locale, **{"Comfy.ColorPalette": theme})
    try:
        panel = tab.open_profiles()
        panel.locator("li").first.wait_for()
        assert violations(tab, ".sora-profiles-panel") == []
        panel.locator(".sora-primary").focus()
        tab.page.keyboard.press("Enter")
        dialog = tab.page.get_by_role("dialog", name=title)
        dialog.locator("summary").click()
        assert violations(tab, ".sora-dialog") == []
        tab.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(panel).to_be_visible()
        assert tab.complaints == []
    finally:
        tab.close()
        stage.comfy.post("/api/settings", {"Comfy.ColorPalette": "dark"})
