"""How the gateway plays every protocol and dialect: the recipes by which the whole suite runs over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sora_core.conformance.recipes import Recipe, words
from sora_core.models import Capabilities, Field, ImageForm, Operation
from sora_core.profiles.profiles import Profile
from sora_core.providers import provider_for

EVERYWHERE = words("made told_refusals refuses_for_a_moment wrong_key")
# what follows the gateway's origin
OPENAI = {
    "vllm-omni": "/openai~vllm-omni/v1",
    "sglang": "/openai~sglang",
    "tensorrt-llm": "/openai~tensorrt-llm/v1/videos",
    "litellm": "/openai~litellm/v1",
    "new-api": "/openai~new-api/v1",
    "aquiles": "/openai~aquiles/v1",
    "localai": "/openai~localai",
    "dynamo": "/openai~dynamo/v1",
    "openrouter": "/openai~openrouter",
}
PROMPTLESS = ("sglang",)  # their lists do not tell one job from another
AT_ONCE = ("localai", "dynamo")


@dataclass(frozen=True)
class Relay:
    """``also`` and ``without`` are needs, beside those that follow from what the profile can do."""

    provider: str
    path: str
    dialect: str = ""
    auth: str = "bearer"
    key: str = "CONFORMANCE_KEY"
    model: str = ""
    usual: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    also: str = ""
    without: str = ""


SMALL = {"size": "128x96", "seconds": 2}
RELAYS = {
    "apiyi": Relay("apiyi", "/apiyi/v1/videos", auth="raw", also="links garbage fails restart strange_words"),
    "shenma": Relay("shenma", "/shenma/v1/", also="links garbage fails restart strange_words"),
    "newapi": Relay("newapi", "/newapi/v1/", also="links garbage fails restart"),
    "newapi-generic": Relay(
        "newapi", "/newapi/v1", "generic", model="kling-v2", usual=SMALL, also="links garbage fails restart"
    ),
    "newapi-chat": Relay("newapi", "/newapi/v1/chat/completions", "chat", also="links garbage fails"),
    # its failed jobs do not say why, and in the chat form a failure without a name leaves it open what became of it
    "skyriff": Relay("skyriff", "/skyriff/v1/", also="links garbage restart strange_words"),
    "skyriff-chat": Relay("skyriff", "/skyriff/v1/chat/completions", "chat", also="garbage"),
    "sora-web": Relay(
        "sora_web", "/sora-web", key="SESSION_KEY", also="fails restart", without="told_refusals wrong_key remix"
    ),
}


# the ways in which the gateway deviates for tests: seen to be understood, the rest is as of the one they deviate from
VARIANTS = {
    "openai": {
        "sync": Relay(
            "openai", "/openai~vllm-omni/v1", "vllm-omni", model="wan", usual=SMALL, settings={"sync": "true"},
            also="image seed fails garbage told_refusals",
        ),
        "azure": Relay(
            "openai", "/openai~azure", "azure", auth="api-key", model="wan", usual={"seconds": 4, "size": "1280x720"}
        ),
    },
    "apiyi": {
        "bearer": Relay("apiyi", "/apiyi~bearer"),
        "no-url": Relay("apiyi", "/apiyi~no-url", auth="raw"),
        "mirror": Relay("apiyi", "/apiyi~mirror", auth="raw"),
    },
    "shenma": {
        "comfly": Relay("shenma", "/shenma~comfly/v2"),
        **{name: Relay("shenma", f"/shenma~{name}/v2") for name in ("outputs", "late", "bare")},
    },
    "newapi": {
        "duomi": Relay("newapi", "/newapi~duomi", auth="raw", settings={"data_uris": "true"}),
        "late": Relay("newapi", "/newapi~late"),
        "at-once": Relay("newapi", "/newapi~prompt-id"),
        "chat-id": Relay("newapi", "/newapi~prompt-id", "chat", settings={"native_url": "{url}/newapi/v1"}),
        "old": Relay("newapi", "/newapi~old", "generic", model="kling-v2", usual=SMALL),
    },
    "skyriff": {
        "no-url": Relay("skyriff", "/skyriff~no-url"),
        "at-100": Relay("skyriff", "/skyriff~at-100/v1/videos"),
        "plain": Relay("skyriff", "/skyriff", "chat", settings={"stream": "false"}, also="garbage"),
        **{name: Relay("skyriff", f"/skyriff~{name}", "chat") for name in ("json", "markdown", "task")},
        "plain-task": Relay("skyriff", "/skyriff~task", "chat", settings={"stream": "false"}),
    },
    "sora-web": {"document": Relay("sora_web", "/sora-web~document", key="SESSION_KEY")},
}  # fmt: skip


def gateway_recipes() -> Iterator[Recipe]:
    yield from _of_servers()
    for name, relay in RELAYS.items():
        can = _can(relay.provider, relay.dialect, relay.model)
        yield _recipe(name, relay, (EVERYWHERE | _tests_for(can) | words(relay.also)) - words(relay.without))
    for name, variants in VARIANTS.items():
        for variant, relay in variants.items():
            yield replace(_recipe(name, relay, words("made " + relay.also)), variant=variant)


def _recipe(name: str, relay: Relay, can: frozenset[str]) -> Recipe:
    return Recipe(
        name=name, provider=relay.provider, dialect=relay.dialect, path=relay.path, auth=relay.auth, model=relay.model,
        usual=MappingProxyType(relay.usual), settings=MappingProxyType(relay.settings), can=can,
        drawn_once=not relay.usual, key_env=relay.key,
    )  # fmt: skip


def _of_servers() -> Iterator[Recipe]:
    for dialect, path in OPENAI.items():
        can = _can("openai", dialect, "wan")
        seconds, small = next(iter(can.seconds)), "128x96" in can.sizes
        usual = {"seconds": seconds, "size": "128x96" if small else "1280x720"}
        yield Recipe(
            name="openai", dialect=dialect, path=path, model="wan", usual=MappingProxyType(usual),
            saw=MappingProxyType({**usual, "model": "wan"}), drawn_once=not small,
            can=EVERYWHERE | _tests_for(can) | _of_openai(dialect, can),
        )  # fmt: skip


def _can(provider: str, dialect: str, model: str) -> Capabilities:
    return provider_for(Profile("p", provider, "https://x.example", dialect=dialect, model=model)).capabilities()


def _tests_for(can: Capabilities) -> frozenset[str]:
    """What follows from the capabilities."""
    found = {"seed" if Field.SEED in can.fields else "no_seed"}
    if Operation.IMAGE_TO_VIDEO in can.operations:
        found |= {"image"} if {ImageForm.FILE, ImageForm.DATA} & can.image_forms else set()
        found |= set() if ImageForm.URL in can.image_forms else {"no_image_url"}
    found.add("remix" if Operation.REMIX in can.operations else "no_remix")
    return frozenset(found)


def _of_openai(dialect: str, can: Capabilities) -> frozenset[str]:
    found = {"image_url"} if ImageForm.URL in can.image_forms else set()
    found.add("lost_listed" if can.can_list and dialect not in PROMPTLESS else "lost_unlisted")
    found |= {"cancel"} if can.can_cancel else set()
    found |= {"garbage"} if not can.can_list else set()
    found |= set() if dialect in AT_ONCE else {"restart", "strange_words"}
    found |= set() if dialect == "localai" else {"fails"}
    return frozenset(found)
