"""Members of JSON objects that are named as secrets: what a server gives a client to log in with. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .names import ENOUGH, bits

NAMES = frozenset(
    """
    accesstoken refreshtoken idtoken authtoken bearertoken sessiontoken securitytoken csrftoken xsrftoken
    usertoken secrettoken apitoken clientsecret appsecret secretaccesskey secretkey apikey accesskey authkey
    password xamzsignature xamzsecuritytoken xgoogsignature
    """.split()
)
"""Names in lower case, without what parts their words. A `token` is none: models say which ones they weighed;
nor is a `signature`, which models put on what they thought."""

_ENDS = [
    end + quote for end in (b"oken", b"ecret", b"ey", b"assword", b"ignature") for quote in (b'"', b'\\"')
]
_MEMBER = re.compile(
    rb'"([A-Za-z0-9_.-]{3,40}(?:oken|ecret|ey|assword|ignature))\\{0,7}"[ \t]{0,8}:'
    rb'[ \t]{0,8}\\{0,7}"([^"\\\s]{8,8192})'
)
_PARTED = re.compile(r"[^a-z0-9]")


def named(text: bytes, start: int = 0) -> Iterator[tuple[str, tuple[int, int]]]:
    """The members in a text, from `start` on, that are named as secrets: name, and where the value is.

    Their values have as many bits as a secret: `"api_key": "YOUR_API_KEY"` is none.
    """
    if not any(end in text for end in _ENDS):
        return  # most bodies
    for found in _MEMBER.finditer(text, start):
        name = found[1].decode()
        if _PARTED.sub("", name.lower()) not in NAMES or found[2].startswith(b"[secret:"):
            continue
        if bits(found[2].decode("utf-8", "replace")) >= ENOUGH:
            yield name, found.span(2)
