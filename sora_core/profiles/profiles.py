"""Profiles: the user's named connections, in a `profiles.toml` that is edited by hand or by command.

    [profiles.my-server]
    provider = "openai"
    base_url = "http://127.0.0.1:8000/v1"
    auth = "none"

The file holds no secret. Above the profiles, `ledger_env` may name the environment variable with the address of a
ledger that several hosts share. `preview` always exists; SORA_BASE_URL makes one named `env`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..errors import InvalidRequest, ProfileError, StorageError
from ..files.changing import Changing, changing
from ..redaction import redact
from ..requests.described import DescribedBody
from ..urls import holds_login, is_local, is_name, origin, shown_address
from .described import DescribedBodies, plain_address
from .prices import MILLION, parse_prices
from .toml_text import parted, tables_of, without

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
AUTH_SCHEMES = ("bearer", "raw", "api-key", "none")
PREVIEW = "preview"
ENV = "env"
_NUMBERS = (
    "requests_per_minute", "max_jobs", "poll_seconds", "max_submissions_per_day", "min_quota", "max_cost_per_day",
)  # fmt: skip
_MOST = 1e12  # of any number
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Profile:
    """One connection. ``poll_seconds`` 0, ``requests_per_minute`` 0 and ``max_jobs`` 0: the provider's own."""

    name: str
    provider: str = "openai"
    base_url: str = ""
    auth: str = "bearer"
    key_env: str = ""
    proxy: str = ""
    proxy_env: str = ""  # the environment variable that holds one with a password; goes before proxy
    requests_per_minute: int = 0
    max_jobs: int = 0
    poll_seconds: float = 0.0
    dialect: str = ""
    model: str = ""
    allow_http: bool = False
    paid: bool | None = None  # whether its jobs cost something; None: as the dialect says
    max_submissions_per_day: int = 0  # 0: no limit
    min_quota: float = 0.0  # submissions stop when less is left, in the unit of the provider's quota
    prices: tuple[str, ...] = ()  # lines as `prices` reads them
    currency: str = ""
    max_cost_per_day: float = 0.0  # in the currency, of 24 hours; 0: no limit
    servers: tuple[str, ...] = ()  # base URLs of several that do the same; base_url is the first of them
    extra: Mapping[str, str] = field(default_factory=dict)
    known_as: str = ""  # the name under which its requests are paid, since it was renamed
    embedded: bool = False  # the preview gateway: no URL of its own
    described: tuple[DescribedBody, ...] = field(default=(), compare=False)  # what its servers say of their routes

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, {redact(self.provider)}, {shown_address(self.base_url)})"

    @property
    def identity(self) -> str:
        """What requests are known by: it stays when the profile is renamed, so that nothing is paid again."""
        return self.known_as or self.name

    @property
    def max_cost_millionths(self) -> int:
        return round(self.max_cost_per_day * MILLION)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it leads."""
        return self.servers or (self.base_url,)

    def at_each_server(self) -> tuple[Profile, ...]:
        """The profile as it leads to each of its servers, the first first; itself where there is one."""
        return tuple(replace(self, base_url=url, servers=()) for url in self.servers) or (self,)

    def check(self) -> None:
        """Raises ProfileError for a value that cannot work, naming what is allowed."""
        if self.embedded:
            return
        where = f"Profile '{self.name}'"
        if self.auth not in AUTH_SCHEMES:
            raise ProfileError(
                "profiles.auth_not_known_allowed", where=where, auth=self.auth, auth_schemes=", ".join(AUTH_SCHEMES)
            )
        parse_prices(self.prices, where)
        for name in _NUMBERS:
            if not 0 <= getattr(self, name) < _MOST:
                raise ProfileError("profiles.must_number_from_on", where=where, name=name)
        if self.servers:
            self._check_servers(where)
        if holds_login(self.base_url) or holds_login(self.proxy):
            raise ProfileError("profiles.base_url_proxy_must_not", where=where)
        parts = _split(self.base_url)
        if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise ProfileError(
                "profiles.base_url_not_address_server",
                where=where,
                note=shown_address(self.base_url),
            )
        if self.proxy and not is_proxy(self.proxy):
            raise ProfileError("profiles.proxy_not_address_one_looks", where=where)
        if parts.scheme == "http" and not is_local(self.base_url) and not self.allow_http:
            raise ProfileError("profiles.plain_http_would_send_key", where=where, hostname=parts.hostname)

    def _check_servers(self, where: str) -> None:
        if self.base_url != self.servers[0]:
            raise ProfileError("profiles.servers_and_base_url", where=where)
        for each in self.at_each_server():
            each.check()
        origins = [origin(url) for url in self.servers]
        if len(set(origins)) < len(origins):
            raise ProfileError("profiles.server_twice", where=where)


PREVIEW_PROFILE = Profile(name=PREVIEW, provider="openai", auth="bearer", dialect="preview", embedded=True)
_FIELDS = {each.name: each for each in fields(Profile) if each.name not in ("name", "embedded", "described")}
EDITABLE = tuple(name for name in _FIELDS if name != "known_as")  # what a user sets, beside the name
_LISTS = ("prices", "servers")
_ADDRESSES = ("_url", "_proxy")  # how the names of those in extra end
_TOP: dict[str, type] = {"profiles": dict, "ledger_env": str}
_TYPES: dict[str, tuple[type, ...]] = {
    "requests_per_minute": (int,),
    "max_jobs": (int,),
    "poll_seconds": (int, float),
    "max_submissions_per_day": (int,),
    "min_quota": (int, float),
    "prices": (list, tuple),
    "servers": (list, tuple),
    "max_cost_per_day": (int, float),
    "allow_http": (bool,),
    "paid": (bool,),
    "extra": (dict,),
}


def _split(url: str) -> SplitResult | None:
    """The parts of a URL with a host; None for what is none."""
    try:
        parts = urlsplit(url.strip())
        return parts if parts.hostname and parts.port != 0 and is_name(parts.hostname) else None
    except ValueError:
        return None


def is_proxy(url: str) -> bool:
    """Whether it is the address of a proxy that can be used."""
    parts = _split(url)
    return parts is not None and parts.scheme in _PROXY_SCHEMES


class Profiles:
    """Reads and writes `profiles.toml`; the file is read again when it changed. Thread safe."""

    def __init__(self, home: Path, environ: Mapping[str, str] | None = None) -> None:
        self.path = home / "profiles.toml"
        self.described = DescribedBodies(home)
        self._environ = os.environ if environ is None else environ
        self._lock = threading.Lock()
        self._ledger_env = ""
        self._cached: tuple[tuple[int, int] | None, dict[str, Profile]] = (None, {})

    def all(self) -> dict[str, Profile]:
        """Every profile by name, `preview` first. Raises ProfileError naming file, line and key."""
        found = {PREVIEW: PREVIEW_PROFILE, **self._from_file()}
        from_env = self._from_environ()
        found = {**found, ENV: from_env} if from_env else found
        said = self.described.by_address()
        return {name: _described(each, said) for name, each in found.items()} if said else found

    def names(self) -> list[str]:
        """The names for a widget; only the built-in ones while the file cannot be read."""
        try:
            return list(self.all())
        except (ProfileError, StorageError):
            return [PREVIEW, *([ENV] if self._from_environ() else [])]

    def find(self, name: str) -> Profile | None:
        """The profile as it is; None when there is none, or the file cannot be read."""
        try:
            return self.all().get(name)
        except (ProfileError, StorageError):
            return None

    def get(self, name: str) -> Profile:
        """The profile, checked. Raises ProfileError; for every name while the file is damaged."""
        profile = self.get_unchecked(name)
        profile.check()
        return profile

    def get_unchecked(self, name: str) -> Profile:
        """The profile, also when its values cannot work. Raises ProfileError when there is none."""
        known = self.all()
        if name not in known:
            raise ProfileError("profiles.there_no_profile_there", name=name, known=", ".join(known))
        return known[name]

    def ledger_env(self) -> str:
        """The variable that holds the address of a shared ledger; empty when none is named. Raises ProfileError."""
        self._from_file()
        return self._ledger_env

    def written(self) -> dict[str, Profile]:
        """Those of the file, by name. Raises ProfileError naming file, line and key."""
        return dict(self._from_file())

    def get_as_written(self, name: str) -> Profile:
        """One of the file, also when its values cannot work. Raises ProfileError when there is none."""
        found = self._from_file()
        if name not in found:
            raise ProfileError("profiles.has_no_profile", path=self.path, name=name)
        return found[name]

    def add(self, profile: Profile) -> None:
        """Appends the profile; what is in the file, comments too, stays as it is."""
        _check_name(profile.name)
        profile.check()
        with changing(self.path) as file:
            text = self._decoded(file.data)
            known = self._parse(text)
            if profile.name in known:
                raise InvalidRequest("profiles.there_profile_already_remove_first", profile=profile.name)
            profile = _with_own_identity(profile, known.values())
            separator = "\n" if text and not text.endswith("\n\n") else ""
            new = text + ("" if text.endswith("\n") or not text else "\n") + separator + _toml(profile)
            self._write(file, new, {**known, profile.name: profile})

    def remove(self, name: str) -> None:
        """Takes the profile's tables out of the file. Raises ProfileError when there is none."""
        with changing(self.path) as file:
            text = self._decoded(file.data)
            known = self._parse(text)
            if name not in known:
                raise ProfileError("profiles.has_no_profile", path=self.path, name=name)
            kept = without(text, name)
            if name in self._parse(kept):
                raise ProfileError("profiles.writes_profile_form_only_hand", path=self.path, name=name)
            self._write(file, kept, {each: known[each] for each in known if each != name})

    def replace(self, name: str, profile: Profile) -> None:
        """Writes the profile in the place of the one of that name. Raises ProfileError, InvalidRequest."""
        _check_name(profile.name)
        with changing(self.path) as file:
            text = self._decoded(file.data)
            known = self._parse(text)
            if name not in known:
                raise ProfileError("profiles.has_no_profile", path=self.path, name=name)
            if profile.name != name and profile.name in known:
                raise InvalidRequest("profiles.there_profile_already", profile=profile.name)
            kept = without(text, name)
            if name in self._parse(kept):
                raise ProfileError("profiles.writes_profile_form_only_hand_2", path=self.path, name=name)
            before, after = parted(text, kept)
            new = before + _toml(profile) + ("\n" + after.lstrip("\n") if after.strip() else "")
            self._write(file, new, {**{each: known[each] for each in known if each != name}, profile.name: profile})

    def parse(self, text: str) -> dict[str, Profile]:
        """Profiles as the file writes them. Raises ProfileError."""
        return self._parse(text)

    def _from_file(self) -> dict[str, Profile]:
        with self._lock:
            try:
                stat = self.path.stat()
            except FileNotFoundError:
                self._ledger_env = ""
                return {}
            except OSError as error:
                raise StorageError("profiles.cannot_read", path=self.path, reason=error.strerror) from error
            stamp = (stat.st_mtime_ns, stat.st_size)
            if self._cached[0] != stamp:
                text = self._text()
                self._cached = (stamp, self._parse(text))
                self._ledger_env = self._document(text).get("ledger_env", "")
            return self._cached[1]

    def _from_environ(self) -> Profile | None:
        base_url = self._environ.get("SORA_BASE_URL", "").strip()
        if not base_url:
            return None
        key = bool(self._environ.get("SORA_API_KEY", "").strip())
        return Profile(
            name=ENV,
            provider=self._environ.get("SORA_PROVIDER", "").strip() or "openai",
            base_url=base_url,
            auth="bearer" if key or not is_local(base_url) else "none",
            key_env="SORA_API_KEY",
        )

    def _text(self) -> str:
        try:
            return self._decoded(self.path.read_bytes())
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise ProfileError("profiles.cannot_read", path=self.path, reason=error.strerror) from error

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProfileError("profiles.cannot_read", path=self.path, reason=error.reason) from error

    def _write(self, file: Changing, text: str, meant: Mapping[str, Profile]) -> None:
        """Raises ProfileError when the text would not say what is meant: then the file stays as it is."""
        try:
            data = text.encode("utf-8")
            says = self._parse(text)
        except UnicodeEncodeError as error:
            raise InvalidRequest("profiles.not_writable", path=self.path) from error
        if says != meant:
            raise ProfileError("profiles.not_writable", path=self.path)
        file.write(data)

    def _document(self, text: str) -> dict[str, Any]:
        try:
            document: dict[str, Any] = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
            _check_numbers(document)
        except tomllib.TOMLDecodeError as error:
            raise ProfileError("profiles.not_valid_toml", path=self.path, error=error) from error
        except (RecursionError, ValueError, OverflowError) as error:  # nested too deeply, a number too large
            raise ProfileError("profiles.not_valid_toml", path=self.path, error=type(error).__name__) from error
        wrong = set(document) - set(_TOP)
        wrong |= {name for name, kind in _TOP.items() if not isinstance(document.get(name, kind()), kind)}
        if wrong:
            listed = ", ".join(sorted(wrong))
            raise ProfileError("profiles.expected_only_tables_profiles_name", path=self.path, extra=listed)
        return document

    def _parse(self, text: str) -> dict[str, Profile]:
        tables = self._document(text).get("profiles", {})
        found = {name: self._profile(name, table) for name, table in tables.items()}
        identities = [each.identity for each in found.values()]
        twice = next((each for each in identities if identities.count(each) > 1), None)
        if twice is not None:
            raise ProfileError("profile_identity_twice", path=self.path, identity=twice)
        return found

    def _profile(self, name: str, table: Any) -> Profile:
        where = f"{self.path}, [profiles.{name}]"
        if not isinstance(table, dict):
            raise ProfileError("profiles.must_table", where=where)
        if name in (PREVIEW, ENV) or not _NAME.fullmatch(name):
            raise ProfileError("profiles.name_cannot_used_pick_another", where=where)
        for key, value in table.items():
            if key not in _FIELDS:
                raise ProfileError("profiles.not_known_allowed", where=where, key=key, fields=", ".join(_FIELDS))
            wanted = _TYPES.get(key, (str,))
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                raise ProfileError("profiles.must_type", where=where, key=key, name__=wanted[0].__name__)
        for key, value in table.get("extra", {}).items():
            if not isinstance(value, (str, int, float, list, dict)):
                raise ProfileError("profiles.extra_must_text_number_true", where=where, key=key)
        lists = {key: tuple(table.get(key, ())) for key in _LISTS}
        for key, lines in lists.items():
            if not all(isinstance(line, str) for line in lines):
                raise ProfileError("profiles.must_type", where=where, key=key, name__="list of texts")
        if lists["servers"]:
            table = {"base_url": lists["servers"][0], **table}
        extra = {key: _plain(value) for key, value in table.get("extra", {}).items()}
        return Profile(name=name, **{**table, **lists, "extra": extra})


def _described(profile: Profile, said: Mapping[str, list[DescribedBody]]) -> Profile:
    """The profile with what its servers said."""
    places = map(plain_address, profile.addresses)
    return replace(profile, described=tuple(body for place in places for body in said.get(place, ())))


def _check_numbers(value: Any) -> None:
    """Raises OverflowError for a whole number of more than TOML's 64 bits, of which Python prints not every one."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise OverflowError
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_numbers(each)


def without_passwords(profile: Profile) -> Profile:
    """As it may be shown: addresses that were written by hand may hold one."""
    extra = {name: redact(value) for name, value in profile.extra.items()}
    extra |= {name: _bare(value) for name, value in extra.items() if name.endswith(_ADDRESSES) and holds_login(value)}
    texts = {name: getattr(profile, name) for name, kind in _FIELDS.items() if kind.type == "str"}
    # in a field where it does not belong, too
    addresses: dict[str, Any] = {
        name: _bare(text) for name, text in texts.items() if name in ("base_url", "proxy") or "://" in text
    }
    return replace(profile, **addresses, servers=tuple(map(_bare, profile.servers)), extra=extra)


def _bare(url: str) -> str:
    """Without the user, and what may be secret in the rest; nothing of what is no address."""
    return shown_address(url).removesuffix("***") if url else ""


def profile_of(name: str, values: Mapping[str, Any]) -> Profile:
    """From plain values, such as of a form. Raises ProfileError for an unknown field or a wrong type."""
    return Profiles(Path("profiles"), {})._profile(name, dict(values))


def toml_of(profile: Profile) -> str:
    """The profile's tables, without what only this file's history needs."""
    return _toml(replace(profile, known_as=""))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidRequest("profiles.no_name_profile_letters_digits", name=name)
    if name in (PREVIEW, ENV):
        raise InvalidRequest("profiles.name_taken_by_built_profile", name=name)


def _with_own_identity(profile: Profile, others: Collection[Profile]) -> Profile:
    """A name that another profile had before must not lead to that one's jobs."""
    taken = {each.identity for each in others}
    names = (profile.identity, *(f"{profile.name}#{number}" for number in range(2, len(taken) + 3)))
    free = next(each for each in names if each not in taken)
    return profile if free == profile.identity else replace(profile, known_as=free)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _toml(profile: Profile) -> str:
    """The profile as TOML tables; defaults are left out."""
    default, always = Profile(name=profile.name), ("provider", "base_url", "auth")
    values = {name: getattr(profile, name) for name in _FIELDS if name != "extra"}
    said = {name: value for name, value in values.items() if name in always or value != getattr(default, name)}
    return tables_of(profile.name, said, profile.extra)
