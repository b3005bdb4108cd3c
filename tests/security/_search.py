"""Where a secret stands, in which spelling: in bytes, in what a database packs, in what a clip carries along."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

Place = tuple[str, bytes]  # its name, and what stands there


def spellings(secret: str) -> dict[str, bytes]:
    """What a search would find it by."""
    data = secret.encode()
    forms = {
        "plain": secret,
        "json": json.dumps(secret)[1:-1],
        "slashes": secret.replace("/", "\\/"),
        "unicode": "".join(f"\\u{ord(char):04x}" for char in secret),
        "percent": quote(secret, safe=""),
        "percent of percent": quote(quote(secret, safe=""), safe=""),
        "html": html.escape(secret),
        "html numbers": "".join(f"&#{ord(char)};" for char in secret),
        "hex": data.hex(),
    }
    for before in range(3):
        core = base64.b64encode(bytes(before) + data).decode()[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        forms[f"base64 {before}"] = core
        forms[f"base64url {before}"] = core.replace("+", "-").replace("/", "_")
    found = {name: form.encode() for name, form in forms.items()}
    found["cut"] = data[: max(16, len(data) * 2 // 3)]
    found["utf-16"] = secret.encode("utf-16-le")
    return found


def hits(places: Iterable[Place], secrets: Mapping[str, str]) -> list[str]:
    """Where which secret stands in which spelling."""
    forms = {(name, how): form.lower() for name, secret in secrets.items() for how, form in spellings(secret).items()}
    found = []
    for where, data in places:
        lower = data.lower()
        found += [f"{where}: {name} ({how})" for (name, how), form in forms.items() if form in lower]
    return found


def files_below(folder: Path) -> Iterator[Place]:
    """Every file with its name, and what is packed or torn apart in its bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            where, data = path.relative_to(folder).as_posix(), path.read_bytes()
            yield where, data
            yield f"the name of {where}", where.encode()
            if data.startswith(b"SQLite format 3"):
                yield from _values_of(where, path)
            if data[4:8] == b"ftyp":
                yield f"metadata of {where}", _metadata_of(path)


def _values_of(where: str, path: Path) -> Iterator[Place]:
    """Whole and unpacked: in the file a long one is torn over pages, and graphs are packed."""
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            values = (value for row in db.execute(f'SELECT * FROM "{table}"') for value in row if value is not None)
            yield f"{where}, table {table}", b"\n".join(map(_plain, values))


def _plain(value: object) -> bytes:
    if isinstance(value, bytes):
        with contextlib.suppress(zlib.error):
            return zlib.decompress(value)
        return value
    return str(value).encode()


def _metadata_of(path: Path) -> bytes:
    import av

    with av.open(str(path)) as container:
        said = [container.metadata, *(stream.metadata for stream in container.streams)]
    return "\n".join(f"{name}={value}" for each in said for name, value in each.items()).encode()
