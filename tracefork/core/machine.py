"""The run as a state machine: `step(state, event) -> (state, order)`.

One machine serves every job; what differs is the script it follows.

    job        served from the script                    live
    record     nothing                                   at once
    replay     everything                                never
    resume     every committed step                      after the last of them
    fork at k  what began before k's head, and k         from k's head on
    cut at i   the first i exchanges, by head            from the i-th head on
    rerun      all until it parts, then equal questions  what nothing answers then

Adapters carry out orders and report events; nothing here performs I/O.

The rules, in which a line is a recorded step, and a lane *owes* the next of its lines
that nobody has claimed, if that began before the opening. A lane is *one strand* unless
a sibling of its name is alive, or it was recorded to ask while it waited.

Claims, until the run is live:

 1. A question claims its lane's next line if their keys are equal.
 2. In a lane of several strands it claims the lane's first line with its key, past those of its siblings.
 3. In a lane that is one strand and owes another line it halts the run.
 4. Otherwise it claims the first line with its key, of whichever lane.
 5. If no line is left, and its lane owes nothing, it waits for the opening; a draw is live at once.
 6. If the script never opens, its lane owes a line or its adapter cannot wait, it halts the run instead.
 7. An executor's job claims the first line with its key, its lane's before others', and never halts the run.
 8. Who claims a line passes over the jobs before it in its lane that nobody began: nobody waits for those.

Opening:

 9. The run is live once all gating ticks up to the script's opening have happened; only rule 20 claims then.
10. A line that has an answer is served; everything else goes to the real world.

Waits:

11. An ask, a head and an end each wait for the gating ticks before their own; without one, for the opening.
12. A fault, a tool's reply and a job's end have no head of their own: they end at the head's tick.
13. A draw never waits, nor does an end that the agent chose, nor an adapter that cannot.
14. An end that the agent chose gates nobody, and no tick of a call that is over gates anybody.

Halts:

15. A halt stays: who asks, or would have to wait, gets the same one; what need not wait goes on.
16. A call that strays halts the run: at the line that was due if its wait lapsed, at its own if it overread.

Leaving the script, in a rerun; and recorded answers in a live run:

17. Once the ticks that have to match have happened, what would halt the run opens it: nothing waits any more.
18. A question leaves the script, too, if its line is to be answered anew, or is a call of another function.
19. What was in flight when the recording died leaves it once all else has happened.
20. In a live run a question claims the first line with its key that may serve it, its lane's before others'.
21. A draw claims only its lane's then; a question that has not begun lets go of a line that may not serve it.
22. A call claims no line of another function then, and a repeatable one none once another tool has run.
23. A call that was given up when recorded, and is not now, goes to the real world once its wait lapses.

Edits:

24. A question claims in the first of its forms that has a line; word for word its lane's next before all.
25. Where that line has no answer, it is asked as new edits make of that form.
26. A question that new edits changed is served no answer to another one, whatever the matcher says.

Loose scripts, for agents that ask through a bounded pool of connections, where a question that waits
would hold up those that it waits for:

27. An ask of a recorded line never waits, and a head or an end waits for ticks of claimed lines alone.
28. When it comes, the ticks before it of lines that nobody has claimed are passed over.
29. Once the run is live, a question claims the first line with its key that was to be served before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from attrs import evolve

from .claims import check_line, find_line, find_reusable
from .events import Asked, Commit, Ended, Event, Forward, Go, Halt, Headed, Order, Serve, Strayed, Wait
from .script import AT_ONCE, Marks, Script
from .state import (
    Open,
    Parted,
    State,
    find_due,
    find_due_turn,
    find_expected,
    find_hops,
    find_turn,
    finds_job,
    has_answer,
    is_head,
    is_scheduled,
    line_of,
    list_ticks,
    list_unasked,
    may_part,
    waits_for_job,
)
from .steps import make_step
from .values import CANCELLED, Call, Request, Source, Span, is_abandoned

__all__ = [
    "Asked",
    "Commit",
    "Ended",
    "Event",
    "Forward",
    "Go",
    "Halt",
    "Headed",
    "Open",
    "Order",
    "Serve",
    "State",
    "Strayed",
    "Wait",
    "find_due",
    "find_expected",
    "find_hops",
    "find_turn",
    "finds_job",
    "has_answer",
    "is_scheduled",
    "list_ticks",
    "list_unasked",
    "may_part",
    "pass_over",
    "start",
    "step",
    "waits_for_job",
]


def start(script: Script) -> State:
    """Return the state of a run that is about to follow `script`."""
    return State(script, clock=script.opens + 1)


def step(state: State, event: Event) -> tuple[State, Order]:
    """Return the state after `event`, and what the adapter must do next."""
    if isinstance(event, Asked):
        return _ask(state, event)
    if event.call not in state.open:
        return state, state.halt or Go()  # it was ended when the run was left
    match event:
        case Headed():
            return _give_head(state, event)
        case Ended():
            return _end(state, event)
        case Strayed():
            return _stray(state, event)


def pass_over(state: State) -> State:
    """Return the state in which the job that holds up the run is waited for no more."""
    due = find_due(state)
    return state if due is None or not waits_for_job(state) else _pass(state, (due,))


def _ask(state: State, event: Asked) -> tuple[State, Order]:
    if state.halt:
        return state, state.halt  # rule 15
    opened = state.open.get(event.call)
    if opened is None:
        state, opened = _open(state, event)
        if state.halt:
            return state, state.halt
    elif state.parted is not None and opened.line is not None and not state.script.serves(opened.line):
        opened = evolve(opened, line=None)  # rule 21
    recorded = line_of(state, opened)
    if recorded.anew and not state.live:
        return _wait_for_rest(state, event, opened)
    waits = event.waits and not (state.script.is_loose and recorded.began is not None)  # rule 27
    if waits and (due := state.script.turn(recorded.began)) > state.turn:
        return _put(state, event.call, opened), Wait(due)  # rules 5, 11
    now, tick = _tick(state, recorded.began)
    state = _put(state, event.call, Open(opened.asked, opened.lane, opened.line, tick), now)
    if recorded.answer is not None:
        return state, Serve(recorded.answer, state.ran if isinstance(opened.asked, Call) else "")  # rule 10
    if isinstance(opened.asked, Call) and not (opened.asked.repeatable or opened.asked.inside or state.ran):
        state = evolve(state, ran=opened.asked.name)
    return state, Forward()


def _open(state: State, event: Asked) -> tuple[State, Open]:
    """The state in which `event` has claimed its line, or has none; or in which that halts the run."""
    line, question = find_line(state, event)
    if isinstance(line, int) and not state.live:
        line = check_line(state, event, line)
    if isinstance(line, Halt):
        state = _part(state, line) if may_part(state) else evolve(state, halt=line)  # rules 3, 6, 17
        line, question = find_reusable(state, event)
    return state if line is None else _mark_claimed(state, line), Open(question, event.lane, line)


def _wait_for_rest(state: State, event: Asked, opened: Open) -> tuple[State, Order]:
    """Let what the recording died in be asked again, once all that it had seen has happened."""
    last = len(state.script.places)  # rule 19
    if event.waits and state.turn < last:
        return _put(state, event.call, opened), Wait(last)
    halt = Halt(opened.asked, opened.lane, opened.line, reason="unfinished")
    if not may_part(state):
        return evolve(state, halt=halt), halt
    return _ask(_put(_part(state, halt), event.call, opened), event)


def _stray(state: State, event: Strayed) -> tuple[State, Order]:
    opened = state.open[event.call]
    if event.stalled and state.halt is None and may_part(state) and not _hangs_in_body(state, opened):
        given_up = opened.began is not None and line_of(state, opened).answer == CANCELLED
        if state.parted is None:
            reason = "unanswered" if given_up else ""
            expected = opened.line if given_up else find_due(state)
            state = _part(state, Halt(opened.asked, opened.lane, expected, stalled=True, reason=reason))
        if given_up:
            state = _put(state, event.call, evolve(opened, line=None))  # rule 23
        return state, state.halt or Go()
    expected = find_due(state) if event.stalled else opened.line
    stalled = event.stalled
    halt = state.halt or Halt(opened.asked, opened.lane, expected, stalled, not stalled)  # rule 16
    return evolve(state, halt=halt), halt


def _hangs_in_body(state: State, opened: Open) -> bool:
    """True of a call that had read on where its recorded body was cancelled: no more of it is known."""
    answer = line_of(state, opened).answer
    return opened.headed is not None and answer is not None and is_abandoned(answer)


def _part(state: State, halt: Halt) -> State:
    """The state in which the agent has left the script: all its ticks are taken as happened."""
    lines = state.script.lines
    ticks = (tick for line in lines for tick in (line.began, line.headed, line.ended) if tick is not None)
    happened = Marks(len(state.script.places) + 1)
    parted = Parted(halt, state.claimed)
    halted = halt if state.script.is_dry else None
    clock = max(ticks, default=AT_ONCE) + 1
    return evolve(state, clock=clock, happened=happened, halt=halted, parted=parted)


def _give_head(state: State, event: Headed) -> tuple[State, Order]:
    opened = state.open[event.call]
    recorded = line_of(state, opened)
    waits = event.waits and state.script.turn(recorded.headed) > state.turn
    if waits and (due := find_due_turn(state, recorded.headed)) > state.turn:
        return state, state.halt or Wait(due)  # rules 11, 15
    if state.script.is_loose:
        state = _pass_before(state, state.script.places.get(recorded.headed or 0, 0))
    now, tick = _tick(state, recorded.headed)
    headed = Open(opened.asked, opened.lane, opened.line, opened.began, tick)
    return _put(state, event.call, headed, now), Go()


def _end(state: State, event: Ended) -> tuple[State, Order]:
    opened = state.open[event.call]
    recorded = line_of(state, opened)
    last = recorded.headed if is_head(event) else recorded.ended  # rule 12
    waits = event.waits and state.script.turn(last) > state.turn and not is_abandoned(event.answer)  # rule 13
    if waits and (due := find_due_turn(state, last)) > state.turn:
        return state, state.halt or Wait(due)  # rules 11, 15
    if state.script.is_loose and opened.line is not None:
        state = _pass_before(state, max(state.script.gates[opened.line], default=0))
    asked, began = opened.asked, opened.began
    if began is None:  # given up while its ask was waiting
        now, began = _tick(state, recorded.began)
        state = _put(state, event.call, opened, now)
    if isinstance(asked, Source) and not asked.is_job:
        now, ended = (state.clock, state.happened), began  # a draw is one tick
    else:
        now, ended = _tick(state, last)
    headed = opened.headed if isinstance(asked, Request) else None
    span = Span(began, ended if headed is None else headed, ended)
    origin = None if isinstance(asked, Call) and asked.inside else recorded.origin  # a sub-agent has run
    done = make_step(asked, event.answer, opened.lane, span, origin=origin)
    if done is None:
        raise TypeError(f"{asked!r} cannot be answered by {event.answer!r}")
    clock, happened = now
    released = _release(state.script, happened, opened.line)  # rule 14
    return _put(state, event.call, None, (clock, released)), Commit(done)


def _mark_claimed(state: State, line: int) -> State:
    state = evolve(state, claimed=state.claimed.add(line))
    lane = state.script.lines[line].lane
    jobs = [n for n in state.script.jobs.get(lane, ()) if n < line and n not in state.claimed]
    return _pass(state, jobs) if jobs else state  # rule 8


def _pass_before(state: State, place: int) -> State:
    """The state of a loose script in which ticks before `place` that nobody claimed are passed over."""
    happened = state.happened
    for earlier in range(happened.low, place):
        if state.script.by_place[earlier] not in state.claimed:
            happened = happened.add(earlier)  # rule 28
    return evolve(state, happened=happened)


def _pass(state: State, lines: Iterable[int]) -> State:
    claimed, happened = state.claimed, state.happened
    for n in lines:
        claimed, happened = claimed.add(n), _release(state.script, happened, n)
    return evolve(state, claimed=claimed, happened=happened)


Now: TypeAlias = tuple[int, Marks]
"""A state's clock, and the places of what has happened by then."""


def _tick(state: State, recorded: int | None) -> tuple[Now, int]:
    """Let a tick happen: the recorded one, as far as the script goes, or the clock's next."""
    happened = state.happened
    if recorded is not None and recorded in state.script.places:
        happened = happened.add(state.script.places[recorded])
    if recorded is not None and recorded <= state.script.opens:
        return (state.clock, happened), recorded
    return (state.clock + 1, happened), state.clock


def _release(script: Script, happened: Marks, line: int | None) -> Marks:
    """Return `happened` with all gating ticks of `line`, so that nobody waits for one that did not come."""
    for place in () if line is None else script.gates[line]:
        if place >= happened.low:
            happened = happened.add(place)
    return happened


def _put(state: State, call: int, opened: Open | None, now: Now | None = None) -> State:
    """The state in which `call` is `opened`, or no more; `evolve` would take half of a step's time."""
    calls = {**state.open}
    if opened is None:
        del calls[call]
    else:
        calls[call] = opened
    clock, happened = now or (state.clock, state.happened)
    return State(state.script, clock, state.claimed, happened, calls, state.halt, state.parted, state.ran)
