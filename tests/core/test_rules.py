"""The rules at the top of `core/machine.py`, a test each; and the page that shows them.

`python -m tests.core.test_rules` writes the page's tables anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import evolve

from tracefork.core import claims, machine
from tracefork.core.fork import Cut, Fork, Rerun, everything, nothing
from tracefork.core.machine import (
    Asked,
    Commit,
    Ended,
    Forward,
    Go,
    Halt,
    Headed,
    Serve,
    Strayed,
    Wait,
    list_unasked,
    pass_over,
    start,
    waits_for_job,
)
from tracefork.core.tape import Tape
from tracefork.core.values import (
    CANCELLED,
    DONE,
    JOB,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Pending,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Span,
)

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "the-machine.md"
RULE = re.compile(r"^ ?(\d+)\. (.*)$")
WORLD = Response(200, (), (b"ok",))


def get(name):
    return Request("GET", f"https://world/{name}")


def exchange(name, lane, *ticks, answer=WORLD):
    return Exchange(get(name), answer, lane, Span(*ticks))


def job(name, lane, began, ended):
    return Draw(Source(JOB, name), DONE, lane, Span(began, ended, ended))


def replay(*steps):
    return start(everything(Tape(steps)))


def opening_after(upto, *steps):
    """A run that serves the first `upto` exchanges and is live then."""
    return start(Cut(Tape(steps), upto).script())


def send(state, *events):
    """The last state, and the order that each event brought."""
    orders = []
    for event in events:
        state, order = machine.step(state, event)
        orders.append(order)
    return state, orders


def line_of(state, call):
    return state.open[call].line


# -- claims -----------------------------------------------------------------------------


def test_rule_1_a_question_claims_its_lanes_next_line():
    state = replay(exchange("x", "a", 0, 4, 5), exchange("x", "b", 1, 6, 7))

    state, _ = send(state, Asked(1, get("x"), "b"), Asked(0, get("x"), "a"))

    assert [line_of(state, 0), line_of(state, 1)] == [0, 1]


@pytest.mark.parametrize("alone", [True, False])
def test_rule_2_a_lane_of_several_strands_claims_past_its_siblings(alone):
    state = replay(exchange("x", "w", 0, 4, 5), exchange("y", "w", 6, 7, 8))

    state, [order] = send(state, Asked(0, get("y"), "w", alone=alone))

    assert order == (Halt(get("y"), "w", 0) if alone else Wait(3))


def test_rule_2_a_lane_that_asked_while_it_waited_is_of_several_strands():
    state = replay(exchange("x", "w", 0, 4, 5), exchange("y", "w", 1, 6, 7))

    state, _ = send(state, Asked(0, get("y"), "w"))

    assert line_of(state, 0) == 1


def test_rule_3_one_strand_that_owes_another_line_halts():
    state = replay(exchange("x", "a", 0, 1, 2), exchange("y", "b", 3, 4, 5))

    state, [order] = send(state, Asked(0, get("y"), "a"))

    assert order == Halt(get("y"), "a", expected=0)


@pytest.mark.parametrize("lane", ["unknown", "b"], ids=["an unknown lane", "a lane that is used up"])
def test_rule_4_a_lane_that_owes_nothing_claims_another_lanes_line(lane):
    state = replay(exchange("x", "b", 0, 1, 2), exchange("y", "a", 3, 4, 5))
    state, _ = send(state, Asked(0, get("x"), "b"), Headed(0), Ended(0, WORLD))

    state, [order] = send(state, Asked(1, get("y"), lane))

    assert order == Serve(WORLD)
    assert line_of(state, 1) == 1


def test_rule_4_so_does_one_whose_siblings_may_take_what_it_owes():
    state = replay(exchange("x", "w", 0, 1, 2), exchange("y", "v", 3, 4, 5))

    state, _ = send(state, Asked(0, get("y"), "w", alone=False))

    assert line_of(state, 0) == 1


def test_rule_5_a_question_without_a_line_waits_for_the_opening():
    state = opening_after(1, exchange("x", "a", 0, 1, 2))
    state, [early] = send(state, Asked(1, get("new"), "b"))
    state, _ = send(state, Asked(0, get("x"), "a"), Headed(0))

    _, [late] = send(state, Asked(1, get("new"), "b"))

    assert early == Wait(2)
    assert late == Forward()


def test_rule_5_a_draw_without_a_line_is_live_at_once():
    state = opening_after(1, exchange("x", "a", 0, 1, 2))

    _, [order] = send(state, Asked(0, Source("clock"), "b", waits=False))

    assert order == Forward()


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (replay(exchange("x", "a", 0, 1, 2)), Asked(0, get("new"), "b")),
        (opening_after(1, exchange("x", "a", 0, 1, 2)), Asked(0, get("new"), "a", alone=False)),
        (opening_after(1, exchange("x", "a", 0, 1, 2)), Asked(0, get("new"), "b", waits=False)),
    ],
    ids=["the script never opens", "its lane owes a line", "its adapter cannot wait"],
)
def test_rule_6_a_question_that_is_not_to_wait_for_the_opening_halts(state, event):
    _, [order] = send(state, event)

    assert order == Halt(get("new"), event.lane, expected=0)


def test_rule_7_a_job_claims_its_line_in_any_order_and_never_halts():
    state = replay(job("f", "a", 0, 3), job("g", "b", 1, 4), job("f", "c", 2, 5))

    state, orders = send(
        state,
        Asked(0, Source(JOB, "f"), "c", waits=False),
        Asked(1, Source(JOB, "f"), "c", waits=False),
        Asked(2, Source(JOB, "g"), "c", waits=False),
        Asked(3, Source(JOB, "h"), "c", waits=False),
    )

    assert [line_of(state, call) for call in range(4)] == [2, 0, 1, None]
    assert not any(isinstance(order, Halt) for order in orders)


def test_rule_8_a_lane_that_goes_on_passes_over_its_jobs():
    state = replay(job("f", "a", 0, 1), exchange("x", "a", 2, 3, 4))
    assert waits_for_job(state)

    state, [order] = send(state, Asked(0, get("x"), "a"))

    assert order == Serve(WORLD)
    assert list_unasked(state) == ()


def test_rule_8_the_adapter_may_have_a_job_passed_over():
    state = replay(job("f", "a", 0, 1), exchange("x", "b", 2, 3, 4))
    state, [held] = send(state, Asked(0, get("x"), "b"))

    _, [order] = send(pass_over(state), Asked(0, get("x"), "b"))

    assert held == Wait(2)
    assert order == Serve(WORLD)


# -- opening ----------------------------------------------------------------------------


def test_rule_9_a_live_run_claims_nothing():
    steps = exchange("x", "a", 0, 1, 2), exchange("y", "a", 3, 4, 5)
    state = opening_after(1, *steps)
    state, _ = send(state, Asked(0, get("x"), "a"))
    assert not state.live

    state, orders = send(state, Headed(0), Asked(1, get("y"), "a"))

    assert state.live
    assert orders[-1] == Forward()
    assert line_of(state, 1) is None


def test_rule_9_a_recording_is_live_at_once():
    assert start(nothing()).live


def test_rule_10_a_line_is_served_if_it_has_an_answer():
    steps = exchange("x", "a", 0, 3, 4), exchange("y", "b", 1, 5, 6)
    state = opening_after(1, *steps)

    state, orders = send(state, Asked(0, get("x"), "a"), Asked(1, get("y"), "b"))

    assert orders == [Serve(WORLD), Forward()]
    assert line_of(state, 1) == 1


# -- waits ------------------------------------------------------------------------------


def test_rule_11_ask_head_and_end_wait_for_the_ticks_before_theirs():
    state = replay(exchange("x", "a", 0, 2, 4), exchange("y", "b", 1, 3, 5))

    state, asked = send(state, Asked(1, get("y"), "b"), Asked(0, get("x"), "a"), Asked(1, get("y"), "b"))
    state, headed = send(state, Headed(1), Headed(0), Headed(1))
    state, ended = send(state, Ended(1, WORLD), Ended(0, WORLD), Ended(1, WORLD))

    assert asked == [Wait(1), Serve(WORLD), Serve(WORLD)]
    assert headed == [Wait(3), Go(), Go()]
    assert ended[0] == Wait(5)
    assert [type(order) for order in ended[1:]] == [Commit, Commit]


def test_rule_11_what_ended_after_the_opening_ends_when_the_run_is_live():
    state = opening_after(2, exchange("x", "a", 0, 2, 9), exchange("y", "b", 1, 3, 4))
    state, _ = send(state, Asked(0, get("x"), "a"), Asked(1, get("y"), "b"), Headed(0))

    state, [early] = send(state, Ended(0, WORLD))
    state, [_, late] = send(state, Headed(1), Ended(0, WORLD))

    assert early == Wait(state.script.opening + 1)
    assert isinstance(late, Commit)


@pytest.mark.parametrize(
    "step",
    [
        exchange("x", "a", 0, 2, 2, answer=Fault("ConnectError")),
        Effect(Call("mail", "{}"), Reply("returned"), "a", Span(0, 2, 2)),
        job("f", "a", 0, 2),
    ],
    ids=["a fault", "a reply", "a job's end"],
)
def test_rule_12_an_answer_without_a_head_ends_at_the_heads_tick(step):
    state = replay(step, exchange("y", "b", 1, 3, 4))
    state, _ = send(state, Asked(0, step.asked, "a", waits=not isinstance(step, Draw)))

    state, [early] = send(state, Ended(0, step.answer))
    state, [_, late] = send(state, Asked(1, get("y"), "b"), Ended(0, step.answer))

    assert early == Wait(2)
    assert late == Commit(step)


def test_rule_13_a_draw_never_waits():
    draw = Draw(Source("clock"), Reading("1.0"), "b", Span(3, 3, 3))
    state = replay(exchange("x", "a", 0, 1, 2), draw)

    _, orders = send(state, Asked(0, draw.source, "b", waits=False), Ended(0, draw.reading, waits=False))

    assert orders == [Serve(draw.reading), Commit(draw)]


@pytest.mark.parametrize(
    "answer", [CANCELLED, Response(200, (), (), "closed"), Response(200, (), (), "cancelled")]
)
def test_rule_13_an_end_that_the_agent_chose_never_waits(answer):
    state = replay(exchange("x", "a", 0, 3, 4), exchange("y", "b", 1, 2, 5))

    _, orders = send(state, Asked(0, get("x"), "a"), Ended(0, answer))

    assert isinstance(orders[-1], Commit)


def test_rule_13_an_adapter_that_cannot_wait_does_not():
    state = replay(exchange("x", "a", 0, 1, 2), exchange("y", "b", 3, 4, 5))

    _, orders = send(
        state, Asked(0, get("y"), "b", waits=False), Headed(0, waits=False), Ended(0, WORLD, waits=False)
    )

    assert orders[:2] == [Serve(WORLD), Go()]
    assert isinstance(orders[2], Commit)


def test_rule_14_an_end_that_the_agent_chose_gates_nobody():
    closed = Response(200, (), (b"ok",), "closed")
    state = replay(exchange("x", "a", 0, 1, 2, answer=closed), exchange("y", "b", 3, 4, 5))

    _, orders = send(state, Asked(0, get("x"), "a"), Headed(0), Asked(1, get("y"), "b"))

    assert orders[-1] == Serve(WORLD)


def test_rule_14_a_call_that_is_over_gates_nobody():
    state = replay(exchange("x", "a", 0, 1, 2), exchange("y", "b", 3, 4, 5))

    _, orders = send(state, Asked(0, get("x"), "a"), Ended(0, CANCELLED), Asked(1, get("y"), "b"))

    assert orders[-1] == Serve(WORLD), "the head at tick 1 will never come"


# -- halts ------------------------------------------------------------------------------


def test_rule_15_a_halt_stays():
    state = replay(exchange("x", "a", 0, 2, 4), exchange("y", "b", 1, 3, 5))
    state, _ = send(state, Asked(0, get("x"), "a"), Asked(1, get("y"), "b"))
    state, [halt] = send(state, Asked(2, get("new"), "c"))

    _, orders = send(state, Asked(3, get("x"), "a"), Headed(1), Ended(1, WORLD), Headed(0))

    assert isinstance(halt, Halt)
    assert orders == [halt, halt, halt, Go()], "the head of the first is not held up"


@pytest.mark.parametrize("stalled", [True, False])
def test_rule_16_a_call_that_strays_halts_the_run(stalled):
    state = replay(exchange("x", "a", 0, 2, 4), exchange("y", "b", 1, 3, 5))
    state, _ = send(state, Asked(0, get("x"), "a"), Asked(1, get("y"), "b"))

    _, [order] = send(state, Strayed(1, stalled))

    assert order == Halt(get("y"), "b", 0 if stalled else 1, stalled, overread=not stalled)


# -- leaving the script -----------------------------------------------------------------


def tool(name, code="", *, repeatable=False):
    return Call(name, "{}", code, repeatable=repeatable)


def effect(call, *ticks, lane="a", value="1"):
    return Effect(call, Reply("returned", value), lane, Span(*ticks))


def rerun(*steps, at=0, pending=(), may_serve=lambda _: True, anew=lambda _: ""):
    return start(Rerun(Tape(steps, pending), may_serve, anew, at).script())


def test_rule_17_what_would_halt_a_replay_opens_a_rerun():
    state = rerun(exchange("x", "a", 0, 2, 4), exchange("y", "b", 1, 3, 5))

    state, orders = send(state, Asked(1, get("y"), "b"), Asked(0, get("new"), "a"), Asked(1, get("y"), "b"))

    assert orders == [Wait(1), Forward(), Serve(WORLD)]
    assert state.parted.halt == Halt(get("new"), "a", 0)
    assert (state.live, list_unasked(state), state.halt) == (True, (), None)


def test_rule_17_before_the_ticks_that_have_to_match_have_happened_it_halts():
    state = rerun(exchange("x", "a", 0, 1, 2), exchange("y", "a", 3, 4, 5), at=1)

    _, [early] = send(state, Asked(0, get("new"), "a"))
    _, [*_, late] = send(
        state, Asked(0, get("x"), "a"), Headed(0), Ended(0, WORLD), Asked(1, get("new"), "a")
    )

    assert early == Halt(get("new"), "a", 0)
    assert list_unasked(state) == (0, 1)
    assert late == Forward()


def test_rule_17_a_wait_that_lapses_opens_a_rerun_and_nothing_waits_any_more():
    state = rerun(exchange("x", "a", 0, 2, 4), exchange("y", "b", 1, 3, 5))
    state, [waits] = send(state, Asked(1, get("y"), "b"))

    state, orders = send(state, Strayed(1, stalled=True), Asked(1, get("y"), "b"), Headed(1), Ended(1, WORLD))

    assert waits == Wait(1)
    assert orders[:3] == [Go(), Serve(WORLD), Go()]
    assert orders[3].step.span == Span(6, 7, 8), "ticks that no recorded step has"
    assert state.parted.halt == Halt(get("y"), "b", 0, stalled=True)


def test_rule_17_a_dry_run_halts_where_the_agent_leaves_the_script():
    steps = exchange("x", "a", 0, 1, 2), exchange("y", "a", 3, 4, 5)
    state = start(Rerun(Tape(steps), lambda _: True, lambda _: "", is_dry=True).script())

    state, orders = send(state, Asked(0, get("new"), "a"), Asked(1, get("x"), "a"))

    assert orders == [Halt(get("new"), "a", 0)] * 2
    assert state.parted.halt == orders[0]


def test_rule_18_a_line_that_is_to_be_answered_anew_opens_a_rerun():
    first = exchange("x", "a", 0, 1, 2, answer=Response(529))
    state = rerun(first, anew=lambda _: "fault")

    state, [order] = send(state, Asked(0, get("x"), "a"))

    assert order == Forward()
    assert state.parted.halt.reason == "fault"


@pytest.mark.parametrize("now", ["ast:2", "ast:1", ""])
def test_rule_18_a_call_of_another_function_opens_a_rerun(now):
    state = rerun(effect(tool("pay", "ast:1"), 0, 1, 1))

    state, [order] = send(state, Asked(0, tool("pay", now), "a"))

    assert order == (Forward() if now == "ast:2" else Serve(Reply("returned", "1")))
    assert (state.parted is not None) == (now == "ast:2")


def test_rule_19_what_the_recording_died_in_is_asked_once_all_else_has_happened():
    state = rerun(exchange("x", "a", 0, 2, 4), pending=[Pending(get("y"), "b", 1)])

    state, orders = send(
        state,
        Asked(1, get("y"), "b"),
        Asked(0, get("x"), "a"),
        Headed(0),
        Ended(0, WORLD),
        Asked(1, get("y"), "b"),
    )

    assert orders[0] == Wait(3)
    assert orders[-1] == Forward()
    assert state.parted.halt.reason == "unfinished"


def test_rule_20_an_equal_question_is_served_from_its_own_lane_first_and_once():
    other = Response(200, (), (b"other",))
    state = rerun(exchange("x", "a", 0, 1, 2), exchange("x", "b", 3, 4, 5, answer=other))
    state, _ = send(state, Asked(0, get("new"), "c"))

    state, orders = send(state, *(Asked(n, get("x"), lane) for n, lane in enumerate("bcc", 1)))

    assert orders == [Serve(other), Serve(WORLD), Forward()]


def test_rule_20_a_line_that_may_not_serve_is_passed_over():
    broken = exchange("x", "a", 0, 1, 2, answer=Response(500))
    state = rerun(broken, exchange("x", "a", 3, 4, 5), may_serve=lambda line: line.answer == WORLD)

    _, orders = send(state, Asked(0, get("new"), "a"), Asked(1, get("x"), "a"))

    assert orders == [Forward(), Serve(WORLD)]


def test_rule_20_a_fork_serves_later_steps_too_where_it_may():
    steps = exchange("x", "a", 0, 1, 2), effect(tool("pay"), 3, 4, 4)
    fork = Fork(Tape(steps), steps[0], Response(201), lambda line: isinstance(line.asked, Call))
    state = start(fork.script())

    _, orders = send(
        state,
        Asked(0, get("x"), "a"),
        Headed(0),
        Ended(0, Response(201)),
        Asked(1, tool("pay"), "a"),
        Asked(2, tool("pay"), "a"),
    )

    assert orders[3:] == [Serve(Reply("returned", "1")), Forward()]


def test_rule_21_a_draw_claims_only_its_lanes_reading():
    draw = Draw(Source("clock"), Reading("1.0"), "b", Span(0, 0, 0))
    state = rerun(draw)
    state, _ = send(state, Asked(0, get("new"), "a"))

    _, orders = send(state, Asked(1, Source("clock"), "a", waits=False), Asked(2, Source("clock"), "b"))

    assert orders == [Forward(), Serve(Reading("1.0"))]


@pytest.mark.parametrize("may", [True, False])
def test_rule_21_what_has_not_begun_lets_go_of_a_line_that_may_not_serve(may):
    state = rerun(exchange("x", "a", 0, 2, 4), exchange("y", "b", 1, 3, 5), may_serve=lambda _: may)
    state, _ = send(state, Asked(1, get("y"), "b"), Asked(0, get("new"), "a"))

    state, [order] = send(state, Asked(1, get("y"), "b"))

    assert order == (Serve(WORLD) if may else Forward())


def test_rule_22_a_live_call_is_not_served_what_another_function_gave():
    state = rerun(effect(tool("pay", "ast:1"), 0, 1, 1))
    state, _ = send(state, Asked(0, get("new"), "a"))

    _, orders = send(state, Asked(1, tool("pay", "ast:2"), "a"), Asked(2, tool("pay", "ast:1"), "a"))

    assert orders == [Forward(), Serve(Reply("returned", "1"), after="pay")]


def test_rule_22_once_another_tool_has_run_what_only_reads_runs_again():
    read, write = tool("read", repeatable=True), tool("write")
    state = rerun(effect(read, 0, 1, 1), effect(read, 2, 3, 3), effect(tool("count"), 4, 5, 5))
    state, _ = send(state, Asked(0, get("new"), "a"))

    _, orders = send(
        state, *(Asked(n, call, "a") for n, call in enumerate([read, write, read, tool("count")], 1))
    )

    served = Reply("returned", "1")
    assert orders == [Serve(served), Forward(), Forward(), Serve(served, after="write")]


def test_rule_23_a_call_that_is_not_given_up_any_more_goes_to_the_real_world():
    state = rerun(exchange("x", "a", 0, 1, 1, answer=CANCELLED))
    state, [served] = send(state, Asked(0, get("x"), "a"))

    state, [order] = send(state, Strayed(0, stalled=True))

    assert (served, order, line_of(state, 0)) == (Serve(CANCELLED), Go(), None)
    assert state.parted.halt.reason == "unanswered"


def test_rule_23_a_body_of_which_no_more_is_known_halts_a_rerun():
    cut = Response(200, (), (b"half",), "cancelled")
    state = rerun(exchange("x", "a", 0, 1, 2, answer=cut))
    state, _ = send(state, Asked(0, get("x"), "a"), Headed(0))

    _, [order] = send(state, Strayed(0, stalled=True))

    assert isinstance(order, Halt)


def twice(*names):
    """Forms that new edits leave as they are."""
    return tuple((get(name), get(name)) for name in names)


# -- edits ------------------------------------------------------------------------------


def test_rule_24_a_question_claims_in_the_first_of_its_forms_that_has_a_line():
    state = replay(exchange("edited", "a", 0, 1, 2))

    state, orders = send(state, Asked(0, get("other"), "a", forms=twice("plain", "edited")))

    assert orders == [Serve(WORLD)]
    assert state.open[0].asked == get("edited")


def test_rule_24_a_lanes_next_line_comes_first_word_for_word():
    state = replay(exchange("x", "a", 0, 1, 2), exchange("y", "b", 3, 4, 5))

    state, _ = send(state, Asked(0, get("y"), "b", alone=False, forms=twice("x")))

    assert line_of(state, 0) == 1, "of another lane, the first form's would be free too"


def test_rule_25_what_has_no_answer_is_asked_as_it_is_edited():
    steps = exchange("x", "a", 0, 1, 2), exchange("y", "a", 3, 4, 5)
    state = start(Fork(Tape(steps), steps[0]).script())

    state, orders = send(
        state, Asked(0, get("edited"), "a", forms=((get("x"), get("x, edited")),), edited=True)
    )

    assert orders == [Forward()]
    assert state.open[0].asked == get("x, edited")
    assert line_of(state, 0) == 0


def test_rule_24_where_no_form_has_a_line_what_is_asked_waits_for_the_opening():
    state = opening_after(1, exchange("x", "a", 0, 1, 2), exchange("y", "b", 3, 4, 5))

    state, orders = send(state, Asked(0, get("edited"), "b", forms=twice("z"), edited=True))

    assert orders == [Wait(state.script.opening + 1)]
    assert state.open[0].asked == get("edited")


def test_rule_24_where_it_halts_the_likeliest_form_is_shown():
    state = opening_after(1, exchange("x", "a", 0, 1, 2))

    _, [halt] = send(state, Asked(0, get("edited"), "a", forms=twice("w", "z"), edited=True))

    assert halt == Halt(get("w"), "a", 0)


def test_rule_26_an_answer_to_another_question_is_not_served_whatever_the_matcher_says():
    tape = Tape((exchange("x", "a", 0, 1, 2),))
    loose = start(everything(tape, lambda _: "0" * 64))

    _, [changed] = send(loose, Asked(0, get("edited"), "a", edited=True))
    _, [equal] = send(loose, Asked(0, get("x"), "a", edited=True))
    _, [unedited] = send(loose, Asked(0, get("other"), "a"))

    assert changed == Halt(get("edited"), "a", 0)
    assert equal == unedited == Serve(WORLD)


# -- loose scripts ----------------------------------------------------------------------


def loosely(script):
    return start(evolve(script, is_loose=True))


SIDE_BY_SIDE = exchange("x", "", 0, 2, 3), exchange("y", "", 1, 4, 5)


def test_rule_27_an_ask_of_a_recorded_line_never_waits():
    state = loosely(everything(Tape(SIDE_BY_SIDE)))

    _, orders = send(state, Asked(0, get("y"), alone=False), Asked(1, get("x"), alone=False))

    assert orders == [Serve(WORLD)] * 2


def test_rule_27_a_head_waits_for_ticks_of_claimed_lines_alone():
    state = loosely(everything(Tape(SIDE_BY_SIDE)))
    state, _ = send(state, Asked(0, get("y"), alone=False))

    _, [alone] = send(state, Headed(0))
    _, [_, beside, *_, last] = send(
        state, Asked(1, get("x"), alone=False), Headed(0), Headed(1), Ended(1, WORLD), Headed(0)
    )

    assert alone == last == Go()
    assert isinstance(beside, Wait)


def test_rule_27_what_is_not_on_the_tape_still_waits_for_the_opening():
    state = loosely(Fork(Tape(SIDE_BY_SIDE), SIDE_BY_SIDE[1], WORLD).script())
    state, _ = send(state, Asked(0, get("x"), alone=False), Asked(1, get("y"), alone=False))

    state, [halt, *_, go] = send(
        state, Asked(2, get("x"), alone=False), Headed(0), Ended(0, WORLD), Headed(1)
    )

    assert isinstance(halt, Wait)
    assert go == Go() and state.live


def test_rule_28_what_nobody_has_claimed_is_passed_over_and_served_all_the_same():
    state = loosely(everything(Tape(SIDE_BY_SIDE)))

    state, [*_, done] = send(state, Asked(0, get("y"), alone=False), Headed(0), Ended(0, WORLD))
    state, [late, *_, later] = send(state, Asked(1, get("x"), alone=False), Headed(1), Ended(1, WORLD))

    assert late == Serve(WORLD)
    assert (later, done) == tuple(map(Commit, SIDE_BY_SIDE)), "each has its recorded ticks"


def test_rule_29_a_fork_that_is_live_serves_what_it_had_to_serve_before():
    state = loosely(Fork(Tape(SIDE_BY_SIDE), SIDE_BY_SIDE[1], WORLD).script())
    state, _ = send(state, Asked(0, get("y"), alone=False), Headed(0), Ended(0, WORLD))

    state, [late, again] = send(state, Asked(1, get("x"), alone=False), Asked(2, get("x"), alone=False))

    assert state.live
    assert (late, again) == (Serve(WORLD), Forward())


# -- the page ---------------------------------------------------------------------------


def jobs():
    """The table of jobs at the top of the machine, as Markdown."""
    head, *rows = [
        re.split(r" {2,}", line) for line in re.findall(r"^    (\S.*)$", machine.__doc__, re.MULTILINE)
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def rules():
    """The rules at the top of the machine, as a table in Markdown."""
    rows, group = ["|  |  | rule |", "| --- | --- | --- |"], ""
    for line in machine.__doc__.splitlines():
        if found := RULE.match(line):
            rows.append(f"| {group} | {found[1]} | {found[2]} |")
            group = ""
        elif line.endswith(":"):
            group = f"**{line[:-1]}**"
    return "\n".join(rows)


def page(text):
    """`text` with the tables of today's machine in it."""
    for name, table in (("jobs", jobs()), ("rules", rules())):
        between = rf"(?s)(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)"
        text = re.sub(between, lambda _, table=table: f"{table}\n", text)
    return text


def test_the_page_shows_the_rules_of_the_machine():
    assert PAGE.read_text() == page(PAGE.read_text()), "python -m tests.core.test_rules writes it"


def test_every_rule_has_a_test_and_a_place_in_the_code():
    rules = [int(found[1]) for line in machine.__doc__.splitlines() if (found := RULE.match(line))]
    tested = {int(found[1]) for name in globals() if (found := re.match(r"test_rule_(\d+)_", name))}
    files = [Path(module.__file__).read_text() for module in (machine, claims)]
    code = "".join(text.partition('"""\n\nfrom')[2] for text in files)
    named = {int(n) for found in re.findall(r"# rules? ([\d, ]+)", code) for n in found.split(",")}

    assert rules == list(range(1, len(rules) + 1))
    assert tested == named == set(rules)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
