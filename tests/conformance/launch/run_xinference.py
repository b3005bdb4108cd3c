"""Xinference's own REST routes; the supervisor behind them knows one video model, which hands out a clip."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import time
from typing import Any

import engine
from stand_ins import stand_in

stand_in(
    "torch", "transformers", "xoscar", "aioprometheus", "sse_starlette", "opentelemetry", "peft", "huggingface_hub",
    "xinference",
    keep=(
        "xinference._compat",
        "xinference.api.restful_api",
        "xinference.api.responses",
        "xinference.api.routers.models",
        "xinference.api.routers.videos",
        "xinference.api.schemas",
        "xinference.api.utils",
        "xinference.core.exceptions",
    ),
)  # fmt: skip


class Model:
    uid = b"wan"

    async def text_to_video(self, prompt: str, n: int, **asked: Any) -> bytes:
        return await self._made(prompt, (), {**asked, "n": n})

    async def image_to_video(self, image: Any, prompt: str, negative_prompt: Any, n: int, **asked: Any) -> bytes:
        return await self._made(prompt, (image,), {**asked, "n": n, "negative_prompt": negative_prompt})

    async def flf_to_video(self, first_frame: Any, last_frame: Any, prompt: str, **asked: Any) -> bytes:
        return await self._made(prompt, (first_frame, last_frame), asked)

    async def _made(self, prompts: str | list[str] | None, images: tuple[Any, ...], asked: dict[str, Any]) -> bytes:
        prompt, asked["negative_prompt"] = map(_text, (prompts, asked.get("negative_prompt")))
        shape = asked.pop("response_format", "b64_json")
        assert shape == "b64_json", "the other one is a path on the server's own disk"
        media = [engine.pixels(image) for image in images]
        facts = {**asked, "images": len(images), "has_image": bool(images), "media": media}
        clip = await asyncio.to_thread(engine.generate, prompt, None, **facts)
        clips = [clip, *(engine.another(number) for number in range(1, asked["n"]))]  # as DiffusersVideoModel does
        videos = [{"url": None, "b64_json": base64.b64encode(each).decode()} for each in clips]
        return json.dumps({"created": int(time.time()), "data": videos}).encode()


def _text(given: str | list[str] | None) -> str | None:
    """A form's arrives as a list."""
    return given[0] if isinstance(given, list) else given


class Supervisor:
    def __init__(self, model: str) -> None:
        self._model = model

    async def list_models(self) -> dict[str, Any]:
        return {self._model: {"model_name": self._model, "model_type": "video", "model_ability": ["text2video"]}}

    async def get_model(self, uid: str) -> Model:
        if uid != self._model:
            raise ValueError(f"Model not found in the model list, uid: {uid}")
        return Model()


def application(model: str) -> Any:
    from fastapi import APIRouter, FastAPI
    from xinference.api import responses, restful_api, utils
    from xinference.api.routers import videos

    async def supervisor() -> Supervisor:
        return Supervisor(model)

    async def unreported(*words: Any) -> None:
        pass

    responses.json_dumps = lambda value: json.dumps(value).encode()
    utils.get_current_model_request_id = lambda: None
    api = restful_api.RESTfulAPI.__new__(restful_api.RESTfulAPI)
    api._advanced_auth_service = api._auth_service = None
    api._uid_to_model_name = {}
    api._router = APIRouter()
    api._get_supervisor_ref = supervisor
    api._report_error_event = unreported
    api._add_running_task = lambda request_id: None
    api.handle_request_limit_error = lambda error: None
    videos.register_routes(api)
    api._router.add_api_route("/v1/models", api.list_models, methods=["GET"])
    app = FastAPI()
    app.include_router(api._router)
    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    asked = parser.parse_args()
    import uvicorn

    uvicorn.run(application(asked.model), host="127.0.0.1", port=asked.port)


if __name__ == "__main__":
    main()
