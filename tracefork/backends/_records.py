"""
The bytes of a log file, and the checksums all backends share. Pure: reading is a function that is passed in.

A file is a prelude, the log's name, then one record a chunk. Rules:

* The prelude has a checksum of its own, the name is proved by the file's name (its sha-256).
* A record's head has a checksum over itself, its number and the prelude: a length that was
  damaged is told from a record that stops early, and no record can stand in another's place.
* What stops early at the end of an unsealed file is *torn*: a writer died in it, nobody was
  told that it was kept, so it is None here. All other deviations are CorruptTape.
* When the power goes, a disk may have grown a file and written any of the new 512-byte sectors, or
  none. So a last record in which a sector is all zeros is torn too. Records begin at multiples of 16,
  as long as their heads, and what fills them up is not zero: a head never lies in two sectors, and the
  part of a record in any sector has 16 bytes at least, which are hardly all zeros by chance.
  (A last chunk that holds a sector of zeros of its own is taken for torn if it is damaged.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from zlib import crc32

from attrs import frozen

from tracefork.errors import Conflict, CorruptTape, StoreError, Truncated, UnknownVersion

from .base import HEAD

Read = Callable[[int, int], bytes]
"""Gives up to so many bytes (second) from an offset (first); fewer at the end of the file."""

NAME_LIMIT = 512
CHUNK_LIMIT = 2**32 - 1
SECTOR = 512
NONCE = 16
_ALIGN = 16
_FILL = b"\xff"
_SEARCHED = 2**20  # bytes at a time; a multiple of _ALIGN
_MAGIC = b"tflog\n"
_VERSION = 2
_PRELUDE = struct.Struct("<6sBB16sI")  # magic, version, sealed, nonce, length of the name
_HEAD = struct.Struct("<III")  # length, checksum of the payload, checksum of its first HEAD bytes
_CHECK = struct.Struct("<I")
PRELUDE_SIZE = _PRELUDE.size + _CHECK.size
HEAD_SIZE = _HEAD.size + _CHECK.size


def name_bytes(name: str) -> bytes:
    """The one spelling of a log's name in bytes; lone surrogates keep their place.

    Raises:
        ValueError: the name is empty or longer than 512 characters.
        TypeError: it is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a log's name is text, not {type(name).__name__}")
    if not 0 < len(name) <= NAME_LIMIT:
        raise ValueError(f"a log's name has 1 to {NAME_LIMIT} characters, this one has {len(name)}")
    return name.encode("utf-8", "surrogatepass")


def only(name: str, expected: int | None, held: int) -> None:
    """Refuse to seal the log `name` if it holds another number of chunks than is `expected`; None takes any.

    Raises:
        Conflict: somebody else has written to it, or it was deleted.
    """
    if expected is not None and held != expected:
        raise Conflict(
            f"log {name!r} has {held} chunks, and {expected} were to be replaced: it is not sealed"
        )


def from_start(start: int) -> int:
    """`start`, checked.

    Raises:
        ValueError: it is negative; chunks are not counted from the end.
    """
    if start < 0:
        raise ValueError(f"chunks are numbered from 0, so none is number {start}")
    return start


def checks(key: bytes, seq: int, chunk: bytes) -> tuple[int, int]:
    """The CRC-32 of the first `HEAD` bytes of a chunk and of all of it, both bound to its log and number."""
    head = crc32(memoryview(chunk)[:HEAD], crc32(seq.to_bytes(8, "little"), crc32(key)))
    return head, crc32(memoryview(chunk)[HEAD:], head)


@frozen
class Prelude:
    """How a log file begins; `raw` is its 32 bytes, random enough to know one log from a later one."""

    raw: bytes
    key: bytes
    sealed: bool

    @property
    def end(self) -> int:
        return _align(PRELUDE_SIZE + len(self.key))

    def where(self, seq: int, at: int) -> str:
        return f"log {self.key.decode('utf-8', 'surrogatepass')!r}, chunk {seq}, byte {at}"


@frozen
class Record:
    """Where chunk `seq` lies: its payload starts at byte `at`."""

    seq: int
    at: int
    length: int
    crc: int
    head_crc: int

    @property
    def start(self) -> int:
        return self.at - HEAD_SIZE

    @property
    def end(self) -> int:
        return _align(self.at + self.length)


def new_prelude(key: bytes, nonce: bytes, *, sealed: bool) -> Prelude:
    raw = _PRELUDE.pack(_MAGIC, _VERSION, sealed, nonce, len(key))
    return Prelude(raw + _CHECK.pack(crc32(raw)), key, sealed)


def encode(prelude: Prelude, seq: int, chunk: bytes) -> bytes:
    """The record of a chunk; that of chunk 0 begins with the prelude and the name.

    Raises:
        StoreError: the chunk is above 4 GiB.
    """
    if len(chunk) > CHUNK_LIMIT:
        raise StoreError(f"a chunk has at most {CHUNK_LIMIT} bytes, this one has {len(chunk)}")
    head_crc, crc = checks(prelude.key, seq, chunk)
    head = _HEAD.pack(len(chunk), crc, head_crc)
    start = (prelude.raw, prelude.key, _fill(len(prelude.key))) if seq == 0 else ()
    return b"".join((*start, head, _CHECK.pack(_head_check(prelude, seq, head)), chunk, _fill(len(chunk))))


def read_prelude(read: Read, size: int, where: str) -> Prelude | None:
    """The prelude of a file of `size` bytes, None if it is torn.

    Raises:
        CorruptTape: it is damaged, or UnknownVersion: a newer tracefork wrote it.
    """
    raw = read(0, PRELUDE_SIZE)
    if len(raw) < PRELUDE_SIZE:
        return None
    body, check = raw[: _PRELUDE.size], raw[_PRELUDE.size :]
    if check != _CHECK.pack(crc32(body)):
        if not read(0, size).strip(b"\0"):
            return None
        raise CorruptTape("the beginning of the file is damaged", where)
    magic, version, sealed, _, length = _PRELUDE.unpack(body)
    if magic != _MAGIC:
        raise CorruptTape("this is no log file", where)
    if version != _VERSION:
        raise UnknownVersion(f"the file has version {version}, this tracefork reads {_VERSION}", where)
    end = _align(PRELUDE_SIZE + length)
    name = read(PRELUDE_SIZE, end - PRELUDE_SIZE)
    if PRELUDE_SIZE + len(name) == end:
        if name[length:] != _fill(length):
            raise CorruptTape("the beginning of the file is damaged", where)
        return Prelude(raw, name[:length], bool(sealed))
    if sealed:
        raise Truncated("the sealed file stops early", where)
    return None


def read_record(read: Read, size: int, prelude: Prelude, seq: int, at: int) -> Record | None:
    """The record that starts at byte `at` of a file of `size` bytes; None at the end or if it is torn.

    Raises:
        CorruptTape: its head is damaged, or a sealed file goes on; Truncated: a sealed file stops early.
    """
    if prelude.sealed and seq > 0:
        if at < size:
            raise CorruptTape("the sealed file goes on after its end", prelude.where(seq, at))
        return None
    raw = read(at, HEAD_SIZE)
    if len(raw) < HEAD_SIZE:
        _allow_torn(prelude, seq, at)
        return None
    if not _is_head(raw, prelude, seq):
        if _is_lost(read, at) and not _has_later(read, size, prelude, seq + 1, at):
            _allow_torn(prelude, seq, at)
            return None
        raise CorruptTape("the head of the record is damaged", prelude.where(seq, at))
    length, crc, head_crc = _HEAD.unpack(raw[: _HEAD.size])
    record = Record(seq, at + HEAD_SIZE, length, crc, head_crc)
    if record.end > size:
        _allow_torn(prelude, seq, at)
        return None
    return record


def read_payload(read: Read, size: int, prelude: Prelude, record: Record) -> bytes | None:
    """The chunk itself, proved by its checksum; None if it is torn.

    Raises:
        CorruptTape: it is damaged; Truncated: a sealed file stops early.
    """
    data = read(record.at, record.end - record.at)
    chunk = data[: record.length]
    whole = record.at + len(data) == record.end
    if (
        whole
        and checks(prelude.key, record.seq, chunk)[1] == record.crc
        and data[record.length :] == _fill(record.length)
    ):
        return chunk
    if not whole or (_is_lost_within(data, record.at) and (record.end >= size or _is_lost(read, record.end))):
        _allow_torn(prelude, record.seq, record.at)
        return None
    raise CorruptTape("the chunk is damaged", prelude.where(record.seq, record.at))


def read_head(read: Read, size: int, prelude: Prelude) -> bytes | None:
    """The first `HEAD` bytes of chunk 0, proved by their own checksum; None if there is no whole chunk 0.

    Raises:
        CorruptTape: they are damaged; Truncated: a sealed file stops early.
    """
    record = read_record(read, size, prelude, 0, prelude.end)
    if record is None:
        return None
    if record.length > HEAD:
        head = read(record.at, HEAD)
        if checks(prelude.key, 0, head)[0] == record.head_crc:
            return head
    return read_payload(read, size, prelude, record)


def remains(data: bytes, key: bytes) -> Iterator[bytes]:
    """Yield the chunks of a damaged file in order, unverified.

    One whose head is damaged reaches to the next head, or to the end of the file.
    """
    prelude, seq, at = Prelude(data[:PRELUDE_SIZE], key, sealed=False), 0, _align(PRELUDE_SIZE + len(key))
    while at + HEAD_SIZE <= len(data):
        head, start = data[at : at + HEAD_SIZE], at + HEAD_SIZE
        length, crc, _ = _HEAD.unpack(head[: _HEAD.size])
        chunk = data[start : start + length]
        if _is_head(head, prelude, seq) or checks(key, seq, chunk)[1] == crc:
            at = _align(start + length)
        else:
            at = _next_head(data, prelude, seq + 1, start)
            left = data[start:at]
            fits = (
                cut
                for cut in range(len(left), len(left) - _ALIGN, -1)
                if checks(key, seq, left[:cut])[1] == crc
            )
            chunk = left[: next(fits, len(left.rstrip(_FILL)))]
        yield chunk
        seq += 1


def _next_head(data: bytes, prelude: Prelude, seq: int, at: int) -> int:
    places = range(_align(at), len(data), _ALIGN)
    return next((n for n in places if _is_head(data[n : n + HEAD_SIZE], prelude, seq)), len(data))


def _is_head(raw: bytes, prelude: Prelude, seq: int) -> bool:
    head, check = raw[: _HEAD.size], raw[_HEAD.size :]
    return check == _CHECK.pack(_head_check(prelude, seq, head))


def _head_check(prelude: Prelude, seq: int, head: bytes) -> int:
    # Without its checksum: the CRC of anything followed by its own CRC is always the same.
    return crc32(head, crc32(seq.to_bytes(8, "little"), crc32(prelude.raw[: _PRELUDE.size])))


def _allow_torn(prelude: Prelude, seq: int, at: int) -> None:
    """Allow a record to stop early; in a sealed file, which came at once, that is damage."""
    if prelude.sealed:
        raise Truncated("the sealed file stops early", prelude.where(seq, at))


def _align(at: int) -> int:
    return -(-at // _ALIGN) * _ALIGN


def _fill(length: int) -> bytes:
    """What follows `length` bytes that began at a multiple of 16."""
    return _FILL * (-length % _ALIGN)


def _is_lost(read: Read, at: int) -> bool:
    """Whether nothing but zeros is left from `at` to the end of its sector, or of the file."""
    return not read(at, SECTOR - at % SECTOR).strip(b"\0")


def _is_lost_within(data: bytes, at: int) -> bool:
    """Whether all that `data`, which lies at `at`, has of some sector that begins in it is zeros."""
    first = -at % SECTOR
    return any(not data[start : start + SECTOR].strip(b"\0") for start in range(first, len(data), SECTOR))


def _has_later(read: Read, size: int, prelude: Prelude, seq: int, at: int) -> bool:
    """Whether record `seq` begins somewhere after `at`."""
    for start in range(at, size, _SEARCHED):
        data = read(start, _SEARCHED)
        if any(_is_head(data[i : i + HEAD_SIZE], prelude, seq) for i in range(0, len(data), _ALIGN)):
            return True
    return False
