"""The routes below /sora_video: who may ask, what may be asked, and that no answer holds a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from comfyui._graphs import t2v
from comfyui._host import KEY, Stage, outputs_of

OURS = {"X-Sora-Video": "en", "Content-Type": "application/json"}
EFFECTS = (
    ("POST", "/sora_video/profiles"), ("DELETE", "/sora_video/profiles"), ("POST", "/sora_video/profiles/edit"),
    ("POST", "/sora_video/profiles/duplicate"), ("POST", "/sora_video/profiles/key"),
    ("DELETE", "/sora_video/profiles/key"), ("POST", "/sora_video/profiles/test"),
    ("POST", "/sora_video/profiles/quota"), ("POST", "/sora_video/profiles/models"),
    ("POST", "/sora_video/profiles/loras"), ("POST", "/sora_video/profiles/import"),
    ("POST", "/sora_video/jobs/collect"), ("POST", "/sora_video/jobs/cancel"), ("POST", "/sora_video/jobs/forget"),
    ("POST", "/sora_video/jobs/remote_id"), ("POST", "/sora_video/jobs/candidates"),
    ("POST", "/sora_video/jobs/last_frame"), ("DELETE", "/sora_video/jobs/file"),
    ("POST", "/sora_video/storyboard/check"),
)  # fmt: skip
READS = ("/sora_video/profiles", "/sora_video/providers", "/sora_video/profiles/export", "/sora_video/jobs",
         "/sora_video/jobs/summary", "/sora_video/jobs/job_00000000000000000000")  # fmt: skip


def ask(stage: Stage, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return requests.request(method, stage.comfy.url + path, data=data, headers={**OURS, **headers}, timeout=60)


def refusal(reply: requests.Response) -> str:
    return str(reply.json()["error"]["message"])


@pytest.fixture
def box(stage: Stage) -> Iterator[str]:
    """A profile of the test's own; it is removed again, whatever it was renamed to."""
    before = {each["name"] for each in stage.comfy.get("/sora_video/profiles").json()}
    settings = {"provider": "openai", "base_url": stage.gateway.openai, "dialect": "preview", "auth": "bearer"}
    assert stage.comfy.post("/sora_video/profiles", {"name": "box", "settings": settings}).ok
    yield "box"
    for each in stage.comfy.get("/sora_video/profiles").json():
        if each["name"] not in before:
            assert stage.comfy.delete("/sora_video/profiles", {"name": each["name"]}).ok


class TestWhoMayAsk:
    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8188", "localhost.evil.example", "", "a@localhost"])
    def test_a_name_that_is_not_this_machines_is_refused_as_rebinding_would_use_it(
        self, stage: Stage, host: str
    ) -> None:
        for method, path in (*EFFECTS, *(("GET", path) for path in READS)):
            reply = ask(stage, method, path, {}, Host=host)
            assert reply.status_code in (400, 403), (method, path, reply.text)

    def test_addresses_and_localhost_are_answered(self, stage: Stage) -> None:
        for host in (f"127.0.0.1:{stage.comfy.port}", f"localhost:{stage.comfy.port}", "[::1]:1", "192.168.1.5"):
            assert ask(stage, "GET", "/sora_video/profiles", Host=host).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_another_site_in_the_users_browser_is_refused_for_reads_too(
        self, stage: Stage, headers: dict[str, str]
    ) -> None:
        for method, path in (*EFFECTS, *(("GET", path) for path in READS)):
            assert ask(stage, method, path, {}, **headers).status_code == 403, (method, path)

    def test_an_effect_wants_json_and_our_header(self, stage: Stage) -> None:
        for method, path in EFFECTS:
            url = stage.comfy.url + path
            bare = requests.request(method, url, json={}, timeout=60)
            assert (bare.status_code, "X-Sora-Video" in refusal(bare)) == (403, True)
            form = requests.request(method, url, data={"a": "b"}, headers={"X-Sora-Video": "en"}, timeout=60)
            assert form.status_code == 415

    def test_is_refused_in_the_language_of_whoever_asks(self, stage: Stage) -> None:
        reply = ask(stage, "POST", "/sora_video/jobs/forget", {}, **{"X-Sora-Video": "zh"})
        assert "不能为空" in refusal(reply)


ODD_BODIES = (
    b"", b"null", b"[]", b"3", b'"x"', b"{", b'{"a": NaN}', b'{"a": 1e999}', b"\xff\xfe", b"\xef\xbb\xbf{}",
    b"[" * 100_000, b'{"job_id": null}', b'{"job_id": {}}', b'{"job_id": "../../etc/passwd"}', b'{"job_id": "\\ud800"}',
    b'{"job_id": "job_00000000000000000000\\u0000"}', b'{"job_id": "' + b"j" * 10_000 + b'"}',
    b'{"name": ["box"], "settings": 1}', b'{"name": "x", "settings": {"base_url": 3}}', b'{"unknown": 1}',
    b'{"profile": "preview", "key": 1}', b'{"script": 5}', b'{"toml": "[profiles"}', b'{"toml": "\\u0000"}',
    b'{"name": "x", "settings": {"provider": [], "base_url": {}}}', b'{"name": "x/../y", "settings": {}}',
    b'{"job_id": 99999999999999999999999999999999999999999999999999}',
)  # fmt: skip


class TestWhatMayBeAsked:
    @pytest.mark.parametrize(("method", "path"), EFFECTS)
    def test_every_odd_body_is_refused_in_words_and_does_nothing(self, stage: Stage, method: str, path: str) -> None:
        before = [stage.comfy.get(read).text for read in ("/sora_video/profiles", "/sora_video/jobs")]
        for body in ODD_BODIES:
            if path.endswith("storyboard/check") and body in (b'{"unknown": 1}',):
                continue
            reply = ask(stage, method, path, body)
            assert 400 <= reply.status_code < 500, (body[:60], reply.status_code, reply.text[:300])
            assert refusal(reply)
        assert [stage.comfy.get(read).text for read in ("/sora_video/profiles", "/sora_video/jobs")] == before

    def test_a_body_beyond_the_bound_is_refused(self, stage: Stage) -> None:
        assert (
            ask(stage, "POST", "/sora_video/jobs/forget", b'{"job_id": "' + b"x" * 300_000 + b'"}').status_code == 400
        )

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "before=1.5", "state=nope", "other=1",
         "limit=1&limit=2", "profile=" + "p" * 100, "search=" + "s" * 300],
    )  # fmt: skip
    def test_every_odd_query_is_refused_in_words(self, stage: Stage, query: str) -> None:
        reply = ask(stage, "GET", f"/sora_video/jobs?{query}")
        assert (reply.status_code, bool(refusal(reply))) == (400, True) if query != "limit=" else True

    @pytest.mark.parametrize("name", ["job_1", "..%2f..%2fetc%2fpasswd", "job_0000000000000000000g", "%00"])
    def test_an_odd_job_id_in_the_path_is_refused(self, stage: Stage, name: str) -> None:
        for ending in ("", "/graph", "/file", "/picture"):
            assert ask(stage, "GET", f"/sora_video/jobs/{name}{ending}").status_code in (400, 404)

    def test_no_variable_of_the_server_can_be_sent_to_an_address_of_ones_choice(self, stage: Stage, box: str) -> None:
        parse = {"parse_url": "http://127.0.0.1:1", "parse_token_env": "AWS_SECRET_ACCESS_KEY"}
        for settings in (
            {"key_env": "AWS_SECRET_ACCESS_KEY"}, {"proxy_env": "HOME"}, {"key_env": "SORA_PASSPHRASE"},
            {"key_env": "SORA_LEDGER"}, {"extra": parse}, {"extra": {"drafts_token_env": "AWS_SECRET_ACCESS_KEY"}},
            {"extra": {"parse_token_env": " AWS_SECRET_ACCESS_KEY"}},
        ):  # fmt: skip
            reply = stage.comfy.post("/sora_video/profiles/edit", {"name": box, "settings": settings})
            assert reply.status_code == 400
            assert "SORA_" in refusal(reply)
        toml = '[profiles.pasted]\nbase_url = "http://127.0.0.1:1/v1"\nkey_env = "AWS_SECRET_ACCESS_KEY"\n'
        assert stage.comfy.post("/sora_video/profiles/import", {"toml": toml}).status_code == 400

    def test_a_variable_is_only_allowed_by_whoever_sits_at_this_machine(self, stage: Stage, box: str) -> None:
        """Else who reaches the port could name an address of theirs, and have the key of the environment sent there."""
        settings = {"provider": "openai", "base_url": "http://127.0.0.1:9/v1", "key_env": "SORA_TEST_KEY"}
        for name, header in (("far", "X-Forwarded-For"), ("far-2", "Forwarded"), ("far-3", "X-Real-IP")):
            asked = {"name": name, "settings": settings}
            far = ask(stage, "POST", "/sora_video/profiles", asked, **{header: "192.168.1.9"})
            assert (far.status_code, far.json()["key"]) == (200, "missing")
        asked = {"name": box, "settings": settings}
        far = ask(stage, "POST", "/sora_video/profiles/edit", asked, **{"X-Forwarded-For": "192.168.1.9"})
        assert (far.status_code, far.json()["key"]) == (200, "missing")
        here = stage.comfy.post("/sora_video/profiles", {"name": "near", "settings": settings})
        assert here.json()["key"] == "environment"


class TestProfiles:
    def test_are_added_edited_duplicated_and_removed_and_the_nodes_offer_them_at_once(
        self, stage: Stage, box: str
    ) -> None:
        def offered() -> list[str]:
            return stage.comfy.object_info("SoraVideo_Text2Video")["input"]["required"]["profile"][1]["options"]

        assert box in offered()
        edited = stage.comfy.post("/sora_video/profiles/edit", {"name": box, "settings": {"max_jobs": 3}}).json()
        assert (edited["max_jobs"], edited["provider"], edited["dialect"]) == (3, "openai", "preview")
        copy = stage.comfy.post("/sora_video/profiles/duplicate", {"name": box, "new_name": "box-2"}).json()
        assert (copy["name"], copy["max_jobs"]) == ("box-2", 3)
        assert {"box", "box-2"} <= set(offered())
        assert stage.comfy.delete("/sora_video/profiles", {"name": "box-2"}).json() == {"removed": "box-2"}
        assert "box-2" not in offered()

    def test_renamed_keep_their_key_and_their_jobs_and_nothing_is_paid_again(self, stage: Stage, box: str) -> None:
        assert stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": KEY}).json()["key"] == "store"
        job_id = outputs_of(stage.comfy.run({"1": t2v("renamed", profile=box)}))["1"]["text"][1]
        charged = stage.gateway.charges
        renamed = stage.comfy.post("/sora_video/profiles/edit", {"name": box, "new_name": "crate", "settings": {}})
        assert (renamed.json()["name"], renamed.json()["key"]) == ("crate", "store")
        again = outputs_of(stage.comfy.run({"1": t2v("renamed", profile="crate")}))["1"]["text"]
        assert again[1] == job_id
        assert stage.gateway.charges == charged
        assert stage.comfy.get(f"/sora_video/jobs/{job_id}").json()["profile"] == "crate"

    def test_a_new_profile_of_an_old_name_is_not_given_the_old_ones_jobs(self, stage: Stage, box: str) -> None:
        stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": KEY})
        first = outputs_of(stage.comfy.run({"1": t2v("two boxes", profile=box)}))["1"]["text"][1]
        assert stage.comfy.post("/sora_video/profiles/edit", {"name": box, "new_name": "crate", "settings": {}}).ok
        settings = {"provider": "openai", "base_url": stage.gateway.openai, "dialect": "preview", "auth": "bearer"}
        assert stage.comfy.post("/sora_video/profiles", {"name": box, "settings": settings}).ok
        stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": KEY})
        assert outputs_of(stage.comfy.run({"1": t2v("two boxes", profile=box)}))["1"]["text"][1] != first

    def test_a_key_does_not_go_to_another_server(self, stage: Stage, box: str) -> None:
        stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": KEY})
        settings = {"base_url": "http://127.0.0.1:9/v1"}
        moved = stage.comfy.post("/sora_video/profiles/edit", {"name": box, "settings": settings}).json()
        assert moved["key"] == "missing"

    def test_a_key_can_be_written_and_never_read(self, stage: Stage, box: str) -> None:
        secret = "route-key-6d0e1f"
        stored = stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": secret})
        assert stored.json() == {"profile": box, "key": "store"}
        answers = [stage.comfy.get(path).text for path in READS]
        answers.append(stage.comfy.post("/sora_video/profiles/test", {"name": box}).text)
        assert not [text for text in answers if secret in text]
        assert stage.comfy.delete("/sora_video/profiles/key", {"profile": box}).json() == {"deleted": True}

    def test_are_tested_step_by_step_with_advice_that_can_be_applied(self, stage: Stage, box: str) -> None:
        settings = {"base_url": stage.gateway.url + "/openai", "auth": "bearer"}
        assert stage.comfy.post("/sora_video/profiles/edit", {"name": box, "settings": settings}).ok
        stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": KEY})
        reply = stage.comfy.post("/sora_video/profiles/test", {"name": box})
        findings = [json.loads(line) for line in reply.text.splitlines()]
        assert [each["check"] for each in findings][:3] == ["profile", "key", "server"]
        assert all(set(each) == {"check", "ok", "detail", "said", "advice"} for each in findings)

    def test_are_exported_and_imported_without_secrets(self, stage: Stage, box: str) -> None:
        stage.comfy.post("/sora_video/profiles/key", {"profile": box, "key": KEY})
        toml = stage.comfy.get("/sora_video/profiles/export").json()["toml"]
        assert "[profiles.box]" in toml
        assert KEY not in toml
        mine = toml[toml.index("[profiles.box]") :].split("\n\n")[0].replace("profiles.box]", "profiles.brought]")
        assert stage.comfy.post("/sora_video/profiles/import", {"toml": mine}).json() == {"added": ["brought"]}
        again = stage.comfy.post("/sora_video/profiles/import", {"toml": mine})
        assert (again.status_code, "brought" in refusal(again)) == (400, True)


def test_a_storyboard_is_read_as_the_node_reads_it(stage: Stage) -> None:
    checked = stage.comfy.post(
        "/sora_video/storyboard/check", {"script": "[4s] one\n【2s】two", "profile": "own"}
    ).json()
    assert checked["shots"] == [{"text": "one", "seconds": 4}, {"text": "two", "seconds": 2}]
    assert (checked["seconds"], checked["allowed"]["storyboards"]) == (6, True)
    refused = stage.comfy.post("/sora_video/storyboard/check", {"script": "[4s] one\n5s two"}).json()
    assert (refused["shots"], "Line 2" in refused["problem"]) == ([], True)


def test_the_file_of_a_job_is_served_with_ranges_and_only_by_its_id(stage: Stage) -> None:
    job_id = outputs_of(stage.comfy.run({"1": t2v("served")}))["1"]["text"][1]
    part = requests.get(f"{stage.comfy.url}/sora_video/jobs/{job_id}/file", headers={"Range": "bytes=4-7"}, timeout=60)
    assert (part.status_code, part.content) == (206, b"ftyp")
    picture = stage.comfy.get(f"/sora_video/jobs/{job_id}/picture")
    assert (picture.headers["Content-Type"], picture.content[:2]) == ("image/jpeg", b"\xff\xd8")
    saved = stage.comfy.get(f"/sora_video/jobs/{job_id}/file?download=1").headers["Content-Disposition"]
    assert saved.startswith("attachment; filename=")


def test_pages_of_jobs_follow_one_another_without_a_gap(stage: Stage) -> None:
    for number in range(3):
        outputs_of(stage.comfy.run({"1": t2v(f"page {number}")}))
    whole = [each["job_id"] for each in stage.comfy.get("/sora_video/jobs?limit=200").json()]
    pages: list[dict[str, Any]] = []
    while page := stage.comfy.get(next_page(pages)).json():
        pages += page
        if len(page) < 2:
            break
    assert [each["job_id"] for each in pages][: len(whole)] == whole[: len(pages)]
    assert len(pages) >= 3


def next_page(pages: list[dict[str, Any]]) -> str:
    before = f"&before={pages[-1]['number']}" if pages else ""
    return f"/sora_video/jobs?limit=2{before}"


class TestForWhoeverRunsManyWorkers:
    def test_health_is_good_while_work_is_taken(self, stage: Stage) -> None:
        reply = stage.comfy.get("/sora_video/health")
        assert (reply.status_code, reply.json()) == (
            200, {"ok": True, "trouble": "", "draining": False, "open_submissions": 0},
        )  # fmt: skip

    def test_metrics_are_prometheus_text_of_what_was_charged(self, stage: Stage) -> None:
        outputs_of(stage.comfy.run({"1": t2v("counted")}))
        reply = stage.comfy.get("/sora_video/metrics")
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = reply.text.splitlines()
        assert "sora_video_ledger_up 1" in lines
        assert any(line.startswith("sora_video_charges_total{profile=") for line in lines)
        assert any('state="delivered"' in line for line in lines)
        assert KEY not in reply.text
