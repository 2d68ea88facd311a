"""Tells requests whose signature an edit would break. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from ..core.values import Request
from ..errors import EditRefused

_SCHEMES = ("aws4-", "aws ", "goog4-", "sharedkey", "signature ", "hmac ")
_HEADERS = frozenset({"signature", "signature-input", "x-goog-signature", "x-hub-signature-256"})
_PARAMETERS = frozenset({"x-amz-signature", "x-goog-signature", "x-ms-signature"})


def check_signature(before: Request, edited: Request, *, signs: bool) -> Request:
    """Return `edited`, which may leave in the place of `before`; `signs` if who sends it signs it then.

    Raises:
        EditRefused: its signature is that of `before`.
    """
    if is_presigned(before):
        problem = "its URL is signed, by somebody who is not here"
    elif is_signed(before) and not signs:
        problem = "it was signed before it could be edited"
    else:
        return edited
    raise EditRefused("its signature would be void", edited.url, problem)


def is_signed(request: Request) -> bool:
    """True if a header says that the request is signed, so that another body makes it void."""
    for name, value in request.headers:
        low = name.lower()
        if low in _HEADERS or (low == "authorization" and value.lower().startswith(_SCHEMES)):
            return True
    return False


def is_presigned(request: Request) -> bool:
    """True if the URL has the signature, which only who has made it can make."""
    try:
        pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    except ValueError:  # no URL at all
        return False
    return any(name.lower() in _PARAMETERS for name, _ in pairs)
