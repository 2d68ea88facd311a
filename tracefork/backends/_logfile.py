"""
Reading one open log file: where it ends, what it holds, how it begins.

Readers take no lock. What looks damaged to them may be a torn end that a writer is just repairing,
so they look once more while no writer is at work before they say so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import TypeVar

from attrs import frozen

from tracefork.errors import CorruptTape

from ._files import quiet, reader
from ._records import (
    PRELUDE_SIZE,
    Prelude,
    Record,
    read_head,
    read_payload,
    read_prelude,
    read_record,
)

SUFFIX = ".log"
T = TypeVar("T")


@frozen
class End:
    """Where a log ends: chunk `seq` comes next, at byte `at`. At 0 there is no log yet."""

    seq: int = 0
    at: int = 0
    prelude: Prelude | None = None


def file_name(key: bytes) -> str:
    return sha256(key).hexdigest() + SUFFIX


def find_end(fd: int, key: bytes, known: End) -> End:
    """The end of the log; only what follows `known` is looked at, if the file is still the one it knew.

    The caller holds the lock.
    """
    read, size = reader(fd), _size(fd)
    if known.prelude and known.at <= size and read(0, PRELUDE_SIZE) == known.prelude.raw:
        prelude, end = known.prelude, known
    elif found := prelude_of(fd, key):
        prelude, end = found, End(0, found.end, found)
    else:
        return End()
    last: Record | None = None
    while record := read_record(read, size, prelude, end.seq, end.at):
        last, end = record, End(end.seq + 1, record.end, prelude)
    if last and read_payload(read, size, prelude, last) is None:
        end = End(last.seq, last.start, prelude)
    return end if end.seq else End()


def prelude_of(fd: int, key: bytes) -> Prelude | None:
    """The prelude of the log named `key`; None if there is no log in the file."""
    where = f"log {key.decode('utf-8', 'surrogatepass')!r}"
    prelude = read_prelude(reader(fd), _size(fd), where)
    if prelude and prelude.key != key:
        raise CorruptTape("the file bears the name of another log", where)
    return prelude


def first_chunk(fd: int, key: bytes) -> tuple[Prelude, Record, bytes] | None:
    """Chunk 0 and where it lies, None if there is no whole one."""
    prelude = prelude_of(fd, key)
    if prelude is None:
        return None
    step = _step(fd, prelude, 0, prelude.end)
    return (prelude, *step) if step else None


def read_chunks(fd: int, key: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of chunk 0 (always, it proves that there is a log) and of all from `start`."""
    first = _calm(fd, partial(first_chunk, fd, key))
    if first is None:
        return
    prelude, last, chunk = first
    yield 0, chunk
    while record := _calm(fd, partial(_next, fd, prelude, last)):
        last = record
        if record.seq < start:
            continue
        whole = _calm(fd, partial(_payload, fd, prelude, record))
        if whole is None:
            return
        yield record.seq, whole


def head_of(fd: int, file: str) -> tuple[str, bytes] | None:
    """Name and head of the log in `file`, None if there is none."""
    return _calm(fd, partial(_head, fd, file))


def _head(fd: int, file: str) -> tuple[str, bytes] | None:
    read, size = reader(fd), _size(fd)
    prelude = read_prelude(read, size, f"file {file}")
    if prelude is None:
        return None
    if file_name(prelude.key) != file:
        raise CorruptTape("the name in the file is not the one that it is named for", f"file {file}")
    name = prelude.key.decode("utf-8", "surrogatepass")
    try:
        head = read_head(read, size, prelude)
    except CorruptTape as error:
        error.log = name
        raise
    return None if head is None else (name, head)


def _next(fd: int, prelude: Prelude, after: Record) -> Record | None:
    return read_record(reader(fd), _size(fd), prelude, after.seq + 1, after.end)


def _payload(fd: int, prelude: Prelude, record: Record) -> bytes | None:
    return read_payload(reader(fd), _size(fd), prelude, record)


def _step(fd: int, prelude: Prelude, seq: int, at: int) -> tuple[Record, bytes] | None:
    read, size = reader(fd), _size(fd)
    record = read_record(read, size, prelude, seq, at)
    if record is None:
        return None
    chunk = read_payload(read, size, prelude, record)
    return None if chunk is None else (record, chunk)


def _calm(fd: int, look: Callable[[], T]) -> T:
    try:
        return look()
    except CorruptTape:
        with quiet(fd):
            return look()


def _size(fd: int) -> int:
    return os.fstat(fd).st_size
