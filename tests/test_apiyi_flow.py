"""The apiyi relay from request to file, against the gateway; what was charged is in its books."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from _client import LIGHT, Client, open_client
from _command import Command
from PIL import Image

from sora_core.errors import (
    AuthError,
    JobFailed,
    ModerationRejected,
)
from sora_core.models import Operation, Upload

pytestmark = pytest.mark.usefixtures("no_faults")

KEY = "apiyi-key-5b2e"

# profile: (path of the gateway, way of the key)
PROFILES = {
    "own": ("/apiyi/v1/videos", "raw"),
    "bearer": ("/apiyi~bearer", "bearer"),
    "no-url": ("/apiyi~no-url", "raw"),
    "mirror": ("/apiyi~mirror", "raw"),
    "wrong-way": ("/apiyi", "bearer"),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_client(tmp_path_factory, "apiyi", key=KEY, profile="own") as client:
        for name, (path, auth) in PROFILES.items():
            client.add(name, path, auth=auth, requests_per_minute=100_000)
        yield client


def test_an_image_goes_as_a_file(client):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(file, "JPEG")
    picture = Upload(file.getvalue(), "image/jpeg", "a.jpeg")
    wanted = {"images": (picture,), "orientation": "portrait", "seconds": 15}
    job = client.ordered("from an image", Operation.IMAGE_TO_VIDEO, **wanted)
    assert job["has_image"]
    assert (job["size"], job["seconds"], job["model"]) == ("720x1280", 15, "sora-2")


LOST: tuple[dict[str, Any], ...] = (
    {"do": "drop"},
    {"do": "garbage", "kind": "html"},
    {"do": "garbage", "kind": "json"},
    {"do": "status", "status": 504},
)


@pytest.mark.parametrize(
    ("message", "kind"), [("fell over", JobFailed), ("Content policy violation", ModerationRejected)]
)
def test_a_job_that_fails_says_why_in_a_plain_text(client, message, kind):
    client.gateway.fault({"on": "create", "do": "fail", "message": message})
    with pytest.raises(kind, match=message):
        client.make(f"failing: {message}")


def test_a_key_that_goes_the_wrong_way_is_named_as_such(client):
    with pytest.raises(AuthError) as caught:
        client.make(LIGHT, profile="wrong-way")
    assert "--auth" in caught.value.fix


GOOD = {"prompt": "x", "model": "sora-2", "size": "1280x720", "seconds": "10"}
STRICT: dict[str, tuple[dict[str, str], str]] = {
    "no prompt": ({"prompt": ""}, "Missing required parameter: prompt"),
    "no model": ({"model": ""}, "Missing required parameter: model"),
    "no size": ({"size": ""}, "Missing required parameter: size"),
    "no seconds": ({"seconds": ""}, "Missing required parameter: seconds"),
    "model": ({"model": "sora-2-pro"}, "invalid model"),
    "size": ({"size": "1024x1024"}, "invalid size"),
    "seconds": ({"seconds": "12"}, "invalid seconds"),
    "long prompt": ({"prompt": "x" * 1000}, "fewer than 1000"),
}


@pytest.mark.parametrize("case", STRICT)
def test_the_gateway_is_as_strict_as_the_manual(client, case):
    wrong, words = STRICT[case]
    files = {name: (None, text) for name, text in {**GOOD, **wrong}.items()}
    path, headers = "/apiyi/v1/videos", {"authorization": KEY}
    with client.charging(0):
        refused = client.gateway.post(path, files=files, headers=headers)
        assert refused.status_code == 400
        assert words in json.dumps(refused.json())
        assert refused.json()["error"]["code"] == "invalid_request"
        assert client.gateway.post(path, json=GOOD, headers=headers).status_code == 400


def test_the_command_sends_the_key_raw_without_being_told(client, tmp_path):
    command = Command(tmp_path, RELAY_KEY=KEY)
    words = ("profiles", "add", "own", "--provider", "apiyi", "--base-url", client.gateway.url + "/apiyi")
    assert command(*words, "--key-env", "RELAY_KEY", "--poll", "0.1", "--rpm", "100000").code == 0
    video = command("generate", LIGHT, "--profile", "own", "--json")
    assert video.code == 0, video.err
    assert client.refused(LIGHT, seconds=25).exit_code == 2
    noise = Image.frombytes("RGB", (1900, 1900), os.urandom(1900 * 1900 * 3))
    noise.save(tmp_path / "large.png", compress_level=1)  # over the 10 MB that a file may have there
    client.gateway.fault({"on": "create", "do": "fail"})  # nothing has to be drawn to see what arrived
    large = command("generate", "from a large image", "--profile", "own", "--image", str(tmp_path / "large.png"))
    assert large.code == 4, large.err
    assert "reference 1900x1900 → 1280x720 (crop)" in large.err
    assert client.last["has_image"]
