"""Which tool calls of a run, and of those it follows, may have run with nobody knowing what came of them.

A call is *unsettled* when it was in flight as the recording died, or when the run ended by an interrupt
that left the tool. A run that follows another takes its unsettled calls over, in a note of its own.
Each of its own live calls of that tool settles one of them: either somebody decided, or the run ended there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from attrs import evolve, frozen

from . import notes
from .script import AT_ONCE, NEVER, Script
from .tape import Tape
from .values import (
    CANCELLED,
    Call,
    Effect,
    Exchange,
    Fault,
    Lane,
    Pending,
    Reply,
    Response,
    Step,
    is_abandoned,
)

IN_DOUBT, TOOL_REFUSED = "tracefork.errors.InDoubt", "tracefork.errors.ToolRefused"
UNFILLED = "tracefork.errors.RedactedSecret"
REFUSALS = frozenset({IN_DOUBT, TOOL_REFUSED, UNFILLED})
"""Faults of calls that were refused: the tool did not run."""

_INTERRUPTS = frozenset({"KeyboardInterrupt", "SystemExit", "GeneratorExit"})
_ENDS = frozenset({*_INTERRUPTS, "asyncio.exceptions.CancelledError", "trio.Cancelled", IN_DOUBT})
"""How runs end that were stopped: what they were waiting for is not known to have come to its end."""


def is_refused(step: Step) -> bool:
    """True for a call that was refused: its tool did not run."""
    return isinstance(step, Effect) and isinstance(step.answer, Fault) and step.answer.kind in REFUSALS


def continue_tape(
    tape: Tape,
    but: Step | Pending | None = None,
    is_whole: Callable[[Exchange], bool] = lambda _: True,
) -> Tape:
    """Return `tape` as a run may go on from it: without refused calls, and interrupted ones pending.

    So is an exchange that an interrupt left, of which not all had come: its answer is not `is_whole`.

    A tool that was left by an interrupt which ended the run, or its strand before a crash, is in flight:
    whoever goes on does not want to be interrupted again. The step `but` stays as it is.
    """
    broken = find_broken(tape, is_whole) if tape.outcome.type in _INTERRUPTS else []
    left = {id(step) for step in (*_find_left(tape), *broken) if step is not but}
    steps = tuple(s for s in tape.steps if id(s) not in left and (s is but or not is_refused(s)))
    if len(steps) == len(tape.steps):
        return tape
    pending = [Pending(s.call, s.lane, s.span.began, site=s.site) for s in tape.effects if id(s) in left]
    pending += [
        Pending(s.request, s.lane, s.span.began, s.span.headed, s.site) for s in broken if id(s) in left
    ]
    return evolve(tape, steps=steps, pending=tuple(sorted([*tape.pending, *pending], key=lambda p: p.began)))


def find_broken(tape: Tape, is_whole: Callable[[Exchange], bool]) -> list[Exchange]:
    """The last exchanges of strands that were left amid an answer, in a run that did not return."""
    if tape.outcome.kind == "returned":
        return []
    last = {step.lane: step for step in tape.steps}
    return [s for s in last.values() if isinstance(s, Exchange) and _is_broken(s) and not is_whole(s)]


def _is_broken(exchange: Exchange) -> bool:
    return isinstance(exchange.answer, Response) and is_abandoned(exchange.answer)


@frozen
class Elder:
    """The run that one followed which noted nothing of its doubts, and what is unsettled of that."""

    tape: Tape
    calls: tuple[Call, ...]


def wants_elder(tape: Tape) -> bool:
    """True if only the run that `tape` followed may know of doubts: earlier versions noted none."""
    return tape.parent is not None and notes.DOUBTS not in tape.meta and tape.outcome.kind != "returned"


def find_doubts(
    tape: Tape, but: Step | Pending | None = None, elder: Elder | None = None
) -> tuple[Call, ...]:
    """Return the calls of `tape` and of those it followed of which nobody knows what came of them.

    Those of sub-agents are none: what these did is known by what they asked. The step `but` is not one of
    them: it is answered otherwise.
    """
    inherited, went = notes.read_doubts(tape.meta), continue_tape(tape, but)
    left = list(inherited.calls)
    went = evolve(
        went,
        steps=tuple(s for s in went.steps if not (isinstance(s, Effect) and s.is_agent)),
        pending=tuple(p for p in went.pending if not (isinstance(p.asked, Call) and p.asked.inside)),
    )
    if elder is not None:
        served = {effect.span.began: effect.call for effect in elder.tape.effects}
        left = list(elder.calls)
        own = tuple(s for s in went.effects if served.get(s.span.began) != s.call)
        went = evolve(went, steps=own)
    live = (s for s in went.effects if s.origin is None and inherited.is_live(s.span.began))
    asked = [(s.span.began, s.call) for s in live]
    asked += [
        (p.began, p.asked) for p in went.pending if isinstance(p.asked, Call) and inherited.is_live(p.began)
    ]
    for _, call in sorted(asked, key=lambda one: one[0]):
        if (settled := find_about(left, call)) is not None:
            left.remove(settled)
    return (*left, *(p.asked for p in went.pending if isinstance(p.asked, Call)))


def find_about(doubts: Sequence[Call], call: Call) -> Call | None:
    """Return the one of `doubts` that a live `call` may repeat: an equal one, or one of the same tool."""
    of_tool = [one for one in doubts if one.name == call.name]
    return next((one for one in of_tool if one == call), of_tool[0] if of_tool else None)


def make_note(calls: Sequence[Call], script: Script) -> notes.Doubts:
    """Return what a run that follows `script` notes of the unsettled `calls` that it takes over."""
    open_ = (
        line.began
        for line in script.lines
        if isinstance(line.asked, Call) and line.answer is None and line.began is not None
    )
    since = script.opens if script.opens != NEVER else AT_ONCE  # a rerun's steps say which were served
    return notes.Doubts(tuple(calls), since, tuple(open_))


def _find_left(tape: Tape) -> list[Effect]:
    """The calls that an interrupt left, where their strands stopped there."""
    ended = tape.outcome.type if tape.outcome.kind == "raised" else ""
    if ended not in _ENDS and tape.outcome.kind != "unfinished" and not _is_base(tape, ended):
        return []
    last = dict[Lane, Step]()
    for step in tape.steps:
        last[step.lane] = step
    return [s for s in last.values() if isinstance(s, Effect) and _is_left(s, ended)]


def _is_left(step: Effect, ended: str) -> bool:
    if step.answer == CANCELLED:
        return bool(ended)  # while the run went on, its agent had given up by itself
    return isinstance(step.answer, Reply) and is_interrupt(step.answer)


def is_interrupt(reply: Reply) -> bool:
    """True if the tool, or generator, raised what is no Exception."""
    if reply.kind == "opaque" or reply.type in _INTERRUPTS:
        return reply.kind == "raised"
    match _parse(reply.value):
        case {"$class": [_, {"interrupts": True}]}:
            return True
        case {"end": "raised", "type": of, "value": {"$class": [_, {"interrupts": True}]}}:
            return isinstance(of, str)
    return False


def _parse(text: str) -> object:
    if '"interrupts":true' not in text:
        return None
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tree["came"] if isinstance(tree, dict) and tree.keys() - {"is"} == {"$changed", "came"} else tree


def _is_base(tape: Tape, ended: str) -> bool:
    """True if the run ended by an interrupt of somebody's own class."""
    return bool(ended) and any(
        isinstance(s.answer, Reply)
        and is_interrupt(s.answer)
        and ended in (s.answer.type, *_read_classes(s.answer))
        for s in tape.effects
    )


def _read_classes(reply: Reply) -> tuple[str, ...]:
    """The class of what a generator raised."""
    raised = _parse(reply.value)
    return (str(raised.get("type")),) if isinstance(raised, dict) else ()
