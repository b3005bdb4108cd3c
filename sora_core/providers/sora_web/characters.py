"""Characters: a clip becomes a cameo; with a user name and a picture the cameo becomes a character.

Only the first step charges. The rest is done by whoever asks how the cameo is doing and finds it ready. The last
step is sent once a look, so that an answer that was lost is followed by a look at what became of it; a user name
that is made of the cameo's id is the same every time.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from ...errors import (
    BadResponse,
    NetworkError,
    ProfileError,
    RequestRejected,
    SoraError,
    SubmissionUnknown,
    Unsupported,
)
from ...models import Effect, Snapshot, State, Upload
from ...profiles.profiles import Profile
from ...requests.kinds import CharacterRequest
from ...transport import Call, Http
from .. import _relay as relay
from .._answers import normalize
from .settings import VISIBILITIES

log = logging.getLogger(__name__)

SETTINGS = frozenset(("character_visibility",))
CLIP_BYTES = 100 * 2**20
_PICTURE_TYPES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}
_NAMES = 5  # user names that are tried when one is taken


def check(request: CharacterRequest) -> None:
    """Raises Unsupported for a clip that is not of the protocol's one format."""
    if request.clip and request.clip.media_type != "video/mp4":
        raise Unsupported(
            "sora_web.clip_allowed_video_mp", filename=request.clip.filename, media_type=request.clip.media_type
        )


def visibility_of(profile: Profile) -> str:
    """What characters are made; "" leaves it to the server. Raises ProfileError."""
    wanted = profile.extra.get("character_visibility", "").strip()
    if wanted and wanted not in VISIBILITIES:
        raise ProfileError(
            "sora_web.profile_character_visibility_allowed",
            profile=profile.name,
            wanted=wanted,
            visibilities=", ".join(VISIBILITIES),
        )
    return wanted


def encode_create(request: CharacterRequest, generation_id: str) -> Call:
    """The call that charges: an upload, or a finished video by its generation id."""
    if request.clip:
        form = {"timestamps": relay.timestamps(request.start, request.end)}
        files = (("file", request.clip),)
        return Call("POST", "/characters/upload", Effect.CHARGE, form=form, files=files, timeout=300)
    part = [request.start, request.end]
    body = {"generation_id": generation_id, "character_id": None, "timestamps": part}
    return Call("POST", "/characters/from-generation", Effect.CHARGE, json=body, timeout=120)


def with_wishes(cameo_id: str, wishes: Mapping[str, str]) -> str:
    """The id with what its character is to be, for whoever finishes it: another process, days later."""
    return f"{cameo_id}?{urlencode(wishes)}" if wishes else cameo_id


def wanted_of(text: str) -> tuple[str, dict[str, str]]:
    """As `with_wishes` wrote it: the id, and `username` and `visibility`, where they are wished for."""
    cameo_id, _, wishes = text.partition("?")
    return cameo_id, dict(parse_qsl(wishes))


async def look(http: Http, cameo_id: str, name: str, wanted: Mapping[str, str], *, attempts: int) -> Snapshot:
    """How the cameo is doing; one that is ready is made a character first. ``name`` "": as the server suggests."""
    path = f"/project_y/cameos/in_progress/{quote(cameo_id, safe='')}"
    reply = await http.send(Call("GET", path, Effect.READ, timeout=30), attempts=attempts)
    cameo = normalize.parse(reply.body)
    if not isinstance(cameo, dict):
        raise BadResponse("sora_web.server_s_answer_no_character")
    state = state_of(cameo)
    if state is not State.SUCCEEDED:
        failure = normalize.job_failure(cameo) if state is State.FAILED else None
        return Snapshot(state, remote_id=cameo_id, progress=normalize.progress_of(cameo), failure=failure)
    made = await _finalized(http, cameo_id, cameo, name, wanted.get("username", ""))
    if wanted.get("visibility"):
        await _show(http, cameo_id, wanted["visibility"])
    return Snapshot(State.SUCCEEDED, remote_id=cameo_id, progress=100.0, result=made)


def state_of(cameo: dict[str, Any]) -> State:
    """Servers that say "processing" all the way write "Completed" into the message."""
    state, _ = normalize.state_of(cameo)
    said = normalize.text_of(cameo.get("status_message")) or ""
    if state is State.SUCCEEDED or said.lower() == "completed":
        return State.SUCCEEDED
    return State.FAILED if state in (State.FAILED, State.CANCELED) else State.RUNNING


def username_of(hint: str, cameo_id: str, attempt: int = 0, *, wanted: str = "") -> str:
    """The one that is wanted; else the part behind the last dot of the server's hint and three digits.

    Always the same for the same cameo.
    """
    if wanted and not attempt:
        return wanted
    hint = wanted or hint
    stem = re.sub(r"[^a-z0-9_]", "", hint.rpartition(".")[2].lower())[:24] or "character"
    digest = hashlib.sha256(f"{cameo_id} {attempt}".encode()).digest()
    return f"{stem}{int.from_bytes(digest[:4], 'big') % 1000:03}"


async def _finalized(http: Http, cameo_id: str, cameo: dict[str, Any], name: str, wanted: str) -> dict[str, str]:
    hint = normalize.text_of(cameo.get("username_hint")) or ""
    name = name or normalize.text_of(cameo.get("display_name_hint")) or username_of(hint, cameo_id)
    # where the answer was lost that made it one, the cameo's own id stands for it
    first = username_of(hint, cameo_id, wanted=wanted)
    known = {"id": cameo_id, "username": first, "cameo_id": cameo_id, "display_name": name}
    about = normalize.text_of(cameo.get("instruction_set_hint"))
    known |= {"instruction_set_hint": about} if about else {}
    pointer = await _picture(http, normalize.text_of(cameo.get("profile_asset_url")) or "")
    for attempt in range(_NAMES):
        username = username_of(hint, cameo_id, attempt, wanted=wanted)
        body = {
            "cameo_id": cameo_id,
            "username": username,
            "display_name": name,
            "profile_asset_pointer": pointer,
            "instruction_set": None,
            "safety_instruction_set": None,
        }
        try:
            reply = await http.send(Call("POST", "/characters/finalize", Effect.CHARGE, json=body, timeout=60))
        except SubmissionUnknown as error:
            raise NetworkError("sora_web.character_looked_at_again", reason=error.message, cameo_id=cameo_id) from error
        except RequestRejected as error:
            if error.code == "already_finalized":
                return known
            if error.code != "username_taken" or attempt == _NAMES - 1:
                raise
            continue
        character_id = normalize.text_of(normalize.dig(normalize.parse(reply.body), "character.character_id"))
        return {**known, "id": character_id or cameo_id, "username": username}
    raise BadResponse("sora_web.no_user_name_free_character")


async def _picture(http: Http, url: str) -> str:
    """Brings the picture that the server made back to it, as it wants; gives the pointer to it."""
    if not url:
        raise BadResponse("sora_web.character_ready_but_server_names")
    image = await http.send(Call("GET", url, Effect.READ, timeout=60, anonymous=True))
    kind = next((kind for head, kind in _PICTURE_TYPES.items() if image.body.startswith(head)), "webp")
    upload = Upload(image.body, f"image/{kind}", f"profile.{kind}")
    call = Call(
        "POST",
        "/project_y/file/upload",
        Effect.IDEMPOTENT,
        form={"use_case": "profile"},
        files=(("file", upload),),
        timeout=120,
    )
    pointer = normalize.text_of(normalize.dig(normalize.parse((await http.send(call)).body), "asset_pointer"))
    if not pointer:
        raise BadResponse("sora_web.server_took_picture_character_but")
    return pointer


async def show(http: Http, cameo_id: str, visibility: str) -> None:
    """Makes a character public or private, also one that was made long ago."""
    path = f"/project_y/cameos/by_id/{quote(cameo_id, safe='')}/update_v2"
    await http.send(Call("POST", path, Effect.IDEMPOTENT, json={"visibility": visibility}, timeout=30))


async def _show(http: Http, cameo_id: str, visibility: str) -> None:
    try:
        await show(http, cameo_id, visibility)
    except SoraError as error:  # the character is made and paid for: that must not be lost over who sees it
        log.warning("the character %s could not be made %s: %s", cameo_id, visibility, error.message)


def encode_delete(character_id: str) -> Call:
    return Call("DELETE", f"/project_y/characters/{quote(character_id, safe='')}", Effect.IDEMPOTENT, timeout=30)
