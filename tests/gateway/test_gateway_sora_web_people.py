"""Uploads, characters and the account of the Sora web protocol, in both dialects."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from gateway_caller import Caller
from PIL import Image
from sora_web_caller import SoraWebCaller

NAMED = {"instruction_set": None, "safety_instruction_set": None, "display_name": "My Character"}


@pytest.fixture(params=["/sora-web", "/sora-web~document"])
def sora(http: httpx.AsyncClient, request: pytest.FixtureRequest) -> SoraWebCaller:
    return SoraWebCaller(http, request.param)


def is_document(sora: SoraWebCaller) -> bool:
    return sora.mount.endswith("~document")


async def clip(caller: Caller) -> bytes:
    return (await caller.content((await caller.completed(seconds="3"))["id"])).content


async def cameo(sora: SoraWebCaller, data: bytes) -> str:
    files = {"file": ("v.mp4", data, "video/mp4")}
    return str((await sora.call("POST", "/characters/upload", files=files, data={"timestamps": "0,3"})).json()["id"])


async def status(sora: SoraWebCaller, cameo_id: str) -> dict[str, Any]:
    """Once it is done."""

    def done(answer: dict[str, Any]) -> dict[str, Any] | None:
        ended = answer["status"] in ("completed", "failed") or answer.get("status_message") == "Completed"
        return answer if ended else None

    wanted: dict[str, Any] = await sora.until(f"/project_y/cameos/in_progress/{cameo_id}", done)
    return wanted


async def pointer(sora: SoraWebCaller, picture: bytes) -> str:
    files = {"file": ("p.webp", picture, "image/webp")}
    reply = await sora.call("POST", "/project_y/file/upload", files=files, data={"use_case": "profile"})
    return str(reply.json()["asset_pointer"])


async def test_a_clip_becomes_a_character_with_a_picture_from_it(sora: SoraWebCaller, caller: Caller) -> None:
    cameo_id = await cameo(sora, await clip(caller))
    found = await status(sora, cameo_id)
    assert found["status"] == ("completed" if is_document(sora) else "processing")
    assert ("." in found["username_hint"]) is not is_document(sora)
    assert found["display_name_hint"]
    picture = (await sora.http.get(found["profile_asset_url"])).content
    assert Image.open(io.BytesIO(picture)).format == "WEBP"
    body = {**NAMED, "cameo_id": cameo_id, "username": "my_character"}
    body["profile_asset_pointer"] = await pointer(sora, picture)
    made = (await sora.call("POST", "/characters/finalize", json=body)).json()["character"]["character_id"]
    assert made.startswith("char_")
    reply = await sora.call("POST", "/characters/finalize", 400, json=body)
    assert reply.json()["error"]["code"] == "already_finalized"
    for visibility, code in (("public", 200), ("private", 200), ("friends", 400)):
        by_id = f"/project_y/cameos/by_id/{cameo_id}/update_v2"
        await sora.call("POST", by_id, code, json={"visibility": visibility})
    await sora.create(cameo_ids=[made], cameo_replacements={})
    assert (await sora.http.get("/_gateway/stats")).json()["jobs"][-1]["cast"] == "my_character"
    await sora.call("DELETE", f"/project_y/characters/{made}", 200 if is_document(sora) else 204)
    await sora.call("DELETE", f"/project_y/characters/{made}", 404)
    await sora.call("GET", f"/project_y/cameos/in_progress/{cameo_id}", 404)
    assert await sora.charges() == 3  # the clip, the cameo, the video


async def test_a_character_is_finalized_only_with_all_that_it_needs(http: httpx.AsyncClient, caller: Caller) -> None:
    sora = SoraWebCaller(http)
    cameo_id = await cameo(sora, await clip(caller))
    picture = (await http.get((await status(sora, cameo_id))["profile_asset_url"])).content
    right = {
        **NAMED,
        "cameo_id": cameo_id,
        "username": "my_name",
        "profile_asset_pointer": await pointer(sora, picture),
    }
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"cameo_id": "cameo_none"}, 404),
        ({"username": "My Name"}, 400),
        ({"username": "sora"}, 400),
        ({"display_name": " "}, 400),
        ({"profile_asset_pointer": "asset_ptr_none"}, 400),
        ({"instruction_set": "be kind"}, 400),
        ({"more": 1}, 400),
    ]
    for changes, code in wrong:
        await sora.call("POST", "/characters/finalize", code, json={**right, **changes})
    for name in right:
        rest = {key: value for key, value in right.items() if key != name}
        error = (await sora.call("POST", "/characters/finalize", 400, json=rest)).json()["error"]
        assert error["param"] == name
    await sora.call("POST", "/characters/finalize", json=right)
    assert (await sora.get(f"/project_y/cameos/in_progress/{cameo_id}"))["status"] == "finalized"


async def test_a_generation_becomes_a_character_where_servers_have_that(sora: SoraWebCaller) -> None:
    body: dict[str, Any] = {"generation_id": "gen_none", "character_id": None, "timestamps": [0, 3]}
    error = (await sora.call("POST", "/characters/from-generation", 404, json=body)).json()["error"]
    assert ("gen_none" in error["message"]) is not is_document(sora)
    if is_document(sora):
        return
    body["generation_id"] = (await sora.finished())["id"]
    reply = await sora.call("POST", "/characters/from-generation", json=body)
    assert (await status(sora, reply.json()["id"]))["profile_asset_url"]
    for changes in ({"timestamps": [0, 9]}, {"timestamps": "0,3"}, {"timestamps": [9, 12]}, {"character_id": "x"}):
        await sora.call("POST", "/characters/from-generation", 400, json={**body, **changes})


async def test_a_cameo_can_fail(sora: SoraWebCaller, caller: Caller) -> None:
    data = await clip(caller)
    await sora.fault(on="create", do="fail", code="generation_failed", message="no face")
    cameo_id = await cameo(sora, data)

    def failed(answer: dict[str, Any]) -> bool:
        return bool(answer["status"] == "failed")

    await sora.until(f"/project_y/cameos/in_progress/{cameo_id}", failed)
    body = {**NAMED, "cameo_id": cameo_id, "username": "name", "profile_asset_pointer": "x"}
    reply = await sora.call("POST", "/characters/finalize", 400, json=body)
    assert reply.json()["error"]["code"] == "cameo_not_ready"


async def test_uploads_are_of_the_kind_and_with_the_fields_that_belong_there(
    sora: SoraWebCaller, picture: bytes
) -> None:
    png, mp4, txt = ("a.png", picture, "image/png"), ("a.mp4", b"no clip", "video/mp4"), ("a", b"x", "text/plain")
    broken = ("a.png", b"no picture", "image/png")
    wrong: list[tuple[str, tuple[str, bytes, str], dict[str, str]]] = [
        ("/uploads", png, {}),
        ("/uploads", png, {"file_name": ""}),
        ("/uploads", png, {"file_name": "a", "use_case": "profile"}),
        ("/uploads", txt, {"file_name": "a"}),
        ("/uploads", broken, {"file_name": "a"}),
        ("/project_y/file/upload", png, {}),
        ("/project_y/file/upload", png, {"use_case": "other"}),
        ("/project_y/file/upload", broken, {"use_case": "profile"}),
        ("/characters/upload", mp4, {"timestamps": "0,3"}),
        ("/characters/upload", mp4, {"timestamps": "0,9"}),
        ("/characters/upload", png, {"timestamps": "0,3"}),
        ("/characters/upload", mp4, {}),
    ]
    for path, file, data in wrong:
        reply = await sora.call("POST", path, 400, files={"file": file}, data=data)
        assert reply.json()["error"]["code"] == "bad_request", (path, data)
    await sora.call("POST", "/uploads", 400, files={"picture": png}, data={"file_name": "a"})
    await sora.call("POST", "/uploads", 400, data={"file_name": "a", "file": "text"})
    await sora.call("POST", "/uploads", 400, json={"file_name": "a"})
    assert await sora.charges() == 0


async def test_the_site_takes_pictures_to_begin_with_as_files_too(sora: SoraWebCaller, picture: bytes) -> None:
    files, data = {"file": ("a.png", picture, "image/png")}, {"use_case": "inpaint_safe"}
    reply = await sora.call("POST", "/project_y/file/upload", 400 if is_document(sora) else 200, files=files, data=data)
    if not is_document(sora):
        await sora.create(inpaint_items=[{"kind": "file", "file_id": reply.json()["file_id"]}])
        assert (await sora.http.get("/_gateway/stats")).json()["jobs"][-1]["has_image"]


async def test_the_account_says_who_it_is_and_what_it_has_left(sora: SoraWebCaller) -> None:
    assert set(await sora.get("/me")) == {"email", "name", "username", "picture", "created_at"}
    plan = (await sora.get("/billing/subscriptions"))["data"][0]
    assert plan["plan"] == {"id": "chatgpt_plus", "title": "ChatGPT Plus"}
    assert isinstance(plan["end_ts"], str if is_document(sora) else int)
    invite = await sora.get("/project_y/invite/mine")
    assert (invite["redeemed_count"], invite["total_count"]) == (2, 5)
    before = (await sora.get("/nf/check"))["rate_limit_and_credit_balance"]
    await sora.create()
    after = (await sora.get("/nf/check"))["rate_limit_and_credit_balance"]
    assert before["estimated_num_videos_remaining"] - after["estimated_num_videos_remaining"] == 1
    assert isinstance(after["estimated_num_videos_remaining"], int if is_document(sora) else float)
    assert ("credit_remaining" in after) is not is_document(sora)
    assert 0 < after["access_resets_in_seconds"] <= 86400
    assert after["rate_limit_reached"] is False
    assert await sora.get("/m/bootstrap") == {"success": True}


async def test_an_invitation_is_accepted_once(sora: SoraWebCaller) -> None:
    path, own = "/project_y/invite/accept", (await sora.get("/project_y/invite/mine"))["invite_code"]
    for code in ("nonsense", own):
        reply = await sora.call("POST", path, 403, json={"invite_code": code})
        assert reply.json()["error"]["code"] == "invalid_invite_code"
    for already in (False, True):
        answer = (await sora.call("POST", path, json={"invite_code": "SORA-ABCD-1234"})).json()
        assert answer == {"success": True, "already_accepted": already}
    await sora.call("POST", path, 400, json={})


async def test_a_username_is_looked_up_and_set(sora: SoraWebCaller) -> None:
    check, set_ = (f"/project_y/profile/username/{verb}" for verb in ("check", "set"))
    for name, free in (("my_name", True), ("sora", False), ("No Name", False)):
        assert (await sora.call("POST", check, json={"username": name})).json() == {"available": free}
        reply = await sora.call("POST", set_, 200 if free else 400, json={"username": name})
    answer = (await sora.call("POST", set_, json={"username": "my_name"})).json()
    assert answer == {"username": "my_name", "display_name": "Preview"}
    assert (await sora.get("/me"))["username"] == "my_name"
    assert reply.status_code == 400
