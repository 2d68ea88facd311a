"""Every cause is an arm: tools' results and draws stand beside answers, and a run is cut before each."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from attribution.tooled import (
    STEPS,
    Asking,
    by_tool,
    echoing,
    recorded,
)

import tracefork
from tracefork import Budget
from tracefork.attribution.forks.arms import Arms
from tracefork.attribution.study.design import Design
from tracefork.attribution.study.outlook import lines, outlook
from tracefork.attribution.study.redrawn import find_arms, find_held
from tracefork.core.values import Source
from tracefork.runs.api import cut
from tracefork.testing.scripted import async_transport, transport


def arms_of(agent, **design):
    return find_arms(recorded(agent), Design.of(**design))


def whats(arms):
    return [arms.part(arm).what for arm in range(arms.n)]


# -- which there are -----------------------------------------------------------------------------


def script(*steps):
    """An agent that does these, each "ask", "draw", or the name of a tool."""
    model = echoing()

    def agent():
        run = tracefork.current()
        with httpx.Client(transport=transport(model, httpx)) as client:
            for number, step in enumerate(steps):
                match step:
                    case "ask":
                        client.post("http://model/", content=str(number).encode())
                    case "draw":
                        run.draw(Source("clock"), lambda: "0")
                    case "env":
                        run.env("NOTHING_OF_THIS_NAME")
                    case tool:
                        run.call(tool, lambda n: n, number)

    return agent


def test_an_arm_is_before_each_result_and_each_answer_and_serves_what_came_before():
    arms = arms_of(script("ask", "search", "ask", "search", "open", "search", "ask", "book"), tools="live")

    assert whats(arms) == [
        "step 0",
        "step 1, the result of `search`",
        "step 1",
        "step 2, the result of `search`, call 1 of 2",
        "step 2, the result of `open`",
        "step 2, the result of `search`, call 2 of 2",
        "step 2",
        "after step 2, the result of `book`",
    ]
    assert arms.steps == (0, 1, 1, 2, 2, 2, 2, 2)
    assert [arms.upto(arm) for arm in range(arms.n + 1)] == [0, 1, 1, 2, 2, 2, 2, 3, 3]
    ticks = [arms.until(arm) for arm in range(arms.n + 1)]
    assert ticks[0] is None
    assert ticks[1:] == sorted(ticks[1:]) == [arms.event(arm) for arm in range(arms.n)]


def test_draws_in_a_row_are_one_arm_and_those_that_no_run_changes_are_none():
    arms = arms_of(script("draw", "draw", "ask", "env", "ask", *["draw"] * 300, "search", "draw", "ask"))

    assert whats(arms) == [
        "step 0, 2 readings of `clock`",
        "step 0",
        "step 1",
        "step 2, 301 readings of `clock`",
        "step 2",
    ]


@pytest.mark.parametrize("tools", ["recorded", "reuse", "refuse"])
def test_a_result_that_no_fork_draws_anew_is_no_arm(tools):
    agent = script("ask", "search", "ask", "search", "open", "ask")
    held = () if tools == "refuse" else (("search", 2), ("open", 1))

    assert whats(arms_of(agent, tools=tools)) == ["step 0", "step 1", "step 2"]
    assert find_held(recorded(agent), Design.of(tools=tools)) == held


@pytest.mark.parametrize("method", ["flip", "direct"])
def test_only_a_search_has_arms_that_are_no_answers(method):
    agent = script("ask", "search", "draw", "ask")
    arms = arms_of(agent, method=method, tools="live")
    assert arms == Arms.of(recorded(agent))
    assert whats(arms) == ["step 0", "step 1"]


def test_a_study_goes_on_from_a_ledger_only_if_its_arms_are_the_same():
    agent = script("ask", "search", "ask")
    assert arms_of(agent).mark is None, "the ledgers of earlier versions had answers alone"
    assert arms_of(agent, tools="live").mark != arms_of(script("ask", "ask", "search"), tools="live").mark


def test_what_it_would_take_tells_answers_from_results():
    tape = recorded(script("ask", "search", "draw", "ask"))
    assert next(lines(outlook(tape, Budget(), tools="live"))).startswith(
        "2 steps can be asked anew, and 1 result of tools, and 1 draw."
    )
    assert next(lines(outlook(tape, Budget(), method="flip"))).startswith("2 steps can be asked anew. ")


# -- how a run is cut there ----------------------------------------------------------------------


@pytest.mark.parametrize("place", range(2 * STEPS + 1))
def test_a_cut_serves_all_up_to_its_last_step_and_draws_the_rest_anew(place):
    agent = Asking(by_tool)
    tape = recorded(agent)
    last = 0 if place == 0 else tape.steps[place - 1]
    before = agent.looked
    with cut(tape, last, tools="live") as run:
        agent()

    assert [step.origin is not None for step in run.tape.steps] == [n < place for n in range(2 * STEPS)]
    assert agent.looked - before == STEPS - (place + 1) // 2
    assert run.tape.parent.step == place // 2


def test_a_cut_at_a_step_of_another_tape_is_refused():
    tape, other = recorded(script("ask", "search")), recorded(script("search", "ask", "book"))
    with pytest.raises(ValueError, match="is not a step of this tape"):
        cut(tape, other.steps[2])
    with pytest.raises(TypeError, match="cannot be answered"):
        cut(tape, tape.steps[1], tape[0].answer)


@pytest.mark.parametrize("place", range(13))
def test_cuts_are_nested_where_strands_run_side_by_side(place):
    model, ran = echoing(), []

    async def strand(client, name):
        run = tracefork.current()
        await run.acall("search", look, name, 0)
        for number in range(2):
            await client.post("http://model/", content=f"{name}{number}".encode())
            if number == 0:
                await run.acall("search", look, name, 1)

    async def look(name, number):
        await asyncio.sleep(0)
        ran.append((name, number))
        return number

    async def agent():
        async with httpx.AsyncClient(transport=async_transport(model, httpx)) as client:
            await asyncio.gather(*(strand(client, name) for name in "abc"))

    async def follow(start):
        async with start as run:
            await agent()
        return run.tape

    tape = asyncio.run(follow(tracefork.record()))
    by_head = sorted(tape.steps, key=lambda step: step.span.headed)
    assert len(by_head) == 12
    ran.clear()
    branch = asyncio.run(follow(cut(tape, by_head[place - 1] if place else 0, tools="live")))

    served = {(type(s), s.asked) for s in branch.steps if s.origin is not None}
    assert served == {(type(s), s.asked) for s in by_head[:place]}
    assert len(ran) == sum(hasattr(s, "call") for s in by_head[place:])
