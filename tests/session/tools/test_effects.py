"""Tools run once: recorded with arguments and result, replayed without being run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import attrs
import httpx
import pytest

import tracefork
from tracefork import Response
from tracefork.core.values import Pending, Reply
from tracefork.errors import InDoubt, RedactedSecret, ToolRefused, Unrecordable
from tracefork.runs.api import cut
from tracefork.testing.scripted import by_rule, transport

ECHO = by_rule(lambda request: Response(200, (), (request.body,)))


@dataclass
class Seat:
    row: int
    letter: str


@attrs.frozen
class Booking:
    seat: Seat
    price: float


class Full(Exception):
    pass


@pytest.fixture
def sent():
    return []


def test_a_replayed_tool_returns_what_it_returned_and_does_not_run(sent):
    def book(row: int, *, letter: str) -> Booking:
        sent.append(row)
        return Booking(Seat(row, letter), 12.5)

    def agent(run):
        return run.call("book", book, 7, letter="A")

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(run.tape) as again:
        replayed = agent(again)

    assert live == replayed == Booking(Seat(7, "A"), 12.5)
    assert sent == [7]
    assert run.tape.effects[0].call.name == "book"


def test_a_tool_that_raised_raises_again_without_running(sent):
    def book():
        sent.append(1)
        raise Full("no seat", 3)

    def agent(run):
        with pytest.raises(Full) as caught:
            run.call("book", book)
        return caught.value.args

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(run.tape) as again:
        assert agent(again) == live == ("no seat", 3)
    assert sent == [1]


def test_other_arguments_diverge_at_their_path(sent):
    def agent(row):
        return lambda run: run.call("book", sent.append, {"seat": {"row": row}})

    with tracefork.record() as run:
        agent(7)(run)
    verdict = tracefork.verify(run.tape, agent(8))

    assert not verdict.ok
    assert verdict.divergence.path == "$.args[0].seat.row"
    assert len(sent) == 1


def test_an_argument_without_a_form_is_refused_before_the_tool_runs(sent):
    with pytest.raises(Unrecordable, match="argument of book"), tracefork.record() as run:
        run.call("book", sent.append, object())
    assert sent == []


def test_a_result_without_a_form_is_refused_once_the_tool_has_run_and_so_it_is_in_a_replay(sent):
    def make(run):
        with pytest.raises(Unrecordable, match="result of make") as caught:
            run.call("make", lambda: sent.append(1) or object())
        return str(caught.value)

    with tracefork.record() as run:
        first = make(run)
    verdict = tracefork.verify(run.tape, lambda run: sent.append(make(run)))

    assert verdict.ok and sent == [1, first]


def test_a_result_without_a_form_may_be_warned_of_and_fails_in_a_replay():
    made = object()
    with tracefork.record(unrecordable="warn") as run:
        with pytest.warns(RuntimeWarning, match="result of make"):
            assert run.call("make", lambda: made) is made
    with pytest.raises(Unrecordable, match="result"), tracefork.replay(run.tape) as again:
        again.call("make", lambda: made)


def test_a_coroutine_tool_is_awaited_once(sent):
    async def book(row):
        await asyncio.sleep(0)
        sent.append(row)
        return (row, "A")

    async def agent(run):
        return await asyncio.gather(*(run.acall("book", book, row) for row in range(4)))

    with tracefork.record() as run:
        live = asyncio.run(agent(run))
    for _ in range(10):
        with tracefork.replay(run.tape) as again:
            assert asyncio.run(agent(again)) == live
        assert again.tape.digest() == run.tape.digest()
    assert sorted(sent) == [0, 1, 2, 3]


def test_a_decorated_tool_is_an_effect_within_a_run_and_itself_outside(sent):
    @tracefork.tool
    def book(row: int) -> int:
        sent.append(row)
        return row + 1

    @tracefork.tool
    async def abook(row: int) -> int:
        sent.append(row)
        return row + 1

    def agent():
        return book(1), asyncio.run(abook(2))

    with tracefork.record() as run:
        live = agent()
    assert tracefork.verify(run.tape, agent).ok
    assert (live, book(5)) == ((2, 3), 6)
    assert sent == [1, 2, 5]


def test_what_a_tool_does_inside_belongs_to_it():
    def tool(run):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            return client.post("http://model/", content=f"{run.now() > 0} {run.call('inner', int, '3')}").text

    def agent(run):
        return run.call("outer", lambda: tool(run))

    with tracefork.record() as run:
        live = agent(run)
    verdict = tracefork.verify(run.tape, agent)

    assert live == "True 3"
    assert [type(step).__name__ for step in run.tape.steps] == ["Effect"]
    assert verdict.ok, verdict


def test_draws_are_the_same_in_a_replay(monkeypatch):
    monkeypatch.setenv("MY_SETTING", "blue")
    monkeypatch.delenv("NOT_SET", raising=False)

    def agent(run):
        return (
            run.now(),
            run.uuid4(),
            run.random(),
            run.choice("abcdef"),
            run.env("MY_SETTING"),
            run.env("NOT_SET", "x"),
        )

    with tracefork.record() as run:
        live = agent(run)
    monkeypatch.setenv("MY_SETTING", "red")
    monkeypatch.setenv("NOT_SET", "now it is")
    with tracefork.replay(run.tape) as again:
        assert agent(again) == live
    assert len(run.tape.draws) == 6


# -- forks and crashes ---------------------------------------------------------------


def test_a_fork_answers_a_tool_otherwise(sent):
    def agent(run):
        first = run.call("look", lambda: sent.append("look") or "sunny")
        return run.call("tell", lambda said: sent.append("tell") or f"it is {said}", first)

    with tracefork.record() as run:
        agent(run)
    rainy = Reply("returned", '"rainy"')
    with tracefork.fork(run.tape, run.tape.effects[0], rainy) as branch:
        assert agent(branch) == "it is rainy"

    assert sent == ["look", "tell", "tell"]


def died_in_a_tool(agent):
    """A tape as a crash leaves it while its last tool runs."""
    with tracefork.record() as run:
        agent(run)
    *kept, last = run.tape.steps
    return attrs.evolve(
        run.tape,
        steps=tuple(kept),
        pending=(Pending(last.call, last.lane, last.span.began),),
        outcome=tracefork.core.values.UNFINISHED,
    )


def booking(sent):
    def agent(run):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            plan = client.post("http://model/", content=b"plan").text
        return plan + run.call("book", lambda: sent.append("booked") or "!")

    return agent


def test_a_tool_that_may_have_run_is_in_doubt(sent):
    agent = booking(sent)
    died = died_in_a_tool(agent)
    with pytest.raises(InDoubt) as caught, tracefork.resume(died) as run:
        agent(run)

    assert caught.value.call.name == "book"
    assert sent == ["booked"]


def test_a_swallowed_doubt_is_raised_when_the_run_is_left(sent):
    agent = booking(sent)
    died = died_in_a_tool(agent)
    with pytest.raises(InDoubt), tracefork.resume(died) as run:
        try:
            agent(run)
        except InDoubt:
            pass
    assert sent == ["booked"]


@pytest.mark.parametrize(
    ("on_doubt", "result", "times"),
    [("rerun", "plan!", 2), (lambda call: f" by {call.name}", "plan by book", 1)],
)
def test_a_doubt_is_settled_as_the_caller_says(on_doubt, result, times, sent):
    agent = booking(sent)
    died = died_in_a_tool(agent)
    with tracefork.resume(died, on_doubt=on_doubt) as run:
        assert agent(run) == result

    assert sent == ["booked"] * times
    assert tracefork.verify(run.tape, agent).ok


# -- tools of a live tail ----------------------------------------------------------


def shopping(sent, city):
    def weather(where):
        sent.append(where)
        return f"sun over {where}"

    def agent(run):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            client.post("http://model/", content=b"plan")
        return run.call("weather", weather, city)

    return agent


@pytest.mark.parametrize(
    "begin", [lambda tape, **how: cut(tape, 0, **how), lambda tape, **how: tracefork.fork(tape, 0, **how)]
)
def test_a_live_tail_is_served_the_recorded_result_of_an_equal_call(begin, sent):
    with tracefork.record() as run:
        shopping(sent, "Rome")(run)
    with begin(run.tape, tools="recorded") as branch:
        assert shopping(sent, "Rome")(branch) == "sun over Rome"

    assert sent == ["Rome"]
    assert branch.tape.effects[0].answer == run.tape.effects[0].answer
    assert tracefork.verify(branch.tape, shopping(sent, "Rome")).ok


@pytest.mark.parametrize(("tools", "city"), [("recorded", "Oslo"), ("refuse", "Rome")])
def test_a_live_tail_runs_no_tool_that_may_not_run_even_if_the_agent_swallows_it(tools, city, sent):
    with tracefork.record() as run:
        shopping(sent, "Rome")(run)
    with pytest.raises(ToolRefused, match="weather"), cut(run.tape, 1, tools=tools) as branch:
        with pytest.raises(ToolRefused):
            shopping(sent, city)(branch)
        with pytest.raises(ToolRefused):
            shopping(sent, city)(branch)

    assert sent == ["Rome"]


def test_a_function_answers_in_the_stead_of_a_live_tool(sent):
    with tracefork.record() as run:
        shopping(sent, "Rome")(run)

    def stand_in(call):
        if "Oslo" in call.arguments:
            raise LookupError("no such place")
        return f"rain, says {call.name}"

    with cut(run.tape, 1, tools=stand_in) as branch:
        assert shopping(sent, "Bergen")(branch) == "rain, says weather"
    with pytest.raises(LookupError, match="no such place"), cut(run.tape, 1, tools=stand_in) as branch:
        shopping(sent, "Oslo")(branch)

    assert sent == ["Rome"]
    assert branch.tape.effects[0].answer.kind == "raised"


def test_a_policy_that_is_none_is_refused_before_anything_is_spent():
    with tracefork.record() as run:
        pass
    with pytest.raises(ValueError, match=r'"live", "reuse", "recorded", "refuse"'):
        tracefork.resume(run.tape, tools="recorder")


def test_a_policy_that_fails_is_a_refusal_and_replays():
    def may_not(call):
        raise LookupError("who knows")

    def agent(run):
        with pytest.raises((LookupError, ToolRefused)):
            run.call("book", int)

    with tracefork.record() as run:
        run.call("book", int)
    with tracefork.fork(run.tape, run.tape.effects[0], tools=may_not) as branch:
        agent(branch)
    with tracefork.replay(branch.tape, patience=3.0) as again:
        agent(again)


def test_a_tool_whose_secret_is_not_known_has_not_run_and_runs_once_it_is(sent):
    with tracefork.record() as run:
        run.now()
    redact = tracefork.redact.redactor({"MY_API_KEY": "a-long-secret-value"})

    def agent(run):
        run.now()
        return run.call("pay", lambda key: sent.append(key) or "paid", "[secret:MY_API_KEY]")

    with pytest.raises(RedactedSecret), tracefork.resume(run.tape) as first:
        agent(first)
    assert sent == []
    with pytest.raises(RedactedSecret), tracefork.replay(first.tape, patience=3.0) as again:
        agent(again)
    with tracefork.resume(first.tape, redact=redact, patience=3.0) as last:
        assert agent(last) == "paid"
    assert sent == ["a-long-secret-value"]
