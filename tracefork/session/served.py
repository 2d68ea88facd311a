"""What a replay changes of a recorded head before the agent sees it. The tape stays as it is."""

from __future__ import annotations

from ..core.values import Headers, Response

NO_CONTENT, NOT_MODIFIED = 204, 304

RETRIED = frozenset({408, 409, 425, 429})
"""Statuses that SDKs try again on, beside all from 500 up."""

RETRY_AFTER = frozenset({"retry-after", "retry-after-ms"})


def correct_headers(head: Response, method: str, *, instant: bool = False) -> Headers:
    """Return the headers to serve `head` with, to a request of `method`.

    A changed body's stale content-length is set right. With `instant`, answers that
    SDKs retry ask for no pause.
    """
    headers = _correct_length(head, method)
    return without_pause(headers) if instant and is_retried(head.status) else headers


def is_retried(status: int) -> bool:
    """True if SDKs are likely to ask again on `status`."""
    return status in RETRIED or status >= 500  # noqa: PLR2004


def without_pause(headers: Headers) -> Headers:
    """Return `headers` as if the server had said to retry at once, so that no SDK sleeps.

    A millisecond, for SDKs take zero for no answer and then back off by themselves.
    """
    others = tuple(pair for pair in headers if pair[0].lower() not in RETRY_AFTER)
    return (*others, ("retry-after-ms", "1"), ("retry-after", "0"))


def is_bodiless(method: str, status: int) -> bool:
    """True where HTTP has no body, whatever content-length says."""
    return method == "HEAD" or status in (NO_CONTENT, NOT_MODIFIED)


def _correct_length(head: Response, method: str) -> Headers:
    chunked = any(name.lower() == "transfer-encoding" for name, _ in head.headers)
    if head.end != "eof" or head.omitted or chunked or is_bodiless(method, head.status):
        return head.headers  # its length says something else, or nothing
    size = str(head.size)

    def stale(name: str, value: str) -> bool:
        if name.lower() != "content-length" or value == size:
            return False
        return {(number.strip().lstrip("0") or "0") for number in value.split(",")} != {size}

    return tuple((n, size if stale(n, v) else v) for n, v in head.headers)
