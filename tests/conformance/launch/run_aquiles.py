"""Aquiles-Image's own application, with a pipeline that copies a clip. Its configuration lies in XDG_DATA_HOME."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import engine
from platformdirs import user_data_dir
from stand_ins import stand_in

stand_in("torch", "transformers", "diffusers", "peft", "bitsandbytes", "gguf", "outlines", "accelerate")


class HastyAsyncio:
    """Its five seconds of made-up progress before each job pass quickly."""

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)


class Pipeline:
    pipeline = None

    def start(self) -> None:
        self.pipeline = self

    def generate(self, prompt: str, save_result_path: str, image: object = None, **rest: object) -> None:
        engine.generate(prompt, save_result_path, has_image=image is not None, seconds=rest.get("seconds"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--model", default="wan2.2")
    asked = parser.parse_args()
    folder = Path(user_data_dir("aquiles", "Aquiles-Image"))
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model": asked.model, "allows_api_keys": [asked.key] if asked.key else [], "allows_users": []}
    (folder / "aquiles_image_config.json").write_text(json.dumps(config), "utf-8")

    from aquilesimage.pipelines import video

    class Init:
        def __init__(self, model: str) -> None:
            pass

        def initialize_pipeline(self) -> Pipeline:
            return Pipeline()

    video.ModelVideoPipelineInit = Init
    import uvicorn
    from aquilesimage.main import app
    from aquilesimage.utils import task

    task.asyncio = HastyAsyncio()

    uvicorn.run(app, host="127.0.0.1", port=asked.port, log_level="info")


if __name__ == "__main__":
    main()
