"""The user's word for the variables that a profile names, where a test writes the file itself."""

from __future__ import annotations

from pathlib import Path

from sora_core.profiles.profiles import Profiles
from sora_core.profiles.trust import Trust


def trust_all(home: Path) -> None:
    """For every profile of the folder, as its addresses are now."""
    for profile in Profiles(home, {}).written().values():
        Trust(home, {}).allow(profile)
