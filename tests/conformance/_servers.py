"""The servers of others that the suite runs over: releases from PyPI, how each is started, and their recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sora_core.conformance.recipes import KEY, Recipe, words

_WEB = ("fastapi", "uvicorn", "python-multipart", "pydantic", "pillow", "requests", "pyyaml", "packaging")


@dataclass(frozen=True)
class ServerKind:
    """``bare`` wheels come without what they depend on; ``needs`` is what their HTTP layer imports."""

    name: str
    package: str
    release: str
    recipes: Sequence[Recipe]
    bare: Sequence[str]
    needs: Sequence[str] = _WEB
    arguments: Sequence[str] = ()
    ready: str = "/v1/models"
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    quick: bool = False  # installs in under two minutes, and so runs in CI itself
    behind: str = ""  # another server, or the gateway, that it stands in front of
    script: str = ""  # below launch/, where it is not named after the server

    @property
    def title(self) -> str:
        return f"{self.package} {self.release}"


_OF_A_DIALECT = frozenset(
    "seed images references no_remix settings known_settings work loras load_loras negative".split()
)


def _by_default(recipe: Recipe, **undescribed: Any) -> Recipe:
    """With the default dialect, which has no place for a seed and sends one image; settings by the server's word."""
    can = recipe.can - _OF_A_DIALECT | (words("described") if undescribed else words(""))
    return replace(recipe, dialect="", can=can, undescribed=undescribed)


_AQUILES = Recipe(
    name="aquiles",
    dialect="aquiles",
    model="ltx-2",
    can=words("made image fails wrong_key lost_listed restart forgets busy cancel doctor"),
    usual={"seconds": 4, "size": "1280x720"},
    saw={"seconds": "4"},
    refused={"size": "832x480"},
    advice="aquiles",
)

_DYNAMO = Recipe(
    name="dynamo",
    dialect="dynamo",
    model="wan2.2",
    references=("first",),
    can=words("made image references seed extra settings known_settings fails lost_unlisted doctor unknown_model"),
    usual={"seconds": 4, "size": "832x480"},
    saw={"width": 832, "height": 480},
    extra={"num_inference_steps": "7"},
    extra_seen={"num_inference_steps": 7},
)

_VLLM_OMNI = Recipe(
    name="vllm-omni",
    dialect="vllm-omni",
    model="wan",
    references=("first", "first last", "first second", "clip", "first sound", "first second clip sound"),
    can=words(
        "made work image images references seed negative extra settings known_settings fails refused unknown_model "
        "wrong_key load_loras lora_paths lost_listed restart forgets cancel doctor"
    ),
    lora_paths=("/loras/film",),
    usual={"seconds": 4, "size": "832x480"},
    saw={"seconds": "4", "size": "832x480"},
    extra={"guidance_scale": "3.5"},
    extra_seen={"guidance_scale": 3.5},
    refused_extra={"num_inference_steps": "1000"},
    advice="vllm-omni",
)

_SGLANG = Recipe(
    name="sglang",
    dialect="sglang",
    model="wan",
    references=("first", "clip", "first clip"),
    can=words(
        "made work several loras lora_paths image references seed negative extra settings known_settings fails refused "
        "lost_unlisted restart forgets cancel doctor dead_worker"
    ),  # no prompts in lists
    usual={"seconds": 4, "size": "832x480"},
    saw={"width": 832, "height": 480, "num_frames": 96},
    extra={"guidance_scale": "3.5"},
    extra_seen={"guidance_scale": 3.5},
    refused_extra={"num_inference_steps": "many"},
    told_as={"extra_params": None, "inner": 7},  # its insides become fields
    advice="sglang",
)

_FASTVIDEO = Recipe(
    name="fastvideo",
    dialect="fastvideo",
    model="wan",
    references=("first",),
    can=words(
        "made image references seed settings known_settings fails refused lost_unlisted restart forgets cancel doctor"
    ),
    usual={"seconds": 4, "size": "832x480"},
    saw={"width": 832, "height": 480, "num_frames": 96},
    refused_extra={"num_inference_steps": "many"},
    advice="fastvideo",
)

_XINFERENCE = Recipe(
    name="xinference",
    dialect="xinference",
    model="wan",
    references=("first", "first last"),
    can=words("made several image images references negative extra settings fails lost_unlisted unknown_model doctor"),
    usual={"seconds": 4, "size": "832x480"},
    saw={"width": 832, "height": 480},
    extra={"num_inference_steps": "7"},
    extra_seen={"num_inference_steps": 7},
    advice="xinference",
)

# What stands behind a proxy must be told apart from what stands before it by nothing but the proxy.
_LITELLM = Recipe(
    name="litellm",
    dialect="litellm",
    path="",
    model="clip",
    can=words("made image no_remix lost_unlisted lost_behind fails wrong_key restart doctor doctor_key"),
    usual={"seconds": 2, "size": "128x96"},
    saw={"seconds": 2, "size": "128x96"},
    advice="litellm",
)

SERVERS = {
    kind.name: kind
    for kind in (
        ServerKind(
            "aquiles",
            "aquiles-image",
            "0.8.3",
            [replace(_AQUILES, can=_AQUILES.can | {"refused"}), replace(_AQUILES, dialect="")],
            bare=["aquiles-image==0.8.3"],
            needs=[
                *_WEB, "pydantic-settings", "PyJWT", "aiofiles", "platformdirs", "rich", "huggingface_hub", "click",
                "typer", "jinja2", "protobuf",
            ],
            arguments=["--model", "ltx-2", "--key", KEY],
            quick=True,
        ),
        ServerKind(
            "dynamo",
            "ai-dynamo",
            "1.6.1",
            [_DYNAMO, replace(_DYNAMO, dialect="", can=words("other_form doctor"), advice="dynamo")],
            bare=["ai-dynamo==1.6.1", "ai-dynamo-runtime==1.6.1"],
            needs=[
                "pydantic>=2.10.6,<=2.13.5", "uvloop", "aiohttp", "msgspec", "prometheus-client", "pyzmq", "tqdm",
                "typing-extensions", "zstandard", "certifi", "pyyaml", "packaging",
            ],
            ready="/v1/models",
            quick=True,
        ),
        ServerKind(
            "vllm-omni",
            "vllm-omni",
            "0.30.0",
            [
                _VLLM_OMNI,
                _by_default(_VLLM_OMNI, num_inference_step=7, fps=0.5, width="wide"),
                replace(
                    _VLLM_OMNI,
                    variant="sync",
                    settings={"sync": "true"},
                    can=words("made image seed fails refused lost_unlisted wrong_key"),
                ),
            ],
            bare=["vllm==0.30.0", "vllm-omni==0.30.0"],
            needs=[
                "fastapi>=0.133,<0.137", *_WEB[1:], "pydantic-settings", "httpx", "regex", "pybase64",
                "typing_extensions", "uvloop",
            ],
            arguments=["--key", KEY, "--model", "wan"],
        ),
        ServerKind(
            "sglang",
            "sglang",
            "0.5.23",
            [_SGLANG, _by_default(_SGLANG, seed="many", upscaling_scale=1.5)],
            bare=["sglang==0.5.23"],
            needs=[*_WEB, "httpx", "orjson", "psutil"],
            arguments=["--model", "wan"],
        ),
        ServerKind(
            "fastvideo",
            "fastvideo",
            "0.2.1",
            [_FASTVIDEO, _by_default(_FASTVIDEO, seed="many", enable_teacache="perhaps")],
            bare=["fastvideo==0.2.1"],
            needs=[*_WEB, "httpx", "orjson", "aiofiles"],
            arguments=["--model", "wan"],
        ),
        ServerKind(
            "xinference",
            "xinference",
            "4.1.0",
            [_XINFERENCE, replace(_XINFERENCE, dialect="", can=words("doctor_elsewhere"))],
            bare=["xinference==4.1.0"],
            needs=[*_WEB, "httpx", "aiohttp", "anyio", "openai"],
            arguments=["--model", "wan"],
        ),
        ServerKind(
            "litellm",
            "litellm",
            "1.108.7",  # 1.82.7, 1.82.8 and 1.107.0 were published with malware in them
            [_LITELLM, _by_default(_LITELLM)],
            bare=[],
            needs=["litellm[proxy]==1.108.7"],
            arguments=["--key", KEY, "--model", "sora-2"],
            ready="/v1/models",
            quick=True,
            behind="gateway",
        ),
        ServerKind(
            "litellm-over-vllm-omni",
            "litellm over vllm-omni",
            "1.108.7 over 0.30.0",
            [
                replace(
                    _LITELLM,
                    name="litellm-over-vllm-omni",
                    can=words("made image lost_unlisted fails wrong_key restart doctor"),
                    usual={"seconds": 4, "size": "832x480"},
                    saw={"seconds": "4", "size": "832x480"},
                )
            ],
            bare=[],
            needs=["litellm[proxy]==1.108.7"],
            arguments=["--key", KEY, "--model", "wan"],
            behind="vllm-omni",
            script="litellm",
        ),
    )
}  # fmt: skip
