"""The apiyi protocol: its limits, what goes out, and what comes of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sora_core import texts
from sora_core.conformance.asking import request_of
from sora_core.errors import (
    AuthError,
    InvalidRequest,
    JobNotFound,
    ModerationRejected,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    SoraError,
    SubmissionUnknown,
    Unsupported,
)
from sora_core.models import Effect, Operation, Shot, Snapshot, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import job_error_class
from sora_core.providers.apiyi import ApiYi
from sora_core.requests.kinds import Request
from sora_core.transport import Reply

BASE = "https://relay.example/v1"
IMAGE = Upload(b"png", "image/png", "a.png")


def provider(**settings: Any) -> ApiYi:
    return ApiYi(Profile("p", provider="apiyi", auth="raw", **{"base_url": BASE, **settings}))


def settled(request: Request, by: ApiYi | None = None) -> Request:
    """As the engine does it."""
    chosen = by or provider()
    return chosen.prepared(request)


def asked(operation: Operation = Operation.TEXT_TO_VIDEO, prompt: str = "a dog flies", **facts: Any) -> Request:
    return request_of(operation, prompt, **facts)


def answer(http: int = 200, **fields: Any) -> Reply:
    return Reply(http, {}, json.dumps(fields).encode(), BASE)


@pytest.mark.parametrize("written", [BASE, BASE + "/videos", BASE + "/videos/", "https://relay.example", " " + BASE])
def test_a_base_url_is_understood_however_it_is_written(written):
    assert provider(base_url=written).base_url() == BASE


def test_the_key_goes_raw_unless_the_profile_says_otherwise():
    assert ApiYi.default_auth == "raw"


class TestSubmitting:
    def test_is_a_form_with_everything_that_is_required(self):
        call = provider().encode_submit(settled(asked()))
        assert (call.method, call.path, call.effect) == ("POST", "/videos", Effect.CHARGE)
        assert call.form == {"prompt": "a dog flies", "model": "sora-2", "size": "1280x720", "seconds": "10"}
        assert call.json is None
        assert call.files == ()

    def test_of_an_image_sends_the_file(self):
        call = provider().encode_submit(
            settled(asked(Operation.IMAGE_TO_VIDEO, images=(IMAGE,), orientation="portrait"))
        )
        assert call.files == (("input_reference", IMAGE),)
        assert call.form["size"] == "720x1280"

    def test_adds_what_the_profile_adds_but_never_over_the_request(self):
        by = provider(model="sora-2-new", extra={"style": "anime", "prompt": "another"})
        form = by.encode_submit(settled(asked(seconds=15), by)).form
        assert form == {
            "style": "anime",
            "prompt": "a dog flies",
            "model": "sora-2-new",
            "size": "1280x720",
            "seconds": "15",
        }

    @pytest.mark.parametrize(
        ("facts", "kind", "words"),
        [
            ({"seconds": 4}, Unsupported, "10, 15 seconds"),
            ({"seconds": 25}, Unsupported, "10, 15 seconds"),
            ({"orientation": "square"}, Unsupported, "landscape standard, portrait standard"),
            ({"quality": "hd"}, Unsupported, "landscape standard, portrait standard"),
            ({"size": "1920x1080"}, Unsupported, "1280x720, 720x1280"),
            ({"model": "sora-2-pro"}, Unsupported, "allowed: sora-2"),
            ({"prompt": "x" * 1000}, InvalidRequest, "up to 999"),
            ({"image_urls": ("https://a.example/i.png",)}, Unsupported, "only image files"),
            ({"images": (IMAGE, IMAGE)}, Unsupported, "1 reference image"),
            ({"images": (Upload(b"x" * 10_000_000, "image/png", "big.png"),)}, Unsupported, "big.png"),
            ({"images": (Upload(b"x", "image/webp", "a.webp"),)}, Unsupported, "PNG and JPEG"),
            ({"operation": Operation.REMIX, "source_id": "video_1"}, Unsupported, "cannot do remix"),
            (
                {"operation": Operation.STORYBOARD, "prompt": "x" * 900, "shots": (Shot("y" * 60, 10.0),)},
                InvalidRequest,
                "The prompt with the shots written out has 1025 characters",
            ),
        ],
    )
    def test_holds_to_the_limits_of_the_manual(self, facts, kind, words):
        facts = {"operation": Operation.IMAGE_TO_VIDEO if "images" in facts else Operation.TEXT_TO_VIDEO, **facts}
        with pytest.raises(kind, match=words):
            settled(asked(**facts))

    def test_writes_a_storyboard_into_the_prompt(self):
        shots = (Shot("a door", 4.0), Shot("a cat", 6.0))
        request = settled(asked(Operation.STORYBOARD, prompt="film noir", shots=shots))
        sent = provider().encode_submit(request).form
        assert sent["seconds"] == "10"
        assert sent["prompt"] == (
            "current timeline:\nShot 1:\nduration: 4sec\nScene: a door\n\nShot 2:\nduration: 6sec\nScene: a cat\n\n"
            "instructions:\nfilm noir"
        )

    def test_just_within_the_limits_is_taken(self):
        image = Upload(b"x" * 9_999_999, "image/jpeg", "a.jpeg")
        assert settled(asked(Operation.IMAGE_TO_VIDEO, prompt="x" * 999, images=(image,), seconds=15))

    def test_keeps_to_the_pace_of_the_manual(self):
        can = provider().capabilities()
        assert (can.requests_per_minute, can.max_jobs, can.poll_seconds) == (10, 5, 30.0)
        assert can.deadline_seconds > 600  # it says to submit again after ten minutes; that would be paid twice


class TestReading:
    @pytest.mark.parametrize(
        ("status", "state"),
        [("submitted", State.QUEUED), ("in_progress", State.RUNNING), ("completed", State.SUCCEEDED),
         ("failed", State.FAILED)],
    )  # fmt: skip
    def test_knows_the_words(self, status, state):
        snapshot = provider().decode(answer(id="video_1", status=status, progress=45, url=None))
        assert (snapshot.state, snapshot.remote_id, snapshot.url) == (state, "video_1", None)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [("Content policy violation", ModerationRejected), ("The GPU fell over", None), ("", None)],
    )
    def test_a_failure_is_a_text(self, error, kind):
        snapshot = provider().decode(answer(id="video_1", status="failed", progress=0, error=error))
        assert snapshot.state is State.FAILED
        if error:
            assert snapshot.failure.message == error
            assert job_error_class(snapshot.failure) is kind

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (400, "invalid_request", RequestRejected),
            (401, "authentication_error", AuthError),
            (400, "content_policy_violation", ModerationRejected),
            (429, "rate_limit_exceeded", RateLimited),
            (429, "insufficient_quota", QuotaExceeded),
            (403, "insufficient_quota", QuotaExceeded),
            (403, "permission_error", AuthError),
            (404, "not_found", JobNotFound),
        ],
    )
    def test_a_refusal_is_its_class_of_error(self, status, code, kind):
        error: SoraError = provider().judge(answer(status, error={"code": code, "message": "no"}))
        assert type(error) is kind
        assert error.code == code

    def test_http_403_may_be_an_empty_account(self):
        error = provider().judge(answer(403, error={"code": "permission_error", "message": "no"}))
        assert "balance" in error.fix
        assert "余额" in texts.text("apiyi.key_or_balance", "fix", lang="zh")

    def test_an_answer_that_names_no_job_leaves_it_open(self):
        with pytest.raises(SubmissionUnknown):
            provider().accepted(answer(status="submitted"))


class TestTheBytes:
    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("https://relay.example/v1/videos/video_1/content", "/videos/video_1/content"),
            ("https://api.elsewhere.example/v1/videos/video_1/content", "/videos/video_1/content"),
            ("https://cdn.example/a.mp4", "https://cdn.example/a.mp4"),
            (None, "/videos/video_1/content"),
        ],
    )
    def test_come_from_the_jobs_own_content_with_the_key_even_behind_a_mirror(self, url, path):
        snapshot = Snapshot(State.SUCCEEDED, "video_1", url=url)
        assert provider().encode_content("video_1", snapshot).path == path

    def test_of_no_job_are_nowhere(self):
        with pytest.raises(JobNotFound):
            provider().encode_content("", Snapshot(State.SUCCEEDED))
