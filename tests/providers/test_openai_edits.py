"""Edits and extensions: OpenAI's own pages, a reference where a server has none, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sora_core.errors import InvalidRequest, Unsupported
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.models import Operation, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, Provider, provider_for
from sora_core.requests.kinds import RemixRequest
from sora_core.transport import Call

CLIP = Upload(b"clip", "video/mp4", "reference.mp4")


def speaker(dialect: str, provider: str = "openai") -> Provider:
    facts = {"model": "wan"} if provider == "openai" else {}
    return provider_for(Profile("p", provider=provider, base_url="https://gpu.example/v1", dialect=dialect, **facts))


def asked(dialect: str, operation: Operation, **facts: Any) -> RemixRequest:
    return speaker(dialect).prepared(RemixRequest("at night", operation=operation, **facts))


def sent(dialect: str, operation: Operation, **facts: Any) -> Call:
    return speaker(dialect).encode_submit(asked(dialect, operation, **facts))


@pytest.mark.parametrize("dialect", ["", "openai", "preview"])
@pytest.mark.parametrize(
    ("operation", "path"), [(Operation.EDIT, "/videos/edits"), (Operation.EXTEND, "/videos/extensions")]
)
class TestOwnPages:
    def test_a_job_is_named_by_its_id(self, dialect, operation, path):
        call = sent(dialect, operation, source_id="video_1")
        assert (call.method, call.path) == ("POST", path)
        assert (call.json["prompt"], call.json["video"]) == ("at night", {"id": "video_1"})

    def test_a_file_is_sent(self, dialect, operation, path):
        call = sent(dialect, operation, clip=CLIP)
        assert (call.path, call.files) == (path, (("video", CLIP),))
        assert call.form["prompt"] == "at night"


def test_an_extension_has_a_length_and_an_edit_has_not():
    assert sent("openai", Operation.EXTEND, source_id="video_1", seconds=8).json["seconds"] == "8"
    with pytest.raises(Unsupported, match="seconds"):
        asked("openai", Operation.EDIT, source_id="video_1", seconds=8)


class TestByReference:
    def test_vllm_omni_gets_the_clip_as_a_reference(self):
        call = sent("vllm-omni", Operation.EDIT, clip=CLIP, seconds=5)
        assert (call.path, call.files) == ("/videos", (("input_references", CLIP),))
        assert (call.form["prompt"], call.form["seconds"]) == ("at night", "5")

    def test_sglang_too(self):
        assert sent("sglang", Operation.EDIT, clip=CLIP).files == (("video_reference", CLIP),)

    @pytest.mark.parametrize("dialect", ["vllm-omni", "sglang"])
    def test_cannot_name_a_job(self, dialect):
        with pytest.raises(Unsupported, match="give the file"):
            asked(dialect, Operation.EDIT, source_id="video_1")

    @pytest.mark.parametrize("dialect", ["vllm-omni", "sglang"])
    def test_cannot_extend(self, dialect):
        with pytest.raises(Unsupported, match="extend"):
            asked(dialect, Operation.EXTEND, clip=CLIP)


@pytest.mark.parametrize("sources", [{}, {"source_id": "video_1", "clip": CLIP}])
def test_one_source_is_needed(sources):
    with pytest.raises(InvalidRequest, match="one video"):
        asked("openai", Operation.EDIT, **sources)


@pytest.mark.parametrize("operation", [Operation.EDIT, Operation.EXTEND])
@pytest.mark.parametrize("dialect", ["fastvideo", "dynamo", "litellm", "new-api", "azure", "xinference"])
def test_is_refused_where_there_is_none(dialect, operation):
    with pytest.raises(Unsupported, match=operation.value):
        asked(dialect, operation, clip=CLIP)


@pytest.mark.parametrize("provider", sorted(set(PROVIDERS) - {"openai"}))
def test_is_refused_by_every_relay(provider):
    with pytest.raises(Unsupported, match="edit"):
        speaker("", provider).prepared(RemixRequest("at night", "task_1", operation=Operation.EDIT))


def test_operation_and_source_are_of_the_claim():
    provider = speaker("openai")
    asked_for = [
        RemixRequest("a", "video_1"),
        RemixRequest("a", "video_1", operation=Operation.EDIT),
        RemixRequest("a", "video_1", operation=Operation.EXTEND),
        RemixRequest("a", "video_2", operation=Operation.EDIT),
        RemixRequest("a", operation=Operation.EDIT, clip=CLIP),
        RemixRequest("a", operation=Operation.EDIT, clip=Upload(b"other", "video/mp4", "reference.mp4")),
    ]
    names = [fingerprints_of(provider.prepared(each), provider)[0] for each in asked_for]
    assert len(set(names)) == len(names)
