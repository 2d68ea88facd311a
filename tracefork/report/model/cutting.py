"""Cuts a request's JSON at the elements of its lists, so that elements of earlier requests are stored once.

Joined, the pieces are the text again, whatever it was: a body that is no JSON object is
one piece. Most of a request repeats an earlier one, so the pieces that followed the same
piece before are tried first, and only other text is parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TypeAlias

from attrs import frozen

from ...providers.read import Api
from .pool import BETWEEN, NotStrict, Pool, refuse

Place: TypeAlias = tuple[str, bool] | None
"""Where a piece ends: in the list of that key (True), before its only value (False), or between members."""

Found: TypeAlias = tuple[int, Place]
"""The number of a piece, and where it ends."""

_BEGINNING: Found = -1, None

MOST = 1 << 18
"""Pieces of one body; more messages than that no model is asked with. The last one is all that is left."""

_REMEMBERED = 4  # pieces that came behind another

_SPACE = re.compile(r"[ \t\r\n]*")
_VALUE = json.JSONDecoder()
_STRICT = json.JSONDecoder(parse_constant=refuse)
_ENDS_ITSELF = '}]"[:'  # a number may go on behind its last digit


@frozen(eq=False)
class _Known:
    """A piece that ends itself, as text and as bytes, and what it was found to be."""

    text: str
    data: bytes
    found: Found


@frozen(eq=False)
class _Cut:
    """A new piece: its key, its end, the place behind it, and its JSON; a browser reads what is strict."""

    key: str
    end: int
    place: Place
    value: object = None
    is_strict: bool = True


class Cutter:
    """Cuts the requests of a run into the pieces of `pool`, in the order in which they were asked."""

    def __init__(self, pool: Pool, most: int = MOST) -> None:
        self._pool, self._most = pool, most
        self._after: dict[Found, list[_Known]] = {}

    def cut(self, body: bytes, api: Api | None) -> tuple[int, ...]:
        """The numbers of the pieces of `body`."""
        numbers, at, last = list[int](), 0, _BEGINNING
        if api is not None:
            numbers, at, last = self._follow(body)
        try:
            text = body[at:].decode()
        except UnicodeDecodeError:
            return (self._pool.body(body),)
        if api is None:
            return (self._pool.element(text, BETWEEN, None),) if text else ()
        at = 0
        while at < len(text):
            if len(numbers) == self._most - 1:
                return (*numbers, self._pool.element(text[at:], BETWEEN, None))
            for known in self._after.get(last, ()):
                if text.startswith(known.text, at):
                    break
            else:
                known = self._new(text, at, last, api)
            last = known.found
            numbers.append(last[0])
            at += len(known.text)
        return tuple(numbers)

    def _follow(self, body: bytes) -> tuple[list[int], int, Found]:
        """The pieces at the beginning that are known, where they end, and the last: nothing is decoded."""
        numbers, at, last = list[int](), 0, _BEGINNING
        while len(numbers) < self._most - 1:
            for known in self._after.get(last, ()):
                if body.startswith(known.data, at):
                    break
            else:
                break
            last = known.found
            numbers.append(last[0])
            at += len(known.data)
        return numbers, at, last

    def _new(self, text: str, at: int, last: Found, api: Api) -> _Known:
        """The piece that begins at `at`; if it ends itself, it is known from now on to come behind `last`."""
        cut = _next(text, at, last, api.lists)
        number = self._pool.element(text[at : cut.end], cut.key, api, cut.value, is_strict=cut.is_strict)
        piece = self._pool.pieces[number].text
        made = _Known(piece, piece.encode(), (number, cut.place))
        if piece[-1] in _ENDS_ITSELF:
            known = self._after.setdefault(last, [])
            known.insert(0, made)
            del known[_REMEMBERED:]
        return made


def _next(text: str, at: int, last: Found, lists: Collection[str]) -> _Cut:
    """The piece that begins at `at`."""
    place = last[1]
    try:
        if place is not None:
            key, many = place
            here = _skip(text, at)
            if many and text[here] == ",":
                here = _skip(text, here + 1)
            if not many or text[here] != "]":
                return _element(text, here, key, place if many else None)
        end, place = _members(text, at, "{" if last is _BEGINNING else "]", lists)
    except (ValueError, IndexError, RecursionError):
        end, place = len(text), None
    return _Cut(BETWEEN, end, place)


def _element(text: str, at: int, key: str, place: Place) -> _Cut:
    try:
        value, end = _STRICT.raw_decode(text, at)
    except NotStrict:
        value, end = _VALUE.raw_decode(text, at)
        return _Cut(key, end, place, value, is_strict=False)
    return _Cut(key, end, place, value)


def _members(text: str, at: int, opened: str, lists: Collection[str]) -> tuple[int, Place]:
    """Skip members of the object until one of `lists` opens, or the text ends."""
    here = _skip(text, at)
    if text[here] == opened:
        here = _skip(text, here + 1)
    while text[here] != "}":
        if text[here] == ",":
            here = _skip(text, here + 1)
        key, here = _VALUE.raw_decode(text, here)
        here = _skip(text, here)
        if text[here] != ":" or not isinstance(key, str):
            break
        here = _skip(text, here + 1)
        if key in lists:
            many = text[here] == "["
            return here + many, (key, many)
        here = _skip(text, _VALUE.raw_decode(text, here)[1])
    return len(text), None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()
