"""The examples for scripts: prompts that the nodes take, and the script that runs one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "api_examples" / "run.py"
FIRST = ROOT / "api_examples" / "text_to_video.json"  # what the script takes when no file is named
EXAMPLES = sorted((ROOT / "api_examples").glob("*.json"))
KINDS = {"STRING": (str,), "COMBO": (str,), "INT": (int,), "FLOAT": (int, float), "BOOLEAN": (bool,)}  # of widgets
CONTRACT = json.loads((ROOT / "tests" / "golden" / "contract.json").read_text("utf-8"))

DONE = {
    "status": {"status_str": "success", "completed": True, "messages": [["execution_start", {}]]},
    "outputs": {
        "1": {
            "images": [{"filename": "sora_00001_.mp4", "subfolder": "video", "type": "output"}],
            "animated": [True],
            "text": ["/comfy/output/video/sora_00001_.mp4", "job_1"],
        }
    },
}


def failed(kind: str, **data: Any) -> dict[str, Any]:
    status = {"status_str": "error", "completed": False, "messages": [["execution_start", {}], [kind, data]]}
    return {"status": status, "outputs": {}}


class ComfyUI:
    """What the script sees of a ComfyUI. ``places`` is where the prompt is, look by look; the last one stays."""

    def __init__(self, *places: str, entry: dict[str, Any] | None = None, refusal: Any = None) -> None:
        self.places = list(places)
        self.entry = entry or DONE
        self.refusal = refusal
        self.received: list[tuple[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def posted(self, path: str) -> list[Any]:
        return [body for where, body in self.received if where == path]

    @property
    def prompt_id(self) -> str:
        return str(self.posted("/prompt")[0]["prompt_id"])

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "POST":
            self.received.append((path, body))
            if path == "/prompt" and self.refusal is not None:
                return 400, self.refusal
            return 200, {"prompt_id": body.get("prompt_id"), "number": 1, "node_errors": {}}
        place = self.places[0]
        if path == "/queue":
            if len(self.places) > 1:
                self.places.pop(0)
            mine, other = [5, self.prompt_id, {}], [4, "another", {}]
            running = {"running": [mine], "second": [[3, "third", {}]]}.get(place, [])
            return 200, {"queue_running": running, "queue_pending": [mine, other] if place == "second" else []}
        return 200, {self.prompt_id: self.entry} if place == "done" else {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        comfy = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, value = comfy.answer(self.command, self.path, json.loads(body) if body else None)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def comfyui(request: pytest.FixtureRequest) -> Iterator[ComfyUI]:
    comfy = ComfyUI(*request.param[0], **request.param[1])
    yield comfy
    comfy.stop()


def serving(*places: str, **options: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("comfyui", [(places, options)], indirect=True, ids=["comfyui"])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, encoding="utf-8", timeout=60, env=environment()
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1"}


def specs_of(node: dict[str, Any]) -> dict[str, Any]:
    """Type and limits of every input that a node of that class has."""
    groups = CONTRACT[node["class_type"]]["inputs"].values()
    return {name: spec for group in groups for name, spec in group.items()}


def taken_by(node: dict[str, Any], name: str) -> tuple[str, ...]:
    """The types that an input takes; the schema does not tell those of growing sockets."""
    growing = {"shots": ("SORAVIDEO_SHOT",), "videos": ("VIDEO",), "references": ("IMAGE", "VIDEO", "AUDIO")}
    return growing.get(name.split(".")[0]) or (specs_of(node)[name][0],)


def ours(path: Path) -> list[dict[str, Any]]:
    """The example's nodes without ComfyUI's own."""
    return [node for node in json.loads(path.read_text("utf-8")).values() if node["class_type"] in CONTRACT]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
class TestExample:
    def test_gives_every_input_that_its_nodes_have(self, path):
        for node in ours(path):
            order = CONTRACT[node["class_type"]]["order"]
            specs = specs_of(node)
            # the page leaves out sockets that nothing is connected to
            widgets = [name for name in (*order["required"], *order.get("optional", [])) if specs[name][0] in KINDS]
            assert [name for name in node["inputs"] if name in widgets] == widgets
            assert {name.split(".")[0] for name in node["inputs"]} <= set(specs)
            assert node["_meta"]["title"] == CONTRACT[node["class_type"]]["display_name"]

    def test_gives_only_values_that_they_take(self, path):
        for node in ours(path):
            for name, value in node["inputs"].items():
                if isinstance(value, list):
                    continue
                kind, limits = specs_of(node)[name]
                assert type(value) in KINDS[kind], name
                assert value in limits.get("options", [value]), name
                assert limits.get("min", value) <= value <= limits.get("max", value), name

    def test_links_only_outputs_to_inputs_of_their_type(self, path):
        prompt = json.loads(path.read_text("utf-8"))
        for node in ours(path):
            for name, value in node["inputs"].items():
                if isinstance(value, list) and prompt[value[0]]["class_type"] in CONTRACT:
                    given = CONTRACT[prompt[value[0]]["class_type"]]["outputs"][value[1]][0]
                    assert given in taken_by(node, name), name

    def test_costs_nothing(self, path):
        assert {node["inputs"]["profile"] for node in ours(path) if "profile" in node["inputs"]} == {"preview"}


@serving("done")
def test_a_prompt_goes_to_the_node_that_has_one_and_links_stay(comfyui):
    path = FIRST.parent / "enhance_prompt.json"
    done = run(str(path), "--server", comfyui.url, "--prompt", "a fox", "--seed", "9")
    assert done.returncode == 0, done.stderr
    sent = {node["class_type"]: node["inputs"] for node in comfyui.posted("/prompt")[0]["prompt"].values()}
    assert sent["SoraVideo_EnhancePrompt"]["prompt"] == "a fox"
    assert isinstance(sent["SoraVideo_Text2Video"]["prompt"], list)
    assert sent["SoraVideo_Text2Video"]["seed"] == 9


@pytest.mark.parametrize("name", ["remix.json", "quota.json"])
@serving("done")
def test_a_prompt_for_none_or_several_nodes_is_refused(comfyui, name):
    done = run(str(FIRST.parent / name), "--server", comfyui.url, "--prompt", "a fox")
    assert done.returncode == 2
    assert "one node has a prompt" in done.stderr
    assert comfyui.posted("/prompt") == []


@serving("second", "running", "done")
def test_the_script_prints_file_job_and_address_and_tells_where_the_prompt_is(comfyui):
    done = run("--server", comfyui.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "/comfy/output/video/sora_00001_.mp4",
        "job_1",
        f"{comfyui.url}/view?filename=sora_00001_.mp4&subfolder=video&type=output",
    ]
    assert done.stderr.splitlines() == ["waiting, position 2", "running"]
    assert comfyui.posted("/prompt")[0]["prompt"] == json.loads(FIRST.read_text("utf-8"))


@serving("done")
def test_prompt_and_seed_replace_those_of_the_file(comfyui, tmp_path):
    example = {"7": {"class_type": "SoraVideo_Text2Video", "inputs": {"prompt": "a", "profile": "preview", "seed": 1}}}
    example["8"] = {"class_type": "PreviewAny", "inputs": {"prompt": "untouched"}}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(example), "utf-8")
    assert run(str(path), "--server", comfyui.url + "/", "--prompt", "纸船", "--seed", "9").returncode == 0
    sent = comfyui.posted("/prompt")[0]["prompt"]
    assert sent["7"]["inputs"] == {"prompt": "纸船", "profile": "preview", "seed": 9}
    assert sent["8"]["inputs"] == {"prompt": "untouched"}


REFUSAL = {
    "error": {"type": "x", "message": "Prompt outputs failed validation", "details": "", "extra_info": {}},
    "node_errors": {
        "1": {
            "errors": [{"type": "y", "message": "Value -2 smaller than min of 0", "details": "seed"}],
            "dependent_outputs": ["1"],
            "class_type": "SoraVideo_Text2Video",
        }
    },
}


@serving("done", refusal=REFUSAL)
def test_a_refused_prompt_ends_with_the_servers_words(comfyui):
    done = run("--server", comfyui.url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Prompt outputs failed validation" in done.stderr
    assert "SoraVideo_Text2Video (node 1): Value -2 smaller than min of 0 seed" in done.stderr


@serving("done", refusal=["strange"])
def test_a_refusal_of_another_shape_is_shown_as_it_is(comfyui):
    done = run("--server", comfyui.url)
    assert done.returncode == 2
    assert '["strange"]' in done.stderr


FAILURE = failed(
    "execution_error", node_id="1", node_type="SoraVideo_Text2Video", exception_message="The prompt is empty.\n"
)


@serving("done", entry=FAILURE)
def test_a_failed_node_ends_with_its_own_message(comfyui):
    done = run("--server", comfyui.url)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.strip() == "SoraVideo_Text2Video (node 1): The prompt is empty."


@serving("done", entry=failed("execution_interrupted", node_id="1"))
def test_an_interrupt_from_elsewhere_says_how_to_collect(comfyui):
    done = run("--server", comfyui.url)
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert "nothing is charged again" in done.stderr


@pytest.mark.slow
@serving("gone")
def test_a_prompt_that_was_deleted_is_not_waited_for_forever(comfyui):
    done = run("--server", comfyui.url)
    assert done.returncode == 6
    assert comfyui.prompt_id in done.stderr


def test_a_server_that_is_not_there_is_named():
    done = run("--server", "http://127.0.0.1:9")
    assert done.returncode == 6
    assert "http://127.0.0.1:9" in done.stderr


def test_a_file_that_is_no_prompt_is_refused_before_anything_is_sent(tmp_path):
    path = tmp_path / "workflow.json"
    path.write_text('{"nodes": [], "links": []}', "utf-8")
    done = run(str(path), "--server", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "workflow.json is no API-format prompt" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a console signal cannot be sent to one process there")
@serving("running")
def test_ctrl_c_stops_its_own_prompt_and_no_other(comfyui):
    command = [sys.executable, str(SCRIPT), "--server", comfyui.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", env=environment()) as script:
        assert script.stderr
        assert script.stderr.readline() == "running\n"
        script.send_signal(signal.SIGINT)
        said = script.stderr.read()
        assert script.wait(30) == 130
    assert comfyui.posted("/queue") == [{"delete": [comfyui.prompt_id]}]
    assert comfyui.posted("/interrupt") == [{"prompt_id": comfyui.prompt_id}]
    assert "nothing is charged again" in said


def test_the_script_needs_nothing_but_requests():
    imported = re.findall(r"^(?:import|from) (\w+)", SCRIPT.read_text("utf-8"), flags=re.MULTILINE)
    assert set(imported) - set(sys.stdlib_module_names) == {"requests"}
