"""Image, Enhance Prompt, and Create Character of a connected clip, through POST /prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from comfyui._graphs import Prompt, character, node, plain, t2v
from comfyui._host import Stage, error_of, outputs_of, refusal_of
from PIL import Image


def picture(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Image", **{"prompt": prompt, "profile": "own", "seed": 0, "size": "160x96", **inputs})


def enhance(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_EnhancePrompt", **{"prompt": prompt, "profile": "own", **inputs})


class TestImage:
    def test_gives_the_picture_its_path_and_the_job(self, stage: Stage, tmp_path: Path) -> None:
        saved = tmp_path / "picture.npy"
        prompt = {
            "1": picture("a lighthouse"),
            "9": node("SoraTest_Inspect", save_as=str(saved), frames=["1", 0]),
        }
        outputs = outputs_of(stage.comfy.run(prompt))
        path, job_id = outputs["1"]["text"]
        assert job_id.startswith("job_")
        assert Path(path).parent == stage.comfy.base / "output" / "image"
        (shown,) = outputs["1"]["images"]
        assert shown == {"filename": Path(path).name, "subfolder": "image", "type": "output"}
        frames = numpy.load(saved)
        assert frames.shape == (1, 96, 160, 3)
        with Image.open(path) as image:
            assert numpy.array_equal(numpy.asarray(image.convert("RGB")), numpy.round(frames[0] * 255).astype("uint8"))
            assert json.loads(image.text["prompt"])["1"]["class_type"] == "SoraVideo_Image"

    def test_is_charged_once(self, stage: Stage) -> None:
        before = stage.gateway.charges
        paths = {
            outputs_of(stage.comfy.run({"1": picture("once", filename_prefix=prefix)}))["1"]["text"][0]
            for prefix in ("a/b", "c/d")
        }
        assert len(paths) == 1
        assert stage.gateway.charges == before + 1

    def test_is_no_video_that_resume_job_could_hand_out(self, stage: Stage) -> None:
        made = outputs_of(stage.comfy.run({"1": picture("no video")}))["1"]["text"]
        resume = node("SoraVideo_ResumeJob", job_id=made[1], profile="own")
        message = error_of(stage.comfy.run({"1": resume}))["exception_message"]
        assert "made a picture" in message
        assert made[0] in message

    def test_can_be_the_first_frame_of_a_video(self, stage: Stage) -> None:
        video = node(
            "SoraVideo_Image2Video", prompt="it moves", profile="own", seed=0, image=["1", 0], seconds=1, size="160x96"
        )
        outputs_of(stage.comfy.run({"1": picture("first frame"), "2": video}))
        assert stage.gateway.stats()["jobs"][-1]["has_image"] is True

    MISUSE: dict[str, tuple[dict[str, Any], str]] = {  # noqa: RUF012
        "an empty prompt": (picture("  "), "what the picture should show"),
        "a picture to start from": (picture("x", image=["5", 0]), "from text alone"),
        "a profile without pictures": (picture("x", profile="relay"), "cannot do image"),
    }

    @pytest.mark.parametrize("case", MISUSE)
    def test_refuses(self, stage: Stage, case: str) -> None:
        made, words = self.MISUSE[case]
        before = stage.gateway.charges
        assert words in refusal_of(stage.comfy, {"1": made, "5": plain(64, 64)}, "1")
        assert stage.gateway.charges == before


class TestEnhancePrompt:
    def test_gives_and_shows_the_prompt_and_is_charged_once(self, stage: Stage) -> None:
        before = stage.gateway.charges
        for prefix in ("e/a", "e/b"):
            graph: Prompt = {"1": enhance("a cat", level="short"), "2": t2v(["1", 0], filename_prefix=prefix)}  # type: ignore[arg-type]
            (text,) = outputs_of(stage.comfy.run(graph))["1"]["text"]
        assert text.startswith("a cat. ")
        assert "PREVIEW" in text
        assert stage.gateway.stats()["jobs"][-1]["prompt"] == text
        assert stage.gateway.charges == before + 2

    def test_is_refused_where_no_text_model_is_named(self, stage: Stage) -> None:
        assert "cannot do enhance prompt" in refusal_of(stage.comfy, {"1": enhance("a cat", profile="relay")}, "1")


class TestCharacterOfAClip:
    def test_uploads_the_part_once(self, stage: Stage) -> None:
        clip = t2v("Mia turns", seconds=5)
        outputs_of(stage.comfy.run({"1": clip}))
        before = stage.gateway.charges
        for name in ("Mia", "Mia"):
            made = character(profile="own", name=name, video=["1", 0], start=1.0, end=4.0)
            graph = {"1": clip, "2": made, "3": t2v("Mia waves", character=["2", 0])}
            text = outputs_of(stage.comfy.run(graph))["2"]["text"][0]
        assert text.startswith("Mia · char_")
        assert stage.gateway.stats()["jobs"][-1]["cast"] == "Mia"
        assert stage.gateway.charges == before + 2

    def test_takes_frames_that_were_made_into_a_video(self, stage: Stage) -> None:
        graph = {
            "1": plain(64, 64, 60),
            "2": node("CreateVideo", images=["1", 0], fps=24.0),
            "3": character(profile="own", name="Blue", video=["2", 0], start=0.0, end=2.5),
        }
        assert outputs_of(stage.comfy.run(graph))["3"]["text"][0].startswith("Blue · char_")

    def test_of_a_part_outside_of_the_clip_is_refused(self, stage: Stage) -> None:
        before = stage.gateway.charges
        graph = {
            "1": plain(64, 64, 60),
            "2": node("CreateVideo", images=["1", 0], fps=24.0),
            "3": character(profile="own", name="Late", video=["2", 0], start=1.0, end=4.0),
        }
        error = error_of(stage.comfy.run(graph))
        assert error["node_id"] == "3"
        assert "only 2.50 s long" in error["exception_message"]
        assert stage.gateway.charges == before

    def test_is_refused_where_the_profile_takes_no_uploads(self, stage: Stage) -> None:
        graph = {
            "1": plain(64, 64, 60),
            "2": node("CreateVideo", images=["1", 0], fps=24.0),
            "3": character(name="No", video=["2", 0]),
        }
        assert "from the clip itself" in refusal_of(stage.comfy, graph, "3")
