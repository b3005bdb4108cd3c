"""The parse service: an address that the user names, which finds the clean link of a shared post.

`POST {parse_url}/get-sora-link` with `{"url", "token"}` answers `{"download_link"}`. Two settings of a profile's
`extra` name it: `parse_url`, and `parse_token_env`, the environment variable that holds its token. The service
gets the link and its own token, never the key of the profile.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from ..errors import BadResponse, InvalidRequest, ProfileError
from ..models import Effect, Secret
from ..profiles.profiles import Profile
from ..transport import Call, Http
from ..urls import holds_login, is_local
from ._answers import normalize
from ._ended import refuse_ended

SETTINGS = frozenset(("parse_url", "parse_token_env"))
_SECONDS_TO_ANSWER = 120.0


@dataclass(frozen=True)
class ParseService:
    """Where it is and what it wants to be told."""

    url: str
    token: Secret


def parse_service(profile: Profile, environ: Mapping[str, str] | None = None) -> ParseService | None:
    """The service that the profile names; None when it names none. Raises ProfileError."""
    url = parse_url_of(profile)
    if not url:
        return None
    variable = profile.extra.get("parse_token_env", "").strip()
    token = (os.environ if environ is None else environ).get(variable, "").strip() if variable else ""
    if variable and not token:
        raise ProfileError(
            "parse_service.profile_environment_variable_parse_token", profile=profile.name, variable=variable
        )
    return ParseService(url, Secret(token))


def parse_url_of(profile: Profile) -> str:
    """Where the service is; "" when the profile names none. Raises ProfileError."""
    url = profile.extra.get("parse_url", "").strip().rstrip("/").removesuffix("/get-sora-link")
    if url:
        check_address(url, profile, "parse_url")
    return url


def check_address(url: str, profile: Profile, setting: str) -> None:
    """Raises ProfileError for what is no address of a server, for an ended host, and for readable traffic."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or holds_login(url):
        raise ProfileError("parse_service.profile_not_address_server_or", profile=profile.name, setting=setting)
    refuse_ended(url, profile=profile.name, setting=setting)
    if parts.scheme == "http" and not is_local(url) and not profile.allow_http:
        raise ProfileError(
            "parse_service.profile_plain_http_readable_anyone",
            profile=profile.name,
            setting=setting,
            hostname=parts.hostname,
        )


async def download_link(http: Http, service: ParseService, share_url: str) -> str:
    """The address of the clean file of a shared post. Asking again changes nothing and costs nothing here.

    Raises InvalidRequest for a link that is none, BadResponse for an answer without one.
    """
    address = share_url.strip()
    if not re.fullmatch(r"https?://\S+", address):
        raise InvalidRequest("parse_service.no_address_post_looks_like", address=address[:80])
    body = {"url": address, "token": service.token}
    url = f"{service.url}/get-sora-link"
    call = Call("POST", url, Effect.IDEMPOTENT, json=body, anonymous=True, timeout=_SECONDS_TO_ANSWER)
    reply = await http.send(call)
    link = normalize.text_of(normalize.dig(normalize.parse(reply.body), "download_link"))
    if not link or not link.startswith(("http://", "https://", "/")):
        raise BadResponse("parse_service.parse_service_s_answer_holds")
    return urljoin(url, link)
