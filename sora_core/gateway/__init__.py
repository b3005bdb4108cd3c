"""The preview gateway: a real server on loopback that speaks the wire protocols, keeps books, renders animatics.

It is the keyless preview of the product and the server that the tests run against. Importing it loads
aiohttp; the picture and codec libraries are loaded with the first job.

To add a protocol, write one file in ``wire/`` that parses its requests into an ``Order`` and shapes answers
and errors (the ``Wire`` of ``core``), and, if it has operations of a new kind, name those in
``faults.OPERATIONS``.
"""

from __future__ import annotations

from .command import serve
from .faults import FaultRule
from .server import Gateway

__all__ = ["FaultRule", "Gateway", "serve"]
