"""Members of JSON objects that are named as secrets: what a server gives a client to log in with. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .names import ENOUGH, count_bits, is_drawn

NAMED = re.compile(
    r"token|.*(?:(?:access|refresh|id|auth|oauth|bearer|session|security|csrf|xsrf|client|jwt|api|user|secret)token"
    r"|secret|secretkey|secretaccesskey|apikey|accesskey|authkey|password|passphrase"
    r"|xamzsignature|xamzsecuritytoken|xgoogsignature)"
)
"""Names in lower case, without what parts their words. A short `token` is none: models say which ones they
weighed; nor is a `signature`, which models put on what they thought."""

_ENDS = [
    end + quote
    for end in (b"oken", b"ecret", b"ey", b"assword", b"hrase", b"ignature")
    for quote in (b'"', b'\\"')
]
_MEMBER = re.compile(
    rb'"([A-Za-z0-9_.-]{0,40}(?:oken|ecret|ey|assword|hrase|ignature))\\{0,7}"\s{0,8}:\s{0,8}\\{0,7}"([^"\\\s]{8,8192})(?=\\{0,7}")'
)
LONG = 20
"""Letters from which what is called a `token` is none of a model's."""

_PARTED = re.compile(r"[^a-z0-9]")


def find_named(text: bytes, start: int = 0) -> Iterator[tuple[str, tuple[int, int]]]:
    """The members in a text, from `start` on, that are named as secrets: name, and where the value is.

    Their values look as if they had been drawn: `"api_key": "YOUR_API_KEY"` is none.
    """
    if text.find(b'"', start) < 0 or all(text.find(end, start) < 0 for end in _ENDS):
        return  # most texts
    for found in _MEMBER.finditer(text, start):
        name = found[1].decode()
        if not NAMED.fullmatch(_PARTED.sub("", name.lower())) or found[2].startswith(b"[secret:"):
            continue
        value = found[2].decode("utf-8", "replace")
        if (
            count_bits(value) >= ENOUGH
            and is_drawn(value)
            and (len(value) >= LONG or name.lower() != "token")
        ):
            yield name, found.span(2)
