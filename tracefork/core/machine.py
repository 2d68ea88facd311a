"""The run as a state machine: `step(state, event) -> (state, order)`.

One machine serves every job; what differs is the script it follows.

    job        served from the script                    live
    record     nothing                                   at once
    replay     everything                                never
    resume     every committed step                      after the last of them
    fork at k  what began before k's head, and k         from k's head on
    cut at i   the first i exchanges, by head            from the i-th head on

Before the run is live, a question claims a recorded line; then its ask, its
head and its end each wait for every gating tick that was recorded before them.
Adapters carry out orders and report events; nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import evolve, frozen

from .script import Line, Marks, Script
from .values import (
    Answer,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Lane,
    Question,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Span,
    Step,
    abandoned,
)

# -- events: what the adapter saw --------------------------------------------


@frozen
class Asked:
    """The agent asked; `call` is a fresh number chosen by the adapter.

    `alone`: no interchangeable sibling strand is alive that might ask what this
    one skips. `waits`: the adapter can wait. It cannot for a draw, nor on a
    thread whose event loop it would freeze.
    """

    call: int
    question: Question
    lane: Lane = ""
    alone: bool = True
    waits: bool = True


@frozen
class Headed:
    """The adapter is about to hand the agent the head of the answer."""

    call: int
    waits: bool = True


@frozen
class Ended:
    """The agent has had all it will take of the answer, which was `answer`."""

    call: int
    answer: Answer
    waits: bool = True


@frozen
class Strayed:
    """The call left the script: its wait outlasted patience, or it read past a recorded close."""

    call: int
    stalled: bool


Event: TypeAlias = Asked | Headed | Ended | Strayed

# -- orders: what the adapter must do next -----------------------------------


@frozen
class Forward:
    """Ask the real world, then report `Headed` and `Ended`."""


@frozen
class Serve:
    """Answer from the script, then report `Headed` and `Ended`."""

    answer: Answer


@frozen
class Go:
    """Proceed."""


@frozen
class Wait:
    """Not yet: send the event again once `state.turn >= turn`."""

    turn: int


@frozen
class Commit:
    """The step is over; append it to the tape."""

    step: Step


@frozen
class Halt:
    """The agent left the script. Sticky: whoever asks or waits after this gets the same one.

    `expected` is the place in the script of the line that should have come, or
    None where none is left; `stalled` tells a wait that lapsed from a question
    that cannot be answered, `overread` a body that was read past its recorded close.
    """

    asked: Question
    lane: Lane
    expected: int | None
    stalled: bool = False
    overread: bool = False


Order: TypeAlias = Forward | Serve | Go | Wait | Commit | Halt

# -- state --------------------------------------------------------------------


@frozen
class Open:
    """A call in flight; `line` is its place in the script, or None when live."""

    asked: Question
    lane: Lane
    line: int | None
    began: int | None = None
    headed: int | None = None


@frozen(eq=False)
class State:
    script: Script
    clock: int  # the next tick that the script does not name
    claimed: Marks = Marks()  # lines
    happened: Marks = Marks()  # places of gating ticks
    open: Mapping[int, Open] = {}
    halt: Halt | None = None

    @property
    def turn(self) -> int:
        return self.happened.low

    @property
    def live(self) -> bool:
        return self.happened.low > self.script.opening


def start(script: Script) -> State:
    return State(script, clock=script.opens + 1)


def unasked(state: State) -> tuple[int, ...]:
    """Places in the script of what the agent has not asked yet; once live, it owes nothing."""
    if state.live:
        return ()
    lines = state.script.lines
    return tuple(n for n in range(len(lines)) if n not in state.claimed and not lines[n].is_job)


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
    due = _due(state)
    return due is not None and state.script.lines[due].is_job and due not in state.claimed


def pass_over(state: State) -> State:
    """The state in which the job that holds up the run is waited for no more."""
    due = _due(state)
    return state if due is None or not waits_for_job(state) else _passed(state, (due,))


def turn(state: State, event: Headed | Ended) -> int:
    """The turn that `event` has to wait for; 0 when nothing holds it."""
    if isinstance(event, Ended) and abandoned(event.answer):
        return 0
    line = _line_of(state, event)
    return state.script.turn(line.headed if _at_head(event) else line.ended)


def hops(state: State, event: Headed | Ended) -> int | None:
    """How many turns of the event loop after the tick before it `event` was recorded."""
    line = _line_of(state, event)
    return line.head_hops if _at_head(event) else line.end_hops


def is_scheduled(state: State, event: Headed | Ended) -> bool:
    """True if `event` has a recorded tick of its own; else it only waits for the run to be live."""
    line = _line_of(state, event)
    return (line.headed if _at_head(event) else line.ended) is not None


def step(state: State, event: Event) -> tuple[State, Order]:
    if isinstance(event, Asked):
        return _asked(state, event)
    if event.call not in state.open:
        return state, state.halt or Go()  # it was ended when the run was left
    match event:
        case Headed():
            return _headed(state, event)
        case Ended():
            return _ended(state, event)
        case Strayed(call, stalled):
            at = state.open[call]
            expected = _due(state) if stalled else at.line
            halt = state.halt or Halt(at.asked, at.lane, expected, stalled, not stalled)
            return evolve(state, halt=halt), halt


def upcoming(state: State, start: int | None = None) -> Iterator[tuple[int, bool, int | None]]:
    """The gating ticks to come, or from place `start` on, as (line, whether it is an answer's, its hops)."""
    script = state.script
    for place in range(state.turn if start is None else start, len(script.by_place)):
        n = script.by_place[place]
        line, tick = script.lines[n], script.ticks[place]
        if tick == line.began:
            yield n, False, 0
        else:
            yield n, True, line.head_hops if tick == line.headed else line.end_hops


def _asked(state: State, event: Asked) -> tuple[State, Order]:
    if state.halt:
        return state, state.halt
    opened = state.open.get(event.call)
    if opened is None:
        line, question = _found(state, event)
        if line is None and not (state.live or event.waits) and not isinstance(event.question, Source):
            line = Halt(event.question, event.lane, _due(state))
        if isinstance(line, Halt):
            return evolve(state, halt=line), line
        opened = Open(question, event.lane, line)
        if line is not None:
            state = _claimed(state, line)
    recorded = _line(state, opened)
    if event.waits and (due := state.script.turn(recorded.began)) > state.turn:
        return _put(state, event.call, opened), Wait(due)
    now, tick = _tick(state, recorded.began)
    state = _put(state, event.call, Open(opened.asked, opened.lane, opened.line, tick), now)
    return state, Forward() if recorded.answer is None else Serve(recorded.answer)


def _headed(state: State, event: Headed) -> tuple[State, Order]:
    opened = state.open[event.call]
    recorded = _line(state, opened)
    if event.waits and (due := state.script.turn(recorded.headed)) > state.turn:
        return state, state.halt or Wait(due)
    now, tick = _tick(state, recorded.headed)
    headed = Open(opened.asked, opened.lane, opened.line, opened.began, tick)
    return _put(state, event.call, headed, now), Go()


def _ended(state: State, event: Ended) -> tuple[State, Order]:
    opened = state.open[event.call]
    recorded = _line(state, opened)
    last = recorded.headed if _at_head(event) else recorded.ended
    waits = event.waits and not abandoned(event.answer)
    if waits and (due := state.script.turn(last)) > state.turn:
        return state, state.halt or Wait(due)
    began, headed = opened.began, opened.headed
    if began is None:  # given up while its ask was waiting
        now, began = _tick(state, recorded.began)
        state = _put(state, event.call, opened, now)
    now, ended = _tick(state, last)
    match opened.asked, event.answer:
        case Request() as request, Response() | Fault() as reply:
            span = Span(began, ended if headed is None else headed, ended)
            done: Step = Exchange(request, reply, opened.lane, span)
        case Source(kind="job") as source, Reading() as reading:
            done = Draw(source, reading, opened.lane, Span(began, ended, ended))
        case Source() as source, Reading() as reading:
            now = state.clock, state.happened  # a draw is one tick
            done = Draw(source, reading, opened.lane, Span(began, began, began))
        case Call() as called, Reply() | Fault() as reply:
            done = Effect(called, reply, opened.lane, Span(began, ended, ended))
        case _:
            raise TypeError(f"{opened.asked!r} cannot be answered by {event.answer!r}")
    return _put(state, event.call, None, (now[0], _freed(state.script, now[1], opened.line))), Commit(done)


def expected(state: State, lane: Lane) -> Question | None:
    """The recorded question that `lane` has to ask next, if it is known and nothing is live."""
    own = None if state.live else state.script.first(state.script.by_lane, lane, state.claimed)
    return None if own is None else state.script.lines[own].asked


def _found(state: State, event: Asked) -> tuple[int | Halt | None, Question]:
    """The line that `event` is, and its question: the script's where both are equal: one copy will do."""
    script, question = state.script, event.question
    if isinstance(question, Source) and question.is_job:
        return _job(state, question, event.lane), question
    own = None if state.live else script.first(script.by_lane, event.lane, state.claimed)
    if own is not None and script.lines[own].asked == question:
        return own, script.lines[own].asked  # word for word: its key need not be made
    line = None if state.live else _claim(state, event, own)
    if isinstance(line, int) and script.lines[line].asked == question:
        return line, script.lines[line].asked
    return line, question


def _job(state: State, job: Source, lane: Lane) -> int | None:
    """The line of an executor's job: the lane's own, or else any; another order is no divergence."""
    script, key = state.script, state.script.matcher(job)
    if state.live:
        return None
    own = script.first(script.by_both, (key, lane), state.claimed)
    return script.first(script.by_key, key, state.claimed) if own is None else own


def _claimed(state: State, line: int) -> State:
    """The state in which `line` is asked; its lane did without the jobs before it that were not begun."""
    state = evolve(state, claimed=state.claimed.add(line))
    lane = state.script.lines[line].lane
    jobs = [n for n in state.script.jobs.get(lane, ()) if n < line and n not in state.claimed]
    return _passed(state, jobs) if jobs else state


def _passed(state: State, lines: Iterable[int]) -> State:
    claimed, happened = state.claimed, state.happened
    for n in lines:
        claimed, happened = claimed.add(n), _freed(state.script, happened, n)
    return evolve(state, claimed=claimed, happened=happened)


def _claim(state: State, event: Asked, own: int | None) -> int | Halt | None:
    """The line that `event` claims; None when it is to wait until the run is live.

    A strand asks its own lane's lines in order. It may take another lane's line
    when its own lane is unknown or used up, or while a sibling lives that may
    take the line it leaves: workers on one queue trade places freely. `own` is its
    lane's next line.
    """
    script, claimed = state.script, state.claimed
    alone = event.alone and event.lane not in script.mixed
    key = script.matcher(event.question)
    same = script.first(script.by_both, (key, event.lane), claimed)
    if same is not None and (same == own or not alone):
        return same
    if own is not None and alone and script.lines[own].began is not None:
        return Halt(event.question, event.lane, own)
    if (other := script.first(script.by_key, key, claimed)) is not None:
        return other
    owes = own is not None and script.lines[own].began is not None
    opens = script.opening < len(script.places)
    return None if opens and not owes else Halt(event.question, event.lane, _due(state))


def _due(state: State) -> int | None:
    """The place of the line whose tick holds up the run; None when nothing does."""
    return state.script.by_place[state.turn] if state.turn < len(state.script.by_place) else None


_UNSCRIPTED = Line(Source("none"), "")


def _at_head(event: Headed | Ended) -> bool:
    """True if `event` is a head, or an answer that has none of its own: a fault, a reply, a job's end."""
    return isinstance(event, Headed) or isinstance(event.answer, Fault | Reply | Reading)


def _line_of(state: State, event: Headed | Ended) -> Line:
    opened = state.open.get(event.call)
    return _UNSCRIPTED if opened is None else _line(state, opened)


def _line(state: State, opened: Open) -> Line:
    """The call's line; a live call's has no recorded ticks, so that it waits for the opening."""
    return _UNSCRIPTED if opened.line is None else state.script.lines[opened.line]


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


def _freed(script: Script, happened: Marks, line: int | None) -> Marks:
    """Nobody waits for a call that is over."""
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
    return State(state.script, clock, state.claimed, happened, calls, state.halt)
