"""FastVideo's own application, with a generator that hands out a clip."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import Any

import engine
from stand_ins import stand_in

stand_in(
    "torch", "transformers", "diffusers", "numpy", "imageio", "fastvideo",
    keep=("fastvideo.entrypoints.openai", "fastvideo.api"),
)  # fmt: skip


class Generator:
    def generate_video(self, prompt: str = "", **asked: Any) -> Any:
        facts = {name: asked.get(name) for name in ("width", "height", "num_frames", "fps", "seed", "guidance_scale")}
        told = {name: value for name, value in asked.items() if name not in ("output_path", "image_path")}
        image = asked.get("image_path")
        facts |= {"has_image": bool(image), "media": [engine.of_file(image)] if image else [], "told": told}
        engine.generate(prompt, asked["output_path"], **facts)
        return engine.Result()

    def shutdown(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    asked = parser.parse_args()
    import uvicorn
    from fastvideo.entrypoints.openai import api_server

    class Loader:
        @staticmethod
        def from_fastvideo_args(args: Any) -> Generator:
            return Generator()

    api_server.VideoGenerator = Loader
    app = api_server.create_app(SimpleNamespace(model_path=asked.model, num_gpus=1), output_dir="outputs")
    uvicorn.run(app, host="127.0.0.1", port=asked.port)


if __name__ == "__main__":
    main()
