"""`sora-video name_`, as a script meets it."""

from __future__ import annotations

import json

from _command import Command


def test_it_says_what_it_found(command: Command) -> None:
    done = command("name_", "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"profile": "preview", "provider": "openai"}


def test_an_unknown_profile_is_refused(command: Command) -> None:
    assert command("name_", "--profile", "nobody").code == 2
