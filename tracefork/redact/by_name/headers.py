"""Which headers tell secrets by their name, and which part of their value that is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .names import ENOUGH, count_bits

SCHEMES = frozenset({"bearer", "basic", "token", "apikey", "api-key", "key", "bot", "negotiate", "digest"})
"""What may stand before a key in a header, in lower case."""

COOKIES = "cookie", "set-cookie", "cookie2", "set-cookie2"

_WORDS = re.compile(r"[a-z0-9]+")
_SECRET = re.compile(
    r"authorization|auth|.*token|.*secret|.*passw(?:or)?d|pwd|passphrase|session|session(?:id|key)|sid"
    r"|signature|sig|.*credentials?|.*csrf|.*xsrf|jwt|otp|.*apikey|accesskey|authkey"
)
"""Words that tell a secret: `tokens` and `token-count` are none of them."""

_HARMLESS_KEYS = frozenset(
    """
    cache correlation dedup deduplication edge foreign group idempotency object partition primary request
    routing row sort storage surrogate trace websocket
    """.split()
)
"""What stands before `key` in the names of headers that hold none: an `idempotency-key` is no secret."""

_TELLING = frozenset(
    """
    affinity age allowed algorithm count endpoint exceeded expires expiry hint length limit limits method name
    policy quota remaining required reset status timeout timestamp type ttl uri url usage used valid version
    """.split()
)
"""Last words of names that say something about a secret: `x-token-expires`."""

_SAYING = re.compile(
    r"true|false|[a-z]{4,12}ed|[0-9.]{1,6}|1[0-9]{9}(?:[0-9]{3})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{5,18}Z?)?"
    r"|google|github|gitlab|microsoft|apple|facebook|azure|aws|okta|auth0|none|basic|bearer|hit|miss|fresh|stale"
)
"""What only says something about a secret, or of which kind it is."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_-]*) +(?=\S)")


@lru_cache(maxsize=4096)
def is_secret(low: str) -> bool:
    """True if a header of this name, in lower case, holds a secret."""
    if low in COOKIES:
        return True
    words = _WORDS.findall(low)
    if not words or words[-1] in _TELLING or "ratelimit" in words or low.startswith("access-control-"):
        return False
    if words[-1] == "key":
        return words[-2:-1] == [] or words[-2] not in _HARMLESS_KEYS
    return any(_SECRET.fullmatch(word) for word in words)


def find_parts(low: str, value: str) -> Iterator[tuple[int, int]]:
    """From which character to which the secrets stand in the value of a header that holds one."""
    match low:
        case "cookie" | "cookie2":
            yield from _find_crumbs(value)
        case "set-cookie" | "set-cookie2":
            yield from _find_crumbs(value.partition(";")[0])
        case _:
            start = len(value) - len(value.lstrip())
            stop = len(value.rstrip())
            scheme = _SCHEME.match(value, start, stop)
            rest = value[scheme.end() : stop] if scheme else ""
            if scheme and (scheme[1].lower() in SCHEMES or " " not in rest) and "," not in rest:
                start = scheme.end()
            if start < stop:
                yield start, stop


def is_plain(low: str, value: str, crumb: str = "") -> bool:
    """True if an answer's header `low` only says something, though it is named as a secret is.

    So do numbers, dates and words, of a cookie too unless its own name, `crumb`, tells a secret.
    """
    if low in COOKIES and not is_secret(crumb.lower()):
        return (value.isalpha() and count_bits(value) < ENOUGH) or bool(_SAYING.fullmatch(value))
    words = low not in COOKIES and not any(map(str.isdigit, value)) and count_bits(value) < ENOUGH
    return words or bool(_SAYING.fullmatch(value))


def _find_crumbs(value: str) -> Iterator[tuple[int, int]]:
    at = 0
    for crumb in value.split(";"):
        name, equals, part = crumb.partition("=")
        start = at + len(name) + len(equals) if equals else at
        part = part if equals else crumb
        start += len(part) - len(part.lstrip(' "'))
        stop = at + len(crumb.rstrip(' "'))
        if start < stop:
            yield start, stop
        at += len(crumb) + 1
