"""Through a real LiteLLM proxy, from PyPI and in an environment of its own, in front of the gateway."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from _command import Command
from _gateway import GatewayProcess

pytestmark = pytest.mark.slow

# Pinned: 1.82.7, 1.82.8 and 1.107.0 were published with malware in them.
RELEASE = "litellm[proxy]==1.82.6"
HOME = Path(os.environ.get("SORA_TEST_CACHE", "") or Path.home() / ".cache" / "sora-video-tests") / "litellm"
UPSTREAM_KEY = "upstream-key-4f"
PROXY_KEY = "sk-proxy-key-91c"
# The proxy must not repeat a create call by itself: the server behind it would be paid again.
CONFIG = """
model_list:
  - model_name: clip
    litellm_params:
      model: openai/sora-2
      api_base: os.environ/UPSTREAM_BASE
      api_key: os.environ/UPSTREAM_KEY
general_settings:
  master_key: os.environ/PROXY_KEY
router_settings:
  num_retries: 0
"""


@dataclass
class Proxy:
    url: str
    gateway: GatewayProcess


def _litellm() -> Path:
    """The proxy's command; installed when it is not there. Skips, saying why, when it cannot be."""
    folder = HOME / ("Scripts" if sys.platform == "win32" else "bin")
    command = folder / ("litellm.exe" if sys.platform == "win32" else "litellm")
    done = HOME / RELEASE.partition("==")[2]
    if done.exists() and command.exists():
        return command
    venv.create(HOME, with_pip=True, clear=True)
    python = folder / ("python.exe" if sys.platform == "win32" else "python")
    install = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RELEASE],
        capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    if install.returncode:
        pytest.skip(f"NOT TESTED: {RELEASE} cannot be installed: {install.stderr.strip()[-300:]}")
    done.touch()
    return command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    command, folder = _litellm(), tmp_path_factory.mktemp("litellm")
    config = folder / "config.yaml"
    config.write_text(CONFIG, "utf-8")
    gateway = GatewayProcess(speed=20, key=UPSTREAM_KEY)
    port = _free_port()
    local = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env = {
        **local, "UPSTREAM_BASE": gateway.openai, "UPSTREAM_KEY": UPSTREAM_KEY, "PROXY_KEY": PROXY_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip
    log = folder / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [command, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"],
            cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(url, process, log)
            yield Proxy(url, gateway)
        finally:
            process.terminate()
            process.wait(30)
            gateway.stop()


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url + "/health/liveliness", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    pytest.fail(f"the proxy did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


@pytest.fixture
def command(tmp_path: Path, proxy: Proxy) -> Iterator[Command]:
    command = Command(tmp_path, PROXY_KEY=PROXY_KEY)
    command.add_profile("proxied", proxy.url, key_env="PROXY_KEY", dialect="litellm", model="clip")
    yield command
    proxy.gateway.fault()


def _generate(command: Command, prompt: str, *more: str) -> tuple[int, str, str]:
    size = ("--seconds", "2", "--size", "128x96")
    done = command("generate", prompt, "--profile", "proxied", *size, "--json", *more, timeout=120)
    return done.code, done.out, done.err


def test_a_video_is_made_through_the_proxy_and_paid_once(command: Command, proxy: Proxy) -> None:
    code, out, err = _generate(command, "a lighthouse 灯塔")
    assert code == 0, err
    made = json.loads(out)
    assert Path(made["path"]).read_bytes()[4:8] == b"ftyp"
    assert (made["width"], made["height"]) == (128, 96)
    behind = proxy.gateway.stats()["jobs"][-1]
    assert (behind["prompt"], behind["model"], behind["seconds"]) == ("a lighthouse 灯塔", "sora-2", 2)
    assert proxy.gateway.charges == 1
    # the id is the proxy's own, whole: it names the job behind
    inner = base64.b64decode(made["remote_id"].removeprefix("video_")).decode()
    assert inner.startswith("litellm:")
    assert inner.endswith(f"video_id:{behind['id']}")
    assert command.jobs()[0]["remote_id"] == made["remote_id"]
    code, out, _ = _generate(command, "a lighthouse 灯塔")
    assert json.loads(out)["reused"] is True
    assert proxy.gateway.charges == 1


def test_an_image_passes_through(command: Command, proxy: Proxy, tmp_path: Path) -> None:
    from PIL import Image

    image = tmp_path / "ref.png"
    Image.new("RGB", (128, 96), "red").save(image)
    code, _, err = _generate(command, "from an image", "--image", str(image))
    assert code == 0, err
    assert proxy.gateway.stats()["jobs"][-1]["has_image"] is True


def test_a_remix_that_the_proxy_could_not_find_again_is_not_sent(command: Command, proxy: Proxy) -> None:
    code, out, err = _generate(command, "to be remixed")
    assert code == 0, err
    source, charges = json.loads(out)["job_id"], proxy.gateway.charges
    remix = command("generate", "at night", "--profile", "proxied", "--remix-of", source, timeout=120)
    assert remix.code == 2
    assert "cannot do remix" in remix.err
    assert proxy.gateway.charges == charges


def test_a_lost_answer_behind_the_proxy_is_not_paid_twice(command: Command, proxy: Proxy) -> None:
    # Not a dropped connection: the proxy itself sends a request again when that happens.
    proxy.gateway.fault({"on": "create", "do": "status", "status": 504, "when": "after", "times": None})
    charges = proxy.gateway.charges
    for _ in range(2):
        code, _, err = _generate(command, "lost on the way")
        assert code == 5, err
    assert proxy.gateway.charges == charges + 1


def test_a_failed_job_and_a_refusal_are_told(command: Command, proxy: Proxy) -> None:
    proxy.gateway.fault({"on": "create", "do": "fail", "code": "boom", "message": "the model fell over"})
    code, _, err = _generate(command, "failing")
    assert code == 4
    assert "the model fell over" in err
    refusal = {"error": {"message": "no such thing", "type": "invalid_request_error", "code": "bad"}}
    proxy.gateway.fault({"on": "create", "do": "status", "status": 400, "body": refusal})
    code, _, err = _generate(command, "refused")
    assert code == 4, err
    assert "no such thing" in err


def test_the_doctor_knows_the_proxy_and_makes_no_video(command: Command, proxy: Proxy) -> None:
    charges = proxy.gateway.charges
    examined = command("doctor", "proxied")
    assert examined.code == 0, examined.out
    assert "ok   dialect: litellm" in examined.out
    assert "ok   models: clip" in examined.out
    command.add_profile("wrong", proxy.url, key_env="NO_ENTRY", dialect="litellm", model="clip")
    command.env["NO_ENTRY"] = "sk-no-entry-12"
    assert command("doctor", "wrong").code == 3
    assert proxy.gateway.charges == charges
