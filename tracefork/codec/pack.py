"""The sealed form of a tape. Pure.

    frame S    the summary: header, counts, outcome, digest; at most 64 KiB, readable alone
    frame C    checks of the blocks into which S and B together are cut
    frame B    the lengths of the columns, and these in one zstd frame: the rows of all records,
               templates of events, what fills them, and the text of all bodies
    frame C    the checks again, so that damage across two frames leaves one of them
    frame P    parity, by which two damaged blocks of each 240 can be made again

Nothing may follow. `unpack` verifies every frame, and the summary against the
rows. A body that no trick fits stands in the text as it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate, pairwise
from zlib import crc32

from attrs import astuple, evolve, frozen

from ..core.tape import Tape
from ..core.values import Outcome
from ..errors import CorruptTape
from . import frames, parity, plain
from .events import Columns, EventReader, EventWriter
from .journal import Salvaged, dictionary
from .limits import DEFAULT, UNLIMITED, Limits, count
from .records import ALONE, Asked, Ended, Headed, Header, Parent, Record, Summary, records, replayed, salvaged
from .rows import RowReader, RowWriter
from .squeeze import expanded, squeezed

_BODY, _CHECKS, _PARITY = b"B", b"C", b"P"
_BESIDE = (
    "beside"  # the place of C and, with its crc, of P: they must be readable where the run's name is not
)
_LEVEL = 12
_MOST_MESSAGE, _MOST_TYPE = 500, 200
_COLUMNS = 8
_MOST_MARKS = 4  # of frames that are tried as the one that was written; each costs a hash of all data
_SIZE = struct.Struct(">Q")
_AT_ONCE = 1 << 16  # bytes of JSON lines that are parsed together; so limits on one text hold for one line


def pack(tape: Tape, parent: Parent = ALONE) -> bytes:
    """Return `tape` as bytes; `unpack` gives back an equal tape, timing too.

    What is also in `parent` is only referred to.

    Raises:
        ValueError: its meta is too large for the summary, or a number is not finite.
    """
    head = frames.frame(frames.SUMMARY, plain.dump(_summary(tape, parent)))
    if len(head) > frames.HEAD_ROOM:
        raise ValueError(
            f"the run's meta is too large: its summary takes {len(head):,} of {frames.HEAD_ROOM:,} bytes"
        )
    body = frames.frame(_BODY, _body(tape, parent), tape.run_id)
    known = parity.checks(head + body)
    beside = frames.frame(_CHECKS, known, _BESIDE)
    mending = frames.frame(_PARITY, parity.parity(head + body), _beside(known))
    return b"".join([head, beside, body, beside, mending])


def verified(tape: Tape, parent: Parent = ALONE) -> tuple[bytes, Tape]:
    """Return `pack(tape)`, and the tape that was read from it and proven equal.

    Raises:
        ValueError: as `pack`.
        CorruptTape: they are not equal; a value in the tape is not of the type that its class says.
    """
    advice = "nothing was written; look for values of a wrong type in its steps and meta"
    with plain.damage(f"run {tape.run_id!r}"):
        packed = pack(tape, parent)
        back = unpack(packed, parent, UNLIMITED)
        if back != tape or [s.timing for s in back.steps] != [s.timing for s in tape.steps]:
            raise CorruptTape("the tape does not survive packing", advice=advice)
    return packed, back


def is_packed(chunk: bytes) -> bool:
    """True when `chunk` begins as a sealed tape does."""
    return frames.kind(chunk) == frames.SUMMARY


def summary(first: bytes) -> Summary:
    """Return what a sealed tape says of itself, from its first 64 KiB or more.

    Raises:
        CorruptTape: it is damaged, or no sealed tape.
    """
    return _headed(first)[0]


def unpack(data: bytes, parent: Parent = ALONE, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `pack` made `data` of, every byte verified; bodies are made when looked at.

    Raises:
        Truncated: the data stop early.
        TooLarge: they are more than `limits` allow.
        UnknownVersion: a newer tracefork wrote them.
        CorruptTape: they are damaged, or something follows.
    """
    count("bytes", len(data), limits.total)
    with plain.damage():
        try:
            said, body = _opened(data)
        except CorruptTape as error:
            raise _placed(error, data, parent, limits) from error
        return _tape(said, body, parent, limits)


def salvage(data: bytes, run_id: str = "", parent: Parent = ALONE, limits: Limits = DEFAULT) -> Salvaged:
    """Return what is whole in damaged `data`: all, if parity makes it good, else what is before the damage.

    `run_id` is the run's, for where its summary is gone.

    Raises:
        CorruptTape: nothing can be vouched for.
        TooLarge: it is more than `limits` allow.
    """
    both, fixed = _mended(data)
    with suppress(CorruptTape), plain.damage():
        said, body = _parsed(both)
        size = fixed.block * len(fixed.damaged) if fixed else 0
        made = f"nothing: {size:,} bytes in which there was damage were made again" if size else ""
        return Salvaged(_tape(said, body, parent, limits), made)
    header = Header(run_id)
    with suppress(CorruptTape):
        header = _headed(both)[0].header
    tape = Tape() if fixed is None else _before(both, _good(both, fixed), header, parent, limits)
    if not tape.steps:
        raise CorruptTape(
            "nothing of it can be vouched for", f"run {header.run_id!r}", "restore it from a copy"
        )
    return Salvaged(tape, f"what was asked after exchange {len(tape) - 1}")


def _good(both: bytes, fixed: parity.Repair) -> int:
    """Bytes up to which all is as it was written."""
    return fixed.lost[0] * fixed.block if fixed.lost else len(both)


# -- frames --------------------------------------------------------------------------


def _headed(data: bytes) -> tuple[Summary, int]:
    found = frames.read(data)
    if found.kind != frames.SUMMARY:
        raise CorruptTape("this is not a sealed tape")
    return plain.load(found.payload, Summary, DEFAULT), found.end


def _opened(data: bytes) -> tuple[Summary, bytes]:
    """Return the summary and the payload of the body, after every checksum was verified."""
    said, at = _headed(data)
    known = _read(data, at, _CHECKS, _BESIDE)
    body = _read(data, known.end, _BODY, said.header.run_id)
    again = _read(data, body.end, _CHECKS, _BESIDE)
    beside = _read(data, again.end, _PARITY, _beside(known.payload))
    if beside.end != len(data):
        raise CorruptTape(f"{len(data) - beside.end:,} bytes follow its end", f"byte {beside.end}")
    if not known.payload == again.payload == parity.checks(data[:at] + data[known.end : body.end]):
        raise CorruptTape("the checks of its blocks are those of other blocks", f"byte {at}")
    return said, body.payload


def _parsed(both: bytes) -> tuple[Summary, bytes]:
    """The same of the summary and the body alone."""
    said, at = _headed(both)
    return said, _read(both, at, _BODY, said.header.run_id).payload


def _read(data: bytes, at: int, kind: bytes, place: str) -> frames.Frame:
    found = frames.read(data, at, place)
    if found.kind != kind:
        raise CorruptTape(f"a frame of kind {kind.decode()} is missing", f"byte {at}")
    return found


def _mended(data: bytes) -> tuple[bytes, parity.Repair | None]:
    """Summary and body, as good as parity makes them, and how; None where all their checks are damaged."""
    front, back = _front(data), _last(data, _CHECKS, _BESIDE)
    found = front or back
    if found is None:
        at = frames.find(data, _BODY, max(_head_end(data), 0))
        return data[: max(_head_end(data), 0)] + data[at if at >= 0 else len(data) :], None
    known, size = found.frame.payload, found.frame.end - found.at
    whole, parts = parity.sizes(known)
    beside = _last(data, _PARITY, _beside(known))
    if front:
        start, begins = front.at, front.frame.end
    else:
        end = _head_end(data)
        start = end if end >= 0 else max(frames.find(data, _BODY) - size, 0)
        begins = start + size
    if back and back.at > begins:
        stop = back.at
    else:
        stop = beside.at - size if beside and beside.at - size > begins else begins + whole - start
    made = beside.frame.payload if beside and len(beside.frame.payload) == parts else b""
    fixed = parity.repair(data[:start] + data[begins:stop], known, made)
    return fixed.data, fixed


@frozen
class _Found:
    at: int
    frame: frames.Frame


def _head_end(data: bytes) -> int:
    """Where the summary ends, -1 where it is damaged."""
    with suppress(CorruptTape):
        return frames.read(data).end
    return -1


def _front(data: bytes) -> _Found | None:
    """The checks before the body, if they are whole: bodies may hold tapes, and these their own."""
    end, body = _head_end(data), frames.find(data, _BODY)
    at = end if end >= 0 else frames.find(data[: frames.HEAD_ROOM + frames.OVERHEAD], _CHECKS)
    if at < 0 or (end < 0 and at > body):
        return None
    with suppress(CorruptTape):
        found = frames.read(data, at, _BESIDE)
        return _Found(at, found) if found.kind == _CHECKS else None
    return None


def _beside(known: bytes) -> str:
    """The place of the parity of the data that have these checks."""
    return f"{_BESIDE}\n{crc32(known):08x}"


def _last(data: bytes, kind: bytes, place: str) -> _Found | None:
    """The last whole frame of one of the kinds that stand beside."""
    at = len(data)
    for _ in range(_MOST_MARKS):
        at = frames.find_last(data, kind, at)
        if at < 0:
            return None
        with suppress(CorruptTape):
            return _Found(at, frames.read(data, at, place))
    return None


def _placed(error: CorruptTape, data: bytes, parent: Parent, limits: Limits) -> CorruptTape:
    """The error, with the exchange at which the damage begins, as far as that can be told."""
    with suppress(CorruptTape), plain.damage():
        both, fixed = _mended(data)
        if fixed and not fixed.damaged:
            return type(error)(error.problem, error.where, "salvage gives all of it back")
        if fixed and fixed.damaged:
            first = fixed.damaged[0] * fixed.block
            with suppress(CorruptTape):
                said = _headed(both)[0]
                before = _before(both, first, said.header, parent, limits)
                gives = f"the {len(before)} exchanges before it" if fixed.lost else "all of it"
                where = f"exchange {len(before)}, in {fixed.block} bytes from {first} on"
                return type(error)(error.problem, where, f"salvage gives {gives} back")
    return error


# -- the body ------------------------------------------------------------------------


def _body(tape: Tape, parent: Parent) -> bytes:
    rows, events, lines = RowWriter(parent.steps), EventWriter(), list[bytes]()
    told = records(tape)
    over = {record.call for record in told if isinstance(record, Ended)}
    for record in told:
        if isinstance(record, Headed) and record.call in over:
            continue  # its span says so
        lines.append(plain.text(rows.row(record, events)[0]))
    columns = (b"\n".join(lines), plain.text(events.templates), *astuple(events.columns()))
    sizes = b"".join(_SIZE.pack(len(column)) for column in columns)
    return sizes + squeezed(b"".join(columns), _LEVEL, dictionary(parent))


def _tape(said: Summary, body: bytes, parent: Parent, limits: Limits) -> Tape:
    lines, events = _columns(body, parent, limits)
    told = list(_told(lines, RowReader(parent.steps, limits), events, limits))
    if not events.at_end:
        raise CorruptTape("it holds bytes that no row speaks of")
    tape = replayed(said.header, told)
    counts = len(tape), len(tape.draws), len(tape.effects)
    if counts != (said.exchanges, said.draws, said.effects) or _brief(tape.outcome) != said.outcome:
        raise CorruptTape("its steps are not those that its summary tells of")
    return tape


def _before(both: bytes, stop: int, header: Header, parent: Parent, limits: Limits) -> Tape:
    """What summary and body tell up to byte `stop`."""
    start, told = frames.find(both, _BODY) + frames.OVERHEAD, list[Record]()
    with suppress(CorruptTape), plain.damage():
        lines, events = _columns(both[start : max(start, stop)], parent, limits, torn=True)
        told.extend(_told(lines, RowReader(parent.steps, limits), events, limits))
    return salvaged(header, told)


def _columns(
    body: bytes, parent: Parent, limits: Limits, *, torn: bool = False
) -> tuple[list[bytes], EventReader]:
    """The lines of rows, and what gives the bodies; of a torn body those that are whole."""
    start = _SIZE.size * _COLUMNS
    sizes = [size for (size,) in _SIZE.iter_unpack(body[:start])]
    most = limits.allowed(len(body))
    raw = expanded(body[start:], most, limits, dictionary(parent), torn=torn)
    if len(sizes) != _COLUMNS or (sum(sizes) != len(raw) and not torn):
        raise CorruptTape("its columns are not as long as it says")
    ends = list(accumulate(sizes, initial=0))
    rows, templates, *others = (raw[low:high] for low, high in pairwise(ends))
    lines = rows.split(b"\n") if rows else []
    if len(rows) < sizes[0]:
        lines.pop()
    said = plain.parsed(templates, limits) if len(templates) == sizes[1] else []
    made = [_template(parts) for parts in said] if isinstance(said, list) else []
    return lines, EventReader(Columns(*others), made)


def _told(lines: list[bytes], rows: RowReader, events: EventReader, limits: Limits) -> Iterator[Record]:
    count("records", len(lines), 4 * limits.steps)
    asked = 0
    for some in _batches(lines):
        said = plain.parsed(b"[%s]" % b",".join(some), limits)
        for row in said if isinstance(said, list) else []:
            record = rows.record(row, events)
            asked += isinstance(record, Asked)
            count("steps", asked, limits.steps)
            yield record


def _batches(lines: list[bytes]) -> Iterator[list[bytes]]:
    first = size = 0
    for n, line in enumerate(lines, 1):
        size += len(line)
        if size > _AT_ONCE or n == len(lines):
            yield lines[first:n]
            first, size = n, 0


def _template(parts: object) -> tuple[bytes, ...]:
    if not isinstance(parts, list) or len(parts) < 2:  # noqa: PLR2004  a hole has two sides
        raise CorruptTape("a template has no hole")
    return tuple(part.encode("latin-1") for part in parts)


def _summary(tape: Tape, parent: Parent) -> Summary:
    counts = len(tape), len(tape.draws), len(tape.effects)
    return Summary(Header.of(tape, parent.shares), *counts, _brief(tape.outcome), tape.digest())


def _brief(told: Outcome) -> Outcome:
    return evolve(told, message=told.message[:_MOST_MESSAGE], type=told.type[:_MOST_TYPE])
