"""Requests of any kind from an operation and facts, for tests that go through all of them."""

from __future__ import annotations

from typing import Any

from sora_core.models import Operation
from sora_core.requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)

WITHOUT_PROMPT = {Operation.CREATE_CHARACTER: CharacterRequest, Operation.CLEAN_LINK: CleanLinkRequest}
OTHERS = {Operation.REMIX: RemixRequest, Operation.IMAGE: PictureRequest, Operation.ENHANCE_PROMPT: PromptRequest}


def request_of(operation: Operation, prompt: str = "", **facts: Any) -> Request:
    if operation in WITHOUT_PROMPT:
        return WITHOUT_PROMPT[operation](**facts)
    return OTHERS[operation](prompt, **facts) if operation in OTHERS else VideoRequest(operation, prompt, **facts)


async def unmarked() -> None:
    """As ``Attempt.on_sent``, of those who keep no record."""
