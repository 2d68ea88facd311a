"""What a script makes of the call of a sub-agent, which runs whatever the tape says it came to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.core.digest import digest
from tracefork.core.doubt import find_doubts
from tracefork.core.fork import Cut, Fork, everything, remainder
from tracefork.core.machine import Asked, Ended, Forward, Headed, Serve, start, step
from tracefork.core.matching import canonical, exact
from tracefork.core.script import NEVER
from tracefork.core.tape import Tape
from tracefork.core.values import (
    CANCELLED,
    UNFINISHED,
    Call,
    Effect,
    Exchange,
    Pending,
    Reply,
    Request,
    Response,
    Span,
)

OK = Response(200, (), (b"ok",))


def ask(name, lane, *ticks):
    return Exchange(Request("GET", f"https://world/{name}"), OK, lane, Span(*ticks))


OUTER = Effect(Call("lead", "{}", inside="lead.0"), Reply("returned", "1"), "", Span(0, 9, 9))
INNER = Effect(Call("look", "{}", inside="look.0"), Reply("returned", "2"), "lead.0", Span(1, 5, 5))
DEEP = ask("deep", "lead.0/look.0", 2, 3, 4)
PLAIN = Effect(Call("pay", "{}", "ast:1"), Reply("returned", "3"), "lead.0", Span(6, 7, 7))
AFTER = ask("after", "", 10, 11, 12)
TAPE = Tape((OUTER, INNER, DEEP, PLAIN, AFTER))


def lines(script):
    return {
        getattr(line.asked, "name", getattr(line.asked, "url", "")[14:]): (
            line.answer,
            line.began,
            line.headed,
            line.ended,
        )
        for line in script.lines
    }


def test_it_holds_what_is_asked_in_its_strand_and_below():
    assert [OUTER.holds(one) for one in TAPE.steps] == [False, True, True, True, False]
    assert [INNER.holds(one) for one in TAPE.steps] == [False, False, True, False, False]
    assert not PLAIN.holds(PLAIN)
    assert not OUTER.holds(ask("other", "lead.01", 2, 3, 4))
    assert OUTER.holds(Pending(Call("look"), "lead.0/x.3", 7))


@given(st.text(), st.text())
def test_neither_code_nor_strand_is_part_of_the_question(code, inside):
    one, other = Call("pay", "{}"), Call("pay", "{}", code, inside)
    tapes = [Tape((Effect(call, Reply("returned")),)) for call in (one, other)]

    assert (one, hash(one), repr(one)) == (other, hash(other), repr(other))
    assert exact(one) == exact(other)
    assert canonical(ignoring=["$.a"])(one) == canonical(ignoring=["$.a"])(other)
    assert digest(tapes[0]) == digest(tapes[1])
    assert tapes[0] == tapes[1]


def test_a_fork_within_leaves_its_end_open():
    found = lines(Fork(TAPE, DEEP, Response(500)).script())

    assert found["lead"] == (None, 0, None, None)
    assert found["look"] == (None, 1, None, None)
    assert found["deep"] == (Response(500), 2, 3, None)
    assert found["pay"] == found["after"] == (None, None, None, None)


def test_a_fork_behind_it_keeps_all_of_it():
    found = lines(Fork(TAPE, AFTER, None).script())

    assert found["lead"] == (OUTER.reply, 0, 9, 9)
    assert found["deep"] == (OK, 2, 3, 4)


def test_a_cut_within_leaves_its_end_open():
    found = lines(Cut(TAPE, 1).script())

    assert found["lead"] == (None, 0, None, None)
    assert found["deep"] == (OK, 2, 3, None)


@pytest.mark.parametrize("pivot", [OUTER, INNER])
def test_one_that_is_given_an_answer_is_a_tools_call_and_its_steps_are_gone(pivot):
    script = Fork(TAPE, pivot, Reply("returned", "4")).script()
    (line,) = [one for one in script.lines if one.asked == pivot.call]

    assert line.asked.inside == ""
    assert line.answer == Reply("returned", "4")
    assert not [one for one in script.lines if one.asked == DEEP.request]


def test_one_that_is_asked_again_is_asked_from_its_first_question_on():
    script = Fork(TAPE, INNER, None).script()

    assert script.opens == INNER.span.began
    assert lines(script)["look"] == (None, 1, None, None)
    assert lines(script)["deep"] == (None, None, None, None)


def test_one_that_was_given_up_may_come_to_its_end_once_a_run_is_live():
    tape = Tape((Effect(OUTER.call, CANCELLED, "", Span(0, 9, 9)), DEEP))

    assert lines(remainder(tape))["lead"] == (None, 0, None, None)
    assert lines(everything(tape))["lead"] == (CANCELLED, 0, 9, 9)


def test_one_that_was_in_flight_is_followed_and_is_in_no_doubt():
    left = (Pending(OUTER.call, "", 0), Pending(INNER.call, "lead.0", 1), Pending(PLAIN.call, "lead.0", 6))
    tape = Tape((DEEP,), left, outcome=UNFINISHED)
    script = everything(tape)

    assert [line.asked for line in script.lines] == [OUTER.call, INNER.call, DEEP.request]
    assert [line.began for line in script.lines] == [0, 1, 2]
    assert script.opens == NEVER
    assert find_doubts(tape) == (PLAIN.call,)


def test_nobody_waits_for_its_end():
    tape = Tape((DEEP,), (Pending(OUTER.call, "", 0),), outcome=UNFINISHED)
    state = start(everything(tape))
    state, order = step(state, Asked(0, OUTER.call))
    assert order == Serve(CANCELLED)
    state, order = step(state, Asked(1, DEEP.request, DEEP.lane))
    assert order == Serve(OK)
    state, _ = step(state, Headed(1))
    state, _ = step(state, Ended(1, OK))
    state, order = step(state, Ended(0, Reply("returned", "1")))

    assert (order.step.reply, order.step.call.inside) == (Reply("returned", "1"), "lead.0")
    assert order.step.span.began < DEEP.span.began < DEEP.span.ended < order.step.span.ended


@pytest.mark.parametrize(
    ("recorded", "now", "kept"),
    [
        (Call("pay", "{}", "ast:1"), Call("pay", "{}", "ast:2"), ("ast:2", "")),
        (Call("pay", "{}", inside="pay.0"), Call("pay", "{}", "ast:2"), ("", "pay.0")),
        (Call("pay", "{}", "ast:1"), Call("pay", "{}", inside="pay.0"), ("", "pay.0")),
    ],
)
def test_of_a_call_that_is_to_run_the_code_that_runs_is_kept(recorded, now, kept):
    tape = Tape((Effect(recorded, Reply("returned"), "", Span(0, 1, 1)),))
    state, order = step(start(Fork(tape, tape.steps[0], None).script()), Asked(0, now))
    state, done = step(state, Ended(0, Reply("returned", "5")))

    assert order == Forward()
    assert (done.step.call.code, done.step.call.inside) == kept


def test_of_a_call_that_is_served_the_code_that_ran_is_kept():
    tape = Tape((Effect(Call("pay", "{}", "ast:1"), Reply("returned"), "", Span(0, 1, 1)),))
    state, order = step(start(everything(tape)), Asked(0, Call("pay", "{}", "ast:2")))
    _, done = step(state, Ended(0, order.answer))

    assert done.step.call.code == "ast:1"
