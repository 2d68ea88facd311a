"""Frames: the envelope of everything that is stored, and compression that is bounded when undone.

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

import zstandard
from attrs import frozen

from ..errors import CorruptTape, TooLarge, Truncated, UnknownVersion
from .limits import DEFAULT, Limits

MAGIC = b"\x89TFK"
VERSION = 1

_FIELDS = struct.Struct(">4sBcQ")
_CRC = struct.Struct(">I")
_HEAD = _FIELDS.size + _CRC.size
_CHECK = 16
OVERHEAD = _HEAD + _CHECK
"""What a frame adds to its payload, in bytes."""

SUMMARY, HEADER, RECORDS = b"S", b"H", b"R"
"""The kinds of frame that a log's chunk begins with: sealed, chunk 0, and later chunks."""

HEAD_ROOM = 65_536
"""Bytes at the beginning of a log that every backend shows without reading all of it."""

_SKIP = struct.Struct("<II")
_SKIPPABLE = 0x184D2A50
_PIECE = 1 << 18


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
    if len(head) > len(MAGIC) and head[len(MAGIC)] != VERSION:
        raise UnknownVersion(f"format version {head[len(MAGIC)]} is unknown, this reads {VERSION}", where)
    if len(head) < _HEAD:
        raise Truncated("it stops inside the head of a frame", where)
    if _CRC.pack(crc32(head[: _FIELDS.size])) != head[_FIELDS.size :]:
        raise CorruptTape("the head of a frame is damaged", where)
    _, _, kind, size = _FIELDS.unpack(head[: _FIELDS.size])
    start = offset + OVERHEAD
    if size > len(data) - start:
        raise Truncated(f"a frame of {size:,} bytes stops after {max(0, len(data) - start):,}", where)
    payload = data[start : start + size]
    if data[offset + _HEAD : start] != _check(head, payload, place):
        raise CorruptTape("a frame is damaged or out of its place", where)
    return Frame(kind, payload, start + size)


def find(data: bytes, kind: bytes, offset: int = 0) -> int:
    """Return where, from `offset` on, something that looks like a frame of `kind` begins, or -1."""
    return data.find(MAGIC + bytes([VERSION]) + kind, offset)


def kind(data: bytes) -> bytes:
    """Return the kind of the frame that `data` begins with, unverified; empty if it begins with none."""
    return data[len(MAGIC) + 1 : len(MAGIC) + 2] if data.startswith(MAGIC) else b""


def only(data: bytes, place: str = "") -> Frame:
    """Return the one frame that `data` is.

    Raises:
        CorruptTape: as `read`, and when bytes follow the frame.
    """
    found = read(data, place=place)
    if found.end != len(data):
        raise CorruptTape(f"{len(data) - found.end:,} bytes follow the frame", f"byte {found.end}")
    return found


def squeeze(raw: bytes, level: int = 3) -> bytes:
    """Compress `raw` into one zstd frame that says its size.

    What shrinks beyond the default ratio is padded up to it, so that the limits
    which stop a bomb never stop a tape of our own.
    """
    packed = zstandard.ZstdCompressor(level=level, write_content_size=True).compress(raw)
    missing = len(raw) // DEFAULT.ratio - len(packed)
    if missing <= 0:
        return packed
    return packed + _SKIP.pack(_SKIPPABLE, missing) + bytes(missing)


def expand(packed: bytes, most: int, limits: Limits) -> bytes:
    """Undo `squeeze`, into at most `most` bytes; a size that is only claimed costs nothing.

    Raises:
        TooLarge: it says it is larger, or turns out to be, or wants a larger window.
        CorruptTape: it is no zstd frame, or not of the size it says.
    """
    try:
        said = zstandard.get_frame_parameters(packed)
        if said.content_size > most and said.content_size != zstandard.CONTENTSIZE_UNKNOWN:
            raise TooLarge(f"it expands to {said.content_size:,} bytes, {most:,} are allowed")
        if said.window_size > limits.window:
            raise TooLarge(f"it wants a window of {said.window_size:,} bytes, the limit is {limits.window:,}")
        raw = _stream(packed, most, limits)
    except zstandard.ZstdError as error:
        raise CorruptTape(f"the compressed data are damaged: {error}") from error
    if len(raw) != said.content_size:
        raise CorruptTape(f"it says {said.content_size:,} bytes and has {len(raw):,}")
    return raw


def _stream(packed: bytes, most: int, limits: Limits) -> bytes:
    raw = bytearray()
    decompressor = zstandard.ZstdDecompressor(max_window_size=limits.window)
    with decompressor.stream_reader(packed) as reader:
        while piece := reader.read(min(_PIECE, most + 1 - len(raw))):
            raw += piece
            if len(raw) > most:
                raise TooLarge(f"it expands to more than the {most:,} bytes that are allowed")
    return bytes(raw)


def _check(head: bytes, payload: bytes, place: str) -> bytes:
    name = place.encode("utf-8", "surrogatepass")
    check = blake2b(len(name).to_bytes(8, "big") + name + head, digest_size=_CHECK)
    check.update(payload)
    return check.digest()
