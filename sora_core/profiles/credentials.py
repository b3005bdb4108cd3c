"""Keys: from the profile's environment variable, else from the credential store.

The store is two files for their owner only: `credentials.json` with AES-256-GCM sealed keys and
`credentials.key` with the key that opens them. One without the other is worth nothing, so a
backup, a sync or a pasted config leaks no key; it does not protect from someone who reads both.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, MissingKey, ProfileError, StorageError
from ..files.home import make_private_dir, write_private
from ..models import Secret
from ..transport.urls import is_local
from .profiles import Profile, is_proxy

EVERYONES_PROXY = "SORA_PROXY"  # for every profile that names none of its own
_KEY_BYTES = 32
_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"))
_SCHEME = re.compile(r"(?i)^bearer(\s+|$)")
_NOTE = "Sealed API keys of Sora Video Nodes. Useless without credentials.key; share neither."


class Credentials:
    """The keys of one state folder. Thread safe."""

    def __init__(self, home: Path, environ: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._store = home / "credentials.json"
        self._key = home / "credentials.key"
        self._environ = os.environ if environ is None else environ
        self._lock = threading.Lock()

    def source(self, profile: Profile) -> str:
        """Where the profile's key comes from: "none needed", "environment", "store" or "missing"."""
        if profile.embedded or profile.auth == "none":
            return "none needed"
        if self._environ.get(profile.key_env or "", "").strip():
            return "environment"
        return "store" if profile.name in self._read() else "missing"

    def get(self, profile: Profile) -> Secret:
        """The profile's key; empty for `auth = "none"`. Raises ProfileError when it is missing."""
        if profile.auth == "none":
            return Secret("")
        from_env = self._environ.get(profile.key_env or "", "").strip()
        if from_env:
            return Secret(_clean(from_env, f"The environment variable {profile.key_env}"))
        sealed = self._read().get(profile.name)
        if sealed is not None:
            return Secret(self._stored(profile.name, sealed))
        fix = "profiles.or_variable" if profile.key_env else None
        raise MissingKey("profiles.profile_has_no_key", profile=profile.name, variable=profile.key_env, fix=fix)

    def set(self, name: str, key: str) -> None:
        """Stores a key. Raises InvalidRequest for text that cannot be one."""
        text = _clean(key)
        with self._lock:
            self._write({**self._read(), name: self._seal(name, text)})

    def seal(self, label: str, text: str) -> str:
        """The text so that only this store, asked with the same label, can read it."""
        with self._lock:
            return self._seal(label, text)

    def unseal(self, label: str, sealed: str) -> str:
        """What `seal` was given. Raises ValueError when it is of another store or label."""
        from Crypto.Cipher import AES

        raw = base64.b64decode(sealed, validate=True)
        cipher = AES.new(self._master(create=False), AES.MODE_GCM, nonce=raw[:12])
        cipher.update(label.encode())
        return cipher.decrypt_and_verify(raw[28:], raw[12:28]).decode()

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
        with self._lock:
            tokens_path(self.home, name).unlink(missing_ok=True)
            keys = self._read()
            if keys.pop(name, None) is None:
                return False
            self._write(keys)
            return True

    def rename(self, name: str, new_name: str) -> None:
        """A renamed profile's key, if one is stored, gets its new label. What was made of the key is forgotten."""
        with self._lock:
            keys = self._read()
            sealed = keys.pop(name, None)
            if sealed is not None:
                self._write({**keys, new_name: self._seal(new_name, self._stored(name, sealed))})
            tokens_path(self.home, name).unlink(missing_ok=True)

    def _seal(self, label: str, text: str) -> str:
        from Crypto.Cipher import AES

        cipher = AES.new(self._master(create=True), AES.MODE_GCM, nonce=os.urandom(12))
        cipher.update(label.encode())
        data, tag = cipher.encrypt_and_digest(text.encode())
        return base64.b64encode(cipher.nonce + tag + data).decode()

    def _stored(self, name: str, sealed: str) -> str:
        try:
            return self.unseal(name, sealed)
        except (ValueError, KeyError) as error:
            raise ProfileError(
                "profiles.stored_key_profile_cannot_opened", name=name, store=self._store.name, key=self._key.name
            ) from error

    def _master(self, *, create: bool) -> bytes:
        try:
            master = base64.b64decode(self._key.read_bytes(), validate=True)
            if len(master) == _KEY_BYTES:
                return master
            raise ValueError("the key file is damaged")
        except FileNotFoundError:
            if not create:
                raise ValueError("no master key") from None
        except ValueError as error:
            if not create:
                raise
            raise ProfileError("profiles.damaged_left_as", key=self._key, store=self._store.name) from error
        except OSError as error:
            raise StorageError("profiles.cannot_read", path=self._key, reason=error.strerror) from error
        master = os.urandom(_KEY_BYTES)
        self._save(self._key, base64.b64encode(master))
        return master

    def _read(self) -> dict[str, str]:
        try:
            document: Any = json.loads(self._store.read_text("utf-8"))
            keys = document["keys"]
            return {str(name): str(sealed) for name, sealed in keys.items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError("profiles.cannot_read", path=self._store, reason=error.strerror) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError("profiles.damaged_left_as_2", store=self._store) from error

    def _write(self, keys: Mapping[str, str]) -> None:
        document = {"note": _NOTE, "version": 1, "keys": dict(keys)}
        self._save(self._store, json.dumps(document, indent=1).encode())

    def _save(self, path: Path, data: bytes) -> None:
        try:
            make_private_dir(path.parent)
            write_private(path, data)
        except OSError as error:
            raise StorageError("profiles.cannot_written", parent=path, reason=error.strerror) from error


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
