"""Reads the messages of Amazon's event streams, and renews their checksums. Pure.

A message is twelve bytes (its length, that of its headers, and a checksum of these two), headers, a payload
and a checksum of all of it. The form is that of `application/vnd.amazon.eventstream`.
"""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from .decoded import View, gather, open_pieces, rebase
from .encoded import Part

_HEAD = struct.Struct(">III")
_CHECKSUM = 4
_BYTES = re.compile(rb'"bytes"[ \t]{0,16}:[ \t]{0,16}"([A-Za-z0-9+/]{4,}={0,2})"')


def list_messages(body: bytes) -> Iterator[tuple[int, Part]]:
    """Give each message that stands at the beginning of `body`: where it begins, and where its payload is."""
    place = 0
    while place + _HEAD.size <= len(body):
        size, headers, check = _HEAD.unpack_from(body, place)
        start, end = place + _HEAD.size + headers, place + size - _CHECKSUM
        if not start <= end <= len(body) - _CHECKSUM or zlib.crc32(body[place : place + 8]) != check:
            return
        yield place, (start, end)
        place += size


def list_payloads(body: bytes) -> list[View]:
    """Return what the messages of `body` hold, and what is in base64 in that; nothing if it has none."""
    found = [payload for _, payload in list_messages(body)]
    if not found:
        return []
    whole = gather(body, found, b"\n\n")
    packed = [at.span(1) for at in _BYTES.finditer(whole.data)]
    pieces = [_decode(whole.data[low:high]) for low, high in packed]
    return [whole, rebase(whole, open_pieces(pieces, packed, b"\n\n"))] if packed else [whole]


def find_checksums(body: bytes, parts: Iterable[Part]) -> list[Part]:
    """Return where the checksums stand of those messages that have one of `parts` in them, in order."""
    found, left = list[Part](), sorted(parts, reverse=True)
    for _, (_, end) in list_messages(body):
        if not left:
            break
        if left[-1][0] < end:
            found.append((end, end + _CHECKSUM))
        while left and left[-1][0] < end + _CHECKSUM:
            left.pop()
    return found


def renew_checksums(body: bytes, changed: bytes) -> bytes:
    """Return `changed`, which is as long as `body`, with the checksums of its messages made anew."""
    made = bytearray(changed)
    for place, (_, end) in list_messages(body):
        if changed[place:end] != body[place:end]:
            made[end : end + _CHECKSUM] = zlib.crc32(changed[place:end]).to_bytes(_CHECKSUM, "big")
    return bytes(made)


def _decode(packed: bytes) -> bytes:
    try:
        return binascii.a2b_base64(packed)
    except binascii.Error:
        return b""
