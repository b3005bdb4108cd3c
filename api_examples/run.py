"""Queues an API-format prompt on a running ComfyUI, follows it and prints the files that it made.

    python api_examples/run.py [FILE.json] [--server http://127.0.0.1:8188] [--prompt TEXT] [--seed N]

Needs `requests`, nothing of this pack: copy it wherever it is of use. Progress goes to stderr, results to
stdout. Exit codes: 0 done, 2 refused before it was queued, 4 a node failed, 6 the server cannot be reached,
130 interrupted.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

EXAMPLE = Path(__file__).resolve().parent / "text_to_video.json"
LOOK_SECONDS = 0.5
LOOKS_UNTIL_LOST = 10  # in a row that neither the queue nor the history knows the prompt

GOES_ON = (
    "A video job that was sent to its server goes on there, and is paid for. Run this script again with the same "
    "prompt and seed to collect its video: nothing is charged again. `python -m sora_core jobs` lists all jobs."
)


class Failed(Exception):
    """Ends the script with this message and exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Server:
    """A ComfyUI, by its HTTP routes."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # a proxy from the environment cannot reach this machine's own server
        self._session.trust_env = not _is_local(self.url)

    def get(self, path: str) -> Any:
        return self._send("GET", path).json()

    def post(self, path: str, body: Any) -> requests.Response:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Any = None) -> requests.Response:
        try:
            reply = self._session.request(method, self.url + path, json=body, timeout=(10, 60))
        except requests.RequestException as error:
            raise Failed(f"ComfyUI at {self.url} cannot be reached: {error}", 6) from error
        if reply.status_code == 400 and path == "/prompt":
            raise Failed(_refusal(reply), 2)
        if not reply.ok:
            raise Failed(f"{method} {path}: HTTP {reply.status_code} {reply.text[:500]}", 6)
        return reply


def main() -> int:
    arguments = _arguments()
    server, prompt_id = Server(arguments.server), None
    try:
        prompt = load(arguments.file, text=arguments.prompt, seed=arguments.seed)
        # our own id, so that Ctrl-C during the very request knows what to interrupt
        prompt_id = str(uuid.uuid4())
        server.post("/prompt", {"prompt": prompt, "prompt_id": prompt_id, "client_id": str(uuid.uuid4())})
        for line in results(server, follow(server, prompt_id)):
            print(line)
        return 0
    except Failed as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        if prompt_id:
            interrupt(server, prompt_id)
        return 130


def load(path: Path, *, text: str | None, seed: int | None) -> dict[str, Any]:
    """The prompt of the file, with another text for the one Sora node that has one, another seed for all of them.

    An input that comes over a link stays linked.
    """
    try:
        prompt: dict[str, Any] = json.loads(path.read_text("utf-8"))
        nodes = {name: node["inputs"] for name, node in prompt.items() if node["class_type"].startswith("SoraVideo_")}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise Failed(f"{path} is no API-format prompt: {error!r}", 2) from error
    written = [name for name, inputs in nodes.items() if isinstance(inputs.get("prompt"), str)]
    if text is not None and len(written) != 1:
        which = f"the nodes {', '.join(written)} have" if written else "no Sora node has"
        raise Failed(f"--prompt is for a file in which one node has a prompt; in {path} {which} one. Edit the file.", 2)
    for name in written if text is not None else ():
        nodes[name]["prompt"] = text
    for inputs in nodes.values():
        if seed is not None and isinstance(inputs.get("seed"), int):
            inputs["seed"] = seed
    return prompt


def follow(server: Server, prompt_id: str) -> dict[str, Any]:
    """The prompt's history entry, once it has one."""
    told, lost = "", 0
    while True:
        history = server.get(f"/history/{prompt_id}")
        if prompt_id in history:
            return dict(history[prompt_id])
        place = _place(server.get("/queue"), prompt_id)
        lost = 0 if place else lost + 1
        if lost > LOOKS_UNTIL_LOST:
            raise Failed(f"ComfyUI does not know prompt {prompt_id} any more; was it deleted? {GOES_ON}", 6)
        if place and place != told:
            say(place)
            told = place
        time.sleep(LOOK_SECONDS)


def _place(queue: dict[str, Any], prompt_id: str) -> str:
    """Where the prompt is, in words; empty when it is in neither half of the queue."""
    if any(item[1] == prompt_id for item in queue["queue_running"]):
        return "running"
    waiting = [item[1] for item in sorted(queue["queue_pending"], key=lambda item: item[0])]
    return f"waiting, position {waiting.index(prompt_id) + 1}" if prompt_id in waiting else ""


def results(server: Server, entry: dict[str, Any]) -> list[str]:
    """Every output node's texts (file and job id) and the addresses of its files. Raises Failed."""
    status = entry.get("status") or {}
    for kind, data in status.get("messages") or []:
        if kind == "execution_error":
            where = f"{data.get('node_type')} (node {data.get('node_id')})"
            raise Failed(f"{where}: {str(data.get('exception_message', '')).strip()}", 4)
        if kind == "execution_interrupted":
            raise Failed(f"The prompt was interrupted. {GOES_ON}", 130)
    if status.get("status_str", "success") != "success":
        raise Failed("The prompt failed, and ComfyUI gave no reason.", 4)
    lines = []
    for output in entry["outputs"].values():
        lines += [str(text) for text in output.get("text", ()) if text]
        lines += [f"{server.url}/view?{urlencode(file)}" for file in output.get("images", ())]
    return lines


def interrupt(server: Server, prompt_id: str) -> None:
    """Stops this prompt and no other: one that waits leaves the queue, one that runs is interrupted."""
    try:
        server.post("/queue", {"delete": [prompt_id]})
        server.post("/interrupt", {"prompt_id": prompt_id})
        say(f"Interrupted. {GOES_ON}")
    except Failed as error:
        say(f"The prompt could not be interrupted: {error}")


def _refusal(reply: requests.Response) -> str:
    """Why ComfyUI did not take the prompt: its own words, node by node."""
    try:
        body = reply.json()
        lines = [
            f"  {node['class_type']} (node {node_id}): {_line(error)}"
            for node_id, node in (body.get("node_errors") or {}).items()
            for error in node["errors"]
        ]
        lines.insert(0, body["error"]["message"] if lines else _line(body["error"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"ComfyUI refused the prompt: {reply.text[:500]}"
    return "ComfyUI refused the prompt: " + "\n".join(lines)


def _line(error: Any) -> str:
    return " ".join(filter(None, (error["message"], error.get("details")))) if isinstance(error, dict) else str(error)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Queue an API-format prompt on a running ComfyUI and print its files.")
    parser.add_argument("file", nargs="?", type=Path, default=EXAMPLE, metavar="FILE.json")
    parser.add_argument("--server", default="http://127.0.0.1:8188", metavar="URL")
    parser.add_argument("--prompt", metavar="TEXT", help="replaces the prompt of the Sora nodes")
    parser.add_argument("--seed", type=int, metavar="N", help="replaces their seed: another one is a new, paid take")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
