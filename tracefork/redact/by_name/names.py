"""Which variables hold a secret, and which values are secret enough to be looked for in texts.

How much a value tells is an estimate: what reads as a word counts 2.4 bits a letter and 14 at most, as of
some ten thousand words; a digit 3.3, and a letter among digits or in no word 5.2, as if they were drawn;
a sign 0.9. What is said again counts half, letters in a row of the same kind 0.3, counting 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

SHORTEST = 6
"""Values of fewer characters are no secrets: replacing `"test"` everywhere would ruin the tape."""

ENOUGH = 28.0
"""Bits below which a value is a word that may stand anywhere: it is not looked for in texts."""

_NAME = re.compile(
    r"(?:.*_)?(?:(?:API)?KEYS?|TOKEN|SECRET|(?:PG)?PASSWORD|PASSWD|PAT|CREDENTIALS?|DSN)_?[0-9]*"
    r"|.*_PWD_?[0-9]*"
)
_MANY = re.compile(r".*KEYS_?[0-9]*")
_URL = re.compile(r".*_(?:URL|URI|DSN)_?[0-9]*|DSN_?[0-9]*")
_LONGEST_PATH = 4096

_PIECE = re.compile(r"[a-z]+|[A-Z][a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}|[aeiou]{4}", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """True if a variable of this name holds a secret."""
    return bool(_NAME.fullmatch(name.upper()))


def find_secrets(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The secrets among these variables, each with its variable's name; of a list of keys each.

    A value that is an existing path is none: a file is asked for here and nowhere else in this package.
    """
    for name in tuple(environ):
        is_url, is_named = _read_name(name)
        if not (is_url or is_named) or (value := environ.get(name)) is None:
            continue
        if is_url and (password := _find_password(value)):
            yield name, password
        elif is_named and not is_path(value):
            yield name, value
            if (bare := value.strip()) != value:
                yield name, bare
            if _MANY.fullmatch(name.upper()) and len(parts := re.split(r"[,;\s]+", value)) > 1:
                yield from ((name, part) for part in parts if part)


@lru_cache(maxsize=4096)
def _read_name(name: str) -> tuple[bool, bool]:
    """Whether a variable of this name holds an address, and whether it holds a secret: most hold neither."""
    return bool(_URL.fullmatch(name.upper())), is_secret(name)


@lru_cache(maxsize=1024)
def count_bits(value: str) -> float:
    """How much `value` tells whom nobody told it, in bits: an estimate, see above."""
    size = len(value)
    for unit in range(1, min(size // 2, _LONGEST_UNIT) + 1):
        if value[:unit] * (size // unit) + value[: size % unit] == value and unit < _LONGEST_UNIT:
            return min(_SAID * unit, count_bits(value[:unit]) + 2)
    total, seen = 0.0, set[str]()
    pieces = _PIECE.findall(value)
    for n, piece in enumerate(pieces):
        beside = (*pieces[max(0, n - 1) : n], *pieces[n + 1 : n + 2])
        among = len(piece) <= _FEW and any(other.isalnum() for other in beside)
        bits = _count_piece(piece, among=among)
        total += bits / 2 if piece in seen and len(piece) > 1 else bits
        seen.add(piece)
    return total


def is_drawn(value: str) -> bool:
    """True if `value` looks as if it had been drawn, and not written.

    That is by its bits a letter, or by how often its case changes or a digit comes.
    """
    return len(_CHANGE.findall(value)) >= _CHANGES * len(value) or count_bits(value) >= _BITS * len(value)


def _count_piece(piece: str, *, among: bool) -> float:
    """The bits of letters of one case, of digits, or of one sign; `among` others they are as if drawn."""
    if not piece.isascii():
        return _LETTER * len(piece)
    if not piece.isalnum():
        return _SIGN
    steps = [abs(ord(after) - ord(one)) for one, after in pairwise(piece)]
    again, on = steps.count(0), steps.count(1)
    drawn = len(piece) - again - on
    if piece.isdigit():
        return _DIGIT * drawn + _ON * on + _AGAIN * again
    if among:
        return _LETTER * (drawn + on) + _AGAIN * again
    if len(piece) >= _SPELT and again < len(piece) // 2 and _is_unspoken(piece):
        return _LETTER * (drawn + on) + _AGAIN * again
    bits = _SAID * (drawn + on) + _AGAIN * again
    return bits if len(piece) > _LONGEST_WORD else min(bits, _WORD)


def _is_unspoken(piece: str) -> bool:
    """True if no language has a word of these letters: five consonants in a row, four vowels, or no vowel."""
    return not _VOWEL.search(piece) or bool(_CONSONANTS.search(piece))


_CHANGE = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[0-9]|(?<=[0-9])[A-Za-z]|(?<=[A-Z]{2})[a-z]")
_BITS, _CHANGES = 2.6, 0.25
_SAID, _WORD, _LONGEST_WORD = 2.4, 14.0, 14
_LETTER, _DIGIT, _SIGN, _ON, _AGAIN = 5.2, 3.3, 0.9, 1.5, 0.3
_FEW, _SPELT, _LONGEST_UNIT = 2, 4, 16


def _find_password(url: str) -> str:
    """The password in a URL, "" if there is none."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def is_path(value: str) -> bool:
    """True if there is a file or folder of this name."""
    try:
        return 0 < len(value) <= _LONGEST_PATH and Path(value).exists()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False
