"""Distinct texts of a run, each kept once and known by its number."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import field, frozen

from ...providers.messages import Completion, Message, Tool
from ...providers.read import Api

Reading = Message | tuple[Tool, ...] | Completion
"""What a piece says, in a form that all vendors share: a message, tools that are declared, an answer."""

Path: TypeAlias = "tuple[str | int, ...]"
"""Keys and places that lead through JSON."""

SHORT = 40
"""Characters of a text that is no longer than a path to it."""

_DEEP = 40  # levels; what lies deeper has no path
_NESTED = (dict, list)

BETWEEN = ""
"""The key of a piece that stands between the elements of lists, and says nothing."""


@frozen
class Piece:
    """Some bytes that a run sent or got, as text.

    Text stands for its UTF-8 bytes; bytes that are no UTF-8 are `binary`, and base64 is their text.
    `key` is the list of the request whose element it is, or "". `places` has the path to each long text in
    the JSON of an element; None of what is no element.
    """

    text: str
    key: str = BETWEEN
    binary: bool = False
    reading: Reading | None = None
    places: Mapping[str, Path] | None = field(default=None, repr=False, eq=False)

    def __bytes__(self) -> bytes:
        return base64.b64decode(self.text) if self.binary else self.text.encode()

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return len(self.text) if self.text.isascii() and not self.binary else len(bytes(self))


class Pool:
    """Pieces by number, in the order in which they were first seen. One thread may use it."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._numbers: dict[tuple[str, str, str], int] = {}

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def element(
        self, text: str, key: str, api: Api | None, value: object = None, *, is_strict: bool = True
    ) -> int:
        """The number of an element of the list `key` of a request to `api`, or of what stands between.

        `value` is the JSON of an element; unless it `is_strict`, a browser cannot read it.
        """
        name = (api.name if api and key else "", key, text)
        if name in self._numbers:
            return self._numbers[name]
        reading = read(value, key, api)
        places = find_places(value) if is_strict and len(text) > SHORT else {}
        return self._new(name, Piece(text, key, reading=reading, places=places if key else None))

    def body(self, data: bytes, reading: Completion | None = None) -> int:
        """The number of a whole body, and what it says."""
        try:
            text, binary = data.decode(), False
        except UnicodeDecodeError:
            text, binary = base64.b64encode(data).decode(), True
        name = (reading.api if reading else "", "base64" if binary else "", text)
        if name in self._numbers:
            return self._numbers[name]
        return self._new(name, Piece(text, BETWEEN, binary, reading))

    def _new(self, name: tuple[str, str, str], piece: Piece) -> int:
        self._numbers[name] = len(self.pieces)
        self.pieces.append(piece)
        return len(self.pieces) - 1


def read(value: object, key: str, api: Api | None) -> Message | tuple[Tool, ...] | None:
    """What an element of the list `key` says; several messages are one, in the role of the first."""
    if api is None or value is None or not key:
        return None
    elements = api.elements(key, value)
    messages = [one for one in elements if isinstance(one, Message)]
    if messages:
        return Message(messages[0].role, tuple(part for one in messages for part in one.parts))
    return tuple(one for one in elements if isinstance(one, Tool)) or None


def parse(text: str, *, strict: bool = False) -> object:
    """The JSON of a piece, which may begin with a comma; None if it is none.

    Where it is `strict`, NaN and Infinity are no JSON, as they are none to a browser.
    """
    try:
        return json.loads(text.lstrip(" \t\r\n,"), parse_constant=refuse if strict else None)
    except (ValueError, RecursionError):
        return None


class NotStrict(ValueError):
    """What is JSON to Python alone."""


def refuse(name: str) -> object:
    """Refuse a constant that is no JSON to a browser."""
    raise NotStrict(name)


def find_places(value: object) -> Mapping[str, Path]:
    """The path to each long text in a JSON value."""
    found = dict[str, Path]()
    if isinstance(value, str):
        found[value] = ()
    _walk(value, (), found)
    return found


def _walk(value: object, path: Path, found: dict[str, Path]) -> None:
    members: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, inner in members if len(path) < _DEEP else ():
        if isinstance(inner, str):
            if len(inner) > SHORT:
                found.setdefault(inner, (*path, key))
        elif isinstance(inner, _NESTED):
            _walk(inner, (*path, key), found)
