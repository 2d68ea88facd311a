"""Laws of the pure core, on arbitrary well-formed tapes; no httpx, no I/O, no threads."""

from __future__ import annotations

import random

from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from tracefork.core import machine
from tracefork.core.digest import digest
from tracefork.core.fork import Cut, Fork, everything, nothing, remainder
from tracefork.core.machine import (
    Asked,
    Commit,
    Ended,
    Forward,
    Halt,
    Headed,
    Serve,
    Wait,
    list_unasked,
    start,
)
from tracefork.core.matching import exact
from tracefork.core.script import Marks
from tracefork.core.tape import Tape
from tracefork.core.values import CANCELLED, Draw, Exchange, Fault, Pending, Response
from tracefork.testing.strategies import tapes


def events(tape):
    """The events that would have recorded `tape`, in tick order."""
    moves = []
    for call, s in enumerate(tape.steps):
        alone = s.lane == ""
        waits = not isinstance(s, Draw)
        moves.append((s.span.began, 0, Asked(call, s.asked, s.lane, alone, waits)))
        if isinstance(s.answer, Response):
            moves.append((s.span.headed, 1, Headed(call)))
        moves.append((s.span.ended, 2, Ended(call, s.answer)))
    return [event for *_, event in sorted(moves, key=lambda m: m[:2])]


def run(state, events):
    effects, steps = [], []
    for event in events:
        state, effect = machine.step(state, event)
        effects.append(effect)
        if isinstance(effect, Commit):
            steps.append(effect.step)
    return state, effects, Tape(tuple(sorted(steps, key=lambda s: s.span.began)))


def shuffled(state, tape, seed):
    """Run every strand as fast as its turns allow, in an order drawn by `seed`."""
    chance = random.Random(seed)
    strands = {}
    for event in events(tape):
        strands.setdefault(tape.steps[event.call].lane, []).append(event)
    served, steps = {}, []
    while any(strands.values()):
        stuck = True
        for lane in chance.sample(sorted(strands), len(strands)):
            while strands[lane]:
                event = strands[lane][0]
                state, effect = machine.step(state, event)
                assert not isinstance(effect, Halt), effect
                if isinstance(effect, Wait):
                    break
                strands[lane].pop(0)
                stuck = False
                if isinstance(effect, Serve | Forward):
                    served[event.call] = effect
                if isinstance(effect, Commit):
                    steps.append(effect.step)
                if chance.random() < 0.5:
                    break
        assert not stuck
    return state, served, Tape(tuple(sorted(steps, key=lambda s: s.span.began)))


@given(tapes())
def test_recording_a_tapes_events_gives_the_tape(tape):
    _, effects, out = run(start(nothing()), events(tape))

    assert out.steps == tape.steps
    assert not any(isinstance(e, Serve | Halt | Wait) for e in effects)


@given(tapes())
def test_replaying_a_tape_never_waits_never_forwards_and_gives_the_tape(tape):
    state, effects, out = run(start(everything(tape)), events(tape))

    assert out.steps == tape.steps
    assert not any(isinstance(e, Forward | Halt | Wait) for e in effects)
    assert list_unasked(state) == ()


@given(tapes(), st.integers())
def test_replaying_in_any_order_of_strands_gives_the_tape(tape, seed):
    state, _, out = shuffled(start(everything(tape)), tape, seed)

    assert digest(out) == digest(tape)


@given(tapes(), st.integers(1, 4), st.integers())
def test_a_loose_replay_comes_to_its_end_behind_any_pool_of_connections_in_any_order(tape, room, seed):
    chance = random.Random(seed)
    state = start(evolve(everything(tape), is_loose=True))
    moves = [[e for e in events(tape) if e.call == call] for call in range(len(tape.steps))]
    chance.shuffle(moves)
    pool, steps = [], []
    while moves or pool:
        while moves and len(pool) < room:
            pool.append(moves.pop())
        stuck = True
        for strand in chance.sample(pool, len(pool)):
            event = evolve(strand[0], alone=False) if isinstance(strand[0], Asked) else strand[0]
            state, order = machine.step(state, event)
            assert not isinstance(order, Halt), order
            if not isinstance(order, Wait):
                stuck = False
                strand.pop(0)
                steps += [order.step] if isinstance(order, Commit) else []
        pool = [strand for strand in pool if strand]
        assert not stuck

    again = Tape(tuple(sorted(steps, key=lambda s: s.span.began)))
    assert digest(again, matcher=exact) == digest(Tape(tape.steps), matcher=exact) or _has_twins(tape)
    assert not list_unasked(state)


def _has_twins(tape):
    """Equal questions in one lane: which of them is asked first decides which has which answer."""
    keys = [(exact(step.asked), step.lane) for step in tape.steps]
    return len(set(keys)) < len(keys)


@given(tapes().filter(lambda t: t.steps), st.data(), st.integers())
def test_a_fork_serves_exactly_its_light_cone(tape, data, seed):
    pivot = data.draw(st.sampled_from(tape.steps))
    assume(pivot.answer != CANCELLED)
    _, served, _ = shuffled(start(Fork(tape, pivot, pivot.answer).script()), tape, seed)

    kept = {n for n, s in enumerate(tape.steps) if s.span.began < pivot.span.headed or s is pivot}
    assert {n for n, e in served.items() if isinstance(e, Serve)} == kept


@given(tapes(), st.data(), st.integers())
def test_cuts_serve_the_first_heads_and_so_are_nested(tape, data, seed):
    tape = Tape(tuple(s for s in tape.steps if s.answer != Fault("cancelled")))
    upto = data.draw(st.integers(0, len(tape)))
    _, served, _ = shuffled(start(Cut(tape, upto).script()), tape, seed)

    first = sorted(tape.exchanges, key=lambda s: s.span.headed)[:upto]
    got = [tape.steps[n] for n, e in served.items() if isinstance(e, Serve)]
    assert {s.span for s in got if isinstance(s, Exchange)} == {s.span for s in first}


@given(tapes(), st.data(), st.integers())
def test_a_resumed_tape_starts_with_the_tape(tape, data, seed):
    at = data.draw(st.integers(-1, 20))
    done = tuple(s for s in tape.steps if s.span.ended <= at)
    left = tuple(
        Pending(s.asked, s.lane, s.span.began, s.span.headed if s.span.headed <= at else None)
        for s in tape.steps
        if s.span.began <= at < s.span.ended
    )
    died = Tape(done, left)
    if len({(type(s), getattr(s.asked, "body", ""), getattr(s.asked, "url", "")) for s in tape.steps}) < len(
        tape.steps
    ):
        return  # a strand the tape never saw may take another's line if their questions are equal
    _, served, out = shuffled(start(remainder(died)), tape, seed)

    if not any(p.headed is not None for p in left):
        assert {tape.steps[n] for n, e in served.items() if isinstance(e, Serve)} == set(done)
        assert set(done) <= set(out.steps)


@given(tapes().filter(len), st.data())
def test_any_change_changes_the_digest(tape, data):
    at = data.draw(st.integers(0, len(tape.steps) - 1))
    step = tape.steps[at]
    other = evolve(step, span=evolve(step.span, ended=step.span.ended + 1))

    assert digest(tape) != digest(Tape((*tape.steps[:at], other, *tape.steps[at + 1 :])))


@given(st.lists(st.integers(0, 30)))
def test_marks_are_a_set_that_fills_from_below(numbers):
    marks = Marks()
    for n in numbers:
        marks = marks.add(n)

    assert {n for n in range(40) if n in marks} == set(numbers)
    assert marks.low == next(n for n in range(40) if n not in set(numbers))
