"""A request that the gateway refuses; each protocol says it in its own shape."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """HTTP ``status`` with a message, the field that is wrong, a code and a type."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    @property
    def kind(self) -> str:
        """Whose fault it is, in the words of OpenAI's errors."""
        return "invalid_request_error" if self.status < 500 else "server_error"


def invalid(param: str, message: str, code: str = "invalid_value") -> Refusal:
    return Refusal(400, message, param=param, code=code)
