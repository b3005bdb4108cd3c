"""The Sora web protocol as servers deviate from it, each below ``/sora-web~NAME``.

``~document`` to the letter of the document; ``~brief`` access tokens and links live for two seconds; ``~steep`` asks
for a proof of work of a second or so, ``~beyond`` for one that nobody finds, ``~no-pow`` for none and gives no
turnstile value; ``~unrotated`` keeps refresh tokens as they are; ``~late`` names the link of a finished draft on its
third listing; ``~finalized`` calls a cameo that before anybody has made it a character.
"""

from __future__ import annotations

from ..wire.sora_web._dialect import Dialect

DIALECTS = (
    Dialect("document", document=True),
    Dialect("brief", token_seconds=2, link_seconds=2),
    Dialect("steep", difficulty="0000f"),
    Dialect("beyond", difficulty="000000000000000f"),
    Dialect("no-pow", difficulty=None),
    Dialect("unrotated", rotates=False),
    Dialect("late", late=True),
    Dialect("finalized", says_finalized=True),
)
