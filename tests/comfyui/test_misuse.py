"""One graph for each misuse: the message on the right node, nothing charged, and the queue goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from comfyui._graphs import Prompt, board, character, clean, edit, gone, i2v, node, plain, remix, resume, shot, t2v
from comfyui._host import Refused, Stage, error_of, outputs_of, progress_of, refusal_of

# what an earlier run made, for graphs that take it up: the job of another profile
FOREIGN = "FOREIGN"


def prompts(text: str) -> dict[str, Any]:
    return node("SoraVideo_Prompts", text=text)


def shots(count: int) -> Prompt:
    return {
        "1": shot("a", 0.5),
        "2": board(**{f"shots.shot{number}": ["1", 0] for number in range(count)}),
    }


# graph, node, words
MISUSE: dict[str, tuple[Prompt, str, str]] = {
    "no image": ({"1": i2v("x")}, "1", "needs an image, or the address of one"),
    "tiny image": ({"1": plain(15, 400), "2": i2v("x", image=["1", 0])}, "2", "15x400 pixels; each side must be at"),
    "long image": ({"1": plain(2000, 100), "2": i2v("x", image=["1", 0])}, "2", "at most 10 times the other"),
    "batch": ({"1": plain(64, 64, 9), "2": i2v("x", image=["1", 0])}, "2", "takes 8 reference image(s), not 9"),
    "image and address": (
        {"1": plain(64, 64), "2": i2v("x", image=["1", 0], image_url="https://a.example/b.png")},
        "2",
        "does not take the address of an image",
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
    "sum and length": ({"1": board("[3s] a", seconds=4)}, "1", "add up to 3 seconds, but the request asks for 4"),
    "script and sockets": (
        {"1": shot("a", 1), "2": board("[1s] b", **{"shots.shot0": ["1", 0]})},
        "2",
        "Clear the scr",
    ),
    "blank shot": ({"1": shot(" ", 1), "2": board(**{"shots.shot0": ["1", 0]})}, "2", "Shot 1 has no text"),
    "image of a shot": (
        {"0": plain(64, 64), "1": shot("a", 1, image=["0", 0]), "2": board(**{"shots.shot0": ["1", 0]})},
        "2",
        "Shot 1 has its own image",
    ),
    "edit of nothing": ({"1": edit("x", source_job=" ")}, "1", "starts from one video"),
    "edit of two": (
        {"1": gone(), "2": edit("x", source_job="job_x", video=["1", 0])},
        "2",
        "starts from one video: a job (source_job) or a file (video); 2 are given",
    ),
    "edit without a protocol for it": ({"1": edit("x", source_job="job_x", profile="relay")}, "1", "cannot do edit"),
    "extension without one": (
        {"1": gone(), "2": edit("x", "extend", video=["1", 0], profile="links")},
        "2",
        "cannot do extend",
    ),
    "edit with a length": ({"1": edit("x", source_job="job_x", seconds=5)}, "1", "seconds"),
    "edit without words": ({"1": gone(), "2": edit(" ", video=["1", 0])}, "2", "prompt is empty"),
    "edit of an unknown job": ({"1": edit("x", source_job="job_unknown")}, "1", "There is no job 'job_unknown'"),
    "edit of a foreign job": ({"1": edit("x", source_job=FOREIGN)}, "1", "belongs to profile 'preview', not to 'own'"),
    "something else as an operation": (
        {"1": node("SoraTest_Anything", value="remix"), "2": edit("x", ["1", 0], source_job="job_x")},
        "2",
        "Operation 'remix' is not known; allowed: edit, extend",
    ),
    "edit of a file that is gone": ({"1": gone(), "2": edit("x", video=["1", 0])}, "2", "The clip cannot be used"),
    "a reference that is gone": (
        {"1": gone(), "2": t2v("x", **{"references.reference0": ["1", 0]})},
        "2",
        "The clip cannot be used",
    ),
    "character of a file that is gone": (
        {"1": gone(), "2": character(profile="own", video=["1", 0])},
        "2",
        "The clip cannot be used",
    ),
    "remix of nothing": ({"1": remix("x", " ")}, "1", "needs the job it starts from"),
    "remix of an unknown job": ({"1": remix("x", "job_unknown")}, "1", "There is no job 'job_unknown'"),
    "characters": ({"1": board("[2s] a", characters="anna")}, "1", "anna"),
    "character without a protocol for it": ({"1": character(profile="links")}, "1", "cannot do create character"),
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
        "cannot make a character from the clip itself (video); give its address (video_url)",
    ),
    "character too long": (
        {"1": character(video_url="https://a.example/c.mp4", start=1.0, end=4.5)},
        "1",
        "goes from 1 to 4.5 s; for profile 'relay' it must be 1 to 3 seconds long",
    ),
    "character with a comma": (
        {"1": character(name="a, b", video_url="https://a.example/c.mp4")},
        "1",
        "contains a comma",
    ),
    "character of a foreign job": (
        {"1": t2v("mine"), "2": character(source_job=["1", 5])},
        "2",
        "profile 'own', not to",
    ),
    "watermark unconfirmed": ({"1": clean(confirm_rights=False)}, "1", "until you confirm that the clip is yours"),
    "watermark without a protocol for it": ({"1": clean(profile="relay")}, "1", "cannot do clean link; it can do"),
    "clean link of a foreign job": ({"1": clean(source=FOREIGN, profile="links")}, "1", "belongs to profile 'preview'"),
    "huge image": (
        {
            "1": plain(16_384, 16),
            "2": node("ImagePadForOutpaint", image=["1", 0], left=8, top=0, right=0, bottom=0, feathering=0),
            "3": i2v("x", image=["2", 0]),
        },
        "3",
        "16392x16 pixels; no side may be longer than 16384",
    ),
    "remix of a foreign job": ({"1": remix("x", FOREIGN)}, "1", "belongs to profile 'preview', not to 'own'"),
    "remix of an id that the server does not know": ({"1": remix("x", "video_nowhere")}, "1", "video_nowhere"),
    "remix with the key missing": ({"1": remix("x", "video_nowhere", profile="keyless")}, "1", "SORA_NO_KEY"),
    "unknown character": (
        {"1": t2v("x", profile="relay", size="", seconds=10, characters="@mara, nobody")},
        "1",
        "has no character 'nobody'; there are: ",
    ),
    "character where there are none": (
        {"1": t2v("x", profile="links", size="", seconds=10, characters="@mara")},
        "1",
        "'links' has no place for characters",
    ),
    "something else as a character": (
        {"1": node("SoraTest_Anything", value="anna"), "2": t2v("x", character=["1", 0])},
        "2",
        "connected to character is not one",
    ),
    "something else as a shot": (
        {"1": node("SoraTest_Anything", value="a door"), "2": board(**{"shots.shot0": ["1", 0]})},
        "2",
        "Shot 1 is not a shot",
    ),
    "two shots over the limit": (shots(52), "2", "There are 52 shots connected; a storyboard takes up to 50"),
    "a blank prompt": ({"1": t2v(" ")}, "1", "prompt is empty"),
    "a length that is not made": ({"1": t2v("x", seconds=61)}, "1", "whole seconds from 1 to 60"),
    "a size that is not made": ({"1": t2v("x", size="10x10")}, "1", "each side from 64 to 2048"),
    "no key": ({"1": t2v("x", profile="keyless")}, "1", "SORA_NO_KEY"),
    "no key for a board": ({"1": board("[2s] a", profile="keyless")}, "1", "SORA_NO_KEY"),
    "no key for the quota": ({"1": node("SoraVideo_Quota", profile="keyless")}, "1", "SORA_NO_KEY"),
    "a path outside": ({"1": t2v("x", filename_prefix="../../etc/x")}, "1", "below the output folder"),
    "a path outside for an image": (
        {"1": plain(64, 64), "2": i2v("x", image=["1", 0], filename_prefix="/etc/x")},
        "2",
        "below the output folder",
    ),
    "a path outside for a job": ({"1": resume(FOREIGN, filename_prefix="../x")}, "1", "below the output folder"),
    "a job that is not there": ({"1": resume("job_nowhere")}, "1", "There is no job 'job_nowhere'"),
    "a remote id that is not there": ({"1": resume("video_nowhere")}, "1", "video_nowhere"),
    "no job": ({"1": resume("  ")}, "1", "The job id is empty"),
}

# what needs no ledger, no server and no picture is told when it is queued; the others when their node runs
KNOWN_BEFORE = (
    "no image", "image and address", "no files", "image before size", "empty script", "script without a length",
    "odd length", "broken json", "sum", "fraction", "sum and length", "script and sockets", "blank shot",
    "remix of nothing", "edit of nothing", "edit of two", "edit without a protocol for it", "extension without one",
    "edit with a length", "edit without words", "character without a protocol for it",
    "character where there are none", "character of nothing", "character of two", "character of an upload",
    "character too long", "watermark unconfirmed", "watermark without a protocol for it", "two shots over the limit",
    "a blank prompt", "a length that is not made", "a size that is not made", "a path outside",
    "a path outside for an image", "a path outside for a job", "no job",
)  # fmt: skip
RUN = {case: misuse for case, misuse in MISUSE.items() if case not in KNOWN_BEFORE}

QUEUED: dict[str, tuple[Prompt, str, str]] = {
    **{case: MISUSE[case] for case in KNOWN_BEFORE},
    "a picture as a shot": ({"1": plain(64, 64), "2": board(**{"shots.shot0": ["1", 0]})}, "2", "return_type_mismatch"),
    "a shot as a picture": ({"1": shot("a", 1), "2": i2v("x", image=["1", 0])}, "2", "return_type_mismatch"),
    "a picture as a character": ({"1": plain(64, 64), "2": t2v("x", character=["1", 0])}, "2", "return_type_mismatch"),
    "a picture as a job": ({"1": plain(64, 64), "2": remix("x", ["1", 0])}, "2", "return_type_mismatch"),
    **{
        f"an unknown profile of {name}": ({"1": made}, "1", "There is no profile 'nobody'")
        for name, made in {
            "text": t2v("x", profile="nobody"),
            "image": i2v("x", profile="nobody"),
            "board": board("[1s] a", profile="nobody"),
            "remix": remix("x", "y", profile="nobody"),
            "edit": edit("x", source_job="y", profile="nobody"),
            "clean": clean(profile="nobody"),
            "character": character(profile="nobody"),
            "resume": resume("x", profile="nobody"),
            "quota": node("SoraVideo_Quota", profile="nobody"),
        }.items()
    },
    "a length in a list": (
        {"1": prompts('fine\n{"prompt": "much too long", "seconds": 61}'), "2": t2v(["1", 0], seconds=["1", 1])},
        "2",
        "It is number 2 of the list: much too long",
    ),
    "a length over a link": (
        {"1": node("PrimitiveInt", value=61), "2": t2v("x", seconds=["1", 0])},
        "2",
        "whole seconds from 1 to 60",
    ),
    "a blank prompt over a link": (
        {"1": node("PrimitiveString", value=" "), "2": t2v(["1", 0])},
        "2",
        "prompt is empty",
    ),
    "a blank prompt beside what nobody knows": (
        {"1": node("SoraTest_Anything", value="4"), "2": t2v(" ", size=["1", 0])},
        "2",
        "prompt is empty",
    ),
    "no image beside what nobody knows": (
        {"1": node("SoraTest_Anything", value="4"), "2": i2v("x", size=["1", 0])},
        "2",
        "needs an image",
    ),
    "a size beside a first frame": (
        {"1": plain(64, 64), "2": t2v("x", first_frame=["1", 0], size="10x10")},
        "2",
        "each side from 64 to 2048",
    ),
    "a first frame beside an image": (
        {"1": plain(64, 64), "2": i2v("x", image=["1", 0], first_frame=["1", 0])},
        "2",
        "image and first_frame are both given",
    ),
    "a last frame alone": (
        {"1": plain(64, 64), "2": t2v("x", last_frame=["1", 0])},
        "2",
        "needs",
    ),
    "a clip as a reference where none is taken": (
        {"1": gone(), "2": t2v("x", profile="relay", size="", seconds=10, **{"references.reference0": ["1", 0]})},
        "2",
        "takes no videos as references",
    ),
    "settings that are none": (
        {"1": node("SoraVideo_Settings", more="steps"), "2": t2v("x", settings=["1", 0])},
        "1",
        "steps",
    ),
    "no clips": ({"1": node("SoraVideo_JoinClips", filename_prefix="video/film")}, "1", "There are 0 clips to join"),
    "a path outside for a film": (
        {"1": gone(), "2": node("SoraVideo_JoinClips", filename_prefix="../x", **{"videos.video0": ["1", 0]})},
        "2",
        "below the output folder",
    ),
    "a length of text": ({"1": t2v("x", seconds="long")}, "1", "invalid_input_type"),
    "a fit that is none": ({"1": i2v("x", fit="squeeze")}, "1", "value_not_in_list"),
    "an on_error that is none": ({"1": t2v("x", on_error="ignore")}, "1", "value_not_in_list"),
    "a shot without end": ({"1": shot("a", 0), "2": board(**{"shots.shot0": ["1", 0]})}, "1", "value_smaller_than_min"),
}


@pytest.fixture(scope="module")
def ends(stage: Stage) -> dict[str, dict[str, Any]]:
    """The history entry of every graph. They are queued at once: each one runs after those before it failed."""
    clip = "https://a.example/mara.mp4"
    made = stage.comfy.run(
        {
            "1": t2v("mine"),
            "2": t2v("theirs", profile="preview"),
            "3": character(name="mara", video_url=clip),
        }
    )
    foreign = outputs_of(made)["2"]["text"][1]
    charged = stage.gateway.charges
    text = {case: json.dumps(prompt).replace(FOREIGN, foreign) for case, (prompt, _, _) in RUN.items()}
    queued = {case: stage.comfy.queue(json.loads(prompt)) for case, prompt in text.items()}
    ended = {case: stage.comfy.wait(prompt_id) for case, prompt_id in queued.items()}
    paid = [job["prompt"] for job in stage.gateway.stats()["jobs"][charged:]]
    assert paid == []
    outputs_of(stage.comfy.run({"1": t2v("mine", filename_prefix="the/queue/goes/on")}))
    return ended


@pytest.mark.parametrize("case", RUN)
def test_a_misuse_is_named_on_its_node(ends: dict[str, dict[str, Any]], case: str) -> None:
    _, where, words = RUN[case]
    error = error_of(ends[case])
    assert error["node_id"] == where
    assert words in error["exception_message"]
    assert "Traceback" not in error["exception_message"]
    assert error["exception_type"].startswith("sora_core.errors.")


@pytest.mark.parametrize("case", QUEUED)
def test_what_can_be_known_before_is_refused_when_queued_on_its_node(stage: Stage, case: str) -> None:
    prompt, where, words = QUEUED[case]
    with pytest.raises(Refused) as refused:
        stage.comfy.queue(json.loads(json.dumps(prompt).replace(FOREIGN, "job_x")))
    told = [
        f"{error['message']} {error['type']} {error['details']}"
        for error in refused.value.args[0]["node_errors"][where]["errors"]
    ]
    assert any(words in each for each in told), told


MAKING = {
    "text": t2v("x"),
    "image": i2v("x", source_job="job_x"),
    "board": board("[2s] a"),
    "remix": remix("x", "video_1"),
    "edit": edit("x", source_job="video_1"),
    "extension": edit("x", "extend", source_job="video_1"),
    "picture": node("SoraVideo_Image", prompt="x", profile="own", seed=0),
    "better prompt": node("SoraVideo_EnhancePrompt", prompt="x", profile="own"),
}
# what is wrong, what is said of it (else that a source keeps it), and the nodes that do not have it
WRONG: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "prompt": ({"prompt": " "}, "prompt is empty", ("board",)),  # whose shots are its prompt
    "length": ({"seconds": 61}, "61", ("board", "picture", "better prompt", "edit")),
    "script": ({"script": "[5] a door"}, "Line 1 of the script", tuple(set(MAKING) - {"board"})),
    "size": ({"size": "10x10"}, "10x10", ("better prompt", "edit", "extension")),
    "model": ({"model": "sora-9"}, "lists no model 'sora-9'", ("better prompt",)),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", MAKING)
def test_each_node_refuses_when_queued_what_it_could_not_make(stage: Stage, name: str, wrong: str) -> None:
    inputs, words, others = WRONG[wrong]
    if name in others:
        return
    stage.comfy.post("/sora_video/profiles/models", {"name": "own"}).raise_for_status()
    made = MAKING[name]
    prompt = {"1": {**made, "inputs": {**made["inputs"], **inputs}}}
    charged = stage.gateway.charges
    said = refusal_of(stage.comfy, prompt, "1")
    assert words in said or f"keeps the {wrong} of its source" in said
    assert stage.gateway.charges == charged


@pytest.mark.parametrize(
    "prompt",
    {
        "the words": {"1": node("SoraTest_Strings", lines="a door"), "2": t2v(["1", 0])},
        "the length": {"1": node("PrimitiveInt", value=2), "2": t2v("x", seconds=["1", 0])},
        "the script": {"1": node("SoraTest_Strings", lines="[2s] a door"), "2": board(["1", 0])},
        "the source": {"1": t2v("x"), "2": remix("y", ["1", 5])},
        "the source of an edit": {"1": t2v("x"), "2": edit("z", source_job=["1", 5])},
        "its clip": {"1": t2v("x"), "2": edit("w", video=["1", 0])},
        "a shot's words": {
            "1": node("SoraTest_Strings", lines="a door"),
            "2": shot(["1", 0], 2),
            "3": board(**{"shots.shot0": ["2", 0]}),
        },
    }.values(),
)
def test_what_comes_over_a_link_is_not_known_before_and_refuses_nothing(stage: Stage, prompt: Prompt) -> None:
    outputs_of(stage.comfy.run(prompt))


def test_what_is_wrong_is_said_once(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        stage.comfy.queue({"1": t2v(" ", seconds=900)})
    errors = refused.value.args[0]["node_errors"]["1"]["errors"]
    assert [each["type"] for each in errors] == ["value_bigger_than_max", "custom_validation_failed"]


@pytest.mark.parametrize("prompt", [{"1": t2v("x", profile="keyless")}, {"1": resume("video_nowhere")}])
def test_what_is_wrong_ends_the_progress_on_the_node(stage: Stage, prompt: Prompt) -> None:
    told = stage.comfy.run_watched(prompt)
    assert [each["type"] for each in told].count("execution_error") == 1
    assert [step["stage"] for step in progress_of(told)][-1:] in ([], ["ended"])
