"""What the conformance suite has to know of a server: how to reach it, what to ask of it, which of its tests apply.

A recipe is a small value. `Recipe.can` names the tests' needs (`@needs` in `_suite`); what is not named is not tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

KEY = "sk-conformance-51c2"
WRONG_KEY = "sk-conformance-wrong-0"


@dataclass(frozen=True)
class Recipe:
    """One provider or dialect at one kind of server.

    ``usual`` is what an ordinary request asks for besides its prompt, ``saw`` what the engine is then asked for.
    """

    name: str  # of the server, and of its cassette together with the dialect and the variant
    can: frozenset[str]
    provider: str = "openai"
    dialect: str = ""
    variant: str = ""  # where one dialect is tried in several ways
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # the profile's extra
    path: str = "/v1"  # what follows the origin in the base URL
    auth: str = "bearer"
    key_env: str = "CONFORMANCE_KEY"
    model: str = ""
    usual: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    saw: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # one that the engine shall see
    extra_seen: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    # of the settings: what its engine is asked for in other words; None: nothing of it
    told_as: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    lora_paths: tuple[str, ...] = ()  # of those that a request can name, as its list of models tells them
    references: tuple[str, ...] = ()  # what of first, last, clip and sound is taken together, as "first last"
    refused: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # what the server says no to
    refused_extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # settings that the server does not take by what it says of its own fields
    undescribed: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    refused_words: str = ""
    drawn_once: bool = False  # its videos are large, and drawn: all tests ask for the same one
    wrong_key: str = "AuthError"  # how a refused key is told
    advice: str = ""  # the dialect that doctor shall name; "" none

    @property
    def title(self) -> str:
        return "-".join(filter(None, (self.name, self.dialect or "default", self.variant)))


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
