"""Amazon's event streams, as Bedrock streams a model's answer: framed messages, JSON in base64 in each.

The frames' checksums are not looked at: bytes that the network or a tape damages
are found there.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

from ..core.values import Response
from . import _json, base

_HEAD = struct.Struct(">III")  # length of all, length of the headers, checksum of the two
_CHECKSUM = 4


def is_stream(response: Response) -> bool:
    return "vnd.amazon.eventstream" in base.header(response.headers, "content-type").lower()


def payloads(body: bytes) -> Iterator[object]:
    """Yield the JSON of each complete message; an exception as `{"error": {...}}`."""
    place = 0
    while place + _HEAD.size <= len(body):
        size, headers, _ = _HEAD.unpack_from(body, place)
        start, end = place + _HEAD.size + headers, place + size - _CHECKSUM
        if not start <= end <= len(body) - _CHECKSUM:
            return
        yield _open(_json.parse(body[start:end]))
        place += size


def _open(message: object) -> object:
    match message:
        case {"bytes": str(packed)}:
            try:
                return _json.parse(base64.b64decode(packed))
            except ValueError:
                return None
        case {"message": str(text)}:
            return {"type": "error", "error": {"message": text}}
        case _:
            return message
