"""The live log: chunk 0 is the run's header, every later chunk holds records. Pure.

A chunk is one frame whose place is (run, number), so that a chunk which was
swapped, repeated or taken from another run fails its check. Any prefix of the
chunks decodes to what had happened by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.tape import Tape
from ..errors import CorruptTape, TooLarge, Truncated
from . import frames, plain
from .limits import DEFAULT, Limits, count, message
from .records import Asked, Ended, Header, Record, Summary, replayed, salvaged

HEADER_ROOM = 60_000
"""Bytes that a header may take, so that every backend's `heads` shows it whole, sealed too."""


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
    return frames.frame(frames.HEADER, payload)


def decode_header(chunk: bytes) -> Header:
    """Return the header that chunk 0 is, or that a sealed blob begins with; its first 64 KiB will do.

    Raises:
        CorruptTape: it is none.
    """
    if frames.kind(chunk) == frames.SUMMARY:
        return plain.load(frames.read(chunk).payload, Summary, DEFAULT).header
    found = frames.only(chunk)
    if found.kind != frames.HEADER:
        raise CorruptTape("the log does not begin with a header")
    return plain.load(found.payload, Header, DEFAULT)


def encode(records: Sequence[Record], run_id: str, number: int) -> bytes:
    """Return chunk `number`, from 1, of the run's log."""
    raw = b"\n".join(plain.dump(record, plain.RECORD) for record in records)
    return frames.frame(frames.RECORDS, frames.squeeze(raw), place(run_id, number))


def decode(chunk: bytes, run_id: str, number: int, limits: Limits = DEFAULT) -> list[Record]:
    """Return the records of chunk `number`.

    Raises:
        Truncated: the chunk stops early.
        TooLarge: it is more than `limits` allow.
        CorruptTape: it is damaged, or not the one that was written at this place.
    """
    return _records(_raw(chunk, run_id, number, limits.allowed(len(chunk)), limits), limits)


def unroll(chunks: Iterable[bytes], run_id: str, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that all `chunks` of the run make, `limits` being for all of them together.

    A last chunk that stops early was being written when the recording died, and
    is left out.

    Raises:
        CorruptTape: a chunk is damaged, missing or out of place; the error says which.
        TooLarge: they are more than `limits` allow.
    """
    rest = iter(chunks)
    with plain.damage("chunk 0"):
        head = decode_header(next(rest, b""))
        if head.run_id != run_id:
            raise CorruptTape(f"it is the header of run {head.run_id!r}")
    records, asked, encoded, decoded = list[Record](), 0, 0, 0
    for number, chunk in enumerate(rest, 1):
        encoded += len(chunk)
        with plain.damage(f"chunk {number}"):
            try:
                raw = _raw(chunk, run_id, number, limits.allowed(encoded) - decoded, limits)
            except Truncated:
                if next(rest, None) is None:
                    break
                raise
            decoded += len(raw)
            new = _records(raw, limits)
            asked += sum(isinstance(record, Asked) for record in new)
            count("steps", asked, limits.steps)
            records += new
    return replayed(head, records)


def salvage(chunks: Iterable[bytes], run_id: str, limits: Limits = DEFAULT) -> Tape:
    """Return what the whole ones of `chunks` make; a lost chunk is b"", to keep the others' numbers.

    Raises:
        CorruptTape: none is whole.
        TooLarge: one of them is more than `limits` allow.
    """
    head, records, whole = Header(run_id), list[Record](), 0
    for number, chunk in enumerate(chunks):
        try:
            if number == 0:
                head = decode_header(chunk)
            else:
                records += decode(chunk, run_id, number, limits)
            whole += 1
        except TooLarge:
            raise
        except CorruptTape:
            continue
    if not whole:
        raise CorruptTape("nothing of it can be read", f"run {run_id!r}", "restore it from a copy")
    return salvaged(head, records)


def place(run_id: str, number: int) -> str:
    """What a chunk's check is over besides its bytes."""
    return f"{run_id}\n{number}"


def _raw(chunk: bytes, run_id: str, number: int, most: int, limits: Limits) -> bytes:
    found = frames.only(chunk, place(run_id, number))
    if found.kind != frames.RECORDS:
        raise CorruptTape("this chunk holds no records")
    return frames.expand(found.payload, most, limits)


def _records(raw: bytes, limits: Limits) -> list[Record]:
    count("records in one chunk", raw.count(b"\n"), 4 * limits.steps)
    records = [plain.load_record(line, limits) for line in raw.split(b"\n") if line]
    for record in records:
        match record:
            case Asked(question=question):
                message(question, limits)
            case Ended(answer=answer):
                message(answer, limits)
            case _:
                pass
    return records
