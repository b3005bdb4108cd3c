"""The character library, in the ledger's file: who was made once, picked by name ever after."""

from __future__ import annotations

from dataclasses import fields, replace

from ..errors import InvalidRequest
from ..models import Character
from .database import Database

_FIELDS = tuple(each.name for each in fields(Character))
_COLUMNS = ", ".join(f'"{name}"' for name in _FIELDS)
_SAVE = (
    f"INSERT INTO characters ({_COLUMNS}, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (profile, name)"  # noqa: S608 (own)
    " DO UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in (*_FIELDS, "created_at"))
)


class CharacterLibrary:
    """Characters, each tied to the profile that made it. Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database

    def all(self) -> list[Character]:
        """By profile and name."""
        with self._file.read() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM characters ORDER BY profile, name").fetchall()  # noqa: S608 (own)
        return [Character(**dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def pick(self, profile: str, name: str) -> Character:
        """The one of that name, also as "@name". Raises InvalidRequest, naming its owner or the ones there are."""
        characters = self.all()
        fitting = [each for each in characters if each.name == name.strip().removeprefix("@")]
        for each in fitting:
            if each.profile == profile:
                return each
        if fitting:
            owners = ", ".join(f"'{each.profile}'" for each in fitting)
            raise InvalidRequest("ledger.character_belongs_profile_not", name=name, owners=owners, profile=profile)
        known = ", ".join(each.name for each in characters if each.profile == profile) or "none yet"
        raise InvalidRequest("ledger.profile_has_no_character_there", profile=profile, name=name, known=known)

    def add(self, character: Character) -> Character:
        """The character under its name, numbered when another one has it: a paid one is never written over."""
        names = {each.name: each.character_id for each in self.all() if each.profile == character.profile}
        wanted = (character.name, *(f"{character.name} {number}" for number in range(2, len(names) + 3)))
        free = next(name for name in wanted if names.get(name, character.character_id) == character.character_id)
        named = replace(character, name=free)
        self._save(named)
        return named

    def rename(self, character: Character, name: str) -> None:
        """Raises InvalidRequest for a name that cannot be or is taken."""
        check_name(name)
        if not name:
            raise InvalidRequest("ledger.new_name_character_empty")
        if any(each.name == name and each.profile == character.profile for each in self.all()):
            raise InvalidRequest("ledger.profile_has_character_already", profile=character.profile, name=name)
        self._save(replace(character, name=name))
        self.delete(character)

    def delete(self, character: Character) -> None:
        """Takes it out of the library, not off the server."""
        with self._file.change() as db:
            db.execute("DELETE FROM characters WHERE profile = ? AND name = ?", (character.profile, character.name))

    def _save(self, character: Character) -> None:
        with self._file.change() as db:
            db.execute(_SAVE, (*(getattr(character, name) for name in _FIELDS), db.now()))


def check_name(name: str) -> None:
    """Raises InvalidRequest for a name that could not be written into a list of characters; empty is none."""
    if "," in name or name.startswith("@"):
        raise InvalidRequest("ledger.no_name_character_holds_comma", name=name)
