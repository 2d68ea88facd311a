"""Frames: the envelope of everything that is stored.

A frame is a head of 18 bytes (magic, version, kind, length, and a crc-32 of
these), a check of 16 bytes over the place, the head and the payload, and the
payload. The *place* is not stored: a frame that is read elsewhere than it was
written for fails its check like a damaged one. Because the head has a check of
its own, a frame that stops early is told apart from one whose length is damaged.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from zlib import crc32

from attrs import frozen

from ...errors import CorruptTape, Truncated, UnknownVersion

MAGIC = b"\x89TFK"
VERSION = 5
"""Of all that is written."""

READ = (5, 4, 3, 2)
"""What is read. Version 1 was never released."""

_FIELDS = struct.Struct(">4sBcQ")
_CRC = struct.Struct(">I")
_HEAD = _FIELDS.size + _CRC.size
_CHECK = 16
OVERHEAD = _HEAD + _CHECK
"""What a frame adds to its payload, in bytes."""

SUMMARY, HEADER, RECORDS = b"S", b"H", b"R"
"""The kinds of frame that a log's chunk begins with: sealed, chunk 0, and later chunks, which are light."""

_LIGHT = struct.Struct(">cI")
_LIGHT_CRC = struct.Struct(">H")
_LIGHT_HEAD = _LIGHT.size + _LIGHT_CRC.size
_LIGHT_CHECK = 8
LIGHT_OVERHEAD = _LIGHT_HEAD + _LIGHT_CHECK
"""What a light frame adds to its payload, in bytes."""

HEAD_ROOM = 65_536
"""Bytes at the beginning of a log that every backend shows without reading all of it."""


@frozen
class Frame:
    """One frame of a larger whole; `end` is the offset behind it."""

    kind: bytes
    payload: bytes
    end: int


def frame(kind: bytes, payload: bytes, place: str = "") -> bytes:
    """Return `payload` in its envelope. `kind` is one byte."""
    fields = _FIELDS.pack(MAGIC, VERSION, kind, len(payload))
    head = fields + _CRC.pack(crc32(fields))
    return head + _check(head, payload, place) + payload


def read(data: bytes, offset: int = 0, place: str = "") -> Frame:
    """Return the frame that begins at `offset`.

    Raises:
        Truncated: the data stop inside the frame.
        UnknownVersion: a newer tracefork wrote it.
        CorruptTape: it is no frame, it is damaged, or it was written for another place.
    """
    head = data[offset : offset + _HEAD]
    where = f"byte {offset}"
    if head[: len(MAGIC)] != MAGIC[: len(head)]:
        raise CorruptTape("this is not a tracefork tape", where)
    if len(head) > len(MAGIC) and not _is_checked(head):
        rest = head[len(MAGIC) + 1 :]
        if any(_is_checked(MAGIC + bytes([other]) + rest) for other in READ):
            raise CorruptTape("the version of a frame is damaged", where)
    if len(head) > len(MAGIC) and head[len(MAGIC)] not in READ:
        *others, last = map(str, sorted(READ))
        known = f"{', '.join(others)} and {last}"
        raise UnknownVersion(f"format version {head[len(MAGIC)]} is unknown, this reads {known}", where)
    if len(head) < _HEAD:
        raise Truncated("it stops inside the head of a frame", where)
    if not _is_checked(head):
        raise CorruptTape("the head of a frame is damaged", where)
    _, _, kind, size = _FIELDS.unpack(head[: _FIELDS.size])
    start = offset + OVERHEAD
    if size > len(data) - start:
        raise Truncated(f"a frame of {size:,} bytes stops after {max(0, len(data) - start):,}", where)
    payload = data[start : start + size]
    if data[offset + _HEAD : start] != _check(head, payload, place):
        raise CorruptTape("a frame is damaged or out of its place", where)
    return Frame(kind, payload, start + size)


def _is_checked(head: bytes) -> bool:
    return _CRC.pack(crc32(head[: _FIELDS.size])) == head[_FIELDS.size :]


def find(data: bytes, kind: bytes, offset: int = 0) -> int:
    """Return where, from `offset` on, something that looks like a frame of `kind` begins, or -1."""
    found = [data.find(MAGIC + bytes([version]) + kind, offset) for version in READ]
    return min((at for at in found if at >= 0), default=-1)


def find_last(data: bytes, kind: bytes, before: int) -> int:
    """Return where the last thing before `before` that looks like a frame of `kind` begins, or -1."""
    return max(data.rfind(MAGIC + bytes([version]) + kind, 0, before) for version in READ)


def read_kind(data: bytes) -> bytes:
    """Return the kind of the frame that `data` begins with, unverified; empty if it begins with none."""
    return data[len(MAGIC) + 1 : len(MAGIC) + 2] if data.startswith(MAGIC) else b""


def read_only(data: bytes, place: str = "") -> Frame:
    """Return the one frame that `data` is.

    Raises:
        CorruptTape: as `read`, and when bytes follow the frame.
    """
    found = read(data, place=place)
    if found.end != len(data):
        raise CorruptTape(f"{len(data) - found.end:,} bytes follow the frame", f"byte {found.end}")
    return found


def light_frame(payload: bytes, place: str) -> bytes:
    """Return `payload`, of less than 4 GiB, as a light frame of records."""
    fields = _LIGHT.pack(RECORDS, len(payload))
    head = fields + _LIGHT_CRC.pack(crc32(fields) & 0xFFFF)
    return head + _check(head, payload, place, _LIGHT_CHECK) + payload


def read_light(data: bytes, place: str) -> bytes:
    """Return the payload of the light frame that `data` is.

    Raises:
        Truncated: the data stop inside the frame.
        CorruptTape: it is damaged, was written for another place, or bytes follow.
    """
    head = data[:_LIGHT_HEAD]
    if head[:1] != RECORDS[: len(head)]:
        raise CorruptTape("this chunk holds no records")
    if len(head) < _LIGHT_HEAD:
        raise Truncated("it stops inside the head of a frame")
    if _LIGHT_CRC.pack(crc32(head[: _LIGHT.size]) & 0xFFFF) != head[_LIGHT.size :]:
        raise CorruptTape("the head of a frame is damaged")
    _, size = _LIGHT.unpack(head[: _LIGHT.size])
    payload = data[LIGHT_OVERHEAD:]
    if len(payload) < size:
        raise Truncated(f"a frame of {size:,} bytes stops after {len(payload):,}")
    if len(payload) > size:
        raise CorruptTape(f"{len(payload) - size:,} bytes follow the frame")
    if data[_LIGHT_HEAD:LIGHT_OVERHEAD] != _check(head, payload, place, _LIGHT_CHECK):
        raise CorruptTape("a frame is damaged or out of its place")
    return payload


def _check(head: bytes, payload: bytes, place: str, size: int = _CHECK) -> bytes:
    name = place.encode("utf-8", "surrogatepass")
    check = blake2b(len(name).to_bytes(8, "big") + name + head, digest_size=size)
    check.update(payload)
    return check.digest()
