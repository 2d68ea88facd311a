"""`rerun`: what a changed agent still asks is served, the rest is asked live."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from attrs import evolve
from chats import URL, chat, recorded

import tracefork
from tracefork.core.values import CANCELLED, UNFINISHED, Call, Departure, Outcome, Pending, Span
from tracefork.errors import Divergence, InDoubt, Unfinished


def test_the_same_agent_is_replayed(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b", "c")

    assert (model.asked, run.parted, run.forwarded) == ([], None, 0)
    assert run.tape.digest() == tape.digest()
    assert run.tape.parent.step is None


def test_an_edited_prompt_is_asked_with_what_depends_on_it(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c", "d"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert chat(ask, "a", "B", "c", "d") == "so d"

    assert len(model.asked) == 3
    assert run.parted == Departure(1, "differs", "$.messages[2].content", "'b'", "'B'")
    assert str(run.parted) == "step 1: at $.messages[2].content the tape has 'b', the agent 'B'"
    assert run.tape.parent.step == 1
    assert run.tape.parent.departure == run.parted
    assert [step.origin for step in run.tape] == [0, None, None, None]


def test_what_does_not_depend_on_the_edit_is_served_after_it(model, ask):
    tape = recorded(lambda: [ask("a"), ask("b"), ask("c")])
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert [ask("c"), ask("new"), ask("a"), ask("b")] == ["so c", "so new", "so a", "so b"]

    assert len(model.asked) == 1
    assert [run.tape[n].origin for n in (0, 2, 3)] == [tape[n].span.began for n in (2, 0, 1)]
    assert tracefork.verify(run.tape, lambda: [ask("c"), ask("new"), ask("a"), ask("b")])


def test_it_says_what_it_saved(ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b", "C", "d")

    assert (run.savings.served, run.savings.live, run.savings.unasked) == (2, 2, 1)
    assert str(run.savings).startswith("2 served, 2 live; ")


def test_each_recorded_answer_is_given_once(model, ask):
    tape = recorded(lambda: [ask("roll") for _ in range(5)])
    model.asked.clear()

    with tracefork.rerun(tape):
        ask("other")
        for _ in range(6):
            ask("roll")

    assert len(model.asked) == 2


def test_an_agent_that_ends_early_is_no_error(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        chat(ask, "a")

    assert (model.asked, run.parted, len(run.tape)) == ([], None, 1)


def test_a_question_past_the_last_one_is_live(model, ask):
    tape = recorded(lambda: chat(ask, "a"))

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b")

    assert run.parted.reason == "over"
    assert str(run.parted).startswith("step 1: the tape has no more questions, the agent asks POST https://")


def test_before_at_the_agent_has_to_match(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with pytest.raises(Divergence) as caught, tracefork.rerun(tape, at=2):
        chat(ask, "a", "B", "c")
    with tracefork.rerun(tape, at=2) as run:
        chat(ask, "a", "b", "C")

    assert caught.value.step == 1
    assert (len(model.asked), run.parted.step) == (1, 2)


def test_before_at_the_agent_may_not_end(ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))

    with pytest.raises(Unfinished), tracefork.rerun(tape, at=2):
        chat(ask, "a")


@pytest.mark.parametrize("at", [-1, 3])
def test_at_is_an_exchange_of_the_tape_or_its_end(ask, at):
    tape = recorded(lambda: chat(ask, "a", "b"))

    with pytest.raises(IndexError, match="from 0 to 2"):
        tracefork.rerun(tape, at=at)


# -- what may be served -----------------------------------------------------------------


def test_only_what_asks_a_model_is_served_again(model, ask):
    def agent(first):
        ask(first)
        ask("x", url="https://shop.example/orders")
        ask("y")

    tape = recorded(lambda: agent("a"))
    model.asked.clear()
    with tracefork.rerun(tape):
        agent("A")
    by_default = len(model.asked)
    model.asked.clear()
    with tracefork.rerun(tape, reuse="all"):
        agent("A")
    with tracefork.rerun(tape, reuse=lambda request: "shop" in request.url):
        agent("A")

    assert by_default == 2
    assert len(model.asked) == 1 + 2


def test_with_reuse_none_it_is_a_fork(model, ask):
    tape = recorded(lambda: [ask("a"), ask("b"), ask("c")])
    model.asked.clear()

    with tracefork.rerun(tape, reuse="none") as run:
        [ask("a"), ask("B"), ask("c")]

    assert len(model.asked) == 2
    assert [step.origin for step in run.tape] == [0, None, None]


@pytest.mark.parametrize("bad", [{"reuse": "some"}, {"faults": "never"}, {"fresh": "gone"}])
def test_unknown_words_are_refused(ask, bad):
    tape = recorded(lambda: ask("a"))

    with pytest.raises(ValueError, match=next(iter(bad))):
        tracefork.rerun(tape, **bad)


def test_a_recorded_failure_is_served_until_the_agent_parts_and_asked_after(ask):
    answers = [httpx.Response(500), httpx.Response(200, json={"content": [{"text": "fine"}]})]
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answers.pop(0)))

    def agent(*prompts):
        return [client.post(URL, json={"messages": [], "model": p}).status_code for p in prompts]

    tape = recorded(lambda: agent("a"))

    with tracefork.rerun(tape) as same:
        assert agent("a") == [500]
    with tracefork.rerun(tape, faults="again") as again:
        assert agent("a") == [200]

    assert same.forwarded == 0
    assert again.parted.reason == "fault"
    assert "asked again: the recorded answer is a failure" in str(again.parted)


# -- chance -----------------------------------------------------------------------------


def test_draws_go_on_as_recorded(model, ask):
    def agent(first):
        run = tracefork.current()
        ask(first)
        return [ask(str(run.now())), ask(str(run.uuid4()))]

    with tracefork.record() as run:
        before = agent("a")
    model.asked.clear()

    with tracefork.rerun(run.tape):
        again = agent("A")

    assert again == before
    assert len(model.asked) == 1


def test_a_clock_that_goes_live_is_the_real_one_and_the_jump_is_said(ask, monkeypatch):
    def agent(*prompts):
        for prompt in prompts:
            ask(prompt)
            tracefork.current().now()

    with monkeypatch.context() as then:
        real = time.time
        then.setattr(time, "time", lambda: real() - 90_000)
        tape = recorded(lambda: agent("a", "b"))

    with tracefork.rerun(tape) as run:
        agent("A", "b", "c")

    assert any("the clock jumped by 1 days and 01:00:00" in text for text in run.remarks)


# -- an unfinished tape -----------------------------------------------------------------


def cut_off(tape, upto, *, pending=True):
    """`tape` as a crash had left it in the middle of its exchange of number `upto`."""
    last = tape[upto]
    steps = tuple(step for step in tape.steps if step.span.began < last.span.began)
    open_ = (Pending(last.request, last.lane, last.span.began),) if pending else ()
    return evolve(tape, steps=steps, pending=open_, outcome=UNFINISHED)


def test_an_unfinished_tape_is_followed_and_what_was_in_flight_asked_again(model, ask):
    tape = cut_off(recorded(lambda: chat(ask, "a", "b", "c")), 1)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b", "c")

    assert len(model.asked) == 2
    assert run.parted.reason == "unfinished"
    assert run.tape.outcome == Outcome("returned")


def test_a_tool_that_was_in_flight_is_in_doubt(ask):
    def agent():
        tracefork.current().call("pay", lambda: 1)
        return ask("done")

    tape = recorded(agent)
    pay = tape.effects[0]
    died = evolve(tape, steps=(), pending=(Pending(pay.call, pay.lane, pay.span.began),), outcome=UNFINISHED)

    with pytest.raises(InDoubt), tracefork.rerun(died):
        agent()
    with tracefork.rerun(died, on_doubt="rerun") as run:
        agent()

    assert run.tape.effects[0].call == Call("pay", pay.call.arguments)


# -- calls that the agent had given up --------------------------------------------------


def given_up(ask):
    """A tape on which the agent gave its only question up after a while."""
    tape = recorded(lambda: ask("a"))
    step = evolve(tape[0], answer=CANCELLED, span=Span(0, 1, 1))
    return evolve(tape, steps=(step,))


def test_a_call_that_is_not_given_up_any_more_is_asked(model, ask):
    tape = given_up(ask)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert ask("a") == "so a"

    assert (len(model.asked), run.parted.reason) == (1, "unanswered")


def test_a_task_that_does_not_give_its_call_up_any_more_asks_it(model, ask, aask):
    tape = given_up(ask)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert asyncio.run(aask("a")) == "so a"

    assert (len(model.asked), run.parted.reason) == (1, "unanswered")
