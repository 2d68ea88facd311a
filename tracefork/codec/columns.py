"""The body of a sealed tape: the rows of all records, and the bytes that they speak of, in columns. Pure.

The columns are the rows, the templates of events, what `event_streams.Columns` names,
and the text of all bodies: one behind the other in one zstd frame, behind their
lengths. A body that no trick fits stands in the text as it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import accumulate, pairwise

from ..core.tape import Tape
from ..errors import CorruptTape
from . import strict_json
from .frames.zstd import compress, decompress
from .journal import make_dictionary
from .limits import Limits, check_count
from .records import Asked, Ended, Headed, Parent, Record, list_records
from .rows.event_reader import EventReader
from .rows.event_streams import Columns, EventWriter
from .rows.rows import RowReader, RowWriter

_LEVEL = 12
_COLUMNS = 8
_SIZE = struct.Struct(">Q")
_AT_ONCE = 1 << 13  # bytes of JSON lines that are parsed together; so limits on one text hold for one line


def write(tape: Tape, parent: Parent) -> bytes:
    """Return the body of `tape`, which refers to `parent`."""
    rows, events, lines = RowWriter(parent.steps), EventWriter(), list[bytes]()
    records = list_records(tape)
    over = {record.call for record in records if isinstance(record, Ended)}
    for record in records:
        if isinstance(record, Headed) and record.call in over:
            continue  # its span says so
        lines.append(strict_json.encode(rows.write(record, events)[0]))
    columns: list[bytes | bytearray] = [
        b"\n".join(lines),
        strict_json.encode(events.templates),
        *events.columns(),
    ]
    sizes = b"".join(_SIZE.pack(len(column)) for column in columns)
    return sizes + compress(columns, _LEVEL, make_dictionary(parent))


def read(body: bytes, parent: Parent, limits: Limits, *, torn: bool = False) -> Iterator[Record]:
    """Give the records of a body; of a torn one those that are whole.

    Raises:
        TooLarge: it is more than `limits` allow.
        CorruptTape: it is no such body; for a torn one, at its end.
    """
    lines, events = _open(body, parent, limits, torn=torn)
    yield from _read_rows(lines, RowReader(parent.steps, limits), events, limits)
    if not events.at_end:
        raise CorruptTape("it holds bytes that no row speaks of")


def _open(
    body: bytes, parent: Parent, limits: Limits, *, torn: bool = False
) -> tuple[list[bytes], EventReader]:
    """The lines of rows, and what gives the bodies; of a torn body those that are whole."""
    start = _SIZE.size * _COLUMNS
    sizes = [size for (size,) in _SIZE.iter_unpack(body[:start])]
    if len(sizes) != _COLUMNS:
        raise CorruptTape("it has not as many columns as it should")
    most, known = limits.allowed(len(body)), make_dictionary(parent)
    raw = decompress(memoryview(body)[start:], sum(sizes), most, limits, known, torn=torn)
    *ends, text = accumulate(sizes[:-1], initial=0)
    columns = [raw[low:high] for low, high in pairwise([*ends, text])]
    rows, templates, events, firsts, others, side, cuts = columns
    lines = rows.split(b"\n") if rows else []
    if len(rows) < sizes[0]:
        lines.pop()
    found = strict_json.parse(templates, limits) if len(templates) == sizes[1] else []
    made = [_read_template(parts) for parts in found] if isinstance(found, list) else []
    return lines, EventReader(Columns(events, firsts, others, side, cuts, raw, text), made)


def _read_rows(lines: list[bytes], rows: RowReader, events: EventReader, limits: Limits) -> Iterator[Record]:
    check_count("records", len(lines), 4 * limits.steps)
    asked = 0
    for some in _batch(lines):
        batch = strict_json.parse(b"[%s]" % b",".join(some), limits)
        for row in batch if isinstance(batch, list) else []:
            record = rows.read(row, events)
            asked += isinstance(record, Asked)
            yield record
        check_count("steps", asked, limits.steps)


def _batch(lines: list[bytes]) -> Iterator[list[bytes]]:
    first = size = 0
    for n, line in enumerate(lines, 1):
        size += len(line)
        if size > _AT_ONCE or n == len(lines):
            yield lines[first:n]
            first, size = n, 0


def _read_template(parts: object) -> tuple[bytes, ...]:
    if not isinstance(parts, list) or len(parts) < 2:  # noqa: PLR2004  a hole has two sides
        raise CorruptTape("a template has no hole")
    return tuple(part.encode("latin-1") for part in parts)
