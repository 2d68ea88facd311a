"""Makes surrogates: random texts of the same shape as the secrets that they stand for. Pure.

A digit stays a digit and a letter a letter of its case, within the alphabet that the secret keeps to, such
as that of hexadecimal digits; separators stay, and so does what issuers put before their keys. Hence
lengths, and whatever JSON, base64 and URLs make of it, stay too. A JSON web token keeps its header
and its claims, which are no secrets: its signature is drawn. A private key keeps its lines.

Chance is a key that nobody keeps: a letter is drawn from a hash of the secret and that key, so that one
secret has one surrogate, and nobody who has the surrogate learns more of the secret than its shape.
"""

from __future__ import annotations

import re
import string
from collections.abc import Container, Iterator
from hashlib import blake2b
from math import log2
from unicodedata import category

from ..by_form.issuers import KINDS

_TRIES = 16
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")  # what a URL writes otherwise would be another sign
_HEX = "abcdef"
_BASE32 = "234567"
_LEAST_HEX = 8
_SIGNS = "-._~", "!$*,;:@()=?[]{}|^"  # of each, JSON and URLs write all alike
_SHORTEST_PREFIX = 3
_PREFIXES = tuple(
    sorted(
        {
            kind.prefix.decode()
            for kind in KINDS
            if not kind.into
            and len(kind.prefix) >= _SHORTEST_PREFIX  # of a letter or two it is none of its own
        },
        key=len,
        reverse=True,
    )
)


def make_surrogate(secret: str, chance: bytes, taken: Container[str] = ()) -> str | None:
    """Return a text of the shape of `secret`, drawn by `chance`; None if there is no other of that shape.

    Args:
        secret: the secret; characters that stand for bytes which are no UTF-8 stay.
        chance: 16 to 64 bytes, which are to be forgotten.
        taken: what stands for other secrets; it is drawn again only where there is nothing else.
    """
    made = ""
    for attempt in range(_TRIES):
        draws = _draw_numbers(secret, chance, attempt)
        for also_signs in (False, True):
            letters = _list_choices(secret, also_signs=also_signs)
            drawn = "".join(_letter(char, choices, draws) for char, choices in letters)
            if drawn != secret and drawn not in taken:
                return drawn
            made = drawn if drawn != secret else made
    return made or None


def measure_strength(secret: str) -> float:
    """The bits of chance in a surrogate of `secret`."""
    return sum(log2(len(choices)) for _, choices in _list_choices(secret, also_signs=False) if choices)


def _draw_numbers(secret: str, chance: bytes, attempt: int) -> Iterator[int]:
    """Numbers below 2^16, drawn from a hash of the secret and `chance`."""
    raw = secret.encode("utf-8", "surrogatepass")
    for block in range(1 << 30):
        drawn = blake2b(raw, key=chance, salt=bytes([attempt]), person=block.to_bytes(8, "big")).digest()
        yield from (int.from_bytes(drawn[n : n + 2], "big") for n in range(0, len(drawn), 2))


def _letter(char: str, choices: str, draws: Iterator[int]) -> str:
    return choices[next(draws) % len(choices)] if choices else char


def _list_choices(secret: str, *, also_signs: bool) -> Iterator[tuple[str, str]]:
    """Each character of a secret, and those of which another is drawn; none where it stays."""
    stays = _find_kept(secret)
    drawn = "".join(char for char, stay in zip(secret, stays, strict=True) if not stay)
    lower, upper, digits = _list_alphabets(drawn)
    first, last = True, _find_last(secret)
    for n, (char, stay) in enumerate(zip(secret, stays, strict=True)):
        if stay:
            yield char, ""
        elif n == last[0]:
            yield char, _select_like(char, last[1])
        elif char in string.digits:
            yield char, digits.replace("0", "") if first and char != "0" else digits  # a number stays one
        elif char in string.ascii_lowercase:
            yield char, lower
        elif char in string.ascii_uppercase:
            yield char, upper
        elif char.isascii():
            yield char, next((signs for signs in _SIGNS if char in signs), "") if also_signs else ""
        else:
            yield char, _list_alike(char)
        first = first and stay


def _find_last(secret: str) -> tuple[int, str]:
    """Where the last letter of base64 stands, and those that may stand there: its lowest bits are of no byte.

    (-1, "") where it is none, or says something in these bits.
    """
    bare = secret.rstrip("=")
    spare = len(bare) % 4
    if not _BASE64.fullmatch(secret) or spare < 2 or (secret != bare and len(secret) % 4):  # noqa: PLR2004
        return -1, ""
    allowed = "AQgw" if spare == 2 else "AEIMQUYcgkosw048"  # noqa: PLR2004
    return (len(bare) - 1, allowed) if bare[-1] in allowed else (-1, "")


def _select_like(char: str, allowed: str) -> str:
    """Those of `allowed` that are of the kind of `char`: digits, small or capital letters."""
    kind = char.isdigit(), char.isupper()
    return "".join(other for other in allowed if (other.isdigit(), other.isupper()) == kind)


def _list_alphabets(drawn: str) -> tuple[str, str, str]:
    """The small letters, the capital ones and the digits that a secret of these characters keeps to."""
    letters = {char for char in drawn if char.isascii() and char.isalpha()}
    digits = {char for char in drawn if char in string.digits}
    known = sum(char.isascii() and char.isalnum() for char in drawn)
    if letters and digits and known >= _LEAST_HEX and all(char.lower() in _HEX for char in letters):
        return _HEX, _HEX.upper(), string.digits
    if digits and known >= 2 * _LEAST_HEX and digits <= set(_BASE32) and all(map(str.isupper, letters)):
        return string.ascii_lowercase, string.ascii_uppercase, _BASE32
    return string.ascii_lowercase, string.ascii_uppercase, string.digits


def _list_alike(char: str) -> str:
    """The characters of the kind of this one that UTF-8 and JSON write as it, but for the last byte."""
    kind, first = category(char), ord(char) & ~0x3F
    if kind[0] not in "LN" or ord(char) > 0xFFFF:  # noqa: PLR2004  beyond, JSON has two escapes for one
        return ""
    return "".join(other for other in map(chr, range(first, first + 64)) if category(other) == kind)


def _find_kept(secret: str) -> list[bool]:
    """For each character whether it stays: of an issuer's prefix, a token's claims, a key's first line."""
    if secret.startswith("-----BEGIN "):
        stays = list[bool]()
        for line in secret.splitlines(keepends=True):
            stays += [line.startswith("-----") or ": " in line] * len(line)
        return stays
    prefix = next((prefix for prefix in _PREFIXES if secret.startswith(prefix)), "")
    size = secret.rfind(".") + 1 if prefix == "eyJ" and secret.count(".") == 2 else len(prefix)  # noqa: PLR2004
    if size >= len(secret):
        size = 0
    stays = [n < size for n in range(len(secret))]
    for escape in _ESCAPE.finditer(secret) if "%" in secret else ():
        stays[escape.start() : escape.end()] = [True] * len(escape[0])
    return stays
