"""What the account behind a profile has left, and which models its server lists. Free reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...errors import BadResponse, JobNotFound, RequestRejected, Unsupported
from ...models import Capabilities, Effect, Quota
from ...profiles.profiles import Profile
from ...transport import Call, Http
from .._answers import normalize


async def quota(http: Http, profile: Profile, can: Capabilities) -> Quota:
    """The billing pages that one-api and new-api relays have, or OpenRouter's. Unsupported: other servers have none."""
    if not can.has_quota:
        raise Unsupported("openai.server_profile_has_no_quota", profile=profile.name)
    try:
        if profile.dialect == "openrouter":
            return _credits((await http.send(_read("/credits"))).body)
        limits = normalize.parse((await http.send(_read("/dashboard/billing/subscription"))).body)
        usage = normalize.parse((await http.send(_read("/dashboard/billing/usage"))).body)
    except (JobNotFound, RequestRejected, BadResponse) as error:
        raise Unsupported("openai.server_profile_has_no_quota_3", profile=profile.name) from error
    total = normalize.number_of(normalize.dig(limits, "hard_limit_usd"))
    cents = normalize.number_of(normalize.dig(usage, "total_usage"))
    if total is None and cents is None:
        raise Unsupported("openai.server_profile_has_no_quota_2", profile=profile.name)
    found = _quota(total, None if cents is None else cents / 100)
    return replace(found, unit="preview") if profile.dialect == "preview" else found  # play money


async def models(http: Http, path: str) -> list[str]:
    """The names on the list at ``path``. Raises BadResponse for what is no list."""
    names = (normalize.text_of(normalize.dig(each, "id")) for each in await _listed(http, path))
    return [name for name in names if name]


_LORA_KEYS = (("name", "id"), ("path", "root"))


async def loras(http: Http, path: str) -> list[dict[str, Any]]:
    """Adapters on the same list, by name and path on the server. Raises BadResponse for what is no list.

    vLLM 0.30.0 `entrypoints/openai/models/serving.py`: one with a ``parent`` is an adapter of it, ``root`` its path.
    vLLM-Omni lists them so for models that have a language model in front; for those that are diffusion alone it
    lists none.
    """
    cards = [each for each in await _listed(http, path) if normalize.text_of(normalize.dig(each, "parent"))]
    found = [{name: normalize.text_of(normalize.dig(each, key)) for name, key in _LORA_KEYS} for each in cards]
    return [{**each, "strength": 0.0} for each in found if each["path"]]


async def _listed(http: Http, path: str) -> list[Any]:
    entries = normalize.dig(normalize.parse((await http.send(_read(path))).body), "data")
    if not isinstance(entries, list):
        raise BadResponse("openai.server_s_list_models_not")
    return entries


def _read(path: str) -> Call:
    return Call("GET", path, Effect.READ, timeout=30)


def _quota(total: float | None, used: float | None) -> Quota:
    remaining = None if total is None or used is None else total - used
    return Quota(remaining=remaining, used=used, total=total, unit="USD")


def _credits(body: bytes) -> Quota:
    value = normalize.parse(body)
    total, used = (normalize.number_of(normalize.dig(value, f"data.total_{name}")) for name in ("credits", "usage"))
    return _quota(total, used)
