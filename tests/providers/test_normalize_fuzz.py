"""Nothing that a server may answer raises, and no word that is not known ends a job."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sora_core.errors import SoraError
from sora_core.models import State
from sora_core.profiles.profiles import Profile
from sora_core.providers._answers import normalize, refusals
from sora_core.providers.openai import OpenAI
from sora_core.transport import Reply

BASE = "https://relay.example/v1"
LINK = "https://cdn.example/v/1.mp4?sig=a%2Fb%2Bc+d"
PROVIDER = OpenAI(Profile("p", base_url=BASE))
VECTORS = [json.loads(path.read_text("utf-8")) for path in sorted((Path(__file__).parent / "vectors").glob("*.json"))]
RECORDED = [body for vector in VECTORS if isinstance(body := vector.get("response", {}).get("body"), dict)]

# What no server should send, and one of them will.
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**301)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        [*normalize.STATES, LINK, "/v.mp4", "http://[", "https://h:99999/v", "\ud83d", "{", '{"error":{}}']
    )
)
PATHS = (
    *normalize._STATE_KEYS,
    *normalize._PROGRESS_KEYS,
    *normalize._ID_KEYS,
    *normalize._URL_KEYS,
    *refusals.ERROR_KEYS,
    *"code type created_at expires_at queue_position prompt model polling_url loc".split(),
)
keys = st.sampled_from(sorted({part for path in PATHS for part in path.split(".")}))
bodies = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)
fuzz = settings(
    # `SORA_FUZZ=20 scripts/test tests/providers` looks twenty times as long
    max_examples=60 * int(os.environ.get("SORA_FUZZ", "1")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def _read_in_every_way(status: int, headers: dict[str, str], body: bytes) -> None:
    reply = Reply(status, headers, body, BASE)
    value = normalize.parse(body)
    snapshot = normalize.snapshot_of(reply, base_url=BASE)
    normalize.failure_of(reply)
    normalize.job_failure(value)
    assert isinstance(normalize.error_of(reply, provider="openai"), SoraError)
    for state in (None, *State):
        normalize.url_of(value, BASE, state)
    if snapshot is None:
        return
    word = normalize.state_of(value)[1].strip().lower().replace("-", "_").replace(" ", "_")
    if word and word not in normalize.STATES:
        assert snapshot.state is State.RUNNING
    assert snapshot.progress is None or 0 <= snapshot.progress <= 100
    for number in (snapshot.created_at, snapshot.expires_at, snapshot.poll_after):
        assert number is None or math.isfinite(number)
    assert isinstance(snapshot.remote_id, str)
    PROVIDER.encode_fetch(snapshot.remote_id)


class TestNothingBreaksIt:
    @fuzz
    @given(status=st.integers(100, 599), body=bodies)
    @example(status=200, body={"status": "completed", "url": "http://[::1"})
    @example(status=200, body={"id": "\ud83d", "status": "queued"})
    @example(status=200, body={"created_at": "0001-01-01T00:00:00+23:59", "status": "queued"})
    def test_json_of_any_shape(self, status, body):
        _read_in_every_way(status, {}, json.dumps(body).encode())

    @fuzz
    @given(status=st.integers(100, 599), body=st.binary(max_size=200))
    @example(status=200, body=b'{"id": ' + b"9" * 5000 + b"}")
    @example(status=200, body=b'{"id": 1, "status": "queued", "progress": 1e400}')
    def test_bytes_of_any_kind(self, status, body):
        _read_in_every_way(status, {}, body)

    @fuzz
    @given(
        headers=st.dictionaries(
            st.sampled_from(["retry-after", "retry-after-ms", "openai-poll-after-ms", "date"]),
            st.text(max_size=20)
            | st.sampled_from(["Mon, 20 Nov 1995 19:12:08 +9999999999", "1e999", "-1", "Mon, 20 Nov 99999 19:12:08"]),
        )
    )
    @example(headers={"retry-after": "Mon, 20 Nov 1995 19:12:08 +99999999999999999999"})
    def test_headers_of_any_kind(self, headers):
        _read_in_every_way(429, headers, b'{"status": "queued", "id": "1"}')

    @pytest.mark.parametrize("depth", [50, 500, 900, 5_000, 100_000])
    @pytest.mark.parametrize(
        ("opening", "core", "closing"),
        [
            ('{"id":"1","status":"completed","url":' + "[", '"x"', "]"),
            ('{"id":"1","status":"failed","error":' + "[", '"x"', "]"),
            ('{"error":', '"x"', "}"),
            ('{"detail":', '"x"', "}"),
            ('{"data":', '"x"', "}"),
        ],
    )
    def test_nesting_of_any_depth(self, opening, core, closing, depth):
        head, _, repeated = opening.rpartition("[") if "[" in opening else ("", "", opening)
        repeated = "[" if "[" in opening else repeated
        text = head + repeated * depth + core + closing * depth + ("}" if head else "")
        _read_in_every_way(200, {}, text.encode())

    @fuzz
    @given(data=st.data())
    def test_a_recorded_answer_with_one_value_changed(self, data):
        body = data.draw(st.sampled_from(RECORDED))
        key = data.draw(st.sampled_from(sorted(body)))
        _read_in_every_way(200, {}, json.dumps({**body, key: data.draw(bodies)}).encode())
