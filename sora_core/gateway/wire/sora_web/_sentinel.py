"""The proof of work: a challenge that is good for one request, and the check of what a client made of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ...core import Core, Incoming, Route
from ...forms import Fields, read_json
from ...recent import Recent
from ...refusal import Refusal
from ._dialect import Dialect
from ._tokens import check_headers

FLOW = "sora_2_create_task__auto"

_FIRST, _SECOND, _END = "gAAAAAC", "gAAAAAB", "~S"
_OFFICIAL = "https://chatgpt.com"
_FRAME = "/backend-api/sentinel/frame.html"
_LIFE_SECONDS = 600
_TEXT, _NUMBER = (str,), (int, float)
_CONFIG: tuple[tuple[type, ...], ...] = (
    (int,),  # width of the screen
    _TEXT,  # local time
    (int,),  # limit of the heap
    (int,),  # iteration
    _TEXT,  # user agent
    _TEXT,  # script
    (str, type(None)),
    _TEXT,  # language
    _TEXT,  # languages
    (int,),  # second counter
    _TEXT,  # key of the navigator
    _TEXT,  # key of the document
    _TEXT,  # key of the window
    _NUMBER,  # performance time
    _TEXT,  # UUID
    _TEXT,  # empty
    (int,),  # cores
    _NUMBER,  # time origin
)


@dataclass(frozen=True)
class _Challenge:
    id: str
    first: str
    turnstile: str
    seed: str
    difficulty: str | None
    issued: float


class Sentinel:
    """Shared by all dialects."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._open: Recent[_Challenge] = Recent()

    def routes(self, dialect: Dialect) -> tuple[Route, ...]:
        async def challenge(call: Incoming) -> web.StreamResponse:
            return await self._issue(call.request, dialect)

        return (Route("POST", "/backend-api/sentinel/req", "sentinel", "sentinel", challenge, open=True),)

    async def _issue(self, request: web.Request, dialect: Dialect) -> web.Response:
        kinds = ("text/plain",) if dialect.document else ("text/plain", "application/json")
        if request.content_type not in kinds:
            raise Refusal(400, "Content-Type must be text/plain;charset=UTF-8.", param="Content-Type")
        check_headers(request, {"Accept": "*/*"}, _OFFICIAL, _FRAME)
        for name in ("User-Agent", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"):
            if not request.headers.get(name):
                raise Refusal(400, f"The header {name} is required.", param=name)
        fields = _object(await request.read())
        first, request_id = str(fields.get("p", "")), str(fields.get("id", ""))
        flows = ("sora_init",) if dialect.document else ("sora_init", "sora_2_create_task")
        if set(fields) != {"p", "id", "flow"} or fields["flow"] not in flows:
            raise Refusal(400, f"The body must be p, id and flow, and flow {flows[0]}.", param="flow")
        if not is_uuid(request_id, 4):
            raise Refusal(400, "id must be a UUID of version 4.", param="id")
        if not first.startswith(_FIRST) or not _is_config(first[len(_FIRST) :]):
            raise Refusal(400, f"p must be {_FIRST} and an encoded configuration.", param="p")
        token = secrets.token_urlsafe(48)
        seed = str(secrets.SystemRandom().random())
        turnstile = "" if dialect.difficulty is None else secrets.token_urlsafe(24)
        now = self._core.clock.now()
        self._open[token] = _Challenge(request_id, first, turnstile, seed, dialect.difficulty, now)
        if dialect.difficulty is None:
            return web.json_response({"token": token, "proofofwork": {"required": False}})
        work = {"required": True, "seed": seed, "difficulty": dialect.difficulty}
        return web.json_response({"token": token, "turnstile": {"dx": turnstile}, "proofofwork": work})

    def check(self, request: web.Request, dialect: Dialect) -> None:
        """Refuses a request without a proof made for it; uses the proof up."""
        given = request.headers.get("OpenAI-Sentinel-Token")
        if not given:
            raise _blocked("The header OpenAI-Sentinel-Token is missing.")
        try:
            proof = _object(given.encode("utf-8", "surrogateescape"))
        except Refusal as refusal:
            raise _blocked("The sentinel token is no JSON object.") from refusal
        if set(proof) != {"p", "t", "c", "id", "flow"} or not all(isinstance(value, str) for value in proof.values()):
            raise _blocked("The sentinel token must have p, t, c, id and flow, all of them text.")
        challenge = self._open.pop(proof["c"], None)
        if challenge is None or self._core.clock.now() - challenge.issued > _LIFE_SECONDS:
            raise _blocked("The sentinel token is unknown, used or too old.")
        if (proof["t"], proof["id"], proof["flow"]) != (challenge.turnstile, challenge.id, FLOW):
            raise _blocked(f"t and id must be those of the challenge, flow must be {FLOW}.")
        if not _solves(proof["p"], challenge):
            raise _blocked("The proof of work is wrong.")
        device = request.headers.get("OAI-Device-Id")
        if device is None and dialect.document:
            return
        if device != challenge.id and not (dialect.document and is_uuid(device)):
            raise _blocked("The header OAI-Device-Id must be the id of the sentinel token.")


def _solves(p: str, challenge: _Challenge) -> bool:
    if challenge.difficulty is None:
        return p == challenge.first + _END
    if not p.startswith(_SECOND) or not p.endswith(_END):
        return False
    solution = p[len(_SECOND) : -len(_END)]
    return is_solution(solution, challenge.seed, challenge.difficulty) and _is_config(solution)


def is_solution(solution: str, seed: str, difficulty: str) -> bool:
    """Compared as text: a difficulty may have an odd number of digits."""
    digest = hashlib.sha3_512((seed + solution).encode("utf-8", "surrogateescape")).hexdigest()
    return digest[: len(difficulty)] <= difficulty.lower()


def _is_config(text: str) -> bool:
    try:
        config = read_json(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
    return (
        isinstance(config, list)
        and len(config) == len(_CONFIG)
        and all(isinstance(value, kinds) for value, kinds in zip(config, _CONFIG, strict=True))
        and not any(isinstance(value, bool) for value in config)
        and is_uuid(config[14])
    )


def is_uuid(text: object, version: int | None = None) -> bool:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.IGNORECASE):
        return False
    return version is None or uuid.UUID(text).version == version


def _object(data: bytes) -> Fields:
    try:
        value: Any = read_json(data)
    except ValueError as error:
        raise Refusal(400, f"The body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refusal(400, "The body must be a JSON object.")
    return value


def _blocked(message: str) -> Refusal:
    return Refusal(400, f"Request blocked by the sentinel. {message}", code="sentinel_block")
