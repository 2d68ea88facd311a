"""Reads JSON from vendors without trust: a value of an unexpected type is read as an empty one.

Numbers with a fraction, and those that no machine has room for, stay text, so that
no digit is lost. Every text that leaves here can be encoded: half of a surrogate
pair becomes U+FFFD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from attrs import frozen

Payload: TypeAlias = "dict[str, object]"
"""A JSON object on its way to or from text."""

_MOST_DIGITS = 4000  # more are no int: making one is slow, and Python refuses it
_LARGEST = 2**63
_SHORT = 19  # digits that surely make a number below it
_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = "tracefork"
_BETWEEN = f',"{_WORD}",'
_ESCAPED = "\\u00"  # as which any of its letters may be spelled, too
_AMOUNT = re.compile(r"\d{1,12}(?:\.\d{1,30})?(?:[eE]-\d{1,2})?")


@frozen
class Verbatim:
    """JSON text that stays as it is spelled."""

    text: str


def parse(text: str | bytes) -> object:
    """The JSON value, or None if `text` is no JSON or nested beyond reason."""
    try:
        source = text if isinstance(text, str) else _decode(text)
    except ValueError:
        return None
    return _parse(source, _DECODER_OF_SHORT if len(source) < _MOST_DIGITS else _DECODER)


def parse_all(texts: Sequence[str]) -> list[object]:
    """The JSON value of each text, as `parse` gives it: all at once, where that is sure to be the same.

    They are read as one array, with a word between them that nothing in them can spell. If that word is
    every other element then, and the only one in between, each text is one value.
    """
    together = _BETWEEN.join(texts)
    between = len(texts) - 1
    if together.count(_WORD) == between and _ESCAPED not in together:
        is_short = max(map(len, texts), default=0) < _MOST_DIGITS
        whole = _parse(f"[{together}]", _DECODER_OF_SHORT if is_short else _DECODER)
        if isinstance(whole, list) and whole[1::2] == [_WORD] * between and len(whole) == 2 * between + 1:
            return whole[::2]
    return list(map(parse, texts))


def read_list(text: bytes) -> Iterator[object]:
    """Yield the elements of a JSON array; a truncated one ends the array."""
    try:
        source = _decode(text)
    except ValueError:
        return
    place = _skip_white(source, 0)
    while source[place : place + 1] in ("[", ","):
        try:
            value, place = _DECODER.raw_decode(source, _skip_white(source, place + 1))
        except (ValueError, RecursionError):
            return
        yield value
        place = _skip_white(source, place)


def write(value: object) -> str:
    """JSON text of a parsed value, compact, its numbers as they were spelled."""
    try:
        text = _COMPACT.encode(value)
        text.encode()
    except (TypeError, ValueError):  # something in it is to stay as it is spelled, or is no text
        return _write_each(value)
    return text


def has_verbatim(value: object) -> bool:
    """Whether something in a value stays as it is spelled, so that only `write` can write it."""
    match value:
        case Verbatim():
            return True
        case dict():
            return any(map(has_verbatim, value.values()))
        case list() | tuple():
            return any(map(has_verbatim, value))
        case _:
            return False


def clean(text: str) -> str:
    """Return `text` with halves of surrogate pairs joined, and lone halves replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


# -- shapes ----------------------------------------------------------------------


def string(owner: Payload, *keys: str) -> str:
    """The first text that is not empty under one of `keys`, or ""."""
    for key in keys:
        value = owner.get(key)
        if isinstance(value, str) and value:
            return value if value.isascii() else clean(value)
    return ""


def mapping(owner: Payload, *keys: str) -> Payload:
    """The first object under one of `keys`, or an empty one."""
    for key in keys:
        value = owner.get(key)
        if isinstance(value, dict):
            return value
    return {}


def mappings(owner: Payload, *keys: str) -> list[Payload]:
    """The objects in the first list under one of `keys`."""
    for key in keys:
        value = owner.get(key)
        if isinstance(value, list):
            return [entry for entry in value if isinstance(entry, dict)]
    return []


def count(owner: Payload, key: str) -> int | None:
    """Return the count under `key`; None if it is no integer, negative or beyond 63 bits."""
    return _count(owner.get(key))


def amount(value: object) -> Decimal | None:
    """Return the amount of money that a number spells, to its digit; None if it is none, or negative."""
    text = value.text if isinstance(value, Verbatim) else str(value) if type(value) is int else ""
    if not _AMOUNT.fullmatch(text):
        return None
    return Decimal(text)


def place(owner: Payload, key: str = "index") -> int | None:
    """Return the index under `key`, which some servers write as text; None if there is none."""
    value = owner.get(key)
    if isinstance(value, str) and len(value) < _SHORT and value.isascii() and value.isdigit():
        return int(value)
    return _count(value)


def index(owner: Payload, key: str = "index") -> int:
    """Return the index under `key`; 0 if there is none."""
    value = owner.get(key)
    return value if type(value) is int and 0 <= value < _LARGEST else place(owner, key) or 0


class Pieces:
    """Collects texts that arrive in deltas, each under a key."""

    def __init__(self) -> None:
        self._pieces: dict[Hashable, list[str]] = {}

    def add(self, key: Hashable, piece: object) -> None:
        if not isinstance(piece, str):
            return
        if key in self._pieces:
            self._pieces[key].append(piece)
        else:
            self._pieces[key] = [piece]

    def drop(self, key: Hashable) -> None:
        """Forget the text under `key`, which begins anew."""
        self._pieces.pop(key, None)

    def text(self, key: Hashable) -> str | None:
        """All of it, or None if there was no delta."""
        found = self._pieces.get(key)
        return None if found is None else "".join(found)


def _parse(text: str, decoder: json.JSONDecoder) -> object:
    try:
        value, end = decoder.raw_decode(text, 0 if text[:1] == "{" else _skip_white(text, 0))
    except (ValueError, RecursionError):
        return None
    return value if end == len(text) or _skip_white(text, end) == len(text) else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _LARGEST else None


def _decode(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode(json.detect_encoding(text))


def _skip_white(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _write_each(value: object) -> str:
    match value:
        case str():
            return json.dumps(value, ensure_ascii=clean(value) is not value)
        case Verbatim(text):
            return clean(text)
        case dict():
            return "{" + ",".join(f"{_write_each(str(k))}:{_write_each(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_write_each, value)) + "]"
        case _:
            return json.dumps(value, default=repr)


def _parse_int(digits: str) -> int | Verbatim:
    return int(digits) if len(digits) < _MOST_DIGITS else Verbatim(digits)


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_float=Verbatim, parse_int=_parse_int, parse_constant=Verbatim)
_DECODER_OF_SHORT = json.JSONDecoder(parse_float=Verbatim, parse_constant=Verbatim)
"""Of texts that have no room for too long a number."""
