"""Where a run is in its script, and what follows from that. Nothing here changes a state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from .events import Ended, Halt, Headed
from .script import Line, Marks, Script
from .values import Fault, Lane, Question, Reading, Reply, Source, is_abandoned


@frozen
class Open:
    """A call in flight; `line` is its place in the script, or None when live."""

    asked: Question
    lane: Lane
    line: int | None
    began: int | None = None
    headed: int | None = None


@frozen
class Parted:
    """Where the agent left the script: what a replay would have halted with, and what was claimed by then."""

    halt: Halt
    claimed: Marks


@frozen(eq=False)
class State:
    script: Script
    clock: int  # the next tick that the script does not name
    claimed: Marks = Marks()  # lines
    happened: Marks = Marks()  # places of gating ticks
    open: Mapping[int, Open] = {}
    halt: Halt | None = None
    parted: Parted | None = None
    ran: str = ""  # the first tool that is not repeatable and ran live

    @property
    def turn(self) -> int:
        """How many gating ticks have happened before the first that has not."""
        return self.happened.low

    @property
    def live(self) -> bool:
        """True once all gating ticks up to the opening have happened (rule 9)."""
        return self.happened.low > self.script.opening


def list_unasked(state: State) -> tuple[int, ...]:
    """Places in the script of what the agent has not asked yet; once it may leave, it owes nothing."""
    if state.live or may_part(state):
        return ()
    lines = state.script.lines
    return tuple(n for n in range(len(lines)) if n not in state.claimed and not lines[n].is_job)


def may_part(state: State) -> bool:
    """True once the agent may leave the script: what has to match has happened (rule 17)."""
    return state.turn >= state.script.firm


def has_answer(state: State, question: Question) -> bool:
    """True if the script holds an answer to `question` that nobody has had, before the run is live."""
    script = state.script
    line = None if state.live else script.first(script.by_key, script.matcher(question), state.claimed)
    return line is not None and script.lines[line].answer is not None


def finds_job(state: State, job: Source) -> bool:
    """True if the end of this executor's job has a place in the run: one on the script, or a live one."""
    script = state.script
    return state.live or script.first(script.by_key, script.matcher(job), state.claimed) is not None


def waits_for_job(state: State) -> bool:
    """True if what holds up the run is the end of a job that nobody has begun."""
    due = find_due(state)
    return due is not None and state.script.lines[due].is_job and due not in state.claimed


def find_due(state: State) -> int | None:
    """The place of the line whose tick holds up the run; None when nothing does."""
    return state.script.by_place[state.turn] if state.turn < len(state.script.by_place) else None


def find_expected(state: State, lane: Lane) -> Question | None:
    """The recorded question that `lane` has to ask next, if it is known and nothing is live."""
    own = None if state.live else state.script.first(state.script.by_lane, lane, state.claimed)
    return None if own is None else state.script.lines[own].asked


def find_turn(state: State, event: Headed | Ended) -> int:
    """The turn that `event` has to wait for; 0 when nothing holds it."""
    if isinstance(event, Ended) and is_abandoned(event.answer):
        return 0
    return find_due_turn(state, _find_tick(state, event))


def find_due_turn(state: State, tick: int | None) -> int:
    """The turn that `tick` has to wait for; in a loose script ticks of claimed lines alone hold it."""
    script, due = state.script, state.script.turn(tick)
    if not script.is_loose or tick is None:
        return due
    owed = range(due - 1, state.turn - 1, -1)
    return next((place + 1 for place in owed if _is_owed(state, place)), 0)


def _is_owed(state: State, place: int) -> bool:
    """True if the gating tick at `place` has not happened, and somebody has claimed its line."""
    return place not in state.happened and state.script.by_place[place] in state.claimed


def find_hops(state: State, event: Headed | Ended) -> int | None:
    """How many turns of the event loop after the tick before it `event` was recorded."""
    line = _line_of_event(state, event)
    return line.head_hops if is_head(event) else line.end_hops


def is_scheduled(state: State, event: Headed | Ended) -> bool:
    """True if `event` has a recorded tick that others wait for; else it waits for the opening, if at all."""
    return _find_tick(state, event) in state.script.places


def list_ticks(state: State, start: int | None = None) -> Iterator[tuple[int, bool, int | None]]:
    """The gating ticks to come, or from place `start` on, as (line, whether it is an answer's, its hops)."""
    script = state.script
    for place in range(state.turn if start is None else start, len(script.by_place)):
        n = script.by_place[place]
        line, tick = script.lines[n], script.ticks[place]
        if tick == line.began:
            yield n, False, 0
        else:
            yield n, True, line.head_hops if tick == line.headed else line.end_hops


def is_head(event: Headed | Ended) -> bool:
    """True of a head, and of an end whose answer has no head: a fault, a reply, a job's end (rule 12)."""
    return isinstance(event, Headed) or isinstance(event.answer, Fault | Reply | Reading)


def line_of(state: State, opened: Open) -> Line:
    """The line that a call claimed; for a live call one without ticks, so that it waits for the opening.

    Once the agent has left the script, no recorded tick counts any more.
    """
    if opened.line is None:
        return UNSCRIPTED
    line = state.script.lines[opened.line]
    if state.parted is None:
        return line
    return Line(line.asked, line.lane, line.answer, origin=line.origin)


UNSCRIPTED = Line(Source("none"), "")
"""What a live call follows."""


def _find_tick(state: State, event: Headed | Ended) -> int | None:
    line = _line_of_event(state, event)
    return line.headed if is_head(event) else line.ended


def _line_of_event(state: State, event: Headed | Ended) -> Line:
    opened = state.open.get(event.call)
    return UNSCRIPTED if opened is None else line_of(state, opened)
