"""Who this client says it is: one browser a profile, the same in every request, never changed by itself."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

from ...errors import ProfileError
from ...profiles.profiles import Profile

SETTINGS = frozenset(("user_agent", "language"))
USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
LANGUAGES = {"zh-CN": "zh-CN,zh", "en-US": "en-US,en", "ja-JP": "ja-JP,ja,en", "ko-KR": "ko-KR,ko,en"}
SCREENS = (1266, 1536, 1920, 2560, 3000, 3072, 3120, 3840)
CORES = (4, 8, 12, 16, 24, 32)
_HEAP_BYTES = 4_294_705_152
_STARTED = time.time()


@dataclass(frozen=True)
class Identity:
    """``device_id`` is a UUID of version 4; what the proof of work tells of a machine is made of it."""

    device_id: str
    user_agent: str = USER_AGENT
    language: str = "en-US"

    def headers(self) -> dict[str, str]:
        """What every request says."""
        return {"user-agent": self.user_agent, "oai-device-id": self.device_id, "oai-language": self.language}

    def browser_headers(self) -> dict[str, str]:
        """What a page in that browser says besides."""
        version = (re.search(r"Chrome/(\d+)", self.user_agent) or ["", "131"])[1]
        mobile = "Android" in self.user_agent
        systems = {"Android": "Android", "Windows": "Windows", "Macintosh": "macOS"}
        system = next((name for sign, name in systems.items() if sign in self.user_agent), "Linux")
        return {
            "user-agent": self.user_agent,
            "sec-ch-ua": f'"Not(A:Brand";v="8", "Chromium";v="{version}", "Google Chrome";v="{version}"',
            "sec-ch-ua-mobile": "?1" if mobile else "?0",
            "sec-ch-ua-platform": f'"{system}"',
        }

    def config(self, home: str, *, now: float | None = None) -> list[Any]:
        """The 18 elements that a proof of work is made over."""
        seconds = time.time() if now is None else now
        digest = hashlib.sha256(self.device_id.encode()).digest()
        weekday, day, month, year, clock, _ = format_datetime(datetime.fromtimestamp(seconds, timezone.utc)).split()
        return [
            SCREENS[digest[0] % len(SCREENS)],
            f"{weekday[:3]} {month} {day} {year} {clock} GMT+0000 (Coordinated Universal Time)",
            _HEAP_BYTES,
            0,
            self.user_agent,
            f"{home}/_next/static/chunks/main.js",
            None,
            self.language,
            LANGUAGES[self.language],
            2 + digest[1] % 9,
            "hardwareConcurrency\u2212" + str(CORES[digest[2] % len(CORES)]),
            "location",
            "window",
            round((seconds - _STARTED) * 1000, 1),
            self.device_id,
            "",
            CORES[digest[2] % len(CORES)],
            round(_STARTED * 1000, 2),
        ]


def identity_of(profile: Profile, device_id: str) -> Identity:
    """Raises ProfileError for a language that the protocol does not list."""
    language = profile.extra.get("language", "").strip() or "en-US"
    if language not in LANGUAGES:
        raise ProfileError(
            "sora_web.profile_language_allowed", profile=profile.name, language=language, languages=", ".join(LANGUAGES)
        )
    return Identity(device_id, profile.extra.get("user_agent", "").strip() or USER_AGENT, language)


def uuid4_of(text: str) -> str:
    """A UUID in the form of version 4 that is always the same for the same text."""
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))
