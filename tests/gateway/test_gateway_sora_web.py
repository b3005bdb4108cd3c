"""The Sora web protocol in both dialects: videos, pictures, posts, links, prompts."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import httpx
import pytest
from gateway_caller import Caller
from PIL import Image
from sora_web_caller import PICTURE, VIDEO, SoraWebCaller

SHOTS = "Shot 1:\nduration: 4.0sec\nScene: a roof\n\nShot 2:\nduration: 6sec\nScene: a cat"
BOARD = f"current timeline:\n{SHOTS}\n\ninstructions:\nnoir"
EXAMPLE_POST = "s_690d100857248191b679e6de12db840e"


@pytest.fixture(params=["/sora-web", "/sora-web~document"])
def sora(http: httpx.AsyncClient, request: pytest.FixtureRequest) -> SoraWebCaller:
    return SoraWebCaller(http, request.param)


@pytest.fixture
def seen(http: httpx.AsyncClient) -> SoraWebCaller:
    return SoraWebCaller(http)


def is_document(sora: SoraWebCaller) -> bool:
    return sora.mount.endswith("~document")


async def job(sora: SoraWebCaller) -> dict[str, Any]:
    """The newest entry of the books."""
    return dict((await sora.http.get("/_gateway/stats")).json()["jobs"][-1])


async def test_a_video_is_pending_then_a_draft_with_a_link_that_needs_no_token(sora: SoraWebCaller) -> None:
    await sora.fault(on="create", do="stuck", seconds=0.6)
    task = await sora.create(model="sy_ore", style_id="anime", orientation="portrait")
    assert task.startswith("gen_" if is_document(sora) else "task_")
    pending = await sora.until("/nf/pending/v2", lambda list_: next((at for at in list_ if at["id"] == task), None))
    if is_document(sora):
        assert pending["status"] in ("pending", "processing")
        assert 0 <= pending["progress"] <= 1
        assert (pending["orientation"], pending["n_frames"]) == ("portrait", 300)
    else:
        assert pending["status"] in ("queued", "running")
        assert "progress" not in pending
        assert pending["generations"] == []
    draft = await sora.draft(task)
    assert await sora.get("/nf/pending/v2") == []
    url = draft["video_url"] if is_document(sora) else draft["downloadable_url"]
    reply = await sora.http.get(url)
    assert reply.status_code == 200
    assert reply.content[4:8] == b"ftyp"
    assert (await sora.http.get(url, headers={"Authorization": "Bearer x"})).status_code == 403
    assert (await sora.http.get(url.replace("sig=", "sig=x"))).status_code == 403
    if is_document(sora):
        assert (draft["id"], draft["status"], draft["duration_seconds"]) == (task, "completed", 10)
        assert (await sora.http.get(draft["thumbnail_url"])).headers["Content-Type"] == "image/webp"
    else:
        assert draft["kind"] == "sora_draft"
        assert draft["duration_s"] == 10.0
        assert draft["id"] != task
        assert (draft["width"], draft["height"], draft["task_id"]) == (720, 1280, task)
    assert await sora.charges() == 1


async def test_all_that_a_video_can_be_asked_for_reaches_the_books(sora: SoraWebCaller, picture: bytes) -> None:
    upload = await sora.upload(picture)
    assert upload.startswith("upload_" if is_document(sora) else "media_")
    await sora.create(inpaint_items=[{"kind": "upload", "upload_id": upload}])
    assert (await job(sora))["has_image"]
    board = {**VIDEO, "prompt": BOARD, "title": "Draft your video", "storyboard_id": None, "metadata": None}
    await sora.proved("/nf/create/storyboard", {**board, "remix_target_id": None, "cameo_ids": None})
    assert (await job(sora))["shots"] == 2
    remix = {name: value for name, value in VIDEO.items() if name != "size"} | {"remix_target_id": EXAMPLE_POST}
    await sora.proved("/nf/create", {**remix, "cameo_ids": [], "cameo_replacements": {}})
    assert (await job(sora))["remix_of"] == EXAMPLE_POST
    await sora.create(model="sy_ore", size="large", n_frames=450)
    assert (await job(sora))["size"] == "1792x1024"
    assert await sora.charges() == 4


WRONG_VIDEOS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "image"}, "kind"),
    ({"prompt": " "}, "prompt"),
    ({"orientation": "square"}, "orientation"),
    ({"size": "huge"}, "size"),
    ({"size": None}, "size"),
    ({"size": "large"}, "size"),
    ({"size": "large", "model": "sy_ore", "n_frames": 750}, "size"),
    ({"n_frames": 301}, "n_frames"),
    ({"n_frames": "300"}, "n_frames"),
    ({"model": "sora2-landscape-10s"}, "model"),
    ({"style_id": "noir"}, "style_id"),
    ({"inpaint_items": [{"kind": "upload", "upload_id": "media_none"}]}, "inpaint_items"),
    ({"inpaint_items": [{"type": "image"}]}, "inpaint_items"),
    ({"inpaint_items": [{"kind": [], "upload_id": []}]}, "inpaint_items"),
    ({"inpaint_items": {}}, "inpaint_items"),
    ({"cameo_ids": ["char_none"]}, "cameo_ids"),
    ({"cameo_replacements": []}, "cameo_replacements"),
    ({"duration": 10}, "duration"),
]


async def test_wrong_videos_are_refused_and_cost_nothing(sora: SoraWebCaller) -> None:
    for fields, param in WRONG_VIDEOS:
        error = (await sora.proved("/nf/create", {**VIDEO, **fields}, 400))["error"]
        assert (error["param"], error["code"]) == (param, "bad_request"), fields
    error = (await sora.proved("/nf/create", {**VIDEO, "remix_target_id": "s_none"}, 404))["error"]
    assert error["code"] == "not_found"
    error = (await sora.proved("/nf/create/storyboard", VIDEO, 400))["error"]
    assert error["param"] == "prompt"
    assert await sora.charges() == 0


async def test_fields_that_only_the_site_knows_are_refused_by_the_document(sora: SoraWebCaller) -> None:
    await sora.proved("/nf/create", {**VIDEO, "trim_config": None}, 400 if is_document(sora) else 200)


async def test_pictures_are_made_of_text_and_of_a_picture(sora: SoraWebCaller, picture: bytes) -> None:
    item = {"type": "image", "frame_index": 0, "upload_media_id": await sora.upload(picture)}
    await sora.proved("/video_gen", {**PICTURE, "operation": "remix", "inpaint_items": [item]})
    assert (await job(sora))["has_image"]
    task = (await sora.proved("/video_gen", PICTURE))["id"]
    assert task.startswith("task_")

    def done(answer: dict[str, Any]) -> str | None:
        for entry in answer.get("tasks", answer.get("task_responses", [])):
            if entry["id"] == task and entry["status"] in ("completed", "succeeded"):
                return str(entry["image_url"] if is_document(sora) else entry["generations"][0]["url"])
        return None

    url = await sora.until("/v2/recent_tasks?limit=20", done)
    assert Image.open(io.BytesIO((await sora.http.get(url)).content)).size == (540, 360)
    assert await sora.charges() == 2
    assert await sora.get("/nf/pending/v2") == []
    if not is_document(sora):
        answer = await sora.get("/v2/recent_tasks?limit=1")
        assert answer["has_more"]
        assert answer["last_id"] == task


WRONG_PICTURES: list[tuple[dict[str, Any], str]] = [
    ({"type": "video_gen"}, "type"),
    ({"operation": "compose"}, "operation"),
    ({"operation": "remix"}, "inpaint_items"),
    ({"width": 512}, "width"),
    ({"n_variants": 2}, "n_variants"),
    ({"n_frames": True}, "n_frames"),
    ({"prompt": ""}, "prompt"),
    ({"inpaint_items": [{"type": "image", "frame_index": 0, "upload_media_id": "none"}]}, "inpaint_items"),
    ({"operation": "remix", "inpaint_items": [{"kind": "upload", "upload_id": "none"}]}, "inpaint_items"),
]


async def test_wrong_pictures_are_refused(seen: SoraWebCaller) -> None:
    for fields, param in WRONG_PICTURES:
        assert (await seen.proved("/video_gen", {**PICTURE, **fields}, 400))["error"]["param"] == param
        assert await seen.charges() == 0


async def test_better_prompts_are_longer_at_each_level_and_say_what_they_are(sora: SoraWebCaller) -> None:
    body: dict[str, Any] = {"prompt": "A cat playing", "duration_s": 15}
    texts = []
    for level in ("short", "medium", "long", "long"):
        reply = await sora.call("POST", "/editor/enhance_prompt", json={**body, "expansion_level": level})
        texts.append(reply.json()["enhanced_prompt"])
    assert len(texts[0]) < len(texts[1]) < len(texts[2])
    assert texts[2] == texts[3]
    assert all(text.startswith("A cat playing.") and "PREVIEW" in text and "15 seconds" in text for text in texts)
    for wrong in ({"expansion_level": "huge"}, {"expansion_level": "long", "duration_s": 12}, {}):
        await sora.call("POST", "/editor/enhance_prompt", 400, json={**body, **wrong})
    assert await sora.charges() == 4


async def test_drafts_come_in_pages(seen: SoraWebCaller) -> None:
    made = [await seen.create(prompt="the same") for _ in range(5)]
    await seen.draft(made[-1])
    items: list[str] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        page = await seen.get(f"/project_y/profile/drafts/v2?limit=2{cursor and f'&cursor={cursor}'}")
        items += [item["task_id"] for item in page["items"]]
        cursor, pages = page["cursor"], pages + 1
    assert (items, pages) == (made[::-1], 3)
    document = SoraWebCaller(seen.http, "/sora-web~document")
    assert len((await document.get("/project_y/profile/drafts?limit=2"))["drafts"]) == 2
    assert len((await document.get("/project_y/profile/drafts"))["drafts"]) == 5
    for query in ("limit=0", "limit=x", f"limit={'9' * 5000}", "cursor=x"):
        await seen.call("GET", f"/project_y/profile/drafts?{query}", 400)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("sora_content_violation", "sora_content_violation"), ("generation_failed", "sora_error")],
)
async def test_a_failed_video_is_a_draft_of_another_kind(seen: SoraWebCaller, code: str, kind: str) -> None:
    await seen.fault(on="create", do="fail", code=code, message="against our guardrails")
    draft = await seen.finished()
    assert (draft["kind"], draft["url"], draft["downloadable_url"]) == (kind, "", None)
    assert draft["reason_str"] == "against our guardrails"


async def test_by_the_document_a_failed_video_stays_pending_as_failed(http: httpx.AsyncClient) -> None:
    sora = SoraWebCaller(http, "/sora-web~document")
    await sora.fault(on="create", do="fail")
    task = await sora.create()
    failed = await sora.until("/nf/pending/v2", lambda list_: [at for at in list_ if at["status"] == "failed"])
    assert failed[0]["id"] == task
    assert await sora.get("/project_y/profile/drafts") == {"drafts": []}


async def test_a_late_server_names_the_link_of_a_draft_later(http: httpx.AsyncClient) -> None:
    sora = SoraWebCaller(http, "/sora-web~late")
    task = await sora.create()
    links = [(await sora.draft(task))["downloadable_url"] for _ in range(3)]
    assert links[:2] == [None, None]
    assert (await sora.http.get(links[2])).status_code == 200


async def test_a_post_has_a_clean_link_until_it_is_deleted(sora: SoraWebCaller) -> None:
    draft = await sora.finished()
    post = await sora.publish(draft["id"])
    url = post["video_url"] if is_document(sora) else post["attachments"][0]["downloadable_url"]
    assert (await sora.http.get(url)).content[4:8] == b"ftyp"
    shared = f"{sora.http.base_url}/sora-web/p/{post['id']}" if is_document(sora) else post["permalink"]
    assert "<video" in (await sora.http.get(shared)).text
    for shared_id in (post["id"], draft["id"], draft.get("task_id", draft["id"])):
        assert await parsed(sora, f"https://elsewhere.invalid/p/{shared_id}") == 200
    remix = {**VIDEO, "remix_target_id": post["id"]}
    await sora.proved("/nf/create", remix)
    assert (await job(sora))["remix_of"] == post["id"]
    await sora.fault(on="delete", do="refuse", status=500, code="internal_error")
    await sora.call("DELETE", f"/project_y/post/{post['id']}", 500)
    assert await parsed(sora, shared) == 200
    reply = await sora.call("DELETE", f"/project_y/post/{post['id']}", 204)
    assert reply.content == b""
    await sora.call("DELETE", f"/project_y/post/{post['id']}", 404)
    assert (await sora.http.get(shared)).status_code == 404
    assert await parsed(sora, shared) == 404
    await sora.proved("/nf/create", remix, 404)
    assert await sora.charges() == 2


WRONG_POSTS: list[tuple[dict[str, Any], int]] = [
    ({"post_text": ""}, 400),
    ({"attachments_to_create": [], "post_text": ""}, 400),
    ({"attachments_to_create": [{"generation_id": "gen_x"}], "post_text": ""}, 400),
    ({"attachments_to_create": [{"generation_id": "gen_x", "kind": "video"}], "post_text": ""}, 400),
    ({"attachments_to_create": [{"generation_id": "gen_x", "kind": "sora"}], "post_text": 5}, 400),
    ({"attachments_to_create": [{"generation_id": "gen_x", "kind": "sora"}], "post_text": ""}, 404),
]


async def test_wrong_posts_are_refused(seen: SoraWebCaller) -> None:
    for body, status in WRONG_POSTS:
        await seen.proved("/project_y/post", body, status)


async def test_the_parse_service_finds_videos_of_any_protocol(seen: SoraWebCaller, caller: Caller) -> None:
    assert await parsed(seen, f"{seen.http.base_url}/p/{(await caller.completed())['id']}") == 200
    for url, status in (
        (f"{seen.http.base_url}/p/video_none", 404),
        ("ftp://a/p/x", 400),
        ("x", 400),
        ("http://[/p/x", 400),
        (5, 400),
    ):
        assert await parsed(seen, url) == status


async def parsed(sora: SoraWebCaller, url: object) -> int:
    """The status of the parse service's answer, which leads to a clip or says why not."""
    reply = await sora.http.post(f"{sora.mount}/get-sora-link", json={"url": url, "token": "any"})
    answer = reply.json()
    if reply.status_code == 200:
        assert (await sora.http.get(answer["download_link"])).content[4:8] == b"ftyp"
    else:
        assert isinstance(answer["error"], str)
    return reply.status_code


REFUSALS = [
    ("create", 400, "heavy_load"),
    ("create", 429, "too_many_concurrent_tasks"),
    ("create", 403, "unsupported_country_code"),
    ("create", 401, "token_expired"),
    ("create", 400, "content_policy_violation"),
]


async def test_refusals_have_the_protocols_codes(seen: SoraWebCaller) -> None:
    for on, status, code in REFUSALS:
        await seen.fault(on=on, do="refuse", status=status, code=code, message="no")
        error = (await seen.proved("/nf/create", VIDEO, status))["error"]
        assert (error["code"], error["message"], error["type"]) == (code, "no", "invalid_request_error")
        assert ("details" in error) == (code == "too_many_concurrent_tasks")
        assert await seen.charges() == 0


async def test_an_exhausted_quota_is_no_error_object(seen: SoraWebCaller) -> None:
    await seen.fault(on="create", do="refuse", status=429, code="rate_limit_exhausted")
    answer = await seen.proved("/nf/create", VIDEO, 429)
    assert set(answer) == {"type", "rate_limit_and_credit_balance"}
    assert answer["type"] == "rate_limit_exhausted"
    assert answer["rate_limit_and_credit_balance"]["access_resets_in_seconds"] > 0


async def test_a_challenge_is_a_page(seen: SoraWebCaller) -> None:
    await seen.fault(on="sentinel", do="refuse", status=403, code="challenge")
    reply = await seen.challenge()
    assert (reply.status_code, reply.headers["cf-mitigated"]) == (403, "challenge")
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "Just a moment..." in reply.text


async def test_an_unknown_address_is_refused_in_the_protocols_shape(seen: SoraWebCaller) -> None:
    error = (await seen.call("GET", "/nowhere", 404)).json()["error"]
    assert error["code"] == "not_found"


async def test_links_of_a_brief_server_expire(http: httpx.AsyncClient) -> None:
    plain, brief = SoraWebCaller(http), SoraWebCaller(http, "/sora-web~brief")
    draft = await plain.finished()
    link = (await brief.draft(draft["id"]))["downloadable_url"]
    assert (await http.get(link)).status_code == 200
    for _ in range(100):
        reply = await http.get(link, headers={"Range": "bytes=0-9"})
        if reply.status_code == 403:
            break
        await asyncio.sleep(0.05)
    assert reply.status_code == 403
    assert "AuthenticationFailed" in reply.text
    assert (await http.get(draft["downloadable_url"])).status_code == 200
