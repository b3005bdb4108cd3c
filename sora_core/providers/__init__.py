"""One file (or one small package) per wire protocol, found by being here; others come in packages of their own.

Such a package names its class under the entry point ``sora_video.providers``; docs/example-provider is one.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import logging
import pkgutil
from collections.abc import Iterator, Mapping

from ..errors import ProfileError
from ..profiles.profiles import Profile
from ._answers.normalize import job_error_class
from ._base import Attempt, Provider

ENTRY_POINT = "sora_video.providers"

log = logging.getLogger(__name__)


def _provider_in(name: str) -> type[Provider]:
    module = importlib.import_module(f".{name}", __name__)
    (found,) = [each for each in vars(module).values() if isinstance(each, type) and vars(each).get("name") == name]
    return found


@functools.cache
def _others() -> dict[str, type[Provider]]:
    """Those of installed packages. One that cannot be used is logged and left out: the rest must go on."""
    found: dict[str, type[Provider]] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT):
        why = ""
        try:
            kind = point.load()
        except Exception as error:  # noqa: BLE001 (somebody else's code)
            why = f"{type(error).__name__}: {error}"
        else:
            if not (isinstance(kind, type) and issubclass(kind, Provider)):
                why = "it is no Provider"
            elif getattr(kind, "name", None) != point.name:
                why = f"its class is named {getattr(kind, 'name', None)!r}"
            elif point.name in OWN or point.name in found:
                why = "there is one of this name"
        if why:
            log.warning("provider %r of %s is left out: %s", point.name, point.value, why)
        else:
            found[point.name] = kind
    return found


OWN: dict[str, type[Provider]] = {
    each.name: _provider_in(each.name) for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_")
}


class _Providers(Mapping[str, type[Provider]]):
    """The pack's own, and those of packages: they are looked for when somebody asks, not when the pack loads."""

    def __getitem__(self, name: str) -> type[Provider]:
        return OWN[name] if name in OWN else _others()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**OWN, **_others()})

    def __len__(self) -> int:
        return len(OWN) + len(_others())


PROVIDERS: Mapping[str, type[Provider]] = _Providers()

__all__ = ["ENTRY_POINT", "OWN", "PROVIDERS", "Attempt", "Provider", "job_error_class", "provider_for"]


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
