"""Writes, opens and repairs the frames of a sealed tape. Pure.

    frame S    the summary
    frame C    checks of the blocks into which S and B together are cut
    frame B    the body
    frame C    the checks again, so that damage across two frames leaves one of them
    frame P    parity, by which two damaged blocks of a stripe can be made again

Nothing may follow.
"""

from __future__ import annotations

from contextlib import suppress
from zlib import crc32

from attrs import frozen

from ...errors import CorruptTape
from .. import strict_json
from ..limits import DEFAULT
from ..records import Summary
from . import frame, parity

BODY, _CHECKS, _PARITY = b"B", b"C", b"P"
_BESIDE = "beside"  # the place of C and, with its crc, of P: they are read where the run's name is not
_MOST_MARKS = 4  # of frames that are tried as the one that was written; each costs a hash of all data


def wrap(summary: bytes, body: bytes, run_id: str) -> bytes:
    """Return the payloads in their frames.

    Raises:
        ValueError: the summary is too large.
    """
    head = frame.frame(frame.SUMMARY, summary)
    if len(head) > frame.HEAD_ROOM:
        raise ValueError(
            f"the run's meta is too large: its summary takes {len(head):,} of {frame.HEAD_ROOM:,} bytes"
        )
    both = head + frame.frame(BODY, body, run_id)
    known = parity.make_checks(both)
    beside = frame.frame(_CHECKS, known, _BESIDE)
    return b"".join(
        [
            head,
            beside,
            both[len(head) :],
            beside,
            frame.frame(_PARITY, parity.make_parity(both), _name_parity(known)),
        ]
    )


def read_summary(data: bytes) -> tuple[Summary, int]:
    found = frame.read(data)
    if found.kind != frame.SUMMARY:
        raise CorruptTape("this is not a sealed tape")
    return strict_json.load(found.payload, Summary, DEFAULT), found.end


def open_frames(data: bytes) -> tuple[Summary, bytes]:
    """Return the summary and the payload of the body, after every checksum was verified."""
    summary, at = read_summary(data)
    known = _read(data, at, _CHECKS, _BESIDE)
    body = _read(data, known.end, BODY, summary.header.run_id)
    again = _read(data, body.end, _CHECKS, _BESIDE)
    beside = _read(data, again.end, _PARITY, _name_parity(known.payload))
    if beside.end != len(data):
        raise CorruptTape(f"{len(data) - beside.end:,} bytes follow its end", f"byte {beside.end}")
    both = b"".join([data[:at], memoryview(data)[known.end : body.end]])
    if not known.payload == again.payload == parity.make_checks(both):
        raise CorruptTape("the checks of its blocks are those of other blocks", f"byte {at}")
    return summary, body.payload


def parse(both: bytes) -> tuple[Summary, bytes]:
    """Return the summary and the payload of the body, from these two frames alone."""
    summary, at = read_summary(both)
    return summary, _read(both, at, BODY, summary.header.run_id).payload


def _read(data: bytes, at: int, kind: bytes, place: str) -> frame.Frame:
    found = frame.read(data, at, place)
    if found.kind != kind:
        raise CorruptTape(f"a frame of kind {kind.decode()} is missing", f"byte {at}")
    return found


def mend(data: bytes) -> tuple[bytes, parity.Repair | None]:
    """Summary and body, as good as parity makes them, and how; None where all their checks are damaged."""
    front, back = _read_front(data), _find_last(data, _CHECKS, _BESIDE)
    found = front or back
    if found is None:
        at = frame.find(data, BODY, max(_find_summary_end(data), 0))
        return data[: max(_find_summary_end(data), 0)] + data[at if at >= 0 else len(data) :], None
    known, size = found.frame.payload, found.frame.end - found.at
    whole, parts = parity.measure(known)
    beside = _find_last(data, _PARITY, _name_parity(known))
    if front:
        start, begins = front.at, front.frame.end
    else:
        end = _find_summary_end(data)
        start = end if end >= 0 else max(frame.find(data, BODY) - size, 0)
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
    frame: frame.Frame


def _find_summary_end(data: bytes) -> int:
    """Where the summary ends, -1 where it is damaged."""
    with suppress(CorruptTape):
        return frame.read(data).end
    return -1


def _read_front(data: bytes) -> _Found | None:
    """The checks before the body, if they are whole: bodies may hold tapes, and these their own."""
    end, body = _find_summary_end(data), frame.find(data, BODY)
    at = end if end >= 0 else frame.find(data[: frame.HEAD_ROOM + frame.OVERHEAD], _CHECKS)
    if at < 0 or (end < 0 and at > body):
        return None
    with suppress(CorruptTape):
        found = frame.read(data, at, _BESIDE)
        return _Found(at, found) if found.kind == _CHECKS else None
    return None


def _name_parity(known: bytes) -> str:
    """The place of the parity of the data that have these checks."""
    return f"{_BESIDE}\n{crc32(known):08x}"


def _find_last(data: bytes, kind: bytes, place: str) -> _Found | None:
    """The last whole frame of one of the kinds that stand beside."""
    at = len(data)
    for _ in range(_MOST_MARKS):
        at = frame.find_last(data, kind, at)
        if at < 0:
            return None
        with suppress(CorruptTape):
            return _Found(at, frame.read(data, at, place))
    return None
