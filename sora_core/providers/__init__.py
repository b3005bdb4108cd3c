"""One file (or one small package) per wire protocol; ADDING_A_PROVIDER.md walks through a new one."""

from __future__ import annotations

from ..errors import ProfileError
from ..profiles.profiles import Profile
from ._answers.normalize import job_error_class
from ._base import Attempt, Provider
from .apiyi import ApiYi
from .newapi import NewApi
from .openai import OpenAI
from .shenma import Shenma
from .skyriff import SkyRiff
from .sora_web import SoraWeb

PROVIDERS: dict[str, type[Provider]] = {
    provider.name: provider for provider in (ApiYi, NewApi, OpenAI, Shenma, SkyRiff, SoraWeb)
}

__all__ = ["PROVIDERS", "Attempt", "Provider", "job_error_class", "provider_for"]


def provider_for(profile: Profile) -> Provider:
    """The profile's adapter; ProfileError for a protocol that does not exist."""
    try:
        return PROVIDERS[profile.provider](profile)
    except KeyError:
        raise ProfileError(
            "init__.profile_names_provider_does_not",
            profile=profile.name,
            protocol=profile.provider,
            providers=", ".join(sorted(PROVIDERS)),
        ) from None
