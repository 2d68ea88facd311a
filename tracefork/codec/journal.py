"""The live log: chunk 0 is the run's header, every later chunk holds records. Pure.

A chunk is one frame whose place is (run, number), so that a chunk which was
swapped, repeated or taken from another run fails its check. Any prefix of the
chunks decodes to what had happened by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import CorruptTape
from . import frames, plain
from .limits import DEFAULT, UNLIMITED, Limits, count, message
from .records import Asked, Ended, Header, Record

HEADER_ROOM = 60_000
"""Bytes that a header may take, so that every backend's `heads` shows it whole."""

_HEADER, _RECORDS = b"H", b"R"


def header(head: Header) -> bytes:
    """Return chunk 0.

    Raises:
        ValueError: the header is larger than `HEADER_ROOM`; only `meta` can be that large.
    """
    payload = plain.dump(head)
    if len(payload) + frames.OVERHEAD > HEADER_ROOM:
        raise ValueError(
            f"the run's meta is too large: its header takes {len(payload):,} of {HEADER_ROOM:,} bytes"
        )
    return frames.frame(_HEADER, payload)


def decode_header(chunk: bytes) -> Header:
    """Return the header that chunk 0 is.

    Raises:
        CorruptTape: it is none.
    """
    found = frames.only(chunk)
    if found.kind != _HEADER:
        raise CorruptTape("the log does not begin with a header")
    return plain.load(found.payload, Header, DEFAULT)


def encode(records: Sequence[Record], run_id: str, number: int) -> bytes:
    """Return chunk `number`, from 1, of the run's log."""
    raw = b"\n".join(plain.dump(record, plain.RECORD) for record in records)
    return frames.frame(_RECORDS, frames.squeeze(raw), place(run_id, number))


def decode(chunk: bytes, run_id: str, number: int, limits: Limits = UNLIMITED) -> list[Record]:
    """Return the records of chunk `number`.

    Raises:
        CorruptTape: the chunk is damaged, or not the one that was written at this place.
        TooLarge: it is more than `limits` allow.
    """
    found = frames.only(chunk, place(run_id, number))
    if found.kind != _RECORDS:
        raise CorruptTape("this chunk holds no records")
    raw = frames.expand(found.payload, limits.allowed(len(found.payload)), limits)
    return list(_checked((plain.load_record(line, limits) for line in raw.split(b"\n") if line), limits))


def place(run_id: str, number: int) -> str:
    """What a chunk's check is over besides its bytes."""
    return f"{run_id}\n{number}"


def _checked(records: Iterable[Record], limits: Limits) -> Iterable[Record]:
    for seen, record in enumerate(records):
        count("records in one chunk", seen, 4 * limits.steps)
        match record:
            case Asked(question=question):
                message(question, limits)
            case Ended(answer=answer):
                message(answer, limits)
        yield record
