"""Which environment variables may be sent to which servers: those that the user allowed, and no other.

A profile can be pasted, and may name any variable of this machine. So the name alone is no permission: the user's own
command is (`profiles add --key-env`, `profiles trust`), his hand on the page, or the environment itself
(SORA_TRUSTED_KEYS), which whoever runs a container sets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ProfileError, StorageError
from ..files.changing import changing
from ..urls import origin
from .profiles import ENV, Profile

TRUSTED_KEYS = "SORA_TRUSTED_KEYS"  # VARIABLE@https://host, as many as there are, with spaces or commas between
_NO_KEY_GOES_TO = ("parse_url", "sentinel_url", "redirect_uri")


def origins_of(profile: Profile) -> set[str]:
    """What gets the profile's key: its servers, and the addresses that its extra names."""
    more = (url for name, url in profile.extra.items() if name.endswith("_url") and name not in _NO_KEY_GOES_TO)
    return _read_by(profile, map(_origin, (profile.base_url, *profile.servers, *more)))


def scope_of(profile: Profile) -> str:
    """The same as one text, which is sealed with the key."""
    return " ".join(sorted(origins_of(profile)))


def variables_of(profile: Profile) -> dict[str, str]:
    """The variables whose values the profile would send, and the scope that each would go to."""
    found = {}
    if profile.auth != "none":
        found[profile.key_env] = scope_of(profile)
    found[profile.extra.get("drafts_token_env", "").strip()] = scope_of(profile)
    parse = _read_by(profile, (_origin(profile.extra.get("parse_url", "")),))
    found[profile.extra.get("parse_token_env", "").strip()] = " ".join(sorted(parse))
    return {variable: scope for variable, scope in found.items() if variable and scope}


def _read_by(profile: Profile, origins: Iterable[str]) -> set[str]:
    """With the proxy that the profile names: it reads what goes to a server of plain http."""
    found = {*filter(None, origins)}
    return found | {_origin(profile.proxy)} - {""} if any(each.startswith("http:") for each in found) else found


def _origin(url: str) -> str:
    try:
        scheme, host, port = origin(url.strip())
    except ValueError:
        return ""
    place = f"[{host}]" if ":" in host else host
    return f"{scheme}://{place}{f':{port}' if port else ''}" if host else ""


class Trust:
    """The permissions of one state folder. Thread safe, and safe with several processes."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self.path = home / "trusted.json"
        self._environ = environ

    def missing(self, profile: Profile) -> dict[str, str]:
        """What the profile would send without permission: variable and scope. Raises ProfileError, StorageError."""
        if profile.embedded or profile.name == ENV:  # the latter's address comes from the environment, as its key does
            return {}
        wanted = variables_of(profile)
        if not any(self._environ.get(variable, "").strip() for variable in wanted):
            return {}
        allowed = self._allowed()
        return {
            variable: scope
            for variable, scope in wanted.items()
            if self._environ.get(variable, "").strip()
            and not set(scope.split()) <= allowed.get(variable, set()) | self._said(variable)
        }

    def check(self, profile: Profile) -> None:
        """Raises ProfileError that names the variable, where it would go, and how it is allowed."""
        for variable, scope in self.missing(profile).items():
            named = ",".join(f"{variable}@{origin}" for origin in scope.split())
            raise ProfileError(
                "profiles.variable_not_trusted", profile=profile.name, variable=variable, origin=scope, named=named
            )

    def allow(self, profile: Profile, variables: Iterable[str] | None = None) -> dict[str, str]:
        """The user's word for the profile's variables (or those of them), as its addresses are now."""
        wanted = variables_of(profile)
        chosen = {name: scope for name, scope in wanted.items() if variables is None or name in variables}
        if chosen:
            with changing(self.path) as file:
                allowed = _parsed(self.path, file.data)
                for variable, scope in chosen.items():
                    allowed[variable] = allowed.get(variable, set()) | set(scope.split())
                document = {"version": 1, "allowed": {name: sorted(each) for name, each in sorted(allowed.items())}}
                file.write(json.dumps(document, indent=1).encode())
        return chosen

    def _allowed(self) -> dict[str, set[str]]:
        try:
            return _parsed(self.path, self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError("profiles.cannot_read", path=self.path, reason=error.strerror) from error

    def _said(self, variable: str) -> set[str]:
        pairs = (each.partition("@") for each in re.split(r"[\s,]+", self._environ.get(TRUSTED_KEYS, "")))
        return {_origin(url) for name, at, url in pairs if at and name == variable}


def _parsed(path: Path, data: bytes) -> dict[str, set[str]]:
    if not data:
        return {}
    try:
        document: Any = json.loads(data)
        return {str(name): {str(each) for each in origins} for name, origins in document["allowed"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProfileError("profiles.trusted_damaged", path=path) from error
