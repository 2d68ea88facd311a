"""The sealed, self-contained form of a tape. Pure.

    frame S    the summary: header, counts, outcome, digest; at most 64 KiB, readable alone
    frames B   blocks of whole JSON lines: the steps, what was pending, the outcome
    frame E    the sha-256 of all before

Nothing may follow. `unpack` verifies every frame, the sha-256, and the summary,
which it computes anew. Each block is compressed and checked by itself, so that
damage costs the steps of one block: `salvage` gives the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from attrs import evolve

from ..core.tape import Tape
from ..core.values import UNFINISHED, Outcome, Pending, Step
from ..errors import CorruptTape, TooLarge
from . import frames, plain
from .limits import DEFAULT, UNLIMITED, Limits, count, message
from .records import Header, Summary

_BLOCK, _END = b"B", b"E"
_BLOCK_SIZE = 2 << 20  # as far back as zstd looks at our level
_LEVEL = 6
_MOST_MESSAGE, _MOST_TYPE = 500, 200


def pack(tape: Tape) -> bytes:
    """Return `tape` as bytes; `unpack` gives back an equal tape, timing too.

    Raises:
        ValueError: its meta is too large for the summary, or a number is not finite.
    """
    head = frames.frame(frames.SUMMARY, plain.dump(_summary(tape)))
    if len(head) > frames.HEAD_ROOM:
        raise ValueError(
            f"the run's meta is too large: its summary takes {len(head):,} of {frames.HEAD_ROOM:,} bytes"
        )
    lines = (plain.dump(value, plain.LINE) for value in (*tape.steps, *tape.pending, tape.outcome))
    blocks = (frames.frame(_BLOCK, frames.squeeze(b, _LEVEL), tape.run_id) for b in _blocks(lines))
    whole = b"".join((head, *blocks))
    return whole + frames.frame(_END, sha256(whole).digest(), tape.run_id)


def verified(tape: Tape) -> bytes:
    """Return `pack(tape)`, proven to give the tape back.

    Raises:
        ValueError: as `pack`.
        CorruptTape: it does not; a value in the tape is not of the type that its class says.
    """
    packed = pack(tape)
    back = unpack(packed, UNLIMITED)
    if back != tape or [s.timing for s in back.steps] != [s.timing for s in tape.steps]:
        advice = "nothing was written; look for values of a wrong type in its steps and meta"
        raise CorruptTape("the tape does not survive packing", f"run {tape.run_id!r}", advice)
    return packed


def is_packed(chunk: bytes) -> bool:
    """True when `chunk` begins as a sealed tape does."""
    return frames.kind(chunk) == frames.SUMMARY


def summary(first: bytes) -> Summary:
    """Return what a sealed tape says of itself, from its first 64 KiB or more.

    Raises:
        CorruptTape: it is damaged, or no sealed tape.
    """
    return _headed(first)[0]


def unpack(data: bytes, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `pack` made `data` of, every byte verified.

    Raises:
        Truncated: the data stop early.
        TooLarge: they are more than `limits` allow.
        UnknownVersion: a newer tracefork wrote them.
        CorruptTape: they are damaged, or something follows.
    """
    count("bytes", len(data), limits.total)
    said, blocks = _opened(data)
    left, lines = limits.allowed(len(data)), list[plain.Line]()
    for block in blocks:
        raw = frames.expand(block, left, limits)
        left -= len(raw)
        lines += _lines(raw, limits)
        count("steps", len(lines) - 1, limits.steps)
    tape = _tape(said.header, lines)
    with plain.damage():
        found = _summary(tape)
    if found != said:
        raise CorruptTape("its steps are not those that its summary tells of")
    return tape


def salvage(data: bytes, run_id: str, limits: Limits = DEFAULT) -> Tape:
    """Return what is whole in damaged `data` of the run `run_id`: the steps of every block that is.

    Without a whole head only the run_id is known of the run; without the last
    block its outcome is UNFINISHED.

    Raises:
        CorruptTape: nothing is whole.
        TooLarge: it is more than `limits` allow.
    """
    damaged: CorruptTape | None = None
    header = Header(run_id)
    try:
        header = summary(data).header
    except CorruptTape as error:
        damaged = error
    left, lines, at = limits.allowed(len(data)), list[plain.Line](), frames.find(data, _BLOCK)
    while at >= 0:
        try:
            block = frames.read(data, at, header.run_id)
            raw = frames.expand(block.payload, left, limits)
            lines += _lines(raw, limits)
        except TooLarge:
            raise
        except CorruptTape:
            at = frames.find(data, _BLOCK, at + 1)
        else:
            left -= len(raw)
            at = frames.find(data, _BLOCK, block.end)
    if damaged is not None and not lines:
        raise damaged
    return _tape(header, [*(line for line in lines if not isinstance(line, Outcome)), _outcome(lines)])


def _summary(tape: Tape) -> Summary:
    told = tape.outcome
    brief = evolve(told, message=told.message[:_MOST_MESSAGE], type=told.type[:_MOST_TYPE])
    counts = len(tape), len(tape.draws), len(tape.effects)
    return Summary(Header.of(tape), *counts, brief, tape.digest())


def _headed(data: bytes) -> tuple[Summary, int]:
    found = frames.read(data)
    if found.kind != frames.SUMMARY:
        raise CorruptTape("this is not a sealed tape")
    return plain.load(found.payload, Summary, DEFAULT), found.end


def _opened(data: bytes) -> tuple[Summary, list[bytes]]:
    """Return the summary and the payloads of the blocks, after every checksum was verified."""
    said, at = _headed(data)
    blocks = list[bytes]()
    while (found := frames.read(data, at, said.header.run_id)).kind == _BLOCK:
        blocks.append(found.payload)
        at = found.end
    if found.kind != _END or found.payload != sha256(memoryview(data)[:at]).digest():
        raise CorruptTape("the checksum of the whole does not hold", f"byte {at}")
    if found.end != len(data):
        raise CorruptTape(f"{len(data) - found.end:,} bytes follow its end", f"byte {found.end}")
    return said, blocks


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    held, size = list[bytes](), 0
    for line in lines:
        if held and size + len(line) > _BLOCK_SIZE:
            yield b"\n".join(held)
            held, size = [], 0
        held.append(line)
        size += len(line) + 1
    yield b"\n".join(held)


def _lines(raw: bytes, limits: Limits) -> list[plain.Line]:
    count("lines in a block", raw.count(b"\n"), limits.steps)
    lines = [plain.load_line(line, limits) for line in raw.split(b"\n")]
    for line in lines:
        if not isinstance(line, Outcome):
            message(line.asked, limits)
        if not isinstance(line, Outcome | Pending):
            message(line.answer, limits)
    return lines


def _outcome(lines: list[plain.Line]) -> Outcome:
    return next((line for line in lines if isinstance(line, Outcome)), UNFINISHED)


def _tape(head: Header, lines: list[plain.Line]) -> Tape:
    *known, outcome = lines
    steps, pending = list[Step](), list[Pending]()
    for line in known:
        match line:
            case Outcome():
                raise CorruptTape("it has two outcomes")
            case Pending():
                pending.append(line)
            case _:
                steps.append(line)
    if not isinstance(outcome, Outcome):
        raise CorruptTape("it does not end in an outcome")
    return head.tape(tuple(steps), tuple(pending), outcome)
