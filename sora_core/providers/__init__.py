"""One file (or one small package) per wire protocol, found by being here; others come in packages of their own.

Such a package names its class under the entry point ``sora_video.providers``; docs/example-provider is one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from ..errors import ProfileError
from ..profiles.profiles import Profile
from . import _relay as relay
from ._answers import normalize
from ._answers.normalize import job_error_class
from ._base import Attempt, Provider
from ._packages import ENTRY_POINT, providers_of_packages


def _provider_in(name: str) -> type[Provider]:
    module = importlib.import_module(f".{name}", __name__)
    (found,) = [each for each in vars(module).values() if isinstance(each, type) and vars(each).get("name") == name]
    return found


OWN: dict[str, type[Provider]] = {
    each.name: _provider_in(each.name) for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_")
}


def _others() -> dict[str, type[Provider]]:
    return providers_of_packages(frozenset(OWN))


class _Providers(Mapping[str, type[Provider]]):
    """The pack's own, and those of packages: they are looked for when somebody asks, not when the pack loads."""

    def __getitem__(self, name: str) -> type[Provider]:
        return OWN[name] if name in OWN else _others()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**OWN, **_others()})

    def __len__(self) -> int:
        return len(OWN) + len(_others())


PROVIDERS: Mapping[str, type[Provider]] = _Providers()

# what a package with a provider of its own builds on: Provider, Attempt, normalize (answers), relay (requests)
__all__ = [
    "ENTRY_POINT",
    "OWN",
    "PROVIDERS",
    "Attempt",
    "Provider",
    "job_error_class",
    "normalize",
    "provider_for",
    "relay",
]


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
