"""By which signs a server of the OpenAI protocol can be told, from pages that cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ...transport import Reply
from .._answers import normalize
from .dialects import DIALECTS

PAGES = ("/openapi.json", "/swagger/doc.json")  # below the address without its /v1

# Whole runs of the conformance suite over a real server have shown that its own dialect serves it.
PROVEN = frozenset("aquiles dynamo fastvideo litellm sglang vllm-omni xinference".split())

_OWNERS = {
    "vllm": "vllm-omni",
    "vllm-omni": "vllm-omni",
    "sglang": "sglang",
    "tensorrt_llm": "tensorrt-llm",
    "nvidia": "dynamo",
    "fastvideo": "fastvideo",
    "xinference": "xinference",
    "aquiles": "aquiles",
}
_TITLES = {
    "litellm": "litellm",
    "sglang": "sglang",
    "fastvideo": "fastvideo",
    "aquiles": "aquiles",
    "localai": "localai",
    "dynamo": "dynamo",
    "tensorrt": "tensorrt-llm",
}
_HEADERS = {
    "x-litellm-version": "litellm",
    "x-oneapi-request-id": "new-api",
    "x-new-api-version": "new-api",
    "apim-request-id": "azure",
}
_HOSTS = {
    "aihubmix.com": "aihubmix",
    "openrouter.ai": "openrouter",
    "openai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
}


def dialect_of(url: str, replies: Mapping[str, Reply]) -> str:
    """The dialect that the answers speak for, by path; "" when they tell nothing."""
    host = (urlsplit(url).hostname or "").lower()
    for name, dialect in _HOSTS.items():
        if host == name or host.endswith("." + name):
            return dialect
    for reply in replies.values():
        for header, dialect in _HEADERS.items():
            if header in reply.headers:
                return dialect
    values = {path: normalize.parse(reply.body) for path, reply in replies.items() if reply.ok}
    for value in values.values():
        title = normalize.text_of(normalize.dig(value, "info.title")) or ""
        for word, dialect in _TITLES.items():
            if word in title.lower():
                return dialect
        if "/v1/videos/sync" in (normalize.dig(value, "paths") or ()):
            return "vllm-omni"
    return _by_models(normalize.dig(values.get("/models"), "data"))


def _by_models(entries: object) -> str:
    first = entries[0] if isinstance(entries, list) and entries else None
    if isinstance(first, dict) and "canonical_slug" in first:
        return "openrouter"
    return _OWNERS.get((normalize.text_of(normalize.dig(first, "owned_by")) or "").lower(), "")


def works_only_as_itself(dialect: str) -> bool:
    """Whether the default's multipart form is of no use to such a server."""
    facts = DIALECTS[dialect]
    return facts.synchronous or facts.inline is not None


def describes_itself(dialect: str) -> bool:
    """Whether what such a server says of itself is of use: that of a proxy is large, and of none of those behind it."""
    return not dialect or DIALECTS[dialect].hosted
