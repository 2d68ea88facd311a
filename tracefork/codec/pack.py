"""The sealed form of a tape: its summary, readable alone, and its body, in frames with parity. Pure.

`unpack` verifies every frame, and the summary against the records. What is
damaged is refused, with the exchange at which the damage begins; `salvage` gives
back what is whole or can be made good.
"""

from __future__ import annotations

import warnings
from contextlib import suppress

from ..core.tape import Tape
from ..core.values import Outcome, Timing
from ..core.visible import visible
from ..errors import CorruptTape, TooLarge
from . import columns, strict_json
from .frames import envelope, frame
from .frames.parity import Repair
from .limits import DEFAULT, UNLIMITED, Limits, check_count
from .mending import Salvaged
from .records import ALONE, Header, Parent, Record, Summary, check_parent, fold, fold_salvaged

_MOST_MESSAGE, _MOST_TYPE = 500, 200


def pack(tape: Tape, parent: Parent = ALONE) -> bytes:
    """Return `tape` as bytes; `unpack` gives back an equal tape, timing too.

    What is also in `parent` is only referred to.

    Raises:
        ValueError: its meta is too large for the summary, or a number is not finite.
    """
    summary = strict_json.dump(_summarize(tape, parent))
    return envelope.wrap(summary, columns.write(tape, parent), tape.run_id)


def pack_verified(tape: Tape, parent: Parent = ALONE, limits: Limits = DEFAULT) -> tuple[bytes, Tape]:
    """Return `pack(tape)`, and the tape that was read from it and proven equal.

    What reads within `limits` would refuse as too large is packed too, so that nothing
    is lost, with a RuntimeWarning: limits can be raised.

    Raises:
        ValueError: as `pack`.
        CorruptTape: they are not equal; a value in the tape is not of the type that its class says.
    """
    advice = "nothing was written; look for values of a wrong type in its steps and meta"
    with strict_json.damage(f"run {tape.run_id!r}"):
        packed = pack(tape, parent)
        try:
            back = unpack(packed, parent, limits)
        except TooLarge as error:
            back = unpack(packed, parent, UNLIMITED)
            warning = f"run {tape.run_id!r} is kept whole, and larger than will be read: {error.problem}; "
            warnings.warn(visible(warning + error.advice), RuntimeWarning, stacklevel=2)
        if back != tape or _list_beside(back) != _list_beside(tape):
            raise CorruptTape("the tape does not survive packing", advice=advice)
    return packed, back


def is_packed(chunk: bytes) -> bool:
    """True when `chunk` begins as a sealed tape does."""
    return frame.read_kind(chunk) == frame.SUMMARY


def read_summary(first: bytes) -> Summary:
    """Return what a sealed tape says of itself, from its first 64 KiB or more.

    Raises:
        CorruptTape: it is damaged, or no sealed tape.
    """
    return envelope.read_summary(first)[0]


def mend_header(data: bytes) -> Header | None:
    """The header of a damaged tape, as parity makes it good; None where that fails."""
    with suppress(CorruptTape), strict_json.damage():
        return envelope.read_summary(envelope.mend(data)[0])[0].header
    return None


def unpack(data: bytes, parent: Parent = ALONE, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `pack` made `data` of, every byte verified; bodies are made when looked at.

    Raises:
        Truncated: the data stop early.
        TooLarge: they are more than `limits` allow.
        UnknownVersion: a newer tracefork wrote them.
        CorruptTape: they are damaged, or something follows.
    """
    check_count("bytes", len(data), limits.total)
    with strict_json.damage():
        try:
            summary, body = envelope.open_frames(data)
        except CorruptTape as error:
            raise _place_damage(error, data, parent, limits) from error
        check_parent(summary.header, parent)
        return _fold(summary, body, parent, limits)


def salvage(data: bytes, run_id: str = "", parent: Parent = ALONE, limits: Limits = DEFAULT) -> Salvaged:
    """Return what is whole in damaged `data`: all, if parity makes it good, else what is before the damage.

    `run_id` is the run's, for where its summary is gone.

    Raises:
        CorruptTape: nothing can be vouched for.
        TooLarge: it is more than `limits` allow.
    """
    both, fixed = envelope.mend(data)
    with suppress(CorruptTape), strict_json.damage():
        summary, body = envelope.parse(both)
        size = fixed.block * len(fixed.damaged) if fixed else 0
        made = f"nothing: {size:,} bytes in which there was damage were made again" if size else ""
        return Salvaged(_fold(summary, body, parent, limits), made)
    header = Header(run_id)
    with suppress(CorruptTape):
        header = envelope.read_summary(both)[0].header
    tape = Tape() if fixed is None else _read_before(both, _find_good(both, fixed), header, parent, limits)
    if not tape.steps:
        raise CorruptTape(
            "nothing of it can be vouched for", f"run {header.run_id!r}", "restore it from a copy"
        )
    return Salvaged(tape, f"what was asked after exchange {len(tape) - 1}")


def _find_good(both: bytes, fixed: Repair) -> int:
    """Bytes up to which all is as it was written."""
    return fixed.lost[0] * fixed.block if fixed.lost else len(both)


def _place_damage(error: CorruptTape, data: bytes, parent: Parent, limits: Limits) -> CorruptTape:
    """The error, with the exchange at which the damage begins, as far as that can be told."""
    with suppress(CorruptTape), strict_json.damage():
        both, fixed = envelope.mend(data)
        if fixed and not fixed.damaged:
            return type(error)(error.problem, error.where, "salvage gives all of it back")
        if fixed and fixed.damaged:
            first = fixed.damaged[0] * fixed.block
            with suppress(CorruptTape):
                summary = envelope.read_summary(both)[0]
                before = _read_before(both, first, summary.header, parent, limits)
                gives = f"the {len(before)} exchanges before it" if fixed.lost else "all of it"
                where = f"exchange {len(before)}, in {fixed.block} bytes from {first} on"
                return type(error)(error.problem, where, f"salvage gives {gives} back")
    return error


def _fold(summary: Summary, body: bytes, parent: Parent, limits: Limits) -> Tape:
    tape = fold(summary.header, columns.read(body, parent, limits))
    counts = len(tape), len(tape.draws), len(tape.effects)
    if (
        counts != (summary.exchanges, summary.draws, summary.effects)
        or _abridge(tape.outcome) != summary.outcome
    ):
        raise CorruptTape("its steps are not those that its summary tells of")
    return tape


def _read_before(both: bytes, stop: int, header: Header, parent: Parent, limits: Limits) -> Tape:
    """What summary and body tell up to byte `stop`."""
    start, records = frame.find(both, envelope.BODY) + frame.OVERHEAD, list[Record]()
    with suppress(CorruptTape), strict_json.damage():
        records.extend(columns.read(both[start : max(start, stop)], parent, limits, torn=True))
    return fold_salvaged(header, records)


def _summarize(tape: Tape, parent: Parent) -> Summary:
    counts = len(tape), len(tape.draws), len(tape.effects)
    return Summary(Header.of(tape, parent.shares), *counts, _abridge(tape.outcome), tape.digest())


def _list_beside(tape: Tape) -> list[tuple[Timing, int | None, str]]:
    """What of each step is no part of its equality."""
    return [(step.timing, step.origin, step.site) for step in tape.steps]


def _abridge(outcome: Outcome) -> Outcome:
    return Outcome(outcome.kind, outcome.type[:_MOST_TYPE], outcome.message[:_MOST_MESSAGE])
