"""Every cause is an arm: tools' results and draws stand beside answers, and each is named for what it is."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from attribution.tooled import (
    AT,
    STEPS,
    Asking,
    beside_a_tool,
    by_draw,
    by_tool,
    echoing,
    recorded,
    succeeded,
    unknown,
)

import tracefork
from tracefork import Budget
from tracefork.attribution.findings import saved
from tracefork.attribution.findings.tables import table
from tracefork.attribution.forks.arms import Arms
from tracefork.attribution.study.blame import blame
from tracefork.attribution.study.design import Design
from tracefork.attribution.study.outlook import lines, outlook
from tracefork.attribution.study.redrawn import find_arms, find_held
from tracefork.core.values import Source
from tracefork.report.model.blame import Blame
from tracefork.runs.api import cut
from tracefork.testing.scripted import async_transport, transport

TOOL = f"step {AT}, the result of `search`"
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))]


def study(agent, tape=None, **more):
    return blame(tape or recorded(agent), agent, succeeded, **{"budget": Budget(forks=200), **more})


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


# -- what is named -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tools_result_that_decided_is_named_as_that(seed):
    report = study(Asking(by_tool), tools="live", seed=seed)

    assert [(e.step, e.kind, e.what) for e in report.named] == [(AT, "tool", TOOL)]
    assert report.top().differed == 0 < report.top().asked
    assert report.held == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_draw_that_decided_is_named_as_that(seed):
    report = study(Asking(by_draw), seed=seed)
    assert [(e.step, e.kind, e.what) for e in report.named] == [
        (AT, "draw", f"step {AT}, the reading of `oracle`")
    ]


@pytest.mark.parametrize("seed", SEEDS[:1] + SEEDS[3:6])
def test_a_result_after_the_last_answer_is_named_too(seed):
    report = study(Asking(by_tool, at=STEPS), tools="live", seed=seed)
    top = report.top()
    assert (top.step, top.what, top.certified) == (
        STEPS - 1,
        f"after step {STEPS - 1}, the result of `search`",
        True,
    )


def test_a_named_result_is_told_in_words_in_a_table_and_as_json():
    report = study(Asking(by_tool), tools="live")

    assert f"STEP: {TOOL}, decided the outcome. With it drawn anew " in report.summary
    row = list(table(report))[1]
    assert row.split()[0] == str(AT)
    assert row.endswith("decided, the result of `search`")
    told = json.loads(saved.dumps(report))
    assert told["top"] == AT
    assert (told["ranking"][0]["kind"], told["ranking"][0]["what"]) == ("tool", TOOL)
    assert saved.loads(saved.dumps(report)) == report


def test_each_fork_is_called_after_the_part_that_it_draws_anew(tmp_path):
    path = tmp_path / "runs.db"
    agent = Asking(by_tool)
    tape = recorded(agent)
    study(agent, tape, tools="live", store=path, budget=Budget(forks=25))
    with tracefork.TapeStore.open(path) as store:
        names = {branch.name.partition(", draw")[0] for branch in store.branches(tape.run_id)}
    assert f"live from {TOOL}" in names


# -- what was asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_whose_question_differed_is_not_said_to_be_asked_anew(seed):
    report = study(Asking(unknown), seed=seed)
    (entry,) = report.named

    assert (entry.step, entry.kind) == (AT, "answer")
    assert entry.differed > 0.5 * entry.asked > 0
    assert f"what came before step {AT} and its answer decided the outcome" in report.summary
    assert (
        f"What it was asked differed in {entry.differed} of {entry.asked} forks: something between step "
        f"{AT - 1} and {AT} that is not recorded changes it (a tool without @tracefork.tool, the clock, ...)."
    ) in report.summary
    assert "asked anew" not in report.summary


def test_a_ledger_without_what_was_asked_is_read(tmp_path):
    agent, path = Asking(unknown), tmp_path / "study.jsonl"
    tape = recorded(agent)
    before = study(agent, tape, ledger=path, budget=Budget(forks=30))
    head, *rest = [json.loads(line) for line in path.read_text().splitlines()]
    del head["study"]["arms"]
    for line in rest:
        line.get("done", {}).pop("asked_same", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in (head, *rest)))

    again = study(agent, tape, ledger=path, budget=Budget(forks=30))
    assert (again.verdict, again.forks, again.spent) == (before.verdict, before.forks, before.spent)
    assert max(entry.asked for entry in again.ranking) == 0 < max(entry.asked for entry in before.ranking)


# -- what was held -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cause_is_not_denied_where_results_were_held(seed):
    report = study(Asking(by_tool), seed=seed)

    assert (report.verdict, report.named) == ("NOT_IDENTIFIED_WITHIN_BUDGET", ())
    assert report.held == (("search", STEPS),)
    assert (
        f"In all forks the results of `search` ({STEPS}) were as recorded: what they did to the run is not "
        f"measured; tools='live' would."
    ) in report.summary
    assert "no step is to blame" not in report.summary
    assert "within the budget." not in report.summary
    assert Blame.of(report).conclusion == "no step named: results of tools were held as recorded"


def test_without_tools_nothing_was_held_and_a_hopeless_run_is_systemic():
    report = study(Asking(unknown, carried=0.0, saved=0.0))
    assert (report.verdict, report.held) == ("SYSTEMIC", ())


def test_a_step_is_named_beside_results_that_were_held():
    report = study(Asking(beside_a_tool))

    assert ([entry.step for entry in report.named], report.held) == ([AT], (("greet", STEPS),))
    assert report.verdict == "STEP"
    assert "as recorded: what they did" not in report.summary
