"""The digest of a run: a hash of what was asked and what was answered, in which order.

In it: method, URL, meaningful headers and body of each question; status,
headers, raw body and end of each answer; draws, effects, and the ticks of all.
Not in it: timing; lanes, which break ties while matching but say nothing
about what happened; and the ends of executors' jobs, which are there to be waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from .framing import Digest, encode, frame, hash_parts
from .matching import Matcher, exact
from .surrogates import mask_steps
from .values import Answer, Draw, Exchange, Fault, Reading, Reply, Response, Step


class Recorded(Protocol):
    """What a digest reads of a tape; if it has `surrogates`, `[secret:NAME]` is read in their place."""

    @property
    def steps(self) -> Sequence[Step]: ...


def digest(tape: Recorded, version: int = 2, *, matcher: Matcher = exact) -> Digest:
    """Return the sha-256 of what happened in `tape`, as 64 hex characters.

    Args:
        tape: a Tape, or anything with `steps` sorted by began.
        version: 2, or 1 for the fingerprint of the published tracefork 0.1: bodies alone.
        matcher: what of a question counts. Two runs that the matcher cannot tell
            apart, and that heard the same, have one digest.

    Raises:
        ValueError: there is no such version.
    """
    match version:
        case 1:
            return _hash_bodies(tape)
        case 2:
            return hash_parts(
                [b"tracefork.2", *(_hash_step(step, matcher) for step in list_content(tape))]
            ).hex()
        case _:
            raise ValueError(f"digest versions are 1 and 2, not {version!r}")


def list_content(tape: Recorded) -> Iterator[Step]:
    """Give the steps that say what happened, secrets masked: all but the ends of executors' jobs."""
    return (step for step in mask_steps(tape) if not (isinstance(step, Draw) and step.source.is_job))


def _read_value(draw: Draw) -> str:
    """The reading as the agent had it; a variable that is set is kept behind a mark."""
    return draw.reading.text[1:] if draw.source.kind == "env" else draw.reading.text


def _hash_step(step: Step, matcher: Matcher) -> bytes:
    ticks = b"%d/%d/%d" % (step.span.began, step.span.headed, step.span.ended)
    return hash_parts(
        [b"step", bytes.fromhex(matcher(step.asked)), hash_parts(_list_parts(step.answer)), ticks]
    )


def _list_parts(answer: Answer) -> list[bytes]:
    match answer:
        case Response(status=status, headers=headers, end=end):
            pairs = b"".join([_frame_pair(*pair) for pair in headers])
            how = frame(_list_parts(end)) if isinstance(end, Fault) else end.encode()
            return [b"res", b"%d" % status, pairs, bytes.fromhex(answer.sha256), how]
        case Fault(kind, message):
            return [b"fault", encode(kind), encode(message)]
        case Reading(value):
            return [b"val", encode(value)]
        case Reply(kind, value, of):
            return [b"reply", kind.encode(), encode(value), encode(of)]


@lru_cache(maxsize=4096)  # most headers come again and again
def _frame_pair(name: str, value: str) -> bytes:
    return frame([encode(name), encode(value)])


def _hash_bodies(tape: Recorded) -> Digest:
    draws = [s for s in list_content(tape) if isinstance(s, Draw)]
    lines = [f"D:{s.source.kind}:{_read_value(s)}\n" for s in draws]
    for step in mask_steps(tape):
        if isinstance(step, Exchange):
            heard = step.answer if isinstance(step.answer, Response) else Response(0)
            lines.append(f"X:{step.request.sha256}:{heard.sha256}\n")
    return sha256(encode("".join(lines))).hexdigest()
