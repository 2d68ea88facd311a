"""The live log: chunk 0 is the run's header, every later chunk holds records. Pure.

A chunk is one frame whose place is (run, number), so that a chunk which was
swapped, repeated or taken from another run fails its check. Within, all chunks
are one zstd stream that is flushed at the end of each, and records are rows
that refer to earlier ones: so a prefix of the chunks decodes to what had
happened by then, and behind a chunk that is lost nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..core.tape import Tape
from ..core.values import Fault, Request, Response
from ..errors import CorruptTape, TooLarge, Truncated, UnknownVersion
from . import strict_json
from .frames import frame
from .frames.zstd import Compressor, Decompressor
from .limits import DEFAULT, Limits, check_count
from .records import ALONE, Asked, Ended, Header, Parent, Record, Summary, check_parent, fold
from .rows.rows import Cuts, RowReader, RowWriter

HEADER_ROOM = 60_000
"""Bytes that a header may take, so that every backend's `heads` shows it whole, sealed too."""

_QUESTION, _ANSWERS = 256 << 10, 64 << 10  # bytes of a dictionary
_LENGTH = 4  # bytes of a row's length


def encode_header(head: Header) -> bytes:
    """Return chunk 0.

    Raises:
        ValueError: the header is larger than `HEADER_ROOM`; only `meta` can be that large.
    """
    payload = strict_json.dump(head)
    if len(payload) + frame.OVERHEAD > HEADER_ROOM:
        raise ValueError(
            f"the run's meta is too large: its header takes {len(payload):,} of {HEADER_ROOM:,} bytes"
        )
    return frame.frame(frame.HEADER, payload)


def decode_header(chunk: bytes) -> Header:
    """Return the header that chunk 0 is, or that a sealed blob begins with; its first 64 KiB will do.

    Raises:
        CorruptTape: it is none.
    """
    if frame.read_kind(chunk) == frame.SUMMARY:
        return strict_json.load(frame.read(chunk).payload, Summary, DEFAULT).header
    found = frame.read_only(chunk)
    if found.kind != frame.HEADER:
        raise CorruptTape("the log does not begin with a header")
    return strict_json.load(found.payload, Header, DEFAULT)


def read_header(chunk: bytes, run_id: str) -> Header:
    """Return the header that chunk 0 of this run is.

    Raises:
        CorruptTape: it is none, or another run's; the error says that it is chunk 0.
    """
    with strict_json.damage("chunk 0"):
        head = decode_header(chunk)
        if head.run_id != run_id:
            raise CorruptTape(f"it is the header of run {head.run_id!r}")
    return head


def make_dictionary(parent: Parent) -> bytes:
    """Return what a branch's compressor knows at first: how its parent's questions and answers end."""
    asked = [step.asked for step in parent.steps if isinstance(step.asked, Request)]
    parts, size = list[bytes](), 0
    for step in reversed(parent.steps):
        if isinstance(step.answer, Response) and size < _ANSWERS:
            parts.append(step.answer.body)
            size += len(parts[-1])
    answers = b"".join(reversed(parts))[-_ANSWERS:]
    return asked[-1].body[-_QUESTION:] + answers if asked else answers


class Encoder:
    """Makes chunks of a run's records, numbered from 1. Not thread-safe.

    `parent` is what the branch may refer to.
    """

    def __init__(self, run_id: str, parent: Parent = ALONE) -> None:
        self._run_id = run_id
        self._rows = RowWriter(parent.steps)
        self._squeezer = Compressor(dictionary=make_dictionary(parent))
        self._number = 0

    def chunk(
        self, records: Sequence[Record], look: Callable[[bytes], object] | None = None
    ) -> tuple[bytes, list[Record]]:
        """Return the next chunk, and its records with their bodies kept in less room.

        `look` is shown all that the chunk says, before it is compressed, and refuses it by raising.
        """
        raw, kept = _Written(), list[Record]()
        for record in records:
            sink = _Written()
            row, less = self._rows.write(record, sink)
            line = strict_json.encode(row)
            raw += len(line).to_bytes(_LENGTH, "big") + line + sink
            kept.append(less)
        if look:
            look(bytes(raw))
        self._number += 1
        return frame.light_frame(
            self._squeezer.piece(bytes(raw)), name_place(self._run_id, self._number)
        ), kept


class Shrinker:
    """Keeps records as an `Encoder` does, and makes no bytes of them. Not thread-safe."""

    def __init__(self) -> None:
        self._rows = RowWriter()

    def shrunk(self, record: Record) -> Record:
        """Return `record` with the body of a request kept in less room."""
        return self._rows.write(record, _Dropped())[1]


class Decoder:
    """Gives the records of a run's chunks, in their order; `limits` are for all of them together."""

    def __init__(self, run_id: str, parent: Parent = ALONE, limits: Limits = DEFAULT) -> None:
        self._run_id = run_id
        self._limits = limits
        self._rows = RowReader(parent.steps, limits)
        self._expander = Decompressor(limits, make_dictionary(parent))
        self._number = self._asked = self._encoded = self._decoded = 0

    def records(self, chunk: bytes) -> list[Record]:
        """Return the records of the next chunk.

        Raises:
            Truncated: the chunk stops early.
            TooLarge: it is more than the limits allow.
            CorruptTape: it is damaged, or not the one that was written at this place.
        """
        with strict_json.damage(f"chunk {self._number + 1}"):
            payload = frame.read_light(chunk, name_place(self._run_id, self._number + 1))
            self._number += 1
            self._encoded += len(chunk)
            most = self._limits.allowed(self._encoded) - self._decoded
            raw = self._expander.piece(payload, most)
            self._decoded += len(raw)
            return self._records(_Read(raw))

    def _records(self, raw: _Read) -> list[Record]:
        records = list[Record]()
        while raw.at < len(raw.data):
            size = int.from_bytes(raw.literal(_LENGTH), "big")
            row = strict_json.parse(raw.literal(size), self._limits)
            records.append(self._rows.read(row, raw))
            self._asked += isinstance(records[-1], Asked)
            check_count("steps", self._asked, self._limits.steps)
            check_count("records in one chunk", len(records), 4 * self._limits.steps)
        return records


def unroll(chunks: Iterable[bytes], run_id: str, parent: Parent = ALONE, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that all `chunks` of the run make, `limits` being for all of them together.

    A last chunk that stops early was being written when the recording died, and
    is left out.

    Raises:
        CorruptTape: a chunk is damaged, missing or out of place; the error says which.
        TooLarge: they are more than `limits` allow.
    """
    head, records = read(chunks, run_id, parent, limits)
    return fold(head, records)


def read(
    chunks: Iterable[bytes], run_id: str, parent: Parent = ALONE, limits: Limits = DEFAULT
) -> tuple[Header, list[Record]]:
    """Return the header and the records that `unroll` makes a tape of; errors as there."""
    rest = iter(chunks)
    head = read_header(next(rest, b""), run_id)
    check_parent(head, parent)
    decoder, records = Decoder(run_id, parent, limits), list[Record]()
    for chunk in rest:
        try:
            records += decoder.records(chunk)
        except CorruptTape as error:
            if isinstance(error, Truncated) and next(rest, None) is None:
                break
            raise _place_damage(error, records) from error
    return head, records


def name_place(run_id: str, number: int) -> str:
    """What a chunk's check is over besides its bytes."""
    return f"{run_id}\n{number}"


def _place_damage(error: CorruptTape, before: Sequence[Record]) -> CorruptTape:
    """The error, with the exchange at which the damage begins."""
    if isinstance(error, TooLarge | UnknownVersion):
        return error
    whole = sum(
        isinstance(record, Ended) and isinstance(record.answer, Response | Fault) for record in before
    )
    advice = f"salvage gives back the {whole} exchanges before it, or more"
    return type(error)(error.problem, f"{error.where}, exchange {whole}", advice)


class _Written(bytearray):
    """Takes the bytes of bodies in as they come."""

    def literal(self, data: bytes) -> None:
        self += data

    def response(self, chunks: tuple[bytes, ...]) -> Cuts:
        self += b"".join(chunks)
        return [*map(len, chunks)]


class _Dropped:
    """Lets the bytes of bodies go."""

    def literal(self, data: bytes) -> None:
        pass

    def response(self, chunks: tuple[bytes, ...]) -> Cuts:
        pass


class _Read:
    """Gives them back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def literal(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.at:
            raise CorruptTape("a record reaches beyond its chunk")
        self.at += size
        return self.data[self.at - size : self.at]

    def response(self, cuts: Cuts) -> tuple[bytes, ...]:
        match cuts:
            case [*lengths]:
                return tuple(self.literal(size if type(size) is int else -1) for size in lengths)
            case _:
                raise CorruptTape("a response has no chunks")
