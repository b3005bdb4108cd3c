"""What a server says of a result is kept as it was said: whole, short, and without what may open something."""

from __future__ import annotations

import json

from sora_core.providers._answers.normalize import snapshot_of
from sora_core.providers._answers.said import said_of
from sora_core.redaction import know
from sora_core.transport import Reply

SKYRIFF = {  # section 8 of its document
    "id": "chatcmpl-xxx",
    "choices": [{"message": {"role": "assistant", "content": "视频解析成功"}}],
    "links": {
        "gif": "https://cdn.example.com/xxx.gif?sig=open-sesame&Expires=1",
        "text": "视频描述文本",
        "mp4": "https://user:word@cdn.example.com/xxx_no_watermark.mp4",
        "thumbnail": "https://cdn.example.com/thumbnail.jpg#part",
    },
    "post_id": "s_68f6",
    "original_input": "eyJhbGciOiJSUzI1NiJ9.e30.abcdef",
    "post_info": {"view_count": 1234, "like_count": 0, "title": "作品标题", "nothing": None},
}


def test_facts_are_kept_and_what_signs_a_link_is_not():
    assert said_of(SKYRIFF) == {
        "id": "chatcmpl-xxx",
        "links": {
            "gif": "https://cdn.example.com/xxx.gif",
            "text": "视频描述文本",
            "mp4": "https://cdn.example.com/xxx_no_watermark.mp4",
            "thumbnail": "https://cdn.example.com/thumbnail.jpg",
        },
        "post_id": "s_68f6",
        "original_input": "***",
        "post_info": {"view_count": 1234, "like_count": 0, "title": "作品标题"},
    }


def test_a_secret_that_looks_like_none_is_not_kept():
    know("plain-word-of-mine")
    said = said_of({"note": "you sent plain-word-of-mine", "in": {"plain-word-of-mine": ["plain-word-of-mine"]}})
    assert "plain-word-of-mine" not in json.dumps(said)


def test_pictures_in_text_and_what_never_ends_are_cut():
    deep: dict = {}
    inner = deep
    for _ in range(50):
        inner["in"] = inner = {}
    said = said_of({"b64_json": "A" * 5000, "data": "data:video/mp4;base64,AAAA", "text": "a b " * 999, "deep": deep,
                    "many": list(range(10_000))})  # fmt: skip
    assert set(said) == {"text", "many"}
    assert len(said["text"]) == 1000
    assert len(said["many"]) < 200
    assert said_of([1]) is said_of({}) is said_of({"prompt": "a cat"}) is None


def test_only_a_result_is_described():
    body = {"id": "video_1", "status": "running", "inference_time_s": 3.5}
    for status, said in (("running", None), ("completed", {**body, "status": "completed"})):
        found = snapshot_of(Reply(200, {}, json.dumps({**body, "status": status}).encode(), ""), base_url="http://a")
        assert found.said == said
