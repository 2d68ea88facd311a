"""Which secrets a question or an answer tells: what is sent as a key, a password or a cookie. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

from .headers import COOKIES, find_parts, is_secret
from .urls import list_parameters, list_passwords


def list_sent(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Give name and value of each secret that a header tells, or a URL, which has the name ""."""
    if "[secret:" in value:
        return
    low = name.lower()
    if not low:
        yield from (("userinfo", unquote(quoted)) for quoted in list_passwords(value))
        yield from ((of, unquote_plus(quoted)) for of, quoted in list_parameters(value))
    elif is_secret(low):
        for start, stop in find_parts(low, value):
            secret = unquote(value[start:stop]) if low in COOKIES else value[start:stop]
            if low not in COOKIES and (" " in secret or "," in secret):
                continue  # a signature and what it is of: another for each question
            yield low, secret
            if value[:start].strip().lower() == "basic":
                yield from ((low, part) for part in _find_password(secret))


def _find_password(basic: str) -> Iterator[str]:
    try:
        user, colon, password = base64.b64decode(basic, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return
    if colon:
        yield password or user
