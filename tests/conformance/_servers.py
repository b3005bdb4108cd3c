"""The servers of others that the suite runs over: releases from PyPI, how each is started, and their recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from _recipes import KEY, Recipe, words

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
    restarts: Callable[[], None] | None = None

    @property
    def title(self) -> str:
        return f"{self.package} {self.release}"


_AQUILES = Recipe(
    name="aquiles",
    model="ltx-2",
    can=words("made image fails refused wrong_key lost_listed restart forgets busy cancel doctor"),
    usual={"seconds": 4, "size": "1280x720"},
    saw={"seconds": "4"},
    refused={"size": "832x480"},
    advice="aquiles",
)

_DYNAMO = Recipe(
    name="dynamo",
    dialect="dynamo",
    model="wan2.2",
    can=words("made image seed extra fails lost_unlisted doctor unknown_model"),
    usual={"seconds": 4, "size": "832x480"},
    saw={"width": 832, "height": 480},
    extra={"num_inference_steps": "7"},
    extra_seen={"num_inference_steps": 7},
)

SERVERS = {
    kind.name: kind
    for kind in (
        ServerKind(
            "aquiles",
            "aquiles-image",
            "0.8.3",
            [_AQUILES, replace(_AQUILES, dialect="aquiles")],
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
            [_DYNAMO, replace(_DYNAMO, dialect="", can=words("doctor unknown_form"), advice="dynamo")],
            bare=["ai-dynamo==1.6.1", "ai-dynamo-runtime==1.6.1"],
            needs=[
                "pydantic>=2.10.6,<=2.13.5", "uvloop", "aiohttp", "msgspec", "prometheus-client", "pyzmq", "tqdm",
                "typing-extensions", "zstandard", "certifi", "pyyaml", "packaging",
            ],
            ready="/v1/models",
            quick=True,
        ),
    )
}  # fmt: skip
