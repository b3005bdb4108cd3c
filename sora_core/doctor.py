"""Looks at a profile from the outside in and says what is wrong and how to set it right. Never charges.

Every request is a GET. A page below `/health` is never asked for: LiteLLM's makes a video, which is charged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from .connection import Connection
from .credentials import authorization
from .engine import Engine
from .errors import (
    AuthError,
    BadResponse,
    ChallengePage,
    InputError,
    JobNotFound,
    NetworkError,
    ProfileError,
    QuotaExceeded,
    RequestRejected,
    ServerError,
    SoraError,
    Unsupported,
)
from .models import Call, Effect, GenerationRequest, Operation, Secret
from .providers import PROVIDERS, Provider
from .providers.signs import Sight, dialect_of, needs_its_dialect
from .transport import Http, Reply
from .transport.reach import obstacle
from .transport.urls import bare_url, origin

NO_JOB = "sora-video-doctor"  # an id and a page that no server has
_HEAD_BYTES = 2**18
_MOST_LOOKS = 40
_SIGNS = ("/openapi.json", "/swagger/doc.json")
