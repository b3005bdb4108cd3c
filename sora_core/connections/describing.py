"""What is shown of profiles and protocols where one is chosen or filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import SoraError
from ..models import Capabilities, SizeRange
from ..profiles.credentials import Credentials
from ..profiles.profiles import AUTH_SCHEMES, ENV, PREVIEW, Profile, without_passwords
from ..providers import PROVIDERS, provider_for
from ..urls import is_local
from .editing import default_auth, facts


def described(profile: Profile, credentials: Credentials) -> dict[str, Any]:
    """Its settings, where its key comes from, what it can do, and what keeps it from working. Nothing secret."""
    problem, can = "", None
    try:
        profile.check()
        can = provider_for(profile).capabilities()
    except SoraError as error:
        problem = str(error)
    return {
        **facts(without_passwords(profile)),
        "name": profile.name,
        "key": credentials.source(profile),
        "built_in": profile.name in (PREVIEW, ENV),
        "problem": problem,
        "can": _abilities(can) if can else None,
    }


def _abilities(can: Capabilities) -> dict[str, Any]:
    sizes = can.sizes
    return {
        "operations": sorted(each.value for each in can.operations),
        "models": list(can.models),
        "seconds": seconds_of(can),
        "sizes": [] if isinstance(sizes, SizeRange) else list(sizes),
        "cancel": can.can_cancel,
        "list": can.can_list,
        "quota": can.has_quota,
        "paid": can.paid,
        "images": can.image_limit,
    }


def seconds_of(can: Capabilities) -> dict[str, Any]:
    """Whole seconds that can be asked for, as a list or as a range."""
    seconds = can.seconds
    if isinstance(seconds, range) and seconds.step == 1:
        return {"least": seconds.start, "most": seconds.stop - 1, "default": can.default_seconds}
    return {"among": list(seconds), "default": can.default_seconds}


def protocols() -> dict[str, Any]:
    """What there is to choose from."""
    return {"auth": list(AUTH_SCHEMES), "providers": [_provider(name) for name in sorted(PROVIDERS)]}


def usual_auth(settings: Mapping[str, Any]) -> str:
    """How a key is sent when nobody said."""
    provider, url = settings.get("provider", "openai"), settings.get("base_url", "")
    if not isinstance(provider, str) or provider not in PROVIDERS or not isinstance(url, str):
        return "bearer"  # what is wrong with them is told by whoever checks them
    return default_auth(provider, has_key=bool(settings.get("key_env")), is_local=is_local(url))


def _provider(name: str) -> dict[str, Any]:
    kind = PROVIDERS[name]
    return {"name": name, "says": (kind.__doc__ or "").strip().splitlines()[0], "auth": kind.default_auth}
