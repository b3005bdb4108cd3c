"""Image to Video, Storyboard, Shot, Remix, Create Character and Remove Watermark, through POST /prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from comfyui._host import Refused, Stage, error_of, outputs_of
from PIL import Image

OWN = {"profile": "own", "seed": 0}
SMALL = {"seconds": 2, "size": "320x180"}

Prompt = dict[str, Any]


def node(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def t2v(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Text2Video", **{"prompt": prompt, **OWN, **SMALL, **inputs})


def i2v(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Image2Video", **{"prompt": prompt, **OWN, **SMALL, **inputs})


def board(script: str = "", **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Storyboard", **{"script": script, "prompt": "", **OWN, "size": "320x180", **inputs})


def shot(text: str, seconds: float, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Shot", text=text, seconds=seconds, **inputs)


def remix(prompt: str, source: Any, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Remix", **{"prompt": prompt, **OWN, "source_job": source, **inputs})


def character(**inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_CreateCharacter", **{"profile": "relay", "name": "", **inputs})


def clean(**inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_RemoveWatermark", **{"source": "x", "profile": "own", "confirm_rights": True, **inputs})


def plain(width: int, height: int, count: int = 1) -> dict[str, Any]:
    return node("EmptyImage", width=width, height=height, batch_size=count, color=0x3366CC)


def striped(stage: Stage) -> dict[str, Any]:
    """Three times as wide as the video: red, green, red."""
    picture = Image.new("RGB", (960, 180), (255, 0, 0))
    picture.paste((0, 255, 0), (300, 0, 660, 180))
    picture.save(stage.comfy.base / "input" / "striped.png")
    return node("LoadImage", image="striped.png")


@pytest.fixture(scope="module", autouse=True)
def _relays(stage: Stage) -> None:
    """Profiles whose protocols make characters and clean links."""
    with (stage.home / "profiles.toml").open("a") as file:
        for name, provider in (("relay", "newapi"), ("links", "skyriff")):
            file.write(
                f'[profiles.{name}]\nprovider = "{provider}"\nbase_url = "{stage.gateway.url}/{provider}/v1"\n'
                'key_env = "SORA_TEST_KEY"\npoll_seconds = 0.2\n'
            )


def job(stage: Stage) -> dict[str, Any]:
    """The gateway's newest."""
    return stage.gateway.stats()["jobs"][-1]


class TestImageToVideo:
    def test_sends_the_image_fitted_to_the_size_that_is_asked_for(self, stage: Stage) -> None:
        outputs = outputs_of(stage.comfy.run({"1": plain(640, 640), "2": i2v("a boat", image=["1", 0])}))
        path, job_id, note = outputs["2"]["text"]
        assert Path(path).is_file()
        assert job_id.startswith("job_")
        assert note == "reference 640x640 → 320x180 (crop), PNG 0.0 MiB"
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
        assert any(text.startswith("reference 640x640 → 320x180 (crop)") for text in told if isinstance(text, str))

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


MISUSE: dict[str, tuple[Prompt, str, str]] = {
    "no image": ({"1": i2v("x")}, "1", "needs an image, or the address of one"),
    "tiny image": ({"1": plain(15, 400), "2": i2v("x", image=["1", 0])}, "2", "15x400 pixels; each side must have at"),
    "long image": ({"1": plain(2000, 100), "2": i2v("x", image=["1", 0])}, "2", "at most 10 times the other"),
    "batch": ({"1": plain(64, 64, 3), "2": i2v("x", image=["1", 0])}, "2", "takes 1 reference image(s), not 3"),
    "image and address": (
        {"1": plain(64, 64), "2": i2v("x", image=["1", 0], image_url="https://a.example/b.png")},
        "2",
        "takes no address of an image",
    ),
    "no files": (
        {"1": plain(64, 64), "2": i2v("x", image=["1", 0], profile="relay", size="", seconds=10)},
        "2",
        "takes no image files, only the address",
    ),
    "image before size": (
        {"1": plain(64, 64), "2": i2v("x", image=["1", 0], size="10x10")},
        "2",
        "each side from 64 to 2048",
    ),
    "empty script": ({"1": board("\n# only this\n")}, "1", "has no shots"),
    "script without a length": ({"1": board("a door opens")}, "1", "Line 1 of the script"),
    "odd length": ({"1": board("[1s] a door\n[5] a window")}, "1", "Line 2 of the script, '[5] a window'"),
    "broken json": ({"1": board('[{"text": "a",]')}, "1", "looks like JSON"),
    "sum": (
        {"1": board("[40s] a\n[30.5s] b")},
        "1",
        "add up to 70.5 seconds; profile 'own' makes whole seconds from 1",
    ),
    "fraction": ({"1": board("[1.2s] a\n[1.2s] b")}, "1", "add up to 2.4 seconds"),
    "sum and length": ({"1": board("[3s] a", seconds=4)}, "1", "add up to 3 seconds, but 4 are asked for"),
    "script and sockets": (
        {"1": shot("a", 1), "2": board("[1s] b", **{"shots.shot0": ["1", 0]})},
        "2",
        "Clear the scr",
    ),
    "blank shot": ({"1": shot(" ", 1), "2": board(**{"shots.shot0": ["1", 0]})}, "2", "Shot 1 has no text"),
    "image of a shot": (
        {"0": plain(64, 64), "1": shot("a", 1, image=["0", 0]), "2": board(**{"shots.shot0": ["1", 0]})},
        "2",
        "Shot 1 has an image of its own",
    ),
    "remix of nothing": ({"1": remix("x", " ")}, "1", "needs the job it starts from"),
    "remix of an unknown job": ({"1": remix("x", "job_unknown")}, "1", "There is no job 'job_unknown'"),
    "characters": ({"1": board("[2s] a", characters="anna")}, "1", "anna"),
    "character without a protocol for it": ({"1": character(profile="own")}, "1", "cannot do create character"),
    "character of nothing": ({"1": character()}, "1", "given is none"),
    "character of two": (
        {"1": character(video_url="https://a.example/c.mp4", source_job="job_x")},
        "1",
        "given are video_url and source_job",
    ),
    "character of an upload": (
        {
            "1": plain(64, 64, 4),
            "2": node("CreateVideo", images=["1", 0], fps=4.0),
            "3": character(video=["2", 0]),
        },
        "3",
        "takes no upload of a clip, only its address (video_url)",
    ),
    "character too long": (
        {"1": character(video_url="https://a.example/c.mp4", start=1.0, end=4.5)},
        "1",
        "goes from 1 to 4.5 s; it must be 1 to 3 seconds long",
    ),
    "character with a comma": (
        {"1": character(name="a, b", video_url="https://a.example/c.mp4")},
        "1",
        "holds a comma",
    ),
    "character of a foreign job": (
        {"1": t2v("mine"), "2": character(source_job=["1", 5])},
        "2",
        "profile 'own', not to",
    ),
    "watermark unconfirmed": ({"1": clean(confirm_rights=False)}, "1", "before you confirm that the clip is yours"),
    "watermark without a protocol for it": ({"1": clean()}, "1", "cannot do clean link; it can do"),
}


@pytest.mark.parametrize("case", MISUSE)
def test_a_misuse_is_named_on_its_node_charges_nothing_and_the_queue_goes_on(stage: Stage, case: str) -> None:
    prompt, where, words = MISUSE[case]
    outputs_of(stage.comfy.run({"1": t2v("mine")}))
    before = stage.gateway.charges
    error = error_of(stage.comfy.run(prompt))
    assert error["node_id"] == where
    assert words in error["exception_message"]
    assert "Traceback" not in error["exception_message"]
    assert stage.gateway.charges == before
    outputs_of(stage.comfy.run({"1": t2v("mine")}))


@pytest.mark.parametrize("prompt", [{"1": board("a door opens")}, {"1": clean(confirm_rights=False)}])
def test_what_is_wrong_is_also_said_on_the_node(stage: Stage, prompt: Prompt) -> None:
    told = stage.comfy.run_watched(prompt)
    messages = [each["data"] for each in told if isinstance(each, dict) and each["type"] == "execution_error"]
    assert messages[0]["exception_message"].strip() in {each.strip() for each in told if isinstance(each, str)}


def test_a_wrong_socket_is_refused_when_queued(stage: Stage) -> None:
    prompt = {"1": plain(64, 64), "2": board(**{"shots.shot0": ["1", 0]})}
    with pytest.raises(Refused) as refused:
        stage.comfy.queue(prompt)
    assert "return_type_mismatch" in json.dumps(refused.value.args[0])


@pytest.mark.parametrize("name", ["Image2Video", "Storyboard", "Shot", "Remix", "CreateCharacter", "RemoveWatermark"])
def test_every_input_and_output_has_a_tooltip(stage: Stage, name: str) -> None:
    info = stage.comfy.object_info(f"SoraVideo_{name}")
    inputs = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
    assert [key for key, spec in inputs.items() if not spec[1].get("tooltip")] == []
    assert len(info["output_tooltips"]) == len(info["output_name"])
    assert all(info["output_tooltips"])
    assert info["description"]
