"""Which secrets a question or an answer tells: what is sent as a key, a password or a cookie. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

from .headers import KEPT, is_kept
from .urls import parameters, passwords

_AUTH = re.compile(r"key|token(?!s\b|-count)|secret|auth|password")
_SCHEMES = frozenset({"bearer", "basic", "token", "apikey", "api-key", "key", "bot", "negotiate"})


def sent(name: str, value: str) -> Iterator[tuple[str, str]]:
    """The secrets in a header, by its name or that of a cookie; in a URL, which has the name ""."""
    if "[secret:" in value:
        return
    low = name.lower()
    if not low:
        yield from (("userinfo", unquote(said)) for said in passwords(value))
        yield from ((of, unquote_plus(said)) for of, said in parameters(value))
    elif low == "cookie":
        for crumb in value.split(";"):
            yield low, crumb.partition("=")[2].strip().strip('"')
    elif low == "set-cookie":
        yield low, value.partition(";")[0].partition("=")[2].strip().strip('"')
    elif not is_kept(low, KEPT) and _AUTH.search(low):
        scheme, _, rest = value.strip().partition(" ")
        said = rest.strip() if rest and scheme.lower() in _SCHEMES else value.strip()
        if " " in said or "," in said:
            return  # a signature and what it is of: another for each question
        yield low, said
        if scheme.lower() == "basic":
            yield from ((low, part) for part in _password(said))


def _password(basic: str) -> Iterator[str]:
    try:
        _, colon, password = base64.b64decode(basic, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return
    if colon:
        yield password
