"""Keys: from the profile's environment variable, else from the credential store.

The store is two files for their owner only: `credentials.json` with AES-256-GCM sealed keys and
`credentials.key` with the keys that open them, see `master`. One without the other is worth nothing, so a
backup, a sync or a pasted config leaks no key; it does not protect from someone who reads both, unless a
passphrase or the system's keyring protects the second.

A key belongs to a server, not to a name: the origins that it goes to are sealed with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, MissingKey, ProfileError, StorageError
from ..files.changing import Changing, changing
from ..models import Secret
from ..urls import is_local
from .master import PROTECTIONS, MasterKeys, seal, unseal
from .profiles import Profile, is_proxy
from .trust import Trust, origins_of, scope_of

EVERYONES_PROXY = "SORA_PROXY"  # for every profile that names none of its own
_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"))
_SCHEME = re.compile(r"(?i)^bearer(\s+|$)")
_NOTE = "Sealed API keys of Sora Video Nodes. Useless without credentials.key; share neither."


class Credentials:
    """The keys of one state folder. Safe with several threads and processes: no change of one loses another's."""

    def __init__(self, home: Path, environ: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._store = home / "credentials.json"
        self._environ = os.environ if environ is None else environ
        self._masters = MasterKeys(home, self._environ)
        self.trust = Trust(home, self._environ)

    def source(self, profile: Profile) -> str:
        """Where the profile's key comes from: "none needed", "environment", "store" or "missing"."""
        if profile.embedded or profile.auth == "none":
            return "none needed"
        if self._environ.get(profile.key_env or "", "").strip():
            return "missing" if profile.key_env in self.trust.missing(profile) else "environment"
        sealed = self._read().get(profile.name)
        return "store" if sealed is not None and _is_for(sealed, profile) else "missing"

    def get(self, profile: Profile) -> Secret:
        """The profile's key; empty for `auth = "none"`.

        Raises ProfileError when it is missing, is another server's, or may not be sent to this one.
        """
        self.trust.check(profile)
        if profile.auth == "none":
            return Secret("")
        from_env = self._environ.get(profile.key_env or "", "").strip()
        if from_env:
            return Secret(_clean(from_env, f"The environment variable {profile.key_env}"))
        sealed = self._read().get(profile.name)
        if sealed is not None:
            return Secret(self._stored(profile, sealed))
        fix = "profiles.or_variable" if profile.key_env else None
        raise MissingKey("profiles.profile_has_no_key", profile=profile.name, variable=profile.key_env, fix=fix)

    def set(self, profile: Profile, key: str) -> None:
        """Stores a key for the servers that the profile names now. Raises InvalidRequest for what cannot be one."""
        text = _clean(key)
        with self._changing() as (file, keys):
            keys[profile.name] = self._sealed(profile, text)
            _write(file, keys)

    def seal(self, label: str, text: str) -> str:
        """The text so that only this store, asked with the same label, can read it.

        Raises ProfileError, StorageError.
        """
        masters = self._masters.read()
        if not masters:
            with changing(self._store):  # of two processes that begin, one makes the key
                masters = self._masters.read() or (self._masters.create(),)
        return seal(masters[0], label.encode(), text.encode())

    def unseal(self, label: str, sealed: str) -> str:
        """What `seal` was given. Raises ValueError when it is of another store or label, ProfileError."""
        for master in self._masters.read():
            try:
                return unseal(master, label.encode(), sealed).decode()
            except ValueError:
                continue
        raise ValueError("no key of this store opens it")

    def protection(self) -> str:
        """What protects the master key: "file", "passphrase" or "keyring". Raises ProfileError, StorageError."""
        return self._masters.protection()

    def renew(self, protection: str = "") -> None:
        """Seals everything with a new master key, protected as asked; "" for as it is.

        It may break off anywhere: until the end both keys are kept. Raises InvalidRequest, ProfileError, StorageError.
        """
        if protection and protection not in PROTECTIONS:
            raise InvalidRequest("profiles.no_such_protection", allowed=", ".join(PROTECTIONS))
        with self._changing() as (file, keys):
            old = self._masters.read()
            kind = protection or self._masters.protection()
            new = os.urandom(32)
            self._masters.write((new, *old), kind)
            for name, sealed in keys.items():
                label = _label(name, _scope_in(sealed))
                keys[name] = _entry(self.seal(label, self._opened(name, sealed)), _scope_in(sealed))
            _write(file, keys)
            all_new = [self._renew_tokens(path) for path in sorted((self.home / "tokens").glob("*.sealed"))]
            self._masters.write((new,) if all(all_new) else (new, *old), kind)

    def _renew_tokens(self, path: Path) -> bool:
        """Whether they are sealed anew: not those of versions that wrote no label beside, nor what does not open."""
        with changing(path) as file:
            label, _, sealed = file.data.decode("utf-8", "replace").rpartition("\n")
            try:
                text = self.unseal(label, sealed)
            except ValueError:
                return False
            file.write(f"{label}\n{self.seal(label, text)}".encode())
            return True

    def proxy(self, profile: Profile) -> Secret:
        """The proxy of the profile, else the one of SORA_PROXY for servers that are elsewhere; empty for none.

        Its address may hold a user and a password. Raises ProfileError for a variable that holds no proxy.
        """
        if profile.embedded:
            return Secret("")
        if profile.proxy_env:
            return self.proxy_named(profile.proxy_env, profile.name)
        if profile.proxy:
            return Secret(profile.proxy)
        everyone = self._environ.get(EVERYONES_PROXY, "").strip()
        return (
            self.proxy_named(EVERYONES_PROXY, profile.name)
            if everyone and not is_local(profile.base_url)
            else Secret("")
        )

    def proxy_named(self, variable: str, profile: str) -> Secret:
        """The proxy in an environment variable. Raises ProfileError, without what stands there."""
        url = self._environ.get(variable, "").strip()
        if not is_proxy(url):
            raise ProfileError("profiles.profile_environment_variable_holds_no", profile=profile, variable=variable)
        return Secret(url)

    def delete(self, name: str) -> bool:
        """Forgets a key and what was made of it; False when there was none."""
        with self._changing() as (file, keys):
            tokens_path(self.home, name).unlink(missing_ok=True)
            if keys.pop(name, None) is None:
                return False
            _write(file, keys)
            return True

    def rename(self, old: Profile, new: Profile) -> None:
        """A renamed profile's key, if one is stored, gets its new label. What was made of the key is forgotten."""
        with self._changing() as (file, keys):
            sealed = keys.get(old.name)
            if sealed is not None and _is_for(sealed, new):
                keys[new.name] = self._sealed(new, self._opened(old.name, sealed))
                del keys[old.name]
                _write(file, keys)
            tokens_path(self.home, old.name).unlink(missing_ok=True)

    def _stored(self, profile: Profile, sealed: Any) -> str:
        scope = _scope_in(sealed)
        if not _is_for(sealed, profile):
            raise ProfileError(
                "profiles.key_of_another_server", profile=profile.name, origin=scope, now=scope_of(profile)
            )
        key = self._opened(profile.name, sealed)
        if not scope:  # of a version that did not write it down: it is this server's from now on
            self._adopt(profile, sealed)
        return key

    def _adopt(self, profile: Profile, sealed: Any) -> None:
        with self._changing() as (file, keys):
            if keys.get(profile.name) == sealed:
                keys[profile.name] = self._sealed(profile, self._opened(profile.name, sealed))
                _write(file, keys)

    def _sealed(self, profile: Profile, key: str) -> Any:
        scope = scope_of(profile)
        return _entry(self.seal(_label(profile.name, scope), key), scope)

    def _opened(self, name: str, sealed: Any) -> str:
        try:
            return self.unseal(_label(name, _scope_in(sealed)), sealed if isinstance(sealed, str) else sealed["sealed"])
        except ValueError as error:
            raise ProfileError(
                "profiles.stored_key_profile_cannot_opened", name=name, store=self._store.name, key="credentials.key"
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            return self._parsed(self._store.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError("profiles.cannot_read", path=self._store, reason=error.strerror) from error

    def _parsed(self, data: bytes) -> dict[str, Any]:
        if not data:
            return {}
        try:
            keys = json.loads(data)["keys"]
            return {str(name): _checked(entry) for name, entry in keys.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ProfileError("profiles.damaged_left_as_2", store=self._store) from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[Changing, dict[str, Any]]]:
        with changing(self._store) as file:
            yield file, self._parsed(file.data)


def _write(file: Changing, keys: Mapping[str, Any]) -> None:
    file.write(json.dumps({"note": _NOTE, "version": 2, "keys": dict(keys)}, indent=1).encode())


def _label(name: str, scope: str) -> str:
    """What is sealed with a key: whose it is and where it goes. Version 1 sealed the name alone."""
    return f"{name}\n{scope}" if scope else name


def _entry(sealed: str, scope: str) -> Any:
    return {"origin": scope, "sealed": sealed} if scope else sealed


def _scope_in(entry: Any) -> str:
    return entry["origin"] if isinstance(entry, dict) else ""


def _is_for(entry: Any, profile: Profile) -> bool:
    """Whether the profile leads nowhere else; so does one of several servers. Version 1 did not write it down."""
    return not _scope_in(entry) or origins_of(profile) <= set(_scope_in(entry).split())


def _checked(entry: Any) -> Any:
    """Raises TypeError for what is no sealed key."""
    texts = (entry["origin"], entry["sealed"]) if isinstance(entry, dict) else (entry,)
    if not all(isinstance(text, str) and text for text in texts):
        raise TypeError("no sealed key")
    return entry


def tokens_path(home: Path, profile: str) -> Path:
    """What was made of a profile's key. A file for each: two processes do not write over each other's."""
    return home / "tokens" / f"{hashlib.sha256(profile.encode()).hexdigest()[:16]}.sealed"


def _clean(key: str, where: str = "") -> str:
    """The key without what comes along when one is pasted or stands in an env file: spaces, quotes, the scheme.

    Raises InvalidRequest that names ``where`` it stands.
    """
    text = _SCHEME.sub("", _unquoted(_SCHEME.sub("", _unquoted(key))))
    if not text or not text.isascii() or any(ord(char) < 33 or ord(char) == 127 or char in "\"'" for char in text):
        subject = f"{where} holds no key" if where else "That is not a key"
        raise InvalidRequest("profiles.must_one_word_plain_characters", subject=subject)
    return text


def _unquoted(text: str) -> str:
    text = text.strip()
    while len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        text = text[1:-1].strip()
    return text


def authorization(auth: str, key: Secret) -> dict[str, Secret]:
    """The headers that carry the key, by the profile's auth scheme."""
    if auth == "none" or not key:
        return {}
    if auth == "api-key":
        return {"api-key": key}
    return {"authorization": key if auth == "raw" else Secret(f"Bearer {key.reveal()}")}
