"""The addresses of a server of this protocol, all below the base URL unless the profile's extra names others."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ...profiles.profiles import Profile
from .._parse_service import check_address, parse_url_of

_PATHS = {
    "backend_url": "/backend",
    "session_url": "/api/auth/session",
    "oauth_url": "/oauth/token",
    "sentinel_url": "/backend-api/sentinel/req",
}
SETTINGS = frozenset(_PATHS)


@dataclass(frozen=True)
class Addresses:
    """All of them whole URLs; ``home`` is the base URL as the user gave it."""

    home: str
    backend_url: str
    session_url: str
    oauth_url: str
    sentinel_url: str
    parse_url: str = ""

    @property
    def named(self) -> tuple[str, ...]:
        """All that get no access token."""
        extra = (self.parse_url,) if self.parse_url else ()
        return (self.session_url, self.oauth_url, self.sentinel_url, *extra)


def addresses_of(profile: Profile) -> Addresses:
    """Raises ProfileError for an address that is none, for an ended host, and for readable traffic."""
    home = profile.base_url.strip().rstrip("/").removesuffix("/backend")
    check_address(home, profile, "base_url")
    named = {name: profile.extra.get(name, "").strip().rstrip("/") for name in _PATHS}
    for name, url in named.items():
        if url:
            check_address(url, profile, name)
    urls = {name: named[name] or home + path for name, path in _PATHS.items()}
    return Addresses(home, **urls, parse_url=parse_url_of(profile))


def origin_of(url: str) -> str:
    """As a browser writes it into Origin and Referer."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
