"""Requests of any kind from an operation and facts, for tests that go through all of them."""

from __future__ import annotations

from typing import Any

from ..models import Operation
from ..requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)

_WITHOUT_PROMPT: dict[Operation, type[CharacterRequest] | type[CleanLinkRequest]] = {
    Operation.CREATE_CHARACTER: CharacterRequest,
    Operation.CLEAN_LINK: CleanLinkRequest,
}
_OTHERS: dict[Operation, type[RemixRequest] | type[PictureRequest] | type[PromptRequest]] = {
    Operation.REMIX: RemixRequest,
    Operation.IMAGE: PictureRequest,
    Operation.ENHANCE_PROMPT: PromptRequest,
}


def request_of(operation: Operation, prompt: str = "", **facts: Any) -> Request:
    if operation in _WITHOUT_PROMPT:
        return _WITHOUT_PROMPT[operation](**facts)
    return _OTHERS[operation](prompt, **facts) if operation in _OTHERS else VideoRequest(operation, prompt, **facts)


async def unmarked() -> None:
    """As ``Attempt.on_sent``, of those who keep no record."""
