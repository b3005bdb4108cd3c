"""The sidebar tab of all jobs, as a person uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from comfyui._browser import IN_A_BROWSER, Tab
from comfyui._graphs import t2v
from comfyui._host import Stage, error_of, outputs_of
from comfyui.page._axe import violations
from playwright.sync_api import Browser, Locator, expect

TAKES = iter(range(20_000, 30_000))
SMALL = {"size": "64x64", "seconds": 1}
LONG = {"size": "64x64", "seconds": 60}  # some three seconds of the gateway
LOST = ({"on": "create", "do": "drop", "when": "after"}, {"on": "list", "do": "status", "status": 404, "times": 9})

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def opened(browser: Browser, stage: Stage) -> Iterator[Tab]:
    tab = Tab(browser, stage.comfy)
    yield tab
    tab.close()


def made(stage: Stage, prompt: str, **inputs: object) -> str:
    """A delivered job's id."""
    entry = stage.comfy.run({"1": t2v(prompt, **{**SMALL, "seed": next(TAKES), **inputs})})
    return str(outputs_of(entry)["1"]["text"][1])


def lost(stage: Stage, prompt: str) -> str:
    """An unknown job's id: the server has made it, and the answer was lost."""
    stage.gateway.fault(*LOST)
    error_of(stage.comfy.run({"1": t2v(prompt, **SMALL, seed=next(TAKES))}))
    stage.gateway.fault()
    jobs = stage.comfy.get("/sora_video/jobs?state=needs_user").json()
    return next(str(job["job_id"]) for job in jobs if job["prompt"] == prompt)


def press(card: Locator, name: str) -> None:
    card.get_by_role("button", name=name).click()


def test_shows_jobs_newest_first_and_finds_them_again(tab: Tab, stage: Stage) -> None:
    for prompt in ("a crimson dirigible", "a blue boat"):
        made(stage, prompt)
    jobs = tab.open_jobs()
    expect(jobs.locator(".sora-job-prompt").nth(1)).to_have_text("a crimson dirigible")
    expect(jobs.locator(".sora-job-prompt").first).to_have_text("a blue boat")
    jobs.get_by_role("searchbox").fill("DIRIGIBLE crimson")
    expect(jobs.locator(".sora-job")).to_have_count(1)
    jobs.get_by_role("searchbox").fill("")
    jobs.get_by_label("State", exact=True).select_option("live")
    expect(jobs.get_by_text("No jobs here.")).to_be_visible()
    jobs.get_by_label("State", exact=True).select_option("all")
    jobs.get_by_label("Profile", exact=True).select_option("own")
    expect(jobs.locator(".sora-job").first).to_contain_text("a blue boat")
    jobs.get_by_label("Profile", exact=True).select_option(label="Every profile")  # the tab stays open


def test_plays_a_clip_in_its_place(tab: Tab, stage: Stage) -> None:
    made(stage, "to be played")
    tab.open_jobs()
    press(tab.card("to be played"), "Play")
    video = tab.card("to be played").locator("video")
    tab.page.wait_for_function("() => document.querySelector('.sora-job video')?.readyState >= 2")
    assert video.evaluate("(it) => it.duration") == pytest.approx(1, abs=0.1)


def test_steps_through_all_files_of_one_request(tab: Tab, stage: Stage) -> None:
    settings = {
        "provider": "openai", "base_url": f"{stage.gateway.url}/openai~sglang/v1", "key_env": "SORA_TEST_KEY",
        "auth": "bearer", "dialect": "sglang", "model": "wan",
    }  # fmt: skip
    stage.comfy.post("/sora_video/profiles", {"name": "several", "settings": settings}).raise_for_status()
    try:
        graph = {
            "1": t2v("three of one", **SMALL, seed=next(TAKES), profile="several", settings=["2", 0]),
            "2": {"class_type": "SoraVideo_Settings", "inputs": {"more": "num_outputs_per_prompt = 3"}},
        }
        stage.comfy.run(graph)
        jobs = stage.comfy.get("/sora_video/jobs?search=three+of+one").json()
        assert [job["files"] for job in jobs] == [3]
        tab.open_jobs()
        card = tab.card("three of one")
        files = card.get_by_role("group", name="Files of this job")
        sizes = set()
        for shown in ("1 of 3", "2 of 3", "3 of 3"):
            expect(files).to_contain_text(shown)
            with tab.page.expect_download() as saved:
                card.get_by_role("link", name="Save as…").click()
            sizes.add((saved.value.suggested_filename, saved.value.path().stat().st_size))
            press(card, "Play")
            tab.page.wait_for_function("() => document.querySelector('.sora-job video')?.readyState >= 2")
            press(card, "Next file")
        assert len(sizes) == 3
        expect(files).to_contain_text("1 of 3")
        press(card, "Previous file")
        expect(files).to_contain_text("3 of 3")
        assert violations(tab, ".sora-jobs-tab") == []
        press(card, "Last frame onto the canvas")
        tab.page.wait_for_function("() => app.graph.nodes.some((node) => node.type === 'LoadImage')")
        assert (stage.comfy.base / "input" / f"sora_{jobs[0]['job_id']}_3.png").is_file()
        press(card, "Delete the file…")
        expect(tab.page.get_by_role("dialog")).to_contain_text("the 3 files of this job")
        press(tab.page.get_by_role("dialog"), "Delete the file…")
        expect(files).to_be_hidden()
    finally:
        stage.comfy.delete("/sora_video/profiles", {"name": "several"}).raise_for_status()


def test_sums_what_was_spent_by_day_and_profile(tab: Tab, stage: Stage) -> None:
    settings = {
        "provider": "openai", "base_url": stage.gateway.openai, "key_env": "SORA_TEST_KEY", "auth": "bearer",
        "dialect": "preview", "paid": True, "currency": "EUR", "prices": ["0.30/second"],
    }  # fmt: skip
    stage.comfy.post("/sora_video/profiles", {"name": "counted", "settings": settings}).raise_for_status()
    try:
        made(stage, "one that costs", profile="counted", seconds=2)
        jobs = tab.open_jobs()
        expect(tab.card("one that costs")).to_contain_text("0.60 EUR")
        jobs.get_by_text("What was spent").click()
        expect(jobs.get_by_role("row").filter(has_text="counted")).to_contain_text("0.60 EUR")
        jobs.get_by_text("What was spent").click()
    finally:
        stage.comfy.delete("/sora_video/profiles", {"name": "counted"}).raise_for_status()


def test_follows_a_background_job_and_tells_when_it_is_ready(tab: Tab, stage: Stage) -> None:
    tab.open_jobs()
    stage.comfy.run({"1": t2v("in the background", **LONG, seed=next(TAKES), wait=False)})
    card = tab.card("in the background")
    expect(card.locator("progress")).to_be_visible()
    expect(tab.page.get_by_text("A video is ready.").first).to_be_visible()  # first: it does not stay for long
    expect(card.locator(".sora-job-state")).to_have_text("done")
    expect(card.get_by_role("button", name="Play")).to_be_visible()


def test_a_job_that_a_node_waits_for_is_not_told_of_twice(tab: Tab, stage: Stage) -> None:
    tab.open_jobs()
    tab.page.evaluate(
        "() => { window.told = 0; new MutationObserver(() => { window.told += document.body.innerText"
        ".includes('A video is ready.') }).observe(document.body, {childList: true, subtree: true}) }"
    )
    tab.page.get_by_text("A video is ready.").first.wait_for(state="hidden")
    tab.page.evaluate("() => { window.told = 0 }")
    made(stage, "that a node waits for")
    expect(tab.card("that a node waits for").locator(".sora-job-state")).to_have_text("done")
    tab.page.wait_for_timeout(1500)  # the next look of the server
    assert tab.js("window.told") == 0


def test_a_job_is_seen_to_finish_after_comfyui_was_restarted_in_the_middle(tab: Tab, stage: Stage) -> None:
    tab.open_jobs()
    before = stage.gateway.charges
    # long enough for the page of a busy machine to see it run
    stage.gateway.fault({"on": "create", "do": "stuck", "seconds": 15})
    stage.comfy.run({"1": t2v("survives a restart", **LONG, seed=next(TAKES), wait=False)})
    expect(tab.card("survives a restart").locator("progress")).to_be_visible()
    stage.comfy.stop(kill=True)
    stage.comfy.start()
    expect(tab.card("survives a restart").locator(".sora-job-state")).to_have_text("done", timeout=120_000)
    assert stage.gateway.charges == before + 1


def test_a_lost_job_is_collected_when_the_user_says_which_one_it_is(tab: Tab, stage: Stage) -> None:
    tab.open_jobs()
    charged = stage.gateway.charges
    lost(stage, "who knows")
    card = tab.card("who knows")
    expect(card.locator(".sora-job-state")).to_have_text("unknown")
    expect(
        tab.page.locator("[data-testid='sora_video.jobs-tab-button'], .sora_video\\.jobs-tab-button").first
    ).to_contain_text("1")
    press(card, "Resolve…")
    dialog = tab.page.get_by_role("dialog", name="What became of this job?")
    dialog.get_by_role("radio").first.check()
    press(dialog, "This is it: collect it")
    expect(card.locator(".sora-job-state")).to_have_text("done")
    assert stage.gateway.charges == charged + 1


def test_a_job_that_was_never_made_is_paid_again_only_after_a_word_on_the_money(tab: Tab, stage: Stage) -> None:
    tab.open_jobs()
    lost(stage, "never made")
    card = tab.card("never made")
    press(card, "Resolve…")
    press(tab.page.get_by_role("dialog", name="What became of this job?"), "It was never made…")
    confirm = tab.page.get_by_role("dialog", name="It was never made: pay again")
    expect(confirm).to_contain_text("By its profile 'own' takes nothing for it.")
    press(confirm, "Cancel")
    expect(card.locator(".sora-job-state")).to_have_text("unknown")
    press(card, "Resolve…")
    press(tab.page.get_by_role("dialog", name="What became of this job?"), "It was never made…")
    press(confirm, "It was never made: pay again")
    expect(card.locator(".sora-job-state")).to_have_text("forgotten")


def test_a_running_job_is_canceled_after_a_question(tab: Tab, stage: Stage) -> None:
    tab.open_jobs()
    stage.comfy.run({"1": t2v("to be canceled", **{**LONG, "size": "1280x720"}, seed=next(TAKES), wait=False)})
    press(tab.card("to be canceled"), "Cancel the job")
    press(tab.page.get_by_role("dialog"), "Cancel the job")
    expect(tab.card("to be canceled").locator("progress")).to_be_hidden()
    job = next(each for each in stage.gateway.stats()["jobs"] if each["prompt"] == "to be canceled")
    assert job["status"] not in ("queued", "running", "succeeded")


def test_puts_the_graph_the_clip_and_its_last_frame_onto_the_canvas(tab: Tab, stage: Stage) -> None:
    prompt = {"7": t2v("put onto the canvas", **SMALL, seed=next(TAKES))}
    job_id = outputs_of(stage.comfy.run(prompt))["7"]["text"][1]
    tab.open_jobs()
    card = tab.card("put onto the canvas")
    press(card, "Load its graph")
    tab.page.wait_for_function("() => app.graph.nodes.some((node) => node.type === 'SoraVideo_Text2Video')")
    assert tab.api_prompt()["7"]["inputs"]["prompt"] == "put onto the canvas"
    press(card, "Put onto the canvas")
    press(card, "Last frame onto the canvas")
    tab.page.wait_for_function("() => app.graph.nodes.length === 3")
    values = tab.js("Object.fromEntries(app.graph.nodes.map((node) => [node.type, node.widgets[0].value]))")
    assert values["SoraVideo_ResumeJob"] == job_id
    assert (stage.comfy.base / "input" / values["LoadImage"]).is_file()
    charged = stage.gateway.charges
    tab.run()
    assert stage.gateway.charges == charged
    assert tab.alerts().count() == 0


def test_deletes_a_file_after_a_question_and_collects_it_again(tab: Tab, stage: Stage) -> None:
    made(stage, "to be deleted")
    tab.open_jobs()
    card = tab.card("to be deleted")
    path = stage.comfy.get("/sora_video/jobs?search=to+be+deleted").json()[0]["path"]
    press(card, "Delete the file…")
    expect(tab.page.get_by_role("dialog")).to_contain_text(path)
    press(tab.page.get_by_role("dialog"), "Delete the file…")
    charged = stage.gateway.charges
    press(card, "Collect")
    expect(card.get_by_role("button", name="Play")).to_be_visible()
    assert stage.gateway.charges == charged


def test_ten_thousand_jobs_are_shown_a_page_at_a_time(tab: Tab, stage: Stage) -> None:
    pattern = made(stage, "one of very many")
    ledger = sqlite3.connect(stage.home / "jobs.sqlite")
    own = ("job_id", "fingerprint", "remote_id")
    columns = [row[1] for row in ledger.execute("PRAGMA table_info(jobs)") if row[1] not in own]
    names = ", ".join(f'"{name}"' for name in columns)
    ledger.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        f" INSERT INTO jobs ({', '.join(own)}, {names})"
        f" SELECT printf('job_%020x', i), 'many' || i, 'many' || i, {names} FROM n, jobs WHERE job_id = ?",
        (pattern,),
    )
    ledger.commit()
    try:
        tab.page.reload()
        tab.page.wait_for_function("() => window.app?.vueAppReady && app.extensionManager?.workflow?.activeWorkflow")
        jobs = tab.open_jobs()
        expect(jobs.locator(".sora-job").first).to_be_visible()
        shown = jobs.locator(".sora-job").count()
        assert shown <= 80
        jobs.locator(".sora-jobs-end").scroll_into_view_if_needed()
        tab.page.wait_for_function("(shown) => document.querySelectorAll('.sora-job').length > shown", arg=shown)
    finally:
        ledger.execute("DELETE FROM jobs WHERE fingerprint LIKE 'many%'")
        ledger.commit()
        ledger.close()


@pytest.mark.parametrize("locale", ["en", "zh"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_can_be_used_by_keyboard_and_screen_reader(browser: Browser, stage: Stage, locale: str, theme: str) -> None:
    lost(stage, f"accessible {locale} {theme}")
    tab = Tab(browser, stage.comfy, locale=locale, **{"Comfy.ColorPalette": theme})
    try:
        tab.open_jobs()
        card = tab.card(f"accessible {locale} {theme}")
        card.wait_for()
        assert violations(tab, ".sora-jobs-tab") == []
        card.get_by_role("button").first.focus()
        tab.page.keyboard.press("Enter")
        dialog = tab.page.get_by_role("dialog")
        dialog.wait_for()
        assert violations(tab, ".sora-dialog") == []
        tab.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert tab.complaints == []
    finally:
        tab.close()
        Tab(browser, stage.comfy, **{"Comfy.ColorPalette": "dark"}).close()
