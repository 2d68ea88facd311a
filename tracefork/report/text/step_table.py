"""A run as text for a terminal: a line a step, or one step in full. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from attrs import frozen

from ... import edits
from ...core.content_encoding import decode_body
from ...core.doubt import find_doubts
from ...core.tape import Tape
from ...core.values import Exchange, Fault, Headers
from ...core.visible import align, visible
from ...providers.unrecorded import describe_asked, describe_unrecorded, find_unrecorded
from ..figures import plural, size
from ..model.course import course_of
from ..model.ending import spell_outcome
from ..model.rows import StepRow, tape_rows
from ..served import is_fork


@frozen
class Row:
    """One line of a run's list. `index` is the exchange's, or "" for a draw or a tool call.

    Sizes are in bytes, `seconds` from the ask to the end. `mark` is "served" of a step that the tape
    answered which the run went on from, "live" or "new" of another, "" where nobody knows; `served_from` is
    the number of the exchange there, where that is at hand.
    """

    index: str
    what: str
    where: str
    model: str
    outcome: str
    asked: int
    heard: int
    seconds: float
    lane: str
    mark: str = ""
    served_from: int | None = None


def heading(tape: Tape) -> str:
    """The run in two lines: its name, when, how it ended, how much there is, its digest."""
    when = (
        datetime.fromtimestamp(tape.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        if tape.created_at
        else ""
    )
    name = " ".join(visible(part, one_line=True) for part in (tape.run_id, tape.agent_name, when) if part)
    lineage = ""
    if tape.parent:
        at = "" if tape.parent.step is None else f" at step {tape.parent.step}"
        lineage = f", from {visible(tape.parent.parent, one_line=True)}{at}"
    agents = sum(effect.is_agent for effect in tape.effects)
    others = (len(tape.effects) - agents, "tool call"), (agents, "sub-agent"), (len(tape.draws), "draw")
    counts = ", ".join([plural(len(tape), "step"), *(plural(n, what) for n, what in others if n)])
    ended = visible(spell_outcome(tape.outcome), one_line=True)
    return f"{name}{lineage}\n{counts}; {ended}; digest {tape.digest()}"


def notes(tape: Tape, parent: Tape | None = None) -> Iterator[str]:
    """What the recorder noted: what left the run, which secrets were taken out, which chance was drawn.

    Of a run that went on from another one, where it left that, too; and what that saved, if it is `parent`.
    """
    yield from _lineage(tape, parent)
    if tape.cassette:
        yield visible(str(tape.cassette), one_line=True)
    for one in tape.escaped:
        yield visible(f"escaped: {one}", one_line=True)
    if names := find_unrecorded(tape):
        yield visible(describe_unrecorded(names, by_command=bool(tape.command)), one_line=True)
    for tool, times in tape.asked_in_tools.items():
        yield visible(describe_asked(tool, times), one_line=True)
    for call in find_doubts(tape):
        note = f"in doubt: {call.name} may have run, and nobody has said what came of it: {call.arguments}"
        yield visible(note, one_line=True)
    if tape.wrapped:
        yield visible("tools by wrap=: " + ", ".join(tape.wrapped), one_line=True)
    for line in edits.describe(tape.meta):
        yield visible(f"edited: {line}", one_line=True)
    if tape.redacted:
        yield "secrets taken out: " + ", ".join(f"{kind} {n:,}" for kind, n in sorted(tape.redacted.items()))
    if tape.virtualized:
        yield "drawn through the run: " + ", ".join(sorted(tape.virtualized))


def rows(tape: Tape, parent: Tape | None = None) -> Iterator[Row]:
    """A row a step, in the order in which they began; then what was in flight at the end.

    `parent` is the run that it went on from, if that is at hand.
    """
    return map(_row, tape_rows(tape, parent))


def lines(tape: Tape, parent: Tape | None = None) -> Iterator[str]:
    """`rows` as aligned text; the lane is shown where there are several, and the mark where there is one."""
    table = list(rows(tape, parent))
    lanes, marks = len({row.lane for row in table}) > 1, any(row.mark for row in table)
    return align([_cells(row, lanes=lanes, marks=marks) for row in table], right={0, 5, 6, 7})


def step_in_full(tape: Tape, index: int) -> str:
    """Exchange `index`: request and response with headers and bodies, JSON indented, and its timing.

    Raises:
        IndexError: the tape has no such exchange.
    """
    exchange = tape.masked[index]
    request, answer = exchange.request, exchange.answer
    out = [
        _when(exchange, index, len(tape)),
        "",
        f"{request.method} {request.url}",
        *_message(request.headers, (request.body,)),
        "",
    ]
    if isinstance(answer, Fault):
        return visible("\n".join([*out, f"no answer: {answer.kind}: {answer.message}"]))
    ended = f"{answer.end.kind}: {answer.end.message}" if isinstance(answer.end, Fault) else answer.end
    sizes = f"{len(answer.chunks)} chunks, ended by {ended}"
    status = f"{answer.http_version} {answer.status} {answer.reason}".rstrip()
    return visible("\n".join([*out, f"{status}   ({sizes})", *_message(answer.headers, answer.chunks)]))


def _lineage(tape: Tape, parent: Tape | None) -> Iterator[str]:
    course = course_of(tape, parent)
    if course is None:
        return
    if course.lineage.departure is not None:
        yield f"parted at {course.lineage.departure}"
    elif course.lineage.step is None:
        yield "parted nowhere" if course.is_over else "parted nowhere so far"
    if course.savings is not None and is_fork(course.lineage):  # its first new answer may have been given
        counts = f"{course.served:,} served, {course.others:,} new"
        yield f"savings: {counts}; {course.savings.saved} not spent again"
    elif course.savings is not None:
        yield f"savings: {course.savings}"


def _cells(row: Row, *, lanes: bool, marks: bool) -> list[str]:
    cells = [
        row.index,
        row.what,
        row.where,
        row.model,
        row.outcome,
        size(row.asked) if row.asked else "",
        size(row.heard) if row.heard else "",
        f"{row.seconds * 1000:.0f} ms" if row.seconds else "",
    ]
    came = row.mark if row.served_from is None else f"{row.mark} from {row.served_from}"
    return [*cells, *([came] if marks else []), *([row.lane] if lanes else [])]


def _when(exchange: Exchange, index: int, total: int) -> str:
    span, timing = exchange.span, exchange.timing
    ticks = f"ticks {span.began}/{span.headed}/{span.ended}"
    took = f"{timing.ended * 1000:.1f} ms, {timing.headed * 1000:.1f} ms to the head"
    return f"step {index} of {total}, lane {exchange.lane!r}, {ticks}, {took}"


def _row(row: StepRow) -> Row:
    return Row(
        "" if row.index is None else str(row.index),
        row.what,
        row.where,
        row.model,
        row.outcome,
        row.asked_size,
        row.heard_size,
        row.seconds,
        row.lane,
        row.mark,
        row.source,
    )


def _message(headers: Headers, chunks: tuple[bytes, ...]) -> Iterator[str]:
    for name, value in headers:
        yield f"{name}: {value}"
    plain = decode_body(headers, chunks)
    body = b"".join(chunks if plain is None else plain)
    if body:
        yield ""
        yield _body(body)


def _body(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"<{len(body)} bytes: {body[:32].hex(' ')} ...>"
