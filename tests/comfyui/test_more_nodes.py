"""Image to Video, Storyboard, Shot, Remix, Create Character and Remove Watermark, through POST /prompt."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy
import pytest
from comfyui._graphs import Prompt, board, character, clean, i2v, node, plain, remix, shot, t2v
from comfyui._host import Stage, error_of, outputs_of
from PIL import Image

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "contract.json"


def striped(stage: Stage) -> dict[str, Any]:
    """Three times as wide as the video: red, green, red."""
    picture = Image.new("RGB", (960, 180), (255, 0, 0))
    picture.paste((0, 255, 0), (300, 0, 660, 180))
    picture.save(stage.comfy.base / "input" / "striped.png")
    return node("LoadImage", image="striped.png")


def job(stage: Stage) -> dict[str, Any]:
    """The gateway's newest."""
    return stage.gateway.stats()["jobs"][-1]


class TestImageToVideo:
    def test_sends_the_image_fitted_to_the_size_that_is_asked_for(self, stage: Stage) -> None:
        outputs = outputs_of(stage.comfy.run({"1": plain(640, 640), "2": i2v("a boat", image=["1", 0])}))
        path, job_id, note = outputs["2"]["text"]
        assert Path(path).is_file()
        assert job_id.startswith("job_")
        assert re.fullmatch(r"reference 640x640 → 320x180 \(crop\), PNG [\d.]+ (KiB|bytes)", note)
        assert job(stage)["has_image"] is True
        assert job(stage)["size"] == "320x180"

    @pytest.mark.parametrize(
        ("fit", "red"), [("crop", (0, 0.02)), ("letterbox", (0.03, 0.3)), ("stretch", (0.15, 0.9))]
    )
    def test_fits_as_it_is_told(self, stage: Stage, tmp_path: Path, fit: str, red: tuple[float, float]) -> None:
        saved = tmp_path / "frames.npy"
        prompt = {
            "1": striped(stage),
            "2": i2v(f"fit {fit}", image=["1", 0], fit=fit),
            "9": node("SoraTest_Inspect", save_as=str(saved), frames=["2", 1]),
        }
        outputs_of(stage.comfy.run(prompt))
        frames = numpy.load(saved)
        share = ((frames[..., 0] > 0.4) & (frames[..., 1] < 0.2) & (frames[..., 2] < 0.2)).mean()
        assert red[0] <= share <= red[1]

    def test_shows_the_fitted_image_and_its_size_on_the_node(self, stage: Stage) -> None:
        told = stage.comfy.run_watched({"1": plain(640, 640), "2": i2v("shown", image=["1", 0])})
        pictures = [each["data"] for each in told if each["type"] == "sora_video.picture"]
        assert pictures[0]["text"].startswith("reference 640x640 → 320x180 (crop)")
        assert [each["node"] for each in pictures] == ["2"]
        shown = Image.open(io.BytesIO(base64.b64decode(pictures[0]["picture"].removeprefix("data:image/jpeg;base64,"))))
        assert shown.size == (320, 180)

    def test_takes_a_picture_with_alpha(self, stage: Stage) -> None:
        prompt = {
            "1": plain(320, 180),
            "2": node("SolidMask", value=0.5, width=320, height=180),
            "3": node("JoinImageWithAlpha", image=["1", 0], alpha=["2", 0]),
            "4": i2v("alpha", image=["3", 0]),
        }
        assert outputs_of(stage.comfy.run(prompt))["4"]["text"][2].startswith("reference 320x180, PNG")

    def test_the_same_image_is_paid_once_and_another_fit_of_it_is_another_request(self, stage: Stage) -> None:
        before = stage.gateway.charges
        for prefix, fit in (("a/b", "crop"), ("c/d", "crop"), ("c/d", "letterbox")):
            made = i2v("paid once", image=["1", 0], fit=fit, filename_prefix=prefix)
            outputs_of(stage.comfy.run({"1": plain(640, 640), "2": made}))
        # one colour: cut it is all of that colour, with bars it is not
        assert stage.gateway.charges == before + 2

    def test_the_preview_takes_an_image_without_any_optional_input(self, stage: Stage) -> None:
        made = node("SoraVideo_Image2Video", prompt="bare", profile="preview", seed=0, image=["1", 0])
        outputs = outputs_of(stage.comfy.run({"1": plain(64, 64), "2": made}))
        assert "→ 1280x720 (crop)" in outputs["2"]["text"][2]


class TestStoryboard:
    def test_a_script_is_sent_as_its_shots(self, stage: Stage) -> None:
        script = "# opening\n[1s] a door opens\n\n2s：rain on a window,\nseen from inside\n"
        outputs_of(stage.comfy.run({"1": board(script, prompt="in film noir")}))
        assert (job(stage)["shots"], job(stage)["seconds"]) == (2, 3)
        assert job(stage)["prompt"] == "in film noir"

    def test_sockets_are_sent_in_their_order(self, stage: Stage) -> None:
        prompt: Prompt = {str(n): shot(f"shot {n}", 0.5) for n in range(1, 13)}
        sockets = {f"shots.shot{n}": [str(n + 1), 0] for n in range(12)}
        prompt["20"] = board(**sockets)
        path = Path(outputs_of(stage.comfy.run(prompt))["20"]["text"][0])
        assert (job(stage)["shots"], job(stage)["seconds"]) == (12, 6)
        # the script of the same shots is the same request: the order is that of the sockets
        before = stage.gateway.charges
        script = "".join(f"[0.5s] shot {n}\n" for n in range(1, 13))
        outputs = outputs_of(stage.comfy.run({"1": board(script)}))
        assert outputs["1"]["text"][0] == str(path)
        assert stage.gateway.charges == before

    def test_json_is_a_script_too(self, stage: Stage) -> None:
        script = json.dumps([{"text": "a door", "seconds": 1}, {"text": "a window", "seconds": 1.0}])
        outputs_of(stage.comfy.run({"1": board(script)}))
        assert (job(stage)["shots"], job(stage)["seconds"]) == (2, 2)


class TestRemix:
    def test_goes_on_from_a_job_of_the_same_graph(self, stage: Stage) -> None:
        outputs = outputs_of(stage.comfy.run({"1": t2v("a source"), "2": remix("at night", ["1", 5])}))
        source = json.loads(Path(outputs["1"]["text"][0]).with_suffix(".json").read_text("utf-8"))["remote_id"]
        assert job(stage)["remix_of"] == source
        assert Path(outputs["2"]["text"][0]).is_file()

    def test_takes_the_servers_own_id(self, stage: Stage) -> None:
        path = outputs_of(stage.comfy.run({"1": t2v("another source")}))["1"]["text"][0]
        remote_id = json.loads(Path(path).with_suffix(".json").read_text("utf-8"))["remote_id"]
        outputs_of(stage.comfy.run({"1": remix("at dawn", remote_id)}))
        assert job(stage)["remix_of"] == remote_id

    def test_refuses_a_job_of_another_profile_naming_its_owner(self, stage: Stage) -> None:
        foreign = outputs_of(stage.comfy.run({"1": t2v("theirs", profile="preview")}))["1"]["text"][1]
        before = stage.gateway.charges
        error = error_of(stage.comfy.run({"1": remix("mine", foreign)}))
        assert "belongs to profile 'preview', not to 'own'" in error["exception_message"]
        assert stage.gateway.charges == before


class TestCharacter:
    CLIP = "https://a.example/anna.mp4"

    def test_is_made_from_an_address_and_shown_by_name_id_and_username(self, stage: Stage) -> None:
        prompt = {
            "1": character(name="anna", video_url=self.CLIP, start=1.0, end=3.0),
            "9": node("SoraTest_Inspect", save_as="", text=["1", 1]),
        }
        outputs = outputs_of(stage.comfy.run(prompt))
        name, character_id, username = outputs["1"]["text"][0].split(" · ")
        assert name == "anna"
        assert character_id == json.loads(outputs["9"]["seen"][0])["text"]
        assert username.startswith("@")

    def test_plays_in_a_storyboard_connected_or_by_name_for_one_payment(self, stage: Stage) -> None:
        made = character(name="bea", video_url=self.CLIP)
        script = "[4s] she enters\n[6s] she sits down"
        before = stage.gateway.charges
        connected = board(script, profile="relay", size="", character=["1", 0])
        path = outputs_of(stage.comfy.run({"1": made, "2": connected}))["2"]["text"][0]
        assert stage.gateway.charges == before + 2
        named = board(script, profile="relay", size="", characters="bea")
        assert outputs_of(stage.comfy.run({"2": named}))["2"]["text"][0] == path
        assert stage.gateway.charges == before + 2

    @pytest.mark.parametrize("by", ["name", "socket"])
    def test_of_another_profile_is_refused_by_name(self, stage: Stage, by: str) -> None:
        made = character(name="cleo", video_url=self.CLIP)
        outputs_of(stage.comfy.run({"1": made}))
        before = stage.gateway.charges
        taken = {"characters": "cleo"} if by == "name" else {"character": ["1", 0]}
        error = error_of(stage.comfy.run({"1": made, "2": board("[2s] a", **taken)}))
        assert error["node_id"] == "2"
        assert "'cleo' belongs to profile 'relay', not to 'own'" in error["exception_message"]
        assert stage.gateway.charges == before

    def test_is_made_from_a_job_within_its_length(self, stage: Stage) -> None:
        source = t2v("a dancer", profile="relay", seconds=10, size="")
        graph = {"1": source, "2": character(name="dora", source_job=["1", 5], start=9.0, end=11.0)}
        error = error_of(stage.comfy.run(graph))
        assert error["node_id"] == "2"
        assert "goes from 9 to 11 s; the clip is only 10.00 s long" in error["exception_message"]
        graph["2"]["inputs"]["end"] = 10.0
        assert outputs_of(stage.comfy.run(graph))["2"]["text"][0].startswith("dora · ch_")


class TestRemoveWatermark:
    def test_fetches_the_clean_rendition_of_a_post(self, stage: Stage) -> None:
        post = "https://posts.example/p/s_0123456789abcdef0123456789abcdef"
        outputs = outputs_of(stage.comfy.run({"1": clean(source=post, profile="links")}))
        assert Path(outputs["1"]["text"][0]).is_file()


@pytest.mark.parametrize("name", sorted(json.loads(GOLDEN.read_text("utf-8"))))
def test_every_input_and_output_has_a_tooltip(stage: Stage, name: str) -> None:
    info = stage.comfy.object_info(name)
    inputs = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
    assert [key for key, spec in inputs.items() if not spec[1].get("tooltip")] == []
    assert len(info["output_tooltips"]) == len(info["output_name"])
    assert all(info["output_tooltips"])
    assert info["description"]
