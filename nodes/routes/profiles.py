"""The user's connections. A key is written, and never read; what a pasted profile may read is bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...sora_core.connections import editing
from ...sora_core.connections.describing import described, protocols, usual_auth
from ...sora_core.doctor import Finding, examine
from ...sora_core.errors import InvalidRequest
from ...sora_core.profiles.profiles import profile_of
from .._engine import engine
from ._answers import Lines
from ._asked import Asked

_FIELDS_OF_ENVIRONMENT = ("key_env", "proxy_env")
# those that hold something else of the user's are no keys of a server
_OUR_VARIABLES = re.compile(r"(?!SORA_(?:PASSPHRASE|LEDGER|GATEWAY_KEY)$)SORA_[A-Z0-9_]{1,60}|")


def listed(asked: Asked) -> Any:
    asked.only()
    return [described(each, engine().credentials) for each in engine().profiles.all().values()]


def providers(asked: Asked) -> Any:
    """For a form: what there is to choose from."""
    asked.only()
    return protocols()


def add(asked: Asked) -> Any:
    asked.only("name", "settings")
    settings = dict(asked.mapping("settings"))
    _refuse_foreign_variables(settings, {})
    settings.setdefault("auth", usual_auth(settings))
    profile = profile_of(asked.text("name", most=64), settings)
    editing.add(engine().profiles, profile)
    if asked.is_from_here:
        editing.allow_named(engine().credentials, profile, settings)
    return _after(asked.text("name", most=64))


def edit(asked: Asked) -> Any:
    asked.only("name", "new_name", "settings")
    name = asked.text("name", most=64)
    settings = asked.mapping("settings")
    _refuse_foreign_variables(settings, editing.facts(engine().profiles.get_as_written(name)))
    new_name = asked.text("new_name", most=64, default="")
    new = engine().edit_profile(name, settings, new_name=new_name, may_allow=asked.is_from_here)
    return _after(new.name)


def duplicate(asked: Asked) -> Any:
    asked.only("name", "new_name")
    made = editing.duplicate(engine().profiles, asked.text("name", most=64), asked.text("new_name", most=64))
    return _after(made.name)


def remove(asked: Asked) -> Any:
    """Its stored key goes too; its jobs stay in the ledger."""
    name = asked.only("name").text("name", most=64)
    engine().profiles.remove(name)
    engine().credentials.delete(name)
    return {"removed": name}


def set_key(asked: Asked) -> Any:
    asked.only("profile", "key")
    profile = engine().profiles.get(asked.text("profile", most=64))
    if profile.embedded:
        raise InvalidRequest("route_preview_has_no_key")
    engine().credentials.set(profile, asked.text("key", most=20_000))
    return {"profile": profile.name, "key": engine().credentials.source(profile)}


def delete_key(asked: Asked) -> Any:
    return {"deleted": engine().credentials.delete(asked.only("profile").text("profile", most=64))}


def test(asked: Asked) -> Lines:
    """Doctor's findings, each when it is there. Only GETs leave, to the profile's own server."""
    name = asked.only("name").text("name", most=64)
    return Lines(lambda send: examine(engine(), name, lambda finding: send(_finding(finding))))


def quota(asked: Asked) -> Any:
    """A free read at the server."""
    return asdict(engine().quota(asked.only("name").text("name", most=64)).result())


def models(asked: Asked) -> Any:
    """What the server lists as its models, empty where it has no list. A free read, kept for some minutes."""
    profile = engine().profiles.get(asked.only("name").text("name", most=64))
    if profile.embedded:  # its gateway is not started for that
        return {"models": []}
    listed = engine().listed.fresh(profile)
    return {"models": engine().models(profile.name).result() if listed is None else listed}


def loras(asked: Asked) -> Any:
    """The LoRA that a request to the server can name, empty where it lists none. A free read; nothing is loaded."""
    profile = engine().profiles.get(asked.only("name").text("name", most=64))
    if profile.embedded:
        return {"loras": []}
    return {"loras": engine().ask(profile.name, lambda to: to.provider.lora_paths(to.http)).result()}


def export(asked: Asked) -> Any:
    asked.only()
    return {"toml": editing.exported(engine().profiles)}


def import_(asked: Asked) -> Any:
    """Adds what an export says; nothing that is there is changed, and no key comes with it."""
    text = asked.only("toml").text("toml", most=200_000)
    for profile in engine().profiles.parse(text).values():
        _refuse_foreign_variables(editing.facts(profile), {})
    return {"added": editing.imported(engine().profiles, text)}


def _finding(finding: Finding) -> dict[str, Any]:
    said = str(finding.error) if finding.error else finding.detail
    return {
        "check": finding.check,
        "ok": finding.ok,
        "detail": finding.detail,
        "said": said,
        "advice": dict(finding.advice),
    }


def _refuse_foreign_variables(settings: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Whoever reaches this page must not have any variable of the server sent to an address of their choice."""
    was = _variables(before)
    for field, value in _variables(settings).items():
        if value != was.get(field, "") and not (isinstance(value, str) and _OUR_VARIABLES.fullmatch(value.strip())):
            raise InvalidRequest("route_foreign_variable", field=field)


def _variables(settings: Mapping[str, Any]) -> dict[str, Any]:
    """By the fields that name them, those of `extra` too."""
    extra = settings.get("extra")
    more = extra.items() if isinstance(extra, Mapping) else ()
    named = {field: value for field, value in more if str(field).endswith("_env")}
    return named | {field: settings.get(field, "") for field in _FIELDS_OF_ENVIRONMENT}


def _after(name: str) -> dict[str, Any]:
    return described(engine().profiles.get(name), engine().credentials)
