"""Distinct texts of a run, each kept once and known by its number."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from attrs import frozen

from ...providers.messages import Completion, Message, Tool
from ...providers.read import Api

Reading = Message | tuple[Tool, ...] | Completion
"""What a piece says, in a form that all vendors share: a message, tools that are declared, an answer."""

BETWEEN = ""
"""The key of a piece that stands between the elements of lists, and says nothing."""


@frozen
class Piece:
    """Some bytes that a run sent or got, as text.

    Text stands for its UTF-8 bytes; bytes that are no UTF-8 are `binary`, and base64 is their text.
    `key` is the list of the request whose element it is, or "".
    """

    text: str
    key: str = BETWEEN
    binary: bool = False
    reading: Reading | None = None

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

    def element(self, text: str, key: str, api: Api | None) -> int:
        """The number of an element of the list `key` of a request to `api`, or of what stands between."""
        name = (api.name if api and key else "", key, text)
        if name in self._numbers:
            return self._numbers[name]
        return self._new(name, Piece(text, key, reading=read(text, key, api)))

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


def read(text: str, key: str, api: Api | None) -> Message | tuple[Tool, ...] | None:
    """What an element of the list `key` says; several messages are one, in the role of the first."""
    value = parse(text) if api and key else None
    if api is None or value is None:
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
        return json.loads(text.lstrip(" \t\r\n,"), parse_constant=_refuse if strict else None)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> object:
    raise ValueError(name)
