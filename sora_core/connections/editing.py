"""Changes of profiles that keep what belongs to them: a stored key, and their jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..errors import InvalidRequest, ProfileError
from ..profiles.credentials import Credentials
from ..profiles.profiles import EDITABLE, Profile, Profiles, profile_of, toml_of, without_passwords
from ..profiles.tokens import TokenStore
from ..profiles.trust import origins_of, variables_of
from ..providers import PROVIDERS, provider_for


def check(profile: Profile) -> None:
    """Raises what using it would raise, without any network."""
    provider = provider_for(profile)
    profile.check()
    provider.base_url()
    provider.capabilities()


def add(profiles: Profiles, profile: Profile) -> None:
    check(profile)
    profiles.add(profile)


def edit(
    profiles: Profiles,
    credentials: Credentials,
    name: str,
    changes: Mapping[str, Any],
    *,
    new_name: str = "",
    may_allow: bool = True,
) -> Profile:
    """The changed profile. A stored key goes along with a new name, and is dropped when the server is another.

    ``may_allow``: it is the user who names variables, so that they may go there.

    Raises ProfileError, InvalidRequest; then nothing is changed.
    """
    old = profiles.get_as_written(name)
    unknown = sorted(set(changes) - set(EDITABLE))
    if unknown:
        raise InvalidRequest("profile_no_such_field", field=unknown[0], allowed=", ".join(EDITABLE))
    values = {**facts(old), **changes}
    if changes.get("servers"):
        values["base_url"] = changes.get("base_url", changes["servers"][0])
    elif "base_url" in changes and changes["base_url"] != old.base_url:
        values["servers"] = ()  # one server in their place
    new = profile_of(new_name or name, {key: value for key, value in values.items() if value is not None})
    same_server = origins_of(new) <= origins_of(old)
    if not same_server and "key_env" not in changes:  # nor is another server given the key of the environment
        new = replace(new, key_env="")
    if new.name != old.name:
        new = replace(new, known_as=old.identity)
    check(new)
    # those that stood there may have been pasted: saving the profile again is no word on them
    pasted = set(credentials.trust.missing(old))
    tokens = _tokens(credentials, old) if same_server and new.name != old.name else {}
    profiles.replace(name, new)
    if not same_server:
        credentials.delete(name)
    elif new.name != old.name:
        credentials.rename(old, new)
        if tokens:
            TokenStore(credentials, new).keep(tokens)
    if may_allow:
        allow_named(credentials, new, changes, but=pasted)
    return new


def allow_named(
    credentials: Credentials, profile: Profile, changes: Mapping[str, Any], *, but: Collection[str] = ()
) -> None:
    """The variables that the user has just named may go where the profile goes."""
    named = {changes.get("key_env"), *(changes.get("extra") or {}).values()}
    credentials.trust.allow(profile, (named & set(variables_of(profile))) - set(but))


def _tokens(credentials: Credentials, profile: Profile) -> Mapping[str, str]:
    """What was made of the profile's key, and may be worth more than the key by now."""
    try:
        return TokenStore(credentials, profile).kept()
    except ProfileError:  # it has no key
        return {}


def duplicate(profiles: Profiles, name: str, new_name: str) -> Profile:
    """The same settings under another name. A stored key is not copied: it belongs to the first one."""
    copy = replace(profiles.get_as_written(name), name=new_name, known_as="")
    add(profiles, copy)
    return copy


def exported(profiles: Profiles) -> str:
    """The user's profiles as TOML; the file holds no secret, and neither does this."""
    return "\n".join(toml_of(without_passwords(each)) for each in profiles.written().values())


def imported(profiles: Profiles, text: str) -> list[str]:
    """Adds the profiles of an export; their names. Raises ProfileError, InvalidRequest; then none is added."""
    found = profiles.parse(text)
    known = profiles.all()
    for profile in found.values():
        if profile.name in known:
            raise InvalidRequest("profile_is_there", name=profile.name)
        check(profile)
    for profile in found.values():
        profiles.add(replace(profile, known_as=""))
    return list(found)


def facts(profile: Profile) -> dict[str, Any]:
    """The fields that a user can set."""
    return {name: value for name, value in asdict(profile).items() if name in EDITABLE}


def default_auth(provider: str, *, has_key: bool, is_local: bool) -> str:
    """How a key is sent when nobody said; a local server without a key wants none."""
    return PROVIDERS[provider].default_auth if has_key or not is_local else "none"
