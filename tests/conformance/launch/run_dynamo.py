"""NVIDIA Dynamo: its own Rust front end, and its own SGLang video worker with a generator that hands out a clip."""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import engine
from stand_ins import stand_in

stand_in(
    "torch", "sglang", "imageio", "transformers", "numpy", "fsspec", "PIL", "kubernetes", "dynamo.common.multimodal"
)

ENDPOINT = "conformance.video.generate"


def front_end(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dynamo.frontend", "--http-host", "127.0.0.1", "--http-port", str(port)]
    return subprocess.Popen([*command, "--discovery-backend", "file", "--request-plane", "tcp"])


async def work(model: str) -> None:
    from dynamo.llm import ModelInput, ModelType, WorkerType, register_model
    from dynamo.runtime import DistributedRuntime
    from dynamo.sglang.request_handlers.video_generation import video_generation_handler as worker

    class Handler(worker.VideoGenerationWorkerHandler):
        def __init__(self) -> None:
            self.enable_trace, self.fs, self.fs_url = False, None, ""

        async def _generate_video(self, prompt: str, **facts: Any) -> bytes:
            facts.pop("request_id")
            reference = facts.pop("input_reference")
            media = [engine.digest(base64.b64decode(reference.partition(",")[2]))] if reference else []
            return await asyncio.to_thread(engine.generate, prompt, has_image=bool(reference), media=media, **facts)

    runtime = DistributedRuntime(asyncio.get_running_loop(), "file", "tcp")
    endpoint = runtime.endpoint(ENDPOINT)
    folder = Path(os.environ["DYN_FILE_KV"]) / "model"
    folder.mkdir(parents=True, exist_ok=True)
    registered = register_model(
        ModelInput.Text, ModelType.Videos, endpoint, str(folder), model, worker_type=WorkerType.Aggregated, needs=[]
    )
    await asyncio.gather(endpoint.serve_endpoint(Handler().generate, graceful_shutdown=False), registered)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--model", default="wan2.2")
    asked = parser.parse_args()
    front = front_end(asked.port)
    try:
        asyncio.run(work(asked.model))
    finally:
        front.terminate()
        front.wait(10)


if __name__ == "__main__":
    main()
