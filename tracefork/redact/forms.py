"""The ways in which a known secret may stand in a text. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

SHORTEST_ENCODED = 8
"""Values of fewer bytes are not looked for in base64."""


@lru_cache(maxsize=256)
def forms(value: str) -> tuple[str, ...]:
    """The ways in which `value` stands in text: as it is, in JSON, and in a URL."""
    once = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    escaped = (*once, *(json.dumps(form)[1:-1] for form in once))  # JSON within JSON too
    slashed = (form.replace("/", "\\/") for form in escaped)
    return tuple(
        dict.fromkeys((value, *escaped, *slashed, quote(value, safe=""), quote(value), quote_plus(value)))
    )


def written(value: str) -> Iterator[bytes]:
    """Every way in which `value` is looked for: as text, and in base64."""
    yield from (form.encode("utf-8", "surrogatepass") for form in forms(value))
    yield from base64s(value)


def base64s(value: str) -> Iterator[bytes]:
    """What base64 of any text around `value` has of it, for each place at which it may begin."""
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) < SHORTEST_ENCODED:
        return
    for before in range(3):
        shown = base64.b64encode(b"\0" * before + raw)
        first = -(-8 * before // 6)  # characters that hold bits of what stands before
        last = 8 * (before + len(raw)) // 6
        yield shown[first:last]
        yield shown[first:last].translate(_URLSAFE)
        yield shown[first:last].translate(_MODIFIED)


_URLSAFE = bytes.maketrans(b"+/", b"-_")
_MODIFIED = bytes.maketrans(b"/", b",")  # that of mail: RFC 3501
