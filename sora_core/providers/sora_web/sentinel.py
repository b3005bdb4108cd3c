"""The sentinel: every charge and every post needs a token of its own, made of a challenge and a proof of work."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any

from ...errors import BadResponse, Overloaded
from ...models import Effect, Secret
from ...transport import Call, Http
from .._answers import normalize
from .addresses import Addresses, origin_of
from .identity import Identity
from .pow import check_difficulty, solve

SETTINGS = frozenset(("sentinel_proxy", "sentinel_proxy_env"))
FLOW = "sora_2_create_task__auto"
_FIRST, _SECOND, _END = "gAAAAAC", "gAAAAAB", "~S"
_FIRST_DIFFICULTY = "0fffff"
_CHALLENGES = 3  # that may turn out to have no solution


async def sentinel_headers(http: Http, addresses: Addresses, identity: Identity) -> dict[str, Secret]:
    """The headers that a protected call goes out with; good for one. ``http`` may go through a proxy of its own.

    Raises BadResponse for a challenge that is beyond what is worked on here.
    """
    config = identity.config(origin_of(addresses.home))
    first = _FIRST + (await _solution(str(secrets.SystemRandom().random()), _FIRST_DIFFICULTY, config) or "")
    for _ in range(_CHALLENGES):
        challenge = await _challenge(http, addresses, identity, first)
        work = challenge.get("proofofwork")
        work = work if isinstance(work, dict) else {}
        p: str | None = first
        if work.get("required"):
            p = await _solution(str(work.get("seed", "")), str(work.get("difficulty", "")), config)
            p = _SECOND + p if p else None
        if p:
            turnstile = normalize.text_of(normalize.dig(challenge, "turnstile.dx")) or ""
            token = {"p": p + _END, "t": turnstile, "c": challenge["token"], "id": identity.device_id, "flow": FLOW}
            return {"openai-sentinel-token": Secret(json.dumps(token))}
    raise Overloaded("sora_web.no_proof_work_found_server")


async def _challenge(http: Http, addresses: Addresses, identity: Identity, first: str) -> Mapping[str, Any]:
    home = origin_of(addresses.sentinel_url)
    headers = {
        **identity.browser_headers(),
        "accept": "*/*",
        "content-type": "text/plain;charset=UTF-8",
        "origin": home,
        "referer": f"{home}/backend-api/sentinel/frame.html",
    }
    body = {"p": first, "id": identity.device_id, "flow": "sora_init"}
    call = Call(
        "POST", addresses.sentinel_url, Effect.IDEMPOTENT, json=body, headers=headers, timeout=30, anonymous=True
    )
    challenge = normalize.parse((await http.send(call)).body)
    if not isinstance(challenge, dict) or not normalize.text_of(challenge.get("token")):
        raise BadResponse("sora_web.sentinel_s_answer_holds_no")
    return challenge


async def _solution(seed: str, difficulty: str, config: list[Any]) -> str | None:
    """Off the event loop; a wait that is canceled ends the work too."""
    check_difficulty(difficulty)
    stop = threading.Event()
    try:
        return await asyncio.to_thread(solve, seed, difficulty, config, stop=stop)
    finally:
        stop.set()
