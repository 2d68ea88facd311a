"""Which headers keep their values. Pure."""

from __future__ import annotations

from ..codec.messages import TELLING
from ..core.values import Headers

KEPT = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow
    cache-control cf-cache-status cf-ray connection date etag expect expires host keep-alive
    idempotency-key if-match if-modified-since if-none-match if-range if-unmodified-since
    last-modified link location mcp-protocol-version origin pragma range referer
    request-id retry-after retry-after-ms server te trailer transfer-encoding upgrade user-agent
    vary via www-authenticate x-amz-crc32 x-amz-id-2 x-amz-request-id x-amzn-errortype x-amzn-requestid
    x-request-id x-should-retry apim-request-id
    """.split()
)
"""Headers, in lower case, whose values are kept; so are those that start with one of KEPT_PREFIXES."""

KEPT_PREFIXES = (
    "content-", "anthropic-", "openai-", "x-ratelimit-", "x-stainless-", "access-control-",
    "x-amzn-bedrock-", "x-amz-checksum-",
)  # fmt: skip

REDACTED = "x-tracefork-redacted"
"""The header that marks a stored body whose bytes are not those of the wire."""


def is_kept(low: str, keep: frozenset[str] = KEPT) -> bool:
    """True if the value of a header of this name, in lower case, is no secret; its text is looked through."""
    return low in keep or low == REDACTED or (low.startswith(KEPT_PREFIXES) and not TELLING.search(low))


def stored_decoded(headers: Headers) -> Headers:
    """Return the headers of a body that is kept decoded."""
    kept = tuple((n, v) for n, v in headers if n.lower() not in ("content-encoding", "content-length"))
    return (*kept, (REDACTED, "body stored decoded"))
