"""Where in a piece's own JSON the data of its media stand, so that a page can show them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TypeAlias

from ...providers.messages import Completion, Media, Message, Part, ToolResult
from ..model.pool import Piece, parse

Place: TypeAlias = "dict[str, object]"
"""`at`, a path; `event`, the number of the event whose data it leads through; `text` if text is the data."""
Places: TypeAlias = Mapping[str, Place]
"""Places by the sha-256 of what stands there."""

_DEEP = 40  # levels
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")


def find_media(piece: Piece) -> Places:
    """The places of all media of `piece` whose data it holds."""
    wanted = {one.sha256: one.size for one in _media(piece) if one.sha256 and one.size}
    found = dict[str, Place]()
    if wanted and not piece.binary:
        sizes = frozenset(wanted.values())
        for event, value in _values(piece.text):
            numbered: Place = {} if event is None else {"event": event}
            for path, text in _texts(value, []):
                for digest, is_text in _digests(text, sizes):
                    if digest in wanted:
                        place: Place = {"at": path, **numbered, **({"text": 1} if is_text else {})}
                        found.setdefault(digest, place)
    return found


def _media(piece: Piece) -> Iterator[Media]:
    match piece.reading:
        case Message(parts=parts):
            yield from _in_parts(parts)
        case Completion(choices=choices):
            for choice in choices:
                yield from _in_parts(choice.message.parts)


def _in_parts(parts: tuple[Part, ...]) -> Iterator[Media]:
    for part in parts:
        if isinstance(part, Media):
            yield part
        elif isinstance(part, ToolResult):
            yield from _in_parts(part.parts)


def _values(text: str) -> Iterator[tuple[int | None, object]]:
    """The JSON of a text; if it is a stream of events, that of the data of each, with its number."""
    whole = parse(text, strict=True)
    if whole is not None:
        yield None, whole
        return
    lines = (line for line in text.split("\n") if line.startswith("data:"))
    for number, line in enumerate(lines):
        value = parse(line[5:], strict=True)
        if value is not None:
            yield number, value


def _texts(value: object, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
    if isinstance(value, str):
        yield path, value
    elif len(path) < _DEEP and isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, [*path, key])
    elif len(path) < _DEEP and isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, [*path, place])


def _digests(text: str, sizes: frozenset[int]) -> Iterator[tuple[str, bool]]:
    """The sha-256 of what a text holds in base64, and of its own bytes, where these are of such sizes."""
    head, _, data = text.partition(",") if text.startswith("data:") else ("", "", text)
    if len(data.rstrip("=\r\n ")) * 3 // 4 in sizes:
        try:
            encoded = data.encode().translate(_ONE_ALPHABET)
            yield sha256(base64.b64decode(encoded)).hexdigest(), False
        except ValueError:  # no base64
            pass
    if len(data) <= max(sizes) and (not head or ";base64" not in head):
        own = data.encode("utf-8", "replace")
        if len(own) in sizes:
            yield sha256(own).hexdigest(), not head
