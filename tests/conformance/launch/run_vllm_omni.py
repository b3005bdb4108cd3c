"""vLLM-Omni's own router, form parser, stores and error handlers, and vLLM's key check and list of models; the engine
hands out a clip.
"""

from __future__ import annotations

import argparse
import asyncio
from types import SimpleNamespace
from typing import Any

import engine
from stand_ins import stand_in

stand_in(
    "torch", "transformers", "diffusers", "huggingface_hub", "safetensors", "numpy", "soundfile", "librosa", "av",
    "vllm", "vllm_omni", "PIL.ImageCms", "model_hosting_container_standards",
    keep=(
        "vllm.entrypoints.openai.models.api_router",
        "vllm.entrypoints.openai.models.protocol",
        "vllm.entrypoints.openai.models.serving",
        "vllm.entrypoints.serve.exception_handling",
        "vllm.entrypoints.serve.engine.protocol",
        "vllm.entrypoints.serve.lora",
        "vllm.entrypoints.serve.middleware.authenticate",
        "vllm.exceptions",
        "vllm.v1.engine.exceptions",
        "vllm_omni.config.server_settings",
        "vllm_omni.entrypoints.openai.api_server",
        "vllm_omni.entrypoints.openai.app_state",
        "vllm_omni.entrypoints.openai.errors",
        "vllm_omni.entrypoints.openai.image_api_utils",
        "vllm_omni.entrypoints.openai.protocol",
        "vllm_omni.entrypoints.openai.serving_video",
        "vllm_omni.entrypoints.openai.storage",
        "vllm_omni.entrypoints.openai.stores",
        "vllm_omni.entrypoints.openai.utils",
        "vllm_omni.entrypoints.openai.video",
        "vllm_omni.entrypoints.openai.video_api_utils",
        "vllm_omni.entrypoints.serve.utils.errors",
        "vllm_omni.errors",
        "vllm_omni.inputs.data",
    ),
)  # fmt: skip


def application(model: str, key: str) -> Any:
    """The parts of `vllm.entrypoints.launchers.app.build_app` that videos meet, in its order."""
    from fastapi import FastAPI
    from vllm.entrypoints.openai.models import serving
    from vllm.entrypoints.openai.models.protocol import BaseModelPath
    from vllm.entrypoints.serve.engine import protocol
    from vllm.entrypoints.serve.exception_handling import error_response
    from vllm.entrypoints.serve.exception_handling.register import init_exception_handler
    from vllm.entrypoints.serve.lora import api_router
    from vllm.entrypoints.serve.middleware.authenticate import AuthenticationMiddleware
    from vllm_omni.entrypoints.openai import api_server, serving_video
    from vllm_omni.entrypoints.serve.utils.errors import _register_omni_exception_handlers

    api_server.VIDEO_ABORT_TIMEOUT_S = 2.0

    def listed(value: Any) -> list[Any]:
        return [] if value is None else value if isinstance(value, list) else [value]

    class Video(serving_video.OmniOpenAIServingVideo):
        supports_mixed_reference_inputs = True  # as MiniMax H3 has it

        async def generate_video_bytes(self, request: Any, reference_id: str, **references: Any) -> Any:
            started = references.get("on_started")
            if started:
                await started()
            facts = request.model_dump(exclude_none=True, mode="json")
            for name in ("image_reference", "video_reference", "audio_reference"):
                facts.pop(name, None)
            prompt = facts.pop("prompt")
            images = listed(getattr(references.get("reference_image"), "data", None))
            clips = listed(getattr(references.get("reference_video"), "data", None))
            sounds = listed(getattr(references.get("reference_audio"), "path", None))
            facts |= {"has_image": bool(images), "images": len(images)}
            facts["media"] = [*map(engine.pixels, images), *map(engine.of_file, (*clips, *sounds))]
            made = await asyncio.to_thread(engine.generate, prompt, None, **facts)
            return made, engine.STAGES, engine.PEAK_MB, None, {}

    async def taken(*lora: Any) -> bool:
        return True

    async def is_json() -> None:
        pass

    class Engine:
        async def abort(self, request_id: str, timeout: float) -> None:
            pass

    protocol.random_uuid = lambda: "0" * 32
    # as with a language model in front, `VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`, and `--lora-modules film=/loras/film`
    front = SimpleNamespace(model_config=SimpleNamespace(max_model_len=4096), renderer=None, input_processor=None)
    front.add_lora = taken
    serving.create_error_response = error_response.create_error_response
    serving.LoRARequest = lambda **facts: SimpleNamespace(path=facts["lora_path"], base_model_name=None, **facts)
    models = serving.OpenAIServingModels(front, [BaseModelPath(name=model, model_path=f"/models/{model}")])
    film = serving.LoRARequest(lora_name="film", lora_int_id=0, lora_path="/loras/film")
    models.lora_requests = {film.lora_name: film}
    api_router.envs.VLLM_ALLOW_RUNTIME_LORA_UPDATING = True
    api_router.validate_json_request = is_json

    app = FastAPI()
    init_exception_handler(app)
    app.add_middleware(AuthenticationMiddleware, tokens=[key])
    app.include_router(api_server.router)
    api_router.attach_router(app)
    _register_omni_exception_handlers(app)
    app.state.openai_serving_video = Video(Engine(), model)
    app.state.openai_serving_models = models
    app.state.api_server_count = 1
    app.state.args = SimpleNamespace(log_error_stack=False)
    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--model", required=True)
    asked = parser.parse_args()
    import uvicorn

    uvicorn.run(application(asked.model, asked.key), host="127.0.0.1", port=asked.port)


if __name__ == "__main__":
    main()
