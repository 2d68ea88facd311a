"""The sealed, self-contained form of a tape. Pure.

    frame S   the summary: header, counts, outcome, digest; at most 64 KiB, readable alone
    frame P   one zstd frame of JSON lines: the steps and what was pending, then the outcome
    32 bytes  sha-256 of all before

Nothing may follow. `unpack` verifies the checks of both frames, the sha-256, and
the digest, which it computes anew.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import evolve

from ..core.digest import digest
from ..core.tape import Tape
from ..core.values import Outcome, Pending
from ..errors import CorruptTape, Truncated
from . import frames, plain
from .limits import DEFAULT, Limits, count, message
from .records import Header, Summary

_SUMMARY, _STEPS = b"S", b"P"
_SUM = 32
_MOST_MESSAGE, _MOST_TYPE = 500, 200


def pack(tape: Tape) -> bytes:
    """Return `tape` as bytes; `unpack` gives back an equal tape, timing too.

    Raises:
        ValueError: its meta is too large for the summary.
    """
    told = tape.outcome
    brief = evolve(told, message=told.message[:_MOST_MESSAGE], type=told.type[:_MOST_TYPE])
    counts = len(tape), len(tape.draws), len(tape.effects)
    summary_line = plain.dump(Summary(Header.of(tape), *counts, brief, tape.digest()))
    head = frames.frame(_SUMMARY, summary_line)
    if len(head) > frames.HEAD_ROOM:
        raise ValueError(
            f"the run's meta is too large: its summary takes {len(head):,} of {frames.HEAD_ROOM:,} bytes"
        )
    lines = [plain.dump(value, plain.LINE) for value in (*tape.steps, *tape.pending, tape.outcome)]
    whole = head + frames.frame(_STEPS, frames.squeeze(b"\n".join(lines)), tape.run_id)
    return whole + sha256(whole).digest()


def is_packed(chunk: bytes) -> bool:
    """True when `chunk` begins as a sealed tape does."""
    return frames.kind(chunk) == _SUMMARY


def summary(first: bytes) -> Summary:
    """Return what a sealed tape says of itself, from its first 64 KiB or more.

    Raises:
        CorruptTape: it is damaged, or no sealed tape.
    """
    found = frames.read(first)
    if found.kind != _SUMMARY:
        raise CorruptTape("this is not a sealed tape")
    return plain.load(found.payload, Summary, DEFAULT)


def unpack(data: bytes, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `pack` made `data` of, every byte verified.

    Raises:
        Truncated: the data stop early.
        TooLarge: they are more than `limits` allow.
        UnknownVersion: a newer tracefork wrote them.
        CorruptTape: they are damaged, or something follows.
    """
    said, first = summary(data), frames.read(data)
    second = frames.read(data, first.end, said.header.run_id)
    if len(data) < second.end + _SUM:
        raise Truncated("it stops inside its last checksum", f"byte {len(data)}")
    if len(data) > second.end + _SUM:
        raise CorruptTape(
            f"{len(data) - second.end - _SUM:,} bytes follow its end", f"byte {second.end + _SUM}"
        )
    if second.kind != _STEPS or sha256(data[: second.end]).digest() != data[second.end :]:
        raise CorruptTape("the checksum of the whole does not hold", f"byte {second.end}")
    raw = frames.expand(second.payload, limits.allowed(len(second.payload)), limits)
    tape = _tape(said.header, raw, limits)
    if tape.digest() != said.digest:
        raise CorruptTape("its content has not the digest that it was sealed with")
    return tape


def _tape(head: Header, raw: bytes, limits: Limits) -> Tape:
    lines = raw.split(b"\n")
    count("steps", len(lines), limits.steps + 1)
    values = [plain.load_line(line, limits) for line in lines]
    steps, pending, outcomes = [], [], []
    for value in values:
        match value:
            case Outcome():
                outcomes.append(value)
            case Pending():
                pending.append(value)
                message(value.asked, limits)
            case _:
                steps.append(value)
                message(value.asked, limits)
                message(value.answer, limits)
    if len(outcomes) != 1:
        raise CorruptTape(f"it has {len(outcomes)} outcomes")
    return Tape(
        steps=tuple(steps),
        pending=tuple(pending),
        run_id=head.run_id,
        agent_name=head.agent_name,
        boundary=head.boundary,
        created_at=head.created_at,
        meta=head.meta,
        parent=head.parent,
        outcome=outcomes[0],
    )
