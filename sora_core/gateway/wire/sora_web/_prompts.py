"""Prompts with stock phrases, which say that they are no model's."""

from __future__ import annotations

LEVELS = {"short": 1, "medium": 3, "long": 6}  # phrases
LENGTHS = (10, 15, 20)

_PHRASES = (
    "A wide shot sets the scene in soft light.",
    "The camera moves in slowly until the subject fills the frame.",
    "Small movements carry the moment: fabric and leaves in a light wind, dust in the air.",
    "Colours are warm and muted, with one accent that the eye follows.",
    "Sound is close and dry, with a distant street behind it.",
    "The last moment holds still, so that the next shot can begin there.",
)


def enhanced(prompt: str, level: str, seconds: int) -> str:
    """The same for the same request; longer at a higher level."""
    text = prompt.strip()
    first = text if text.endswith((".", "!", "?", "。", "！", "？")) else f"{text}."
    pace = f"All of it happens within {seconds} seconds."
    return " ".join([first, *_PHRASES[: LEVELS[level]], pace, "(PREVIEW: stock phrases, no model wrote them.)"])
