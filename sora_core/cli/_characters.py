"""`character`: the library of characters, each tied to the profile that made it."""

from __future__ import annotations

import argparse
import contextlib
import json
from dataclasses import asdict
from pathlib import Path

from ..connections.connection import Connection
from ..engine import Engine
from ..errors import InvalidRequest, Unsupported
from ..files.names import is_file
from ..models import ClipForm, Operation, Upload
from ..providers.sora_web import SoraWeb
from ..providers.sora_web.characters import show as show_to
from ..providers.sora_web.settings import VISIBILITIES
from ..requests.checks import check_clip_form, check_operation
from ..requests.kinds import CharacterRequest
from ._parser import Add, add_action
from ._settings import add_settings, settings_given
from ._terminal import JSON_HELP, followed, say, show, show_json, wait


def add(command: Add) -> None:
    """Adds the commands to the parser."""
    subcommands = command("character").add_subparsers(required=True, metavar="ACTION")
    create = add_action(subcommands, "create", _create, "make a character from 1 to 3 seconds of a clip")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--profile", required=True, help="the connection")
    source = create.add_mutually_exclusive_group(required=True)
    source.add_argument("--video", default="", metavar="FILE", help="a clip, of which the part is uploaded")
    source.add_argument("--url", default="", help="address of a clip")
    source.add_argument("--from-job", default="", metavar="JOB", help="a finished job of the same profile")
    create.add_argument("--start", type=float, default=0.0, metavar="SECONDS",
                        help="where the part begins; default: %(default)s")  # fmt: skip
    create.add_argument("--end", type=float, default=3.0, metavar="SECONDS",
                        help="where the part ends; default: %(default)s")  # fmt: skip
    add_settings(create)
    create.add_argument("--json", action="store_true", help=JSON_HELP)
    listing = add_action(subcommands, "list", _list, "the library")
    listing.add_argument("--json", action="store_true", help=JSON_HELP)
    rename = add_action(subcommands, "rename", _rename, "give a character another name here")
    rename.add_argument("name", metavar="NAME")
    rename.add_argument("new_name", metavar="NEW_NAME")
    rename.add_argument("--profile", required=True, help="the connection")
    visible = add_action(
        subcommands, "visibility", _visibility, "make a character public or private, where the protocol can"
    )
    visible.add_argument("name", metavar="NAME")
    visible.add_argument("visibility", choices=VISIBILITIES)
    visible.add_argument("--profile", required=True, help="the connection")
    delete = add_action(subcommands, "delete", _delete, "take a character out of the library")
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("--profile", required=True, help="the connection")
    delete.add_argument("--remote", action="store_true", help="off the server too, where the protocol can")


def _create(engine: Engine, arguments: argparse.Namespace) -> int:
    clip, start, end = _clip(engine, arguments)
    request = CharacterRequest(
        clip=clip,
        source_url=arguments.url,
        source_id=engine.source_id(arguments.from_job, arguments.profile) if arguments.from_job else "",
        start=start,
        end=end,
        settings=settings_given(arguments.settings, arguments.set),
    )
    character = followed(lambda line: engine.create_character(request, arguments.profile, arguments.name, line))
    if arguments.json:
        show_json(asdict(character))
    else:
        show(character.name)
    return 0


def _clip(engine: Engine, arguments: argparse.Namespace) -> tuple[Upload | None, float, float]:
    """The part of the clip as a file of its own, and where the character is in it."""
    start, end = arguments.start, arguments.end
    if not arguments.video:
        return None, start, end
    from ..media.cut import part_of_clip

    can = engine.capabilities(arguments.profile)
    check_operation(Operation.CREATE_CHARACTER, can, arguments.profile)
    check_clip_form(ClipForm.FILE, can, arguments.profile)
    path = Path(arguments.video)
    with contextlib.suppress(RuntimeError):  # there is no such home
        path = path.expanduser()
    if not is_file(path):
        raise InvalidRequest("cli.there_no_file", path=path)
    return part_of_clip(path, start, end, can.clip_bytes_limit), 0.0, end - start


def _list(engine: Engine, arguments: argparse.Namespace) -> int:
    characters = engine.ledger.characters.all()
    if arguments.json:
        show_json([asdict(each) for each in characters])
        return 0
    for each in characters:
        show(f"{each.name:20} {each.profile:16} {each.character_id}  {'@' + each.username if each.username else ''}")
    return 0


def _rename(engine: Engine, arguments: argparse.Namespace) -> int:
    library, new_name = engine.ledger.characters, arguments.new_name.strip()
    character = library.pick(arguments.profile, arguments.name)
    library.rename(character, new_name)
    say(f"The character '{character.name}' is called '{new_name}' now.")
    return 0


def _visibility(engine: Engine, arguments: argparse.Namespace) -> int:
    character = engine.ledger.characters.pick(arguments.profile, arguments.name)
    # servers are asked by the id that it had in the making, which the library does not hold
    made = (json.loads(job.result or "null") or {} for job in engine.ledger.all_jobs())
    making = next((each.get("cameo_id") for each in made if each.get("id") == character.character_id), None)
    if not making:
        raise InvalidRequest("cli.character_of_no_job", name=character.name)

    async def shown(connection: Connection) -> None:
        if not isinstance(connection.provider, SoraWeb):
            raise Unsupported("cli.no_visibility", profile=arguments.profile, protocol=connection.provider.name)
        await show_to(connection.http, making, arguments.visibility)

    wait(engine.ask(arguments.profile, shown))
    say(f"The character '{character.name}' is {arguments.visibility} now.")
    return 0


def _delete(engine: Engine, arguments: argparse.Namespace) -> int:
    character = engine.ledger.characters.pick(arguments.profile, arguments.name)
    if arguments.remote:

        async def off(connection: Connection) -> None:
            await connection.provider.delete_character(connection.http, character.character_id)

        wait(engine.ask(arguments.profile, off))
    engine.ledger.characters.delete(character)
    where = " and off the server" if arguments.remote else "; on the server it stays"
    say(f"The character '{character.name}' is out of the library{where}.")
    return 0
