"""What the protocol's own codes stand for, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import AuthError, ModerationRejected, RequestRejected, SoraError
from ...transport import Reply
from .._answers import normalize

# what a code stands for beyond the shared rules (None: as they say); what to do is in `locales/`, by the code
CODES: Mapping[str, type[SoraError] | None] = {
    "bad_request": None,
    "token_expired": None,
    "token_invalidated": None,
    "Unauthorized": None,
    "invalid_grant": AuthError,
    "unsupported_country_code": AuthError,
    "phone_number_required": AuthError,
    "sentinel_block": RequestRejected,
    "rate_limit_exceeded": None,
    "rate_limit_exhausted": None,
    "heavy_load": None,
    "too_many_concurrent_tasks": None,
    "internal_error": None,
    "content_policy_violation": ModerationRejected,
    "safety_filter_triggered": ModerationRejected,
    "generation_failed": None,
    "timeout": None,
}


def judged(reply: Reply, error: SoraError) -> SoraError:
    """The shared rules' error for a reply that is not 2xx, with what this protocol knows better."""
    oauth = normalize.dig(normalize.parse(reply.body), "error")
    code = oauth if isinstance(oauth, str) and oauth in CODES else error.code
    if code is None or code not in CODES:
        return error
    kind = CODES[code]
    # a server that broke proves nothing, whatever it says
    settled = type(error) if kind is None or reply.status >= 500 else kind
    described = normalize.text_of(normalize.dig(normalize.parse(reply.body), "error_description"))
    said = f"{error.message} ({described})" if described else error.message
    fix = f"sora_web.{code}"
    return settled("said", said=said, provider=error.provider, code=code, retry_after=error.retry_after, fix=fix)
