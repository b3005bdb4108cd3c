"""Which ledger is used: the one that SORA_LEDGER names, else the state folder's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..clock import Clock
from ..errors import ProfileError, StorageError
from ..models import Secret
from ..profiles.profiles import Profiles
from .database import Database
from .ledger import FILE, Ledger
from .postgres import Postgres
from .shared import SharedLedger
from .sqlite import Sqlite

log = logging.getLogger(__name__)

VARIABLE = "SORA_LEDGER"
SCHEMES = ("postgresql", "postgres")


def address(variable: str = "", environ: Mapping[str, str] | None = None) -> Secret:
    """The shared ledger's address, from the environment; empty where there is none.

    ``variable`` is the one that the user named in the place of SORA_LEDGER; it must be there then. Raises
    ProfileError for what is no address.
    """
    name = variable or VARIABLE
    url = (os.environ if environ is None else environ).get(name, "").strip()
    if (variable or url) and not is_address(url):
        raise ProfileError("ledger.no_address", name=name)
    return Secret(url)


def is_address(text: str) -> bool:
    """Whether it is one of a database that hosts can share."""
    try:
        parts = urlsplit(text)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def shared_address(profiles: Profiles) -> Secret:
    """Of the ledger that the user of these profiles shares; empty where there is none. Raises ProfileError."""
    return address(profiles.ledger_env())


def open_ledger(home: Path, clock: Clock, url: Secret) -> Ledger:
    """The ledger of everybody who says the same ``url``, or of the state folder. Raises StorageError."""
    ledger = SharedLedger(home, clock, Postgres(url)) if url else Ledger(home, clock)
    try:
        moved_to = ledger.moved_to()
        if moved_to:
            raise StorageError("ledger.moved", ledger=ledger.name, to=moved_to)
        if url and (home / FILE).is_file():
            _warn_of_own(home, clock, ledger)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _warn_of_own(home: Path, clock: Clock, used: Ledger) -> None:
    """What only the folder's own ledger knows to be paid would be paid again."""
    own = Ledger(home, clock)
    if not own.moved_to() and own.jobs(1):
        log.warning("%s has jobs that %s may not know: `sora-video ledger copy` moves them", own.name, used.name)
    own.close()


def database_at(home: Path, clock: Clock, url: Secret) -> Database:
    """Opened. Raises StorageError."""
    return Postgres(url) if url else Sqlite(home / FILE, clock)
