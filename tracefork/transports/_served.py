"""What a replay may change of a recorded answer before the agent sees it. The tape stays as it is."""

from __future__ import annotations

from ..core.values import Headers

RETRIED = frozenset({408, 409, 425, 429})
"""Statuses that SDKs try again on, beside all from 500 up."""

RETRY_AFTER = frozenset({"retry-after", "retry-after-ms"})


def is_retried(status: int) -> bool:
    """True if SDKs are likely to ask again on `status`."""
    return status in RETRIED or status >= 500  # noqa: PLR2004


def at_once(headers: Headers) -> Headers:
    """Return `headers` as if the server had said to retry at once, so that no SDK sleeps.

    A millisecond, for SDKs take zero for no answer and then back off by themselves.
    """
    others = tuple(pair for pair in headers if pair[0].lower() not in RETRY_AFTER)
    return (*others, ("retry-after-ms", "1"), ("retry-after", "0"))
