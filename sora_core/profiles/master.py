"""The key that opens the store, and what protects it: the file's rights, a passphrase, or the system's keyring.

`credentials.key` holds the store's master keys, newest first: the first one seals, each of them opens, so that a
rotation may break off anywhere. With a passphrase (scrypt) or the keyring the file holds them sealed.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ProfileError, StorageError
from ..files.home import make_private_dir, write_private

KEY_BYTES = 32
PROTECTIONS = ("file", "passphrase", "keyring")
PASSPHRASE = "SORA_PASSPHRASE"  # noqa: S105 (the name of a variable)
KEYRING = "SORA_KEYRING"
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}  # 32 MiB and a tenth of a second
_MOST_SCRYPT = 2**20  # n * r of a file, and 128 bytes of memory for each
_SERVICE = "sora-video-nodes"
_LABEL = b"master keys"


def seal(master: bytes, label: bytes, data: bytes) -> str:
    """AES-256-GCM: nonce, tag and text in base64; opens with the same label only."""
    from Crypto.Cipher import AES

    cipher = AES.new(master, AES.MODE_GCM, nonce=os.urandom(12))
    cipher.update(label)
    sealed, tag = cipher.encrypt_and_digest(data)
    return base64.b64encode(cipher.nonce + tag + sealed).decode()


def unseal(master: bytes, label: bytes, sealed: str) -> bytes:
    """Raises ValueError for what was sealed otherwise."""
    from Crypto.Cipher import AES

    raw = base64.b64decode(sealed, validate=True)
    cipher = AES.new(master, AES.MODE_GCM, nonce=raw[:12])
    cipher.update(label)
    return cipher.decrypt_and_verify(raw[28:], raw[12:28])


@dataclass(frozen=True)
class _Protection:
    """How the file protects the master keys; ``facts`` is what it says of it."""

    kind: str
    facts: Mapping[str, Any]


class MasterKeys:
    """Of one state folder. What is derived or asked of the keyring is kept for this process."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.path = folder / "credentials.key"
        self._environ = environ
        self._opened: tuple[bytes, tuple[bytes, ...]] | None = None  # what the file held, and the keys in it

    def read(self) -> tuple[bytes, ...]:
        """Newest first; empty when there are none. Raises ProfileError that says what would open them, StorageError."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError("profiles.cannot_read", path=self.path, reason=error.strerror) from error
        if self._opened is None or self._opened[0] != data:
            self._opened = (data, self._open(data))
        return self._opened[1]

    def create(self) -> bytes:
        """The first one of a new store, protected as the environment says."""
        kind = "passphrase" if self._passphrase() else "keyring" if self._environ.get(KEYRING, "").strip() else "file"
        master = os.urandom(KEY_BYTES)
        self.write((master,), kind)
        return master

    def protection(self) -> str:
        """One of PROTECTIONS: how the file is protected now. Raises ProfileError, StorageError."""
        self.read()
        return _parsed(self._opened[0]).kind if self._opened else "file"

    def write(self, masters: Sequence[bytes], kind: str) -> None:
        """Raises ProfileError where the protection is not to be had, StorageError."""
        text = ",".join(base64.b64encode(each).decode() for each in masters)
        facts: dict[str, Any] = {"version": 2, "protection": kind}
        if kind == "file":
            facts["masters"] = text
        else:
            facts |= self._new_facts(kind)
            facts["masters"] = seal(self._wrapper(_Protection(kind, facts)), _LABEL, text.encode())
        try:
            make_private_dir(self.path.parent)
            write_private(self.path, json.dumps(facts, indent=1).encode())
        except OSError as error:
            raise StorageError("profiles.cannot_written", parent=self.path, reason=error.strerror) from error

    def _new_facts(self, kind: str) -> dict[str, Any]:
        if kind == "passphrase":
            return {"salt": base64.b64encode(os.urandom(16)).decode(), **_SCRYPT}
        account = secrets.token_hex(16)
        _keyring().set_password(_SERVICE, account, base64.b64encode(os.urandom(KEY_BYTES)).decode())
        return {"account": account}

    def _open(self, data: bytes) -> tuple[bytes, ...]:
        found = _parsed(data)
        if found.kind == "":
            raise self._damaged()
        text = found.facts["masters"]
        try:
            if found.kind != "file":
                text = unseal(self._wrapper(found), _LABEL, text).decode()
            masters = tuple(base64.b64decode(each, validate=True) for each in text.split(","))
        except ValueError as error:
            text = {"passphrase": "profiles.passphrase_wrong", "keyring": "profiles.keyring_has_no_key"}.get(found.kind)
            raise ProfileError(text, key=self.path, variable=PASSPHRASE) if text else self._damaged() from error
        if any(len(each) != KEY_BYTES for each in masters):
            raise self._damaged()
        return masters

    def _damaged(self) -> ProfileError:
        return ProfileError("profiles.damaged_left_as", key=self.path, store="credentials.json")

    def _wrapper(self, protection: _Protection) -> bytes:
        """What seals the master keys. Raises ProfileError, ValueError."""
        facts = protection.facts
        if protection.kind == "keyring":
            held = _keyring().get_password(_SERVICE, str(facts.get("account", "")))
            return base64.b64decode(held or "", validate=True)
        from Crypto.Protocol.KDF import scrypt

        passphrase = self._passphrase()
        if not passphrase:
            raise ProfileError("profiles.passphrase_missing", key=self.path, variable=PASSPHRASE)
        n, r, p = (facts[name] for name in ("n", "r", "p"))
        if not all(isinstance(each, int) and each > 0 for each in (n, r, p)) or n * r > _MOST_SCRYPT or p > 16:
            raise ValueError("no usable parameters")
        salt = base64.b64decode(str(facts["salt"]), validate=True)
        return bytes(scrypt(passphrase, salt, KEY_BYTES, n, r, p))

    def _passphrase(self) -> str:
        return self._environ.get(PASSPHRASE, "")


def _parsed(data: bytes) -> _Protection:
    """What the file says of itself; the kind "" for nonsense. Before there were versions it was one key in base64."""
    if data[:1] != b"{":
        return _Protection("file", {"masters": data.decode("latin-1").strip()})
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        return _Protection("", {})
    kind = facts.get("protection")
    needed = {"file": {"masters"}, "passphrase": {"masters", "salt", "n", "r", "p"}, "keyring": {"masters", "account"}}
    is_whole = kind in PROTECTIONS and needed[kind] <= set(facts) and isinstance(facts["masters"], str)
    return _Protection(kind if is_whole else "", facts)


def _keyring() -> Any:
    """The system's keyring. Raises ProfileError where there is none."""
    try:
        keyring = importlib.import_module("keyring")
        usable = keyring.get_keyring().priority > 0
    except (ImportError, RuntimeError, AttributeError) as error:
        raise ProfileError("profiles.no_keyring", reason=type(error).__name__) from error
    if not usable:
        raise ProfileError("profiles.no_keyring", reason="no backend")
    return _Guarded(keyring)


class _Guarded:
    """A keyring whose refusals are our errors: it may be locked, or its daemon gone."""

    def __init__(self, keyring: Any) -> None:
        self._keyring = keyring

    def get_password(self, service: str, account: str) -> str | None:
        held: str | None = self._asked("get_password", service, account)
        return held

    def set_password(self, service: str, account: str, value: str) -> None:
        self._asked("set_password", service, account, value)

    def _asked(self, what: str, *arguments: str) -> Any:
        try:
            return getattr(self._keyring, what)(*arguments)
        except Exception as error:
            raise ProfileError("profiles.no_keyring", reason=type(error).__name__) from error
