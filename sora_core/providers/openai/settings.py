"""What the servers below a `/v1/videos` can be told beyond the protocol: names, types and limits, and how they travel.

Read off the forms and models of published releases: vLLM-Omni 0.30.0 `entrypoints/openai/video/generation/helpers.py`
and `protocol/videos.py`; SGLang 0.5.23 `multimodal_gen/runtime/entrypoints/openai/video_api.py`; FastVideo 0.2.1
`entrypoints/openai/video_api.py`; Dynamo 1.6.1 `common/protocols/video_protocol.py`; TensorRT-LLM `visual_gen` serving;
LocalAI `schema/localai.go` (82c191a); Xinference 4.1.0 `api/restful_api.py` and `model/video`. What a server takes and
does not use is not in here, nor what writes to paths of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ...errors import InvalidRequest
from ...models import Capabilities, Setting
from ...requests.kinds import RemixRequest, VideoRequest
from ...requests.settings import Lora, on_the_wire, typed

Fields = dict[str, Any]
Table = Mapping[str, Setting]

_ABOVE_0 = 1e-6  # where a server takes no 0
_BOOLEAN, _STRING, _OBJECT, _INTEGER, _NUMBER = map(Setting, ("boolean", "string", "object", "integer", "number"))

VLLM_OMNI: Table = {
    "steps": Setting("integer", 1, 200, field="num_inference_steps"),
    "guidance": Setting("number", 0, 20, field="guidance_scale"),
    "guidance_2": Setting("number", 0, 20, field="guidance_scale_2"),
    "fps": Setting("number", 1),
    "num_frames": Setting("integer", 1),
    "flow_shift": _NUMBER,
    "lora": Setting("lora", high=1),
    "sound": Setting("sound"),
    "boundary_ratio": Setting("number", 0, 1),
    "true_cfg_scale": Setting("number", 0, 20),
    "quality": Setting("string", choices=("lossless", "high")),
    "aspect_ratio": _STRING,
    "short_edge": Setting("integer", 1),
    "start_time_seconds": Setting("number", 0),
    "enable_frame_interpolation": _BOOLEAN,
    "frame_interpolation_exp": Setting("integer", 1),
    "frame_interpolation_scale": Setting("number", _ABOVE_0),
    "frame_interpolation_model_path": _STRING,
    "return_stage_metrics": _BOOLEAN,
    "extra_params": _OBJECT,
    "user": _STRING,
}
SGLANG: Table = {
    "steps": Setting("integer", 1, field="num_inference_steps"),
    "guidance": Setting("number", field="guidance_scale"),
    "guidance_2": Setting("number", field="guidance_scale_2"),
    "fps": Setting("integer", 1),
    "num_frames": Setting("integer", 1),
    "flow_shift": _NUMBER,
    "true_cfg_scale": _NUMBER,
    "task_type": _STRING,
    "enhance_prompt": _BOOLEAN,
    "generator_device": _STRING,
    "max_sequence_length": Setting("integer", 1),
    "enable_teacache": _BOOLEAN,
    "enable_frame_interpolation": _BOOLEAN,
    "frame_interpolation_exp": Setting("integer", 1),
    "frame_interpolation_scale": Setting("number", _ABOVE_0),
    "frame_interpolation_model_path": _STRING,
    "enable_upscaling": _BOOLEAN,
    "upscaling_model_path": _STRING,
    "upscaling_scale": Setting("integer", 1),
    "output_quality": _STRING,
    "output_compression": _INTEGER,
    "x264_preset": _STRING,
    "diffusers_kwargs": _OBJECT,
    "extra_params": _OBJECT,
    "num_outputs_per_prompt": Setting("integer", 1, 10),
    "n": Setting("integer", 1, 10),
}
FASTVIDEO: Table = {
    "steps": Setting("integer", 1, field="num_inference_steps"),
    "guidance": Setting("number", field="guidance_scale"),
    "guidance_2": Setting("number", field="guidance_scale_2"),
    "fps": Setting("integer", 1),
    "num_frames": Setting("integer", 1),
    "true_cfg_scale": _NUMBER,
    "enable_teacache": _BOOLEAN,
}
FASTVIDEO_JSON_ALONE = frozenset(("guidance_scale_2", "true_cfg_scale"))  # its form has no place for them
DYNAMO: Table = {
    "steps": Setting("integer", 1, field="num_inference_steps"),
    "guidance": Setting("number", field="guidance_scale"),
    "fps": Setting("integer", 1),
    "num_frames": Setting("integer", 1),
}
TENSORRT: Table = {
    "steps": Setting("integer", 1, field="num_inference_steps"),
    "guidance": Setting("number", field="guidance_scale"),
    "fps": Setting("integer", 1),
    "num_frames": Setting("integer", 1),
    "max_sequence_length": Setting("integer", 1),
    "output_format": _STRING,
    "extra_params": _OBJECT,
    "user": _STRING,
}
LOCALAI: Table = {
    "steps": Setting("integer", 1, field="step"),
    "guidance": Setting("number", field="cfg_scale"),
    "fps": Setting("integer", 1),
    "num_frames": Setting("integer", 1),
    "params": _OBJECT,
}
# what goes to the model itself takes whatever that has; these it has with every one
XINFERENCE: Table = {
    "steps": Setting("integer", 1, field="num_inference_steps"),
    "guidance": Setting("number", field="guidance_scale"),
    "fps": Setting("integer", 1),
    "num_frames": Setting("integer", 1),
    "num_outputs_per_prompt": Setting("integer", 1, field="n"),
}
# fields that servers describe and that are no settings: what the request says itself, media, several files for one job,
# paths of the server's own, and what another field of ours becomes
NEVER = frozenset(
    "prompt model seconds duration size width height seed negative_prompt n num_outputs_per_prompt response_format "
    "stream image_reference video_reference audio_reference reference_url input_reference video_url video_path "
    "control_type audio start_image end_image output_path perf_dump_path extra_body generate_sound "
    "sound_duration".split()
)
PREVIEW: Table = {
    "steps": Setting("integer", 1, field="num_inference_steps"),
    "guidance": Setting("number", 0, field="guidance_scale"),
    "guidance_2": Setting("number", 0, field="guidance_scale_2"),
    "fps": Setting("integer", 1, 120),
    "num_frames": Setting("integer", 1),
    "flow_shift": _NUMBER,
    "lora": Setting("lora"),
    "sound": Setting("sound"),
}


def fields_of(request: VideoRequest | RemixRequest, can: Capabilities, profile: str) -> Fields:
    """The request's settings, checked, as fields of a body: LoRA and sound in the shape that vLLM-Omni gave them.

    Raises Unsupported for a setting that the profile has not, InvalidRequest for a value that it does not take.
    """
    found = on_the_wire(request.settings, can, profile)
    loras, sound = found.pop("lora", ()), found.pop("sound", None)
    if loras:
        found["lora"] = _adapter(loras[0]) if len(loras) == 1 else [_adapter(lora) for lora in loras]
    if sound is not None:
        found["generate_sound"] = bool(sound)
        if not isinstance(sound, bool):
            found["sound_duration"] = sound
    return found


def check_own(settings: Fields, own: Iterable[str]) -> None:
    """Raises InvalidRequest for a setting in whose place the request itself says something."""
    for name in settings.keys() & set(own):
        raise InvalidRequest("settings.own_input", name=name)


def over(extra: Mapping[str, Any], fields: Fields) -> Fields:
    """The profile's own fields with the request's over them; of an object, what is said of its insides."""
    merged = {**extra, **fields}
    for name, value in fields.items():
        under = extra.get(name)
        under = typed(under) if isinstance(under, str) else under
        if isinstance(value, dict) and isinstance(under, dict) and name != "lora":
            merged[name] = {**under, **value}
    return merged


def _adapter(lora: Lora) -> dict[str, Any]:
    """The server asks for a name and for a path, and knows the adapter by the path."""
    return {"name": PurePosixPath(lora.name).stem or lora.name, "path": lora.name, "scale": lora.scale}
