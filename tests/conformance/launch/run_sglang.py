"""SGLang diffusion's own video and model routes, stores and answers; the scheduler behind them hands out a clip.

What the scheduler's side would work out of a request (frames, sides, a seed) is worked out here in the plainest way.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import engine
from stand_ins import stand_in

_SERVED = "sglang.multimodal_gen.runtime.entrypoints"
stand_in(
    "torch", "transformers", "diffusers", "huggingface_hub", "safetensors", "zmq", "numpy", "imageio", "sglang",
    keep=(
        f"{_SERVED}.http_server",
        f"{_SERVED}.openai.common_api",
        f"{_SERVED}.openai.protocol",
        f"{_SERVED}.openai.storage",
        f"{_SERVED}.openai.stores",
        f"{_SERVED}.openai.utils",
        f"{_SERVED}.openai.video_api",
        "sglang.multimodal_gen.runtime.utils.common",
        "sglang.multimodal_gen.runtime.utils.image_io",
        "sglang.srt.utils.json_response",
        "sglang.version",
    ),
)  # fmt: skip


ELSEWHERE = {"input_reference", "output_path", "video_path"}  # in the journal


class Sampling(SimpleNamespace):
    prompt_optional = False

    @staticmethod
    def video_request_extra_fields() -> frozenset[str]:
        return frozenset()

    def output_file_path(self) -> str:
        return self.output_file_paths()[0]

    def output_file_paths(self) -> list[str]:
        folder = Path(self.output_path or "outputs")
        if self.num_outputs == 1:
            return [str(folder / f"{self.request_id}.mp4")]
        return [str(folder / f"{self.request_id}_{number}.mp4") for number in range(self.num_outputs)]

    def prepare_video_request_for_queue(self, batch: Any) -> None:
        pass

    def expand_video_request_outputs_for_queue(self, batch: Any) -> list[Any]:
        return []

    def project_video_queued_job_fields(self, batch: Any) -> dict[str, Any]:
        return {}

    def validate_video_final_outputs(self, paths: list[str], batch: Any) -> dict[str, Any]:
        return {}


class Loras:
    """What the scheduler's side keeps of them: `LoRAPipeline.get_lora_status` says it in this shape."""

    def __init__(self) -> None:
        self._paths = {"default": "loras/default.safetensors"}
        self._used: list[tuple[str, float]] = []

    async def forward(self, asked: Any) -> Any:
        if asked.name == "SetLoraReq":
            for name, path in zip(asked.lora_nickname, asked.lora_path, strict=True):
                if path is None and name not in self._paths:
                    return SimpleNamespace(error=f"adapter {name} is not loaded", output=None)
                self._paths.setdefault(name, path)
            self._used = list(zip(asked.lora_nickname, asked.strength, strict=True))
        if asked.name == "UnmergeLoraWeightsReq":
            self._used = []
        names, strengths = ([each[at] for each in self._used] for at in (0, 1))
        status = {
            "loaded_adapters": [{"nickname": name, "path": path} for name, path in self._paths.items()],
            "active": {"transformer": [{"nicknames": names, "strengths": strengths}]} if names else {},
        }
        return SimpleNamespace(error=None, output=status)


def application(model: str) -> Any:
    server = SimpleNamespace(
        model_path=model, served_model_name=model, enable_metrics=False,
        input_save_path="uploads", output_path="outputs",
        pipeline_config=SimpleNamespace(
            supports_action_endpoint=lambda: False, supports_openpi_endpoint=lambda: False,
            task_type=SimpleNamespace(name="T2V"), dit_precision="bf16", vae_precision="bf16",
            get_supported_task_types=lambda: [SimpleNamespace(name="T2V"), SimpleNamespace(name="I2V")],
        ),
        num_gpus=1, pipeline_class_name=None,
    )  # fmt: skip
    from fastapi import APIRouter
    from sglang.multimodal_gen.runtime.entrypoints import http_server
    from sglang.multimodal_gen.runtime.entrypoints.openai import common_api, video_api

    nothing_there = SimpleNamespace(router=APIRouter())
    for other in ("image_api", "realtime_video_api", "weights_api", "rollout_api", "action_api", "openpi"):
        setattr(http_server, other, nothing_there)
    sys.modules[f"{_SERVED}.openai"].mesh_api = nothing_there
    http_server.fastapi_telemetry_disabled_kwargs = dict
    http_server.lifespan = None
    http_server.async_scheduler_client = client = SimpleNamespace(failure_reason=None)

    def sampled(request_id: str, asked: Any) -> Sampling:
        width, height = (int(side) for side in (asked.size or "832x480").split("x"))
        fps = asked.fps or 24
        frames = asked.num_frames or fps * (asked.seconds if asked.seconds is not None else 4)
        return Sampling(
            request_id=request_id, prompt=asked.prompt, width=width, height=height, fps=fps, num_frames=frames,
            seed=asked.seed, image_path=asked.input_reference, output_path=asked.output_path,
            guidance_scale=asked.guidance_scale, negative_prompt=asked.negative_prompt,
            media=[engine.of_file(path) for path in (asked.input_reference, asked.video_path) if path],
            told=asked.model_dump(mode="json", exclude_none=True, exclude=ELSEWHERE),
            num_outputs=max(1, min(int(asked.num_outputs_per_prompt or asked.n or 1), 10)),
        )  # fmt: skip

    async def generate(scheduler: Any, batch: Any, **rest: Any) -> Any:
        asked = batch.sampling_params
        facts = {"width": asked.width, "height": asked.height, "seed": asked.seed, "num_frames": asked.num_frames}
        facts |= {"guidance_scale": asked.guidance_scale, "has_image": bool(asked.image_path), "told": asked.told}
        facts |= {"media": asked.media, "negative_prompt": asked.negative_prompt}
        await video_api.VIDEO_STORE.update_fields(asked.request_id, {"status": "in_progress", "progress": 10})
        if "[dies]" in asked.prompt:  # as the scheduler's client says it
            client.failure_reason = "Scheduler worker exited; restart the server."
            raise RuntimeError(client.failure_reason)
        paths = asked.output_file_paths()
        await asyncio.to_thread(engine.generate, asked.prompt, paths[0], **facts)
        for number, path in enumerate(paths[1:], 1):
            Path(path).write_bytes(engine.another(number))
        return paths, engine.Result(peak_memory_mb=engine.PEAK_MB)

    async def as_asked(request: Any, prompt: str, **rest: Any) -> str:
        return prompt

    async def nothing(batch: Any) -> None:
        pass

    def prepared(server_args: Any, sampling_params: Any, **rest: Any) -> Any:
        return SimpleNamespace(sampling_params=sampling_params, extra={}, num_outputs_per_prompt=1)

    common_api.async_scheduler_client = SimpleNamespace(forward=Loras().forward)
    common_api.format_lora_message = lambda *words: ("", "", "")
    for name in ("SetLoraReq", "ListLorasReq", "UnmergeLoraWeightsReq"):
        setattr(common_api, name, lambda name=name, **asked: SimpleNamespace(name=name, **asked))
    video_api.get_global_server_args = common_api.get_global_server_args = lambda: server
    video_api._build_video_sampling_params = sampled
    common_api.get_served_pipeline_class = lambda server_args: None
    video_api.generate_request_id = lambda: str(uuid.uuid4())
    video_api.resolve_sampling_params_cls = lambda server_args: Sampling
    video_api.process_generation_batch = generate
    video_api.maybe_enhance_prompt = as_asked
    video_api._cleanup_video_request = nothing
    video_api.prepare_request = prepared
    video_api.extract_trace_headers = lambda headers: None
    return http_server.create_app(server)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    asked = parser.parse_args()
    import uvicorn

    uvicorn.run(application(asked.model), host="127.0.0.1", port=asked.port)


if __name__ == "__main__":
    main()
