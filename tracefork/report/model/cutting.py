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

from ...providers.read import Api
from .pool import BETWEEN, Pool

Place: TypeAlias = tuple[str, bool] | None
"""Where a piece ends: in the list of that key (True), before its only value (False), or between members."""

Found: TypeAlias = tuple[int, Place]
"""The number of a piece, and where it ends."""

MOST = 1 << 18
"""Pieces of one body; more messages than that no model is asked with. The last one is all that is left."""

_REMEMBERED = 4  # pieces that came behind another

_SPACE = re.compile(r"[ \t\r\n]*")
_VALUE = json.JSONDecoder()
_ENDS_ITSELF = '}]"[:'  # a number may go on behind its last digit


class Cutter:
    """Cuts the requests of a run into the pieces of `pool`, in the order in which they were asked."""

    def __init__(self, pool: Pool, most: int = MOST) -> None:
        self._pool, self._most = pool, most
        self._after: dict[Found, list[Found]] = {}

    def cut(self, body: bytes, api: Api | None) -> tuple[int, ...]:
        """The numbers of the pieces of `body`."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return (self._pool.body(body),)
        if api is None or not text:
            return (self._pool.element(text, BETWEEN, None),) if text else ()
        numbers, at = list[int](), 0
        last: Found = -1, None
        while at < len(text):
            if len(numbers) == self._most - 1:
                return (*numbers, self._pool.element(text[at:], BETWEEN, None))
            last = self._again(text, at, last) or self._new(text, at, last, api)
            numbers.append(last[0])
            at += len(self._pool.pieces[last[0]].text)
        return tuple(numbers)

    def _again(self, text: str, at: int, last: Found) -> Found | None:
        """The piece that stands at `at`, if it has come behind `last` before."""
        for found in self._after.get(last, ()):
            piece = self._pool.pieces[found[0]].text
            if piece[-1] in _ENDS_ITSELF and text.startswith(piece, at):
                return found
        return None

    def _new(self, text: str, at: int, last: Found, api: Api) -> Found:
        key, value, end, place = _next(text, at, last[1], api.lists)
        found = self._pool.element(text[at:end], key, api, value), place
        known = self._after.setdefault(last, [])
        known.insert(0, found)
        del known[_REMEMBERED:]
        return found


def _next(text: str, at: int, place: Place, lists: Collection[str]) -> tuple[str, object, int, Place]:
    """The key, the JSON and the end of the piece that begins at `at`, and the place behind it."""
    try:
        if place is not None:
            key, many = place
            here = _skip(text, at)
            if many and text[here] == ",":
                here = _skip(text, here + 1)
            if not many or text[here] != "]":
                value, end = _VALUE.raw_decode(text, here)
                return key, value, end, place if many else None
        end, place = _members(text, at, lists)
    except (ValueError, IndexError, RecursionError):
        end, place = len(text), None
    return BETWEEN, None, end, place


def _members(text: str, at: int, lists: Collection[str]) -> tuple[int, Place]:
    """Skip members of the object until one of `lists` opens, or the text ends."""
    here = _skip(text, at)
    if text[here] == ("{" if at == 0 else "]"):
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
