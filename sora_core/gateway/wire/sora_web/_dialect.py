"""In what the servers of the Sora web protocol differ, as values."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL = "sora-web"
IMAGES = "sora-web-image"
CHARACTERS = "sora-web-character"
PROMPTS = "sora-web-prompt"

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Dialect:
    """``document``: answers to the letter of the document, not as servers were seen to. Lifetimes in seconds."""

    name: str = ""
    document: bool = False
    token_seconds: float = _DAY_SECONDS
    link_seconds: float = 3 * _DAY_SECONDS
    difficulty: str | None = "0fffff"  # None: no proof is asked for, and no turnstile value given
    rotates: bool = True
    late: bool = False
    says_finalized: bool = False  # of a cameo that is ready, before anybody has finalized it

    @property
    def wire_name(self) -> str:
        return f"{PROTOCOL}~{self.name}" if self.name else PROTOCOL
