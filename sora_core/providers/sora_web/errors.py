"""What the protocol's own codes stand for, and what to do about them."""

from __future__ import annotations

from ...errors import AuthError, ModerationRejected, RequestRejected, SoraError
from ...transport import Reply
from .._answers import normalize

# code -> (class where the shared rules do not know it, fix, fix in Chinese)
CODES: dict[str, tuple[type[SoraError] | None, str, str]] = {
    "bad_request": (
        None,
        "Change what the message names.",
        "请按提示修改。",
    ),
    "token_expired": (
        None,
        "Store a new token with `sora-video profiles key`; a session or refresh token is renewed by itself.",
        "请用 sora-video profiles key 保存新令牌；session 或 refresh token 会自动续期。",
    ),
    "token_invalidated": (
        None,
        "The account signed out or signed in elsewhere: sign in again and store the new token.",
        "账户已在别处登出或登录：请重新登录并保存新令牌。",
    ),
    "Unauthorized": (
        None,
        "The server takes no such token, or the account has no Sora yet: `sora-video account activate`, "
        "`account invite CODE`.",
        "令牌不被接受，或账户尚未开通 Sora：可用 sora-video account activate 与 account invite。",
    ),
    "invalid_grant": (
        AuthError,
        "The refresh token is spent, or belongs to another client: sign in again, or set `client_id`.",
        "refresh token 已失效或不属于该 client_id：请重新登录或设置 client_id。",
    ),
    "unsupported_country_code": (
        AuthError,
        "The server does not serve the country that this address is in; its operator may name another way.",
        "所在地区不受支持，请咨询服务方。",
    ),
    "phone_number_required": (
        AuthError,
        "The account needs a phone number first: add one on the server's own page.",
        "账户需先在服务方页面绑定手机号。",
    ),
    "sentinel_block": (
        RequestRejected,
        "The server did not take the proof of work, twice; check the proxy of the sentinel, or wait and try again.",
        "服务器两次拒绝了验证：请检查 sentinel 代理，或稍后再试。",
    ),
    "rate_limit_exceeded": (None, "Wait a little, then run it again.", "请稍候重试。"),
    "rate_limit_exhausted": (
        None,
        "The account's videos are used up; `sora-video quota PROFILE` says when there are more.",
        "账户额度已用完；sora-video quota 可查看重置时间。",
    ),
    "heavy_load": (
        None,
        "The server is full; try again later.",
        "服务器负载过高，请稍后再试。",
    ),
    "too_many_concurrent_tasks": (
        None,
        "The account has as many jobs under way as it may; wait for one, or set `max_jobs`.",
        "并发任务已达上限：请等待，或设置 max_jobs。",
    ),
    "internal_error": (
        None,
        "Try again later.",
        "请稍后重试。",
    ),
    "content_policy_violation": (ModerationRejected, ModerationRejected.fix, ModerationRejected.fix_zh),
    "safety_filter_triggered": (ModerationRejected, ModerationRejected.fix, ModerationRejected.fix_zh),
    "generation_failed": (
        None,
        "The server could not make it; running again submits a new job.",
        "生成失败；再次运行会提交新任务。",
    ),
    "timeout": (
        None,
        "The server gave the job up; running again submits a new one.",
        "任务在服务端超时；再次运行会提交新任务。",
    ),
}


def judged(reply: Reply, error: SoraError) -> SoraError:
    """The shared rules' error for a reply that is not 2xx, with what this protocol knows better."""
    oauth = normalize.dig(normalize.parse(reply.body), "error")
    code = oauth if isinstance(oauth, str) and oauth in CODES else error.code
    if code not in CODES:
        return error
    kind, fix, fix_zh = CODES[code]
    # a server that broke proves nothing, whatever it says
    settled = type(error) if kind is None or reply.status >= 500 else kind
    described = normalize.text_of(normalize.dig(normalize.parse(reply.body), "error_description"))
    message = f"{error.message} ({described})" if described else error.message
    return settled(message, provider=error.provider, code=code, retry_after=error.retry_after, fix=fix, fix_zh=fix_zh)
