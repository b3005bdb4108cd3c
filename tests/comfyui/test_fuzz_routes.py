"""Whatever is sent to a route: an answer in words, no failure of the server, no traceback and no secret.

`SORA_FUZZ_EXAMPLES` makes it longer (`scripts/fuzz`); schemathesis reads docs/openapi.json by `scripts/fuzz_routes.py`.
"""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from comfyui._graphs import t2v
from comfyui._host import KEY, Stage, outputs_of
from comfyui_process import ROOT
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("SORA_FUZZ_EXAMPLES", "200"))
STORED = "fuzzed-key-0f1e2d3c4b5a"
PATHS: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"]
OPERATIONS = [(method.upper(), path) for path, methods in PATHS.items() for method in methods]


def names_of(method: str, path: str) -> list[str]:
    """The members of its body, or of its query, by the document."""
    operation = PATHS[path][method.lower()]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return [*body.get("properties", {}), *(each["name"] for each in operation["parameters"] if "name" in each)]


NAMES = {operation: names_of(*operation) for operation in OPERATIONS}
SETTINGS = sorted(
    "provider base_url auth key_env proxy proxy_env dialect poll_seconds max_jobs requests_per_minute allow_http"
    " servers extra prices currency min_quota model max_submissions_per_day max_cost_per_day".split()
)

texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ("box", "own", "preview", "keyless", "job_0123456789abcdef0123", "../../etc/passwd", "\u2028", "\x7f", "\0",
         "%00", "SORA_TEST_KEY", "AWS_SECRET_ACCESS_KEY", "http://127.0.0.1:9/v1", "http://u:p@127.0.0.1:9/",
         "http://[::1", "openai", "sora_web", "1e999", "-0", "9" * 400, "a" * 70, "[5s] a\n[s] b", "é" * 65)
    ),
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(allow_nan=False), texts,
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
known = st.sampled_from(("box", "own", "preview", "keyless", "relay"))
whole = st.just({"provider": "openai", "base_url": "http://127.0.0.1:9/v1", "auth": "none"})
profile_settings = st.tuples(
    st.one_of(whole, st.just({})), st.dictionaries(st.sampled_from(SETTINGS), values, max_size=2)
).map(lambda both: both[0] | both[1])  # fmt: skip
MEMBERS = {
    "settings": st.one_of(profile_settings, profile_settings, values),
    "toml": st.one_of(
        texts,
        profile_settings.map(
            lambda facts: "[profiles.new]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in facts.items())
        ),
    ),
    **dict.fromkeys(("name", "profile"), st.one_of(known, known, texts, values)),
}
deep = st.tuples(st.sampled_from((b"[", b'{"name":', b'{"settings":{"extra":')), st.integers(100, 40_000)).map(
    lambda pair: pair[0] * pair[1]
)
spoiled = st.one_of(
    deep, st.binary(max_size=80), values.map(lambda value: json.dumps(value).encode()),
    st.integers(1, 200_000).map(lambda digits: b'{"name": ' + b"9" * digits + b"}"),
    st.sampled_from((b'{"name": "\\ud800"}', b'{"name": 1e99999}', b'{"name": NaN}', b'{"a":1,"a":2}', b"")),
)  # fmt: skip


@st.composite
def objects(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """Mostly what the document names, each with a fitting or an odd value."""
    chosen = [name for name in names if draw(st.integers(0, 5))]
    if not draw(st.integers(0, 9)):
        chosen.append("other")
    return {name: draw(MEMBERS.get(name, values)) for name in chosen}


kinds = st.sampled_from(
    ("application/json",) * 24
    + ("application/json; charset=utf-16", "application/json; charset=nope", "text/plain", "multipart/form-data",
       "application/x-www-form-urlencoded", "", "application/json, text/html", "a/b/c", "\xe9")
)  # fmt: skip
hosts = st.sampled_from(
    ("",) * 36 + ("evil.example", "127.0.0.1:99999", "[::1", "localhost:", "a@localhost", "localhost:x",
                 "[fe80::1%25a]", "0x7f.1", "\xe9.localhost", "127.0.0.1.evil.example", "localhost/", "a,b", " ")
)  # fmt: skip
origins = st.sampled_from(("",) * 18 + ("null", "http://[", "http://evil.example", "http://localhost:x", "\xe9", "://"))
languages = st.one_of(*[st.just("en")] * 4, st.sampled_from(("zh-CN", "x" * 5000, "../en", "\xe9", "en\t", "*;q=nan")))


@pytest.fixture(scope="module")
def fuzzed(stage: Stage) -> Iterator[Stage]:
    """With a stored key and a job; what the examples make is removed again."""
    before = {each["name"] for each in stage.comfy.get("/sora_video/profiles").json()}
    given_settings = {"provider": "openai", "base_url": stage.gateway.openai, "dialect": "preview", "auth": "bearer"}
    assert stage.comfy.post("/sora_video/profiles", {"name": "box", "settings": given_settings}).ok
    assert stage.comfy.post("/sora_video/profiles/key", {"profile": "box", "key": STORED}).ok
    outputs_of(stage.comfy.run({"1": t2v("fuzzed")}))
    kept = (stage.home / "profiles.toml").read_bytes()
    yield stage
    (stage.home / "profiles.toml").write_bytes(kept)
    for each in stage.comfy.get("/sora_video/profiles").json():
        if each["name"] not in before:
            stage.comfy.delete("/sora_video/profiles", {"name": each["name"]})


def sent(stage: Stage, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Without a library that would mend or refuse it; status 0 where the server hung up on it."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.comfy.port, timeout=60)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": f"127.0.0.1:{stage.comfy.port}", **headers}.items():
            connection.putheader(name, value.encode("latin-1", "replace"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
    except (http.client.HTTPException, OSError):
        return 0, ""
    finally:
        connection.close()


@settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    operation=st.sampled_from(OPERATIONS), data=st.data(), kind=kinds, host=hosts, origin=origins, language=languages,
    site=st.sampled_from((*[""] * 9, "same-origin", "cross-site", "none", "x")),
)  # fmt: skip
def test_any_request(fuzzed, operation, data, kind, host, origin, language, site):
    method, path = operation
    asked = data.draw(objects(NAMES[operation]))
    if "{job_id}" in path or data.draw(st.booleans()):
        asked["job_id"] = fuzzed.comfy.get("/sora_video/jobs?limit=1").json()[0]["job_id"]
    if "job_id" not in NAMES[operation]:
        asked.pop("job_id", None)
    target = path.replace(
        "{job_id}", quote(str(data.draw(st.one_of(st.just(asked.get("job_id")), texts))), safe="") or "x"
    )
    body = b""
    if method == "GET":
        asked.pop("job_id", None)
        target += "?" + "&".join(
            f"{name}={quote(str(value), safe='', errors='replace')}" for name, value in asked.items()
        )
    else:
        body = data.draw(st.one_of(*[st.just(json.dumps(asked).encode())] * 4, spoiled))
    named = {"X-Sora-Video": language, "Content-Type": kind, "Host": host, "Origin": origin, "Sec-Fetch-Site": site}
    headers = {name: value for name, value in named.items() if value}
    status, text = sent(fuzzed, method, target, body, headers)
    event(f"{status}")
    refused = 400 <= status < 500 or status == 502  # by the server that a profile leads to
    if status == 500 and not text.startswith("{"):  # ComfyUI's own doing, when its routes answer the same
        assert sent(fuzzed, "GET", "/system_stats", b"", headers)[0] == status, (status, text[:500])
        return
    assert status in (0, 200, 206) or refused, (status, text[:500])
    assert "Traceback" not in text
    assert not re.search(r'File "[^"]+", line \d+', text)
    assert KEY not in text
    assert STORED not in text
    if status == 502 or (refused and text.startswith("{")):
        assert json.loads(text)["error"]["message"]
