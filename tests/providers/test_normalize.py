"""Whatever servers of this family answer, in our own words: the normalisation tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sora_core import errors
from sora_core.errors import SoraError
from sora_core.models import State
from sora_core.providers._answers import normalize
from sora_core.transport import Reply

BASE = "https://relay.example/v1"


def _snapshot(body: Any, headers: dict[str, str] | None = None) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return normalize.snapshot_of(Reply(200, headers or {}, data, BASE), base_url=BASE)


def _judged(status: int, body: Any, headers: dict[str, str] | None = None) -> SoraError:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return normalize.error_of(Reply(status, headers or {}, data, BASE), provider="openai")


WORDS = {
    State.QUEUED: "queued queue pending submitted not_start notstart notstarted not_started created starting "
    "preparing preprocessing waiting scheduled accepted unknown",
    State.RUNNING: "in_progress inprogress processing running generating rendering completing finalizing started",
    State.SUCCEEDED: "completed complete success succeeded succeed finished done finalized ready",
    State.FAILED: "failed failure fail error rejected expired timeout sora_content_violation sora_error",
    State.CANCELED: "cancelled canceled cancel deleted aborted",
}


def _spellings(word: str) -> set[str]:
    return {word, word.upper(), word.title(), word.replace("_", "-"), f" {word.replace('_', ' ')} "}


class TestStates:
    def test_every_word_that_a_server_was_seen_to_say_means_its_state(self):
        """The table of what was seen, in section 7 of the protocols; not the table of the code."""
        wrong = [
            (spelling, _snapshot({"id": "1", "status": spelling}).state)
            for state, words in WORDS.items()
            for word in words.split()
            for spelling in _spellings(word)
            if _snapshot({"id": "1", "status": spelling}).state is not state
        ]
        assert wrong == []

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.text(max_size=20))
    def test_no_other_word_ends_a_job(self, word):
        assume(word.strip().lower().replace("-", "_").replace(" ", "_") not in " ".join(WORDS.values()).split())
        assert _snapshot({"id": "1", "status": word}).state in (State.QUEUED, State.RUNNING)

    @pytest.mark.parametrize("word", ["paused", "moderating", "ok", "成功", "null", "failedish", "7", "not failed"])
    def test_an_unknown_word_is_a_job_that_runs(self, word):
        assert _snapshot({"id": "1", "status": word}).state is State.RUNNING

    @pytest.mark.parametrize("key", ["status", "state", "task_status", "data.status", "data.state", "detail.status"])
    def test_the_word_is_found_where_servers_put_it(self, key):
        outer, _, inner = key.partition(".")
        assert _snapshot({"id": "1", outer: {inner: "SUCCESS"} if inner else "SUCCESS"}).state is State.SUCCEEDED

    @pytest.mark.parametrize("word", [0, 1, 200, True, None, [], {}, "", "  "])
    def test_what_is_no_word_leaves_a_known_job_queued(self, word):
        assert _snapshot({"id": "1", "status": word}).state is State.QUEUED

    @pytest.mark.parametrize("code", ["success", "ok", 0, 200, "200"])
    def test_the_code_of_an_envelope_is_no_state(self, code):
        assert _snapshot({"code": code, "data": {"task_id": "1", "status": "IN_PROGRESS"}}).state is State.RUNNING

    def test_success_of_an_envelope_is_not_the_job_s(self):
        body = {"status": "success", "data": {"task_id": "1", "status": "IN_PROGRESS"}}
        assert _snapshot(body).state is State.RUNNING

    def test_an_answer_about_nothing_is_no_job(self):
        assert _snapshot({"object": "list", "data": []}) is None
        assert _snapshot([1, 2]) is None
        assert _snapshot(b"<html>") is None

    def test_a_complete_progress_alone_is_no_success(self):
        assert _snapshot({"id": "1", "status": "processing", "progress": 100}).state is State.RUNNING

    def test_success_means_a_hundred_percent(self):
        assert _snapshot({"id": "1", "status": "completed", "progress": 40}).progress == 100


@pytest.mark.parametrize(
    ("body", "percent"),
    [
        ({"progress": 42}, 42),
        ({"progress": "45%"}, 45),
        ({"progress": "45"}, 45),
        ({"progress": "45.5 %"}, 45.5),
        ({"progress": 0.42}, 42),
        ({"progress": 1}, 1),
        ({"progress": "1"}, 1),
        ({"progress": 0}, 0),
        ({"progress": 150}, 100),
        ({"progress": -3}, 0),
        ({"progress": None}, None),
        ({"progress": "soon"}, None),
        ({"progress": True}, None),
        ({"progress": [50]}, None),
        ({"progress_pct": 0.5}, 50),
        ({"progress_pct": 1}, 100),
        ({"data": {"progress": "30%"}}, 30),
        ({"detail": {"pending_info": {"progress_pct": 0.93}}}, 93),
        ({"pending_info": {"progress_pct": 0.1}}, 10),
        ({"progress": None, "data": {"progress": 7}}, 7),
        ({}, None),
    ],
)
def test_progress_is_read_as_percent(body, percent):
    assert normalize.progress_of(body) == (None if percent is None else pytest.approx(percent))


@pytest.mark.parametrize("text", [b'{"progress": NaN}', b'{"progress": Infinity}', b'{"progress": 1e999}'])
def test_a_progress_that_is_no_number_is_not_known(text):
    assert normalize.progress_of(normalize.parse(text)) is None


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"id": "video_1"}, "video_1"),
        ({"id": 8123, "task_id": "task_1"}, "task_1"),
        ({"code": "success", "data": {"id": 8123, "task_id": "task_1"}}, "task_1"),
        ({"data": {"id": "x"}}, "x"),
        ({"id": 918273645546372819}, "918273645546372819"),
        ({"id": 2**63 + 1}, str(2**63 + 1)),
        ({"id": "sora-2:task_01"}, "sora-2:task_01"),
        ({"id": "a+b/c=="}, "a+b/c=="),
        ({"id": "video_" + "A" * 300}, "video_" + "A" * 300),
        ({"video_id": "v"}, "v"),
        ({"request_id": "r"}, "r"),
        ({"polling_url": "/api/v1/videos/vgen_1"}, "vgen_1"),
        ({"polling_url": "https://h/api/v1/videos/vgen_1/"}, "vgen_1"),
        ({"id": ""}, None),
        ({"id": None}, None),
        ({"id": "null"}, None),
        ({"id": "<nil>"}, None),
        ({"id": True}, None),
        ({"id": {"a": 1}}, None),
        ({}, None),
    ],
)
def test_the_id_is_taken_whole(body, name):
    assert normalize.id_of(body) == name


LINK = "https://cdn.example/v/1.mp4?sig=a%2Fb%2Bc+d"


@pytest.mark.parametrize(
    "body",
    [
        {"video_url": LINK},
        {"url": LINK},
        {"result_url": LINK},
        {"output": LINK},
        {"outputs": [LINK]},
        {"outputs": [{"url": LINK}]},
        {"data": {"output": LINK}},
        {"data": {"outputs": [LINK]}},
        {"data": {"url": LINK}},
        {"data": {"video_url": LINK}},
        {"data": {"result_url": LINK}},
        {"data": {"videos": [{"url": LINK}]}},
        {"data": [{"url": LINK}]},
        {"data": [LINK]},
        {"metadata": {"url": LINK}},
        {"output": {"url": LINK}},
        {"result": {"video_url": LINK}},
        {"outputs": {"video_url": LINK}},
        {"detail": {"url": LINK}},
        {"detail": {"draft_info": {"downloadable_url": LINK}}},
        {"downloadable_url": LINK},
        {"unsigned_urls": [LINK]},
        {"urls": [LINK]},
        {"links": {"mp4": LINK, "gif": "https://cdn.example/x.gif", "thumbnail": "https://cdn.example/x.jpg"}},
        {"content": {"video_url": LINK}},
        {"fail_reason": LINK},
        {"data": {"fail_reason": LINK}},
        {"data": {"data": {"output": LINK}}},
        {"url": None, "video_url": "", "data": {"url": LINK}},
        {"result_url": "内容审核未通过", "metadata": {"url": LINK}},
        {"output": "done", "url": f" {LINK}\n"},
        {"outputs": ["https://cdn.example/cover.jpg", LINK]},
        {"outputs": [{"thumbnail": "https://cdn.example/t.png", "url": LINK}]},
        {"result": {"url": LINK}},
        {"videoUrl": LINK},
        {"assets": {"video": LINK}},
        {"generations": [{"id": "gen_1", "file": {"href": LINK}}]},
        {"视频": {"下载地址": LINK, "封面": "https://cdn.example/x.jpg"}},
        {"files": ["https://cdn.example/watch/7", LINK]},
    ],
    ids=json.dumps,
)
def test_the_link_is_found_where_servers_put_it(body):
    assert normalize.url_of(body, BASE, State.SUCCEEDED) == LINK


@pytest.mark.parametrize(
    "body",
    [
        {"url": "内容审核未通过: policy"},
        {"url": "ftp://x/v.mp4"},
        {"url": "javascript:alert(1)"},
        {"url": "file:///etc/passwd"},
        {"url": "//evil.example/v.mp4"},
        {"url": 7, "output": {"text": LINK}},
        {"thumbnail": LINK, "cover": LINK, "poster": LINK},
        {"url": "http://[::1"},
        {"webhook_url": LINK, "source_video": {"url": LINK}, "links": {"self": LINK, "share": LINK}},
        {"input": {"video_url": LINK}, "metadata": {"reference": LINK}},
        {"files": [LINK, LINK.replace("https", "http")]},
        {"files": ["https://cdn.example/x.m3u8", "https://cdn.example/x.mp3"]},
        {"url": "https://[not-an-address]/v.mp4"},
    ],
    ids=json.dumps,
)
def test_what_is_no_link_of_the_result_is_passed_over(body):
    assert normalize.url_of(body, BASE, State.SUCCEEDED) is None


def test_a_relative_link_belongs_to_the_origin():
    assert normalize.url_of({"url": "/files/1.mp4"}, BASE, None) == "https://relay.example/files/1.mp4"


def test_a_link_in_fail_reason_counts_only_for_a_job_that_succeeded():
    assert normalize.url_of({"fail_reason": LINK}, BASE, State.RUNNING) is None


def test_a_failed_job_has_no_link_whatever_the_server_puts_there():
    snapshot = _snapshot({"id": "1", "status": "FAILURE", "result_url": LINK, "fail_reason": "engine"})
    assert snapshot.url is None
    assert snapshot.failure.message == "engine"


FAILURES = [
    ({"error": "engine raised: bad shape"}, "engine raised: bad shape", None),
    ({"error": {"message": "no", "code": "c"}}, "no", "c"),
    ({"error": {"message_zh": "不行", "code": 400}}, "不行", "400"),
    ({"error": {"msg": "no", "type": "t"}}, "no", "t"),
    ({"error": {"message": "no", "type": "<nil>", "code": ""}}, "no", None),
    ({"error": {"message": "no", "code": None, "type": "None"}}, "no", None),
    ({"detail": "Not Found"}, "Not Found", None),
    ({"detail": [{"loc": ["body", "size"], "msg": "bad size"}, {"msg": "worse"}]}, "body.size: bad size; worse", None),
    ({"detail": {"error": {"message": "no", "code": "task_not_completed"}}}, "no", "task_not_completed"),
    ({"error_message": "no"}, "no", None),
    ({"fail_reason": "no"}, "no", None),
    ({"failure_reason": "no"}, "no", None),
    ({"reason_str": "no"}, "no", None),
    ({"data": {"error": {"message": "no"}}}, "no", None),
    ({"data": {"fail_reason": "no"}}, "no", None),
    ({"code": 1, "message": "no"}, "no", "1"),
    ({"code": "fail_to_fetch_task", "message": json.dumps({"error": {"message": "no", "code": "deep"}})}, "no", "deep"),
    (
        {"error": {"message": 'API request failed: 400 - {"error":{"message":"heavy","code":"heavy_load"}}'}},
        "heavy",
        "heavy_load",
    ),
    (
        {"error": {"message": json.dumps({"message": json.dumps({"message": json.dumps({"msg": "deep"})})})}},
        "deep",
        None,
    ),
    ({"error": {"message": "", "code": "c"}}, "c", "c"),
    ({"msg": "no", "code": "success"}, "no", None),
]


@pytest.mark.parametrize(("body", "message", "code"), FAILURES, ids=[json.dumps(body)[:60] for body, _, _ in FAILURES])
def test_the_reason_is_found_where_servers_put_it(body, message, code):
    failure = normalize.failure_of(Reply(400, {}, json.dumps(body).encode(), BASE))
    assert (failure.message, failure.code) == (message, code)


def test_a_reason_that_is_no_json_is_shown_as_text():
    failure = normalize.failure_of(Reply(502, {}, b"upstream <b>gone</b>", BASE))
    assert failure.message == "HTTP 502 upstream gone"


def test_a_huge_reason_is_cut():
    assert len(normalize.failure_of(Reply(400, {}, json.dumps({"error": "x" * 10**6}).encode(), BASE)).message) < 5000


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Incorrect API key provided: sk-proj-abcdefghijklmnop"}},
        b"bad key sk-proj-abcdefghijklmnop",
        {"error": {"message": "no", "code": "sk-proj-abcdefghijklmnop"}},
        {"code": "sk-proj-abcdefghijklmnop"},
    ],
    ids=str,
)
def test_a_reason_shows_no_key(body):
    error = _judged(401, body)
    assert "abcdefghijklmnop" not in str(error)
    assert "abcdefghijklmnop" not in str(error.code)


CLASSIFIED = [
    (401, {"error": "Unauthorized"}, errors.AuthError),
    (401, {"error": {"message": "insufficient_quota"}}, errors.AuthError),
    (403, {"error": {"message": "no"}}, errors.AuthError),
    (402, {}, errors.QuotaExceeded),
    (403, {"error": {"code": "insufficient_user_quota", "message": "x"}}, errors.QuotaExceeded),
    (429, {"error": {"type": "insufficient_quota", "message": "x"}}, errors.QuotaExceeded),
    (400, {"error": {"code": "insufficient_credits", "message": "x"}}, errors.QuotaExceeded),
    (429, {"type": "rate_limit_exhausted"}, errors.QuotaExceeded),
    (403, {"message": "余额不足"}, errors.QuotaExceeded),
    (400, {"error": {"code": "content_policy_violation", "message": "x"}}, errors.ModerationRejected),
    (400, {"error": {"code": "prompt_review_failed", "message": "x"}}, errors.ModerationRejected),
    (400, {"message": "内容违规"}, errors.ModerationRejected),
    (400, {"error": "This request violates our content policy"}, errors.ModerationRejected),
    (400, {"error": "Blocked: content-policies"}, errors.ModerationRejected),
    (400, {"error": {"message": "Your prompt may violate our usage policies."}}, errors.ModerationRejected),
    (400, {"error": "rejected as a result of our safety system"}, errors.ModerationRejected),
    (400, {"error": {"code": "content-violation", "message": "x"}}, errors.ModerationRejected),
    (403, {"error": "Denied by the access policy; send another API key"}, errors.AuthError),
    (429, {"error": "Too many requests; see our usage policies"}, errors.RateLimited),
    (403, {"error": {"code": "insufficient_quota", "message": "see the content policy"}}, errors.QuotaExceeded),
    (401, {"error": "content policy of this key"}, errors.AuthError),
    (400, {"error": {"code": "heavy_load", "message": "x"}}, errors.Overloaded),
    (429, {"error": {"code": "too_many_concurrent_tasks", "message": "x"}}, errors.Overloaded),
    (429, {"message": "当前分组上游负载已饱和，请稍后再试", "code": "insufficient_quota"}, errors.Overloaded),
    (503, {"detail": "The limit of 2 concurrent tasks has been reached."}, errors.ServerError),
    (503, {}, errors.ServerError),
    (429, {}, errors.RateLimited),
    (404, {}, errors.JobNotFound),
    (410, {}, errors.JobNotFound),
    (400, {"code": "task_not_exist"}, errors.JobNotFound),
    (404, {"detail": "Generation is still in-progress"}, errors.NotReady),
    (400, {"error": {"message": "任务尚未完成"}}, errors.NotReady),
    (409, {"error": {"message": "Video output not yet available"}}, errors.NotReady),
    (400, {}, errors.RequestRejected),
    (422, {"detail": []}, errors.RequestRejected),
    (500, {}, errors.ServerError),
    (502, b"<html>Bad Gateway</html>", errors.ServerError),
    (504, {}, errors.ServerError),
    (403, b"<!DOCTYPE html><title>Just a moment...</title>", errors.ChallengePage),
    (429, b"<!DOCTYPE html><title>Just a moment...</title>", errors.ChallengePage),
    (404, b"<!DOCTYPE html><title>Not Found</title>", errors.BadResponse),
    (302, b"", errors.BadResponse),
]


@pytest.mark.parametrize(
    ("status", "body", "kind"), CLASSIFIED, ids=[f"{status}-{str(body)[:50]}" for status, body, _ in CLASSIFIED]
)
def test_a_refusal_has_its_class(status, body, kind):
    assert type(_judged(status, body)) is kind


def test_a_challenge_is_told_by_its_header():
    assert type(_judged(403, b"", {"cf-mitigated": "challenge"})) is errors.ChallengePage


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Wed, 01 Jul 2026 10:00:30 GMT", "date": "Wed, 01 Jul 2026 10:00:00 GMT"}, 30),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for(headers, seconds):
    assert normalize.retry_after_of(Reply(429, headers, b"", BASE)) == seconds


def test_the_hint_for_the_next_poll_goes_before_the_wait():
    reply = Reply(200, {"openai-poll-after-ms": "2500", "retry-after": "9"}, b"", BASE)
    assert normalize.poll_after_of(reply) == 2.5


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (1764347090, 1764347090),
        (1764347090922, 1764347090.922),
        (1764347090.5, 1764347090.5),
        ("1764347090", 1764347090),
        ("2025-11-28T16:24:50Z", 1764347090),
        ("2025-11-28T16:24:50", 1764347090),
        ("2025-11-28T17:24:50+01:00", 1764347090),
        (0, None),
        (None, None),
        ("", None),
        ("yesterday", None),
        (True, None),
    ],
)
def test_a_time_is_read_as_seconds(raw, seconds):
    assert normalize.time_of(raw) == seconds


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"id": "1"}', {"id": "1"}),
        (b'\xef\xbb\xbf{"id": "1"}', {"id": "1"}),
        (b'  {"id": "1"}\r\n', {"id": "1"}),
        (b'{"id": "1"}garbage', {"id": "1"}),
        (json.dumps(json.dumps({"id": "1"})).encode(), {"id": "1"}),
        ('{"id": "猫"}'.encode(), {"id": "猫"}),
        (b'{"id": "\xff"}', {"id": "\ufffd"}),
        (b"", None),
        (b"<html>", None),
        (b"[" * 10_000, None),
        (b'{"a":' * 10_000, None),
    ],
)
def test_a_body_is_read_whatever_its_type_says(body, value):
    assert normalize.parse(body) == value


class TestSeveralResults:
    A, B, C = (f"https://cdn.example/{name}.mp4" for name in "abc")

    @pytest.mark.parametrize(
        "answer",
        [
            {"data": {"videos": [{"url": A}, {"url": B}, {"url": C}]}},
            {"data": {"outputs": [A, B, C]}},
            {"outputs": [A, B, C]},
            {"urls": [A, B, C]},
            {"unsigned_urls": [A, B, C]},
            {"data": [{"url": A}, {"url": B}, {"url": C}]},
        ],
    )
    def test_all_of_a_list_are_of_the_job_in_their_order(self, answer):
        snapshot = _snapshot({"id": "t", "status": "succeeded", **answer})
        assert (snapshot.url, snapshot.further) == (self.A, (self.B, self.C))

    @pytest.mark.parametrize(
        "answer",
        [
            {"data": {"videos": [{"url": A}]}},
            {"outputs": [A, A]},
            {"outputs": [A, "https://cdn.example/a.jpg", "https://cdn.example/a.webp", "https://cdn.example/page"]},
            {"video_url": A, "urls": []},
            {"video_url": A, "data": {"output": [B]}},
        ],
    )
    def test_stills_pages_and_the_same_again_are_none(self, answer):
        snapshot = _snapshot({"id": "t", "status": "succeeded", **answer})
        assert (snapshot.url, snapshot.further) == (self.A, ())

    @pytest.mark.parametrize("status", ["processing", "failed"])
    def test_a_job_that_has_not_made_them_has_none(self, status):
        assert _snapshot({"id": "t", "status": status, "outputs": [self.A, self.B]}).further == ()
